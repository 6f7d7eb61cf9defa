"""What one unit of a shop's profit may be in money: where a file does not say, several."""

from __future__ import annotations

from pydantic import Field, model_validator

from personal_offers.features import BothLanguages, Name, Strict


class ProfitUnit(Strict):
    """What one unit of the shop's profit is in money.

    Attributes:
        value: Currency units per unit of profit.
        times: Feature that is multiplied in, for a profit that is a share of it; none: money.
        label: What people call it.
    """

    value: float = Field(gt=0)
    times: Name | None = None
    label: BothLanguages


class ProfitUnits(Strict):
    """The units that profit may be counted in; a file that does not say leaves several.

    Attributes:
        chosen: The one that the plan is made with.
        units: By name; the conclusions are shown for each.
        source: Why the chosen one is believed.
    """

    chosen: Name
    units: dict[Name, ProfitUnit] = Field(min_length=1)
    source: BothLanguages

    @model_validator(mode="after")
    def _chosen_is_there(self) -> ProfitUnits:
        if self.chosen not in self.units:
            raise ValueError(f"chosen {self.chosen} is not one of {', '.join(self.units)}")
        return self

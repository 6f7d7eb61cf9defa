"""What the shop's profit and revenue are counted in, as people write it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import Field

from personal_offers.currencies import UNITS
from personal_offers.features import BothLanguages, Name, Strict


class PossibleUnit(Strict):
    """What one unit of the shop's profit may be in money.

    Attributes:
        value: Currency units per unit of profit.
        times: Feature that is multiplied in, for a profit that is a share of it; none: money.
        label: What people call it.
    """

    value: float = Field(gt=0)
    times: Name | None = None
    label: BothLanguages


class PossibleUnits(Strict):
    """The units that profit may be counted in; a file that does not say leaves several.

    Attributes:
        chosen: The one that the plan is made with.
        units: By name.
        source: Why the chosen one is believed.
    """

    chosen: Name
    units: dict[Name, PossibleUnit] = Field(min_length=1)
    source: BothLanguages | None = None


class ReportUnits(Strict):
    """What the report counts money in: as the plan of offers does.

    Attributes:
        currency: Sign of revenue and costs.
        profit_unit: What the shop's profit may be counted in.
    """

    currency: BothLanguages
    profit_unit: PossibleUnits


class ShopUnits(NamedTuple):
    """Units of a shop's money.

    Attributes:
        currency: Sign of revenue and costs.
        profit: Sign of profit: the currency, or ``units`` where the file does not say.
        assumed: What the plan takes a unit of profit for, where the file does not say; else None.
    """

    currency: BothLanguages
    profit: BothLanguages
    assumed: BothLanguages | None


def read_units(plan: object) -> ShopUnits:
    """Read the units of a shop.

    Args:
        plan: ``ReportUnits``, or a mapping or model that has its two keys among others.
    """
    if isinstance(plan, Mapping):
        plan = {name: plan[name] for name in ReportUnits.model_fields}
    read = ReportUnits.model_validate(plan, from_attributes=True)
    chosen = read.profit_unit.units[read.profit_unit.chosen]
    is_known = len(read.profit_unit.units) == 1 and chosen.value == 1 and chosen.times is None
    return ShopUnits(
        currency=read.currency,
        profit=read.currency if is_known else UNITS,
        assumed=None if is_known else chosen.label,
    )

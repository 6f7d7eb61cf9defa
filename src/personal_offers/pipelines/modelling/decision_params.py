"""Parameters of the decision whom to contact: what nobody measured, and how it is judged."""

from __future__ import annotations

from itertools import product
from typing import Annotated, NamedTuple

from pydantic import Field, model_validator

from personal_offers.assumptions import Assumption, ShareAssumption
from personal_offers.features import BothLanguages, Strict

# Seeds of libraries take 32 bits.
_LARGEST_SEED = 2**31


class Case(NamedTuple):
    """One value for each assumption.

    Attributes:
        save_rate: Share of contacted would-be decliners who stay because of the offer.
        horizon_months: Months for which a saved customer brings their profit.
        contact_cost: Of one message, in the unit of profit.
        incentive_cost: Of one redeemed offer, in the unit of profit.
        redemption: Share of contacted keepers who redeem it though they would have stayed.
    """

    save_rate: float
    horizon_months: float
    contact_cost: float
    incentive_cost: float
    redemption: float


class DecisionOptions(Strict):
    """What contacting a customer brings and costs, and how the decision is judged.

    Attributes:
        unit: What the customers' profit is counted in, and so all costs.
        save_rate: Share of contacted would-be decliners who stay because of the offer.
        horizon_months: Months for which a saved customer brings their profit.
        contact_cost: Of one message, in the unit of the customers' profit.
        incentive_cost: Of one redeemed offer, in the unit of the customers' profit.
        redemption: Share of contacted keepers who redeem it though they would have stayed.
        acceptance_weight: How narrow the beta distribution of the save rate around its base is:
            the sum of its two parameters (Verbraken and others, 2013, take 6 + 14).
        bins: Of the reliability table.
        tops: Shares of customers, ranked, whose part of the profit at risk is reported.
        bootstrap: Resamples of customers for the intervals.
        confidence: Coverage of the intervals.
        seed: Of the resamples.
    """

    unit: BothLanguages
    save_rate: ShareAssumption
    horizon_months: Assumption
    contact_cost: Assumption
    incentive_cost: Assumption
    redemption: ShareAssumption
    acceptance_weight: float = Field(gt=0)
    bins: int = Field(ge=2, le=100)
    tops: list[Annotated[float, Field(gt=0, le=1)]] = Field(min_length=1)
    bootstrap: int = Field(ge=100)
    confidence: float = Field(gt=0.5, lt=1)
    seed: int = Field(ge=0, le=_LARGEST_SEED)

    @model_validator(mode="after")
    def _tops_differ(self) -> DecisionOptions:
        if len(set(self.tops)) < len(self.tops):
            raise ValueError(f"tops names a share twice: {self.tops}")
        return self

    @model_validator(mode="after")
    def _save_rate_is_uncertain(self) -> DecisionOptions:
        if not 0 < self.save_rate.base < 1:
            raise ValueError(f"save_rate.base {self.save_rate.base} must be above 0 and below 1")
        return self

    def assumptions(self) -> dict[str, Assumption]:
        """Return the assumptions by name, in the order of a case."""
        return {name: getattr(self, name) for name in Case._fields}

    def base_case(self) -> Case:
        """Return the case that the curve and the threshold are computed with."""
        return Case(*(each.base for each in self.assumptions().values()))

    def one_at_a_time(self) -> list[tuple[str, str, Case]]:
        """Return name, ``low`` or ``high``, and the base case with that one value changed."""
        base = self.base_case()
        return [
            (name, level, base._replace(**{name: getattr(each, level)}))
            for name, each in self.assumptions().items()
            for level in ("low", "high")
        ]

    def corners(self) -> list[Case]:
        """Return all combinations of low and high.

        Profit is linear in each assumption, so its extremes over the ranges are among these.
        """
        ends = [(each.low, each.high) for each in self.assumptions().values()]
        return [Case(*values) for values in product(*ends)]

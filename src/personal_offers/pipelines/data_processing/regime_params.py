"""Parameters of the data-regime check: what counts as a break and what as an ordinary month."""

from __future__ import annotations

from pydantic import Field, model_validator

from personal_offers.features import Strict


class RegimeOptions(Strict):
    """When a change between months is taken for another way of producing the data.

    Attributes:
        fewest_orders: Orders that a month needs to be judged at all.
        fewest_months_before: Judged months that must stand before a break.
        fewest_months_after: Judged months that must stand after it.
        season_months: A change younger than this many months counts only with proof: a measure
            that froze at its bound, or an id form that became another one (one more digit is no
            proof: a counter does that by itself).
        distance: How far outside the earlier range a month must be, in robust standard
            deviations (1.4826 x median absolute deviation).
        least_spread: Smallest standard deviation to measure with: a share of the value, or of
            one for shares.
        smallest_factor: How many times a count, an average or a median must grow or shrink.
        smallest_share_change: How much a share must change, as a part of one.
        freeze_chance: Chance, at the earlier rate, below which months without a single exception
            are taken for frozen.
        complete_form: Share of orders from which on an id form counts as switched.
        agreeing: Measures that must show a break of which there is proof.
        agreeing_unproven: Measures that must show a break of which there is no proof.
        fewest_kinds: Kinds of measures (id form, customers, orders) that these must come from.
    """

    fewest_orders: int = Field(ge=2)
    fewest_months_before: int = Field(ge=3)
    fewest_months_after: int = Field(ge=1)
    season_months: int = Field(ge=1, le=12)
    distance: float = Field(gt=0)
    least_spread: float = Field(gt=0, lt=1)
    smallest_factor: float = Field(gt=1)
    smallest_share_change: float = Field(gt=0, lt=1)
    freeze_chance: float = Field(gt=0, lt=0.5)
    complete_form: float = Field(gt=0.5, le=1)
    agreeing: int = Field(ge=2, le=6)
    agreeing_unproven: int = Field(ge=2, le=5)
    fewest_kinds: int = Field(ge=1, le=3)

    @model_validator(mode="after")
    def _proof_makes_it_easier(self) -> RegimeOptions:
        if self.agreeing_unproven < self.agreeing:
            raise ValueError(
                f"agreeing_unproven {self.agreeing_unproven} is below agreeing {self.agreeing}, "
                "but a break without proof cannot need less"
            )
        return self

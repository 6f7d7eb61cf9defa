"""Options of the synthetic raw files."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from personal_offers.features import Strict


class OneClickSample(Strict):
    """Options of the synthetic tables of the shop «В один клик».

    Attributes:
        seed: Seed of every draw.
        customers: Number of customers.
        first_id: Smallest id; the ids are contiguous.
        declined_share: Share of customers labelled as declined.
        masked_share: Share of the declined who behave like the steady ones;
            the larger it is, the lower the best reachable quality.
        misspelled_types: Rows with the misspelled standard service.
        newcomers: Customers without revenue in both earlier months.
        twin_pairs: Pairs of customers with the same three revenues.
        contradictory_twins: Pairs among them with different labels.
    """

    seed: int = Field(ge=0)
    customers: int = Field(ge=100)
    first_id: int = Field(ge=1)
    declined_share: float = Field(ge=0.05, le=0.95)
    masked_share: float = Field(ge=0.0, le=0.5)
    misspelled_types: int = Field(ge=0)
    newcomers: int = Field(ge=0)
    twin_pairs: int = Field(ge=0)
    contradictory_twins: int = Field(ge=0)

    @property
    def declined(self) -> int:
        """Number of declined customers."""
        return round(self.customers * self.declined_share)

    @property
    def steady(self) -> int:
        """Number of customers who keep their level."""
        return self.customers - self.declined

    @property
    def masked(self) -> int:
        """Number of declined customers who behave like steady ones."""
        return round(self.declined * self.masked_share)

    @model_validator(mode="after")
    def _quirks_fit(self) -> Self:
        """Refuse more special customers than the sample can hold."""
        if self.contradictory_twins > self.twin_pairs:
            raise ValueError("contradictory_twins is larger than twin_pairs")
        # One more declined customer carries the outlier.
        needed = 2 * self.twin_pairs - self.contradictory_twins + self.newcomers + 1
        if needed > self.declined:
            raise ValueError(f"{needed} special customers among {self.declined} declined")
        # Half of the steady customers stay free to take a misspelled service.
        if 2 * (self.contradictory_twins + self.misspelled_types) > self.steady:
            raise ValueError(f"too many twins or misspelled types for {self.steady} steady")
        return self

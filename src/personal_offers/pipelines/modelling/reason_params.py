"""Parameters of the reasons: how many customers get them, and what is worth naming."""

from __future__ import annotations

from pydantic import Field, model_validator

from personal_offers.features import Strict

# Seeds of libraries take 32 bits.
_LARGEST_SEED = 2**31


class ReasonOptions(Strict):
    """What is said about the risk of a customer, and for how many customers.

    Attributes:
        actionable: Most features that one sentence names among those the shop can change.
        other: Most that it names among those the shop cannot change.
        smallest: Smallest contribution worth naming, in probability (0.01 is one point).
        background: Customers that a model without a fast way is compared with; the time of
            explaining grows with it, the sampling error shrinks.
        most_customers: Most customers who are explained. Where there are more, ``sample`` of
            them are drawn at random and the rest are those of highest risk; the others get a
            sentence with their risk that says so.
        sample: Customers drawn at random among more than ``most_customers``; summaries speak of
            them alone, because those of highest risk are not typical.
        stability_seeds: Further models, fitted with other seeds, that the ranking is compared
            with; 0 leaves the comparison out.
        stability_customers: Most customers explained by each of these.
        seed: Of the draws.
    """

    actionable: int = Field(ge=1, le=10)
    other: int = Field(ge=0, le=10)
    smallest: float = Field(ge=0, le=0.5)
    background: int = Field(ge=5, le=500)
    most_customers: int = Field(ge=100)
    sample: int = Field(ge=50)
    stability_seeds: int = Field(ge=0, le=50)
    stability_customers: int = Field(ge=50)
    seed: int = Field(ge=0, le=_LARGEST_SEED)

    @model_validator(mode="after")
    def _sample_is_part(self) -> ReasonOptions:
        if self.sample > self.most_customers:
            raise ValueError(
                f"sample {self.sample} must not be above most_customers {self.most_customers}"
            )
        return self

    @property
    def explained_repeats(self) -> int:
        """Repeats of a cross-validation whose models explain: the first, and one per seed."""
        return 1 + self.stability_seeds

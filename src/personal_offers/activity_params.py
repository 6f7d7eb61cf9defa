"""Parameters of the activity label of shops that have order lines and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from personal_offers.features import Strict

# Shares are compared in whole numbers, so that a customer exactly at the limit has not declined.
SHARE_PARTS = 10_000


def _four_decimals(share: float) -> float:
    if abs(share * SHARE_PARTS - round(share * SHARE_PARTS)) > 1 / SHARE_PARTS:
        raise ValueError(f"{share} has more than four decimals")
    return share


Share = Annotated[float, Field(gt=0, le=1), AfterValidator(_four_decimals)]
Days = Annotated[int, Field(ge=1)]


class ActivityOptions(Strict):
    """When a customer counts as declined, who gets a label, and as of which moments.

    Attributes:
        measure: What is compared: ``items`` (units, net of returns), ``revenue`` (net of
            returns) or ``orders`` (purchases begun; a return takes back goods, not an order).
        outcome_days: Length of the outcome window.
        gap_days: Days between the cutoff and the outcome window, which nothing looks at.
        baseline_days: Length of the observation window that the customer's own baseline is the
            mean of.
        shortest_baseline_days: Where the data begin later than ``baseline_days`` before a
            cutoff, the window may be as short as this; ``baseline_days`` forbids it.
        share: Declined is whoever falls below this share of their own baseline.
        minimum_orders: Eligible customers bought at least so often before the cutoff.
        recent_days: One of these orders lies in the last so many days.
        step_days: Days between two training cutoffs.
        most_cutoffs: Training cutoffs at most; the latest ones stay.
        test_cutoff: Cutoff whose outcome nobody has learned from; none for the latest midnight
            whose outcome window has ended.
        most_rows: Labels (one per customer and cutoff) that models are made and tested with at
            most, because they are held in memory; of more, customers are drawn, each with all
            cutoffs.
        seed: Of the draw.
        fewest_per_class: Decliners, and keepers, that the test and the training need at least.
        prevalence_shares: Values of ``share`` that the prevalence is shown for, too.
        confidence: Coverage of the intervals of prevalence.
    """

    measure: Literal["items", "revenue", "orders"]
    outcome_days: Days
    gap_days: int = Field(ge=0)
    baseline_days: Days
    shortest_baseline_days: Days
    share: Share
    minimum_orders: int = Field(ge=1)
    recent_days: Days
    step_days: Days
    most_cutoffs: int = Field(ge=1)
    test_cutoff: datetime | None = None
    most_rows: int = Field(default=500_000, ge=1_000)
    seed: int = 0
    fewest_per_class: int = Field(ge=2)
    prevalence_shares: list[Share] = Field(min_length=1)
    confidence: float = Field(gt=0.5, lt=1)

    @model_validator(mode="after")
    def _windows_make_sense(self) -> ActivityOptions:
        if self.shortest_baseline_days > self.baseline_days:
            raise ValueError("shortest_baseline_days must not be above baseline_days")
        return self

    @property
    def days_after(self) -> int:
        """Days from a cutoff to the end of its outcome window."""
        return self.gap_days + self.outcome_days

    @property
    def least_days(self) -> int:
        """Days of data that a test in time needs: the shortest baseline and two outcomes.

        One outcome to learn from and one to test on; and a day, because the test begins at
        midnight.
        """
        return self.shortest_baseline_days + 2 * self.days_after + 1

    def shares(self) -> list[float]:
        """Return all shares that the prevalence is shown for, rising."""
        return sorted({*self.prevalence_shares, self.share})

"""Parameters of the comparison of views: segments, classes, clusters, interests."""

from __future__ import annotations

from pydantic import Field

from personal_offers.features import Strict


class ViewOptions(Strict):
    """How views of the same customers are compared.

    Attributes:
        fewest_customers: Customers in both views; with fewer, their agreement is not stated.
        resamples: Of the bootstrap.
        confidence: Coverage of the intervals.
        seed: Of the bootstrap.
    """

    fewest_customers: int = Field(ge=2)
    resamples: int = Field(ge=10, le=10_000)
    confidence: float = Field(gt=0.5, lt=1)
    seed: int = Field(ge=0)

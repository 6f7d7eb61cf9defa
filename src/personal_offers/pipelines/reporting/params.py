"""Parameters of the stage ``reporting``."""

from __future__ import annotations

from pydantic import Field

from personal_offers.features import BothLanguages, Strict


class ReportingOptions(Strict):
    """What people see of a shop.

    Attributes:
        title: Name of the shop, as people call it.
        customers_listed: Customers that the page lists for filtering and sorting; of a larger
            shop those with the most at stake, and the page says so.
        risk_step: Distance of the stops of the risk slider, share of 1.
        profit_stops: Stops of the profit slider, each at an equal number of customers.
        confidence: Coverage of the intervals that the report itself computes.
        fewest_customers: Below so many, a group is called small: its share says little.
        pictures: Whether pictures for slides are written (needs Chromium or Chrome).
        shop: Technical name of the shop, which stands before its datasets and nodes in the
            catalog and the graph; empty: pages name them without it.
    """

    title: BothLanguages
    customers_listed: int = Field(ge=10, le=100_000)
    risk_step: float = Field(gt=0, le=0.25)
    profit_stops: int = Field(ge=2, le=500)
    confidence: float = Field(gt=0.5, lt=1)
    fewest_customers: int = Field(ge=1)
    pictures: bool
    shop: str = Field(default="", pattern=r"^([a-z][a-z0-9_]*)?$")

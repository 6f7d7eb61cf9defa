"""Contracts of the tables that the intake gives; keys are in ``Config`` (see contracts.py)."""

from __future__ import annotations

import ibis.expr.datatypes as dt
import pandera.ibis as pa

from personal_offers.contracts import Contract


class Quarantine(Contract):
    """Grain: one removed raw row."""

    source: str = pa.Field(nullable=False)
    row_number: int = pa.Field(ge=1, nullable=False)
    rule: str = pa.Field(nullable=False)
    raw: str = pa.Field(nullable=False)

    class Config:
        """A raw row is removed once."""

        unique = ["source", "row_number"]  # noqa: RUF012


class Customers(Contract):
    """Grain: one customer; the features stand beside, as the registry names them."""

    customer_id: str = pa.Field(nullable=False)
    profit: float = pa.Field(nullable=False)
    revenue_repaired: bool = pa.Field(nullable=False)
    regular: bool = pa.Field(nullable=False)

    class Config:
        """One row per customer."""

        unique = ["customer_id"]  # noqa: RUF012


class Labels(Contract):
    """Grain: one customer; unknown where the shop's data do not say."""

    customer_id: str = pa.Field(nullable=False)
    declined: bool = pa.Field(nullable=True)

    class Config:
        """One row per customer."""

        unique = ["customer_id"]  # noqa: RUF012


class CutoffLabels(Contract):
    """Grain: one eligible customer and cutoff."""

    customer_id: str = pa.Field(nullable=False)
    cutoff: dt.Timestamp = pa.Field(nullable=False, dtype_kwargs={"scale": 6})
    baseline_days: int = pa.Field(ge=1, nullable=False)
    baseline: float = pa.Field(gt=0, nullable=False)
    outcome: float = pa.Field(nullable=False)
    declined: bool = pa.Field(nullable=False)

    class Config:
        """A customer has one label per cutoff."""

        unique = ["customer_id", "cutoff"]  # noqa: RUF012


class Orders(Contract):
    """Grain: one order of one customer."""

    customer_id: str = pa.Field(nullable=False)
    order_id: str = pa.Field(nullable=False)
    ordered_at: dt.Timestamp = pa.Field(nullable=False, dtype_kwargs={"scale": 6})
    net_revenue: float = pa.Field(nullable=False)
    items: int = pa.Field(nullable=False)

    class Config:
        """One row per order."""

        unique = ["customer_id", "order_id"]  # noqa: RUF012

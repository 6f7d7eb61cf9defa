"""Contracts of the tables that segmentation gives."""

from __future__ import annotations

import pandera.ibis as pa

from personal_offers.contracts import Contract


class Segments(Contract):
    """Grain: one customer, in exactly one segment."""

    customer_id: str = pa.Field(nullable=False)
    decline_risk: float = pa.Field(ge=0, le=1, nullable=True)
    profit: float = pa.Field(nullable=False)
    risk_level: str = pa.Field(isin=["low", "high"], nullable=True)
    profit_level: str = pa.Field(isin=["low", "high"], nullable=False)
    segment: str = pa.Field(nullable=False)

    class Config:
        """One row per customer."""

        unique = ["customer_id"]  # noqa: RUF012

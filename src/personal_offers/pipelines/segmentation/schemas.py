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
    cluster: int = pa.Field(ge=1, nullable=False)

    class Config:
        """One row per customer."""

        unique = ["customer_id"]  # noqa: RUF012


class Clusters(Contract):
    """Grain: one customer, in exactly one cluster."""

    customer_id: str = pa.Field(nullable=False)
    cluster: int = pa.Field(ge=1, nullable=False)
    cluster_name: str = pa.Field(nullable=False)
    noise: bool = pa.Field(nullable=False)

    class Config:
        """One row per customer."""

        unique = ["customer_id"]  # noqa: RUF012


class Rfm(Contract):
    """Grain: one customer with a purchase; scores are unknown where RFM is withheld."""

    customer_id: str = pa.Field(nullable=False)
    recency_days: int = pa.Field(ge=0, nullable=False)
    frequency: int = pa.Field(ge=1, nullable=False)
    monetary: float = pa.Field(nullable=False)
    r: int = pa.Field(ge=1, le=5, nullable=True)
    f: int = pa.Field(ge=1, le=5, nullable=True)
    m: int = pa.Field(ge=1, le=5, nullable=True)
    rfm_code: str = pa.Field(nullable=True)
    rfm_class: str = pa.Field(nullable=True)
    days_to_next_class: int = pa.Field(ge=1, nullable=True)

    class Config:
        """One row per customer."""

        unique = ["customer_id"]  # noqa: RUF012

"""Contracts of the tables that modelling gives."""

from __future__ import annotations

import ibis.expr.datatypes as dt
import pandera.ibis as pi
import pandera.pandas as pa

from personal_offers.contracts import Contract


class Folds(pa.DataFrameModel):
    """Grain: one repeat and customer."""

    repeat: int = pa.Field(ge=0)
    customer_id: str
    fold: int = pa.Field(ge=0)

    class Config:
        """A customer is in one fold of each repeat."""

        unique = ["repeat", "customer_id"]  # noqa: RUF012


class DeclineRisk(Contract):
    """Grain: one customer."""

    customer_id: str = pi.Field(nullable=False)
    decline_risk: float = pi.Field(ge=0, le=1, nullable=True)
    fold: int = pi.Field(ge=0, nullable=True)
    basis: str = pi.Field(
        isin=["model", "not_eligible", "withheld", "failed_audit"], nullable=False
    )
    reason_1: str = pi.Field(nullable=True)
    reason_2: str = pi.Field(nullable=True)
    reason_3: str = pi.Field(nullable=True)

    class Config:
        """One row per customer."""

        unique = ["customer_id"]  # noqa: RUF012


class HoldoutRisk(Contract):
    """Grain: one customer at the test cutoff."""

    customer_id: str = pi.Field(nullable=False)
    cutoff: dt.Timestamp = pi.Field(nullable=False, dtype_kwargs={"scale": 6})
    decline_risk: float = pi.Field(ge=0, le=1, nullable=False)
    declined: bool = pi.Field(nullable=False)

    class Config:
        """One row per customer."""

        unique = ["customer_id"]  # noqa: RUF012

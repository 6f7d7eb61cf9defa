"""Contracts of the tables that interests give."""

from __future__ import annotations

import pandera.ibis as pa

from personal_offers.contracts import Contract


class Interests(Contract):
    """Grain: one customer; probabilities are unknown where the prediction is withheld."""

    customer_id: str = pa.Field(nullable=False)
    interest: str = pa.Field(nullable=True)
    interest_share: float = pa.Field(ge=0, le=1, nullable=True)
    interest_probability: float = pa.Field(ge=0, le=1, nullable=True)
    abstained: bool = pa.Field(nullable=False)
    orders_seen: int = pa.Field(ge=0, nullable=False)

    class Config:
        """One row per customer."""

        unique = ["customer_id"]  # noqa: RUF012

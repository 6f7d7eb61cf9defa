"""Contracts of the tables that the plan gives."""

from __future__ import annotations

import pandera.ibis as pa

from personal_offers.contracts import Contract


class OfferValues(Contract):
    """Grain: customer and offer that the catalogue lets the customer have."""

    customer_number: int = pa.Field(ge=0, nullable=False)
    customer_id: str = pa.Field(nullable=False)
    offer: str = pa.Field(nullable=False)
    channel: str = pa.Field(nullable=False)
    segment: str = pa.Field(nullable=False)
    risk: float = pa.Field(ge=0, le=1, nullable=False)
    risk_source: str = pa.Field(isin=["model", "rule"], nullable=False)
    save_rate: float = pa.Field(ge=0, le=1, nullable=False)
    margin: float = pa.Field(nullable=False)
    redeem_cost: float = pa.Field(nullable=False)
    redemption: float = pa.Field(ge=0, le=1, nullable=False)
    contact_cost: float = pa.Field(ge=0, nullable=False)
    expected_cost: float = pa.Field(nullable=False)
    expected_net_low: float = pa.Field(nullable=False)
    expected_net: float = pa.Field(nullable=False)
    expected_net_high: float = pa.Field(nullable=False)
    blocked_by: str = pa.Field(
        isin=["consent", "channel", "fatigue", "margin_floor"], nullable=True
    )

    class Config:
        """One row per customer and offer."""

        unique = ["customer_id", "offer"]  # noqa: RUF012


class Offers(Contract):
    """Grain: one customer, who gets one offer, nothing on purpose, or nothing."""

    customer_id: str = pa.Field(nullable=False)
    group: str = pa.Field(isin=["offer", "control", "none"], nullable=False)
    offer: str = pa.Field(nullable=True)
    channel: str = pa.Field(nullable=True)
    offer_if_treated: str = pa.Field(nullable=True)
    cost: float = pa.Field(ge=0, nullable=False)
    expected_net_low: float = pa.Field(nullable=False)
    expected_net: float = pa.Field(nullable=False)
    expected_net_high: float = pa.Field(nullable=False)
    probability_of_gain: float = pa.Field(ge=0, le=1, nullable=True)
    outcome: str = pa.Field(
        isin=["sent", "control", "blocked", "not_offered", "does_not_pay", "too_dear"],
        nullable=False,
    )
    reason_ru: str = pa.Field(nullable=False)
    reason_en: str = pa.Field(nullable=False)
    blocked_by: str = pa.Field(
        isin=["consent", "channel", "fatigue", "margin_floor"], nullable=True
    )

    class Config:
        """One row per customer."""

        unique = ["customer_id"]  # noqa: RUF012

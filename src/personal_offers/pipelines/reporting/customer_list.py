"""Which customers the report lists one by one: those with the most at stake."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from personal_offers.pipelines.reporting.params import ReportingOptions

# What a shop may lack: column of the segments, its type.
_OF_SEGMENTS: Mapping[str, str] = {
    "decline_risk": "float64",
    "profit": "float64",
    "rfm_class": "string",
    "cluster": "int64",
    "main_category": "string",
}
_OF_OFFERS: Mapping[str, str] = {
    "outcome": "string",
    "offer": "string",
    "channel": "string",
    "cost": "float64",
    "expected_net": "float64",
    "expected_net_if_treated": "float64",
    "blocked_by": "string",
    "interest_ru": "string",
    "interest_en": "string",
    "offer_reason_ru": "string",
    "offer_reason_en": "string",
}
_OF_REASONS: Mapping[str, str] = {"risk_reason_ru": "string", "risk_reason_en": "string"}


def list_customers(
    options: ReportingOptions,
    segments: ir.Table | None = None,
    decline_risk: ir.Table | None = None,
    offers: ir.Table | None = None,
    reasons: ir.Table | None = None,
) -> ir.Table:
    """Choose the customers to list, and put beside each what is known and planned.

    Args:
        options: How many customers are listed.
        segments: Grain: one customer: segment, and what the shop has of profit, rfm_class,
            cluster and main_category; None: nobody is listed.
        decline_risk: Grain: one customer: the published risk; None: as the segments have it.
        offers: Grain: one customer, the public plan; None: it was not made.
        reasons: Grain: one customer: reason_ru, reason_en of the risk.

    Returns:
        Grain: one customer, those with the most at stake: first by decline risk times profit; who
        has none of these follow by the expected net of their offer, then by profit; ids settle
        ties. Columns: place (from 1), of_customers (of the shop), customer_id, segment, rfm_class,
        cluster, interest_ru, interest_en, decline_risk, profit, at_stake (unit of the shop's profit
        a month; null without a risk), outcome, offer, channel, cost, expected_net (currency
        units), blocked_by, risk_reason_ru, risk_reason_en, offer_reason_ru, offer_reason_en; null
        where the shop lacks them.
    """
    if segments is None:
        segments = ibis.memtable([], schema={"customer_id": "string", "segment": "string"})
    table = _with_columns(segments, "segment", **_OF_SEGMENTS)
    if decline_risk is not None:
        risk = decline_risk.select("customer_id", risk="decline_risk")
        table = _joined(table.drop("decline_risk"), risk).rename(decline_risk="risk")
    if offers is not None:
        renamed = offers.rename(offer_reason_ru="reason_ru", offer_reason_en="reason_en")
        table = _joined(table, _with_columns(renamed, **_OF_OFFERS))
    if reasons is not None:
        renamed = reasons.rename(risk_reason_ru="reason_ru", risk_reason_en="reason_en")
        table = _joined(table, _with_columns(renamed, **_OF_REASONS))
    lacking = {**_OF_OFFERS, **_OF_REASONS}
    others = [name for name in table.columns if name not in lacking]
    table = _with_columns(table, *others, **lacking)
    return _ranked(table, options.customers_listed)


def _ranked(table: ir.Table, most: int) -> ir.Table:
    """Order customers by what is at stake and keep the first."""
    table = table.mutate(
        at_stake=table.decline_risk * table.profit,
        # The category that a customer spent most on stands where no label of it is known.
        interest_ru=table.interest_ru.coalesce(table.main_category),
        interest_en=table.interest_en.coalesce(table.main_category),
    )
    # Missing values are the smallest, on every engine.
    keys = []
    for name in ("at_stake", "expected_net_if_treated", "profit"):
        keys += [table[name].isnull(), ibis.desc(table[name])]
    keys.append(table.customer_id)
    everybody = ibis.window()
    placed = table.mutate(
        place=ibis.row_number().over(ibis.window(order_by=keys)) + 1,
        of_customers=table.count().over(everybody),
    )
    columns = [
        "place", "of_customers", "customer_id", "segment", "rfm_class", "cluster", "interest_ru",
        "interest_en", "decline_risk", "profit", "at_stake", "outcome", "offer", "channel", "cost",
        "expected_net", "blocked_by", "risk_reason_ru", "risk_reason_en", "offer_reason_ru",
        "offer_reason_en",
    ]  # fmt: skip
    return placed.filter(placed.place <= most).select(*columns).order_by("place")


def _with_columns(table: ir.Table, *kept: str, **kinds: str) -> ir.Table:
    """Return the id and the columns wanted; those that the table lacks are null."""
    given = {
        name: table[name].cast(kind) if name in table.columns else ibis.null(kind)
        for name, kind in kinds.items()
    }
    others = [name for name in kept if name != "customer_id"]
    return table.select("customer_id", *others, **given)


def _joined(table: ir.Table, other: ir.Table) -> ir.Table:
    return table.left_join(other, "customer_id").drop("customer_id_right")

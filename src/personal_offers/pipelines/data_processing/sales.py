"""What the shop sold: by month, weekday and hour, country and product.

Every line counts, trusted or not, because money needs no link to a customer. Lines are added up
to baskets (what one order holds of a country or product) and baskets to the rows of a table, so
that orders are counted once and all money is added as DECIMAL.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from personal_offers.pipelines.data_processing.order_params import SalesOptions

MEASURES = (
    "lines",
    "orders",
    "customers",
    "gross_revenue",
    "returned_value",
    "net_revenue",
    "average_check",
)
_MONTH_MEASURES = ("trading_days", "largest_order", "trusted_share", "net_revenue_after_break")
_NO_MONEY = Decimal("0.00")
_WEEKDAYS = range(1, 8)
_HOURS = range(24)


def sales_overview(order_lines: ir.Table, options: SalesOptions) -> dict[str, pd.DataFrame]:
    """Add up lines, orders, customers and money in six views.

    The time is that of the order (of its first line, shop's local time). Money is Decimal, in
    currency units. A customer, or an order over several countries or products, counts once in
    every row, so that over rows only lines and money always add up.

    Args:
        order_lines: Grain: one order line.
        options: How many products have a row.

    Returns:
        Tables by name, each with its key and lines; orders (purchases: with a line that is no
        return); customers (with such an order); gross_revenue (without negative lines),
        returned_value (of negative lines, sign turned), net_revenue (gross less returned);
        average_check (gross revenue per purchase order; None without one).

        ``month``: month (YYYY-MM), every month from the first to the last, with trading_days
        (days with an order or return), largest_order (highest gross revenue of one order),
        trusted_share (share of purchase orders not after a break of regime) and
        net_revenue_after_break (of the other orders);
        ``weekday``: weekday (1 is Monday), all seven; ``hour``: hour (0-23), all of them;
        ``weekday_hour``: both, 168 rows;
        ``country``: country, highest net revenue first; no row where the shop has none;
        ``product``: rank, product_id, product_name (its most frequent), products (1), highest
        net revenue first, then one row without rank and names for all the other products.
    """
    orders = _baskets(order_lines).cache()
    orders = orders.mutate(
        month=orders.ordered_at.truncate("month").date(),
        weekday=orders.ordered_at.day_of_week.index().cast("int64") + 1,
        hour=orders.ordered_at.hour().cast("int64"),
    )
    cells = [(day, hour) for day in _WEEKDAYS for hour in _HOURS]
    return {
        "month": _by_month(orders),
        "weekday": _in_full(orders, ["weekday"], [(day,) for day in _WEEKDAYS]),
        "hour": _in_full(orders, ["hour"], [(hour,) for hour in _HOURS]),
        "weekday_hour": _in_full(orders, ["weekday", "hour"], cells),
        "country": _by_country(order_lines),
        "product": _by_product(order_lines, options.top_products),
    }


def _baskets(lines: ir.Table, *keys: str) -> ir.Table:
    """Add lines up to what each order holds of each key."""
    return lines.group_by(*keys, "customer_id", "order_id").aggregate(
        ordered_at=lines.ordered_at.min(),
        bought=~lines.is_return.min(),
        trusted=lines.trusted.min(),
        lines=lines.count(),
        gross=lines.amount.sum(where=lines.quantity > 0).fill_null(0).cast("decimal(18, 2)"),
        net=lines.amount.sum().cast("decimal(18, 2)"),
    )


def _sums(baskets: ir.Table) -> dict[str, ir.Scalar]:
    """Return the measures that all tables have, but for those that follow from others."""
    return {
        "lines": baskets.lines.sum().cast("int64"),
        "orders": baskets.bought.sum().cast("int64"),
        "customers": baskets.customer_id.nunique(where=baskets.bought).cast("int64"),
        "gross_revenue": baskets.gross.sum().cast("decimal(18, 2)"),
        "net_revenue": baskets.net.sum().cast("decimal(18, 2)"),
    }


def _fetch(
    baskets: ir.Table, keys: Sequence[str], **more: ir.Scalar
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Add baskets up, one row per key."""
    rows = baskets.group_by(*keys).aggregate(**_sums(baskets), **more).to_pyarrow().to_pylist()
    return {tuple(row[key] for key in keys): row for row in rows}


def _completed(sums: Mapping[str, Any]) -> dict[str, Any]:
    """Return all measures of a row from its sums; of no sums, those of a time without sales."""
    gross, net = sums.get("gross_revenue", _NO_MONEY), sums.get("net_revenue", _NO_MONEY)
    orders = sums.get("orders", 0)
    check = (gross / orders).quantize(Decimal("0.01"), ROUND_HALF_UP) if orders else None
    found = {
        "lines": sums.get("lines", 0),
        "orders": orders,
        "customers": sums.get("customers", 0),
        "gross_revenue": gross,
        "returned_value": gross - net,
        "net_revenue": net,
        "average_check": check,
    }
    return {name: found[name] for name in MEASURES}


def _in_full(orders: ir.Table, keys: list[str], wanted: Sequence[tuple[int, ...]]) -> pd.DataFrame:
    """Return a row for each wanted key, with or without sales."""
    found = _fetch(orders, keys)
    rows = [dict(zip(keys, key, strict=True)) | _completed(found.get(key, {})) for key in wanted]
    return pd.DataFrame(rows, columns=[*keys, *MEASURES])


def _by_month(orders: ir.Table) -> pd.DataFrame:
    sound = orders.bought & orders.trusted
    found = _fetch(
        orders,
        ["month"],
        trading_days=orders.ordered_at.date().nunique().cast("int64"),
        largest_order=orders.gross.max(where=orders.bought),
        sound=sound.sum().cast("int64"),
        net_revenue_after_break=orders.net.sum(where=~orders.trusted).cast("decimal(18, 2)"),
    )
    by_month = {pd.Period(month, freq="M"): sums for (month,), sums in found.items()}
    rows = []
    for month in _months_between(by_month):
        sums = by_month.get(month, {})
        row = {"month": str(month)} | _completed(sums)
        row["trading_days"] = sums.get("trading_days", 0)
        row["largest_order"] = sums.get("largest_order")
        row["trusted_share"] = sums["sound"] / row["orders"] if row["orders"] else None
        row["net_revenue_after_break"] = sums.get("net_revenue_after_break") or _NO_MONEY
        rows.append(row)
    return pd.DataFrame(rows, columns=["month", *MEASURES, *_MONTH_MEASURES])


def _months_between(known: Collection[pd.Period]) -> list[pd.Period]:
    """Return every month from the first to the last."""
    if not known:
        return []
    return list(pd.period_range(min(known), max(known), freq="M"))


def _by_country(lines: ir.Table) -> pd.DataFrame:
    found = _fetch(_baskets(lines, "country"), ["country"])
    if set(found) <= {(None,)}:  # the shop records no country
        found = {}
    rows = [{"country": country} | _completed(sums) for (country,), sums in found.items()]
    rows.sort(key=lambda row: (-row["net_revenue"], row["country"] or ""))
    return pd.DataFrame(rows, columns=["country", *MEASURES])


def _by_product(lines: ir.Table, top: int) -> pd.DataFrame:
    totals = lines.group_by("product_id").aggregate(net=lines.amount.sum())
    totals = totals.mutate(products=totals.count().over(ibis.window()))
    first = totals.order_by(ibis.desc("net"), "product_id").limit(top).to_pyarrow().to_pylist()
    ids = [row["product_id"] for row in first]
    names = _most_frequent_names(lines, ids)
    own = lines.mutate(product_id=ibis.ifelse(lines.product_id.isin(ids), lines.product_id, None))
    found = _fetch(_baskets(own, "product_id"), ["product_id"]) if ids else {}
    rows = [
        {"rank": rank, "product_id": product, "product_name": names[product], "products": 1}
        | _completed(found[product,])
        for rank, product in enumerate(ids, start=1)
    ]
    if (None,) in found:
        others = {"rank": None, "product_id": None, "product_name": None}
        others["products"] = first[0]["products"] - len(ids)
        rows.append(others | _completed(found[None,]))
    columns = ["rank", "product_id", "product_name", "products", *MEASURES]
    return pd.DataFrame(rows, columns=columns).astype({"rank": "Int64"})


def _most_frequent_names(lines: ir.Table, ids: list[str]) -> dict[str, str | None]:
    """Return the name that stands on most lines of each product; of equals, the first by letter."""
    named = lines.filter(lines.product_id.isin(ids)).group_by("product_id", "product_name")
    counted = named.aggregate(lines=ibis._.count()).order_by("lines", ibis.desc("product_name"))
    rows = counted.to_pyarrow().to_pylist()
    return {row["product_id"]: row["product_name"] for row in rows}

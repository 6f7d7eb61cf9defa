"""Features of customers from their orders, as known at the cutoff."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir

from personal_offers.features import FromOrders

_EVENING_FROM_HOUR = 18
_SATURDAY = 5
# Measures that look at single lines, and that count products; all others look at whole orders.
_OF_LINES = frozenset({"unit_price", "country"})
_OF_PRODUCTS = frozenset({"products"})


def aggregate_order_features(
    lines: ir.Table, orders: ir.Table, wanted: Mapping[str, FromOrders], cutoff: datetime
) -> ir.Table:
    """Compute what the registry wants from orders, in one aggregation of each table.

    Args:
        lines: Grain: one order line known at the cutoff.
        orders: Grain: one order, of the same lines.
        wanted: Name of the column: measure and window.
        cutoff: End of the windows.

    Returns:
        Grain: one row per customer of the orders: customer_id and what was wanted. Counts and
        sums of an empty window are zero, means and shares of it unknown.
    """
    of_lines, of_products, of_orders = {}, {}, {}
    for name, compute in wanted.items():
        if compute.measure in _OF_LINES:
            of_lines[name] = _line_value(lines, compute, cutoff)
        elif compute.measure in _OF_PRODUCTS:
            of_products[name] = _bought(lines, compute, cutoff)
        else:
            of_orders[name] = _order_value(orders, compute, cutoff)
    table = orders.group_by("customer_id").aggregate(**of_orders)
    more = []
    if of_lines:
        more.append(lines.group_by("customer_id").aggregate(**of_lines))
    if of_products:
        more.append(_count_products(lines, of_products))
    for values in more:
        table = table.left_join(values, "customer_id").drop("customer_id_right")
    return table


def _count_products(lines: ir.Table, bought: Mapping[str, ir.BooleanValue]) -> ir.Table:
    """Count the different products that each customer bought.

    Grouped twice, with a copy between: DuckDB keeps distinct values and the groups of groups in
    memory, and customers with their products are nearly as many as lines.
    """
    seen = {name: is_bought.any() for name, is_bought in bought.items()}
    once = lines.group_by("customer_id", "product_id").aggregate(**seen).cache()
    known = once.product_id.notnull()
    counts = {name: (once[name] & known).sum().cast("float64") for name in bought}
    return once.group_by("customer_id").aggregate(**counts)


def _window(table: ir.Table, compute: FromOrders, cutoff: datetime) -> ir.BooleanValue:
    """Return whether a row lies in the window: after its start, up to and with its end."""
    end = cutoff - timedelta(days=compute.skip_days)
    inside = table.ordered_at <= ibis.literal(end)
    if compute.days is not None:
        inside = inside & (table.ordered_at > ibis.literal(end - timedelta(days=compute.days)))
    return inside


def _order_value(orders: ir.Table, compute: FromOrders, cutoff: datetime) -> ir.Value:
    """Return the value of one measure, to be aggregated by customer."""
    inside = _window(orders, compute, cutoff)
    bought = inside & ~orders.is_return
    count = bought.sum().cast("float64")
    some = count.nullif(0.0)  # a share of nothing is unknown
    first = orders.ordered_at.min(where=bought).date()
    last = orders.ordered_at.max(where=bought).date()
    today = ibis.literal((cutoff - timedelta(days=compute.skip_days)).date())

    def total(column: str) -> ir.FloatingValue:
        return orders[column].sum(where=inside).cast("float64").fill_null(0.0)

    def days(end: ir.DateValue, start: ir.DateValue) -> ir.FloatingValue:
        return end.delta(start, unit="day").cast("float64")

    def returned_share() -> ir.FloatingValue:
        gross = total("gross_revenue")
        return (gross - total("net_revenue")) / gross.nullif(0.0)

    # Functions, because building all expressions for each feature would take its time.
    values: dict[str, Callable[[], ir.Value]] = {
        "orders": lambda: count,
        "returns": lambda: (inside & orders.has_return).sum().cast("float64"),
        "net_revenue": lambda: total("net_revenue"),
        "gross_revenue": lambda: total("gross_revenue"),
        "items": lambda: total("items"),
        "average_check": lambda: total("gross_revenue") / some,
        "largest_order": lambda: orders.gross_revenue.max(where=bought).cast("float64"),
        "lines_per_order": lambda: orders.lines.sum(where=bought).cast("float64") / some,
        "return_share": returned_share,
        "recency_days": lambda: days(today, last),
        "tenure_days": lambda: days(today, first),
        "days_between_orders": lambda: days(last, first) / (count - 1).nullif(0.0),
        "weekend_share": lambda: (bought & _is_weekend(orders)).sum() / some,
        "evening_share": lambda: (bought & _is_evening(orders)).sum() / some,
    }
    return values[compute.measure]()


def _is_weekend(orders: ir.Table) -> ir.BooleanValue:
    return orders.ordered_at.day_of_week.index() >= _SATURDAY


def _is_evening(orders: ir.Table) -> ir.BooleanValue:
    return orders.ordered_at.hour() >= _EVENING_FROM_HOUR


def _bought(lines: ir.Table, compute: FromOrders, cutoff: datetime) -> ir.BooleanValue:
    return _window(lines, compute, cutoff) & (lines.quantity > 0)


def _line_value(lines: ir.Table, compute: FromOrders, cutoff: datetime) -> ir.Value:
    bought = _bought(lines, compute, cutoff)
    match compute.measure:
        case "unit_price":
            units = lines.quantity.sum(where=bought).cast("float64")
            return lines.amount.sum(where=bought).cast("float64") / units.nullif(0.0)
        case _:
            # Two orders of one moment: by name, so that the order of rows decides nothing.
            latest = lines.logged_at.cast("string") + lines.country
            return lines.country.argmax(latest, where=bought)

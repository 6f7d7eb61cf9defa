"""Order lines as they were known at a moment: what every stage that looks back is built on.

Every table that must not see the future (features, RFM, labels, backtests) starts from
``lines_known_at``; nothing else filters order lines by time.
"""

from __future__ import annotations

from datetime import datetime

import ibis
import ibis.expr.types as ir


def lines_known_at(order_lines: ir.Table, cutoff: datetime) -> ir.Table:
    """Return the lines that were in the shop's books at a moment and can be trusted.

    An order may be logged over several days: its time is that of its first line, but a line
    counts only once it was logged.

    Args:
        order_lines: Grain: one order line (see data_processing.order_lines).
        cutoff: Last moment that may be seen, in the shop's local time.

    Returns:
        The lines with ``trusted`` that were logged at the cutoff or before.
    """
    return order_lines.filter(order_lines.trusted & (order_lines.logged_at <= cutoff))


def orders_of(lines: ir.Table) -> ir.Table:
    """Add lines up to orders.

    Args:
        lines: Grain: one order line.

    Returns:
        Grain: one row per order: customer_id, order_id, ordered_at (of its first line),
        is_return (nothing was bought), has_return (something was taken back), net_revenue and
        gross_revenue (DECIMAL, currency units; gross leaves out negative lines), items (net
        units), lines.
    """
    sold = lines.quantity > 0
    orders = lines.group_by("customer_id", "order_id").aggregate(
        ordered_at=lines.ordered_at.min(),
        is_return=lines.is_return.min(),
        has_return=lines.is_return.max(),
        net_revenue=lines.amount.sum().cast("decimal(18, 2)"),
        gross_revenue=lines.amount.sum(where=sold).fill_null(0).cast("decimal(18, 2)"),
        items=whole(lines.quantity.sum()),
        lines=lines.count(),
    )
    return orders


def whole(total: ir.NumericScalar) -> ir.IntegerScalar:
    """Return a sum of whole numbers as int64.

    DuckDB adds them up in 128 bits, which Parquet holds as a floating-point number, and Ibis, which
    takes the sum for int64 already, would leave out the plain cast.
    """
    return total.cast("decimal(38, 0)").cast("int64")


def purchase_history(orders: ir.Table, cutoff: datetime) -> ir.Table:
    """Sum up the orders of each customer who bought at least once.

    Args:
        orders: Grain: one row per order known at the cutoff (``orders_of``).
        cutoff: The moment that recency is counted from.

    Returns:
        Grain: one row per customer with a purchase: customer_id, last_order_at,
        first_order_at, recency_days (calendar days from the last purchase to the cutoff),
        frequency (purchase orders), net_cents and gross_cents (int64; hundredths of a
        currency unit).
    """
    bought = ~orders.is_return
    history = orders.group_by("customer_id").aggregate(
        last_order_at=orders.ordered_at.max(where=bought),
        first_order_at=orders.ordered_at.min(where=bought),
        frequency=orders.count(where=bought),
        net_cents=_cents(orders.net_revenue),
        gross_cents=_cents(orders.gross_revenue),
    )
    history = history.filter(history.frequency > 0)
    today = ibis.literal(cutoff.date())
    days = today.delta(history.last_order_at.date(), unit="day").cast("int64")
    return history.mutate(recency_days=days)


def _cents(amounts: ir.DecimalColumn) -> ir.IntegerScalar:
    """Return the sum of amounts in hundredths; one conversion per sum, not one per order."""
    return (amounts.sum().cast("decimal(18, 2)") * 100).cast("int64")

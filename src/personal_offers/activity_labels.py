"""Activity labels from order lines: who buys less than they used to.

A label compares a customer with nobody but themselves: what they bought in the outcome window
after a cutoff, with their own mean over the observation window before it. Lines count in the
window in which they were logged, so what is known at a cutoff does not change afterwards, and
the outcome window of an earlier cutoff never reads a line that a later cutoff may not see.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import ibis
import ibis.expr.types as ir
import pandas as pd

from personal_offers.activity_params import SHARE_PARTS, ActivityOptions
from personal_offers.errors import InputError
from personal_offers.order_history import lines_known_at, whole

PARAMETERS = "params:activity"
OUTCOME = "the intake's tables were written, activity labels were not"
PREVALENCE_COLUMNS = [
    "cutoff",
    "share",
    "chosen",
    "baseline_days",
    "customers",
    "not_regular",
    "baseline_not_positive",
    "eligible",
    "declined",
    "declined_share",
    "declined_share_low",
    "declined_share_high",
]
_CENTS = 100


class Span(NamedTuple):
    """The first and the last moment at which a trusted line was logged."""

    first: datetime
    last: datetime


def trusted_span(order_lines: ir.Table) -> Span:
    """Look up when the lines that can be linked to customers begin and end.

    Args:
        order_lines: Grain: one order line.

    Returns:
        First and last moment, local time.

    Raises:
        InputError: When no line is trusted.
    """
    logged, trusted = order_lines.logged_at, order_lines.trusted
    ends = order_lines.aggregate(first=logged.min(where=trusted), last=logged.max(where=trusted))
    found = ends.to_pyarrow().to_pylist()[0]
    if found["first"] is None:
        raise InputError(
            ["no order line can be linked to a customer, so there is no activity to label; look at "
             "the cleaning ledger and the break of regime"], OUTCOME
        )  # fmt: skip
    return Span(**found)


def label_activity(order_lines: ir.Table, cutoff: datetime, options: ActivityOptions) -> ir.Table:
    """Say of every eligible customer whether they bought less after the cutoff.

    Args:
        order_lines: Grain: one order line.
        cutoff: End of the observation window, local time.
        options: Measure, windows, share and who is eligible.

    Returns:
        Grain: one row per eligible customer, without an order: customer_id, cutoff,
        baseline_days (length of the observation window, shorter where the data begin later),
        baseline (net units, currency units or orders per length of the outcome window), outcome
        (the same measure in the outcome window), declined (outcome below ``share`` x baseline).
        Whoever is not regular or has no baseline above zero has no row (``prevalence_table``
        counts them).

    Raises:
        InputError: When a window does not fit into the trusted lines.
    """
    return label_cutoffs(order_lines, [cutoff], options)


def label_cutoffs(
    order_lines: ir.Table, cutoffs: Sequence[datetime], options: ActivityOptions
) -> ir.Table:
    """Pool the labels of several cutoffs.

    Args:
        order_lines: Grain: one order line.
        cutoffs: At least one; a cutoff that stands twice counts once.
        options: As for ``label_activity``.

    Returns:
        Grain: one row per eligible customer and cutoff (see ``label_activity``). A customer has
        up to one row per cutoff, and all of them belong into one fold.

    Raises:
        InputError: With every window that does not fit into the trusted lines.
    """
    span = _require_windows(order_lines, cutoffs, options)
    moments = sorted(set(cutoffs))
    return ibis.union(*(_labels_at(order_lines, moment, span, options) for moment in moments))


def _labels_at(
    order_lines: ir.Table, cutoff: datetime, span: Span, options: ActivityOptions
) -> ir.Table:
    days = baseline_days_at(span.first, cutoff, options)
    t = _follow(order_lines, cutoff, days, options)
    t = t.filter(_is_regular(t, cutoff, options) & (t.before > 0))
    unit = _CENTS if options.measure == "revenue" else 1
    return t.select(
        "customer_id",
        cutoff=ibis.literal(cutoff, "timestamp"),
        baseline_days=ibis.literal(days, "int64"),
        baseline=t.before.cast("float64") * (options.outcome_days / days / unit),
        outcome=t.after.cast("float64") / unit,
        declined=_has_declined(t, options.share, days, options),
    )


def eligible_customers(
    order_lines: ir.Table, cutoff: datetime, options: ActivityOptions
) -> ir.Table:
    """List who would get a label at a cutoff, whatever follows: whom a risk speaks about.

    Args:
        order_lines: Grain: one order line.
        cutoff: End of the observation window, local time; may be the end of the data.
        options: Windows, and who is regular.

    Returns:
        Grain: one row per eligible customer, without an order: customer_id.

    Raises:
        InputError: When no line is trusted.
    """
    days = baseline_days_at(trusted_span(order_lines).first, cutoff, options)
    known = lines_known_at(order_lines, cutoff)
    t = _by_customer(known, cutoff - timedelta(days=days), options)
    return t.filter(_is_regular(t, cutoff, options) & (t.total > 0)).select("customer_id")


def _follow(
    order_lines: ir.Table, cutoff: datetime, baseline_days: int, options: ActivityOptions
) -> ir.Table:
    """Return what every customer with a purchase did before and after a cutoff.

    Returns:
        Grain: one row per customer with a purchase known at the cutoff: customer_id, orders and
        last_order_at (of purchases), before and after (int64; totals of the observation and the
        outcome window in units, hundredths of a currency unit, or orders).
    """
    since = cutoff + timedelta(days=options.gap_days)
    known = lines_known_at(order_lines, cutoff)
    before = _by_customer(known, cutoff - timedelta(days=baseline_days), options)
    later = lines_known_at(order_lines, cutoff + timedelta(days=options.days_after))
    after = _by_customer(later.filter(later.logged_at > since), since, options)
    after = after.select("customer_id", after="total")
    t = before.filter(before.orders > 0).left_join(after, "customer_id")
    return t.select(
        "customer_id",
        "orders",
        "last_order_at",
        before=t.total.fill_null(0),
        after=t.after.fill_null(0),
    )


def _by_customer(lines: ir.Table, since: datetime, options: ActivityOptions) -> ir.Table:
    """Sum up lines by customer; ``total`` is the measure of those after ``since``.

    Lines that an order of before the window got later are goods and money of the window, but no
    order of the window.
    """
    money = options.measure == "revenue"
    value = (lines.amount * _CENTS).cast("int64") if money else lines.quantity
    orders = lines.group_by("customer_id", "order_id").aggregate(
        ordered_at=lines.ordered_at.min(),
        is_return=lines.is_return.min(),
        value=whole(value.sum(where=lines.logged_at > since)),
    )
    bought = ~orders.is_return
    begun = (bought & (orders.ordered_at > since)).sum()
    return orders.group_by("customer_id").aggregate(
        orders=bought.sum().cast("int64"),
        last_order_at=orders.ordered_at.max(where=bought),
        total=whole(begun if options.measure == "orders" else orders["value"].sum()),
    )


def _is_regular(customers: ir.Table, cutoff: datetime, options: ActivityOptions) -> ir.BooleanValue:
    recent = cutoff - timedelta(days=options.recent_days)
    return (customers.orders >= options.minimum_orders) & (customers.last_order_at > recent)


def _has_declined(
    customers: ir.Table, share: float, baseline_days: int, options: ActivityOptions
) -> ir.BooleanValue:
    """Return outcome < share x baseline in whole numbers, where ``exactly at`` is exact."""
    parts = round(share * SHARE_PARTS)
    return customers.after * (baseline_days * SHARE_PARTS) < customers.before * (
        parts * options.outcome_days
    )


def prevalence_table(
    order_lines: ir.Table, cutoffs: Sequence[datetime], options: ActivityOptions
) -> pd.DataFrame:
    """Show how many decline, and how that depends on the cutoff and on the share.

    Args:
        order_lines: Grain: one order line.
        cutoffs: At least one; a cutoff that stands twice counts once.
        options: As for ``label_activity``; shares and confidence.

    Returns:
        Grain: one row per cutoff and share, both rising: cutoff, share, chosen (whether it is
        the share of the labels), baseline_days, customers (with a purchase by then), not_regular,
        baseline_not_positive (regular, but returned as much as they bought, or more), eligible
        (the rest), declined, declined_share with score interval (Wilson, 1927; ``_low`` and
        ``_high``), null where nobody is eligible.

    Raises:
        InputError: With every window that does not fit into the trusted lines.
    """
    span = _require_windows(order_lines, cutoffs, options)
    rows = []
    for cutoff in sorted(set(cutoffs)):
        days = baseline_days_at(span.first, cutoff, options)
        counts = _count(order_lines, cutoff, days, options)
        for number, share in enumerate(options.shares()):
            declined = counts[f"declined_{number}"]
            rows.append(
                {"cutoff": cutoff, "share": share, "chosen": share == options.share}
                | {"baseline_days": days, "declined": declined}
                | {name: counts[name] for name in PREVALENCE_COLUMNS if name in counts}
                | _share(declined, counts["eligible"], options.confidence)
            )
    return pd.DataFrame(rows, columns=PREVALENCE_COLUMNS)


def _count(
    order_lines: ir.Table, cutoff: datetime, baseline_days: int, options: ActivityOptions
) -> dict[str, int]:
    """Count customers by why they are not eligible, and decliners by share."""
    t = _follow(order_lines, cutoff, baseline_days, options)
    regular = _is_regular(t, cutoff, options)
    eligible = regular & (t.before > 0)
    declined = {
        f"declined_{number}": (eligible & _has_declined(t, share, baseline_days, options)).sum()
        for number, share in enumerate(options.shares())
    }
    counts = t.aggregate(
        customers=t.count(),
        not_regular=(~regular).sum(),
        baseline_not_positive=(regular & (t.before <= 0)).sum(),
        eligible=eligible.sum(),
        **declined,
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    return {name: int(value or 0) for name, value in counts.items()}


def _share(hits: int, size: int, confidence: float) -> dict[str, float | None]:
    from scipy.stats import binomtest

    names = ("declined_share", "declined_share_low", "declined_share_high")
    if size == 0:
        return dict.fromkeys(names)
    interval = binomtest(hits, size).proportion_ci(confidence, method="wilson")
    return dict(zip(names, (hits / size, interval.low, interval.high), strict=True))


def baseline_days_at(first: datetime, cutoff: datetime, options: ActivityOptions) -> int:
    """Return how long the observation window of a cutoff is.

    Args:
        first: When the trusted lines begin.
        cutoff: End of the window.
        options: Its usual length.

    Returns:
        Whole days: the usual length, or as many as the data give.
    """
    return min(options.baseline_days, (cutoff - first) // timedelta(days=1))


def training_cutoffs(
    first: datetime, test_cutoff: datetime, options: ActivityOptions
) -> list[datetime]:
    """Choose the moments that a model may learn from when it is tested at a later one.

    Args:
        first: When the trusted lines begin (``trusted_span``).
        test_cutoff: Cutoff of the test.
        options: Windows, shortest baseline, step and number.

    Returns:
        Cutoffs, rising: the last one is the latest whose outcome window is over at the test
        cutoff, the others lie ``step_days`` apart before it, as long as the observation window
        has ``shortest_baseline_days``.

    Raises:
        InputError: When not one cutoff fits.
    """
    latest = test_cutoff - timedelta(days=options.days_after)
    earliest = first + timedelta(days=options.shortest_baseline_days)
    if latest < earliest:
        raise InputError([_no_training(first, test_cutoff, options)], OUTCOME)
    step = timedelta(days=options.step_days)
    steps = min((latest - earliest) // step, options.most_cutoffs - 1)
    return [latest - step * number for number in range(steps, -1, -1)]


def _no_training(first: datetime, test_cutoff: datetime, options: ActivityOptions) -> str:
    needed = options.shortest_baseline_days + options.days_after
    have = (test_cutoff - first) / timedelta(days=1)
    return (
        f"nothing can be learned before the test cutoff {test_cutoff}: {have:.1f} days of trusted "
        f"order lines lie before it and {needed} are needed (baseline "
        f"{options.shortest_baseline_days}, gap {options.gap_days}, outcome "
        f"{options.outcome_days}); take a later test cutoff or shorten the windows in {PARAMETERS}"
    )


def _require_windows(
    order_lines: ir.Table, cutoffs: Sequence[datetime], options: ActivityOptions
) -> Span:
    """Refuse cutoffs whose windows do not fit into the trusted lines.

    Raises:
        InputError: With one sentence per window that does not fit.
    """
    if not cutoffs:
        raise ValueError("labels need at least one cutoff")
    span = trusted_span(order_lines)
    problems = []
    for cutoff in sorted(set(cutoffs)):
        days = baseline_days_at(span.first, cutoff, options)
        if days < options.shortest_baseline_days:
            problems.append(
                f"cutoff {cutoff}: the observation window needs "
                f"{options.shortest_baseline_days} days, but trusted order lines begin at "
                f"{span.first}; take a later cutoff or lower {PARAMETERS}.shortest_baseline_days"
            )
        until = cutoff + timedelta(days=options.days_after)
        if until > span.last:
            problems.append(
                f"cutoff {cutoff}: the outcome window ends at {until}, but trusted order lines "
                f"end at {span.last}; take {span.last - timedelta(days=options.days_after)} or "
                f"an earlier cutoff, or shorten {PARAMETERS}.outcome_days or gap_days"
            )
    if problems:
        raise InputError(problems, OUTCOME)
    return span

"""From raw order lines to orders and one row per customer.

These are the steps of a shop that has order lines and nothing else; its rules are in
order_lines.py, the break of regime in regime.py, returns in returns.py. Nothing is saved before
``mark_order_lines`` has seen that the lines can be used at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from personal_offers.datasets import RawTable
from personal_offers.errors import InputError
from personal_offers.features import FeatureRegistry, FromOrders, NotRecorded
from personal_offers.order_history import lines_known_at, orders_of, purchase_history, whole
from personal_offers.pipelines.data_processing.changes import add_changes
from personal_offers.pipelines.data_processing.order_features import aggregate_order_features
from personal_offers.pipelines.data_processing.order_lines import (
    MONEY,
    PARAMETERS,
    SOURCE,
    add_order_facts,
    cell_problems,
    clean_order_lines,
    file_problems,
    order_line_rules,
    parse_order_lines,
    unreadable,
    without_facts,
)
from personal_offers.pipelines.data_processing.order_params import OrderLineOptions
from personal_offers.pipelines.data_processing.regime import find_breaks
from personal_offers.pipelines.data_processing.rules import (
    apply_rules,
    compute_marks,
    ledger_of,
    ledger_table,
    quarantine_of,
)

_DAYS_PER_MONTH = 30
_TOO_FEW = {"ru": "мало данных", "en": "too few data"}
_NEEDED = {
    "ru": {
        "customers": "клиентов {have}, нужно {v}",
        "days": "дней {have}, нужно {v}",
        "repeat_buyers": "повторных покупателей {have}, нужно {v}",
    },
    "en": {
        "customers": "{have} customers, {v} needed",
        "days": "{have} days, {v} needed",
        "repeat_buyers": "{have} repeat buyers, {v} needed",
    },
}
# Types of feature as the engine knows them.
ENGINE_TYPES = {"number": "float64", "category": "string", "flag": "boolean"}


def read_order_lines(options: OrderLineOptions, order_lines: RawTable) -> ir.Table:
    """Refuse a bad file as a whole, or give every cell its type.

    Args:
        options: What the file should hold.
        order_lines: The file as text.

    Returns:
        Grain: one row per line of the file (see ``parse_order_lines``).

    Raises:
        InputError: With every problem of the file at once.
    """
    problems = file_problems(order_lines, options)
    if problems or order_lines.rows is None:
        raise InputError(problems)
    # Cached, because the break of regime, the facts and the rules each read it.
    parsed = parse_order_lines(order_lines.rows, options).cache()
    if unreadable(parsed, options):  # only then is each cell looked at for the message
        raise InputError(cell_problems(order_lines.file, order_lines.rows, options))
    return parsed


def mark_order_lines(
    options: OrderLineOptions, parsed: ir.Table
) -> tuple[ir.Table, pd.DataFrame, dict[str, Any]]:
    """Look for a break of regime, and apply the cleaning rules.

    Args:
        options: The rules and their thresholds.
        parsed: Grain: one row per line of the file.

    Returns:
        The same rows with the marks of the rules; the measures of the regime (grain: month
        and measure); and the break as ``{"found": …}``, null when there is none.

    Raises:
        InputError: When no customer can be told from another by what is left.
    """
    regime, found = find_breaks(parsed, options.regime)
    rules = order_line_rules(options)
    marks = apply_rules(add_order_facts(parsed, options, found), rules, MONEY)
    marked = compute_marks(without_facts(marks), rules)
    if problems := _unusable(marked, options, found):
        raise InputError(problems)
    return marked, regime, {"found": found}


def _unusable(
    marked: ir.Table, options: OrderLineOptions, found: Mapping[str, Any] | None
) -> list[str]:
    """Refuse lines that leave nothing to compare."""
    lines = clean_order_lines(marked, options)
    lines = lines.filter(lines.trusted)
    bought = ~lines.is_return
    have = lines.aggregate(
        lines=whole(bought.sum()),
        customers=lines.customer_id.nunique(where=bought),
        days=lines.ordered_at.date().nunique(where=bought),
        first=lines.logged_at.min(where=bought),
        last=lines.logged_at.max(),
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    if not have["lines"]:
        return [f"no order is left after cleaning; lines were removed by {_removals(marked)}; look "
                f"at the columns, codes and patterns of {PARAMETERS}"]  # fmt: skip
    problems = []
    if have["customers"] == 1:
        problems.append("only one customer is left after cleaning: there is nobody to compare")
    if have["days"] == 1:
        problems.append(
            f"all orders are of one day, {have['first'].date()}: nothing can be said about time"
        )
    end = _trusted_end(have["last"], options, found)
    if options.cutoff is not None and not have["first"] <= options.cutoff <= end:
        problems.append(
            f"{PARAMETERS}.cutoff {options.cutoff} is outside the data: lines that can be linked "
            f"to customers run from {have['first']} to {end}"
        )
    return problems


def _removals(marked: ir.Table) -> str:
    """Name the rules that removed lines, the most severe first."""
    counts = marked.filter(marked.removed_by.notnull()).group_by("removed_by")
    rows = counts.aggregate(n=ibis._.count()).order_by(ibis.desc("n"), "removed_by")
    return ", ".join(f"{r['removed_by']} ({r['n']})" for r in rows.to_pyarrow().to_pylist())


def _trusted_end(
    last: datetime, options: OrderLineOptions, found: Mapping[str, Any] | None
) -> datetime:
    """Return the last moment whose lines are linked to customers."""
    if found and options.after_break == "withhold":
        return datetime.fromisoformat(found["since"])
    return last


def keep_marks(marked: ir.Table) -> ir.Table:
    """Keep the marks, so that any line of the ledger can be looked up row by row.

    Args:
        marked: Grain: one row per line of the file, with marks.

    Returns:
        The same rows in the order of the file.
    """
    return marked.order_by("row_number")


def compile_order_ledger(
    options: OrderLineOptions, marked: ir.Table, returns: ir.Table
) -> pd.DataFrame:
    """Write down what every rule did to lines, customers and money.

    Args:
        options: The rules.
        marked: Grain: one row per line of the file, with marks.
        returns: Grain: one row per return line and purchase line that it takes from.

    Returns:
        Grain: one row per rule, in order (see ``ledger_table``); the last one flags returns
        for which no purchase was found.
    """
    lines = ledger_of(marked, SOURCE, order_line_rules(options), MONEY)
    alone = returns.filter(returns.purchase_row.isnull())
    seen = alone.aggregate(
        rows=alone.return_row.nunique(),
        customers=alone.customer_id.nunique(),
        money=alone["value"].sum(),
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    last = lines[-1]
    unchanged = {
        f"{kind}_{when}": last[f"{kind}_after"]
        for kind in ("rows", "customers", "revenue")
        for when in ("before", "after")
    }
    flag = {
        "rows_hit": seen["rows"],
        "customers_hit": seen["customers"],
        "rows_flagged": seen["rows"],
        "customers_flagged": seen["customers"],
        "revenue_flagged": -(seen["money"] or 0),
    }
    name = {"source": SOURCE, "rule": "unmatched_return", "action": "flagged"}
    lines.append(name | unchanged | flag)
    return ledger_table(lines, options.alert_share)


def collect_order_quarantine(order_lines: RawTable, marked: ir.Table) -> ir.Table:
    """Gather the removed lines as they stood in the file.

    Args:
        order_lines: The file as text.
        marked: Grain: one row per line of the file, with marks.

    Returns:
        Grain: one row per removed line: source, row_number, rule, raw (JSON text).
    """
    return quarantine_of(marked, order_lines.rows, SOURCE).order_by("row_number").cache()


def take_order_lines(options: OrderLineOptions, marked: ir.Table) -> ir.Table:
    """Take the lines that no rule removed.

    Args:
        options: Whether lines after a break are used.
        marked: Grain: one row per line of the file, with marks.

    Returns:
        Grain: one order line: customer_id, order_id, ordered_at (of the order), logged_at (of
        the line), product_id, product_name, quantity, unit_price, amount, is_return, country,
        trusted, row_number.
    """
    return clean_order_lines(marked, options)


def choose_era(
    options: OrderLineOptions,
    order_lines: ir.Table,
    marked: ir.Table,
    regime_break: Mapping[str, Any],
) -> dict[str, Any]:
    """State which part of the data conclusions rest on, and which must be withheld.

    Args:
        options: Cutoff and least data.
        order_lines: Grain: one order line.
        marked: Grain: one row per line of the file, with marks.
        regime_break: ``found``: the break of regime, or null.

    Returns:
        data_from, data_to (of all lines), trusted_to (end of what is linked to customers),
        cutoff (ISO texts, local time), break, currency, timezone, customers, orders,
        repeat_buyers and days (known at the cutoff), repeat_check (the share of repeat buyers
        with and without the lines after the break, before shared orders go), regular (who counts
        as such: least orders, and days within which the last one lies) and withheld
        (output: reason in both languages).
    """
    t, found = order_lines, regime_break["found"]
    span = t.aggregate(first=t.logged_at.min(), last=t.logged_at.max()).to_pyarrow().to_pylist()[0]
    trusted_to = _trusted_end(span["last"], options, found)
    cutoff = options.cutoff or trusted_to
    known = orders_of(lines_known_at(order_lines, cutoff))
    who = purchase_history(known, cutoff)
    have = who.aggregate(
        customers=who.count(),
        orders=who.frequency.sum(),
        repeat_buyers=(who.frequency > 1).sum(),
        first=who.first_order_at.min(),
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    have["days"] = (cutoff.date() - have.pop("first").date()).days
    return {
        "data_from": span["first"].isoformat(),
        "data_to": span["last"].isoformat(),
        "trusted_to": trusted_to.isoformat(),
        "cutoff": cutoff.isoformat(),
        "break": found,
        "currency": options.currency,
        "timezone": options.timezone,
        **have,
        "regular": {"orders": options.regular.orders, "recent_days": options.regular.recent_days},
        "repeat_check": _repeat_check(marked),
        "withheld": _withheld(options, have),
    }


def _repeat_check(marked: ir.Table) -> dict[str, float]:
    """Count who bought twice, with and without the lines after a break of regime.

    Orders that stand under several customers count here: the figure is about the file.
    """
    later = ["shared_order", "never_bought"]
    sales = marked.filter(
        ~marked.is_return & (marked.removed_at.isnull() | marked.removed_by.isin(later))
    )
    orders = sales.group_by("customer_id").aggregate(
        all_lines=sales.order_id.nunique(),
        before_break=sales.order_id.nunique(where=~sales.fact__after_break),
    )
    counts: dict[str, float] = orders.aggregate(
        customers=orders.count(),
        repeat_buyers_before_break=(orders.before_break > 1).sum(),
        repeat_buyers_with_all_lines=(orders.all_lines > 1).sum(),
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    for when in ("before_break", "with_all_lines"):
        counts[f"share_{when}"] = round(counts[f"repeat_buyers_{when}"] / counts["customers"], 4)
    return counts


def _withheld(options: OrderLineOptions, have: Mapping[str, int]) -> dict[str, dict[str, str]]:
    """Return the outputs that these data cannot carry, each with the reason."""
    withheld: dict[str, dict[str, str]] = {}
    for output, least in options.minimum_data.items():
        lacks = {k: v for k, v in least.model_dump().items() if have[k] < v}
        if lacks:
            withheld[output] = {
                language: f"{_TOO_FEW[language]}: "
                + "; ".join(
                    _NEEDED[language][k].format(have=have[k], v=v) for k, v in lacks.items()
                )
                for language in ("ru", "en")
            }
    return withheld


def build_orders(order_lines: ir.Table) -> ir.Table:
    """Add the lines up to orders.

    Args:
        order_lines: Grain: one order line.

    Returns:
        Grain: one order, by time: customer_id, order_id, ordered_at, net_revenue and
        gross_revenue (currency units), items (net units), lines, is_return.
    """
    orders = orders_of(order_lines)
    return orders.mutate(
        net_revenue=orders.net_revenue.cast("float64"),
        gross_revenue=orders.gross_revenue.cast("float64"),
    ).order_by("ordered_at", "order_id", "customer_id")


def build_order_customers(
    registry: FeatureRegistry,
    options: OrderLineOptions,
    order_lines: ir.Table,
    era: Mapping[str, Any],
) -> ir.Table:
    """Compute the features of every customer who bought before the cutoff.

    Args:
        registry: Features in the order of their computation.
        options: Who is regular, and how profit follows from revenue.
        order_lines: Grain: one order line.
        era: Holds the cutoff.

    Returns:
        Grain: one row per customer, ordered by id: customer_id, the features of the registry,
        profit (currency units per month), revenue_repaired (no amount is ever repaired here)
        and regular.
    """
    cutoff = datetime.fromisoformat(era["cutoff"])
    return customers_at(registry, options, order_lines, cutoff).order_by("customer_id").cache()


def build_earlier_customers(
    registry: FeatureRegistry,
    options: OrderLineOptions,
    order_lines: ir.Table,
    era: Mapping[str, Any],
) -> ir.Table:
    """Compute the features once more as of an earlier moment, to see who moved since.

    Args:
        registry: Features in the order of their computation.
        options: How many days earlier.
        order_lines: Grain: one order line.
        era: Holds the cutoff.

    Returns:
        As ``build_order_customers``, for the customers known by then, with cutoff: that moment.
    """
    cutoff = datetime.fromisoformat(era["cutoff"]) - timedelta(days=options.earlier_days)
    known = customers_at(registry, options, order_lines, cutoff)
    return known.mutate(cutoff=ibis.literal(cutoff)).order_by("customer_id").cache()


def customers_at(
    registry: FeatureRegistry, options: OrderLineOptions, order_lines: ir.Table, cutoff: datetime
) -> ir.Table:
    """Compute the features of every customer who bought before a cutoff.

    Args:
        registry: Features in the order of their computation.
        options: Who is regular, and how profit follows from revenue.
        order_lines: Grain: one order line.
        cutoff: Last moment that features may see, local time.

    Returns:
        As ``build_order_customers``, without an order.
    """
    lines = lines_known_at(order_lines, cutoff)
    orders = orders_of(lines).cache()  # grouped again below, in twice the time without a copy
    values = aggregate_order_features(lines, orders, _wanted(registry, options), cutoff)
    table = values.filter(values.regular__orders > 0)
    for name, feature in registry.features.items():
        if isinstance(feature.compute, NotRecorded):
            table = table.mutate(**{name: ibis.null(ENGINE_TYPES[feature.type])})
    table = add_changes(table, registry)
    months = options.profit.days / _DAYS_PER_MONTH
    table = table.mutate(
        profit=table.profit__revenue / months * options.profit.margin,
        revenue_repaired=ibis.literal(False),
        regular=(table.regular__orders >= options.regular.orders) & (table.regular__recent > 0),
    )
    columns = ["customer_id", *registry.names(), "profit", "revenue_repaired", "regular"]
    return table.select(columns)


def _wanted(registry: FeatureRegistry, options: OrderLineOptions) -> dict[str, FromOrders]:
    """Return what the registry, the rule of regular customers and the profit ask of orders."""
    wanted = {
        name: feature.compute
        for name, feature in registry.features.items()
        if isinstance(feature.compute, FromOrders)
    }
    # No feature can have these names: those of the registry have no double underscore.
    wanted["regular__orders"] = FromOrders(kind="from_orders", measure="orders")
    wanted["regular__recent"] = FromOrders(
        kind="from_orders", measure="orders", days=options.regular.recent_days
    )
    wanted["profit__revenue"] = FromOrders(
        kind="from_orders", measure="net_revenue", days=options.profit.days
    )
    return wanted

"""Cleaning rules as marks on rows, and the ledger and quarantine that follow from the marks.

A rule never takes a row away: it marks it, and the table keeps which rule removed the row.
So one pass over the table gives the cleaned rows, the quarantine and every line of the
ledger, for any number of rows and on any engine, and the ledger balances by construction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pandas as pd

Action = Literal["repaired", "removed", "flagged"]

logger = logging.getLogger(__name__)

LEDGER_COLUMNS = (
    "source",
    "rule",
    "action",
    "rows_before",
    "rows_after",
    "customers_before",
    "customers_after",
    "revenue_before",
    "revenue_after",
    "rows_hit",
    "customers_hit",
    "rows_flagged",
    "customers_flagged",
    "revenue_flagged",
    "orders_flagged",
    "revenue_lost_share",
    "alert",
)


@dataclass(frozen=True)
class Rule:
    """A named rule over the rows of one raw table.

    Attributes:
        name: As printed in the ledger.
        action: What it does to the rows it hits.
        hits: True for the rows it hits; null counts as no. Rows removed by an earlier rule
            are never hit.
        repair: Column: its new value where the rule hits.
    """

    name: str
    action: Action
    hits: Callable[[ir.Table], ir.BooleanValue]
    repair: Mapping[str, Callable[[ir.Table], ir.Value]] = field(default_factory=dict)


def apply_rules(table: ir.Table, rules: Sequence[Rule], money: str | None = None) -> ir.Table:
    """Mark every row with the rules that hit it, in order.

    Args:
        table: Grain: one row per raw row, with ``customer_id``.
        rules: Applied one after another; a later rule sees what an earlier one repaired.
        money: Amount column (DECIMAL, currency units) that the ledger follows.

    Returns:
        The same rows with ``removed_by`` (name of the rule, null for rows that stay),
        ``removed_at`` (its position, null likewise), a boolean ``hit__<rule>`` for each rule
        and ``lost__<rule>`` for each that repairs money: what it took from the sum.
    """
    table = table.mutate(removed_by=ibis.null("string"), removed_at=ibis.null("int64"))
    # Rules that do not look at each other's repairs share a step: every step is a nested query,
    # and compiling many of them takes longer than running them.
    step: dict[int, Rule] = {}
    for position, rule in enumerate(rules):
        repaired = {column for earlier in step.values() for column in earlier.repair}
        if repaired & (_columns_read(rule, table) | set(rule.repair)):
            table, step = _apply_step(table, step, money), {}
        step[position] = rule
    return _apply_step(table, step, money)


def _columns_read(rule: Rule, table: ir.Table) -> set[str]:
    values = table.bind(rule.hits(table), *(new(table) for new in rule.repair.values()))
    fields = [value.op().find(ops.Field, filter=ops.Value) for value in values]
    return {field.name for found in fields for field in found}


def _apply_step(table: ir.Table, step: Mapping[int, Rule], money: str | None) -> ir.Table:
    """Apply rules none of which sees what another one of them repaired."""
    table = table.mutate(
        **{f"hit__{rule.name}": rule.hits(table).fill_null(False) for rule in step.values()}
    )
    changes: dict[str, ir.Value] = {}
    stays = table.removed_at.isnull()
    removals = []
    for position, rule in step.items():
        alone = table[f"hit__{rule.name}"]
        hit = changes[f"hit__{rule.name}"] = alone & stays
        for column, new in rule.repair.items():
            changes[column] = ibis.ifelse(hit, new(table), table[column])
        if money is not None and money in rule.repair:
            taken = table[money].fill_null(Decimal(0)) - changes[money].fill_null(Decimal(0))
            changes[f"lost__{rule.name}"] = taken
        if rule.action == "removed":
            removals.append((position, rule.name, hit))
            stays = stays & ~alone
    if removals:
        by = [(hit, ibis.literal(name)) for _, name, hit in removals]
        at = [(hit, ibis.literal(position, "int64")) for position, _, hit in removals]
        changes["removed_by"] = ibis.cases(*by, else_=table.removed_by)
        changes["removed_at"] = ibis.cases(*at, else_=table.removed_at)
    return table.mutate(**changes)


def compute_marks(table: ir.Table, rules: Sequence[Rule]) -> ir.Table:
    """Compute the marks of the rules once, for everything that reads them later.

    Args:
        table: What ``apply_rules`` returned, with the same rules.
        rules: The rules in order.

    Returns:
        The same rows and columns. The engine keeps only what ``removed_at`` does not tell: which
        rule removed a row follows from it, and writing wide tables takes longer than comparing.
    """
    removals = {at: rule.name for at, rule in enumerate(rules) if rule.action == "removed"}
    told = ["removed_by", *(f"hit__{name}" for name in removals.values())]
    stored = table.drop(*told).cache()
    hits = {at: (stored.removed_at == at).fill_null(False) for at in removals}
    by = [(hits[at], ibis.literal(name)) for at, name in removals.items()]
    marked = stored.mutate(
        removed_by=ibis.cases(*by) if by else ibis.null("string"),
        **{f"hit__{name}": hits[at] for at, name in removals.items()},
    )
    return marked.select(table.columns)


def kept(table: ir.Table) -> ir.Table:
    """Return the rows that no rule removed, without the marks of the rules."""
    marks = [c for c in table.columns if c.startswith(("fact__", "hit__", "lost__", "removed_"))]
    return table.filter(table.removed_at.isnull()).drop(*marks)


def ledger_of(
    table: ir.Table, source: str, rules: Sequence[Rule], money: str | None = None
) -> list[dict[str, Any]]:
    """Count what each rule did.

    Args:
        table: What ``apply_rules`` returned, with the same rules and money.
        source: Raw table name.
        rules: The rules in order.
        money: As in ``apply_rules``.

    Returns:
        One dictionary per rule with the columns of the ledger; revenue in currency units
        (Decimal), None where the source holds no money.
    """
    counts = table.aggregate(**_ledger_sums(table, rules, money)).to_pyarrow().to_pylist()[0]
    counts |= _hit_customers_and_orders(table, rules)
    rows, customers = counts["rows"], counts["customers"]
    revenue = counts.get("revenue")
    lines = []
    for rule in rules:
        hit, lost = counts[f"rows__{rule.name}"], counts.get(f"lost__{rule.name}", Decimal(0))
        removed = rule.action == "removed"
        line = {
            "source": source,
            "rule": rule.name,
            "action": rule.action,
            "rows_before": rows,
            "rows_after": rows - hit if removed else rows,
            "customers_before": customers,
            "customers_after": counts[f"left__{rule.name}"] if removed else customers,
            "revenue_before": revenue,
            "revenue_after": None if revenue is None else revenue - lost,
            "rows_hit": hit,
            "customers_hit": counts[f"customers__{rule.name}"],
        }
        flagged = rule.action == "flagged"
        line["rows_flagged"] = hit if flagged else None
        line["customers_flagged"] = line["customers_hit"] if flagged else None
        line["revenue_flagged"] = counts.get(f"seen__{rule.name}") if flagged else None
        line["orders_flagged"] = counts.get(f"orders__{rule.name}")
        rows, customers, revenue = (
            line["rows_after"],
            line["customers_after"],
            line["revenue_after"],
        )
        lines.append(line)
    return lines


def _ledger_sums(table: ir.Table, rules: Sequence[Rule], money: str | None) -> dict[str, ir.Scalar]:
    sums: dict[str, ir.Scalar] = {"rows": table.count()}
    amount = table[money].fill_null(Decimal(0)) if money else None
    for rule in reversed(rules):  # from what is left to what came in
        hit = table[f"hit__{rule.name}"]
        sums[f"rows__{rule.name}"] = hit.sum().fill_null(0)
        if amount is None:
            continue
        if rule.action == "flagged":
            sums[f"seen__{rule.name}"] = amount.sum(where=hit).fill_null(Decimal(0))
        elif rule.action == "removed":
            sums[f"lost__{rule.name}"] = amount.sum(where=hit).fill_null(Decimal(0))
        elif money in rule.repair:
            lost = table[f"lost__{rule.name}"]
            sums[f"lost__{rule.name}"] = lost.sum().fill_null(Decimal(0))
            amount = amount + lost
    if amount is not None:
        sums["revenue"] = amount.sum().fill_null(Decimal(0))
    return sums


def _hit_customers_and_orders(table: ir.Table, rules: Sequence[Rule]) -> dict[str, int]:
    """Count the customers and orders that have any row with a mark.

    Not as distinct values, of which there would be two per rule: Spark copies every row for each
    of them, and DuckDB keeps them in memory.
    """
    customers: dict[str, ir.BooleanValue] = {"customers": table.customer_id.notnull()}
    orders: dict[str, ir.BooleanValue] = {}
    for position, rule in enumerate(rules):
        hit = table[f"hit__{rule.name}"]
        customers[f"customers__{rule.name}"] = hit
        if rule.action == "flagged" and "order_id" in table.columns:
            orders[f"orders__{rule.name}"] = hit
        if rule.action == "removed":
            stays = table.removed_at.isnull() | (table.removed_at > position)
            customers[f"left__{rule.name}"] = stays
    counts = _count_marked(table, "customer_id", customers)
    return counts | _count_marked(table, "order_id", orders) if orders else counts


def _count_marked(
    table: ir.Table, key: str, marks: Mapping[str, ir.BooleanValue]
) -> dict[str, int]:
    marked = {name: mark.any() for name, mark in marks.items()}
    groups = table.filter(table[key].notnull()).group_by(key).aggregate(**marked)
    counts = {name: groups[name].sum().fill_null(0) for name in marks}
    found: dict[str, int] = groups.aggregate(**counts).to_pyarrow().to_pylist()[0]
    return found


def ledger_table(lines: Sequence[Mapping[str, Any]], alert_share: float) -> pd.DataFrame:
    """Put the lines of a ledger into the form that people read.

    Args:
        lines: What ``ledger_of`` returned, for one source or several.
        alert_share: A rule that takes more than this share of the revenue that it found is
            an alert, shown in red.

    Returns:
        Grain: one row per source and rule, in order; revenue in currency units as text with
        two decimals, so that no cent is lost in floating point; revenue_lost_share and alert
        (bool) of each rule.
    """
    ledger = pd.DataFrame(lines, columns=list(LEDGER_COLUMNS), dtype="object")
    shares = [_lost_share(line) for line in lines]
    ledger["revenue_lost_share"] = [None if s is None else f"{s:.6f}" for s in shares]
    ledger["alert"] = [s is not None and abs(s) > alert_share for s in shares]
    for column in ("revenue_before", "revenue_after", "revenue_flagged"):
        ledger[column] = [
            None if v is None else str(Decimal(v).quantize(Decimal("0.01"))) for v in ledger[column]
        ]
    for line, share in zip(lines, shares, strict=True):
        if share is not None and abs(share) > alert_share:
            logger.warning(
                "Rule %s takes %.1f%% of the revenue of %s",
                line["rule"], 100 * share, line["source"],
            )  # fmt: skip
    return ledger


def _lost_share(line: Mapping[str, Any]) -> float | None:
    """Return the share of revenue that a rule took, None where the source has no money."""
    if not line["revenue_before"]:
        return None
    return float((line["revenue_before"] - line["revenue_after"]) / line["revenue_before"])


@ibis.udf.scalar.builtin(name="to_json")  # type: ignore[untyped-decorator]
def _to_json(row) -> dt.JSON:  # type: ignore  # a struct of any fields has no type to write
    """Turn a struct into JSON text; both DuckDB and Spark have this function."""


def quarantine_of(table: ir.Table, raw: ir.Table, source: str) -> ir.Table:
    """Return the removed rows as they stood in the file.

    Args:
        table: What ``apply_rules`` returned.
        raw: The text rows of the same file, with ``row_number``.
        source: Raw table name.

    Returns:
        Grain: one row per removed raw row: source, row_number, rule, raw (JSON text).
    """
    removed = table.filter(table.removed_at.notnull()).select("row_number", rule=table.removed_by)
    cells = [name for name in raw.columns if name != "row_number"]
    as_text = raw.select(
        row_number=raw.row_number,
        raw=_to_json(ibis.struct({c: raw[c] for c in cells})).cast("string"),
    )
    joined = removed.inner_join(as_text, "row_number")
    return joined.select(
        source=ibis.literal(source), row_number="row_number", rule="rule", raw="raw"
    )

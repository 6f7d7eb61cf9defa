"""Cleaning rules as marks on rows, and the ledger and quarantine that follow from the marks.

A rule never takes a row away: it marks it, and the table keeps which rule removed the row.
So one pass over the table gives the cleaned rows, the quarantine and every line of the
ledger, for any number of rows and on any engine, and the ledger balances by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

Action = Literal["repaired", "removed", "flagged"]

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
        and, where there is money, ``lost__<rule>``: what the rule took from the sum, and
        ``seen__<rule>``: what a flag stood on.
    """
    table = table.mutate(removed_by=ibis.null("string"), removed_at=ibis.null("int64"))
    for position, rule in enumerate(rules):
        hit = rule.hits(table).fill_null(False) & table.removed_at.isnull()
        table = table.mutate(**{f"hit__{rule.name}": hit})
        hit = table[f"hit__{rule.name}"]
        changes: dict[str, ir.Value] = {
            column: ibis.ifelse(hit, new(table), table[column])
            for column, new in rule.repair.items()
        }
        if money:
            taken = table[money].fill_null(Decimal(0))
            if rule.action != "removed":
                left = changes[money].fill_null(Decimal(0)) if money in changes else taken
                taken = taken - left
            changes[f"lost__{rule.name}"] = ibis.ifelse(hit, taken, Decimal(0))
            if rule.action == "flagged":
                changes[f"seen__{rule.name}"] = ibis.ifelse(hit, table[money], Decimal(0))
        if rule.action == "removed":
            changes["removed_by"] = ibis.ifelse(hit, rule.name, table.removed_by)
            changes["removed_at"] = ibis.ifelse(hit, position, table.removed_at)
        table = table.mutate(**changes)
    return table


def kept(table: ir.Table) -> ir.Table:
    """Return the rows that no rule removed, without the marks of the rules."""
    marks = [
        c
        for c in table.columns
        if c.startswith(("fact__", "hit__", "lost__", "seen__", "removed_"))
    ]
    return table.filter(table.removed_at.isnull()).drop(*marks)


def ledger_of(
    table: ir.Table, source: str, rules: Sequence[Rule], money: str | None = None
) -> list[dict[str, Any]]:
    """Count what each rule did, in one scan of the marked table.

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
    rows, customers = counts["rows"], counts["customers"]
    revenue = counts.get("revenue")
    lines = []
    for rule in rules:
        hit, lost = counts[f"rows__{rule.name}"], counts.get(f"lost__{rule.name}")
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
        line["revenue_flagged"] = counts.get(f"money__{rule.name}") if flagged else None
        rows, customers, revenue = (
            line["rows_after"],
            line["customers_after"],
            line["revenue_after"],
        )
        lines.append(line)
    return lines


def _ledger_sums(table: ir.Table, rules: Sequence[Rule], money: str | None) -> dict[str, ir.Scalar]:
    sums: dict[str, ir.Scalar] = {"rows": table.count(), "customers": table.customer_id.nunique()}
    if money:
        # The sum as it came in: what is left now and what each rule took.
        start = ibis.ifelse(table.removed_at.isnull(), table[money], Decimal(0)).fill_null(
            Decimal(0)
        )
        for rule in rules:
            start = start + table[f"lost__{rule.name}"]
        sums["revenue"] = start.sum().fill_null(Decimal(0))
    for position, rule in enumerate(rules):
        hit = table[f"hit__{rule.name}"]
        sums[f"rows__{rule.name}"] = hit.sum().fill_null(0)
        sums[f"customers__{rule.name}"] = table.customer_id.nunique(where=hit)
        if rule.action == "removed":
            stays = table.removed_at.isnull() | (table.removed_at > position)
            sums[f"left__{rule.name}"] = table.customer_id.nunique(where=stays)
        if money:
            sums[f"lost__{rule.name}"] = table[f"lost__{rule.name}"].sum().fill_null(Decimal(0))
            if rule.action == "flagged":
                seen = table[f"seen__{rule.name}"]
                sums[f"money__{rule.name}"] = seen.sum().fill_null(Decimal(0))
    return sums


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

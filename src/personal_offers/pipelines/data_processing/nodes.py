"""From raw files to one row per customer: check, mark, account, compute features.

These are the steps of a shop whose customer tables come ready; its rules are in
customer_rules.py, and what any intake needs is in parsing.py and rules.py. Annotations are real
imports: Kedro reads them when it validates parameters, and skips a node whose annotations it
cannot resolve. Tables with a contract are cached: each check of the contract would compute the
whole expression again.
"""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir
import pandas as pd

from personal_offers.datasets import RawTable
from personal_offers.errors import InputError
from personal_offers.features import (
    AtPeriod,
    Feature,
    FeatureRegistry,
    FromColumn,
)
from personal_offers.pipelines.data_processing.changes import add_changes
from personal_offers.pipelines.data_processing.customer_rules import add_facts, rules_for, standing
from personal_offers.pipelines.data_processing.params import IntakeOptions
from personal_offers.pipelines.data_processing.parsing import (
    conflicting_keys,
    file_problems,
    orphan_ids,
    parse_table,
)
from personal_offers.pipelines.data_processing.rules import (
    apply_rules,
    kept,
    ledger_of,
    ledger_table,
    quarantine_of,
)

# Where messages tell the reader to look; the hook that shows them names the shop.
_PARAMETERS = "params:data_processing"


def check_raw_tables(options: IntakeOptions, **raw: RawTable) -> dict[str, ir.Table]:
    """Refuse bad input as a whole, or give every cell its type.

    Args:
        options: What each file should hold.
        **raw: Raw table name: the file as text.

    Returns:
        Raw table name: its rows with typed columns (grain as in the file).

    Raises:
        InputError: With every problem of every file at once.
    """
    problems = file_problems(raw, options.tables, _PARAMETERS)
    complete = {
        name: table.rows
        for name, table in raw.items()
        if table.rows is not None
        and {c.header for c in options.tables[name].columns.values()} <= set(table.rows.columns)
    }
    parsed = {name: parse_table(rows, options.tables[name]) for name, rows in complete.items()}
    for name, table in parsed.items():
        problems += conflicting_keys(raw[name].file, table, options.tables[name])
    if options.orphan_ids == "error":
        files = {name: table.file for name, table in raw.items()}
        problems += orphan_ids(files, _ids(raw, options), f"{_PARAMETERS}.orphan_ids")
    if not problems:
        problems = _nobody_left(parsed, options)
    if problems:
        raise InputError(problems)
    return parsed


def _nobody_left(parsed: Mapping[str, ir.Table], options: IntakeOptions) -> list[str]:
    """Refuse files after whose cleaning no customer would be left."""
    who = standing(parsed, options)
    counts = who.aggregate(
        orphans=who.fact__orphan.sum().fill_null(0),
        irregular=who.fact__irregular.sum().fill_null(0),
        left=(~who.fact__orphan & ~who.fact__irregular).sum().fill_null(0),
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    if counts["left"]:
        return []
    return [
        f"no regular customer would be left: {counts['irregular']} have a recorded zero in "
        f"{options.regular.table}, {counts['orphans']} are not in every file"
    ]


def _ids(raw: Mapping[str, RawTable], options: IntakeOptions) -> dict[str, ir.Table]:
    """Raw table name: the ids of every file that was read whole and has its id column."""
    headers = {name: spec.columns["customer_id"].header for name, spec in options.tables.items()}
    return {
        name: table.rows.select("row_number", customer_id=table.rows[headers[name]])
        for name, table in raw.items()
        if table.rows is not None and not table.problems and headers[name] in table.rows.columns
    }


def mark_rows(options: IntakeOptions, **parsed: ir.Table) -> dict[str, ir.Table]:
    """Apply the cleaning rules of every table.

    Args:
        options: The rules and their thresholds.
        **parsed: Raw table name: typed rows.

    Returns:
        Raw table name: the same rows with the marks of the rules (see rules.apply_rules).
    """
    return {
        name: apply_rules(table, rules_for(name, options), options.tables[name].money).order_by(
            "row_number"
        )
        for name, table in add_facts(parsed, options).items()
    }


def compile_ledger(options: IntakeOptions, **marked: ir.Table) -> pd.DataFrame:
    """Write down what every rule did to rows, customers and money.

    Args:
        options: Raw tables in order, and their rules.
        **marked: Raw table name: rows with the marks of the rules.

    Returns:
        Grain: one row per raw table and rule, in order (see ``ledger_table``).
    """
    lines = []
    for name, spec in options.tables.items():
        lines += ledger_of(marked[name], name, rules_for(name, options), spec.money)
    return ledger_table(lines, options.alert_share)


def collect_quarantine(options: IntakeOptions, **tables: ir.Table | RawTable) -> ir.Table:
    """Gather the removed rows of all files as they stood there.

    Args:
        options: Raw tables in order.
        **tables: ``raw__<name>``: the file as text; ``marked__<name>``: rows with marks.

    Returns:
        Grain: one row per removed raw row: source, row_number (1-based data row of the
        file), rule, raw (the row as JSON text).
    """
    parts = [
        quarantine_of(tables[f"marked__{name}"], tables[f"raw__{name}"].rows, name)
        for name in options.tables
    ]
    return ibis.union(*parts).order_by("source", "row_number").cache()


def build_customers(
    registry: FeatureRegistry, options: IntakeOptions, **marked: ir.Table
) -> ir.Table:
    """Compute the features of every regular customer, and what the customer is worth.

    Args:
        registry: Features in the order of their computation.
        options: Where the profit is, and which amounts may have been set missing.
        **marked: Raw table name: rows with the marks of the rules.

    Returns:
        Grain: one row per regular customer, ordered by id: customer_id, the features of the
        registry, profit (per month, in the unit of the file), ``revenue_repaired`` (an
        amount of this customer was a slip and is now missing) and ``regular`` (all are).
    """
    tables = {name: kept(table) for name, table in marked.items()}
    profit_table, profit_column = options.profit
    customers = tables[profit_table].select(
        "customer_id", profit=tables[profit_table][profit_column].cast("float64")
    )
    for name, table in tables.items():
        wanted = _features_of(name, registry)
        if wanted:
            customers = customers.left_join(_aggregate_features(table, wanted), "customer_id").drop(
                "customer_id_right"
            )
    customers = add_changes(customers, registry)
    slips = marked[options.outlier.table]
    slips = slips.filter(slips[f"hit__outlier_{options.outlier.column}"])
    customers = customers.mutate(
        revenue_repaired=customers.customer_id.isin(slips.customer_id),
        regular=ibis.literal(True),  # the others are in quarantine
    )
    columns = ["customer_id", *registry.names(), "profit", "revenue_repaired", "regular"]
    return customers.select(columns).order_by("customer_id").cache()


def _features_of(table: str, registry: FeatureRegistry) -> dict[str, Feature]:
    return {
        name: feature
        for name, feature in registry.features.items()
        if isinstance(feature.compute, FromColumn | AtPeriod) and feature.compute.table == table
    }


def _aggregate_features(table: ir.Table, features: Mapping[str, Feature]) -> ir.Table:
    """One row per customer; a key has one row per customer (and period), so max picks it."""
    values = {}
    for name, feature in features.items():
        compute = feature.compute
        column = table[compute.column]  # type: ignore[union-attr]
        where = table.period == compute.period if isinstance(compute, AtPeriod) else None
        if feature.type == "number":
            column = column.cast("float64")
        values[name] = column.max(where=where)
    return table.group_by("customer_id").aggregate(**values)


def take_labels(options: IntakeOptions, **marked: ir.Table) -> ir.Table:
    """Take the activity label as the shop gives it.

    Args:
        options: Where the label is.
        **marked: The raw table that holds it, with the marks of the rules.

    Returns:
        Grain: one row per regular customer, ordered by id: customer_id, declined (bool).
    """
    table_name, column = options.label
    table = kept(marked[table_name])
    return table.select("customer_id", declined=table[column]).order_by("customer_id").cache()


def take_file_order(options: IntakeOptions, **marked: ir.Table) -> ir.Table:
    """Note where each customer stands in the file that holds the label.

    No model sees it: the leak audit asks whether the place alone tells the label.

    Args:
        options: Where the label is.
        **marked: The raw table that holds it, with the marks of the rules.

    Returns:
        Grain: one row per regular customer, ordered by id: customer_id, row_number.
    """
    table = kept(marked[options.label[0]])
    return table.select("customer_id", "row_number").order_by("customer_id").cache()

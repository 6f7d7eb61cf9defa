"""From raw files to one row per customer: check, mark, account, compute features.

This module holds the steps of a shop whose customer tables come ready; what any intake needs
stands in parsing.py and rules.py. Annotations are real imports: Kedro reads them when it
validates parameters, and skips a node whose annotations it cannot resolve. Tables with a
contract are cached: each check of the contract would compute the whole expression again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import ibis
import ibis.expr.types as ir
import pandas as pd

from personal_offers.datasets import RawTable
from personal_offers.errors import InputError
from personal_offers.features import (
    AtPeriod,
    Difference,
    Feature,
    FeatureRegistry,
    FromColumn,
    RelativeChange,
)
from personal_offers.pipelines.data_processing.params import (
    IntakeOptions,
    NumberColumn,
    RawTableSpec,
)
from personal_offers.pipelines.data_processing.parsing import (
    conflicting_keys,
    file_problems,
    orphan_ids,
    outside,
    parse_table,
    spelled,
)
from personal_offers.pipelines.data_processing.rules import (
    LEDGER_COLUMNS,
    Rule,
    apply_rules,
    kept,
    ledger_of,
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
    if options.orphan_ids == "error" and len(parsed) == len(options.tables):
        files = {name: table.file for name, table in raw.items()}
        problems += orphan_ids(files, parsed, f"{_PARAMETERS}.orphan_ids")
    if problems:
        raise InputError(problems)
    return parsed


def mark_rows(options: IntakeOptions, **parsed: ir.Table) -> dict[str, ir.Table]:
    """Apply the cleaning rules of every table.

    Args:
        options: The rules and their thresholds.
        **parsed: Raw table name: typed rows.

    Returns:
        Raw table name: the same rows with the marks of the rules (see rules.apply_rules).
    """
    who = _customer_standing(parsed, options)
    marked = {}
    for name, spec in options.tables.items():
        table = parsed[name].left_join(who, "customer_id").drop("customer_id_right")
        if len(spec.key) > 1:
            table = _with_period_marks(table, spec)
        if name == options.outlier.table:
            table = _with_outlier_marks(table, options)
        helpers = [column for column in table.columns if column.startswith("is_")]
        marked[name] = apply_rules(table, rules_for(name, options), spec.money).drop(helpers)
    return marked


def _with_period_marks(table: ir.Table, spec: RawTableSpec) -> ir.Table:
    """Add ``is_incomplete``: the customer has no row for some of the shop's periods."""
    periods = table.select(spec.key).distinct().group_by("customer_id").aggregate(n=ibis._.count())
    of_shop = table.select(spec.key[1:]).distinct().count().as_scalar()
    short = periods.filter(periods.n < of_shop).select("customer_id", is_incomplete=True)
    marked = table.left_join(short, "customer_id").drop("customer_id_right")
    return marked.mutate(is_incomplete=marked.is_incomplete.fill_null(False))


def _customer_standing(parsed: Mapping[str, ir.Table], options: IntakeOptions) -> ir.Table:
    """One row per customer of any file: is an id missing somewhere, is a month zero."""
    ids = [t.select("customer_id").distinct() for t in parsed.values()]
    files = ibis.union(*ids).group_by("customer_id").aggregate(files=lambda t: t.count())
    amounts = parsed[options.regular.table]
    zeros = amounts.filter(amounts[options.regular.column] == 0).select("customer_id").distinct()
    who = files.left_join(zeros, "customer_id")
    return who.select(
        "customer_id",
        is_orphan=who.files < len(parsed),
        is_irregular=who.customer_id_right.notnull(),
    )


def _with_outlier_marks(table: ir.Table, options: IntakeOptions) -> ir.Table:
    """Add ``is_outlier``: far above the customer's other periods and the shop's next value.

    The shop's next value is the highest *other* value that does not itself stand out from
    known months of its customer, so that two slips cannot hide each other; copies of a row are
    one value, so that a slip cannot hide behind its own copy; impossible values are none.
    """
    rule, ratio = options.outlier, options.outlier.ratio
    spec = options.tables[rule.table]
    key, number = spec.key, spec.numbers()[rule.column]
    values = table.filter(table[rule.column].notnull() & ~outside(table[rule.column], number))
    values = values.select(*key, amount=values[rule.column].cast("float64")).distinct()
    highest_first = ibis.window(group_by="customer_id", order_by=[ibis.desc("amount"), *key[1:]])
    values = values.mutate(place=ibis.row_number().over(highest_first))
    own = ibis.window(group_by="customer_id")
    top = values.amount.max(where=values.place == 0).over(own)
    second = values.amount.max(where=values.place == 1).over(own)
    values = values.mutate(others=ibis.ifelse(values.place == 0, second, top).fill_null(0.0))
    stands_out = (values.amount > 0) & (values.amount >= ratio * values.others)
    values = values.mutate(stands_out=stands_out, is_usual=~(stands_out & (values.others > 0)))
    usual = values.filter(values.is_usual)
    usual = usual.mutate(place=ibis.row_number().over(ibis.window(order_by=ibis.desc("amount"))))
    highest = usual.aggregate(
        first=usual.amount.max(where=usual.place == 0),
        next_after=usual.amount.max(where=usual.place == 1),
    )
    high = values.filter(values.stands_out).cross_join(highest)
    is_the_first = high.is_usual & (high.amount >= high["first"])
    next_value = ibis.ifelse(is_the_first, high.next_after, high["first"])
    high = high.filter(high.amount >= ratio * next_value).select(key).distinct()
    marked = table.left_join(high.mutate(is_outlier=True), key)
    return marked.drop([f"{name}_right" for name in key]).mutate(
        is_outlier=lambda t: t.is_outlier.fill_null(False)
    )


def rules_for(name: str, options: IntakeOptions) -> list[Rule]:
    """Return the cleaning rules of one raw table in the order of the ledger.

    Args:
        name: Raw table.
        options: Spelling, ranges and thresholds.

    Returns:
        Spelling, copies, orphans, missing cells and periods, impossible values, the outlier,
        customers not regular.
    """
    spec = options.tables[name]
    copies = ibis.window(group_by=list(spec.columns), order_by="row_number")
    rules = [
        Rule(f"spelling_{column}", "repaired", _mark(spelled(column)))
        for column, meaning in spec.categories().items()
        if meaning.spelling
    ]
    rules += [
        Rule("exact_duplicate", "removed", lambda t: ibis.row_number().over(copies) > 0),
        Rule("orphan_customer", "removed", _mark("is_orphan")),
        Rule(
            "missing_value", "flagged", lambda t: ibis.or_(*(t[c].isnull() for c in spec.columns))
        ),
    ]
    if len(spec.key) > 1:
        rules.append(Rule("missing_period", "flagged", _mark("is_incomplete")))
    rules += [
        Rule(f"impossible_{column}", "repaired", _is_outside(column, number), _set_missing(column))
        for column, number in spec.numbers().items()
        if number.is_bounded and not number.required
    ]
    if name == options.outlier.table:
        amount = options.outlier.column
        rules.append(
            Rule(f"outlier_{amount}", "repaired", _mark("is_outlier"), _set_missing(amount))
        )
    rules.append(Rule("not_regular", "removed", _mark("is_irregular")))
    return rules


def _mark(name: str) -> Callable[[ir.Table], ir.BooleanValue]:
    return lambda table: table[name]


def _set_missing(column: str) -> dict[str, Callable[[ir.Table], ir.Value]]:
    return {column: lambda table: ibis.null(table[column].type())}


def _is_outside(column: str, number: NumberColumn) -> Callable[[ir.Table], ir.BooleanValue]:
    return lambda table: outside(table[column], number)


def compile_ledger(options: IntakeOptions, **marked: ir.Table) -> pd.DataFrame:
    """Write down what every rule did to rows, customers and money.

    Args:
        options: Raw tables in order, and their rules.
        **marked: Raw table name: rows with the marks of the rules.

    Returns:
        Grain: one row per raw table and rule, in order; revenue in currency units (text with
        two decimals, so that no cent is lost in floating point).
    """
    lines = []
    for name, spec in options.tables.items():
        lines += ledger_of(marked[name], name, rules_for(name, options), spec.money)
    ledger = pd.DataFrame(lines, columns=list(LEDGER_COLUMNS), dtype="object")
    for column in ledger.columns:
        if column.startswith("revenue_"):
            ledger[column] = [
                None if v is None else str(v.quantize(Decimal("0.01"))) for v in ledger[column]
            ]
    return ledger


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
        registry, profit (per month, in the unit of the file) and ``revenue_repaired`` (an
        amount of this customer was a slip and is now missing).
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
    for name, feature in registry.features.items():
        if isinstance(feature.compute, RelativeChange | Difference):
            customers = customers.mutate(**{name: _change(customers, feature.compute)})
    slips = marked[options.outlier.table]
    slips = slips.filter(slips[f"hit__outlier_{options.outlier.column}"])
    customers = customers.mutate(revenue_repaired=customers.customer_id.isin(slips.customer_id))
    columns = ["customer_id", *registry.names(), "profit", "revenue_repaired"]
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


def _change(customers: ir.Table, compute: RelativeChange | Difference) -> ir.Value:
    before, after = customers[compute.from_feature], customers[compute.to_feature]
    if isinstance(compute, Difference):
        return after - before
    return (after - before) / before.nullif(0.0)


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

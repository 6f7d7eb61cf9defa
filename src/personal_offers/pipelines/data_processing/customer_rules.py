"""The cleaning rules of a shop whose customer tables come ready, and the facts they look at.

Some rules need more than the row itself: whether the customer is in every file, has every
period, or stands out from the shop. Such facts are joined to the rows first, as columns
``fact__<name>``, so that a rule is always a condition on one row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ibis
import ibis.expr.types as ir

from personal_offers.pipelines.data_processing.params import (
    IntakeOptions,
    NumberColumn,
    RawTableSpec,
)
from personal_offers.pipelines.data_processing.parsing import outside, spelled
from personal_offers.pipelines.data_processing.rules import Rule


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
        Rule(f"spelling_{column}", "repaired", _column(spelled(column)))
        for column, meaning in spec.categories().items()
        if meaning.spelling
    ]
    rules += [
        Rule("exact_duplicate", "removed", lambda t: ibis.row_number().over(copies) > 0),
        Rule("orphan_customer", "removed", _fact("orphan")),
        Rule(
            "missing_value", "flagged", lambda t: ibis.or_(*(t[c].isnull() for c in spec.columns))
        ),
    ]
    if len(spec.key) > 1:
        rules.append(Rule("missing_period", "flagged", _fact("incomplete")))
    rules += [
        Rule(f"impossible_{column}", "repaired", _is_outside(column, number), _set_missing(column))
        for column, number in spec.numbers().items()
        if number.is_bounded and not number.required
    ]
    if name == options.outlier.table:
        amount = options.outlier.column
        rules.append(Rule(f"outlier_{amount}", "repaired", _fact("outlier"), _set_missing(amount)))
    rules.append(Rule("not_regular", "removed", _fact("irregular")))
    return rules


def add_facts(parsed: Mapping[str, ir.Table], options: IntakeOptions) -> dict[str, ir.Table]:
    """Join to every row what its rules need to know beyond the row.

    Args:
        parsed: Raw table name: typed rows.
        options: The rules and their thresholds.

    Returns:
        Raw table name: the same rows with boolean columns ``fact__orphan`` and
        ``fact__irregular``, and where they apply ``fact__incomplete`` and ``fact__outlier``.
    """
    who = standing(parsed, options)
    tables = {}
    for name, spec in options.tables.items():
        table = parsed[name].left_join(who, "customer_id").drop("customer_id_right")
        if len(spec.key) > 1:
            table = _with_incomplete(table, spec)
        if name == options.outlier.table:
            table = _with_outlier(table, options)
        tables[name] = table
    return tables


def standing(parsed: Mapping[str, ir.Table], options: IntakeOptions) -> ir.Table:
    """Say of every customer whether they are in every file and bought in every period.

    Args:
        parsed: Raw table name: typed rows.
        options: Where the amounts are.

    Returns:
        Grain: one row per customer of any file: customer_id, fact__orphan, fact__irregular.
    """
    ids = [t.select("customer_id").distinct() for t in parsed.values()]
    files = ibis.union(*ids).group_by("customer_id").aggregate(files=lambda t: t.count())
    amounts = parsed[options.regular.table]
    zeros = amounts.filter(amounts[options.regular.column] == 0).select("customer_id").distinct()
    who = files.left_join(zeros, "customer_id")
    return who.select(
        "customer_id",
        fact__orphan=who.files < len(parsed),
        fact__irregular=who.customer_id_right.notnull(),
    )


def _with_incomplete(table: ir.Table, spec: RawTableSpec) -> ir.Table:
    """Add ``fact__incomplete``: the customer has no row for some of the shop's periods."""
    periods = table.select(spec.key).distinct().group_by("customer_id").aggregate(n=ibis._.count())
    of_shop = table.select(spec.key[1:]).distinct().count().as_scalar()
    short = periods.filter(periods.n < of_shop).select("customer_id", fact__incomplete=True)
    marked = table.left_join(short, "customer_id").drop("customer_id_right")
    return marked.mutate(fact__incomplete=marked.fact__incomplete.fill_null(False))


def _with_outlier(table: ir.Table, options: IntakeOptions) -> ir.Table:
    """Add ``fact__outlier``: far above the customer's other periods and the shop's next value.

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
    marked = table.left_join(high.mutate(fact__outlier=True), key)
    return marked.drop([f"{name}_right" for name in key]).mutate(
        fact__outlier=lambda t: t.fact__outlier.fill_null(False)
    )


def _fact(name: str) -> Callable[[ir.Table], ir.BooleanValue]:
    return _column(f"fact__{name}")


def _column(name: str) -> Callable[[ir.Table], ir.BooleanValue]:
    return lambda table: table[name]


def _set_missing(column: str) -> dict[str, Callable[[ir.Table], ir.Value]]:
    return {column: lambda table: ibis.null(table[column].type())}


def _is_outside(column: str, number: NumberColumn) -> Callable[[ir.Table], ir.BooleanValue]:
    return lambda table: outside(table[column], number)

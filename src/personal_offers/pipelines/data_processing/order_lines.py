"""From raw order lines to clean ones: parse, look around, and the rules of cleaning.

A rule is a condition on one row (see rules.py). What it must know beyond the row, such as
whether the line is a copy of another or its order stands under several customers, is joined
to the row first, as ``fact__<name>``.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from personal_offers.datasets import RawTable
from personal_offers.pipelines.data_processing.order_params import OrderLineOptions
from personal_offers.pipelines.data_processing.params import NumberColumn
from personal_offers.pipelines.data_processing.parsing import (
    MAY_MEAN_THOUSANDS,
    Check,
    is_number,
    missing_columns,
    run_checks,
    spelled,
)
from personal_offers.pipelines.data_processing.regime import is_after_break
from personal_offers.pipelines.data_processing.rules import Rule

SOURCE = "order_lines"
MONEY = "amount"
# Where messages tell the reader to look; the hook that shows them names the shop.
PARAMETERS = "params:data_processing"
CANONICAL = (
    "row_number",
    "customer_id",
    "order_id",
    "ordered_at",
    "logged_at",
    "product_id",
    "product_name",
    "quantity",
    "unit_price",
    "amount",
    "is_return",
    "country",
)
_PRICE_DECIMALS = 4
_TOO_FINE = rf"[.,][0-9]{{{_PRICE_DECIMALS}}}0*[1-9]"
_SHORTEST_THOUSANDS = len("1,000")
_LARGEST_AMOUNT = 10**12  # currency units; sums of such lines still fit eighteen digits
# White space and the no-break space, which shops paste from spreadsheets.
_OUTER_SPACE = r"^[\s\x{00A0}]+|[\s\x{00A0}]+$"
_NO_BREAK_SPACE = "\u00a0"
_LAST_CHARACTERS = (" ", "\t", "\n", "\f", "\r", _NO_BREAK_SPACE)
_FIRST_BELOW = "!"  # the first character above the space, which is above the control characters
_ANY_SPACE_TO_MEND = rf"{_OUTER_SPACE}|  "
_PLAIN_CODE = re.compile(r"[\w ]+")
_REQUIRED = ("order_id", "ordered_at", "quantity", "unit_price")


@ibis.udf.scalar.builtin(name="try_strptime")  # type: ignore[untyped-decorator]
def _try_strptime(text: str, forms: dt.Array(str)) -> dt.Timestamp(scale=6):  # type: ignore
    """Read a time in the first form that fits; null where none does or there is no such date."""


def _number(header: str, decimals: int) -> NumberColumn:
    return NumberColumn(type="number", header=header, decimals=decimals)


def _cell(rows: ir.Table, header: str) -> ir.StringValue:
    """Return a cell without outer white space; only the few that have some are rewritten."""
    text = rows[header]
    return ibis.ifelse(_may_need_trimming(text), _trimmed(text), text)


def _may_need_trimming(text: ir.StringValue) -> ir.BooleanValue:
    """Return true for all texts with outer white space, and for few others.

    Comparing ends takes a quarter of the time of a pattern, and nearly all cells need no more.
    """
    starts = (text < _FIRST_BELOW) | text.startswith(_NO_BREAK_SPACE)
    return ibis.or_(starts, *(text.endswith(character) for character in _LAST_CHARACTERS))


def _trimmed(text: ir.StringValue) -> ir.StringValue:
    return text.re_replace(_OUTER_SPACE, "").nullif("")


def _logged_at(rows: ir.Table, options: OrderLineOptions) -> ir.TimestampValue:
    text, forms = rows[options.columns.ordered_at], ibis.array(options.date_formats)
    # What can be read as it stands, nearly all, need not be looked at for white space.
    return ibis.coalesce(
        _try_strptime(text, forms), _try_strptime(text.re_replace(_OUTER_SPACE, ""), forms)
    )


def file_problems(raw: RawTable, options: OrderLineOptions) -> list[str]:
    """Find what is wrong with the file as a file and with its columns.

    Args:
        raw: The file of order lines.
        options: Which columns it should have.

    Returns:
        One sentence per problem; empty when all columns are there.
    """
    problems = [f"{raw.file}: {text}" for text in raw.problems]
    if raw.rows is None:
        return problems
    headers = [header for header in options.columns.model_dump().values() if header is not None]
    missing = [header for header in headers if header not in raw.rows.columns]
    if missing:
        return [*problems, missing_columns(raw, missing, f"{PARAMETERS}.columns")]
    if problems:  # some lines are lost; say what is wrong with the others too
        problems += cell_problems(raw.file, raw.rows, options)
    return problems


def cell_problems(file: str, rows: ir.Table, options: OrderLineOptions) -> list[str]:
    """Find every cell that cannot be read.

    Args:
        file: Name, for messages.
        rows: Its rows as text, with all columns.
        options: What the cells should hold.

    Returns:
        One sentence per column and kind of problem, with examples.
    """
    return [f"{file}, {text}" for text in run_checks(rows, list(_cell_checks(rows, options)))]


def _cell_checks(rows: ir.Table, options: OrderLineOptions) -> Iterator[Check]:
    columns = options.columns
    for name in _REQUIRED:
        header = getattr(columns, name)
        yield Check(header, _cell(rows, header).isnull(), "are empty", "fill them in the file")
    kinds = [(columns.quantity, 0, "a whole number"), (columns.unit_price, 4, "a number")]
    for header, decimals, kind in kinds:
        text = _cell(rows, header)
        number = _number(header, decimals)
        bad = text.notnull() & ~is_number(text, number)
        yield Check(header, bad, f"are not {kind}", "mend them in the file")
        too_long = is_number(text, number) & _as_decimal(rows, number).isnull()
        yield Check(header, too_long, "have too many digits", "mend them in the file")
    yield from _amount_checks(rows, options)
    header, logged_at = columns.ordered_at, _logged_at(rows, options)
    forms = ", ".join(map(repr, options.date_formats))
    yield Check(
        header,
        _cell(rows, header).notnull() & logged_at.isnull(),
        f"are no date that exists, in the form {forms}",
        f"mend them in the file or edit {PARAMETERS}.date_formats",
    )
    yield Check(
        header,
        logged_at.date() < ibis.literal(options.earliest_date),
        f"are before {options.earliest_date}",
        f"mend them in the file or edit {PARAMETERS}.earliest_date",
    )
    yield Check(
        header,
        logged_at.date() > ibis.literal(options.latest_date),
        f"are in the future: after {options.latest_date}",
        f"mend them in the file or edit {PARAMETERS}.latest_date",
    )


def _amount_checks(rows: ir.Table, options: OrderLineOptions) -> Iterator[Check]:
    columns = options.columns
    yield Check(
        columns.unit_price,
        _may_mean_thousands(rows, options),
        "may mean thousands or decimals",
        f"write them without a separator of thousands, or set {PARAMETERS}.three_decimals to true",
    )
    units = _as_decimal(rows, _number(columns.quantity, 0))
    paid = _as_decimal(rows, _number(columns.unit_price, _PRICE_DECIMALS))
    too_much = units.cast("float64") * paid.cast("float64")
    yield Check(
        columns.unit_price,
        too_much.abs() >= _LARGEST_AMOUNT,
        f"make a line worth {_LARGEST_AMOUNT:,} or more",
        "mend them in the file",
    )


def parse_order_lines(rows: ir.Table, options: OrderLineOptions) -> ir.Table:
    """Give every cell its type and its canonical spelling.

    Args:
        rows: One row per line of the file, text columns and ``row_number``.
        options: What the columns mean.

    Returns:
        The same rows: row_number, customer_id, order_id, logged_at (local time), product_id,
        product_name, quantity (int64), unit_price (DECIMAL, four digits), amount (DECIMAL,
        two digits, rounded per line), is_return, country, and ``spelling__<column>`` where a
        cell was written otherwise. A cell that cannot be read is null.
    """
    # Step by step, so that no engine trims a cell anew for each column that is made from it.
    cells = _read_cells(rows, options)
    named = cells.mutate(
        customer_id=_plain_customer(cells.known_customer),
        name=_single_spaced(cells.outer_trimmed),
    )
    name = named.name.nullif("")
    product = named.product if _has_codes(options) else name
    coded = named.mutate(product=product, product_name=name, product_id=_folded(product, options))
    return coded.select(
        "row_number",
        "customer_id",
        "order_id",
        "logged_at",
        "product_id",
        "product_name",
        "quantity",
        "unit_price",
        "country",
        **{
            spelled("customer_id"): coded.customer_id != coded.known_customer,
            spelled("product_id"): coded.product_id != coded["product"],
            spelled("product_name"): coded.untidy,
            spelled("unit_price"): coded.too_fine,
        },
        ambiguous=coded.ambiguous,
        amount=_amount(coded),
        is_return=_takes_back(coded, options),
    )


def _has_codes(options: OrderLineOptions) -> bool:
    return options.columns.product_id != options.columns.product_name


def _read_cells(rows: ir.Table, options: OrderLineOptions) -> ir.Table:
    """Trim what is text and type what is not."""
    columns = options.columns
    written = rows[columns.product_name] if columns.product_name else ibis.null("string")
    looks_untidy = _may_need_trimming(written) | written.contains("  ")
    price = rows[columns.unit_price]
    country = _cell(rows, columns.country) if columns.country else ibis.null("string")
    return rows.select(
        "row_number",
        known_customer=_known_customer(_cell(rows, columns.customer_id), options),
        order_id=_cell(rows, columns.order_id),
        logged_at=_logged_at(rows, options),
        product=_cell(rows, columns.product_id),
        outer_trimmed=ibis.ifelse(
            _may_need_trimming(written), written.re_replace(_OUTER_SPACE, ""), written
        ),
        untidy=ibis.ifelse(looks_untidy, written.re_search(_ANY_SPACE_TO_MEND), False),
        quantity=_as_decimal(rows, _number(columns.quantity, 0)).cast("int64"),
        unit_price=_as_decimal(rows, _number(columns.unit_price, _PRICE_DECIMALS)),
        # The point and one digit more than is kept; shorter texts need no look.
        too_fine=ibis.ifelse(
            price.length() > _PRICE_DECIMALS + 1, price.re_search(_TOO_FINE), False
        ),
        ambiguous=_may_mean_thousands(rows, options),
        country=country,
    )


def _known_customer(customer: ir.StringValue, options: OrderLineOptions) -> ir.StringValue:
    nobody = [text.lower() for text in options.no_customer]
    return ibis.ifelse(customer.lower().isin(nobody), ibis.null("string"), customer)


def _plain_customer(customer: ir.StringValue) -> ir.StringValue:
    """Take away the ".0" of ids that went through a column of numbers."""
    plain = customer.re_replace(r"^([0-9]+)\.0$", r"\1")  # costly, so only where it may be
    return ibis.ifelse(customer.endswith(".0"), plain, customer)


def _single_spaced(name: ir.StringValue) -> ir.StringValue:
    return ibis.ifelse(name.contains("  "), name.re_replace(" {2,}", " "), name)


def _may_mean_thousands(rows: ir.Table, options: OrderLineOptions) -> ir.BooleanValue:
    if options.three_decimals:
        return ibis.literal(False)
    price = _cell(rows, options.columns.unit_price)
    is_long_enough = rows[options.columns.unit_price].length() >= _SHORTEST_THOUSANDS
    return ibis.ifelse(is_long_enough, price.re_search(MAY_MEAN_THOUSANDS), False)


def _amount(parsed: ir.Table) -> ir.DecimalValue:
    """Return what a line is worth, to the cent; null above what any line is worth."""
    exact = (parsed.unit_price * parsed.quantity.cast("decimal(18, 0)")).round(2)
    roughly = parsed.unit_price.cast("float64") * parsed.quantity.cast("float64")
    amount = exact.cast("decimal(18, 2)")
    return ibis.ifelse(roughly.abs() < _LARGEST_AMOUNT, amount, ibis.null(amount.type()))


def _as_decimal(rows: ir.Table, column: NumberColumn) -> ir.DecimalValue:
    """Return the number in a cell, to four digits; null where it is none or has too many."""
    written = rows[column.header]
    kind = f"decimal(18, {_PRICE_DECIMALS})"

    def read(text: ir.StringValue) -> ir.DecimalValue:
        return ibis.coalesce(text.try_cast(kind), text.replace(",", ".").try_cast(kind))

    # What is a number as it stands, nearly all, need not be looked at for white space.
    text = _trimmed(written)
    return ibis.cases(
        (is_number(written, column), read(written)), (is_number(text, column), read(text))
    )


def unreadable(parsed: ir.Table, options: OrderLineOptions) -> bool:
    """Return whether any line lacks what every line must have, in one quick scan.

    Args:
        parsed: Typed lines, null where a cell could not be read.
        options: Earliest and latest date.
    """
    day = parsed.logged_at.date()
    bad = ibis.or_(
        *(parsed[name].isnull() for name in ("order_id", "logged_at", "quantity", "unit_price")),
        parsed.amount.isnull(),
        parsed.ambiguous,
        day < ibis.literal(options.earliest_date),
        day > ibis.literal(options.latest_date),
    )
    return bool(parsed.aggregate(bad=bad.any()).to_pyarrow().to_pylist()[0]["bad"])


def _folded(product: ir.StringValue, options: OrderLineOptions) -> ir.StringValue:
    """Write codes that differ by case only in one way."""
    match options.product_id_case:
        case "upper":
            return product.upper()
        case "merge":
            return product.min().over(ibis.window(group_by=product.upper()))
        case _:
            return product


def _takes_back(table: ir.Table, options: OrderLineOptions) -> ir.BooleanValue:
    if options.cancellation is None:
        return table.quantity < 0
    return table.order_id.re_search(options.cancellation)


def _is_adjustment(table: ir.Table, options: OrderLineOptions) -> ir.BooleanValue:
    if options.adjustment is None:
        return ibis.literal(False)
    return table.order_id.re_search(options.adjustment)


def _is_no_product(table: ir.Table, options: OrderLineOptions) -> ir.BooleanValue:
    if not options.non_product_codes:
        return ibis.literal(False)
    plain = [code for code in options.non_product_codes if _PLAIN_CODE.fullmatch(code)]
    patterns = [f"({code})" for code in options.non_product_codes if code not in plain]
    hit = table.product_id.upper().isin([code.upper() for code in plain])  # faster than a pattern
    return hit | table.product_id.re_search(f"(?i)^({'|'.join(patterns)})$") if patterns else hit


def add_order_facts(
    parsed: ir.Table, options: OrderLineOptions, found: Mapping[str, Any] | None
) -> ir.Table:
    """Join to every line what its rules need to know beyond the line.

    Args:
        parsed: Typed lines.
        options: Rules.
        found: The break of regime, if there is one.

    Returns:
        The same lines with ``ordered_at`` (of the order's first line under this customer) and
        the facts copy, relogged, shared_order, no_product, after_break and never_bought.
    """
    lines = parsed.mutate(
        fact__no_product=_is_no_product(parsed, options).fill_null(False),
        fact__adjustment=_is_adjustment(parsed, options).fill_null(False),
        fact__after_break=is_after_break(parsed, dict(found) if found else None),
        fact__identified_sale=_is_identified_sale(parsed),
    )
    lines = _with_repetitions(lines, parsed)
    # Cached, because with little memory DuckDB cannot group and join so much in one query.
    orders = _facts_of_orders(parsed, options).cache()
    return _with_order_facts(lines, orders, options.cutoff)


def _is_identified_sale(table: ir.Table) -> ir.BooleanValue:
    is_sale = ~table.is_return & (table.quantity > 0) & (table.unit_price > 0)
    return (table.customer_id.notnull() & is_sale).fill_null(False)


def _facts_of_orders(parsed: ir.Table, options: OrderLineOptions) -> ir.Table:
    """Find out what is true of an order under one customer, and of that customer.

    Args:
        parsed: Typed lines.
        options: Rules.

    Returns:
        Grain: one row per order and known customer of any line: first_at (of its first line
        that was sold or taken back; null without one), owners and owners_then (customers of the
        order in the whole file, and in what was known at the cutoff), buys (whether the customer
        has a good sale anywhere).
    """
    lines = parsed.filter(parsed.customer_id.notnull())
    lines = lines.select(
        "customer_id",
        "order_id",
        "logged_at",
        counts=(lines.unit_price > 0) & ~_is_no_product(lines, options).fill_null(False),
        good=_is_identified_sale(lines) & ~_is_adjustment(lines, options).fill_null(False),
    )
    by_then = (
        ibis.literal(True)
        if options.cutoff is None
        else lines.logged_at <= ibis.literal(options.cutoff)
    )
    good = lines.counts & lines.good
    orders = lines.group_by("order_id", "customer_id").aggregate(
        first_at=lines.logged_at.min(where=lines.counts),
        good_then=(good & by_then).any(),
        good_later=(good & ~by_then).any(),
    )
    of_order = ibis.window(group_by="order_id")
    then = orders.first_at.notnull()
    if options.cutoff is not None:
        then = orders.first_at <= ibis.literal(options.cutoff)
    orders = orders.mutate(
        owners=orders.first_at.count().over(of_order),
        owners_then=then.fill_null(False).cast("int64").sum().over(of_order),
    )
    good_order = orders.good_then | orders.good_later
    if options.shared_orders == "remove":
        good_order = (orders.good_then & (orders.owners_then <= 1)) | (
            orders.good_later & (orders.owners <= 1)
        )
    return orders.select(
        "order_id",
        "customer_id",
        "first_at",
        "owners",
        "owners_then",
        buys=good_order.fill_null(False).any().over(ibis.window(group_by="customer_id")),
    )


def _with_order_facts(lines: ir.Table, orders: ir.Table, cutoff: datetime | None) -> ir.Table:
    """Add the time of the order, whether it has several customers, and whether this one buys.

    With a cutoff, lines up to it are judged by what was known then: a customer who joins an order
    later must not reach back.
    """
    lines = lines.left_join(orders, ["order_id", "customer_id"])
    owners = lines.owners
    if cutoff is not None:
        is_past = lines.logged_at <= ibis.literal(cutoff)
        owners = ibis.ifelse(is_past, lines.owners_then, lines.owners)
    lines = lines.mutate(
        ordered_at=lines.first_at.fill_null(lines.logged_at),
        fact__shared_order=(lines.first_at.notnull() & (owners > 1)).fill_null(False),
        fact__never_bought=~lines.buys.fill_null(False),
    )
    joined = ("first_at", "owners", "owners_then", "buys", "order_id_right", "customer_id_right")
    return lines.drop(*joined)


def _with_repetitions(lines: ir.Table, parsed: ir.Table) -> ir.Table:
    """Add whether a line is an exact copy, or the same line logged at another time.

    Only lines that may share customer, order, product, quantity and price with another one are
    ranked: few do, and ranking all of them would sort the whole table. Which these are, a number
    made from the five tells: lines that share it by chance are ranked in vain, and no more.
    """
    key = ["customer_id", "order_id", "product_id", "quantity", "unit_price"]
    whole = ["row_number", *key, "logged_at", "product_name", "country"]
    known = parsed.filter(*(parsed[name].notnull() for name in key))
    mixed = functools.reduce(operator.xor, (known[name].hash() for name in key))
    hashed = known.select(*whole, mixed=mixed)
    groups = hashed.group_by("mixed").aggregate(size=hashed.count())
    again = hashed.semi_join(groups.filter(groups.size > 1), "mixed").select(whole)
    again = again.cache()  # it is read twice, and finding it groups the whole table
    in_file = ["logged_at", "row_number"]
    copies = ibis.window(group_by=[*key, "logged_at", "product_name", "country"], order_by=in_file)
    ranked = again.select(
        "row_number",
        copy=ibis.row_number().over(copies) > 0,
        relogged=again.logged_at > again.logged_at.min().over(ibis.window(group_by=key)),
    )
    lines = lines.left_join(ranked, "row_number").drop("row_number_right")
    return lines.mutate(
        fact__copy=lines.copy.fill_null(False), fact__relogged=lines.relogged.fill_null(False)
    ).drop("copy", "relogged")


def order_line_rules(options: OrderLineOptions) -> list[Rule]:
    """Return the cleaning rules of order lines in the order of the ledger.

    Args:
        options: Which treatments the shop chose.

    Returns:
        Spellings; what is no sale to a known customer; flags that count sales; what is no
        product; repetitions; orders of several customers or dates; the break of regime.
    """
    treated = {"remove": "removed", "flag": "flagged"}
    return [
        Rule("customer_id_decimal", "repaired", _column(spelled("customer_id"))),
        Rule("product_id_case", "repaired", _column(spelled("product_id"))),
        Rule("product_name_spaces", "repaired", _column(spelled("product_name"))),
        Rule("unit_price_rounded", "repaired", _column(spelled("unit_price"))),
        Rule("adjustment", "removed", _fact("adjustment")),
        Rule("missing_customer", "removed", lambda t: t.customer_id.isnull()),
        Rule("missing_product", "removed", lambda t: t.product_id.isnull()),
        Rule("zero_price", "removed", lambda t: t.unit_price == 0),
        Rule("negative_price", "removed", lambda t: t.unit_price < 0),
        Rule("zero_quantity", "removed", lambda t: t.quantity == 0),
        # A sale that takes away or a return that brings: a stock correction, no customer's act.
        Rule("sign_of_quantity", "removed", lambda t: (t.quantity < 0) != t.is_return),
        Rule("cancellation", "flagged", lambda t: t.is_return),
        Rule("identified_sales", "flagged", _fact("identified_sale")),
        Rule("non_product", "removed", _fact("no_product")),
        Rule("exact_duplicate", "removed", _fact("copy")),
        Rule("relogged_line", treated[options.relogged_lines], _fact("relogged")),  # type: ignore[arg-type]
        Rule("shared_order", treated[options.shared_orders], _fact("shared_order")),  # type: ignore[arg-type]
        Rule("several_dates", "repaired", lambda t: t.ordered_at < t.logged_at),
        Rule("never_bought", "removed", _fact("never_bought")),
        Rule("after_break", "flagged", _fact("after_break")),
    ]


def without_facts(marked: ir.Table) -> ir.Table:
    """Drop the columns that a mark of a rule repeats; half of a wide table is not written."""
    repeated = [
        name
        for name in marked.columns
        if name.startswith(("fact__", "spelling__")) and name != "fact__after_break"
    ]
    return marked.drop("ambiguous", *repeated)


def clean_order_lines(marked: ir.Table, options: OrderLineOptions) -> ir.Table:
    """Return the lines that no rule removed, in their canonical form.

    Args:
        marked: Lines with the marks of the rules.
        options: Whether lines after a break are used.

    Returns:
        Grain: one order line, ordered by its place in the file: CANONICAL and ``trusted``.
    """
    stays = marked.filter(marked.removed_at.isnull())
    trusted = ~stays.hit__after_break if options.after_break == "withhold" else ibis.literal(True)
    return stays.select(*CANONICAL, trusted=trusted).order_by("row_number")


def _fact(name: str) -> Callable[[ir.Table], ir.BooleanValue]:
    return _column(f"fact__{name}")


def _column(name: str) -> Callable[[ir.Table], ir.BooleanValue]:
    return lambda table: table[name]

"""From text cells to typed columns, and everything that can be wrong with a cell.

Parsing and checking share their expressions, so that what is reported as wrong is exactly
what could not be parsed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from personal_offers.datasets import RawTable
from personal_offers.pipelines.data_processing.params import (
    AnyColumn,
    CategoryColumn,
    FlagColumn,
    NumberColumn,
    RawTableSpec,
)

# A plain decimal number. SQL's own casts also take "1e5", "1_000" or "3.7" for an integer.
_NUMBER = r"^[+-]?[0-9]+([.,][0-9]+)?$"
_WHOLE = r"^[+-]?[0-9]+([.,]0{1,2})?$"
# "5,790" is five or five thousand; only a column with three decimals can tell.
MAY_MEAN_THOUSANDS = r"^[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}$"
_THREE_DECIMALS = 3
_AMOUNT_DIGITS = 18
_MAX_EXAMPLES = 5
_MAX_LENGTH = 60
_MAX_COLUMNS = 20


def spelled(column: str) -> str:
    """Return the name of the mark that a cell of ``column`` was misspelt."""
    return f"spelling__{column}"


def parse_table(rows: ir.Table, spec: RawTableSpec) -> ir.Table:
    """Give every cell its type; call it only on tables without problems.

    Args:
        rows: One row per data row of the file, text columns and ``row_number``.
        spec: What the columns mean.

    Returns:
        The same rows: ``row_number``, the columns under this project's names, and a boolean
        ``spelling__<column>`` for each category column. Cells that cannot be parsed are null.
    """
    parsed = {name: parse_cell(rows, column) for name, column in spec.columns.items()}
    marks = {
        spelled(name): rows[column.header].isin(list(column.spelling)).fill_null(False)
        for name, column in spec.categories().items()
        if column.spelling
    }
    return rows.select(row_number=rows.row_number, **parsed, **marks)


def parse_cell(rows: ir.Table, column: AnyColumn) -> ir.Value:
    """Return the typed value of one column; null where the cell is empty or wrong."""
    text = rows[column.header]
    match column:
        case NumberColumn():
            number = ibis.ifelse(_fits(text, column), text.replace(",", "."), ibis.null(str))
            kind = f"decimal({_AMOUNT_DIGITS}, {column.decimals})" if column.decimals else "int64"
            if not column.decimals:  # "3.0" is a whole number, but no engine casts it alike
                number = number.split(".")[0]
            return number.cast(kind)
        case FlagColumn():
            return (
                ibis.cases(
                    (text.isin(column.true), ibis.literal(True)),
                    (text.isin(column.false), ibis.literal(False)),
                )
            )  # fmt: skip
        case CategoryColumn():
            return _category(text, column)
        case _:
            return text


def is_number(text: ir.StringValue, column: NumberColumn) -> ir.BooleanValue:
    """Return whether a text is a plain number of the kind that the column holds."""
    pattern = _NUMBER if column.decimals else _WHOLE
    return text.re_search(pattern)


def _is_too_long(text: ir.StringValue, column: NumberColumn) -> ir.BooleanValue:
    digits = _AMOUNT_DIGITS - column.decimals
    return text.re_search(rf"^[+-]?[0-9]{{{digits + 1},}}([.,]|$)")


def _is_too_fine(text: ir.StringValue, column: NumberColumn) -> ir.BooleanValue:
    return text.re_search(rf"[.,][0-9]{{{column.decimals}}}[0-9]*[1-9]")


def _fits(text: ir.StringValue, column: NumberColumn) -> ir.BooleanValue:
    return is_number(text, column) & ~_is_too_long(text, column)


def outside(value: ir.NumericValue, column: NumberColumn) -> ir.BooleanValue:
    """Return whether a value is impossible: below the smallest or above the largest."""
    below = value < column.min if column.min is not None else ibis.literal(False)
    above = value > column.max if column.max is not None else ibis.literal(False)
    return below | above


def _category(text: ir.StringValue, column: CategoryColumn) -> ir.Value:
    names = column.values if isinstance(column.values, dict) else {v: v for v in column.values}
    known = dict(names) | {wrong: names[right] for wrong, right in column.spelling.items()}
    return ibis.cases(*((text == raw, ibis.literal(name)) for raw, name in known.items()))


@dataclass(frozen=True)
class Check:
    """One thing that may be wrong with the cells of one column.

    Attributes:
        bad: True where the cell is wrong.
        text: The message after "N row(s) ", before the examples.
        advice: What to do, after the examples.
    """

    header: str
    bad: ir.BooleanValue
    text: str
    advice: str


def file_problems(
    raw: Mapping[str, RawTable], tables: Mapping[str, RawTableSpec], where: str
) -> list[str]:
    """Find everything wrong with the files, their columns and their cells.

    Args:
        raw: Raw table name: the file.
        tables: Raw table name: what it should hold.
        where: Parameter block of ``tables``, for messages.

    Returns:
        One sentence per problem, in the order of the tables; empty when all is well.
    """
    problems = []
    for name, spec in tables.items():
        file, rows = raw[name].file, raw[name].rows
        problems += [f"{file}: {text}" for text in raw[name].problems]
        if rows is None:
            continue
        missing = [c.header for c in spec.columns.values() if c.header not in rows.columns]
        if missing:
            problems.append(missing_columns(raw[name], missing, f"{where}.tables.{name}.columns"))
        checks = list(_cell_checks(rows, name, spec, where))
        problems += [f"{file}, {text}" for text in run_checks(rows, checks)]
    return problems


def missing_columns(raw: RawTable, missing: Sequence[str], where: str) -> str:
    """Return the sentence about headers that a file should have and does not.

    Args:
        raw: The file, which could be read.
        missing: The headers.
        where: Parameter block of the headers, for the message.
    """
    columns = () if raw.rows is None else raw.rows.columns[1:]
    found = [repr(cut(column)) for column in columns]
    more = ", …" if len(found) > _MAX_COLUMNS else ""
    hint = "" if raw.encoding == "utf-8" else f" (read as {raw.encoding}, not UTF-8)"
    return (
        f"{raw.file}: no column {', '.join(map(repr, missing))}; the file has "
        f"{', '.join(found[:_MAX_COLUMNS])}{more}{hint}. Rename it in the file or set "
        f"its header in {where}"
    )


def _cell_checks(rows: ir.Table, table: str, spec: RawTableSpec, where: str) -> Iterator[Check]:
    for name, column in spec.columns.items():
        if column.header not in rows.columns:
            continue
        text = rows[column.header]
        place = f"{where}.tables.{table}.columns.{name}"
        if column.required:
            yield Check(column.header, text.isnull(), "are empty", "fill them in the file")
        if isinstance(column, NumberColumn):
            kind = "a number" if column.decimals else "a whole number"
            bad = text.notnull() & ~is_number(text, column)
            yield Check(column.header, bad, f"are not {kind}", "mend them in the file")
            number = is_number(text, column)
            too_long = number & _is_too_long(text, column)
            yield Check(column.header, too_long, "have too many digits", "mend them in the file")
            if 0 < column.decimals < _THREE_DECIMALS:
                yield Check(
                    column.header,
                    text.re_search(MAY_MEAN_THOUSANDS),
                    "may mean thousands or decimals",
                    f"write them without a separator of thousands, or set {place}.decimals to 3",
                )
            if column.decimals:
                yield Check(
                    column.header,
                    number & ~text.re_search(MAY_MEAN_THOUSANDS) & _is_too_fine(text, column),
                    f"have more than {column.decimals} decimals",
                    f"round them in the file or raise {place}.decimals",
                )
            if column.required and column.is_bounded:
                yield Check(
                    column.header,
                    outside(parse_cell(rows, column), column).fill_null(False),
                    "are outside the range, and the column may not be empty",
                    f"mend them in the file or edit {place}.min or .max",
                )
        elif isinstance(column, FlagColumn | CategoryColumn):
            known, keys = _known_texts(column)
            yield Check(
                column.header,
                text.notnull() & text.notin(known),
                f"hold an unknown value (known: {', '.join(map(repr, known))})",
                f"mend the file or edit {keys.format(place=place)}",
            )


def _known_texts(column: FlagColumn | CategoryColumn) -> tuple[list[str], str]:
    if isinstance(column, FlagColumn):
        return [*column.true, *column.false], "{place}.true or .false"
    return [*column.values, *column.spelling], "{place}.values or .spelling"


def run_checks(rows: ir.Table, checks: Sequence[Check]) -> list[str]:
    """Count all bad cells in one scan; fetch examples only where there are any."""
    if not checks:
        return []
    counts = rows.aggregate(
        **{f"check_{i}": check.bad.sum().fill_null(0) for i, check in enumerate(checks)}
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    problems = []
    for i, check in enumerate(checks):
        if count := counts[f"check_{i}"]:
            examples = (
                rows.filter(check.bad)
                .select("row_number", value=rows[check.header])
                .order_by("row_number")
                .limit(_MAX_EXAMPLES)
                .to_pyarrow()
                .to_pylist()
            )
            shown = ", ".join(
                f"row {e['row_number']}" + ("" if e["value"] is None else f" {cut(e['value'])!r}")
                for e in examples
            )
            problems.append(
                f"column {check.header!r}: {count} row(s) {check.text}: {shown}"
                f"{', …' if count > len(examples) else ''}; {check.advice}"
            )
    return problems


def cut(text: str) -> str:
    """Shorten a text for a message."""
    return text if len(text) <= _MAX_LENGTH else text[:_MAX_LENGTH] + "…"


def conflicting_keys(file: str, table: ir.Table, spec: RawTableSpec) -> list[str]:
    """Find keys that stand in several rows with different values.

    Args:
        file: File name, for the message.
        table: Parsed rows of that file.
        spec: Its key and columns.

    Returns:
        One sentence, or nothing. Exact copies of a row are no conflict.
    """
    table = table.drop_null(spec.key)  # an unknown key is another problem
    distinct = table.select(*spec.columns).distinct()
    conflicts = distinct.group_by(spec.key).aggregate(n=distinct.count()).filter(lambda t: t.n > 1)
    count = conflicts.count().execute()
    if not count:
        return []
    shown = conflicts.order_by(spec.key).limit(_MAX_EXAMPLES)
    places = (
        table.inner_join(shown, spec.key)
        .select(*spec.key, "row_number")
        .order_by(*spec.key, "row_number")
        .to_pyarrow()
        .to_pylist()
    )
    rows_of: dict[str, list[str]] = {}
    for place in places:
        key = " ".join(cut(str(place[name])) for name in spec.key)
        rows_of.setdefault(key, []).append(str(place["row_number"]))
    examples = ", ".join(f"{key} (rows {', '.join(rows)})" for key, rows in rows_of.items())
    key_headers = ", ".join(repr(spec.columns[name].header) for name in spec.key)
    return [
        f"{file}, key {key_headers}: {count} id(s) stand in several rows with different values: "
        f"{examples}{', …' if count > len(rows_of) else ''}; keep one row of each in the file"
    ]


def orphan_ids(files: Mapping[str, str], ids: Mapping[str, ir.Table], where: str) -> list[str]:
    """Find customers who are in one file and not in another.

    Args:
        files: Raw table: file name, for messages.
        ids: Raw table: its ``customer_id`` and ``row_number``.
        where: Parameter that would set such customers aside instead, for messages.

    Returns:
        One sentence per file that lacks ids.
    """
    if len(ids) < 2:  # noqa: PLR2004  # one file cannot miss an id of another
        return []
    everywhere = ibis.union(
        *(
            table.filter(table.customer_id.notnull())
            .group_by("customer_id")
            .aggregate(row_number=table.row_number.min())
            .mutate(file=ibis.literal(files[name]))
            for name, table in ids.items()
        )
    )
    shared = everywhere.group_by("customer_id").aggregate(files=everywhere.count())
    if not shared.filter(shared.files < len(ids)).count().execute():
        return []  # the usual case costs one query
    problems = []
    for name, table in ids.items():
        lost = everywhere.anti_join(table, "customer_id")
        count = lost.customer_id.nunique().execute()
        if not count:
            continue
        first = lost.group_by("customer_id").aggregate(file=lost.file.min())
        examples = (
            lost.semi_join(first, ["customer_id", "file"])
            .order_by("customer_id")
            .limit(_MAX_EXAMPLES)
            .to_pyarrow()
            .to_pylist()
        )
        shown = ", ".join(
            f"{cut(e['customer_id'])} ({e['file']} row {e['row_number']})" for e in examples
        )
        problems.append(
            f"{files[name]}: {count} id(s) of the other files are not here: {shown}"
            f"{', …' if count > len(examples) else ''}; export the files again for the same "
            f"customers, or set {where} to quarantine"
        )
    return problems

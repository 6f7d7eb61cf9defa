"""A delimited text file read by Spark: every cell stays text, every line keeps its number."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_BROKEN = "personal_offers_broken_line"
_MAX_EXAMPLES = 5
_PARTITION_BITS = 33  # monotonically_increasing_id: the partition above, the row in it below


@dataclass(frozen=True)
class TextForm:
    """How a file is written.

    Attributes:
        header: Its column names.
        delimiter: Its separator.
        encoding: As Python calls it.
        trim: Characters taken away around cells; null: cells stay as they are.
        newlines_in_cells: Whether a quoted cell may hold a line end. Spark reads such a file in
            one piece.
    """

    header: Sequence[str]
    delimiter: str
    encoding: str
    trim: str | None
    newlines_in_cells: bool


@dataclass(frozen=True)
class SparkCells:
    """What stands in a file.

    Attributes:
        rows: Grain: one row per line under the header that has as many cells: row_number (the
            first line is 1) and a text per column; an empty cell is null.
        count: How many rows there are.
        ragged: How many lines have another number of cells than the header.
        examples: Up to five of these: row number and text.
    """

    rows: DataFrame
    count: int
    ragged: int
    examples: Sequence[tuple[int, str]]


def read_cells(session: Any, path: Path, form: TextForm, row_number: str) -> SparkCells:
    """Read a file as text cells, in one look at the whole of it.

    Args:
        session: The Spark session.
        path: The file; ``.gz`` is unpacked, in one piece.
        form: How it is written.
        row_number: Name of the column of row numbers.
    """
    from pyspark.sql import functions as sf

    cells = _numbered(session, _parsed(session, path, form), row_number)
    # Spark refuses queries that look at nothing but the broken lines.
    first, broken = sf.col(_quoted(form.header[0])), sf.col(_BROKEN)
    found = cells.agg(sf.count("*"), sf.count(broken), sf.count(first)).collect()[0]
    examples = []
    if found[1]:
        lines = cells.filter(broken.isNotNull()).select(row_number, broken, first)
        examples = [(r[0], r[1]) for r in lines.orderBy(row_number).limit(_MAX_EXAMPLES).collect()]
        cells = cells.filter(broken.isNull())
    columns = [_cell(name, form.trim).alias(name) for name in form.header]
    return SparkCells(cells.select(row_number, *columns), found[0] - found[1], found[1], examples)


def _parsed(session: Any, path: Path, form: TextForm) -> DataFrame:
    from pyspark.sql.types import StringType, StructField, StructType

    names = [*form.header, _BROKEN]
    schema = StructType([StructField(name, StringType()) for name in names])
    return session.read.csv(  # type: ignore[no-any-return]
        path.absolute().as_uri(),
        schema=schema,
        sep=form.delimiter,
        encoding=form.encoding,
        quote='"',
        escape='"',  # a quote inside a quoted cell is doubled; Spark expects a backslash
        header=True,
        enforceSchema=True,
        # Where a letter has two bytes, half of one can look like the end of a line.
        multiLine=form.newlines_in_cells or codecs.lookup(form.encoding).name.startswith("utf-16"),
        mode="PERMISSIVE",
        columnNameOfCorruptRecord=_BROKEN,
        maxCharsPerColumn=-1,
        emptyValue="",
    )


def _numbered(session: Any, parsed: DataFrame, row_number: str) -> DataFrame:
    """Number rows through all partitions; only the sizes of the partitions come to the driver."""
    from pyspark.sql import functions as sf

    place = sf.monotonically_increasing_id()
    within = place.bitwiseAND(sf.lit((1 << _PARTITION_BITS) - 1))
    number = within + sf.lit(1)
    if parsed._jdf.rdd().getNumPartitions() > 1:  # without a Python process each
        partition = sf.shiftright(place, _PARTITION_BITS)
        sizes = parsed.groupBy(partition.alias("partition")).count().collect()
        size_of = {row["partition"]: row["count"] for row in sizes}
        before, offsets = 0, []
        for index in range(max(size_of, default=-1) + 1):
            offsets.append(before)
            before += size_of.get(index, 0)
        known = sf.array(*[sf.lit(offset).cast("bigint") for offset in offsets])
        number = number + sf.element_at(known, (partition + 1).cast("int"))
    return parsed.select(number.alias(row_number), *[sf.col(_quoted(c)) for c in parsed.columns])


def _cell(name: str, trim: str | None) -> Any:
    from pyspark.sql import functions as sf

    text = sf.col(_quoted(name))
    if trim is not None:
        text = sf.btrim(text, sf.lit(trim))
    return sf.nullif(text, sf.lit(""))


def _quoted(name: str) -> str:
    """Return a name as Spark's own text form of columns, in which a dot means a part."""
    return "`" + name.replace("`", "``") + "`"

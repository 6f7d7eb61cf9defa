"""Spark through Ibis, made to mean what DuckDB means.

Four things differ that no configuration of Spark settles: results come through pandas, which
turns whole numbers with gaps into floating point; DuckDB's reader of dates takes strptime forms;
a group of a pattern is written ``$1``; and tables made in Python lose their types on the way in.
"""

from __future__ import annotations

import re
import shutil
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.schema as sch
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import sqlglot as sg
import sqlglot.expressions as sge
from ibis.backends.duckdb.converter import DuckDBPandasData
from ibis.backends.pyspark import Backend
from ibis.backends.sql.compilers.base import NULL, SQLGlotCompiler
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from ibis.formats.pyarrow import PyArrowData
from ibis.util import gen_name
from kedro.io import DatasetError

# Settings that the same results rest on; those of the configuration come on top of them.
_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    # A time of the shop is local time without a zone, as in DuckDB.
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    # A cell that cannot be cast is an error, never a silent null.
    "spark.sql.ansi.enabled": "true",
    # An empty cell stays in the JSON text of a quarantined row.
    "spark.sql.jsonGenerator.ignoreNullFields": "false",
    # A line is judged whole, whichever columns a query asks for.
    "spark.sql.csv.parser.columnPruning.enabled": "false",
    # Files in cp1251 and the like; without it Spark reads Unicode and ISO 8859-1 only.
    "spark.sql.legacy.javaCharsets": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.arrow.pyspark.fallback.enabled": "false",
}
_MISREAD = "\a\f\v"  # characters that sqlglot escapes in a way that Spark does not know
_LAST_YEAR, _LAST_YEAR_OF_TWO_DIGITS = 9999, 2068
# Directives of strptime as patterns of Java: read with one digit or two, and next to another number
# of fixed width.
_DIRECTIVES = {
    "Y": ("y", "yyyy"),
    "m": ("M", "MM"),
    "d": ("d", "dd"),
    "H": ("H", "HH"),
    "I": ("h", "hh"),
    "M": ("m", "mm"),
    "S": ("s", "ss"),
    "y": ("yy", "yy"),
    "f": ("SSSSSS", "SSSSSS"),
    "b": ("MMM", "MMM"),
    "B": ("MMMM", "MMMM"),
    "p": ("a", "a"),
}


def start_spark(master: str | None, settings: Mapping[str, Any]) -> SparkBackend:
    """Start a Spark session, or join the one that this process already has.

    Args:
        master: Where Spark runs: ``local[*]``, ``spark://host:7077``, ``yarn``, …; null: as
            ``spark-submit`` or the environment says.
        settings: ``spark.…`` settings on top of those that equal results need.

    Returns:
        The Ibis backend.

    Raises:
        DatasetError: When pyspark is not installed.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise DatasetError(
            "pyspark is not installed: pip install -r requirements/spark.txt (it needs Java 17)"
        ) from error
    builder = SparkSession.builder.appName("personal_offers")
    if master is not None:
        builder = builder.master(master)
    for name, value in (_SETTINGS | dict(settings)).items():
        builder = builder.config(name, str(value))
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    SparkBackend.register_options()  # Ibis does so only for the backend that it names itself
    backend: SparkBackend = SparkBackend().connect(session)
    return backend


def java_form(form: str) -> str:
    """Return the pattern by which Java reads what a strptime form describes.

    Args:
        form: Such as ``%m/%d/%Y %H:%M``; numbers may have a digit less, as in DuckDB, unless two of
            them touch. (They may also have a digit more, and a form without a year means 1970:
            DuckDB reads no such number, and means 1900.)

    Raises:
        ValueError: When a directive has no counterpart.
    """
    parts, place = [], 0
    while place < len(form):
        if form[place] != "%":
            letter = form[place]
            is_sign = letter.isalpha() or letter in "[]{}#"  # has a meaning to Java
            parts.append(f"'{letter}'" if is_sign else "''" if letter == "'" else letter)
            place += 1
            continue
        name = form[place + 1 : place + 2]
        if name not in _DIRECTIVES:
            raise ValueError(f"%{name} of the date form {form!r} cannot be read on Spark")
        touches = form[place + 2 : place + 3] == "%" or (place > 1 and form[place - 2] == "%")
        parts.append(_DIRECTIVES[name][touches])
        place += 2
    return "".join(parts)


class _Compiler(PySparkCompiler):  # type: ignore[misc]  # Ibis has no types
    """Spark's SQL with DuckDB's meaning where Ibis leaves the two different."""

    __slots__ = ()
    SIMPLE_OPS: ClassVar[dict[Any, str]] = {}  # Ibis would write those of Spark over what is below

    def visit_NonNullLiteral(self, op: Any, *, value: Any, dtype: Any) -> Any:
        """Keep the width of whole numbers, an INT to Spark, and every character of a text."""
        if dtype.is_int64():
            return self.cast(value, dtype)
        if dtype.is_string():
            return self._text(value)
        return super().visit_NonNullLiteral(op, value=value, dtype=dtype)

    def _text(self, value: str) -> Any:
        r"""Write a text; what sqlglot escapes as ``\v`` or ``\f`` is the letter v or f to Spark."""
        parts = [
            self.f.chr(ord(part)) if part in _MISREAD else sge.convert(part)
            for part in re.split(f"([{_MISREAD}])", value)
            if part
        ]
        return self.f.concat(*parts) if len(parts) > 1 else parts[0] if parts else sge.convert("")

    def _trim(self, arg: Any, position: str) -> Any:
        return sge.Trim(this=arg, position=position, expression=self._text(string.whitespace))

    def visit_Strip(self, op: Any, *, arg: Any) -> Any:
        """Take away the white space that DuckDB takes away."""
        return self._trim(arg, "BOTH")

    def visit_LStrip(self, op: Any, *, arg: Any) -> Any:
        """Take away any white space; Ibis takes spaces only."""
        return self._trim(arg, "LEADING")

    def visit_RStrip(self, op: Any, *, arg: Any) -> Any:
        """Take away any white space; Ibis takes spaces only."""
        return self._trim(arg, "TRAILING")

    def visit_IsNull(self, op: Any, *, arg: Any) -> Any:
        """Ask for nulls alone; Ibis takes NaN for one on Spark."""
        return SQLGlotCompiler.visit_IsNull(self, op, arg=arg)

    def visit_NotNull(self, op: Any, *, arg: Any) -> Any:
        """Ask for nulls alone; Ibis takes NaN for one on Spark."""
        return SQLGlotCompiler.visit_NotNull(self, op, arg=arg)

    def visit_IsNan(self, op: Any, *, arg: Any) -> Any:
        """Say nothing of a null; to Spark it is a number."""
        return self.if_(arg.is_(NULL), NULL, self.f.isnan(arg))

    def visit_IsInf(self, op: Any, *, arg: Any) -> Any:
        """Say nothing of a null, which Ibis may call finite."""
        return arg.isin(self.POS_INF, self.NEG_INF)

    def visit_ScalarUDF(self, op: Any, **kw: Any) -> Any:  # named by Ibis
        """Read dates as DuckDB's try_strptime does."""
        if op.__func_name__ != "try_strptime":
            return super().visit_ScalarUDF(op, **kw)
        text, forms = kw["text"], op.args[1]
        read = [self._time(text, form.value) for form in forms.exprs]
        return self.f.coalesce(*read) if len(read) > 1 else read[0]

    def _time(self, text: Any, form: str) -> Any:
        """Read a time in one form, with the years that strptime knows: 0 to 9999, 1969 to 2068."""
        found = self.f.try_to_timestamp(self._trim(text, "BOTH"), java_form(form))
        year = self.f.anon.year(found)
        if "%y" in form:
            century = sge.Interval(this=sge.convert(100), unit=self.v.YEAR)
            return self.if_(year > _LAST_YEAR_OF_TWO_DIGITS, found - century, found)
        if "%Y" in form:
            return self.if_(sg.or_(year < 0, year > _LAST_YEAR), NULL, found)
        return found

    def visit_RegexReplace(self, op: Any, *, arg: Any, pattern: Any, replacement: Any) -> Any:
        """Write the groups of a pattern as Java does."""
        if isinstance(op.replacement, ops.Literal):
            plain = op.replacement.value.replace("$", r"\$")
            replacement = re.sub(r"\\([0-9])", r"$\1", plain)
        return self.f.regexp_replace(arg, pattern, replacement)

    def visit_StringSplit(self, op: Any, *, arg: Any, delimiter: Any) -> Any:
        """Split at a text as it is written; to Spark it is a pattern, and a dot any letter."""
        return self.f.split(arg, self.f.concat(r"\Q", delimiter, r"\E"))

    def visit_TimestampTruncate(self, op: Any, *, arg: Any, unit: Any) -> Any:
        """Take away the zone that date_trunc adds."""
        return self.cast(super().visit_TimestampTruncate(op, arg=arg, unit=unit), op.dtype)

    visit_DateTruncate = visit_TimestampTruncate

    def visit_Cast(self, op: Any, *, arg: Any, to: Any) -> Any:
        """Round where Spark cuts digits off: halves of floats to even, of decimals away."""
        if to.is_integer() and op.arg.dtype.is_floating():
            arg = self.f.rint(arg)
        elif to.is_integer() and op.arg.dtype.is_decimal():
            arg = self.f.round(arg, 0)
        return super().visit_Cast(op, arg=arg, to=to)

    def visit_WindowFunction(self, op: Any, **kw: Any) -> Any:
        """Count places in 64 bits, as Ibis takes them to be: Spark's are an INT."""
        found = super().visit_WindowFunction(op, **kw)
        is_place = isinstance(op.func, ops.RankBase | ops.NTile)
        return self.cast(found, op.dtype) if is_place else found

    def visit_Greatest(self, op: Any, *, arg: Any) -> Any:
        """Take the only column for the largest: Spark wants two or more."""
        return self.f.greatest(*arg) if len(arg) > 1 else arg[0]

    def visit_Least(self, op: Any, *, arg: Any) -> Any:
        """Take the only column for the smallest: Spark wants two or more."""
        return self.f.least(*arg) if len(arg) > 1 else arg[0]

    def visit_Divide(self, op: Any, *, left: Any, right: Any) -> Any:
        """Divide as floats and by zero, which Spark refuses."""
        left, right = self.cast(left, dt.float64), self.cast(right, dt.float64)
        if isinstance(op.right, ops.Literal) and op.right.value:
            return sge.Div(this=sge.paren(left), expression=sge.paren(right))
        infinite = sge.Case(
            ifs=[
                # NaN first: to Spark it is above every number.
                self.if_(sg.or_(left.eq(0), self.f.isnan(left)), self.NAN),
                self.if_(left > 0, self.POS_INF),
                self.if_(left < 0, self.NEG_INF),
            ]
        )
        quotient = sge.Div(this=sge.paren(left), expression=sge.paren(right))
        return self.if_(right.eq(0), infinite, quotient)


class SparkBackend(Backend):  # type: ignore[misc]  # Ibis has no types
    """Ibis on Spark whose results have the types that DuckDB's have."""

    compiler = _Compiler()

    def get_schema(self, *args: Any, **kwargs: Any) -> Any:
        """Return the columns of a table; times are local and have microseconds, as in DuckDB."""
        found = super().get_schema(*args, **kwargs)
        local = dt.Timestamp(scale=6)
        return sch.Schema(
            {name: local if kind.is_timestamp() else kind for name, kind in found.items()}
        )

    def to_pyarrow(
        self,
        expr: ir.Expr,
        /,
        *,
        params: Mapping[ir.Scalar, Any] | None = None,
        limit: int | str | None = None,
        **_: Any,
    ) -> Any:
        """Return a result as Arrow's table, column or value, without pandas in between."""
        self._run_pre_execute_hooks(expr)
        table = expr.as_table()
        found = self._session.sql(self.compile(table, params=params, limit=limit)).toArrow()
        found = PyArrowData.convert_table(_without_zones(found), table.schema())
        return expr.__pyarrow_result__(found)

    def execute(
        self,
        expr: ir.Expr,
        /,
        *,
        params: Mapping[ir.Scalar, Any] | None = None,
        limit: int | str | None = None,
        **_: Any,
    ) -> Any:
        """Return a result as a frame, column or value with the types that DuckDB gives."""
        table = self.to_pyarrow(expr.as_table(), params=params, limit=limit)
        frame = pd.DataFrame(
            {
                name: column.to_pylist()
                if pa.types.is_nested(column.type) or column.null_count
                else column.to_pandas()
                for name, column in zip(table.column_names, table.columns, strict=True)
            }
        )
        frame = DuckDBPandasData.convert_table(frame, expr.as_table().schema())
        return expr.__pandas_result__(frame)

    def _register_in_memory_table(self, op: ops.InMemoryTable) -> None:
        """Show a table made in Python to Spark, with the types that it has there."""
        rows = op.data.to_pyarrow(op.schema)
        self._session.createDataFrame(rows).createOrReplaceTempView(op.name)

    def _create_cached_table(self, name: str, expr: ir.Table) -> Any:
        """Keep a table; Ibis forgets the tables made in Python that it may rest on."""
        self._run_pre_execute_hooks(expr)
        return super()._create_cached_table(name, expr)

    def read_parquet(
        self, path: str | Path, /, *, table_name: str | None = None, **kwargs: Any
    ) -> ir.Table:
        """Show a file or folder of Parquet, where Python would find it.

        A cluster's own file system is often another one than that of the machines.

        Args:
            path: Local, or with a scheme (``s3a://…``).
            table_name: Name of the view; null: a new one.
            **kwargs: As in pyspark's ``DataFrameReader.parquet``.
        """
        frame = self._session.read.parquet(_address(path), **kwargs)
        name = table_name or gen_name("read_parquet")
        frame.createOrReplaceTempView(name)
        return self.table(name)

    def write_parquet(self, expr: ir.Table, path: str) -> None:
        """Write a folder of Parquet files, in place of an older one when it is whole.

        Args:
            expr: The table; its order is that of the files by name.
            path: The folder; it may have been a file, as DuckDB writes.
        """
        self._run_pre_execute_hooks(expr)
        frame = self._session.sql(self.compile(expr))
        if "://" in path:
            frame.write.mode("overwrite").parquet(path)
            return
        whole, part = Path(path).absolute(), Path(f"{path}.part").absolute()
        shutil.rmtree(part, ignore_errors=True)
        try:
            frame.write.parquet(_address(part))
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        if whole.is_dir():
            shutil.rmtree(whole)
        else:
            whole.unlink(missing_ok=True)
        part.rename(whole)


def _address(path: str | Path) -> str:
    return str(path) if "://" in str(path) else Path(path).absolute().as_uri()


def _without_zones(table: pa.Table) -> pa.Table:
    """Return times as the shop's local time, which Spark may give in a zone (UTC)."""
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.tz:
            column = table.column(place).cast(pa.timestamp("us"))
            table = table.set_column(place, field.name, column)
    return table

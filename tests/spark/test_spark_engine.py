"""One expression means the same on both engines: values, types, and what is left on the disk."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kedro.io import DatasetError
from pandas.testing import assert_frame_equal

from personal_offers.datasets import IbisParquetDataset
from personal_offers.engines import connect
from tests.spark.conftest import Engines

NAN, INF = math.nan, math.inf
BEYOND_FLOATS = 2**53 + 1  # the first whole number that a float cannot hold
Make = Callable[[Any], Any]


@ibis.udf.scalar.builtin(name="try_strptime")
def read_time(text: str, forms: dt.Array(str)) -> dt.Timestamp(scale=6):
    """As the intake of order lines declares it."""


def table_of(values: Sequence[Any], kind: str, **others: Sequence[Any]) -> ir.Table:
    """Make a table of a column x, numbered; nulls and NaN stay apart."""
    x = pa.array(values, type=ibis.dtype(kind).to_pyarrow())
    return ibis.memtable(pa.table({"row": range(len(values)), "x": x, **others}))


def of_both(engines: Engines, expr: ir.Table) -> list[pa.Table]:
    return [engine.to_pyarrow(expr) for engine in engines]


def assert_gives(
    engines: Engines, values: Sequence[Any], kind: str, make: Make, expected: Sequence[Any]
) -> None:
    """Compare what both engines make of a column, to the last bit, and its type."""
    table = table_of(values, kind)
    expr = table.select("row", y=make(table.x)).order_by("row")
    on_duckdb, on_spark = of_both(engines, expr)
    # As text, in which NaN equals NaN, and 1 does not equal 1.0 or true.
    assert repr(on_duckdb["y"].to_pylist()) == repr(list(expected))
    assert repr(on_spark["y"].to_pylist()) == repr(list(expected))
    assert ibis.Schema.from_pyarrow(on_spark.schema) == ibis.Schema.from_pyarrow(on_duckdb.schema)


def case(name: str, values: Sequence[Any], make: Make, expected: Sequence[Any]) -> Any:
    return pytest.param(values, make, expected, id=name)


# --- dates and times -------------------------------------------------------------------------


def t(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("forms", "texts", "expected"),
    [
        pytest.param(
            ["%Y-%m-%d"],
            ["2020-01-05", "2020-1-5", "2020-02-29", "20-01-05", " 2020-01-05\t", None],
            [t(2020, 1, 5), t(2020, 1, 5), t(2020, 2, 29), t(20, 1, 5), t(2020, 1, 5), None],
            id="one digit and two",
        ),
        pytest.param(
            ["%Y-%m-%d"],
            ["2019-02-29", "2020-02-30", "2020-04-31", "2020-13-01", "2020-00-10", "12020-01-01"],
            [None] * 6,
            id="dates that there are not",
        ),
        pytest.param(
            ["%Y-%m-%d"],
            ["2020-01-05x", "2020-01-05 10:00", "2020-01", "05.01.2020", "bad", ""],
            [None] * 6,
            id="other texts",
        ),
        pytest.param(
            ["%m/%d/%Y %H:%M"],
            ["12/1/2010 8:26", "2/3/2010 18:05", "13/1/2010 8:26", "12/1/2010 24:00"],
            [t(2010, 12, 1, 8, 26), t(2010, 2, 3, 18, 5), None, None],
            id="month first",
        ),
        pytest.param(
            ["%Y%m%d%H"],
            ["2018100103", "2018023003", "2018100124"],
            [t(2018, 10, 1, 3), None, None],
            id="digits that touch",
        ),
        pytest.param(
            ["%d.%m.%y"],
            ["1.2.68", "1.2.69", "29.2.72", "1.2.00", "1.2.2020"],
            [t(2068, 2, 1), t(1969, 2, 1), t(1972, 2, 29), t(2000, 2, 1), None],
            id="years of two digits",
        ),
        pytest.param(
            ["%d.%m.%Y %H:%M:%S.%f"],
            ["1.2.2020 3:04:05.123456", "1.2.2020 3:04:05.12", "1.2.2020 3:04:05.1234567"],
            [t(2020, 2, 1, 3, 4, 5, 123456), t(2020, 2, 1, 3, 4, 5, 120000), None],
            id="parts of seconds",
        ),
        pytest.param(
            ["%d %b %Y %I:%M %p"],
            ["1 Jan 2020 8:26 PM", "02 MAY 2020 12:00 am", "1 Jan 2020 13:00 PM"],
            [t(2020, 1, 1, 20, 26), t(2020, 5, 2), None],
            id="names of months and halves of days",
        ),
        pytest.param(["%d %B %Y"], ["1 January 2020"], [t(2020, 1, 1)], id="full names"),
        pytest.param(
            ["[%Y-%m-%dT%H:%M:%S]"],
            ["[2020-01-02T03:04:05]", "2020-01-02T03:04:05"],
            [t(2020, 1, 2, 3, 4, 5), None],
            id="letters and signs of Java",
        ),
        pytest.param(
            ["%m/%d/%Y", "%d/%m/%Y"],
            ["1/2/2020", "13/2/2020", "13/13/2020"],
            [t(2020, 1, 2), t(2020, 2, 13), None],
            id="the first form that fits",
        ),
    ],
)
def test_times_are_read_by_the_forms_of_strptime(
    engines: Engines, forms: list[str], texts: list[Any], expected: list[Any]
) -> None:
    assert_gives(engines, texts, "string", lambda x: read_time(x, ibis.array(forms)), expected)


def test_form_of_a_date_becomes_a_pattern_of_java() -> None:
    from personal_offers.spark_engine import java_form

    assert java_form("%m/%d/%Y %H:%M") == "M/d/y H:m"
    assert java_form("%Y%m%d") == "yyyyMMdd"
    assert java_form("%dT%H o'clock") == "d'T'H 'o''''c''l''o''c''k'"


@pytest.mark.parametrize("form", ["%j", "%Y-%m-%d %Z", "%d%%", "%Y-%"])
def test_form_without_a_counterpart_is_refused(form: str) -> None:
    from personal_offers.spark_engine import java_form

    with pytest.raises(ValueError, match="cannot be read on Spark"):
        java_form(form)


TIMES = [t(2020, 1, 2, 3, 4, 5, 123456), t(2020, 5, 31, 23, 59), None]


@pytest.mark.parametrize(
    ("values", "make", "expected"),
    [
        case("month", TIMES, lambda x: x.truncate("M"), [t(2020, 1, 1), t(2020, 5, 1), None]),
        case("week", TIMES, lambda x: x.truncate("W"), [t(2019, 12, 30), t(2020, 5, 25), None]),
        case(
            "hour", TIMES, lambda x: x.truncate("h"), [t(2020, 1, 2, 3), t(2020, 5, 31, 23), None]
        ),
        case(
            "week of a day",
            TIMES,
            lambda x: x.date().truncate("W"),
            [date(2019, 12, 30), date(2020, 5, 25), None],
        ),
        case("as it is", TIMES, lambda x: x, TIMES),
        case(
            "beside a time", TIMES, lambda x: x > ibis.literal(t(2020, 2, 1)), [False, True, None]
        ),
        case("weekday", TIMES, lambda x: x.day_of_week.index(), [3, 6, None]),
    ],
)
def test_times_have_microseconds_and_no_zone(
    engines: Engines, values: list[Any], make: Make, expected: list[Any]
) -> None:
    assert_gives(engines, values, "timestamp(6)", make, expected)


def test_times_in_a_zone_are_read_as_local_ones_of_utc(engines: Engines, tmp_path: Path) -> None:
    path = tmp_path / "times.parquet"
    times = pa.array([t(2020, 1, 2, 3, 4, 5, 123456)], pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"at": times}), path)

    table = engines.spark.read_parquet(str(path))

    assert table.schema() == ibis.schema({"at": dt.Timestamp(scale=6)})
    found = engines.spark.to_pyarrow(table)
    assert found.schema == pa.schema({"at": pa.timestamp("us")})
    assert found["at"].to_pylist() == [t(2020, 1, 2, 3, 4, 5, 123456)]


# --- numbers ---------------------------------------------------------------------------------

HALVES = [2.5, -2.5, 0.5, 1.5, 3.4, None]


@pytest.mark.parametrize(
    ("values", "make", "expected"),
    [
        case("to int64", HALVES, lambda x: x.cast("int64"), [2, -2, 0, 2, 3, None]),
        case("to int32", HALVES, lambda x: x.cast("int32"), [2, -2, 0, 2, 3, None]),
        case("by 0", [1.0, -1.0, 0.0, NAN, None], lambda x: x / 0, [INF, -INF, NAN, NAN, None]),
        case("by itself", [2.0, 0.0, NAN, INF], lambda x: x / x, [1.0, NAN, NAN, NAN]),
        case("by a number", [2.0, INF, NAN, None], lambda x: x / 4, [0.5, INF, NAN, None]),
        case("null", [1.0, NAN, None], lambda x: x.isnull(), [False, False, True]),
        case("not null", [1.0, NAN, None], lambda x: x.notnull(), [True, True, False]),
        case("for null", [1.0, NAN, None], lambda x: x.fill_null(9), [1.0, NAN, 9.0]),
        case("NaN", [1.0, NAN, None], lambda x: x.isnan(), [False, True, None]),
        case("infinity", [1.0, NAN, -INF, None], lambda x: x.isinf(), [False, False, True, None]),
        case("largest", [1.0, NAN, INF], lambda x: x.max(), [NAN] * 3),
    ],
)
def test_floats(engines: Engines, values: list[Any], make: Make, expected: list[Any]) -> None:
    assert_gives(engines, values, "float64", make, expected)


def test_quantiles_of_a_column_may_be_asked_at_once(engines: Engines) -> None:
    table = ibis.memtable({"x": [1, 2, 3, 4, 10, None]}, schema={"x": "int64"})
    asked = table.aggregate(at=table.x.quantile([1 / 3, 0.5, 1.0]))

    for engine in engines:
        found = engine.to_pyarrow(asked).to_pylist()[0]["at"]
        assert found == pytest.approx([7 / 3, 3.0, 10.0], abs=1e-12)


MONEY = [Decimal("2.50"), Decimal("-2.50"), Decimal("0.49"), None]


@pytest.mark.parametrize(
    ("values", "make", "expected"),
    [
        case("to int64", MONEY, lambda x: x.cast("int64"), [3, -3, 0, None]),
        case("by a decimal", MONEY, lambda x: x / Decimal("0.4"), [6.25, -6.25, 0.49 / 0.4, None]),
        case("by a number", MONEY, lambda x: x / 4, [0.625, -0.625, 0.49 / 4, None]),
        case("by 0", MONEY, lambda x: x / 0, [INF, -INF, INF, None]),
        case("by itself", MONEY, lambda x: x / x, [1.0, 1.0, 1.0, None]),
    ],
)
def test_decimals(engines: Engines, values: list[Any], make: Make, expected: list[Any]) -> None:
    assert_gives(engines, values, "decimal(18, 2)", make, expected)


WHOLE = [7, -7, 0, None, BEYOND_FLOATS]


@pytest.mark.parametrize(
    ("values", "make", "expected"),
    [
        case("by a number", WHOLE[:4], lambda x: x / 2, [3.5, -3.5, 0.0, None]),
        case("by 0", WHOLE, lambda x: x / (x - x), [INF, -INF, NAN, None, INF]),
        case("through a number", [4, 0, None], lambda x: 1 / x, [0.25, INF, None]),
        case("literal", [1], lambda x: ibis.literal(3), [3]),
        case("wide literal", [1], lambda x: ibis.literal(BEYOND_FLOATS), [BEYOND_FLOATS]),
        case("beside a literal", WHOLE, lambda x: x + 1, [8, -6, 1, None, 2**53 + 2]),
        case("sum", [2**40, 1], lambda x: x.sum(), [2**40 + 1] * 2),
        case("largest of one", WHOLE, ibis.greatest, WHOLE),
        case("smallest of one", WHOLE, ibis.least, WHOLE),
        case("largest of two", [1, 9], lambda x: ibis.greatest(x, 5), [5, 9]),
        case("smallest of two", [1, 9], lambda x: ibis.least(x, 5), [1, 5]),
        case("row", [5, 3, 4], lambda x: ibis.row_number().over(order_by=x), [2, 0, 1]),
        case("rank", [5, 3, 3], lambda x: ibis.rank().over(order_by=x), [2, 0, 0]),
        case("dense rank", [5, 3, 3], lambda x: ibis.dense_rank().over(order_by=x), [1, 0, 0]),
        case("ntile", [5, 3, 4], lambda x: ibis.ntile(2).over(order_by=x), [1, 0, 0]),
        case("share", [5, 3, 4], lambda x: ibis.percent_rank().over(order_by=x), [1.0, 0.0, 0.5]),
        case("one before", [5, 3], lambda x: x.lag().over(order_by=x), [3, None]),
    ],
)
def test_whole_numbers(
    engines: Engines, values: list[Any], make: Make, expected: list[Any]
) -> None:
    assert_gives(engines, values, "int64", make, expected)


# --- texts -----------------------------------------------------------------------------------

SPACED = ["  a b\t", "\v\fvf\f\v", "\r\nx\u00a0", "vf", "", None]
DOTTED = ["a.b", "a..b.", "[$]", "", None]


@pytest.mark.parametrize(
    ("values", "make", "expected"),
    [
        case("strip", SPACED, lambda x: x.strip(), ["a b", "vf", "x\u00a0", "vf", "", None]),
        case("left", SPACED, lambda x: x.lstrip(), ["a b\t", "vf\f\v", "x\u00a0", "vf", "", None]),
        case(
            "right",
            SPACED,
            lambda x: x.rstrip(),
            ["  a b", "\v\fvf", "\r\nx\u00a0", "vf", "", None],
        ),
        case(
            "odd characters", ["v", "\v", "a\v\f\a"], lambda x: x == "a\v\f\a", [False] * 2 + [True]
        ),
        case("one of them", ["f", "\f"], lambda x: x.endswith("\f"), [False, True]),
        case("quotes", ["a"], lambda x: x + "'\"\\n%\n", ["a'\"\\n%\n"]),
        case("no text", ["a", None], lambda x: x + "", ["a", None]),
        case(
            "dot",
            DOTTED,
            lambda x: x.split("."),
            [["a", "b"], ["a", "", "b", ""], ["[$]"], [""], None],
        ),
        case("sign", DOTTED[:3], lambda x: x.split("$"), [["a.b"], ["a..b."], ["[", "]"]]),
        case(
            "group",
            ["17850.0", "17850", "A.0", None],
            lambda x: x.re_replace(r"^([0-9]+)\.0$", r"\1"),
            ["17850", "17850", "A.0", None],
        ),
        case("two groups", ["ab ab"], lambda x: x.re_replace("(a)(b)", r"\2\1\0"), ["baab baab"]),
        case("money sign", ["5 USD"], lambda x: x.re_replace("USD", "$1"), ["5 $1"]),
        case(
            "no-break space",
            ["\u00a0 a b\t", "a"],
            lambda x: x.re_replace(r"^[\s\x{00A0}]+|[\s\x{00A0}]+$", ""),
            ["a b", "a"],
        ),
    ],
)
def test_texts(engines: Engines, values: list[Any], make: Make, expected: list[Any]) -> None:
    assert_gives(engines, values, "string", make, expected)


def test_groups_may_stand_in_a_column(engines: Engines) -> None:
    table = table_of(["aXb"], "string", instead=["-"])

    found = of_both(engines, table.select(y=table.x.re_replace("X", table.instead)))

    assert [result["y"].to_pylist() for result in found] == [["a-b"], ["a-b"]]


def test_other_functions_of_the_engine_are_called_by_their_name(engines: Engines) -> None:
    @ibis.udf.scalar.builtin(name="reverse")
    def backwards(text: str) -> str: ...

    assert_gives(engines, ["ab", None], "string", backwards, ["ba", None])


def test_text_that_is_no_number_is_an_error(engines: Engines) -> None:
    table = table_of(["1", "x"], "string")

    for engine in engines:
        with pytest.raises(Exception, match=r"(?i)could not convert|CAST_INVALID_INPUT"):
            engine.to_pyarrow(table.select(y=table.x.cast("int64")))


# --- results ---------------------------------------------------------------------------------


def test_whole_numbers_with_gaps_keep_every_digit(engines: Engines) -> None:
    # By way of floating point, as a frame holds them on either engine, a digit would be lost.
    table = table_of([BEYOND_FLOATS, None, 1], "int64").order_by("row")

    assert engines.spark.to_pyarrow(table.x).to_pylist() == [BEYOND_FLOATS, None, 1]
    frame = engines.spark.execute(table)
    assert_frame_equal(frame, engines.duckdb.execute(table))


def test_frames_have_the_types_that_duckdb_gives(engines: Engines) -> None:
    table = ibis.memtable(
        pa.table(
            {
                "row": [1, 2],
                "whole": [1, 2],
                "gaps": pa.array([1, None], pa.int64()),
                "short": pa.array([1, 2], pa.int32()),
                "float": [1.5, None],
                "text": ["a", None],
                "bool": [True, False],
                "money": pa.array([Decimal("1.50"), None], pa.decimal128(18, 2)),
                "at": pa.array([t(2020, 1, 2, 3), None], pa.timestamp("us")),
                "day": pa.array([date(2020, 1, 2), None]),
                "list": [[1, 2], None],
            }
        )
    ).order_by("row")

    on_duckdb, on_spark = (engine.execute(table) for engine in engines)

    assert_frame_equal(on_spark, on_duckdb)
    assert on_spark["whole"].dtype == np.int64
    assert on_spark["at"].dtype == "datetime64[us]"


def test_a_result_may_be_a_column_or_a_value(engines: Engines) -> None:
    table = table_of([1, 2, 5], "int64")

    for engine in engines:
        assert engine.execute(table.x.sum()) == 8
        assert engine.execute(table.x).sort_values().tolist() == [1, 2, 5]
        assert engine.to_pyarrow(table.x.max()).as_py() == 5
        assert len(engine.execute(table, limit=2)) == 2
        assert len(engine.to_pyarrow(table, limit=1)) == 1


def test_an_empty_result_keeps_its_types(engines: Engines) -> None:
    table = table_of([1, 2], "int64").filter(ibis._.x > 5)

    on_duckdb, on_spark = (engine.execute(table) for engine in engines)

    assert_frame_equal(on_spark, on_duckdb)


def test_kept_table_may_rest_on_one_made_in_python(engines: Engines, tmp_path: Path) -> None:
    path = tmp_path / "lines.parquet"
    pd.DataFrame({"id": [1, 2, 2], "price": [1.5, 2.5, 3.5]}).to_parquet(path)
    names = ibis.memtable({"id": [1, 2], "name": ["a", "b"]})

    for engine in engines:
        lines = engine.read_parquet(str(path))
        kept = lines.join(names, "id").group_by("name").agg(paid=lines.price.sum()).cache()
        with kept:
            assert kept.order_by("name").to_pyarrow().to_pylist() == [
                {"name": "a", "paid": 1.5},
                {"name": "b", "paid": 6.0},
            ]


# --- files -----------------------------------------------------------------------------------


def numbers(path: Path) -> list[int]:
    return sorted(pq.read_table(path)["x"].to_pylist())


def whole(*values: int) -> ir.Table:
    return table_of(values, "int64").select("x")


def broken() -> ir.Table:
    return table_of(["1", "x"], "string").select(x=ibis._.x.cast("int64"))


def test_parquet_replaces_a_file_and_then_its_own_folder(engines: Engines, tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    path.write_text("an older file")

    engines.spark.write_parquet(whole(1, 2), str(path))
    first = numbers(path)
    engines.spark.write_parquet(whole(3), str(path))

    assert (first, numbers(path)) == ([1, 2], [3])
    assert [p.name for p in tmp_path.iterdir()] == ["table.parquet"]


def test_files_have_the_types_of_the_expression(engines: Engines, tmp_path: Path) -> None:
    # A result in memory is cast to them; a file shows those that Spark itself computed with.
    table = table_of([t(2020, 1, 2, 3), None], "timestamp(6)")
    places = {
        "number": ibis.row_number(),
        "rank": ibis.rank(),
        "dense": ibis.dense_rank(),
        "tile": ibis.ntile(2),
    }
    expr = table.mutate(
        {name: place.over(order_by=table.row) for name, place in places.items()},
        month=table.x.truncate("M"),
        day_month=table.x.date().truncate("M"),
        one=ibis.literal(1, "int64"),
        whole=ibis.literal(2.5).cast("int32"),
        paid=ibis.literal(Decimal("1.5"), "decimal(18, 2)"),
        ratio=table.row / 2,
    )

    engines.spark.write_parquet(expr, str(tmp_path / "table.parquet"))

    (part,) = (tmp_path / "table.parquet").glob("*.parquet")
    assert pq.read_schema(part).types == expr.schema().to_pyarrow().types


def test_parquet_may_be_written_to_an_address(engines: Engines, tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"

    for values in ([1, 2], [3]):
        engines.spark.write_parquet(whole(*values), path.as_uri())

    assert numbers(path) == [3]


@pytest.mark.parametrize("older", ["file", "folder"])
def test_failed_query_leaves_the_older_table_as_it_was(
    engines: Engines, tmp_path: Path, older: str
) -> None:
    path = tmp_path / "table.parquet"
    if older == "file":
        pq.write_table(pa.table({"x": [1, 2]}), path)
    else:
        engines.spark.write_parquet(whole(1, 2), str(path))

    with pytest.raises(Exception, match="CAST_INVALID_INPUT"):
        engines.spark.write_parquet(broken(), str(path))

    assert numbers(path) == [1, 2]
    assert [p.name for p in tmp_path.iterdir()] == ["table.parquet"]


def test_what_an_interrupted_run_left_is_cleared_away(engines: Engines, tmp_path: Path) -> None:
    part = tmp_path / "table.parquet.part"
    part.mkdir()
    (part / "part-0.parquet").write_text("half of a file")

    engines.spark.write_parquet(whole(1), str(tmp_path / "table.parquet"))

    assert numbers(tmp_path / "table.parquet") == [1]
    assert not part.exists()


def test_each_engine_reads_and_replaces_what_the_other_wrote(
    engines: Engines, spark_connection: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "new" / "folder" / "table.parquet"
    on_duckdb = IbisParquetDataset(filepath=str(path))
    on_spark = IbisParquetDataset(filepath=str(path), connection=spark_connection)

    on_spark.save(whole(1, 2))
    from_spark = sorted(on_duckdb.load().x.to_pyarrow().to_pylist())
    on_duckdb.save(whole(3))
    is_file = path.is_file()
    from_duckdb = on_spark.load().x.to_pyarrow().to_pylist()
    on_spark.save(whole(4))

    assert (from_spark, from_duckdb, numbers(path)) == ([1, 2], [3], [4])
    assert is_file
    assert on_spark.preview(nrows=1)["data"] == [[4]]


# --- the session -----------------------------------------------------------------------------


def test_session_has_the_settings_of_the_configuration(engines: Engines) -> None:
    session = engines.spark._session

    assert session.conf.get("spark.sql.shuffle.partitions") == "2"
    assert session.conf.get("spark.sql.session.timeZone") == "UTC"
    assert session.conf.get("spark.sql.ansi.enabled") == "true"
    assert session.sparkContext.master == "local[2]"


def test_second_connection_joins_the_session(
    engines: Engines, spark_connection: dict[str, Any]
) -> None:
    again = connect(spark_connection)

    assert again._session.sparkContext is engines.spark._session.sparkContext


def test_without_pyspark_the_way_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from personal_offers.spark_engine import start_spark

    monkeypatch.setitem(sys.modules, "pyspark.sql", None)

    with pytest.raises(DatasetError, match=r"requirements/spark\.txt"):
        start_spark("local[1]", {})

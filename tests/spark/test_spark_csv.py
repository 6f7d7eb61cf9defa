"""Raw files as shops export them: Spark reads the rows and tells the problems that DuckDB does."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from personal_offers.datasets import RawCSVDataset
from tests.spark.conftest import Engines

# Separator, decimal comma, white space around cells, quotes, the separator in a cell, no cell
TEXT = 'id;Прибыль;Имя\n1;4,16;Анна\n2; 5,1 ;"Ёж «Ы»; б"\n3;;"два""кав"\n4;-0,5;№ 7\n'
CRLF = TEXT.replace("\n", "\r\n")
ROWS = [
    {"row_number": 1, "id": "1", "Прибыль": "4,16", "Имя": "Анна"},
    {"row_number": 2, "id": "2", "Прибыль": "5,1", "Имя": "Ёж «Ы»; б"},
    {"row_number": 3, "id": "3", "Прибыль": None, "Имя": 'два"кав'},
    {"row_number": 4, "id": "4", "Прибыль": "-0,5", "Имя": "№ 7"},
]


class Loaded(NamedTuple):
    """What a file holds; equal on both engines."""

    encoding: str
    rows: list[dict[str, Any]] | None
    problems: tuple[str, ...]


class Load(NamedTuple):
    """Load a file; both ways of Spark are compared with DuckDB, or what is known to differ."""

    on_duckdb: Callable[..., Loaded]
    on_spark: Callable[..., Loaded]

    def same(self, content: bytes, name: str = "table.csv", **options: Any) -> Loaded:
        """Return what all of them read."""
        expected = self.on_duckdb(content, name, **options)
        ways = [options | {"newlines_in_cells": way} for way in (True, False)]
        for way in [options] if "newlines_in_cells" in options else ways:
            assert self.on_spark(content, name, **way) == expected
        return expected


@pytest.fixture
def load(engines: Engines, spark_connection: dict[str, Any], tmp_path: Path) -> Load:
    """Write the bytes to a file and load it."""

    def on(connection: dict[str, Any]) -> Callable[..., Loaded]:
        def write_and_load(content: bytes, name: str = "table.csv", **options: Any) -> Loaded:
            path = tmp_path / name
            path.write_bytes(content)
            raw = RawCSVDataset(filepath=str(path), connection=connection, **options).load()
            rows = None
            if raw.rows is not None:
                rows = raw.rows.order_by("row_number").to_pyarrow().to_pylist()
            return Loaded(raw.encoding, rows, raw.problems)

        return write_and_load

    return Load(on({"engine": "duckdb"}), on(spark_connection))


@pytest.fixture
def small_parts(engines: Engines) -> Iterator[int]:
    """Spark cuts files of one line per row into parts of so many bytes."""
    name, size = "spark.sql.files.maxPartitionBytes", 4096
    before = engines.spark._session.conf.get(name)
    engines.spark._session.conf.set(name, str(size))
    yield size
    engines.spark._session.conf.set(name, before)


# --- good files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name", "encoding"),
    [
        pytest.param(TEXT.encode(), "t.csv", "utf-8", id="utf-8"),
        pytest.param(codecs.BOM_UTF8 + CRLF.encode(), "t.csv", "utf-8", id="BOM and CRLF"),
        pytest.param(CRLF.encode("cp1251"), "t.csv", "cp1251", id="windows-1251"),
        pytest.param(CRLF.encode("utf-16"), "t.csv", "utf-16", id="utf-16 little endian"),
        pytest.param(
            codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "t.csv", "utf-16", id="big endian"
        ),
        pytest.param(gzip.compress(CRLF.encode("cp1251")), "t.csv.gz", "cp1251", id="packed"),
        pytest.param(TEXT.replace("\n", "\r").encode(), "t.csv", "utf-8", id="CR alone"),
        pytest.param(TEXT.rstrip("\n").encode(), "t.csv", "utf-8", id="no last line end"),
    ],
)
def test_every_form_gives_the_same_rows(
    load: Load, content: bytes, name: str, encoding: str
) -> None:
    assert load.same(content, name) == (encoding, ROWS, ())


def test_tabs_separate_cells(load: Load) -> None:
    found = load.same(b'id\tx\n1\t"a\tb"\n2\t\n')

    assert [row["x"] for row in found.rows or []] == ["a\tb", None]


def test_encoding_of_western_europe_is_read(load: Load) -> None:
    found = load.same("id;x\n1;café\n".encode("latin-1"), encodings=("utf-8", "iso-8859-1"))

    assert found == ("iso-8859-1", [{"row_number": 1, "id": "1", "x": "café"}], ())


def test_quoted_line_ends_stay_in_their_cell(load: Load) -> None:
    found = load.same(b'id,x\n1,"two\nlines"\n\n2,plain\n3,"\n"\n', newlines_in_cells=True)

    assert [row["x"] for row in found.rows or []] == ["two\nlines", "plain", None]
    assert [row["row_number"] for row in found.rows or []] == [1, 2, 3]
    assert found.problems == ()


def test_cells_are_trimmed_and_empty_ones_are_null(load: Load) -> None:
    content = 'id;x\n1;\u00a0a\u00a0\n2;\u00a0\n\n;\n3;""\n4;" q "\n5;\t7\n007;NA\n'.encode()

    trimmed, whole = load.same(content), load.same(content, trim=False)

    assert [row["x"] for row in trimmed.rows or []] == ["a", None, None, None, "q", "7", "NA"]
    assert [row["x"] for row in whole.rows or []][:2] == ["\u00a0a\u00a0", "\u00a0"]
    assert [row["x"] for row in whole.rows or []][4:] == [" q ", "\t7", "NA"]


def test_backslashes_and_lone_quotes_are_letters(load: Load) -> None:
    found = load.same(b'id,x\n1,a\\\n2,"b\\"\n3,\\"c\n4,a"b\n')

    assert [row["x"] for row in found.rows or []] == ["a\\", "b\\", '\\"c', 'a"b']


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"a.b,c d,e`f\n1,2,3\n", {"a.b": "1", "c d": "2", "e`f": "3"}, id="signs"),
        pytest.param(b"id,row_number\n1,77\n", {"id": "1", "row_number_1": "77"}, id="number"),
        pytest.param(b"id,x,\n1,2,\n", {"id": "1", "x": "2", "unnamed_3": None}, id="last is bare"),
        pytest.param(b'id,"a, b"\n1,2\n', {"id": "1", "a, b": "2"}, id="separator in a name"),
        pytest.param(b"id\n1\n", {"id": "1"}, id="one column"),
    ],
)
def test_odd_headers(load: Load, content: bytes, expected: dict[str, str | None]) -> None:
    assert load.same(content).rows == [{"row_number": 1} | expected]


# --- broken files ----------------------------------------------------------------------------


def test_ragged_lines_are_told_and_left_out(load: Load) -> None:
    found = load.same((TEXT + "7;8\n9;1;2;3\n10;1;x\n").encode("cp1251"))

    assert found.rows == [*ROWS, {"row_number": 7, "id": "10", "Прибыль": "1", "Имя": "x"}]
    assert len(found.problems) == 1
    assert found.problems[0].startswith("2 line(s) do not have the 3 columns of the header")
    assert "line 6: '7;8'; line 7: '9;1;2;3'" in found.problems[0]


def test_at_most_five_ragged_lines_are_shown(load: Load) -> None:
    found = load.same(b"id,x\n" + b"7\n" * 9 + b"1,a\n")

    assert found.problems[0].startswith("9 line(s)")
    assert found.problems[0].count("line ") == 5


@pytest.mark.parametrize("content", [b"id,x\n", b"id,x\r\n", b"id,x"], ids=["LF", "CRLF", "no end"])
def test_header_without_rows_is_a_problem(load: Load, content: bytes) -> None:
    found = load.same(content)

    assert found.rows == []
    assert found.problems == ("the file has a header but no rows; export it again",)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"id,ID\n1,2\n", id="one name twice"),
        pytest.param("id,x\n1,a\n".encode("utf-16-le"), id="utf-16 without its mark"),
    ],
)
def test_unreadable_files_are_told_alike(load: Load, content: bytes) -> None:
    found = load.same(content)

    assert found.rows is None
    assert len(found.problems) == 1


def test_text_in_no_known_encoding_is_a_problem(load: Load) -> None:
    found = load.same(b"id,x\n1,\x98\n", encodings=("utf-8", "ascii"))

    assert "none of the encodings utf-8, ascii" in found.problems[0]


# --- files in several parts ------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_rows_keep_their_number_through_all_parts(
    load: Load, small_parts: int, encoding: str, end: str
) -> None:
    lines = [f"{n};строка {n}" for n in range(1, 1_201)]
    lines[300] = "301"  # ragged
    lines[600] = "601;" + "длинная " * (small_parts // 2)  # parts in which no line begins
    lines[900] = "901;a;b"
    content = end.join(["id;text", *lines[:100], "", *lines[100:], ""]).encode(encoding)
    assert len(content) > 5 * small_parts

    found = load.same(content, newlines_in_cells=False)

    assert found.rows is not None
    assert [row["row_number"] for row in found.rows] == [int(row["id"]) for row in found.rows]
    assert len(found.rows) == 1_198
    assert "line 302: '301'; line 902: '901;a;b'" in found.problems[0]


def test_utf_16_is_read_in_one_piece(load: Load, small_parts: int) -> None:
    # U+0A0D and U+0D0A hold the bytes of a line end.
    lines = [f"{n};\u0a0d\u0d0a {n}" for n in range(1, 601)]

    found = load.same("\n".join(["id;text", *lines]).encode("utf-16"), newlines_in_cells=False)

    assert [row["id"] for row in found.rows or []] == [str(n) for n in range(1, 601)]


def test_packed_file_is_read_in_one_piece(load: Load, small_parts: int) -> None:
    lines = [f"{n};{n * 7919}" for n in range(1, 3_001)]
    content = gzip.compress("\n".join(["id;text", *lines]).encode(), compresslevel=1)
    assert len(content) > 2 * small_parts

    found = load.same(content, "table.csv.gz", newlines_in_cells=False)

    assert [row["row_number"] for row in found.rows or []] == list(range(1, 3_001))


# --- the rest --------------------------------------------------------------------------------


def test_loading_twice_gives_the_new_content(load: Load) -> None:
    load.same(b"id\n1\n")

    assert load.same(b"id\n2\n3\n").rows == [
        {"row_number": 1, "id": "2"},
        {"row_number": 2, "id": "3"},
    ]


def test_preview_shows_the_first_rows(
    engines: Engines, spark_connection: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("id;x\n1;4,16\n2;5\n")

    preview = RawCSVDataset(filepath=str(path), connection=spark_connection).preview(nrows=1)

    assert preview == {
        "index": [0],
        "columns": ["row_number", "id", "x"],
        "data": [[1, "1", "4,16"]],
    }


def test_known_differences_are_those_that_the_dataset_tells(load: Load) -> None:
    """Both are in the documentation of ``RawCSVDataset``."""
    line_end = b'id,x\r\n1,"two\r\nlines"\r\n'
    blanks = b"id,x\n1,a\n   \n2,b\n"

    assert load.on_duckdb(line_end).rows == [{"row_number": 1, "id": "1", "x": "two\r\nlines"}]
    assert load.on_spark(line_end).rows == [{"row_number": 1, "id": "1", "x": "two\nlines"}]
    assert [row["row_number"] for row in load.same(blanks, newlines_in_cells=True).rows or []] == [
        1,
        3,
    ]
    skipped = load.on_spark(blanks, newlines_in_cells=False)
    assert ([row["row_number"] for row in skipped.rows or []], skipped.problems) == ([1, 2], ())

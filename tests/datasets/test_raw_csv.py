"""Raw CSV files in every form that shops export, and in every state of disrepair."""

from __future__ import annotations

import codecs
import doctest
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import pytest
from kedro.io import DatasetError

from personal_offers.datasets import RawCSVDataset, RawTable, raw_csv
from personal_offers.datasets.raw_csv import as_text_table

TEXT = "id;Прибыль\n1;4,16\n2;5\n"
ROWS = [
    {"row_number": 1, "id": "1", "Прибыль": "4,16"},
    {"row_number": 2, "id": "2", "Прибыль": "5"},
]
Load = Callable[..., RawTable]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write the bytes to a file and load it."""

    def write_and_load(content: bytes, name: str = "table.csv", **options: Any) -> RawTable:
        path = tmp_path / name
        path.write_bytes(content)
        return RawCSVDataset(filepath=str(path), **options).load()

    return write_and_load


def rows_of(raw: RawTable) -> list[dict[str, Any]]:
    assert raw.rows is not None
    return raw.rows.order_by("row_number").to_pyarrow().to_pylist()


def test_docstring_examples() -> None:
    result = doctest.testmod(raw_csv)

    assert result.attempted >= 4
    assert result.failed == 0


# --- the forms of a good file --------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TEXT.encode(), id="utf-8"),
        pytest.param(codecs.BOM_UTF8 + TEXT.encode(), id="utf-8 with BOM"),
        pytest.param(codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), id="utf-16 little endian"),
        pytest.param(codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), id="utf-16 big endian"),
        pytest.param(TEXT.encode("cp1251"), id="windows-1251"),
    ],
)
def test_every_encoding_gives_the_same_rows(load: Load, content: bytes) -> None:
    raw = load(content)

    assert raw.problems == ()
    assert rows_of(raw) == ROWS


def test_encodings_are_tried_in_the_order_of_the_catalog(load: Load) -> None:
    content = "id,name\n1,é\n".encode("latin-1")

    raw = load(content, encodings=("utf-8", "latin-1"))

    assert rows_of(raw) == [{"row_number": 1, "id": "1", "name": "é"}]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("id;Прибыль\n1;4,16\n2;5\n", id="LF"),
        pytest.param("id;Прибыль\r\n1;4,16\r\n2;5\r\n", id="CRLF"),
        pytest.param("id;Прибыль\r\n1;4,16\n2;5\r\n", id="CRLF, then LF"),
        pytest.param("id;Прибыль\n1;4,16\r\n2;5\n", id="LF, then CRLF"),
        pytest.param("id;Прибыль\r\n1;4,16\r\n2;5", id="no line end after the last row"),
    ],
)
def test_every_line_end_gives_the_same_rows(load: Load, content: str) -> None:
    raw = load(content.encode())

    assert raw.problems == ()
    assert rows_of(raw) == ROWS


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separator_is_found(load: Load, separator: str) -> None:
    raw = load(f"id{separator}name\n1{separator}да\n".encode())

    assert rows_of(raw) == [{"row_number": 1, "id": "1", "name": "да"}]


def test_separators_to_choose_from_can_be_named(load: Load) -> None:
    raw = load(b"id|name\n1|a,b\n", delimiters=("|",))

    assert rows_of(raw) == [{"row_number": 1, "id": "1", "name": "a,b"}]


def test_one_column_needs_no_separator(load: Load) -> None:
    raw = load(b"id\n7\n8\n")

    assert rows_of(raw) == [{"row_number": 1, "id": "7"}, {"row_number": 2, "id": "8"}]


def test_quoted_cells_hold_separators_quotes_and_line_ends(load: Load) -> None:
    raw = load(b'id,name\n1,"a,b"\n2,"say ""hi"""\n3,"two\nlines"\n4,plain\n')

    assert raw.problems == ()
    assert [row["name"] for row in rows_of(raw)] == ["a,b", 'say "hi"', "two\nlines", "plain"]
    assert [row["row_number"] for row in rows_of(raw)] == [1, 2, 3, 4]


def test_quoted_line_ends_survive_in_a_file_of_many_blocks(load: Load) -> None:
    # Given more than one block of Arrow's reader (2 MB), so that some cell lies on a border
    cells = [f"first line of {n}\nsecond line of {n}" for n in range(80_000)]
    content = "id,name\n" + "".join(f'{n},"{cell}"\n' for n, cell in enumerate(cells))

    raw = load(content.encode())

    assert raw.problems == ()
    assert [row["name"] for row in rows_of(raw)] == cells


def test_quoted_header_may_hold_the_separator(load: Load) -> None:
    raw = load(b'id,"profit, monthly"\n1,2\n')

    assert rows_of(raw) == [{"row_number": 1, "id": "1", "profit, monthly": "2"}]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251"])
def test_gz_is_unpacked(load: Load, encoding: str) -> None:
    raw = load(gzip.compress(TEXT.encode(encoding)), "table.csv.gz")

    assert raw.problems == ()
    assert rows_of(raw) == ROWS


def test_cells_and_headers_are_trimmed_and_empty_cells_are_null(load: Load) -> None:
    content = ' id , name \n 1 ,\u00a0да\u00a0\n2, \t\n3,\n4," "\n'

    raw = load(content.encode())

    assert rows_of(raw) == [
        {"row_number": 1, "id": "1", "name": "да"},
        {"row_number": 2, "id": "2", "name": None},
        {"row_number": 3, "id": "3", "name": None},
        {"row_number": 4, "id": "4", "name": None},
    ]


def test_cells_stay_the_text_that_they_are(load: Load) -> None:
    raw = load(b"id,a,b\n007,NA,1e5\n,null,01.02.2020\n")

    assert rows_of(raw) == [
        {"row_number": 1, "id": "007", "a": "NA", "b": "1e5"},
        {"row_number": 2, "id": None, "a": "null", "b": "01.02.2020"},
    ]


def test_row_numbers_follow_the_file_over_many_blocks(load: Load) -> None:
    content = "id,name\n" + "".join(f"{n},{'x' * 20}\n" for n in range(1, 120_001))

    raw = load(content.encode())

    assert raw.rows is not None
    moved = raw.rows.filter(raw.rows.id != raw.rows.row_number.cast("string"))
    assert raw.rows.count().to_pyarrow().as_py() == 120_000
    assert moved.count().to_pyarrow().as_py() == 0


def test_loading_twice_gives_the_new_content(load: Load) -> None:
    load(b"id\n1\n")

    assert rows_of(load(b"id\n2\n3\n")) == [
        {"row_number": 1, "id": "2"},
        {"row_number": 2, "id": "3"},
    ]


def test_file_that_did_not_change_is_parsed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("id\n1\n")
    dataset = RawCSVDataset(filepath=str(path))
    first = dataset.load()
    monkeypatch.setattr(dataset, "_read", lambda _: pytest.fail("parsed again"))

    assert rows_of(dataset.load()) == rows_of(first)

    monkeypatch.undo()
    path.write_text("id\n2\n3\n")
    assert [row["id"] for row in rows_of(dataset.load())] == ["2", "3"]


def test_file_larger_than_the_memory_goes_to_the_spill_folder(tmp_path: Path) -> None:
    path, spill, lines = tmp_path / "table.csv.gz", tmp_path / "spill", 400_000
    with gzip.open(path, "wt", compresslevel=1) as stream:
        stream.write("id,name\n")
        stream.writelines(f"{n},{n:0200d}\n" for n in range(1, lines + 1))
    connection = {"memory_limit": "40MB", "spill_folder": str(spill), "threads": 1}

    raw = RawCSVDataset(filepath=str(path), connection=connection).load()

    assert raw.problems == ()
    assert raw.rows is not None
    spilled = sum(file.stat().st_size for file in spill.glob("*/*"))
    wrong = raw.rows.filter(
        (raw.rows.id != raw.rows.row_number.cast("string"))
        | (raw.rows.name.length() != 200)
        | ~raw.rows.name.endswith(raw.rows.id)
    )
    assert raw.rows.count().to_pyarrow().as_py() == lines
    assert wrong.count().to_pyarrow().as_py() == 0
    assert spilled > 5_000_000  # packed


def test_files_of_the_same_name_in_two_folders_stay_apart(tmp_path: Path) -> None:
    for folder, value in (("a", "1"), ("b", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "table.csv").write_text(f"id\n{value}\n")

    first, second = (
        RawCSVDataset(filepath=str(tmp_path / folder / "table.csv")).load() for folder in "ab"
    )

    assert [rows_of(first)[0]["id"], rows_of(second)[0]["id"]] == ["1", "2"]


# --- files that are broken as files: never an exception, always a reason ---------------------


def test_one_file_read_in_two_ways_stays_apart(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("id\n 1 \n")
    as_it_is, trimmed = (RawCSVDataset(filepath=str(path), trim=trim) for trim in (False, True))

    first, second = as_it_is.load(), trimmed.load()

    assert [rows_of(raw)[0]["id"] for raw in (first, second)] == [" 1 ", "1"]
    assert rows_of(as_it_is.load())[0]["id"] == " 1 "


def test_missing_file_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.csv"

    raw = RawCSVDataset(filepath=str(path)).load()

    assert (raw.file, raw.rows) == (str(path), None)
    assert len(raw.problems) == 1
    assert raw.problems[0].startswith("the file is missing")
    assert "raw_dir" in raw.problems[0]


def test_missing_optional_file_is_no_problem_but_a_broken_one_is(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    dataset = RawCSVDataset(filepath=str(path), optional=True)

    absent, preview = dataset.load(), dataset.preview()
    path.write_bytes(b"")
    broken = dataset.load()

    assert (absent.rows, absent.problems) == (None, ())
    assert preview["data"] == []
    assert broken.problems == ("the file is empty; export it again",)


@pytest.mark.parametrize(
    "content", [b"", b"\n", codecs.BOM_UTF8], ids=["no byte", "one line end", "BOM alone"]
)
def test_empty_file_is_a_problem(load: Load, content: bytes) -> None:
    raw = load(content)

    assert raw.rows is None
    assert raw.problems == ("the file is empty; export it again",)


@pytest.mark.parametrize(
    "content", [b"id,name\n", b"id,name\r\n", b"id,name"], ids=["LF", "CRLF", "no line end"]
)
def test_header_without_rows_is_a_problem(load: Load, content: bytes) -> None:
    raw = load(content)

    assert len(raw.problems) == 1
    assert "no rows" in raw.problems[0]


def test_header_that_names_two_columns_alike_is_a_problem(load: Load) -> None:
    raw = load(b"id,name, id\n1,2,3\n")

    assert raw.rows is None
    assert raw.problems == (
        "several columns have the same name: 'id' (case aside); rename all but one",
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"id,ID\n1,2\n", {"id": "1", "ID": "2"}, id="apart only by case"),
        pytest.param(b"row_number,id\n7,1\n", {"id": "1"}, id="named row_number"),
        pytest.param(b"id,name,\n1,2,\n", {"id": "1", "name": "2"}, id="separator at the end"),
    ],
)
def test_odd_headers_are_read_right_or_refused(
    load: Load, content: bytes, expected: dict[str, str]
) -> None:
    raw = load(content)

    assert raw.problems or expected.items() <= rows_of(raw)[0].items()
    assert raw.problems or rows_of(raw)[0]["row_number"] == 1


def test_ragged_lines_are_a_problem_with_examples(load: Load) -> None:
    raw = load(b"id,name\n1,a\n2\n3,c,d\n4,e\n")

    assert len(raw.problems) == 1
    assert raw.problems[0].startswith("2 line(s) do not have the 2 columns of the header")
    assert "line 3: '2'" in raw.problems[0]
    assert "line 4: '3,c,d'" in raw.problems[0]


def test_at_most_five_ragged_lines_are_shown(load: Load) -> None:
    raw = load(b"id,name\n" + b"7\n" * 9 + b"1,a\n")

    assert raw.problems[0].startswith("9 line(s)")
    assert raw.problems[0].count("line ") == 5
    assert "line 6: '7'" in raw.problems[0]
    assert "line 7" not in raw.problems[0]


def test_column_named_like_the_row_numbers_gets_another_name(load: Load) -> None:
    raw = load(b"id,row_number\n1,77\n")

    assert rows_of(raw) == [{"row_number": 1, "id": "1", "row_number_1": "77"}]


def test_separator_after_the_only_column_is_a_problem(load: Load) -> None:
    raw = load(b"id\n1,\n2\n")

    assert raw.problems[0].startswith("1 line(s) do not have the 1 columns of the header")


def test_rows_below_a_ragged_line_keep_their_number(load: Load) -> None:
    raw = load(b"id,name\n1,a\n2\n3,c\n")

    assert [(row["row_number"], row["id"]) for row in rows_of(raw)] == [(1, "1"), (3, "3")]


def test_rows_below_a_ragged_line_keep_their_number_over_many_blocks(load: Load) -> None:
    # Given a short line in each of several blocks of Arrow's reader (2 MB)
    lines = [f"{n},{'x' * 20}" if n % 50_000 else str(n) for n in range(1, 400_001)]

    raw = load(("id,name\n" + "\n".join(lines) + "\n").encode())

    assert raw.rows is not None
    moved = raw.rows.filter(raw.rows.id != raw.rows.row_number.cast("string"))
    assert raw.rows.count().to_pyarrow().as_py() == 400_000 - 8
    assert moved.count().to_pyarrow().as_py() == 0
    assert raw.problems[0].startswith("8 line(s) do not have")


def test_letter_of_another_encoding_far_down_the_file_decides_it(load: Load) -> None:
    # Given a file that looks like UTF-8 until its third block
    content = "id,name\n" + "".join(f"{n},{'x' * 20}\n" for n in range(200_000)) + "0,да\n"

    raw = load(content.encode("cp1251"))

    assert (raw.encoding, raw.problems) == ("cp1251", ())
    assert raw.rows is not None
    assert raw.rows.filter(raw.rows.name == "да").count().to_pyarrow().as_py() == 1
    assert raw.rows.count().to_pyarrow().as_py() == 200_001


def test_cell_larger_than_a_block_far_down_the_file_is_a_problem(load: Load) -> None:
    content = b"id,name\n" + b"1,abcdefghijklmnop\n" * 200_000 + b'2,"' + b"x\n" * 3_000_000

    raw = load(content)

    assert raw.rows is None
    assert raw.problems[0].startswith("the file cannot be read (")


def test_text_in_no_known_encoding_is_a_problem(load: Load) -> None:
    raw = load(b"id,name\n1,\x98\n")  # no character in UTF-8 and in Windows-1251

    assert raw.rows is None
    assert len(raw.problems) == 1
    assert "none of the encodings utf-8, utf-16, cp1251" in raw.problems[0]
    assert "`encodings:`" in raw.problems[0]


@pytest.mark.parametrize(
    "content",
    [b"id,name\n1,a\n", gzip.compress(b"id,name\n1,a\n")[:-6]],
    ids=["not packed at all", "cut short"],
)
def test_broken_gz_is_a_problem(load: Load, content: bytes) -> None:
    raw = load(content, "table.csv.gz")

    assert raw.rows is None
    assert len(raw.problems) == 1


# --- the rest of the dataset -----------------------------------------------------------------


def test_raw_files_cannot_be_saved(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"

    with pytest.raises(DatasetError, match="read only"):
        RawCSVDataset(filepath=str(path)).save(as_text_table([{"id": "1"}]))

    assert not path.exists()


def test_preview_shows_the_first_rows_as_text(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(TEXT.encode())

    preview = RawCSVDataset(filepath=str(path)).preview(nrows=1)

    assert preview == {
        "index": [0],
        "columns": ["row_number", "id", "Прибыль"],
        "data": [[1, "1", "4,16"]],
    }


def test_preview_of_an_unreadable_file_is_empty(tmp_path: Path) -> None:
    preview = RawCSVDataset(filepath=str(tmp_path / "nowhere.csv")).preview()

    assert preview == {"index": [], "columns": [], "data": []}


def test_hand_made_rows_have_the_form_of_a_file() -> None:
    table = as_text_table([{"id": "1", "name": None}, {"id": None, "name": "да"}])

    assert table.schema() == ibis.schema({"row_number": "int64", "id": "string", "name": "string"})
    assert table.order_by("row_number").to_pyarrow().to_pylist() == [
        {"row_number": 1, "id": "1", "name": None},
        {"row_number": 2, "id": None, "name": "да"},
    ]

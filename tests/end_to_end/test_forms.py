"""The same tables in every published form give the same customers."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

FILES = ("market_file", "market_money", "market_time", "money")
CUSTOMERS = Path("03_primary") / "one_click" / "customers.parquet"
Run = Callable[..., dict[str, Any]]


def read_cells(path: Path) -> list[list[str]]:
    """Rows of a sample file, header first."""
    delimiter = ";" if path.stem == "money" else ","
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream, delimiter=delimiter))


def write_cells(
    path: Path, cells: list[list[str]], delimiter: str, line_end: str, encoding: str
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=line_end).writerows(cells)
    path.write_bytes(text.getvalue().encode(encoding))


@pytest.fixture
def expected(run_pipeline: Run, raw_folder: Callable[[], Path], tmp_path: Path) -> bytes:
    """Customers made from the files in the form of the sample."""
    run_pipeline("data_processing", raw_folder(), tmp_path / "expected")
    return (tmp_path / "expected" / CUSTOMERS).read_bytes()


def test_every_form_gives_identical_customers(
    run_pipeline: Run, raw_folder: Callable[[], Path], tmp_path: Path, expected: bytes
) -> None:
    forms = [
        (";", "\n", "utf-8", True),
        (";", "\r\n", "utf-8-sig", False),
        (";", "\n", "cp1251", False),
        (",", "\r\n", "utf-8", False),
        (",", "\n", "utf-8-sig", True),
        (",", "\r\n", "cp1251", True),
    ]
    for number, (separator, line_end, encoding, shuffled) in enumerate(forms):
        # Given money.csv with «;» and decimal commas, or with «,» and points, and all the files
        # in one encoding, with one line end, with their columns in the same or another order
        raw_dir = raw_folder()
        for name in FILES:
            path = raw_dir / "one_click" / f"{name}.csv"
            cells = read_cells(path)
            if name == "money" and separator == ",":
                cells = [[cell.replace(",", ".") for cell in row] for row in cells]
            if shuffled:
                cells = [row[::-1] for row in cells]
            delimiter = separator if name == "money" else ","
            write_cells(path, cells, delimiter, line_end, encoding)
        has_mark = (raw_dir / "one_click" / "money.csv").read_bytes().startswith(codecs.BOM_UTF8)
        assert has_mark == (encoding == "utf-8-sig")

        # When
        run_pipeline("data_processing", raw_dir, tmp_path / f"output_{number}")

        # Then
        made = (tmp_path / f"output_{number}" / CUSTOMERS).read_bytes()
        assert made == expected, (separator, line_end, encoding, shuffled)


def test_line_ends_of_both_kinds_in_one_file_are_one_form(
    run_pipeline: Run, raw_folder: Callable[[], Path], tmp_path: Path, expected: bytes
) -> None:
    raw_dir = raw_folder()
    for name in FILES:
        path = raw_dir / "one_click" / f"{name}.csv"
        lines = path.read_bytes().split(b"\r\n")[:-1]
        ends = (b"\n" if number % 3 else b"\r\n" for number in range(len(lines)))
        path.write_bytes(b"".join(line + end for line, end in zip(lines, ends, strict=True)))

    run_pipeline("data_processing", raw_dir, tmp_path / "output")

    assert (tmp_path / "output" / CUSTOMERS).read_bytes() == expected


def test_order_of_the_rows_gives_identical_customers(
    run_pipeline: Run, raw_folder: Callable[[], Path], tmp_path: Path, expected: bytes
) -> None:
    raw_dir = raw_folder()
    for name in FILES:
        path = raw_dir / "one_click" / f"{name}.csv"
        header, *rows = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(header + b"".join(rows[::-1]))

    run_pipeline("data_processing", raw_dir, tmp_path / "output")

    assert (tmp_path / "output" / CUSTOMERS).read_bytes() == expected


@pytest.mark.real_data
def test_real_files_give_the_counts_of_the_manifest(
    run_pipeline: Run, real_data: Path, tmp_path: Path
) -> None:
    # When
    run_pipeline("data_processing", real_data, tmp_path, namespaces=("one_click",))

    # Then the ledger counts what was counted in the files
    primary = tmp_path / "03_primary" / "one_click"
    ledger = pd.read_csv(primary / "cleaning_ledger.csv", dtype="string").fillna("")
    ends = ["rows_before", "rows_after", "customers_before", "customers_after"]
    money = ["revenue_before", "revenue_after"]
    lines = ledger.set_index(["source", "rule"])
    hits = {place: int(n) for place, n in lines["rows_hit"].items() if n != "0"}
    assert hits == {
        ("market_file", "spelling_service_type"): 10,
        ("market_file", "spelling_popular_category"): 223,
        ("market_file", "not_regular"): 3,
        ("market_money", "outlier_revenue"): 1,
        ("market_money", "not_regular"): 9,
        ("market_time", "spelling_period"): 1300,
        ("market_time", "not_regular"): 6,
        ("money", "not_regular"): 3,
    }
    rows = {"market_file": 1300, "market_money": 3900, "market_time": 2600, "money": 1300}
    for source, count in rows.items():
        of_source = ledger[ledger["source"] == source]
        assert list(of_source.iloc[0][["rows_before", "customers_before"]]) == [str(count), "1300"]
        left = str(count // 1300 * 1297)
        assert list(of_source.iloc[-1][["rows_after", "customers_after"]]) == [left, "1297"]
        before, after = of_source[ends[::2] + money[:1]], of_source[ends[1::2] + money[1:]]
        assert before[1:].to_numpy().tolist() == after[:-1].to_numpy().tolist()
    # The slip of customer 215380 and the three amounts of customers with recorded zeros:
    assert lines.loc[("market_money", "outlier_revenue"), money].tolist() == [
        "19600214.60",
        "19493352.40",
    ]
    assert lines.loc[("market_money", "not_regular"), money].tolist() == [
        "19493352.40",
        "19479338.00",
    ]

    # ... and the quarantine holds the rows of those three customers alone.
    quarantine = pd.read_parquet(tmp_path / "02_intermediate" / "one_click" / "quarantine.parquet")
    assert (quarantine["rule"] == "not_regular").all()
    assert {
        source: list(numbers) for source, numbers in quarantine.groupby("source").row_number
    } == {
        "market_file": [1, 10, 12],
        "market_money": [1, 2, 3, 28, 29, 30, 34, 35, 36],
        "market_time": [1, 2, 19, 20, 23, 24],
        "money": [1, 10, 12],
    }
    ids = quarantine["raw"].str.extract(r'"id":"(\d+)"')[0]
    assert set(ids) == {"215348", "215357", "215359"}

    customers = pd.read_parquet(primary / "customers.parquet").set_index("customer_id")
    assert len(customers) == 1297
    assert list(customers.index[customers["revenue_repaired"]]) == ["215380"]
    months = ["revenue_month_before_previous", "revenue_previous_month", "revenue_current_month"]
    slip = customers.loc["215380", months]
    assert sorted(slip[:2]) == [5051.0, 6077.0]
    assert pd.isna(slip.iloc[2])
    assert (customers["revenue_current_month"].min(), customers["revenue_current_month"].max()) == (
        2758.7,
        7799.4,
    )
    labels = pd.read_parquet(tmp_path / "05_model_input" / "one_click" / "labels.parquet")
    assert labels["declined"].value_counts().to_dict() == {False: 802, True: 495}

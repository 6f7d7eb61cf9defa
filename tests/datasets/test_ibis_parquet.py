"""Parquet files as lazy tables that Kedro-Viz can preview."""

from __future__ import annotations

import datetime
import doctest
import json
from decimal import Decimal
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kedro.io import DatasetError

from personal_offers.datasets import IbisParquetDataset, ibis_parquet


@pytest.fixture
def dataset(tmp_path: Path) -> IbisParquetDataset:
    """A dataset in a folder that does not exist yet."""
    return IbisParquetDataset(filepath=str(tmp_path / "new" / "folder" / "numbers.parquet"))


def test_docstring_examples() -> None:
    result = doctest.testmod(ibis_parquet)

    assert result.attempted >= 4
    assert result.failed == 0


def test_what_is_saved_is_loaded(dataset: IbisParquetDataset, tmp_path: Path) -> None:
    rows = [{"n": 1, "name": "да", "paid": Decimal("4.10")}, {"n": 2, "name": None, "paid": None}]
    assert not dataset.exists()

    dataset.save(ibis.memtable(pa.Table.from_pylist(rows)))

    assert dataset.exists()
    assert dataset.load().order_by("n").to_pyarrow().to_pylist() == rows
    path = tmp_path / "new" / "folder" / "numbers.parquet"
    assert pq.read_table(path).to_pylist() == rows


def test_saving_again_replaces_the_file(dataset: IbisParquetDataset) -> None:
    dataset.save(ibis.memtable({"n": [1, 2]}))
    dataset.save(ibis.memtable({"n": [3]}))

    assert dataset.load().to_pyarrow().to_pylist() == [{"n": 3}]


def test_preview_shows_the_first_rows(dataset: IbisParquetDataset) -> None:
    dataset.save(ibis.memtable({"n": [1, 2, 3], "name": ["да", "нет", None]}))

    assert dataset.preview(nrows=2) == {
        "index": [0, 1],
        "columns": ["n", "name"],
        "data": [[1, "да"], [2, "нет"]],
    }


def test_preview_can_be_drawn_whatever_the_types(dataset: IbisParquetDataset) -> None:
    row = {
        "paid": Decimal("4.10"),
        "at": datetime.datetime(2019, 10, 31, 16),
        "yes": True,
        "lost": None,
    }
    schema = {"paid": "decimal(18, 2)", "at": "timestamp", "yes": "boolean", "lost": "float64"}
    dataset.save(ibis.memtable([row], schema=schema))

    preview = dataset.preview()

    assert preview["data"] == [["4.10", "2019-10-31T16:00:00.000", True, None]]
    assert json.loads(json.dumps(preview)) == preview


def test_loading_what_is_not_there_fails(dataset: IbisParquetDataset) -> None:
    with pytest.raises(DatasetError):
        dataset.load()

"""Tests of the row counts that a run leaves for the graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline

from personal_offers.datasets import IbisParquetDataset, RawCSVDataset
from personal_offers.run_statistics import StatisticsHook, file_numbers

TABLE = pd.DataFrame({"n": [1, 2, 3], "text": ["a", "b", "c"]})


def do(raw: Any) -> Any:
    return raw


PIPELINE = Pipeline([Node(do, "raw", "table", name="do"), Node(do, "table", "kept", name="keep")])


@pytest.fixture
def catalog(tmp_path: Path) -> DataCatalog:
    (tmp_path / "raw.csv").write_text("id;n\n1;2\n3;4\n", encoding="utf-8")
    table = IbisParquetDataset(filepath=str(tmp_path / "table.parquet"))
    table.save(ibis.memtable(TABLE))
    raw = RawCSVDataset(filepath=str(tmp_path / "raw.csv"))
    return DataCatalog({"raw": raw, "table": table, "kept": MemoryDataset()})


def run(hook: StatisticsHook, catalog: DataCatalog, folder: Path) -> dict[str, dict[str, int]]:
    """Tell a hook of a run, and return what it wrote."""
    params = {"project_path": folder.as_posix()}
    hook.before_pipeline_run(run_params=params)
    hook.after_dataset_loaded(dataset_name="raw", data=catalog.load("raw"))
    hook.after_dataset_saved(dataset_name="kept", data=TABLE)
    hook.after_pipeline_run(run_params=params, pipeline=PIPELINE, catalog=catalog)
    return json.loads((folder / ".viz" / "stats.json").read_text(encoding="utf-8"))


def test_rows_of_raw_files_parquet_files_and_frames_are_counted(
    catalog: DataCatalog, tmp_path: Path
) -> None:
    found = run(StatisticsHook(), catalog, tmp_path)

    assert found["raw"] == {"rows": 2, "columns": 2, "file_size": 13}
    assert found["table"] == {
        "rows": 3,
        "columns": 2,
        "file_size": (tmp_path / "table.parquet").stat().st_size,
    }
    assert found["kept"] == {"rows": 3, "columns": 2}


def test_what_a_run_did_not_touch_keeps_its_numbers(catalog: DataCatalog, tmp_path: Path) -> None:
    place = tmp_path / ".viz" / "stats.json"
    place.parent.mkdir()
    place.write_text('{"other": {"rows": 7}, "table": {"rows": 1}}', encoding="utf-8")

    found = run(StatisticsHook(), catalog, tmp_path)

    assert found["other"] == {"rows": 7}
    assert found["table"]["rows"] == 3


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_a_broken_file_is_written_anew(catalog: DataCatalog, tmp_path: Path, content: str) -> None:
    (tmp_path / ".viz").mkdir()
    (tmp_path / ".viz" / "stats.json").write_text(content, encoding="utf-8")

    assert set(run(StatisticsHook(), catalog, tmp_path)) == {"raw", "table", "kept"}


def test_a_run_does_not_fail_where_nothing_can_be_written(
    catalog: DataCatalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".viz").write_text("a file where the folder should be", encoding="utf-8")
    params = {"project_path": tmp_path.as_posix()}

    hook = StatisticsHook()
    hook.before_pipeline_run(run_params=params)
    hook.after_pipeline_run(run_params=params, pipeline=PIPELINE, catalog=catalog)

    assert "no row counts" in caplog.text


def test_no_file_and_broken_parquet_tell_nothing_of_rows(tmp_path: Path) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"no parquet")

    assert file_numbers(None) == {}
    assert file_numbers(tmp_path / "absent.csv") == {}
    assert file_numbers(broken) == {"file_size": 10}

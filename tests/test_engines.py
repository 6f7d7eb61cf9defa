"""The engine of a run has the settings of the configuration, or says what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ibis
import pytest
from kedro.io import DatasetError

from personal_offers.engines import connect, connection_problems


def setting(connection: Any, name: str) -> Any:
    """Ask DuckDB itself."""
    return connection.raw_sql(f"SELECT current_setting('{name}')").fetchone()[0]


def test_settings_reach_duckdb(tmp_path: Path) -> None:
    spill = tmp_path / "spilled"

    connection = connect({"memory_limit": "100MiB", "spill_folder": str(spill), "threads": 1})

    assert connection.name == "duckdb"
    assert setting(connection, "memory_limit") == "100.0 MiB"
    assert Path(setting(connection, "temp_directory")).parent == spill
    assert setting(connection, "threads") == 1


def test_what_does_not_fit_in_memory_goes_to_the_spill_folder(tmp_path: Path) -> None:
    connection = connect(
        {"memory_limit": "40MiB", "spill_folder": str(tmp_path / "spilled"), "threads": 1}
    )

    # 64 MB of numbers, in an order that needs all of them at once
    rows = ibis.range(4_000_000).unnest().name("n").as_table()
    connection.create_table("sorted", rows.mutate(key=(rows.n * 7919) % 4_000_037).order_by("key"))

    assert connection.table("sorted").count().to_pyarrow().as_py() == 4_000_000
    assert any((tmp_path / "spilled").glob("*/*"))


def test_two_runs_may_spill_at_once(tmp_path: Path) -> None:
    # DuckDB names its files alike in every process: in one folder, the first run to end would
    # take away what the other one still has to read.
    config = {"memory_limit": "40MiB", "spill_folder": str(tmp_path / "spilled"), "threads": 1}
    long = ibis.range(400_000).unnest().name("n").as_table()
    long = long.mutate(text=long.n.cast("string").lpad(200, "0"))

    one, other = connect(config), connect(config)
    for connection in (one, other):
        connection.create_table("long", long)
    other.disconnect()

    left = one.table("long")
    assert left.filter(left.text.cast("int64") != left.n).count().to_pyarrow().as_py() == 0
    one.disconnect()
    assert not any((tmp_path / "spilled").glob("*"))


def test_missing_settings_are_those_of_duckdb() -> None:
    nothing = {"memory_limit": None, "spill_folder": None, "threads": None}

    plain = ibis.duckdb.connect()

    for config in ({}, {"engine": None}, {"engine": "duckdb"} | nothing):
        connection = connect(config)
        assert connection.name == "duckdb"
        for name in ("memory_limit", "temp_directory", "threads"):
            assert setting(connection, name) == setting(plain, name)


def test_every_connection_has_tables_of_its_own() -> None:
    connect({}).create_table("one", ibis.memtable({"n": [1]}))

    with pytest.raises(ibis.common.exceptions.TableNotFound):
        connect({}).table("one")


def test_every_bad_setting_is_told_at_once() -> None:
    config = {
        "engine": "polars",
        "memory_limit": "much",
        "threads": 0,
        "spill_folder": " ",
        "spark_master": 7,
    }

    with pytest.raises(DatasetError) as caught:
        connect(config)

    first, *told = str(caught.value).splitlines()
    assert first == "The engine cannot be started."
    assert told == [
        "- engine is 'polars'; it is one of duckdb, spark",
        "- memory_limit is 'much'; write a size such as 2GB or 500MB",
        "- threads is 0; write a whole number from 1",
        "- spill_folder is ' '; write a text",
        "- spark_master is 7; write a text",
    ]
    assert told == connection_problems(config)


@pytest.mark.parametrize(
    "size", ["2GB", "500MB", "1.5GB", "100 MiB", "1tb", " 2GB "], ids=lambda size: size.strip()
)
def test_sizes_of_memory_that_duckdb_reads(size: str) -> None:
    assert connection_problems({"memory_limit": size}) == []
    assert setting(connect({"memory_limit": size}), "memory_limit")


@pytest.mark.parametrize(
    "size", ["2", "GB", "80%", "-1GB", "2 G B", "", 2, True, ["2GB"]], ids=repr
)
def test_other_sizes_are_refused(size: Any) -> None:
    assert connection_problems({"memory_limit": size}) == [
        f"- memory_limit is {size!r}; write a size such as 2GB or 500MB"
    ]


@pytest.mark.parametrize("threads", [-1, 0, 1.5, True, "2"], ids=repr)
def test_threads_are_whole_numbers_from_one(threads: Any) -> None:
    assert connection_problems({"threads": threads}) == [
        f"- threads is {threads!r}; write a whole number from 1"
    ]
    assert connection_problems({"threads": 64}) == []


def test_settings_of_the_other_engine_do_no_harm() -> None:
    connection = connect({"spark_master": "yarn", "spark_settings": {"spark.ui.enabled": "false"}})

    assert connection.name == "duckdb"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"spark_master": "yarn", "spark_settings": {"a": 1}}, ("yarn", {"a": 1})),
        ({"spark_settings": None}, (None, {})),
    ],
    ids=["told", "left to spark-submit"],
)
def test_spark_is_started_as_the_configuration_says(
    monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    pytest.importorskip("pyspark")
    from personal_offers import spark_engine

    monkeypatch.setattr(spark_engine, "start_spark", lambda *args: args)

    assert connect({"engine": "spark"} | config) == expected


def test_spark_is_not_started_with_bad_settings() -> None:
    with pytest.raises(DatasetError, match="spark_master is ''"):
        connect({"engine": "spark", "spark_master": ""})


def test_a_file_cannot_be_the_spill_folder(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.touch()

    assert connection_problems({"spill_folder": str(file)}) == [
        f"- spill_folder is {str(file)!r}, which is a file; name a folder"
    ]
    assert connection_problems({"spill_folder": str(tmp_path)}) == []

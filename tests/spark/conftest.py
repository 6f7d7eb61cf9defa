"""One Spark session for all tests of this folder, and what every one of them needs to run."""

from __future__ import annotations

import gc
import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from personal_offers.engines import connect

HERE = Path(__file__).parent
MISSING = (
    "pyspark is not installed"
    if importlib.util.find_spec("pyspark") is None
    else "Spark needs Java 17"
    if shutil.which("java") is None
    else None
)
# py4j leaves the sockets, through which results come, to the garbage collector.
LEFT_SOCKETS = "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"


class Engines(NamedTuple):
    """The same expressions are computed by both."""

    duckdb: Any
    spark: Any


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of this folder where there is no Spark; let them leave sockets behind."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.filterwarnings(LEFT_SOCKETS))
            if MISSING is not None:
                item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.fixture(scope="package")
def spark_connection(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The block ``_connection`` of the catalog, for a small Spark of two threads."""
    settings = {
        "spark.driver.memory": "1g",
        # Short queries end before Java's second compiler is of use.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
    }
    return {"engine": "spark", "spark_master": "local[2]", "spark_settings": settings}


@pytest.fixture(scope="package")  # not the session: its sockets would be left to others' tests
def engines(spark_connection: dict[str, Any]) -> Iterator[Engines]:
    """DuckDB, and Spark started as a run starts it."""
    found = Engines(connect({}), connect(spark_connection))
    yield found
    found.spark.disconnect()
    gc.collect()  # while such sockets are expected

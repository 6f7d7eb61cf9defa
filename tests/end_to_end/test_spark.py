"""The same pipelines on Spark: equal outputs, contracts held, and no table in the driver."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from benchmarks.same_outputs import differences, files_of
from tests.end_to_end.conftest import Run
from tests.spark.conftest import MISSING

pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]

# The whole road of one shop; of the other the part that differs: its break, its id forms.
ASKED = {"gift_shop": "segmentation", "home_goods": "data_processing"}
# Rows: a week has 168 hours, which sales are counted by; segments, classes and months are fewer.
MOST_ROWS = 200
# What counts by hours of the months around a break, or by days of the history.
BY_CALENDAR = {
    "data_processing.mark_order_lines": 3 * 31 * 24 * 2,
    "interests.summarise_products": 800,
}
# What holds customers or products in memory on purpose; each is bounded by a parameter or by the
# assortment, and docs/engines.md says by which.
IN_MEMORY = {
    # models: training sample (activity.most_rows), and what is explained
    "modelling.expect_purchases",
    "modelling.assemble_cutoff_input",
    "modelling.audit_cutoffs",
    "modelling.score_customers",
    "modelling.explain_today",
    "modelling.add_reasons",
    "modelling.profit_curve",
    "modelling.captured_profit",
    # samples of customers: clusters.largest_sample, rfm.comparison.largest_sample
    "segmentation.fit_clusters",
    "segmentation.compare_classes",
    "segmentation.backtest_classes",
    # the assortment, and customers that models of interests are made with
    "interests.propose_category_rules",
    "interests.categorise_products",
    "interests.report_categories",
    "interests.fit_interest_model",
    "interests.evaluate_interests",
}


class Spied(NamedTuple):
    """A run on Spark: its outputs, and the most rows that each node brought to the driver."""

    output_dir: Path
    rows: dict[str, int]


@pytest.fixture(scope="module")
def spark(root: Path, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Spied:
    """Run the shops of order lines on Spark, on the sample, in a process of its own."""
    folder = tmp_path_factory.mktemp("spark")
    output_dir, told = folder / "output", folder / "rows.json"
    paths = [sample, output_dir, tmp_path_factory.mktemp("project"), told]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.end_to_end.spied_run",
            *map(str, paths),
            *(f"{shop}={name}" for shop, name in ASKED.items()),
        ],
        cwd=root,
        env=os.environ | {"PYTHONPATH": "src", "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return Spied(output_dir, json.loads(told.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def duckdb(run: Run, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the same pipelines write on DuckDB."""
    output_dir = tmp_path_factory.mktemp("duckdb")
    for shop, name in ASKED.items():
        run(sample, output_dir, shop, tags=() if name == "segmentation" else (name,))
    return output_dir


def test_every_output_equals_that_of_duckdb(spark: Spied, duckdb: Path) -> None:
    assert len(files_of(duckdb)) > 100
    assert differences(duckdb, spark.output_dir) == []


def test_tables_are_folders_of_parquet_files(spark: Spied) -> None:
    rfm = spark.output_dir / "07_model_output" / "gift_shop" / "rfm.parquet"

    assert rfm.is_dir()
    assert pd.read_parquet(rfm)["customer_id"].is_monotonic_increasing
    assert not list(spark.output_dir.rglob("*.part"))


def test_no_node_brings_a_table_to_the_driver(spark: Spied) -> None:
    stage_and_name = {name: name.partition(".")[2] for name in spark.rows}
    too_many = {
        name: rows
        for name, rows in spark.rows.items()
        if stage_and_name[name] not in IN_MEMORY
        and rows > BY_CALENDAR.get(stage_and_name[name], MOST_ROWS)
    }

    assert too_many == {}
    customers = json.loads(
        (spark.output_dir / "03_primary" / "gift_shop" / "era.json").read_text()
    )["customers"]
    assert customers > 5 * MOST_ROWS  # so that a table of customers would have been noticed
    assert spark.rows.get("gift_shop.segmentation.score_rfm", 0) <= 1

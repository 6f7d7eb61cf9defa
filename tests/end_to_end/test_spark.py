"""The same pipelines on Spark: equal outputs, contracts held, and no table in the driver."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from kedro.framework.hooks import hook_impl
from kedro.framework.session import KedroSession
from kedro.pipeline.node import Node

from benchmarks.same_outputs import differences, files_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="pyspark is not there"),
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17"),
]

SHOPS = ("gift_shop", "home_goods")
# Rows: a week has 168 hours, which sales are counted by; segments, classes and months are fewer.
MOST_ROWS = 200
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
    # samples of customers: clusters.sample, rfm.comparison.sample
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


class Spy:
    """Counts the rows of every result that leaves Spark, by the node that asks for it."""

    def __init__(self) -> None:
        self.node = "before any node"
        self.rows: dict[str, int] = defaultdict(int)

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        self.node = node.name

    def wrap(self, method: Any) -> Any:
        def spied(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            size = len(result) if hasattr(result, "__len__") else 1
            self.rows[self.node] = max(self.rows[self.node], size)
            return result

        return spied


@pytest.fixture(scope="module")
def spark(
    _project: None, root: Path, sample: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Spied]:
    """Run both shops of order lines on Spark, on the sample; every way to the driver is watched."""
    from pyspark.sql import SparkSession
    from pyspark.sql.classic.dataframe import DataFrame

    output_dir, spy = tmp_path_factory.mktemp("spark"), Spy()
    ends = {"raw_dir": str(sample), "output_dir": str(output_dir), "engine": "spark"}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("collect", "toArrow", "toPandas", "take", "toLocalIterator"):
            patch.setattr(DataFrame, name, spy.wrap(getattr(DataFrame, name)))
        with KedroSession.create(
            project_path=tmp_path_factory.mktemp("project"),
            conf_source=str(root / "conf"),
            env="test",
            runtime_params=ends,
        ) as session:
            session._hook_manager.register(spy)
            session.run(pipeline_names=["segmentation"], namespaces=list(SHOPS))
    yield Spied(output_dir, dict(spy.rows))
    if (active := SparkSession.getActiveSession()) is not None:
        active.stop()


def test_every_output_equals_that_of_duckdb(spark: Spied, output: Path) -> None:
    assert len(files_of(output)) > 100
    assert differences(output, spark.output_dir) == []


def test_tables_are_folders_of_parquet_files(spark: Spied) -> None:
    rfm = spark.output_dir / "07_model_output" / "gift_shop" / "rfm.parquet"

    assert rfm.is_dir()
    assert pd.read_parquet(rfm)["customer_id"].is_monotonic_increasing
    assert not list(spark.output_dir.rglob("*.part"))


def test_no_node_brings_a_table_to_the_driver(spark: Spied) -> None:
    stage_and_name = {node.split(".", 1)[1]: rows for node, rows in spark.rows.items()}
    too_many = {n: r for n, r in stage_and_name.items() if r > MOST_ROWS and n not in IN_MEMORY}

    assert too_many == {}
    customers = json.loads(
        (spark.output_dir / "03_primary" / "gift_shop" / "era.json").read_text()
    )["customers"]
    assert customers > 5 * MOST_ROWS  # so that a table of customers would have been noticed
    assert spark.rows["gift_shop.segmentation.score_rfm"] <= 1

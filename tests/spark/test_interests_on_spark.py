"""What the sample shops do not reach on Spark: drawn customers and baskets, and one category."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

from personal_offers.pipelines.interests.interest_nodes import score_interests, tabulate_spend
from personal_offers.pipelines.interests.interest_table import FirstSeen, draw_customers
from tests.pipelines.interests.test_interest_prediction import ERA, PRODUCTS, lines_of, options
from tests.pipelines.interests.test_interest_prediction import shop as rows_of_shop
from tests.spark.conftest import Engines


@pytest.fixture(scope="module")
def lines(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The same order lines on DuckDB and on Spark."""
    path: Path = tmp_path_factory.mktemp("spark") / "order_lines.parquet"
    lines_of(rows_of_shop()).to_parquet(path)
    return [engine.read_parquet(str(path)) for engine in engines]


def test_the_same_customers_are_drawn(lines: list[Any]) -> None:
    order = ["customer_id", "order_number", "category"]
    drawn = [
        draw_customers(tabulate_spend(table, PRODUCTS, ERA), FirstSeen(), 40, 7).to_pandas()
        for table in lines
    ]
    duckdb, spark = (found.sort_values(order, ignore_index=True) for found in drawn)
    assert 20 < duckdb["customer_id"].nunique() < 60
    assert_frame_equal(duckdb, spark)


def test_one_category_can_be_scored(lines: list[Any]) -> None:
    # Prediction is withheld below two categories; the interest so far is told all the same.
    model = {"categories": ["apples"], "withheld": {"ru": "одна", "en": "one"}, "method": None}
    products = PRODUCTS.assign(category=["apples", "other", "other", "other"])
    duckdb, spark = (
        score_interests(
            table.select("customer_id").distinct(),
            tabulate_spend(table, products, ERA),
            model,
            options(),
        ).to_pandas()
        for table in lines
    )
    assert duckdb["interest"].notna().any()
    assert_frame_equal(duckdb, spark, rtol=0, atol=1e-9)

"""The grid behind the sliders: sums of cells are what the customers themselves would give."""

from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from personal_offers.datasets import IbisParquetDataset
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.pipelines.reporting.threshold_grid import (
    SCALE_DIGITS,
    count_threshold_grid,
    risk_stops,
)

SUMS = ["customers", "profit", "profit_at_risk"]


def options(risk_step: float = 0.1, profit_stops: int = 7) -> ReportingOptions:
    return ReportingOptions(
        title={"ru": "Магазин", "en": "Shop"},
        customers_listed=10,
        risk_step=risk_step,
        profit_stops=profit_stops,
        confidence=0.95,
        fewest_customers=30,
        pictures=False,
    )


def customers(rows: list[tuple[float | None, float | None]]) -> Any:
    frame = pd.DataFrame(rows, columns=["decline_risk", "profit"], dtype="float64")
    schema = {"decline_risk": "float64", "profit": "float64"}
    return ibis.memtable(frame, schema=schema)


def grid_of(
    rows: list[tuple[float | None, float | None]],
    risk: float | None = 0.5,
    profit: float | None = 2.0,
    **given: Any,
) -> pd.DataFrame:
    thresholds = {"risk": risk, "profit": profit}
    grid: pd.DataFrame = count_threshold_grid(
        customers(rows), thresholds, options(**given)
    ).to_pandas()
    return grid


def stops(grid: pd.DataFrame, axis: str) -> list[float]:
    return sorted(grid[f"{axis}_from"].dropna().unique())


def by_cells(grid: pd.DataFrame, risk: float, profit: float) -> list[int]:
    """As the page does it: the sum of the cells from both stops on."""
    high = (grid["risk_from"] >= risk) & (grid["profit_from"] >= profit)
    return [int(value) for value in grid.loc[high, SUMS].sum()]


def by_customers(
    rows: list[tuple[float | None, float | None]], risk: float, profit: float
) -> list[int]:
    """From the customers, each rounded to the digits of the grid."""
    high = [
        (r, p) for r, p in rows if r is not None and p is not None and r >= risk and p >= profit
    ]
    whole = [
        (int(np.floor(p * 10**SCALE_DIGITS + 0.5)), int(np.floor(r * p * 10**SCALE_DIGITS + 0.5)))
        for r, p in high
    ]
    return [len(high), sum(p for p, _ in whole), sum(at_risk for _, at_risk in whole)]


def random_rows(seed: int) -> list[tuple[float | None, float | None]]:
    rng = np.random.default_rng(seed)
    profits = np.where(rng.random(400) < 0.3, rng.integers(-3, 9, 400), rng.lognormal(1, 2, 400))
    risks = np.where(rng.random(400) < 0.3, rng.integers(0, 101, 400) / 100, rng.random(400))
    known = rng.random(400) < 0.9
    return [
        (float(r) if k else None, float(p)) for r, p, k in zip(risks, profits, known, strict=True)
    ]


class TestSums:
    @pytest.mark.parametrize("seed", [1, 2])
    def test_cells_above_any_two_stops_are_the_customers_above_them_to_the_last_digit(
        self, seed: int
    ) -> None:
        rows = random_rows(seed)
        # Thresholds with all their bits, which customers have exactly.
        risk, profit = next((r, p) for r, p in rows[seed:] if r is not None and p is not None)
        grid = grid_of(rows, risk, profit, risk_step=0.1, profit_stops=15)
        pairs = [(r, p) for r in stops(grid, "risk") for p in stops(grid, "profit")]
        assert (risk, profit) in pairs
        for pair in [*pairs[::5], (risk, profit)]:
            assert by_cells(grid, *pair) == by_customers(rows, *pair)

    def test_every_customer_is_counted_once(self) -> None:
        rows = random_rows(4)
        grid = grid_of(rows)
        assert grid["customers"].sum() == len(rows)
        assert not grid.duplicated(["risk_from", "profit_from"]).any()

    def test_a_customer_at_a_threshold_is_high(self) -> None:
        grid = grid_of([(0.5, 2.0), (0.4999, 2.0), (0.5, 1.9999)])
        assert by_cells(grid, 0.5, 2.0) == [1, 20_000, 10_000]

    def test_sums_stay_whole_in_the_file(self, tmp_path: Path) -> None:
        path = str(tmp_path / "grid.parquet")
        dataset = IbisParquetDataset(filepath=path)
        thresholds = {"risk": 0.5, "profit": 2.0}
        dataset.save(
            count_threshold_grid(customers([(0.3, 1e8), (0.3, 0.12345)]), thresholds, options())
        )
        grid = dataset.load().to_pandas()
        assert {str(grid[name].dtype) for name in SUMS} == {"int64"}
        assert grid["profit"].sum() == 1_000_000_001_235


class TestUnknown:
    def test_customers_without_a_risk_stand_in_a_row_of_their_own(self) -> None:
        grid = grid_of([(0.9, 3.0), (None, 5.0), (None, 7.0)])
        rest = grid[grid["risk_from"].isna()]
        assert rest[SUMS].to_numpy().tolist() == [[2, 120_000, 0]]

    def test_an_unknown_profit_counts_as_none(self) -> None:
        grid = grid_of([(0.9, 3.0), (0.8, None), (None, 5.0)])
        rest = grid[grid["risk_from"].isna()]
        assert rest[SUMS].to_numpy().tolist() == [[2, 50_000, 0]]

    def test_a_shop_without_any_risk_has_stops_but_no_cell(self) -> None:
        grid = grid_of([(None, 3.0), (None, 5.0)], profit=None)
        assert stops(grid, "profit") == [0.0]
        assert grid.loc[grid["risk_from"].notna(), "customers"].sum() == 0


class TestStops:
    def test_the_risk_slider_goes_from_nothing_to_certainty_by_whole_hundredths(self) -> None:
        assert risk_stops(0.01, 0.5) == [place / 100 for place in range(101)]

    def test_a_step_that_does_not_divide_one_still_ends_at_one(self) -> None:
        assert risk_stops(0.15, 0.5) == [0.0, 0.15, 0.3, 0.45, 0.5, 0.6, 0.75, 0.9, 1.0]

    def test_every_stop_is_there_even_where_nobody_stands(self) -> None:
        grid = grid_of([(0.9, 3.0)])
        assert stops(grid, "risk") == risk_stops(0.1, 0.5)
        assert stops(grid, "profit") == [2.0, 3.0]

    def test_profits_that_many_share_are_one_stop(self) -> None:
        grid = grid_of([(0.9, 0.0)] * 9 + [(0.9, 6.0)], profit=0.0)
        assert stops(grid, "profit") == [0.0]

    def test_the_first_stop_is_not_above_the_smallest_profit(self) -> None:
        smallest = -1.23456789
        grid = grid_of([(0.9, smallest), (0.9, 4.0)])
        assert stops(grid, "profit")[0] <= smallest

    def test_a_threshold_above_everybody_is_a_stop_with_nobody(self) -> None:
        grid = grid_of([(0.9, 3.0), (0.2, 1.0)], profit=100.0)
        assert stops(grid, "profit")[-1] == 100.0
        assert by_cells(grid, 0.0, 100.0) == [0, 0, 0]

    def test_the_size_does_not_depend_on_the_number_of_customers(self) -> None:
        thresholds = {"risk": 0.5, "profit": 2.0}
        rows = random_rows(5) * 20
        grid = count_threshold_grid(customers(rows), thresholds, options()).to_pandas()
        assert len(grid) <= 12 * 8 + 1


class TestMissing:
    def test_without_segments_the_grid_is_empty(self, tmp_path: Path) -> None:
        path = str(tmp_path / "grid.parquet")
        dataset = IbisParquetDataset(filepath=path)
        dataset.save(count_threshold_grid(None, None, options()))
        assert dataset.load().to_pandas().empty

    def test_without_customers_there_are_stops_and_nobody(self) -> None:
        grid = grid_of([])
        assert grid["customers"].sum() == 0
        assert stops(grid, "profit") == [2.0]

"""The chapter on customers: who they are, who brings the profit, and who buys less."""

from __future__ import annotations

from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from personal_offers.pipelines.reporting.customers_activity import marked_at_test, wilson
from personal_offers.pipelines.reporting.customers_chapter import write_customers
from personal_offers.pipelines.reporting.customers_figures import concentration
from tests.pipelines.reporting.made_up_chapters import OPTIONS
from tests.pipelines.reporting.test_data_chapter import block_of, texts_of

NAMES = {"marks": {"slow": {"ru": "Медленные <b>", "en": "Slow <b>"}}}
REGULAR = {"orders": 2, "recent_days": 180}
ERA = {"cutoff": "2019-03-31T00:00:00", "currency": "GBP", "regular": REGULAR}
PLAN = {
    "test": "2019-01-01T00:00:00",
    "counts": [
        {"cutoff": "2018-12-01T00:00:00", "eligible": 10, "declined": 5},
        {"cutoff": "2019-01-01T00:00:00", "eligible": 10, "declined": 2},
    ],
}
CUSTOMERS = 40


@pytest.fixture
def customers() -> pd.DataFrame:
    number = np.arange(CUSTOMERS)
    return pd.DataFrame(
        {
            "customer_id": number.astype("str"),
            "regular": number < 30,
            "profit": np.where(number < 4, 60.0, np.where(number < 20, 5.0, 0.0)),
        }
    )


@pytest.fixture
def labels(customers: pd.DataFrame) -> pd.DataFrame:
    return customers[["customer_id"]].assign(declined=customers.index < 15)


@pytest.fixture
def segments(customers: pd.DataFrame) -> pd.DataFrame:
    category = ["<script>"] * 20 + ["pots \u202e🎁"] * 18 + [None] * 2
    return customers[["customer_id"]].assign(slow=customers.index < 16, main_category=category)


@pytest.fixture
def prevalence() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "share": [0.25, 0.5],
            "chosen": [False, True],
            "declined_share": [0.2, 0.375],
            "declined_share_low": [0.1, 0.25],
            "declined_share_high": [0.3, 0.5],
        }
    )


def write(**tables: Any) -> dict[str, Any]:
    given = {
        name: ibis.memtable(table)
        if name in {"customers", "labels", "segments", "cutoff_customers"}
        and isinstance(table, pd.DataFrame)
        else table
        for name, table in tables.items()
    }
    return write_customers(OPTIONS.model_copy(update={"fewest_customers": 3}), **given)


class TestWho:
    def test_customers_are_counted_by_kind(
        self, customers: pd.DataFrame, labels: pd.DataFrame
    ) -> None:
        ledger = pd.DataFrame(
            {"source": "lines", "customers_before": [45, 44], "customers_after": [44, 43]}
        )
        chapter = write(customers=customers, labels=labels, cleaning_ledger=ledger, era=ERA)
        tiles = chapter["blocks"][0]["tiles"]
        assert [tile["value"]["en"] for tile in tiles] == ["40", "30", "10", "5", "38%"]
        assert tiles[3]["note"]["en"].startswith("in quarantine: 2; another 3 appear only after")

    def test_the_first_tenth_holds_its_share_of_the_profit(self, customers: pd.DataFrame) -> None:
        chapter = write(customers=customers)
        figure = block_of(chapter, "customers_profit")
        assert figure["title"]["en"] == (
            "The most profitable 10% of customers bring 75% of the profit; 7.5% of the customers "
            "bring half of it; 50% of the customers bring no profit"
        )
        assert figure["main"]

    def test_profit_spread_evenly_calls_for_other_advice(self, customers: pd.DataFrame) -> None:
        chapter = write(customers=customers.assign(profit=1.0))
        assert "spread almost evenly" in block_of(chapter, "customers_profit")["advice"]["en"]

    @pytest.mark.parametrize("values", [[], [0.0], [-1.0, 1.0], [np.nan]])
    def test_without_profit_nothing_is_concentrated(self, values: list[float]) -> None:
        assert len(concentration(values)) == 0

    def test_concentration_is_of_the_largest_first(self) -> None:
        held = concentration([1.0, np.nan, 3.0, 0.0])
        assert (held[0], held[25], held[50], held[100]) == (0.0, 0.75, 1.0, 1.0)


class TestActivity:
    def test_the_group_that_stands_out_is_named(
        self, customers: pd.DataFrame, labels: pd.DataFrame, segments: pd.DataFrame
    ) -> None:
        chapter = write(customers=customers, labels=labels, segments=segments, view_names=NAMES)
        figure = block_of(chapter, "customers_groups")
        assert (
            "“Slow <b>”: 94% (72%–99%) of 16, against 0.0% of the others" in figure["title"]["en"]
        )
        assert "Slow &lt;b&gt; (16)" in figure["figures"]["en"]["layout"]["yaxis"]["ticktext"]

    def test_small_groups_are_said_to_be_small(
        self, customers: pd.DataFrame, labels: pd.DataFrame, segments: pd.DataFrame
    ) -> None:
        chapter = write(customers=customers, labels=labels, segments=segments, view_names=NAMES)
        rows = block_of(chapter, "customers_groups_table")["rows"]
        small = {row[0]["en"]: row[-1] for row in rows}
        assert small["not given"] == {"ru": "⚠ мало клиентов", "en": "⚠ few customers"}
        assert small["<script>"] == "" and small["pots \u202e🎁"] == ""

    def test_alike_groups_are_not_told_apart(
        self, customers: pd.DataFrame, labels: pd.DataFrame, segments: pd.DataFrame
    ) -> None:
        mixed = segments.assign(slow=customers.index % 2 == 0, main_category=None)
        chapter = write(customers=customers, labels=labels, segments=mixed, view_names=NAMES)
        assert "No group differs" in block_of(chapter, "customers_groups")["title"]["en"]

    def test_marks_are_those_of_the_date_of_the_label(self) -> None:
        at_cutoffs = pd.DataFrame(
            {
                "customer_id": ["a", "b", "a"],
                "cutoff": pd.to_datetime(["2019-01-01", "2019-01-01", "2019-03-31"]),
                "declined": [True, False, True],
                "change": [-0.9, np.nan, 0.9],
            }
        )
        marked = marked_at_test(
            ibis.memtable(at_cutoffs),
            PLAN,
            {"marks": {"slow": {"at_most": -0.5}}, "mark_features": {"slow": "change"}},
        )
        assert marked is not None
        assert marked["slow"].tolist() == [True, False]

    def test_thresholds_and_dates_are_compared(
        self, customers: pd.DataFrame, labels: pd.DataFrame, prevalence: pd.DataFrame
    ) -> None:
        chapter = write(
            customers=customers,
            labels=labels,
            prevalence=prevalence,
            activity_plan=PLAN,
            era=ERA,
        )
        title = block_of(chapter, "customers_thresholds")["title"]["en"]
        assert "38% of the customers declined (25%–50%)" in title
        assert "between 20% and 50%" in block_of(chapter, "customers_dates")["title"]["en"]
        assert "bought less than 50% of what was usual" in texts_of(chapter)

    def test_labels_that_tell_nobody_apart_are_a_warning(
        self, customers: pd.DataFrame, labels: pd.DataFrame, segments: pd.DataFrame
    ) -> None:
        chapter = write(
            customers=customers,
            labels=labels.assign(declined=True),
            segments=segments,
            view_names=NAMES,
            activity_plan=PLAN,
        )
        assert "Of 40, 40 declined and 0 kept their activity" in texts_of(chapter)
        figures = [block["name"] for block in chapter["blocks"] if block["kind"] == "figure"]
        assert figures == ["customers_profit"]

    @pytest.mark.parametrize(("hits", "size"), [(0, 1), (5, 9), (91, 91)])
    def test_intervals_are_those_of_wilson(self, hits: int, size: int) -> None:
        expected = binomtest(hits, size).proportion_ci(0.95, "wilson")
        assert wilson(hits, size, 0.95) == pytest.approx((expected.low, expected.high))


class TestMissing:
    def test_no_customers_table_is_said(self) -> None:
        assert "--pipelines data_processing" in texts_of(write())

    def test_one_customer_without_a_label(
        self, customers: pd.DataFrame, labels: pd.DataFrame
    ) -> None:
        unknown = labels.assign(declined=pd.Series([None] * CUSTOMERS, dtype="boolean"))
        chapter = write(customers=customers.iloc[:1], labels=unknown.iloc[:1])
        assert "No customer has an activity label" in texts_of(chapter)
        assert chapter["lead"]["ru"].startswith("В отчёте 1\u00a0клиент,")

    def test_nobody_at_all(self, customers: pd.DataFrame, labels: pd.DataFrame) -> None:
        chapter = write(customers=customers.iloc[:0], labels=labels.iloc[:0])
        assert chapter["lead"] is None

"""Profiles and summaries of clusters: hand-made customers, edges, unknown and constant values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.segmentation.cluster_params import ClusterOptions
from personal_offers.pipelines.segmentation.cluster_profiles import (
    profile_clusters,
    summarise_clusters,
)


def feature(name: str, kind: str = "number") -> dict[str, Any]:
    return {
        "group": "purchase_behaviour",
        "type": kind,
        "compute": {"kind": "not_recorded"},
        "window": "ever",
        "actionable": True,
        "label": {"ru": f"{name} по-русски", "en": name},
        "definition": {"ru": name, "en": name},
    }


REGISTRY = FeatureRegistry.model_validate(
    {
        "features": {
            "visits": feature("visits"),
            "spend": feature("spend"),
            "country": feature("country", "category"),
            "absent": feature("absent"),
        }
    }
)


def options(**changes: Any) -> ClusterOptions:
    asked: dict[str, Any] = {
        "features": {"visits": "none"},
        "method": "auto",
        "number": "auto",
        "methods": ["kmeans"],
        "numbers": {"lowest": 2, "highest": 3},
        "limits": {"stability": 0.8, "silhouette": 0.3, "smallest_share": 0.05},
        "group_shares": [0.05],
        "winsorise": 0,
        "bootstrap": 5,
        "starts": 1,
        "largest_sample": 1000,
        "index_sample": 1000,
        "fewest_customers": 2,
        "order_by": "spend",
        "top_differences": 2,
        "confidence": 0.95,
        "seed": 1,
        "language": "en",
    }
    return ClusterOptions.model_validate(asked | changes)


def tables(
    clusters: Sequence[int], seed: int | None = None, **columns: Sequence[float | None]
) -> tuple[ir.Table, ir.Table]:
    """Return customers and labels, in an order of their own where a seed is given."""
    frame = pd.DataFrame({"customer_id": [f"c{n:04}" for n in range(len(clusters))], **columns})
    labels = frame[["customer_id"]].assign(cluster=list(clusters), noise=False)
    if seed is not None:
        frame, labels = (each.sample(frac=1, random_state=seed) for each in (frame, labels))
    return ibis.memtable(frame), ibis.memtable(labels)


def rows_of(profile: pd.DataFrame) -> Mapping[tuple[int, str], Any]:
    return {(row.cluster, row.feature): row for row in profile.itertuples()}


class TestProfile:
    def test_one_row_per_cluster_and_known_feature(self) -> None:
        customers, labels = tables([1, 1, 2], visits=[1, 2, 3], spend=[9, 9, 1], country=["A"] * 3)

        profile = profile_clusters(customers, labels, REGISTRY, options())

        found = list(zip(profile["cluster"], profile["feature"], profile["made_it"], strict=True))
        assert sorted(found) == [
            (1, "spend", False),
            (1, "visits", True),
            (2, "spend", False),
            (2, "visits", True),
        ]

    def test_difference_from_the_rest_in_standard_deviations_of_everyone(self) -> None:
        customers, labels = tables([1, 1, 2, 2, 3, 3], visits=[10, 12, 4, 6, 0, 4])

        row = rows_of(profile_clusters(customers, labels, REGISTRY, options()))[1, "visits"]

        deviation = np.std([10, 12, 4, 6, 0, 4])
        assert row.difference == pytest.approx((11 - 3.5) / deviation)
        assert (row.median, row.mean, row.everyone_median, row.everyone_mean) == (11, 11, 5, 6)
        assert row.customers == 2

    def test_difference_is_on_the_scale_of_the_clusters_and_medians_are_not(self) -> None:
        values = [-5.0, 0.0, 3.0, 8.0]  # below zero counts as zero under the logarithm
        customers, labels = tables([1, 1, 2, 2], visits=values)

        profile = profile_clusters(
            customers, labels, REGISTRY, options(features={"visits": "log1p"})
        )

        row = rows_of(profile)[2, "visits"]
        scaled = np.log1p([0.0, 0.0, 3.0, 8.0])
        assert row.difference == pytest.approx((scaled[2:].mean() - 0) / scaled.std())
        assert rows_of(profile)[1, "visits"].median == -2.5

    def test_one_wholesaler_does_not_hide_the_differences_of_a_feature(self) -> None:
        spend = [10.0] * 200 + [20.0] * 199 + [1_000_000.0]
        customers, labels = tables([1] * 200 + [2] * 200, spend=spend, visits=[1.0, 2.0] * 200)

        row = rows_of(profile_clusters(customers, labels, REGISTRY, options()))[2, "spend"]

        assert row.difference == pytest.approx(2, abs=0.01)
        assert row.mean == pytest.approx((199 * 20 + 1_000_000) / 200)  # money is not clipped

    @pytest.mark.parametrize(
        ("size", "low", "high"),
        # Ranks of the exact sign test at 95%: 2 x P(B(10, 1/2) < 2) = 0.021, and so on.
        [(5, None, None), (6, 1, 6), (10, 2, 9), (100, 40, 61)],
    )
    def test_bounds_of_the_median_are_order_statistics(
        self, size: int, low: float | None, high: float | None
    ) -> None:
        values = [*range(1, size + 1), 7]
        customers, labels = tables([1] * size + [2], visits=values)

        row = rows_of(profile_clusters(customers, labels, REGISTRY, options()))[1, "visits"]

        if low is None:
            assert np.isnan(row.median_low)
            assert np.isnan(row.median_high)
        else:
            assert (row.median_low, row.median_high) == (low, high)

    def test_unknown_values_count_nowhere(self) -> None:
        customers, labels = tables(
            [1, 1, 1, 2, 2, 3], visits=[4, None, 6, 1, float("inf"), None], spend=[1] * 6
        )

        found = rows_of(profile_clusters(customers, labels, REGISTRY, options()))

        assert (found[1, "visits"].customers, found[1, "visits"].median) == (2, 5)
        assert (found[2, "visits"].customers, found[2, "visits"].mean) == (1, 1)
        nothing = found[3, "visits"]
        assert nothing.customers == 0
        assert np.isnan([nothing.median, nothing.mean, nothing.difference]).all()

    def test_a_feature_that_nobody_has_is_unknown(self) -> None:
        customers, labels = tables([1, 2], visits=[1, 2], absent=[None, None])

        row = rows_of(profile_clusters(customers, labels, REGISTRY, options()))[1, "absent"]

        assert row.customers == 0
        assert pd.isna(row.rank)

    def test_a_constant_feature_has_medians_but_no_difference(self) -> None:
        customers, labels = tables([1, 1, 2], visits=[0.1, 0.1, 0.1], spend=[1, 2, 3])

        row = rows_of(profile_clusters(customers, labels, REGISTRY, options()))[1, "visits"]

        assert row.median == pytest.approx(0.1)
        assert np.isnan(row.difference)
        assert pd.isna(row.rank)

    def test_one_cluster_differs_from_nobody(self) -> None:
        customers, labels = tables([1, 1, 1], visits=[1, 2, 3])

        profile = profile_clusters(customers, labels, REGISTRY, options())

        assert profile["difference"].isna().all()
        assert profile["median"].to_list() == [2]

    def test_ranks_follow_the_size_and_ties_the_registry(self) -> None:
        customers, labels = tables([1, 1, 2, 2], visits=[1, 2, 3, 4], spend=[-1, -2, -3, -4])

        profile = profile_clusters(
            customers, labels, REGISTRY, options(features={"visits": "none", "spend": "none"})
        )

        assert profile["feature"].to_list() == ["visits", "spend"] * 2
        assert profile["rank"].to_list() == [1, 2, 1, 2]

    def test_the_order_of_rows_changes_nothing(self) -> None:
        rng = np.random.default_rng(5)
        clusters = rng.integers(1, 4, 300).tolist()
        columns = {"visits": rng.exponential(3, 300), "spend": rng.normal(0, 0.1, 300)}

        first, again = (
            profile_clusters(*tables(clusters, seed, **columns), REGISTRY, options())
            for seed in (None, 9)
        )

        assert_frame_equal(first, again, check_exact=True)

    def test_without_a_numeric_feature_there_are_no_rows(self) -> None:
        customers, labels = tables([1, 2], spent=[1, 2])

        profile = profile_clusters(customers, labels, REGISTRY, options())

        assert profile.empty
        assert "difference" in profile


def summary_of(
    clusters: Sequence[int], columns: Mapping[str, Sequence[float | None]], **changes: Any
) -> pd.DataFrame:
    customers, labels = tables(clusters, **columns)
    asked = options(**changes)
    profile = profile_clusters(customers, labels, REGISTRY, asked)
    return summarise_clusters(customers, labels, profile, REGISTRY, asked)


class TestSummary:
    def test_sizes_money_and_names(self) -> None:
        summary = summary_of(
            [1, 1, 2, 2, 2], {"visits": [9, 8, 1, 1, 2], "spend": [50.1, 0.2, 10, 10, 30]}
        )

        assert summary["cluster"].to_list() == [1, 2]
        assert summary["customers"].to_list() == [2, 3]
        assert summary["share"].to_list() == [0.4, 0.6]
        assert summary["revenue"].to_list() == [50.3, 50]
        assert summary["revenue_share"].to_list() == pytest.approx([50.3 / 100.3, 50 / 100.3])
        assert summary["cluster_name"].to_list() == ["Higher: visits", "Lower: visits"]
        assert summary["name_ru"].to_list() == ["Выше: visits по-русски", "Ниже: visits по-русски"]
        # Wilson's bounds of 2 of 5, as textbooks have them.
        assert summary["share_low"][0] == pytest.approx(0.1176, abs=1e-4)
        assert summary["share_high"][0] == pytest.approx(0.7693, abs=1e-4)

    def test_a_cluster_of_one_customer(self) -> None:
        summary = summary_of([1, 2, 2], {"visits": [9, 1, 2], "spend": [5, 1, 1]})

        assert summary["customers"].to_list() == [1, 2]
        assert "visits, median 9 (everyone: 2)" in summary["differs_en"][0]

    def test_one_cluster_is_everybody(self) -> None:
        summary = summary_of([1, 1], {"visits": [1, 2], "spend": [5, 5]}, language="ru")

        (row,) = summary.to_dict("records")
        assert (row["cluster_name"], row["name_en"]) == ("Все клиенты", "All customers")
        assert (row["share"], row["revenue_share"]) == (1, 1)
        assert np.isnan(row["share_low"])
        assert row["differs_en"] == "There is one cluster: nobody to compare it with."

    def test_nobody_makes_no_rows(self) -> None:
        customers, labels = tables([1, 2], visits=[1, 2], spend=[1, 2])
        nobody, none = customers.filter(customers.visits > 2), labels.filter(labels.cluster > 2)
        profile = profile_clusters(nobody, none, REGISTRY, options())

        summary = summarise_clusters(nobody, none, profile, REGISTRY, options())

        assert summary.empty
        assert "cluster_name" in summary

    def test_returns_above_purchases_make_a_share_below_zero(self) -> None:
        summary = summary_of([1, 1, 2], {"visits": [1, 2, 3], "spend": [60, 50, -10]})

        assert summary["revenue_share"].to_list() == pytest.approx([1.1, -0.1])

    @pytest.mark.parametrize("spend", [[-60, 10, 10], [0, 0, 0], [None, None, None]])
    def test_no_share_of_nothing(self, spend: list[float | None]) -> None:
        summary = summary_of([1, 1, 2], {"visits": [1, 2, 3], "spend": spend})

        assert summary["revenue_share"].isna().all()

    def test_names_of_the_user_and_the_language_of_the_shop(self) -> None:
        summary = summary_of(
            [1, 1, 2],
            {"visits": [1, 2, 9], "spend": [1, 2, 3]},
            names={"2": {"ru": "Наши", "en": "Ours"}},
            language="ru",
        )

        assert summary["cluster_name"].to_list() == ["Ниже: visits по-русски", "Наши"]
        assert summary["name_en"].to_list() == ["Lower: visits", "Ours"]

    def test_noise_is_counted(self) -> None:
        customers, labels = tables([1, 1, 2], visits=[1, 2, 3], spend=[1, 2, 3])
        labels = labels.mutate(noise=labels.customer_id == "c0001")
        profile = profile_clusters(customers, labels, REGISTRY, options())

        summary = summarise_clusters(customers, labels, profile, REGISTRY, options())

        assert summary["noise_customers"].to_list() == [1, 0]

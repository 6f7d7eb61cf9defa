"""Views beside each other: agreement by hand and by scikit-learn, conflicts by hand."""

from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.metrics import adjusted_mutual_info_score

from personal_offers.pipelines.segmentation.rfm_params import RfmOptions
from personal_offers.pipelines.segmentation.view_params import ViewOptions
from personal_offers.pipelines.segmentation.views import (
    AGREEMENT_COLUMNS,
    SUMMARY_COLUMNS,
    compare_views,
    find_conflicts,
    find_conflicts_with_classes,
)

KINDS = {
    "customer_id": "string",
    "decline_risk": "float64",
    "profit": "float64",
    "risk_level": "string",
    "segment": "string",
    "rfm_class": "string",
    "cluster": "int64",
    "cluster_name": "string",
    "interest": "string",
}


def options(**changes: Any) -> ViewOptions:
    asked = {"fewest_customers": 4, "resamples": 200, "confidence": 0.95, "seed": 7}
    return ViewOptions.model_validate(asked | changes)


def segments_of(**columns: list[Any]) -> ir.Table:
    """Make segments; what is not given is the same for everyone."""
    size = len(next(iter(columns.values())))
    alike = {
        "customer_id": [f"c{number:04}" for number in range(size)],
        "decline_risk": [0.9] * size,
        "profit": [10.0] * size,
        "risk_level": ["high"] * size,
        "segment": ["save_first"] * size,
        "rfm_class": ["top"] * size,
        "cluster": [1] * size,
        "cluster_name": ["big"] * size,
        "interest": ["tea"] * size,
    }
    return ibis.memtable(pd.DataFrame(alike | columns), schema=KINDS)


def made_up(size: int = 400) -> ir.Table:
    """Clusters follow the class in three of four cases; interests follow nothing."""
    rng = np.random.default_rng(3)
    place = rng.integers(0, 3, size)
    follows = rng.random(size) < 0.75
    cluster = np.where(follows, place, rng.integers(0, 3, size)) + 1
    return segments_of(
        rfm_class=np.array(["top", "promising", "lost"])[place].tolist(),
        cluster=cluster.tolist(),
        interest=rng.choice(["tea", "cups"], size).tolist(),
    )


class TestAgreement:
    def test_it_is_that_of_the_literature(self) -> None:
        segments = made_up()
        frame = segments.to_pandas()

        found = compare_views(segments, options()).set_index(["view", "other_view"])

        for one, other in (("rfm_class", "cluster"), ("cluster", "interest")):
            row = found.loc[one, other]
            expected = adjusted_mutual_info_score(frame[one], frame[other])
            assert row["agreement"] == pytest.approx(expected, abs=1e-9)
            assert row["agreement_low"] < row["agreement"] < row["agreement_high"]
            assert (row["customers"], row["groups"]) == (400, 3)

    def test_chance_is_about_zero_and_the_same_groups_are_one(self) -> None:
        frame = made_up().to_pandas()
        frame["interest"] = frame["rfm_class"].map({"top": "a", "promising": "b", "lost": "c"})
        segments = ibis.memtable(frame, schema=KINDS)

        same = compare_views(segments, options()).set_index(["view", "other_view"])
        chance = compare_views(made_up(), options()).set_index(["view", "other_view"])

        assert same.loc[("rfm_class", "interest"), "agreement"] == pytest.approx(1)
        assert same.loc[("rfm_class", "interest"), "agreement_high"] == 1
        row = chance.loc[("rfm_class", "interest")]
        assert row["agreement_low"] < 0 < row["agreement_high"]
        assert row["p_value"] > 0.01
        assert chance.loc[("rfm_class", "cluster"), "p_value"] < 1e-10

    def test_views_cut_from_the_same_numbers_are_marked(self) -> None:
        found = compare_views(made_up(), options())

        marked = found.loc[found["same_numbers"], ["view", "other_view"]]
        assert marked.to_numpy().tolist() == [["rfm_class", "cluster"]]

    def test_customers_who_are_each_their_own_group_are_not_compared(self) -> None:
        own = segments_of(cluster=[1, 2, 3, 4], interest=["a", "b", "c", "d"])

        found = compare_views(own, options()).set_index(["view", "other_view"])

        row = found.loc[("cluster", "interest")]
        assert row["why_not_en"] == "every customer is a group of their own in both"
        assert np.isnan(row["agreement"])

    def test_who_has_no_risk_has_no_cell(self) -> None:
        segments = segments_of(
            risk_level=["high", "low"] * 10 + [None] * 10,
            segment=["save_first", "grow"] * 10 + ["lost"] * 10,
            cluster=[1, 2] * 15,
        )

        found = compare_views(segments, options()).set_index(["view", "other_view"])

        row = found.loc[("segment", "cluster")]
        assert (row["customers"], row["groups"]) == (20, 2)
        assert row["agreement"] == pytest.approx(1)

    def test_what_cannot_be_compared_says_why(self) -> None:
        few = segments_of(cluster=[1, 2, 1], rfm_class=["top", "lost", "lost"])

        small = compare_views(few, options()).set_index(["view", "other_view"])
        single = compare_views(few, options(fewest_customers=2)).set_index(["view", "other_view"])

        assert "fewer than 4" in small.loc[("rfm_class", "cluster"), "why_not_en"]
        assert pd.isna(small.loc[("rfm_class", "cluster"), "agreement"])
        assert "single group" in single.loc[("cluster", "interest"), "why_not_en"]

    def test_a_view_that_nobody_is_in_has_no_row(self) -> None:
        segments = segments_of(cluster=[1, 2, 1, 2], rfm_class=[None] * 4, risk_level=[None] * 4)

        found = compare_views(segments, options())

        assert found[["view", "other_view"]].to_numpy().tolist() == [["cluster", "interest"]]
        assert list(found.columns) == AGREEMENT_COLUMNS

    def test_order_of_rows_plays_no_part(self) -> None:
        segments = made_up()
        backwards = segments.order_by(ibis.desc("customer_id"))

        assert_frame_equal(compare_views(segments, options()), compare_views(backwards, options()))


class TestConflicts:
    @pytest.fixture
    def rfm(self, parameters: dict[str, Any]) -> RfmOptions:
        return RfmOptions.model_validate(parameters["gift_shop"]["rfm"])

    def test_top_classes_at_high_risk_are_listed_with_what_is_at_stake(
        self, rfm: RfmOptions
    ) -> None:
        # Given top customers at high risk, at low risk and without one; and a lost one at low risk
        segments = segments_of(
            rfm_class=["top", "top", "top", "top", "lost", "lost"],
            risk_level=["high", "high", "low", None, "low", "high"],
            decline_risk=[0.6, 0.9, 0.1, None, 0.2, 0.7],
            profit=[10.0, 20.0, 5.0, 9.0, 1.0, 2.0],
            cluster=[1, 2, 1, 1, 2, 2],
        )

        listed, summary = find_conflicts_with_classes(segments, rfm)

        frame = listed.to_pandas()
        by_conflict = frame.groupby("conflict")["customer_id"].agg(list).to_dict()
        assert by_conflict == {
            "best_class_at_risk": ["c0001", "c0000"],
            "best_cluster_at_risk": ["c0000"],
            "worst_class_safe": ["c0004"],
        }
        top = summary.set_index("conflict").loc["best_class_at_risk"]
        assert (top["customers"], top["of"], top["profit"]) == (2, 3, 30.0)
        assert top["share"] == pytest.approx(2 / 3)
        assert top["profit_at_risk"] == pytest.approx(24.0)
        assert {"segment", "cluster_name", "interest", "decline_risk"} <= set(frame.columns)

    def test_without_classes_clusters_alone_conflict(self) -> None:
        segments = segments_of(cluster=[1, 1, 2], risk_level=["high", "low", "high"])
        segments = segments.drop("rfm_class", "interest")

        listed, summary = find_conflicts(segments)

        assert listed.to_pandas()["customer_id"].to_list() == ["c0000"]
        assert summary["conflict"].to_list() == ["best_cluster_at_risk"]

    def test_one_cluster_and_no_risk_conflict_with_nothing(self, rfm: RfmOptions) -> None:
        segments = segments_of(risk_level=[None, None], decline_risk=[None, None])

        listed, summary = find_conflicts_with_classes(segments, rfm)
        alone, nothing = find_conflicts(segments)

        assert listed.count().to_pyarrow().as_py() == 0
        assert summary[["customers", "of", "profit"]].to_numpy().tolist() == [[0, 0, 0]] * 2
        assert summary["share"].isna().all()
        assert alone.count().to_pyarrow().as_py() == 0
        assert list(nothing.columns) == SUMMARY_COLUMNS
        assert "conflict" in alone.columns

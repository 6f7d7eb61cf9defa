from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from scipy.stats import norm, t

from personal_offers.pipelines.segmentation.nodes import (
    assign_segments,
    complete_segments,
    find_thresholds,
    gather_views,
    profile_segments,
    profile_segments_and_classes,
)
from personal_offers.pipelines.segmentation.params import SegmentationOptions
from personal_offers.pipelines.segmentation.rfm_params import RfmOptions

LABEL = {"ru": "текст", "en": "text"}
SEGMENTS = {
    "save_first": {"risk": "high", "profit": "high", "label": {"ru": "Спасать", "en": "Save"}},
    "win_back": {"risk": "high", "profit": "low", "label": {"ru": "Удержать", "en": "Hold"}},
    "reward": {"risk": "low", "profit": "high", "label": {"ru": "Беречь", "en": "Reward"}},
    "grow": {"risk": "low", "profit": "low", "label": {"ru": "Растить", "en": "Grow"}},
}
ABSOLUTE = {"kind": "absolute", "value": 0.5}


def options(**changes: Any) -> SegmentationOptions:
    return SegmentationOptions.model_validate(
        {
            "thresholds": {"risk": ABSOLUTE, "profit": {"kind": "absolute", "value": 10}},
            "segments": SEGMENTS,
            "marks": {},
            "main_category": None,
            "confidence": 0.95,
        }
        | changes
    )


def thresholds(risk: dict[str, Any], profit: dict[str, Any]) -> dict[str, Any]:
    return {"thresholds": {"risk": risk, "profit": profit}}


def mark(**limit: float) -> dict[str, Any]:
    return {"marks": {"mark": {"feature": "visits", "label": LABEL} | limit}}


def customers_of(profits: list[float], **features: list[Any]) -> ir.Table:
    frame = pd.DataFrame({"customer_id": ids(len(profits)), "profit": profits} | features)
    return ibis.memtable(frame)


def risks_of(risks: list[float | None]) -> ir.Table:
    return ibis.memtable(
        pd.DataFrame({"customer_id": ids(len(risks)), "decline_risk": risks}),
        schema={"customer_id": "string", "decline_risk": "float64"},
    )


def ids(count: int) -> list[str]:
    return [f"{number:03d}" for number in range(count)]


class TestFindThresholds:
    def test_absolute_thresholds_are_taken_as_given(self) -> None:
        found = find_thresholds(customers_of([1.0, 2.0]), risks_of([0.1, 0.2]), options())

        assert found == {"risk": 0.5, "profit": 10.0, "marks": {}, "mark_features": {}}

    def test_quantiles_are_those_of_this_shop(self) -> None:
        # Given five customers, so that the quantiles are among their own values
        quantile = {"kind": "quantile", "value": 0.75}
        asked = options(**thresholds(quantile, {"kind": "quantile", "value": 0.5}))

        # When
        found = find_thresholds(
            customers_of([50.0, 10.0, 40.0, 20.0, 30.0]),
            risks_of([0.1, 0.5, 0.2, 0.4, 0.3]),
            asked,
        )

        # Then
        assert found == {"risk": 0.4, "profit": 30.0, "marks": {}, "mark_features": {}}

    def test_quantile_of_an_even_number_lies_between(self) -> None:
        asked = options(**thresholds(ABSOLUTE, {"kind": "quantile", "value": 0.5}))

        found = find_thresholds(customers_of([1.0, 2.0, 4.0, 9.0]), risks_of([0.5] * 4), asked)

        assert found["profit"] == 3.0

    def test_customers_without_a_risk_do_not_move_its_quantile(self) -> None:
        asked = options(**thresholds({"kind": "quantile", "value": 0.5}, ABSOLUTE))

        found = find_thresholds(customers_of([1.0] * 4), risks_of([0.2, None, 0.6, 0.4]), asked)

        assert found["risk"] == 0.4

    @pytest.mark.parametrize(
        ("limit", "expected"),
        [
            ({"at_least": 4}, {"at_least": 4.0}),
            ({"at_most": 2}, {"at_most": 2.0}),
            ({"lowest_share": 0.25}, {"at_most": 2.0}),
            ({"highest_share": 0.25}, {"at_least": 4.0}),
        ],
    )
    def test_limit_of_a_mark_is_a_number_of_its_feature(
        self, limit: dict[str, float], expected: dict[str, float]
    ) -> None:
        customers = customers_of([1.0] * 5, visits=[5.0, 3.0, 1.0, 2.0, 4.0])

        found = find_thresholds(customers, risks_of([0.5] * 5), options(**mark(**limit)))

        assert found["marks"] == {"mark": expected}

    def test_one_customer_is_a_shop(self) -> None:
        quantile = {"kind": "quantile", "value": 0.5}

        found = find_thresholds(
            customers_of([7.0]), risks_of([0.3]), options(**thresholds(quantile, quantile))
        )

        assert found == {"risk": 0.3, "profit": 7.0, "marks": {}, "mark_features": {}}


class TestAssignSegments:
    THRESHOLDS = {"risk": 0.5, "profit": 10.0, "marks": {}}  # noqa: RUF012

    def test_four_cells_have_four_names(self) -> None:
        # Given one customer in each cell
        found = assign_segments(
            customers_of([20.0, 5.0, 20.0, 5.0]),
            risks_of([0.9, 0.9, 0.1, 0.1]),
            self.THRESHOLDS,
            options(),
        ).to_pandas()

        # Then
        expected = pd.DataFrame(
            {
                "customer_id": ids(4),
                "decline_risk": [0.9, 0.9, 0.1, 0.1],
                "profit": [20.0, 5.0, 20.0, 5.0],
                "risk_level": ["high", "high", "low", "low"],
                "profit_level": ["high", "low", "high", "low"],
                "segment": ["save_first", "win_back", "reward", "grow"],
            }
        )
        assert_frame_equal(found[expected.columns], expected)
        assert found.columns.to_list() == [*expected.columns, "main_category"]

    def test_threshold_itself_is_high(self) -> None:
        found = assign_segments(
            customers_of([10.0, 9.999]), risks_of([0.5, 0.4999]), self.THRESHOLDS, options()
        ).to_pandas()

        assert found["segment"].to_list() == ["save_first", "grow"]

    def test_customers_tied_at_a_quantile_go_together(self) -> None:
        # Given a shop where most customers earn the same, which is also the median
        quantile = {"kind": "quantile", "value": 0.5}
        asked = options(**thresholds(ABSOLUTE, quantile))
        customers = customers_of([3.0, 5.0, 5.0, 5.0, 5.0, 8.0])
        risks = risks_of([0.1] * 6)

        # When
        found = assign_segments(customers, risks, find_thresholds(customers, risks, asked), asked)

        # Then equal profit is an equal level
        assert found.to_pandas()["profit_level"].to_list() == ["low"] + ["high"] * 5

    @settings(max_examples=25, deadline=None)
    @given(
        rows=st.lists(
            st.tuples(
                st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1)),
                st.one_of(st.sampled_from([-1.0, 10.0]), st.floats(-1e6, 1e6)),
            ),
            min_size=1,
            max_size=12,
        ),
        kind=st.sampled_from(["absolute", "quantile"]),
        seed=st.integers(0, 100),
    )
    def test_segments_are_total_disjoint_and_do_not_depend_on_order(
        self, rows: list[tuple[float, float]], kind: str, seed: int
    ) -> None:
        # Given any customers, in order and shuffled
        threshold = {"kind": kind, "value": 0.5}
        asked = options(**thresholds(threshold, threshold))
        frame = pd.DataFrame(rows, columns=["decline_risk", "profit"]).assign(
            customer_id=ids(len(rows))
        )
        shuffled = frame.sample(frac=1, random_state=seed)

        # When
        tables = []
        for part in (frame, shuffled):
            customers = ibis.memtable(part[["customer_id", "profit"]])
            risks = ibis.memtable(part[["customer_id", "decline_risk"]].iloc[::-1])
            limits = find_thresholds(customers, risks, asked)
            tables.append(assign_segments(customers, risks, limits, asked).to_pandas())

        # Then everyone is in one segment, the one of their levels, in whatever order they came
        found = tables[0]
        assert found["customer_id"].to_list() == ids(len(rows))
        cells = {name: (cell["risk"], cell["profit"]) for name, cell in SEGMENTS.items()}
        assert found["segment"].map(cells).to_list() == list(
            zip(found["risk_level"], found["profit_level"], strict=True)
        )
        assert_frame_equal(tables[0], tables[1])

    def test_customer_without_a_risk_has_no_risk_level_and_still_a_row(self) -> None:
        # Given one customer with an unknown risk, and one whom the risks do not hold
        found = assign_segments(
            customers_of([20.0, 20.0, 20.0]), risks_of([0.9, None]), self.THRESHOLDS, options()
        ).to_pandas()

        assert found["customer_id"].to_list() == ids(3)
        assert found["profit_level"].to_list() == ["high"] * 3
        assert found["risk_level"].isna().to_list() == [False, True, True]
        assert found["segment"].isna().to_list() == [False, True, True]

    def test_customer_of_the_risks_alone_is_not_invented(self) -> None:
        found = assign_segments(
            customers_of([20.0]), risks_of([0.9, 0.8]), self.THRESHOLDS, options()
        ).to_pandas()

        assert found["customer_id"].to_list() == ["000"]

    @pytest.mark.parametrize(
        ("limit", "expected"),
        [
            ({"at_least": 3.0}, [False, False, True, True, False]),
            ({"at_most": 2.0}, [True, True, False, False, False]),
        ],
    )
    def test_mark_is_set_from_its_limit_on_and_never_by_the_unknown(
        self, limit: dict[str, float], expected: list[bool]
    ) -> None:
        # Given visits around the limit, and an unknown number of them
        customers = customers_of([1.0] * 5, visits=[1.0, 2.0, 3.0, 4.0, None])
        limits = self.THRESHOLDS | {"marks": {"mark": limit}}

        # When
        found = assign_segments(customers, risks_of([0.5] * 5), limits, options(**mark(**limit)))

        # Then
        assert found.mark.to_pandas().to_list() == expected
        assert found.schema()["mark"].is_boolean()

    def test_share_of_customers_with_the_lowest_values_is_marked(self) -> None:
        # Given eight customers, of whom the lowest quarter is asked for
        customers = customers_of([1.0] * 8, visits=[8.0, 1.0, 7.0, 2.0, 6.0, 3.0, 5.0, 4.0])
        risks = risks_of([0.5] * 8)
        asked = options(**mark(lowest_share=0.25))

        found = assign_segments(customers, risks, find_thresholds(customers, risks, asked), asked)

        assert found.filter(found.mark).customer_id.to_pandas().to_list() == ["001", "003"]

    def test_main_category_is_the_feature_named(self) -> None:
        customers = customers_of([1.0, 2.0], colour=["red", None])

        found = assign_segments(
            customers, risks_of([0.5, 0.5]), self.THRESHOLDS, options(main_category="colour")
        ).to_pandas()

        assert found["main_category"].iloc[0] == "red"
        assert pd.isna(found["main_category"].iloc[1])

    def test_shop_without_categories_has_an_empty_column_of_text(self) -> None:
        found = assign_segments(customers_of([1.0]), risks_of([0.5]), self.THRESHOLDS, options())

        assert found.schema()["main_category"].is_string()
        assert found.main_category.isnull().all().to_pyarrow().as_py()


def wilson(hits: int, size: int, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval by its formula (Wilson, 1927)."""
    z = norm.ppf((1 + confidence) / 2)
    share = hits / size
    middle = (share + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * (share * (1 - share) / size + z * z / (4 * size**2)) ** 0.5
    return middle - half, middle + half


def profile_of(rows: list[tuple[str, float, float, bool | None]], **changes: Any) -> pd.DataFrame:
    """Profile of customers given as (segment, risk, profit, declined)."""
    frame = pd.DataFrame(rows, columns=["segment", "decline_risk", "profit", "declined"])
    frame["customer_id"] = ids(len(rows))
    labels = frame.loc[frame["declined"].notna(), ["customer_id", "declined"]]
    return profile_segments(
        ibis.memtable(frame[["customer_id", "segment", "decline_risk", "profit"]]),
        ibis.memtable(labels.astype({"declined": bool})),
        options(**changes),
    ).set_index("segment")


ROWS = [
    ("save_first", 0.9, 20.0, True),
    ("save_first", 0.7, 30.0, False),
    ("save_first", 0.8, 10.0, True),
    ("win_back", 0.6, 2.0, True),
    ("grow", 0.1, 1.0, False),
    ("grow", 0.2, 4.0, False),
]


class TestProfileSegments:
    def test_segments_come_in_the_order_of_the_parameters_and_then_all(self) -> None:
        found = profile_of(ROWS)

        assert found.index.to_list() == ["save_first", "win_back", "reward", "grow", "all"]
        assert found["name_en"].to_list() == ["Save", "Hold", "Reward", "Grow", "All customers"]
        assert found["name_ru"].to_list() == [
            "Спасать", "Удержать", "Беречь", "Растить", "Все клиенты",
        ]  # fmt: skip
        assert found["customers"].to_list() == [3, 1, 0, 2, 6]

    def test_share_of_customers_with_wilsons_interval(self) -> None:
        found = profile_of(ROWS).loc["save_first"]

        assert found["share"] == 0.5
        assert (found["share_low"], found["share_high"]) == pytest.approx(wilson(3, 6))

    def test_share_of_decliners_with_wilsons_interval(self) -> None:
        found = profile_of(ROWS).loc["save_first"]

        assert found["declined_share"] == pytest.approx(2 / 3)
        assert (found["declined_share_low"], found["declined_share_high"]) == pytest.approx(
            wilson(2, 3)
        )

    def test_wilsons_interval_by_hand(self) -> None:
        # Given 3 of 6 at 95 %: half +- 0.5 sqrt(z2 / (6 + z2)), z2 = 3.8415
        found = profile_of(ROWS).loc["save_first"]

        assert found["share_low"] == pytest.approx(0.1876, abs=5e-5)
        assert found["share_high"] == pytest.approx(0.8124, abs=5e-5)

    def test_mean_profit_with_students_interval_by_hand(self) -> None:
        # Given profits 20, 30, 10: mean 20, sd 10; t of two degrees is 4.302653
        found = profile_of(ROWS).loc["save_first"]

        half = 4.302653 * 10 / 3**0.5
        assert found["mean_profit"] == 20.0
        assert found["mean_profit_low"] == pytest.approx(20 - half, rel=1e-6)
        assert found["mean_profit_high"] == pytest.approx(20 + half, rel=1e-6)
        assert found["profit"] == pytest.approx(60)
        assert found["profit_low"] == pytest.approx(60 - 3 * half, rel=1e-6)
        assert found["profit_high"] == pytest.approx(60 + 3 * half, rel=1e-6)

    def test_profit_at_risk_is_the_sum_of_risk_times_profit(self) -> None:
        # Given 18, 21 and 8 at risk
        found = profile_of(ROWS).loc["save_first"]

        at_risk = pd.Series([18.0, 21.0, 8.0])
        half = t.ppf(0.975, 2) * at_risk.std() / 3**0.5
        assert found["profit_at_risk"] == pytest.approx(47)
        assert found["profit_at_risk_low"] == pytest.approx(47 - 3 * half)
        assert found["profit_at_risk_high"] == pytest.approx(47 + 3 * half)
        assert found["mean_risk"] == pytest.approx(0.8)

    def test_confidence_widens_the_intervals(self) -> None:
        found = profile_of(ROWS, confidence=0.99).loc["save_first"]

        assert (found["share_low"], found["share_high"]) == pytest.approx(wilson(3, 6, 0.99))
        half = t.ppf(0.995, 2) * 10 / 3**0.5
        assert found["mean_profit_high"] == pytest.approx(20 + half)

    def test_all_is_everyone_and_its_share_is_not_an_estimate(self) -> None:
        found = profile_of(ROWS).loc["all"]

        assert found["customers"] == 6
        assert found["share"] == 1.0
        assert pd.isna(found["share_low"])
        assert pd.isna(found["share_high"])
        assert found["declined_share"] == 0.5
        assert found["profit"] == pytest.approx(67)
        assert found["profit_at_risk"] == pytest.approx(47 + 1.2 + 0.1 + 0.8)

    def test_sums_of_segments_are_the_sum_of_all(self) -> None:
        found = profile_of(ROWS)

        for column in ("customers", "share", "profit", "profit_at_risk"):
            parts = found.loc[list(SEGMENTS), column].astype(float).sum()
            assert parts == pytest.approx(found.loc["all", column])

    def test_empty_segment_keeps_its_row_and_claims_nothing(self) -> None:
        found = profile_of(ROWS).loc["reward"]

        assert found["customers"] == 0
        assert found["share"] == 0.0
        assert (found["share_low"], found["share_high"]) == pytest.approx(wilson(0, 6), abs=1e-15)
        unknown = found.drop(
            ["name_ru", "name_en", "customers", "share", "share_low", "share_high"]
        )
        assert unknown.isna().all()

    def test_one_customer_has_a_mean_and_no_interval(self) -> None:
        found = profile_of(ROWS).loc["win_back"]

        assert found["mean_profit"] == found["profit"] == 2.0
        assert found["profit_at_risk"] == pytest.approx(1.2)
        bounds = [
            f"{name}_{end}"
            for name in ("mean_profit", "profit", "profit_at_risk")
            for end in ("low", "high")
        ]
        assert found[bounds].isna().all()
        assert (found["declined_share_low"], found["declined_share_high"]) == pytest.approx(
            wilson(1, 1)
        )

    def test_equal_customers_have_an_interval_of_no_width(self) -> None:
        found = profile_of([("grow", 0.1, 3.0, False)] * 4).loc["grow"]

        assert (found["mean_profit_low"], found["mean_profit_high"]) == (3.0, 3.0)

    def test_customer_without_a_label_counts_in_size_and_not_in_the_declined_share(self) -> None:
        found = profile_of([*ROWS, ("save_first", 0.9, 20.0, None)]).loc["save_first"]

        assert found["customers"] == 4
        assert found["share"] == pytest.approx(4 / 7)
        assert found["declined_share"] == pytest.approx(2 / 3)

    def test_every_measure_has_its_bounds(self) -> None:
        columns = set(profile_of(ROWS).columns)

        for name in ("share", "declined_share", "profit", "mean_profit", "profit_at_risk"):
            assert {name, f"{name}_low", f"{name}_high"} <= columns


def classes_of(classes: list[str | None]) -> ir.Table:
    return ibis.memtable(
        pd.DataFrame(
            {
                "customer_id": ids(len(classes)),
                "rfm_class": classes,
                "cutoff": "2021-01-31T00:00:00",
            }
        ),
        schema={"customer_id": "string", "rfm_class": "string", "cutoff": "string"},
    )


def segments_of(segments: list[str | None]) -> ir.Table:
    frame = {
        "customer_id": ids(len(segments)),
        "decline_risk": [None if s is None else 0.9 for s in segments],
        "profit": [1.0] * len(segments),
        "segment": segments,
    }
    kinds = {"customer_id": "string", "decline_risk": "float64", "profit": "float64"}
    return ibis.memtable(pd.DataFrame(frame), schema=kinds | {"segment": "string"})


def clusters_of(clusters: list[int]) -> ir.Table:
    names = {1: "Big", 2: "Small"}
    frame = {
        "customer_id": ids(len(clusters)),
        "cluster": clusters,
        "cluster_name": [names[cluster] for cluster in clusters],
    }
    return ibis.memtable(pd.DataFrame(frame))


def interests_of(interests: list[str | None]) -> ir.Table:
    frame = {"customer_id": ids(len(interests)), "interest": interests}
    return ibis.memtable(
        pd.DataFrame(frame), schema={"customer_id": "string", "interest": "string"}
    )


class TestClasses:
    def test_whoever_has_no_risk_falls_back_on_the_class(self) -> None:
        found = gather_views(
            segments_of(["save_first", None, None]),
            classes_of(["top", "lost", None]),
            clusters_of([1, 2, 2]),
            interests_of(["tea", None]),
        ).to_pandas()

        assert found["segment"].to_list() == ["save_first", "lost", "not_classified"]
        assert found["rfm_class"].to_list()[:2] == ["top", "lost"]
        assert found["cluster"].to_list() == [1, 2, 2]
        assert found["cluster_name"].to_list() == ["Big", "Small", "Small"]
        assert found["interest"].to_list()[0] == "tea"
        assert found["interest"].isna().to_list() == [False, True, True]
        assert set(found["cutoff"]) == {"2021-01-31T00:00:00"}

    def test_profile_has_a_row_for_each_segment_and_class_that_somebody_is_in(
        self, parameters: dict[str, Any]
    ) -> None:
        rfm_options = RfmOptions.model_validate(parameters["gift_shop"]["rfm"])
        segments = segments_of(["save_first", "top", "top"])

        profile = profile_segments_and_classes(segments, options(), rfm_options)

        assert profile["segment"].to_list() == ["save_first", "top", "all"]
        assert profile["customers"].to_list() == [1, 2, 3]
        assert profile["name_ru"].to_list() == ["Спасать", "Топ", "Все клиенты"]
        # The segments are of today: nobody knows yet who of them declines
        unknown = ["declined_share", "declined_share_low", "declined_share_high"]
        assert profile[unknown].isna().to_numpy().all()

    def test_without_classes_whoever_has_no_risk_is_not_classified(self) -> None:
        found = complete_segments(
            segments_of(["win_back", None, "grow"]), clusters_of([2, 1, 1])
        ).to_pandas()

        assert found["segment"].to_list() == ["win_back", "not_classified", "grow"]
        assert found["customer_id"].to_list() == ids(3)
        assert found["cluster"].to_list() == [2, 1, 1]

    @pytest.mark.parametrize("nobody", [True, False])
    def test_profile_names_the_unclassified_where_there_are_any(self, nobody: bool) -> None:
        segments = segments_of(["grow", "grow" if nobody else "not_classified"])
        labels = ibis.memtable(
            pd.DataFrame({"customer_id": ids(2), "declined": [True, False]}),
            schema={"customer_id": "string", "declined": "boolean"},
        )

        profile = profile_segments(segments, labels, options()).set_index("segment")

        expected = [*SEGMENTS, *([] if nobody else ["not_classified"]), "all"]
        assert profile.index.to_list() == expected
        assert profile["customers"].drop("all").sum() == 2
        assert profile["declined_share"]["all"] == 0.5

    def test_a_quantile_of_risks_that_nobody_has_puts_nobody_on_a_level(self) -> None:
        asked = options(**thresholds({"kind": "quantile", "value": 0.5}, ABSOLUTE))
        customers, risks = customers_of([1.0, 2.0]), risks_of([None, None])

        found = assign_segments(
            customers, risks, find_thresholds(customers, risks, asked), asked
        ).to_pandas()

        assert found[["risk_level", "segment"]].isna().to_numpy().all()

from typing import Any

import numpy as np
import pandas as pd
import pytest

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.baselines import (
    BASELINES,
    base_rate,
    baselines_of,
    best_single_feature,
    single_feature,
)


def registry_of(**types: str) -> FeatureRegistry:
    def feature(kind: str) -> dict[str, Any]:
        return {
            "group": "purchase_behaviour",
            "type": kind,
            "compute": {"kind": "column", "table": "people", "column": "value"},
            "window": "ever",
            "actionable": False,
            "definition": {"ru": "текст", "en": "text"},
        }

    return FeatureRegistry.model_validate(
        {"features": {name: feature(kind) for name, kind in types.items()}}
    )


REGISTRY = registry_of(weak="number", strong="number", colour="category")


def training() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "weak": [1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 3.0, 2.0],
            "strong": [8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0],
            "colour": ["red", "red", "blue", "red", "blue", "blue", "red", "blue"],
            "declined": [False, False, False, False, True, True, True, True],
        }
    )


class TestBaseRate:
    def test_everyone_gets_the_share_of_decliners_in_training(self) -> None:
        # Given held-out customers who all declined
        held_out = training().iloc[4:]
        three_of_four = training().iloc[[0, 4, 5, 6]]

        # When
        risk, detail = base_rate(three_of_four, held_out, REGISTRY)

        # Then their own labels do not count
        assert risk.tolist() == [0.75] * 4
        assert detail is None

    def test_nobody_held_out(self) -> None:
        risk, _ = base_rate(training(), training().iloc[:0], REGISTRY)

        assert risk.shape == (0,)


class TestBestSingleFeature:
    def test_the_feature_that_ranks_training_best_is_taken_whatever_its_direction(self) -> None:
        # Given a feature that ranks perfectly, downwards
        held_out = pd.DataFrame(
            {"weak": [1.0, 2.0], "strong": [9.0, 0.0], "colour": ["red", "red"]}
        )

        # When
        risk, name = best_single_feature(training(), held_out, REGISTRY)

        # Then
        assert name == "strong"
        assert risk[0] < 0.5 < risk[1]

    def test_choice_is_made_in_training_only(self) -> None:
        # Given a feature that is perfect for the held-out customers and useless in training
        frame = training()
        held_out = frame.assign(weak=frame["declined"] * 100.0)

        # When / Then
        assert best_single_feature(frame, held_out, REGISTRY)[1] == "strong"

    def test_label_of_held_out_customers_is_not_looked_at(self) -> None:
        frame = training()

        with_label, _ = best_single_feature(frame, frame, REGISTRY)
        flipped = frame.assign(declined=~frame["declined"])
        with_flipped_label, _ = best_single_feature(frame, flipped, REGISTRY)
        without_label, _ = best_single_feature(frame, frame.drop(columns="declined"), REGISTRY)

        np.testing.assert_array_equal(with_label, with_flipped_label)
        np.testing.assert_array_equal(with_label, without_label)

    def test_scale_comes_from_training(self) -> None:
        # Given one customer predicted alone and in company
        frame = training()
        one = frame.iloc[[2]]

        alone, _ = best_single_feature(frame, one, REGISTRY)
        in_company, _ = best_single_feature(frame, frame, REGISTRY)

        assert alone[0] == pytest.approx(in_company[2], abs=1e-15)

    def test_category_is_ranked_by_its_share_of_decliners(self) -> None:
        # Given a category that tells most, and one that training never saw
        frame = training().assign(
            colour=["red"] * 4 + ["blue"] * 4, strong=[1.0, 2.0] * 4, weak=[1.0] * 8
        )
        held_out = pd.DataFrame(
            {
                "colour": ["red", "blue", "green", None],
                "strong": [1.0] * 4,
                "weak": [1.0] * 4,
            }
        )

        # When
        risk, name = best_single_feature(frame, held_out, REGISTRY)

        # Then the unseen and the unknown get what everyone gets
        assert name == "colour"
        assert risk[0] < risk[2] < risk[1]
        assert risk[2] == risk[3] == pytest.approx(0.5, abs=1e-4)

    def test_missing_number_counts_as_the_middle(self) -> None:
        held_out = pd.DataFrame(
            {"weak": [1.0] * 2, "strong": [np.nan, 4.5], "colour": ["red", "red"]}
        )

        risk, name = best_single_feature(training(), held_out, REGISTRY)

        assert name == "strong"
        assert risk[0] == pytest.approx(risk[1], abs=1e-15)

    def test_feature_without_any_value_does_no_harm(self) -> None:
        frame = training().assign(weak=np.nan)

        risk, name = best_single_feature(frame, frame, REGISTRY)

        assert name == "strong"
        assert np.isfinite(risk).all()

    def test_nothing_tells_anything(self) -> None:
        # Given the same value for everyone
        registry = registry_of(weak="number")
        frame = training().assign(weak=5.0)

        risk, name = best_single_feature(frame, frame, registry)

        assert name == "weak"
        np.testing.assert_allclose(risk, 0.5, atol=1e-6)

    def test_withheld_feature_is_not_chosen(self) -> None:
        withheld = REGISTRY.features["strong"].model_copy(
            update={"model": False, "why_not": "not known in time"}
        )
        registry = FeatureRegistry(features=REGISTRY.features | {"strong": withheld})

        assert best_single_feature(training(), training(), registry)[1] != "strong"


class TestSingleFeature:
    @pytest.mark.parametrize("turn", [1, -1])
    def test_customers_are_ranked_by_the_feature_whatever_its_direction(self, turn: int) -> None:
        frame = training()
        frame["strong"] *= turn
        held_out = pd.DataFrame({"strong": [9.0 * turn, 4.5 * turn, 0.0]})

        risk, detail = single_feature("strong")(frame, held_out, REGISTRY)

        assert risk[0] < risk[1] < risk[2]
        assert risk[1] == pytest.approx(0.5, abs=1e-6)
        assert detail is None

    def test_another_feature_that_ranks_better_is_not_taken(self) -> None:
        frame = training()

        risk, _ = single_feature("weak")(frame, frame, REGISTRY)

        same = frame.groupby("weak")["strong"].size()
        assert len(set(risk.round(9))) == len(same)

    def test_unknown_value_counts_as_the_middle_of_training(self) -> None:
        held_out = pd.DataFrame({"strong": [np.nan, 4.5, 100.0]})

        risk, _ = single_feature("strong")(training(), held_out, REGISTRY)

        assert risk[0] == pytest.approx(risk[1], abs=1e-15)

    @pytest.mark.parametrize("value", [np.nan, 7.0])
    def test_feature_that_tells_nothing_gives_the_base_rate(self, value: float) -> None:
        frame = training().assign(weak=value).iloc[:6]

        risk, _ = single_feature("weak")(frame, frame, REGISTRY)

        np.testing.assert_allclose(risk, 1 / 3, atol=1e-4)

    def test_label_of_held_out_customers_is_not_looked_at(self) -> None:
        frame = training()
        rule = single_feature("strong")

        np.testing.assert_array_equal(
            rule(frame, frame, REGISTRY)[0],
            rule(frame, frame.drop(columns="declined"), REGISTRY)[0],
        )

    def test_column_need_not_be_a_feature_of_the_model(self) -> None:
        # Given a forecast that no model sees
        frame = training().assign(expected_purchases=[5.0, 4, 5, 4, 1, 2, 1, 2])

        risk, _ = single_feature("expected_purchases")(frame, frame, REGISTRY)

        assert risk[:4].max() < risk[4:].min()


class TestBaselinesOf:
    def test_both_baselines_of_every_shop_come_first(self) -> None:
        assert list(BASELINES) == ["base_rate", "best_single_feature"]
        assert list(baselines_of(training(), {})) == list(BASELINES)

    def test_rules_of_the_shop_rank_by_their_feature(self) -> None:
        frame = training()

        found = baselines_of(frame, {"recency": "strong", "frequency": "weak"})

        assert list(found) == [*BASELINES, "recency", "frequency"]
        for name, column in (("recency", "strong"), ("frequency", "weak")):
            np.testing.assert_array_equal(
                found[name](frame, frame, REGISTRY)[0],
                single_feature(column)(frame, frame, REGISTRY)[0],
            )

    def test_forecast_of_purchases_is_a_rule_only_where_there_is_one(self) -> None:
        frame = training()
        forecast = frame.assign(expected_purchases=[5.0, 4, 5, 4, 1, 2, 1, 2])

        assert "bg_nbd" not in baselines_of(frame, {})
        found = baselines_of(forecast, {})
        assert list(found) == [*BASELINES, "bg_nbd"]
        risk, _ = found["bg_nbd"](forecast, forecast, REGISTRY)
        assert risk[:4].max() < risk[4:].min()

    def test_rules_of_one_shop_are_not_those_of_the_next(self) -> None:
        baselines_of(training(), {"recency": "strong"})

        assert list(baselines_of(training(), {})) == list(BASELINES)

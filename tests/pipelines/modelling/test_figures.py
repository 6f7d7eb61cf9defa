"""Figures of the model: findings in the titles, in both languages, also where there is nothing."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import pytest

from personal_offers.features import FeatureRegistry, Language
from personal_offers.pipelines.modelling.figures import (
    draw_candidates,
    draw_drivers,
    draw_profit_curve,
    draw_reliability,
)

LANGUAGES: list[Language] = ["ru", "en"]
REASON = {"withheld": {"ru": "мало клиентов", "en": "too few customers"}}


def metrics(low: float = 0.95, high: float = 1.15) -> dict[str, Any]:
    slope = {"value": (low + high) / 2, "low": low, "high": high}
    return {
        "withheld": None,
        "protocol": {"confidence": 0.9},
        "averaged_over_repeats": {"calibration_slope": slope},
    }


@pytest.fixture
def reliability() -> pd.DataFrame:
    """Three groups; the expectation of the second lies outside its interval."""
    rows = [(50, 2, 0.05, 0.04, 0.01, 0.13), (50, 30, 0.4, 0.6, 0.46, 0.72)]
    rows.append((1200, 1080, 0.9, 0.9, 0.88, 0.92))
    columns = ["customers", "declined", "mean_risk", "declined_share"]
    return pd.DataFrame(rows, columns=[*columns, "declined_share_low", "declined_share_high"])


@pytest.fixture
def curve() -> pd.DataFrame:
    rows = [(None, 0.0, 0.0, 0.0, 0.0), (0.8, 0.25, 2.0, 0.5, 4.0), (0.3, 0.5, 1.5, -1.0, 5.0)]
    columns = ["threshold", "contacted_share", "profit", "profit_worst_case", "profit_best_case"]
    return pd.DataFrame(rows, columns=columns)


def decision(threshold: float | None = 0.8, gain: float = 0.5) -> dict[str, Any]:
    half = {"threshold": 0.5, "contacted_share": 0.25, "profit": 2.0 - gain}
    best = {"threshold": threshold, "contacted_share": 0.25, "profit": 2.0}
    return {
        "confidence": 0.9,
        "unit": {"ru": "фунты", "en": "GBP"},
        "assumptions": {"horizon_months": {"base": 6.0}},
        "best": best | {"profit_low": 1.0, "profit_high": 3.0},
        "at_half": half,
        "gain_over_half": {"value": gain, "low": -0.1, "high": 0.9},
    }


@pytest.fixture
def candidates() -> pd.DataFrame:
    rows = [
        ("svc", "model", 0.88, 0.86, 0.9, 0.06, 0.04, 0.08, False),
        ("extra_trees", "model", 0.91, 0.89, 0.93, 0.09, 0.07, 0.11, True),
        ("default_svc", "reference", 0.87, 0.85, 0.89, 0.05, 0.03, 0.07, False),
        ("recency", "baseline", 0.82, 0.8, 0.84, 0.0, 0.0, 0.0, False),
        ("<i>own</i>", "baseline", 0.5, None, None, -0.32, None, None, False),
    ]
    columns = ["model", "kind", "roc_auc", "roc_auc_low", "roc_auc_high"]
    return pd.DataFrame(
        rows, columns=[*columns, "difference", "difference_low", "difference_high", "winner"]
    )


@pytest.fixture
def drivers() -> pd.DataFrame:
    names = ["pages_per_visit", "promo_share", "gone"]
    return pd.DataFrame(
        {
            "feature": names,
            "actionable": [False, True, True],
            "mean_abs": [0.1234, 0.05, 0.0],
            "rank": [1, 2, 3],
        }
    )


def title_of(figure: Any) -> str:
    text: str = figure.layout.title.text.replace("<br>", " ")
    return text.replace("\u00a0", " ").replace("\u202f", " ")


class TestReliability:
    def test_slope_and_groups_are_in_the_title(self, reliability: pd.DataFrame) -> None:
        title = title_of(draw_reliability(reliability, metrics(), "en"))

        assert title == (
            "The risk agrees with what happened (calibration slope 1.05; 90%: 0.95–1.15); in 2 of "
            "3 groups the expectation lies within the interval"
        )

    @pytest.mark.parametrize(("low", "high", "word"), [(1.1, 1.3, "timid"), (0.6, 0.9, "sure of")])
    def test_a_slope_that_is_not_one(
        self, reliability: pd.DataFrame, low: float, high: float, word: str
    ) -> None:
        assert word in title_of(draw_reliability(reliability, metrics(low, high), "en"))

    @pytest.mark.parametrize(("shift", "word"), [(0.08, "too high"), (-0.03, "too low")])
    def test_a_level_that_is_off_comes_before_the_slope(
        self, reliability: pd.DataFrame, shift: float, word: str
    ) -> None:
        off = reliability.assign(mean_risk=reliability["declined_share"] + shift)

        title = title_of(draw_reliability(off, metrics(), "en"))

        assert title.startswith(f"The risk is {word}: ")
        assert "agrees" not in title
        assert "(calibration slope 1.05" in title

    def test_without_a_slope_nothing_is_claimed(self, reliability: pd.DataFrame) -> None:
        unknown = {"metrics": {"calibration_slope": {"value": None, "low": None, "high": None}}}

        assert "slope" not in title_of(draw_reliability(reliability, unknown, "en"))
        assert title_of(draw_reliability(reliability, {}, "ru")).startswith("Риск рядом с тем")

    def test_dots_and_intervals(self, reliability: pd.DataFrame) -> None:
        line, dots = draw_reliability(reliability, metrics(), "ru").data

        assert (line.x, line.y) == ((0, 1), (0, 1))
        assert list(dots.x) == [0.05, 0.4, 0.9]
        assert list(dots.error_y.array) == pytest.approx([0.09, 0.12, 0.02])
        assert list(dots.error_y.arrayminus) == pytest.approx([0.03, 0.14, 0.02])
        assert "1\u202f200" in dots.customdata[2]


class TestProfitCurve:
    def test_threshold_and_gain_are_in_the_title(self, curve: pd.DataFrame) -> None:
        assert title_of(draw_profit_curve(curve, decision(), "en")) == (
            "Under the base assumptions it pays most to contact customers from risk 0.80 on (25% "
            "of customers): 2.00 per customer of the shop (90%: 1.00–3.00); 0.50 more than from "
            "risk 0.5 on (90%: \u22120.10 … 0.90); amounts: GBP"
        )

    def test_a_threshold_that_is_no_better_than_half(self, curve: pd.DataFrame) -> None:
        assert "no more than" in title_of(draw_profit_curve(curve, decision(gain=0.0), "en"))

    def test_contacting_nobody_can_be_best(self, curve: pd.DataFrame) -> None:
        figure = draw_profit_curve(curve, decision(threshold=None), "en")

        assert "contact nobody" in title_of(figure)
        assert "—" in figure.data[-1].name

    def test_a_long_curve_is_thinned_and_keeps_its_ends(self, curve: pd.DataFrame) -> None:
        long = pd.concat([curve.iloc[[1]]] * 5000 + [curve.iloc[[2]]], ignore_index=True)
        long = pd.concat([curve.iloc[[0]], long], ignore_index=True)

        line = draw_profit_curve(long, decision(), "ru").data[2]

        assert len(line.x) <= 400
        assert (line.x[0], line.x[-1]) == (0.0, 0.5)


class TestCandidates:
    def test_the_winner_stands_beside_the_best_rule(self, candidates: pd.DataFrame) -> None:
        assert title_of(draw_candidates(candidates, "en")) == (
            "Extra trees: tells customers apart better than simple rules, ROC-AUC 0.910 "
            "(0.890–0.930); best simple rule (recency): 0.820, difference 0.090 (0.070–0.110)"
        )

    def test_models_above_rules_and_names_escaped(self, candidates: pd.DataFrame) -> None:
        figure = draw_candidates(candidates, "en")

        assert [trace.name for trace in figure.data] == ["Winner", "Models", "Simple rules"]
        assert list(figure.layout.yaxis.ticktext) == [
            "extra trees",
            "support vectors",
            "untuned support vectors",
            "recency",
            "&lt;i&gt;own&lt;/i&gt;",
        ]
        # the line between models and rules is empty
        assert list(figure.layout.yaxis.tickvals) == [0, 1, 2, 4, 5]
        # an unknown end has no bar
        assert list(figure.data[2].error_x.array) == pytest.approx([0.02, 0.0])

    def test_a_winner_that_chance_may_have_made_beats_nobody(
        self, candidates: pd.DataFrame
    ) -> None:
        candidates.loc[1, "difference_low"] = -0.01

        title = title_of(draw_candidates(candidates, "en"))

        assert title.startswith("No model beats the simple rules by more than chance; extra trees")
        assert "(\u22120.010 … 0.110)" in title

    def test_without_a_winner_the_best_model_is_named(self, candidates: pd.DataFrame) -> None:
        title = title_of(draw_candidates(candidates.assign(winner=False), "ru"))

        assert title.startswith("Ни одна модель")
        assert "сверхслучайные деревья: ROC-AUC 0,910" in title

    def test_names_tell_rules_where_no_kind_is_given(self, candidates: pd.DataFrame) -> None:
        known = candidates[candidates["model"] != "<i>own</i>"].drop(columns="kind")

        assert "(recency)" in title_of(draw_candidates(known, "en"))


class TestDrivers:
    def test_the_first_is_named_without_a_cause(
        self, drivers: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        name = registry.features["pages_per_visit"].definition.en

        title = title_of(draw_drivers(drivers, registry, "en"))

        assert title == (
            f"The risk score leans most on “{name}”: 12.3 percentage points either way on average; "
            "of the first 3 features the shop can influence 2"
        )

    def test_what_the_shop_cannot_influence_is_striped(
        self, drivers: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        can, cannot = draw_drivers(drivers.iloc[::-1], registry, "en").data

        assert (list(can.y), list(cannot.y)) == ([1, 2], [0])
        assert cannot.marker.pattern.shape == "/"
        assert can.marker.pattern.shape is None

    def test_a_feature_that_is_not_in_the_registry_keeps_its_name(
        self, drivers: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        assert draw_drivers(drivers, registry, "ru").layout.yaxis.ticktext[2] == "gone"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_shop_without_a_model_gets_the_reason(
    registry: FeatureRegistry, language: Language
) -> None:
    nothing = pd.DataFrame()
    for figure in (
        draw_reliability(nothing, REASON, language),
        draw_profit_curve(nothing, REASON, language),
        draw_candidates(nothing, language, REASON),
        draw_drivers(nothing, registry, language, REASON),
    ):
        assert len(figure.data) == 0
        assert title_of(figure).lower() == REASON["withheld"][language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_empty_tables_say_what_is_lacking(
    reliability: pd.DataFrame,
    curve: pd.DataFrame,
    candidates: pd.DataFrame,
    drivers: pd.DataFrame,
    registry: FeatureRegistry,
    language: Language,
) -> None:
    start = {"ru": "Показывать нечего", "en": "Nothing to show"}[language]
    for figure in (
        draw_reliability(reliability.iloc[:0], {}, language),
        draw_profit_curve(curve.iloc[:0], {}, language),
        draw_candidates(candidates.iloc[:0], language),
        draw_candidates(pd.DataFrame(), language),
        draw_drivers(drivers.iloc[:0], registry, language),
    ):
        assert len(figure.data) == 0
        assert title_of(figure).startswith(start)


@pytest.mark.parametrize("language", LANGUAGES)
def test_tables_from_files_give_the_same_figures_with_titled_axes(
    reliability: pd.DataFrame,
    curve: pd.DataFrame,
    candidates: pd.DataFrame,
    drivers: pd.DataFrame,
    registry: FeatureRegistry,
    language: Language,
) -> None:
    def read(table: pd.DataFrame) -> pd.DataFrame:
        return pd.read_csv(io.StringIO(table.to_csv(index=False)))

    drawn = [
        draw_reliability(reliability, metrics(), language),
        draw_profit_curve(curve, decision(), language),
        draw_candidates(candidates, language),
        draw_drivers(drivers, registry, language),
    ]
    again = [
        draw_reliability(read(reliability), metrics(), language),
        draw_profit_curve(read(curve), decision(), language),
        draw_candidates(read(candidates), language),
        draw_drivers(read(drivers), registry, language),
    ]
    for figure, other in zip(drawn, again, strict=True):
        assert figure.to_json() == other.to_json()
        assert figure.layout.xaxis.title.text
        assert figure.layout.yaxis.title.text

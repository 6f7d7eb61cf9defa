"""The candidate table on risks made by hand, so that everybody knows who is best at what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.metrics import brier_score_loss, roc_auc_score

from personal_offers.pipelines.modelling.comparison import RULE, compare_candidates
from personal_offers.pipelines.modelling.evaluation import (
    REFERENCE,
    RISK_COLUMNS,
    SEARCH_COLUMNS,
)
from personal_offers.pipelines.modelling.metrics import MEASURES, bootstrap_weights
from personal_offers.pipelines.modelling.params import ModellingOptions
from tests.pipelines.modelling.made_up import modelling_options

SIZE = 80
IDS = [f"c{number:02d}" for number in range(SIZE)]
LABEL = np.arange(SIZE) % 3 == 0
MODEL_INPUT = pd.DataFrame(
    {"customer_id": IDS[::-1], "declined": LABEL[::-1], "twin_group": np.arange(SIZE)[::-1]}
)
Risks = Mapping[str, list[np.ndarray]]


def options(repeats: int = 2, candidate_repeats: int = 2, **changes: Any) -> ModellingOptions:
    own = {
        "repeats": repeats,
        "confidence": 0.9,
        "candidates": {"models": ["svc", "extra_trees"], "repeats": candidate_repeats},
    }
    return modelling_options(**own | changes)


def risk(skill: float, seed: int = 1) -> np.ndarray:
    """Return a risk that tells the label the better, the more skill it has."""
    noise = np.random.default_rng(seed).normal(size=SIZE)
    return np.asarray(1 / (1 + np.exp(-(skill * (LABEL - 0.5) + noise))))


def long(risks: Risks, column: str) -> pd.DataFrame:
    """Return risks as the evaluation gives them, in no order."""
    parts = [
        pd.DataFrame({column: name, "repeat": repeat, "fold": 0, "customer_id": IDS, "risk": own})
        for name, repeats in risks.items()
        for repeat, own in enumerate(repeats)
    ]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return table.sample(frac=1, random_state=1).reindex(columns=[column, *RISK_COLUMNS])


def search(scores: Mapping[str, float]) -> pd.DataFrame:
    rows = [
        {"candidate": name, "candidate_score": score + shift, "repeat": repeat, "fold": 0}
        for name, score in scores.items()
        for repeat, shift in enumerate((-0.05, 0.05))
    ]
    return pd.DataFrame(rows).reindex(columns=SEARCH_COLUMNS)


CHOSEN = [risk(1.5, 1), risk(1.5, 2)]
CANDIDATES: Risks = {
    "svc": [risk(4.0, 3), risk(4.0, 4)],
    "extra_trees": [risk(2.0, 5), risk(2.0, 6)],
    REFERENCE: [risk(1.0, 7), risk(3.0, 8)],
}
BASELINES: Risks = {
    "base_rate": [np.full(SIZE, 0.3)] * 2,
    "recency": [risk(0.5, 9), risk(0.5, 9)],
}
# The candidate that judges worst of the two others has the best inner score.
SCORES = {"logistic_regression": -0.5, "svc": -0.6, "extra_trees": -0.4, REFERENCE: -0.1}


def compare(
    asked: ModellingOptions | None = None,
    chosen: list[np.ndarray] = CHOSEN,
    candidates: Risks = CANDIDATES,
    baselines: Risks = BASELINES,
    scores: Mapping[str, float] = SCORES,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    asked = asked or options()
    own = {name: score for name, score in scores.items() if name == asked.model}
    others = {name: scores[name] for name in candidates}
    return compare_candidates(
        MODEL_INPUT,
        long({asked.model: chosen}, "candidate").drop(columns="candidate"),
        long(candidates, "candidate"),
        long(baselines, "baseline"),
        search(own),
        search(others),
        asked,
    )


@pytest.fixture(scope="module")
def found() -> tuple[pd.DataFrame, dict[str, Any]]:
    return compare()


@pytest.fixture(scope="module")
def table(found: tuple[pd.DataFrame, dict[str, Any]]) -> pd.DataFrame:
    return found[0].set_index("model")


@pytest.fixture(scope="module")
def comparison(found: tuple[pd.DataFrame, dict[str, Any]]) -> dict[str, Any]:
    return found[1]


class TestWinner:
    def test_inner_score_names_the_winner_though_another_judges_better(
        self, table: pd.DataFrame, comparison: dict[str, Any]
    ) -> None:
        assert table["roc_auc"].idxmax() == "svc"
        assert comparison["winner"] == "extra_trees"
        assert table["winner"].to_dict() == {name: name == "extra_trees" for name in table.index}

    def test_reference_and_baselines_cannot_win(self, comparison: dict[str, Any]) -> None:
        # Given a reference with the best inner score of all
        assert max(SCORES, key=lambda name: SCORES[name]) == REFERENCE
        assert comparison["winner"] != REFERENCE

    def test_labels_of_the_judges_do_not_choose(self) -> None:
        # Given judges whose labels are turned round, so that the best judged is the worst
        asked = options()
        inputs = [
            long({"model": CHOSEN}, "candidate").drop(columns="candidate"),
            long(CANDIDATES, "candidate"),
            long(BASELINES, "baseline"),
            search({"logistic_regression": -0.5}),
            search({name: SCORES[name] for name in CANDIDATES}),
            asked,
        ]
        turned = MODEL_INPUT.assign(declined=~MODEL_INPUT["declined"])

        _, comparison = compare_candidates(turned, *inputs)

        assert comparison["winner"] == "extra_trees"
        assert not comparison["beats_baseline"]

    def test_inner_score_is_the_mean_over_repeats_and_folds(self, table: pd.DataFrame) -> None:
        known = table.loc[list(SCORES), "inner_score"]

        assert known.to_dict() == pytest.approx(SCORES)
        assert table.loc[list(BASELINES), "inner_score"].isna().all()

    def test_inner_scores_are_compared_on_the_repeats_that_all_share(self) -> None:
        # Given a chosen model that is behind in the first repeat and far ahead in the second,
        # which the candidates have no part in
        once = {name: own[:1] for name, own in CANDIDATES.items()}
        inputs = [
            long({"chosen": CHOSEN}, "candidate").drop(columns="candidate"),
            long(once, "candidate"),
            long(BASELINES, "baseline"),
        ]
        columns = ["candidate", "repeat", "fold", "candidate_score"]
        rows = [["logistic_regression", 0, 0, -0.6], ["logistic_regression", 1, 0, -0.1]]
        others = [["svc", 0, 0, -0.5], ["extra_trees", 0, 0, -0.7], [REFERENCE, 0, 0, -0.9]]

        table, comparison = compare_candidates(
            MODEL_INPUT,
            *inputs,
            pd.DataFrame(rows, columns=columns),
            pd.DataFrame(others, columns=columns),
            options(candidate_repeats=1),
        )

        assert comparison["winner"] == "svc"
        scores = table.set_index("model")["inner_score"]
        assert scores["logistic_regression"] == pytest.approx(-0.6)

    def test_chosen_model_is_marked_and_said_not_to_be_the_winner(
        self, table: pd.DataFrame, comparison: dict[str, Any]
    ) -> None:
        assert table.index[table["chosen"]].to_list() == ["logistic_regression"]
        assert comparison["chosen"] == "logistic_regression"
        assert comparison["chosen_wins"] is False
        assert comparison["statement"]["en"].endswith(
            "The parameters choose another model, “logistic regression”, not the winner “extra "
            "trees”."
        )
        assert comparison["statement"]["ru"].endswith(
            "В параметрах выбрана другая модель, «логистическая регрессия», а не победитель "
            "«сверхслучайные деревья»."
        )

    def test_models_that_cannot_be_told_from_the_winner_are_named(self) -> None:
        # Given a copy of the winner, and one that is far behind
        copy = {"svc": CANDIDATES["extra_trees"], "extra_trees": CANDIDATES["extra_trees"]}

        _, comparison = compare(candidates=copy, chosen=[risk(0, 1), risk(0, 2)])

        assert comparison["winner"] == "extra_trees"
        assert comparison["not_told_apart_from_winner"] == ["svc"]

    def test_winner_without_candidates_is_the_chosen_model(self) -> None:
        asked = options(repeats=3, candidate_repeats=1, candidates={"models": [], "repeats": 1})
        chosen = [*CHOSEN, risk(1.5, 3)]

        baselines = {name: [*own, own[0]] for name, own in BASELINES.items()}

        table, comparison = compare(asked, chosen, {}, baselines)

        assert table["model"].to_list() == ["logistic_regression", "recency", "base_rate"]
        assert table["repeats"].to_list() == [3, 3, 3]  # all of them, because nobody has fewer
        assert table["repeats_ahead_of_reference"].isna().all()
        assert comparison["winner"] == comparison["chosen"] == "logistic_regression"
        assert comparison["chosen_wins"] is True
        assert comparison["not_told_apart_from_winner"] == []
        assert "parameters choose" not in comparison["statement"]["en"]


class TestOrder:
    def test_models_by_inner_score_then_reference_then_baselines_by_roc_auc(
        self, table: pd.DataFrame
    ) -> None:
        assert table.index.to_list() == [
            "extra_trees", "logistic_regression", "svc", REFERENCE, "recency", "base_rate",
        ]  # fmt: skip
        assert table["kind"].to_list() == ["model"] * 3 + ["reference"] + ["baseline"] * 2

    def test_what_people_read_first_stands_first(self, table: pd.DataFrame) -> None:
        columns = table.reset_index().columns.to_list()

        assert columns[:6] == ["model", "kind", "chosen", "winner", "inner_score", "repeats"]
        measures = [f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")]
        assert columns[6 : 6 + len(measures)] == measures

    def test_order_of_the_rows_of_risk_does_not_matter(
        self, found: tuple[pd.DataFrame, dict[str, Any]]
    ) -> None:
        backwards = {name: CANDIDATES[name] for name in reversed(list(CANDIDATES))}

        table, comparison = compare(candidates=backwards)

        assert_frame_equal(table, found[0])
        assert comparison == found[1]


class TestFigures:
    def test_measures_are_means_over_the_repeats_that_all_share(self) -> None:
        # Given candidates with one repeat, the chosen model and the baselines with two
        once = {name: own[:1] for name, own in CANDIDATES.items()}

        table, _ = compare(options(candidate_repeats=1), candidates=once)

        table = table.set_index("model")
        assert set(table["repeats"]) == {1}
        everyone = {"logistic_regression": CHOSEN, **CANDIDATES, **BASELINES}
        for name, own in everyone.items():
            assert table.loc[name, "roc_auc"] == pytest.approx(roc_auc_score(LABEL, own[0]))
            assert table.loc[name, "brier"] == pytest.approx(brier_score_loss(LABEL, own[0]))
        assert table["roc_auc_sd"].isna().all()

    def test_spread_over_repeats_is_told(self, table: pd.DataFrame) -> None:
        for name, own in {"logistic_regression": CHOSEN, **CANDIDATES}.items():
            aucs = [roc_auc_score(LABEL, each) for each in own]
            assert table.loc[name, "roc_auc"] == pytest.approx(np.mean(aucs))
            assert table.loc[name, "roc_auc_sd"] == pytest.approx(np.std(aucs, ddof=1))

    def test_baseline_without_chance_stands_for_every_repeat(self) -> None:
        # Given a shop with time: one run of each baseline, three of the models
        candidates = {name: [*own, own[0]] for name, own in CANDIDATES.items()}
        once = {name: own[:1] for name, own in BASELINES.items()}

        table, _ = compare(
            options(repeats=3, candidate_repeats=3), [*CHOSEN, CHOSEN[0]], candidates, once
        )

        table = table.set_index("model")
        assert set(table["repeats"]) == {3}
        expected = roc_auc_score(LABEL, BASELINES["recency"][0])
        assert table.loc["recency", "roc_auc"] == pytest.approx(expected)
        assert table.loc["recency", "roc_auc_sd"] == pytest.approx(0)

    def test_repeats_ahead_of_the_reference_are_counted(self, table: pd.DataFrame) -> None:
        # The reference is poor in the first repeat and good in the second
        ahead = table["repeats_ahead_of_reference"]

        assert ahead["svc"] == 2
        assert ahead["logistic_regression"] == 1
        assert ahead[REFERENCE] == 0
        assert ahead["base_rate"] == 0


class TestPairedDifferences:
    def test_nobody_differs_from_themselves(self, table: pd.DataFrame) -> None:
        ends = ["", "_low", "_high"]

        assert (table.loc["recency", [f"difference{end}" for end in ends]] == 0).all()
        own = table.loc["extra_trees", [f"winner_difference{end}" for end in ends]]
        assert (own == 0).all()

    def test_difference_is_that_of_the_scores(self, table: pd.DataFrame) -> None:
        np.testing.assert_allclose(
            table["difference"].astype(float), table["roc_auc"] - table.loc["recency", "roc_auc"]
        )
        np.testing.assert_allclose(
            table["winner_difference"].astype(float),
            table["roc_auc"] - table.loc["extra_trees", "roc_auc"],
        )

    def test_interval_is_over_the_same_resamples_of_customers(self, table: pd.DataFrame) -> None:
        # Given the resamples, in which both scores are computed one by one
        weights = bootstrap_weights(MODEL_INPUT["twin_group"].to_numpy()[::-1], 100, 11)
        weights = weights[::-1]  # in the order of IDS

        def gap(weight: np.ndarray) -> float:
            own, other = (
                np.mean([roc_auc_score(LABEL, each, sample_weight=weight) for each in risks])
                for risks in (CANDIDATES["svc"], BASELINES["recency"])
            )
            return float(own - other)

        gaps = [gap(weight) for weight in weights.T]

        row = table.loc["svc"]
        expected = np.quantile(gaps, [0.05, 0.95])
        assert row["difference_low"] == pytest.approx(expected[0])
        assert row["difference_high"] == pytest.approx(expected[1])

    def test_pairs_are_sharper_than_two_intervals(self) -> None:
        # Given a model that is the best baseline with a little more skill
        better = [np.clip(own + 0.05 * LABEL, 0, 1) for own in BASELINES["recency"]]

        table, comparison = compare(chosen=better, candidates={})

        table = table.set_index("model")
        assert (
            table.loc["logistic_regression", "roc_auc_low"] < table.loc["recency", "roc_auc_high"]
        )
        assert comparison["difference"]["low"] > 0
        assert comparison["beats_baseline"]


class TestConclusion:
    def test_better_model_is_said_to_be_better(self) -> None:
        scores = SCORES | {"svc": -0.2}

        _, comparison = compare(options(model="svc"), CANDIDATES["svc"], {}, scores=scores)

        gap = comparison["difference"]
        assert comparison["beats_baseline"] is True
        assert comparison["best_baseline"] == "recency"
        assert 0 < gap["low"] < gap["value"] < gap["high"]
        english, russian = comparison["statement"]["en"], comparison["statement"]["ru"]
        assert english.startswith(
            "The model “support vectors” ranks customers better than recency: "
        )
        assert russian.startswith(
            "Модель «опорные векторы» ранжирует клиентов лучше, чем давность покупки: "
        )
        numbers = f"+{gap['value']:.3f} (+{gap['low']:.3f} … +{gap['high']:.3f})"
        assert numbers in english and "paired 90% interval" in english
        assert numbers.replace(".", ",") in russian and "90%" in russian

    @pytest.mark.parametrize("chosen", [[risk(0, 1), risk(0, 2)], BASELINES["recency"]])
    def test_no_model_beats_the_baseline_is_a_result(self, chosen: list[np.ndarray]) -> None:
        # Given a model that knows nothing, or exactly what the best rule knows
        _, comparison = compare(chosen=chosen, candidates={})

        assert comparison["beats_baseline"] is False
        assert comparison["winner"] == "logistic_regression"
        assert comparison["difference"]["low"] <= 0
        assert comparison["statement"]["en"].startswith(
            "No model beats the rule “recency” by more than"
        )
        assert comparison["statement"]["ru"].startswith(
            "Ни одна модель не лучше правила «давность покупки»"
        )
        assert "better than" not in comparison["statement"]["en"]

    def test_best_baseline_is_the_one_that_judges_best(self) -> None:
        stronger = {**BASELINES, "frequency": [risk(1.0, 12)] * 2}

        _, comparison = compare(baselines=stronger)

        assert comparison["best_baseline"] == "frequency"

    def test_rule_is_stated_in_both_languages(self, comparison: dict[str, Any]) -> None:
        assert comparison["rule"] == RULE
        assert "inner folds" in RULE["en"] and "paired interval" in RULE["en"]
        assert "внутренних частях" in RULE["ru"] and "парный интервал" in RULE["ru"]

    def test_conclusion_can_be_written_as_json(self, comparison: dict[str, Any]) -> None:
        assert json.loads(json.dumps(comparison, allow_nan=False)) == comparison

    def test_nobody_to_judge_leaves_nothing_to_say(self) -> None:
        empty = long({}, "candidate")

        table, comparison = compare_candidates(
            MODEL_INPUT.iloc[:0],
            empty.drop(columns="candidate"),
            empty,
            long({}, "baseline"),
            search({}),
            search({}),
            options(),
        )

        assert table.empty
        assert {"model", "kind", "chosen", "winner", "inner_score"} <= set(table.columns)
        assert comparison == {}

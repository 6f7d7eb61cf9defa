"""Risk by models that never saw the customer: by folds, by time, and of all candidates."""

from __future__ import annotations

import ast
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling import models
from personal_offers.pipelines.modelling.evaluation import (
    REFERENCE,
    RISK_COLUMNS,
    SEARCH_COLUMNS,
    by_repeat,
    candidate_options,
    evaluate_all,
    evaluate_all_out_of_time,
    evaluate_model,
    evaluate_out_of_time,
)
from personal_offers.pipelines.modelling.folds import split_groups
from personal_offers.pipelines.modelling.models import choose_settings, fit_model
from personal_offers.pipelines.modelling.params import ModellingOptions
from tests.pipelines.modelling.made_up import (
    FOUR_FEATURES,
    TINY_GRIDS,
    modelling_options,
    reason_options,
    registry_of,
)

SIZE = 60
PAIRS = 5
FEATURES = list(FOUR_FEATURES)
GRIDS = TINY_GRIDS | {
    "svc": {"C": [0.1], "gamma": [0.1]},
    "decision_tree": {"max_depth": [1, 2], "min_samples_leaf": [3, 5]},
}


def options(**changes: Any) -> ModellingOptions:
    candidates = {"models": ["decision_tree", "extra_trees"], "repeats": 1}
    return modelling_options(**{"grids": GRIDS, "candidates": candidates} | changes)


@pytest.fixture(scope="module")
def registry() -> FeatureRegistry:
    return registry_of(FOUR_FEATURES)


def people(size: int, seed: int) -> pd.DataFrame:
    """Return customers whose amount tells the label; five pairs of copies share a group."""
    rng = np.random.default_rng(seed)
    amount = rng.normal(100, 10, size=size)
    amount[PAIRS : 2 * PAIRS] = amount[:PAIRS]
    group = np.arange(size)
    group[PAIRS : 2 * PAIRS] = group[:PAIRS]
    frame = pd.DataFrame(
        {
            "customer_id": [f"{number:03d}" for number in rng.permutation(size)],
            "amount": amount,
            "visits": rng.normal(5, 1, size=size),
            "colour": rng.choice(["red", "blue", "green"], size=size),
            "member": rng.choice(["yes", "no"], size=size),
            "declined": amount + rng.normal(0, 8, size=size) < 98,
            "twin_group": group,
        }
    )
    return frame.sort_values("amount", kind="stable", ignore_index=True)


@pytest.fixture(scope="module")
def model_input() -> pd.DataFrame:
    return people(SIZE, 2)


@pytest.fixture(scope="module")
def folds(model_input: pd.DataFrame) -> pd.DataFrame:
    label, groups = model_input["declined"].to_numpy(), model_input["twin_group"].to_numpy()
    parts = [
        model_input[["customer_id"]].assign(
            repeat=repeat, fold=split_groups(label, pd.factorize(groups)[0], 3, repeat)
        )
        for repeat in range(2)
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def training_input() -> pd.DataFrame:
    """The same forty customers at two cutoffs; all rows of one share a group."""
    parts = [people(40, seed).assign(cutoff=pd.Timestamp(2011, seed, 1)) for seed in (3, 4)]
    rows = pd.concat(parts, ignore_index=True)
    return rows.assign(twin_group=pd.factorize(rows["customer_id"])[0])


class TestEvaluateModel:
    def test_every_customer_is_predicted_once_per_repeat_in_their_own_fold(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        # When
        risk, search = evaluate_model(model_input, folds, registry, options())

        # Then
        key = ["repeat", "customer_id", "fold"]
        assert risk.columns.to_list() == RISK_COLUMNS
        assert_frame_equal(
            risk[key].sort_values(key, ignore_index=True),
            folds[key].sort_values(key, ignore_index=True),
            check_dtype=False,
        )
        assert risk["risk"].between(0, 1).all()
        assert search.columns.to_list() == SEARCH_COLUMNS
        assert search[["repeat", "fold"]].to_numpy().tolist() == [
            [repeat, fold] for repeat in range(2) for fold in range(3)
        ]
        for column, value in {
            "candidate": "logistic_regression",
            "calibration": "none",
            "model": "logistic_regression",
            "settings": "{'C': 1.0}",
            "chosen": True,
        }.items():
            assert search[column].eq(value).all()
        assert search["score"].between(0.5, 1).all()  # ROC-AUC, which settings are chosen by
        assert (search["candidate_score"] < 0).all()  # minus log loss, for the winner

    def test_each_fit_sees_the_training_folds_and_features_alone(
        self,
        model_input: pd.DataFrame,
        folds: pd.DataFrame,
        registry: FeatureRegistry,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # Given a spy on the fits
        seen: list[pd.DataFrame] = []

        def spy(features: pd.DataFrame, *rest: Any) -> Any:
            seen.append(features)
            return fit_model(features, *rest)

        monkeypatch.setattr(models, "fit_model", spy)

        # When
        evaluate_model(model_input, folds, registry, options())

        # Then each saw exactly the customers of the other folds, none a twin of those held out
        assert len(seen) == 6
        group = model_input.set_index("customer_id")["twin_group"]
        cells = [(repeat, fold) for repeat in range(2) for fold in range(3)]
        for (repeat, fold), features in zip(cells, seen, strict=True):
            assert features.columns.to_list() == FEATURES
            trained = set(model_input.loc[features.index, "customer_id"])
            here = folds[folds["repeat"] == repeat]
            held_out = set(here.loc[here["fold"] == fold, "customer_id"])
            assert trained == set(model_input["customer_id"]) - held_out
            assert set(group[list(trained)]).isdisjoint(group[list(held_out)])

    @pytest.mark.parametrize(
        ("model", "calibration"),
        [
            *product(["logistic_regression", "decision_tree", "blend"], ["none", "sigmoid"]),
            ("blend", "auto"),
        ],
    )
    def test_labels_of_a_fold_change_nothing_in_that_fold(
        self,
        model: str,
        calibration: str,
        model_input: pd.DataFrame,
        folds: pd.DataFrame,
        registry: FeatureRegistry,
    ) -> None:
        # Given the labels of one fold turned round
        once = options(model=model, calibration=calibration, repeats=1)
        first = folds[folds["repeat"] == 0]
        held_out = first.loc[first["fold"] == 1, "customer_id"]
        turned = model_input.assign(
            declined=model_input["declined"] ^ model_input["customer_id"].isin(held_out)
        )

        # When
        before, search_before = evaluate_model(model_input, first, registry, once)
        after, search_after = evaluate_model(turned, first, registry, once)

        # Then its risks, search and curve are the same bits, while those of the others change
        in_fold = before["fold"] == 1
        assert_frame_equal(before[in_fold], after[in_fold], check_exact=True)
        assert_frame_equal(
            search_before[search_before["fold"] == 1],
            search_after[search_after["fold"] == 1],
            check_exact=True,
        )
        assert (before.loc[~in_fold, "risk"] != after.loc[~in_fold, "risk"]).any()

    def test_settings_are_searched_in_each_training_fold(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        asked = options(model="decision_tree")

        _, search = evaluate_model(model_input, folds, registry, asked)

        combinations = {(depth, leaf) for depth in (1, 2) for leaf in (3, 5)}
        by_fold = search.groupby(["repeat", "fold"])
        assert by_fold.size().to_dict() == {(r, f): 4 for r in range(2) for f in range(3)}
        for _, tried in by_fold:
            settings = [ast.literal_eval(text) for text in tried["settings"]]
            assert {(s["max_depth"], s["min_samples_leaf"]) for s in settings} == combinations
            assert tried["chosen"].sum() == 1
            assert tried.loc[tried["chosen"], "score"].item() == tried["score"].max()
            assert len(set(tried["candidate_score"])) == 1

    def test_blend_names_the_settings_of_each_member(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        once = options(model="blend", repeats=1)

        _, search = evaluate_model(model_input, folds[folds["repeat"] == 0], registry, once)

        assert search["model"].to_list() == ["extra_trees", "catboost"] * 3
        assert set(search["candidate"]) == {"blend"}
        assert search["chosen"].all()

    @pytest.mark.parametrize("threads", [1, 2])
    def test_same_seed_gives_the_same_bytes_whatever_the_threads(
        self,
        threads: int,
        model_input: pd.DataFrame,
        folds: pd.DataFrame,
        registry: FeatureRegistry,
    ) -> None:
        asked = {"model": "blend", "calibration": "auto"}
        first = folds[folds["repeat"] == 0]

        one, search = evaluate_model(model_input, first, registry, options(**asked))
        two, other = evaluate_model(model_input, first, registry, options(**asked, threads=threads))

        assert one["risk"].to_numpy().tobytes() == two["risk"].to_numpy().tobytes()
        assert_frame_equal(one, two, check_exact=True)
        assert_frame_equal(search, other, check_exact=True)

    def test_another_seed_gives_another_forest(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        one, _ = evaluate_model(model_input, folds, registry, options(model="extra_trees"))
        two, _ = evaluate_model(model_input, folds, registry, options(model="extra_trees", seed=12))

        assert (one["risk"] != two["risk"]).any()

    def test_order_of_the_table_of_folds_does_not_matter(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        expected, _ = evaluate_model(model_input, folds, registry, options())
        found, _ = evaluate_model(
            model_input, folds.sample(frac=1, random_state=4), registry, options()
        )

        assert_frame_equal(found, expected, check_exact=True)

    def test_inputs_are_left_as_they_were(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        before, folds_before = model_input.copy(), folds.copy()

        evaluate_model(model_input, folds, registry, options())

        assert_frame_equal(model_input, before)
        assert_frame_equal(folds, folds_before)

    def test_category_that_training_never_saw_is_predicted_all_the_same(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        # Given one customer of a colour of their own, and one without any
        colours = model_input["colour"].astype(object)
        colours.iloc[[0, 1]] = ["violet", None]

        risk, _ = evaluate_model(model_input.assign(colour=colours), folds, registry, options())

        assert risk["risk"].between(0, 1).all()
        assert len(risk) == 2 * SIZE

    def test_too_few_customers_for_the_inner_folds_are_refused(
        self, model_input: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        # Given three decliners in three folds, which leave two for three inner folds
        label = model_input.index < 3
        few = model_input.assign(declined=label, twin_group=np.arange(SIZE))
        dealt = few[["customer_id"]].assign(
            repeat=0, fold=split_groups(label, np.arange(SIZE), 3, seed=1)
        )
        asked = options(search={"folds": 3, "candidates": 8, "scoring": "roc_auc"})

        with pytest.raises(ValueError, match=r"2 customer\(s\) labelled declined are too few"):
            evaluate_model(few, dealt, registry, asked)

    def test_nobody_gives_empty_tables(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        risk, search = evaluate_model(model_input.iloc[:0], folds.iloc[:0], registry, options())

        assert risk.empty and risk.columns.to_list() == RISK_COLUMNS
        assert search.empty and search.columns.to_list() == SEARCH_COLUMNS


class TestEvaluateOutOfTime:
    def test_every_customer_of_the_test_cutoff_is_predicted_once_per_repeat(
        self, training_input: pd.DataFrame, model_input: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        risk, search = evaluate_out_of_time(training_input, model_input, registry, options())

        assert risk.columns.to_list() == RISK_COLUMNS
        for repeat in range(2):
            own = risk[risk["repeat"] == repeat]
            assert own["customer_id"].to_list() == model_input["customer_id"].to_list()
        assert set(risk["fold"]) == {0}
        assert search[["repeat", "fold"]].to_numpy().tolist() == [[0, 0], [1, 0]]

    def test_fits_see_all_training_rows_and_nothing_of_the_test(
        self,
        training_input: pd.DataFrame,
        model_input: pd.DataFrame,
        registry: FeatureRegistry,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # Given a spy on the fits, and labels of the test that are turned round
        seen: list[tuple[pd.DataFrame, np.ndarray]] = []

        def spy(features: pd.DataFrame, label: np.ndarray, *rest: Any) -> Any:
            seen.append((features, label))
            return fit_model(features, label, *rest)

        monkeypatch.setattr(models, "fit_model", spy)
        turned = model_input.assign(declined=~model_input["declined"])

        # When
        before, _ = evaluate_out_of_time(training_input, model_input, registry, options())
        after, _ = evaluate_out_of_time(training_input, turned, registry, options())

        # Then
        assert_frame_equal(before, after, check_exact=True)
        assert len(seen) == 4
        for features, label in seen:
            assert_frame_equal(features, training_input[FEATURES])
            np.testing.assert_array_equal(label, training_input["declined"])

    def test_all_rows_of_a_customer_are_in_one_inner_fold(
        self,
        training_input: pd.DataFrame,
        model_input: pd.DataFrame,
        registry: FeatureRegistry,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # Given a spy on the search
        parts: list[tuple[np.ndarray, np.ndarray]] = []

        def spy(name: Any, features: Any, label: Any, inner: Any, *rest: Any) -> Any:
            parts.extend(inner)
            return choose_settings(name, features, label, inner, *rest)

        monkeypatch.setattr(models, "choose_settings", spy)

        # When
        evaluate_out_of_time(training_input, model_input, registry, options(repeats=1))

        # Then
        assert len(parts) == 2
        customer = training_input["customer_id"].to_numpy()
        for trained, held in parts:
            assert set(customer[trained]).isdisjoint(customer[held])

    def test_repeats_differ_by_their_seed_alone(
        self, training_input: pd.DataFrame, model_input: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        def by_repeat(model: str) -> list[np.ndarray]:
            asked = options(model=model)
            risk, _ = evaluate_out_of_time(training_input, model_input, registry, asked)
            return [own["risk"].to_numpy() for _, own in risk.groupby("repeat")]

        trees, curves = by_repeat("extra_trees"), by_repeat("logistic_regression")

        assert (trees[0] != trees[1]).any()
        np.testing.assert_array_equal(curves[0], curves[1])

    def test_same_seed_gives_the_same_bytes(
        self, training_input: pd.DataFrame, model_input: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        one, two = (
            evaluate_out_of_time(
                training_input, model_input, registry, options(model="blend", threads=threads)
            )[0]
            for threads in (1, 2)
        )

        assert one["risk"].to_numpy().tobytes() == two["risk"].to_numpy().tobytes()
        assert_frame_equal(one, two, check_exact=True)

    @pytest.mark.parametrize("empty", ["training", "test"])
    def test_nothing_to_learn_from_or_to_judge_by_gives_empty_tables(
        self,
        empty: str,
        training_input: pd.DataFrame,
        model_input: pd.DataFrame,
        registry: FeatureRegistry,
    ) -> None:
        training = training_input.iloc[:0] if empty == "training" else training_input
        test = model_input.iloc[:0] if empty == "test" else model_input

        risk, search = evaluate_out_of_time(training, test, registry, options())

        assert risk.empty and risk.columns.to_list() == RISK_COLUMNS
        assert search.empty and search.columns.to_list() == SEARCH_COLUMNS


Evaluated = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def evaluated(
    model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
) -> Evaluated:
    return evaluate_all(model_input, folds, registry, options(), reason_options())[:4]


class TestEvaluateAll:
    def test_all_candidates_and_the_reference_are_predicted_on_the_first_repeats(
        self, evaluated: Evaluated, folds: pd.DataFrame
    ) -> None:
        _, _, risk, search = evaluated

        assert risk.columns.to_list() == ["candidate", *RISK_COLUMNS]
        assert search.columns.to_list() == SEARCH_COLUMNS
        names = ["decision_tree", "extra_trees", REFERENCE]
        assert list(dict.fromkeys(risk["candidate"])) == names
        assert list(dict.fromkeys(search["candidate"])) == names
        key = ["repeat", "customer_id", "fold"]
        expected = folds.loc[folds["repeat"] == 0, key].sort_values(key, ignore_index=True)
        for _, own in risk.groupby("candidate"):
            assert_frame_equal(
                own[key].sort_values(key, ignore_index=True), expected, check_dtype=False
            )

    def test_chosen_model_is_what_it_is_by_itself(
        self,
        evaluated: Evaluated,
        model_input: pd.DataFrame,
        folds: pd.DataFrame,
        registry: FeatureRegistry,
    ) -> None:
        risk, search = evaluate_model(model_input, folds, registry, options())

        assert_frame_equal(evaluated[0], risk, check_exact=True)
        assert_frame_equal(evaluated[1], search, check_exact=True)

    def test_a_candidate_is_what_it_is_as_the_chosen_model(
        self,
        evaluated: Evaluated,
        model_input: pd.DataFrame,
        folds: pd.DataFrame,
        registry: FeatureRegistry,
    ) -> None:
        _, _, risk, search = evaluated

        alone, alone_search = evaluate_model(
            model_input, folds[folds["repeat"] == 0], registry, options(model="extra_trees")
        )
        own = risk[risk["candidate"] == "extra_trees"].drop(columns="candidate")
        assert_frame_equal(own.reset_index(drop=True), alone, check_exact=True)
        own_search = search[search["candidate"] == "extra_trees"].reset_index(drop=True)
        assert_frame_equal(own_search, alone_search, check_exact=True)

    def test_member_of_a_blend_is_fitted_once_and_judged_as_if_it_were_alone(
        self,
        model_input: pd.DataFrame,
        folds: pd.DataFrame,
        registry: FeatureRegistry,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # Given a blend whose members are candidates too, and a spy on the fits
        candidates = {"models": ["catboost", "extra_trees"], "repeats": 1}
        asked = options(model="blend", calibration="auto", candidates=candidates)
        fitted: list[list[str]] = []

        def spy(*given: Any) -> Any:
            fitted.append(given[4].members())
            return fit_model(*given)

        monkeypatch.setattr(models, "fit_model", spy)

        # When
        blend, _, risk, search, _ = evaluate_all(
            model_input, folds, registry, asked, reason_options()
        )

        # Then nothing but blend and reference was fitted
        assert fitted == [["extra_trees", "catboost"]] * 6 + [["svc"]] * 3
        assert list(dict.fromkeys(risk["candidate"])) == ["catboost", "extra_trees", REFERENCE]
        first = folds[folds["repeat"] == 0]
        for name in ("catboost", "extra_trees"):
            alone, alone_search = evaluate_model(
                model_input, first, registry, asked.model_copy(update={"model": name})
            )
            own = risk[risk["candidate"] == name].drop(columns="candidate")
            assert_frame_equal(own.reset_index(drop=True), alone, check_exact=True)
            own_search = search[search["candidate"] == name].reset_index(drop=True)
            assert_frame_equal(own_search, alone_search, check_exact=True)
        by_itself, _ = evaluate_model(model_input, folds, registry, asked)
        assert_frame_equal(blend, by_itself, check_exact=True)

    def test_reference_is_support_vectors_with_the_defaults_of_the_library(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        # Given another grid for the candidate of that name, and a calibrated model
        asked = options(calibration="sigmoid", candidates={"models": ["svc"], "repeats": 1})

        _, _, _, search, _ = evaluate_all(model_input, folds, registry, asked, reason_options())

        reference = search[search["candidate"] == REFERENCE]
        for text in reference["settings"]:
            assert ast.literal_eval(text) == {"C": 1.0, "gamma": "scale"}
        assert set(reference["calibration"]) == {"none"}
        own = search[search["candidate"] == "svc"]
        assert set(own["settings"]) == {"{'C': 0.1, 'gamma': 0.1}"}
        assert set(own["calibration"]) == {"sigmoid"}

    def test_reference_stands_beside_support_vectors_that_were_chosen(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        asked = options(model="svc", candidates={"models": ["svc"], "repeats": 1})

        risk, search, others, their_search, _ = evaluate_all(
            model_input, folds, registry, asked, reason_options()
        )

        assert set(others["candidate"]) == set(their_search["candidate"]) == {REFERENCE}
        assert set(search["settings"]) == {"{'C': 0.1, 'gamma': 0.1}"}
        first = risk.loc[risk["repeat"] == 0, "risk"].to_numpy()
        assert (others["risk"].to_numpy() != first).any()

    def test_chosen_model_is_not_fitted_a_second_time(self) -> None:
        asked = options(candidates={"models": ["svc", "logistic_regression"], "repeats": 1})

        assert list(candidate_options(asked, 1_000)) == ["svc", REFERENCE]

    def test_of_many_rows_only_models_whose_time_grows_with_them_compete(self) -> None:
        models = ["svc", "logistic_regression", "k_neighbors", "decision_tree"]
        asked = options(
            model="svc", candidates={"models": models, "repeats": 1, "most_rows": 1_000}
        )

        assert len(candidate_options(asked, 1_000)) == len(models)
        assert list(candidate_options(asked, 1_001)) == ["logistic_regression", "decision_tree"]

    def test_more_repeats_than_there_are_is_all_of_them(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        asked = options(candidates={"models": ["extra_trees"], "repeats": 50})

        _, _, risk, _, _ = evaluate_all(model_input, folds, registry, asked, reason_options())

        assert set(risk["repeat"]) == {0, 1}

    @pytest.mark.parametrize("model", ["logistic_regression", "blend"])
    def test_no_candidates_give_empty_tables(
        self,
        model: str,
        model_input: pd.DataFrame,
        folds: pd.DataFrame,
        registry: FeatureRegistry,
    ) -> None:
        asked = options(model=model, candidates={"models": [], "repeats": 1})

        chosen, _, risk, search, _ = evaluate_all(
            model_input, folds, registry, asked, reason_options()
        )

        assert len(chosen) == 2 * SIZE
        assert risk.empty and risk.columns.to_list() == ["candidate", *RISK_COLUMNS]
        assert search.empty and search.columns.to_list() == SEARCH_COLUMNS

    def test_nobody_gives_empty_tables(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        found = evaluate_all(
            model_input.iloc[:0], folds.iloc[:0], registry, options(), reason_options()
        )

        *found, kept = found
        assert all(table.empty for table in found)
        assert kept == {}
        columns = [RISK_COLUMNS, SEARCH_COLUMNS, ["candidate", *RISK_COLUMNS], SEARCH_COLUMNS]
        assert [table.columns.to_list() for table in found] == columns

    def test_models_that_will_explain_are_those_that_predicted(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        for seeds, repeats in ((0, {0}), (1, {0, 1}), (9, {0, 1})):
            asked = options(candidates={"models": [], "repeats": 1})
            own, *_, kept = evaluate_all(
                model_input, folds, registry, asked, reason_options(stability_seeds=seeds)
            )

            assert {repeat for repeat, _ in kept} == repeats
            rows = model_input.set_index("customer_id")
            for (repeat, fold), part in own.groupby(["repeat", "fold"]):
                if repeat in repeats:
                    again = kept[repeat, fold].predict(rows.loc[part["customer_id"], FEATURES])
                    np.testing.assert_array_equal(again, part["risk"])


class TestEvaluateAllOutOfTime:
    @pytest.mark.parametrize(("repeats", "expected"), [(1, {0}), (50, {0, 1})])
    def test_all_candidates_predict_the_test_cutoff(
        self,
        repeats: int,
        expected: set[int],
        training_input: pd.DataFrame,
        model_input: pd.DataFrame,
        registry: FeatureRegistry,
    ) -> None:
        asked = options(candidates={"models": ["extra_trees"], "repeats": repeats})

        _, _, risk, search = evaluate_all_out_of_time(training_input, model_input, registry, asked)

        assert list(dict.fromkeys(risk["candidate"])) == ["extra_trees", REFERENCE]
        assert set(risk["repeat"]) == set(search["repeat"]) == expected
        for _, own in risk.groupby(["candidate", "repeat"]):
            assert own["customer_id"].to_list() == model_input["customer_id"].to_list()

    def test_every_model_is_what_it_is_by_itself(
        self, training_input: pd.DataFrame, model_input: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        # Given a blend, one of whose members is a candidate
        asked = options(model="blend")

        chosen, search, risk, _ = evaluate_all_out_of_time(
            training_input, model_input, registry, asked
        )

        blend, blend_search = evaluate_out_of_time(training_input, model_input, registry, asked)
        assert_frame_equal(chosen, blend, check_exact=True)
        assert_frame_equal(search, blend_search, check_exact=True)
        for name in ("extra_trees", "decision_tree"):
            alone, _ = evaluate_out_of_time(
                training_input, model_input, registry, options(model=name, repeats=1)
            )
            own = risk[risk["candidate"] == name].drop(columns="candidate")
            assert_frame_equal(own.reset_index(drop=True), alone, check_exact=True)

    def test_nothing_to_learn_from_gives_empty_tables(
        self, training_input: pd.DataFrame, model_input: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        found = evaluate_all_out_of_time(
            training_input.iloc[:0], model_input.iloc[:0], registry, options()
        )

        assert all(table.empty for table in found)
        columns = [RISK_COLUMNS, SEARCH_COLUMNS, ["candidate", *RISK_COLUMNS], SEARCH_COLUMNS]
        assert [table.columns.to_list() for table in found] == columns


def test_matrix_has_the_customers_in_the_order_that_is_wanted() -> None:
    table = pd.DataFrame(
        {
            "repeat": [1, 0, 1, 0],
            "customer_id": ["a", "b", "b", "a"],
            "risk": [0.1, 0.2, 0.3, 0.4],
        }
    )

    found = by_repeat(table, pd.Series(["b", "a"]))

    np.testing.assert_array_equal(found, [[0.2, 0.4], [0.3, 0.1]])

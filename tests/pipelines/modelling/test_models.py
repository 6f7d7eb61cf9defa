from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling import models
from personal_offers.pipelines.modelling.models import build_model, choose_settings, fit_model
from personal_offers.pipelines.modelling.params import ModellingOptions

SIZE = 90
COLUMNS = ["amount", "noise", "never_known", "colour", "agreed"]
MODELS = [
    "logistic_regression",
    "svc",
    "k_neighbors",
    "decision_tree",
    "random_forest",
    "extra_trees",
    "catboost",
    "blend",
]
ONE_OF_EACH: dict[str, dict[str, list[Any]]] = {
    "logistic_regression": {"C": [1.0]},
    "svc": {"C": [1.0], "gamma": [0.1]},
    "k_neighbors": {"n_neighbors": [15], "weights": ["distance"], "p": [2]},
    "decision_tree": {"max_depth": [3], "min_samples_leaf": [5]},
    "random_forest": {"n_estimators": [15], "max_features": [2], "min_samples_leaf": [2]},
    "extra_trees": {"n_estimators": [15], "max_features": [2], "min_samples_leaf": [2]},
    "catboost": {"iterations": [15], "depth": [3], "learning_rate": [0.1], "rsm": [0.8]},
}


def options(
    model: str, grids: dict[str, Any] | None = None, candidates: int = 8, **changes: Any
) -> ModellingOptions:
    return ModellingOptions.model_validate(
        {
            "model": model,
            "blend": ["extra_trees", "catboost"],
            "calibration": "sigmoid",
            "number_scale": "plain",
            "folds": 3,
            "repeats": 1,
            "baselines": {},
            "twin_columns": ["amount"],
            "threads": 1,
            "bootstrap": 100,
            "confidence": 0.95,
            "seed": 1,
            "search": {"folds": 3, "candidates": candidates, "scoring": "roc_auc"},
            "grids": ONE_OF_EACH | (grids or {}),
            "candidates": {"models": [], "repeats": 1},
        }
        | changes
    )


@pytest.fixture(scope="module")
def registry() -> FeatureRegistry:
    def feature(kind: str) -> dict[str, Any]:
        return {
            "group": "purchase_behaviour",
            "type": kind,
            "compute": {"kind": "column", "table": "people", "column": "value"},
            "window": "ever",
            "actionable": False,
            "definition": {"ru": "текст", "en": "text"},
        }

    types = ["number", "number", "number", "category", "flag"]
    return FeatureRegistry.model_validate(
        {"features": {n: feature(kind) for n, kind in zip(COLUMNS, types, strict=True)}}
    )


@pytest.fixture(scope="module")
def training() -> tuple[pd.DataFrame, np.ndarray]:
    """90 customers whose amount and colour tell the label, with gaps in every column."""
    rng = np.random.default_rng(5)
    label = np.arange(SIZE) % 3 == 0
    frame = pd.DataFrame(
        {
            "amount": label * 2.0 + rng.normal(size=SIZE),
            "noise": rng.normal(size=SIZE),
            "never_known": np.full(SIZE, np.nan),
            "colour": np.where(rng.random(SIZE) < 0.2 + 0.6 * label, "red", "blue"),
            "agreed": rng.choice(["yes", "no"], size=SIZE),
        }
    )
    frame.loc[[3, 40], "amount"] = np.nan
    frame.loc[[5, 41], "colour"] = None
    frame.loc[[6, 42], "agreed"] = None
    return frame, label


@pytest.fixture(scope="module")
def unseen() -> pd.DataFrame:
    """Likely decliner, likely keeper, unseen category, all unknown."""
    return pd.DataFrame(
        {
            "amount": [4.0, -2.0, 1.0, np.nan],
            "noise": [0.0, 0.0, 0.0, np.nan],
            "never_known": [np.nan, np.nan, 7.0, np.nan],
            "colour": ["red", "blue", "green", None],
            "agreed": ["yes", "yes", "no", None],
        }
    )


GROUPS = np.arange(SIZE, dtype=np.int64)


@pytest.mark.parametrize("calibration", ["none", "sigmoid"])
@pytest.mark.parametrize("name", MODELS)
def test_every_model_gives_probabilities_whatever_is_missing_or_unseen(
    name: str,
    calibration: str,
    training: tuple[pd.DataFrame, np.ndarray],
    unseen: pd.DataFrame,
    registry: FeatureRegistry,
) -> None:
    # Given customers with missing numbers, categories and a feature that nobody has
    frame, label = training

    # When
    fitted = fit_model(
        frame, label, GROUPS, registry, options(name, calibration=calibration), seed=1
    )
    risk = fitted.model.predict(unseen)

    # Then a likely decliner stands above a likely keeper, and nobody is left without a risk
    assert risk.shape == (4,)
    assert ((risk >= 0) & (risk <= 1)).all()
    assert risk[0] > risk[1]
    assert roc_auc_score(label, fitted.model.predict(frame)) > 0.8
    assert fitted.model.calibration == calibration
    members = ["extra_trees", "catboost"] if name == "blend" else [name]
    assert fitted.chosen == {
        member: {key: values[0] for key, values in ONE_OF_EACH[member].items()}
        for member in members
    }


@pytest.mark.parametrize("name", MODELS)
def test_same_customers_and_seed_give_the_same_bits(
    name: str,
    training: tuple[pd.DataFrame, np.ndarray],
    unseen: pd.DataFrame,
    registry: FeatureRegistry,
) -> None:
    frame, label = training

    first, second = (
        fit_model(frame, label, GROUPS, registry, options(name), seed=3).model.predict(unseen)
        for _ in range(2)
    )

    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", ["logistic_regression", "svc", "extra_trees", "blend"])
def test_calibration_keeps_the_ranking(
    name: str, training: tuple[pd.DataFrame, np.ndarray], registry: FeatureRegistry
) -> None:
    # Given the same model with and without Platt's curve
    frame, label = training
    plain, calibrated = (
        fit_model(frame, label, GROUPS, registry, options(name, calibration=kind), seed=1).model
        for kind in ("none", "sigmoid")
    )

    # When
    before = plain.predict(frame)
    after = calibrated.predict(frame)

    # Then levels move and ranks do not (rounding joins scores that differ in the last bits)
    assert np.abs(before - after).max() > 1e-3
    np.testing.assert_array_equal(rankdata(before.round(9)), rankdata(after.round(9)))


def test_blend_without_calibration_is_the_mean_of_its_members(
    training: tuple[pd.DataFrame, np.ndarray], unseen: pd.DataFrame, registry: FeatureRegistry
) -> None:
    frame, label = training

    risks = {
        name: fit_model(
            frame, label, GROUPS, registry, options(name, calibration="none"), seed=1
        ).model.predict(unseen)
        for name in ("extra_trees", "catboost", "blend")
    }

    np.testing.assert_allclose(
        risks["blend"], (risks["extra_trees"] + risks["catboost"]) / 2, atol=1e-12
    )


@pytest.mark.parametrize("stranger", ["green", None])
def test_unseen_category_is_none_of_the_known_ones(
    stranger: str | None, training: tuple[pd.DataFrame, np.ndarray], registry: FeatureRegistry
) -> None:
    # Given two colours in training, of which one stands for decline
    frame, label = training
    frame = frame.assign(colour=frame["colour"].fillna("blue"))
    model = build_model("logistic_regression", {"C": 1.0}, registry, seed=1).fit(frame, label)

    # When three customers differ in their colour alone
    held_out = frame.iloc[[0, 0, 0]].assign(colour=["blue", stranger, "red"])
    risk = model.predict_proba(held_out)[:, 1]

    # Then the stranger is taken neither for the one nor for the other
    assert risk[0] < risk[1] < risk[2]


def test_id_and_other_columns_never_reach_a_model(
    training: tuple[pd.DataFrame, np.ndarray], unseen: pd.DataFrame, registry: FeatureRegistry
) -> None:
    # Given a column that tells the label, but is not a feature of the registry
    frame, label = training
    with_id = frame.assign(customer_id=np.where(label, "1", "2"))

    def risk(customers: pd.DataFrame, held_out: pd.DataFrame) -> np.ndarray:
        model = build_model("logistic_regression", {"C": 1.0}, registry, seed=1)
        return model.fit(customers, label).predict_proba(held_out)[:, 1]

    np.testing.assert_array_equal(
        risk(with_id, unseen.assign(customer_id="1")), risk(frame, unseen)
    )


def test_asinh_bends_numbers_before_they_are_standardised(
    training: tuple[pd.DataFrame, np.ndarray], registry: FeatureRegistry
) -> None:
    # Given amounts with a long tail on both sides
    frame, label = training
    tailed = frame.assign(amount=np.sinh(frame["amount"].fillna(0) * 3))
    bent = tailed.assign(amount=np.arcsinh(tailed["amount"]), noise=np.arcsinh(tailed["noise"]))

    # When
    asked = {"registry": registry, "seed": 1}
    by_scale = build_model("logistic_regression", {"C": 1.0}, scale="asinh", **asked)
    by_hand = build_model("logistic_regression", {"C": 1.0}, scale="plain", **asked)
    found = by_scale.fit(tailed, label).predict_proba(tailed)
    expected = by_hand.fit(bent, label).predict_proba(bent)

    # Then it is as if somebody had bent them, and not as if nobody had
    np.testing.assert_allclose(found, expected, atol=1e-12)
    plain = by_hand.fit(tailed, label).predict_proba(tailed)
    assert np.abs(found - plain).max() > 0.05


def test_curve_is_chosen_from_the_given_customers_and_named(
    training: tuple[pd.DataFrame, np.ndarray], registry: FeatureRegistry
) -> None:
    # Given trees that are timid
    frame, label = training
    asked = {
        kind: fit_model(frame, label, GROUPS, registry, options("extra_trees", calibration=kind), 1)
        for kind in ("none", "sigmoid", "beta", "isotonic", "auto")
    }

    # When
    chosen = asked["auto"].model.calibration

    # Then it is the curve of the best score, and its model is the one fitted with it
    scores = {kind: asked[kind].score for kind in asked if kind != "auto"}
    assert chosen == max(scores, key=lambda kind: scores[kind])
    assert asked["auto"].score == scores[chosen] < 0
    np.testing.assert_array_equal(
        asked["auto"].model.predict(frame), asked[chosen].model.predict(frame)
    )


@pytest.mark.parametrize("calibration", ["none", "auto"])
def test_member_of_a_blend_can_be_had_alone_without_another_fit(
    calibration: str,
    training: tuple[pd.DataFrame, np.ndarray],
    unseen: pd.DataFrame,
    registry: FeatureRegistry,
) -> None:
    frame, label = training
    given = (frame, label, GROUPS, registry)

    blend = fit_model(*given, options("blend", calibration=calibration), seed=1, each_alone=True)

    assert list(blend.alone) == ["extra_trees", "catboost"]
    for name, alone in blend.alone.items():
        by_itself = fit_model(*given, options(name, calibration=calibration), seed=1)
        np.testing.assert_array_equal(alone.model.predict(unseen), by_itself.model.predict(unseen))
        assert alone.tried == by_itself.tried
        assert alone.score == by_itself.score
        assert any(member is alone.model.members[0] for member in blend.model.members)
    assert not fit_model(*given, options("blend", calibration=calibration), seed=1).alone


def test_single_model_has_no_members_to_be_had_alone(
    training: tuple[pd.DataFrame, np.ndarray], registry: FeatureRegistry
) -> None:
    frame, label = training

    fitted = fit_model(frame, label, GROUPS, registry, options("catboost"), 1, each_alone=True)

    assert not fitted.alone


def test_score_of_a_fit_falls_when_nothing_can_be_learned(
    training: tuple[pd.DataFrame, np.ndarray], registry: FeatureRegistry
) -> None:
    # Given the same customers with labels that have nothing to do with them
    frame, label = training
    shuffled = np.random.default_rng(1).permutation(label)
    asked = options("logistic_regression")

    found = fit_model(frame, label, GROUPS, registry, asked, seed=1).score
    chance = fit_model(frame, shuffled, GROUPS, registry, asked, seed=1).score

    third = -(np.log(1 / 3) / 3 + np.log(2 / 3) * 2 / 3)  # log loss of the base rate
    assert found > -third > chance


TREES = {"max_depth": [1, 2, 3, 4], "min_samples_leaf": [1, 2, 5]}


class TestSearch:
    @pytest.mark.parametrize("candidates", [12, 3])
    def test_choice_is_one_of_the_grid(
        self,
        candidates: int,
        training: tuple[pd.DataFrame, np.ndarray],
        registry: FeatureRegistry,
    ) -> None:
        # Given a grid of 12 combinations, searched whole or in part
        frame, label = training
        asked = options("decision_tree", {"decision_tree": TREES}, candidates)

        # When
        chosen = fit_model(frame, label, GROUPS, registry, asked, seed=1).chosen

        # Then
        assert list(chosen) == ["decision_tree"]
        assert set(chosen["decision_tree"]) == set(TREES)
        for key, value in chosen["decision_tree"].items():
            assert value in TREES[key]

    @pytest.mark.parametrize("name", MODELS[:-1])
    def test_every_model_can_be_searched(
        self, name: str, training: tuple[pd.DataFrame, np.ndarray], registry: FeatureRegistry
    ) -> None:
        # Given two values of the first setting
        frame, label = training
        first = next(iter(ONE_OF_EACH[name]))
        only = ONE_OF_EACH[name][first][0]
        grid = ONE_OF_EACH[name] | {first: [only, only + 1]}

        # When
        fitted = fit_model(frame, label, GROUPS, registry, options(name, {name: grid}), seed=1)
        chosen = fitted.chosen

        # Then
        assert chosen[name][first] in (only, only + 1)
        assert set(chosen[name]) == set(grid)

    def test_best_on_the_inner_folds_is_taken(
        self, training: tuple[pd.DataFrame, np.ndarray], registry: FeatureRegistry
    ) -> None:
        # Given a neighbourhood that is as large as the inner training part, so everyone ties
        frame, label = training
        grid = {"n_neighbors": [60, 5], "weights": ["uniform"], "p": [2]}
        asked = options("k_neighbors", {"k_neighbors": grid})

        chosen = fit_model(frame, label, GROUPS, registry, asked, seed=1).chosen

        assert chosen["k_neighbors"]["n_neighbors"] == 5

    def test_search_sees_the_given_customers_alone_and_keeps_twins_together(
        self,
        training: tuple[pd.DataFrame, np.ndarray],
        registry: FeatureRegistry,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # Given customers in pairs of copies, and a spy on the search
        frame, _ = training
        groups = GROUPS // 2
        label = groups % 2 == 0
        seen: list[tuple[pd.DataFrame, list[tuple[np.ndarray, np.ndarray]]]] = []

        def spy(name: Any, features: pd.DataFrame, label: Any, inner: Any, *rest: Any) -> Any:
            seen.append((features, inner))
            return choose_settings(name, features, label, inner, *rest)

        monkeypatch.setattr(models, "choose_settings", spy)

        # When
        fit_model(frame, label, groups, registry, options("blend"), seed=1)

        # Then both members were searched on the same frame, in folds that split no group
        assert len(seen) == 2
        for features, inner in seen:
            assert features is frame
            assert len(inner) == 3
            held_out = np.concatenate([held for _, held in inner])
            np.testing.assert_array_equal(np.sort(held_out), np.arange(SIZE))
            for trained, held in inner:
                assert set(groups[trained]).isdisjoint(groups[held])
                assert len(trained) + len(held) == SIZE

    def test_every_combination_is_told_with_its_score_and_the_best_is_chosen(
        self, training: tuple[pd.DataFrame, np.ndarray], registry: FeatureRegistry
    ) -> None:
        # Given a grid of four for one member, and one combination for the other
        frame, label = training
        grid = {"max_depth": [1, 3], "min_samples_leaf": [5, 30]}
        asked = options(
            "blend", {"decision_tree": grid}, blend=["decision_tree", "logistic_regression"]
        )

        # When
        tried = fit_model(frame, label, GROUPS, registry, asked, seed=1).tried

        # Then
        assert [each.model for each in tried] == ["decision_tree"] * 4 + ["logistic_regression"]
        trees = tried[:4]
        assert {tuple(sorted(each.settings.items())) for each in trees} == {
            (("max_depth", depth), ("min_samples_leaf", leaf))
            for depth in (1, 3)
            for leaf in (5, 30)
        }
        best = max(each.score for each in trees)
        assert [each.score for each in trees if each.chosen] == [best]
        assert all(0.3 < each.score < 1 for each in trees)  # ROC-AUC, which was asked for
        assert best > 0.7
        assert tried[4].chosen

    @pytest.mark.parametrize(
        ("scoring", "low", "high"),
        [
            ("roc_auc", 0.5, 1.0),
            ("average_precision", 1 / 3, 1.0),
            ("neg_brier_score", -0.25, 0.0),
            ("neg_log_loss", -0.7, 0.0),
        ],
    )
    def test_more_of_a_score_is_better(
        self,
        scoring: str,
        low: float,
        high: float,
        training: tuple[pd.DataFrame, np.ndarray],
        registry: FeatureRegistry,
    ) -> None:
        # Given a neighbourhood of everybody, and one that tells customers apart
        frame, label = training
        grid = {"n_neighbors": [60, 15], "weights": ["uniform"], "p": [2]}
        search = {"folds": 3, "candidates": 8, "scoring": scoring}
        asked = options("k_neighbors", {"k_neighbors": grid}, search=search)

        fitted = fit_model(frame, label, GROUPS, registry, asked, seed=1)

        everybody, few = fitted.tried
        assert few.chosen and few.score > everybody.score
        assert low < few.score < high

    def test_shop_with_fewer_customers_than_neighbours_asks_all_it_has(
        self, training: tuple[pd.DataFrame, np.ndarray], registry: FeatureRegistry
    ) -> None:
        # Given 60 customers in each inner training part
        frame, label = training
        grid = {"n_neighbors": [30, 500], "weights": ["uniform"], "p": [2]}

        fitted = fit_model(
            frame, label, GROUPS, registry, options("k_neighbors", {"k_neighbors": grid}), seed=1
        )

        assert [each.settings["n_neighbors"] for each in fitted.tried] == [30, 60]
        assert np.isfinite(fitted.model.predict(frame)).all()

    def test_failure_inside_the_search_is_not_hidden(
        self,
        training: tuple[pd.DataFrame, np.ndarray],
        registry: FeatureRegistry,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # Given a model that cannot be fitted with one of its settings
        class Moody(DecisionTreeClassifier):  # type: ignore[misc]
            def fit(self, *rows: Any, **more: Any) -> Any:
                if self.max_depth == 2:
                    raise ValueError("not today")
                return super().fit(*rows, **more)

        monkeypatch.setitem(models._BUILDERS, "decision_tree", lambda given, _: Moody(**given))
        frame, label = training
        grid = {"max_depth": [1, 2], "min_samples_leaf": [5]}

        with pytest.raises(ValueError, match="not today"):
            fit_model(
                frame,
                label,
                GROUPS,
                registry,
                options("decision_tree", {"decision_tree": grid}),
                seed=1,
            )

    def test_too_few_customers_for_the_inner_folds(
        self, training: tuple[pd.DataFrame, np.ndarray], registry: FeatureRegistry
    ) -> None:
        frame, label = training
        two_decliners = label & (np.cumsum(label) <= 2)

        with pytest.raises(ValueError, match=r"2 customer\(s\) labelled declined are too few"):
            fit_model(frame, two_decliners, GROUPS, registry, options("svc"), seed=1)

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

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
            "folds": 3,
            "repeats": 1,
            "twin_columns": ["amount"],
            "threads": 1,
            "bootstrap": 100,
            "confidence": 0.95,
            "seed": 1,
            "search": {"folds": 3, "candidates": candidates, "scoring": "roc_auc"},
            "grids": ONE_OF_EACH | (grids or {}),
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
    model, chosen = fit_model(
        frame, label, GROUPS, registry, options(name, calibration=calibration), seed=1
    )
    risk = model.predict(unseen)

    # Then a likely decliner stands above a likely keeper, and nobody is left without a risk
    assert risk.shape == (4,)
    assert ((risk >= 0) & (risk <= 1)).all()
    assert risk[0] > risk[1]
    assert roc_auc_score(label, model.predict(frame)) > 0.8
    members = ["extra_trees", "catboost"] if name == "blend" else [name]
    assert chosen == {
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
        fit_model(frame, label, GROUPS, registry, options(name), seed=3)[0].predict(unseen)
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
        fit_model(frame, label, GROUPS, registry, options(name, calibration=kind), seed=1)[0]
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
        name: fit_model(frame, label, GROUPS, registry, options(name, calibration="none"), seed=1)[
            0
        ].predict(unseen)
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
        _, chosen = fit_model(frame, label, GROUPS, registry, asked, seed=1)

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
        _, chosen = fit_model(frame, label, GROUPS, registry, options(name, {name: grid}), seed=1)

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

        _, chosen = fit_model(frame, label, GROUPS, registry, asked, seed=1)

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

    def test_failure_inside_the_search_is_not_hidden(
        self, training: tuple[pd.DataFrame, np.ndarray], registry: FeatureRegistry
    ) -> None:
        # Given more neighbours than there are customers in an inner training part
        frame, label = training
        grid = {"n_neighbors": [500, 501], "weights": ["uniform"], "p": [2]}

        with pytest.raises(ValueError, match="n_neighbors"):
            fit_model(
                frame,
                label,
                GROUPS,
                registry,
                options("k_neighbors", {"k_neighbors": grid}),
                seed=1,
            )

    def test_too_few_customers_for_the_inner_folds(
        self, training: tuple[pd.DataFrame, np.ndarray], registry: FeatureRegistry
    ) -> None:
        frame, label = training
        two_decliners = label & (np.cumsum(label) <= 2)

        with pytest.raises(ValueError, match=r"2 customer\(s\) labelled declined are too few"):
            fit_model(frame, two_decliners, GROUPS, registry, options("svc"), seed=1)

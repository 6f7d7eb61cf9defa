"""The decline models: how each is built, searched inside a training fold, and calibrated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.folds import Booleans, Integers, split_groups
from personal_offers.pipelines.modelling.params import MemberName, ModellingOptions

Settings = Mapping[str, Any]

# What stands in for a category that is not known.
_UNKNOWN = "unknown"


def build_model(name: MemberName, settings: Settings, registry: FeatureRegistry, seed: int) -> Any:
    """Build one unfitted model that takes customers as they are in the table.

    Args:
        name: Which model.
        settings: Its settings, as in the grid of that model.
        registry: Which features are numbers and which are categories.
        seed: Of everything random in it.

    Returns:
        A scikit-learn pipeline (steps ``prepare`` and ``model``) from a frame of features to
        probabilities.
    """
    from sklearn.pipeline import Pipeline

    return Pipeline(
        [("prepare", _preprocessor(registry)), ("model", _BUILDERS[name](dict(settings), seed))]
    )


def _preprocessor(registry: FeatureRegistry) -> Any:
    """Fill, scale and encode; a category unseen in training is all zeros."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = registry.model_names("number")
    others = registry.model_names("category") + registry.model_names("flag")
    return ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(
                    SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
                ),
                numbers,
            ),
            (
                "categories",
                make_pipeline(
                    SimpleImputer(strategy="constant", fill_value=_UNKNOWN),
                    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                ),
                others,
            ),
        ]
    )


def _logistic_regression(settings: dict[str, Any], seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000, random_state=seed, **settings)


def _svc(settings: dict[str, Any], seed: int) -> Any:
    """A machine's distance from the border, turned into a probability by Platt's curve."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import StratifiedKFold
    from sklearn.svm import SVC

    # Shuffled, because rows come in content order: unshuffled folds would differ in kind.
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    return CalibratedClassifierCV(SVC(random_state=seed, **settings), cv=folds, ensemble=False)


def _k_neighbors(settings: dict[str, Any], _: int) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(**settings)


def _decision_tree(settings: dict[str, Any], seed: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(random_state=seed, **settings)


def _random_forest(settings: dict[str, Any], seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(random_state=seed, **settings)


def _extra_trees(settings: dict[str, Any], seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(random_state=seed, **settings)


def _catboost(settings: dict[str, Any], seed: int) -> Any:
    from catboost import CatBoostClassifier

    return CatBoostClassifier(
        random_seed=seed,
        thread_count=1,  # folds run side by side, and one thread gives the same bits anywhere
        allow_writing_files=False,
        verbose=False,
        **settings,
    )


_BUILDERS: dict[MemberName, Callable[[dict[str, Any], int], Any]] = {
    "logistic_regression": _logistic_regression,
    "svc": _svc,
    "k_neighbors": _k_neighbors,
    "decision_tree": _decision_tree,
    "random_forest": _random_forest,
    "extra_trees": _extra_trees,
    "catboost": _catboost,
}

# Where a setting sits inside the pipeline; svc is wrapped by its calibration.
_PREFIX = {"svc": "model__estimator__"}


def fit_model(
    features: pd.DataFrame,
    label: Booleans,
    groups: Integers,
    registry: FeatureRegistry,
    options: ModellingOptions,
    seed: int,
) -> tuple[Any, dict[MemberName, Settings]]:
    """Choose settings, fit and calibrate on the given customers, and on no others.

    Args:
        features: One row per customer, in content order.
        label: True for decliners.
        groups: Twin group per row, from 0.
        registry: Which features are numbers and which are categories.
        options: Model, grids, search and calibration.
        seed: Of inner folds and fits.

    Returns:
        The fitted model (``predict_proba``), and the chosen settings of each member.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import VotingClassifier

    held_out = split_groups(label, groups, options.search.folds, seed)
    inner = [
        (np.flatnonzero(held_out != fold), np.flatnonzero(held_out == fold))
        for fold in range(options.search.folds)
    ]
    chosen = {
        name: choose_settings(name, features, label, inner, registry, options, seed)
        for name in options.members()
    }
    members = [(name, build_model(name, found, registry, seed)) for name, found in chosen.items()]
    model = members[0][1] if len(members) == 1 else VotingClassifier(members, voting="soft")
    if options.calibration == "sigmoid":
        # ensemble=False: the curve is fitted to inner out-of-fold scores of the whole model,
        # then the model itself is fitted once, on all the customers given.
        model = CalibratedClassifierCV(model, method="sigmoid", cv=inner, ensemble=False)
    return model.fit(features, label), chosen


def choose_settings(
    name: MemberName,
    features: pd.DataFrame,
    label: Booleans,
    inner: list[tuple[Integers, Integers]],
    registry: FeatureRegistry,
    options: ModellingOptions,
    seed: int,
) -> Settings:
    """Search the grid of one model on inner folds.

    Args:
        name: Which model.
        features: One row per customer.
        label: True for decliners.
        inner: Pairs of training and held-out positions.
        registry: Which features are numbers and which are categories.
        options: Grids, number of candidates and scoring.
        seed: Of the sample of candidates and of the fits.

    Returns:
        The best combination; a grid of one combination is returned without a search.
    """
    from sklearn.model_selection import GridSearchCV, ParameterGrid, RandomizedSearchCV

    grid = getattr(options.grids, name).model_dump()
    size = len(ParameterGrid(grid))
    if size == 1:
        return {key: values[0] for key, values in grid.items()}
    prefix = _PREFIX.get(name, "model__")
    prefixed = {prefix + key: values for key, values in grid.items()}
    model = build_model(name, {}, registry, seed)
    rest = {"scoring": options.search.scoring, "cv": inner, "refit": False, "error_score": "raise"}
    if size > options.search.candidates:
        search = RandomizedSearchCV(
            model, prefixed, n_iter=options.search.candidates, random_state=seed, **rest
        )
    else:
        search = GridSearchCV(model, prefixed, **rest)
    search.fit(features, label)
    return {key.removeprefix(prefix): value for key, value in search.best_params_.items()}

"""The decline models: how each is built, searched inside a training fold, and calibrated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.folds import Booleans, Integers, split_groups
from personal_offers.pipelines.modelling.metrics import (
    Floats,
    Measure,
    weighted_average_precision,
    weighted_brier,
    weighted_log_loss,
    weighted_roc_auc,
)
from personal_offers.pipelines.modelling.params import MemberName, ModellingOptions

Settings = Mapping[str, Any]

# What stands in for a category that is not known.
_UNKNOWN = "unknown"
# Forests give exact zeros and ones; beyond this a logit says nothing more.
_SUREST = 1e-3
_NO_PENALTY = 1e6

# What a search may look for: whether more of it is better (1) or worse (-1), and the measure.
SCORINGS: dict[str, tuple[int, Measure]] = {
    "roc_auc": (1, weighted_roc_auc),
    "average_precision": (1, weighted_average_precision),
    "neg_brier_score": (-1, weighted_brier),
    "neg_log_loss": (-1, weighted_log_loss),
}


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
                    SimpleImputer(
                        strategy="constant", fill_value=_UNKNOWN, keep_empty_features=True
                    ),
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


@dataclass(frozen=True)
class RiskModel:
    """The mean of some fitted models, put right by a calibration curve.

    Attributes:
        members: Fitted pipelines with ``predict_proba``.
        curve: Logistic regression over the logit of the mean; None leaves the mean as it is.
    """

    members: list[Any]
    curve: Any | None

    def predict(self, features: pd.DataFrame) -> Floats:
        """Return P(declined) of each customer.

        Args:
            features: One row per customer, with the columns that the model was fitted on.

        Returns:
            One probability per row.
        """
        mean = np.mean([_risk(member.predict_proba(features)) for member in self.members], axis=0)
        if self.curve is None:
            return np.asarray(mean)
        return _risk(self.curve.predict_proba(_logit(mean)))


def fit_model(
    features: pd.DataFrame,
    label: Booleans,
    groups: Integers,
    registry: FeatureRegistry,
    options: ModellingOptions,
    seed: int,
) -> tuple[RiskModel, dict[MemberName, Settings]]:
    """Choose settings, fit and calibrate on the given customers, and on no others.

    The inner out-of-fold risk that chooses the settings also fits the calibration curve, so
    every candidate is fitted once per inner fold and the chosen one once more on everybody.

    Args:
        features: One row per customer, in content order.
        label: True for decliners.
        groups: Twin group per row, from 0.
        registry: Which features are numbers and which are categories.
        options: Model, grids, search and calibration.
        seed: Of inner folds and fits.

    Returns:
        The fitted model, and the chosen settings of each member.
    """
    held_out = split_groups(label, groups, options.search.folds, seed)
    inner = [
        (np.flatnonzero(held_out != fold), np.flatnonzero(held_out == fold))
        for fold in range(options.search.folds)
    ]
    chosen: dict[MemberName, Settings] = {}
    inner_risk, members = [], []
    for name in options.members():
        settings, risk = choose_settings(name, features, label, inner, registry, options, seed)
        chosen[name] = settings
        inner_risk.append(risk)
        members.append(build_model(name, settings, registry, seed).fit(features, label))
    curve = None
    if options.calibration == "sigmoid":
        curve = fit_curve(np.mean(inner_risk, axis=0), label)
    return RiskModel(members, curve), chosen


def choose_settings(
    name: MemberName,
    features: pd.DataFrame,
    label: Booleans,
    inner: list[tuple[Integers, Integers]],
    registry: FeatureRegistry,
    options: ModellingOptions,
    seed: int,
) -> tuple[Settings, Floats]:
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
        The best combination (the first of equals), and its inner out-of-fold risk per row.
    """
    from sklearn.model_selection import ParameterGrid, ParameterSampler, cross_val_predict

    grid = getattr(options.grids, name).model_dump()
    candidates = list(ParameterGrid(grid))
    if len(candidates) > options.search.candidates:
        sample = ParameterSampler(grid, options.search.candidates, random_state=seed)
        candidates = list(sample)
    risks = [
        _risk(
            cross_val_predict(
                build_model(name, settings, registry, seed),
                features,
                label,
                cv=inner,
                method="predict_proba",
            )
        )
        for settings in candidates
    ]
    once = np.ones((len(label), 1))
    better_when, measured = SCORINGS[options.search.scoring]
    scores = [better_when * float(measured(label, risk, once)[0]) for risk in risks]
    best = int(np.argmax(scores))
    return candidates[best], risks[best]


def fit_curve(risk: Floats, label: Booleans) -> Any:
    """Fit a sigmoid that turns a score into a probability (Platt, 1999).

    Args:
        risk: Out-of-fold score between 0 and 1, one per customer.
        label: True for decliners.

    Returns:
        A logistic regression over the logit of the score, practically without penalty.
    """
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=_NO_PENALTY).fit(_logit(risk), label)


def _risk(probabilities: Any) -> Floats:
    """Take the column of decliners."""
    return np.asarray(probabilities)[:, 1]


def _logit(risk: Floats) -> Floats:
    sure = np.clip(risk, _SUREST, 1 - _SUREST)
    return np.asarray(np.log(sure / (1 - sure)))[:, None]

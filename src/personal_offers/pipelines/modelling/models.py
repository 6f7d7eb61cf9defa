"""The decline models: how each is built, searched inside a training fold, and put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.calibration import apply_curve, choose_curve, fit_curve
from personal_offers.pipelines.modelling.folds import Booleans, Integers, split_groups
from personal_offers.pipelines.modelling.metrics import (
    Floats,
    Measure,
    weighted_average_precision,
    weighted_brier,
    weighted_log_loss,
    weighted_roc_auc,
)
from personal_offers.pipelines.modelling.params import (
    CurveName,
    MemberName,
    ModellingOptions,
    NumberScale,
)

Settings = Mapping[str, Any]

# What stands in for a category that is not known.
_UNKNOWN = "unknown"

# What a search may look for: whether more of it is better (1) or worse (-1), and the measure.
SCORINGS: dict[str, tuple[int, Measure]] = {
    "roc_auc": (1, weighted_roc_auc),
    "average_precision": (1, weighted_average_precision),
    "neg_brier_score": (-1, weighted_brier),
    "neg_log_loss": (-1, weighted_log_loss),
}


def build_model(
    name: MemberName,
    settings: Settings,
    registry: FeatureRegistry,
    seed: int,
    scale: NumberScale = "plain",
) -> Any:
    """Build one unfitted model that takes customers as they are in the table.

    Args:
        name: Which model.
        settings: Its settings, as in the grid of that model.
        registry: Which features are numbers and which are categories.
        seed: Of everything random in it.
        scale: How numbers are bent before they are standardised.

    Returns:
        A scikit-learn pipeline (steps ``prepare`` and ``model``) from a frame of features to
        probabilities.
    """
    from sklearn.pipeline import Pipeline

    return Pipeline(
        [
            ("prepare", _preprocessor(registry, scale)),
            ("model", _BUILDERS[name](dict(settings), seed)),
        ]
    )


def _preprocessor(registry: FeatureRegistry, scale: NumberScale) -> Any:
    """Fill, scale and encode; a category unseen in training is all zeros."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    bend = [FunctionTransformer(np.arcsinh)] if scale == "asinh" else []

    numbers = registry.model_names("number")
    others = registry.model_names("category") + registry.model_names("flag")
    return ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(
                    SimpleImputer(strategy="median", keep_empty_features=True),
                    *bend,
                    StandardScaler(),
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
        curve: Estimator that turns the mean into a probability; None leaves the mean as it is.
        calibration: Which kind of curve it is.
    """

    members: list[Any]
    curve: Any | None
    calibration: CurveName = "none"

    def predict(self, features: pd.DataFrame) -> Floats:
        """Return P(declined) of each customer.

        Args:
            features: One row per customer, with the columns that the model was fitted on.

        Returns:
            One probability per row.
        """
        mean = np.mean([_risk(member.predict_proba(features)) for member in self.members], axis=0)
        return apply_curve(self.calibration, self.curve, mean)


class Tried(NamedTuple):
    """One combination of settings and how well it did on the inner folds.

    Attributes:
        model: Which model.
        settings: The combination.
        score: What ``search.scoring`` names, on all inner folds together; more is better.
        chosen: Whether it was the best.
    """

    model: MemberName
    settings: Settings
    score: float
    chosen: bool


class Searched(NamedTuple):
    """A member with the best settings.

    Attributes:
        member: Fitted on everybody.
        inner_risk: Of the same settings, out of the inner folds.
        tried: The search.
    """

    member: Any
    inner_risk: Floats
    tried: list[Tried]


@dataclass(frozen=True)
class Fitted:
    """A fitted model and how it came about.

    Attributes:
        model: The model.
        score: Minus the log loss of the calibrated risk, on inner folds that made neither members
            nor curve: what candidates are compared by, because both rank and level count.
        tried: Every combination of every member, in the order of the members.
        alone: Each member of a blend as a model of its own, where that was asked for.
    """

    model: RiskModel
    score: float
    tried: list[Tried]
    alone: Mapping[MemberName, Fitted] = field(default_factory=dict)

    @property
    def chosen(self) -> dict[MemberName, Settings]:
        """Settings of each member."""
        return {tried.model: tried.settings for tried in self.tried if tried.chosen}


def fit_model(
    features: pd.DataFrame,
    label: Booleans,
    groups: Integers,
    registry: FeatureRegistry,
    options: ModellingOptions,
    seed: int,
    each_alone: bool = False,
) -> Fitted:
    """Choose settings, fit and calibrate on the given customers, and on no others.

    The inner out-of-fold risk that chooses the settings also chooses and fits the calibration
    curve, so every candidate is fitted once per inner fold and the chosen one once more on
    everybody.

    Args:
        features: One row per customer, in content order.
        label: True for decliners.
        groups: Twin group per row, from 0.
        registry: Which features are numbers and which are categories.
        options: Model, grids, search and calibration.
        seed: Of inner folds and fits.
        each_alone: Whether each member of a blend is wanted by itself as well, which costs its
            calibration and no further fit.

    Returns:
        The fitted model, and the search behind it.
    """
    held_out = split_groups(label, groups, options.search.folds, seed)
    inner = [
        (np.flatnonzero(held_out != fold), np.flatnonzero(held_out == fold))
        for fold in range(options.search.folds)
    ]
    found: dict[MemberName, Searched] = {}
    for name in options.members():
        tried, risk = choose_settings(name, features, label, inner, registry, options, seed)
        settings = next(each.settings for each in tried if each.chosen)
        member = build_model(name, settings, registry, seed, options.number_scale)
        found[name] = Searched(member.fit(features, label), risk, tried)

    def assemble(parts: list[Searched], alone: Mapping[MemberName, Fitted]) -> Fitted:
        mean = np.mean([part.inner_risk for part in parts], axis=0)
        kind, loss = choose_curve(options.calibration, mean, label, held_out)
        members = [part.member for part in parts]
        model = RiskModel(members, fit_curve(kind, mean, label), kind)
        return Fitted(model, -loss, [one for part in parts for one in part.tried], alone)

    wanted = found if each_alone and len(found) > 1 else {}
    return assemble(
        list(found.values()), {name: assemble([part], {}) for name, part in wanted.items()}
    )


def fit_rows(
    rows: pd.DataFrame,
    registry: FeatureRegistry,
    options: ModellingOptions,
    seed: int,
    each_alone: bool = False,
) -> Fitted:
    """Fit on rows as the model's tables hold them (see ``fit_model``).

    Args:
        rows: The model's features, declined and twin_group, in content order.
        registry: Which features a model may see.
        options: Model, grids, search and calibration.
        seed: Of inner folds and fits.
        each_alone: Whether each member of a blend is wanted by itself as well.

    Returns:
        The fitted model, and the search behind it.
    """
    groups = pd.factorize(rows["twin_group"])[0].astype(np.int64)
    label = rows["declined"].to_numpy()
    features = rows[registry.model_names()]
    return fit_model(features, label, groups, registry, options, seed, each_alone)


def choose_settings(
    name: MemberName,
    features: pd.DataFrame,
    label: Booleans,
    inner: list[tuple[Integers, Integers]],
    registry: FeatureRegistry,
    options: ModellingOptions,
    seed: int,
) -> tuple[list[Tried], Floats]:
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
        What was tried (the best is chosen, the first of equals), and the inner out-of-fold risk
        of the chosen combination per row.
    """
    from sklearn.model_selection import ParameterGrid, ParameterSampler, cross_val_predict

    grid = getattr(options.grids, name).model_dump()
    candidates = list(ParameterGrid(grid))
    if len(candidates) > options.search.candidates:
        sample = ParameterSampler(grid, options.search.candidates, random_state=seed)
        candidates = list(sample)
    fewest = min(len(trained) for trained, _ in inner)
    for settings in candidates:  # a small shop has fewer customers than neighbours are asked for
        if "n_neighbors" in settings:
            settings["n_neighbors"] = min(settings["n_neighbors"], fewest)
    risks = [
        _risk(
            cross_val_predict(
                build_model(name, settings, registry, seed, options.number_scale),
                features,
                label,
                cv=inner,
                method="predict_proba",
            )
        )
        for settings in candidates
    ]
    scores = [_score(label, risk, options) for risk in risks]
    best = int(np.argmax(scores))
    tried = [
        Tried(name, settings, score, number == best)
        for number, (settings, score) in enumerate(zip(candidates, scores, strict=True))
    ]
    return tried, risks[best]


def _score(label: Booleans, risk: Floats, options: ModellingOptions) -> float:
    """Judge an inner out-of-fold risk; more is better."""
    better_when, measured = SCORINGS[options.search.scoring]
    return better_when * float(measured(label, risk, np.ones((len(label), 1)))[0])


def _risk(probabilities: Any) -> Floats:
    """Take the column of decliners."""
    return np.asarray(probabilities)[:, 1]

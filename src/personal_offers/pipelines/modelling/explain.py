"""How a risk model arrives at each customer's risk: additive contributions of features.

Every member of the model is explained on its own scale, where its arithmetic is additive:
boosting and logistic regression in log-odds, trees and everything else in probability. The
contributions are then carried through the rest of the model (log-odds to probability, mean over
the members, calibration curve) by the rescale rule for series of models (Shrikumar and others,
2017; Chen, Lundberg and Lee, 2022): a step's change of output is shared in proportion to the
change of its input. For a step that takes one number this is the Aumann-Shapley value of the
straight path from base to customer, so no order of the features has to be chosen.

A contribution says how this model counts, not why a customer behaves so.

The heavy imports (shap, CatBoost) happen where they are used; a model without trees from
scikit-learn, machines or neighbours never loads shap.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from personal_offers.errors import InputError
from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.metrics import Floats, Integers
from personal_offers.pipelines.modelling.models import RiskModel

logger = logging.getLogger(__name__)

_OUTCOME = "no reasons were computed"
# Below this change of input its quotient is rounding; the slope at the base stands in.
_NO_CHANGE = 1e-6
# Step for the slope of the calibration curve, in probability.
_STEP = 1e-4


@dataclass(frozen=True)
class Explanation:
    """What each feature adds to the risk of each customer.

    Attributes:
        base: Risk before any feature is looked at, the same for all customers.
        contributions: Grain: one row per customer, with the index of the explained features;
            one column per feature, in probability. Base + sum of a row = the risk.
    """

    base: float
    contributions: pd.DataFrame


@dataclass(frozen=True)
class _Part:
    """One member on its own scale: base + sum over features = its raw output."""

    base: float
    contributions: Floats
    log_odds: bool


@dataclass(frozen=True)
class _Known:
    """Stands in for a member, to ask the calibration curve about given means."""

    risk: Floats

    def predict_proba(self, _: pd.DataFrame) -> Floats:
        """Return the given means, whoever is asked about."""
        return np.column_stack([1 - self.risk, self.risk])


def explain(
    model: RiskModel,
    features: pd.DataFrame,
    background: pd.DataFrame,
    registry: FeatureRegistry,
    seed: int,
    background_rows: int = 25,
) -> Explanation:
    """Split the risk of every customer into a base and one contribution per feature.

    Boosting: CatBoost's own exact TreeSHAP. Logistic regression: coefficient x (value - mean of
    the background). Trees of scikit-learn: shap's path-dependent TreeSHAP (Lundberg and
    others, 2020), whose background is the members' own training rows. Others: antithetic
    permutation sampling (Strumbelj and Kononenko, 2014) against ``background_rows`` customers,
    so their figures have a sampling error, their sum has not.

    Explain customers whom the model was not fitted on. Trees grown to the end know the label of
    every training row, so the reasons of such rows would retell the label.

    Args:
        model: Fitted; its members are pipelines with the steps ``prepare`` and ``model``.
        features: One row per customer to be explained; the index names the customer.
        background: Customers that the base speaks of: those the model was fitted on.
        registry: Names of the features.
        seed: Of the permutations.
        background_rows: How many of the background the slow way is compared with.

    Returns:
        Contributions that add up to ``model.predict`` to rounding.

    Raises:
        InputError: When a column is missing or the background is empty.
    """
    names = registry.model_names()
    _require(features, background, names)
    background = background[names]
    asked = features[names] if len(features) else background.iloc[:1]  # the base needs a row
    means, carried, bases = [], [], []
    for member in model.members:
        logger.info("Explaining %d customers: %s", len(asked), type(member[-1]).__name__)
        part = _explain_member(member, asked, background, registry, seed, background_rows)
        risk = np.asarray(member.predict_proba(asked))[:, 1]
        base = float(1 / (1 + np.exp(-part.base))) if part.log_odds else part.base
        slope = base * (1 - base) if part.log_odds else 1.0
        means.append(risk)
        bases.append(base)
        carried.append(_carry(part.contributions, risk - base, slope))
    base, slope = _curve_at(model, float(np.mean(bases)), background.iloc[:1])
    found = _carry(np.mean(carried, axis=0), model.predict(asked) - base, slope)
    table = pd.DataFrame(found, index=asked.index, columns=names)
    return Explanation(base, table if len(features) else table.iloc[:0])


def pool(parts: Sequence[Explanation], base: float | None = None) -> Explanation:
    """Put explanations by several models together, or move one, to a common base.

    For risks that are out of fold: each fold's model explains the customers that it never saw.
    A customer explained several times (repeats) gets the mean, which explains the mean risk.
    The gap between a model's own base and the common one is shared among a customer's features
    in proportion to the size of their contributions, which changes no sign while the gap is
    smaller than their sum; a customer about whom no feature says anything gets even shares.

    Args:
        parts: At least one; indexes name the customers.
        base: Risk to start from, such as the mean risk of the shop; without, the mean risk of
            the customers given, so that contributions tell a customer from the average one.

    Returns:
        Grain: one row per customer, in order of first appearance.
    """
    tables = [part.contributions for part in parts]
    size = sum(len(table) for table in tables)
    if not size:
        return parts[0] if base is None else replace(parts[0], base=base)
    if base is None:
        sums = (part.base * len(part.contributions) + _total(part) for part in parts)
        base = sum(sums) / size
    moved = [
        pd.DataFrame(
            _spread(table.to_numpy(), np.full(len(table), part.base - base)),
            index=table.index,
            columns=table.columns,
        )
        for part, table in zip(parts, tables, strict=True)
    ]
    return Explanation(base, pd.concat(moved).groupby(level=0, sort=False).mean())


def anchor(explanation: Explanation, risk: pd.Series) -> Explanation:
    """Make contributions add up to a risk that is near to the explained one.

    The published risk is the mean over more repeats than are explained, because explaining takes
    its time; the rest is shared among a customer's features as ``pool`` shares a gap.

    Args:
        explanation: Of some models.
        risk: The risk that is published, indexed by customer.

    Returns:
        The same base; base + sum of a row = the published risk.
    """
    table = explanation.contributions
    gap = risk.loc[table.index].to_numpy(float) - explanation.base - table.to_numpy().sum(axis=1)
    moved = _spread(table.to_numpy(), gap)
    return replace(
        explanation, contributions=pd.DataFrame(moved, index=table.index, columns=table.columns)
    )


def _total(part: Explanation) -> float:
    return float(part.contributions.to_numpy().sum())


def _require(features: pd.DataFrame, background: pd.DataFrame, names: list[str]) -> None:
    problems = [
        f"{what} lack the columns {', '.join(lacking)}, which the model was fitted on; add them"
        for what, frame in (
            ("the customers to be explained", features),
            ("the background customers", background),
        )
        if (lacking := [name for name in names if name not in frame])
    ]
    if background.empty:
        problems.append(
            "the background has no customers, so there is no base; pass those of the fit"
        )
    if problems:
        raise InputError(problems, _OUTCOME)


def _explain_member(
    member: Any,
    features: pd.DataFrame,
    background: pd.DataFrame,
    registry: FeatureRegistry,
    seed: int,
    background_rows: int,
) -> _Part:
    """Explain one member; what was made from one feature is added up."""
    prepare, model = member.named_steps["prepare"], member.named_steps["model"]
    rows = np.asarray(prepare.transform(features), dtype=float)
    owners = _owners(prepare, registry.model_names())
    kind = type(model).__name__
    if kind == "CatBoostClassifier":
        part = _explain_boosting(model, rows)
    elif kind in _TREES:
        part = _explain_trees(model, rows)
    else:
        known = np.asarray(prepare.transform(background), dtype=float)
        if kind != "LogisticRegression":
            return _explain_by_sampling(model, rows, known, owners, seed, background_rows)
        part = _explain_linear(model, rows, known)
    belongs = owners[:, None] == np.arange(len(registry.model_names()))
    return replace(part, contributions=part.contributions @ belongs.astype(float))


_TREES = frozenset({"DecisionTreeClassifier", "RandomForestClassifier", "ExtraTreesClassifier"})


def _explain_boosting(model: Any, rows: Floats) -> _Part:
    from catboost import Pool

    # One thread: sums in another order differ in the last bits.
    found = np.asarray(model.get_feature_importance(Pool(rows), type="ShapValues", thread_count=1))
    return _Part(float(found[0, -1]), found[:, :-1], log_odds=True)


def _explain_linear(model: Any, rows: Floats, known: Floats) -> _Part:
    mean = known.mean(axis=0)
    base = float(model.intercept_[0] + mean @ model.coef_[0])
    return _Part(base, (rows - mean) * model.coef_[0], log_odds=True)


def _explain_trees(model: Any, rows: Floats) -> _Part:
    # Path-dependent: as good as a comparison with 50 customers and faster, and the base is
    # exact. The approximate method takes no time, but swaps the first reason of every third
    # customer.
    explainer = _shap().TreeExplainer(model, feature_perturbation="tree_path_dependent")
    found = explainer.shap_values(rows, check_additivity=False)[:, :, 1]
    return _Part(float(explainer.expected_value[1]), found, log_odds=False)


def _explain_by_sampling(
    model: Any,
    rows: Floats,
    known: Floats,
    owners: Integers,
    seed: int,
    background_rows: int,
) -> _Part:
    """Explain any model by switching whole features between a customer and the background.

    shap is shown row numbers instead of values, one per feature, so that the columns of one
    category are switched together and no row that could not exist is asked about.
    """
    shap = _shap()
    chosen = known[_spread_out(np.asarray(model.predict_proba(known))[:, 1], background_rows)]
    stacked = np.vstack([rows, chosen])
    columns = np.arange(stacked.shape[1])

    def risk_of(numbers: Floats) -> Floats:
        mixed = stacked[np.asarray(numbers, dtype=np.int64)[:, owners], columns]
        return np.asarray(model.predict_proba(mixed))[:, 1]

    size = int(owners.max()) + 1

    def numbered(start: int, stop: int) -> Floats:
        return np.repeat(np.arange(start, stop, dtype=float)[:, None], size, axis=1)

    # Background rows are counted from the end: shap takes numbers that differ by less than a
    # hundred-thousandth for equal.
    masker = shap.maskers.Independent(numbered(-len(chosen), 0), max_samples=len(chosen))
    state = np.random.get_state()
    try:  # shap seeds the generator that everybody shares
        explainer = shap.explainers.Permutation(risk_of, masker, seed=seed)
        found = explainer(numbered(0, len(rows)), max_evals=2 * size + 1, silent=True)
    finally:
        np.random.set_state(state)
    contributions = found.values  # noqa: PD011 - shap's own container
    return _Part(float(found.base_values[0]), contributions, log_odds=False)


def _spread_out(risk: Floats, size: int) -> Integers:
    """Choose customers at equal steps of their risk, so that few stand for all."""
    order = np.argsort(risk, kind="stable")
    size = min(size, len(risk))
    places = ((np.arange(size) + 0.5) / size * len(risk)).astype(np.int64)
    return order[places].astype(np.int64)


def _shap() -> Any:
    """Import shap without the warnings about its own way of using matplotlib."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        import shap
    return shap


def _owners(prepare: Any, names: list[str]) -> Integers:
    """Return, for every transformed column, the place of the feature that it was made from."""
    slices = prepare.output_indices_
    owner = np.full(max(each.stop for each in slices.values()), -1, dtype=np.int64)
    for name, transformer, columns in prepare.transformers_:
        own = slices[name]
        if own.start == own.stop:
            continue
        encoder = transformer[-1]
        widths = [len(each) for each in getattr(encoder, "categories_", [[0]] * len(columns))]
        made = np.repeat([names.index(column) for column in columns], widths)
        if len(made) != own.stop - own.start:
            raise ValueError(f"cannot tell which columns {name} made from which features")
        owner[own] = made
    return owner


def _curve_at(model: RiskModel, mean: float, row: pd.DataFrame) -> tuple[float, float]:
    """Return the calibrated risk at a mean of the members, and the slope of the curve there."""
    asked = np.clip([mean, mean - _STEP, mean + _STEP], 0.0, 1.0)
    rows = row.iloc[[0, 0, 0]]
    at, below, above = replace(model, members=[_Known(asked)]).predict(rows)
    return float(at), float((above - below) / (asked[2] - asked[1]))


def _carry(contributions: Floats, change: Floats, slope: float) -> Floats:
    """Share a step's change of output in proportion to the change of its input."""
    total = contributions.sum(axis=1)
    still = np.abs(total) < _NO_CHANGE
    factor = np.where(still, slope, change / np.where(still, 1.0, total))
    carried = contributions * factor[:, None]
    return _spread(carried, change - carried.sum(axis=1))


def _spread(contributions: Floats, gap: Floats) -> Floats:
    """Share a gap per customer among the contributions in proportion to their size."""
    size = np.abs(contributions)
    total = size.sum(axis=1, keepdims=True)
    even = np.full_like(size, 1 / size.shape[1])
    shares = np.divide(size, total, out=even, where=total > 0)
    return np.asarray(contributions + shares * gap[:, None])

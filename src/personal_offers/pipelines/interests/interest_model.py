"""Which category a customer will spend most on later: rules and models, fitted and applied.

A model is plain JSON. Its formula is written once, over columns that may be arrays or Ibis
expressions, so that what was judged in memory is what scores a whole table in the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from personal_offers.pipelines.interests.interest_params import InterestOptions, Method
from personal_offers.pipelines.interests.interest_table import season_before

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Log score of what must not be divided by or taken the logarithm of when it is zero.
_TINY = 1e-12
# Log score of a category that nobody wanted in training, before the floor lifts it.
_NEVER = -30.0
_COEFFICIENTS = (
    "season",
    "share",
    "root_share",
    "share_by_orders",
    "season_by_orders",
    "share_by_spend",
)
# Widest strengths of calibration: beyond them it is the data that are wrong.
_STRENGTHS = (-2.5, 2.5)
# Customers' worth of evidence that the conditional logit's coefficients are near zero.
_RIDGE = 1.0


@dataclass(frozen=True)
class Rows:
    """What customers had bought after some number of orders, and what they wanted later.

    Attributes:
        customers: Number of the customer, 0 to c - 1, by the time of the first purchase.
        orders: Purchase orders so far.
        cents: Spend so far, shape (rows, categories).
        total: Spend so far, ``other`` included.
        season: The shop's shares of spend in the days before, shape (rows, categories).
        target: Place of the category with the largest later spend.
    """

    customers: Integers
    orders: Floats
    cents: Floats
    total: Floats
    season: Floats
    target: Integers

    def take(self, chosen: NDArray[Any]) -> Rows:
        """Return some of the rows, chosen by mask or place."""
        return Rows(
            self.customers[chosen],
            self.orders[chosen],
            self.cents[chosen],
            self.total[chosen],
            self.season[chosen],
            self.target[chosen],
        )


@dataclass(frozen=True)
class Arithmetic:
    """What formulas need beside + - * /, for one kind of column."""

    sqrt: Callable[[Any], Any]
    log: Callable[[Any], Any]
    exp: Callable[[Any], Any]
    largest: Callable[[Sequence[Any]], Any]


IN_MEMORY = Arithmetic(np.sqrt, np.log, np.exp, np.maximum.reduce)
IN_ENGINE = Arithmetic(
    lambda column: column.sqrt(),
    lambda column: column.ln(),
    lambda column: column.exp(),
    lambda columns: ibis.greatest(*columns),
)


@dataclass(frozen=True)
class History:
    """Columns that a formula reads, of one kind; lists are by category.

    Attributes:
        shares: Of the spend so far, ``other`` included.
        flags: 1 for the category with the largest spend so far (of equal ones the first), else 0;
            all 0 where nothing was spent on any.
        season: The shop's shares of spend in the days before; columns or numbers.
        level: Logarithms of ``season``.
        orders: Logarithm of the purchase orders so far.
        spend: Logarithm of 1 + the spend so far in hundredths of a currency unit.
    """

    shares: Sequence[Any]
    flags: Sequence[Any]
    season: Sequence[Any]
    level: Sequence[Any]
    orders: Any
    spend: Any


def rows_of(frame: pd.DataFrame, daily: pd.DataFrame, options: InterestOptions) -> Rows:
    """Turn the table of ``rows_after`` into arrays.

    Args:
        frame: Grain: one row per number of orders and customer.
        daily: What the shop sold day by day, one column per category (``daily_spend``).
        options: ``season_days`` and ``floor``.

    Returns:
        The rows; of equal later spend the category that comes first counts.
    """
    categories = daily.shape[1]
    first = (
        frame[["first_at", "customer_id"]]
        .drop_duplicates()
        .sort_values(["first_at", "customer_id"], ignore_index=True)
    )
    numbers = pd.Series(first.index, index=first["customer_id"])
    later = frame[[f"later_{place}" for place in range(categories)]].to_numpy(dtype=float)
    return Rows(
        customers=numbers.loc[frame["customer_id"]].to_numpy(dtype=np.int64),
        orders=frame["after"].to_numpy(dtype=float),
        cents=frame[[f"so_far_{place}" for place in range(categories)]].to_numpy(dtype=float),
        total=frame["so_far"].to_numpy(dtype=float),
        season=season_before(daily, frame["moment"], options.season_days, options.floor),
        target=later.argmax(axis=1).astype(np.int64),
    )


def history_of(rows: Rows) -> History:
    """Return the columns of rows in memory."""
    best = rows.cents.max(axis=1, keepdims=True)
    places = np.arange(rows.cents.shape[1])
    flags = (rows.cents.argmax(axis=1)[:, None] == places) & (best > 0)
    return History(
        shares=list((rows.cents / np.maximum(rows.total, 1)[:, None]).T),
        flags=list(flags.astype(float).T),
        season=list(rows.season.T),
        level=list(np.log(rows.season).T),
        orders=np.log(rows.orders),
        spend=np.log(rows.total + 1.0),
    )


def soften(scores: Sequence[Any], strength: float, floor: float, math: Arithmetic) -> list[Any]:
    """Turn log scores by category into probabilities that add up to 1.

    Args:
        scores: One column per category.
        strength: Power that the scores are raised to.
        floor: Probability that is spread evenly over all categories.
        math: Of the kind of the columns.
    """
    highest = math.largest(scores)
    weights = [math.exp((score - highest) * strength) for score in scores]
    total = _added(weights)
    return [weight / total * (1 - floor) + floor / len(weights) for weight in weights]


def predict(model: Mapping[str, Any], rows: Rows) -> tuple[Floats, Floats]:
    """Return how likely each category is to lead the later spend of rows in memory.

    Args:
        model: From ``fit_calibrated``.
        rows: Whatever they wanted is not looked at.

    Returns:
        Probabilities and what the categories are ranked by (the same, but the category that the
        rule "same as so far" names leads), both of shape (rows, categories).
    """
    history = history_of(rows)
    scores = log_scores(model, history, IN_MEMORY)
    found = table_of(soften(scores, model["strength"], model["floor"], IN_MEMORY))
    return found, found + table_of(history.flags) if leads_by_rule(model) else found


def leads_by_rule(model: Mapping[str, Any]) -> bool:
    """Tell whether the largest spend so far ranks first, whatever the probabilities are."""
    return bool(model["method"] == "same_so_far")


def log_scores(model: Mapping[str, Any], history: History, math: Arithmetic) -> list[Any]:
    """Return the logarithms of uncalibrated scores by category (see ``fit_method``).

    Args:
        model: From ``fit_method``.
        history: Columns, in the order of ``model["categories"]``.
        math: Of their kind.
    """
    return _FORMULAS[model["method"]](model, history, math)


def _majority(model: Mapping[str, Any], history: History, math: Arithmetic) -> list[Any]:
    return [history.orders * 0.0 + float(np.log(prior)) for prior in model["prior"]]


def _same_so_far(model: Mapping[str, Any], history: History, math: Arithmetic) -> list[Any]:
    """The leading category has a fitted chance; the others share the rest as they are shrunk."""
    start, *slopes = model["chance"]
    facts = _of_leader(model, history)
    logit = _added(fact * slope for fact, slope in zip(facts, slopes, strict=True)) + start
    # Nobody leads where nothing was spent on any category.
    chance = _added(history.flags) / (math.exp(-logit) + 1)
    rest = [
        math.exp(score * model["power"]) * (1 - flag)
        for score, flag in zip(_shrinkage(model, history, math), history.flags, strict=True)
    ]
    of_rest = _added(rest)
    return [
        math.log(flag * chance + one / of_rest * (1 - chance) + _TINY)
        for flag, one in zip(history.flags, rest, strict=True)
    ]


def _of_leader(model: Mapping[str, Any], history: History) -> tuple[Any, ...]:
    """Return what the chance of the leading category depends on."""
    pairs = list(zip(history.shares, history.flags, history.level, strict=True))
    share = _added(share * flag for share, flag, _ in pairs)
    level = _added(flag * level for _, flag, level in pairs)
    return share, history.orders, _spend(model, history), level


def _shrinkage(model: Mapping[str, Any], history: History, math: Arithmetic) -> list[Any]:
    worth = math.exp(history.orders * model["growth"])
    return [
        math.log(share * worth + season * model["evidence"])
        for share, season in zip(history.shares, history.season, strict=True)
    ]


def _transitions(model: Mapping[str, Any], history: History, math: Arithmetic) -> list[Any]:
    shares, matrix = history.shares, model["matrix"]
    unknown = 1 - _added(shares)
    return [
        math.log(
            _added(share * row[place] for share, row in zip(shares, matrix, strict=True))
            + unknown * model["prior"][place]
            + _TINY
        )
        for place in range(len(shares))
    ]


def _logistic(model: Mapping[str, Any], history: History, math: Arithmetic) -> list[Any]:
    columns = _predictors(history, math)
    return [
        _added(column * weight for column, weight in zip(columns, weights, strict=True)) + start
        for weights, start in zip(model["weights"], model["starts"], strict=True)
    ]


def _predictors(history: History, math: Arithmetic) -> list[Any]:
    """Return what logistic regression sees: roots of shares, spend and number of orders."""
    return [*(math.sqrt(share) for share in history.shares), history.spend, history.orders]


def _conditional(model: Mapping[str, Any], history: History, math: Arithmetic) -> list[Any]:
    weights = [model["coefficients"][name] for name in _COEFFICIENTS]
    return [
        _added(column * weight for column, weight in zip(columns, weights, strict=True))
        for columns in _alternatives(model, history, math)
    ]


def _alternatives(
    model: Mapping[str, Any], history: History, math: Arithmetic
) -> list[tuple[Any, ...]]:
    """Return what the conditional logit sees of each category."""
    spend = _spend(model, history)
    return [
        (
            share * 0 + level,
            share,
            math.sqrt(share),
            share * history.orders,
            history.orders * level,
            share * spend,
        )
        for share, level in zip(history.shares, history.level, strict=True)
    ]


def _spend(model: Mapping[str, Any], history: History) -> Any:
    """Return the spend so far as training customers see it: 0 is usual, 1 is high."""
    return (history.spend - model["spend_centre"]) / model["spend_scale"]


def _added(columns: Any) -> Any:
    first, *others = columns
    return sum(others, start=first)


_FORMULAS: Mapping[str, Callable[..., list[Any]]] = {
    "majority": _majority,
    "same_so_far": _same_so_far,
    "shrinkage": _shrinkage,
    "transitions": _transitions,
    "logistic_regression": _logistic,
    "conditional_logit": _conditional,
}


def fit_method(
    method: Method, rows: Rows, categories: Sequence[str], penalty: float, floor: float
) -> dict[str, Any]:
    """Fit one method on customers whose later interest is known.

    Args:
        method: ``majority``: the same shares for everyone. ``same_so_far``: the category with
            the largest spend so far; its chance depends on its share, the orders, the spend and
            the season by logistic regression (J. Berkson, 1944). ``shrinkage``: shares of spend so
            far, drawn to those of the season by evidence worth some orders, as in the
            Dirichlet-multinomial model (J. E. Mosimann, 1962).
            ``transitions``: shares so far times the chances of going from one category to
            another, with one customer's worth of everyone's shares in each row.
            ``logistic_regression``: multinomial (D. R. Cox, 1966; H. Theil, 1969).
            ``conditional_logit``: a category's chance by what is known of that category, with
            the same few coefficients for all (D. McFadden, 1974): its share and the season's.
        rows: Of the training customers.
        categories: Keys in the order of the columns.
        penalty: Inverse strength of the penalty of logistic regression.
        floor: Probability that is spread evenly over all categories.

    Returns:
        Plain JSON: method, categories, prior (shares of the target after the fewest orders,
        each category with one customer added), strength (1; see ``fit_strength``), floor and
        what the method learned.
    """
    fewest = rows.orders == rows.orders.min()
    counts = np.bincount(rows.target[fewest], minlength=len(categories)) + 1.0
    spend = np.log(rows.total + 1.0)
    model: dict[str, Any] = {
        "method": method,
        "categories": list(categories),
        "prior": (counts / counts.sum()).tolist(),
        "spend_centre": float(spend.mean()),
        "spend_scale": float(spend.std()) if spend.std() > _TINY else 1.0,
        "strength": 1.0,
        "floor": floor,
    }
    learn = _LEARNERS.get(method)
    return model | (learn(model, rows, penalty) if learn else {})


def _learn_chance(model: Mapping[str, Any], rows: Rows, penalty: float) -> dict[str, Any]:
    history = history_of(rows)
    flags = table_of(history.flags)
    led = flags.any(axis=1)
    columns = table_of([np.ones(len(flags)), *_of_leader(model, history)])[led]
    hit = flags[np.arange(len(flags)), rows.target][led]

    def loss(weights: Floats) -> tuple[float, Floats]:
        logit = columns @ weights
        value = np.logaddexp(0, logit).sum() - hit @ logit + _RIDGE * weights @ weights / 2
        error = 1 / (1 + np.exp(-logit)) - hit
        return float(value), columns.T @ error + _RIDGE * weights

    others = _learn_shrinkage(model, rows, penalty)
    power = others.pop("strength")
    chance = _minimum(loss, np.zeros(columns.shape[1])).tolist()
    return {**others, "power": power, "chance": chance}


def _learn_shrinkage(model: Mapping[str, Any], rows: Rows, penalty: float) -> dict[str, Any]:
    from scipy.optimize import minimize

    history, own = history_of(rows), np.arange(len(rows.target))

    def unpacked(values: Floats) -> dict[str, float]:
        evidence, growth, strength = np.clip(values, -5, 5)
        return {
            "evidence": float(np.exp(evidence)),
            "growth": float(growth),
            "strength": float(np.exp(strength)),
        }

    def loss(values: Floats) -> float:
        tried = {**model, **unpacked(values)}
        scores = table_of(_shrinkage(tried, history, IN_MEMORY))
        found = _softened(scores, tried["strength"], model["floor"])
        return float(-np.log(found[own, rows.target] + _TINY).mean())

    # Three numbers of a smooth function: the simplex method (Nelder and Mead, 1965) is enough.
    best = minimize(loss, np.array([0.0, 0.5, 0.0]), method="Nelder-Mead", options={"maxfev": 150})
    return unpacked(best.x)


def _learn_matrix(model: Mapping[str, Any], rows: Rows, penalty: float) -> dict[str, Any]:
    shares = table_of(history_of(rows).shares)
    went = np.zeros((shares.shape[1], shares.shape[1]))
    np.add.at(went.T, rows.target, shares)
    went += np.asarray(model["prior"])
    return {"matrix": (went / went.sum(axis=1, keepdims=True)).tolist()}


def _learn_weights(model: Mapping[str, Any], rows: Rows, penalty: float) -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression

    history, size = history_of(rows), len(model["categories"])
    columns = table_of(_predictors(history, IN_MEMORY))
    weights = np.zeros((size, columns.shape[1]))
    starts = np.log(model["prior"])
    wanted = np.unique(rows.target)
    if len(wanted) > 1:
        centre, scale = columns.mean(axis=0), columns.std(axis=0)
        scale = np.where(scale > _TINY, scale, 1.0)
        fitted = LogisticRegression(C=penalty, max_iter=1000)
        fitted.fit((columns - centre) / scale, rows.target)
        found, start = fitted.coef_, fitted.intercept_
        if len(wanted) == 2:  # noqa: PLR2004 - of two categories scikit-learn gives one row
            found, start = np.vstack([-found, found]) / 2, np.concatenate([-start, start]) / 2
        weights[wanted] = found / scale
        starts = np.full(size, _NEVER)
        starts[wanted] = start - weights[wanted] @ centre
    return {"weights": weights.tolist(), "starts": starts.tolist()}


def _learn_coefficients(model: Mapping[str, Any], rows: Rows, penalty: float) -> dict[str, Any]:
    history, own = history_of(rows), np.arange(len(rows.target))
    each = _alternatives(model, history, IN_MEMORY)
    cube = np.stack([table_of(columns) for columns in each], axis=1)
    chosen = cube[own, rows.target].sum(axis=0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = cube @ weights
        scores -= scores.max(axis=1, keepdims=True)
        likely = np.exp(scores)
        total = likely.sum(axis=1, keepdims=True)
        value = np.log(total).sum() - scores[own, rows.target].sum()
        slope = np.einsum("rk,rkf->f", likely / total, cube) - chosen
        return float(value + _RIDGE * weights @ weights / 2), slope + _RIDGE * weights

    found = _minimum(loss, np.array([1.0, *[0.0] * (len(_COEFFICIENTS) - 1)]))
    return {"coefficients": dict(zip(_COEFFICIENTS, found.tolist(), strict=True))}


def _minimum(loss: Callable[[Floats], tuple[float, Floats]], start: Floats) -> Floats:
    from scipy.optimize import minimize

    found: Floats = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return found


_LEARNERS: Mapping[str, Callable[[Mapping[str, Any], Rows, float], dict[str, Any]]] = {
    "same_so_far": _learn_chance,
    "shrinkage": _learn_shrinkage,
    "transitions": _learn_matrix,
    "logistic_regression": _learn_weights,
    "conditional_logit": _learn_coefficients,
}


def table_of(columns: Sequence[Any]) -> Floats:
    """Put columns in memory side by side: shape (rows, categories)."""
    return np.stack(columns, axis=1).astype(float)


def rehearse(
    method: Method,
    rehearsals: Sequence[tuple[Rows, Rows]],
    categories: Sequence[str],
    penalty: float,
    floor: float,
) -> tuple[Floats, Floats, float]:
    """Predict later customers by models of earlier ones, as it will be done in earnest.

    Args:
        method: See ``fit_method``.
        rehearsals: Pairs: rows that teach, known before a date; rows of customers first seen from
            that date on.
        categories: Keys in the order of the columns.
        penalty: Inverse strength of the penalty of logistic regression.
        floor: Probability that is spread evenly over all categories.

    Returns:
        Calibrated probabilities and what the categories are ranked by, both of shape
        (later rows of all pairs, categories), and the strength of calibration: the power that
        probabilities are raised to (C. Guo et al., 2017), fitted on the very predictions that it
        calibrates.
    """
    plain, flags = [], []
    for earlier, later in rehearsals:
        model, history = fit_method(method, earlier, categories, penalty, floor), history_of(later)
        plain.append(table_of(log_scores(model, history, IN_MEMORY)) * model["strength"])
        flags.append(table_of(history.flags))
    scores = np.concatenate(plain)
    target = np.concatenate([later.target for _, later in rehearsals])
    strength = fit_strength(scores, target, floor)
    found = _softened(scores, strength, floor)
    keys = found + np.concatenate(flags) if method == "same_so_far" else found
    return found, keys, strength


def fit_strength(scores: Floats, target: Integers, floor: float) -> float:
    """Return the power of scores that makes the log loss least.

    Args:
        scores: Logarithms, shape (rows, categories), of customers that the model did not see.
        target: Place of the category that came.
        floor: Probability that is spread evenly over all categories.
    """
    from scipy.optimize import minimize_scalar

    own = np.arange(len(target))

    def loss(power: float) -> float:
        found = _softened(scores, float(np.exp(power)), floor)[own, target]
        return float(-np.log(found + _TINY).mean())

    best = minimize_scalar(loss, bounds=_STRENGTHS, method="bounded")
    return float(np.exp(best.x))


def _softened(scores: Floats, strength: float, floor: float) -> Floats:
    return table_of(soften(list(scores.T), strength, floor, IN_MEMORY))


def fit_calibrated(
    method: Method,
    rows: Rows,
    categories: Sequence[str],
    penalty: float,
    strength: float,
    floor: float,
) -> dict[str, Any]:
    """Fit a method on all training customers, calibrated by what the rehearsals found."""
    model = fit_method(method, rows, categories, penalty, floor)
    return model | {"strength": model["strength"] * strength, "penalty": penalty}

"""Calibration: the curve that turns a score into a probability, chosen out of fold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from personal_offers.pipelines.modelling.metrics import (
    Booleans,
    Floats,
    Integers,
    weighted_log_loss,
)
from personal_offers.pipelines.modelling.params import CurveName

# Forests give exact zeros and ones; beyond this a logit says nothing more.
_SUREST = 1e-3
_NO_PENALTY = 1e6


def _identity(_: Floats, __: Booleans) -> None:
    return None


def _sigmoid(score: Floats, label: Booleans) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=_NO_PENALTY).fit(_columns("sigmoid", score), label)


def _beta(score: Floats, label: Booleans) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=_NO_PENALTY).fit(_columns("beta", score), label)


def _isotonic(score: Floats, label: Booleans) -> Any:
    from sklearn.isotonic import IsotonicRegression

    # Levels of few customers are exactly 0 or 1, which no customer's risk is.
    return IsotonicRegression(y_min=_SUREST, y_max=1 - _SUREST, out_of_bounds="clip").fit(
        score, label
    )


# From the stiffest to the most flexible: of equals, the first is taken.
_CURVES: dict[CurveName, Callable[[Floats, Booleans], Any]] = {
    "none": _identity,
    "sigmoid": _sigmoid,
    "beta": _beta,
    "isotonic": _isotonic,
}


def fit_curve(name: CurveName, score: Floats, label: Booleans) -> Any | None:
    """Fit one calibration curve.

    ``sigmoid`` is a logistic curve over the logit of the score (Platt, 1999); ``beta`` one over
    ln s and -ln(1 - s) (Kull, Silva Filho and Flach, 2017), which can bend at either end;
    ``isotonic`` a rising step function (Zadrozny and Elkan, 2002); ``none`` leaves the score.

    Args:
        name: Which curve.
        score: Out-of-fold score between 0 and 1, one per customer.
        label: True for decliners.

    Returns:
        The fitted estimator, practically without penalty; None for ``none``.
    """
    return _CURVES[name](score, label)


def apply_curve(name: CurveName, curve: Any | None, score: Floats) -> Floats:
    """Return the probability that a curve gives to each score.

    Args:
        name: Which curve it is.
        curve: From ``fit_curve``.
        score: One per customer.
    """
    if curve is None:
        return np.asarray(score)
    if name == "isotonic":
        return np.asarray(curve.predict(score))
    return np.asarray(curve.predict_proba(_columns(name, score))[:, 1])


def cross_fit_loss(name: CurveName, score: Floats, label: Booleans, fold_of: Integers) -> float:
    """Judge a curve by customers that did not make it.

    Args:
        name: Which curve.
        score: Inner out-of-fold score, one per customer.
        label: True for decliners.
        fold_of: Inner fold of each customer.

    Returns:
        Log loss (nats) of every fold by the curve that was fitted to the others.
    """
    risk = np.empty(len(score))
    for fold in np.unique(fold_of):
        held = fold_of == fold
        curve = fit_curve(name, score[~held], label[~held])
        risk[held] = apply_curve(name, curve, score[held])
    sure = np.clip(risk, _SUREST, 1 - _SUREST)
    return float(weighted_log_loss(label, sure, np.ones((len(label), 1)))[0])


def choose_curve(
    wanted: CurveName | Literal["auto"], score: Floats, label: Booleans, fold_of: Integers
) -> tuple[CurveName, float]:
    """Choose the curve whose probabilities fit customers best that did not make it.

    Args:
        wanted: One curve, or ``auto`` for the best of all by log loss.
        score: Inner out-of-fold score, one per customer.
        label: True for decliners.
        fold_of: Inner fold of each customer.

    Returns:
        The curve and its log loss on the inner folds (see ``cross_fit_loss``).
    """
    names = list(_CURVES) if wanted == "auto" else [wanted]
    losses = {name: cross_fit_loss(name, score, label, fold_of) for name in names}
    best = min(losses, key=lambda name: losses[name])
    return best, losses[best]


def _columns(name: CurveName, score: Floats) -> Floats:
    sure = np.clip(score, _SUREST, 1 - _SUREST)
    if name == "beta":
        return np.column_stack([np.log(sure), -np.log1p(-sure)])
    return np.asarray(np.log(sure) - np.log1p(-sure))[:, None]

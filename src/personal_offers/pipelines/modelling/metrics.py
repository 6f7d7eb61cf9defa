"""Measures of a risk score, each with a bootstrap interval over customers.

Every measure takes a matrix of customer weights, one column per resample, and is computed for
all resamples at once: a bootstrap sample is a customer counted 0, 1, 2 … times.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]
Measure = Callable[[Booleans, Floats, Floats], Floats]

_SMALLEST_PROBABILITY = 1e-12


def weighted_roc_auc(label: Booleans, risk: Floats, weights: Floats) -> Floats:
    """Return the probability that a decliner outranks a keeper; ties count half.

    Args:
        label: True for decliners, one per customer.
        risk: Score, one per customer.
        weights: Customers x resamples.

    Returns:
        One value per resample.
    """
    return _roc_auc(*_sums_of_ties(label, risk, weights))


def weighted_average_precision(label: Booleans, risk: Floats, weights: Floats) -> Floats:
    """Return the mean precision over the decliners, highest risk first; ties go together."""
    return _average_precision(*_sums_of_ties(label, risk, weights))


def _roc_auc(positive: Floats, everyone: Floats) -> Floats:
    negative = everyone - positive
    below = np.cumsum(negative, axis=0) - negative / 2
    return np.asarray((positive * below).sum(axis=0) / (positive.sum(0) * negative.sum(0)))


def _average_precision(positive: Floats, everyone: Floats) -> Floats:
    positive, everyone = positive[::-1], everyone[::-1]  # highest risk first
    taken = np.cumsum(everyone, axis=0)
    precision = np.cumsum(positive, axis=0) / np.where(taken > 0, taken, 1.0)
    return np.asarray((precision * positive).sum(axis=0) / positive.sum(axis=0))


def _sums_of_ties(label: Booleans, risk: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Sum the weights of decliners and of everyone over equal scores, lowest score first."""
    order = np.argsort(risk, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(risk[order]) > 0])
    ordered = weights[order]
    everyone = np.add.reduceat(ordered, starts, axis=0)
    ordered[~label[order]] = 0.0
    return np.add.reduceat(ordered, starts, axis=0), everyone


def weighted_brier(label: Booleans, risk: Floats, weights: Floats) -> Floats:
    """Return the mean squared distance of the risk from the outcome (Brier, 1950)."""
    return np.asarray((risk - label) ** 2 @ weights / weights.sum(axis=0))


def weighted_log_loss(label: Booleans, risk: Floats, weights: Floats) -> Floats:
    """Return the mean negative log-likelihood of the outcome, in nats."""
    sure = np.clip(risk, _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)
    loss = -np.where(label, np.log(sure), np.log1p(-sure))
    return np.asarray(loss @ weights / weights.sum(axis=0))


MEASURES: dict[str, Measure] = {
    "roc_auc": weighted_roc_auc,
    "average_precision": weighted_average_precision,
    "brier": weighted_brier,
    "log_loss": weighted_log_loss,
}


def bootstrap_weights(groups: Integers, resamples: int, seed: int) -> Floats:
    """Draw how often each customer counts in each resample; twins are drawn together.

    Args:
        groups: Group number per customer, from 0.
        resamples: How many.
        seed: Of the draw.

    Returns:
        Customers x resamples.
    """
    rng = np.random.default_rng(seed)
    size = int(groups.max()) + 1
    draws = rng.multinomial(size, np.full(size, 1 / size), size=resamples)
    return draws.T[groups].astype(np.float64)


def measure(
    label: Booleans, risks: Floats, weights: Floats, confidence: float
) -> dict[str, dict[str, float]]:
    """Compute every measure as the mean over repeats, with its interval over customers.

    Args:
        label: True for decliners, one per customer.
        risks: Repeats x customers.
        weights: Customers x resamples; resamples without both classes are left out.
        confidence: Coverage of the percentile interval.

    Returns:
        Measure: its value, low, high, and sd over the repeats.
    """
    usable = weights[:, (label @ weights > 0) & (~label @ weights > 0)]
    once = np.ones((len(label), 1))
    tail = (1 - confidence) / 2
    exact = [_all_measures(label, risk, once) for risk in risks]
    drawn = [_all_measures(label, risk, usable) for risk in risks]
    result = {}
    for name in MEASURES:
        values = np.array([one[name][0] for one in exact])
        resampled = np.mean([one[name] for one in drawn], axis=0)
        low, high = np.quantile(resampled, [tail, 1 - tail])
        result[name] = {
            "value": float(values.mean()),
            "low": float(low),
            "high": float(high),
            "sd_over_repeats": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        }
    return result


def _all_measures(label: Booleans, risk: Floats, weights: Floats) -> dict[str, Floats]:
    """Compute every measure; those of ranking share the sums, which are the work."""
    sums = _sums_of_ties(label, risk, weights)
    return {
        "roc_auc": _roc_auc(*sums),
        "average_precision": _average_precision(*sums),
        "brier": weighted_brier(label, risk, weights),
        "log_loss": weighted_log_loss(label, risk, weights),
    }

"""Measures of a risk score, each with a bootstrap interval over customers.

Every measure takes a matrix of customer weights, one column per resample, and is computed for
all resamples at once: a bootstrap sample is a customer counted 0, 1, 2 … times. Sorting and
summing the weights is the work, so all measures of a score share one ``Tally``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]
Measure = Callable[[Booleans, Floats, Floats], Floats]
Measured = dict[str, float | None]

_SMALLEST_PROBABILITY = 1e-12
_TOP = 0.1
_CALIBRATION_BINS = 10
# A logit that varies less than this carries no slope: base rates of folds differ by 0.01.
_LEAST_LOGIT_SPREAD = 0.05
# Newton's method squares the error, so after a step of 1e-3 what is left is about 1e-6.
_SMALLEST_STEP = 1e-3
_LONGEST_STEP = 4.0
_MOST_STEPS = 30


@dataclass(frozen=True)
class Tally:
    """Weights of customers, summed over equal risks.

    Attributes:
        risk: The distinct risks, lowest first.
        customers: Customers with each of them, whatever they weigh.
        everyone: Weight, distinct risks x resamples.
        places: Which of the distinct risks a decliner has.
        positive: Weight of decliners, those places x resamples.
    """

    risk: Floats
    customers: Integers
    everyone: Floats
    places: Integers
    positive: Floats

    @cached_property
    def total(self) -> Floats:
        """Weight of everyone per resample."""
        return np.asarray(self.everyone.sum(axis=0))

    @cached_property
    def total_positive(self) -> Floats:
        """Weight of the decliners per resample."""
        return np.asarray(self.positive.sum(axis=0))

    @cached_property
    def own(self) -> Floats:
        """Weight of everyone at the risks of decliners."""
        return self.everyone[self.places]

    @cached_property
    def up_to(self) -> Floats:
        """Weight of everyone at or below the risks of decliners."""
        return np.asarray(np.cumsum(self.everyone, axis=0)[self.places])

    @cached_property
    def positive_up_to(self) -> Floats:
        """Weight of decliners at or below the risks of decliners."""
        return np.cumsum(self.positive, axis=0)


def tally(label: Booleans, risk: Floats, weights: Floats) -> Tally:
    """Sort customers by risk and sum their weights over equal risks.

    Args:
        label: True for decliners, one per customer.
        risk: Score, one per customer.
        weights: Customers x resamples.

    Returns:
        What every measure is computed from.
    """
    return tally_values(risk, weights, np.flatnonzero(label))


def tally_values(
    risk: Floats, weights: Floats, owners: Integers, values: Floats | None = None
) -> Tally:
    """Sum weights, and values of some customers, over equal scores.

    Args:
        risk: Score, one per customer.
        weights: Customers x resamples.
        owners: Customers who have a value.
        values: Of those customers; 1 each by default.

    Returns:
        As ``tally``; ``positive`` holds weight x value, and may be negative.
    """
    order = np.argsort(risk, kind="stable")
    ordered = risk[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] > ordered[:-1]][: len(risk)])
    place_of = np.empty(len(risk), dtype=np.int64)
    place_of[order] = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(risk)]))
    everyone = weights[order]
    if len(starts) < len(risk):
        everyone = np.add.reduceat(everyone, starts, axis=0)
    by_place = np.argsort(place_of[owners], kind="stable")
    places, firsts = np.unique(place_of[owners[by_place]], return_index=True)
    positive = weights[owners[by_place]]
    if values is not None:
        positive *= values[by_place, None]
    if len(places) < len(owners):
        positive = np.add.reduceat(positive, firsts, axis=0)
    customers = np.diff(np.r_[starts, len(risk)])
    return Tally(ordered[starts], customers, everyone, places, positive)


def add_up(values: Floats, weights: Floats) -> Floats:
    """Sum values x weights over the rows of weights, for one row of values or several.

    A matrix product, by one thread: those of the linear algebra library wait for each other,
    which on a busy machine took eight times as long as everything else here.
    """
    return np.asarray(np.einsum("...u,ur->...r", values, weights))


def roc_auc(sums: Tally) -> Floats:
    """Return the probability that a decliner outranks a keeper; ties count half."""
    at_or_below = sums.up_to - sums.positive_up_to
    below = at_or_below - (sums.own - sums.positive) / 2
    pairs = sums.total_positive * (sums.total - sums.total_positive)
    return np.asarray((sums.positive * below).sum(axis=0) / pairs)


def average_precision(sums: Tally) -> Floats:
    """Return the mean precision over the decliners, highest risk first; ties go together."""
    taken = sums.total - sums.up_to + sums.own
    hits = sums.total_positive - sums.positive_up_to + sums.positive
    precision = hits / np.where(taken > 0, taken, 1.0)
    return np.asarray((precision * sums.positive).sum(axis=0) / sums.total_positive)


def brier(sums: Tally) -> Floats:
    """Return the mean squared distance of the risk from the outcome (Brier, 1950)."""
    more_if_declined = 1 - 2 * sums.risk[sums.places]
    squares = add_up(sums.risk**2, sums.everyone) + add_up(more_if_declined, sums.positive)
    return squares / sums.total


def log_loss(sums: Tally) -> Floats:
    """Return the mean negative log-likelihood of the outcome, in nats."""
    sure = np.clip(sums.risk, _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)
    if_kept, if_declined = -np.log1p(-sure), -np.log(sure)
    more_if_declined = (if_declined - if_kept)[sums.places]
    losses = add_up(if_kept, sums.everyone) + add_up(more_if_declined, sums.positive)
    return losses / sums.total


def share_in_top(sums: Tally, top: float) -> Floats:
    """Return the share of the positive weight that the highest scores hold.

    The customer at the edge counts in part, and customers who tie across the edge share it
    equally, so the order of rows decides nothing and a constant score holds exactly ``top``.

    Args:
        sums: Weights by score.
        top: Share of everyone's weight that is taken, highest score first.

    Returns:
        One value per resample; nan where there is no positive weight.
    """
    room = top * sums.total
    above = sums.total - sums.up_to
    first = np.count_nonzero((above >= room).all(axis=1))  # lower scores are out everywhere
    own = sums.own[first:]
    part = np.clip((room - above[first:]) / np.where(own > 0, own, 1.0), 0.0, 1.0)
    held: Floats = (part * sums.positive[first:]).sum(axis=0)
    share: Floats = np.full(len(held), np.nan)
    np.divide(held, sums.total_positive, out=share, where=sums.total_positive != 0)
    return share


def lift_at_10(sums: Tally) -> Floats:
    """Return the share of decliners in the top tenth by risk / their share overall."""
    return share_in_top(sums, _TOP) / _TOP


def expected_calibration_error(sums: Tally) -> Floats:
    """Return the mean distance of the risk from the observed share over ten bins.

    Each bin counts by the weight in it (Naeini, Cooper and Hauskrecht, 2015). The bins hold
    equal counts of customers as far as ties allow, and are the same in every resample.
    """
    bins = equal_count_bins(sums.customers, _CALIBRATION_BINS)
    gaps = sums.everyone * -sums.risk[:, None]
    gaps[sums.places] += sums.positive
    gaps = np.add.reduceat(gaps, np.flatnonzero(np.diff(bins, prepend=-1)), axis=0)
    return np.asarray(np.abs(gaps).sum(axis=0) / sums.total)


def equal_count_bins(customers: Integers, bins: int) -> Integers:
    """Put distinct risks into bins of equal count; equal risks share the bin of their middle.

    Args:
        customers: Customers with each distinct risk, lowest risk first.
        bins: How many; a bin stays empty where one risk fills several.

    Returns:
        Bin of each distinct risk, from 0.
    """
    twice_middle = 2 * np.cumsum(customers) - customers  # whole numbers: no rounding at edges
    return np.asarray(bins * twice_middle // (2 * customers.sum()))


def calibration_slope(sums: Tally) -> Floats:
    """Return the slope of a logistic curve of the outcome on the logit of the risk (Cox, 1958).

    1 is right, below 1 the risks are too extreme, above 1 too timid. Fitted with an intercept
    by Newton's method for all resamples at once, from the fit to all of them together.

    Returns:
        One value per resample; nan where there is none: the risk does not vary, or decliners
        and keepers do not overlap, so that the likelihood has no maximum.
    """
    sure = np.clip(sums.risk, _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)
    logit = np.log(sure) - np.log1p(-sure)
    everyone = sums.everyone.sum(axis=1, keepdims=True)
    positive = sums.positive.sum(axis=1, keepdims=True)
    weight = everyone[:, 0] / everyone.sum()
    middle = weight @ logit
    spread = np.sqrt(weight @ (logit - middle) ** 2)
    if spread < _LEAST_LOGIT_SPREAD:
        return np.full(len(sums.total), np.nan)
    powers = ((logit - middle) / spread) ** np.arange(3)[:, None]
    together = _fit_logistic(powers, sums.places, everyone, positive, np.zeros((2, 1)))
    start = np.where(np.isnan(together), 0.0, together)
    every = _fit_logistic(powers, sums.places, sums.everyone, sums.positive, start)
    return np.asarray(every[1] / spread)


def _fit_logistic(
    powers: Floats, places: Integers, everyone: Floats, positive: Floats, start: Floats
) -> Floats:
    """Fit intercept and slope per resample; nan where Newton's method does not settle.

    Args:
        powers: 1, x and x squared, 3 x values.
        places: Values that a decliner has.
        everyone: Weight, values x resamples.
        positive: Weight of decliners, those values x resamples.
        start: Intercept and slope, 2 x 1: common to all resamples.

    Returns:
        2 x resamples.
    """
    wanted = add_up(powers[:2, places], positive)
    # At the common start the curve is one for all, so the first step is a sum of weights.
    risk = _sigmoid(start[0] + start[1] * powers[1])
    missing = wanted - add_up(powers[:2] * risk, everyone)
    step = _newton_step(missing, add_up(powers * (risk * (1 - risk)), everyone))
    found = start + step
    for _ in range(_MOST_STEPS):
        if (np.abs(step) <= _SMALLEST_STEP).all():
            break
        risks = _sigmoid(found[0] + powers[1, :, None] * found[1])
        weighted = everyone * risks
        missing = wanted - add_up(powers[:2], weighted)
        step = _newton_step(missing, add_up(powers, weighted * (1 - risks)))
        found += step
    found[:, np.abs(step).max(axis=0) > _SMALLEST_STEP] = np.nan
    return found


def _sigmoid(logit: Floats) -> Floats:
    half = 0.5 * logit
    np.tanh(half, out=half)  # no overflow at either end
    half += 1.0
    half *= 0.5
    return half


def _newton_step(missing: Floats, curvature: Floats) -> Floats:
    """Solve two equations per resample; steps are bounded, and long where there is no answer."""
    flat, skew, steep = curvature
    size = flat * steep - skew**2
    solvable = size > np.finfo(float).eps * flat * steep
    gaps = np.stack([steep * missing[0] - skew * missing[1], flat * missing[1] - skew * missing[0]])
    step = np.where(solvable, gaps / np.where(solvable, size, 1.0), _LONGEST_STEP)
    return np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)


# The one list of measures.
MEASURES: dict[str, Callable[[Tally], Floats]] = {
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "brier": brier,
    "log_loss": log_loss,
    "lift_at_10": lift_at_10,
    "calibration_slope": calibration_slope,
    "expected_calibration_error": expected_calibration_error,
}
# A mean of distances: noise only adds to it, and a resample has the noise twice.
_RAISED_BY_RESAMPLING = frozenset({"expected_calibration_error"})


def weighted(name: str) -> Measure:
    """Return a measure as a function of customers: label, risk, weights -> one per resample."""

    def of_customers(label: Booleans, risk: Floats, weights: Floats) -> Floats:
        return MEASURES[name](tally(label, risk, weights))

    return of_customers


weighted_roc_auc = weighted("roc_auc")
weighted_average_precision = weighted("average_precision")
weighted_brier = weighted("brier")
weighted_log_loss = weighted("log_loss")


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
    draws = rng.integers(size, size=(size, resamples)) * resamples + np.arange(resamples)
    counts = np.bincount(draws.ravel(), minlength=size * resamples).reshape(size, resamples)
    return counts.astype(np.float64)[groups]


def measure(
    label: Booleans, risks: Floats, weights: Floats, confidence: float
) -> dict[str, Measured]:
    """Compute every measure as the mean over repeats, with its interval over customers.

    Args:
        label: True for decliners, one per customer.
        risks: Repeats x customers.
        weights: Customers x resamples; resamples without both classes are left out.
        confidence: Coverage of the percentile interval.

    Returns:
        Measure: its value, low, high, and sd over the repeats; null where it is not defined
        (a constant risk has no calibration slope), and no bounds where it is not defined in
        some resample, because those of the others would be too narrow.
    """
    both = (weights[label] > 0).any(axis=0) & (weights[~label] > 0).any(axis=0)
    usable = weights[:, both]
    counted = np.column_stack([np.ones(len(label)), usable])  # everybody once, then the resamples
    found: dict[str, list[Floats]] = {name: [] for name in MEASURES}
    for risk in risks:
        sums = tally(label, risk, counted)
        for name, compute in MEASURES.items():
            found[name].append(compute(sums))
    tail = (1 - confidence) / 2
    return {name: _summarise(name, np.stack(values), tail) for name, values in found.items()}


def _summarise(name: str, values: Floats, tail: float) -> Measured:
    """Reduce repeats x (everybody once, then the resamples) to a value with its bounds."""
    exact, resampled = values[:, 0], values[:, 1:].mean(axis=0)
    if name in _RAISED_BY_RESAMPLING:
        resampled = np.maximum(resampled - resampled.mean() + exact.mean(), 0.0)
    low, high = np.quantile(resampled, [tail, 1 - tail])
    figures = {
        "value": exact.mean(),
        "low": low,
        "high": high,
        "sd_over_repeats": exact.std(ddof=1) if len(exact) > 1 else 0.0 * exact[0],
    }
    return {key: None if np.isnan(figure) else float(figure) for key, figure in figures.items()}

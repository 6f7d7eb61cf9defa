"""Which method predicts interests, and how often it is right for customers it never saw.

The choice rests on training customers alone: first seen before the split, with nothing that was
known later. Customers first seen from the split on are only looked at when the choice is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from personal_offers.pipelines.interests.interest_model import (
    Floats,
    Integers,
    Rows,
    fit_calibrated,
    predict,
    rehearse,
)
from personal_offers.pipelines.interests.interest_params import BASELINES, InterestOptions, Method
from personal_offers.pipelines.interests.interest_texts import choice_sentence

MEASURES = ("top1", "top2", "macro_f1", "log_loss")
_BOUNDS = ("", "_low", "_high")
ACCURACY_COLUMNS = [
    *("after_orders", "method", "shipped", "customers"),
    *(f"{measure}{bound}" for measure in MEASURES for bound in _BOUNDS),
    "ece",
    *(f"top1_gain_over_{rule}{bound}" for rule in BASELINES for bound in _BOUNDS),
]
COVERAGE_COLUMNS = [
    "after_orders",
    "coverage",
    "customers",
    "probability",
    "top1",
    "top1_low",
    "top1_high",
]
_BINS = 10
_TINY = 1e-12
# Numbers in memory per step of resampling: 16 MB of them.
_AT_ONCE = 2_000_000
_STEPS = 20


def choose_method(
    rehearsals: Sequence[tuple[Rows, Rows]], categories: Sequence[str], options: InterestOptions
) -> tuple[dict[str, Any], dict[Method, dict[str, Any]]]:
    """Choose what predicts by trying it on training customers at earlier dates.

    Among the most frequent category and the models, the simplest one within one standard error
    of the least log loss counts (L. Breiman et al., 1984); that category is the simplest, then come
    ``options.methods`` in their order. It ships when it is right more often than the rule "same as
    so far" after the first of ``after_orders`` and the interval of the gain leaves out zero; else
    the rule does.

    Args:
        rehearsals: Pairs: rows that teach, known before a date; rows of customers first seen from
            that date on, known before the split.
        categories: Keys in the order of the columns.
        options: Methods, penalties, resamples.

    Returns:
        First the choice, plain JSON: method, rule_ships, best_model (least_log_loss before
        simplicity counted), penalty, strength, gain (value, low, high), customers who rehearsed
        and were judged after the first number, reason (ru, en) and candidates (method, log_loss
        with its standard error, top1 after the first number). Second, by method: penalty and
        strength.
    """
    if not rehearsals:
        choice = _choice([], {}, options) | {"penalty": 1.0, "strength": 1.0, "candidates": []}
        settings = {method: {"penalty": 1.0, "strength": 1.0} for method in options.competing}
        return choice | {"customers": 0, "reason": choice_sentence(choice)}, settings
    target, orders, customers = _judged(rehearsals)
    first = orders == options.after_orders[0]
    settings = {}
    candidates: list[dict[str, Any]] = []
    hits: dict[str, Floats] = {}
    for method in options.competing:
        penalties = options.penalties if method == "logistic_regression" else (1.0,)
        found = [
            (penalty, *rehearse(method, rehearsals, categories, penalty, options.floor))
            for penalty in penalties
        ]
        losses = [_losses(each[1], target) for each in found]
        best = int(np.argmin([loss.mean() for loss in losses]))
        penalty, _, keys, strength = found[best]
        settings[method] = {"penalty": penalty, "strength": strength}
        hits[method] = (keys.argmax(axis=1) == target)[first].astype(float)
        candidates.append(
            {
                "method": method,
                "log_loss": float(losses[best].mean()),
                "log_loss_error": _clustered_error(losses[best], customers),
                "top1": float(hits[method].mean()),
            }
        )
    choice = _choice(candidates, hits, options)
    choice |= settings[choice["method"]] | {"candidates": candidates, "customers": int(first.sum())}
    return choice | {"reason": choice_sentence(choice)}, settings


def _judged(rehearsals: Sequence[tuple[Rows, Rows]]) -> tuple[Integers, Floats, Integers]:
    """Return target, orders and customer of the later rows of all pairs."""
    later = [rows for _, rows in rehearsals]
    offsets = np.cumsum([0, *(int(rows.customers.max()) + 1 for rows in later)])
    return (
        np.concatenate([rows.target for rows in later]),
        np.concatenate([rows.orders for rows in later]),
        np.concatenate([rows.customers + o for rows, o in zip(later, offsets[:-1], strict=True)]),
    )


def _losses(found: Floats, target: Integers) -> Floats:
    losses: Floats = -np.log(found[np.arange(len(target)), target] + _TINY)
    return losses


def _clustered_error(values: Floats, customers: Integers) -> float:
    """Return the standard error of a mean of rows that hang together by customer."""
    sums = np.bincount(customers, weights=values - values.mean())
    return float(np.sqrt((sums**2).sum()) / len(values))


def _choice(
    candidates: Sequence[Mapping[str, Any]], hits: Mapping[str, Floats], options: InterestOptions
) -> dict[str, Any]:
    # The most frequent category is the simplest model of all: where interests do not last, it
    # beats what a customer bought so far.
    models = [each for each in candidates if each["method"] != "same_so_far"]
    if not models or not set(options.methods) - set(BASELINES):
        nothing = dict.fromkeys(("best_model", "least_log_loss", "gain"))
        return {"method": "same_so_far", "rule_ships": True} | nothing
    least = min(models, key=lambda each: float(each["log_loss"]))
    enough = least["log_loss"] + least["log_loss_error"]
    best = next(each["method"] for each in models if each["log_loss"] <= enough)
    gains = hits[best] - hits["same_so_far"]
    resampled = np.concatenate([w @ gains / len(gains) for w in _weights(len(gains), options)])
    gain = _with_interval(float(gains.mean()), resampled, options)
    ships = gain["low"] > 0
    return {
        "method": best if ships else "same_so_far",
        "rule_ships": not ships,
        "best_model": best,
        "least_log_loss": least["method"],
        "gain": gain,
    }


def _weights(size: int, options: InterestOptions) -> Iterator[Floats]:
    """Yield how often each customer was drawn, by resample (the bootstrap; B. Efron, 1979)."""
    rng = np.random.default_rng(options.seed)
    step = max(1, _AT_ONCE // size)
    for start in range(0, options.bootstrap, step):
        count = min(step, options.bootstrap - start)
        drawn = rng.integers(0, size, size=(count, size)) + np.arange(count)[:, None] * size
        flat = np.bincount(drawn.ravel(), minlength=count * size)
        yield flat.reshape(count, size).astype(float)


def _with_interval(value: float, resampled: Floats, options: InterestOptions) -> dict[str, float]:
    """Return a value with its percentile interval."""
    tail = (1 - options.confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return {"value": value, "low": float(low), "high": float(high)}


def judge_methods(
    training: Rows,
    test: Rows,
    categories: Sequence[str],
    choice: Mapping[str, Any],
    settings: Mapping[Method, Mapping[str, Any]],
    options: InterestOptions,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Measure every method on customers first seen from the split on.

    Args:
        training: Rows that the methods are fitted on.
        test: Rows that judge, at every number of ``after_orders``.
        categories: Keys in the order of the columns.
        choice: From ``choose_method``.
        settings: Likewise.
        options: Numbers of orders, resamples, confidence.

    Returns:
        First, one row per number of orders and method: after_orders, method, shipped, customers,
        top1, top2 (the category is among the two likeliest), macro_f1 (mean F1 over the
        categories that somebody wanted), log_loss (nats), each with percentile bootstrap interval
        over customers (``_low``, ``_high``), ece (expected calibration error of the likeliest
        category, in ten groups of equal size) and top1_gain over "same as so far" and over
        "majority" on the same resamples with intervals. Second, the coverage curve of what ships.
        Third, plain JSON by number of orders: what it reaches at ``coverage`` and ``certainty``,
        and the share of the most frequent later category, which no rule knew beforehand.
    """
    models = {
        method: fit_calibrated(
            method, training, categories, set_["penalty"], set_["strength"], options.floor
        )
        for method, set_ in settings.items()
    }
    table: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    more: dict[str, Any] = {}
    for number in options.after_orders:
        rows = test.take(test.orders == number)
        if not len(rows.target):
            continue
        found = {method: predict(model, rows) for method, model in models.items()}
        table += _measured(number, rows, found, choice["method"], options)
        likely, keys = found[choice["method"]]
        own = np.arange(len(keys))
        sure = likely[own, keys.argmax(axis=1)]
        hits = (keys.argmax(axis=1) == rows.target).astype(float)
        curves.append(_curve(number, sure, hits, options))
        more[str(number)] = {
            "at_coverage": _at_coverage(sure, hits, options.coverage, options),
            "at_certainty": _at_certainty(sure, hits, options),
            "largest_class": float(np.bincount(rows.target).max() / len(rows.target)),
        }
    return pd.DataFrame(table), pd.concat(curves, ignore_index=True), more


def _measured(
    number: int,
    rows: Rows,
    found: Mapping[Method, tuple[Floats, Floats]],
    shipped: str,
    options: InterestOptions,
) -> list[dict[str, Any]]:
    """Return the rows of the accuracy table at one number of orders."""
    size, categories = len(rows.target), rows.cents.shape[1]
    wanted = np.unique(rows.target)
    facts = {method: _facts(likely, keys, rows.target) for method, (likely, keys) in found.items()}
    everyone = np.ones((1, size))
    point = {m: _values(f, rows.target, wanted, everyone, categories) for m, f in facts.items()}
    draws: dict[Method, list[dict[str, Floats]]] = {method: [] for method in facts}
    for weights in _weights(size, options):
        for method, each in facts.items():
            draws[method].append(_values(each, rows.target, wanted, weights, categories))
    resampled = {
        method: {name: np.concatenate([part[name] for part in parts]) for name in MEASURES}
        for method, parts in draws.items()
    }
    table = []
    for method, (likely, keys) in found.items():
        row: dict[str, Any] = {
            "after_orders": number,
            "method": method,
            "shipped": method == shipped,
            "customers": size,
        }
        for name in MEASURES:
            row |= _named(name, float(point[method][name][0]), resampled[method][name], options)
        row["ece"] = _calibration_error(likely, keys, rows.target)
        for rule in BASELINES:
            gain = float(point[method]["top1"][0] - point[rule]["top1"][0])
            drawn = resampled[method]["top1"] - resampled[rule]["top1"]
            row |= _named(f"top1_gain_over_{rule}", gain, drawn, options)
        table.append(row)
    return table


def _facts(likely: Floats, keys: Floats, target: Integers) -> dict[str, NDArray[Any]]:
    order = np.argsort(-keys, axis=1, kind="stable")
    return {
        "predicted": order[:, 0],
        "top1": (order[:, 0] == target).astype(float),
        "top2": (order[:, :2] == target[:, None]).any(axis=1).astype(float),
        "log_loss": _losses(likely, target),
    }


def _values(
    facts: Mapping[str, NDArray[Any]],
    target: Integers,
    wanted: Integers,
    weights: Floats,
    categories: int,
) -> dict[str, Floats]:
    """Return the measures of every resample, each of shape (resamples,)."""
    size = weights.sum(axis=1)
    found = {name: weights @ facts[name] / size for name in ("top1", "top2", "log_loss")}
    names = np.arange(categories)
    is_target = (target[:, None] == names)[:, wanted].astype(float)
    is_predicted = (facts["predicted"][:, None] == names)[:, wanted].astype(float)
    right = weights @ (is_target * is_predicted)
    both = weights @ is_target + weights @ is_predicted
    with np.errstate(invalid="ignore"):
        f1 = 2 * right / both
    # A category that a resample neither holds nor predicts says nothing about it.
    found["macro_f1"] = np.nanmean(f1, axis=1)
    return found


def _named(
    name: str, value: float, resampled: Floats, options: InterestOptions
) -> dict[str, float]:
    found = _with_interval(value, resampled, options)
    return {name: value, f"{name}_low": found["low"], f"{name}_high": found["high"]}


def _calibration_error(likely: Floats, keys: Floats, target: Integers) -> float:
    """Return how far groups of customers are from their probability, on average."""
    predicted = keys.argmax(axis=1)
    sure = likely[np.arange(len(target)), predicted]
    gaps = sure - (predicted == target)
    order = np.argsort(sure, kind="stable")
    parts = np.array_split(gaps[order], min(_BINS, len(gaps)))
    return float(sum(abs(part.sum()) for part in parts) / len(gaps))


def _curve(number: int, sure: Floats, hits: Floats, options: InterestOptions) -> pd.DataFrame:
    """Return how often the surest customers are right, share by share."""
    rows = []
    for step in range(1, _STEPS + 1):
        found = _at_coverage(sure, hits, step / _STEPS, options)
        rows.append({"after_orders": number, "coverage": step / _STEPS} | found)
    return pd.DataFrame(rows, columns=COVERAGE_COLUMNS)


def _at_coverage(
    sure: Floats, hits: Floats, coverage: float, options: InterestOptions
) -> dict[str, Any]:
    """Return what the surest share reaches; of equally sure customers each counts in part."""
    wanted = max(1, round(coverage * len(sure)))
    values, place = np.unique(-sure, return_inverse=True)
    level = np.bincount(place, weights=hits) / np.bincount(place)
    chosen = np.sort(place, kind="stable")[:wanted]
    top1 = float(level[chosen].mean())
    low, high = _score_interval(top1, wanted, options)
    probability = float(-values[chosen[-1]])
    return {
        "customers": wanted,
        "probability": probability,
        "top1": top1,
        "top1_low": low,
        "top1_high": high,
    }


def _at_certainty(sure: Floats, hits: Floats, options: InterestOptions) -> dict[str, Any]:
    """Return whom the certainty leaves without a prediction, and how the others fare."""
    answered = sure >= options.certainty
    count = int(answered.sum())
    found: dict[str, Any] = {
        "certainty": options.certainty,
        "customers": count,
        "share": count / len(sure),
        "top1": None,
        "top1_low": None,
        "top1_high": None,
    }
    if count:
        top1 = float(hits[answered].mean())
        low, high = _score_interval(top1, count, options)
        found |= {"top1": top1, "top1_low": low, "top1_high": high}
    return found


def _score_interval(share: float, size: int, options: InterestOptions) -> tuple[float, float]:
    """Return the score interval of a share (E. B. Wilson, 1927), hits counted in parts too."""
    from scipy.stats import norm

    z2 = float(norm.ppf((1 + options.confidence) / 2)) ** 2
    centre = (share + z2 / (2 * size)) / (1 + z2 / size)
    half = (z2 * (share * (1 - share) + z2 / (4 * size)) / size) ** 0.5 / (1 + z2 / size)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def agreement_of_halves(
    halves: Sequence[NDArray[np.int64]], options: InterestOptions
) -> dict[str, Any]:
    """Tell how often two random halves of a customer's later lines agree on the category.

    Nobody who predicts one half could be right much more often: it is about the most that a
    prediction can reach, a little less than for the whole, which is less noisy than a half.

    Args:
        halves: From ``halves_of_later_lines``.
        options: Confidence, resamples, seed.

    Returns:
        Plain JSON: customers (with spend on a category in both halves, in the mean over the
        halvings), halvings, value (mean agreement), low, high (percentile bootstrap interval over
        customers) and by_chance (halves of different customers); null where nobody has two lines.
    """
    facts: dict[str, Any] = {"halvings": len(halves), "customers": 0}
    facts |= dict.fromkeys(("value", "low", "high", "by_chance"))
    if not halves or not len(halves[0]):
        return facts
    both = np.stack([half.max(axis=2).min(axis=1) > 0 for half in halves])
    if not both.any():
        return facts
    leaders = np.stack([half.argmax(axis=2) for half in halves])
    agree = (leaders[:, :, 0] == leaders[:, :, 1]) & both
    per_customer, of = agree.sum(axis=0).astype(float), both.sum(axis=0).astype(float)
    drawn = []
    for weights in _weights(len(of), options):
        drawn.append(weights @ per_customer / np.maximum(weights @ of, 1))
    value = float(per_customer.sum() / of.sum())
    facts |= _with_interval(value, np.concatenate(drawn), options)
    shares = [
        np.bincount(leaders[:, :, half][both], minlength=halves[0].shape[2]) / both.sum()
        for half in (0, 1)
    ]
    return facts | {
        "customers": round(float(both.sum(axis=1).mean())),
        "by_chance": float(shares[0] @ shares[1]),
    }

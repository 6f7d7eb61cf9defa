"""The leak audit: does anything tell the label that no honest score could know?

Every check looks at arrays and tables alone. The model comes in as a function from a registry of
features to out-of-fold (or out-of-time) risk, so that its variants are fitted in the same way as
the model itself, whatever that way is.

Intervals of ROC-AUC are those of DeLong and others (1988) for customers in groups: copies count
as one draw (Obuchowski, 1997). They hold the score fixed, so they leave out how far a score
fitted to other customers would differ.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import pandas as pd

from personal_offers.errors import InputError
from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.audit_params import (
    AuditOptions,
    Check,
    Limited,
    LimitedShare,
)
from personal_offers.pipelines.modelling.audit_texts import (
    GROUPS,
    HIGHER,
    IN_DOUBT,
    LOWER,
    ORDERS,
    READINGS,
    TEXTS,
    Text,
)
from personal_offers.pipelines.modelling.evaluation import by_repeat
from personal_offers.pipelines.modelling.folds import split_groups
from personal_offers.pipelines.modelling.metrics import (
    Booleans,
    Floats,
    Integers,
    equal_count_bins,
)
from personal_offers.progress import steps

logger = logging.getLogger(__name__)

# From a registry to: repeat, customer_id, risk. Customers are never seen by what predicts them.
Predict = Callable[[FeatureRegistry], pd.DataFrame]

COLUMNS = [
    "check", "subject", "value", "low", "high", "limit", "verdict", "finding_ru", "finding_en",
]  # fmt: skip
STRICTLY_PRIOR = "strictly_prior"
_WITHOUT = "without "
_EVERYTHING = "all features"
_HALF = 0.5
_FEWEST_FOLDS = 2
# Nearest customers looked through for the first one outside the own group.
_MOST_COPIES = 10
_OUTCOME = "the model was judged, the leak audit was not made"

# Checks whose figure is a whole number; the limit is none at all.
_COUNTS = frozenset({"twins_across_folds", "future_shift"})


# --- ROC-AUC with its interval ---------------------------------------------------------------
@dataclass(frozen=True)
class Ranking:
    """How well a score ranks.

    Attributes:
        value: ROC-AUC, the mean over the repeats.
        low: Lower end of its interval.
        high: Upper end.
        influence: What each customer moves it by; the sum of squares is its variance.
    """

    value: float
    low: float
    high: float
    influence: Floats


def judge_ranking(
    label: Booleans, scores: Floats, groups: Integers, confidence: float, free: bool = False
) -> Ranking:
    """Compute ROC-AUC with an interval on the scale of its logit (Pepe, 2003).

    Args:
        label: True for decliners, one per customer, of both classes.
        scores: One per customer, or repeats x customers.
        groups: Copies share a number.
        confidence: Coverage.
        free: Whether a score that ranks the wrong way round counts as its opposite.

    Returns:
        The figures; a score that separates the classes has no width of interval.
    """
    found = [_auc(label, score) for score in np.atleast_2d(scores)]
    value = float(np.mean([auc for auc, _ in found]))
    influence = np.mean([each for _, each in found], axis=0)
    if free and value < _HALF:
        value, influence = 1 - value, -influence
    if not 0 < value < 1:
        return Ranking(value, value, value, influence)
    logit = np.log(value / (1 - value))
    width = _half_width(influence, groups, confidence) / (value * (1 - value))
    low, high = 1 / (1 + np.exp([width - logit, -width - logit]))
    return Ranking(value, float(low), float(high), influence)


def _auc(label: Booleans, score: Floats) -> tuple[float, Floats]:
    """Return ROC-AUC, ties counted half, and what each customer moves it by.

    By ranks overall and within the class (Sun and Xu, 2014).
    """
    from scipy.stats import rankdata

    sizes = np.where(label, label.sum(), (~label).sum())
    within = np.empty(len(score))
    for own in (label, ~label):
        within[own] = rankdata(score[own])
    below = (rankdata(score) - within) / (len(label) - sizes)  # share of the other class
    value = float(below[label].mean())
    outranked = np.where(label, below, 1 - below)
    return value, (outranked - value) / sizes


def _half_width(influence: Floats, groups: Integers, confidence: float) -> float:
    """Return half the width of a normal interval; who is in one group moves together."""
    totals = np.bincount(pd.factorize(groups)[0], influence)
    variance = (totals**2).sum() * len(totals) / max(len(totals) - 1, 1)
    return float(NormalDist().inv_cdf((1 + confidence) / 2) * np.sqrt(variance))


# --- scores of what should not know the label ------------------------------------------------
def rank_ids(ids: pd.Series) -> Integers:
    """Return the place of each id among all: as a number where all are, else as text."""
    names = pd.Series(ids.unique(), dtype="str")
    if names.str.fullmatch("[0-9]+").all():
        stripped = names.str.lstrip("0")
        order = np.lexsort((stripped.to_numpy(object), stripped.str.len().to_numpy()))
    else:
        order = np.argsort(names.to_numpy(object), kind="stable")
    places = pd.Series(np.arange(len(names)), index=names.to_numpy(object)[order])
    return np.asarray(ids.map(places), dtype=np.int64)


def neighbour_votes(
    position: Floats | Integers, label: Booleans, fold_of: Integers, neighbours: int
) -> Floats:
    """Let those who stand next in an order, and are in other folds, vote.

    Args:
        position: Place in the order, one per customer.
        label: True for decliners.
        fold_of: Fold per customer; copies share one.
        neighbours: How many vote: half before, half after, and at the ends those who are there.

    Returns:
        Share of decliners among the voters less that among all in the other folds.
    """
    votes = np.empty(len(label))
    for fold in np.unique(fold_of):
        own = fold_of == fold
        order = np.argsort(position[~own], kind="stable")
        places = position[~own][order]
        upto = np.r_[0, np.cumsum(label[~own][order])]
        size = min(neighbours, len(places))
        start = np.searchsorted(places, position[own]) - size // 2
        start = np.clip(start, 0, len(places) - size)
        votes[own] = (upto[start + size] - upto[start]) / size - upto[-1] / len(places)
    return votes


def cell_shares(cell: Integers, label: Booleans, fold_of: Integers) -> Floats:
    """Give everyone the share of decliners in their cell, counted in the other folds.

    Args:
        cell: Cell per customer, from 0.
        label: True for decliners.
        fold_of: Fold per customer, from 0; copies share one.

    Returns:
        That share less the one among all in the other folds; 0 where the cell is empty there,
        so that a rare cell does not flatter.
    """
    folds = int(fold_of.max()) + 1
    here = cell * folds + fold_of
    size = (int(cell.max()) + 1) * folds
    counts = [np.bincount(here, w, size).reshape(-1, folds) for w in (np.ones(len(label)), label)]
    others, declined = (count.sum(axis=1, keepdims=True) - count for count in counts)
    base = declined.sum(axis=0) / others.sum(axis=0)
    shares = np.where(others > 0, declined / np.maximum(others, 1) - base, 0.0)
    return np.asarray(shares.ravel()[here])


def score_features(
    frame: pd.DataFrame, registry: FeatureRegistry, fold_of: Integers, options: AuditOptions
) -> dict[str, tuple[str, Ranking]]:
    """Rank customers by each feature alone.

    A number is read in two ways, of which the stronger counts: as it is (unknown values in the
    middle, as the models see them), and by the share of decliners in bands of equal count
    (unknown values are a band), which finds extremes, gaps and telling absences.

    Args:
        frame: One row per customer: the model's features, declined, twin_group.
        registry: Which of them are numbers.
        fold_of: Fold per customer.
        options: Bands and confidence.

    Returns:
        Feature: how it was read (``higher``, ``lower``, ``bands``, ``categories``) and how well
        it ranks.
    """
    label, groups = frame["declined"].to_numpy(np.bool_), frame["twin_group"].to_numpy()
    numbers = set(registry.model_names("number"))

    def judge(scores: Floats) -> Ranking:
        return judge_ranking(label, scores, groups, options.confidence)

    found = {}
    for name in registry.model_names():
        if name not in numbers:
            cells = pd.factorize(frame[name], use_na_sentinel=False)[0].astype(np.int64)
            found[name] = ("categories", judge(cell_shares(cells, label, fold_of)))
            continue
        values = frame[name].to_numpy(np.float64)
        filled = np.where(np.isnan(values), _middle(values), values)
        higher, lower = judge(filled), judge(-filled)
        bands = judge(cell_shares(_bands(values, options.bands), label, fold_of))
        readings = {"higher": higher, "lower": lower, "bands": bands}
        best = max(readings, key=lambda reading: readings[reading].value)
        found[name] = (best, readings[best])
    return found


def _middle(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else 0.0


def _bands(values: Floats, bands: int) -> Integers:
    """Put values into bands of equal count; equal values share one, unknown ones have the last."""
    cells = np.full(len(values), bands, dtype=np.int64)
    known = ~np.isnan(values)
    if known.any():
        _, place, counts = np.unique(values[known], return_inverse=True, return_counts=True)
        cells[known] = equal_count_bins(counts.astype(np.int64), bands)[place]
    return cells


# --- copies ----------------------------------------------------------------------------------
def find_near_twins(
    model_input: pd.DataFrame, registry: FeatureRegistry, options: AuditOptions
) -> tuple[pd.DataFrame, int]:
    """Look for customers who are all but equal to somebody outside their group of copies.

    The distance is the straight line over standardised numbers; another category is one standard
    deviation away. Among a customer's nearest ones, more copies than the ten nearest hide others.

    Args:
        model_input: One row per customer: the model's features, declined, twin_group.
        registry: Which features there are.
        options: How near is too near, and for how many customers to look.

    Returns:
        Pairs (grain: one customer and the nearest one outside their group: row, other_row (from
        0), customer_id, other_id, distance), nearest first; and for how many was looked.
    """
    from sklearn.neighbors import NearestNeighbors

    places = _places(model_input, registry)
    looked_at = _sample(len(places), options)
    groups = model_input["twin_group"].to_numpy()
    copies = min(int(np.bincount(pd.factorize(groups)[0]).max()), _MOST_COPIES)
    index = NearestNeighbors(n_neighbors=min(copies + 1, len(places))).fit(places)
    distance, nearest = index.kneighbors(places[looked_at])
    outside = groups[nearest] != groups[looked_at][:, None]
    first = np.where(outside.any(axis=1), outside.argmax(axis=1), -1)
    rows = np.arange(len(looked_at))
    away, other = distance[rows, first], nearest[rows, first]
    near = (away <= options.near_share * np.median(away)) & (first >= 0)
    ids = model_input["customer_id"].to_numpy()
    pairs = pd.DataFrame(
        {
            "row": looked_at[near],
            "other_row": other[near],
            "customer_id": ids[looked_at[near]],
            "other_id": ids[other[near]],
            "distance": away[near],
        }
    )
    return pairs.sort_values(["distance", "row"], ignore_index=True), len(looked_at)


def join_near_twins(groups: Integers, pairs: pd.DataFrame) -> Integers:
    """Put customers who are all but equal into one group, and whoever is in theirs.

    Args:
        groups: Group number per customer.
        pairs: As ``find_near_twins`` gives them.

    Returns:
        A group number per customer, from 0 in the order of the rows.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    numbers = pd.factorize(groups)[0]
    links = (numbers[pairs["row"]], numbers[pairs["other_row"]])
    size = int(numbers.max()) + 1
    graph = coo_array((np.ones(len(pairs)), links), shape=(size, size))
    joined = connected_components(graph, directed=False)[1][numbers]
    return pd.factorize(joined)[0].astype(np.int64)


def nearest_labels(places: Floats, label: Booleans, fold_of: Integers) -> Floats:
    """Give everyone the label of the nearest customer in the other folds."""
    from sklearn.neighbors import NearestNeighbors

    given = np.empty(len(label))
    for fold in np.unique(fold_of):
        own = fold_of == fold
        nearest = NearestNeighbors(n_neighbors=1).fit(places[~own])
        given[own] = label[~own][nearest.kneighbors(places[own], return_distance=False)[:, 0]]
    return given


def _places(frame: pd.DataFrame, registry: FeatureRegistry) -> Floats:
    """Return standardised numbers and categories, one of which is one unit from another."""
    numbers = registry.model_names("number")
    others = [name for name in registry.model_names() if name not in numbers]
    parts = [np.zeros((len(frame), 1))]
    for name in numbers:
        values = frame[name].to_numpy(np.float64)
        filled = np.where(np.isnan(values), _middle(values), values)
        parts.append(((filled - filled.mean()) / (filled.std() or 1.0))[:, None])
    for name in others:
        parts.append(pd.get_dummies(frame[name], dummy_na=True).to_numpy(np.float64) / np.sqrt(2))
    return np.hstack(parts)


def _sample(size: int, options: AuditOptions) -> Integers:
    if size <= options.most_customers:
        return np.arange(size)
    drawn = np.random.default_rng(options.seed).choice(size, options.most_customers, replace=False)
    return np.sort(drawn)


# --- variants --------------------------------------------------------------------------------
def variants(registry: FeatureRegistry) -> dict[str, FeatureRegistry]:
    """List the variants of the model that stand beside it.

    There is none that sees the current month alone: how far that goes, its features show, each
    alone.

    Args:
        registry: What the model sees.

    Returns:
        ``without <group>`` for each group that the model sees, and ``strictly_prior`` without
        the features of the current month alone; only those that leave something to learn from.
    """
    seen = {name: registry.features[name] for name in registry.model_names()}
    hidden: dict[str, list[str]] = {}
    for name, feature in seen.items():
        hidden.setdefault(_WITHOUT + feature.group, []).append(name)
    if nowcast := [name for name, feature in seen.items() if feature.nowcast]:
        hidden[STRICTLY_PRIOR] = nowcast
    return {
        variant: registry.hide(names, "a variant of the leak audit")
        for variant, names in hidden.items()
        if len(names) < len(seen)
    }


# --- the audit -------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Finding:
    """What one check found out.

    Attributes:
        check: Which check; its name among the options.
        subject: Of what.
        value: The figure, with its interval where there is one.
        low: See there.
        high: See there.
        text: Which sentence, when it is not that of the check.
        verdict: When the limit does not give it.
        words: What the sentence needs besides.
    """

    check: str
    subject: str
    value: float
    words: Mapping[str, Any]
    low: float | None = None
    high: float | None = None
    text: str | None = None
    verdict: Literal["pass", "warn", "fail"] | None = None


def audit_leaks(
    model_input: pd.DataFrame,
    risk_by_repeat: pd.DataFrame,
    registry: FeatureRegistry,
    predict: Predict,
    options: AuditOptions,
    *,
    judged: pd.DataFrame | None = None,
    file_order: pd.DataFrame | None = None,
    folds: pd.DataFrame | None = None,
    future: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Look for leaks in the data and in the score.

    Args:
        model_input: One row per customer (or customer and cutoff), in content order:
            customer_id, the model's features, declined, twin_group, and cutoff where there are
            several; the rows of one customer are in one group.
        risk_by_repeat: Risk of the model for customers it never saw: repeat, customer_id, risk.
        registry: What the model sees.
        predict: Fits and predicts with another registry, in the repeats that variants get.
        options: Checks, limits and severities.
        judged: The customers whose risk was predicted, one row each: customer_id, declined,
            twin_group; those of ``model_input`` by default.
        file_order: One row per customer: customer_id, row_number in the raw file. Whoever is
            not in it is left out of that check.
        folds: One row per repeat and customer: repeat, customer_id, fold.
        future: What ``shift_future`` found, for a shop of order lines.

    Returns:
        Grain: one check of one subject: check, subject, value, low, high, limit, verdict (pass,
        warn, fail), finding_ru, finding_en. Ends of intervals and limits are null where there
        are none.

    Raises:
        InputError: When a class has fewer groups than the audit has folds.
    """
    judged = model_input if judged is None else judged
    fold_of = _deal(model_input, options)
    found = [
        *_audit_orders(model_input, file_order, options),
        *_audit_features(model_input, registry, fold_of, options),
        *_audit_copies(model_input, registry, folds, fold_of, options),
        *_audit_scores(judged, risk_by_repeat, registry, predict, options),
        *([] if future is None else [_audit_future(future, options)]),
    ]
    table = pd.DataFrame([_row(each, options) for each in found], columns=COLUMNS)
    figures = ["value", "low", "high", "limit"]
    return table.astype(dict.fromkeys(figures, np.float64))


def verdict(table: pd.DataFrame) -> dict[str, Any]:
    """Say whether the audit was passed.

    Args:
        table: As ``audit_leaks`` gives it.

    Returns:
        passed (no check failed), failed and warned (``check: subject`` each).
    """
    names = table["check"] + ": " + table["subject"]
    failed, warned = (names[table["verdict"] == each].to_list() for each in ("fail", "warn"))
    return {"passed": not failed, "failed": failed, "warned": warned}


def _deal(frame: pd.DataFrame, options: AuditOptions) -> Integers:
    """Deal rows into the folds of the checks, or into as many as the rarer class fills."""
    label = frame["declined"].to_numpy(np.bool_)
    groups = pd.factorize(frame["twin_group"])[0].astype(np.int64)
    declined = len(np.unique(groups[label]))
    kept = len(np.unique(groups)) - declined
    folds = max(min(options.folds, declined, kept), _FEWEST_FOLDS)
    try:
        return split_groups(label, groups, folds, options.seed)
    except ValueError as error:
        raise InputError([f"the leak audit needs {folds} folds: {error}"], _OUTCOME) from error


def _audit_orders(
    model_input: pd.DataFrame, file_order: pd.DataFrame | None, options: AuditOptions
) -> Iterator[_Finding]:
    """Look whether the id or the place in the file tells the label."""
    frame = _latest(model_input)
    yield from _audit_order("customer_id", rank_ids(frame["customer_id"]), frame, options)
    if file_order is not None:
        places = file_order[["customer_id", "row_number"]]
        frame = frame.merge(places, on="customer_id", validate="one_to_one")
        yield from _audit_order("row_number", frame["row_number"].to_numpy(), frame, options)


def _latest(frame: pd.DataFrame) -> pd.DataFrame:
    """Take one row per customer: that of the latest cutoff, where there are several."""
    if "cutoff" in frame:
        frame = frame.sort_values("cutoff", kind="stable")
    return frame.drop_duplicates("customer_id", keep="last").sort_index()


def _audit_order(
    subject: str, position: Integers, frame: pd.DataFrame, options: AuditOptions
) -> Iterator[_Finding]:
    label, groups = frame["declined"].to_numpy(np.bool_), frame["twin_group"].to_numpy()
    rising = judge_ranking(
        label, position.astype(np.float64), groups, options.confidence, free=True
    )
    words: dict[str, Any] = {"order": ORDERS[subject]}
    yield _Finding("order_alone", subject, rising.value, words, rising.low, rising.high)
    votes = neighbour_votes(position, label, _deal(frame, options), options.neighbours)
    blocks = judge_ranking(label, votes, groups, options.confidence)
    ordered = label[np.argsort(position, kind="stable")]
    words |= {
        "neighbours": options.neighbours,
        "changes": int((ordered[1:] != ordered[:-1]).sum()),
        # Wald and Wolfowitz (1940): runs in a random order, less one.
        "expected": round(2 * float(label.sum()) * float((~label).mean())),
    }
    yield _Finding("order_neighbours", subject, blocks.value, words, blocks.low, blocks.high)


def _audit_features(
    model_input: pd.DataFrame, registry: FeatureRegistry, fold_of: Integers, options: AuditOptions
) -> Iterator[_Finding]:
    """Look whether a feature tells the label all alone, the strongest first."""
    scores = score_features(model_input, registry, fold_of, options)
    for name, (reading, ranking) in sorted(scores.items(), key=lambda item: -item[1][1].value):
        words = {
            "definition": registry.features[name].definition.model_dump(),
            "reading": READINGS[reading],
        }
        yield _Finding("feature_alone", name, ranking.value, words, ranking.low, ranking.high)


def _audit_copies(
    model_input: pd.DataFrame,
    registry: FeatureRegistry,
    folds: pd.DataFrame | None,
    fold_of: Integers,
    options: AuditOptions,
) -> Iterator[_Finding]:
    """Look at copies: how alike their labels are, where they stand, and who else is a copy."""
    yield _audit_twins(_latest(model_input), options)
    if folds is not None:
        dealt = folds.merge(_latest(model_input)[["customer_id", "twin_group"]], on="customer_id")
        stands = dealt.drop_duplicates(["repeat", "twin_group", "fold"])
        crossing = stands.loc[stands.duplicated(["repeat", "twin_group"]), "twin_group"]
        split = len(crossing.drop_duplicates())
        yield _Finding("twins_across_folds", "twin_group", float(split), {})
    pairs, looked_at = find_near_twins(model_input, registry, options)
    quoted = [f"{a} ≈ {b}" for a, b in zip(pairs["customer_id"], pairs["other_id"], strict=True)]
    words = {"customers": len(pairs), "looked_at": looked_at, "examples": _quote(quoted, options)}
    yield _Finding("near_twins", "model features", len(pairs) / looked_at, words)
    yield _audit_nearest(model_input, registry, fold_of, options)


def _audit_twins(frame: pd.DataFrame, options: AuditOptions) -> _Finding:
    """Count copies, and how often the labels of two copies agree, with the exact interval.

    Clopper and Pearson (1934); pairs count as if each were drawn alone.
    """
    from scipy.stats import binomtest

    sizes = frame.groupby("twin_group")["declined"].agg(["size", "sum"])
    sizes = sizes[sizes["size"] > 1]
    if sizes.empty:
        return _Finding("twins", "twin_group", 0.0, {}, text="no_twins")
    size, declined = (sizes[name].to_numpy(np.float64) for name in ("size", "sum"))
    pairs = float((size * (size - 1)).sum() / 2)
    kept = size - declined
    agreeing = float((declined * (declined - 1) + kept * (kept - 1)).sum() / 2)
    share = float(frame["declined"].mean())
    words = {
        "groups": len(sizes),
        "customers": int(size.sum()),
        "agreeing": int(agreeing),
        "pairs": int(pairs),
        "expected": round(pairs * (share**2 + (1 - share) ** 2)),
    }
    ends = binomtest(int(agreeing), int(pairs)).proportion_ci(options.confidence)
    return _Finding("twins", "twin_group", agreeing / pairs, words, ends.low, ends.high)


def _audit_nearest(
    model_input: pd.DataFrame, registry: FeatureRegistry, fold_of: Integers, options: AuditOptions
) -> _Finding:
    """Show what copies would be worth to a model that saw them."""
    rows = _sample(len(model_input), options)
    frame = model_input.iloc[rows]
    label, groups = frame["declined"].to_numpy(np.bool_), frame["twin_group"].to_numpy()
    places = _places(model_input, registry)[rows]
    together = fold_of[rows]
    # Only copies move, each to another fold, so that nothing else differs.
    spread = (together + frame.groupby("twin_group").cumcount().to_numpy()) % options.folds
    kept, mixed = (
        judge_ranking(label, nearest_labels(places, label, dealt), groups, options.confidence)
        for dealt in (together, spread)
    )
    words = {"kept": kept.value, "mixed": mixed.value}
    return _difference("nearest_customer", "model features", mixed, kept, groups, words, options)


def _difference(
    check: str,
    subject: str,
    more: Ranking,
    less: Ranking,
    groups: Integers,
    words: Mapping[str, Any],
    options: AuditOptions,
) -> _Finding:
    """Compare two scores of the same customers."""
    gap = more.value - less.value
    width = _half_width(more.influence - less.influence, groups, options.confidence)
    return _Finding(check, subject, gap, words, gap - width, gap + width)


def _audit_scores(
    judged: pd.DataFrame,
    risk_by_repeat: pd.DataFrame,
    registry: FeatureRegistry,
    predict: Predict,
    options: AuditOptions,
) -> Iterator[_Finding]:
    """Look whether the model is too good, and put its variants beside it."""
    label, groups = judged["declined"].to_numpy(np.bool_), judged["twin_group"].to_numpy()

    def judge(risk: pd.DataFrame) -> Ranking:
        scores = by_repeat(risk, judged["customer_id"])
        return judge_ranking(label, scores, groups, options.confidence)

    model = judge(risk_by_repeat)
    words = {"limit": options.checks.score_too_good.limit}
    yield _Finding("score_too_good", "model", model.value, words, model.low, model.high)
    first = sorted(risk_by_repeat["repeat"].unique().tolist())[: options.repeats]
    whole = judge(risk_by_repeat[risk_by_repeat["repeat"].isin(first)])
    yield _variant_score(_EVERYTHING, whole)
    listed = variants(registry)
    for variant, seen in steps(listed.items(), "models without a part", len(listed)):
        risk = predict(seen)
        if sorted(risk["repeat"].unique().tolist()) != first:
            raise ValueError(f"variants must be predicted in the repeats {first}")
        ranking = judge(risk)
        yield _variant_score(variant, ranking)
        yield _variant_loss(variant, whole, ranking, groups, options)


def _variant_score(variant: str, ranking: Ranking) -> _Finding:
    words = {"variant": _named(variant)}
    return _Finding("variant_score", variant, ranking.value, words, ranking.low, ranking.high)


def _variant_loss(
    variant: str, whole: Ranking, ranking: Ranking, groups: Integers, options: AuditOptions
) -> _Finding:
    """Compare a variant with the whole; the sentence gives the size and says which is lower."""
    check = "nowcast_loss" if variant == STRICTLY_PRIOR else "group_loss"
    worse = ranking.value <= whole.value
    upper, lower = (whole, ranking) if worse else (ranking, whole)
    shown = _difference(check, variant, upper, lower, groups, {}, options)
    words = {
        "variant": _named(variant),
        "where": LOWER if worse else HIGHER,
        "doubt": "" if shown.low is None or shown.low > 0 else IN_DOUBT,
        **{name: getattr(shown, name) for name in ("value", "low", "high")},
    }
    return _difference(check, variant, whole, ranking, groups, words, options)


def _named(variant: str) -> Text:
    """Say in words what a variant sees."""
    if variant == _EVERYTHING:
        return {"ru": "модели со всеми признаками", "en": "of the model with all features"}
    if variant == STRICTLY_PRIOR:
        return {
            "ru": "модели без признаков одного лишь текущего месяца",
            "en": "of the model without features of the current month alone",
        }
    group = GROUPS[variant.removeprefix(_WITHOUT)]
    return {
        "ru": f"модели без группы признаков «{group['ru']}»",
        "en": f"of the model without the features of {group['en']}",
    }


def _audit_future(future: Mapping[str, Any], options: AuditOptions) -> _Finding:
    """Say whether features saw what came after the cutoff."""
    changed: Mapping[str, int] = future["changed"]
    words = {
        "cutoff": str(future["cutoff"]).replace("T", " "),
        "later_lines": future["later_lines"],
        "features": future["features"],
        "examples": _quote(list(changed), options),
    }
    if not future["later_lines"]:
        return _Finding("future_shift", "order lines", 0.0, words, text="no_future", verdict="warn")
    return _Finding("future_shift", "order lines", float(len(changed)), words)


def _quote(names: Sequence[str], options: AuditOptions) -> Text | str:
    """Name some of those that were found."""
    if not names:
        return ""
    some = ", ".join(names[: options.examples])
    return {"ru": f" (например, {some})", "en": f" (for example {some})"}


def _row(finding: _Finding, options: AuditOptions) -> dict[str, Any]:
    """Judge a finding by its check, and phrase it."""
    check: Check | None = getattr(options.checks, finding.check, None)
    limit, exceeds = _compare(finding, check)
    given = check.severity if check is not None and exceeds else "info"
    words: dict[str, Any] = {
        name: getattr(finding, name) for name in ("value", "low", "high")
    } | dict(finding.words)
    return {
        "check": finding.check,
        "subject": finding.subject,
        "value": finding.value,
        "low": finding.low,
        "high": finding.high,
        "limit": limit,
        "verdict": finding.verdict or ("pass" if given == "info" else given),
        "finding_ru": _say(finding.text or finding.check, "ru", words),
        "finding_en": _say(finding.text or finding.check, "en", words),
    }


def _compare(finding: _Finding, check: Check | None) -> tuple[float | None, bool]:
    """Return the limit of a check, null where it has none, and whether a finding exceeds it."""
    match check:
        case Limited(limit=limit, judged_by=bound):
            figure = finding.low if bound == "low" and finding.low is not None else finding.value
            return limit, figure > limit
        case LimitedShare(limit=limit):
            return limit, finding.value > limit
        case Check() if finding.check in _COUNTS:
            return 0.0, finding.value > 0
        case _:
            return None, False


def _say(text: str, language: str, words: Mapping[str, Any]) -> str:
    """Fill a sentence, with the decimal comma where it is used."""
    filled = {}
    for name, word in words.items():
        if isinstance(word, float):
            number = f"{word:.0f}" if text in _COUNTS and name == "value" else f"{word:.3f}"
            filled[name] = number.replace(".", ",") if language == "ru" else number
        else:
            filled[name] = word[language] if isinstance(word, Mapping) else word
    return TEXTS[text][language].format(**filled)

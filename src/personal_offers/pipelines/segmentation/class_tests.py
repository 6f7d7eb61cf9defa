"""How far classes differ: ranks and means, all at once and in pairs, with effects and intervals.

A test on a number that made the classes can only find them different, so such rows are marked
``descriptive``; what classes are worth rests on the rows marked ``out_of_sample``: classes
frozen at the earlier cutoff of the backtest, numbers from the window after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from personal_offers.pipelines.segmentation.backtest import Frozen, freeze_classes, withheld_reason
from personal_offers.pipelines.segmentation.resampling import (
    Floats,
    around,
    resampled_counts,
    sample_customers,
)
from personal_offers.pipelines.segmentation.rfm import CENTS
from personal_offers.pipelines.segmentation.rfm_params import RfmOptions

COLUMNS = [
    "measure",
    "evidence",
    "test",
    "class_a",
    "class_b",
    "customers_a",
    "customers_b",
    "statistic",
    "p_value",
    "p_holm",
    "effect",
    "effect_size",
    "effect_low",
    "effect_high",
    "difference",
    "difference_low",
    "difference_high",
    "sampled_from",
]
_FEWEST_CLASSES = 2
_ENDS = ("_exact", "_low", "_high")


def compare_classes(
    order_lines: ir.Table, era: dict[str, Any], rfm: ir.Table, options: RfmOptions
) -> pd.DataFrame:
    """Test the differences between classes.

    Measures: average_check (monetary per purchase order) and recency_days at the cutoff
    (descriptive); later_orders and later_revenue per customer, and later_average_check (revenue
    per purchase order) of those who bought, in the window of the backtest (out of sample). Money
    is in currency units; that of the window is net of returns, so that an order taken back
    within minutes is no large check. Classes with few customers are left out.

    Args:
        order_lines: Grain: one order line.
        era: cutoff, data_from, trusted_to (ISO texts) and withheld.
        rfm: One row per customer (``score_rfm`` at the cutoff).
        options: Classes, window, confidence, resamples, bounds of the work.

    Returns:
        Grain: measure and test, class_a and class_b empty: kruskal_wallis (Kruskal and Wallis,
        1952; effect epsilon squared as in Tomczak and Tomczak, 2014) and welch_anova (Welch,
        1951; no effect). Then measure, test and pair of classes: mann_whitney (Mann and
        Whitney, 1947; effect rank-biserial correlation, above zero where class_a is higher,
        Cureton, 1956) and welch_t (Welch, 1947; effect g of Hedges, 1981). p_holm corrects for
        all pairs of a measure and test (Holm, 1979). difference: mean of class_a less that of
        class_b. ``_low`` and ``_high``: percentile bootstrap over customers within classes
        (Efron, 1979). sampled_from: customers of the compared classes before a sample was drawn.
        What is not defined (nothing varies) is null. Where fewer than ``fewest_customers``
        differ from the commonest value, as where hardly anybody bought, p-values and bounds are
        null too: normal approximation and bootstrap would call chance a finding. No rows where
        RFM is withheld; descriptive ones only where the backtest is.
    """
    rows: list[dict[str, Any]] = []
    if withheld_reason(era, "class_tests", "rfm") is None:
        for sample in _samples(order_lines, era, rfm, options):
            rows += _tests(sample, options)
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype(dict.fromkeys(("customers_a", "customers_b", "sampled_from"), "Int64"))


@dataclass(frozen=True)
class _Sample:
    """One measure of the customers in the compared classes.

    Attributes:
        measure: Its name.
        evidence: ``descriptive`` or ``out_of_sample``.
        classes: Compared classes, in the order of the parameters.
        groups: Place of each customer's class among them.
        numbers: The measure of each customer.
        sampled_from: Customers in these classes before a sample was drawn.
    """

    measure: str
    evidence: str
    classes: list[str]
    groups: NDArray[np.int64]
    numbers: Floats
    sampled_from: int


def _samples(
    order_lines: ir.Table, era: dict[str, Any], rfm: ir.Table, options: RfmOptions
) -> Iterator[_Sample]:
    now = rfm.select(
        "customer_id", "rfm_class", "recency_days", average_check=rfm.monetary / rfm.frequency
    )
    yield from _measured(now, ["average_check", "recency_days"], "descriptive", options)
    frozen = freeze_classes(order_lines, era, options)
    if not isinstance(frozen, Frozen):
        return
    table = frozen.customers
    later = table.select(
        "customer_id",
        "rfm_class",
        "later_orders",
        later_revenue=table.later_cents / CENTS,
        # Null keeps division away from zero, which engines treat differently.
        later_average_check=table.later_cents / table.later_orders.nullif(0) / CENTS,
    )
    measures = ["later_orders", "later_revenue", "later_average_check"]
    yield from _measured(later, measures, "out_of_sample", options)


def _measured(
    customers: ir.Table, measures: list[str], evidence: str, options: RfmOptions
) -> Iterator[_Sample]:
    """Draw the customers once and yield each measure of classes with enough of them."""
    asked = options.comparison
    sizes = customers.group_by("rfm_class").aggregate(
        **{measure: customers[measure].count() for measure in measures}
    )
    full = sizes.to_pandas().set_index("rfm_class")
    columns = ["rfm_class", *measures]
    drawn = sample_customers(customers, columns, asked.largest_sample, asked.seed)
    for measure in measures:
        known = drawn.loc[drawn[measure].notna()]
        counts = known["rfm_class"].value_counts()
        classes = [
            name for name in options.chosen.classes if counts.get(name, 0) >= asked.fewest_customers
        ]
        if len(classes) < _FEWEST_CLASSES:
            continue
        known = known.loc[known["rfm_class"].isin(classes)]
        places = {name: place for place, name in enumerate(classes)}
        groups = np.asarray(known["rfm_class"].map(places), dtype=np.int64)
        numbers: Floats = known[measure].to_numpy(dtype=float)
        everyone = int(full.loc[classes, measure].sum())
        yield _Sample(measure, evidence, classes, groups, numbers, everyone)


def _tests(sample: _Sample, options: RfmOptions) -> list[dict[str, Any]]:
    """Return all rows of one measure."""
    # The means are the better for numbers around zero; no test or effect moves with the origin.
    distinct, places = np.unique(sample.numbers, return_inverse=True)
    centred = distinct - sample.numbers.mean()
    shape = (len(sample.classes), len(distinct))
    counts = np.zeros(shape)
    np.add.at(counts, (sample.groups, places), 1)
    found = _effects(counts[None], centred)
    drawn = resampled_counts(
        sample.groups, places, options.comparison.bootstrap, options.comparison.seed
    )
    parts = [_effects(part, centred) for part in drawn]
    tail = (1 - options.comparison.confidence) / 2
    effects = {
        name: (exact[0], *around(tail, np.concatenate([part[name] for part in parts])))
        for name, exact in found.items()
    }
    fewest = options.comparison.fewest_customers
    return [*_overall(sample, effects, fewest), *_pairwise(sample, effects, fewest)]


def _effects(counts: Floats, values: Floats) -> dict[str, Floats]:
    """Return effects from how many customers of each class have each value.

    Args:
        counts: Shape (resamples, k classes, d distinct values).
        values: The distinct values, rising.

    Returns:
        ``epsilon``: (resamples,); ``difference``, ``rank_biserial`` and ``hedges_g``:
        (resamples, k, k), first class less second. Nan where nothing varies.
    """
    sizes = counts[0].sum(axis=-1)
    total = sizes.sum()
    # Customers of a class below each value, those at the value counted half.
    below = np.cumsum(counts, axis=-1) - counts / 2
    wins = counts @ below.transpose(0, 2, 1)
    mean = counts @ values / sizes
    spread = np.maximum(counts @ values**2 / sizes - mean**2, 0) * sizes / (sizes - 1)
    freedom = sizes[:, None] + sizes[None, :] - 2
    squares = spread * (sizes - 1)
    pooled = np.sqrt((squares[:, :, None] + squares[:, None, :]) / freedom)
    difference = mean[:, :, None] - mean[:, None, :]
    ties = counts.sum(axis=1)
    unique = 1 - (ties**3 - ties).sum(axis=-1) / (total**3 - total)
    deviations = (wins.sum(axis=-1) / sizes - total / 2) ** 2 @ sizes
    small = 1 - 3 / (4 * freedom - 1)
    return {
        "epsilon": _ratio(12 / (total * (total + 1)) * deviations / (total - 1), unique),
        "difference": difference,
        "rank_biserial": 2 * wins / (sizes[:, None] * sizes[None, :]) - 1,
        "hedges_g": _ratio(difference, pooled) * small,
    }


def _ratio(above: Floats, below: Floats) -> Floats:
    """Divide; nan where there is nothing to divide by."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


Effects = Mapping[str, tuple[Floats, Floats, Floats]]


def _row(sample: _Sample, test: str, **found: Any) -> dict[str, Any]:
    row = dict.fromkeys(COLUMNS) | {"measure": sample.measure, "evidence": sample.evidence}
    row |= {"test": test, "sampled_from": sample.sampled_from} | found
    return {name: _known(value) for name, value in row.items()}


def _known(value: Any) -> Any:
    """Return a value, null where it is not a number."""
    if isinstance(value, float | np.floating | np.ndarray):
        # Adding zero turns minus zero, which people read as less than nothing, into zero.
        return float(value) + 0.0 if np.isfinite(value) else None
    return value


def _members(sample: _Sample) -> list[Floats]:
    return [sample.numbers[sample.groups == place] for place in range(len(sample.classes))]


def _enough(members: list[Floats], fewest: int) -> bool:
    """Tell whether enough customers differ from the commonest value to test anything."""
    _, counts = np.unique(np.concatenate(members), return_counts=True)
    return bool(counts.sum() - counts.max() >= fewest)


def _overall(sample: _Sample, effects: Effects, fewest: int) -> list[dict[str, Any]]:
    """Return the two tests of all classes at once."""
    members = _members(sample)
    enough = _enough(members, fewest)
    ends = ("effect_size", "effect_low", "effect_high")
    epsilon = dict(zip(ends, effects["epsilon"], strict=True))
    rows = []
    for test in ("kruskal_wallis", "welch_anova"):
        found: dict[str, Any] = {"customers_a": len(sample.numbers)}
        found["statistic"], found["p_value"] = _test(test, members, enough)
        if test == "kruskal_wallis":
            found |= {"effect": "epsilon_squared"} | epsilon
        rows.append(_row(sample, test, **(found if enough else _without_bounds(found))))
    return rows


def _pairwise(sample: _Sample, effects: Effects, fewest: int) -> list[dict[str, Any]]:
    """Return both tests of every pair, each corrected over its pairs."""
    members = _members(sample)
    pairs = list(combinations(range(len(members)), 2))
    rows = []
    for test, effect in (("mann_whitney", "rank_biserial"), ("welch_t", "hedges_g")):
        found = []
        for a, b in pairs:
            both = [members[a], members[b]]
            enough = _enough(both, fewest)
            row: dict[str, Any] = {"class_a": sample.classes[a], "class_b": sample.classes[b]}
            row["effect"] = effect
            row |= {"customers_a": len(both[0]), "customers_b": len(both[1])}
            row["statistic"], row["p_value"] = _test(test, both, enough)
            for name, parts in (("effect", effects[effect]), ("difference", effects["difference"])):
                row |= {f"{name}{end}": part[a, b] for end, part in zip(_ENDS, parts, strict=True)}
            row["effect_size"] = row.pop("effect_exact")
            row["difference"] = row.pop("difference_exact")
            found.append(row if enough else _without_bounds(row))
        corrected = holm([row["p_value"] for row in found])
        rows += [
            _row(sample, test, p_holm=p_holm, **row)
            for row, p_holm in zip(found, corrected, strict=True)
        ]
    return rows


def _without_bounds(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.endswith(("_low", "_high"))}


def _test(test: str, members: list[Floats], enough: bool) -> tuple[float, float]:
    """Return statistic and two-sided p-value; nan where there is too little variation."""
    from scipy.stats import f_oneway, kruskal, mannwhitneyu, ttest_ind_from_stats

    varies = [np.ptp(own) > 0 for own in members]
    if not enough or (test == "welch_anova" and not all(varies)):
        return np.nan, np.nan
    if test == "welch_t" and not any(varies):
        return np.nan, np.nan
    found: Any
    if test == "kruskal_wallis":
        found = kruskal(*members)
    elif test == "welch_anova":
        found = f_oneway(*members, equal_var=False)
    elif test == "mann_whitney":
        found = mannwhitneyu(members[0], members[1], method="asymptotic")
    else:
        # From moments, because a class whose customers are all alike is no error here.
        first, second = ((own.mean(), own.std(ddof=1), len(own)) for own in members)
        found = ttest_ind_from_stats(*first, *second, equal_var=False)
    return float(found.statistic), float(found.pvalue)


def holm(p_values: list[float]) -> list[float]:
    """Correct p-values for their number by the step-down method (S. Holm, 1979).

    Args:
        p_values: Uncorrected; nan where a test is not defined, which does not count.

    Returns:
        Corrected p-values in the same order.
    """
    found = np.asarray(p_values, dtype=float)
    order = np.argsort(found)
    order = order[np.isfinite(found[order])]
    steps = found[order] * np.arange(len(order), 0, -1)
    corrected = np.full(len(found), np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in corrected]

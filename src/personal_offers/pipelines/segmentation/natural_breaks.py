"""Natural breaks: cut numbers into groups that differ as little as possible within."""

from __future__ import annotations

from typing import Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from personal_offers.order_history import whole

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Scale = Literal["linear", "log"]

# Digits of a gap on the logarithmic scale that every engine agrees on.
_GAP_DIGITS = 9


def parts_of(counted: ir.Table, scale: Scale, unit: int, most_values: int) -> ir.Table:
    """Join neighbouring values in the engine where there are more than can be looked at.

    Above ``most_values`` distinct values they are cut at the widest gaps and at equal shares of
    customers: where a few large values lie far apart, parts of equal size alone would join what
    must be cut.

    Args:
        counted: Grain: distinct value: value (whole number), customers.
        scale: What gaps are measured on: the value in ``unit``, or sign(x) ln(1 + |x|) of it.
        unit: So many values make one on the scale (cents in a currency unit).
        most_values: Bound of the rows that come back.

    Returns:
        Grain: one part, rising: first and last (its least and greatest value), customers, total
        (sum of value over customers).
    """
    joined = counted.mutate(part=counted.value)
    if counted.count().to_pyarrow().as_py() > most_values:
        joined = _joined(counted, scale, unit, most_values // 2)
    parts = joined.group_by("part").aggregate(
        first=joined.value.min(),
        last=joined.value.max(),
        customers=whole(joined.customers.sum()),
        total=whole((joined.value * joined.customers).sum()),
    )
    return parts.drop("part").order_by("first")


def _joined(counted: ir.Table, scale: Scale, unit: int, half: int) -> ir.Table:
    """Number the part of each value: half of the cuts share customers out, half are gaps."""
    place = counted.value if scale == "linear" else _logarithm(counted.value.cast("float64") / unit)
    placed = counted.mutate(place=place.cast("float64"))
    up = ibis.window(order_by=placed.value)
    so_far = ibis.cumulative_window(order_by=placed.value)
    measured = placed.mutate(
        gap=(placed.place - placed.place.lag().over(up)).round(_GAP_DIGITS).fill_null(-1.0),
        below=whole(placed.customers.sum().over(so_far)) - placed.customers,
        everyone=whole(placed.customers.sum().over(ibis.window())),
    )
    shared = measured.mutate(share=measured.below * half // measured.everyone)
    up = ibis.window(order_by=shared.value)
    widest_first = ibis.window(order_by=[shared.gap.desc(), shared.value])
    cut = shared.mutate(
        is_gap=ibis.row_number().over(widest_first) < half,
        is_share=shared.share > shared.share.lag().over(up).fill_null(-1),
    )
    so_far = ibis.cumulative_window(order_by=cut.value)
    begins = (cut.is_gap | cut.is_share).cast("int64")
    return cut.select("value", "customers", part=whole(begins.sum().over(so_far)))


def _logarithm(value: ir.FloatingValue) -> ir.FloatingValue:
    size = (value.abs() + 1.0).ln()
    return ibis.ifelse(value < 0, -size, size)


def natural_breaks(
    parts: pd.DataFrame, groups: int, scale: Scale, unit: int
) -> list[tuple[int, int]]:
    """Cut whole numbers into groups of least squared deviation from their means.

    The optimum is exact (W. D. Fisher, "On Grouping for Maximum Homogeneity", 1958; the use for
    class boundaries is due to G. F. Jenks, 1967): dynamic programming over the sorted values,
    where the best last cut never moves down as values are added, so that each layer is solved
    by halves in n log n steps instead of n squared. Where values were joined, a break stands
    within one part of the exact one.

    Args:
        parts: As ``parts_of`` gives them.
        groups: Wanted number of groups.
        scale: What deviations are measured on; a joined part stands where its mean does.
        unit: So many values make one on the scale.

    Returns:
        One pair per break, rising: the highest value below it and the lowest value above it.
        Fewer than ``groups - 1`` pairs where there are fewer parts than groups.
    """
    first, last, weights = (parts[name].to_numpy() for name in ("first", "last", "customers"))
    weights = weights.astype(float)
    centres = parts["total"].to_numpy(dtype=float) / weights / unit
    if scale == "log":
        centres = np.sign(centres) * np.log1p(np.abs(centres))
    groups = min(groups, len(first))
    # Deviations do not depend on the origin; small numbers keep their sums exact for longer.
    centres = centres - np.average(centres, weights=weights)
    cost = _Cost(weights, centres)
    size = len(first)
    total = np.append(np.inf, cost.of(np.zeros(size, np.int64), np.arange(1, size + 1)))
    cuts = []
    for _ in range(groups - 1):
        total, cut = _next_layer(total, cost)
        cuts.append(cut)
    ends = [size]
    for cut in reversed(cuts):
        ends.append(int(cut[ends[-1]]))
    starts = sorted(ends[1:])
    return [(int(last[start - 1]), int(first[start])) for start in starts]


class _Cost:
    """Squared deviations of runs of values from the mean of the run."""

    def __init__(self, weights: Floats, centres: Floats) -> None:
        parts = (weights, weights * centres, weights * centres**2)
        self._sums = [np.append(0.0, np.cumsum(part)) for part in parts]

    def of(self, start: Integers, end: Integers) -> Floats:
        """Return the deviations of the values from ``start`` up to, not including, ``end``."""
        weight, linear, square = (sums[end] - sums[start] for sums in self._sums)
        deviations: Floats = square - linear**2 / weight
        return np.maximum(deviations, 0.0)


def _next_layer(total: Floats, cost: _Cost) -> tuple[Floats, Integers]:
    """Add one group: for every number of values, the least total and where the group starts."""
    size = len(total) - 1
    best = np.full(size + 1, np.inf)
    cut = np.zeros(size + 2, np.int64)
    cut[size + 1] = size
    stride = 1 << size.bit_length()
    while stride := stride // 2:
        ends = np.arange(stride, size + 1, 2 * stride)
        low = cut[ends - stride]
        high = np.minimum(cut[np.minimum(ends + stride, size + 1)], ends - 1)
        lengths = high - low + 1
        offsets = np.append(0, np.cumsum(lengths)[:-1])
        run = np.repeat(np.arange(len(ends)), lengths)
        starts = low[run] + np.arange(len(run)) - offsets[run]
        found = total[starts] + cost.of(starts, ends[run])
        best[ends] = np.minimum.reduceat(found, offsets)
        hits = np.flatnonzero(found == best[ends][run])
        _, earliest = np.unique(run[hits], return_index=True)
        cut[ends] = starts[hits[earliest]]
    return best, cut

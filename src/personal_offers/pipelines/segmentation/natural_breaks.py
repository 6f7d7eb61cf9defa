"""Natural breaks: cut numbers into groups that differ as little as possible within."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def natural_breaks(
    values: Integers, counts: Integers, groups: int, positions: Floats, most_values: int
) -> list[tuple[int, int]]:
    """Cut distinct integers into groups of least squared deviation from their means.

    The optimum is exact (W. D. Fisher, "On Grouping for Maximum Homogeneity", 1958; the use for
    class boundaries is due to G. F. Jenks, 1967): dynamic programming over the sorted values,
    where the best last cut never moves down as values are added, so that each layer is solved
    by halves in n log n steps instead of n squared. Above ``most_values`` distinct values,
    neighbours are first joined into at most that many parts, cut at the widest gaps and at
    equal shares of customers; a break then stands within one such part of the exact one.

    Args:
        values: Distinct values, rising.
        counts: Customers with each value.
        groups: Wanted number of groups.
        positions: Where each value lies on the scale that deviations are measured on, rising.
        most_values: Bound of the work.

    Returns:
        One pair per break, rising: the highest value below it and the lowest value above it.
        Fewer than ``groups - 1`` pairs where there are fewer distinct values than groups.
    """
    first, last, weights, centres = _joined(values, counts.astype(float), positions, most_values)
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


def _joined(values: Integers, counts: Floats, positions: Floats, most_values: int) -> Any:
    """Return lowest value, highest value, customers and mean position of each part."""
    if len(values) <= most_values:
        return values, values, counts, positions
    half = most_values // 2
    # Half of the cuts share customers out, half stand in the widest gaps: where a few large
    # values lie far apart, parts of equal size alone would join what must be cut.
    below = np.cumsum(counts) - counts
    part = np.floor(below * half / counts.sum())
    begins = np.append(True, np.diff(part) > 0)
    begins[np.argsort(-np.diff(positions), kind="stable")[:half] + 1] = True
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(values)) - 1
    weights = np.add.reduceat(counts, starts)
    centres = np.add.reduceat(counts * positions, starts) / weights
    return values[starts], values[ends], weights, centres

from itertools import combinations
from typing import Literal

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personal_offers.pipelines.segmentation.natural_breaks import natural_breaks, parts_of


def counted(values: np.ndarray, counts: np.ndarray) -> ibis.Table:
    table = {"value": pd.Series(values, dtype="int64"), "customers": pd.Series(counts)}
    return ibis.memtable(pd.DataFrame(table))


def deviations(values: np.ndarray, counts: np.ndarray, starts: tuple[int, ...]) -> float:
    """Squared deviations of the groups that begin at ``starts``, by definition."""
    ends = [*starts[1:], len(values)]
    total = 0.0
    for start, end in zip(starts, ends, strict=True):
        own, weights = values[start:end], counts[start:end]
        mean = np.average(own, weights=weights)
        total += float((weights * (own - mean) ** 2).sum())
    return total


class TestNaturalBreaks:
    @given(
        shop=st.dictionaries(st.integers(-50, 400), st.integers(1, 9), min_size=1, max_size=11),
        groups=st.integers(2, 5),
    )
    def test_no_other_cut_is_better(self, shop: dict[int, int], groups: int) -> None:
        values = np.array(sorted(shop))
        counts = np.array([shop[value] for value in sorted(shop)])

        own = {"first": values, "last": values, "customers": counts, "total": values * counts}
        found = natural_breaks(pd.DataFrame(own), groups, "linear", 1)

        groups = min(groups, len(values))
        assert len(found) == groups - 1
        starts = (0, *(int(np.flatnonzero(values == above)[0]) for _, above in found))
        rivals = [(0, *rest) for rest in combinations(range(1, len(values)), groups - 1)]
        least = min(deviations(values, counts, rival) for rival in rivals)
        assert deviations(values, counts, starts) == pytest.approx(least, abs=1e-6)
        for below, above in found:
            assert np.flatnonzero(values == above)[0] == np.flatnonzero(values == below)[0] + 1

    def test_many_values_are_joined_before_the_cut(self) -> None:
        # Given three clouds of far more values than may be looked at
        values = np.concatenate([np.arange(3000), 10_000 + np.arange(3000), 50_000 + np.arange(9)])
        counts = np.ones(len(values), np.int64)

        parts = parts_of(counted(values, counts), "linear", 1, 500).to_pandas()

        # Then few rows come back, nobody is lost, and the breaks are in the gaps all the same
        assert len(parts) <= 500
        assert parts["customers"].sum() == len(values)
        assert parts["total"].sum() == values.sum()
        assert natural_breaks(parts, 3, "linear", 1) == [(2999, 10_000), (12_999, 50_000)]

    @pytest.mark.parametrize("scale", ["linear", "log"])
    def test_values_are_joined_as_described(self, scale: Literal["linear", "log"]) -> None:
        # Given values below and above zero in uneven gaps, with uneven numbers of customers
        rng = np.random.default_rng(5)
        values = np.unique((rng.normal(0, 40, 900) ** 3).astype(int))
        counts = rng.integers(1, 60, len(values))
        log = np.sign(values) * np.log1p(np.abs(values / 100))
        place = log if scale == "log" else values

        parts = parts_of(counted(values, counts), scale, 100, 40).to_pandas()

        # Then parts begin at equal shares of customers and after the widest gaps
        share = (counts.cumsum() - counts) * 20 // counts.sum()
        begins = np.append(True, np.diff(share) > 0)
        begins[np.argsort(-np.diff(place).round(9), kind="stable")[:20] + 1] = True
        assert parts["first"].to_list() == values[begins].tolist()
        assert parts["last"].to_list() == values[np.append(begins[1:], True)].tolist()
        starts = np.flatnonzero(begins)
        assert parts["customers"].to_list() == np.add.reduceat(counts, starts).tolist()
        assert parts["total"].to_list() == np.add.reduceat(counts * values, starts).tolist()

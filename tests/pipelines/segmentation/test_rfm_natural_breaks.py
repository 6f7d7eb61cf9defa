from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personal_offers.pipelines.segmentation.natural_breaks import natural_breaks


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

        found = natural_breaks(values, counts, groups, values.astype(float), 100)

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

        found = natural_breaks(values, counts, 3, values.astype(float), 500)

        # Then the breaks are in the gaps all the same
        assert found == [(2999, 10_000), (12_999, 50_000)]

"""Samples and resamples of customers: bounded, seeded, and the same whatever the row order."""

from __future__ import annotations

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from personal_offers.lots import is_drawn

Floats = NDArray[np.float64]

# Numbers in memory per step: 16 MB of them.
_AT_ONCE = 2_000_000


def sample_customers(
    customers: ir.Table, columns: list[str], largest: int, seed: int
) -> pd.DataFrame:
    """Bring customers into memory, drawn where there are more than a stated number.

    The draw depends on the place of the customer in the order of ids alone (see ``lots``).

    Args:
        customers: Grain: one row per customer, with customer_id.
        columns: Columns to bring.
        largest: Customers that are taken at most, about.
        seed: Of the draw.

    Returns:
        Grain: one row per drawn customer, ordered by id: ``columns``.
    """
    everyone = customers.count().to_pyarrow().as_py()
    if everyone > largest:
        place = ibis.row_number().over(ibis.window(order_by=customers.customer_id))
        numbered = customers.mutate(place=place)  # windows are not allowed inside a filter
        customers = numbered.filter(is_drawn(numbered.place, seed, largest, everyone))
    drawn_customers: pd.DataFrame = customers.order_by("customer_id").select(columns).to_pandas()
    return drawn_customers


def resampled_counts(
    groups: NDArray[np.int64], places: NDArray[np.int64], resamples: int, seed: int
) -> Iterator[Floats]:
    """Draw customers with replacement within each group, again and again.

    The bootstrap (B. Efron, 1979), stratified by group, kept as how often each distinct value
    was drawn: that is all that means, variances and ranks need.

    Args:
        groups: Group of each customer, 0 to k - 1; every group has somebody.
        places: Place of each customer's value among the distinct values, 0 to d - 1.
        resamples: How many.
        seed: Of the draws.

    Yields:
        Arrays of shape (some resamples, k, d): customers drawn with each value.
    """
    rng = np.random.default_rng(seed)
    members = [places[groups == group] for group in range(int(groups.max()) + 1)]
    distinct = int(places.max()) + 1
    step = max(1, _AT_ONCE // (len(members) * distinct))
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        offsets = np.arange(count)[:, None] * distinct
        drawn = np.empty((count, len(members), distinct))
        for group, own in enumerate(members):
            draw = own[rng.integers(0, len(own), size=(count, len(own)))] + offsets
            flat = np.bincount(draw.ravel(), minlength=count * distinct)
            drawn[:, group, :] = flat.reshape(count, distinct)
        yield drawn


def resampled_means(groups: NDArray[np.int64], values: Floats, resamples: int, seed: int) -> Floats:
    """Return the mean of each group in every resample, shape (resamples, k)."""
    rng = np.random.default_rng(seed)
    members = [values[groups == group] for group in range(int(groups.max()) + 1)]
    means = np.empty((resamples, len(members)))
    for group, own in enumerate(members):
        step = max(1, _AT_ONCE // len(own))
        for start in range(0, resamples, step):
            count = min(step, resamples - start)
            draw = rng.integers(0, len(own), size=(count, len(own)))
            means[start : start + count, group] = own[draw].mean(axis=1)
    return means


def around(tail: float, resampled: Floats) -> tuple[Floats, Floats]:
    """Return the percentile interval over the first axis, ``tail`` outside at each end.

    Nan where a resample is nan: an interval of some of the resamples would be too narrow.
    """
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    return low, high

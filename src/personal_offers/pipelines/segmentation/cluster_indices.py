"""How good clusters are: how far apart, how even, and whether they come back on other customers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from personal_offers.pipelines.segmentation.cluster_transform import Floats, Labels

# Rows of distances in memory per step: 40 MB of them at 5,000 customers.
_ROWS_AT_ONCE = 1_000
_FEWEST_CLUSTERS = 2
# Digits of the indices that are kept: more are the machine's, not the customers'.
INDEX_DIGITS = 6


def silhouettes(places: Floats, labellings: Sequence[Labels]) -> list[float]:
    """Return the mean silhouette of several clusterings of the same customers.

    (b - a) / max(a, b), with a the mean distance to one's own cluster and b that to the nearest
    other one; 0 for whoever is alone in a cluster (P. J. Rousseeuw, 1987). All clusterings are
    judged in one pass, because the distances between customers are the same for all.

    Args:
        places: One row per customer, in standard deviations.
        labellings: Cluster of each customer, 0 to k - 1, once per clustering.

    Returns:
        One value per clustering; nan where all customers are in one cluster.
    """
    from scipy.spatial.distance import cdist

    members = [_members(labels) for labels in labellings]
    ends = np.cumsum([each.shape[1] for each in members])
    everything = np.hstack(members)
    sums = [0.0] * len(labellings)
    for start in range(0, len(places), _ROWS_AT_ONCE):
        step = slice(start, start + _ROWS_AT_ONCE)
        distances = cdist(places[step], places) @ everything
        for number, own in enumerate(members):
            to_clusters = distances[:, ends[number] - own.shape[1] : ends[number]]
            sums[number] += _silhouette_sum(to_clusters, own[step], own.sum(axis=0))
    return [
        sums[number] / len(places) if own.shape[1] >= _FEWEST_CLUSTERS else float("nan")
        for number, own in enumerate(members)
    ]


def _members(labels: Labels) -> Floats:
    """Return who is in which cluster, as 0 and 1; clusters without anybody are left out."""
    used, places = np.unique(labels, return_inverse=True)
    found: Floats = np.eye(len(used))[places]
    return found


def _silhouette_sum(to_clusters: Floats, own: Floats, sizes: Floats) -> float:
    if len(sizes) < _FEWEST_CLUSTERS:
        return 0.0
    is_own = own.astype(bool)
    own_size = own @ sizes
    within = to_clusters[is_own] / np.maximum(own_size - 1, 1)
    nearest = np.where(is_own, np.inf, to_clusters / sizes).min(axis=1)
    largest = np.maximum(within, nearest)
    apart = np.divide(nearest - within, largest, out=np.zeros(len(largest)), where=largest > 0)
    return float(apart[own_size > 1].sum())


def separation(places: Floats, labels: Labels) -> dict[str, float]:
    """Return two more indices of how far apart clusters are.

    Args:
        places: One row per customer, in standard deviations.
        labels: Cluster of each customer.

    Returns:
        calinski_harabasz: variance between over variance within clusters, higher is better
        (T. Calinski, J. Harabasz, 1974); davies_bouldin: mean likeness of a cluster to the one
        most like it, lower is better (D. L. Davies, D. W. Bouldin, 1979). Both are nan where all
        customers are in one cluster, or each in a cluster of their own.
    """
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score

    if not _FEWEST_CLUSTERS <= len(np.unique(labels)) < len(labels):
        return {"calinski_harabasz": float("nan"), "davies_bouldin": float("nan")}
    return {
        "calinski_harabasz": float(calinski_harabasz_score(places, labels)),
        "davies_bouldin": float(davies_bouldin_score(places, labels)),
    }


def agreement(labels: Labels, again: Labels) -> float:
    """Return the adjusted Rand index of two clusterings (L. Hubert, P. Arabie, 1985)."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(labels, again))


def stability_of(indices: Sequence[float], confidence: float) -> dict[str, float]:
    """Return the mean of the resamples' agreement, and the range that most of them lie in.

    Args:
        indices: Adjusted Rand index of each resample.
        confidence: Share of resamples within the range, which is of single resamples; the mean is
            known better than that.
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(indices, [tail, 1 - tail])
    return {
        "stability": float(np.mean(indices)),
        "stability_low": float(low),
        "stability_high": float(high),
    }


def shares(labels: Labels, number: int) -> Floats:
    """Return the share of customers in each of ``number`` clusters, empty ones included."""
    found: Floats = np.bincount(labels, minlength=number) / max(len(labels), 1)
    return found


def kept_digits(row: dict[str, Any]) -> dict[str, Any]:
    """Round the numbers of a row of candidates to the digits that matter."""
    return {
        name: round(value, INDEX_DIGITS) if isinstance(value, float) else value
        for name, value in row.items()
    }

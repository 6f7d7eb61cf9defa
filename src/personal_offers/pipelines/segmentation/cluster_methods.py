"""The four methods that clusters are found with, each turned into a rule for any customer.

Ward's tree and HDBSCAN say nothing of a customer they have not seen, so their groups become
centres: a customer belongs to the nearest one. All methods are judged by these rules, not by the
groups they came from.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personal_offers.pipelines.segmentation.cluster_params import Method
from personal_offers.pipelines.segmentation.cluster_transform import (
    Floats,
    Groups,
    Labels,
    rounded,
)

# Centres that move by less than a thousandth of a standard deviation have arrived.
_ARRIVED = 1e-6
_MOST_STEPS = 300
# Least variance of a component, in squared standard deviations: orders are whole numbers, and a
# component that sits on one of them would have an endless likelihood.
_LEAST_VARIANCE = 0.01
# HDBSCAN takes no smaller group.
_FEWEST_IN_GROUP = 2


@dataclass(frozen=True)
class Asked:
    """One candidate: a method and what it is told.

    Attributes:
        method: Which one.
        number: Clusters; 0 for HDBSCAN, which finds their number.
        share: Of HDBSCAN: the smallest group as a share of the customers it sees; 0 for others.
    """

    method: Method
    number: int = 0
    share: float = 0.0


@dataclass(frozen=True)
class Found:
    """What a method found.

    Attributes:
        groups: The clusters as a rule.
        noise: Of HDBSCAN: which of the customers it saw stand in no dense group.
        bic: Of a mixture: Bayesian information criterion, lower is better (G. Schwarz, 1978).
    """

    groups: Groups
    noise: NDArray[np.bool_] | None = None
    bic: float | None = None


def asked_of(
    methods: Sequence[Method], numbers: Sequence[int], group_shares: Sequence[float]
) -> list[Asked]:
    """List all candidates, in the order of the parameters."""
    found: list[Asked] = []
    for method in methods:
        if method == "hdbscan":
            found += [Asked(method, share=share) for share in group_shares]
        else:
            found += [Asked(method, number) for number in numbers]
    return found


def find_groups(
    places: Floats, fewer: Floats, asked: Sequence[Asked], starts: int, seed: int
) -> dict[Asked, Found]:
    """Run every candidate once.

    Args:
        places: Where customers stand; k-means and mixtures see them all.
        fewer: Those of them whom Ward and HDBSCAN see.
        asked: The candidates.
        starts: Random starts of k-means.
        seed: Of the starts.

    Returns:
        What each candidate found.
    """
    # A mixture starts from k-means, so one fit serves both.
    centred = {each.number for each in asked if each.method in {"kmeans", "gaussian_mixture"}}
    with _alike_everywhere():
        means = {number: _kmeans(places, number, starts, seed) for number in sorted(centred)}
        trees = _ward(fewer, [each.number for each in asked if each.method == "ward"])
        run: dict[Method, Callable[[Asked], Found]] = {
            "kmeans": lambda each: Found(means[each.number]),
            "gaussian_mixture": lambda each: _mixture(places, means[each.number]),
            "ward": lambda each: Found(trees[each.number]),
            "hdbscan": lambda each: _hdbscan(fewer, each.share),
        }
        return {each: run[each.method](each) for each in asked}


@contextmanager
def _alike_everywhere() -> Iterator[None]:
    """Fit on one thread, so that sums have one order; a sample is too small to need more."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1), warnings.catch_warnings():
        # Fewer distinct customers than clusters, or steps used up: the indices tell what it is
        # worth.
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _kmeans(places: Floats, number: int, starts: int, seed: int) -> Groups:
    """k-means (S. Lloyd, 1982) from seeded starts (D. Arthur, S. Vassilvitskii, 2007)."""
    from sklearn.cluster import KMeans

    model = KMeans(
        n_clusters=min(number, len(places)),
        n_init=starts,
        tol=_ARRIVED,
        max_iter=_MOST_STEPS,
        random_state=seed,
    )
    return Groups(rounded(model.fit(places).cluster_centers_))


def _mixture(places: Floats, start: Groups) -> Found:
    """Gaussian mixture with free covariances by EM (A. Dempster et al., 1977) from k-means."""
    from sklearn.mixture import GaussianMixture

    labels = start.labels(places)
    sizes = np.bincount(labels, minlength=start.number)
    width = places.shape[1]
    precisions = []
    for number in range(start.number):
        away = places[labels == number] - start.centres[number]
        spread = away.T @ away / max(sizes[number], 1) + _LEAST_VARIANCE * np.eye(width)
        precisions.append(np.linalg.inv(spread))
    model = GaussianMixture(
        n_components=start.number,
        reg_covar=_LEAST_VARIANCE,
        max_iter=_MOST_STEPS,
        weights_init=np.maximum(sizes, 1) / np.maximum(sizes, 1).sum(),
        means_init=start.centres,
        precisions_init=np.array(precisions),
        random_state=0,  # everything that it would draw is given
    )
    model.fit(places)
    factors = np.triu(model.precisions_cholesky_)
    depths = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    offsets = np.log(np.maximum(model.weights_, np.finfo(np.float64).tiny)) + depths
    groups = Groups(rounded(model.means_), rounded(factors), rounded(offsets))
    return Found(groups, bic=float(model.bic(places)))


def _ward(places: Floats, numbers: Sequence[int]) -> dict[int, Groups]:
    """Agglomerative clustering (J. H. Ward, 1963): one tree, cut at every number."""
    from sklearn.cluster import AgglomerativeClustering

    if not numbers:
        return {}
    tree = AgglomerativeClustering(n_clusters=None, distance_threshold=0, linkage="ward")
    children = tree.fit(places).children_
    return {
        number: _centres(places, cut_tree(children, min(number, len(places)))) for number in numbers
    }


def cut_tree(children: NDArray[np.int64], number: int) -> Labels:
    """Cut a tree of merges where so many groups are left.

    Args:
        children: Shape (n - 1, 2): the two nodes of each merge, lowest merge first; nodes below
            n are customers, node n + i is merge i.
        number: Groups, 1 to n.

    Returns:
        Group of each customer, 0 to ``number`` - 1.
    """
    leaves = len(children) + 1
    nodes = np.arange(2 * leaves - 1)
    first_undone = 2 * leaves - number  # the last merges are not made
    above = nodes.copy()
    made = np.arange(leaves, first_undone)
    above[children[made - leaves].ravel()] = np.repeat(made, 2)
    while True:  # each step doubles how far up a node looks
        higher = above[above]
        if (higher == above).all():
            break
        above = higher
    _, groups = np.unique(above[:leaves], return_inverse=True)
    return groups.astype(np.int64)


def _hdbscan(places: Floats, share: float) -> Found:
    """Dense groups (R. Campello, D. Moulavi, J. Sander, 2013); the rest is noise."""
    from sklearn.cluster import HDBSCAN

    smallest = max(_FEWEST_IN_GROUP, round(share * len(places)))
    smallest = min(smallest, len(places))
    labels = HDBSCAN(min_cluster_size=smallest, copy=True).fit(places).labels_
    noise = labels < 0
    if noise.all():  # nothing is dense, so everybody is one cluster
        return Found(_centres(places, np.zeros(len(places), dtype=np.int64)), noise=noise)
    return Found(_centres(places[~noise], labels[~noise]), noise=noise)


def _centres(places: Floats, labels: Labels) -> Groups:
    """Turn groups into their centres."""
    used, groups = np.unique(labels, return_inverse=True)
    sums = np.column_stack(
        [np.bincount(groups, weights=column, minlength=len(used)) for column in places.T]
    )
    return Groups(rounded(sums / np.bincount(groups)[:, None]))

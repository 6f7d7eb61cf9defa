"""What each cluster is like: size, money, typical values, and how far it is from the rest.

Features that made the clusters must differ between them, by construction; their rows are marked
``made_it``. Differences of other features were not sought, but they may come along with those
that were: both describe, neither explains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.segmentation.cluster_names import (
    describe_clusters,
    generate_names,
)
from personal_offers.pipelines.segmentation.cluster_params import ClusterOptions
from personal_offers.pipelines.segmentation.cluster_transform import rounded

PROFILE_COLUMNS = [
    "cluster",
    "feature",
    "made_it",
    "customers",
    "median",
    "median_low",
    "median_high",
    "mean",
    "everyone_median",
    "everyone_mean",
    "difference",
    "rank",
]
SUMMARY_COLUMNS = [
    "cluster",
    "cluster_name",
    "name_ru",
    "name_en",
    "customers",
    "share",
    "share_low",
    "share_high",
    "revenue",
    "revenue_share",
    "differs_ru",
    "differs_en",
    "noise_customers",
]
# Share of customers clipped at each end of a feature that did not make the clusters, at least:
# without it one wholesaler sets the standard deviation, and all differences look small.
_TAILS = 0.01
# A spread that is smaller than this part of the values is rounding, not spread.
_NO_SPREAD = 1e-9
# Money is summed as whole numbers, exactly: ten thousandths of a currency unit.
_FINE = 10_000

Floats = NDArray[np.float64]


def profile_clusters(
    customers: ir.Table,
    cluster_labels: ir.Table,
    registry: FeatureRegistry,
    options: ClusterOptions,
) -> pd.DataFrame:
    """Measure every numeric feature of the registry in every cluster.

    Args:
        customers: Grain: one customer; those of the registry's features that it has are measured.
        cluster_labels: Grain: one customer: cluster.
        registry: Which features are numbers, and their order.
        options: Features that made the clusters, their transforms, clipping, confidence.

    Returns:
        Grain: cluster and feature, by cluster and rank: cluster, feature, made_it (the clusters
        were made from it), customers (with a known value), median, median_low, median_high,
        mean, everyone_median, everyone_mean (units of the feature), difference, rank.

        The bounds are order statistics, so they assume no distribution and hold at least the
        asked confidence (W. R. Thompson, 1936); null where the cluster is too small for one (at
        95%: below six customers). ``difference`` is (mean of the cluster - mean of the rest) /
        standard deviation of everyone. Features that made the clusters are on the scale that
        they were made on (``options.features``, ``options.winsorise``), others as they are, but
        clipped at the outermost hundredth at each end. It is null where nothing varies (after
        clipping), where a side has no known value, and where there is one cluster only. ``rank``
        counts from the largest difference, of equals the first in the registry; null without a
        difference. Medians and means are of the values as they are, unknown ones left out.
    """
    names = [
        name
        for name, feature in registry.features.items()
        if feature.type == "number" and name in customers.columns
    ]
    labels = cluster_labels.select("customer_id", "cluster")
    table = customers.select("customer_id", **{name: _known(customers[name]) for name in names})
    table = table.inner_join(labels, "customer_id").select("cluster", *names).cache()
    clusters = table.select("cluster").distinct().order_by("cluster").to_pandas()["cluster"]
    # One feature at a time: exact quantiles hold all values of what they look at.
    parts = [_measure(table, name, clusters.to_list(), options) for name in names]
    if not parts:
        return pd.DataFrame(columns=PROFILE_COLUMNS)
    profile = pd.concat(parts, ignore_index=True)
    size = profile["difference"].abs()
    profile["rank"] = size.groupby(profile["cluster"]).rank(method="first", ascending=False)
    profile = profile.astype({"rank": "Int64"})
    ordered = profile.sort_values(["cluster", "rank"], kind="stable", ignore_index=True)
    return ordered[PROFILE_COLUMNS]


def _measure(
    table: ir.Table, name: str, clusters: list[int], options: ClusterOptions
) -> pd.DataFrame:
    """Return the rows of one feature, one per cluster."""
    value = table[name]
    made_it = name in options.features
    scaled = _scaled(value, options.features.get(name, "none"))
    tail = options.winsorise if made_it else max(options.winsorise, _TAILS)
    wanted: dict[str, ir.Scalar] = {"median": value.median(), "mean": value.mean()}
    if tail:
        wanted |= {"low": scaled.quantile(tail), "high": scaled.quantile(1 - tail)}
    everyone = table.aggregate(**wanted).to_pyarrow().to_pylist()[0]
    low, high = everyone.get("low"), everyone.get("high")
    if low is not None:
        # By comparisons: what clips a null differs between engines.
        scaled = ibis.cases((scaled < low, low), (scaled > high, high), else_=scaled)
    moments = table.group_by("cluster").aggregate(
        known=value.count(),
        mean=value.mean(),
        centre=scaled.mean(),
        variance=scaled.var(how="pop"),
    )
    found = moments.to_pandas().set_index("cluster").reindex(clusters)
    count = found["known"].to_numpy(dtype=np.int64)
    centre = found["centre"].to_numpy(dtype=float, na_value=np.nan)
    variance = found["variance"].to_numpy(dtype=float, na_value=np.nan)
    medians = _medians(table, name, dict(zip(clusters, count, strict=True)), options.confidence)
    measured = {
        **medians,
        "mean": found["mean"].to_numpy(dtype=float, na_value=np.nan),
        "everyone_median": np.full(len(clusters), _or_nan(everyone["median"])),
        "everyone_mean": np.full(len(clusters), _or_nan(everyone["mean"])),
        "difference": _differences(count, centre, variance),
    }
    return pd.DataFrame(
        {
            "cluster": clusters,
            "feature": name,
            "made_it": made_it,
            "customers": count,
        }
        | {column: rounded(values) + 0.0 for column, values in measured.items()}  # no minus zero
    )


def _known(value: ir.NumericValue) -> ir.FloatingValue:
    """Return the values as floats, null where there is no finite number."""
    number = value.cast("float64")
    # One comparison that is false for infinity and, in every engine, for what is not a number.
    return ibis.ifelse(number.abs() < float("inf"), number, ibis.null("float64"))


def _scaled(value: ir.FloatingValue, transform: str) -> ir.FloatingValue:
    """Return a feature on the scale that the clusters were made on; unknown stays unknown."""
    if transform == "log1p":
        return (ibis.cases((value < 0, 0.0), else_=value) + 1.0).ln()
    return value


def _medians(
    table: ir.Table, name: str, known: Mapping[int, int], confidence: float
) -> dict[str, Floats]:
    """Return the median of each cluster and its bounds, nan where there is none."""
    from scipy.stats import binom

    value = table[name]
    wanted: dict[str, ir.Scalar] = {}
    for cluster, count in known.items():
        if not count:
            continue
        own = table.cluster == cluster
        wanted[f"median_{cluster}"] = value.quantile(0.5, where=own)
        # So few of the values may lie below the lower bound, counted from one.
        place = int(binom.ppf((1 - confidence) / 2, count, 0.5))
        if place:
            share = (place - 1) / (count - 1)
            wanted[f"median_low_{cluster}"] = value.quantile(share, where=own)
            wanted[f"median_high_{cluster}"] = value.quantile(1 - share, where=own)
    found = table.aggregate(**wanted).to_pyarrow().to_pylist()[0] if wanted else {}
    return {
        column: np.array([_or_nan(found.get(f"{column}_{cluster}")) for cluster in known])
        for column in ("median", "median_low", "median_high")
    }


def _differences(count: NDArray[np.int64], centre: Floats, variance: Floats) -> Floats:
    """Return the standardised difference of each cluster from the rest, nan where undefined."""
    total = int(count.sum())
    rest = total - count
    sums = np.where(count > 0, count * np.nan_to_num(centre), 0.0)
    mean = sums.sum() / max(total, 1)
    squares = count * (np.nan_to_num(variance) + (np.nan_to_num(centre) - mean) ** 2)
    spread = float(np.sqrt(squares.sum() / max(total, 1)))
    if spread <= _NO_SPREAD * max(abs(mean), 1.0):
        return np.full(len(count), np.nan)
    others = np.divide(sums.sum() - sums, rest, out=np.full(len(count), np.nan), where=rest > 0)
    found: Floats = (centre - others) / spread
    return found


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else float(value)


def summarise_clusters(
    customers: ir.Table,
    cluster_labels: ir.Table,
    profile: pd.DataFrame,
    registry: FeatureRegistry,
    options: ClusterOptions,
) -> pd.DataFrame:
    """Name each cluster, and say how large it is, what it brings and how it differs.

    Args:
        customers: Grain: one customer, with ``options.order_by``.
        cluster_labels: Grain: one customer: cluster, noise.
        profile: From ``profile_clusters``.
        registry: What features are called.
        options: Names of the user, phrases, what orders the clusters, confidence, language.

    Returns:
        Grain: one row per cluster, by id: cluster, cluster_name (in ``options.language``),
        name_ru, name_en, customers, share with its score interval (Wilson, 1927; none where the
        cluster is everybody), revenue (sum of ``order_by`` over the cluster, in its unit, never
        clipped), revenue_share (of the sum over everybody; below zero where a cluster returned
        more than it bought, null where everybody's sum is not above zero), differs_ru,
        differs_en (sentences), noise_customers (whom the method called noise, and the nearest
        cluster took in).
    """
    found = _sums_by_cluster(customers, cluster_labels, options.order_by)
    clusters = found["cluster"].to_list()
    names = generate_names(
        clusters,
        profile,
        registry,
        overrides=options.names,
        phrases=options.phrases,
        top=options.top_differences,
    )
    differs = describe_clusters(clusters, profile, registry, options.top_differences)
    everyone, whole = int(found["customers"].sum()), int(found["fine"].sum())
    rows = [
        {
            "cluster": cluster,
            "cluster_name": getattr(names[cluster], options.language),
            "name_ru": names[cluster].ru,
            "name_en": names[cluster].en,
            "customers": size,
            **_share(size, everyone, options.confidence),
            "revenue": fine / _FINE,
            "revenue_share": fine / whole if whole > 0 else None,
            "differs_ru": differs[cluster].ru,
            "differs_en": differs[cluster].en,
            "noise_customers": noise,
        }
        for cluster, size, fine, noise in found.itertuples(index=False)
    ]
    numbers = ["share", "share_low", "share_high", "revenue", "revenue_share"]
    summary = pd.DataFrame(rows, columns=SUMMARY_COLUMNS)
    return summary.astype(dict.fromkeys(numbers, "float64"))


def _sums_by_cluster(customers: ir.Table, cluster_labels: ir.Table, money: str) -> pd.DataFrame:
    """Return cluster, customers, fine (exact parts of the money) and noise_customers, by id."""
    amounts = customers[money].cast("float64")
    exact = customers.select("customer_id", fine=(amounts * _FINE).round().cast("int64"))
    labels = cluster_labels.select("customer_id", "cluster", "noise")
    table = labels.left_join(exact, "customer_id")
    sums = table.group_by("cluster").aggregate(
        customers=table.count(),
        fine=table.fine.sum().fill_null(0),
        noise_customers=table.noise.cast("int64").sum(),
    )
    found: pd.DataFrame = sums.order_by("cluster").to_pandas().astype("int64")
    return found


def _share(size: int, everyone: int, confidence: float) -> dict[str, Any]:
    """Return the share of customers with its interval; the whole is the whole."""
    from scipy.stats import binomtest

    if size == everyone:
        return {"share": 1.0, "share_low": None, "share_high": None}
    interval = binomtest(size, everyone).proportion_ci(confidence, method="wilson")
    return {"share": size / everyone, "share_low": interval.low, "share_high": interval.high}

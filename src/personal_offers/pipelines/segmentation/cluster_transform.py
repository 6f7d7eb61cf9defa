"""The frozen transform of the clusters: from the features of a customer to the id of a cluster.

A cluster *is* what this transform gives: the same numbers are applied to the customers that the
fit saw, to everyone else, to an earlier cutoff and to customers of tomorrow. ``Geometry`` and
``Groups`` do it in memory for a sample, ``assign_clusters`` in the engine for everyone.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from personal_offers.errors import InputError

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

# Costs that differ by less are equal, so that the last bits of a machine decide nothing.
COST_DIGITS = 9
# Digits of the numbers that are kept: machines differ beyond them.
_KEPT_DIGITS = 10
# No measure of a customer is so large; what is, is not a number.
_ENDLESS = 1e300
_OUTCOME = "no cluster was assigned"


@dataclass(frozen=True)
class Geometry:
    """Where customers stand for a clusterer: clipped, then standardised.

    Attributes:
        low: Lowest value of each feature, on its transformed scale; -inf: not clipped.
        high: Highest value; inf: not clipped.
        mean: Mean after clipping.
        sd: Standard deviation after clipping, above zero.
    """

    low: Floats
    high: Floats
    mean: Floats
    sd: Floats

    @classmethod
    def of(cls, values: Floats, winsorise: float) -> Geometry:
        """Learn the geometry of some customers.

        Args:
            values: One row per customer, one column per feature, on the transformed scales.
            winsorise: Share of customers clipped at each end.
        """
        width = values.shape[1]
        low, high = np.full(width, -np.inf), np.full(width, np.inf)
        if winsorise > 0:
            low, high = np.quantile(values, [winsorise, 1 - winsorise], axis=0)
        clipped = np.clip(values, low, high)
        sd = clipped.std(axis=0)
        sd[sd <= _smallest_spread(clipped)] = 1.0  # alike in this resample
        return cls(rounded(low), rounded(high), rounded(clipped.mean(axis=0)), rounded(sd))

    def stand(self, values: Floats) -> Floats:
        """Return where customers stand, in standard deviations."""
        placed: Floats = (np.clip(values, self.low, self.high) - self.mean) / self.sd
        return placed


@dataclass(frozen=True)
class Groups:
    """Clusters as a rule: who is nearest to which centre, or likeliest in which component.

    Attributes:
        centres: Shape (clusters, features), in standard deviations.
        factors: Of a mixture: upper triangular factors P of the precisions, P P' = precision;
            shape (clusters, features, features).
        offsets: Of a mixture: log(weight) + log(det P).
    """

    centres: Floats
    factors: Floats | None = None
    offsets: Floats | None = None

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self.centres)

    def labels(self, places: Floats) -> Labels:
        """Return the cluster of each customer, 0 to k - 1; of equals the first."""
        costs = np.column_stack([self._cost(places, number) for number in range(self.number)])
        found: Labels = np.round(costs, COST_DIGITS).argmin(axis=1).astype(np.int64)
        return found

    def _cost(self, places: Floats, number: int) -> Floats:
        away = places - self.centres[number]
        if self.factors is None or self.offsets is None:
            squared: Floats = (away**2).sum(axis=1)
            return squared
        unlikely: Floats = ((away @ self.factors[number]) ** 2).sum(axis=1) / 2
        cost: Floats = unlikely - self.offsets[number]
        return cost

    def ordered(self, order: list[int]) -> Groups:
        """Return the same clusters in another order."""
        if self.factors is None or self.offsets is None:
            return Groups(self.centres[order])
        return Groups(self.centres[order], self.factors[order], self.offsets[order])


def _smallest_spread(values: Floats) -> Floats:
    """Return the standard deviation below which a feature is constant but for rounding."""
    if not len(values):
        return np.zeros(values.shape[1])
    spread: Floats = 1e-9 * np.maximum(np.abs(values).max(axis=0), 1e-12)
    return spread


def constant(values: Floats) -> NDArray[np.bool_]:
    """Return which features are the same for everyone, or known of nobody."""
    if not len(values):
        return np.ones(values.shape[1], dtype=bool)
    with np.errstate(invalid="ignore"):
        alike: NDArray[np.bool_] = ~(values.std(axis=0) > _smallest_spread(values))
    return alike


def rounded(values: Floats) -> Floats:
    """Round to the significant digits that every machine agrees on."""
    flat = [float(f"{value:.{_KEPT_DIGITS}g}") for value in np.ravel(values)]
    return np.array(flat, dtype=np.float64).reshape(np.shape(values))


def transformed(values: pd.Series, transform: str, median: float) -> Floats:
    """Put a feature on its scale: an unknown value is the median, ``log1p`` begins at zero.

    Args:
        values: Raw values; what is not finite is unknown.
        transform: ``log1p`` or ``none``.
        median: Raw median of the known values.
    """
    raw = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    with np.errstate(invalid="ignore"):
        raw = np.where(np.abs(raw) < _ENDLESS, raw, median)
    scaled: Floats = np.log1p(np.maximum(raw, 0)) if transform == "log1p" else raw
    return scaled


def model_of(
    features: Mapping[str, Mapping[str, Any]], geometry: Geometry, groups: Groups
) -> dict[str, Any]:
    """Write the transform as plain JSON.

    Args:
        features: Feature in the order of the columns: ``transform`` and raw ``median``.
        geometry: Clipping and standardising.
        groups: The clusters, in the order of their ids.

    Returns:
        ``features`` (one entry each: feature, transform, median (raw), low, high (transformed
        scale; null: not clipped), mean, sd) and ``clusters`` (cluster, centre in standard
        deviations; of a mixture also factor and offset, see ``Groups``).
    """
    rows = zip(features.items(), geometry.low, geometry.high, geometry.mean, geometry.sd,
               strict=True)  # fmt: skip
    specs = [
        {
            "feature": name,
            "transform": each["transform"],
            "median": float(each["median"]),
            "low": float(low) if np.isfinite(low) else None,
            "high": float(high) if np.isfinite(high) else None,
            "mean": float(mean),
            "sd": float(sd),
        }
        for (name, each), low, high, mean, sd in rows
    ]
    clusters = [
        {"cluster": number + 1, "centre": [float(value) for value in groups.centres[number]]}
        for number in range(groups.number)
    ]
    if groups.factors is not None and groups.offsets is not None:
        for number, cluster in enumerate(clusters):
            cluster["factor"] = [[float(v) for v in row] for row in groups.factors[number]]
            cluster["offset"] = float(groups.offsets[number])
    return {"features": specs, "clusters": clusters}


def assign_clusters(
    customers: ir.Table, cluster_model: dict[str, Any], cluster_noise: pd.DataFrame
) -> ir.Table:
    """Give every customer the cluster that the frozen transform says.

    Args:
        customers: Grain: one row per customer, with customer_id and the features of the model.
        cluster_model: The transform (``fit_clusters``).
        cluster_noise: Grain: one row per customer who stands in no dense group: customer_id.

    Returns:
        Grain: one row per customer of ``customers``, ordered by id: customer_id, cluster
        (1 to k; of clusters equally near the lower id), noise (bool).

    Raises:
        InputError: The table lacks a feature of the model.
    """
    labelled = label_customers(customers, cluster_model)
    noise: ir.Value = ibis.literal(False)
    if len(cluster_noise):
        kind = customers.customer_id.type()
        marked = ibis.memtable(cluster_noise[["customer_id"]], schema={"customer_id": kind})
        labelled = labelled.left_join(marked.distinct(), "customer_id")
        noise = labelled.customer_id_right.notnull()
    assigned = labelled.select("customer_id", "cluster", noise=noise)
    # Cached, because each check of the contract would compute the whole expression again.
    return assigned.order_by("customer_id").cache()


def label_customers(
    customers: ir.Table, cluster_model: Mapping[str, Any], keep: tuple[str, ...] = ()
) -> ir.Table:
    """Return customer_id, ``keep`` and cluster, as an expression that nothing has run yet."""
    specs, clusters = cluster_model["features"], cluster_model["clusters"]
    missing = [spec["feature"] for spec in specs if spec["feature"] not in customers.columns]
    if missing:
        raise InputError(
            [
                f"customers: there is no column {name}, which the clusters were made from: "
                "fit them again"
                for name in missing
            ],
            _OUTCOME,
        )
    kept = ["customer_id", *keep]
    if len(clusters) == 1:
        return customers.select(*kept, cluster=_id_of(ibis.literal(1, "int32")))
    placed = customers.select(
        *kept, **{f"z{place}": _place(customers, spec) for place, spec in enumerate(specs)}
    )
    places = [placed[f"z{place}"] for place in range(len(specs))]
    costs = {f"cost{each['cluster']}": _cost(places, each).round(COST_DIGITS) for each in clusters}
    costed = placed.select(*kept, **costs)
    least = costed.mutate(least=ibis.least(*[costed[name] for name in costs]))
    cases = [
        (least[f"cost{each['cluster']}"] == least.least, ibis.literal(each["cluster"], "int32"))
        for each in clusters
    ]
    return least.select(*kept, cluster=_id_of(ibis.cases(*cases)))


def _id_of(number: ir.IntegerValue) -> ir.IntegerValue:
    """Return the id in the type that every engine writes: a bare number is 32 bits to some."""
    return number.cast("int64")


def _place(customers: ir.Table, spec: Mapping[str, Any]) -> ir.NumericValue:
    """Return where customers stand on one feature, in standard deviations."""
    raw = customers[spec["feature"]].cast("float64")
    # Not isnan and isinf, which engines differ in; for all of them nan is above every number.
    known = ibis.ifelse(raw.abs() < _ENDLESS, raw, ibis.null("float64"))
    value = known.fill_null(spec["median"])
    if spec["transform"] == "log1p":
        value = (ibis.greatest(value, 0.0) + 1.0).ln()
    if spec["low"] is not None:
        value = ibis.greatest(value, spec["low"])
    if spec["high"] is not None:
        value = ibis.least(value, spec["high"])
    return (value - spec["mean"]) / spec["sd"]


def _cost(places: list[ir.NumericValue], cluster: Mapping[str, Any]) -> ir.NumericValue:
    """Return the squared distance, or for a mixture minus the log-likelihood but for a constant."""
    away = [place - centre for place, centre in zip(places, cluster["centre"], strict=True)]
    if "factor" not in cluster:
        return _total([each * each for each in away])
    squares = []
    for column in zip(*cluster["factor"], strict=True):
        used = [each * factor for each, factor in zip(away, column, strict=True) if factor != 0]
        turned = _total(used)
        squares.append(turned * turned)
    return _total(squares) / 2.0 - cluster["offset"]


def _total(values: list[ir.NumericValue]) -> ir.NumericValue:
    total: ir.NumericValue = functools.reduce(operator.add, values)
    return total

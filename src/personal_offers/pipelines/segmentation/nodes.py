"""From risk and profit to segments that are total, disjoint and described with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from personal_offers.features import BothLanguages
from personal_offers.pipelines.segmentation.params import (
    ALL,
    NOT_CLASSIFIED,
    Mark,
    SegmentationOptions,
)
from personal_offers.pipelines.segmentation.rfm_params import RfmOptions
from personal_offers.pipelines.segmentation.view_names import UNCLASSIFIED

_FEWEST_FOR_SPREAD = 2
_UNCLASSIFIED = {NOT_CLASSIFIED: UNCLASSIFIED}


def find_thresholds(
    customers: ir.Table,
    decline_risk: ir.Table,
    options: SegmentationOptions,
) -> dict[str, Any]:
    """Turn the thresholds of the parameters into numbers of this shop.

    Args:
        customers: One row per customer, with profit and the features that marks look at.
        decline_risk: One row per customer, with decline_risk.
        options: Absolute or quantile thresholds.

    Returns:
        ``risk`` (probability) and ``profit`` (unit of the file): the lowest value that counts
        as high; ``marks``: name: ``at_least`` or ``at_most`` in the unit of the feature;
        ``mark_features``: name: that feature.
    """
    wanted: dict[str, ir.Scalar] = {}
    risk, profit = options.thresholds.risk, options.thresholds.profit
    if profit.kind == "quantile":
        wanted["profit"] = customers.profit.quantile(profit.value)
    for name, mark in options.marks.items():
        share = mark.lowest_share if mark.lowest_share else mark.highest_share
        if share is not None:
            at = share if mark.lowest_share else 1 - share
            wanted[f"mark {name}"] = customers[mark.feature].quantile(at)
    found = customers.aggregate(**wanted).to_pyarrow().to_pylist()[0] if wanted else {}
    if risk.kind == "quantile":  # null where nobody has a risk
        found["risk"] = decline_risk.decline_risk.quantile(risk.value).to_pyarrow().as_py()
    return {
        "risk": found.get("risk", risk.value),
        "profit": found.get("profit", profit.value),
        "marks": {
            name: _mark_limit(mark, found.get(f"mark {name}"))
            for name, mark in options.marks.items()
        },
        "mark_features": {name: mark.feature for name, mark in options.marks.items()},
    }


def _mark_limit(mark: Mark, quantile: float | None) -> dict[str, float | None]:
    if mark.at_least is not None or mark.highest_share is not None:
        return {"at_least": mark.at_least if mark.at_least is not None else quantile}
    return {"at_most": mark.at_most if mark.at_most is not None else quantile}


def assign_segments(
    customers: ir.Table,
    decline_risk: ir.Table,
    thresholds: dict[str, Any],
    options: SegmentationOptions,
) -> ir.Table:
    """Put every customer into exactly one segment, and set the marks of behaviour.

    Args:
        customers: One row per customer.
        decline_risk: One row per customer; whoever has no risk gets no risk level.
        thresholds: Numbers from ``find_thresholds``.
        options: Names of segments and marks.

    Returns:
        Grain: one row per customer of ``customers``, ordered by id: customer_id,
        decline_risk, profit, risk_level, profit_level, segment, one boolean per mark,
        main_category.
    """
    risk = decline_risk.select("customer_id", "decline_risk")
    table = customers.left_join(risk, "customer_id").drop("customer_id_right")
    table = table.mutate(
        risk_level=_level(table.decline_risk, thresholds["risk"]),
        profit_level=_level(table.profit, thresholds["profit"]),
    )
    cells = [
        ((table.risk_level == s.risk) & (table.profit_level == s.profit), ibis.literal(name))
        for name, s in options.segments.items()
    ]
    marks = {
        name: _passes(table[mark.feature], thresholds["marks"][name]).fill_null(False)
        for name, mark in options.marks.items()
    }
    main = options.main_category
    assigned = table.select(
        "customer_id",
        "decline_risk",
        "profit",
        "risk_level",
        "profit_level",
        segment=ibis.cases(*cells),
        **marks,
        main_category=table[main] if main else ibis.null("string"),
    )
    # Cached, because each check of the contract would compute the whole expression again.
    return assigned.order_by("customer_id").cache()


def _level(value: ir.NumericValue, high_from: float | None) -> ir.StringValue:
    if high_from is None:
        return ibis.null("string")
    return ibis.cases((value >= high_from, "high"), (value < high_from, "low"))


def _passes(value: ir.NumericValue, limit: dict[str, float]) -> ir.BooleanValue:
    if "at_least" in limit:
        return value >= limit["at_least"]
    return value <= limit["at_most"]


def profile_segments(
    segments: ir.Table, labels: ir.Table, options: SegmentationOptions
) -> pd.DataFrame:
    """Describe each segment: how many, how much they earn, how much is at risk.

    Args:
        segments: One row per customer.
        labels: One row per customer: declined.
        options: Names and confidence.

    Returns:
        Grain: one row per segment in the order of the parameters, ``not_classified`` where
        there are customers without a risk, then ``all``: customers, share and declined_share
        with score intervals (Wilson, 1927); mean_risk; profit (sum per month, unit of the
        file), mean_profit and profit_at_risk = sum of risk x profit
        with Student's intervals over customers. ``_low`` and ``_high`` are the bounds.
    """
    labels_of = {name: segment.label for name, segment in options.segments.items()}
    profile = _profile(segments, labels, labels_of | _UNCLASSIFIED, options.confidence)
    is_needed = (profile["segment"] != NOT_CLASSIFIED) | (profile["customers"] > 0)
    return profile[is_needed].reset_index(drop=True)


def _profile(
    segments: ir.Table, labels: ir.Table, labels_of: dict[str, BothLanguages], confidence: float
) -> pd.DataFrame:
    table = segments.left_join(labels, "customer_id")
    table = table.mutate(at_risk=table.decline_risk * table.profit)
    sums = {
        "customers": table.count(),
        "labelled": table.declined.count(),
        "declined": table.declined.sum(),
        "mean_risk": table.decline_risk.mean(),
    }
    for column in ("profit", "at_risk"):
        sums[f"{column}_count"] = table[column].count()
        sums[f"{column}_mean"] = table[column].mean()
        sums[f"{column}_sd"] = table[column].std(how="sample")
    by_segment = table.group_by("segment").aggregate(**sums).to_pyarrow().to_pylist()
    found = {row["segment"]: row for row in by_segment}
    found[ALL] = table.aggregate(**sums).to_pyarrow().to_pylist()[0]
    labels_of = labels_of | {ALL: BothLanguages(ru="Все клиенты", en="All customers")}
    everyone = found[ALL]["customers"]
    nobody = dict.fromkeys(sums, 0)
    return pd.DataFrame(
        [
            {"segment": name, "name_ru": label.ru, "name_en": label.en}
            | _describe(found.get(name, nobody), everyone, confidence)
            for name, label in labels_of.items()
        ]
    )


def gather_views(
    risk_segments: ir.Table, rfm: ir.Table, clusters: ir.Table, interests: ir.Table
) -> ir.Table:
    """Put all views of a customer side by side; no risk falls back on the RFM class.

    Args:
        risk_segments: Grain: one customer; ``segment`` null where there is no risk.
        rfm: Grain: one customer: rfm_class, null where classes are withheld, and cutoff.
        clusters: Grain: one customer: cluster, cluster_name.
        interests: Grain: one customer: interest, null where it is unknown.

    Returns:
        The same customers, ordered by id, with rfm_class, the cutoff, cluster, cluster_name,
        interest, and a segment for everyone: the cell of risk x profit, else the class, else
        ``not_classified``.
    """
    table = _beside(risk_segments, rfm, "rfm_class", "cutoff")
    table = _beside(table, clusters, "cluster", "cluster_name")
    table = _beside(table, interests, "interest")
    table = table.mutate(segment=ibis.coalesce(table.segment, table.rfm_class, NOT_CLASSIFIED))
    return table.order_by("customer_id").cache()


def complete_segments(risk_segments: ir.Table, clusters: ir.Table) -> ir.Table:
    """Put segment and cluster side by side, in a shop without classes.

    Args:
        risk_segments: Grain: one customer; ``segment`` null where there is no risk.
        clusters: Grain: one customer: cluster, cluster_name.

    Returns:
        The same customers, ordered by id, with cluster, cluster_name, and ``not_classified`` for
        whoever had no segment.
    """
    table = _beside(risk_segments, clusters, "cluster", "cluster_name")
    table = table.mutate(segment=table.segment.fill_null(NOT_CLASSIFIED))
    return table.order_by("customer_id").cache()


def _beside(table: ir.Table, other: ir.Table, *columns: str) -> ir.Table:
    """Join columns of another table of customers."""
    return table.left_join(other.select("customer_id", *columns), "customer_id").drop(
        "customer_id_right"
    )


def profile_segments_and_classes(
    segments: ir.Table, options: SegmentationOptions, rfm_options: RfmOptions
) -> pd.DataFrame:
    """Describe each segment of a shop where some customers fall back on their class.

    Args:
        segments: Grain: one customer.
        options: Names of segments and confidence.
        rfm_options: Names of classes.

    Returns:
        As ``profile_segments``, for every segment and class that has a customer. declined_share
        is unknown: the segments are of today, and who declines after today nobody knows; the
        labels that are known speak of a time that these segments have seen.
    """
    labels_of = {name: segment.label for name, segment in options.segments.items()}
    labels_of |= {name: rfm_class.label for name, rfm_class in rfm_options.chosen.classes.items()}
    labels_of |= _UNCLASSIFIED
    unknown = segments.select("customer_id", declined=ibis.null("boolean"))
    profile = _profile(segments, unknown, labels_of, options.confidence)
    return profile[profile["customers"] > 0].reset_index(drop=True)


def _describe(sums: Mapping[str, Any], everyone: int, confidence: float) -> dict[str, Any]:
    """Turn the sums of one segment into its row of the profile."""
    row: dict[str, Any] = {"customers": sums["customers"]}
    row |= _share("share", sums["customers"], everyone, confidence)
    if sums["customers"] == everyone:  # the whole is the whole: nothing is estimated
        row |= {"share_low": None, "share_high": None}
    row |= _share("declined_share", sums["declined"] or 0, sums["labelled"], confidence)
    row["mean_risk"] = sums["mean_risk"] if sums["customers"] else None
    for column, name in (("profit", "profit"), ("at_risk", "profit_at_risk")):
        count, mean = sums[f"{column}_count"], sums[f"{column}_mean"]
        half = _half_width(count, sums[f"{column}_sd"], confidence)
        if column == "profit":
            row |= _around("mean_profit", mean if count else None, half, 1)
        row |= _around(name, mean if count else None, half, count)
    return row


def _share(name: str, hits: int, size: int, confidence: float) -> dict[str, float | None]:
    """Return a share and its score interval (Wilson, 1927); unknown among nobody."""
    from scipy.stats import binomtest

    if size == 0:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"))
    interval = binomtest(hits, size).proportion_ci(confidence, method="wilson")
    return {name: hits / size, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _half_width(count: int, sd: float | None, confidence: float) -> float | None:
    """Return half of Student's interval of a mean; one customer has no spread."""
    from scipy.stats import t

    if count < _FEWEST_FOR_SPREAD or sd is None:
        return None
    return float(t.ppf((1 + confidence) / 2, count - 1) * sd / count**0.5)


def _around(
    name: str, mean: float | None, half: float | None, times: int
) -> dict[str, float | None]:
    """Return ``times`` a mean and its interval; unknown where the mean is."""
    if mean is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"))
    low, high = (None, None) if half is None else ((mean - half) * times, (mean + half) * times)
    return {name: mean * times, f"{name}_low": low, f"{name}_high": high}

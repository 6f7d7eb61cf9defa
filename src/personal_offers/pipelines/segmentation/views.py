"""How far the views of a customer agree, and where they contradict each other.

A customer stands in a cell of risk x profit, in a cluster and, where there are order lines, in
an RFM class and under an interest. Views that agree are one view told twice; views that do not
are where a marketer has to decide which of them counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from personal_offers.features import BothLanguages
from personal_offers.pipelines.segmentation.resampling import Floats
from personal_offers.pipelines.segmentation.rfm_params import RfmOptions
from personal_offers.pipelines.segmentation.view_params import ViewOptions

# View: its name for people. The order is that of the table.
VIEWS = {
    "segment": BothLanguages(ru="риск × прибыль", en="risk × profit"),
    "rfm_class": BothLanguages(ru="класс RFM", en="RFM class"),
    "cluster": BothLanguages(ru="кластер", en="cluster"),
    "interest": BothLanguages(ru="интерес", en="interest"),
    "main_category": BothLanguages(ru="любимая категория", en="favourite category"),
}
# Both are cut from recency, orders and revenue, so that they agree is no discovery.
_SAME_NUMBERS = {("rfm_class", "cluster")}
_BEST_CLUSTER = 1  # clusters are numbered by mean revenue, the highest first
_FEWEST_GROUPS = 2

CONFLICTS = {
    "best_class_at_risk": BothLanguages(
        ru="Лучший класс RFM, а риск снижения высокий", en="Best RFM class, yet at high risk"
    ),
    "best_cluster_at_risk": BothLanguages(
        ru="Самый доходный кластер, а риск снижения высокий",
        en="Cluster with the highest revenue, yet at high risk",
    ),
    "worst_class_safe": BothLanguages(
        ru="Худший класс RFM, а риск снижения низкий", en="Worst RFM class, yet at low risk"
    ),
}
_SHOWN = (
    "customer_id",
    "segment",
    "rfm_class",
    "cluster",
    "cluster_name",
    "interest",
    "decline_risk",
    "profit",
)


def compare_views(segments: ir.Table, options: ViewOptions) -> pd.DataFrame:
    """Say how much each view tells about each other one.

    Args:
        segments: Grain: one customer: segment and risk_level (null where nobody has a risk),
            and as far as the shop has them rfm_class, cluster, interest, main_category.
        options: Least customers, resamples, confidence.

    Returns:
        Grain: one row per pair of views: view, other_view, their names in both languages,
        customers (placed in both; who has no risk has no cell of risk x profit), groups,
        other_groups, agreement (adjusted mutual information, mean of the entropies; N. X. Vinh, J.
        Epps and J. Bailey, 2010: 0 as by chance, 1 the same groups) with the percentile interval
        of a bootstrap over customers laid around it, p_value (likelihood ratio test of
        independence), same_numbers (both are cut from the same numbers) and why_not_ru, why_not_en,
        where a pair is not compared: too few customers, a view with one group or one for each.
    """
    has_cell = segments.risk_level.notnull()  # others stand in their class under this name
    placed = segments.mutate(segment=ibis.ifelse(has_cell, segments.segment, ibis.null("string")))
    views = [view for view in VIEWS if view in placed.columns]
    known = placed.aggregate(**{view: placed[view].count() for view in views})
    counts = known.to_pyarrow().to_pylist()[0]
    views = [view for view in views if counts[view]]
    rows = [_compare(placed, one, other, options) for one, other in combinations(views, 2)]
    return pd.DataFrame(rows, columns=AGREEMENT_COLUMNS)


AGREEMENT_COLUMNS = [
    "view",
    "other_view",
    "view_ru",
    "view_en",
    "other_view_ru",
    "other_view_en",
    "customers",
    "groups",
    "other_groups",
    "agreement",
    "agreement_low",
    "agreement_high",
    "p_value",
    "same_numbers",
    "why_not_ru",
    "why_not_en",
]


def _compare(placed: ir.Table, one: str, other: str, options: ViewOptions) -> dict[str, Any]:
    both = placed.filter(placed[one].notnull() & placed[other].notnull())
    pairs = both.group_by(one, other).aggregate(customers=both.count())
    counted = pairs.order_by(one, other).to_pandas()
    table = counted.pivot(index=one, columns=other, values="customers").fillna(0).to_numpy(float)
    row: dict[str, Any] = {
        "view": one,
        "other_view": other,
        "customers": int(table.sum()),
        "groups": table.shape[0],
        "other_groups": table.shape[1],
        "same_numbers": (one, other) in _SAME_NUMBERS,
    }
    for name, view in (("view", one), ("other_view", other)):
        row |= {f"{name}_ru": VIEWS[view].ru, f"{name}_en": VIEWS[view].en}
    why_not = _why_not(table, options)
    if why_not is not None:
        return row | {"why_not_ru": why_not.ru, "why_not_en": why_not.en}
    return row | agreement_of(table, options)


def _why_not(table: Floats, options: ViewOptions) -> BothLanguages | None:
    """Return why the agreement of two views is not stated."""
    if table.sum() < options.fewest_customers:
        fewest = options.fewest_customers
        return BothLanguages(
            ru=f"клиентов в обоих меньше {fewest}", en=f"fewer than {fewest} customers in both"
        )
    if min(table.shape) < _FEWEST_GROUPS:
        return BothLanguages(ru="в одном из них одна группа", en="one view has a single group")
    if min(table.shape) == table.sum():  # any two such views agree fully, by chance too
        return BothLanguages(
            ru="в обоих каждый клиент — своя группа",
            en="every customer is a group of their own in both",
        )
    return None


def agreement_of(table: Floats, options: ViewOptions) -> dict[str, float]:
    """Measure the agreement of two groupings from their contingency table.

    The expectation under chance is that of the observed sizes; resamples keep it, because
    resampling hardly moves the sizes.

    Args:
        table: Customers by group of one view (rows) and of the other (columns); no empty row
            or column.
        options: Resamples and confidence.

    Returns:
        agreement, agreement_low, agreement_high, p_value (see ``compare_views``).
    """
    from scipy.stats import chi2_contingency
    from sklearn.metrics.cluster import expected_mutual_information

    size = int(table.sum())
    chance = expected_mutual_information(table.astype("int64"), size)
    rng = np.random.default_rng(options.seed)
    drawn = rng.multinomial(size, table.ravel() / size, size=options.resamples)
    resampled = _adjusted(drawn.reshape(-1, *table.shape).astype(float), chance)
    agreement = float(_adjusted(table[None], chance)[0])
    tail = (1 - options.confidence) / 2
    low, high = np.quantile(resampled - resampled.mean(), [tail, 1 - tail])
    test = chi2_contingency(table, correction=False, lambda_="log-likelihood")
    return {
        "agreement": agreement,
        "agreement_low": agreement + float(low),
        "agreement_high": min(1.0, agreement + float(high)),
        "p_value": float(test.pvalue),
    }


def _adjusted(tables: Floats, chance: float) -> Floats:
    """Return the adjusted mutual information of each table, shape (tables, rows, columns)."""
    shares = tables / tables.sum(axis=(1, 2), keepdims=True)
    own, others = _entropy(shares.sum(axis=2)), _entropy(shares.sum(axis=1))
    mutual = own + others - _entropy(shares.reshape(len(shares), -1))
    adjusted: Floats = (mutual - chance) / ((own + others) / 2 - chance)
    return adjusted


def _entropy(shares: Floats) -> Floats:
    """Return the entropy (nats) of each row of shares."""
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return -np.asarray((shares * logs).sum(axis=1))


def find_conflicts(segments: ir.Table) -> tuple[ir.Table, pd.DataFrame]:
    """List who stands high in one view and low in another, in a shop without classes.

    Args:
        segments: Grain: one customer: risk_level, cluster, decline_risk, profit.

    Returns:
        As ``find_conflicts_with_classes``, of clusters alone.
    """
    return _conflicts(segments, {})


def find_conflicts_with_classes(
    segments: ir.Table, rfm_options: RfmOptions
) -> tuple[ir.Table, pd.DataFrame]:
    """List who stands high in one view and low in another.

    Args:
        segments: Grain: one customer: risk_level, rfm_class, cluster, decline_risk, profit.
        rfm_options: Classes from the one expected to buy most to the one expected to buy least.

    Returns:
        First, grain customer and conflict, what is at stake first: conflict (key of
        ``CONFLICTS``), customer_id, segment, rfm_class, cluster, cluster_name, interest,
        decline_risk, profit (currency units or the unit of the file, a month). Second, one row per
        conflict: conflict, name_ru, name_en, customers, of (customers of that class or cluster
        who have a risk), share, profit and profit_at_risk (sum of risk x profit) a month.
    """
    classes = list(rfm_options.chosen.classes)
    conditions = {
        "best_class_at_risk": (segments.rfm_class == classes[0], "high"),
        "worst_class_safe": (segments.rfm_class == classes[-1], "low"),
    }
    return _conflicts(segments, conditions)


def _conflicts(
    segments: ir.Table, conditions: Mapping[str, tuple[ir.BooleanValue, str]]
) -> tuple[ir.Table, pd.DataFrame]:
    groups = segments.aggregate(n=segments.cluster.nunique()).to_pyarrow().to_pylist()[0]["n"]
    wanted = dict(conditions)
    if groups >= _FEWEST_GROUPS:
        wanted["best_cluster_at_risk"] = (segments.cluster == _BEST_CLUSTER, "high")
    wanted = {name: wanted[name] for name in CONFLICTS if name in wanted}
    found = {name: _members(segments, name, *condition) for name, condition in wanted.items()}
    summary = pd.DataFrame(
        [_summary(name, table) for name, table in found.items()], columns=SUMMARY_COLUMNS
    )
    tables = [table.filter(table.meets).drop("meets") for table in found.values()]
    if not tables:
        tables = [_members(segments, "", segments.cluster.isnull(), "").limit(0).drop("meets")]
    listed = ibis.union(*tables) if len(tables) > 1 else tables[0]
    at_stake = ibis.desc(listed.decline_risk * listed.profit)
    return listed.order_by("conflict", at_stake, "customer_id").cache(), summary


SUMMARY_COLUMNS = [
    "conflict",
    "name_ru",
    "name_en",
    "customers",
    "of",
    "share",
    "profit",
    "profit_at_risk",
]


def _members(segments: ir.Table, name: str, group: ir.BooleanValue, level: str) -> ir.Table:
    """Return the members of a group who have a risk, and whether theirs contradicts it."""
    placed = segments.filter(group & segments.risk_level.notnull())
    shown = [column for column in _SHOWN if column in segments.columns]
    return placed.select(
        *shown, conflict=ibis.literal(name), meets=placed.risk_level == level
    ).relocate("conflict")


def _summary(name: str, table: ir.Table) -> dict[str, Any]:
    meets = table.meets
    sums = table.aggregate(
        customers=meets.sum(),
        of=table.count(),
        profit=table.profit.sum(where=meets),
        profit_at_risk=(table.profit * table.decline_risk).sum(where=meets),
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    customers, of = sums["customers"] or 0, sums["of"]
    label = CONFLICTS[name]
    return {
        "conflict": name,
        "name_ru": label.ru,
        "name_en": label.en,
        "customers": customers,
        "of": of,
        "share": customers / of if of else None,
        "profit": sums["profit"] or 0.0,
        "profit_at_risk": sums["profit_at_risk"] or 0.0,
    }

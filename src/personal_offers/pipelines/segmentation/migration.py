"""Who moved from group to group since an earlier moment, in customers and money."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from personal_offers.features import BothLanguages
from personal_offers.order_history import lines_known_at
from personal_offers.pipelines.segmentation.backtest import Frozen, freeze_classes, withheld_reason
from personal_offers.pipelines.segmentation.cluster_transform import assign_clusters
from personal_offers.pipelines.segmentation.rfm import CENTS, cutoff_of, score_rfm, sum_up_purchases
from personal_offers.pipelines.segmentation.rfm_params import NEW, RfmOptions

_NEW_LABEL = BothLanguages(ru="Новые", en="New")


def migrate_classes(
    order_lines: ir.Table, era: dict[str, Any], breaks: dict[str, Any], options: RfmOptions
) -> pd.DataFrame:
    """Count who went from which class to which between the earlier cutoff and the cutoff.

    Breaks are fitted at each of the two moments, so that the later class is that of
    ``score_rfm`` at the cutoff; a move may be one's own, or the shop moving around one.

    Args:
        order_lines: Grain: one order line.
        era: cutoff, data_from, trusted_to (ISO texts) and withheld.
        breaks: Boundaries at the cutoff.
        options: Scheme and window.

    Returns:
        Grain: one row per class at the earlier cutoff (``new``: had not bought by then) and
        class at the cutoff, all pairs (see ``count_moves``). No rows where it or the backtest
        is withheld.
    """
    frozen = freeze_classes(order_lines, era, options)
    if not isinstance(frozen, Frozen) or withheld_reason(era, "migration") is not None:
        return pd.DataFrame(columns=move_columns("class"))
    now = score_rfm(sum_up_purchases(order_lines, era, options), era, breaks, options)
    labels = {name: asked.label for name, asked in options.chosen.classes.items()}
    return count_moves(
        frozen.customers.select("customer_id", group="rfm_class"),
        now.select("customer_id", group="rfm_class"),
        money_around(order_lines, frozen.since, cutoff_of(era)),
        labels,
        "class",
    )


def migrate_clusters(
    order_lines: ir.Table,
    era: dict[str, Any],
    earlier_customers: ir.Table,
    clusters: ir.Table,
    cluster_model: dict[str, Any],
    cluster_summary: pd.DataFrame,
) -> pd.DataFrame:
    """Count who went from which cluster to which between the earlier cutoff and the cutoff.

    One frozen transform speaks at both moments, so a move is the customer's own: the bounds
    of a cluster are those of today.

    Args:
        order_lines: Grain: one order line.
        era: cutoff (ISO text) and withheld.
        earlier_customers: Grain: one customer known at the earlier cutoff: the features at that
            moment, and cutoff.
        clusters: Grain: one customer: customer_id, cluster.
        cluster_model: The frozen transform.
        cluster_summary: Grain: one cluster: cluster, name_ru, name_en.

    Returns:
        Grain: one row per cluster at the earlier cutoff (``new``: had not bought by then) and
        cluster at the cutoff, all pairs (see ``count_moves``). No rows where it is withheld, or
        where nobody had bought by the earlier cutoff.
    """
    then = earlier_customers.aggregate(at=earlier_customers.cutoff.max()).to_pyarrow().to_pylist()
    since = then[0]["at"]
    if since is None or withheld_reason(era, "migration") is not None:
        return pd.DataFrame(columns=move_columns("cluster"))
    nobody = pd.DataFrame({"customer_id": pd.Series(dtype="object")})
    before = assign_clusters(earlier_customers, cluster_model, nobody)
    labels = {
        str(row["cluster"]): BothLanguages(ru=str(row["name_ru"]), en=str(row["name_en"]))
        for row in cluster_summary.to_dict("records")
    }
    return count_moves(
        before.select("customer_id", group=before.cluster.cast("string")),
        clusters.select("customer_id", group=clusters.cluster.cast("string")),
        money_around(order_lines, since, cutoff_of(era)),
        labels,
        "cluster",
    )


def money_around(order_lines: ir.Table, since: datetime, until: datetime) -> ir.Table:
    """Split what each customer brought into before and after a moment.

    Args:
        order_lines: Grain: one order line.
        since: The moment that divides.
        until: Last moment that counts.

    Returns:
        Grain: one customer with a line: customer_id, before (up to ``since``), between (from then
        up to ``until``): hundredths of a currency unit, net of returns.
    """
    lines = lines_known_at(order_lines, until)
    cents = (lines.amount * CENTS).cast("int64")
    known = lines.logged_at <= since
    return lines.group_by("customer_id").aggregate(
        before=cents.sum(where=known).fill_null(0).cast("int64"),
        between=cents.sum(where=~known).fill_null(0).cast("int64"),
    )


def move_columns(view: str) -> list[str]:
    """Return the columns of a table of moves between the groups of a view."""
    ends = [f"{end}_{what}" for end in ("from", "to") for what in (view, "ru", "en")]
    return [*ends, "customers", "share_of_from", "net_before", "net_between", "net_after"]


def count_moves(
    then: ir.Table,
    now: ir.Table,
    money: ir.Table,
    labels: Mapping[str, BothLanguages],
    view: str,
) -> pd.DataFrame:
    """Count customers and money by where they came from and where they are.

    Args:
        then: Grain: one customer known at the earlier moment: customer_id, group.
        now: Grain: one customer of today: customer_id, group.
        money: As ``money_around`` gives it.
        labels: Groups in their order, with their names.
        view: What the groups are called in the columns: class, cluster.

    Returns:
        Grain: one row per pair of groups (``new``: not known at the earlier moment), all pairs
        in order: names in both languages, customers, share_of_from (null where nobody comes from
        there), net_before, net_between, net_after (currency units, net of returns: up to the
        earlier moment, from then to today, up to today).
    """
    moves = now.select("customer_id", to_group="group")
    known = then.select("customer_id", from_group="group")
    moves = moves.left_join(known, "customer_id").drop("customer_id_right")
    moves = moves.join(money, "customer_id")
    moves = moves.mutate(from_group=moves.from_group.fill_null(NEW))
    found = moves.group_by("from_group", "to_group").aggregate(
        customers=moves.count(), before=moves.before.sum(), between=moves.between.sum()
    )
    return _lay_out(found.to_pandas(), labels, view)


def _lay_out(found: pd.DataFrame, labels: Mapping[str, BothLanguages], view: str) -> pd.DataFrame:
    """Lay all pairs of groups out, in the order of the labels, with names and shares."""
    pairs = pd.MultiIndex.from_product(
        [[*labels, NEW], list(labels)], names=["from_group", "to_group"]
    )
    table = found.set_index(["from_group", "to_group"]).reindex(pairs, fill_value=0)
    table = table.astype("int64").reset_index()
    table["net_before"] = table["before"] / CENTS
    table["net_between"] = table["between"] / CENTS
    table["net_after"] = (table["before"] + table["between"]) / CENTS
    left = table.groupby("from_group")["customers"].transform("sum")
    table["share_of_from"] = (table["customers"] / left).where(left > 0)
    named = {**labels, NEW: _NEW_LABEL}
    for end in ("from", "to"):
        for language in ("ru", "en"):
            names = {name: getattr(label, language) for name, label in named.items()}
            table[f"{end}_{language}"] = table[f"{end}_group"].map(names)
    table = table.rename(columns={"from_group": f"from_{view}", "to_group": f"to_{view}"})
    return table[move_columns(view)]

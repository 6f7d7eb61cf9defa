"""Labels and names of clusters, put together for people and for later stages."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd


def name_clusters(cluster_labels: ir.Table, cluster_summary: pd.DataFrame) -> ir.Table:
    """Give every customer the name of the cluster.

    Args:
        cluster_labels: Grain: one customer: customer_id, cluster, noise.
        cluster_summary: Grain: one cluster: cluster, cluster_name, name_ru, name_en.

    Returns:
        Grain: one customer, ordered by id: customer_id, cluster (1 has the highest mean revenue),
        cluster_name (in the language of the parameters), cluster_name_ru, cluster_name_en, noise
        (the algorithm called the customer noise, who then went to the nearest cluster).
    """
    sources = {
        "cluster_name": "cluster_name",
        "cluster_name_ru": "name_ru",
        "cluster_name_en": "name_en",
    }
    # A lookup written out: there are a dozen clusters at most, and no second table to move.
    ids = cluster_summary["cluster"].tolist()
    names = {
        column: cluster_labels.cluster.cases(
            # A table read from a file takes a name like 2024 for a number.
            *zip(ids, cluster_summary[source].astype("str"), strict=True)
        )
        if ids  # nobody, so no cluster either
        else ibis.null("string")
        for column, source in sources.items()
    }
    named = cluster_labels.select("customer_id", "cluster", **names, noise="noise")
    return named.order_by("customer_id").cache()

"""What goes along with the risk in each segment."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd


def drivers_by_segment(contributions: ir.Table, segments: ir.Table) -> pd.DataFrame:
    """Average the contributions of each feature within each segment.

    Args:
        contributions: Grain: customer and feature: customer_id, feature, contribution
            (probability) and sampled: only who was drawn at random counts, because a mean over
            the customers of highest risk is not the segment's.
        segments: Grain: one customer: customer_id, segment.

    Returns:
        Grain: segment and feature, by segment and rank: segment, feature, mean_contribution
        (signed, probability), mean_abs, customers (those with a contribution), rank within the
        segment by the size of mean_contribution (from 1; of equals, by name). What all
        customers of a segment share shows there; what differs among them shows in mean_abs.
        Customers without a segment and segments without an explained customer have no rows.
    """
    placed = segments.filter(segments.segment.notnull()).select("customer_id", "segment")
    known = contributions.filter(contributions.contribution.notnull() & contributions.sampled)
    table = known.inner_join(placed, "customer_id")
    means = table.group_by("segment", "feature").aggregate(
        mean_contribution=table.contribution.mean(),
        mean_abs=table.contribution.abs().mean(),
        customers=table.customer_id.nunique(),
    )
    strongest_first = [ibis.desc(means.mean_contribution.abs()), means.feature]
    window = ibis.window(group_by=means.segment, order_by=strongest_first)
    ranked = means.mutate(rank=ibis.row_number().over(window) + 1)
    frame: pd.DataFrame = ranked.order_by("segment", "rank").to_pandas()
    return frame

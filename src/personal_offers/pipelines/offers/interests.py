"""What each customer is after, in words that an offer can use."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd


def take_main_categories(segments: ir.Table) -> ir.Table:
    """Take the main category that the shop's own files state for each customer.

    Args:
        segments: Grain: one customer: main_category, null where there is none.

    Returns:
        Grain: one customer, ordered by id: customer_id, interest_ru, interest_en (the category as
        the shop writes it), certain (true where there is one: the shop says so).
    """
    category = segments.main_category
    table = segments.select(
        "customer_id", interest_ru=category, interest_en=category, certain=category.notnull()
    )
    return table.order_by("customer_id").cache()


def name_interests(interests: ir.Table, product_categories: pd.DataFrame) -> ir.Table:
    """Name the category that each customer is after.

    Args:
        interests: Grain: one customer: interest (key of a category), abstained (true where it is
            not told with enough certainty).
        product_categories: Grain: one product: category, category_ru, category_en.

    Returns:
        Grain: one customer, ordered by id: customer_id, interest_ru, interest_en (null where the
        customer spent on no category), certain.
    """
    named = product_categories.drop_duplicates("category").sort_values("category")
    keys = named["category"].astype("str").tolist()
    # A lookup written out: there are fifty categories at most.
    labels = {
        f"interest_{language}": interests.interest.cases(
            *zip(keys, named[f"category_{language}"].astype("str"), strict=True)
        )
        if keys
        else ibis.null("string")
        for language in ("ru", "en")
    }
    known = interests.interest.notnull() & ~interests.abstained
    table = interests.select("customer_id", **labels, certain=known)
    return table.order_by("customer_id").cache()

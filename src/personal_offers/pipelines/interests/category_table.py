"""A shop's own table of product categories, where there is one."""

from __future__ import annotations

import pandas as pd

from personal_offers.datasets import RawTable
from personal_offers.errors import InputError

_NEEDED = ("product_id", "category")
_NAMES = ("category_ru", "category_en")
_OUTCOME = "no category was given, and outputs that need them are those of an earlier run"


def read_category_table(product_categories: RawTable) -> pd.DataFrame:
    """Read the categories that the shop itself gives its products.

    Args:
        product_categories: The file ``product_categories.csv`` beside the shop's raw files, as
            text; it may be absent.

    Returns:
        Grain: one row per row of the file: product_id, category, category_ru, category_en (the
        category itself where the file does not name it); no rows where there is no file. Empty
        cells are null.

    Raises:
        InputError: The file is there and cannot be read, or lacks a column.
    """
    columns = [*_NEEDED, *_NAMES]
    problems = [f"{product_categories.file}: {text}" for text in product_categories.problems]
    rows = product_categories.rows
    if rows is not None:
        problems += [
            f"{product_categories.file}: there is no column {name}; it needs "
            f"{' and '.join(_NEEDED)}, and may have {' and '.join(_NAMES)}"
            for name in _NEEDED
            if name not in rows.columns
        ]
    if problems:
        raise InputError(problems, _OUTCOME)
    if rows is None:
        return pd.DataFrame(columns=columns, dtype="str")
    for name in _NAMES:
        named = rows[name].fill_null(rows.category) if name in rows.columns else rows.category
        rows = rows.mutate(**{name: named})
    table: pd.DataFrame = rows.order_by("row_number").select(columns).to_pandas()
    return table

"""Order and folds that follow from what customers are like, never from id or position.

In the real file of the first shop the id alone ranks the label with ROC-AUC 0.98, so neither
the id nor the order of rows may touch folds or fits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


def sort_by_content(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Order rows by their values alone.

    Args:
        frame: One row per customer.
        columns: Everything that may decide the order; rows equal in all of them are
            interchangeable for a model, so their mutual order does not matter.

    Returns:
        The same rows with a new index from 0.
    """
    return frame.sort_values(list(columns), kind="stable", na_position="last", ignore_index=True)


def group_twins(frame: pd.DataFrame, columns: Sequence[str]) -> Integers:
    """Number the groups of customers who are copies of each other.

    Args:
        frame: One row per customer, in content order.
        columns: Copies agree in all of these; a customer who has none of them is nobody's copy.

    Returns:
        A group number per row, from 0.
    """
    values = frame[list(columns)]
    groups = values.groupby(list(columns), dropna=False, sort=False).ngroup().to_numpy()
    alone = values.isna().all(axis=1).to_numpy()
    numbers = np.where(alone, -1 - np.arange(len(frame)), groups)
    return pd.factorize(numbers)[0].astype(np.int64)


def require_enough(label: Booleans, groups: Integers, folds: int) -> Booleans:
    """Refuse classes with fewer groups than folds.

    Args:
        label: True for decliners; one per row.
        groups: Group number per row, from 0 without gaps.
        folds: How many folds.

    Returns:
        Whether any member of a group declined; one per group.

    Raises:
        ValueError: When a class has fewer groups than folds.
    """
    any_declined = np.zeros(int(groups.max()) + 1, dtype=bool)
    np.logical_or.at(any_declined, groups, label)
    for value, name in ((True, "declined"), (False, "kept")):
        if (count := int((any_declined == value).sum())) < folds:
            raise ValueError(
                f"{count} customer(s) labelled {name} are too few for {folds} folds; set "
                "params:modelling.folds or .search.folds lower, or bring more customers"
            )
    return any_declined


def split_groups(label: Booleans, groups: Integers, folds: int, seed: int) -> Integers:
    """Deal customers into folds: stratified by label, groups kept whole.

    Whole groups are dealt, each under its strictest label (declined if any member is), so the
    work grows with the number of customers and not with its square.

    Args:
        label: True for decliners; one per row.
        groups: Group number per row, from 0.
        folds: How many folds.
        seed: Of the shuffle.

    Returns:
        Fold number per row, from 0.

    Raises:
        ValueError: When a class has fewer groups than folds.
    """
    from sklearn.model_selection import StratifiedKFold

    any_declined = require_enough(label, groups, folds)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    fold_of_group = np.empty(len(any_declined), dtype=np.int64)
    for fold, (_, held_out) in enumerate(splitter.split(any_declined, any_declined)):
        fold_of_group[held_out] = fold
    return fold_of_group[groups]

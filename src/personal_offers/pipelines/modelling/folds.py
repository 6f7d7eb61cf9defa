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

# Support vectors deal what they learn from once more, into so many parts (see ``models._svc``).
_FEWEST_TO_LEARN_FROM = 3


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


def group_histories(frame: pd.DataFrame, columns: Sequence[str]) -> Integers:
    """Number the groups of rows that must not be parted: of one customer, or of twins.

    Args:
        frame: One row per customer and cutoff.
        columns: Two customers who agree in all of these at one cutoff are copies.

    Returns:
        A group number per row, from 0: rows hang together over any chain of customers and copies.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    size = len(frame)
    if not size:
        return np.empty(0, dtype=np.int64)
    owner = pd.factorize(frame["customer_id"])[0]
    copies_ever = group_twins(frame, columns)  # by itself: it knows who has nothing to compare
    pairs = pd.DataFrame({"cutoff": frame["cutoff"].to_numpy(), "copies": copies_ever})
    copies = pairs.groupby(["cutoff", "copies"], sort=False).ngroup().to_numpy()
    nodes = owner.max() + 1
    links = coo_matrix(
        (np.ones(size), (owner, nodes + copies)), shape=(nodes + copies.max() + 1,) * 2
    )
    _, group = connected_components(links, directed=False)
    return pd.factorize(group[owner])[0].astype(np.int64)


def shortage(
    label: Booleans, groups: Integers, folds: int | None, inner_folds: int
) -> dict[str, str] | None:
    """Say why customers do not suffice for the folds, if they do not.

    Args:
        label: True for decliners; one per row.
        groups: Group number per row, from 0 without gaps.
        folds: Outer folds; none where a later moment is the test.
        inner_folds: Folds of the search, which deals each training part again.

    Returns:
        The reason in both languages, with what is lacking and what to change; None when each
        class has enough groups, for support vectors too.
    """
    if not len(label):
        return {"ru": "ни у одного клиента нет метки активности",
                "en": "no customer has an activity label"}  # fmt: skip
    if label.all() or not label.any():
        return {
            "ru": f"у метки одно значение на всех ({len(label)} клиентов): учиться не на чем",
            "en": f"the label has one class only ({len(label)} customers): nothing to learn from",
        }
    any_declined = _strictest(label, groups)
    count = {True: int(any_declined.sum()), False: int((~any_declined).sum())}
    rarer = min(count, key=lambda value: count[value])
    # The fullest fold takes its share rounded up; the rest must still fill the inner folds, of
    # which the fullest does the same.
    left = count[rarer] + -count[rarer] // folds if folds else count[rarer]
    innermost = left + -left // inner_folds
    if min(count[rarer] - (folds or 0), left - inner_folds, innermost - _FEWEST_TO_LEARN_FROM) >= 0:
        return None
    names = {"ru": "снизившихся" if rarer else "прежних", "en": "declined" if rarer else "kept"}
    return _too_few(names, count[rarer], folds, inner_folds)


def _too_few(
    names: dict[str, str], count: int, folds: int | None, inner_folds: int
) -> dict[str, str]:
    """Say that a class is too small, and which parameters would ask for less."""
    search = "modelling.search.folds"
    if folds is None:
        return {
            "ru": f"клиентов {names['ru']} {count}: мало для {inner_folds} частей поиска; "
            f"уменьшите {search} или соберите больше данных",
            "en": f"{count} customer(s) labelled {names['en']} are too few for the {inner_folds} "
            f"folds of the search; set {search} lower, or bring more customers",
        }
    return {
        "ru": f"клиентов {names['ru']} {count}: мало для {folds} частей и {inner_folds} "
        "внутренних; уменьшите modelling.folds и .search.folds или соберите больше данных",
        "en": f"{count} customer(s) labelled {names['en']} are too few for {folds} folds "
        f"and {inner_folds} inner ones; set modelling.folds and .search.folds lower, or "
        "bring more customers",
    }


def _strictest(label: Booleans, groups: Integers) -> Booleans:
    """Return whether any member of a group declined; one per group."""
    any_declined = np.zeros(int(groups.max()) + 1, dtype=bool)
    np.logical_or.at(any_declined, groups, label)
    return any_declined


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
    any_declined = _strictest(label, groups)
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

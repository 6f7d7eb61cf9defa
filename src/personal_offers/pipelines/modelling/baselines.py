"""Naive predictions that a model must beat, fitted inside the same training folds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from personal_offers.features import FeatureRegistry

Floats = npt.NDArray[np.float64]
Baseline = Callable[[pd.DataFrame, pd.DataFrame, FeatureRegistry], tuple[Floats, str | None]]


def base_rate(
    training: pd.DataFrame, held_out: pd.DataFrame, _: FeatureRegistry
) -> tuple[Floats, None]:
    """Give everyone the share of decliners among the training customers."""
    return np.full(len(held_out), training["declined"].mean()), None


def best_single_feature(
    training: pd.DataFrame, held_out: pd.DataFrame, registry: FeatureRegistry
) -> tuple[Floats, str]:
    """Rank by the one feature that ranks the training customers best.

    Args:
        training: One row per customer, with ``declined``.
        held_out: One row per customer to predict.
        registry: Features to choose from.

    Returns:
        Probability from a logistic curve over that feature, and its name.
    """
    from sklearn.linear_model import LogisticRegression

    declined = training["declined"].to_numpy()
    numbers = registry.model_names("number")
    others = [name for name in registry.model_names() if name not in numbers]
    known, unseen = _filled(training[numbers].to_numpy(float), held_out[numbers].to_numpy(float))
    shares = [_shares(training[name], held_out[name], declined) for name in others]
    known = np.column_stack([known, *(pair[0] for pair in shares)])
    unseen = np.column_stack([unseen, *(pair[1] for pair in shares)])
    best = int(abs(_rank_aucs(known, declined) - 0.5).argmax())
    middle, spread = known[:, best].mean(), known[:, best].std() or 1.0
    curve = LogisticRegression().fit((known[:, [best]] - middle) / spread, declined)
    risk = curve.predict_proba((unseen[:, [best]] - middle) / spread)[:, 1]
    return risk, [*numbers, *others][best]


def _filled(training: Floats, held_out: Floats) -> tuple[Floats, Floats]:
    """Fill each column by its median in training, or by zero where nobody has a value."""
    has_values = ~np.isnan(training).all(axis=0)
    middle = np.zeros(training.shape[1])
    middle[has_values] = np.nanmedian(training[:, has_values], axis=0)
    return (
        np.where(np.isnan(training), middle, training),
        np.where(np.isnan(held_out), middle, held_out),
    )


def _shares(
    training: pd.Series, held_out: pd.Series, declined: npt.NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Replace each category by its share of decliners in training."""
    shares = pd.Series(declined).groupby(training.to_numpy()).mean()
    filled = [s.map(shares).fillna(declined.mean()) for s in (training, held_out)]
    return filled[0].to_numpy(float), filled[1].to_numpy(float)


def _rank_aucs(scores: Floats, declined: npt.NDArray[np.bool_]) -> Floats:
    """Return ROC-AUC of each column, by the ranks of the decliners (Mann and Whitney, 1947)."""
    from scipy.stats import rankdata

    positive = int(declined.sum())
    negative = len(declined) - positive
    total = rankdata(scores, axis=0)[declined].sum(axis=0) - positive * (positive + 1) / 2
    return np.asarray(total / (positive * negative))


def single_feature(column: str) -> Baseline:
    """Return the rule that ranks customers by one column alone.

    Args:
        column: Name of a number in the table; an unknown value counts as the middle one.
    """

    def rule(
        training: pd.DataFrame, held_out: pd.DataFrame, _: FeatureRegistry
    ) -> tuple[Floats, None]:
        from sklearn.linear_model import LogisticRegression

        known, unseen = _filled(
            training[[column]].to_numpy(float), held_out[[column]].to_numpy(float)
        )
        middle, spread = known.mean(), known.std() or 1.0
        curve = LogisticRegression().fit((known - middle) / spread, training["declined"].to_numpy())
        return curve.predict_proba((unseen - middle) / spread)[:, 1], None

    return rule


def baselines_of(rows: pd.DataFrame, features: Mapping[str, str]) -> dict[str, Baseline]:
    """Return the rules that a shop's customers can be ranked by.

    Args:
        rows: The table to predict; ``expected_purchases`` in it is the forecast of BG/NBD.
        features: Name of a rule: the feature that it ranks by.

    Returns:
        Name of the baseline: its rule.
    """
    found = dict(BASELINES) | {name: single_feature(column) for name, column in features.items()}
    if "expected_purchases" in rows:
        found["bg_nbd"] = single_feature("expected_purchases")
    return found


# Of every shop.
BASELINES: dict[str, Baseline] = {
    "base_rate": base_rate,
    "best_single_feature": best_single_feature,
}

"""Naive predictions that a model must beat, fitted inside the same training folds."""

from __future__ import annotations

from collections.abc import Callable

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
    names = registry.model_names()
    pairs = [_as_numbers(training[name], held_out[name], declined) for name in names]
    strength = abs(_rank_aucs(np.column_stack([known for known, _ in pairs]), declined) - 0.5)
    best = int(strength.argmax())
    known, unseen = pairs[best]
    middle, spread = known.mean(), known.std() or 1.0
    curve = LogisticRegression().fit((known[:, None] - middle) / spread, declined)
    return curve.predict_proba((unseen[:, None] - middle) / spread)[:, 1], names[best]


def _as_numbers(
    training: pd.Series, held_out: pd.Series, declined: npt.NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Fill a number by its median; replace a category by its share of decliners in training."""
    if pd.api.types.is_numeric_dtype(training):
        known, unseen = training.to_numpy(float), held_out.to_numpy(float)
        middle = 0.0 if np.isnan(known).all() else np.nanmedian(known)
        return np.where(np.isnan(known), middle, known), np.where(np.isnan(unseen), middle, unseen)
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


BASELINES: dict[str, Baseline] = {
    "base_rate": base_rate,
    "best_single_feature": best_single_feature,
}

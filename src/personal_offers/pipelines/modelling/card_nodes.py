"""What people look at: figures of the model and its card in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from personal_offers.activity_params import ActivityOptions
from personal_offers.features import FeatureRegistry, Language
from personal_offers.figure_style import in_both
from personal_offers.pipelines.modelling.figures import (
    draw_candidates,
    draw_drivers,
    draw_profit_curve,
    draw_reliability,
)
from personal_offers.pipelines.modelling.model_card import CardInput, write_model_card


def draw_model(
    metrics: Mapping[str, Any],
    candidates: pd.DataFrame,
    reliability: pd.DataFrame,
    profit_curve: pd.DataFrame,
    decision: Mapping[str, Any],
    drivers: pd.DataFrame,
    registry: FeatureRegistry,
) -> tuple[dict[Language, Any], dict[Language, Any], dict[Language, Any], dict[Language, Any]]:
    """Draw how good the risk is, what it pays, and what goes along with it.

    Args:
        metrics: Figures with intervals, or why there are none.
        candidates: Grain: model or baseline.
        reliability: Grain: group of customers with like risk.
        profit_curve: Grain: threshold.
        decision: The threshold that pays most.
        drivers: Grain: feature.
        registry: Labels of the features.

    Returns:
        Four plotly Figures, each by language: reliability, profit curve, candidates, drivers.
    """
    shown = metrics if metrics["withheld"] else decision
    return (
        in_both(partial(draw_reliability, reliability, metrics)),
        in_both(partial(draw_profit_curve, profit_curve, shown)),
        in_both(partial(draw_candidates, candidates, metrics=metrics)),
        in_both(partial(draw_drivers, drivers, registry, metrics=metrics)),
    )


def write_cards(
    registry: FeatureRegistry, decline_model: Mapping[str, Any], **parts: Any
) -> tuple[str, str]:
    """Write the model card: what the model is for, how good it is, and where it ends.

    Args:
        registry: Features of the shop.
        decline_model: The stored model.
        **parts: Whatever else the card speaks of, by the names of ``CardInput``.

    Returns:
        Markdown, in Russian and in English.
    """
    given = CardInput(registry=registry, facts=decline_model["facts"], **parts)
    return write_model_card(given, "ru"), write_model_card(given, "en")


def write_cards_with_time(
    registry: FeatureRegistry,
    activity: ActivityOptions,
    decline_model: Mapping[str, Any],
    **parts: Any,
) -> tuple[str, str]:
    """Write the model card of a shop whose label is computed from order lines.

    Args:
        registry: Features of the shop.
        activity: What declined means.
        decline_model: The stored model.
        **parts: As for ``write_cards``; ``era``, ``plan`` and ``prevalence`` among them.

    Returns:
        Markdown, in Russian and in English.
    """
    return write_cards(registry, decline_model, activity=activity, **parts)

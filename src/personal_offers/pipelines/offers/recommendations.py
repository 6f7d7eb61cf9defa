"""What a marketer is advised to do with every segment, RFM class and cluster.

Segments and classes are known beforehand, so each has its own advice in the configuration.
Clusters are found in the data: a cluster gets the advice on the feature that sets it apart most.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from personal_offers.errors import InputError
from personal_offers.pipelines.offers.params import NOT_CLASSIFIED
from personal_offers.pipelines.offers.recommendation_params import (
    Recommendation,
    RecommendationOptions,
)

# Standard deviations below which a difference is too small to act on (J. Cohen, 1988: "small").
SMALLEST_DIFFERENCE = 0.2

_LANGUAGES = ("ru", "en")
_PARTS = tuple(Recommendation.model_fields)
RECOMMENDATION_COLUMNS = [
    "view",
    "name",
    "name_ru",
    "name_en",
    *(f"{part}_{language}" for part in _PARTS for language in _LANGUAGES),
]


def write_recommendations(
    view_names: Mapping[str, Any], cluster_profile: pd.DataFrame, options: RecommendationOptions
) -> pd.DataFrame:
    """Write down what is recommended for every group of the shop.

    Args:
        view_names: ``segments``, ``classes`` and ``clusters``: key: ``ru`` and ``en``, and
            ``not_classified``: ``ru`` and ``en``.
        cluster_profile: Grain: cluster and feature: cluster, feature, difference (standardised;
            null where nothing varies), rank (1 is the largest difference).
        options: What is recommended.

    Returns:
        Grain: one row per segment, then ``not_classified``, class and cluster, in the order of
        ``view_names``: view (``segment``, ``class`` or ``cluster``), name (key, or id of the
        cluster as text), name_ru, name_en, then goal, action, channel, do_not and measure, each
        with ``_ru`` and ``_en``. A cluster gets what is recommended for the strongest of its
        differences that ``options`` lists, from ``SMALLEST_DIFFERENCE`` on; else ``any_cluster``.

    Raises:
        InputError: When a segment or class has no recommendation, naming all of them: the names
            may come from a run with other parameters.
    """
    unclassified = {NOT_CLASSIFIED: view_names[NOT_CLASSIFIED]}
    by_feature = _advice_of_clusters(cluster_profile, options)
    clusters = {name: by_feature.get(name, options.any_cluster) for name in view_names["clusters"]}
    _refuse_missing(view_names, options)
    parts = [
        ("segment", view_names["segments"], options.segments),
        ("segment", unclassified, {NOT_CLASSIFIED: options.not_classified}),
        ("class", view_names["classes"], options.classes),
        ("cluster", view_names["clusters"], clusters),
    ]
    rows = [
        {"view": view, "name": name, "name_ru": label["ru"], "name_en": label["en"]}
        | _texts(advice[name])
        for view, names, advice in parts
        for name, label in names.items()
    ]
    return pd.DataFrame(rows, columns=RECOMMENDATION_COLUMNS)


def _refuse_missing(view_names: Mapping[str, Any], options: RecommendationOptions) -> None:
    problems = []
    for key, advice in (("segments", options.segments), ("classes", options.classes)):
        missing = [name for name in view_names[key] if name not in advice]
        if missing:
            problems.append(
                f"params:recommendations.{key}: nothing is recommended for {', '.join(missing)}; "
                "write it, or run the segmentation with these parameters first"
            )
    if problems:
        raise InputError(problems)


def _advice_of_clusters(
    profile: pd.DataFrame, options: RecommendationOptions
) -> dict[str, Recommendation]:
    """Return the advice on each cluster that a listed feature sets apart, by its id as text."""
    is_listed = profile["feature"].isin(list(options.clusters))
    is_notable = profile["difference"].abs() >= SMALLEST_DIFFERENCE
    notable = profile[is_listed & is_notable].sort_values(["cluster", "rank"], kind="stable")
    strongest = notable.drop_duplicates("cluster")
    found = {}
    for cluster, feature, difference in zip(
        strongest["cluster"].astype("int64").astype("str"),
        strongest["feature"],
        strongest["difference"],
        strict=True,
    ):
        advice = options.clusters[feature]
        found[cluster] = advice.high if difference > 0 else advice.low
    return found


def _texts(advice: Recommendation) -> dict[str, str]:
    return {
        f"{part}_{language}": getattr(getattr(advice, part), language)
        for part in _PARTS
        for language in _LANGUAGES
    }

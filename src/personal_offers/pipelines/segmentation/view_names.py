"""What segments, classes, marks and clusters are called, for the stages that come later.

Stages do not import each other, and half of these names are configuration while the others come
from the data. Whoever writes a text about a customer reads them from here.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from personal_offers.features import BothLanguages
from personal_offers.pipelines.segmentation.params import NOT_CLASSIFIED, SegmentationOptions
from personal_offers.pipelines.segmentation.rfm_params import RfmOptions

UNCLASSIFIED = BothLanguages(ru="Без класса", en="Not classified")

Texts = dict[str, str]


def name_views(options: SegmentationOptions, cluster_summary: pd.DataFrame) -> dict[str, Any]:
    """Gather the names of a shop without classes.

    Args:
        options: Segments and marks with their labels.
        cluster_summary: Grain: one cluster: cluster, name_ru, name_en.

    Returns:
        As ``name_views_and_classes``; ``classes`` is empty.
    """
    return _names(options, {}, cluster_summary)


def name_views_and_classes(
    options: SegmentationOptions, rfm_options: RfmOptions, cluster_summary: pd.DataFrame
) -> dict[str, Any]:
    """Gather the names of a shop of order lines.

    Args:
        options: Segments and marks with their labels.
        rfm_options: Classes with their labels; those of the chosen scheme are named.
        cluster_summary: Grain: one cluster: cluster, name_ru, name_en.

    Returns:
        ``segments``, ``classes``, ``marks`` (in the order of the configuration) and ``clusters``
        (by id, as text, in the order of the summary): key: ``ru`` and ``en``. Beside them
        ``not_classified``: what customers with neither a risk nor a class are called.
    """
    classes = {name: _texts(each.label) for name, each in rfm_options.chosen.classes.items()}
    return _names(options, classes, cluster_summary)


def _names(
    options: SegmentationOptions, classes: dict[str, Texts], cluster_summary: pd.DataFrame
) -> dict[str, Any]:
    # A table read from a file takes a name like 2024 for a number.
    clusters = cluster_summary[["cluster", "name_ru", "name_en"]].astype("str")
    return {
        "segments": {name: _texts(each.label) for name, each in options.segments.items()},
        "classes": classes,
        "marks": {name: _texts(each.label) for name, each in options.marks.items()},
        "clusters": {
            cluster: {"ru": ru, "en": en} for cluster, ru, en in clusters.itertuples(index=False)
        },
        NOT_CLASSIFIED: _texts(UNCLASSIFIED),
    }


def _texts(label: BothLanguages) -> Texts:
    return {"ru": label.ru, "en": label.en}

"""Parameters of the recommendations: what a marketer is advised to do with each group."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from personal_offers.features import BothLanguages, FeatureRegistry, Name, Strict


class Recommendation(Strict):
    """What to do with one group of customers.

    Attributes:
        goal: Which behaviour or money it is about.
        action: What to do.
        channel: How to reach them, and how often.
        do_not: What would cost more than it brings, or do harm.
        measure: What shows whether it worked, against the control group.
    """

    goal: BothLanguages
    action: BothLanguages
    channel: BothLanguages
    do_not: BothLanguages
    measure: BothLanguages


class FeatureRecommendations(Strict):
    """What to do with a cluster that one feature sets apart.

    Attributes:
        high: Where the cluster is above the rest.
        low: Where it is below.
    """

    high: Recommendation
    low: Recommendation


class RecommendationOptions(Strict):
    """What is recommended for each group of a shop.

    Attributes:
        segments: Cell of risk x profit; every one of the shop.
        classes: RFM class; every one of the chosen scheme, and any of the others. Empty in a shop
            without classes.
        clusters: Feature: nobody knows beforehand which clusters there will be, so a cluster gets
            what is recommended for that one of these features which sets it apart most.
        any_cluster: For clusters that none of these features sets apart.
        not_classified: For customers with neither a risk nor a class.
    """

    segments: dict[Name, Recommendation]
    classes: dict[Name, Recommendation]
    clusters: dict[Name, FeatureRecommendations]
    any_cluster: Recommendation
    not_classified: Recommendation

    def feature_problems(self, registry: FeatureRegistry) -> list[str]:
        """Return what does not fit the features of the shop, one sentence each."""
        features = registry.features
        return [
            f"recommendations.clusters: {name} is not a number of the registry"
            for name in self.clusters
            if name not in features or features[name].type != "number"
        ]

    def block_problems(self, blocks: dict[str, Any]) -> list[str]:
        """Return what does not fit the other blocks of the shop, one sentence each.

        Args:
            blocks: The shop's validated blocks by name: ``segmentation`` and, in a shop of order
                lines, ``rfm``.
        """
        segments = blocks["segmentation"].segments
        classes, of_any_scheme = [], []
        if "rfm" in blocks:
            classes = list(blocks["rfm"].chosen.classes)
            of_any_scheme = [
                name for scheme in blocks["rfm"].schemes.values() for name in scheme.classes
            ]
        known_classes = list(dict.fromkeys([*classes, *of_any_scheme]))
        return [
            *_misfits("segments", "segment", self.segments, segments, segments),
            *_misfits("classes", "RFM class", self.classes, classes, known_classes),
        ]


def _misfits(
    key: str,
    kind: str,
    given: Mapping[str, Recommendation],
    wanted: Collection[str],
    known: Collection[str],
) -> Iterator[str]:
    """Yield a sentence on what lacks a recommendation, and one on what does not exist."""
    place = f"recommendations.{key}"
    if missing := [name for name in wanted if name not in given]:
        yield f"{place}: nothing is recommended for {kind} {', '.join(missing)}"
    if unknown := [name for name in given if name not in known]:
        it_has = ", ".join(known) or "none"
        yield f"{place}: the shop has no {kind} {', '.join(unknown)}; it has {it_has}"

"""Names of clusters, and sentences on how they differ, in Russian and English.

A name says what sets a cluster apart: what made the clusters, because there they differ most by
construction and the same few words then tell all of them apart; only where that is not enough,
other features. A difference is worth a word from a fifth of a standard deviation on (J. Cohen,
1988, calls that small), and a place in a name beside others from three tenths on, because a name
has no room for the figures that would show how small it is. Either way only if medians, or else
means, show it in the units of the feature as well.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from personal_offers.features import BothLanguages, Feature, FeatureRegistry, Language
from personal_offers.figure_style import decimals_of, number, percent
from personal_offers.pipelines.segmentation.cluster_params import FeaturePhrases

logger = logging.getLogger(__name__)

# Standard deviations from which on a difference is worth a word.
NOTABLE = 0.2
# Standard deviations from which on it is worth a place in a name beside others.
_NAMED = 0.3

_LANGUAGES: tuple[Language, ...] = ("ru", "en")
# Signs of a name that fit beside a figure.
_LONGEST_NAME = 50
_ALL_CUSTOMERS = BothLanguages(ru="Все клиенты", en="All customers")
_AVERAGE = BothLanguages(ru="Близки к среднему", en="Close to the average")
_TEXTS = {
    "ru": {
        "high": "выше",
        "low": "ниже",
        "median": "медиана",
        "mean": "в среднем",
        "id": "№",
        "made": "Признаки, по которым делили: ",
        "others": "Другие признаки: ",
        "by_median": "{label} — медиана {own} (у всех {all})",
        "by_mean": "{label} — в среднем {own} (у всех {all})",
        "alike": "Заметных отличий от остальных нет.",
        "alone": "Кластер один: сравнивать не с кем.",
    },
    "en": {
        "high": "higher",
        "low": "lower",
        "median": "median",
        "mean": "mean",
        "id": "no.",
        "made": "Features that made the clusters: ",
        "others": "Other features: ",
        "by_median": "{label}, median {own} (everyone: {all})",
        "by_mean": "{label}, mean {own} (everyone: {all})",
        "alike": "No notable difference from the rest.",
        "alone": "There is one cluster: nobody to compare it with.",
    },
}


@dataclass(frozen=True)
class _Difference:
    """One feature that sets a cluster apart.

    Attributes:
        feature: Its name in the registry.
        made_it: Whether the clusters were made from it.
        size: Standardised difference, above zero where the cluster is above the rest.
        own: Median of the cluster, or its mean where medians do not show the difference.
        everyone: The same of everybody.
        by_mean: Whether they are means.
    """

    feature: str
    made_it: bool
    size: float
    own: float
    everyone: float
    by_mean: bool

    @property
    def high(self) -> bool:
        """Whether the cluster is above the rest."""
        return self.size > 0


def label_of(name: str, registry: FeatureRegistry, language: Language) -> str:
    """Return what people call a feature inside a sentence.

    Args:
        name: Of the feature; one that the registry does not know stays as it is.
        registry: Labels and definitions; without a label, the definition up to its first comma.
        language: Of the text.
    """
    feature = registry.features.get(name)
    if feature is None:
        return name
    if feature.label is not None:
        return str(getattr(feature.label, language))
    text = str(getattr(feature.definition, language)).split(",", maxsplit=1)[0]
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def value_text(value: float, feature: Feature | None, language: Language) -> str:
    """Write a value of a feature: 12, 3.45, 1,240 or, where it is a share, 62%."""
    if feature is not None and feature.percent:
        return percent(value, language) if value else "0%"
    most = decimals_of(value)
    decimals = next(n for n in range(most + 1) if round(value, n) == round(value, most))
    return number(value, language, decimals)


def _differences(profile: pd.DataFrame) -> dict[int, list[_Difference]]:
    """Return what sets each cluster apart: what made the clusters first, strongest first."""
    found: dict[int, list[_Difference]] = {}
    notable = profile[profile["difference"].abs() >= NOTABLE]
    ordered = notable.sort_values(
        ["cluster", "made_it", "rank"], ascending=[True, False, True], kind="stable"
    )
    for row in ordered.to_dict("records"):
        size = row["difference"]
        for kind in ("median", "mean"):
            own, everyone = row[kind], row[f"everyone_{kind}"]
            if own > everyone if size > 0 else own < everyone:
                each = _Difference(
                    row["feature"], bool(row["made_it"]), size, own, everyone, kind == "mean"
                )
                found.setdefault(row["cluster"], []).append(each)
                break
    return found


# --- names ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Words:
    """How features are called in names.

    Attributes:
        registry: Labels.
        phrases: Feature: words that replace the label.
    """

    registry: FeatureRegistry
    phrases: Mapping[str, FeaturePhrases]

    def name(self, parts: Sequence[_Difference], *, with_value: bool = False) -> BothLanguages:
        """Join differences into a name, the first with its value where wanted."""
        if not parts:
            return _AVERAGE
        return _both(lambda language: _capital(self._joined(parts, language, with_value)))

    def _joined(self, parts: Sequence[_Difference], language: Language, with_value: bool) -> str:
        """Join phrases by commas, then what has no phrase as "higher: a, b; lower: c"."""
        said: list[str] = []
        plain: dict[str, list[str]] = {}
        for place, part in enumerate(parts):
            side = "high" if part.high else "low"
            value = self._value(part, language) if with_value and place == 0 else ""
            phrase = self.phrases.get(part.feature)
            if phrase is None:
                label = label_of(part.feature, self.registry, language)
                plain.setdefault(side, []).append(label + value)
            else:
                said.append(str(getattr(getattr(phrase, side), language)) + value)
        lists = [f"{_TEXTS[language][side]}: {', '.join(plain[side])}" for side in plain]
        return "; ".join([*([", ".join(said)] if said else []), *lists])

    def _value(self, part: _Difference, language: Language) -> str:
        kind = _TEXTS[language]["mean" if part.by_mean else "median"]
        feature = self.registry.features.get(part.feature)
        return f" ({kind} {value_text(part.own, feature, language)})"


def _both(write: Callable[[Language], str]) -> BothLanguages:
    return BothLanguages(ru=write("ru"), en=write("en"))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def generate_names(
    clusters: Sequence[int],
    profile: pd.DataFrame,
    registry: FeatureRegistry,
    *,
    overrides: Mapping[int, BothLanguages],
    phrases: Mapping[str, FeaturePhrases],
    top: int,
) -> dict[int, BothLanguages]:
    """Name clusters by their strongest differences, each name once.

    Args:
        clusters: Ids.
        profile: From ``cluster_profiles.profile_clusters``.
        registry: What features are called.
        overrides: Id: name of the user, taken as it is.
        phrases: Feature: words for it; others get "higher: label".
        top: Differences in a name at most, where they fit.

    Returns:
        Id: name. Clusters of one name (in whatever order of its words) get a further difference;
        if there is none, the value of the first feature named; if that is the same too, the id.
    """
    for unknown in sorted(set(overrides) - set(clusters)):
        logger.warning("params:clusters.names: there is no cluster %s to be named", unknown)
    names = {cluster: overrides[cluster] for cluster in clusters if cluster in overrides}
    if len(clusters) == 1:
        return {clusters[0]: names.get(clusters[0], _ALL_CUSTOMERS)}
    words, found = _Words(registry, phrases), _differences(profile)
    parts = {
        cluster: _shortened(_worth_naming(found.get(cluster, []), top), words)
        for cluster in clusters
        if cluster not in overrides
    }
    names |= {cluster: words.name(own) for cluster, own in parts.items()}
    for cluster, group in _clashes(names, parts):
        parts[cluster] = [*parts[cluster], *_further(cluster, group, found, parts[cluster])]
        names[cluster] = words.name(parts[cluster])
    for cluster, _ in _clashes(names, parts):
        names[cluster] = words.name(parts[cluster], with_value=True)
    for cluster, _ in _clashes(names, parts):
        names[cluster] = _with_id(names[cluster], cluster)
    return {cluster: names[cluster] for cluster in clusters}


def _worth_naming(found: Sequence[_Difference], top: int) -> list[_Difference]:
    """Return what a name says: of the making features, else the strongest of all."""
    large = [each for each in found if abs(each.size) >= _NAMED]
    made = [each for each in large if each.made_it]
    return made[:top] or large[:1] or list(found[:1])


def _shortened(parts: list[_Difference], words: _Words) -> list[_Difference]:
    """Drop the weakest differences until the name fits; one always stays."""
    while len(parts) > 1:
        name = words.name(parts)
        if max(len(name.ru), len(name.en)) <= _LONGEST_NAME:
            break
        parts = parts[:-1]
    return parts


def _clashes(
    names: Mapping[int, BothLanguages], generated: Container[int]
) -> list[tuple[int, list[int]]]:
    """Return the clusters whose generated name is taken, in either language, and by whom."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for language in _LANGUAGES:
        for cluster, name in sorted(names.items()):
            said = re.split(r"[,;:] ", getattr(name, language).casefold())
            groups.setdefault((language, *sorted(said)), []).append(cluster)
    clashing = {
        cluster: group
        for group in groups.values()
        if len(group) > 1
        for cluster in group
        if cluster in generated
    }
    return sorted(clashing.items())


def _further(
    cluster: int,
    group: Sequence[int],
    found: Mapping[int, list[_Difference]],
    used: Sequence[_Difference],
) -> list[_Difference]:
    """Return the strongest further difference that not all clusters of the group share."""
    shared = set.intersection(
        *({(each.feature, each.high) for each in found.get(other, [])} for other in group)
    )
    told = {each.feature for each in used}
    others = [
        each
        for each in found.get(cluster, [])
        if each.feature not in told and (each.feature, each.high) not in shared
    ]
    return others[:1]


def _with_id(name: BothLanguages, cluster: int) -> BothLanguages:
    return _both(lambda language: f"{getattr(name, language)}, {_TEXTS[language]['id']} {cluster}")


# --- sentences -----------------------------------------------------------------------------


def describe_clusters(
    clusters: Sequence[int], profile: pd.DataFrame, registry: FeatureRegistry, top: int
) -> dict[int, BothLanguages]:
    """Say how each cluster differs, with its values beside those of everybody.

    Args:
        clusters: Ids.
        profile: From ``cluster_profiles.profile_clusters``.
        registry: What features are called, and which groups they are of.
        top: Differences told at most, of the features that made the clusters and of others.

    Returns:
        Id: sentences: first what made the clusters, then others, one per group of the registry
        so that the same thing is not told in several ways. Values are medians; means where
        medians do not show the difference.
    """
    if len(clusters) == 1:
        return {clusters[0]: _both(lambda language: _TEXTS[language]["alone"])}
    found = _differences(profile)
    return {
        cluster: _both(partial(_sentence, found.get(cluster, []), registry, top))
        for cluster in clusters
    }


def _sentence(
    differences: Sequence[_Difference], registry: FeatureRegistry, top: int, language: Language
) -> str:
    texts = _TEXTS[language]
    made = [each for each in differences if each.made_it][:top]
    by_group: dict[str, _Difference] = {}
    for each in differences:
        if not each.made_it and each.feature in registry.features:
            by_group.setdefault(registry.features[each.feature].group, each)
    parts = []
    for intro, told in (("made", made), ("others", list(by_group.values())[:top])):
        items = "; ".join(_told(each, registry, language) for each in told)
        if items:
            parts.append(f"{texts[intro]}{items}.")
    return " ".join(parts) if parts else texts["alike"]


def _told(each: _Difference, registry: FeatureRegistry, language: Language) -> str:
    feature = registry.features.get(each.feature)
    return _TEXTS[language]["by_mean" if each.by_mean else "by_median"].format(
        label=label_of(each.feature, registry, language),
        own=value_text(each.own, feature, language),
        all=value_text(each.everyone, feature, language),
    )

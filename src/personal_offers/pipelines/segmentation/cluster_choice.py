"""Which candidate becomes the clusters, by a stated rule, and the sentence that says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from personal_offers.errors import InputError
from personal_offers.features import Language
from personal_offers.figure_style import number as written
from personal_offers.figure_style import percent, plain
from personal_offers.pipelines.segmentation.cluster_params import ClusterOptions

COLUMNS = {
    "method": "str",
    "group_share": "float64",
    "number": "int64",
    "silhouette": "float64",
    "calinski_harabasz": "float64",
    "davies_bouldin": "float64",
    "bic": "float64",
    "stability": "float64",
    "stability_low": "float64",
    "stability_high": "float64",
    "smallest_share": "float64",
    "noise_share": "float64",
    "mean_place": "float64",
    "passes": "bool",
    "why_not": "str",
    "chosen": "bool",
}
# Index: whether the highest value is the best one.
_RANKED = {
    "silhouette": True,
    "calinski_harabasz": True,
    "davies_bouldin": False,
    "bic": False,
    "stability": True,
}
_FEWEST_CLUSTERS = 2
_METHODS: dict[str, dict[Language, str]] = {
    "kmeans": {"ru": "метод k-средних", "en": "k-means"},
    "gaussian_mixture": {"ru": "смесь гауссиан", "en": "a Gaussian mixture"},
    "ward": {"ru": "иерархическая кластеризация Уорда", "en": "Ward's agglomeration"},
    "hdbscan": {"ru": "HDBSCAN", "en": "HDBSCAN"},
}
_LIMITS: dict[str, dict[Language, str]] = {
    "stability": {"ru": "устойчивость", "en": "stability"},
    "silhouette": {"ru": "силуэт", "en": "silhouette"},
    "smallest_share": {"ru": "доля меньшего кластера", "en": "smallest share"},
    "number": {"ru": "число кластеров", "en": "number of clusters"},
}
# What a missed limit means, the gravest first.
_CAUTIONS: dict[str, dict[Language, str]] = {
    "stability": {
        "ru": "это лишь приблизительное описание, а не группы, которые найдутся снова",
        "en": "read them as a rough description, not as groups that will be found again",
    },
    "silhouette": {
        "ru": "границы между кластерами размыты, клиенты у границы похожи на соседей",
        "en": "they run into one another, and customers at a border are like their neighbours",
    },
    "number": {
        "ru": "это число кластеров вне заданных пределов",
        "en": "their number is outside the range of the parameters",
    },
    "smallest_share": {
        "ru": "меньший кластер слишком мал для отдельной кампании",
        "en": "the smallest one is too small for a campaign of its own",
    },
}
# The sentence by rule, and its parts.
_WORDS: dict[Language, dict[str, str]] = {
    "ru": {
        "what": "{method}, число кластеров: {number}",
        "held": "на повторных выборках клиентов кластеры находятся снова со скорректированным "
        "индексом Рэнда {stability}, силуэт {silhouette}, в меньшем кластере {smallest_share} "
        "клиентов",
        "misses": "не выдержано: {missed}",
        "reaches": "пределы выдержаны",
        "only": "Выбор: {what}; это единственный вариант из {all}, который выдержал пределы "
        "({limits}); {held}.",
        "limits": "Выбор: {what}; пределы ({limits}) выдержали варианты: {passing} из {all}, и у "
        "этого лучшее среднее место по показателям; {held}.",
        "most_stable": "Ни один из вариантов ({all}) не выдержал пределов ({limits}), поэтому взят "
        "самый устойчивый: {what}; {outcome}; {held}: {caution}.",
        "fixed": "Параметры оставляют один вариант: {what}; {outcome} ({limits}); {held}.",
    },
    "en": {
        "what": "{method}, {number} clusters",
        "held": "found again on resamples of customers with an adjusted Rand index of {stability}, "
        "silhouette {silhouette}, smallest cluster {smallest_share} of customers",
        "misses": "misses {missed}",
        "reaches": "reaches the limits",
        "only": "Chosen: {what}, the only one of {all} candidates that reaches the limits "
        "({limits}); {held}.",
        "limits": "Chosen: {what}, because {passing} of {all} candidates reach the limits "
        "({limits}) and this one has the best mean place on the indices; {held}.",
        "most_stable": "None of {all} candidates reaches the limits ({limits}), so the most stable "
        "one stands: {what}, which {outcome}; {held}: {caution}.",
        "fixed": "The parameters leave one candidate: {what}; it {outcome} ({limits}); {held}.",
    },
}


def choose(rows: Sequence[Mapping[str, Any]], options: ClusterOptions) -> pd.DataFrame:
    """Judge all candidates by the limits, rank those that pass, and choose one.

    Each index that a candidate has gives it a place among the candidates that pass and have that
    index, from 0 (best) to 1, ties sharing a place; the lowest mean place wins. An index that only
    one of them has puts it in the middle, so nobody gains by it. Ties go to the more stable one,
    then to fewer clusters, then to the order of the parameters. Where nothing passes, the most
    stable one is taken.

    Args:
        rows: One per candidate: method, group_share, number and the indices.
        options: Limits and numbers.

    Returns:
        Grain: candidate, in the order of ``rows``: these columns, mean_place (null where it does
        not pass), passes, why_not (limits that it misses, comma between), chosen (at most one).

    Raises:
        InputError: A fixed number is found by no candidate.
    """
    table = pd.DataFrame(list(rows), columns=[name for name in COLUMNS if name in rows[0]])
    table["why_not"] = [", ".join(_missed(row, options)) for row in rows]
    table["passes"] = table["why_not"] == ""
    table["mean_place"] = _mean_place(table[table["passes"]]).reindex(table.index)
    allowed = table[table["number"].isin(options.allowed_numbers)]
    if allowed.empty and options.number != "auto":
        raise InputError(
            [
                f"params:clusters.number: {options.number} clusters are asked for, but HDBSCAN "
                f"finds {_listed(table['number'])}: choose another method, or number: auto"
            ],
            "no clusters were made",
        )
    if allowed.empty:
        allowed = table[table["number"] >= _FEWEST_CLUSTERS]
    passing = allowed[allowed["passes"]]
    ranked = (passing if len(passing) else allowed).assign(less_stable=lambda t: -t["stability"])
    order = ranked.sort_values(["mean_place", "less_stable", "number"], kind="stable")
    table["chosen"] = table.index == (order.index[0] if len(order) else -1)
    return table[list(COLUMNS)].astype(COLUMNS)


def _missed(row: Mapping[str, Any], options: ClusterOptions) -> list[str]:
    missed = [] if row["number"] in options.allowed_numbers else ["number"]
    for name in ("stability", "silhouette", "smallest_share"):
        if not row[name] >= getattr(options.limits, name):  # nan reaches nothing
            missed.append(name)
    return missed


def _mean_place(passing: pd.DataFrame) -> pd.Series:
    """Return the mean over the indices of (rank - 1/2) / candidates that have the index."""
    places = pd.DataFrame(
        {
            name: (passing[name].rank(ascending=not highest) - 0.5) / passing[name].count()
            for name, highest in _RANKED.items()
        }
    )
    mean: pd.Series = places.mean(axis=1).round(9)
    return mean


def _listed(numbers: pd.Series) -> str:
    return " or ".join(str(number) for number in sorted(set(numbers)))


def describe_choice(candidates: pd.DataFrame, options: ClusterOptions) -> dict[str, Any]:
    """Say which candidate was chosen and why.

    Args:
        candidates: Table of ``choose`` with one chosen row.
        options: Limits; what is fixed.

    Returns:
        method, number, group_share (null but for HDBSCAN), rule (``limits``: it passes;
        ``most_stable``: nothing does; ``fixed``: there was nothing to choose), limits, values
        (index: value), reason (ru, en).
    """
    rows: list[dict[str, Any]] = candidates[candidates["chosen"]].to_dict(orient="records")  # type: ignore[assignment]
    chosen = rows[0]
    values = {
        name: None if np.isnan(chosen[name]) else float(chosen[name])
        for name, kind in COLUMNS.items()
        if kind == "float64" and name != "group_share"
    }
    judged = "limits" if chosen["passes"] else "most_stable"
    rule = "fixed" if len(candidates) == 1 else judged
    return {
        "method": chosen["method"],
        "number": int(chosen["number"]),
        "group_share": None if np.isnan(chosen["group_share"]) else float(chosen["group_share"]),
        "rule": rule,
        "limits": options.limits.model_dump(),
        "values": values,
        "reason": {
            language: _reason(chosen, candidates, rule, options, language) for language in _WORDS
        },
    }


def _figures(row: Mapping[str, Any], language: Language) -> dict[str, str]:
    return {
        "stability": written(row["stability"], language, 2),
        "silhouette": written(row["silhouette"], language, 2),
        "smallest_share": percent(row["smallest_share"], language),
    }


def _limits_in_words(options: ClusterOptions, language: Language) -> str:
    limits = options.limits
    figures = {
        "stability": plain(limits.stability, language),
        "silhouette": plain(limits.silhouette, language),
        "smallest_share": plain(limits.smallest_share * 100, language) + "%",
    }
    return ", ".join(f"{_LIMITS[name][language]} {value}" for name, value in figures.items())


def _missed_in_words(why_not: str, language: Language) -> str:
    return ", ".join(_LIMITS[name][language] for name in why_not.split(", "))


def _reason(
    chosen: Mapping[str, Any],
    candidates: pd.DataFrame,
    rule: str,
    options: ClusterOptions,
    language: Language,
) -> str:
    """Say in one sentence which candidate stands, and how well."""
    words, why_not = _WORDS[language], chosen["why_not"]
    passing = int(candidates["passes"].sum())
    missed = _missed_in_words(why_not, language) if why_not else ""
    values = {
        "what": words["what"].format(
            method=_METHODS[chosen["method"]][language], number=chosen["number"]
        ),
        "held": words["held"].format(**_figures(chosen, language)),
        "limits": _limits_in_words(options, language),
        "all": len(candidates),
        "passing": passing,
        "missed": missed,
        "caution": _caution(why_not, language),
        "outcome": words["misses"].format(missed=missed) if missed else words["reaches"],
    }
    only = rule == "limits" and passing == 1
    return words["only" if only else rule].format(**values)


def _caution(why_not: str, language: Language) -> str:
    """Say how to read clusters that miss a limit."""
    for name, caution in _CAUTIONS.items():
        if name in why_not:
            return caution[language]
    return _CAUTIONS["smallest_share"][language]

"""Clusters of customers: candidates, the choice among them, and the transform that is kept.

Everything is judged by what the transform says of customers, never by what a method said of the
rows it was fitted on: so the indices are those of the clusters that people get.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from personal_offers.errors import InputError
from personal_offers.figure_style import number as written
from personal_offers.pipelines.segmentation.cluster_choice import COLUMNS, choose, describe_choice
from personal_offers.pipelines.segmentation.cluster_indices import (
    agreement,
    kept_digits,
    separation,
    shares,
    silhouettes,
    stability_of,
)
from personal_offers.pipelines.segmentation.cluster_methods import (
    Asked,
    Found,
    asked_of,
    find_groups,
)
from personal_offers.pipelines.segmentation.cluster_params import ClusterOptions
from personal_offers.pipelines.segmentation.cluster_transform import (
    Floats,
    Geometry,
    Groups,
    Labels,
    constant,
    label_customers,
    model_of,
    transformed,
)
from personal_offers.pipelines.segmentation.resampling import sample_customers
from personal_offers.progress import steps
from personal_offers.words import OF_CUSTOMERS, counted

logger = logging.getLogger(__name__)

_OUTCOME = "no clusters were made"
_FEWEST_CLUSTERS = 2
# Digits of a mean that every machine agrees on, whatever the order of its sum.
_SURE_DIGITS = 9

Text = dict[str, str]


@dataclass(frozen=True)
class _Sample:
    """The customers that the fit sees.

    Attributes:
        ids: Their ids, in order.
        scaled: One column per feature, on the transformed scale, nothing unknown.
        features: Feature: transform and raw median; only those that differ between customers.
        everyone: Customers of the shop.
        fewer: Rows that Ward, HDBSCAN, the indices and the resamples look at, rising.
    """

    ids: pd.Series
    scaled: Floats
    features: dict[str, dict[str, Any]]
    everyone: int
    fewer: NDArray[np.int64]


def fit_clusters(
    customers: ir.Table, options: ClusterOptions
) -> tuple[dict[str, Any], pd.DataFrame, dict[str, Any], pd.DataFrame]:
    """Try every candidate, choose one, and keep its transform.

    Args:
        customers: Grain: one row per customer, with customer_id, the features and ``order_by``.
        options: What is tried and what a choice must hold.

    Returns:
        The transform as JSON (see ``cluster_transform.model_of``; with method, order_by and
        order_means: mean of ``order_by`` per cluster over all customers, in the order of the
        ids); the candidates (see ``cluster_choice.choose``; stability: mean adjusted Rand index
        over resamples, and the range of most of them; no rows where there was nothing to choose);
        the choice (see ``cluster_choice.describe_choice``; also customers, how many of them were
        seen by the fit and looked_at by the indices, resamples, notes in ru and en; rule
        ``one_cluster`` where there was nothing to choose); customer_id of those whom a chosen
        HDBSCAN called noise.

    Raises:
        InputError: A column is missing, or a fixed number cannot be found in these customers.
    """
    _refuse_missing(customers, options)
    sample, notes = _draw(customers, options)
    numbers, why_one = _numbers(sample, options)
    if why_one:
        return _one_cluster(sample, why_one, notes, options)
    candidates = asked_of(options.allowed_methods, numbers, options.group_shares)
    geometry = Geometry.of(sample.scaled, options.winsorise)
    places = geometry.stand(sample.scaled)
    found = find_groups(places, places[sample.fewer], candidates, options.starts, options.seed)
    rows = _judged(sample, places[sample.fewer], found, options)
    table = choose(rows, options)
    if not table["chosen"].any():
        return _one_cluster(sample, _NOTHING_DENSE, notes, options)
    chosen = found[candidates[int(table["chosen"].to_numpy().argmax())]]
    model = _ordered_model(customers, sample, geometry, chosen.groups, options)
    noise = _noise_of(sample, chosen)
    choice = describe_choice(table, options) | _facts(sample, options)
    choice["notes"] = notes + _noise_notes(sample, noise)
    logger.info("%s", choice["reason"]["en"])
    return {"method": choice["method"]} | model, table, choice, noise


def _refuse_missing(customers: ir.Table, options: ClusterOptions) -> None:
    wanted = [*options.features, options.order_by]
    missing = [name for name in dict.fromkeys(wanted) if name not in customers.columns]
    if missing:
        raise InputError(
            [
                f"params:clusters: {name} is asked for, but customers has no such column: "
                "correct the name or add the feature"
                for name in missing
            ],
            _OUTCOME,
        )


def _draw(customers: ir.Table, options: ClusterOptions) -> tuple[_Sample, list[Text]]:
    """Bring the customers of the fit into memory, and note what was done to them."""
    columns = ["customer_id", *options.features]
    frame = sample_customers(customers, columns, options.largest_sample, options.seed)
    everyone = int(customers.count().to_pyarrow().as_py())
    notes = _sample_notes(len(frame), everyone)
    values, features = [], {}
    for name, transform in options.features.items():
        raw = pd.to_numeric(frame[name]).to_numpy(dtype=np.float64, na_value=np.nan)
        known = raw[np.isfinite(raw)]
        median = float(np.median(known)) if len(known) else 0.0
        column = transformed(frame[name], transform, median)
        if constant(_clipped(column, options.winsorise)[:, None])[0]:
            notes.append(_constant_note(name, _why_constant(known, column)))
            continue
        values.append(column)
        features[name] = {"transform": transform, "median": median}
        below = int((known < 0).sum()) if transform == "log1p" else 0
        notes += _value_notes(name, len(raw) - len(known), below)
    rows = np.arange(len(frame))
    if len(rows) > options.index_sample:
        rng = np.random.default_rng(options.seed)
        rows = np.sort(rng.choice(rows, options.index_sample, replace=False))
    stacked = np.column_stack(values) if values else np.zeros((len(frame), 0))
    return _Sample(frame["customer_id"], stacked, features, everyone, rows), notes


def _why_constant(known: Floats, column: Floats) -> str:
    """Return why a feature does not differ between customers: a key of ``_CONSTANT``."""
    if not len(known):
        return "unknown"
    if not constant(column[:, None])[0]:
        return "clipped"
    return "alike" if constant(known[:, None])[0] else "not_above_zero"


def _clipped(column: Floats, winsorise: float) -> Floats:
    if not winsorise or not len(column):
        return column
    low, high = np.quantile(column, [winsorise, 1 - winsorise])
    return np.clip(column, low, high)


def _numbers(sample: _Sample, options: ClusterOptions) -> tuple[list[int], Text | None]:
    """Return the numbers of clusters that can be tried, or why there is one cluster."""
    distinct = len(np.unique(sample.scaled, axis=0)) if sample.features else 1
    if options.number != "auto":
        if options.number > distinct:
            raise InputError(
                [
                    f"params:clusters.number: {options.number} clusters are asked for, but only "
                    f"{distinct} customers differ in {', '.join(options.features)}: set a smaller "
                    "number, or number: auto"
                ],
                _OUTCOME,
            )
        return [options.number], None
    if sample.everyone < options.fewest_customers:
        return [], _too_few(sample.everyone, options)
    if distinct < _FEWEST_CLUSTERS:
        return [], _ALL_ALIKE
    if distinct < options.numbers.lowest:
        return [], _too_few_distinct(distinct, options)
    return [number for number in options.allowed_numbers if number <= distinct], None


def _judged(
    sample: _Sample, places: Floats, found: Mapping[Asked, Found], options: ClusterOptions
) -> list[dict[str, Any]]:
    """Measure every candidate on the customers that the indices look at."""
    labels = {asked: each.groups.labels(places) for asked, each in found.items()}
    again: dict[Asked, list[float]] = {asked: [] for asked in found}
    for refit in _relabelled(sample, list(found), options):
        for asked, others in refit.items():
            again[asked].append(agreement(labels[asked], others))
    apart = silhouettes(places, list(labels.values()))
    unknown = dict.fromkeys(["stability", "stability_low", "stability_high"], float("nan"))
    rows = []
    for (asked, each), silhouette in zip(found.items(), apart, strict=True):
        own = labels[asked]
        row = {
            "method": asked.method,
            "group_share": asked.share or float("nan"),
            "number": each.groups.number,
            "silhouette": silhouette,
            **separation(places, own),
            "bic": float("nan") if each.bic is None else each.bic,
            **(
                stability_of(again[asked], options.confidence)
                if each.groups.number > 1
                else unknown
            ),
            "smallest_share": float(shares(own, each.groups.number).min()),
            "noise_share": float("nan") if each.noise is None else float(each.noise.mean()),
        }
        rows.append(kept_digits(row))
    return rows


def _relabelled(
    sample: _Sample, asked: list[Asked], options: ClusterOptions
) -> Iterator[dict[Asked, Labels]]:
    """Fit everything again on resamples of customers, geometry and all.

    The bootstrap of clusterings (C. Hennig, 2007): each resample gives a transform of its own, and
    that transform labels the same customers as the first one did.

    Yields:
        Labels of the customers in ``sample.fewer``, one dict per resample.
    """
    rng = np.random.default_rng(options.seed)
    values = sample.scaled[sample.fewer]
    for _ in steps(range(options.bootstrap), "resamples", options.bootstrap):
        # Sorted, so that the rows of a resample have one order.
        drawn = values[np.sort(rng.integers(0, len(values), size=len(values)))]
        seed = int(rng.integers(0, 2**31))
        geometry = Geometry.of(drawn, options.winsorise)
        places = geometry.stand(drawn)
        found = find_groups(places, places, asked, options.starts, seed)
        everyone = geometry.stand(values)
        yield {each: refit.groups.labels(everyone) for each, refit in found.items()}


def _ordered_model(
    customers: ir.Table,
    sample: _Sample,
    geometry: Geometry,
    groups: Groups,
    options: ClusterOptions,
) -> dict[str, Any]:
    """Give the clusters their ids: the highest mean of ``order_by`` over everyone comes first."""
    unordered = model_of(sample.features, geometry, groups)
    labelled = label_customers(customers, unordered, keep=(options.order_by,))
    means = (
        labelled.group_by("cluster")
        .aggregate(mean=labelled[options.order_by].cast("float64").mean())
        .to_pyarrow()
        .to_pylist()
    )
    found = {row["cluster"] - 1: row["mean"] for row in means if row["mean"] is not None}
    sure = {number: float(f"{mean:.{_SURE_DIGITS}g}") for number, mean in found.items()}
    # A cluster without anybody, or of whom nothing is known, comes last; ties go by the centre.
    order = sorted(
        range(groups.number),
        key=lambda number: (-sure.get(number, -np.inf), *(-groups.centres[number])),
    )
    model = model_of(sample.features, geometry, groups.ordered(order))
    return model | {
        "order_by": options.order_by,
        "order_means": [sure.get(number) for number in order],
    }


def _noise_of(sample: _Sample, chosen: Found) -> pd.DataFrame:
    rows = sample.fewer[chosen.noise] if chosen.noise is not None else sample.fewer[:0]
    return pd.DataFrame({"customer_id": sample.ids.iloc[rows].reset_index(drop=True)})


def _one_cluster(
    sample: _Sample, reason: Text, notes: list[Text], options: ClusterOptions
) -> tuple[dict[str, Any], pd.DataFrame, dict[str, Any], pd.DataFrame]:
    """Return everybody as one cluster, with the reason."""
    model = {
        "method": "none",
        "features": [],
        "clusters": [{"cluster": 1, "centre": []}],
        "order_by": options.order_by,
        "order_means": [None],
    }
    choice = {
        "method": "none",
        "number": 1,
        "group_share": None,
        "rule": "one_cluster",
        "limits": options.limits.model_dump(),
        "values": {},
        "reason": reason,
        **_facts(sample, options),
        "notes": notes,
    }
    logger.warning("%s", reason["en"])
    nobody = pd.DataFrame({"customer_id": sample.ids.iloc[:0]})
    columns = {name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()}
    return model, pd.DataFrame(columns), choice, nobody


def _facts(sample: _Sample, options: ClusterOptions) -> dict[str, Any]:
    return {
        "customers": sample.everyone,
        "seen": len(sample.ids),
        "looked_at": len(sample.fewer),
        "resamples": options.bootstrap,
    }


# --- what people read ------------------------------------------------------------------------

_ALL_ALIKE = {
    "ru": "Все клиенты одинаковы по признакам кластеров, поэтому кластер один.",
    "en": "All customers are alike in the features of the clusters, so there is one cluster.",
}
_NOTHING_DENSE = {
    "ru": "HDBSCAN не нашёл двух плотных групп клиентов, поэтому кластер один.",
    "en": "HDBSCAN found no two dense groups of customers, so there is one cluster.",
}


def _too_few(customers: int, options: ClusterOptions) -> Text:
    least = options.fewest_customers
    return {
        "ru": f"Клиентов {_ru(customers)}, меньше {_ru(least)} (params:clusters.fewest_customers), "
        "поэтому кластер один.",
        "en": f"There are {_en(customers)} customers, fewer than {_en(least)} "
        "(params:clusters.fewest_customers), so there is one cluster.",
    }


def _too_few_distinct(distinct: int, options: ClusterOptions) -> Text:
    lowest = options.numbers.lowest
    return {
        "ru": f"Разных клиентов {_ru(distinct)}, меньше {_ru(lowest)} "
        "(params:clusters.numbers.lowest), поэтому кластер один.",
        "en": f"Only {_en(distinct)} customers differ, fewer than {_en(lowest)} "
        "(params:clusters.numbers.lowest), so there is one cluster.",
    }


def _sample_notes(seen: int, everyone: int) -> list[Text]:
    if seen == everyone:
        return []
    return [
        {
            "ru": f"Кластеры найдены по выборке: {_ru(seen)} из {_ru(everyone)} клиентов; кластер "
            "получили все.",
            "en": f"The clusters were found on a sample of {_en(seen)} of {_en(everyone)} "
            "customers; everyone was assigned to one.",
        }
    ]


_CONSTANT = {
    "unknown": {"ru": "неизвестно ни для одного клиента", "en": "unknown for all customers"},
    "clipped": {
        "ru": "у всех клиентов одно значение (после обрезки краёв)",
        "en": "all customers have the same value (after clipping)",
    },
    "alike": {
        "ru": "у всех клиентов одно значение",
        "en": "all customers have the same value",
    },
    "not_above_zero": {
        "ru": "ни у одного клиента не выше нуля, а это считается нулём",
        "en": "above zero for no customer, and that counts as zero",
    },
}


def _constant_note(name: str, why: str) -> Text:
    return {
        "ru": f"{name}: {_CONSTANT[why]['ru']}, признак не участвует в кластерах.",
        "en": f"{name}: {_CONSTANT[why]['en']}, so it takes no part in the clusters.",
    }


def _value_notes(name: str, unknown: int, below: int) -> list[Text]:
    notes = []
    if unknown:
        notes.append(
            {
                "ru": f"{name}: неизвестно для {counted(unknown, OF_CUSTOMERS, 'ru')}, вместо "
                "этого взята медиана.",
                "en": f"{name}: unknown for {counted(unknown, OF_CUSTOMERS, 'en')}, the median "
                "stands in.",
            }
        )
    if below:
        notes.append(
            {
                "ru": f"{name}: ниже нуля у {counted(below, OF_CUSTOMERS, 'ru')}; при делении на "
                "кластеры это считается нулём.",
                "en": f"{name}: below zero for {counted(below, OF_CUSTOMERS, 'en')}; it counts as "
                "zero when clusters are made.",
            }
        )
    return notes


def _noise_notes(sample: _Sample, noise: pd.DataFrame) -> list[Text]:
    if noise.empty:
        return []
    return [
        {
            "ru": f"Вне плотных групп стоят {_ru(len(noise))} из {_ru(len(sample.fewer))} "
            "клиентов, которых видел HDBSCAN; они отнесены к ближайшему кластеру и помечены.",
            "en": f"{_en(len(noise))} of the {_en(len(sample.fewer))} customers that HDBSCAN saw "
            "stand in no dense group; they went to the nearest cluster and are marked.",
        }
    ]


def _ru(count: int) -> str:
    return written(count, "ru")


def _en(count: int) -> str:
    return written(count, "en")

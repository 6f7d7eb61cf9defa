"""From fitted models to reasons: who is explained, by which model, and how steady that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.artefacts import DeclineModel
from personal_offers.pipelines.modelling.evaluation import FoldModels, cross_validation_tasks
from personal_offers.pipelines.modelling.explain import Explanation, anchor, explain, pool
from personal_offers.pipelines.modelling.models import fit_rows
from personal_offers.pipelines.modelling.nodes import rows_of
from personal_offers.pipelines.modelling.params import ModellingOptions
from personal_offers.pipelines.modelling.publishing import typed_features
from personal_offers.pipelines.modelling.reason_params import ReasonOptions
from personal_offers.pipelines.modelling.reasons import (
    choose_customers,
    contribution_table,
    driver_stability,
    reason_columns,
    reason_sentences,
    summarise_drivers,
)
from personal_offers.progress import steps

# Seeds of the further models, far from those of the repeats.
_OTHER_SEEDS = 500_000
_TYPES = {
    "customer_id": "string",
    "feature": "string",
    "number": "float64",
    "text": "string",
    "level": "string",
    "contribution": "float64",
    "direction": "string",
    "rank": "int64",
    "actionable": "boolean",
    "base": "float64",
    "sampled": "boolean",
}
Explained = tuple[ir.Table, pd.DataFrame, dict[str, Any]]


def explain_folds(
    model_input: pd.DataFrame,
    folds: pd.DataFrame,
    fold_models: FoldModels,
    unexplained_risk: ir.Table,
    registry: FeatureRegistry,
    options: ModellingOptions,
    reasons: ReasonOptions,
) -> Explained:
    """Explain the out-of-fold risk, every customer by a model that never saw that customer.

    Args:
        model_input: One row per customer, in content order.
        folds: One row per repeat and customer.
        fold_models: The models of the first repeats; those of the very first explain.
        unexplained_risk: Grain: one customer: decline_risk.
        registry: Which features a model may see.
        options: Seed.
        reasons: How many customers and seeds.

    Returns:
        Contributions (grain: explained customer and feature, see ``contribution_table``, with
        base: base + sum = decline_risk, and sampled: whether summaries count on the customer);
        the drivers (grain: feature); and how far the ranking agrees over the repeats.
    """
    risk = _known_risk(unexplained_risk)
    if model_input.empty or risk.empty:
        return _nothing()
    chosen = choose_customers(risk, reasons)
    tasks = cross_validation_tasks(model_input, folds, options.seed)
    rows = model_input.set_index("customer_id", drop=False)
    features = rows[registry.model_names()]
    published = risk.set_index("customer_id")["decline_risk"]

    def explained(repeat: int, wanted: pd.Series) -> Explanation:
        parts = []
        of_repeat = [task for task in tasks if task.repeat == repeat]
        for task in steps(of_repeat, "folds explained", len(of_repeat)):
            held_out, training = features.iloc[task.held_out], features.iloc[task.training]
            held_out = held_out[held_out.index.isin(set(wanted))]
            model = fold_models[task.repeat, task.fold]
            parts.append(
                explain(model, held_out, training, registry, task.seed, reasons.background)
            )
        return anchor(pool(parts, float(published.mean())), published)

    tables = [_table(explained(0, chosen["customer_id"]), rows, registry)]
    further = max(repeat for repeat, _ in fold_models)
    some = _some(chosen, reasons)
    tables += [_table(explained(n, some), rows, registry) for n in range(1, further + 1)]
    return _sum_up(tables, chosen, registry)


def explain_today(
    decline_model: Mapping[str, Any],
    training_input: pd.DataFrame,
    activity_plan: Mapping[str, Any],
    customers: ir.Table,
    unexplained_risk: ir.Table,
    registry: FeatureRegistry,
    options: ModellingOptions,
    reasons: ReasonOptions,
) -> Explained:
    """Explain the risk of today's customers, whose outcomes no model has seen.

    Args:
        decline_model: The stored model that gave the risk.
        training_input: One row per customer and cutoff.
        activity_plan: Which cutoffs the model learned from.
        customers: Grain: one customer, with features as of today.
        unexplained_risk: Grain: one customer: decline_risk.
        registry: Which features a model may see.
        options: Model, search and calibration.
        reasons: How many customers and seeds.

    Returns:
        As ``explain_folds``; the ranking is compared over models of other seeds.
    """
    risk = _known_risk(unexplained_risk)
    if not decline_model["model"] or risk.empty:
        return _nothing()
    chosen = choose_customers(risk, reasons)
    rows = typed_features(customers, registry).set_index("customer_id", drop=False)
    columns = registry.model_names()
    training = rows_of(training_input, activity_plan["training"])
    published = risk.set_index("customer_id")["decline_risk"]

    def explained(model: Any, wanted: pd.Series, seed: int) -> Explanation:
        asked = rows.loc[wanted, columns]
        found = explain(model, asked, training[columns], registry, seed, reasons.background)
        return anchor(pool([found], float(published.mean())), published)

    model = DeclineModel.from_parts(decline_model).model
    first = explained(model, chosen["customer_id"], options.seed)
    tables = [_table(first, rows, registry)]
    some = _some(chosen, reasons)
    count = reasons.stability_seeds
    for number in steps(range(count), "models explained", count):
        seed = options.seed + _OTHER_SEEDS + number
        other = fit_rows(training, registry, options, seed).model
        tables.append(_table(explained(other, some, seed), rows, registry))
    return _sum_up(tables, chosen, registry)


def _known_risk(unexplained_risk: ir.Table) -> pd.DataFrame:
    known = unexplained_risk.filter(unexplained_risk.decline_risk.notnull())
    frame: pd.DataFrame = (
        known.select("customer_id", "decline_risk").order_by("customer_id").to_pandas()
    )
    return frame


def _some(chosen: pd.DataFrame, reasons: ReasonOptions) -> pd.Series:
    """Draw the customers whom the further models explain."""
    sampled = chosen.loc[chosen["sampled"], "customer_id"]
    size = min(reasons.stability_customers, len(sampled))
    drawn: pd.Series = sampled.sample(size, random_state=reasons.seed)
    return drawn


def _table(explanation: Explanation, rows: pd.DataFrame, registry: FeatureRegistry) -> pd.DataFrame:
    table = contribution_table(rows["customer_id"], explanation, rows, registry)
    return table.assign(base=explanation.base)


def _sum_up(
    tables: list[pd.DataFrame], chosen: pd.DataFrame, registry: FeatureRegistry
) -> Explained:
    """Rank the drivers by the sample, and put the ranks of the other seeds beside."""
    first = tables[0].merge(chosen, on="customer_id")
    drivers = summarise_drivers(first[first["sampled"]], registry)
    agreement: dict[str, Any] = {}
    if len(tables) > 1:
        spread, agreement = driver_stability(tables)
        drivers = drivers.merge(spread, on="feature", how="left")
    ordered = first.sort_values(["customer_id", "rank"], kind="stable", ignore_index=True)
    return ibis.memtable(ordered[list(_TYPES)], schema=_TYPES), drivers, agreement


def _nothing() -> Explained:
    drivers = ["feature", "group", "actionable", "mean_abs", "mean_signed", "rank"]
    return ibis.memtable([], schema=_TYPES), pd.DataFrame(columns=drivers), {}


def add_reasons(
    unexplained_risk: ir.Table,
    contributions: ir.Table,
    registry: FeatureRegistry,
    reasons: ReasonOptions,
) -> tuple[ir.Table, ir.Table]:
    """Put the strongest drivers beside the risk, and in words.

    Args:
        unexplained_risk: Grain: one customer: decline_risk, fold, basis.
        contributions: Grain: explained customer and feature.
        registry: Labels of the features.
        reasons: How many features are named, and the smallest contribution worth it.

    Returns:
        Two tables with one row per customer, ordered by id. The published risk: customer_id,
        decline_risk, fold, basis, reason_1..reason_3 (``feature, up`` or ``feature, down``; null
        where nothing is worth naming). And the sentences: customer_id, reason_ru, reason_en.
    """
    risk = unexplained_risk.order_by("customer_id").to_pandas()
    columns = {"customer_id": "string"} | {f"reason_{n}": "string" for n in (1, 2, 3)}
    long = contributions.order_by("customer_id", "rank").to_pandas()
    named = ibis.memtable(reason_columns(long, reasons)[list(columns)], schema=columns)
    sentences = reason_sentences(long, registry, risk, reasons)
    texts = dict.fromkeys(sentences.columns, "string")
    published = unexplained_risk.left_join(named, "customer_id").drop("customer_id_right")
    return published.order_by("customer_id").cache(), ibis.memtable(sentences, schema=texts)

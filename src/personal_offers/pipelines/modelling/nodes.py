"""From customers to out-of-fold decline risk, judged beside naive baselines.

Heavy imports (scikit-learn, CatBoost) happen inside the functions that fit, so that listing
pipelines or drawing the graph does not pay for them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from personal_offers.activity_params import ActivityOptions
from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.baselines import baselines_of
from personal_offers.pipelines.modelling.bg_nbd import (
    BgNbd,
    count_histories,
    expected_purchases,
    fit_bg_nbd,
    purchase_histories,
)
from personal_offers.pipelines.modelling.evaluation import (
    RISK_COLUMNS,
    Task,
    by_repeat,
    cross_validation_tasks,
    evaluate_all_out_of_time,
    out_of_time_tasks,
)
from personal_offers.pipelines.modelling.folds import (
    group_histories,
    group_twins,
    shortage,
    sort_by_content,
    split_groups,
)
from personal_offers.pipelines.modelling.metrics import Floats, bootstrap_weights, measure
from personal_offers.pipelines.modelling.params import ModellingOptions

logger = logging.getLogger(__name__)


def assemble_model_input(
    customers: ir.Table, labels: ir.Table, registry: FeatureRegistry, options: ModellingOptions
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Put features and label side by side, in an order that says nothing about either.

    Args:
        customers: One row per regular customer.
        labels: One row per regular customer: customer_id, declined.
        registry: Which features a model may see.
        options: Which columns tell twins, and the folds that customers must suffice for.

    Returns:
        Grain: one row per labelled customer, ordered by content: customer_id (for joining
        back, never a feature), the model's features, declined, twin_group; no row where no model
        can be made. And the gate: ``withheld`` (why not, in both languages, or null) and
        ``features_without_values``.
    """
    wanted = ["customer_id", *registry.names(), "declined"]
    labelled = labels.filter(labels.declined.notnull())
    table = customers.inner_join(labelled, "customer_id").select(wanted)
    # Ordered, because customers alike in all content would stand as an engine happens to give them.
    frame = _in_content_order(table.order_by("customer_id").to_pandas(), registry, [])
    frame["twin_group"] = group_twins(frame, options.twin_columns)
    frame = frame[["customer_id", *registry.model_names(), "declined", "twin_group"]]
    gate = _gate(frame, registry)
    gate["withheld"] = _shortage_of(frame, options, options.folds)
    _say_what_is_withheld(gate)
    return (frame.iloc[:0] if gate["withheld"] else frame), gate


def assemble_cutoff_input(
    cutoff_customers: ir.Table,
    expected_purchases: pd.DataFrame,
    activity_plan: Mapping[str, Any],
    registry: FeatureRegistry,
    options: ModellingOptions,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Part the labelled rows of all cutoffs into those to learn from and those to judge by.

    Args:
        cutoff_customers: Grain: one eligible customer and cutoff, with features and label.
        expected_purchases: Grain: one customer and cutoff: expected_purchases.
        activity_plan: Cutoffs, and why no model can be made, if so.
        registry: Which features a model may see.
        options: Which columns tell twins.

    Returns:
        All rows (grain: customer and cutoff, ordered by content: customer_id, cutoff, the model's
        features, declined, expected_purchases, twin_group); those of the test cutoff (grain:
        customer); both empty where no model can be made; and the gate (see
        ``assemble_model_input``).
    """
    wanted = ["customer_id", "cutoff", *registry.names(), "declined"]
    rows = cutoff_customers.select(wanted).order_by("cutoff", "customer_id")
    frame = _in_content_order(rows.to_pandas(), registry, ["cutoff"])
    frame = frame.merge(expected_purchases, on=["customer_id", "cutoff"], how="left")
    frame["twin_group"] = group_histories(frame, options.twin_columns)
    columns = ["customer_id", "cutoff", *registry.model_names(), "declined"]
    frame = frame[[*columns, "expected_purchases", "twin_group"]]
    gate = _gate(frame, registry)
    gate["withheld"] = activity_plan["withheld"] or _shortage_of(
        rows_of(frame, activity_plan["evaluation"]), options, None
    )
    _say_what_is_withheld(gate)
    if gate["withheld"]:
        return frame.iloc[:0], frame.iloc[:0], gate
    of_test = frame["cutoff"] == pd.Timestamp(activity_plan["test"])
    return frame, frame[of_test].reset_index(drop=True), gate


def _shortage_of(
    rows: pd.DataFrame, options: ModellingOptions, folds: int | None
) -> dict[str, str] | None:
    """Say why rows do not suffice, counted in groups: a chain of customers may join many rows."""
    groups = pd.factorize(rows["twin_group"])[0].astype(np.int64)
    return shortage(rows["declined"].to_numpy(bool), groups, folds, options.search.folds)


def _say_what_is_withheld(gate: Mapping[str, Any]) -> None:
    if gate["withheld"]:
        logger.warning("There is no model, and nobody gets a risk: %s", gate["withheld"]["en"])


def _in_content_order(
    frame: pd.DataFrame, registry: FeatureRegistry, first: list[str]
) -> pd.DataFrame:
    """Type label and flags, and order rows by what they hold rather than by who they are."""
    frame["declined"] = frame["declined"].astype(bool)
    for name in registry.model_names("flag"):
        frame[name] = frame[name].map({True: "yes", False: "no"})
    return sort_by_content(frame, [*first, *registry.model_names(), "declined"])


def _gate(frame: pd.DataFrame, registry: FeatureRegistry) -> dict[str, Any]:
    """Name features that nobody has a value of: a model gains nothing from them."""
    empty = [name for name in registry.model_names() if frame[name].isna().all()]
    if len(frame) and empty:
        logger.warning(
            "No customer has a value of %s; the model sees them as one constant, so look at "
            "the raw column or set model: false in the feature registry", ", ".join(empty)
        )  # fmt: skip
    return {"withheld": None, "features_without_values": empty if len(frame) else []}


def expect_purchases(
    order_lines: ir.Table,
    cutoff_customers: ir.Table,
    activity_plan: Mapping[str, Any],
    activity: ActivityOptions,
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Forecast purchases of the outcome window from purchase days alone.

    Args:
        order_lines: Grain: one order line.
        cutoff_customers: Grain: one customer that models are made with and cutoff.
        activity_plan: Cutoffs; none is forecast where no model can be made.
        activity: Length of gap and outcome.

    Returns:
        Grain: one such customer and cutoff of the evaluation or the test: customer_id,
        cutoff, expected_purchases (purchase days in the outcome window); and the models (one
        per cutoff, with the reasons
        why P(alive) is degenerate where it is), which are fitted on all customers.
    """
    columns = ["customer_id", "cutoff", "expected_purchases"]
    parts, models = [], []
    if not activity_plan["withheld"]:
        # A rule to be judged by: the model of today needs none, so later cutoffs do without.
        for moment in [*activity_plan["evaluation"], activity_plan["test"]]:
            cutoff = datetime.fromisoformat(moment)
            part, model = _forecast(order_lines, cutoff_customers, cutoff, activity)
            parts.append(part[columns])
            models.append({"cutoff": moment} | asdict(model))
    nothing = pd.DataFrame(columns=columns).astype({"cutoff": "datetime64[us]"})
    return (pd.concat(parts, ignore_index=True) if parts else nothing), models


def _forecast(
    order_lines: ir.Table, cutoff_customers: ir.Table, cutoff: datetime, activity: ActivityOptions
) -> tuple[pd.DataFrame, BgNbd]:
    histories = purchase_histories(order_lines, cutoff).cache()
    model = fit_bg_nbd(count_histories(histories))
    labelled = cutoff_customers.filter(
        cutoff_customers.cutoff == ibis.literal(cutoff, "timestamp(6)")
    )
    eligible = histories.inner_join(labelled.select("customer_id", "cutoff"), "customer_id")
    frame = eligible.order_by("customer_id").to_pandas()
    until_end = expected_purchases(model, frame, activity.days_after)
    in_gap = expected_purchases(model, frame, activity.gap_days)
    return frame.assign(expected_purchases=until_end - in_gap), model


def assign_folds(model_input: pd.DataFrame, options: ModellingOptions) -> pd.DataFrame:
    """Deal customers into folds, anew for every repeat; twins share a fold in each.

    Args:
        model_input: One row per customer, in content order.
        options: Folds, repeats and seed.

    Returns:
        Grain: one row per repeat and customer: repeat, customer_id, fold (both from 0).
    """
    if model_input.empty:
        return pd.DataFrame({"repeat": [], "customer_id": [], "fold": []}).astype(
            {"repeat": "int64", "customer_id": "str", "fold": "int64"}
        )
    label = model_input["declined"].to_numpy()
    groups = model_input["twin_group"].to_numpy()
    parts = [
        model_input[["customer_id"]].assign(
            repeat=repeat, fold=split_groups(label, groups, options.folds, options.seed + repeat)
        )
        for repeat in range(options.repeats)
    ]
    return pd.concat(parts, ignore_index=True)[["repeat", "customer_id", "fold"]]


def evaluate_baselines(
    model_input: pd.DataFrame,
    folds: pd.DataFrame,
    registry: FeatureRegistry,
    options: ModellingOptions,
) -> pd.DataFrame:
    """Predict every customer by rules that need no model, on the same folds.

    Args:
        model_input: One row per customer, in content order.
        folds: One row per repeat and customer.
        registry: Which features a rule may see.
        options: Which features rank customers by themselves.

    Returns:
        Grain: one row per baseline, repeat and customer: baseline, repeat, fold,
        customer_id, risk, detail (the feature that was chosen, where one was).
    """
    tasks = cross_validation_tasks(model_input, folds, options.seed)
    return _predict_naively(tasks, model_input, model_input, registry, options)


def evaluate_baselines_out_of_time(
    training_input: pd.DataFrame,
    model_input: pd.DataFrame,
    activity_plan: Mapping[str, Any],
    registry: FeatureRegistry,
    options: ModellingOptions,
) -> pd.DataFrame:
    """Predict the customers of the test cutoff by rules that earlier cutoffs set.

    Args:
        training_input: One row per customer and cutoff.
        model_input: One row per customer at the test cutoff.
        activity_plan: Which cutoffs may be learned from.
        registry: Which features a rule may see.
        options: Which features rank customers by themselves.

    Returns:
        As ``evaluate_baselines``; ``bg_nbd`` ranks by the purchases that BG/NBD expects.
    """
    earlier = rows_of(training_input, activity_plan["evaluation"])
    once = options.model_copy(update={"repeats": 1})  # there is no chance in a baseline
    tasks = out_of_time_tasks(earlier, model_input, once)
    return _predict_naively(tasks, earlier, model_input, registry, options)


def _predict_naively(
    tasks: list[Task],
    training_input: pd.DataFrame,
    model_input: pd.DataFrame,
    registry: FeatureRegistry,
    options: ModellingOptions,
) -> pd.DataFrame:
    rules = baselines_of(model_input, options.baselines)
    parts = [pd.DataFrame(columns=["baseline", *RISK_COLUMNS, "detail"])]
    for task in tasks:
        training = training_input.iloc[task.training]
        held_out = model_input.iloc[task.held_out]
        for name, rule in rules.items():
            risk, detail = rule(training, held_out, registry)
            part = held_out[["customer_id"]].assign(
                baseline=name, repeat=task.repeat, fold=task.fold, risk=risk, detail=detail
            )
            parts.append(part[["baseline", *RISK_COLUMNS, "detail"]])
    table: pd.DataFrame = pd.concat(parts[1 if tasks else 0 :], ignore_index=True)
    return table


def rows_of(training_input: pd.DataFrame, moments: Sequence[str]) -> pd.DataFrame:
    """Take the rows of some cutoffs.

    Args:
        training_input: One row per customer and cutoff.
        moments: ISO texts.

    Returns:
        Those rows, numbered anew.
    """
    wanted = [pd.Timestamp(moment) for moment in moments]
    return training_input[training_input["cutoff"].isin(wanted)].reset_index(drop=True)


def evaluate_earlier_cutoffs(
    training_input: pd.DataFrame,
    model_input: pd.DataFrame,
    activity_plan: Mapping[str, Any],
    registry: FeatureRegistry,
    options: ModellingOptions,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Predict the test cutoff by all models (see ``evaluate_all_out_of_time``).

    Args:
        training_input: One row per customer and cutoff.
        model_input: One row per customer at the test cutoff.
        activity_plan: Which cutoffs may be learned from.
        registry: Which features a model may see.
        options: The model, the candidates, their grids and their repeats.

    Returns:
        Risk and search of the chosen model, then of the candidates.
    """
    earlier = rows_of(training_input, activity_plan["evaluation"])
    return evaluate_all_out_of_time(earlier, model_input, registry, options)


def take_test_customers(cutoff_customers: ir.Table, activity_plan: Mapping[str, Any]) -> ir.Table:
    """Take the customers of the test cutoff, with what they earned the shop by then.

    Args:
        cutoff_customers: Grain: one eligible customer and cutoff.
        activity_plan: Holds the test cutoff.

    Returns:
        Grain: one eligible customer at the test cutoff: customer_id, profit; nobody where there is
        no test cutoff.
    """
    rows = cutoff_customers.select("customer_id", "cutoff", "profit")
    if activity_plan["test"] is None:
        return rows.limit(0).drop("cutoff")
    test = ibis.literal(datetime.fromisoformat(activity_plan["test"]), "timestamp(6)")
    return rows.filter(rows.cutoff == test).drop("cutoff").cache()


def compute_metrics(
    model_input: pd.DataFrame,
    risk_by_repeat: pd.DataFrame,
    baseline_risk: pd.DataFrame,
    comparison: Mapping[str, Any],
    leak_verdict: Mapping[str, Any],
    model_gate: Mapping[str, Any],
    options: ModellingOptions,
) -> dict[str, Any]:
    """Measure the model and the baselines on the same customers, folds and resamples.

    Args:
        model_input: One row per customer, in content order.
        risk_by_repeat: Risk of the model, out of fold or out of time.
        baseline_risk: Risk of the baselines, likewise.
        comparison: What the candidate table came to.
        leak_verdict: What the leak audit came to.
        model_gate: Why there is no model, if so.
        options: Resamples and confidence.

    Returns:
        The protocol, then per model the mean of each measure over the repeats with its
        interval over customers; ``averaged_over_repeats`` measures the published risk. Only
        ``withheld``, the reason in both languages, where there is no model.
    """
    if model_input.empty:
        return {"withheld": model_gate["withheld"]}
    label = model_input["declined"].to_numpy()
    groups = pd.factorize(model_input["twin_group"])[0].astype(np.int64)
    weights = bootstrap_weights(groups, options.bootstrap, options.seed)

    def judge(risks: Floats) -> dict[str, Any]:
        return dict(measure(label, risks, weights, options.confidence))

    def judge_baseline(own: pd.DataFrame) -> dict[str, Any]:
        found = judge(by_repeat(own, model_input["customer_id"]))
        picks = own.drop_duplicates(["repeat", "fold"])["detail"].value_counts()
        return found | ({"chosen_in_folds": picks.to_dict()} if len(picks) else {})

    risks = by_repeat(risk_by_repeat, model_input["customer_id"])
    by_rule = baseline_risk.groupby("baseline", sort=False)
    return {
        "withheld": None,
        "model": {"name": options.model, "members": list(options.members())},
        "protocol": _protocol(model_input, risk_by_repeat, options)
        | {"features_without_values": model_gate["features_without_values"]},
        "metrics": judge(risks),
        "averaged_over_repeats": judge(risks.mean(axis=0, keepdims=True)),
        "baselines": {str(name): judge_baseline(own) for name, own in by_rule},
        "comparison": dict(comparison),
        "leak_audit": dict(leak_verdict),
    }


def _protocol(
    model_input: pd.DataFrame, risk_by_repeat: pd.DataFrame, options: ModellingOptions
) -> dict[str, Any]:
    """Say who was judged, and how often."""
    sizes = model_input.groupby("twin_group").size()
    return {
        "customers": len(model_input),
        "declined_share": float(model_input["declined"].mean()),
        "twin_groups": int((sizes > 1).sum()),
        "folds": int(risk_by_repeat["fold"].nunique()),
        "repeats": int(risk_by_repeat["repeat"].nunique()),
        "bootstrap": options.bootstrap,
        "confidence": options.confidence,
        "seed": options.seed,
    }

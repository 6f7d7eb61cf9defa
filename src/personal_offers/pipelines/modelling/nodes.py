"""From customers to out-of-fold decline risk, judged beside naive baselines.

Heavy imports (scikit-learn, CatBoost) happen inside the functions that fit, so that listing
pipelines or drawing the graph does not pay for them.
"""

from __future__ import annotations

import logging
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from personal_offers.errors import InputError
from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.baselines import BASELINES
from personal_offers.pipelines.modelling.folds import (
    group_twins,
    require_enough,
    sort_by_content,
    split_groups,
)
from personal_offers.pipelines.modelling.metrics import Measured, bootstrap_weights, measure
from personal_offers.pipelines.modelling.models import Settings, fit_model
from personal_offers.pipelines.modelling.params import MemberName, ModellingOptions

logger = logging.getLogger(__name__)

# Added to the seed of a repeat, so that neighbouring repeats do not share inner folds.
_SEEDS_PER_REPEAT = 1_000
_OUTCOME = "the intake's tables were written, the model's were not"


def assemble_model_input(
    customers: ir.Table, labels: ir.Table, registry: FeatureRegistry, options: ModellingOptions
) -> pd.DataFrame:
    """Put features and label side by side, in an order that says nothing about either.

    Args:
        customers: One row per regular customer.
        labels: One row per regular customer: customer_id, declined.
        registry: Which features a model may see.
        options: Which columns tell twins.

    Returns:
        Grain: one row per labelled customer, ordered by content: customer_id (for joining
        back, never a feature), the model's features, declined, twin_group.

    Raises:
        InputError: When there is one class only.
    """
    wanted = ["customer_id", *registry.names(), "declined"]
    labelled = labels.filter(labels.declined.notnull())
    frame: pd.DataFrame = customers.inner_join(labelled, "customer_id").select(wanted).to_pandas()
    frame["declined"] = frame["declined"].astype(bool)
    for name in registry.model_names("flag"):
        frame[name] = frame[name].map({True: "yes", False: "no"})
    if frame["declined"].all() or not frame["declined"].any():
        raise InputError(["the label has one class only: there is nothing to learn"], _OUTCOME)
    frame = sort_by_content(frame, [*registry.model_names(), "declined"])
    frame["twin_group"] = group_twins(frame, options.twin_columns)
    return frame[["customer_id", *registry.model_names(), "declined", "twin_group"]]


def assign_folds(model_input: pd.DataFrame, options: ModellingOptions) -> pd.DataFrame:
    """Deal customers into folds, anew for every repeat; twins share a fold in each.

    Args:
        model_input: One row per customer, in content order.
        options: Folds, repeats and seed.

    Returns:
        Grain: one row per repeat and customer: repeat, customer_id, fold (both from 0).

    Raises:
        InputError: When a class has fewer customers than folds, outer or inner.
    """
    label = model_input["declined"].to_numpy()
    groups = model_input["twin_group"].to_numpy()
    parts = []
    try:
        for repeat in range(options.repeats):
            fold_of = split_groups(label, groups, options.folds, options.seed + repeat)
            for fold in range(options.folds):  # the search deals each training fold again
                training = fold_of != fold
                numbers = pd.factorize(groups[training])[0].astype(np.int64)
                require_enough(label[training], numbers, options.search.folds)
            parts.append(model_input[["customer_id"]].assign(repeat=repeat, fold=fold_of))
    except ValueError as error:
        raise InputError([str(error)], _OUTCOME) from error
    return pd.concat(parts, ignore_index=True)[["repeat", "customer_id", "fold"]]


def evaluate_model(
    model_input: pd.DataFrame,
    folds: pd.DataFrame,
    registry: FeatureRegistry,
    options: ModellingOptions,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict every customer by models that never saw that customer or a twin of theirs.

    Args:
        model_input: One row per customer, in content order.
        folds: One row per repeat and customer.
        registry: Which features a model may see.
        options: Model, search and calibration.

    Returns:
        Out-of-fold risk (grain: repeat and customer: repeat, fold, customer_id, risk) and the
        settings that each training fold chose (grain: repeat, fold and member).
    """
    from joblib import Parallel, delayed

    dealt = folds.pivot(index="customer_id", columns="repeat", values="fold")
    fold_of = dealt.loc[model_input["customer_id"]].to_numpy()
    cells = [(r, f) for r in range(options.repeats) for f in range(options.folds)]
    logger.info(
        "Fitting %s in %d folds x %d repeats, searched in %d inner folds",
        " + ".join(options.members()), options.folds, options.repeats, options.search.folds,
    )  # fmt: skip
    # Threads: the fits release the interpreter lock, and processes would copy the imports.
    runs = Parallel(n_jobs=options.threads, backend="threading", return_as="generator")(
        delayed(_fit_and_predict)(model_input, fold_of[:, r], r, f, registry, options)
        for r, f in cells
    )
    parts, settings = [], []
    for (repeat, fold), (held_out, chosen) in zip(cells, runs, strict=True):
        parts.append(held_out)
        settings += [
            {"repeat": repeat, "fold": fold, "model": name, "settings": str(dict(found))}
            for name, found in chosen.items()
        ]
        if fold == options.folds - 1:
            logger.info("Repeat %d of %d is done", repeat + 1, options.repeats)
    return pd.concat(parts, ignore_index=True), pd.DataFrame(settings)


def _fit_and_predict(
    model_input: pd.DataFrame,
    fold_of: np.ndarray[Any, Any],
    repeat: int,
    fold: int,
    registry: FeatureRegistry,
    options: ModellingOptions,
) -> tuple[pd.DataFrame, dict[MemberName, Settings]]:
    """Fit on all folds but one and predict that one."""
    training = model_input[fold_of != fold]
    held_out = model_input[fold_of == fold]
    columns = registry.model_names()
    model, chosen = fit_model(
        training[columns],
        training["declined"].to_numpy(),
        pd.factorize(training["twin_group"])[0].astype(np.int64),
        registry,
        options,
        options.seed + repeat * _SEEDS_PER_REPEAT + fold,
    )
    risk = model.predict(held_out[columns])
    return (
        pd.DataFrame(
            {
                "repeat": repeat,
                "fold": fold,
                "customer_id": held_out["customer_id"].to_numpy(),
                "risk": risk,
            }
        ),
        chosen,
    )


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
        options: Folds and repeats.

    Returns:
        Grain: one row per baseline, repeat and customer: baseline, repeat, fold,
        customer_id, risk, detail (the feature that was chosen, where one was).
    """
    dealt = folds.pivot(index="customer_id", columns="repeat", values="fold")
    fold_of = dealt.loc[model_input["customer_id"]].to_numpy()
    parts = []
    for repeat in range(options.repeats):
        for fold in range(options.folds):
            held = fold_of[:, repeat] == fold
            training, held_out = model_input[~held], model_input[held]
            for name, baseline in BASELINES.items():
                risk, detail = baseline(training, held_out, registry)
                parts.append(
                    held_out[["customer_id"]].assign(
                        baseline=name, repeat=repeat, fold=fold, risk=risk, detail=detail
                    )
                )
    table: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return table


def average_risk(risk_by_repeat: pd.DataFrame, folds: pd.DataFrame) -> ir.Table:
    """Average the out-of-fold risk of each customer over the repeats.

    Args:
        risk_by_repeat: One row per repeat and customer.
        folds: One row per repeat and customer.

    Returns:
        Grain: one row per customer, ordered by id: customer_id, decline_risk (probability),
        fold (of the first repeat), reason_1..reason_3 (unknown for now).
    """
    risk = risk_by_repeat.groupby("customer_id")["risk"].mean().rename("decline_risk")
    first = folds[folds["repeat"] == 0].set_index("customer_id")["fold"]
    table = pd.concat([risk, first], axis=1).sort_index().reset_index()
    reasons = {f"reason_{number}": ibis.null("string") for number in (1, 2, 3)}
    return ibis.memtable(table).mutate(**reasons)


def compute_metrics(
    model_input: pd.DataFrame,
    risk_by_repeat: pd.DataFrame,
    baseline_risk: pd.DataFrame,
    options: ModellingOptions,
) -> dict[str, Any]:
    """Measure the model and the baselines on the same customers, folds and resamples.

    Args:
        model_input: One row per customer, in content order.
        risk_by_repeat: Out-of-fold risk of the model.
        baseline_risk: Out-of-fold risk of the baselines.
        options: Resamples and confidence.

    Returns:
        The protocol, then per model the mean of each measure over the repeats with its
        interval over customers; ``averaged_over_repeats`` measures the published risk.
    """
    label = model_input["declined"].to_numpy()
    groups = model_input["twin_group"].to_numpy()
    ids = model_input["customer_id"]
    weights = bootstrap_weights(groups, options.bootstrap, options.seed)

    def by_repeat(risk: pd.DataFrame) -> np.ndarray[Any, Any]:
        wide = risk.pivot(index="repeat", columns="customer_id", values="risk")
        return wide[ids.to_list()].to_numpy()

    def judge(risks: np.ndarray[Any, Any]) -> dict[str, Measured]:
        return measure(label, risks, weights, options.confidence)

    risks = by_repeat(risk_by_repeat)
    baselines: dict[str, Any] = {}
    for name in BASELINES:
        own = baseline_risk[baseline_risk["baseline"] == name]
        baselines[name] = judge(by_repeat(own))
        if own["detail"].notna().any():
            picks = own.drop_duplicates(["repeat", "fold"])["detail"].value_counts()
            baselines[name]["chosen_in_folds"] = picks.to_dict()
    return {
        "model": {"name": options.model, "members": list(options.members())},
        "protocol": {
            "customers": len(model_input),
            "declined_share": float(label.mean()),
            "twin_groups": int((np.bincount(groups) > 1).sum()),
            "folds": options.folds,
            "repeats": options.repeats,
            "bootstrap": options.bootstrap,
            "confidence": options.confidence,
            "seed": options.seed,
        },
        "metrics": judge(risks),
        "averaged_over_repeats": judge(risks.mean(axis=0, keepdims=True)),
        "baselines": baselines,
    }


def withhold_decline_risk(customers: ir.Table) -> tuple[ir.Table, dict[str, Any]]:
    """Give no customer a risk, because nothing says yet who declined.

    Args:
        customers: Grain: one customer.

    Returns:
        Grain: one customer, ordered by id: customer_id, and decline_risk, fold and reasons
        that are all null; and metrics that hold the reason alone.
    """
    reasons = {f"reason_{number}": ibis.null("string") for number in (1, 2, 3)}
    risk = customers.select(
        "customer_id", decline_risk=ibis.null("float64"), fold=ibis.null("int64"), **reasons
    )
    reason = {
        "ru": "в данных магазина нет метки активности, поэтому риск не посчитан",
        "en": "the shop's data hold no activity label, so there is no risk",
    }
    return risk.order_by("customer_id"), {"withheld": reason}

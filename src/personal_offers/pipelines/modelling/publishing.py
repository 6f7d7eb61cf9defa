"""Who gets which risk: out of fold, at the test cutoff, or by the stored model."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from personal_offers.activity_params import ActivityOptions
from personal_offers.errors import InputError
from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.artefacts import (
    DeclineModel,
    training_facts,
    unfit,
    without_model,
)
from personal_offers.pipelines.modelling.models import fit_rows
from personal_offers.pipelines.modelling.nodes import rows_of
from personal_offers.pipelines.modelling.params import ModellingOptions

logger = logging.getLogger(__name__)

# Unseen categories that a warning quotes.
_EXAMPLES = 5
_OUTCOME = "the intake's tables were written, the risk was not"
_NOBODY = pd.DataFrame(columns=["customer_id", "decline_risk"])


def average_risk(
    customers: ir.Table,
    risk_by_repeat: pd.DataFrame,
    folds: pd.DataFrame,
    leak_verdict: Mapping[str, Any],
) -> ir.Table:
    """Average the out-of-fold risk of each customer over the repeats.

    Args:
        customers: One row per customer.
        risk_by_repeat: One row per repeat and customer; none where no model was made.
        folds: One row per repeat and customer.
        leak_verdict: Whether the audit was passed.

    Returns:
        Grain: one row per customer, ordered by id: customer_id, decline_risk (probability; null
        for whoever has no label), fold (of the first repeat), basis: ``model``, ``withheld``
        (there is no model, or nothing to judge this customer by), or ``failed_audit`` (nobody
        gets a risk from a model that leaks).
    """
    if not leak_verdict["passed"]:
        return _for_everyone(customers, _NOBODY, "failed_audit")
    risk = risk_by_repeat.groupby("customer_id")["risk"].mean().rename("decline_risk")
    first = folds[folds["repeat"] == 0].set_index("customer_id")["fold"]
    known = pd.concat([risk, first], axis=1).rename_axis("customer_id").reset_index()
    return _for_everyone(customers, known, "withheld")


def hold_out_risk(model_input: pd.DataFrame, risk_by_repeat: pd.DataFrame) -> ir.Table:
    """Set the risk at the test cutoff beside what happened after it.

    Args:
        model_input: One row per customer at the test cutoff.
        risk_by_repeat: Their risk by models that knew nothing after it.

    Returns:
        Grain: one customer, ordered by id: customer_id, cutoff, decline_risk (mean over the
        repeats), declined; nobody where there is no model.
    """
    risk = risk_by_repeat.groupby("customer_id")["risk"].mean().rename("decline_risk")
    table = model_input[["customer_id", "cutoff", "declined"]].join(risk, on="customer_id")
    schema = {
        "customer_id": "string",
        "cutoff": "timestamp(6)",
        "decline_risk": "float64",
        "declined": "boolean",
    }
    ordered = table.sort_values("customer_id", ignore_index=True)[list(schema)]
    return ibis.memtable(ordered, schema=schema)


def fit_decline_model(
    model_input: pd.DataFrame,
    model_gate: Mapping[str, Any],
    registry: FeatureRegistry,
    options: ModellingOptions,
) -> dict[str, Any]:
    """Fit the model that scores customers nobody has a label of yet.

    Args:
        model_input: Every row that may be learned from, in content order.
        model_gate: Why there is no model, if so.
        registry: Which features a model may see.
        options: Model, search and calibration.

    Returns:
        What ``SkopsModelDataset`` stores (see ``DeclineModel``); without a model the reason.
    """
    label = {"given": "declined, as the shop's files say"}
    return _fit_artefact(model_input, model_gate, label, registry, options)


def fit_on_cutoffs(
    training_input: pd.DataFrame,
    activity_plan: Mapping[str, Any],
    model_gate: Mapping[str, Any],
    registry: FeatureRegistry,
    options: ModellingOptions,
    activity: ActivityOptions,
) -> dict[str, Any]:
    """Fit the model that scores today's customers, on every cutoff whose outcome is known.

    Args:
        training_input: One row per customer and cutoff.
        activity_plan: Which cutoffs may be learned from today.
        model_gate: Why there is no model, if so.
        registry: Which features a model may see.
        options: Model, search and calibration.
        activity: What declined means.

    Returns:
        As ``fit_decline_model``.
    """
    rows = rows_of(training_input, activity_plan["training"])
    label = activity.model_dump(mode="json")
    return _fit_artefact(rows, model_gate, label, registry, options)


def _fit_artefact(
    rows: pd.DataFrame,
    model_gate: Mapping[str, Any],
    label: Mapping[str, Any],
    registry: FeatureRegistry,
    options: ModellingOptions,
) -> dict[str, Any]:
    if rows.empty:
        return without_model(model_gate["withheld"])
    fitted = fit_rows(rows, registry, options, options.seed)
    parameters = options.model_dump(mode="json")
    settings = {str(name): chosen for name, chosen in fitted.chosen.items()}
    facts = training_facts(rows, registry, parameters, label, settings)
    return DeclineModel(fitted.model, facts).to_parts()


def score_customers(
    decline_model: Mapping[str, Any],
    customers: ir.Table,
    eligible_customers: ir.Table,
    leak_verdict: Mapping[str, Any],
    registry: FeatureRegistry,
) -> ir.Table:
    """Give the customers of today their risk, and nobody else one.

    Args:
        decline_model: Stored model, fitted on cutoffs whose outcomes are known.
        customers: Grain: one customer, with features as of today.
        eligible_customers: Grain: one customer of the kind that the model learned from.
        leak_verdict: Whether the audit was passed.
        registry: Which features a model may see.

    Returns:
        Grain: one row per customer, ordered by id: customer_id, decline_risk (probability),
        fold (null: time is the test), basis: ``model``; ``not_eligible`` (no risk, because
        the model learned from regular customers alone: later stages take the RFM class);
        ``withheld`` (there is no model); or ``failed_audit`` (the model leaks).

    Raises:
        InputError: When the model was made for other features.
    """
    if not decline_model["model"] or not leak_verdict["passed"]:
        why = "failed_audit" if decline_model["model"] else "withheld"
        return _for_everyone(customers, _NOBODY, why)
    stored = DeclineModel.from_parts(decline_model)
    if problems := unfit(stored.facts, registry):
        raise InputError(problems, _OUTCOME)
    frame = typed_features(customers.semi_join(eligible_customers, "customer_id"), registry)
    if frame.empty:
        return _for_everyone(customers, _NOBODY, "not_eligible")
    _warn_of_unseen(stored, frame)
    frame["decline_risk"] = stored.model.predict(frame[registry.model_names()])
    return _for_everyone(customers, frame, "not_eligible")


def _warn_of_unseen(stored: DeclineModel, frame: pd.DataFrame) -> None:
    """Say which categories the model has never met; it takes them for none of those it knows."""
    parts = {part[0]: part[1:] for part in stored.model.members[0]["prepare"].transformers_}
    encoders, names = parts["categories"]
    known_of = encoders[-1].categories_ if len(names) else []
    for name, known in zip(names, known_of, strict=True):  # not those of today: one may be new
        unseen = frame[name].dropna()
        unseen = unseen[~unseen.isin(set(known))]
        if len(unseen):
            logger.warning(
                "%d customers have a %s that the model has not seen in training (%s); it counts "
                "as none of the known ones",
                len(unseen), name, ", ".join(sorted(unseen.astype(str).unique())[:_EXAMPLES]),
            )  # fmt: skip


def typed_features(customers: ir.Table, registry: FeatureRegistry) -> pd.DataFrame:
    """Bring customers into memory as a model takes them.

    Args:
        customers: Grain: one customer.
        registry: Which features a model may see.

    Returns:
        Grain: one customer, ordered by id: customer_id and the model's features, flags as
        ``yes`` and ``no``.
    """
    table = customers.select("customer_id", *registry.model_names()).order_by("customer_id")
    frame: pd.DataFrame = table.to_pandas()
    for name in registry.model_names("flag"):
        frame[name] = frame[name].map({True: "yes", False: "no"})
    return frame


def _for_everyone(customers: ir.Table, known: pd.DataFrame, otherwise: str) -> ir.Table:
    """Give every customer a row; whoever has no risk says on what ground."""
    schema = {"customer_id": "string", "decline_risk": "float64", "fold": "int64"}
    if "fold" not in known:
        known = known.assign(fold=None)
    rows = ibis.memtable(known[list(schema)].convert_dtypes(), schema=schema)
    table = customers.select("customer_id").left_join(rows, "customer_id")
    table = table.drop("customer_id_right")
    basis = ibis.cases((table.decline_risk.notnull(), "model"), else_=otherwise)
    return table.mutate(basis=basis).order_by("customer_id").cache()

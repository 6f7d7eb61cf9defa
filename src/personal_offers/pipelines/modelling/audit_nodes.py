"""The leak audit as it runs with the model, which it can fail."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.audit_params import AuditOptions
from personal_offers.pipelines.modelling.evaluation import evaluate_model, evaluate_out_of_time
from personal_offers.pipelines.modelling.leak_audit import COLUMNS, audit_leaks, verdict
from personal_offers.pipelines.modelling.nodes import rows_of
from personal_offers.pipelines.modelling.params import ModellingOptions

logger = logging.getLogger(__name__)

NOTHING_AUDITED: dict[str, Any] = {"passed": True, "failed": [], "warned": []}


def audit_folds(
    model_input: pd.DataFrame,
    folds: pd.DataFrame,
    risk_by_repeat: pd.DataFrame,
    file_order: ir.Table,
    registry: FeatureRegistry,
    options: ModellingOptions,
    audit: AuditOptions,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Look for leaks in a cross-validated model.

    Args:
        model_input: One row per customer, in content order.
        folds: One row per repeat and customer.
        risk_by_repeat: Out-of-fold risk of the model.
        file_order: Grain: one customer: row_number in the raw file.
        registry: What the model sees.
        options: Model, search and calibration.
        audit: Checks, limits and severities.

    Returns:
        The audit (see ``audit_leaks``) and its verdict: passed, failed, warned. Without a model
        there is nothing to audit, and nothing fails.
    """
    if model_input.empty:
        return pd.DataFrame(columns=COLUMNS), dict(NOTHING_AUDITED)
    some = folds[folds["repeat"] < audit.repeats]

    def predict(other: FeatureRegistry) -> pd.DataFrame:
        return evaluate_model(model_input, some, other, options)[0]

    table = audit_leaks(
        model_input, risk_by_repeat, registry, predict, audit,
        file_order=file_order.to_pandas(), folds=folds,
    )  # fmt: skip
    return table, _judge(table)


def audit_cutoffs(
    training_input: pd.DataFrame,
    model_input: pd.DataFrame,
    risk_by_repeat: pd.DataFrame,
    activity_plan: Mapping[str, Any],
    file_order: ir.Table,
    future_shift: Mapping[str, Any],
    registry: FeatureRegistry,
    options: ModellingOptions,
    audit: AuditOptions,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Look for leaks in a model that was tested at a later moment.

    Args:
        training_input: One row per customer and cutoff.
        model_input: One row per customer at the test cutoff.
        risk_by_repeat: Their risk.
        activity_plan: Which cutoffs may be learned from.
        file_order: Grain: one customer: row_number of the first line in the raw file.
        future_shift: Which features changed when the lines after the test cutoff did.
        registry: What the model sees.
        options: Model, search and calibration.
        audit: Checks, limits and severities.

    Returns:
        As ``audit_folds``.
    """
    if model_input.empty:
        return pd.DataFrame(columns=COLUMNS), dict(NOTHING_AUDITED)
    earlier = rows_of(training_input, activity_plan["evaluation"])
    few = options.model_copy(update={"repeats": min(audit.repeats, options.repeats)})

    def predict(other: FeatureRegistry) -> pd.DataFrame:
        return evaluate_out_of_time(earlier, model_input, other, few)[0]

    table = audit_leaks(
        earlier, risk_by_repeat, registry, predict, audit,
        judged=model_input, file_order=file_order.to_pandas(), future=future_shift,
    )  # fmt: skip
    return table, _judge(table)


def _judge(table: pd.DataFrame) -> dict[str, Any]:
    """Say aloud what the audit found."""
    found = verdict(table)
    for finding in table.loc[table["verdict"] == "warn", "finding_en"]:
        logger.warning("Leak audit: %s", finding)
    for finding in table.loc[table["verdict"] == "fail", "finding_en"]:
        logger.error("Leak audit failed, so nobody gets a risk: %s", finding)
    return found

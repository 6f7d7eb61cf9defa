"""Wiring of the decline model: customers and labels in, out-of-fold risk and metrics out."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from personal_offers.pipelines.modelling.decision import (
    captured_profit,
    profit_curve,
    reliability_table,
)
from personal_offers.pipelines.modelling.nodes import (
    assemble_model_input,
    assign_folds,
    average_risk,
    compute_metrics,
    evaluate_baselines,
    evaluate_model,
    withhold_decline_risk,
)
from personal_offers.shops import SHOPS
from personal_offers.wiring import in_stage

STAGE = "modelling"


def given_labels_template() -> Pipeline:
    """Return the nodes, without namespace, for a shop that says who declined."""
    options, registry = "params:modelling", "params:feature_registry"
    judged = ["decline_risk", "labels", "customers", "params:decision"]
    return Pipeline(
        [
            Node(
                assemble_model_input,
                ["customers", "labels", registry, options],
                "model_input",
                name="assemble_model_input",
            ),
            Node(assign_folds, ["model_input", options], "folds", name="assign_folds"),
            Node(
                evaluate_model,
                ["model_input", "folds", registry, options],
                ["risk_by_repeat", "chosen_settings"],
                name="evaluate_model",
            ),
            Node(
                evaluate_baselines,
                ["model_input", "folds", registry, options],
                "baseline_risk",
                name="evaluate_baselines",
            ),
            Node(average_risk, ["risk_by_repeat", "folds"], "decline_risk", name="average_risk"),
            Node(
                compute_metrics,
                ["model_input", "risk_by_repeat", "baseline_risk", options],
                "metrics",
                name="compute_metrics",
            ),
            Node(
                reliability_table,
                ["model_input", "risk_by_repeat", "params:decision"],
                "reliability",
                name="reliability_table",
            ),
            Node(profit_curve, judged, ["profit_curve", "decision"], name="profit_curve"),
            Node(captured_profit, judged, "captured_profit", name="captured_profit"),
        ]
    )


def no_labels_template() -> Pipeline:
    """Return the nodes, without namespace, for a shop that does not say who declined."""
    return Pipeline(
        [
            Node(
                withhold_decline_risk,
                ["customers"],
                ["decline_risk", "metrics"],
                name="withhold_decline_risk",
            )
        ]
    )


# By ``Shop.intake``.
TEMPLATES = {"customer_tables": given_labels_template, "order_lines": no_labels_template}


def create_pipeline(**_: object) -> Pipeline:
    """Return the stage of every shop, each in its own namespace."""
    return sum(
        (in_stage(TEMPLATES[shop.intake](), shop.name, STAGE) for shop in SHOPS),
        start=Pipeline([]),
    )

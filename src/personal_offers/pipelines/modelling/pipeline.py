"""Wiring of the decline model: customers and labels in, out-of-fold risk and metrics out."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from personal_offers.pipelines.modelling.nodes import (
    assemble_model_input,
    assign_folds,
    average_risk,
    compute_metrics,
    evaluate_baselines,
    evaluate_model,
)
from personal_offers.shops import SHOPS
from personal_offers.wiring import in_stage

STAGE = "modelling"


def template() -> Pipeline:
    """Return the nodes of the stage without namespace, the same for every shop."""
    options, registry = "params:modelling", "params:feature_registry"
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
        ]
    )


def create_pipeline(**_: object) -> Pipeline:
    """Return the stage of every shop, each in its own namespace."""
    return sum((in_stage(template(), shop.name, STAGE) for shop in SHOPS), start=Pipeline([]))

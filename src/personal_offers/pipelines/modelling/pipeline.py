"""Wiring of the decline model: customers and labels in, out-of-fold risk and metrics out."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from personal_offers.pipelines.modelling.audit_nodes import audit_cutoffs, audit_folds
from personal_offers.pipelines.modelling.card_nodes import (
    draw_model,
    write_cards,
    write_cards_with_time,
)
from personal_offers.pipelines.modelling.comparison import compare_candidates
from personal_offers.pipelines.modelling.decision import (
    captured_profit,
    profit_curve,
    reliability_table,
)
from personal_offers.pipelines.modelling.evaluation import evaluate_all
from personal_offers.pipelines.modelling.nodes import (
    assemble_cutoff_input,
    assemble_model_input,
    assign_folds,
    compute_metrics,
    evaluate_baselines,
    evaluate_baselines_out_of_time,
    evaluate_earlier_cutoffs,
    expect_purchases,
    take_test_customers,
)
from personal_offers.pipelines.modelling.previews import (
    show_calibration,
    show_choice,
    show_folds,
    show_time_split,
)
from personal_offers.pipelines.modelling.publishing import (
    average_risk,
    fit_decline_model,
    fit_on_cutoffs,
    hold_out_risk,
    score_customers,
)
from personal_offers.pipelines.modelling.reason_nodes import (
    add_reasons,
    explain_folds,
    explain_today,
)
from personal_offers.shops import SHOPS
from personal_offers.wiring import in_stage

STAGE = "modelling"


_REGISTRY, _OPTIONS = "params:feature_registry", "params:modelling"
_PLAN = "activity_plan"
_REASONS = "params:reasons"
_EXPLAINED = ["contributions", "drivers", "driver_agreement"]
_CARD = {
    "registry": _REGISTRY,
    "decline_model": "decline_model",
    "metrics": "metrics",
    "candidates": "candidates",
    "decision": "decision",
    "captured": "captured_profit",
    "audit": "leak_audit",
    "drivers": "drivers",
}
_CARD_WITH_TIME = _CARD | {
    "activity": "params:activity",
    "era": "era",
    "plan": _PLAN,
    "prevalence": "prevalence",
}
_CARDS = ["model_card_ru", "model_card_en"]
_EVALUATED = ["risk_by_repeat", "search_results", "candidate_risk", "candidate_search"]
_AUDITED = [_REGISTRY, _OPTIONS, "params:leak_audit"]


def cross_validation_template() -> Pipeline:
    """Return the nodes, without namespace, for a shop whose tables bear no dates."""
    folded = ["model_input", "folds"]
    rows = [*folded, _REGISTRY, _OPTIONS]
    return Pipeline(
        [
            Node(
                assemble_model_input,
                ["customers", "labels", _REGISTRY, _OPTIONS],
                ["model_input", "model_gate"],
                name="assemble_model_input",
            ),
            Node(
                assign_folds,
                ["model_input", _OPTIONS],
                "folds",
                name="assign_folds",
                preview_fn=show_folds,
            ),
            Node(
                evaluate_all,
                [*rows, _REASONS],
                [*_EVALUATED, "fold_models"],
                name="evaluate_all",
            ),
            Node(evaluate_baselines, rows, "baseline_risk", name="evaluate_baselines"),
            Node(
                audit_folds,
                [*folded, "risk_by_repeat", "file_order", *_AUDITED],
                ["leak_audit", "leak_verdict"],
                name="audit_folds",
            ),
            Node(
                average_risk,
                ["customers", "risk_by_repeat", "folds", "leak_verdict"],
                "unexplained_risk",
                name="average_risk",
            ),
            Node(
                explain_folds,
                [*folded, "fold_models", "unexplained_risk", _REGISTRY, _OPTIONS, _REASONS],
                _EXPLAINED,
                name="explain_folds",
            ),
            Node(
                fit_decline_model,
                ["model_input", "model_gate", _REGISTRY, _OPTIONS],
                "decline_model",
                name="fit_decline_model",
                preview_fn=show_calibration,
            ),
            *judging_nodes(judged="customers", risk="decline_risk"),
            *showing_nodes(),
            Node(write_cards, _CARD, _CARDS, name="write_cards"),
        ]
    )


def out_of_time_template() -> Pipeline:
    """Return the nodes, without namespace, for a shop whose order lines bear dates."""
    rows = ["training_input", "model_input", _PLAN, _REGISTRY, _OPTIONS]
    return Pipeline(
        [
            Node(
                expect_purchases,
                ["order_lines", "cutoff_customers", _PLAN, "params:activity"],
                ["expected_purchases", "bg_nbd"],
                name="expect_purchases",
            ),
            Node(
                assemble_cutoff_input,
                ["cutoff_customers", "expected_purchases", _PLAN, _REGISTRY, _OPTIONS],
                ["training_input", "model_input", "model_gate"],
                name="assemble_cutoff_input",
            ),
            Node(
                evaluate_earlier_cutoffs,
                rows,
                _EVALUATED,
                name="evaluate_earlier_cutoffs",
                preview_fn=show_time_split,
            ),
            Node(
                evaluate_baselines_out_of_time,
                rows,
                "baseline_risk",
                name="evaluate_baselines_out_of_time",
            ),
            Node(
                hold_out_risk,
                ["model_input", "risk_by_repeat"],
                "holdout_risk",
                name="hold_out_risk",
            ),
            Node(
                take_test_customers,
                ["cutoff_customers", _PLAN],
                "test_customers",
                name="take_test_customers",
            ),
            *todays_nodes(),
            *judging_nodes(judged="test_customers", risk="holdout_risk"),
            *showing_nodes(),
            Node(write_cards_with_time, _CARD_WITH_TIME, _CARDS, name="write_cards_with_time"),
        ]
    )


def todays_nodes() -> list[Node]:
    """Return the nodes that give today's customers a risk, where time gives the test."""
    return [
        Node(
            fit_on_cutoffs,
            ["training_input", _PLAN, "model_gate", _REGISTRY, _OPTIONS, "params:activity"],
            "decline_model",
            name="fit_on_cutoffs",
            preview_fn=show_calibration,
        ),
        Node(
            audit_cutoffs,
            [
                "training_input",
                "model_input",
                "risk_by_repeat",
                _PLAN,
                "file_order",
                "future_shift",
                *_AUDITED,
            ],
            ["leak_audit", "leak_verdict"],
            name="audit_cutoffs",
        ),
        Node(
            score_customers,
            ["decline_model", "customers", "eligible_customers", "leak_verdict", _REGISTRY],
            "unexplained_risk",
            name="score_customers",
        ),
        Node(
            explain_today,
            [
                "decline_model",
                "training_input",
                _PLAN,
                "customers",
                "unexplained_risk",
                _REGISTRY,
                _OPTIONS,
                _REASONS,
            ],
            _EXPLAINED,
            name="explain_today",
        ),
    ]


def judging_nodes(judged: str, risk: str) -> list[Node]:
    """Return the nodes that judge a risk by customers whose outcome is known.

    Args:
        judged: Table that holds the profit of these customers.
        risk: Table that holds their risk.
    """
    evaluated = ["model_input", "risk_by_repeat"]
    decided = [risk, "labels", judged, "params:decision"]
    return [
        Node(
            compare_candidates,
            [
                *evaluated,
                "candidate_risk",
                "baseline_risk",
                "search_results",
                "candidate_search",
                _OPTIONS,
            ],
            ["candidates", "comparison"],
            name="compare_candidates",
            preview_fn=show_choice,
        ),
        Node(
            compute_metrics,
            [
                *evaluated,
                "baseline_risk",
                "comparison",
                "leak_verdict",
                "model_gate",
                _OPTIONS,
            ],
            "metrics",
            name="compute_metrics",
        ),
        Node(
            reliability_table,
            [*evaluated, "params:decision"],
            "reliability",
            name="reliability_table",
        ),
        Node(profit_curve, decided, ["profit_curve", "decision"], name="profit_curve"),
        Node(captured_profit, decided, "captured_profit", name="captured_profit"),
    ]


def showing_nodes() -> list[Node]:
    """Return the nodes that put reasons beside the risk, and draw how good it is."""
    return [
        Node(
            add_reasons,
            ["unexplained_risk", "contributions", _REGISTRY, _REASONS],
            ["decline_risk", "reasons"],
            name="add_reasons",
        ),
        Node(
            draw_model,
            [
                "metrics",
                "candidates",
                "reliability",
                "profit_curve",
                "decision",
                "drivers",
                _REGISTRY,
            ],
            [
                "figure_reliability",
                "figure_profit_curve",
                "figure_candidates",
                "figure_drivers",
            ],
            name="draw_model",
        ),
    ]


# By ``Shop.intake``.
TEMPLATES = {"customer_tables": cross_validation_template, "order_lines": out_of_time_template}


def create_pipeline(**_: object) -> Pipeline:
    """Return the stage of every shop, each in its own namespace."""
    return sum(
        (in_stage(TEMPLATES[shop.intake](), shop.name, STAGE) for shop in SHOPS),
        start=Pipeline([]),
    )

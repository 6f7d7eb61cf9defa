"""Wiring of the offers: customers, risk and segments in, one offer or none per customer out."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from personal_offers.pipelines.offers.export import export_offers
from personal_offers.pipelines.offers.figures import draw_frontier, draw_gates, draw_tornado
from personal_offers.pipelines.offers.interests import name_interests, take_main_categories
from personal_offers.pipelines.offers.offer_names import name_offers
from personal_offers.pipelines.offers.outcomes import (
    list_untouchables,
    publish_offers,
    settle_outcomes,
)
from personal_offers.pipelines.offers.plan import allocate_offers
from personal_offers.pipelines.offers.plan_text import write_plan
from personal_offers.pipelines.offers.previews import show_allocation, show_prices
from personal_offers.pipelines.offers.recommendations import write_recommendations
from personal_offers.pipelines.offers.sensitivity import draw_assumptions, try_assumptions
from personal_offers.pipelines.offers.summary import measure_control, summarise_plan
from personal_offers.pipelines.offers.trials import try_budgets, try_units, value_gates
from personal_offers.pipelines.offers.values import price_offers
from personal_offers.shops import SHOPS
from personal_offers.wiring import in_stage

STAGE = "offers"

_CATALOGUE, _OPTIONS = "params:offer_catalogue", "params:offers"
_PLAN = [_CATALOGUE, _OPTIONS]
_CUSTOMERS = ["customers", "segments", "customer_interests"]


def customer_tables_template() -> Pipeline:
    """Return the nodes, without namespace, for a shop that states main categories itself."""
    interests = Node(
        take_main_categories, "segments", "customer_interests", name="take_main_categories"
    )
    return Pipeline([interests, *plan_nodes(), *trial_nodes(), *showing_nodes()])


def order_lines_template() -> Pipeline:
    """Return the nodes, without namespace, for a shop of order lines."""
    interests = Node(
        name_interests,
        ["interests", "product_categories"],
        "customer_interests",
        name="name_interests",
    )
    return Pipeline([interests, *plan_nodes(), *trial_nodes(), *showing_nodes()])


def plan_nodes() -> list[Node]:
    """Return the nodes that price every offer, choose, withhold, and say why."""
    return [
        Node(
            price_offers,
            [*_CUSTOMERS, *_PLAN],
            "offer_values",
            name="price_offers",
            preview_fn=show_prices,
        ),
        Node(
            allocate_offers,
            ["segments", "offer_values", *_PLAN],
            ["offer_allocation", "allocation_facts"],
            name="allocate_offers",
            preview_fn=show_allocation,
        ),
        Node(
            draw_assumptions,
            ["offer_values", "offer_allocation", _OPTIONS],
            ["gain_probability", "gain_facts"],
            name="draw_assumptions",
        ),
        Node(
            settle_outcomes,
            ["segments", "offer_values", "offer_allocation", "gain_probability"],
            "offer_outcomes",
            name="settle_outcomes",
        ),
        Node(
            publish_offers,
            [
                "offer_outcomes",
                "decline_risk",
                "customer_interests",
                "view_names",
                "params:feature_registry",
                *_PLAN,
            ],
            "offers",
            name="publish_offers",
        ),
        Node(
            list_untouchables,
            ["offer_values", "offer_outcomes"],
            "do_not_touch",
            name="list_untouchables",
        ),
    ]


def trial_nodes() -> list[Node]:
    """Return the nodes that try other budgets, rules, gates, assumptions and units."""
    priced = ["offer_values", *_PLAN]
    return [
        Node(
            try_budgets,
            priced,
            ["budget_frontier", "budget_moves", "offer_policies", "budget_offers"],
            name="try_budgets",
        ),
        Node(
            try_assumptions,
            priced,
            ["offer_sensitivity", "offers_by_case"],
            name="try_assumptions",
        ),
        Node(
            value_gates,
            ["offer_values", "offer_outcomes", *_PLAN],
            "gate_values",
            name="value_gates",
        ),
        Node(try_units, [*_CUSTOMERS, *_PLAN], "plan_by_unit", name="try_units"),
        Node(
            measure_control,
            ["offers", "view_names", *_PLAN],
            ["control_balance", "detectable_effects", "offer_warnings"],
            name="measure_control",
        ),
    ]


def showing_nodes() -> list[Node]:
    """Return the nodes that people and mailing tools read from."""
    return [
        Node(
            summarise_plan,
            [
                "offers",
                "allocation_facts",
                "gain_facts",
                "gate_values",
                "do_not_touch",
                "plan_by_unit",
                "detectable_effects",
                _OPTIONS,
            ],
            "offer_plan",
            name="summarise_plan",
        ),
        Node(name_offers, ["view_names", *_PLAN], "offer_names", name="name_offers"),
        Node(
            write_plan,
            ["offer_plan", "offer_warnings", *_PLAN],
            ["offer_plan_ru", "offer_plan_en"],
            name="write_plan",
        ),
        Node(
            write_recommendations,
            ["view_names", "cluster_profile", "params:recommendations"],
            "recommendations",
            name="write_recommendations",
        ),
        Node(export_offers, ["offers", *_PLAN], "export", name="export_offers"),
        Node(
            draw_frontier,
            ["budget_frontier", "offer_policies", _OPTIONS],
            "figure_offer_frontier",
            name="draw_frontier",
        ),
        Node(
            draw_tornado,
            ["offer_sensitivity", _OPTIONS],
            "figure_offer_tornado",
            name="draw_tornado",
        ),
        Node(draw_gates, ["gate_values", _OPTIONS], "figure_offer_gates", name="draw_gates"),
    ]


# By ``Shop.intake``.
TEMPLATES = {"customer_tables": customer_tables_template, "order_lines": order_lines_template}


def create_pipeline(**_: object) -> Pipeline:
    """Return the stage of every shop, each in its own namespace."""
    return sum(
        (in_stage(TEMPLATES[shop.intake](), shop.name, STAGE) for shop in SHOPS),
        start=Pipeline([]),
    )

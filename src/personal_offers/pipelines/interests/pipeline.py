"""Wiring of the interests: order lines in, product categories and customers' interests out."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from personal_offers.pipelines.interests.category_nodes import (
    categorise_products,
    propose_category_rules,
    report_categories,
    summarise_products,
)
from personal_offers.pipelines.interests.category_table import read_category_table
from personal_offers.pipelines.interests.interest_figures import (
    draw_interest_accuracy,
    draw_interest_coverage,
)
from personal_offers.pipelines.interests.interest_nodes import (
    evaluate_interests,
    fit_interest_model,
    score_interests,
    tabulate_spend,
)
from personal_offers.pipelines.interests.previews import show_interest_split
from personal_offers.shops import SHOPS
from personal_offers.wiring import in_stage

STAGE = "interests"


def template() -> Pipeline:
    """Return the nodes, without namespace, for a shop of order lines."""
    return Pipeline([*category_nodes(), *interest_nodes()])


def category_nodes() -> list[Node]:
    """Return the nodes that put products into categories, and say how good these are."""
    history = {
        "order_lines": "order_lines",
        "era": "era",
        "options": "params:categories",
    }
    known = history | {"products": "products"}
    proposed = {"category_rules_proposed": "category_rules_proposed"}
    own = {"own_categories": "own_categories"}
    return [
        Node(
            read_category_table,
            {"product_categories": "raw_product_categories"},
            "own_categories",
            name="read_category_table",
        ),
        Node(summarise_products, history, "products", name="summarise_products"),
        Node(
            propose_category_rules,
            known,
            "category_rules_proposed",
            name="propose_category_rules",
        ),
        Node(
            categorise_products,
            known | own | proposed,
            "product_categories",
            name="categorise_products",
        ),
        Node(
            report_categories,
            known | own | proposed | {"product_categories": "product_categories"},
            ["category_report", "category_profile"],
            name="report_categories",
        ),
    ]


def interest_nodes() -> list[Node]:
    """Return the nodes that say what each customer is after, and how far that can be told."""
    options = {"options": "params:interests"}
    lines = {
        "order_lines": "order_lines",
        "product_categories": "product_categories",
        "era": "era",
    }
    spend, metrics = {"interest_spend": "interest_spend"}, {"interest_metrics": "interest_metrics"}
    return [
        Node(tabulate_spend, lines, "interest_spend", name="tabulate_spend"),
        Node(
            evaluate_interests,
            lines | options | {"category_options": "params:categories"},
            ["interest_metrics", "interest_accuracy", "interest_coverage", "interest_choice"],
            name="evaluate_interests",
            preview_fn=show_interest_split,
        ),
        Node(
            fit_interest_model,
            spend | options | {"interest_choice": "interest_choice"},
            "interest_model",
            name="fit_interest_model",
        ),
        Node(
            score_interests,
            spend | options | {"customers": "customers", "interest_model": "interest_model"},
            "interests",
            name="score_interests",
        ),
        *(
            Node(
                draw,
                metrics | more | {table: table},
                f"figure_{table}",
                name=draw.__name__,
            )
            for draw, table, more in (
                (draw_interest_accuracy, "interest_accuracy", {}),
                (draw_interest_coverage, "interest_coverage", options),
            )
        ),
    ]


def create_pipeline(**_: object) -> Pipeline:
    """Return the stage of every shop of order lines, each in its own namespace."""
    return sum(
        (in_stage(template(), shop.name, STAGE) for shop in SHOPS if shop.intake == "order_lines"),
        start=Pipeline([]),
    )

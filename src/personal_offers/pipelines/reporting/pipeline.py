"""Wiring of the stage ``reporting``: chapters from tables, pages from chapters."""

from __future__ import annotations

from collections.abc import Sequence

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from personal_offers.pipelines.reporting.absent import telling_absent
from personal_offers.pipelines.reporting.assumptions_chapter import write_assumptions
from personal_offers.pipelines.reporting.clusters_chapter import write_clusters
from personal_offers.pipelines.reporting.customer_list import list_customers
from personal_offers.pipelines.reporting.customer_list_chapter import write_customer_list
from personal_offers.pipelines.reporting.customers_chapter import write_customers
from personal_offers.pipelines.reporting.data_chapter import write_data
from personal_offers.pipelines.reporting.glossary_chapter import write_glossary
from personal_offers.pipelines.reporting.interests_chapter import write_interests
from personal_offers.pipelines.reporting.model_card_chapter import write_model_card
from personal_offers.pipelines.reporting.offers_chapter import write_offers
from personal_offers.pipelines.reporting.page import build_report
from personal_offers.pipelines.reporting.previews import show_pages
from personal_offers.pipelines.reporting.report_cards import summarise_report, write_index
from personal_offers.pipelines.reporting.rfm_chapter import write_rfm
from personal_offers.pipelines.reporting.risk_chapter import write_risk, write_risk_over_time
from personal_offers.pipelines.reporting.sales_chapter import write_sales
from personal_offers.pipelines.reporting.segments_chapter import write_segments
from personal_offers.pipelines.reporting.slides import draw_pictures, write_tables
from personal_offers.pipelines.reporting.summary_chapter import write_summary
from personal_offers.pipelines.reporting.threshold_grid import count_threshold_grid
from personal_offers.shops import SHOPS
from personal_offers.wiring import in_stage, over_shops

STAGE = "reporting"
_OPTIONS = {"options": "params:reporting"}
_REGISTRY = {"registry": "params:feature_registry"}
_PLAN = {"plan": "params:reporting_units"}
_VIEWS = {"views": "params:reporting_views"}


def _same(*names: str) -> dict[str, str]:
    """Return inputs whose arguments are named like their datasets."""
    return {name: name for name in names}


# Chapters in the order of the page; those of shops of order lines alone are left out elsewhere.
_COMMON = (
    "summary",
    "data",
    "customers",
    "risk",
    "segments",
    "clusters",
    "offers",
    "customer_list",
    "assumptions",
    "glossary",
    "model_card",
)
_ORDER = (
    "summary",
    "data",
    "sales",
    "customers",
    "risk",
    "segments",
    "rfm",
    "clusters",
    "interests",
    "offers",
    "customer_list",
    "assumptions",
    "glossary",
    "model_card",
)


def customer_tables_template() -> Pipeline:
    """Return the stage of a shop whose label, profit and features come ready."""
    chapters = [
        summary_node(),
        data_node(),
        customers_node(),
        risk_node(),
        threshold_grid_node(),
        segments_node(),
        clusters_node(),
        offers_node(),
        *customer_list_nodes(),
        assumptions_node(),
        glossary_node(),
        model_card_node(),
    ]
    return Pipeline([*chapters, *page_nodes([name for name in _ORDER if name in _COMMON])])


def order_lines_template() -> Pipeline:
    """Return the stage of a shop of order lines."""
    chapters = [
        summary_node("era"),
        data_node("era", "regime", "class_verdict", "interest_metrics"),
        sales_node(),
        customers_node(
            "era",
            "prevalence",
            "activity_plan",
            "cutoff_customers",
            "segment_thresholds",
        ),
        risk_node(over_time=True),
        threshold_grid_node(),
        segments_node(),
        rfm_node(),
        clusters_node("cluster_migration", "earlier_customers", "era"),
        interests_node(),
        offers_node(),
        *customer_list_nodes(),
        assumptions_node(),
        glossary_node("era", "interest_metrics"),
        model_card_node("activity_plan"),
    ]
    return Pipeline([*chapters, *page_nodes(_ORDER)])


def summary_node(*more: str) -> Node:
    """What to do now."""
    return Node(
        telling_absent(write_summary),
        _same(
            "offer_plan",
            "offers",
            "offer_names",
            "detectable_effects",
            "segment_profile",
            "view_names",
            "metrics",
            *more,
        )
        | _OPTIONS
        | _PLAN,
        "chapter_summary",
        name="write_summary",
    )


def data_node(*more: str) -> Node:
    """Data health."""
    return Node(
        telling_absent(write_data),
        _same("cleaning_ledger", "model_gate", "metrics", "decision", "offer_plan", *more)
        | _OPTIONS
        | _REGISTRY,
        "chapter_data",
        name="write_data",
    )


def sales_node() -> Node:
    """What was sold."""
    return Node(
        telling_absent(write_sales),
        _same(
            "figure_sales_by_month",
            "figure_sales_by_weekday_hour",
            "figure_sales_by_country",
            "figure_sales_by_product",
            "returns_summary",
            "sales_by_month",
            "era",
        )
        | _OPTIONS,
        "chapter_sales",
        name="write_sales",
    )


def customers_node(*more: str) -> Node:
    """Who the customers are, and how active."""
    return Node(
        telling_absent(write_customers),
        _same("customers", "segments", "labels", "view_names", "cleaning_ledger", *more) | _OPTIONS,
        "chapter_customers",
        name="write_customers",
    )


def risk_node(over_time: bool = False) -> Node:
    """How good the risk is."""
    parts = _same(
        "metrics",
        "candidates",
        "reliability",
        "decision",
        "captured_profit",
        "leak_audit",
        "figure_candidates",
        "figure_reliability",
        "figure_profit_curve",
        "figure_drivers",
    )
    inputs = parts | _OPTIONS | _REGISTRY
    if not over_time:
        return Node(telling_absent(write_risk), inputs, "chapter_risk", name="write_risk")
    computed = {"activity": "params:activity", "activity_plan": "activity_plan"}
    return Node(
        telling_absent(write_risk_over_time),
        inputs | computed,
        "chapter_risk",
        name="write_risk_over_time",
    )


def segments_node() -> Node:
    """Risk x profit."""
    return Node(
        telling_absent(write_segments),
        _same(
            "segment_profile",
            "segment_thresholds",
            "threshold_grid",
            "view_names",
            "model_gate",
            "segment_drivers",
            "view_agreement",
            "conflict_summary",
            "recommendations",
        )
        | _OPTIONS
        | _REGISTRY
        | _PLAN
        | _VIEWS,
        "chapter_segments",
        name="write_segments",
    )


def threshold_grid_node() -> Node:
    """Customers by risk and profit, for the sliders."""
    return Node(
        count_threshold_grid,
        _same("segments", "segment_thresholds") | _OPTIONS,
        "threshold_grid",
        name="count_threshold_grid",
    )


def rfm_node() -> Node:
    """RFM grid, classes, backtest, migration."""
    return Node(
        telling_absent(write_rfm),
        _same(
            "rfm",
            "rfm_breaks",
            "rfm_boundaries",
            "class_profile",
            "class_backtest",
            "class_verdict",
            "class_migration",
            "class_tests",
            "recommendations",
            "view_names",
            "era",
        )
        | _OPTIONS,
        "chapter_rfm",
        name="write_rfm",
    )


def clusters_node(*more: str) -> Node:
    """Groups found by an algorithm."""
    return Node(
        telling_absent(write_clusters),
        _same(
            "cluster_summary",
            "cluster_choice",
            "recommendations",
            "figure_cluster_radar",
            "figure_cluster_heatmap",
            "figure_cluster_choice",
            *more,
        )
        | _OPTIONS
        | _REGISTRY
        | _PLAN
        | _VIEWS,
        "chapter_clusters",
        name="write_clusters",
    )


def interests_node() -> Node:
    """What customers are after."""
    return Node(
        telling_absent(write_interests),
        _same(
            "interests",
            "interest_metrics",
            "interest_accuracy",
            "category_profile",
            "category_report",
            "figure_interest_accuracy",
            "figure_interest_coverage",
            "era",
        )
        | _OPTIONS,
        "chapter_interests",
        name="write_interests",
    )


def offers_node() -> Node:
    """Who gets which offer."""
    return Node(
        telling_absent(write_offers),
        _same(
            "offer_plan",
            "offers",
            "offer_names",
            "view_names",
            "offer_warnings",
            "budget_frontier",
            "budget_offers",
            "offer_policies",
            "gate_values",
            "detectable_effects",
            "do_not_touch",
            "figure_offer_frontier",
            "figure_offer_tornado",
            "figure_offer_gates",
        )
        | _OPTIONS
        | _PLAN,
        "chapter_offers",
        name="write_offers",
    )


def customer_list_nodes() -> list[Node]:
    """Customers one by one."""
    return [
        Node(
            list_customers,
            _same("segments", "decline_risk", "offers", "reasons") | _OPTIONS,
            "customer_list",
            name="list_customers",
        ),
        Node(
            telling_absent(write_customer_list),
            _same("customer_list", "offer_names", "view_names") | _OPTIONS | _PLAN,
            "chapter_customer_list",
            name="write_customer_list",
        ),
    ]


def assumptions_node() -> Node:
    """Numbers that nobody measured."""
    return Node(
        telling_absent(write_assumptions),
        _same("offer_names", "decision", "offer_sensitivity", "plan_by_unit") | _OPTIONS,
        "chapter_assumptions",
        name="write_assumptions",
    )


def glossary_node(*more: str) -> Node:
    """Words."""
    return Node(
        telling_absent(write_glossary),
        _same("metrics", "offer_plan", "view_names", *more) | _OPTIONS,
        "chapter_glossary",
        name="write_glossary",
    )


def model_card_node(*more: str) -> Node:
    """What the model is for."""
    return Node(
        telling_absent(write_model_card),
        _same("model_card_ru", "model_card_en", *more) | _OPTIONS,
        "chapter_model_card",
        name="write_model_card",
    )


def page_nodes(chapters: Sequence[str]) -> list[Node]:
    """Return the nodes that make pages, pictures and tables of chapters."""
    inputs = _same(*(f"chapter_{name}" for name in chapters)) | _OPTIONS
    return [
        Node(
            build_report,
            inputs,
            ["report_ru", "report_en"],
            name="build_report",
            preview_fn=show_pages,
        ),
        Node(draw_pictures, inputs, "pictures", name="draw_pictures"),
        Node(write_tables, inputs, "tables", name="write_tables"),
        Node(
            summarise_report,
            _same("chapter_summary") | _OPTIONS,
            "report_card",
            name="summarise_report",
        ),
    ]


# By ``Shop.intake``.
TEMPLATES = {"customer_tables": customer_tables_template, "order_lines": order_lines_template}


def create_pipeline(**_: object) -> Pipeline:
    """Return the stage of every shop, each in its own namespace, and the page over the shops."""
    shops = (in_stage(TEMPLATES[shop.intake](), shop.name, STAGE) for shop in SHOPS)
    return sum(shops, start=over_shops(index_node, STAGE))


def index_node() -> Node:
    """The page over the shops, in the order of ``shops.py``."""
    cards = [f"{shop.name}.report_card" for shop in SHOPS]
    return Node(write_index, cards, "report_index", name="write_index")

"""Wiring of the segments: customers and their risk in, segments and profiles out."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from personal_offers.pipelines.segmentation.backtest import backtest_classes
from personal_offers.pipelines.segmentation.class_tests import compare_classes
from personal_offers.pipelines.segmentation.cluster_figures import draw_clusters
from personal_offers.pipelines.segmentation.cluster_fit import fit_clusters
from personal_offers.pipelines.segmentation.cluster_nodes import name_clusters
from personal_offers.pipelines.segmentation.cluster_profiles import (
    profile_clusters,
    summarise_clusters,
)
from personal_offers.pipelines.segmentation.cluster_transform import assign_clusters
from personal_offers.pipelines.segmentation.drivers import drivers_by_segment
from personal_offers.pipelines.segmentation.migration import migrate_classes, migrate_clusters
from personal_offers.pipelines.segmentation.nodes import (
    assign_segments,
    complete_segments,
    find_thresholds,
    gather_views,
    profile_segments,
    profile_segments_and_classes,
)
from personal_offers.pipelines.segmentation.previews import (
    show_cells,
    show_cluster_choice,
    show_scores,
)
from personal_offers.pipelines.segmentation.rfm import (
    describe_rfm,
    fit_rfm,
    profile_classes,
    score_rfm,
)
from personal_offers.pipelines.segmentation.view_names import name_views, name_views_and_classes
from personal_offers.pipelines.segmentation.views import (
    compare_views,
    find_conflicts,
    find_conflicts_with_classes,
)
from personal_offers.shops import SHOPS
from personal_offers.wiring import in_stage

STAGE = "segmentation"


_OPTIONS, _RFM, _CLUSTERS = "params:segmentation", "params:rfm", "params:clusters"
_LINES = {"order_lines": "order_lines", "era": "era"}
_HISTORY = _LINES | {"options": _RFM}
_CONFLICTS = ["view_conflicts", "conflict_summary"]


def customer_tables_template() -> Pipeline:
    """Return the nodes, without namespace, for a shop without order lines."""
    return Pipeline(
        [
            *risk_and_profit_nodes(),
            *cluster_nodes(),
            Node(
                complete_segments,
                ["risk_segments", "clusters"],
                "segments",
                name="complete_segments",
            ),
            Node(
                profile_segments,
                ["segments", "labels", _OPTIONS],
                "segment_profile",
                name="profile_segments",
            ),
            drivers_node(),
            agreement_node(),
            Node(name_views, [_OPTIONS, "cluster_summary"], "view_names", name="name_views"),
            Node(find_conflicts, "segments", _CONFLICTS, name="find_conflicts"),
        ]
    )


def order_lines_template() -> Pipeline:
    """Return the nodes, without namespace, for a shop of order lines."""
    return Pipeline(
        [
            *rfm_nodes(),
            *risk_and_profit_nodes(),
            *cluster_nodes(),
            Node(
                migrate_clusters,
                _LINES
                | {
                    "earlier_customers": "earlier_customers",
                    "clusters": "clusters",
                    "cluster_model": "cluster_model",
                    "cluster_summary": "cluster_summary",
                },
                "cluster_migration",
                name="migrate_clusters",
            ),
            Node(
                gather_views,
                ["risk_segments", "rfm", "clusters", "interests"],
                "segments",
                name="gather_views",
            ),
            Node(
                profile_segments_and_classes,
                ["segments", _OPTIONS, _RFM],
                "segment_profile",
                name="profile_segments_and_classes",
            ),
            drivers_node(),
            agreement_node(),
            Node(
                name_views_and_classes,
                [_OPTIONS, _RFM, "cluster_summary"],
                "view_names",
                name="name_views_and_classes",
            ),
            Node(
                find_conflicts_with_classes,
                ["segments", _RFM],
                _CONFLICTS,
                name="find_conflicts_with_classes",
            ),
        ]
    )


def risk_and_profit_nodes() -> list[Node]:
    """Return the nodes that put customers into cells of risk x profit."""
    return [
        Node(
            find_thresholds,
            ["customers", "decline_risk", _OPTIONS],
            "segment_thresholds",
            name="find_thresholds",
        ),
        Node(
            assign_segments,
            ["customers", "decline_risk", "segment_thresholds", _OPTIONS],
            "risk_segments",
            name="assign_segments",
            preview_fn=show_cells,
        ),
    ]


def cluster_nodes() -> list[Node]:
    """Return the nodes that find clusters, freeze them, describe and draw them."""
    known = {"customers": "customers", "options": _CLUSTERS}
    labels = {"cluster_labels": "cluster_labels"}
    described = known | labels | {"registry": "params:feature_registry"}
    return [
        Node(
            fit_clusters,
            known,
            ["cluster_model", "cluster_candidates", "cluster_choice", "cluster_noise"],
            name="fit_clusters",
            preview_fn=show_cluster_choice,
        ),
        Node(
            assign_clusters,
            ["customers", "cluster_model", "cluster_noise"],
            "cluster_labels",
            name="assign_clusters",
        ),
        Node(profile_clusters, described, "cluster_profile", name="profile_clusters"),
        Node(
            summarise_clusters,
            described | {"profile": "cluster_profile"},
            "cluster_summary",
            name="summarise_clusters",
        ),
        Node(
            name_clusters,
            ["cluster_labels", "cluster_summary"],
            "clusters",
            name="name_clusters",
        ),
        Node(
            draw_clusters,
            {
                "profile": "cluster_profile",
                "summary": "cluster_summary",
                "candidates": "cluster_candidates",
                "choice": "cluster_choice",
                "registry": "params:feature_registry",
            },
            ["figure_cluster_radar", "figure_cluster_heatmap", "figure_cluster_choice"],
            name="draw_clusters",
        ),
    ]


def drivers_node() -> Node:
    """Return the node that says what goes along with the risk in each segment."""
    return Node(
        drivers_by_segment,
        ["contributions", "segments"],
        "segment_drivers",
        name="drivers_by_segment",
    )


def agreement_node() -> Node:
    """Return the node that says how much the views of a customer agree."""
    return Node(compare_views, ["segments", "params:views"], "view_agreement", name="compare_views")


def rfm_nodes() -> list[Node]:
    """Return the nodes of RFM: scores, classes, and how far the classes hold."""
    rfm = {"rfm": "rfm", "options": _RFM}
    breaks = {"breaks": "rfm_breaks"}
    bought = {"purchases": "rfm_purchases", "era": "era", "options": _RFM}
    return [
        Node(fit_rfm, _HISTORY, ["rfm_breaks", "rfm_purchases"], name="fit_rfm"),
        Node(score_rfm, bought | breaks, "rfm", name="score_rfm", preview_fn=show_scores),
        Node(describe_rfm, rfm | breaks, "rfm_boundaries", name="describe_rfm"),
        Node(profile_classes, rfm, "class_profile", name="profile_classes"),
        Node(compare_classes, _HISTORY | rfm, "class_tests", name="compare_classes"),
        Node(
            backtest_classes,
            _HISTORY | breaks,
            ["class_backtest", "class_verdict"],
            name="backtest_classes",
        ),
        Node(migrate_classes, _HISTORY | breaks, "class_migration", name="migrate_classes"),
    ]


# By ``Shop.intake``.
TEMPLATES = {"customer_tables": customer_tables_template, "order_lines": order_lines_template}


def create_pipeline(**_: object) -> Pipeline:
    """Return the stage of every shop, each in its own namespace."""
    return sum(
        (in_stage(TEMPLATES[shop.intake](), shop.name, STAGE) for shop in SHOPS),
        start=Pipeline([]),
    )

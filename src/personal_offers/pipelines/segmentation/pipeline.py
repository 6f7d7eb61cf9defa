"""Wiring of the segments: customers and their risk in, segments and profiles out."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from personal_offers.pipelines.segmentation.backtest import backtest_classes, migrate_classes
from personal_offers.pipelines.segmentation.class_tests import compare_classes
from personal_offers.pipelines.segmentation.drivers import drivers_by_segment
from personal_offers.pipelines.segmentation.nodes import (
    add_classes,
    assign_segments,
    complete_segments,
    find_thresholds,
    profile_segments,
    profile_segments_and_classes,
)
from personal_offers.pipelines.segmentation.rfm import (
    describe_rfm,
    fit_rfm_breaks,
    profile_classes,
    score_rfm,
)
from personal_offers.shops import SHOPS
from personal_offers.wiring import in_stage

STAGE = "segmentation"


_OPTIONS, _RFM = "params:segmentation", "params:rfm"
_HISTORY = {"order_lines": "order_lines", "era": "era", "options": _RFM}


def risk_and_profit() -> list[Node]:
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
        ),
    ]


def customer_tables_template() -> Pipeline:
    """Return the nodes, without namespace, for a shop without order lines."""
    profile = Node(
        profile_segments,
        ["segments", "labels", _OPTIONS],
        "segment_profile",
        name="profile_segments",
    )
    complete = Node(complete_segments, "risk_segments", "segments", name="complete_segments")
    return Pipeline([*risk_and_profit(), complete, profile, drivers_node()])


def drivers_node() -> Node:
    """Return the node that says what goes along with the risk in each segment."""
    return Node(
        drivers_by_segment,
        ["contributions", "segments"],
        "segment_drivers",
        name="drivers_by_segment",
    )


def rfm_nodes() -> list[Node]:
    """Return the nodes of RFM: scores, classes, and how far the classes hold."""
    rfm = {"rfm": "rfm", "options": _RFM}
    breaks = {"breaks": "rfm_breaks"}
    return [
        Node(fit_rfm_breaks, _HISTORY, "rfm_breaks", name="fit_rfm_breaks"),
        Node(score_rfm, _HISTORY | breaks, "rfm", name="score_rfm"),
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


def order_lines_template() -> Pipeline:
    """Return the nodes, without namespace, for a shop of order lines."""
    return Pipeline(
        [
            *rfm_nodes(),
            *risk_and_profit(),
            Node(add_classes, ["risk_segments", "rfm"], "segments", name="add_classes"),
            Node(
                profile_segments_and_classes,
                ["segments", _OPTIONS, _RFM],
                "segment_profile",
                name="profile_segments_and_classes",
            ),
            drivers_node(),
        ]
    )


# By ``Shop.intake``.
TEMPLATES = {"customer_tables": customer_tables_template, "order_lines": order_lines_template}


def create_pipeline(**_: object) -> Pipeline:
    """Return the stage of every shop, each in its own namespace."""
    return sum(
        (in_stage(TEMPLATES[shop.intake](), shop.name, STAGE) for shop in SHOPS),
        start=Pipeline([]),
    )

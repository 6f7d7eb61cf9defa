"""Wiring of the segments: customers and their risk in, segments and profiles out."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from personal_offers.pipelines.segmentation.nodes import (
    assign_segments,
    find_thresholds,
    profile_segments,
)
from personal_offers.shops import SHOPS
from personal_offers.wiring import in_stage

STAGE = "segmentation"


def template() -> Pipeline:
    """Return the nodes of the stage without namespace, the same for every shop."""
    options = "params:segmentation"
    return Pipeline(
        [
            Node(
                find_thresholds,
                ["customers", "decline_risk", options],
                "segment_thresholds",
                name="find_thresholds",
            ),
            Node(
                assign_segments,
                ["customers", "decline_risk", "segment_thresholds", options],
                "segments",
                name="assign_segments",
            ),
            Node(
                profile_segments,
                ["segments", "labels", options],
                "segment_profile",
                name="profile_segments",
            ),
        ]
    )


def create_pipeline(**_: object) -> Pipeline:
    """Return the stage of every shop, each in its own namespace."""
    return sum((in_stage(template(), shop.name, STAGE) for shop in SHOPS), start=Pipeline([]))

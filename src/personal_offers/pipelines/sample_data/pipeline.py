"""Wiring of the sample: a seed in, raw files out."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from personal_offers.pipelines.sample_data.one_click import generate_one_click
from personal_offers.wiring import in_stage

STAGE = "sample_data"
ONE_CLICK_FILES = ("market_file", "market_money", "market_time", "money")


def create_pipeline(**_: object) -> Pipeline:
    """Return the generators of all sample shops."""
    one_click = Pipeline(
        [
            Node(
                generate_one_click,
                {"options": "params:sample_data"},
                {name: f"sample_{name}" for name in ONE_CLICK_FILES},
                name="generate_one_click",
            )
        ]
    )
    return in_stage(one_click, "one_click", STAGE)

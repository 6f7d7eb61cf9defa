"""Wiring of the sample: a seed in, raw files out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node, Pipeline

from personal_offers.pipelines.sample_data.gift_shop import generate_gift_shop
from personal_offers.pipelines.sample_data.home_goods import generate_home_goods
from personal_offers.pipelines.sample_data.one_click import generate_one_click
from personal_offers.wiring import in_stage

STAGE = "sample_data"
ONE_CLICK_FILES = ("market_file", "market_money", "market_time", "money")


def create_pipeline(**_: object) -> Pipeline:
    """Return the generators of all sample shops."""
    return (
        _generator(
            "one_click", generate_one_click, {name: f"sample_{name}" for name in ONE_CLICK_FILES}
        )
        + _generator("gift_shop", generate_gift_shop, "sample_order_lines")
        + _generator("home_goods", generate_home_goods, "sample_order_lines")
    )


def _generator(shop: str, generate: Callable[..., Any], files: str | dict[str, str]) -> Pipeline:
    """Wire the generator of one shop to its options and its files."""
    options = {"options": f"params:{STAGE}"}
    return in_stage(Pipeline([Node(generate, options, files, name=generate.__name__)]), shop, STAGE)

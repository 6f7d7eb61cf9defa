"""Runs of the offers of all shops, on saved outputs and from raw files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

ONE_CLICK = "one_click"
ORDER_LINES = ("gift_shop", "home_goods")
ALL_SHOPS = (ONE_CLICK, *ORDER_LINES)
PLAN_DATE = "2026-03-02"
# Of the first shop: the offers matter here, not how well the risk is known.
SMALL = {
    "modelling": {
        "repeats": 1,
        "folds": 2,
        "model": "extra_trees",
        "grids": {
            "extra_trees": {"n_estimators": [25], "max_features": [2], "min_samples_leaf": [1]}
        },
        "candidates": {"models": []},
    },
    "reasons": {"most_customers": 100, "sample": 50, "stability_seeds": 0},
}
# What the stage reads, by layer; order lines have the last two.
SAVED = [
    "03_primary/{shop}/customers.parquet",
    "07_model_output/{shop}/segments.parquet",
    "07_model_output/{shop}/decline_risk.parquet",
    "07_model_output/{shop}/view_names.json",
    "07_model_output/{shop}/cluster_profile.csv",
    "07_model_output/{shop}/interests.parquet",
    "05_model_input/{shop}/product_categories.csv",
]
Plan = Callable[..., None]


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Put one tree of parameters over another."""
    both = {key: value for key, value in second.items() if key not in first}
    for key, value in first.items():
        other = second.get(key, value)
        nested = isinstance(value, dict) and isinstance(other, dict)
        both[key] = merged(value, other) if nested else other
    return both


def saved(source: Path, target: Path, *shops: str) -> Path:
    """Copy what the stage reads, and nothing else."""
    for name in SAVED:
        for shop in shops:
            file = name.format(shop=shop)
            if (source / file).is_file():
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source / file, target / file)
    return target

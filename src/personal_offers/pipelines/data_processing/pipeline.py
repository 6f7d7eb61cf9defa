"""Wiring of the intake: raw files in, customers, labels, ledger and quarantine out."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from personal_offers.pipelines.data_processing.nodes import (
    build_customers,
    check_raw_tables,
    collect_quarantine,
    compile_ledger,
    mark_rows,
    take_labels,
)
from personal_offers.shops import SHOPS, Shop
from personal_offers.wiring import in_stage

STAGE = "data_processing"


def customer_tables_template(shop: Shop) -> Pipeline:
    """Intake of a shop whose label, profit and features come ready.

    Args:
        shop: Names the raw tables.

    Returns:
        Nodes without namespace, one set for any such shop.
    """
    options = {"options": "params:data_processing"}
    raw = {name: f"raw_{name}" for name in shop.raw_tables}
    parsed = {name: f"parsed_{name}" for name in shop.raw_tables}
    marked = {name: f"marked_{name}" for name in shop.raw_tables}
    both = {f"raw__{name}": dataset for name, dataset in raw.items()}
    both |= {f"marked__{name}": dataset for name, dataset in marked.items()}
    return Pipeline(
        [
            Node(check_raw_tables, options | raw, parsed, name="check_raw_tables"),
            Node(mark_rows, options | parsed, marked, name="mark_rows"),
            Node(compile_ledger, options | marked, "cleaning_ledger", name="compile_ledger"),
            Node(collect_quarantine, options | both, "quarantine", name="collect_quarantine"),
            Node(
                build_customers,
                {"registry": "params:feature_registry"} | options | marked,
                "customers",
                name="build_customers",
            ),
            Node(take_labels, options | marked, "labels", name="take_labels"),
        ]
    )


# The ways in, by ``Shop.intake``; all of them end in the same tables.
TEMPLATES = {"customer_tables": customer_tables_template}


def create_pipeline(**_: object) -> Pipeline:
    """Return the intake of every shop, each in its own namespace."""
    return sum(
        (in_stage(TEMPLATES[shop.intake](shop), shop.name, STAGE) for shop in SHOPS),
        start=Pipeline([]),
    )

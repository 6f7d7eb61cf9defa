"""Wiring of the intake: raw files in, customers, labels, ledger and quarantine out."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from personal_offers.pipelines.data_processing.activity_nodes import (
    build_cutoff_customers,
    check_future_shift,
    label_customers,
    list_eligible_customers,
    take_line_order,
    take_test_labels,
)
from personal_offers.pipelines.data_processing.figures import draw_sales, show_ledger
from personal_offers.pipelines.data_processing.nodes import (
    build_customers,
    check_raw_tables,
    collect_quarantine,
    compile_ledger,
    mark_rows,
    take_file_order,
    take_labels,
)
from personal_offers.pipelines.data_processing.order_nodes import (
    build_earlier_customers,
    build_order_customers,
    build_orders,
    choose_era,
    collect_order_quarantine,
    compile_order_ledger,
    keep_marks,
    mark_order_lines,
    read_order_lines,
    take_order_lines,
)
from personal_offers.pipelines.data_processing.previews import (
    show_cleaning,
    show_label,
    show_regime,
)
from personal_offers.pipelines.data_processing.returns import match_returns, summarise_returns
from personal_offers.pipelines.data_processing.sales import sales_overview
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
            Node(
                mark_rows,
                options | parsed,
                marked,
                name="mark_rows",
                preview_fn=show_cleaning,
            ),
            Node(compile_ledger, options | marked, "cleaning_ledger", name="compile_ledger"),
            Node(collect_quarantine, options | both, "quarantine", name="collect_quarantine"),
            Node(
                build_customers,
                {"registry": "params:feature_registry"} | options | marked,
                "customers",
                name="build_customers",
            ),
            Node(take_labels, options | marked, "labels", name="take_labels"),
            Node(take_file_order, options | marked, "file_order", name="take_file_order"),
            ledger_page_node(),
        ]
    )


def order_lines_template(_: Shop) -> Pipeline:
    """Intake of a shop of which everything is computed from order lines.

    Returns:
        Nodes without namespace, one set for any such shop.
    """
    options = {"options": "params:data_processing"}
    raw, marked = {"order_lines": "raw_order_lines"}, {"marked": "marked_order_lines"}
    lines = {"order_lines": "order_lines"}
    return Pipeline(
        [
            Node(read_order_lines, options | raw, "parsed_order_lines", name="read_order_lines"),
            Node(
                mark_order_lines,
                options | {"parsed": "parsed_order_lines"},
                ["marked_order_lines", "regime", "regime_break"],
                name="mark_order_lines",
                preview_fn=show_regime,
            ),
            Node(keep_marks, marked, "order_line_marks", name="keep_marks"),
            Node(take_order_lines, options | marked, "order_lines", name="take_order_lines"),
            Node(match_returns, lines, "returns", name="match_returns"),
            Node(
                summarise_returns,
                {"matched": "returns"} | lines,
                "returns_summary",
                name="summarise_returns",
            ),
            Node(
                compile_order_ledger,
                options | marked | {"returns": "returns"},
                "cleaning_ledger",
                name="compile_order_ledger",
            ),
            Node(
                collect_order_quarantine,
                raw | marked,
                "quarantine",
                name="collect_order_quarantine",
            ),
            Node(
                choose_era,
                options | lines | marked | {"regime_break": "regime_break"},
                "era",
                name="choose_era",
            ),
            *customer_nodes(),
            *activity_nodes(),
            *sales_nodes(),
            ledger_page_node(),
        ]
    )


def customer_nodes() -> list[Node]:
    """Return the nodes that add order lines up to orders and customers."""
    lines = {"order_lines": "order_lines"}
    known = lines | {
        "registry": "params:feature_registry",
        "options": "params:data_processing",
        "era": "era",
    }
    return [
        Node(build_orders, lines, "orders", name="build_orders"),
        Node(build_order_customers, known, "customers", name="build_order_customers"),
        Node(build_earlier_customers, known, "earlier_customers", name="build_earlier_customers"),
    ]


def activity_nodes() -> list[Node]:
    """Return the nodes that say who declined, and what was known of them before."""
    activity = {"activity": "params:activity"}
    lines, plan = {"order_lines": "order_lines"}, {"activity_plan": "activity_plan"}
    labels = {"cutoff_labels": "cutoff_labels"}
    return [
        Node(
            label_customers,
            activity | lines | {"era": "era"},
            ["cutoff_labels", "prevalence", "activity_plan"],
            name="label_customers",
            preview_fn=show_label,
        ),
        Node(
            take_test_labels,
            labels | plan | {"customers": "customers"},
            "labels",
            name="take_test_labels",
        ),
        Node(
            list_eligible_customers,
            activity | lines | plan,
            "eligible_customers",
            name="list_eligible_customers",
        ),
        Node(
            build_cutoff_customers,
            {"registry": "params:feature_registry", "options": "params:data_processing"}
            | activity
            | lines
            | labels
            | plan,
            "cutoff_customers",
            name="build_cutoff_customers",
        ),
        Node(take_line_order, lines, "file_order", name="take_line_order"),
        Node(
            check_future_shift,
            {"registry": "params:feature_registry", "options": "params:data_processing"}
            | lines
            | plan,
            "future_shift",
            name="check_future_shift",
        ),
    ]


def sales_nodes() -> list[Node]:
    """Return the nodes that say what a shop of order lines sold."""
    views = ("month", "weekday", "hour", "weekday_hour", "country", "product")
    drawn = ("month", "weekday_hour", "country", "product")
    options = {"options": "params:sales"}
    return [
        Node(
            sales_overview,
            {"order_lines": "order_lines"} | options,
            {view: f"sales_by_{view}" for view in views},
            name="sales_overview",
        ),
        Node(
            draw_sales,
            {"intake": "params:data_processing"}
            | options
            | {f"by_{view}": f"sales_by_{view}" for view in drawn},
            [f"figure_sales_by_{view}" for view in drawn],
            name="draw_sales",
        ),
    ]


def ledger_page_node() -> Node:
    """Return the node that shows the ledger, with its alerts in red."""
    return Node(show_ledger, {"ledger": "cleaning_ledger"}, "ledger_page", name="show_ledger")


# The ways in, by ``Shop.intake``; all of them end in the same tables.
TEMPLATES = {
    "customer_tables": customer_tables_template,
    "order_lines": order_lines_template,
}


def create_pipeline(**_: object) -> Pipeline:
    """Return the intake of every shop, each in its own namespace."""
    return sum(
        (in_stage(TEMPLATES[shop.intake](shop), shop.name, STAGE) for shop in SHOPS),
        start=Pipeline([]),
    )

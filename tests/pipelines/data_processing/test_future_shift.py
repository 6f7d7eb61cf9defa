"""The future-shift test passes for the shop's features, and catches every way of cheating."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pytest

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.data_processing.future_shift import shift_future
from personal_offers.pipelines.data_processing.order_nodes import build_order_customers
from personal_offers.pipelines.data_processing.order_params import OrderLineOptions

Build = Callable[[FeatureRegistry, OrderLineOptions, ir.Table, Mapping[str, Any]], ir.Table]

SCHEMA = {
    "row_number": "int64",
    "customer_id": "string",
    "order_id": "string",
    "ordered_at": "timestamp",
    "logged_at": "timestamp",
    "product_id": "string",
    "product_name": "string",
    "quantity": "int64",
    "unit_price": "decimal(18, 4)",
    "amount": "decimal(18, 2)",
    "is_return": "boolean",
    "country": "string",
    "trusted": "boolean",
}
CUTOFF = datetime(2021, 6, 30, 12)


@pytest.fixture(scope="module")
def options(parameters: dict[str, Any]) -> OrderLineOptions:
    return OrderLineOptions.model_validate(parameters["gift_shop"]["data_processing"])


@pytest.fixture(scope="module")
def order_registry(parameters: dict[str, Any]) -> FeatureRegistry:
    return FeatureRegistry.model_validate(parameters["gift_shop"]["feature_registry"])


def line(
    customer: str, order: str, at: str, quantity: int = 1, price: str = "2.50", **rest: Any
) -> dict[str, Any]:
    time = datetime.fromisoformat(at)
    return {
        "row_number": 0,
        "customer_id": customer,
        "order_id": order,
        "ordered_at": time,
        "logged_at": time,
        "product_id": f"p{quantity}",
        "product_name": "Cup",
        "quantity": quantity,
        "unit_price": Decimal(price),
        "amount": Decimal(price) * quantity,
        "is_return": quantity < 0,
        "country": "Malta",
        "trusted": True,
    } | rest


LINES = [
    line("ann", "1", "2021-01-02 19:30", 3),
    line("ann", "2", "2021-06-05 10:00", 2),
    line("ann", "3", "2021-07-05 10:00", 9, country="Cyprus"),
    line("bob", "4", "2021-06-30 12:00", 1),
    # One order of Bob's, logged on both sides of the cutoff.
    line("bob", "5", "2021-06-30 11:59", 2),
    line("bob", "5", "2021-06-30 11:59", 5, logged_at=datetime(2021, 6, 30, 12, 0, 1)),
    line("bob", "C5", "2021-07-02 10:00", -1),
    # Unknown until then, and a line that can be linked to nobody.
    line("eve", "6", "2021-08-01 10:00", 4),
    line("dan", "7", "2021-07-01 10:00", 4, trusted=False),
]


def table(*lines: dict[str, Any]) -> ir.Table:
    return ibis.memtable(list(lines), schema=SCHEMA)


@pytest.fixture
def shift(options: OrderLineOptions, order_registry: FeatureRegistry) -> Callable[..., Any]:
    def run(
        build: Build = build_order_customers, lines: Any = LINES, cutoff: datetime = CUTOFF
    ) -> dict[str, Any]:
        return shift_future(order_registry, options, table(*lines), cutoff, build)

    return run


def test_features_of_the_shop_see_nothing(
    shift: Callable[..., Any], order_registry: FeatureRegistry
) -> None:
    found = shift()

    assert found == {
        "cutoff": "2021-06-30T12:00:00",
        "later_lines": 5,
        "customers": 2,
        "features": len(order_registry.names()) + 3,  # profit, revenue_repaired and regular
        "changed": {},
    }


def test_a_cutoff_at_the_end_changes_no_line(shift: Callable[..., Any]) -> None:
    found = shift(cutoff=datetime(2021, 8, 1, 10))

    assert (found["later_lines"], found["customers"], found["changed"]) == (0, 3, {})


def test_a_cutoff_before_everything_has_no_customers(shift: Callable[..., Any]) -> None:
    found = shift(cutoff=datetime(2020, 1, 1))

    assert (found["later_lines"], found["customers"], found["changed"]) == (9, 0, {})


def test_a_later_cutoff_is_found_out(shift: Callable[..., Any]) -> None:
    def month_later(
        registry: FeatureRegistry, options: OrderLineOptions, lines: ir.Table, _: Any
    ) -> ir.Table:
        era = {"cutoff": (CUTOFF + timedelta(days=10)).isoformat()}
        return build_order_customers(registry, options, lines, era)

    changed = shift(month_later)["changed"]

    assert changed["revenue"] == 2
    assert changed["recency_days"] == 1  # Bob's later lines are of an order that had begun
    assert "customer_id" not in changed  # Eve comes later still, and nobody leaves


def test_time_of_the_order_instead_of_the_log_is_found_out(shift: Callable[..., Any]) -> None:
    def by_order(
        registry: FeatureRegistry, options: OrderLineOptions, lines: ir.Table, era: Any
    ) -> ir.Table:
        early = lines.mutate(logged_at=lines.ordered_at)
        return build_order_customers(registry, options, early, era)

    assert shift(by_order)["changed"]["items_90d"] == 2


@pytest.mark.parametrize(
    ("column", "peek", "customers"),
    [
        # Null where later lines were taken away.
        ("profit", lambda t: t.quantity.sum(where=t.logged_at > CUTOFF).cast("float64"), 2),
        ("country", lambda t: t.country.argmax(t.logged_at), 2),
        ("regular", lambda t: t.trusted.all() & (t.logged_at.max() > CUTOFF), 2),
        ("recency_days", lambda t: t.count().cast("float64"), 2),
        ("profit", lambda t: t.quantity.min().cast("float64"), 2),
    ],
)
def test_one_column_that_peeks_is_named(
    shift: Callable[..., Any],
    column: str,
    peek: Callable[[ir.Table], ir.Value],
    customers: int,
) -> None:
    def peeking(
        registry: FeatureRegistry, options: OrderLineOptions, lines: ir.Table, era: Any
    ) -> ir.Table:
        honest = build_order_customers(registry, options, lines, era)
        seen = lines.group_by("customer_id").aggregate(peek=peek(lines))
        both = honest.left_join(seen, "customer_id")
        return both.mutate(**{column: both.peek}).select(honest.columns)

    assert shift(peeking)["changed"] == {column: customers}


def test_customers_who_appear_are_counted(shift: Callable[..., Any]) -> None:
    def everybody(
        registry: FeatureRegistry, options: OrderLineOptions, lines: ir.Table, era: Any
    ) -> ir.Table:
        honest = build_order_customers(registry, options, lines, era)
        all_ids = lines.select("customer_id").distinct()
        joined = all_ids.left_join(honest, "customer_id").drop("customer_id_right")
        return joined.select(honest.columns)

    # Eve and Dan have later lines alone.
    assert shift(everybody)["changed"] == {"customer_id": 2}


def test_rounding_is_no_difference(shift: Callable[..., Any]) -> None:
    calls = iter([0.0, 1e-13, -1e-13])

    def noisy(
        registry: FeatureRegistry, options: OrderLineOptions, lines: ir.Table, era: Any
    ) -> ir.Table:
        honest = build_order_customers(registry, options, lines, era)
        return honest.mutate(revenue=honest.revenue + next(calls))

    assert shift(noisy)["changed"] == {}

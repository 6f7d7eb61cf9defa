"""Features of three customers, worked out by hand: every measure, its windows and their ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pytest

from personal_offers.features import FromOrders
from personal_offers.order_history import orders_of
from personal_offers.pipelines.data_processing.order_features import aggregate_order_features

SCHEMA = {
    "customer_id": "string",
    "order_id": "string",
    "ordered_at": "timestamp",
    "logged_at": "timestamp",
    "product_id": "string",
    "quantity": "int64",
    "amount": "decimal(18, 2)",
    "is_return": "boolean",
    "country": "string",
}
CUTOFF = datetime(2021, 6, 30, 12)  # a Wednesday
MEASURES = (
    "orders",
    "returns",
    "net_revenue",
    "gross_revenue",
    "items",
    "average_check",
    "largest_order",
    "lines_per_order",
    "return_share",
    "recency_days",
    "tenure_days",
    "days_between_orders",
    "weekend_share",
    "evening_share",
    "products",
    "unit_price",
    "country",
)


def line(
    customer: str, order: str, at: str, product: str, quantity: int, amount: str, **rest: Any
) -> dict[str, Any]:
    time = datetime.fromisoformat(at)
    return {
        "customer_id": customer,
        "order_id": order,
        "ordered_at": time,
        "logged_at": time,
        "product_id": product,
        "quantity": quantity,
        "amount": Decimal(amount),
        "is_return": quantity < 0,
        "country": "Malta",
    } | rest


LINES = [
    # Ann: two Saturdays, the first in the evening; she brings one cup back.
    line("ann", "1", "2021-01-02 19:30", "cup", 3, "6.00"),
    line("ann", "1", "2021-01-02 19:30", "plate", 1, "10.00"),
    line("ann", "2", "2021-06-05 10:00", "cup", 2, "6.00", country="Cyprus"),
    line("ann", "C2", "2021-06-06 10:00", "cup", -1, "-3.00", country="Crete"),
    # Bob: one order on a Thursday, just when the evening begins.
    line("bob", "3", "2021-04-01 18:00", "bowl", 4, "10.00"),
    # Eve: at the first moment of a year and at the cutoff itself.
    line("eve", "4", "2021-01-01 00:00", "cup", 1, "1.00", country=None),
    line("eve", "5", "2021-06-30 12:00", "vase", 1, "5.00", country=None),
]


def features(
    lines: Sequence[dict[str, Any]], cutoff: datetime = CUTOFF, **wanted: FromOrders
) -> dict[str, dict[str, Any]]:
    table: ir.Table = ibis.memtable(list(lines), schema=SCHEMA)
    found = aggregate_order_features(table, orders_of(table), wanted, cutoff)
    return {row.pop("customer_id"): row for row in found.to_pyarrow().to_pylist()}


def of(measure: str, days: int | None = None, skip_days: int = 0) -> FromOrders:
    return FromOrders.model_validate(
        {"kind": "from_orders", "measure": measure, "days": days, "skip_days": skip_days}
    )


@pytest.fixture(scope="module")
def ever() -> dict[str, dict[str, Any]]:
    """All measures over all history."""
    return features(LINES, **{measure: of(measure) for measure in MEASURES})


@pytest.fixture(scope="module")
def empty() -> dict[str, dict[str, Any]]:
    """All measures over ten days in which nobody did anything."""
    return features(LINES, **{measure: of(measure, 10, 30) for measure in MEASURES})


@pytest.mark.parametrize(
    ("measure", "ann", "bob", "eve"),
    [
        ("orders", 2, 1, 2),
        ("returns", 1, 0, 0),
        ("net_revenue", 19, 10, 6),
        ("gross_revenue", 22, 10, 6),
        ("items", 5, 4, 2),
        ("average_check", 11, 10, 3),
        ("largest_order", 16, 10, 5),
        ("lines_per_order", 1.5, 1, 1),
        ("return_share", 3 / 22, 0, 0),
        ("recency_days", 25, 90, 0),
        ("tenure_days", 179, 90, 180),
        ("days_between_orders", 154, None, 180),
        ("weekend_share", 1, 0, 0),
        ("evening_share", 0.5, 1, 0),
        ("products", 2, 1, 2),
        ("unit_price", 22 / 6, 2.5, 3),
        ("country", "Cyprus", "Malta", None),
    ],
)
def test_measure_over_all_history(
    measure: str, ann: Any, bob: Any, eve: Any, ever: dict[str, dict[str, Any]]
) -> None:
    found = {customer: row[measure] for customer, row in ever.items()}

    assert found == {
        "ann": pytest.approx(ann),
        "bob": pytest.approx(bob),
        "eve": pytest.approx(eve),
    }


def test_every_measure_of_the_registry_is_tested() -> None:
    choices = FromOrders.model_fields["measure"].annotation

    assert set(MEASURES) == set(choices.__args__)  # type: ignore[union-attr]


@pytest.mark.parametrize("measure", MEASURES)
def test_sums_of_an_empty_window_are_zero_and_all_else_is_unknown(
    measure: str, empty: dict[str, dict[str, Any]]
) -> None:
    sums = {"orders", "returns", "net_revenue", "gross_revenue", "items", "products"}
    nothing = 0 if measure in sums else None

    assert {row[measure] for row in empty.values()} == {nothing}


def test_numbers_are_floats_whatever_the_measure(ever: dict[str, dict[str, Any]]) -> None:
    kinds = {type(value) for row in ever.values() for name, value in row.items()
             if name != "country" and value is not None}  # fmt: skip

    assert kinds == {float}


def test_customers_of_an_empty_window_keep_their_row() -> None:
    assert set(features(LINES, orders_5d=of("orders", 5))) == {"ann", "bob", "eve"}


def test_a_window_holds_its_end_and_not_its_start() -> None:
    # Given orders 30 days before the cutoff, a minute later, and at the cutoff
    lines = [
        line("ann", "1", "2021-05-31 12:00", "cup", 1, "1.00"),
        line("ann", "2", "2021-05-31 12:01", "cup", 1, "2.00"),
        line("ann", "3", "2021-06-30 12:00", "cup", 1, "4.00"),
    ]

    found = features(lines, last=of("net_revenue", 30), before=of("net_revenue", 30, 30))

    # Then no order is in two windows, and none is lost between them
    assert found == {"ann": {"last": 6.0, "before": 1.0}}


def test_windows_side_by_side_add_up_to_the_whole() -> None:
    parts = {f"part_{skip}": of("net_revenue", 60, skip) for skip in (0, 60, 120)}

    found = features(LINES, whole=of("net_revenue", 180), **parts)

    for row in found.values():
        assert row["part_0"] + row["part_60"] + row["part_120"] == row["whole"]


def test_what_lies_after_the_end_of_a_window_is_not_seen() -> None:
    # Given a window that ends 60 days before the cutoff, on 1 May at 12 h
    wanted = {measure: of(measure, skip_days=60) for measure in MEASURES}

    ann = features(LINES, **wanted)["ann"]

    assert (ann["orders"], ann["returns"], ann["net_revenue"], ann["country"]) == (
        1,
        0,
        16,
        "Malta",
    )
    assert (ann["products"], ann["unit_price"], ann["largest_order"]) == (2, 4, 16)
    # and days are counted from its end
    assert (ann["recency_days"], ann["tenure_days"]) == (119, 119)


def test_a_return_counts_when_it_came_back_not_when_it_was_bought() -> None:
    lines = [
        line("ann", "1", "2021-01-02 10:00", "cup", 2, "6.00"),
        line("ann", "C1", "2021-06-20 10:00", "cup", -1, "-3.00"),
    ]

    found = features(lines, **{m: of(m, 30) for m in ("net_revenue", "items", "returns", "orders")})

    assert found == {"ann": {"net_revenue": -3.0, "items": -1.0, "returns": 1.0, "orders": 0.0}}


def test_days_are_calendar_days() -> None:
    # Given an order one minute before midnight, and a cutoff one minute after it
    lines = [line("ann", "1", "2021-06-29 23:59", "cup", 1, "1.00")]

    found = features(lines, datetime(2021, 6, 30, 0, 1), days=of("recency_days"))

    assert found == {"ann": {"days": 1.0}}


def test_several_orders_of_one_day_have_no_days_between_them() -> None:
    lines = [line("ann", order, "2021-06-05 10:00", "cup", 1, "1.00") for order in ("1", "2", "3")]

    assert features(lines, gap=of("days_between_orders")) == {"ann": {"gap": 0.0}}


@pytest.mark.parametrize(
    ("at", "weekend", "evening"),
    [
        ("2021-06-25 17:59", 0, 0),  # Friday
        ("2021-06-26 18:00", 1, 1),  # Saturday
        ("2021-06-27 23:59", 1, 1),  # Sunday
        ("2021-06-28 00:00", 0, 0),  # Monday
    ],
)
def test_weekends_and_evenings(at: str, weekend: float, evening: float) -> None:
    lines = [line("ann", "1", at, "cup", 1, "1.00")]

    found = features(lines, weekend=of("weekend_share"), evening=of("evening_share"))

    assert found == {"ann": {"weekend": weekend, "evening": evening}}


def test_the_country_is_that_of_the_latest_purchase() -> None:
    lines = [
        line("ann", "1", "2021-03-01 10:00", "cup", 1, "1.00", country="Malta"),
        line("ann", "2", "2021-02-01 10:00", "cup", 1, "1.00", country="Cyprus"),
        line("ann", "C3", "2021-05-01 10:00", "cup", -1, "-1.00", country="Crete"),
    ]

    assert features(lines, country=of("country")) == {"ann": {"country": "Malta"}}


def test_countries_of_purchases_at_one_moment_do_not_depend_on_the_row_order() -> None:
    lines = [
        line("ann", order, "2021-03-01 10:00", "cup", 1, "1.00", country=country)
        for order, country in (("1", "Malta"), ("2", "Cyprus"))
    ]

    assert features(lines, country=of("country")) == features(lines[::-1], country=of("country"))


def test_money_is_summed_to_the_cent() -> None:
    # Given sums that floats miss: a hundred times ten cents, and 0.1 + 0.2
    lines = [line("ann", str(n), "2021-06-05 10:00", "cup", 1, "0.10") for n in range(100)]
    lines += [line("bob", n, "2021-06-05 10:00", "cup", 1, n) for n in ("0.10", "0.20")]

    found = features(lines, net=of("net_revenue"))

    assert (found["ann"]["net"], found["bob"]["net"]) == (10.0, 0.3)


def test_measures_of_lines_alone_need_no_measure_of_orders() -> None:
    found = features(LINES, orders=of("orders"), cups=of("products"))

    assert found["ann"] == {"orders": 2.0, "cups": 2.0}
    assert features(LINES, orders=of("orders"))["ann"] == {"orders": 2.0}

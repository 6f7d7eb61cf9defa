"""Order lines as they were known at a moment, their orders, and what customers bought."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pytest

from personal_offers.order_history import lines_known_at, orders_of, purchase_history

SCHEMA = {
    "row_number": "int64",
    "customer_id": "string",
    "order_id": "string",
    "ordered_at": "timestamp",
    "logged_at": "timestamp",
    "quantity": "int64",
    "amount": "decimal(18, 2)",
    "is_return": "boolean",
    "trusted": "boolean",
}
CUTOFF = datetime(2021, 3, 31, 12)


def line(order: str, quantity: int, amount: str, **changes: Any) -> dict[str, Any]:
    """Line of customer ann, logged on 1 March 2021 at 10 h."""
    at = changes.get("ordered_at", datetime(2021, 3, 1, 10))
    return {
        "customer_id": "ann",
        "order_id": order,
        "ordered_at": at,
        "logged_at": at,
        "quantity": quantity,
        "amount": Decimal(amount),
        "is_return": quantity < 0,
        "trusted": True,
    } | changes


def table_of(*lines: dict[str, Any]) -> ir.Table:
    rows = [{"row_number": number} | row for number, row in enumerate(lines, start=1)]
    return ibis.memtable(rows, schema=SCHEMA)


def listed(table: ir.Table, *by: str) -> list[dict[str, Any]]:
    return (table.order_by(*by) if by else table).to_pyarrow().to_pylist()


def history_of(*lines: dict[str, Any], cutoff: datetime = CUTOFF) -> list[dict[str, Any]]:
    return listed(purchase_history(orders_of(table_of(*lines)), cutoff), "customer_id")


class TestLinesKnownAt:
    def known(self, cutoff: datetime, *lines: dict[str, Any]) -> list[int]:
        return [row["row_number"] for row in listed(lines_known_at(table_of(*lines), cutoff),
                                                    "row_number")]  # fmt: skip

    def test_a_line_of_the_cutoff_itself_is_known_and_a_later_one_is_not(self) -> None:
        moments = [CUTOFF, CUTOFF.replace(microsecond=1), CUTOFF.replace(hour=13)]

        assert self.known(CUTOFF, *(line("1", 1, "1", ordered_at=at) for at in moments)) == [1]

    def test_a_line_added_to_an_old_order_is_known_once_it_was_logged(self) -> None:
        added = line("1", 1, "1", logged_at=datetime(2021, 4, 1))

        assert self.known(CUTOFF, line("1", 1, "1"), added) == [1]
        assert self.known(datetime(2021, 4, 1), line("1", 1, "1"), added) == [1, 2]

    def test_what_cannot_be_trusted_is_never_known(self) -> None:
        assert self.known(CUTOFF, line("1", 1, "1", trusted=False), line("2", 1, "1")) == [2]

    def test_before_the_first_line_nothing_is_known(self) -> None:
        assert self.known(datetime(2020, 1, 1), line("1", 1, "1")) == []


class TestOrdersOf:
    def test_lines_add_up(self) -> None:
        (order,) = listed(orders_of(table_of(line("1", 2, "3.10"), line("1", 1, "0.05"))))

        assert order == {
            "customer_id": "ann",
            "order_id": "1",
            "ordered_at": datetime(2021, 3, 1, 10),
            "is_return": False,
            "has_return": False,
            "net_revenue": Decimal("3.15"),
            "gross_revenue": Decimal("3.15"),
            "items": 3,
            "lines": 2,
        }

    def test_a_return_is_an_order_without_gross_revenue(self) -> None:
        (order,) = listed(orders_of(table_of(line("C1", -2, "-3.00"))))

        assert (order["is_return"], order["items"]) == (True, -2)
        assert (order["net_revenue"], order["gross_revenue"]) == (Decimal("-3.00"), Decimal(0))

    def test_an_order_that_also_takes_back_is_a_purchase(self) -> None:
        (order,) = listed(orders_of(table_of(line("1", 3, "9.00"), line("1", -1, "-2.00"))))

        assert (order["is_return"], order["items"]) == (False, 2)
        assert (order["net_revenue"], order["gross_revenue"]) == (Decimal("7.00"), Decimal("9.00"))

    def test_customers_with_one_order_id_have_orders_of_their_own(self) -> None:
        lines = table_of(line("1", 1, "1"), line("1", 1, "2", customer_id="bob"))

        orders = listed(orders_of(lines), "customer_id")

        assert [(o["customer_id"], o["net_revenue"]) for o in orders] == [("ann", 1), ("bob", 2)]


class TestPurchaseHistory:
    def test_orders_add_up(self) -> None:
        second = line("2", 1, "2.50", ordered_at=datetime(2021, 3, 21, 23, 59))

        assert history_of(line("1", 2, "3.10"), line("1", 1, "0.05"), second) == [
            {
                "customer_id": "ann",
                "last_order_at": datetime(2021, 3, 21, 23, 59),
                "first_order_at": datetime(2021, 3, 1, 10),
                "frequency": 2,
                "net_cents": 565,
                "gross_cents": 565,
                "recency_days": 10,
            }
        ]

    def test_a_return_changes_the_money_and_neither_recency_nor_frequency(self) -> None:
        back = line("C1", -1, "-1.10", ordered_at=datetime(2021, 3, 30))

        (ann,) = history_of(line("1", 2, "3.10"), back)

        assert (ann["net_cents"], ann["gross_cents"]) == (200, 310)
        assert (ann["frequency"], ann["recency_days"]) == (1, 30)

    def test_who_only_brought_back_has_no_history(self) -> None:
        rows = history_of(line("1", 1, "1"), line("C1", -1, "-1", customer_id="bob"))

        assert [row["customer_id"] for row in rows] == ["ann"]

    @pytest.mark.parametrize(
        ("cutoff", "days"), [("2021-03-01 10:00", 0), ("2021-03-01 23:59", 0), ("2021-03-02", 1)]
    )
    def test_recency_counts_calendar_days(self, cutoff: str, days: int) -> None:
        (ann,) = history_of(line("1", 1, "1"), cutoff=datetime.fromisoformat(cutoff))

        assert ann["recency_days"] == days

    def test_net_money_may_be_below_zero(self) -> None:
        (ann,) = history_of(line("1", 1, "1.00"), line("C9", -5, "-5.00"))

        assert (ann["net_cents"], ann["gross_cents"]) == (-400, 100)


def test_row_order_changes_nothing() -> None:
    lines: Sequence[dict[str, Any]] = [
        line("1", 2, "3.10"),
        line("1", 1, "0.05", logged_at=datetime(2021, 3, 3)),
        line("C1", -1, "-1.10"),
        line("2", 1, "7", customer_id="bob"),
    ]

    assert history_of(*lines) == history_of(*reversed(lines))

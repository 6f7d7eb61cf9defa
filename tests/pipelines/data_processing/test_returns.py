"""Returns take from the latest earlier purchases, to the unit and to the cent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personal_offers.pipelines.data_processing.returns import match_returns, summarise_returns

CENT = Decimal("0.01")
START = datetime(2011, 3, 1, 9)
SCHEMA = pa.schema(
    [
        ("row_number", pa.int64()),
        ("customer_id", pa.string()),
        ("product_id", pa.string()),
        ("logged_at", pa.timestamp("us")),
        ("quantity", pa.int64()),
        ("unit_price", pa.decimal128(18, 4)),
        ("amount", pa.decimal128(18, 2)),
        ("trusted", pa.bool_()),
    ]
)


def lines_of(rows: Sequence[Mapping[str, Any]]) -> ir.Table:
    """Order lines of customer a and product x at 1.00, an hour apart, unless a row differs."""
    cells = []
    for number, row in enumerate(rows, start=1):
        usual = {
            "row_number": number,
            "customer_id": "a",
            "product_id": "x",
            "logged_at": START + timedelta(hours=number),
            "unit_price": Decimal(1),
            "trusted": True,
        }
        cell = usual | dict(row)
        worth = cell["quantity"] * cell["unit_price"]
        cells.append({"amount": worth.quantize(CENT, ROUND_HALF_UP)} | cell)
    return ibis.memtable(pa.Table.from_pylist(cells, schema=SCHEMA))


def bought(*quantities: int, **rest: Any) -> list[dict[str, Any]]:
    return [{"quantity": quantity} | rest for quantity in quantities]


def units(matched: ir.Table) -> list[tuple[int, int | None, int]]:
    rows = matched.to_pyarrow().to_pylist()
    return [(row["return_row"], row["purchase_row"], row["units"]) for row in rows]


class TestMatching:
    def test_latest_purchase_is_emptied_before_an_earlier_one(self) -> None:
        matched = match_returns(lines_of(bought(5, 3, -4)))

        assert units(matched) == [(3, 2, 3), (3, 1, 1)]

    def test_units_that_were_never_bought_are_unmatched_and_do_not_burden_later_purchases(
        self,
    ) -> None:
        matched = match_returns(lines_of(bought(2, -5, 4, -4)))

        assert units(matched) == [(2, 1, 2), (2, None, 3), (4, 3, 4)]

    def test_what_is_returned_once_cannot_be_returned_again(self) -> None:
        matched = match_returns(lines_of(bought(10, -4, 2, -6, -5)))

        assert units(matched) == [(2, 1, 4), (4, 3, 2), (4, 1, 4), (5, 1, 2), (5, None, 3)]

    def test_purchase_after_the_return_is_no_match(self) -> None:
        matched = match_returns(lines_of(bought(-2, 2)))

        assert units(matched) == [(1, None, 2)]

    def test_purchase_at_the_same_moment_is_an_earlier_one(self) -> None:
        matched = match_returns(lines_of(bought(-2, 1, 3, logged_at=START)))

        assert units(matched) == [(1, 3, 2)]

    def test_other_customers_and_products_are_left_alone(self) -> None:
        others = [*bought(5, customer_id="b"), *bought(5, product_id="y"), *bought(-1)]

        assert units(match_returns(lines_of(others))) == [(3, None, 1)]

    def test_nothing_is_linked_to_a_line_that_is_not_trusted(self) -> None:
        rows = [*bought(3), *bought(4, trusted=False), *bought(-2), *bought(-1, trusted=False)]

        assert units(match_returns(lines_of(rows))) == [(3, 1, 2), (4, None, 1)]

    def test_row_says_who_what_and_when(self) -> None:
        matched = match_returns(lines_of(bought(2, -3)))

        assert matched.to_pyarrow().to_pylist() == [
            {
                "return_row": 2,
                "purchase_row": purchase,
                "customer_id": "a",
                "product_id": "x",
                "returned_at": START + timedelta(hours=2),
                "purchased_at": at,
                "units": count,
                "value": Decimal(count),
            }
            for purchase, at, count in ((1, START + timedelta(hours=1), 2), (None, None, 1))
        ]

    def test_shop_without_returns_gives_an_empty_table_of_the_same_form(self) -> None:
        none, some = match_returns(lines_of(bought(1, 2))), match_returns(lines_of(bought(-1)))

        assert none.count().to_pyarrow().as_py() == 0
        assert none.schema() == some.schema()


class TestValue:
    def test_parts_of_a_return_line_add_up_to_the_cent(self) -> None:
        # Given three units at 0.333, worth 1.00 together
        rows = bought(1, 1, 1, -3, unit_price=Decimal("0.333"))

        values = [row["value"] for row in match_returns(lines_of(rows)).to_pyarrow().to_pylist()]

        assert values == [Decimal("0.33"), Decimal("0.34"), Decimal("0.33")]

    def test_price_is_that_of_the_return(self) -> None:
        rows = [*bought(1, unit_price=Decimal(9)), *bought(-1, unit_price=Decimal("7.25"))]

        (row,) = match_returns(lines_of(rows)).to_pyarrow().to_pylist()

        assert row["value"] == Decimal("7.25")

    def test_units_worth_less_than_a_cent_are_worth_nothing(self) -> None:
        rows = bought(1, -1, unit_price=Decimal("0.001"))

        (row,) = match_returns(lines_of(rows)).to_pyarrow().to_pylist()

        assert row["value"] == 0

    def test_large_amounts_stay_exact(self) -> None:
        rows = bought(3, 4_000_000, -4_000_003, unit_price=Decimal("12345.67"))

        values = [row["value"] for row in match_returns(lines_of(rows)).to_pyarrow().to_pylist()]

        assert values == [Decimal("49382680000.00"), Decimal("37037.01")]


def stacks(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[int, int | None], int]:
    """Match line by line with a list of purchases per customer and product."""
    left: dict[tuple[str, str], list[list[int]]] = defaultdict(list)
    found: dict[tuple[int, int | None], int] = {}
    for row in sorted(rows, key=lambda r: (r["logged_at"], r["quantity"] < 0, r["row_number"])):
        stack = left[row["customer_id"], row["product_id"]] if row["trusted"] else []
        number, wanted = row["row_number"], -row["quantity"]
        if wanted <= 0:
            stack.append([number, row["quantity"]])
            continue
        while wanted and stack:
            taken = min(wanted, stack[-1][1])
            found[number, stack[-1][0]] = taken
            stack[-1][1] -= taken
            wanted -= taken
            if stack[-1][1] == 0:
                stack.pop()
        if wanted:
            found[number, None] = wanted
    return found


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Lines of two customers and two products at few moments, so that ties are common."""
    line = st.fixed_dictionaries(
        {
            "customer_id": st.sampled_from("ab"),
            "product_id": st.sampled_from("xy"),
            "logged_at": st.integers(0, 12).map(lambda hour: START + timedelta(hours=hour)),
            "quantity": st.integers(-7, 7).filter(bool) | st.sampled_from([-900, 1000]),
            "unit_price": st.sampled_from([Decimal("0.001"), Decimal("0.333"), Decimal("2.55")]),
            "trusted": st.sampled_from([True] * 9 + [False]),
        }
    )
    rows = draw(st.lists(line, min_size=1, max_size=60))
    numbers = draw(st.permutations(range(1, len(rows) + 1)))
    return [row | {"row_number": number} for row, number in zip(rows, numbers, strict=True)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories())
def test_matching_agrees_with_a_stack_worked_line_by_line(rows: list[dict[str, Any]]) -> None:
    # When the lines are matched all at once
    lines = lines_of(rows)
    matched = match_returns(lines).to_pyarrow().to_pylist()

    # Then each pair is that of the stack, and appears once
    assert {(row["return_row"], row["purchase_row"]): row["units"] for row in matched} == stacks(
        rows
    )
    assert len(matched) == len(stacks(rows))

    # And the parts of a return add up to its amount, each worth its units to the cent
    priced = {row["row_number"]: row["unit_price"] for row in rows}
    worth: dict[int, Decimal] = defaultdict(Decimal)
    for row in matched:
        worth[row["return_row"]] += row["value"]
        assert abs(row["value"] - row["units"] * priced[row["return_row"]]) <= CENT
    returned = lines.filter(lines.quantity < 0).to_pyarrow().to_pylist()
    assert worth == {row["row_number"]: -row["amount"] for row in returned}


class TestSummary:
    def test_parts_are_counted_and_priced(self) -> None:
        rows = [
            *bought(4, unit_price=Decimal(10), logged_at=datetime(2011, 3, 1, 23)),
            *bought(-3, unit_price=Decimal(10), logged_at=datetime(2011, 3, 4, 1)),
            *bought(-2, unit_price=Decimal(10), logged_at=datetime(2011, 3, 8, 1)),
            *bought(-1, unit_price=Decimal(10), customer_id="b"),
        ]
        lines = lines_of(rows)

        summary = summarise_returns(match_returns(lines), lines)

        expected = pd.DataFrame(
            {
                "part": ["matched", "unmatched", "all"],
                "return_lines": [2, 2, 3],
                "units": [4, 2, 6],
                "value": [Decimal("40.00"), Decimal("20.00"), Decimal("60.00")],
                "customers": [1, 2, 2],
                "share": [4 / 6, 2 / 6, 1.0],
                "share_of_units": [4 / 6, 2 / 6, 1.0],
                "share_of_sales": [1.0, 0.5, 1.5],
                "median_days": [5.0, None, 5.0],
            }
        )
        pd.testing.assert_frame_equal(summary, expected)

    def test_shop_without_returns_has_no_shares(self) -> None:
        lines = lines_of(bought(2))

        summary = summarise_returns(match_returns(lines), lines)

        assert summary["return_lines"].tolist() == [0, 0, 0]
        assert summary["value"].tolist() == [Decimal("0.00")] * 3
        assert summary[["share", "share_of_units", "median_days"]].isna().all(axis=None)
        assert summary["share_of_sales"].tolist() == [0, 0, 0]

    def test_shop_that_sold_nothing_has_no_share_of_sales(self) -> None:
        lines = lines_of(bought(-2))

        assert summarise_returns(match_returns(lines), lines)["share_of_sales"].isna().all()


@pytest.mark.real_data
def test_returns_of_the_gift_shop_add_up(real_data: Path) -> None:
    # Given its lines with a customer and a price; product codes as they stand in the file
    raw = ibis.duckdb.connect().read_csv(
        real_data / "gift_shop" / "online_retail.csv.gz",
        types={"StockCode": "VARCHAR", "CustomerID": "VARCHAR", "UnitPrice": "DECIMAL(18, 4)"},
    )
    priced = raw.filter(raw.CustomerID.notnull() & (raw.UnitPrice > 0))
    lines = priced.select(
        row_number=ibis.row_number().over(order_by=["InvoiceDate", "InvoiceNo", "StockCode"]),
        customer_id=priced.CustomerID,
        product_id=priced.StockCode.upper(),
        logged_at=priced.InvoiceDate,
        quantity=priced.Quantity,
        amount=(priced.Quantity * priced.UnitPrice).round(2).cast("decimal(18, 2)"),
        trusted=True,
    ).cache()

    summary = summarise_returns(match_returns(lines), lines).set_index("part")

    # Then every cancelled line is there, with all its units and all its money
    returned = lines.filter(lines.quantity < 0)
    totals = returned.aggregate(
        lines=returned.count(), units=-returned.quantity.sum(), value=-returned.amount.sum()
    )
    assert totals.to_pyarrow().to_pylist() == [
        {
            "lines": summary.loc["all", "return_lines"],
            "units": summary.loc["all", "units"],
            "value": summary.loc["all", "value"],
        }
    ]
    assert summary.loc["all", "return_lines"] == 8905
    # And no more are matched than have any sale of the same product to the same customer
    assert 7000 < summary.loc["matched", "return_lines"] <= 7957
    parts = summary.loc[["matched", "unmatched"]]
    assert parts["value"].sum() == summary.loc["all", "value"]
    assert parts["units"].sum() == summary.loc["all", "units"]

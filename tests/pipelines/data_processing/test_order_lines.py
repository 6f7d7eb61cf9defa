"""Order lines get their types, their marks and a ledger row for every rule."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pytest

from personal_offers.datasets.raw_csv import as_text_table
from personal_offers.pipelines.data_processing.order_lines import (
    CANONICAL,
    MONEY,
    SOURCE,
    add_order_facts,
    cell_problems,
    clean_order_lines,
    order_line_rules,
    parse_order_lines,
    unreadable,
)
from personal_offers.pipelines.data_processing.order_params import OrderLineOptions
from personal_offers.pipelines.data_processing.rules import apply_rules, ledger_of

Row = dict[str, str | None]

OPTIONS: dict[str, Any] = {
    "columns": {
        "customer_id": "client",
        "order_id": "order",
        "ordered_at": "date",
        "product_id": "code",
        "product_name": "name",
        "quantity": "pieces",
        "unit_price": "price",
        "country": "country",
    },
    "date_formats": ["%Y-%m-%d %H:%M", "%m/%d/%Y %H:%M"],
    "earliest_date": "2000-01-01",
    "latest_date": "2021-12-31",
    "currency": "EUR",
    "timezone": "Europe/Malta",
    "cancellation": "^C",
    "adjustment": "^A",
    "no_customer": ["nan", "null"],
    "non_product_codes": ["POST", "BANK CHARGES", "GIFT_[0-9]+"],
    "three_decimals": False,
    "product_id_case": "upper",
    "relogged_lines": "remove",
    "shared_orders": "remove",
    "cutoff": None,
    "after_break": "withhold",
    "regime": {
        "fewest_orders": 30,
        "fewest_months_before": 6,
        "fewest_months_after": 1,
        "season_months": 4,
        "distance": 3.5,
        "least_spread": 0.05,
        "smallest_factor": 1.5,
        "smallest_share_change": 0.25,
        "freeze_chance": 0.001,
        "complete_form": 0.9,
        "agreeing": 3,
        "agreeing_unproven": 4,
        "fewest_kinds": 2,
    },
    "regular": {"orders": 2, "recent_days": 180},
    "profit": {"days": 90, "margin": 0.3},
    "earlier_days": 90,
    "minimum_data": {
        output: {"customers": 0, "days": 0, "repeat_buyers": 0}
        for output in ("rfm", "class_tests", "backtest", "migration", "decline_risk")
    },
    "alert_share": 0.01,
}
RULES = [
    "customer_id_decimal",
    "product_id_case",
    "product_name_spaces",
    "unit_price_rounded",
    "adjustment",
    "missing_customer",
    "missing_product",
    "zero_price",
    "negative_price",
    "zero_quantity",
    "sign_of_quantity",
    "cancellation",
    "identified_sales",
    "non_product",
    "exact_duplicate",
    "relogged_line",
    "shared_order",
    "several_dates",
    "never_bought",
    "after_break",
]


def options(**changes: Any) -> OrderLineOptions:
    return OrderLineOptions.model_validate(OPTIONS | changes)


def sale(**changes: str | None) -> Row:
    """Two cups at 1.50 that client 1 bought in order 100; a row may differ."""
    cells: Row = {
        "client": "1",
        "order": "100",
        "date": "2021-03-01 10:00",
        "code": "A1",
        "name": "Cup",
        "pieces": "2",
        "price": "1.50",
        "country": "Malta",
    }
    return cells | changes


# Three sound sales of 3.00 each to three clients, for rules that need company.
SALES = [sale(), sale(client="2", order="101"), sale(client="3", order="102")]


def parsed(*rows: Row, **changes: Any) -> list[dict[str, Any]]:
    table = parse_order_lines(as_text_table(rows), options(**changes))
    return table.order_by("row_number").to_pyarrow().to_pylist()


def column(name: str, *rows: Row, **changes: Any) -> list[Any]:
    return [row[name] for row in parsed(*rows, **changes)]


def marked(
    rows: Sequence[Row], found: dict[str, Any] | None = None, **changes: Any
) -> tuple[ir.Table, OrderLineOptions]:
    chosen = options(**changes)
    lines = parse_order_lines(as_text_table(rows), chosen).cache()
    facts = add_order_facts(lines, chosen, found)
    return apply_rules(facts, order_line_rules(chosen), MONEY).cache(), chosen


def listed(table: ir.Table) -> list[dict[str, Any]]:
    return table.order_by("row_number").to_pyarrow().to_pylist()


def ledger(rows: Sequence[Row], found: dict[str, Any] | None = None, **changes: Any) -> list[Any]:
    table, chosen = marked(rows, found, **changes)
    return ledger_of(table, SOURCE, order_line_rules(chosen), MONEY)


def together(cases: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Rows of all cases in one file, each with customers and orders of its own.

    Marking one row takes as long as marking a thousand, because compiling the query takes
    almost all of the time.
    """
    return [
        row
        | {
            "client": f"{number}{row['client']}" if (row["client"] or "").strip() else None,
            "order": f"{row['order']}-{number}",
        }
        for number, rows in enumerate(cases.values(), start=10)
        for row in rows
    ]


def apart(cases: Mapping[str, Sequence[Row]], marks: Sequence[Any]) -> dict[str, list[Any]]:
    """Give each case back the marks of its rows."""
    ends = list(itertools.accumulate(len(rows) for rows in cases.values()))
    return {
        name: list(marks[end - len(rows) : end])
        for (name, rows), end in zip(cases.items(), ends, strict=True)
    }


class TestNumbers:
    def test_decimal_comma_and_point_mean_the_same(self) -> None:
        found = column("unit_price", sale(price="2.55"), sale(price="2,55"))

        assert found == [Decimal("2.5500")] * 2

    def test_a_tenth_of_a_cent_is_kept(self) -> None:
        (line,) = parsed(sale(price="0.001", pieces="12"))

        assert (line["unit_price"], line["amount"]) == (Decimal("0.0010"), Decimal("0.01"))

    def test_a_price_with_more_than_four_decimals_is_rounded_and_marked(self) -> None:
        lines = parsed(sale(price="55.666667"), sale(price="0,00004"), sale(price="1.50000000"))

        assert [line["unit_price"] for line in lines] == [
            Decimal("55.6667"),
            Decimal("0.0000"),
            Decimal("1.5000"),
        ]
        assert [line["spelling__unit_price"] for line in lines] == [True, True, False]

    def test_the_amount_is_rounded_per_line_halves_away_from_zero(self) -> None:
        # Given three times 0.335, bought twice and brought back once
        row = sale(price="0.335", pieces="3")
        amounts = column("amount", row, row, row | {"order": "C9", "pieces": "-3"})

        assert amounts == [Decimal("1.01"), Decimal("1.01"), Decimal("-1.01")]

    @pytest.mark.parametrize(
        ("text", "quantity"),
        [("2", 2), ("+2", 2), ("-2", -2), ("2.0", 2), ("2,00", 2), (" 2 ", 2), ("007", 7)],
    )
    def test_whole_numbers_in_all_their_forms(self, text: str, quantity: int) -> None:
        assert column("quantity", sale(pieces=text)) == [quantity]

    @pytest.mark.parametrize(
        "text", ["1,000", "1.000", "1 000", "1e3", "2.5", "NaN", "inf", "-", "2,", "٣", "two"]
    )
    def test_what_is_no_whole_number_is_null(self, text: str) -> None:
        assert column("quantity", sale(pieces=text)) == [None]

    @pytest.mark.parametrize("text", ["£2.55", "2.", ".5", "1e-3", "NaN", "1,000.00", "free"])
    def test_what_is_no_price_is_null(self, text: str) -> None:
        assert column("unit_price", sale(price=text)) == [None]


class TestTimes:
    def test_each_of_the_two_forms_is_read(self) -> None:
        times = column("logged_at", sale(date="2010-12-01 08:26"), sale(date="12/1/2010 8:26"))

        assert times == [datetime(2010, 12, 1, 8, 26)] * 2

    def test_the_form_that_comes_first_wins(self) -> None:
        forms = ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"]

        times = column("logged_at", sale(date="2/3/2021 1:00"), date_formats=forms)

        assert times == [datetime(2021, 3, 2, 1)]

    def test_hours_without_separators_are_read(self) -> None:
        times = column("logged_at", sale(date="2019103116"), date_formats=["%Y%m%d%H"])

        assert times == [datetime(2019, 10, 31, 16)]

    def test_midnight_belongs_to_the_day_that_begins(self) -> None:
        assert column("logged_at", sale(date="2021-03-01 00:00")) == [datetime(2021, 3, 1)]

    @pytest.mark.parametrize("hour", ["2021-03-28 02:30", "2021-10-31 02:30"])
    def test_hours_of_the_clock_change_stay_as_they_are(self, hour: str) -> None:
        # Given an hour that the shop's zone skips, and one that it has twice
        assert column("logged_at", sale(date=hour)) == [datetime.fromisoformat(hour)]

    @pytest.mark.parametrize(
        "text",
        [
            "2011-02-30 10:00",
            "2021-02-29 10:00",
            "2021-03-01 24:00",
            "13/1/2021 9:00",
            "2021-03-01",
        ],
    )
    def test_a_date_that_does_not_exist_or_has_another_form_is_null(self, text: str) -> None:
        assert column("logged_at", sale(date=text)) == [None]

    def test_the_29th_of_february_exists_in_a_leap_year(self) -> None:
        assert column("logged_at", sale(date="2020-02-29 10:00")) == [datetime(2020, 2, 29, 10)]


class TestTexts:
    def test_an_id_that_became_a_decimal_is_the_same_customer(self) -> None:
        lines = parsed(sale(client="12346.0"), sale(client="12346"), sale(client=" 12346 "))

        assert [line["customer_id"] for line in lines] == ["12346"] * 3
        assert [line["spelling__customer_id"] for line in lines] == [True, False, False]

    @pytest.mark.parametrize("text", ["abc.0", "12.00", "12.5", ".0"])
    def test_only_whole_numbers_lose_a_decimal(self, text: str) -> None:
        assert column("customer_id", sale(client=text)) == [text]

    def test_ids_that_differ_by_case_are_different_customers(self) -> None:
        assert column("customer_id", sale(client="ab"), sale(client="AB")) == ["ab", "AB"]

    def test_upper_writes_codes_in_capitals(self) -> None:
        lines = parsed(sale(code="85123a"), sale(code="85123A"), sale(code=" я1 "))

        assert [line["product_id"] for line in lines] == ["85123A", "85123A", "Я1"]
        assert [line["spelling__product_id"] for line in lines] == [True, False, True]

    def test_merge_takes_the_spelling_that_sorts_first(self) -> None:
        rows = [sale(code="Чашка"), sale(code="ЧАШКА"), sale(code="Ваза")]

        lines = parsed(*rows, product_id_case="merge")

        assert [line["product_id"] for line in lines] == ["ЧАШКА", "ЧАШКА", "Ваза"]
        assert [line["spelling__product_id"] for line in lines] == [True, False, False]

    def test_keep_leaves_codes_apart(self) -> None:
        codes = column("product_id", sale(code="a1"), sale(code="A1"), product_id_case="keep")

        assert codes == ["a1", "A1"]

    def test_names_lose_outer_and_double_spaces(self) -> None:
        lines = parsed(sale(name=" Cup "), sale(name="Red   cup"), sale(name="Red cup"))

        assert [line["product_name"] for line in lines] == ["Cup", "Red cup", "Red cup"]
        assert [line["spelling__product_name"] for line in lines] == [True, True, False]

    def test_quotes_and_separators_in_names_stay(self) -> None:
        assert column("product_name", sale(name='Cup "Ann", d12')) == ['Cup "Ann", d12']

    def test_empty_cells_and_cells_of_spaces_are_null(self) -> None:
        (line,) = parsed(sale(client=" ", code=None, name="  ", country="\u00a0"))

        names = ("customer_id", "product_id", "product_name", "country")
        assert [line[name] for name in names] == [None] * 4

    def test_headers_may_be_russian(self) -> None:
        headers = ["клиент", "заказ", "дата", "товар", "товар", "штук", "цена", None]
        columns = dict(zip(OPTIONS["columns"], headers, strict=True))
        row = {
            "клиент": "7", "заказ": "Ц-5", "дата": "2021-03-01 10:00", "товар": " Роза ",
            "штук": "3", "цена": "10,50",
        }  # fmt: skip

        (line,) = parsed(row, columns=columns, product_id_case="keep")

        assert (line["customer_id"], line["order_id"]) == ("7", "Ц-5")
        assert (line["product_id"], line["product_name"]) == ("Роза", "Роза")
        assert (line["amount"], line["country"]) == (Decimal("31.50"), None)

    def test_a_shop_without_names_has_none(self) -> None:
        columns = OPTIONS["columns"] | {"product_name": None}

        (line,) = parsed(sale(), columns=columns)

        assert line["product_name"] is None
        assert not line["spelling__product_name"]


class TestReturns:
    def test_an_order_id_takes_back_where_the_shop_says_so(self) -> None:
        assert column("is_return", sale(), sale(order="C100"), sale(pieces="-2")) == [
            False,
            True,
            False,
        ]

    def test_a_negative_quantity_takes_back_where_no_id_does(self) -> None:
        rows = [sale(order="C100"), sale(pieces="-2"), sale(pieces="0")]

        assert column("is_return", *rows, cancellation=None) == [False, True, False]


class TestUnreadable:
    def test_lines_that_can_be_read_are_not(self) -> None:
        rows = [sale(), sale(client=None, code=None, name=None, country=None)]

        assert not unreadable(ibis.memtable(_typed(rows)), options())

    @pytest.mark.parametrize(
        "changes",
        [
            {"order": None},
            {"date": None},
            {"date": "2021-02-30 10:00"},
            {"date": "1999-12-31 23:59"},
            {"date": "2022-01-01 00:00"},
            {"pieces": "two"},
            {"price": " "},
            {"price": "123456789012345"},
        ],
        ids=str,
    )
    def test_one_bad_cell_is_enough(self, changes: Row) -> None:
        rows = [*SALES, sale(**changes)]

        assert unreadable(ibis.memtable(_typed(rows)), options())
        # and what is unreadable is what the message is about
        assert len(cell_problems("f.csv", as_text_table(rows), options())) == 1

    @pytest.mark.parametrize("day", ["2000-01-01 00:00", "2021-12-31 23:59"])
    def test_the_first_and_the_last_day_are_still_possible(self, day: str) -> None:
        rows = [sale(date=day)]

        assert not unreadable(ibis.memtable(_typed(rows)), options())
        assert cell_problems("f.csv", as_text_table(rows), options()) == []


def _typed(rows: Sequence[Row]) -> Any:
    return parse_order_lines(as_text_table(rows), options()).to_pyarrow()


# --- rules -----------------------------------------------------------------------------------

RETURN = {"order": "C9", "pieces": "-1"}
# What is in the file, and the rule that removes each row. Where no rule does: None.
CASES: dict[str, tuple[list[Row], list[str | None]]] = {
    "sound sales stay": (SALES, [None] * 3),
    "bookkeeping goes": ([sale(order="A5", price="-7.00")], ["adjustment"]),
    "nobody's lines go": ([sale(client=" "), sale(client=None)], ["missing_customer"] * 2),
    "lines without a product go": ([sale(code=None), sale(code=" ")], ["missing_product"] * 2),
    "gifts go": ([sale(price="0.00"), sale(price="0.00001")], ["zero_price"] * 2),
    "negative prices go": ([sale(price="-1.50")], ["negative_price"]),
    "no pieces are no purchase": ([sale(pieces="0"), sale(pieces="-0")], ["zero_quantity"] * 2),
    "a sale that takes away is a correction": ([sale(pieces="-2")], ["sign_of_quantity"]),
    "a return that brings is a correction": ([sale(order="C5")], ["sign_of_quantity"]),
    "charges go": (
        [sale(code="post"), sale(code="BANK CHARGES"), sale(code="gift_20")],
        ["non_product"] * 3,
    ),
    "codes that only look like charges stay": (
        [sale(code=code) for code in ("POSTER", "DCGSSGIRL", "GIFT_X", "XPOST", "POST 2")],
        [None] * 5,
    ),
    "the first rule takes a line with several faults": (
        [
            sale(order="A1", client=None),
            sale(client=None, code=None, price="0", pieces="0"),
            sale(code=None, price="0"),
            sale(price="0", pieces="-1"),
            sale(price="-1", pieces="0"),
            sale(code="POST", price="0"),
        ],
        [
            "adjustment",
            "missing_customer",
            "missing_product",
            "zero_price",
            "negative_price",
            "zero_price",
        ],
    ),
    "returns stay": ([sale(), sale(**RETURN)], [None] * 2),
    "of copies the first in the file stays": (
        [sale(), sale(), sale()],
        [None, "exact_duplicate", "exact_duplicate"],
    ),
    "copies are seen through spaces and capitals": (
        [sale(), sale(name=" Cup "), sale(code="a1")],
        [None, "exact_duplicate", "exact_duplicate"],
    ),
    "copies need no name and no country": (
        [sale(name=None, country=None), sale(name=None, country=None)],
        [None, "exact_duplicate"],
    ),
    "lines that differ are no copies": (
        [
            sale(),
            sale(pieces="3"),
            sale(price="1.60"),
            sale(code="A2"),
            sale(order="7"),
            sale(name="Mug"),
        ],
        [None] * 6,
    ),
    "returns are copied too": (
        [sale(), sale(**RETURN), sale(**RETURN)],
        [None, None, "exact_duplicate"],
    ),
    "nobody's lines repeat nothing": (
        [sale(client=None), sale(client=None)],
        ["missing_customer"] * 2,
    ),
    "of a line logged again the earliest stays wherever it stands": (
        [sale(date=f"2021-03-01 {hour}:00") for hour in ("12", "10", "11")],
        ["relogged_line", None, "relogged_line"],
    ),
    "a line is logged again under another name too": (
        [sale(), sale(date="2021-03-01 11:00", name="Mug")],
        [None, "relogged_line"],
    ),
    "a line logged again twice at one time is logged again and a copy": (
        [sale(), sale(date="2021-03-01 11:00"), sale(date="2021-03-01 11:00")],
        [None, "relogged_line", "exact_duplicate"],
    ),
    "the same line of another order is no repetition": (
        [sale(), sale(order="101", date="2021-03-01 11:00")],
        [None, None],
    ),
    "an order of several customers belongs to nobody": (
        [*SALES, sale(client="9"), sale(client="3", order="103", code="A2")],
        ["shared_order", None, None, "shared_order", None],
    ),
    "lines of nobody do not make an order shared": (
        [sale(), sale(client=None, code="A2")],
        [None, "missing_customer"],
    ),
    "who only brought back goes with all lines": (
        [sale(**RETURN), sale(order="C8", code="A2", pieces="-1")],
        ["never_bought"] * 2,
    ),
    "paying postage is no purchase": (
        [sale(code="POST"), sale(**RETURN)],
        ["non_product", "never_bought"],
    ),
    "a gift is no purchase": (
        [sale(price="0"), sale(**RETURN)],
        ["zero_price", "never_bought"],
    ),
    "a part of a shared order is no purchase": (
        [sale(), sale(client="9"), sale(client="9", **RETURN)],
        ["shared_order", "shared_order", "never_bought"],
    ),
    "a purchase after the return is one": (
        [sale(**RETURN), sale(date="2021-04-01 10:00")],
        [None, None],
    ),
}
FLAGGED: dict[str, list[Row]] = {
    "logged again": [sale(), sale(date="2021-03-01 11:00")],
    "shared": [sale(), sale(client="2", date="2021-03-02 10:00")],
    "shared and brought back": [sale(), sale(client="9"), sale(client="9", **RETURN)],
}
# For each rule lines that it hits and what stands beside them; rows and customers hit, and the
# money that it takes or flags.
HITS: dict[str, tuple[list[Row], int, int, str]] = {
    "customer_id_decimal": ([sale(client="3.0")], 1, 1, "0.00"),
    "product_id_case": ([sale(code="b2")], 1, 1, "0.00"),
    "product_name_spaces": ([sale(name=" Mug")], 1, 1, "0.00"),
    "unit_price_rounded": ([sale(price="1.500001")], 1, 1, "0.00"),
    "adjustment": ([sale(order="A5", price="-7.00")], 1, 1, "-14.00"),
    "missing_customer": ([sale(client=None)], 1, 0, "3.00"),
    "missing_product": ([sale(code=None)], 1, 1, "3.00"),
    "zero_price": ([sale(price="0")], 1, 1, "0.00"),
    "negative_price": ([sale(price="-1.50")], 1, 1, "-3.00"),
    "zero_quantity": ([sale(pieces="0")], 1, 1, "0.00"),
    "sign_of_quantity": ([sale(pieces="-2")], 1, 1, "-3.00"),
    "cancellation": ([sale(), sale(**RETURN)], 2, 2, "-3.00"),  # and that of who never bought
    "identified_sales": ([], 15, 12, "45.00"),  # charges, copies and shared orders included
    "non_product": ([sale(code="POST")], 1, 1, "3.00"),
    "exact_duplicate": ([sale(), sale()], 1, 1, "3.00"),
    "relogged_line": ([sale(), sale(date="2021-03-01 11:00")], 1, 1, "3.00"),
    "shared_order": ([sale(), sale(client="9")], 2, 2, "6.00"),
    "several_dates": ([sale(), sale(code="A2", date="2021-03-04 10:00")], 1, 1, "0.00"),
    "never_bought": ([sale(**RETURN)], 1, 1, "-1.50"),
    "after_break": ([sale(date="2021-06-02 10:00")], 1, 1, "3.00"),
}
FLAGS = ["cancellation", "identified_sales", "after_break"]
REPAIRS = [*RULES[:4], "several_dates"]


@pytest.fixture(scope="module")
def removed_by() -> dict[str, list[str | None]]:
    """Case: the rule that removed each of its rows."""
    cases = {name: rows for name, (rows, _) in CASES.items()}
    table, _ = marked(together(cases))
    return apart(cases, [row["removed_by"] for row in listed(table)])


@pytest.fixture(scope="module")
def lines() -> dict[str, dict[str, Any]]:
    """Rule: its line in the ledger of one file with a case for every rule."""
    rows = together({rule: rows for rule, (rows, *_) in HITS.items()})
    found = {"since": "2021-06-01T00:00:00", "id_form_before": None}
    return {line["rule"]: line for line in ledger(rows, found)}


@pytest.fixture(scope="module")
def around_break() -> ir.Table:
    """Four marked orders, of which the second and the third share the hour of the break."""
    rows = [
        sale(date="2021-03-04 10:00"),
        sale(client="2", order="101", date="2021-03-05 10:00"),
        sale(client="3", order="1000", date="2021-03-05 10:00"),
        sale(client="1", order="1001", date="2021-03-06 10:00"),
    ]
    found = {"since": "2021-03-05T10:00:00", "id_form_before": "999", "id_form_after": "9999"}
    return marked(rows, found)[0]


class TestRules:
    def test_they_come_in_the_order_of_the_ledger(self) -> None:
        assert [rule.name for rule in order_line_rules(options())] == RULES

    @pytest.mark.parametrize("case", CASES)
    def test_case(self, case: str, removed_by: dict[str, list[str | None]]) -> None:
        assert removed_by[case] == CASES[case][1]

    def test_without_patterns_nothing_is_bookkeeping_and_everything_is_a_product(self) -> None:
        rows = [sale(order="A1"), sale(order="C1"), sale(code="POST"), sale(code="X", pieces="-1")]
        none: dict[str, Any] = {"adjustment": None, "cancellation": None, "non_product_codes": []}

        lines = listed(marked(rows, **none)[0])

        assert [line["removed_by"] for line in lines] == [None] * 4
        assert [line["is_return"] for line in lines] == [False, False, False, True]


class TestLedger:
    @pytest.mark.parametrize("rule", HITS)
    def test_each_rule_counts_what_it_hits(
        self, rule: str, lines: dict[str, dict[str, Any]]
    ) -> None:
        _, rows, customers, money = HITS[rule]
        line = lines[rule]

        assert (line["rows_hit"], line["customers_hit"]) == (rows, customers)
        if rule in FLAGS:
            assert line["action"] == "flagged"
            assert (line["rows_flagged"], line["customers_flagged"]) == (rows, customers)
            assert line["revenue_flagged"] == Decimal(money)
            assert line["rows_after"] == line["rows_before"]
            assert line["revenue_after"] == line["revenue_before"]
        else:
            assert line["action"] == ("repaired" if rule in REPAIRS else "removed")
            assert line["rows_before"] - line["rows_after"] == (0 if rule in REPAIRS else rows)
            assert line["revenue_before"] - line["revenue_after"] == Decimal(money)

    def test_it_begins_with_the_whole_file_and_each_rule_where_the_last_one_ended(
        self, lines: dict[str, dict[str, Any]]
    ) -> None:
        ends = [
            tuple(line[f"{kind}_{end}"] for kind in ("rows", "customers", "revenue"))
            for line in lines.values()
            for end in ("before", "after")
        ]

        assert list(lines) == RULES
        assert (ends[0][0], ends[0][2]) == (24, Decimal("28.00"))
        assert ends[1:-1:2] == ends[2::2]
        assert (ends[-1][0], ends[-1][2]) == (11, Decimal("28.50"))

    def test_identified_sales_count_orders(self, lines: dict[str, dict[str, Any]]) -> None:
        assert lines["identified_sales"]["orders_flagged"] == 11


class TestOrders:
    def test_an_order_over_several_dates_takes_the_first_time_of_each_customer(self) -> None:
        rows = [
            sale(date="2021-03-04 10:00"),
            sale(code="A2", date="2021-03-02 09:00"),
            sale(code="A3", date="2021-03-09 10:00"),
            sale(client="2", date="2021-03-05 10:00"),
        ]

        lines = listed(clean_order_lines(*marked(rows, shared_orders="flag")))

        assert [line["ordered_at"].day for line in lines] == [2, 2, 2, 5]
        assert [line["logged_at"].day for line in lines] == [4, 2, 9, 5]

    def test_what_is_only_flagged_stays_and_counts(self) -> None:
        chosen = {"relogged_lines": "flag", "shared_orders": "flag"}
        table, kept = marked(together(FLAGGED), **chosen)

        lines = {
            line["rule"]: (line["action"], line["rows_flagged"], line["revenue_flagged"])
            for line in ledger_of(table, SOURCE, order_line_rules(kept), MONEY)
        }

        assert clean_order_lines(table, kept).count().to_pyarrow().as_py() == 7
        assert lines["relogged_line"] == ("flagged", 1, Decimal("3.00"))
        assert lines["shared_order"] == ("flagged", 4, Decimal("12.00"))
        assert lines["never_bought"][0] == "removed"

    def test_clean_lines_have_the_canonical_columns_in_the_order_of_the_file(self) -> None:
        table = clean_order_lines(*marked([*SALES, sale(price="0"), sale(code="A2")]))

        assert table.columns == (*CANONICAL, "trusted")
        assert table.row_number.to_pyarrow().to_pylist() == [1, 2, 3, 5]


class TestBreakOfRegime:
    def test_lines_after_it_stay_and_are_not_trusted(self, around_break: ir.Table) -> None:
        lines = listed(clean_order_lines(around_break, options()))

        assert [line["trusted"] for line in lines] == [True, True, False, False]

    def test_they_are_flagged_with_their_money(self, around_break: ir.Table) -> None:
        line = ledger_of(around_break, SOURCE, order_line_rules(options()), MONEY)[-1]

        assert (line["rule"], line["rows_flagged"], line["orders_flagged"]) == ("after_break", 2, 2)
        assert (line["revenue_flagged"], line["rows_after"]) == (Decimal("6.00"), 4)

    def test_they_are_trusted_where_the_shop_says_so(self, around_break: ir.Table) -> None:
        lines = listed(clean_order_lines(around_break, options(after_break="use")))

        assert [line["trusted"] for line in lines] == [True] * 4

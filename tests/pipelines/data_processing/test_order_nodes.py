"""From raw order lines to customers: what is refused, that the ledger balances, what is known."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from personal_offers.datasets import RawCSVDataset, RawTable
from personal_offers.datasets.raw_csv import as_text_table
from personal_offers.errors import InputError
from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.data_processing.order_lines import (
    MONEY,
    add_order_facts,
    order_line_rules,
)
from personal_offers.pipelines.data_processing.order_nodes import (
    build_earlier_customers,
    build_order_customers,
    build_orders,
    choose_era,
    collect_order_quarantine,
    compile_order_ledger,
    customers_at,
    mark_order_lines,
    read_order_lines,
    take_order_lines,
)
from personal_offers.pipelines.data_processing.order_params import OrderLineOptions
from personal_offers.pipelines.data_processing.returns import match_returns
from personal_offers.pipelines.data_processing.rules import LEDGER_COLUMNS, apply_rules
from personal_offers.pipelines.data_processing.schemas import Customers, Orders, Quarantine

Row = dict[str, str | None]
Tree = dict[str, Any]

COLUMNS = {
    "customer_id": "client",
    "order_id": "order",
    "ordered_at": "date",
    "product_id": "code",
    "product_name": "name",
    "quantity": "pieces",
    "unit_price": "price",
    "country": "country",
}
CUTOFF = datetime(2021, 6, 30, 12)
CANONICAL = {
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


@pytest.fixture(scope="module")
def base(parameters: Tree) -> Tree:
    """Options of the gift shop with short headers and one form of dates."""
    return parameters["gift_shop"]["data_processing"] | {
        "columns": COLUMNS,
        "date_formats": ["%Y-%m-%d %H:%M"],
        "latest_date": "2021-12-31",
    }


@pytest.fixture(scope="module")
def options(base: Tree) -> OrderLineOptions:
    return OrderLineOptions.model_validate(base)


@pytest.fixture(scope="module")
def order_registry(parameters: Tree) -> FeatureRegistry:
    return FeatureRegistry.model_validate(parameters["gift_shop"]["feature_registry"])


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


SALES = [
    sale(),
    sale(client="2", order="101", date="2021-03-05 10:00"),
    sale(client="3", order="102", date="2021-03-09 10:00"),
]


def raw(*rows: Row) -> RawTable:
    return RawTable("lines.csv", as_text_table(rows))


def listed(table: ir.Table) -> list[Tree]:
    return table.to_pyarrow().to_pylist()


def problems_of_file(options: OrderLineOptions, table: RawTable) -> list[str]:
    with pytest.raises(InputError) as refused:
        read_order_lines(options, table)
    return list(refused.value.problems)


def problems_of_lines(options: OrderLineOptions, *rows: Row) -> list[str]:
    parsed = read_order_lines(options, raw(*rows))
    with pytest.raises(InputError) as refused:
        mark_order_lines(options, parsed)
    return list(refused.value.problems)


def marked_of(
    options: OrderLineOptions, rows: Sequence[Row], found: Tree | None = None
) -> ir.Table:
    """Mark lines without looking for a break of regime, which takes the most time."""
    facts = add_order_facts(read_order_lines(options, raw(*rows)), options, found)
    return apply_rules(facts, order_line_rules(options), MONEY).cache()


# --- files -----------------------------------------------------------------------------------


class TestBadFiles:
    def problems(self, options: OrderLineOptions, path: Path) -> list[str]:
        dataset = RawCSVDataset(filepath=str(path), encodings=["utf-8"], trim=False)
        found = problems_of_file(options, dataset.load())
        return [text.removeprefix(f"{path.parent}/") for text in found]

    def test_a_missing_file_is_named(self, options: OrderLineOptions, tmp_path: Path) -> None:
        (problem,) = self.problems(options, tmp_path / "lines.csv")

        assert problem.startswith("lines.csv: the file is missing; put it there")

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            ("", "lines.csv: the file is empty"),
            (",".join(COLUMNS.values()), "lines.csv: the file has a header but no rows"),
            (",".join(COLUMNS.values()) + "\n", "lines.csv: the file has a header but no rows"),
            ("client,client\n1,2\n", "lines.csv: several columns have the same name: 'client'"),
            ("client,Client\n1,2\n", "lines.csv: several columns have the same name: 'Client'"),
        ],
    )
    def test_a_file_without_usable_rows_is_refused(
        self, content: str, problem: str, options: OrderLineOptions, tmp_path: Path
    ) -> None:
        (tmp_path / "lines.csv").write_text(content)

        (found,) = self.problems(options, tmp_path / "lines.csv")

        assert found.startswith(problem)

    def test_lost_lines_and_bad_cells_are_told_together(
        self, options: OrderLineOptions, tmp_path: Path
    ) -> None:
        cells = [",".join(str(cell) for cell in row.values()) for row in (*SALES, sale(pieces="x"))]
        text = "\n".join([",".join(COLUMNS.values()), cells[0], "1,2", *cells[1:]])
        (tmp_path / "lines.csv").write_text(text)

        lost, bad = self.problems(options, tmp_path / "lines.csv")

        assert lost.startswith("lines.csv: 1 line(s) do not have the 8 columns of the header")
        assert bad == (
            "lines.csv, column 'pieces': 1 row(s) are not a whole number: row 5 'x'; "
            "mend them in the file"
        )

    @pytest.mark.parametrize(
        ("encoding", "end"), [("utf-8", "\r\n"), ("utf-8-sig", "\n"), ("utf-8-sig", "\r\n")]
    )
    def test_marks_line_ends_and_quotes_change_nothing(
        self, encoding: str, end: str, options: OrderLineOptions, tmp_path: Path
    ) -> None:
        header, row = ",".join(COLUMNS.values()), list(sale().values())
        row[4] = '"Cup ""Ann"", d12"'
        text = end.join([header, ",".join(map(str, row)), ""])
        (tmp_path / "lines.csv").write_bytes(text.encode(encoding))
        dataset = RawCSVDataset(filepath=str(tmp_path / "lines.csv"), trim=False)

        (line,) = listed(read_order_lines(options, dataset.load()))

        assert (line["customer_id"], line["product_name"]) == ("1", 'Cup "Ann", d12')
        assert (line["country"], line["amount"]) == ("Malta", Decimal("3.00"))


class TestBadCells:
    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            (
                {"order": None},
                "lines.csv, column 'order': 1 row(s) are empty: row 4; fill them in the file",
            ),
            (
                {"date": None},
                "lines.csv, column 'date': 1 row(s) are empty: row 4; fill them in the file",
            ),
            (
                {"pieces": "1,000"},
                "lines.csv, column 'pieces': 1 row(s) are not a whole number: row 4 '1,000'; "
                "mend them in the file",
            ),
            (
                {"price": "NaN"},
                "lines.csv, column 'price': 1 row(s) are not a number: row 4 'NaN'; "
                "mend them in the file",
            ),
            (
                {"price": "123456789012345"},
                "lines.csv, column 'price': 1 row(s) have too many digits: row 4 "
                "'123456789012345'; mend them in the file",
            ),
            (
                {"date": "2011-02-30 10:00"},
                "lines.csv, column 'date': 1 row(s) are no date that exists, in the form "
                "'%Y-%m-%d %H:%M': row 4 '2011-02-30 10:00'; mend them in the file or edit "
                "params:data_processing.date_formats",
            ),
            (
                {"date": "1999-12-31 23:59"},
                "lines.csv, column 'date': 1 row(s) are before 2000-01-01: row 4 "
                "'1999-12-31 23:59'; mend them in the file or edit "
                "params:data_processing.earliest_date",
            ),
            (
                {"date": "2022-01-01 00:00"},
                "lines.csv, column 'date': 1 row(s) are in the future: after 2021-12-31: row 4 "
                "'2022-01-01 00:00'; mend them in the file or edit "
                "params:data_processing.latest_date",
            ),
        ],
    )
    def test_the_message_names_file_column_row_and_what_to_do(
        self, changes: Row, problem: str, options: OrderLineOptions
    ) -> None:
        assert problems_of_file(options, raw(*SALES, sale(**changes))) == [problem]

    def test_all_problems_come_at_once(self, options: OrderLineOptions) -> None:
        rows = [sale(order=" "), sale(pieces="two"), sale(price=None), sale(date="today"),
                sale(date="1066-10-14 09:00")]  # fmt: skip

        found = problems_of_file(options, raw(*rows))

        assert [text.split(": ")[0].removeprefix("lines.csv, column ") for text in found] == [
            "'order'",
            "'price'",
            "'pieces'",
            "'date'",
            "'date'",
        ]

    def test_five_examples_are_enough(self, options: OrderLineOptions) -> None:
        (problem,) = problems_of_file(options, raw(*[sale(pieces=f"x{n}") for n in range(7)]))

        assert "7 row(s)" in problem
        assert "row 5 'x4', …;" in problem
        assert "row 6" not in problem

    def test_missing_columns_are_named_with_those_that_are_there(
        self, options: OrderLineOptions
    ) -> None:
        rows = [{"client": "1", "order": "2", "day": "2021-03-01", "code": "A", "pieces": "1"}]

        assert problems_of_file(options, raw(*rows)) == [
            "lines.csv: no column 'date', 'name', 'price', 'country'; the file has 'client', "
            "'order', 'day', 'code', 'pieces'. Rename it in the file or set its header in "
            "params:data_processing.columns"
        ]

    def test_an_amount_that_no_shop_has_is_refused(self, options: OrderLineOptions) -> None:
        (problem,) = problems_of_file(options, raw(*SALES, sale(pieces="99999999999999")))

        assert "row 4" in problem

    def test_no_break_spaces_around_cells_do_not_count(self, options: OrderLineOptions) -> None:
        row = sale(client="\u00a01\u00a0")

        (line,) = listed(read_order_lines(options, raw(row)))

        assert line["customer_id"] == "1"

    def test_a_price_that_may_mean_thousands_is_refused(self, options: OrderLineOptions) -> None:
        assert problems_of_file(options, raw(*SALES, sale(price="1,250")))


class TestLinesThatCannotBeUsed:
    def test_no_order_is_left(self, options: OrderLineOptions) -> None:
        rows = [sale(order="C1", pieces="-1"), sale(code="POST"), sale(order="A1")]

        assert problems_of_lines(options, *rows) == [
            "no order is left after cleaning; lines were removed by adjustment (1), never_bought "
            "(1), non_product (1); look at the columns, codes and patterns of "
            "params:data_processing"
        ]

    def test_without_any_customer_id_the_message_is_about_customers(
        self, options: OrderLineOptions
    ) -> None:
        (problem,) = problems_of_lines(options, sale(client=None), sale(client=" "))

        assert "customer" in problem

    def test_one_customer_alone(self, options: OrderLineOptions) -> None:
        rows = [sale(), sale(order="101", date="2021-03-02 10:00")]

        assert problems_of_lines(options, *rows) == [
            "only one customer is left after cleaning: there is nobody to compare"
        ]

    def test_all_orders_on_one_day(self, options: OrderLineOptions) -> None:
        rows = [sale(), sale(client="2", order="101", date="2021-03-01 23:59")]

        assert problems_of_lines(options, *rows) == [
            "all orders are of one day, 2021-03-01: nothing can be said about time"
        ]

    def test_one_row_alone_has_both_problems(self, options: OrderLineOptions) -> None:
        assert len(problems_of_lines(options, sale())) == 2

    @pytest.mark.parametrize("cutoff", ["2021-03-01 09:59", "2021-03-09 10:01", "2021-03-01"])
    def test_a_cutoff_outside_the_data(self, cutoff: str, base: Tree) -> None:
        options = OrderLineOptions.model_validate(base | {"cutoff": cutoff})

        (problem,) = problems_of_lines(options, *SALES)

        assert problem == (
            f"params:data_processing.cutoff {options.cutoff} is outside the data: lines that can "
            "be linked to customers run from 2021-03-01 10:00:00 to 2021-03-09 10:00:00"
        )

    def test_the_cutoff_that_is_the_default_may_be_stated(self, base: Tree) -> None:
        # Given a file whose last line is a return, to which the default cutoff goes
        rows = [*SALES, sale(order="C1", pieces="-1", date="2021-03-20 10:00")]
        options = OrderLineOptions.model_validate(base | {"cutoff": "2021-03-20 10:00"})

        marked, *_ = mark_order_lines(options, read_order_lines(options, raw(*rows)))

        assert marked.count().to_pyarrow().as_py() == 4


# --- ledger and quarantine -------------------------------------------------------------------

CELLS = {
    "client": st.sampled_from(["1", "1.0", "2", "2", "3", None]),
    "order": st.sampled_from(["100", "101", "102", "C100", "C101", "A1"]),
    "date": st.sampled_from(["2021-03-01 10:00", "2021-03-01 11:00", "2021-04-02 00:00"]),
    "code": st.sampled_from(["A1", "a1", "B2", "POST", None]),
    "name": st.sampled_from(["Cup", " Cup", "Red  cup", None]),
    "pieces": st.sampled_from(["1", "2", "3", "-1", "-2", "0", "80995"]),
    "price": st.sampled_from(["1.50", "0,335", "0.001", "0", "-11062.06", "55.666667"]),
    "country": st.sampled_from(["Malta", None]),
}
LINES = st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=40)
TREATMENT = st.sampled_from(["remove", "flag"])


@given(rows=LINES, relogged=TREATMENT, shared=TREATMENT)
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes: every step is a query
)
def test_every_row_and_cent_is_kept_or_in_quarantine(
    rows: list[Row], relogged: str, shared: str, base: Tree
) -> None:
    options = OrderLineOptions.model_validate(
        base | {"relogged_lines": relogged, "shared_orders": shared}
    )
    # When
    marked = marked_of(options, rows)
    kept = listed(take_order_lines(options, marked))
    quarantine = listed(collect_order_quarantine(raw(*rows), marked))
    ledger = compile_order_ledger(
        options, marked, match_returns(take_order_lines(options, marked).cache())
    )

    # Then every row of the file is in one of both, and was removed by the rule of its name
    places = [line["row_number"] for line in kept + quarantine]
    assert sorted(places) == list(range(1, len(rows) + 1))
    removals = ledger[ledger["action"] == "removed"].set_index("rule")["rows_hit"]
    assert pd.Series([q["rule"] for q in quarantine], dtype=object).value_counts().to_dict() == {
        rule: count for rule, count in removals.items() if count
    }
    # ... the ledger runs from the sum of the file to the sum of what is kept ...
    amounts = {line["row_number"]: line["amount"] for line in listed(marked)}
    first, last = ledger.iloc[0], ledger.iloc[-1]
    assert (first["rows_before"], last["rows_after"]) == (len(rows), len(kept))
    assert Decimal(first["revenue_before"]) == sum(amounts.values())
    assert Decimal(last["revenue_after"]) == sum(line["amount"] for line in kept)
    # ... each rule begins where the one before it ended, and money in = money out + dropped.
    for earlier, later in itertools.pairwise(ledger.to_dict("records")):
        for kind in ("rows", "customers", "revenue"):
            assert later[f"{kind}_before"] == earlier[f"{kind}_after"]
    dropped = sum(amounts[line["row_number"]] for line in quarantine)
    assert Decimal(first["revenue_before"]) - Decimal(last["revenue_after"]) == dropped


@dataclass(frozen=True)
class Intake:
    """What the nodes make of one file."""

    options: OrderLineOptions
    marked: ir.Table
    lines: ir.Table
    ledger: pd.DataFrame
    quarantine: list[Tree]
    regime: pd.DataFrame
    era: Tree
    orders: ir.Table
    customers: ir.Table


def intake_of(options: OrderLineOptions, table: RawTable, registry: FeatureRegistry) -> Intake:
    marked, regime, found = mark_order_lines(options, read_order_lines(options, table))
    lines = take_order_lines(options, marked).cache()
    era = choose_era(options, lines, marked, found)
    return Intake(
        options,
        marked,
        lines,
        compile_order_ledger(options, marked, match_returns(lines)),
        listed(collect_order_quarantine(table, marked)),
        regime,
        era,
        build_orders(lines),
        build_order_customers(registry, options, lines, era),
    )


@pytest.fixture(scope="module")
def small(options: OrderLineOptions, order_registry: FeatureRegistry) -> Intake:
    """Three customers; one brings back three of two cups, and an order takes two days."""
    rows = [
        *SALES,
        sale(order="C100", pieces="-3", date="2021-03-02 10:00"),
        sale(client="2", order="101", code="B2", date="2021-03-06 10:00", name='Jug; "old"'),
        sale(client=None, price="100"),
        sale(client="3", order="C7", code="Z9", pieces="-1", date="2021-03-09 10:00"),
    ]
    return intake_of(options, raw(*rows), order_registry)


class TestTables:
    def test_the_ledger_has_the_columns_of_every_shop(self, small: Intake) -> None:
        assert tuple(small.ledger.columns) == LEDGER_COLUMNS
        assert set(small.ledger["source"]) == {"order_lines"}

    def test_returns_without_a_purchase_are_counted_and_priced_last(self, small: Intake) -> None:
        # Given one cup more than was bought (1.50), and a product never bought (1.50)
        line = small.ledger.iloc[-1]

        assert (line["rule"], line["action"]) == ("unmatched_return", "flagged")
        assert (line["rows_flagged"], line["customers_flagged"]) == (2, 2)
        assert line["revenue_flagged"] == "-3.00"
        assert line["rows_before"] == line["rows_after"] == 6

    def test_a_rule_that_takes_much_is_an_alert(self, small: Intake) -> None:
        alerts = small.ledger[small.ledger["alert"]]

        assert alerts["rule"].tolist() == ["missing_customer"]
        assert alerts["revenue_lost_share"].tolist() == [f"{200 / 206:.6f}"]

    def test_quarantine_holds_the_row_as_it_stood(self, small: Intake) -> None:
        (line,) = small.quarantine

        assert (line["source"], line["row_number"]) == ("order_lines", 6)
        assert line["rule"] == "missing_customer"
        assert json.loads(line["raw"]) == sale(client=None, price="100")

    def test_orders_add_their_lines_up(self, small: Intake) -> None:
        orders = {order["order_id"]: order for order in listed(small.orders)}

        assert list(orders) == ["100", "C100", "101", "102", "C7"]  # by time
        assert orders["101"]["ordered_at"] == datetime(2021, 3, 5, 10)
        assert (orders["101"]["net_revenue"], orders["101"]["lines"]) == (6.0, 2)
        assert (orders["C100"]["net_revenue"], orders["C100"]["gross_revenue"]) == (-4.5, 0.0)
        assert (orders["C100"]["items"], orders["C100"]["is_return"]) == (-3, True)

    def test_tables_keep_their_contracts(self, small: Intake) -> None:
        schema = {"source": "string", "row_number": "int64", "rule": "string", "raw": "string"}
        tables = {
            Orders: small.orders,
            Customers: small.customers,
            Quarantine: ibis.memtable(small.quarantine, schema=schema),
        }
        for contract, table in tables.items():
            kept = contract.validate(table)  # raises where it is broken
            assert set(contract.to_schema().columns) <= set(kept.columns)

    def test_customers_hold_id_features_profit_and_whether_they_are_regular(
        self, small: Intake, order_registry: FeatureRegistry
    ) -> None:
        assert list(small.customers.columns) == [
            "customer_id",
            *order_registry.names(),
            "profit",
            "revenue_repaired",
            "regular",
        ]

    def test_customers_of_today_are_those_at_the_end_of_the_era(
        self, small: Intake, options: OrderLineOptions, order_registry: FeatureRegistry
    ) -> None:
        today = datetime.fromisoformat(small.era["cutoff"])

        found = customers_at(order_registry, options, small.lines, today)

        assert listed(found.order_by("customer_id")) == listed(small.customers)

    def test_customers_at_an_earlier_moment_are_those_who_had_bought(
        self, small: Intake, options: OrderLineOptions, order_registry: FeatureRegistry
    ) -> None:
        # Given the third customer still to come, and the second line of order 101 too
        moment = datetime(2021, 3, 5, 12)

        found = customers_at(order_registry, options, small.lines, moment)

        rows = {row["customer_id"]: row for row in listed(found)}
        assert sorted(rows) == ["1", "2"]
        assert (rows["2"]["revenue"], rows["2"]["recency_days"]) == (3.0, 0)
        assert listed(small.customers)[1]["revenue"] == 6.0

    def test_earlier_customers_are_those_of_so_many_days_before(
        self, small: Intake, options: OrderLineOptions, order_registry: FeatureRegistry
    ) -> None:
        asked = options.model_copy(update={"earlier_days": 2})
        moment = datetime.fromisoformat(small.era["cutoff"]) - timedelta(days=2)

        found = build_earlier_customers(order_registry, asked, small.lines, small.era)

        known = customers_at(order_registry, options, small.lines, moment)
        assert listed(found.drop("cutoff")) == listed(known.order_by("customer_id"))
        assert {row["cutoff"] for row in listed(found)} == {moment}
        assert 0 < len(listed(found)) < len(listed(small.customers))

    def test_row_order_changes_nothing(
        self, small: Intake, options: OrderLineOptions, order_registry: FeatureRegistry
    ) -> None:
        backwards = small.lines.order_by(ibis.desc("row_number")).cache()

        again = build_order_customers(order_registry, options, backwards, small.era)

        assert listed(again) == listed(small.customers)


# --- era -------------------------------------------------------------------------------------


FOUND = {"since": "2021-03-09T10:00:00", "id_form_before": None, "id_form_after": None}


class TestEra:
    def era(
        self, options: OrderLineOptions, rows: Sequence[Row], found: Tree | None = None
    ) -> Tree:
        marked = marked_of(options, rows, found)
        lines = take_order_lines(options, marked).cache()
        return choose_era(options, lines, marked, {"found": found})

    def test_without_a_break_the_cutoff_is_the_last_line(self, small: Intake) -> None:
        era = small.era

        assert (era["data_from"], era["data_to"]) == ("2021-03-01T10:00:00", "2021-03-09T10:00:00")
        assert era["cutoff"] == era["trusted_to"] == era["data_to"]
        assert era["break"] is None
        assert (era["customers"], era["orders"], era["repeat_buyers"]) == (3, 3, 0)
        assert (era["days"], era["currency"]) == (8, "GBP")

    def test_with_a_break_the_cutoff_is_its_first_moment(self, base: Tree) -> None:
        rows = [*SALES, sale(order="103", date="2021-03-20 10:00")]

        era = self.era(OrderLineOptions.model_validate(base), rows, FOUND)

        assert era["cutoff"] == era["trusted_to"] == "2021-03-09T10:00:00"
        assert era["data_to"] == "2021-03-20T10:00:00"
        assert era["break"] == FOUND
        # and nothing after it is known
        assert (era["customers"], era["orders"]) == (2, 2)

    def test_a_break_that_is_used_over_ends_nothing(self, base: Tree) -> None:
        options = OrderLineOptions.model_validate(base | {"after_break": "use"})

        era = self.era(options, [*SALES, sale(order="103", date="2021-03-20 10:00")], FOUND)

        assert era["cutoff"] == era["trusted_to"] == "2021-03-20T10:00:00"
        assert (era["customers"], era["repeat_buyers"]) == (3, 1)
        assert era["break"] == FOUND

    def test_a_stated_cutoff_holds_to_the_microsecond(self, base: Tree) -> None:
        options = OrderLineOptions.model_validate(base | {"cutoff": "2021-03-05T09:59:59.999999"})

        era = self.era(options, SALES)

        assert era["cutoff"] == "2021-03-05T09:59:59.999999"
        assert (era["customers"], era["days"]) == (1, 4)
        assert era["trusted_to"] == "2021-03-09T10:00:00"

    def test_repeat_buyers_are_compared_with_and_without_the_lines_after_the_break(
        self, options: OrderLineOptions
    ) -> None:
        # Given who bought twice before it, who came back only after it, and a shared order
        rows = [
            sale(),
            sale(order="103", date="2021-03-02 10:00"),
            sale(client="2", order="101"),
            sale(client="2", order="104", date="2021-03-20 10:00"),
            sale(client="3", order="102"),
            sale(client="4", order="102"),
        ]

        assert self.era(options, rows, FOUND)["repeat_check"] == {
            "customers": 4,
            "repeat_buyers_before_break": 1,
            "repeat_buyers_with_all_lines": 2,
            "share_before_break": 0.25,
            "share_with_all_lines": 0.5,
        }

    def test_outputs_with_too_few_data_are_withheld_with_the_reason(self, base: Tree) -> None:
        enough, days = {"customers": 3, "days": 8, "repeat_buyers": 0}, {"days": 9}
        least = {
            "rfm": enough,
            "class_tests": enough | days,
            "backtest": enough | days | {"repeat_buyers": 1},
            "migration": enough,
            "decline_risk": enough | {"repeat_buyers": 2},
        }
        options = OrderLineOptions.model_validate(base | {"minimum_data": least})

        assert self.era(options, SALES)["withheld"] == {
            "class_tests": {
                "ru": "мало данных: дней 8, нужно 9",
                "en": "too few data: 8 days, 9 needed",
            },
            "backtest": {
                "ru": "мало данных: дней 8, нужно 9; повторных покупателей 0, нужно 1",
                "en": "too few data: 8 days, 9 needed; 0 repeat buyers, 1 needed",
            },
            "decline_risk": {
                "ru": "мало данных: повторных покупателей 0, нужно 2",
                "en": "too few data: 0 repeat buyers, 2 needed",
            },
        }

    def test_the_era_is_plain_json(self, small: Intake) -> None:
        assert json.loads(json.dumps(small.era)) == small.era


# --- customers -------------------------------------------------------------------------------


def bought(customer: str, days_ago: float, amount: str = "10.00", **changes: Any) -> Tree:
    """Canonical line of one order; a negative amount takes back."""
    at = CUTOFF - timedelta(days=days_ago)
    takes_back = amount.startswith("-")
    return {
        "customer_id": customer,
        "order_id": f"{'C' * takes_back}{customer}-{days_ago}",
        "ordered_at": at,
        "logged_at": at,
        "product_id": "cup",
        "product_name": "Cup",
        "quantity": -1 if takes_back else 1,
        "unit_price": abs(Decimal(amount)),
        "amount": Decimal(amount),
        "is_return": takes_back,
        "country": "Malta",
        "trusted": True,
    } | changes


ERA = {"cutoff": CUTOFF.isoformat()}


def lines_of(lines: Sequence[Mapping[str, Any]]) -> ir.Table:
    rows = [{"row_number": number} | dict(line) for number, line in enumerate(lines, start=1)]
    return ibis.memtable(rows, schema=CANONICAL)


class TestCustomers:
    def customers(
        self, options: OrderLineOptions, registry: FeatureRegistry, *lines: Tree
    ) -> dict[str, Tree]:
        table = build_order_customers(registry, options, lines_of(lines), ERA)
        return {row["customer_id"]: row for row in listed(table)}

    def test_everyone_who_bought_before_the_cutoff_has_a_row(
        self, options: OrderLineOptions, order_registry: FeatureRegistry
    ) -> None:
        found = self.customers(
            options,
            order_registry,
            bought("cid", 0),
            bought("ann", 400),
            bought("bob", -1),  # after the cutoff
            bought("dan", 5, "-10.00"),  # brought back what he bought elsewhere
            bought("eve", 5, trusted=False),
        )

        assert list(found) == ["ann", "cid"]

    def test_regular_is_who_bought_twice_and_once_of_late(
        self, options: OrderLineOptions, order_registry: FeatureRegistry
    ) -> None:
        found = self.customers(
            options,
            order_registry,
            *[bought("twice", days) for days in (170, 500)],
            *[bought("long_ago", days) for days in (180, 500)],  # the window ends just before
            bought("once", 1),
            *[bought("returned", days) for days in (200, 500)],
            bought("returned", 1, "-1.00"),
            bought("once_and_back", 3),
            bought("once_and_back", 2, "-1.00"),
            bought("later", 1),
            bought("later", -1),
        )

        assert [name for name, row in found.items() if row["regular"]] == ["twice"]

    @pytest.mark.parametrize(
        ("days", "margin", "profit"), [(90, 0.3, 4.5), (30, 0.3, 6.0), (180, 0.5, 18.75)]
    )
    def test_profit_is_the_mean_monthly_net_revenue_times_the_margin(
        self,
        days: int,
        margin: float,
        profit: float,
        base: Tree,
        order_registry: FeatureRegistry,
    ) -> None:
        options = OrderLineOptions.model_validate(
            base | {"profit": {"days": days, "margin": margin}}
        )
        lines = [bought("ann", 100, "180.00"), bought("ann", 80, "25.00"),
                 bought("ann", 10, "30.00"), bought("ann", 5, "-10.00")]  # fmt: skip

        found = self.customers(options, order_registry, *lines)

        assert found["ann"]["profit"] == pytest.approx(profit)

    def test_who_did_not_buy_lately_brings_no_profit_and_may_bring_a_loss(
        self, options: OrderLineOptions, order_registry: FeatureRegistry
    ) -> None:
        found = self.customers(
            options,
            order_registry,
            bought("ann", 100),
            bought("bob", 100),
            bought("bob", 5, "-10.00"),
        )

        assert found["ann"]["profit"] == 0
        assert found["bob"]["profit"] == pytest.approx(-1)

    def test_consent_is_unknown_and_no_revenue_is_repaired(
        self, options: OrderLineOptions, order_registry: FeatureRegistry
    ) -> None:
        (ann,) = self.customers(options, order_registry, bought("ann", 1)).values()

        assert ann["contact_allowed"] is None
        assert ann["revenue_repaired"] is False

    def test_changes_compare_two_quarters(
        self, options: OrderLineOptions, order_registry: FeatureRegistry
    ) -> None:
        lines = [bought("ann", 100, "20.00"), bought("ann", 5, "30.00"), bought("bob", 5)]

        found = self.customers(options, order_registry, *lines)

        assert found["ann"]["revenue_change"] == 0.5
        assert found["bob"]["revenue_change"] is None

    def test_types_are_those_of_the_registry(
        self, options: OrderLineOptions, order_registry: FeatureRegistry
    ) -> None:
        table = build_order_customers(order_registry, options, lines_of([bought("a", 1)]), ERA)
        engine = {"number": "float64", "category": "string", "flag": "boolean"}

        for name, feature in order_registry.features.items():
            assert str(table.schema()[name]) == engine[feature.type], name


PAST = [
    bought("ann", 1),
    bought("ann", 100, "20.00"),
    bought("ann", 0.5, "-5.00"),
    bought("bob", 0, "3.00"),
    bought("eve", 300, "7.00"),
]
LATER = st.builds(
    bought,
    st.sampled_from(["ann", "bob", "eve", "new"]),
    st.sampled_from([-0.00001, -1, -30, -400]),
    st.sampled_from(["5.00", "-5.00", "99999.99"]),
    product_id=st.sampled_from(["cup", "jug"]),
    country=st.sampled_from(["Cyprus", None]),
)
# Lines that were added to orders of the past after the cutoff.
ADDED = st.builds(
    lambda line, days, product: (
        line | {"logged_at": CUTOFF + timedelta(days=days), "product_id": product}
    ),
    st.sampled_from(PAST),
    st.integers(1, 40),
    st.sampled_from(["cup", "jug"]),
)


@given(future=st.lists(LATER | ADDED, min_size=1, max_size=12))
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
def test_nothing_after_the_cutoff_is_seen(
    future: list[Tree], options: OrderLineOptions, order_registry: FeatureRegistry
) -> None:
    alone = build_order_customers(order_registry, options, lines_of(PAST), ERA)
    with_future = build_order_customers(order_registry, options, lines_of(PAST + future), ERA)

    assert listed(with_future) == listed(alone)


class TestRawFuture:
    """Raw lines after a stated cutoff change no customer, whatever the rules do to them."""

    def customers(self, base: Tree, registry: FeatureRegistry, *rows: Row) -> list[Tree]:
        options = OrderLineOptions.model_validate(base | {"cutoff": "2021-03-07"})
        marked = marked_of(options, rows)
        lines = take_order_lines(options, marked).cache()
        era = choose_era(options, lines, marked, {"found": None})
        return listed(build_order_customers(registry, options, lines, era))

    def test_new_sales_returns_copies_and_repetitions_are_not_seen(
        self, base: Tree, order_registry: FeatureRegistry
    ) -> None:
        late = "2021-03-08 10:00"
        future = [
            sale(date=late),
            sale(date=late, code="B2", pieces="9"),
            sale(order="C100", pieces="-2", date=late),
            sale(client="2", order="105", date=late, code="a1", country="Crete"),
            sale(client="3", order="102", code="B2", date="2021-03-10 10:00"),
            sale(client="9", order="109", date=late, price="1000"),
        ]

        assert self.customers(base, order_registry, *SALES, *future) == self.customers(
            base, order_registry, *SALES
        )

    def test_another_customer_who_joins_an_order_later_is_not_seen(
        self, base: Tree, order_registry: FeatureRegistry
    ) -> None:
        later = sale(client="9", date="2021-03-08 10:00")

        assert self.customers(base, order_registry, *SALES, later) == self.customers(
            base, order_registry, *SALES
        )


# --- real data -------------------------------------------------------------------------------


def real(parameters: Tree, shop: str, path: Path, *encodings: str) -> Intake:
    dataset = RawCSVDataset(filepath=str(path), encodings=encodings, trim=False)
    return intake_of(
        OrderLineOptions.model_validate(parameters[shop]["data_processing"]),
        dataset.load(),
        FeatureRegistry.model_validate(parameters[shop]["feature_registry"]),
    )


@pytest.fixture(scope="module")
def gift_shop(real_data: Path, parameters: Tree) -> Intake:
    path = real_data / "gift_shop" / "online_retail.csv.gz"
    return real(parameters, "gift_shop", path, "utf-8", "iso-8859-1")


@pytest.fixture(scope="module")
def home_goods(real_data: Path, parameters: Tree) -> Intake:
    path = real_data / "home_goods" / "ecom_dataset_upd.csv"
    return real(parameters, "home_goods", path, "utf-8")


def rule_of(intake: Intake, rule: str) -> Tree:
    (line,) = intake.ledger[intake.ledger["rule"] == rule].to_dict("records")
    return line


def balances(intake: Intake) -> bool:
    """Return whether what came in is what stayed and what the quarantine holds."""
    first, last = intake.ledger.iloc[0], intake.ledger.iloc[-1]
    amounts = intake.marked.amount.sum(where=intake.marked.removed_at.notnull())
    dropped = amounts.to_pyarrow().as_py() or Decimal(0)
    stayed = intake.lines.amount.sum().to_pyarrow().as_py()
    return (
        first["rows_before"] == last["rows_after"] + len(intake.quarantine)
        and Decimal(first["revenue_before"]) == stayed + dropped
        and Decimal(last["revenue_after"]) == stayed
    )


@pytest.mark.real_data
class TestGiftShop:
    def test_the_ledger_starts_with_the_whole_file(self, gift_shop: Intake) -> None:
        first = gift_shop.ledger.iloc[0]

        assert (first["rows_before"], first["revenue_before"]) == (541_909, "9747747.93")
        assert first["customers_before"] == 4_372
        assert balances(gift_shop)

    def test_identified_sales_are_those_of_the_literature(self, gift_shop: Intake) -> None:
        line = rule_of(gift_shop, "identified_sales")

        assert (line["rows_flagged"], line["orders_flagged"]) == (397_884, 18_532)
        assert (line["customers_flagged"], line["revenue_flagged"]) == (4_338, "8911407.90")

    def test_rules_find_the_known_quirks(self, gift_shop: Intake) -> None:
        hits = gift_shop.ledger.set_index("rule")["rows_hit"]

        assert hits["adjustment"] == 3
        assert hits["missing_customer"] == 135_077  # and three adjustments without customer
        assert hits["zero_price"] == 40  # with a customer
        assert hits["product_id_case"] == 1_977
        assert hits["shared_order"] == hits["after_break"] == 0
        assert gift_shop.ledger.set_index("rule")["alert"]["missing_customer"]

    def test_it_has_no_break_and_data_enough_for_everything(self, gift_shop: Intake) -> None:
        era = gift_shop.era

        assert era["break"] is None
        assert era["withheld"] == {}
        assert era["cutoff"] == era["data_to"] == "2011-12-09T12:50:00"

    def test_customers_add_up_to_their_lines(self, gift_shop: Intake) -> None:
        totals = gift_shop.customers.aggregate(
            customers=lambda t: t.count(),
            revenue=lambda t: t.revenue.sum(),
            orders=lambda t: t.orders.sum(),
        )
        (found,) = listed(totals)
        Customers.validate(gift_shop.customers)

        assert found["customers"] == gift_shop.era["customers"] == 4_334
        assert found["orders"] == gift_shop.era["orders"]
        assert f"{found['revenue']:.2f}" == gift_shop.ledger.iloc[-1]["revenue_after"]


@pytest.mark.real_data
class TestHomeGoods:
    def test_lines_logged_again_and_shared_orders(self, home_goods: Intake) -> None:
        relogged, shared = rule_of(home_goods, "relogged_line"), rule_of(home_goods, "shared_order")
        marked = home_goods.marked
        orders = marked.order_id.nunique(where=marked.hit__shared_order).to_pyarrow().as_py()

        assert home_goods.ledger.iloc[0]["rows_before"] == 7_474
        assert relogged["rows_hit"] == 1_864
        taken = Decimal(relogged["revenue_before"]) - Decimal(relogged["revenue_after"])
        assert taken == Decimal("709126.00")
        assert (orders, shared["customers_hit"]) == (29, 62)
        assert rule_of(home_goods, "exact_duplicate")["rows_hit"] == 0
        assert balances(home_goods)

    def test_the_break_ends_the_era(self, home_goods: Intake) -> None:
        era = home_goods.era

        assert era["break"]["since"] == "2019-10-31T16:00:00"
        assert era["cutoff"] == era["trusted_to"] == "2019-10-31T16:00:00"
        assert era["data_to"] == "2020-01-31T15:00:00"
        assert rule_of(home_goods, "after_break")["rows_flagged"] == 737
        assert home_goods.regime["flagged"].any()

    def test_few_customers_came_back_before_it(self, home_goods: Intake) -> None:
        check = home_goods.era["repeat_check"]

        assert (check["repeat_buyers_before_break"], check["customers"]) == (160, 2_451)
        assert check["share_before_break"] == pytest.approx(0.065, abs=0.0005)
        assert check["share_with_all_lines"] == pytest.approx(0.366, abs=0.0005)

    def test_customers_saw_nothing_of_the_lines_after_it(self, home_goods: Intake) -> None:
        lines = home_goods.lines
        sound = lines.filter(lines.trusted)
        (found,) = listed(home_goods.customers.aggregate(revenue=lambda t: t.revenue.sum()))

        assert sound.order_id.length().max().to_pyarrow().as_py() == 5
        assert found["revenue"] == pytest.approx(float(sound.amount.sum().to_pyarrow().as_py()))
        assert home_goods.customers.count().to_pyarrow().as_py() == home_goods.era["customers"]

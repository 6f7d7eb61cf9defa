"""The sales overview: every line in every table, money to the cent, findings in the titles."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from personal_offers.figure_style import SPACE, THIN
from personal_offers.pipelines.data_processing.order_params import SalesOptions
from personal_offers.pipelines.data_processing.sales import sales_overview
from personal_offers.pipelines.data_processing.sales_figures import (
    Language,
    draw_countries,
    draw_months,
    draw_products,
    draw_weekdays_and_hours,
)

OPTIONS = SalesOptions(top_products=2, top_countries=2)
SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()),
        ("order_id", pa.string()),
        ("ordered_at", pa.timestamp("us")),
        ("product_id", pa.string()),
        ("product_name", pa.string()),
        ("quantity", pa.int64()),
        ("amount", pa.decimal128(18, 2)),
        ("is_return", pa.bool_()),
        ("country", pa.string()),
        ("trusted", pa.bool_()),
    ]
)


def line(order: str, amount: str, **rest: Any) -> dict[str, Any]:
    """One piece of product x, bought by customer a on a Tuesday at 9, unless told otherwise."""
    money = Decimal(amount)
    return {
        "customer_id": "a",
        "order_id": order,
        "ordered_at": datetime(2011, 3, 1, 9, 30),
        "product_id": "x",
        "product_name": rest.get("product_id", "x").upper(),
        "quantity": 1 if money >= 0 else -1,
        "amount": money,
        "is_return": money < 0,
        "country": "Malta",
        "trusted": True,
    } | rest


def lines_of(rows: Sequence[Mapping[str, Any]]) -> ir.Table:
    return ibis.memtable(pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMA))


def overview(*rows: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    return sales_overview(lines_of(rows), OPTIONS)


def row_of(table: pd.DataFrame, **key: Any) -> dict[str, Any]:
    """Return the one row with this key, without the key."""
    for column, value in key.items():
        table = table[table[column] == value]
    (row,) = table.drop(columns=list(key)).to_dict("records")
    return row


class TestMeasures:
    def test_purchases_and_returns_of_one_month(self) -> None:
        # Given two orders of two customers, the first of two lines, and a return of part of it
        tables = overview(
            line("1", "10.10"),
            line("1", "5.05", product_id="y"),
            line("2", "4.90", customer_id="b"),
            line("C3", "-5.05", product_id="y"),
        )

        assert row_of(tables["month"], month="2011-03") == {
            "lines": 4,
            "orders": 2,
            "customers": 2,
            "gross_revenue": Decimal("20.05"),
            "returned_value": Decimal("5.05"),
            "net_revenue": Decimal("15.00"),
            "average_check": Decimal("10.03"),
            "trading_days": 1,
            "largest_order": Decimal("15.15"),
            "trusted_share": 1.0,
            "net_revenue_after_break": Decimal("0.00"),
        }

    def test_time_with_returns_alone_has_no_average_check(self) -> None:
        tables = overview(line("C1", "-2.00"))

        found = row_of(tables["hour"], hour=9)

        assert found["orders"] == found["customers"] == 0
        assert found["average_check"] is None
        assert found["net_revenue"] == Decimal("-2.00")
        assert tables["month"]["trusted_share"].isna().all()

    def test_times_without_sales_have_a_row(self) -> None:
        tables = overview(line("1", "1"), line("2", "1", ordered_at=datetime(2011, 5, 1)))

        assert tables["month"]["month"].tolist() == ["2011-03", "2011-04", "2011-05"]
        assert row_of(tables["month"], month="2011-04")["net_revenue"] == Decimal("0.00")
        assert tables["weekday"]["weekday"].tolist() == list(range(1, 8))
        assert tables["hour"]["hour"].tolist() == list(range(24))
        assert len(tables["weekday_hour"]) == 7 * 24

    def test_monday_is_the_first_day_and_hours_are_those_of_the_order(self) -> None:
        tables = overview(line("1", "1"), line("2", "1", ordered_at=datetime(2011, 3, 6, 23, 59)))

        busy = tables["weekday_hour"].query("orders > 0")

        assert busy[["weekday", "hour"]].to_numpy().tolist() == [[2, 9], [7, 23]]

    def test_month_says_how_much_of_it_is_after_a_break(self) -> None:
        tables = overview(line("1", "3"), line("2", "1"), line("3", "7", trusted=False))

        found = row_of(tables["month"], month="2011-03")

        assert found["trusted_share"] == 2 / 3
        assert found["net_revenue_after_break"] == Decimal("7.00")
        assert found["net_revenue"] == Decimal("11.00")


class TestCountries:
    def test_highest_net_revenue_comes_first_and_an_unknown_country_has_a_row(self) -> None:
        table = overview(
            line("1", "1"), line("2", "9", country="Oman"), line("3", "5", country=None)
        )["country"]

        assert table["country"].fillna("?").tolist() == ["Oman", "?", "Malta"]

    def test_shop_without_countries_has_no_row(self) -> None:
        table = overview(line("1", "1", country=None))["country"]

        assert table.empty
        assert "net_revenue" in table.columns


class TestProducts:
    def test_products_without_a_row_of_their_own_share_one(self) -> None:
        # Given four products, two of those that are not shown in one order
        table = overview(
            line("1", "3", product_id="p"),
            line("2", "9", product_id="q"),
            line("3", "1", product_id="r"),
            line("3", "2", product_id="s"),
        )["product"]

        shown = table[["rank", "product_id", "products", "lines", "orders", "net_revenue"]]
        assert shown.astype(object).where(shown.notna(), None).to_numpy().tolist() == [
            [1, "q", 1, 1, 1, Decimal("9.00")],
            [2, "p", 1, 1, 1, Decimal("3.00")],
            [None, None, 2, 2, 1, Decimal("3.00")],
        ]

    def test_shop_with_few_products_has_no_row_for_others(self) -> None:
        assert overview(line("1", "3"))["product"]["rank"].tolist() == [1]

    def test_of_equal_products_the_first_by_letter_is_shown(self) -> None:
        rows = [line(p, "1", product_id=p) for p in "dbca"]

        assert overview(*rows)["product"]["product_id"].tolist()[:2] == ["a", "b"]

    def test_name_is_the_most_frequent_one(self) -> None:
        names = ["Cup", "Mug", "Mug", None, "Bowl", "Bowl"]
        rows = [line(str(n), "1", product_name=name) for n, name in enumerate(names)]

        assert overview(*rows)["product"]["product_name"].tolist() == ["Bowl"]


class TestEdges:
    def test_no_line_gives_empty_tables(self) -> None:
        tables = overview()

        assert {name: len(table) for name, table in tables.items()} == {
            "month": 0,
            "weekday": 7,
            "hour": 24,
            "weekday_hour": 168,
            "country": 0,
            "product": 0,
        }
        assert tables["hour"]["lines"].sum() == 0

    def test_misspelt_or_impossible_options_are_refused(self) -> None:
        with pytest.raises(ValidationError, match="top_product"):
            SalesOptions(top_products=2, top_countries=2, top_product=3)
        with pytest.raises(ValidationError, match="top_products"):
            SalesOptions(top_products=0, top_countries=2)


ANY_LINE = st.builds(
    line,
    st.sampled_from("12345678"),
    st.decimals("-5000", "90000", places=2).filter(bool).map(str),
    customer_id=st.sampled_from("abc"),
    product_id=st.sampled_from("pqrs"),
    country=st.sampled_from(["Malta", "Oman", None]),
    trusted=st.booleans(),
)


def adds_up(table: pd.DataFrame, lines: ir.Table) -> bool:
    """Whether lines and money of all rows together are those of the order lines."""
    sums = lines.aggregate(
        lines=lines.count(),
        gross_revenue=lines.amount.sum(where=lines.quantity > 0).fill_null(0),
        returned_value=-lines.amount.sum(where=lines.quantity < 0).fill_null(0),
        net_revenue=lines.amount.sum(),
    )
    wanted = sums.to_pyarrow().to_pylist()[0]
    return {name: table[name].sum() for name in wanted} == wanted


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ANY_LINE, min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_every_table_adds_up_to_the_cent_whatever_the_order_of_rows(
    rows: list[dict[str, Any]], random: Any
) -> None:
    # Given orders at one time each
    times = {
        order: datetime(2011, 1, 1) + timedelta(hours=997 * int(order)) for order in "12345678"
    }
    rows = [row | {"ordered_at": times[row["order_id"]]} for row in rows]
    shuffled = random.sample(rows, len(rows))

    # When they are summed up, and again in another order of rows
    tables, again = overview(*rows), overview(*shuffled)

    # Then every table holds every line, and the same again
    has_countries = any(row["country"] for row in rows)
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table, again[name])
        if name != "country" or has_countries:
            assert adds_up(table, lines_of(rows)), name


@pytest.fixture(scope="module")
def sold() -> dict[str, pd.DataFrame]:
    """A small shop: April best because of one order, with markup in its names."""
    return overview(
        line("1", "1000", product_id="p", product_name="<b>Cup & saucer</b>"),
        line("2", "200", product_id="q"),
        line("3", "250", ordered_at=datetime(2011, 3, 2, 9), country="Côte <d'Ivoire>"),
        line(
            "4", "2550.50", ordered_at=datetime(2011, 4, 5, 14), customer_id="b", product_id="p",
            product_name="<b>Cup & saucer</b>", trusted=False,
        ),
    )  # fmt: skip


def title_of(figure: Any) -> str:
    return figure.layout.title.text.replace("<br>", " ").replace(SPACE, " ").replace(THIN, " ")


def titles(tables: dict[str, pd.DataFrame], language: Language) -> list[str]:
    return [
        title_of(figure)
        for figure in (
            draw_months(tables["month"], "GBP", language),
            draw_weekdays_and_hours(tables["weekday_hour"], language),
            draw_countries(tables["country"], "GBP", language, top=2),
            draw_products(tables["product"], "GBP", language),
        )
    ]


class TestFigures:
    def test_titles_say_the_findings_in_english(self, sold: dict[str, pd.DataFrame]) -> None:
        assert titles(sold, "en") == [
            "March 2011 brought most: 1,450 GBP, 100% of the revenue before the break in the data. "
            "One order made 69% of its sales",
            "Most purchases are made on Tuesday, 9:00–10:00: 2 of 4 orders, 50%",
            "Malta brings most: 3,750 GBP, 94% of net revenue; next Côte &lt;d'Ivoire&gt;: "
            "250 GBP, 6.2% of net revenue",
            "The products with most revenue (2 of 3) bring 3,800 GBP, 95% of net revenue. "
            "The first: &lt;b&gt;Cup &amp; saucer&lt;/b&gt;, 3,550 GBP",
        ]

    def test_titles_say_the_findings_in_russian(self, sold: dict[str, pd.DataFrame]) -> None:
        assert titles(sold, "ru") == [
            "Больше всего принёс март 2011: 1 450 £, 100% выручки до разрыва в данных. "
            "На один заказ пришлось 69% его продаж",
            "Чаще всего покупают во вторник, 9:00–10:00: 2 заказа из 4, 50%",
            "Больше всего приносит Malta: 3 750 £, 94% чистой выручки; далее "
            "Côte &lt;d'Ivoire&gt;: 250 £, 6,2% чистой выручки",
            "Самые доходные товары (2 из 3) дают 3 800 £, 95% чистой выручки. "
            "Первый: &lt;b&gt;Cup &amp; saucer&lt;/b&gt;, 3 550 £",
        ]

    @pytest.mark.parametrize("language", ["ru", "en"])
    def test_figures_of_tables_from_files_are_the_same(
        self, sold: dict[str, pd.DataFrame], language: Language
    ) -> None:
        from_files = {
            name: pd.read_csv(io.StringIO(table.to_csv(index=False)))
            for name, table in sold.items()
        }

        assert titles(from_files, language) == titles(sold, language)

    @pytest.mark.parametrize("language", ["ru", "en"])
    def test_every_axis_has_a_title(
        self, sold: dict[str, pd.DataFrame], language: Language
    ) -> None:
        for figure in (
            draw_months(sold["month"], "GBP", language),
            draw_weekdays_and_hours(sold["weekday_hour"], language),
            draw_countries(sold["country"], "GBP", language, top=2),
            draw_products(sold["product"], "GBP", language),
        ):
            assert figure.layout.xaxis.title.text
            assert figure.layout.yaxis.title.text

    def test_revenue_after_a_break_has_bars_of_its_own(self, sold: dict[str, pd.DataFrame]) -> None:
        before, after, orders = draw_months(sold["month"], "GBP", "en").data

        assert list(before.y) == [1450.0, 0.0]
        assert list(after.y) == [0.0, 2550.5]
        assert list(orders.y) == [3, 1]

    def test_shop_without_a_break_has_no_bars_for_it(self) -> None:
        assert len(draw_months(overview(line("1", "1"))["month"], "GBP", "en").data) == 2

    def test_heat_map_is_empty_where_nobody_bought(self, sold: dict[str, pd.DataFrame]) -> None:
        (cells,) = draw_weekdays_and_hours(sold["weekday_hour"], "en").data

        assert list(cells.x) == list(range(9, 15))
        assert [value for row in cells.z for value in row if value is not None] == [2, 1, 1]

    def test_hours_that_are_not_recorded_are_not_a_finding(self) -> None:
        table = overview(line("1", "1", ordered_at=datetime(2011, 3, 2)))["weekday_hour"]

        title = title_of(draw_weekdays_and_hours(table, "ru"))

        assert title.startswith("Время суток не записано; чаще всего покупают в среду")

    def test_bars_show_names_as_text_and_the_others_have_none(
        self, sold: dict[str, pd.DataFrame]
    ) -> None:
        figure = draw_products(sold["product"], "GBP", "en")

        labels = ["&lt;b&gt;Cup &amp; saucer&lt;/b&gt;", "X"]
        assert list(figure.layout.yaxis.ticktext) == labels
        assert list(figure.data[0].text) == ["89%", "6.2%"]

    def test_shares_of_no_revenue_are_left_out(self) -> None:
        tables = overview(line("1", "5", country="Oman"), line("C2", "-5"))

        assert titles(tables, "en") == [
            "March 2011 brought most: 0 GBP. One order made 100% of its sales",
            "Most purchases are made on Tuesday, 9:00–10:00: 1 of 1 order, 100%",
            "Oman brings most: 5 GBP; next Malta: −5 GBP",
            "The products with most revenue (1 of 1) bring 0 GBP. The first: X, 0 GBP",
        ]

    def test_nothing_sold_is_said(self) -> None:
        tables = overview()

        nothing = "Nothing to show: no sales"
        assert titles(tables, "en") == [
            nothing, nothing, "The shop records no countries", nothing,
        ]  # fmt: skip


@pytest.mark.real_data
def test_overview_of_home_goods_adds_up(real_data: Path) -> None:
    # Given all its raw lines; ids of six digits stand after the break
    raw = ibis.duckdb.connect().read_csv(
        real_data / "home_goods" / "ecom_dataset_upd.csv",
        types={"date": "VARCHAR", "order_id": "VARCHAR", "price": "DECIMAL(18, 4)"},
    )
    logged = raw.mutate(at=raw.date.as_timestamp("%Y%m%d%H"))
    of_order = ibis.window(group_by=["customer_id", "order_id"])
    lines = logged.select(
        "customer_id",
        "order_id",
        "quantity",
        ordered_at=logged["at"].min().over(of_order),
        product_id=logged["product"].upper(),
        product_name=logged["product"],
        amount=(logged.quantity * logged.price).round(2).cast("decimal(18, 2)"),
        is_return=False,
        country=ibis.null("string"),
        trusted=logged.order_id.length() == 5,
    ).cache()

    tables = sales_overview(lines, SalesOptions(top_products=20, top_countries=10))

    # Then every table holds all money, and what stands after the break is told apart
    assert tables.pop("country").empty
    for name, table in tables.items():
        assert adds_up(table, lines), name
    months = tables["month"].set_index("month")
    assert list(months.index[[0, -1]]) == ["2018-10", "2020-01"]
    assert months["orders"].tail(3).tolist() == [217, 246, 269]
    assert months["trusted_share"].tail(3).tolist() == [0, 0, 0]
    assert months["trusted_share"].iloc[:12].eq(1).all()
    assert months["largest_order"].max() == Decimal("675000.00")

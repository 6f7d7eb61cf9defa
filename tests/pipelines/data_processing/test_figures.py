"""The ledger as a page, and the sales overview as figures."""

from __future__ import annotations

import io
from datetime import datetime
from decimal import Decimal
from typing import Any

import ibis
import pandas as pd
import pytest

from personal_offers.features import Language
from personal_offers.pipelines.data_processing.figures import draw_sales, show_ledger
from personal_offers.pipelines.data_processing.order_params import OrderLineOptions, SalesOptions
from personal_offers.pipelines.data_processing.rules import ledger_table
from personal_offers.pipelines.data_processing.sales import sales_overview

SCHEMA = {
    "customer_id": "string",
    "order_id": "string",
    "ordered_at": "timestamp",
    "product_id": "string",
    "product_name": "string",
    "quantity": "int64",
    "amount": "decimal(18, 2)",
    "is_return": "boolean",
    "country": "string",
    "trusted": "boolean",
}


def ledger_line(rule: str, before: str | None, after: str | None) -> dict[str, Any]:
    return {
        "source": "order_lines",
        "rule": rule,
        "action": "removed",
        "rows_before": 10,
        "rows_after": 9,
        "customers_before": 5,
        "customers_after": 5,
        "revenue_before": None if before is None else Decimal(before),
        "revenue_after": None if after is None else Decimal(after),
        "rows_hit": 1,
        "customers_hit": 1,
    }


class TestLedgerPage:
    def page(self, *lines: dict[str, Any]) -> str:
        return show_ledger(ledger_table(lines, 0.01))

    def rows(self, page: str) -> list[str]:
        return [text for text in page.splitlines() if text.startswith("<tr") and "<td>" in text]

    def test_a_rule_that_takes_more_than_its_share_is_red_with_a_sign(self) -> None:
        page = self.page(ledger_line("calm", "100.00", "99.00"), ledger_line("greedy", "99", "98"))

        calm, greedy = self.rows(page)
        assert not calm.startswith('<tr class="alert">')
        assert greedy.startswith('<tr class="alert">')
        assert "⚠ greedy" in greedy
        assert "In red, because they take much of the revenue: greedy." in page
        assert "tr.alert td { color: #a50f15" in page

    def test_a_rule_that_raises_the_revenue_much_is_red_too(self) -> None:
        (row,) = self.rows(self.page(ledger_line("bad debt", "100.00", "111.00")))

        assert row.startswith('<tr class="alert">')
        assert "<td>-0.110000</td>" in row

    def test_without_alerts_the_page_says_so(self) -> None:
        page = self.page(ledger_line("calm", "100.00", "100.00"))

        assert "No rule takes much of the revenue." in page
        assert 'class="alert"' not in page

    def test_a_source_without_money_has_empty_cells(self) -> None:
        page = self.page(ledger_line("no money", None, None))

        assert self.rows(page)[0].count("<td></td>") == 2
        assert "None" not in page
        assert "nan" not in page.casefold()

    def test_texts_are_escaped(self) -> None:
        page = self.page(ledger_line("<script>alert(1)</script>", "100", "50"))

        assert "<script>" not in page
        assert page.count("&lt;script&gt;") == 2  # in the summary and in the row

    def test_a_ledger_that_was_saved_and_read_gives_the_same_alerts(self) -> None:
        lines = [ledger_line("calm", "100.00", "99.50"), ledger_line("greedy", "99.50", "98.00")]
        text = ledger_table(lines, 0.01).to_csv(index=False)

        page = show_ledger(pd.read_csv(io.StringIO(text)))

        assert [row.startswith('<tr class="alert">') for row in self.rows(page)] == [False, True]

    def test_no_rules_are_an_empty_page(self) -> None:
        assert self.rows(self.page()) == []


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """Sales overview of three lines in two countries."""
    rows = [
        {
            "customer_id": str(number),
            "order_id": str(number),
            "ordered_at": datetime(2021, number, 1, 10),
            "product_id": f"p{number}",
            "product_name": "Cup <b>",
            "quantity": 1,
            "amount": Decimal(number),
            "is_return": False,
            "country": "Malta" if number > 1 else "Cyprus",
            "trusted": True,
        }
        for number in (1, 2, 3)
    ]
    options = SalesOptions(top_products=2, top_countries=1)
    return sales_overview(ibis.memtable(rows, schema=SCHEMA), options)


@pytest.mark.parametrize(("language", "month"), [("en", "March 2021"), ("ru", "март 2021")])
def test_each_view_gets_a_figure_in_each_language(
    language: Language, month: str, tables: dict[str, pd.DataFrame], parameters: dict[str, Any]
) -> None:
    intake = OrderLineOptions.model_validate(parameters["home_goods"]["data_processing"])
    options = SalesOptions(top_products=2, top_countries=1)
    drawn = ("month", "weekday_hour", "country", "product")

    figures = draw_sales(intake, options, *(tables[view] for view in drawn))

    assert [set(figure) for figure in figures] == [{"ru", "en"}] * 4
    titles = [figure[language].layout.title.text for figure in figures]
    assert len(set(titles)) == 4
    assert month in titles[0]
    sign = "RUB" if language == "en" else "₽"
    assert figures[0][language].layout.yaxis.title.text.endswith(f", {sign}")
    assert len(figures[2][language].data[0].x) == 1

"""The chapter on sales: what was sold, what came back, and what spoils a comparison."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from personal_offers.figure_style import finished
from personal_offers.pipelines.reporting.blocks import drawn
from personal_offers.pipelines.reporting.sales_chapter import write_sales
from tests.pipelines.reporting.made_up_chapters import OPTIONS
from tests.pipelines.reporting.test_data_chapter import texts_of

ERA = {
    "data_from": "2019-01-01T00:00:00",
    "data_to": "2019-02-10T12:00:00",
    "currency": "GBP",
}


@pytest.fixture
def by_month() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "month": ["2019-01", "2019-02"],
            "orders": [3, 1],
            "gross_revenue": [300.0, 100.0],
            "returned_value": [0.0, 40.0],
            "net_revenue": [300.0, 60.0],
            "largest_order": [200.0, 100.0],
            "net_revenue_after_break": [0.0, 0.0],
        }
    )


@pytest.fixture
def returned() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "part": ["matched", "unmatched", "all"],
            "return_lines": [1, 1, 2],
            "units": [3, 1, 4],
            "value": [30.0, 10.0, 40.0],
            "customers": [1, 1, 2],
            "share": [0.75, 0.25, 1.0],
            "share_of_sales": [0.075, 0.025, 0.1],
            "median_days": [1.5, None, 1.5],
        }
    )


def figure(title: str) -> Any:
    return drawn(lambda language: finished(go.Figure(go.Bar(x=[1], y=[2])), title, language))


def test_sales_are_summed_up(by_month: pd.DataFrame, returned: pd.DataFrame) -> None:
    chapter = write_sales(OPTIONS, era=ERA, sales_by_month=by_month, returns_summary=returned)
    assert chapter["lead"]["en"] == (
        "From 2019-01-01 to 2019-02-10 customers made 4\u00a0orders; net revenue 360\u00a0GBP, "
        "average order value 100\u00a0GBP. Of what was sold, 10% came back."
    )
    assert "The last month is not complete: the data end on 2019-02-10" in texts_of(chapter)


def test_returns_tell_their_month_and_their_delay(
    by_month: pd.DataFrame, returned: pd.DataFrame
) -> None:
    chapter = write_sales(OPTIONS, era=ERA, sales_by_month=by_month, returns_summary=returned)
    text = texts_of(chapter, "ru")
    assert "40\u00a0£\n2\n1,5\u00a0дня" in text
    assert "на февраль 2019: 40\u00a0£ (100%)" in text
    assert "покупка найдена для 75%" in text


def test_figures_come_with_advice_and_without_the_empty_one(by_month: pd.DataFrame) -> None:
    chapter = write_sales(
        OPTIONS,
        era=ERA,
        sales_by_month=by_month,
        figure_sales_by_month=figure("January <b> \u202eבָּא 🎁"),
        figure_sales_by_country={
            "ru": {"data": [], "layout": {}},
            "en": {"data": [], "layout": {}},
        },
        returns_summary=pd.DataFrame(columns=["part", "return_lines"]),
    )
    figures = [block for block in chapter["blocks"] if block["kind"] == "figure"]
    assert [(f["name"], f["main"]) for f in figures] == [("sales_by_month", True)]
    assert figures[0]["title"]["en"] == "January <b> \u202eבָּא 🎁"
    assert "not one return" in texts_of(chapter)


def test_revenue_after_a_break_is_set_apart(by_month: pd.DataFrame) -> None:
    broken = by_month.assign(net_revenue_after_break=[0.0, 60.0], trusted_share=[1.0, 0.0])
    era = ERA | {"break": {"since": "2019-02-01T08:00:00"}}
    chapter = write_sales(OPTIONS, era=era, sales_by_month=broken)
    assert chapter["lead"]["en"] == (
        "From 2019-01-01 to 2019-02-01 08:00 customers made 3\u00a0orders; net revenue "
        "300\u00a0GBP. The rows after that were produced in another way, so they stand apart: "
        "1\u00a0order for 60\u00a0GBP."
    )
    assert "read the order there, not the shares" in texts_of(chapter)


def test_no_sales_and_no_stage_are_said() -> None:
    assert "--pipelines data_processing" in texts_of(write_sales(OPTIONS))


def test_months_without_sales_are_no_error(by_month: pd.DataFrame) -> None:
    nothing = by_month.assign(orders=0, gross_revenue=0.0, returned_value=0.0, net_revenue=0.0)
    assert write_sales(OPTIONS, era=ERA, sales_by_month=nothing)["lead"] is None
    assert write_sales(OPTIONS, era=ERA, sales_by_month=nothing.iloc[:0])["lead"] is None


def test_sales_of_no_money_are_no_error(by_month: pd.DataFrame) -> None:
    free = by_month.assign(gross_revenue=0.0, net_revenue=0.0)

    chapter = write_sales(OPTIONS, era=ERA, sales_by_month=free)

    assert "returned" not in chapter["lead"]["en"]

"""Figures of the intake: the ledger with its alerts, and what the shop sold."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Any

import pandas as pd

from personal_offers.features import Language
from personal_offers.figure_style import in_both
from personal_offers.pipelines.data_processing.order_params import OrderLineOptions, SalesOptions
from personal_offers.pipelines.data_processing.sales_figures import (
    draw_countries,
    draw_months,
    draw_products,
    draw_weekdays_and_hours,
)

_LEDGER_COLUMNS = {
    "source": "source",
    "rule": "rule",
    "action": "action",
    "rows_hit": "rows",
    "customers_hit": "customers",
    "rows_after": "rows left",
    "customers_after": "customers left",
    "revenue_after": "revenue left",
    "revenue_lost_share": "share of revenue taken",
}
# Red and a sign: people who tell red from green badly see the sign.
_LEDGER_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Cleaning ledger</title><style>
body {{ font: 15px/1.4 sans-serif; color: #1a1a1a; margin: 2em; }}
table {{ border-collapse: collapse; }}
th, td {{ border-bottom: 1px solid #ccc; padding: 4px 10px; text-align: left; }}
tr.alert td {{ color: #a50f15; background: #fde8e6; font-weight: bold; }}
</style></head><body><h1>Cleaning ledger</h1>
<p>{summary}</p>
<table><thead><tr>{head}</tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""


def show_ledger(ledger: pd.DataFrame) -> str:
    """Show the cleaning ledger as a page in which alerts are red.

    Args:
        ledger: Grain: one row per source and rule (see ``rules.ledger_table``).

    Returns:
        HTML that needs no other file. Red: a rule that takes more of the revenue than
        ``alert_share``.
    """
    alerts = ledger.loc[ledger["alert"].astype(bool), "rule"]
    summary = "No rule takes much of the revenue."
    if len(alerts):
        summary = f"In red, because they take much of the revenue: {', '.join(alerts)}."
    cells = ledger[list(_LEDGER_COLUMNS)].astype(object).where(ledger.notna(), "")
    rows = [
        f'<tr class="alert">{_cells("⚠ ", row)}</tr>' if alert else f"<tr>{_cells('', row)}</tr>"
        for alert, row in zip(ledger["alert"], cells.itertuples(index=False), strict=True)
    ]
    head = "".join(f"<th>{name}</th>" for name in _LEDGER_COLUMNS.values())
    return _LEDGER_PAGE.format(summary=escape(summary), head=head, rows="\n".join(rows))


def _cells(sign: str, row: tuple[Any, ...]) -> str:
    return "".join(f"<td>{escape(sign * (n == 1) + str(v))}</td>" for n, v in enumerate(row))


def draw_sales(
    intake: OrderLineOptions,
    options: SalesOptions,
    by_month: pd.DataFrame,
    by_weekday_hour: pd.DataFrame,
    by_country: pd.DataFrame,
    by_product: pd.DataFrame,
) -> tuple[dict[Language, Any], dict[Language, Any], dict[Language, Any], dict[Language, Any]]:
    """Draw the sales overview.

    Args:
        intake: Holds the currency.
        options: How many countries are drawn.
        by_month: Grain: month.
        by_weekday_hour: Grain: weekday and hour.
        by_country: Grain: country.
        by_product: Grain: product, and a row for the rest.

    Returns:
        Four plotly Figures, each by language: months, weekdays and hours, countries, products.
    """
    currency = intake.currency
    return (
        in_both(partial(draw_months, by_month, currency)),
        in_both(partial(draw_weekdays_and_hours, by_weekday_hour)),
        in_both(partial(draw_countries, by_country, currency, top=options.top_countries)),
        in_both(partial(draw_products, by_product, currency)),
    )

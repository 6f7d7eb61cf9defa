"""Figures of the sales overview: each says its finding in the title, in Russian or English.

The scale of counts is "cividis" (Nuñez, Anderton and Renslow, 2018), which people with any colour
vision can tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from personal_offers.currencies import money, sign_of
from personal_offers.features import Language
from personal_offers.figure_style import (
    BLUE,
    GREY,
    HEIGHT,
    RED,
    cut,
    empty,
    escaped,
    finished,
    number,
    percent,
)
from personal_offers.words import ORDERS, counted, month_of

_WEEKDAYS = {
    "ru": "понедельник вторник среда четверг пятница суббота воскресенье",
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
}
_TEXTS = {
    "ru": {
        "no_sales": "Показывать нечего: продаж нет",
        "no_country": "Страны магазин не записывает",
        "trading_days": "дней с заказами",
        "net": "Чистая выручка, {currency}",
        "net_short": "Чистая выручка",
        "after_break": "Чистая выручка после разрыва в данных",
        "orders": "Заказы, шт.",
        "orders_short": "Заказы",
        "month": "Месяц",
        "weekday": "День недели",
        "hour": "Час дня (местное время магазина)",
        "country": "Страна",
        "product": "Товар",
        "unknown": "не указана",
        "best_month": "Больше всего принёс {month}: {money}",
        "of_period": ", {share} выручки за весь период",
        "of_trusted": ", {share} выручки до разрыва в данных",
        "one_order": ". На один заказ пришлось {share} его продаж",
        "best_hour": "Чаще всего покупают {day}, {hour}: {orders} из {all}, {share}",
        "best_day": "Время суток не записано; чаще всего покупают {day}: {orders} из {all}, "
        "{share}",
        "best_country": "Больше всего приносит {name}: {money}",
        "next_country": "; далее {name}: {money}",
        "of_all": ", {share} чистой выручки",
        "best_products": "Самые доходные товары ({count} из {all}) дают {money}",
        "first_product": ". Первый: {name}, {money}",
    },
    "en": {
        "no_sales": "Nothing to show: no sales",
        "no_country": "The shop records no countries",
        "trading_days": "days with orders",
        "net": "Net revenue, {currency}",
        "net_short": "Net revenue",
        "after_break": "Net revenue after the break in the data",
        "orders": "Orders, number",
        "orders_short": "Orders",
        "month": "Month",
        "weekday": "Weekday",
        "hour": "Hour of the day (shop's local time)",
        "country": "Country",
        "product": "Product",
        "unknown": "not given",
        "best_month": "{month} brought most: {money}",
        "of_period": ", {share} of the revenue of the whole period",
        "of_trusted": ", {share} of the revenue before the break in the data",
        "one_order": ". One order made {share} of its sales",
        "best_hour": "Most purchases are made {day}, {hour}: {orders} of {all}, {share}",
        "best_day": "No time of day is recorded; most purchases are made {day}: {orders} of "
        "{all}, {share}",
        "best_country": "{name} brings most: {money}",
        "next_country": "; next {name}: {money}",
        "of_all": ", {share} of net revenue",
        "best_products": "The products with most revenue ({count} of {all}) bring {money}",
        "first_product": ". The first: {name}, {money}",
    },
}
_ON_WEEKDAYS = {
    "ru": [
        "в понедельник",
        "во вторник",
        "в среду",
        "в четверг",
        "в пятницу",
        "в субботу",
        "в воскресенье",
    ],
    "en": [f"on {day}" for day in _WEEKDAYS["en"].split()],
}
# An order with more of a month than this is named, because the month is then that order.
_ONE_ORDER = 0.25


def draw_months(by_month: pd.DataFrame, currency: str, language: Language) -> Any:
    """Draw net revenue as bars and purchase orders as a line, month by month.

    Args:
        by_month: Table ``month`` of ``sales_overview``.
        currency: Code of the money.
        language: Of all texts.

    Returns:
        A plotly Figure. Revenue after a break of regime has its own bars.
    """
    import plotly.graph_objects as go

    if by_month["lines"].sum() == 0:
        return _empty(language)
    words = _words(currency, language)
    labels = [month_of(str(month), language, short=True) for month in by_month["month"]]
    net, after = _floats(by_month["net_revenue"]), _floats(by_month["net_revenue_after_break"])
    before = [whole - part for whole, part in zip(net, after, strict=True)]
    figure = go.Figure()
    figure.add_bar(
        x=labels,
        y=before,
        name=words["net_short"],
        marker_color=BLUE,
        customdata=by_month["trading_days"].tolist(),
        hovertemplate=f"%{{x}}: %{{y:,.0f}}, {words['trading_days']}: %{{customdata}}",
    )
    if any(after):
        stripes = {"color": GREY, "pattern": {"shape": "/"}}
        figure.add_bar(x=labels, y=after, name=words["after_break"], marker=stripes)
    figure.add_scatter(
        x=labels,
        y=by_month["orders"].tolist(),
        name=words["orders_short"],
        mode="lines+markers",
        line_color=RED,
        yaxis="y2",
    )
    figure.update_layout(
        barmode="relative",
        xaxis={"title": {"text": words["month"]}, "type": "category"},
        yaxis={"title": {"text": words["net"]}, "tickformat": ",.0f"},
        yaxis2={
            "title": {"text": words["orders"]},
            "overlaying": "y",
            "side": "right",
            "rangemode": "tozero",
            "tickmode": "auto",
            "showgrid": False,
        },
        legend={"orientation": "h", "y": -0.3},
        height=HEIGHT,
    )
    return finished(figure, _month_finding(by_month, net, before, currency, language), language)


def _month_finding(
    by_month: pd.DataFrame,
    net: Sequence[float],
    before: Sequence[float],
    currency: str,
    language: Language,
) -> str:
    """Name the best month; where regimes differ, of those before the break alone."""
    broken = sum(before) > 0 and list(before) != list(net)
    judged = before if broken else net
    best = max(range(len(judged)), key=judged.__getitem__)
    row = by_month.iloc[best]
    title = _TEXTS[language]["best_month"].format(
        month=month_of(str(row["month"]), language),
        money=_money(judged[best], currency, language),
    )
    title += _share("of_trusted" if broken else "of_period", judged[best], sum(judged), language)
    largest, gross = row["largest_order"], float(row["gross_revenue"])
    if not pd.isna(largest) and gross > 0 and float(largest) / gross > _ONE_ORDER:
        title += _share("one_order", float(largest), gross, language)
    return title


def draw_weekdays_and_hours(by_weekday_hour: pd.DataFrame, language: Language) -> Any:
    """Draw how many purchase orders are made at each hour of each weekday.

    Args:
        by_weekday_hour: Table ``weekday_hour`` of ``sales_overview``.
        language: Of all texts.

    Returns:
        A plotly Figure: a heat map, Monday on top, empty where nobody bought; only hours between
        the first and the last with an order.
    """
    import plotly.graph_objects as go

    orders = by_weekday_hour[by_weekday_hour["orders"] > 0]
    if orders.empty:
        return _empty(language)
    hours = list(range(orders["hour"].min(), orders["hour"].max() + 1))
    days = list(range(1, 8))
    cells = orders.pivot(index="weekday", columns="hour", values="orders")
    counts = cells.reindex(index=days, columns=hours).astype(object)
    words = _TEXTS[language]
    figure = go.Figure(
        go.Heatmap(
            z=counts.where(counts.notna(), None).to_numpy().tolist(),
            x=hours,
            y=_WEEKDAYS[language].split(),
            colorscale="Cividis",
            colorbar={"title": {"text": words["orders"]}},
            xgap=1,
            ygap=1,
            hoverongaps=False,
            hovertemplate="%{y}, %{x}:00: %{z}<extra></extra>",
        )
    )
    figure.update_layout(
        xaxis={"title": {"text": words["hour"]}, "dtick": 1, "showgrid": False},
        yaxis={"title": {"text": words["weekday"]}, "autorange": "reversed", "showgrid": False},
        height=HEIGHT,
    )
    return finished(figure, _hour_finding(orders, language), language)


def _hour_finding(orders: pd.DataFrame, language: Language) -> str:
    """Name the weekday and hour with most orders; the first of equals."""
    best = orders.sort_values("orders", ascending=False, kind="stable").iloc[0]
    most, everything, hour = int(best["orders"]), int(orders["orders"].sum()), int(best["hour"])
    # A file with dates alone has all its orders at midnight.
    has_times = bool((orders["hour"] > 0).any())
    return _TEXTS[language]["best_hour" if has_times else "best_day"].format(
        day=_ON_WEEKDAYS[language][int(best["weekday"]) - 1],
        hour=f"{hour}:00–{hour + 1}:00",
        orders=counted(most, ORDERS, language) if language == "ru" else number(most, language),
        all=number(everything, language)
        if language == "ru"
        else counted(everything, ORDERS, language),
        share=percent(most / everything, language),
    )


def draw_countries(by_country: pd.DataFrame, currency: str, language: Language, top: int) -> Any:
    """Draw the countries with the highest net revenue.

    Args:
        by_country: Table ``country`` of ``sales_overview``.
        currency: Code of the money.
        language: Of all texts.
        top: How many countries.

    Returns:
        A plotly Figure: horizontal bars, each with its share of the shop's net revenue.
    """
    if by_country.empty:
        return _empty(language, "no_country")
    texts = _TEXTS[language]
    total = sum(_floats(by_country["net_revenue"]))
    shown = by_country.head(top)
    net = _floats(shown["net_revenue"])
    names = [texts["unknown"] if pd.isna(name) else str(name) for name in shown["country"]]
    title = texts["best_country"].format(name=names[0], money=_money(net[0], currency, language))
    title += _share("of_all", net[0], total, language)
    if len(net) > 1:
        second = _money(net[1], currency, language)
        title += texts["next_country"].format(name=names[1], money=second)
        title += _share("of_all", net[1], total, language)
    return finished(_bars(names, net, total, "country", currency, language), title, language)


def draw_products(by_product: pd.DataFrame, currency: str, language: Language) -> Any:
    """Draw the products with the highest net revenue.

    Args:
        by_product: Table ``product`` of ``sales_overview``.
        currency: Code of the money.
        language: Of all texts.

    Returns:
        A plotly Figure: horizontal bars, each with its share of the shop's net revenue; the row
        of all other products counts in the shares and has no bar.
    """
    if by_product.empty:
        return _empty(language)
    texts = _TEXTS[language]
    total = sum(_floats(by_product["net_revenue"]))
    shown = by_product[by_product["rank"].notna()]
    net = _floats(shown["net_revenue"])
    names = shown["product_name"].fillna(shown["product_id"]).astype(str).tolist()
    title = texts["best_products"].format(
        count=number(len(net), language),
        all=number(float(by_product["products"].sum()), language),
        money=_money(sum(net), currency, language),
    )
    title += _share("of_all", sum(net), total, language)
    title += texts["first_product"].format(
        name=cut(names[0]), money=_money(net[0], currency, language)
    )
    return finished(_bars(names, net, total, "product", currency, language), title, language)


def _bars(
    names: Sequence[str],
    values: Sequence[float],
    total: float,
    kind: str,
    currency: str,
    language: Language,
) -> Any:
    """Draw named values as horizontal bars, the first on top."""
    import plotly.graph_objects as go

    places = list(range(len(names)))
    words = _words(currency, language)
    # Bars stand at places and not at names, because two products may have one name.
    figure = go.Figure(
        go.Bar(
            x=list(values),
            y=places,
            orientation="h",
            marker_color=BLUE,
            text=[percent(value / total, language) if total > 0 else "" for value in values],
            textposition="outside",
            cliponaxis=False,
            customdata=[escaped(name) for name in names],
            hovertemplate="%{customdata}: %{x:,.0f}<extra></extra>",
        )
    )
    labels = [escaped(cut(name)) for name in names]
    figure.update_layout(
        xaxis={"title": {"text": words["net"]}, "tickformat": ",.0f"},
        yaxis={
            "title": {"text": words[kind]},
            "tickvals": places,
            "ticktext": labels,
            "autorange": "reversed",
            "automargin": True,
            "showgrid": False,
        },
        height=160 + 26 * len(places),
    )
    return figure


def _empty(language: Language, why: str = "no_sales") -> Any:
    return empty(_TEXTS[language][why], language)


def _words(currency: str, language: Language) -> dict[str, str]:
    """Return the texts of axes and legends."""
    sign = escaped(getattr(sign_of(currency), language))
    return _TEXTS[language] | {"net": _TEXTS[language]["net"].format(currency=sign)}


def _money(value: float, currency: str, language: Language) -> str:
    return money(value, sign_of(currency), language)


def _share(text: str, part: float, whole: float, language: Language) -> str:
    """Return a piece of the title with a share; nothing where there is no whole."""
    if whole <= 0:
        return ""
    return _TEXTS[language][text].format(share=percent(part / whole, language))


def _floats(column: pd.Series) -> list[float]:
    """Return amounts as they are drawn, whether they come as Decimal or from a file."""
    return [float(value) for value in column]

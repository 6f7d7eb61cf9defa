"""Figures of the chapter ``interests``: what customers spend on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from personal_offers.currencies import money
from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import (
    BLUE,
    GREY,
    cut,
    empty,
    escaped,
    finished,
    percent,
)
from personal_offers.words import CUSTOMERS, counted

_TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "nothing": "Показывать нечего: у товаров нет категорий",
        "spend": "Потрачено, {currency}",
        "bar": "{name}: {spend} ({share} трат)<br>{customers}",
        "rest": "ещё категорий: {count}",
        "finding": "Больше всего тратят на категорию «{name}»: {share} всех трат; на три первые "
        "категории уходит {three}",
        "finding_few": "Больше всего тратят на категорию «{name}»: {share} всех трат",
    },
    "en": {
        "nothing": "Nothing to show: products have no categories",
        "spend": "Spend, {currency}",
        "bar": "{name}: {spend} ({share} of spend)<br>{customers}",
        "rest": "{count} more categories",
        "finding": "Customers spend most on “{name}”: {share} of all spend; the first three "
        "categories take {three}",
        "finding_few": "Customers spend most on “{name}”: {share} of all spend",
    },
}
OTHER = "other"
_MOST_BARS = 20
_ROW_HEIGHT, _AROUND = 32, 120
_LONGEST_NAME = 30
_FIRST = 3


def category_name(row: Mapping[str, Any], language: Language) -> str:
    """Return what a category is called; its key where a name is not known."""
    name = row.get(f"category_{language}")
    return str(row["category"] if name is None or pd.isna(name) else name)


def draw_categories(profile: pd.DataFrame, currency: BothLanguages, language: Language) -> Any:
    """Draw how much is spent on each category, with its share.

    Args:
        profile: Grain: category: category, category_ru, category_en, spend (currency units),
            spend_share, customers.
        currency: Of the spend.
        language: Of all texts.

    Returns:
        A plotly Figure: a bar per category, the largest on top, ``other`` in grey with its name;
        beyond twenty the smallest are left out, and the title of the axis says how many.
    """
    import plotly.graph_objects as go

    texts = _TEXTS[language]
    known = profile[profile["spend"] > 0].sort_values("spend", ascending=False, kind="stable")
    if known.empty:
        return empty(texts["nothing"], language)
    shown = known.head(_MOST_BARS)
    rows = [dict(zip(shown.columns, row, strict=True)) for row in shown.itertuples(index=False)]
    shares = [_share_text(row, language) for row in rows]
    figure = go.Figure(
        go.Bar(
            x=[row["spend"] for row in rows],
            y=list(range(len(rows))),
            orientation="h",
            marker={"color": [GREY if row["category"] == OTHER else BLUE for row in rows]},
            text=shares,
            textposition="outside",
            cliponaxis=False,
            customdata=[_hover(row, currency, language) for row in rows],
            hovertemplate="%{customdata}<extra></extra>",
        )
    )
    title = texts["spend"].format(currency=escaped(getattr(currency, language)))
    hidden = len(known) - len(shown)
    if hidden:
        title += "; " + texts["rest"].format(count=hidden)
    figure.update_layout(
        xaxis={"title": {"text": title}, "tickformat": ",", "rangemode": "tozero"},
        yaxis={
            "tickvals": list(range(len(rows))),
            "ticktext": [escaped(cut(category_name(row, language), _LONGEST_NAME)) for row in rows],
            "autorange": "reversed",
            "automargin": True,
        },
        height=_ROW_HEIGHT * len(rows) + _AROUND,
    )
    figure = finished(figure, _finding(known, rows, language), language)
    return figure.update_layout(margin={"l": 10, "r": 50})


def _share_text(row: Mapping[str, Any], language: Language) -> str:
    return "" if pd.isna(row["spend_share"]) else percent(row["spend_share"], language)


def _hover(row: Mapping[str, Any], currency: BothLanguages, language: Language) -> str:
    return _TEXTS[language]["bar"].format(
        name=escaped(category_name(row, language)),
        spend=escaped(money(row["spend"], currency, language)),
        share=_share_text(row, language) or "—",
        customers=counted(row["customers"], CUSTOMERS, language),
    )


def _finding(known: pd.DataFrame, rows: list[dict[str, Any]], language: Language) -> str:
    """Say on what most is spent, and how much the first three hold."""
    named = [row for row in rows if row["category"] != OTHER] or rows
    whole = float(known["spend"].sum())
    few = len(named) <= _FIRST
    return _TEXTS[language]["finding_few" if few else "finding"].format(
        name=category_name(named[0], language),
        share=percent(named[0]["spend"] / whole, language),
        three=percent(sum(row["spend"] for row in named[:_FIRST]) / whole, language),
    )

"""Chapters with every kind of block and widget, small and made by hand, for tests of the page."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from personal_offers.features import BothLanguages
from personal_offers.figure_style import BLUE, RED, finished
from personal_offers.pipelines.reporting.blocks import (
    Bullets,
    Chapter,
    Column,
    Figure,
    Notice,
    Origin,
    Paragraph,
    Prose,
    Table,
    Tile,
    Tiles,
    Widget,
    drawn,
    figure_from,
)
from personal_offers.pipelines.reporting.params import ReportingOptions

OPTIONS = ReportingOptions(
    title=BothLanguages(ru="Лавка", en="Corner shop"),
    customers_listed=20_000,
    risk_step=0.25,
    profit_stops=4,
    confidence=0.95,
    fewest_customers=30,
    pictures=False,
    shop="corner_shop",
)
ORIGIN = Origin(dataset="profit_curve", node="modelling.trace_profit_curve")
POUNDS = BothLanguages(ru="£", en="£")


def said(ru: str, en: str | None = None) -> BothLanguages:
    """Return a text in both languages, the same one where a test does not mind."""
    return BothLanguages(ru=ru, en=en or ru)


def lines(name: str = "a", title: str = "Продажи растут", categories: Any = None) -> Figure:
    """Return a figure of two lines over the same months."""

    def draw(language: Any) -> go.Figure:
        months = categories or ["2011-01-01", "2011-02-01", "2011-03-01"]
        figure = go.Figure()
        figure.add_scatter(x=months, y=[1000.5, 2000, 3000], name=name, line={"color": BLUE})
        figure.add_scatter(
            x=months, y=[0.25, None, -5], name="b", line={"color": RED, "dash": "dot"}
        )
        figure.update_layout(xaxis_title="Месяц", yaxis_title="Деньги, £", height=320)
        return finished(figure, title, language)

    advice = said("Смотрите на «b».", "Look at b.")
    made = figure_from(drawn(draw), f"sales_{len(name)}_{len(title)}", advice, ORIGIN, main=True)
    assert made is not None
    return made


THRESHOLDS = {
    "risk_stops": [0, 0.25, 0.5, 0.75, 1],
    "profit_stops": [-1.5, 2.0, 4.04, 1000.0],
    "risk": 0.5,
    "profit": 4.04,
    "cells": [
        [0, 0, 100, -1_500_000, -10_000],
        [1, 2, 30, 45_000_000, 9_000_000],
        [2, 0, 7, 55_000, 30_000],
        [2, 3, 2, 20_001_234, 15_000_000],
        [3, 2, 1_200, 999_999_999, 800_000_000],
        [4, 1, 1, 30_000, 30_000],
    ],
    "scale_digits": 4,
    "unknown": {"customers": 5, "profit": 123_456},
    "names": {
        "high_high": {"ru": "Спасать", "en": "Save"},
        "high_low": {"ru": "Отпустить", "en": "Let go"},
        "low_high": {"ru": "Беречь", "en": "Keep"},
        "low_low": {"ru": "Растить", "en": "Grow"},
    },
    "unit": {"ru": "£", "en": "£"},
    "per": {"ru": "в месяц", "en": "a month"},
}
BUDGET = {
    "budgets": [
        {
            "budget": 0,
            "spend": 0,
            "customers": 0,
            "expected_net": 0,
            "next_unit_returns": 7.25,
            "enter": 0,
            "leave": 21,
            "change": 0,
            "is_plan": False,
            "offers": [],
        },
        {
            "budget": 1500,
            "spend": 1499.5,
            "customers": 21,
            "expected_net": 12_345.678,
            "next_unit_returns": 0.504,
            "enter": 0,
            "leave": 0,
            "change": 0,
            "is_plan": True,
            "offers": [["call", 20, 1400, 12_000], ["letter", 1, 99.5, 345.678]],
        },
        {
            "budget": None,
            "spend": 2500,
            "customers": 1_022,
            "expected_net": 13_000,
            "next_unit_returns": None,
            "enter": 1_001,
            "leave": 1,
            "change": 2,
            "is_plan": False,
            "offers": [["call", 1_022, 2500, 13_000]],
        },
    ],
    "offers": {"call": {"ru": "Звонок", "en": "Call"}, "letter": {"ru": "Письмо", "en": "Letter"}},
    "currency": {"ru": "£", "en": "£"},
    "index": 1,
}


def customers_data(count: int, total: int | None = None, hostile: str = "") -> dict[str, Any]:
    """Return data of the list of customers: risk falls, profit repeats, every third has a class.

    Args:
        count: Listed.
        total: Of the shop; as many when None.
        hostile: Stands in every text.
    """
    rows = range(count)
    return {
        "total": total or count,
        "shown": count,
        "order": {"ru": "самая большая прибыль под риском", "en": "the most profit at risk"},
        "columns": [
            {"key": "customer_id", "label": {"ru": "Клиент", "en": "Customer"}, "form": "text"}
            | {"decimals": 0, "filter": False},
            {"key": "class", "label": {"ru": "Класс", "en": "Class"}, "form": "text"}
            | {"decimals": 0, "filter": True},
            {"key": "risk", "label": {"ru": "Риск", "en": "Risk"}, "form": "share"}
            | {"decimals": 0, "filter": False},
            {"key": "profit", "label": {"ru": "Прибыль", "en": "Profit"}, "form": "money"}
            | {"decimals": 1, "filter": False},
        ],
        "values": {
            "customer_id": [f"{hostile}{12_000 + row}" for row in rows],
            "class": {
                "codes": [-1 if row % 3 == 2 else row % 3 for row in rows],
                "labels": [
                    {"ru": f"Чемпионы{hostile}", "en": f"Champions{hostile}"},
                    {"ru": "Новые", "en": "New"},
                ],
            },
            "risk": [None if row % 10 == 9 else 1 - row / count for row in rows],
            "profit": [((row * 7919) % 1000) * 1.5 - 100 for row in rows],
        },
        "detail": [{"key": "reason", "label": {"ru": "Почему снижение", "en": "Why a decline"}}],
        "details": {
            "reason": {
                "ru": [
                    f"{hostile}Не покупает {row} дней: обычно каждые {row % 40}" for row in rows
                ],
                "en": [f"{hostile}No purchase for {row} days: usually {row % 40}" for row in rows],
            }
        },
        "currency": {"ru": "£", "en": "£"},
    }


def chapters(hostile: str = "", customers: int = 120) -> dict[str, dict[str, Any] | None]:
    """Return chapters by the names of ``build_report``: all blocks, a missing and an empty one.

    Args:
        hostile: Stands in every text that may come from data.
        customers: In the list, of twice as many.
    """
    name = hostile or "x"
    columns = (
        Column(label=said(f"Имя {name}", f"Name {name}")),
        Column(label=said("Клиентов", "Customers"), form="whole"),
        Column(label=said("Прибыль", "Profit"), form="money", decimals=2),
        Column(label=said("Доля", "Share"), form="share"),
        Column(label=said("Среднее", "Mean"), form="decimal", decimals=3),
    )
    rows = (
        (name, 1_234_567, -1234.5, 0.5, 0.1234),
        (said(f"Имя{name}", f"Name{name}"), 0, None, 0.0625, -0.0001),
        (None, 1, 99.995, 1, 2),
    )
    summary = Chapter(
        name="summary",
        title=said(f"Что делать {name}", f"What to do {name}"),
        lead=said(f"Главное {name}", f"The point {name}"),
        blocks=(
            Paragraph(text=said(f"Абзац {name}", f"Paragraph {name}")),
            Bullets(texts=(said(name), said("два", "two")), numbered=True),
            Notice(level="warning", text=said(f"Осторожно {name}", f"Careful {name}")),
            Notice(level="info", text=said(name)),
            Notice(level="missing", text=said(name)),
            Tiles(
                tiles=(
                    Tile(label=said(name), value=said("1 234 £", "1,234 £"), note=said(name)),
                    Tile(label=said("Клиентов", "Customers"), value=said("42")),
                )
            ),
            lines(name, f"Находка {name}", [name, "b", "c"]),
            lines("dates"),
        ),
    )
    tables = Chapter(
        name="tables",
        title=said("Таблицы", "Tables"),
        blocks=(
            *(
                Table(
                    name=f"table_{place}",
                    title=said(f"Список {name}", f"List {name}"),
                    advice=None if folded else said(f"Совет {name}", f"Advice {name}"),
                    origin=ORIGIN,
                    columns=columns,
                    rows=rows,
                    folded=folded,
                    currency=POUNDS,
                )
                for place, folded in enumerate((False, True))
            ),
            Prose(
                title=said(f"Паспорт {name}", f"Card {name}"),
                text=said(
                    f"# Заголовок\n\n## Второй\n\n{name}\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
                ),
                origin=ORIGIN,
            ),
        ),
    )
    moved = Chapter(
        name="moved",
        title=said("Двигать", "Move"),
        blocks=tuple(
            Widget(
                widget=kind,
                title=said(f"{kind} {name}"),
                advice=said(name),
                origin=ORIGIN,
                data=data,
            )
            for kind, data in (
                ("thresholds", THRESHOLDS | {"unit": {"ru": f"£{hostile}", "en": f"£{hostile}"}}),
                ("budget", BUDGET | {"currency": {"ru": f"£{hostile}", "en": f"£{hostile}"}}),
                ("customers", customers_data(customers, 2 * customers, hostile)),
            )
        ),
    )
    empty = Chapter(name="interests", title=said("Пустая глава", "Empty chapter"), blocks=())
    return {
        "chapter_summary": summary.plain(),
        "chapter_rfm": None,
        "chapter_interests": empty.plain(),
        "chapter_tables": tables.plain(),
        "chapter_moved": moved.plain(),
    }

"""What people take out of a report: pictures of the main charts, and its tables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import escaped
from personal_offers.pipelines.reporting.blocks import (
    LANGUAGES,
    Cell,
    Chapter,
    Column,
    Figure,
    Table,
)
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.spreadsheets import BOM, LINE_END, without_formulas

_TITLE_WIDTH = 85
_TITLE_SIZE, _TEXT_SIZE = 24, 16
_LINE_HEIGHT = 32
# What spreadsheets of each language take for a table without being asked.
_DIALECT: Mapping[Language, Mapping[str, str]] = {
    "ru": {"sep": ";", "decimal": ","},
    "en": {"sep": ",", "decimal": "."},
}


def draw_pictures(options: ReportingOptions, **chapters: Any) -> dict[str, dict[str, Any]]:
    """Return the main charts as they stand on a slide: title inside, larger letters.

    Args:
        options: Whether pictures are wanted.
        **chapters: As JSON holds them, or None.

    Returns:
        Figures for plotly.js by ``<language>/<name>``; none where pictures are not wanted.
    """
    if not options.pictures:
        return {}
    return {
        f"{language}/{figure.name}": _slide(figure, language)
        for figure in _blocks(chapters, Figure)
        if figure.main
        for language in LANGUAGES
    }


def write_tables(options: ReportingOptions, **chapters: Any) -> dict[str, str]:
    """Write the tables of the report as CSV.

    Args:
        options: Unused so far; every node of the report has them.
        **chapters: As JSON holds them, or None.

    Returns:
        By ``<language>/<name>``: CSV with a mark of UTF-8, semicolons and decimal commas in
        Russian; raw numbers, no cell that starts a formula.
    """
    return {
        f"{language}/{table.name}": _csv(table, language)
        for table in _blocks(chapters, Table)
        for language in LANGUAGES
    }


def _blocks(chapters: Mapping[str, Any], kind: Any) -> Iterator[Any]:
    for each in chapters.values():
        if each is not None:
            yield from (b for b in Chapter.model_validate(each).blocks if isinstance(b, kind))


def _slide(figure: Figure, language: Language) -> dict[str, Any]:
    import plotly.io as pio

    drawn = figure.figures[language]
    title = textwrap.wrap(getattr(figure.title, language), _TITLE_WIDTH)
    layout = {
        **{name: value for name, value in drawn["layout"].items() if name != "height"},
        "template": pio.templates["plotly_white"].to_plotly_json(),
        "font": {"size": _TEXT_SIZE},
        "title": {
            "text": "<br>".join(escaped(line) for line in title),
            "x": 0.02,
            "xanchor": "left",
            "y": 0.97,
            "yanchor": "top",
            "yref": "container",
            "font": {"size": _TITLE_SIZE},
        },
    }
    margin = {**layout.get("margin", {}), "t": 50 + _LINE_HEIGHT * len(title)}
    return {"data": drawn["data"], "layout": {**layout, "margin": margin}}


def _csv(table: Table, language: Language) -> str:
    columns = [
        _column(column, [row[place] for row in table.rows], language)
        for place, column in enumerate(table.columns)
    ]
    heads = [_head(column, table.currency, language) for column in table.columns]
    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame()
    frame.columns = pd.Index(without_formulas(pd.Series(heads, dtype="str")))
    text: str = frame.to_csv(index=False, lineterminator=LINE_END, **_DIALECT[language])  # type: ignore[call-overload]
    return BOM + text


def _head(column: Column, currency: BothLanguages | None, language: Language) -> str:
    label: str = getattr(column.label, language)
    unit = getattr(currency, language) if currency and column.form == "money" else ""
    return f"{label}, {unit}" if unit and unit not in label else label


def _column(column: Column, cells: list[Cell], language: Language) -> pd.Series:
    values = [getattr(v, language) if isinstance(v, BothLanguages) else v for v in cells]
    if any(isinstance(value, str) for value in values):
        texts = pd.Series(["" if value is None else str(value) for value in values], dtype="str")
        return without_formulas(texts)
    if column.form == "text":
        return pd.Series(values, dtype="object")
    numbers = pd.Series(values, dtype="float64")
    is_whole = column.form == "whole" and bool((numbers.dropna() % 1 == 0).all())
    return numbers.astype("Int64") if is_whole else numbers

"""Figures of the segments: where customers stand on risk x profit, and what is at risk.

Each says its finding in the title. What is drawn does not grow with the number of customers.
"""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from personal_offers.currencies import money, written
from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import (
    BLUE,
    GREEN,
    GREY,
    HEIGHT,
    RED,
    SPACE,
    cut,
    decimals_of,
    escaped,
    finished,
    number,
    percent,
    plain,
)
from personal_offers.pipelines.reporting.threshold_grid import SCALE_DIGITS
from personal_offers.words import CUSTOMERS, counted

_TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "risk": "Риск снижения активности (высокий от {at})",
        "profit": "Прибыль клиента, {unit} в месяц<br>(высокая от {at}; в полосах клиентов "
        "поровну)",
        "legend": "{name}: {customers}, под риском {at_risk}",
        "bubble": "{name}<br>{customers}<br>риск от {risk_from} до {risk_to}<br>прибыль {profits}"
        "<br>под риском {at_risk} в месяц",
        "between": "от {low} до {high}",
        "from": "от {low}",
        "most": "Больше всего прибыли под риском в сегменте «{name}»: {at_risk} в месяц, "
        "{customers}",
        "share": "; это {share} всей прибыли под риском у {place} клиентов",
        "nothing": "Прибыли под риском нет: показано, где стоят клиенты ({customers})",
        "at_risk": "Прибыль под риском, {unit} в месяц",
        "earned": "Прибыль, {unit} в месяц",
        "interval": "{name}: {value}<br>доверительный интервал {confidence}: {low} … {high}",
        "point": "{name}: {value}",
        "total": "Под риском {at_risk} в месяц, это {share} прибыли клиентов с известным риском",
        "total_money": "Под риском {at_risk} в месяц",
        "around": " (доверительный интервал {confidence}: {low} … {high})",
        "earns": "Больше всего прибыли приносит группа «{name}»: {value} в месяц, {customers}",
        "earns_share": "; это {share} всей прибыли",
    },
    "en": {
        "risk": "Risk of buying less (high from {at})",
        "profit": "Profit of a customer, {unit} a month<br>(high from {at}; bands hold equal "
        "numbers)",
        "legend": "{name}: {customers}, at risk {at_risk}",
        "bubble": "{name}<br>{customers}<br>risk from {risk_from} to {risk_to}<br>profit {profits}"
        "<br>at risk {at_risk} a month",
        "between": "from {low} to {high}",
        "from": "from {low}",
        "most": "Most profit at risk is in the segment “{name}”: {at_risk} a month, {customers}",
        "share": "; that is {share} of all profit at risk, with {place} of customers",
        "nothing": "No profit is at risk: this is where customers stand ({customers})",
        "at_risk": "Profit at risk, {unit} a month",
        "earned": "Profit, {unit} a month",
        "interval": "{name}: {value}<br>{confidence} interval: {low} … {high}",
        "point": "{name}: {value}",
        "total": "At risk: {at_risk} a month, {share} of the profit of customers whose risk is "
        "known",
        "total_money": "At risk: {at_risk} a month",
        "around": " ({confidence} interval: {low} … {high})",
        "earns": "The group “{name}” brings most profit: {value} a month, {customers}",
        "earns_share": "; that is {share} of all profit",
    },
}
# Level of risk, level of profit: colour and sign.
CELLS = ("high_high", "high_low", "low_high", "low_low")
_MARKS = {
    "high_high": (RED, "circle"),
    "high_low": ("#CC79A7", "square"),
    "low_high": (BLUE, "diamond"),
    "low_low": (GREEN, "triangle-up"),
}
_RISK_BANDS, _PROFIT_BANDS = 20, 10
_LARGEST_BUBBLE = 28
_ROW_HEIGHT = 44
_NAME_WIDTH = 12
# Bands of room above and below, where the names of segments stand beside no bubble.
_ROOM = 1.6
_ALL = "all"

Row = Mapping[Hashable, Any]


@dataclass(frozen=True)
class MapData:
    """What the map of risk x profit is drawn from.

    Attributes:
        cells: Grain: cell with its stops: risk_from, profit_from, customers, profit and
            profit_at_risk (whole numbers of 10^-SCALE_DIGITS units).
        risk: Threshold, 0 to 1.
        profit: Threshold, unit of profit.
        names: Of the four segments, by ``CELLS``.
        unit: Of profit.
    """

    cells: pd.DataFrame
    risk: float
    profit: float
    names: Mapping[str, BothLanguages]
    unit: BothLanguages


def segment_sums(data: MapData) -> dict[str, dict[str, int]]:
    """Sum the cells of each segment.

    Returns:
        By ``CELLS``: customers, profit, profit_at_risk, exact as whole numbers.
    """
    place = _cell_of(data.cells, data)
    return {
        cell: {
            name: int(data.cells.loc[place == cell, name].sum())
            for name in ("customers", "profit", "profit_at_risk")
        }
        for cell in CELLS
    }


def _cell_of(cells: pd.DataFrame, data: MapData) -> pd.Series:
    """Return the segment of each cell; what equals a threshold is high."""
    risk = np.where(cells["risk_from"] >= data.risk, "high", "low")
    profit = np.where(cells["profit_from"] >= data.profit, "high", "low")
    return pd.Series([f"{r}_{p}" for r, p in zip(risk, profit, strict=True)], index=cells.index)


def draw_risk_profit_map(data: MapData, language: Language) -> Any:
    """Draw customers as bubbles over risk and profit, with the thresholds and the segments.

    Profit stands in bands of about equally many customers, because a few customers with a large
    profit would press all others together on a scale of money.

    Args:
        data: Grid of customers, thresholds, names.
        language: Of all texts.

    Returns:
        A plotly Figure: at most some two hundred bubbles, whose area is the number of customers;
        each segment has a colour and a sign of its own.
    """
    import plotly.graph_objects as go

    risks = _edges(data.cells["risk_from"], data.risk, _RISK_BANDS)
    # At a risk of exactly 1 there is no band of its own.
    risks = [edge for edge in risks if edge < 1 or edge == data.risk]
    profits = _edges(data.cells["profit_from"], data.profit, _PROFIT_BANDS)
    bubbles = _bubbles(data, risks, profits)
    figure = go.Figure()
    for cell in CELLS:
        _add_bubbles(figure, bubbles, cell, data, language)
    _add_lines(figure, profits.index(data.profit), len(profits), data, language)
    texts = _TEXTS[language]
    profit = texts["profit"].format(
        unit=escaped(getattr(data.unit, language)), at=number_of(data.profit, language)
    )
    figure.update_layout(
        xaxis={
            "title": {"text": texts["risk"].format(at=share_of(data.risk, language))},
            "tickformat": ".0%",
            "range": [-0.02, 1.02],
            "zeroline": False,
        },
        yaxis={
            "title": {"text": profit},
            "tickvals": list(range(len(profits))),
            "ticktext": [number_of(edge, language) for edge in profits],
            "range": [-_ROOM, len(profits) + _ROOM],
            "automargin": True,
            "zeroline": False,
        },
        legend={
            "orientation": "h",
            "y": -0.18,
            "yanchor": "top",
            "itemsizing": "constant",
            "itemclick": False,
            "itemdoubleclick": False,
        },
        height=HEIGHT + 160,
    )
    return finished(figure, _map_finding(data, language), language)


def _edges(stops: pd.Series, threshold: float, most: int) -> list[float]:
    """Thin the stops out to about so many edges of bands, the threshold among them."""
    known = sorted(set(stops.dropna()))
    step = max(1, -(-len(known) // most))
    return sorted({*known[::step], threshold})


def _bubbles(data: MapData, risks: Sequence[float], profits: Sequence[float]) -> pd.DataFrame:
    """Sum the fine cells into bands; each has its place, its text and its segment."""
    cells = data.cells[data.cells["customers"] > 0]
    bands = cells.assign(
        risk=np.searchsorted(risks, cells["risk_from"], side="right") - 1,
        band=np.searchsorted(profits, cells["profit_from"], side="right") - 1,
        cell=_cell_of(cells, data),
    )
    bubbles = bands.groupby(["cell", "risk", "band"], as_index=False)[
        ["customers", "profit_at_risk"]
    ].sum()
    tops = [*risks[1:], 1.0]
    bubbles["risk_from"] = [risks[place] for place in bubbles["risk"]]
    bubbles["risk_to"] = [tops[place] for place in bubbles["risk"]]
    bubbles["profit_from"] = [profits[place] for place in bubbles["band"]]
    bubbles["profit_to"] = [
        profits[place + 1] if place + 1 < len(profits) else None for place in bubbles["band"]
    ]
    return bubbles


def _add_bubbles(
    figure: Any, bubbles: pd.DataFrame, cell: str, data: MapData, language: Language
) -> None:
    """Add the bubbles of one segment; one without customers stands in the legend all the same."""
    own = bubbles[bubbles["cell"] == cell]
    colour, symbol = _MARKS[cell]
    sums = segment_sums(data)[cell]
    figure.add_scatter(
        x=((own["risk_from"] + own["risk_to"]) / 2).tolist() or [None],
        y=(own["band"] + 0.5).tolist() or [None],
        mode="markers",
        marker={
            "size": own["customers"].tolist() or [0],
            "sizemode": "area",
            "sizeref": 2 * int(bubbles["customers"].max()) / _LARGEST_BUBBLE**2,
            "sizemin": 3,
            "color": colour,
            "symbol": symbol,
            "opacity": 0.75,
            "line": {"color": "#FFFFFF", "width": 1},
        },
        customdata=[_bubble(row, data, language) for row in own.to_dict("records")],
        hovertemplate="%{customdata}<extra></extra>",
        name=_TEXTS[language]["legend"].format(
            name=escaped(cut(getattr(data.names[cell], language))),
            customers=counted(sums["customers"], CUSTOMERS, language),
            at_risk=escaped(_amount(sums["profit_at_risk"], data, language)),
        ),
    )


def _bubble(row: Row, data: MapData, language: Language) -> str:
    """Return what stands at a bubble."""
    texts = _TEXTS[language]
    low, high = number_of(row["profit_from"], language), row["profit_to"]
    profits = texts["from"].format(low=low)
    if not pd.isna(high):
        profits = texts["between"].format(low=low, high=number_of(high, language))
    return texts["bubble"].format(
        name=escaped(getattr(data.names[str(row["cell"])], language)),
        customers=counted(row["customers"], CUSTOMERS, language),
        risk_from=percent(row["risk_from"], language),
        risk_to=percent(row["risk_to"], language),
        profits=f"{profits}{SPACE}{escaped(getattr(data.unit, language))}",
        at_risk=escaped(_amount(row["profit_at_risk"], data, language)),
    )


def number_of(value: float, language: Language) -> str:
    """Write a threshold of profit as people write money."""
    return written(value, language)


def share_of(threshold: float, language: Language) -> str:
    """Write a threshold of risk in per cent, but for noise behind two digits."""
    return plain(round(threshold * 100, 2), language) + "%"


def _amount(whole: int, data: MapData, language: Language) -> str:
    """Write a sum of the grid with its unit."""
    return money(whole / 10**SCALE_DIGITS, data.unit, language)


def _add_lines(figure: Any, band: int, bands: int, data: MapData, language: Language) -> None:
    """Add the two thresholds as lines, and the names of the segments in their corners."""
    line = {"color": "#000000", "width": 1.5, "dash": "dash"}
    figure.add_vline(x=data.risk, line=line)
    figure.add_hline(y=band, line=line)
    for cell in CELLS:
        risk, profit = cell.split("_")
        name = cut(getattr(data.names[cell], language))
        lines = textwrap.wrap(name, _NAME_WIDTH, break_on_hyphens=False) or [name]
        figure.add_annotation(
            x=1.01 if risk == "high" else -0.01,
            xanchor="right" if risk == "high" else "left",
            y=bands + _ROOM if profit == "high" else -_ROOM,
            yanchor="top" if profit == "high" else "bottom",
            align="right" if risk == "high" else "left",
            showarrow=False,
            font={"color": "#000000", "size": 13},
            text="<b>" + "<br>".join(escaped(each) for each in lines) + "</b>",
        )


def _map_finding(data: MapData, language: Language) -> str:
    """Name the segment with most profit at risk."""
    texts, sums = _TEXTS[language], segment_sums(data)
    at_risk = {cell: each["profit_at_risk"] for cell, each in sums.items()}
    total, customers = sum(at_risk.values()), sum(each["customers"] for each in sums.values())
    top = max(CELLS, key=lambda cell: at_risk[cell])
    most = at_risk[top]
    if most <= 0:
        return texts["nothing"].format(customers=counted(customers, CUSTOMERS, language))
    title = texts["most"].format(
        name=getattr(data.names[top], language),
        at_risk=_amount(most, data, language),
        customers=counted(sums[top]["customers"], CUSTOMERS, language),
    )
    if min(at_risk.values()) < 0:  # a share of a sum with losses says nothing
        return title
    place = sums[top]["customers"] / customers
    return title + texts["share"].format(
        share=percent(most / total, language), place=percent(place, language)
    )


def draw_profit_bars(
    profile: pd.DataFrame,
    column: str,
    unit: BothLanguages,
    confidence: float,
    language: Language,
) -> Any:
    """Draw profit, or profit at risk, of each segment with its interval.

    Args:
        profile: Grain: segment, and ``all``: segment, name_ru, name_en, customers, mean_risk,
            profit, profit_at_risk and their bounds ``_low`` and ``_high`` (unit of profit).
        column: ``profit`` or ``profit_at_risk``; segments without a value are left out.
        unit: Of profit.
        confidence: Of the intervals.
        language: Of all texts.

    Returns:
        A plotly Figure: a bar per segment in the order of the profile, the value and the number
        at its end.
    """
    import plotly.graph_objects as go

    rows = profile[(profile["segment"] != _ALL) & profile[column].notna()]
    low, high = (rows[f"{column}_{end}"].astype(float) for end in ("low", "high"))
    value = rows[column].astype(float)
    figure = go.Figure()
    figure.add_bar(
        y=list(range(len(rows))),
        x=value.tolist(),
        orientation="h",
        marker={"color": BLUE},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": (high - value).fillna(0).tolist(),
            "arrayminus": (value - low).fillna(0).tolist(),
            "color": "#000000",
        },
        customdata=[
            _interval_text(row, column, unit, confidence, language)
            for row in rows.to_dict("records")
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )
    _add_ends(figure, value, high, unit, language)
    title = _TEXTS[language]["at_risk" if column == "profit_at_risk" else "earned"]
    figure.update_layout(
        xaxis={
            "title": {"text": title.format(unit=escaped(getattr(unit, language)))},
            "tickformat": ",",
            "range": _reach(low.fillna(value), high.fillna(value)),
            "zerolinecolor": GREY,
        },
        yaxis=_rows_axis(rows[f"name_{language}"].astype(str).tolist()),
        height=200 + _ROW_HEIGHT * len(rows),
    )
    write = _risk_finding if column == "profit_at_risk" else _profit_finding
    return finished(figure, write(profile, unit, confidence, language), language)


def _rows_axis(names: Sequence[str]) -> dict[str, Any]:
    """Return an axis with one line per name, the first on top."""
    return {
        "tickvals": list(range(len(names))),
        "ticktext": [escaped(cut(name)) for name in names],
        "ticklabelstandoff": 6,
        "autorange": "reversed",
        "automargin": True,
        "showgrid": False,
    }


def _add_ends(
    figure: Any, value: pd.Series, high: pd.Series, unit: BothLanguages, language: Language
) -> None:
    """Write each value behind its bar and its interval."""
    for place, (at, end) in enumerate(zip(value, high.fillna(value), strict=True)):
        figure.add_annotation(
            x=max(float(end), 0.0),
            y=place,
            text=escaped(money(float(at), unit, language)),
            xanchor="left",
            xshift=8,
            showarrow=False,
        )


def _reach(low: pd.Series, high: pd.Series) -> list[float]:
    """Return a range with room for the numbers at the ends of the bars."""
    least, most = min(float(low.min()), 0.0), max(float(high.max()), 0.0)
    width = (most - least) or 1.0
    return [least - 0.05 * width * (least < 0), most + 0.25 * width]


def _interval_text(
    row: Row, column: str, unit: BothLanguages, confidence: float, language: Language
) -> str:
    """Return what stands at a bar."""
    texts = _TEXTS[language]
    name = escaped(str(row[f"name_{language}"]))
    value = escaped(money(row[column], unit, language))
    if pd.isna(row[f"{column}_low"]):
        return texts["point"].format(name=name, value=value)
    return texts["interval"].format(
        name=name, value=value, **_bounds(row, column, unit, confidence, language, escape=True)
    )


def _bounds(
    row: Row,
    column: str,
    unit: BothLanguages,
    confidence: float,
    language: Language,
    escape: bool = False,
) -> dict[str, str]:
    """Write the bounds of an interval and how sure they are."""
    low, high = row[f"{column}_low"], row[f"{column}_high"]
    decimals = 0 if max(abs(low), abs(high)) >= 10 else decimals_of(high)  # noqa: PLR2004
    sign = getattr(unit, language)
    ends = f"{number(high, language, decimals)}{SPACE}{escaped(sign) if escape else sign}"
    return {
        "low": number(low, language, decimals),
        "high": ends,
        "confidence": percent(confidence, language),
    }


def _risk_finding(
    profile: pd.DataFrame, unit: BothLanguages, confidence: float, language: Language
) -> str:
    """Say how much of the profit is at risk."""
    texts = _TEXTS[language]
    everyone = profile[profile["segment"] == _ALL].to_dict("records")[0]
    parts = profile[(profile["segment"] != _ALL) & profile["profit_at_risk"].notna()]
    at_risk, profit = float(everyone["profit_at_risk"]), float(parts["profit"].sum())
    share_counts = profit > 0 and at_risk >= 0
    title = texts["total" if share_counts else "total_money"].format(
        at_risk=money(at_risk, unit, language),
        share=percent(at_risk / profit, language) if share_counts else "",
    )
    if pd.isna(everyone["profit_at_risk_low"]):
        return title
    bounds = _bounds(everyone, "profit_at_risk", unit, confidence, language)
    return title + texts["around"].format(**bounds)


def _profit_finding(
    profile: pd.DataFrame, unit: BothLanguages, _: float, language: Language
) -> str:
    """Name the group that brings most profit."""
    texts = _TEXTS[language]
    parts = profile[(profile["segment"] != _ALL) & profile["profit"].notna()]
    ordered = parts.sort_values("profit", ascending=False, kind="stable")
    top = ordered.to_dict("records")[0]
    title = texts["earns"].format(
        name=top[f"name_{language}"],
        value=money(float(top["profit"]), unit, language),
        customers=counted(int(top["customers"]), CUSTOMERS, language),
    )
    total = float(parts["profit"].sum())
    if total <= 0 or (parts["profit"] < 0).any():
        return title
    return title + texts["earns_share"].format(
        share=percent(float(top["profit"]) / total, language)
    )

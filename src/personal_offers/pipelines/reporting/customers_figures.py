"""Figures of the chapter on customers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from personal_offers.features import Language
from personal_offers.figure_style import (
    BLUE,
    GREEN,
    GREY,
    HEIGHT,
    RED,
    cut,
    escaped,
    finished,
    percent,
)
from personal_offers.figure_style import number as written
from personal_offers.pipelines.reporting.amounts import moment
from personal_offers.pipelines.reporting.customers_texts import TEXTS

_STEPS = 100
_ROW_HEIGHT = 36
_LONGEST_GROUP = 44


class Group(NamedTuple):
    """How many of a group declined; shares of 1 with the ends of their interval."""

    label: str
    size: int
    declined: int
    share: float
    low: float
    high: float
    small: bool


def concentration(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return which share of a sum the largest values hold.

    Args:
        values: One per customer, in any order; unknown counts as nothing.

    Returns:
        Shares of 1 at 0, 1, … 100 per cent of the customers (the number rounded up), the largest
        first; empty where the sum is not above zero.
    """
    known = np.nan_to_num(np.asarray(values, dtype="float64"))
    total = known.sum()
    if not total > 0:
        return np.empty(0)
    held = np.concatenate([[0.0], np.cumsum(np.sort(known)[::-1])]) / total
    places = [math.ceil(step * len(known) / _STEPS) for step in range(_STEPS + 1)]
    return np.asarray(held[places], dtype="float64")


def holders_of_half(values: npt.ArrayLike) -> int:
    """Return how many of the largest values make half of their sum, which is above zero."""
    known = np.sort(np.nan_to_num(np.asarray(values, dtype="float64")))[::-1]
    return int(np.argmax(np.cumsum(known) >= known.sum() / 2)) + 1


def draw_concentration(
    profit: npt.NDArray[np.float64],
    revenue: npt.NDArray[np.float64],
    title: str,
    language: Language,
) -> Any:
    """Draw which share of the profit the most profitable customers hold.

    Args:
        profit: What ``concentration`` returned.
        revenue: Likewise, of customers by their revenue; empty where a shop has none.
        title: The finding.
        language: Of all texts.

    Returns:
        A plotly Figure: a line per sum, and a dotted one for equal customers.
    """
    import plotly.graph_objects as go

    texts = TEXTS[language]
    steps = list(range(_STEPS + 1))
    figure = go.Figure()
    for held, name, color, dash in (
        (profit, texts["curve_profit"], BLUE, "solid"),
        (revenue, texts["curve_total_revenue"], GREEN, "dash"),
    ):
        if len(held):
            figure.add_scatter(
                x=steps,
                y=[round(100 * float(share), 2) for share in held],
                mode="lines",
                name=name,
                line={"color": color, "dash": dash, "width": 3},
                hovertemplate="%{x}% → %{y:.1f}%",
            )
    figure.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        name=texts["curve_equal"],
        line={"color": GREY, "dash": "dot"},
        hoverinfo="skip",
    )
    figure.update_layout(
        xaxis={"title": {"text": texts["curve_x"]}, "ticksuffix": "%"},
        yaxis={"title": {"text": texts["curve_y"]}, "ticksuffix": "%", "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.2, "yanchor": "top"},
        height=HEIGHT,
    )
    return finished(figure, title, language)


def draw_thresholds(prevalence: pd.DataFrame, title: str, language: Language) -> Any:
    """Draw the share of decliners by the threshold that makes one.

    Args:
        prevalence: Grain: threshold: share, chosen, declined_share and the ends of its interval.
        title: The finding.
        language: Of all texts.

    Returns:
        A plotly Figure: dots with intervals, the threshold in use as a red square.
    """
    import plotly.graph_objects as go

    texts, chosen = TEXTS[language], prevalence["chosen"].eq(True)
    figure = go.Figure()
    for rows, name, color, symbol in (
        (prevalence[~chosen], texts["other"], BLUE, "circle"),
        (prevalence[chosen], texts["chosen"], RED, "square"),
    ):
        share = rows["declined_share"]
        figure.add_scatter(
            x=[100 * float(value) for value in rows["share"]],
            y=[100 * float(value) for value in share],
            error_y={
                "type": "data",
                "array": (100 * (rows["declined_share_high"] - share)).tolist(),
                "arrayminus": (100 * (share - rows["declined_share_low"])).tolist(),
            },
            mode="markers",
            name=name,
            marker={"color": color, "symbol": symbol, "size": 11},
            hovertemplate="%{x:.0f}%: %{y:.1f}%",
        )
    figure.update_layout(
        xaxis={"title": {"text": texts["threshold_x"]}, "ticksuffix": "%"},
        yaxis={"title": {"text": texts["declined_y"]}, "ticksuffix": "%", "range": [0, 105]},
        legend={"orientation": "h", "y": -0.2, "yanchor": "top"},
        height=HEIGHT,
    )
    return finished(figure, title, language)


def draw_dates(groups: Sequence[Group], title: str, language: Language) -> Any:
    """Draw the share of decliners by the date from which the next months are looked at.

    Args:
        groups: One per date, in order; the label is the date, ISO.
        title: The finding.
        language: Of all texts.

    Returns:
        A plotly Figure: dots with intervals.
    """
    import plotly.graph_objects as go

    texts = TEXTS[language]
    days = [moment(each.label, language, minutes=False) for each in groups]
    figure = go.Figure(
        go.Scatter(
            x=[each.label[:10] for each in groups],
            y=[100 * each.share for each in groups],
            error_y=_intervals(groups),
            mode="lines+markers",
            name=texts["dates_name"],
            marker={"color": BLUE, "size": 8},
            line={"color": BLUE},
            customdata=[
                f"{day}: {percent(each.share, language)} "
                f"({written(each.declined, language)} / {written(each.size, language)})"
                for day, each in zip(days, groups, strict=True)
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )
    )
    figure.update_layout(
        xaxis={
            "title": {"text": texts["dates_x"]},
            "tickformat": "%d.%m.%Y" if language == "ru" else "%Y-%m-%d",
        },
        yaxis={"title": {"text": texts["declined_y"]}, "ticksuffix": "%", "range": [0, 105]},
        height=HEIGHT,
    )
    return finished(figure, title, language)


def _intervals(groups: Sequence[Group]) -> dict[str, Any]:
    """Return the ends of intervals as plotly draws them, in per cent."""
    return {
        "type": "data",
        "array": [100 * (each.high - each.share) for each in groups],
        "arrayminus": [100 * (each.share - each.low) for each in groups],
    }


def draw_groups(
    groups: Sequence[Group],
    overall: float,
    fewest: int,
    confidence: float,
    title: str,
    language: Language,
) -> Any:
    """Draw the share of decliners of each group beside that of all customers.

    Args:
        groups: From top to bottom.
        overall: Share of decliners among all, share of 1.
        fewest: Customers below whom a group is small.
        confidence: Coverage of the intervals, share of 1.
        title: The finding.
        language: Of all texts.

    Returns:
        A plotly Figure: dots with intervals; small groups are hollow grey diamonds.
    """
    import plotly.graph_objects as go

    texts = TEXTS[language]
    figure = go.Figure()
    small = texts["groups_small"].format(fewest=fewest)
    _add_groups(figure, groups, False, texts["groups_big"], language)
    _add_groups(figure, groups, True, small, language)
    figure.add_vline(
        x=100 * overall,
        line={"color": "#000000", "width": 1, "dash": "dash"},
        annotation_text=texts["groups_overall"].format(share=percent(overall, language)),
        annotation_position="top",
    )
    axis = texts["groups_x"].format(confidence=percent(confidence, language))
    figure.update_layout(
        xaxis={"title": {"text": axis}, "ticksuffix": "%", "rangemode": "tozero"},
        yaxis={
            "tickvals": list(range(len(groups))),
            "ticktext": [
                f"{escaped(cut(each.label, _LONGEST_GROUP))} ({written(each.size, language)})"
                for each in groups
            ],
            "range": [len(groups) - 0.5, -0.5],
            "automargin": True,
        },
        legend={"orientation": "h", "y": -90 / (170 + _ROW_HEIGHT * len(groups)), "yanchor": "top"},
        height=260 + _ROW_HEIGHT * len(groups),
        showlegend=any(each.small for each in groups),
    )
    return finished(figure, title, language)


def _add_groups(
    figure: Any, groups: Sequence[Group], small: bool, name: str, language: Language
) -> None:
    """Add the small groups or the others as dots with intervals; nothing where there are none."""
    shown = [(place, each) for place, each in enumerate(groups) if each.small is small]
    if not shown:
        return
    figure.add_scatter(
        x=[100 * each.share for _, each in shown],
        y=[place for place, _ in shown],
        error_x=_intervals([each for _, each in shown]),
        mode="markers",
        name=name,
        marker={
            "color": GREY if small else BLUE,
            "symbol": "diamond-open" if small else "circle",
            "size": 11,
        },
        customdata=[
            f"{escaped(each.label)}: {percent(each.share, language)} "
            f"({written(each.declined, language)} / {written(each.size, language)})"
            for _, each in shown
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )

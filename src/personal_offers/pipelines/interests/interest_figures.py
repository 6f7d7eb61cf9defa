"""Figures of interests: how often the prediction is right, and for whom it is sure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from personal_offers.features import Language
from personal_offers.figure_style import (
    BLUE,
    GREEN,
    GREY,
    HEIGHT,
    RED,
    empty,
    finished,
    in_both,
    number,
    percent,
    plain,
)
from personal_offers.pipelines.interests.interest_params import BASELINES, InterestOptions
from personal_offers.pipelines.interests.interest_texts import TEXTS, method_title, percent_span

_COLOURS = (BLUE, GREEN, RED)
_DASHES = ("solid", "dash", "dot")
_SYMBOLS = ("circle", "diamond", "square", "cross", "x", "triangle-up")
_SHARES = {"tickformat": ",.0%", "rangemode": "tozero"}
# Room between the dots of two methods at one number of orders.
_STEP = 0.12


def draw_interest_coverage(
    interest_coverage: pd.DataFrame, interest_metrics: Mapping[str, Any], options: InterestOptions
) -> dict[Language, Any]:
    """Draw how often the surest customers' interest is right, by the share that is predicted.

    Args:
        interest_coverage: Grain: number of orders and share (see ``evaluate_interests``).
        interest_metrics: From ``evaluate_interests``; where it says ``withheld``, the figure is
            that reason.
        options: ``coverage`` and ``certainty``.

    Returns:
        A plotly Figure by language: one line per number of orders, the interval of the first one,
        and where the certainty of the parameters ends.
    """
    return in_both(partial(_coverage, interest_coverage, interest_metrics, options))


def _coverage(
    interest_coverage: pd.DataFrame,
    interest_metrics: Mapping[str, Any],
    options: InterestOptions,
    language: Language,
) -> Any:
    """Draw the coverage in one language."""
    import plotly.graph_objects as go

    texts = TEXTS[language]
    if interest_metrics.get("withheld"):
        return empty(interest_metrics["withheld"][language], language)
    if interest_coverage.empty:
        return empty(texts["nothing"], language)
    figure = go.Figure()
    parts = [
        (int(orders), interest_coverage[interest_coverage["after_orders"] == orders])
        for orders in sorted(interest_coverage["after_orders"].unique())
    ]
    _draw_band(figure, parts[0][1], interest_metrics, language)
    for place, (orders, part) in enumerate(parts):
        figure.add_scatter(
            x=part["coverage"].tolist(),
            y=part["top1"].tolist(),
            mode="lines",
            line={
                "color": _COLOURS[place % len(_COLOURS)],
                "dash": _DASHES[place % len(_DASHES)],
                "width": 3 if place == 0 else 1.5,
            },
            name=texts["after"].format(orders=number(orders, language)),
            hovertemplate="%{x:.0%}: %{y:.1%}<extra></extra>",
        )
    _mark_certainty(figure, interest_metrics["detail"], parts[0][0], options, language)
    figure.update_layout(
        xaxis={"title": {"text": texts["share"]}, **_SHARES},
        yaxis={"title": {"text": texts["accuracy"]}, **_SHARES},
        legend={"orientation": "h", "y": -0.25},
        height=HEIGHT,
    )
    detail = interest_metrics["detail"][str(parts[0][0])]
    half = percent(detail["at_coverage"]["top1"], language)
    everyone = percent(float(parts[0][1]["top1"].iloc[-1]), language)
    gains = half != everyone and detail["at_coverage"]["top1"] > parts[0][1]["top1"].iloc[-1]
    title = texts["coverage_title" if gains else "coverage_same"].format(
        share=percent(options.coverage, language), half=half, all=everyone
    )
    return finished(figure, title, language)


def _draw_band(
    figure: Any, part: pd.DataFrame, metrics: Mapping[str, Any], language: Language
) -> None:
    """Draw the interval of one line as a band."""
    name = TEXTS[language]["interval"].format(confidence=percent(metrics["confidence"], language))
    for column, more in (
        ("top1_low", {"showlegend": False}),
        ("top1_high", {"fill": "tonexty", "fillcolor": "rgba(0,114,178,0.15)"}),
    ):
        figure.add_scatter(
            x=part["coverage"].tolist(),
            y=part[column].tolist(),
            mode="lines",
            line={"width": 0, "color": BLUE},
            name=name,
            hoverinfo="skip",
            **more,
        )


def _mark_certainty(
    figure: Any,
    detail: Mapping[str, Any],
    orders: int,
    options: InterestOptions,
    language: Language,
) -> None:
    """Put a star where predictions end that are sure enough."""
    point = detail[str(orders)]["at_certainty"]
    if point["top1"] is None:
        return
    certainty = plain(options.certainty, language)
    figure.add_scatter(
        x=[point["share"]],
        y=[point["top1"]],
        mode="markers",
        marker={"color": RED, "size": 14, "symbol": "star"},
        name=TEXTS[language]["certain"].format(certainty=certainty),
        hovertemplate="%{x:.0%}: %{y:.1%}<extra></extra>",
    )


def draw_interest_accuracy(
    interest_accuracy: pd.DataFrame, interest_metrics: Mapping[str, Any]
) -> dict[Language, Any]:
    """Draw how often each method names a new customer's later interest.

    Args:
        interest_accuracy: Grain: number of orders and method (see ``evaluate_interests``).
        interest_metrics: From ``evaluate_interests``; where it says ``withheld``, the figure is
            that reason.

    Returns:
        A plotly Figure by language: dots with intervals by number of orders, what ships as a star,
        and how well two halves of the later purchases agree as a line.
    """
    return in_both(partial(_accuracy, interest_accuracy, interest_metrics))


def _accuracy(
    interest_accuracy: pd.DataFrame, interest_metrics: Mapping[str, Any], language: Language
) -> Any:
    """Draw the accuracy in one language."""
    import plotly.graph_objects as go

    texts = TEXTS[language]
    if interest_metrics.get("withheld"):
        return empty(interest_metrics["withheld"][language], language)
    if interest_accuracy.empty:
        return empty(texts["nothing"], language)
    orders = sorted(interest_accuracy["after_orders"].unique())
    methods = list(interest_accuracy["method"].unique())
    figure = go.Figure()
    for place, method in enumerate(methods):
        part = interest_accuracy[interest_accuracy["method"] == method]
        shift = (place - (len(methods) - 1) / 2) * _STEP
        at = [orders.index(each) + shift for each in part["after_orders"]]
        ships = bool(part["shipped"].iloc[0])
        figure.add_scatter(
            x=at,
            y=part["top1"].tolist(),
            error_y=_errors(part),
            mode="markers",
            marker={
                "color": RED if ships else GREY if method in BASELINES else BLUE,
                "size": 13 if ships else 8,
                "symbol": "star" if ships else _SYMBOLS[place % len(_SYMBOLS)],
            },
            name=method_title(method, language),
            hovertemplate="%{y:.1%}<extra></extra>",
        )
    _draw_ceiling(figure, interest_metrics["ceiling"], len(orders), language)
    figure.update_layout(
        xaxis={
            "title": {"text": texts["orders"]},
            "tickvals": list(range(len(orders))),
            "ticktext": [number(int(each), language) for each in orders],
        },
        yaxis={"title": {"text": texts["accuracy"]}, **_SHARES},
        legend={"orientation": "h", "y": -0.25},
        height=HEIGHT,
    )
    return finished(figure, _accuracy_title(interest_accuracy, orders[0], language), language)


def _errors(part: pd.DataFrame) -> dict[str, Any]:
    values, low, high = (part[f"top1{end}"].to_numpy(float) for end in ("", "_low", "_high"))
    return {
        "type": "data",
        "symmetric": False,
        "array": np.maximum(high - values, 0).tolist(),
        "arrayminus": np.maximum(values - low, 0).tolist(),
        "thickness": 1.5,
    }


def _draw_ceiling(figure: Any, ceiling: Mapping[str, Any], orders: int, language: Language) -> None:
    if ceiling["value"] is None:
        return
    figure.add_scatter(
        x=[-0.5, orders - 0.5],
        y=[ceiling["value"]] * 2,
        mode="lines",
        line={"color": GREEN, "dash": "dash"},
        name=TEXTS[language]["ceiling"],
        hovertemplate="%{y:.1%}<extra></extra>",
    )


def _accuracy_title(accuracy: pd.DataFrame, orders: int, language: Language) -> str:
    """Say how often what ships is right after the fewest orders, beside the simple rules."""
    rows = accuracy[accuracy["after_orders"] == orders].set_index("method")
    shipped = rows[rows["shipped"].astype(bool)].iloc[0]
    top1 = rows["top1"].astype(float)
    key = "accuracy_title_rule" if shipped.name == "same_so_far" else "accuracy_title"
    return TEXTS[language][key].format(
        orders=number(int(orders), language),
        value=percent(shipped["top1"], language),
        interval=percent_span(shipped["top1_low"], shipped["top1_high"], language),
        rule=method_title("same_so_far", language),
        same=percent(top1["same_so_far"], language),
        majority=percent(top1["majority"], language),
    )

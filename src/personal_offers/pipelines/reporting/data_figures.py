"""Figures of the chapter on the health of the data."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from personal_offers.features import Language
from personal_offers.figure_style import (
    BLUE,
    GREY,
    RED,
    cut,
    escaped,
    finished,
    number,
    percent,
)
from personal_offers.pipelines.reporting.amounts import moment
from personal_offers.pipelines.reporting.data_texts import TEXTS

_ROW_HEIGHT, _PANEL_HEIGHT, _BAR = 48, 120, 0.38
_LONGEST_RULE, _LINE = 80, 40
# Measures that are shares of 1; the others are counts, averages and money.
SHARES = frozenset({"returning_share", "order_id_form"})
_MOST_LABELS = 8


class Removal(NamedTuple):
    """What one rule took away: rows, money, and both as shares of what came in.

    ``source`` is empty where there is one file alone; ``money_share`` is None where the file
    holds no money, negative where revenue rose.
    """

    source: str
    label: str
    rows: int
    rows_share: float
    money: str
    money_share: float | None


def draw_removals(removals: Sequence[Removal], title: str, language: Language) -> Any:
    """Draw what each rule took away, in rows and in money.

    Args:
        removals: In the order of the ledger.
        title: The finding.
        language: Of all texts.

    Returns:
        A plotly Figure: two bars per rule, money striped, each with its share and its amount.
    """
    import plotly.graph_objects as go

    texts = TEXTS[language]
    places = list(range(len(removals)))
    figure = go.Figure()
    rows = [
        (r.rows_share, f"{percent(r.rows_share, language)} ({number(r.rows, language)})")
        for r in removals
    ]
    _add_bars(figure, rows, -_BAR / 2, {"color": BLUE}, texts["figure_rows"])
    if any(each.money_share is not None for each in removals):
        amounts = [(each.money_share, _money_label(each, language)) for each in removals]
        stripes = {"color": RED, "pattern": {"shape": "/"}}
        _add_bars(figure, amounts, _BAR / 2, stripes, texts["figure_revenue"])
    shares = [value for r in removals for value in (r.rows_share, r.money_share or 0.0)]
    least, most = 100 * min(0.0, *shares), 100 * max(0.0, *shares)
    figure.update_layout(
        barmode="overlay",
        xaxis={
            "title": {"text": texts["figure_axis_gain" if least < 0 else "figure_axis"]},
            "ticksuffix": "%",
            # Room for the texts at the ends of the bars.
            "range": [least, most + (most - least) / 2],
        },
        yaxis={
            "title": {"text": texts["figure_rule"]},
            "tickvals": places,
            "ticktext": [_rule_label(each) for each in removals],
            "range": [len(removals) - 0.5, -0.5],
            "automargin": True,
            "showgrid": False,
        },
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        height=190 + _ROW_HEIGHT * len(removals),
    )
    return finished(figure, title, language)


def _add_bars(
    figure: Any,
    values: Sequence[tuple[float | None, str]],
    shift: float,
    marker: dict[str, Any],
    name: str,
) -> None:
    """Add bars with their texts to the right of them, also of bars that go to the left."""
    places = [place + shift for place in range(len(values))]
    figure.add_bar(
        x=[None if share is None else 100 * share for share, _ in values],
        y=places,
        width=_BAR,
        orientation="h",
        name=name,
        marker=marker,
        customdata=[text for _, text in values],
        hovertemplate="%{customdata}<extra></extra>",
    )
    figure.add_scatter(
        x=[100 * max(share or 0.0, 0.0) for share, _ in values],
        y=places,
        mode="text",
        text=[f" {text}" for _, text in values],
        textposition="middle right",
        cliponaxis=False,
        showlegend=False,
        hoverinfo="skip",
    )


def _rule_label(each: Removal) -> str:
    """Write the rule, below its file where there are several."""
    lines = textwrap.wrap(cut(each.label, _LONGEST_RULE), _LINE)
    words = "<br>".join(escaped(line) for line in lines)
    return f"{escaped(each.source)}:<br>{words}" if each.source else words


def _money_label(each: Removal, language: Language) -> str:
    if each.money_share is None:
        return ""
    return f"{percent(each.money_share, language)} ({escaped(each.money)})"


def draw_regime(
    regime: pd.DataFrame, measures: Sequence[str], title: str, language: Language, currency: str
) -> Any:
    """Draw the measures that broke month by month, each in a panel of its own.

    Args:
        regime: Grain: month and measure: month (YYYY-MM), measure, value, flagged, since (ISO).
        measures: Which to draw, from top to bottom.
        title: The finding.
        language: Of all texts.
        currency: Sign of the money.

    Returns:
        A plotly Figure: lines with dots before the break, grey crosses after it, and a broken
        line at the moment of the break.
    """
    from plotly.subplots import make_subplots

    months = sorted(regime["month"].unique())
    figure = make_subplots(
        rows=len(measures),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.35 / len(measures),
        subplot_titles=[escaped(measure_name(name, language, currency)) for name in measures],
    )
    for row, measure in enumerate(measures, start=1):
        values = regime[regime["measure"] == measure].set_index("month").reindex(months)
        _add_measure(figure, values, measure, row, language)
    figure.update_annotations(x=0, xanchor="left", font={"size": 13})
    _mark_break(figure, regime, months, language)
    step = -(-len(months) // _MOST_LABELS)
    figure.update_xaxes(
        tickvals=list(range(0, len(months), step)),
        ticktext=[short_month(month, language) for month in months[::step]],
        showgrid=False,
        zeroline=False,
    )
    figure.update_xaxes(title={"text": TEXTS[language]["month"]}, row=len(measures))
    figure.update_yaxes(rangemode="tozero", nticks=4)
    figure.update_layout(
        legend={"orientation": "h", "y": -0.6 / len(measures), "yanchor": "top"},
        height=150 + _PANEL_HEIGHT * len(measures),
    )
    return finished(figure, title, language)


def _add_measure(
    figure: Any, values: pd.DataFrame, measure: str, row: int, language: Language
) -> None:
    """Add one measure as two traces: before the break and after it."""
    texts = TEXTS[language]
    after = values["flagged"].eq(True)
    scale = 100 if measure in SHARES else 1
    looks = (
        (~after, texts["before_break"], BLUE, "circle", "solid"),
        (after, texts["after_break"], GREY, "x", "dot"),
    )
    for which, name, color, symbol, dash in looks:
        shown = values[which]
        figure.add_scatter(
            x=[place for place, here in enumerate(which) if here],
            y=[None if pd.isna(v) else float(v) * scale for v in shown["value"]],
            mode="lines+markers",
            name=name,
            legendgroup=name,
            showlegend=row == 1,
            line={"color": color, "dash": dash},
            marker={"symbol": symbol, "size": 7},
            cliponaxis=False,
            customdata=[
                f"{short_month(str(month), language)}: {measure_value(value, measure, language)}"
                for month, value in shown["value"].items()
            ],
            hovertemplate="%{customdata}<extra></extra>",
            row=row,
            col=1,
        )
    if measure in SHARES:
        figure.update_yaxes(ticksuffix="%", row=row, col=1)


def _mark_break(
    figure: Any, regime: pd.DataFrame, months: Sequence[str], language: Language
) -> None:
    """Draw the moment of the break through all panels."""
    since = pd.Timestamp(str(regime.loc[regime["flagged"].eq(True), "since"].iloc[0]))
    first = pd.Period(months[0], "M")
    month = since.to_period("M")
    passed = (since - month.start_time) / (month.end_time - month.start_time)
    # A month stands at its place, so it begins half a step before.
    x = (month - first).n + passed - 0.5
    figure.add_vline(x=x, line={"color": RED, "width": 2, "dash": "dash"}, row="all", col=1)
    figure.add_annotation(
        x=x,
        xref="x",
        y=1,
        yref="paper",
        yanchor="bottom",
        xanchor="right",
        showarrow=False,
        text=TEXTS[language]["break_line"].format(since=moment(since.isoformat(), language)),
        font={"color": RED},
    )


def measure_name(measure: str, language: Language, currency: str) -> str:
    """Return what a measure of the months is called; a new one goes by its own name."""
    name = TEXTS[language].get(f"measure_{measure}", measure)
    return name.format(currency=currency).removesuffix(", ")


def measure_value(value: float, measure: str, language: Language) -> str:
    """Write a value of a measure: shares in per cent, others with the digits that count."""
    if pd.isna(value):
        return "—"
    if measure in SHARES:
        return percent(float(value), language)
    return number(float(value), language, 0 if float(value).is_integer() else 2)


def short_month(month: str, language: Language) -> str:
    """Write ``2019-10`` as 10.2019, or leave it as it is in English."""
    year, _, number_of = str(month).partition("-")
    return f"{number_of}.{year}" if language == "ru" and number_of else str(month)

"""Figures that the chapter ``offers`` draws itself: what control groups can show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from personal_offers.features import Language
from personal_offers.figure_style import BLUE, GREEN, HEIGHT, RED, finished, percent
from personal_offers.pipelines.reporting.plan_words import points

_TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "share": "Доля контрольной группы, % клиентов плана",
        "difference": "Разница долей снизивших активность, п. п.",
        "detectable": "Заметная разница",
        "assumed": "Ожидаемая разница",
        "plan": "Этот план",
        "seen": "Контрольная группа {share} покажет ожидаемую разницу: заметна от {detectable} п. "
        "п., ожидается {assumed}",
        "other": "Контрольная группа {share} ожидаемую разницу не покажет: заметна от {detectable} "
        "п. п., ожидается {assumed}; хватило бы доли {enough}",
        "never": "Контрольная группа {share} ожидаемую разницу не покажет: заметна от {detectable} "
        "п. п., ожидается {assumed}; другие доли тоже не помогут",
        "blind": "Контрольная группа {share} слишком мала, чтобы показать какую-либо разницу",
    },
    "en": {
        "share": "Control share, % of the customers of the plan",
        "difference": "Difference in the share of decliners, points",
        "detectable": "Noticeable difference",
        "assumed": "Expected difference",
        "plan": "This plan",
        "seen": "A control group of {share} will show the expected difference: noticed from "
        "{detectable} points on, {assumed} expected",
        "other": "A control group of {share} will not show the expected difference: noticed from "
        "{detectable} points on, {assumed} expected; a share of {enough} would be enough",
        "never": "A control group of {share} will not show the expected difference: noticed from "
        "{detectable} points on, {assumed} expected; nor will the other shares",
        "blind": "A control group of {share} is too small to show any difference",
    },
}


def draw_detectable(effects: pd.DataFrame, language: Language) -> Any:
    """Draw the difference that a control group shows beside the one that is expected.

    Args:
        effects: Grain: control share, over everybody: control_share, chosen, detectable_effect
            (null: none), assumed_effect, all shares of 1; learnable.
        language: Of the texts.

    Returns:
        A plotly Figure: by control share the noticeable difference as a line, the expected one as
        a broken line, and the share of the plan as a star.
    """
    import plotly.graph_objects as go

    texts = _TEXTS[language]
    rows = effects.sort_values("control_share")
    known = rows[rows["detectable_effect"].notna()]
    figure = go.Figure()
    for column, data, line, symbol in (
        ("detectable", known, {"color": BLUE, "width": 3}, "circle"),
        ("assumed", rows, {"color": GREEN, "width": 3, "dash": "dash"}, "square"),
    ):
        figure.add_scatter(
            x=(data["control_share"] * 100).tolist(),
            y=(data[f"{column}_effect"] * 100).tolist(),
            mode="lines+markers",
            line=line,
            marker={"size": 8, "symbol": symbol},
            name=texts[column],
            hovertemplate="%{x:.3~g}%: %{y:.1f}<extra>%{fullData.name}</extra>",
        )
    plan = known[known["chosen"].astype(bool)]
    figure.add_scatter(
        x=(plan["control_share"] * 100).tolist(),
        y=(plan["detectable_effect"] * 100).tolist(),
        mode="markers",
        marker={"color": RED, "size": 16, "symbol": "star"},
        name=texts["plan"],
        hoverinfo="skip",
    )
    figure.update_layout(
        xaxis={"title": {"text": texts["share"]}, "rangemode": "tozero"},
        yaxis={"title": {"text": texts["difference"]}, "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.2, "yanchor": "top"},
        height=HEIGHT,
    )
    return finished(figure, _finding(rows, language), language)


def _finding(rows: pd.DataFrame, language: Language) -> str:
    """Say whether the control group of the plan is large enough."""
    texts = _TEXTS[language]
    chosen = rows[rows["chosen"].astype(bool)]
    row = (chosen if len(chosen) else rows).to_dict("records")[0]
    share = percent(row["control_share"], language)
    if pd.isna(row["detectable_effect"]):
        return texts["blind"].format(share=share)
    enough = rows[rows["learnable"].astype(bool)]["control_share"]
    key = "seen" if row["learnable"] else "other" if len(enough) else "never"
    return texts[key].format(
        share=share,
        detectable=points(row["detectable_effect"], language),
        assumed=points(row["assumed_effect"], language),
        enough=percent(float(enough.min()), language) if len(enough) else "",
    )

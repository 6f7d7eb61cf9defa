"""Figures of the clusters: how they differ, and why there are so many of them.

Each says its finding in the title, in Russian or English. Tables and dictionaries come as the
stage writes them, from memory or from a file. Where there is nothing to draw, the figure is its
title: the reason.
"""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from personal_offers.features import FeatureRegistry, Language
from personal_offers.figure_style import (
    BLUE,
    GREEN,
    GREY,
    HEIGHT,
    RED,
    empty,
    escaped,
    finished,
    in_both,
    number,
    percent,
    span,
)
from personal_offers.pipelines.segmentation.cluster_names import NOTABLE, label_of, value_text

# One row of a table.
Row = Mapping[Hashable, Any]

_TEXTS = {
    "ru": {
        "one": "Показывать нечего: кластер один",
        "no_features": "Показывать нечего: числовых признаков, которые различаются, меньше трёх",
        "no_differences": "Показывать нечего: числовые признаки у кластеров не различаются",
        "no_candidates": "Показывать нечего: варианты разбиения не сравнивались",
        "radar": "Сильнее всего кластеры различает признак «{feature}»: {low} … {high} "
        "стандартного отклонения от остальных клиентов",
        "hidden": ". Показаны самые большие кластеры ({shown} из {all}); остальные включаются "
        "в легенде",
        "zero": "нет отличия от остальных",
        "share": "{name}, {share} клиентов",
        "heatmap": "Больше всего отличий от остальных клиентов в кластере «{name}»: признаков "
        "{count} из {all} (больше {limit} стандартного отклонения)",
        "text": ". В ячейках медианы; ▲ выше, ▼ ниже остальных; * по этому признаку делили",
        "difference": "Отличие,<br>станд. откл.<br>\u00a0",
        "cell": "{feature}<br>{name}: медиана {own}{interval}, у всех {all}<br>отличие {size}",
        "unknown": "нет данных",
        "silhouette": "Силуэт (чем выше, тем лучше кластеры отделены друг от друга)",
        "stability": "Устойчивость<br>(скорр. индекс Рэнда на повторных выборках)",
        "passes": "прошёл все условия",
        "fails": "не прошёл",
        "chosen": "выбран",
        "least": "не меньше {value}",
        "candidate": "{method}, кластеров: {number}<br>силуэт {silhouette}, устойчивость "
        "{stability}{interval}<br>наименьший кластер: {share} клиентов",
        "choice": "Выбрано: {method}, кластеров: {number}; устойчивость {stability}{interval}, "
        "силуэт {silhouette}",
        "passed": ". Все условия выполнили варианты: {count} из {all} (число кластеров: {numbers})",
        "none_passed": ". Все условия не выполнил ни один вариант из {all}",
        "not_chosen": "Ни один вариант не выбран",
    },
    "en": {
        "one": "Nothing to show: there is one cluster",
        "no_features": "Nothing to show: fewer than three numeric features differ",
        "no_differences": "Nothing to show: the numeric features of the clusters do not differ",
        "no_candidates": "Nothing to show: no candidates were compared",
        "radar": "Clusters differ most in “{feature}”: {low} … {high} standard deviations from "
        "other customers",
        "hidden": ". The largest clusters are shown ({shown} of {all}); the legend adds the others",
        "zero": "no difference from the rest",
        "share": "{name}, {share} of customers",
        "heatmap": "The cluster “{name}” differs most from other customers: in {count} of {all} "
        "features (by more than {limit} standard deviations)",
        "text": ". Cells show medians; ▲ above, ▼ below the rest; * the clusters were made from it",
        "difference": "Difference,<br>std. dev.<br>\u00a0",
        "cell": "{feature}<br>{name}: median {own}{interval}, everyone {all}<br>difference {size}",
        "unknown": "unknown",
        "silhouette": "Silhouette (the higher, the better clusters stand apart)",
        "stability": "Stability<br>(adjusted Rand index over resamples)",
        "passes": "passes all limits",
        "fails": "fails",
        "chosen": "chosen",
        "least": "at least {value}",
        "candidate": "{method}, clusters: {number}<br>silhouette {silhouette}, stability "
        "{stability}{interval}<br>smallest cluster: {share} of customers",
        "choice": "Chosen: {method}, clusters: {number}; stability {stability}{interval}, "
        "silhouette {silhouette}",
        "passed": ". All limits hold for {count} of {all} candidates (number of clusters: "
        "{numbers})",
        "none_passed": ". None of {all} candidates passes all limits",
        "not_chosen": "No candidate is chosen",
    },
}
_METHODS: Mapping[str, Mapping[Language, str]] = {
    "kmeans": {"ru": "k-средних", "en": "k-means"},
    "gaussian_mixture": {"ru": "смесь нормальных распределений", "en": "Gaussian mixture"},
    "ward": {"ru": "метод Уорда", "en": "Ward"},
    "hdbscan": {"ru": "HDBSCAN", "en": "HDBSCAN"},
}
_METHOD_MARKS = {
    "kmeans": (BLUE, "circle"),
    "gaussian_mixture": (RED, "square"),
    "ward": (GREEN, "diamond"),
    "hdbscan": ("#000000", "cross"),
}
# Colours of Okabe and Ito (2008); yellow is left out, because white paper swallows it.
_COLOURS = (BLUE, RED, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "pentagon")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
_SCALE = [[0.0, BLUE], [0.5, "#FFFFFF"], [1.0, RED]]
_MOST_TRACES = 6
_MOST_AXES = 8
_FEWEST_AXES = 3
# Standard deviations at which colours and rays end, so that a cluster of one hides no other.
_FARTHEST = 3.0
_STRONG_COLOUR = 2.0
# Standard deviations from which on the title of the heat map counts a difference.
_STRONGLY = 0.5
_AXIS_WIDTH, _COLUMN_WIDTH, _ROW_WIDTH = 20, 18, 30
# Letters that the names of all columns have side by side, on paper too.
_COLUMNS_WIDTH = 42
# Columns of a heat map that have room for their names.
_MOST_COLUMN_NAMES = 4
_ROW_HEIGHT, _LINE_HEIGHT = 34, 18


def draw_clusters(
    profile: pd.DataFrame,
    summary: pd.DataFrame,
    candidates: pd.DataFrame,
    choice: dict[str, Any],
    registry: FeatureRegistry,
) -> tuple[dict[Language, Any], dict[Language, Any], dict[Language, Any]]:
    """Draw how clusters differ, and how they were chosen.

    Args:
        profile: Grain: cluster and feature (``profile_clusters``).
        summary: Grain: cluster (``summarise_clusters``).
        candidates: Grain: method and number of clusters (``fit_clusters``).
        choice: What was chosen, and the limits (``fit_clusters``).
        registry: What features are called.

    Returns:
        Three plotly Figures, each by language: radar, heat map, choice.
    """
    return (
        in_both(partial(draw_cluster_radar, profile, summary, registry)),
        in_both(partial(draw_cluster_heatmap, profile, summary, registry)),
        in_both(partial(draw_cluster_choice, candidates, choice)),
    )


def draw_cluster_radar(
    profile: pd.DataFrame, summary: pd.DataFrame, registry: FeatureRegistry, language: Language
) -> Any:
    """Draw each cluster as a closed line over the features in which clusters differ most.

    Args:
        profile: Grain: cluster and feature: feature, made_it, difference.
        summary: Grain: cluster: name_ru, name_en, customers, share.
        registry: What features are called.
        language: Of all texts.

    Returns:
        A plotly Figure: one ray per feature, those that made the clusters first, then the
        strongest others; one line per cluster with a dash and a sign of its own. Beyond three
        standard deviations a line is cut. Of many clusters the largest are shown at first.
    """
    import plotly.graph_objects as go

    texts = _TEXTS[language]
    if len(summary) < 2:  # noqa: PLR2004
        return empty(texts["one"], language)
    table = _difference_table(profile, summary)
    table = table.loc[_strongest(profile, table)]
    if len(table) < _FEWEST_AXES:
        return empty(texts["no_features"], language)
    labels = [_lines(label_of(name, registry, language), _AXIS_WIDTH) for name in table.index]
    reach = min(_FARTHEST, float(np.nanmax(np.abs(table.to_numpy()))))
    figure = go.Figure()
    figure.add_scatterpolar(
        r=[0.0] * (len(labels) + 1),
        theta=[*labels, labels[0]],
        mode="lines",
        line={"color": GREY, "width": 3},
        name=texts["zero"],
        hoverinfo="skip",
    )
    largest = set(summary.nlargest(_MOST_TRACES, "customers", keep="first")["cluster"])
    for place, row in enumerate(summary.to_dict("records")):
        values = table[row["cluster"]].to_numpy(float)
        _add_cluster(figure, row, values.clip(-reach, reach), labels, place, language)
        if row["cluster"] not in largest:
            figure.data[-1].visible = "legendonly"
    figure.update_layout(
        polar={
            # Between two rays, where no sign hides the numbers.
            "radialaxis": {
                "range": [-reach * 1.1, reach * 1.1],
                "angle": 90 - 180 / len(labels),
                "tickangle": 90 - 180 / len(labels),
            },
            "angularaxis": {"direction": "clockwise", "rotation": 90},
            "domain": {"x": [0.05, 0.95]},
        },
        legend={"orientation": "h", "y": -0.1, "yanchor": "top", "font": {"size": 13}},
        height=HEIGHT + 220 + _LINE_HEIGHT * len(summary),
    )
    figure = finished(figure, _radar_finding(table, registry, language, len(summary)), language)
    # Labels of rays stand outside the circle, between it and title or legend.
    figure.update_layout(margin={"t": figure.layout.margin.t + 30})
    return figure


def _add_cluster(
    figure: Any,
    row: Row,
    values: Any,
    labels: Sequence[str],
    place: int,
    language: Language,
) -> None:
    """Add the closed line of one cluster."""
    name = _TEXTS[language]["share"].format(
        name=_title_of(row, language), share=percent(row["share"], language)
    )
    colour = _COLOURS[place % len(_COLOURS)]
    figure.add_scatterpolar(
        r=[*values.tolist(), values[0]],
        theta=[*labels, labels[0]],
        mode="lines+markers",
        line={"color": colour, "dash": _DASHES[place % len(_DASHES)], "width": 2},
        marker={"color": colour, "symbol": _SYMBOLS[place % len(_SYMBOLS)], "size": 9},
        connectgaps=True,
        name=escaped(name),
        hovertemplate=escaped(name) + "<br>%{theta}: %{r:.2f}<extra></extra>",
    )


def _radar_finding(
    table: pd.DataFrame, registry: FeatureRegistry, language: Language, clusters: int
) -> str:
    texts = _TEXTS[language]
    widest = str((table.max(axis=1) - table.min(axis=1)).idxmax())
    values = table.loc[widest].to_numpy(float)
    title = texts["radar"].format(
        feature=label_of(widest, registry, language),
        low=number(float(np.nanmin(values)), language, 1),
        high=number(float(np.nanmax(values)), language, 1),
    )
    if clusters > _MOST_TRACES:
        title += texts["hidden"].format(shown=_MOST_TRACES, all=clusters)
    return title


def _difference_table(profile: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Return differences, features x clusters; features in which nothing differs left out."""
    if profile.empty:
        return pd.DataFrame(columns=summary["cluster"])
    order = list(dict.fromkeys(profile["feature"]))
    table = profile.pivot(index="feature", columns="cluster", values="difference")
    table = table.reindex(index=order, columns=summary["cluster"]).astype("float64")
    return table.dropna(how="all")


def _strongest(profile: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """Return the features to draw: what made the clusters, then the strongest others."""
    made = set(profile.loc[profile["made_it"].astype(bool), "feature"])
    size = table.abs().max(axis=1).sort_values(ascending=False, kind="stable")
    ranked = sorted(size.index, key=lambda name: name not in made)
    return ranked[:_MOST_AXES]


def _title_of(row: Row, language: Language) -> str:
    """Return id and name of a cluster."""
    return f"{row['cluster']}. {row[f'name_{language}']}"


def _lines(text: str, width: int) -> str:
    """Break a label into lines, safe to show."""
    return "<br>".join(escaped(line) for line in textwrap.wrap(text, width, break_on_hyphens=False))


def draw_cluster_heatmap(
    profile: pd.DataFrame, summary: pd.DataFrame, registry: FeatureRegistry, language: Language
) -> Any:
    """Draw the difference of every cluster from the rest in every feature, with medians.

    Args:
        profile: Grain: cluster and feature: feature, made_it, median, median_low, median_high,
            everyone_median, difference.
        summary: Grain: cluster: name_ru, name_en.
        registry: What features are called; their order is that of the rows, those that made the
            clusters on top.
        language: Of all texts.

    Returns:
        A plotly Figure: features x clusters; colour and a sign say the difference, the text is
        the median. Features in which nothing differs are left out.
    """
    import plotly.graph_objects as go

    texts = _TEXTS[language]
    if len(summary) < 2:  # noqa: PLR2004
        return empty(texts["one"], language)
    table = _difference_table(profile, summary)
    if table.empty:
        return empty(texts["no_differences"], language)
    made = set(profile.loc[profile["made_it"].astype(bool), "feature"])
    places = {name: place for place, name in enumerate(registry.names())}
    table = table.loc[sorted(table.index, key=lambda n: (n not in made, places.get(n, 0)))]
    marks = ["* " if name in made else "" for name in table.index]
    labels = [
        _lines(mark + label_of(name, registry, language), _ROW_WIDTH)
        for mark, name in zip(marks, table.index, strict=True)
    ]
    cells = _cells(profile, table, summary, registry, language)
    figure = go.Figure(
        go.Heatmap(
            z=table.to_numpy().tolist(),
            x=list(range(len(summary))),
            y=list(range(len(labels))),
            zmin=-_STRONG_COLOUR,
            zmax=_STRONG_COLOUR,
            colorscale=_SCALE,
            colorbar={"title": {"text": texts["difference"], "side": "top"}},
            text=[[text for text, _ in row] for row in cells],
            texttemplate="%{text}",
            textfont={"size": 11},
            customdata=[[detail for _, detail in row] for row in cells],
            hovertemplate="%{customdata}<extra></extra>",
            hoverongaps=False,
            xgap=2,
            ygap=2,
        )
    )
    axis, depth = _columns(summary, language)
    figure.update_layout(
        xaxis=axis,
        yaxis=_rows_from_the_top(labels),
        height=170 + _ROW_HEIGHT * len(labels) + _LINE_HEIGHT * depth,
    )
    return finished(figure, _heatmap_finding(table, summary, language), language)


def _rows_from_the_top(labels: Sequence[str]) -> dict[str, Any]:
    """Return the axis of the features, the first of them on top."""
    return {
        "tickvals": list(range(len(labels))),
        "ticktext": list(labels),
        "autorange": "reversed",
        "showgrid": False,
        "zeroline": False,
        "automargin": True,
    }


def _columns(summary: pd.DataFrame, language: Language) -> tuple[dict[str, Any], int]:
    """Return the axis of the clusters and its lines of text: many names stand below, in a list."""
    titles = [_title_of(row, language) for row in summary.to_dict("records")]
    axis: dict[str, Any] = {
        "tickvals": list(range(len(titles))),
        "tickangle": 0,
        "showgrid": False,
        "zeroline": False,
        "automargin": True,
    }
    if len(titles) <= _MOST_COLUMN_NAMES:
        width = min(_COLUMN_WIDTH, _COLUMNS_WIDTH // len(titles))
        texts = [_lines(title, width) for title in titles]
        return axis | {"ticktext": texts}, max(text.count("<br>") for text in texts) + 1
    names = "<br>".join(escaped(title) for title in titles)
    axis |= {"ticktext": [str(cluster) for cluster in summary["cluster"]]}
    return axis | {"title": {"text": names, "font": {"size": 13}}}, len(titles) + 1


def _cells(
    profile: pd.DataFrame,
    table: pd.DataFrame,
    summary: pd.DataFrame,
    registry: FeatureRegistry,
    language: Language,
) -> list[list[tuple[str, str]]]:
    """Return the text and the hover text of every cell."""
    rows = {(row["feature"], row["cluster"]): row for row in profile.to_dict("records")}
    return [
        [
            _cell(rows.get((name, cluster["cluster"]), {}), cluster, registry, language)
            for cluster in summary.to_dict("records")
        ]
        for name in table.index
    ]


def _cell(
    row: Row,
    cluster: Row,
    registry: FeatureRegistry,
    language: Language,
) -> tuple[str, str]:
    texts = _TEXTS[language]
    if pd.isna(row.get("median")):
        return texts["unknown"], texts["unknown"]
    feature, size = registry.features.get(row["feature"]), row["difference"]
    low, high = row.get("median_low"), row.get("median_high")
    interval = ""
    if not (pd.isna(low) or pd.isna(high)):
        ends = (value_text(float(end), feature, language) for end in (low, high))
        interval = f" ({' … '.join(ends)})"
    own = value_text(row["median"], feature, language)
    sign = "" if pd.isna(size) or abs(size) < NOTABLE else "▲ " if size > 0 else "▼ "
    detail = texts["cell"].format(
        feature=escaped(label_of(row["feature"], registry, language)),
        name=escaped(_title_of(cluster, language)),
        own=own,
        interval=interval,
        all=value_text(row["everyone_median"], feature, language),
        size="—" if pd.isna(size) else number(size, language, 2),
    )
    return sign + own, detail


def _heatmap_finding(table: pd.DataFrame, summary: pd.DataFrame, language: Language) -> str:
    texts = _TEXTS[language]
    notable = (table.abs() >= _STRONGLY).sum()
    first = int(notable.to_numpy().argmax())
    row = summary.iloc[first]
    title = texts["heatmap"].format(
        name=row[f"name_{language}"],
        count=int(notable.iloc[first]),
        all=len(table),
        limit=number(_STRONGLY, language, 1),
    )
    return title + texts["text"]


def draw_cluster_choice(
    candidates: pd.DataFrame, choice: Mapping[str, Any], language: Language
) -> Any:
    """Draw the stability of every candidate over its silhouette, with the limits.

    Args:
        candidates: Grain: method and number of clusters: method, number, silhouette, stability,
            stability_low, stability_high, smallest_share, passes, chosen.
        choice: limits (stability, silhouette), and the reason (ru, en), which is the figure where
            there was nothing to choose.
        language: Of all texts.

    Returns:
        A plotly Figure: a sign and a number of clusters per candidate; full where it passes all
        limits, hollow where not; a ring around what was chosen.
    """
    import plotly.graph_objects as go

    texts = _TEXTS[language]
    wanted = ["silhouette", "stability"]
    known = candidates.dropna(subset=wanted) if len(candidates) else candidates
    if known.empty:
        reason = choice.get("reason") or {}
        return empty(reason.get(language, texts["no_candidates"]).rstrip("."), language)
    figure = go.Figure()
    for method, part in known.groupby("method", sort=False):
        _add_method(figure, str(method), part, language)
    chosen = known[known["chosen"].astype(bool)]
    if len(chosen):
        figure.add_scatter(
            x=chosen["silhouette"].tolist(),
            y=chosen["stability"].tolist(),
            mode="markers",
            marker={"symbol": "circle-open", "size": 30, "color": RED, "line": {"width": 3}},
            name=texts["chosen"],
            hoverinfo="skip",
        )
    _add_limits(figure, choice.get("limits") or {}, language)
    figure.update_layout(
        xaxis={"title": {"text": texts["silhouette"]}, "tickformat": ".2f"},
        yaxis={"title": {"text": texts["stability"]}, "tickformat": ".2f"},
        legend={"orientation": "h", "y": -0.2, "yanchor": "top"},
        height=HEIGHT + 80,
    )
    return finished(figure, _choice_finding(candidates, chosen, language), language)


def _add_method(figure: Any, method: str, part: pd.DataFrame, language: Language) -> None:
    """Add the candidates of one method, those that fail hollow."""
    texts, (colour, symbol) = _TEXTS[language], _METHOD_MARKS.get(method, (GREY, "circle"))
    for passes in (True, False):
        own = part[part["passes"].astype(bool) == passes]
        if own.empty:
            continue
        word = texts["passes" if passes else "fails"]
        value = own["stability"].to_numpy(float)
        low, high = (
            own[name].to_numpy(float) if name in own else np.full(len(own), np.nan)
            for name in ("stability_low", "stability_high")
        )
        figure.add_scatter(
            x=own["silhouette"].tolist(),
            y=value.tolist(),
            error_y={
                "type": "data",
                "symmetric": False,
                "array": np.nan_to_num(np.maximum(high - value, 0)).tolist(),
                "arrayminus": np.nan_to_num(np.maximum(value - low, 0)).tolist(),
                "thickness": 1,
                "width": 3,
                "color": colour,
            },
            mode="markers+text",
            marker={
                "color": colour,
                "symbol": symbol if passes else f"{symbol}-open",
                "size": 11,
                "line": {"width": 2, "color": colour},
            },
            text=[f"\u00a0\u00a0{int(each)}" for each in own["number"]],
            textposition="middle right",
            textfont={"size": 14},
            name=f"{_method(method, language)}: {word}",
            customdata=[_detail(row, language) for row in own.to_dict("records")],
            hovertemplate="%{customdata}<extra></extra>",
        )


def _add_limits(figure: Any, limits: Mapping[str, float], language: Language) -> None:
    """Draw what a candidate must reach."""
    line = {"color": GREY, "dash": "dash"}
    for name, add, position in (
        ("silhouette", figure.add_vline, "bottom right"),
        ("stability", figure.add_hline, "bottom left"),
    ):
        value = limits.get(name)
        if value is not None:
            text = _TEXTS[language]["least"].format(value=number(value, language, 2))
            add(value, line=line, annotation_text=text, annotation_position=position)


def _method(name: str, language: Language) -> str:
    known = _METHODS.get(name)
    return escaped(name) if known is None else known[language]


def _detail(row: Row, language: Language) -> str:
    return _TEXTS[language]["candidate"].format(
        method=_method(row["method"], language),
        number=int(row["number"]),
        silhouette=number(row["silhouette"], language, 2),
        stability=number(row["stability"], language, 2),
        interval=_interval(row, language),
        share=percent(row["smallest_share"], language),
    )


def _interval(row: Row, language: Language) -> str:
    low, high = row.get("stability_low"), row.get("stability_high")
    if low is None or high is None or pd.isna(low) or pd.isna(high):
        return ""
    return f" ({span(float(low), float(high), 2, language)})"


def _choice_finding(candidates: pd.DataFrame, chosen: pd.DataFrame, language: Language) -> str:
    texts = _TEXTS[language]
    title = texts["not_chosen"]
    if len(chosen):
        row = chosen.iloc[0].to_dict()
        title = texts["choice"].format(
            method=_method(row["method"], language),
            number=int(row["number"]),
            stability=number(row["stability"], language, 2),
            interval=_interval(row, language),
            silhouette=number(row["silhouette"], language, 2),
        )
    passed = candidates[candidates["passes"].astype(bool)]
    if passed.empty:
        return title + texts["none_passed"].format(all=len(candidates))
    numbers = ", ".join(str(each) for each in sorted({int(each) for each in passed["number"]}))
    return title + texts["passed"].format(count=len(passed), all=len(candidates), numbers=numbers)

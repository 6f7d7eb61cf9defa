"""Figures of the decline model: each says its finding in the title, in Russian or English.

Tables and dictionaries come as the stage writes them, from memory or from a file. Where there is
nothing to draw, or the shop has no model, the figure is its title: the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from personal_offers.features import FeatureRegistry, Language
from personal_offers.figure_style import (
    BLUE,
    GREY,
    HEIGHT,
    RED,
    cut,
    decimals_of,
    empty,
    escaped,
    finished,
    number,
    percent,
    plain,
    significant,
    span,
)
from personal_offers.pipelines.modelling.words import BASELINE_NAMES, model_title

_TEXTS = {
    "ru": {
        "no_risk": "Показывать нечего: нет клиентов, у которых известны и метка, и риск",
        "no_curve": "Показывать нечего: нет клиентов с меткой, риском и прибылью",
        "no_candidates": "Показывать нечего: модели не сравнивались",
        "no_drivers": "Показывать нечего: признаки модели не оценивались",
        "expected": "Ожидаемый риск (среднее в группе)",
        "happened": "Доля снизивших активность",
        "agreement": "Полное совпадение",
        "groups": "Группы клиентов по риску, интервал {confidence}",
        "group": "клиентов: {customers}, снизили активность: {declined}",
        "fits": "Риск совпадает с тем, что произошло",
        "timid": "Риск слишком осторожный: крайние значения недостаточно крайние",
        "bold": "Риск слишком уверенный: крайние значения слишком крайние",
        "no_slope": "Риск рядом с тем, что произошло",
        "high": "Риск завышен: ожидалось {expected}, снизили активность {happened}",
        "low": "Риск занижен: ожидалось {expected}, снизили активность {happened}",
        "slope": " (наклон калибровки {value}; {confidence}: {interval})",
        "inside": "; ожидание лежит внутри интервала: групп {inside} из {all}",
        "contacted": "Доля клиентов, которым пишем (сначала самый высокий риск)",
        "profit": "Прибыль на клиента<br>за {months} мес.,<br>{unit}",
        "profit_short": "Базовые допущения",
        "extremes": "Крайние сочетания допущений (не статистический интервал)",
        "best": "лучший порог",
        "half": "порог 0,5",
        "from_risk": "риск от {risk}: {profit}",
        "nobody": "При базовых допущениях выгоднее не писать никому",
        "best_threshold": "При базовых допущениях выгоднее всего писать клиентам с риском "
        "от {risk} ({share} клиентов): {profit} на клиента магазина{interval}",
        "than_half": "; на {gain} больше, чем с порогом 0,5{interval}",
        "less_than_half": "; столько же, сколько с порогом 0,5",
        "amounts": "; суммы: {unit}",
        "auc": "ROC-AUC (0,5: не лучше случайного; 1: безошибочно)",
        "model": "Модель",
        "models": "Модели",
        "baselines": "Простые правила",
        "won": "Победитель",
        "wins": "{name}: различает клиентов лучше простых правил, ROC-AUC {value}{interval}",
        "no_winner": "Ни одна модель не лучше простых правил так, чтобы это отличалось от случая; "
        "{name}: ROC-AUC {value}{interval}",
        "best_baseline": "; лучшее простое правило ({name}): {value}",
        "ahead": ", разница {value}{interval}",
        "mean_abs": "Средний сдвиг риска в ту или другую сторону, процентных пунктов",
        "feature": "Признак",
        "actionable": "Магазин может повлиять",
        "fixed": "Магазин не может повлиять",
        "driver": "Оценка риска сильнее всего опирается на признак «{name}»: в среднем "
        "{value} п. п. в ту или другую сторону",
        "changeable": "; из первых {all} признаков магазин может повлиять на {count}",
    },
    "en": {
        "no_risk": "Nothing to show: no customer has both a label and a risk",
        "no_curve": "Nothing to show: no customer has a label, a risk and a profit",
        "no_candidates": "Nothing to show: no models were compared",
        "no_drivers": "Nothing to show: the features of the model were not weighed",
        "expected": "Expected risk (mean of the group)",
        "happened": "Share that declined",
        "agreement": "Full agreement",
        "groups": "Groups of customers by risk, {confidence} interval",
        "group": "customers: {customers}, declined: {declined}",
        "fits": "The risk agrees with what happened",
        "timid": "The risk is too timid: its extremes are not extreme enough",
        "bold": "The risk is too sure of itself: its extremes are too extreme",
        "no_slope": "The risk beside what happened",
        "high": "The risk is too high: {expected} expected, {happened} declined",
        "low": "The risk is too low: {expected} expected, {happened} declined",
        "slope": " (calibration slope {value}; {confidence}: {interval})",
        "inside": "; in {inside} of {all} groups the expectation lies within the interval",
        "contacted": "Share of customers contacted (highest risk first)",
        "profit": "Profit per customer<br>over {months} months,<br>{unit}",
        "profit_short": "Base assumptions",
        "extremes": "Extreme combinations of the assumptions (not an interval of chance)",
        "best": "best threshold",
        "half": "threshold 0.5",
        "from_risk": "risk from {risk}: {profit}",
        "nobody": "Under the base assumptions it pays most to contact nobody",
        "best_threshold": "Under the base assumptions it pays most to contact customers from risk "
        "{risk} on ({share} of customers): {profit} per customer of the shop{interval}",
        "than_half": "; {gain} more than from risk 0.5 on{interval}",
        "less_than_half": "; no more than from risk 0.5 on",
        "amounts": "; amounts: {unit}",
        "auc": "ROC-AUC (0.5: no better than chance; 1: without error)",
        "model": "Model",
        "models": "Models",
        "baselines": "Simple rules",
        "won": "Winner",
        "wins": "{name}: tells customers apart better than simple rules, ROC-AUC {value}{interval}",
        "no_winner": "No model beats the simple rules by more than chance; "
        "{name}: ROC-AUC {value}{interval}",
        "best_baseline": "; best simple rule ({name}): {value}",
        "ahead": ", difference {value}{interval}",
        "mean_abs": "Mean shift of the risk, either way, percentage points",
        "feature": "Feature",
        "actionable": "The shop can influence it",
        "fixed": "The shop cannot influence it",
        "driver": "The risk score leans most on “{name}”: {value} percentage points either way "
        "on average",
        "changeable": "; of the first {all} features the shop can influence {count}",
    },
}
# Points of a profit curve beyond which nobody sees a difference and files only grow.
_MOST_POINTS = 400
_MOST_DRIVERS = 12
_LONGEST_NAME = 60
_CONFIDENCE = 0.95
_GAIN_DIGITS = 2
_ROW_HEIGHT = 30
_LEGEND_HEIGHT = 80  # of long names, which stand under each other
_SHARES = {"tickformat": ",.0%", "rangemode": "tozero"}


def draw_reliability(
    reliability: pd.DataFrame, metrics: Mapping[str, Any], language: Language
) -> Any:
    """Draw the share that declined over the expected risk, by groups of customers.

    Args:
        reliability: Grain: group of customers (see ``decision.reliability_table``).
        metrics: Holds the calibration slope of the same risk (``averaged_over_repeats``, or
            ``metrics`` where a shop has no repeats), or ``withheld``.
        language: Of all texts.

    Returns:
        A plotly Figure: one dot with its interval per group, beside the line of full agreement.
    """
    import plotly.graph_objects as go

    if metrics.get("withheld"):
        return empty(metrics["withheld"][language], language)
    texts = _TEXTS[language]
    if reliability.empty:
        return empty(texts["no_risk"], language)
    expected, happened, low, high = (
        reliability[name].to_numpy(float)
        for name in ("mean_risk", "declined_share", "declined_share_low", "declined_share_high")
    )
    details = [
        texts["group"].format(customers=number(all_, language), declined=number(part, language))
        for all_, part in zip(reliability["customers"], reliability["declined"], strict=True)
    ]
    figure = go.Figure()
    line = {"color": GREY, "dash": "dash"}
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=line, name=texts["agreement"])
    figure.add_scatter(
        x=expected.tolist(),
        y=happened.tolist(),
        error_y=_errors(happened, low, high),
        mode="markers",
        marker={"color": BLUE, "size": 9},
        name=texts["groups"].format(confidence=percent(_confidence(metrics), language)),
        customdata=details,
        hovertemplate="%{x:.1%} → %{y:.1%}, %{customdata}<extra></extra>",
    )
    figure.update_layout(
        xaxis={"title": {"text": texts["expected"]}, **_SHARES},
        yaxis={"title": {"text": texts["happened"]}, **_SHARES},
        legend={"orientation": "h", "y": -0.25},
        height=HEIGHT,
    )
    inside = int(((low <= expected) & (expected <= high)).sum())
    title = _reliability_finding(reliability, metrics, language) + texts["inside"].format(
        inside=inside, all=len(expected)
    )
    return finished(figure, title, language)


def _reliability_finding(
    reliability: pd.DataFrame, metrics: Mapping[str, Any], language: Language
) -> str:
    """Say whether the level of the risk is off, or else whether its slope is.

    The level comes first: with too high a risk for everybody, a slope of one agrees with nothing.
    """
    customers = float(reliability["customers"].sum())
    expected = float((reliability["mean_risk"] * reliability["customers"]).sum()) / customers
    happened = float(reliability["declined"].sum()) / customers
    reach = NormalDist().inv_cdf((1 + _confidence(metrics)) / 2)
    if abs(expected - happened) <= reach * math.sqrt(expected * (1 - expected) / customers):
        return _slope_finding(metrics, language)
    word = "high" if expected > happened else "low"
    shares = {"expected": percent(expected, language), "happened": percent(happened, language)}
    return _TEXTS[language][word].format(**shares) + _slope(metrics, language)


def _slope_finding(metrics: Mapping[str, Any], language: Language) -> str:
    """Say whether the slope of calibration differs from one."""
    texts, slope = _TEXTS[language], _measured_slope(metrics)
    if not slope:
        return texts["no_slope"]
    word = "timid" if slope["low"] > 1 else "bold" if slope["high"] < 1 else "fits"
    return texts[word] + _slope(metrics, language)


def _slope(metrics: Mapping[str, Any], language: Language) -> str:
    slope = _measured_slope(metrics)
    if not slope:
        return ""
    return _TEXTS[language]["slope"].format(
        value=number(slope["value"], language, 2),
        confidence=percent(_confidence(metrics), language),
        interval=span(slope["low"], slope["high"], 2, language),
    )


def _measured_slope(metrics: Mapping[str, Any]) -> Mapping[str, float]:
    """Return the slope of calibration with its interval; nothing where one of them is unknown."""
    measured = metrics.get("averaged_over_repeats") or metrics.get("metrics") or {}
    slope = measured.get("calibration_slope") or {}
    return slope if all(slope.get(name) is not None for name in ("value", "low", "high")) else {}


def _confidence(metrics: Mapping[str, Any]) -> float:
    """Return the coverage of the intervals."""
    return float((metrics.get("protocol") or {}).get("confidence", _CONFIDENCE))


def draw_profit_curve(
    profit_curve: pd.DataFrame, decision: Mapping[str, Any], language: Language
) -> Any:
    """Draw the expected profit over the share of customers contacted.

    Args:
        profit_curve: Grain: threshold (see ``decision.profit_curve``).
        decision: What ``decision.profit_curve`` decided, or ``withheld``.
        language: Of all texts.

    Returns:
        A plotly Figure: the base case as a line in the band of all combinations of the
        assumptions, with the best threshold and 0.5 marked.
    """
    import plotly.graph_objects as go

    if decision.get("withheld"):
        return empty(decision["withheld"][language], language)
    texts = _TEXTS[language]
    if profit_curve.empty or "best" not in decision:
        return empty(texts["no_curve"], language)
    # The ends are always among them.
    places = np.linspace(0, len(profit_curve) - 1, min(len(profit_curve), _MOST_POINTS))
    shown = profit_curve.iloc[np.unique(places.round().astype(int))]
    shares = shown["contacted_share"].tolist()
    figure = go.Figure()
    for column, more in (
        ("profit_worst_case", {"showlegend": False}),
        ("profit_best_case", {"fill": "tonexty", "fillcolor": "rgba(0,114,178,0.15)"}),
    ):
        figure.add_scatter(
            x=shares,
            y=shown[column].tolist(),
            mode="lines",
            line={"width": 0, "color": BLUE},
            name=texts["extremes"],
            hoverinfo="skip",
            **more,
        )
    figure.add_scatter(
        x=shares,
        y=shown["profit"].tolist(),
        mode="lines",
        line={"color": BLUE, "width": 3},
        name=texts["profit_short"],
        hovertemplate="%{x:.0%}: %{y:.3g}<extra></extra>",
    )
    _mark_thresholds(figure, decision, language)
    axis = texts["profit"].format(
        months=plain(decision["assumptions"]["horizon_months"]["base"], language),
        unit=escaped(decision["unit"][language]),
    )
    figure.update_layout(
        xaxis={"title": {"text": texts["contacted"]}, "tickformat": ",.0%"},
        yaxis={"title": {"text": axis}},
        legend={"orientation": "h", "y": -0.25},
        height=HEIGHT + _LEGEND_HEIGHT,
    )
    return finished(figure, _threshold_finding(decision, language), language)


def _mark_thresholds(figure: Any, decision: Mapping[str, Any], language: Language) -> None:
    """Put a sign where the best threshold and 0.5 are."""
    texts = _TEXTS[language]
    for name, word, colour, symbol in (
        ("at_half", "half", GREY, "diamond"),
        ("best", "best", RED, "star"),
    ):
        point = decision[name]
        risk = point["threshold"]
        detail = texts["from_risk"].format(
            risk="—" if risk is None else number(risk, language, 2),
            profit=significant(point["profit"], language),
        )
        figure.add_scatter(
            x=[point["contacted_share"]],
            y=[point["profit"]],
            mode="markers",
            marker={"color": colour, "size": 14, "symbol": symbol},
            name=f"{texts[word]} ({detail})",
            hovertemplate=f"{detail}<extra></extra>",
        )


def _threshold_finding(decision: Mapping[str, Any], language: Language) -> str:
    """Say whom it pays to contact, and what that is worth."""
    texts, best, gain = _TEXTS[language], decision["best"], decision["gain_over_half"]
    if best["threshold"] is None:
        return texts["nobody"]
    sure = percent(decision.get("confidence", _CONFIDENCE), language)
    title = texts["best_threshold"].format(
        risk=number(best["threshold"], language, 2),
        share=percent(best["contacted_share"], language),
        profit=significant(best["profit"], language),
        interval=_amounts(sure, best, "profit", language),
    )
    amounts = texts["amounts"].format(unit=decision["unit"][language])
    if gain["value"] <= 0:
        return title + texts["less_than_half"] + amounts
    more = texts["than_half"].format(
        gain=significant(gain["value"], language, _GAIN_DIGITS),
        interval=_amounts(sure, gain, "value", language, _GAIN_DIGITS),
    )
    return title + more + amounts


def draw_candidates(
    candidates: pd.DataFrame, language: Language, metrics: Mapping[str, Any] | None = None
) -> Any:
    """Draw the ROC-AUC of every model with its interval, and the simple rules below them.

    Args:
        candidates: Grain: model: model, kind (``baseline`` for a simple rule; without the column,
            names tell), roc_auc, roc_auc_low, roc_auc_high, difference (from the best simple
            rule, on the same customers; likewise ``_low``, ``_high``), winner. The winner beats
            the rules when ``difference_low`` is above zero.
        language: Of all texts.
        metrics: Where it says ``withheld``, the figure is that reason.

    Returns:
        A plotly Figure: dots and intervals, best on top; the winner has a star.
    """
    import plotly.graph_objects as go

    if metrics is not None and metrics.get("withheld"):
        return empty(metrics["withheld"][language], language)
    texts = _TEXTS[language]
    known = candidates.dropna(subset=["roc_auc"]) if len(candidates) else candidates
    if known.empty:
        return empty(texts["no_candidates"], language)
    simple = are_baselines(known)
    won = known["winner"].eq(True) & ~simple
    ranked = known.assign(simple=simple, won=won).sort_values(
        ["simple", "roc_auc"], ascending=[True, False], kind="stable", ignore_index=True
    )
    # One empty line between the models and the simple rules.
    gap = 0 if ranked["simple"].all() else 1
    ranked["place"] = np.arange(len(ranked)) + gap * ranked["simple"].astype(int)
    figure = go.Figure()
    for name, part, colour, symbol in (
        ("won", ranked[ranked["won"]], RED, "star"),
        ("models", ranked[~ranked["won"] & ~ranked["simple"]], BLUE, "circle"),
        ("baselines", ranked[ranked["simple"]], GREY, "diamond"),
    ):
        if len(part):
            values, low, high = _measured(part, "roc_auc")
            figure.add_scatter(
                x=values.tolist(),
                y=part["place"].tolist(),
                error_x=_errors(values, low, high),
                mode="markers",
                marker={"color": colour, "size": 13 if symbol == "star" else 9, "symbol": symbol},
                name=texts[name],
                customdata=[escaped(model_title(each, language)) for each in part["model"]],
                hovertemplate="%{customdata}: %{x:.3f}<extra></extra>",
            )
    labels = [escaped(cut(model_title(name, language), _LONGEST_NAME)) for name in ranked["model"]]
    figure.update_layout(
        xaxis={"title": {"text": texts["auc"]}, "tickformat": ".2f"},
        yaxis=_rows(texts["model"], ranked["place"].tolist(), labels),
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        height=200 + _ROW_HEIGHT * len(ranked),
    )
    return finished(figure, _candidate_finding(ranked, language), language)


def _candidate_finding(ranked: pd.DataFrame, language: Language) -> str:
    """Name the winner (the best model where none is named) beside the best simple rule."""
    texts, models = _TEXTS[language], ranked[~ranked["simple"]]
    winners, rules = ranked[ranked["won"]], ranked[ranked["simple"]]
    if models.empty:
        return texts["no_candidates"]
    row = winners.iloc[0] if len(winners) else models.iloc[0]
    gap = row.get("difference_low")
    beats = len(winners) > 0 and (pd.isna(gap) or gap > 0)
    title = texts["wins" if beats else "no_winner"].format(
        name=model_title(row["model"], language),
        value=number(row["roc_auc"], language, 3),
        interval=_interval(row, "roc_auc", language),
    )
    title = title[0].upper() + title[1:]
    if len(rules):
        title += texts["best_baseline"].format(
            name=model_title(rules.iloc[0]["model"], language),
            value=number(rules.iloc[0]["roc_auc"], language, 3),
        )
    if not pd.isna(row.get("difference")):
        title += texts["ahead"].format(
            value=number(row["difference"], language, 3),
            interval=_interval(row, "difference", language),
        )
    return title


def are_baselines(candidates: pd.DataFrame) -> pd.Series:
    """Tell the simple rules among the candidates.

    Args:
        candidates: Grain: model.

    Returns:
        One bool per row: by the column ``kind`` where there is one, else by the name.
    """
    if "kind" in candidates:
        return candidates["kind"] == "baseline"
    return candidates["model"].isin(BASELINE_NAMES)


def draw_drivers(
    drivers: pd.DataFrame,
    registry: FeatureRegistry,
    language: Language,
    metrics: Mapping[str, Any] | None = None,
) -> Any:
    """Draw how far each feature shifts the risk on average.

    Args:
        drivers: Grain: feature: feature, actionable, mean_abs (of its contributions to the risk,
            in probability), rank.
        registry: What the features are called.
        language: Of all texts.
        metrics: Where it says ``withheld``, the figure is that reason.

    Returns:
        A plotly Figure: horizontal bars, the strongest on top; what the shop cannot influence is
        striped.
    """
    import plotly.graph_objects as go

    if metrics is not None and metrics.get("withheld"):
        return empty(metrics["withheld"][language], language)
    texts = _TEXTS[language]
    if drivers.empty:
        return empty(texts["no_drivers"], language)
    ranked = drivers.sort_values("rank", kind="stable", ignore_index=True).head(_MOST_DRIVERS)
    names = [feature_title(name, registry, language) for name in ranked["feature"]]
    points = ranked["mean_abs"].to_numpy(float) * 100
    can = ranked["actionable"].astype(bool).to_numpy()
    figure = go.Figure()
    for name, mask, marker in (
        ("actionable", can, {"color": BLUE}),
        ("fixed", ~can, {"color": GREY, "pattern": {"shape": "/"}}),
    ):
        places = np.flatnonzero(mask)
        if len(places):
            figure.add_bar(
                x=points[places].tolist(),
                y=places.tolist(),
                orientation="h",
                marker=marker,
                name=texts[name],
                text=[number(points[place], language, 1) for place in places],
                textposition="outside",
                cliponaxis=False,
                customdata=[escaped(names[place]) for place in places],
                hovertemplate="%{customdata}: %{x:.2f}<extra></extra>",
            )
    title = texts["driver"].format(name=names[0], value=number(points[0], language, 1))
    title += texts["changeable"].format(all=len(names), count=int(can.sum()))
    labels = [escaped(cut(name, _LONGEST_NAME)) for name in names]
    figure.update_layout(
        xaxis={"title": {"text": texts["mean_abs"]}, "rangemode": "tozero"},
        yaxis=_rows(texts["feature"], list(range(len(names))), labels),
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        height=200 + _ROW_HEIGHT * len(names),
    )
    return finished(figure, title, language)


def feature_title(name: str, registry: FeatureRegistry, language: Language) -> str:
    """Return what people call a feature; its own name where the registry does not know it."""
    feature = registry.features.get(name)
    if feature is None:
        return name
    definition: str = getattr(feature.definition, language)
    return definition


def _rows(title: str, places: Sequence[int], labels: Sequence[str]) -> dict[str, Any]:
    """Return an axis with one line per name, the first on top."""
    return {
        "title": {"text": title},
        "tickvals": list(places),
        "ticktext": list(labels),
        "autorange": "reversed",
        "automargin": True,
        "showgrid": False,
        "zeroline": False,
    }


def _measured(table: pd.DataFrame, name: str) -> tuple[Any, Any, Any]:
    values, low, high = (table[f"{name}{end}"].to_numpy(float) for end in ("", "_low", "_high"))
    return values, low, high


def _errors(values: Any, low: Any, high: Any) -> dict[str, Any]:
    """Return the bars of an interval that need not be symmetric; unknown ends have none."""
    return {
        "type": "data",
        "symmetric": False,
        "array": np.nan_to_num(np.maximum(high - values, 0)).tolist(),
        "arrayminus": np.nan_to_num(np.maximum(values - low, 0)).tolist(),
        "thickness": 1.5,
    }


def _interval(row: pd.Series, name: str, language: Language) -> str:
    """Return " (low–high)", or nothing where an end is not known."""
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    if pd.isna(low) or pd.isna(high):
        return ""
    return f" ({span(float(low), float(high), 3, language)})"


def _amounts(
    sure: str, point: Mapping[str, Any], name: str, language: Language, digits: int = 3
) -> str:
    """Return " (95%: low–high)" with the digits of the value, or nothing where an end is unknown.

    The ends are ``low`` and ``high``, with the name of the value before them, if it has any.
    """
    prefix = "" if name == "value" else f"{name}_"
    low, high = point[f"{prefix}low"], point[f"{prefix}high"]
    if low is None or high is None:
        return ""
    return f" ({sure}: {span(low, high, decimals_of(point[name], digits), language)})"

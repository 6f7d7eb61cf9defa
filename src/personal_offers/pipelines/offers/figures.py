"""Figures of the plan: what money buys, what the plan rests on, and what holds it back.

Each says its finding in the title, in Russian and in English. Tables come as the stage writes them,
from memory or from a file. Where there is nothing to draw, the figure is its title: the reason.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from personal_offers.features import Language
from personal_offers.figure_style import (
    BLUE,
    GREEN,
    GREY,
    HEIGHT,
    RED,
    SPACE,
    cut,
    empty,
    escaped,
    finished,
    in_both,
    number,
    percent,
    significant,
)
from personal_offers.pipelines.offers.params import OfferOptions
from personal_offers.words import OF_CUSTOMERS, counted

Row = Mapping[Hashable, Any]

_TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "no_frontier": "Показывать нечего: ни при каком бюджете нет предложения, которое окупается",
        "budget": "Бюджет, {currency}",
        "net": "Ожидаемая чистая прибыль, {currency}",
        "curve": "Лучший план при таком бюджете",
        "bound": "Доказанный предел",
        "plan": "Этот план: {net}",
        "policy": "{name}: {net}",
        "of_bound": " ({share} предела)",
        "point": "{net}<br>тратит {spend}, получают клиентов: {customers}<br>ещё {one} бюджета "
        "прибавит {next}",
        "policy_point": "{name}: {net}<br>тратит {spend}",
        "finding": "План тратит {spend} и приносит {net}",
        "finding_mean": "В среднем план тратит {spend} и приносит {net}",
        "no_plan": "Самое большее, что можно получить: {net} при затратах {spend}",
        "best_policy": "; лучшее простое правило («{name}») даёт {other}, {less}",
        "less": "на {share} меньше плана",
        "more": "на {share} больше плана",
        "same": "столько же, сколько план",
        "next": "; если добавить {one}, прибыль вырастет на {next}",
        "next_nothing": "; больше денег ничего не прибавит",
        "no_sensitivity": "Показывать нечего: допущения не проверялись",
        "low": "Низкое значение",
        "high": "Высокое значение",
        "kept": "Если план не менять",
        "base": "план: {net}",
        "again": "Чистая прибыль плана, составленного заново, {currency}",
        "bar": "{name}: {value}<br>план заново: {net}, получают клиентов: {offered}<br>"
        "план прежний: {kept}<br>предложение меняется у клиентов: {changed}",
        "widest": "Прибыль сильнее всего зависит от допущения «{name}»: от {low} до {high}, "
        "в плане {base}",
        "alike": "Ни одно допущение в названных пределах прибыль не меняет: {base}",
        "safe": "; ни одно допущение в одиночку не делает план убыточным",
        "flips": "; если план не менять, в убыток его уводят допущения: {count} из {all}",
        "hidden": ". Показаны самые важные: {shown} из {all}",
        "no_gates": "Правила никого не блокируют: написать можно каждому",
        "customers": "Заблокировано клиентов",
        "worth": "Прибыль, которую держит правило, {currency}",
        "sole": "Мешает только это",
        "also": "Мешает и что-то ещё",
        "unknown": "неизвестно",
        "gate": "{name}: клиентов {customers}, только из-за этого {sole}, прибыль {worth}",
        "most_worth": "Больше всего прибыли держит правило «{name}»: {worth} у {of_customers} "
        "без других помех",
        "most_blocked": "Больше всего клиентов держит правило «{name}»: {customers}",
    },
    "en": {
        "no_frontier": "Nothing to show: no offer pays, whatever the budget",
        "budget": "Budget, {currency}",
        "net": "Expected net profit, {currency}",
        "curve": "Best plan for such a budget",
        "bound": "Proven bound",
        "plan": "This plan: {net}",
        "policy": "{name}: {net}",
        "of_bound": " ({share} of the bound)",
        "point": "{net}<br>spends {spend}, customers who get an offer: {customers}<br>{one} more "
        "of budget adds {next}",
        "policy_point": "{name}: {net}<br>spends {spend}",
        "finding": "The plan spends {spend} and earns {net}",
        "finding_mean": "On average the plan spends {spend} and earns {net}",
        "no_plan": "The most that can be earned is {net}, for {spend}",
        "best_policy": "; the best simple rule (“{name}”) earns {other}, {less}",
        "less": "{share} less than the plan",
        "more": "{share} more than the plan",
        "same": "as much as the plan",
        "next": "; {one} more of budget would add {next}",
        "next_nothing": "; more money adds nothing",
        "no_sensitivity": "Nothing to show: the assumptions were not tried",
        "low": "Low value",
        "high": "High value",
        "kept": "If the plan is kept",
        "base": "plan: {net}",
        "again": "Net profit of the plan made again, {currency}",
        "bar": "{name}: {value}<br>plan made again: {net}, customers who get an offer: {offered}"
        "<br>plan kept: {kept}<br>customers whose offer changes: {changed}",
        "widest": "Profit depends most on the assumption “{name}”: {low} to {high}, {base} in "
        "the plan",
        "alike": "No assumption changes the profit within its range: {base}",
        "safe": "; no assumption alone makes the plan lose money",
        "flips": "; if the plan is kept, {count} of {all} assumptions alone can make it lose money",
        "hidden": ". The most important are shown: {shown} of {all}",
        "no_gates": "The rules block nobody: everybody may be contacted",
        "customers": "Customers blocked",
        "worth": "Profit that the rule keeps back, {currency}",
        "sole": "Nothing else blocks them",
        "also": "Something else blocks them too",
        "unknown": "unknown",
        "gate": "{name}: {customers} customers, {sole} by this alone, profit {worth}",
        "most_worth": "The rule “{name}” keeps back most profit: {worth} from {of_customers} "
        "with no other obstacle",
        "most_blocked": "The rule “{name}” stops most customers: {customers}",
    },
}
_BASE, _TOGETHER, _PLAN = "base", "everything", "plan"
_SYMBOLS = ("diamond", "square", "triangle-up", "x", "cross", "pentagon")
_MOST_ROWS = 12
_ROW_HEIGHT = 44
_LONGEST_NAME = 60
_WHOLE_FROM = 100
_ONE_LINE = {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 1, "xanchor": "right"}


def draw_frontier(
    frontier: pd.DataFrame, policies: pd.DataFrame, options: OfferOptions
) -> dict[Language, Any]:
    """Draw what each budget earns, with the plan and the simple rules beside it.

    Args:
        frontier: Grain: budget, in any order: budget (currency units; null where there is no
            limit, drawn at what is spent), spend, expected_net, bound, customers,
            next_unit_returns, is_plan.
        policies: Grain: rule: policy, name_ru, name_en, expected_net, spend, share_of_bound; the
            plan itself (``plan``) is drawn from the frontier.
        options: Currency.

    Returns:
        A plotly Figure by language: the best plans as a line, their proven bound as a broken one,
        the chosen budget as a star, each rule as a sign of its own at what it spends.
    """
    return in_both(partial(_frontier, frontier, policies, options))


def _frontier(
    frontier: pd.DataFrame, policies: pd.DataFrame, options: OfferOptions, language: Language
) -> Any:
    """Draw the frontier in one language."""
    import plotly.graph_objects as go

    texts = _TEXTS[language]
    if frontier.empty or not (frontier["expected_net"] > 0).any():
        return empty(texts["no_frontier"], language)
    budget = frontier["budget"].fillna(frontier["spend"])
    points = frontier.assign(budget=budget).sort_values(
        ["budget", "spend"], kind="stable", ignore_index=True
    )
    figure = go.Figure()
    figure.add_scatter(
        x=points["budget"].tolist(),
        y=points["bound"].tolist(),
        mode="lines",
        line={"color": GREY, "dash": "dash", "width": 4},
        name=texts["bound"],
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=points["budget"].tolist(),
        y=points["expected_net"].tolist(),
        mode="lines+markers",
        line={"color": BLUE, "width": 3},
        marker={"size": 6},
        name=texts["curve"],
        customdata=[_point(row, options, language) for row in points.to_dict("records")],
        hovertemplate="%{customdata}<extra></extra>",
    )
    simple = policies[policies["policy"] != _PLAN]
    _add_policies(figure, simple, options, language)
    plan = points[points["is_plan"].eq(True)]
    _add_plan(figure, plan, options, language)
    _money_axes(figure, options, language, xaxis="budget", yaxis="net")
    figure.update_layout(legend={"orientation": "h", "y": -0.2, "yanchor": "top"}, height=HEIGHT)
    return finished(figure, _frontier_finding(points, plan, simple, options, language), language)


def _money(value: float, options: OfferOptions, language: Language) -> str:
    """Write an amount with its currency, and with the digits that count."""
    whole = abs(value) >= _WHOLE_FROM or value == round(value)
    text = number(value, language) if whole else significant(value, language)
    return f"{text}{SPACE}{getattr(options.currency, language)}"


def _money_axes(figure: Any, options: OfferOptions, language: Language, **axes: str) -> None:
    """Give axes of money their title and their digits."""
    currency = escaped(getattr(options.currency, language))
    for axis, title in axes.items():
        text = _TEXTS[language][title].format(currency=currency)
        layout = {axis: {"title": {"text": text}, "tickformat": ",", "automargin": True}}
        figure.update_layout(layout)


def _point(row: Row, options: OfferOptions, language: Language) -> str:
    """Return what stands at a point of the frontier."""
    more = row["next_unit_returns"]
    return _TEXTS[language]["point"].format(
        net=escaped(_money(row["expected_net"], options, language)),
        spend=escaped(_money(row["spend"], options, language)),
        customers=number(row["customers"], language),
        one=escaped(_money(1, options, language)),
        next="—" if pd.isna(more) else escaped(_money(more, options, language)),
    )


def _add_policies(
    figure: Any, policies: pd.DataFrame, options: OfferOptions, language: Language
) -> None:
    """Add each simple rule as a point."""
    texts = _TEXTS[language]
    for place, row in enumerate(policies.to_dict("records")):
        name = escaped(cut(row[f"name_{language}"], _LONGEST_NAME))
        net = escaped(_money(row["expected_net"], options, language))
        label = texts["policy"].format(name=name, net=net)
        if not pd.isna(row["share_of_bound"]):
            share = percent(row["share_of_bound"], language)
            label += texts["of_bound"].format(share=share)
        spend = escaped(_money(row["spend"], options, language))
        hover = texts["policy_point"].format(name=name, net=net, spend=spend)
        figure.add_scatter(
            x=[row["spend"]],
            y=[row["expected_net"]],
            mode="markers",
            marker={
                "color": GREEN,
                "size": 11,
                "symbol": _SYMBOLS[place % len(_SYMBOLS)] + "-open",
                "line": {"width": 2},
            },
            name=label,
            customdata=[hover],
            hovertemplate="%{customdata}<extra></extra>",
        )


def _add_plan(figure: Any, plan: pd.DataFrame, options: OfferOptions, language: Language) -> None:
    """Add the chosen budget as a star."""
    if plan.empty:
        return
    row = plan.iloc[0]
    net = escaped(_money(row["expected_net"], options, language))
    figure.add_scatter(
        x=[row["budget"]],
        y=[row["expected_net"]],
        mode="markers",
        marker={"color": RED, "size": 16, "symbol": "star"},
        name=_TEXTS[language]["plan"].format(net=net),
        hoverinfo="skip",
    )


def _frontier_finding(
    points: pd.DataFrame,
    plan: pd.DataFrame,
    policies: pd.DataFrame,
    options: OfferOptions,
    language: Language,
) -> str:
    """Say what the plan earns beside the best simple rule, and what more money would do."""
    texts = _TEXTS[language]
    row = plan.iloc[0] if len(plan) else points.nlargest(1, "expected_net").iloc[0]
    net = float(row["expected_net"])
    # Who is in the control group is drawn by lot: the frontier is a mean over all draws.
    found = "finding_mean" if options.control.share else "finding"
    title = texts[found if len(plan) else "no_plan"].format(
        spend=_money(row["spend"], options, language), net=_money(net, options, language)
    )
    if plan.empty:
        return title
    if len(policies) and net > 0:
        best = policies.nlargest(1, "expected_net").iloc[0]
        gap = 1 - float(best["expected_net"]) / net
        word = "same" if round(gap, 3) == 0 else "less" if gap > 0 else "more"
        title += texts["best_policy"].format(
            name=best[f"name_{language}"],
            other=_money(float(best["expected_net"]), options, language),
            less=texts[word].format(share=percent(abs(gap), language)),
        )
    more = row["next_unit_returns"]
    if pd.isna(more):
        return title
    if more <= 0:
        return title + texts["next_nothing"]
    return title + texts["next"].format(
        one=_money(1, options, language), next=_money(more, options, language)
    )


def draw_tornado(sensitivity: pd.DataFrame, options: OfferOptions) -> dict[Language, Any]:
    """Draw how the profit moves with each assumption alone.

    Args:
        sensitivity: Grain: assumption and level: assumption, name_ru, name_en, level (``low`` or
            ``high``), value_text_ru, value_text_en, expected_net (of the plan made again),
            expected_net_kept (of the plan as it is), offered, changed (customers whose offer
            changes); one row has the assumption ``base``, and ``everything`` moves all at once.
        options: Currency.

    Returns:
        A plotly Figure by language: bars from the base to what the plan made again earns, the
        widest on top, low values striped; a sign shows what the plan earns if nobody changes it.
    """
    return in_both(partial(_tornado, sensitivity, options))


def _tornado(sensitivity: pd.DataFrame, options: OfferOptions, language: Language) -> Any:
    """Draw the assumptions in one language."""
    import plotly.graph_objects as go

    texts = _TEXTS[language]
    base_rows = sensitivity[sensitivity["assumption"] == _BASE]
    moved = sensitivity[sensitivity["assumption"] != _BASE]
    if base_rows.empty or moved.empty:
        return empty(texts["no_sensitivity"], language)
    base = float(base_rows["expected_net"].iloc[0])
    widths = _widths(moved, base)
    shown = widths.index[:_MOST_ROWS].tolist()
    rows = moved[moved["assumption"].isin(shown)].astype({f"value_text_{language}": "str"})
    rows = rows.assign(place=rows["assumption"].map({name: n for n, name in enumerate(shown)}))
    figure = go.Figure()
    for level, marker in (
        ("low", {"color": RED, "pattern": {"shape": "/"}}),
        ("high", {"color": BLUE}),
    ):
        _add_bars(
            figure, rows[rows["level"] == level], base, marker, texts[level], options, language
        )
    _add_kept(figure, rows, language)
    net = escaped(texts["base"].format(net=_money(base, options, language)))
    line = {"color": "#000000", "width": 1}
    figure.add_vline(x=base, line=line, annotation_text=net, annotation_position="bottom right")
    _money_axes(figure, options, language, xaxis="again")
    figure.update_layout(
        yaxis=_rows_axis(_assumption_labels(rows, language)),
        barmode="overlay",
        legend=_ONE_LINE,
        height=220 + _ROW_HEIGHT * len(shown),
    )
    alone = moved[moved["assumption"] != _TOGETHER]
    title = _tornado_finding(alone, _widths(alone, base), base, options, language)
    return finished(figure, title, language)


def _assumption_labels(rows: pd.DataFrame, language: Language) -> list[str]:
    """Return each assumption with its values, low to high, in the order of the rows."""
    ordered = rows.sort_values(["place", "level"], ascending=[True, False], kind="stable")
    names = ordered.groupby("place")[f"name_{language}"].first()
    values = ordered.groupby("place")[f"value_text_{language}"].agg(f"{SPACE}…{SPACE}".join)
    return [
        f"{escaped(cut(name, _LONGEST_NAME))}<br>{escaped(cut(value, _LONGEST_NAME))}"
        for name, value in zip(names, values, strict=True)
    ]


def _widths(moved: pd.DataFrame, base: float) -> pd.Series:
    """Return the distance between the ends of each assumption, the widest first."""
    nets = moved.groupby("assumption", sort=False)["expected_net"]
    width = nets.max().clip(lower=base) - nets.min().clip(upper=base)
    return width.sort_values(ascending=False, kind="stable")


def _add_bars(
    figure: Any,
    rows: pd.DataFrame,
    base: float,
    marker: dict[str, Any],
    name: str,
    options: OfferOptions,
    language: Language,
) -> None:
    """Add the bars of one level, from the base to what the plan made again earns."""
    texts = _TEXTS[language]
    details = [
        texts["bar"].format(
            name=escaped(row[f"name_{language}"]),
            value=escaped(row[f"value_text_{language}"]),
            net=escaped(_money(row["expected_net"], options, language)),
            kept=escaped(_money(row["expected_net_kept"], options, language)),
            offered=number(row["offered"], language),
            changed=number(row["changed"], language),
        )
        for row in rows.to_dict("records")
    ]
    figure.add_bar(
        x=(rows["expected_net"] - base).tolist(),
        base=base,
        y=rows["place"].tolist(),
        orientation="h",
        width=0.6,
        marker=marker,
        name=name,
        customdata=details,
        hovertemplate="%{customdata}<extra></extra>",
    )


def _add_kept(figure: Any, rows: pd.DataFrame, language: Language) -> None:
    """Add a sign for what the plan earns if nobody changes it."""
    figure.add_scatter(
        x=rows["expected_net_kept"].tolist(),
        y=rows["place"].tolist(),
        mode="markers",
        marker={"symbol": "diamond-open", "color": "#000000", "size": 9, "line": {"width": 2}},
        name=_TEXTS[language]["kept"],
        hoverinfo="skip",
    )


def _tornado_finding(
    moved: pd.DataFrame, widths: pd.Series, base: float, options: OfferOptions, language: Language
) -> str:
    """Name the strongest assumption, and say how many alone turn the plan into a loss."""
    texts = _TEXTS[language]
    if widths.empty or widths.iloc[0] <= 0:
        title = texts["alike"].format(base=_money(base, options, language))
    else:
        rows = moved[moved["assumption"] == widths.index[0]]
        title = texts["widest"].format(
            name=rows[f"name_{language}"].iloc[0],
            low=_money(float(rows["expected_net"].min()), options, language),
            high=_money(float(rows["expected_net"].max()), options, language),
            base=_money(base, options, language),
        )
    losing = moved.loc[moved["expected_net_kept"] < 0, "assumption"].nunique()
    title += texts["flips" if losing else "safe"].format(count=losing, all=len(widths))
    if len(widths) > _MOST_ROWS:
        title += texts["hidden"].format(shown=_MOST_ROWS, all=len(widths))
    return title


def draw_gates(gates: pd.DataFrame, options: OfferOptions) -> dict[Language, Any]:
    """Draw how many customers each gate blocks, and the profit that it blocks.

    Args:
        gates: Grain: gate, in order: name_ru, name_en, customers, sole (of whom nothing else
            blocks), worth (profit in currency units; null where it is not known).
        options: Currency.

    Returns:
        A plotly Figure by language: two rows of bars side by side, customers and profit;
        customers whom something else blocks too are striped.
    """
    return in_both(partial(_gates, gates, options))


def _gates(gates: pd.DataFrame, options: OfferOptions, language: Language) -> Any:
    """Draw the gates in one language."""
    from plotly.subplots import make_subplots

    texts = _TEXTS[language]
    if gates.empty or not gates["customers"].any():
        return empty(texts["no_gates"], language)
    places = list(range(len(gates)))
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.06)
    details = [_gate(row, options, language) for row in gates.to_dict("records")]
    shared = {"y": places, "orientation": "h", "cliponaxis": False}
    hover = {"customdata": details, "hovertemplate": "%{customdata}<extra></extra>"}
    also = gates["customers"] - gates["sole"]
    for values, name, marker in (
        (gates["sole"], "sole", {"color": BLUE}),
        (also, "also", {"color": GREY, "pattern": {"shape": "/"}}),
    ):
        figure.add_bar(
            x=values.tolist(), marker=marker, name=texts[name], row=1, col=1, **shared, **hover
        )
    figure.data[-1].update(
        text=[number(count, language) for count in gates["customers"]], textposition="outside"
    )
    worth = gates["worth"].astype("float64")
    figure.add_bar(
        x=worth.fillna(0).tolist(),
        marker={"color": GREEN},
        text=[escaped(_worth(value, options, language)) for value in worth],
        textposition="outside",
        showlegend=False,
        row=1,
        col=2,
        **shared,
        **hover,
    )
    _money_axes(figure, options, language, xaxis2="worth")
    _gate_axes(figure, gates, language)
    return finished(figure, _gate_finding(gates, options, language), language)


def _gate_axes(figure: Any, gates: pd.DataFrame, language: Language) -> None:
    """Lay out the two rows of bars, with room for the text at their ends."""
    most = float(gates["customers"].max())
    worth = gates["worth"].astype("float64").fillna(0)
    figure.update_layout(
        xaxis={
            "title": {"text": _TEXTS[language]["customers"]},
            "tickformat": ",",
            "range": [0, most * 1.2],
        },
        yaxis=_rows_axis([escaped(cut(name, _LONGEST_NAME)) for name in gates[f"name_{language}"]]),
        yaxis2={"autorange": "reversed", "showgrid": False},
        barmode="stack",
        legend={**_ONE_LINE, "traceorder": "normal"},
        height=220 + _ROW_HEIGHT * len(gates),
    )
    low, high = min(float(worth.min()), 0.0), max(float(worth.max()), 0.0)
    if high > low:
        reach = 0.3 * (high - low)
        figure.update_layout(xaxis2={"range": [low - reach * (low < 0), high + reach]})
    else:
        figure.update_layout(xaxis2={"range": [0, 1], "tickvals": [0]})


def _worth(value: float, options: OfferOptions, language: Language) -> str:
    """Write the profit that a gate blocks."""
    return _TEXTS[language]["unknown"] if pd.isna(value) else _money(value, options, language)


def _gate(row: Row, options: OfferOptions, language: Language) -> str:
    """Return what stands at the bars of a gate."""
    return _TEXTS[language]["gate"].format(
        name=escaped(row[f"name_{language}"]),
        customers=number(row["customers"], language),
        sole=number(row["sole"], language),
        worth=escaped(_worth(row["worth"], options, language)),
    )


def _gate_finding(gates: pd.DataFrame, options: OfferOptions, language: Language) -> str:
    """Name the gate that blocks most profit, or most customers where no profit is known."""
    table = gates.astype({"worth": "float64"})
    known = bool((table["worth"] > 0).any())
    row = table.nlargest(1, "worth" if known else "customers").iloc[0]
    return _TEXTS[language]["most_worth" if known else "most_blocked"].format(
        name=row[f"name_{language}"],
        worth=_worth(row["worth"], options, language),
        customers=number(row["customers"], language),
        of_customers=counted(int(row["sole"]), OF_CUSTOMERS, language),
    )


def _rows_axis(labels: Sequence[str]) -> dict[str, Any]:
    """Return an axis with one line per label (safe to show), the first on top."""
    return {
        "tickvals": list(range(len(labels))),
        "ticktext": list(labels),
        "ticklabelstandoff": 6,
        "autorange": "reversed",
        "automargin": True,
        "showgrid": False,
        "zeroline": False,
    }

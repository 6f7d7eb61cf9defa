"""Figures of the chapter ``rfm``: the grid of codes, the backtest, who moved where.

Each says its finding in the title, in Russian or English. Where there is nothing to draw, the
figure is its title: the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from personal_offers.currencies import money as amount
from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import (
    BLUE,
    RED,
    SPACE,
    cut,
    empty,
    escaped,
    finished,
    number,
    percent,
)
from personal_offers.pipelines.reporting.blocks import both
from personal_offers.words import CUSTOMERS, DAYS, ORDERS, Forms, counted

Row = Mapping[str, Any]

_TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "no_codes": "Показывать нечего: ни у одного клиента нет кода RFM",
        "recency": "Давность (R) {score}: {bounds}",
        "recency_bare": "Давность (R) {score}",
        "frequency": "Частота (F): заказов у клиента<br>В клетке класс, клиенты и деньги, "
        "{currency}",
        "monetary": "Деньги (M), {currency}",
        "score": "{score}: {bounds}",
        "up_to": "до {high}",
        "from": "от {low}",
        "nobody": "никто",
        "cell": "Код {code}, класс «{name}»<br>{customers} ({share})<br>{money} ({money_share})",
        "no_cell": "Код {code}: никого",
        "class": "{place}. {name}",
        "finding": "Больше всего денег в коде {code} (класс «{name}»): {money}, это {money_share} "
        "всех денег у {share} клиентов",
        "no_money": "Коды RFM: {count} у всех клиентов, денег в них нет",
        "no_backtest": "Показывать нечего: проверки классов нет",
        "purchase_rate": "Доля купивших за {days}",
        "net_revenue": "Выручка на клиента за {days}, {currency}",
        "point": "{name}: {value}<br>интервал: {low} … {high}<br>{customers}",
        "as_named": "Класс",
        "above": "Выше класса, который назван лучше (не случайно)",
        "kept": "За {days} после {since} классы сохранили порядок имён: доля купивших падает с "
        "{high} («{first}») до {low} («{last}»)",
        "unsure": "За {days} после {since} чаще всех покупали «{first}» ({high}), реже всех "
        "«{last}» ({low}); нарушения порядка имён могли выйти случайно",
        "broken": "За {days} после {since} в классе «{worse}» купили {high} клиентов, а в классе "
        "«{better}», чьё имя обещает больше, {low}",
        "broken_money": "За {days} после {since} класс «{worse}» принёс на клиента {high}, а класс "
        "«{better}», чьё имя обещает больше, {low}",
        "no_migration": "Показывать нечего: переходов между классами нет",
        "from_class": "Класс на {since}",
        "from_class_bare": "Класс раньше",
        "to_class": "Класс сейчас<br>В клетке клиенты и доля строки",
        "to_class_money": "Класс сейчас<br>В клетке деньги, {currency}, и доля строки",
        "new": "Новые",
        "move": "{before} → {after}<br>{customers}, {share} строки",
        "move_money": "{before} → {after}<br>деньги клиентов: {money} ({share} строки)<br>до этой "
        "даты {earlier}, после неё {between}",
        "stayed": "Свой класс с {since} сохранили {kept} клиентов; из класса «{name}» в нём "
        "остались {own}{other}",
        "stayed_other": ", а {share} теперь «{after}»",
        "no_known": "С {since} все клиенты новые: переходов между классами ещё нет",
        "money_moved": "У клиентов, сменивших класс с {since}, {moved} ({share} денег прежних "
        "клиентов); больше всего на пути «{before}» → «{after}»: {money}",
        "money_kept": "Клиенты, сменившие класс с {since}, денег не унесли и не принесли",
    },
    "en": {
        "no_codes": "Nothing to show: no customer has an RFM code",
        "recency": "Recency (R) {score}: {bounds}",
        "recency_bare": "Recency (R) {score}",
        "frequency": "Frequency (F): orders per customer<br>In a cell: class, customers, money, "
        "{currency}",
        "monetary": "Money (M), {currency}",
        "score": "{score}: {bounds}",
        "up_to": "up to {high}",
        "from": "{low} and more",
        "nobody": "nobody",
        "cell": "Code {code}, class “{name}”<br>{customers} ({share})<br>{money} ({money_share})",
        "no_cell": "Code {code}: nobody",
        "class": "{place}. {name}",
        "finding": "Code {code} (class “{name}”) holds the most money: {money}, which is "
        "{money_share} of all money, with {share} of the customers",
        "no_money": "RFM codes: {count} over all customers, and no money in them",
        "no_backtest": "Nothing to show: the classes were not tested",
        "purchase_rate": "Share who bought within {days}",
        "net_revenue": "Revenue per customer within {days}, {currency}",
        "point": "{name}: {value}<br>interval: {low} … {high}<br>{customers}",
        "as_named": "Class",
        "above": "Above a class with a better name (not by chance)",
        "kept": "In the {days} after {since} the classes kept the order of their names: the share "
        "who bought falls from {high} (“{first}”) to {low} (“{last}”)",
        "unsure": "In the {days} after {since} “{first}” bought most often ({high}), “{last}” "
        "least ({low}); breaches of the order of names may be chance",
        "broken": "In the {days} after {since} {high} of “{worse}” bought, but only {low} of "
        "“{better}”, whose name promises more",
        "broken_money": "In the {days} after {since} “{worse}” brought {high} per customer, but "
        "“{better}”, whose name promises more, only {low}",
        "no_migration": "Nothing to show: nobody moved between classes",
        "from_class": "Class on {since}",
        "from_class_bare": "Class before",
        "to_class": "Class now<br>In a cell: customers and share of the row",
        "to_class_money": "Class now<br>In a cell: money, {currency}, and share of the row",
        "new": "New",
        "move": "{before} → {after}<br>{customers}, {share} of the row",
        "move_money": "{before} → {after}<br>money of these customers: {money} ({share} of the "
        "row)<br>until that date {earlier}, after it {between}",
        "stayed": "Since {since} {kept} of customers have kept their class; of “{name}” {own} are "
        "still there{other}",
        "stayed_other": ", and {share} are now “{after}”",
        "no_known": "All customers are new since {since}: nobody has moved between classes yet",
        "money_moved": "Customers who changed class since {since} hold {moved} ({share} of the "
        "money of earlier customers); the largest part went from “{before}” "
        "to “{after}”: {money}",
        "money_kept": "Customers who changed class since {since} took no money along",
    },
}
NEW = "new"
# Days and orders as they stand by themselves, and after "from" and "up to".
_IS: Mapping[str, Forms] = {"recency": DAYS, "frequency": ORDERS}
_OF: Mapping[str, Forms] = {
    "recency": {"ru": ("дня", "дней", "дней"), "en": DAYS["en"]},
    "frequency": {"ru": ("заказа", "заказов", "заказов"), "en": ORDERS["en"]},
}
_MEASURES = {"recency": "r", "frequency": "f", "monetary": "m"}
OUTCOMES = ("purchase_rate", "net_revenue")
# From the class that is expected to buy most to the least: light, so that dark text stays legible.
_SCALE = ((0.0, "#8CC4E8"), (0.5, "#F3F3F3"), (1.0, "#F0B48A"))
_SHARES = ((0.0, "#FFFFFF"), (1.0, "#6FB4DE"))
_SMALL_GRID = 3
_ROW_HEIGHT = {3: 62, 5: 40}
_BETWEEN_PANELS = 44
_AROUND = 190
_LONGEST_CLASS = 24
# From here on an axis needs no digits behind the point; the table of boundaries has them.
_WHOLE = 100
_LEGEND = {"orientation": "h", "yanchor": "top", "xanchor": "left", "x": 0}


@dataclass(frozen=True)
class Words:
    """What people call things of one shop.

    Attributes:
        classes: Class: its name, from the one that is expected to buy most to the least.
        currency: Of all money.
    """

    classes: Mapping[str, BothLanguages]
    currency: BothLanguages

    def name(self, key: Any, language: Language) -> str:
        """Return what a class is called; one that nobody named stays as it is."""
        if key in self.classes:
            return str(getattr(self.classes[key], language))
        return _TEXTS[language]["new"] if key == NEW else str(key)

    def names(self, key: Any) -> BothLanguages:
        """Return what a class is called, in both languages."""
        return both(lambda language: self.name(key, language))

    def money(self, value: float, language: Language) -> str:
        """Write an amount."""
        return amount(value, self.currency, language)


def bounds_text(row: Row, words: Words, language: Language, unit: bool = True) -> str:
    """Write where a score begins and ends: 26–91 days, 5 orders and more, up to 375.03 £.

    Args:
        row: One score: measure, lowest and highest (both belong to it; null: no bound).
        words: The currency.
        language: Of the text.
        unit: Whether the unit is named.
    """
    texts = _TEXTS[language]
    low, high = row["lowest"], row["highest"]
    no_low, no_high = pd.isna(low), pd.isna(high)
    if not no_low and not no_high and high < low:
        return texts["nobody"]

    def written(value: float, last: bool = True, after: bool = False) -> str:
        if row["measure"] == "monetary":
            decimals = 0 if value == round(value) or (not unit and abs(value) >= _WHOLE) else 2
            text = number(value, language, decimals)
            return f"{text}{SPACE}{getattr(words.currency, language)}" if unit and last else text
        if not unit or not last:
            return number(value, language)
        return counted(value, (_OF if after else _IS)[row["measure"]], language)

    if no_high:
        return texts["nobody"] if no_low else texts["from"].format(low=written(low, after=True))
    if no_low or low == 0 != high:
        return texts["up_to"].format(high=written(high, after=True))
    return written(high) if low == high else f"{written(low, last=False)}–{written(high)}"


def date_text(moment: Any, language: Language) -> str:
    """Write the day of a moment (ISO text): 31.10.2019 or 2019-10-31."""
    day = str(moment)[:10]
    return day if language == "en" else ".".join(reversed(day.split("-")))


def draw_grid(
    codes: pd.DataFrame, boundaries: pd.DataFrame | None, words: Words, language: Language
) -> Any:
    """Draw all codes as panels of recency, each frequency x money.

    Args:
        codes: Grain: one code that somebody has: r, f, m, rfm_code, rfm_class, customers, money.
        boundaries: Grain: measure and score, best first: lowest, highest; None: the highest
            score is taken for the best one, and the axes bear scores alone.
        words: Names and the currency.
        language: Of all texts.

    Returns:
        A plotly Figure: a panel per score of recency, the best on top; in each cell the number
        of the class (named in the legend, and in the cell where there is room), customers and
        money; the colour tells classes apart as well.
    """
    from plotly.subplots import make_subplots

    if codes.empty:
        return empty(_TEXTS[language]["no_codes"], language)
    scores = {measure: _scores_of(codes, boundaries, measure) for measure in _MEASURES}
    panels = list(reversed(scores["recency"]))
    size = len(panels)
    row_height = _ROW_HEIGHT.get(size, _ROW_HEIGHT[5])
    height = size * (size * row_height + _BETWEEN_PANELS)
    figure = make_subplots(
        rows=size,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=_BETWEEN_PANELS / height,
        subplot_titles=[_panel_title(score, boundaries, words, language) for score in panels],
    )
    places = {name: place for place, name in enumerate(_classes_in(codes, words))}
    for row, score in enumerate(panels, start=1):
        panel = _panel(codes, score, scores, places, words, language)
        figure.add_trace(panel, row=row, col=1)
    _grid_axes(figure, scores, boundaries, words, language)
    _class_legend(figure, places, words, language)
    figure.update_layout(
        height=height + _AROUND, legend=_LEGEND | {"y": -90 / height}, plot_bgcolor="#FFFFFF"
    )
    return _narrow(finished(figure, _grid_finding(codes, words, language), language))


def _narrow(figure: Any) -> Any:
    """Leave the width to the cells: labels make their own room."""
    return figure.update_layout(margin={"l": 10, "r": 16})


def _scores_of(codes: pd.DataFrame, boundaries: pd.DataFrame | None, measure: str) -> list[int]:
    """Return the scores of a measure, worst first."""
    if boundaries is not None and not boundaries.empty:
        own = boundaries.loc[boundaries["measure"] == measure, "score"]
        return [int(score) for score in reversed(own.tolist())]
    return sorted(int(score) for score in codes[_MEASURES[measure]].unique())


def _score_label(
    measure: str,
    score: int,
    boundaries: pd.DataFrame | None,
    words: Words,
    language: Language,
    unit: bool = False,
) -> str:
    """Write a score with its bounds, or alone where nobody wrote them down."""
    if boundaries is None:
        return str(score)
    own = boundaries[(boundaries["measure"] == measure) & (boundaries["score"] == score)]
    if own.empty:
        return str(score)
    bounds = bounds_text(records(own)[0], words, language, unit)
    return escaped(_TEXTS[language]["score"].format(score=score, bounds=bounds))


def _panel_title(
    score: int, boundaries: pd.DataFrame | None, words: Words, language: Language
) -> str:
    texts = _TEXTS[language]
    label = _score_label("recency", score, boundaries, words, language, unit=True)
    start, _, bounds = label.partition(": ")
    key = "recency" if bounds else "recency_bare"
    return texts[key].format(score=start, bounds=bounds)


def _classes_in(codes: pd.DataFrame, words: Words) -> list[str]:
    """Return all classes in their order; those without a name come last."""
    found = [str(name) for name in codes["rfm_class"].dropna().unique()]
    return [*words.classes, *sorted(set(found) - set(words.classes))]


def _tint(place: int, count: int) -> str:
    """Return the colour of a class by its place in the order."""
    from plotly.colors import sample_colorscale

    share = place / (count - 1) if count > 1 else 0.0
    return str(sample_colorscale([list(stop) for stop in _SCALE], [share])[0])


def _panel(
    codes: pd.DataFrame,
    recency: int,
    scores: Mapping[str, Sequence[int]],
    places: Mapping[str, int],
    words: Words,
    language: Language,
) -> Any:
    """Return the heat map of one score of recency."""
    import plotly.graph_objects as go

    found = {(row["f"], row["m"]): row for row in records(codes[codes["r"] == recency])}
    named = len(scores["recency"]) <= _SMALL_GRID
    customers, money = codes["customers"].sum(), codes["money"].sum()
    values, texts, hovers = [], [], []
    for m in scores["monetary"]:
        cells = [(found.get((f, m)), f"{recency}{f}{m}") for f in scores["frequency"]]
        values.append([None if row is None else places[row["rfm_class"]] for row, _ in cells])
        texts.append([_cell_text(row, places, words, language, named) for row, _ in cells])
        hovers.append(
            [_cell_hover(row, code, customers, money, words, language) for row, code in cells]
        )
    return go.Heatmap(
        x=list(range(len(scores["frequency"]))),
        y=list(range(len(scores["monetary"]))),
        z=values,
        zmin=0,
        zmax=max(len(places) - 1, 1),
        colorscale=[list(stop) for stop in _SCALE],
        showscale=False,
        text=texts,
        texttemplate="%{text}",
        textfont={"color": "#1A1A1A", "size": 11},
        customdata=hovers,
        hovertemplate="%{customdata}<extra></extra>",
        hoverongaps=True,
        xgap=2,
        ygap=2,
    )


def _cell_text(
    row: Row | None, places: Mapping[str, int], words: Words, language: Language, named: bool
) -> str:
    if row is None:
        return "—"
    place = places[row["rfm_class"]] + 1
    customers, money = (number(row[name], language) for name in ("customers", "money"))
    if not named:
        return f"<b>{place}</b> · {customers}<br>{money}"
    name = escaped(cut(words.name(row["rfm_class"], language), _LONGEST_CLASS))
    return f"<b>{name}</b><br>{customers}<br>{money}"


def _cell_hover(
    row: Row | None, code: str, customers: float, money: float, words: Words, language: Language
) -> str:
    texts = _TEXTS[language]
    if row is None:
        return texts["no_cell"].format(code=code)
    return texts["cell"].format(
        code=row["rfm_code"],
        name=escaped(words.name(row["rfm_class"], language)),
        customers=counted(row["customers"], CUSTOMERS, language),
        share=percent(row["customers"] / customers, language),
        money=escaped(words.money(row["money"], language)),
        money_share=percent(row["money"] / money, language) if money > 0 else "—",
    )


def _grid_axes(
    figure: Any,
    scores: Mapping[str, Sequence[int]],
    boundaries: pd.DataFrame | None,
    words: Words,
    language: Language,
) -> None:
    """Write scores with their bounds on the axes."""
    texts = _TEXTS[language]
    for measure, update in (("frequency", figure.update_xaxes), ("monetary", figure.update_yaxes)):
        update(
            tickvals=list(range(len(scores[measure]))),
            ticktext=[
                _score_label(measure, score, boundaries, words, language)
                for score in scores[measure]
            ],
            showgrid=False,
            zeroline=False,
            automargin=True,
        )
    size = len(scores["recency"])
    currency = escaped(getattr(words.currency, language))
    frequency = texts["frequency"].format(currency=currency)
    figure.update_xaxes(title={"text": frequency}, row=size, col=1)
    money = texts["monetary"].format(currency=currency)
    figure.update_yaxes(title={"text": money}, row=(size + 1) // 2, col=1)


def _class_legend(figure: Any, places: Mapping[str, int], words: Words, language: Language) -> None:
    """Name the classes: a square of the colour, the number and the name."""
    for name, place in places.items():
        label = _TEXTS[language]["class"].format(
            place=place + 1, name=escaped(words.name(name, language))
        )
        figure.add_scatter(
            x=[None],
            y=[None],
            mode="markers",
            marker={
                "symbol": "square",
                "size": 13,
                "color": _tint(place, len(places)),
                "line": {"color": "#666666", "width": 1},
            },
            name=label,
            hoverinfo="skip",
        )


def _grid_finding(codes: pd.DataFrame, words: Words, language: Language) -> str:
    """Say which code holds most money."""
    texts = _TEXTS[language]
    money = codes["money"].sum()
    best = richest(codes)
    if best is None or money <= 0:
        return texts["no_money"].format(count=number(len(codes), language))
    return texts["finding"].format(
        code=best["rfm_code"],
        name=words.name(best["rfm_class"], language),
        money=words.money(best["money"], language),
        money_share=percent(best["money"] / money, language),
        share=percent(best["customers"] / codes["customers"].sum(), language),
    )


def richest(codes: pd.DataFrame) -> Row | None:
    """Return the code with most money above zero, the first of equals; None where none has any."""
    paying = codes[codes["money"] > 0]
    if paying.empty:
        return None
    return records(paying.sort_values(["money", "rfm_code"], ascending=[False, True]))[0]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as one dictionary per row."""
    return [dict(zip(table.columns, row, strict=True)) for row in table.itertuples(index=False)]


def draw_backtest(
    backtest: pd.DataFrame, verdict: Mapping[str, Any], words: Words, language: Language
) -> Any:
    """Draw what each class did after it was frozen, with intervals.

    Args:
        backtest: Grain: class: rfm_class, customers, and purchase_rate and net_revenue (currency
            units) with _low and _high; nulls where nobody was in it.
        verdict: ``outcome_days``, ``since``, and per outcome ``by_class`` and ``inversions``.
        words: Names and the currency.
        language: Of all texts.

    Returns:
        A plotly Figure: two panels of dots with intervals, one per outcome, classes in the
        order of their names; a diamond where a class stands detectably above one that is named
        better.
    """
    from plotly.subplots import make_subplots

    rows = backtest[backtest["customers"] > 0]
    if rows.empty:
        return empty(_TEXTS[language]["no_backtest"], language)
    texts = _TEXTS[language]
    days = counted(verdict["outcome_days"], DAYS, language)
    currency = escaped(getattr(words.currency, language))
    panel = 60 + 36 * len(rows)
    figure = make_subplots(rows=2, cols=1, vertical_spacing=70 / (2 * panel))
    for place, outcome in enumerate(OUTCOMES, start=1):
        _outcome_panel(figure, rows, verdict, outcome, words, language, place)
        title = texts[outcome].format(days=days, currency=currency)
        figure.update_xaxes(
            title={"text": title},
            tickformat=",.0%" if outcome == "purchase_rate" else ",",
            rangemode="tozero",
            row=place,
            col=1,
        )
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    figure.update_layout(height=2 * panel + _AROUND, legend=_LEGEND | {"y": -80 / (2 * panel)})
    return _narrow(finished(figure, _backtest_finding(rows, verdict, words, language), language))


def _outcome_panel(
    figure: Any,
    rows: pd.DataFrame,
    verdict: Mapping[str, Any],
    outcome: str,
    words: Words,
    language: Language,
    place: int,
) -> None:
    """Add the dots of one outcome."""
    texts = _TEXTS[language]
    pairs = verdict.get(outcome, {}).get("inversions", [])
    above = {pair["named_worse"] for pair in pairs if pair["detectable"]}
    for key, surprising, colour, symbol in (
        ("as_named", False, BLUE, "circle"),
        ("above", True, RED, "diamond"),
    ):
        part = rows[rows["rfm_class"].isin(above) == surprising]
        values, low, high = (_numbers(part, outcome + end) for end in ("", "_low", "_high"))
        figure.add_scatter(
            x=values,
            y=[_class_label(name, words, language) for name in part["rfm_class"]],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [up - value for up, value in zip(high, values, strict=True)],
                "arrayminus": [value - down for down, value in zip(low, values, strict=True)],
                "thickness": 1.5,
            },
            mode="markers+text",
            marker={"color": colour, "symbol": symbol, "size": 11},
            text=[outcome_text(outcome, value, words, language) for value in values],
            textposition="top center",
            cliponaxis=False,
            customdata=[_point(row, outcome, words, language) for row in records(part)],
            hovertemplate="%{customdata}<extra></extra>",
            name=texts[key],
            legendgroup=key,
            showlegend=place == 1 and bool(values),
            row=place,
            col=1,
        )
    # In the order of the names, whichever trace a class is in.
    order = [_class_label(name, words, language) for name in rows["rfm_class"]]
    figure.update_yaxes(categoryorder="array", categoryarray=order, row=place, col=1)


def _class_label(name: Any, words: Words, language: Language) -> str:
    return escaped(cut(words.name(name, language), _LONGEST_CLASS))


def _numbers(part: pd.DataFrame, column: str) -> list[float]:
    """Return a column; a bound that is not known falls on the value itself."""
    value = column.removesuffix("_low").removesuffix("_high")
    found: list[float] = part[column].astype(float).fillna(part[value].astype(float)).tolist()
    return found


def outcome_text(outcome: str, value: float, words: Words, language: Language) -> str:
    """Write a value of an outcome: a share, or money per customer."""
    if outcome == "purchase_rate":
        return percent(value, language)
    return words.money(value, language)


def _point(row: Row, outcome: str, words: Words, language: Language) -> str:
    ends: dict[str, str] = {}
    for end in ("low", "high"):
        value = row[f"{outcome}_{end}"]
        ends[end] = "—" if pd.isna(value) else outcome_text(outcome, value, words, language)
    return escaped(
        _TEXTS[language]["point"].format(
            name=words.name(row["rfm_class"], language),
            value=outcome_text(outcome, row[outcome], words, language),
            customers=counted(row["customers"], CUSTOMERS, language),
            **ends,
        )
    ).replace("&lt;br&gt;", "<br>")


def _backtest_finding(
    rows: pd.DataFrame, verdict: Mapping[str, Any], words: Words, language: Language
) -> str:
    """Say whether the classes did what their names promise."""
    texts = _TEXTS[language]
    moment = {
        "days": counted(verdict["outcome_days"], DAYS, language),
        "since": date_text(verdict["since"], language),
    }
    for outcome, key in (("purchase_rate", "broken"), ("net_revenue", "broken_money")):
        found = verdict.get(outcome, {"inversions": [], "by_class": {}})
        sure = [pair for pair in found["inversions"] if pair["detectable"]]
        if sure:
            pair = max(sure, key=lambda each: float(each["difference"]))
            names = {end: pair[f"named_{end}"] for end in ("better", "worse")}
            values = {end: found["by_class"][name] for end, name in names.items()}
            return texts[key].format(
                worse=words.name(names["worse"], language),
                better=words.name(names["better"], language),
                high=outcome_text(outcome, values["worse"], words, language),
                low=outcome_text(outcome, values["better"], words, language),
                **moment,
            )
    ordered = rows.sort_values("purchase_rate", ascending=False, kind="stable")
    pairs = [pair for each in OUTCOMES for pair in verdict.get(each, {}).get("inversions", [])]
    return texts["unsure" if pairs else "kept"].format(
        first=words.name(ordered["rfm_class"].iloc[0], language),
        last=words.name(ordered["rfm_class"].iloc[-1], language),
        high=percent(float(ordered["purchase_rate"].iloc[0]), language),
        low=percent(float(ordered["purchase_rate"].iloc[-1]), language),
        **moment,
    )


def draw_migration(
    migration: pd.DataFrame, since: str | None, words: Words, money: bool, language: Language
) -> Any:
    """Draw who moved from class to class, in customers or in their money.

    Args:
        migration: Grain: class before (``new``: had not bought yet) and class now: from_class,
            to_class, customers, net_before, net_between, net_after (currency units).
        since: The earlier moment (ISO text).
        words: Names and the currency.
        money: Whether money is drawn: all that the customers have brought.
        language: Of all texts.

    Returns:
        A plotly Figure: a heat map with a row per class before; numbers stand in the cells, the
        colour is the share of the row.
    """
    import plotly.graph_objects as go

    if migration.empty or not migration["customers"].sum():
        return empty(_TEXTS[language]["no_migration"], language)
    table = _with_shares(migration, "net_after" if money else "customers")
    before = list(dict.fromkeys(table["from_class"]))
    after = list(dict.fromkeys(table["to_class"]))
    cells = {(row["from_class"], row["to_class"]): row for row in records(table)}
    grid = [[cells[start, end] for end in after] for start in before]
    figure = go.Figure(
        go.Heatmap(
            x=list(range(len(after))),
            y=list(range(len(before))),
            z=[[max(_or_zero(row["row_share"]), 0) for row in line] for line in grid],
            zmin=0,
            zmax=1,
            colorscale=[list(stop) for stop in _SHARES],
            showscale=False,
            text=[[_move_text(row, language, money) for row in line] for line in grid],
            texttemplate="%{text}",
            textfont={"color": "#1A1A1A", "size": 12},
            customdata=[[_move_hover(row, words, language, money) for row in li] for li in grid],
            hovertemplate="%{customdata}<extra></extra>",
            xgap=2,
            ygap=2,
        )
    )
    _migration_axes(figure, before, after, since, words, language, money)
    finding = _money_finding if money else _move_finding
    return _narrow(finished(figure, finding(table, since, words, language), language))


def _with_shares(migration: pd.DataFrame, value: str) -> pd.DataFrame:
    """Add ``row_share``: of the class before; null where it holds nothing."""
    whole = migration.groupby("from_class", sort=False)[value].transform("sum")
    return migration.assign(row_share=(migration[value] / whole).where(whole > 0))


def _or_zero(value: Any) -> float:
    return 0.0 if pd.isna(value) else float(value)


def _move_text(row: Row, language: Language, money: bool) -> str:
    """Return what stands in a cell: nothing where nobody went."""
    if not row["customers"]:
        return "—"
    share: str = "" if pd.isna(row["row_share"]) else f"<br>{percent(row['row_share'], language)}"
    value = number(row["net_after" if money else "customers"], language)
    return f"<b>{value}</b>{share}"


def _move_hover(row: Row, words: Words, language: Language, money: bool) -> str:
    texts = _TEXTS[language]
    share: str = "—" if pd.isna(row["row_share"]) else percent(row["row_share"], language)
    names = {
        end: escaped(words.name(row[column], language))
        for end, column in (("before", "from_class"), ("after", "to_class"))
    }
    if not money:
        customers = counted(row["customers"], CUSTOMERS, language)
        return texts["move"].format(customers=customers, share=share, **names)
    return texts["move_money"].format(
        money=escaped(words.money(row["net_after"], language)),
        earlier=escaped(words.money(row["net_before"], language)),
        between=escaped(words.money(row["net_between"], language)),
        share=share,
        **names,
    )


def _migration_axes(
    figure: Any,
    before: Sequence[str],
    after: Sequence[str],
    since: str | None,
    words: Words,
    language: Language,
    money: bool,
) -> None:
    texts = _TEXTS[language]
    currency = escaped(getattr(words.currency, language))
    start = texts["from_class_bare"]
    if since is not None:
        start = texts["from_class"].format(since=date_text(since, language))
    for axis, names, title in (
        ("xaxis", after, texts["to_class_money" if money else "to_class"]),
        ("yaxis", before, start),
    ):
        layout = {
            "title": {"text": title.format(currency=currency)},
            "tickvals": list(range(len(names))),
            "ticktext": [_class_label(name, words, language) for name in names],
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
        }
        figure.update_layout({axis: layout})
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(height=52 * len(before) + _AROUND)


def _known(table: pd.DataFrame) -> pd.DataFrame:
    """Return the moves of customers who had bought before."""
    return table[table["from_class"] != NEW]


def _move_finding(table: pd.DataFrame, since: str | None, words: Words, language: Language) -> str:
    """Say how many kept their class, and where the first class went."""
    texts = _TEXTS[language]
    known = _known(table)
    date = "—" if since is None else date_text(since, language)
    first = known[known["customers"] > 0]["from_class"]
    if first.empty:
        return texts["no_known"].format(since=date)
    stayed = known[known["from_class"] == known["to_class"]]
    own = known[known["from_class"] == first.iloc[0]]
    gone = own[own["to_class"] != first.iloc[0]].sort_values("customers", kind="stable")
    other = ""
    if not gone.empty and gone["customers"].iloc[-1] > 0:
        other = texts["stayed_other"].format(
            share=percent(float(gone["row_share"].iloc[-1]), language),
            after=words.name(gone["to_class"].iloc[-1], language),
        )
    kept = own[own["to_class"] == first.iloc[0]]["row_share"]
    return texts["stayed"].format(
        since=date,
        kept=percent(stayed["customers"].sum() / known["customers"].sum(), language),
        name=words.name(first.iloc[0], language),
        own=percent(float(kept.sum()), language),
        other=other,
    )


def _money_finding(table: pd.DataFrame, since: str | None, words: Words, language: Language) -> str:
    """Say how much money belongs to those who changed class, and where most of it went."""
    texts = _TEXTS[language]
    known = _known(table)
    moved = known[known["from_class"] != known["to_class"]]
    whole = known["net_after"].sum()
    date = "—" if since is None else date_text(since, language)
    if moved.empty or whole <= 0 or moved["net_after"].max() <= 0:
        return texts["money_kept"].format(since=date)
    most = records(moved.sort_values("net_after", kind="stable"))[-1]
    return texts["money_moved"].format(
        since=date,
        moved=words.money(moved["net_after"].sum(), language),
        share=percent(moved["net_after"].sum() / whole, language),
        before=words.name(most["from_class"], language),
        after=words.name(most["to_class"], language),
        money=words.money(most["net_after"], language),
    )

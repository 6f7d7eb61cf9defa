"""The chapter ``sales``: what was sold when, where and of what, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from personal_offers.currencies import currency_of, money
from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import number, percent
from personal_offers.pipelines.reporting.amounts import moment
from personal_offers.pipelines.reporting.blocks import (
    Chapter,
    Column,
    Figure,
    Notice,
    Origin,
    Paragraph,
    Table,
    Tile,
    Tiles,
    both,
    cell,
    figure_from,
    missing,
    present,
)
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.words import DAYS, ORDERS, counted, month_of

Figures = Mapping[Language, Mapping[str, Any]]

_TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "title": "Продажи",
        "name": "Обзор продаж",
        "lead": "С {first} по {last} клиенты сделали {orders}; чистая выручка {net}, средний чек "
        "{check}.",
        "lead_returned": " Возвращено {share} проданного.",
        "lead_broken": "С {first} по {since} клиенты сделали {orders}; чистая выручка {net}. "
        "Строки после этого созданы иначе, поэтому стоят отдельно: {more} на {money}.",
        "after_break": "Строки после разрыва в данных на графике по месяцам заштрихованы. На "
        "остальных графиках этой главы они не отделены: читайте там порядок, а не доли.",
        "unfinished": "Последний месяц неполный: данные кончаются {last}. Не сравнивайте его с "
        "остальными.",
        "month": "Готовьте рассылки и запасы к сильным месяцам; прежде чем сравнивать месяцы, "
        "вычтите разовые крупные заказы.",
        "hour": "Попробуйте отправлять сообщения незадолго до пика и сравните отклик с обычным "
        "временем.",
        "country": "Проверьте, что язык писем и доставка подходят для первых стран списка: на них "
        "держится выручка.",
        "product": "Следите, чтобы эти товары не кончались; исключение — товар, чья выручка пришла "
        "одним крупным заказом.",
        "no_returns": "В данных нет ни одного возврата. Уточните, записывает ли их магазин: если "
        "нет, выручка здесь завышена.",
        "returned": "Возвращено и отменено",
        "of_sales": "{share} продаж до возвратов",
        "who": "Клиентов с возвратами",
        "when": "Обычно от покупки до возврата",
        "when_note": "медиана; у {share} возвращённых денег покупка найдена",
        "returns_title": "Возвраты: {money}, {share} продаж; покупка найдена для {matched} этих "
        "денег",
        "returns_advice": "Посмотрите крупнейшие возвраты поимённо: отменённый оптовый заказ и "
        "брак требуют разного ответа.",
        "returns_month": "Больше всего возвратов пришлось на {month}: {money} ({share}). Самый "
        "крупный заказ этого месяца — {largest}: проверьте, не его ли отменили.",
        "part": "Возвраты",
        "part_matched": "Покупка найдена",
        "part_unmatched": "Покупка не найдена",
        "part_all": "Все",
        "units": "Штук",
        "value": "Сумма",
        "customers": "Клиентов",
        "share": "Доля возвращённых денег",
        "share_of_sales": "Доля продаж",
    },
    "en": {
        "title": "Sales",
        "name": "The sales overview",
        "lead": "From {first} to {last} customers made {orders}; net revenue {net}, average "
        "order value {check}.",
        "lead_returned": " Of what was sold, {share} came back.",
        "lead_broken": "From {first} to {since} customers made {orders}; net revenue {net}. The "
        "rows after that were produced in another way, so they stand apart: {more} for {money}.",
        "after_break": "The figure by months shows the rows after the break in the data hatched. "
        "The other figures of this chapter do not set them apart: read the order there, not the "
        "shares.",
        "unfinished": "The last month is not complete: the data end on {last}. Do not compare it "
        "with the others.",
        "month": "Prepare mailings and stock for the strong months; before you compare months, "
        "take out single large orders.",
        "hour": "Try sending messages shortly before the peak, and compare the response with "
        "that at the usual time.",
        "country": "Check that the language of letters and the delivery suit the first countries "
        "of the list: revenue rests on them.",
        "product": "See that these products do not run out, except one whose revenue came from a "
        "single large order.",
        "no_returns": "The data hold not one return. Ask whether the shop records them: if it does "
        "not, revenue is overstated here.",
        "returned": "Returned and cancelled",
        "of_sales": "{share} of sales before returns",
        "who": "Customers with returns",
        "when": "Usual time from purchase to return",
        "when_note": "median; the purchase was found for {share} of the money returned",
        "returns_title": "Returns: {money}, {share} of sales; the purchase was found for {matched} "
        "of this money",
        "returns_advice": "Look at the largest returns one by one: a cancelled wholesale order and "
        "a faulty product call for different answers.",
        "returns_month": "Most returns fell in {month}: {money} ({share}). The largest order of "
        "that month was {largest}: check whether it is the one that was cancelled.",
        "part": "Returns",
        "part_matched": "Purchase found",
        "part_unmatched": "Purchase not found",
        "part_all": "All",
        "units": "Units",
        "value": "Amount",
        "customers": "Customers",
        "share": "Share of the money returned",
        "share_of_sales": "Share of sales",
    },
}
_STAGE = "data_processing"
_RETURNS = Origin(dataset="returns_summary", node="data_processing.summarise_returns")
_FORMS: Mapping[str, Any] = {
    "units": "whole",
    "value": "money",
    "customers": "whole",
    "share": "share",
    "share_of_sales": "share",
}
# A month with more of the returns than this is named: one cancelled order may be all of it.
_ONE_MONTH = 0.25


def write_sales(
    options: ReportingOptions,
    era: Mapping[str, Any] | None = None,
    sales_by_month: pd.DataFrame | None = None,
    figure_sales_by_month: Figures | None = None,
    figure_sales_by_weekday_hour: Figures | None = None,
    figure_sales_by_country: Figures | None = None,
    figure_sales_by_product: Figures | None = None,
    returns_summary: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Write the chapter.

    Args:
        options: Of the report.
        era: Period and currency.
        sales_by_month: Grain: month (YYYY-MM); money in currency units.
        figure_sales_by_month: As drawn by the intake, like the three that follow.
        figure_sales_by_weekday_hour: Empty where nobody bought.
        figure_sales_by_country: Empty where the shop records no countries.
        figure_sales_by_product: Empty where nobody bought.
        returns_summary: Grain: part (matched, unmatched, all).

    Returns:
        The chapter, in the plain form of JSON; parts that were not made say so.
    """
    currency = currency_of(era)
    figures = {
        "month": figure_sales_by_month,
        "weekday_hour": figure_sales_by_weekday_hour,
        "country": figure_sales_by_country,
        "product": figure_sales_by_product,
    }
    drawn = [_figure(view, figure) for view, figure in figures.items()]
    blocks: tuple[Any, ...] = (missing(_say("name").model_dump(), _STAGE),)
    if any(drawn) or sales_by_month is not None:
        blocks = present(*_notes(sales_by_month, era), *drawn)
    return Chapter(
        name="sales",
        title=_say("title"),
        lead=_lead(sales_by_month, era, currency),
        blocks=present(*blocks, *_returns(returns_summary, sales_by_month, currency)),
    ).plain()


def _say(key: str) -> BothLanguages:
    return both(lambda language: _TEXTS[language][key])


def _figure(view: str, figure: Figures | None) -> Figure | None:
    return figure_from(
        figure,
        f"sales_by_{view}",
        _say({"weekday_hour": "hour"}.get(view, view)),
        Origin(dataset=f"sales_by_{view}", node="data_processing.sales_overview"),
        main=view == "month",
    )


def _lead(
    by_month: pd.DataFrame | None, era: Mapping[str, Any] | None, currency: BothLanguages | None
) -> BothLanguages | None:
    """Sum the sales up; nothing where there are none."""
    if by_month is None or era is None or not by_month["orders"].sum():
        return None
    net, gross = float(by_month["net_revenue"].sum()), float(by_month["gross_revenue"].sum())
    orders, returned = int(by_month["orders"].sum()), float(by_month["returned_value"].sum())
    since = (era.get("break") or {}).get("since")
    if since and by_month["net_revenue_after_break"].sum():
        return both(lambda language: _broken_lead(by_month, era, str(since), currency, language))

    def text(language: Language) -> str:
        lead = _TEXTS[language]["lead"].format(
            first=moment(era["data_from"], language, minutes=False),
            last=moment(era["data_to"], language, minutes=False),
            orders=counted(orders, ORDERS, language),
            net=money(net, currency, language),
            check=money(gross / orders, currency, language),
        )
        if not returned or gross <= 0:
            return lead
        share = percent(returned / gross, language)
        return lead + _TEXTS[language]["lead_returned"].format(share=share)

    return both(text)


def _broken_lead(
    by_month: pd.DataFrame,
    era: Mapping[str, Any],
    since: str,
    currency: BothLanguages | None,
    language: Language,
) -> str:
    """Sum the sales up on either side of the break: a sum of both would say nothing."""
    trusted = by_month["orders"] * by_month["trusted_share"].astype("float64").fillna(0)
    orders = round(float(trusted.sum()))
    after = float(by_month["net_revenue_after_break"].sum())
    return _TEXTS[language]["lead_broken"].format(
        first=moment(era["data_from"], language, minutes=False),
        since=moment(since, language),
        orders=counted(orders, ORDERS, language),
        net=money(float(by_month["net_revenue"].sum()) - after, currency, language),
        more=counted(int(by_month["orders"].sum()) - orders, ORDERS, language),
        money=money(after, currency, language),
    )


def _notes(
    by_month: pd.DataFrame | None, era: Mapping[str, Any] | None
) -> list[Notice | Paragraph]:
    """Say what must be known before months are compared."""
    if by_month is None or era is None or by_month.empty:
        return []
    notes: list[Notice | Paragraph] = []
    if by_month["net_revenue_after_break"].sum():
        notes.append(Notice(level="warning", text=_say("after_break")))
    last = pd.Timestamp(str(era["data_to"]))
    if last.normalize() < last.to_period("M").end_time.normalize():

        def unfinished(language: Language) -> str:
            end = moment(last.isoformat(), language, minutes=False)
            return _TEXTS[language]["unfinished"].format(last=end)

        notes.append(Paragraph(text=both(unfinished)))
    return notes


def _returns(
    summary: pd.DataFrame | None, by_month: pd.DataFrame | None, currency: BothLanguages | None
) -> list[Any]:
    """Return the part on what came back."""
    if summary is None:
        return [] if by_month is None else [missing(_say("returned").model_dump(), _STAGE)]
    parts = summary.set_index("part")
    if "all" not in parts.index or not parts.loc["all", "return_lines"]:
        return [Notice(level="info", text=_say("no_returns"))]
    return [
        Tiles(tiles=_return_tiles(parts, currency)),
        _return_table(parts, currency),
        *_return_month(by_month, currency),
    ]


def _return_tiles(parts: pd.DataFrame, currency: BothLanguages | None) -> tuple[Tile, ...]:
    everything: Mapping[Any, Any] = parts.to_dict("index")["all"]
    tiles = [
        Tile(
            label=_say("returned"),
            value=both(lambda language: money(float(everything["value"]), currency, language)),
            note=both(lambda language: _filled("of_sales", everything["share_of_sales"], language)),
        ),
        Tile(
            label=_say("who"),
            value=both(lambda language: number(int(everything["customers"]), language)),
        ),
    ]
    days = everything["median_days"]
    if not pd.isna(days) and "matched" in parts.index:
        matched = parts.loc["matched", "share"]
        tiles.append(
            Tile(
                label=_say("when"),
                value=both(lambda language: counted(float(days), DAYS, language)),
                note=both(lambda language: _filled("when_note", matched, language)),
            )
        )
    return tuple(tiles)


def _filled(key: str, share: Any, language: Language) -> str:
    text = "—" if pd.isna(share) else percent(float(share), language)
    return _TEXTS[language][key].format(share=text)


def _return_table(parts: pd.DataFrame, currency: BothLanguages | None) -> Table:
    everything: Mapping[Any, Any] = parts.to_dict("index")["all"]
    matched = parts["share"].get("matched")

    def title(language: Language) -> str:
        return _TEXTS[language]["returns_title"].format(
            money=money(float(everything["value"]), currency, language),
            share=_share(everything["share_of_sales"], language),
            matched=_share(matched, language),
        )

    columns = [Column(label=_say("part"))]
    columns += [
        Column(label=_say(key), form=form, decimals=1 if form == "share" else 0)
        for key, form in _FORMS.items()
    ]
    return Table(
        name="returns",
        title=both(title),
        advice=_say("returns_advice"),
        origin=_RETURNS,
        columns=tuple(columns),
        rows=tuple(
            (_say(f"part_{part}"), *(cell(row[key]) for key in _FORMS))
            for part, row in parts.iterrows()
        ),
        currency=currency,
    )


def _share(value: Any, language: Language) -> str:
    return "—" if value is None or pd.isna(value) else percent(float(value), language)


def _return_month(by_month: pd.DataFrame | None, currency: BothLanguages | None) -> list[Paragraph]:
    """Name the month in which much of all returns fell."""
    if by_month is None or not by_month["returned_value"].sum():
        return []
    place = int(by_month["returned_value"].astype("float64").to_numpy().argmax())
    most = by_month.iloc[place]
    share = float(most["returned_value"]) / float(by_month["returned_value"].sum())
    if share < _ONE_MONTH or len(by_month) == 1 or pd.isna(most["largest_order"]):
        return []

    def text(language: Language) -> str:
        return _TEXTS[language]["returns_month"].format(
            month=month_of(str(most["month"]), language),
            money=money(float(most["returned_value"]), currency, language),
            share=percent(share, language),
            largest=money(float(most["largest_order"]), currency, language),
        )

    return [Paragraph(text=both(text))]

"""The chapter ``customer_list``: customers one by one, with the reasons of risk and offer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import number
from personal_offers.pipelines.reporting.blocks import (
    LANGUAGES,
    Chapter,
    Notice,
    Origin,
    Widget,
    both,
    missing,
)
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.pipelines.reporting.plan_words import PlanWords, read_words
from personal_offers.pipelines.reporting.profit_unit import ReportUnits
from personal_offers.words import CUSTOMERS, counted

_TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "title": "Клиенты: список",
        "what": "Список клиентов",
        "lead_all": "Здесь все клиенты магазина: {all}. Найдите клиента по номеру, отберите "
        "группу, откройте строку: в ней причины риска и предложения.",
        "lead_some": "Здесь {shown} из {all}, самые важные. Найдите клиента по номеру, отберите "
        "группу, откройте строку: в ней причины риска и предложения.",
        "none": "Показать некого: этап segmentation не нашёл ни одного клиента или не выполнен "
        "(kedro run --pipelines segmentation).",
        "offers": "Предложения в списке",
        "reasons": "Причины риска в списке",
        "widget": "Кому что предложить и почему",
        "advice": "Перед звонком или письмом откройте строку клиента: причины подскажут, о чём "
        "говорить.",
        "order": "первыми — те, у кого больше риск, умноженный на прибыль; за ними те, у кого риск "
        "не посчитан, по ожидаемой прибыли предложения",
        "order_no_risk": "первыми — те, чьё предложение принесёт больше, за ними те, кто приносит "
        "больше прибыли",
        "id": "Клиент",
        "segment": "Сегмент",
        "class": "Класс",
        "cluster": "Кластер",
        "interest": "Интерес",
        "risk": "Риск снижения активности",
        "profit": "Прибыль в месяц, {unit}",
        "stake": "Под риском в месяц, {unit}",
        "group": "Что с клиентом",
        "offer": "Предложение",
        "channel": "Канал",
        "cost": "Стоимость",
        "net": "Ожидаемая чистая прибыль",
        "blocked": "Что мешает",
        "risk_reason": "Почему такой риск",
        "offer_reason": "Почему такое предложение",
        "sent": "получает предложение",
        "control": "контрольная группа",
        "stopped": "отсеян правилами",
        "not_offered": "в каталоге ничего нет",
        "does_not_pay": "предложение не окупается",
        "too_dear": "не хватает бюджета или мест",
    },
    "en": {
        "title": "Customers one by one",
        "what": "The list of customers",
        "lead_all": "Here are all customers of the shop: {all}. Find one by id, filter a group, "
        "open a row: it has the reasons of the risk and of the offer.",
        "lead_some": "Here are the most important {shown} of {all}. Find one by id, filter a "
        "group, open a row: it has the reasons of the risk and of the offer.",
        "none": "There is nobody to list: the stage segmentation found no customer or has not run "
        "(kedro run --pipelines segmentation).",
        "offers": "Offers in the list",
        "reasons": "Reasons of the risk in the list",
        "widget": "What to offer to whom, and why",
        "advice": "Before you call or write, open the row of the customer: the reasons say what to "
        "talk about.",
        "order": "those with the largest risk times profit come first, then those without a "
        "computed risk, by the expected profit of their offer",
        "order_no_risk": "those whose offer brings most come first, then those who bring most "
        "profit",
        "id": "Customer",
        "segment": "Segment",
        "class": "Class",
        "cluster": "Cluster",
        "interest": "Interest",
        "risk": "Decline risk",
        "profit": "Profit a month, {unit}",
        "stake": "At risk a month, {unit}",
        "group": "What becomes of the customer",
        "offer": "Offer",
        "channel": "Channel",
        "cost": "Cost",
        "net": "Expected net profit",
        "blocked": "Blocked by",
        "risk_reason": "Why this risk",
        "offer_reason": "Why this offer",
        "sent": "gets an offer",
        "control": "control group",
        "stopped": "stopped by the rules",
        "not_offered": "nothing in the catalogue",
        "does_not_pay": "no offer pays",
        "too_dear": "no budget or room left",
    },
}
_OUTCOMES = {
    "sent": "sent",
    "control": "control",
    "blocked": "stopped",
    "not_offered": "not_offered",
    "does_not_pay": "does_not_pay",
    "too_dear": "too_dear",
}
# Column of the page: its column in the table, its form and its digits behind the point.
_NUMBERS: Mapping[str, tuple[str, str, int]] = {
    "risk": ("decline_risk", "share", 0),
    "profit": ("profit", "decimal", 2),
    "stake": ("at_stake", "decimal", 2),
    "cost": ("cost", "money", 2),
    "net": ("expected_net", "money", 2),
}
_CODED: Mapping[str, str] = {
    "segment": "segment",
    "class": "rfm_class",
    "cluster": "cluster",
    "group": "outcome",
    "offer": "offer",
    "channel": "channel",
    "blocked": "blocked_by",
}
_ORDER = (
    "segment", "class", "cluster", "interest", "risk", "profit", "stake", "group", "offer",
    "channel", "cost", "net", "blocked",
)  # fmt: skip
_DETAILS = ("risk_reason", "offer_reason")
# Digits that are kept: a page of many customers has to stay small.
_DIGITS = 4
_BETWEEN = "\x1f"

Text = Mapping[str, str]


def write_customer_list(
    options: ReportingOptions,
    plan: ReportUnits,
    customer_list: ir.Table | None = None,
    offer_names: Mapping[str, Any] | None = None,
    view_names: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the chapter: one widget with the customers listed.

    Args:
        options: Of the report; the table holds no more customers than they allow.
        plan: ``params:offers``, for currency and units.
        customer_list: Grain: one customer, from ``list_customers``; None: it was not made.
        offer_names: What offers, channels and gates are called.
        view_names: What segments, classes and clusters are called.

    Returns:
        The chapter as JSON holds it. Columns that are null for everybody are left out.
    """
    if customer_list is None:
        block: Any = missing(_text("what").model_dump(), "segmentation")
        return Chapter(name="customer_list", title=_text("title"), blocks=(block,)).plain()
    frame = customer_list.order_by("place").to_pandas()
    if frame.empty:
        block = Notice(level="missing", text=_text("none"))
        return Chapter(name="customer_list", title=_text("title"), blocks=(block,)).plain()
    total, shown = int(frame["of_customers"].iloc[0]), len(frame)

    def lead(language: Language) -> str:
        return _TEXTS[language]["lead_all" if shown == total else "lead_some"].format(
            shown=counted(shown, CUSTOMERS, language), all=number(total, language)
        )

    words = read_words(plan, offer_names, view_names)
    clusters = (view_names or {}).get("clusters", {})
    widget = Widget(
        widget="customers",
        title=_text("widget"),
        advice=_text("advice"),
        origin=Origin(dataset="customer_list", node="reporting.list_customers"),
        data={"total": total, "shown": shown, **_data(frame, words, clusters)},
    )
    chapter = Chapter(
        name="customer_list",
        title=_text("title"),
        lead=both(lead),
        blocks=(*_absent(frame), widget),
    )
    return chapter.plain()


def _absent(frame: pd.DataFrame) -> Iterator[Notice]:
    """Say what the list would hold, had it been made: the plan decides about every customer."""
    if frame["outcome"].isna().all():
        yield missing(_text("offers").model_dump(), "offers")
    if frame["decline_risk"].notna().any() and frame["risk_reason_ru"].isna().all():
        yield missing(_text("reasons").model_dump(), "modelling")


def _text(key: str, **parts: BothLanguages) -> BothLanguages:
    return both(
        lambda language: _TEXTS[language][key].format(
            **{name: getattr(part, language) for name, part in parts.items()}
        )
    )


def _data(frame: pd.DataFrame, words: PlanWords, clusters: Mapping[str, Text]) -> dict[str, Any]:
    """Return columns, values and details as the script of the page reads them."""
    values: dict[str, Any] = {"id": frame["customer_id"].astype(str).tolist()}
    names = _names(words, clusters)
    # Nothing is sent to the others: a dash says that better than a zero.
    sent = frame["offer"].notna()
    frame = frame.assign(**{name: frame[name].where(sent) for name in ("cost", "expected_net")})
    for key in _ORDER:
        found = _values(frame, key, names)
        if found is not None:
            values[key] = found
    has_risk = "risk" in values
    details = {
        key: {language: _texts(frame[f"{key}_{language}"]) for language in LANGUAGES}
        for key in _DETAILS
        if frame[f"{key}_ru"].notna().any() and (has_risk or key != "risk_reason")
    }
    return {
        "order": _text("order" if has_risk else "order_no_risk").model_dump(),
        "columns": [_column(key, words) for key in values],
        "values": values,
        "detail": [{"key": key, "label": _text(key).model_dump()} for key in details],
        "details": details,
        "currency": words.units.currency.model_dump(),
    }


def _values(frame: pd.DataFrame, key: str, names: Mapping[str, Mapping[str, Text]]) -> Any:
    """Return the values of a column of the page, or None where nobody has one."""
    if key == "interest":
        return _pairs(frame["interest_ru"], frame["interest_en"])
    if key in _NUMBERS:
        return _numbers(frame[_NUMBERS[key][0]])
    return _coded(frame[_CODED[key]], names[key])


def _column(key: str, words: PlanWords) -> dict[str, Any]:
    """Describe a column; filters stand over those with few different values."""
    form, decimals = _NUMBERS[key][1:] if key in _NUMBERS else ("text", 0)
    return {
        "key": key,
        "label": _text(key, unit=words.units.profit).model_dump(),
        "form": form,
        "decimals": decimals,
        "filter": key in _CODED or key == "interest",
    }


def _names(words: PlanWords, clusters: Mapping[str, Text]) -> dict[str, Mapping[str, Text]]:
    """Return by column what each of its values is called."""
    outcomes = {
        name: {str(language): _TEXTS[language][key] for language in LANGUAGES}
        for name, key in _OUTCOMES.items()
    }
    return {
        "segment": words.groups,
        "class": words.groups,
        "cluster": clusters,
        "group": outcomes,
        "offer": words.names.get("offers", {}),
        "channel": words.names.get("channels", {}),
        "blocked": words.names.get("gates", {}),
    }


def _coded(values: pd.Series, names: Mapping[str, Text]) -> dict[str, Any] | None:
    """Write a column of names as codes and labels; None where nobody has one."""
    texts = values.astype("Int64").astype("string") if _is_number(values) else values
    codes, unique = pd.factorize(texts.astype(object), use_na_sentinel=True)
    if not len(unique):
        return None
    labels = [dict(names.get(str(name), {"ru": str(name), "en": str(name)})) for name in unique]
    return {"codes": codes.tolist(), "labels": labels}


def _is_number(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values))


def _pairs(russian: pd.Series, english: pd.Series) -> dict[str, Any] | None:
    """Write a column of names in two languages as codes and labels."""
    first = russian.fillna(english)
    joined = first + _BETWEEN + english.fillna(first)
    codes, unique = pd.factorize(joined.astype(object), use_na_sentinel=True)
    if not len(unique):
        return None
    labels = [dict(zip(LANGUAGES, name.split(_BETWEEN, 1), strict=True)) for name in unique]
    return {"codes": codes.tolist(), "labels": labels}


def _numbers(values: pd.Series) -> list[float | None] | None:
    """Write a column of numbers; None where nobody has one."""
    if values.isna().all():
        return None
    rounded = values.astype("float64").round(_DIGITS)
    finite = rounded.where(rounded.abs() != float("inf"))
    found: list[float | None] = finite.astype(object).where(finite.notna(), None).tolist()
    return found


def _texts(values: pd.Series) -> list[str | None]:
    found: list[str | None] = values.astype(object).where(values.notna(), None).tolist()
    return found

"""Counts with their words, as people of each language write them."""

from __future__ import annotations

from collections.abc import Mapping

from personal_offers.features import Language
from personal_offers.figure_style import SPACE, number, plain

# Russian: the forms for 1, for 2 to 4, for 5 and more; English: for 1, for all others.
Forms = Mapping[Language, tuple[str, ...]]

CUSTOMERS: Forms = {
    "ru": ("клиент", "клиента", "клиентов"),
    "en": ("customer", "customers"),
}
OF_CUSTOMERS: Forms = {
    "ru": ("клиента", "клиентов", "клиентов"),
    "en": ("customer", "customers"),
}
ORDERS: Forms = {"ru": ("заказ", "заказа", "заказов"), "en": ("order", "orders")}
OFFERS: Forms = {
    "ru": ("предложение", "предложения", "предложений"),
    "en": ("offer", "offers"),
}
ROWS: Forms = {"ru": ("строка", "строки", "строк"), "en": ("row", "rows")}
MONTHS: Forms = {"ru": ("месяц", "месяца", "месяцев"), "en": ("month", "months")}
DAYS: Forms = {"ru": ("день", "дня", "дней"), "en": ("day", "days")}
CLUSTERS: Forms = {"ru": ("кластер", "кластера", "кластеров"), "en": ("cluster", "clusters")}

_RUSSIAN_MONTHS = "январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь"
_ENGLISH_MONTHS = (
    "January February March April May June July August September October November December"
)
_TEENS = range(11, 15)
_FEW = range(2, 5)


def form_of(count: float, forms: Forms, language: Language) -> str:
    """Return the form of a word that stands with a count (plural rules of Unicode CLDR).

    Args:
        count: Zero or more; a fraction takes the form for 2 in Russian: 1,5 месяца.
        forms: Of the word.
        language: Of the word.
    """
    if language == "en":
        return forms["en"][count != 1]
    one, few, many = forms["ru"]
    if count != int(count):
        return few
    last = int(count) % 10
    if int(count) % 100 in _TEENS:
        return many
    return one if last == 1 else few if last in _FEW else many


def counted(count: float, forms: Forms, language: Language) -> str:
    """Write a count with its word: 1 клиент, 2 клиента, 1 297 клиентов; 1.5 months.

    Args:
        count: Zero or more.
        forms: Of the word.
        language: Of both.
    """
    text = number(count, language) if count == int(count) else plain(count, language)
    return f"{text}{SPACE}{form_of(count, forms, language)}"


def month_of(month: str, language: Language, short: bool = False) -> str:
    """Write a month of a year: ноябрь 2011, November 2011, or short: ноя 2011, Nov 2011.

    Args:
        month: ``2011-11``.
        language: Of the name; in Russian the nominative, which is the accusative too.
        short: Whether three letters do.
    """
    year, _, place = month.partition("-")
    names = _RUSSIAN_MONTHS if language == "ru" else _ENGLISH_MONTHS
    name = names.split()[int(place) - 1]
    return f"{name[:3] if short else name} {year}"

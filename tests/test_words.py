"""Counts take the form of the word that each language asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personal_offers import words
from personal_offers.features import Language
from personal_offers.words import (
    CUSTOMERS,
    MONTHS,
    OF_CUSTOMERS,
    OFFERS,
    Forms,
    counted,
    form_of,
    month_of,
)

ALL_FORMS: dict[str, Forms] = {
    name: value for name, value in vars(words).items() if name.isupper() and isinstance(value, dict)
}


@pytest.mark.parametrize(
    ("count", "ru", "en"),
    [
        (0, "0 клиентов", "0 customers"),
        (1, "1 клиент", "1 customer"),
        (2, "2 клиента", "2 customers"),
        (4, "4 клиента", "4 customers"),
        (5, "5 клиентов", "5 customers"),
        (11, "11 клиентов", "11 customers"),
        (14, "14 клиентов", "14 customers"),
        (21, "21 клиент", "21 customers"),
        (111, "111 клиентов", "111 customers"),
        (112, "112 клиентов", "112 customers"),
        (1123, "1\u202f123 клиента", "1,123 customers"),
        (12_400, "12\u202f400 клиентов", "12,400 customers"),
        (1_000_001, "1\u202f000\u202f001 клиент", "1,000,001 customers"),
    ],
)
def test_whole_counts(count: int, ru: str, en: str) -> None:
    assert counted(count, CUSTOMERS, "ru") == ru.replace(" ", "\u00a0")
    assert counted(count, CUSTOMERS, "en") == en.replace(" ", "\u00a0")


@pytest.mark.parametrize(
    ("count", "ru", "en"),
    [
        (0.5, "0,5 месяца", "0.5 months"),
        (1.0, "1 месяц", "1 month"),
        (1.5, "1,5 месяца", "1.5 months"),
        (6.0, "6 месяцев", "6 months"),
        (11.5, "11,5 месяца", "11.5 months"),
    ],
)
def test_parts_take_the_genitive_of_one_in_russian(count: float, ru: str, en: str) -> None:
    assert counted(count, MONTHS, "ru") == ru.replace(" ", "\u00a0")
    assert counted(count, MONTHS, "en") == en.replace(" ", "\u00a0")


def test_the_word_alone() -> None:
    assert [form_of(count, OF_CUSTOMERS, "ru") for count in (1, 2, 5, 21)] == [
        "клиента",
        "клиентов",
        "клиентов",
        "клиента",
    ]
    assert [form_of(count, OFFERS, "en") for count in (0, 1, 21)] == ["offers", "offer", "offers"]


@given(st.integers(0, 10**9), st.sampled_from(sorted(ALL_FORMS)), st.sampled_from(["ru", "en"]))
def test_every_count_has_a_form_of_its_word(count: int, name: str, language: Language) -> None:
    forms = ALL_FORMS[name]

    assert form_of(count, forms, language) in forms[language]
    assert form_of(count + 100, forms, language) == form_of(count, forms, language) or count == 1


@pytest.mark.parametrize("forms", ALL_FORMS.values(), ids=ALL_FORMS)
def test_every_word_has_all_its_forms(forms: Forms) -> None:
    assert {language: len(each) for language, each in forms.items()} == {"ru": 3, "en": 2}


def test_months_are_written_with_their_year() -> None:
    assert (month_of("2011-11", "ru"), month_of("2011-05", "ru", short=True)) == (
        "ноябрь 2011",
        "май 2011",
    )
    assert month_of("2011-11", "en", short=True) == "Nov 2011"

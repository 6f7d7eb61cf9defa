"""Texts and numbers in both languages at once, for sentences that hold several of them."""

from __future__ import annotations

from collections.abc import Mapping

from personal_offers.currencies import money
from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import percent
from personal_offers.pipelines.reporting.blocks import LANGUAGES, both
from personal_offers.words import CUSTOMERS, Forms, counted

Spoken = Mapping[Language, str]


def filled(
    texts: Mapping[Language, Mapping[str, str]], key: str, **values: Spoken
) -> BothLanguages:
    """Fill a text in both languages with values in both.

    Args:
        texts: Of a chapter, by language and key.
        key: Of the text.
        **values: Of its places.
    """
    return both(
        lambda language: texts[language][key].format(
            **{name: value[language] for name, value in values.items()}
        )
    )


def texts_of(texts: Mapping[Language, Mapping[str, str]], key: str) -> dict[str, str]:
    """Return a text by language, to stand inside another one."""
    return {language: texts[language][key] for language in LANGUAGES}


def amounts(value: float, unit: BothLanguages) -> dict[Language, str]:
    """Write an amount of money in both languages."""
    return {language: money(value, unit, language) for language in LANGUAGES}


def percents(share: float) -> dict[Language, str]:
    """Write a share of 1 in per cent in both languages."""
    return {language: percent(share, language) for language in LANGUAGES}


def counts(count: float, forms: Forms = CUSTOMERS) -> dict[Language, str]:
    """Write a count with its word in both languages."""
    return {language: counted(count, forms, language) for language in LANGUAGES}

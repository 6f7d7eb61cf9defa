"""Money and moments as the chapters write them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import SPACE, number
from personal_offers.pipelines.reporting.currency import currency_of as sign_of

_DAY = {"ru": "%d.%m.%Y", "en": "%Y-%m-%d"}
_MINUTE = " %H:%M"


def currency_of(era: Mapping[str, Any] | None) -> BothLanguages | None:
    """Return how a shop's currency is written; None where its files do not state one.

    Args:
        era: ``currency``: the code; None for a shop without.
    """
    return sign_of(era) if (era or {}).get("currency") else None


def money(value: float, currency: BothLanguages | None, language: Language) -> str:
    """Write an amount in whole currency units, with the sign where there is one."""
    text = number(value, language)
    return text if currency is None else f"{text}{SPACE}{getattr(currency, language)}"


def changed(value: float, currency: BothLanguages | None, language: Language) -> str:
    """Write a change of an amount: with a plus where it grew."""
    return ("+" if value > 0 else "") + money(value, currency, language)


def moment(text: str, language: Language, minutes: bool = True) -> str:
    """Write a moment as people of the language do: 31.10.2019 16:00 or 2019-10-31 16:00.

    Args:
        text: ISO.
        language: Of the reader.
        minutes: Whether the time of day matters.
    """
    return datetime.fromisoformat(str(text)).strftime(_DAY[language] + (_MINUTE if minutes else ""))

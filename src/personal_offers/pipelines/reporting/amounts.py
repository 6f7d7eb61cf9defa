"""Changes of money, and moments, as the chapters write them."""

from __future__ import annotations

from datetime import datetime

from personal_offers.currencies import money
from personal_offers.features import BothLanguages, Language

_DAY = {"ru": "%d.%m.%Y", "en": "%Y-%m-%d"}
_MINUTE = " %H:%M"


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

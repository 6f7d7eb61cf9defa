"""Currencies and amounts of money, as people of each language write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import SPACE, decimals_of, number

# What amounts are counted in where nobody says which currency it is.
UNITS = BothLanguages(ru="ед.", en="units")
# Code (ISO 4217): what people write; other codes stay as they are.
_SIGNS: Mapping[str, BothLanguages] = {
    "GBP": BothLanguages(ru="£", en="GBP"),
    "EUR": BothLanguages(ru="€", en="EUR"),
    "USD": BothLanguages(ru="$", en="USD"),
    "RUB": BothLanguages(ru="₽", en="RUB"),
}
_WHOLE_FROM = 100
_HUNDREDTHS, _FINEST = 2, 6


def sign_of(code: str) -> BothLanguages:
    """Return how people write a currency.

    Args:
        code: ISO 4217; also one that has no sign of its own.
    """
    return _SIGNS.get(code, BothLanguages(ru=code, en=code))


def currency_of(era: Mapping[str, Any] | None) -> BothLanguages | None:
    """Return how people write a shop's currency; None where its files do not state one.

    Args:
        era: ``currency``: the code; None for a shop without.
    """
    code = (era or {}).get("currency")
    return sign_of(str(code)) if code else None


def written(value: float, language: Language) -> str:
    """Write an amount without its unit, as people do: 1,980, 24.45, 7 or 0.0123.

    Args:
        value: Any finite number; digits behind the sixth are noise.
        language: Of the separators.

    Returns:
        Whole from a hundred on; below it with hundredths, finer where they would hide the amount.
    """
    value = round(value, _FINEST)
    whole = round(abs(value), _HUNDREDTHS) >= _WHOLE_FROM or value == round(value)
    return number(value, language, 0 if whole else max(_HUNDREDTHS, decimals_of(value)))


def money(value: float, unit: BothLanguages | None, language: Language) -> str:
    """Write an amount with its unit: 1,980 GBP, 24.45 GBP or 4.04 units.

    Args:
        value: Any finite number.
        unit: Sign of the currency, or ``UNITS``; None leaves it out.
        language: Of both.
    """
    text = written(value, language)
    return text if unit is None else f"{text}{SPACE}{getattr(unit, language)}"

"""What the currency of a shop of order lines is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personal_offers.features import BothLanguages

_UNKNOWN = BothLanguages(ru="ед.", en="units")
# Code (ISO 4217): what people write, as in the plan of offers; other codes stay as they are.
_SIGNS: Mapping[str, BothLanguages] = {
    "GBP": BothLanguages(ru="£", en="GBP"),
    "EUR": BothLanguages(ru="€", en="EUR"),
    "USD": BothLanguages(ru="$", en="USD"),
    "RUB": BothLanguages(ru="₽", en="RUB"),
}


def currency_of(era: Mapping[str, Any] | None) -> BothLanguages:
    """Return what the currency of a shop is called.

    Args:
        era: Holds ``currency`` (ISO 4217), or None where it is not known.
    """
    code = str((era or {}).get("currency") or "")
    if not code:
        return _UNKNOWN
    return _SIGNS.get(code, BothLanguages(ru=code, en=code))

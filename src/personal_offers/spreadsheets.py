"""Tables as CSV that spreadsheets open as they are meant, and that run nothing there.

No cell may start a formula (OWASP, "CSV Injection"): whoever opens the file trusts it.
"""

from __future__ import annotations

import pandas as pd

# Excel takes a file without it for one in the code page of the machine.
BOM = "\ufeff"
# With this line end csv quotes cells that hold either of its signs; RFC 4180 (2005) asks for it.
LINE_END = "\r\n"
# What a spreadsheet may skip before it looks at the first sign of a cell: white space of any
# kind, signs of no width, quotes.
_SKIPPED = "\\s\u00a0\u00ad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff\"'`’‘“”"
# Signs that begin a formula, or end a cell early; full-width forms are read as the plain ones.
_FORMULA = f"[\\x00-\\x08\\x0b-\\x1f{_SKIPPED}]*[=+\\-@\\t\\r\\n＝＋－＠﹦﹢﹣﹫]"


def without_formulas(cells: pd.Series) -> pd.Series:
    """Return the cells with an apostrophe before each that a spreadsheet might run.

    Args:
        cells: Text without nulls.

    Returns:
        Text of the same index; what is harmless is as it was.
    """
    text = cells.astype("str")
    return text.mask(text.str.match(_FORMULA), "'" + text)

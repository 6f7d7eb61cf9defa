"""What all figures and pages share: colours, numbers as people write them, titles, empty figures.

Colours are those of Okabe and Ito (2008), which people with any colour vision can tell apart; a
colour never stands alone for a meaning: a sign, a pattern or a text says the same.
"""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Callable
from typing import Any

from personal_offers.features import Language

BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#999999"
HEIGHT = 480
# Spaces at which no line may break: a narrow one in numbers, a full one before units.
THIN, SPACE = "\u202f", "\u00a0"

_TITLE_WIDTH = 90
_LONGEST_LABEL = 40
_NO_DECIMALS_FROM = 10
_EMPTY_HEIGHT = 120


def finished(figure: Any, title: str, language: Language) -> Any:
    """Add what all figures have: theme, separators, and the title in lines.

    Args:
        figure: A plotly Figure.
        title: What the figure shows, as a sentence; may hold texts from data.
        language: Of the numbers on the axes.

    Returns:
        The same figure.
    """
    lines = textwrap.wrap(title, _TITLE_WIDTH, break_long_words=True, break_on_hyphens=False)
    figure.update_layout(
        template="plotly_white",
        separators=f",{THIN}" if language == "ru" else ".,",
        title={
            "text": "<br>".join(escaped(line) for line in lines),
            "x": 0,
            "xanchor": "left",
            # The first line stays at the top, however many follow.
            "y": 1,
            "yanchor": "top",
            "yref": "container",
            "pad": {"t": 22, "l": 10},
            "font": {"size": 16},
        },
        margin={"t": 50 + 22 * len(lines), "r": 60},
    )
    return figure


def empty(reason: str, language: Language) -> Any:
    """Return a figure that shows nothing but the reason why, as a sentence in its title."""
    import plotly.graph_objects as go

    hidden = {"visible": False}
    figure = go.Figure(layout={"xaxis": hidden, "yaxis": hidden, "height": _EMPTY_HEIGHT})
    return finished(figure, reason[:1].upper() + reason[1:], language)


def in_both(draw: Callable[[Language], Any]) -> dict[Language, Any]:
    """Draw a figure in every language that people read, as ``FiguresDataset`` saves it.

    Args:
        draw: Returns the plotly Figure in a language.
    """
    return {"ru": draw("ru"), "en": draw("en")}


def number(value: float, language: Language, decimals: int = 0) -> str:
    """Write a number as people of the language do: 1,132,407.5 or 1 132 407,5.

    Args:
        value: Any finite number.
        language: Of the separators.
        decimals: Digits behind the point.

    Returns:
        The text, with a true minus sign; zero has none.
    """
    text = f"{abs(value):,.{decimals}f}"
    if language == "ru":
        text = text.replace(",", THIN).replace(".", ",")
    return f"\u2212{text}" if value < 0 and text.strip("0.,") else text


def decimals_of(value: float, digits: int = 3) -> int:
    """Return how many digits behind the point show so many digits that matter.

    Digits before the point are never rounded away: three digits of 1,234.6 are 1,235.
    """
    size = math.floor(math.log10(abs(value))) if value else 0
    return max(digits - 1 - size, 0)


def significant(value: float, language: Language, digits: int = 3) -> str:
    """Write an amount whose size is not known beforehand, with so many digits that matter."""
    return number(value, language, decimals_of(value, digits))


def span(low: float, high: float, decimals: int, language: Language) -> str:
    """Write an interval: 0.898–0.933, or −0.010 … 0.020 where a dash would look like a minus."""
    dash = "–" if low >= 0 else f"{SPACE}…{SPACE}"
    return f"{number(low, language, decimals)}{dash}{number(high, language, decimals)}"


def plain(value: float, language: Language) -> str:
    """Write a parameter as it was given: 6, 0.5 or, in Russian, 0,5."""
    text = f"{value:,.10g}"
    return text if language == "en" else text.replace(",", THIN).replace(".", ",")


def percent(share: float, language: Language) -> str:
    """Write a share of 1 in per cent: 62%, or below ten with one digit behind the point: 6.2%."""
    hundredths = share * 100
    decimals = 0 if abs(hundredths) >= _NO_DECIMALS_FROM else 1
    return number(hundredths, language, decimals) + "%"


def cut(name: str, longest: int = _LONGEST_LABEL) -> str:
    """Shorten a label that would push the figure aside."""
    return name if len(name) <= longest else name[: longest - 1] + "…"


def escaped(text: str) -> str:
    """Return a text from data as plotly shows it, tags and all."""
    return html.escape(text, quote=False)

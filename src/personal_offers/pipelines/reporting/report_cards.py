"""What the page over the shops says of each report, and that page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personal_offers.features import BothLanguages
from personal_offers.pipelines.reporting.index_page import build_index
from personal_offers.pipelines.reporting.params import ReportingOptions


def summarise_report(
    options: ReportingOptions, chapter_summary: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Say what the page over the shops shows of a report.

    Args:
        options: Names of the shop.
        chapter_summary: What to do now, as JSON holds it.

    Returns:
        shop (technical name), title (both languages), summary (the chapter, or null).
    """
    title = options.title.model_dump()
    return {"shop": options.shop, "title": title, "summary": chapter_summary}


def write_index(*report_cards: Mapping[str, Any] | None) -> str:
    """Write the page over the shops.

    Args:
        *report_cards: Of each shop (``summarise_report``); None for one that has no report yet,
            which is left out.

    Returns:
        The page, in both languages.
    """
    present = [card for card in report_cards if card is not None]
    titles = {card["shop"]: BothLanguages.model_validate(card["title"]) for card in present}
    return build_index(titles, {card["shop"]: card["summary"] for card in present})

"""The page over the shops, from which people open the reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personal_offers.features import BothLanguages, Language
from personal_offers.pipelines.reporting.blocks import LANGUAGES
from personal_offers.pipelines.reporting.page_texts import TEXTS
from personal_offers.pipelines.reporting.rendering import environment, in_language


def build_index(
    titles: Mapping[str, BothLanguages], summaries: Mapping[str, Mapping[str, Any] | None]
) -> str:
    """Write the page over the shops: both languages on one page, so that nobody must choose first.

    Args:
        titles: Name of each shop as people call it, by its technical name, in the order of the
            page. The reports lie in a folder of that technical name beside this page.
        summaries: Chapter ``summary`` of each shop (``Chapter.plain()``), by technical name; of
            one that has none, only the link stands on the page.

    Returns:
        The page. The same inputs give the same bytes.
    """
    halves = [_half(titles, summaries, language) for language in LANGUAGES]
    return environment().get_template("index.html.j2").render(halves=halves)


def _half(
    titles: Mapping[str, BothLanguages],
    summaries: Mapping[str, Mapping[str, Any] | None],
    language: Language,
) -> dict[str, Any]:
    shops = [
        {"name": shop, "title": getattr(title, language)} | _findings(summaries.get(shop), language)
        for shop, title in titles.items()
    ]
    return {"language": language, "texts": TEXTS[language], "shops": shops}


def _findings(summary: Mapping[str, Any] | None, language: Language) -> dict[str, Any]:
    """Return what the summary says first: its lead and its numbers in large type."""
    if summary is None:
        return {"lead": None, "tiles": []}
    tiles = [
        tile for block in summary["blocks"] if block["kind"] == "tiles" for tile in block["tiles"]
    ]
    return {
        "lead": summary["lead"][language] if summary.get("lead") else None,
        "tiles": in_language(tiles, language),
    }

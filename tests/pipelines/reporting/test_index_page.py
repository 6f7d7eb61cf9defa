"""The page over the shops."""

from __future__ import annotations

from personal_offers.features import BothLanguages
from personal_offers.pipelines.reporting.index_page import build_index
from personal_offers.pipelines.reporting.page_texts import TEXTS
from tests.pipelines.reporting.made_up_chapters import chapters

HOSTILE = "<script>alert('1')</script>"
TITLES = {
    "corner_shop": BothLanguages(ru=f"Лавка {HOSTILE}", en="Corner shop"),
    "market": BothLanguages(ru="Рынок", en="Market"),
}


def test_every_shop_is_linked_in_both_languages():
    page = build_index(TITLES, {"corner_shop": chapters()["chapter_summary"]})
    for shop in TITLES:
        for language in ("ru", "en"):
            assert f'href="{shop}/report_{language}.html"' in page
    assert "Главное x" in page and "The point x" in page and "1,234 £" in page


def test_texts_stay_texts():
    page = build_index(
        TITLES, {"corner_shop": chapters(HOSTILE)["chapter_summary"], "market": None}
    )
    assert "<script" not in page and "Лавка &lt;script&gt;" in page


def test_no_shops_are_said():
    page = build_index({}, {})
    assert TEXTS["ru"]["index_none"] in page and TEXTS["en"]["index_none"] in page


def test_same_summaries_give_the_same_bytes():
    summaries = {"market": chapters()["chapter_summary"]}
    assert build_index(TITLES, summaries) == build_index(TITLES, summaries)

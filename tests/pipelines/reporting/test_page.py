"""The pages: what reaches them, what is left out, and that texts from data stay texts."""

from __future__ import annotations

import base64
import gzip
import json
import re
from html.parser import HTMLParser

import pytest

from personal_offers.figure_style import SPACE, THIN
from personal_offers.pipelines.reporting.page import build_report, prose
from personal_offers.pipelines.reporting.page_texts import TEXTS, script_texts
from personal_offers.pipelines.reporting.rendering import embedded, in_language, packed
from tests.pipelines.reporting.made_up_chapters import OPTIONS, chapters, customers_data

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    "\"'><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }} ${7 * 7} &lt;b&gt;",
    "\u202e\u0645\u062a\u062c\u0631\u200f \U0001f6d2\u2028",
)
MOST_BYTES = 8_000_000


class Seen(HTMLParser):
    """What a browser would find in a page: elements, attributes, texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: dict[str, str] = {}
        self._script: str | None = None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self._script = dict(attrs).get("id") or f"script-{len(self.scripts)}"

    def handle_endtag(self, tag):
        if tag == "script":
            self._script = None

    def handle_data(self, data):
        if self._script is not None:
            self.scripts[self._script] = self.scripts.get(self._script, "") + data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split(" "))


def data_of(seen: Seen, name: str):
    text = seen.scripts[name]
    kind = next(attrs["type"] for tag, attrs in seen.tags if attrs.get("id") == name)
    if kind == "application/json":
        return json.loads(text)
    return json.loads(gzip.decompress(base64.b64decode(text)))


@pytest.fixture(scope="module")
def pages() -> tuple[Seen, Seen]:
    ru, en = build_report(OPTIONS, **chapters())
    return Seen(ru), Seen(en)


class TestWhatStandsOnAPage:
    def test_each_page_is_in_its_language(self, pages):
        for seen, language in zip(pages, ("ru", "en"), strict=True):
            assert ("html", {"lang": language}) in seen.tags
        ru, en = (seen.text for seen in pages)
        assert "Лавка: отчёт о клиентах" in ru and "Таблицы" in ru and "Tables" not in ru
        assert "Corner shop: customer report" in en and "Tables" in en and "Таблицы" not in en

    def test_pages_lead_to_each_other_and_to_the_shops(self, pages):
        for seen, other in zip(pages, ("en", "ru"), strict=True):
            links = [attrs["href"] for tag, attrs in seen.tags if tag == "a"]
            assert {f"report_{other}.html", "../index.html"} <= set(links)

    def test_numbers_come_from_the_named_dataset_and_node(self, pages):
        assert "corner_shop.profit_curve" in pages[0].texts
        assert "corner_shop.modelling.trace_profit_curve" in pages[0].texts

    def test_contents_name_the_chapters_of_the_page(self, pages):
        hashes = [attrs["href"] for tag, attrs in pages[0].tags if tag == "a"]
        assert [each for each in hashes if each.startswith("#")] == [
            *("#report", "#summary", "#rfm", "#tables", "#moved")
        ]

    def test_chapter_without_blocks_is_left_out(self, pages):
        assert "Пустая глава" not in pages[0].text

    def test_chapter_that_was_not_written_says_so(self, pages):
        assert "Глава «RFM-классы» не составлена" in pages[0].text
        assert "The chapter “RFM classes” was not written" in pages[1].text

    def test_page_without_chapters_says_so(self):
        ru, en = build_report(OPTIONS)
        assert TEXTS["ru"]["no_chapters"] in ru and TEXTS["en"]["no_chapters"] in en
        assert "plotly.js v" not in ru

    def test_plotly_stands_once(self, pages):
        assert sum("plotly.js v" in text for text in pages[0].scripts.values()) == 1

    def test_nothing_is_loaded_from_elsewhere(self, pages):
        loading = {"src", "srcset", "data", "action", "poster"}
        for tag, attrs in pages[0].tags:
            assert not loading & attrs.keys(), tag
            if tag == "link":
                assert attrs["href"] == "data:,"
        policy = next(a["content"] for t, a in pages[0].tags if a.get("http-equiv"))
        assert policy.startswith("default-src 'none'")
        assert "eval" not in policy and "http" not in policy

    def test_title_of_a_figure_stands_beside_it_and_not_in_it(self, pages):
        drawn = data_of(pages[0], "figure-sales_5_14-data")
        assert "title" not in drawn["layout"] and "template" not in drawn["layout"]
        assert "Продажи растут" in pages[0].texts

    def test_figure_gives_back_the_room_of_its_title(self, pages):
        layout = data_of(pages[0], "figure-sales_5_14-data")["layout"]
        assert (layout["margin"]["t"], layout["height"]) == (32, 320 - (72 - 32))

    def test_ids_are_unique(self, pages):
        ids = [attrs["id"] for _, attrs in pages[0].tags if "id" in attrs]
        assert len(ids) == len(set(ids))

    def test_same_chapters_give_the_same_bytes(self):
        assert build_report(OPTIONS, **chapters()) == build_report(OPTIONS, **chapters())


class TestCells:
    def cells(self, seen: Seen) -> str:
        return "|".join(text for text in seen.texts if text.strip())

    def test_are_written_as_russians_do(self, pages):
        cells = self.cells(pages[0])
        money = f"\u22121{THIN}234,50{SPACE}£"
        assert f"|x|1{THIN}234{THIN}567|{money}|50%|0,123|" in cells
        assert "|Имяx|0|—|6,2%|0,000|" in cells

    def test_are_written_as_the_english_do(self, pages):
        cells = self.cells(pages[1])
        assert f"|x|1,234,567|\u22121,234.50{SPACE}£|50%|0.123|" in cells
        assert "|Namex|0|—|6.2%|0.000|" in cells


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_texts(text, pages):
    ru, en = build_report(OPTIONS, **chapters(text))
    for seen, quiet in zip((Seen(ru), Seen(en)), pages, strict=True):
        assert [tag for tag, _ in seen.tags] == [tag for tag, _ in quiet.tags]
        assert not any(name.startswith("on") for _, attrs in seen.tags for name in attrs)
        customers = data_of(seen, "widget-customers-moved-3-data")
        assert customers["values"]["customer_id"][0] == f"{text}12000"
    assert f"Осторожно {text}" in Seen(ru).text


class TestSize:
    def test_of_twenty_thousand_customers_is_below_the_limit(self):
        pages = build_report(OPTIONS, **chapters(customers=20_000))
        assert all(len(page.encode()) < MOST_BYTES for page in pages)

    def test_large_data_are_packed_the_same_way_every_time(self):
        data = customers_data(2_000)
        assert packed(data) == packed(data)
        assert len(packed(data)) < len(embedded(data)) / 3


class TestProse:
    def test_html_and_pictures_stay_text(self):
        html = prose("<b>x</b> ![y](https://example.com/p.png) [z](javascript:alert(1))", "t", "en")
        assert "<b>" not in html and "<img" not in html and 'href="javascript' not in html

    def test_headings_follow_those_of_the_page(self):
        html = prose("## A\n\n### B\n\n##### C\n", "t", "en")
        assert re.findall(r"<h(\d)>", html) == ["4", "5", "6"]

    def test_tables_scroll_in_a_named_frame(self):
        html = prose("|a|\n|-|\n|1|\n", '"quoted"', "en")
        assert 'role="region" aria-label="&#34;quoted&#34;: table, scrolls sideways"' in html
        assert html.count("<div") == html.count("</div>") == 1


class TestTexts:
    def test_script_gets_its_own(self):
        assert script_texts("en")["customers"] == "Customers"
        assert "skip" not in script_texts("en")

    def test_only_one_language_goes_to_a_page(self):
        deep = {"a": [{"ru": "да", "en": "yes"}], "b": {"ru": ["а"], "en": ["a"]}, "c": 1}
        assert in_language(deep, "ru") == {"a": ["да"], "b": ["а"], "c": 1}

    def test_numbers_that_json_lacks_are_refused(self):
        with pytest.raises(ValueError, match="JSON"):
            embedded({"a": float("nan")})

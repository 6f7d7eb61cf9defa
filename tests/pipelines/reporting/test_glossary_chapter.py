"""The glossary explains the words of a report and leaves out those for what a shop lacks."""

from __future__ import annotations

from typing import Any

from personal_offers.pipelines.reporting.glossary_chapter import _WORDS, write_glossary
from personal_offers.pipelines.reporting.glossary_texts import TEXTS
from tests.pipelines.reporting.made_up_chapters import OPTIONS

MODEL: dict[str, Any] = {"withheld": None}
NO_MODEL = {"withheld": {"ru": "мало", "en": "too few"}}


def words(**inputs: Any) -> list[str]:
    chapter = write_glossary(OPTIONS, **inputs)
    return [row[0]["en"] for block in chapter["blocks"] for row in block["rows"]]


def test_every_word_has_a_meaning_and_every_text_a_place() -> None:
    names = [word.name for listed in _WORDS.values() for word in listed]
    keys = {*names, *(f"{name}_is" for name in names), *(f"topic_{topic}" for topic in _WORDS)}
    assert len(names) == len(set(names))
    assert set(TEXTS["ru"]) == set(TEXTS["en"])
    assert set(TEXTS["en"]) - keys == {"title", "lead", "head_word", "head_meaning"}


def test_a_shop_of_tables_has_no_words_of_order_lines() -> None:
    found = words(metrics=MODEL, offer_plan={"provisional": False})
    assert "RFM" not in found
    assert "Regime break" not in found
    assert "Provisional plan" not in found
    assert {"ROC-AUC", "Cross-validation", "Favourite category", "Control group"} <= set(found)


def test_a_shop_of_order_lines_with_a_break_and_without_a_model() -> None:
    found = words(
        metrics=NO_MODEL,
        era={"break": {"since": "2019-10-31"}, "withheld": {}},
        interest_metrics=NO_MODEL,
        offer_plan={"provisional": True, "do_not_touch": {"customers": 3}},
    )
    assert {"RFM", "Regime break", "Withheld", "Provisional plan", "Do not touch"} <= set(found)
    assert not {"ROC-AUC", "Segment", "Accuracy and coverage", "Out of time"} & set(found)


def test_the_unit_of_profit_is_explained_where_it_is_not_certain() -> None:
    assert "Unit of profit" in words(offer_plan={"units": [{}, {}]})
    assert "Unit of profit" not in words(offer_plan={"units": [{}]})


def test_words_of_marks_follow_the_marks_of_the_shop() -> None:
    assert "Mark of behaviour" in words(view_names={"marks": {"full_cart": {}}})
    assert "Mark of behaviour" not in words(view_names={"marks": {}})


def test_no_word_stands_twice_in_one_report() -> None:
    for era in (None, {"break": None}):
        found = words(metrics=MODEL, offer_plan={"provisional": True}, era=era)
        assert len(found) == len(set(found))


def test_without_any_output_the_common_words_remain() -> None:
    found = words()
    assert "Decline risk" in found
    assert "Cleaning" in found
    assert "ROC-AUC" not in found

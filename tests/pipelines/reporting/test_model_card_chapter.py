"""The model card in the report loses nothing of what was written at training."""

from __future__ import annotations

from personal_offers.pipelines.reporting.model_card_chapter import write_model_card
from tests.pipelines.reporting.made_up_chapters import OPTIONS

RUSSIAN = (
    "# Карточка\n\n## Для чего\n\n- Раз.\n\n## Не для\n\n- Два.\n\n## Данные\n\n| а |\n| - |\n"
)
ENGLISH = "# Card\n\n## For\n\n- One <script>.\n\n## Not for\n\n- Two.\n\n## Data\n\n| a |\n| - |\n"


def test_a_card_is_cut_at_its_headings_and_the_first_parts_stand_open() -> None:
    chapter = write_model_card(OPTIONS, RUSSIAN, ENGLISH)
    assert [block["title"]["en"] for block in chapter["blocks"]] == ["For", "Not for", "Data"]
    assert [block["folded"] for block in chapter["blocks"]] == [False, False, True]
    assert chapter["blocks"][0]["text"] == {"ru": "- Раз.", "en": "- One <script>."}
    assert chapter["blocks"][2]["text"]["en"] == "| a |\n| - |"


def test_the_origin_is_the_node_that_wrote_the_card() -> None:
    plain = write_model_card(OPTIONS, RUSSIAN, ENGLISH)["blocks"][0]["origin"]
    timed = write_model_card(OPTIONS, RUSSIAN, ENGLISH, {"test": None})["blocks"][0]["origin"]
    assert plain == {"dataset": "model_card_ru", "node": "modelling.write_cards"}
    assert timed["node"] == "modelling.write_cards_with_time"


def test_cards_that_do_not_match_part_by_part_stay_whole() -> None:
    for english in (ENGLISH + "\n## More\n\n- Three.\n", "No heading at all", "Before\n" + ENGLISH):
        blocks = write_model_card(OPTIONS, RUSSIAN, english)["blocks"]
        assert len(blocks) == 1
        assert blocks[0]["text"] == {"ru": RUSSIAN, "en": english}


def test_a_missing_card_names_the_stage_that_writes_it() -> None:
    for cards in ((None, None), (RUSSIAN, None), ("", " ")):
        blocks = write_model_card(OPTIONS, *cards)["blocks"]
        assert [block["level"] for block in blocks] == ["missing"]
        assert "modelling" in blocks[0]["text"]["ru"]

"""What chapters are made of."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from pydantic import ValidationError

from personal_offers.features import BothLanguages
from personal_offers.figure_style import finished
from personal_offers.pipelines.reporting.blocks import (
    Chapter,
    Origin,
    both,
    cell,
    drawn,
    either,
    figure_from,
    missing,
    present,
)
from tests.pipelines.reporting.made_up_chapters import chapters

ORIGIN = Origin(dataset="metrics", node="modelling.evaluate")
ADVICE = BothLanguages(ru="Смотрите", en="Look")


def test_chapters_survive_json():
    for chapter in chapters("</script>").values():
        if chapter is not None:
            again = json.loads(json.dumps(chapter, allow_nan=False))
            assert Chapter.model_validate(again).plain() == chapter


def test_chapter_of_a_bad_name_is_refused():
    with pytest.raises(ValidationError, match="name"):
        Chapter(name="Not a name", title=ADVICE, blocks=())


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float64(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (float("nan"), None),
        (float("-inf"), None),
        (pd.NaT, None),
        (None, None),
        ("x", "x"),
        (pd.Timestamp("2011-12-09"), "2011-12-09 00:00:00"),
    ],
)
def test_cell_is_what_json_knows(value, plain):
    assert cell(value) == plain


class TestFigureFrom:
    def figure(self, title="Прибыль <растёт>"):
        chart = go.Figure(go.Bar(x=["a"], y=[1]))
        return drawn(lambda language: finished(chart, title, language))

    def test_takes_the_title_out_of_the_figure(self):
        block = figure_from(self.figure(), "profit", ADVICE, ORIGIN)
        assert block.title.ru == "Прибыль <растёт>"
        assert "title" not in block.figures["ru"]["layout"]
        assert "template" not in block.figures["ru"]["layout"]

    def test_joins_the_lines_of_a_long_title(self):
        title = " ".join(["слово"] * 40)
        assert figure_from(self.figure(title), "profit", ADVICE, ORIGIN).title.ru == title

    def test_gives_nothing_where_nothing_was_drawn(self):
        assert figure_from(None, "profit", ADVICE, ORIGIN) is None
        empty = {"ru": {"data": [], "layout": {}}, "en": {"data": [], "layout": {}}}
        assert figure_from(empty, "profit", ADVICE, ORIGIN) is None


def test_texts_are_read_in_both_languages():
    assert both(lambda language: f"in {language}") == BothLanguages(ru="in ru", en="in en")
    row = {"name_ru": "Имя", "name_en": "Name"}
    assert either(row, "name_") == BothLanguages(ru="Имя", en="Name")


def test_blocks_that_a_shop_lacks_are_dropped():
    notice = missing({"ru": "Риск", "en": "The risk"}, "modelling")
    assert present(None, notice, None) == (notice,)


def test_missing_part_says_what_to_run():
    notice = missing({"ru": "Риск", "en": "The risk"}, "modelling")
    assert notice.level == "missing"
    assert "kedro run --pipelines modelling" in notice.text.ru
    assert "kedro run --pipelines modelling" in notice.text.en

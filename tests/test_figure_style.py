"""Numbers as people write them, and what all figures share."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest

from personal_offers.features import Language
from personal_offers.figure_style import (
    cut,
    empty,
    finished,
    in_both,
    number,
    percent,
    plain,
    significant,
    span,
)


@pytest.mark.parametrize(
    ("value", "decimals", "en", "ru"),
    [
        (1132407.5, 1, "1,132,407.5", "1\u202f132\u202f407,5"),
        (-0.05, 2, "\u22120.05", "\u22120,05"),
        (-0.001, 2, "0.00", "0,00"),
        (999.6, 0, "1,000", "1\u202f000"),
    ],
)
def test_numbers(value: float, decimals: int, en: str, ru: str) -> None:
    assert number(value, "en", decimals) == en
    assert number(value, "ru", decimals) == ru


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.00"),
        (1.3747, "1.37"),
        (0.0891, "0.0891"),
        (-0.16426, "\u22120.164"),
        (1234.6, "1,235"),
    ],
)
def test_amounts_keep_three_digits_that_matter(value: float, text: str) -> None:
    assert significant(value, "en") == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.62, "62%"), (0.062, "6.2%"), (0, "0.0%"), (1, "100%")]
)
def test_shares(share: float, text: str) -> None:
    assert percent(share, "en") == text
    assert percent(share, "ru") == text.replace(".", ",")


def test_parameters_stay_as_they_were_given() -> None:
    assert [plain(value, "en") for value in (6, 0.5, 1200.0)] == ["6", "0.5", "1,200"]
    assert plain(0.04, "ru") == "0,04"


def test_an_interval_below_zero_has_no_dash() -> None:
    assert span(0.1, 0.25, 2, "en") == "0.10–0.25"
    assert span(-0.1, 0.2, 1, "ru") == "\u22120,1\u00a0…\u00a00,2"


def test_long_labels_are_cut() -> None:
    assert cut("x" * 50) == "x" * 39 + "…"
    assert cut("x" * 40) == "x" * 40


@pytest.mark.parametrize("language", ["ru", "en"])
def test_titles_are_wrapped_and_escaped(language: Language) -> None:
    figure = finished(go.Figure(), "<b>word</b> " * 20, language)

    lines = figure.layout.title.text.split("<br>")
    assert len(lines) > 2
    assert all("&lt;b&gt;" in line and "<" not in line for line in lines)
    assert figure.layout.separators[0] == ("," if language == "ru" else ".")


def test_a_figure_is_drawn_in_every_language() -> None:
    figures = in_both(lambda language: finished(go.Figure(), f"0 {language}", language))

    assert list(figures) == ["ru", "en"]
    assert [each.layout.title.text for each in figures.values()] == ["0 ru", "0 en"]


def test_a_hyphen_is_no_place_to_break() -> None:
    figure = finished(go.Figure(), "x" * 84 + " ROC-AUC 0.9", "en")

    assert figure.layout.title.text.split("<br>")[1] == "ROC-AUC 0.9"


def test_an_empty_figure_is_its_reason() -> None:
    figure = empty("нет данных", "ru")

    assert figure.layout.title.text == "Нет данных"
    assert len(figure.data) == 0

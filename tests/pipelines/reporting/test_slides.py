"""Pictures and tables that people take out of a report."""

from typing import Any

import pytest

from personal_offers.features import BothLanguages
from personal_offers.pipelines.reporting.blocks import Chapter, Column, Figure, Origin, Table
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.pipelines.reporting.slides import draw_pictures, write_tables

ORIGIN = Origin(dataset="numbers", node="stage.make_numbers")


def said(ru: str, en: str) -> BothLanguages:
    return BothLanguages(ru=ru, en=en)


def options(**changed: Any) -> ReportingOptions:
    given = {
        "title": {"ru": "Чай", "en": "Tea"},
        "customers_listed": 10,
        "risk_step": 0.1,
        "profit_stops": 5,
        "confidence": 0.95,
        "fewest_customers": 30,
        "pictures": True,
    }
    return ReportingOptions.model_validate(given | changed)


def figure(name: str, main: bool) -> Figure:
    drawn = {"data": [{"type": "bar", "y": [1]}], "layout": {"height": 90, "margin": {"r": 7}}}
    return Figure(
        name=name,
        title=said("Вывод <b>", "Finding <b>"),
        advice=said("Совет", "Advice"),
        origin=ORIGIN,
        figures={"ru": drawn, "en": drawn},
        main=main,
    )


TABLE = Table(
    name="segments",
    title=said("Сегменты", "Segments"),
    origin=ORIGIN,
    columns=(
        Column(label=said("Имя", "Name")),
        Column(label=said("Клиентов", "Customers"), form="whole"),
        Column(label=said("Прибыль", "Profit"), form="money", decimals=2),
    ),
    rows=(
        (said("Спасать", "Save"), 12, 1.5),
        ("=cmd|' /C calc'!A0", None, None),
    ),
    currency=said("₽", "RUB"),
)


def chapter(*blocks: Any) -> dict[str, Any]:
    return Chapter(name="any", title=said("Глава", "Chapter"), blocks=blocks).plain()


class TestPictures:
    def test_main_charts_are_drawn_in_both_languages(self) -> None:
        one = chapter(figure("first", main=True), figure("second", main=False))

        assert list(draw_pictures(options(), one=one)) == ["ru/first", "en/first"]

    def test_the_finding_stands_on_the_slide_as_text(self) -> None:
        (slide, _) = draw_pictures(options(), one=chapter(figure("f", main=True))).values()

        assert slide["layout"]["title"]["text"] == "Вывод &lt;b&gt;"
        assert slide["layout"]["margin"] == {"r": 7, "t": 82}
        assert "height" not in slide["layout"]

    def test_pictures_may_be_turned_off(self) -> None:
        assert draw_pictures(options(pictures=False), one=chapter(figure("f", main=True))) == {}

    def test_missing_chapters_have_none(self) -> None:
        assert draw_pictures(options(), one=None) == {}


class TestTables:
    def test_each_language_has_its_words_and_its_signs(self) -> None:
        found = write_tables(options(), one=chapter(TABLE))

        assert found["ru/segments"].splitlines()[:2] == [
            "\ufeffИмя;Клиентов;Прибыль, ₽",
            "Спасать;12;1,5",
        ]
        assert found["en/segments"].splitlines()[:2] == [
            '\ufeffName,Customers,"Profit, RUB"',
            "Save,12,1.5",
        ]

    def test_no_cell_starts_a_formula(self) -> None:
        found = write_tables(options(), one=chapter(TABLE))

        assert found["en/segments"].splitlines()[2] == "'=cmd|' /C calc'!A0,,"

    @pytest.mark.parametrize("rows", [(), ((None, None, None),)])
    def test_a_table_without_values_has_its_head(self, rows: tuple[Any, ...]) -> None:
        empty = TABLE.model_copy(update={"rows": rows})

        text = write_tables(options(), one=chapter(empty))["en/segments"]

        assert text.splitlines()[0].endswith('Name,Customers,"Profit, RUB"')
        assert len(text.splitlines()) == 1 + len(rows)

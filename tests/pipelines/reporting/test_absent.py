"""A chapter names the data that nobody has written."""

from __future__ import annotations

import inspect
from typing import Any, get_type_hints

from personal_offers.features import BothLanguages
from personal_offers.pipelines.reporting.absent import telling_absent
from personal_offers.pipelines.reporting.blocks import Chapter, Notice, Paragraph
from personal_offers.pipelines.reporting.params import ReportingOptions

WORDS = BothLanguages(ru="Всё хорошо.", en="All is well.")


def write(options: object, sales: Any = None, names: Any = None) -> dict[str, Any]:
    told = Notice(level="missing", text=WORDS) if sales == "withheld" else Paragraph(text=WORDS)
    return Chapter(name="sales", title=WORDS, blocks=(told,)).plain()


def typed(options: ReportingOptions, sales: Any = None) -> dict[str, Any]:
    return {}


def test_absent_inputs_are_named_first() -> None:
    chapter = telling_absent(write)(options=1, sales=None, names=None)

    first, second = chapter["blocks"]
    assert first["level"] == "missing"
    assert all("names, sales" in text for text in first["text"].values())
    assert second["kind"] == "paragraph"
    assert Chapter.model_validate(chapter).plain() == chapter


def test_whole_chapter_stays_as_it_is() -> None:
    inputs = {"options": 1, "sales": 2, "names": {}}

    assert telling_absent(write)(**inputs) == write(**inputs)


def test_chapter_that_tells_itself_does_not_tell_twice() -> None:
    chapter = telling_absent(write)(options=1, sales="withheld", names=None)

    assert [block["kind"] for block in chapter["blocks"]] == ["notice"]


def test_node_is_still_known_by_its_function() -> None:
    # Kedro reads there which parameters are checked by which model
    wrapped = telling_absent(typed)

    assert wrapped.__name__ == "typed"
    assert list(inspect.signature(wrapped, follow_wrapped=False).parameters) == ["options", "sales"]
    assert get_type_hints(wrapped)["options"] is ReportingOptions

"""What a chapter of a report is made of, before it becomes a page in either language.

A chapter is data: texts in both languages, tables with raw values, figures as plotly.js reads
them. How it looks is the business of ``page.py`` and its template, so a new chapter needs no HTML
and no text from data can become any.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from personal_offers.features import BothLanguages, Language, Strict

LANGUAGES: tuple[Language, ...] = ("ru", "en")

Scalar = str | int | float | bool | None
# A cell is a raw value, formatted by its column, or a text in both languages.
Cell = Scalar | BothLanguages


class Origin(Strict):
    """Where numbers come from.

    Attributes:
        dataset: Name in the catalog, without the shop: ``profit_curve``.
        node: That made it, with its stage: ``modelling.trace_profit_curve``.
    """

    dataset: str
    node: str


class Paragraph(Strict):
    """A sentence or several."""

    kind: Literal["paragraph"] = "paragraph"
    text: BothLanguages


class Bullets(Strict):
    """A list of sentences.

    Attributes:
        numbered: Whether their order matters.
    """

    kind: Literal["bullets"] = "bullets"
    texts: tuple[BothLanguages, ...]
    numbered: bool = False


class Notice(Strict):
    """Something that readers must not overlook.

    Attributes:
        level: ``warning`` for a limit of the conclusions, ``missing`` for a part that was not made.
    """

    kind: Literal["notice"] = "notice"
    level: Literal["info", "warning", "missing"]
    text: BothLanguages


class Tile(Strict):
    """One number in large type.

    Attributes:
        label: What it is, with its unit.
        value: As people write it.
        note: An interval, a comparison.
    """

    label: BothLanguages
    value: BothLanguages
    note: BothLanguages | None = None


class Tiles(Strict):
    """The few numbers that a chapter is about."""

    kind: Literal["tiles"] = "tiles"
    tiles: tuple[Tile, ...]


class Figure(Strict):
    """A chart.

    Attributes:
        name: Unique on the page; of files as well: small letters, digits and ``_``.
        title: The finding, as a sentence.
        advice: What to do with it, as a sentence.
        origin: Of the numbers.
        figures: By language what plotly.js reads; without title.
        main: Whether it is also written as a picture for slides.
    """

    kind: Literal["figure"] = "figure"
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: BothLanguages
    advice: BothLanguages
    origin: Origin
    figures: dict[Language, dict[str, Any]]
    main: bool = False


class Column(Strict):
    """A column of a table.

    Attributes:
        label: Its head, with the unit.
        form: ``text``; ``whole`` numbers; ``decimal`` with ``decimals`` digits; ``money`` in
            the currency of the table, rounded to ``decimals``; ``share`` of 1, shown in per cent.
        decimals: Digits behind the point.
    """

    label: BothLanguages
    form: Literal["text", "whole", "decimal", "money", "share"] = "text"
    decimals: int = Field(default=0, ge=0, le=6)


class Table(Strict):
    """A table, also written as CSV.

    Attributes:
        name: Unique on the page.
        title: The finding, or what it lists.
        advice: What to do with it; None where the figure beside it says so.
        origin: Of the numbers.
        columns: From left to right.
        rows: Cells in that order.
        folded: Whether it is closed until somebody opens it.
        currency: Of columns of money: its sign in each language.
    """

    kind: Literal["table"] = "table"
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: BothLanguages
    advice: BothLanguages | None = None
    origin: Origin
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: bool = False
    currency: BothLanguages | None = None


class Prose(Strict):
    """A page written elsewhere, in Markdown; HTML in it is shown as text.

    Attributes:
        title: Of the part.
        folded: Whether it is closed until somebody opens it.
    """

    kind: Literal["prose"] = "prose"
    title: BothLanguages
    text: BothLanguages
    origin: Origin
    folded: bool = True


class Widget(Strict):
    """Something that readers move: its data, for the script of the page.

    Attributes:
        widget: Which: ``thresholds``, ``budget`` or ``customers``.
        data: For the script; ``page.py`` says what each widget reads.
    """

    kind: Literal["widget"] = "widget"
    widget: Literal["thresholds", "budget", "customers"]
    title: BothLanguages
    advice: BothLanguages
    origin: Origin
    data: dict[str, Any]


Block = Annotated[
    Paragraph | Bullets | Notice | Tiles | Figure | Table | Prose | Widget,
    Field(discriminator="kind"),
]


class Chapter(Strict):
    """A chapter of a report.

    Attributes:
        name: Of the anchor: ``risk``.
        title: As in the contents.
        lead: What the chapter found, in one or two sentences.
        blocks: In the order of the page. A chapter without any is left out of the page.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: BothLanguages
    lead: BothLanguages | None = None
    blocks: tuple[Block, ...]

    def plain(self) -> dict[str, Any]:
        """Return the chapter as JSON holds it."""
        return self.model_dump(mode="json")


def both(write: Callable[[Language], str]) -> BothLanguages:
    """Write a text in both languages by a function of the language."""
    return BothLanguages(**{language: write(language) for language in LANGUAGES})


def either(texts: Mapping[str, Any], prefix: str = "") -> BothLanguages:
    """Read a text in both languages from ``ru`` and ``en``, or ``name_ru`` and ``name_en``."""
    return BothLanguages(ru=str(texts[f"{prefix}ru"]), en=str(texts[f"{prefix}en"]))


def cell(value: Any) -> Scalar:
    """Return a value of a frame as JSON knows it: None for nothing, no infinities."""
    if value is None or value != value:  # noqa: PLR0124  # NaN and NaT differ from themselves
        return None
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, float) and not math.isfinite(plain):
        return None
    return plain if isinstance(plain, str | int | float | bool) else str(plain)


def figure_from(
    figures: Mapping[Language, Mapping[str, Any]] | None,
    name: str,
    advice: BothLanguages,
    origin: Origin,
    main: bool = False,
) -> Figure | None:
    """Make a block of a drawn figure: its title becomes the title of the block.

    Args:
        figures: As ``FiguresDataset`` loads them, or None where nothing was drawn.
        name: Of the block.
        advice: What to do with it.
        origin: Of the numbers.
        main: Whether it is also written as a picture.

    Returns:
        The block, or None where there is nothing to see: no figure, or one without any trace.
    """
    if figures is None or not any(each.get("data") for each in figures.values()):
        return None
    titles, bare = {}, {}
    for language, figure in figures.items():
        layout = dict(figure["layout"])
        text = (layout.pop("title", None) or {}).get("text", "")
        titles[language] = html.unescape(text.replace("<br>", " "))
        layout.pop("template", None)  # the same for all: the page has it once
        bare[language] = {"data": figure["data"], "layout": layout}
    return Figure(
        name=name,
        title=BothLanguages(**titles),
        advice=advice,
        origin=origin,
        figures=bare,
        main=main,
    )


def drawn(draw: Callable[[Language], Any]) -> dict[Language, dict[str, Any]]:
    """Draw a figure in both languages, in the form that ``FiguresDataset`` loads.

    Args:
        draw: Returns a plotly Figure, finished with its title (``figure_style.finished``).
    """
    return {language: json.loads(draw(language).to_json()) for language in LANGUAGES}


def present(*blocks: Any) -> tuple[Any, ...]:
    """Return the blocks that exist; those that a shop lacks are None."""
    return tuple(block for block in blocks if block is not None)


def missing(what: Mapping[str, str], stage: str) -> Notice:
    """Say that a part of the report was not made because a stage has not run.

    Args:
        what: The part, in both languages, as the subject of a sentence.
        stage: That would make it.
    """
    return Notice(
        level="missing",
        text=BothLanguages(
            ru=f"{what['ru']}: данных нет, потому что этап {stage} не выполнен. "
            f"Выполните kedro run --pipelines {stage}, затем kedro run --tags reporting.",
            en=f"{what['en']}: there are no data, because the stage {stage} has not run. "
            f"Run kedro run --pipelines {stage}, then kedro run --tags reporting.",
        ),
    )


def known(**inputs: Any) -> Sequence[str]:
    """Return the names of the inputs that exist."""
    return [name for name, value in inputs.items() if value is not None]

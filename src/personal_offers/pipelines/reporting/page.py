"""Pages from chapters: one self-contained file per language.

A page carries its style, its scripts, plotly.js and all data, and asks nothing of anybody. Texts
from data reach it through a template that escapes them, or as JSON (``rendering.embedded``).

What the widgets read (money as plain numbers, texts in both languages):

``thresholds``: ``risk_stops`` and ``profit_stops`` (ascending), the configured ``risk`` and
``profit`` among them; ``cells``: ``[i, j, customers, profit, profit_at_risk]`` for customers from
``risk_stops[i]`` and ``profit_stops[j]`` up to the next stops, money in whole units of
10^-``scale_digits``, so that sums are exact; ``unknown`` (``customers``, ``profit``); ``names`` of
``high_high``, ``high_low``, ``low_high``, ``low_low`` (risk first); ``unit``, ``per``.

``budget``: ``budgets`` (ascending; each ``budget``, ``spend``, ``customers``, ``expected_net``,
``next_unit_returns``, ``enter``, ``leave``, ``change``, ``is_plan`` and ``offers``: ``[name,
customers, cost, expected_net]``), ``offers`` (names), ``currency``, ``index`` of the plan.

``customers``: ``total``, ``shown``, ``order``; ``columns`` (``key``, ``label``, ``form``,
``decimals``, ``filter``), ``values`` by key (raw, or ``codes`` into ``labels``), ``detail``
(``key``, ``label``), ``details`` by key, ``currency``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from personal_offers.features import Language
from personal_offers.figure_style import SPACE, number, percent, plain
from personal_offers.pipelines.reporting.blocks import LANGUAGES
from personal_offers.pipelines.reporting.figure_numbers import Numbers, numbers_of
from personal_offers.pipelines.reporting.page_texts import TEXTS, script_texts
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.pipelines.reporting.rendering import (
    data_element,
    embedded,
    environment,
    in_language,
)

_CHAPTER = "chapter_"
# Pixels above a chart, whose title the page shows itself: for a legend in one line.
_ROOM_ABOVE = 32
# Plotly makes it larger where labels need it.
_ROOM_BELOW = 48
_USUAL_HEIGHT = 450
# Letters from which texts in a table need room beside other columns.
_SHORT, _LONG = 12, 40
_HEADING = re.compile(r"^h([1-6])$")
# Below the title of the page (1), of the chapter (2) and of the part (3).
_FIRST_PROSE_HEADING, _LAST_HEADING = 4, 6

View = dict[str, Any]


def build_report(
    options: ReportingOptions, **chapters: Mapping[str, Any] | None
) -> tuple[str, str]:
    """Write the pages of one shop.

    Args:
        options: Name of the shop.
        chapters: By ``chapter_<name>``, in the order of the page: ``Chapter.plain()``, or None
            where the chapter was not written, which the page says. One without blocks is left out.

    Returns:
        The page in Russian and in English. The same chapters give the same bytes.
    """
    ru, en = (_page(options, chapters, language) for language in LANGUAGES)
    return ru, en


def _page(
    options: ReportingOptions, chapters: Mapping[str, Mapping[str, Any] | None], language: Language
) -> str:
    views = [
        _chapter_view(name.removeprefix(_CHAPTER), chapter, options.shop, language)
        for name, chapter in chapters.items()
        if chapter is None or chapter["blocks"]
    ]
    other = next(each for each in LANGUAGES if each != language)
    title = getattr(options.title, language)
    data = [element for view in views for element in view["data"]]
    kinds = {block["kind"] for view in views for block in view["blocks"]}
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            language=language,
            other=other,
            texts=TEXTS[language],
            title=title,
            chapters=views,
            data=data,
            script_texts=embedded(script_texts(language)),
            figure_template=embedded(_figure_template()),
            has_figures="figure" in kinds,
            plotly=_plotly,
        )
    )


def _plotly() -> Markup:
    """Return plotly.js; it holds nothing that would end its script element."""
    from plotly.offline import get_plotlyjs

    return Markup(get_plotlyjs().replace("</script", "<\\/script"))  # noqa: S704  # not from data


def _figure_template() -> dict[str, Any]:
    """Return the looks that all figures share."""
    import plotly.io as pio

    looks: dict[str, Any] = pio.templates["plotly_white"].to_plotly_json()
    # As in texts: 1,234, although plotly would separate from 12,345 on.
    axes = {
        axis: looks["layout"][axis] | {"separatethousands": True} for axis in ("xaxis", "yaxis")
    }
    return looks | {"layout": looks["layout"] | axes}


def _chapter_view(
    name: str, chapter: Mapping[str, Any] | None, shop: str, language: Language
) -> View:
    """Return a chapter as the template reads it: texts of one language, formatted."""
    if chapter is None:
        return _missing_chapter(name, language)
    blocks = [
        _block_view(block, f"{chapter['name']}-{place}", shop, language)
        for place, block in enumerate(chapter["blocks"], start=1)
    ]
    return {
        "name": chapter["name"],
        "title": chapter["title"][language],
        "lead": chapter["lead"][language] if chapter.get("lead") else None,
        "blocks": blocks,
        "data": [block["data"] for block in blocks if "data" in block],
    }


def _missing_chapter(name: str, language: Language) -> View:
    texts = TEXTS[language]
    title = texts.get(f"{_CHAPTER}{name}", name)
    text = texts["chapter_missing"].format(name=title)
    notice = {"kind": "notice", "level": "missing", "word": texts["note_missing"], "text": text}
    return {"name": name, "title": title, "lead": None, "blocks": [notice], "data": []}


def _block_view(block: Mapping[str, Any], place: str, shop: str, language: Language) -> View:
    """Return a block as the template reads it.

    Args:
        block: As a chapter holds it.
        place: Unique on the page; the id of a block that has no name.
        shop: Stands before datasets and nodes.
        language: Of all texts.
    """
    view: View = {"kind": block["kind"], "id": place}
    if "origin" in block:
        before = f"{shop}." if shop else ""
        view["origin"] = {key: before + name for key, name in block["origin"].items()}
    for key in ("title", "advice"):
        view[key] = block[key][language] if block.get(key) else None
    return view | _VIEWS[block["kind"]](block, view, language)


def _paragraph_view(block: Mapping[str, Any], _: View, language: Language) -> View:
    return {"text": block["text"][language]}


def _bullets_view(block: Mapping[str, Any], _: View, language: Language) -> View:
    return {"items": [text[language] for text in block["texts"]], "numbered": block["numbered"]}


def _notice_view(block: Mapping[str, Any], _: View, language: Language) -> View:
    level = block["level"]
    word = TEXTS[language][f"note_{level}"]
    return {"level": level, "word": word, "text": block["text"][language]}


def _tiles_view(block: Mapping[str, Any], _: View, language: Language) -> View:
    return {"tiles": in_language(block["tiles"], language)}


def _figure_view(block: Mapping[str, Any], _: View, language: Language) -> View:
    figure = block["figures"][language]
    layout = _layout_on_page(figure["layout"])
    name = f"figure-{block['name']}"
    numbers = numbers_of(figure, language)
    return {
        "id": name,
        "height": layout["height"],
        "data": data_element(f"{name}-data", {"data": figure["data"], "layout": layout}),
        "numbers": _numbers_view(numbers, language) if numbers else None,
    }


def _layout_on_page(layout: Mapping[str, Any]) -> dict[str, Any]:
    """Return a layout for a page that shows the title itself and sets the width."""
    margin = dict(layout.get("margin") or {})
    spare = max(margin.get("t", _ROOM_ABOVE) - _ROOM_ABOVE, 0)
    margin["t"] = margin.get("t", _ROOM_ABOVE) - spare
    height = layout.get("height") or _USUAL_HEIGHT + spare
    left_out = ("width", "template", "title")
    kept = {key: value for key, value in layout.items() if key not in left_out}
    return kept | {"margin": margin, "height": height - spare}


def _numbers_view(numbers: Numbers, language: Language) -> View:
    some = None
    if numbers.all_rows > len(numbers.rows):
        some = TEXTS[language]["numbers_some"].format(
            shown=number(len(numbers.rows), language), all=number(numbers.all_rows, language)
        )
    return {
        "head": _head(numbers.head, numbers.numeric, numbers.rows),
        "rows": numbers.rows,
        "some": some,
    }


def _head(labels: list[str], numeric: list[bool], rows: list[list[str]]) -> list[View]:
    """Return the heads of columns with their form: texts get room by their longest cell."""
    heads = []
    for place, (label, is_number) in enumerate(zip(labels, numeric, strict=True)):
        longest = max((len(row[place]) for row in rows), default=0)
        room = "long" if longest > _LONG else "short" if longest > _SHORT else "word"
        heads.append({"text": label, "form": "number" if is_number else room})
    return heads


def _table_view(block: Mapping[str, Any], _: View, language: Language) -> View:
    columns = block["columns"]
    currency = block["currency"][language] if block.get("currency") else None
    rows = [
        [
            _cell(value, column, currency, language)
            for value, column in zip(row, columns, strict=True)
        ]
        for row in block["rows"]
    ]
    return {
        "id": f"table-{block['name']}",
        "head": _head(
            [column["label"][language] for column in columns],
            [column["form"] != "text" for column in columns],
            rows,
        ),
        "rows": rows,
        "folded": block["folded"],
        "count": TEXTS[language]["rows"].format(count=number(len(rows), language)),
    }


def _cell(value: Any, column: Mapping[str, Any], currency: str | None, language: Language) -> str:
    """Write a raw value as people of the language do."""
    texts = TEXTS[language]
    if value is None:
        return texts["nothing"]
    if isinstance(value, Mapping):
        return str(value[language])
    if isinstance(value, bool):
        return texts["yes" if value else "no"]
    return value if isinstance(value, str) else _amount(value, column, currency, language)


def _amount(
    value: float, column: Mapping[str, Any], currency: str | None, language: Language
) -> str:
    """Write a number in the form of its column."""
    form = column["form"]
    if form == "text":
        return plain(value, language)
    if form == "share":
        return percent(value, language)
    text = number(value, language, 0 if form == "whole" else column["decimals"])
    return f"{text}{SPACE}{currency}" if form == "money" and currency else text


def _prose_view(block: Mapping[str, Any], view: View, language: Language) -> View:
    return {"html": prose(block["text"][language], view["title"], language)} | {
        "folded": block["folded"]
    }


def prose(text: str, title: str, language: Language) -> Markup:
    """Turn Markdown into HTML; HTML in it is shown as text, pictures are not loaded.

    Args:
        text: Its highest heading becomes one of the fourth level, and the lower ones follow.
        title: What tables in it belong to.
        language: Of the label of tables.
    """
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = reader.parse(text)
    levels = [int(found[1]) for token in tokens if (found := _HEADING.match(token.tag))]
    shift = _FIRST_PROSE_HEADING - min(levels, default=1)
    for token in tokens:
        if found := _HEADING.match(token.tag):
            token.tag = f"h{min(int(found[1]) + shift, _LAST_HEADING)}"
    written = reader.renderer.render(tokens, reader.options, {})
    label = TEXTS[language]["scroll"].format(title=title)
    opened = Markup('<div class="scroll" tabindex="0" role="region" aria-label="{}"><table>')
    framed = written.replace("<table>", str(opened.format(label)))
    return Markup(framed.replace("</table>", "</table></div>"))  # noqa: S704  # written by markdown-it


def _widget_view(block: Mapping[str, Any], view: View, language: Language) -> View:
    name = f"widget-{block['widget']}-{view['id']}"
    data = data_element(f"{name}-data", in_language(block["data"], language))
    return {"id": name, "widget": block["widget"], "data": data}


_VIEWS = {
    "paragraph": _paragraph_view,
    "bullets": _bullets_view,
    "notice": _notice_view,
    "tiles": _tiles_view,
    "figure": _figure_view,
    "table": _table_view,
    "prose": _prose_view,
    "widget": _widget_view,
}

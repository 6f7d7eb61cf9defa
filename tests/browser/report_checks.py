"""What every page of a report must pass in a browser, whatever its chapters are.

``check_report`` and ``check_index`` open a file and assert; tests of small pages and of whole runs
share them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDE, NARROW = (1280, 900), (390, 844)
MOST_SECONDS = 2.0
MOST_BYTES = 8_000_000

_OVERFLOWING = """() => {
  const width = document.documentElement.clientWidth;
  const outside = [...document.querySelectorAll("body *")].filter((each) =>
    each.getBoundingClientRect().right > width + 1 && !each.closest(".scroll, .chart, .unseen"));
  const page = document.documentElement.scrollWidth > width ? ["the page"] : [];
  return [...page, ...outside.slice(0, 5).map((each) => each.outerHTML.slice(0, 200))];
}"""
_UNLABELLED = """() => [...document.querySelectorAll("input, select, button, textarea")]
  .filter((each) => !(each.labels?.length || each.getAttribute("aria-label")
    || each.textContent.trim()))
  .map((each) => each.outerHTML)"""
_REPEATED_IDS = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  return ids.filter((id, place) => ids.indexOf(id) !== place);
}"""
_LEVELS = """() => [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
  .map((each) => Number(each.tagName[1]))"""
_TOLD = """() => performance.getEntriesByName("report-ready")[0].startTime / 1000"""


class Heard:
    """What a page complained about, and what it asked for."""

    def __init__(self, page: Page) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", self._hear_error)
        page.on("console", self._hear_console)
        page.on("request", self._hear_request)
        self._page = page

    def _hear_error(self, error: Any) -> None:
        self.errors.append(str(error))

    def _hear_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _hear_request(self, request: Any) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.requests.append(request.url)

    def stop(self) -> None:
        """Listen no longer."""
        self._page.remove_listener("pageerror", self._hear_error)
        self._page.remove_listener("console", self._hear_console)
        self._page.remove_listener("request", self._hear_request)


@contextmanager
def listening(page: Page) -> Iterator[Heard]:
    """Hear what a page says for as long as the block runs."""
    heard = Heard(page)
    try:
        yield heard
    finally:
        heard.stop()


def open_report(page: Page, path: Path, size: tuple[int, int] = WIDE) -> None:
    """Open a report and wait until its widgets work."""
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(path.resolve().as_uri())
    page.locator("body[data-ready]").wait_for(state="attached", timeout=20_000)


def draw_all(page: Page) -> int:
    """Scroll past every figure, so that all are drawn; return how many there are."""
    figures = page.locator("[data-figure]")
    for place in range(figures.count()):
        figures.nth(place).scroll_into_view_if_needed()
        page.locator("[data-figure]").nth(place).and_(page.locator("[data-drawn]")).wait_for(
            state="attached", timeout=20_000
        )
    return figures.count()


def seconds_to_interactive(page: Page) -> float:
    """Return how long after the page was asked for its widgets worked."""
    seconds: float = page.evaluate(_TOLD)
    return seconds


def overflow(page: Page) -> list[str]:
    """Return what reaches beyond the right edge of the window, outside of frames that scroll."""
    found: list[str] = page.evaluate(_OVERFLOWING)
    return found


def heading_jumps(page: Page) -> list[tuple[int, int]]:
    """Return where a heading is more than one level below the one before it."""
    levels = page.evaluate(_LEVELS)
    assert levels[:1] == [1] and levels.count(1) == 1, "one first heading"
    return [(a, b) for a, b in pairwise(levels) if b > a + 1]


def accessibility_faults(page: Page) -> list[str]:
    """Return what the rules of axe-core find, as far as a machine can tell."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


def check_report(page: Page, path: Path) -> None:
    """Assert what every report must pass.

    Args:
        page: Of a browser; any page.
        path: Of the file.

    Raises:
        AssertionError: When the page is too large or too slow, complains, asks for anything but
            itself, overflows at 1,280 or 390 pixels, has a heading out of order, a control
            without a label, an id twice, a figure that is not drawn, or a fault of accessibility.
    """
    assert path.stat().st_size < MOST_BYTES
    with listening(page) as heard:
        for size in (WIDE, NARROW):
            open_report(page, path, size)
            assert seconds_to_interactive(page) < MOST_SECONDS
            draw_all(page)
            assert overflow(page) == [], size
        assert accessibility_faults(page) == []
        assert heard.errors == []
        assert set(heard.requests) == {path.resolve().as_uri()}
    language = page.locator("html").get_attribute("lang")
    assert language is not None and path.stem.endswith(f"_{language}")
    assert heading_jumps(page) == []
    assert page.evaluate(_UNLABELLED) == []
    assert page.evaluate(_REPEATED_IDS) == []
    check_paper(page, path)


def check_paper(page: Page, path: Path) -> None:
    """Assert that on paper everything is unfolded and drawn, and the controls are gone."""
    open_report(page, path)
    page.locator("body[data-unpacked]").wait_for(state="attached", timeout=20_000)
    page.emulate_media(media="print")
    page.locator("body[data-printing]").wait_for(state="attached", timeout=20_000)
    assert page.locator("details:not([open])").count() == 0
    assert page.locator("[data-figure]:not([data-drawn])").count() == 0
    assert not page.locator(".contents").is_visible()
    assert page.locator("button:visible:not(th button)").count() == 0
    page.emulate_media(media="screen")
    page.locator("body:not([data-printing])").wait_for(state="attached", timeout=20_000)


def check_index(page: Page, path: Path) -> None:
    """Assert what the page over the shops must pass: the same, and that its links lead to files."""
    with listening(page) as heard:
        for width, height in (WIDE, NARROW):
            page.emulate_media(media="screen")
            page.set_viewport_size({"width": width, "height": height})
            page.goto(path.resolve().as_uri())
            assert overflow(page) == []
            assert accessibility_faults(page) == []
        assert heard.errors == []
        assert set(heard.requests) == {path.resolve().as_uri()}
    assert heading_jumps(page) == []
    links = page.locator("main a").evaluate_all(
        "all => all.map((each) => each.getAttribute('href'))"
    )
    assert links, "no link to any report"
    assert [link for link in links if not (path.parent / link).is_file()] == []


def cell_texts(page: Page, row: str) -> list[str]:
    """Return the texts of the cells of a row, by its selector."""
    return [re.sub(r"\s*\n\s*", " ", text) for text in page.locator(f"{row} td").all_inner_texts()]

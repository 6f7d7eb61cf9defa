"""Open the project's graph in headless Chromium and take its picture for the README.

Usage: ``make picture`` (needs chromium). The browser test opens the graph the same way.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tools.graph_site import ROOT, build_site, served

if TYPE_CHECKING:
    from playwright.sync_api import Page

PICTURE = ROOT / "docs" / "images" / "graph.png"
# As root, Chromium has no sandbox; the rest keeps it from calling home.
_CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Light, without the panel and the map around the graph, and without hints over it.
_SETTINGS = (
    "localStorage.setItem('KedroViz', JSON.stringify({theme: 'light', showFeatureHints: false, "
    "visible: {sidebar: false, miniMap: false}}))"
)
# Shops and stages alone: with their datasets beside them, nobody could read the names.
OVERVIEW = "pid=__default__&types=nodes&expandAllPipelines=false"


def chromium() -> str | None:
    """Return the path of Debian's chromium, or None where it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def opened_page(width: int, height: int) -> Iterator[Page]:
    """Open an empty page in headless Chromium.

    Args:
        width: Of the window, pixels.
        height: Of the window, pixels.

    Yields:
        The page; the browser is closed afterwards.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(_CHROMIUM_FLAGS))
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.add_init_script(_SETTINGS)
            yield page
        finally:
            browser.close()


def unfold(page: Page, box: str) -> None:
    """Unfold a shop into its stages, or a stage into its nodes.

    Args:
        page: Shows the graph.
        box: Name of the shop, or of shop and stage.
    """
    page.locator(f".pipeline-node--modularPipeline[data-id='{box}']").dblclick()
    page.locator(f".pipeline-node[data-id='{box}']").wait_for(state="detached", timeout=30_000)
    page.wait_for_timeout(1_500)  # the graph moves into its new place


def show_stages(page: Page, address: str, *shops: str) -> None:
    """Open the graph of all shops, and unfold some into their stages.

    Args:
        page: An open page.
        address: Of the site.
        *shops: To unfold.
    """
    page.goto(f"{address}/?{OVERVIEW}")
    page.locator(".pipeline-node--modularPipeline").first.wait_for(timeout=30_000)
    page.wait_for_timeout(1_500)
    for shop in shops:
        unfold(page, shop)


def hide_hints(page: Page) -> None:
    """Take away what lies over the graph: news, and the application's own buttons."""
    page.add_style_tag(
        content=".feature-hints, .feature-hints__highlightDot, .update-reminder-unexpanded, "
        ".pipeline-global-toolbar, .pipeline-toolbar { display: none !important; }"
    )


def main() -> None:
    """Write the picture that stands in the README."""
    from personal_offers.shops import SHOPS

    with served(build_site(ROOT)) as address, opened_page(1900, 1000) as page:
        show_stages(page, address, *(shop.name for shop in SHOPS))
        page.get_by_role("button", name="Zoom out").click()  # the graph is a little too wide
        page.wait_for_timeout(1_500)
        hide_hints(page)
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(PICTURE), clip={"x": 130, "y": 140, "width": 1770, "height": 720})


if __name__ == "__main__":
    main()

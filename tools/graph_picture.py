"""Open the project's graph in headless Chromium and take its picture for the README.

Usage: ``make picture`` (needs chromium). The browser test opens the graph the same way.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "graph.png"
_SECONDS_TO_START = 90
_PORTS = range(4142, 4242)
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


def chromium() -> str | None:
    """Return the path of Debian's chromium, or None where it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def _free_port() -> int:
    """Find a port that Kedro-Viz takes: it refuses the high ones that the system hands out."""
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"no free port in {_PORTS}")


@contextmanager
def served_graph() -> Iterator[str]:
    """Serve the graph on 127.0.0.1 for as long as the block runs.

    Yields:
        The address.

    Raises:
        TimeoutError: When the server does not answer in time.
    """
    port = _free_port()
    command = [sys.executable, "-m", "kedro", "viz", "run", "--host", "127.0.0.1"]
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(  # noqa: S603  # a fixed command
            [*command, "--port", str(port), "--no-browser"],
            cwd=ROOT,
            env={**os.environ, "DO_NOT_TRACK": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Kedro-Viz serves from a child, which must end with it
        )
        try:
            _wait_for(f"{address}/api/main", server)
            yield address
        except TimeoutError as error:
            log.seek(0)
            error.add_note(log.read().decode(errors="replace")[-3000:])
            raise
        finally:
            with suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=30)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310  # always 127.0.0.1
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.5)
    raise TimeoutError(f"no answer from {address} (server status {server.poll()})")


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
            yield browser.new_page(viewport={"width": width, "height": height})
        finally:
            browser.close()


def show_stages(page: Page, address: str, shop: str) -> None:
    """Open the graph of one shop, in focus, and unfold it into its stages.

    In focus, because the outputs of all shops side by side are too many to be read at once.

    Args:
        page: An open page.
        address: Of the server.
        shop: Namespace to unfold.
    """
    # Light, and without the panel and the map around the graph.
    page.add_init_script(
        "localStorage.setItem('KedroViz', JSON.stringify({theme: 'light', "
        "visible: {sidebar: false, miniMap: false}}))"
    )
    page.goto(f"{address}/?pid=__default__&fid={shop}&expandAllPipelines=false")
    node = page.locator(f".pipeline-node--modularPipeline[data-id='{shop}']")
    node.wait_for(timeout=30_000)
    page.wait_for_timeout(1_500)
    node.dblclick()
    page.locator(f".pipeline-node[data-id^='{shop}.']").first.wait_for(timeout=30_000)
    page.wait_for_timeout(2_000)


def hide_hints(page: Page) -> None:
    """Take away what lies over the graph: hints, news, and the application's own buttons."""
    page.add_style_tag(
        content=".feature-hints, .feature-hints__highlightDot, .update-reminder-unexpanded, "
        ".pipeline-global-toolbar, .pipeline-toolbar { display: none !important; }"
    )


def main() -> None:
    """Write the picture that stands in the README."""
    with served_graph() as address, opened_page(1900, 1000) as page:
        show_stages(page, address, "one_click")
        hide_hints(page)
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(PICTURE), clip={"x": 130, "y": 10, "width": 1770, "height": 980})


if __name__ == "__main__":
    main()

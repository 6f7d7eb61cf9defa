"""Write the project's graph as a static site: ``make viz-build``.

What tables, figures and metrics look like comes from the outputs of the last run, so run first
(``make run``) and mind who may see the site: it shows rows of these outputs. Open it through any
web server, ``python -m http.server --directory build``; a browser refuses it as plain files.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Where Kedro-Viz writes, whatever one wishes.
SITE = "build"
_SECONDS = 330  # Kedro-Viz gives up by itself after 300
# Fonts of another host: a page that opens without the internet must not ask for them.
_FONTS = re.compile(r"<link\b[^>]*fonts\.(?:googleapis|gstatic)\.com[^>]*>\s*")


def build_site(project: Path, *, previews: bool = True) -> Path:
    """Build the site of a project.

    Args:
        project: Folder with ``pyproject.toml``, ``conf`` and the outputs of a run.
        previews: Whether rows and figures are shown, too.

    Returns:
        The folder of the site.

    Raises:
        RuntimeError: When Kedro-Viz wrote nothing; with what it said.
    """
    site = project / SITE
    shutil.rmtree(site, ignore_errors=True)
    command = [sys.executable, "-m", "kedro", "viz", "build"]
    done = subprocess.run(  # noqa: S603  # a fixed command
        [*command, "--include-previews"] if previews else command,
        cwd=project,
        env={**os.environ, "DO_NOT_TRACK": "1", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    # It ends without an error even where it could not build.
    if done.returncode or not (site / "api" / "deploy-viz-metadata").is_file():
        raise RuntimeError(f"Kedro-Viz built no site:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    for name in ("index.html", "404.html"):
        page = site / name
        page.write_text(_FONTS.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
    # The page asks for this, but the build leaves it out; a server says the same.
    package = {
        "package_name": "fsspec",
        "package_version": version("fsspec"),
        "is_compatible": True,
    }
    facts = {"has_missing_dependencies": False, "package_compatibilities": [package]}
    (site / "api" / "metadata").write_text(json.dumps(facts), encoding="utf-8")
    return site


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(site: Path) -> Iterator[str]:
    """Serve a site on 127.0.0.1 for as long as the block runs.

    Args:
        site: Folder of the site.

    Yields:
        The address.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    """Build the site of this project."""
    site = build_site(ROOT).relative_to(ROOT)
    sys.stdout.write(
        f"The graph is in {site}/. To look at it: python3 -m http.server --bind 127.0.0.1 "
        f"--directory {site} 4141\n"
    )


if __name__ == "__main__":
    main()

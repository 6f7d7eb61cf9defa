"""Figures as pictures in a folder, drawn by the browser that is installed."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.io.core import AbstractDataset

logger = logging.getLogger(__name__)


class PicturesDataset(AbstractDataset[Mapping[str, Mapping[str, Any]], dict[str, bytes]]):
    """A folder of PNG pictures, made from figures as plotly.js reads them.

    Drawing needs Chromium or Chrome (kaleido finds it). Where there is none, no picture is
    written, and one line of the log says what to do: a run does not fail for want of slides.
    Pictures of an earlier run go in any case, because they may show other numbers.

    YAML:

    ```yaml
    pictures:
      type: personal_offers.datasets.PicturesDataset
      path: data/08_reporting/shop/pictures
      width: 1280
      height: 720
      scale: 2
    ```
    """

    def __init__(
        self,
        *,
        path: str,
        width: int,
        height: int,
        scale: float,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Remember where the pictures are and how large.

        Args:
            path: Folder of the pictures.
            width: Of the figure, in its own points: the smaller, the larger the letters.
            height: Likewise.
            scale: Pixels of the picture for each point.
            metadata: For Kedro-Viz.
        """
        self._path = Path(path)
        self._options = {"format": "png", "width": width, "height": height, "scale": scale}
        self.metadata = metadata

    def load(self) -> dict[str, bytes]:
        """Return the pictures by name; none where no browser was found."""
        return {
            str(file.relative_to(self._path).with_suffix("")): file.read_bytes()
            for file in sorted(self._path.rglob("*.png"))
        }

    def save(self, data: Mapping[str, Mapping[str, Any]]) -> None:
        """Draw figures by name; a name may hold a folder: ``en/profit_curve``."""
        if self._path.exists():
            shutil.rmtree(self._path)
        self._path.mkdir(parents=True)
        if not data:
            return
        for name, picture in _drawn(data, self._options).items():
            file = self._path / f"{name}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(picture)

    def _exists(self) -> bool:
        return self._path.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path), **self._options}


def _drawn(
    figures: Mapping[str, Mapping[str, Any]], options: Mapping[str, Any]
) -> dict[str, bytes]:
    """Draw all figures with one browser."""
    import asyncio

    from choreographer.errors import BrowserFailedError, ChromeNotFoundError

    try:
        return asyncio.run(_draw_all(figures, options))
    except (ChromeNotFoundError, BrowserFailedError) as error:
        logger.warning(
            "No pictures for slides: %s. Install Chromium or Chrome, or save charts from the "
            "report with the button above each.",
            str(error).strip().splitlines()[0].rstrip(".") or type(error).__name__,
        )
        return {}


async def _draw_all(
    figures: Mapping[str, Mapping[str, Any]], options: Mapping[str, Any]
) -> dict[str, bytes]:
    from kaleido import Kaleido

    # Without MathJax, which it would load from the network.
    async with Kaleido(n=1, mathjax=False) as browser:
        return {
            name: await browser.calc_fig(dict(figure), opts=dict(options))
            for name, figure in figures.items()
        }

"""Figures in both languages in one file, shown in the graph in one of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import PlotlyPreview

from personal_offers.features import Language

_LANGUAGES: tuple[Language, ...] = get_args(Language)


class FiguresDataset(AbstractDataset[Mapping[Language, Any], dict[Language, dict[str, Any]]]):
    """One figure in every language that people read: ``{"ru": figure, "en": figure}``.

    Saves plotly Figures and loads what plotly.js reads: dictionaries with ``data`` and ``layout``.

    YAML:

    ```yaml
    figure_candidates:
      type: personal_offers.datasets.FiguresDataset
      filepath: data/08_reporting/shop/figure_candidates.json
      language: en
    ```

    Python:

    >>> import plotly.graph_objects as go, tempfile
    >>> path = tempfile.mkdtemp() + "/figure.json"
    >>> dataset = FiguresDataset(filepath=path, language="en")
    >>> titles = {"ru": "Продажи растут", "en": "Sales grow"}
    >>> dataset.save({name: go.Figure(layout={"title": title}) for name, title in titles.items()})
    >>> dataset.load()["ru"]["layout"]["title"]["text"]
    'Продажи растут'
    >>> dataset.preview()["layout"]["title"]["text"]
    'Sales grow'
    """

    def __init__(
        self, *, filepath: str, language: Language, metadata: dict[str, Any] | None = None
    ) -> None:
        """Remember where the file is.

        Args:
            filepath: Where the JSON file is or will be; missing folders are made on save.
            language: In which the graph shows the figure.
            metadata: For Kedro-Viz.

        Raises:
            DatasetError: When nobody draws figures in the language.
        """
        if language not in _LANGUAGES:
            raise DatasetError(f"language is {language!r}, figures are in {_named(_LANGUAGES)}")
        self._filepath = Path(filepath)
        self._language = language
        self.metadata = metadata

    def load(self) -> dict[Language, dict[str, Any]]:
        """Return the figures as plain dictionaries, by language.

        Raises:
            DatasetError: When there is no file, or it does not hold a figure in each language (an
                older release wrote a single figure).
        """
        figures = json.loads(self._filepath.read_text(encoding="utf-8"))
        if not isinstance(figures, dict) or set(figures) != set(_LANGUAGES):
            raise DatasetError(
                f"{self._filepath} does not hold a figure in each of {_named(_LANGUAGES)}: "
                "run the node that draws it again"
            )
        return figures

    def save(self, data: Mapping[Language, Any]) -> None:
        """Write plotly Figures by language, one file for all.

        Raises:
            DatasetError: When a language is missing, or there is one more.
        """
        if set(data) != set(_LANGUAGES):
            raise DatasetError(f"figures are in {_named(_LANGUAGES)}, not in {_named(data)}")
        written = ",\n".join(f'"{name}": {each.to_json()}' for name, each in data.items())
        self._filepath.parent.mkdir(parents=True, exist_ok=True)
        self._filepath.write_text(f"{{{written}}}\n", encoding="utf-8")

    def preview(self) -> PlotlyPreview:
        """Return the figure in the language of the graph."""
        return PlotlyPreview(self.load()[self._language])

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "language": self._language}


def _named(languages: Iterable[str]) -> str:
    return ", ".join(languages)

"""Figures in both languages in one file, of which Kedro-Viz draws one."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest
from kedro.io import DataCatalog, DatasetError
from kedro_viz.models.flowchart.node_metadata import DataNodeMetadata
from kedro_viz.models.flowchart.nodes import DataNode

from personal_offers.datasets import FiguresDataset, figures
from personal_offers.features import Language

TITLES: dict[Language, str] = {"ru": "Прибыль растёт", "en": "Profit <b>grows</b>"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file in a folder that does not exist yet."""
    return tmp_path / "new" / "folder" / "figure.json"


@pytest.fixture
def drawn() -> dict[Language, go.Figure]:
    return {
        language: go.Figure(go.Bar(x=[1, 2.5], y=["да", None]), layout={"title": title})
        for language, title in TITLES.items()
    }


def dataset_of(path: Path, language: Any = "en") -> FiguresDataset:
    return FiguresDataset(filepath=str(path), language=language)


def test_docstring_examples() -> None:
    result = doctest.testmod(figures)

    assert result.attempted >= 6
    assert result.failed == 0


def test_what_is_saved_is_loaded_as_plotly_js_reads_it(
    path: Path, drawn: dict[Language, go.Figure]
) -> None:
    dataset = dataset_of(path)
    assert not dataset.exists()

    dataset.save(drawn)

    assert dataset.exists()
    assert dataset.load() == {name: json.loads(each.to_json()) for name, each in drawn.items()}
    assert dataset.load()["ru"]["data"][0]["y"] == ["да", None]
    assert go.Figure(dataset.load()["ru"]) == drawn["ru"]


def test_the_same_figures_are_the_same_file(path: Path, drawn: dict[Language, go.Figure]) -> None:
    dataset_of(path).save(drawn)
    first = path.read_bytes()

    dataset_of(path, "ru").save(drawn)

    assert path.read_bytes() == first
    assert first.endswith(b"}\n")


@pytest.mark.parametrize("language", TITLES)
def test_the_graph_draws_the_figure_of_its_language(
    language: Language, path: Path, drawn: dict[Language, go.Figure]
) -> None:
    # Given the dataset as the catalog makes it
    catalog = DataCatalog.from_config(
        {
            "figure": {
                "type": "personal_offers.datasets.FiguresDataset",
                "filepath": str(path),
                "language": language,
                "metadata": {"kedro-viz": {"layer": "reporting"}},
            }
        }
    )
    catalog.save("figure", drawn)
    dataset: Any = catalog["figure"]

    # When Kedro-Viz asks for what it shows
    node = DataNode(
        id="1",
        name="figure",
        tags=set(),
        layer="reporting",
        kedro_obj=dataset,
        modular_pipelines=None,
    )
    shown = DataNodeMetadata(data_node=node)

    # Then it knows it for a figure of plotly
    assert shown.preview_type == "PlotlyPreview"
    assert shown.preview == json.loads(drawn[language].to_json())
    assert shown.filepath == str(path)


def test_a_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(DatasetError, match=path.name):
        dataset_of(path).load()


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", '{"data": [], "layout": {}}', '{"en": {"data": [], "layout": {}}}']
)
def test_a_file_that_holds_something_else_is_named(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")

    with pytest.raises(DatasetError, match=path.name):
        dataset_of(path).load()


@pytest.mark.parametrize("names", [[], ["en"], ["ru", "en", "de"]])
def test_figures_in_other_languages_are_refused(path: Path, names: list[Any]) -> None:
    with pytest.raises(DatasetError, match="figures are in ru, en, not in"):
        dataset_of(path).save(dict.fromkeys(names, go.Figure()))

    assert not path.exists()


def test_a_language_of_the_graph_that_nobody_draws_is_refused(path: Path) -> None:
    with pytest.raises(DatasetError, match="language is 'de', figures are in ru, en"):
        dataset_of(path, "de")

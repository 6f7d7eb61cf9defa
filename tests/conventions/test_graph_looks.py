"""What the graph needs to be readable: layers in order, a colour and a picture where promised."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.preview_contract import MermaidPreview

from personal_offers.pipeline_registry import register_pipelines
from personal_offers.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[2]
LAYERS = [
    *("raw", "intermediate", "primary", "feature", "model_input", "models", "model_output"),
    "reporting",
]
PIPELINES = register_pipelines()
ALL = PIPELINES["__default__"]
NODES = [*ALL.nodes, *PIPELINES["sample_data"].nodes]
# One node for each picture: shops and nodes share them.
PICTURES = {node._preview_fn.__name__: node for node in NODES if node._preview_fn}
STAGES_WITH_PICTURES = {
    *("data_processing", "modelling", "interests", "segmentation", "offers", "reporting"),
}
# By Okabe and Ito: told apart by people who see fewer colours, too.
ROLES = {
    "#56B4E9": "cleans and prepares",
    "#E69F00": "fits",
    "#009E73": "applies",
    "#0072B2": "judges",
    "#CC79A7": "draws and writes",
    "#F0E442": "publishes",
}


@pytest.fixture(scope="module")
def layers() -> dict[str, int]:
    """Place of the layer of each dataset."""
    loader = OmegaConfigLoader(
        conf_source=str(ROOT / "conf"), **CONFIG_LOADER_ARGS | {"default_run_env": "base"}
    )
    catalog = loader["catalog"]
    patterns = DataCatalog.from_config(catalog).config_resolver
    found = {}
    for name in ALL.datasets():
        if not name.startswith("params:"):
            entry = catalog.get(name) or patterns.resolve_pattern(name)
            found[name] = LAYERS.index(entry["metadata"]["kedro-viz"]["layer"])
    return found


def boxes() -> Iterator[tuple[str, set[str], set[str]]]:
    """Name, inputs and outputs of every node, and of every stage when it is collapsed."""
    stages: dict[str, list] = {}
    for node in ALL.nodes:
        yield node.name, set(node.inputs), set(node.outputs)
        stages.setdefault(node.namespace or "", []).append(node)
    for stage, nodes in stages.items():
        inside = Pipeline(nodes)
        others = Pipeline([node for node in ALL.nodes if (node.namespace or "") != stage])
        taken = inside.all_outputs() & others.inputs()
        yield stage, inside.inputs(), inside.outputs() | taken


def test_no_box_leads_back_to_an_earlier_layer(layers: dict[str, int]) -> None:
    # Kedro-Viz shows no layers at all where one box does.
    back = {
        name: (sorted(n for n in read if layers.get(n) == latest), sorted(early))
        for name, read, written in boxes()
        for latest in [max((layers[n] for n in read if n in layers), default=0)]
        if (early := {n for n in written if layers[n] < latest})
    }

    assert back == {}


class TestColours:
    @pytest.fixture(scope="class")
    @classmethod
    def styles(cls) -> dict[str, dict[str, str]]:
        return json.loads((ROOT / ".viz" / "styles.json").read_text(encoding="utf-8"))

    def test_every_node_has_the_colour_of_a_role(self, styles: dict[str, dict[str, str]]) -> None:
        # Kedro-Viz looks nodes up without their namespace.
        assert set(styles) == {node._name for node in NODES}
        assert {style["fill"] for style in styles.values()} == set(ROLES)

    def test_letters_stand_out(self, styles: dict[str, dict[str, str]]) -> None:
        def light(colour: str) -> float:
            parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
            linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
            return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear))  # noqa: B905

        for name, style in styles.items():
            dark, bright = sorted((light(style["fill"]), light(style["color"])))
            assert (bright + 0.05) / (dark + 0.05) >= 4.5, name


class TestPictures:
    def test_every_stage_has_one(self) -> None:
        assert {node.namespace.split(".")[1] for node in PICTURES.values()} == STAGES_WITH_PICTURES

    @pytest.mark.parametrize("name", PICTURES)
    def test_is_a_flow_chart_of_connected_steps(self, name: str) -> None:
        picture = PICTURES[name].preview()

        assert isinstance(picture, MermaidPreview)
        first, *lines = picture.content.strip().splitlines()
        assert first == "flowchart TD"
        named = set(re.findall(r"(\w+)[\[{]\"", picture.content))
        linked = {
            word
            for line in lines
            for word in re.findall(r"\w+", re.sub(r"[\[{]\".*?\"[\]}]|\|.*?\|", "", line))
        }
        assert linked == named

"""The graph as a static site, as people see it in headless Chromium."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset

from personal_offers.datasets import FiguresDataset
from personal_offers.pipeline_registry import register_pipelines
from personal_offers.settings import CONFIG_LOADER_ARGS
from personal_offers.shops import SHOPS
from tools.graph_picture import chromium, opened_page, show_stages, unfold
from tools.graph_site import build_site, served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="chromium is not installed (.ci/run does)"),
]

ROOT = Path(__file__).parents[2]
LAYERS = [
    *("raw", "intermediate", "primary", "model_input", "models", "model_output", "reporting"),
]
# Of a project that lies elsewhere than its package.
PYPROJECT = """[tool.kedro]
package_name = "personal_offers"
project_name = "Personal offers"
kedro_init_version = "1.7.0"
source_dir = "."
"""
RUN = ["--env", "test", "--pipelines", "data_processing", "--namespaces", "one_click"]
FRAME = pd.DataFrame({"customer_id": ["a", "b"], "value": [1.5, 2.5]})
FIGURE = {"data": [{"type": "bar", "x": [1], "y": [2]}], "layout": {"title": {"text": "Found"}}}
PIPELINE = register_pipelines()["__default__"]
NAMESPACES = {node.namespace for node in PIPELINE.nodes if node.namespace}
STAGES = {shop.name: {n for n in NAMESPACES if n.startswith(f"{shop.name}.")} for shop in SHOPS}
OVER_SHOPS = {name for name in NAMESPACES if "." not in name}  # what reads several shops
# One node for each picture: shops share them.
DRAWN = {node._preview_fn: node.name for node in PIPELINE.nodes if node._preview_fn}
SMALLEST_LETTERS = 10  # pixels
# What Kedro-Viz cannot draw: objects in memory, pages, folders of files.
UNSEEN = ("MemoryDataset", "TextDataset", "PartitionedDataset", "PicturesDataset")
PREVIEWS = {"TablePreview", "PlotlyPreview", "JSONPreview"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project elsewhere: a small run of one stage, and a few lines in place of all others."""
    folder = tmp_path_factory.mktemp("graph")
    for name in ("data", ".viz"):
        (folder / name).mkdir()
    (folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (folder / "conf").symlink_to(ROOT / "conf")
    # Copied, not linked: ``fill`` writes what is not there, optional raw files among it.
    shutil.copytree(ROOT / "data" / "01_raw", folder / "data" / "01_raw")
    shutil.copy(ROOT / ".telemetry", folder)
    shutil.copy(ROOT / ".viz" / "styles.json", folder / ".viz")
    subprocess.run(
        [sys.executable, "-m", "kedro", "run", *RUN, "--params", "output_dir=data"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "DO_NOT_TRACK": "1"},
        check=True,
        capture_output=True,
        timeout=120,
    )
    fill(folder)
    return folder


def fill(folder: Path) -> None:
    """Write what a whole run would write, a few lines each, where it is not yet there."""
    loader = OmegaConfigLoader(
        conf_source=str(folder / "conf"),
        runtime_params={"output_dir": str(folder / "data"), "raw_dir": str(folder / "data/01_raw")},
        **CONFIG_LOADER_ARGS | {"default_run_env": "base"},
    )
    catalog = DataCatalog.from_config(loader["catalog"])
    for name in PIPELINE.datasets():
        dataset = None if name.startswith("params:") else catalog.get(name)
        path = getattr(dataset, "_filepath", getattr(dataset, "_facts", None))
        if path is None or isinstance(dataset, MemoryDataset) or Path(path).exists():
            continue
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if Path(path).suffix == ".parquet":
            FRAME.to_parquet(Path(path))
        elif Path(path).suffix == ".csv":
            FRAME.to_csv(Path(path), index=False)
        else:
            both = {"ru": FIGURE, "en": FIGURE}
            content = both if isinstance(dataset, FiguresDataset) else {"value": 0.5}
            Path(path).write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture(scope="module")
def site(project: Path) -> Path:
    return build_site(project)


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with served(site) as address:
        yield address


@pytest.fixture(scope="module")
def nodes(site: Path) -> dict[str, dict[str, Any]]:
    """Nodes of the graph by full name, each with what is shown when it is clicked."""
    read = json.loads((site / "api" / "main").read_text(encoding="utf-8"))["nodes"]
    return {
        node.get("full_name", node["name"]): node
        | {"shown": json.loads((site / "api" / "nodes" / node["id"]).read_text(encoding="utf-8"))}
        for node in read
        if node["type"] in ("task", "data")
    }


@pytest.fixture(scope="module")
def window() -> Iterator[Any]:
    with opened_page(1500, 1000) as page:
        yield page


@pytest.fixture
def page(window: Any) -> Iterator[Any]:
    """A page that must neither complain nor ask another host for anything."""
    complaints: list[str] = []

    def listen(message: Any) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.text} ({message.location})")

    def fail(error: Any) -> None:
        complaints.append(str(error))

    def ask(request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            complaints.append(request.url)

    window.on("console", listen)
    window.on("pageerror", fail)
    window.on("request", ask)
    yield window
    for event, listener in (("console", listen), ("pageerror", fail), ("request", ask)):
        window.remove_listener(event, listener)
    assert complaints == []


def opened(page: Any, address: str, node: dict[str, Any]) -> Any:
    """Open the panel of a node."""
    page.goto(f"{address}/?pid=__default__&sid={node['id']}&expandAllPipelines=false")
    panel = page.locator(".pipeline-metadata")
    panel.wait_for(timeout=30_000)
    return panel


class TestOverview:
    def test_all_shops_stand_side_by_side(self, page: Any, address: str) -> None:
        show_stages(page, address)

        boxes = page.locator(".pipeline-node--modularPipeline").all_text_contents()
        assert set(boxes) == set(STAGES) | OVER_SHOPS

    def test_stages_of_all_shops_can_be_read(self, page: Any, address: str) -> None:
        show_stages(page, address, *STAGES)

        boxes = page.locator(".pipeline-node--modularPipeline .pipeline-node__text").all()
        assert {box.text_content() for box in boxes} == OVER_SHOPS.union(*STAGES.values())
        letters = {box.text_content(): box.bounding_box()["height"] for box in boxes}
        assert {name: size for name, size in letters.items() if size < SMALLEST_LETTERS} == {}

    def test_stage_unfolds_into_nodes_coloured_by_role(self, page: Any, address: str) -> None:
        styles = json.loads((ROOT / ".viz" / "styles.json").read_text(encoding="utf-8"))
        show_stages(page, address, "one_click")
        unfold(page, "one_click.segmentation")

        colours = {
            node.text_content(): node.locator(".pipeline-node__bg").evaluate("e => e.style.fill")
            for node in page.locator(".pipeline-node--task").all()
        }
        inside = {n._name for n in PIPELINE.nodes if n.namespace == "one_click.segmentation"}
        assert colours == {name: rgb(styles[name]["fill"]) for name in inside}

    def test_layers_are_shown_in_their_order(self, page: Any, address: str) -> None:
        page.goto(f"{address}/?pid=__default__&expandAllPipelines=false")
        page.locator(".pipeline-layer-name").first.wait_for(timeout=30_000)

        shown = page.locator(".pipeline-layer-name").all_text_contents()
        assert [name for name in LAYERS if name in shown] == shown
        assert {"raw", "primary", "model_output", "reporting"} <= set(shown)


def rgb(colour: str) -> str:
    """Write #RRGGBB as browsers do."""
    return f"rgb({', '.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))})"


class TestPreviews:
    def test_every_dataset_has_a_layer(self, nodes: dict[str, Any], site: Path) -> None:
        data = {name: node for name, node in nodes.items() if node["type"] == "data"}
        main = json.loads((site / "api" / "main").read_text(encoding="utf-8"))

        assert {name for name, node in data.items() if node["layer"] not in LAYERS} == set()
        assert main["layers"] == LAYERS

    def test_every_table_figure_and_metric_can_be_previewed(self, nodes: dict[str, Any]) -> None:
        wanted = {
            name: node["shown"]
            for name, node in nodes.items()
            if node["type"] == "data" and not node["dataset_type"].endswith(UNSEEN)
        }
        assert {shown["preview_type"] for shown in wanted.values()} == PREVIEWS
        assert {name for name, shown in wanted.items() if not shown.get("preview")} == set()

    def test_table_is_drawn_with_its_row_count(
        self, page: Any, address: str, nodes: dict[str, Any]
    ) -> None:
        panel = opened(page, address, nodes["one_click.customers"])

        panel.locator("table").first.wait_for(timeout=30_000)
        assert "tenure_days" in panel.locator("table").first.inner_text()
        assert panel.locator("[data-test='metadata-stats-value-rows']").inner_text() == "1,297"
        assert panel.locator("[data-test='metadata-stats-value-columns']").inner_text() == "23"

    def test_raw_file_is_drawn_with_its_row_count(
        self, page: Any, address: str, nodes: dict[str, Any]
    ) -> None:
        panel = opened(page, address, nodes["one_click.raw_money"])

        panel.locator("table").first.wait_for(timeout=30_000)
        assert panel.locator("[data-test='metadata-stats-value-rows']").inner_text() == "1,300"

    def test_figure_is_drawn(self, page: Any, address: str, nodes: dict[str, Any]) -> None:
        panel = opened(page, address, nodes["one_click.figure_reliability"])

        panel.locator(".js-plotly-plot .bars").first.wait_for(timeout=30_000)
        assert "Found" in panel.inner_text()

    def test_metrics_are_drawn(self, page: Any, address: str, nodes: dict[str, Any]) -> None:
        panel = opened(page, address, nodes["one_click.metrics"])

        shown = panel.get_by_text("0.5").first
        shown.wait_for(timeout=30_000)
        assert "value" in panel.inner_text()

    @pytest.mark.parametrize("name", DRAWN.values())
    def test_picture_of_a_key_node_is_drawn(
        self, page: Any, address: str, nodes: dict[str, Any], name: str
    ) -> None:
        panel = opened(page, address, nodes[name])

        panel.locator("svg .node").first.wait_for(timeout=30_000)
        assert "Syntax error" not in panel.inner_text()


def test_last_run_is_shown_with_its_timings(page: Any, address: str, nodes: dict[str, Any]) -> None:
    page.goto(f"{address}/?pid=__default__&expandAllPipelines=false")
    page.locator("[data-test='global-toolbar-workflow-btn']").click()
    found = nodes["one_click.data_processing.mark_rows"]["id"]
    node = page.locator(f".pipeline-node[data-id='{found}']")
    node.wait_for(timeout=60_000)

    assert "success" in node.text_content()
    assert "Duration" in node.text_content()
    page.get_by_text("Run execution completed successfully in").wait_for(timeout=30_000)

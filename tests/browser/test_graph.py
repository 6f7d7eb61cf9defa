"""The graph as people see it, in headless Chromium."""

from __future__ import annotations

import json
import urllib.request

import pytest

from personal_offers.shops import SHOPS
from tools.graph_picture import chromium, opened_page, served_graph, show_stages

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="chromium is not installed (.ci/run does)"),
]

STAGES = {
    "customer_tables": {"data_processing", "modelling", "segmentation", "offers"},
    "order_lines": {"data_processing", "modelling", "interests", "segmentation", "offers"},
}
MAIN_TABLES = {
    "customer_tables": ("customers", "cleaning_ledger", "segments", "clusters", "offers"),
    "order_lines": (
        *("customers", "cleaning_ledger", "segments", "clusters", "offers"),
        *("product_categories", "interests"),
    ),
}
SHOWN = [
    f"{shop.name}.{table}"
    for shop in SHOPS
    for table in (*(f"raw_{name}" for name in shop.raw_tables), *MAIN_TABLES[shop.intake])
]


@pytest.fixture(scope="module")
def address():
    with served_graph() as served:
        yield served


def _get(address: str) -> dict:
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310  # 127.0.0.1
        return json.load(answer)


@pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop.name)
def test_shop_unfolds_into_its_stages(address, shop):
    with opened_page(1500, 1000) as page:
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        show_stages(page, address, shop.name)
        boxes = page.locator(".pipeline-node--modularPipeline").all_text_contents()
    assert set(boxes) == {f"{shop.name}.{stage}" for stage in STAGES[shop.intake]}
    assert failures == []


def test_all_shops_stand_side_by_side(address):
    with opened_page(1500, 1000) as page:
        page.goto(f"{address}/?pid=__default__&expandAllPipelines=false")
        page.locator(".pipeline-node--modularPipeline").first.wait_for(timeout=30_000)
        boxes = page.locator(".pipeline-node--modularPipeline").all_text_contents()
    assert set(boxes) == {shop.name for shop in SHOPS}


def test_every_dataset_has_a_layer(address):
    nodes = _get(f"{address}/api/main")["nodes"]
    without = [n["name"] for n in nodes if n["type"] == "data" and not n.get("layer")]
    assert without == []


@pytest.mark.parametrize("table", SHOWN)
def test_main_tables_can_be_previewed(address, table):
    nodes = _get(f"{address}/api/main")["nodes"]
    found = next(n for n in nodes if n["name"] == table)
    details = _get(f"{address}/api/nodes/{found['id']}")
    assert details["preview_type"] == "TablePreview"

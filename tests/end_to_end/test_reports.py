"""The reports of a whole run: pages in both languages, pictures, tables, and what is missing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.framework.session import KedroSession

from personal_offers.pipelines.reporting.blocks import Chapter, Table
from tests.browser.report_checks import check_index, check_report, open_report
from tests.end_to_end.offer_runs import ALL_SHOPS, ONE_CLICK, ORDER_LINES
from tools.graph_picture import chromium, opened_page

pytestmark = pytest.mark.slow

LANGUAGES = ("ru", "en")
CYRILLIC = re.compile(r"[А-яЁё]")
# Layers that the stage reads; what it wrote itself earlier is of no use to it.
READ = ("02_intermediate", "03_primary", "05_model_input", "06_models", "07_model_output")
Report = Callable[..., None]

needs_chromium = pytest.mark.skipif(chromium() is None, reason="chromium is not installed")


@pytest.fixture(scope="session")
def report(_project: None, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Run the stage alone on saved outputs, as ``kedro run --tags reporting`` does."""

    def run(output_dir: Path, *shops: str, parameters: dict[str, Any] | None = None) -> None:
        with KedroSession.create(
            project_path=tmp_path_factory.mktemp("project"),
            conf_source=str(root / "conf"),
            env="test",
            runtime_params={"output_dir": str(output_dir)} | (parameters or {}),
        ) as session:
            session.run(
                pipeline_names=["reporting"], tags=["reporting"], namespaces=list(shops) or None
            )

    return run


@pytest.fixture(scope="module")
def reported(
    report: Report, one_click: Path, output: Path, order_lines: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:  # fmt: skip
    """What the stage wrote for all shops; only read."""
    folder = tmp_path_factory.mktemp("reported")
    for source in (output, order_lines, one_click):
        shutil.copytree(source, folder, dirs_exist_ok=True)
    report(folder)
    return folder


def page_of(folder: Path, shop: str, language: str) -> Path:
    return folder / "08_reporting" / shop / f"report_{language}.html"


def chapters_of(folder: Path, shop: str) -> dict[str, Chapter]:
    """The chapters that have something to show, by name."""
    files = sorted((folder / "08_reporting" / shop).glob("chapter_*.json"))
    read = [Chapter.model_validate_json(file.read_text(encoding="utf-8")) for file in files]
    return {chapter.name: chapter for chapter in read if chapter.blocks}


class TestPages:
    @pytest.fixture(scope="class")
    @classmethod
    def page(cls) -> Any:
        with opened_page(1280, 900) as opened:
            yield opened

    @needs_chromium
    @pytest.mark.browser
    # Each language and each form of shop; a page is opened four times, which takes its time.
    @pytest.mark.parametrize(
        ("shop", "language"), [(ONE_CLICK, "ru"), ("gift_shop", "en"), ("home_goods", "ru")]
    )
    def test_pages_are_whole_quiet_quick_and_accessible(
        self, page: Any, reported: Path, shop: str, language: str
    ) -> None:
        check_report(page, page_of(reported, shop, language))

    @needs_chromium
    @pytest.mark.browser
    def test_the_page_over_the_shops_leads_to_all_of_them(self, page: Any, reported: Path) -> None:
        index = reported / "08_reporting" / "index.html"

        check_index(page, index)
        text = index.read_text(encoding="utf-8")
        assert all(f"{shop}/report_{name}.html" in text for shop in ALL_SHOPS for name in LANGUAGES)

    @needs_chromium
    @pytest.mark.browser
    def test_sliders_start_with_the_segments_of_the_run(self, page: Any, reported: Path) -> None:
        profile = pd.read_csv(
            reported / "07_model_output" / ONE_CLICK / "segment_profile.csv", index_col="name_en"
        ).query("segment != 'all'")

        open_report(page, page_of(reported, ONE_CLICK, "en"))
        rows = page.locator("[data-widget=thresholds] tbody tr").all_inner_texts()

        shown = {cells[0]: cells[1] for cells in (row.split("\t") for row in rows)}
        assert {name: shown[name].replace(",", "") for name in profile.index} == {
            name: str(count) for name, count in profile["customers"].items()
        }

    @pytest.mark.parametrize("shop", ALL_SHOPS)
    def test_both_languages_are_whole(self, reported: Path, shop: str) -> None:
        # A text that nobody translated would be the same in both
        texts = [
            json.loads(file.read_text(encoding="utf-8"))
            for file in (reported / "08_reporting" / shop).glob("chapter_*.json")
        ]
        pairs = [pair for text in texts for pair in both_languages(text)]

        assert len(pairs) > 300
        untranslated = {
            ru for ru, en in pairs
            if ru == en and re.search(r"[a-z]{4}", ru) and " " in ru and not CYRILLIC.search(ru)
        }  # fmt: skip
        assert untranslated == set()

    def test_what_a_shop_lacks_is_left_out(self, reported: Path) -> None:
        found = {shop: set(chapters_of(reported, shop)) for shop in ALL_SHOPS}

        assert found[ONE_CLICK] & {"sales", "rfm", "interests"} == set()
        assert all({"sales", "rfm", "data", "offers"} <= found[shop] for shop in ORDER_LINES)


def both_languages(tree: Any) -> list[tuple[str, str]]:
    """Return every text of a chapter that exists in two languages."""
    if isinstance(tree, dict):
        if set(tree) == {"ru", "en"} and all(isinstance(text, str) for text in tree.values()):
            return [(tree["ru"], tree["en"])]
        return [pair for below in tree.values() for pair in both_languages(below)]
    if isinstance(tree, list):
        return [pair for below in tree for pair in both_languages(below)]
    return []


class TestFiles:
    @pytest.mark.parametrize("shop", ALL_SHOPS)
    def test_every_table_of_the_page_is_a_file_in_both_languages(
        self, reported: Path, shop: str
    ) -> None:
        blocks = [block for each in chapters_of(reported, shop).values() for block in each.blocks]
        tables = {block.name: block for block in blocks if isinstance(block, Table)}

        for language, separator in (("ru", ";"), ("en", ",")):
            folder = reported / "08_reporting" / shop / "tables" / language
            assert {file.stem for file in folder.glob("*.csv")} == set(tables)
            for name, table in tables.items():
                read = pd.read_csv(folder / f"{name}.csv", sep=separator, encoding="utf-8-sig")
                assert read.shape == (len(table.rows), len(table.columns)), name

    @pytest.mark.parametrize("shop", ALL_SHOPS)
    def test_origins_are_real(self, reported: Path, shop: str) -> None:
        from personal_offers.pipeline_registry import STAGES

        made = {
            (output.partition(".")[2], node.name.partition(".")[2])
            for create_pipeline in STAGES.values()
            for node in create_pipeline().nodes
            if node.name.startswith(f"{shop}.")
            for output in node.outputs
        }

        blocks = [block for each in chapters_of(reported, shop).values() for block in each.blocks]
        named = {
            (block.origin.dataset, block.origin.node)
            for block in blocks
            if getattr(block, "origin", None)
        }
        assert named - made == set()


class TestMissing:
    def test_a_report_without_offers_says_so_and_how_to_get_them(
        self, report: Report, reported: Path, tmp_path: Path
    ) -> None:
        # Given what a run up to the segments leaves
        for layer in READ:
            if (reported / layer / ONE_CLICK).is_dir():
                shutil.copytree(reported / layer / ONE_CLICK, tmp_path / layer / ONE_CLICK)
        for file in (tmp_path / "07_model_output" / ONE_CLICK).glob("offer*"):
            file.unlink()

        report(tmp_path, ONE_CLICK)

        text = page_of(tmp_path, ONE_CLICK, "en").read_text(encoding="utf-8")
        assert "kedro run --pipelines offers" in text

    def test_a_shop_of_which_nothing_is_there_has_a_page_that_says_so(
        self, report: Report, tmp_path: Path
    ) -> None:
        report(tmp_path, "gift_shop")

        text = page_of(tmp_path, "gift_shop", "ru").read_text(encoding="utf-8")
        assert "kedro run --pipelines" in text

"""Figures as pictures in a folder."""

import logging
from pathlib import Path

import pytest

from personal_offers.datasets import PicturesDataset
from tools.graph_picture import chromium

FIGURE = {"data": [{"type": "bar", "x": ["a"], "y": [1]}], "layout": {}}
PNG = b"\x89PNG"


@pytest.fixture
def pictures(tmp_path: Path) -> PicturesDataset:
    return PicturesDataset(path=str(tmp_path / "pictures"), width=320, height=180, scale=1)


@pytest.mark.browser
@pytest.mark.skipif(chromium() is None, reason="chromium is not installed")
def test_figures_become_pictures_and_older_ones_go(pictures: PicturesDataset) -> None:
    pictures.save({"en/old": FIGURE})

    pictures.save({"en/chart": FIGURE, "ru/chart": FIGURE})

    found = pictures.load()
    assert sorted(found) == ["en/chart", "ru/chart"]
    assert all(picture.startswith(PNG) for picture in found.values())
    assert found["en/chart"] == found["ru/chart"]  # same figure, same bytes


def test_without_a_browser_one_line_says_so_and_the_run_goes_on(
    pictures: PicturesDataset, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("BROWSER_PATH", "/nowhere/chrome")
    caplog.set_level(logging.WARNING)

    pictures.save({"en/chart": FIGURE})

    assert pictures.load() == {}
    assert [m for m in caplog.messages if m.startswith("No pictures for slides: ")] != []


def test_nothing_to_draw_needs_no_browser(pictures: PicturesDataset) -> None:
    assert not pictures.exists()

    pictures.save({})

    assert pictures.exists()
    assert pictures.load() == {}

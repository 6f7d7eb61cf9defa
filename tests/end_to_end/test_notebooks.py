"""The notebooks run from the first cell to the last, and are stored without outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.offer_runs import ALL_SHOPS, ONE_CLICK

FIRST = "%load_ext kedro.ipython"
_SECONDS = 180


@pytest.fixture(params=ALL_SHOPS)
def shop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def cells(root: Path, shop: str) -> list[dict[str, Any]]:
    """Every shop has a notebook of its name."""
    notebook = json.loads((root / "notebooks" / f"{shop}.ipynb").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = notebook["cells"]
    return found


def test_notebooks_are_stored_without_outputs(root: Path, shop: str) -> None:
    code = [cell for cell in cells(root, shop) if cell["cell_type"] == "code"]

    assert FIRST in "".join(code[0]["source"])
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_every_cell_with_code_has_words_before_it(root: Path, shop: str) -> None:
    kinds = [cell["cell_type"] for cell in cells(root, shop)]

    assert kinds[0] == "markdown"
    assert kinds.count("markdown") >= kinds.count("code") // 2


@pytest.mark.slow
def test_notebooks_run_to_the_end(
    root: Path, shop: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nbformat
    from nbclient import NotebookClient

    # Given what a run wrote, which the notebook finds by the catalog
    made = request.getfixturevalue("one_click" if shop == ONE_CLICK else "output")
    notebook = nbformat.read(root / "notebooks" / f"{shop}.ipynb", as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    first.source = first.source.replace(FIRST, f"{FIRST}\n%reload_kedro --params=output_dir={made}")
    monkeypatch.setenv("PYTHONPATH", str(root / "src"))

    # When it runs where it stands
    NotebookClient(
        notebook, timeout=_SECONDS, resources={"metadata": {"path": str(root / "notebooks")}}
    ).execute()

    # Then charts were drawn
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    charts = [out for out in outputs if "application/vnd.plotly.v1+json" in out.get("data", {})]
    assert len(charts) >= 3

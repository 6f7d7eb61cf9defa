"""Rows, columns and sizes of what a run read and wrote, where Kedro-Viz looks for them.

Kedro-Viz itself counts pandas frames alone, and only of the last run, whatever part of the graph
that was. Here every table counts, and what a run did not touch keeps its numbers.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from personal_offers.datasets import RawTable

logger = logging.getLogger(__name__)

Numbers = dict[str, int]
_FILE = Path(".viz") / "stats.json"


class StatisticsHook:
    """Write ``.viz/stats.json`` at the end of a run."""

    def __init__(self) -> None:
        """Start without numbers."""
        self._earlier: dict[str, Numbers] = {}
        self._shapes: dict[str, Numbers] = {}

    @hook_impl
    def before_pipeline_run(self, run_params: Mapping[str, Any]) -> None:
        """Remember what earlier runs counted, before Kedro-Viz forgets it."""
        self._earlier = _read(Path(run_params["project_path"]) / _FILE)
        self._shapes = {}

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        """Count a raw file, which nothing else counts."""
        if isinstance(data, RawTable) and data.rows is not None:
            self._shapes[dataset_name] = {
                "rows": int(data.rows.count().execute()),
                "columns": len(data.rows.columns) - 1,  # less the numbers that reading added
            }

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Count a table in memory."""
        if isinstance(data, pd.DataFrame):
            self._shapes[dataset_name] = {"rows": len(data), "columns": len(data.columns)}

    @hook_impl(trylast=True)
    def after_pipeline_run(
        self,
        run_params: Mapping[str, Any],
        pipeline: Pipeline,
        catalog: CatalogProtocol[Any, Any],
    ) -> None:
        """Add sizes and the shapes of Parquet files, and write all numbers down."""
        place = Path(run_params["project_path"]) / _FILE
        found = self._earlier | _read(place)  # Kedro-Viz has just written its own
        for name in sorted(pipeline.datasets()):
            if name == "parameters" or name.startswith("params:"):
                continue
            numbers = self._shapes.get(name, {}) | file_numbers(
                getattr(catalog[name], "_filepath", None)
            )
            if numbers:
                found[name] = numbers
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        except OSError as error:
            logger.warning("The graph will show no row counts of this run: %s", error)


def file_numbers(path: object) -> Numbers:
    """Return what a file tells of itself without being read.

    Args:
        path: Of the file; None where a dataset has none.

    Returns:
        ``file_size`` in bytes, and for Parquet ``rows`` and ``columns``; empty without a file.
    """
    from pyarrow import ArrowInvalid
    from pyarrow.parquet import read_metadata

    file = Path(str(path))
    if path is None or not file.is_file():
        return {}
    numbers = {"file_size": file.stat().st_size}
    if file.suffix != ".parquet":
        return numbers
    try:
        facts = read_metadata(file)
    except (ArrowInvalid, OSError):
        return numbers
    return {"rows": facts.num_rows, "columns": facts.num_columns} | numbers


def _read(place: Path) -> dict[str, Numbers]:
    """Return the numbers in a file; none where it is absent or broken."""
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

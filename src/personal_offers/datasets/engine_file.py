"""What files read and written by the engine of a run have in common."""

from __future__ import annotations

from typing import Any

from kedro_datasets.ibis import FileDataset

from personal_offers.engines import connect


class EngineFileDataset(FileDataset):  # type: ignore[misc]  # kedro-datasets has no types
    """``ibis.FileDataset`` whose connection is the catalog's ``_connection``."""

    def _connect(self) -> Any:
        return connect(self._connection_config)

    @property
    def _on_spark(self) -> bool:
        return bool(self._connection_config.get("engine") == "spark")

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": self._fs_prefix + str(self._filepath),
            "engine": self._connection_config.get("engine", "duckdb"),
        }

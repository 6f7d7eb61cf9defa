"""A Parquet file as a lazy Ibis table, with a preview for Kedro-Viz."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
from kedro_datasets._typing import TablePreview

from personal_offers.datasets.engine_file import EngineFileDataset


class IbisParquetDataset(EngineFileDataset):
    """``ibis.FileDataset`` for Parquet that Kedro-Viz can preview.

    YAML:

    ```yaml
    customers:
      type: personal_offers.datasets.IbisParquetDataset
      filepath: data/03_primary/shop/customers.parquet
      connection: ${_connection}
    ```

    Python:

    >>> import ibis, tempfile
    >>> dataset = IbisParquetDataset(filepath=tempfile.mkdtemp() + "/numbers.parquet")
    >>> dataset.save(ibis.memtable({"n": [1, 2, 3]}))
    >>> dataset.preview(nrows=1)["data"]
    [[1]]
    """

    def __init__(self, *, filepath: str, **kwargs: Any) -> None:
        """Point to a Parquet file.

        Args:
            filepath: Where the file is or will be; missing folders are made on save.
            **kwargs: As in ``kedro_datasets.ibis.FileDataset`` (save_args, …); ``connection`` as in
                ``personal_offers.engines.connect``.
        """
        super().__init__(filepath, file_format="parquet", **kwargs)

    def load(self) -> ir.Table:
        """Return the lazy table, of one file or of a folder of files, as Spark writes."""
        path = Path(str(self._get_load_path()))
        if self._on_spark or self._fs_prefix or not path.is_dir():
            return super().load()
        return self.connection.read_parquet(
            str(path / "*.parquet"), table_name=self._table_name, **self._load_args
        )

    def save(self, data: ir.Table) -> None:
        """Write the table: one file, or on Spark a folder of files, which appears when whole."""
        path = Path(str(self._get_save_path()))
        if self._on_spark:
            if not self._fs_prefix:
                path.parent.mkdir(parents=True, exist_ok=True)
            self.connection.write_parquet(data, f"{self._fs_prefix}{path}")
            return
        if not self._fs_prefix and path.is_dir():  # Spark wrote the last one
            shutil.rmtree(path)
        super().save(data)

    def preview(self, nrows: int = 10) -> TablePreview:
        """Return the first rows in the form that Kedro-Viz draws.

        Args:
            nrows: How many rows.

        Returns:
            ``{"index": [...], "columns": [...], "data": [[...], ...]}``.
        """
        frame = self.load().limit(nrows).to_pandas()
        return TablePreview(
            json.loads(frame.to_json(orient="split", date_format="iso", force_ascii=False))
        )

"""A Parquet file as a lazy Ibis table, with a preview for Kedro-Viz."""

from __future__ import annotations

import json
from typing import Any

from kedro_datasets._typing import TablePreview
from kedro_datasets.ibis import FileDataset


class IbisParquetDataset(FileDataset):  # type: ignore[misc]  # kedro-datasets has no types
    """``ibis.FileDataset`` for Parquet that Kedro-Viz can preview.

    YAML:

    ```yaml
    customers:
      type: personal_offers.datasets.IbisParquetDataset
      filepath: data/03_primary/shop/customers.parquet
      connection: {backend: duckdb}
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
            **kwargs: As in ``kedro_datasets.ibis.FileDataset`` (connection, save_args, …).
        """
        super().__init__(filepath, file_format="parquet", **kwargs)

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

"""A shop without anything to clean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd


def test_empty_quarantine_is_written(
    run_pipeline: Callable[..., object], raw_folder: Callable[[], Path], tmp_path: Path
) -> None:
    # Given the sample without its customers who are not regular
    raw_dir = raw_folder()
    run_pipeline("data_processing", raw_dir, tmp_path / "before")
    place = Path("02_intermediate") / "one_click" / "quarantine.parquet"
    removed = pd.read_parquet(tmp_path / "before" / place)["raw"].str.extract(r'"id":"(\d+)"')[0]
    for file in (raw_dir / "one_click").glob("*.csv"):
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(tuple(removed))]
        file.write_text("".join(kept), encoding="utf-8")

    # When
    run_pipeline("data_processing", raw_dir, tmp_path / "after")

    # Then there is nobody in quarantine, and everybody else is a customer
    assert len(removed) == 21
    assert len(pd.read_parquet(tmp_path / "after" / place)) == 0
    table = Path("03_primary") / "one_click" / "customers.parquet"
    before, after = (pd.read_parquet(tmp_path / run / table) for run in ("before", "after"))
    pd.testing.assert_frame_equal(before, after)

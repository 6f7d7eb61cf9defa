"""Do two runs say the same? Every file that both wrote is compared, cell by cell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

# Two engines add floats up in another order; everything else must be equal.
TOLERANCE = 1e-9
# Models are equal when what they predict is; the archive holds the time when it was written.
NOT_COMPARED = {".skops"}


def files_of(output_dir: Path) -> dict[str, Path]:
    """Return the tables and files of a run by their path; a folder of Parquet files is one."""
    found = {}
    for path in sorted(output_dir.rglob("*")):
        inside = any(above.suffix == ".parquet" for above in path.parents)
        if inside or path.name.startswith(".") or path.suffix in NOT_COMPARED:
            continue
        if path.is_file() or path.suffix == ".parquet":
            found[str(path.relative_to(output_dir))] = path
    return found


def differences(one: Path, other: Path) -> list[str]:
    """Return what differs between two outputs, one sentence for each, at most three per file."""
    left, right = files_of(one), files_of(other)
    found = [f"{name} was written by one run only" for name in sorted(set(left) ^ set(right))]
    for name in sorted(set(left) & set(right)):
        found += [f"{name}: {text}" for text in list(_of_file(left[name], right[name]))[:3]]
    return found


def _of_file(one: Path, other: Path) -> Iterator[str]:
    match one.suffix:
        case ".parquet":
            yield from _of_frames(pd.read_parquet(one), pd.read_parquet(other))
        case ".csv":
            yield from _of_frames(pd.read_csv(one), pd.read_csv(other))
        case ".json":
            yield from _of_values(json.loads(one.read_text()), json.loads(other.read_text()), "")
        case _:
            if one.read_bytes() != other.read_bytes():
                yield "the texts differ"


def _of_frames(one: pd.DataFrame, other: pd.DataFrame) -> Iterator[str]:
    if list(one.columns) != list(other.columns) or len(one) != len(other):
        yield f"{one.shape} {list(one.columns)} beside {other.shape} {list(other.columns)}"
        return
    for name in one.columns:
        left, right = one[name], other[name]
        if left.dtype != right.dtype:
            yield f"{name} is {left.dtype} and {right.dtype}"
        if pd.api.types.is_float_dtype(left.dtype) and pd.api.types.is_numeric_dtype(right.dtype):
            near = np.isclose(left, right, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        else:
            near = ((left == right) | (left.isna() & right.isna())).to_numpy(bool)
        if not near.all():
            row = int(np.flatnonzero(~near)[0])
            yield f"{name} in {(~near).sum()} rows: {left.iloc[row]!r} and {right.iloc[row]!r}"


def _of_values(one: Any, other: Any, place: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for name, value in one.items():
            if name != "skops_sha256":  # of the archive above
                yield from _of_values(value, other[name], f"{place}/{name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _of_values(left, right, f"{place}/{number}")
    elif type(one) is float and type(other) is float:
        if not np.isclose(one, other, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
            yield f"{place}: {one!r} and {other!r}"
    elif one != other or type(one) is not type(other):
        yield f"{place}: {str(one)[:60]!r} and {str(other)[:60]!r}"

"""The section of docs/performance.md about the whole road on both engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def section(found: Mapping[str, Any]) -> str:
    """Return the section.

    Args:
        found: What ``engines.py`` wrote.

    Returns:
        Markdown.
    """
    lines, walls, machine = found["lines"], found["walls"], found["machine"]
    ratio = walls["spark"] / walls["duckdb"]
    different = found["differences"]
    verdict = (
        "not one differs: whole numbers, codes and texts are equal, floats to 1e-9"
        if not different
        else f"{len(different)} differences: " + "; ".join(different)
    )
    return f"""## The whole road on DuckDB and on Spark

From a raw file of {lines / 1e6:g} million lines ({found["customers"]:,} customers) to segments:
intake, labels at every cutoff, models, interests, RFM, classes, backtest, clusters and segments,
with the small settings of `conf/test`. Of {found["files"]} files that both runs write, {verdict}.

| engine | wall, s |
|---|---|
| DuckDB | {walls["duckdb"]:,.0f} |
| Spark, `local[*]` | {walls["spark"]:,.0f} |

On one machine Spark takes {ratio:.1f} times as long: each of its queries is planned, cut into tasks
and shuffled anew, which pays where many machines share the work. One run each, on
{machine["cores"]} cores, {found["date"]}, after a quarter of an hour with a load of
{found["load"]:.1f}. [engines.md](engines.md) says which engine for which size."""

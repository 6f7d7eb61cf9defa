"""The section of docs/performance.md about the whole road: DuckDB, bounded DuckDB, Spark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def section(found: Mapping[str, Any]) -> str:
    """Return the section.

    Args:
        found: What ``engines.py`` wrote: road_LINES: its content.

    Returns:
        Markdown.
    """
    roads = sorted(found.values(), key=lambda road: road["lines"])
    rows = [row for road in roads for row in _rows(road)]
    verdicts = [text for road in roads for text in _verdicts(road)]
    both = [road for road in roads if {"duckdb", "spark"} <= road["runs"].keys()]
    parts = [
        """## The whole road on DuckDB and on Spark

From a raw CSV file to segments: intake, labels at every cutoff, models, interests, RFM, classes,
backtest, clusters and segments, with the small settings of `conf/test`. One run each.

| order lines | engine | wall, s | peak, MB | load before | on |
|---|---|---|---|---|---|""",
        "\n".join(rows),
        "\n*Peak* is that of the Python process; the memory of Spark's own is set by "
        "`spark.driver.memory`. *Load before* is\nthat of the quarter of an hour before the run, "
        f"on {roads[0]['machine']['cores']} cores: near 0, the machine was quiet.",
        "\n" + "\n".join(f"- {text}" for text in verdicts) if verdicts else "",
    ]
    if both:
        runs = both[-1]["runs"]
        ratio = runs["spark"]["wall"] / runs["duckdb"]["wall"]
        parts.append(
            f"""
On one machine Spark takes {ratio:.1f} times as long: each of its queries is planned, cut into tasks
and shuffled anew, which pays where many machines share the work. [engines.md](engines.md) says
which engine for which size."""
        )
    return "\n".join(part for part in parts if part)


def _rows(road: Mapping[str, Any]) -> list[str]:
    names = {
        "duckdb": "DuckDB",
        "bounded": f"DuckDB, `memory_limit={road['memory_limit']}`",
        "spark": "Spark, `local[*]`",
    }
    rows = []
    for engine, name in names.items():
        if run := road["runs"].get(engine):
            peak = "–" if engine == "spark" else f"{run['peak']:,.0f}"
            rows.append(
                f"| {road['lines'] / 1e6:g} million, {road['customers']:,} customers | {name} | "
                f"{run['wall']:,.0f} | {peak} | {run['load']:.1f} | {run['date']} |"
            )
    return rows


def _verdicts(road: Mapping[str, Any]) -> list[str]:
    names = {"duckdb and spark": "Spark", "duckdb and bounded": "DuckDB in bounded memory"}
    verdicts = []
    for pair, said in road["compared"].items():
        different = said["differences"]
        verdict = (
            "not one differs: whole numbers, codes and texts are equal, floats to 1e-9."
            if not different
            else f"{len(different)} difference(s): " + "; ".join(different)
        )
        lines = f"{road['lines'] / 1e6:g} million lines"
        verdicts.append(
            f"{names[pair]} beside DuckDB, {lines}: of {said['files']} files that both write, "
            + verdict
        )
    return verdicts

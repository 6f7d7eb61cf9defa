"""The section of docs/performance.md about shops whose customers buy little."""

from __future__ import annotations

from typing import Any

from benchmarks.growth import figure_of
from benchmarks.speed_section import agreement, table, targets

_LEAD = """## Many customers with few lines

The same work where a customer has about {per_customer:g} lines and not 92: order ids and customers
are nearly as many as lines, so grouping them takes most of the time, in every way of the work, and
the start of a run hardly counts. The run's time holds its contract, which groups the finished table
once more to see that no customer stands twice; raw SQL checks nothing. Tables of customers no
longer fit into a small memory; with `memory_limit=1GB` they go to the spill folder, and the whole
process peaks at {peak:,.0f} MB.
"""


def section(found: dict[str, Any]) -> str:
    """Return the section.

    Args:
        found: Stem of a file of the suite: its content.

    Returns:
        Markdown.
    """
    results = sorted(found.values(), key=lambda result: int(result["lines"]))
    last = results[-1]
    peak = figure_of(last, "ours_bounded", "peak") or float("nan")
    parts = [_LEAD.format(per_customer=last["per_customer"], peak=peak), targets(results)]
    parts += [table(result) for result in results]
    answers = last["contenders"].get("duckdb_sql", {}).get("agreement")
    if answers is not None:
        parts.append(f"Beside raw DuckDB SQL: {agreement('duckdb_sql', answers)}.")
    return "\n\n".join(part.strip() for part in parts)

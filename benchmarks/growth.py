"""How time grows with the lines, and what is left of a run when its start is taken off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float | None:
    """Return b of time = a * size^b, by least squares on logarithms.

    Args:
        sizes: Lines, at least two different.
        times: Seconds, one for each size.

    Returns:
        The exponent; None with fewer than two sizes, or where a time is not above zero.
    """
    if len(set(sizes)) < 2 or min(times) <= 0:  # noqa: PLR2004
        return None
    x, y = [math.log(size) for size in sizes], [math.log(time) for time in times]
    x_mean, y_mean = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - x_mean) * (b - y_mean) for a, b in zip(x, y, strict=True))
    return above / sum((a - x_mean) ** 2 for a in x)


def figure_of(result: Mapping[str, Any], name: str, what: str) -> float | None:
    """Return a figure of a contender at one size.

    Args:
        result: One file of the suite.
        name: Contender; ``ours_net`` is ours less an empty run, ``duckdb_net`` raw SQL less the
            start of an interpreter with DuckDB in it.
        what: wall, cpu or peak.

    Returns:
        The figure; None where the contender has none.
    """
    less = {"ours_net": ("ours", "empty"), "duckdb_net": ("duckdb_sql", "bare")}
    if name in less:
        whole, start = (figure_of(result, each, what) for each in less[name])
        return None if whole is None or start is None else whole - start
    found: float | None = result["contenders"].get(name, {}).get(what)
    return found


def growth(
    results: Sequence[Mapping[str, Any]], name: str, what: str = "wall", least: float = 0
) -> float | None:
    """Return the exponent of a contender over the sizes that it was measured at.

    Args:
        results: Files of the suite.
        name: As in ``figure_of``.
        what: wall or cpu.
        least: The smallest size that counts.

    Returns:
        The exponent, or None.
    """
    pairs = [
        (result["lines"], figure)
        for result in results
        if result["lines"] >= least and (figure := figure_of(result, name, what)) is not None
    ]
    return exponent([lines for lines, _ in pairs], [time for _, time in pairs]) if pairs else None


def ratio(result: Mapping[str, Any], above: str, below: str, what: str = "wall") -> float | None:
    """Return how many times one contender's figure is another's; None where one has none."""
    top, bottom = figure_of(result, above, what), figure_of(result, below, what)
    return None if top is None or not bottom or bottom <= 0 else top / bottom

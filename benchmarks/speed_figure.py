"""The figure of docs/performance.md: time by lines, both on logarithmic axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.growth import figure_of

# Colours of Okabe and Ito (2008); dashes and labels say the same without colour.
LINES = {  # contender: label, colour, dash, width
    "ours_net": ("this project, less an empty run", "#0072B2", "solid", 4),
    "ours": ("this project, whole run", "#0072B2", "dot", 2),
    "duckdb_sql": ("raw DuckDB SQL", "#D55E00", "solid", 3),
    "polars": ("Polars, streaming", "#009E73", "solid", 2),
    "scan": ("scan of the columns (limit)", "#999999", "dash", 2),
    "floor": ("one group-by (limit)", "#555555", "dash", 2),
    "pandas": ("pandas notebook", "#E69F00", "solid", 2),
    "rfm": ("rfm package", "#CC79A7", "solid", 2),
    "lifetimes": ("lifetimes summary", "#56B4E9", "dashdot", 2),
    "pymc": ("PyMC-Marketing summary", "#000000", "dashdot", 2),
}
TICKS = [0.1, 0.3, 1, 3, 10, 30, 100, 300]  # seconds
SYMBOLS = ["circle", "circle-open", "square", "diamond", "x", "cross", "triangle-up", "star",
           "pentagon", "hexagram"]  # fmt: skip
_TITLE = "Seconds of a whole process, by order lines (both axes logarithmic)"


def make_figure(results: Sequence[Mapping[str, Any]]) -> Any:
    """Draw time by lines.

    Args:
        results: Files of the suite.

    Returns:
        A plotly Figure: one line per contender over the sizes that it ended at.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    ordered = sorted(results, key=lambda result: result["lines"])
    for symbol, (name, style) in zip(SYMBOLS, LINES.items(), strict=True):
        label, colour, dash, width = style
        pairs = [
            (result["lines"], time)
            for result in ordered
            if (time := figure_of(result, name, "wall")) is not None and time > 0
        ]
        if pairs:
            figure.add_scatter(
                x=[lines for lines, _ in pairs], y=[time for _, time in pairs], name=label,
                mode="lines+markers", line={"color": colour, "dash": dash, "width": width},
                marker={"symbol": symbol, "size": 9},
            )  # fmt: skip
    figure.update_layout(
        template="plotly_white", title=_TITLE, height=560, width=980,
        legend={"traceorder": "normal"}, font={"size": 14},
    )  # fmt: skip
    sizes = [result["lines"] for result in ordered]
    figure.update_xaxes(
        type="log", title="order lines", tickvals=sizes,
        ticktext=[f"{lines / 1e6:g} million" for lines in sizes],
    )  # fmt: skip
    figure.update_yaxes(
        type="log", title="seconds", tickvals=TICKS, ticktext=[f"{n:g}" for n in TICKS]
    )
    return figure


def write_figure(results: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Write the figure as a picture."""
    file.parent.mkdir(parents=True, exist_ok=True)
    make_figure(results).write_image(file, scale=1.5)

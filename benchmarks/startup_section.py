"""The section "Start-up" of docs/performance.md, of what startup.py measured."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.startup import LEAST_COST, NODE

WIDTH = 100
SHORT = 10.0  # seconds up to which a second decimal says something
MINUTE = 60.0
WHAT = {
    "bare": "`kedro run` of a bare Kedro project",
    "list": "`kedro registry list`",
    "empty": "empty `kedro run`",
    "one_node": f"`kedro run --nodes {NODE}` on saved tables",
}


def section(found: Mapping[str, Any]) -> str:
    """Write the section.

    Args:
        found: What ``startup.measure`` found (build/bench/startup.json).

    Returns:
        Markdown, from its heading to the end of its last line.
    """
    lines = ["## Start-up", "", *_introduction(found), "", *_commands(found), ""]
    lines += [*_imports(found["imports"]), "", *_lazy(found["lazy"], found["commands"]["empty"])]
    return "\n".join(lines) + "\n"


def _introduction(found: Mapping[str, Any]) -> Iterator[str]:
    yield textwrap.fill(
        f"Whole processes, medians of {found['runs']} runs after one that warms up "
        f"(Kedro-Viz and imports: {found['fewer']}; tests: one run). An empty run pays for the "
        "command line, the project, its configuration and the check of all parameters, and then "
        "runs one node that does nothing. The bare project has that node, no parameters and no "
        "hooks: it is what Kedro itself takes. "
        f"{_machine(found['machine'])}.",
        WIDTH,
    )


def _machine(machine: Mapping[str, Any]) -> str:
    """Say where it was measured, and with which versions."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return f"{machine['system']} on {machine['machine']}, {machine['cores']} cores; {versions}"


def _commands(found: Mapping[str, Any]) -> Iterator[str]:
    bare = found["commands"]["bare"]["wall"]
    yield "| what | wall | times a bare `kedro run` | CPU | peak memory |"
    yield "|---|---:|---:|---:|---:|"
    for name, what in WHAT.items():
        one = found["commands"][name]
        yield (
            f"| {what} | {seconds(one['wall'])} | {one['wall'] / bare:.1f} "
            f"| {seconds(one['cpu'])} | {one['peak']:.0f} MB |"
        )
    if found["viz"]:
        wall = found["viz"]["wall"]
        yield (
            f"| `kedro viz run` (`make viz`) until the page answers | {seconds(wall)} "
            f"| {wall / bare:.1f} | | |"
        )
    if found["suite"]:
        one = found["suite"]
        yield (
            f"| `make test-fast`, {one['tests']} tests in 2 processes | {seconds(one['wall'])} "
            f"| | {seconds(one['cpu'])} | |"
        )
    else:
        yield "| `make test-fast` | not measured (`--suite`) | | | |"


def _imports(imports: Mapping[str, float]) -> Iterator[str]:
    dear = {name: cost for name, cost in imports.items() if cost >= LEAST_COST}
    total = sum(imports.values())
    yield textwrap.fill(
        f"What an empty run imports, by `python -X importtime`: {milli(total)} in all. Each "
        "package counts its own modules alone, so the lines add up; those under "
        f"{milli(LEAST_COST)} are summed up.",
        WIDTH,
    )
    yield ""
    yield "| package | cost |"
    yield "|---|---:|"
    for name, cost in dear.items():
        yield f"| {name} | {milli(cost)} |"
    rest = total - sum(dear.values())
    yield f"| {len(imports) - len(dear)} others | {milli(rest)} |"


def _lazy(
    lazy: Mapping[str, Mapping[str, float] | None], empty: Mapping[str, Any]
) -> Iterator[str]:
    yield textwrap.fill(
        "What it does not import, because nodes import these where they use them: the cost in a "
        "process of its own, and on top of what every run has loaded, which is what each saves "
        "the runs that do not need it. They share libraries, so the lines do not add up.",
        WIDTH,
    )
    yield ""
    yield "| library | alone | saved | share of an empty run |"
    yield "|---|---:|---:|---:|"
    for name, one in sorted(lazy.items(), key=lambda pair: -(pair[1] or {}).get("added", 0.0)):
        if one is None:
            yield f"| {name} | not installed | | |"
            continue
        share = one["added"] / empty["wall"]
        yield f"| {name} | {milli(one['alone'])} | {milli(one['added'])} | {share:.0%} |"


def seconds(value: float) -> str:
    """Say a duration: seconds, from ten minutes on minutes."""
    if value >= 10 * MINUTE:
        return f"{value / MINUTE:.0f} min"
    return f"{value:.2f} s" if value < SHORT else f"{value:.0f} s"


def milli(value: float) -> str:
    """Say a duration in milliseconds."""
    return f"{value * 1000:,.0f} ms"

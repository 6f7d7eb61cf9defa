"""docs/performance.md and its figure, from what the benchmarks left in build/bench.

The page is a list of sections. A section is a module with ``section(found: dict) -> str``, which is
given what its JSON files hold: the content of the one file, or stem: content where its pattern may
match several. It returns Markdown from its heading on. A section whose files are absent keeps the
text that the page has already; a page without it says which command makes it. A section whose
module does not exist is left out.

Usage: ``python -m benchmarks.report``.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "bench"
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "images" / "performance.png"

_TOP = """# Speed and memory

What a run costs, beside what the same work costs in other ways. All figures are of whole processes
as the kernel counts them, imports included. Machines differ, so only ratios and exponents carry
over. Four commands measure and write this page: `make bench` (order lines to classes, minutes),
`make bench-large` (the same with 50 million lines), `make bench-spark` and `make bench-startup`.
"""
_MARK = "<!-- section: {name} -->"
_MARKED = re.compile(r"<!-- section: (\w+) -->\n(.*?)(?=<!-- section: |\Z)", re.DOTALL)


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        name: In the mark that stands before it.
        title: Its heading, for where nothing has been measured.
        module: Has ``section(found)``.
        files: Name or pattern of its JSON files.
        command: What makes them.
    """

    name: str
    title: str
    module: str
    files: str
    command: str

    def found(self, folder: Path) -> dict[str, Any]:
        """Return what the files of the section hold; empty where there is none."""
        files = sorted(folder.glob(self.files))
        if "*" in self.files:
            return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
        return json.loads(files[0].read_text(encoding="utf-8")) if files else {}


SECTIONS = (
    Section("speed", "From order lines to RFM classes", "benchmarks.speed_section",
            "results_*.json", "make bench"),
    Section("many", "Many customers with few lines", "benchmarks.many_section", "many_*.json",
            "make bench-large"),
    Section("spark", "The whole road on DuckDB and on Spark", "benchmarks.spark_section",
            "road_*.json", "make bench-spark"),
    Section("startup", "Start-up", "benchmarks.startup_section", "startup.json",
            "make bench-startup"),
)  # fmt: skip


def page(folder: Path, before: str = "", sections: Sequence[Section] = SECTIONS) -> str:
    """Return the page.

    Args:
        folder: Where the JSON files are.
        before: The page as it is, whose sections are kept where nothing new was measured.
        sections: In the order of the page.

    Returns:
        Markdown.
    """
    kept = {name: text.strip() for name, text in _MARKED.findall(before)}
    parts = [_TOP]
    for section in sections:
        found = section.found(folder)
        if importlib.util.find_spec(section.module) is None:
            text = kept.get(section.name, "")
        elif found:
            text = importlib.import_module(section.module).section(found).strip()
        else:
            nothing = f"## {section.title}\n\nNot measured yet: `{section.command}` does it."
            text = kept.get(section.name, nothing)
        if text:
            parts.append(f"{_MARK.format(name=section.name)}\n{text}\n")
    return "\n".join(parts)


def main() -> None:
    """Write the page and its figure."""
    from benchmarks.speed_figure import write_figure

    before = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    PAGE.write_text(page(BUILD, before), encoding="utf-8")
    results = [
        json.loads(file.read_text(encoding="utf-8")) for file in BUILD.glob("results_*.json")
    ]
    if results:
        write_figure(results, PICTURE)
    print(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

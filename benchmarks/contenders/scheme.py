"""How customers are scored and classed, read from a plain file, with the standard library alone.

Written anew and not imported from the project, because contenders run in environments of their own,
and because two ways to the same answer check each other.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

MEASURES = ("recency", "frequency", "monetary")
COLUMNS = ("recency_days", "frequency", "cents")


@dataclass(frozen=True)
class Task:
    """What a contender is given.

    Attributes:
        lines: The Parquet file of the order lines.
        cutoff: The moment that everything is seen from, ISO text.
        scores: 3 or 5 scores per measure.
        breaks: Measure: ``method`` (quantile or business) with ``shares`` or ``values``.
        classes: Class: ``label`` (ru, en), ``boxes`` and ``codes``.
        out: The file to write.
    """

    lines: str
    cutoff: str
    scores: int
    breaks: dict[str, dict[str, Any]]
    classes: dict[str, dict[str, Any]]
    out: str

    def shares(self, measure: str) -> list[float]:
        """Return the shares of customers below each break; none where values are stated."""
        asked = self.breaks[measure]
        if asked["method"] != "quantile":
            return []
        return asked.get("shares") or [k / self.scores for k in range(1, self.scores)]

    def limits(self, measure: str, quantiles: list[float]) -> list[int]:
        """Return the last days of the better score, or the fewest orders or cents of it."""
        if self.breaks[measure]["method"] == "business":
            factor = 100 if measure == "monetary" else 1
            return [round(value * factor) for value in self.breaks[measure]["values"]]
        below = [math.floor(round(value, 4)) for value in quantiles]
        return below if measure == "recency" else [value + 1 for value in below]

    def codes(self, days: list[int]) -> list[dict[str, Any]]:
        """Return code, class, labels and the last day in the class for every r, f, m."""
        found = self._classes()
        rows = []
        for (r, f, m), name in found.items():
            last = None
            for day in sorted(set(days)):
                later = 1 + sum(day < limit for limit in days)
                if later < r and found[later, f, m] != name:
                    last = day
                    break
            label = self.classes[name]["label"]
            rows.append({"r": r, "f": f, "m": m, "rfm_code": f"{r}{f}{m}", "rfm_class": name,
                         "class_ru": label["ru"], "class_en": label["en"],
                         "last_day": last})  # fmt: skip
        return rows

    def _classes(self) -> dict[tuple[int, int, int], str]:
        free = list(range(1, self.scores + 1))
        found = {}
        for name, asked in self.classes.items():
            for box in asked.get("boxes", []):
                for code in product(*(box.get(letter) or free for letter in "rfm")):
                    found[code] = name
            for text in asked.get("codes", []):
                found[int(text[0]), int(text[1]), int(text[2])] = name
        return found


def task() -> Task:
    """Read what the command line names: FOLDER SCHEME OUT."""
    folder, scheme, out = sys.argv[1:4]
    home = Path(folder) / "03_primary" / "gift_shop"
    cutoff = json.loads((home / "era.json").read_text())["cutoff"]
    asked = json.loads(Path(scheme).read_text())
    breaks = {measure: asked[measure] for measure in MEASURES}
    lines = str(home / "order_lines.parquet")
    return Task(lines, cutoff, asked["scores"], breaks, asked["classes"], out)


def note(**facts: Any) -> None:
    """Print what the suite should know."""
    print("NOTE", json.dumps(facts), flush=True)

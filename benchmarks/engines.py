"""The whole road from a raw file to segments on DuckDB and on Spark: do they say the same?

Raw order lines shaped like gift_shop, the small settings of ``conf/test`` (one plain model, few
resamples), one run on DuckDB, one on DuckDB in bounded memory and one on Spark, and then every
file of the runs is compared: whole numbers, codes and texts equal, floats to 1e-9.

Usage: ``make bench-spark`` or ``python -m benchmarks.engines --lines 5000000``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.measure import Run, measured
from benchmarks.suite import BUILD, MEMORY_LIMIT, ROOT, environment

LINES = 5_000_000
SECONDS = 7200  # cap of one run
ENGINES = {
    "duckdb": "engine=duckdb",
    "bounded": f"engine=duckdb,memory_limit={MEMORY_LIMIT}",
    "spark": "engine=spark",
}
PAIRS = (("duckdb", "spark"), ("duckdb", "bounded"))
_KEDRO = "import sys; from kedro.framework.cli.cli import main; sys.argv[0] = 'kedro'; main()"
_COMPARE = """
import json, sys
from pathlib import Path
from benchmarks.same_outputs import differences, files_of
one, other = map(Path, sys.argv[1:3])
print(json.dumps({"files": len(files_of(one)), "differences": differences(one, other)}))
"""


def run(engine: str, raw: Path, output: Path) -> Run:
    """Run the segments of gift_shop on one engine, into an empty folder."""
    shutil.rmtree(output, ignore_errors=True)
    params = f"{ENGINES[engine]},raw_dir={raw},output_dir={output}"
    asked = ["--pipelines", "segmentation", "--namespaces", "gift_shop", "--params", params]
    command = [sys.executable, "-c", _KEDRO, "run", "--env", "test", *asked]
    return measured(command, ROOT, environment(), SECONDS)


def said_by(module: list[str]) -> str:
    """Return what a Python process of its own printed last, so that this one stays small."""
    done = subprocess.run(
        [sys.executable, *module], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip().splitlines()[-1]


def compared(folder: Path) -> dict[str, Any]:
    """Compare the files of the runs that have been made, in pairs."""
    found = {}
    for one, other in PAIRS:
        if (folder / one).is_dir() and (folder / other).is_dir():
            told = said_by(["-c", _COMPARE, str(folder / one), str(folder / other)])
            found[f"{one} and {other}"] = json.loads(told)
    return found


def measure(lines: int, engines: list[str]) -> dict[str, Any]:
    """Run what is asked for and compare; what is not asked for keeps its outputs and figures."""
    folder, file = BUILD / f"road_{lines}", BUILD / f"road_{lines}.json"
    raw = folder / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    asked = ["--lines", str(lines), "--form", "raw", "--out", str(raw)]
    said_by(["-m", "benchmarks.order_lines", *asked])
    runs: dict[str, Any] = json.loads(file.read_text())["runs"] if file.is_file() else {}
    for engine in engines:
        load = os.getloadavg()[2]  # of the last quarter of an hour: did others keep it busy?
        found = run(engine, raw, folder / engine)
        if found.failed:
            sys.exit(f"{engine}: {found.failed}\n{found.said}")
        today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
        costs = {"wall": found.wall, "peak": found.peak, "load": load, "date": today}
        runs[engine] = costs
        print(f"{engine}: {found.wall:.0f} s, {found.peak:,.0f} MB", flush=True)
    facts: dict[str, Any] = json.loads(
        said_by(["-c", "import json; from benchmarks import prepare as p; "
                 "print(json.dumps({'machine': p.machine()}))"])
    )  # fmt: skip
    any_run = folder / next(iter(runs))
    era = json.loads((any_run / "03_primary" / "gift_shop" / "era.json").read_text())
    known = {"lines": lines, "customers": era["customers"], "memory_limit": MEMORY_LIMIT}
    return known | {"runs": runs, "compared": compared(folder)} | facts


def main() -> None:
    """Measure, and write build/bench/road_LINES.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=list(ENGINES))
    asked = parser.parse_args()
    found = measure(asked.lines, asked.engines)
    (BUILD / f"road_{asked.lines}.json").write_text(json.dumps(found, indent=2) + "\n")
    for pair, said in found["compared"].items():
        print(f"{pair}: {said['files']} files compared, {len(said['differences'])} differences")
        print("\n".join(said["differences"]))


if __name__ == "__main__":
    main()

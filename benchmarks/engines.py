"""The whole road from a raw file to segments on DuckDB and on Spark: do they say the same?

Raw order lines shaped like gift_shop, the small settings of ``conf/test`` (one plain model, few
resamples), one run on each engine, and then every file of both runs is compared: whole numbers,
codes and texts equal, floats to 1e-9.

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
from benchmarks.suite import BUILD, ROOT, environment

LINES = 5_000_000
SECONDS = 7200  # cap of one run
ENGINES = ("duckdb", "spark")
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
    params = f"engine={engine},raw_dir={raw},output_dir={output}"
    asked = ["--pipelines", "segmentation", "--namespaces", "gift_shop", "--params", params]
    command = [sys.executable, "-c", _KEDRO, "run", "--env", "test", *asked]
    return measured(command, ROOT, environment(), SECONDS)


def said_by(module: list[str]) -> str:
    """Return what a Python process of its own printed last, so that this one stays small."""
    done = subprocess.run(
        [sys.executable, *module], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip().splitlines()[-1]


def measure(lines: int, engines: list[str]) -> dict[str, Any]:
    """Run what is asked for and compare; an engine that is not asked for keeps its outputs."""
    folder = BUILD / f"road_{lines}"
    raw, file = folder / "raw", BUILD / "spark.json"
    folder.mkdir(parents=True, exist_ok=True)
    asked = ["--lines", str(lines), "--form", "raw", "--out", str(raw)]
    said_by(["-m", "benchmarks.order_lines", *asked])
    before = json.loads(file.read_text()) if file.is_file() else {}
    walls = before.get("walls", {}) if before.get("lines") == lines else {}
    load = os.getloadavg()[2]  # of the last quarter of an hour: did others keep the machine busy?
    for engine in engines:
        found = run(engine, raw, folder / engine)
        if found.failed:
            sys.exit(f"{engine}: {found.failed}\n{found.said}")
        walls[engine] = found.wall
        print(f"{engine}: {found.wall:.0f} s", flush=True)
    compared = json.loads(said_by(["-c", _COMPARE, *(str(folder / name) for name in ENGINES)]))
    facts = json.loads(said_by(["-c", "import json; from benchmarks import prepare as p; "
                                "print(json.dumps({'machine': p.machine()}))"]))  # fmt: skip
    era = json.loads((folder / "duckdb" / "03_primary" / "gift_shop" / "era.json").read_text())
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    return {
        "lines": lines,
        "customers": era["customers"],
        "date": today,
        "walls": walls,
        "load": before.get("load", load) if not engines else load,
    } | (compared | facts)


def main() -> None:
    """Measure, and write build/bench/spark.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    asked = parser.parse_args()
    found = measure(asked.lines, asked.engines)
    (BUILD / "spark.json").write_text(json.dumps(found, indent=2) + "\n")
    print(f"{found['files']} files compared, {len(found['differences'])} differences")
    print("\n".join(found["differences"]))


if __name__ == "__main__":
    main()

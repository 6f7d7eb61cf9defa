"""From order lines to RFM classes beside other ways of the same work, at several sizes.

Each contender is a whole process; runs are interleaved, forth and back, so that a busy minute of
the machine hits all of them; times are medians, peaks are the highest seen. A contender whose
first run takes over a minute is run once, and one that reaches a cap of time or memory is ended
and named. After the runs its answer is compared with ours.

Usage: ``make bench``, ``make bench-large`` or ``python -m benchmarks.suite --lines 500000``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Run, measured
from benchmarks.peers import python_of
from benchmarks.startup import EMPTY

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = ROOT / "build" / "bench"
LINES = (500_000, 5_000_000)
RUNS = 3
USUAL = 92.0  # lines per customer (order_lines.LINES_PER_CUSTOMER; not imported, see measure.py)
SLOW = 60  # seconds after which a contender is run once
SECONDS = 900  # cap of one run
MEMORY_SHARE = 0.6  # cap of one run, as a share of the machine's memory
MEMORY_LIMIT = "1GB"  # of ours_bounded
STEPS = ("fit_rfm", "score_rfm")  # lines to classes
NODES = ",".join(f"gift_shop.segmentation.{step}" for step in STEPS)
_KEDRO = "import sys; from kedro.framework.cli.cli import main; sys.argv[0] = 'kedro'; main()"


@dataclass(frozen=True)
class Contender:
    """One way of the work.

    Attributes:
        script: In the folder contenders; empty for what is run otherwise.
        peer: Whose environment it runs in (requirements-NAME.txt); empty: the project's.
        most_lines: The most that it is given.
    """

    script: str = ""
    peer: str = ""
    most_lines: float = float("inf")


CONTENDERS = {
    "empty": Contender(),
    "ours": Contender(),
    "ours_bounded": Contender(),
    "bare": Contender(),
    "scan": Contender("scan.py"),
    "floor": Contender("floor.py"),
    "duckdb_sql": Contender("duckdb_sql.py"),
    "polars": Contender("polars_streaming.py", "polars"),
    "pandas": Contender("pandas_notebook.py"),
    "rfm": Contender("rfm_package.py", "rfm"),
    "lifetimes": Contender("lifetimes_summary.py", "lifetimes"),
    "pymc": Contender("pymc_summary.py", "pymc"),
}
COMPARED = ("ours_bounded", "duckdb_sql", "polars", "pandas", "rfm", "lifetimes", "pymc")


def environment() -> dict[str, str]:
    """Return the environment of a user: modules are compiled once, not in every run."""
    own = {"PYTHONPATH": "src", "DO_NOT_TRACK": "1"}
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | own


def command(name: str, folder: Path, facts: dict[str, Any], python: str) -> list[str]:
    """Return what starts a contender."""
    asked = CONTENDERS[name]
    if asked.script:
        script = HERE / "contenders" / asked.script
        return [python, str(script), str(folder), facts["scheme"], answer(name, folder)]
    if name == "empty":
        return EMPTY
    if name == "bare":
        return [python, "-c", "import duckdb; duckdb.connect()"]
    params = f"output_dir={folder if name == 'ours' else folder / 'bounded'}"
    if name == "ours_bounded":
        params += f",memory_limit={MEMORY_LIMIT}"
    return [python, "-c", _KEDRO, "run", "--nodes", NODES, "--params", params]


def answer(name: str, folder: Path) -> str:
    """Return the file that a contender writes."""
    if name.startswith("ours"):
        home = folder if name == "ours" else folder / "bounded"
        return str(home / "07_model_output" / "gift_shop" / "rfm.parquet")
    return str(folder / "answers" / f"{name}.parquet")


def prepare(lines: int, folder: Path, per_customer: float) -> dict[str, Any]:
    """Make the lines in a process of its own; return what is known of them."""
    module = [sys.executable, "-m", "benchmarks.prepare", str(lines), str(folder)]
    module.append(str(per_customer))
    done = subprocess.run(module, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the order lines were not made:\n{done.stderr[-2000:]}")
    (folder / "answers").mkdir(exist_ok=True)
    bounded = folder / "bounded"
    bounded.mkdir(exist_ok=True)
    if not (bounded / "03_primary").exists():
        (bounded / "03_primary").symlink_to((folder / "03_primary").resolve())
    facts: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return facts


def run_all(
    lines: int, folder: Path, facts: dict[str, Any], names: list[str], runs: int
) -> tuple[dict[str, list[Run]], dict[str, str]]:
    """Run the contenders in turn; return their runs, and why some have none."""
    found: dict[str, list[Run]] = {name: [] for name in names}
    left_out, pythons = {}, {}
    for name in names:
        peer = CONTENDERS[name].peer
        pythons[name], why = sys.executable, ""
        if peer:
            python, why = python_of(peer, BUILD / "peers")
            pythons[name] = str(python)
        if lines > CONTENDERS[name].most_lines:
            why = f"not run above {CONTENDERS[name].most_lines:,.0f} lines"
        if why:
            left_out[name] = why
    cap = MEMORY_SHARE * facts["machine"]["memory_gb"] * 1024
    for turn in range(-1, runs):  # the first turn fills caches, and is not counted
        for name in names if turn % 2 else names[::-1]:
            done = found[name]
            if name in left_out or (done and (done[0].failed or done[0].wall > SLOW)):
                continue
            start = command(name, folder, facts, pythons[name])
            run = measured(start, ROOT, environment(), SECONDS, cap)
            told = run.failed or f"{run.wall:7.2f} s {run.cpu:7.2f} s CPU {run.peak:7.0f} MB"
            print(f"  {lines:>11,} {name:13} {told}", flush=True)
            if turn >= 0 or run.failed or run.wall > SLOW:
                done.append(run)
    return found, left_out


def compared(name: str, folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Return which shares of the answers agree, from a process of its own."""
    parts = [name, answer("ours", folder), answer(name, folder), facts["file"], facts["cutoff"]]
    module = [sys.executable, "-m", "benchmarks.compare", *parts]
    done = subprocess.run(module, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1]}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def summed(runs: list[Run], left_out: str) -> dict[str, Any]:
    """Return the figures of a contender: medians of times, the highest peak."""
    failed = left_out or next((run.failed for run in runs if run.failed), "")
    if failed or not runs:
        return {"failed": failed or "not run"}
    noted = [line for line in runs[0].said.splitlines() if line.startswith("NOTE ")]
    return {
        "failed": "",
        "runs": len(runs),
        "wall": statistics.median(run.wall for run in runs),
        "cpu": statistics.median(run.cpu for run in runs),
        "peak": max(run.peak for run in runs),
        "walls": [run.wall for run in runs],
        "note": json.loads(noted[-1][5:]) if noted else {},
    }


def measure(lines: int, runs: int, names: list[str], per_customer: float) -> None:
    """Measure one size and write build/bench/results_LINES.json (many_LINES.json: small orders)."""
    stem = "results" if per_customer == USUAL else "many"
    folder = BUILD / f"{'lines' if per_customer == USUAL else stem}_{lines}"
    folder.mkdir(parents=True, exist_ok=True)
    facts = prepare(lines, folder, per_customer)
    found, left_out = run_all(lines, folder, facts, names, runs)
    file = BUILD / f"{stem}_{lines}.json"
    before = json.loads(file.read_text())["contenders"] if file.is_file() else {}
    table = {name: summed(found[name], left_out.get(name, "")) for name in names}
    for name in COMPARED:
        if name in table and not table[name]["failed"] and Path(answer("ours", folder)).is_file():
            table[name]["agreement"] = compared(name, folder, facts)
    known = {key: value for key, value in facts.items() if key not in ("file", "scheme")}
    result = {
        "lines": lines,
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "caps": {"seconds": SECONDS, "memory_share": MEMORY_SHARE, "slow": SLOW},
        "memory_limit": MEMORY_LIMIT,
        **known,
        # Contenders that were not asked for keep their figures only in a partial run.
        "contenders": (before if len(names) < len(CONTENDERS) else {}) | table,
    }
    file.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print(f"wrote {file.relative_to(ROOT)}", flush=True)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, nargs="+", default=list(LINES))
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument(
        "--contenders", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS)
    )
    parser.add_argument("--lines-per-customer", type=float, default=USUAL)
    asked = parser.parse_args()
    for lines in asked.lines:
        measure(lines, asked.runs, asked.contenders, asked.lines_per_customer)


if __name__ == "__main__":
    main()

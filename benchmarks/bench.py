"""Wall time and peak memory of the main roads, beside what cannot be saved.

Two targets. Customer tables: ``kedro run --pipeline segmentation --namespaces one_click`` on the
sample takes at most three times an empty ``kedro run`` plus the time of the model fits. Order
lines: from the raw file to ``rfm.parquet`` and ``customers.parquet`` of the full gift_shop takes
at most twice the time in which DuckDB reads the same file into Parquet, plus an empty run. A
benchmark, not a test: machines differ, so only the ratios mean anything, and each is the median
of several runs.

Usage: ``make bench`` or ``python benchmarks/bench.py --runs 5``.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"
ORDER_LINES = Path("gift_shop") / "online_retail.csv.gz"
FITS_LIMIT = 3.0  # times an empty run
READ_LIMIT = 2.0  # times the reading
MEMORY_LIMIT = 1000  # MB
MEGABYTE = 1024  # ru_maxrss is in kilobytes on Linux

# An empty run pays for the command line, the project, its configuration and parameter checks;
# Kedro refuses a pipeline without nodes, so it has one that does nothing.
_EMPTY_RUN = """
import sys
from kedro.framework import project
from kedro.pipeline import Node, Pipeline
import personal_offers.pipeline_registry as registry
full = registry.register_pipelines
nothing = Pipeline([Node(lambda: 0, None, "nothing", name="do_nothing")])
registry.register_pipelines = lambda: full() | {"__default__": nothing}
sys.argv = ["kedro", "run"]
from kedro.framework.cli.cli import main
main()
"""

# The run that is measured, with a stopwatch around the fits: from the start of the first to the
# end of the last, less the imports that the first one pays for. Measured in the same process,
# because two processes on a busy machine differ by more than what is looked for.
_MEASURED_RUN = """
import sys, threading, time
import personal_offers.pipelines.modelling.nodes as nodes
fit, lock, times = nodes._fit_and_predict, threading.Lock(), {"import": 0.0}
def timed(*arguments):
    with lock:
        if "start" not in times:
            times["start"] = time.perf_counter()
            import catboost, sklearn.compose, sklearn.ensemble, sklearn.impute
            import sklearn.linear_model, sklearn.model_selection, sklearn.preprocessing
            times["import"] = time.perf_counter() - times["start"]
    result = fit(*arguments)
    times["end"] = time.perf_counter()
    return result
nodes._fit_and_predict = timed
import atexit
atexit.register(
    lambda: print("FITS", times["end"] - times["start"] - times["import"], flush=True)
)
sys.argv = ["kedro", "run", "--pipelines", "segmentation", "--namespaces", "one_click",
            "--params", sys.argv[1]]
from kedro.framework.cli.cli import main
main()
"""

_ORDER_LINES_RUN = """
import sys
sys.argv = ["kedro", "run", "--pipelines", "segmentation",
            "--to-outputs", "gift_shop.rfm,gift_shop.customers", "--params", sys.argv[1]]
from kedro.framework.cli.cli import main
main()
"""

_PEAK = f"""
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, capture_output=True)
print("PEAK", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / {MEGABYTE})
"""

# The physical limit: all columns, read as DuckDB finds them, written once.
_READ = """
import sys, time, duckdb
start = time.perf_counter()
duckdb.sql(f"COPY (FROM read_csv('{sys.argv[1]}')) TO '{sys.argv[2]}'")
print("READ", time.perf_counter() - start)
"""


def _environment() -> dict[str, str]:
    """Return the environment of a user: modules are compiled once, not in every run."""
    own = {"PYTHONPATH": "src", "DO_NOT_TRACK": "1"}
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | own


def _timed(command: list[str]) -> tuple[float, str]:
    """Run a command; return its wall time (s) and what it printed."""
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    wall = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return wall, done.stdout


def _peak_memory(command: list[str]) -> float:
    """Run a command once more; return the peak memory (MB) of it and its children."""
    watch = [sys.executable, "-c", _PEAK, *command]
    return float(_timed(watch)[1].split("PEAK")[-1])


def _customer_tables(runs: int, folder: str) -> None:
    """Print how long the sample takes beyond its fits, in empty runs."""
    measured = [sys.executable, "-c", _MEASURED_RUN, f"output_dir={folder}"]
    empty, whole, fits, ratios = [], [], [], []
    _timed(measured)  # compiles the modules and fills the caches of the disk
    for _ in range(runs):
        empty.append(_timed(EMPTY)[0])
        wall, printed = _timed(measured)
        whole.append(wall)
        fits.append(float(printed.split("FITS")[-1].split()[0]))
        ratios.append((whole[-1] - fits[-1]) / empty[-1])
    print("customer tables: sample of one_click, raw files to segments")
    print(f"  empty kedro run    {statistics.median(empty):7.2f} s")
    print(f"  model fits alone   {statistics.median(fits):7.2f} s")
    print(f"  segmentation       {statistics.median(whole):7.2f} s")
    print(f"  (run - fits) / empty = {statistics.median(ratios):.2f} (at most {FITS_LIMIT})")
    print(f"  peak memory        {_peak_memory(measured):7.0f} MB (at most {MEMORY_LIMIT})")


def _order_lines(runs: int, folder: str) -> None:
    """Print how long the full gift_shop takes beyond an empty run, in readings of its file."""
    file = REAL_DATA / ORDER_LINES
    if not file.is_file():
        print(f"order lines: skipped, no {file}")
        return
    ends = f"raw_dir={REAL_DATA},output_dir={folder}"
    measured = [sys.executable, "-c", _ORDER_LINES_RUN, ends]
    reading = [sys.executable, "-c", _READ, str(file), f"{folder}/read.parquet"]
    empty, whole, read, ratios = [], [], [], []
    _timed(measured)  # compiles the modules and fills the caches of the disk
    for _ in range(runs):
        empty.append(_timed(EMPTY)[0])
        read.append(float(_timed(reading)[1].split("READ")[-1]))
        whole.append(_timed(measured)[0])
        ratios.append((whole[-1] - empty[-1]) / read[-1])
    print("order lines: full gift_shop, raw file to rfm.parquet and customers.parquet")
    print(f"  empty kedro run    {statistics.median(empty):7.2f} s")
    print(f"  reading alone      {statistics.median(read):7.2f} s")
    print(f"  run                {statistics.median(whole):7.2f} s")
    print(f"  (run - empty) / reading = {statistics.median(ratios):.2f} (at most {READ_LIMIT})")
    print(f"  peak memory        {_peak_memory(measured):7.0f} MB (at most {MEMORY_LIMIT})")


ROADS = {"customer_tables": _customer_tables, "order_lines": _order_lines}
EMPTY = [sys.executable, "-c", _EMPTY_RUN]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median is taken")
    parser.add_argument("--roads", nargs="*", choices=list(ROADS), default=list(ROADS))
    asked = parser.parse_args()
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores, Python "
          f"{platform.python_version()}; medians of {asked.runs} runs")  # fmt: skip
    for road in asked.roads:
        with tempfile.TemporaryDirectory() as folder:
            ROADS[road](asked.runs, folder)


if __name__ == "__main__":
    main()

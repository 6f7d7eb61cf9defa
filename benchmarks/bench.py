"""Wall time and peak memory of a sample run, beside an empty run and the model fits alone.

The target: ``kedro run --pipeline segmentation`` on the sample takes at most three times an
empty ``kedro run`` plus the time of the fits. A benchmark, not a test: machines differ, so
only the ratio means anything, and it is the median of several runs.

Usage: ``make bench`` or ``python benchmarks/bench.py --runs 5``.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 3.0
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
sys.argv = ["kedro", "run", "--pipelines", "segmentation", "--params", sys.argv[1]]
from kedro.framework.cli.cli import main
main()
"""


def _timed(command: list[str]) -> tuple[float, float, str]:
    """Run a command; return its wall time (s), its peak memory (MB) and what it printed."""
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "src", "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    wall = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / MEGABYTE  # of all so far
    return wall, peak, done.stdout


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median is taken")
    runs = parser.parse_args().runs
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        measured = [python, "-c", _MEASURED_RUN, f"output_dir={folder}"]
        _timed([python, "-c", _EMPTY_RUN])  # fills the caches of the disk
        empty, whole, fits, ratios, peaks = [], [], [], [], []
        for _ in range(runs):
            empty.append(_timed([python, "-c", _EMPTY_RUN])[0])
            wall, peak, printed = _timed(measured)
            whole.append(wall)
            peaks.append(peak)
            fits.append(float(printed.split("FITS")[-1].split()[0]))
            ratios.append((whole[-1] - fits[-1]) / empty[-1])
    print(f"machine            {platform.machine()}, {os.cpu_count()} cores, Python "
          f"{platform.python_version()}; medians of {runs} runs")  # fmt: skip
    print(f"empty kedro run    {statistics.median(empty):7.2f} s")
    print(f"model fits alone   {statistics.median(fits):7.2f} s")
    print(f"segmentation       {statistics.median(whole):7.2f} s")
    print(f"(run - fits) / empty = {statistics.median(ratios):.2f} (at most {LIMIT})")
    print(f"peak memory        {max(peaks):7.0f} MB")


if __name__ == "__main__":
    main()

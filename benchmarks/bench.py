"""Wall time and peak memory of the main roads, beside what cannot be saved.

Five targets. Customer tables: ``kedro run --pipeline segmentation --namespaces one_click`` on the
sample takes at most three times an empty ``kedro run`` plus the time in which models are fitted and
explained. Candidates: all models of the first shop on 10 x 5 folds take at most as long as sixty
of the random searches that notebooks do once. Clusters: five million customers in bounded memory,
as tight as full k-means (clusters.py). Allocation: a plan for a million customers within fifteen
times the time of sorting their values (allocation.py). Order lines: from the raw file to
``rfm.parquet`` and ``customers.parquet`` of the full gift_shop takes at most twice the time in
which DuckDB reads the same file into Parquet, plus an empty run. A benchmark, not a test: machines
differ, so only the ratios mean anything, and each is the median of several runs.

Usage: ``make bench-roads`` or ``python -m benchmarks.bench --runs 5``.
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

from benchmarks import clusters
from benchmarks.startup import EMPTY

ROOT = Path(__file__).resolve().parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"
ORDER_LINES = Path("gift_shop") / "online_retail.csv.gz"
FITS_LIMIT = 3.0  # times an empty run
READ_LIMIT = 2.0  # times the reading
SEARCHES = 60  # random searches of a notebook that the candidate table may cost
MEMORY_LIMIT = 1000  # MB
MEGABYTE = 1024  # ru_maxrss is in kilobytes on Linux

# The run that is measured, with a stopwatch that runs while any model or cluster is fitted or
# explained, less the imports that the first fit pays for. Measured in the same process, because two
# processes on a busy machine differ by more than what is looked for.
_MEASURED_RUN = """
import atexit, sys, threading, time
import personal_offers.pipelines.modelling.models as models
import personal_offers.pipelines.modelling.reason_nodes as reasons
import personal_offers.pipelines.segmentation.cluster_fit as clusters
lock, active, watch = threading.Lock(), [0, 0.0], {"fits": 0.0, "explaining": 0.0}
def timed(function, name):
    def run(*arguments):
        with lock:
            if active[0] == 0:
                if not watch["fits"]:
                    import catboost, sklearn.compose, sklearn.ensemble, sklearn.impute
                    import sklearn.linear_model, sklearn.model_selection, sklearn.preprocessing
                if name == "explaining":
                    import shap
                active[1] = time.perf_counter()
            active[0] += 1
        try:
            return function(*arguments)
        finally:
            with lock:
                active[0] -= 1
                if active[0] == 0:
                    watch[name] += time.perf_counter() - active[1]
    return run
models.fit_model = timed(models.fit_model, "fits")
clusters.find_groups = timed(clusters.find_groups, "fits")
reasons.explain = timed(reasons.explain, "explaining")
atexit.register(lambda: print("WATCH", watch["fits"], watch["explaining"], flush=True))
sys.argv = ["kedro", "run", "--pipelines", "segmentation", "--namespaces", "one_click",
            "--params", sys.argv[1]]
from kedro.framework.cli.cli import main
main()
"""

# All candidates of the first shop: 10 x 5 folds, each with its search inside the training fold.
_CANDIDATES_RUN = """
import sys
sys.argv = ["kedro", "run", "--pipelines", "modelling", "--to-outputs", "one_click.candidates",
            "--params", sys.argv[1] + ",one_click.modelling.repeats=10"
            ",one_click.modelling.candidates.repeats=10"]
from kedro.framework.cli.cli import main
main()
"""

# What notebooks do once: a random search over four models on one split, all cores. Here once; sixty
# of them are what the honest table may cost.
_RANDOM_SEARCH = """
import sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
table = pd.read_parquet(sys.argv[1])
label = table.pop("declined")
table = table.drop(columns=["customer_id", "twin_group"])
numbers = table.select_dtypes("number").columns
others = [name for name in table if name not in set(numbers)]
start = time.perf_counter()
prepare = ColumnTransformer([
    ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
    ("others", OneHotEncoder(handle_unknown="ignore"), others),
])
grid = [
    {"model": [DecisionTreeClassifier(random_state=1)], "model__max_depth": range(2, 15),
     "model__max_features": range(2, 15)},
    {"model": [KNeighborsClassifier()], "model__n_neighbors": range(2, 50)},
    {"model": [LogisticRegression(solver="liblinear", random_state=1)],
     "model__C": range(1, 20)},
    {"model": [SVC(probability=True, random_state=1)], "model__kernel": ["rbf", "poly", "sigmoid"],
     "model__C": range(1, 10)},
]
search = RandomizedSearchCV(
    Pipeline([("prepare", prepare), ("model", LogisticRegression())]), grid, n_iter=50, cv=5,
    scoring="roc_auc", n_jobs=-1, random_state=1,
)
x, _, y, _ = train_test_split(table, label, stratify=label, random_state=1)
search.fit(x, y)
print("SEARCH", time.perf_counter() - start)
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
    """Print how long the sample takes beyond its models, in empty runs."""
    measured = [sys.executable, "-c", _MEASURED_RUN, f"output_dir={folder}"]
    empty, whole, fits, explaining, ratios = [], [], [], [], []
    _timed(measured)  # compiles the modules and fills the caches of the disk
    for _ in range(runs):
        empty.append(_timed(EMPTY)[0])
        wall, printed = _timed(measured)
        whole.append(wall)
        watch = printed.split("WATCH")[-1].split()
        fits.append(float(watch[0]))
        explaining.append(float(watch[1]))
        ratios.append((whole[-1] - fits[-1] - explaining[-1]) / empty[-1])
    print("customer tables: sample of one_click, raw files to segments")
    print(f"  empty kedro run    {statistics.median(empty):7.2f} s")
    print(f"  model fits alone   {statistics.median(fits):7.2f} s")
    print(f"  explaining alone   {statistics.median(explaining):7.2f} s")
    print(f"  segmentation       {statistics.median(whole):7.2f} s")
    print(f"  (run - models) / empty = {statistics.median(ratios):.2f} (at most {FITS_LIMIT})")
    print(f"  peak memory        {_peak_memory(measured):7.0f} MB (at most {MEMORY_LIMIT})")


def _candidates(runs: int, folder: str) -> None:
    """Print how long the full candidate table takes, in random searches of a notebook."""
    ends = f"output_dir={folder}"
    if (REAL_DATA / "one_click").is_dir():
        ends = f"raw_dir={REAL_DATA},{ends}"
    wall = _timed([sys.executable, "-c", _CANDIDATES_RUN, ends])[0]
    rows = f"{folder}/05_model_input/one_click/model_input.parquet"
    search = [sys.executable, "-c", _RANDOM_SEARCH, rows]
    once = [float(_timed(search)[1].split("SEARCH")[-1]) for _ in range(runs)]
    ratio = wall / (SEARCHES * statistics.median(once))
    print("candidates: all models of one_click on 10 x 5 folds, each searched inside the fold")
    print(f"  full table         {wall:7.1f} s (one run)")
    print(f"  one random search  {statistics.median(once):7.1f} s")
    print(f"  table / {SEARCHES} searches = {ratio:.2f} (at most 1)")


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


def _clusters(_: int, folder: str) -> None:
    """Print how five million customers cluster beside full k-means: one run, it takes minutes."""
    clusters.measure(folder)


def _allocation(runs: int, folder: str) -> None:
    """Plan offers for up to a million customers."""
    sys.path.insert(0, str(ROOT / "src"))
    from benchmarks import allocation  # needs the project itself

    allocation.measure(runs)


ROADS = {
    "customer_tables": _customer_tables,
    "order_lines": _order_lines,
    "candidates": _candidates,
    "clusters": _clusters,
    "allocation": _allocation,
}


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

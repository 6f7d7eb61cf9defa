"""How long one waits for a small thing: whole processes, and what imports cost in them.

Measured are an empty ``kedro run``, a run of one cheap node on saved tables, ``kedro registry
list``, ``kedro viz run`` until its page answers and, with ``--suite``, the fast tests. The limit
beside them is the empty run of a bare Kedro project (one node, no parameters, no own hooks). Runs
take turns, so that a machine that slows down slows all of them. Imports are counted in an empty
run by ``python -X importtime``, and for heavy libraries alone in a process of their own: that is
what importing them only where they are used saves every other run.

Writes ``build/bench/startup.json``; ``startup_section.py`` makes a section of docs/performance.md
of it.

Usage: ``python -m benchmarks.startup`` (``--suite`` adds some minutes).
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.measure import measured

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "build" / "bench" / "startup.json"
TABLES = ROOT / "build" / "bench" / "startup"  # saved tables that the one node reads
SAVED = "gift_shop.rfm"
NODE = "gift_shop.segmentation.profile_classes"
FEWER = 3  # runs of what takes long
VIZ_LIMIT = 120.0  # seconds after which the page is given up
PORTS = range(24141, 24241)
OK = 200
LEAST_COST = 0.02  # seconds from which a package gets a line
FAST_TESTS = "not slow and not real_data and not browser"
# What Kedro-Viz shows of the last run; measuring must not replace it.
LAST_RUN = [ROOT / ".viz" / name for name in ("stats.json", "kedro_pipeline_events.json")]
PACKAGES = ("kedro", "kedro-viz", "ibis-framework", "duckdb", "pandas", "numpy", "pydantic")
# Libraries that nodes import where they use them, with what nodes take of them.
LAZY = {
    "catboost": "from catboost import CatBoostClassifier",
    "duckdb": "import duckdb",
    "kaleido": "import kaleido",
    "plotly": "from plotly.graph_objects import Bar, Figure, Heatmap, Scatter",
    "pyspark": "from pyspark.sql import SparkSession",
    "scipy.optimize": "from scipy.optimize import minimize",
    "scipy.stats": "from scipy.stats import norm",
    "shap": "from shap import TreeExplainer",
    "sklearn": "import sklearn.cluster, sklearn.linear_model, sklearn.model_selection",
    "skops": "import skops.io",
}

# Kedro refuses a pipeline without nodes, so an empty run has one that does nothing.
EMPTY_RUN = """
import sys
from kedro.pipeline import Node, Pipeline
import personal_offers.pipeline_registry as registry
full = registry.register_pipelines
nothing = Pipeline([Node(lambda: 0, None, "nothing", name="do_nothing")])
registry.register_pipelines = lambda: full() | {"__default__": nothing}
sys.argv = ["kedro", "run"]
from kedro.framework.cli.cli import main
main()
"""

# The least that `kedro run` can be: files of a project around the same node.
BARE_PROJECT = {
    "pyproject.toml": """
[tool.kedro]
package_name = "bare"
project_name = "bare"
kedro_init_version = "{kedro}"
source_dir = "src"
""",
    "conf/base/catalog.yml": "{{}}\n",
    "conf/local/.gitkeep": "",
    "src/bare/__init__.py": "",
    "src/bare/settings.py": "",
    "src/bare/pipeline_registry.py": """
from kedro.pipeline import Node, Pipeline
def register_pipelines():
    return {{"__default__": Pipeline([Node(lambda: 0, None, "nothing", name="do_nothing")])}}
""",
}

# Seconds that an import takes, after others.
IMPORTING = """
import sys, time
exec(sys.argv[1])
start = time.perf_counter()
exec(sys.argv[2])
print(time.perf_counter() - start)
"""
OF_EVERY_RUN = "import personal_offers.pipeline_registry, personal_offers.settings"
_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")

KEDRO = [sys.executable, "-m", "kedro"]
EMPTY = [sys.executable, "-c", EMPTY_RUN]
LIST = [*KEDRO, "registry", "list"]
ONE_NODE = [*KEDRO, "run", "--nodes", NODE, "--params", f"output_dir={TABLES}"]
SUITE = [
    *(sys.executable, "-m", "pytest", "-q", "-m", FAST_TESTS),
    *("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"),
]


def environment() -> dict[str, str]:
    """Return the environment of a user: modules are compiled once, not in every run."""
    own = {"PYTHONPATH": "src", "DO_NOT_TRACK": "1"}
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | own


def costs(command: list[str], folder: Path = ROOT) -> dict[str, float]:
    """Run a command once.

    Args:
        command: Program and arguments.
        folder: Where it runs.

    Returns:
        wall and cpu (seconds) and peak (MB).

    Raises:
        SystemExit: With the end of what it printed, when it failed.
    """
    run = measured(command, folder, environment())
    if run.failed:
        sys.exit(f"{' '.join(command[1:5])} {run.failed}:\n{run.said}")
    return {"wall": run.wall, "cpu": run.cpu, "peak": run.peak}


def summary(runs: list[dict[str, float]]) -> dict[str, Any]:
    """Return the medians of several runs, and all wall times."""
    medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    return medians | {"walls": [run["wall"] for run in runs]}


def commands(runs: int, bare: Path) -> dict[str, dict[str, Any]]:
    """Measure the short commands, in turns, after one run of each that warms up.

    Args:
        runs: Runs of each.
        bare: Folder of the bare Kedro project.

    Returns:
        Command: what ``summary`` says of it.
    """
    asked = {
        "bare": ([*KEDRO, "run"], bare),
        "list": (LIST, ROOT),
        "empty": (EMPTY, ROOT),
        "one_node": (ONE_NODE, ROOT),
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in asked}
    for turn in range(runs + 1):
        for name, (command, folder) in asked.items():
            one = costs(command, folder)
            if turn:
                found[name].append(one)
    return {name: summary(each) for name, each in found.items()}


def make_bare_project(folder: Path) -> None:
    """Write the files of a Kedro project that holds nothing."""
    for name, text in BARE_PROJECT.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.format(kedro=version("kedro")), encoding="utf-8")


def save_tables() -> None:
    """Make what the one node reads, of the sample, unless it is there."""
    if not list(TABLES.rglob(f"{SAVED.split('.')[1]}.parquet")):
        costs([*KEDRO, "run", "--to-outputs", SAVED, "--params", f"output_dir={TABLES}"])


def viz_until_ready() -> dict[str, float]:
    """Start Kedro-Viz, wait until its page answers, and end it.

    Returns:
        wall: Seconds until the page and the graph behind it were there.

    Raises:
        SystemExit: When it ended before, or did not answer in time.
    """
    port = _free_port()
    command = [*KEDRO, "viz", "run", "--host", "127.0.0.1", "--port", str(port), "--no-browser"]
    with tempfile.TemporaryFile() as printed:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(),
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the server is a child, and ends with the group
        )
        try:
            while not (_answers(port, "/") and _answers(port, "/api/main")):
                if process.poll() is not None or time.perf_counter() - start > VIZ_LIMIT:
                    printed.seek(0)
                    told = printed.read().decode(errors="replace")
                    sys.exit(f"kedro viz run did not answer:\n{told[-3000:]}")
                time.sleep(0.05)
            return {"wall": time.perf_counter() - start}
        finally:
            _end(process)


def _free_port() -> int:
    """Return a port of this machine that nobody listens on.

    Not one that the system picks: Kedro-Viz refuses high ones, and whoever asks a port of that
    range again and again may at last be given it as their own.
    """
    for port in PORTS:
        with socket.socket() as found:
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    sys.exit(f"no port is free from {PORTS[0]} to {PORTS[-1]}")


def _answers(port: int, path: str) -> bool:
    """Say whether a page of this machine is there."""
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=VIZ_LIMIT)
    try:
        asked.request("GET", path)
        return asked.getresponse().status == OK
    except OSError:
        return False
    finally:
        asked.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and the children of its own group."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def suite() -> dict[str, Any]:
    """Run the fast tests once.

    Returns:
        wall (seconds), cpu and peak, and the number of tests.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "tests.xml"
        found = costs([*SUITE, f"--junitxml={report}"])
        counted = re.search(r'tests="(\d+)"', report.read_text(encoding="utf-8"))
    return found | {"tests": int(counted[1]) if counted else None}


def import_costs(printed: str) -> dict[str, float]:
    """Add up what ``python -X importtime`` printed.

    Args:
        printed: Its lines; others are passed over.

    Returns:
        Top-level package: seconds that its own modules took, without those of other packages that
        they import, so that the sum is the whole; dearest first.
    """
    costs: Counter[str] = Counter()
    for own, module in _IMPORT.findall(printed):
        package = module.split(".")[0]
        kind = "standard library" if package in sys.stdlib_module_names else package
        costs[kind] += int(own)
    return {name: micro / 1e6 for name, micro in costs.most_common()}


def imports_of_an_empty_run(runs: int) -> dict[str, float]:
    """Return package: median seconds of its imports in an empty run, dearest first."""
    found = []
    command = [sys.executable, "-X", "importtime", *EMPTY[1:]]
    for _ in range(runs):
        done = subprocess.run(
            command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
        )
        found.append(import_costs(done.stderr))
    names = {name for one in found for name in one}
    medians = {name: statistics.median(one.get(name, 0.0) for one in found) for name in names}
    return dict(sorted(medians.items(), key=lambda pair: -pair[1]))


def lazy_costs(runs: int) -> dict[str, dict[str, float] | None]:
    """Return what libraries cost that an empty run does not load; None where one is absent.

    Returns:
        Library: ``alone`` (median seconds in a fresh process) and ``added`` (in one that has
        loaded already what every run loads).
    """
    found: dict[str, dict[str, float] | None] = {}
    for library, statement in LAZY.items():
        if find_spec(library.split(".", maxsplit=1)[0]) is None:
            found[library] = None
            continue
        _importing("", statement)  # warms up
        found[library] = {
            name: statistics.median(_importing(there, statement) for _ in range(runs))
            for name, there in (("alone", ""), ("added", OF_EVERY_RUN))
        }
    return found


def _importing(there: str, statement: str) -> float:
    """Return the seconds that an import took in a fresh process, after another."""
    command = [sys.executable, "-W", "ignore", "-c", IMPORTING, there, statement]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


@contextmanager
def last_run_kept() -> Iterator[None]:
    """Give Kedro-Viz back what it shows of the last run."""
    kept = {path: path.read_bytes() if path.is_file() else None for path in LAST_RUN}
    try:
        yield
    finally:
        for path, content in kept.items():
            if content is not None:
                path.write_bytes(content)
            else:
                path.unlink(missing_ok=True)


def machine() -> dict[str, Any]:
    """Return what figures depend on."""
    found = {"system": platform.system(), "machine": platform.machine(), "cores": os.cpu_count()}
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | {"versions": versions}


def measure(runs: int, with_suite: bool) -> dict[str, Any]:
    """Measure everything.

    Args:
        runs: Runs of each short command; what takes long has fewer.
        with_suite: Whether the fast tests are run too.

    Returns:
        What ``startup_section.section`` reads.
    """
    fewer = min(runs, FEWER)
    found: dict[str, Any] = {"machine": machine(), "runs": runs, "fewer": fewer}
    with last_run_kept(), tempfile.TemporaryDirectory() as folder:
        make_bare_project(Path(folder))
        save_tables()
        found["commands"] = commands(runs, Path(folder))
        found["viz"] = None
        if find_spec("kedro_viz"):
            found["viz"] = summary([viz_until_ready() for _ in range(fewer)])
        found["imports"] = imports_of_an_empty_run(fewer)
        found["lazy"] = lazy_costs(fewer)
        found["suite"] = suite() if with_suite else None
    return found


def main() -> None:
    """Measure, write the figures down and print the section."""
    from benchmarks.startup_section import section

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="runs of which the median is taken")
    parser.add_argument("--suite", action="store_true", help="run the fast tests too")
    parser.add_argument("--again", action="store_true", help="make the saved tables again")
    asked = parser.parse_args()
    if asked.again:
        shutil.rmtree(TABLES, ignore_errors=True)
    found = measure(asked.runs, asked.suite)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(section(found))


if __name__ == "__main__":
    main()

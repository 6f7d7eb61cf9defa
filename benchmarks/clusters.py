"""Clusters of a shop of five million customers: in bounded memory, and as good as full k-means.

Two claims. The inertia of the clusters that are fitted on a seeded sample and given to everyone by
the engine is within 1% of k-means that sees everyone; and the memory needed does not hold the
whole table. Both run in a process of their own, so that the peaks are their own.

Usage: ``python -m benchmarks.bench --roads clusters`` or
``python -m benchmarks.clusters --customers 1000000``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CUSTOMERS = 5_000_000
FEATURES = 8
NUMBER = 5
SEED = 20261122
INERTIA_LIMIT = 1.01  # times that of full k-means
MEGABYTE = 1024  # ru_maxrss is in kilobytes on Linux

# Eight measures of which some go together and most have long tails, of customers of five kinds
# that overlap; made in the engine, so that making them needs no memory either.
_MAKE = """
import sys, duckdb
customers, features, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
con = duckdb.connect()
con.execute("SET threads = 1; SELECT setseed(0.42)")
noise = "sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())"  # G. Box, M. Muller (1958)
columns = ", ".join(
    f"exp({n % 3} + (((kind * {n + 2}) % 5) - 2) * {0.9 - 0.1 * (n % 4)} + 0.7 * {noise}) AS x{n}"
    for n in range(features)
)
con.execute(f'''
    COPY (
        SELECT lpad(id::VARCHAR, 9, '0') AS customer_id, {columns}
        FROM (SELECT id, floor(5 * sqrt(random()))::INT AS kind FROM range({customers}) t(id))
    ) TO '{path}' (FORMAT parquet)
''')
"""

_PREPARED = """
import json, resource, sys, time
import ibis, numpy as np
from personal_offers.pipelines.segmentation.cluster_fit import fit_clusters
from personal_offers.pipelines.segmentation.cluster_params import ClusterOptions
from personal_offers.pipelines.segmentation.cluster_transform import assign_clusters
path, features, number, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
names = [f"x{n}" for n in range(features)]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
"""

# What the project does: fit on a sample, everyone assigned by the engine into a file.
_OURS = (
    _PREPARED
    + """
options = ClusterOptions.model_validate({
    "features": dict.fromkeys(names, "log1p"), "method": "kmeans", "number": number,
    "methods": ["kmeans"], "numbers": {"lowest": 3, "highest": 8},
    "limits": {"stability": 0.8, "silhouette": 0.3, "smallest_share": 0.05},
    "group_shares": [0.05], "winsorise": 0, "bootstrap": 20, "starts": 10,
    "largest_sample": 200_000, "index_sample": 5_000, "fewest_customers": 50, "order_by": "x0",
    "names": {}, "top_differences": 2, "confidence": 0.95, "seed": seed, "language": "en",
})
customers = ibis.read_parquet(path)
start = time.perf_counter()
model, candidates, choice, noise = fit_clusters(customers, options)
fitted = time.perf_counter()
labels = assign_clusters(customers, model, noise)
labels.to_parquet(sys.argv[5])
done = time.perf_counter()
with open(sys.argv[6], "w") as file:
    json.dump(model, file)
print("RESULT", json.dumps({
    "fit": fitted - start, "assign": done - fitted, "peak": peak(), "seen": choice["seen"],
    "assigned": int(labels.count().to_pyarrow().as_py()),
    "stability": choice["values"]["stability"],
}))
"""
)

# The same geometry, and scikit-learn's k-means on everyone, with as many starts. Inertia is of
# everyone for both.
_FULL = (
    _PREPARED
    + """
from sklearn.cluster import KMeans
with open(sys.argv[6]) as file:
    model = json.load(file)
columns = []
for spec in model["features"]:
    raw = ibis.read_parquet(path).order_by("customer_id").select(spec["feature"]).to_pyarrow()
    columns.append((np.log1p(raw.column(0).to_numpy()) - spec["mean"]) / spec["sd"])
places = np.column_stack(columns)
del columns
centres = np.array([each["centre"] for each in model["clusters"]])
labels = ibis.read_parquet(sys.argv[5]).order_by("customer_id").cluster.to_pyarrow().to_numpy()
ours = sum(float(((places[labels == n + 1] - centre) ** 2).sum())
           for n, centre in enumerate(centres))
start = time.perf_counter()
full = KMeans(number, n_init=10, random_state=seed).fit(places)
print("RESULT", json.dumps({
    "fit": time.perf_counter() - start, "inertia": float(full.inertia_), "ours": ours,
    "peak": peak(),
}))
"""
)


def _run(code: str, *arguments: object) -> dict[str, float]:
    """Run code in a process of its own; return what it reports."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "src", "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"the clusters failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    _, _, result = done.stdout.partition("RESULT")
    found: dict[str, float] = json.loads(result or "{}")
    return found


def measure(folder: str, customers: int = CUSTOMERS) -> None:
    """Print time, memory and inertia of the clusters beside those of full k-means.

    Args:
        folder: For the made-up customers; 0.4 GB.
        customers: How many are made up.
    """
    table = f"{folder}/customers.parquet"
    ends = (table, FEATURES, NUMBER, SEED, f"{folder}/labels.parquet", f"{folder}/model.json")
    _run(_MAKE, customers, FEATURES, table)
    ours = _run(_OURS, *ends)
    full = _run(_FULL, *ends)
    ratio = full["ours"] / full["inertia"]
    print(f"clusters: {customers:,} customers x {FEATURES} features, {NUMBER} clusters")
    print(f"  fit on {ours['seen']:9,.0f}   {ours['fit']:7.1f} s, with 20 resamples for stability")
    print(f"  everyone assigned  {ours['assign']:7.1f} s ({ours['assigned']:,.0f} customers)")
    print(f"  peak memory        {ours['peak']:7.0f} MB")
    print(f"  full k-means       {full['fit']:7.1f} s, 10 starts, reading not counted")
    print(f"  its peak memory    {full['peak']:7.0f} MB")
    print(f"  inertia / that of full k-means = {ratio:.4f} (at most {INERTIA_LIMIT})")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(folder, asked.customers)


if __name__ == "__main__":
    main()

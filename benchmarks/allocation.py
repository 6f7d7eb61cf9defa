"""Allocation of offers: how close to the bound, how fast beside sorting, in how much memory.

Made-up customers: decline risk from a beta distribution, monthly margin lognormal, save rates that
differ between offers and customers; five offers over e-mail, SMS (15% of customers) and calls
(2%), and a budget of 30% of what would be spent without any cap. Four claims: the gap to the proven
bound, the time in sortings of all values, the peak memory of one million customers, and how many
points of the bound sorting by value over cost leaves behind. Every run is a process of its own.

Usage: ``python -m benchmarks.bench --roads allocation`` or
``python -m benchmarks.allocation --sizes 1000 1000000 --runs 5``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from personal_offers.pipelines.offers.allocation import Problem

ROOT = Path(__file__).resolve().parents[1]
SIZES = (1_000, 5_000, 10_000, 100_000, 1_000_000)
SEED = 20261128
SORTING_LIMIT = 15.0  # times the sorting of all values
MEMORY_LIMIT = 1500  # MB
POINTS_LIMIT = 10.0  # points of the bound above sorting by value over cost
EXACT_CUSTOMERS = 5_000
GAP_LIMITS = {True: 1e-4, False: 1e-3}  # up to that many customers, and above
MEGABYTE = 1024  # ru_maxrss is in kilobytes on Linux
MONTHS = 6  # horizon
BUDGET_SHARE = 0.3
CAPACITY_SHARES = (None, 0.15, 0.02)  # e-mail and push, SMS, calls


@dataclass(frozen=True)
class Setting:
    """What is assumed of the five offers: reminder, promo code, cashback, SMS with code, call.

    Attributes:
        save: Share of would-be decliners whom each offer keeps.
        redeemed: Share of loyal customers who redeem each offer.
        discount: Cost of a redemption, share of a month's margin.
        contact: Cost of a contact, currency units.
        spread: Standard deviation of the logarithm of a customer's own save rate.
        margin: Median monthly margin of a customer, currency units.
    """

    save: tuple[float, ...] = (0.03, 0.08, 0.10, 0.12, 0.30)
    redeemed: tuple[float, ...] = (0.0, 0.5, 0.6, 0.4, 0.1)
    discount: tuple[float, ...] = (0.0, 0.3, 0.4, 0.3, 0.1)
    contact: tuple[float, ...] = (0.3, 0.5, 0.5, 6.0, 120.0)
    spread: float = 0.3
    margin: float = 150.0


SETTINGS = {
    "base": Setting(),
    "all with a benefit": Setting(discount=(0.1, 0.3, 0.4, 0.3, 0.1), redeemed=(0.5,) * 5),
    "even offers": Setting(save=(0.08, 0.09, 0.10, 0.11, 0.15)),
    "dear contacts": Setting(contact=(5.0, 5.0, 5.0, 15.0, 300.0)),
    "rich customers": Setting(margin=1500.0),
    "small differences": Setting(
        save=(0.08, 0.10, 0.11, 0.12, 0.20),
        contact=(4.0, 4.0, 3.0, 6.0, 40.0),
        discount=(0.2, 0.3, 0.3, 0.3, 0.3),
        redeemed=(0.4,) * 5,
    ),
}
CHANNEL = np.array([0, 0, 0, 1, 2])


def make_problem(
    customers: int, seed: int, setting: Setting = SETTINGS["base"], budget: float = BUDGET_SHARE
) -> Problem:
    """Make up a problem.

    Args:
        customers: How many.
        seed: Of their risks, margins and save rates.
        setting: What is assumed of the offers.
        budget: Share of what would be spent without any cap.

    Returns:
        Expected net p s (M - d) - (1 - p) g d - c and expected cost c + d (p s + (1 - p) g).
    """
    draws = np.random.default_rng(seed)
    risk = draws.beta(2, 4, customers)
    month = setting.margin * draws.lognormal(0, 0.8, customers)
    value = np.empty((customers, len(CHANNEL)), order="F")
    cost = np.empty((customers, len(CHANNEL)), order="F")
    best, spent = np.zeros(customers), np.zeros(customers)
    for offer in range(len(CHANNEL)):
        save = setting.save[offer] * draws.lognormal(0, setting.spread, customers)
        saved = risk * np.minimum(save, 1.0)
        redeemed = (1 - risk) * setting.redeemed[offer]
        discount = month * setting.discount[offer]
        contact = setting.contact[offer]
        value[:, offer] = saved * (MONTHS * month - discount) - redeemed * discount - contact
        cost[:, offer] = contact + discount * (saved + redeemed)
        better = value[:, offer] > best
        best[better], spent[better] = value[better, offer], cost[better, offer]
    capacity = tuple(None if s is None else int(s * customers) for s in CAPACITY_SHARES)
    return Problem(value, cost, CHANNEL, float(budget * spent.sum()), capacity)


_RUN = """
import json, resource, sys, time
sys.path.insert(0, "benchmarks")
import numpy as np
from allocation import EXACT_CUSTOMERS, SETTINGS, make_problem
from personal_offers.pipelines.offers.allocation import allocate
from personal_offers.pipelines.offers.params import AllocationOptions
from personal_offers.pipelines.offers.policies import naive_plans
customers, seed, setting = int(sys.argv[1]), int(sys.argv[2]), SETTINGS[sys.argv[3]]
options = AllocationOptions(exact_customers=EXACT_CUSTOMERS, gap=1e-4, rounds=100, sample=20_000,
                            seconds=30)
allocate(make_problem(100, 1), options)  # imports what is imported when it is needed
problem = make_problem(customers, seed, setting)
def timed(function, *arguments):
    wall, cpu = time.perf_counter(), time.process_time()
    result = function(*arguments)
    return result, time.perf_counter() - wall, time.process_time() - cpu
plan, wall, cpu = timed(allocate, problem, options)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
assert plan.spend <= problem.budget
assert all(limit is None or used <= limit for used, limit in zip(plan.used, problem.capacity))
values = problem.value.ravel(order="F")
order, argsort, argsort_cpu = timed(np.argsort, values)
ordered, sort, sort_cpu = timed(np.sort, values)
del order, ordered
nothing = np.zeros(customers)
naive, rules, _ = timed(naive_plans, problem, nothing, nothing, 1, 1)
print("RESULT", json.dumps({
    "gap": plan.gap, "wall": wall, "cpu": cpu, "peak": peak, "argsort": argsort, "sort": sort,
    "argsort_cpu": argsort_cpu, "sort_cpu": sort_cpu, "rules": rules,
    "points": 100 * (plan.value - naive["by_value_per_cost"].value) / plan.bound,
    "exact": float(plan.method == "exact"),
}))
"""


def _run(customers: int, seed: int, setting: str = "base") -> dict[str, float]:
    """Solve one problem in a process of its own; return what was measured."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(customers), str(seed), setting],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "src", "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"the allocation failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    _, _, result = done.stdout.partition("RESULT")
    found: dict[str, float] = json.loads(result)
    return found


def measure(runs: int = 3, sizes: tuple[int, ...] = SIZES) -> None:
    """Print gap, time and memory for every size, and the points gained in every setting.

    Args:
        runs: Per size and setting, each with a seed of its own; medians are printed.
        sizes: Numbers of customers.
    """
    print(f"allocation: customers x {len(CHANNEL)} offers, medians of {runs} runs, worst gap; "
          "wall s (processor s)")  # fmt: skip
    for customers in sizes:
        found = [_run(customers, SEED + run) for run in range(runs)]
        middle = {key: statistics.median(each[key] for each in found) for key in found[0]}
        by_argsort = statistics.median(each["wall"] / each["argsort"] for each in found)
        by_sort = statistics.median(each["wall"] / each["sort"] for each in found)
        print(f"  {customers:9,} customers, {'exact' if middle['exact'] else 'prices'}")
        print(f"    gap              {max(each['gap'] for each in found):9.1e} "
              f"(at most {GAP_LIMITS[customers <= EXACT_CUSTOMERS]:.0e})")  # fmt: skip
        print(f"    plan             {middle['wall']:9.2f} s ({middle['cpu']:.2f})")
        print(f"    sorting values   {middle['argsort']:9.3f} s argsort, "
              f"{middle['sort']:.3f} s sort")  # fmt: skip
        print(f"    plan / sorting   {by_argsort:9.1f} of argsort, {by_sort:.1f} of sort "
              f"(at 1,000,000: at most {SORTING_LIMIT:.0f})")  # fmt: skip
        print(f"    peak memory      {middle['peak']:9.0f} MB (at most {MEMORY_LIMIT})")
        print(f"    simple rules     {middle['rules']:9.2f} s")
    print(f"  points of the bound above sorting by value over cost (at least {POINTS_LIMIT:.0f})")
    for name in SETTINGS:
        found = [_run(10_000, SEED + run, name) for run in range(runs)]
        points = [each["points"] for each in found]
        print(f"    {name:20s} {statistics.median(points):5.1f} (lowest {min(points):.1f})")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    asked = parser.parse_args()
    measure(asked.runs, tuple(asked.sizes))


if __name__ == "__main__":
    main()

"""What the plan would be under other budgets, other rules, other gates and other assumptions.

Everything here is the expected plan: as the real one, over everybody under grossed caps, of which
the control group's share gets nothing. It differs from the plan that is sent by the chance of who
is in the control group. Above a stated number of customers a sample of them is looked at, with
caps in proportion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from personal_offers.pipelines.offers.allocation import Allocation, Prices, allocate, not_worse
from personal_offers.pipelines.offers.catalogue_params import OfferCatalogue
from personal_offers.pipelines.offers.dual import NOTHING
from personal_offers.pipelines.offers.experiment import in_group
from personal_offers.pipelines.offers.pairs import (
    Booleans,
    Caps,
    Floats,
    Integers,
    Pairs,
    problem_of,
    read_pairs,
)
from personal_offers.pipelines.offers.params import OfferOptions
from personal_offers.pipelines.offers.policies import Plan, naive_plans
from personal_offers.pipelines.offers.values import GATES, price_offers
from personal_offers.progress import steps

FRONTIER_COLUMNS = [
    "budget", "spend", "expected_net", "bound", "gap", "customers", "next_unit_returns",
    "enter", "leave", "change", "enter_plan", "leave_plan", "change_plan", "is_plan",
]  # fmt: skip
BUDGET_OFFER_COLUMNS = ["budget", "offer", "customers", "cost", "expected_net"]
MOVE_COLUMNS = [
    "move", "budget", "customer_id", "change", "offer_before", "offer_after",
    "expected_net_before", "expected_net_after",
]  # fmt: skip
POLICIES: Mapping[str, tuple[str, str]] = {
    "plan": ("План", "The plan"),
    "by_value_per_cost": ("По выгоде на единицу затрат", "By value per unit of cost"),
    "by_risk": ("Сначала самый высокий риск", "Highest risk first"),
    "by_profit": ("Сначала самые прибыльные", "Highest profit first"),
    "random": ("Случайно", "At random"),
}
POLICY_COLUMNS = [
    "policy", "name_ru", "name_en", "customers", "spend", "expected_net", "share_of_bound",
]  # fmt: skip
GATE_NAMES: Mapping[str, tuple[str, str]] = {
    "consent": ("Согласие", "Consent"),
    "channel": ("Доступный канал", "Reachable channel"),
    "fatigue": ("Частота контактов", "Contact fatigue"),
    "margin_floor": ("Минимальная маржа", "Margin floor"),
}
GATE_COLUMNS = ["gate", "name_ru", "name_en", "customers", "sole", "potential", "worth"]
_TRIAL = "trial"
# A plan by prices may end far from its bound where one offer takes much of the budget: from this
# share on it is sought exactly, in this part of the time limit.
_FAR, _LESS_TIME = 0.01, 0.1


@dataclass(frozen=True)
class Trial:
    """The customers that are looked at, and what the caps come to for them.

    Attributes:
        pairs: Their pairs.
        caps: Grossed up by the control share, in proportion to the sample.
        times: What sums of the sample are multiplied with for the expected plan of the shop.
        share: Of the customers, that are in the sample.
        catalogue: Offers.
        options: Solver, budget, control share.
    """

    pairs: Pairs
    caps: Caps
    times: float
    share: float
    catalogue: OfferCatalogue
    options: OfferOptions

    def solve(
        self,
        values: Floats,
        costs: Floats | None = None,
        caps: Caps | None = None,
        start: Prices | None = None,
        *,
        exact: bool = False,
    ) -> Allocation:
        """Find a plan for some values, costs and caps; by default the plan's own.

        By prices, unless it is asked for exactly or they lead nowhere near: dozens of plans are
        wanted, each with its gap.
        """
        solver = self.options.allocation
        costs = self.pairs.numbers["expected_cost"] if costs is None else costs
        problem = problem_of(values, costs, self.catalogue, caps or self.caps)
        if exact:
            return allocate(problem, solver, start)
        found = allocate(problem, solver.model_copy(update={"exact_customers": 0}), start)
        if found.gap <= _FAR:
            return found
        hurried = solver.model_copy(update={"seconds": solver.seconds * _LESS_TIME})
        sought = allocate(problem, hurried, found.prices)
        best = found if found.value > sought.value else sought
        bound = min(found.bound, sought.bound)
        return replace(best, bound=bound, gap=max(0.0, (bound - best.value) / bound))

    def base(self) -> Allocation:
        """Return the plan at base assumptions, found as the real one is."""
        return self.solve(self.pairs.values(self.pairs.free()), exact=True)

    def with_budget(self, budget: float | None) -> Caps:
        """Return the caps with another budget of the shop."""
        kept = 1 - self.options.control.share
        grossed = None if budget is None else budget / kept * self.share
        return self.caps.with_budget(grossed)


def trial_of(
    offer_values: ir.Table,
    catalogue: OfferCatalogue,
    options: OfferOptions,
    columns: tuple[str, ...] = (),
) -> tuple[Trial, ir.Table]:
    """Take the customers who have any offer to choose, or a sample of them.

    Args:
        offer_values: Grain: customer and offer.
        catalogue: Offers.
        options: Size of the sample, caps, control share.
        columns: Numbers of the pairs that are wanted besides net and cost.

    Returns:
        The arrays, and the table they are from; its ``customer_number`` counts these customers.
    """
    everyone = int(offer_values.customer_id.nunique().to_pyarrow().as_py())
    share = min(1.0, options.trials.largest_sample / everyone) if everyone else 1.0
    table = offer_values
    if share < 1:
        table = table.filter(in_group(table.customer_id, options.seed, share, _TRIAL))
    rank = ibis.dense_rank().over(ibis.window(order_by=table.customer_number))
    table = table.mutate(customer_number=rank).cache()
    size = int(table.customer_id.nunique().to_pyarrow().as_py())
    share = size / everyone if everyone else 1.0
    pairs = read_pairs(table, size, catalogue, ("expected_net", "expected_cost", *columns))
    kept = 1 - options.control.share
    caps = Caps.of(options).grossed(options.control.share).of_sample(share)
    return Trial(pairs, caps, kept / share if share else kept, share, catalogue, options), table


# --- budgets and rules ---------------------------------------------------------------------


def try_budgets(
    offer_values: ir.Table, catalogue: OfferCatalogue, options: OfferOptions
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Trace what other budgets bring, who enters and leaves, and what simpler rules would bring.

    Args:
        offer_values: Grain: customer and offer.
        catalogue: Offers and channels.
        options: Budget, how many points, moves, random plans.

    Returns:
        First the frontier, grain: budget, rising, the last without a limit: budget (null for no
        limit), spend, expected_net, bound (currency units), gap, customers, next_unit_returns
        (expected net per unit of money), enter, leave, change (customers who get an offer, lose it,
        or get another one, against the row before), enter_plan, leave_plan, change_plan (the same,
        against the plan), is_plan. Second, grain: move of the budget and
        customer whose offer changes: move (share), budget, customer_id, change (``enters`` /
        ``leaves`` / ``changes``), offer_before, offer_after, expected_net_before,
        expected_net_after. Third, grain: rule, the plan first: customers, spend, expected_net,
        share_of_bound (of the proven bound). Fourth, grain: budget of the frontier and offer that
        somebody gets there, in the order of the catalogue: customers, cost, expected_net; their
        sums are those of the frontier.
    """
    trial, table = trial_of(offer_values, catalogue, options, ("risk", "month_margin"))
    values = trial.pairs.values(trial.pairs.free())
    plan = trial.base()
    unlimited = plan
    if options.budget is not None:
        unlimited = trial.solve(values, caps=trial.with_budget(None))
    solved, place = _solve_budgets(trial, values, unlimited, plan)
    return (
        _frontier(trial, solved, place),
        _moves(trial, values, plan, table),
        _policies(trial, values, plan),
        _budget_offers(trial, values, solved),
    )


def _solve_budgets(
    trial: Trial, values: Floats, unlimited: Allocation, plan: Allocation
) -> tuple[dict[float | None, Allocation], float | None]:
    """Solve for budgets from nothing to what everybody costs, each from the prices before.

    No plan is worse than one before it: what less money could buy, more can.

    Returns:
        The plans by budget, rising, None (no limit) last; and which budget is the plan's.
    """
    most = unlimited.spend * trial.times
    budgets = {float(b) for b in np.linspace(0, most, trial.options.trials.budgets)[:-1]}
    own = trial.options.budget
    # A budget that does not bind is as good as none.
    place = None if own is None or own >= most else own
    budgets |= set() if place is None else {place}
    plans: dict[float | None, Allocation] = {}
    last: Allocation | None = None
    for budget in steps([*sorted(budgets), None], "budgets tried", len(budgets) + 1):
        if budget == place:
            solved = plan
        elif budget is None:
            solved = unlimited
        else:
            start = last.prices if last else None
            solved = trial.solve(values, caps=trial.with_budget(budget), start=start)
        last = not_worse(solved, last) if last else solved
        plans[budget] = last
    return plans, place


def _frontier(
    trial: Trial, plans: Mapping[float | None, Allocation], place: float | None
) -> pd.DataFrame:
    """Say what each budget brings, beside the one before it and beside the plan."""
    chosen = plans[place].choice
    before = np.full_like(chosen, NOTHING)
    rows: list[dict[str, Any]] = []
    for budget, solved in plans.items():
        row = _frontier_row(trial, budget, solved, before) | {"is_plan": budget == place}
        rows.append(row | _moved(trial, chosen, solved.choice, "_plan"))
        before = solved.choice
    return pd.DataFrame(rows, columns=FRONTIER_COLUMNS).astype({"budget": "float64"})


def _frontier_row(
    trial: Trial, budget: float | None, solved: Allocation, before: Integers
) -> dict[str, Any]:
    return {
        "budget": budget,
        "spend": solved.spend * trial.times,
        "expected_net": solved.value * trial.times,
        "bound": solved.bound * trial.times,
        "gap": solved.gap,
        "customers": _rounded((solved.choice != NOTHING).sum() * trial.times),
        "next_unit_returns": solved.price_of_budget,
        **_moved(trial, before, solved.choice),
    }


def _moved(trial: Trial, before: Integers, after: Integers, suffix: str = "") -> dict[str, int]:
    """Count who gets an offer, loses it, or gets another one."""
    changes = _changes(before, after)
    return {
        name + suffix: _rounded((changes == code).sum() * trial.times)
        for code, name in enumerate(("enter", "leave", "change"), start=1)
    }


def _budget_offers(
    trial: Trial, values: Floats, plans: Mapping[float | None, Allocation]
) -> pd.DataFrame:
    """Add up what each offer gets of each budget."""
    offers, costs = trial.pairs.offers, trial.pairs.numbers["expected_cost"]
    parts = []
    for budget, solved in plans.items():
        given = np.flatnonzero(solved.choice != NOTHING)
        chosen = solved.choice[given]
        counts, cost, net = (
            np.bincount(chosen, weights, len(offers)).astype(np.float64)
            for weights in (None, costs[given, chosen], values[given, chosen])
        )
        part = {
            "budget": budget,
            "offer": offers,
            "customers": _whole(counts * trial.times, _rounded(counts.sum() * trial.times)),
            "cost": cost * trial.times,
            "expected_net": net * trial.times,
        }
        parts.append(pd.DataFrame(part, columns=BUDGET_OFFER_COLUMNS)[counts > 0])
    return pd.concat([part.astype({"budget": "float64"}) for part in parts], ignore_index=True)


def _whole(numbers: Floats, total: int) -> Integers:
    """Round numbers so that they add up to a total: the largest remainders are rounded up."""
    whole = np.floor(numbers).astype(np.int64)
    by_remainder = np.argsort(whole - numbers, kind="stable")
    whole[by_remainder[: total - whole.sum()]] += 1
    return whole


def _rounded(number: Any) -> int:
    return round(float(number))


def _changes(before: Integers, after: Integers) -> Integers:
    """Return 0 for the same, 1 who enters, 2 who leaves, 3 who gets another offer."""
    found: Integers = np.select(
        [before == after, before == NOTHING, after == NOTHING], [0, 1, 2], 3
    ).astype(np.int64)
    return found


def _moves(trial: Trial, values: Floats, plan: Allocation, table: ir.Table) -> pd.DataFrame:
    """List whose offer changes when the budget moves."""
    own = trial.options.budget
    if own is None:
        return pd.DataFrame(columns=MOVE_COLUMNS)
    ids = table.select("customer_number", "customer_id").distinct()
    names = ids.order_by("customer_number").to_pandas()["customer_id"].to_numpy(object)
    offers = np.array([*trial.pairs.offers, None], dtype=object)
    kinds = np.array(["", "enters", "leaves", "changes"], dtype=object)
    parts = []
    for move in trial.options.trials.moves:
        budget = own * (1 + move)
        moved = trial.solve(values, caps=trial.with_budget(budget), start=plan.prices, exact=True)
        changes = _changes(plan.choice, moved.choice)
        at = np.flatnonzero(changes)
        part = {
            "move": move,
            "budget": budget,
            "customer_id": names[at],
            "change": kinds[changes[at]],
            "offer_before": offers[plan.choice[at]],
            "offer_after": offers[moved.choice[at]],
            "expected_net_before": _worth_of(values, plan.choice)[at],
            "expected_net_after": _worth_of(values, moved.choice)[at],
        }
        parts.append(pd.DataFrame(part, columns=MOVE_COLUMNS))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=MOVE_COLUMNS)


def _worth_of(values: Floats, choice: Integers) -> Floats:
    """Return what each customer's choice is worth; nothing for nothing."""
    rows = np.arange(len(choice))
    found: Floats = np.where(choice == NOTHING, 0.0, values[rows, choice])
    return found


def _policies(trial: Trial, values: Floats, plan: Allocation) -> pd.DataFrame:
    """Value simpler rules under the same caps."""
    numbers, options = trial.pairs.numbers, trial.options
    risk, profit = (_per_customer(numbers[name]) for name in ("risk", "month_margin"))
    problem = problem_of(values, numbers["expected_cost"], trial.catalogue, trial.caps)
    naive = naive_plans(problem, risk, profit, options.seed, options.trials.random_plans)
    plans: dict[str, Allocation | Plan] = {"plan": plan, **naive}
    rows = [
        {
            "policy": name,
            "name_ru": POLICIES[name][0],
            "name_en": POLICIES[name][1],
            "customers": _rounded((found.choice != NOTHING).sum() * trial.times),
            "spend": found.spend * trial.times,
            "expected_net": found.value * trial.times,
            "share_of_bound": found.value / plan.bound if plan.bound > 0 else None,
        }
        for name, found in plans.items()
    ]
    return pd.DataFrame(rows, columns=POLICY_COLUMNS)


def _per_customer(numbers: Floats) -> Floats:
    """Return a number that is the same for all pairs of a customer."""
    known: Floats = np.where(np.isnan(numbers), -np.inf, numbers).max(axis=1, initial=-np.inf)
    return known


# --- gates ---------------------------------------------------------------------------------


def value_gates(
    offer_values: ir.Table, outcomes: ir.Table, catalogue: OfferCatalogue, options: OfferOptions
) -> pd.DataFrame:
    """Say what each gate keeps from the plan, in customers and in money.

    Args:
        offer_values: Grain: customer and offer.
        outcomes: Grain: one customer: outcome, pair_blocked_by.
        catalogue: Offers and channels.
        options: Caps and control share.

    Returns:
        Grain: gate, in the order in which they are looked at: gate, name_ru, name_en, customers
        (blocked, this gate first), sole (customers without a free offer that pays, who would have
        one without this gate alone), potential (currency units: what their best offers would bring
        with money without end), worth (what the whole plan would gain if these customers could be
        had as well, under the same budget and channels).
    """
    trial, _ = trial_of(offer_values, catalogue, options)
    pairs = trial.pairs
    now, free = trial.base(), pairs.free()
    best_free = pairs.values(free).max(axis=1, initial=-np.inf)
    blocked = outcomes.filter(outcomes.outcome == "blocked")
    counts = blocked.group_by("pair_blocked_by").aggregate(customers=blocked.count())
    found = dict(zip(*counts.to_pandas().astype("object").to_numpy().T, strict=True))
    rows = []
    for gate in GATES:
        opened = pairs.free(without=gate)
        best = pairs.values(opened).max(axis=1, initial=-np.inf)
        sole: Booleans = (best_free <= 0) & (best > 0)
        potential = float(best[sole].sum())
        # Opened for these alone: what others would gain is not what the gate blocks.
        freed = pairs.values(np.where(sole[:, None], opened, free))
        # As exactly as the plan: what few customers are worth is less than the gap of others.
        then = trial.solve(freed, start=now.prices, exact=True) if sole.any() else now
        rows.append(
            {
                "gate": gate,
                "name_ru": GATE_NAMES[gate][0],
                "name_en": GATE_NAMES[gate][1],
                "customers": int(found.get(gate, 0)),
                "sole": _rounded(sole.sum() / trial.share),
                "potential": potential * trial.times,
                "worth": min(max(then.value - now.value, 0.0), potential) * trial.times,
            }
        )
    return pd.DataFrame(rows, columns=GATE_COLUMNS)


# --- units ---------------------------------------------------------------------------------

UNIT_COLUMNS = [
    "unit", "name_ru", "name_en", "chosen", "customers", "offered", "spend", "expected_net",
    "same_offer",
]  # fmt: skip


def try_units(
    customers: ir.Table,
    segments: ir.Table,
    customer_interests: ir.Table,
    catalogue: OfferCatalogue,
    options: OfferOptions,
) -> pd.DataFrame:
    """Make the plan for each unit that the shop's profit may be counted in.

    Args:
        customers: Grain: one customer.
        segments: Grain: one customer.
        customer_interests: Grain: one customer.
        catalogue: Offers; their costs are in currency units, whatever the unit of profit.
        options: The units; the budget stays.

    Returns:
        Grain: unit, as in the parameters: unit, name_ru, name_en, chosen, customers (with any offer
        to choose), offered, spend, expected_net (currency units), same_offer (share of the
        customers offered under the chosen unit who keep their offer; null where nobody is).
    """
    solved: dict[str, tuple[Trial, Allocation]] = {}
    for name in options.profit_unit.units:
        unit = options.profit_unit.model_copy(update={"chosen": name})
        other = options.model_copy(update={"profit_unit": unit})
        values = price_offers(customers, segments, customer_interests, catalogue, other)
        trial, _ = trial_of(values, catalogue, other)
        solved[name] = (trial, trial.base())
    chosen = solved[options.profit_unit.chosen][1].choice
    rows = [
        _unit_row(name, trial, found, chosen, options) for name, (trial, found) in solved.items()
    ]
    return pd.DataFrame(rows, columns=UNIT_COLUMNS)


def _unit_row(
    name: str, trial: Trial, found: Allocation, chosen: Integers, options: OfferOptions
) -> dict[str, Any]:
    offered = chosen != NOTHING
    same = (found.choice == chosen) & offered
    label = options.profit_unit.units[name].label
    return {
        "unit": name,
        "name_ru": label.ru,
        "name_en": label.en,
        "chosen": name == options.profit_unit.chosen,
        "customers": _rounded(len(found.choice) / trial.share),
        "offered": _rounded((found.choice != NOTHING).sum() * trial.times),
        "spend": found.spend * trial.times,
        "expected_net": found.value * trial.times,
        "same_offer": same.sum() / offered.sum() if offered.any() else None,
    }

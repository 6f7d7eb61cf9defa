"""Who gets which offer: the most valuable plan that the budget and the channels allow.

Each customer gets one option at most: a multiple-choice knapsack problem with several caps (Sinha
and Zoltners, 1979). Up to a stated number of customers it is solved exactly; above, prices of the
budget and the channels lead to a plan, and prove how far it can be from the best one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from personal_offers.pipelines.offers.dual import (
    BUDGET,
    NOTHING,
    Choice,
    Floats,
    Found,
    Ints,
    Market,
    answer,
    cheapest,
    find_prices,
    highest_prices,
    left_over,
    lower_highest,
    refine_prices,
)
from personal_offers.pipelines.offers.exact import best_plan
from personal_offers.pipelines.offers.params import AllocationOptions
from personal_offers.pipelines.offers.repair import mixture, repair, spend, worth

Method = Literal["free", "exact", "dual"]

# Weights below this are rounding of the linear program.
_NO_WEIGHT = 1e-6


@dataclass(frozen=True)
class Problem:
    """What may be given to whom, and the caps.

    Attributes:
        value: Customers x options: expected net, currency units; minus infinity or not a number
            where the customer may not have the option. Best stored by columns.
        cost: Customers x options: expected spend, currency units, not negative.
        channel: Per option: index of its channel.
        budget: Expected spend of the plan at most; none: no limit.
        capacity: Per channel: customers at most; none: no limit.
    """

    value: Floats
    cost: Floats
    channel: Ints
    budget: float | None
    capacity: tuple[int | None, ...]

    def __post_init__(self) -> None:
        """Check that the parts fit each other.

        Raises:
            ValueError: All that does not fit.
        """
        if problems := _problems(self):
            raise ValueError("; ".join(problems))


@dataclass(frozen=True)
class Prices:
    """What the caps are worth.

    Attributes:
        budget: What the next unit of money returns.
        channel: Per channel: what room for the next customer returns, currency units.
    """

    budget: float
    channel: tuple[float, ...]


@dataclass(frozen=True)
class Allocation:
    """A plan that keeps every cap, and how good it is proven to be.

    Attributes:
        choice: Per customer: option, or -1.
        value: Expected net of the plan, currency units.
        spend: Its expected cost, currency units, summed exactly (``math.fsum``).
        used: Per channel: customers.
        bound: No plan that keeps the caps is worth more, up to rounding.
        gap: (bound - value) / bound; 0 where the bound is 0.
        price_of_budget: What the next unit of money returns.
        price_of_channel: Per channel: what room for the next customer returns, currency units.
        method: ``free`` (no cap binds), ``exact`` (integer program) or ``dual`` (prices).
    """

    choice: Ints
    value: float
    spend: float
    used: tuple[int, ...]
    bound: float
    gap: float
    price_of_budget: float
    price_of_channel: tuple[float, ...]
    method: Method

    @property
    def prices(self) -> Prices:
        """The prices, to start the next search from."""
        return Prices(self.price_of_budget, self.price_of_channel)


def allocate(
    problem: Problem, options: AllocationOptions, start: Prices | None = None
) -> Allocation:
    """Find the plan with the highest expected net that keeps the budget and all channels.

    An option that is not worth more than nothing is never given. The value does not depend on the
    order of the customers: they are put into an order of their own first, which their values and
    costs decide. (Equal customers may still be told apart by their place.) Equal problems get
    equal plans, except where the time limit ends an integer program: there the machine counts.

    Args:
        problem: Values, costs and caps.
        options: How it is solved.
        start: Prices of a similar problem; only the way to the plan depends on them.

    Returns:
        The plan, its bound and its prices. Every cap is kept exactly; the spend is the sum of the
        costs rounded once, so a sum with errors of its own may be above the budget by these.

    Raises:
        RuntimeError: If the linear program of the prices fails.
    """
    market, order = _tidy(problem)
    free = _without_caps(market)
    everything = worth(market, free)
    if _keeps_caps(market, free):
        method: Method = "free" if _nothing_left_out(problem, market) else "exact"
        nothing = np.zeros(len(market.caps))
        return _allocation(problem, market, order, free, nothing, everything, method)
    highest = highest_prices(market, everything)
    begin = np.zeros(len(highest))
    if start is not None:
        begin = np.minimum(np.array([start.budget, *start.channel]), highest)
    found = find_prices(market, highest, begin, options)
    exactly = len(order) <= options.exact_customers
    plan = _plan(market, highest, found, 0.0 if exactly else options.gap)
    if not exactly and _gap(worth(market, plan), found.bound) > options.gap:
        found = refine_prices(market, highest, found, options)
        plan = _plan(market, highest, found, options.gap, plan)
        # A small budget leaves few customers who may get anything.
        exactly = _gap(worth(market, plan), found.bound) > options.gap
    best = best_plan(market, plan, found.prices, found.bound, options) if exactly else None
    if best is None:
        return _allocation(problem, market, order, plan, found.prices, found.bound, "dual")
    return _allocation(problem, market, order, best[0], found.prices, best[1], "exact")


def not_worse(found: Allocation, known: Allocation) -> Allocation:
    """Return a plan, or in its place a better one of a smaller budget, which more money can buy.

    Args:
        found: Plan for some budget.
        known: Plan for a smaller one, of the same values and costs.

    Returns:
        The better of the two, with the prices, the bound and the method of ``found``.
    """
    if known.value <= found.value:
        return found
    bound = max(found.bound, known.value)
    better = {name: getattr(known, name) for name in ("choice", "value", "spend", "used")}
    return replace(found, **better, bound=bound, gap=_gap(known.value, bound))


def _problems(problem: Problem) -> list[str]:
    """Return what does not fit, one sentence each."""
    value, cost, channel = problem.value, problem.cost, problem.channel
    if value.ndim != len(("customers", "options")) or value.shape != cost.shape:
        return [f"value {value.shape} and cost {cost.shape} are not customers x options both"]
    found = []
    if channel.shape != value.shape[1:]:
        found.append(f"{len(channel)} channels of {value.shape[1]} options")
    elif len(channel) and not 0 <= channel.min() <= channel.max() < len(problem.capacity):
        found.append(f"a channel is not one of the {len(problem.capacity)} with a capacity")
    if problem.budget is not None and not problem.budget >= 0:
        found.append(f"the budget is {problem.budget}")
    if any(limit is not None and limit < 0 for limit in problem.capacity):
        found.append(f"a capacity is negative: {problem.capacity}")
    for option in range(value.shape[1]):
        if (value[:, option] == np.inf).any():
            found.append(f"a value of option {option} is infinite")
        wrong = ~((cost[:, option] >= 0) & (cost[:, option] < np.inf))
        if (wrong & (value[:, option] > -np.inf)).any():
            found.append(f"a cost of option {option} is negative, infinite or unknown")
    return found


def _tidy(problem: Problem) -> tuple[Market, Ints]:
    """Keep what may be chosen, in an order that only values and costs decide.

    Returns:
        The problem without what no plan can hold, and the row of each of its customers.
    """
    customers = len(problem.value)
    budget = _budget(problem)
    limits = [np.inf if limit is None else limit for limit in problem.capacity]
    value = np.empty(problem.value.shape, order="F")
    cost = np.empty(problem.value.shape, order="F")
    mark = np.zeros(customers, dtype=np.uint64)
    for option, channel in enumerate(problem.channel):
        fits = (problem.value[:, option] > 0) & (problem.cost[:, option] <= budget)
        fits &= limits[channel] > 0
        value[:, option] = np.where(fits, problem.value[:, option], -np.inf)
        cost[:, option] = np.where(fits, problem.cost[:, option], 0.0) + 0.0  # no minus zero
        for column in (value[:, option], cost[:, option]):
            _mix(mark, column)
    order = np.argsort(mark, kind="stable")
    for option in range(len(problem.channel)):
        value[:, option] = value[order, option]
        cost[:, option] = cost[order, option]
    # Caps of zero are kept by what was left out, and large ones by all plans.
    caps = np.array([budget or np.inf, *(x if 0 < x < customers else np.inf for x in limits)])
    return Market(value, cost, np.asarray(problem.channel, dtype=np.int64), caps), order


def _mix(mark: NDArray[np.uint64], column: Floats) -> None:
    """Stir the bits of a column into the marks of the rows, so that equal rows have equal marks.

    The constants are those of splitmix64 (Steele, Lea and Flood, 2014).
    """
    mark ^= np.ascontiguousarray(column).view(np.uint64)
    mark += np.uint64(0x9E3779B97F4A7C15)
    mark ^= mark >> np.uint64(30)
    mark *= np.uint64(0xBF58476D1CE4E5B9)
    mark ^= mark >> np.uint64(27)


def _without_caps(market: Market) -> Choice:
    """Return the best option of each customer; of equals the cheapest."""
    choice = np.full(len(market.value), NOTHING, dtype=np.int16)
    best, spent = np.zeros(len(choice)), np.zeros(len(choice))
    for option in range(len(market.channel)):
        value, cost = market.value[:, option], market.cost[:, option]
        better = (value > best) | ((value == best) & (cost < spent))
        choice[better], best[better], spent[better] = option, value[better], cost[better]
    return choice


def _keeps_caps(market: Market, choice: Choice) -> bool:
    """Return whether a choice keeps every cap."""
    within = market.used(choice) <= market.caps[1:]
    return bool(within.all()) and spend(market, choice) <= market.caps[BUDGET]


def _nothing_left_out(problem: Problem, market: Market) -> bool:
    """Return whether everything that is worth something may be chosen, whatever the caps."""
    return all(
        np.count_nonzero(problem.value[:, option] > 0) == np.count_nonzero(column > 0)
        for option, column in enumerate(market.value.T)
    )


def _plan(
    market: Market, highest: Floats, found: Found, gap: float, known: Choice | None = None
) -> Choice:
    """Return a plan that keeps all caps, made from prices: the best of two ways, and a known one.

    The second way is gone only where the first does not lead to the wanted gap.
    """
    plan = np.empty(len(market.value), dtype=np.int16)
    answer(market, found.prices, plan)
    plans = [repair(market, plan, found.prices)]
    plans += [] if known is None else [known]
    if _gap(worth(market, plans[0]), found.bound) > gap:
        highest = lower_highest(highest, market.caps, found.bound)
        _, _, weights = cheapest(found.plans, market.caps, highest)
        weights = np.where(weights > _NO_WEIGHT, weights, 0.0)
        mixed = mixture(market, found.plans.prices, weights)
        plans.append(repair(market, mixed, found.prices))
    return max(plans, key=lambda each: worth(market, each))


def _gap(value: float, bound: float) -> float:
    """Return how far a value is from its bound, as a share of it."""
    return max(0.0, (bound - value) / bound) if bound > 0 else 0.0


def _allocation(
    problem: Problem,
    market: Market,
    order: Ints,
    choice: Choice,
    prices: Floats,
    bound: float,
    method: Method,
) -> Allocation:
    """Put a plan back into the order of the customers, and describe it."""
    value = worth(market, choice)
    bound = max(bound, value)
    own = np.empty(len(choice), dtype=np.int64)
    own[order] = choice
    prices = _with_closed_caps(problem, market, order, prices)
    return Allocation(
        choice=own,
        value=value,
        spend=spend(market, choice),
        used=tuple(int(count) for count in market.used(choice)),
        bound=bound,
        gap=_gap(value, bound),
        price_of_budget=float(prices[BUDGET]),
        price_of_channel=tuple(float(price) for price in prices[1:]),
        method=method,
    )


def _with_closed_caps(problem: Problem, market: Market, order: Ints, prices: Floats) -> Floats:
    """Add the prices of caps of zero: the most that the first unit would return.

    What they shut out was left out of the problem, so the search gave them no price.
    """
    no_money = problem.budget == 0
    shut = [channel for channel, limit in enumerate(problem.capacity) if limit == 0]
    if not (no_money or shut):
        return prices
    prices = prices.copy()
    left = np.empty(len(order))
    left[order] = left_over(market, prices)
    for option, channel in enumerate(problem.channel):
        value, cost = problem.value[:, option], problem.cost[:, option]
        if no_money and channel not in shut:
            dear = (value > 0) & (cost > 0)
            gain = value[dear] - prices[channel + 1] - left[dear]
            with np.errstate(over="ignore"):
                prices[BUDGET] = max(prices[BUDGET], (gain / cost[dear]).max(initial=0.0))
    for option, channel in enumerate(problem.channel):
        if channel in shut:
            value, cost = problem.value[:, option], problem.cost[:, option]
            may = (value > 0) & (no_money | (cost <= _budget(problem)))
            gain = value[may] - prices[BUDGET] * cost[may] - left[may]
            prices[channel + 1] = max(prices[channel + 1], gain.max(initial=0.0))
    return prices


def _budget(problem: Problem) -> float:
    """Return the budget as a number; one that pays for nothing is none."""
    if problem.budget is None:
        return np.inf
    costs = problem.cost[(problem.value > 0) & (problem.cost > 0)]
    # Its price would be without end, beyond what the linear program takes.
    return problem.budget if len(costs) and costs.min() <= problem.budget else 0.0

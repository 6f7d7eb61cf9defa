"""Simple rules that shops use instead of a plan, under the same caps, to see what a plan adds.

Each rule goes through a list and gives what still fits. Between two events - a channel is full, or
the money does not reach for the next one - everything fits, so that the list is worked through in
a few stretches, not customer by customer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personal_offers.pipelines.offers.allocation import Problem
from personal_offers.pipelines.offers.dual import NOTHING

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Customers of whom the first stretch looks at; each stretch without an event doubles it.
_FIRST_STRETCH = 1 << 14


@dataclass(frozen=True)
class Plan:
    """What a rule gives to whom.

    Attributes:
        choice: Per customer: option, or -1.
        value: Expected net, currency units.
        spend: Expected cost, currency units.
        used: Per channel: customers.
    """

    choice: Ints
    value: float
    spend: float
    used: tuple[int, ...]


def naive_plans(
    problem: Problem, risk: Floats, profit: Floats, seed: int, random_plans: int
) -> dict[str, Plan]:
    """Return what simple rules make of a problem. All keep every cap, and give nothing that loses.

    Args:
        problem: Values, costs and caps.
        risk: Per customer: decline risk; not a number where it is unknown, which comes last.
        profit: Per customer: likewise.
        seed: Of the random plans.
        random_plans: How many are made; at least one.

    Returns:
        ``by_value_per_cost``: pairs of customer and option by value over cost, each given if the
        customer has nothing yet and it fits; ``by_risk`` and ``by_profit``: customers from the
        highest down, each gets the most valuable option that still fits; ``random``: customers in
        any order, each gets any option of those that still fit: the choice, spend and use of the
        first plan, the mean value of all.

    Raises:
        ValueError: If risk or profit are not one per customer, or no random plan is asked for.
    """
    customers = len(problem.value)
    if len(risk) != customers or len(profit) != customers:
        raise ValueError(f"risk ({len(risk)}) and profit ({len(profit)}) of {customers} customers")
    if random_plans < 1:
        raise ValueError(f"random_plans is {random_plans}")
    drawn = [_at_random(problem, np.random.default_rng([seed, n])) for n in range(random_plans)]
    mean = math.fsum(plan.value for plan in drawn) / random_plans
    first = drawn[0]
    return {
        "by_value_per_cost": _by_value_per_cost(problem),
        "by_risk": _by_score(problem, risk),
        "by_profit": _by_score(problem, profit),
        "random": Plan(first.choice, mean, first.spend, first.used),
    }


@dataclass
class _Round:
    """A rule on its way: what it has given, and what is left of the caps.

    Attributes:
        problem: Values, costs and caps.
        choice: Per customer: option, or -1.
        money: Budget that is left.
        room: Per channel: customers who still find room.
        given: Who got something, in the order in which they did.
    """

    problem: Problem
    choice: Ints
    money: float
    room: Floats
    given: list[Ints]

    @classmethod
    def at_first(cls, problem: Problem) -> _Round:
        """Begin with nothing given."""
        limits = [np.inf if limit is None else limit for limit in problem.capacity]
        money = np.inf if problem.budget is None else problem.budget
        nothing = np.full(len(problem.value), NOTHING, dtype=np.int64)
        return cls(problem, nothing, money, np.array(limits, dtype=np.float64), [])

    def give(self, rows: Ints, option: Ints) -> int:
        """Give from the top of a list up to the first for whom it does not fit.

        Returns:
            How many got theirs.
        """
        channel, cost = self.problem.channel[option], self.problem.cost[rows, option]
        sums = np.cumsum(cost)
        fit = int(np.searchsorted(sums, self.money, side="right"))
        for place in range(len(self.room)):
            of_channel = np.flatnonzero(channel[:fit] == place)
            if len(of_channel) > self.room[place]:
                fit = int(of_channel[int(self.room[place])])
        self.choice[rows[:fit]] = option[:fit]
        self.given.append(rows[:fit])
        self.money -= float(sums[fit - 1]) if fit else 0.0
        self.room -= np.bincount(channel[:fit], minlength=len(self.room))
        return fit

    def end(self) -> Plan:
        """Describe what was given, less the last where rounding made it cost too much."""
        problem, rows = self.problem, np.concatenate([*self.given, np.empty(0, dtype=np.int64)])
        cost = problem.cost[rows, self.choice[rows]]
        budget = np.inf if problem.budget is None else problem.budget
        while (spend := math.fsum(cost)) > budget:
            last = int(np.flatnonzero(cost > 0)[-1])
            self.choice[rows[last]] = NOTHING
            rows, cost = np.delete(rows, last), np.delete(cost, last)
        option = self.choice[rows]
        used = np.bincount(problem.channel[option], minlength=len(self.room))
        worth = math.fsum(problem.value[rows, option])
        return Plan(self.choice, worth, spend, tuple(int(count) for count in used))


def _by_value_per_cost(problem: Problem) -> Plan:
    """Give the pairs with the highest value over cost; of equals the more valuable, then first."""
    customers = len(problem.value)
    value, cost = problem.value.ravel(order="F"), problem.cost.ravel(order="F")
    pairs = np.flatnonzero(value > 0)
    with np.errstate(divide="ignore", over="ignore"):
        pairs = pairs[np.lexsort((-value[pairs], -(value[pairs] / cost[pairs])))]
    on_way, first = _Round.at_first(problem), np.empty(customers, dtype=np.int64)
    while True:
        option = pairs // max(customers, 1)
        open_ = (on_way.room[problem.channel[option]] >= 1) & (cost[pairs] <= on_way.money)
        open_ &= on_way.choice[pairs - option * customers] == NOTHING
        pairs = pairs[open_]
        if not len(pairs):
            return on_way.end()
        rows = pairs % customers
        # Assigned from the end, so that the best pair of each customer stays.
        first[rows[::-1]] = np.arange(len(pairs))[::-1]
        best = first[rows] == np.arange(len(pairs))
        on_way.give(rows[best], pairs[best] // customers)


def _customer_by_customer(
    problem: Problem, order: Ints, choose: Callable[[Ints, Flags], Ints]
) -> Plan:
    """Give customers, in an order, one of the options that still fit.

    Args:
        problem: Values, costs and caps.
        order: Rows of the customers.
        choose: Makes an option of rows and of what fits (rows x options, at least one each).

    Returns:
        The plan.
    """
    on_way, stretch = _Round.at_first(problem), _FIRST_STRETCH
    some_pay: Flags = np.any(problem.value > 0, axis=1)
    order = order[some_pay[order]]
    while len(order):
        rows = order[:stretch]
        fits: Flags = np.less_equal(problem.cost[rows], on_way.money)
        fits &= problem.value[rows] > 0
        fits &= on_way.room[problem.channel] >= 1
        some = np.flatnonzero(fits.any(axis=1))
        given = on_way.give(rows[some], choose(rows[some], fits[some]))
        if given == len(some):
            order, stretch = order[stretch:], 2 * stretch
        else:
            order, stretch = order[some[given] :], _FIRST_STRETCH
    return on_way.end()


def _by_score(problem: Problem, score: Floats) -> Plan:
    """Serve customers from the highest score down, unknown ones last, with their best option."""

    def most_valuable(rows: Ints, fits: Flags) -> Ints:
        worth: Floats = np.where(fits, problem.value[rows], -np.inf)
        return np.asarray(worth.argmax(axis=1), dtype=np.int64)

    order = np.argsort(-np.asarray(score, dtype=np.float64), kind="stable")
    return _customer_by_customer(problem, order, most_valuable)


def _at_random(problem: Problem, draws: np.random.Generator) -> Plan:
    """Serve customers in any order with any option."""
    order = draws.permutation(len(problem.value))
    chance = draws.random(len(order))

    def any_option(rows: Ints, fits: Flags) -> Ints:
        place = np.cumsum(fits, axis=1)
        # One of so many places; 1 - 2**-53 times a number of options never rounds up to it.
        wanted = 1 + (chance[rows] * place[:, -1]).astype(np.int64)
        reached: Flags = place >= wanted[:, np.newaxis]
        return np.asarray(reached.argmax(axis=1), dtype=np.int64)

    return _customer_by_customer(problem, order, any_option)

"""Prices of the budget and of the channels, and the bound that they prove.

Every cap gets a price. At given prices each customer takes what leaves them most after paying, and
customers no longer depend on each other (Lagrangian relaxation: Geoffrion, 1974; Fisher, 1981). The
sum of what is left, plus the worth of all caps, is a bound on every feasible plan, whatever the
prices; the best prices make it smallest. They are found by cutting planes (Kelley, 1960), for many
customers on a sample whose caps are corrected until everyone together asks for what is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from personal_offers.pipelines.offers.params import AllocationOptions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Choice = NDArray[np.int16]

NOTHING = -1
BUDGET = 0  # place of the budget among the caps; channel k stands at k + 1
# Rows that are worked on at a time: their columns stay in the cache of a core.
_BLOCK = 1 << 15
# Share of the way from the best prices so far to those that the cuts propose (Ben-Ameur and Neto,
# 2007): all the way oscillates, half of it is a bisection in many dimensions.
_STEP = 0.5
# Corrections of the caps of a sample: each leaves a few hundredths of the error before it.
_CORRECTIONS = 6
# Samples are drawn from so many times their size on.
_SAMPLED = 2
# Evaluations of the dual of a sample: each costs next to nothing.
_SAMPLE_ROUNDS = 200
# Gap of the dual up to which prices are sought where that is cheap: an exact search needs them.
_TIGHT = 1e-7
# Evaluations left when the last step is made.
_LAST = 2
# A linear program is solved to this accuracy; cuts cannot prove more.
_ACCURACY = 1e-9


@dataclass(frozen=True)
class Market:
    """A problem in which only what may be chosen has a value, in an order of its own.

    Attributes:
        value: Customers x options, by columns: expected net, above zero, or minus infinity.
        cost: Customers x options, by columns: expected spend, zero where the value is infinite.
        channel: Per option: index of its channel.
        caps: Budget, then the channels; infinite where there is no cap, above zero elsewhere.
    """

    value: Floats
    cost: Floats
    channel: Ints
    caps: Floats

    @property
    def bound_by(self) -> NDArray[np.bool_]:
        """Per cap: whether there is one."""
        return np.isfinite(self.caps)

    def used(self, choice: Choice) -> Floats:
        """Return per channel how many customers a choice sends to it."""
        of_option = np.bincount(choice + 1, minlength=len(self.channel) + 1)[1:]
        used = np.bincount(self.channel, of_option, minlength=len(self.caps) - 1)
        return used.astype(np.float64)


@dataclass(frozen=True)
class Answer:
    """What customers take at given prices.

    Attributes:
        left: Sum of what is left to them after paying.
        value: Sum of the values that they take.
        use: Of the budget and of each channel.
    """

    left: float
    value: float
    use: Floats


@dataclass
class Plans:
    """Plans that were the answer to some prices. Each is a cut: the dual lies above its line.

    Attributes:
        prices: That each plan answers; none for sending nothing.
        answers: The plans.
    """

    prices: list[Floats | None] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def add(self, prices: Floats | None, answer: Answer) -> None:
        """Remember a plan."""
        self.prices.append(prices)
        self.answers.append(answer)


@dataclass(frozen=True)
class Found:
    """Where a search for prices ended.

    Attributes:
        prices: The best found.
        bound: The dual there: no feasible plan is worth more.
        plans: All that were seen on the way.
    """

    prices: Floats
    bound: float
    plans: Plans


def answer(market: Market, prices: Floats, choice: Choice | None = None) -> Answer:
    """Let every customer take what leaves them most at given prices, or nothing.

    Args:
        market: The problem.
        prices: Of the budget (per unit of money) and of each channel (per customer), not negative.
        choice: Filled with the option of each customer, if given; of equals the first.

    Returns:
        What they take.
    """
    kinds = len(market.channel)
    left = spend = 0.0
    counts = np.zeros(kinds + 1, dtype=np.int64)
    for start in range(0, len(market.value), _BLOCK):
        rows = slice(start, start + _BLOCK)
        best, cost, picked = _best_of_block(market, prices, rows)
        left += float(best.sum())
        spend += float(cost.sum())
        counts += np.bincount(picked + 1, minlength=kinds + 1)
        if choice is not None:
            choice[rows] = picked
    use = np.bincount(market.channel + 1, counts[1:], len(market.caps)).astype(np.float64)
    use[BUDGET] = spend
    return Answer(left, left + float(prices @ use), use)


def _best_of_block(market: Market, prices: Floats, rows: slice) -> tuple[Floats, Floats, Choice]:
    """Return what is left, what it costs and which option it is, for some customers."""
    best = np.zeros(len(market.value[rows]))
    cost = np.zeros(len(best))
    picked = np.full(len(best), NOTHING, dtype=np.int16)
    rest, better = np.empty(len(best)), np.empty(len(best), dtype=bool)
    for option, channel in enumerate(market.channel):
        of_option = market.cost[rows, option]
        np.multiply(of_option, -prices[BUDGET], out=rest)
        rest += market.value[rows, option]
        rest -= prices[channel + 1]
        np.greater(rest, best, out=better)
        np.copyto(best, rest, where=better)
        np.copyto(cost, of_option, where=better)
        picked[better] = option
    return best, cost, picked


def left_over(market: Market, prices: Floats) -> Floats:
    """Return what is left to each customer after paying given prices."""
    return _best_of_block(market, prices, slice(None))[0]


def dual(market: Market, prices: Floats, given: Answer) -> float:
    """Return the bound that prices prove, from the answer to them."""
    capped = market.bound_by
    return given.left + float(prices[capped] @ market.caps[capped])


def highest_prices(market: Market, everything: float) -> Floats:
    """Return prices above which no best price lies; zero where there is no cap.

    Args:
        market: The problem.
        everything: Worth of the plan without caps.
    """
    highest = np.zeros(len(market.caps))
    capped = market.bound_by
    highest[capped] = everything / market.caps[capped]
    for channel in range(len(market.caps) - 1):
        dearest = market.value[:, market.channel == channel].max(initial=0.0)
        highest[channel + 1] = min(highest[channel + 1], dearest)
    return highest


def find_prices(
    market: Market, highest: Floats, start: Floats, options: AllocationOptions
) -> Found:
    """Find good prices: of few customers from all of them, of many from a sample.

    What everyone asks for at the prices of a sample differs a little from what the sample asks for.
    The caps of the sample are corrected by this difference and its prices found again, until
    everyone asks for what is there.

    Args:
        market: The problem, its rows in an order that says nothing.
        highest: Prices above which none is sought.
        start: Prices to begin with.
        options: How the plan is found.

    Returns:
        The best prices of those seen; the bound holds for everyone.
    """
    plans = Plans()
    nothing = np.zeros(len(highest))
    plans.add(None, Answer(0.0, 0.0, nothing))
    plans.add(nothing, answer(market, nothing))
    step = len(market.value) // options.sample
    if step < _SAMPLED:
        tight = min(options.gap, _TIGHT)
        return lowest(market, market.caps, highest, start, options.rounds, tight, plans)
    part = replace(market, value=market.value[::step].copy(order="F"),
                   cost=market.cost[::step].copy(order="F"))  # fmt: skip
    share = len(part.value) / len(market.value)
    seen = Plans()
    seen.add(None, plans.answers[0])
    seen.add(nothing, answer(part, nothing))
    caps, prices, found = market.caps * share, start, Found(start, np.inf, plans)
    for _ in range(_CORRECTIONS):
        prices = lowest(part, caps, highest, prices, _SAMPLE_ROUNDS, options.gap, seen).prices
        given = answer(market, prices)
        plans.add(prices, given)
        if (bound := dual(market, prices, given)) < found.bound:
            found = Found(prices, bound, plans)
        if _mismatch(market, prices, given) <= options.gap * bound:
            break
        caps = market.caps * share - (given.use * share - answer(part, prices).use)
    return found


def _mismatch(market: Market, prices: Floats, given: Answer) -> float:
    """Return what the difference between what is asked for and what is there is worth."""
    capped = market.bound_by
    return float(np.abs(prices[capped] * (market.caps[capped] - given.use[capped])).sum())


def refine_prices(
    market: Market, highest: Floats, found: Found, options: AllocationOptions
) -> Found:
    """Search on from prices that did not lead close enough to their bound, over all customers.

    Args:
        market: The problem.
        highest: Prices above which none is sought.
        found: Where the search ended.
        options: How the plan is found.

    Returns:
        The best prices of those seen.
    """
    again = lowest(market, market.caps, highest, found.prices, options.rounds,
                   options.gap / 2, found.plans)  # fmt: skip
    return again if again.bound < found.bound else replace(found, plans=again.plans)


def lower_highest(highest: Floats, caps: Floats, bound: float) -> Floats:
    """Lower the prices above which no best price lies: a cap is not worth more than the bound."""
    known = np.isfinite(caps) & (caps > 0)
    limits = np.divide(bound, caps, out=np.full(len(caps), np.inf), where=known)
    return np.asarray(np.minimum(highest, limits))


def lowest(
    market: Market,
    caps: Floats,
    highest: Floats,
    start: Floats,
    rounds: int,
    gap: float,
    plans: Plans,
) -> Found:
    """Find the prices with the smallest dual by cutting planes.

    Args:
        market: The problem; its own caps are not looked at.
        caps: Instead of them; infinite where there is none.
        highest: Prices above which none is sought.
        start: Prices to begin with.
        rounds: Evaluations at most.
        gap: Between the dual and what the cuts prove at which the search stops, share of the dual.
        plans: Seen before, for these or other caps; those seen now are added.

    Returns:
        The best prices found and their dual.
    """
    capped = np.isfinite(caps)
    best_prices, best, proposed, close = start, np.inf, start, False
    for left in range(rounds, 0, -1):
        given = answer(market, proposed)
        plans.add(proposed, given)
        value = given.left + float(proposed[capped] @ caps[capped])
        if value <= best:
            best_prices, best = proposed, value
        if close:
            break
        least, corner, _ = cheapest(plans, caps, lower_highest(highest, caps, best))
        # The last step goes all the way: only a corner gives a price of zero to a cap with room.
        close = best - least <= gap * abs(best) or left == _LAST
        proposed = corner if close else best_prices + _STEP * (corner - best_prices)
    return Found(best_prices, best, plans)


def cheapest(plans: Plans, caps: Floats, highest: Floats) -> tuple[float, Floats, Floats]:
    """Return where the cuts are lowest, and which mixture of the plans proves it.

    The linear program is scaled to numbers around one. Its multipliers mix the plans into one that
    keeps the caps (Dantzig and Wolfe, 1960), as far as the highest prices allow.

    Args:
        plans: The cuts.
        caps: Infinite where there is none.
        highest: Bounds of the prices.

    Returns:
        The lowest value, the prices there, and the weight of each plan.

    Raises:
        RuntimeError: If the linear program cannot be solved.
    """
    from scipy.optimize import linprog

    values = np.array([each.value for each in plans.answers])
    uses = np.array([each.use for each in plans.answers])
    moving = np.isfinite(caps) & (highest > 0)
    slopes = (caps[moving] - uses[:, moving]) * highest[moving]
    scale = np.abs(np.column_stack([values, slopes])).max(axis=1)
    scale[scale == 0] = 1.0
    unit = float((highest[moving] * caps[moving]).max(initial=0.0)) or 1.0
    solved = linprog(
        np.eye(1, 1 + slopes.shape[1])[0],
        A_ub=np.column_stack([np.full(len(values), -unit), slopes]) / scale[:, np.newaxis],
        b_ub=-values / scale,
        bounds=[(0, None), *[(0, 1)] * slopes.shape[1]],
        method="highs",
        options={
            "primal_feasibility_tolerance": _ACCURACY,
            "dual_feasibility_tolerance": _ACCURACY,
        },
    )
    if solved.x is None or solved.fun is None:
        raise RuntimeError(f"the linear program of the prices failed: {solved.message}")
    prices = np.zeros(len(caps))
    prices[moving] = np.maximum(solved.x[1:], 0.0) * highest[moving]
    weights = -np.asarray(solved.ineqlin.marginals) * unit / scale
    return float(solved.fun * unit), prices, weights

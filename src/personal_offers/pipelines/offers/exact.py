"""The best plan there is, for a problem of up to some thousands of customers.

A good plan and the bound at good prices decide most pairs of customer and option: a pair that the
bound shows to lead to nothing better is left out (Sinha and Zoltners, 1979). What stays open goes
to an integer program. Customers who are equal in everything are counted, not told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from personal_offers.pipelines.offers.dual import (
    BUDGET,
    NOTHING,
    Choice,
    Floats,
    Ints,
    Market,
)
from personal_offers.pipelines.offers.params import AllocationOptions
from personal_offers.pipelines.offers.repair import repair, spend, worth

if TYPE_CHECKING:
    from scipy import sparse

# Distance from the optimum at which the integer program may stop, share of the value.
_CLOSE = 1e-10
# The budget that the integer program sees, in its own units: it keeps caps to a millionth of one.
_FINE = 1e4
# Shares of the time limit for which the program is asked, one after the other until it proves a
# plan the best: a better plan leaves less open. Where rounding spent too much, it gets less money.
_ATTEMPTS = (0.1, 0.3, 0.6)
# What the solver of the integer program calls a problem without any plan.
_INFEASIBLE = 2


@dataclass(frozen=True)
class _Open:
    """Pairs that are not decided yet.

    Attributes:
        kind: Per pair: which kind of customer, of those with a pair.
        option: Per pair: which option.
        first: Per kind: row of its first customer.
        count: Per kind: number of customers, who stand together.
        nothing: Per kind: whether they may get nothing.
    """

    kind: Ints
    option: Ints
    first: Ints
    count: Ints
    nothing: NDArray[np.bool_]


def best_plan(
    market: Market, choice: Choice, prices: Floats, bound: float, options: AllocationOptions
) -> tuple[Choice, float] | None:
    """Return the best plan, and the bound that proves how good it is.

    Args:
        market: The problem; equal customers stand together.
        choice: A plan that keeps all caps.
        prices: Good prices, of the budget and of each channel.
        bound: That these prices prove.
        options: Time limit, after which the better of the two plans known stands; and the
            customers that an integer program may have.

    Returns:
        Per customer: option or nothing; and the smallest bound proven, at least the plan's value.
        None where more customers than that may still get something.
    """
    value, proven, money = worth(market, choice), bound, market.caps[BUDGET]
    for share in _ATTEMPTS:
        if proven - value <= _CLOSE * proven:
            break
        still = _still_open(market, prices, bound, value)
        if len(still.first) > options.exact_customers:
            return None
        counts, limit = _solve(market, still, money, value, options.seconds * share)
        if money == market.caps[BUDGET]:  # with less money it is another problem
            proven = min(proven, max(limit, value))
        if counts is None:
            continue
        found = _spread(len(choice), still, counts)
        if (over := spend(market, found) - market.caps[BUDGET]) > 0:
            money -= 2 * over
            found = repair(market, found, prices)
        if (reached := worth(market, found)) > value:
            choice, value = found, reached
    return choice, max(proven, value)


def _still_open(market: Market, prices: Floats, bound: float, value: float) -> _Open:
    """Leave out what the bound shows to lead to nothing better than a known value."""
    first, count = _kinds(market)
    rest = market.value[first] - prices[BUDGET] * market.cost[first]
    rest -= prices[market.channel + 1]
    best = np.maximum(rest.max(axis=1, initial=0.0), 0.0)
    # What the bound falls to when one customer has this pair, or nothing. Rounding is no reason.
    least = value - _CLOSE * bound
    keep = bound - best[:, np.newaxis] + rest >= least
    nothing = bound - best >= least
    _keep_order(market, first, count, rest, keep, nothing, bound - least)
    some = keep.any(axis=1)
    kind, option = np.nonzero(keep[some])
    return _Open(kind, option, first[some], count[some], nothing[some])


def _keep_order(
    market: Market,
    first: Ints,
    count: Ints,
    rest: Floats,
    keep: NDArray[np.bool_],
    nothing: NDArray[np.bool_],
    slack: float,
) -> None:
    """Decide on customers who differ only in value: whoever is worth more comes first.

    Some customers have one open pair each, all in one channel and at one cost. Some best plan then
    serves them from the top down. So to leave one out is to leave out all below, and to take one is
    to take all above: what that costs at the prices adds up, and is soon more than can be lost.

    Args:
        market: The problem.
        first: Per kind: row of its first customer.
        count: Per kind: number of customers.
        rest: Kinds x options: value less prices.
        keep: Kinds x options: which pairs are open; changed in place.
        nothing: Per kind: whether it may get nothing; changed in place.
        slack: What a plan that is better than the known one may lose at the prices.
    """
    kinds = np.flatnonzero(nothing & (keep.sum(axis=1) == 1))
    if not len(kinds):
        return
    option = keep[kinds].argmax(axis=1)
    channel, cost = market.channel[option], market.cost[first[kinds], option]
    order = np.lexsort((-rest[kinds, option], cost, channel))
    kinds, option, channel, cost = kinds[order], option[order], channel[order], cost[order]
    value, many = rest[kinds, option], count[kinds]
    starts = np.append(True, (np.diff(channel) != 0) | (np.diff(cost) != 0))
    group = np.cumsum(starts) - 1
    above = _sums_before(np.minimum(value, 0.0) * many, group) + np.minimum(value, 0.0)
    below = _sums_before((np.maximum(value, 0.0) * many)[::-1], group[::-1])[::-1]
    below = below + np.maximum(value, 0.0)
    keep[kinds, option] &= -above <= slack
    nothing[kinds] &= below <= slack


def _sums_before(values: Floats, group: Ints) -> Floats:
    """Return per place the sum of the values before it in its group; groups stand together."""
    sums = np.cumsum(values) - values
    start = np.append(True, np.diff(group) != 0)
    return np.asarray(sums - sums[np.flatnonzero(start)][np.cumsum(start) - 1])


def _kinds(market: Market) -> tuple[Ints, Ints]:
    """Return the first row of each run of equal customers, and how many they are."""
    differs = np.ones(len(market.value), dtype=bool)
    differs[1:] = (market.value[1:] != market.value[:-1]).any(axis=1)
    differs[1:] |= (market.cost[1:] != market.cost[:-1]).any(axis=1)
    first = np.flatnonzero(differs)
    return first, np.diff(np.append(first, len(differs)))


def _solve(
    market: Market, still: _Open, money: float, value: float, seconds: float
) -> tuple[Ints | None, float]:
    """Solve the integer program over the open pairs.

    Returns:
        How many customers of its kind take each pair, none where no plan was found; and the bound
        that the solver proves.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    if not len(still.kind):
        return None, value
    worths = market.value[still.first[still.kind], still.option]
    solved = milp(
        -worths * (_FINE / value),
        integrality=np.ones(len(worths), dtype=np.int8),
        bounds=Bounds(0, still.count[still.kind]),
        constraints=LinearConstraint(*_rows(market, still, money)),
        options={"time_limit": seconds, "mip_rel_gap": _CLOSE},
    )
    if solved.status == _INFEASIBLE:
        return None, value
    proven = np.inf
    if solved.mip_dual_bound is not None:
        proven = -solved.mip_dual_bound * value / _FINE
    counts = None if solved.x is None else np.rint(solved.x).astype(np.int64)
    return counts, proven


def _rows(market: Market, still: _Open, money: float) -> tuple[sparse.csc_array, Floats, Floats]:
    """Return the constraints: one option per customer, the budget, the channels."""
    from scipy import sparse

    pairs, kinds = np.arange(len(still.kind)), len(still.first)
    capped = market.bound_by.copy()
    limits = np.append(money, market.caps[1:])
    place = kinds - 1 + np.cumsum(capped)
    row, column, weight = [still.kind], [pairs], [np.ones(len(pairs))]
    if capped[BUDGET]:
        row.append(np.full(len(pairs), place[BUDGET]))
        column.append(pairs)
        weight.append(market.cost[still.first[still.kind], still.option] * (_FINE / money))
        limits[BUDGET] = _FINE
    of_channel = market.channel[still.option] + 1
    inside = pairs[capped[of_channel]]
    row.append(place[of_channel[inside]])
    column.append(inside)
    weight.append(np.ones(len(inside)))
    matrix = sparse.csc_array(
        (np.concatenate(weight), (np.concatenate(row), np.concatenate(column))),
        shape=(kinds + int(capped.sum()), len(pairs)),
    )
    upper = np.concatenate([still.count, limits[capped]])
    lower = np.concatenate([np.where(still.nothing, 0, still.count), np.zeros(capped.sum())])
    return matrix, lower, upper


def _spread(customers: int, still: _Open, counts: Ints) -> Choice:
    """Give the customers of each kind, one after the other, what was counted for the kind."""
    choice = np.full(customers, NOTHING, dtype=np.int16)
    counts = np.maximum(counts, 0)
    before = np.cumsum(counts) - counts
    # Pairs of a kind stand together, so their place in the kind is counted from its first pair.
    start = before[np.searchsorted(still.kind, still.kind)]
    rows = np.repeat(still.first[still.kind] + before - start, counts)
    rows += np.arange(len(rows)) - np.repeat(before, counts)
    choice[rows] = np.repeat(still.option, counts).astype(np.int16)
    return choice

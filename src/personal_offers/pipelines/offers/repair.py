"""From what customers take at some prices to a plan that keeps every cap and wastes little.

What is too much in a channel, then in the budget, is moved or dropped where that loses least; what
is left over is spent on the moves that gain most per unit of money. Near the best prices all these
moves lose and gain next to nothing, so that the plan comes close to the bound.
"""

from __future__ import annotations

import math

import numpy as np

from personal_offers.pipelines.offers.dual import (
    BUDGET,
    NOTHING,
    Choice,
    Floats,
    Ints,
    Market,
    answer,
)

# Passes in which money that is left over finds a use; most of it is gone after three.
_PASSES = 40
# Successive places of this sequence are spread evenly, whatever stretch of it is looked at.
_GOLDEN = (math.sqrt(5) - 1) / 2


def spend(market: Market, choice: Choice) -> float:
    """Return what a choice costs: the sum rounded once, so that no order of rows changes it."""
    return math.fsum(picked(market.cost, choice))


def worth(market: Market, choice: Choice) -> float:
    """Return the sum of the values of a choice, likewise rounded once."""
    return math.fsum(picked(market.value, choice))


def picked(table: Floats, choice: Choice) -> Floats:
    """Return the cells of a table (customers x options) that a choice takes, without the others."""
    rows = np.flatnonzero(choice != NOTHING)
    return table[rows, choice[rows]]


def mixture(market: Market, prices: list[Floats | None], weights: Floats) -> Choice:
    """Mix the plans that answer some prices, customer by customer.

    Most customers take the same in all of them. The others are dealt out by an evenly spread
    sequence, so that of equal customers, who stand together, each plan gets its share.

    Args:
        market: The problem.
        prices: Of each plan; none for sending nothing.
        weights: Of each plan.

    Returns:
        Per customer: option or nothing; caps are kept only nearly.
    """
    customers = len(market.value)
    place = np.arange(1, customers + 1) * _GOLDEN % 1.0
    upper = np.cumsum(weights / weights.sum())
    lower = np.append(0.0, upper[:-1])
    mixed = np.full(customers, NOTHING, dtype=np.int16)
    choice = np.empty(customers, dtype=np.int16)
    for plan in np.flatnonzero(weights > 0):
        own = prices[plan]
        if own is None:
            continue
        answer(market, own, choice)
        np.copyto(mixed, choice, where=(place >= lower[plan]) & (place < upper[plan]))
    return mixed


def repair(market: Market, choice: Choice, prices: Floats) -> Choice:
    """Return a plan that keeps every cap, made from one that may not.

    Args:
        market: The problem.
        choice: Per customer: option or nothing.
        prices: Of the budget and of each channel: what the moves are compared at.

    Returns:
        A choice of its own; the one given is left as it is.
    """
    choice = choice.copy()
    _empty_channels(market, choice, prices)
    _meet_budget(market, choice, prices)
    _fill(market, choice, prices)
    _meet_budget(market, choice, prices)  # where rounding in between made it too dear
    return choice


def _worth_of(market: Market, rows: Ints, choice: Choice, prices: Floats) -> tuple[Floats, Floats]:
    """Return value less price of channel, and cost, of what some customers have."""
    padded = np.append(prices[market.channel + 1], 0.0)
    option = choice[rows]
    has = option != NOTHING
    value = np.where(has, market.value[rows, option], 0.0) - padded[option]
    return value, np.where(has, market.cost[rows, option], 0.0)


def _empty_channels(market: Market, choice: Choice, prices: Floats) -> None:
    """Move or drop whom a channel cannot take, the cheapest to lose first.

    Channels are gone through once: nobody moves to one that was looked at before.
    """
    for channel in range(len(market.caps) - 1):
        options = np.flatnonzero(market.channel == channel)
        members = np.flatnonzero(np.isin(choice, options))
        if len(members) <= market.caps[channel + 1]:
            continue
        over = len(members) - int(market.caps[channel + 1])
        value, cost = _worth_of(market, members, choice, prices)
        best = np.zeros(len(members))
        other = np.full(len(members), NOTHING, dtype=np.int16)
        for option, where in enumerate(market.channel):
            if where > channel or (where < channel and np.isinf(market.caps[where + 1])):
                rest = market.value[members, option] - prices[where + 1]
                rest -= prices[BUDGET] * market.cost[members, option]
                better = rest > best
                best[better], other[better] = rest[better], option
        loss = value - prices[BUDGET] * cost - best
        leaving = np.argsort(loss, kind="stable")[:over]
        choice[members[leaving]] = other[leaving]


def _meet_budget(market: Market, choice: Choice, prices: Floats) -> None:
    """Make customers cheaper, or drop them, where the money saved costs the least value."""
    while (over := spend(market, choice) - market.caps[BUDGET]) > 0:
        rows = np.flatnonzero(choice != NOTHING)
        value, cost = _worth_of(market, rows, choice, prices)
        paid = cost > 0
        rows, value, cost = rows[paid], value[paid], cost[paid]
        loss, saving = value / cost, cost.copy()
        other = np.full(len(rows), NOTHING, dtype=np.int16)
        for option, channel in enumerate(market.channel):
            # A move within a channel, or to one without a cap, keeps the caps of all channels.
            mine = market.channel[choice[rows]] == channel
            saved = cost - market.cost[rows, option]
            may = (saved > 0) & (mine | np.isinf(market.caps[channel + 1]))
            rest = market.value[rows, option] - prices[channel + 1]
            ratio = np.divide(value - rest, saved, out=np.full(len(rows), np.inf), where=may)
            better = ratio < loss
            loss[better], saving[better], other[better] = ratio[better], saved[better], option
        order = np.argsort(loss, kind="stable")
        enough = int(np.searchsorted(np.cumsum(saving[order]), over)) + 1
        leaving = order[:enough]
        choice[rows[leaving]] = other[leaving]


def _fill(market: Market, choice: Choice, prices: Floats) -> None:
    """Spend what is left over on the moves that gain most per unit of money."""
    rows = np.arange(len(choice))
    money = market.caps[BUDGET] - spend(market, choice)
    for _ in range(_PASSES):
        room = market.caps[1:] - market.used(choice)
        rows, option, gain, extra = _best_moves(market, choice, prices, rows, money, room)
        if not len(rows):
            return
        with np.errstate(divide="ignore"):
            rate = np.where(extra > 0, gain / np.maximum(extra, 0.0), np.inf)
        order = np.lexsort((-gain, -rate))
        order = order[_have_room(market, choice[rows[order]], option[order], room)]
        fits = np.cumsum(extra[order]) > money
        taken = order[: int(np.argmax(fits)) if fits.any() else len(order)]
        choice[rows[taken]] = option[taken]
        money -= float(extra[taken].sum())


def _best_moves(
    market: Market, choice: Choice, prices: Floats, rows: Ints, money: float, room: Floats
) -> tuple[Ints, Choice, Floats, Floats]:
    """Return who gains by a move that fits, to which option, its gain and what more it costs."""
    now, cost = _worth_of(market, rows, choice, np.zeros_like(prices))
    held = np.append(market.channel, NOTHING)[choice[rows]]
    found = np.full(len(rows), NOTHING, dtype=np.int16)
    gain, extra = np.zeros(len(rows)), np.zeros(len(rows))
    best = np.full(len(rows), -np.inf)
    for option, channel in enumerate(market.channel):
        more = market.value[rows, option] - now
        dearer = market.cost[rows, option] - cost
        rest = more - prices[BUDGET] * dearer
        rest -= np.where(held == channel, 0.0, prices[channel + 1])
        better = (more > 0) & (dearer <= money) & (rest > best)
        better &= (held == channel) | (room[channel] >= 1)
        best[better], found[better] = rest[better], option
        gain[better], extra[better] = more[better], dearer[better]
    some = np.flatnonzero(found != NOTHING)
    return rows[some], found[some], gain[some], extra[some]


def _have_room(market: Market, before: Choice, after: Choice, room: Floats) -> Ints:
    """Return which moves, taken in their order, no channel is too full for."""
    old = np.append(market.channel, NOTHING)[before]
    new = market.channel[after]
    keep = np.ones(len(after), dtype=bool)
    for channel, free in enumerate(room):
        entering = np.flatnonzero((new == channel) & (old != channel))
        if len(entering) > free:
            keep[entering[int(free) :]] = False
    return np.flatnonzero(keep)

"""The plan: offers for everybody who may get one, then the control group and the exploration.

Offers are allocated over all customers under caps that are grossed up by the control share, and a
hash of seed and id then withholds that share, so that control and treated customers got their offer
by the same rule. Who will be withheld is known beforehand but not used for the choice; only where
the treated part would break a cap by chance is the whole problem tightened and solved again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from personal_offers.pipelines.offers.allocation import Allocation, allocate
from personal_offers.pipelines.offers.catalogue_params import OfferCatalogue
from personal_offers.pipelines.offers.dual import NOTHING
from personal_offers.pipelines.offers.experiment import in_group, lot_text
from personal_offers.pipelines.offers.pairs import (
    Booleans,
    Caps,
    Floats,
    Integers,
    Pairs,
    customers_of,
    problem_of,
    read_pairs,
)
from personal_offers.pipelines.offers.params import OfferOptions

# Names of the draws besides the control group's.
_EXPLORES, _EXPLORED = "explore", "explored_offer"
# Times that a problem is tightened before treated customers are dropped instead.
_TIGHTENINGS = 12
_LOT_DIGITS = 8


def allocate_offers(
    segments: ir.Table, offer_values: ir.Table, catalogue: OfferCatalogue, options: OfferOptions
) -> tuple[ir.Table, dict[str, Any]]:
    """Choose one offer or none for every customer, and withhold it from the control group.

    Args:
        segments: Grain: one customer.
        offer_values: Grain: customer and offer, with worth and gates.
        catalogue: Offers and their channels.
        options: Budget, capacities, control share, exploration, solver, seed.

    Returns:
        First, grain: one customer, ordered by id: customer_id, offer_if_treated (null for none),
        explored (drawn at random), in_control (by the hash, whether or not there is an offer to
        withhold), sent. Second, plain JSON: budget, capacity (channel: customers), control_share;
        allocated and treated (customers, spend, expected_net and customers per channel: of
        everybody with an offer, and of those who get it); bound, gap, method, next_unit_returns,
        next_customer_returns (channel: currency units) of the problem as it was solved; tightened
        (how often), dropped (treated customers who fit no more), explored (customers).
    """
    draws = _draws(segments, options)
    pairs = read_pairs(offer_values, len(draws.ids), catalogue)
    costs = pairs.numbers["expected_cost"]
    caps = Caps.of(options)
    explored = _explore(pairs, draws, caps.grossed(options.control.share), catalogue, options)
    found = _within_caps(pairs, explored, draws.control, caps, catalogue, options)
    given = np.where(found.dropped, NOTHING, found.choice)
    sent = (given != NOTHING) & ~draws.control
    is_explored = (explored != NOTHING) & ~found.dropped
    names = np.array([*catalogue.offers, None], dtype=object)
    table = {
        "customer_id": draws.ids,
        "offer_if_treated": names[given],
        "explored": is_explored,
        "in_control": draws.control,
        "sent": sent,
    }
    facts = {
        "budget": caps.budget,
        "capacity": dict(caps.capacity),
        "control_share": options.control.share,
        "allocated": tally(given, pairs.numbers["expected_net"], costs, catalogue),
        "treated": tally(
            np.where(sent, given, NOTHING), pairs.numbers["expected_net"], costs, catalogue
        ),
        **solution_facts(found.allocation, options),
        "tightened": found.tightened,
        "dropped": int(found.dropped.sum()),
        "explored": int(is_explored.sum()),
    }
    return ibis.memtable(_frame(table), schema=_SCHEMA), facts


_SCHEMA = {
    "customer_id": "string",
    "offer_if_treated": "string",
    "explored": "boolean",
    "in_control": "boolean",
    "sent": "boolean",
}


def _frame(table: dict[str, Any]) -> Any:
    import pandas as pd

    return pd.DataFrame(table).astype({"offer_if_treated": "str"})


@dataclass(frozen=True)
class _Draws:
    """Lots of all customers, in the order of their numbers.

    Attributes:
        ids: Customer ids, rising.
        control: Who gets nothing on purpose.
        explores: Who gets a random offer.
        lots: A whole number, evenly spread, that decides which one.
    """

    ids: NDArray[Any]
    control: Booleans
    explores: Booleans
    lots: Integers


def _draws(segments: ir.Table, options: OfferOptions) -> _Draws:
    """Draw all lots, each from the seed and the id alone."""
    ids = customers_of(segments)
    seed, name = options.seed, ids.customer_id
    table = ids.select(
        "customer_id",
        control=in_group(name, seed, options.control.share),
        explores=in_group(name, seed, options.exploration, _EXPLORES),
        lot=lot_text(name, seed, _EXPLORED)[:_LOT_DIGITS],
    )
    frame = table.order_by("customer_id").to_pandas()
    explores = frame["explores"].to_numpy(bool)
    lots = np.zeros(len(frame), dtype=np.int64)
    wanted = frame["lot"].to_numpy(object)[explores]
    if len(wanted):  # eight hex digits each, read at once
        digits = np.frombuffer(bytes.fromhex("".join(wanted)), dtype=">u4")
        lots[explores] = digits.astype(np.int64)
    return _Draws(
        frame["customer_id"].to_numpy(object), frame["control"].to_numpy(bool), explores, lots
    )


def _explore(
    pairs: Pairs, draws: _Draws, caps: Caps, catalogue: OfferCatalogue, options: OfferOptions
) -> Integers:
    """Give some customers a random one of the offers that may pay, within their part of the caps.

    Returns:
        Per customer: offer, or -1 for whoever is not explored.
    """
    choice = np.full(len(draws.ids), NOTHING, dtype=np.int64)
    if not draws.explores.any():
        return choice
    may_pay = pairs.free() & (pairs.numbers["expected_net_high"] > 0)
    asked = np.flatnonzero(draws.explores & may_pay.any(axis=1))
    # The lot counts off the offers that this customer may get, in the order of the catalogue.
    wanted = draws.lots[asked] % may_pay[asked].sum(axis=1)
    drawn = np.argmax(np.cumsum(may_pay[asked], axis=1) > wanted[:, None], axis=1)
    order = np.argsort(draws.lots[asked], kind="stable")
    asked, drawn = asked[order], drawn[order]
    for channel, cap in caps.capacity.items():
        if cap is not None:
            uses = np.isin(drawn, _offers_of(channel, catalogue))
            within = ~uses | (np.cumsum(uses) <= int(options.exploration * cap))
            asked, drawn = asked[within], drawn[within]
    if caps.budget is not None:  # after the channels: whoever they turn away spends nothing
        spent = np.cumsum(pairs.numbers["expected_cost"][asked, drawn])
        within = spent <= options.exploration * caps.budget
        asked, drawn = asked[within], drawn[within]
    choice[asked] = drawn
    return choice


def _offers_of(channel: str, catalogue: OfferCatalogue) -> list[int]:
    return [n for n, offer in enumerate(catalogue.offers.values()) if offer.channel == channel]


@dataclass(frozen=True)
class _Found:
    """The plan whose treated part keeps all caps."""

    choice: Integers
    dropped: Booleans
    allocation: Allocation
    tightened: int


def _within_caps(
    pairs: Pairs,
    explored: Integers,
    control: Booleans,
    caps: Caps,
    catalogue: OfferCatalogue,
    options: OfferOptions,
) -> _Found:
    """Allocate over everybody, tightened until those who are not withheld keep every cap."""
    costs = pairs.numbers["expected_cost"]
    is_explored = explored != NOTHING
    values = pairs.values(pairs.free() & ~is_explored[:, None])
    share = options.control.share
    rest = _left(caps.grossed(share), explored, costs, catalogue)
    tightened, allocation = 0, None
    while True:
        problem = problem_of(values, costs, catalogue, rest)
        start = allocation.prices if allocation else None
        allocation = allocate(problem, options.allocation, start)
        choice = np.where(is_explored, explored, allocation.choice)
        over = _excess(np.where(control, NOTHING, choice), costs, caps, catalogue)
        if not over.any() or tightened == _TIGHTENINGS:
            break
        rest, tightened = over.taken_from(rest, share), tightened + 1
    dropped = _drop(choice, control, pairs, caps, catalogue) if over.any() else control & False
    return _Found(choice, dropped, allocation, tightened)


def _left(caps: Caps, choice: Integers, costs: Floats, catalogue: OfferCatalogue) -> Caps:
    """Return what some choices leave of the caps."""
    used = use_of(choice, costs, catalogue)
    return Caps(
        None if caps.budget is None else max(caps.budget - used.spend, 0.0),
        {
            name: None if cap is None else max(cap - used.customers.get(name, 0), 0)
            for name, cap in caps.capacity.items()
        },
    )


@dataclass(frozen=True)
class Use:
    """What a plan uses of the caps.

    Attributes:
        spend: Currency units.
        customers: Channel: customers.
    """

    spend: float
    customers: dict[str, int]

    def any(self) -> bool:
        """Return whether anything is used at all."""
        return self.spend > 0 or any(self.customers.values())

    def taken_from(self, caps: Caps, share: float) -> Caps:
        """Return caps that are smaller by an excess of the treated, of whom a share is missing."""
        times = 1 / (1 - share)
        return Caps(
            None if caps.budget is None else max(caps.budget - self.spend * times, 0.0),
            {
                name: None if cap is None else max(cap - _upwards(self.customers[name] * times), 0)
                for name, cap in caps.capacity.items()
            },
        )


def _upwards(number: float) -> int:
    return int(np.ceil(number))


def use_of(choice: Integers, costs: Floats, catalogue: OfferCatalogue) -> Use:
    """Add up what a plan costs, and whom it reaches through each channel.

    Args:
        choice: Per customer: offer, or -1.
        costs: Customers x offers, currency units.
        catalogue: Channels of the offers.
    """
    given = np.flatnonzero(choice != NOTHING)
    spend = math.fsum(costs[given, choice[given]])  # as the solver adds up: no false excess
    channels = [offer.channel for offer in catalogue.offers.values()]
    counts = np.bincount(choice[given], minlength=len(channels))
    return Use(
        spend,
        {
            channel: int(sum(n for n, own in zip(counts, channels, strict=True) if own == channel))
            for channel in dict.fromkeys(channels)
        },
    )


def _excess(choice: Integers, costs: Floats, caps: Caps, catalogue: OfferCatalogue) -> Use:
    """Return by how much a plan is above the caps."""
    used = use_of(choice, costs, catalogue)
    return Use(
        0.0 if caps.budget is None else max(used.spend - caps.budget, 0.0),
        {
            name: 0 if cap is None else max(used.customers.get(name, 0) - cap, 0)
            for name, cap in caps.capacity.items()
        },
    )


def _drop(
    choice: Integers, control: Booleans, pairs: Pairs, caps: Caps, catalogue: OfferCatalogue
) -> Booleans:
    """Choose treated customers, least valuable first, without whom every cap is kept."""
    costs = pairs.numbers["expected_cost"]
    treated = np.flatnonzero((choice != NOTHING) & ~control)
    worth = pairs.numbers["expected_net"][treated, choice[treated]]
    kept = treated[np.argsort(-worth, kind="stable")]
    for channel, cap in caps.capacity.items():
        if cap is not None:
            uses = np.isin(choice[kept], _offers_of(channel, catalogue))
            kept = kept[~uses | (np.cumsum(uses) <= cap)]
    if caps.budget is not None:
        kept = kept[np.cumsum(costs[kept, choice[kept]]) <= caps.budget]
    dropped = np.full(len(choice), False)
    dropped[treated] = True
    dropped[kept] = False
    return dropped


def tally(
    choice: Integers, values: Floats, costs: Floats, catalogue: OfferCatalogue
) -> dict[str, Any]:
    """Add up a plan: customers, spend, expected_net, and customers per channel."""
    given = np.flatnonzero(choice != NOTHING)
    use = use_of(choice, costs, catalogue)
    return {
        "customers": len(given),
        "spend": use.spend,
        "expected_net": float(values[given, choice[given]].sum()),
        "channels": use.customers,
    }


def solution_facts(allocation: Allocation, options: OfferOptions) -> dict[str, Any]:
    """Say how good an allocation is, and what the next unit of each cap returns."""
    prices = zip(options.channels, allocation.price_of_channel, strict=True)
    return {
        "bound": allocation.bound,
        "gap": allocation.gap,
        "method": allocation.method,
        "next_unit_returns": allocation.price_of_budget,
        "next_customer_returns": dict(prices),
    }

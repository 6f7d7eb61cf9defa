"""Customers x offers as arrays: what the solver and the trials look at.

Up to the worth of each pair everything is a lazy table; choosing one offer per customer under
common caps is a problem of arrays, because every choice depends on all others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from personal_offers.pipelines.offers.allocation import Problem
from personal_offers.pipelines.offers.catalogue_params import OfferCatalogue
from personal_offers.pipelines.offers.params import OfferOptions
from personal_offers.pipelines.offers.values import GATES

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class Pairs:
    """Pairs of customer and offer.

    Attributes:
        offers: Names, in the order of the catalogue.
        numbers: Column of the offer values: customers x offers, nan where there is no such pair.
        fails: Gate: customers x offers, true where the pair exists and fails it.
    """

    offers: tuple[str, ...]
    numbers: Mapping[str, Floats]
    fails: Mapping[str, Booleans]

    @property
    def exists(self) -> Booleans:
        """Which customer may have which offer by the catalogue."""
        found: Booleans = ~np.isnan(self.numbers["expected_net"])
        return found

    def free(self, without: str | None = None) -> Booleans:
        """Say which pairs pass all gates, or all but one.

        Args:
            without: Gate that is not looked at.
        """
        free = self.exists
        for gate, failed in self.fails.items():
            if gate != without:
                free = free & ~failed
        return free

    def values(self, free: Booleans) -> Floats:
        """Return the expected net of free pairs, minus infinity elsewhere, column by column."""
        return np.asfortranarray(np.where(free, self.numbers["expected_net"], -np.inf))


def read_pairs(
    offer_values: ir.Table,
    customers: int,
    catalogue: OfferCatalogue,
    columns: Sequence[str] = ("expected_net", "expected_net_high", "expected_cost"),
) -> Pairs:
    """Lay the offer values out as arrays.

    Args:
        offer_values: Grain: customer and offer.
        customers: How many customers the shop has; their numbers are below that.
        catalogue: Offers and their order.
        columns: Numbers that are wanted.

    Returns:
        Arrays of customers x offers.
    """
    offers = tuple(catalogue.offers)
    place = offer_values.offer.cases(*((name, number) for number, name in enumerate(offers)))
    flags = list(GATES.values())
    wanted = offer_values.select("customer_number", *columns, *flags, place=place)
    rows = wanted.to_pyarrow()
    at = (rows["customer_number"].to_numpy(), rows["place"].to_numpy())

    def laid_out(name: str, empty: float | bool) -> NDArray[np.generic]:
        table = np.full((customers, len(offers)), empty, order="F")
        table[at] = rows[name].to_numpy()
        return table

    return Pairs(
        offers,
        {name: np.asarray(laid_out(name, np.nan), dtype=np.float64) for name in columns},
        {gate: np.asarray(laid_out(flag, False), dtype=bool) for gate, flag in GATES.items()},
    )


# 20 / (1 - 0.2) is 25, whatever floating point makes of it.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Caps:
    """What a plan must keep within.

    Attributes:
        budget: Currency units; none: no limit.
        capacity: Channel: customers; none: any number.
    """

    budget: float | None
    capacity: Mapping[str, int | None]

    @classmethod
    def of(cls, options: OfferOptions) -> Caps:
        """Return the caps that the parameters state."""
        return cls(options.budget, {name: c.capacity for name, c in options.channels.items()})

    def grossed(self, share: float) -> Caps:
        """Return caps for everybody, of whom a share will get nothing and cost nothing."""
        return Caps(
            None if self.budget is None else self.budget / (1 - share),
            {
                name: None if cap is None else int(cap / (1 - share) + _ROUNDING)
                for name, cap in self.capacity.items()
            },
        )

    def of_sample(self, share: float) -> Caps:
        """Return caps for a sample of the customers."""
        return Caps(
            None if self.budget is None else self.budget * share,
            {
                name: None if cap is None else round(cap * share)
                for name, cap in self.capacity.items()
            },
        )

    def with_budget(self, budget: float | None) -> Caps:
        """Return the same capacities with another budget."""
        return Caps(budget, self.capacity)


def problem_of(values: Floats, costs: Floats, catalogue: OfferCatalogue, caps: Caps) -> Problem:
    """Put values and costs under caps.

    Args:
        values: Expected net, customers x offers; minus infinity where an offer may not be had.
        costs: Expected cost, customers x offers; nan counts as nothing.
        catalogue: Channel of each offer.
        caps: Budget and capacities.
    """
    channels = list(caps.capacity)
    return Problem(
        value=values,
        cost=np.asfortranarray(np.nan_to_num(costs)),
        channel=np.array([channels.index(o.channel) for o in catalogue.offers.values()]),
        budget=caps.budget,
        capacity=tuple(caps.capacity.values()),
    )


def customers_of(segments: ir.Table) -> ir.Table:
    """Return the customers in the order of their numbers: by id."""
    return segments.select("customer_id").order_by("customer_id")


def count(table: ir.Table) -> int:
    """Return how many rows a table has."""
    return int(table.count().to_pyarrow().as_py())

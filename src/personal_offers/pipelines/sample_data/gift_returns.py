"""Returns of the gift shop: of known purchases, of unknown ones, whole and in part."""

from __future__ import annotations

import numpy as np
import pandas as pd

from personal_offers.pipelines.sample_data.gift_customers import HOME, times_on
from personal_offers.pipelines.sample_data.order_lines import (
    Calendar,
    Integers,
    Marks,
    draw,
    draw_distinct,
    position_within,
)
from personal_offers.pipelines.sample_data.params import GiftShopSample

RETURN = "C"
# Trading days until something comes back.
MEAN_WAIT = 18.0
# Chance that one more line of the order comes back with the first.
ONE_MORE = 0.5
NOBODY = -1
# Units that take a customer of one small order below zero.
MINUS_UNITS = 300
SMALL_ORDER = 4
# Shares of the period: purchases before them leave time for the return.
LONG_BEFORE_THE_END = 0.7
BEFORE_THE_END = 0.97


def draw_returns(
    rng: np.random.Generator,
    sales: pd.DataFrame,
    products: pd.DataFrame,
    calendar: Calendar,
    options: GiftShopSample,
) -> pd.DataFrame:
    """Draw everything that comes back, besides charges.

    Args:
        rng: Source of the draws.
        sales: Grain: order line of a known customer (gift_shop).
        products: Grain: product (gift_assortment).
        calendar: Trading days of the shop.
        options: How many lines come back, and how.

    Returns:
        Grain: line of a return, in the form of ``sales``; quantities are negative.
    """
    spared = _single_orders(sales, options)
    whole, small = np.split(
        rng.choice(
            spared, options.returns.whole_customers + options.returns.minus_customers, replace=False
        ),
        [options.returns.whole_customers],
    )
    back = sales[sales["customer"].isin(whole)]
    usual = sales[~sales["customer"].isin(np.concatenate([whole, small]))]
    parts = [
        _come_back(rng, back, -back["quantity"].to_numpy(), calendar, options),
        _matched(rng, usual, calendar, options),
        _unmatched(rng, sales, small, products, calendar, options),
    ]
    numbered = [part.assign(source=f"return_{n}") for n, part in enumerate(parts)]
    return pd.concat(numbered, ignore_index=True)


def _single_orders(sales: pd.DataFrame, options: GiftShopSample) -> Integers:
    """Return the customers with one small order, long enough before the end."""
    per = sales.groupby("customer").agg(
        orders=("order", "nunique"),
        lines=("order", "size"),
        progress=("progress", "max"),
        wholesaler=("wholesaler", "max"),
    )
    chosen = per[
        (per["orders"] == 1)
        & (per["lines"] <= SMALL_ORDER)
        & (per["progress"] < LONG_BEFORE_THE_END)
        & ~per["wholesaler"]
    ]
    return chosen.index.to_numpy(dtype=np.int64)


def _matched(
    rng: np.random.Generator, sales: pd.DataFrame, calendar: Calendar, options: GiftShopSample
) -> pd.DataFrame:
    """Choose purchases that come back, some whole and some in part."""
    wanted = options.returns
    orders, sizes = np.unique(sales["order"].to_numpy(), return_counts=True)
    late = sales.groupby("order")["progress"].first().to_numpy()
    chosen = draw_distinct(rng, sizes * (late < BEFORE_THE_END), wanted.orders)
    taken = np.minimum(sizes[chosen], rng.geometric(1 - ONE_MORE, wanted.orders))
    limit = pd.Series(taken, index=orders[chosen])
    mixed = sales[sales["order"].isin(limit.index)].sample(frac=1, random_state=rng)
    back = mixed[position_within(mixed["order"]) < limit.loc[mixed["order"]].to_numpy()]
    bought = back["quantity"].to_numpy()
    several = bought > 1
    part = several & (rng.random(bought.size) >= _whole_among(several, wanted.whole_share))
    # Parts are small: somebody sends back what was broken.
    share = rng.random(bought.size) ** 2
    units = np.where(part, 1 + np.floor(share * (bought - 1)).astype(np.int64), bought)
    return _come_back(rng, back, -units, calendar, options)


def _whole_among(several: Marks, share: float) -> float:
    """Return the share of lines of several units that must come back whole."""
    single = 1 - float(several.mean())
    return max(0.0, (share - single) / max(1 - single, 1e-9))


def _come_back(
    rng: np.random.Generator,
    lines: pd.DataFrame,
    quantity: Integers,
    calendar: Calendar,
    options: GiftShopSample,
) -> pd.DataFrame:
    """Turn purchases into returns after a wait, all lines of an order together."""
    orders, of = np.unique(lines["order"].to_numpy(), return_inverse=True)
    bought = lines.groupby("order")["day"].first().loc[orders].to_numpy()
    start = calendar.clock[bought + 1]
    wait = rng.exponential(MEAN_WAIT, orders.size)
    # Whatever would come after the end of the records comes sooner.
    room = calendar.length - start
    wait = np.where(wait < room, wait, room * rng.random(orders.size))
    day = np.maximum(calendar.day_at(start + wait), np.minimum(bought + 1, calendar.days.size - 1))
    at = times_on(rng, calendar, day, options)
    return lines.assign(
        kind=RETURN,
        quantity=quantity,
        day=day[of],
        at=at[of],
        progress=(day / calendar.days.size)[of],
    )


def _unmatched(
    rng: np.random.Generator,
    sales: pd.DataFrame,
    small: Integers,
    products: pd.DataFrame,
    calendar: Calendar,
    options: GiftShopSample,
) -> pd.DataFrame:
    """Return what was bought before the records begin, or by nobody that they know."""
    wanted = options.returns
    only = options.buyers + 1 + np.arange(wanted.only_customers)
    known = rng.choice(sales["customer"].unique(), wanted.unmatched_orders, replace=False)
    nobody = np.full(wanted.unknown_orders, NOBODY)
    customer = np.concatenate([only, small, known, nobody])
    country = sales.groupby("customer")["country"].first().reindex(customer, fill_value=HOME)
    day = draw(rng, 1 / (np.arange(calendar.days.size) + 15.0), customer.size)
    order = np.repeat(np.arange(customer.size), rng.geometric(0.55, customer.size))
    product = draw(rng, products["weight"], order.size)
    minus = np.isin(customer[order], small)
    quantity = np.where(minus, MINUS_UNITS, rng.choice([1, 2, 3, 4, 6, 12], order.size))
    at = times_on(rng, calendar, day, options)
    lines = pd.DataFrame(
        {
            "order": order,
            "customer": customer[order],
            "country": country.to_numpy()[order],
            "day": day[order],
            "at": at[order],
            "progress": (day / calendar.days.size)[order],
            "product": product,
            "quantity": -quantity,
            "mills": products["mills"].to_numpy()[product],
            "kind": RETURN,
        }
    )
    return lines.drop_duplicates(["order", "product"])


def draw_huge_orders(
    rng: np.random.Generator,
    sales: pd.DataFrame,
    products: pd.DataFrame,
    calendar: Calendar,
    options: GiftShopSample,
) -> pd.DataFrame:
    """Add the huge orders that were cancelled within minutes.

    The first is the only purchase of its customer; the others are made by frequent ones.

    Args:
        rng: Source of the draws.
        sales: Grain: order line of a known customer.
        products: Grain: product (gift_assortment).
        calendar: Trading days of the shop.
        options: The orders: day, units, minutes until the cancellation.

    Returns:
        Grain: line, two per huge order: the sale and its cancellation.
    """
    huge = options.huge_orders
    frequent = sales.groupby("customer")["order"].nunique().sort_values(ascending=False).index
    customer = [options.buyers, *frequent[5 : 4 + len(huge)]]
    days = np.array([order.at for order in huge], dtype="datetime64[m]")
    day = np.searchsorted(calendar.days, days.astype("datetime64[D]"))
    # Cheap things: of dear ones nobody orders thousands.
    cheap = np.flatnonzero(products["mills"].between(850, 2_100))
    product = rng.choice(cheap, len(huge), replace=False)
    sale = pd.DataFrame(
        {
            "order": np.arange(len(huge)),
            "customer": customer,
            "country": HOME,
            "day": day,
            "at": days.astype("datetime64[s]"),
            "progress": day / calendar.days.size,
            "product": product,
            "quantity": [order.units for order in huge],
            "mills": products["bulk_mills"].to_numpy()[product],
            "kind": "",
            "source": "huge",
        }
    )
    minutes = pd.to_timedelta([order.minutes for order in huge], unit="min")
    back = sale.assign(
        quantity=-sale["quantity"], at=sale["at"] + minutes, kind=RETURN, source="huge_return"
    )
    return pd.concat([sale, back], ignore_index=True)

"""Who orders at the home goods shop, when and what: the organic part, before any copying."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from personal_offers.pipelines.sample_data.order_lines import (
    Calendar,
    Floats,
    Integers,
    Times,
    draw,
    make_calendar,
    popularity,
    position_within,
    share_out,
)
from personal_offers.pipelines.sample_data.params import HomeChannel, HomeGoodsSample

# How busy a day is, from January to December: seedlings sell in spring.
MONTH_PACE = {
    "seedlings": (5, 19, 29, 65, 78, 34, 23, 10, 8, 11, 12, 3),
    "goods": (166, 271, 221, 204, 108, 132, 176, 166, 175, 209, 193, 283),
}
WEEKDAY_PACE = (528, 529, 473, 473, 396, 277, 382)
HOUR_WEIGHTS = (
    *(45, 18, 14, 10, 18, 23, 38, 77, 165, 229, 243, 261),
    *(238, 247, 226, 221, 185, 184, 138, 164, 143, 171, 135, 65),
)
HOUR = np.timedelta64(1, "h")
DAY = np.timedelta64(24, "h")
# Waiting hours: whoever orders again often does so at once, else after some days.
AT_ONCE = 0.3
NEXT_ORDER = (4.25, 1.8)
SHARED_ORDER = (3.9, 1.2)
# Baskets: few orders of goods hold more than one line, seedlings are bought by the dozen.
LONG_BASKETS = {"seedlings": 0.9, "goods": 0.066}
BASKET_SPREAD = 1.0
SHARED_BASKETS = (1, 1, 1, 2, 1, 1, 3)
POPULARITY_STEEPNESS = {"seedlings": 0.5, "goods": 0.85}
SWAPS = 50


def hours_of(moments: list[datetime]) -> Times:
    """Write moments as whole hours."""
    return np.array(moments, dtype="datetime64[h]")


def after(starts: Times, hours: Integers) -> Times:
    """Return the date-hours that come so many hours after others."""
    found: Times = np.add(starts, hours.astype("timedelta64[h]"))
    return found


def draw_channel(
    rng: np.random.Generator, name: str, products: Integers, options: HomeGoodsSample
) -> pd.DataFrame:
    """Draw the order lines of one channel.

    Args:
        rng: Source of the draws.
        name: ``seedlings`` or ``goods``.
        products: Products that it sells, each at least once.
        options: Customers, orders and lines of each channel.

    Returns:
        Grain: order line per customer, no product twice in an order: customer and order
        (numbers within the channel), hour, product, orders (of the customer), heavy (whether
        the account is), host (the number of a basket that was logged again many times, or -1),
        shared (whether several customers have the order).
    """
    channel: HomeChannel = getattr(options, name)
    calendar = make_calendar(
        options.first_at.date(),
        options.break_at.date(),
        options.missing_days,
        MONTH_PACE[name],
        WEEKDAY_PACE,
    )
    pairs = _share_orders(rng, _draw_pairs(rng, name, calendar, options), channel, options)
    pairs = _reserve_hosts(rng, pairs, name, options)
    orders = pairs.groupby("order", as_index=False).agg(
        customers=("customer", "size"), host=("host", "max")
    )
    sizes = _basket_sizes(rng, orders, name, options)
    order = np.repeat(orders["order"].to_numpy(), sizes)
    lines = pd.DataFrame({"order": order, "product": _deal(rng, order, products, name)})
    return pairs.merge(lines, on="order")


def _draw_pairs(
    rng: np.random.Generator, name: str, calendar: Calendar, options: HomeGoodsSample
) -> pd.DataFrame:
    """Draw who orders when: grain customer and order, numbered alike."""
    channel: HomeChannel = getattr(options, name)
    usual = np.repeat(list(channel.orders_per_customer), list(channel.orders_per_customer.values()))
    heavy = channel.heavy_accounts
    counts = np.concatenate([rng.permutation(usual), [account.orders for account in heavy]])
    customer = np.repeat(np.arange(counts.size), counts.astype(np.int64))
    starts = _hours_in(rng, calendar, rng.uniform(0, calendar.length, counts.size), options)
    gaps = np.rint(rng.lognormal(*NEXT_ORDER, customer.size)).astype(np.int64)
    gaps[rng.random(customer.size) < AT_ONCE] = 0
    number = position_within(pd.Series(customer))
    gaps[number == 0] = 0
    since = pd.Series(gaps).groupby(customer).cumsum().to_numpy()
    hour = keep_open(after(starts[customer], since), starts[customer], options)
    for place, account in enumerate(heavy):
        rows = customer == usual.size + place
        first, last = hours_of([account.first_at, account.last_at])
        spread = np.sort(rng.integers(0, int((last - first) / HOUR) + 1, account.orders))
        spread[[0, -1]] = 0, int((last - first) / HOUR)
        hour[rows] = keep_open(after(first, spread), np.full(account.orders, first), options)
    return pd.DataFrame(
        {
            "customer": customer,
            "order": np.arange(customer.size),
            "hour": hour,
            "orders": counts[customer].astype(np.int64),
            "heavy": customer >= usual.size,
        }
    )


def _hours_in(
    rng: np.random.Generator, calendar: Calendar, moments: Floats, options: HomeGoodsSample
) -> Times:
    """Turn trading time into date-hours before the break."""
    day = calendar.day_at(moments)
    hour = draw(rng, HOUR_WEIGHTS, day.size)
    latest = options.break_at.hour - 1
    hour = np.where(day == calendar.days.size - 1, np.minimum(hour, latest), hour)
    return after(calendar.days[day].astype("datetime64[h]"), hour)


def keep_open(hours: Times, otherwise: Times, options: HomeGoodsSample) -> Times:
    """Move what falls on a day without trade to the next day, and what is too late back.

    Args:
        hours: Date-hours.
        otherwise: Date-hours to take where one is not before the break.
        options: Days without trade, and the break.

    Returns:
        Date-hours on trading days before the break.
    """
    missing = np.array(options.missing_days, dtype="datetime64[D]")
    hours = np.where(np.isin(hours.astype("datetime64[D]"), missing), hours + DAY, hours)
    return np.where(hours < hours_of([options.break_at])[0], hours, otherwise)


def open_hours(first: np.datetime64, last: np.datetime64, options: HomeGoodsSample) -> Times:
    """Return the date-hours between two others, without days without trade."""
    hours = np.arange(first + HOUR, last)
    missing = np.array(options.missing_days, dtype="datetime64[D]")
    return hours[~np.isin(hours.astype("datetime64[D]"), missing)]


def _share_orders(
    rng: np.random.Generator, pairs: pd.DataFrame, channel: HomeChannel, options: HomeGoodsSample
) -> pd.DataFrame:
    """Let some orders have several customers, who order one after the other."""
    sizes = np.repeat(list(channel.shared_orders), list(channel.shared_orders.values()))
    once = pairs.index[pairs["orders"] == 1]
    again = pairs[(pairs["orders"] > 1) & ~pairs["heavy"]].drop_duplicates("customer").index
    others = int(sizes.sum()) - channel.shared_only_customers
    chosen = np.concatenate(
        [
            rng.choice(once, channel.shared_only_customers, replace=False),
            rng.choice(again, others, replace=False),
        ]
    )
    chosen = rng.permutation(chosen)
    group = np.repeat(np.arange(sizes.size), sizes)
    first = chosen[np.cumsum(sizes) - sizes][group]
    hour = pairs["hour"].to_numpy().astype("datetime64[h]")
    gap = np.rint(rng.lognormal(*SHARED_ORDER, chosen.size)).astype(np.int64) + 1
    later = keep_open(after(hour[first], gap), hour[first], options)
    hour[chosen] = np.where(chosen == first, hour[chosen], later)
    order = pairs["order"].to_numpy().copy()
    order[chosen] = order[first]
    shared = np.isin(np.arange(len(pairs)), chosen)
    return pairs.assign(hour=hour, order=order, shared=shared)


def _reserve_hosts(
    rng: np.random.Generator, pairs: pd.DataFrame, name: str, options: HomeGoodsSample
) -> pd.DataFrame:
    """Choose the orders that will be logged again many times, and set their first hour."""
    numbers = [n for n, again in enumerate(options.logged_again) if again.channel == name]
    free = pairs.index[(pairs["orders"] == 1) & ~pairs["shared"]]
    rows = rng.choice(free, len(numbers), replace=False)
    host = np.full(len(pairs), -1)
    host[rows] = numbers
    hour = pairs["hour"].to_numpy().astype("datetime64[h]")
    hour[rows] = hours_of([options.logged_again[n].first_at for n in numbers])
    return pairs.assign(host=host, hour=hour)


def _basket_sizes(
    rng: np.random.Generator, orders: pd.DataFrame, name: str, options: HomeGoodsSample
) -> Integers:
    """Draw how many lines each order has, so that the channel has its lines in all."""
    channel: HomeChannel = getattr(options, name)
    sizes = np.ones(len(orders), dtype=np.int64)
    shared = np.flatnonzero(orders["customers"] > 1)
    sizes[shared] = np.resize(SHARED_BASKETS, shared.size)
    hosts = np.flatnonzero(orders["host"] >= 0)
    sizes[hosts] = [options.logged_again[n].products for n in orders["host"].iloc[hosts]]
    free = np.setdiff1d(np.arange(len(orders)), np.concatenate([shared, hosts]))
    used = int((sizes * orders["customers"].to_numpy()).sum()) - free.size
    long = rng.random(free.size) < LONG_BASKETS[name]
    weights = np.where(long, rng.lognormal(0, BASKET_SPREAD, free.size), 0.0)
    sizes[free] = share_out(weights, channel.lines - used, at_least=1)
    return sizes


def _deal(rng: np.random.Generator, order: Integers, products: Integers, name: str) -> Integers:
    """Deal products to baskets: each at least once, popular ones often, none twice in one."""
    copies = share_out(popularity(products.size, POPULARITY_STEEPNESS[name]), order.size, 1)
    dealt = np.repeat(rng.permutation(products), copies)
    # First lines of all baskets, then second ones: neighbours are in different baskets.
    slots = np.lexsort((rng.random(order.size), position_within(pd.Series(order))))
    product = np.empty(order.size, dtype=np.int64)
    product[slots] = dealt
    for _ in range(SWAPS):
        twice = pd.DataFrame({"order": order, "product": product}).duplicated().to_numpy()
        if not twice.any():
            break
        rows = np.flatnonzero(twice)
        others = rng.choice(np.flatnonzero(~twice), rows.size, replace=False)
        product[np.concatenate([rows, others])] = product[np.concatenate([others, rows])]
    return product

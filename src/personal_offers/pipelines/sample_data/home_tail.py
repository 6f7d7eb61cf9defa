"""The last lines of the home goods file, which no customer produced.

In the real file the lines after the break look like orders and are not: customers with a single
earlier line come back in exactly the order in which they first appeared, each with one line,
under order ids of another form, for other things at earlier or averaged prices.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from personal_offers.pipelines.sample_data.home_orders import DAY, HOUR_WEIGHTS, after, hours_of
from personal_offers.pipelines.sample_data.order_lines import (
    Floats,
    Integers,
    Times,
    draw,
    share_out,
)
from personal_offers.pipelines.sample_data.params import HomeGoodsSample

# Tail lines per day grow a little from month to month.
DAILY_GROWTH = 0.002
TWO_UNITS = 0.095
# Cheap things stand in the tail far more often than in the orders before it.
PRICE_AVERSION = 0.4
AVERAGE_DIGITS = 6


def make_tail(
    rng: np.random.Generator, lines: pd.DataFrame, options: HomeGoodsSample
) -> pd.DataFrame:
    """Make the lines after the break.

    Args:
        rng: Source of the draws.
        lines: Grain: raw line before the break, in the order of the file: customer, hour,
            product, price.
        options: Number of lines, of averaged prices and of repeated products.

    Returns:
        Grain: line, one per customer and order, in the order of the file: customer, order_id,
        hour, product, quantity, price (float).
    """
    size = options.tail.orders
    hour = _hours(rng, options)
    once = ~lines["customer"].duplicated(keep=False)
    usable = lines[once & ~lines["largest"]]
    seen = usable.iloc[_returning(rng, usable, hour, options)]
    product, price = _products(rng, lines, seen, options)
    steps = rng.choice(options.tail.order_id_range, size, replace=False)
    return pd.DataFrame(
        {
            "customer": seen["customer"].to_numpy(),
            "order_id": options.tail.first_order_id + steps,
            "hour": hour,
            "product": product,
            "quantity": 1 + (rng.random(size) < TWO_UNITS).astype(np.int64),
            "price": price,
        }
    )


def _returning(
    rng: np.random.Generator, usable: pd.DataFrame, hour: Times, options: HomeGoodsSample
) -> Integers:
    """Choose rows of customers who come back, in the order in which they first appeared."""
    first = usable["hour"].to_numpy().astype("datetime64[h]")
    late = np.searchsorted(first, hour - options.tail.shortest_gap_days * DAY, side="right") - 1
    chosen = np.sort(rng.choice(int(late[-1]) + 1, hour.size, replace=False))
    # Whoever would come back too soon makes room for somebody seen earlier: rows minus their
    # number stay in order, so no row is taken twice.
    number = np.arange(hour.size)
    earlier = np.minimum.accumulate((np.minimum(chosen, late) - number)[::-1])[::-1]
    return (earlier + number).astype(np.int64)


def _hours(rng: np.random.Generator, options: HomeGoodsSample) -> Times:
    """Draw sorted date-hours that cover every day from the break to the end."""
    first, last = hours_of([options.break_at, options.last_at])
    days = np.arange(first.astype("datetime64[D]"), last.astype("datetime64[D]") + 1)
    pace = 1 + DAILY_GROWTH * np.arange(days.size)
    # The first and the last day are not whole ones.
    pace[[0, -1]] *= 0.4
    counts = share_out(pace * rng.gamma(9, 1 / 9, days.size), options.tail.orders, at_least=1)
    of_day = draw(rng, HOUR_WEIGHTS, options.tail.orders)
    hour = after(np.repeat(days, counts).astype("datetime64[h]"), of_day)
    hour = np.sort(np.clip(hour, first, last))
    hour[[0, -1]] = first, last
    return hour


def _products(
    rng: np.random.Generator, lines: pd.DataFrame, seen: pd.DataFrame, options: HomeGoodsSample
) -> tuple[Integers, Floats]:
    """Draw products and prices: earlier ones, in some lines the average of earlier ones."""
    size, tail = options.tail.orders, options.tail
    prices = lines[~lines["largest"]][["product", "price"]].drop_duplicates()
    by_product = prices.groupby("product")["price"].agg(["mean", "min", "count"])
    weights = by_product["min"].to_numpy(dtype=np.float64) ** -PRICE_AVERSION
    product = by_product.index.to_numpy()[draw(rng, weights, size)]
    rows = rng.permutation(size)
    averaged, again = rows[: tail.averaged_prices], rows[-tail.repeated_products :]
    broken = by_product[by_product["mean"] % 1 > 0]
    product[averaged] = rng.choice(broken.index, averaged.size)
    product[again] = seen["product"].to_numpy()[again]
    price = by_product["min"].loc[product].to_numpy(dtype=np.float64)
    price[averaged] = by_product["mean"].loc[product[averaged]].round(AVERAGE_DIGITS)
    return product.astype(np.int64), price

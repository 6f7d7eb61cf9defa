"""Synthetic raw file shaped like that of the shop «Пока все ещё тут».

Customers order first (home_orders), their baskets are logged again (home_copies), and after the
break come lines that nobody ordered (home_tail). Ids, names and prices are invented; no row of
the real file is used.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from personal_offers.pipelines.sample_data.home_assortment import make_assortment
from personal_offers.pipelines.sample_data.home_copies import log_again
from personal_offers.pipelines.sample_data.home_orders import (
    draw_channel,
    hours_of,
)
from personal_offers.pipelines.sample_data.home_prices import set_prices
from personal_offers.pipelines.sample_data.home_tail import make_tail
from personal_offers.pipelines.sample_data.order_lines import random_ids
from personal_offers.pipelines.sample_data.params import HomeChannel, HomeGoodsSample

CHANNELS = ("goods", "seedlings")
# Order ids follow time with a little disorder.
ID_DISORDER_HOURS = 20


def generate_home_goods(options: HomeGoodsSample) -> pd.DataFrame:
    """Generate the raw order lines of the home goods shop.

    Args:
        options: Size, seed and quirks of the sample.

    Returns:
        Grain: logged line, sorted by date, every cell already formatted as in the raw file:
        date (YYYYMMDDHH, local time), customer_id, order_id, product, quantity, price
        (roubles).
    """
    rng = np.random.default_rng(options.seed)
    products = make_assortment(rng, options)
    lines = _draw_lines(rng, products, options)
    lines = log_again(rng, set_prices(rng, lines, products, options), options)
    lines = _fill_days(rng, lines, options)
    lines = lines.sort_values(["hour", "order_id", "place"], ignore_index=True)
    tail = make_tail(rng, lines, options)
    return _format(rng, pd.concat([lines, tail], ignore_index=True), products)


def _draw_lines(
    rng: np.random.Generator, products: pd.DataFrame, options: HomeGoodsSample
) -> pd.DataFrame:
    """Draw the order lines of both channels, with numbers that do not clash."""
    parts, customers, orders = [], 0, 0
    for name in CHANNELS:
        sold = np.flatnonzero(products[name])
        lines = draw_channel(rng, name, sold, options)
        if name == CHANNELS[0]:
            lines = _pin_ends(lines, options)
        lines = lines.assign(
            channel=name,
            order_id=_order_ids(rng, lines, getattr(options, name)),
            customer=lines["customer"] + customers,
            order=lines["order"] + orders,
            place=np.arange(len(lines)),
        )
        customers, orders = int(lines["customer"].max()) + 1, int(lines["order"].max()) + 1
        parts.append(lines)
    return pd.concat(parts, ignore_index=True)


def _pin_ends(lines: pd.DataFrame, options: HomeGoodsSample) -> pd.DataFrame:
    """Let the first order open the period, and the last one come in the hour of the break."""
    single = lines[(lines["orders"] == 1) & ~lines["shared"] & (lines["host"] < 0)]
    single = single[~single["order"].duplicated(keep=False)]
    hour = lines["hour"].to_numpy().astype("datetime64[h]")
    ends = single.index.to_numpy()[[single["hour"].argmin(), single["hour"].argmax()]]
    hour[ends] = hours_of([options.first_at, options.break_at])
    return lines.assign(hour=hour)


def _order_ids(
    rng: np.random.Generator, lines: pd.DataFrame, channel: HomeChannel
) -> pd.Series[int]:
    """Number orders in time, with gaps; a few get a number from elsewhere."""
    opened = lines.groupby("order")["hour"].min()
    disorder = rng.normal(0, ID_DISORDER_HOURS, opened.size).astype("timedelta64[h]")
    opened = (opened + disorder).sort_values(kind="stable")
    steps = rng.geometric(1 / channel.order_id_step, opened.size)
    number = channel.first_order_id + np.cumsum(steps)
    number[rng.choice(opened.size, len(channel.stray_order_ids), replace=False)] = (
        channel.stray_order_ids
    )
    return lines["order"].map(pd.Series(number, index=opened.index))


def _fill_days(
    rng: np.random.Generator, lines: pd.DataFrame, options: HomeGoodsSample
) -> pd.DataFrame:
    """Move single orders to the days before the break on which nothing was logged."""
    days = lines["hour"].to_numpy().astype("datetime64[D]")
    first, last = hours_of([options.first_at, options.break_at]).astype("datetime64[D]")
    wanted = np.arange(first, last)
    missing = np.array(options.missing_days, dtype="datetime64[D]")
    empty = np.setdiff1d(wanted, np.union1d(days, missing))
    counts = pd.Series(days).map(pd.Series(days).value_counts()).to_numpy()
    alone = ~lines["customer"].duplicated(keep=False) & ~lines["largest"] & ~lines["shared"]
    donors = np.flatnonzero(alone & (counts > np.median(counts)))
    rows = rng.choice(donors, empty.size, replace=False)
    hour = lines["hour"].to_numpy().astype("datetime64[h]")
    hour[rows] = empty.astype("datetime64[h]") + (hour[rows] - days[rows].astype("datetime64[h]"))
    return lines.assign(hour=hour)


def _format(rng: np.random.Generator, lines: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Write every cell as the real file does."""
    ids = np.array(random_ids(rng, int(lines["customer"].max()) + 1))
    return pd.DataFrame(
        {
            "date": lines["hour"].dt.strftime("%Y%m%d%H"),
            "customer_id": ids[lines["customer"]],
            "order_id": lines["order_id"].astype(np.int64).astype(str),
            "product": products["name"].to_numpy()[lines["product"]],
            "quantity": lines["quantity"].astype(np.int64).astype(str),
            "price": lines["price"].astype(np.float64).astype(str),
        }
    )

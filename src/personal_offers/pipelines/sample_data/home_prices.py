"""Prices and quantities of the home goods shop."""

from __future__ import annotations

import numpy as np
import pandas as pd

from personal_offers.pipelines.sample_data.home_orders import hours_of
from personal_offers.pipelines.sample_data.order_lines import Integers, Marks, draw, position_within
from personal_offers.pipelines.sample_data.params import HomeGoodsSample

LOWEST, HIGHEST = 9, 14_917
# Only prices between these move, so that a changed price is another whole number.
MOVING = (20, 9_000)
STEP = (1.08, 1.35)
LARGE_STEP = (2.05, 3.2)
# Units of a line, with weights for seedlings and for goods up to each price.
PACKS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 20, 24, 25, 30, 36, 40, 48, 50, 60, 70, 80)
SEEDLING_PACKS = (1576, 218, 46, 40, 34, 12, 3, 4, 7, 1, 1, 1)
GOODS_PACKS = {
    50: (60, 30, 24, 16, 12, 12, 6, 6, 36, 6, 10, 4, 12, 4, 8, 14, 4, 4, 2, 6, 2, 1, 1),
    150: (560, 130, 70, 50, 30, 20, 15, 10, 50, 7, 20, 3, 12, 3, 8, 10, 2, 2, 2, 4, 1, 1, 1),
    400: (720, 120, 60, 30, 15, 15, 5, 5, 15, 3, 5, 1, 4, 1, 2, 1),
    1_000: (860, 70, 20, 15, 5, 4, 2, 2, 6),
    HIGHEST: (950, 30, 7, 4, 1),
}
# Cheap things are also bought by the hundred, by other businesses.
BULK_PACKS = (100, 100, 140, 150, 170, 200, 300)
BULK_PRICE = 60


def set_prices(
    rng: np.random.Generator, lines: pd.DataFrame, products: pd.DataFrame, options: HomeGoodsSample
) -> pd.DataFrame:
    """Set price and quantity of the lines: some products change their price over time.

    Args:
        rng: Source of the draws.
        lines: Grain: order line per customer (home_orders), with channel.
        products: Grain: product (home_assortment).
        options: How many products have how many prices, and the largest orders.

    Returns:
        The lines with price (roubles) and quantity, alike for all customers of an order, and
        largest (whether the line is one of the largest orders).
    """
    bought = lines.groupby(["order", "product"], as_index=False).agg(
        hour=("hour", "min"), channel=("channel", "first")
    )
    bought = bought.sort_values(["product", "hour", "order"], ignore_index=True)
    product = bought["product"].to_numpy()
    sold = np.bincount(product, minlength=len(products))
    prices = _price_history(rng, products["price"].to_numpy(), sold, options)
    levels = (prices > 0).sum(axis=1)
    price = prices[product, position_within(bought["product"]) * levels[product] // sold[product]]
    seedlings = (bought["channel"] == "seedlings").to_numpy()
    bought = bought.assign(price=price, quantity=_quantities(rng, price, seedlings))
    keys = ["order", "product"]
    return _sell_in_bulk(rng, lines.merge(bought[[*keys, "price", "quantity"]], on=keys), options)


def _price_history(
    rng: np.random.Generator, price: Integers, sold: Integers, options: HomeGoodsSample
) -> Integers:
    """Draw the prices of each product in time: one row per product, filled up with zeros.

    A product with several prices needs as many orders.
    """
    most = max(options.products_by_prices, default=1)
    levels = np.ones(price.size, dtype=np.int64)
    moving = (price >= MOVING[0]) & (price <= MOVING[1])
    for number, products in sorted(options.products_by_prices.items(), reverse=True):
        free = np.flatnonzero((sold >= number) & (levels == 1) & moving)
        levels[rng.choice(free, products, replace=False)] = number
    ratio = rng.uniform(*STEP, (price.size, most))
    several = np.flatnonzero((levels > 1) & (price * LARGE_STEP[1] <= HIGHEST))
    large = rng.choice(several, options.doubled_prices, replace=False)
    ratio[large, 1] = rng.uniform(*LARGE_STEP, large.size)
    ratio[:, 0] = 1.0
    # Where the price would rise above the highest, it falls.
    factor = np.cumprod(ratio, axis=1)
    falls = (price * factor[:, -1] > HIGHEST)[:, np.newaxis]
    drawn = np.rint(price[:, np.newaxis] * np.where(falls, 1 / factor, factor)).astype(np.int64)
    return np.where(np.arange(most) < levels[:, np.newaxis], drawn, 0)


def _quantities(rng: np.random.Generator, price: Integers, seedlings: Marks) -> Integers:
    """Draw units: of cheap things many, of dear ones one."""
    band = np.searchsorted(list(GOODS_PACKS), price)
    band[seedlings] = len(GOODS_PACKS)
    quantity = np.ones(price.size, dtype=np.int64)
    for number, weights in enumerate((*GOODS_PACKS.values(), SEEDLING_PACKS)):
        rows = np.flatnonzero(band == number)
        quantity[rows] = np.array(PACKS)[draw(rng, weights, rows.size)]
    return quantity


def _sell_in_bulk(
    rng: np.random.Generator, lines: pd.DataFrame, options: HomeGoodsSample
) -> pd.DataFrame:
    """Raise the quantity of some cheap lines, and place the largest orders of all."""
    quantity, price = lines["quantity"].to_numpy().copy(), lines["price"].to_numpy().copy()
    hour = lines["hour"].to_numpy().astype("datetime64[h]")
    plain = ~lines["shared"].to_numpy() & (lines["host"] < 0).to_numpy()
    cheap = np.flatnonzero(plain & (price <= BULK_PRICE))
    packs = np.array(BULK_PACKS)[rng.integers(len(BULK_PACKS), size=options.bulk_lines)]
    quantity[rng.choice(cheap, options.bulk_lines, replace=False)] = packs
    # Each is the only line of its customer, and of its product, whose price it sets.
    alone = plain & (lines["orders"] == 1).to_numpy()
    for column in ("product", "order"):
        alone &= (lines.groupby(column)["hour"].transform("size") == 1).to_numpy()
    rows = rng.choice(np.flatnonzero(alone), len(options.largest_orders), replace=False)
    for row, largest in zip(rows, options.largest_orders, strict=True):
        quantity[row], price[row] = largest.units, largest.price
        hour[row] = hours_of([largest.at])[0]
    kept = np.isin(np.arange(len(lines)), rows)
    return lines.assign(quantity=quantity, price=price, hour=hour, largest=kept)

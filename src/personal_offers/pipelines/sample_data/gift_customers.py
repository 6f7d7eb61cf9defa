"""Who buys at the gift shop, when, and how much: behaviour before any oddity of the records.

A customer buys at a rate of their own and may leave after each order, as in the BG/NBD model
(Fader, Hardie and Lee, 2005). Recent and frequent customers therefore come back more often, and
nobody's next order is certain. Waiting times run on the trading time of the calendar, so
the shop's seasons show in them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from personal_offers.pipelines.sample_data.order_lines import (
    Calendar,
    Floats,
    Integers,
    Marks,
    draw,
    share_out,
)
from personal_offers.pipelines.sample_data.params import GiftShopSample

HOME = "United Kingdom"
# Countries of known customers and about how many of 4,338 live there.
ABROAD = {
    **{"EIRE": 3, "Netherlands": 9, "Australia": 9, "Germany": 94, "France": 87, "Spain": 30},
    **{"Belgium": 25, "Switzerland": 21, "Portugal": 19, "Italy": 14, "Finland": 12},
    **{"Austria": 11, "Norway": 10, "Denmark": 9, "Channel Islands": 9, "Japan": 8, "Sweden": 8},
    **{"Cyprus": 8, "Poland": 6, "Unspecified": 4, "USA": 4, "Canada": 4, "Greece": 4},
    **{"Israel": 3, "United Arab Emirates": 2, "Bahrain": 2, "Malta": 2, "Brazil": 1},
    **{"Lebanon": 1, "Iceland": 1, "Czech Republic": 1, "European Community": 1},
    **{"Saudi Arabia": 1, "RSA": 1, "Lithuania": 1, "Singapore": 1},
}
# The largest foreign customers are resellers, in the real shop as here.
RESELLING_COUNTRIES = 3
# New customers per month, of the first twelve months and the begun one.
ARRIVALS = (885, 417, 380, 452, 300, 284, 242, 188, 169, 299, 358, 323, 41)
# Most customers seen in the first weeks bought before the records begin.
OLD_HANDS_BY_MONTH = (0.85, 0.5, 0.3)
OLD_HANDS_RATE = 1.3
# Spread of rates: the shape of a gamma distribution.
RATE_SHAPE = 0.95
WHOLESALE_RATE_SHAPE = 2.0
WHOLESALERS_FROM_BEFORE = 0.8
LEAVING_CONCENTRATION = 2.0
# Old hands and wholesalers leave less often than others.
LOYAL_LEAVING = 0.4
# Logarithmic mean and spread of how much is bought at once.
WHOLESALE_SIZE = (1.5, 0.6)
USUAL_SIZE = (0.0, 0.4)
MINUTES_PER_HOUR = 60
HOURS = (6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)
HOUR_WEIGHTS = (8, 29, 555, 1393, 2226, 2277, 3129, 2636, 2274, 2037, 1100, 544, 169, 144, 18)
# Quantities by how dear a thing is: packs of cheap things, single dear ones.
PACKS = (1, 2, 3, 4, 6, 8, 10, 12, 24, 25, 36, 48)
DEAR_FROM = (1_000, 3_000)
PACK_WEIGHTS = (
    (14, 6, 3, 3, 6, 2, 10, 22, 17, 9, 4, 4),
    (16, 13, 6, 9, 13, 5, 7, 18, 9, 1, 1, 2),
    (26, 21, 8, 14, 12, 7, 3, 6, 2, 0, 0, 0),
)
SMALL_BUYERS = 0.18
BULK_FROM = 24
FAVOURITES = 10
FAVOURITE_SHARE = 0.35


def draw_customers(rng: np.random.Generator, options: GiftShopSample) -> pd.DataFrame:
    """Draw the customers who buy.

    Args:
        rng: Source of the draws.
        options: Number and kinds of customers.

    Returns:
        Grain: customer. country, wholesaler, small (buys single things), arrival (month, from
        0), rate (orders per trading day), leaving (share), size (times the usual quantity),
        width (times the usual number of lines).
    """
    count = options.buyers
    wholesale = np.arange(count) < round(count * options.wholesaler_share)
    arrival = rng.permutation(np.repeat(np.arange(len(ARRIVALS)), share_out(ARRIVALS, count)))
    # Wholesalers were customers before the records begin.
    arrival = np.where(wholesale & (rng.random(count) < WHOLESALERS_FROM_BEFORE), 0, arrival)
    old = np.zeros(count, dtype=np.bool_)
    for month, share in enumerate(OLD_HANDS_BY_MONTH):
        old |= (arrival == month) & (rng.random(count) < share)
    rate = rng.gamma(RATE_SHAPE, 1 / (RATE_SHAPE * options.gap_days), count)
    rate *= np.where(old, OLD_HANDS_RATE, 1.0)
    trade = rng.gamma(WHOLESALE_RATE_SHAPE, size=count) / WHOLESALE_RATE_SHAPE
    rate = np.where(wholesale, trade / options.wholesaler_gap_days, rate)
    leaving = rng.beta(
        LEAVING_CONCENTRATION * options.leaving_share,
        LEAVING_CONCENTRATION * (1 - options.leaving_share),
        count,
    )
    # The first, in EIRE, buys most often and stays: carriage is charged on many orders.
    rate[0], leaving[0], arrival[0] = rate.max(), 0.0, 0
    return pd.DataFrame(
        {
            "country": _countries(rng, wholesale, options),
            "wholesaler": wholesale,
            "small": ~wholesale & (rng.random(count) < SMALL_BUYERS),
            "arrival": arrival,
            "rate": rate,
            "leaving": np.where(wholesale | old, leaving * LOYAL_LEAVING, leaving),
            "size": np.where(
                wholesale, rng.lognormal(*WHOLESALE_SIZE, count), rng.lognormal(*USUAL_SIZE, count)
            ),
            "width": rng.lognormal(0, 0.5, count),
        }
    )


def _countries(
    rng: np.random.Generator,
    wholesale: Marks,
    options: GiftShopSample,
) -> list[str]:
    """Give every foreign country at least one customer, and some of them a reseller."""
    scale = options.abroad_share * wholesale.size / sum(ABROAD.values())
    counts = [max(1, round(weight * scale)) for weight in ABROAD.values()]
    names = np.repeat(list(ABROAD), counts)
    country = np.full(wholesale.size, HOME, dtype=object)
    resellers = list(ABROAD)[:RESELLING_COUNTRIES]
    country[:RESELLING_COUNTRIES] = resellers
    rest = list(names)
    for name in resellers:
        rest.remove(name)
    others = rng.choice(np.flatnonzero(~wholesale), len(rest), replace=False)
    country[others] = rest
    return [str(name) for name in country]


def draw_orders(
    rng: np.random.Generator, customers: pd.DataFrame, calendar: Calendar, options: GiftShopSample
) -> pd.DataFrame:
    """Draw the orders of every customer.

    Args:
        rng: Source of the draws.
        customers: Grain: customer (``draw_customers``).
        calendar: Trading days of the shop.
        options: When the records end.

    Returns:
        Grain: order. customer (row of customers), day (number in the calendar), progress
        (elapsed share of the calendar), at, country.
    """
    moment = _arrival_moments(rng, customers["arrival"].to_numpy(), calendar)
    rate, leaving = customers["rate"].to_numpy(), customers["leaving"].to_numpy()
    buyers = np.arange(len(customers))
    rounds = []
    # One round is the next order of everybody who is still a customer.
    while buyers.size:
        rounds.append((buyers, moment))
        moment = moment + rng.exponential(1 / rate[buyers])
        stays = (rng.random(buyers.size) >= leaving[buyers]) & (moment < calendar.length)
        buyers, moment = buyers[stays], moment[stays]
    customer = np.concatenate([who for who, _ in rounds])
    moment = np.concatenate([when for _, when in rounds])
    day = calendar.day_at(moment)
    at = times_on(rng, calendar, day, options).to_numpy().copy()
    # The records begin and end with an order.
    at[[np.argmin(moment), np.argmax(moment)]] = [options.first_at, options.last_at]
    return pd.DataFrame(
        {
            "customer": customer,
            "day": day,
            "progress": day / calendar.days.size,
            "at": at,
            "country": customers["country"].to_numpy()[customer],
        }
    )


def _arrival_moments(rng: np.random.Generator, arrival: Integers, calendar: Calendar) -> Floats:
    """Place first orders in their month, in trading time."""
    months = calendar.days.astype("datetime64[M]").astype(np.int64)
    months -= months[0]
    first = np.searchsorted(months, arrival, side="left")
    end = np.searchsorted(months, arrival, side="right")
    moments: Floats = rng.uniform(calendar.clock[first], calendar.clock[end])
    return moments


def times_on(
    rng: np.random.Generator, calendar: Calendar, day: Integers, options: GiftShopSample
) -> pd.DatetimeIndex:
    """Draw a time of the day, whole minutes, within the hours of records.

    Args:
        rng: Source of the draws.
        calendar: Trading days of the shop.
        day: Numbers of trading days.
        options: When the records begin and end.

    Returns:
        One time per day number.
    """
    hour = np.array(HOURS)[draw(rng, HOUR_WEIGHTS, day.size)]
    minute = hour * MINUTES_PER_HOUR + rng.integers(0, MINUTES_PER_HOUR, day.size)
    # The first and the last day are not whole ones.
    opens = HOURS[2] * MINUTES_PER_HOUR
    begins, ends = (
        t.hour * MINUTES_PER_HOUR + t.minute for t in (options.first_at, options.last_at)
    )
    early = (day == 0) & (minute < begins)
    late = (day == calendar.days.size - 1) & (minute > ends)
    minute = np.where(early, begins + minute % MINUTES_PER_HOUR, minute)
    minute = np.where(late, opens + minute % (ends - opens), minute)
    return pd.DatetimeIndex(calendar.days[day] + minute.astype("timedelta64[m]"))


def draw_lines(
    rng: np.random.Generator,
    orders: pd.DataFrame,
    customers: pd.DataFrame,
    products: pd.DataFrame,
    options: GiftShopSample,
) -> pd.DataFrame:
    """Fill the orders with products.

    Args:
        rng: Source of the draws.
        orders: Grain: order (``draw_orders``).
        customers: Grain: customer (``draw_customers``).
        products: Grain: product (gift_assortment).
        options: Usual number of lines.

    Returns:
        Grain: order line, no product twice in an order: order (row of orders), product (row
        of products), quantity, mills (unit price in thousandths).
    """
    who = orders["customer"].to_numpy()
    wanted = rng.lognormal(-0.32, 0.8, len(orders)) * customers["width"].to_numpy()[who]
    lines = np.maximum(1, np.rint(wanted * options.lines_per_order / 1.13)).astype(np.int64)
    order = np.repeat(np.arange(len(orders)), lines)
    buyer = who[order]
    favourites = draw(rng, products["weight"], len(customers) * FAVOURITES).reshape(-1, FAVOURITES)
    usual = favourites[buyer, rng.integers(FAVOURITES, size=order.size)]
    new = draw(rng, products["weight"], order.size)
    product = np.where(rng.random(order.size) < FAVOURITE_SHARE, usual, new)
    table = pd.DataFrame({"order": order, "product": product}).drop_duplicates(ignore_index=True)
    buyer = who[table["order"]]
    quantity = _quantities(rng, table["product"].to_numpy(), buyer, customers, products)
    progress = orders["progress"].to_numpy()[table["order"]]
    return table.assign(
        quantity=quantity,
        mills=prices_of(products, table["product"].to_numpy(), progress, quantity),
    )


def _quantities(
    rng: np.random.Generator,
    product: Integers,
    buyer: Integers,
    customers: pd.DataFrame,
    products: pd.DataFrame,
) -> Integers:
    """Draw how many of each product, in packs that suit its price and the customer."""
    dear = np.searchsorted(DEAR_FROM, products["mills"].to_numpy()[product], side="right")
    quantity = np.ones(product.size, dtype=np.int64)
    for band, weights in enumerate(PACK_WEIGHTS):
        rows = np.flatnonzero(dear == band)
        quantity[rows] = np.array(PACKS)[draw(rng, weights, rows.size)]
    factor = np.rint(customers["size"].to_numpy()[buyer]).astype(np.int64)
    quantity *= np.maximum(1, factor)
    small = customers["small"].to_numpy()[buyer]
    return np.where(small, 1 + rng.geometric(0.7, product.size) // 2, quantity)


def prices_of(
    products: pd.DataFrame, product: Integers, progress: Floats, quantity: Integers
) -> Integers:
    """Look unit prices up: a later price replaces the first, large packs are cheaper.

    Args:
        products: Grain: product (gift_assortment).
        product: Rows of products.
        progress: Elapsed share of the period, from 0 to 1.
        quantity: Units of the line.

    Returns:
        Unit prices in thousandths of a pound.
    """
    of = products.iloc[product]
    current = np.where(progress < of["changes_at"], of["mills"], of["later_mills"])
    bulk = (quantity >= BULK_FROM) & (current == of["mills"])
    return np.where(bulk, of["bulk_mills"], current).astype(np.int64)

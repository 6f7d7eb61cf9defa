"""Made-up order lines, shaped like gift_shop, of any number, in bounded memory.

Orders per customer follow a lognormal law and lines per order a gamma law, both fitted to
gift_shop's quantiles (a third of the customers ordered once, one in a hundred more than thirty
times; half of the orders have up to fifteen lines; for fewer lines per customer, orders shrink
in proportion). Customers come and leave, months, weekdays and
hours are as busy as gift_shop's, and two lines in a hundred take back what was bought before. The
number of customers grows with the lines: about 92 lines per customer unless told.

What stands on a line is a pure function of seed, order and place in the order (a counter-based
generator), so chunks of any size give the same file, and a return knows what was bought. Orders are
kept in memory (about 60 bytes for each 19 lines), lines only a chunk at a time.

Usage: ``python -m benchmarks.order_lines --lines 5000000 --form raw --out build/bench/raw``.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SEED = 20261122
VERSION = 1  # raise it when the same arguments give other lines: cached files are made again
SHOP = "gift_shop"
RAW_FILE = "online_retail.csv.gz"
CHUNK = 200_000  # lines made at a time; does not change the result
PART = 5_000_000  # lines written at a time
FORMS = ("primary", "raw")

# Orders per customer: ceil(lognormal). Solves P(1) = 0.347 and a mean of 4.25 (gift_shop).
ORDERS_MEAN, ORDERS_SD = 0.502, 1.278
# Lines per purchase: ceil(gamma), whose mean 21.3 and sd 24.4 are gift_shop's.
LINES_SHAPE = 0.763
LINES_PER_CUSTOMER = 92  # 4.25 orders of 21.3 lines, and what is taken back
ROUNDED_UP = 0.5  # what rounding up adds to the mean of lines per order
RETURN_SHARE = 0.24  # returns per purchase order; some come after the end of the file
RETURN_LINES = 2.6  # their mean number of lines, where the purchase has as many
RETURN_DAYS = 20  # mean days from the purchase to its return
STAY_SHARE = 0.3  # customers who are still there at the end
LATE_LOGGED = 100  # one order in so many is logged over two minutes
PRODUCTS = 3_675
PRICE_MEAN, PRICE_SD = 0.642, 0.919  # of the logarithm of a price in pounds
BULK, BULK_PRICE = 12, 0.7  # from so many pieces on, the share of the price

START = "2010-12-01T00:00:00"
MONTHS = [  # lines per month of gift_shop, thousands, December 2010 to 9 December 2011
    (31, 26.2), (31, 21.5), (28, 20.0), (31, 27.4), (30, 22.9), (31, 28.5), (30, 27.4),
    (31, 27.1), (31, 27.3), (30, 40.3), (31, 49.7), (30, 63.9), (9, 17.3),
]  # fmt: skip
WEEKDAYS = [65.4, 67.0, 69.4, 81.1, 55.2, 0.0, 61.5]  # Monday first; nothing on Saturdays
HOURS = {7: 0.5, 8: 8.7, 9: 22.3, 10: 38.5, 11: 49.3, 12: 71.9, 13: 63.8, 14: 53.9, 15: 45.4,
         16: 24.5, 17: 13.5, 18: 3.1, 19: 3.4}  # fmt: skip
QUANTITIES = {  # pieces: weight
    1: 176, 2: 146, 3: 68, 4: 82, 5: 20, 6: 96, 7: 3, 8: 30, 9: 3, 10: 54, 12: 153, 16: 10, 18: 4,
    20: 12, 24: 60, 25: 13, 30: 3, 32: 3, 36: 10, 40: 3, 48: 15, 72: 5, 96: 5, 100: 5, 144: 3,
    200: 2, 240: 1.5, 288: 0.7, 432: 0.5, 600: 0.4, 1000: 0.2, 2400: 0.1,
}  # fmt: skip
COUNTRIES = {
    "United Kingdom": 3916, "Germany": 94, "France": 87, "Spain": 30, "Belgium": 25,
    "Switzerland": 21, "Portugal": 19, "Italy": 14, "Norway": 10, "Netherlands": 9,
    "Australia": 9, "EIRE": 3,
}  # fmt: skip
COLOURS = ("RED", "WHITE", "BLUE", "PINK", "GREEN", "CREAM", "BLACK", "SILVER", "IVORY")
STYLES = ("RETROSPOT", "VINTAGE", "WOODEN", "CHRISTMAS", "PAISLEY", "HEART", "ENAMEL", "GLASS")
THINGS = ("MUG", "LUNCH BAG", "T-LIGHT HOLDER", "LANTERN", "CAKE STAND", "DOORMAT", "TEA TOWEL",
          "ALARM CLOCK", "PHOTO FRAME", "NAPKINS", "GARLAND", "TRAY", "CUSHION", "JAM JAR",
          "UMBRELLA", "CANDLE", "NOTEBOOK", "BUNTING", "TIN", "WRAP")  # fmt: skip

# The form in which the intake of the project leaves order lines.
_PRIMARY = """
    SELECT row_number, customer_id::VARCHAR AS customer_id,
        CASE WHEN is_return THEN 'C' ELSE '' END || order_number AS order_id,
        ordered_at, logged_at, product_id::VARCHAR AS product_id,
        product_name::VARCHAR AS product_name, quantity,
        (price / 100)::DECIMAL(18, 4) AS unit_price,
        (price * quantity / 100)::DECIMAL(18, 2) AS amount,
        is_return, country::VARCHAR AS country, true AS trusted
    FROM lines
"""
_RAW = """
    SELECT CASE WHEN is_return THEN 'C' ELSE '' END || order_number AS InvoiceNo,
        product_id AS StockCode, product_name AS Description, quantity AS Quantity,
        strftime(logged_at, '%Y-%m-%d %H:%M:%S') AS InvoiceDate,
        (price / 100)::DECIMAL(18, 2) AS UnitPrice, customer_id AS CustomerID,
        country AS Country
    FROM lines
"""
_COPY = {
    "primary": f"COPY ({_PRIMARY}) TO '{{file}}' (FORMAT parquet)",
    "raw": f"COPY ({_RAW}) TO '{{file}}' (FORMAT csv, {{header}}COMPRESSION gzip)",
}


@dataclass(frozen=True)
class Orders:
    """All orders, one value each, in the order of the file (by time).

    Attributes:
        identity: What the lines of the order are drawn from; that of a return is its purchase's.
        customer: Number of the customer, from 0.
        minute: Minutes since ``START``.
        lines: Lines of the order, at least 1.
        is_return: Whether it takes back the first lines of a purchase.
    """

    identity: np.ndarray
    customer: np.ndarray
    minute: np.ndarray
    lines: np.ndarray
    is_return: np.ndarray

    def taken(self, which: np.ndarray) -> Orders:
        """Return some of the orders, or all in another order."""
        return Orders(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


def lines_scale(per_customer: float) -> float:
    """Return the scale of the law of lines per order that gives so many lines per customer."""
    mean = 21.3 * per_customer / LINES_PER_CUSTOMER
    return max(mean - ROUNDED_UP, ROUNDED_UP) / LINES_SHAPE


def make_orders(lines: int, seed: int = SEED, per_customer: float = LINES_PER_CUSTOMER) -> Orders:
    """Make the orders of a shop.

    Args:
        lines: How many lines all of them have together, exactly.
        seed: The same seed gives the same orders.
        per_customer: Lines of a customer, about.

    Returns:
        The orders by time.
    """
    import numpy as np

    rng = np.random.default_rng([seed, lines])
    customers = int(lines / per_customer * 1.1) + 200  # more than needed, and cut below
    orders = np.ceil(rng.lognormal(ORDERS_MEAN, ORDERS_SD, customers)).astype(np.int64)
    customer = np.repeat(np.arange(customers), orders)
    bought = Orders(
        identity=np.arange(len(customer)),
        customer=customer,
        minute=_minutes(rng, customers, customer),
        lines=np.ceil(rng.gamma(LINES_SHAPE, lines_scale(per_customer), len(customer))).astype(
            np.int64
        ),
        is_return=np.zeros(len(customer), dtype=bool),
    )
    made = _cut(_with_returns(rng, bought), lines)
    return made.taken(np.lexsort((made.is_return, made.identity, made.minute)))


def _minutes(rng: np.random.Generator, customers: int, customer: np.ndarray) -> np.ndarray:
    """Return when each order was made: customers are there for a part of the year."""
    import numpy as np

    came = rng.random(customers) ** 4  # many were customers before the file begins
    stays = rng.random(customers) < STAY_SHARE
    left = np.where(stays, 1.0, came + (1 - came) * rng.random(customers))
    place = came[customer] + (left - came)[customer] * rng.random(len(customer))
    opening, busy = _calendar()
    minutes: np.ndarray = opening[np.searchsorted(busy, place * busy[-1])]
    return minutes


def _calendar() -> tuple[np.ndarray, np.ndarray]:
    """Return the minutes in which the shop is open and how busy it was up to each of them."""
    import numpy as np

    months = np.concatenate([np.full(days, lines / days) for days, lines in MONTHS])
    weekday = (np.arange(len(months)) + 2) % 7  # 1 December 2010 was a Wednesday
    days = months * np.array(WEEKDAYS)[weekday]
    hours = np.zeros(24)
    hours[list(HOURS)] = list(HOURS.values())
    minutes = np.repeat((days[:, None] * hours).ravel(), 60)
    minutes[(len(days) - 1) * 1440 + 771 :] = 0  # the last line is of 12:50
    opening = np.flatnonzero(minutes)
    return opening, np.cumsum(minutes[opening])


def _with_returns(rng: np.random.Generator, bought: Orders) -> Orders:
    """Put the returns behind the purchases that they take back."""
    import numpy as np

    chosen = np.flatnonzero(rng.random(len(bought.lines)) < RETURN_SHARE)
    wait = (rng.exponential(RETURN_DAYS, len(chosen)) * 1440).astype(np.int64) + 1
    opening, _ = _calendar()
    back = bought.minute[chosen] + wait
    seen = back <= opening[-1]
    chosen, back = chosen[seen], opening[np.searchsorted(opening, back[seen])]
    lines = np.minimum(rng.geometric(1 / RETURN_LINES, len(chosen)), bought.lines[chosen])
    took = Orders(chosen, bought.customer[chosen], back, lines, np.ones(len(chosen), dtype=bool))
    both = Orders(
        *(
            np.concatenate([getattr(bought, name), getattr(took, name)])
            for name in bought.__dataclass_fields__
        )
    )
    return both.taken(np.lexsort((both.is_return, both.identity)))


def _cut(orders: Orders, lines: int) -> Orders:
    """Leave as many orders as the wanted lines need; the last one may lose some of its own."""
    import numpy as np

    reached = np.cumsum(orders.lines)
    last = int(np.searchsorted(reached, lines))
    kept = orders.taken(np.arange(last + 1))
    kept.lines[last] -= reached[last] - lines
    return kept


def _uniform(seed: int, identity: np.ndarray, place: np.ndarray, what: int) -> np.ndarray:
    """Return uniform numbers that depend on nothing but the arguments.

    The mixing function of SplitMix64 (G. Steele, D. Lea, C. Flood, 2014) over a counter.
    """
    import numpy as np

    state = (identity.astype(np.uint64) << np.uint64(20)) + place.astype(np.uint64)
    start = (seed * 4 + what + 1) * 0x9E3779B97F4A7C15 % 2**64
    state = state * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((state ^ (state >> np.uint64(31))) >> np.uint64(11)) / 2.0**53


@dataclass(frozen=True)
class Products:
    """The catalogue, one value per product, the best sold first.

    Attributes:
        codes: Five figures, some with a letter.
        names: What the shop calls it.
        cents: Price of one.
        share: Share of lines with this product or a better sold one.
    """

    codes: list[str]
    names: list[str]
    cents: np.ndarray
    share: np.ndarray


def make_products(seed: int = SEED) -> Products:
    """Make the catalogue; it does not grow with the lines."""
    import numpy as np

    rng = np.random.default_rng([seed, PRODUCTS])
    number = rng.permutation(PRODUCTS)
    letters = rng.choice(["", "", "", "A", "B"], PRODUCTS)
    codes = [f"{20000 + n}{letter}" for n, letter in zip(number, letters, strict=True)]
    kinds = [f"{c} {s} {t}" for c in COLOURS for s in STYLES for t in THINGS]
    sets = ["", "SET OF 3 ", "SMALL "]
    names = [f"{sets[n // len(kinds)]}{kinds[n % len(kinds)]}" for n in number]
    price = np.exp(rng.normal(PRICE_MEAN, PRICE_SD, PRODUCTS))
    cents = np.clip(np.round(price * 20) * 5, 5, 65000).astype(np.int64)
    share = np.cumsum(1 / (np.arange(PRODUCTS) + 40))  # as flat as gift_shop's best sellers
    return Products(codes, names, cents, share / share[-1])


def make_lines(orders: Orders, seed: int = SEED, chunk: int = CHUNK) -> Iterator[pa.RecordBatch]:
    """Make the lines of the orders, chunk by chunk.

    Args:
        orders: By time.
        seed: That of the orders.
        chunk: About how many lines are made at a time.

    Yields:
        Grain: one line, in the order of the file: row_number, customer_id, order_number,
        ordered_at, logged_at, product_id, product_name, quantity, price (pence), is_return,
        country.
    """
    import numpy as np

    products = make_products(seed)
    ends = np.cumsum(orders.lines)
    first = 0
    while first < len(ends):
        before = int(ends[first - 1]) if first else 0
        last = max(int(np.searchsorted(ends, before + chunk)), first + 1)
        part = orders.taken(np.arange(first, min(last, len(ends))))
        yield _batch(part, first, before, products, seed)
        first = last


def _batch(
    orders: Orders, first: int, before: int, products: Products, seed: int
) -> pa.RecordBatch:
    """Return the lines of some orders."""
    import numpy as np
    import pyarrow as pa

    order = np.repeat(np.arange(len(orders.lines)), orders.lines)
    place = np.arange(len(order)) - np.repeat(np.cumsum(orders.lines) - orders.lines, orders.lines)
    identity, sign = orders.identity[order], np.where(orders.is_return, -1, 1)[order]
    product = np.searchsorted(products.share, _uniform(seed, identity, place, 0))
    weights = np.cumsum(list(QUANTITIES.values()))
    drawn = np.searchsorted(weights / weights[-1], _uniform(seed, identity, place, 1))
    pieces = np.array(list(QUANTITIES))[drawn]
    price = products.cents[product]
    price = np.where(pieces >= BULK, np.maximum(np.round(price * BULK_PRICE), 1), price)
    at = np.datetime64(START, "us") + orders.minute[order].astype("timedelta64[m]")
    late = (identity % LATE_LOGGED == 0) & (place >= (orders.lines[order] + 1) // 2)
    countries = np.cumsum(list(COUNTRIES.values()))
    chance = _uniform(seed, orders.customer, np.zeros(len(orders.customer)), 2)
    country = np.searchsorted(countries / countries[-1], chance)[order]
    columns: dict[str, Any] = {
        "row_number": before + 1 + np.arange(len(order)),
        "customer_id": orders.customer[order] + 12346,
        "order_number": first + order + 536365,
        "ordered_at": at,
        "logged_at": at + late.astype("timedelta64[m]"),
        "product_id": pa.DictionaryArray.from_arrays(product, products.codes),
        "product_name": pa.DictionaryArray.from_arrays(product, products.names),
        "quantity": pieces * sign,
        "price": price.astype(np.int64),
        "is_return": orders.is_return[order],
        "country": pa.DictionaryArray.from_arrays(country, list(COUNTRIES)),
    }
    return pa.RecordBatch.from_pydict(columns)


def era_of(orders: Orders) -> dict[str, Any]:
    """Return what the stages need to know about the file: nothing in it is withheld."""
    import numpy as np

    start, end = (
        str(np.datetime64(START, "s") + np.timedelta64(int(minute), "m"))
        for minute in (orders.minute[0], orders.minute[-1])
    )
    bought = np.bincount(orders.customer[~orders.is_return])
    customers, repeat = int((bought > 0).sum()), int((bought > 1).sum())
    return {
        "data_from": start,
        "data_to": end,
        "trusted_to": end,
        "cutoff": end,
        "break": None,
        "currency": "GBP",
        "timezone": "Europe/London",
        "customers": customers,
        "orders": int((~orders.is_return).sum()),
        "repeat_buyers": repeat,
        "days": int(orders.minute[-1] // 1440 - orders.minute[0] // 1440),
        "regular": {"orders": 2, "recent_days": 180},
        "repeat_check": {
            "customers": customers,
            "repeat_buyers_before_break": repeat,
            "repeat_buyers_with_all_lines": repeat,
            "share_before_break": round(repeat / customers, 4),
            "share_with_all_lines": round(repeat / customers, 4),
        },
        "withheld": {},
    }


def _write_parts(batches: Iterator[pa.RecordBatch], copy: str, file: Path, form: str) -> None:
    """Write the lines in parts and put these together.

    While DuckDB copies a stream its memory grows with what it has copied; a part bounds that.
    """
    import duckdb
    import pyarrow as pa

    parts: list[Path] = []
    while some := list(islice(batches, 1)):
        part = file.with_name(f"part{len(parts)}_{file.name}")
        whole = chain(some, islice(batches, PART // CHUNK - 1))
        with duckdb.connect() as connection:
            connection.execute("SET threads = 1")  # more would each hold a chunk
            reader = pa.RecordBatchReader.from_batches(some[0].schema, whole)
            connection.register("lines", reader)
            header = "HEADER false, " if parts else "HEADER, "
            connection.execute(copy.format(file=part, header=header))
        parts.append(part)
    if len(parts) == 1:
        parts[0].replace(file)
        return
    if form == "raw":  # compressed parts, one behind the other, are a compressed file
        with file.open("wb") as together:
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, together)
    else:
        with duckdb.connect() as connection:
            connection.execute("SET threads = 1")
            names = [str(part) for part in parts]
            connection.execute(f"COPY (FROM read_parquet({names})) TO '{file}' (FORMAT parquet)")
    for part in parts:
        part.unlink()


def write(
    lines: int,
    folder: Path,
    form: str = "primary",
    seed: int = SEED,
    per_customer: float = LINES_PER_CUSTOMER,
) -> Path:
    """Write order lines, unless the folder holds them already.

    Args:
        lines: How many.
        folder: ``primary``: what ``output_dir`` of a run may be, with 03_primary/gift_shop/
            order_lines.parquet and era.json. ``raw``: what ``raw_dir`` may be, with
            gift_shop/online_retail.csv.gz.
        form: As the intake leaves them, or as the shop exports them.
        seed: The same seed gives the same lines.
        per_customer: Lines of a customer, about.

    Returns:
        The file of the lines.
    """
    home = folder / "03_primary" / SHOP if form == "primary" else folder / SHOP
    file = home / ("order_lines.parquet" if form == "primary" else RAW_FILE)
    stamp = folder / f"{form}_stamp.json"
    asked = {"lines": lines, "seed": seed, "per_customer": per_customer, "version": VERSION}
    made = json.dumps(asked)
    if stamp.is_file() and file.is_file() and stamp.read_text() == made:
        return file
    home.mkdir(parents=True, exist_ok=True)
    orders = make_orders(lines, seed, per_customer)
    _write_parts(make_lines(orders, seed, CHUNK), _COPY[form], file, form)
    if form == "primary":
        (home / "era.json").write_text(json.dumps(era_of(orders), indent=2))
    stamp.write_text(made)
    return file


def main() -> None:
    """Write the lines that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=5_000_000)
    parser.add_argument("--form", choices=FORMS, default="primary")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--lines-per-customer", type=float, default=LINES_PER_CUSTOMER)
    asked = parser.parse_args()
    print(write(asked.lines, asked.out, asked.form, asked.seed, asked.lines_per_customer))


if __name__ == "__main__":
    main()

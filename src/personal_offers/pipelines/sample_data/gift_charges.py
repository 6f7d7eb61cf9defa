"""Lines of the gift shop that nobody bought: postage, fees, vouchers, notes of the warehouse."""

from __future__ import annotations

from itertools import cycle, islice
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from personal_offers.pipelines.sample_data.gift_customers import HOME, times_on
from personal_offers.pipelines.sample_data.gift_returns import NOBODY, RETURN
from personal_offers.pipelines.sample_data.order_lines import (
    Calendar,
    Integers,
    draw_distinct,
    share_out,
)
from personal_offers.pipelines.sample_data.params import GiftShopSample

ADJUSTMENT = "A"
NO_PRODUCT = -1
# An empty name in the file; where a name is null the product's own is meant.
UNNAMED = ""
# Digits of a product code, before its letters.
DIGITS = 5

# Where a charge stands: in orders of the web shop, of customers abroad or in EIRE or anywhere,
# or on an invoice of its own, with or without a customer.
Place = Literal["web", "abroad", "eire", "known", "own_known", "own"]


class Charge(NamedTuple):
    """A code that is no product, or a product with an odd code.

    Attributes:
        name: Text in the file.
        mills: Prices in thousandths of a pound, drawn alike.
        place: Where it stands as a sale.
        returned: Share of its lines on invoices that begin with C.
        place_returned: Where these stand.
        largest: Price of one of the returned lines, where one is far larger.
    """

    name: str
    mills: tuple[int, ...]
    place: Place
    returned: float = 0.0
    place_returned: Place = "own_known"
    largest: int | None = None


CHARGES = {
    "POST": Charge("POSTAGE", (15_000, 18_000, 18_000, 28_000, 40_000), "abroad", 0.1),
    "DOT": Charge("DOTCOM POSTAGE", (64_250, 118_400, 175_310, 243_870, 398_160), "web"),
    "M": Charge("Manual", (420, 1_250, 4_950, 12_750, 84_500), "known", 0.43, largest=3_247_500),
    "m": Charge("Manual", (2_550,), "web"),
    "C2": Charge("CARRIAGE", (50_000,), "eire", 0.01),
    "D": Charge("Discount", (7_410, 18_730, 26_900, 93_120), "known", 1.0),
    "S": Charge("SAMPLES", (6_400, 17_850, 33_050, 41_200), "own", 0.97, "own"),
    "BANK CHARGES": Charge("Bank Charges", (15_000,), "known", 0.68, "own", 89_340),
    "AMAZONFEE": Charge("AMAZON FEE", (5_870_310, 6_402_650), "own", 0.94, "own"),
    "CRUK": Charge("CRUK Commission", (38_270, 51_640), "known", 1.0),
    "PADS": Charge("PADS TO MATCH ALL CUSHIONS", (1,), "known"),
    **{
        f"gift_0001_{value}": Charge(
            f"Dotcomgiftshop Gift Voucher £{value}.00", (round(value / 1.2 * 100) * 10,), "web"
        )
        for value in (10, 20, 30, 40, 50)
    },
    "DCGSSBOY": Charge("BOYS TREASURE BAG", (3_290, 1_250), "web"),
    "DCGSSGIRL": Charge("GIRLS TREASURE BAG", (3_290, 1_250), "web"),
}
# Products of the web shop that were counted more often than sold: code, name, units, price.
ODD_PRODUCTS: tuple[tuple[str, str, int, int], ...] = (
    ("DCGS0103", "LIDDED PEWTER PIN DISH", 1, 2_460),
    ("DCGS0104", "CANVAS CARAVAN TOTE", 1, 16_630),
    ("DCGS0155", UNNAMED, -1, 0),
    ("DCGS0157", UNNAMED, -6, 0),
    ("DCGS0166P", UNNAMED, -3, 0),
    ("DCGS0167", "ebay", -11, 0),
    ("DCGS0168", "ebay", -10, 0),
    ("DCGS0169", "TARTAN TERRIER LEAD", 1, 15_790),
    ("DCGS0170", "STRIPED TERRIER LEAD", 1, 12_720),
    ("DCGS0171", UNNAMED, -2, 0),
    ("DCGS0172", UNNAMED, -1, 0),
    ("DCGS0173", "ebay", -4, 0),
    ("DCGS0174", UNNAMED, -1, 0),
    ("DCGS0176", "GLOW JAR NIGHT LAMP", 2, 16_130),
)
NOTES_DOWN = (
    *("check", "damages", "damaged", "thrown away", "wet", "smashed", "missing", "rusty"),
    *("sold as a set online", "mouldy, binned.", "printing faults"),
)
NOTES_UP = ("found", "adjustment", "check", "Found in bay", "came back from the fair", "counted")
ADJUSTMENT_NAME = "Adjust bad debt"
# Spread of the lengths of orders without a customer.
WEB_SPREAD = 1.1


def draw_charges(
    rng: np.random.Generator,
    sales: pd.DataFrame,
    web: pd.DataFrame,
    calendar: Calendar,
    options: GiftShopSample,
) -> pd.DataFrame:
    """Draw the lines that charge for no product.

    Args:
        rng: Source of the draws.
        sales: Grain: order line of a known customer.
        web: Grain: order line of the web shop, whose customers are unknown.
        calendar: Trading days of the shop.
        options: Lines per code.

    Returns:
        Grain: line, in the form of ``sales``, with code and name.
    """
    header = ["source", "order", "customer", "country", "day", "at", "progress"]
    known, online = (lines.drop_duplicates("order")[header] for lines in (sales, web))
    hosts = {
        "known": known,
        "abroad": known[known["country"] != HOME],
        "eire": known[known["country"] == "EIRE"],
        "web": online,
    }
    parts = []
    for code, count in options.other_codes.items():
        charge = CHARGES[code]
        returned = round(count * charge.returned)
        for place, lines, kind in (
            (charge.place, count - returned, ""),
            (charge.place_returned, returned, RETURN),
        ):
            if lines:
                host = _host(rng, f"{code} {kind}", place, lines, hosts, calendar, options)
                parts.append(_charge_lines(rng, host, code, charge, kind))
    return pd.concat([*parts, _tiny(rng, known, options)], ignore_index=True)


def _host(
    rng: np.random.Generator,
    source: str,
    place: Place,
    lines: int,
    hosts: dict[str, pd.DataFrame],
    calendar: Calendar,
    options: GiftShopSample,
) -> pd.DataFrame:
    """Choose the orders that charges stand on, or open invoices of their own."""
    if place in hosts:
        chosen = hosts[place]
        rows = rng.choice(len(chosen), lines, replace=lines > len(chosen))
        return chosen.iloc[rows].reset_index(drop=True)
    day = rng.integers(0, calendar.days.size, lines)
    known = hosts["known"].iloc[rng.integers(len(hosts["known"]), size=lines)]
    is_known = place == "own_known"
    return pd.DataFrame(
        {
            "source": source,
            "order": np.arange(lines),
            "customer": known["customer"].to_numpy() if is_known else NOBODY,
            "country": known["country"].to_numpy() if is_known else HOME,
            "day": day,
            "at": times_on(rng, calendar, day, options),
            "progress": day / calendar.days.size,
        }
    )


def _charge_lines(
    rng: np.random.Generator, host: pd.DataFrame, code: str, charge: Charge, kind: str
) -> pd.DataFrame:
    """Write one code onto the chosen orders."""
    mills = np.array(charge.mills)[rng.integers(len(charge.mills), size=len(host))]
    if kind and charge.largest is not None:
        mills[0] = charge.largest
    # Postage is charged by the parcel.
    parcels = code == "POST" and not kind
    units = 1 + rng.geometric(0.6, len(host)) // 2 if parcels else np.ones(len(host), np.int64)
    return host.assign(
        product=NO_PRODUCT,
        code=code,
        name=charge.name,
        quantity=-units if kind else units,
        mills=mills,
        kind=kind,
    )


def _tiny(rng: np.random.Generator, known: pd.DataFrame, options: GiftShopSample) -> pd.DataFrame:
    """Add charges that cost next to nothing: one bank charge, and pads for nothing."""
    host = known.iloc[rng.integers(len(known), size=options.tiny_bank_charges + options.free_pads)]
    bank = np.arange(len(host)) < options.tiny_bank_charges
    return host.assign(
        product=NO_PRODUCT,
        code=np.where(bank, "BANK CHARGES", "PADS"),
        name=np.where(bank, CHARGES["BANK CHARGES"].name, CHARGES["PADS"].name),
        quantity=1,
        mills=np.where(bank, 1, 0),
        kind="",
    )


def draw_stock_notes(
    rng: np.random.Generator, products: pd.DataFrame, calendar: Calendar, options: GiftShopSample
) -> pd.DataFrame:
    """Draw what the warehouse wrote into the till: price 0, no customer, one line each.

    Args:
        rng: Source of the draws.
        products: Grain: product (gift_assortment).
        calendar: Trading days of the shop.
        options: How many notes of each kind.

    Returns:
        Grain: line, each with an order of its own; the odd products are among them.
    """
    names, signs = _note_texts(products, options)
    product = rng.integers(len(products), size=len(names))
    # Everybody found something else wrong with one product.
    first = options.stock_notes.unnamed_down
    product[first : first + options.stock_notes.notes_of_one_product] = 0
    units = np.rint(rng.lognormal(2.3, 1.1, len(names))).astype(np.int64) + 1
    lines = pd.DataFrame(
        {"product": product, "code": None, "name": names, "quantity": signs * units, "mills": 0}
    )
    odd = pd.DataFrame(ODD_PRODUCTS, columns=["code", "name", "quantity", "mills"])
    lines = pd.concat([lines, odd.assign(product=NO_PRODUCT)], ignore_index=True)
    day = rng.integers(0, calendar.days.size, len(lines))
    return lines.assign(
        source="stock",
        order=np.arange(len(lines)),
        customer=NOBODY,
        country=HOME,
        day=day,
        at=times_on(rng, calendar, day, options),
        progress=day / calendar.days.size,
        kind="",
    )


def _note_texts(
    products: pd.DataFrame, options: GiftShopSample
) -> tuple[list[str | None], Integers]:
    """Write the names of all notes, and whether units went or came (-1 or 1)."""
    notes = options.stock_notes
    noted = notes.noted_down - notes.question_marks
    down: list[str | None] = [
        *[UNNAMED] * notes.unnamed_down,
        *islice(cycle(NOTES_DOWN), noted),
        *islice(cycle(("?", "??", "?")), notes.question_marks),
    ]
    up: list[str | None] = [
        *[UNNAMED] * notes.unnamed_up,
        *islice(cycle(NOTES_UP), notes.noted_up - 1),
        # Somebody meant another product and wrote its number.
        str(products["code"].iloc[1])[:DIGITS],
        *[None] * notes.named_up,
    ]
    return [*down, *up], np.repeat([-1, 1], [len(down), len(up)])


def make_adjustments(options: GiftShopSample) -> pd.DataFrame:
    """Write a debt off: three invoices with A, a minute apart, two of a negative price."""
    first = np.datetime64(options.adjusted_at, "m")
    mills = np.array([1, -1, -1]) * options.bad_debt_pence * 10
    return pd.DataFrame(
        {
            "source": "adjustment",
            "order": np.arange(mills.size),
            "customer": NOBODY,
            "country": HOME,
            "at": (first + np.arange(mills.size)).astype("datetime64[s]"),
            "product": NO_PRODUCT,
            "code": "B",
            "name": ADJUSTMENT_NAME,
            "quantity": 1,
            "mills": mills,
            "kind": ADJUSTMENT,
        }
    )


def draw_web_orders(
    rng: np.random.Generator, products: pd.DataFrame, calendar: Calendar, options: GiftShopSample
) -> pd.DataFrame:
    """Draw orders without a customer: a few long ones of the web shop, some short ones.

    Args:
        rng: Source of the draws.
        products: Grain: product (gift_assortment).
        calendar: Trading days of the shop.
        options: Number of orders and lines.

    Returns:
        Grain: order line, no product twice in an order.
    """
    size = options.web_orders
    lines = share_out(rng.lognormal(0, WEB_SPREAD, size), options.web_lines, at_least=1)
    lines = np.minimum(lines, len(products) // 2)
    weights = np.sqrt(products["weight"].to_numpy())
    of = np.repeat(np.arange(size), lines)
    product = np.concatenate([draw_distinct(rng, weights, count) for count in lines])
    day = np.sort(calendar.day_at(rng.uniform(0, calendar.length, size)))
    country = np.full(size, HOME, dtype=object)
    country[:: max(1, size // 6)] = "Hong Kong"
    return pd.DataFrame(
        {
            "source": "web",
            "order": of,
            "customer": NOBODY,
            "country": country[of],
            "day": day[of],
            "at": times_on(rng, calendar, day, options)[of],
            "progress": (day / calendar.days.size)[of],
            "product": product,
            "quantity": rng.geometric(0.45, of.size),
            "mills": products["web_mills"].to_numpy()[product],
            "kind": "",
        }
    )

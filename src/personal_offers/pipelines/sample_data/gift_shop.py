"""Synthetic raw file shaped like that of an online gift retailer (UCI Online Retail form).

Customers buy first (gift_customers), then their records are spoilt in the ways in which the real
ones are: returns, charges, notes of the warehouse, copies, lost ids (gift_returns,
gift_charges and here). Ids, names and amounts are invented; no row of the real file is used.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from personal_offers.pipelines.sample_data.gift_assortment import make_assortment
from personal_offers.pipelines.sample_data.gift_charges import (
    draw_charges,
    draw_stock_notes,
    draw_web_orders,
    make_adjustments,
)
from personal_offers.pipelines.sample_data.gift_customers import (
    HOME,
    draw_customers,
    draw_lines,
    draw_orders,
)
from personal_offers.pipelines.sample_data.gift_returns import (
    NOBODY,
    RETURN,
    draw_huge_orders,
    draw_returns,
)
from personal_offers.pipelines.sample_data.order_lines import (
    Calendar,
    Integers,
    make_calendar,
    share_out,
)
from personal_offers.pipelines.sample_data.params import GiftShopSample

# How busy a day is, from January to December and from Monday to Sunday; Saturday is free.
MONTH_PACE = (0.72, 0.75, 0.85, 0.85, 0.98, 0.92, 0.87, 0.85, 1.2, 1.28, 1.75, 1.3)
WEEKDAY_PACE = (0.92, 1.02, 1.1, 1.28, 0.95, 0.0, 0.73)
# Gaps between invoice numbers: some numbers were never used.
NUMBER_USED = 0.57
COPIES_STEEPNESS = 0.7
WEB_COPIES = 0.05
RETURN_COPIES = 0.6
LONG_ORDER = 3


def generate_gift_shop(options: GiftShopSample) -> pd.DataFrame:
    """Generate the raw order lines of the gift shop.

    Args:
        options: Size, seed and quirks of the sample.

    Returns:
        Grain: order line, sorted by date, every cell already formatted as in the raw file:
        InvoiceNo, StockCode, Description, Quantity, InvoiceDate (local time), UnitPrice
        (pounds), CustomerID, Country. An empty text is a missing value.
    """
    rng = np.random.default_rng(options.seed)
    calendar = make_calendar(
        options.first_at.date(),
        options.last_at.date(),
        options.closed_days,
        MONTH_PACE,
        WEEKDAY_PACE,
    )
    products = make_assortment(rng, options)
    sales = _draw_sales(rng, products, calendar, options)
    web = draw_web_orders(rng, products, calendar, options)
    parts = [
        sales,
        web,
        draw_huge_orders(rng, sales, products, calendar, options),
        draw_returns(rng, sales, products, calendar, options),
        draw_charges(rng, sales, web, calendar, options),
        draw_stock_notes(rng, products, calendar, options),
        make_adjustments(options),
    ]
    lines = pd.concat(parts, ignore_index=True)
    lines = lines.assign(
        document=lines.groupby(["source", "order", "kind"], sort=False).ngroup(),
        place=rng.random(len(lines)),
    )
    lines = _write_products(rng, lines, products, options)
    # Copies come last: a line and its copy stand in the same minute.
    lines = _add_copies(rng, _straddle(rng, lines, options), options)
    return _format(rng, _number(rng, lines), options)


def _draw_sales(
    rng: np.random.Generator, products: pd.DataFrame, calendar: Calendar, options: GiftShopSample
) -> pd.DataFrame:
    """Draw what known customers buy; a few lines are free, a few customers move."""
    customers = draw_customers(rng, options)
    orders = draw_orders(rng, customers, calendar, options)
    orders["country"] = _let_some_move(rng, orders, options)
    lines = draw_lines(rng, orders, customers, products, options)
    header = orders.iloc[lines["order"]].reset_index(drop=True)
    lines = pd.concat([lines, header], axis=1).assign(source="sale", kind="")
    lines["wholesaler"] = customers["wholesaler"].to_numpy()[lines["customer"]]
    lines.loc[rng.choice(len(lines), options.free_lines, replace=False), "mills"] = 0
    return lines


def _let_some_move(
    rng: np.random.Generator, orders: pd.DataFrame, options: GiftShopSample
) -> list[str]:
    """Give the later orders of some customers abroad another country."""
    country = orders["country"].to_numpy(dtype=object).copy()
    abroad = orders[(country != HOME) & (country != "EIRE")]
    several = abroad.groupby("customer")["day"].agg(["nunique", "median"])
    several = several[several["nunique"] > 1]
    chosen = several.loc[rng.choice(several.index, options.two_country_customers, replace=False)]
    middle = orders["customer"].map(chosen["median"]).to_numpy(dtype=np.float64)
    country[orders["day"].to_numpy() > middle] = "Unspecified"
    return [str(name) for name in country]


def _write_products(
    rng: np.random.Generator, lines: pd.DataFrame, products: pd.DataFrame, options: GiftShopSample
) -> pd.DataFrame:
    """Write the code and the name of the day; some codes get a small letter."""
    product = lines["product"].to_numpy()
    real = product >= 0
    of = products.iloc[np.where(real, product, 0)]
    later = lines["progress"].to_numpy() >= of["changes_at"].to_numpy()
    name = np.where(later, of["later_name"], of["name"])
    code = np.where(real, of["code"], lines["code"]).astype(object)
    cased = np.flatnonzero(real & of["cased"].to_numpy())
    small = rng.choice(cased, min(options.small_letter_lines, cased.size), replace=False)
    code[small] = [str(text).lower() for text in code[small]]
    return lines.assign(code=code, name=np.where(lines["name"].isna(), name, lines["name"]))


def _add_copies(
    rng: np.random.Generator, lines: pd.DataFrame, options: GiftShopSample
) -> pd.DataFrame:
    """Repeat lines exactly, elsewhere in the same order."""
    # Baskets of the web shop are counted by a machine: hardly any of their lines is doubled.
    weight = np.where(lines["source"] == "web", WEB_COPIES, 1.0)
    weight = np.where(lines["kind"] == RETURN, RETURN_COPIES, weight)
    long = lines.assign(weight=weight).groupby("document")["weight"].agg(["size", "sum"])
    long = long[long["size"] >= LONG_ORDER]
    share = long["sum"].to_numpy() / long["sum"].sum()
    orders = rng.choice(long.index, options.orders_with_copies, replace=False, p=share)
    weights = (np.arange(orders.size) + 4.0) ** -COPIES_STEEPNESS
    copies = pd.Series(share_out(weights, options.exact_copies, 1), index=orders)
    held = lines[lines["document"].isin(orders)].sample(frac=1, random_state=rng)
    first = held.groupby("document")["place"].rank(method="first") - 1
    # Short orders repeat a line more than once.
    wanted = held["document"].map(copies).to_numpy()
    size = held.groupby("document")["place"].transform("size").to_numpy()
    times = wanted // size + (first.to_numpy() < wanted % size)
    extra = held.loc[held.index.repeat(times)]
    return pd.concat([lines, extra.assign(place=rng.random(len(extra)))], ignore_index=True)


def _straddle(
    rng: np.random.Generator, lines: pd.DataFrame, options: GiftShopSample
) -> pd.DataFrame:
    """Let the lines of some orders run into the next minute."""
    sales = lines[(lines["source"] == "sale") & (lines["at"] < options.last_at)]
    spread = sales.groupby("document")["place"].agg(["min", "max"])
    spread = spread[spread["min"] < 0.5 * spread["max"]]
    orders = rng.choice(spread.index, options.two_minute_orders, replace=False)
    middle = lines["document"].map(0.5 * spread.loc[orders, "max"]).to_numpy(dtype=np.float64)
    next_minute = lines["place"].to_numpy() > middle
    delay = pd.to_timedelta(next_minute.astype(np.int64), unit="min")
    return lines.assign(at=lines["at"] + delay)


def _number(rng: np.random.Generator, lines: pd.DataFrame) -> pd.DataFrame:
    """Sort by time and number the invoices in the order in which they were opened."""
    opened = lines.groupby("document")["at"].min().sort_values(kind="stable")
    steps = rng.geometric(NUMBER_USED, opened.size)
    number = pd.Series(np.cumsum(steps), index=opened.index)
    lines = lines.assign(number=lines["document"].map(number).astype(np.int64))
    return lines.sort_values(["at", "number", "place"], ignore_index=True)


def _format(rng: np.random.Generator, lines: pd.DataFrame, options: GiftShopSample) -> pd.DataFrame:
    """Write every cell as the real file does."""
    ids = _customer_ids(rng, options)
    customer = lines["customer"].to_numpy(dtype=np.int64)
    return pd.DataFrame(
        {
            "InvoiceNo": lines["kind"] + (lines["number"] + options.first_invoice - 1).astype(str),
            "StockCode": lines["code"].astype(str),
            "Description": lines["name"].astype(str),
            "Quantity": lines["quantity"].astype(np.int64).astype(str),
            "InvoiceDate": lines["at"].dt.strftime("%Y-%m-%d %H:%M:%S"),
            "UnitPrice": (lines["mills"] / 1_000).astype(str),
            "CustomerID": np.where(customer == NOBODY, "", ids.astype(str)[customer]),
            "Country": lines["country"].astype(str),
        }
    )


def _customer_ids(rng: np.random.Generator, options: GiftShopSample) -> Integers:
    """Draw ids of five digits in no order, with gaps."""
    steps = rng.choice(options.customers * 4 // 3, options.customers, replace=False)
    ids: Integers = options.first_customer_id + steps
    return ids

"""What customers spent by category and order: the facts that interests are found from.

Lines become one row per customer, order and category in the engine; what comes into memory is one
row per customer of a bounded sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from personal_offers.lots import PRIME, is_drawn
from personal_offers.order_history import lines_known_at, whole
from personal_offers.pipelines.interests.category_params import OTHER

CENTS = 100


@dataclass(frozen=True)
class FirstSeen:
    """Customers whose first purchase lies in a stretch of time.

    Attributes:
        since: Its first moment, in the shop's local time; none for the beginning of the data.
        before: The first moment after it; none for the end of the data.
    """

    since: datetime | None = None
    before: datetime | None = None


def known_categories(product_categories: pd.DataFrame) -> list[str]:
    """Return the categories that can be somebody's interest: all but ``other``, by key."""
    return sorted(set(product_categories["category"].dropna().astype(str)) - {OTHER})


def numbered_lines(
    order_lines: ir.Table, product_categories: pd.DataFrame, moment: datetime
) -> ir.Table:
    """Give each line the category of its product and the number of its order.

    Args:
        order_lines: Grain: one order line.
        product_categories: Grain: one product: product_id, category.
        moment: Last moment that may be seen, in the shop's local time.

    Returns:
        Grain: one trusted line logged at that moment or before: row_number, customer_id,
        category (``other`` for a product that the table lacks), cents (int64, signed; hundredths
        of a currency unit), bought (not taken back), order_number (1, 2, … over the purchase
        orders of a customer by time, those of the same moment by id; 0 where an order only takes
        back), ordered_at (of the order's first line), logged_at (of this one).
    """
    lines = lines_known_at(order_lines, moment)
    orders = lines.group_by("customer_id", "order_id").aggregate(
        order_at=lines.ordered_at.min(), purchase=(lines.quantity > 0).max()
    )
    by_time = ibis.window(
        group_by=[orders.customer_id, orders.purchase],
        order_by=[orders.order_at, orders.order_id],
    )
    place = ibis.row_number().over(by_time).cast("int64") + 1
    orders = orders.mutate(order_number=ibis.ifelse(orders.purchase, place, 0))
    joined = lines.left_join(orders, ["customer_id", "order_id"])
    joined = joined.drop("customer_id_right", "order_id_right")
    lookup = _lookup(product_categories)
    found = joined.left_join(lookup, joined.product_id == lookup.known_id)
    return found.select(
        "row_number",
        "customer_id",
        "order_number",
        category=ibis.coalesce(found.known_category, OTHER),
        cents=(found.amount * CENTS).cast("int64"),
        bought=found.quantity > 0,
        ordered_at=found.order_at,
        logged_at=found.logged_at,
    )


def _lookup(product_categories: pd.DataFrame) -> ir.Table:
    known = product_categories.dropna(subset=["category"])
    frame = pd.DataFrame(
        {
            "known_id": known["product_id"].astype(str).to_numpy(dtype=object),
            "known_category": known["category"].astype(str).to_numpy(dtype=object),
        }
    )
    return ibis.memtable(frame, schema={"known_id": "string", "known_category": "string"})


def spend_known_at(
    order_lines: ir.Table, product_categories: pd.DataFrame, moment: datetime
) -> ir.Table:
    """Add lines up to what each order of each customer spent on each category.

    Args:
        order_lines: Grain: one order line.
        product_categories: Grain: one product: product_id, category.
        moment: Last moment that may be seen, in the shop's local time.

    Returns:
        Grain: one row per customer, order (all that only take back are number 0) and category:
        customer_id, order_number, category, ordered_at (of the order), known_at (when the last of
        the lines was logged), gross_cents (bought) and net_cents (less what was taken back;
        int64, hundredths of a currency unit).
    """
    lines = numbered_lines(order_lines, product_categories, moment)
    return lines.group_by("customer_id", "order_number", "category").aggregate(
        ordered_at=lines.ordered_at.min(),
        known_at=lines.logged_at.max(),
        gross_cents=whole(lines.cents.sum(where=lines.bought).fill_null(0)),
        net_cents=whole(lines.cents.sum()),
    )


def first_purchases(spend: ir.Table) -> ir.Table:
    """Return when each customer first bought: customer_id, first_at and orders (purchases)."""
    bought = spend.filter(spend.order_number > 0)
    return bought.group_by("customer_id").aggregate(
        first_at=bought.ordered_at.min(), orders=bought.order_number.max()
    )


def draw_customers(spend: ir.Table, seen: FirstSeen, largest: int, seed: int) -> ir.Table:
    """Keep the rows of customers first seen in a stretch of time, of some where there are many.

    The draw depends on the place of the customer in the order of ids alone (see ``lots``).

    Args:
        spend: Grain: customer, order and category (``spend_known_at``).
        seen: Whose first purchase counts.
        largest: Customers that are taken at most, about.
        seed: Of the draw.

    Returns:
        Purchases only, cached: the columns of ``spend``.
    """
    first = first_purchases(spend)
    if seen.since is not None:
        first = first.filter(first.first_at >= seen.since)
    if seen.before is not None:
        first = first.filter(first.first_at < seen.before)
    everyone = first.count().to_pyarrow().as_py()
    if everyone > largest:
        first = first.mutate(place=ibis.row_number().over(order_by=first.customer_id))
        first = first.filter(is_drawn(first.place, seed, largest, everyone))
    bought = spend.filter(spend.order_number > 0)
    return bought.semi_join(first, "customer_id").cache()


def rows_after(
    drawn: ir.Table, categories: Sequence[str], after: Sequence[int]
) -> tuple[pd.DataFrame, list[dict[str, int]]]:
    """Part the orders of customers into those up to a number and the later ones.

    Args:
        drawn: Purchases by customer, order and category (``draw_customers``).
        categories: Keys; their order is that of the columns.
        after: Numbers of orders, rising.

    Returns:
        First, one row per number and customer with later spend on one of the categories, ordered
        by number and id: after, customer_id, first_at (of the first purchase), moment (of the
        last one so far), so_far_0 … and later_0 … (gross cents by category), so_far (of all,
        ``other`` included). Second, one dict per number: after_orders, customers (with so many
        orders), no_later_order, later_only_other, with_target.
    """
    frames, counts = [], []
    for number in after:
        parted = _parted(drawn, categories, number).cache()
        facts = parted.aggregate(
            customers=parted.count(),
            no_later_order=(parted.orders <= number).sum(),
            with_target=(parted.best_later > 0).sum(),
        )
        found = {name: int(value or 0) for name, value in facts.to_pyarrow().to_pylist()[0].items()}
        lost = found["customers"] - found["no_later_order"] - found["with_target"]
        counts.append({"after_orders": number} | found | {"later_only_other": lost})
        kept = parted.filter(parted.best_later > 0).order_by("customer_id")
        frames.append(kept.drop("orders", "best_later").to_pandas().assign(after=number))
    return pd.concat(frames, ignore_index=True), counts


def _parted(drawn: ir.Table, categories: Sequence[str], number: int) -> ir.Table:
    """Return one row per customer with so many orders: spend until then and later."""
    begun = drawn.order_number <= number
    sums: dict[str, ir.Value] = {
        "orders": drawn.order_number.max(),
        "first_at": drawn.ordered_at.min(),
        "moment": drawn.ordered_at.max(where=begun),
        "so_far": _cents(drawn, begun),
    }
    for place, category in enumerate(categories):
        own = drawn.category == category
        sums[f"so_far_{place}"] = _cents(drawn, begun & own)
        sums[f"later_{place}"] = _cents(drawn, ~begun & own)
    wide = drawn.group_by("customer_id").aggregate(**sums)
    wide = wide.filter(wide.orders >= number)
    later = [wide[f"later_{place}"] for place in range(len(categories))]
    best = ibis.greatest(*later) if later else ibis.literal(0)
    return wide.mutate(best_later=best)


def _cents(drawn: ir.Table, where: ir.BooleanValue) -> ir.IntegerScalar:
    return whole(drawn.gross_cents.sum(where=where).fill_null(0))


def daily_spend(spend: ir.Table, categories: Sequence[str]) -> pd.DataFrame:
    """Add up what the whole shop sold, day by day.

    Args:
        spend: Grain: customer, order and category (``spend_known_at``).
        categories: Keys; their order is that of the columns.

    Returns:
        Grain: one row per calendar day without gaps; index: the day; columns: gross cents of
        each category, counted on the day when they were completely known. Empty where nothing
        was sold.
    """
    sold = spend.filter(spend.category.isin(list(categories)) & (spend.gross_cents > 0))
    days = sold.group_by(day=sold.known_at.date(), category=sold.category).aggregate(
        cents=whole(sold.gross_cents.sum())
    )
    found = days.to_pandas()
    if found.empty:
        return pd.DataFrame(columns=list(categories), dtype=float)
    wide = found.pivot(index="day", columns="category", values="cents")
    wide.index = pd.to_datetime(wide.index)
    every_day = pd.date_range(wide.index.min(), wide.index.max(), freq="D")
    whole_days: pd.DataFrame = wide.reindex(index=every_day, columns=list(categories))
    return whole_days.fillna(0).astype(float)


def season_before(
    daily: pd.DataFrame, moments: Any, days: int, floor: float
) -> NDArray[np.float64]:
    """Return the shop's shares of spend by category in the days before a moment.

    Args:
        daily: From ``daily_spend``.
        moments: Timestamps; the days before the calendar day of each count.
        days: How many.
        floor: Share that is spread evenly over all categories.

    Returns:
        Shape (moments, categories), each row adds up to 1; equal shares where nothing was sold.
    """
    size = daily.shape[1]
    equal = np.full((len(moments), size), 1 / size)
    if daily.empty:
        return equal
    sums = np.vstack([np.zeros(size), daily.to_numpy().cumsum(axis=0)])
    place = (pd.DatetimeIndex(moments).normalize() - daily.index[0]).days.to_numpy()
    last, first = (np.clip(ends, 0, len(daily)) for ends in (place, place - days))
    sold = sums[last] - sums[first]
    total = sold.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, sold / np.where(total > 0, total, 1), equal)
    found: NDArray[np.float64] = shares * (1 - floor) + floor / size
    return found


def halves_of_later_lines(
    order_lines: ir.Table,
    product_categories: pd.DataFrame,
    drawn: ir.Table,
    moment: datetime,
    halvings: int,
    seed: int,
) -> list[NDArray[np.int64]]:
    """Part each customer's lines after the first order at random into two halves, several times.

    Args:
        order_lines: Grain: one order line.
        product_categories: Grain: one product: product_id, category.
        drawn: Purchases of the customers to look at (``draw_customers``).
        moment: Last moment that may be seen, in the shop's local time.
        halvings: How many times.
        seed: Of the halves; the same lines fall alike whatever the order of the rows.

    Returns:
        One array of shape (customers, 2, categories) per halving: gross cents of each half, of
        customers with two later lines or more, by id.
    """
    lines = numbered_lines(order_lines, product_categories, moment)
    customers = drawn.select("customer_id").distinct()
    later = lines.filter(lines.bought & (lines.order_number > 1))
    later = later.semi_join(customers, "customer_id").mutate(
        in_all=ibis._.count().over(group_by="customer_id")
    )
    later = later.filter(later.in_all > 1).cache()
    categories = known_categories(product_categories)
    if not categories:
        return []
    multipliers = np.random.default_rng(seed).integers(2, PRIME, size=(halvings, 2)).tolist()
    halves = []
    for first, second in multipliers:
        lot = (later.row_number.cast("int64") % PRIME) * first % PRIME
        lot = lot * lot % PRIME  # or lines that stand apart alike would always fall alike
        rank = ibis.row_number().over(
            ibis.window(
                group_by=later.customer_id, order_by=[lot * second % PRIME, later.row_number]
            )
        )
        dealt = later.mutate(half=rank.cast("int64") % 2)
        sums = {
            f"{half}_{place}": whole(
                dealt.cents.sum(
                    where=(dealt.half == half) & (dealt.category == category)
                ).fill_null(0)
            )
            for half in (0, 1)
            for place, category in enumerate(categories)
        }
        wide = dealt.group_by("customer_id").aggregate(**sums).order_by("customer_id").to_pandas()
        cents = wide.drop(columns="customer_id").to_numpy(dtype=np.int64)
        halves.append(cents.reshape(len(wide), 2, len(categories)))
    return halves


def cutoff_of(era: Mapping[str, Any]) -> datetime:
    """Return the cutoff of an era as a moment."""
    return datetime.fromisoformat(era["cutoff"])

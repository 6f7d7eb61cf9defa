"""Lines of the home goods shop that were logged again at other hours."""

from __future__ import annotations

import numpy as np
import pandas as pd

from personal_offers.pipelines.sample_data.home_orders import (
    DAY,
    HOUR,
    after,
    hours_of,
    keep_open,
    open_hours,
)
from personal_offers.pipelines.sample_data.order_lines import (
    Times,
    draw_distinct,
    position_within,
    share_out,
)
from personal_offers.pipelines.sample_data.params import HomeChannel, HomeGoodsSample, LoggedAgain

# Logarithmic mean and spread of the hours until a line is logged again.
NEXT_LOG = (2.2, 1.7)
# Orders of the last days before the break leave no time for copies.
LATEST = 7 * DAY
COPIES_SPREAD = 1.1


def log_again(
    rng: np.random.Generator, lines: pd.DataFrame, options: HomeGoodsSample
) -> pd.DataFrame:
    """Log lines again: most exactly, a few with another quantity or price.

    Args:
        rng: Source of the draws.
        lines: Grain: order line per customer, with channel and price.
        options: How many lines are logged again, and in which orders.

    Returns:
        The lines, and after them the copies.
    """
    parts = [lines]
    for number, again in enumerate(options.logged_again):
        parts.append(_log_basket(rng, lines[lines["host"] == number], again, options))
    for name in ("seedlings", "goods"):
        own = lines[lines["channel"] == name]
        parts.append(_log_some(rng, own, name, options))
    copies = pd.concat(parts[1:])
    # Outside the baskets that are configured one by one, single lines change.
    free = copies[copies["host"] < 0].drop_duplicates(["customer", "order", "product"])
    changed = options.changed_quantities + options.changed_prices
    row = free.iloc[rng.choice(len(free), changed, replace=False)]
    hour = row["hour"].to_numpy().astype("datetime64[h]")
    priced = np.arange(changed) >= options.changed_quantities
    row = row.assign(
        hour=keep_open(after(hour, np.ones(changed, np.int64)), hour, options),
        quantity=row["quantity"] + ~priced,
        price=row["price"] + 10 * priced,
    )
    return pd.concat([*parts, row], ignore_index=True)


def _log_basket(
    rng: np.random.Generator, basket: pd.DataFrame, again: LoggedAgain, options: HomeGoodsSample
) -> pd.DataFrame:
    """Log a whole basket again at many hours of a stated period."""
    first, last = hours_of([again.first_at, again.last_at])
    between = rng.choice(open_hours(first, last, options), again.hours - 2, replace=False)
    hours = np.append(np.sort(between), last)
    copies = basket.loc[basket.index.repeat(hours.size)]
    copies = copies.assign(hour=np.tile(hours, len(basket)))
    if not again.changed_once:
        return copies
    middle = hours[hours.size // 2]
    return copies.assign(
        quantity=copies["quantity"] + (copies["hour"] == middle).to_numpy().astype(np.int64)
    )


def _log_some(
    rng: np.random.Generator, lines: pd.DataFrame, name: str, options: HomeGoodsSample
) -> pd.DataFrame:
    """Log lines of many orders again, mostly once, some several times."""
    channel: HomeChannel = getattr(options, name)
    latest = hours_of([options.break_at])[0] - LATEST
    usable = lines[(lines["host"] < 0) & ~lines["largest"] & ~lines["shared"]]
    usable = usable[usable["hour"] < latest]
    size = usable.groupby("order").size()
    chosen = size.index[draw_distinct(rng, np.sqrt(size), channel.orders_logged_again)]
    weights = size[chosen] * rng.lognormal(0, COPIES_SPREAD, chosen.size)
    copies = pd.Series(share_out(weights, channel.lines_logged_again, 1), index=chosen)
    # Copies walk through the basket: every line once, then every line once more.
    order = np.repeat(chosen.to_numpy(), copies.to_numpy())
    number = position_within(pd.Series(order))
    basket = size[order].to_numpy()
    usable = usable.assign(place=position_within(usable["order"]))
    extra = pd.DataFrame({"order": order, "place": number % basket, "round": number // basket})
    extra = extra.merge(usable, on=["order", "place"])
    return extra.assign(hour=_later_hours(rng, extra, options))[lines.columns]


def _later_hours(rng: np.random.Generator, extra: pd.DataFrame, options: HomeGoodsSample) -> Times:
    """Give each round of copies of an order its hour, one after the other."""
    rounds = extra[["order", "round", "hour"]].drop_duplicates(["order", "round"])
    rounds = rounds.sort_values(["order", "round"], ignore_index=True)
    gap = np.rint(rng.lognormal(*NEXT_LOG, len(rounds))).astype(np.int64) + 1
    since = pd.Series(gap).groupby(rounds["order"]).cumsum().to_numpy()
    number = rounds["round"].to_numpy()
    start = rounds["hour"].to_numpy().astype("datetime64[h]")
    # Whatever would come after the break comes soon after the first line.
    soon = after(start, 2 * number + 1)
    hour = keep_open(after(start, since), keep_open(soon, soon, options), options)
    # What was moved may stand beside another round: rounds go on hour by hour from there.
    rounds = rounds.assign(later=hour).sort_values(["order", "later"], ignore_index=True)
    place = position_within(rounds["order"])
    free = rounds["later"].to_numpy().astype("datetime64[h]") - place * HOUR
    rounds["later"] = after(
        pd.Series(free).groupby(rounds["order"]).cummax().to_numpy().astype("datetime64[h]"), place
    )
    return extra.merge(rounds[["order", "round", "later"]], on=["order", "round"])[
        "later"
    ].to_numpy()

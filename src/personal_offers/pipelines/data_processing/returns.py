"""Returned goods matched to the purchases that they undo, and what is left without one.

A shop that records a return rarely says which purchase it undoes. The customer's units of one
product are therefore kept as a stack: a purchase lays units on top, a return takes the topmost
away (last in, first out). The height of a stack that cannot fall below its floor is the running
sum of all changes, less the lowest that sum has been where it was below zero (Skorokhod, 1961),
so no row needs the result of the row before it. Cut at every height that a stack ever had, each
slice is filled and emptied in turn: a return takes from the purchase just before it in its slice.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

_OF_STACK = ["customer_id", "product_id", "trusted"]


def match_returns(order_lines: ir.Table) -> ir.Table:
    """Match returned units to the customer's latest earlier purchases of the same product.

    Earlier means logged before; among lines logged at one moment purchases come first. A line
    that is not trusted is linked to no other: such a purchase is passed over, and such a return
    stays unmatched.

    Args:
        order_lines: Grain: one order line; a return has a negative quantity.

    Returns:
        Grain: one row per return line and purchase line that it takes from, and one for the
        units of a return line that no purchase was left for; ordered by return_row, latest
        purchase first. return_row and purchase_row (row_number of the lines; purchase_row null
        where unmatched), customer_id, product_id, returned_at and purchased_at (when the lines
        were logged, shop's local time; null likewise), units (int64 > 0), value (DECIMAL,
        currency units, at the return's own unit price: the rows of one return line add up to
        its amount without the sign, to the cent; 0 where the units are worth less than a cent).
    """
    events = _stack_changes(order_lines)
    slices = _slices(events)
    turns = events.inner_join(
        slices,
        [*_OF_STACK, events.lower < slices.top, events.upper >= slices.top],
    ).select(events, slices.top, slices.thickness)
    in_turn = ibis.window(group_by=[*_OF_STACK, "top"], order_by="step")
    is_filled = turns.top > 0
    taken = turns.mutate(
        units=ibis.ifelse(is_filled, turns.thickness, -turns.lower),
        purchase_row=ibis.ifelse(is_filled, turns.row_number.lag().over(in_turn), None),
        purchased_at=ibis.ifelse(is_filled, turns.logged_at.lag().over(in_turn), None),
    ).filter(ibis._.quantity < 0)
    pairs = taken.group_by(
        "row_number", "purchase_row", "purchased_at", "customer_id", "product_id", "logged_at"
    ).aggregate(
        units=taken.units.sum().cast("int64"),
        top=taken.top.max(),
        of_units=-taken.quantity.min(),
        of_cents=taken.cents.min(),
    )
    return _priced(pairs).order_by("return_row", ibis.desc("top")).drop("top").cache()


def _stack_changes(order_lines: ir.Table) -> ir.Table:
    """Say of every line of a stack with returns which heights it fills or empties.

    Returns:
        Grain: one order line whose stack has a return: step (place in its stack), lower and
        upper (heights in units; it changes those above lower up to upper), height (after it),
        cents (a return's worth, int64). Heights up to 0 are those of units that were never
        bought: a return whose lower is below 0 asked for that many too many.
    """
    counts = order_lines.trusted | (order_lines.quantity < 0)
    lines = order_lines.filter(counts & (order_lines.quantity != 0)).select(
        *_OF_STACK,
        "row_number",
        "logged_at",
        "quantity",
        cents=(-order_lines.amount * 100).cast("int64"),
    )
    returned = lines.filter(lines.quantity < 0).select(_OF_STACK).distinct()
    order = ["logged_at", lines.quantity < 0, "row_number"]
    so_far = ibis.window(group_by=_OF_STACK, order_by=order, preceding=None, following=0)
    lines = lines.semi_join(returned, _OF_STACK)
    lines = lines.mutate(
        step=ibis.row_number().over(ibis.window(group_by=_OF_STACK, order_by=order)),
        total=lines.quantity.sum().over(so_far).cast("int64"),
    )
    before = ibis.window(group_by=_OF_STACK, order_by="step", preceding=(None, 1))
    lines = lines.mutate(floor=ibis.least(lines.total.min().over(before).fill_null(0), 0))
    end = lines.total - lines.floor
    start = end - lines.quantity
    return lines.mutate(
        lower=ibis.least(start, end), upper=ibis.greatest(start, end), height=ibis.greatest(end, 0)
    )


def _slices(events: ir.Table) -> ir.Table:
    """Cut each stack at every height that it had after some line.

    Returns:
        Grain: one slice of a stack: top (its upper edge, units), thickness (units). The slice
        with top 0 stands for units that were never bought.
    """
    tops = events.select(*_OF_STACK, top=events.height).distinct()
    upwards = ibis.window(group_by=_OF_STACK, order_by="top")
    return tops.mutate(thickness=tops.top - tops.top.lag().over(upwards).fill_null(0))


def _priced(pairs: ir.Table) -> ir.Table:
    """Share the amount of each return line out among its rows, to the cent.

    Each row gets the difference of two rounded running amounts, so that the parts add up.
    """
    downwards = ibis.window(
        group_by="row_number", order_by=ibis.desc("top"), preceding=None, following=0
    )
    pairs = pairs.mutate(so_far=pairs.units.sum().over(downwards).cast("int64"))

    def cents(units: ir.IntegerValue) -> ir.IntegerValue:
        # The share first: for the last row it is exactly 1, however large the amount is.
        return (pairs.of_cents * (units / pairs.of_units) + 0.5).floor().cast("int64")

    part = cents(pairs.so_far) - cents(pairs.so_far - pairs.units)
    return pairs.select(
        return_row="row_number",
        purchase_row="purchase_row",
        customer_id="customer_id",
        product_id="product_id",
        returned_at="logged_at",
        purchased_at="purchased_at",
        units="units",
        value=(part.cast("decimal(18, 2)") * Decimal("0.01")).cast("decimal(18, 2)"),
        top="top",
    )


def summarise_returns(matched: ir.Table, order_lines: ir.Table) -> pd.DataFrame:
    """Count and price the returns that have a purchase and those that have none.

    Args:
        matched: What ``match_returns`` gave for ``order_lines``.
        order_lines: Grain: one order line.

    Returns:
        Grain: one row per part of the returned units, in column ``part``: ``matched``,
        ``unmatched``, ``all``. return_lines (lines with at least one such unit: a line that is
        matched in part counts in both parts), units, value (Decimal, currency units, above 0),
        customers, share (of the value of all returns), share_of_units (of all returned units),
        share_of_sales (value over gross revenue), median_days (calendar days from purchase to
        return, each pair of lines counted once). Shares of nothing and unknown days are None.
    """
    linked = matched.purchase_row.notnull()
    days = matched.returned_at.date().delta(matched.purchased_at.date(), unit="day")
    measures: dict[str, ir.Scalar] = {"median_days": days.median().cast("float64")}
    for part, where in {"matched": linked, "unmatched": ~linked, "all": None}.items():
        measures |= {
            f"{part}__return_lines": matched.return_row.nunique(where=where),
            f"{part}__units": matched.units.sum(where=where).fill_null(0).cast("int64"),
            f"{part}__value": matched.value.sum(where=where).cast("decimal(18, 2)"),
            f"{part}__customers": matched.customer_id.nunique(where=where),
        }
    found = matched.aggregate(**measures).to_pyarrow().to_pylist()[0]
    sold = order_lines.amount.sum(where=order_lines.quantity > 0).cast("decimal(18, 2)")
    gross = sold.to_pyarrow().as_py()
    return pd.DataFrame([_part(name, found, gross) for name in ("matched", "unmatched", "all")])


def _part(name: str, found: dict[str, Any], gross: Decimal | None) -> dict[str, Any]:
    """Return one row of the summary."""
    value = found[f"{name}__value"] or Decimal("0.00")
    units = found[f"{name}__units"]
    return {
        "part": name,
        "return_lines": found[f"{name}__return_lines"],
        "units": units,
        "value": value,
        "customers": found[f"{name}__customers"],
        "share": _ratio(value, found["all__value"]),
        "share_of_units": _ratio(units, found["all__units"]),
        "share_of_sales": _ratio(value, gross),
        "median_days": None if name == "unmatched" else found["median_days"],
    }


def _ratio(part: Decimal | int, whole: Decimal | int | None) -> float | None:
    return float(part / whole) if whole else None

"""Customers counted on a grid of risk x profit, so that a page can move the thresholds itself.

Every place where a slider can stand is an edge of the grid. Whatever the thresholds, a segment is
then a sum of whole cells, and of whole numbers: the page gets exactly what the customers
themselves would give, from a table whose size does not depend on how many they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from personal_offers.figure_style import decimals_of
from personal_offers.pipelines.reporting.params import ReportingOptions

# Amounts are whole numbers of 10^-4 units. JavaScript adds whole numbers exactly up to 2^53, which
# is 900 billion units of profit a month.
SCALE_DIGITS = 4

_KEYS = ("risk_from", "profit_from")
_SUMS = ("customers", "profit", "profit_at_risk")
_SCHEMA = ibis.schema(dict.fromkeys(_KEYS, "float64") | dict.fromkeys(_SUMS, "int64"))
# Rounding of k x step, so that 7 x 0.01 is 0.07.
_STOP_DIGITS = 10
# Digits of a stop of profit; people choose no finer.
_PROFIT_DIGITS = 6


def count_threshold_grid(
    segments: ir.Table | None,
    segment_thresholds: Mapping[str, Any] | None,
    options: ReportingOptions,
) -> ir.Table:
    """Count customers and profit in every cell between the stops of the two sliders.

    A customer is in a cell when the risk is at least ``risk_from`` and below the next stop, and
    the profit likewise; the last stops have no upper end. So a threshold at a stop divides the
    cells as ``segmentation`` divides customers: what equals the threshold is high.

    Args:
        segments: Grain: one customer: decline_risk (0 to 1) and profit (unit of the shop's
            profit), null where unknown. None where there are no segments.
        segment_thresholds: ``risk`` and ``profit``: the configured thresholds, each a stop too;
            null where the shop has none.
        options: Where the stops of the sliders are.

    Returns:
        Grain: cell, ordered: risk_from, profit_from, and as whole numbers customers, profit and
        profit_at_risk (risk x profit), the two in 10^-SCALE_DIGITS units of profit, each customer
        rounded. Cells without customers are left out, but every stop is in the table. One row
        without ``risk_from`` holds who has no risk or no profit (an unknown profit counts zero).
    """
    if segments is None:
        return ibis.memtable([], schema=_SCHEMA)
    is_placed = segments.decline_risk.notnull() & segments.profit.notnull()
    placed = segments.filter(is_placed)
    configured = segment_thresholds or {}
    risks = risk_stops(options.risk_step, configured.get("risk"))
    profits = profit_stops(placed, options.profit_stops, configured.get("profit"))
    cells = placed.select(
        risk_from=_stop_below(placed.decline_risk, risks),
        profit_from=_stop_below(placed.profit, profits),
        profit=_whole(placed.profit),
        profit_at_risk=_whole(placed.decline_risk * placed.profit),
    )
    counted = cells.group_by(*_KEYS).aggregate(**_summed(cells))
    rest = segments.filter(~is_placed)
    rest = rest.select(profit=_whole(rest.profit.fill_null(0.0)), profit_at_risk=ibis.literal(0))
    unknown = rest.aggregate(**_summed(rest)).mutate(**dict.fromkeys(_KEYS, ibis.null("float64")))
    parts = [counted, unknown.select(*_SCHEMA.names), _empty_cells(risks, profits)]
    rows = ibis.union(*(part.select(*_SCHEMA.names).cast(_SCHEMA) for part in parts))
    grid = rows.group_by(*_KEYS).aggregate(
        **{name: rows[name].sum().cast("decimal(38, 0)").cast("int64") for name in _SUMS}
    )
    return grid.order_by(*_KEYS)


def risk_stops(step: float, configured: float | None) -> list[float]:
    """Return where the risk slider can stand: ``step`` apart from 0, then 1 and ``configured``.

    Args:
        step: Share of 1.
        configured: Threshold of the shop, or None.
    """
    count = math.floor(round(1 / step, _STOP_DIGITS))
    stops = {round(place * step, _STOP_DIGITS) for place in range(count + 1)} | {1.0}
    return sorted(stops | ({float(configured)} if configured is not None else set()))


def profit_stops(placed: ir.Table, wanted: int, configured: float | None) -> list[float]:
    """Return where the profit slider can stand: at as many customers from one to the next.

    Args:
        placed: Grain: one customer: profit.
        wanted: Stops, the smallest profit first; equal ones count once, so there may be fewer.
        configured: Threshold of the shop, or None; added.

    Returns:
        Ascending, rounded to six digits, the first not above the smallest profit; 0 where nobody
        has a profit.
    """
    shares = [place / wanted for place in range(wanted)]
    # All at once: one sort. One by one they would hold the profits as often as there are stops.
    found = placed.aggregate(at=placed.profit.quantile(shares)).to_pyarrow().to_pylist()[0]["at"]
    quantiles = [float(stop) for stop in found or () if stop is not None]
    stops = {round(stop, decimals_of(stop, _PROFIT_DIGITS)) for stop in quantiles}
    if quantiles and min(stops) > min(quantiles):
        stops = (stops - {min(stops)}) | {min(quantiles)}
    stops |= {float(configured)} if configured is not None else set()
    return sorted(stops) or [0.0]


def _stop_below(value: ir.NumericValue, stops: Sequence[float]) -> ir.NumericValue:
    """Return the last stop that a value reaches, by halving; the first where it reaches none."""
    if len(stops) == 1:
        return _exactly(stops[0])
    middle = len(stops) // 2
    return ibis.ifelse(
        value >= _exactly(stops[middle]),
        _stop_below(value, stops[middle:]),
        _stop_below(value, stops[:middle]),
    )


def _exactly(stop: float) -> ir.FloatingScalar:
    """Return a number as a constant of the query, to the last bit.

    As a bare number an engine would read a decimal, and round it its own way.
    """
    return ibis.literal(repr(stop)).cast("float64")


def _whole(amount: ir.NumericValue) -> ir.IntegerValue:
    """Return an amount as a whole number of 10^-SCALE_DIGITS units.

    Not by ``round``: engines differ in how they round a half.
    """
    return (amount.cast("float64") * 10**SCALE_DIGITS + 0.5).floor().cast("int64")


def _summed(table: ir.Table) -> dict[str, ir.IntegerValue]:
    sums = {name: table[name].sum().fill_null(0) for name in ("profit", "profit_at_risk")}
    return {"customers": table.count()} | sums


def _empty_cells(risks: Sequence[float], profits: Sequence[float]) -> ir.Table:
    """Return a cell without customers for every stop, so that none is lost where nobody stands."""
    cells = [(risk, profits[0]) for risk in risks] + [(risks[0], profit) for profit in profits]
    return ibis.memtable(
        pd.DataFrame(cells, columns=list(_KEYS)).assign(**dict.fromkeys(_SUMS, 0)), schema=_SCHEMA
    )

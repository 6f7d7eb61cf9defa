"""A test on the data themselves that nothing after the cutoff reaches a feature.

Lines after the cutoff are taken away, and in another run garbled and doubled: if any feature of
any customer then differs, it has seen the future. Reading the code proves less, because one join
of an unfiltered table is enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.data_processing.order_nodes import build_order_customers
from personal_offers.pipelines.data_processing.order_params import OrderLineOptions

Build = Callable[[FeatureRegistry, OrderLineOptions, ir.Table, Mapping[str, Any]], ir.Table]

# Later lines are multiplied by this: large enough to show, negative to turn sales into returns.
_FACTOR = -7
_MOVED = timedelta(days=40)
_NONSENSE = "a later line"
# Sums of floating-point numbers may differ in the last bits when rows come in another order.
_ROUNDING = 1e-9


def shift_future(
    registry: FeatureRegistry,
    options: OrderLineOptions,
    order_lines: ir.Table,
    cutoff: datetime,
    build: Build = build_order_customers,
) -> dict[str, Any]:
    """Change everything after a cutoff, and see whether the customers at the cutoff change.

    Args:
        registry: Features in the order of their computation.
        options: Who is regular, and how profit follows from revenue.
        order_lines: Grain: one order line, those after the cutoff among them.
        cutoff: Last moment that features may see, in the shop's local time. At the end of the
            data there is nothing to change, so an earlier one says more.
        build: What computes customers from lines.

    Returns:
        cutoff (ISO text), later_lines (lines that were changed: with none, nothing was tested),
        customers, features (columns that were compared: the features, profit, and whether a
        customer is regular) and changed, as column: customers whose value differs (in the worse
        of the two runs), for columns with a difference alone. Customers who appear or vanish
        count under ``customer_id``.
    """
    later = order_lines.logged_at > ibis.literal(cutoff)
    known, unknown = order_lines.filter(~later), order_lines.filter(later)
    garbled = _garble(unknown)
    era = {"cutoff": cutoff.isoformat()}
    before = build(registry, options, order_lines, era)
    compared = [name for name in before.columns if name != "customer_id"]
    changed: Counter[str] = Counter()
    for lines in (known, known.union(garbled, garbled)):
        # The larger of the two runs, because a customer who differs in both is one customer.
        changed |= Counter(_differences(before, build(registry, options, lines, era), compared))
    return {
        "cutoff": cutoff.isoformat(),
        "later_lines": _count(unknown),
        "customers": _count(before),
        "features": len(compared),
        "changed": {name: changed[name] for name in ("customer_id", *compared) if changed[name]},
    }


def _count(table: ir.Table) -> int:
    return int(table.count().to_pyarrow().as_py())


def _garble(later_lines: ir.Table) -> ir.Table:
    """Multiply, turn round, rename and move lines.

    A moved line stays after the cutoff: by its log, which is what knowing it hangs on. Its order
    is moved back in time, as if it had begun long ago.
    """
    t = later_lines
    return t.mutate(
        quantity=t.quantity * _FACTOR,
        amount=(t.amount * _FACTOR).cast(t.amount.type()),
        is_return=~t.is_return,
        trusted=ibis.literal(True),
        ordered_at=t.ordered_at - ibis.literal(_MOVED),
        logged_at=t.logged_at + ibis.literal(_MOVED),
        product_id=ibis.literal(_NONSENSE),
        country=ibis.literal(_NONSENSE),
    ).cast(t.schema())


def _differences(before: ir.Table, after: ir.Table, columns: list[str]) -> dict[str, int]:
    """Count customers whose value differs, per column.

    Returns:
        Column: customers who are in both tables and differ; ``customer_id``: those who are in
        one table only.
    """
    known, other = before.mutate(here=True), after.mutate(here=True).rename("{name}__after")
    both = known.outer_join(other, known.customer_id == other.customer_id__after)
    here = both.here.notnull() & both.here__after.notnull()
    counts = {name: (here & _differ(both[name], both[f"{name}__after"])).sum() for name in columns}
    row = both.aggregate(customer_id=(~here).sum(), **counts).to_pyarrow().to_pylist()[0]
    return {name: int(count or 0) for name, count in row.items()}


def _differ(before: ir.Value, after: ir.Value) -> ir.BooleanValue:
    """Return whether two values differ by more than rounding; unknown equals unknown."""
    differ: ir.BooleanValue = ~before.identical_to(after)
    if before.type().is_floating():
        room = _ROUNDING * ibis.greatest(before.abs(), 1.0)
        differ = differ & ((before - after).abs() > room).fill_null(True)  # one is unknown
    return differ

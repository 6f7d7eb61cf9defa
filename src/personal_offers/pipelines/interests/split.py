"""The date that divides the customers who teach from those who test.

Categories are learned from lines before it, the prediction of interests from customers first seen
before it; both are then judged on what came later, so that neither has seen its own test.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

import ibis.expr.types as ir
from pydantic import Field

from personal_offers.features import Strict
from personal_offers.order_history import lines_known_at

_TRAIN_SHARE = 0.6


class SplitOptions(Strict):
    """Where the customers who teach end and those who test begin.

    Attributes:
        split: First day of the test, in the shop's local time; none: the first day before which
            ``train_share`` of the customers had been seen.
        train_share: Share of the customers, where ``split`` is none.
    """

    split: date | None = None
    train_share: float = Field(default=_TRAIN_SHARE, gt=0, lt=1)


def split_date(
    order_lines: ir.Table,
    era: Mapping[str, Any],
    split: date | None,
    train_share: float = _TRAIN_SHARE,
) -> datetime:
    """Return the midnight at which the test begins.

    Args:
        order_lines: Grain: one order line.
        era: ``cutoff`` (ISO text, local time).
        split: A stated day, taken as it is even where the data do not reach it; none: the
            first day before which ``train_share`` of the customers had bought for the first time.
        train_share: Share of the customers, 0 to 1.

    Returns:
        Start of that day in the shop's local time; the cutoff where nobody has bought.
    """
    if split is not None:
        return datetime.combine(split, time.min)
    cutoff = datetime.fromisoformat(era["cutoff"])
    lines = lines_known_at(order_lines, cutoff)
    bought = lines.filter(lines.quantity > 0)
    first = bought.group_by("customer_id").aggregate(first_at=bought.logged_at.min())
    first = first.mutate(day=first.first_at.date())
    days = first.group_by("day").aggregate(customers=first.count()).order_by("day").to_pandas()
    if days.empty:
        return cutoff
    seen = days["customers"].cumsum()
    last = days["day"][seen >= train_share * seen.iloc[-1]].iloc[0]
    return datetime(last.year, last.month, last.day) + timedelta(days=1)


def lines_before(order_lines: ir.Table, era: Mapping[str, Any], split: datetime) -> ir.Table:
    """Return the trusted lines that were in the shop's books before the split.

    Args:
        order_lines: Grain: one order line.
        era: ``cutoff`` (ISO text, local time): nothing after it is seen, wherever the split is.
        split: From ``split_date``.

    Returns:
        Grain: one order line, logged before the split and not after the cutoff.
    """
    lines = lines_known_at(order_lines, datetime.fromisoformat(era["cutoff"]))
    return lines.filter(lines.logged_at < split)

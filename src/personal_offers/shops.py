"""The shops that the project knows: one line each, everything else is configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Intake = Literal["customer_tables", "order_lines"]


@dataclass(frozen=True)
class Shop:
    """A shop and the way its data comes in.

    Attributes:
        name: Namespace in the graph, key in ``conf/`` and folder under ``data/``.
        intake: ``customer_tables`` for a shop whose label, profit and features come ready,
            one row per customer (and month); ``order_lines`` for a shop of which they are
            computed from the lines of its orders.
        raw_tables: Raw files by name, each an entry ``<shop>.raw_<name>`` in the catalog; of
            customer tables each is also a block under ``data_processing.tables`` of the shop's
            parameters.
    """

    name: str
    intake: Intake
    raw_tables: tuple[str, ...] = ("order_lines",)


SHOPS: tuple[Shop, ...] = (
    Shop(
        "one_click",
        intake="customer_tables",
        raw_tables=("market_file", "market_money", "market_time", "money"),
    ),
    Shop("gift_shop", intake="order_lines"),
    Shop("home_goods", intake="order_lines"),
)

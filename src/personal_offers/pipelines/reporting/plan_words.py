"""The plan of offers as chapters speak of it: names, money, and its sums by segment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from personal_offers.currencies import money
from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import number, percent
from personal_offers.pipelines.reporting.profit_unit import ReportUnits, ShopUnits, read_units
from personal_offers.words import Forms

OFFER, CONTROL = "offer", "control"
# What becomes of customers without an offer, in the order in which people read it.
WITHOUT = ("blocked", "not_offered", "does_not_pay", "too_dear")
SUMS = ("cost", "expected_net_low", "expected_net", "expected_net_high")
TO_CUSTOMERS: Forms = {
    "ru": ("клиенту", "клиентам", "клиентам"),
    "en": ("customer", "customers"),
}
GET: Forms = {"ru": ("получает", "получают", "получают"), "en": ("gets", "get")}

Text = Mapping[str, str]
# A chance beyond these ends is no certainty: so many draws cannot tell.
_UNSURE = 0.01


@dataclass(frozen=True)
class PlanWords:
    """Names and units of a shop.

    Attributes:
        units: Of money and of profit.
        names: Kind (``offers``, ``channels``, ``gates``): name: what people call it.
        groups: Segment or class: what people call it.
        control: ``power`` of the control group, where it is known.
    """

    units: ShopUnits
    names: Mapping[str, Mapping[str, Text]] = field(default_factory=dict)
    groups: Mapping[str, Text] = field(default_factory=dict)
    control: Mapping[str, float] = field(default_factory=dict)

    def name(self, kind: str, name: str, language: Language) -> str:
        """Return what people call an offer, a channel or a gate; a stranger keeps its name."""
        return str(self.names.get(kind, {}).get(name, {}).get(language, name))

    def group(self, name: str, language: Language) -> str:
        """Return what people call a segment or a class."""
        return str(self.groups.get(name, {}).get(language, name))

    def currency(self, value: float, language: Language) -> str:
        """Write an amount of money."""
        return money(_no_minus_zero(value), self.units.currency, language)

    def profit(self, value: float, language: Language) -> str:
        """Write an amount in the unit that the shop counts its profit in."""
        return money(_no_minus_zero(value), self.units.profit, language)


def _no_minus_zero(value: float) -> float:
    return float(value) + 0.0


def read_words(
    plan: ReportUnits, offer_names: Mapping[str, Any] | None, view_names: Mapping[str, Any] | None
) -> PlanWords:
    """Gather names and units.

    Args:
        plan: ``params:offers``, for the units.
        offer_names: What offers, channels and gates are called, or None.
        view_names: What segments and classes are called, or None.
    """
    names, views = offer_names or {}, view_names or {}
    groups = {**views.get("classes", {}), **views.get("segments", {})}
    if "not_classified" in views:
        groups["not_classified"] = views["not_classified"]
    kinds = {kind: names.get(kind, {}) for kind in ("offers", "channels", "gates")}
    return PlanWords(read_units(plan), kinds, groups, names.get("control", {}))


def both_of(texts: Text) -> BothLanguages:
    """Read a name in both languages."""
    return BothLanguages(ru=texts["ru"], en=texts["en"])


def chance(share: float, language: Language) -> str:
    """Write a chance that was counted in draws: never as a certainty."""
    sign = "<" if share < _UNSURE else ">" if share > 1 - _UNSURE else ""
    return sign + percent(min(max(share, _UNSURE), 1 - _UNSURE), language)


def points(share: float, language: Language) -> str:
    """Write a difference of shares in percentage points, with one digit behind the point."""
    return number(100 * share, language, 1)


def sum_by_segment(offers: ir.Table) -> pd.DataFrame:
    """Add up the plan by segment.

    Args:
        offers: Grain: one customer, the public plan.

    Returns:
        Grain: segment, the most valuable first: segment, customers, offered, control, the outcomes
        of ``WITHOUT`` (customers); cost, expected_net_low, expected_net, expected_net_high of what
        is sent; control_net (what the offers of the control group were expected to bring),
        waiting, waiting_net (customers and net of what is planned but not exported). Currency
        units.
    """
    sent, held = offers.group == OFFER, offers.group == CONTROL
    waiting = sent & offers.provisional.fill_null(False)
    sums = offers.group_by("segment").aggregate(
        customers=offers.count(),
        offered=sent.sum(),
        control=held.sum(),
        **{name: (offers.outcome == name).sum() for name in WITHOUT},
        **{name: offers[name].sum() for name in SUMS},
        control_net=offers.expected_net_if_treated.sum(where=held),
        waiting=waiting.sum(),
        waiting_net=offers.expected_net.sum(where=waiting),
    )
    frame: pd.DataFrame = sums.to_pandas()
    counts = ["customers", "offered", "control", "waiting", *WITHOUT]
    frame = frame.fillna(dict.fromkeys([*counts, *SUMS, "control_net", "waiting_net"], 0))
    ordered = frame.astype(dict.fromkeys(counts, "int64")).sort_values(
        ["expected_net", "customers", "segment"], ascending=[False, False, True]
    )
    return ordered.reset_index(drop=True)


def chosen_effect(effects: pd.DataFrame | None) -> Mapping[Any, Any] | None:
    """Return what the chosen control group can show over everybody, or None where nobody is."""
    if effects is None:
        return None
    rows = effects[(effects["segment"] == "all") & effects["chosen"].astype(bool)]
    return rows.to_dict("records")[0] if len(rows) else None

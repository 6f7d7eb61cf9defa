"""A small plan of offers made by hand, for tests of the chapters that speak of it.

Five customers: two get an offer (one by phone), one is in the control group, one has not agreed to
be contacted, one is better left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from personal_offers.pipelines.reporting.profit_unit import ReportUnits

ODD = "<script>alert('x')</script> \u202eשלום «&» 🎁"


def both(ru: str, en: str) -> dict[str, str]:
    return {"ru": ru, "en": en}


ROUBLES = both("₽", "RUB")


def counted_in(name: str, value: float, label: dict[str, str]) -> ReportUnits:
    """Money of a shop whose profit is counted in one unit."""
    unit = {"chosen": name, "units": {name: {"value": value, "label": label}}}
    given = {"currency": ROUBLES, "profit_unit": unit | {"source": both("так", "so")}}
    return ReportUnits.model_validate(given)


SETTINGS = counted_in("rouble", 1, ROUBLES)
IN_HUNDREDS = counted_in("hundred", 100, both("сто рублей", "hundred roubles"))
VIEW_NAMES: dict[str, Any] = {
    "segments": {
        "save_first": both("Спасать первыми", "Save first"),
        "grow": both("Растить", "Grow"),
    },
    "classes": {"top": both("Топ", "Top")},
    "clusters": {"1": both("Много покупок", "Many purchases")},
    "not_classified": both("Без класса", "Not classified"),
}
OFFER_NAMES: dict[str, Any] = {
    "currency": ROUBLES,
    "profit_unit": ROUBLES,
    "offers": {"code": both("Промокод", "Code"), "call": both("Личный звонок", "Personal call")},
    "channels": {"email": both("письмо", "e-mail"), "phone": both("звонок", "phone call")},
    "gates": {"consent": both("Согласие", "Consent")},
    "control": {"share": 0.2, "power": 0.8, "significance": 0.05},
    "assumptions": [],
}
_KINDS = {
    "customer_id": "string",
    "group": "string",
    "offer": "string",
    "channel": "string",
    "cost": "float64",
    "expected_net_low": "float64",
    "expected_net": "float64",
    "expected_net_high": "float64",
    "expected_net_if_treated": "float64",
    "segment": "string",
    "provisional": "boolean",
    "outcome": "string",
    "blocked_by": "string",
    "interest_ru": "string",
    "interest_en": "string",
    "reason_ru": "string",
    "reason_en": "string",
}
_NOBODY = {
    "group": "none", "cost": 0.0, "expected_net_low": 0.0, "expected_net": 0.0,
    "expected_net_high": 0.0, "provisional": False, "segment": "grow",
    "outcome": "does_not_pay", "reason_ru": "не окупается", "reason_en": "does not pay",
}  # fmt: skip


def sent(name: str, offer: str, channel: str, cost: float, net: float, **more: Any) -> Any:
    money = {"cost": cost, "expected_net_low": net / 10, "expected_net": net}
    return _NOBODY | money | {
        "customer_id": name, "group": "offer", "offer": offer, "channel": channel,
        "expected_net_high": net * 2, "expected_net_if_treated": net, "outcome": "sent",
    } | more  # fmt: skip


CUSTOMERS: list[dict[str, Any]] = [
    sent("a", "call", "phone", 150, 900, segment="save_first"),
    sent("b", "code", "email", 50, 300),
    _NOBODY | {"customer_id": "c", "group": "control", "expected_net_if_treated": 250.0,
               "outcome": "control", "segment": "save_first"},
    _NOBODY | {"customer_id": "d", "outcome": "blocked", "blocked_by": "consent"},
    _NOBODY | {"customer_id": "e"},
]  # fmt: skip


def offers_table(*rows: Mapping[str, Any]) -> ir.Table:
    frame = pd.DataFrame(
        {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in _KINDS}
    )
    return ibis.memtable(frame, schema=_KINDS)


def offer_plan(**changes: Any) -> dict[str, Any]:
    """The plan in figures, of the same customers."""
    gate = {"customers": 0, "sole": 0, "potential": 0.0, "worth": 0.0}
    return {
        "plan_date": "2025-01-31",
        "customers": 5,
        "offered": 2,
        "control": 1,
        "none": {"blocked": 1, "not_offered": 0, "does_not_pay": 1, "too_dear": 0},
        "spend": 200.0,
        "expected_net_low": 120.0,
        "expected_net": 1200.0,
        "expected_net_high": 2400.0,
        "provisional": False,
        "exported": 2,
        "budget": 1000.0,
        "blocked": {
            "consent": {"customers": 1, "sole": 1, "potential": 500.0, "worth": 400.0},
            "fatigue": gate,
        },
        "offers": [
            {"offer": "call", "channel": "phone", "customers": 1, "cost": 150.0,
             "expected_net": 900.0, "control": 0},
            {"offer": "code", "channel": "email", "customers": 1, "cost": 50.0,
             "expected_net": 300.0, "control": 1},
        ],
        "next_unit_returns": 1.5,
        "next_customer_returns": {"email": 0.0, "phone": 30.0},
        "gap": 0.0,
        "probability_of_gain": 1.0,
        "expected_net_p05": 500.0,
        "expected_net_median": 1300.0,
        "expected_net_p95": 2000.0,
        "do_not_touch": {"customers": 1, "saves": 20.0, "even_at_best": 0},
        "units": [{"unit": "rouble", "chosen": True, "offered": 2, "expected_net": 1200.0,
                   "label": both("рубль", "rouble")}],
        "detectable_effect": 0.2,
        "explanation": None,
    } | changes  # fmt: skip


NOBODY = offer_plan(
    offered=0, control=0, spend=0.0, expected_net_low=0.0, expected_net=0.0, expected_net_high=0.0,
    exported=0, offers=[], probability_of_gain=None, detectable_effect=None,
    expected_net_p05=None, expected_net_median=None, expected_net_p95=None,
    explanation=both("бюджет равен нулю", "the budget is zero"),
)  # fmt: skip


def effects(**changes: Any) -> pd.DataFrame:
    """What control groups of two shares show over everybody and in one segment."""
    row = {
        "segment": "all", "segment_ru": "все клиенты", "segment_en": "all customers",
        "control_share": 0.2, "chosen": True, "customers": 3, "treated": 2, "control": 1,
        "base_rate": 0.5, "assumed_effect": 0.07, "detectable_effect": 0.2, "learnable": False,
        "needed_customers": 2252,
    } | changes  # fmt: skip
    half = {"control_share": 0.5, "chosen": False, "detectable_effect": 0.15}
    group = {"segment": "grow", "segment_ru": "Растить", "segment_en": "Grow"}
    blind = {"detectable_effect": None, "learnable": False}
    return pd.DataFrame([row, row | half, row | group | blind])


def profile(**changes: Any) -> pd.DataFrame:
    """Two segments and everybody."""
    columns = {
        "segment": ["save_first", "grow", "all"],
        "name_ru": ["Спасать первыми", "Растить", "Все клиенты"],
        "name_en": ["Save first", "Grow", "All customers"],
        "customers": [2, 3, 5],
        "mean_risk": [0.9, 0.1, 0.42],
        "profit": [1000.0, 2000.0, 3000.0],
        "profit_at_risk": [900.0, 200.0, 1100.0],
    }
    return pd.DataFrame(columns | changes)


def texts_of(chapter: Mapping[str, Any], kind: str, language: str) -> list[str]:
    """Return the sentences of all blocks of a kind."""
    found = []
    for block in chapter["blocks"]:
        if block["kind"] == kind:
            found += [text[language] for text in block.get("texts", ())]
            found += [block["text"][language]] if "text" in block else []
    return found


def block_of(chapter: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the block of that name, or the widget."""
    return next(b for b in chapter["blocks"] if name in (b.get("name"), b.get("widget")))

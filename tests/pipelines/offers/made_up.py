"""Small options, catalogues and tables that tests of the offers share; each changes what it needs.

One person is at risk by a half and brings 10 a month over 3 months; an offer costs 1 to send and 5
to redeem, keeps a fifth of would-be decliners and is redeemed by half of the others. That is worth
0.5 * 0.2 * (30 - 5) - 0.5 * 0.5 * 5 - 1 = 0.25.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.offers.catalogue_params import OfferCatalogue
from personal_offers.pipelines.offers.outcomes import publish_offers, settle_outcomes
from personal_offers.pipelines.offers.params import OfferOptions
from personal_offers.pipelines.offers.plan import allocate_offers
from personal_offers.pipelines.offers.sensitivity import draw_assumptions
from personal_offers.pipelines.offers.values import GATES, price_offers

TEXT = {"ru": "текст", "en": "text"}


def span(low: float, base: float, high: float) -> dict[str, float]:
    return {"low": low, "base": base, "high": high}


def assumed(low: float, base: float, high: float) -> dict[str, Any]:
    return {**span(low, base, high), "unit": TEXT, "source": TEXT}


WINBACK = {
    "risk": {"sleeping": span(0.4, 0.5, 0.6), "leaving": span(0.2, 0.3, 0.4)},
    "purchases": assumed(0.5, 1, 2),
    "check": "average_check",
    "margin": 0.25,
    "source": TEXT,
}
CONSENT = {"feature": "contact_allowed", "confirmed": False}
GATES_OFF = {"consent": CONSENT, "fatigue": None, "margin_floor": 0}


def option_values(**changes: Any) -> dict[str, Any]:
    """Options as YAML has them: no caps, no control group, gates that let everybody through."""
    return {
        "plan_date": "2025-01-01",
        "currency": TEXT,
        "profit_unit": {
            "chosen": "money",
            "units": {"money": {"value": 1, "label": TEXT}},
            "source": TEXT,
        },
        "horizon_months": assumed(1, 3, 6),
        "winback": None,
        "channels": {
            "email": {"label": TEXT},
            "call": {"label": TEXT, "reached_by": "has_phone"},
        },
        "budget": None,
        "gates": GATES_OFF,
        "control": {
            "share": 0,
            "other_shares": (0.1,),
            "power": 0.8,
            "significance": 0.05,
            "suspicious": 0.01,
        },
        "exploration": 0,
        "allocation": {
            "exact_customers": 1000,
            "gap": 0.0001,
            "rounds": 60,
            "sample": 100,
            "seconds": 10,
        },
        "trials": {
            "budgets": 2,
            "moves": (),
            "random_plans": 1,
            "draws": 100,
            "largest_sample": 1000,
        },
        "export": {"language": "en", "separator": ";"},
        "seed": 7,
    } | changes


def offer_options(**changes: Any) -> OfferOptions:
    return OfferOptions.model_validate(option_values(**changes))


def control(share: float, **changes: Any) -> dict[str, Any]:
    return {"control": option_values()["control"] | {"share": share} | changes}


def gates(**changes: Any) -> dict[str, Any]:
    return {"gates": GATES_OFF | changes}


def channels(**capacities: int | None) -> dict[str, Any]:
    return {
        "channels": {name: {"label": TEXT, "capacity": cap} for name, cap in capacities.items()}
    }


def offer_block(code: str = "CODE", **changes: Any) -> dict[str, Any]:
    """One offer as YAML has it, for anybody."""
    return {
        "name": TEXT,
        "text": TEXT,
        "code": code,
        "channel": "email",
        "contact_cost": 1,
        "redemption_cost": {"kind": "fixed", "amount": 5},
        "valid_days": 14,
        "save_rate": {"unit": TEXT, "source": TEXT, "default": span(0.1, 0.2, 0.3)},
        "redemption": assumed(0.2, 0.5, 0.8),
    } | changes


def save_rate(default: Mapping[str, float], **by_segment: Mapping[str, float]) -> dict[str, Any]:
    both = {"default": default, "by_segment": by_segment}
    return {"save_rate": {"unit": TEXT, "source": TEXT} | both}


def offer_catalogue(**offers: Mapping[str, Any]) -> OfferCatalogue:
    """Catalogue of offers by name, each with what is special about it; without any: one offer."""
    given = offers or {"code": {}}
    return OfferCatalogue.model_validate(
        {
            "offers": {
                name: offer_block(f"CODE{place}", **changes)
                for place, (name, changes) in enumerate(given.items())
            }
        }
    )


# What is known of a person, and in which table; the type as the stages before write it.
SEGMENT_COLUMNS = {
    "customer_id": "string",
    "decline_risk": "float64",
    "profit": "float64",
    "segment": "string",
    "rfm_class": "string",
    "full_cart": "boolean",
    "promo_dependent": "boolean",
}
CUSTOMER_COLUMNS = {
    "customer_id": "string",
    "profit": "float64",
    "contact_allowed": "boolean",
    "contacts": "float64",
    "has_phone": "boolean",
    "average_check": "float64",
    "revenue": "float64",
    "service_type": "string",
}
INTEREST_COLUMNS = {
    "customer_id": "string",
    "interest_ru": "string",
    "interest_en": "string",
    "certain": "boolean",
}
PERSON = {
    "customer_id": "a",
    "decline_risk": 0.5,
    "profit": 10.0,
    "segment": "save_first",
    "rfm_class": "top",
    "full_cart": False,
    "promo_dependent": False,
    "contact_allowed": True,
    "contacts": 0.0,
    "has_phone": True,
    "average_check": 40.0,
    "revenue": 200.0,
    "service_type": "standard",
    "interest_ru": None,
    "interest_en": None,
    "certain": False,
}
FRIDGES = {"interest_ru": "Холодильники", "interest_en": "Fridges"}


def people(*rows: Mapping[str, Any]) -> tuple[ir.Table, ir.Table, ir.Table]:
    """Return customers, segments and interests of people; what is not given is as in PERSON."""
    known = [PERSON | row for row in rows]
    return tuple(
        ibis.memtable(
            pd.DataFrame(
                {name: pd.Series([p[name] for p in known], dtype=object) for name in kinds}
            ),
            schema=kinds,
        )
        for kinds in (CUSTOMER_COLUMNS, SEGMENT_COLUMNS, INTEREST_COLUMNS)
    )


def priced(
    *rows: Mapping[str, Any],
    catalogue: OfferCatalogue | None = None,
    options: OfferOptions | None = None,
) -> pd.DataFrame:
    """Price the offers of people."""
    found = price_offers(*people(*rows), catalogue or offer_catalogue(), options or offer_options())
    return found.to_pandas()


def who_may(eligible: Mapping[str, Any], *rows: Mapping[str, Any]) -> list[str]:
    """Return the ids of those who may have an offer."""
    found = priced(*rows, catalogue=offer_catalogue(code={"eligible": eligible}))
    return found["customer_id"].tolist()


def blocks(
    catalogue: OfferCatalogue,
    segments: Sequence[str] = ("save_first", "grow"),
    marks: Sequence[str] = ("full_cart", "promo_dependent"),
    classes: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return the blocks of a shop that name what a catalogue may refer to."""
    named = {
        "offer_catalogue": catalogue,
        "segmentation": SimpleNamespace(
            segments=dict.fromkeys(segments), marks=dict.fromkeys(marks)
        ),
    }
    if classes is not None:
        scheme = SimpleNamespace(classes=dict.fromkeys(classes))
        named["rfm"] = SimpleNamespace(schemes={"of_three": scheme})
    return named


def ids(customers: int) -> list[str]:
    return [f"c{number:03d}" for number in range(customers)]


def segments_of(names: Sequence[str]) -> ir.Table:
    return ibis.memtable(pd.DataFrame({"customer_id": pd.Series(names, dtype="str")}))


VALUE_COLUMNS = {
    "customer_number": "int64",
    "customer_id": "string",
    "offer": "string",
    "expected_net": "float64",
    "expected_net_high": "float64",
    "expected_cost": "float64",
    **dict.fromkeys(GATES.values(), "boolean"),
}


def values_of(
    names: Sequence[str],
    net: np.ndarray,
    cost: np.ndarray,
    high: np.ndarray | None = None,
    blocked: np.ndarray | None = None,
    offers: Sequence[str] | None = None,
    gate: str = "no_consent",
) -> ir.Table:
    """Return offer values from arrays of customers x offers; no row where the net is nan.

    Args:
        names: Ids, rising.
        net: Expected net.
        cost: Expected cost.
        high: Expected net at best; as the net where it is not given.
        blocked: True where a pair fails the gate.
        offers: Names of the columns; offer_0, offer_1 ... where they are not given.
        gate: Flag that is set where a pair is blocked.
    """
    offers = offers or [f"offer_{number}" for number in range(net.shape[1])]
    rows, columns = np.nonzero(~np.isnan(net))
    frame = pd.DataFrame(
        {
            "customer_number": rows,
            "customer_id": np.array(names, dtype=object)[rows],
            "offer": np.array(offers, dtype=object)[columns],
            "expected_net": net[rows, columns],
            "expected_net_high": (net if high is None else high)[rows, columns],
            "expected_cost": cost[rows, columns],
        }
    )
    for flag in GATES.values():
        failed = blocked is not None and flag == gate
        frame[flag] = blocked[rows, columns] if failed else False
    return ibis.memtable(frame, schema=VALUE_COLUMNS)


# --- whole plans ----------------------------------------------------------------------------


def both(ru: str, en: str) -> dict[str, str]:
    return {"ru": ru, "en": en}


VIEW_NAMES: dict[str, Any] = {
    "segments": {
        "save_first": both("Спасать первыми", "Save first"),
        "grow": both("Растить", "Grow"),
    },
    "classes": {
        "top": both("Топ", "Top"),
        "sleeping": both("Спящие", "Sleeping"),
        "leaving": both("Уходящие", "Leaving"),
        "lost": both("Потерянные", "Lost"),
    },
    "marks": {
        "full_cart": both("Неоплаченная корзина", "Full cart"),
        "promo_dependent": both("VIP-скидки", "VIP discounts"),
    },
    "not_classified": both("Вне групп", "Not classified"),
}


def feature(ru: str, en: str, actionable: bool, labelled: bool = True) -> dict[str, Any]:
    return {
        "group": "on_site_behaviour",
        "type": "number",
        "compute": {"kind": "not_recorded"},
        "window": "ever",
        "actionable": actionable,
        "label": both(ru, en) if labelled else None,
        "definition": both(ru, en),
    }


REGISTRY = FeatureRegistry.model_validate(
    {
        "features": {
            "pages": feature("страниц за визит", "pages per visit", True),
            "minutes": feature("минут на сайте", "minutes on the site", True, labelled=False),
            "errors": feature("ошибок сервиса", "service errors", True),
            "tenure": feature("дней с регистрации", "days since registration", False),
        }
    }
)
REASONS = ("reason_1", "reason_2", "reason_3")
# What the plan of one shop consists of, from prices to the public table.
Planned = SimpleNamespace


def decline_risks(*rows: Mapping[str, Any]) -> ir.Table:
    """Return the published risks of people, with what drives them."""
    known = [PERSON | row for row in rows]
    columns = ("customer_id", *REASONS)
    frame = pd.DataFrame(
        {name: pd.Series([p.get(name) for p in known], dtype=object) for name in columns}
    )
    return ibis.memtable(frame, schema=dict.fromkeys(columns, "string"))


def plan_of(
    *rows: Mapping[str, Any],
    catalogue: OfferCatalogue | None = None,
    options: OfferOptions | None = None,
) -> Planned:
    """Make the whole plan for people, from their offers to the public table."""
    catalogue, options = catalogue or offer_catalogue(), options or offer_options()
    customers, segments, interests = people(*rows)
    values = price_offers(customers, segments, interests, catalogue, options)
    allocation, facts = allocate_offers(segments, values, catalogue, options)
    gains, gain_facts = draw_assumptions(values, allocation, options)
    outcomes = settle_outcomes(segments, values, allocation, gains)
    offers = publish_offers(
        outcomes, decline_risks(*rows), interests, VIEW_NAMES, REGISTRY, catalogue, options
    )
    return Planned(
        customers=customers, segments=segments, interests=interests, offer_values=values,
        allocation=allocation, facts=facts, gains=gains, gain_facts=gain_facts,
        outcomes=outcomes, offers=offers, catalogue=catalogue, options=options,
    )  # fmt: skip


def table_of(*rows: Mapping[str, Any], **others: Any) -> pd.DataFrame:
    """Return the public plan of people by id."""
    found: pd.DataFrame = plan_of(*rows, **others).offers.to_pandas()
    return found.set_index("customer_id")

"""The plan in figures: what control groups can show, and everything that its page says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from personal_offers.features import BothLanguages
from personal_offers.pipelines.offers.catalogue_params import OfferCatalogue
from personal_offers.pipelines.offers.experiment import (
    ALL,
    balance_groups,
    detectable_effects,
    experiment_warnings,
)
from personal_offers.pipelines.offers.outcomes import CONTROL, OFFER
from personal_offers.pipelines.offers.params import NOT_CLASSIFIED, OfferOptions

_GATE_FIGURES = ["customers", "sole", "potential", "worth"]
_FACTS = (
    "control_share", "next_unit_returns", "next_customer_returns", "bound", "gap", "method",
    "tightened", "dropped", "explored",
)  # fmt: skip
# Outcomes of customers without an offer, in the order in which a page names them.
_WITHOUT = ("blocked", "not_offered", "does_not_pay", "too_dear")


def measure_control(
    offers: ir.Table,
    view_names: Mapping[str, Any],
    catalogue: OfferCatalogue,
    options: OfferOptions,
) -> tuple[pd.DataFrame, pd.DataFrame, list[dict[str, str]]]:
    """Check the split into offer and control, and say which effects it can show.

    Args:
        offers: Grain: one customer, the public plan.
        view_names: What segments and classes are called.
        catalogue: What offers are called.
        options: Control share, power, significance.

    Returns:
        First, grain: cell of segment and offer: the balance (see ``balance_groups``). Second,
        grain: segment and control share: the detectable effects (see ``detectable_effects``).
        Third, plain warnings in both languages.
    """
    needed = ["group", "segment", "offer_if_treated", "risk", "save_rate", "profit"]
    frame = offers.filter(offers.offer_if_treated.notnull()).select(*needed).to_pandas()
    names = {**view_names["segments"], **view_names["classes"]}
    names[NOT_CLASSIFIED] = view_names[NOT_CLASSIFIED]
    labels = {name: BothLanguages(**texts) for name, texts in names.items()}
    balance = balance_groups(frame, options)
    effects = detectable_effects(frame, options, labels)
    offer_names = {name: offer.name for name, offer in catalogue.offers.items()}
    return balance, effects, experiment_warnings(effects, balance, options, offer_names)


def summarise_plan(
    offers: ir.Table,
    allocation_facts: Mapping[str, Any],
    gain_facts: Mapping[str, Any],
    gate_values: pd.DataFrame,
    do_not_touch: pd.DataFrame,
    plan_by_unit: pd.DataFrame,
    detectable: pd.DataFrame,
    options: OfferOptions,
) -> dict[str, Any]:
    """Gather what the page of the plan says, as plain JSON.

    Args:
        offers: Grain: one customer, the public plan.
        allocation_facts: Caps, bound, gap and prices.
        gain_facts: What is likely within the ranges of the assumptions.
        gate_values: Grain: gate.
        do_not_touch: Grain: customer whom no offer does any good.
        plan_by_unit: Grain: unit of profit.
        detectable: Grain: segment and control share.
        options: Day of the plan, budget.

    Returns:
        The keys that ``plan_text.write_plan`` lists, with bound and method of the allocation. Money
        is in currency units and speaks of what is sent, the control group taken off.
    """
    totals = _totals(offers)
    return {
        "plan_date": options.plan_date.isoformat(),
        **totals,
        "budget": options.budget,
        "blocked": gate_values.set_index("gate")[_GATE_FIGURES].to_dict("index"),
        "offers": _by_offer(offers),
        **{name: allocation_facts[name] for name in _FACTS},
        **gain_facts,
        "do_not_touch": {
            "customers": len(do_not_touch),
            "saves": float(do_not_touch["saves"].sum()),
            "even_at_best": int(do_not_touch["even_at_best"].astype(bool).sum()),
        },
        "units": [_unit(row) for row in plan_by_unit.to_dict("records")],
        "detectable_effect": _detectable(detectable),
        "explanation": None if totals["offered"] else _explanation(totals, gate_values, options),
    }


def _unit(row: Mapping[Any, Any]) -> dict[str, Any]:
    label = {"ru": row["name_ru"], "en": row["name_en"]}
    figures = {name: row[name] for name in ("unit", "chosen", "offered", "expected_net")}
    return figures | {"label": label}


def _detectable(effects: pd.DataFrame) -> float | None:
    """Return the smallest effect over everybody that the chosen control group shows."""
    chosen = effects[(effects["segment"] == ALL) & effects["chosen"]]["detectable_effect"]
    return float(chosen.iloc[0]) if chosen.notna().any() else None


def _totals(offers: ir.Table) -> dict[str, Any]:
    """Add up the public plan."""
    counts = offers.group_by("outcome").aggregate(customers=offers.count()).to_pandas()
    outcomes = {str(name): int(n) for name, n in counts.itertuples(index=False)}
    found = offers.aggregate(
        spend=offers.cost.sum(),
        **{
            name: offers[name].sum()
            for name in ("expected_net_low", "expected_net", "expected_net_high")
        },
        provisional=offers.provisional.any(),
        exported=((offers.group == OFFER) & ~offers.provisional).sum(),
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    provisional, exported = bool(found.pop("provisional")), int(found.pop("exported") or 0)
    return {
        "customers": sum(outcomes.values()),
        "offered": outcomes.get("sent", 0),
        "control": outcomes.get("control", 0),
        "none": {name: outcomes.get(name, 0) for name in _WITHOUT},
        **{name: value or 0.0 for name, value in found.items()},
        "provisional": provisional,
        "exported": exported,
    }


def _by_offer(offers: ir.Table) -> list[dict[str, Any]]:
    """Add up each offer that is sent, the most valuable first."""
    sent = offers.filter(offers.group == OFFER)
    held = offers.filter(offers.group == CONTROL)
    held = held.group_by(offer=held.offer_if_treated).aggregate(control=held.count())
    sums = sent.group_by("offer", "channel").aggregate(
        customers=sent.count(), cost=sent.cost.sum(), expected_net=sent.expected_net.sum()
    )
    table = sums.left_join(held, "offer").drop("offer_right")
    table = table.mutate(control=table.control.fill_null(0))
    rows: list[dict[str, Any]] = (
        table.order_by([table.expected_net.desc(), "offer"]).to_pyarrow().to_pylist()
    )
    return rows


def _explanation(
    totals: Mapping[str, Any], gate_values: pd.DataFrame, options: OfferOptions
) -> dict[str, str]:
    """Say why nobody gets anything, as the end of a sentence."""
    none = totals["none"]
    if totals["customers"] == 0:
        return {"ru": "в магазине нет ни одного клиента", "en": "the shop has no customer"}
    if totals["control"]:
        return {
            "ru": "все, кому что-то полагалось, попали в контрольную группу",
            "en": "everybody who would have got an offer is in the control group",
        }
    if none["too_dear"]:  # whatever keeps the others, these pay and would get an offer
        return _no_room(options)
    if all(count in (0, totals["customers"]) for count in none.values()):
        mostly = {"ru": "", "en": ""}
    else:
        mostly = {"ru": "чаще всего потому, что ", "en": "most often because "}
    gates = gate_values[gate_values["customers"] > 0]
    names = {
        language: ", ".join(gates[f"name_{language}"].str.lower()) for language in ("ru", "en")
    }
    texts = {
        "not_offered": {
            "ru": "в каталоге нет подходящего предложения",
            "en": "the catalogue has no offer that fits",
        },
        "blocked": {
            "ru": f"предложения запрещены правилами ({names['ru']})",
            "en": f"offers are blocked by the gates ({names['en']})",
        },
        "does_not_pay": {
            "ru": "при базовых допущениях ни одно предложение не окупается",
            "en": "no offer pays at base assumptions",
        },
    }
    text = texts[max(texts, key=lambda name: none[name])]
    return {language: mostly[language] + text[language] for language in text}


def _no_room(options: OfferOptions) -> dict[str, str]:
    """Say that offers would pay, but there is no money or no room for any."""
    if options.budget == 0:
        return {"ru": "бюджет равен нулю", "en": "the budget is zero"}
    return {
        "ru": "в бюджет и каналы не помещается ни одно предложение",
        "en": "no offer fits into budget and channels",
    }

"""How far the plan rests on numbers that nobody measured.

One assumption at a time goes to the ends of its range, and then all of them together: the plan is
made again, and the plan as it stands is valued again. Then all are drawn from triangular
distributions over their ranges, with one draw for all customers and offers, because nobody knows
any of them: if save rates are overstated, they are overstated everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from personal_offers.features import Language
from personal_offers.pipelines.offers.allocation import Allocation
from personal_offers.pipelines.offers.catalogue_params import OfferCatalogue
from personal_offers.pipelines.offers.dual import NOTHING
from personal_offers.pipelines.offers.pairs import Floats, Integers
from personal_offers.pipelines.offers.params import OfferOptions
from personal_offers.pipelines.offers.pricing import expected_cost, expected_net
from personal_offers.pipelines.offers.reasons import LANGUAGES, share_text
from personal_offers.pipelines.offers.trials import Trial, trial_of
from personal_offers.progress import steps
from personal_offers.words import MONTHS, Forms, counted

SENSITIVITY_COLUMNS = [
    "assumption", "name_ru", "name_en", "level", "value_text_ru", "value_text_en",
    "expected_net", "expected_net_kept", "spend", "spend_kept", "offered", "changed",
]  # fmt: skip
CASE_COLUMNS = [
    "case", "offer", "name_ru", "name_en", "channel", "customers", "spend", "expected_net",
]  # fmt: skip
_NAMES: Mapping[str, tuple[str, str]] = {
    "base": ("Базовые допущения", "Base assumptions"),
    "save_rate": ("Доля удержанных", "Save rate"),
    "horizon": ("Сколько ещё приносит удержанный", "How much a kept customer still brings"),
    "redemption": (
        "Скидка тем, кто и так остался бы",
        "Redemption by customers who would have stayed",
    ),
    "risk": ("Риск клиентов без модели", "Risk of customers without a model"),
    "everything": ("Всё сразу", "Everything at once"),
}
# Assumption: low, base and high column of the pairs.
_COLUMNS: Mapping[str, tuple[str, str, str]] = {
    "save_rate": ("save_low", "save_rate", "save_high"),
    "horizon": ("margin_low", "margin", "margin_high"),
    "redemption": ("redemption_low", "redemption", "redemption_high"),
    "risk": ("risk_low", "risk", "risk_high"),
}
_LOW, _BASE, _HIGH = 0, 1, 2
# Where more is worse: a higher redemption only costs.
_HARMFUL = ("redemption",)
_FIXED = ("redeem_cost", "contact_cost")
_PURCHASES: Forms = {
    "ru": ("покупка", "покупки", "покупок"),
    "en": ("purchase", "purchases"),
}
_OR: Mapping[Language, str] = {"ru": " или ", "en": " or "}
# Numbers per array while assumptions are drawn: 8 MB, which stay near the processor.
_BLOCK = 1_000_000


class _Case(NamedTuple):
    """One end of one assumption.

    Attributes:
        assumption: Its name.
        level: ``low``, ``base`` or ``high``.
        ends: Assumption: place in its three columns; base where it is not named.
    """

    assumption: str
    level: str
    ends: Mapping[str, int]


def _cases(with_rule: bool) -> Iterator[_Case]:
    """Return the base, each assumption at both ends, and all at once."""
    yield _Case("base", "base", {})
    names = [name for name in _COLUMNS if with_rule or name != "risk"]
    for name in names:
        yield _Case(name, "low", {name: _LOW})
        yield _Case(name, "high", {name: _HIGH})
    worst = {name: _HIGH if name in _HARMFUL else _LOW for name in names if name != "risk"}
    best = {name: _LOW if name in _HARMFUL else _HIGH for name in names if name != "risk"}
    yield _Case("everything", "low", worst)
    yield _Case("everything", "high", best)


def try_assumptions(
    offer_values: ir.Table, catalogue: OfferCatalogue, options: OfferOptions
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make the plan again at the ends of each range, and value the plan as it stands there.

    Args:
        offer_values: Grain: customer and offer, with the ends of all ranges.
        catalogue: Offers and channels.
        options: Caps, control share, solver.

    Returns:
        First, grain: assumption and level, the base first, ``everything`` last (low: all
        unfavourable; the risk of customers without a model stays, because it is not clear which end
        of it is): name_ru, name_en, value_text_ru, value_text_en (mean over the offers of the base
        plan), expected_net and spend of the plan made anew (the base plan where it keeps the
        budget and nothing better was found), expected_net_kept and spend_kept of the
        base plan under these values, offered (customers), changed (customers whose offer is not
        that of the base plan). Second, grain: case (``low``, ``base``, ``high``: everything at
        once) and offer: customers, spend, expected_net.
    """
    columns = [name for names in _COLUMNS.values() for name in names]
    trial, table = trial_of(offer_values, catalogue, options, (*columns, *_FIXED))
    with_rule = bool((table.risk_source == "rule").any().to_pyarrow().as_py())
    base = trial.base()
    rows, by_offer = [], []
    listed = list(_cases(with_rule))
    for case in steps(listed, "plans made anew", len(listed)):
        values, costs = _worth(trial, case.ends)
        found = base
        if case.ends:
            found = trial.solve(values, costs, start=base.prices)
            found = _or_kept(trial, base, found, values, costs)
        rows.append(_row(trial, case, base, found, values, costs))
        if case.assumption in ("base", "everything"):
            by_offer += _by_offer(trial, case.level, found.choice, values, costs)
    cases = pd.DataFrame(by_offer, columns=CASE_COLUMNS)
    order = {"low": 0, "base": 1, "high": 2}
    cases = cases.sort_values("case", key=lambda case: case.map(order), kind="stable")
    return pd.DataFrame(rows, columns=SENSITIVITY_COLUMNS), cases.reset_index(drop=True)


def _worth(trial: Trial, ends: Mapping[str, int]) -> tuple[Floats, Floats]:
    """Return net and cost of all pairs with some assumptions at an end of their range."""
    numbers = trial.pairs.numbers
    risk, save, margin, redemption = (
        numbers[_COLUMNS[name][ends.get(name, _BASE)]]
        for name in ("risk", "save_rate", "horizon", "redemption")
    )
    redeem, contact = (numbers[name] for name in _FIXED)
    net = expected_net(risk, save, margin, redeem, redemption, contact)
    cost = expected_cost(risk, save, redeem, redemption, contact)
    values = np.asfortranarray(np.where(trial.pairs.free(), net, -np.inf))
    return values, cost


def _or_kept(
    trial: Trial, base: Allocation, found: Allocation, values: Floats, costs: Floats
) -> Allocation:
    """Keep the base plan where nothing better was found: then no offer flips."""
    given = np.flatnonzero(base.choice != NOTHING)
    kept = (given, base.choice[given])
    value, spend = math.fsum(values[kept]), math.fsum(costs[kept])
    too_dear = trial.caps.budget is not None and spend > trial.caps.budget
    if too_dear or value < found.value:
        return found
    return replace(found, choice=base.choice, value=value, spend=spend, used=base.used)


def _row(
    trial: Trial,
    case: _Case,
    base: Allocation,
    found: Allocation,
    values: Floats,
    costs: Floats,
) -> dict[str, Any]:
    given = np.flatnonzero(base.choice != NOTHING)
    kept = (given, base.choice[given])
    changed = int((found.choice != base.choice).sum())
    texts = {
        f"value_text_{language}": _value_text(trial, case, kept, language) for language in LANGUAGES
    }
    return {
        "assumption": case.assumption,
        "name_ru": _NAMES[case.assumption][0],
        "name_en": _NAMES[case.assumption][1],
        "level": case.level,
        **texts,
        "expected_net": found.value * trial.times,
        "expected_net_kept": float(values[kept].sum()) * trial.times,
        "spend": found.spend * trial.times,
        "spend_kept": float(costs[kept].sum()) * trial.times,
        "offered": round(float((found.choice != NOTHING).sum()) * trial.times),
        "changed": round(changed * trial.times),
    }


def _value_text(
    trial: Trial, case: _Case, kept: tuple[Integers, Integers], language: Language
) -> str:
    """Say what an assumption is at this end: its mean over the base plan."""
    all_of_it = {
        "base": {"ru": "базовые значения", "en": "base values"},
        "everythinglow": {"ru": "всё неблагоприятно", "en": "all unfavourable"},
        "everythinghigh": {"ru": "всё благоприятно", "en": "all favourable"},
    }
    key = case.assumption if case.assumption == "base" else case.assumption + case.level
    if key in all_of_it:
        return all_of_it[key][language]
    name = case.assumption
    if name == "horizon":
        return _horizon_text(trial.options, case.level, language)
    column = _COLUMNS[name][case.ends[name]]
    chosen = trial.pairs.numbers[column][kept]
    return share_text(float(chosen.mean()), language) if len(chosen) else "–"


def _horizon_text(options: OfferOptions, level: str, language: Language) -> str:
    """Say for how long a kept customer brings their margin, or how often one who is won back."""
    text = counted(getattr(options.horizon_months, level), MONTHS, language)
    if options.winback is None:
        return text
    often = getattr(options.winback.purchases, level)
    return text + _OR[language] + counted(often, _PURCHASES, language)


def _by_offer(
    trial: Trial, case: str, choice: Integers, values: Floats, costs: Floats
) -> list[dict[str, Any]]:
    """Return how many get each offer in one case."""
    rows = []
    for place, (name, offer) in enumerate(trial.catalogue.offers.items()):
        own = np.flatnonzero(choice == place)
        rows.append(
            {
                "case": case,
                "offer": name,
                "name_ru": offer.name.ru,
                "name_en": offer.name.en,
                "channel": offer.channel,
                "customers": round(len(own) * trial.times),
                "spend": float(costs[own, place].sum()) * trial.times,
                "expected_net": float(values[own, place].sum()) * trial.times,
            }
        )
    return rows


# --- draws ---------------------------------------------------------------------------------


def draw_assumptions(
    offer_values: ir.Table, allocation: ir.Table, options: OfferOptions
) -> tuple[ir.Table, dict[str, Any]]:
    """Say how likely each offer, and the plan, brings more than it costs, within the ranges.

    Args:
        offer_values: Grain: customer and offer, with the ends of all ranges.
        allocation: Grain: one customer: offer_if_treated, sent.
        options: How many draws, seed.

    Returns:
        First, grain: customer with an offer, ordered by id: customer_id, probability_of_gain.
        Second, plain JSON: probability_of_gain of all that is sent together (null where nothing
        is), and expected_net_p05, expected_net_median, expected_net_p95 of it (currency units).
        Assumptions are triangular (low, base, high) and drawn once for everybody: one draw each
        for save rates, for margins over the horizon, for redemptions and for risks by rule.
    """
    given = allocation.filter(allocation.offer_if_treated.notnull())
    given = given.select("customer_id", "sent", asked=given.offer_if_treated)
    pairs = offer_values.inner_join(
        given, [offer_values.customer_id == given.customer_id, offer_values.offer == given.asked]
    )
    columns = [name for names in _COLUMNS.values() for name in names]
    frame = pairs.select("customer_id", "sent", *columns, *_FIXED).order_by("customer_id")
    rows = frame.to_pandas()
    draws = np.random.default_rng(options.seed).random((len(_COLUMNS), options.trials.draws))
    gains, total = _drawn(rows, draws)
    table = rows[["customer_id"]].assign(probability_of_gain=gains)
    facts: dict[str, Any] = {
        "probability_of_gain": float((total > 0).mean()) if rows["sent"].any() else None
    }
    for name, share in (("p05", 0.05), ("median", 0.5), ("p95", 0.95)):
        facts[f"expected_net_{name}"] = float(np.quantile(total, share))
    schema = {"customer_id": "string", "probability_of_gain": "float64"}
    return ibis.memtable(table, schema=schema), facts


def _drawn(rows: pd.DataFrame, draws: Floats) -> tuple[Floats, Floats]:
    """Return each customer's share of draws with a gain, and the sum of what is sent per draw."""
    gains = np.zeros(len(rows))
    total = np.zeros(draws.shape[1])
    step = max(_BLOCK // draws.shape[1], 1)
    for first in range(0, len(rows), step):
        part = rows.iloc[first : first + step]
        save, margin, redemption, risk = (
            _triangular(u, *(part[name].to_numpy(float)[:, None] for name in names))
            for u, names in zip(
                draws,
                (_COLUMNS[name] for name in ("save_rate", "horizon", "redemption", "risk")),
                strict=True,
            )
        )
        redeem, contact = (part[name].to_numpy(float)[:, None] for name in _FIXED)
        net = expected_net(risk, save, margin, redeem, redemption, contact)
        gains[first : first + step] = (net > 0).mean(axis=1)
        total += net[part["sent"].to_numpy(bool)].sum(axis=0)
    return gains, total


def _triangular(u: Floats, low: Floats, base: Floats, high: Floats) -> Floats:
    """Return quantiles of triangular distributions; a range without width is its only value."""
    width = high - low
    safe = np.where(width > 0, width, 1.0)
    at_base = (base - low) / safe
    rising = low + np.sqrt(u * safe * (base - low))
    falling = high - np.sqrt((1 - u) * safe * (high - base))
    found: Floats = np.where(width > 0, np.where(u < at_base, rising, falling), base)
    return found

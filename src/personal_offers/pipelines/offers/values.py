"""Every offer that a customer may have, its gates, and what it is worth."""

from __future__ import annotations

from functools import reduce
from operator import and_, or_

import ibis
import ibis.expr.types as ir

from personal_offers.assumptions import Range
from personal_offers.pipelines.offers.catalogue_params import (
    FixedCost,
    Offer,
    OfferCatalogue,
    SaveRate,
)
from personal_offers.pipelines.offers.params import OfferOptions, Winback
from personal_offers.pipelines.offers.pricing import (
    break_even_save_rate,
    expected_cost,
    expected_net,
)

# Gate: the flag of a pair that fails it, in the order in which they are looked at: the first that
# fails names the reason.
GATES = {
    "consent": "no_consent",
    "channel": "unreachable",
    "fatigue": "fatigued",
    "margin_floor": "below_floor",
}
LEVELS = ("low", "base", "high")
# Share of a margin: customers of whom exactly the floor is left would else be told apart by it.
_ROUNDING = 1e-9


def price_offers(
    customers: ir.Table,
    segments: ir.Table,
    customer_interests: ir.Table,
    catalogue: OfferCatalogue,
    options: OfferOptions,
) -> ir.Table:
    """Set every customer beside every offer that the catalogue lets them have, with its worth.

    Args:
        customers: Grain: one customer: profit per month and the features that gates look at.
        segments: Grain: one customer: decline_risk, segment, rfm_class where there is one, marks.
        customer_interests: Grain: one customer: interest_ru, interest_en, certain.
        catalogue: Offers.
        options: Money, gates, and what is assumed of customers without a risk.

    Returns:
        Grain: customer and offer, ordered by customer and place in the catalogue; a customer
        without a risk, and without a range of it by class, has no row. customer_number (from 0, by
        id, over all customers), customer_id, offer, channel, segment; risk_low, risk, risk_high,
        risk_source (``model`` / ``rule``); save_low, save_rate, save_high; month_margin (currency
        units; of one usual purchase where the margin comes from winning back); margin_low, margin,
        margin_high (over the horizon); redeem_cost; redemption_low, redemption, redemption_high;
        contact_cost, expected_cost; expected_net_low, expected_net, expected_net_high (extremes
        over all ends of the ranges); break_even_save_rate (null where no save rate pays);
        no_consent, consent_unknown, unreachable, fatigued, below_floor; blocked_by (the first gate
        that fails, null where none does).
    """
    facts = _facts(customers, segments, customer_interests, options).cache()
    parts = [
        _priced(facts, place, name, offer, options)
        for place, (name, offer) in enumerate(catalogue.offers.items())
    ]
    table = ibis.union(*parts) if len(parts) > 1 else parts[0]
    return table.order_by("customer_number", "place").drop("place").cache()


def _facts(
    customers: ir.Table, segments: ir.Table, customer_interests: ir.Table, options: OfferOptions
) -> ir.Table:
    """Return what is known of each customer, whatever the offer; nobody without a risk."""
    known = segments
    for other in (customers, customer_interests):
        missing = [name for name in other.columns if name not in known.columns]
        known = known.left_join(other.select("customer_id", *missing), "customer_id")
        known = known.drop("customer_id_right")
    by_id = ibis.window(order_by=known.customer_id)
    known = known.mutate(customer_number=ibis.row_number().over(by_id))
    risks = _risks(known, options.winback)
    known = known.mutate(
        **risks,
        risk_source=ibis.ifelse(known.decline_risk.notnull(), "model", "rule"),
        **_margins(known, options),
    )
    return known.filter(known.risk.notnull())


def _risks(known: ir.Table, winback: Winback | None) -> dict[str, ir.FloatingValue]:
    """Return the risk and its range: the model's, or else what is assumed of the class."""
    names = {"low": "risk_low", "base": "risk", "high": "risk_high"}
    if winback is None or "rfm_class" not in known.columns:
        return dict.fromkeys(names.values(), known.decline_risk.cast("float64"))
    assumed = {
        name: known.rfm_class.cases(
            *((group, getattr(span, level)) for group, span in winback.risk.items())
        )
        for level, name in names.items()
    }
    return {
        name: ibis.coalesce(known.decline_risk, value).cast("float64")
        for name, value in assumed.items()
    }


def _margins(known: ir.Table, options: OfferOptions) -> dict[str, ir.FloatingValue]:
    """Return what a customer brings in a month, and over the horizon.

    Whoever has no risk, or no profit now, can only be won back: they are worth so many purchases.
    """
    unit = options.profit_unit.units[options.profit_unit.chosen]
    month = known.profit.cast("float64") * unit.value
    if unit.times is not None:
        month = month * known[unit.times].cast("float64")
    month = month.fill_null(0.0)
    months = options.horizon_months
    winback = options.winback
    if winback is None:
        times = {level: ibis.literal(float(getattr(months, level))) for level in LEVELS}
    else:
        lapsed = known.decline_risk.isnull() | (known.profit == 0)
        check = known[winback.check].cast("float64").fill_null(0.0)
        month = ibis.ifelse(lapsed, check * winback.margin, month)
        times = {
            level: ibis.ifelse(
                lapsed, float(getattr(winback.purchases, level)), float(getattr(months, level))
            )
            for level in LEVELS
        }
    ends = {level: month * times[level] for level in LEVELS}
    return {
        "month_margin": month,
        "margin": ends["base"],
        # Of a loss, more months are the lower end.
        "margin_low": ibis.least(ends["low"], ends["high"]),
        "margin_high": ibis.greatest(ends["low"], ends["high"]),
    }


def _priced(
    facts: ir.Table, place: int, name: str, offer: Offer, options: OfferOptions
) -> ir.Table:
    """Return the customers who may have one offer, with its worth and its gates."""
    table = facts.filter(_may_have(facts, offer))
    cost = offer.redemption_cost
    if isinstance(cost, FixedCost):
        redeem: ir.FloatingValue = ibis.literal(float(cost.amount))
    else:  # a share of a loss costs nothing
        redeem = ibis.greatest(table.month_margin * cost.share, ibis.literal(0.0))
    table = table.mutate(
        place=ibis.literal(place),
        offer=ibis.literal(name),
        channel=ibis.literal(offer.channel),
        redeem_cost=redeem,
        contact_cost=ibis.literal(float(offer.contact_cost)),
        **_saves(table, offer.save_rate),
        **_levels("redemption", "redemption", offer.redemption),
    )
    table = table.mutate(
        below_floor=(table.margin <= 0)
        | (table.redeem_cost > (1 - options.gates.margin_floor + _ROUNDING) * table.margin),
        **_gates(table, offer, options),
    )
    return _with_worth(table)


def _may_have(facts: ir.Table, offer: Offer) -> ir.BooleanValue:
    """Say whom the catalogue lets have an offer."""
    asked = offer.eligible
    holds: list[ir.BooleanValue] = [ibis.literal(True)]
    if asked.segments is not None:
        holds.append(facts.segment.isin(asked.segments))
    if asked.classes is not None:
        holds.append(facts.rfm_class.isin(asked.classes).fill_null(False))
    if asked.marks:
        holds.append(reduce(or_, (facts[mark] for mark in asked.marks)))
    holds += [~facts[mark] for mark in asked.not_marks]
    holds += [
        facts[feature].isin(values).fill_null(False) for feature, values in asked.values.items()
    ]
    certain = facts.certain.fill_null(False)
    holds += {
        "any": [],
        "known": [certain],
        "unknown": [~certain],
        "so_far": [facts.interest_en.notnull()],
    }[asked.interest]
    return reduce(and_, holds)


def _levels(name: str, ends: str, span: Range) -> dict[str, ir.FloatingScalar]:
    return {
        f"{ends}_low": ibis.literal(float(span.low)),
        name: ibis.literal(float(span.base)),
        f"{ends}_high": ibis.literal(float(span.high)),
    }


def _saves(table: ir.Table, rate: SaveRate) -> dict[str, ir.FloatingValue]:
    """Return the save rate of each customer's segment, or of the class they fall back on."""
    if not rate.by_segment:
        return dict(_levels("save_rate", "save", rate.default))
    return {
        name: table.segment.cases(
            *((group, float(getattr(span, level))) for group, span in rate.by_segment.items()),
            else_=float(getattr(rate.default, level)),
        )
        for name, level in (("save_low", "low"), ("save_rate", "base"), ("save_high", "high"))
    }


def _gates(table: ir.Table, offer: Offer, options: OfferOptions) -> dict[str, ir.BooleanValue]:
    """Say which gates are in the way, the money aside."""
    consent = table[options.gates.consent.feature].cast("boolean")
    reached_by = options.channels[offer.channel].reached_by
    unreachable = ibis.literal(False)
    if reached_by is not None:
        unreachable = ~table[reached_by].cast("boolean").fill_null(False)
    fatigued = ibis.literal(False)
    if (fatigue := options.gates.fatigue) is not None:
        fatigued = (table[fatigue.feature] > fatigue.at_most).fill_null(False)
    # A refusal blocks; what nobody recorded blocks only what asks for a record.
    unknown_blocks = offer.eligible.consent == "recorded"
    return {
        "no_consent": ~consent.fill_null(not unknown_blocks),
        "consent_unknown": consent.isnull(),
        "unreachable": unreachable,
        "fatigued": fatigued,
    }


def _with_worth(table: ir.Table) -> ir.Table:
    """Add cost, expected net with its extremes, break-even and the first gate that fails."""
    fixed = {"redeem_cost": table.redeem_cost, "contact_cost": table.contact_cost}
    # Expected net is linear in each assumption, so its extremes are at ends of the ranges: over
    # risk and save rate all four are tried, for margin and redemption the direction is known.
    ends = {
        level: [
            expected_net(
                risk, save, table[f"margin_{level}"], redemption=table[f"redemption_{other}"],
                **fixed,
            )
            for risk in (table.risk_low, table.risk_high)
            for save in (table.save_low, table.save_high)
        ]
        for level, other in (("low", "high"), ("high", "low"))
    }  # fmt: skip
    numerator, denominator = break_even_save_rate(
        table.risk, table.margin, redemption=table.redemption, **fixed
    )
    priced = table.mutate(
        expected_cost=expected_cost(
            table.risk, table.save_rate, redemption=table.redemption, **fixed
        ),
        expected_net_low=ibis.least(*ends["low"]),
        expected_net=expected_net(
            table.risk, table.save_rate, table.margin, redemption=table.redemption, **fixed
        ),
        expected_net_high=ibis.greatest(*ends["high"]),
        break_even_save_rate=ibis.ifelse(
            denominator > 0, numerator / denominator.nullif(0), ibis.null("float64")
        ),
        blocked_by=ibis.cases(*((table[flag], gate) for gate, flag in GATES.items())),
    )
    return priced.select(*COLUMNS, "place")


COLUMNS = [
    "customer_number", "customer_id", "offer", "channel", "segment",
    "risk_low", "risk", "risk_high", "risk_source",
    "save_low", "save_rate", "save_high",
    "month_margin", "margin_low", "margin", "margin_high",
    "redeem_cost", "redemption_low", "redemption", "redemption_high",
    "contact_cost", "expected_cost",
    "expected_net_low", "expected_net", "expected_net_high", "break_even_save_rate",
    "no_consent", "consent_unknown", "unreachable", "fatigued", "below_floor", "blocked_by",
]  # fmt: skip

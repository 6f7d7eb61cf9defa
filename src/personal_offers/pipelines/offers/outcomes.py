"""What becomes of every customer: sent, withheld, blocked, or not worth it, and with what money."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.offers.catalogue_params import OfferCatalogue
from personal_offers.pipelines.offers.params import OfferOptions
from personal_offers.pipelines.offers.reasons import reason_sentences

OFFER, CONTROL, NONE = "offer", "control", "none"
_MONEY = {
    "cost": "expected_cost",
    "expected_net_low": "expected_net_low",
    "expected_net": "expected_net",
    "expected_net_high": "expected_net_high",
}
# Of the pair that a sentence speaks of: the offer given, or else the best one there is.
_PAIR = [
    "offer", "channel", "risk", "risk_source", "save_rate", "break_even_save_rate",
    "expected_cost", "expected_net_low", "expected_net", "expected_net_high",
    "consent_unknown", "blocked_by",
]  # fmt: skip


def settle_outcomes(
    segments: ir.Table, offer_values: ir.Table, allocation: ir.Table, gain_probability: ir.Table
) -> ir.Table:
    """Say what becomes of every customer, and which offer that speaks of.

    Args:
        segments: Grain: one customer: segment, decline_risk, profit, marks.
        offer_values: Grain: customer and offer.
        allocation: Grain: one customer: offer_if_treated, explored, in_control, sent.
        gain_probability: Grain: customer with an offer: probability_of_gain.

    Returns:
        Grain: one customer, ordered by id: the columns of ``segments``, of the allocation, and of
        one pair, prefixed ``pair_``: the offer given, or else the best one that pays (free ones
        first), or the best one; all null where the catalogue has none. outcome: ``sent``;
        ``control`` (withheld on purpose); ``blocked`` (no free pair pays, and a gate blocks one
        that would, or all there are); ``not_offered`` (no pair); ``does_not_pay`` (no pair is worth
        more than nothing); ``too_dear`` (one is, but budget or channels went to others).
        probability_of_gain, null without an offer.
    """
    given = allocation.filter(allocation.offer_if_treated.notnull())
    asked = given.select("customer_id", asked=given.offer_if_treated)
    pairs = offer_values.left_join(asked, "customer_id").drop("customer_id_right")
    free, pays = pairs.blocked_by.isnull(), pairs.expected_net > 0
    # The given one; then what pays, free before blocked: where only a blocked one would, the gate
    # is the reason; then what does not pay, free before blocked. By worth; names settle ties.
    first = [
        ibis.desc((pairs.offer == pairs.asked).fill_null(False)),
        ibis.desc(free & pays),
        ibis.desc(pays),
        ibis.desc(free),
        ibis.desc(pairs.expected_net),
        pairs.offer,
    ]
    window = ibis.window(group_by=pairs.customer_id, order_by=first)
    ranked = pairs.mutate(rank=ibis.row_number().over(window))
    best = ranked.filter(ranked["rank"] == 0).select(
        "customer_id", **{f"pair_{name}": ranked[name] for name in _PAIR}
    )
    table = segments
    for other in (allocation, best, gain_probability):
        table = table.left_join(other, "customer_id").drop("customer_id_right")
    outcome = ibis.cases(
        (table.sent, "sent"),
        (table.offer_if_treated.notnull(), "control"),
        (table.pair_offer.isnull(), "not_offered"),
        (table.pair_blocked_by.notnull(), "blocked"),
        (table.pair_expected_net <= 0, "does_not_pay"),
        else_="too_dear",
    )
    return table.mutate(outcome=outcome).order_by("customer_id").cache()


def publish_offers(
    outcomes: ir.Table,
    decline_risk: ir.Table,
    customer_interests: ir.Table,
    view_names: dict[str, dict[str, dict[str, str]]],
    registry: FeatureRegistry,
    catalogue: OfferCatalogue,
    options: OfferOptions,
) -> ir.Table:
    """Put the plan into the form that people and exports read, with a reason for everybody.

    Args:
        outcomes: Grain: one customer, from ``settle_outcomes``.
        decline_risk: Grain: one customer: reason_1..reason_3.
        customer_interests: Grain: one customer: interest_ru, interest_en.
        view_names: What segments, classes and marks are called.
        registry: What features are called, and which of them the shop can change.
        catalogue: What offers are called.
        options: Channels, currency, gates.

    Returns:
        Grain: one customer of the shop, ordered by id: customer_id; group (``offer``, ``control``,
        ``none``); offer, channel (null unless something is sent); offer_if_treated,
        channel_if_treated; explored; cost, expected_net_low, expected_net, expected_net_high
        (currency units; 0 where nothing is sent); cost_if_treated, expected_net_if_treated;
        save_rate (assumed), break_even_save_rate, probability_of_gain, risk (that the offer was
        priced with) - all null without an offer; segment; decline_risk, profit (as published);
        provisional (the consent is neither recorded nor confirmed, so nothing is exported);
        outcome; blocked_by; interest_ru, interest_en; reason_ru, reason_en.
    """
    drivers = decline_risk.select("customer_id", "reason_1", "reason_2", "reason_3")
    interest = customer_interests.select("customer_id", "interest_ru", "interest_en")
    table = outcomes
    for other in (drivers, interest):
        table = table.left_join(other, "customer_id").drop("customer_id_right")
    frame = table.order_by("customer_id").to_pandas()
    sentences = reason_sentences(frame, view_names, registry, catalogue, options)
    texts = ibis.memtable(sentences, schema=dict.fromkeys(sentences.columns, "string"))
    table = table.left_join(texts, "customer_id").drop("customer_id_right")
    return _public(table, options).order_by("customer_id").cache()


def _public(table: ir.Table, options: OfferOptions) -> ir.Table:
    """Return the columns of the public table."""
    has_offer = table.outcome.isin(["sent", "control"])
    blocked = table.outcome == "blocked"

    def of_offer(name: str) -> ir.Value:
        return ibis.ifelse(has_offer, table[f"pair_{name}"], ibis.null())

    unproven = of_offer("consent_unknown").fill_null(False)
    return table.select(
        "customer_id",
        group=ibis.cases((table.sent, OFFER), (has_offer, CONTROL), else_=NONE),
        offer=ibis.ifelse(table.sent, table.pair_offer, ibis.null()),
        channel=ibis.ifelse(table.sent, table.pair_channel, ibis.null()),
        offer_if_treated=of_offer("offer"),
        channel_if_treated=of_offer("channel"),
        explored=table.explored,
        **{
            name: ibis.ifelse(table.sent, table[f"pair_{column}"], 0.0)
            for name, column in _MONEY.items()
        },
        cost_if_treated=of_offer("expected_cost"),
        expected_net_if_treated=of_offer("expected_net"),
        save_rate=of_offer("save_rate"),
        break_even_save_rate=of_offer("break_even_save_rate"),
        probability_of_gain=table.probability_of_gain,
        risk=of_offer("risk"),
        segment=table.segment,
        decline_risk=table.decline_risk,
        profit=table.profit,
        provisional=unproven & (not options.gates.consent.confirmed),
        outcome=table.outcome,
        blocked_by=ibis.ifelse(blocked, table.pair_blocked_by, ibis.null()),
        interest_ru=table.interest_ru,
        interest_en=table.interest_en,
        reason_ru=table.reason_ru,
        reason_en=table.reason_en,
    )


def list_untouchables(offer_values: ir.Table, outcomes: ir.Table) -> pd.DataFrame:
    """List whom no offer does any good: contacting them costs money.

    Args:
        offer_values: Grain: customer and offer.
        outcomes: Grain: one customer, from ``settle_outcomes``.

    Returns:
        Grain: customer who passes all gates for some offer, and for whom no such offer is worth
        more than nothing, costliest first: customer_id, segment, risk, least_bad_offer, saves
        (currency units that the least bad offer would lose at base assumptions, so what leaving
        them alone saves at least), break_even_save_rate, save_rate (assumed), even_at_best (true
        where not even the favourable ends of all ranges make any offer pay).
    """
    alone = outcomes.filter(outcomes.outcome == "does_not_pay")
    free = offer_values.filter(offer_values.blocked_by.isnull())
    best = free.group_by("customer_id").aggregate(best=free.expected_net_high.max())
    table = alone.left_join(best, "customer_id").drop("customer_id_right")
    listed = table.select(
        "customer_id",
        "segment",
        risk=table.pair_risk,
        least_bad_offer=table.pair_offer,
        saves=0.0 - table.pair_expected_net,  # no minus zero
        break_even_save_rate=table.pair_break_even_save_rate,
        save_rate=table.pair_save_rate,
        even_at_best=table.best <= 0,
    )
    frame: pd.DataFrame = listed.order_by(ibis.desc("saves"), "customer_id").to_pandas()
    return frame

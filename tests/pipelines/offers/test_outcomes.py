"""Outcomes: everybody has exactly one, and money stands only where something is sent."""

from collections.abc import Mapping
from typing import Any

import ibis
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from personal_offers.pipelines.offers.outcomes import (
    list_untouchables,
    publish_offers,
    settle_outcomes,
)
from tests.pipelines.offers.made_up import (
    REGISTRY,
    VIEW_NAMES,
    WINBACK,
    channels,
    control,
    decline_risks,
    gates,
    ids,
    offer_catalogue,
    offer_options,
    plan_of,
    save_rate,
    span,
    table_of,
)

COLUMNS = [
    "customer_id", "group", "offer", "channel", "offer_if_treated", "channel_if_treated",
    "explored", "cost", "expected_net_low", "expected_net", "expected_net_high",
    "cost_if_treated", "expected_net_if_treated", "save_rate", "break_even_save_rate",
    "probability_of_gain", "risk", "segment", "decline_risk", "profit", "provisional", "outcome",
    "blocked_by", "interest_ru", "interest_en", "reason_ru", "reason_en",
]  # fmt: skip
MONEY = ["cost", "expected_net_low", "expected_net", "expected_net_high"]
OF_AN_OFFER = [
    "offer_if_treated", "channel_if_treated", "cost_if_treated", "expected_net_if_treated",
    "save_rate", "break_even_save_rate", "probability_of_gain", "risk",
]  # fmt: skip
# One of each outcome but control: the offer asks for a segment, the budget reaches for one.
FOR_SAVING = offer_catalogue(code={"eligible": {"segments": ["save_first"]}})
EVERY_KIND: tuple[Mapping[str, Any], ...] = (
    {"customer_id": "sent", "profit": 20.0},
    {"customer_id": "dear", "profit": 12.0},
    {"customer_id": "poor", "profit": 4.0},
    {"customer_id": "refused", "contact_allowed": False},
    {"customer_id": "other", "segment": "grow"},
)
ONE_REACHED = offer_options(budget=3.0)


def every_kind() -> pd.DataFrame:
    return table_of(*EVERY_KIND, catalogue=FOR_SAVING, options=ONE_REACHED)


def test_every_customer_has_one_row_in_order_and_all_columns():
    table = plan_of(*EVERY_KIND, catalogue=FOR_SAVING, options=ONE_REACHED).offers.to_pandas()
    assert list(table.columns) == COLUMNS
    assert table["customer_id"].tolist() == ["dear", "other", "poor", "refused", "sent"]


def test_each_outcome_is_told_from_the_others():
    assert every_kind()["outcome"].to_dict() == {
        "sent": "sent",
        "dear": "too_dear",
        "poor": "does_not_pay",
        "refused": "blocked",
        "other": "not_offered",
    }


def test_offer_and_channel_stand_only_where_something_is_sent():
    table = every_kind()
    sent = table.loc["sent"]
    assert (sent["group"], sent["offer"], sent["channel"]) == ("offer", "code", "email")
    assert (sent["offer_if_treated"], sent["channel_if_treated"]) == ("code", "email")
    rest = table.drop(index="sent")
    assert set(rest["group"]) == {"none"}
    assert rest[["offer", "channel", *OF_AN_OFFER]].isna().all(axis=None)
    assert (rest[MONEY] == 0).all(axis=None)


def test_money_of_what_is_sent_is_that_of_the_pair():
    # 0.5 * 0.2 * (60 - 5) - 0.5 * 0.5 * 5 - 1; it costs 1 + 5 * (0.1 + 0.25).
    sent = every_kind().loc["sent"]
    assert sent["expected_net"] == pytest.approx(3.25)
    assert sent["cost"] == pytest.approx(2.75)
    assert sent["expected_net_low"] < sent["expected_net"] < sent["expected_net_high"]
    assert sent["expected_net_if_treated"] == sent["expected_net"]
    assert sent["cost_if_treated"] == sent["cost"]


def test_the_control_group_keeps_what_it_would_have_got():
    people = [{"customer_id": name, "profit": 20.0} for name in ids(40)]
    table = table_of(*people, options=offer_options(**control(0.5)))
    held = table[table["group"] == "control"]
    assert 0 < len(held) < len(table)
    assert set(held["outcome"]) == {"control"}
    assert held[["offer", "channel"]].isna().all(axis=None)
    assert (held[MONEY] == 0).all(axis=None)
    assert held[OF_AN_OFFER].notna().all(axis=None)
    assert set(held["offer_if_treated"]) == {"code"}
    assert held["expected_net_if_treated"].tolist() == pytest.approx([3.25] * len(held))


def test_who_would_be_in_control_but_has_no_offer_is_not_control():
    people = [{"customer_id": name, "profit": 4.0} for name in ids(40)]
    table = table_of(*people, options=offer_options(**control(0.5)))
    assert set(table["outcome"]) == {"does_not_pay"}
    assert set(table["group"]) == {"none"}


TWO_CHANNELS = offer_catalogue(code={}, call={"channel": "call", "contact_cost": 0})


@pytest.mark.parametrize(
    ("person", "gate"),
    [
        ({"contact_allowed": False}, "consent"),
        ({"contact_allowed": False, "contacts": 9.0}, "consent"),
        ({"contacts": 9.0}, "fatigue"),
        ({"profit": 0.0}, "margin_floor"),
    ],
)
def test_the_first_gate_that_fails_is_named(person: dict[str, Any], gate: str):
    options = offer_options(
        **gates(fatigue={"feature": "contacts", "at_most": 4}, margin_floor=0.5)
    )
    row = table_of(person, options=options).loc["a"]
    assert (row["outcome"], row["blocked_by"], row["group"]) == ("blocked", gate, "none")


def test_the_gate_of_the_best_pair_is_named():
    # The call is worth more, and there is no phone; the e-mail would fail the floor.
    catalogue = offer_catalogue(
        code={"redemption_cost": {"kind": "fixed", "amount": 100}},
        call={"channel": "call", "contact_cost": 0},
    )
    options = offer_options(**gates(margin_floor=0.1))
    row = table_of({"has_phone": False}, catalogue=catalogue, options=options).loc["a"]
    assert (row["outcome"], row["blocked_by"]) == ("blocked", "channel")


def test_a_free_pair_goes_before_a_better_one_that_is_blocked():
    row = table_of({"has_phone": False}, catalogue=TWO_CHANNELS).loc["a"]
    assert (row["outcome"], row["offer"]) == ("sent", "code")
    assert pd.isna(row["blocked_by"])


def test_nobody_is_both_blocked_and_sent():
    table = every_kind()
    assert (table["blocked_by"].notna() == (table["outcome"] == "blocked")).all()
    assert table.loc[table["blocked_by"].notna(), "offer"].isna().all()


@pytest.mark.parametrize(
    ("allowed", "confirmed", "provisional"),
    [(None, False, True), (None, True, False), (True, False, False)],
)
def test_only_consent_that_is_neither_recorded_nor_confirmed_is_provisional(
    allowed: bool | None, confirmed: bool, provisional: bool
):
    options = offer_options(**gates(consent={"feature": "contact_allowed", "confirmed": confirmed}))
    row = table_of({"contact_allowed": allowed}, options=options).loc["a"]
    assert row["outcome"] == "sent"
    assert bool(row["provisional"]) is provisional


def test_nobody_without_an_offer_is_provisional():
    row = table_of({"contact_allowed": None, "profit": 4.0}).loc["a"]
    assert row["outcome"] == "does_not_pay"
    assert not row["provisional"]


def test_a_customer_for_whom_no_channel_has_room_is_too_dear():
    options = offer_options(**channels(email=0, call=None))
    assert table_of({}, options=options).loc["a", "outcome"] == "too_dear"


def test_a_worth_of_nothing_does_not_pay():
    free = {"kind": "fixed", "amount": 0}
    catalogue = offer_catalogue(
        code={"contact_cost": 0, "redemption_cost": free, **save_rate(span(0, 0, 0.1))}
    )
    plan = plan_of({}, catalogue=catalogue)
    assert plan.offers.to_pandas()["outcome"].tolist() == ["does_not_pay"]
    saves = list_untouchables(plan.offer_values, plan.outcomes)["saves"].tolist()
    assert [str(amount) for amount in saves] == ["0.0"]  # and not minus zero


LOST = {"decline_risk": None, "segment": "lost", "rfm_class": "lost"}
SLEEPING = {
    "decline_risk": None, "segment": "sleeping", "rfm_class": "sleeping", "average_check": 400.0,
}  # fmt: skip


def test_customers_without_risk_and_rule_are_not_offered_anything():
    options = offer_options(winback=WINBACK)
    table = table_of(LOST | {"customer_id": "a"}, SLEEPING | {"customer_id": "b"}, options=options)
    assert table["outcome"].tolist() == ["not_offered", "sent"]
    assert pd.isna(table.loc["b", "decline_risk"])
    assert table.loc["b", "risk"] == 0.5


def test_no_customers_give_an_empty_table_of_the_same_form():
    plan = plan_of()
    table = plan.offers.to_pandas()
    assert (len(table), list(table.columns)) == (0, COLUMNS)
    assert len(list_untouchables(plan.offer_values, plan.outcomes)) == 0


def test_outcomes_do_not_depend_on_the_order_of_the_rows():
    plan = plan_of(*EVERY_KIND, catalogue=FOR_SAVING, options=ONE_REACHED)
    tables = [plan.segments, plan.offer_values, plan.allocation, plan.gains]
    turned = [ibis.memtable(t.to_pandas().iloc[::-1], schema=t.schema()) for t in tables]
    assert_frame_equal(settle_outcomes(*turned).to_pandas(), plan.outcomes.to_pandas())


def test_inputs_stay_as_they_were():
    plan = plan_of(*EVERY_KIND, catalogue=FOR_SAVING, options=ONE_REACHED)
    tables = [plan.outcomes, decline_risks(*EVERY_KIND), plan.interests]
    before = [table.to_pandas() for table in tables]
    first = publish_offers(*tables, VIEW_NAMES, REGISTRY, FOR_SAVING, ONE_REACHED).to_pandas()
    second = publish_offers(*tables, VIEW_NAMES, REGISTRY, FOR_SAVING, ONE_REACHED).to_pandas()
    assert_frame_equal(first, second)
    for table, frame in zip(tables, before, strict=True):
        assert_frame_equal(table.to_pandas(), frame)


# --- who is better left alone ----------------------------------------------------------------


def untouchables(*rows: Mapping[str, Any], **others: Any) -> pd.DataFrame:
    plan = plan_of(*rows, **others)
    return list_untouchables(plan.offer_values, plan.outcomes)


def test_untouchables_are_those_whom_only_losing_offers_are_left_for():
    found = untouchables(*EVERY_KIND, catalogue=FOR_SAVING, options=ONE_REACHED)
    assert found["customer_id"].tolist() == ["poor"]
    row = found.iloc[0]
    # 0.5 * 0.2 * (12 - 5) - 1.25 - 1 = -1.55; it pays from 2.25 / 3.5 on.
    assert row["saves"] == pytest.approx(1.55)
    assert row["least_bad_offer"] == "code"
    assert row["break_even_save_rate"] == pytest.approx(2.25 / 3.5)
    assert (row["segment"], row["risk"], row["save_rate"]) == ("save_first", 0.5, 0.2)


def test_the_least_bad_offer_is_what_leaving_alone_saves():
    catalogue = offer_catalogue(code={}, dear={"contact_cost": 5})
    found = untouchables({"profit": 4.0}, catalogue=catalogue)
    assert found["least_bad_offer"].tolist() == ["code"]
    assert found["saves"].tolist() == pytest.approx([1.55])


def test_the_costliest_come_first_and_ids_settle_ties():
    rows = [{"customer_id": i, "profit": p} for i, p in (("c", 4.0), ("b", 4.0), ("a", 5.0))]
    assert untouchables(*rows)["customer_id"].tolist() == ["b", "c", "a"]


def test_even_at_best_looks_at_the_favourable_ends_of_every_free_offer():
    hopeless = offer_catalogue(code={"contact_cost": 1000}, hopeful={"contact_cost": 2.5})
    rows = [{"customer_id": "a", "profit": 4.0}, {"customer_id": "b", "profit": 8.0}]
    found = untouchables(*rows, catalogue=hopeless).set_index("customer_id")
    # At best b brings 0.5 * 0.3 * (8 * 6 - 5) - 0.5 * 0.2 * 5 - 2.5 = 3.45, and a -0.15.
    assert not found.loc["b", "even_at_best"]
    assert found.loc["a", "even_at_best"]


def test_a_blocked_offer_does_not_make_anybody_hopeful():
    call = {"channel": "call", "contact_cost": 2.5}  # pays at best only
    catalogue = offer_catalogue(code={"contact_cost": 1000}, call=call)
    found = untouchables({"profit": 8.0, "has_phone": False}, catalogue=catalogue)
    assert found["least_bad_offer"].tolist() == ["code"]
    assert found["even_at_best"].tolist() == [True]


def test_whom_only_a_gate_keeps_from_an_offer_that_pays_is_not_left_alone_for_their_own_good():
    catalogue = offer_catalogue(code={"contact_cost": 1000}, call={"channel": "call"})
    found = untouchables({"has_phone": False}, catalogue=catalogue)
    assert found.empty


def test_break_even_is_unknown_where_no_save_rate_pays():
    found = untouchables({"profit": 1.0})
    assert found["break_even_save_rate"].isna().all()


def test_explored_customers_may_lose_and_are_marked():
    options = offer_options(exploration=0.99)
    catalogue = offer_catalogue(code=save_rate(span(0.1, 0.1, 1.0)))
    table = table_of(*({"customer_id": i} for i in ids(20)), catalogue=catalogue, options=options)
    explored = table[table["explored"]]
    assert len(explored) > 0
    assert set(explored["outcome"]) == {"sent"}
    assert (explored["expected_net"] < 0).all()
    assert set(table.loc[~table["explored"], "outcome"]) <= {"does_not_pay"}

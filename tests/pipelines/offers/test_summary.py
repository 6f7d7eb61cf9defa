"""The plan in figures: sums that agree with its table, and a reason for every empty plan."""

import json
from collections.abc import Mapping
from typing import Any

import ibis
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from personal_offers.pipelines.offers.experiment import ALL
from personal_offers.pipelines.offers.outcomes import list_untouchables
from personal_offers.pipelines.offers.plan_text import write_plan
from personal_offers.pipelines.offers.summary import measure_control, summarise_plan
from personal_offers.pipelines.offers.trials import try_units, value_gates
from tests.pipelines.offers.made_up import (
    VIEW_NAMES,
    WINBACK,
    Planned,
    both,
    channels,
    control,
    gates,
    ids,
    offer_catalogue,
    offer_options,
    plan_of,
)

RICH: dict[str, Any] = {"customer_id": "rich", "profit": 20.0}
POOR: dict[str, Any] = {"customer_id": "poor", "profit": 4.0}
REFUSED: dict[str, Any] = {"customer_id": "refused", "contact_allowed": False}
OTHER: dict[str, Any] = {"customer_id": "other", "segment": "grow"}
FOR_SAVING = offer_catalogue(code={"eligible": {"segments": ["save_first"]}})
TWO = offer_catalogue(
    code={"name": both("Код", "Code")},
    call={"name": both("Звонок", "Call"), "channel": "call", "contact_cost": 0},
)


def tables_of(plan: Planned) -> dict[str, Any]:
    """Return everything that the summary is made of."""
    shop = (plan.catalogue, plan.options)
    people = (plan.customers, plan.segments, plan.interests)
    return {
        "offers": plan.offers,
        "allocation_facts": plan.facts,
        "gain_facts": plan.gain_facts,
        "gate_values": value_gates(plan.offer_values, plan.outcomes, *shop),
        "do_not_touch": list_untouchables(plan.offer_values, plan.outcomes),
        "plan_by_unit": try_units(*people, *shop),
        "detectable": measure_control(plan.offers, VIEW_NAMES, *shop)[1],
    }


def summary_of(*rows: Mapping[str, Any], **others: Any) -> dict[str, Any]:
    plan = plan_of(*rows, **others)
    return summarise_plan(**tables_of(plan), options=plan.options)


def explained(*rows: Mapping[str, Any], **others: Any) -> tuple[str, str]:
    text = summary_of(*rows, **others)["explanation"]
    return text["ru"], text["en"]


# --- figures ---------------------------------------------------------------------------------


def test_totals_agree_with_the_table():
    people = [{"customer_id": name, "profit": 3.0 + n} for n, name in enumerate(ids(40))]
    people += [REFUSED, {"customer_id": "unknown", "contact_allowed": None, "profit": 50.0}]
    plan = plan_of(*people, catalogue=TWO, options=offer_options(budget=40.0, **control(0.3)))
    found = summarise_plan(**tables_of(plan), options=plan.options)
    table = plan.offers.to_pandas()
    counts = table["outcome"].value_counts().to_dict()
    assert found["customers"] == len(table) == 42
    assert found["offered"] == counts["sent"] == (table["group"] == "offer").sum()
    assert found["control"] == counts["control"]
    assert found["none"] == {
        name: counts.get(name, 0) for name in ("blocked", "not_offered", "does_not_pay", "too_dear")
    }
    assert found["offered"] + found["control"] + sum(found["none"].values()) == 42
    assert found["spend"] == pytest.approx(table["cost"].sum())
    assert found["spend"] <= 40
    for name in ("expected_net_low", "expected_net", "expected_net_high"):
        assert found[name] == pytest.approx(table[name].sum())
    assert found["provisional"] == bool(table["provisional"].any())
    assert found["explanation"] is None
    assert found["budget"] == 40


def test_offers_add_up_with_the_most_valuable_first():
    people = [
        {"customer_id": name, "profit": 10.0 + n, "has_phone": n % 3 == 0}
        for n, name in enumerate(ids(30))
    ]
    plan = plan_of(*people, catalogue=TWO, options=offer_options(**control(0.3)))
    found = summarise_plan(**tables_of(plan), options=plan.options)
    table = plan.offers.to_pandas()
    rows = pd.DataFrame(found["offers"]).set_index("offer")
    assert set(rows.index) == {"code", "call"}
    assert rows["expected_net"].is_monotonic_decreasing
    for name, row in rows.iterrows():
        sent = table[table["offer"] == name]
        held = (table["offer_if_treated"] == name) & (table["group"] == "control")
        assert (row["customers"], row["control"]) == (len(sent), held.sum())
        assert row["cost"] == pytest.approx(sent["cost"].sum())
        assert row["expected_net"] == pytest.approx(sent["expected_net"].sum())
        assert row["channel"] == sent["channel"].iloc[0]
    assert rows["customers"].sum() == found["offered"]
    assert rows["control"].sum() == found["control"]


def test_an_offer_that_only_the_control_group_would_get_is_not_listed():
    found = summary_of(RICH, options=offer_options(**control(0.999)))
    assert (found["offered"], found["control"], found["offers"]) == (0, 1, [])


def test_gates_and_those_left_alone_are_told_with_their_money():
    found = summary_of(RICH, POOR, REFUSED)
    assert found["blocked"]["consent"] == {
        "customers": 1, "sole": 1, "potential": pytest.approx(0.25), "worth": pytest.approx(0.25),
    }  # fmt: skip
    assert list(found["blocked"]) == ["consent", "channel", "fatigue", "margin_floor"]
    assert found["do_not_touch"] == {
        "customers": 1, "saves": pytest.approx(1.55), "even_at_best": 0,
    }  # fmt: skip


def test_units_are_told_with_their_labels():
    found = summary_of(RICH)["units"]
    assert found == [
        {"unit": "money", "chosen": True, "offered": 1, "expected_net": pytest.approx(3.25),
         "label": {"ru": "текст", "en": "text"}},
    ]  # fmt: skip


def test_the_detectable_effect_is_that_of_everybody_at_the_chosen_share():
    people = [{"customer_id": name, "profit": 20.0} for name in ids(200)]
    plan = plan_of(*people, options=offer_options(**control(0.3)))
    tables = tables_of(plan)
    effects = tables["detectable"]
    chosen = effects[(effects["segment"] == ALL) & (effects["control_share"] == 0.3)]
    found = summarise_plan(**tables, options=plan.options)["detectable_effect"]
    assert found == chosen["detectable_effect"].item() > 0


def test_without_a_control_group_no_effect_is_detectable():
    assert summary_of(RICH)["detectable_effect"] is None


@pytest.mark.parametrize("rows", [(), (RICH, POOR, REFUSED), (POOR,)])
def test_the_summary_is_plain_json_and_a_page_can_be_written(rows: tuple[dict[str, Any], ...]):
    plan = plan_of(*rows, options=offer_options(**control(0.1)))
    tables = tables_of(plan)
    found = summarise_plan(**tables, options=plan.options)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    warnings = measure_control(plan.offers, VIEW_NAMES, plan.catalogue, plan.options)[2]
    for page in write_plan(found, warnings, plan.catalogue, plan.options):
        assert page.startswith("# ")
        assert "nan" not in page
        assert "None" not in page


def test_the_summary_names_what_the_allocation_found():
    plan = plan_of(RICH, options=offer_options(budget=100.0))
    found = summarise_plan(**tables_of(plan), options=plan.options)
    for name in ("bound", "gap", "method", "next_unit_returns", "tightened", "dropped", "explored"):
        assert found[name] == plan.facts[name]
    assert found["probability_of_gain"] == plan.gain_facts["probability_of_gain"]
    assert (found["plan_date"], found["control_share"]) == ("2025-01-01", 0)


def test_one_customer_with_unknown_consent_makes_the_plan_provisional():
    unknown = RICH | {"customer_id": "unknown", "contact_allowed": None}
    assert summary_of(RICH, unknown)["provisional"] is True
    assert summary_of(RICH)["provisional"] is False


# --- empty plans -----------------------------------------------------------------------------


def test_a_shop_without_customers_says_so():
    assert explained() == ("в магазине нет ни одного клиента", "the shop has no customer")


def test_a_budget_of_nothing_says_so():
    zero = offer_options(budget=0.0)
    wanted = ("бюджет равен нулю", "the budget is zero")
    assert explained(RICH, options=zero) == wanted
    # Others have reasons of their own, but those who would pay get nothing for want of money.
    assert explained(RICH, POOR, POOR | {"customer_id": "poor2"}, options=zero) == wanted


@pytest.mark.parametrize("caps", [channels(email=0, call=None), {"budget": 1.0}])
def test_no_room_in_budget_and_channels_says_so(caps: dict[str, Any]):
    assert explained(
        RICH, POOR, POOR | {"customer_id": "poor2"}, options=offer_options(**caps)
    ) == (
        "в бюджет и каналы не помещается ни одно предложение",
        "no offer fits into budget and channels",
    )


def test_where_everybody_is_blocked_the_gates_are_named():
    assert explained(REFUSED) == (
        "предложения запрещены правилами (согласие)",
        "offers are blocked by the gates (consent)",
    )
    tired = {"customer_id": "tired", "contacts": 9.0}
    options = offer_options(**gates(fatigue={"feature": "contacts", "at_most": 4}))
    assert explained(REFUSED, tired, options=options)[1] == (
        "offers are blocked by the gates (consent, contact fatigue)"
    )


def test_where_nothing_pays_or_fits_it_says_so():
    assert explained(POOR) == (
        "при базовых допущениях ни одно предложение не окупается",
        "no offer pays at base assumptions",
    )
    assert explained(OTHER, catalogue=FOR_SAVING) == (
        "в каталоге нет подходящего предложения",
        "the catalogue has no offer that fits",
    )


def test_where_reasons_differ_only_the_commonest_is_told_and_not_as_the_only_one():
    assert explained(POOR, REFUSED, POOR | {"customer_id": "poor2"}) == (
        "чаще всего потому, что при базовых допущениях ни одно предложение не окупается",
        "most often because no offer pays at base assumptions",
    )


def test_where_all_are_in_the_control_group_it_says_so():
    assert explained(RICH, POOR, options=offer_options(**control(0.999))) == (
        "все, кому что-то полагалось, попали в контрольную группу",
        "everybody who would have got an offer is in the control group",
    )


# --- control group ---------------------------------------------------------------------------


def test_the_control_group_is_measured_over_all_who_have_an_offer():
    people = [{"customer_id": name, "profit": 20.0} for name in ids(60)]
    plan = plan_of(*people, POOR, options=offer_options(**control(0.3)))
    balance, effects, warnings = measure_control(
        plan.offers, VIEW_NAMES, plan.catalogue, plan.options
    )
    chosen = effects[(effects["segment"] == ALL) & effects["chosen"]].iloc[0]
    held = int((plan.offers.to_pandas()["group"] == "control").sum())
    assert (chosen["customers"], chosen["control"]) == (60, held)
    assert effects.loc[effects["segment"] == "save_first", "segment_ru"].unique().tolist() == [
        "Спасать первыми"
    ]
    assert len(balance) > 0
    assert all(set(warning) >= {"ru", "en"} for warning in warnings)


def test_customers_without_a_class_are_named_in_the_control_tables():
    lapsed = {"decline_risk": None, "segment": "sleeping", "rfm_class": "sleeping",
              "average_check": 900.0}  # fmt: skip
    nobody = RICH | {"customer_id": "nobody", "segment": "not_classified"}
    options = offer_options(winback=WINBACK, **control(0.2))
    plan = plan_of(lapsed, nobody, options=options)
    effects = measure_control(plan.offers, VIEW_NAMES, plan.catalogue, plan.options)[1]
    names = dict(zip(effects["segment"], effects["segment_en"], strict=True))
    assert names["sleeping"] == "Sleeping"
    assert names["not_classified"] == "Not classified"


def test_without_an_offer_there_is_nothing_to_compare():
    plan = plan_of(POOR)
    balance, effects, warnings = measure_control(
        plan.offers, VIEW_NAMES, plan.catalogue, plan.options
    )
    assert balance["level"].tolist() == ["all"]
    assert effects["customers"].eq(0).all()
    assert warnings[0]["en"] == "Nobody gets an offer, so there is nobody to compare."


def test_inputs_stay_as_they_were():
    plan = plan_of(RICH, POOR, REFUSED)
    tables = tables_of(plan)
    frames = {name: each.copy() for name, each in tables.items() if isinstance(each, pd.DataFrame)}
    facts = json.dumps(tables["allocation_facts"])
    first = summarise_plan(**tables, options=plan.options)
    assert summarise_plan(**tables, options=plan.options) == first
    for name, frame in frames.items():
        assert_frame_equal(tables[name], frame)
    assert json.dumps(tables["allocation_facts"]) == facts


def test_the_order_of_the_rows_does_not_matter():
    people = [{"customer_id": name, "profit": 20.0} for name in ids(9)]
    plan = plan_of(*people, catalogue=TWO)
    tables = tables_of(plan)
    turned = ibis.memtable(plan.offers.to_pandas().iloc[::-1], schema=plan.offers.schema())
    one = summarise_plan(**tables, options=plan.options)
    other = summarise_plan(**(tables | {"offers": turned}), options=plan.options)
    sums = ["customers", "offered", "control", "spend", "expected_net", "provisional"]
    assert [other[name] for name in sums] == pytest.approx([one[name] for name in sums])
    assert other["offers"][0]["customers"] == one["offers"][0]["customers"] == 9

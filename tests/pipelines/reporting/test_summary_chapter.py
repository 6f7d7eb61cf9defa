"""The chapter that says what to do now: true to the plan, and honest where there is none."""

import json
from typing import Any

import pandas as pd
import pytest

from personal_offers.pipelines.reporting.summary_chapter import write_summary
from tests.pipelines.reporting.made_up_chapters import OPTIONS
from tests.pipelines.reporting.made_up_plan import (
    CUSTOMERS,
    IN_HUNDREDS,
    NOBODY,
    ODD,
    OFFER_NAMES,
    SETTINGS,
    VIEW_NAMES,
    both,
    effects,
    offer_plan,
    offers_table,
    profile,
    texts_of,
)

GIVEN: dict[str, Any] = {
    "plan": SETTINGS,
    "offer_plan": offer_plan(),
    "offers": None,  # only where sums by segment matter: they take a database
    "offer_names": OFFER_NAMES,
    "detectable_effects": effects(),
    "segment_profile": profile(),
    "view_names": VIEW_NAMES,
    "metrics": {"withheld": None, "comparison": {"beats_baseline": True, "statement": None}},
}
OFFERS = offers_table(*CUSTOMERS)
WITHHELD = {"withheld": both("мало данных", "too few data")}


def summary(**changes: Any) -> dict[str, Any]:
    chapter = write_summary(OPTIONS, **(GIVEN | changes))
    json.dumps(chapter, allow_nan=False)
    return chapter


def lines(language: str = "en", **changes: Any) -> list[str]:
    return texts_of(summary(**changes), "bullets", language)


def warnings(language: str = "en", **changes: Any) -> str:
    return " ".join(texts_of(summary(**changes), "notice", language))


def tiles(language: str = "en", **changes: Any) -> dict[str, tuple[str, str | None]]:
    blocks = [b for b in summary(**changes)["blocks"] if b["kind"] == "tiles"]
    return {
        tile["label"][language]: (
            tile["value"][language].replace("\u00a0", " "),
            tile["note"] and tile["note"][language].replace("\u00a0", " "),
        )
        for block in blocks
        for tile in block["tiles"]
    }


def plain(texts: list[str]) -> list[str]:
    return [text.replace("\u00a0", " ").replace("\u202f", " ") for text in texts]


class TestFiveLines:
    def test_they_say_what_the_plan_says(self):
        found = plain(lines(offers=OFFERS))
        assert len(found) == 5
        assert found[0].startswith("Start with the group “Save first”: 1 customer gets an offer.")
        assert "costs 150 RUB and at base assumptions earns 900 RUB net (90 RUB to" in found[0]
        assert "“Personal call” (phone call): 1 customer, costs 150 RUB, earns 900" in found[1]
        assert "75% of the plan's profit" in found[1]
        assert "consent from 1 customer more would earn 400 RUB" in found[2]
        assert found[3].startswith("Leave 1 customer alone")
        assert "that saves 20 RUB" in found[3]
        assert "1 RUB more of budget would add 1.50 RUB" in found[3]
        assert "“phone call” would add 30 RUB" in found[3]
        assert "noticed from 20.0 percentage points on; the assumptions say 7.0" in found[4]
        assert "at least 2,252 customers" in found[4]
        assert "250 RUB of profit forgone" in found[4]

    def test_russian_words_stand_in_their_form(self):
        found = plain(lines("ru", offers=OFFERS))
        assert "предложение получает 1 клиент." in found[0]
        assert "согласие ещё 1 клиента принесло бы 400 ₽" in found[2]
        assert found[3].startswith("Не пишите 1 клиенту")
        assert "нужно не меньше 2 252 клиентов" in found[4]

    def test_much_money_with_few_customers_is_to_be_checked(self):
        assert "check them by hand" in lines()[1]
        many = offer_plan()
        many["offers"][0]["customers"] = 40
        assert "check them by hand" not in lines(offer_plan=many)[1]

    def test_profit_that_waits_for_consent_comes_first(self):
        waiting = [row | {"provisional": row["group"] == "offer"} for row in CUSTOMERS]
        plan = offer_plan(provisional=True, exported=0)
        found = plain(lines(offers=offers_table(*waiting), offer_plan=plan))
        assert "1,200 RUB of expected profit from 2 customers" in found[2]
        assert "The mailing files hold 0 of 2" in warnings(offer_plan=plan)

    def test_rules_that_keep_nothing_back_leave_nothing_to_unlock(self):
        free = offer_plan(blocked={})
        assert plain(lines(offer_plan=free))[2].startswith("The rules keep back 0 RUB of profit")

    def test_enough_customers_prove_the_effect(self):
        seen = effects(learnable=True, detectable_effect=0.05)
        assert lines(detectable_effects=seen)[4].startswith("The plan will prove the effect")

    @pytest.mark.parametrize("table", [None, effects().iloc[:0], effects(detectable_effect=None)])
    def test_a_group_too_small_for_any_effect_is_called_so(self, table: pd.DataFrame | None):
        assert "prove no effect at all" in lines(detectable_effects=table)[4]

    def test_without_a_control_group_nothing_is_proven(self):
        found = plain(lines(offer_plan=offer_plan(control=0)))
        assert "no control group" in found[4]
        assert "1,200 RUB stays a computation" in found[4]

    def test_pennies_saved_are_not_written_out(self):
        plan = offer_plan(do_not_touch={"customers": 5, "saves": 0.07, "even_at_best": 0})
        assert "saves less than 1 RUB" in plain(lines(offer_plan=plan))[3]

    def test_more_money_may_add_nothing(self):
        nothing = {"customers": 0, "saves": 0.0, "even_at_best": 0}
        plan = offer_plan(next_unit_returns=0.0, next_customer_returns={}, do_not_touch=nothing)
        assert lines(offer_plan=plan)[3].endswith("A larger budget adds nothing.")

    def test_without_sums_by_segment_the_whole_plan_is_sent(self):
        found = plain(lines())[0]
        assert found.startswith("Send the plan: 2 customers get an offer. It costs 200 RUB")


class TestTiles:
    def test_the_few_numbers_stand_with_their_ranges(self):
        found = tiles()
        assert found["Customers"] == ("5", "2 get an offer, 1 in the control group")
        assert found["Mean decline risk"] == ("42%", "computed for all customers")
        assert found["Profit at risk, a month"] == ("1,100 RUB", "37% of all profit")
        assert found["Cost of the plan"] == ("200 RUB", "budget 1,000 RUB")
        assert found["Expected net profit of the plan"][1] == (
            "120 RUB to 2,400 RUB at the ends of the assumptions"
        )

    def test_profit_in_a_unit_that_is_assumed_says_so(self):
        value, note = tiles(plan=IN_HUNDREDS)["Profit at risk, a month"]
        assert value == "1,100 units"
        assert note == "37% of all profit; the plan takes a unit to be “hundred roubles”"

    def test_a_risk_of_some_customers_says_so(self):
        some = profile(mean_risk=[0.9, None, 0.9], profit_at_risk=[900.0, None, 900.0])
        found = tiles(segment_profile=some)
        assert found["Mean decline risk"][1] == "of the customers whose risk is computed"
        assert found["Profit at risk, a month"][1] == (
            "90% of the profit of customers with a computed risk"
        )

    def test_a_withheld_risk_gives_its_reason(self):
        none = profile(mean_risk=[None] * 3, profit_at_risk=[None] * 3)
        changes = {"segment_profile": none.astype({"mean_risk": "float64"}), "metrics": WITHHELD}
        found = tiles(**changes)
        assert found["Mean decline risk"] == ("not computed", "too few data")
        assert "Profit at risk, a month" not in found
        assert "No decline risk was computed (too few data)" in warnings(**changes)


class TestWithoutAPlan:
    def test_nobody_gets_an_offer(self):
        idle = offers_table(*(row for row in CUSTOMERS if row["group"] == "none"))
        chapter = summary(offer_plan=NOBODY, offers=idle, detectable_effects=effects().iloc[:0])
        found = plain(texts_of(chapter, "bullets", "en"))
        assert chapter["lead"]["en"] == "For now nobody gets an offer: the budget is zero."
        assert found[0].startswith("Send nothing for now: the budget is zero.")
        assert "Most profit is at risk in the group “Save first”: 900 RUB" in found[1]
        assert found[-1].startswith("There is nothing to prove")
        assert len(found) == 5

    def test_segments_speak_where_offers_were_not_run(self):
        none = dict.fromkeys(("offer_plan", "offers", "offer_names", "detectable_effects"))
        chapter = summary(**none)
        assert plain(texts_of(chapter, "bullets", "en")) == [
            "Most profit is at risk in the group “Save first”: 900 RUB a month, 2 customers.",
            "The group “Grow” brings most profit: 2,000 RUB a month, 3 customers.",
        ]
        assert "stage offers has not run" in " ".join(texts_of(chapter, "notice", "en"))

    def test_with_nothing_at_all_it_says_what_to_run(self):
        chapter = write_summary(OPTIONS, SETTINGS)
        assert [block["kind"] for block in chapter["blocks"]] == ["notice", "notice"]

    def test_a_shop_without_profit_gets_no_line_about_segments(self):
        nothing = profile(profit=[0.0] * 3, profit_at_risk=[None] * 3)
        nothing = nothing.astype({"profit_at_risk": "float64"})
        assert lines(offer_plan=None, segment_profile=nothing) == []


class TestWarnings:
    def test_an_unconfirmed_unit_shows_what_hangs_on_it(self):
        units = [
            {"chosen": chosen, "expected_net": net, "label": both(name, name)}
            for name, chosen, net in (("a", False, 10.0), ("b", True, 1200.0))
        ]
        found = warnings(offer_plan=offer_plan(units=units)).replace("\u00a0", " ")
        assert "takes it to be “b”" in found
        assert "10 RUB to 1,200 RUB" in found
        assert "unit of the shop's profit is not confirmed" not in warnings()

    def test_a_plan_that_may_lose_money_says_so(self):
        found = warnings(offer_plan=offer_plan(expected_net_low=-30.0)).replace("\u00a0", " ")
        assert "At worst the plan loses 30 RUB" in found

    def test_a_model_no_better_than_a_rule_is_named(self):
        compared = {"beats_baseline": False, "statement": both("никакая", "no model beats it")}
        assert "no model beats it" in warnings(metrics={"withheld": None, "comparison": compared})

    def test_data_that_end_early_are_named_by_their_day(self):
        era = {"break": {"since": "2019-10-31T16:00:00"}}
        assert "end on 2019-10-31" in warnings(era=era)
        assert "заканчиваются 31.10.2019" in warnings("ru", era=era)
        assert "2019" not in warnings(era={"break": None})


def test_names_from_data_stay_text():
    names = OFFER_NAMES | {"offers": {"call": both(ODD, ODD)}}
    views = VIEW_NAMES | {"segments": {"save_first": both(ODD, ODD)}}
    found = lines(offer_names=names, view_names=views, offers=OFFERS)
    assert ODD in found[0]
    assert ODD in found[1]


def test_offers_without_names_keep_their_own():
    found = lines(offer_names=None, view_names=None, offers=OFFERS)
    assert "“save_first”" in found[0]
    assert "“call” (phone)" in found[1]

"""The chapter about offers: the plan, other budgets and rules, what the control group can show."""

import json
from typing import Any

import pandas as pd
import pytest

from personal_offers.pipelines.reporting.offers_chapter import write_offers
from personal_offers.pipelines.reporting.offers_report_figures import draw_detectable
from tests.pipelines.reporting.made_up_chapters import OPTIONS
from tests.pipelines.reporting.made_up_plan import (
    CUSTOMERS,
    NOBODY,
    ODD,
    OFFER_NAMES,
    SETTINGS,
    VIEW_NAMES,
    block_of,
    both,
    effects,
    offer_plan,
    offers_table,
    texts_of,
)

FRONTIER = pd.DataFrame(
    {
        "budget": [0.0, 100.0, 1000.0, None],
        "spend": [0.0, 95.0, 200.0, 210.0],
        "expected_net": [0.0, 800.0, 1200.0, 1201.0],
        "customers": [0, 1, 2, 2],
        "next_unit_returns": [9.0, 4.0, 1.5, 0.0],
        "enter_plan": [0, 0, 0, 1],
        "leave_plan": [2, 1, 0, 1],
        "change_plan": [0, 1, 0, 0],
        "is_plan": [False, False, True, False],
    }
)
BY_OFFER = pd.DataFrame(
    [
        [100.0, "call", 1, 95.0, 800.0],
        [1000.0, "call", 1, 150.0, 900.0],
        [1000.0, "code", 1, 50.0, 300.0],
        [None, "code", 2, 210.0, 1201.0],
    ],
    columns=["budget", "offer", "customers", "cost", "expected_net"],
)
POLICIES = pd.DataFrame(
    {
        "policy": ["plan", "by_risk"],
        "name_ru": ["План", "По риску"],
        "name_en": ["The plan", "By risk"],
        "customers": [2, 1],
        "spend": [200.0, 190.0],
        "expected_net": [1200.0, 900.0],
        "share_of_bound": [1.0, None],
    }
)
GATES = pd.DataFrame(
    {
        "gate": ["consent", "fatigue"],
        "name_ru": ["Согласие", "Частота"],
        "name_en": ["Consent", "Fatigue"],
        "customers": [1, 0],
        "sole": [1, 0],
        "worth": [400.0, 0.0],
    }
)
ALONE = pd.DataFrame(
    {
        "customer_id": ["e", "f", "g"],
        "segment": ["grow", "grow", "save_first"],
        "saves": [20.0, 5.0, 1.0],
        "even_at_best": [True, False, False],
    }
)
GIVEN: dict[str, Any] = {
    "plan": SETTINGS,
    "offer_plan": offer_plan(),
    "offers": None,  # only where sums by segment matter: they take a database
    "offer_names": OFFER_NAMES,
    "view_names": VIEW_NAMES,
    "offer_warnings": [both("мало", "too few")],
    "budget_frontier": FRONTIER,
    "budget_offers": BY_OFFER,
    "offer_policies": POLICIES,
    "gate_values": GATES,
    "detectable_effects": None,  # likewise: they are drawn
    "do_not_touch": ALONE,
}


def chapter_of(**changes: Any) -> dict[str, Any]:
    chapter = write_offers(OPTIONS, **(GIVEN | changes))
    json.dumps(chapter, allow_nan=False)
    return chapter


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    drawn = {"data": [{"x": [1]}], "layout": {"title": {"text": "План тратит 200"}}}
    figures = {
        f"figure_offer_{name}": {"ru": drawn, "en": drawn}
        for name in ("frontier", "tornado", "gates")
    }
    offers = offers_table(*CUSTOMERS)
    return chapter_of(offers=offers, detectable_effects=effects(), **figures)


def rows_of(chapter: dict[str, Any], name: str) -> list[list[Any]]:
    return [
        [cell["en"] if isinstance(cell, dict) else cell for cell in row]
        for row in block_of(chapter, name)["rows"]
    ]


def names_of(chapter: dict[str, Any]) -> list[str]:
    return [b.get("name") or b.get("widget") or b["kind"] for b in chapter["blocks"]]


def english(text: dict[str, str]) -> str:
    return text["en"].replace("\u00a0", " ")


class TestPlan:
    def test_blocks_stand_in_the_order_of_reading(self, whole: dict[str, Any]):
        assert names_of(whole) == [
            "tiles", "offers_by_channel", "offer_outcomes", "offers_by_segment", "paragraph",
            "offer_frontier",
            "budget", "offer_policies", "offer_gates", "offer_gates_table", "offer_tornado",
            "paragraph", "detectable_effects", "paragraph", "notice", "detectable_by_segment",
            "do_not_touch_by_segment",
        ]  # fmt: skip
        main = [b["name"] for b in whole["blocks"] if b.get("main")]
        assert main == ["offer_frontier", "offer_tornado"]

    def test_the_lead_says_who_gets_an_offer_and_what_it_brings(self, whole: dict[str, Any]):
        assert english(whole["lead"]) == (
            "2 customers of 5 get an offer. The plan of 2025-01-31 costs 200 RUB and at base "
            "assumptions earns 1,200 RUB net, 120 RUB to 2,400 RUB at the ends of the assumptions."
        )

    def test_offers_stand_with_their_channels_and_money(self, whole: dict[str, Any]):
        assert rows_of(whole, "offers_by_channel") == [
            ["Personal call", "phone call", 1, 0, 150.0, 900.0, 6.0],
            ["Code", "e-mail", 1, 1, 50.0, 300.0, 6.0],
        ]
        title = english(block_of(whole, "offers_by_channel")["title"])
        assert title == "“Personal call” earns most: 900 RUB, which is 75% of the plan's profit"

    def test_every_customer_is_in_one_outcome(self, whole: dict[str, Any]):
        rows = rows_of(whole, "offer_outcomes")
        assert [row[1] for row in rows] == [2, 1, 1, 1]
        assert sum(row[2] for row in rows) == pytest.approx(1)

    def test_segments_add_up_to_the_plan(self, whole: dict[str, Any]):
        assert rows_of(whole, "offers_by_segment") == [
            ["Save first", 2, 1, 1, 150.0, 90.0, 900.0, 1800.0],
            ["Grow", 3, 1, 0, 50.0, 30.0, 300.0, 600.0],
        ]

    def test_a_provisional_plan_says_so_first(self):
        chapter = chapter_of(offer_plan=offer_plan(provisional=True, exported=0))
        assert names_of(chapter)[0] == "notice"
        assert "hold 0 of 2" in chapter["blocks"][0]["text"]["en"]

    def test_small_amounts_keep_their_digits(self):
        plan = offer_plan()
        plan["offers"][1] |= {"cost": 0.5, "expected_net": 8.25}
        columns = block_of(chapter_of(offer_plan=plan), "offers_by_channel")["columns"]
        assert [column["decimals"] for column in columns] == [0, 0, 0, 0, 2, 0, 1]


class TestBudgets:
    def test_the_dial_has_the_plan_at_every_budget(self, whole: dict[str, Any]):
        data = block_of(whole, "budget")["data"]
        assert data["index"] == 2
        assert [each["budget"] for each in data["budgets"]] == [0, 100, 1000, None]
        assert data["budgets"][0]["offers"] == []
        assert data["budgets"][2]["offers"] == [["call", 1, 150.0, 900.0], ["code", 1, 50.0, 300.0]]
        assert data["budgets"][3]["offers"] == [["code", 2, 210.0, 1201.0]]
        assert data["offers"]["code"] == OFFER_NAMES["offers"]["code"]

    def test_who_enters_and_leaves_is_counted_against_the_plan(self, whole: dict[str, Any]):
        budgets = block_of(whole, "budget")["data"]["budgets"]
        moved = [(each["enter"], each["leave"], each["change"]) for each in budgets]
        assert moved == [(0, 2, 0), (0, 1, 1), (0, 0, 0), (1, 1, 0)]

    def test_where_no_budget_brings_anything_there_is_no_dial(self):
        nothing = FRONTIER.assign(expected_net=0.0)
        assert "budget" not in names_of(chapter_of(budget_frontier=nothing))


class TestRulesAndGates:
    @pytest.mark.parametrize(
        ("other", "title"),
        [
            (900.0, "The best simple rule (“By risk”) earns 25% less than the plan"),
            (1200.2, "The best simple rule (“By risk”) earns as much as the plan"),
            (1500.0, "The best simple rule (“By risk”) earns 25% more than the plan"),
        ],
    )
    def test_the_best_simple_rule_stands_beside_the_plan(self, other: float, title: str):
        policies = POLICIES.assign(expected_net=[1200.0, other])
        block = block_of(chapter_of(offer_policies=policies), "offer_policies")
        assert block["title"]["en"] == title

    def test_only_gates_that_block_somebody_are_listed(self, whole: dict[str, Any]):
        assert rows_of(whole, "offer_gates_table") == [["Consent", 1, 1, 400.0]]
        free = GATES.assign(customers=0)
        assert "offer_gates_table" not in names_of(chapter_of(gate_values=free))

    def test_untouched_customers_are_added_up_by_segment(self, whole: dict[str, Any]):
        rows = rows_of(whole, "do_not_touch_by_segment")
        assert rows == [["Grow", 2, 25.0, 1], ["Save first", 1, 1.0, 0]]
        assert "do_not_touch_by_segment" not in names_of(chapter_of(do_not_touch=ALONE.iloc[:0]))


class TestControlGroup:
    def test_segments_say_what_will_be_seen(self, whole: dict[str, Any]):
        rows = rows_of(whole, "detectable_by_segment")
        assert [row[0] for row in rows] == ["all customers", "Grow"]
        assert rows[0][3:] == [pytest.approx(7), 20.0, 2252, "no"]
        assert rows[1][4] is None
        assert texts_of(whole, "notice", "en") == ["too few"]
        assert "probability of 80%" in texts_of(whole, "paragraph", "en")[2]

    @pytest.mark.parametrize(
        ("changes", "finding"),
        [
            ({}, "nor will the other shares"),
            ({"learnable": True}, "A control group of 20% will show the expected difference"),
        ],
    )
    def test_the_title_of_the_chart_says_whether_the_effect_is_seen(
        self, changes: dict[str, Any], finding: str
    ):
        figure = draw_detectable(effects(**changes).iloc[:2], "en")
        assert finding in figure.layout.title.text.replace("<br>", " ")
        assert list(figure.data[0].y) == pytest.approx([20, 15])

    def test_another_share_that_would_be_enough_is_named(self):
        table = effects().iloc[:2].assign(learnable=[False, True])
        title = draw_detectable(table, "ru").layout.title.text.replace("<br>", " ")
        assert "хватило бы доли 50%" in title

    def test_a_group_that_shows_nothing_has_no_chart(self):
        chapter = chapter_of(detectable_effects=effects().assign(detectable_effect=None))
        assert "detectable_effects" not in names_of(chapter)
        assert "detectable_by_segment" in names_of(chapter)


class TestWhatIsLacking:
    def test_without_a_plan_it_says_what_to_run(self):
        chapter = write_offers(OPTIONS, SETTINGS)
        assert [block["level"] for block in chapter["blocks"]] == ["missing"]

    def test_a_plan_alone_is_enough(self):
        chapter = write_offers(OPTIONS, SETTINGS, offer_plan())
        assert names_of(chapter) == ["tiles", "offers_by_channel", "offer_outcomes", "paragraph"]

    def test_where_nobody_gets_an_offer_the_reason_leads(self):
        idle = offers_table(*(row for row in CUSTOMERS if row["group"] == "none"))
        chapter = chapter_of(offer_plan=NOBODY, offers=idle, detectable_effects=effects().iloc[:0])
        assert (
            english(chapter["lead"]) == "Nobody of 5 customers gets an offer: the budget is zero."
        )
        assert "offers_by_channel" not in names_of(chapter)
        assert "offers_by_segment" not in names_of(chapter)

    def test_a_shop_without_customers_works(self):
        empty = NOBODY | {"customers": 0, "none": {}}
        assert "offer_outcomes" not in names_of(chapter_of(offer_plan=empty))


def test_names_from_data_stay_text():
    names = OFFER_NAMES | {"offers": {"call": both(ODD, ODD)}}
    chapter = chapter_of(offer_names=names)
    assert rows_of(chapter, "offers_by_channel")[0][0] == ODD
    assert ODD in block_of(chapter, "offers_by_channel")["title"]["ru"]

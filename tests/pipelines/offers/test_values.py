"""Who may have which offer, what is in the way, and what it is worth: five people at most."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from personal_offers.pipelines.offers.schemas import OfferValues
from personal_offers.pipelines.offers.values import COLUMNS, GATES, price_offers
from tests.pipelines.offers.made_up import (
    CONSENT,
    FRIDGES,
    TEXT,
    WINBACK,
    assumed,
    gates,
    offer_catalogue,
    offer_options,
    people,
    priced,
    save_rate,
    span,
    who_may,
)

NO_RISK = {"decline_risk": None, "segment": "sleeping", "rfm_class": "sleeping"}
WITH_RULE = offer_options(winback=WINBACK)


def one(*rows: dict[str, Any], **given: Any) -> pd.Series:
    """Price the one offer that one person may have."""
    found = priced(*(rows or ({},)), **given)
    assert len(found) == 1
    return found.iloc[0]


def unit(value: float, times: str | None = None) -> dict[str, Any]:
    units = {"money": {"value": value, "times": times, "label": TEXT}}
    return {"profit_unit": {"chosen": "money", "units": units, "source": TEXT}}


class TestTable:
    def test_one_row_per_customer_and_offer_in_the_order_of_ids_and_catalogue(self):
        found = priced(
            {"customer_id": "b"},
            {"customer_id": "a"},
            catalogue=offer_catalogue(zebra={}, apple={"channel": "call"}),
        )

        assert found["customer_id"].tolist() == ["a", "a", "b", "b"]
        assert found["offer"].tolist() == ["zebra", "apple", "zebra", "apple"]
        assert found["channel"].tolist() == ["email", "call", "email", "call"]

    def test_columns_are_as_stated_and_the_contract_is_kept(self):
        table = price_offers(
            *people({}, NO_RISK | {"customer_id": "b"}),
            offer_catalogue(code={}, other={"contact_cost": 2}),
            offer_options(winback=WINBACK),
        )

        assert list(table.columns) == COLUMNS
        assert OfferValues.validate(table, lazy=True) is table

    def test_the_number_of_a_customer_is_the_place_among_all_ids(self):
        rows = [
            {"customer_id": "d"},
            {"customer_id": "b", "segment": "grow"},  # may not have the offer
            {"customer_id": "c"},
            NO_RISK | {"customer_id": "a"},  # has no row at all
        ]

        found = priced(
            *rows, catalogue=offer_catalogue(code={"eligible": {"segments": ["save_first"]}})
        )

        assert dict(zip(found["customer_id"], found["customer_number"], strict=True)) == {
            "c": 2,
            "d": 3,
        }

    def test_numbers_order_ids_as_text_not_as_numbers(self):
        found = priced({"customer_id": "9"}, {"customer_id": "10"})

        assert found["customer_id"].tolist() == ["10", "9"]
        assert found["customer_number"].tolist() == [0, 1]

    def test_without_customers_the_table_is_empty(self):
        found = priced(catalogue=offer_catalogue(code={}, other={}))

        assert list(found.columns) == COLUMNS
        assert found.empty

    def test_without_anybody_who_may_have_an_offer_the_table_is_empty(self):
        assert priced(
            {}, catalogue=offer_catalogue(code={"eligible": {"segments": ["grow"]}})
        ).empty

    def test_tables_that_go_in_are_not_changed(self):
        tables = people({}, NO_RISK | {"customer_id": "b"})
        before = [table.to_pandas() for table in tables]

        price_offers(*tables, offer_catalogue(), offer_options(winback=WINBACK))

        for table, known in zip(tables, before, strict=True):
            pd.testing.assert_frame_equal(table.to_pandas(), known)

    def test_order_of_rows_does_not_matter(self):
        rows = [{"customer_id": name, "profit": 10.0 + n} for n, name in enumerate("abcd")]

        pd.testing.assert_frame_equal(priced(*rows), priced(*rows[::-1]))

    def test_a_customer_without_an_interest_row_is_kept(self):
        customers, segments, interests = people({}, {"customer_id": "b"})
        some = interests.filter(interests.customer_id == "a")

        found = price_offers(customers, segments, some, offer_catalogue(), offer_options())

        assert found.to_pandas()["customer_id"].tolist() == ["a", "b"]


class TestWorth:
    def test_numbers_by_hand(self):
        row = one()

        # p 0.5, s 0.2, M 3 * 10, d 5, g 0.5, c 1
        assert row["margin"] == 30
        assert row["expected_net"] == pytest.approx(0.25)
        assert row["expected_cost"] == pytest.approx(2.75)
        assert row["break_even_save_rate"] == pytest.approx(2.25 / 12.5)
        # s 0.1, M 10, g 0.8 and s 0.3, M 60, g 0.2
        assert row["expected_net_low"] == pytest.approx(0.5 * 0.1 * 5 - 0.5 * 0.8 * 5 - 1)
        assert row["expected_net_high"] == pytest.approx(0.5 * 0.3 * 55 - 0.5 * 0.2 * 5 - 1)

    def test_a_share_of_margin_is_of_one_month(self):
        cost = {"redemption_cost": {"kind": "share_of_margin", "share": 0.3}}

        row = one(catalogue=offer_catalogue(code=cost))

        assert row["redeem_cost"] == pytest.approx(3)
        assert row["expected_net"] == pytest.approx(0.5 * 0.2 * 27 - 0.5 * 0.5 * 3 - 1)

    def test_a_share_of_a_loss_costs_nothing(self):
        cost = {"redemption_cost": {"kind": "share_of_margin", "share": 0.3}}

        row = one({"profit": -10.0}, catalogue=offer_catalogue(code=cost))

        assert row["redeem_cost"] == 0

    def test_profit_is_counted_in_the_chosen_unit(self):
        row = one(options=offer_options(**unit(100)))

        assert row["month_margin"] == 1000
        assert row["margin"] == 3000

    def test_per_cent_of_revenue(self):
        # 10 per cent of 200 a month
        row = one(options=offer_options(**unit(0.01, "revenue")))

        assert row["month_margin"] == pytest.approx(20)
        assert row["margin_high"] == pytest.approx(120)

    @pytest.mark.parametrize("unknown", [{"profit": None}, {"revenue": None}])
    def test_an_unknown_profit_brings_nothing(self, unknown: dict[str, None]):
        row = one(unknown, options=offer_options(**unit(0.01, "revenue")))

        assert row["margin"] == 0
        assert row["blocked_by"] == "margin_floor"

    def test_the_save_rate_is_that_of_the_segment(self):
        rates = save_rate(span(0.1, 0.2, 0.3), grow=span(0.4, 0.5, 0.6))

        found = priced(
            {}, {"customer_id": "b", "segment": "grow"}, catalogue=offer_catalogue(code=rates)
        )

        assert found[["save_low", "save_rate", "save_high"]].to_numpy().tolist() == [
            [0.1, 0.2, 0.3],
            [0.4, 0.5, 0.6],
        ]

    @pytest.mark.parametrize(
        "row",
        [
            pytest.param({"profit": 5 / 3}, id="redemption takes the margin"),
            pytest.param({"profit": 1.0}, id="redemption takes more"),
            pytest.param({"profit": -1.0}, id="loss"),
            pytest.param({"decline_risk": 0.0}, id="no risk to save from"),
        ],
    )
    def test_without_anything_to_win_there_is_no_break_even(self, row: dict[str, float]):
        assert pd.isna(one(row)["break_even_save_rate"])


RANGES = {
    "cheap": {},
    "dear": {"redemption_cost": {"kind": "fixed", "amount": 60}},
    "share": {"redemption_cost": {"kind": "share_of_margin", "share": 2.5}},
    "sure": save_rate(span(0.2, 0.2, 0.2)) | {"redemption": assumed(0, 0, 0)},
    "wide": save_rate(span(0, 0.4, 1), sleeping=span(0.3, 0.5, 0.7))
    | {"redemption": assumed(0, 0.1, 1)},
}


@pytest.fixture(scope="module")
def many() -> pd.DataFrame:
    """Return offers to people of every kind: losses, no profit, no risk, certain decliners."""
    random = np.random.default_rng(5)
    rows = [
        {
            "customer_id": f"c{number:03d}",
            "decline_risk": random.choice([0.0, 1.0, random.uniform()]),
            "profit": random.choice([-5.0, 0.0, 1.0, random.uniform(0, 60)]),
            "average_check": random.uniform(0, 100),
        }
        | (NO_RISK if number % 3 == 0 else {})
        for number in range(90)
    ]
    months = assumed(1, 3, 12)
    options = offer_options(winback=WINBACK, horizon_months=months)
    return priced(*rows, catalogue=offer_catalogue(**RANGES), options=options)


def corners(found: pd.DataFrame) -> np.ndarray:
    """Return the expected net in all corners of the four ranges: corners x rows."""
    month = found["month_margin"].to_numpy()
    # What is won back is one purchase, a kept customer three months: so the base tells them apart.
    won_back = np.isclose(found["margin"], month)
    margins = [month * np.where(won_back, 0.5, 1), month * np.where(won_back, 2, 12)]
    d, c = found["redeem_cost"].to_numpy(), found["contact_cost"].to_numpy()
    ends = [
        [found[f"{name}_{end}"].to_numpy() for end in ("low", "high")]
        for name in ("risk", "save", "redemption")
    ]
    return np.array(
        [p * s * (m - d) - (1 - p) * g * d - c for p, s, g, m in product(*ends, margins)]
    )


class TestExtremes:
    def test_low_and_high_are_the_extremes_over_all_corners(self, many: pd.DataFrame):
        nets = corners(many)

        assert len(nets) == 2**4
        np.testing.assert_allclose(many["expected_net_low"], nets.min(axis=0), atol=1e-9)
        np.testing.assert_allclose(many["expected_net_high"], nets.max(axis=0), atol=1e-9)

    def test_rows_of_every_kind_were_tried(self, many: pd.DataFrame):
        assert (many["margin_low"] < many["redeem_cost"]).any()
        assert (many["margin"] < 0).any()
        assert (many["risk_low"] < many["risk_high"]).any()
        assert set(many["risk_source"]) == {"model", "rule"}

    def test_the_base_lies_between_the_extremes(self, many: pd.DataFrame):
        assert (many["expected_net_low"] <= many["expected_net"] + 1e-9).all()
        assert (many["expected_net"] <= many["expected_net_high"] + 1e-9).all()
        assert (many["margin_low"] <= many["margin"]).all()
        assert (many["margin"] <= many["margin_high"]).all()

    def test_the_break_even_is_the_root_or_there_is_none(self, many: pd.DataFrame):
        columns = ["risk", "break_even_save_rate", "margin", "redeem_cost", "redemption"]
        p, s, m, d, g = (many[name].to_numpy() for name in columns)
        none = np.isnan(s)

        np.testing.assert_array_equal(none, (p * (m - d)) <= 0)
        net = p * s * (m - d) - (1 - p) * g * d - many["contact_cost"].to_numpy()
        np.testing.assert_allclose(net[~none], 0, atol=1e-6)


class TestWithoutRisk:
    def test_the_risk_is_the_range_of_the_class(self):
        row = one(NO_RISK, options=WITH_RULE)

        assert (row["risk_low"], row["risk"], row["risk_high"]) == (0.4, 0.5, 0.6)
        assert row["risk_source"] == "rule"

    def test_a_model_s_risk_is_not_replaced_by_that_of_the_class(self):
        row = one({"rfm_class": "sleeping", "decline_risk": 0.9}, options=WITH_RULE)

        assert (row["risk_low"], row["risk"], row["risk_high"]) == (0.9, 0.9, 0.9)
        assert row["risk_source"] == "model"

    @pytest.mark.parametrize("name", ["lost", None])
    def test_a_class_that_is_not_named_has_no_row(self, name: str | None):
        row = NO_RISK | {"rfm_class": name}

        assert priced(row, options=WITH_RULE).empty

    def test_without_a_rule_nobody_has_a_row(self):
        assert priced(NO_RISK).empty

    def test_without_classes_nobody_has_a_row(self):
        customers, segments, interests = people({}, NO_RISK | {"customer_id": "b"})

        found = price_offers(
            customers,
            segments.drop("rfm_class"),
            interests,
            offer_catalogue(),
            offer_options(winback=WINBACK),
        )

        assert found.to_pandas()["customer_id"].tolist() == ["a"]

    def test_they_are_worth_purchases_of_their_usual_size(self):
        row = one(NO_RISK | {"profit": 99.0}, options=WITH_RULE)

        # a check of 40, a quarter of it earned; half a purchase, one or two
        assert row["month_margin"] == pytest.approx(10)
        assert [row[n] for n in ("margin_low", "margin", "margin_high")] == [5, 10, 20]

    def test_a_share_of_margin_is_of_one_usual_purchase(self):
        cost = {"redemption_cost": {"kind": "share_of_margin", "share": 0.3}}

        row = one(NO_RISK, catalogue=offer_catalogue(code=cost), options=WITH_RULE)

        assert row["redeem_cost"] == pytest.approx(3)

    def test_whoever_brings_nothing_now_is_worth_as_much(self):
        row = one({"profit": 0.0}, options=WITH_RULE)

        assert row["risk_source"] == "model"
        assert [row[n] for n in ("margin_low", "margin", "margin_high")] == [5, 10, 20]

    def test_whoever_brings_a_loss_is_blocked(self):
        row = one({"profit": -1.0}, options=WITH_RULE)

        assert row["margin"] == -3
        assert row["blocked_by"] == "margin_floor"

    def test_without_a_rule_whoever_brings_nothing_is_blocked(self):
        row = one({"profit": 0.0})

        assert row["margin"] == 0
        assert row["blocked_by"] == "margin_floor"

    def test_without_a_usual_purchase_they_are_blocked(self):
        row = one(NO_RISK | {"average_check": None}, options=WITH_RULE)

        assert row["blocked_by"] == "margin_floor"

    def test_the_save_rate_is_that_of_the_class(self):
        rates = save_rate(span(0.1, 0.2, 0.3), sleeping=span(0.01, 0.02, 0.03))

        row = one(NO_RISK, catalogue=offer_catalogue(code=rates), options=WITH_RULE)

        assert row["save_rate"] == 0.02


PEOPLE = [{"customer_id": name} for name in "abc"]


class TestWhoMayHaveAnOffer:
    def test_anybody_where_nothing_is_asked(self):
        assert who_may({}, *PEOPLE) == ["a", "b", "c"]

    def test_by_segment(self):
        rows = [PEOPLE[0], PEOPLE[1] | {"segment": "grow"}, PEOPLE[2] | {"segment": "other"}]

        assert who_may({"segments": ["grow", "other"]}, *rows) == ["b", "c"]

    def test_by_class_whatever_the_segment(self):
        rows = [PEOPLE[0], PEOPLE[1] | {"rfm_class": "leaving"}, PEOPLE[2] | {"rfm_class": None}]

        assert who_may({"classes": ["top"]}, *rows) == ["a"]

    def test_by_any_of_the_marks(self):
        rows = [PEOPLE[0], PEOPLE[1] | {"full_cart": True}, PEOPLE[2] | {"promo_dependent": True}]

        assert who_may({"marks": ["full_cart", "promo_dependent"]}, *rows) == ["b", "c"]
        assert who_may({"marks": ["full_cart"]}, *rows) == ["b"]

    def test_by_none_of_the_marks(self):
        rows = [PEOPLE[0], PEOPLE[1] | {"full_cart": True}, PEOPLE[2] | {"promo_dependent": True}]

        assert who_may({"not_marks": ["full_cart", "promo_dependent"]}, *rows) == ["a"]
        assert who_may({"not_marks": ["full_cart"]}, *rows) == ["a", "c"]

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ("any", ["a", "b", "c"]),
            ("known", ["b"]),
            ("so_far", ["b", "c"]),
            ("unknown", ["a", "c"]),
        ],
    )
    def test_by_interest(self, asked: str, found: list[str]):
        rows = [PEOPLE[0], PEOPLE[1] | FRIDGES | {"certain": True}, PEOPLE[2] | FRIDGES]

        assert who_may({"interest": asked}, *rows) == found

    def test_whose_interest_nobody_looked_at_is_unknown(self):
        assert who_may({"interest": "unknown"}, {"certain": None}) == ["a"]
        assert who_may({"interest": "known"}, {"certain": None}) == []

    def test_by_values_of_a_feature(self):
        rows = [
            PEOPLE[0],
            PEOPLE[1] | {"service_type": "premium"},
            PEOPLE[2] | {"service_type": None},
        ]

        assert who_may({"values": {"service_type": ["premium", "gold"]}}, *rows) == ["b"]

    def test_all_that_is_asked_must_hold(self):
        asked = {"segments": ["save_first"], "marks": ["full_cart"], "interest": "so_far"}
        rows = [
            {"customer_id": "a", "full_cart": True} | FRIDGES,
            {"customer_id": "b", "full_cart": True},
            {"customer_id": "c"} | FRIDGES,
            {"customer_id": "d", "full_cart": True, "segment": "grow"} | FRIDGES,
        ]

        assert who_may(asked, *rows) == ["a"]


class TestConsent:
    RECORDED = offer_catalogue(held={}, recorded={"eligible": {"consent": "recorded"}})

    @staticmethod
    def blocked(found: pd.DataFrame) -> dict[str, Any]:
        return dict(zip(found["offer"], found["blocked_by"].fillna("free"), strict=True))

    @pytest.mark.parametrize("confirmed", [True, False])
    def test_a_refusal_blocks_whatever_the_shop_confirms(self, confirmed: bool):
        consent = CONSENT | {"confirmed": confirmed}
        options = offer_options(**gates(consent=consent))

        found = priced({"contact_allowed": False}, catalogue=self.RECORDED, options=options)

        assert self.blocked(found) == {"held": "consent", "recorded": "consent"}
        assert not found["consent_unknown"].any()

    @pytest.mark.parametrize("confirmed", [True, False])
    def test_what_nobody_recorded_blocks_only_what_asks_for_a_record(self, confirmed: bool):
        consent = CONSENT | {"confirmed": confirmed}
        options = offer_options(**gates(consent=consent))

        found = priced({"contact_allowed": None}, catalogue=self.RECORDED, options=options)

        assert self.blocked(found) == {"held": "free", "recorded": "consent"}
        assert found["consent_unknown"].all()

    def test_a_recorded_agreement_lets_everything_through(self):
        found = priced({"contact_allowed": True}, catalogue=self.RECORDED)

        assert self.blocked(found) == {"held": "free", "recorded": "free"}
        assert not found["consent_unknown"].any()


class TestOtherGates:
    @pytest.mark.parametrize(
        ("has_phone", "gate"), [(True, None), (False, "channel"), (None, "channel")]
    )
    def test_a_channel_reaches_whom_its_flag_names(self, has_phone: bool | None, gate: str | None):
        row = one({"has_phone": has_phone}, catalogue=offer_catalogue(code={"channel": "call"}))

        assert row["unreachable"] == (gate is not None)
        assert (None if pd.isna(row["blocked_by"]) else row["blocked_by"]) == gate

    def test_a_channel_without_a_flag_reaches_everybody(self):
        assert not one({"has_phone": False})["unreachable"]

    @pytest.mark.parametrize(
        ("contacts", "fatigued"), [(2.9, False), (3.0, False), (3.1, True), (None, False)]
    )
    def test_contacts_up_to_the_limit_are_not_too_many(
        self, contacts: float | None, fatigued: bool
    ):
        options = offer_options(**gates(fatigue={"feature": "contacts", "at_most": 3}))

        row = one({"contacts": contacts}, options=options)

        assert row["fatigued"] == fatigued
        assert (row["blocked_by"] == "fatigue") is fatigued

    def test_without_that_gate_nobody_is_tired(self):
        assert not one({"contacts": 1000.0})["fatigued"]

    @pytest.mark.parametrize(
        ("redeem", "below"),
        # a margin of 30, a third of which must be left
        [(19.99, False), (20, False), (20.01, True)],
    )
    def test_exactly_the_floor_is_enough(self, redeem: float, below: bool):
        cost = {"redemption_cost": {"kind": "fixed", "amount": redeem}}
        options = offer_options(**gates(margin_floor=1 / 3))

        row = one(catalogue=offer_catalogue(code=cost), options=options)

        assert row["below_floor"] == below

    def test_rounding_does_not_tell_customers_apart_at_the_floor(self):
        # 0.3 of one month of three leaves nine tenths, whatever the month is.
        cost = {"redemption_cost": {"kind": "share_of_margin", "share": 0.3}}
        random = np.random.default_rng(1)
        rows = [{"customer_id": f"c{n}", "profit": random.uniform(1, 99)} for n in range(50)]

        found = priced(
            *rows,
            catalogue=offer_catalogue(code=cost),
            options=offer_options(**gates(margin_floor=0.9)),
        )

        assert not found["below_floor"].any()

    @pytest.mark.parametrize("profit", [0.0, -1.0])
    def test_a_margin_that_is_not_above_zero_is_below_every_floor(self, profit: float):
        free = {"redemption_cost": {"kind": "fixed", "amount": 0}}

        assert one({"profit": profit}, catalogue=offer_catalogue(code=free))["below_floor"]

    def test_the_first_gate_in_the_way_is_named(self):
        good = {"contact_allowed": True, "has_phone": True, "contacts": 0.0, "profit": 10.0}
        bad = {"contact_allowed": False, "has_phone": False, "contacts": 9.0, "profit": -1.0}
        rows = [  # one gate after the other is passed
            {"customer_id": name} | bad | dict(list(good.items())[:passed])
            for passed, name in enumerate("abcde")
        ]
        options = offer_options(
            **gates(fatigue={"feature": "contacts", "at_most": 3}, margin_floor=0.5)
        )

        found = priced(*rows, catalogue=offer_catalogue(code={"channel": "call"}), options=options)

        assert found["blocked_by"].fillna("free").tolist() == [*GATES, "free"]
        assert found[list(GATES.values())].to_numpy().tolist() == [
            [gate >= passed for gate in range(4)] for passed in range(5)
        ]

    def test_a_blocked_offer_keeps_its_worth(self):
        row = one({"contact_allowed": False})

        assert row["blocked_by"] == "consent"
        assert row["expected_net"] == pytest.approx(0.25)

"""The plan: caps that are kept, a control group that stays, and draws that depend on ids alone."""

import hashlib
import json
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personal_offers.pipelines.offers.params import OfferOptions
from personal_offers.pipelines.offers.plan import allocate_offers
from personal_offers.pipelines.offers.values import GATES, price_offers
from tests.pipelines.offers.made_up import (
    channels,
    control,
    ids,
    offer_catalogue,
    offer_options,
    option_values,
    people,
    segments_of,
    values_of,
)

COLUMNS = ["customer_id", "offer_if_treated", "explored", "in_control", "sent"]
# Two offers go by e-mail, one by phone; nobody is written letters.
THREE = offer_catalogue(offer_0={}, offer_1={"channel": "call"}, offer_2={})
CHANNELS = np.array(["email", "call", "email"])
NO_CAPS = channels(email=None, call=None, post=None)
ALMOST = 1 + 1e-9


def made_up(customers: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Make worth and cost of three offers, some of which do not exist, pay or pass the gates."""
    random = np.random.default_rng(seed)
    shape = (customers, 3)
    net = random.uniform(-5, 15, shape).round(3)
    net[random.uniform(size=shape) < 0.2] = np.nan
    return {
        "net": net,
        "cost": random.uniform(0, 6, shape).round(3) * (random.uniform(size=shape) < 0.9),
        "high": net + random.uniform(0, 4, shape),
        "blocked": random.uniform(size=shape) < 0.2,
    }


def planned(
    names: list[str],
    options: OfferOptions,
    net: np.ndarray,
    cost: np.ndarray,
    order: np.ndarray | None = None,
    **others: np.ndarray,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Allocate three offers; the tables may come in another order of rows."""
    values = values_of(names, net, cost, **others)
    segments = segments_of(names if order is None else [names[place] for place in order])
    if order is not None:
        values = values.order_by(values.expected_cost, values.offer)
    table, facts = allocate_offers(segments, values, THREE, options)
    return table.to_pandas(), facts


def places(table: pd.DataFrame, only: pd.Series | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return customers and offers of a plan as places in the arrays."""
    has = table["offer_if_treated"].notna()
    rows = np.flatnonzero(has if only is None else has & only)
    names = table["offer_if_treated"].iloc[rows]
    return rows, names.str.removeprefix("offer_").astype(int).to_numpy()


def one_offer(nets: list[float], costs: list[float]) -> dict[str, np.ndarray]:
    """Make customers who may have the first offer only."""
    net, cost = np.full((len(nets), 3), np.nan), np.full((len(nets), 3), np.nan)
    net[:, 0], cost[:, 0] = nets, costs
    return {"net": net, "cost": cost}


# --- whatever the caps, shares and seeds --------------------------------------------------------

CAP = st.one_of(st.none(), st.integers(0, 12))
SHARES = st.floats(0, 0.5)


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """Make a problem, solve it, and return all of it."""
    customers = draw(st.integers(0, 40))
    given_values = made_up(customers, draw(st.integers(0, 10_000)))
    allocation = option_values()["allocation"]
    allocation |= {"exact_customers": draw(st.sampled_from([0, 1000]))}
    options = offer_options(
        budget=draw(st.one_of(st.none(), st.just(0.0), st.floats(0.001, 80))),
        exploration=draw(SHARES),
        seed=draw(st.integers(0, 2**31 - 1)),
        allocation=allocation,
        **channels(email=draw(CAP), call=draw(CAP), post=draw(CAP)),
        **control(draw(SHARES)),
    )
    table, facts = planned(ids(customers), options, **given_values)
    return {"options": options, "table": table, "facts": facts} | given_values


@settings(max_examples=60, deadline=None)
@given(plan=plans())
def test_every_plan_keeps_the_caps_the_gates_and_its_word(plan: dict[str, Any]):
    table, options = plan["table"], plan["options"]
    assert list(table.columns) == COLUMNS
    assert table["customer_id"].tolist() == ids(len(plan["net"]))
    _keeps_caps(plan)
    _gives_only_what_may_be_had(plan)
    _explores_within_its_part(plan)
    _tells_what_the_table_holds(plan)
    treatable = table["offer_if_treated"].notna() & ~table["in_control"]
    assert table["sent"].tolist() == treatable.tolist()
    if options.control.share == 0:
        assert not table["in_control"].any()


def _keeps_caps(plan: dict[str, Any]) -> None:
    rows, offers = places(plan["table"], plan["table"]["sent"])
    options = plan["options"]
    if options.budget is not None:
        assert plan["cost"][rows, offers].sum() <= options.budget * ALMOST
    for name, channel in options.channels.items():
        if channel.capacity is not None:
            assert (CHANNELS[offers] == name).sum() <= channel.capacity


def _gives_only_what_may_be_had(plan: dict[str, Any]) -> None:
    rows, offers = places(plan["table"])
    explored = plan["table"]["explored"].to_numpy()[rows]
    net = plan["net"][rows, offers]
    assert not np.isnan(net).any()
    assert not plan["blocked"][rows, offers].any()
    assert (net[~explored] > 0).all()
    assert (plan["high"][rows, offers][explored] > 0).all()


def _explores_within_its_part(plan: dict[str, Any]) -> None:
    table, options = plan["table"], plan["options"]
    assert table.loc[table["explored"], "offer_if_treated"].notna().all()
    if options.exploration == 0:
        assert not table["explored"].any()
    rows, offers = places(table, table["explored"])
    part = options.exploration / (1 - options.control.share)
    if options.budget is not None:
        assert plan["cost"][rows, offers].sum() <= part * options.budget * ALMOST
    for name, channel in options.channels.items():
        if channel.capacity is not None:
            assert (CHANNELS[offers] == name).sum() <= part * channel.capacity * ALMOST


def _tells_what_the_table_holds(plan: dict[str, Any]) -> None:
    table, options, facts = plan["table"], plan["options"], plan["facts"]
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["budget"] == options.budget
    assert facts["capacity"] == {n: c.capacity for n, c in options.channels.items()}
    assert facts["control_share"] == options.control.share
    assert facts["explored"] == table["explored"].sum()
    for part, only in (("allocated", None), ("treated", table["sent"])):
        rows, offers = places(table, only)
        told = facts[part]
        assert told["customers"] == len(rows)
        assert told["spend"] == pytest.approx(plan["cost"][rows, offers].sum())
        assert told["expected_net"] == pytest.approx(plan["net"][rows, offers].sum())
        reached = {name: int((CHANNELS[offers] == name).sum()) for name in ("email", "call")}
        assert {name: told["channels"][name] for name in reached} == reached
    assert set(facts["next_customer_returns"]) == set(options.channels)
    assert facts["gap"] >= 0
    assert facts["bound"] >= 0
    if facts["dropped"] == 0 and facts["explored"] == 0:
        assert facts["allocated"]["expected_net"] <= facts["bound"] * ALMOST


# --- the control group --------------------------------------------------------------------------

WITHHELD = offer_options(exploration=0.3, **NO_CAPS, **control(0.3))


def groups(table: pd.DataFrame) -> dict[str, tuple[bool, bool]]:
    drawn = zip(table["in_control"], table["explored"], strict=True)
    return dict(zip(table["customer_id"], drawn, strict=True))


class TestControlGroup:
    def test_it_is_drawn_by_a_hash_of_seed_and_id_alone(self):
        table, _ = planned(ids(50), WITHHELD, **made_up(50))

        lots = [
            int(hashlib.sha256(f"{WITHHELD.seed}:{name}".encode()).hexdigest(), 16) / 2**256
            for name in ids(50)
        ]

        assert table["in_control"].tolist() == [lot < 0.3 for lot in lots]
        assert 0 < table["in_control"].sum() < 50

    def test_a_customer_keeps_the_group_when_others_arrive_or_leave(self):
        values = made_up(50)
        everybody, _ = planned(ids(50), WITHHELD, **values)
        odd = np.arange(50) % 2 == 1
        some = [name for name, kept in zip(ids(50), odd, strict=True) if kept]

        rest, _ = planned(some, WITHHELD, **{key: array[odd] for key, array in values.items()})

        assert groups(rest) == {name: groups(everybody)[name] for name in some}
        # and, as no cap binds, the offer
        kept = everybody.set_index("customer_id")["offer_if_treated"].loc[some]
        assert rest["offer_if_treated"].fillna("").tolist() == kept.fillna("").tolist()

    def test_a_customer_keeps_the_group_whatever_the_offers_are_worth(self):
        one, _ = planned(ids(50), WITHHELD, **made_up(50, seed=1))
        other, _ = planned(ids(50), WITHHELD, **made_up(50, seed=2))

        assert one["in_control"].tolist() == other["in_control"].tolist()

    def test_the_order_of_the_rows_does_not_matter(self):
        options = offer_options(
            exploration=0.2, budget=40, **channels(email=20, call=3), **control(0.2)
        )
        order = np.random.default_rng(1).permutation(50)

        plain, plain_facts = planned(ids(50), options, **made_up(50))
        mixed, mixed_facts = planned(ids(50), options, order=order, **made_up(50))

        pd.testing.assert_frame_equal(plain, mixed)
        assert plain_facts == mixed_facts

    def test_a_larger_share_takes_nobody_out_of_the_group(self):
        small, _ = planned(ids(50), offer_options(**NO_CAPS, **control(0.1)), **made_up(50))
        large, _ = planned(ids(50), offer_options(**NO_CAPS, **control(0.4)), **made_up(50))

        assert set(small["customer_id"][small["in_control"]]) < set(
            large["customer_id"][large["in_control"]]
        )

    def test_without_a_share_everybody_with_an_offer_gets_it(self):
        table, facts = planned(ids(50), offer_options(**NO_CAPS), **made_up(50))

        assert table["sent"].tolist() == table["offer_if_treated"].notna().tolist()
        assert facts["treated"] == facts["allocated"]

    def test_who_is_withheld_would_have_got_the_best_offer_too(self):
        values = made_up(50)
        table, _ = planned(ids(50), offer_options(**NO_CAPS, **control(0.4)), **values)
        free = np.where(values["blocked"], np.nan, values["net"])
        free = np.where(free > 0, free, np.nan)
        has = ~np.isnan(free).all(axis=1)

        rows, offers = places(table)

        assert rows.tolist() == np.flatnonzero(has).tolist()
        assert offers.tolist() == np.nanargmax(free[has], axis=1).tolist()
        assert (table["in_control"] & table["offer_if_treated"].notna()).any()

    def test_offers_do_not_depend_on_who_is_withheld(self):
        values = made_up(60)
        told = []
        for seed in range(12):
            caps = channels(email=15, call=4)
            options = offer_options(budget=40, seed=seed, **caps, **control(0.3))
            table, facts = planned(ids(60), options, **values)
            if facts["tightened"] == 0:
                told.append((table["offer_if_treated"].fillna("").tolist(), table["in_control"]))

        assert len(told) > 1
        assert all(offers == told[0][0] for offers, _ in told)
        assert any(drawn.tolist() != told[0][1].tolist() for _, drawn in told)

    def test_caps_are_larger_for_everybody_by_those_who_get_nothing(self):
        values = one_offer([10.0] * 400, [1.0] * 400)
        options = offer_options(budget=100, **NO_CAPS, **control(0.5))

        _, facts = planned(ids(400), options, **values)

        # as many as the budget pays for, less what the draw by chance withholds less
        assert facts["treated"]["spend"] <= 100
        assert facts["treated"]["spend"] > 80
        assert facts["allocated"]["spend"] > 160

    def test_one_customer_who_is_withheld_gets_nothing(self):
        seed = next(s for s in range(99) if self._lot(s, "c000") < 0.3)
        options = offer_options(seed=seed, budget=5, **control(0.3))

        table, facts = planned(ids(1), options, **one_offer([3.0], [2.0]))

        assert table.iloc[0].tolist() == ["c000", "offer_0", False, True, False]
        assert facts["allocated"]["spend"] == 2
        assert facts["treated"]["spend"] == 0

    @staticmethod
    def _lot(seed: int, name: str) -> float:
        return int(hashlib.sha256(f"{seed}:{name}".encode()).hexdigest(), 16) / 2**256


# --- caps ---------------------------------------------------------------------------------------


class TestCaps:
    def test_the_best_plan_by_hand(self):
        # 6 of money: the first and the third for 5 bring 9; the second alone would bring 8.
        values = one_offer([5.0, 8.0, 4.0, -1.0], [2.0, 6.0, 3.0, 0.0])

        table, facts = planned(ids(4), offer_options(budget=6, **NO_CAPS), **values)

        assert table["sent"].tolist() == [True, False, True, False]
        assert facts["treated"]["expected_net"] == 9
        assert facts["treated"]["spend"] == 5
        assert facts["bound"] == pytest.approx(9)

    def test_each_customer_gets_the_best_of_several_offers(self):
        net = np.array([[1.0, 3.0, 2.0], [4.0, 3.0, -1.0]])

        table, _ = planned(ids(2), offer_options(**NO_CAPS), net=net, cost=np.ones((2, 3)))

        assert table["offer_if_treated"].tolist() == ["offer_1", "offer_0"]

    def test_a_full_channel_leaves_the_second_best(self):
        net = np.array([[1.0, 3.0, 2.0], [2.0, 9.0, -1.0]])
        caps = channels(email=None, call=1)

        table, facts = planned(ids(2), offer_options(**caps), net=net, cost=np.ones((2, 3)))

        assert table["offer_if_treated"].tolist() == ["offer_2", "offer_1"]
        assert facts["treated"]["channels"] == {"email": 1, "call": 1}

    def test_a_budget_of_nothing_pays_only_for_what_is_free(self):
        values = one_offer([5.0, 8.0, 4.0], [2.0, 0.0, 0.1])

        table, facts = planned(ids(3), offer_options(budget=0, **NO_CAPS), **values)

        assert table["sent"].tolist() == [False, True, False]
        assert facts["next_unit_returns"] == pytest.approx(40)

    @pytest.mark.parametrize("exploration", [0, 0.5])
    def test_without_money_nobody_gets_what_costs_money(self, exploration: float):
        options = offer_options(budget=0, exploration=exploration, **NO_CAPS, **control(0.2))

        table, facts = planned(ids(50), options, **one_offer([5.0] * 50, [1.0] * 50))

        assert not table["sent"].any()
        assert table["offer_if_treated"].isna().all()
        assert facts["allocated"]["customers"] == 0

    def test_without_a_budget_everybody_gets_what_pays(self):
        values = one_offer([5.0, 8.0, 0.0, -4.0], [2e6, 6e6, 0.0, 0.0])

        table, facts = planned(ids(4), offer_options(budget=None, **NO_CAPS), **values)

        assert table["sent"].tolist() == [True, True, False, False]
        assert facts["next_unit_returns"] == 0

    @pytest.mark.parametrize("exploration", [0, 0.9])
    def test_a_channel_without_room_reaches_nobody(self, exploration: float):
        options = offer_options(exploration=exploration, **channels(email=0, call=None))

        table, facts = planned(ids(50), options, **made_up(50))

        assert facts["treated"]["channels"]["email"] == 0
        assert facts["treated"]["channels"]["call"] > 0
        assert set(table["offer_if_treated"].dropna()) == {"offer_1"}

    def test_a_channel_that_no_offer_uses_is_no_hindrance(self):
        caps = channels(email=None, call=None, post=5)

        table, facts = planned(ids(1), offer_options(budget=9, **caps), **one_offer([5.0], [1.0]))

        assert table["sent"].tolist() == [True]
        assert facts["capacity"] == {"email": None, "call": None, "post": 5}

    def test_a_sum_that_rounds_up_is_no_excess(self):
        # added one by one 0.1 + 0.2 + 0.3 is a bit more than 0.6
        values = one_offer([5.0] * 3, [0.1, 0.2, 0.3])

        table, facts = planned(ids(3), offer_options(budget=0.6, **NO_CAPS), **values)

        assert table["sent"].all()
        assert facts["tightened"] == 0
        assert facts["dropped"] == 0

    def test_a_draw_that_withholds_too_few_is_made_up_for(self):
        found = []
        for seed in range(20):
            options = offer_options(budget=10, seed=seed, **NO_CAPS, **control(0.5))
            _, facts = planned(ids(40), options, **one_offer([5.0] * 40, [1.0] * 40))
            assert facts["treated"]["spend"] <= 10
            found.append(facts["tightened"])

        assert max(found) > 0


# --- exploration --------------------------------------------------------------------------------


class TestExploration:
    def test_it_draws_among_all_offers_that_may_pay(self):
        shape = (300, 3)
        # The first is the best; the second may pay, the third may not.
        net = np.tile([9.0, -1.0, -1.0], (300, 1))
        high = np.tile([9.0, 1.0, 0.0], (300, 1))
        options = offer_options(exploration=0.4, **NO_CAPS)

        table, facts = planned(ids(300), options, net=net, cost=np.ones(shape), high=high)

        drawn = table.loc[table["explored"], "offer_if_treated"].value_counts()
        assert set(drawn.index) == {"offer_0", "offer_1"}
        assert drawn.min() > 0.35 * drawn.sum()
        assert facts["explored"] == pytest.approx(120, abs=30)
        assert set(table.loc[~table["explored"], "offer_if_treated"]) == {"offer_0"}

    def test_blocked_offers_are_not_drawn(self):
        blocked = np.tile([False, True, True], (50, 1))
        options = offer_options(exploration=0.5, **NO_CAPS)

        table, _ = planned(
            ids(50), options, net=np.ones((50, 3)), cost=np.ones((50, 3)), blocked=blocked
        )

        assert set(table["offer_if_treated"]) == {"offer_0"}

    def test_whom_a_full_channel_turns_away_spends_nothing(self):
        # Half of the customers could only be called, for 100 each; the others get an e-mail for 1.
        calls, mails = np.arange(80) % 2 == 0, np.arange(80) % 2 == 1
        net, cost = np.full((80, 3), np.nan), np.full((80, 3), np.nan)
        net[calls, 1], cost[calls, 1] = 5, 100
        net[mails, 0], cost[mails, 0] = 5, 1
        options = offer_options(exploration=0.5, budget=100, **channels(email=None, call=0))
        alone = one_offer([5.0] * 80, [1.0] * 80)
        alone["net"][calls, 0] = np.nan

        both, _ = planned(ids(80), options, net=net, cost=cost)
        only_mails, _ = planned(ids(80), options, **alone)

        assert only_mails["explored"].sum() > 10
        assert both["explored"].tolist() == only_mails["explored"].tolist()

    def test_its_part_is_of_the_caps_for_everybody(self):
        # 40 for those who get something are 80 for everybody, half of which may be explored.
        values = one_offer([5.0] * 400, [1.0] * 400)
        options = offer_options(exploration=0.5, budget=40, **NO_CAPS, **control(0.5))

        _, facts = planned(ids(400), options, **values)

        assert facts["dropped"] == 0
        assert facts["explored"] == 40

    def test_where_it_alone_breaks_a_cap_some_are_dropped(self):
        # With nine tenths explored, twice the budget is given out, and half of it is withheld.
        nets = [float(number) for number in range(1, 101)]
        dropped = 0
        for seed in range(12):
            options = offer_options(
                exploration=0.9, budget=10, seed=seed, **NO_CAPS, **control(0.5)
            )
            table, facts = planned(ids(100), options, **one_offer(nets, [1.0] * 100))
            loose = offer_options(exploration=0.9, seed=seed, **NO_CAPS, **control(0.5))
            everybody, _ = planned(ids(100), loose, **one_offer(nets, [1.0] * 100))
            assert facts["treated"]["spend"] <= 10
            assert not (table["sent"] & table["offer_if_treated"].isna()).any()
            assert not (table["explored"] & table["offer_if_treated"].isna()).any()
            assert set(table["customer_id"][table["explored"]]) <= set(
                everybody["customer_id"][everybody["explored"]]
            )
            if facts["dropped"]:
                assert table["sent"].sum() == 10
            dropped += facts["dropped"]

        assert dropped > 0

    def test_it_is_independent_of_the_control_group(self):
        options = offer_options(exploration=0.5, **NO_CAPS, **control(0.5))

        table, _ = planned(ids(400), options, **one_offer([5.0] * 400, [1.0] * 400))

        both = (table["explored"] & table["in_control"]).mean()
        assert both == pytest.approx(0.25, abs=0.08)
        assert not (table["sent"] & table["in_control"]).any()


# --- edges --------------------------------------------------------------------------------------


class TestNobody:
    @pytest.mark.parametrize("customers", [0, 1, 30])
    @pytest.mark.parametrize("exploration", [0, 0.5])
    def test_without_anybody_who_may_have_an_offer_the_plan_is_empty(
        self, customers: int, exploration: float
    ):
        caps = channels(email=5, call=0)
        options = offer_options(budget=10, exploration=exploration, **caps, **control(0.2))
        nothing = np.full((customers, 3), np.nan)

        table, facts = planned(ids(customers), options, net=nothing, cost=nothing)

        assert list(table.columns) == COLUMNS
        assert table["customer_id"].tolist() == ids(customers)
        assert table["offer_if_treated"].isna().all()
        assert not table[["sent", "explored"]].any(axis=None)
        assert facts["allocated"] == facts["treated"]
        assert facts["allocated"]["customers"] == 0
        assert facts["gap"] == 0

    @pytest.mark.parametrize("gate", GATES.values())
    def test_where_everybody_is_blocked_nobody_gets_anything(self, gate: str):
        blocked = np.full((5, 3), True)
        values = values_of(ids(5), np.ones((5, 3)), np.ones((5, 3)), blocked=blocked, gate=gate)

        table, facts = allocate_offers(
            segments_of(ids(5)), values, THREE, offer_options(exploration=0.9, **NO_CAPS)
        )

        assert table.to_pandas()["offer_if_treated"].isna().all()
        assert facts["treated"]["customers"] == 0


def test_the_same_input_gives_the_same_plan():
    options = offer_options(
        budget=30, exploration=0.2, **channels(email=20, call=3), **control(0.2)
    )

    first, first_facts = planned(ids(60), options, **made_up(60))
    second, second_facts = planned(ids(60), options, **made_up(60))

    pd.testing.assert_frame_equal(first, second)
    assert first_facts == second_facts


def test_tables_that_go_in_are_not_changed():
    values = values_of(ids(20), **made_up(20))
    segments = segments_of(ids(20)[::-1])
    before = [values.to_pandas(), segments.to_pandas()]

    allocate_offers(segments, values, THREE, offer_options(budget=9, exploration=0.2, **NO_CAPS))

    for table, known in zip((values, segments), before, strict=True):
        pd.testing.assert_frame_equal(table.to_pandas(), known)


def test_priced_offers_are_planned_by_customer():
    rows = [
        {"customer_id": "b", "contact_allowed": False},
        {"customer_id": "10", "profit": 90.0},
        {"customer_id": "9", "profit": 1.0},
        {"customer_id": "a", "decline_risk": None},  # no row among the values
    ]
    tables = people(*rows)
    options = offer_options(**NO_CAPS)
    values = price_offers(*tables, offer_catalogue(), options)

    table, _ = allocate_offers(tables[1], values, offer_catalogue(), options)

    assert isinstance(table, ibis.Table)
    found = table.to_pandas()
    assert found["customer_id"].tolist() == ["10", "9", "a", "b"]
    assert found["offer_if_treated"].fillna("").tolist() == ["code", "", "", ""]

"""Trials: other budgets, rules, gates and units, checked against brute force where it is small."""

import itertools
from collections.abc import Iterator
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from personal_offers.pipelines.offers.pairs import Caps, problem_of
from personal_offers.pipelines.offers.params import OfferOptions
from personal_offers.pipelines.offers.trials import (
    BUDGET_OFFER_COLUMNS,
    FRONTIER_COLUMNS,
    GATE_COLUMNS,
    MOVE_COLUMNS,
    POLICY_COLUMNS,
    UNIT_COLUMNS,
    trial_of,
    try_budgets,
    try_units,
    value_gates,
)
from personal_offers.pipelines.offers.values import GATES
from tests.pipelines.offers.made_up import (
    TEXT,
    channels,
    control,
    ids,
    offer_catalogue,
    offer_options,
    option_values,
    people,
    plan_of,
    values_of,
)

# Two offers go by e-mail, one by phone.
THREE = offer_catalogue(offer_0={}, offer_1={"channel": "call"}, offer_2={})
CALLS = 1
ALMOST = 1 + 1e-9
GAP = 1e-4


def priced_like(
    net: np.ndarray, cost: np.ndarray, names: list[str] | None = None, **others: Any
) -> ir.Table:
    """Return offer values with what the simple rules look at."""
    table = values_of(names or ids(len(net)), net, cost, **others)
    return table.mutate(risk=table.expected_cost / 100, month_margin=table.expected_cost * 10)


def random_offers(customers: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Make net and cost of three offers; some do not exist and some do not pay."""
    random = np.random.default_rng(seed)
    net = random.uniform(-3, 12, (customers, 3))
    net[random.uniform(size=net.shape) < 0.2] = np.nan
    return net, random.uniform(0.5, 6, net.shape)


def one_offer(nets: list[float], costs: list[float]) -> ir.Table:
    """Make customers who may have the first offer only."""
    net, cost = np.full((len(nets), 3), np.nan), np.full((len(nets), 3), np.nan)
    net[:, 0], cost[:, 0] = nets, costs
    return priced_like(net, cost)


def trials(**changes: Any) -> dict[str, Any]:
    return {"trials": option_values()["trials"] | changes}


def options_of(budget: float | None = None, **changes: Any) -> OfferOptions:
    return offer_options(budget=budget, **(trials(budgets=9) | changes))


def tried(table: ir.Table, options: OfferOptions) -> tuple[pd.DataFrame, ...]:
    return try_budgets(table, THREE, options)


# --- other budgets ---------------------------------------------------------------------------

NET, COST = random_offers(120)
PRICED = priced_like(NET, COST)
SHARE = control(0.2)


@pytest.mark.parametrize("share", [0, 0.2])
@pytest.mark.parametrize("capacity", [None, 15])
def test_more_money_never_brings_less_and_is_never_overspent(share: float, capacity: int | None):
    options = options_of(60.0, **control(share), **channels(email=None, call=capacity))
    frontier = tried(PRICED, options)[0]
    assert list(frontier.columns) == FRONTIER_COLUMNS
    assert frontier["budget"].iloc[:-1].is_monotonic_increasing
    assert frontier["expected_net"].is_monotonic_increasing
    limited = frontier[frontier["budget"].notna()]
    assert (limited["spend"] <= limited["budget"] * ALMOST).all()
    assert (frontier["expected_net"] <= frontier["bound"] * ALMOST).all()
    assert (frontier["gap"] <= 0.01).all()


def test_the_last_point_has_no_limit():
    frontier = tried(PRICED, options_of(60.0))[0]
    last = frontier.iloc[-1]
    everything = np.nanmax(np.where(np.isnan(NET), 0, NET), axis=1)
    assert pd.isna(last["budget"])
    assert frontier["budget"].isna().sum() == 1
    assert last["expected_net"] == pytest.approx(everything[everything > 0].sum())
    assert last["next_unit_returns"] == 0
    assert frontier.iloc[0]["budget"] == frontier.iloc[0]["spend"] == 0


@pytest.mark.parametrize(("budget", "shown"), [(60.0, 60.0), (None, None), (1e9, None), (0.0, 0.0)])
def test_one_point_is_the_plan(budget: float | None, shown: float | None):
    frontier, _, policies, _ = tried(PRICED, options_of(budget))
    plan = frontier[frontier["is_plan"]]
    assert len(plan) == 1
    point = plan.iloc[0]
    assert pd.isna(point["budget"]) if shown is None else point["budget"] == shown
    assert frontier["budget"].is_unique
    named = policies[policies["policy"] == "plan"].iloc[0]
    assert point[["expected_net", "spend", "customers"]].tolist() == pytest.approx(
        named[["expected_net", "spend", "customers"]].tolist()
    )


def test_each_unit_of_money_returns_less_than_the_one_before():
    net, cost = random_offers(400)
    frontier = tried(priced_like(net, cost), options_of(None))[0]
    returns = frontier["next_unit_returns"].iloc[1:].to_numpy()  # of nothing the best pair counts
    assert (np.diff(returns) <= 0.05 * returns[:-1] + 1e-9).all()
    # What the next unit returns is about what the next stretch of money brings.
    brought = np.diff(frontier["expected_net"]) / np.diff(frontier["spend"])
    assert (brought[1:-1] <= returns[:-2] * 1.05).all()


def test_who_enters_leaves_and_changes_is_counted_against_the_point_before():
    frontier = tried(PRICED, options_of(60.0))[0]
    customers = (frontier["enter"] - frontier["leave"]).cumsum()
    assert customers.tolist() == frontier["customers"].tolist()
    assert frontier.iloc[0][["enter", "leave", "change"]].tolist() == [0, 0, 0]


def test_an_offer_that_takes_most_of_the_budget_does_not_lead_the_search_astray():
    # One call takes nearly all of the money: with less, prices alone stop short of the bound.
    net, cost = np.full((201, 3), np.nan), np.full((201, 3), np.nan)
    net[:200, 0], cost[:200, 0] = np.linspace(1, 6, 200), 3
    net[200, CALLS], cost[200, CALLS] = 2000.0, 310.0
    frontier = tried(priced_like(net, cost), options_of(320.0))[0]
    assert (frontier["gap"] <= 0.01).all()
    assert frontier["expected_net"].is_monotonic_increasing
    assert frontier[frontier["is_plan"]]["expected_net"].iloc[0] == pytest.approx(
        2000 + np.linspace(1, 6, 200)[-3:].sum()
    )


def test_who_enters_and_leaves_is_counted_against_the_plan_as_well():
    frontier = tried(PRICED, options_of(60.0))[0]
    plan = frontier[frontier["is_plan"]].iloc[0]
    assert plan[["enter_plan", "leave_plan", "change_plan"]].tolist() == [0, 0, 0]
    beside = frontier["enter_plan"] - frontier["leave_plan"]
    assert (frontier["customers"] - plan["customers"]).tolist() == beside.tolist()
    assert frontier.iloc[0]["leave_plan"] == plan["customers"]


@pytest.mark.parametrize("share", [0, 0.2])
@pytest.mark.parametrize("budget", [60.0, None])
def test_offers_of_each_budget_add_up_to_the_frontier(share: float, budget: float | None):
    frontier, _, _, by_offer = tried(PRICED, options_of(budget, **control(share)))
    assert list(by_offer.columns) == BUDGET_OFFER_COLUMNS
    sums = by_offer.groupby("budget", dropna=False)[["customers", "cost", "expected_net"]].sum()
    rows = frontier.set_index("budget")[["customers", "spend", "expected_net"]].iloc[1:]
    assert sums.index.equals(rows.index)
    np.testing.assert_allclose(sums.to_numpy(float), rows.to_numpy(float))
    assert sums["customers"].tolist() == rows["customers"].tolist()


def test_each_offer_of_a_budget_has_its_own_customers_and_money():
    net, cost = np.full((3, 3), np.nan), np.full((3, 3), np.nan)
    net[0, 0], net[1, 0], net[2, 2] = 5.0, 4.0, 3.0
    cost[0, 0], cost[1, 0], cost[2, 2] = 2.0, 1.0, 0.5
    by_offer = tried(priced_like(net, cost), options_of(None))[3]
    unlimited = by_offer[by_offer["budget"].isna()].drop(columns="budget")
    assert unlimited.to_numpy().tolist() == [["offer_0", 2, 3.0, 9.0], ["offer_2", 1, 0.5, 3.0]]


@pytest.mark.parametrize("net", [-1.0, np.nan])
def test_where_nothing_pays_no_budget_has_an_offer(net: float):
    by_offer = tried(one_offer([net], [1.0]), options_of(None))[3]
    assert list(by_offer.columns) == BUDGET_OFFER_COLUMNS
    assert by_offer.empty


# --- moves of the budget ---------------------------------------------------------------------


def test_who_enters_and_leaves_when_the_budget_moves():
    table = one_offer([9, 6, 3], [1, 1, 1])
    moves = tried(table, options_of(2.0, **trials(moves=(-0.5, 0.5))))[1]
    assert list(moves.columns) == MOVE_COLUMNS
    rows = moves.astype(object).where(moves.notna(), None).to_numpy().tolist()
    assert rows == [
        [-0.5, 1.0, "c001", "leaves", "offer_0", None, 6.0, 0.0],
        [0.5, 3.0, "c002", "enters", None, "offer_0", 0.0, 3.0],
    ]


def test_who_gets_another_offer_when_the_budget_moves():
    net, cost = np.array([[5.0, np.nan, 8.0]]), np.array([[1.0, np.nan, 4.0]])
    moves = tried(priced_like(net, cost), options_of(2.0, **trials(moves=(0, 1))))[1]
    assert moves["customer_id"].tolist() == ["c000"]
    row = moves.iloc[0]
    assert (row["move"], row["change"]) == (1, "changes")
    assert (row["offer_before"], row["offer_after"]) == ("offer_0", "offer_2")
    assert (row["expected_net_before"], row["expected_net_after"]) == (5, 8)


def test_moves_are_the_difference_of_two_plans():
    options = options_of(60.0, **trials(moves=(-0.3,)), **SHARE)
    moves = tried(PRICED, options)[1]
    plans = []
    for budget in (60.0, 42.0):
        trial, table = trial_of(PRICED, THREE, options_of(budget, **SHARE))
        plans.append(trial.base())
    known = sorted(table.customer_id.to_pandas().unique())
    choices = [plan.choice for plan in plans]
    assert sorted(moves["customer_id"]) == [
        name for name, one, other in zip(known, *choices, strict=True) if one != other
    ]
    lost = moves["expected_net_before"].sum() - moves["expected_net_after"].sum()
    assert lost == pytest.approx(plans[0].value - plans[1].value)


@pytest.mark.parametrize("budget", [None, 60.0])
def test_without_a_budget_or_moves_nothing_moves(budget: float | None):
    moves = trials(moves=(0.5,) if budget is None else ())
    found = tried(PRICED, options_of(budget, **moves))[1]
    assert (len(found), list(found.columns)) == (0, MOVE_COLUMNS)


# --- simple rules ----------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0, 0.2])
def test_simple_rules_keep_the_caps_and_are_no_better_than_the_bound(share: float):
    options = options_of(60.0, **control(share), **channels(email=30, call=4))
    frontier, _, policies, _ = tried(PRICED, options)
    assert list(policies.columns) == POLICY_COLUMNS
    assert policies["policy"].tolist() == [
        "plan", "by_value_per_cost", "by_risk", "by_profit", "random",
    ]  # fmt: skip
    assert (policies["spend"] <= 60 * ALMOST).all()
    assert (policies["customers"] <= 34 + 1).all()  # rounded in channels and in customers
    assert policies["share_of_bound"].between(0, ALMOST).all()
    assert policies["share_of_bound"].idxmax() == 0
    bound = frontier.loc[frontier["is_plan"], "bound"].iloc[0]
    assert (policies["share_of_bound"] * bound).to_numpy() == pytest.approx(
        policies["expected_net"].to_numpy()
    )
    assert policies[["name_ru", "name_en"]].notna().all(axis=None)


def test_rules_have_no_share_of_a_bound_of_nothing():
    policies = tried(one_offer([-1, -2], [1, 1]), options_of(5.0))[2]
    assert policies["share_of_bound"].isna().all()
    assert (policies["expected_net"] == 0).all()


# --- gates -----------------------------------------------------------------------------------


def plans_of(net: np.ndarray, cost: np.ndarray, budget: float) -> Iterator[float]:
    """Return what every plan within a budget is worth, nothing being a choice too."""
    options = [*range(net.shape[1]), None]
    for choice in itertools.product(options, repeat=len(net)):
        pairs = [(row, option) for row, option in enumerate(choice) if option is not None]
        worth = sum(net[pair] for pair in pairs)
        if np.isfinite(worth) and sum(cost[pair] for pair in pairs) <= budget:
            yield worth


GATED_NET = np.array([[5.0, 3, 1], [8, 2, np.nan], [7, 9, 4], [6, 5, -2], [-1, -3, -1]])
GATED_COST = np.array([[2.0, 1, 1], [4, 1, 1], [3, 4, 2], [3, 2, 1], [1, 1, 1]])
# The last three fail the gate with all their offers; the second with one of two.
GATED = np.array([[False] * 3, [True, False, False], [True] * 3, [True] * 3, [True] * 3])


@pytest.mark.parametrize("budget", [2.0, 5.0, 100.0])
@pytest.mark.parametrize("gate", list(GATES))
def test_a_gate_is_worth_what_the_plan_would_gain(gate: str, budget: float):
    table = priced_like(GATED_NET, GATED_COST, blocked=GATED, gate=GATES[gate])
    outcomes = outcomes_of(["sent", "sent", "blocked", "blocked", "blocked"], gate)
    found = value_gates(table, outcomes, THREE, options_of(budget)).set_index("gate")
    shut = np.where(GATED, np.nan, GATED_NET)
    # Only who passes no gate now, and would have an offer that pays.
    opened = np.where(np.array([False, False, True, True, False])[:, None], GATED_NET, shut)
    now, then = (max(plans_of(net, GATED_COST, budget)) for net in (shut, opened))
    row = found.loc[gate]
    assert (row["customers"], row["sole"]) == (3, 2)
    assert row["potential"] == pytest.approx(9 + 6)
    assert row["worth"] == pytest.approx(then - now)
    assert (found.drop(index=gate)[["customers", "sole", "potential", "worth"]] == 0).all(axis=None)


def outcomes_of(outcomes: list[str], gate: str) -> ir.Table:
    import ibis

    frame = pd.DataFrame({"customer_id": ids(len(outcomes)), "outcome": outcomes})
    frame["pair_blocked_by"] = [gate if outcome == "blocked" else None for outcome in outcomes]
    schema = dict.fromkeys(["customer_id", "outcome", "pair_blocked_by"], "string")
    return ibis.memtable(frame, schema=schema)


def test_who_fails_two_gates_is_counted_but_not_freed_by_either():
    options = offer_options(gates=option_values()["gates"] | {
        "fatigue": {"feature": "contacts", "at_most": 4}
    })  # fmt: skip
    plan = plan_of(
        {"customer_id": "a", "contact_allowed": False, "contacts": 9.0},
        {"customer_id": "b", "contacts": 9.0},
        options=options,
    )
    found = value_gates(plan.offer_values, plan.outcomes, plan.catalogue, options)
    assert list(found.columns) == GATE_COLUMNS
    assert found["gate"].tolist() == ["consent", "channel", "fatigue", "margin_floor"]
    assert found["customers"].tolist() == [1, 0, 1, 0]
    assert found["sole"].tolist() == [0, 0, 1, 0]
    assert found["worth"].tolist() == pytest.approx([0, 0, 0.25, 0])
    assert found["potential"].tolist() == pytest.approx([0, 0, 0.25, 0])


def test_gates_are_worth_less_by_the_control_group():
    table = priced_like(GATED_NET, GATED_COST, blocked=GATED)
    outcomes = outcomes_of(["sent", "sent", "blocked", "blocked", "blocked"], "consent")
    found = value_gates(table, outcomes, THREE, options_of(None, **SHARE)).iloc[0]
    assert found["potential"] == pytest.approx(15 * 0.8)
    assert found["worth"] == pytest.approx(15 * 0.8)


def test_where_nobody_is_blocked_gates_are_worth_nothing():
    plan = plan_of({}, {"customer_id": "b"})
    found = value_gates(plan.offer_values, plan.outcomes, plan.catalogue, plan.options)
    assert (found[["customers", "sole", "potential", "worth"]] == 0).all(axis=None)


# --- units of profit -------------------------------------------------------------------------

UNITS = {
    "profit_unit": {
        "chosen": "money",
        "units": {
            "tenth": {"value": 0.1, "label": TEXT},
            "money": {"value": 1, "label": TEXT},
            "thousand": {"value": 1000, "label": {"ru": "тысяча", "en": "thousand"}},
            "per_cent": {"value": 0.01, "times": "revenue", "label": TEXT},
        },
        "source": TEXT,
    }
}
TWO_PEOPLE = ({"customer_id": "a"}, {"customer_id": "b", "profit": 20.0, "revenue": None})


def units_of(*rows: dict[str, Any], **changes: Any) -> pd.DataFrame:
    return try_units(
        *people(*rows), offer_catalogue(), offer_options(**(UNITS | changes))
    ).set_index("unit")


def test_units_are_tried_in_their_order_and_the_chosen_one_is_the_plan():
    found = units_of(*TWO_PEOPLE)
    assert ["unit", *found.columns] == UNIT_COLUMNS
    assert found.index.tolist() == ["tenth", "money", "thousand", "per_cent"]
    assert found["chosen"].tolist() == [False, True, False, False]
    plan = plan_of(*TWO_PEOPLE, options=offer_options(**UNITS)).offers.to_pandas()
    row = found.loc["money"]
    assert row["offered"] == (plan["group"] == "offer").sum() == 2
    assert row["expected_net"] == pytest.approx(plan["expected_net"].sum())
    assert row["spend"] == pytest.approx(plan["cost"].sum())
    assert row["same_offer"] == 1


def test_units_change_the_worth_and_not_the_cost():
    found = units_of(*TWO_PEOPLE)
    assert found.loc["tenth", "offered"] == 0
    assert found.loc["tenth", "same_offer"] == 0
    # 0.5 * 0.2 * (30 000 - 5) - 1.25 - 1 and the same of 60 000.
    assert found.loc["thousand", "expected_net"] == pytest.approx(2997.25 + 5997.25)
    assert found.loc["thousand", "spend"] == pytest.approx(found.loc["money", "spend"])
    assert set(found["customers"]) == {2}
    assert found.loc["thousand", "name_ru"] == "тысяча"


def test_a_percentage_is_of_a_feature_and_nothing_where_that_is_unknown():
    # 10% of 200 is 20 a month: 0.5 * 0.2 * (60 - 5) - 1.25 - 1.
    found = units_of(*TWO_PEOPLE).loc["per_cent"]
    assert (found["offered"], found["same_offer"]) == (1, 0.5)
    assert found["expected_net"] == pytest.approx(3.25)


def test_nobody_keeps_an_offer_where_nobody_has_one():
    assert units_of({"profit": 0.0})["same_offer"].isna().all()


def test_units_keep_the_budget():
    found = units_of(*TWO_PEOPLE, budget=3.0)
    assert (found["spend"] <= 3).all()
    assert found.loc["thousand", "offered"] == 1


# --- samples ---------------------------------------------------------------------------------

MANY_NET, MANY_COST = random_offers(6000, seed=11)
MANY = priced_like(MANY_NET, MANY_COST, [f"c{number:05d}" for number in range(6000)])
FEW_AT_ONCE = trials(budgets=3, largest_sample=1000)


def test_a_sample_holds_its_share_of_customers_and_caps():
    options = options_of(3000.0, **FEW_AT_ONCE, **SHARE, **channels(email=None, call=600))
    trial, table = trial_of(MANY, THREE, options)
    size = len(trial.pairs.exists)
    assert 850 < size < 1150
    assert trial.share == size / MANY.customer_id.nunique().to_pyarrow().as_py()
    assert trial.caps == Caps(
        pytest.approx(3000 / 0.8 * trial.share), {"email": None, "call": round(750 * trial.share)}
    )
    assert trial.times == pytest.approx(0.8 / trial.share)
    numbers = table.customer_number.to_pandas()
    assert sorted(numbers.unique()) == list(range(size))


def test_a_sample_depends_on_the_seed_alone():
    drawn = [
        set(trial_of(MANY, THREE, options_of(None, seed=seed, **FEW_AT_ONCE))[1]
            .customer_id.to_pandas())
        for seed in (1, 1, 2)
    ]  # fmt: skip
    assert drawn[0] == drawn[1]
    assert len(drawn[0] & drawn[2]) < 0.4 * len(drawn[0])


def test_sums_of_a_sample_stand_for_everybody():
    everybody = tried(MANY, options_of(3000.0, **trials(budgets=3, largest_sample=10_000)))
    sampled = tried(MANY, options_of(3000.0, **FEW_AT_ONCE))
    for whole, part in ((everybody[0], sampled[0]), (everybody[2], sampled[2])):
        for column in ("expected_net", "spend", "customers"):
            one = whole[column].iloc[1:].to_numpy(float)
            other = part[column].iloc[1:].to_numpy(float)
            assert other == pytest.approx(one, rel=0.12)
    limited = sampled[0][sampled[0]["budget"].notna()]
    assert (limited["spend"] <= limited["budget"] * ALMOST).all()
    assert sampled[2]["spend"].max() <= 3000 * ALMOST


def test_a_sample_is_drawn_only_where_there_are_more():
    trial, table = trial_of(PRICED, THREE, options_of(None, **FEW_AT_ONCE))
    assert (trial.share, trial.times) == (1, 1)
    assert table.count().to_pyarrow().as_py() == PRICED.count().to_pyarrow().as_py()


# --- nothing at all --------------------------------------------------------------------------

EMPTY = priced_like(np.empty((0, 3)), np.empty((0, 3)))


@pytest.mark.parametrize("budget", [None, 0.0, 10.0])
def test_without_customers_everything_is_nothing(budget: float | None):
    options = options_of(budget, **trials(moves=(0.5,)), **SHARE)
    frontier, moves, policies, by_offer = tried(EMPTY, options)
    assert frontier["is_plan"].tolist() == [False, True]
    assert (frontier[["spend", "expected_net", "customers"]] == 0).all(axis=None)
    assert len(moves) == len(by_offer) == 0
    assert len(policies) == 5
    gates = value_gates(EMPTY, outcomes_of([], "consent"), THREE, options_of(budget))
    assert (gates[["customers", "sole", "potential", "worth"]] == 0).all(axis=None)


def test_without_customers_units_have_nothing():
    found = units_of()
    assert (found[["customers", "offered", "spend", "expected_net"]] == 0).all(axis=None)
    assert found["same_offer"].isna().all()


def test_where_nothing_pays_no_money_is_wanted():
    frontier = tried(one_offer([-1, -2], [1, 1]), options_of(None))[0]
    assert frontier["budget"].iloc[0] == 0
    assert frontier["is_plan"].tolist() == [False, True]


def test_inputs_stay_as_they_were_and_runs_repeat():
    before = PRICED.to_pandas()
    options = options_of(60.0, **trials(moves=(0.5,)))
    one, other = tried(PRICED, options), tried(PRICED, options)
    for first, second in zip(one, other, strict=True):
        assert_frame_equal(first, second)
    assert_frame_equal(PRICED.to_pandas(), before)


def test_a_trial_solves_the_problem_that_it_is_asked_for():
    trial, _ = trial_of(PRICED, THREE, options_of(60.0))
    values = trial.pairs.values(trial.pairs.free())
    problem = problem_of(values, trial.pairs.numbers["expected_cost"], THREE, trial.caps)
    assert problem.budget == 60
    exact, near = trial.solve(values, exact=True), trial.solve(values)
    assert exact.gap <= GAP
    assert near.value <= exact.value * ALMOST
    assert near.value >= exact.value * 0.99

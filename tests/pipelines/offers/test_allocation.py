"""The plan: caps are kept whatever comes, the bound holds, small problems equal brute force."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.allocation import SETTINGS, make_problem
from personal_offers.pipelines.offers.allocation import (
    Allocation,
    Prices,
    Problem,
    allocate,
    not_worse,
)
from personal_offers.pipelines.offers.params import AllocationOptions
from personal_offers.pipelines.offers.policies import naive_plans

EXACT = AllocationOptions(exact_customers=5000, gap=1e-4, rounds=100, sample=20_000, seconds=30)
BY_PRICES = EXACT.model_copy(update={"exact_customers": 0})
# So small that 1,000 customers are many: prices come from a sample of one in ten.
SAMPLED = BY_PRICES.model_copy(update={"sample": 100})
ALL_OPTIONS = pytest.mark.parametrize("options", [EXACT, BY_PRICES, SAMPLED])
NO = -math.inf


def budget_frontier(problem, budgets, options) -> list:
    plans: list = []
    for budget in budgets:
        start = plans[-1].prices if plans else None
        plan = allocate(replace(problem, budget=budget), options, start)
        plans.append(not_worse(plan, plans[-1]) if plans else plan)
    return plans


def problem_of(
    value: Sequence[Sequence[float]],
    cost: Sequence[Sequence[float]],
    channel: Sequence[int] = (0,),
    budget: float | None = None,
    capacity: tuple[int | None, ...] = (None,),
) -> Problem:
    return Problem(
        np.array(value, dtype=float, order="F").reshape(-1, len(channel)),
        np.array(cost, dtype=float, order="F").reshape(-1, len(channel)),
        np.array(channel, dtype=np.int64),
        budget,
        capacity,
    )


def assert_keeps_caps(problem: Problem, plan: Allocation) -> None:
    rows = np.flatnonzero(plan.choice >= 0)
    option = plan.choice[rows]
    assert plan.choice.shape == (len(problem.value),)
    assert (problem.value[rows, option] > 0).all()
    assert plan.value == math.fsum(problem.value[rows, option])
    assert plan.spend == math.fsum(problem.cost[rows, option])
    assert problem.budget is None or plan.spend <= problem.budget
    used = np.bincount(problem.channel[option], minlength=len(problem.capacity))
    assert plan.used == tuple(used)
    for count, limit in zip(plan.used, problem.capacity, strict=True):
        assert limit is None or count <= limit
    assert plan.bound >= plan.value
    assert 0 <= plan.gap <= 1
    assert plan.price_of_budget >= 0
    assert all(price >= 0 for price in plan.price_of_channel)


def best_value(problem: Problem) -> float:
    """The value of the best plan, by trying all."""
    customers, options = problem.value.shape
    best = 0.0
    for choice in itertools.product(range(-1, options), repeat=customers):
        taken = [(row, option) for row, option in enumerate(choice) if option >= 0]
        used = np.bincount([problem.channel[o] for _, o in taken], minlength=len(problem.capacity))
        limits = zip(used, problem.capacity, strict=True)
        if (
            all(problem.value[pair] > 0 for pair in taken)
            and all(limit is None or count <= limit for count, limit in limits)
            and (problem.budget is None
                 or math.fsum(problem.cost[pair] for pair in taken) <= problem.budget)
        ):  # fmt: skip
            best = max(best, math.fsum(problem.value[pair] for pair in taken))
    return best


@st.composite
def problems(draw: st.DrawFn, largest: int = 5) -> Problem:
    """Small problems with ties, zeros, forbidden pairs, equal customers and closed caps."""
    customers, options = draw(st.integers(0, largest)), draw(st.integers(1, 3))
    channels = draw(st.integers(1, 3))
    number = draw(st.sampled_from([
        st.integers(0, 4).map(float),
        st.integers(0, 30).map(lambda n: n / 10),
        st.floats(0, 1000, allow_subnormal=False),
    ]))  # fmt: skip
    worth = st.one_of(number, number, number.map(lambda x: -x), st.sampled_from([NO, math.nan]))
    row = st.lists(st.tuples(worth, number), min_size=options, max_size=options)
    kinds = draw(st.lists(row, min_size=1, max_size=3 if draw(st.booleans()) else 9))
    table = [kinds[draw(st.integers(0, len(kinds) - 1))] for _ in range(customers)]
    channel = draw(st.lists(st.integers(0, channels - 1), min_size=options, max_size=options))
    budget = draw(st.one_of(st.none(), st.just(0.0), number, number.map(lambda x: 3 * x)))
    limit = st.one_of(st.none(), st.integers(0, customers + 1))
    capacity = tuple(draw(st.lists(limit, min_size=channels, max_size=channels)))
    value = [[pair[0] for pair in each] for each in table]
    cost = [[pair[1] for pair in each] for each in table]
    return problem_of(value, cost, channel, budget, capacity)


class TestPlan:
    def test_money_goes_where_it_returns_most(self) -> None:
        # Given three customers, of whom two can be afforded, and a call for one
        problem = problem_of(
            [[10, 30], [8, 9], [1, NO]], [[2, 5], [2, 2], [2, 0]], (0, 1), 7.0, (None, 1)
        )

        plan = allocate(problem, EXACT)

        assert plan.choice.tolist() == [1, 0, -1]
        assert (plan.value, plan.spend, plan.used) == (38, 7, (1, 1))
        assert plan.bound == pytest.approx(38)
        assert plan.gap == pytest.approx(0, abs=1e-9)

    def test_best_set_is_not_what_sorting_finds(self) -> None:
        # Given one offer that returns 3 per unit, and two that return 2 but use all the money
        problem = problem_of([[9], [10], [10]], [[3], [5], [5]], (0,), 10.0)

        assert allocate(problem, EXACT).choice.tolist() == [-1, 0, 0]

    @ALL_OPTIONS
    def test_without_binding_caps_everyone_gets_the_best(self, options: AllocationOptions) -> None:
        problem = problem_of([[1, 2], [3, 2], [-1, 0]], [[1, 1]] * 3, (0, 0), 2.0, (2,))

        plan = allocate(problem, options)

        assert plan.choice.tolist() == [1, 0, -1]
        assert (plan.method, plan.gap, plan.price_of_budget) == ("free", 0, 0)

    def test_of_equal_options_the_cheaper_is_given(self) -> None:
        plan = allocate(problem_of([[5, 5]], [[2, 1]], (0, 0), 10.0), EXACT)

        assert plan.choice.tolist() == [1]

    @ALL_OPTIONS
    def test_what_is_worth_nothing_is_never_given(self, options: AllocationOptions) -> None:
        plan = allocate(problem_of([[0, -1, NO, math.nan]], [[0] * 4], (0,) * 4), options)

        assert plan.choice.tolist() == [-1]
        assert (plan.value, plan.bound, plan.gap) == (0, 0, 0)

    @ALL_OPTIONS
    def test_no_customers_make_an_empty_plan(self, options: AllocationOptions) -> None:
        plan = allocate(problem_of([], [], (0, 1), 5.0, (1, None)), options)

        assert (plan.choice.tolist(), plan.value, plan.used, plan.gap) == ([], 0, (0, 0), 0)

    @ALL_OPTIONS
    def test_closed_caps_leave_what_costs_nothing_and_get_a_price(
        self, options: AllocationOptions
    ) -> None:
        # Given no money, and a channel without room
        problem = problem_of(
            [[6, 1, 9], [8, 2, 5]], [[2, 0, 0], [3, 0, 0]], (0, 0, 1), 0.0, (None, 0)
        )

        plan = allocate(problem, options)

        # Then the free option is given; the first unit of money returned (6 - 1) / 2, room 9 - 1
        assert plan.choice.tolist() == [1, 1]
        assert plan.price_of_budget == pytest.approx(2.5)
        assert plan.price_of_channel == pytest.approx((0, 8))
        assert plan.method == "exact"

    def test_price_is_what_the_next_unit_of_money_returns(self) -> None:
        problem = make_problem(4000, 1)
        money = problem.budget
        assert money is not None

        less, plan, more = budget_frontier(problem, [money - 20, money, money + 20], BY_PRICES)

        assert (more.value - less.value) / 40 == pytest.approx(plan.price_of_budget, rel=0.03)

    def test_start_changes_the_way_and_not_the_plan(self) -> None:
        problem = make_problem(1000, 2)

        plan = allocate(problem, EXACT)
        again = allocate(problem, EXACT, Prices(50.0, (1.0, 2.0, 3.0)))

        assert again.value == pytest.approx(plan.value, rel=1e-9)
        assert allocate(problem, EXACT, plan.prices).value == pytest.approx(plan.value, rel=1e-9)


class TestCaps:
    @settings(deadline=None, max_examples=150)
    @given(problems())
    @example(problem_of([[0.1]] * 3, [[0.1]] * 3, (0,), 0.3))
    @example(problem_of([[1.0]] * 4, [[0.0]] * 4, (0,), 0.0, (2,)))
    def test_small_plans_equal_brute_force(self, problem: Problem) -> None:
        plan = allocate(problem, EXACT)

        assert_keeps_caps(problem, plan)
        assert plan.value == pytest.approx(best_value(problem), rel=1e-9, abs=1e-12)

    @settings(deadline=None, max_examples=100)
    @given(problems())
    def test_prices_keep_caps_and_prove_a_bound(self, problem: Problem) -> None:
        plan = allocate(problem, BY_PRICES)

        assert_keeps_caps(problem, plan)
        assert plan.bound >= best_value(problem) * (1 - 1e-9)

    @settings(deadline=None, max_examples=50)
    @given(problems(largest=60), st.randoms(use_true_random=False), st.booleans())
    def test_order_of_customers_does_not_matter(
        self, problem: Problem, shuffle: st.randoms, exactly: bool
    ) -> None:
        rows = list(range(len(problem.value)))
        shuffle.shuffle(rows)
        moved = Problem(
            np.asfortranarray(problem.value[rows]),
            np.asfortranarray(problem.cost[rows]),
            problem.channel,
            problem.budget,
            problem.capacity,
        )

        plan, other = (allocate(p, EXACT if exactly else BY_PRICES) for p in (problem, moved))

        assert_keeps_caps(problem, plan)
        assert (other.value, other.spend, other.used) == (plan.value, plan.spend, plan.used)

    def test_samples_do_not_depend_on_the_order_either(self) -> None:
        problem = make_problem(3000, 3)
        turned = Problem(problem.value[::-1], problem.cost[::-1], problem.channel, problem.budget,
                         problem.capacity)  # fmt: skip

        plan, other = allocate(problem, SAMPLED), allocate(turned, SAMPLED)

        assert_keeps_caps(problem, plan)
        assert other.value == plan.value
        assert (other.choice[::-1] == plan.choice).all()


class TestGap:
    @pytest.mark.parametrize("setting", SETTINGS)
    def test_thousands_are_solved_to_the_optimum(self, setting: str) -> None:
        problem = make_problem(1000, 4, SETTINGS[setting])

        plan = allocate(problem, EXACT)

        assert_keeps_caps(problem, plan)
        assert plan.method == "exact"
        assert plan.gap <= 1e-4

    @pytest.mark.parametrize("setting", SETTINGS)
    @pytest.mark.parametrize("options", [BY_PRICES, SAMPLED])
    def test_prices_come_close_to_the_bound(self, setting: str, options: AllocationOptions) -> None:
        problem = make_problem(10_000, 5, SETTINGS[setting])

        plan = allocate(problem, options)

        assert_keeps_caps(problem, plan)
        assert plan.method == "dual"
        assert plan.gap <= 1e-3

    @ALL_OPTIONS
    def test_equal_customers_are_dealt_out(self, options: AllocationOptions) -> None:
        # Given 3,000 customers of three kinds, whom prices alone treat alike
        draws = np.random.default_rng(6)
        kind = draws.integers(0, 3, 3000)
        value, cost = draws.lognormal(1, 1, (3, 4)), draws.lognormal(0, 1, (3, 4))
        budget = 0.2 * float(cost[kind].max(axis=1).sum())
        problem = problem_of(value[kind], cost[kind], (0, 0, 1, 2), budget, (None, 450, 60))

        plan = allocate(problem, options)

        assert_keeps_caps(problem, plan)
        assert plan.gap <= 1e-3

    def test_small_money_among_many_customers_is_spent_exactly(self) -> None:
        # Given money for a few of 12,000 customers, where one customer more or less shows
        draws = np.random.default_rng(7)
        problem = problem_of(draws.pareto(2, (12_000, 1)), 1 + draws.pareto(2, (12_000, 1)), (0,),
                             10.0)  # fmt: skip

        plan = allocate(problem, EXACT)

        assert_keeps_caps(problem, plan)
        assert plan.gap <= 1e-4

    def test_customers_who_differ_only_in_value_come_in_their_order(self) -> None:
        # Given 4,000 mails at one cost, and an integer program that cannot tell them apart
        draws = np.random.default_rng(8)
        value = draws.lognormal(0, 1, (4000, 1))
        problem = problem_of(value, np.full((4000, 1), 0.3), (0,), 100.0)

        plan = allocate(problem, EXACT)

        assert plan.used == (333,)
        assert plan.value == pytest.approx(np.sort(value[:, 0])[-333:].sum())
        assert plan.gap <= 1e-9


class TestBesideSorting:
    @pytest.mark.parametrize("setting", ["base", "all with a benefit", "even offers"])
    def test_plan_is_ten_points_better_than_sorting(self, setting: str) -> None:
        # Given a budget of 30% of what would be spent, and room for 15% and 2% in two channels
        problem = make_problem(5000, 9, SETTINGS[setting])
        nobody = np.zeros(5000)

        plan = allocate(problem, EXACT)
        sorted_plan = naive_plans(problem, nobody, nobody, 1, 1)["by_value_per_cost"]

        assert (plan.value - sorted_plan.value) / plan.bound >= 0.1


class TestFrontier:
    @pytest.mark.parametrize("options", [EXACT, BY_PRICES])
    def test_more_money_never_brings_less_and_returns_less_and_less(
        self, options: AllocationOptions
    ) -> None:
        problem = make_problem(500, 10)
        money = problem.budget
        assert money is not None
        budgets = [0.0, 0.1 * money, 0.5 * money, money, 4 * money, None]

        plans = budget_frontier(problem, budgets, options)

        values = [plan.value for plan in plans]
        assert values == sorted(values)
        assert plans[0].value == 0
        prices = [plan.price_of_budget for plan in plans]
        assert prices == sorted(prices, reverse=True)
        for budget, plan in zip(budgets, plans, strict=True):
            assert budget is None or plan.spend <= budget
            assert plan.gap == pytest.approx(1 - plan.value / plan.bound if plan.bound else 0)


class TestBadProblem:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"cost": [[1, 2]]}, r"value \(2, 1\) and cost \(1, 2\)"),
            ({"cost": [[1], [-1]]}, "a cost of option 0 is negative"),
            ({"cost": [[1], [math.nan]]}, "a cost of option 0 is negative, infinite or unknown"),
            ({"value": [[1], [math.inf]]}, "a value of option 0 is infinite"),
            ({"channel": [1]}, "not one of the 1 with a capacity"),
            ({"channel": [0, 0]}, "2 channels of 1 options"),
            ({"budget": -1.0}, "the budget is -1"),
            ({"budget": math.nan}, "the budget is nan"),
            ({"capacity": (-1,)}, "a capacity is negative"),
        ],
    )
    def test_misfit_is_named(self, change: dict[str, object], message: str) -> None:
        parts = {"value": [[1], [2]], "cost": [[1], [1]], "channel": [0], "budget": 1.0,
                 "capacity": (None,)}  # fmt: skip
        parts |= change
        arrays = {
            "value": np.array(parts["value"], dtype=float),
            "cost": np.array(parts["cost"], dtype=float),
            "channel": np.array(parts["channel"]),
        }

        with pytest.raises(ValueError, match=message):
            Problem(**arrays, budget=parts["budget"], capacity=parts["capacity"])  # type: ignore[arg-type]

    def test_all_misfits_are_named_at_once(self) -> None:
        with pytest.raises(ValueError, match=r"budget is -1.*negative: \(-1,\).*cost of option 0"):
            problem_of([[1]], [[-1]], (0,), -1.0, (-1,))

    def test_cost_of_what_nobody_may_have_is_not_looked_at(self) -> None:
        plan = allocate(problem_of([[NO, 1]], [[math.nan, 1]], (0, 0), 1.0), EXACT)

        assert plan.choice.tolist() == [1]

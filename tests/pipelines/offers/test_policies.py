"""Simple rules: they do what a loop over customers does, and keep every cap."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.allocation import make_problem
from personal_offers.pipelines.offers import policies
from personal_offers.pipelines.offers.allocation import Problem
from personal_offers.pipelines.offers.policies import naive_plans

RULES = ["by_value_per_cost", "by_risk", "by_profit", "random"]


def small_problem(budget: float | None = 6.0, calls: int | None = 1) -> Problem:
    """Four customers, a mail and a call."""
    value = np.array([[4, 9], [3, 10], [2, -1], [-1, 5]], dtype=float, order="F")
    cost = np.array([[1, 4], [1, 4], [2, 4], [1, 4]], dtype=float, order="F")
    return Problem(value, cost, np.array([0, 1]), budget, (None, calls))


class _Loop:
    """What the rules do, one after the other."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.choice = np.full(len(problem.value), -1)
        self.costs: list[float] = []
        self.room = [math.inf if limit is None else limit for limit in problem.capacity]

    def fits(self, row: int, option: int) -> bool:
        spent = math.fsum([*self.costs, self.problem.cost[row, option]])
        return bool(
            self.choice[row] < 0
            and self.problem.value[row, option] > 0
            and self.room[self.problem.channel[option]] >= 1
            and (self.problem.budget is None or spent <= self.problem.budget)
        )

    def give(self, row: int, option: int) -> None:
        self.choice[row] = option
        self.costs.append(self.problem.cost[row, option])
        self.room[self.problem.channel[option]] -= 1

    def by_rate(self) -> np.ndarray:
        value, cost = self.problem.value, self.problem.cost
        rows, options = np.nonzero(value > 0)
        rate = [
            value[pair] / cost[pair] if cost[pair] else math.inf
            for pair in zip(rows, options, strict=True)
        ]
        for place in np.lexsort((rows, options, -value[rows, options], -np.array(rate))):
            if self.fits(rows[place], options[place]):
                self.give(rows[place], options[place])
        return self.choice

    def by_score(self, score: np.ndarray) -> np.ndarray:
        for row in np.argsort(-score, kind="stable"):
            fitting = [o for o in range(self.problem.value.shape[1]) if self.fits(row, o)]
            if fitting:
                self.give(row, max(fitting, key=lambda option: self.problem.value[row, option]))
        return self.choice


class TestRules:
    def test_each_serves_in_its_own_order(self) -> None:
        risk = np.array([0.1, 0.2, 0.9, np.nan])
        profit = np.array([5.0, 1.0, np.nan, 9.0])

        plans = naive_plans(small_problem(), risk, profit, 1, 4)

        assert list(plans) == RULES
        # Rates 4, 3, 2.5 (both calls of the first two, but they have mails), 1.25, 1
        assert plans["by_value_per_cost"].choice.tolist() == [0, 0, -1, 1]
        # The third first, with all it may have; then the call for the second
        assert plans["by_risk"].choice.tolist() == [-1, 1, 0, -1]
        assert plans["by_risk"].spend == 6
        # The last has the call, so the others get mails, as long as the money lasts
        assert plans["by_profit"].choice.tolist() == [0, 0, -1, 1]
        assert plans["by_profit"].used == (2, 1)

    def test_random_plans_repeat_with_their_seed_and_average(self) -> None:
        problem, nobody = make_problem(300, 1), np.zeros(300)

        one, same, other, single = (
            naive_plans(problem, nobody, nobody, seed, plans)["random"]
            for seed, plans in [(1, 5), (1, 5), (2, 5), (1, 1)]
        )

        assert (one.choice == same.choice).all()
        assert one.value == same.value
        assert (one.choice != other.choice).any()
        assert (one.choice == single.choice).all()
        assert one.value != single.value

    def test_random_gives_any_option_that_fits(self) -> None:
        value = np.ones((30_000, 3), order="F")
        problem = Problem(value, value, np.array([0, 0, 1]), None, (None, 0))

        choice = naive_plans(problem, value[:, 0], value[:, 0], 1, 1)["random"].choice

        assert np.bincount(choice, minlength=3) / 30_000 == pytest.approx([0.5, 0.5, 0], abs=0.02)

    @pytest.mark.parametrize(("budget", "calls"), [(0.0, None), (0.5, 0)])
    def test_closed_caps_give_nothing(self, budget: float, calls: int | None) -> None:
        plans = naive_plans(small_problem(budget, calls), np.zeros(4), np.zeros(4), 1, 2)

        for plan in plans.values():
            assert (plan.choice.tolist(), plan.value, plan.spend) == ([-1] * 4, 0, 0)

    def test_nobody_gets_nothing(self) -> None:
        empty = np.empty((0, 2), order="F")
        problem = Problem(empty, empty, np.array([0, 1]), 5.0, (None, 1))

        plans = naive_plans(problem, np.empty(0), np.empty(0), 1, 2)

        assert [plan.used for plan in plans.values()] == [(0, 0)] * 4

    @settings(deadline=None, max_examples=60)
    @given(st.integers(0, 2**32 - 1), st.sampled_from([1, 5, 1 << 14]), st.booleans())
    def test_stretches_do_what_a_loop_does(self, seed: int, stretch: int, whole: bool) -> None:
        # Given up to 40 customers, numbers with ties or without, and stretches of any length
        draws = np.random.default_rng(seed)
        customers = int(draws.integers(0, 40))
        value, cost = draws.normal(1, 2, (customers, 3)), draws.random((customers, 3)) * 4
        if whole:
            value, cost = np.round(value), np.floor(cost)
        budget = None if seed % 5 == 0 else float(np.round(draws.random() * cost.sum() / 3))
        problem = Problem(np.asfortranarray(value), np.asfortranarray(cost), np.array([0, 1, 1]),
                          budget, (int(draws.integers(0, 15)), None))  # fmt: skip
        risk, profit = draws.random(customers), draws.integers(0, 4, customers).astype(float)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(policies, "_FIRST_STRETCH", stretch)
            plans = naive_plans(problem, risk, profit, 1, 2)

        assert plans["by_value_per_cost"].choice.tolist() == _Loop(problem).by_rate().tolist()
        assert plans["by_risk"].choice.tolist() == _Loop(problem).by_score(risk).tolist()
        assert plans["by_profit"].choice.tolist() == _Loop(problem).by_score(profit).tolist()
        for name, plan in plans.items():
            rows = np.flatnonzero(plan.choice >= 0)
            option = plan.choice[rows]
            assert budget is None or math.fsum(cost[rows, option]) == plan.spend <= budget
            assert plan.used[0] <= problem.capacity[0]
            assert (value[rows, option] > 0).all()
            if name != "random":
                assert plan.value == math.fsum(value[rows, option])


class TestBadInput:
    def test_scores_of_others_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"risk \(3\) and profit \(4\) of 4 customers"):
            naive_plans(small_problem(), np.zeros(3), np.zeros(4), 1, 1)

    def test_no_random_plan_is_refused(self) -> None:
        with pytest.raises(ValueError, match="random_plans is 0"):
            naive_plans(small_problem(), np.zeros(4), np.zeros(4), 1, 0)

"""Customers x offers as arrays, and the caps of a plan."""

import numpy as np
import pandas as pd
import pytest

from personal_offers.pipelines.offers.pairs import (
    Caps,
    count,
    customers_of,
    problem_of,
    read_pairs,
)
from personal_offers.pipelines.offers.values import price_offers
from tests.pipelines.offers.made_up import (
    channels,
    gates,
    ids,
    offer_catalogue,
    offer_options,
    people,
    segments_of,
    values_of,
)

NAN = np.nan
TWO = offer_catalogue(offer_0={}, offer_1={"channel": "call"})
NET = np.array([[1.0, NAN], [NAN, NAN], [-2.0, 3.0]])
COST = np.array([[0.5, NAN], [NAN, NAN], [0.7, 4.0]])


class TestPairs:
    def test_rows_are_customers_by_number_and_columns_offers_as_in_the_catalogue(self):
        pairs = read_pairs(values_of(ids(3), NET, COST), 3, TWO)

        assert pairs.offers == ("offer_0", "offer_1")
        np.testing.assert_array_equal(pairs.numbers["expected_net"], NET)
        np.testing.assert_array_equal(pairs.numbers["expected_cost"], COST)
        np.testing.assert_array_equal(pairs.exists, ~np.isnan(NET))

    def test_the_order_of_the_rows_of_the_table_does_not_matter(self):
        table = values_of(ids(3), NET, COST)

        pairs = read_pairs(table.order_by(table.expected_cost.desc()), 3, TWO)

        np.testing.assert_array_equal(pairs.numbers["expected_net"], NET)

    def test_customers_without_a_row_have_no_pair(self):
        pairs = read_pairs(values_of([], NET[:0], COST[:0]), 4, TWO)

        assert pairs.exists.shape == (4, 2)
        assert not pairs.exists.any()
        assert not pairs.free().any()

    def test_without_customers_the_arrays_are_empty(self):
        pairs = read_pairs(values_of([], NET[:0], COST[:0]), 0, TWO)

        assert pairs.values(pairs.free()).shape == (0, 2)

    def test_other_columns_are_read_on_demand(self):
        table = values_of(ids(3), NET, COST).mutate(break_even_save_rate=0.25)

        pairs = read_pairs(table, 3, TWO, ["expected_net", "break_even_save_rate"])

        assert set(pairs.numbers) == {"expected_net", "break_even_save_rate"}
        assert np.nansum(pairs.numbers["break_even_save_rate"]) == 0.75

    def test_free_pairs_pass_every_gate(self):
        blocked = np.array([[True, False], [False, False], [False, True]])
        pairs = read_pairs(values_of(ids(3), NET, COST, blocked=blocked), 3, TWO)

        assert pairs.free().tolist() == [[False, False], [False, False], [True, False]]
        assert pairs.free(without="consent").tolist() == pairs.exists.tolist()
        assert pairs.free(without="fatigue").tolist() == pairs.free().tolist()

    def test_a_second_gate_still_blocks_where_one_is_not_looked_at(self):
        tired = {"contacts": 9.0, "contact_allowed": False}
        options = offer_options(**gates(fatigue={"feature": "contacts", "at_most": 3}))
        table = price_offers(
            *people(tired, {"customer_id": "b", "contact_allowed": False}),
            offer_catalogue(),
            options,
        )

        pairs = read_pairs(table, 2, offer_catalogue())

        assert pairs.free(without="consent").tolist() == [[False], [True]]

    def test_values_of_what_may_not_be_had_are_minus_infinity(self):
        pairs = read_pairs(values_of(ids(3), NET, COST), 3, TWO)
        free = pairs.exists
        free[0, 0] = False

        values = pairs.values(free)

        assert values.tolist() == [[-np.inf, -np.inf], [-np.inf, -np.inf], [-2, 3]]
        assert values.flags.f_contiguous


class TestCaps:
    def test_they_are_those_of_the_parameters(self):
        caps = Caps.of(offer_options(budget=20, **channels(email=None, call=3)))

        assert caps == Caps(20, {"email": None, "call": 3})

    @pytest.mark.parametrize(
        ("share", "budget", "capacity"),
        [(0, 20, 20), (0.2, 25, 25), (0.5, 40, 40), (0.3, 20 / 0.7, 28), (0.1, 20 / 0.9, 22)],
    )
    def test_for_everybody_they_are_larger_by_those_who_get_nothing(
        self, share: float, budget: float, capacity: int
    ):
        caps = Caps(20, {"email": None, "call": 20}).grossed(share)

        assert caps.budget == pytest.approx(budget)
        assert caps.capacity == {"email": None, "call": capacity}

    @pytest.mark.parametrize(
        ("capacity", "share", "large"),
        # each of them is a bit less when divided as floating point does
        [(41, 0.18, 50), (59, 0.41, 100), (29, 0.42, 50)],
    )
    def test_rounding_takes_no_customer_away(self, capacity: int, share: float, large: int):
        assert Caps(None, {"call": capacity}).grossed(share).capacity["call"] == large

    @pytest.mark.parametrize("change", [lambda c: c.grossed(0.5), lambda c: c.of_sample(0.5)])
    def test_no_limit_stays_no_limit(self, change: object):
        assert change(Caps(None, {"email": None})) == Caps(None, {"email": None})

    @pytest.mark.parametrize("change", [lambda c: c.grossed(0.5), lambda c: c.of_sample(0.5)])
    def test_nothing_stays_nothing(self, change: object):
        assert change(Caps(0, {"email": 0})) == Caps(0, {"email": 0})

    def test_a_sample_has_its_part(self):
        caps = Caps(20, {"email": None, "call": 21}).of_sample(0.1)

        assert caps == Caps(2, {"email": None, "call": 2})

    def test_another_budget_leaves_the_channels(self):
        caps = Caps(20, {"call": 21})

        assert caps.with_budget(None) == Caps(None, {"call": 21})
        assert caps.with_budget(0) == Caps(0, {"call": 21})


class TestProblem:
    def test_offers_of_a_channel_share_its_cap(self):
        catalogue = offer_catalogue(one={"channel": "call"}, two={}, three={"channel": "call"})
        caps = Caps(9, {"post": 2, "email": None, "call": 1})
        values = np.zeros((2, 3))

        problem = problem_of(values, np.full((2, 3), np.nan), catalogue, caps)

        assert problem.channel.tolist() == [2, 1, 2]
        assert problem.capacity == (2, None, 1)
        assert problem.budget == 9
        assert problem.cost.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_customers_stand_by_id():
    table = customers_of(segments_of(["b", "10", "a", "9"]))

    assert table.to_pandas()["customer_id"].tolist() == ["10", "9", "a", "b"]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_rows_are_counted(rows: int):
    assert count(segments_of(ids(rows))) == rows


def test_numbers_of_the_values_are_places_of_the_customers():
    table = people({"customer_id": "b"}, {"customer_id": "9"}, {"customer_id": "10"})
    values = price_offers(*table, offer_catalogue(), offer_options()).to_pandas()

    known = customers_of(table[1]).to_pandas()["customer_id"]

    pd.testing.assert_series_equal(
        known.iloc[values["customer_number"]].reset_index(drop=True),
        values["customer_id"],
        check_dtype=False,
    )

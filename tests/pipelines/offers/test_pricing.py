"""What an offer is worth: by hand, as published, and where it begins to pay."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from personal_offers.pipelines.offers.pricing import (
    break_even_save_rate,
    expected_cost,
    expected_net,
)

SHARE = st.floats(0, 1)
MONEY = st.floats(0, 10_000)


def same(value: float) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-6)


# --- by hand ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("risk", "save", "margin", "redeem", "redemption", "contact", "net"),
    [
        # 0.5 * 0.2 * (30 - 5) = 2.5; 0.5 * 0.5 * 5 = 1.25; 2.5 - 1.25 - 1
        pytest.param(0.5, 0.2, 30, 5, 0.5, 1, 0.25, id="pays"),
        # 0.1 * 0.2 * 25 = 0.5; 0.9 * 0.5 * 5 = 2.25
        pytest.param(0.1, 0.2, 30, 5, 0.5, 1, -2.75, id="wasted on those who stay"),
        # 0.8 * 0.1 * (4 - 6) = -0.16; 0.2 * 0.5 * 6 = 0.6
        pytest.param(0.8, 0.1, 4, 6, 0.5, 1, -1.76, id="a saved customer brings a loss"),
        pytest.param(1, 0.2, 30, 5, 0.5, 1, 4, id="nobody would have stayed"),
        pytest.param(0, 0.2, 30, 5, 0.5, 1, -3.5, id="everybody would have stayed"),
        pytest.param(0.5, 0, 30, 0, 0, 2, -2, id="only the contact"),
    ],
)
def test_net_is_what_is_saved_less_what_is_wasted_and_the_contact(
    risk: float,
    save: float,
    margin: float,
    redeem: float,
    redemption: float,
    contact: float,
    net: float,
):
    assert expected_net(risk, save, margin, redeem, redemption, contact) == same(net)


@pytest.mark.parametrize(
    ("risk", "cost"),
    # contact 1 and redemptions of 5: by a fifth of decliners and by half of the others
    [(0, 3.5), (0.5, 2.75), (1, 2)],
)
def test_cost_is_the_contact_and_all_redemptions(risk: float, cost: float):
    assert expected_cost(risk, 0.2, 5, 0.5, 1) == same(cost)


@given(p=SHARE, s=SHARE, m=MONEY, d=MONEY, g=SHARE, c=MONEY)
def test_net_is_the_margin_of_the_saved_less_the_cost(
    p: float, s: float, m: float, d: float, g: float, c: float
):
    assert expected_net(p, s, m, d, g, c) == same(p * s * m - expected_cost(p, s, d, g, c))


# --- as published -------------------------------------------------------------------------------


def neslin_profit(
    n: float, alpha: float, beta: float, gamma: float, v: float, delta: float, c: float
) -> float:
    """Profit of a retention campaign (Neslin and others, 2006), without its fixed cost.

    Of n customers a share alpha is contacted, beta of whom would churn; gamma of these stay for
    the incentive delta and are worth v. All who would have stayed anyway take the incentive.
    """
    return n * alpha * ((gamma * v + delta * (1 - gamma)) * beta - delta - c)


@given(
    n=st.floats(1, 1e6),
    alpha=st.floats(0.01, 1),
    beta=SHARE,
    gamma=SHARE,
    v=MONEY,
    delta=MONEY,
    c=MONEY,
)
def test_net_is_the_campaign_profit_of_neslin_per_contacted_customer(
    n: float, alpha: float, beta: float, gamma: float, v: float, delta: float, c: float
):
    net = expected_net(beta, gamma, v, redeem_cost=delta, redemption=1, contact_cost=c)

    assert net == same(neslin_profit(n, alpha, beta, gamma, v, delta, c) / (n * alpha))


@given(beta=SHARE, gamma=SHARE, v=MONEY, delta=MONEY, c=MONEY, psi=SHARE)
def test_net_is_the_sum_over_the_four_kinds_of_customers(
    beta: float, gamma: float, v: float, delta: float, c: float, psi: float
):
    would_churn = gamma * (v - delta - c) + (1 - gamma) * -c
    would_stay = psi * (-delta - c) + (1 - psi) * -c

    net = expected_net(beta, gamma, v, redeem_cost=delta, redemption=psi, contact_cost=c)

    assert net == same(beta * would_churn + (1 - beta) * would_stay)


def haupt_gain(p1: float, p0: float, v: float, delta: float, c: float) -> float:
    """Gain of targeting under response-dependent costs (Haupt and Lessmann, 2020).

    p1 and p0: probabilities of the response (here: to stay) with and without the contact; delta is
    paid by whoever responds after a contact, c for each contact; v is the value of a response.
    """
    return p1 * (v - delta) - c - p0 * v


@given(p=SHARE, s=SHARE, v=MONEY, delta=MONEY, c=MONEY)
def test_net_is_the_gain_of_haupt_and_lessmann_where_all_who_stay_redeem(
    p: float, s: float, v: float, delta: float, c: float
):
    stay_alone, stay_contacted = 1 - p, 1 - p + p * s

    net = expected_net(p, s, v, redeem_cost=delta, redemption=1, contact_cost=c)

    assert net == same(haupt_gain(stay_contacted, stay_alone, v, delta, c))


@given(p=SHARE, s=SHARE, v=MONEY, delta=MONEY, c=MONEY, g=SHARE)
def test_net_is_that_gain_with_the_cost_of_those_who_redeem(
    p: float, s: float, v: float, delta: float, c: float, g: float
):
    uplift = (1 - p + p * s) - (1 - p)
    redeem = p * s + (1 - p) * g

    net = expected_net(p, s, v, redeem_cost=delta, redemption=g, contact_cost=c)

    assert net == same(uplift * v - redeem * delta - c)


# --- break-even ---------------------------------------------------------------------------------


def test_break_even_by_hand():
    # (1 + 0.5 * 0.5 * 5) / (0.5 * (30 - 5)) = 2.25 / 12.5
    numerator, denominator = break_even_save_rate(0.5, 30, 5, 0.5, 1)

    assert (numerator, denominator) == (same(2.25), same(12.5))


@given(p=st.floats(0.01, 1), m=MONEY, d=MONEY, g=SHARE, c=MONEY)
def test_net_is_nothing_at_the_break_even(p: float, m: float, d: float, g: float, c: float):
    assume(m - d > 0.01)
    numerator, denominator = break_even_save_rate(p, m, d, g, c)

    net = expected_net(p, numerator / denominator, m, d, g, c)

    assert net == pytest.approx(0, abs=1e-9 * max(1, numerator))


@given(
    p=st.floats(0.01, 1), s=SHARE, m=MONEY, d=MONEY, g=SHARE, c=MONEY, more=st.floats(0.001, 0.5)
)
def test_an_offer_pays_above_the_break_even_and_not_below(
    p: float, s: float, m: float, d: float, g: float, c: float, more: float
):
    assume(m - d > 0.01)
    numerator, denominator = break_even_save_rate(p, m, d, g, c)

    assert expected_net(p, numerator / denominator * (1 + more) + more, m, d, g, c) > 0
    assert expected_net(p, numerator / denominator * (1 - more) - more, m, d, g, c) < 0


@given(p=SHARE, s=SHARE, m=MONEY, more=MONEY, g=SHARE, c=MONEY)
def test_no_save_rate_pays_where_the_denominator_is_not_above_zero(
    p: float, s: float, m: float, more: float, g: float, c: float
):
    _, denominator = break_even_save_rate(p, m, m + more, g, c)

    assert denominator <= 0
    assert expected_net(p, s, m, m + more, g, c) <= 0

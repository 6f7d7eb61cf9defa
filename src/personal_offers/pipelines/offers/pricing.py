"""What an offer to a customer is worth: expected net profit, its range, and the break-even.

An offer costs a contact. A would-be decliner stays with the save rate, brings the margin of the
horizon and redeems the offer; whoever would have stayed redeems it with the redemption rate, for
nothing. In the words of the parameters

    expected net = p * s * (M - d) - (1 - p) * g * d - c
    break-even   = (c + (1 - p) * g * d) / (p * (M - d))

with p decline risk, s save rate, M horizon margin, d redemption cost, g redemption by those who
would have stayed, c contact cost. It is what S. A. Neslin and others (2006, "Defection detection",
Journal of Marketing Research 43) and J. Haupt and S. Lessmann (2020, "Targeting customers under
response-dependent costs", arXiv 2003.06271) write per targeted customer (see the tests).
"""

from __future__ import annotations

from typing import Any, TypeVar

Number = TypeVar("Number", bound=Any)


def expected_net(
    risk: Number,
    save_rate: Any,
    margin: Any,
    redeem_cost: Any,
    redemption: Any,
    contact_cost: Any,
) -> Number:
    """Return what sending an offer is expected to bring, in the unit of the money given.

    Args:
        risk: Probability that the customer declines.
        save_rate: Share of would-be decliners whom the offer keeps.
        margin: What a kept customer brings over the horizon, before the redemption.
        redeem_cost: Of one redemption.
        redemption: Share of those who would have stayed that redeem it.
        contact_cost: Of sending it.
    """
    saved = risk * save_rate * (margin - redeem_cost)
    wasted = (1 - risk) * redemption * redeem_cost
    net: Number = saved - wasted - contact_cost
    return net


def expected_cost(
    risk: Number, save_rate: Any, redeem_cost: Any, redemption: Any, contact_cost: Any
) -> Number:
    """Return what sending an offer is expected to cost: the contact and all redemptions.

    Args:
        risk: Probability that the customer declines.
        save_rate: Share of would-be decliners whom the offer keeps.
        redeem_cost: Of one redemption.
        redemption: Share of those who would have stayed that redeem it.
        contact_cost: Of sending it.
    """
    redeemed = risk * save_rate + (1 - risk) * redemption
    cost: Number = redeemed * redeem_cost + contact_cost
    return cost


def break_even_save_rate(
    risk: Any, margin: Any, redeem_cost: Any, redemption: Any, contact_cost: Any
) -> tuple[Any, Any]:
    """Return the save rate from which on an offer pays, as numerator and denominator.

    They are kept apart because engines differ in what a division by zero is. Where the
    denominator is not above zero, no save rate pays.

    Args:
        risk: Probability that the customer declines.
        margin: What a kept customer brings over the horizon, before the redemption.
        redeem_cost: Of one redemption.
        redemption: Share of those who would have stayed that redeem it.
        contact_cost: Of sending it.
    """
    return contact_cost + (1 - risk) * redemption * redeem_cost, risk * (margin - redeem_cost)

"""Random draws inside the engine, the same on every engine and whatever the row order.

Engines differ in their random functions, so a lot is arithmetic on a whole number that belongs to
the row: a multiplicative congruential generator (D. H. Lehmer, 1951) around a power, because alone
it would deal neighbours into different halves three times out of four.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

# A prime and two multipliers of Lehmer generators; products stay within 64 bits.
PRIME = 2_147_483_647
_MULTIPLIERS = (48_271, 16_807)
_DIGITS = 12  # hexadecimal digits of a digest that a share is compared with


def lot_of(number: ir.IntegerValue, seed: int) -> ir.IntegerValue:
    """Draw a lot for each row.

    Args:
        number: A whole number of the row's own, from 0, that no other row has.
        seed: Of the draw.

    Returns:
        From 0 to ``PRIME`` - 1, evenly spread; no two numbers below ``PRIME`` share one.
    """
    first, second = _MULTIPLIERS
    lot = (number.cast("int64") + 1 + seed) % PRIME * first % PRIME
    # The fifth power keeps numbers apart, because 5 does not divide PRIME - 1.
    square = lot * lot % PRIME
    return square * square % PRIME * lot % PRIME * second % PRIME


def is_drawn(number: ir.IntegerValue, seed: int, wanted: int, everyone: int) -> ir.BooleanValue:
    """Say which rows are in a sample of about so many.

    Args:
        number: As in ``lot_of``.
        seed: Of the draw.
        wanted: Size of the sample.
        everyone: Rows that it is drawn from.

    Returns:
        True for about ``wanted`` rows.
    """
    return lot_of(number, seed) < PRIME * wanted // everyone


def is_drawn_by_text(text: ir.StringValue, seed: int, share: float) -> ir.BooleanValue:
    """Say which texts are in a sample, without numbering rows, which would sort them all.

    A text is drawn when its MD5 digest, which spreads evenly, lies in the first part of all
    digests; so the same text is drawn on every engine, alone or among others.

    Args:
        text: Such as the id of a customer.
        seed: Of the draw.
        share: Of the texts that are wanted, from 0 to 1.

    Returns:
        True for about that share of the texts; null where the text is.
    """
    limit = f"{int(share * 16**_DIGITS):0{_DIGITS}x}"
    digest = (text + ibis.literal(f"|{seed}")).hexdigest("md5")
    return (digest < limit) | ibis.literal(share >= 1)

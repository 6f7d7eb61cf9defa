"""Lots: even, seeded, and of the row alone."""

import ibis
import numpy as np
import pandas as pd
import pytest

from personal_offers.lots import PRIME, is_drawn, is_drawn_by_text, lot_of


def lots(size: int, seed: int) -> pd.Series:
    table = ibis.memtable({"number": list(range(size))})
    found: pd.Series = (
        table.order_by("number").select(lot=lot_of(table.number, seed)).to_pandas()["lot"]
    )
    return found


def test_lots_are_even_different_and_follow_the_seed() -> None:
    found = lots(4000, 1)

    assert found.between(0, PRIME - 1).all()
    assert found.is_unique
    assert np.histogram(found, bins=4, range=(0, PRIME))[0].min() > 900
    assert found.equals(lots(4000, 1))
    assert not found.equals(lots(4000, 2))


def test_neighbours_fall_apart() -> None:
    upper = (lots(4000, 3) * 2 >= PRIME).to_numpy()

    assert (upper[1:] == upper[:-1]).mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("wanted", [100, 500, 4000])
def test_about_as_many_are_drawn_as_are_wanted(wanted: int) -> None:
    table = ibis.memtable({"number": list(range(4000))})

    drawn = table.filter(is_drawn(table.number, 1, wanted, 4000)).count().to_pyarrow().as_py()

    assert drawn == pytest.approx(wanted, rel=0.2)


def test_texts_are_drawn_by_what_they_say() -> None:
    names = [f"customer {number}" for number in range(4000)]

    def drawn(texts: list[str], seed: int, share: float) -> set[str]:
        table = ibis.memtable({"name": texts})
        found = table.filter(is_drawn_by_text(table.name, seed, share)).to_pandas()
        return set(found["name"])

    some = drawn(names, 1, 0.25)
    assert 900 < len(some) < 1100
    assert drawn(names[::-1][:2000], 1, 0.25) == some & set(names[2000:])
    assert 150 < len(some & drawn(names, 2, 0.25)) < 350
    assert some < drawn(names, 1, 0.5)
    assert len(drawn(names, 1, 1.0)) == 4000
    assert drawn(names, 1, 0.0) == set()

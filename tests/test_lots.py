"""Lots: even, seeded, and of the row alone."""

import ibis
import numpy as np
import pandas as pd
import pytest

from personal_offers.lots import PRIME, is_drawn, lot_of


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

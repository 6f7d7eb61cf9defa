from datetime import date, datetime

import ibis
import pytest

from personal_offers.pipelines.interests.split import lines_before, split_date

ERA = {"cutoff": "2021-01-20T12:00:00"}


def lines(*rows: tuple[str, str, int]) -> ibis.expr.types.Table:
    """Order lines as (customer, day of January 2021 and hour, quantity)."""
    made = [
        {
            "customer_id": customer,
            "logged_at": datetime.fromisoformat(f"2021-01-{at}:00:00"),
            "quantity": quantity,
            "trusted": True,
        }
        for customer, at, quantity in rows
    ]
    schema = {
        "customer_id": "string",
        "logged_at": "timestamp",
        "quantity": "int64",
        "trusted": "boolean",
    }
    return ibis.memtable(made, schema=schema)


FIVE = (
    ("a", "01T09", 1),
    ("b", "02T09", 1),
    ("c", "03T23", 1),
    ("d", "04T00", 1),
    ("e", "09T10", 1),
)


def test_a_stated_day_is_taken_as_it_is() -> None:
    assert split_date(lines(), ERA, date(2021, 1, 5)) == datetime(2021, 1, 5)


@pytest.mark.parametrize(("share", "day"), [(0.2, 2), (0.6, 4), (0.61, 5), (0.99, 10)])
def test_it_is_the_first_day_before_which_the_share_had_been_seen(share: float, day: int) -> None:
    assert split_date(lines(*FIVE), ERA, None, share) == datetime(2021, 1, day)


def test_returns_and_lines_after_the_cutoff_make_nobody_seen() -> None:
    rows = [("a", "01T09", -1), ("a", "07T09", 2), ("b", "20T13", 1)]
    assert split_date(lines(*rows), ERA, None) == datetime(2021, 1, 8)


def test_where_nobody_bought_it_is_the_cutoff() -> None:
    assert split_date(lines(("a", "01T09", -1)), ERA, None) == datetime(2021, 1, 20, 12)


def test_lines_before_the_split_end_strictly_before_it_and_at_the_cutoff() -> None:
    table = lines(("a", "04T23", 1), ("b", "05T00", 1), ("c", "20T12", 1), ("d", "20T13", 1))
    early = lines_before(table, ERA, datetime(2021, 1, 5)).to_pandas()
    everything = lines_before(table, ERA, datetime(2022, 1, 1)).to_pandas()
    assert set(early["customer_id"]) == {"a"}
    assert set(everything["customer_id"]) == {"a", "b", "c"}

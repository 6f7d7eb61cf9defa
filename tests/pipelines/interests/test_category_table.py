"""The shop's own categories: absent, whole, and broken."""

import pytest

from personal_offers.datasets import RawTable
from personal_offers.datasets.raw_csv import as_text_table
from personal_offers.errors import InputError
from personal_offers.pipelines.interests.category_table import read_category_table

FILE = "shop/product_categories.csv"


def test_no_file_gives_no_rows() -> None:
    found = read_category_table(RawTable(FILE, None))

    assert found.empty
    assert list(found.columns) == ["product_id", "category", "category_ru", "category_en"]


def test_names_fall_back_on_the_category_itself() -> None:
    rows = as_text_table(
        [
            {"category": "tea", "product_id": "A1", "category_ru": "Чай"},
            {"category": "cups", "product_id": "A2", "category_ru": None},
        ]
    )

    found = read_category_table(RawTable(FILE, rows))

    assert found.to_dict("list") == {
        "product_id": ["A1", "A2"],
        "category": ["tea", "cups"],
        "category_ru": ["Чай", "cups"],
        "category_en": ["tea", "cups"],
    }


def test_every_problem_is_named_at_once() -> None:
    rows = as_text_table([{"code": "A1", "kind": "tea"}])

    with pytest.raises(InputError) as error:
        read_category_table(RawTable(FILE, rows, ("2 line(s) do not have the 2 columns",)))

    assert len(error.value.problems) == 3
    assert all(problem.startswith(f"{FILE}: ") for problem in error.value.problems)
    assert "no column product_id" in str(error.value)
    assert "nothing was written" not in str(error.value)

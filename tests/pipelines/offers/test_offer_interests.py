"""What customers are after: from the shop's own column, or from what they bought."""

import ibis
import pandas as pd
import pytest

from personal_offers.pipelines.offers.interests import name_interests, take_main_categories

CATEGORIES = pd.DataFrame(
    {
        "product_id": ["p1", "p2", "p3"],
        "category": ["lamps", "lamps", "rugs"],
        "category_ru": ["Лампы", "Лампы", "Ковры"],
        "category_en": ["Lamps", "Lamps", "Rugs"],
    }
)
KINDS = {"customer_id": "string", "interest": "string", "abstained": "boolean"}


def segments(categories: dict[str, str | None]) -> ibis.Table:
    frame = pd.DataFrame(
        {
            "customer_id": pd.Series(list(categories), dtype="str"),
            "main_category": pd.Series(list(categories.values()), dtype="str"),
        }
    )
    return ibis.memtable(frame, schema={"customer_id": "string", "main_category": "string"})


def rows(table: ibis.Table) -> list[tuple[object, ...]]:
    columns = ["customer_id", "interest_ru", "interest_en", "certain"]
    assert list(table.columns) == columns
    frame = table.to_pandas().astype(object)
    return [tuple(None if pd.isna(v) else v for v in row) for row in frame.to_numpy().tolist()]


class TestMainCategory:
    def test_it_is_the_interest_in_both_languages_and_certain(self):
        found = rows(take_main_categories(segments({"b": "Посуда", "a": None})))

        assert found == [("a", None, None, False), ("b", "Посуда", "Посуда", True)]

    def test_without_customers_there_are_no_interests(self):
        assert rows(take_main_categories(segments({}))) == []


class TestNamedInterests:
    @staticmethod
    def interests(*given: tuple[str, str | None, bool]) -> ibis.Table:
        frame = pd.DataFrame(
            {
                name: pd.Series([row[place] for row in given], dtype=object)
                for place, name in enumerate(KINDS)
            }
        )
        return ibis.memtable(frame, schema=KINDS)

    def test_a_category_is_named_and_certain_unless_abstained(self):
        given = self.interests(("b", "rugs", False), ("a", "lamps", True), ("c", None, True))

        assert rows(name_interests(given, CATEGORIES)) == [
            ("a", "Лампы", "Lamps", False),
            ("b", "Ковры", "Rugs", True),
            ("c", None, None, False),
        ]

    def test_nobody_is_certain_without_a_category(self):
        given = self.interests(("a", None, False))

        assert rows(name_interests(given, CATEGORIES)) == [("a", None, None, False)]

    @pytest.mark.parametrize("interests", [(), (("a", None, True),)])
    def test_without_products_there_are_no_names(
        self, interests: tuple[tuple[str, None, bool], ...]
    ):
        found = rows(name_interests(self.interests(*interests), CATEGORIES.iloc[:0]))

        assert [row[1:] for row in found] == [(None, None, False)] * len(interests)

    def test_tables_that_go_in_are_not_changed(self):
        given, known = self.interests(("a", "lamps", False)), CATEGORIES.copy()

        name_interests(given, CATEGORIES)

        pd.testing.assert_frame_equal(CATEGORIES, known)
        assert given.to_pandas()["interest"].tolist() == ["lamps"]

"""What a cell means, and everything that can be wrong with it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from personal_offers.datasets import RawTable
from personal_offers.datasets.raw_csv import as_text_table
from personal_offers.pipelines.data_processing.params import RawTableSpec
from personal_offers.pipelines.data_processing.parsing import (
    conflicting_keys,
    file_problems,
    orphan_ids,
    parse_table,
    spelled,
)

PEOPLE = RawTableSpec.model_validate(
    {
        "key": ["customer_id"],
        "columns": {
            "customer_id": {"header": "id", "type": "id"},
            "declined": {
                "header": "Активность",
                "type": "flag",
                "required": True,
                "true": ["Снизилась"],
                "false": ["Прежний уровень"],
            },
            "service": {
                "header": "Сервис",
                "type": "category",
                "values": ["стандарт", "премиум"],
                "spelling": {"стандартт": "стандарт"},
            },
            "visits": {"header": "Визиты", "type": "number", "decimals": 0},
        },
    }
)
AMOUNTS = RawTableSpec.model_validate(
    {
        "key": ["customer_id", "period"],
        "money": "revenue",
        "columns": {
            "customer_id": {"header": "id", "type": "id"},
            "period": {
                "header": "Период",
                "type": "category",
                "required": True,
                "values": {"прошлый": "previous_month", "текущий": "current_month"},
                "spelling": {"прошлй": "прошлый"},
            },
            "revenue": {"header": "Выручка", "type": "number", "decimals": 2},
        },
    }
)
WHERE = "shop.data_processing"
Row = dict[str, str | None]


def person(**changed: str | None) -> Row:
    cells: Row = {"id": "1", "Активность": "Снизилась", "Сервис": "стандарт", "Визиты": "3"}
    return cells | changed


def amount(customer: str | None, period: str | None, revenue: str | None) -> Row:
    return {"id": customer, "Период": period, "Выручка": revenue}


def parse(rows: list[Row], spec: RawTableSpec) -> list[dict[str, Any]]:
    table = parse_table(as_text_table(rows), spec)
    return table.order_by("row_number").to_pyarrow().to_pylist()


def problems_of(rows: list[Row], spec: RawTableSpec) -> list[str]:
    raw = {"table": RawTable("table.csv", as_text_table(rows))}
    return file_problems(raw, {"table": spec}, WHERE)


def conflicts_of(rows: list[Row], spec: RawTableSpec) -> list[str]:
    return conflicting_keys("table.csv", parse_table(as_text_table(rows), spec), spec)


# --- parsing ---------------------------------------------------------------------------------


def test_every_column_gets_its_name_and_type() -> None:
    rows = [person(), person(id="007", Активность="Прежний уровень", Сервис="премиум")]

    assert parse(rows, PEOPLE) == [
        {
            "row_number": 1,
            "customer_id": "1",
            "declined": True,
            "service": "стандарт",
            "visits": 3,
            "spelling__service": False,
        },
        {
            "row_number": 2,
            "customer_id": "007",
            "declined": False,
            "service": "премиум",
            "visits": 3,
            "spelling__service": False,
        },
    ]


def test_columns_that_nobody_asked_for_are_left_behind() -> None:
    assert "Город" not in parse([person(Город="Псков")], PEOPLE)[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4,16", "4.16"),
        ("4.16", "4.16"),
        ("5", "5.00"),
        ("+5", "5.00"),
        ("-0,5", "-0.50"),
        ("0", "0.00"),
        ("0.0", "0.00"),
        ("106862.2", "106862.20"),
        ("9999999999999999,99", "9999999999999999.99"),
        ("007", "7.00"),
    ],
)
def test_amounts_are_exact_with_either_decimal_mark(text: str, value: str) -> None:
    assert parse([amount("1", "текущий", text)], AMOUNTS)[0]["revenue"] == Decimal(value)
    assert problems_of([amount("1", "текущий", text)], AMOUNTS) == []


@pytest.mark.parametrize(
    "text",
    ["много", "1e5", "1_000", "1 000", "1,000.5", "1.2.3", ".5", "5.", "NaN", "inf", "0x1", "-"],
)
def test_what_is_not_a_plain_number_is_null_and_reported(text: str) -> None:
    rows = [amount("1", "текущий", text)]

    assert parse(rows, AMOUNTS)[0]["revenue"] is None
    assert problems_of(rows, AMOUNTS) == [
        f"table.csv, column 'Выручка': 1 row(s) are not a number: row 1 {text!r}; "
        "mend them in the file"
    ]


@pytest.mark.parametrize(("text", "value"), [("3", 3), ("3.0", 3), ("3,00", 3), ("-2", -2)])
def test_whole_numbers_may_carry_zeros_behind_the_mark(text: str, value: int) -> None:
    assert parse([person(Визиты=text)], PEOPLE)[0]["visits"] == value
    assert problems_of([person(Визиты=text)], PEOPLE) == []


@pytest.mark.parametrize("text", ["3.7", "3,5", "три", "1e3"])
def test_what_is_not_whole_is_null_and_reported(text: str) -> None:
    assert parse([person(Визиты=text)], PEOPLE)[0]["visits"] is None
    assert problems_of([person(Визиты=text)], PEOPLE) == [
        f"table.csv, column 'Визиты': 1 row(s) are not a whole number: row 1 {text!r}; "
        "mend them in the file"
    ]


def test_a_number_too_long_to_be_exact_is_reported() -> None:
    rows = [amount("1", "текущий", "12345678901234567,5"), amount("2", "текущий", "1")]

    assert problems_of(rows, AMOUNTS) == [
        "table.csv, column 'Выручка': 1 row(s) have too many digits: "
        "row 1 '12345678901234567,5'; mend them in the file"
    ]


def test_misspelt_texts_are_mended_and_marked() -> None:
    rows = [amount("1", "прошлй", "1"), amount("1", "текущий", "2"), amount("2", None, "3")]

    parsed = parse(rows, AMOUNTS)

    assert [row["period"] for row in parsed] == ["previous_month", "current_month", None]
    assert [row[spelled("period")] for row in parsed] == [True, False, False]


def test_empty_cells_are_missing_values() -> None:
    parsed = parse([person(Сервис=None, Визиты=None)], PEOPLE)[0]

    assert (parsed["service"], parsed["visits"], parsed["spelling__service"]) == (None, None, False)
    assert problems_of([person(Сервис=None, Визиты=None)], PEOPLE) == []


# --- problems of files, columns and cells ----------------------------------------------------


def test_a_good_file_has_no_problems() -> None:
    assert problems_of([person(), person(id="2", Сервис="стандартт")], PEOPLE) == []


def test_an_unreadable_file_is_told_with_its_name() -> None:
    raw = {"table": RawTable("table.csv", None, ("the file is empty", "the moon is full"))}

    assert file_problems(raw, {"table": PEOPLE}, WHERE) == [
        "table.csv: the file is empty",
        "table.csv: the moon is full",
    ]


def test_all_missing_columns_are_told_with_what_is_there() -> None:
    problems = problems_of([{"id": "1", "Сервис": "стандарт", "Visits": "3"}], PEOPLE)

    assert problems == [
        "table.csv: no column 'Активность', 'Визиты'; the file has 'id', 'Сервис', 'Visits'. "
        "Rename it in the file or set its header in shop.data_processing.tables.table.columns"
    ]


def test_columns_that_are_there_are_checked_though_another_is_missing() -> None:
    problems = problems_of([{"id": "1", "Выручка": "много"}], AMOUNTS)

    assert len(problems) == 2
    assert "no column 'Период'" in problems[0]
    assert "1 row(s) are not a number: row 1 'много'" in problems[1]


def test_up_to_five_examples_stand_for_all_bad_rows() -> None:
    rows = [amount(str(n), "текущий", "1" if n == 2 else f"x{n}") for n in range(1, 8)]

    assert problems_of(rows, AMOUNTS) == [
        "table.csv, column 'Выручка': 6 row(s) are not a number: row 1 'x1', row 3 'x3', "
        "row 4 'x4', row 5 'x5', row 6 'x6', …; mend them in the file"
    ]


def test_exactly_five_bad_rows_are_all_shown() -> None:
    rows = [amount(str(n), "текущий", "x") for n in range(1, 6)]

    assert problems_of(rows, AMOUNTS) == [
        "table.csv, column 'Выручка': 5 row(s) are not a number: row 1 'x', row 2 'x', "
        "row 3 'x', row 4 'x', row 5 'x'; mend them in the file"
    ]


def test_required_cells_may_not_be_empty() -> None:
    rows = [person(), person(id=None), person(id="3", Активность=None)]

    assert problems_of(rows, PEOPLE) == [
        "table.csv, column 'id': 1 row(s) are empty: row 2; fill them in the file",
        "table.csv, column 'Активность': 1 row(s) are empty: row 3; fill them in the file",
    ]


def test_unknown_category_is_told_with_the_known_ones_and_the_parameter() -> None:
    rows = [person(), person(id="2", Сервис="люкс"), person(id="3", Сервис="Стандарт")]

    assert problems_of(rows, PEOPLE) == [
        "table.csv, column 'Сервис': 2 row(s) hold an unknown value "
        "(known: 'стандарт', 'премиум', 'стандартт'): row 2 'люкс', row 3 'Стандарт'; mend the "
        "file or edit shop.data_processing.tables.table.columns.service.values or .spelling"
    ]


def test_label_outside_the_two_is_told_with_the_two_and_the_parameter() -> None:
    assert problems_of([person(Активность="Выросла")], PEOPLE) == [
        "table.csv, column 'Активность': 1 row(s) hold an unknown value "
        "(known: 'Снизилась', 'Прежний уровень'): row 1 'Выросла'; mend the file or edit "
        "shop.data_processing.tables.table.columns.declined.true or .false"
    ]


def test_problems_of_several_files_come_in_the_order_of_the_tables() -> None:
    raw = {
        "amounts": RawTable("amounts.csv", as_text_table([amount("1", "вчера", "x")])),
        "people": RawTable("people.csv", as_text_table([person(Визиты="x")])),
    }

    problems = file_problems(raw, {"people": PEOPLE, "amounts": AMOUNTS}, WHERE)

    assert [text.split(":")[0] for text in problems] == [
        "people.csv, column 'Визиты'",
        "amounts.csv, column 'Период'",
        "amounts.csv, column 'Выручка'",
    ]


# --- keys ------------------------------------------------------------------------------------


def test_one_row_per_key_is_no_conflict() -> None:
    rows = [amount("1", "прошлый", "1"), amount("1", "текущий", "1"), amount("2", "текущий", "1")]

    assert conflicts_of(rows, AMOUNTS) == []


def test_copies_of_a_row_are_no_conflict() -> None:
    rows = [amount("1", "прошлый", "1"), amount("1", "прошлый", "1")]

    assert conflicts_of(rows, AMOUNTS) == []


def test_copies_in_other_spelling_and_form_are_no_conflict() -> None:
    rows = [amount("1", "прошлый", "1,50"), amount("1", "прошлй", "1.5")]

    assert conflicts_of(rows, AMOUNTS) == []


def test_a_key_with_two_values_is_a_conflict_with_its_rows() -> None:
    rows = [person(), person(id="2"), person(Визиты="4"), person(id="2", Визиты=None)]

    assert conflicts_of(rows, PEOPLE) == [
        "table.csv, key 'id': 2 id(s) stand in several rows with different values: "
        "1 (rows 1, 3), 2 (rows 2, 4); keep one row of each in the file"
    ]


def test_a_key_of_two_columns_is_told_with_both() -> None:
    rows = [amount("1", "прошлый", "1"), amount("1", "текущий", "1"), amount("1", "прошлй", "2")]

    assert conflicts_of(rows, AMOUNTS) == [
        "table.csv, key 'id', 'Период': 1 id(s) stand in several rows with different values: "
        "1 previous_month (rows 1, 3); keep one row of each in the file"
    ]


def test_up_to_five_conflicts_are_shown() -> None:
    rows = [person(id=str(n), Визиты=visits) for n in range(1, 8) for visits in ("1", "2")]

    (problem,) = conflicts_of(rows, PEOPLE)

    assert problem.startswith("table.csv, key 'id': 7 id(s) stand in several rows")
    assert "5 (rows 9, 10), …; keep" in problem
    assert "6 (rows" not in problem


def test_empty_ids_are_no_key() -> None:
    # Given two rows without an id: that they are empty is reported, and they conflict with nobody
    assert conflicts_of([person(id=None), person(id=None, Визиты="4")], PEOPLE) == []


def test_unknown_periods_are_no_key() -> None:
    # Given two different unknown months of one customer: each is reported as unknown
    rows = [amount("1", "вчера", "1"), amount("1", "завтра", "2")]

    assert conflicts_of(rows, AMOUNTS) == []


# --- ids that are not everywhere -------------------------------------------------------------


def orphans_of(*ids_of_files: list[str | None]) -> list[str]:
    names = ["a", "b", "c"][: len(ids_of_files)]
    tables = {
        name: parse_table(as_text_table([person(id=i) for i in ids]), PEOPLE)
        for name, ids in zip(names, ids_of_files, strict=True)
    }
    return orphan_ids({name: f"{name}.csv" for name in names}, tables, f"{WHERE}.orphan_ids")


def test_the_same_ids_in_any_order_are_no_orphans() -> None:
    assert orphans_of(["1", "2"], ["2", "1"], ["1", "2", "2", "1"]) == []


def test_an_id_that_one_file_lacks_is_told_with_where_it_stands() -> None:
    assert orphans_of(["1", "2"], ["2"]) == [
        "b.csv: 1 id(s) of the other files are not here: 1 (a.csv row 1); export the files again "
        "for the same customers, or set shop.data_processing.orphan_ids to quarantine"
    ]


def test_each_file_is_told_what_it_lacks() -> None:
    problems = orphans_of(["1", "2"], ["2", "3"], ["2", "1"])

    assert [text.split("; export")[0] for text in problems] == [
        "a.csv: 1 id(s) of the other files are not here: 3 (b.csv row 2)",
        "b.csv: 1 id(s) of the other files are not here: 1 (a.csv row 1)",
        "c.csv: 1 id(s) of the other files are not here: 3 (b.csv row 2)",
    ]


def test_up_to_five_orphans_are_shown() -> None:
    (problem,) = orphans_of([str(n) for n in range(1, 9)], ["8"])

    assert problem.startswith("b.csv: 7 id(s) of the other files are not here: 1 (a.csv row 1), ")
    assert "5 (a.csv row 5), …; export" in problem


def test_an_empty_id_is_no_orphan() -> None:
    assert orphans_of(["1", None], ["1"]) == []

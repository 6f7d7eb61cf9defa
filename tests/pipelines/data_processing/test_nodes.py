"""Steps of the intake on hand-made tables of a shop with two files."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from personal_offers.datasets import RawTable
from personal_offers.datasets.raw_csv import as_text_table
from personal_offers.errors import InputError
from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.data_processing.nodes import (
    build_customers,
    check_raw_tables,
    collect_quarantine,
    compile_ledger,
    mark_rows,
    rules_for,
    take_file_order,
    take_labels,
)
from personal_offers.pipelines.data_processing.params import IntakeOptions
from personal_offers.pipelines.data_processing.parsing import parse_table
from personal_offers.pipelines.data_processing.schemas import Customers, Labels, Quarantine

Row = dict[str, str | None]
Tables = dict[str, ir.Table]

OPTIONS = IntakeOptions.model_validate(
    {
        "tables": {
            "people": {
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
                    "visits": {
                        "header": "Визиты",
                        "type": "number",
                        "decimals": 0,
                        "min": 0,
                        "max": 100,
                    },
                    "profit": {
                        "header": "Прибыль",
                        "type": "number",
                        "decimals": 2,
                        "required": True,
                    },
                },
            },
            "amounts": {
                "key": ["customer_id", "period"],
                "money": "revenue",
                "columns": {
                    "customer_id": {"header": "id", "type": "id"},
                    "period": {
                        "header": "Период",
                        "type": "category",
                        "required": True,
                        "values": {"прошлый": "previous", "текущий": "current"},
                        "spelling": {"прошлй": "прошлый"},
                    },
                    "revenue": {
                        "header": "Выручка",
                        "type": "number",
                        "decimals": 2,
                        "min": 0,
                    },
                },
            },
        },
        "outlier": {"table": "amounts", "column": "revenue", "ratio": 10},
        "regular": {"table": "amounts", "column": "revenue"},
        "orphan_ids": "quarantine",
        "label": ["people", "declined"],
        "profit": ["people", "profit"],
        "alert_share": 0.01,
    }
)
STRICT = OPTIONS.model_copy(update={"orphan_ids": "error"})


def _feature(kind: str, **compute: str) -> dict[str, Any]:
    types = {"declined": "flag", "service": "category"}
    return {
        "group": "purchase_behaviour",
        "type": types.get(compute.get("column", ""), "number"),
        "compute": {"kind": kind} | compute,
        "window": "last month",
        "actionable": False,
        "definition": {"ru": "Признак", "en": "Feature"},
    }


REGISTRY = FeatureRegistry.model_validate(
    {
        "features": {
            "service": _feature("column", table="people", column="service"),
            "visits": _feature("column", table="people", column="visits"),
            "before": _feature("at_period", table="amounts", column="revenue", period="previous"),
            "now": _feature("at_period", table="amounts", column="revenue", period="current"),
            "change": _feature("relative_change", from_feature="before", to_feature="now"),
            "step": _feature("difference", from_feature="before", to_feature="now"),
            "per_visit": _feature("relative_change", from_feature="visits", to_feature="now"),
        }
    }
)


def person(customer: str, **changed: str | None) -> Row:
    cells: Row = {
        "id": customer,
        "Активность": "Прежний уровень",
        "Сервис": "стандарт",
        "Визиты": "3",
        "Прибыль": "4,5",
    }
    return cells | changed


def months(customer: str, before: str | None, now: str | None) -> list[Row]:
    return [
        {"id": customer, "Период": "прошлый", "Выручка": before},
        {"id": customer, "Период": "текущий", "Выручка": now},
    ]


def raw_tables(people: list[Row], amounts: list[Row]) -> dict[str, RawTable]:
    return {
        "people": RawTable("people.csv", as_text_table(people)),
        "amounts": RawTable("amounts.csv", as_text_table(amounts)),
    }


def everyone_of(amounts: list[Row]) -> list[Row]:
    """One person for each id among the amounts."""
    return [person(str(customer)) for customer in dict.fromkeys(row["id"] for row in amounts)]


def marked_of(raw: dict[str, RawTable]) -> Tables:
    """Mark the rows and store them, as the catalog does between the nodes."""
    marked = mark_rows(OPTIONS, **check_raw_tables(OPTIONS, **raw))
    return {name: ibis.memtable(table.to_pyarrow()) for name, table in marked.items()}


def listed(table: ir.Table) -> list[dict[str, Any]]:
    return table.order_by("row_number").to_pyarrow().to_pylist()


def ledger_line(marked: Tables, source: str, rule: str) -> dict[str, Any]:
    ledger = compile_ledger(OPTIONS, **marked)
    (line,) = ledger[(ledger["source"] == source) & (ledger["rule"] == rule)].to_dict("records")
    return line


def quarantine_of(raw: dict[str, RawTable], marked: Tables) -> list[dict[str, Any]]:
    both: dict[str, Any] = {f"raw__{name}": table for name, table in raw.items()}
    both |= {f"marked__{name}": table for name, table in marked.items()}
    return collect_quarantine(OPTIONS, **both).to_pyarrow().to_pylist()


def places(quarantine: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    return [(row["source"], row["row_number"], row["rule"]) for row in quarantine]


# --- checking --------------------------------------------------------------------------------


def test_good_tables_get_their_types() -> None:
    raw = raw_tables([person("1")], months("1", "10", "20,5"))

    parsed = check_raw_tables(STRICT, **raw)

    assert list(parsed) == ["people", "amounts"]
    assert [row["revenue"] for row in listed(parsed["amounts"])] == [
        Decimal("10.00"),
        Decimal("20.50"),
    ]


def test_all_problems_of_all_files_come_at_once() -> None:
    # Given a wrong label, an unknown month, text in a number, a conflict and two orphans
    people = [person("1", Активность="?"), person("2"), person("2", Визиты="9"), person("4")]
    amounts = [*months("1", "x", "1"), *months("2", "1", "1"), *months("3", "1", "1")]
    amounts[1] |= {"Период": "завтра"}

    with pytest.raises(InputError) as refused:
        check_raw_tables(STRICT, **raw_tables(people, amounts))

    assert [text.split(": ")[0] for text in refused.value.problems] == [
        "people.csv, column 'Активность'",
        "amounts.csv, column 'Период'",
        "amounts.csv, column 'Выручка'",
        "people.csv, key 'id'",
        "people.csv",
        "amounts.csv",
    ]
    text = str(refused.value)
    assert text.startswith("The input has 6 problems; nothing was written.\n  1. people.csv")
    assert "\n  6. amounts.csv: 1 id(s) of the other files are not here: 4 (people.csv" in text


def test_one_problem_is_told_in_the_singular() -> None:
    with pytest.raises(InputError, match=r"^The input has 1 problem; nothing was written\.\n"):
        check_raw_tables(STRICT, **raw_tables([person("1", Визиты="x")], months("1", "1", "1")))


def test_a_number_too_long_to_be_exact_is_a_problem_and_no_crash() -> None:
    raw = raw_tables([person("1")], months("1", "12345678901234567", "1"))

    with pytest.raises(InputError, match=r"column 'Выручка': 1 row\(s\) have too many digits"):
        check_raw_tables(STRICT, **raw)


def test_an_unreadable_file_does_not_hide_problems_of_another() -> None:
    raw = raw_tables([person("1", Визиты="x")], months("1", "1", "1"))
    raw["amounts"] = RawTable("amounts.csv", None, ("the file is missing",))

    with pytest.raises(InputError) as refused:
        check_raw_tables(STRICT, **raw)

    assert refused.value.problems == (
        "people.csv, column 'Визиты': 1 row(s) are not a whole number: row 1 'x'; "
        "mend them in the file",
        "amounts.csv: the file is missing",
    )


def test_orphans_are_no_problem_when_they_go_to_quarantine() -> None:
    raw = raw_tables([person("1"), person("2")], months("1", "1", "1"))

    with pytest.raises(InputError, match="1 id"):
        check_raw_tables(STRICT, **raw)
    assert list(check_raw_tables(OPTIONS, **raw)) == ["people", "amounts"]


# --- marking ---------------------------------------------------------------------------------


def test_rules_come_in_the_order_of_the_ledger() -> None:
    names = {
        name: [(rule.name, rule.action) for rule in rules_for(name, OPTIONS)]
        for name in OPTIONS.tables
    }

    assert names == {
        "people": [
            ("spelling_service", "repaired"),
            ("exact_duplicate", "removed"),
            ("orphan_customer", "removed"),
            ("missing_value", "flagged"),
            ("impossible_visits", "repaired"),
            ("not_regular", "removed"),
        ],
        "amounts": [
            ("spelling_period", "repaired"),
            ("exact_duplicate", "removed"),
            ("orphan_customer", "removed"),
            ("missing_value", "flagged"),
            ("missing_period", "flagged"),
            ("impossible_revenue", "repaired"),
            ("outlier_revenue", "repaired"),
            ("not_regular", "removed"),
        ],
    }


def test_clean_rows_are_hit_by_no_rule() -> None:
    raw = raw_tables([person("1"), person("2")], [*months("1", "1", "2"), *months("2", "3", "4")])

    marked = marked_of(raw)

    ledger = compile_ledger(OPTIONS, **marked)
    assert (ledger["rows_hit"] == 0).all()
    assert quarantine_of(raw, marked) == []


def test_misspelt_texts_are_repaired_and_counted() -> None:
    people = [person("1", Сервис="стандартт"), person("2")]
    amounts = [*months("1", "1", "2"), *months("2", "3", "4")]
    for row in (amounts[0], amounts[2]):
        row |= {"Период": "прошлй"}

    marked = marked_of(raw_tables(people, amounts))

    assert [row["service"] for row in listed(marked["people"])] == ["стандарт", "стандарт"]
    assert [row["period"] for row in listed(marked["amounts"])] == ["previous", "current"] * 2
    line = ledger_line(marked, "people", "spelling_service")
    assert (line["action"], line["rows_hit"], line["rows_after"]) == ("repaired", 1, 2)
    line = ledger_line(marked, "amounts", "spelling_period")
    assert (line["rows_hit"], line["customers_hit"], line["rows_after"]) == (2, 2, 4)


def test_the_first_of_exact_copies_stays() -> None:
    amounts = [*months("1", "1", "2"), *months("1", "1", "2"), *months("1", "1,00", "2")]
    raw = raw_tables([person("1"), person("1")], amounts)

    marked = marked_of(raw)

    assert places(quarantine_of(raw, marked)) == [
        ("amounts", 3, "exact_duplicate"),
        ("amounts", 4, "exact_duplicate"),
        ("amounts", 5, "exact_duplicate"),
        ("amounts", 6, "exact_duplicate"),
        ("people", 2, "exact_duplicate"),
    ]
    line = ledger_line(marked, "amounts", "exact_duplicate")
    assert (line["rows_before"], line["rows_after"]) == (6, 2)
    assert (line["customers_before"], line["customers_after"]) == (1, 1)
    assert (line["revenue_before"], line["revenue_after"]) == ("9.00", "3.00")


def test_orphans_go_to_quarantine_from_every_file() -> None:
    people = [person("1"), person("2")]
    amounts = [*months("2", "5", "6"), *months("3", "7", "8")]
    raw = raw_tables(people, amounts)

    marked = marked_of(raw)

    assert places(quarantine_of(raw, marked)) == [
        ("amounts", 3, "orphan_customer"),
        ("amounts", 4, "orphan_customer"),
        ("people", 1, "orphan_customer"),
    ]
    line = ledger_line(marked, "amounts", "orphan_customer")
    assert (line["customers_before"], line["customers_after"]) == (2, 1)
    assert (line["revenue_before"], line["revenue_after"]) == ("26.00", "11.00")


def test_impossible_values_are_set_missing_and_their_rows_stay() -> None:
    people = [person("1", Визиты="-1"), person("2", Визиты="101"), person("3", Визиты="100")]
    amounts = [*months("1", "-5", "2"), *months("2", "3", "4"), *months("3", "5", "6")]

    marked = marked_of(raw_tables(people, amounts))

    assert [row["visits"] for row in listed(marked["people"])] == [None, None, 100]
    assert ledger_line(marked, "people", "impossible_visits")["rows_hit"] == 2
    assert listed(marked["amounts"])[0]["revenue"] is None
    line = ledger_line(marked, "amounts", "impossible_revenue")
    assert (line["rows_before"], line["rows_after"], line["rows_hit"]) == (6, 6, 1)
    assert (line["revenue_before"], line["revenue_after"]) == ("15.00", "20.00")


# --- the outlier -----------------------------------------------------------------------------


def slips(*amounts: list[Row]) -> list[tuple[str, str]]:
    """Customer and period of the amounts that the outlier rule hits."""
    rows = [row for rows in amounts for row in rows]
    marked = marked_of(raw_tables(everyone_of(rows), rows))
    hit = [row for row in listed(marked["amounts"]) if row["hit__outlier_revenue"]]
    assert [row["revenue"] for row in hit] == [None] * len(hit)
    return [(row["customer_id"], row["period"]) for row in hit]


def test_a_slip_is_set_missing_and_its_row_stays() -> None:
    amounts = [*months("1", "5000", "106862,2"), *months("2", "4000", "7799,4")]
    raw = raw_tables(everyone_of(amounts), amounts)

    marked = marked_of(raw)

    assert [row["revenue"] for row in listed(marked["amounts"])] == [
        Decimal("5000.00"),
        None,
        Decimal("4000.00"),
        Decimal("7799.40"),
    ]
    line = ledger_line(marked, "amounts", "outlier_revenue")
    assert (line["action"], line["rows_hit"], line["customers_hit"]) == ("repaired", 1, 1)
    assert (line["revenue_before"], line["revenue_after"]) == ("123661.60", "16799.40")
    assert quarantine_of(raw, marked) == []


@pytest.mark.parametrize(
    ("slip", "hit"),
    [("49999,99", []), ("50000", [("1", "current")]), ("50000,01", [("1", "current")])],
)
def test_a_slip_begins_at_the_ratio(slip: str, hit: list[tuple[str, str]]) -> None:
    assert slips(months("1", "5000", slip), months("2", "4000", "5000")) == hit


def test_ten_times_the_own_month_alone_is_no_slip() -> None:
    # Given a customer who bought 20 times as much as before, as others do every month
    assert slips(months("1", "100", "2000"), months("2", "1500", "1800")) == []


def test_ten_times_the_shop_alone_is_no_slip() -> None:
    # Given a wholesaler with large amounts in every month
    assert slips(months("1", "90000", "100000"), months("2", "400", "500")) == []


def test_two_slips_do_not_hide_each_other() -> None:
    assert slips(
        months("1", "5000", "106862"), months("2", "98000", "4000"), months("3", "6000", "7000")
    ) == [("1", "current"), ("2", "previous")]


def test_two_equal_slips_do_not_hide_each_other() -> None:
    assert slips(
        months("1", "5000", "106862"), months("2", "5000", "106862"), months("3", "6000", "7000")
    ) == [("1", "current"), ("2", "current")]


def test_a_slip_does_not_hide_behind_its_own_copy() -> None:
    amounts = [*months("1", "5000", "106862"), *months("2", "6000", "7000")]
    amounts.append(dict(amounts[1]))
    raw = raw_tables(everyone_of(amounts), amounts)

    marked = marked_of(raw)

    assert [row["revenue"] for row in listed(marked["amounts"])][1] is None
    copies = ledger_line(marked, "amounts", "exact_duplicate")
    assert (copies["revenue_before"], copies["revenue_after"]) == ("231724.00", "124862.00")
    slip = ledger_line(marked, "amounts", "outlier_revenue")
    assert (slip["rows_hit"], slip["revenue_after"]) == (1, "18000.00")
    assert places(quarantine_of(raw, marked)) == [("amounts", 5, "exact_duplicate")]


def test_a_missing_month_is_nothing_to_compare_a_slip_with() -> None:
    assert slips(months("1", None, "106862"), months("2", "6000", "7000")) == [("1", "current")]
    assert slips(months("1", None, "7500"), months("2", "6000", "7000")) == []


def test_a_shop_of_one_customer_has_no_slip() -> None:
    assert slips(months("1", None, "106862")) == []


def test_usual_amounts_without_another_month_are_no_slips() -> None:
    # Given customers with one positive amount each: 40 is not ten times the shop's next value, 30
    first_months = [months(customer, None, now)[1] for customer, now in (("1", "30"), ("2", "40"))]

    assert slips(first_months, months("3", "0", "20")) == []


def test_impossible_amounts_are_nothing_to_compare_a_slip_with() -> None:
    assert slips(months("1", "-1", "10"), months("2", "-1", "9")) == []


# --- who is regular --------------------------------------------------------------------------


def test_a_recorded_zero_is_not_regular_and_a_missing_month_is() -> None:
    # Given a zero, an empty cell, no row at all, and an impossible amount in some month
    amounts = [
        *months("zero", "0,00", "10"),
        *months("empty", None, "20"),
        months("absent", None, "30")[1],
        *months("negative", "-1", "40"),
        *months("usual", "50", "50"),
    ]
    raw = raw_tables(everyone_of(amounts), amounts)

    marked = marked_of(raw)

    assert places(quarantine_of(raw, marked)) == [
        ("amounts", 1, "not_regular"),
        ("amounts", 2, "not_regular"),
        ("people", 1, "not_regular"),
    ]
    line = ledger_line(marked, "amounts", "not_regular")
    assert (line["rows_before"], line["rows_after"]) == (9, 7)
    assert (line["customers_before"], line["customers_after"]) == (5, 4)
    assert (line["revenue_before"], line["revenue_after"]) == ("200.00", "190.00")


def test_a_row_is_removed_by_the_first_rule_that_hits_it() -> None:
    # Given an orphan who also has a recorded zero, written twice
    amounts = [*months("1", "5", "6"), *months("2", "0", "7"), months("2", "0", "7")[0]]
    raw = raw_tables([person("1")], amounts)

    assert places(quarantine_of(raw, marked_of(raw))) == [
        ("amounts", 3, "orphan_customer"),
        ("amounts", 4, "orphan_customer"),
        ("amounts", 5, "exact_duplicate"),
    ]


# --- ledger and quarantine -------------------------------------------------------------------


def test_ledger_writes_money_to_the_cent_and_leaves_it_empty_elsewhere() -> None:
    marked = marked_of(raw_tables([person("1")], months("1", "0,1", "0,2")))

    ledger = compile_ledger(OPTIONS, **marked)

    assert list(ledger["source"]) == ["people"] * 6 + ["amounts"] * 8
    of_people = ledger[ledger["source"] == "people"]
    of_amounts = ledger[ledger["source"] == "amounts"]
    assert of_people["revenue_before"].isna().all()
    assert list(of_amounts["revenue_before"]) == ["0.30"] * 8
    assert list(of_amounts["revenue_after"]) == ["0.30"] * 8


def test_empty_cells_and_absent_months_are_flagged_and_nothing_more() -> None:
    raw = raw_tables(
        [person("1"), person("2")], [*months("1", "5", "6"), *months("2", None, "7")[:1]]
    )

    marked = marked_of(raw)

    ledger = compile_ledger(OPTIONS, **marked).set_index(["source", "rule"])
    flags = ledger.loc["amounts"].loc[["missing_value", "missing_period"]]
    assert list(flags["rows_flagged"]) == [1, 1]
    assert list(flags["customers_flagged"]) == [1, 1]
    assert list(flags["revenue_flagged"]) == ["0.00", "0.00"]
    assert list(flags["rows_after"]) == list(flags["rows_before"])


def test_quarantine_keeps_the_rows_as_they_stood_in_the_file() -> None:
    raw = raw_tables(
        [person("1", Сервис="стандартт", Город="Псков"), person("2")],
        [*months("1", "0,0", "2,50"), *months("2", "1", "1")],
    )

    quarantine = quarantine_of(raw, marked_of(raw))

    Quarantine.validate(ibis.memtable(quarantine), lazy=True)
    assert [json.loads(row["raw"]) for row in quarantine] == [
        {"id": "1", "Период": "прошлый", "Выручка": "0,0"},
        {"id": "1", "Период": "текущий", "Выручка": "2,50"},
        person("1", Сервис="стандартт", Город="Псков"),
    ]


def test_files_without_a_regular_customer_are_refused() -> None:
    raw = raw_tables([person("1"), person("2")], [*months("1", "0", "5"), *months("2", "6", "0")])

    with pytest.raises(InputError, match="no regular customer would be left: 2 have a recorded"):
        check_raw_tables(OPTIONS, **raw)


@pytest.mark.parametrize("text", ["5,790", "1.000", "-12,345"])
def test_an_amount_that_may_mean_thousands_is_refused(text: str) -> None:
    raw = raw_tables([person("1")], months("1", text, "5"))

    with pytest.raises(InputError, match="1 row\\(s\\) may mean thousands or decimals: row 1"):
        check_raw_tables(OPTIONS, **raw)


TEXTS = st.sampled_from(["100", "0", "-5,5", None, "12,34", "99999,99", "1000.10", "150"])
MONTHS = st.dictionaries(
    st.tuples(st.sampled_from("1234"), st.sampled_from(["прошлый", "прошлй", "текущий"])),
    st.tuples(TEXTS, st.integers(1, 3)),
    min_size=1,
    max_size=7,
)
PEOPLE = st.dictionaries(
    st.sampled_from("12345"),
    st.tuples(st.sampled_from(["3", "-1", "200", None]), st.integers(1, 2)),
    min_size=1,
)


@given(amounts=MONTHS, people=PEOPLE)
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes: every step is a query
)
def test_ledger_balances_for_any_input(
    amounts: dict[tuple[str, str], tuple[str | None, int]],
    people: dict[str, tuple[str | None, int]],
) -> None:
    # Given copies, orphans, slips, zeros and impossible values in any mixture
    rows = {
        "people": [person(c, Визиты=v) for c, (v, copies) in people.items() for _ in range(copies)],
        "amounts": [
            {"id": customer, "Период": period, "Выручка": text}
            for (customer, period), (text, copies) in amounts.items()
            for _ in range(copies)
        ],
    }
    raw = raw_tables(rows["people"], rows["amounts"])
    raw_sum = sum(Decimal((r["Выручка"] or "0").replace(",", ".")) for r in rows["amounts"])
    # The check would refuse a month in two spellings with two amounts; rules balance even then.
    parsed = {
        name: parse_table(as_text_table(table), OPTIONS.tables[name])
        for name, table in rows.items()
    }

    # When
    marked = {
        name: ibis.memtable(table.to_pyarrow())
        for name, table in mark_rows(OPTIONS, **parsed).items()
    }
    ledger = compile_ledger(OPTIONS, **marked).fillna({"revenue_before": "", "revenue_after": ""})
    quarantine = quarantine_of(raw, marked)

    # Then
    for source, came_in in rows.items():
        lines = ledger[ledger["source"] == source].to_dict("records")
        before = {
            "rows": len(came_in),
            "customers": len({row["id"] for row in came_in}),
            "revenue": f"{raw_sum:.2f}" if source == "amounts" else "",
        }
        for line in lines:
            assert {what: line[f"{what}_before"] for what in before} == before
            before = {what: line[f"{what}_after"] for what in before}
            out = [q for q in quarantine if (q["source"], q["rule"]) == (source, line["rule"])]
            assert line["rows_before"] == line["rows_after"] + len(out)
        stayed = [row for row in listed(marked[source]) if row["removed_by"] is None]
        assert before["rows"] == len(stayed)
        assert before["customers"] == len({row["customer_id"] for row in stayed})
        if source == "amounts":
            assert before["revenue"] == f"{_sum(stayed):.2f}"
            _assert_no_cent_is_lost(listed(parsed[source]), listed(marked[source]), raw_sum)


def _assert_no_cent_is_lost(
    parsed: list[dict[str, Any]], marked: list[dict[str, Any]], raw_sum: Decimal | int
) -> None:
    """In = kept + quarantined + set missing."""
    missing = [was for was, now in zip(parsed, marked, strict=True) if now["revenue"] is None]
    assert _sum(marked) + _sum(missing) == raw_sum


def _sum(rows: list[dict[str, Any]]) -> Decimal:
    return sum((row["revenue"] or Decimal(0) for row in rows), start=Decimal(0))


# --- customers and labels --------------------------------------------------------------------


def test_customers_hold_the_features_of_the_registry() -> None:
    people = [person("2", Сервис="премиум", Визиты="4", Прибыль="-0,5"), person("1")]
    amounts = [*months("2", "100", "150"), *months("1", "200", "50")]

    customers = build_customers(REGISTRY, OPTIONS, **marked_of(raw_tables(people, amounts)))

    Customers.validate(customers, lazy=True)
    assert customers.to_pyarrow().to_pylist() == [
        {
            "customer_id": "1",
            "service": "стандарт",
            "visits": 3.0,
            "before": 200.0,
            "now": 50.0,
            "change": -0.75,
            "step": -150.0,
            "per_visit": (50.0 - 3.0) / 3.0,
            "profit": 4.5,
            "revenue_repaired": False,
            "regular": True,
        },
        {
            "customer_id": "2",
            "service": "премиум",
            "visits": 4.0,
            "before": 100.0,
            "now": 150.0,
            "change": 0.5,
            "step": 50.0,
            "per_visit": (150.0 - 4.0) / 4.0,
            "profit": -0.5,
            "revenue_repaired": False,
            "regular": True,
        },
    ]


@pytest.mark.parametrize(
    ("visits", "before", "now", "change", "step", "per_visit"),
    [
        pytest.param("0", "50", "50", 0.0, 0.0, None, id="zero base"),
        pytest.param(None, "50", "50", 0.0, 0.0, None, id="missing base"),
        pytest.param("5", None, "10", None, None, 1.0, id="missing base of another feature"),
        pytest.param("5", "10", None, None, None, None, id="missing value"),
        pytest.param("5", "-1", "10", None, None, 1.0, id="impossible base"),
    ],
)
def test_a_change_without_a_base_is_unknown(
    visits: str | None,
    before: str | None,
    now: str | None,
    change: float | None,
    step: float | None,
    per_visit: float | None,
) -> None:
    people = [person("1", Визиты=visits), person("2")]
    raw = raw_tables(people, [*months("1", before, now), *months("2", "50", "50")])

    customer, _ = build_customers(REGISTRY, OPTIONS, **marked_of(raw)).to_pyarrow().to_pylist()

    assert (customer["change"], customer["step"], customer["per_visit"]) == (
        change,
        step,
        per_visit,
    )


def test_a_repaired_slip_is_missing_and_flagged() -> None:
    amounts = [*months("1", "5000", "106862"), *months("2", "6000", "7000")]

    customers = build_customers(
        REGISTRY, OPTIONS, **marked_of(raw_tables(everyone_of(amounts), amounts))
    )

    rows = customers.select("customer_id", "now", "change", "revenue_repaired").to_pyarrow()
    assert rows.to_pylist() == [
        {"customer_id": "1", "now": None, "change": None, "revenue_repaired": True},
        {
            "customer_id": "2",
            "now": 7000.0,
            "change": (7000.0 - 6000.0) / 6000.0,
            "revenue_repaired": False,
        },
    ]


def test_removed_rows_give_no_customers_and_no_labels() -> None:
    # Given a copy, an orphan, a customer with a zero, and one who stays
    people = [person("1"), person("1"), person("2"), person("3", Активность="Снизилась")]
    people.append(person("4", Активность="Снизилась"))
    amounts = [*months("1", "5", "6"), *months("3", "0", "6"), *months("4", "7", "8")]
    marked = marked_of(raw_tables(people, amounts))

    customers = build_customers(REGISTRY, OPTIONS, **marked)
    labels = take_labels(OPTIONS, **marked)

    Labels.validate(labels, lazy=True)
    assert customers.customer_id.to_pyarrow().to_pylist() == ["1", "4"]
    assert labels.to_pyarrow().to_pylist() == [
        {"customer_id": "1", "declined": False},
        {"customer_id": "4", "declined": True},
    ]


def test_place_in_the_file_is_that_of_the_row_with_the_label() -> None:
    # Given customers in no order of ids, one of them twice
    people = [person("4"), person("1"), person("4"), person("2")]
    amounts = [row for who in "124" for row in months(who, "5", "6")]

    found = take_file_order(OPTIONS, **marked_of(raw_tables(people, amounts)))

    assert found.to_pyarrow().to_pylist() == [
        {"customer_id": "1", "row_number": 2},
        {"customer_id": "2", "row_number": 4},
        {"customer_id": "4", "row_number": 1},
    ]


def test_order_of_the_rows_changes_nothing() -> None:
    people = [person("1"), person("2", Визиты="7"), person("3", Активность="Снизилась")]
    amounts = [*months("1", "5", "6"), *months("2", "50", "600"), *months("3", "0", "7")]

    there = marked_of(raw_tables(people, amounts))
    back = marked_of(raw_tables(people[::-1], amounts[::-1]))

    assert (
        build_customers(REGISTRY, OPTIONS, **there).to_pyarrow().to_pylist()
        == build_customers(REGISTRY, OPTIONS, **back).to_pyarrow().to_pylist()
    )
    pd.testing.assert_frame_equal(compile_ledger(OPTIONS, **there), compile_ledger(OPTIONS, **back))


def test_the_real_registry_is_computed_from_the_real_options(
    registry: FeatureRegistry, intake_options: Callable[[str], IntakeOptions]
) -> None:
    # Given one customer in the form of «В один клик»
    options = intake_options("one_click")
    market_file: Row = {
        "id": "7",
        "Покупательская активность": "Снизилась",
        "Тип сервиса": "стандартт",
        "Разрешить сообщать": "нет",
        "Маркет_актив_6_мес": "3.4",
        "Маркет_актив_тек_мес": "5",
        "Длительность": "121",
        "Акционные_покупки": "0.25",
        "Популярная_категория": "Косметика и аксесуары",
        "Средний_просмотр_категорий_за_визит": "6",
        "Неоплаченные_продукты_штук_квартал": "2",
        "Ошибка_сервиса": "1",
        "Страниц_за_визит": "5",
    }
    amounts = {"препредыдущий_месяц": "4000.0", "предыдущий_месяц": "5000", "текущий_месяц": "4500"}
    minutes = {"предыдцщий_месяц": "10", "текущий_месяц": "12"}
    raw = {
        "market_file": [market_file],
        "market_money": [{"id": "7", "Период": p, "Выручка": v} for p, v in amounts.items()],
        "market_time": [{"id": "7", "Период": p, "минут": v} for p, v in minutes.items()],
        "money": [{"id": "7", "Прибыль": "4,16"}],
    }
    tables = {name: RawTable(f"{name}.csv", as_text_table(rows)) for name, rows in raw.items()}

    # When
    marked = mark_rows(options, **check_raw_tables(options, **tables))
    (customer,) = build_customers(registry, options, **marked).to_pyarrow().to_pylist()

    # Then
    assert customer == {
        "customer_id": "7",
        "contact_allowed": False,
        "marketing_activity_6m": 3.4,
        "marketing_activity_current": 5.0,
        "promo_share": 0.25,
        "popular_category": "Косметика и аксессуары",
        "categories_per_visit": 6.0,
        "unpaid_items": 2.0,
        "service_type": "стандарт",
        "tenure_days": 121.0,
        "revenue_month_before_previous": 4000.0,
        "revenue_previous_month": 5000.0,
        "revenue_current_month": 4500.0,
        "revenue_change_previous": 0.25,
        "revenue_change_current": -0.1,
        "pages_per_visit": 5.0,
        "service_errors": 1.0,
        "minutes_previous_month": 10.0,
        "minutes_current_month": 12.0,
        "minutes_change_current": 0.2,
        "profit": 4.16,
        "revenue_repaired": False,
        "regular": True,
    }

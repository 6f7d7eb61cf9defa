"""Rules as marks on rows; ledger and quarantine follow from the marks and balance."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from personal_offers.datasets.raw_csv import as_text_table
from personal_offers.pipelines.data_processing.rules import (
    LEDGER_COLUMNS,
    Action,
    Rule,
    apply_rules,
    compute_marks,
    kept,
    ledger_of,
    ledger_table,
    quarantine_of,
)

SCHEMA = pa.schema(
    [
        ("row_number", pa.int64()),
        ("customer_id", pa.string()),
        ("paid", pa.decimal128(18, 2)),
        ("spoilt", pa.bool_()),
        ("test", pa.bool_()),
        ("late", pa.bool_()),
    ]
)


def table_of(rows: Sequence[dict[str, Any]]) -> ir.Table:
    cells = [
        {"spoilt": False, "test": False, "late": False} | row | {"row_number": number}
        for number, row in enumerate(rows, start=1)
    ]
    return ibis.memtable(pa.Table.from_pylist(cells, schema=SCHEMA))


def rule(mark: str, action: Action, new: Decimal | None = None) -> Rule:
    """Rule that hits the rows where the column ``mark`` is true; a repair sets ``paid``."""
    repair = {"paid": lambda t: ibis.literal(new, t.paid.type())} if action == "repaired" else {}
    return Rule(mark, action, lambda t: t[mark], repair)


def listed(table: ir.Table) -> list[dict[str, Any]]:
    return table.order_by("row_number").to_pyarrow().to_pylist()


PAYMENTS = [
    {"customer_id": "a", "paid": Decimal("1.10")},
    {"customer_id": "a", "paid": Decimal("2.20"), "test": True},
    {"customer_id": "b", "paid": Decimal("3.30"), "spoilt": True, "test": True},
    {"customer_id": "c", "paid": None, "spoilt": True},
    {"customer_id": "c", "paid": Decimal("5.50"), "late": None},
]


# --- marks -----------------------------------------------------------------------------------


def test_no_rule_takes_a_row_away() -> None:
    marked = apply_rules(table_of(PAYMENTS), [rule("spoilt", "removed"), rule("test", "removed")])

    rows = listed(marked)
    assert [row["removed_by"] for row in rows] == [None, "test", "spoilt", "spoilt", None]
    assert [row["removed_at"] for row in rows] == [None, 1, 0, 0, None]


def test_a_removed_row_is_hit_by_no_later_rule() -> None:
    marked = apply_rules(table_of(PAYMENTS), [rule("spoilt", "removed"), rule("test", "removed")])

    assert [row["hit__spoilt"] for row in listed(marked)] == [False, False, True, True, False]
    assert [row["hit__test"] for row in listed(marked)] == [False, True, False, False, False]


def test_null_is_no_hit() -> None:
    marked = apply_rules(table_of(PAYMENTS), [rule("late", "removed")])

    assert [row["hit__late"] for row in listed(marked)] == [False] * 5
    assert kept(marked).count().to_pyarrow().as_py() == 5


def test_a_repair_changes_only_the_rows_that_it_hits() -> None:
    marked = apply_rules(table_of(PAYMENTS), [rule("test", "repaired", None)], "paid")

    assert [row["paid"] for row in listed(marked)] == [
        Decimal("1.10"),
        None,
        None,
        None,
        Decimal("5.50"),
    ]


def test_a_later_rule_sees_what_an_earlier_one_repaired() -> None:
    large = Rule("large", "removed", lambda t: t.paid > 3)

    marked = apply_rules(
        table_of(PAYMENTS), [rule("test", "repaired", Decimal("9.00")), large], "paid"
    )

    assert [row["removed_by"] for row in listed(marked)] == [None, "large", "large", None, "large"]


def test_a_flag_marks_and_changes_nothing() -> None:
    marked = apply_rules(table_of(PAYMENTS), [rule("test", "flagged")], "paid")

    rows = listed(marked)
    assert [row["hit__test"] for row in rows] == [False, True, True, False, False]
    assert [row["paid"] for row in rows] == [row["paid"] for row in PAYMENTS]
    assert [row["removed_by"] for row in rows] == [None] * 5


@pytest.mark.parametrize("actions", [*itertools.product(("removed", "flagged"), repeat=3)])
def test_computed_marks_are_those_of_the_rules(actions: tuple[Action, ...]) -> None:
    names = ("spoilt", "test", "late")
    rules = [rule(name, action) for name, action in zip(names, actions, strict=True)]
    marked = apply_rules(table_of(PAYMENTS), rules)

    computed = compute_marks(marked, rules)

    assert computed.schema() == marked.schema()
    assert listed(computed) == listed(marked)


def test_kept_rows_carry_no_marks() -> None:
    marked = apply_rules(table_of(PAYMENTS), [rule("spoilt", "removed")], "paid")

    assert kept(marked).columns == tuple(SCHEMA.names)
    assert [row["row_number"] for row in listed(kept(marked))] == [1, 2, 5]


# --- ledger ----------------------------------------------------------------------------------


def test_ledger_counts_rows_customers_and_money_of_each_rule() -> None:
    rules = [
        rule("spoilt", "removed"),
        rule("test", "repaired", Decimal("0.20")),
        Rule("all", "flagged", lambda t: t.paid.notnull()),
    ]
    marked = apply_rules(table_of(PAYMENTS), rules, "paid")

    lines = ledger_of(marked, "payments", rules, "paid")

    # The last two columns follow from the others, in ledger_table.
    assert [tuple(line) for line in lines] == [LEDGER_COLUMNS[:-2]] * 3
    nothing_flagged = {
        "rows_flagged": None,
        "customers_flagged": None,
        "revenue_flagged": None,
        "orders_flagged": None,
    }
    assert lines == [
        {
            "source": "payments",
            "rule": "spoilt",
            "action": "removed",
            "rows_before": 5,
            "rows_after": 3,
            "customers_before": 3,
            "customers_after": 2,
            "revenue_before": Decimal("12.10"),
            "revenue_after": Decimal("8.80"),
            "rows_hit": 2,
            "customers_hit": 2,
        }
        | nothing_flagged,
        {
            "source": "payments",
            "rule": "test",
            "action": "repaired",
            "rows_before": 3,
            "rows_after": 3,
            "customers_before": 2,
            "customers_after": 2,
            "revenue_before": Decimal("8.80"),
            "revenue_after": Decimal("6.80"),
            "rows_hit": 1,
            "customers_hit": 1,
        }
        | nothing_flagged,
        {
            "source": "payments",
            "rule": "all",
            "action": "flagged",
            "rows_before": 3,
            "rows_after": 3,
            "customers_before": 2,
            "customers_after": 2,
            "revenue_before": Decimal("6.80"),
            "revenue_after": Decimal("6.80"),
            "rows_hit": 3,
            "customers_hit": 2,
            "rows_flagged": 3,
            "customers_flagged": 2,
            "revenue_flagged": Decimal("6.80"),
            "orders_flagged": None,
        },
    ]


def test_a_source_without_money_has_no_revenue_in_the_ledger() -> None:
    rules = [rule("spoilt", "removed")]
    marked = apply_rules(table_of(PAYMENTS), rules)

    (line,) = ledger_of(marked, "payments", rules)

    assert (line["rows_before"], line["rows_after"]) == (5, 3)
    assert (line["revenue_before"], line["revenue_after"]) == (None, None)


def test_a_rule_that_hits_nothing_stands_in_the_ledger() -> None:
    rules = [rule("late", "removed")]
    marked = apply_rules(table_of(PAYMENTS), rules, "paid")

    (line,) = ledger_of(marked, "payments", rules, "paid")

    assert (line["rows_hit"], line["customers_hit"]) == (0, 0)
    assert (line["rows_before"], line["rows_after"]) == (5, 5)
    assert (line["revenue_before"], line["revenue_after"]) == (Decimal("12.10"), Decimal("12.10"))


def test_flagged_money_is_what_the_flag_saw() -> None:
    # Given a rule that flags two payments and a later one that sets the same payments missing
    flag = Rule("suspicious", "flagged", lambda t: t.test)
    rules = [flag, rule("test", "repaired", None)]
    marked = apply_rules(table_of(PAYMENTS), rules, "paid")

    flagged, repaired = ledger_of(marked, "payments", rules, "paid")

    assert flagged["revenue_flagged"] == Decimal("5.50")
    assert flagged["revenue_after"] == repaired["revenue_before"] == Decimal("12.10")
    assert repaired["revenue_after"] == Decimal("6.60")


def test_ledger_of_no_rows_is_zero() -> None:
    rules = [rule("spoilt", "removed")]
    marked = apply_rules(table_of([]), rules, "paid")

    (line,) = ledger_of(marked, "payments", rules, "paid")

    assert (line["rows_before"], line["customers_before"], line["rows_hit"]) == (0, 0, 0)
    assert (line["revenue_before"], line["revenue_after"]) == (Decimal(0), Decimal(0))


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "customer_id": st.sampled_from("abc"),
            "paid": st.none() | st.integers(-50_000, 50_000).map(lambda c: Decimal(c) / 100),
            "spoilt": st.sampled_from([True, False, None]),
            "test": st.booleans(),
            "late": st.booleans(),
        }
    ),
    max_size=8,
)
RULES = st.tuples(
    *(
        st.builds(
            rule,
            st.just(mark),
            st.sampled_from(["removed", "repaired", "flagged"]),
            st.sampled_from([None, Decimal("0.00"), Decimal("7.77")]),
        )
        for mark in ("spoilt", "test", "late")
    )
)


@given(rows=ROWS, rules=RULES)
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes: every step is a query
)
def test_ledger_balances_for_any_rows_and_rules(
    rows: list[dict[str, Any]], rules: tuple[Rule, ...]
) -> None:
    # When
    marked = apply_rules(table_of(rows), rules, "paid")
    lines = ledger_of(marked, "payments", rules, "paid")
    after = listed(marked)

    # Then it starts with what came in, each rule starts where the one before it ended ...
    came_in = (len(rows), len({r["customer_id"] for r in rows}), money(rows))
    stayed = [row for row in after if row["removed_by"] is None]
    assert _ends(lines[0], "before") == came_in
    for earlier, later in itertools.pairwise(lines):
        assert _ends(later, "before") == _ends(earlier, "after")
    # ... the last one ends with what stayed ...
    left = (len(stayed), len({r["customer_id"] for r in stayed}), money(stayed))
    assert _ends(lines[-1], "after") == left
    # ... and every row and cent between them is in a removed row or in a repair.
    removed = [row for row in after if row["removed_by"] is not None]
    assert len(rows) == len(stayed) + len(removed)
    repaired = sum(
        (was["paid"] or Decimal(0)) - (now["paid"] or Decimal(0))
        for was, now in zip(rows, after, strict=True)
    )
    assert money(rows) == money(stayed) + money(removed) + repaired
    for line in lines:
        by_rule = [row for row in removed if row["removed_by"] == line["rule"]]
        assert line["rows_before"] - line["rows_after"] == len(by_rule)
        if line["action"] == "removed":
            assert line["revenue_before"] - line["revenue_after"] == money(by_rule)
            assert line["rows_hit"] == len(by_rule)
        if line["action"] == "flagged":
            assert line["revenue_before"] == line["revenue_after"]


def money(rows: Sequence[dict[str, Any]]) -> Decimal:
    return sum((row["paid"] or Decimal(0) for row in rows), start=Decimal(0))


def _ends(line: dict[str, Any], end: str) -> tuple[int, int, Decimal]:
    return line[f"rows_{end}"], line[f"customers_{end}"], line[f"revenue_{end}"]


# --- quarantine ------------------------------------------------------------------------------


def test_quarantine_holds_the_removed_rows_as_they_stood_in_the_file() -> None:
    raw = as_text_table(
        [
            {"id": "a", "Оплата": "1,10"},
            {"id": "a", "Оплата": "2,20"},
            {"id": "b", "Оплата": 'три "30"'},
            {"id": "c", "Оплата": None},
            {"id": "c", "Оплата": "5,50"},
        ]
    )
    marked = apply_rules(table_of(PAYMENTS), [rule("spoilt", "removed"), rule("test", "removed")])

    rows = listed(quarantine_of(marked, raw, "payments"))

    assert [(r["source"], r["row_number"], r["rule"]) for r in rows] == [
        ("payments", 2, "test"),
        ("payments", 3, "spoilt"),
        ("payments", 4, "spoilt"),
    ]
    assert [json.loads(row["raw"]) for row in rows] == [
        {"id": "a", "Оплата": "2,20"},
        {"id": "b", "Оплата": 'три "30"'},
        {"id": "c", "Оплата": None},
    ]
    assert list(rows[0]) == ["source", "row_number", "rule", "raw"]
    assert "Оплата" in rows[0]["raw"]


def test_quarantine_of_a_clean_table_is_empty() -> None:
    raw = as_text_table([{"id": "a"}])
    marked = apply_rules(table_of(PAYMENTS[:1]), [rule("spoilt", "removed")])

    assert listed(quarantine_of(marked, raw, "payments")) == []


@pytest.mark.parametrize("action", ["repaired", "flagged"])
def test_repairs_and_flags_quarantine_nothing(action: Action) -> None:
    raw = as_text_table([{"id": "a"}, {"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "c"}])
    marked = apply_rules(table_of(PAYMENTS), [rule("test", action)], "paid")

    assert listed(quarantine_of(marked, raw, "payments")) == []


def test_a_rule_that_takes_much_revenue_is_an_alert() -> None:
    much, little = rule("spoilt", "removed"), rule("late", "removed")
    marked = apply_rules(table_of(PAYMENTS), [much, little], "paid")

    ledger = ledger_table(ledger_of(marked, "payments", [much, little], "paid"), alert_share=0.01)

    assert ledger["alert"].to_list() == [True, False]
    assert ledger["revenue_lost_share"].to_list() == ["0.272727", "0.000000"]
    assert ledger["revenue_after"].to_list() == ["8.80", "8.80"]

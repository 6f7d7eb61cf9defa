"""Contracts on tables with and without rows, where an aggregate is null."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandera.ibis as pa
import pytest

from personal_offers.contracts import Contract


class People(Contract):
    """Grain: one person."""

    name: str = pa.Field(nullable=False)
    age: int = pa.Field(ge=0, nullable=False)
    weight: float = pa.Field(le=500, nullable=False)
    sex: str = pa.Field(isin=["f", "m"], nullable=True)

    class Config:
        """One row per name."""

        unique = ["name"]  # noqa: RUF012


KINDS = {"name": "string", "age": "int64", "weight": "float64", "sex": "string"}
ANN = {"name": "Ann", "age": 30, "weight": 60.5, "sex": "f"}


def people(*rows: dict[str, object]) -> ibis.Table:
    return ibis.memtable([ANN | row for row in rows], schema=KINDS)


def test_empty_table_keeps_its_contract():
    table = ibis.memtable([], schema=KINDS)

    assert People.validate(table, lazy=True) is table


def test_empty_table_without_a_column_breaks_it():
    table = ibis.memtable([], schema={"name": "string"})

    with pytest.raises(ValueError, match=r"lacks the columns \['age', 'sex', 'weight'\] of P"):
        People.validate(table, lazy=True)


def test_good_rows_cost_one_query(monkeypatch: pytest.MonkeyPatch):
    asked = []
    ask = ir.Expr.to_pyarrow
    monkeypatch.setattr(ir.Expr, "to_pyarrow", lambda e, **k: asked.append(e) or ask(e, **k))
    table = people({"sex": None}, {"name": "Bob", "sex": "m"})

    assert People.validate(table, lazy=True) is table
    assert len(asked) == 1


def test_rows_in_order_are_not_sorted_for_their_check(monkeypatch: pytest.MonkeyPatch):
    asked = []
    ask = ir.Expr.to_pyarrow
    monkeypatch.setattr(ir.Expr, "to_pyarrow", lambda e, **k: asked.append(e) or ask(e, **k))
    table = people({"name": "Bob"}, {}).order_by("name").order_by(ibis.desc("age"))

    assert People.validate(table, lazy=True) is table
    assert "ORDER BY" not in str(ibis.to_sql(asked[0]))


def test_broken_rows_in_order_are_refused():
    with pytest.raises(pa.errors.SchemaErrors, match="not unique"):
        People.validate(people({}, {}).order_by("name"), lazy=True)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param({"age": -1}, "greater_than_or_equal_to", id="below the least"),
        pytest.param({"weight": 501.0}, "less_than_or_equal_to", id="above the most"),
        pytest.param({"sex": "x"}, "isin", id="unknown value"),
        pytest.param({"age": None}, "non-nullable column 'age'", id="null"),
        pytest.param({"weight": float("nan")}, "non-nullable column 'weight'", id="no number"),
        pytest.param({"name": "Ann"}, "not unique", id="key twice"),
    ],
)
def test_each_broken_check_is_named(row: dict[str, object], message: str):
    table = people({}, {"name": "Bob"} | row)

    with pytest.raises(pa.errors.SchemaErrors, match=message):
        People.validate(table, lazy=True)


def test_all_broken_checks_are_named_at_once():
    with pytest.raises(pa.errors.SchemaErrors) as caught:
        People.validate(people({"age": -1, "sex": "x"}), lazy=True)

    assert len(caught.value.schema_errors) == 2


def test_rows_of_another_type_are_refused():
    table = people({}).mutate(age=ibis.literal("thirty"))

    with pytest.raises(pa.errors.SchemaErrors, match="expected column 'age' to have type"):
        People.validate(table, lazy=True)


def test_rows_without_a_column_are_refused():
    with pytest.raises(pa.errors.SchemaErrors, match="age"):
        People.validate(people({}).drop("age"), lazy=True)

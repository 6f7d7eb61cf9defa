"""Contracts on tables without rows, where an aggregate is null."""

from __future__ import annotations

import ibis
import pandera.ibis as pa
import pytest

from personal_offers.contracts import Contract


class People(Contract):
    """Grain: one person."""

    name: str = pa.Field(nullable=False)
    age: int = pa.Field(ge=0, nullable=False)


def test_empty_table_keeps_its_contract():
    table = ibis.memtable([], schema={"name": "string", "age": "int64"})

    assert People.validate(table, lazy=True) is table


def test_empty_table_without_a_column_breaks_it():
    table = ibis.memtable([], schema={"name": "string"})

    with pytest.raises(ValueError, match=r"lacks the columns \['age'\] of People"):
        People.validate(table, lazy=True)


def test_rows_are_checked_as_ever():
    table = ibis.memtable({"name": ["Ann"], "age": [-1]})

    with pytest.raises(pa.errors.SchemaErrors, match="greater_than_or_equal_to"):
        People.validate(table, lazy=True)

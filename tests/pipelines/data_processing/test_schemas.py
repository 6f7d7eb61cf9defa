"""Contracts of the tables that the intake gives: what they let through and what they stop."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import ibis
import pandera.ibis as pa
import pyarrow
import pytest
from pandera.errors import SchemaErrors

from personal_offers.pipelines.data_processing.schemas import (
    Customers,
    CutoffLabels,
    Labels,
    Quarantine,
)

VALID: list[tuple[type[pa.DataFrameModel], list[dict[str, Any]]]] = [
    (
        Quarantine,
        [
            {"source": "money", "row_number": 1, "rule": "not_regular", "raw": "{}"},
            {"source": "money", "row_number": 2, "rule": "not_regular", "raw": "{}"},
            {"source": "market_file", "row_number": 1, "rule": "exact_duplicate", "raw": "{}"},
        ],
    ),
    (
        Customers,
        [
            {"customer_id": "1", "profit": 4.1, "revenue_repaired": False, "regular": True},
            {"customer_id": "2", "profit": -1.0, "revenue_repaired": True, "regular": False},
        ],
    ),
    (
        Labels,
        [{"customer_id": "1", "declined": True}, {"customer_id": "2", "declined": False}],
    ),
    (
        CutoffLabels,
        [
            {
                "customer_id": "1", "cutoff": datetime(2021, 3, 1), "baseline_days": 180,
                "baseline": 4.5, "outcome": 0.0, "declined": True,
            },
            {
                "customer_id": "2", "cutoff": datetime(2021, 3, 1), "baseline_days": 120,
                "baseline": 1.0, "outcome": -2.0, "declined": True,
            },
            {
                "customer_id": "1", "cutoff": datetime(2021, 4, 1), "baseline_days": 180,
                "baseline": 0.5, "outcome": 3.0, "declined": False,
            },
        ],
    ),
]  # fmt: skip
KEYS = {
    Quarantine: ["source", "row_number"],
    Customers: ["customer_id"],
    Labels: ["customer_id"],
    CutoffLabels: ["customer_id", "cutoff"],
}
by_contract = pytest.mark.parametrize(
    ("contract", "rows"), VALID, ids=[contract.__name__ for contract, _ in VALID]
)


def table_of(rows: list[dict[str, Any]]) -> ibis.Table:
    return ibis.memtable(pyarrow.Table.from_pylist(rows))


def validate(contract: type[pa.DataFrameModel], rows: list[dict[str, Any]]) -> ibis.Table:
    return contract.validate(table_of(rows), lazy=True)


@by_contract
def test_valid_rows_pass_unchanged(
    contract: type[pa.DataFrameModel], rows: list[dict[str, Any]]
) -> None:
    assert validate(contract, rows).to_pyarrow().to_pylist() == rows


@by_contract
def test_a_key_that_stands_twice_is_refused(
    contract: type[pa.DataFrameModel], rows: list[dict[str, Any]]
) -> None:
    key = {name: rows[0][name] for name in KEYS[contract]}

    with pytest.raises(SchemaErrors, match="not unique"):
        validate(contract, [rows[0], rows[1] | key])


@pytest.mark.parametrize(
    ("contract", "rows", "column"),
    [
        pytest.param(contract, rows, column, id=f"{contract.__name__}.{column}")
        for contract, rows in VALID
        for column, spec in contract.to_schema().columns.items()
        if not spec.nullable
    ],
)
def test_a_null_is_refused(
    contract: type[pa.DataFrameModel], rows: list[dict[str, Any]], column: str
) -> None:
    with pytest.raises(SchemaErrors, match=f"non-nullable column '{column}' contains null"):
        validate(contract, [rows[0], rows[1] | {column: None}])


@pytest.mark.parametrize(
    ("contract", "rows", "column"),
    [
        pytest.param(contract, rows, column, id=f"{contract.__name__}.{column}")
        for contract, rows in VALID
        for column in contract.to_schema().columns
    ],
)
def test_a_missing_column_is_refused(
    contract: type[pa.DataFrameModel], rows: list[dict[str, Any]], column: str
) -> None:
    without = [{name: cell for name, cell in row.items() if name != column} for row in rows]

    with pytest.raises(SchemaErrors, match=column):
        validate(contract, without)


@pytest.mark.parametrize(
    ("contract", "column", "cell"),
    [
        (Customers, "customer_id", 1),
        (Customers, "profit", "4.1"),
        (Labels, "declined", "yes"),
        (CutoffLabels, "cutoff", "2021-03-01"),
        (CutoffLabels, "baseline_days", 1.5),
    ],
)
def test_another_type_is_refused(contract: type[pa.DataFrameModel], column: str, cell: Any) -> None:
    rows = [row | {column: cell} for row in dict(VALID)[contract][:1]]

    with pytest.raises(SchemaErrors, match=column):
        validate(contract, rows)


@pytest.mark.parametrize(("column", "cell"), [("baseline", 0.0), ("baseline_days", 0)])
def test_a_label_without_a_baseline_is_refused(column: str, cell: float) -> None:
    rows = dict(VALID)[CutoffLabels]

    with pytest.raises(SchemaErrors, match=column):
        validate(CutoffLabels, [rows[0], rows[1] | {column: cell}])


def test_rows_are_numbered_from_one() -> None:
    row = {"source": "money", "row_number": 0, "rule": "not_regular", "raw": "{}"}

    with pytest.raises(SchemaErrors, match="row_number"):
        validate(Quarantine, [row])


def test_all_that_is_wrong_is_told_at_once() -> None:
    rows = [
        {"customer_id": "1", "declined": True},
        {"customer_id": "1", "declined": False},
        {"customer_id": None, "declined": None},  # a label may be unknown
    ]

    with pytest.raises(SchemaErrors) as refused:
        validate(Labels, rows)

    text = str(refused.value)
    assert "not unique" in text
    assert "'customer_id' contains null" in text


def test_only_the_config_makes_a_key_unique_on_ibis() -> None:
    """The trap that schemas.py avoids; when this fails, Field(unique=True) has begun to work."""

    class ByField(pa.DataFrameModel):
        customer_id: str = pa.Field(unique=True)

    class ByConfig(pa.DataFrameModel):
        customer_id: str

        class Config:
            unique = ["customer_id"]  # noqa: RUF012

    twice = [{"customer_id": "1"}, {"customer_id": "1"}]

    validate(ByField, twice)
    with pytest.raises(SchemaErrors, match="not unique"):
        validate(ByConfig, twice)

"""The base of all contracts of lazy tables.

Three habits of pandera 0.35 on Ibis tables are put right here or must be known: it asks one query
per check; an aggregate over no rows is null, which it takes for a failed check; and
``Field(unique=True)`` is silently ignored, so keys are named in ``Config.unique``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pandera.ibis as pa
from pandera.engines.ibis_engine import Engine

# What breaks each check, with its statistics; a null breaks none of them.
_BROKEN: Mapping[str, Callable[[ir.Value, Mapping[str, Any]], ir.BooleanValue]] = {
    "greater_than_or_equal_to": lambda value, asked: value < asked["min_value"],
    "less_than_or_equal_to": lambda value, asked: value > asked["max_value"],
    "isin": lambda value, asked: value.notin(list(asked["allowed_values"])),
}


class Contract(pa.DataFrameModel):
    """A contract that an empty table with the right columns keeps.

    One query tells whether a table keeps it, as nearly all do; pandera is asked, check by check,
    when it does not, or when a check is none that this query knows.
    """

    @classmethod
    def validate(cls, check_obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Check a table.

        Args:
            check_obj: The table.
            *args: As in pandera.
            **kwargs: As in pandera (``lazy`` collects all failures).

        Returns:
            The table.

        Raises:
            pandera.errors.SchemaErrors: When a check fails.
            ValueError: When an empty table lacks columns.
        """
        schema = cls.to_schema()
        broken = _broken(check_obj, schema)
        if broken is not None and not broken.to_pyarrow().as_py():
            return check_obj
        if check_obj.count().to_pyarrow().as_py():
            return super().validate(check_obj, *args, **kwargs)
        missing = sorted(set(schema.columns) - set(check_obj.columns))
        if missing:
            raise ValueError(f"an empty table lacks the columns {missing} of {cls.__name__}")
        return check_obj


def _broken(table: ir.Table, schema: Any) -> ir.BooleanScalar | None:
    """Return whether any row breaks any check; None where one query cannot tell."""
    if schema.checks or schema.strict or schema.ordered or schema.coerce or not schema.unique:
        return None
    rows = _unsorted(table)
    bad = []
    for name, column in schema.columns.items():
        plain = column.required and not (column.regex or column.coerce or column.unique)
        if not plain or name not in table.columns:
            return None
        value = rows[name]
        if column.dtype is None or not column.dtype.check(Engine.dtype(value.type())):
            return None
        if not column.nullable:
            bad.append(value.isnull())
            if value.type().is_floating():  # to pandera, too, no number is no value
                bad.append(value.isnan())
        for check in column.checks:
            if check.name not in _BROKEN:
                return None
            bad.append(_BROKEN[check.name](value, check.statistics))
    wrong = ibis.or_(*bad).any() if bad else ibis.literal(False)
    # Per key, so that the rows are read once for the checks and for copies of a key.
    keys = rows.group_by(schema.unique).aggregate(rows=rows.count(), wrong=wrong)
    return (keys.wrong.fill_null(False) | (keys.rows > 1)).any()


def _unsorted(table: ir.Table) -> ir.Table:
    """Return the rows before they are put in order: DuckDB would sort them for the check too."""
    node = table.op()
    while isinstance(node, ops.Sort):
        node = node.parent
    rows: ir.Table = node.to_expr()
    return rows

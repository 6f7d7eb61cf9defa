"""Whether the answers of two contenders agree, where their definitions do.

Usage: ``python -m benchmarks.compare CONTENDER OURS THEIRS LINES CUTOFF``; prints JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

# Every column of rfm.parquet but money, which is compared in cents.
EXACT = ["customer_id", "recency_days", "frequency", "r", "f", "m", "rfm_code", "rfm_class",
         "class_ru", "class_en", "days_to_next_class", "cutoff"]  # fmt: skip
_CENTS = "round({0} * 100)::BIGINT"


def _shares(connection: duckdb.DuckDBPyConnection, join: str, **checks: str) -> dict[str, Any]:
    """Return rows of both sides, rows that one side lacks, and the share that each check holds."""
    sums = ", ".join(
        f"avg(coalesce({check}, false)::INT) AS {name}" for name, check in checks.items()
    )
    names = ["rows", "lacking", *checks]
    lacking = "count(*) FILTER (o.customer_id IS NULL OR t.customer_id IS NULL)"
    query = f"SELECT count(*), {lacking}, {sums} FROM {join}"  # noqa: S608
    found = connection.execute(query).fetchone()
    return dict(zip(names, found or (), strict=True))


def same_work(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Compare every column of every row, in the order of the files."""
    checks = {name: f"o.{name} IS NOT DISTINCT FROM t.{name}" for name in EXACT}
    checks["monetary"] = f"{_CENTS.format('o.monetary')} = {_CENTS.format('t.monetary')}"
    return _shares(connection, "ours o POSITIONAL JOIN theirs t", **checks)


def notebook(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Compare measures, scores and classes; qcut cuts ties otherwise."""
    names = ["recency_days", "frequency", "r", "f", "m", "rfm_class"]
    checks = {name: f"o.{name} = t.{name}" for name in names}
    checks["monetary"] = f"{_CENTS.format('o.monetary')} = {_CENTS.format('t.monetary')}"
    return _shares(connection, "ours o FULL JOIN theirs t USING (customer_id)", **checks)


_BOUGHT = """
    CREATE TEMP TABLE bought AS
    SELECT customer_id, count(*) AS orders, count(DISTINCT ordered_at::DATE) AS days,
        max(ordered_at)::DATE - min(ordered_at)::DATE AS span, sum(amount) AS gross
    FROM (
        SELECT customer_id, order_id, min(ordered_at) AS ordered_at, sum(amount) AS amount
        FROM lines WHERE NOT is_return AND logged_at <= getvariable('cutoff') GROUP BY ALL
    ) GROUP BY customer_id
"""


def package(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Compare purchases: the package was given purchase orders, so its money is gross."""
    connection.execute(_BOUGHT)
    join = "ours o JOIN bought b USING (customer_id) FULL JOIN theirs t USING (customer_id)"
    return _shares(
        connection,
        join,
        recency_days="o.recency_days = t.recency",
        frequency="o.frequency = t.frequency",
        monetary=f"{_CENTS.format('b.gross')} = {_CENTS.format('t.monetary_value')}",
    )


def summary(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Compare what is counted in days: frequency is purchase days but the first."""
    connection.execute(_BOUGHT)
    join = "ours o JOIN bought b USING (customer_id) FULL JOIN theirs t USING (customer_id)"
    return _shares(
        connection,
        join,
        recency_days="o.recency_days = t.T - t.recency",
        span="b.span = t.recency",
        purchase_days="b.days - 1 = t.frequency",
        frequency="o.frequency = t.frequency + 1",
    )


COMPARISONS: dict[str, Callable[[duckdb.DuckDBPyConnection], dict[str, Any]]] = {
    "ours_bounded": same_work,
    "duckdb_sql": same_work,
    "polars": same_work,
    "pandas": notebook,
    "rfm": package,
    "lifetimes": summary,
    "pymc": summary,
}


def main() -> None:
    """Print what agrees."""
    import duckdb

    contender, ours, theirs, lines, cutoff = sys.argv[1:6]
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '4GB'")
        connection.execute(f"SET VARIABLE cutoff = TIMESTAMP '{cutoff}'")
        for name, file in {"ours": ours, "theirs": theirs, "lines": lines}.items():
            connection.execute(f"CREATE VIEW {name} AS FROM '{file}'")
        print(json.dumps(COMPARISONS[contender](connection)))


if __name__ == "__main__":
    main()

"""The same work in raw DuckDB SQL: lines to orders to customers, breaks, scores, classes, file."""

import json

import duckdb
from scheme import COLUMNS, MEASURES, task

asked = task()
cutoff = f"TIMESTAMP '{asked.cutoff}'"
con = duckdb.connect()
con.execute(f"""
    CREATE TEMP TABLE history AS
    WITH orders AS (
        SELECT customer_id, order_id, min(ordered_at) AS ordered_at,
            bool_and(is_return) AS is_return, sum(amount) AS amount
        FROM '{asked.lines}' WHERE trusted AND logged_at <= {cutoff}
        GROUP BY customer_id, order_id
    )
    SELECT customer_id,
        {cutoff}::DATE - max(ordered_at) FILTER (NOT is_return)::DATE AS recency_days,
        count(*) FILTER (NOT is_return) AS frequency, (sum(amount) * 100)::BIGINT AS cents
    FROM orders GROUP BY customer_id HAVING frequency > 0
""")  # noqa: S608

wanted = [
    f"quantile_cont({column}, {asked.shares(measure) or [0.5]})"
    for measure, column in zip(MEASURES, COLUMNS, strict=True)
]
quantiles = con.execute(f"SELECT {', '.join(wanted)} FROM history").fetchone()  # noqa: S608
days, orders, cents = (
    asked.limits(measure, found) for measure, found in zip(MEASURES, quantiles, strict=True)
)


def score(column: str, sign: str, limits: list[int]) -> str:
    """Return the expression of a score: one more for every break that is reached."""
    return " + ".join(["1", *(f"({column} {sign} {limit})::BIGINT" for limit in limits)])


con.execute(f"""
    CREATE TEMP TABLE scored AS SELECT *, {score("recency_days", "<=", days)} AS r,
        {score("frequency", ">=", orders)} AS f, {score("cents", ">=", cents)} AS m
    FROM history
""")  # noqa: S608
counts = [
    con.execute(f"SELECT {letter}, count(*) FROM scored GROUP BY 1 ORDER BY 1").fetchall()  # noqa: S608
    for letter in "rfm"
]


def literal(value: object) -> str:
    """Return a value as SQL writes it."""
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'{}'".format(str(value).replace("'", "''"))


# One statement: a prepared one for each row would take as long as everything else at small sizes.
rows = ", ".join(f"({', '.join(map(literal, row.values()))})" for row in asked.codes(days))
con.execute(f"""
    COPY (
        SELECT customer_id, recency_days, frequency, cents / 100 AS monetary, r, f, m, rfm_code,
            rfm_class, class_ru, class_en, last_day + 1 - recency_days AS days_to_next_class,
            '{asked.cutoff}' AS cutoff
        FROM scored JOIN (VALUES {rows}) AS codes(r, f, m, rfm_code, rfm_class, class_ru, class_en,
            last_day) USING (r, f, m)
        ORDER BY customer_id
    ) TO '{asked.out}' (FORMAT parquet)
""")  # noqa: S608
with open(f"{asked.out}.breaks.json", "w") as file:  # noqa: PTH123
    json.dump({"limits": [days, orders, cents], "customers_by_score": counts}, file)

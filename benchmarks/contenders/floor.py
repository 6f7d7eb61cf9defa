"""The least that any RFM needs: one group-by of all lines by customer."""

import duckdb
from scheme import task

asked = task()
duckdb.sql(f"""
    SELECT count(*), max(last), sum(total) FROM (
        SELECT customer_id, max(ordered_at) AS last, sum(amount) AS total
        FROM '{asked.lines}' WHERE trusted AND logged_at <= TIMESTAMP '{asked.cutoff}'
        GROUP BY customer_id
    )
""").fetchall()  # noqa: S608

"""The same work in Polars with its streaming engine."""

import json
from datetime import datetime

import polars as pl
from scheme import COLUMNS, MEASURES, note, task

asked = task()
cutoff = datetime.fromisoformat(asked.cutoff)
bought = ~pl.col("is_return")
lines = pl.scan_parquet(asked.lines).filter(pl.col("trusted") & (pl.col("logged_at") <= cutoff))
orders = lines.group_by("customer_id", "order_id").agg(
    pl.col("ordered_at").min(), pl.col("is_return").min(), pl.col("amount").sum()
)
last = pl.col("ordered_at").filter(bought).max().dt.date()
history = (
    orders.group_by("customer_id")
    .agg(
        recency_days=(pl.lit(cutoff.date()) - last).dt.total_days(),
        frequency=bought.sum().cast(pl.Int64),
        cents=(pl.col("amount").sum() * 100).cast(pl.Int64),
    )
    .filter(pl.col("frequency") > 0)
    .collect(engine="streaming")
)
limits = {}
for measure, column in zip(MEASURES, COLUMNS, strict=True):
    found = [history[column].quantile(share, "linear") for share in asked.shares(measure)]
    limits[measure] = asked.limits(measure, found)


def score(column: str, limits: list[int], downward: bool) -> pl.Expr:
    """Return a score: one more for every break that is reached."""
    value = pl.col(column)
    reached = [(value <= limit) if downward else (value >= limit) for limit in limits]
    return pl.sum_horizontal(pl.lit(1), *(each.cast(pl.Int64) for each in reached)).cast(pl.Int64)


scored = history.with_columns(
    score(column, limits[measure], measure == "recency").alias(measure[0])
    for measure, column in zip(MEASURES, COLUMNS, strict=True)
)
counts = [sorted(scored[letter].value_counts().rows()) for letter in "rfm"]
codes = pl.DataFrame(asked.codes(limits["recency"]), infer_schema_length=None).with_columns(
    pl.col("last_day").cast(pl.Int64)
)
table = (
    scored.lazy()
    .join(codes.lazy(), on=["r", "f", "m"])
    .select(
        "customer_id",
        "recency_days",
        "frequency",
        pl.col("cents").cast(pl.Float64) / 100,
        "r",
        "f",
        "m",
        "rfm_code",
        "rfm_class",
        "class_ru",
        "class_en",
        days_to_next_class=pl.col("last_day") + 1 - pl.col("recency_days"),
        cutoff=pl.lit(asked.cutoff),
    )
    .rename({"cents": "monetary"})
    .sort("customer_id")
)
table.sink_parquet(asked.out, compression="snappy")
with open(f"{asked.out}.breaks.json", "w") as file:  # noqa: PTH123
    json.dump({"limits": list(limits.values()), "customers_by_score": counts}, file)
note(version=pl.__version__)

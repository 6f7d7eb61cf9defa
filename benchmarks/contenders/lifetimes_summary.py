"""``lifetimes``: the summary that its models of repeat buying are fitted on."""

import importlib.metadata

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from lifetimes.utils import summary_data_from_transaction_data
from scheme import note, task

asked = task()
columns = ["customer_id", "ordered_at", "amount", "is_return"]
table = pq.read_table(asked.lines, columns=columns, filters=[("is_return", "==", False)])
table = table.set_column(2, "amount", table["amount"].cast(pa.float64()))
lines = table.to_pandas()
del table
found = summary_data_from_transaction_data(
    lines, "customer_id", "ordered_at", monetary_value_col="amount", freq="D",
    observation_period_end=pd.Timestamp(asked.cutoff),
)  # fmt: skip
found.reset_index().to_parquet(asked.out)
note(version=importlib.metadata.version("lifetimes"), pandas=pd.__version__)

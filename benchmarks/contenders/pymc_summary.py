"""PyMC-Marketing: the summary that its models of customer lifetime value are fitted on."""

import importlib.metadata

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pymc_marketing.clv.utils import rfm_summary
from scheme import note, task

asked = task()
columns = ["customer_id", "ordered_at", "amount", "is_return"]
table = pq.read_table(asked.lines, columns=columns, filters=[("is_return", "==", False)])
table = table.set_column(2, "amount", table["amount"].cast(pa.float64()))
lines = table.to_pandas()
del table
found = rfm_summary(
    lines, "customer_id", "ordered_at", monetary_value_col="amount", time_unit="D",
    observation_period_end=pd.Timestamp(asked.cutoff),
)  # fmt: skip
found.to_parquet(asked.out)
note(version=importlib.metadata.version("pymc-marketing"), pandas=pd.__version__)

"""The ``rfm`` package from PyPI, given one row per purchase order, because it counts rows."""

import importlib.metadata

import pyarrow as pa
import pyarrow.parquet as pq
from rfm import RFM
from scheme import note, task

asked = task()
columns = ["customer_id", "order_id", "ordered_at", "amount"]
table = pq.read_table(asked.lines, columns=columns, filters=[("is_return", "==", False)])
table = table.set_column(3, "amount", table["amount"].cast(pa.float64()))
lines = table.to_pandas()
del table
orders = lines.groupby(["customer_id", "order_id"], as_index=False).agg(
    order_date=("ordered_at", "min"), amount=("amount", "sum")
)
orders["amount"] = orders["amount"].round(2)
del lines
model = RFM(
    orders[["customer_id", "order_date", "amount"]],
    customer_id="customer_id",
    transaction_date="order_date",  # the package knows dates by this name
    amount="amount",
)
model.rfm_table.to_parquet(asked.out)
note(version=importlib.metadata.version("rfm"))

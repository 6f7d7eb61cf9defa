"""Made-up order lines: repeatable, shaped like gift_shop, in the form that the intake leaves."""

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from benchmarks import order_lines
from benchmarks.order_lines import era_of, make_lines, make_orders, make_products, write

LINES = 60_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("lines")
    write(LINES, home)
    write(2_000, home, "raw")
    return home


@pytest.fixture(scope="module")
def table(folder: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    file = folder / "03_primary" / "gift_shop" / "order_lines.parquet"
    connection.execute(f"CREATE TABLE lines AS FROM '{file}'")
    return connection


def one(table: duckdb.DuckDBPyConnection, query: str) -> Any:
    found = table.execute(query).fetchone()
    assert found is not None
    return found[0] if len(found) == 1 else found


def test_the_form_is_that_of_the_intake(table: duckdb.DuckDBPyConnection) -> None:
    # As data_processing writes 03_primary/gift_shop/order_lines.parquet.
    wanted = [
        ("row_number", "BIGINT"),
        ("customer_id", "VARCHAR"),
        ("order_id", "VARCHAR"),
        ("ordered_at", "TIMESTAMP"),
        ("logged_at", "TIMESTAMP"),
        ("product_id", "VARCHAR"),
        ("product_name", "VARCHAR"),
        ("quantity", "BIGINT"),
        ("unit_price", "DECIMAL(18,4)"),
        ("amount", "DECIMAL(18,2)"),
        ("is_return", "BOOLEAN"),
        ("country", "VARCHAR"),
        ("trusted", "BOOLEAN"),
    ]

    found = table.execute("DESCRIBE lines").fetchall()

    assert [(name, kind) for name, kind, *_ in found] == wanted


def test_there_are_as_many_lines_as_asked_for(table: duckdb.DuckDBPyConnection) -> None:
    assert one(table, "SELECT count(*), min(row_number), max(row_number) FROM lines") == (
        LINES, 1, LINES,
    )  # fmt: skip


def test_the_shape_is_that_of_gift_shop(table: duckdb.DuckDBPyConnection) -> None:
    orders = """
        SELECT customer_id, order_id, bool_or(is_return) AS back, count(*) AS n
        FROM lines GROUP BY ALL
    """
    per_order = one(table, f"SELECT avg(n), median(n) FROM ({orders}) WHERE NOT back")  # noqa: S608
    per_customer = one(
        table,
        f"""SELECT avg(n), avg((n = 1)::INT), max(n) FROM (
            SELECT count(*) AS n FROM ({orders}) WHERE NOT back GROUP BY customer_id)""",  # noqa: S608
    )
    back = one(table, "SELECT avg(is_return::INT) FROM lines")

    assert per_order == pytest.approx((21.3, 14), rel=0.12)
    assert per_customer[:2] == pytest.approx((4.25, 0.347), rel=0.25)
    assert per_customer[2] > 30
    assert back == pytest.approx(0.021, abs=0.006)


def test_money_is_price_times_pieces_and_returns_take_back_what_was_bought(
    table: duckdb.DuckDBPyConnection,
) -> None:
    lost = """
        SELECT count(*) FROM (FROM lines WHERE is_return) b
        LEFT JOIN (FROM lines WHERE NOT is_return) p ON p.customer_id = b.customer_id
            AND p.product_id = b.product_id AND p.quantity = -b.quantity
            AND p.unit_price = b.unit_price
            AND p.ordered_at < b.ordered_at
        WHERE p.row_number IS NULL
    """

    assert one(table, "SELECT count(*) FROM lines WHERE amount <> unit_price * quantity") == 0
    assert one(table, "SELECT count(*) FROM lines WHERE (quantity < 0) <> is_return") == 0
    assert one(table, "SELECT count(*) FROM lines WHERE (order_id[1] = 'C') <> is_return") == 0
    assert one(table, lost) == 0


def test_lines_stand_by_time_and_an_order_has_one_customer_and_one_time(
    table: duckdb.DuckDBPyConnection,
) -> None:
    wrong = """
        SELECT count(*) FROM (
            SELECT ordered_at - lag(ordered_at) OVER (ORDER BY row_number) AS step FROM lines
        ) WHERE step < INTERVAL 0 MINUTE
    """
    several = """
        SELECT count(*) FROM (
            SELECT order_id FROM lines GROUP BY order_id
            HAVING count(DISTINCT customer_id) > 1 OR count(DISTINCT ordered_at) > 1
                OR min(logged_at) <> any_value(ordered_at)
        )
    """

    assert one(table, wrong) == 0
    assert one(table, several) == 0


def test_the_same_seed_gives_the_same_lines_in_chunks_of_any_size() -> None:
    def lines(seed: int, chunk: int) -> pa.Table:
        batches = list(make_lines(make_orders(5_000, seed), seed, chunk))
        text = [batch.to_pylist() for batch in batches]
        return [row for rows in text for row in rows]

    whole = lines(7, 1_000_000)

    assert len(whole) == 5_000
    assert lines(7, 300) == whole
    assert lines(8, 300) != whole


def test_customers_grow_with_the_lines() -> None:
    few, many = (len(np.unique(make_orders(n).customer)) for n in (50_000, 500_000))

    assert many / few == pytest.approx(10, rel=0.2)


def test_products_have_codes_of_their_own_and_prices() -> None:
    products = make_products()

    assert len(set(products.codes)) == len(products.codes)
    assert products.cents.min() > 0
    assert products.share[-1] == pytest.approx(1)


def test_the_era_says_what_the_lines_hold(table: duckdb.DuckDBPyConnection, folder: Path) -> None:
    era = json.loads((folder / "03_primary" / "gift_shop" / "era.json").read_text())
    ends = one(table, "SELECT min(ordered_at), max(ordered_at) FROM lines")
    counts = one(
        table,
        "SELECT count(DISTINCT customer_id), count(DISTINCT order_id) FROM lines "
        "WHERE NOT is_return",
    )

    assert [era["data_from"], era["cutoff"]] == [end.isoformat() for end in ends]
    assert (era["customers"], era["orders"]) == counts
    assert era["withheld"] == {}
    assert era == era_of(make_orders(LINES))


def test_the_raw_form_is_that_of_the_shop(folder: Path) -> None:
    with gzip.open(folder / "gift_shop" / "online_retail.csv.gz", "rt") as file:
        header, first, *rest = file.read().splitlines()

    assert header == (
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    )
    assert len(rest) == 1_999
    assert len(first.split(",")) == 8
    assert first.split(",")[4].startswith("2010-12-")


def test_lines_that_are_there_are_not_made_again(folder: Path) -> None:
    file = folder / "03_primary" / "gift_shop" / "order_lines.parquet"
    before = file.stat().st_mtime_ns

    write(LINES, folder)

    assert file.stat().st_mtime_ns == before


@pytest.mark.parametrize("form", ["primary", "raw"])
def test_parts_put_together_are_the_whole(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = write(3_000, tmp_path / "whole", form)
    monkeypatch.setattr(order_lines, "CHUNK", 500)
    monkeypatch.setattr(order_lines, "PART", 1_000)

    parts = write(3_000, tmp_path / "parts", form)

    assert not list(parts.parent.glob("part*"))
    assert duckdb.sql(f"FROM '{parts}'").fetchall() == duckdb.sql(f"FROM '{whole}'").fetchall()

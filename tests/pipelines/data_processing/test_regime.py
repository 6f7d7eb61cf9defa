"""Breaks of regime: what is one, when it began, and what only looks like one."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from personal_offers.pipelines.data_processing.regime import (
    MEASURES,
    REGIME_COLUMNS,
    find_breaks,
    id_form,
    is_after_break,
    measure_months,
)
from personal_offers.pipelines.data_processing.regime_params import RegimeOptions

OPTIONS: dict[str, Any] = {
    "fewest_orders": 30,
    "fewest_months_before": 6,
    "fewest_months_after": 1,
    "season_months": 4,
    "distance": 3.5,
    "least_spread": 0.05,
    "smallest_factor": 1.5,
    "smallest_share_change": 0.25,
    "freeze_chance": 0.001,
    "complete_form": 0.9,
    "agreeing": 3,
    "agreeing_unproven": 4,
    "fewest_kinds": 2,
}
NEVER = datetime(2100, 1, 1)
CUSTOMER_MEASURES = {"new_customers", "returning_share"}
ORDER_MEASURES = {"lines_per_order", "timestamps_per_order", "median_order_value"}


def options(**changes: Any) -> RegimeOptions:
    return RegimeOptions.model_validate(OPTIONS | changes)


def orders_of_months(per_month: list[int], seed: int = 1) -> pd.DataFrame:
    """Random order times from January 2018 on, so many in each month."""
    random = np.random.default_rng(seed)
    months = pd.period_range("2018-01", periods=len(per_month), freq="M")
    starts = np.repeat(months.start_time.to_numpy(), per_month)
    hours = np.repeat(months.days_in_month.to_numpy() * 24, per_month)
    times = starts + (random.random(len(hours)) * hours).astype(int).astype("timedelta64[h]")
    return pd.DataFrame({"ordered_at": np.sort(times)})


def shop(
    per_month: list[int],
    *,
    since: datetime = NEVER,
    changes: tuple[str, ...] = ("customers", "orders", "value"),
    form: str | None = None,
    season: float = 0.0,
    new: float = 0.4,
    seed: int = 1,
) -> pd.DataFrame:
    """Order lines of a shop; from ``since`` on it is not customers who order.

    Args:
        per_month: Orders of each month.
        since: Begin of the other regime.
        changes: What differs there: no new ``customers``, ``orders`` of one line, a lower
            ``value``.
        form: Prefix and zeros of the order ids after it; none: the ids go on as before.
        season: How much baskets, prices and newcomers swell in November and December.
        new: Share of orders by customers who never bought.
    """
    random = np.random.default_rng(seed + 1000)
    orders = orders_of_months(per_month, seed)
    after = (orders.ordered_at >= since).to_numpy()
    swell = 1 + season * orders.ordered_at.dt.month.isin([11, 12]).to_numpy()
    is_new = random.random(len(orders)) < np.minimum(new * swell, 0.95)
    is_new[0], is_new[after & ("customers" in changes)] = True, False
    known = is_new.cumsum()
    orders["customer_id"] = np.where(is_new, known, 1 + random.random(len(orders)) * (known - 1))
    orders["customer_id"] = orders.customer_id.astype(int).astype(str)
    numbers = 20_000 + np.arange(len(orders))
    orders["order_id"] = numbers.astype(str)
    if form is not None:
        orders.loc[after, "order_id"] = [f"{form}{number}" for number in numbers[after]]
    flat = after & ("orders" in changes)
    sizes = np.where(flat, 1, 1 + random.poisson(1.5 * swell))
    lines = orders.loc[np.repeat(orders.index, sizes)].reset_index()
    cheaper = np.where(after & ("value" in changes), 0.3, 1.0) * swell
    lines["logged_at"] = lines.ordered_at
    lines["product_id"] = (lines.groupby("index").cumcount() * 7 + lines["index"] % 7).astype(str)
    lines["quantity"] = 1
    lines["unit_price"] = random.lognormal(4, 0.6, len(lines)) * cheaper[lines["index"]]
    again = lines[(random.random(len(lines)) < 0.1) & ~flat[lines["index"]]]
    again = again.assign(logged_at=again.logged_at + pd.Timedelta(hours=1))
    return pd.concat([lines, again]).sort_values("logged_at", ignore_index=True)


def table_of(lines: pd.DataFrame) -> ir.Table:
    lines = lines.assign(row_number=np.arange(1, len(lines) + 1), is_return=lines.quantity < 0)
    columns = {
        "row_number": "int64",
        "customer_id": "string",
        "order_id": "string",
        "logged_at": "timestamp(6)",
        "product_id": "string",
        "quantity": "int64",
        "unit_price": "float64",
        "is_return": "boolean",
    }
    table = ibis.memtable(lines[list(columns)], schema=columns)
    table = table.mutate(unit_price=table.unit_price.cast("decimal(18, 4)"))
    amount = (table.quantity * table.unit_price).round(2).cast("decimal(18, 2)")
    return table.mutate(amount=amount)


def lines_of(*rows: tuple[str | None, str, str, str, int, float]) -> ir.Table:
    """Lines from customer, order, time, product, quantity and price."""
    names = ["customer_id", "order_id", "logged_at", "product_id", "quantity", "unit_price"]
    frame = pd.DataFrame(rows, columns=names)
    return table_of(frame.assign(logged_at=pd.to_datetime(frame.logged_at)))


def find(lines: pd.DataFrame, **changes: Any) -> tuple[pd.DataFrame, dict[str, Any] | None]:
    return find_breaks(table_of(lines), options(**changes))


def marked(lines: pd.DataFrame, found: dict[str, Any] | None) -> pd.Series:
    table = table_of(lines)
    after = table.select("row_number", after=is_after_break(table, found)).to_pyarrow().to_pandas()
    return after.sort_values("row_number").after.reset_index(drop=True)


def test_months_count_orders_and_customers_once() -> None:
    months = measure_months(
        lines_of(
            ("a", "10001", "2018-01-05 10:00", "x", 2, 10.0),
            ("a", "10001", "2018-01-05 11:00", "x", 2, 10.0),  # logged again
            ("a", "10001", "2018-01-05 11:00", "x", 1, 10.0),  # more of the same product
            ("a", "10001", "2018-02-01 00:00", "y", 1, 5.0),  # belongs to January's order
            ("b", "10002", "2018-01-09 10:00", "x", 1, 7.0),
            ("b", "10002", "2018-01-09 10:00", "x", -1, 7.0),  # returned
            (None, "10003", "2018-01-09 10:00", "x", 1, 7.0),  # nobody knows whose
            ("b", "10004", "2018-01-09 10:00", "x", 1, 0.0),  # free of charge
            ("b", "100005", "2018-03-01 10:00", "z", 1, 3.0),
            ("c", "10006", "2018-03-02 10:00", "z", 1, 4.0),
        )
    ).set_index("month")
    assert list(months.columns) == [*MEASURES, "id_form"]
    assert list(months.index) == ["2018-01", "2018-02", "2018-03"]
    january = months.loc["2018-01", list(MEASURES)].tolist()
    #  orders, customers, new, returning, form, products, timestamps, median of 35 and 7
    assert january == [2, 2, 2, 0.0, 1.0, 1.5, 2.0, 21.0]
    assert months.loc["2018-02", "orders"] == 0
    assert months.loc["2018-02", "returning_share":"median_order_value"].isna().all()
    assert months.loc["2018-03", list(MEASURES)].tolist() == [2, 2, 1, 0.5, 0.5, 1.0, 1.0, 3.5]


def test_an_order_shared_by_customers_is_one_order() -> None:
    months = measure_months(
        lines_of(
            ("a", "1", "2018-01-05 10:00", "x", 1, 10.0),
            ("b", "1", "2018-01-05 10:00", "x", 1, 10.0),
        )
    )
    assert (months.orders[0], months.customers[0]) == (1, 2)


@pytest.mark.parametrize(
    ("order_id", "form"),
    [
        ("68477", "99999"),
        ("101689", "999999"),
        ("C536379", "C999999"),
        ("INV-0042", "INV-9999"),
        ("ee47d746-6d2f", "13 characters"),
        ("2018/11", "7 characters"),
    ],
)
def test_form_of_an_id(order_id: str, form: str) -> None:
    table = ibis.memtable({"order_id": [order_id]})
    assert table.select(form=id_form(table.order_id)).to_pyarrow()["form"].to_pylist() == [form]


GROWING = [round(60 * 1.12**month) for month in range(16)]
SEASONAL = [100, 90, 110, 95, 100, 105, 90, 95, 110, 120, 260, 340]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(shop([150] * 14), id="steady"),
        pytest.param(shop(GROWING), id="growing"),
        pytest.param(shop(GROWING, new=0.04), id="hardly anybody new"),
        pytest.param(shop(SEASONAL, season=0.5), id="ends in its first season"),
        pytest.param(shop([*SEASONAL, *SEASONAL], season=0.5), id="seasonal"),
        pytest.param(shop([150] * 12, season=0.5), id="season of larger orders"),
        pytest.param(shop([35, 40, 31, 45, 38, 33, 40, 36, 30, 41]), id="small"),
        pytest.param(shop([150] * 9).query("logged_at < '2018-09-08'"), id="part of a last month"),
    ],
)
def test_an_ordinary_shop_has_no_break(lines: pd.DataFrame) -> None:
    table, found = find(lines)
    assert found is None
    assert not table.flagged.any()
    assert table[["since", "withheld", "withheld_ru", "evidence"]].isna().all(axis=None)
    assert not marked(lines, found).any()


@pytest.mark.parametrize(
    "since", [datetime(2018, 10, 16, 9), datetime(2018, 10, 1), datetime(2018, 10, 30, 5)]
)
def test_break_with_a_new_id_form_is_dated_by_its_first_order(since: datetime) -> None:
    lines = shop([150] * 14, since=since, form="7")
    table, found = find(lines)
    first = lines.logged_at[lines.order_id.str.len() == 6].min()
    assert found is not None
    assert found["since"] == first.isoformat()
    assert (found["id_form_before"], found["id_form_after"]) == ("99999", "999999")
    assert found["proven"]
    assert set(found["measures"]) == CUSTOMER_MEASURES | ORDER_MEASURES | {"order_id_form"}
    assert marked(lines, found).equals(lines.order_id.str.len() == 6)
    flagged = table[table.flagged]
    whole = "2018-10" if since.day == 1 else "2018-11"
    assert flagged.month.min() == whole
    assert set(flagged.measure) == set(found["measures"])
    assert (flagged.since == first.floor("h").isoformat()).all()
    assert flagged[["withheld", "withheld_ru"]].notna().all(axis=None)
    assert table[~table.flagged].since.isna().all()


def test_break_without_a_new_id_form_is_dated_to_the_day() -> None:
    since = datetime(2018, 10, 16)
    lines = shop([150] * 14, since=since)
    _, found = find(lines)
    assert found is not None
    assert found["id_form_before"] is None
    assert abs(datetime.fromisoformat(found["since"]) - since) <= pd.Timedelta(days=1)
    assert set(found["measures"]) == CUSTOMER_MEASURES | ORDER_MEASURES
    wrong = marked(lines, found) != (lines.logged_at >= since)
    assert wrong.mean() < 0.005


def test_no_new_customers_and_single_lines_are_enough() -> None:
    _, found = find(shop([150] * 14, since=datetime(2018, 10, 1), changes=("customers", "orders")))
    assert found is not None
    assert found["sizes"]["new_customers"]["how"] == "frozen"


def test_first_month_after_a_break_shows_it() -> None:
    lines = shop([150] * 11, since=datetime(2018, 10, 20), form="7")
    assert find(lines)[1] is not None
    assert find(lines, fewest_months_after=2)[1] is None
    assert find(lines, fewest_months_before=11)[1] is None
    # Before a whole month has passed there is nothing to compare.
    assert find(lines[lines.logged_at < "2018-11-01"])[1] is None


@pytest.mark.parametrize(
    ("changes", "form"),
    [
        pytest.param((), "7", id="a new till"),
        pytest.param(("value",), "7", id="a new till and lower prices"),
        pytest.param(("orders",), None, id="single lines"),
        pytest.param(("orders", "value"), None, id="single lines at lower prices"),
        pytest.param(("customers",), None, id="no new customers"),
    ],
)
def test_changes_of_one_kind_are_no_break(changes: tuple[str, ...], form: str | None) -> None:
    lines = shop([150] * 14, since=datetime(2018, 10, 16), changes=changes, form=form)
    table, found = find(lines)
    assert found is None
    assert not table.flagged.any()
    if form:  # recorded all the same
        forms = table[table.measure == "order_id_form"].set_index("month")
        assert forms.value["2018-09"] == 1
        assert forms.value["2018-11"] == 0
        assert forms.distance["2018-11"] < -options().distance


def test_alternating_id_forms_are_no_new_form() -> None:
    lines = shop([150] * 14)
    even = lines.order_id.astype(int) % 2 == 0
    lines.loc[even, "order_id"] = "WEB" + lines.order_id[even]
    assert find(lines)[1] is None
    broken = shop([150] * 14, since=datetime(2018, 10, 16))
    even = broken.order_id.astype(int) % 2 == 0
    broken.loc[even, "order_id"] = "WEB" + broken.order_id[even]
    _, found = find(broken)
    assert found is not None
    assert found["id_form_after"] is None


def test_ids_that_each_have_a_form_of_their_own_say_nothing() -> None:
    # Given orders numbered behind letters that no other order has
    lines = shop([150] * 8)
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    number = lines.order_id.astype(int)
    prefix = pd.Series("", index=lines.index)
    for place in range(4):
        prefix += letters[(number // 26**place % 26).to_numpy()]
    lines["order_id"] = prefix + "7"

    months = measure_months(table_of(lines))
    _, found = find_breaks(table_of(lines), options())

    assert months.id_form.isna().all()
    assert months.order_id_form.isna().all()
    assert found is None


def test_an_older_change_of_form_does_not_hide_the_break() -> None:
    lines = shop([150] * 16, since=datetime(2019, 1, 16), form="700")
    early = lines.logged_at < "2018-03-10"
    lines.loc[early, "order_id"] = "OLD" + lines.order_id[early]
    _, found = find(lines)
    assert found is not None
    assert (found["id_form_before"], found["id_form_after"]) == ("99999", "99999999")
    assert found["since"] == lines.logged_at[lines.order_id.str.startswith("700")].min().isoformat()


def test_stray_early_orders_of_the_new_form_do_not_move_the_date() -> None:
    lines = shop([150] * 14, since=datetime(2018, 10, 16), form="7")
    stray = lines.order_id.isin(lines.order_id[lines.logged_at < "2018-10-02"].unique()[-3:])
    lines.loc[stray, "order_id"] = "7" + lines.order_id[stray]
    _, found = find(lines)
    assert found is not None
    assert found["since"] >= "2018-10-16"


def test_customers_with_new_ids_are_a_break_although_they_become_known_again() -> None:
    lines = shop([200] * 14, new=0.1)
    after = lines.logged_at >= "2018-10-01"
    lines.loc[after, "customer_id"] = "new " + lines.customer_id[after]
    lines.loc[after, "order_id"] = "B" + lines.order_id[after]
    table, found = find(lines)
    assert found is not None
    assert found["measures"] == ["new_customers", "returning_share", "order_id_form"]
    assert found["since"].startswith("2018-10-01")
    assert set(table.month[table.flagged]) == {
        "2018-10",
        "2018-11",
        "2018-12",
        "2019-01",
        "2019-02",
    }


def test_a_counter_that_gains_a_digit_is_no_proof() -> None:
    lines = shop([*SEASONAL[:10], 260], season=0.8)
    november = lines.order_id[lines.logged_at >= "2018-11-01"].astype(int).min()
    lines["order_id"] = (lines.order_id.astype(int) + 100_000 - november).astype(str)
    assert find(lines)[1] is None
    lines["order_id"] = lines.order_id.where(lines.order_id.str.len() == 5, "B" + lines.order_id)
    _, found = find(lines)
    assert found is not None
    assert found["proven"]


def test_what_comes_back_is_no_break() -> None:
    lines = shop([150] * 14, since=datetime(2018, 9, 1))
    usual = shop([150] * 14)
    mixed = pd.concat(
        [lines[lines.logged_at < "2018-11-01"], usual[usual.logged_at >= "2018-11-01"]]
    )
    assert find(mixed)[1] is None


def test_without_proof_a_change_must_outlast_a_season() -> None:
    lines = shop([150] * 14, new=0.2)
    after = lines.logged_at >= "2018-10-01"
    random = np.random.default_rng(5)
    # Half of all orders are suddenly by strangers, and everything costs three times as much.
    stranger = dict.fromkeys(lines.order_id[after & (lines.order_id.astype(int) % 4 > 0)])
    rows = after & lines.order_id.isin(stranger)
    lines.loc[rows, "customer_id"] = "new " + lines.order_id[rows]
    lines.loc[after, "unit_price"] *= 3
    extra = lines[after].assign(product_id=lambda t: "more " + t.product_id)
    extra["logged_at"] += pd.to_timedelta(random.integers(1, 9, len(extra)), unit="h")
    lines = pd.concat([lines, extra])
    _, found = find(lines)
    assert found is not None
    assert not found["proven"]
    assert find(lines, season_months=6)[1] is None
    assert find(lines[lines.logged_at < "2019-01-01"])[1] is None


def test_months_without_orders_and_with_few_are_not_judged() -> None:
    per_month = [150, 150, 0, 150, 150, 3, 150, 150, 150, 0, 150, 150, 2]
    lines = shop(per_month, since=datetime(2018, 11, 1), form="7")
    table, found = find(lines)
    assert found is not None
    assert found["since"].startswith("2018-11-01")
    assert (table.groupby("month").size() == len(MEASURES)).all()
    assert table.month.nunique() == len(per_month)
    empty = table[(table.month == "2018-03") & ~table.measure.isin(["orders", "customers"])]
    assert empty.set_index("measure").value.drop("new_customers").isna().all()
    few = table[table.month == "2018-06"]
    assert few.distance.isna().all()


@pytest.mark.parametrize("months", [1, 2, 6])
def test_a_short_file_has_no_break(months: int) -> None:
    lines = shop([150] * months, since=datetime(2018, 1, 1 + 14 * (months > 1)), form="7")
    table, found = find(lines)
    assert found is None
    assert len(table) == months * len(MEASURES)


def test_a_file_without_sales_has_an_empty_table() -> None:
    lines = shop([40]).assign(quantity=-1)
    table, found = find(lines)
    assert found is None
    assert list(table.columns) == list(REGIME_COLUMNS)
    assert table.empty
    assert measure_months(table_of(lines)).empty


def test_table_has_a_row_per_month_and_measure_in_order() -> None:
    table, _ = find(shop([150] * 8))
    months = [f"2018-{month:02}" for month in range(1, 9)]
    assert list(zip(table.month, table.measure, strict=True)) == [
        (month, measure) for month in months for measure in MEASURES
    ]


def test_shuffled_lines_change_nothing() -> None:
    lines = shop([150] * 12, since=datetime(2018, 9, 16), form="7")
    table, found = find(lines)
    again, found_again = find(lines.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(table, again)
    assert found == found_again


def test_sentence_names_the_date_and_the_sizes_in_both_languages() -> None:
    lines = shop([150] * 12, since=datetime(2018, 9, 16), form="7")
    _, found = find(lines)
    assert found is not None
    day = datetime.fromisoformat(found["since"])
    assert f"{day:%Y-%m-%d %H:%M}" in found["sentence"]["en"]
    assert f"{day:%d.%m.%Y %H:%M}" in found["sentence"]["ru"]
    for language in ("ru", "en"):
        assert "99999 → 999999" in found["sentence"][language]
        assert "→ 0;" in found["sentence"][language]


def test_lines_of_the_hour_of_the_break_are_told_apart_by_their_ids() -> None:
    found = {"since": "2018-10-31T16:20:00", "id_form_before": "99999"}
    lines = lines_of(
        ("a", "10001", "2018-10-31 16:10", "x", 1, 1.0),
        ("a", "10002", "2018-10-31 16:30", "x", 1, 1.0),  # an old order of the same hour
        ("a", "700003", "2018-10-31 16:20", "x", 1, 1.0),
        ("a", "10004", "2018-10-31 17:00", "x", 1, 1.0),
        ("a", "700005", "2018-10-01 12:00", "x", 1, 1.0),
    )
    after = lines.select("row_number", after=is_after_break(lines, found)).order_by("row_number")
    assert after.to_pyarrow()["after"].to_pylist() == [False, False, True, True, False]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fewest_month_before": 6}, "fewest_month_before"),
        ({"distance": 0}, "distance"),
        ({"smallest_factor": 1.0}, "smallest_factor"),
        ({"agreeing": 5, "agreeing_unproven": 4}, "agreeing_unproven 4 is below agreeing 5"),
    ],
)
def test_options_out_of_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        options(**changes)


def read_real(path: Path, time: str) -> ir.Table:
    """Read a real file as text and give its columns their types, without cleaning rules."""
    raw = ibis.duckdb.connect().read_csv(path, all_varchar=True)
    if time == "InvoiceDate":
        raw = raw.rename(
            customer_id="CustomerID", order_id="InvoiceNo", product_id="StockCode",
            quantity="Quantity", price="UnitPrice",
        )  # fmt: skip
        logged_at = raw[time].cast("timestamp")
    else:
        raw = raw.rename(product_id="product")
        logged_at = raw[time].as_timestamp("%Y%m%d%H").cast("timestamp")
    price = raw.price.cast("decimal(18, 4)")
    quantity = raw.quantity.cast("int64")
    return raw.select(
        "customer_id",
        "order_id",
        "product_id",
        logged_at=logged_at,
        quantity=quantity,
        unit_price=price,
        amount=(quantity * price).round(2).cast("decimal(18, 2)"),
        is_return=quantity < 0,
        row_number=ibis.row_number() + 1,
    ).cache()


@pytest.mark.real_data
def test_home_goods_breaks_on_the_31st_of_october_2019_at_16h(real_data: Path) -> None:
    lines = read_real(real_data / "home_goods" / "ecom_dataset_upd.csv", "date")
    table, found = find_breaks(lines, options())
    assert found is not None
    assert found["since"] == "2019-10-31T16:00:00"
    assert set(found["measures"]) == CUSTOMER_MEASURES | ORDER_MEASURES | {"order_id_form"}
    flagged = table[table.flagged]
    assert set(flagged.month) == {"2019-11", "2019-12", "2020-01"}
    after = lines.filter(is_after_break(lines, found))
    old_form = after.order_id.length() == 5
    counts = after.aggregate(lines=after.count(), old=old_form.sum()).to_pyarrow().to_pylist()
    assert counts == [{"lines": 737, "old": 0}]
    clean = lines.filter(lines.order_id.length() == 5)
    assert find_breaks(clean, options())[1] is None


@pytest.mark.real_data
def test_gift_shop_has_no_break(real_data: Path) -> None:
    lines = read_real(real_data / "gift_shop" / "online_retail.csv.gz", "InvoiceDate")
    table, found = find_breaks(lines, options())
    assert found is None
    assert not table.flagged.any()
    orders = table[table.measure == "orders"]
    assert orders.value.sum() == 18_532

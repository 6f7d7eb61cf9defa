"""Synthetic order lines of the gift shop: the form and the quirks of the real file."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from personal_offers.pipelines.sample_data.gift_charges import CHARGES, ODD_PRODUCTS
from personal_offers.pipelines.sample_data.gift_shop import generate_gift_shop
from personal_offers.pipelines.sample_data.params import GiftShopSample

Sample = Callable[..., GiftShopSample]
SEED = 7
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
FILE = "online_retail.csv.gz"
USUAL_CODE = r"\d{5}[A-Za-z]{0,2}"


@pytest.fixture(scope="module", name="sample")
def fixture_sample(parameters: dict[str, Any]) -> Sample:
    """Make options from those of conf/base, with the given ones changed."""
    configured = parameters["gift_shop"]["sample_data"]
    return lambda **changed: GiftShopSample.model_validate(configured | {"seed": SEED} | changed)


@pytest.fixture(scope="module", name="cells")
def fixture_cells(sample: Sample) -> pd.DataFrame:
    """File as configured, but for the seed: text only."""
    return generate_gift_shop(sample())


@pytest.fixture(scope="module", name="lines")
def fixture_lines(cells: pd.DataFrame) -> pd.DataFrame:
    """The same with numbers, times and marks."""
    return cells.assign(
        quantity=cells["Quantity"].astype(int),
        price=cells["UnitPrice"].astype(float),
        at=pd.to_datetime(cells["InvoiceDate"]),
        value=cells["Quantity"].astype(int) * cells["UnitPrice"].astype(float),
        known=cells["CustomerID"].ne(""),
        cancelled=cells["InvoiceNo"].str.startswith("C"),
        adjusted=cells["InvoiceNo"].str.startswith("A"),
    )


@pytest.fixture(scope="module", name="sales")
def fixture_sales(lines: pd.DataFrame) -> pd.DataFrame:
    """Usual base of RFM: customer known, sold, quantity and price above zero."""
    kept = lines["known"] & ~lines["cancelled"] & (lines["quantity"] > 0) & (lines["price"] > 0)
    return lines[kept]


def differing(lines: pd.DataFrame, by: str, column: str) -> int:
    """Count the groups that hold several values."""
    kinds = lines.groupby(by)[column].nunique()
    return int(kinds.gt(1).sum())


class TestForm:
    def test_same_seed_gives_equal_lines(self, cells: pd.DataFrame, sample: Sample) -> None:
        pd.testing.assert_frame_equal(cells, generate_gift_shop(sample()))

    def test_other_seed_gives_other_lines(self, cells: pd.DataFrame, sample: Sample) -> None:
        assert not cells.equals(generate_gift_shop(sample(seed=SEED + 1)))

    def test_columns_and_size(self, cells: pd.DataFrame) -> None:
        assert ",".join(cells.columns) == HEADER
        assert len(cells) == pytest.approx(45_000, rel=0.1)

    @pytest.mark.parametrize(
        ("column", "pattern"),
        [
            ("InvoiceNo", r"[CA]?\d{6}"),
            ("Quantity", r"-?[1-9]\d*"),
            ("InvoiceDate", r"201[01]-\d\d-\d\d \d\d:\d\d:00"),
            ("UnitPrice", r"-?\d+\.\d{1,3}"),
            ("CustomerID", r"(\d{5})?"),
            ("Country", r"[A-Za-z ]+"),
        ],
    )
    def test_cells_look_like_raw_ones(self, cells: pd.DataFrame, column: str, pattern: str) -> None:
        assert cells[column].str.fullmatch(pattern).all()

    def test_sorted_by_date_and_invoices_numbered_in_time(self, lines: pd.DataFrame) -> None:
        assert lines["at"].is_monotonic_increasing
        opened = lines.groupby(lines["InvoiceNo"].str[-6:])["at"].min()
        assert opened.is_monotonic_increasing

    def test_period_days_and_hours(self, lines: pd.DataFrame, sample: Sample) -> None:
        options = sample()
        assert lines["at"].min() == options.first_at
        assert lines["at"].max() == options.last_at
        assert (lines["at"].dt.day_of_week != 5).all()
        closed = pd.DatetimeIndex(options.closed_days)
        days = pd.DatetimeIndex(lines["at"].dt.normalize().unique())
        assert not days.isin(closed).any()
        assert len(days) == 374 - 53 - len(closed)
        assert lines["at"].dt.hour.between(6, 20).all()

    def test_ids_start_elsewhere_than_the_real_ones(self, lines: pd.DataFrame) -> None:
        assert lines.loc[lines["known"], "CustomerID"].astype(int).min() > 18_287
        assert lines["InvoiceNo"].str[-6:].astype(int).min() > 581_587


class TestRecords:
    def test_lines_without_a_customer_are_whole_invoices(self, lines: pd.DataFrame) -> None:
        assert differing(lines, "InvoiceNo", "known") == 0
        assert (~lines["known"]).mean() == pytest.approx(0.249, abs=0.03)

    def test_lines_without_a_name_have_neither_price_nor_customer(
        self, lines: pd.DataFrame
    ) -> None:
        unnamed = lines[lines["Description"] == ""]
        assert len(unnamed) == pytest.approx(121, abs=12)
        assert unnamed["price"].eq(0).all()
        assert not unnamed["known"].any()

    def test_exact_copies(self, cells: pd.DataFrame, sample: Sample) -> None:
        options = sample()
        copies = cells[cells.duplicated()]
        assert len(copies) == options.exact_copies
        assert copies["InvoiceNo"].nunique() == options.orders_with_copies
        assert cells.duplicated(keep=False).sum() < 2 * options.exact_copies

    def test_negative_quantities_on_sales_are_notes_of_the_warehouse(
        self, lines: pd.DataFrame
    ) -> None:
        notes = lines[(lines["quantity"] < 0) & ~lines["cancelled"]]
        assert len(notes) == pytest.approx(111, abs=15)
        assert notes["price"].eq(0).all()
        assert not notes["known"].any()
        assert notes["Description"].isin(["check", "damages", "?"]).sum() > 5
        assert notes.groupby("InvoiceNo").size().max() == 1

    def test_three_adjustments_of_a_bad_debt(self, lines: pd.DataFrame) -> None:
        adjustments = lines[lines["adjusted"]]
        assert adjustments["StockCode"].tolist() == ["B"] * 3
        amount = 950.40
        assert adjustments["price"].tolist() == [amount, -amount, -amount]
        assert adjustments["InvoiceNo"].nunique() == 3
        assert lines["price"].lt(0).sum() == 2

    def test_tiny_and_zero_prices(self, lines: pd.DataFrame, sample: Sample) -> None:
        assert lines["price"].eq(0.001).sum() == 4
        assert (lines["price"].eq(0) & lines["known"]).sum() == sample().free_lines + 1

    def test_some_invoices_run_into_the_next_minute(
        self, lines: pd.DataFrame, sample: Sample
    ) -> None:
        assert differing(lines, "InvoiceNo", "at") == sample().two_minute_orders
        span = lines.groupby("InvoiceNo")["at"].agg(lambda at: at.max() - at.min())
        assert span.max() == pd.Timedelta(minutes=1)

    def test_countries(self, lines: pd.DataFrame, sample: Sample) -> None:
        countries = set(lines["Country"])
        assert len(countries) == 38
        assert {"Unspecified", "European Community", "EIRE", "RSA", "Hong Kong"} <= countries
        assert lines["Country"].eq("United Kingdom").mean() == pytest.approx(0.914, abs=0.03)
        moved = differing(lines[lines["known"]], "CustomerID", "Country")
        assert moved == sample().two_country_customers


class TestReturns:
    def test_every_cancelled_line_is_negative(self, lines: pd.DataFrame) -> None:
        cancelled = lines[lines["cancelled"]]
        assert cancelled["quantity"].lt(0).all()
        assert len(cancelled) / len(lines) == pytest.approx(0.0171, abs=0.004)
        assert cancelled["known"].mean() == pytest.approx(0.96, abs=0.03)

    def test_most_match_a_sale_and_some_exactly(self, lines: pd.DataFrame) -> None:
        known = lines[lines["known"] & ~lines["adjusted"]]
        sold = known[~known["cancelled"]]
        back = known[known["cancelled"]].assign(quantity=lambda t: -t["quantity"])
        exact = pd.MultiIndex.from_frame(sold[["CustomerID", "StockCode", "quantity"]])
        loose = exact.droplevel("quantity")
        asked = pd.MultiIndex.from_frame(back[["CustomerID", "StockCode", "quantity"]])
        assert asked.isin(exact).mean() == pytest.approx(0.37, abs=0.05)
        assert asked.droplevel("quantity").isin(loose).mean() == pytest.approx(0.88, abs=0.05)

    def test_customers_who_only_return_or_end_below_zero(
        self, lines: pd.DataFrame, sample: Sample
    ) -> None:
        known = lines[lines["known"]]
        buys = known.groupby("CustomerID")["cancelled"].agg(lambda c: not c.all())
        net = known.groupby("CustomerID")["value"].sum().round(4)
        returns = sample().returns
        assert (~buys).sum() == returns.only_customers
        assert (buys & net.lt(0)).sum() >= returns.minus_customers
        assert net.eq(0).sum() >= returns.whole_customers + 1

    def test_huge_orders_are_cancelled_within_minutes(
        self, lines: pd.DataFrame, sample: Sample
    ) -> None:
        orders_of = lines[~lines["cancelled"]].groupby("CustomerID")["InvoiceNo"].nunique()
        for number, huge in enumerate(sample().huge_orders):
            sale, back = lines[lines["quantity"].abs() == huge.units].to_dict("records")
            assert (sale["at"], sale["quantity"]) == (huge.at, huge.units)
            assert back["at"] - sale["at"] == pd.Timedelta(minutes=huge.minutes)
            assert back["value"] == -sale["value"]
            assert back["CustomerID"] == sale["CustomerID"]
            assert (orders_of[sale["CustomerID"]] == 1) == (number == 0)


class TestProducts:
    def test_every_code_that_is_no_usual_product(self, lines: pd.DataFrame, sample: Sample) -> None:
        odd = lines[~lines["StockCode"].str.fullmatch(USUAL_CODE)]
        kinds = {*CHARGES, *(code for code, *_ in ODD_PRODUCTS), "B"}
        assert len(kinds) == 33
        assert set(odd["StockCode"]) == kinds
        counts = odd.drop_duplicates()["StockCode"].value_counts()
        for code, count in sample().other_codes.items():
            assert counts[code] == pytest.approx(count, abs=1), code

    def test_charges_stand_where_they_do_in_the_real_file(self, lines: pd.DataFrame) -> None:
        of = {code: lines[lines["StockCode"] == code] for code in CHARGES}
        assert not of["DOT"]["known"].any()
        assert of["C2"].loc[~of["C2"]["cancelled"], "Country"].eq("EIRE").all()
        assert of["POST"].loc[~of["POST"]["cancelled"], "Country"].ne("United Kingdom").all()
        assert of["D"]["cancelled"].all()
        assert of["CRUK"]["cancelled"].all()
        assert of["AMAZONFEE"]["value"].sum() < -10_000
        assert 0 < of["M"]["cancelled"].mean() < 1

    def test_some_codes_are_also_written_with_a_small_letter(
        self, cells: pd.DataFrame, sample: Sample
    ) -> None:
        small = cells["StockCode"].str.fullmatch(r"\d{5}[a-z]{1,2}")
        assert small.sum() == pytest.approx(sample().small_letter_lines, abs=10)
        both = cells["StockCode"].nunique() - cells["StockCode"].str.upper().nunique()
        assert 20 < both < 60

    def test_names(self, lines: pd.DataFrame) -> None:
        names = lines["Description"]
        assert names.ne(names.str.strip()).mean() == pytest.approx(0.21, abs=0.05)
        assert names.str.strip().str.contains("  ").mean() == pytest.approx(0.041, abs=0.02)
        for mark, least in (('"', 30), (",", 100), ("£", 5), ("[a-z]", 100)):
            assert names.str.contains(mark).sum() >= least, mark
        assert names.str.fullmatch(r"\?+").sum() == 5
        assert names.str.fullmatch(r"\d+").sum() == 1

    def test_codes_have_several_names_and_names_several_codes(self, lines: pd.DataFrame) -> None:
        named = lines[lines["Description"] != ""]
        assert differing(named, "StockCode", "Description") > 120
        assert named.groupby("StockCode")["Description"].nunique().max() == 8
        assert 40 < differing(named, "Description", "StockCode") < 120

    def test_most_codes_have_several_prices(self, lines: pd.DataFrame) -> None:
        assert differing(lines, "StockCode", "price") > 0.8 * lines["StockCode"].nunique()


class TestBehaviour:
    def test_customers_and_how_often_they_buy(
        self, lines: pd.DataFrame, sales: pd.DataFrame
    ) -> None:
        assert lines.loc[lines["known"], "CustomerID"].nunique() == 1_500
        orders = sales.groupby("CustomerID")["InvoiceNo"].nunique()
        assert len(orders) == 1_489
        assert orders.eq(1).mean() == pytest.approx(0.344, abs=0.06)
        assert orders.quantile([0.5, 0.9, 0.99]).tolist() == pytest.approx([2, 10, 30], rel=0.5)

    def test_few_customers_hold_half_of_the_revenue(self, sales: pd.DataFrame) -> None:
        money = sales.groupby("CustomerID")["value"].sum().sort_values(ascending=False)
        share = money.head(len(money) // 20).sum() / money.sum()
        assert share == pytest.approx(0.5, abs=0.1)

    def test_seasons(self, sales: pd.DataFrame) -> None:
        orders = sales.drop_duplicates("InvoiceNo")
        months = orders.groupby(orders["at"].dt.to_period("M")).size()
        assert months.index[:-1][months[:-1].argmax()] == pd.Period("2011-11")
        weekdays = orders["at"].dt.day_of_week.value_counts()
        assert weekdays.idxmax() == 3
        hours = orders["at"].dt.hour.value_counts()
        assert hours.idxmax() == 12

    def test_recent_and_frequent_customers_come_back_more_often(self, sales: pd.DataFrame) -> None:
        # Given what was known 90 days before the end, and who bought afterwards
        cutoff = sales["at"].max() - pd.Timedelta(days=90)
        past, later = sales[sales["at"] <= cutoff], sales[sales["at"] > cutoff]
        known = past.groupby("CustomerID").agg(last=("at", "max"), orders=("InvoiceNo", "nunique"))
        back = known.index.isin(later["CustomerID"])
        recent = (known["last"] > cutoff - pd.Timedelta(days=38)).to_numpy()
        frequent = (known["orders"] >= 5).to_numpy()
        single = (known["orders"] == 1).to_numpy()

        # Then the rates differ as in the real file, and nobody is certain
        assert back.mean() == pytest.approx(0.57, abs=0.08)
        assert back[recent & frequent].mean() == pytest.approx(0.92, abs=0.06)
        old = (known["last"] < cutoff - pd.Timedelta(days=119)).to_numpy()
        assert back[old & single].mean() == pytest.approx(0.33, abs=0.12)
        assert 0.3 < back[recent & single].mean() < 0.7

    def test_smaller_and_larger_samples_keep_the_quirks(self, sample: Sample) -> None:
        for customers in (300, 2_000):
            cells = generate_gift_shop(sample(customers=customers))
            assert cells["CustomerID"].nunique() == customers + 1
            assert cells["Country"].nunique() == 38
            assert cells.duplicated().sum() == sample().exact_copies


class TestOptions:
    @pytest.mark.parametrize(
        "changed",
        [
            {"seed": -1},
            {"customers": 299},
            {"first_at": "2011-06-01T00:00:00"},
            {"adjusted_at": "2012-01-01T00:00:00"},
            {"exact_copies": 10},
            {"web_lines": 1},
            {"wholesaler_share": 0.5},
            {"gap_days": 0},
            {"huge_orders": []},
            {"other_codes": {"POST": 0}},
            {"other_codes": {"POSTAGE": 1}},
            {"colour": "red"},
        ],
    )
    def test_options_out_of_range_are_refused(
        self, sample: Sample, changed: dict[str, Any]
    ) -> None:
        with pytest.raises(ValidationError):
            sample(**changed)

    def test_too_many_special_notes_are_refused(self, sample: Sample) -> None:
        notes = sample().stock_notes.model_dump() | {"question_marks": 100}
        with pytest.raises(ValidationError, match="noted_down"):
            sample(stock_notes=notes)

    @pytest.mark.parametrize("name", list(GiftShopSample.model_fields))
    def test_no_option_has_a_default_outside_the_configuration(
        self, sample: Sample, name: str
    ) -> None:
        options = sample().model_dump()
        del options[name]
        with pytest.raises(ValidationError, match="Field required"):
            GiftShopSample.model_validate(options)


class TestFile:
    @pytest.fixture(name="written")
    def fixture_written(self, run_pipeline: Callable[..., Any], root: Path, tmp_path: Path) -> Path:
        """The raw file that the pipeline wrote."""
        run_pipeline("sample_data", root / "data" / "01_raw", tmp_path / "output")
        return tmp_path / "output" / "01_raw" / "gift_shop" / FILE

    def test_committed_file_is_the_output_of_the_pipeline(self, written: Path, root: Path) -> None:
        # Unpacked: another build of zlib may pack the same lines in other bytes
        committed = root / "data" / "01_raw" / "gift_shop" / FILE
        assert gzip.decompress(written.read_bytes()) == gzip.decompress(committed.read_bytes())
        assert committed.stat().st_size < 2_000_000

    def test_file_has_the_form_of_the_real_one(self, written: Path) -> None:
        packed = written.read_bytes()
        content = gzip.decompress(packed)
        assert content.startswith(HEADER.encode() + b"\n")
        assert content.endswith(b"\n")
        assert b"\r" not in content
        # Bytes 4 to 7 hold the time of writing, which would differ from run to run
        assert packed[4:8] == bytes(4)
        # Quoted are only names that need it, and numbers keep their point
        assert content.decode().count('"') > 0
        quoted = [line for line in content.decode().splitlines() if '"' in line]
        read = pd.read_csv(written, dtype=str, keep_default_na=False)
        needing = read["Description"].str.contains('[",]').sum()
        assert len(quoted) == needing

    def test_written_twice_gives_the_same_bytes(
        self, written: Path, run_pipeline: Callable[..., Any], root: Path, tmp_path: Path
    ) -> None:
        run_pipeline("sample_data", root / "data" / "01_raw", tmp_path / "again")
        again = tmp_path / "again" / "01_raw" / "gift_shop" / FILE
        assert again.read_bytes() == written.read_bytes()

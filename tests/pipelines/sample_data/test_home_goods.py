"""Synthetic order lines of the home goods shop: the form and the quirks of the real file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from personal_offers.pipelines.sample_data.home_goods import generate_home_goods
from personal_offers.pipelines.sample_data.order_lines import make_calendar, share_out
from personal_offers.pipelines.sample_data.params import HomeGoodsSample

Sample = Callable[..., HomeGoodsSample]
SEED = 7
HEADER = "date,customer_id,order_id,product,quantity,price"
FILE = "ecom_dataset_upd.csv"
LINE = ["customer_id", "order_id", "product", "quantity", "price"]
KEY = ["customer_id", "order_id", "product"]


@pytest.fixture(scope="module", name="sample")
def fixture_sample(parameters: dict[str, Any]) -> Sample:
    """Make options from those of conf/base, with the given ones changed."""
    configured = parameters["home_goods"]["sample_data"]
    return lambda **changed: HomeGoodsSample.model_validate(configured | {"seed": SEED} | changed)


@pytest.fixture(scope="module", name="cells")
def fixture_cells(sample: Sample) -> pd.DataFrame:
    """File as configured, but for the seed: text only."""
    return generate_home_goods(sample())


@pytest.fixture(scope="module", name="lines")
def fixture_lines(cells: pd.DataFrame) -> pd.DataFrame:
    """The same with numbers, times and marks."""
    return cells.assign(
        row=range(len(cells)),
        at=pd.to_datetime(cells["date"], format="%Y%m%d%H"),
        units=cells["quantity"].astype(int),
        amount=cells["price"].astype(float),
        value=cells["quantity"].astype(int) * cells["price"].astype(float),
        tail=cells["order_id"].str.len().eq(6),
        copy=cells.duplicated(LINE),
    )


@pytest.fixture(scope="module", name="before")
def fixture_before(lines: pd.DataFrame) -> pd.DataFrame:
    """Lines before the break."""
    return lines[~lines["tail"]]


@pytest.fixture(scope="module", name="tail")
def fixture_tail(lines: pd.DataFrame) -> pd.DataFrame:
    """Lines after the break."""
    return lines[lines["tail"]]


class TestForm:
    def test_same_seed_gives_equal_lines(self, cells: pd.DataFrame, sample: Sample) -> None:
        pd.testing.assert_frame_equal(cells, generate_home_goods(sample()))

    def test_other_seed_gives_other_lines(self, cells: pd.DataFrame, sample: Sample) -> None:
        assert not cells.equals(generate_home_goods(sample(seed=SEED + 1)))

    def test_columns_and_counts_of_the_real_file(self, cells: pd.DataFrame) -> None:
        assert ",".join(cells.columns) == HEADER
        assert len(cells) == 7_474
        assert cells["customer_id"].nunique() == 2_451
        assert cells["order_id"].nunique() == 3_521
        assert cells["product"].nunique() == 2_343

    @pytest.mark.parametrize(
        ("column", "pattern"),
        [
            ("date", r"20(18|19|20)[01]\d[0-3]\d[0-2]\d"),
            ("customer_id", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
            ("order_id", r"\d{5,6}"),
            ("quantity", r"[1-9]\d*"),
            ("price", r"\d+\.\d{1,6}"),
        ],
    )
    def test_cells_look_like_raw_ones(self, cells: pd.DataFrame, column: str, pattern: str) -> None:
        assert cells[column].str.fullmatch(pattern).all()

    def test_sorted_by_date_over_the_whole_period(
        self, lines: pd.DataFrame, sample: Sample
    ) -> None:
        options = sample()
        assert lines["at"].is_monotonic_increasing
        assert (lines["at"].min(), lines["at"].max()) == (options.first_at, options.last_at)

    @pytest.mark.parametrize("seed", [SEED, 42])
    def test_every_day_but_two_has_lines(self, sample: Sample, seed: int) -> None:
        options = sample(seed=seed)
        dates = pd.to_datetime(generate_home_goods(options)["date"].str[:8])
        days = pd.date_range(options.first_at.date(), options.last_at.date())
        assert days.difference(dates).tolist() == [pd.Timestamp(d) for d in options.missing_days]


class TestTail:
    def test_last_lines_are_one_order_of_one_line_per_customer(
        self, lines: pd.DataFrame, tail: pd.DataFrame
    ) -> None:
        assert len(tail) == 737
        assert tail["row"].tolist() == list(range(6_737, 7_474))
        assert tail["order_id"].is_unique
        assert tail["customer_id"].is_unique
        assert lines.loc[~lines["tail"], "order_id"].str.fullmatch(r"\d{5}").all()

    def test_last_old_and_first_new_line_share_the_hour(
        self, before: pd.DataFrame, tail: pd.DataFrame
    ) -> None:
        assert before["date"].max() == tail["date"].min() == "2019103116"
        assert before["date"].eq("2019103116").sum() == 1

    def test_nobody_is_new_and_everybody_had_one_line(
        self, before: pd.DataFrame, tail: pd.DataFrame
    ) -> None:
        lines_before = before.groupby("customer_id").size()
        assert lines_before.reindex(tail["customer_id"]).eq(1).all()
        assert lines_before.eq(1).sum() == pytest.approx(1_784, abs=120)

    @pytest.mark.parametrize("seed", [SEED, 42])
    def test_they_return_in_the_order_of_their_first_appearance(
        self, sample: Sample, seed: int
    ) -> None:
        # Given the lines of another seed too: the gap must not hold by chance
        options = sample(seed=seed)
        lines = generate_home_goods(options)
        at = pd.to_datetime(lines["date"], format="%Y%m%d%H")
        tail = lines["order_id"].str.len().eq(6)
        first = lines[~tail].reset_index().groupby("customer_id")["index"].min()

        # Then positions only increase, and nobody comes back too soon
        positions = first.loc[lines.loc[tail, "customer_id"]]
        assert positions.is_monotonic_increasing
        gap = at[tail].to_numpy() - at.loc[positions].to_numpy()
        assert gap.min() >= pd.Timedelta(days=options.tail.shortest_gap_days)
        assert gap.max() <= pd.Timedelta(days=396)

    def test_ids_follow_neither_time_nor_customers(self, tail: pd.DataFrame) -> None:
        ids = tail["order_id"].astype(int)
        assert abs(ids.corr(tail["row"], method="spearman")) < 0.15
        assert tail["order_id"].min() >= "201689"

    def test_prices_are_earlier_ones_or_their_averages(
        self, before: pd.DataFrame, tail: pd.DataFrame
    ) -> None:
        range_of = before.groupby("product")["amount"].agg(["min", "max"])
        seen = range_of.reindex(tail["product"])
        amount = tail["amount"].to_numpy()
        assert ((seen["min"].to_numpy() <= amount) & (amount <= seen["max"].to_numpy())).all()
        assert tail["amount"].mod(1).gt(0).sum() == 47
        assert tail["price"].str.fullmatch(r"\d+\.\d{6}").any()
        assert before["amount"].mod(1).eq(0).all()

    def test_few_buy_again_what_they_bought(self, before: pd.DataFrame, tail: pd.DataFrame) -> None:
        pairs = before.drop_duplicates(["customer_id", "product"])
        again = tail.merge(pairs, on=["customer_id", "product"])
        assert len(again) == pytest.approx(8, abs=2)
        assert tail["product"].nunique() == pytest.approx(566, abs=80)

    def test_what_the_tail_does_to_the_repeat_share(
        self, lines: pd.DataFrame, before: pd.DataFrame
    ) -> None:
        with_tail = lines.groupby("customer_id")["order_id"].nunique().gt(1)
        without = before.groupby("customer_id")["order_id"].nunique().gt(1)
        assert with_tail.mean() == pytest.approx(0.366, abs=0.001)
        assert (without.sum(), round(without.mean(), 3)) == (160, 0.065)


class TestCopies:
    def test_lines_logged_again(self, cells: pd.DataFrame, lines: pd.DataFrame) -> None:
        assert not cells.duplicated().any()
        assert lines["copy"].sum() == 1_864
        assert not lines.loc[lines["tail"], "copy"].any()
        june = lines["at"].dt.strftime("%Y-%m").eq("2019-06")
        assert (lines["copy"] & june).sum() == pytest.approx(1_089, abs=40)

    def test_one_basket_of_twelve_products_was_logged_74_times(self, lines: pd.DataFrame) -> None:
        copies = lines.groupby("order_id")["copy"].sum().sort_values(ascending=False)
        assert copies.head(2).tolist() == [864, 174]
        assert {60, 59} <= set(copies.head(8))
        basket = lines[lines["order_id"] == copies.index[0]]
        assert len(basket) == 888
        assert basket["product"].nunique() == 12
        assert basket["date"].nunique() == 74

    def test_some_copies_changed_quantity_or_price(self, lines: pd.DataFrame) -> None:
        assert lines.duplicated(KEY).sum() == 1_864 + 22
        kinds = lines.groupby(KEY)[["quantity", "price"]].nunique().gt(1).sum()
        assert kinds.to_dict() == {"quantity": 20, "price": 2}

    def test_orders_over_several_hours_days_and_months(self, lines: pd.DataFrame) -> None:
        of = lines.groupby("order_id")["at"].agg(["nunique", "min", "max"])
        span = of["max"] - of["min"]
        assert of["nunique"].gt(1).sum() == pytest.approx(284, abs=15)
        assert span.ge(pd.Timedelta(days=1)).sum() > 80
        assert span.max().days == 209
        assert of["min"].dt.month.ne(of["max"].dt.month).sum() > 10


class TestOrders:
    def test_shared_orders(self, before: pd.DataFrame) -> None:
        customers = before.groupby("order_id")["customer_id"].nunique()
        assert customers[customers > 1].value_counts().to_dict() == {2: 26, 3: 2, 4: 1}
        shared = before["order_id"].isin(customers.index[customers > 1])
        sharing = set(before.loc[shared, "customer_id"])
        assert len(sharing) == 62
        assert len(sharing - set(before.loc[~shared, "customer_id"])) == 57

    def test_baskets_of_a_shared_order_are_identical(self, before: pd.DataFrame) -> None:
        baskets = before[~before["copy"]].groupby(["order_id", "customer_id"])[
            ["product", "quantity", "price"]
        ]
        baskets = baskets.agg(lambda cells: tuple(sorted(cells)))
        shared = baskets.groupby("order_id").filter(lambda group: len(group) > 1)
        assert shared.groupby("order_id").nunique().eq(1).all().all()

    def test_orders_per_customer(self, before: pd.DataFrame) -> None:
        orders = before.groupby("customer_id")["order_id"].nunique()
        assert orders.value_counts().to_dict() == {
            **{1: 2_291, 2: 132, 3: 20, 4: 3, 5: 1, 7: 1},
            **{17: 1, 35: 1, 126: 1},
        }

    def test_heavy_accounts_and_when_they_order(self, before: pd.DataFrame, sample: Sample) -> None:
        orders = before.groupby("customer_id")["order_id"].nunique()
        for account in sample().goods.heavy_accounts:
            own = before[before["customer_id"] == orders.index[orders == account.orders][0]]
            assert own["at"].min() == account.first_at
            first = own.groupby("order_id")["at"].min()
            assert first.max() == account.last_at

    def test_seedlings_have_low_ids_and_customers_of_their_own(self, before: pd.DataFrame) -> None:
        low = before["order_id"].lt("60000")
        seedlings, goods = before[low], before[~low]
        assert seedlings["order_id"].nunique() == 304
        assert seedlings["customer_id"].nunique() == 261
        assert seedlings["product"].nunique() == 690
        assert seedlings["copy"].sum() == pytest.approx(1_364, abs=5)
        assert not set(seedlings["customer_id"]) & set(goods["customer_id"])
        assert len(set(seedlings["product"]) & set(goods["product"])) == 11
        opened = goods.groupby("order_id")["at"].min()
        assert opened.rank().corr(opened.index.to_series().astype(int).rank()) > 0.99

    def test_most_orders_have_one_line(self, lines: pd.DataFrame) -> None:
        sizes = lines[~lines["copy"]].groupby("order_id").size()
        assert sizes.eq(1).mean() == pytest.approx(0.875, abs=0.03)


class TestValues:
    def test_one_order_is_three_quarters_of_its_month(self, lines: pd.DataFrame) -> None:
        largest = lines.loc[lines["value"].idxmax()]
        assert (largest["date"], largest["quantity"], largest["price"]) == (
            "2019061815",
            "1000",
            "675.0",
        )
        assert lines["customer_id"].eq(largest["customer_id"]).sum() == 1
        june = lines[lines["at"].dt.strftime("%Y-%m").eq("2019-06") & ~lines["copy"]]
        assert 675_000 / june["value"].sum() == pytest.approx(0.745, abs=0.08)
        assert lines["units"].nlargest(2).tolist() == [1_000, 334]

    def test_quantities_and_prices(self, lines: pd.DataFrame) -> None:
        assert lines["units"].ge(100).sum() == pytest.approx(15, abs=4)
        assert lines["amount"].between(9, 14_917).all()
        assert lines["value"].sum() == pytest.approx(5_357_944, rel=0.2)

    def test_several_prices_per_product(self, before: pd.DataFrame) -> None:
        prices = before.groupby("product")["amount"].agg(["nunique", "min", "max"])
        assert prices["nunique"].gt(1).sum() == pytest.approx(241, abs=2)
        assert prices["nunique"].max() == 4
        assert (prices["max"] >= 2 * prices["min"]).sum() == pytest.approx(11, abs=4)

    def test_seasons(self, lines: pd.DataFrame) -> None:
        low = lines["order_id"].lt("60000") & ~lines["tail"] & ~lines["copy"]
        spring = lines.loc[low, "at"].dt.month.isin([3, 4, 5, 6])
        assert spring.mean() > 0.6
        tail_months = lines[lines["tail"]].groupby(lines["at"].dt.to_period("M")).size()
        assert tail_months[1:].between(200, 290).all()


class TestNames:
    @pytest.fixture(name="names")
    def fixture_names(self, cells: pd.DataFrame) -> pd.Series:
        return pd.Series(cells["product"].unique())

    @pytest.mark.parametrize(
        ("pattern", "count"),
        [
            ('"', 40),
            (r"\d{7}", 301),
            (r"\d{13}", 82),
            ("ё", 12),
            ("[А-я][A-Za-z]|[A-Za-z][А-я]", 17),
            ("^ | $|  ", 0),
        ],
    )
    def test_oddities(self, names: pd.Series, pattern: str, count: int) -> None:
        assert names.str.contains(pattern).sum() == count

    def test_many_names_have_commas(self, names: pd.Series) -> None:
        assert names.str.contains(",").sum() == pytest.approx(804, abs=120)

    def test_twins(self, names: pd.Series) -> None:
        plain = names.str.lower()
        marks = plain.str.replace(r"[^\w\s]", "", regex=True)
        words = plain.str.replace(r"[^\w\s]", " ", regex=True)
        words = words.map(lambda name: tuple(sorted(name.split())))
        assert [len(names) - kind.nunique() for kind in (plain, marks, words)] == [2, 7, 9]

    def test_first_words(self, cells: pd.DataFrame) -> None:
        first = cells["product"].str.split().str[0].str.lower().value_counts()
        assert first.index[:2].tolist() == ["рассада", "пеларгония"]
        assert len(first) > 200


class TestOptions:
    @pytest.mark.parametrize(
        "changed",
        [
            {"seed": -1},
            {"break_at": "2018-01-01T00:00:00"},
            {"largest_orders": [{"at": "2019-12-01T00:00:00", "units": 1, "price": 1}]},
            {"products_by_prices": {1: 5}},
            {"doubled_prices": -1},
            {"colour": "red"},
        ],
    )
    def test_options_out_of_range_are_refused(
        self, sample: Sample, changed: dict[str, Any]
    ) -> None:
        with pytest.raises(ValidationError):
            sample(**changed)

    @pytest.mark.parametrize(
        ("block", "changed"),
        [
            ("tail", {"orders": 20}),
            ("tail", {"order_id_range": 100}),
            ("tail", {"averaged_prices": 735}),
            ("goods", {"lines": 2_000}),
            ("goods", {"lines_logged_again": 10}),
            ("goods", {"shared_only_customers": 61}),
        ],
    )
    def test_parts_that_do_not_fit_are_refused(
        self, sample: Sample, block: str, changed: dict[str, Any]
    ) -> None:
        with pytest.raises(ValidationError):
            sample(**{block: sample().model_dump()[block] | changed})

    def test_more_logs_than_hours_are_refused(self, sample: Sample) -> None:
        again = sample().model_dump()["logged_again"]
        again[0]["hours"] = 1_000
        with pytest.raises(ValidationError, match="1000 hours do not fit"):
            sample(logged_again=again)

    @pytest.mark.parametrize("name", list(HomeGoodsSample.model_fields))
    def test_no_option_has_a_default_outside_the_configuration(
        self, sample: Sample, name: str
    ) -> None:
        options = sample().model_dump()
        del options[name]
        with pytest.raises(ValidationError, match="Field required"):
            HomeGoodsSample.model_validate(options)


class TestHelpers:
    def test_share_out_keeps_the_total_and_the_smallest_share(self) -> None:
        assert share_out([1, 1, 2], 8).tolist() == [2, 2, 4]
        assert share_out([1, 1, 1], 10, at_least=2).sum() == 10
        assert share_out([0, 0, 1], 5, at_least=1).tolist() == [1, 1, 3]

    def test_calendar_runs_faster_on_busy_days(self) -> None:
        # Given a week without Sundays, in which Monday is twice as busy as other days
        first, closed = pd.Timestamp("2011-01-03").date(), [pd.Timestamp("2011-01-05").date()]
        last = pd.Timestamp("2011-01-09").date()
        calendar = make_calendar(first, last, closed, [1] * 12, [2, 1, 1, 1, 1, 1, 0])

        # Then five days are open, and moments of trading time fall on them by pace
        assert calendar.days.size == 5
        assert calendar.length == pytest.approx(5)
        moments = calendar.clock[:-1] + 0.1
        assert calendar.day_at(moments).tolist() == [0, 1, 2, 3, 4]
        assert calendar.day_at(calendar.clock[[-1]]).tolist() == [4]


class TestFile:
    @pytest.fixture(name="written")
    def fixture_written(self, run_pipeline: Callable[..., Any], root: Path, tmp_path: Path) -> Path:
        """The raw file that the pipeline wrote."""
        run_pipeline("sample_data", root / "data" / "01_raw", tmp_path / "output")
        return tmp_path / "output" / "01_raw" / "home_goods" / FILE

    def test_committed_file_is_the_output_of_the_pipeline(self, written: Path, root: Path) -> None:
        committed = root / "data" / "01_raw" / "home_goods" / FILE
        assert written.read_bytes() == committed.read_bytes()
        assert committed.stat().st_size < 2_000_000

    def test_file_has_the_form_of_the_real_one(self, written: Path) -> None:
        content = written.read_bytes()
        assert content.startswith(HEADER.encode() + b"\n")
        assert content.endswith(b"\n")
        assert b"\r" not in content
        assert content.count(b'""') >= 40

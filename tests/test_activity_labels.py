"""Who declined: windows, baselines, eligibility, and nothing of the future."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import binomtest

from personal_offers.activity_labels import (
    PREVALENCE_COLUMNS,
    eligible_customers,
    label_activity,
    label_cutoffs,
    prevalence_table,
    training_cutoffs,
    trusted_span,
)
from personal_offers.activity_params import ActivityOptions
from personal_offers.datasets import RawCSVDataset
from personal_offers.errors import InputError
from personal_offers.pipelines.data_processing.order_nodes import (
    mark_order_lines,
    read_order_lines,
    take_order_lines,
)
from personal_offers.pipelines.data_processing.order_params import OrderLineOptions

START = datetime(2021, 1, 1)
# Days after the start; baselines take 20 days and outcomes 10 in these tests.
CUTOFF = 40
SCHEMA = {
    "customer_id": "string",
    "order_id": "string",
    "ordered_at": "timestamp",
    "logged_at": "timestamp",
    "quantity": "int64",
    "amount": "decimal(18, 2)",
    "is_return": "boolean",
    "trusted": "boolean",
}
Line = dict[str, Any]


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def line(customer: str, at: float, quantity: int, **changes: Any) -> Line:
    """Line of an order of its own; a unit costs 1.00."""
    moment = day(at)
    return {
        "customer_id": customer,
        "order_id": f"{customer}/{at}/{'R' if quantity < 0 else 'S'}",
        "ordered_at": moment,
        "logged_at": moment,
        "quantity": quantity,
        "amount": Decimal(quantity).quantize(Decimal("0.01")),
        "is_return": quantity < 0,
        "trusted": True,
    } | changes


# Opens and closes the trusted lines, so that all windows fit.
FRAME = [line("frame", 0, 1), line("frame", 100, 1)]


def table_of(*lines: Line) -> ir.Table:
    return ibis.memtable([*FRAME, *lines], schema=SCHEMA)


def options(**changes: Any) -> ActivityOptions:
    asked: dict[str, Any] = {
        "measure": "items",
        "outcome_days": 10,
        "gap_days": 0,
        "baseline_days": 20,
        "shortest_baseline_days": 20,
        "share": 0.5,
        "minimum_orders": 2,
        "recent_days": 20,
        "step_days": 5,
        "most_cutoffs": 100,
        "fewest_per_class": 2,
        "prevalence_shares": [0.25, 0.5, 1.0],
        "confidence": 0.95,
    }
    return ActivityOptions.model_validate(asked | changes)


def labels(*lines: Line, cutoff: float = CUTOFF, **changes: Any) -> dict[str, Line]:
    found = label_activity(table_of(*lines), day(cutoff), options(**changes))
    rows = found.to_pyarrow().to_pylist()
    assert len({row["customer_id"] for row in rows}) == len(rows)
    return {row["customer_id"]: row for row in rows}


def bought(customer: str, *later: Line, before: int = 40) -> list[Line]:
    """Two orders that make ``before`` units in the 20 days before the cutoff."""
    return [line(customer, 25, before - 10), line(customer, 35, 10), *later]


class TestLabels:
    def test_a_customer_is_compared_with_their_own_mean(self) -> None:
        found = labels(*bought("ann", line("ann", 45, 9)), *bought("bob", line("bob", 45, 15)))

        assert found["ann"] == {
            "customer_id": "ann",
            "cutoff": day(CUTOFF),
            "baseline_days": 20,
            "baseline": 20.0,  # 40 units in 20 days are 20 in 10 days
            "outcome": 9.0,
            "declined": True,
        }
        assert found["bob"]["declined"] is False

    def test_who_buys_nothing_has_declined(self) -> None:
        assert labels(*bought("ann"))["ann"]["outcome"] == 0
        assert labels(*bought("ann"))["ann"]["declined"] is True

    def test_who_is_exactly_at_the_share_has_not_declined(self) -> None:
        at = labels(*bought("ann", line("ann", 45, 10)))
        below = labels(*bought("ann", line("ann", 45, 9)))

        assert (at["ann"]["declined"], below["ann"]["declined"]) == (False, True)

    @pytest.mark.parametrize("share", [0.1, 0.3, 0.7, 0.57, 0.2815])
    def test_shares_are_exact_decimals(self, share: float) -> None:
        exactly = round(10_000 * share)  # floats would put 0.57 x 10,000 below or above 5,700
        history = bought("ann", line("ann", 45, exactly), before=20_000)

        assert labels(*history, share=share)["ann"]["declined"] is False
        history = bought("ann", line("ann", 45, exactly - 1), before=20_000)
        assert labels(*history, share=share)["ann"]["declined"] is True

    def test_windows_end_with_their_last_moment(self) -> None:
        history = bought("ann")
        for at, counts in [(40, False), (40.001, True), (50, True), (50.001, False)]:
            outcome = labels(*history, line("ann", at, 7))["ann"]["outcome"]
            assert outcome == (7 if counts else 0)
        for at, counts in [(20, False), (20.001, True), (40, True)]:
            assert labels(*history, line("ann", at, 8))["ann"]["baseline"] == 20 + 4 * counts

    def test_the_gap_is_looked_at_by_nobody(self) -> None:
        found = labels(
            *bought("ann", line("ann", 44, 1_000), line("ann", 45.5, 3), line("ann", 55, 4),
                    line("ann", 55.5, 1_000)),
            gap_days=5,
        )["ann"]  # fmt: skip

        assert (found["baseline"], found["outcome"]) == (20, 7)

    def test_returns_count_against_both_windows(self) -> None:
        found = labels(
            *bought("ann", line("ann", 30, -20), line("ann", 45, 30), line("ann", 46, -26))
        )["ann"]

        assert (found["baseline"], found["outcome"], found["declined"]) == (10, 4, True)

    def test_more_may_come_back_than_was_bought(self) -> None:
        found = labels(*bought("ann", line("ann", 45, -5)))["ann"]

        assert (found["outcome"], found["declined"]) == (-5, True)

    def test_the_same_rows_in_another_order(self) -> None:
        lines = [*bought("ann", line("ann", 45, 9)), *bought("bob", line("bob", 45, 15))]

        assert labels(*lines) == labels(*reversed(lines))


class TestMeasures:
    def test_revenue_is_in_currency_units_and_exact(self) -> None:
        cents = [Decimal("0.10"), Decimal("0.20"), Decimal("0.15")]
        rows = [line("ann", at, 1, amount=a) for at, a in zip((25, 35, 45), cents, strict=True)]
        found = labels(*rows, measure="revenue", share=1.0)["ann"]

        assert found["baseline"] == pytest.approx(0.15)
        assert (found["outcome"], found["declined"]) == (0.15, False)

    def test_orders_are_purchases_and_a_return_takes_none_away(self) -> None:
        rows = bought("ann", line("ann", 30, -5), line("ann", 45, 1), line("ann", 46, -1))
        found = labels(*rows, measure="orders", share=1.0)["ann"]

        assert (found["baseline"], found["outcome"], found["declined"]) == (1, 1, False)

    def test_lines_of_one_order_are_one_order(self) -> None:
        rows = bought("ann", *(line("ann", 45, 1, order_id="one") for _ in range(3)))

        assert labels(*rows, measure="orders")["ann"]["outcome"] == 1

    def test_a_late_line_of_an_old_order_is_goods_but_no_order(self) -> None:
        late = line("ann", 35, 6, logged_at=day(44))
        rows = bought("ann", late)

        assert labels(*rows)["ann"]["outcome"] == 6
        assert labels(*rows)["ann"]["baseline"] == 20  # not known at the cutoff
        assert labels(*rows, measure="orders")["ann"]["outcome"] == 0


class TestEligible:
    def test_one_order_is_too_few(self) -> None:
        assert labels(line("ann", 35, 10)) == {}
        assert set(labels(line("ann", 35, 10), minimum_orders=1)) == {"ann"}

    def test_orders_count_from_the_first_day_on(self) -> None:
        assert set(labels(line("ann", 3, 10), line("ann", 35, 10))) == {"ann"}

    def test_the_last_order_must_be_recent(self) -> None:
        rows = [line("ann", 5, 10), line("ann", 20, 10), line("bob", 5, 10), line("bob", 20.1, 10)]

        assert set(labels(*rows)) == {"bob"}

    def test_a_return_is_no_order(self) -> None:
        assert labels(line("ann", 35, 10), line("ann", 36, -2)) == {}

    def test_an_order_of_several_lines_is_one_order(self) -> None:
        assert labels(*(line("ann", 35, 5, order_id="one") for _ in range(2))) == {}

    def test_who_returned_everything_has_no_baseline(self) -> None:
        rows = bought("ann", line("ann", 38, -40))

        assert labels(*rows) == {}
        assert set(labels(*rows, measure="orders")) == {"ann"}

    def test_recent_buyers_with_an_empty_baseline_are_not_eligible(self) -> None:
        rows = [line("ann", 15, 10), line("ann", 18, 10)]

        assert labels(*rows, recent_days=30) == {}

    def test_who_came_later_has_no_label(self) -> None:
        assert labels(line("ann", 41, 10), line("ann", 42, 10)) == {}

    def test_lines_that_cannot_be_trusted_do_not_count(self) -> None:
        rows = bought("ann", line("ann", 45, 100, trusted=False))

        assert labels(*rows)["ann"]["outcome"] == 0


class TestEligibleToday:
    """Whom a risk of today speaks about: those who would get a label, whatever follows."""

    @staticmethod
    def eligible(*lines: Line, at: float = CUTOFF, **changes: Any) -> list[str]:
        found = eligible_customers(table_of(*lines), day(at), options(**changes))
        assert list(found.columns) == ["customer_id"]
        return sorted(found.customer_id.to_pyarrow().to_pylist())

    LINES = (
        *bought("ann", line("ann", 45, 9)),
        line("bob", 35, 10),  # one order
        line("cat", 5, 10), line("cat", 20, 10),  # long ago
        *bought("dan", line("dan", 38, -40)),  # returned everything
        line("eve", 41, 10), line("eve", 42, 10),  # came later
    )  # fmt: skip

    def test_they_are_those_with_a_label(self) -> None:
        assert self.eligible(*self.LINES) == ["ann"] == sorted(labels(*self.LINES))

    def test_the_outcome_window_need_not_fit(self) -> None:
        # Given a moment at the end of the data, of which no outcome is known
        late = [line("ann", 85, 30), line("ann", 95, 10)]

        assert self.eligible(*late, at=99) == ["ann"]

    def test_what_follows_changes_nothing(self) -> None:
        later = [line("ann", 41, -500), line("bob", 41, 3), line("cat", 50, 9)]

        assert self.eligible(*self.LINES, *later) == self.eligible(*self.LINES)

    def test_with_orders_as_the_measure_a_return_takes_nobody_out(self) -> None:
        assert self.eligible(*self.LINES, measure="orders") == ["ann", "dan"]

    def test_a_shorter_history_shortens_the_baseline(self) -> None:
        long = {"baseline_days": 365, "recent_days": 60}

        assert self.eligible(line("ann", 2, 5), line("ann", 35, 5), **long) == ["ann"]

    def test_without_a_trusted_line_there_is_nobody_to_speak_about(self) -> None:
        lines = ibis.memtable([line("ann", 1, 1, trusted=False)], schema=SCHEMA)

        with pytest.raises(InputError, match="no order line can be linked to a customer"):
            eligible_customers(lines, day(1), options())


class TestNoFuture:
    @settings(max_examples=15, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["ann", "bob", "eve"]), st.floats(0.01, 59), st.integers(-9, 9)
            ),
            max_size=12,
        )
    )
    def test_later_lines_change_neither_baseline_nor_who_is_eligible(
        self, later: list[tuple[str, float, int]]
    ) -> None:
        history = [*bought("ann"), *bought("bob"), line("eve", 30, 2)]
        shifted = [line(who, CUTOFF + after, n) for who, after, n in later if n]
        now, then = labels(*history), labels(*history, *shifted)

        assert {k: v["baseline"] for k, v in now.items()} == {
            k: v["baseline"] for k, v in then.items()
        }

    def test_lines_after_the_outcome_window_change_nothing(self) -> None:
        history = bought("ann", line("ann", 45, 9))

        assert labels(*history) == labels(*history, line("ann", 50.1, 99), line("ann", 90, -99))


def by_hand(lines: list[Line], cutoff: datetime, asked: ActivityOptions) -> dict[str, bool]:
    """Label customers one by one, in plain Python."""
    found = {}
    for who in {row["customer_id"] for row in lines}:
        own = [row for row in lines if row["customer_id"] == who]
        known = [row for row in own if row["logged_at"] <= cutoff]
        orders = {row["order_id"]: row["ordered_at"] for row in known if not row["is_return"]}
        if len(orders) < asked.minimum_orders:
            continue
        if max(orders.values()) <= cutoff - timedelta(days=asked.recent_days):
            continue
        since = cutoff - timedelta(days=asked.baseline_days)
        before = sum(row["quantity"] for row in known if row["logged_at"] > since)
        opens = cutoff + timedelta(days=asked.gap_days)
        closes = opens + timedelta(days=asked.outcome_days)
        after = sum(row["quantity"] for row in own if opens < row["logged_at"] <= closes)
        if before > 0:
            mean = Decimal(before) * asked.outcome_days / asked.baseline_days
            found[who] = after < Decimal(str(asked.share)) * mean
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_labels_agree_with_labels_by_hand(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311
    lines = [
        line(f"c{draw.randrange(60)}", draw.randrange(1, 99), draw.choice([-3, 1, 2, 5, 8]))
        for _ in range(600)
    ]
    asked = options(gap_days=3, share=0.75)
    found = label_activity(table_of(*lines), day(CUTOFF), asked).to_pyarrow().to_pylist()
    wanted = by_hand([*FRAME, *lines], day(CUTOFF), asked)

    assert {row["customer_id"]: row["declined"] for row in found} == wanted
    assert 0 < sum(wanted.values()) < len(wanted)


class TestWindows:
    def test_a_shorter_baseline_is_stated_and_scaled(self) -> None:
        found = labels(*bought("ann"), cutoff=36, baseline_days=90, shortest_baseline_days=30)

        assert found["ann"]["baseline_days"] == 36
        assert found["ann"]["baseline"] == pytest.approx(40 * 10 / 36)

    def test_only_whole_days_make_a_baseline(self) -> None:
        asked = options(baseline_days=90, shortest_baseline_days=30)
        lines = table_of(*bought("ann"))
        found = label_activity(lines, day(36) - timedelta(seconds=1), asked)

        assert found.baseline_days.max().to_pyarrow().as_py() == 35

    def test_a_baseline_that_is_too_short_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"needs 20 days, but .* begin at 2021-01-01"):
            labels(*bought("ann"), cutoff=19)

    def test_an_outcome_window_past_the_end_is_refused(self) -> None:
        with pytest.raises(InputError, match="take 2021-04-01 00:00:00 or an earlier cutoff"):
            labels(*bought("ann"), cutoff=90.5)
        assert labels(*bought("ann"), cutoff=90) == {}

    def test_lines_after_a_break_do_not_make_a_window(self) -> None:
        late = line("ann", 300, 1, trusted=False)

        with pytest.raises(InputError, match="order lines end at 2021-04-11"):
            labels(late, cutoff=200)

    def test_all_windows_that_do_not_fit_are_named_at_once(self) -> None:
        with pytest.raises(InputError) as caught:
            label_cutoffs(table_of(), [day(95), day(5), day(50)], options())

        assert [text[:17] for text in caught.value.problems] == [
            "cutoff 2021-01-06",
            "cutoff 2021-04-06",
        ]

    def test_no_trusted_line_is_refused(self) -> None:
        lines = ibis.memtable([line("ann", 1, 1, trusted=False)], schema=SCHEMA)

        with pytest.raises(InputError, match="no order line can be linked to a customer"):
            label_activity(lines, day(1), options())

    def test_no_cutoff_is_a_mistake_of_the_caller(self) -> None:
        with pytest.raises(ValueError, match="at least one cutoff"):
            label_cutoffs(table_of(), [], options())


def test_pooled_cutoffs_are_the_single_ones_together() -> None:
    lines = table_of(*bought("ann", line("ann", 45, 9)), *bought("bob", line("bob", 45, 15)))
    moments = [day(38), day(44)]
    pooled = label_cutoffs(lines, [*moments, moments[0]], options()).to_pyarrow().to_pylist()
    single = [
        row
        for at in moments
        for row in label_activity(lines, at, options()).to_pyarrow().to_pylist()
    ]

    def by(row: Line) -> tuple[datetime, str]:
        return row["cutoff"], row["customer_id"]

    assert sorted(pooled, key=by) == sorted(single, key=by)
    assert len(pooled) == 4


class TestPrevalence:
    LINES = (
        *bought("ann", line("ann", 45, 4)),  # below 0.25
        *bought("bob", line("bob", 45, 5)),  # at 0.25, below 0.5
        *bought("cat", line("cat", 45, 19)),  # below 1
        *bought("dan", line("dan", 45, 20)),
        *bought("eve", line("eve", 38, -40)),  # returned everything
        line("fay", 35, 1),  # one order
    )

    def test_everybody_is_counted_once(self) -> None:
        table = prevalence_table(table_of(*self.LINES), [day(CUTOFF)], options())

        assert list(table.columns) == PREVALENCE_COLUMNS
        assert table["share"].to_list() == [0.25, 0.5, 1.0]
        assert table["chosen"].to_list() == [False, True, False]
        assert table["declined"].to_list() == [1, 2, 3]
        assert set(table["customers"]) == {7}
        assert set(table["not_regular"]) == {2}  # fay and the customer of the frame
        assert set(table["baseline_not_positive"]) == {1}
        assert set(table["eligible"]) == {4}

    def test_shares_have_score_intervals(self) -> None:
        table = prevalence_table(table_of(*self.LINES), [day(CUTOFF)], options(confidence=0.9))
        wilson = binomtest(1, 4).proportion_ci(0.9, method="wilson")

        found = table.loc[0, ["declined_share", "declined_share_low", "declined_share_high"]]
        assert found.to_list() == [0.25, wilson.low, wilson.high]

    def test_it_agrees_with_the_labels(self) -> None:
        lines, moments = table_of(*self.LINES), [day(44), day(38)]
        table = prevalence_table(lines, moments, options(prevalence_shares=[0.9]))

        assert table["cutoff"].to_list() == [day(38), day(38), day(44), day(44)]
        for row in table[table["chosen"]].to_dict("records"):
            found = label_activity(lines, row["cutoff"], options())
            counts = found.aggregate(n=found.count(), declined=found.declined.sum())
            assert counts.to_pyarrow().to_pylist() == [
                {"n": row["eligible"], "declined": row["declined"]}
            ]

    def test_nobody_eligible_has_no_share(self) -> None:
        table = prevalence_table(table_of(), [day(CUTOFF)], options())

        assert set(table["eligible"]) == {0}
        assert table[["declined_share", "declined_share_low"]].isna().all(axis=None)


class TestTrainingCutoffs:
    def test_outcomes_are_over_at_the_test_cutoff(self) -> None:
        asked = options(gap_days=2, step_days=7)
        found = training_cutoffs(day(0), day(60), asked)

        assert found == [day(20), day(27), day(34), day(41), day(48)]
        assert found[-1] + timedelta(days=asked.days_after) == day(60)

    def test_baselines_may_be_as_short_as_stated(self) -> None:
        asked = options(shortest_baseline_days=10)

        assert training_cutoffs(day(0), day(60), asked)[0] == day(10)
        assert training_cutoffs(day(0.1), day(60), asked)[0] == day(15)

    def test_the_latest_stay(self) -> None:
        assert training_cutoffs(day(0), day(60), options(most_cutoffs=2)) == [day(45), day(50)]

    def test_one_cutoff_may_just_fit(self) -> None:
        assert training_cutoffs(day(0), day(30), options()) == [day(20)]

    def test_none_is_refused_with_what_is_lacking(self) -> None:
        with pytest.raises(InputError, match=r"29.5 days .* 30 are needed \(baseline 20, gap 0"):
            training_cutoffs(day(0), day(29.5), options())

    def test_each_of_them_can_be_labelled(self) -> None:
        lines = table_of(*bought("ann"))
        asked = options(shortest_baseline_days=5)
        found = training_cutoffs(trusted_span(lines).first, day(90), asked)

        assert label_cutoffs(lines, found, asked).count().to_pyarrow().as_py() > 0


class TestOptions:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"share": 0.12345}, "more than four decimals"),
            ({"share": 0}, "greater than 0"),
            ({"share": 1.1}, "less than or equal to 1"),
            ({"shortest_baseline_days": 21}, "must not be above baseline_days"),
            ({"outcome_days": 0}, "greater than or equal to 1"),
            ({"gap_days": -1}, "greater than or equal to 0"),
            ({"measure": "visits"}, "'items', 'revenue' or 'orders'"),
            ({"windows": 1}, "Extra inputs are not permitted"),
            ({"test_cutoff": "soon"}, "valid datetime"),
            ({"fewest_per_class": 1}, "greater than or equal to 2"),
        ],
    )
    def test_mistakes_are_refused(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(ValidationError, match=message):
            options(**changes)

    def test_a_test_cutoff_is_a_moment_or_left_to_the_data(self) -> None:
        assert options().test_cutoff is None
        assert options(test_cutoff=None).test_cutoff is None
        assert options(test_cutoff="2021-02-10").test_cutoff == day(CUTOFF)

    def test_days_after_a_cutoff_hold_gap_and_outcome(self) -> None:
        assert options(gap_days=4, outcome_days=10).days_after == 14

    def test_the_chosen_share_is_always_shown(self) -> None:
        assert options(share=0.6, prevalence_shares=[1.0, 0.2, 0.2]).shares() == [0.2, 0.6, 1.0]


@pytest.mark.real_data
def test_labels_of_the_gift_shop(real_data: Path, parameters: dict[str, Any]) -> None:
    path = real_data / "gift_shop" / "online_retail.csv.gz"
    raw = RawCSVDataset(filepath=str(path), encodings=("utf-8",), trim=False).load()
    intake = OrderLineOptions.model_validate(parameters["gift_shop"]["data_processing"])
    marked = mark_order_lines(intake, read_order_lines(intake, raw))[0]
    lines = take_order_lines(intake, marked).cache()
    windows = {"outcome_days": 90, "baseline_days": 180, "shortest_baseline_days": 90}
    asked = options(**windows, recent_days=180, step_days=14)
    test = datetime(2011, 9, 10)
    table = prevalence_table(lines, [test], asked).set_index("share")

    assert table.loc[0.5, "eligible"] == 1_890
    assert table.loc[0.5, "baseline_not_positive"] == 3
    assert table["declined"].to_list() == [582, 677, 966]
    training = training_cutoffs(trusted_span(lines).first, test, asked)
    assert (len(training), training[0], training[-1]) == (
        8, datetime(2011, 3, 6), datetime(2011, 6, 12)
    )  # fmt: skip
    assert label_cutoffs(lines, training, asked).count().to_pyarrow().as_py() == 8_453

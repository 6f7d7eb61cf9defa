import json
from datetime import timedelta
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy.stats import binomtest

from personal_offers.pipelines.segmentation import backtest
from personal_offers.pipelines.segmentation.backtest import COLUMNS
from personal_offers.pipelines.segmentation.resampling import sample_customers
from personal_offers.pipelines.segmentation.rfm import fit_rfm_breaks, sum_up_purchases
from personal_offers.pipelines.segmentation.rfm_params import RfmOptions

from .test_rfm import FIVE, START, era, line, lines_of, options

# Classes are frozen 30 days before the cutoff of day 100.
FROZEN = 70


def backtest_classes(
    lines: ir.Table, at: dict[str, Any], asked: RfmOptions
) -> tuple[pd.DataFrame, dict[str, Any]]:
    return backtest.backtest_classes(
        lines, at, fit_rfm_breaks(sum_up_purchases(lines, at, asked), at, asked), asked
    )


def shop(later: dict[str, list[int]], size: int = 40) -> list[dict[str, Any]]:
    """Make classes of one size; ``later`` says how many of each buy later, and for how much."""
    history = {
        "top": [(65, 200), (60, 200)],
        "promising": [(65, 150)],
        "leaving": [(40, 50), (35, 250)],
        "sleeping": [(40, 50)],
        "lost": [(10, 20)],
    }
    rows = []
    for name, orders in history.items():
        buyers, amount = later.get(name, [0, 0])
        for number in range(size):
            who = f"{name}{number:03}"
            rows += [line(who, day, paid + number / 100) for day, paid in orders]
            if number < buyers:
                rows.append(line(who, 80, amount))
    return rows


FALLING = {
    "top": [36, 300],
    "promising": [26, 150],
    "leaving": [18, 100],
    "sleeping": [9, 50],
    "lost": [1, 20],
}


class TestBacktest:
    def test_outcomes_are_those_of_the_window(self) -> None:
        found, _ = backtest_classes(lines_of(*shop(FALLING)), era(), options())

        assert list(found.columns) == COLUMNS
        found = found.set_index("rfm_class")
        assert list(found.index) == FIVE
        assert found["customers"].to_list() == [40] * 5
        assert found["buyers"].to_list() == [36, 26, 18, 9, 1]
        assert found["orders"].to_list() == [36, 26, 18, 9, 1]
        assert found.loc["top", "net_revenue_sum"] == 10800
        assert found.loc["top", "net_revenue"] == 270
        assert found.loc["top", "median_net_revenue"] == 300
        assert found["net_revenue_share"].sum() == pytest.approx(1)
        wilson = binomtest(36, 40).proportion_ci(0.95, method="wilson")
        bounds = found.loc["top", ["purchase_rate_low", "purchase_rate_high"]].to_list()
        assert bounds == pytest.approx([wilson.low, wilson.high])
        low, high = found.loc["top", ["net_revenue_low", "net_revenue_high"]]
        half = 1.96 * 300 * (0.9 * 0.1 / 40) ** 0.5
        assert [low, high] == pytest.approx([270 - half, 270 + half], abs=6)

    def test_classes_that_keep_their_order(self) -> None:
        _, verdict = backtest_classes(lines_of(*shop(FALLING)), era(), options())

        assert verdict["conclusive"] is True
        for outcome in ("purchase_rate", "net_revenue"):
            order = verdict[outcome]
            assert order["best_is_highest"]
            assert order["worst_is_lowest"]
            assert order["inversions"] == []
            assert order["tau_classes"] == pytest.approx(1)
            assert order["tau_customers"] > 0.4
        assert verdict["net_revenue"]["best_is_certain"] is True
        assert "Top is highest (90.0%)" in verdict["sentence"]["en"]
        assert "the classes keep their order" in verdict["sentence"]["en"]
        assert "«Потерянные» ниже всех (2,5%)" in verdict["sentence"]["ru"]
        assert json.loads(json.dumps(verdict, allow_nan=False)) == verdict

    def test_middle_class_that_does_not_follow_its_name(self) -> None:
        turned = FALLING | {"promising": [6, 20], "sleeping": [34, 140]}

        _, verdict = backtest_classes(lines_of(*shop(turned)), era(), options())

        pairs = {
            (pair["named_worse"], pair["named_better"]): pair["detectable"]
            for pair in verdict["purchase_rate"]["inversions"]
        }
        assert pairs == {
            ("leaving", "promising"): True,
            ("sleeping", "promising"): True,
            ("sleeping", "leaving"): True,
        }
        assert "Sleeping is above Promising (85.0% against 15.0%)" in verdict["sentence"]["en"]
        assert "«Спящие» выше, чем «Перспективные» (119 против 3)" in verdict["sentence"]["ru"]

    def test_ends_that_are_not_where_they_should_be(self) -> None:
        turned = FALLING | {"top": [2, 10], "lost": [39, 900]}

        _, verdict = backtest_classes(lines_of(*shop(turned)), era(), options())

        assert not verdict["purchase_rate"]["best_is_highest"]
        assert not verdict["net_revenue"]["worst_is_lowest"]
        assert "Top is not highest (5.0%)" in verdict["sentence"]["en"]
        assert "«Потерянные» не ниже всех" in verdict["sentence"]["ru"]

    def test_small_differences_are_not_told_from_chance(self) -> None:
        close = {"top": [21, 100], "promising": [20, 100], "leaving": [21, 100]}
        close |= {"sleeping": [20, 100], "lost": [19, 100]}

        _, verdict = backtest_classes(lines_of(*shop(close)), era(), options())

        order = verdict["purchase_rate"]
        assert order["best_is_highest"]
        assert not order["best_is_certain"]
        assert [pair["detectable"] for pair in order["inversions"]] == [False]
        assert "Top is highest (52.5%), but that may be chance" in verdict["sentence"]["en"]
        assert "other breaches of the order (1) cannot be told" in verdict["sentence"]["en"]

    def test_few_purchases_carry_no_verdict(self) -> None:
        found, verdict = backtest_classes(lines_of(*shop({"top": [2, 99]})), era(), options())

        assert verdict["conclusive"] is False
        assert "purchase_rate" not in verdict
        assert verdict["sentence"]["en"].startswith("In the next 30 days 2 of 200 customers bought")
        assert found["buyers"].sum() == 2

    def test_small_classes_are_described_and_not_compared(self) -> None:
        asked = options(comparison={"fewest_customers": 41})

        found, verdict = backtest_classes(lines_of(*shop(FALLING)), era(), asked)

        assert verdict["too_small"] == FIVE
        assert verdict["conclusive"] is False
        assert "fewer than two classes" in verdict["sentence"]["en"]
        assert found["purchase_rate"].notna().all()

    def test_returns_lower_revenue_and_late_lines_make_no_purchase(self) -> None:
        # Given one of the top who sent back, and one whose old order got a line later
        base = shop(FALLING | {"top": [0, 0]})
        old = next(row for row in base if row["customer_id"] == "top001")
        rows = [
            *base,
            line("top000", 75, -120),
            old | {"logged_at": START + timedelta(days=75), "amount": 20.0},
        ]

        found, _ = backtest_classes(lines_of(*rows), era(), options())

        top = found.set_index("rfm_class").loc["top"]
        assert (top["buyers"], top["orders"], top["net_revenue_sum"]) == (0, 0, -100)

    def test_withheld_gives_columns_and_the_reason(self) -> None:
        reason = {"ru": "мало повторных покупателей", "en": "few repeat buyers"}
        at = era(withheld={"backtest": reason})
        lines = lines_of(*shop(FALLING))

        found, verdict = backtest_classes(lines, at, options())

        assert found.empty
        assert list(found.columns) == COLUMNS
        assert verdict["withheld"] == reason
        assert "few repeat buyers" in verdict["sentence"]["en"]
        assert "мало повторных покупателей" in verdict["sentence"]["ru"]

    def test_reason_in_one_language_serves_both(self) -> None:
        at = era(withheld={"rfm": "12 customers"})

        _, verdict = backtest_classes(lines_of(*shop(FALLING)), at, options())

        assert verdict["withheld"] == {"ru": "12 customers", "en": "12 customers"}

    @pytest.mark.parametrize(
        ("days", "reason"), [(200, "shorter than the window"), (95, "cannot be classed")]
    )
    def test_window_without_history_before_it_is_withheld(self, days: int, reason: str) -> None:
        asked = options(backtest={"outcome_days": days, "fewest_buyers": 5})

        found, verdict = backtest_classes(lines_of(*shop(FALLING)), era(), asked)

        assert found.empty
        assert reason in verdict["withheld"]["en"]

    def test_window_ends_where_lines_are_trusted(self) -> None:
        trusted_to = (START + timedelta(days=90)).isoformat()

        _, verdict = backtest_classes(
            lines_of(*shop(FALLING)), era(trusted_to=trusted_to), options()
        )

        assert verdict["until"] == trusted_to
        assert verdict["since"] == (START + timedelta(days=60)).isoformat()

    def test_lines_after_the_cutoff_change_nothing(self) -> None:
        rows = shop(FALLING)
        future = [line("lost030", 101, 9999), line("top000", 100.2, -500)]

        found, verdict = backtest_classes(lines_of(*rows, *future), era(), options())

        wanted, same = backtest_classes(lines_of(*rows), era(), options())
        assert_frame_equal(found, wanted)
        assert verdict == same

    def test_the_window_plays_no_part_in_the_classes(self) -> None:
        rows = shop(FALLING)
        window = [line(row["customer_id"], 90, 5000) for row in rows if row["amount"] < 60]

        found, verdict = backtest_classes(lines_of(*rows, *window), era(), options())

        wanted, before = backtest_classes(lines_of(*rows), era(), options())
        assert found["customers"].equals(wanted["customers"])
        assert verdict["breaks"] == before["breaks"]

    def test_order_of_rows_plays_no_part(self) -> None:
        rows = shop(FALLING)

        found, verdict = backtest_classes(lines_of(*rows[::-1]), era(), options())

        wanted, same = backtest_classes(lines_of(*rows), era(), options())
        assert_frame_equal(found, wanted)
        assert verdict == same


class TestSample:
    def test_sums_stay_exact_and_intervals_as_wide(self) -> None:
        lines = lines_of(*shop(FALLING, size=120))
        full, _ = backtest_classes(lines, era(), options())

        found, _ = backtest_classes(
            lines, era(), options(comparison={"largest_sample": 300, "bootstrap": 2000})
        )

        exact = ["customers", "buyers", "orders", "net_revenue_sum", "net_revenue"]
        assert_frame_equal(found[exact], full[exact])
        top = [frame["net_revenue_high"] - frame["net_revenue_low"] for frame in (found, full)]
        assert top[0].iloc[0] == pytest.approx(top[1].iloc[0], rel=0.4)

    def test_draws_about_as_many_as_asked_and_the_same_again(self) -> None:
        rows = [line(f"c{number:05}", 1, 5) for number in range(4000)]
        customers = lines_of(*rows).select("customer_id", "amount")

        drawn = [
            sample_customers(customers, ["customer_id"], 500, seed)["customer_id"].to_list()
            for seed in (1, 1, 2)
        ]

        assert drawn[0] == drawn[1] != drawn[2]
        assert 400 < len(drawn[0]) < 600
        places = pd.Series(drawn[0]).str[1:].astype(int)
        assert np.histogram(places, bins=4, range=(0, 4000))[0].min() > 80

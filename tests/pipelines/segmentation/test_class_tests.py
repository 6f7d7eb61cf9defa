from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import f_oneway, kruskal, mannwhitneyu, ttest_ind

from personal_offers.pipelines.segmentation.class_tests import COLUMNS, compare_classes, holm
from personal_offers.pipelines.segmentation.resampling import resampled_counts
from personal_offers.pipelines.segmentation.rfm import fit_rfm_breaks, score_rfm, sum_up_purchases

from .test_backtest import FALLING, shop
from .test_rfm import era, line, lines_of, options


def compared(rows: list[dict[str, Any]], **changes: Any) -> pd.DataFrame:
    lines, asked = lines_of(*rows), options(comparison=changes.pop("comparison", {}))
    at = era(**changes)
    rfm = score_rfm(
        sum_up_purchases(lines, at, asked),
        at,
        fit_rfm_breaks(sum_up_purchases(lines, at, asked), at, asked),
        asked,
    )
    return compare_classes(lines, at, rfm, asked)


def varied() -> list[dict[str, Any]]:
    """The shop of the backtest with spread in what people pay later."""
    rng = np.random.default_rng(3)
    rows = shop(FALLING)
    extra = [
        line(f"{name}{number:03}", 85, round(float(level * rng.lognormal()), 2))
        for name, level in (("top", 200), ("promising", 60), ("leaving", 120))
        for number in range(25)
    ]
    return [*rows, *extra]


def row_of(found: pd.DataFrame, measure: str, test: str, **pair: str) -> pd.Series:
    rows = found.loc[(found["measure"] == measure) & (found["test"] == test)]
    for name, value in pair.items():
        rows = rows.loc[rows[name] == value]
    assert len(rows) == 1
    return rows.iloc[0]


class TestCompareClasses:
    def test_evidence_is_marked(self) -> None:
        found = compared(varied())

        assert list(found.columns) == COLUMNS
        kinds = found.groupby("measure")["evidence"].agg(set).to_dict()
        assert kinds == {
            "average_check": {"descriptive"},
            "recency_days": {"descriptive"},
            "later_orders": {"out_of_sample"},
            "later_revenue": {"out_of_sample"},
            "later_average_check": {"out_of_sample"},
        }

    def test_statistics_are_those_of_the_textbooks(self) -> None:
        # Given what the customers of each frozen class paid in the window
        rows = varied()
        paid = pd.DataFrame(rows).assign(day=[row["ordered_at"] for row in rows])
        later = paid.loc[paid["day"] > pd.Timestamp("2021-03-12 12:00")]
        total = later.groupby("customer_id")["amount"].sum()
        groups = {
            name: np.array([total.get(f"{name}{number:03}", 0.0) for number in range(40)])
            for name in ("top", "promising", "leaving", "sleeping", "lost")
        }

        # When classes are compared
        found = compared(rows)

        # Then the numbers are those of the plain definitions
        ranks = row_of(found, "later_revenue", "kruskal_wallis")
        wanted = kruskal(*groups.values())
        assert ranks["statistic"] == pytest.approx(wanted.statistic)
        assert ranks["p_value"] == pytest.approx(wanted.pvalue)
        assert ranks["effect_size"] == pytest.approx(wanted.statistic / 199)
        assert ranks["customers_a"] == ranks["sampled_from"] == 200
        means = row_of(found, "later_revenue", "welch_anova")
        welch = f_oneway(*groups.values(), equal_var=False)
        assert means["statistic"] == pytest.approx(welch.statistic)
        assert means["p_value"] == pytest.approx(welch.pvalue)

        pair = {"class_a": "top", "class_b": "leaving"}
        first, second = groups["top"], groups["leaving"]
        wins = row_of(found, "later_revenue", "mann_whitney", **pair)
        u = mannwhitneyu(first, second, method="asymptotic")
        assert wins["p_value"] == pytest.approx(u.pvalue)
        assert wins["effect_size"] == pytest.approx(2 * u.statistic / 1600 - 1)
        t_row = row_of(found, "later_revenue", "welch_t", **pair)
        t_test = ttest_ind(first, second, equal_var=False)
        assert t_row["statistic"] == pytest.approx(t_test.statistic)
        assert t_row["difference"] == pytest.approx(first.mean() - second.mean())
        pooled = ((first.var(ddof=1) + second.var(ddof=1)) / 2) ** 0.5
        hedges = (first.mean() - second.mean()) / pooled * (1 - 3 / (4 * 78 - 1))
        assert t_row["effect_size"] == pytest.approx(hedges)

    def test_intervals_hold_the_effects(self) -> None:
        found = compared(varied()).dropna(subset=["effect_low"])

        pairs = found.loc[found["class_a"].notna()]
        assert len(pairs) >= 20
        for name in ("effect_size", "difference"):
            start = name.removesuffix("_size")
            assert (pairs[f"{start}_low"] <= pairs[name] + 1e-9).all()
            assert (pairs[name] <= pairs[f"{start}_high"] + 1e-9).all()

    def test_interval_of_a_difference_is_as_wide_as_theory_says(self) -> None:
        found = compared(varied(), comparison={"bootstrap": 4000})

        row = row_of(found, "later_orders", "welch_t", class_a="top", class_b="lost")
        error = row["difference"] / row["statistic"]
        assert row["difference_high"] - row["difference_low"] == pytest.approx(
            2 * 1.96 * error, rel=0.1
        )

    def test_p_values_are_corrected_within_measure_and_test(self) -> None:
        found = compared(varied())

        for _, rows in found.loc[found["class_a"].notna()].groupby(["measure", "test"]):
            wanted = holm(rows["p_value"].to_list())
            assert rows["p_holm"].to_list() == pytest.approx(wanted, nan_ok=True)

    def test_hardly_any_purchase_proves_nothing(self) -> None:
        # Given one later purchase, which a normal approximation would call a finding
        found = compared(shop({"top": [1, 500]}))

        later = found.loc[found["evidence"] == "out_of_sample"]
        assert not later.empty
        inference = ["p_value", "p_holm", "effect_low", "difference_low", "difference_high"]
        assert later[inference].isna().to_numpy().all()
        row = row_of(found, "later_orders", "welch_t", class_a="top", class_b="lost")
        assert row["difference"] == pytest.approx(1 / 40)

    def test_withheld_gives_columns_or_the_descriptive_rows(self) -> None:
        rows = varied()

        nothing = compared(rows, withheld={"rfm": "too few"})
        descriptive = compared(rows, withheld={"backtest": "too short"})

        assert nothing.empty
        assert list(nothing.columns) == COLUMNS
        assert set(descriptive["evidence"]) == {"descriptive"}

    def test_small_classes_are_left_out(self) -> None:
        rows = [row for row in varied() if not row["customer_id"].startswith("promising0")]
        rows += [line("promising1", 99, 10)]

        found = compared(rows)

        assert "promising" not in set(found["class_a"]) | set(found["class_b"])

    def test_sample_is_bounded_and_says_what_it_is_drawn_from(self) -> None:
        found = compared(varied(), comparison={"largest_sample": 120})

        row = row_of(found, "recency_days", "kruskal_wallis")
        assert row["sampled_from"] == 200
        assert 80 < row["customers_a"] < 160

    def test_rows_may_be_shuffled(self) -> None:
        rows = varied()

        assert compared(rows[::-1]).equals(compared(rows))


class TestHolm:
    def test_by_hand(self) -> None:
        assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])

    def test_undefined_tests_do_not_count(self) -> None:
        assert holm([0.04, float("nan")]) == pytest.approx([0.04, float("nan")], nan_ok=True)

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
    def test_never_below_and_in_the_same_order(self, p_values: list[float]) -> None:
        corrected = np.array(holm(p_values))

        assert (corrected >= np.array(p_values) - 1e-12).all()
        assert (np.diff(corrected[np.argsort(p_values)]) >= 0).all()
        assert corrected.max() <= 1


class TestResamples:
    def test_each_draws_every_class_in_full(self) -> None:
        groups, places = np.array([0] * 30 + [1] * 5), np.arange(35) % 7

        drawn = np.concatenate(list(resampled_counts(groups, places, 50, seed=1)))

        assert drawn.shape == (50, 2, 7)
        assert (drawn.sum(axis=2) == [30, 5]).all()
        assert drawn[:, 0].mean(axis=0) == pytest.approx(30 / 7, abs=1.5)

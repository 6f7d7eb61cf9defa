import json
from itertools import pairwise
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy.integrate import quad
from scipy.stats import beta as beta_distribution
from scipy.stats import binomtest

from personal_offers.pipelines.modelling.decision import (
    captured_profit,
    expected_maximum_profit,
    profit_curve,
    reliability_table,
)
from personal_offers.pipelines.modelling.decision_params import Case, DecisionOptions

TEXT = {"ru": "единица", "en": "unit"}


def assumption(low: float, base: float, high: float) -> dict[str, Any]:
    return {"low": low, "base": base, "high": high, "unit": TEXT, "source": TEXT}


def options(**changes: Any) -> DecisionOptions:
    return DecisionOptions.model_validate(
        {
            "unit": {"ru": "рубли", "en": "roubles"},
            "save_rate": assumption(0.25, 0.5, 0.75),
            "horizon_months": assumption(2, 4, 8),
            "contact_cost": assumption(0.5, 1, 2),
            "incentive_cost": assumption(1, 2, 3),
            "redemption": assumption(0, 0.5, 1),
            "acceptance_weight": 20,
            "bins": 2,
            "tops": [0.25, 0.5],
            "bootstrap": 100,
            "confidence": 0.9,
            "seed": 3,
        }
        | changes
    )


def tables(
    risk: list[float | None], declined: list[bool | None], profit: list[float | None]
) -> tuple[ir.Table, ir.Table, ir.Table]:
    """Return decline_risk, labels and customers, in different orders of rows."""
    ids = [f"c{number:04d}" for number in range(len(risk))]
    frames = [
        pd.DataFrame({"customer_id": ids, "decline_risk": pd.array(risk, dtype="Float64")})[::-1],
        pd.DataFrame({"customer_id": ids, "declined": pd.array(declined, dtype="boolean")}),
        pd.DataFrame({"customer_id": ids, "profit": pd.array(profit, dtype="Float64")}),
    ]
    decline_risk, labels, customers = (ibis.memtable(frame) for frame in frames)
    return decline_risk, labels, customers


def shop(size: int = 200, seed: int = 4) -> tuple[ir.Table, ir.Table, ir.Table]:
    """Return customers whose risk is right, and whose profit has nothing to do with it."""
    rng = np.random.default_rng(seed)
    risk = np.round(rng.beta(0.7, 1.0, size=size), 3)
    declined = rng.uniform(size=size) < risk
    return tables(risk.tolist(), declined.tolist(), rng.gamma(4, 1, size=size).tolist())


# Four customers; the second and the third share a risk. With the base case a contacted decliner
# is worth 0.5 * (4 * profit - 2) - 1 = 2 * profit - 2, a contacted keeper -0.5 * 2 - 1 = -2.
FOUR = ([0.9, 0.6, 0.6, 0.2], [True, True, False, False], [3.0, 5.0, 2.0, 4.0])


class TestProfitCurve:
    def test_hand_computed_values(self) -> None:
        curve, _ = profit_curve(*tables(*FOUR), options())

        assert curve["threshold"].fillna(-1).tolist() == [-1, 0.9, 0.6, 0.2]
        assert curve["contacted"].tolist() == [0, 1, 3, 4]
        assert curve["contacted_share"].tolist() == [0, 0.25, 0.75, 1]
        assert curve["declined_contacted"].tolist() == [0, 1, 2, 2]
        # 4, then 4 + 8 - 2 for the two who tie, then another keeper; per customer of four
        assert curve["profit"].tolist() == [0, 4 / 4, 10 / 4, 8 / 4]

    def test_band_is_the_extremes_over_all_combinations(self) -> None:
        curve, _ = profit_curve(*tables(*FOUR), options())

        # Worst: few saved for a short time, all dear; best: the reverse. One decliner of profit 3
        assert curve["profit_worst_case"][1] == pytest.approx((0.25 * (2 * 3 - 3) - 2) / 4)
        assert curve["profit_best_case"][1] == pytest.approx((0.75 * (8 * 3 - 1) - 0.5) / 4)
        assert (curve["profit_worst_case"] <= curve["profit"]).all()
        assert (curve["profit"] <= curve["profit_best_case"]).all()

    def test_band_holds_where_saving_a_customer_is_a_loss(self) -> None:
        # Given profits so low that a higher save rate costs more
        curve, _ = profit_curve(*tables([0.9, 0.1], [True, False], [-3.0, 0.1]), options())

        assert curve["profit_worst_case"][1] == pytest.approx((0.75 * (8 * -3 - 3) - 2) / 2)
        assert (curve["profit_worst_case"] <= curve["profit"]).all()
        assert (curve["profit"] <= curve["profit_best_case"]).all()

    def test_best_threshold_stands_beside_one_half_and_everybody(self) -> None:
        _, decision = profit_curve(*tables(*FOUR), options())

        assert decision["best"]["threshold"] == 0.6
        assert decision["best"]["profit"] == 2.5
        assert decision["at_half"]["threshold"] == 0.5
        assert decision["at_half"]["contacted"] == 3
        assert decision["gain_over_half"]["value"] == 0
        assert decision["everybody"]["profit"] == 2
        # 1 * 3 contacts and 0.5 * 2 for a keeper, over 4 * (3 + 5) - 2 * 2
        assert decision["best"]["break_even_save_rate"] == pytest.approx(4 / 28)
        # mean profit 3.5: (1 + 1) / (0.5 * (4 * 3.5 - 2) + 1)
        assert decision["threshold_if_calibrated"] == pytest.approx(2 / 7)

    def test_one_half_includes_a_risk_of_one_half(self) -> None:
        _, decision = profit_curve(*tables([0.5, 0.4], [True, False], [3.0, 3.0]), options())

        assert decision["at_half"]["contacted"] == 1

    def test_calibrated_risk_has_its_best_threshold_where_theory_says(self) -> None:
        curve, decision = profit_curve(*shop(4000), options())

        theory = decision["threshold_if_calibrated"]
        at_theory = curve.loc[(curve["threshold"] - theory).abs().idxmin(), "profit"]
        best = decision["best"]
        assert best["threshold_low"] <= theory <= best["threshold_high"]
        assert best["profit"] - at_theory < 0.02 * best["profit"]

    def test_intervals_hold_their_value_and_new_customers_pay_less(self) -> None:
        _, decision = profit_curve(*shop(), options())

        for name in ("best", "at_half", "everybody"):
            point = decision[name]
            assert point["profit_low"] < point["profit"] < point["profit_high"]
        best, gain = decision["best"], decision["gain_over_half"]
        assert best["threshold_low"] <= best["threshold"] <= best["threshold_high"]
        assert gain["low"] <= gain["value"] <= gain["high"]
        assert gain["value"] == pytest.approx(best["profit"] - decision["at_half"]["profit"])
        assert decision["out_of_sample"] < best["profit"]

    def test_assumptions_move_the_threshold_the_right_way(self) -> None:
        _, decision = profit_curve(*shop(2000), options())

        moved = {(row["assumption"], row["level"]): row for row in decision["sensitivity"]}
        assert len(moved) == 10
        for name in ("save_rate", "horizon_months"):
            assert moved[name, "low"]["threshold"] >= moved[name, "high"]["threshold"]
            assert moved[name, "low"]["profit"] < moved[name, "high"]["profit"]
        for name in ("contact_cost", "incentive_cost", "redemption"):
            assert moved[name, "low"]["threshold"] <= moved[name, "high"]["threshold"]
            assert moved[name, "low"]["profit"] > moved[name, "high"]["profit"]
        for row in moved.values():
            assert row["profit"] >= row["profit_at_base_threshold"]

    def test_order_of_rows_changes_nothing(self) -> None:
        decline_risk, labels, customers = shop()
        shuffled = ibis.memtable(customers.to_pandas().sample(frac=1, random_state=1))

        curve, decision = profit_curve(decline_risk, labels, customers, options())
        other_curve, other_decision = profit_curve(decline_risk, labels, shuffled, options())

        pd.testing.assert_frame_equal(curve, other_curve, check_exact=True)
        assert json.dumps(decision) == json.dumps(other_decision)

    def test_everything_can_be_written_as_json(self) -> None:
        _, decision = profit_curve(*shop(), options())

        assert json.loads(json.dumps(decision, allow_nan=False)) == decision
        assert decision["assumptions"]["save_rate"]["unit"] == TEXT


class TestProfitCurveEdges:
    def test_nobody_is_contacted_where_nobody_declines(self) -> None:
        _, decision = profit_curve(*tables([0.3, 0.2, 0.1], [False] * 3, [3.0] * 3), options())

        assert decision["best"]["threshold"] is None
        assert decision["best"]["contacted"] == 0
        assert decision["best"]["profit"] == 0
        assert decision["best"]["threshold_low"] is None
        assert decision["best"]["break_even_save_rate"] is None
        assert decision["everybody"]["profit"] == -2
        assert decision["empc"]["value"] == 0

    def test_everybody_is_contacted_where_everybody_declines(self) -> None:
        _, decision = profit_curve(*tables([0.3, 0.2, 0.1], [True] * 3, [3.0] * 3), options())

        assert decision["best"]["threshold"] == 0.1
        assert decision["best"]["profit"] == 4

    def test_one_risk_leaves_all_or_nobody(self) -> None:
        curve, decision = profit_curve(
            *tables([0.4] * 4, [True, True, False, False], [3.0] * 4), options()
        )

        assert curve["contacted"].tolist() == [0, 4]
        assert decision["best"]["contacted"] == 4
        assert decision["at_half"]["contacted"] == 0
        assert decision["at_half"]["profit_low"] == decision["at_half"]["profit_high"] == 0
        assert decision["empc"]["value"] == decision["empc"]["without_model"]

    def test_negative_profit_is_not_worth_saving(self) -> None:
        curve, decision = profit_curve(*tables([0.9, 0.8], [True, True], [-3.0, -1.0]), options())

        assert curve["profit"].tolist() == [0, -8 / 2, -12 / 2]
        assert decision["best"]["contacted"] == 0
        assert decision["threshold_if_calibrated"] is None
        assert decision["empc"]["value"] == 0

    def test_customers_without_risk_label_or_profit_are_left_out_and_counted(self) -> None:
        risk, declined, profit = (list(column) for column in FOUR)
        risk, declined, profit = (
            [*risk, None, 0.7, 0.7, None],
            [*declined, True, None, True, None],
            [*profit, 1.0, 1.0, None, 1.0],
        )

        curve, decision = profit_curve(*tables(risk, declined, profit), options())

        expected, _ = profit_curve(*tables(*FOUR), options())
        pd.testing.assert_frame_equal(curve, expected)
        assert decision["customers"] == 4
        assert decision["left_out"] == {
            "declined": 2, "decline_risk": 2, "profit": 1, "customers": 4,
        }  # fmt: skip

    def test_customer_who_is_in_one_table_only_is_left_out(self) -> None:
        decline_risk, labels, customers = tables(*FOUR)

        _, decision = profit_curve(
            decline_risk.filter(decline_risk.customer_id != "c0003"), labels, customers, options()
        )

        assert decision["left_out"]["decline_risk"] == decision["left_out"]["customers"] == 1

    def test_shop_without_labels_gets_the_reason(self) -> None:
        curve, decision = profit_curve(*tables([0.5, 0.6], [None, None], [1.0, 1.0]), options())

        assert set(decision) == {"withheld", "left_out"}
        assert set(decision["withheld"]) == {"ru", "en"}
        assert decision["left_out"]["customers"] == 2
        assert curve["contacted"].tolist() == [0]
        assert curve["profit"].tolist() == [0]


class TestExpectedMaximumProfit:
    def test_hand_computed_value(self) -> None:
        # Given a decliner ranked above a keeper, a save rate that may be anything from 0 to 1
        declined, risk = np.array([False, True]), np.array([0.1, 0.9])
        case = Case(0.5, 1, contact_cost=1, incentive_cost=0, redemption=0)

        found = expected_maximum_profit(declined, risk, 10.0, case, 1.0, 1.0)

        # Then contacting the decliner pays from g = 0.1: integral of (10 g - 1) / 2, and the
        # keeper is never contacted
        assert found == pytest.approx((0.5 * (5 * (1 - 0.01) - 0.9), 0.5 * 0.9))

    @pytest.mark.parametrize("redemption", [1.0, 0.4])
    @pytest.mark.parametrize("ties", [False, True])
    def test_agrees_with_integration_over_the_save_rate(
        self, redemption: float, ties: bool
    ) -> None:
        # Given the values of Verbraken and others, and a score with a hull to find
        rng = np.random.default_rng(8)
        declined = rng.uniform(size=60) < 0.3
        risk = declined * 0.4 + rng.normal(scale=0.5, size=60)
        risk = np.round(risk, 1) if ties else risk
        case = Case(0.3, 1, contact_cost=1, incentive_cost=10, redemption=redemption)
        worth, alpha, beta = 200.0, 6.0, 14.0

        def best_profit(rate: float) -> tuple[float, float]:
            value = np.where(declined, rate * (worth - 10) - 1, -redemption * 10 - 1)
            shares = [risk >= threshold for threshold in [np.inf, *np.unique(risk)[::-1]]]
            profits = [(value * contacted).mean() for contacted in shares]
            return max(profits), shares[int(np.argmax(profits))].mean()

        def expected(part: int) -> float:
            grid = np.linspace(0, 1, 81)  # pieces, because the best threshold jumps
            pieces = [
                quad(
                    lambda rate: best_profit(rate)[part] * beta_distribution.pdf(rate, alpha, beta),
                    *ends, epsabs=1e-7, limit=20, full_output=1,
                )[0]
                for ends in pairwise(grid)
            ]  # fmt: skip
            return sum(pieces)

        profit, contacted = expected_maximum_profit(declined, risk, worth, case, alpha, beta)

        assert profit == pytest.approx(expected(0), rel=1e-5)
        assert contacted == pytest.approx(expected(1), rel=1e-2)

    def test_better_ranking_is_worth_more(self) -> None:
        declined = np.array([True, False] * 20)
        case = Case(0.3, 1, contact_cost=1, incentive_cost=10, redemption=1)
        scores = [declined * 1.0, declined + np.linspace(0, 1.5, 40), np.zeros(40)]

        found = [expected_maximum_profit(declined, s, 100.0, case, 6, 14)[0] for s in scores]

        assert found[0] > found[1] > found[2]

    def test_incentive_above_the_worth_of_a_customer_is_never_sent(self) -> None:
        case = Case(0.3, 1, contact_cost=1, incentive_cost=10, redemption=1)

        found = expected_maximum_profit(
            np.array([True, False]), np.array([0.9, 0.1]), 10.0, case, 6, 14
        )

        assert found == (0, 0)

    def test_decision_takes_it_around_the_base_save_rate(self) -> None:
        decline_risk, labels, customers = shop()

        _, decision = profit_curve(decline_risk, labels, customers, options())

        empc = decision["empc"]
        joined = decline_risk.inner_join(labels, "customer_id").to_pandas()
        value, contacted = expected_maximum_profit(
            joined["declined"].to_numpy(bool),
            joined["decline_risk"].to_numpy(float),
            4 * customers.profit.mean().to_pyarrow().as_py(),
            options().base_case(), 10.0, 10.0,
        )  # fmt: skip
        assert (empc["alpha"], empc["beta"]) == (10, 10)
        assert empc["value"] == pytest.approx(value)
        assert empc["contacted_share"] == pytest.approx(contacted)
        assert empc["low"] < empc["value"] < empc["high"]
        assert empc["value"] > empc["without_model"]


class TestCapturedProfit:
    def found(self, table: pd.DataFrame, ranking: str, top: float) -> Any:
        row = table[(table["ranking"] == ranking) & (table["top_share"] == top)]
        return row.iloc[0]

    def test_hand_computed_shares(self) -> None:
        # Given 8 at risk: 3 of the first and 5 of the second customer; risk x profit is
        # 2.7, 3.0, 1.2, 0.8
        table = captured_profit(*tables(*FOUR), options())

        expected = {"risk_x_profit": [5, 8], "ideal": [5, 8], "profit": [5, 5], "risk": [3, 5.5]}
        expected["random"] = [2, 4]
        for ranking, (quarter, half) in expected.items():
            assert self.found(table, ranking, 0.25)["captured"] == pytest.approx(quarter / 8)
            assert self.found(table, ranking, 0.5)["captured"] == pytest.approx(half / 8)
        assert self.found(table, "risk", 0.25)["of_ideal"] == pytest.approx(3 / 5)
        assert set(table["profit_at_risk"]) == {8}
        assert set(table["customers"]) == {4}

    def test_ideal_is_a_bound_and_intervals_hold_their_value(self) -> None:
        table = captured_profit(*shop(), options())

        assert (table["of_ideal"] <= 1 + 1e-12).all()
        assert (table["captured_low"] <= table["captured"] + 1e-12).all()
        assert (table["captured"] <= table["captured_high"] + 1e-12).all()
        ideal = table[table["ranking"] == "ideal"]
        assert (ideal[["of_ideal", "of_ideal_low", "of_ideal_high"]] == 1).all(axis=None)

    def test_risk_times_profit_is_ahead_of_either_alone_and_of_chance(self) -> None:
        table = captured_profit(*shop(2000), options())

        for top in (0.25, 0.5):
            both = self.found(table, "risk_x_profit", top)
            for other in ("risk", "profit", "random"):
                assert both["captured"] > self.found(table, other, top)["captured_high"]
            assert self.found(table, "random", top)["captured"] == pytest.approx(top)

    def test_decliner_of_negative_profit_is_ranked_last_by_the_ideal(self) -> None:
        # Given 10 - 4 at risk
        table = captured_profit(
            *tables([0.9, 0.9, 0.1, 0.1], [True, True, False, False], [10.0, -4.0, 1.0, 1.0]),
            options(),
        )

        assert set(table["profit_at_risk"]) == {6}
        assert self.found(table, "ideal", 0.5)["captured"] == pytest.approx(10 / 6)

    @pytest.mark.parametrize(
        ("declined", "profit"), [([False] * 3, [1.0] * 3), ([True] * 3, [-1.0, -2.0, 0.5])]
    )
    def test_nothing_at_risk_has_no_shares(
        self, declined: list[bool | None], profit: list[float | None]
    ) -> None:
        table = captured_profit(*tables([0.5, 0.4, 0.3], declined, profit), options())

        shares = ["captured", "captured_low", "captured_high", "of_ideal"]
        assert len(table) == 10
        assert table[shares].isna().all(axis=None)

    def test_no_bounds_where_a_resample_has_nothing_at_risk(self) -> None:
        # Given one decliner of four: a third of the resamples leave that customer out
        table = captured_profit(
            *tables([0.5, 0.4, 0.3, 0.2], [True, False, False, False], [1.0] * 4), options()
        )

        assert self.found(table, "risk", 0.25)["captured"] == 1
        assert table[["captured_low", "captured_high"]].isna().all(axis=None)

    def test_shop_without_labels_has_no_shares(self) -> None:
        table = captured_profit(*tables([0.5, 0.6], [None, None], [1.0, 1.0]), options())

        assert table["captured"].isna().all()
        assert table["captured"].dtype == float
        assert set(table["left_out"]) == {2}


class TestReliabilityTable:
    def inputs(self, risk: list[float], declined: list[bool]) -> tuple[pd.DataFrame, pd.DataFrame]:
        ids = [f"c{number}" for number in range(len(risk))]
        model_input = pd.DataFrame({"customer_id": ids, "declined": declined})
        repeats = [
            pd.DataFrame({"repeat": repeat, "customer_id": ids, "risk": np.array(risk) + shift})
            for repeat, shift in ((0, -0.0625), (1, 0.0625))
        ]
        return model_input, pd.concat(repeats)[::-1]

    def test_hand_computed_values(self) -> None:
        # Given four customers, each risk the mean of two repeats
        table = reliability_table(
            *self.inputs([0.75, 0.25, 0.125, 0.5], [True, True, False, False]), options()
        )

        assert table["bin"].tolist() == [1, 2]
        assert table["risk_low"].tolist() == [0.125, 0.5]
        assert table["risk_high"].tolist() == [0.25, 0.75]
        assert table["customers"].tolist() == [2, 2]
        assert table["declined"].tolist() == [1, 1]
        assert table["mean_risk"].tolist() == [0.1875, 0.625]
        assert table["declined_share"].tolist() == [0.5, 0.5]
        assert table["left_out"].tolist() == [0, 0]

    def test_interval_is_the_score_interval(self) -> None:
        risk = [0.25] * 7 + [0.75] * 5
        declined = [True] * 2 + [False] * 5 + [True] * 5

        table = reliability_table(*self.inputs(risk, declined), options())

        for row, (hits, size) in zip(table.itertuples(), [(2, 7), (5, 5)], strict=True):
            expected = binomtest(hits, size).proportion_ci(0.9, method="wilson")
            assert row.declined_share_low == pytest.approx(expected.low)
            assert row.declined_share_high == pytest.approx(expected.high)

    def test_equal_risks_share_a_bin(self) -> None:
        table = reliability_table(
            *self.inputs([0.5] * 5 + [0.75], [True, False] * 3), options(bins=3)
        )

        assert table["bin"].tolist() == [2, 3]
        assert table["customers"].tolist() == [5, 1]

    def test_one_risk_is_one_bin(self) -> None:
        table = reliability_table(*self.inputs([0.5] * 4, [True, False] * 2), options())

        assert table["customers"].tolist() == [4]
        assert table["declined_share"].tolist() == [0.5]

    def test_customer_without_a_risk_is_left_out_and_counted(self) -> None:
        model_input, risk = self.inputs([0.75, 0.25, 0.5], [True, False, True])

        table = reliability_table(model_input, risk[risk["customer_id"] != "c1"], options())

        assert table["customers"].sum() == 2
        assert table["left_out"].tolist() == [1, 1]

    @pytest.mark.parametrize("rows", [0, 2])
    def test_nobody_with_a_risk_leaves_the_table_empty(self, rows: int) -> None:
        # Given a shop without a model: nobody at all, or customers of whom nothing is known
        model_input, risk = self.inputs([0.75, 0.25], [True, False])
        full = reliability_table(model_input, risk, options())

        table = reliability_table(model_input.iloc[:rows], risk.iloc[:0], options())

        assert table.empty
        assert table.columns.to_list() == full.columns.to_list()


class TestOptions:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"save_rate": assumption(0.5, 0.4, 0.6)}, "must ascend"),
            ({"save_rate": assumption(0.5, 0.6, 1.2)}, "less than or equal to 1"),
            ({"save_rate": assumption(0, 0, 0.5)}, "above 0"),
            ({"redemption": assumption(0.5, 0.6, 1.2)}, "less than or equal to 1"),
            ({"contact_cost": assumption(-1, 0, 1)}, "greater than or equal to 0"),
            ({"contact_cost": {"low": 0, "base": 1, "high": 2}}, "unit"),
            ({"tops": [0.1, 0.1]}, "twice"),
            ({"tops": [0.0]}, "greater than 0"),
            ({"safe_rate": 1}, "Extra inputs"),
        ],
    )
    def test_what_cannot_be_is_refused(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(ValidationError, match=message):
            options(**changes)

    def test_corners_are_all_combinations(self) -> None:
        corners = options().corners()

        assert len(set(corners)) == 32
        assert Case(0.25, 2, 2, 3, 1) in corners
        assert options().base_case() == Case(0.5, 4, 1, 2, 0.5)

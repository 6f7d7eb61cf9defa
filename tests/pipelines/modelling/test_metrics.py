import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from personal_offers.pipelines.modelling.metrics import (
    MEASURES,
    bootstrap_weights,
    equal_count_bins,
    measure,
    share_in_top,
    tally_values,
    weighted,
    weighted_average_precision,
    weighted_brier,
    weighted_log_loss,
    weighted_roc_auc,
)

REFERENCES = {
    "roc_auc": roc_auc_score,
    "average_precision": average_precision_score,
    "brier": brier_score_loss,
    "log_loss": log_loss,
}
# Few different values, so that most examples have ties; and any value beside them.
RISKS = st.one_of(st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9]), st.floats(1e-6, 1 - 1e-6))
CUSTOMERS = st.lists(st.tuples(st.booleans(), RISKS, st.integers(0, 3)), min_size=2, max_size=40)


@pytest.mark.parametrize("name", REFERENCES)
@settings(max_examples=150, deadline=None)
@given(customers=CUSTOMERS)
def test_measure_agrees_with_scikit_learn(
    name: str, customers: list[tuple[bool, float, int]]
) -> None:
    # Given customers with tied risks, each counted 0 to 3 times, of both classes
    customers = [*customers, (True, 0.5, 1), (False, 0.5, 1)]
    label, risk, counts = (np.array(column) for column in zip(*customers, strict=True))
    weights = np.stack([np.ones(len(label)), counts.astype(float)], axis=1)

    # When
    found = weighted(name)(label, risk, weights)

    # Then it is what scikit-learn says, for every resample at once
    expected = [REFERENCES[name](label, risk, sample_weight=row) for row in weights.T]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", MEASURES)
@settings(max_examples=50, deadline=None)
@given(customers=CUSTOMERS, seed=st.integers(0, 1000))
def test_measure_ignores_the_order_of_customers(
    name: str, customers: list[tuple[bool, float, int]], seed: int
) -> None:
    customers = [*customers, (True, 0.5, 1), (False, 0.5, 1)]
    label, risk, counts = (np.array(column) for column in zip(*customers, strict=True))
    weights = counts.astype(float)[:, None]
    order = np.random.default_rng(seed).permutation(len(label))

    shuffled = weighted(name)(label[order], risk[order], weights[order])

    np.testing.assert_allclose(
        shuffled, weighted(name)(label, risk, weights), rtol=1e-12, atol=1e-15
    )


def test_hand_computed_values() -> None:
    # Given four customers in the order keeper, decliner, keeper, decliner, two of them tied
    label = np.array([False, True, False, True])
    risk = np.array([0.1, 0.4, 0.4, 0.8])
    once = np.ones((4, 1))

    # Then: pairs won 3, tied 1 of 4; precision 1 at the top, 2 of 3 after the tie
    assert weighted_roc_auc(label, risk, once)[0] == 3.5 / 4
    assert weighted_average_precision(label, risk, once)[0] == pytest.approx((1 + 2 / 3) / 2)
    assert weighted_brier(label, risk, once)[0] == pytest.approx((0.01 + 0.36 + 0.16 + 0.04) / 4)
    assert weighted_log_loss(label, risk, once)[0] == pytest.approx(
        -(np.log(0.9) + np.log(0.4) + np.log(0.6) + np.log(0.8)) / 4
    )


def test_everyone_tied_is_chance() -> None:
    label = np.array([True, False, False, False])
    risk = np.full(4, 0.25)

    assert weighted_roc_auc(label, risk, np.ones((4, 1)))[0] == 0.5
    assert weighted_average_precision(label, risk, np.ones((4, 1)))[0] == 0.25


def test_sure_and_wrong_costs_much_but_not_infinity() -> None:
    label = np.array([True, False])

    loss = weighted_log_loss(label, np.array([0.0, 1.0]), np.ones((2, 1)))[0]

    assert loss == pytest.approx(-np.log(1e-12), rel=1e-4)


def test_sure_and_right_costs_nothing() -> None:
    label = np.array([True, False])

    loss = weighted_log_loss(label, np.array([1.0, 0.0]), np.ones((2, 1)))[0]

    assert loss == pytest.approx(0.0, abs=1e-11)


class TestShareInTop:
    def test_customer_at_the_edge_counts_in_part(self) -> None:
        # Given four customers of whom the second-highest and the lowest declined
        score = np.array([0.9, 0.7, 0.4, 0.2])
        sums = tally_values(score, np.ones((4, 1)), np.array([1, 3]))

        # Then the top quarter holds nobody, three eighths half of one, half of all one of two
        found = [share_in_top(sums, top)[0] for top in (0.25, 0.375, 0.5, 1.0)]
        assert found == [0.0, 0.25, 0.5, 1.0]

    def test_customers_who_tie_across_the_edge_share_it(self) -> None:
        score = np.array([0.9, 0.5, 0.5, 0.5, 0.1])
        sums = tally_values(score, np.ones((5, 1)), np.array([2]))

        # Then one of three tied places is inside
        assert share_in_top(sums, 0.4)[0] == pytest.approx(1 / 3)

    @pytest.mark.parametrize("top", [0.05, 0.1, 0.2, 1.0])
    def test_constant_score_holds_what_it_takes(self, top: float) -> None:
        sums = tally_values(np.zeros(7), np.ones((7, 1)), np.array([1, 4]), np.array([3.0, 9.0]))

        assert share_in_top(sums, top)[0] == pytest.approx(top)

    def test_values_count_and_so_do_weights(self) -> None:
        # Given the highest customer drawn twice, who holds 10 of 2 x 10 + 5
        score = np.array([3.0, 2.0, 1.0])
        weights = np.array([[2.0], [1.0], [1.0]])
        sums = tally_values(score, weights, np.array([0, 2]), np.array([10.0, 5.0]))

        assert share_in_top(sums, 0.25)[0] == pytest.approx(10 / 25)
        assert share_in_top(sums, 0.5)[0] == pytest.approx(20 / 25)

    def test_nothing_to_hold_is_unknown(self) -> None:
        sums = tally_values(np.array([0.1, 0.2]), np.ones((2, 3)), np.array([], dtype=np.int64))

        assert np.isnan(share_in_top(sums, 0.5)).all()


def test_lift_is_the_share_among_the_top_tenth_over_the_share_of_all() -> None:
    # Given 20 customers, 8 decliners, one of the two riskiest among them
    label = np.array([True, False, *[True] * 7, *[False] * 11])
    risk = np.linspace(0.95, 0.05, 20)

    lift = weighted("lift_at_10")(label, risk, np.ones((20, 1)))[0]

    assert lift == pytest.approx((1 / 2) / (8 / 20))


class TestExpectedCalibrationError:
    def test_bins_hold_equal_counts_and_ties_stay_together(self) -> None:
        assert equal_count_bins(np.ones(6, dtype=np.int64), 3).tolist() == [0, 0, 1, 1, 2, 2]
        # Given one risk that 8 of 10 customers share: its middle, not its edge, decides
        assert equal_count_bins(np.array([1, 8, 1]), 10).tolist() == [0, 5, 9]
        assert equal_count_bins(np.array([10]), 10).tolist() == [5]

    def test_hand_computed_value(self) -> None:
        # Given 20 customers in ten bins of two, each pair with one risk and one outcome
        risk = np.repeat(np.linspace(0.05, 0.95, 10), 2)
        label = np.array([False, True] * 10)

        found = weighted("expected_calibration_error")(label, risk, np.ones((20, 1)))[0]

        assert found == pytest.approx(np.abs(np.linspace(0.05, 0.95, 10) - 0.5).mean())

    def test_bin_counts_by_the_weight_in_it(self) -> None:
        # Given the first of two bins drawn three times as often
        risk, label = np.array([0.2, 0.6]), np.array([False, True])
        weights = np.array([[3.0], [1.0]])

        found = weighted("expected_calibration_error")(label, risk, weights)[0]

        assert found == pytest.approx(0.75 * 0.2 + 0.25 * 0.4)

    def test_interval_of_a_perfect_score_reaches_zero_and_holds_the_value(self) -> None:
        # Given risks that are right, so that all of the error is noise
        rng = np.random.default_rng(5)
        risk = rng.uniform(0.05, 0.95, 400)
        label = rng.uniform(size=400) < risk
        weights = bootstrap_weights(np.arange(400), 300, seed=1)

        found = measure(label, risk[None], weights, 0.95)["expected_calibration_error"]

        assert found["low"] is not None and found["value"] is not None
        assert found["high"] is not None
        assert 0 <= found["low"] < found["value"] < found["high"] < 0.1


class TestCalibrationSlope:
    def customers(self, slope: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return label, risk whose right logit is ``slope`` times its own, and weights."""
        rng = np.random.default_rng(2)
        logit = np.round(rng.normal(scale=1.5, size=300), 1)  # ties
        label = rng.uniform(size=300) < 1 / (1 + np.exp(0.3 - slope * logit))
        return label, 1 / (1 + np.exp(-logit)), bootstrap_weights(np.arange(300), 20, seed=3)

    @pytest.mark.parametrize("slope", [0.5, 1.0, 2.0, -1.0])
    def test_agrees_with_logistic_regression_in_every_resample(self, slope: float) -> None:
        label, risk, weights = self.customers(slope)

        found = weighted("calibration_slope")(label, risk, weights)

        logit = np.log(risk / (1 - risk))[:, None]
        expected = [
            LogisticRegression(C=1e12, tol=1e-10)
            .fit(logit, label, sample_weight=column)
            .coef_.item()
            for column in weights.T
        ]
        np.testing.assert_allclose(found, expected, rtol=1e-4)

    def test_halving_every_logit_doubles_the_slope(self) -> None:
        label, risk, weights = self.customers(1.0)
        timid = 1 / (1 + np.sqrt((1 - risk) / risk))

        slope = weighted("calibration_slope")

        np.testing.assert_allclose(
            slope(label, timid, weights), 2 * slope(label, risk, weights), rtol=1e-5
        )

    def test_risk_that_hardly_varies_has_none(self) -> None:
        label = np.array([True, False, True, False])

        found = measure(label, np.array([[0.4, 0.4, 0.401, 0.401]]), np.ones((4, 100)), 0.95)[
            "calibration_slope"
        ]

        assert set(found.values()) == {None}

    def test_classes_that_do_not_overlap_have_none(self) -> None:
        label = np.array([False, False, False, True, True])
        risk = np.array([0.1, 0.2, 0.3, 0.6, 0.7])

        assert np.isnan(weighted("calibration_slope")(label, risk, np.ones((5, 2)))).all()

    def test_no_bounds_where_a_resample_has_none(self) -> None:
        # Given everybody once, who overlap, and a resample that leaves the overlap out
        label = np.array([False, True, False, True, False, True])
        risks = np.array([[0.1, 0.2, 0.4, 0.5, 0.55, 0.8]])
        weights = np.ones((6, 100))
        weights[:, 0] = [3, 0, 1, 1, 0, 1]

        found = measure(label, risks, weights, 0.95)["calibration_slope"]

        assert found["value"] is not None and found["value"] > 0
        assert found["low"] is None and found["high"] is None


class TestBootstrapWeights:
    def test_every_resample_has_as_many_groups_as_there_are(self) -> None:
        weights = bootstrap_weights(np.arange(30), 200, seed=1)

        assert weights.shape == (30, 200)
        assert (weights.sum(axis=0) == 30).all()
        assert weights.mean() == 1.0

    def test_twins_are_drawn_together(self) -> None:
        groups = np.array([0, 1, 1, 2, 0])

        weights = bootstrap_weights(groups, 100, seed=1)

        np.testing.assert_array_equal(weights[0], weights[4])
        np.testing.assert_array_equal(weights[1], weights[2])
        np.testing.assert_array_equal(weights[[0, 1, 3]].sum(axis=0), np.full(100, 3.0))

    def test_seed_decides_the_draw(self) -> None:
        groups = np.arange(20)

        np.testing.assert_array_equal(
            bootstrap_weights(groups, 5, seed=7), bootstrap_weights(groups, 5, seed=7)
        )
        assert (bootstrap_weights(groups, 5, seed=7) != bootstrap_weights(groups, 5, seed=8)).any()


class TestMeasure:
    LABEL = np.array([False, True, False, True, False, True, False, False])

    def test_value_is_the_mean_over_repeats_with_its_spread(self) -> None:
        # Given two repeats
        first = np.array([0.1, 0.7, 0.2, 0.6, 0.3, 0.2, 0.4, 0.1])
        second = np.array([0.2, 0.9, 0.1, 0.8, 0.4, 0.6, 0.5, 0.3])
        weights = bootstrap_weights(np.arange(8), 300, seed=3)

        # When
        found = measure(self.LABEL, np.stack([first, second]), weights, 0.95)

        # Then
        assert list(found) == list(MEASURES)
        assert list(found)[:4] == list(REFERENCES)
        for name, reference in REFERENCES.items():
            values = [reference(self.LABEL, risk) for risk in (first, second)]
            assert found[name]["value"] == pytest.approx(np.mean(values))
            assert found[name]["sd_over_repeats"] == pytest.approx(np.std(values, ddof=1))

    def test_interval_is_the_middle_of_the_resampled_means(self) -> None:
        risks = np.stack(
            [np.linspace(0.1, 0.9, 8), np.array([0.3, 0.2, 0.6, 0.5, 0.4, 0.9, 0.1, 0.2])]
        )
        weights = bootstrap_weights(np.arange(8), 200, seed=4)

        found = measure(self.LABEL, risks, weights, 0.9)["brier"]

        means = [
            np.mean([brier_score_loss(self.LABEL, risk, sample_weight=w) for risk in risks])
            for w in weights.T
            if 0 < w @ self.LABEL < w.sum()
        ]
        assert found["low"] == pytest.approx(np.quantile(means, 0.05))
        assert found["high"] == pytest.approx(np.quantile(means, 0.95))
        assert found["low"] < found["value"] < found["high"]

    def test_one_repeat_has_no_spread(self) -> None:
        weights = bootstrap_weights(np.arange(8), 100, seed=3)

        found = measure(self.LABEL, np.linspace(0.1, 0.9, 8)[None], weights, 0.95)

        assert {found[name]["sd_over_repeats"] for name in REFERENCES} == {0.0}

    def test_resample_with_one_class_is_left_out(self) -> None:
        # Given a resample without any decliner beside one with both classes
        label = np.array([True, False, False])
        risks = np.array([[0.9, 0.2, 0.1]])
        weights = np.array([[0.0, 2.0, 1.0], [1.0, 1.0, 1.0]]).T

        # When / Then only the second one counts
        found = measure(label, risks, weights, 0.95)
        assert found["roc_auc"] == {"value": 1.0, "low": 1.0, "high": 1.0, "sd_over_repeats": 0.0}
        assert found["brier"]["low"] == pytest.approx(0.02)
        assert found["brier"]["high"] == pytest.approx(0.02)

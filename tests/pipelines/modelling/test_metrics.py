import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from personal_offers.pipelines.modelling.metrics import (
    MEASURES,
    bootstrap_weights,
    measure,
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


@pytest.mark.parametrize("name", MEASURES)
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
    found = MEASURES[name](label, risk, weights)

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

    shuffled = MEASURES[name](label[order], risk[order], weights[order])

    np.testing.assert_allclose(
        shuffled, MEASURES[name](label, risk, weights), rtol=1e-12, atol=1e-15
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
        assert list(found) == list(REFERENCES)
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

        assert {values["sd_over_repeats"] for values in found.values()} == {0.0}

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

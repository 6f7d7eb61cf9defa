"""Calibration curves on scores whose miscalibration is known, because it was made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from personal_offers.pipelines.modelling.calibration import (
    apply_curve,
    choose_curve,
    cross_fit_loss,
    fit_curve,
)
from personal_offers.pipelines.modelling.params import CurveName

SIZE = 1500
FOLDS = 3
CURVES: list[CurveName] = ["none", "sigmoid", "beta", "isotonic"]
GRID = np.linspace(0.05, 0.95, 19)


def logit(risk: Any) -> Any:
    return np.log(risk) - np.log1p(-risk)


def sigmoid(value: Any) -> Any:
    return 1 / (1 + np.exp(-value))


def honest(score: Any) -> Any:
    return score


def timid(score: Any) -> Any:
    """Risk of scores that stay near one half, as the mean of many trees does."""
    return sigmoid(2.5 * logit(score))


def bold(score: Any) -> Any:
    return sigmoid(0.4 * logit(score) - 0.5)


def bent(score: Any) -> Any:
    """Bend at the lower end alone, which no logistic curve over the logit can follow."""
    return sigmoid(4 * np.log(score) - 0.1 * np.log1p(-score) + 1.5)


def stairs(score: Any) -> Any:
    """Jump where hardly any score is high, which nothing smooth can follow."""
    return np.where(score < 0.2, 0.1, 0.7)


def shop(risk_of: Any, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores, labels and inner folds of customers whose risk follows from their score."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(0.005, 0.995, size=SIZE)
    label = rng.uniform(size=SIZE) < risk_of(score)
    return score, label, rng.integers(FOLDS, size=SIZE)


class TestEachCurve:
    def test_none_leaves_the_score_as_it_is(self) -> None:
        score, label, _ = shop(bold)

        curve = fit_curve("none", score, label)

        assert curve is None
        np.testing.assert_array_equal(apply_curve("none", curve, GRID), GRID)

    @pytest.mark.parametrize("risk_of", [honest, timid, bold])
    @pytest.mark.parametrize("name", ["sigmoid", "beta"])
    def test_smooth_curves_find_a_logistic_one(self, name: CurveName, risk_of: Any) -> None:
        score, label, _ = shop(risk_of)

        found = apply_curve(name, fit_curve(name, score, label), GRID)

        np.testing.assert_allclose(found, risk_of(GRID), atol=0.06)

    def test_beta_follows_what_bends_at_one_end(self) -> None:
        score, label, _ = shop(bent)

        found = {
            name: apply_curve(name, fit_curve(name, score, label), GRID)
            for name in ("sigmoid", "beta")
        }

        np.testing.assert_allclose(found["beta"], bent(GRID), atol=0.04)
        assert np.abs(found["sigmoid"] - bent(GRID)).max() > 0.08

    def test_isotonic_follows_a_jump(self) -> None:
        score, label, _ = shop(stairs)

        found = {
            name: apply_curve(name, fit_curve(name, score, label), np.array([0.15, 0.25]))
            for name in ("beta", "isotonic")
        }

        assert found["isotonic"] == pytest.approx(np.array([0.1, 0.7]), abs=0.1)
        assert np.diff(found["beta"]) < 0.3

    @pytest.mark.parametrize("name", CURVES)
    def test_higher_score_never_means_lower_risk(self, name: CurveName) -> None:
        score, label, _ = shop(timid)

        risk = apply_curve(name, fit_curve(name, score, label), np.linspace(0, 1, 101))

        assert (np.diff(risk) >= 0).all()
        assert ((risk >= 0) & (risk <= 1)).all()

    @pytest.mark.parametrize("name", ["sigmoid", "beta", "isotonic"])
    def test_nobody_is_certain(self, name: CurveName) -> None:
        # Given scores of exactly nothing and everything, as forests give, that were right
        score = np.repeat([0.0, 0.4, 0.6, 1.0], 25)
        label = np.repeat([False, True, False, True], 25)

        risk = apply_curve(name, fit_curve(name, score, label), np.array([0.0, 1.0]))

        assert 0 < risk[0] < 0.05
        assert 0.95 < risk[1] < 1

    def test_isotonic_goes_on_level_beyond_what_it_has_seen(self) -> None:
        score, label = np.array([0.3, 0.4, 0.6, 0.7]), np.array([False, True, False, True])
        curve = fit_curve("isotonic", score, label)

        risk = apply_curve("isotonic", curve, np.array([0.0, 0.3, 0.7, 1.0]))

        assert risk[0] == risk[1]
        assert risk[2] == risk[3]

    @pytest.mark.parametrize("name", CURVES)
    def test_mean_risk_is_the_share_of_decliners(self, name: CurveName) -> None:
        # Given scores that are far too high for everybody; only a curve can know that
        score, label, _ = shop(lambda score: sigmoid(logit(score) - 2))

        risk = apply_curve(name, fit_curve(name, score, label), score)

        if name == "none":
            assert risk.mean() > label.mean() + 0.2
        else:
            assert risk.mean() == pytest.approx(label.mean(), abs=0.01)


class TestCrossFitLoss:
    def test_is_the_log_loss_of_folds_that_did_not_make_the_curve(self) -> None:
        # Given two folds of like scores, of which the second declines more often
        score = np.full(20, 0.5)
        label = np.array([True] * 2 + [False] * 8 + [True] * 6 + [False] * 4)
        fold_of = np.repeat([0, 1], 10)

        # When a curve of one level is fitted to the other fold
        found = cross_fit_loss("isotonic", score, label, fold_of)

        # Then the first fold is judged with 0.6, the second with 0.2
        by_hand = -(2 * np.log(0.6) + 8 * np.log(0.4) + 6 * np.log(0.2) + 4 * np.log(0.8)) / 20
        assert found == pytest.approx(by_hand)

    def test_no_curve_is_judged_by_the_score_itself(self) -> None:
        score, label = np.array([0.25, 0.5]), np.array([False, True])

        found = cross_fit_loss("none", score, label, np.array([0, 1]))

        assert found == pytest.approx(-(np.log(0.75) + np.log(0.5)) / 2)

    def test_one_sure_mistake_is_not_the_end_of_the_world(self) -> None:
        score, label = np.array([0.0, 1.0]), np.array([True, True])

        assert cross_fit_loss("none", score, label, np.array([0, 1])) < 5


class TestChooseCurve:
    @pytest.mark.parametrize(
        ("risk_of", "sensible"),
        [
            (honest, {"none", "sigmoid"}),
            (timid, {"sigmoid", "beta"}),
            (bold, {"sigmoid", "beta"}),
            (bent, {"beta"}),
            (stairs, {"beta", "isotonic"}),
        ],
    )
    def test_auto_takes_a_curve_that_can_follow(self, risk_of: Any, sensible: set[str]) -> None:
        chosen, loss = choose_curve("auto", *shop(risk_of))

        assert chosen in sensible
        assert loss == min(cross_fit_loss(name, *shop(risk_of)) for name in CURVES)

    @pytest.mark.parametrize("wanted", CURVES)
    def test_a_curve_that_was_asked_for_is_taken_whatever_the_others_do(
        self, wanted: CurveName
    ) -> None:
        inputs = shop(bent)

        assert choose_curve(wanted, *inputs) == (wanted, cross_fit_loss(wanted, *inputs))

    def test_few_customers_do_not_get_a_staircase(self) -> None:
        # Given forty customers, on whom a step function learns every accident by heart
        rng = np.random.default_rng(1)
        risk = rng.uniform(0.1, 0.9, size=40)
        label = rng.uniform(size=40) < risk

        assert choose_curve("auto", risk, label, np.arange(40) % 3)[0] != "isotonic"

    def test_choice_depends_on_nothing_but_the_given_rows(self) -> None:
        # Given the same rows as part of a larger array, whose other labels are turned round
        score, label, fold_of = shop(timid)
        some = np.arange(SIZE) < SIZE // 2
        turned = np.where(some, label, ~label)

        found = choose_curve("auto", score[some], label[some], fold_of[some])
        again = choose_curve("auto", score[some], turned[some], fold_of[some])

        assert found == again
        assert found != choose_curve("auto", score, turned, fold_of)

    def test_order_of_rows_does_not_matter(self) -> None:
        inputs = shop(bold)
        order = np.random.default_rng(9).permutation(SIZE)

        chosen, loss = choose_curve("auto", *inputs)
        again, same = choose_curve("auto", *(part[order] for part in inputs))

        assert again == chosen
        assert same == pytest.approx(loss, abs=1e-5)

    def test_inputs_are_left_as_they_were(self) -> None:
        inputs = shop(timid)
        before = [part.copy() for part in inputs]

        choose_curve("auto", *inputs)

        for part, copy in zip(inputs, before, strict=True):
            np.testing.assert_array_equal(part, copy)

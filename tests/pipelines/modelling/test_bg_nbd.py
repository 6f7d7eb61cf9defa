"""BG/NBD: the likelihood, the fit, what it expects, and when it says nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.optimize import approx_fprime
from scipy.special import gammaln, hyp2f1

from personal_offers.activity_labels import label_activity
from personal_offers.activity_params import ActivityOptions
from personal_offers.datasets import RawCSVDataset
from personal_offers.errors import InputError
from personal_offers.pipelines.data_processing.order_nodes import (
    mark_order_lines,
    read_order_lines,
    take_order_lines,
)
from personal_offers.pipelines.data_processing.order_params import OrderLineOptions
from personal_offers.pipelines.modelling import bg_nbd
from personal_offers.pipelines.modelling.bg_nbd import (
    BgNbd,
    count_histories,
    expected_purchases,
    fit_bg_nbd,
    probability_alive,
    purchase_histories,
)
from personal_offers.pipelines.modelling.metrics import weighted_roc_auc

START = datetime(2021, 1, 1)
# Published for the CDNOW customers (Fader, Hardie and Lee, 2005, table 2); time in weeks.
CDNOW = BgNbd(
    r=0.243, alpha=4.414, a=0.793, b=2.426, log_likelihood=0.0, without_dropout=0.0,
    customers=0, repeat_buyers=0, problems=(),
)  # fmt: skip


def histories(*rows: tuple[float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=bg_nbd.HISTORY)


def simulate(model: BgNbd, customers: int, seed: int, later: float = 0.0) -> pd.DataFrame:
    """Let customers live as the model says; ``bought`` counts purchases in the time after."""
    draw = np.random.default_rng(seed)
    rate = draw.gamma(model.r, 1 / model.alpha, customers)
    stop = draw.beta(model.a, model.b, customers)
    age = draw.uniform(100, 400, customers).round()
    rows = []
    for own_rate, own_stop, until in zip(rate, stop, age, strict=True):
        at, last, count, bought, alive = 0.0, 0.0, 0, 0, True
        while alive:
            at += draw.exponential(1 / own_rate)
            if at > until + later:
                break
            if at <= until:
                count, last = count + 1, at
            else:
                bought += 1
            alive = draw.random() >= own_stop
        rows.append((count, last, until, bought))
    return pd.DataFrame(rows, columns=[*bg_nbd.HISTORY, "bought"])


def counted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.groupby(bg_nbd.HISTORY, as_index=False).agg(customers=("age", "size"))


SHOP = replace(CDNOW, r=0.8, alpha=40.0, a=0.7, b=2.5)


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    return simulate(SHOP, 8_000, seed=1, later=90)


@pytest.fixture(scope="module")
def fitted(simulated: pd.DataFrame) -> BgNbd:
    return fit_bg_nbd(counted(simulated))


class TestLikelihood:
    @pytest.mark.parametrize("logs", [(0.1, -0.5, -0.2, 0.9), (-3, 2, -6, 5), (3, -2, 2, 0)])
    def test_the_gradient_is_that_of_the_likelihood(self, logs: tuple[float, ...]) -> None:
        x, recency = np.array([0.0, 1, 3, 40]), np.array([0.0, 0.3, 0.9, 1.4])
        data = (x, recency, np.array([1.0, 1.2, 0.9, 1.5]), np.array([0.4, 0.3, 0.2, 0.1]))
        at = np.array(logs, dtype=float)
        numeric = approx_fprime(at, lambda p: bg_nbd._mean_loss(p, *data)[0], 1e-7)

        assert bg_nbd._mean_loss(at, *data)[1] == pytest.approx(numeric, rel=1e-4, abs=1e-5)

    def test_all_histories_together_are_certain(self) -> None:
        # Times of purchases before the last one are not told: they fill recency^(x-1) / (x-1)!.
        r, alpha, a, b, age = 0.8, 1.0, 0.7, 2.5, 1.5

        def density(recency: float, x: int) -> float:
            one = (np.array([float(x)]), np.array([recency]), np.array([age]))
            value = float(bg_nbd._log_likelihoods(r, alpha, a, b, *one)[0][0])
            return float(np.exp(value - gammaln(max(x, 1))) * (recency ** (x - 1) if x else 1.0))

        total = density(0.0, 0) + sum(quad(density, 0, age, (x,))[0] for x in range(1, 120))

        assert total == pytest.approx(1, abs=1e-6)

    def test_without_dropout_it_is_the_negative_binomial_likelihood(self) -> None:
        x, age = np.array([0.0, 2, 5]), np.array([1.0, 1.2, 0.9])
        never = bg_nbd._log_likelihoods(0.8, 1.1, 1e-9, 1e3, x, age / 2, age)[0]
        logs = np.log([0.8, 1.1])
        alone = [
            -bg_nbd._mean_loss_without_dropout(logs, *(v[i : i + 1] for v in (x, age, np.ones(3))))[
                0
            ]
            for i in range(3)
        ]

        assert never == pytest.approx(np.array(alone), abs=1e-8)


class TestFit:
    def test_known_parameters_are_found_again(self, fitted: BgNbd) -> None:
        # Four standard deviations of fits to twelve other draws of 8,000 customers.
        assert fitted.r == pytest.approx(SHOP.r, rel=0.12)
        assert fitted.alpha == pytest.approx(SHOP.alpha, rel=0.15)
        assert fitted.mean_dropout == pytest.approx(SHOP.mean_dropout, abs=0.03)
        assert fitted.a == pytest.approx(SHOP.a, rel=0.22)
        assert fitted.problems == ()
        assert not fitted.degenerate

    def test_no_other_parameters_are_likelier(self, simulated: pd.DataFrame, fitted: BgNbd) -> None:
        x, recency, age = (simulated[name].to_numpy(float) for name in bg_nbd.HISTORY)

        def likelihood(model: BgNbd) -> float:
            values = bg_nbd._log_likelihoods(
                model.r, model.alpha, model.a, model.b, x, recency, age
            )
            return float(values[0].sum())

        assert fitted.log_likelihood == pytest.approx(likelihood(fitted), rel=1e-9)
        assert fitted.log_likelihood > likelihood(SHOP)
        for name in ("r", "alpha", "a", "b"):
            for factor in (0.99, 1.01):
                other = replace(fitted, **{name: getattr(fitted, name) * factor})
                assert likelihood(other) < fitted.log_likelihood
        assert fitted.log_likelihood > fitted.without_dropout + 50

    def test_the_unit_of_time_changes_the_scale_only(
        self, simulated: pd.DataFrame, fitted: BgNbd
    ) -> None:
        hours = simulated.assign(recency=simulated["recency"] * 24, age=simulated["age"] * 24)
        found = fit_bg_nbd(counted(hours))
        again = simulated["frequency"].sum() * np.log(24)

        assert found.alpha == pytest.approx(fitted.alpha * 24, rel=1e-3)
        assert (found.r, found.a) == pytest.approx((fitted.r, fitted.a), rel=1e-3)
        assert found.log_likelihood == pytest.approx(fitted.log_likelihood - again, rel=1e-9)

    def test_the_order_of_rows_and_equal_histories_do_not_matter(
        self, simulated: pd.DataFrame
    ) -> None:
        some = simulated.head(500).round()
        some["recency"] = some["recency"].clip(lower=(some["frequency"] > 0).astype(float))
        together = fit_bg_nbd(counted(some))
        single = fit_bg_nbd(some.sample(frac=1, random_state=1).assign(customers=1))

        assert (single.r, single.a) == pytest.approx((together.r, together.a), rel=1e-3)
        assert (single.customers, single.repeat_buyers) == (500, together.repeat_buyers)

    def test_starts_may_be_tried_on_some_of_the_histories(
        self, simulated: pd.DataFrame, fitted: BgNbd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bg_nbd, "_ROWS_FOR_STARTS", 500)
        found = fit_bg_nbd(counted(simulated))

        assert found.log_likelihood == pytest.approx(fitted.log_likelihood, abs=1e-4)

    def test_two_fits_are_the_same_and_fit_into_json(self, simulated: pd.DataFrame) -> None:
        some = counted(simulated.head(300))
        first, second = fit_bg_nbd(some), fit_bg_nbd(some)

        assert first == second
        stored = json.loads(json.dumps(asdict(first)))
        assert BgNbd(**stored | {"problems": tuple(stored["problems"])}) == first


class TestDegenerate:
    def test_customers_who_never_stop(self) -> None:
        draw = np.random.default_rng(3)
        age = draw.uniform(100, 400, 4_000)
        x = draw.poisson(draw.gamma(0.8, 1 / 60, 4_000) * age)
        recency = np.where(x > 0, age * draw.beta(np.maximum(x, 1), 1), 0)
        frame = histories(*zip(x.astype(float), recency, age, strict=True))
        found = fit_bg_nbd(counted(frame))

        assert found.degenerate
        assert "no_dropout" in found.problems
        assert probability_alive(found, frame).min() > 0.9
        # What it expects is still right: that of the model without dropout.
        wanted = (found.r + x) * 90 / (found.alpha + age)
        assert expected_purchases(found, frame, 90) == pytest.approx(wanted, rel=0.1)

    def test_a_parameter_that_runs_away(self) -> None:
        # Everybody buys every ten days and nobody stops: rates do not differ at all.
        frame = pd.DataFrame(
            {"frequency": [10, 20], "recency": [100, 200], "age": [105, 205], "customers": [50, 50]}
        )

        assert {"at_bound", "no_dropout"} <= set(fit_bg_nbd(frame).problems)

    def test_a_flat_top(self) -> None:
        # Two histories cannot tell four parameters.
        frame = histories((0, 0, 100), (1, 50, 100)).assign(customers=[80, 20])

        assert "flat" in fit_bg_nbd(frame).problems

    def test_nobody_came_back(self) -> None:
        with pytest.raises(InputError, match="nobody bought on two different days"):
            fit_bg_nbd(histories((0, 0, 30)).assign(customers=5))

    @pytest.mark.parametrize(
        "row", [(1, 40, 30), (0, 5, 30), (2, 0, 30), (-1, 0, 30), (1, 5, float("nan"))]
    )
    def test_impossible_histories(self, row: tuple[float, float, float]) -> None:
        frame = histories((1, 5, 30), row).assign(customers=1)

        with pytest.raises(InputError, match="1 purchase histories are impossible"):
            fit_bg_nbd(frame)


def published(model: BgNbd, x: float, recency: float, age: float, days: float) -> float:
    """Equation 10 of Fader, Hardie and Lee (2005)."""
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    shrink = ((alpha + age) / (alpha + age + days)) ** (r + x)
    curve = hyp2f1(r + x, b + x, a + b + x - 1, days / (alpha + age + days))
    bought = (a + b + x - 1) / (a - 1) * (1 - shrink * curve)
    ended = a / (b + x - 1) * ((alpha + age) / (alpha + recency)) ** (r + x) if x else 0.0
    return float(bought / (1 + ended))


class TestExpectedPurchases:
    def test_the_worked_example_of_the_authors(self) -> None:
        one = histories((2, 30.43, 38.86))

        assert expected_purchases(CDNOW, one, 39) == pytest.approx(np.array([1.226]), abs=5e-4)
        assert probability_alive(CDNOW, one) == pytest.approx(np.array([0.7266]), abs=5e-4)

    @pytest.mark.parametrize("days", [1, 39, 400])
    def test_it_agrees_with_the_published_form(self, days: float) -> None:
        rows = [(0, 0, 0), (0, 0, 38.9), (1, 10, 38.9), (10, 38, 38.9), (80, 38, 38.9)]
        wanted = [published(CDNOW, *row, days) for row in rows]

        assert expected_purchases(CDNOW, histories(*rows), days) == pytest.approx(
            np.array(wanted), rel=1e-9
        )

    @pytest.mark.parametrize("days", [90, 365, 1_000])
    @pytest.mark.parametrize(
        "shape", [(0.007, 0.95, 0.9, 0.24), (9, 3, 0.7, 2.5), (0.7, 66, 1e-4, 8e3)]
    )
    def test_more_nodes_change_nothing(
        self, days: float, shape: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = replace(CDNOW, **dict(zip(("r", "alpha", "a", "b"), shape, strict=True)))
        ages = (0, 1, 5, 50, 400)
        rows = [(x, age * min(x, 1), age) for x in (0, 1, 5, 50) for age in ages if x <= age]
        found = expected_purchases(model, histories(*rows), days)
        monkeypatch.setattr(bg_nbd, "_FEWEST_NODES", 300)

        assert found == pytest.approx(expected_purchases(model, histories(*rows), days), rel=1e-9)

    @pytest.mark.parametrize("a", [1.0, 1 + 1e-9, 1e-4])
    def test_it_has_no_pole(self, a: float) -> None:
        near = [
            expected_purchases(replace(CDNOW, a=a * factor), histories((3, 30, 38)), 39)[0]
            for factor in (1 - 1e-6, 1, 1 + 1e-6)
        ]

        assert near[0] > near[1] > near[2]
        assert near == pytest.approx([near[1]] * 3, rel=1e-5)

    def test_one_plus_b_at_the_first_node_is_no_division_by_zero(self) -> None:
        model = replace(CDNOW, a=0.3, b=0.7)
        row = (0.0, 0.0, 20.0)

        assert expected_purchases(model, histories(row), 39)[0] == pytest.approx(
            published(replace(model, b=0.7 + 1e-9), *row, 39), rel=1e-6
        )

    def test_customers_who_never_stop_go_on_at_their_rate(self) -> None:
        model = replace(CDNOW, a=1e-6, b=1e3)

        found = expected_purchases(model, histories((0, 0, 10), (7, 5, 10)), 20)
        wanted = [(model.r + x) * 20 / (model.alpha + 10) for x in (0, 7)]
        assert found == pytest.approx(np.array(wanted), rel=1e-4)

    def test_customers_who_stop_at_once_buy_at_most_once_more(self) -> None:
        model = replace(CDNOW, a=1e6, b=1e-3)
        wanted = 1 - (model.alpha / (model.alpha + 20)) ** model.r

        assert expected_purchases(model, histories((0, 0, 0)), 20)[0] == pytest.approx(
            wanted, rel=1e-5
        )

    def test_it_agrees_with_simulated_customers(self, simulated: pd.DataFrame) -> None:
        expected = expected_purchases(SHOP, simulated, 90)
        for few, many in [(0, 0), (1, 1), (2, 4), (5, 1_000)]:
            group = simulated["frequency"].between(few, many).to_numpy()
            bought = simulated.loc[group, "bought"]
            error = bought.std() / len(bought) ** 0.5
            assert expected[group].mean() == pytest.approx(bought.mean(), abs=4 * error)

    def test_alive_customers_are_those_who_buy_again(self) -> None:
        # In a very long time whoever is alive buys again, but for rates near zero.
        model = replace(SHOP, r=5.0, alpha=100.0)
        frame = simulate(model, 2_000, seed=5, later=3_000)
        again = frame["frequency"] > 0
        alive = probability_alive(model, frame)[again]
        bought = (frame.loc[again, "bought"] > 0).to_numpy()

        for low, high in [(0, 0.3), (0.3, 0.7), (0.7, 1.01)]:
            band = (alive >= low) & (alive < high)
            assert bought[band].mean() == pytest.approx(alive[band].mean(), abs=0.07)

    def test_more_time_and_later_purchases_promise_more(self) -> None:
        one = histories((3, 100, 300))
        by_days = [expected_purchases(SHOP, one, days)[0] for days in (0, 1, 30, 90, 365)]
        recencies = histories(*((3, recency, 300) for recency in (1, 50, 150, 250, 300)))

        assert by_days[0] == 0
        assert (np.diff(by_days) > 0).all()
        assert (np.diff(expected_purchases(SHOP, recencies, 90)) > 0).all()
        assert (np.diff(probability_alive(SHOP, recencies)) > 0).all()

    def test_long_silence_weighs_heavier_on_frequent_buyers(self) -> None:
        silent = histories(*((x, 100, 300) for x in (1, 3, 10, 30)))
        present = histories(*((x, 300, 300) for x in (1, 3, 10, 30)))

        assert (np.diff(probability_alive(SHOP, silent)) < 0).all()
        assert (np.diff(expected_purchases(SHOP, present, 90)) > 0).all()

    def test_who_bought_once_is_alive(self) -> None:
        assert probability_alive(SHOP, histories((0, 0, 1), (0, 0, 900))).tolist() == [1, 1]

    def test_batches_do_not_show(
        self, simulated: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        some = simulated.head(100)
        whole = expected_purchases(SHOP, some, 90)
        monkeypatch.setattr(bg_nbd, "_AT_ONCE", 500)

        assert (expected_purchases(SHOP, some, 90) == whole).all()

    def test_nobody_is_expected_to_buy_where_there_is_nobody(self) -> None:
        assert len(expected_purchases(SHOP, histories(), 90)) == 0


def line(
    customer: str, day: float, order: str, quantity: int = 1, **changes: Any
) -> dict[str, Any]:
    at = START + timedelta(days=day)
    return {
        "customer_id": customer,
        "order_id": order,
        "ordered_at": at,
        "logged_at": at,
        "quantity": quantity,
        "amount": Decimal(quantity),
        "is_return": quantity < 0,
        "trusted": True,
    } | changes


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


class TestHistories:
    LINES = (
        line("ann", 0.4, "1"),
        line("ann", 0.4, "1"),
        line("ann", 0.9, "2"),  # a second order of the day
        line("ann", 5.1, "3"),
        line("ann", 9.0, "R1", -1),
        line("ann", 30.0, "4"),  # not known yet
        line("ann", 12.0, "5", trusted=False),
        line("bob", 20.0, "6"),
        line("eve", 3.0, "R2", -2),
    )

    def test_purchase_days_until_the_cutoff(self) -> None:
        table = ibis.memtable(list(self.LINES), schema=SCHEMA)
        found = purchase_histories(table, START + timedelta(days=20.5)).order_by("customer_id")

        assert found.to_pyarrow().to_pylist() == [
            {"customer_id": "ann", "frequency": 1, "recency": 5, "age": 20},
            {"customer_id": "bob", "frequency": 0, "recency": 0, "age": 0},
        ]

    def test_equal_histories_are_counted(self) -> None:
        rows = [line(who, at, f"{who}{at}") for who in ("a", "b", "c") for at in (0, 4)]
        table = ibis.memtable([*rows, line("d", 2, "d")], schema=SCHEMA)
        found = count_histories(purchase_histories(table, START + timedelta(days=10)))

        assert found.to_dict("records") == [
            {"frequency": 0, "recency": 0, "age": 8, "customers": 1},
            {"frequency": 1, "recency": 4, "age": 10, "customers": 3},
        ]


@pytest.mark.real_data
def test_gift_shop_is_degenerate_and_expected_purchases_rank(
    real_data: Path, parameters: dict[str, Any]
) -> None:
    path = real_data / "gift_shop" / "online_retail.csv.gz"
    raw = RawCSVDataset(filepath=str(path), encodings=("utf-8",), trim=False).load()
    intake = OrderLineOptions.model_validate(parameters["gift_shop"]["data_processing"])
    marked = mark_order_lines(intake, read_order_lines(intake, raw))[0]
    lines = take_order_lines(intake, marked).cache()
    cutoff = datetime(2011, 9, 10)
    asked = ActivityOptions(
        measure="items", outcome_days=90, gap_days=0, baseline_days=180,
        shortest_baseline_days=180, share=0.5, minimum_orders=2, recent_days=180, step_days=14,
        most_cutoffs=1, fewest_per_class=30, prevalence_shares=[0.5], confidence=0.95,
    )  # fmt: skip
    known = purchase_histories(lines, cutoff)
    model = fit_bg_nbd(count_histories(known))

    assert set(model.problems) == {"at_bound", "flat", "no_dropout"}
    labelled = label_activity(lines, cutoff, asked).inner_join(known, "customer_id").to_pandas()
    label, weights = labelled["declined"].to_numpy(), np.ones((len(labelled), 1))

    def auc(score: Any) -> float:
        return float(weighted_roc_auc(label, np.asarray(score, dtype=float), weights)[0])

    assert auc(-expected_purchases(model, labelled, 90)) == pytest.approx(0.625, abs=0.002)
    assert auc(-labelled["frequency"]) == pytest.approx(0.644, abs=0.002)
    assert auc(labelled["age"] - labelled["recency"]) == pytest.approx(0.577, abs=0.002)

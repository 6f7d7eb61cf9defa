"""Interests: facts by hand, no look ahead, memory and engine agree, stated fallbacks."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from pydantic import ValidationError

from personal_offers.features import Language
from personal_offers.pipelines.interests.interest_evaluation import (
    agreement_of_halves,
    choose_method,
)
from personal_offers.pipelines.interests.interest_figures import (
    draw_interest_accuracy,
    draw_interest_coverage,
)
from personal_offers.pipelines.interests.interest_model import (
    Rows,
    fit_calibrated,
    fit_method,
    predict,
    rows_of,
)
from personal_offers.pipelines.interests.interest_nodes import (
    evaluate_interests,
    fit_interest_model,
    score_interests,
    tabulate_spend,
)
from personal_offers.pipelines.interests.interest_params import InterestOptions
from personal_offers.pipelines.interests.interest_table import (
    FirstSeen,
    daily_spend,
    draw_customers,
    halves_of_later_lines,
    rows_after,
    season_before,
    spend_known_at,
)
from personal_offers.pipelines.interests.split import SplitOptions

START = datetime(2021, 1, 1, 12)
SPLIT = date(2021, 4, 11)  # day 100
ERA = {"cutoff": "2021-07-20T00:00:00", "withheld": {}}  # day 200
SCHEMA = {
    "row_number": "int64",
    "customer_id": "string",
    "order_id": "string",
    "ordered_at": "timestamp",
    "logged_at": "timestamp",
    "product_id": "string",
    "quantity": "int64",
    "amount": "string",
    "is_return": "boolean",
    "trusted": "boolean",
}
PRODUCTS = pd.DataFrame(
    {
        "product_id": ["A", "B", "C", "X"],
        "category": ["apples", "bags", "candles", "other"],
    }
)
MODELS = ("shrinkage", "transitions", "logistic_regression", "conditional_logit")
METHODS = ("majority", "same_so_far", *MODELS)


def options(**changes: Any) -> InterestOptions:
    return InterestOptions.model_validate(
        {
            "after_orders": [1, 2],
            "train_after": [1, 2],
            "methods": ["shrinkage", "conditional_logit"],
            "penalties": [0.1],
            "rehearsals": 2,
            "season_days": 30,
            "floor": 0.02,
            "certainty": 0.5,
            "coverage": 0.5,
            "suspicious_gain": 0.2,
            "fewest": {"training": 20, "test": 20},
            "largest_sample": 1000,
            "halvings": 2,
            "confidence": 0.95,
            "bootstrap": 50,
            "seed": 7,
        }
        | changes
    )


def line(customer: str, day: float, product: str, amount: float, **changes: Any) -> dict[str, Any]:
    moment = START + timedelta(days=day)
    return {
        "customer_id": customer,
        "order_id": f"{customer}-{day}",
        "ordered_at": moment,
        "logged_at": moment,
        "product_id": product,
        "quantity": 1 if amount >= 0 else -1,
        "amount": f"{amount:.2f}",
        "is_return": amount < 0,
        "trusted": True,
    } | changes


def lines_of(rows: list[dict[str, Any]]) -> ir.Table:
    frame = pd.DataFrame(rows)
    if "row_number" not in frame:
        frame.insert(0, "row_number", range(1, len(frame) + 1))
    return ibis.memtable(frame, schema=SCHEMA).cast({"amount": "decimal(18, 2)"})


def customers_of(*names: str) -> ir.Table:
    return ibis.memtable({"customer_id": list(names)}, schema={"customer_id": "string"})


EXAMPLE = [
    line("anna", 1, "A", 10),
    line("anna", 1, "X", 90),
    line("anna", 5, "B", 30),
    line("anna", 6, "B", -30),
    line("anna", 9, "C", 20),
    line("anna", 9, "A", 5),
    line("boris", 2, "X", 7),
    line("clara", 3, "B", 8, trusted=False),
    line("clara", 4, "new", 8),
]


def shop(customers: int = 160, seed: int = 3, loyal: float = 0.7) -> list[dict[str, Any]]:
    """Customers with a favourite each, three orders, some before and some after the split."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(customers):
        favourite = rng.integers(3)
        start = int(rng.integers(0, 150))
        for order in range(3):
            for _ in range(2):
                kind = favourite if rng.random() < loyal else rng.integers(3)
                amount = float(rng.integers(1, 50))
                rows.append(line(f"c{number:03}", start + 12 * order, "ABC"[kind], amount))
    return rows


def evaluated(rows: list[dict[str, Any]], **changes: Any) -> tuple[Any, Any, Any]:
    return evaluate_interests(
        lines_of(rows), PRODUCTS, ERA, SplitOptions(split=SPLIT), options(**changes)
    )[:3]


@pytest.fixture(scope="module")
def result() -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    return evaluated(shop())


class TestFacts:
    def test_orders_are_numbered_and_returns_stand_apart(self) -> None:
        spend = tabulate_spend(lines_of(EXAMPLE), PRODUCTS, ERA).to_pandas()

        rows = spend[["customer_id", "order_number", "category", "gross_cents", "net_cents"]]
        assert rows.to_numpy().tolist() == [
            ["anna", 0, "bags", 0, -3000],
            ["anna", 1, "apples", 1000, 1000],
            ["anna", 1, "other", 9000, 9000],
            ["anna", 2, "bags", 3000, 3000],
            ["anna", 3, "apples", 500, 500],
            ["anna", 3, "candles", 2000, 2000],
            ["boris", 1, "other", 700, 700],
            ["clara", 1, "other", 800, 800],  # the table lacks the product
        ]

    def test_later_spend_begins_after_the_order(self) -> None:
        spend = tabulate_spend(lines_of(EXAMPLE), PRODUCTS, ERA)
        drawn = draw_customers(spend, FirstSeen(), 100, 1)
        frame, counts = rows_after(drawn, ["apples", "bags", "candles"], [1, 2])

        assert frame["customer_id"].tolist() == ["anna", "anna"]
        columns = ["so_far_0", "so_far_1", "so_far", "later_0", "later_1", "later_2"]
        assert frame[columns].to_numpy().tolist() == [
            [1000, 0, 10000, 500, 3000, 2000],
            [1000, 3000, 13000, 500, 0, 2000],
        ]
        first = {"customers": 3, "no_later_order": 2, "with_target": 1, "later_only_other": 0}
        assert counts[0] == {"after_orders": 1} | first

    def test_later_only_other_is_counted(self) -> None:
        spend = tabulate_spend(
            lines_of([line("a", 1, "A", 1), line("a", 2, "X", 1)]), PRODUCTS, ERA
        )
        frame, counts = rows_after(draw_customers(spend, FirstSeen(), 9, 1), ["apples"], [1])

        assert frame.empty
        assert counts[0]["later_only_other"] == 1

    def test_stretch_of_first_purchases(self) -> None:
        spend = tabulate_spend(lines_of(EXAMPLE), PRODUCTS, ERA)
        seen = FirstSeen(START + timedelta(days=2), START + timedelta(days=4))

        assert set(draw_customers(spend, seen, 9, 1).customer_id.to_pandas()) == {"boris"}

    def test_sample_is_bounded_and_seeded(self) -> None:
        spend = tabulate_spend(lines_of(shop(120)), PRODUCTS, ERA)
        drawn = [
            set(draw_customers(spend, FirstSeen(), 40, seed).customer_id.to_pandas())
            for seed in (1, 1, 2)
        ]
        assert drawn[0] == drawn[1] != drawn[2]
        assert 20 < len(drawn[0]) < 60

    def test_lines_logged_later_are_unknown(self) -> None:
        late = line("a", 1, "A", 5, logged_at=START + timedelta(days=50))
        spend = spend_known_at(lines_of([late]), PRODUCTS, START + timedelta(days=10))
        assert spend.count().to_pyarrow().as_py() == 0


class TestSeason:
    def test_shares_of_the_days_before(self) -> None:
        rows = [line("a", 0, "A", 30), line("b", 2, "B", 10), line("c", 3, "A", 99)]
        daily = daily_spend(
            tabulate_spend(lines_of(rows), PRODUCTS, ERA), ["apples", "bags", "candles"]
        )
        day = [START + timedelta(days=number) for number in (3, 0, 40)]

        found = season_before(daily, day, 30, 0.0)

        assert found[0].tolist() == [0.75, 0.25, 0]
        assert found[1:] == pytest.approx(np.full((2, 3), 1 / 3))  # nothing was sold

    def test_window_is_as_long_as_stated(self) -> None:
        rows = [line("a", 0, "A", 30), line("b", 2, "B", 10)]
        daily = daily_spend(tabulate_spend(lines_of(rows), PRODUCTS, ERA), ["apples", "bags"])
        assert season_before(daily, [START + timedelta(days=3)], 2, 0.0)[0].tolist() == [0, 1]


def rows_in_memory(size: int = 200, seed: int = 5) -> Rows:
    rng = np.random.default_rng(seed)
    cents = rng.integers(0, 5, size=(size, 3)) * 100.0
    target = np.where(rng.random(size) < 0.6, cents.argmax(axis=1), rng.integers(3, size=size))
    season = rng.dirichlet([5, 5, 5], size=size)
    orders = rng.integers(1, 4, size=size).astype(float)
    total = cents.sum(axis=1) + 100
    return Rows(np.arange(size), orders, cents, total, season, target)


class TestModels:
    @pytest.mark.parametrize("method", METHODS)
    def test_probabilities_add_up_and_survive_json(self, method: Any) -> None:
        rows = rows_in_memory()
        model = fit_calibrated(method, rows, ["a", "b", "c"], 0.1, 1.2, 0.02)
        found, _ = predict(json.loads(json.dumps(model)), rows)

        assert found.sum(axis=1) == pytest.approx(np.ones(len(found)))
        assert found.min() >= 0.02 / 3

    @pytest.mark.parametrize("method", [m for m in METHODS if m != "majority"])
    def test_learns_more_than_the_majority(self, method: Any) -> None:
        rows, fresh = rows_in_memory(600), rows_in_memory(600, seed=6)
        own = np.arange(600)
        model, plain = (fit_method(m, rows, ["a", "b", "c"], 1, 0.02) for m in (method, "majority"))
        losses = [-np.log(predict(m, fresh)[0][own, fresh.target]).mean() for m in (model, plain)]
        assert losses[0] < losses[1]

    def test_rule_names_the_largest_and_the_first_of_equals(self) -> None:
        rows = rows_in_memory(60)
        cents = np.array([[1.0, 5, 2], [4, 4, 1], [0, 0, 0]])
        tried = Rows(np.arange(3), np.ones(3), cents, np.full(3, 9.0), rows.season[:3], np.zeros(3))
        _, keys = predict(fit_method("same_so_far", rows, ["a", "b", "c"], 1, 0.02), tried)

        assert keys.argmax(axis=1)[:2].tolist() == [1, 0]
        assert keys[2].max() < 1  # nobody leads: what is likeliest ranks first

    @pytest.mark.parametrize("method", METHODS)
    def test_target_of_one_category_only(self, method: Any) -> None:
        rows = rows_in_memory(40)
        one = Rows(
            rows.customers,
            rows.orders,
            rows.cents,
            rows.total,
            rows.season,
            np.ones(40, dtype=np.int64),
        )
        found, _ = predict(fit_method(method, one, ["a", "b", "c"], 1, 0.02), one)
        assert found.sum(axis=1) == pytest.approx(np.ones(40))

    def test_customers_are_numbered_by_first_purchase(self) -> None:
        spend = tabulate_spend(lines_of(shop(30)), PRODUCTS, ERA)
        drawn = draw_customers(spend, FirstSeen(), 100, 1)
        frame, _ = rows_after(drawn, ["apples", "bags", "candles"], [1, 2])
        rows = rows_of(frame, daily_spend(spend, ["apples", "bags", "candles"]), options())

        first = frame.assign(number=rows.customers).drop_duplicates("customer_id")
        assert first.sort_values("number")["first_at"].is_monotonic_increasing


class TestChoice:
    def test_rule_ships_where_models_gain_nothing(self) -> None:
        pair = (rows_in_memory(300), rows_in_memory(300, seed=9))
        choice, _ = choose_method([pair], ["a", "b", "c"], options())

        assert choice["rule_ships"]
        assert choice["method"] == "same_so_far"
        assert "rule itself predicts" in choice["reason"]["en"]

    def test_most_frequent_category_ships_where_interests_do_not_last(self) -> None:
        """Whatever was bought first, most want the first category later."""
        pair = []
        for seed in (1, 2):
            rows = rows_in_memory(400, seed)
            chance = np.random.default_rng(seed + 10).random(len(rows.target))
            target = np.where(chance < 0.7, 0, np.where(chance < 0.85, 1, 2))
            pair.append(
                Rows(rows.customers, rows.orders, rows.cents, rows.total, rows.season, target)
            )
        choice, _ = choose_method([(pair[0], pair[1])], ["a", "b", "c"], options())

        assert choice["method"] == "majority"
        assert not choice["rule_ships"]
        assert choice["gain"]["low"] > 0

    def test_model_ships_where_the_rule_is_blind(self) -> None:
        """Whoever bought most of one category wants the next one later."""
        pair = []
        for seed in (1, 2):
            rows = rows_in_memory(400, seed)
            target = (rows.cents.argmax(axis=1) + 1) % 3
            pair.append(
                Rows(rows.customers, rows.orders, rows.cents, rows.total, rows.season, target)
            )
        asked = options(methods=["transitions"])
        choice, _ = choose_method([(pair[0], pair[1])], ["a", "b", "c"], asked)

        assert choice["method"] == "transitions"
        assert choice["gain"]["low"] > 0

    def test_nothing_to_rehearse(self) -> None:
        choice, settings = choose_method([], ["a", "b"], options())
        assert choice["method"] == "same_so_far"
        assert set(settings) == set(options().competing)


class TestEvaluation:
    def test_measures_and_their_order(self, result: Any) -> None:
        metrics, accuracy, coverage = result

        assert metrics["withheld"] is None
        assert accuracy.groupby("after_orders")["shipped"].sum().tolist() == [1, 1]
        assert (accuracy["top1"] <= accuracy["top2"]).all()
        for name in ("top1", "top2", "macro_f1", "log_loss"):
            assert (accuracy[f"{name}_low"] <= accuracy[f"{name}_high"]).all()
        everyone = coverage[coverage["coverage"] == 1].set_index("after_orders")["top1"]
        shipped = accuracy[accuracy["shipped"]].set_index("after_orders")["top1"]
        assert everyone.to_dict() == pytest.approx(shipped.to_dict())
        json.dumps(metrics, allow_nan=False)

    def test_same_whatever_the_order_of_rows(self, result: Any) -> None:
        rows = shop()
        numbered = [row | {"row_number": place} for place, row in enumerate(rows, start=1)]
        np.random.default_rng(1).shuffle(numbered)  # type: ignore[arg-type]
        metrics, accuracy, coverage = evaluated(numbered)

        assert metrics == result[0]
        assert_frame_equal(accuracy, result[1])
        assert_frame_equal(coverage, result[2])

    def test_choice_does_not_see_the_test(self, result: Any) -> None:
        """Whatever is logged from the split on changes nothing of what was chosen and learned."""
        split = datetime.combine(SPLIT, datetime.min.time())
        changed = [
            row | {"product_id": "C"} if row["logged_at"] >= split else row for row in shop()
        ]
        metrics, *_ = evaluated(changed)

        assert metrics["choice"] == result[0]["choice"]
        assert metrics["customers"]["training"] == result[0]["customers"]["training"]
        assert metrics["accuracy"] != result[0]["accuracy"]

    def test_too_good_to_be_true(self) -> None:
        """After a first order of one thing everybody goes on to the next: no rule knows that."""
        rows = []
        for number in range(120):
            kind, start = number % 3, number
            rows.append(line(f"c{number:03}", start, "ABC"[kind], 10))
            rows.append(line(f"c{number:03}", start + 9, "ABC"[(kind + 1) % 3], 10))
        metrics, *_ = evaluated(
            rows, methods=["transitions"], fewest={"training": 20, "test": 20}, train_after=[1, 2]
        )
        assert metrics["suspicious"]
        assert "too good" in metrics["sentence"]["en"]

    @pytest.mark.parametrize(
        ("products", "words"),
        [
            (PRODUCTS.assign(category="other"), "nothing to predict"),
            (PRODUCTS.assign(category="apples"), "one category only"),
            (PRODUCTS.iloc[:0], "nothing to predict"),
        ],
    )
    def test_without_categories_to_tell_apart(self, products: pd.DataFrame, words: str) -> None:
        lines = lines_of(EXAMPLE)
        metrics, accuracy, coverage, choice = evaluate_interests(
            lines, products, ERA, SplitOptions(split=SPLIT), options()
        )
        assert words in metrics["withheld"]["en"]
        assert accuracy.empty
        assert coverage.empty

        spend = tabulate_spend(lines, products, ERA)
        model = fit_interest_model(spend, choice, options())
        scored = score_interests(customers_of("anna", "zoe"), spend, model, options()).to_pandas()
        assert scored["abstained"].all()
        assert scored["interest_probability"].isna().all()

    def test_too_few_customers(self) -> None:
        metrics, *_ = evaluated(EXAMPLE)
        assert "1 for training (20 needed)" in metrics["withheld"]["en"]
        assert "нужно 20" in metrics["withheld"]["ru"]

    def test_a_split_after_the_data_is_named(self) -> None:
        late = SplitOptions(split=date(2031, 1, 1))
        metrics, *_ = evaluate_interests(lines_of(EXAMPLE), PRODUCTS, ERA, late, options())
        assert "2031-01-01 lies after the cutoff 2021-07-20" in metrics["withheld"]["en"]
        assert "2031-01-01" in metrics["withheld"]["ru"]

    def test_withheld_beforehand(self) -> None:
        era = ERA | {"withheld": {"interests": {"ru": "нет", "en": "no"}}}
        metrics, *_ = evaluate_interests(
            lines_of(EXAMPLE), PRODUCTS, era, SplitOptions(split=SPLIT), options()
        )
        assert metrics["withheld"]["en"].endswith("no")


class TestScores:
    @pytest.mark.parametrize("method", METHODS)
    def test_engine_and_memory_agree(self, result: Any, method: str) -> None:
        asked, lines = options(), lines_of(shop())
        metrics = result[0] | {"choice": {"method": method, "penalty": 0.1, "strength": 1.1}}
        spend = tabulate_spend(lines, PRODUCTS, ERA)
        model = fit_interest_model(spend, metrics, asked)
        scored = score_interests(
            customers_of(*(f"c{n:03}" for n in range(160))), spend, model, asked
        ).to_pandas()
        rows = self._after_everything(spend, model, asked)

        found, keys = predict(model, rows)
        best = keys.argmax(axis=1)
        names = np.array(model["categories"])
        assert scored["next_interest"].tolist() == names[best].tolist()
        likely = found[np.arange(len(best)), best]
        assert scored["next_probability"].to_numpy() == pytest.approx(likely)
        second = np.argsort(-keys, axis=1, kind="stable")[:, 1]
        assert scored["second_interest"].tolist() == names[second].tolist()

    @staticmethod
    def _after_everything(spend: ir.Table, model: Any, asked: InterestOptions) -> Rows:
        frame = spend.filter(spend.order_number > 0).to_pandas()
        wide = frame.pivot_table(
            index="customer_id", columns="category", values="gross_cents", aggfunc="sum"
        )
        cents = wide[model["categories"]].fillna(0).to_numpy(dtype=float)
        orders = frame.groupby("customer_id")["order_number"].max().to_numpy(dtype=float)
        season = np.tile(model["season"], (len(cents), 1))
        target = np.zeros(len(cents), dtype=np.int64)
        return Rows(np.arange(len(cents)), orders, cents, cents.sum(axis=1), season, target)

    def test_interest_is_net_of_returns(self, result: Any) -> None:
        spend = tabulate_spend(lines_of(EXAMPLE), PRODUCTS, ERA)
        model = {"categories": ["apples", "bags", "candles"], "withheld": {"ru": "-", "en": "-"}}
        scored = score_interests(
            customers_of("zoe", "anna", "boris"), spend, model, options()
        ).to_pandas()

        assert scored["customer_id"].tolist() == ["anna", "boris", "zoe"]
        assert scored["interest"].tolist()[0] == "candles"  # the bag went back
        assert scored["interest"].isna().tolist() == [False, True, True]
        assert scored["interest_share"].tolist()[0] == pytest.approx(20 / 125)
        assert scored["orders_seen"].tolist() == [3, 1, 0]
        assert scored["abstained"].all()

    def test_who_bought_nothing_is_asked(self, result: Any) -> None:
        spend = tabulate_spend(lines_of(shop()), PRODUCTS, ERA)
        model = fit_interest_model(spend, result[0], options(certainty=0.01))
        scored = score_interests(
            customers_of("c000", "nobody"), spend, model, options(certainty=0.01)
        ).to_pandas()

        assert scored["abstained"].tolist() == [False, True]
        assert scored["next_interest"].isna().tolist() == [False, True]

    def test_model_is_plain_json(self, result: Any) -> None:
        spend = tabulate_spend(lines_of(shop()), PRODUCTS, ERA)
        model = fit_interest_model(spend, result[0], options())

        assert json.loads(json.dumps(model, allow_nan=False)) == model


class TestCeiling:
    def test_customers_of_one_category_always_agree(self) -> None:
        rows = [
            line(f"c{number}", day, "ABC"[number % 3], 5) for number in range(9) for day in range(6)
        ]
        spend = tabulate_spend(lines_of(rows), PRODUCTS, ERA)
        drawn = draw_customers(spend, FirstSeen(), 100, 1)
        cutoff = datetime.fromisoformat(ERA["cutoff"])  # type: ignore[arg-type]
        halves = halves_of_later_lines(lines_of(rows), PRODUCTS, drawn, cutoff, 3, 1)

        found = agreement_of_halves(halves, options())
        assert (found["value"], found["customers"]) == (1, 9)
        assert found["by_chance"] == pytest.approx(1 / 3)
        # Five later lines: two fall on one side and three on the other.
        assert sorted(halves[0][0].sum(axis=1)) == [1000, 1500]

    def test_nobody_with_two_lines(self) -> None:
        assert agreement_of_halves([], options())["value"] is None


class TestParameters:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"after_orders": [2, 1]}, "must rise"),
            ({"train_after": [2]}, "lacks"),
            ({"methods": ["shrinkage", "shrinkage"]}, "twice"),
            ({"certainity": 0.4}, "Extra inputs"),
        ],
    )
    def test_mistakes_are_named(self, changes: dict[str, Any], words: str) -> None:
        with pytest.raises(ValidationError, match=words):
            options(**changes)

    @pytest.mark.parametrize("name", ["gift_shop", "home_goods"])
    def test_base_configuration_is_valid(self, parameters: dict[str, Any], name: str) -> None:
        given = parameters[name]["interests"]

        kept = InterestOptions.model_validate(given).model_dump(mode="json")

        assert {key: kept[key] for key in given} == given


class TestFigures:
    @pytest.mark.parametrize(("language", "word"), [("ru", "клиент"), ("en", "customer")])
    @pytest.mark.parametrize("place", [1, 2])
    def test_title_says_the_finding(
        self, result: Any, language: Language, word: str, place: int
    ) -> None:
        metrics, accuracy, coverage = result
        figures = (
            draw_interest_accuracy(accuracy, metrics),
            draw_interest_coverage(coverage, metrics, options()),
        )[place - 1]

        figure = figures[language]

        assert set(figures) == {"ru", "en"}
        assert "%" in figure.layout.title.text
        assert word in figure.layout.title.text
        assert len(figure.data) > 2

    def test_withheld_says_why(self) -> None:
        metrics, accuracy, coverage = evaluated(EXAMPLE)
        for figures in (
            draw_interest_accuracy(accuracy, metrics),
            draw_interest_coverage(coverage, metrics, options()),
        ):
            assert "too few" in figures["en"].layout.title.text.lower()
            assert "мало" in figures["ru"].layout.title.text.lower()

"""Which moments a model learns from and is tested at, who has a label there, and what was known."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from personal_offers.activity_labels import PREVALENCE_COLUMNS, Span
from personal_offers.activity_params import ActivityOptions
from personal_offers.errors import InputError
from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.data_processing.activity_nodes import (
    build_cutoff_customers,
    check_future_shift,
    choose_cutoffs,
    label_customers,
    list_eligible_customers,
    take_line_order,
    take_test_labels,
)
from personal_offers.pipelines.data_processing.order_nodes import customers_at
from personal_offers.pipelines.data_processing.order_params import OrderLineOptions
from personal_offers.pipelines.data_processing.schemas import CutoffLabels, Labels

START = datetime(2021, 1, 1)
SCHEMA = {
    "row_number": "int64",
    "customer_id": "string",
    "order_id": "string",
    "ordered_at": "timestamp",
    "logged_at": "timestamp",
    "product_id": "string",
    "product_name": "string",
    "quantity": "int64",
    "unit_price": "decimal(18, 4)",
    "amount": "decimal(18, 2)",
    "is_return": "boolean",
    "country": "string",
    "trusted": "boolean",
}
Line = dict[str, Any]


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def options(**changes: Any) -> ActivityOptions:
    """Outcomes of 10 days, baselines of 10 to 20, and three training cutoffs 5 days apart."""
    asked: dict[str, Any] = {
        "measure": "items",
        "outcome_days": 10,
        "gap_days": 0,
        "baseline_days": 20,
        "shortest_baseline_days": 10,
        "share": 0.5,
        "minimum_orders": 2,
        "recent_days": 20,
        "step_days": 5,
        "most_cutoffs": 3,
        "test_cutoff": None,
        "fewest_per_class": 2,
        "prevalence_shares": [0.25, 1.0],
        "confidence": 0.95,
    }
    return ActivityOptions.model_validate(asked | changes)


def line(customer: str, at: float, quantity: int = 2) -> Line:
    return {
        "row_number": 0,
        "customer_id": customer,
        "order_id": f"{customer}/{at}",
        "ordered_at": day(at),
        "logged_at": day(at),
        "product_id": "A1",
        "product_name": "Cup",
        "quantity": quantity,
        "unit_price": Decimal("1.5000"),
        "amount": Decimal("1.50") * quantity,
        "is_return": quantity < 0,
        "country": "Malta",
        "trusted": True,
    }


def buys(customer: str, until: float) -> list[Line]:
    """Two cups every fifth day from the start on, always at noon."""
    return [line(customer, at + 0.5) for at in range(0, int(until), 5)]


# Six customers who go on, three who stop after 60 days, three who stop after 80, and one order.
LINES = [
    *(row for n in range(6) for row in buys(f"kept {n}", 100)),
    *(row for n in range(3) for row in buys(f"left early {n}", 60)),
    *(row for n in range(3) for row in buys(f"left late {n}", 80)),
    line("once", 85.5),
]
LAST = day(95.5)
ERA = {"cutoff": LAST.isoformat(), "withheld": {}}
Labelled = tuple[ir.Table, pd.DataFrame, dict[str, Any]]


def table_of(*lines: Line) -> ir.Table:
    """Lines in the order of the file."""
    rows = [row | {"row_number": number} for number, row in enumerate(lines, start=1)]
    return ibis.memtable(rows, schema=SCHEMA)


def listed(table: ir.Table) -> list[Line]:
    rows: list[Line] = table.to_pyarrow().to_pylist()
    return rows


@pytest.fixture(scope="module")
def labelled() -> Labelled:
    return label_customers(options(), table_of(*LINES), ERA)


@pytest.fixture(scope="module")
def intake(parameters: dict[str, Any]) -> OrderLineOptions:
    return OrderLineOptions.model_validate(parameters["home_goods"]["data_processing"])


@pytest.fixture(scope="module")
def order_registry(parameters: dict[str, Any]) -> FeatureRegistry:
    """A few features of the shops, so that the queries stay short."""
    features = parameters["gift_shop"]["feature_registry"]["features"]
    some = ("recency_days", "orders", "orders_90d", "revenue", "country", "contact_allowed")
    return FeatureRegistry.model_validate({"features": {name: features[name] for name in some}})


# --- cutoffs ---------------------------------------------------------------------------------


class TestCutoffs:
    def test_the_test_is_the_latest_midnight_whose_outcome_is_over(self) -> None:
        found = choose_cutoffs(Span(day(0.5), day(95.5)), options())

        assert found == {
            "test": day(85),
            "evaluation": [day(65), day(70), day(75)],
            "training": [day(75), day(80), day(85)],
        }

    def test_a_midnight_at_the_very_end_counts(self) -> None:
        found = choose_cutoffs(Span(day(0), day(95)), options())

        assert found is not None
        assert found["test"] == day(85)

    @pytest.mark.parametrize("gap", [0, 3])
    def test_no_outcome_reaches_past_what_is_known(self, gap: int) -> None:
        asked = options(gap_days=gap, most_cutoffs=50, step_days=7)
        known = Span(day(0.25), day(93.75))

        found = choose_cutoffs(known, asked)

        assert found is not None
        after = timedelta(days=asked.days_after)
        assert max(found["evaluation"]) + after <= found["test"]
        assert max(found["training"]) <= found["test"]
        assert found["test"] + after <= known.last
        earliest = known.first + timedelta(days=asked.shortest_baseline_days)
        assert min(found["evaluation"]) >= earliest
        assert min(found["training"]) >= earliest

    def test_a_test_cutoff_that_is_asked_for_is_taken(self) -> None:
        found = choose_cutoffs(Span(day(0), LAST), options(test_cutoff=day(50.5)))

        assert found is not None
        assert found["test"] == day(50.5)
        assert found["evaluation"][-1] == day(40.5)
        # The model of today learns from all that is known today, whatever the test.
        whole = choose_cutoffs(Span(day(0), LAST), options())
        assert whole is not None
        assert found["training"] == whole["training"]

    def test_a_test_cutoff_without_its_outcome_is_refused(self) -> None:
        with pytest.raises(InputError) as caught:
            choose_cutoffs(Span(day(0), LAST), options(test_cutoff=day(86)))

        (problem,) = caught.value.problems
        assert problem.startswith(f"params:activity.test_cutoff {day(86)}: its outcome window ends")
        assert f"take {day(85.5)} or an earlier moment" in problem

    def test_a_test_cutoff_with_nothing_before_it_is_refused(self) -> None:
        with pytest.raises(InputError, match="nothing can be learned before the test cutoff"):
            choose_cutoffs(Span(day(0), LAST), options(test_cutoff=day(15)))

    @pytest.mark.parametrize(("days", "fits"), [(30, True), (29, False), (3, False)])
    def test_data_that_are_too_short_have_no_cutoffs(self, days: int, fits: bool) -> None:
        found = choose_cutoffs(Span(day(0), day(days)), options())

        assert (found is not None) == fits


# --- labels ----------------------------------------------------------------------------------


class TestLabels:
    def test_plan_says_what_is_learned_tested_and_scored(self, labelled: Labelled) -> None:
        _, _, plan = labelled

        def moments(*days: float) -> list[str]:
            return [day(number).isoformat() for number in days]

        assert plan["scoring"] == LAST.isoformat()
        assert plan["test"] == day(85).isoformat()
        assert plan["evaluation"] == moments(65, 70, 75)
        assert plan["training"] == moments(75, 80, 85)
        assert plan["withheld"] is None
        assert json.loads(json.dumps(plan)) == plan

    def test_counts_are_those_of_the_labels(self, labelled: Labelled) -> None:
        labels, _, plan = labelled
        frame = labels.to_pandas()

        CutoffLabels.validate(labels, lazy=True)
        counted = frame.groupby("cutoff")["declined"].agg(["size", "sum"])
        assert [
            (datetime.fromisoformat(row["cutoff"]), row["eligible"], row["declined"])
            for row in plan["counts"]
        ] == [(at, size, hits) for at, size, hits in counted.itertuples(name=None)]
        assert {row["baseline_days"] for row in plan["counts"]} == {20}

    def test_each_cutoff_has_its_own_decliners(self, labelled: Labelled) -> None:
        rows = listed(labelled[0])
        declined: dict[datetime, set[str]] = {}
        for row in rows:
            found = declined.setdefault(row["cutoff"], set())
            if row["declined"]:
                found.add(row["customer_id"].rpartition(" ")[0])

        assert rows == sorted(rows, key=lambda row: (row["cutoff"], row["customer_id"]))
        assert declined == {
            day(65): {"left early"},
            day(70): {"left early"},
            day(75): {"left early"},  # the others bought just half as much: not below it
            day(80): {"left late"},
            day(85): {"left late"},
        }

    def test_prevalence_is_that_of_the_test_cutoff(self, labelled: Labelled) -> None:
        _, prevalence, plan = labelled

        assert list(prevalence.columns) == PREVALENCE_COLUMNS
        assert prevalence["share"].to_list() == [0.25, 0.5, 1.0]
        assert set(prevalence["cutoff"]) == {pd.Timestamp(plan["test"])}
        of_test = plan["counts"][-1]
        chosen = prevalence[prevalence["chosen"]].iloc[0]
        assert (chosen["eligible"], chosen["declined"]) == (of_test["eligible"], 3)
        assert of_test["declined"] == 3

    def test_what_comes_after_the_era_is_not_looked_at(self) -> None:
        # Given a break of regime, or a cutoff of the user, in the middle of the lines
        era = ERA | {"cutoff": day(60.5).isoformat()}

        labels, _, plan = label_customers(options(), table_of(*LINES), era)
        changed = [row for row in LINES if row["logged_at"] <= day(60.5)]
        again, _, same = label_customers(options(), table_of(*changed), era)

        assert (plan["scoring"], plan["test"]) == (day(60.5).isoformat(), day(50).isoformat())
        assert same == plan
        assert listed(again) == listed(labels)

    def test_the_reason_of_the_intake_comes_first(self) -> None:
        reason = {"ru": "мало данных", "en": "too few data"}

        labels, prevalence, plan = label_customers(
            options(), table_of(*LINES), ERA | {"withheld": {"decline_risk": reason, "rfm": {}}}
        )

        # What is known of the past is still told
        assert plan["withheld"] == reason
        assert len(listed(labels)) == sum(row["eligible"] for row in plan["counts"]) > 0
        assert len(prevalence) == 3

    def test_too_few_of_a_class_are_named_with_their_numbers(self) -> None:
        _, _, plan = label_customers(options(fewest_per_class=4), table_of(*LINES), ERA)

        assert plan["withheld"]["en"] == (
            "too few customers (to test on: 3 declined, 6 kept; at least 4 of each are needed)"
        )
        assert plan["withheld"]["ru"] == (
            "слишком мало клиентов (для проверки: снизились 3, остались 6; "
            "нужно не меньше 4 каждых)"
        )

    def test_one_class_only_is_too_few_to_learn_from_and_to_test_on(self) -> None:
        kept = [row for row in LINES if row["customer_id"].startswith("kept")]

        _, _, plan = label_customers(options(), table_of(*kept), ERA)

        assert "to test on: 0 declined, 6 kept" in plan["withheld"]["en"]
        assert "to learn from: 0 declined, 18 kept" in plan["withheld"]["en"]
        assert plan["test"] is not None

    def test_data_that_are_too_short_give_empty_tables_and_the_reason(self) -> None:
        short = [row for row in LINES if row["logged_at"] <= day(20.5)]
        era = ERA | {"cutoff": day(20.5).isoformat()}

        labels, prevalence, plan = label_customers(options(), table_of(*short), era)

        assert listed(labels) == []
        CutoffLabels.validate(labels, lazy=True)
        assert list(prevalence.columns) == PREVALENCE_COLUMNS
        assert prevalence.empty
        assert (plan["test"], plan["evaluation"], plan["training"], plan["counts"]) == (
            None, [], [], [],
        )  # fmt: skip
        assert plan["withheld"]["en"].startswith("the data are too short: 20 days, and 3")
        assert "20 дн." in plan["withheld"]["ru"]

    def test_the_reason_never_asks_for_as_many_days_as_there_are(self) -> None:
        # Given the days of three windows, but a midnight too few
        first, last = day(0.5), day(30.6)
        assert choose_cutoffs(Span(first, last), options()) is None
        lines = table_of(line("ann", 0.5), line("bob", 30.6))

        _, _, plan = label_customers(options(), lines, ERA | {"cutoff": last.isoformat()})

        assert plan["withheld"]["en"].startswith("the data are too short: 30 days, and 31 are")

    def test_a_test_cutoff_that_does_not_fit_ends_the_run(self) -> None:
        with pytest.raises(InputError, match="its outcome window ends after"):
            label_customers(options(test_cutoff=day(200)), table_of(*LINES), ERA)


class TestLabelsOfTheTest:
    def test_everybody_has_a_row_and_the_eligible_have_a_label(self, labelled: Labelled) -> None:
        labels, _, plan = labelled
        ids = sorted({row["customer_id"] for row in LINES}, reverse=True)
        customers = ibis.memtable({"customer_id": ids, "profit": [1.0] * len(ids)})

        found = take_test_labels(customers, labels, plan)

        Labels.validate(found, lazy=True)
        rows = {row["customer_id"]: row for row in listed(found)}
        assert list(rows) == sorted(ids)
        known = {name: row for name, row in rows.items() if row["declined"] is not None}
        assert {name.rpartition(" ")[0] for name in known} == {"kept", "left late"}
        assert {row["cutoff"] for row in known.values()} == {day(85)}
        assert rows["left late 0"] == {
            "customer_id": "left late 0",
            "declined": True,
            "cutoff": day(85),
            "baseline": 3 * 2 / 2,  # three orders of two cups in 20 days
            "outcome": 0.0,
        }
        assert set(rows["once"].values()) == {"once", None}

    def test_without_a_test_cutoff_nobody_has_a_label(self, labelled: Labelled) -> None:
        labels, _, plan = labelled
        customers = ibis.memtable({"customer_id": ["kept 1", "kept 0"]})

        found = take_test_labels(customers, labels, plan | {"test": None})

        Labels.validate(found, lazy=True)
        assert [(row["customer_id"], row["declined"]) for row in listed(found)] == [
            ("kept 0", None), ("kept 1", None),
        ]  # fmt: skip


def test_a_risk_of_today_speaks_of_those_who_are_regular_today(labelled: Labelled) -> None:
    _, _, plan = labelled

    found = list_eligible_customers(options(), table_of(*LINES), plan)

    # Who left late bought last 20 days ago to the hour, and that is not within 20 days
    assert [row["customer_id"] for row in listed(found)] == [f"kept {n}" for n in range(6)]


def test_place_in_the_file_is_that_of_the_first_line() -> None:
    lines = table_of(line("bob", 9), line("ann", 3), line("bob", 1), line("ann", 2), line("cat", 0))

    assert listed(take_line_order(lines)) == [
        {"customer_id": "ann", "row_number": 2},
        {"customer_id": "bob", "row_number": 1},
        {"customer_id": "cat", "row_number": 5},
    ]


# --- features at the cutoffs -----------------------------------------------------------------


class TestCutoffCustomers:
    @pytest.fixture(scope="class")
    @classmethod
    def build(
        cls, labelled: Labelled, intake: OrderLineOptions, order_registry: FeatureRegistry
    ) -> Callable[[ir.Table], pd.DataFrame]:
        labels, _, plan = labelled

        def build(lines: ir.Table) -> pd.DataFrame:
            table = build_cutoff_customers(order_registry, intake, options(), lines, labels, plan)
            frame: pd.DataFrame = table.to_pandas()
            return frame

        return build

    @pytest.fixture(scope="class")
    @classmethod
    def found(cls, build: Callable[[ir.Table], pd.DataFrame]) -> pd.DataFrame:
        return build(table_of(*LINES))

    def test_there_is_a_row_for_every_label(
        self, found: pd.DataFrame, labelled: Labelled, order_registry: FeatureRegistry
    ) -> None:
        keys = ["customer_id", "cutoff", "declined"]

        assert found.columns.to_list() == [*keys, "profit", *order_registry.names()]
        assert_frame_equal(found[keys], labelled[0].select(keys).to_pandas())

    def test_features_are_those_of_the_cutoff(
        self, found: pd.DataFrame, intake: OrderLineOptions, order_registry: FeatureRegistry
    ) -> None:
        at = day(75)
        known = customers_at(order_registry, intake, table_of(*LINES), at).to_pandas()
        expected = known.set_index("customer_id")
        of_cutoff = found[found["cutoff"] == at].set_index("customer_id")

        columns = ["profit", *order_registry.names()]
        assert_frame_equal(of_cutoff[columns], expected.loc[of_cutoff.index, columns])
        # Orders at days 0.5, 5.5, ... 70.5
        assert set(of_cutoff["orders"].filter(like="kept")) == {15}
        assert set(found.loc[found["cutoff"] == day(65), "orders"].iloc[:6]) == {13}

    def test_of_too_many_customers_some_are_drawn_with_all_their_rows(
        self,
        found: pd.DataFrame,
        labelled: Labelled,
        intake: OrderLineOptions,
        order_registry: FeatureRegistry,
    ) -> None:
        labels, _, plan = labelled
        lines = table_of(*LINES)
        half = plan | {"sample": {"rows": len(found), "share": 0.5}}

        def drawn(seed: int) -> pd.DataFrame:
            table = build_cutoff_customers(
                order_registry, intake, options(seed=seed), lines, labels, half
            )
            frame: pd.DataFrame = table.to_pandas()
            return frame

        first, again, other = drawn(1), drawn(1), drawn(2)
        who = set(first["customer_id"])
        assert 0 < len(who) < found["customer_id"].nunique()
        of_them = found[found["customer_id"].isin(who)].reset_index(drop=True)
        assert_frame_equal(first, of_them)
        assert_frame_equal(first, again)
        assert set(other["customer_id"]) != who

    def test_the_plan_says_how_large_the_sample_is(self) -> None:
        _, _, whole = label_customers(options(), table_of(*LINES), ERA)
        rows = sum(row["eligible"] for row in whole["counts"])

        assert whole["sample"] == {"rows": rows, "share": 1.0}

    @pytest.mark.parametrize("change", ["taken away", "multiplied"])
    def test_lines_after_a_cutoff_change_no_feature_at_it(
        self,
        build: Callable[[ir.Table], pd.DataFrame],
        found: pd.DataFrame,
        labelled: Labelled,
        change: str,
    ) -> None:
        # Given every line after the test cutoff another
        test = datetime.fromisoformat(labelled[2]["test"])
        early = [row for row in LINES if row["logged_at"] <= test]
        late = [row for row in LINES if row["logged_at"] > test]
        if change == "taken away":
            lines = early
        else:
            lines = [*early, *(row | {"quantity": 900, "amount": Decimal(9)} for row in late * 2)]
        assert late

        # Then at no cutoff a feature differs, and the labels are those that were given
        assert_frame_equal(build(table_of(*lines)), found, check_exact=True)

    def test_without_cutoffs_the_table_is_empty_and_typed(
        self, labelled: Labelled, intake: OrderLineOptions, order_registry: FeatureRegistry
    ) -> None:
        labels, _, plan = labelled
        nothing = plan | {"test": None, "evaluation": [], "training": [], "counts": []}

        table = build_cutoff_customers(
            order_registry, intake, options(), table_of(*LINES), labels.limit(0), nothing
        )

        assert listed(table) == []
        whole = build_cutoff_customers(
            order_registry, intake, options(), table_of(*LINES), labels,
            plan | {"counts": plan["counts"][:1]},
        )  # fmt: skip
        assert list(table.columns) == list(whole.columns)
        for name in ("customer_id", "declined", "profit", "recency_days", "country"):
            assert table[name].type() == whole[name].type(), name


class TestFutureShift:
    def test_nothing_of_the_future_reaches_a_feature(
        self, labelled: Labelled, intake: OrderLineOptions, order_registry: FeatureRegistry
    ) -> None:
        found = check_future_shift(order_registry, intake, table_of(*LINES), labelled[2])

        assert found["cutoff"] == labelled[2]["test"]
        assert found["later_lines"] == 6 * 3 + 1
        assert found["changed"] == {}

    def test_without_a_test_cutoff_there_is_nothing_to_test(
        self, labelled: Labelled, intake: OrderLineOptions, order_registry: FeatureRegistry
    ) -> None:
        plan = labelled[2] | {"test": None}

        assert check_future_shift(order_registry, intake, table_of(*LINES), plan) == {}

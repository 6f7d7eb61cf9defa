import json
import logging
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from personal_offers.activity_params import ActivityOptions
from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.evaluation import (
    RISK_COLUMNS,
    evaluate_model,
    evaluate_out_of_time,
)
from personal_offers.pipelines.modelling.metrics import MEASURES
from personal_offers.pipelines.modelling.nodes import (
    assemble_cutoff_input,
    assemble_model_input,
    assign_folds,
    compute_metrics,
    evaluate_baselines,
    evaluate_baselines_out_of_time,
    evaluate_earlier_cutoffs,
    expect_purchases,
    rows_of,
    take_test_customers,
)
from personal_offers.pipelines.modelling.params import ModellingOptions
from tests.pipelines.modelling.made_up import (
    FOUR_FEATURES,
    TINY_GRIDS,
    feature,
    modelling_options,
    registry_of,
)

SIZE = 60
GRIDS = TINY_GRIDS | {"decision_tree": {"max_depth": [1, 2], "min_samples_leaf": [3, 5]}}


def options(**changes: Any) -> ModellingOptions:
    own = {
        "twin_columns": ["amount", "visits"],
        "grids": GRIDS,
        "candidates": {"models": ["decision_tree"], "repeats": 1},
    }
    return modelling_options(**own | changes)


@pytest.fixture(scope="module")
def registry() -> FeatureRegistry:
    consent = feature("flag", model=False, why_not="a gate")
    return registry_of({"consent": consent} | FOUR_FEATURES)


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    """60 customers; the first five pairs are twins: the same amount and visits."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "customer_id": [f"{number:03d}" for number in range(SIZE)],
            "consent": True,
            "amount": rng.normal(100, 10, size=SIZE).round(3),
            "visits": rng.normal(5, 1, size=SIZE).round(3),
            "colour": rng.choice(["red", "blue", "green"], size=SIZE),
            "member": rng.choice([True, False], size=SIZE),
            "profit": 1.0,
        }
    )
    for column in ("amount", "visits"):
        frame.loc[5:9, column] = frame.loc[0:4, column].to_numpy()
    return frame


@pytest.fixture(scope="module")
def labels(customers: pd.DataFrame) -> pd.DataFrame:
    noise = np.random.default_rng(3).normal(0, 8, size=SIZE)
    return customers[["customer_id"]].assign(declined=customers["amount"] + noise < 98)


@pytest.fixture(scope="module")
def model_input(
    customers: pd.DataFrame, labels: pd.DataFrame, registry: FeatureRegistry
) -> pd.DataFrame:
    frame, gate = assemble_model_input(
        ibis.memtable(customers), ibis.memtable(labels), registry, options()
    )
    assert gate == {"withheld": None, "features_without_values": []}
    return frame


@pytest.fixture(scope="module")
def folds(model_input: pd.DataFrame) -> pd.DataFrame:
    return assign_folds(model_input, options())


class TestAssembleModelInput:
    def test_columns_are_id_features_label_and_twin_group(self, model_input: pd.DataFrame) -> None:
        # The withheld feature and the profit stay outside
        assert model_input.columns.to_list() == [
            "customer_id", "amount", "visits", "colour", "member", "declined", "twin_group",
        ]  # fmt: skip
        assert len(model_input) == SIZE
        assert model_input["declined"].dtype == bool
        assert set(model_input["member"]) == {"yes", "no"}

    def test_rows_follow_content_and_not_the_id(self, model_input: pd.DataFrame) -> None:
        assert model_input["amount"].is_monotonic_increasing
        assert not model_input["customer_id"].is_monotonic_increasing

    @pytest.mark.parametrize("seed", [1, 2])
    def test_order_of_rows_and_names_of_customers_do_not_matter(
        self,
        seed: int,
        customers: pd.DataFrame,
        labels: pd.DataFrame,
        model_input: pd.DataFrame,
        registry: FeatureRegistry,
    ) -> None:
        # Given the same customers under other ids, in another order
        rng = np.random.default_rng(seed)
        new = dict(zip(customers["customer_id"], rng.permutation(SIZE).astype(str), strict=True))
        renamed = customers.assign(customer_id=customers["customer_id"].map(new))
        renamed_labels = labels.assign(customer_id=labels["customer_id"].map(new))

        # When
        found, _ = assemble_model_input(
            ibis.memtable(renamed.sample(frac=1, random_state=seed)),
            ibis.memtable(renamed_labels.sample(frac=1, random_state=seed + 1)),
            registry,
            options(),
        )

        # Then nothing else changes (which of two equal customers comes first does not matter)
        content = model_input.columns.drop("customer_id")
        assert_frame_equal(found[content], model_input[content], check_exact=True)
        renamed_input = model_input.assign(customer_id=model_input["customer_id"].map(new))
        assert_frame_equal(
            found.sort_values("customer_id", ignore_index=True),
            renamed_input.sort_values("customer_id", ignore_index=True),
        )

    def test_twins_are_found_by_their_values(self, model_input: pd.DataFrame) -> None:
        groups = model_input.set_index("customer_id")["twin_group"]

        for first in range(5):
            assert groups[f"{first:03d}"] == groups[f"{first + 5:03d}"]
        assert groups.nunique() == SIZE - 5

    def test_customer_without_a_label_is_not_learned_from(
        self, customers: pd.DataFrame, labels: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        found, _ = assemble_model_input(
            ibis.memtable(customers), ibis.memtable(labels.iloc[1:]), registry, options()
        )

        assert set(found["customer_id"]) == set(labels["customer_id"].iloc[1:])

    @pytest.mark.parametrize("value", [True, False])
    def test_one_class_is_withheld_with_the_reason(
        self,
        value: bool,
        customers: pd.DataFrame,
        labels: pd.DataFrame,
        model_input: pd.DataFrame,
        registry: FeatureRegistry,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with caplog.at_level(logging.WARNING):
            frame, gate = assemble_model_input(
                ibis.memtable(customers),
                ibis.memtable(labels.assign(declined=value)),
                registry,
                options(),
            )

        assert frame.empty
        assert frame.columns.to_list() == model_input.columns.to_list()
        assert gate["withheld"]["en"] == (
            "the label has one class only (60 customers): nothing to learn from"
        )
        assert "одно значение" in gate["withheld"]["ru"]
        assert gate["withheld"]["en"] in caplog.text
        assert json.loads(json.dumps(gate)) == gate

    def test_nobody_is_withheld_with_the_reason(
        self, customers: pd.DataFrame, labels: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        # Given a file whose customers all went to quarantine
        frame, gate = assemble_model_input(
            ibis.memtable(customers.iloc[:0]), ibis.memtable(labels.iloc[:0]), registry, options()
        )

        assert frame.empty
        assert gate["withheld"]["en"] == "no customer has an activity label"
        assert gate["features_without_values"] == []

    @pytest.mark.parametrize(
        ("decliners", "inner_folds"),
        [
            (2, 2),  # fewer than there are folds
            (3, 3),  # two are left in a training part, for three inner folds
        ],
    )
    def test_too_few_of_a_class_are_withheld_with_what_is_lacking(
        self,
        decliners: int,
        inner_folds: int,
        customers: pd.DataFrame,
        labels: pd.DataFrame,
        registry: FeatureRegistry,
    ) -> None:
        search = {"folds": inner_folds, "candidates": 8, "scoring": "roc_auc"}

        frame, gate = assemble_model_input(
            ibis.memtable(customers),
            ibis.memtable(labels.assign(declined=np.arange(SIZE) >= SIZE - decliners)),
            registry,
            options(search=search),
        )

        assert frame.empty
        assert gate["withheld"]["en"].startswith(
            f"{decliners} customer(s) labelled declined are too few for 3 folds and {inner_folds}"
        )

    def test_copies_are_counted_once(
        self, customers: pd.DataFrame, labels: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        # Given ten decliners who are five pairs of copies
        ten = labels.assign(declined=np.arange(SIZE) < 10)

        _, gate = assemble_model_input(
            ibis.memtable(customers), ibis.memtable(ten), registry, options()
        )

        assert gate["withheld"]["en"].startswith("5 customer(s) labelled declined")

    def test_feature_without_any_value_is_told_and_the_run_goes_on(
        self,
        customers: pd.DataFrame,
        labels: pd.DataFrame,
        registry: FeatureRegistry,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        # Given a number and a category that no customer has
        empty = customers.assign(visits=np.nan, colour=None)
        types = {"customer_id": "string", "consent": "boolean", "amount": "float64"}
        types |= {"visits": "float64", "colour": "string", "member": "boolean", "profit": "float64"}

        # When
        with caplog.at_level(logging.WARNING):
            frame, gate = assemble_model_input(
                ibis.memtable(empty, schema=types),
                ibis.memtable(labels),
                registry,
                options(twin_columns=["amount"]),
            )

        # Then they are named once, and a model can be made of the others
        assert gate == {"withheld": None, "features_without_values": ["visits", "colour"]}
        assert caplog.text.count("No customer has a value of visits, colour") == 1
        asked = options(calibration="sigmoid", repeats=1)
        folds = assign_folds(frame, asked)
        for model in ("logistic_regression", "decision_tree", "blend"):
            again = asked.model_copy(update={"model": model})
            risk, _ = evaluate_model(frame, folds, registry, again)
            assert risk["risk"].between(0, 1).all()
        rules = evaluate_baselines(frame, folds, registry, asked)
        assert rules["risk"].between(0, 1).all()


def test_a_customer_without_a_label_teaches_nothing(
    customers: pd.DataFrame, labels: pd.DataFrame, registry: FeatureRegistry
) -> None:
    unknown = labels.astype({"declined": object})
    unknown.loc[unknown.index[0], "declined"] = None
    table = ibis.memtable(unknown, schema={"customer_id": "string", "declined": "boolean"})

    found, _ = assemble_model_input(ibis.memtable(customers), table, registry, options())

    assert len(found) == len(customers) - 1
    assert unknown["customer_id"].iloc[0] not in set(found["customer_id"])


class TestAssignFolds:
    def test_every_customer_is_in_one_fold_of_each_repeat(
        self, folds: pd.DataFrame, model_input: pd.DataFrame
    ) -> None:
        assert folds.columns.to_list() == ["repeat", "customer_id", "fold"]
        assert folds.groupby("repeat").size().to_dict() == {0: SIZE, 1: SIZE}
        assert not folds.duplicated(["repeat", "customer_id"]).any()
        assert set(folds["customer_id"]) == set(model_input["customer_id"])
        assert set(folds["fold"]) == {0, 1, 2}

    def test_repeats_are_dealt_anew(self, folds: pd.DataFrame) -> None:
        wide = folds.pivot(index="customer_id", columns="repeat", values="fold")

        assert (wide[0] != wide[1]).any()

    def test_twins_share_a_fold_in_every_repeat(
        self, folds: pd.DataFrame, model_input: pd.DataFrame
    ) -> None:
        grouped = folds.merge(model_input[["customer_id", "twin_group"]], on="customer_id")

        cells = grouped[["repeat", "twin_group", "fold"]].drop_duplicates()
        assert not cells.duplicated(["repeat", "twin_group"]).any()

    def test_shares_of_decliners_are_alike(
        self, folds: pd.DataFrame, model_input: pd.DataFrame
    ) -> None:
        # Given that twins, who may contradict each other, are dealt as one
        labelled = folds.merge(model_input, on="customer_id")
        groups = labelled.groupby(["repeat", "fold", "twin_group"])["declined"].any()

        counts = groups.groupby(["repeat", "fold"]).sum().unstack()

        assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all()

    def test_order_of_rows_does_not_matter_per_customer(
        self,
        customers: pd.DataFrame,
        labels: pd.DataFrame,
        folds: pd.DataFrame,
        registry: FeatureRegistry,
    ) -> None:
        # Given the same customers in another order
        shuffled, _ = assemble_model_input(
            ibis.memtable(customers.sample(frac=1, random_state=9)),
            ibis.memtable(labels.sample(frac=1, random_state=8)),
            registry,
            options(),
        )

        # When / Then each has the fold that it had
        key = ["repeat", "customer_id"]
        found = assign_folds(shuffled, options()).sort_values(key, ignore_index=True)
        assert_frame_equal(found, folds.sort_values(key, ignore_index=True))

    def test_too_few_customers_for_the_folds_are_refused(self, model_input: pd.DataFrame) -> None:
        # Given two decliners for three folds, whom the gate would have stopped
        few = model_input.assign(declined=model_input.index < 2, twin_group=np.arange(SIZE))

        with pytest.raises(
            ValueError, match=r"2 customer\(s\) labelled declined are too few for 3 folds"
        ):
            assign_folds(few, options())

    def test_nobody_is_dealt(self, model_input: pd.DataFrame, folds: pd.DataFrame) -> None:
        found = assign_folds(model_input.iloc[:0], options())

        assert found.empty
        assert found.dtypes.to_dict() == folds.dtypes.to_dict()


class TestEvaluateBaselines:
    def test_every_baseline_predicts_every_customer_once_per_repeat(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        table = evaluate_baselines(model_input, folds, registry, options())

        key = ["repeat", "customer_id", "fold"]
        for name in ("base_rate", "best_single_feature"):
            own = table[table["baseline"] == name]
            assert_frame_equal(
                own[key].sort_values(key, ignore_index=True),
                folds[key].sort_values(key, ignore_index=True),
                check_dtype=False,
            )
        assert len(table) == 2 * 2 * SIZE

    def test_base_rate_is_the_share_of_decliners_in_the_other_folds(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        table = evaluate_baselines(model_input, folds, registry, options())

        labelled = folds.merge(model_input[["customer_id", "declined"]], on="customer_id")
        for (repeat, fold), own in table[table["baseline"] == "base_rate"].groupby(
            ["repeat", "fold"]
        ):
            others = labelled[(labelled["repeat"] == repeat) & (labelled["fold"] != fold)]
            assert set(own["risk"]) == {others["declined"].mean()}
            assert own["detail"].isna().all()

    def test_labels_of_a_fold_change_nothing_in_that_fold(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        once = options(repeats=1)
        first = folds[folds["repeat"] == 0]
        held_out = first.loc[first["fold"] == 2, "customer_id"]
        turned = model_input.assign(
            declined=model_input["declined"] ^ model_input["customer_id"].isin(held_out)
        )

        before = evaluate_baselines(model_input, first, registry, once)
        after = evaluate_baselines(turned, first, registry, once)

        in_fold = before["fold"] == 2
        assert_frame_equal(before[in_fold], after[in_fold], check_exact=True)
        assert (before.loc[~in_fold, "risk"] != after.loc[~in_fold, "risk"]).any()

    def test_rules_of_the_shop_stand_beside_those_of_every_shop(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        asked = options(baselines={"frequency": "visits"})

        table = evaluate_baselines(model_input, folds, registry, asked)

        names = ["base_rate", "best_single_feature", "frequency"]
        assert list(dict.fromkeys(table["baseline"])) == names
        own = table[(table["baseline"] == "frequency") & (table["repeat"] == 0)]
        assert own["customer_id"].nunique() == SIZE

    def test_nobody_gives_an_empty_table(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        table = evaluate_baselines(model_input.iloc[:0], folds.iloc[:0], registry, options())

        assert table.empty
        assert table.columns.to_list() == ["baseline", *RISK_COLUMNS, "detail"]

    def test_chosen_feature_is_named(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        table = evaluate_baselines(model_input, folds, registry, options())

        chosen = table.loc[table["baseline"] == "best_single_feature", "detail"]
        assert set(chosen) == {"amount"}


WITHHELD = {"ru": "мало данных", "en": "too few data"}
GATE: dict[str, Any] = {"withheld": None, "features_without_values": []}
COMPARISON = {"winner": "logistic_regression", "beats_baseline": True}
VERDICT: dict[str, Any] = {"passed": True, "failed": [], "warned": ["order_alone"]}
MOMENTS = ["2011-03-01T00:00:00", "2011-04-01T00:00:00", "2011-05-01T00:00:00"]
# The labels of March had ended by the test in May, those of April have ended by today.
PLAN: dict[str, Any] = {
    "withheld": None,
    "test": MOMENTS[2],
    "evaluation": MOMENTS[:1],
    "training": MOMENTS[:2],
    "scoring": "2011-07-01T00:00:00",
}


@pytest.fixture(scope="module")
def cutoff_customers(customers: pd.DataFrame) -> pd.DataFrame:
    """The same sixty customers at three cutoffs, in no order; five pairs are twins in March."""
    parts = []
    for number, moment in enumerate(MOMENTS):
        rng = np.random.default_rng(number)
        own = customers.assign(cutoff=pd.Timestamp(moment).as_unit("us"), profit=float(number))
        if number:
            own["amount"] = rng.normal(100, 10, size=SIZE)
            own["visits"] = rng.normal(5, 1, size=SIZE)
        own["declined"] = own["amount"] + rng.normal(0, 8, size=SIZE) < 98
        parts.append(own)
    return pd.concat(parts).sample(frac=1, random_state=3, ignore_index=True)


@pytest.fixture(scope="module")
def forecasts(cutoff_customers: pd.DataFrame) -> pd.DataFrame:
    """More purchases are expected of those whose amount is high; one customer has no forecast."""
    table = cutoff_customers[["customer_id", "cutoff"]].assign(
        expected_purchases=cutoff_customers["amount"] / 100
    )
    return table.iloc[1:].sample(frac=1, random_state=5)


def assembled(
    rows: pd.DataFrame, forecasts: pd.DataFrame, registry: FeatureRegistry, **changes: Any
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    return assemble_cutoff_input(
        ibis.memtable(rows), forecasts, PLAN | changes, registry, options()
    )


@pytest.fixture(scope="module")
def cutoff_rows(
    cutoff_customers: pd.DataFrame, forecasts: pd.DataFrame, registry: FeatureRegistry
) -> pd.DataFrame:
    return assembled(cutoff_customers, forecasts, registry)[0]


class TestAssembleCutoffInput:
    def test_all_rows_and_those_of_the_test_cutoff(
        self, cutoff_customers: pd.DataFrame, forecasts: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        rows, test, gate = assembled(cutoff_customers, forecasts, registry)

        assert gate == GATE
        assert rows.columns.to_list() == test.columns.to_list() == [
            "customer_id", "cutoff", "amount", "visits", "colour", "member",
            "declined", "expected_purchases", "twin_group",
        ]  # fmt: skip
        assert len(rows) == 3 * SIZE
        assert rows["declined"].dtype == bool
        assert set(rows["member"]) == {"yes", "no"}
        assert set(test["cutoff"]) == {pd.Timestamp(MOMENTS[2])}
        assert sorted(test["customer_id"]) == sorted(cutoff_customers["customer_id"].unique())
        assert test.index.to_list() == list(range(SIZE))

    def test_rows_follow_cutoff_and_content_and_not_the_id(self, cutoff_rows: pd.DataFrame) -> None:
        assert cutoff_rows["cutoff"].is_monotonic_increasing
        for _, own in cutoff_rows.groupby("cutoff"):
            assert own["amount"].is_monotonic_increasing
            assert not own["customer_id"].is_monotonic_increasing

    def test_order_of_rows_does_not_matter(
        self,
        cutoff_customers: pd.DataFrame,
        forecasts: pd.DataFrame,
        cutoff_rows: pd.DataFrame,
        registry: FeatureRegistry,
    ) -> None:
        found, _, _ = assembled(
            cutoff_customers.sample(frac=1, random_state=8),
            forecasts.sample(frac=1, random_state=9),
            registry,
        )

        assert_frame_equal(found, cutoff_rows, check_exact=True)

    def test_rows_of_a_customer_and_of_their_twin_share_a_group(
        self, cutoff_rows: pd.DataFrame
    ) -> None:
        groups = cutoff_rows.groupby("customer_id")["twin_group"].agg(["min", "max"])

        assert (groups["min"] == groups["max"]).all()
        for first in range(5):  # twins in March only, and together ever after
            assert groups.loc[f"{first:03d}", "min"] == groups.loc[f"{first + 5:03d}", "min"]
        assert cutoff_rows["twin_group"].nunique() == SIZE - 5

    def test_forecast_stands_beside_its_row_and_may_be_missing(
        self, cutoff_rows: pd.DataFrame
    ) -> None:
        known = cutoff_rows.dropna(subset="expected_purchases")

        assert len(known) == 3 * SIZE - 1
        np.testing.assert_allclose(known["expected_purchases"], known["amount"] / 100)

    def test_neither_forecast_nor_cutoff_is_a_feature_of_the_model(
        self, cutoff_rows: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        # Given a forecast and a moment that tell the label, in one run and not in the other
        test = rows_of(cutoff_rows, [PLAN["test"]])
        training = rows_of(cutoff_rows, PLAN["evaluation"])
        telling = training.assign(
            expected_purchases=training["declined"] * 1.0,
            cutoff=pd.Timestamp(2011, 1, 1) + pd.to_timedelta(training["declined"] * 30, "D"),
        )

        plain, _ = evaluate_out_of_time(training, test, registry, options(repeats=1))
        told, _ = evaluate_out_of_time(telling, test, registry, options(repeats=1))

        assert_frame_equal(plain, told, check_exact=True)
        assert {"expected_purchases", "cutoff"}.isdisjoint(registry.model_names())

    def test_plan_that_withholds_leaves_nobody(
        self,
        cutoff_customers: pd.DataFrame,
        forecasts: pd.DataFrame,
        cutoff_rows: pd.DataFrame,
        registry: FeatureRegistry,
    ) -> None:
        rows, test, gate = assembled(cutoff_customers, forecasts, registry, withheld=WITHHELD)

        assert rows.empty and test.empty
        assert rows.columns.to_list() == cutoff_rows.columns.to_list()
        assert gate["withheld"] == WITHHELD

    def test_shop_without_any_cutoff_leaves_nobody(
        self, cutoff_customers: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        # Given data that are too short for the windows: no labels, no forecasts, no test
        nothing = pd.DataFrame(columns=["customer_id", "cutoff", "expected_purchases"])
        plan = {"test": None, "evaluation": [], "training": [], "withheld": WITHHELD}

        rows, test, gate = assembled(
            cutoff_customers.iloc[:0], nothing.astype({"cutoff": "datetime64[us]"}), registry,
            **plan,
        )  # fmt: skip

        assert rows.empty and test.empty
        assert gate == {"withheld": WITHHELD, "features_without_values": []}

    def test_too_few_customers_behind_many_rows_are_withheld(
        self, cutoff_customers: pd.DataFrame, forecasts: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        # Given customers who each declined at one of two cutoffs: half of the rows are kept, and
        # no customer is
        first = cutoff_customers["cutoff"] == pd.Timestamp(MOMENTS[0])
        even = cutoff_customers["customer_id"].astype(int) % 2 == 0
        turns = cutoff_customers.assign(declined=first == even)

        rows, test, gate = assembled(turns, forecasts, registry, evaluation=MOMENTS[:2])

        assert rows.empty and test.empty
        assert gate["withheld"]["en"].startswith("0 customer(s) labelled kept are too few")

    def test_feature_without_any_value_is_told(
        self,
        cutoff_customers: pd.DataFrame,
        forecasts: pd.DataFrame,
        registry: FeatureRegistry,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with caplog.at_level(logging.WARNING):
            rows, _, gate = assembled(cutoff_customers.assign(visits=np.nan), forecasts, registry)

        assert len(rows) == 3 * SIZE
        assert gate == {"withheld": None, "features_without_values": ["visits"]}
        assert "No customer has a value of visits" in caplog.text


ACTIVITY = {
    "measure": "items",
    "outcome_days": 30,
    "gap_days": 0,
    "baseline_days": 60,
    "shortest_baseline_days": 30,
    "share": 0.5,
    "minimum_orders": 2,
    "recent_days": 60,
    "step_days": 30,
    "most_cutoffs": 4,
    "fewest_per_class": 2,
    "prevalence_shares": [0.5],
    "confidence": 0.95,
}


class TestExpectPurchases:
    """Customers who buy every so many days, from January on."""

    def lines(self, until: datetime) -> ibis.Table:
        start = datetime(2011, 1, 1, 10)
        rng = np.random.default_rng(1)
        rows = []
        for customer in range(30):
            at = start + timedelta(days=float(rng.uniform(0, 20)))
            while at < until:
                rows.append({"customer_id": f"{customer:02d}", "ordered_at": at, "logged_at": at})
                at += timedelta(days=float(rng.exponential(4 + customer)) + 0.5)
        fixed = {"quantity": 1, "amount": Decimal("2.00"), "is_return": False, "trusted": True}
        return ibis.memtable(
            [
                row | fixed | {"row_number": number, "order_id": f"o{number}"}
                for number, row in enumerate(rows, start=1)
            ],
            schema={
                "row_number": "int64",
                "customer_id": "string",
                "order_id": "string",
                "ordered_at": "timestamp(6)",
                "logged_at": "timestamp(6)",
                "quantity": "int64",
                "amount": "decimal(18, 2)",
                "is_return": "boolean",
                "trusted": "boolean",
            },
        )

    def labels(self, *moments: str) -> ibis.Table:
        rows = [
            {"customer_id": f"{customer:02d}", "cutoff": datetime.fromisoformat(moment)}
            for moment in moments
            for customer in range(0, 30, 2)
        ]
        return ibis.memtable(rows, schema={"customer_id": "string", "cutoff": "timestamp(6)"})

    def test_eligible_customers_of_evaluation_and_test_get_a_forecast(self) -> None:
        table, models = expect_purchases(
            self.lines(datetime(2011, 6, 1)),
            self.labels(*MOMENTS),
            PLAN,
            ActivityOptions.model_validate(ACTIVITY),
        )

        assert table.columns.to_list() == ["customer_id", "cutoff", "expected_purchases"]
        judged = [MOMENTS[0], MOMENTS[2]]  # not the one that today's model alone learns from
        assert table.groupby("cutoff").size().to_dict() == {pd.Timestamp(m): 15 for m in judged}
        assert (table["expected_purchases"] > 0).all()
        often, seldom = (
            table.loc[table["customer_id"].isin(ids), "expected_purchases"].mean()
            for ids in (["00", "02", "04"], ["24", "26", "28"])
        )
        assert often > 2 * seldom
        assert [model["cutoff"] for model in models] == judged
        assert json.loads(json.dumps(models, allow_nan=False))[0]["customers"] == 30

    def test_what_happens_after_a_cutoff_is_not_looked_at(self) -> None:
        # Given the same shop, whose lines end at the first cutoff or go on
        plan = PLAN | {"test": MOMENTS[0], "evaluation": [], "training": []}
        activity = ActivityOptions.model_validate(ACTIVITY)
        whole = self.lines(datetime(2011, 6, 1))
        known = whole.filter(whole.logged_at <= ibis.literal(datetime(2011, 3, 1)))

        early, _ = expect_purchases(known, self.labels(MOMENTS[0]), plan, activity)
        late, _ = expect_purchases(whole, self.labels(MOMENTS[0]), plan, activity)

        assert_frame_equal(early, late, check_exact=True)

    def test_purchases_in_the_gap_do_not_count(self) -> None:
        lines, labels = self.lines(datetime(2011, 4, 1)), self.labels(MOMENTS[0])
        plan = PLAN | {"test": MOMENTS[0], "evaluation": [], "training": []}

        def total(**changes: Any) -> float:
            activity = ActivityOptions.model_validate(ACTIVITY | changes)
            table, _ = expect_purchases(lines, labels, plan, activity)
            return float(table["expected_purchases"].sum())

        with_gap, without = total(gap_days=10), total(outcome_days=40) - total(outcome_days=10)
        assert with_gap == pytest.approx(without)

    def test_nothing_is_forecast_where_there_will_be_no_model(self) -> None:
        table, models = expect_purchases(
            self.lines(datetime(2011, 6, 1)),
            self.labels(*MOMENTS),
            PLAN | {"withheld": WITHHELD},
            ActivityOptions.model_validate(ACTIVITY),
        )

        assert table.empty and models == []
        assert table.columns.to_list() == ["customer_id", "cutoff", "expected_purchases"]
        assert table["cutoff"].dtype == "datetime64[us]"


def test_rows_of_some_cutoffs_are_numbered_anew(cutoff_rows: pd.DataFrame) -> None:
    found = rows_of(cutoff_rows, [MOMENTS[2], MOMENTS[0]])

    assert found.index.to_list() == list(range(2 * SIZE))
    assert set(found["cutoff"]) == {pd.Timestamp(MOMENTS[0]), pd.Timestamp(MOMENTS[2])}
    assert rows_of(cutoff_rows, []).empty


@pytest.fixture(scope="module")
def turned(cutoff_rows: pd.DataFrame) -> pd.DataFrame:
    """The labels of every cutoff that had not ended by the test are turned round."""
    later = cutoff_rows["cutoff"] != pd.Timestamp(MOMENTS[0])
    return cutoff_rows.assign(declined=cutoff_rows["declined"] ^ later)


class TestEarlierCutoffs:
    def test_model_of_the_test_learns_from_cutoffs_that_had_ended_by_then(
        self, cutoff_rows: pd.DataFrame, turned: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        test = rows_of(cutoff_rows, [PLAN["test"]])
        asked = options(model="decision_tree", calibration="sigmoid")

        before, search, *_ = evaluate_earlier_cutoffs(cutoff_rows, test, PLAN, registry, asked)
        after, same, *_ = evaluate_earlier_cutoffs(turned, test, PLAN, registry, asked)

        assert_frame_equal(before, after, check_exact=True)
        assert_frame_equal(search, same, check_exact=True)
        assert len(before) == 2 * SIZE

    def test_so_do_candidates(
        self, cutoff_rows: pd.DataFrame, turned: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        test = rows_of(cutoff_rows, [PLAN["test"]])

        before, _ = evaluate_earlier_cutoffs(cutoff_rows, test, PLAN, registry, options())[2:]
        after, _ = evaluate_earlier_cutoffs(turned, test, PLAN, registry, options())[2:]

        assert_frame_equal(before, after, check_exact=True)
        assert list(dict.fromkeys(before["candidate"])) == ["decision_tree", "default_svc"]

    def test_so_do_baselines(
        self, cutoff_rows: pd.DataFrame, turned: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        test = rows_of(cutoff_rows, [PLAN["test"]])
        asked = options(baselines={"frequency": "visits"})

        before = evaluate_baselines_out_of_time(cutoff_rows, test, PLAN, registry, asked)
        after = evaluate_baselines_out_of_time(turned, test, PLAN, registry, asked)

        assert_frame_equal(before, after, check_exact=True)
        names = ["base_rate", "best_single_feature", "frequency", "bg_nbd"]
        assert list(dict.fromkeys(before["baseline"])) == names
        assert set(before["repeat"]) == {0}  # there is no chance in them
        assert before.groupby("baseline").size().eq(SIZE).all()
        rate = rows_of(cutoff_rows, PLAN["evaluation"])["declined"].mean()
        assert set(before.loc[before["baseline"] == "base_rate", "risk"]) == {rate}

    def test_nobody_gives_empty_tables(
        self, cutoff_rows: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        nobody = cutoff_rows.iloc[:0]
        plan = PLAN | {"test": None, "evaluation": [], "training": []}

        risk, search, others, _ = evaluate_earlier_cutoffs(
            nobody, nobody, plan, registry, options()
        )
        rules = evaluate_baselines_out_of_time(nobody, nobody, plan, registry, options())

        assert risk.empty and search.empty and others.empty and rules.empty
        assert rules.columns.to_list() == ["baseline", *RISK_COLUMNS, "detail"]


class TestTakeTestCustomers:
    def test_customers_of_the_test_cutoff_with_their_profit(
        self, cutoff_customers: pd.DataFrame
    ) -> None:
        found = take_test_customers(ibis.memtable(cutoff_customers), PLAN).to_pandas()

        assert sorted(found.columns) == ["customer_id", "profit"]
        assert sorted(found["customer_id"]) == sorted(cutoff_customers["customer_id"].unique())
        assert set(found["profit"]) == {2.0}  # as of the test cutoff, the third

    def test_nobody_without_a_test_cutoff(self, cutoff_customers: pd.DataFrame) -> None:
        found = take_test_customers(ibis.memtable(cutoff_customers), PLAN | {"test": None})

        assert found.to_pandas().empty
        assert sorted(found.columns) == ["customer_id", "profit"]


@pytest.fixture(scope="module")
def risk(model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry) -> pd.DataFrame:
    return evaluate_model(model_input, folds, registry, options())[0]


@pytest.fixture(scope="module")
def metrics(
    model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry, risk: pd.DataFrame
) -> dict[str, Any]:
    baselines = evaluate_baselines(model_input, folds, registry, options())
    return compute_metrics(
        model_input,
        risk.sample(frac=1, random_state=1),
        baselines,
        COMPARISON,
        VERDICT,
        {"withheld": None, "features_without_values": ["shoe_size"]},
        options(),
    )


class TestComputeMetrics:
    def test_measures_agree_with_scikit_learn(
        self, metrics: dict[str, Any], risk: pd.DataFrame, model_input: pd.DataFrame
    ) -> None:
        references = {
            "roc_auc": roc_auc_score,
            "average_precision": average_precision_score,
            "brier": brier_score_loss,
            "log_loss": log_loss,
        }
        wide = risk.pivot(index="customer_id", columns="repeat", values="risk")
        label = model_input.set_index("customer_id")["declined"][wide.index]
        for name, reference in references.items():
            values = [reference(label, wide[repeat]) for repeat in (0, 1)]
            assert metrics["metrics"][name]["value"] == pytest.approx(np.mean(values))
            assert metrics["metrics"][name]["sd_over_repeats"] == pytest.approx(
                np.std(values, ddof=1)
            )
            assert metrics["averaged_over_repeats"][name]["value"] == pytest.approx(
                reference(label, wide.mean(axis=1))
            )

    def test_intervals_hold_their_value(self, metrics: dict[str, Any]) -> None:
        # Some resamples of so few customers fall apart by risk: no slope, so no bounds of it
        for place in ("metrics", "averaged_over_repeats"):
            for name, found in metrics[place].items():
                if name != "calibration_slope":
                    assert found["low"] < found["value"] < found["high"]

    def test_protocol_says_how_it_was_measured(
        self, metrics: dict[str, Any], model_input: pd.DataFrame
    ) -> None:
        assert metrics["model"] == {
            "name": "logistic_regression",
            "members": ["logistic_regression"],
        }
        assert metrics["protocol"] == {
            "customers": SIZE,
            "declined_share": model_input["declined"].mean(),
            "twin_groups": 5,
            "features_without_values": ["shoe_size"],
            "folds": 3,
            "repeats": 2,
            "bootstrap": 100,
            "confidence": 0.95,
            "seed": 11,
        }

    def test_baselines_stand_beside_the_model(self, metrics: dict[str, Any]) -> None:
        baselines = metrics["baselines"]

        assert list(baselines) == ["base_rate", "best_single_feature"]
        assert baselines["best_single_feature"]["chosen_in_folds"] == {"amount": 6}
        assert "chosen_in_folds" not in baselines["base_rate"]
        assert list(metrics["metrics"]) == list(MEASURES)
        for found in baselines.values():
            assert list(found)[: len(MEASURES)] == list(MEASURES)

    def test_comparison_and_audit_are_part_of_it(self, metrics: dict[str, Any]) -> None:
        assert metrics["withheld"] is None
        assert metrics["comparison"] == COMPARISON
        assert metrics["leak_audit"] == VERDICT

    def test_rules_of_the_shop_are_measured_too(
        self,
        model_input: pd.DataFrame,
        folds: pd.DataFrame,
        registry: FeatureRegistry,
        risk: pd.DataFrame,
    ) -> None:
        asked = options(baselines={"recency": "amount"})
        baselines = evaluate_baselines(model_input, folds, registry, asked)

        metrics = compute_metrics(model_input, risk, baselines, {}, VERDICT, GATE, asked)

        assert list(metrics["baselines"]) == ["base_rate", "best_single_feature", "recency"]
        single = metrics["baselines"]["best_single_feature"]["roc_auc"]
        assert metrics["baselines"]["recency"]["roc_auc"] == single  # the same feature

    def test_shop_with_time_is_measured_at_its_one_test(
        self, cutoff_rows: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        test = rows_of(cutoff_rows, [PLAN["test"]])
        asked = options(repeats=1)
        risk, *_ = evaluate_earlier_cutoffs(cutoff_rows, test, PLAN, registry, asked)
        baselines = evaluate_baselines_out_of_time(cutoff_rows, test, PLAN, registry, asked)

        metrics = compute_metrics(test, risk, baselines, {}, VERDICT, GATE, asked)

        assert metrics["protocol"]["folds"] == metrics["protocol"]["repeats"] == 1
        assert metrics["protocol"]["customers"] == len(test)
        label = test["declined"]
        expected = roc_auc_score(label, risk["risk"])
        assert metrics["metrics"]["roc_auc"]["value"] == pytest.approx(expected)
        assert list(metrics["baselines"]) == ["base_rate", "best_single_feature", "bg_nbd"]
        constant = rows_of(cutoff_rows, PLAN["evaluation"])["declined"].mean()
        brier = brier_score_loss(label, np.full(len(label), constant))
        assert metrics["baselines"]["base_rate"]["brier"]["value"] == pytest.approx(brier)
        assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics

    def test_shop_without_a_model_gets_the_reason_alone(
        self, model_input: pd.DataFrame, risk: pd.DataFrame
    ) -> None:
        reason = {"ru": "мало клиентов", "en": "too few customers"}

        metrics = compute_metrics(
            model_input.iloc[:0],
            risk.iloc[:0],
            pd.DataFrame(),
            {},
            VERDICT,
            {"withheld": reason, "features_without_values": []},
            options(),
        )

        assert metrics == {"withheld": reason}

    def test_everything_can_be_written_as_json(self, metrics: dict[str, Any]) -> None:
        assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics

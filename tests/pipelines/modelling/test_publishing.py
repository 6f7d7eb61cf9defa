"""Who gets which risk, and who gets none and why."""

from __future__ import annotations

import json
import logging
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from personal_offers.activity_params import ActivityOptions
from personal_offers.errors import InputError
from personal_offers.pipelines.modelling.artefacts import DeclineModel
from personal_offers.pipelines.modelling.params import ModellingOptions
from personal_offers.pipelines.modelling.publishing import (
    average_risk,
    fit_decline_model,
    fit_on_cutoffs,
    hold_out_risk,
    score_customers,
    typed_features,
)
from personal_offers.pipelines.modelling.schemas import HoldoutRisk
from tests.pipelines.modelling.made_up import FOUR_FEATURES, modelling_options, registry_of

SIZE = 60
FEATURES = list(FOUR_FEATURES)
ACTIVITY = ActivityOptions.model_validate(
    {
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
)
PASSED: dict[str, Any] = {"passed": True, "failed": [], "warned": []}
FAILED: dict[str, Any] = {"passed": False, "failed": ["score_too_good"], "warned": []}
GATE: dict[str, Any] = {"withheld": None, "features_without_values": []}
PLAN = {"training": ["2011-03-01T00:00:00", "2011-04-01T00:00:00"]}
REASON = {"ru": "мало клиентов", "en": "too few customers"}


def options(**changes: Any) -> ModellingOptions:
    return modelling_options(**{"calibration": "sigmoid"} | changes)


REGISTRY = registry_of(FOUR_FEATURES)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Customers whose amount tells the label; the first forty are those of March and April."""
    rng = np.random.default_rng(2)
    amount = np.sort(rng.normal(100, 10, size=SIZE))
    return pd.DataFrame(
        {
            "customer_id": [f"{number:02d}" for number in rng.permutation(SIZE)],
            "cutoff": pd.to_datetime(["2011-03-01", "2011-04-01", "2011-05-01"] * (SIZE // 3)),
            "amount": amount,
            "visits": rng.normal(5, 1, size=SIZE),
            "colour": rng.choice(["red", "blue"], size=SIZE),
            "member": rng.choice(["yes", "no"], size=SIZE),
            "declined": amount + rng.normal(0, 8, size=SIZE) < 98,
            "twin_group": np.arange(SIZE),
        }
    )


@pytest.fixture(scope="module")
def stored(rows: pd.DataFrame) -> dict[str, Any]:
    return fit_decline_model(rows.drop(columns="cutoff"), GATE, REGISTRY, options())


CUSTOMERS = pd.DataFrame(
    {
        "customer_id": ["d", "a", "c", "b"],
        "amount": [90.0, 80.0, 120.0, 100.0],
        "visits": [5.0, 5.0, 5.0, None],
        "colour": ["red", "blue", "red", None],
        "member": [True, False, None, True],
    }
)
SCHEMA = {
    "customer_id": "string", "amount": "float64", "visits": "float64", "colour": "string",
    "member": "boolean",
}  # fmt: skip


def customers(**changes: list[Any]) -> ir.Table:
    return ibis.memtable(CUSTOMERS.assign(**changes), schema=SCHEMA)


def some(*ids: str) -> ir.Table:
    return ibis.memtable(pd.DataFrame({"customer_id": list(ids)}, dtype="str"))


class TestAverageRisk:
    # Two customers, two repeats, in no order
    RISK = pd.DataFrame(
        {
            "repeat": [1, 0, 1, 0],
            "fold": [0, 1, 1, 0],
            "customer_id": ["b", "b", "a", "a"],
            "risk": [0.5, 0.25, 1.0, 0.5],
        }
    )
    FOLDS = RISK[["repeat", "customer_id", "fold"]]

    def test_mean_over_repeats_with_the_fold_of_the_first(self) -> None:
        found = average_risk(some("b", "a"), self.RISK, self.FOLDS, PASSED)

        expected = pd.DataFrame(
            {
                "customer_id": ["a", "b"],
                "decline_risk": [0.75, 0.375],
                "fold": [0, 1],
                "basis": ["model", "model"],
            }
        )
        assert_frame_equal(found.to_pandas(), expected, check_dtype=False)
        assert found.schema()["fold"].is_int64()
        assert found.schema()["decline_risk"].is_float64()

    def test_customer_without_a_label_gets_no_risk_and_the_ground(self) -> None:
        found = average_risk(some("c", "b", "a"), self.RISK, self.FOLDS, PASSED).to_pandas()

        assert found["customer_id"].to_list() == ["a", "b", "c"]
        assert found["basis"].to_list() == ["model", "model", "withheld"]
        assert found.loc[2, ["decline_risk", "fold"]].isna().all()

    def test_nobody_gets_a_risk_from_a_model_that_leaks(self) -> None:
        found = average_risk(some("b", "a"), self.RISK, self.FOLDS, FAILED).to_pandas()

        assert found["customer_id"].to_list() == ["a", "b"]
        assert set(found["basis"]) == {"failed_audit"}
        assert found[["decline_risk", "fold"]].isna().all(axis=None)

    def test_shop_without_a_model_has_everybody_and_nobodys_risk(self) -> None:
        nothing = self.RISK.iloc[:0]

        found = average_risk(some("b", "a"), nothing, self.FOLDS.iloc[:0], PASSED).to_pandas()

        assert found["customer_id"].to_list() == ["a", "b"]
        assert set(found["basis"]) == {"withheld"}
        assert found[["decline_risk", "fold"]].isna().all(axis=None)


class TestHoldOutRisk:
    INPUT = pd.DataFrame(
        {
            "customer_id": ["b", "a"],
            "cutoff": pd.to_datetime(["2011-05-01", "2011-05-01"]),
            "amount": [1.0, 2.0],
            "declined": [True, False],
        }
    )

    def test_mean_over_repeats_beside_what_happened(self) -> None:
        risk = TestAverageRisk.RISK

        found = hold_out_risk(self.INPUT, risk)

        HoldoutRisk.validate(found)
        assert found.to_pandas().to_dict("list") == {
            "customer_id": ["a", "b"],
            "cutoff": [pd.Timestamp("2011-05-01")] * 2,
            "decline_risk": [0.75, 0.375],
            "declined": [False, True],
        }

    def test_nobody_where_there_is_no_model(self) -> None:
        found = hold_out_risk(self.INPUT.iloc[:0], TestAverageRisk.RISK.iloc[:0])

        HoldoutRisk.validate(found)
        assert found.to_pandas().empty
        assert list(found.columns) == ["customer_id", "cutoff", "decline_risk", "declined"]


class TestFitDeclineModel:
    def test_parts_are_a_model_that_fits_its_registry(
        self, stored: dict[str, Any], rows: pd.DataFrame
    ) -> None:
        model = DeclineModel.from_parts(stored)

        risk = model.model.predict(rows[FEATURES])
        assert ((risk > 0) & (risk < 1)).all()
        assert risk[rows["declined"]].mean() > risk[~rows["declined"]].mean() + 0.2
        assert list(model.facts["features"]) == FEATURES

    def test_facts_say_what_it_was_made_of(
        self, stored: dict[str, Any], rows: pd.DataFrame
    ) -> None:
        facts = stored["facts"]

        assert facts["rows"] == facts["customers"] == SIZE
        assert facts["declined_share"] == pytest.approx(rows["declined"].mean())
        assert facts["seed"] == 11
        assert facts["settings"] == {"logistic_regression": {"C": 1.0}}
        assert facts["training_period"] is None
        assert facts["parameters"]["calibration"] == "sigmoid"
        assert json.loads(json.dumps(facts, allow_nan=False)) == facts

    def test_same_rows_and_seed_give_the_same_bits(self, rows: pd.DataFrame) -> None:
        one, two = (
            DeclineModel.from_parts(
                fit_decline_model(rows, GATE, REGISTRY, options(model="blend"))
            ).model.predict(rows[FEATURES])
            for _ in range(2)
        )

        assert one.tobytes() == two.tobytes()

    def test_shop_without_rows_stores_the_reason(self, rows: pd.DataFrame) -> None:
        gate = {"withheld": REASON, "features_without_values": []}

        found = fit_decline_model(rows.iloc[:0], gate, REGISTRY, options())

        assert found == {"model": {}, "facts": {"withheld": REASON}}
        with pytest.raises(InputError, match="no decline model: too few customers"):
            DeclineModel.from_parts(found)


class TestFitOnCutoffs:
    def test_only_cutoffs_whose_outcome_is_known_are_learned_from(self, rows: pd.DataFrame) -> None:
        # Given labels of a later cutoff that are turned round
        later = rows["cutoff"] == pd.Timestamp("2011-05-01")
        turned = rows.assign(declined=rows["declined"] ^ later)

        one, two = (
            fit_on_cutoffs(given, PLAN, GATE, REGISTRY, options(), ACTIVITY)
            for given in (rows, turned)
        )

        np.testing.assert_array_equal(
            DeclineModel.from_parts(one).model.predict(rows[FEATURES]),
            DeclineModel.from_parts(two).model.predict(rows[FEATURES]),
        )
        assert one["facts"] == two["facts"]
        assert one["facts"]["rows"] == 40
        assert one["facts"]["training_period"] == {
            "first": "2011-03-01T00:00:00",
            "last": "2011-04-01T00:00:00",
        }

    def test_label_is_described_by_its_parameters(self, rows: pd.DataFrame) -> None:
        found = fit_on_cutoffs(rows, PLAN, GATE, REGISTRY, options(), ACTIVITY)

        label = found["facts"]["label"]
        assert label["measure"] == "items"
        assert label["outcome_days"] == 30
        assert json.loads(json.dumps(found["facts"], allow_nan=False)) == found["facts"]

    def test_shop_without_rows_stores_the_reason(self, rows: pd.DataFrame) -> None:
        gate = {"withheld": REASON, "features_without_values": []}

        found = fit_on_cutoffs(rows.iloc[:0], {"training": []}, gate, REGISTRY, options(), ACTIVITY)

        assert found == {"model": {}, "facts": {"withheld": REASON}}


class TestScoreCustomers:
    def test_eligible_customers_get_the_risk_of_the_model_and_nobody_else_one(
        self, stored: dict[str, Any]
    ) -> None:
        found = score_customers(stored, customers(), some("c", "a"), PASSED, REGISTRY)

        table = found.to_pandas()
        assert table["customer_id"].to_list() == ["a", "b", "c", "d"]
        assert table["basis"].to_list() == ["model", "not_eligible", "model", "not_eligible"]
        assert table["fold"].isna().all() and found.schema()["fold"].is_int64()
        assert table.loc[[1, 3], "decline_risk"].isna().all()
        asked = pd.DataFrame(
            {"amount": [80.0, 120.0], "visits": [5.0, 5.0], "colour": ["blue", "red"],
             "member": ["no", None]}
        )  # fmt: skip
        expected = DeclineModel.from_parts(stored).model.predict(asked)
        np.testing.assert_allclose(table.loc[[0, 2], "decline_risk"].astype(float), expected)
        assert expected[0] > expected[1]

    def test_order_of_rows_does_not_matter(self, stored: dict[str, Any]) -> None:
        backwards = ibis.memtable(CUSTOMERS[::-1], schema=SCHEMA)

        found, again = (
            score_customers(stored, table, some("a", "b"), PASSED, REGISTRY).to_pandas()
            for table in (customers(), backwards)
        )

        assert_frame_equal(found, again, check_exact=True)

    def test_unknown_values_do_not_cost_anybody_a_risk(self, stored: dict[str, Any]) -> None:
        found = score_customers(stored, customers(), some("b"), PASSED, REGISTRY).to_pandas()

        assert found.loc[1, "basis"] == "model"
        assert 0 < found.loc[1, "decline_risk"] < 1

    def test_category_unseen_in_training_is_told_and_counts_as_none_of_the_known(
        self, stored: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        # Given the same customer in a colour that nobody had in training, and in no colour
        everybody = some("a", "b", "c", "d")
        like_a = {"amount": [80.0] * 4, "visits": [5.0] * 4, "member": [True] * 4}

        with caplog.at_level(logging.WARNING):
            found = score_customers(
                stored,
                customers(colour=["violet", "blue", "violet", "red"], **like_a),
                everybody,
                PASSED,
                REGISTRY,
            ).to_pandas()

        # Then the stranger lies between the known, and a sentence names the colour
        risk = found.set_index("customer_id")["decline_risk"]
        low, high = sorted([risk["a"], risk["b"]])
        assert low < risk["d"] < high
        assert risk["c"] == risk["d"]
        assert set(found["basis"]) == {"model"}
        assert "2 customers have a colour" in caplog.text
        assert "violet" in caplog.text

    def test_known_and_missing_categories_are_not_worth_a_warning(
        self, stored: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            score_customers(stored, customers(), some("a", "b", "c"), PASSED, REGISTRY)

        assert caplog.text == ""

    @pytest.mark.parametrize("verdict", [PASSED, FAILED])
    def test_shop_without_a_model_withholds_the_risk_of_everybody(
        self, verdict: dict[str, Any]
    ) -> None:
        nothing = {"model": {}, "facts": {"withheld": REASON}}

        found = score_customers(nothing, customers(), some("a"), verdict, REGISTRY).to_pandas()

        assert found["customer_id"].to_list() == ["a", "b", "c", "d"]
        assert set(found["basis"]) == {"withheld"}
        assert found[["decline_risk", "fold"]].isna().all(axis=None)

    def test_nobody_gets_a_risk_from_a_model_that_leaks(self, stored: dict[str, Any]) -> None:
        found = score_customers(stored, customers(), some("a"), FAILED, REGISTRY).to_pandas()

        assert set(found["basis"]) == {"failed_audit"}
        assert found["decline_risk"].isna().all()

    def test_nobody_is_eligible_today(self, stored: dict[str, Any]) -> None:
        # Given a shop whose regular customers have all been away for too long
        found = score_customers(stored, customers(), some(), PASSED, REGISTRY).to_pandas()

        assert found["customer_id"].to_list() == ["a", "b", "c", "d"]
        assert set(found["basis"]) == {"not_eligible"}
        assert found["decline_risk"].isna().all()

    def test_model_made_for_other_features_is_refused(self, stored: dict[str, Any]) -> None:
        other = registry_of(FOUR_FEATURES | {"visits": "category"})

        with pytest.raises(InputError, match="feature visits was a number in training") as caught:
            score_customers(stored, customers(), some("a"), PASSED, other)

        assert "train the model again" in str(caught.value)

    @pytest.mark.parametrize("kind", ["category", "flag", "number"])
    def test_feature_that_is_new_since_the_training_is_not_looked_at(
        self, kind: str, stored: dict[str, Any]
    ) -> None:
        # Given a registry with one feature more, before the others
        newer = registry_of({"shoe": kind} | FOUR_FEATURES)
        value = {"category": "boot", "flag": True, "number": 44.0}[kind]
        table = customers().mutate(shoe=ibis.literal(value))

        found = score_customers(stored, table, some("a", "c"), PASSED, newer).to_pandas()

        before = score_customers(stored, customers(), some("a", "c"), PASSED, REGISTRY).to_pandas()
        assert_frame_equal(found, before, check_exact=True)

    def test_model_of_numbers_alone_asks_for_no_category(self, rows: pd.DataFrame) -> None:
        numbers = registry_of({"amount": "number", "visits": "number"})
        model = fit_decline_model(rows, GATE, numbers, options())

        found = score_customers(model, customers(), some("a"), PASSED, REGISTRY).to_pandas()

        assert found["basis"].to_list() == ["model"] + ["not_eligible"] * 3


def test_features_come_by_id_as_the_model_takes_them() -> None:
    found = typed_features(customers(), REGISTRY)

    assert found.columns.to_list() == ["customer_id", *FEATURES]
    assert found["customer_id"].to_list() == ["a", "b", "c", "d"]
    assert found["member"].to_list()[:2] == ["no", "yes"]
    assert found["member"].isna().to_list() == [False, False, True, False]
    assert found["visits"].isna().to_list() == [False, True, False, False]

import ast
import json
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from personal_offers.errors import InputError
from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling import nodes
from personal_offers.pipelines.modelling.metrics import MEASURES
from personal_offers.pipelines.modelling.models import fit_model
from personal_offers.pipelines.modelling.nodes import (
    assemble_model_input,
    assign_folds,
    average_risk,
    compute_metrics,
    evaluate_baselines,
    evaluate_model,
    withhold_decline_risk,
)
from personal_offers.pipelines.modelling.params import ModellingOptions

SIZE = 60
GRIDS: dict[str, dict[str, list[Any]]] = {
    "logistic_regression": {"C": [1.0]},
    "svc": {"C": [1.0], "gamma": [0.1]},
    "k_neighbors": {"n_neighbors": [5], "weights": ["distance"], "p": [2]},
    "decision_tree": {"max_depth": [1, 2], "min_samples_leaf": [3, 5]},
    "random_forest": {"n_estimators": [5], "max_features": [2], "min_samples_leaf": [2]},
    "extra_trees": {"n_estimators": [5], "max_features": [2], "min_samples_leaf": [2]},
    "catboost": {"iterations": [5], "depth": [2], "learning_rate": [0.1], "rsm": [0.8]},
}


def options(**changes: Any) -> ModellingOptions:
    return ModellingOptions.model_validate(
        {
            "model": "logistic_regression",
            "blend": ["extra_trees", "catboost"],
            "calibration": "none",
            "folds": 3,
            "repeats": 2,
            "twin_columns": ["amount", "visits"],
            "threads": 1,
            "bootstrap": 100,
            "confidence": 0.95,
            "seed": 11,
            "search": {"folds": 2, "candidates": 8, "scoring": "roc_auc"},
            "grids": GRIDS,
        }
        | changes
    )


@pytest.fixture(scope="module")
def registry() -> FeatureRegistry:
    def feature(kind: str, **changes: Any) -> dict[str, Any]:
        return {
            "group": "purchase_behaviour",
            "type": kind,
            "compute": {"kind": "column", "table": "people", "column": "value"},
            "window": "ever",
            "actionable": False,
            "definition": {"ru": "текст", "en": "text"},
        } | changes

    return FeatureRegistry.model_validate(
        {
            "features": {
                "consent": feature("flag", model=False, why_not="a gate"),
                "amount": feature("number"),
                "visits": feature("number"),
                "colour": feature("category"),
                "member": feature("flag"),
            }
        }
    )


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
    return assemble_model_input(
        ibis.memtable(customers), ibis.memtable(labels), registry, options()
    )


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
        found = assemble_model_input(
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
        found = assemble_model_input(
            ibis.memtable(customers), ibis.memtable(labels.iloc[1:]), registry, options()
        )

        assert set(found["customer_id"]) == set(labels["customer_id"].iloc[1:])

    @pytest.mark.parametrize("value", [True, False])
    def test_one_class_is_bad_input(
        self, value: bool, customers: pd.DataFrame, labels: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        with pytest.raises(InputError, match="the label has one class only"):
            assemble_model_input(
                ibis.memtable(customers),
                ibis.memtable(labels.assign(declined=value)),
                registry,
                options(),
            )

    def test_nobody_is_bad_input(
        self, customers: pd.DataFrame, labels: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        # Given a file whose customers all went to quarantine
        with pytest.raises(InputError):
            assemble_model_input(
                ibis.memtable(customers.iloc[:0]),
                ibis.memtable(labels.iloc[:0]),
                registry,
                options(),
            )


class TestWithholdDeclineRisk:
    def test_everybody_has_a_row_and_nobody_a_risk(self) -> None:
        risk, metrics = withhold_decline_risk(ibis.memtable({"customer_id": ["b", "a"]}))

        frame = risk.to_pandas()
        assert frame["customer_id"].to_list() == ["a", "b"]
        assert frame.drop(columns="customer_id").isna().to_numpy().all()
        assert set(metrics["withheld"]) == {"ru", "en"}


def test_a_customer_without_a_label_teaches_nothing(
    customers: pd.DataFrame, labels: pd.DataFrame, registry: FeatureRegistry
) -> None:
    unknown = labels.astype({"declined": object})
    unknown.loc[unknown.index[0], "declined"] = None
    table = ibis.memtable(unknown, schema={"customer_id": "string", "declined": "boolean"})

    found = assemble_model_input(ibis.memtable(customers), table, registry, options())

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
        shuffled = assemble_model_input(
            ibis.memtable(customers.sample(frac=1, random_state=9)),
            ibis.memtable(labels.sample(frac=1, random_state=8)),
            registry,
            options(),
        )

        # When / Then each has the fold that it had
        key = ["repeat", "customer_id"]
        found = assign_folds(shuffled, options()).sort_values(key, ignore_index=True)
        assert_frame_equal(found, folds.sort_values(key, ignore_index=True))

    def test_too_few_customers_for_the_folds_is_bad_input(self, model_input: pd.DataFrame) -> None:
        # Given two decliners for three folds
        declined = model_input[model_input["declined"]].drop_duplicates("twin_group").head(2)
        kept = model_input[~model_input["declined"]]
        kept = kept[~kept["twin_group"].isin(declined["twin_group"])]
        few = pd.concat([declined, kept], ignore_index=True)
        few["twin_group"] = pd.factorize(few["twin_group"])[0]

        with pytest.raises(
            InputError, match=r"2 customer\(s\) labelled declined are too few for 3 folds"
        ):
            assign_folds(few, options())


class TestEvaluateModel:
    def test_every_customer_is_predicted_once_per_repeat_in_their_own_fold(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        # When
        risk, settings = evaluate_model(model_input, folds, registry, options())

        # Then
        key = ["repeat", "customer_id", "fold"]
        assert_frame_equal(
            risk[key].sort_values(key, ignore_index=True),
            folds[key].sort_values(key, ignore_index=True),
            check_dtype=False,
        )
        assert risk["risk"].between(0, 1).all()
        assert settings.to_dict("records") == [
            {"repeat": r, "fold": f, "model": "logistic_regression", "settings": "{'C': 1.0}"}
            for r in range(2)
            for f in range(3)
        ]

    def test_each_fit_sees_the_training_folds_and_features_alone(
        self,
        model_input: pd.DataFrame,
        folds: pd.DataFrame,
        registry: FeatureRegistry,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # Given a spy on the fits
        seen: list[pd.DataFrame] = []

        def spy(features: pd.DataFrame, *rest: Any) -> Any:
            seen.append(features)
            return fit_model(features, *rest)

        monkeypatch.setattr(nodes, "fit_model", spy)

        # When
        evaluate_model(model_input, folds, registry, options())

        # Then each saw exactly the customers of the other folds, none a twin of those held out
        assert len(seen) == 6
        group = model_input.set_index("customer_id")["twin_group"]
        cells = [(repeat, fold) for repeat in range(2) for fold in range(3)]
        for (repeat, fold), features in zip(cells, seen, strict=True):
            assert features.columns.to_list() == ["amount", "visits", "colour", "member"]
            trained = set(model_input.loc[features.index, "customer_id"])
            here = folds[folds["repeat"] == repeat]
            held_out = set(here.loc[here["fold"] == fold, "customer_id"])
            assert trained == set(model_input["customer_id"]) - held_out
            assert set(group[list(trained)]).isdisjoint(group[list(held_out)])

    @pytest.mark.parametrize("model", ["logistic_regression", "decision_tree", "blend"])
    @pytest.mark.parametrize("calibration", ["none", "sigmoid"])
    def test_labels_of_a_fold_change_nothing_in_that_fold(
        self,
        model: str,
        calibration: str,
        model_input: pd.DataFrame,
        folds: pd.DataFrame,
        registry: FeatureRegistry,
    ) -> None:
        # Given the labels of one fold turned round
        once = options(model=model, calibration=calibration, repeats=1)
        first = folds[folds["repeat"] == 0]
        held_out = first.loc[first["fold"] == 1, "customer_id"]
        turned = model_input.assign(
            declined=model_input["declined"] ^ model_input["customer_id"].isin(held_out)
        )

        # When
        before, chosen_before = evaluate_model(model_input, first, registry, once)
        after, chosen_after = evaluate_model(turned, first, registry, once)

        # Then its risks and settings are the same bits, while those of the others change
        in_fold = before["fold"] == 1
        assert_frame_equal(before[in_fold], after[in_fold], check_exact=True)
        assert_frame_equal(
            chosen_before[chosen_before["fold"] == 1], chosen_after[chosen_after["fold"] == 1]
        )
        assert (before.loc[~in_fold, "risk"] != after.loc[~in_fold, "risk"]).any()

    def test_settings_are_searched_in_each_training_fold(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        asked = options(model="decision_tree")

        _, settings = evaluate_model(model_input, folds, registry, asked)

        combinations = {
            str({"max_depth": depth, "min_samples_leaf": leaf})
            for depth in (1, 2)
            for leaf in (3, 5)
        }
        assert settings[["repeat", "fold"]].to_numpy().tolist() == [
            [repeat, fold] for repeat in range(2) for fold in range(3)
        ]
        chosen = [dict(sorted(ast.literal_eval(text).items())) for text in settings["settings"]]
        assert {str(found) for found in chosen} <= combinations

    def test_blend_names_the_settings_of_each_member(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        once = options(model="blend", repeats=1)

        _, settings = evaluate_model(model_input, folds[folds["repeat"] == 0], registry, once)

        assert settings["model"].to_list() == ["extra_trees", "catboost"] * 3

    def test_threads_change_nothing(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        one, _ = evaluate_model(model_input, folds, registry, options(model="blend", threads=1))
        two, _ = evaluate_model(model_input, folds, registry, options(model="blend", threads=2))

        assert_frame_equal(one, two, check_exact=True)

    def test_order_of_the_table_of_folds_does_not_matter(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        expected, _ = evaluate_model(model_input, folds, registry, options())
        found, _ = evaluate_model(
            model_input, folds.sample(frac=1, random_state=4), registry, options()
        )

        assert_frame_equal(found, expected, check_exact=True)

    def test_inputs_are_left_as_they_were(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        before, folds_before = model_input.copy(), folds.copy()

        evaluate_model(model_input, folds, registry, options())

        assert_frame_equal(model_input, before)
        assert_frame_equal(folds, folds_before)

    def test_too_few_customers_for_the_inner_folds_is_bad_input(
        self, model_input: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        # Given decliners enough for three folds, but not for three folds inside two of them
        declined = model_input[model_input["declined"]].drop_duplicates("twin_group").head(3)
        kept = model_input[~model_input["declined"]]
        kept = kept[~kept["twin_group"].isin(declined["twin_group"])]
        few = pd.concat([declined, kept], ignore_index=True)
        few["twin_group"] = pd.factorize(few["twin_group"])[0]
        asked = options(search={"folds": 3, "candidates": 8, "scoring": "roc_auc"})

        # When / Then one of the two steps says so, as a problem of the input
        with pytest.raises(InputError, match=r"too few for 3 .*folds"):
            evaluate_model(few, assign_folds(few, asked), registry, asked)


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

    def test_chosen_feature_is_named(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        table = evaluate_baselines(model_input, folds, registry, options())

        chosen = table.loc[table["baseline"] == "best_single_feature", "detail"]
        assert set(chosen) == {"amount"}


class TestAverageRisk:
    def test_mean_over_repeats_with_the_fold_of_the_first(self) -> None:
        # Given two customers, two repeats, in no order
        risk = pd.DataFrame(
            {
                "repeat": [1, 0, 1, 0],
                "fold": [0, 1, 1, 0],
                "customer_id": ["b", "b", "a", "a"],
                "risk": [0.5, 0.25, 1.0, 0.5],
            }
        )
        folds = risk[["repeat", "customer_id", "fold"]]

        # When
        found = average_risk(risk, folds)

        # Then
        expected = pd.DataFrame(
            {"customer_id": ["a", "b"], "decline_risk": [0.75, 0.375], "fold": [0, 1]}
        )
        table = found.to_pandas()
        assert_frame_equal(table[["customer_id", "decline_risk", "fold"]], expected)
        reasons = ["reason_1", "reason_2", "reason_3"]
        assert table.columns.to_list() == ["customer_id", "decline_risk", "fold", *reasons]
        assert table[reasons].isna().all(axis=None)
        assert all(found.schema()[reason].is_string() for reason in reasons)


@pytest.fixture(scope="module")
def risk(model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry) -> pd.DataFrame:
    return evaluate_model(model_input, folds, registry, options())[0]


@pytest.fixture(scope="module")
def metrics(
    model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry, risk: pd.DataFrame
) -> dict[str, Any]:
    baselines = evaluate_baselines(model_input, folds, registry, options())
    return compute_metrics(model_input, risk.sample(frac=1, random_state=1), baselines, options())


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

    def test_everything_can_be_written_as_json(self, metrics: dict[str, Any]) -> None:
        assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics

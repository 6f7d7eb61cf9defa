"""Reasons of the published risk: they add up, and everybody gets a sentence."""

from __future__ import annotations

import json
import re
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from personal_offers.activity_params import ActivityOptions
from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling import reason_nodes
from personal_offers.pipelines.modelling.evaluation import evaluate_all, evaluate_model
from personal_offers.pipelines.modelling.explain import explain
from personal_offers.pipelines.modelling.nodes import assign_folds
from personal_offers.pipelines.modelling.params import ModellingOptions
from personal_offers.pipelines.modelling.publishing import (
    average_risk,
    fit_on_cutoffs,
    score_customers,
)
from personal_offers.pipelines.modelling.reason_nodes import (
    add_reasons,
    explain_folds,
    explain_today,
)
from personal_offers.pipelines.modelling.reason_params import ReasonOptions
from personal_offers.pipelines.modelling.schemas import DeclineRisk
from tests.pipelines.modelling.made_up import (
    FOUR_FEATURES,
    TINY_GRIDS,
    modelling_options,
    reason_options,
    registry_of,
)

SIZE = 120
FEATURES = list(FOUR_FEATURES)
GRIDS = TINY_GRIDS | {
    "catboost": {"iterations": [8], "depth": [2], "learning_rate": [0.1], "rsm": [0.8]}
}
PASSED = {"passed": True, "failed": [], "warned": []}
CAUSAL = {
    "en": r"because|cause|due to|leads? to|result|driv|therefore|thanks to|owing",
    "ru": r"из-за|потому|поэтому|причин|привод|вызыва|благодаря|вследствие|влия",
}


def options(**changes: Any) -> ModellingOptions:
    own = {
        "blend": ["logistic_regression", "catboost"],
        "calibration": "sigmoid",
        "repeats": 3,
        "grids": GRIDS,
    }
    return modelling_options(**own | changes)


@pytest.fixture(scope="module")
def registry() -> FeatureRegistry:
    return registry_of(FOUR_FEATURES)


def people(seed: int) -> pd.DataFrame:
    """Return customers whose amount says much about the label, and whose visits say something."""
    rng = np.random.default_rng(seed)
    amount, visits = np.sort(rng.normal(100, 10, size=SIZE)), rng.normal(5, 1, size=SIZE)
    return pd.DataFrame(
        {
            "customer_id": [f"{number:03d}" for number in rng.permutation(SIZE)],
            "amount": amount,
            "visits": visits,
            "colour": rng.choice(["red", "blue"], size=SIZE),
            "member": rng.choice(["yes", "no"], size=SIZE),
            "declined": amount + 4 * visits + rng.normal(0, 8, size=SIZE) < 118,
            "twin_group": np.arange(SIZE),
        }
    )


@pytest.fixture(scope="module")
def model_input() -> pd.DataFrame:
    return people(2)


@pytest.fixture(scope="module")
def folds(model_input: pd.DataFrame) -> pd.DataFrame:
    return assign_folds(model_input, options())


def publish(
    model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry, asked: Any
) -> ir.Table:
    """Return the risk of everybody, and of one customer more who has no label."""
    risk, _ = evaluate_model(model_input, folds, registry, asked)
    ids = [*model_input["customer_id"], "unlabelled"]
    return average_risk(ibis.memtable({"customer_id": ids}), risk, folds, PASSED)


def explain_out_of_fold(
    model_input: pd.DataFrame,
    folds: pd.DataFrame,
    risk: ir.Table,
    registry: FeatureRegistry,
    asked: ModellingOptions,
    reasons: ReasonOptions,
) -> Any:
    kept = evaluate_all(model_input, folds, registry, asked, reasons)[-1]
    return explain_folds(model_input, folds, kept, risk, registry, asked, reasons)


@pytest.fixture(scope="module")
def unexplained(
    model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
) -> ir.Table:
    return publish(model_input, folds, registry, options())


@pytest.fixture(scope="module")
def explained(
    model_input: pd.DataFrame, folds: pd.DataFrame, unexplained: ir.Table, registry: FeatureRegistry
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    table, drivers, agreement = explain_out_of_fold(
        model_input, folds, unexplained, registry, options(), reason_options()
    )
    return table.to_pandas(), drivers, agreement


def sums(contributions: pd.DataFrame) -> pd.Series:
    """Return base + contributions of each customer."""
    by_customer = contributions.groupby("customer_id")
    assert (by_customer["base"].max() == by_customer["base"].min()).all()
    return by_customer["base"].first() + by_customer["contribution"].sum()


def risk_of(table: ir.Table) -> pd.Series:
    frame = table.to_pandas().dropna(subset="decline_risk").set_index("customer_id")
    return frame["decline_risk"].astype(float)


class TestExplainFolds:
    @pytest.mark.parametrize("model", ["logistic_regression", "blend", "decision_tree"])
    @pytest.mark.parametrize("calibration", ["none", "auto"])
    def test_base_and_contributions_are_the_published_risk_of_every_customer(
        self,
        model: str,
        calibration: str,
        model_input: pd.DataFrame,
        folds: pd.DataFrame,
        registry: FeatureRegistry,
    ) -> None:
        # Given a risk that is the mean of three repeats, of which one is explained
        asked = options(model=model, calibration=calibration)
        published = publish(model_input, folds, registry, asked)

        # When
        table, _, _ = explain_out_of_fold(
            model_input, folds, published, registry, asked, reason_options(stability_seeds=0)
        )

        # Then
        expected = risk_of(published)
        found = sums(table.to_pandas()).loc[expected.index]
        assert len(expected) == SIZE
        np.testing.assert_allclose(found, expected, atol=1e-12)

    def test_base_is_the_mean_risk_of_the_shop(
        self, explained: tuple[pd.DataFrame, Any, Any], unexplained: ir.Table
    ) -> None:
        assert explained[0]["base"].to_numpy() == pytest.approx(risk_of(unexplained).mean())

    def test_every_feature_of_every_customer_is_listed_strongest_first(
        self, explained: tuple[pd.DataFrame, Any, Any], model_input: pd.DataFrame
    ) -> None:
        table, _, _ = explained

        assert len(table) == SIZE * len(FEATURES)
        assert set(table["customer_id"]) == set(model_input["customer_id"])
        assert table["customer_id"].is_monotonic_increasing
        assert table["rank"].to_list() == [1, 2, 3, 4] * SIZE
        sizes = table["contribution"].abs().to_numpy().reshape(SIZE, -1)
        assert (np.diff(sizes, axis=1) <= 0).all()
        assert table["sampled"].all()
        actionable = table.groupby("feature")["actionable"].agg(set).to_dict()
        assert actionable == {name: {name == "visits"} for name in FEATURES}

    def test_values_are_those_of_the_customer(
        self, explained: tuple[pd.DataFrame, Any, Any], model_input: pd.DataFrame
    ) -> None:
        table = explained[0].set_index(["customer_id", "feature"])

        for row in model_input.sample(10, random_state=1).to_dict("records"):
            assert table.loc[(row["customer_id"], "amount"), "number"] == row["amount"]
            assert table.loc[(row["customer_id"], "colour"), "text"] == row["colour"]

    def test_customers_are_explained_by_models_that_never_saw_them(
        self,
        model_input: pd.DataFrame,
        folds: pd.DataFrame,
        unexplained: ir.Table,
        registry: FeatureRegistry,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # Given a spy on the explanations
        seen: list[tuple[set[str], set[str]]] = []

        def spy(model: Any, features: pd.DataFrame, background: pd.DataFrame, *rest: Any) -> Any:
            seen.append((set(features.index), set(background.index)))
            return explain(model, features, background, *rest)

        monkeypatch.setattr(reason_nodes, "explain", spy)

        # When
        explain_out_of_fold(
            model_input, folds, unexplained, registry, options(), reason_options(stability_seeds=1)
        )

        # Then there are three models of the first repeat for everybody, three more for the ranking
        assert len(seen) == 6
        for asked, known in seen:
            assert asked.isdisjoint(known)
        everybody = [asked for asked, _ in seen[:3]]
        assert sorted(set().union(*everybody)) == sorted(model_input["customer_id"])
        assert sum(len(asked) for asked, _ in seen[3:]) == 50

    def test_drivers_rank_the_features(self, explained: tuple[Any, pd.DataFrame, Any]) -> None:
        _, drivers, _ = explained

        assert drivers["feature"].iloc[0] == "amount"
        assert sorted(drivers["feature"]) == sorted(FEATURES)
        assert drivers["rank"].to_list() == [1, 2, 3, 4]
        assert drivers["mean_abs"].is_monotonic_decreasing
        assert drivers.loc[drivers["actionable"], "feature"].to_list() == ["visits"]

    def test_ranking_is_compared_over_the_repeats(
        self, explained: tuple[Any, pd.DataFrame, dict[str, Any]]
    ) -> None:
        _, drivers, agreement = explained

        assert agreement["seeds"] == 3
        assert agreement["customers"] == 50
        assert 0.5 < agreement["kendalls_w"] <= 1
        assert 0 < agreement["same_top_reason"] <= 1
        assert (drivers["rank_low"] <= drivers["mean_rank"]).all()
        assert (drivers["mean_rank"] <= drivers["rank_high"]).all()
        assert json.loads(json.dumps(agreement, allow_nan=False)) == agreement

    @pytest.mark.parametrize(("wanted", "repeats", "expected"), [(0, 3, None), (9, 2, 2)])
    def test_no_more_models_are_compared_than_asked_for_and_dealt(
        self,
        wanted: int,
        repeats: int,
        expected: int | None,
        model_input: pd.DataFrame,
        folds: pd.DataFrame,
        unexplained: ir.Table,
        registry: FeatureRegistry,
    ) -> None:
        some = folds[folds["repeat"] < repeats]

        _, drivers, agreement = explain_out_of_fold(
            model_input,
            some,
            unexplained,
            registry,
            options(),
            reason_options(stability_seeds=wanted),
        )

        assert agreement.get("seeds") == expected
        assert ("mean_rank" in drivers) == (expected is not None)

    def test_in_a_large_shop_a_sample_and_those_of_highest_risk_are_explained(
        self,
        model_input: pd.DataFrame,
        folds: pd.DataFrame,
        unexplained: ir.Table,
        registry: FeatureRegistry,
    ) -> None:
        # Given twenty customers more than are to be explained
        asked = reason_options(most_customers=100, sample=50, stability_seeds=0)

        table, drivers, _ = explain_out_of_fold(
            model_input, folds, unexplained, registry, options(), asked
        )

        frame, risk = table.to_pandas(), risk_of(unexplained)
        assert frame["customer_id"].nunique() == 100
        assert frame.loc[frame["sampled"], "customer_id"].nunique() == 50
        left_out = sorted(set(risk.index) - set(frame["customer_id"]))
        chosen = sorted(set(frame.loc[~frame["sampled"], "customer_id"]))
        assert risk[left_out].max() <= risk[chosen].min()
        np.testing.assert_allclose(sums(frame), risk[sorted(set(frame["customer_id"]))], atol=1e-12)
        # Summaries speak of the sample alone
        sampled = frame[frame["sampled"]]
        expected = sampled["contribution"].abs().groupby(sampled["feature"]).mean()
        found = drivers.set_index("feature")["mean_abs"]
        np.testing.assert_allclose(found.sort_index(), expected.sort_index())

    def test_same_seed_gives_the_same_bits(
        self,
        explained: tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]],
        model_input: pd.DataFrame,
        folds: pd.DataFrame,
        unexplained: ir.Table,
        registry: FeatureRegistry,
    ) -> None:
        table, drivers, agreement = explain_out_of_fold(
            model_input, folds, unexplained, registry, options(), reason_options()
        )

        assert_frame_equal(table.to_pandas(), explained[0], check_exact=True)
        assert_frame_equal(drivers, explained[1], check_exact=True)
        assert agreement == explained[2]

    @pytest.mark.parametrize("why", ["no model", "failed audit"])
    def test_nobody_has_a_risk_to_explain(
        self,
        why: str,
        explained: tuple[pd.DataFrame, Any, Any],
        model_input: pd.DataFrame,
        folds: pd.DataFrame,
        registry: FeatureRegistry,
    ) -> None:
        rows, dealt = (model_input, folds) if why == "failed audit" else (
            model_input.iloc[:0], folds.iloc[:0],
        )  # fmt: skip
        everybody = ibis.memtable(model_input[["customer_id"]])
        nothing = pd.DataFrame(columns=["customer_id", "risk"])
        unknown = average_risk(everybody, nothing, dealt.iloc[:0], {"passed": False})

        table, drivers, agreement = explain_out_of_fold(
            rows, dealt, unknown, registry, options(), reason_options()
        )

        assert table.to_pandas().empty
        assert list(table.columns) == explained[0].columns.to_list()
        assert drivers.empty and {"feature", "mean_abs", "rank"} <= set(drivers.columns)
        assert agreement == {}


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
PLAN: dict[str, Any] = {"training": ["2011-01-01T00:00:00"]}
GATE: dict[str, Any] = {"withheld": None, "features_without_values": []}


@pytest.fixture(scope="module")
def rows(model_input: pd.DataFrame) -> pd.DataFrame:
    """Rows of January, which are learned from, and of March, which are not."""
    parts = [people(4).assign(cutoff=pd.Timestamp(2011, 1, 1))]
    parts.append(people(5).assign(cutoff=pd.Timestamp(2011, 3, 1), declined=True))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def customers(model_input: pd.DataFrame) -> ir.Table:
    frame = model_input[["customer_id", *FEATURES]]
    return ibis.memtable(frame.assign(member=frame["member"].eq("yes")))


@pytest.fixture(scope="module")
def stored(rows: pd.DataFrame, registry: FeatureRegistry) -> dict[str, Any]:
    asked = options(model="blend")
    return fit_on_cutoffs(rows, PLAN, GATE, registry, asked, ACTIVITY)


@pytest.fixture(scope="module")
def todays_risk(stored: dict[str, Any], customers: ir.Table, registry: FeatureRegistry) -> ir.Table:
    """All are eligible whose number is below 100."""
    eligible = customers.filter(customers.customer_id < "100").select("customer_id")
    return score_customers(stored, customers, eligible, PASSED, registry)


class TestExplainToday:
    def test_base_and_contributions_are_the_published_risk_of_every_customer(
        self,
        stored: dict[str, Any],
        rows: pd.DataFrame,
        customers: ir.Table,
        todays_risk: ir.Table,
        registry: FeatureRegistry,
    ) -> None:
        table, drivers, agreement = explain_today(
            stored, rows, PLAN, customers, todays_risk, registry, options(model="blend"),
            reason_options(),
        )  # fmt: skip

        expected = risk_of(todays_risk)
        found = sums(table.to_pandas()).loc[expected.index]
        assert len(expected) == len(found) == 100
        np.testing.assert_allclose(found, expected, atol=1e-12)
        assert sorted(drivers["feature"]) == sorted(FEATURES)
        assert agreement["seeds"] == 3
        assert agreement["customers"] == 50

    def test_only_training_cutoffs_are_the_background_and_teach_other_seeds(
        self,
        stored: dict[str, Any],
        rows: pd.DataFrame,
        customers: ir.Table,
        todays_risk: ir.Table,
        registry: FeatureRegistry,
    ) -> None:
        # Given nonsense in a month that nothing may be learned from
        late = rows["cutoff"] == pd.Timestamp(2011, 3, 1)
        nonsense = rows.assign(amount=rows["amount"].mask(late, 0.0))
        asked = options(model="blend")

        (table, drivers, agreement), (other, ranks, same) = (
            explain_today(
                stored, given, PLAN, customers, todays_risk, registry, asked,
                reason_options(stability_seeds=1),
            )
            for given in (rows, nonsense)
        )  # fmt: skip

        assert_frame_equal(table.to_pandas(), other.to_pandas(), check_exact=True)
        assert_frame_equal(drivers, ranks, check_exact=True)
        assert agreement == same

    @pytest.mark.parametrize("why", ["no model", "failed audit"])
    def test_nobody_has_a_risk_to_explain(
        self,
        why: str,
        stored: dict[str, Any],
        rows: pd.DataFrame,
        customers: ir.Table,
        registry: FeatureRegistry,
    ) -> None:
        withheld = {"model": {}, "facts": {"withheld": {"ru": "мало", "en": "few"}}}
        model = stored if why == "failed audit" else withheld
        unknown = score_customers(
            model, customers, customers.select("customer_id"), {"passed": False}, registry
        )

        table, drivers, agreement = explain_today(
            model, rows.iloc[:0], {"training": []}, customers, unknown, registry, options(),
            reason_options(),
        )  # fmt: skip

        assert table.to_pandas().empty and drivers.empty and agreement == {}


class TestAddReasons:
    @pytest.fixture
    def named(
        self,
        explained: tuple[pd.DataFrame, Any, Any],
        unexplained: ir.Table,
        registry: FeatureRegistry,
    ) -> tuple[ir.Table, pd.DataFrame]:
        contributions = ibis.memtable(explained[0])
        risk, sentences = add_reasons(unexplained, contributions, registry, reason_options())
        return risk, sentences.to_pandas()

    def test_published_risk_keeps_its_contract_and_its_figures(
        self, named: tuple[ir.Table, pd.DataFrame], unexplained: ir.Table
    ) -> None:
        risk, _ = named

        DeclineRisk.validate(risk)
        frame = risk.to_pandas()
        assert frame.columns.to_list() == [
            "customer_id", "decline_risk", "fold", "basis", "reason_1", "reason_2", "reason_3",
        ]  # fmt: skip
        assert frame["customer_id"].is_monotonic_increasing
        kept = frame[["customer_id", "decline_risk", "fold", "basis"]]
        assert_frame_equal(kept, unexplained.to_pandas(), check_exact=True)

    def test_reasons_are_features_with_their_direction_strongest_first(
        self, named: tuple[ir.Table, pd.DataFrame], explained: tuple[pd.DataFrame, Any, Any]
    ) -> None:
        frame = named[0].to_pandas().set_index("customer_id")
        given = frame[["reason_1", "reason_2", "reason_3"]]

        for column in given:
            texts = given[column].dropna()
            assert texts.str.fullmatch(rf"({'|'.join(FEATURES)}), (up|down)").all()
        strongest = explained[0][explained[0]["rank"] == 1].set_index("customer_id")
        worth = strongest[strongest["contribution"].abs() >= 0.01]
        expected = worth["feature"] + ", " + np.where(worth["contribution"] > 0, "up", "down")
        assert given.loc[worth.index, "reason_1"].to_list() == expected.to_list()
        # Nobody has a second reason without a first, and the one without a risk has none
        assert not (given["reason_1"].isna() & given["reason_2"].notna()).any()
        assert not (given["reason_2"].isna() & given["reason_3"].notna()).any()
        assert given.loc["unlabelled"].isna().all()

    def test_everybody_gets_a_sentence_in_both_languages(
        self, named: tuple[ir.Table, pd.DataFrame], model_input: pd.DataFrame
    ) -> None:
        _, sentences = named

        assert sentences.columns.to_list() == ["customer_id", "reason_ru", "reason_en"]
        assert sentences["customer_id"].to_list() == sorted(
            [*model_input["customer_id"], "unlabelled"]
        )
        for language in ("ru", "en"):
            texts = sentences[f"reason_{language}"]
            assert texts.str.len().gt(20).all()
            assert texts.str.endswith(".").all()
            assert not texts.str.contains(CAUSAL[language], flags=re.IGNORECASE).any()
        last = sentences.set_index("customer_id").loc["unlabelled"]
        assert last["reason_en"].startswith("No decline risk")
        assert "не посчитан" in last["reason_ru"]

    def test_customers_who_were_not_explained_are_told_so(
        self,
        explained: tuple[pd.DataFrame, Any, Any],
        unexplained: ir.Table,
        registry: FeatureRegistry,
    ) -> None:
        # Given contributions of all but one customer
        some = explained[0][explained[0]["customer_id"] != "007"]

        risk, sentences = add_reasons(unexplained, ibis.memtable(some), registry, reason_options())

        frame = risk.to_pandas().set_index("customer_id")
        assert frame.loc["007", ["reason_1", "reason_2", "reason_3"]].isna().all()
        assert frame.loc["007", "decline_risk"] > 0
        texts = sentences.to_pandas().set_index("customer_id")["reason_en"]
        assert "only for the customers of highest risk" in texts["007"]
        assert "only for the customers of highest risk" not in texts["008"]

    def test_shop_without_a_model_has_everybody_without_reasons(
        self, model_input: pd.DataFrame, folds: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        nothing = pd.DataFrame(columns=["customer_id", "risk"])
        everybody = ibis.memtable(model_input[["customer_id"]])
        withheld = average_risk(everybody, nothing, folds.iloc[:0], PASSED)
        contributions, _, _ = explain_out_of_fold(
            model_input.iloc[:0], folds.iloc[:0], withheld, registry, options(), reason_options()
        )

        risk, sentences = add_reasons(withheld, contributions, registry, reason_options())

        DeclineRisk.validate(risk)
        frame = risk.to_pandas()
        assert len(frame) == SIZE
        assert set(frame["basis"]) == {"withheld"}
        unknown = ["decline_risk", "fold", "reason_1", "reason_2", "reason_3"]
        assert frame[unknown].isna().all(axis=None)
        texts = sentences.to_pandas()
        assert len(texts) == SIZE
        assert texts["reason_en"].str.startswith("No decline risk").all()
        assert texts["reason_ru"].str.contains("не посчитан").all()

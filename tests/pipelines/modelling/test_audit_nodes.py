"""The leak audit beside its model: what it looks at, and that the model can fail it."""

from __future__ import annotations

import logging
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling import audit_nodes
from personal_offers.pipelines.modelling.audit_nodes import audit_cutoffs, audit_folds
from personal_offers.pipelines.modelling.audit_params import AuditOptions
from personal_offers.pipelines.modelling.evaluation import evaluate_model, evaluate_out_of_time
from personal_offers.pipelines.modelling.leak_audit import COLUMNS
from personal_offers.pipelines.modelling.nodes import assign_folds
from personal_offers.pipelines.modelling.publishing import average_risk
from tests.pipelines.modelling.made_up import feature, modelling_options, registry_of, severe_checks

SIZE = 120
HONEST = {"cutoff": "2011-05-01T00:00:00", "later_lines": 7, "customers": 9, "features": 3}
HONEST |= {"changed": {}}
PLAN: dict[str, Any] = {"evaluation": ["2011-01-01T00:00:00", "2011-02-01T00:00:00"]}


def audit(**checks: Any) -> AuditOptions:
    given = severe_checks()
    given["nowcast_loss"]["limit"], given["near_twins"]["limit"] = 0.2, 0.05
    return AuditOptions.model_validate(
        {
            "repeats": 1,
            "folds": 3,
            "neighbours": 10,
            "bands": 10,
            "near_share": 0.01,
            "most_customers": 1000,
            "examples": 2,
            "confidence": 0.95,
            "seed": 5,
            "checks": given | checks,
        }
    )


@pytest.fixture(scope="module")
def registry() -> FeatureRegistry:
    on_site = {"group": "on_site_behaviour"}
    return registry_of(
        {
            "amount": feature("number"),
            "colour": feature("category"),
            "visits": feature("number", **on_site),
            "visits_now": feature("number", **on_site, nowcast=True),
        }
    )


def people(size: int = SIZE, seed: int = 2) -> pd.DataFrame:
    """Return customers whose amount says something about the label, in order of content."""
    rng = np.random.default_rng(seed)
    amount = np.sort(rng.normal(100, 10, size=size))
    return pd.DataFrame(
        {
            "customer_id": [f"{number:03d}" for number in rng.permutation(size)],
            "amount": amount,
            "colour": rng.choice(["red", "blue"], size=size),
            "visits": rng.normal(5, 1, size=size),
            "visits_now": rng.normal(5, 1, size=size),
            "declined": amount + rng.normal(0, 12, size=size) < 98,
            "twin_group": np.arange(size),
        }
    )


def file_order(frame: pd.DataFrame, seed: int = 3) -> ir.Table:
    ids = frame["customer_id"].drop_duplicates().sample(frac=1, random_state=seed)
    return ibis.memtable(
        pd.DataFrame({"customer_id": ids.to_list(), "row_number": range(1, len(ids) + 1)})
    )


def of_folds(
    frame: pd.DataFrame, registry: FeatureRegistry, order: ir.Table | None = None, **checks: Any
) -> tuple[pd.DataFrame, dict[str, Any]]:
    folds = assign_folds(frame, modelling_options())
    risk, _ = evaluate_model(frame, folds, registry, modelling_options())
    places = file_order(frame) if order is None else order
    return audit_folds(frame, folds, risk, places, registry, modelling_options(), audit(**checks))


@pytest.fixture(scope="module")
def honest(registry: FeatureRegistry) -> tuple[pd.DataFrame, dict[str, Any]]:
    return of_folds(people(), registry)


class TestAuditFolds:
    def test_honest_model_passes_every_check(
        self, honest: tuple[pd.DataFrame, dict[str, Any]]
    ) -> None:
        table, verdict = honest

        assert table.columns.to_list() == COLUMNS
        assert verdict == {"passed": True, "failed": [], "warned": []}
        assert set(table["verdict"]) == {"pass"}

    def test_id_place_features_groups_and_nowcast_are_all_looked_at(
        self, honest: tuple[pd.DataFrame, dict[str, Any]]
    ) -> None:
        table, _ = honest

        subjects = table.groupby("check")["subject"].agg(set).to_dict()
        assert subjects["order_alone"] == {"customer_id", "row_number"}
        assert subjects["feature_alone"] == {"amount", "colour", "visits", "visits_now"}
        assert len(subjects["group_loss"]) == 2  # without purchases, without visits
        assert len(subjects["nowcast_loss"]) == 1
        assert "score_too_good" in subjects and "twins_across_folds" in subjects
        assert "future_shift" not in subjects  # the files bear no dates

    def test_feature_that_tells_the_label_fails_it_and_nobody_gets_a_risk(
        self, registry: FeatureRegistry, caplog: pytest.LogCaptureFixture
    ) -> None:
        # Given visits of this month that were counted after the customers had gone
        frame = people()
        frame["visits_now"] = np.where(frame["declined"], 0.0, 5.0) + frame["visits"] / 100

        # When
        with caplog.at_level(logging.WARNING):
            _, verdict = of_folds(frame, registry)

        # Then
        assert verdict["passed"] is False
        assert "feature_alone: visits_now" in verdict["failed"]
        assert any(name.startswith("score_too_good") for name in verdict["failed"])
        assert "so nobody gets a risk" in caplog.text
        customers = ibis.memtable(frame[["customer_id"]])
        folds = assign_folds(frame, modelling_options())
        risk, _ = evaluate_model(frame, folds, registry, modelling_options())
        published = average_risk(customers, risk, folds, verdict).to_pandas()
        assert set(published["basis"]) == {"failed_audit"}
        assert published["decline_risk"].isna().all()

    def test_what_is_only_a_warning_does_not_fail(
        self, registry: FeatureRegistry, caplog: pytest.LogCaptureFixture
    ) -> None:
        # Given a file in which decliners stand first, and ids in that order
        frame = people()
        places = frame["declined"].argsort()[::-1].argsort().to_numpy()
        frame["customer_id"] = [f"{place:03d}" for place in places]
        order = ibis.memtable(
            pd.DataFrame({"customer_id": frame["customer_id"], "row_number": places + 1})
        )

        with caplog.at_level(logging.WARNING):
            _, verdict = of_folds(frame, registry, order)

        assert verdict["passed"] is True and verdict["failed"] == []
        assert {"order_alone: customer_id", "order_alone: row_number"} <= set(verdict["warned"])
        assert "Leak audit:" in caplog.text
        assert "failed" not in caplog.text

    def test_variants_are_fitted_in_the_first_repeats_alone(
        self, registry: FeatureRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Given a spy on the evaluation
        seen: list[tuple[set[int], list[str]]] = []

        def spy(frame: Any, folds: pd.DataFrame, other: FeatureRegistry, asked: Any) -> Any:
            seen.append((set(folds["repeat"]), other.model_names()))
            return evaluate_model(frame, folds, other, asked)

        monkeypatch.setattr(audit_nodes, "evaluate_model", spy)

        of_folds(people(), registry)

        assert seen and all(repeats == {0} for repeats, _ in seen)
        assert ["amount", "colour"] in [names for _, names in seen]
        assert ["visits", "visits_now"] in [names for _, names in seen]

    def test_without_a_model_nothing_is_audited_and_nothing_fails(
        self, registry: FeatureRegistry
    ) -> None:
        frame = people()
        nobody = frame.iloc[:0]
        folds = assign_folds(nobody, modelling_options())
        risk, _ = evaluate_model(nobody, folds, registry, modelling_options())

        table, verdict = audit_folds(
            nobody, folds, risk, file_order(frame), registry, modelling_options(), audit()
        )

        assert table.empty and table.columns.to_list() == COLUMNS
        assert verdict == {"passed": True, "failed": [], "warned": []}


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """The same customers in January, February and March; those of March are not learned from."""
    parts = [people(SIZE, seed).assign(cutoff=pd.Timestamp(2011, seed, 1)) for seed in (1, 2, 3)]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(twin_group=pd.factorize(table["customer_id"])[0])


@pytest.fixture(scope="module")
def judges() -> pd.DataFrame:
    return people(SIZE, 5).assign(cutoff=pd.Timestamp(2011, 5, 1))


def of_cutoffs(
    rows: pd.DataFrame, test: pd.DataFrame, registry: FeatureRegistry, shift: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    earlier = rows[rows["cutoff"] < pd.Timestamp(2011, 3, 1)]
    risk, _ = evaluate_out_of_time(earlier, test, registry, modelling_options())
    return audit_cutoffs(
        rows, test, risk, PLAN, file_order(rows), shift, registry, modelling_options(), audit()
    )


class TestAuditCutoffs:
    def test_honest_model_passes_and_the_future_was_shifted(
        self, rows: pd.DataFrame, judges: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        table, verdict = of_cutoffs(rows, judges, registry, HONEST)

        assert verdict["passed"] is True and verdict["failed"] == []
        shifted = table[table["check"] == "future_shift"]
        assert shifted["value"].to_list() == [0]
        assert "twins_across_folds" not in set(table["check"])  # there are no folds

    def test_feature_that_sees_the_future_fails_it(
        self, rows: pd.DataFrame, judges: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        _, verdict = of_cutoffs(
            rows, judges, registry, HONEST | {"changed": {"visits": 4, "amount": 1}}
        )

        assert verdict["passed"] is False
        assert [name.split(":")[0] for name in verdict["failed"]] == ["future_shift"]

    def test_cutoffs_that_had_not_ended_by_the_test_are_not_looked_at(
        self, rows: pd.DataFrame, judges: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        # Given a month that nobody may learn from, whose labels and values are nonsense
        late = rows["cutoff"] == pd.Timestamp(2011, 3, 1)
        nonsense = rows.assign(
            declined=rows["declined"] ^ late, amount=rows["amount"].mask(late, 0.0)
        )

        table, verdict = of_cutoffs(rows, judges, registry, HONEST)
        other, same = of_cutoffs(nonsense, judges, registry, HONEST)

        pd.testing.assert_frame_equal(table, other, check_exact=True)
        assert verdict == same

    def test_without_a_model_nothing_is_audited_and_nothing_fails(
        self, rows: pd.DataFrame, judges: pd.DataFrame, registry: FeatureRegistry
    ) -> None:
        risk, _ = evaluate_out_of_time(
            rows.iloc[:0], judges.iloc[:0], registry, modelling_options()
        )

        table, verdict = audit_cutoffs(
            rows.iloc[:0],
            judges.iloc[:0],
            risk,
            {"evaluation": []},
            file_order(rows),
            {},
            registry,
            modelling_options(),
            audit(),
        )

        assert table.empty and table.columns.to_list() == COLUMNS
        assert verdict == {"passed": True, "failed": [], "warned": []}

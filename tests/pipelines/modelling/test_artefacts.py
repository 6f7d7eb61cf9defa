"""Facts of a stored model: what it needs, and the hash of the rows that made it."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from personal_offers.datasets import SkopsModelDataset
from personal_offers.errors import InputError
from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.artefacts import (
    DeclineModel,
    data_hash,
    describe_features,
    training_facts,
    unfit,
    without_model,
)
from personal_offers.pipelines.modelling.models import RiskModel, build_model
from personal_offers.pipelines.modelling.params import MemberName


def feature(compute: dict[str, Any], kind: str = "number", **rest: Any) -> dict[str, Any]:
    return {
        "group": "purchase_behaviour",
        "type": kind,
        "compute": compute,
        "window": "ever",
        "actionable": False,
        "definition": {"ru": "текст", "en": "text"},
    } | rest


def of_column(column: str) -> dict[str, Any]:
    return {"kind": "column", "table": "people", "column": column}


WITHHELD = {"model": False, "why_not": "a test"}
FEATURES: dict[str, dict[str, Any]] = {
    "before": feature(of_column("before"), **WITHHELD),
    "now": feature(of_column("now")),
    "change": feature({"kind": "difference", "from_feature": "before", "to_feature": "now"}),
    "colour": feature(of_column("colour"), "category"),
}


def registry_of(**changes: dict[str, Any] | None) -> FeatureRegistry:
    features = {name: each for name, each in (FEATURES | changes).items() if each is not None}
    return FeatureRegistry.model_validate({"features": features})


@pytest.fixture
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    declined = np.arange(40) % 2 == 0
    return pd.DataFrame(
        {
            "customer_id": [f"c{number % 30}" for number in range(40)],
            "cutoff": pd.to_datetime(["2011-06-12 12:00", "2011-03-14 12:00"] * 20),
            "now": declined + rng.normal(size=40),
            "change": rng.normal(size=40),
            "colour": rng.choice(["red", "blue", None], size=40),
            "declined": declined,
            "twin_group": np.arange(40) % 30,
        }
    )


class TestUnfit:
    def test_nothing_to_say_when_nothing_changed(self) -> None:
        facts = json.loads(json.dumps({"features": describe_features(registry_of())}))

        assert list(facts["features"]) == ["now", "change", "colour"]
        assert unfit(facts, registry_of()) == []

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"colour": None}, ["colour is not a feature"]),
            ({"colour": FEATURES["colour"] | WITHHELD}, ["colour is withheld"]),
            ({"colour": feature(of_column("colour"))}, ["colour was a category", "a number now"]),
            ({"now": feature(of_column("other"))}, ["now is computed", "change is computed"]),
            # a part that the model does not see by itself
            ({"before": feature(of_column("older"), **WITHHELD)}, ["change is computed"]),
        ],
    )
    def test_what_changed_is_named(
        self, changes: dict[str, dict[str, Any] | None], words: list[str]
    ) -> None:
        facts = {"features": describe_features(registry_of())}

        problems = unfit(facts, registry_of(**changes))

        assert len(problems) == (2 if "now" in changes else 1)
        for word in words:
            assert any(word in problem for problem in problems)

    def test_words_about_a_feature_and_new_features_do_not_matter(self) -> None:
        facts = {"features": describe_features(registry_of())}
        reworded = FEATURES["now"] | {"definition": {"ru": "иначе", "en": "otherwise"}}

        assert unfit(facts, registry_of(now=reworded, new=feature(of_column("new")))) == []

    @pytest.mark.parametrize("facts", [{}, {"features": None}, {"features": {}}])
    def test_a_model_that_does_not_say_what_it_needs(self, facts: dict[str, Any]) -> None:
        (problem,) = unfit(facts, registry_of())

        assert "does not say" in problem


class TestTrainingFacts:
    def test_are_plain_json_and_count_rows_and_customers(self, rows: pd.DataFrame) -> None:
        parameters = {"model": "blend", "seed": 5}
        label = {"measure": "items", "share": 0.5}

        facts = training_facts(rows, registry_of(), parameters, label, {"svc": {"C": 1.0}})

        assert json.loads(json.dumps(facts)) == facts
        assert (facts["rows"], facts["customers"]) == (40, 30)
        assert facts["declined_share"] == 0.5
        assert facts["training_period"] == {
            "first": "2011-03-14T12:00:00",
            "last": "2011-06-12T12:00:00",
        }
        assert facts["seed"] == 5
        assert facts["settings"] == {"svc": {"C": 1.0}}

    def test_without_time_there_is_no_period(self, rows: pd.DataFrame) -> None:
        facts = training_facts(rows.drop(columns="cutoff"), registry_of(), {}, {}, {})

        assert facts["training_period"] is None
        assert facts["seed"] is None


class TestDataHash:
    def test_order_of_rows_and_columns_does_not_count(self, rows: pd.DataFrame) -> None:
        mixed = rows.sample(frac=1, random_state=1)[rows.columns[::-1]]

        assert data_hash(mixed) == data_hash(rows)

    def test_is_the_same_on_every_machine(self) -> None:
        frame = pd.DataFrame({"a": [1.5, None], "b": ["да", "x"], "c": [True, False]})

        assert (
            data_hash(frame) == "9cabf8669b14f089ccb732599b250255a45b68472a0e528080177b7538c7439e"
        )

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ([1, 2], [1.0, 2.0]),
            ([0.0, 1.0], [-0.0, 1.0]),
            ([1.0, np.nan], pd.array([1, None], dtype="Int64")),
            ([Decimal("2.5"), Decimal("1")], [2.5, 1.0]),
            ([True, False], pd.array([True, False], dtype="boolean")),
            (["a", "b"], pd.Categorical(["a", "b"], categories=["b", "c", "a"])),
            (["a", None], np.array(["a", np.nan], dtype=object)),
            ([None, None], [np.nan, np.nan]),
            ([dt.date(2020, 1, 2), None], pd.to_datetime(["2020-01-02", None])),
            (
                pd.to_datetime(["2020-01-02"]).as_unit("ns"),
                pd.to_datetime(["2020-01-02"]).as_unit("s"),
            ),
        ],
    )
    def test_the_same_content_in_another_dress(self, one: Any, other: Any) -> None:
        assert data_hash(pd.DataFrame({"a": one})) == data_hash(pd.DataFrame({"a": other}))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"a": [1.0, 2.0]}, {"a": [1.0, np.nextafter(2.0, 3)]}),
            ({"a": [1.0, 2.0]}, {"b": [1.0, 2.0]}),
            ({"a": [1.0, 1.0]}, {"a": [1.0]}),
            ({"a": [1, 0]}, {"a": [True, False]}),
            ({"a": ["1", "2"]}, {"a": [1, 2]}),
            ({"a": ["x", "y"], "b": [1, 2]}, {"a": ["x", "y"], "b": [2, 1]}),
            ({"a": ["x", "yz"]}, {"a": ["xy", "z"]}),
            ({"a": ["x", None]}, {"a": ["x", ""]}),
            ({"a": ["x", "y"]}, {"a": ["x", "z"]}),
            ({}, {"a": []}),
        ],
    )
    def test_other_content(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        assert data_hash(pd.DataFrame(one)) != data_hash(pd.DataFrame(other))

    def test_what_cannot_be_hashed_is_named(self) -> None:
        with pytest.raises(ValueError, match="column a holds"):
            data_hash(pd.DataFrame({"a": [1, "x"]}))
        with pytest.raises(ValueError, match="one name"):
            data_hash(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_a_shop_without_a_model_says_why(tmp_path: Path) -> None:
    dataset = SkopsModelDataset(filepath=str(tmp_path / "decline_model.skops"))

    dataset.save(without_model({"ru": "мало клиентов", "en": "too few customers"}))

    assert dataset.load()["facts"]["withheld"]["ru"] == "мало клиентов"
    with pytest.raises(InputError, match="no decline model: too few customers"):
        DeclineModel.from_parts(dataset.load())


def test_a_model_with_other_parts_is_refused() -> None:
    with pytest.raises(InputError, match=r"parts members, this release needs"):
        DeclineModel.from_parts({"model": {"members": []}, "facts": {}})


@pytest.mark.parametrize("curve", ["none", "logistic"])
@pytest.mark.parametrize("names", [["extra_trees", "catboost"], ["svc"]])
def test_a_stored_model_gives_the_same_risk(
    rows: pd.DataFrame, tmp_path: Path, names: list[MemberName], curve: str
) -> None:
    settings: dict[str, dict[str, Any]] = {
        "extra_trees": {"n_estimators": 10},
        "catboost": {"iterations": 10, "depth": 3},
        "svc": {"C": 1.0},
    }
    registry, label = registry_of(), rows["declined"].to_numpy()
    members = [build_model(n, settings[n], registry, 1).fit(rows, label) for n in names]
    logistic = LogisticRegression().fit(rows[["now"]].to_numpy(), label)
    model = RiskModel(members=members, curve=logistic if curve == "logistic" else None)
    facts = training_facts(rows, registry, {"seed": 1}, {}, settings)
    dataset = SkopsModelDataset(filepath=str(tmp_path / "decline_model.skops"))

    dataset.save(DeclineModel(model, facts).to_parts())
    loaded = DeclineModel.from_parts(dataset.load())

    assert loaded.model.predict(rows).tobytes() == model.predict(rows).tobytes()
    assert unfit(loaded.facts, registry) == []
    assert loaded.facts["data_hash"] == data_hash(rows)

from typing import Any

import pytest
from pydantic import ValidationError

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.params import ModellingOptions

GRIDS: dict[str, dict[str, list[Any]]] = {
    "logistic_regression": {"C": [1.0]},
    "svc": {"C": [1.0], "gamma": ["scale", 0.1]},
    "k_neighbors": {"n_neighbors": [5], "weights": ["distance"], "p": [1, 2]},
    "decision_tree": {"max_depth": [4], "min_samples_leaf": [5]},
    "random_forest": {"n_estimators": [10], "max_features": ["sqrt"], "min_samples_leaf": [1]},
    "extra_trees": {"n_estimators": [10], "max_features": [2, 0.5], "min_samples_leaf": [1]},
    "catboost": {"iterations": [10], "depth": [4], "learning_rate": [0.1], "rsm": [0.5]},
}
VALID: dict[str, Any] = {
    "model": "blend",
    "blend": ["extra_trees", "catboost"],
    "calibration": "sigmoid",
    "number_scale": "plain",
    "folds": 3,
    "repeats": 2,
    "baselines": {"recency": "revenue_current_month"},
    "twin_columns": ["amount"],
    "threads": 1,
    "bootstrap": 100,
    "confidence": 0.95,
    "seed": 1,
    "search": {"folds": 2, "candidates": 4, "scoring": "roc_auc"},
    "grids": GRIDS,
    "candidates": {"models": ["svc", "decision_tree"], "repeats": 1, "most_rows": 100},
}


def grids(model: str, **changes: Any) -> dict[str, Any]:
    return {"grids": GRIDS | {model: GRIDS[model] | changes}}


def search(**changes: Any) -> dict[str, Any]:
    return {"search": VALID["search"] | changes}


def candidates(**changes: Any) -> dict[str, Any]:
    return {"candidates": VALID["candidates"] | changes}


def test_valid_options_are_kept_as_given() -> None:
    assert ModellingOptions.model_validate(VALID).model_dump() == VALID


@pytest.mark.parametrize("calibration", ["none", "sigmoid", "beta", "isotonic", "auto"])
def test_every_curve_can_be_asked_for(calibration: str) -> None:
    options = ModellingOptions.model_validate(VALID | {"calibration": calibration})

    assert options.calibration == calibration


def test_table_may_do_without_candidates() -> None:
    nobody = VALID | {"candidates": {"models": [], "repeats": 1}}

    assert ModellingOptions.model_validate(nobody).candidates.models == []


def test_members_of_a_blend_are_those_of_the_list() -> None:
    assert ModellingOptions.model_validate(VALID).members() == ["extra_trees", "catboost"]


@pytest.mark.parametrize("model", GRIDS)
def test_single_model_is_its_only_member(model: str) -> None:
    assert ModellingOptions.model_validate(VALID | {"model": model}).members() == [model]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"model": "xgboost"}, ("model",)),
        ({"blend": ["svc"]}, ("blend",)),
        ({"blend": ["svc", "blend"]}, ("blend", 1)),
        ({"blend": ["svc", "svc"]}, ()),
        ({"calibration": "platt"}, ("calibration",)),
        ({"number_scale": "log"}, ("number_scale",)),
        ({"baselines": {"Recency": "revenue"}}, ("baselines", "Recency")),
        ({"baselines": ["recency"]}, ("baselines",)),
        (candidates(models=["blend"]), ("candidates", "models", 0)),
        (candidates(models=["default_svc"]), ("candidates", "models", 0)),
        (candidates(models=["svc", "svc"]), ()),
        (candidates(repeats=0), ("candidates", "repeats")),
        (candidates(folds=3), ("candidates", "folds")),
        ({"folds": 1}, ("folds",)),
        ({"folds": 21}, ("folds",)),
        ({"folds": 2.5}, ("folds",)),
        ({"repeats": 0}, ("repeats",)),
        ({"repeats": 101}, ("repeats",)),
        ({"twin_columns": []}, ("twin_columns",)),
        ({"threads": 0}, ("threads",)),
        ({"bootstrap": 99}, ("bootstrap",)),
        ({"confidence": 0.5}, ("confidence",)),
        ({"confidence": 1}, ("confidence",)),
        ({"seed": -1}, ("seed",)),
        (search(folds=1), ("search", "folds")),
        (search(candidates=0), ("search", "candidates")),
        (search(scoring="accuracy"), ("search", "scoring")),
        (search(cv=3), ("search", "cv")),
        (grids("logistic_regression", C=[]), ("grids", "logistic_regression", "C")),
        (grids("logistic_regression", C=[0]), ("grids", "logistic_regression", "C", 0)),
        (grids("logistic_regression", c=[1]), ("grids", "logistic_regression", "c")),
        (grids("svc", C=[-1]), ("grids", "svc", "C", 0)),
        (grids("k_neighbors", n_neighbors=[0]), ("grids", "k_neighbors", "n_neighbors", 0)),
        (grids("k_neighbors", weights=["far"]), ("grids", "k_neighbors", "weights", 0)),
        (grids("k_neighbors", p=[3]), ("grids", "k_neighbors", "p", 0)),
        (grids("decision_tree", max_depth=[0]), ("grids", "decision_tree", "max_depth", 0)),
        (grids("catboost", depth=[17]), ("grids", "catboost", "depth", 0)),
        (grids("catboost", rsm=[1.5]), ("grids", "catboost", "rsm", 0)),
        ({"modle": "svc"}, ("modle",)),
    ],
)
def test_wrong_or_misspelt_value_is_refused_where_it_stands(
    changes: dict[str, Any], place: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationError) as caught:
        ModellingOptions.model_validate(VALID | changes)

    assert place in {error["loc"][: len(place)] for error in caught.value.errors()}


@pytest.mark.parametrize("share_or_count", [0, -1, 1.5, "all"])
@pytest.mark.parametrize("model", ["random_forest", "extra_trees"])
def test_features_per_split_are_a_count_a_share_or_a_rule(
    model: str, share_or_count: float | str
) -> None:
    with pytest.raises(ValidationError):
        ModellingOptions.model_validate(VALID | grids(model, max_features=[share_or_count]))


@pytest.mark.parametrize("missing", sorted(VALID))
def test_nothing_has_a_hidden_default(missing: str) -> None:
    with pytest.raises(ValidationError, match="Field required"):
        ModellingOptions.model_validate({k: v for k, v in VALID.items() if k != missing})


@pytest.mark.parametrize("model", GRIDS)
def test_every_model_needs_its_grid(model: str) -> None:
    rest = {name: grid for name, grid in GRIDS.items() if name != model}

    with pytest.raises(ValidationError, match="Field required"):
        ModellingOptions.model_validate(VALID | {"grids": rest})


def test_twin_columns_that_the_registry_does_not_know_are_all_named(
    registry: FeatureRegistry,
) -> None:
    # Given one feature of the shop and two that are not
    columns = ["revenue", "revenue_current_month", "profit"]
    options = ModellingOptions.model_validate(VALID | {"twin_columns": columns})

    # When / Then
    assert options.feature_problems(registry) == [
        "modelling.twin_columns: revenue is not a feature of the registry",
        "modelling.twin_columns: profit is not a feature of the registry",
    ]


@pytest.mark.parametrize(
    "feature", ["popular_category", "contact_allowed", "profit", "no_such_feature"]
)
def test_a_baseline_ranks_by_a_number_that_the_model_may_see(
    feature: str, registry: FeatureRegistry
) -> None:
    # Given one number, and something that is none, or that is withheld, or that is not there
    baselines = {"recency": "revenue_current_month", "other": feature}
    options = ModellingOptions.model_validate(
        VALID | {"baselines": baselines, "twin_columns": ["revenue_current_month"]}
    )

    # When / Then
    assert options.feature_problems(registry) == [
        f"modelling.baselines.other: {feature} is no number that the model may see"
    ]

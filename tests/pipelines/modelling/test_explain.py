from itertools import permutations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from personal_offers.errors import InputError
from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling import explain as explaining
from personal_offers.pipelines.modelling.calibration import fit_curve
from personal_offers.pipelines.modelling.explain import Explanation, explain, pool
from personal_offers.pipelines.modelling.models import RiskModel, build_model

SIZE = 60
SETTINGS: dict[str, dict[str, Any]] = {
    "logistic_regression": {"C": 1.0},
    "svc": {"C": 1.0, "gamma": 0.1},
    "k_neighbors": {"n_neighbors": 15, "weights": "distance", "p": 2},
    "decision_tree": {"max_depth": 3, "min_samples_leaf": 5},
    "random_forest": {"n_estimators": 10, "max_features": 2, "min_samples_leaf": 2},
    "extra_trees": {"n_estimators": 10, "max_features": 2, "min_samples_leaf": 1},
    "catboost": {"iterations": 15, "depth": 3, "learning_rate": 0.1, "rsm": 0.8},
}
BLENDS = [[name] for name in SETTINGS] + [["extra_trees", "catboost"], ["svc", "catboost"]]


def registry_of(types: dict[str, str]) -> FeatureRegistry:
    rest = {
        "group": "purchase_behaviour",
        "compute": {"kind": "column", "table": "people", "column": "value"},
        "window": "ever",
        "actionable": False,
        "definition": {"ru": "текст", "en": "text"},
    }
    return FeatureRegistry.model_validate(
        {"features": {name: rest | {"type": kind} for name, kind in types.items()}}
    )


REGISTRY = registry_of(
    {
        "amount": "number",
        "noise": "number",
        "never_known": "number",
        "colour": "category",
        "agreed": "flag",
    }
)


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Customers whose amount and colour tell the label, with gaps in every column."""
    rng = np.random.default_rng(5)
    declined = np.arange(SIZE) % 3 == 0
    frame = pd.DataFrame(
        {
            "amount": declined * 2.0 + rng.normal(size=SIZE),
            "noise": rng.normal(size=SIZE),
            "never_known": np.full(SIZE, np.nan),
            "colour": np.where(rng.random(SIZE) < 0.2 + 0.6 * declined, "red", "blue"),
            "agreed": rng.choice(["yes", "no"], size=SIZE),
            "declined": declined,
        },
        index=[f"customer {number}" for number in range(SIZE)],
    )
    frame.iloc[3, 0] = np.nan
    frame.iloc[[5, 41], 3] = None
    frame.iloc[6, 4] = None
    return frame


@pytest.fixture(scope="module")
def unseen() -> pd.DataFrame:
    """Likely decliner, likely keeper, unseen category, all unknown."""
    return pd.DataFrame(
        {
            "amount": [4.0, -2.0, 1.0, np.nan],
            "noise": [0.0, 0.1, 0.2, np.nan],
            "never_known": [np.nan, np.nan, 7.0, np.nan],
            "colour": ["red", "blue", "green", None],
            "agreed": ["yes", "yes", "no", None],
        },
        index=["a", "b", "c", "d"],
    )


@pytest.fixture(scope="module")
def members(people: pd.DataFrame) -> dict[str, Any]:
    features, label = people[REGISTRY.model_names()], people["declined"].to_numpy()
    return {
        name: build_model(name, settings, REGISTRY, 1).fit(features, label)
        for name, settings in SETTINGS.items()
    }


def calibrated(chosen: list[Any], people: pd.DataFrame, curve: str) -> RiskModel:
    features = people[REGISTRY.model_names()]
    mean = np.mean([member.predict_proba(features)[:, 1] for member in chosen], axis=0)
    return RiskModel(chosen, fit_curve(curve, mean, people["declined"].to_numpy()), curve)


@pytest.mark.parametrize("curve", ["none", "sigmoid", "isotonic"])
@pytest.mark.parametrize("names", BLENDS, ids="+".join)
def test_base_and_contributions_add_up_to_the_risk_of_any_model(
    names: list[str],
    curve: str,
    people: pd.DataFrame,
    unseen: pd.DataFrame,
    members: dict[str, Any],
) -> None:
    model = calibrated([members[name] for name in names], people, curve)
    found = explain(model, unseen, people, REGISTRY, seed=3)
    assert list(found.contributions) == REGISTRY.model_names()
    assert list(found.contributions.index) == ["a", "b", "c", "d"]
    sums = found.base + found.contributions.sum(axis=1)
    np.testing.assert_allclose(sums, model.predict(unseen), rtol=0, atol=1e-9)
    assert (found.contributions["never_known"].iloc[[0, 1, 3]] == 0).all()  # as in training
    assert 0 < found.base < 1


@pytest.mark.parametrize("name", ["extra_trees", "catboost", "svc"])
def test_the_same_seed_gives_the_same_bits(
    name: str, people: pd.DataFrame, unseen: pd.DataFrame, members: dict[str, Any]
) -> None:
    model = RiskModel([members[name]], None)
    once, again = (explain(model, unseen, people, REGISTRY, seed=3) for _ in range(2))
    assert once.base == again.base
    assert_frame_equal(once.contributions, again.contributions, check_exact=True)


def test_the_shared_random_generator_stays_where_it_was(
    people: pd.DataFrame, unseen: pd.DataFrame, members: dict[str, Any]
) -> None:
    np.random.seed(11)
    expected = np.random.random()
    np.random.seed(11)
    explain(RiskModel([members["k_neighbors"]], None), unseen, people, REGISTRY, seed=3)
    assert np.random.random() == expected


def test_boosting_and_logistic_regression_do_without_shap(
    people: pd.DataFrame,
    unseen: pd.DataFrame,
    members: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(explaining, "_shap", lambda: pytest.fail("shap was asked for"))
    model = RiskModel([members["catboost"], members["logistic_regression"]], None)
    found = explain(model, unseen, people, REGISTRY, seed=3)
    total = found.base + found.contributions.sum(axis=1)
    np.testing.assert_allclose(total, model.predict(unseen), atol=1e-9)


def test_a_model_of_one_split_gives_everything_to_its_feature(
    people: pd.DataFrame, unseen: pd.DataFrame
) -> None:
    stump = build_model("decision_tree", {"max_depth": 1}, REGISTRY, 1)
    declined = people["amount"] > 0.5
    stump.fit(people[REGISTRY.model_names()], declined)
    found = explain(RiskModel([stump], None), unseen, people, REGISTRY, seed=3)
    others = found.contributions.drop(columns="amount")
    assert (others == 0).all(axis=None)
    assert found.base == pytest.approx(declined.mean())
    assert found.contributions.loc["a", "amount"] > 0 > found.contributions.loc["b", "amount"]


def test_a_model_that_knows_nothing_gives_nothing(people: pd.DataFrame) -> None:
    features = people[REGISTRY.model_names()]
    flat = build_model("decision_tree", {"max_depth": 1}, REGISTRY, 1)
    flat.fit(features.assign(amount=0.0, noise=0.0, colour="red", agreed="yes"), people["declined"])
    found = explain(RiskModel([flat], None), features, people, REGISTRY, seed=3)
    assert found.base == pytest.approx(1 / 3)
    np.testing.assert_allclose(found.contributions, 0.0, atol=1e-12)


def test_logistic_regression_counts_from_the_mean_of_the_background(
    people: pd.DataFrame, members: dict[str, Any]
) -> None:
    member = members["logistic_regression"]
    features = people[REGISTRY.model_names()]
    one = features.iloc[[0]]
    found = explain(RiskModel([member], None), one, people, REGISTRY, seed=3)
    moved = one.assign(amount=one["amount"] + 1.0)
    same = explain(RiskModel([member], None), moved, people, REGISTRY, seed=3)
    logits = [np.log(r / (1 - r)) for r in member.predict_proba(pd.concat([one, moved]))[:, 1]]
    base = np.log(found.base / (1 - found.base))
    # In log-odds, the share of a feature is its share of the distance from the base.
    shares = [
        table.contributions["amount"].iloc[0] / table.contributions.sum(axis=1).iloc[0]
        for table in (found, same)
    ]
    amounts = [share * (logit - base) for share, logit in zip(shares, logits, strict=True)]
    assert amounts[1] - amounts[0] == pytest.approx(logits[1] - logits[0])


def test_columns_of_a_category_are_switched_together_and_exactly_for_two_features(
    people: pd.DataFrame,
) -> None:
    registry = registry_of({"amount": "number", "colour": "category"})
    names = registry.model_names()
    member = build_model("k_neighbors", SETTINGS["k_neighbors"], registry, 1)
    member.fit(people[names], people["declined"])
    background, asked = people[names].iloc[:5], people[names].iloc[20:23]
    found = explain(RiskModel([member], None), asked, background, registry, seed=3)

    def mean_risk(customer: pd.Series, taken: tuple[str, ...]) -> float:
        mixed = background.assign(**{name: customer[name] for name in taken})
        return float(member.predict_proba(mixed)[:, 1].mean())

    for customer, values in asked.iterrows():
        for name in names:
            steps = []
            for order in permutations(names):
                before = order[: order.index(name)]
                steps.append(mean_risk(values, (*before, name)) - mean_risk(values, before))
            shown = found.contributions.loc[customer, name]
            assert shown == pytest.approx(np.mean(steps), abs=1e-9)


def test_no_customers_give_no_rows_but_the_same_base(
    people: pd.DataFrame, unseen: pd.DataFrame, members: dict[str, Any]
) -> None:
    model = calibrated([members["extra_trees"], members["svc"]], people, "sigmoid")
    nobody = explain(model, unseen.iloc[:0], people, REGISTRY, seed=3)
    assert nobody.base == explain(model, unseen, people, REGISTRY, seed=3).base
    assert nobody.contributions.shape == (0, 5)


def test_missing_columns_and_an_empty_background_are_refused_together(
    people: pd.DataFrame, unseen: pd.DataFrame, members: dict[str, Any]
) -> None:
    with pytest.raises(InputError) as caught:
        explain(
            RiskModel([members["catboost"]], None),
            unseen.drop(columns=["amount", "colour"]),
            people.iloc[:0],
            REGISTRY,
            seed=3,
        )
    assert len(caught.value.problems) == 2
    assert "amount, colour" in caught.value.problems[0]


def test_columns_of_an_unknown_transformer_are_not_guessed() -> None:
    prepare = SimpleNamespace(
        transformers_=[("numbers", [None], ["amount"])], output_indices_={"numbers": slice(0, 2)}
    )
    with pytest.raises(ValueError, match="numbers"):
        explaining._owners(prepare, ["amount"])


def explanation(base: float, rows: dict[str, list[float]]) -> Explanation:
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["x", "y"])
    return Explanation(base, table)


def test_pooling_starts_everybody_from_the_mean_risk() -> None:
    parts = [explanation(0.2, {"a": [0.3, 0.1]}), explanation(0.4, {"b": [-0.3, 0.1]})]
    found = pool(parts)
    assert found.base == pytest.approx(0.4)  # risks 0.6 and 0.2
    # The gap of 0.2 of the first is taken 3 : 1, the second had none.
    np.testing.assert_allclose(found.contributions.loc["a"], [0.15, 0.05])
    np.testing.assert_allclose(found.contributions.loc["b"], [-0.3, 0.1])


def test_pooling_averages_a_customer_explained_twice_and_takes_a_given_base() -> None:
    parts = [
        explanation(0.5, {"a": [0.2, 0.0], "b": [0.0, 0.0]}),
        explanation(0.5, {"a": [0, 0.1]}),
    ]
    found = pool(parts, base=0.4)
    assert list(found.contributions.index) == ["a", "b"]
    np.testing.assert_allclose(found.contributions.loc["a"], [0.15, 0.1])  # risk 0.65
    np.testing.assert_allclose(found.contributions.loc["b"], [0.05, 0.05])  # evenly, risk 0.5


def test_pooling_nobody_keeps_the_base() -> None:
    nobody = Explanation(0.3, pd.DataFrame(columns=["x", "y"], dtype=float))
    assert pool([nobody]).base == 0.3
    assert pool([nobody], base=0.4).base == 0.4

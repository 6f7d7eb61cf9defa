import json
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personal_offers.errors import InputError
from personal_offers.pipelines.segmentation.cluster_transform import (
    Geometry,
    Groups,
    assign_clusters,
    constant,
    model_of,
    transformed,
)

NOBODY = pd.DataFrame({"customer_id": pd.Series(dtype="str")})


def spec(feature: str, transform: str = "none", **changes: Any) -> dict[str, Any]:
    """A feature that stands as it is."""
    plain = {"median": 0.0, "low": None, "high": None, "mean": 0.0, "sd": 1.0}
    return {"feature": feature, "transform": transform} | plain | changes


def model(specs: list[dict[str, Any]], centres: list[list[float]]) -> dict[str, Any]:
    clusters = [{"cluster": n, "centre": centre} for n, centre in enumerate(centres, start=1)]
    return {"features": specs, "clusters": clusters}


def assigned(
    rows: dict[str, list[Any]], cluster_model: dict[str, Any], noise: pd.DataFrame = NOBODY
) -> pd.DataFrame:
    table = ibis.memtable(pd.DataFrame(rows))
    return assign_clusters(table, cluster_model, noise).to_pandas()


def test_nearest_centre_wins_and_ties_go_to_the_lower_id() -> None:
    found = assigned(
        {"customer_id": ["c", "a", "b"], "x": [5.0, 0.1, 9.0]}, model([spec("x")], [[0.0], [10.0]])
    )

    assert found.to_dict("list") == {
        "customer_id": ["a", "b", "c"],
        "cluster": [1, 2, 1],
        "noise": [False, False, False],
    }
    assert found["cluster"].dtype == "int64"


def test_distances_that_differ_by_the_last_bits_are_equal() -> None:
    centres = [[0.3], [0.1]]  # 0.3 - 0.2 and 0.2 - 0.1 differ in the last bit

    found = assigned({"customer_id": ["a"], "x": [0.2]}, model([spec("x")], centres))

    assert found["cluster"].tolist() == [1]


def test_unknown_is_the_median_and_negative_money_stands_at_zero() -> None:
    specs = [spec("x", "log1p", median=np.expm1(2.0))]
    rows = {"customer_id": list("abcde"), "x": [None, np.nan, np.inf, -50.0, np.expm1(2.0)]}

    found = assigned(rows, model(specs, [[2.0], [0.0]]))

    assert found["cluster"].tolist() == [1, 1, 1, 2, 1]


def test_values_are_clipped_then_standardised() -> None:
    specs = [spec("x", low=0.0, high=10.0, mean=5.0, sd=5.0), spec("y")]
    rows = {"customer_id": ["a", "b"], "x": [1e6, 10.0], "y": [0.4, 0.4]}

    # Both stand at (1, 0.4): unclipped, the first would be nearest to the second centre.
    assert assigned(rows, model(specs, [[1.0, 0.0], [100.0, 0.4]]))["cluster"].tolist() == [1, 1]


def test_likelihood_prefers_the_wide_component_far_out() -> None:
    clusters = [
        {"cluster": 1, "centre": [0.0], "factor": [[10.0]], "offset": float(np.log(0.5 * 10))},
        {"cluster": 2, "centre": [1.0], "factor": [[0.5]], "offset": float(np.log(0.5 * 0.5))},
    ]
    rows = {"customer_id": ["a", "b"], "x": [0.1, -1.0]}

    found = assigned(rows, {"features": [spec("x")], "clusters": clusters})

    # -1 is nearer to the first centre, but ten of its standard deviations away.
    assert found["cluster"].tolist() == [1, 2]


def test_noise_is_marked_and_keeps_its_cluster() -> None:
    rows = {"customer_id": ["1", "2"], "x": [0.0, 9.0]}
    noise = pd.DataFrame({"customer_id": ["2", "2"]})

    found = assigned(rows, model([spec("x")], [[0.0], [10.0]]), noise)

    assert found.to_dict("list") == {
        "customer_id": ["1", "2"],
        "cluster": [1, 2],
        "noise": [False, True],
    }


def test_one_cluster_takes_everybody_and_needs_no_feature() -> None:
    found = assigned({"customer_id": [2, 1]}, model([], [[]]))

    assert found["customer_id"].tolist() == [1, 2]
    assert found["cluster"].tolist() == [1, 1]


def test_missing_feature_is_named() -> None:
    with pytest.raises(InputError, match="no column revenue, which the clusters were made from"):
        assigned({"customer_id": ["a"]}, model([spec("revenue")], [[0.0], [1.0]]))


def mixture(rng: np.random.Generator, clusters: int, width: int) -> Groups:
    factors = np.triu(rng.normal(size=(clusters, width, width))) + 2 * np.eye(width)
    return Groups(rng.normal(size=(clusters, width)), factors, rng.normal(size=clusters))


@pytest.mark.parametrize("kind", ["nearest", "likelihood"])
def test_engine_and_memory_give_the_same_clusters_after_json(kind: str) -> None:
    rng = np.random.default_rng(3)
    raw = pd.DataFrame(np.exp(rng.normal(size=(500, 3))) - 0.5, columns=["x", "y", "z"])
    raw.loc[::50, "y"] = np.nan
    features = {
        "x": {"transform": "log1p", "median": float(raw["x"].median())},
        "y": {"transform": "none", "median": float(raw["y"].median())},
        "z": {"transform": "log1p", "median": float(raw["z"].median())},
    }
    scaled = np.column_stack(
        [transformed(raw[n], str(f["transform"]), float(f["median"])) for n, f in features.items()]
    )
    geometry = Geometry.of(scaled, 0.02)
    groups = mixture(rng, 5, 3) if kind == "likelihood" else Groups(rng.normal(size=(5, 3)))
    kept = json.loads(json.dumps(model_of(features, geometry, groups)))
    table = raw.assign(customer_id=[f"{n:03}" for n in range(500)]).sample(frac=1, random_state=1)

    found = assign_clusters(ibis.memtable(table), kept, NOBODY).to_pandas()

    assert (found["cluster"] - 1).tolist() == groups.labels(geometry.stand(scaled)).tolist()
    assert found["cluster"].nunique() > 2


def test_ordering_carries_the_shape_of_components_along() -> None:
    rng = np.random.default_rng(4)
    groups, places = mixture(rng, 4, 2), rng.normal(size=(200, 2))
    order = [2, 0, 3, 1]

    turned = groups.ordered(order).labels(places)

    assert np.array(order)[turned].tolist() == groups.labels(places).tolist()


def test_geometry_of_winsorised_customers_ignores_how_far_the_richest_are() -> None:
    values = np.arange(101.0)[:, None]
    richer = values.copy()
    richer[-1] = 1e9

    one, other = Geometry.of(values, 0.05), Geometry.of(richer, 0.05)

    assert one.low.tolist() == other.low.tolist() == [5]
    assert one.high.tolist() == other.high.tolist() == [95]
    assert one.mean.tolist() == other.mean.tolist()
    assert one.sd.tolist() == other.sd.tolist()
    assert np.isinf(Geometry.of(values, 0).high).all()


def test_constant_features_are_found_whatever_their_size() -> None:
    values = np.column_stack([np.full(5, 0.1), np.full(5, 1e12), [0, 0, 0, 0, 1e-6], np.zeros(5)])

    assert constant(values).tolist() == [True, True, False, True]
    assert constant(np.zeros((0, 2))).tolist() == [True, True]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.lists(st.floats(-5, 5), min_size=2, max_size=2), min_size=1, max_size=20
    ),
    st.permutations(range(3)),
)  # fmt: skip
def test_a_customer_gets_the_same_cluster_whoever_else_is_there(
    points: list[list[float]], order: list[int]
) -> None:
    groups = Groups(np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])).ordered(list(order))
    places = np.array(points)

    together = groups.labels(places)

    assert together.tolist() == [int(groups.labels(place[None])[0]) for place in places]

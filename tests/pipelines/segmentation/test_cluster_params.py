from typing import Any

import pytest
from pydantic import ValidationError

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.segmentation.cluster_params import ClusterOptions

VALID: dict[str, Any] = {
    "features": {"recency_days": "log1p", "orders": "log1p", "revenue": "log1p"},
    "method": "auto",
    "number": "auto",
    "methods": ["kmeans", "gaussian_mixture", "ward", "hdbscan"],
    "numbers": {"lowest": 3, "highest": 5},
    "limits": {"stability": 0.8, "silhouette": 0.3, "smallest_share": 0.05},
    "group_shares": [0.05],
    "winsorise": 0,
    "bootstrap": 5,
    "starts": 3,
    "largest_sample": 5000,
    "index_sample": 500,
    "fewest_customers": 20,
    "order_by": "revenue",
    "names": {},
    "top_differences": 2,
    "confidence": 0.95,
    "seed": 7,
    "language": "en",
}


def options(**changes: Any) -> ClusterOptions:
    """Valid options for three made-up features, with some changes."""
    return ClusterOptions.model_validate(VALID | changes)


def test_configuration_of_every_shop_is_accepted_and_fits_its_registry(
    parameters: dict[str, Any],
) -> None:
    for shop in ("one_click", "gift_shop", "home_goods"):
        found = ClusterOptions.model_validate(parameters[shop]["clusters"])
        registry = FeatureRegistry.model_validate(parameters[shop]["feature_registry"])

        assert found.feature_problems(registry) == []
        assert found.allowed_numbers == (3, 4, 5, 6, 7, 8)


def test_default_of_order_lines_is_rfm_on_logarithms(parameters: dict[str, Any]) -> None:
    for shop in ("gift_shop", "home_goods"):
        found = ClusterOptions.model_validate(parameters[shop]["clusters"])

        assert found.features == {"recency_days": "log1p", "orders": "log1p", "revenue": "log1p"}
        assert found.order_by == "revenue"


def test_fixed_method_and_number_leave_nothing_else() -> None:
    fixed = options(method="ward", number=4)

    assert fixed.allowed_methods == ("ward",)
    assert fixed.allowed_numbers == (4,)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"numbers": {"lowest": 5, "highest": 3}}, "lowest 5 is above highest 3"),
        ({"number": 1}, "greater than or equal to 2"),
        ({"method": "k_means"}, "kmeans"),
        ({"features": {}}, "at least 1"),
        ({"features": {"orders": "sqrt"}}, "log1p"),
        ({"methods": ["ward", "ward"]}, "methods: .* names something twice"),
        ({"index_sample": 6000}, "index_sample 6000 is above largest_sample 5000"),
        ({"winsorise": 0.3}, "less than 0.25"),
        ({"names": {"0": {"ru": "а", "en": "a"}}}, "greater than or equal to 1"),
        ({"stabilty": 0.8}, "Extra inputs"),
    ],
)
def test_options_that_make_no_sense_are_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        options(**changes)


def test_names_take_ids_as_text_or_number() -> None:
    name = {"ru": "Опора", "en": "Backbone"}

    assert options(names={"1": name, 2: name}).names[1].en == "Backbone"


def test_features_that_the_shop_lacks_are_named(registry: FeatureRegistry) -> None:
    found = options(
        features={"promo_share": "none", "popular_category": "none", "orders": "log1p"},
        order_by="revenue",
    ).feature_problems(registry)

    assert found == [
        "clusters.features: popular_category is not a number of the registry",
        "clusters.features: orders is not a number of the registry",
        "clusters.order_by: revenue is neither a number of the registry nor profit",
    ]


def test_profit_may_order_clusters_without_being_a_feature(registry: FeatureRegistry) -> None:
    assert options(features={"promo_share": "none"}, order_by="profit").feature_problems(
        registry
    ) == []  # fmt: skip

"""Small settings and registries that tests of modelling share; each changes what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.params import ModellingOptions
from personal_offers.pipelines.modelling.reason_params import ReasonOptions

# One combination each, of models that take no time.
TINY_GRIDS: dict[str, dict[str, list[Any]]] = {
    "logistic_regression": {"C": [1.0]},
    "svc": {"C": [1.0], "gamma": [0.1]},
    "k_neighbors": {"n_neighbors": [5], "weights": ["distance"], "p": [2]},
    "decision_tree": {"max_depth": [2], "min_samples_leaf": [3]},
    "random_forest": {"n_estimators": [5], "max_features": [2], "min_samples_leaf": [2]},
    "extra_trees": {"n_estimators": [5], "max_features": [2], "min_samples_leaf": [2]},
    "catboost": {"iterations": [5], "depth": [2], "learning_rate": [0.1], "rsm": [0.8]},
}


def modelling_options(**changes: Any) -> ModellingOptions:
    """One plain model, few folds, no candidates and no calibration."""
    return ModellingOptions.model_validate(
        {
            "model": "logistic_regression",
            "blend": ["extra_trees", "catboost"],
            "calibration": "none",
            "number_scale": "plain",
            "folds": 3,
            "repeats": 2,
            "baselines": {},
            "twin_columns": ["amount"],
            "threads": 1,
            "bootstrap": 100,
            "confidence": 0.95,
            "seed": 11,
            "search": {"folds": 2, "candidates": 8, "scoring": "roc_auc"},
            "grids": TINY_GRIDS,
            "candidates": {"models": [], "repeats": 1},
        }
        | changes
    )


def reason_options(**changes: Any) -> ReasonOptions:
    """Everybody explained, and two further seeds."""
    return ReasonOptions.model_validate(
        {
            "actionable": 2,
            "other": 1,
            "smallest": 0.01,
            "background": 10,
            "most_customers": 1000,
            "sample": 50,
            "stability_seeds": 2,
            "stability_customers": 50,
            "seed": 1,
        }
        | changes
    )


def severe_checks() -> dict[str, dict[str, Any]]:
    """Checks of the leak audit with the severities of conf/base."""
    high = {"severity": "fail", "judged_by": "value"}
    place = {"severity": "warn", "limit": 0.6, "judged_by": "low"}
    return {
        "order_alone": dict(place),
        "order_neighbours": dict(place),
        "feature_alone": high | {"limit": 0.95},
        "score_too_good": high | {"limit": 0.97},
        "group_loss": {"severity": "info"},
        "nowcast_loss": {"severity": "warn", "limit": 0.05, "judged_by": "low"},
        "twins": {"severity": "info"},
        "twins_across_folds": {"severity": "fail"},
        "near_twins": {"severity": "warn", "limit": 0.02},
        "nearest_customer": {"severity": "info"},
        "future_shift": {"severity": "fail"},
    }


def feature(kind: str, **changes: Any) -> dict[str, Any]:
    """One feature as the registry's YAML has it."""
    return {
        "group": "purchase_behaviour",
        "type": kind,
        "compute": {"kind": "column", "table": "people", "column": "value"},
        "window": "ever",
        "actionable": False,
        "definition": {"ru": "текст", "en": "text"},
    } | changes


def registry_of(features: Mapping[str, str | dict[str, Any]]) -> FeatureRegistry:
    """Registry of features by name: a kind, or all there is to say.

    A kind alone gets a definition that names the feature; the shop can act on ``visits``.
    """
    return FeatureRegistry.model_validate(
        {
            "features": {
                name: given
                if isinstance(given, dict)
                else feature(
                    given,
                    actionable=name == "visits",
                    definition={"ru": f"Признак {name}", "en": f"Feature {name}"},
                )
                for name, given in features.items()
            }
        }
    )


# The customers of most tests.
FOUR_FEATURES = {"amount": "number", "visits": "number", "colour": "category", "member": "flag"}

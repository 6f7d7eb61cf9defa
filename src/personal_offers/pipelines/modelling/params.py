"""Parameters of the decline model: which one, how it is searched, and how it is judged."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from personal_offers.features import FeatureRegistry, Name, Strict

MemberName = Literal[
    "logistic_regression",
    "svc",
    "k_neighbors",
    "decision_tree",
    "random_forest",
    "extra_trees",
    "catboost",
]
ModelName = Literal[MemberName, "blend"]
CurveName = Literal["none", "sigmoid", "beta", "isotonic"]
NumberScale = Literal["plain", "asinh"]

# Repeats and folds add to the seed, and libraries take 32 bits.
_LARGEST_SEED = 2**31
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]
# How many features a tree looks at in each split: a number, a share, or a rule.
MaxFeatures = Count | Share | Literal["sqrt", "log2"]


class LogisticRegressionGrid(Strict):
    """Logistic regression with an L2 penalty.

    Attributes:
        C: Inverse strength of the penalty.
    """

    C: list[Positive] = Field(min_length=1)


class SVCGrid(Strict):
    """Support vector machine with a Gaussian kernel; probabilities come from calibration.

    Attributes:
        C: Inverse strength of the penalty.
        gamma: Width of the kernel on standardised features.
    """

    C: list[Positive] = Field(min_length=1)
    gamma: list[Positive | Literal["scale", "auto"]] = Field(min_length=1)


class KNeighborsGrid(Strict):
    """Share of decliners among the nearest customers.

    Attributes:
        n_neighbors: How many.
        weights: Whether nearer ones count more.
        p: Distance: 1 for the sum of absolute differences, 2 for the straight line.
    """

    n_neighbors: list[Count] = Field(min_length=1)
    weights: list[Literal["uniform", "distance"]] = Field(min_length=1)
    p: list[Literal[1, 2]] = Field(min_length=1)


class DecisionTreeGrid(Strict):
    """One tree.

    Attributes:
        max_depth: Longest path.
        min_samples_leaf: Fewest customers in a leaf.
    """

    max_depth: list[Count] = Field(min_length=1)
    min_samples_leaf: list[Count] = Field(min_length=1)


class ForestGrid(Strict):
    """Many trees: random forest, or extra trees with random thresholds.

    Attributes:
        n_estimators: Trees.
        max_features: Features looked at in each split.
        min_samples_leaf: Fewest customers in a leaf.
    """

    n_estimators: list[Count] = Field(min_length=1)
    max_features: list[MaxFeatures] = Field(min_length=1)
    min_samples_leaf: list[Count] = Field(min_length=1)


class CatBoostGrid(Strict):
    """Gradient boosting with ordered target statistics (Prokhorenkova et al., 2018).

    Attributes:
        iterations: Trees.
        depth: Depth of each tree.
        learning_rate: Step.
        rsm: Share of features looked at in each split.
    """

    iterations: list[Count] = Field(min_length=1)
    depth: list[Annotated[int, Field(ge=1, le=16)]] = Field(min_length=1)
    learning_rate: list[Positive] = Field(min_length=1)
    rsm: list[Share] = Field(min_length=1)


class Grids(Strict):
    """Values to search for each model; one value fixes the setting."""

    logistic_regression: LogisticRegressionGrid
    svc: SVCGrid
    k_neighbors: KNeighborsGrid
    decision_tree: DecisionTreeGrid
    random_forest: ForestGrid
    extra_trees: ForestGrid
    catboost: CatBoostGrid


class SearchOptions(Strict):
    """Search over the settings, inside each training fold.

    Attributes:
        folds: Inner folds; twins share one.
        candidates: Most combinations tried per model; a larger grid is sampled.
        scoring: What the best combination is best at, on the inner folds.
    """

    folds: int = Field(ge=2, le=20)
    candidates: int = Field(ge=1)
    scoring: Literal["neg_log_loss", "neg_brier_score", "roc_auc", "average_precision"]


class CandidateOptions(Strict):
    """The table in which the model stands beside all others.

    Attributes:
        models: Single models that are evaluated beside the chosen one; none leaves the table
            with the chosen model and the baselines.
        repeats: They are evaluated on the first so many repeats of the folds.
        most_rows: Support vectors and neighbours, whose time grows with the square of the rows,
            are candidates up to so many rows.
    """

    models: list[MemberName]
    repeats: int = Field(ge=1, le=100)
    most_rows: int = Field(default=30_000, ge=1)


class ModellingOptions(Strict):
    """How decline risk is estimated and judged.

    Attributes:
        model: One model, or ``blend``: the mean of several.
        blend: Members of the blend.
        calibration: Curve that is fitted to inner out-of-fold scores (see calibration.py);
            ``auto`` chooses it by log loss on inner folds that did not make it.
        number_scale: ``asinh`` bends long-tailed numbers before they are standardised (inverse
            hyperbolic sine; Burbidge, Magee and Robb, 1988), which trees do not notice.
        folds: Outer folds, for a shop whose tables bear no dates.
        repeats: Times that everything is repeated with other folds (or, where time gives the
            test, with other seeds); the risk is the mean.
        baselines: Name: feature that ranks customers by itself.
        twin_columns: Customers who agree in all of these are copies and share a fold.
        threads: Fits that run at once.
        bootstrap: Resamples of customers for the intervals.
        confidence: Coverage of the intervals.
        seed: Of folds, fits and resamples.
        search: Search inside the training folds.
        grids: Values to search.
        candidates: Models that the chosen one is compared with.
    """

    model: ModelName
    blend: list[MemberName] = Field(min_length=2)
    calibration: Literal[CurveName, "auto"]
    number_scale: NumberScale
    folds: int = Field(ge=2, le=20)
    repeats: int = Field(ge=1, le=100)
    baselines: dict[Name, str]
    twin_columns: list[str] = Field(min_length=1)
    threads: int = Field(ge=1, le=64)
    bootstrap: int = Field(ge=100)
    confidence: float = Field(gt=0.5, lt=1)
    seed: int = Field(ge=0, le=_LARGEST_SEED)
    search: SearchOptions
    grids: Grids
    candidates: CandidateOptions

    @model_validator(mode="after")
    def _members_differ(self) -> ModellingOptions:
        lists: dict[str, list[str]] = {
            "blend": list(self.blend),
            "twin_columns": self.twin_columns,
            "candidates.models": list(self.candidates.models),
        }
        for name, values in lists.items():
            if len(set(values)) < len(values):
                raise ValueError(f"{name} names something twice: {values}")
        return self

    def feature_problems(self, registry: FeatureRegistry) -> list[str]:
        """Return what does not fit the features of the shop, one sentence each."""
        problems = [
            f"modelling.twin_columns: {name} is not a feature of the registry"
            for name in self.twin_columns
            if name not in registry.features
        ]
        numbers = registry.model_names("number")
        return problems + [
            f"modelling.baselines.{name}: {feature} is no number that the model may see"
            for name, feature in self.baselines.items()
            if feature not in numbers
        ]

    def members(self) -> list[MemberName]:
        """Return the models whose mean is taken: one, unless the model is a blend."""
        return list(self.blend) if self.model == "blend" else [self.model]

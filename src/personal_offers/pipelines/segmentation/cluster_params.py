"""Parameters of the clusters: what is looked at, what may be chosen, what a choice must hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from personal_offers.features import BothLanguages, FeatureRegistry, Language, Name, Strict

Method = Literal["kmeans", "gaussian_mixture", "ward", "hdbscan"]
Transform = Literal["log1p", "none"]
Share = Annotated[float, Field(gt=0, lt=0.5)]

# A column of every customers table that is money, but not a feature of the registry.
PROFIT = "profit"
# Random generators of some libraries take 32 bits.
_LARGEST_SEED = 2**31


class NumberRange(Strict):
    """How many clusters may be chosen where no number is fixed.

    Attributes:
        lowest: Fewest clusters.
        highest: Most clusters.
    """

    lowest: int = Field(ge=2, le=20)
    highest: int = Field(ge=2, le=20)

    @model_validator(mode="after")
    def _lowest_first(self) -> NumberRange:
        if self.lowest > self.highest:
            raise ValueError(f"lowest {self.lowest} is above highest {self.highest}")
        return self


class ClusterLimits(Strict):
    """What a candidate must reach to be chosen.

    Attributes:
        stability: Least mean adjusted Rand index between the clusters and those found again on
            bootstrap resamples of customers; 1 is the same clusters, 0 is chance.
        silhouette: Least mean silhouette, -1 to 1.
        smallest_share: Least share of customers in the smallest cluster.
    """

    stability: float = Field(ge=0, le=1)
    silhouette: float = Field(ge=-1, le=1)
    smallest_share: float = Field(ge=0, lt=0.5)


class FeaturePhrases(Strict):
    """What a name says of a cluster in place of "higher: ..." and "lower: ...".

    Attributes:
        high: Where the feature is above the rest; begins small, as inside a sentence.
        low: Where it is below.
    """

    high: BothLanguages
    low: BothLanguages


class ClusterOptions(Strict):
    """How customers are clustered, and how clusters are described.

    Attributes:
        features: Feature: how it is transformed before it is standardised. ``log1p`` is
            log(1 + max(x, 0)), so whoever returned more than they bought stands at zero.
        method: ``auto`` chooses among ``methods``; a name fixes the method.
        number: ``auto`` chooses within ``numbers``; a number fixes how many clusters there are.
        methods: Candidates of ``auto``.
        numbers: Candidates of ``auto``.
        limits: What a candidate must reach.
        group_shares: Smallest group that HDBSCAN may form, as a share of the customers it sees;
            one candidate each, because HDBSCAN finds the number of clusters by itself.
        winsorise: Share of customers whose value is clipped at each end of each feature, for the
            geometry only; 0: nobody. Nobody is left out, and money in outputs is never clipped.
        bootstrap: Resamples of customers by which stability is measured.
        starts: Random starts of k-means, of which the best is kept.
        largest_sample: Customers that k-means and mixtures are fitted on at most; of more, a
            seeded sample is drawn. Everyone is assigned all the same.
        index_sample: Customers that the indices, Ward, HDBSCAN and each resample look at, at
            most: what these need grows with the square of the number.
        fewest_customers: With fewer, and no fixed number, all are one cluster.
        order_by: Feature, or ``profit``, whose mean orders the ids: cluster 1 has the highest.
        names: Id: name that replaces the generated one.
        phrases: Feature: what a generated name says in place of "higher: label", "lower: label".
        top_differences: Differences from the rest that describe a cluster.
        confidence: Coverage of all intervals.
        seed: Of the samples, the starts and the resamples.
        language: Of ``cluster_name``.
    """

    features: dict[Name, Transform] = Field(min_length=1)
    method: Literal["auto"] | Method
    number: Literal["auto"] | Annotated[int, Field(ge=2, le=50)]
    methods: tuple[Method, ...] = Field(min_length=1)
    numbers: NumberRange
    limits: ClusterLimits
    group_shares: tuple[Share, ...] = Field(min_length=1)
    winsorise: float = Field(ge=0, lt=0.25)
    bootstrap: int = Field(ge=5)
    starts: int = Field(ge=1)
    largest_sample: int = Field(ge=1_000)
    index_sample: int = Field(ge=200, le=20_000)
    fewest_customers: int = Field(ge=2)
    order_by: Name
    names: dict[Annotated[int, Field(ge=1)], BothLanguages] = Field(default_factory=dict)
    phrases: dict[Name, FeaturePhrases] = Field(default_factory=dict)
    top_differences: int = Field(ge=2, le=3)
    confidence: float = Field(gt=0.5, lt=1)
    seed: int = Field(ge=0, lt=_LARGEST_SEED)
    language: Language

    @model_validator(mode="after")
    def _each_candidate_once(self) -> ClusterOptions:
        problems = [
            f"{name}: {list(values)} names something twice"
            for name, values in (("methods", self.methods), ("group_shares", self.group_shares))
            if len(set(values)) < len(values)
        ]
        if self.index_sample > self.largest_sample:
            problems.append(
                f"index_sample {self.index_sample} is above largest_sample {self.largest_sample}"
            )
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def allowed_methods(self) -> tuple[Method, ...]:
        """The methods that are tried."""
        return self.methods if self.method == "auto" else (self.method,)

    @property
    def allowed_numbers(self) -> tuple[int, ...]:
        """The numbers of clusters that are tried."""
        if self.number == "auto":
            return tuple(range(self.numbers.lowest, self.numbers.highest + 1))
        return (self.number,)

    def feature_problems(self, registry: FeatureRegistry) -> list[str]:
        """Return what does not fit the features of the shop, one sentence each."""
        numbers = {name for name, each in registry.features.items() if each.type == "number"}
        problems = [
            f"clusters.features: {name} is not a number of the registry"
            for name in self.features
            if name not in numbers
        ]
        if self.order_by not in numbers | {PROFIT}:
            problems.append(
                f"clusters.order_by: {self.order_by} is neither a number of the registry "
                f"nor {PROFIT}"
            )
        return problems

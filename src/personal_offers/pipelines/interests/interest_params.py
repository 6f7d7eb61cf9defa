"""Parameters of customer interests: which methods compete, on whom, and when to ask instead."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from personal_offers.features import Strict

Method = Literal[
    "majority",
    "same_so_far",
    "shrinkage",
    "transitions",
    "logistic_regression",
    "conditional_logit",
]
# What every method is measured beside.
BASELINES: tuple[Method, ...] = ("majority", "same_so_far")

_Orders = Annotated[int, Field(ge=1, le=1000)]
# Random generators of some libraries take 32 bits.
_LARGEST_SEED = 2**31


class FewestCustomers(Strict):
    """Customers with a known later interest below whom nothing is predicted.

    Attributes:
        training: Of those first seen before the split.
        test: Of those first seen after it.
    """

    training: int = Field(ge=20)
    test: int = Field(ge=20)


class InterestOptions(Strict):
    """How interests are found, predicted and judged.

    Attributes:
        after_orders: Numbers of purchase orders after which the prediction is judged, rising; the
            first of them is the one that the choice of a rule over a model rests on.
        train_after: Numbers of orders after which customers teach, rising; scores of
            customers with other numbers of orders lie between and beyond them.
        methods: Models that compete, the simplest first; the two simple rules always do.
        penalties: Inverse strengths of the penalty of logistic regression that are tried.
        rehearsals: Earlier dates before the split at which the methods are tried and calibrated:
            each parts the training customers as the split parts all.
        season_days: Days before a prediction whose sales say what the season is.
        floor: Probability that is spread evenly over all categories, because what nobody wanted
            while the data were collected may be wanted later (a season has not come yet).
        certainty: Probability below which the customer is to be asked instead.
        coverage: Share of customers, the surest first, whose accuracy is stated beside everyone's.
        suspicious_gain: Top-1 accuracy over "same as so far" (share of 1) that says that the
            prediction has seen the future.
        fewest: Customers below whom prediction is withheld.
        largest_sample: Customers who teach, and customers who test, at most, about.
        halvings: Random halvings of later lines behind the noise ceiling.
        confidence: Coverage of all intervals.
        bootstrap: Resamples of customers for intervals.
        seed: Of samples, halvings and resamples.
    """

    after_orders: tuple[_Orders, ...] = Field(min_length=1)
    train_after: tuple[_Orders, ...] = Field(min_length=1)
    methods: tuple[Method, ...]
    penalties: tuple[Annotated[float, Field(gt=0)], ...] = Field(min_length=1)
    rehearsals: int = Field(ge=1, le=12)
    season_days: int = Field(ge=1, le=366)
    floor: float = Field(ge=0, lt=0.5)
    certainty: float = Field(ge=0, lt=1)
    coverage: float = Field(gt=0, le=1)
    suspicious_gain: float = Field(gt=0, lt=1)
    fewest: FewestCustomers
    largest_sample: int = Field(ge=100)
    halvings: int = Field(ge=1, le=50)
    confidence: float = Field(gt=0.5, lt=1)
    bootstrap: int = Field(ge=50)
    seed: int = Field(ge=0, lt=_LARGEST_SEED)

    @model_validator(mode="after")
    def _orders_rise(self) -> InterestOptions:
        problems = [
            f"{name}: {list(values)} must rise from value to value"
            for name, values in (
                ("after_orders", self.after_orders),
                ("train_after", self.train_after),
            )
            if list(values) != sorted(set(values))
        ]
        left_out = sorted(set(self.after_orders) - set(self.train_after))
        if left_out:
            problems.append(f"train_after lacks {left_out} of after_orders")
        if len(set(self.methods)) < len(self.methods):
            problems.append(f"methods: {list(self.methods)} names one of them twice")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def competing(self) -> tuple[Method, ...]:
        """The two simple rules, then the models that compete with them."""
        return BASELINES + tuple(method for method in self.methods if method not in BASELINES)

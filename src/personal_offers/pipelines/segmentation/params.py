"""Parameters of the segments: where high begins, what segments are called, what marks mean."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from personal_offers.features import BothLanguages, FeatureRegistry, Name, Strict, reserved

Level = Literal["low", "high"]

# Name of the last row of the profile, so no segment may have it.
ALL = "all"
# Segment of whoever has neither a risk nor a class.
NOT_CLASSIFIED = "not_classified"


class AbsoluteThreshold(Strict):
    """High begins at a stated value.

    Attributes:
        value: Probability for risk, the unit of the file for profit; the value itself is high.
    """

    kind: Literal["absolute"]
    value: float


class QuantileThreshold(Strict):
    """High begins at a quantile of this shop's customers.

    Attributes:
        value: Share of customers below; 0.5 is the median.
    """

    kind: Literal["quantile"]
    value: float = Field(gt=0, lt=1)


Threshold = Annotated[AbsoluteThreshold | QuantileThreshold, Field(discriminator="kind")]


class Thresholds(Strict):
    """Where high risk and high profit begin."""

    risk: Threshold
    profit: Threshold

    @model_validator(mode="after")
    def _risk_is_a_probability(self) -> Thresholds:
        if not 0 < self.risk.value < 1:
            raise ValueError(f"risk threshold {self.risk.value} is outside 0 to 1")
        return self


class Segment(Strict):
    """One cell of risk x profit.

    Attributes:
        risk: Level of decline risk.
        profit: Level of profit.
        label: What a marketer calls it.
    """

    risk: Level
    profit: Level
    label: BothLanguages


class Mark(Strict):
    """A behaviour that an offer may answer.

    Exactly one limit must be given, and the mark is set where ``feature`` reaches it: customers
    at the limit have the mark, so with ties a share marks somewhat more. An unknown value sets
    no mark.

    Attributes:
        feature: From the feature registry.
        at_least: The value from which on the mark is set.
        at_most: The value up to which the mark is set.
        lowest_share: Share of customers with the lowest values who get the mark.
        highest_share: Share of customers with the highest values who get the mark.
        label: What a marketer calls it.
    """

    feature: str
    at_least: float | None = None
    at_most: float | None = None
    lowest_share: float | None = Field(default=None, gt=0, lt=1)
    highest_share: float | None = Field(default=None, gt=0, lt=1)
    label: BothLanguages

    @model_validator(mode="after")
    def _one_limit(self) -> Mark:
        limits = [self.at_least, self.at_most, self.lowest_share, self.highest_share]
        if sum(limit is not None for limit in limits) != 1:
            raise ValueError("give one of at_least, at_most, lowest_share, highest_share")
        return self


class SegmentationOptions(Strict):
    """How customers are sorted.

    Attributes:
        thresholds: Where high begins.
        segments: Name: cell; the four cells must each be there once.
        marks: Name: behaviour.
        main_category: Feature that holds the customer's main category; none if there is none.
        confidence: Coverage of all intervals.
    """

    thresholds: Thresholds
    segments: dict[Name, Segment]
    marks: dict[Name, Mark]
    main_category: str | None
    confidence: float = Field(gt=0.5, lt=1)

    @model_validator(mode="after")
    def _segments_are_total_and_disjoint(self) -> SegmentationOptions:
        if {ALL, NOT_CLASSIFIED} & set(self.segments):
            raise ValueError(f"{ALL} and {NOT_CLASSIFIED} are rows of the profile of their own")
        if taken := reserved(self.marks):
            raise ValueError(f"marks {taken} would hide a column of the segments")
        cells = [(s.risk, s.profit) for s in self.segments.values()]
        wanted = [(r, p) for r in ("high", "low") for p in ("high", "low")]
        missing = [cell for cell in wanted if cell not in cells]
        twice = sorted({cell for cell in cells if cells.count(cell) > 1})
        if missing or twice:
            raise ValueError(
                f"every cell (risk, profit) needs one segment; without: {missing}, twice: {twice}"
            )
        return self

    def feature_problems(self, registry: FeatureRegistry) -> list[str]:
        """Return what does not fit the features of the shop, one sentence each."""
        features = registry.features
        problems = [
            f"segmentation.marks.{name}.feature: {mark.feature} is not a number of the registry"
            for name, mark in self.marks.items()
            if mark.feature not in features or features[mark.feature].type != "number"
        ]
        main = self.main_category
        if main is not None and (main not in features or features[main].type != "category"):
            problems.append(f"segmentation.main_category: {main} is not a category of the registry")
        return problems

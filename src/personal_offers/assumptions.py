"""Numbers that nobody measured: ranges with a unit and a source, to be argued with."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from personal_offers.features import BothLanguages, Strict

NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Range(Strict):
    """Three values of a number that nobody measured.

    Attributes:
        low: Smallest value that is believable.
        base: The value that results are computed with.
        high: Largest value that is believable.
    """

    low: NotNegative
    base: NotNegative
    high: NotNegative

    @model_validator(mode="after")
    def _in_order(self) -> Range:
        if not self.low <= self.base <= self.high:
            raise ValueError(f"low {self.low}, base {self.base}, high {self.high} must ascend")
        return self


class ShareRange(Range):
    """Three values of a share: 0 to 1."""

    low: Share
    base: Share
    high: Share


class Assumption(Range):
    """A number that nobody measured.

    Attributes:
        unit: What it is counted in.
        source: Where the three come from.
    """

    unit: BothLanguages
    source: BothLanguages


class ShareAssumption(Assumption):
    """An assumption that is a share: 0 to 1."""

    low: Share
    base: Share
    high: Share

"""Parameters of how the report names the views of a customer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from personal_offers.features import BothLanguages, Name, Strict

Level = Literal["low", "high"]


class NamedCell(Strict):
    """One cell of risk x profit.

    Attributes:
        risk: Level of decline risk.
        profit: Level of profit.
        label: What a marketer calls it.
    """

    risk: Level
    profit: Level
    label: BothLanguages


class ReportViews(Strict):
    """What segmentation was told, as far as the report repeats it.

    Attributes:
        segments: Name: cell, all four of them.
        confidence: Coverage of the intervals of segments.
        order_by: Feature by whose sum clusters are ordered, the highest mean first.
    """

    segments: dict[Name, NamedCell] = Field(min_length=4, max_length=4)
    confidence: float = Field(gt=0.5, lt=1)
    order_by: Name

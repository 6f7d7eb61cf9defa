"""Parameters of RFM: how scores are cut, how classes are made of them, how both are tested."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from personal_offers.features import BothLanguages, Name, Strict
from personal_offers.pipelines.segmentation.params import ALL

# Where customers come from who had not bought by the earlier cutoff.
NEW = "new"
MEASURES = ("recency", "frequency", "monetary")

Code = tuple[int, int, int]
CodeText = Annotated[str, StringConstraints(pattern=r"^[1-5]{3}$")]
Scores = Annotated[tuple[int, ...], Field(min_length=1)]
# Random generators of some libraries take 32 bits.
_LARGEST_SEED = 2**31


class QuantileBreaks(Strict):
    """Scores are cut at exact quantiles of this shop's customers.

    Attributes:
        shares: Share of customers below each break, rising; none: equal shares.
    """

    method: Literal["quantile"]
    shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] | None = None


class BusinessBreaks(Strict):
    """Scores are cut at stated values, rising.

    Attributes:
        values: Recency: the most days that the better score allows. Frequency and monetary:
            the fewest orders, or the least money in currency units, that the better score asks.
    """

    method: Literal["business"]
    values: tuple[float, ...]


class NaturalBreaks(Strict):
    """Scores are cut where the values leave gaps (natural breaks; see natural_breaks).

    Attributes:
        scale: ``log`` cuts on sign(x) ln(1 + |x|) of days, orders or currency units, so that
            one wholesaler does not become a score of their own.
        most_values: Distinct values up to which the cut is exact; more are joined first.
    """

    method: Literal["natural"]
    scale: Literal["linear", "log"] = "linear"
    most_values: int = Field(default=20_000, ge=100, le=200_000)


Breaks = Annotated[QuantileBreaks | BusinessBreaks | NaturalBreaks, Field(discriminator="method")]


class CodeBox(Strict):
    """All codes whose scores are among the listed ones; a score that is not listed is free."""

    r: Scores | None = None
    f: Scores | None = None
    m: Scores | None = None


class RfmClass(Strict):
    """A named group of RFM codes.

    Attributes:
        label: What a marketer calls it.
        boxes: Rules; a code belongs to the class if one of them holds.
        codes: Single codes that belong to the class too, as text ("313").
    """

    label: BothLanguages
    boxes: tuple[CodeBox, ...] = ()
    codes: tuple[CodeText, ...] = ()


class Scheme(Strict):
    """How many scores there are, where they are cut, and which classes they make.

    Rules and codes of classes are written with the highest score as the best one, whatever
    ``best`` says: turning the numbers round must not turn the best customers into lost ones.

    Attributes:
        scores: 3 or 5 scores per measure.
        recency: Breaks in days since the last purchase.
        frequency: Breaks in purchase orders.
        monetary: Breaks in money (business values in currency units).
        classes: Key: class, from the one that is expected to buy most to the least.
    """

    scores: Literal[3, 5]
    recency: Breaks
    frequency: Breaks
    monetary: Breaks
    classes: dict[Name, RfmClass] = Field(min_length=2)

    @model_validator(mode="after")
    def _breaks_fit_the_scores(self) -> Scheme:
        problems = [text for measure in MEASURES for text in self._break_problems(measure)]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @model_validator(mode="after")
    def _classes_are_total_and_disjoint(self) -> Scheme:
        problems = [f"{name} is taken" for name in (ALL, NEW) if name in self.classes]
        found: dict[Code, list[str]] = {code: [] for code in self._all_codes()}
        for name, asked in self.classes.items():
            codes = set(_codes_of(asked, self.scores))
            if not codes:
                problems.append(f"class {name} has no code")
            for code in sorted(codes):
                if code in found:
                    found[code].append(name)
                else:
                    problems.append(f"class {name}: code {text_of(code)} is not of these scores")
        none = [text_of(code) for code, names in found.items() if not names]
        twice = [f"{text_of(c)} ({', '.join(n)})" for c, n in found.items() if len(n) > 1]
        if none:
            problems.append(f"codes in no class: {', '.join(none)}")
        if twice:
            problems.append(f"codes in several classes: {', '.join(twice)}")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _all_codes(self) -> Iterator[Code]:
        yield from product(range(1, self.scores + 1), repeat=3)

    def _break_problems(self, measure: str) -> list[str]:
        asked = self.breaks_of(measure)
        if isinstance(asked, NaturalBreaks):
            return []
        name = "shares" if isinstance(asked, QuantileBreaks) else "values"
        values: tuple[float, ...] | None = getattr(asked, name)
        if values is None:
            return []
        place, wanted = f"{measure}.{name}", self.scores - 1
        problems = []
        if len(values) != wanted:
            problems.append(
                f"{place}: {self.scores} scores need {wanted} values, not {len(values)}"
            )
        if list(values) != sorted(set(values)):
            problems.append(f"{place}: {list(values)} must rise from value to value")
        if name == "values" and measure != "monetary":
            least = {"recency": 0, "frequency": 2}[measure]
            if any(value != int(value) or value < least for value in values):
                problems.append(f"{place}: {list(values)} must be whole numbers from {least} on")
        return problems

    def breaks_of(self, measure: str) -> QuantileBreaks | BusinessBreaks | NaturalBreaks:
        """Return how one measure is cut."""
        found: QuantileBreaks | BusinessBreaks | NaturalBreaks = getattr(self, measure)
        return found

    def class_of(self) -> dict[Code, str]:
        """Return the class of every code (highest score best)."""
        return {
            code: name
            for name, asked in self.classes.items()
            for code in _codes_of(asked, self.scores)
        }


class BacktestOptions(Strict):
    """The later window that classes are judged by.

    Attributes:
        outcome_days: Its length in days; classes are frozen so long before the cutoff.
        fewest_buyers: Customers who must have bought in the window, or nothing is concluded.
    """

    outcome_days: int = Field(ge=1)
    fewest_buyers: int = Field(ge=1)


class ComparisonOptions(Strict):
    """How differences between classes are measured.

    Attributes:
        confidence: Coverage of all intervals.
        bootstrap: Resamples of customers for intervals.
        largest_sample: Customers that are looked at one by one; of more, a sample is drawn.
        fewest_customers: Classes with fewer are described, but not compared.
        seed: Of the sample and the resamples.
    """

    confidence: float = Field(gt=0.5, lt=1)
    bootstrap: int = Field(ge=50)
    largest_sample: int = Field(ge=100)
    fewest_customers: int = Field(ge=2)
    seed: int = Field(ge=0, lt=_LARGEST_SEED)


class RfmOptions(Strict):
    """How customers of an order-line shop are scored and classed.

    Attributes:
        scheme: Which of the schemes is used.
        schemes: Name: scores, breaks and classes.
        best: Whether the highest or the lowest score is printed for the best customers.
        monetary: Net of returns, or gross.
        backtest: The later window.
        comparison: Tests and intervals.
    """

    scheme: Name
    schemes: dict[Name, Scheme] = Field(min_length=1)
    best: Literal["high", "low"]
    monetary: Literal["net", "gross"]
    backtest: BacktestOptions
    comparison: ComparisonOptions

    @model_validator(mode="after")
    def _scheme_exists(self) -> RfmOptions:
        if self.scheme not in self.schemes:
            raise ValueError(f"scheme {self.scheme} is not one of {list(self.schemes)}")
        return self

    @property
    def chosen(self) -> Scheme:
        """The scheme that is used."""
        return self.schemes[self.scheme]

    def shown(self, score: Any) -> Any:
        """Return a score (highest best; a number or a column) as it is printed, and back."""
        return score if self.best == "high" else self.chosen.scores + 1 - score


def text_of(code: Code) -> str:
    """Return a code as text: (3, 1, 3) is "313"."""
    return "".join(str(score) for score in code)


def _codes_of(asked: RfmClass, scores: int) -> list[Code]:
    """Return the codes of a class, once each, those of impossible scores included."""
    free = tuple(range(1, scores + 1))
    boxes = (product(box.r or free, box.f or free, box.m or free) for box in asked.boxes)
    codes: set[Code] = {code for box in boxes for code in box}
    codes |= {(int(text[0]), int(text[1]), int(text[2])) for text in asked.codes}
    return sorted(codes)

"""How good the decline risk is, beside simple rules, for the chapter ``risk``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import Any

import pandas as pd

from personal_offers.features import BothLanguages, FeatureRegistry, Language
from personal_offers.figure_style import number, percent, span
from personal_offers.pipelines.reporting.blocks import (
    Notice,
    Origin,
    Paragraph,
    Tile,
    Tiles,
    both,
    cell,
    figure_from,
    present,
)
from personal_offers.pipelines.reporting.risk_texts import TEXTS
from personal_offers.words import OF_CUSTOMERS, counted

Figures = Mapping[Language, Mapping[str, Any]]
Numbers = Mapping[str, Any]

_DIGITS = 3  # of ROC-AUC and Brier: chance moves the second already
_CONFIDENCE = 0.95


# --- words ---------------------------------------------------------------------------------------
def say(key: str, language: Language, **values: str) -> str:
    """Return a text of a language with its values filled in."""
    return TEXTS[language][key].format(**values)


def paragraph(key: str) -> Paragraph:
    """Return a text without values as a block."""
    return Paragraph(text=both(partial(say, key)))


def _interval(measured: Numbers, confidence: float, language: Language) -> str:
    """Write the interval of a measure as the beginning of a note; nothing where it has none."""
    low, high = measured.get("low"), measured.get("high")
    if low is None or high is None:
        return ""
    return say(
        "interval",
        language,
        confidence=percent(confidence, language),
        span=span(low, high, _DIGITS, language),
    )


def _confidence(metrics: Mapping[str, Any]) -> float:
    return float((metrics.get("protocol") or {}).get("confidence", _CONFIDENCE))


# --- beside simple rules -------------------------------------------------------------------------
@dataclass(frozen=True)
class Verdict:
    """Whether the model that gives the risk is better than the best simple rule.

    Attributes:
        rule: What people call the rule.
        own: Measures of the model.
        other: Measures of the rule.
        gap: ROC-AUC of the model less that of the rule, on the same customers.
        confidence: Coverage of the intervals.
        repeats: How many repetitions of the test the gap rests on, and of how many; None: of all.
    """

    rule: BothLanguages
    own: Mapping[str, Numbers]
    other: Mapping[str, Numbers]
    gap: Numbers
    confidence: float
    repeats: tuple[int, int] | None = None

    @classmethod
    def of(
        cls, metrics: Mapping[str, Any], candidates: pd.DataFrame, registry: FeatureRegistry
    ) -> Verdict | None:
        """Read the verdict; None where nothing was compared."""
        compared = metrics.get("comparison") or {}
        name = compared.get("best_baseline")
        other = (metrics.get("baselines") or {}).get(name)
        if not name or other is None:
            return None
        gap = compared["difference"]
        if not compared.get("chosen_wins", True) and "chosen" in candidates:
            # The comparison speaks of the winner; the risk comes from the model that was chosen.
            chosen = candidates[candidates["chosen"].astype(bool)]
            if chosen.empty:
                return None
            row = chosen.iloc[0]
            ends = {"value": "difference", "low": "difference_low", "high": "difference_high"}
            gap = {end: cell(row[column]) for end, column in ends.items()}
        if gap.get("value") is None:
            return None
        rule = _rule_name(name, other, registry)
        shared = _shared_repeats(metrics, candidates)
        return cls(rule, metrics["metrics"], other, gap, _confidence(metrics), shared)

    @property
    def word(self) -> str:
        """``wins``, ``ties`` or ``loses``."""
        low, high = self.gap.get("low"), self.gap.get("high")
        if low is not None and low > 0:
            return "wins"
        return "loses" if high is not None and high < 0 else "ties"

    def text(self, key: str) -> BothLanguages:
        """Fill a text with the name of the rule and all numbers."""

        def write(language: Language) -> str:
            own, other = (_value(measured, "roc_auc", language) for measured in self._sides())
            return say(
                key,
                language,
                rule=getattr(self.rule, language),
                own=own,
                other=other,
                gap=self.gap_text(language),
                brier=self.brier_text(language),
            )

        return both(write)

    def _sides(self) -> tuple[Mapping[str, Numbers], Mapping[str, Numbers]]:
        return self.own, self.other

    def gap_text(self, language: Language) -> str:
        """Write the difference with its interval."""
        value = number(self.gap["value"], language, _DIGITS)
        if self.gap.get("low") is None or self.gap.get("high") is None:
            return value
        return say(
            "gap_interval",
            language,
            value=value,
            confidence=percent(self.confidence, language),
            span=span(self.gap["low"], self.gap["high"], _DIGITS, language),
        )

    def basis(self, language: Language) -> str:
        """Say so where the gap rests on fewer repetitions, and so is not own less other."""
        if self.repeats is None:
            return ""
        few, every = (number(count, language) for count in self.repeats)
        return say("basis", language, few=few, all=every)

    def brier_text(self, language: Language) -> str:
        """Say so where the rule's probabilities are more exact as well."""
        own, other = ((side.get("brier") or {}).get("value") for side in self._sides())
        if own is None or other is None or own <= other:
            return ""
        sides = [_value(side, "brier", language) for side in self._sides()]
        return say("brier_too", language, own=sides[0], other=sides[1])


def _value(measures: Mapping[str, Numbers], name: str, language: Language) -> str:
    """Write a measure."""
    value = (measures.get(name) or {}).get("value")
    return "—" if value is None else number(value, language, _DIGITS)


def _shared_repeats(metrics: Mapping[str, Any], candidates: pd.DataFrame) -> tuple[int, int] | None:
    """Return how many repetitions all models share, and of how many, where they are not all."""
    every = (metrics.get("protocol") or {}).get("repeats")
    if every is None or "repeats" not in candidates or candidates.empty:
        return None
    few = int(candidates["repeats"].min())
    return (few, int(every)) if few < int(every) else None


def _rule_name(name: str, measures: Mapping[str, Any], registry: FeatureRegistry) -> BothLanguages:
    """Return what people call a simple rule; the best single feature by the feature itself."""
    picks = {
        feature: times
        for feature, times in (measures.get("chosen_in_folds") or {}).items()
        if feature in registry.features
    }
    if name == "best_single_feature" and picks:
        feature = registry.features[max(picks, key=lambda pick: picks[pick])]
        label = feature.label or feature.definition
        return both(
            lambda language: say("named_feature", language, feature=getattr(label, language))
        )
    return both(lambda language: TEXTS[language].get(name, name))


def conclusion(verdict: Verdict | None) -> Notice | None:
    """Say plainly whether the model beats the rule."""
    if verdict is None:
        return None
    level = "info" if verdict.word == "wins" else "warning"
    return Notice(level=level, text=verdict.text(verdict.word))


def quality_tiles(metrics: Mapping[str, Any], verdict: Verdict | None) -> Tiles:
    """Give the few numbers of the model beside those of the rule."""
    own, sure = metrics["metrics"], _confidence(metrics)

    def tile(key: str, value: BothLanguages, note: str, more: Mapping[str, Any]) -> Tile:
        def write(language: Language) -> str:
            filled = {name: fill(language) for name, fill in more.items()}
            return say(note, language, **filled)

        return Tile(label=both(partial(say, key)), value=value, note=both(write))

    def interval(measured: Numbers) -> Any:
        return partial(_interval, measured or {}, sure)

    tiles = [
        tile(
            "auc",
            both(lambda language: _value(own, "roc_auc", language)),
            "auc_note",
            {"interval": interval(own["roc_auc"])},
        )
    ]
    if verdict is not None:
        other, gap = verdict.other, verdict.gap
        tiles.append(
            tile(
                "rule_auc",
                both(lambda language: _value(other, "roc_auc", language)),
                "rule_note",
                {
                    "interval": interval(other["roc_auc"]),
                    "rule": lambda language: getattr(verdict.rule, language),
                },
            )
        )
        tiles.append(
            tile(
                "ahead",
                both(lambda language: number(gap["value"], language, _DIGITS)),
                f"ahead_{verdict.word}",
                {"interval": interval(gap), "basis": verdict.basis},
            )
        )
    return Tiles(tiles=(*tiles, _brier_tile(metrics, verdict), _share_tile(metrics)))


def _brier_tile(metrics: Mapping[str, Any], verdict: Verdict | None) -> Tile:
    """Give the error of the probabilities beside that of the rule and of one risk for all."""
    own = metrics["metrics"]
    sides = {
        "rule": {} if verdict is None else verdict.other,
        "base": (metrics.get("baselines") or {}).get("base_rate") or {},
    }

    def write(language: Language) -> str:
        beside = {
            name: say(f"brier_{name}", language, value=_value(side, "brier", language))
            if side.get("brier")
            else ""
            for name, side in sides.items()
        }
        interval = _interval(own.get("brier") or {}, _confidence(metrics), language)
        return say("brier_note", language, interval=interval, **beside)

    return Tile(
        label=both(partial(say, "brier")),
        value=both(lambda language: _value(own, "brier", language)),
        note=both(write),
    )


def _share_tile(metrics: Mapping[str, Any]) -> Tile:
    """Give the base rate: what share declined."""
    protocol = metrics["protocol"]
    customers = int(protocol["customers"])
    return Tile(
        label=both(partial(say, "share")),
        value=both(lambda language: percent(protocol["declined_share"], language)),
        note=both(
            lambda language: say(
                "share_note", language, customers=counted(customers, OF_CUSTOMERS, language)
            )
        ),
    )


def compare(
    metrics: Mapping[str, Any],
    candidates: pd.DataFrame,
    verdict: Verdict | None,
    figures: Figures | None,
) -> tuple[Any, ...]:
    """Show all models and rules, and say why numbers of chart and tiles may differ."""
    word = "wins" if verdict is not None and verdict.word == "wins" else "ties"
    figure = figure_from(
        figures,
        "candidates",
        both(partial(say, f"candidates_{word}")),
        Origin(dataset="candidates", node="modelling.compare_candidates"),
        main=True,
    )
    if figure is None:
        return ()
    chosen_wins = (metrics.get("comparison") or {}).get("chosen_wins", True)
    notes = [
        _fewer_repeats(metrics, candidates),
        None if chosen_wins else paragraph("not_winner"),
    ]
    return present(figure, *notes)


def _fewer_repeats(metrics: Mapping[str, Any], candidates: pd.DataFrame) -> Paragraph | None:
    """Say so where the chart rests on fewer repetitions than the tiles, and shows another value."""
    if "chosen" not in candidates or "repeats" not in candidates:
        return None
    own = candidates[candidates["chosen"].astype(bool)]
    mean = metrics["metrics"]["roc_auc"]["value"]
    if own.empty or round(own.iloc[0]["roc_auc"], _DIGITS) == round(mean, _DIGITS):
        return None
    few, every = int(own.iloc[0]["repeats"]), int(metrics["protocol"]["repeats"])
    if few >= every:
        return None

    def write(language: Language) -> str:
        return say(
            "repeats",
            language,
            few=number(few, language),
            all=number(every, language),
            first=number(own.iloc[0]["roc_auc"], language, _DIGITS),
            mean=number(mean, language, _DIGITS),
        )

    return Paragraph(text=both(write))


# --- calibration ---------------------------------------------------------------------------------
def calibrate(
    metrics: Mapping[str, Any], reliability: pd.DataFrame | None, figures: Figures | None
) -> tuple[Any, ...]:
    """Show expected and actual shares, and warn where the level of the risk is off."""
    off = _level(reliability, _confidence(metrics))
    figure = figure_from(
        figures,
        "reliability",
        both(partial(say, "reliability_off" if off else "reliability")),
        Origin(dataset="reliability", node="modelling.reliability_table"),
    )
    return present(figure, off)


def _level(reliability: pd.DataFrame | None, confidence: float) -> Notice | None:
    """Warn where the risk as a whole is higher or lower than chance lets it be.

    Were the risk right, the number of decliners would vary by the root of the sum of r (1 - r)
    around its mean (calibration in the large; Cox, 1958). Groups stand for their customers.
    """
    if reliability is None or reliability.empty:
        return None
    counts, risk = reliability["customers"], reliability["mean_risk"]
    customers = float(counts.sum())
    if not customers:
        return None
    expected = float((counts * risk).sum()) / customers
    happened = float(reliability["declined"].sum()) / customers
    spread = math.sqrt(float((counts * risk * (1 - risk)).sum())) / customers
    if abs(expected - happened) <= NormalDist().inv_cdf((1 + confidence) / 2) * spread:
        return None

    def write(language: Language) -> str:
        return say(
            "too_high" if expected > happened else "too_low",
            language,
            expected=percent(expected, language),
            happened=percent(happened, language),
            points=number(100 * abs(expected - happened), language, 1),
        )

    return Notice(level="warning", text=both(write))

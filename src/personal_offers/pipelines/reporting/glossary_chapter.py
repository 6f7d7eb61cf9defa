"""The chapter ``glossary``: the words of the report, each in one or two plain sentences.

A word is left out where the shop has nothing that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from personal_offers.features import Language
from personal_offers.pipelines.reporting.blocks import Chapter, Column, Origin, Table, both
from personal_offers.pipelines.reporting.glossary_texts import TEXTS
from personal_offers.pipelines.reporting.params import ReportingOptions


class _Word(NamedTuple):
    """A word of the report.

    Attributes:
        name: Key of its texts.
        needs: What the shop must have; nothing for words that every report uses.
    """

    name: str
    needs: str | None = None


# Topic: its words, the main ones first.
_WORDS: Mapping[str, tuple[_Word, ...]] = {
    "customers": (
        _Word("risk"),
        _Word("label_given", "tables"),
        _Word("label_computed", "orders"),
        _Word("profit_given", "tables"),
        _Word("profit_computed", "orders"),
        _Word("unit", "units"),
        _Word("at_risk", "model"),
        _Word("regular_given", "tables"),
        _Word("regular_orders", "orders"),
        _Word("net_revenue", "orders"),
        _Word("order_line", "orders"),
        _Word("cutoff", "orders"),
    ),
    "groups": (
        _Word("segment", "model"),
        _Word("rfm", "orders"),
        _Word("rfm_class", "orders"),
        _Word("backtest", "orders"),
        _Word("migration", "orders"),
        _Word("cluster"),
        _Word("stability"),
        _Word("silhouette"),
        _Word("mark", "marks"),
        _Word("main_category", "tables"),
        _Word("interest", "orders"),
        _Word("accuracy", "prediction"),
    ),
    "quality": (
        _Word("auc", "model"),
        _Word("brier", "model"),
        _Word("calibrated", "model"),
        _Word("baseline", "model"),
        _Word("point"),
        _Word("interval"),
        _Word("chance"),
        _Word("out_of_fold", "folds"),
        _Word("out_of_time", "time"),
        _Word("leak", "model"),
        _Word("driver", "model"),
        _Word("profit_curve", "model"),
    ),
    "offers": (
        _Word("offer", "plan"),
        _Word("control", "plan"),
        _Word("save_rate", "plan"),
        _Word("break_even", "plan"),
        _Word("net", "plan"),
        _Word("redemption", "plan"),
        _Word("horizon", "plan"),
        _Word("frontier", "plan"),
        _Word("gate", "plan"),
        _Word("consent", "plan"),
        _Word("provisional", "provisional"),
        _Word("detectable", "plan"),
        _Word("untouchable", "untouchable"),
        _Word("assumption", "plan"),
    ),
    "data": (
        _Word("ledger"),
        _Word("quarantine"),
        _Word("regime", "break"),
        _Word("withheld", "withheld"),
    ),
}


def write_glossary(
    options: ReportingOptions,
    metrics: Mapping[str, Any] | None = None,
    offer_plan: Mapping[str, Any] | None = None,
    view_names: Mapping[str, Any] | None = None,
    era: Mapping[str, Any] | None = None,
    interest_metrics: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the chapter.

    Args:
        options: Of the page.
        metrics: Whether there is a model.
        offer_plan: Whether there is a plan, and what is in it.
        view_names: Which views the shop has.
        era: Of a shop of order lines; whether its data break.
        interest_metrics: Whether interests are predicted.

    Returns:
        The chapter as JSON holds it.
    """
    has = _possessions(metrics, offer_plan, view_names, era, interest_metrics)
    tables = [
        _table(topic, names)
        for topic, words in _WORDS.items()
        if (names := [word.name for word in words if word.needs is None or word.needs in has])
    ]
    title, lead = both(partial(_say, "title")), both(partial(_say, "lead"))
    return Chapter(name="glossary", title=title, lead=lead, blocks=tuple(tables)).plain()


def _say(key: str, language: Language) -> str:
    return TEXTS[language][key]


def _possessions(
    metrics: Mapping[str, Any] | None,
    offer_plan: Mapping[str, Any] | None,
    view_names: Mapping[str, Any] | None,
    era: Mapping[str, Any] | None,
    interest_metrics: Mapping[str, Any] | None,
) -> set[str]:
    """Return what the shop has, of what words need."""
    plan, views, orders = offer_plan or {}, view_names or {}, era is not None
    model = metrics is not None and not metrics.get("withheld")
    predicted = interest_metrics is not None and not interest_metrics.get("withheld")
    gone = [(each or {}).get("withheld") for each in (metrics, era, interest_metrics)]
    found = {
        "orders": orders,
        "tables": not orders,
        "model": model,
        "time": model and orders,
        "folds": model and not orders,
        "break": bool((era or {}).get("break")),
        "prediction": predicted,
        "withheld": any(gone),
        "marks": bool(views.get("marks")),
        "plan": bool(plan),
        "units": len(plan.get("units") or ()) > 1,
        "provisional": bool(plan.get("provisional")),
        "untouchable": bool((plan.get("do_not_touch") or {}).get("customers")),
    }
    return {name for name, there in found.items() if there}


def _table(topic: str, names: list[str]) -> Table:
    """Put the words of a topic under each other."""
    return Table(
        name=f"words_{topic}",
        title=both(partial(_say, f"topic_{topic}")),
        origin=Origin(dataset="chapter_glossary", node="reporting.write_glossary"),
        columns=tuple(
            Column(label=both(partial(_say, key))) for key in ("head_word", "head_meaning")
        ),
        rows=tuple(
            (both(partial(_say, name)), both(partial(_say, f"{name}_is"))) for name in names
        ),
    )

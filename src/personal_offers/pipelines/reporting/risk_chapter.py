"""The chapter ``risk``: what the decline risk means, how good it is, and what it is worth.

Quality stands beside simple rules. Where no model beats them, or nobody has a risk, the chapter
says so before anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd

from personal_offers.activity_params import ActivityOptions
from personal_offers.features import BothLanguages, FeatureRegistry, Language
from personal_offers.figure_style import decimals_of, number, percent, plain, significant
from personal_offers.pipelines.reporting.blocks import (
    Bullets,
    Cell,
    Chapter,
    Column,
    Figure,
    Notice,
    Origin,
    Paragraph,
    Table,
    both,
    cell,
    figure_from,
    missing,
    present,
)
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.pipelines.reporting.risk_quality import (
    Figures,
    Numbers,
    Verdict,
    calibrate,
    compare,
    conclusion,
    paragraph,
    quality_tiles,
    say,
)
from personal_offers.pipelines.reporting.risk_texts import TEXTS
from personal_offers.words import DAYS, MONTHS, ORDERS, Forms, counted

# What stands behind "at least": не меньше 2 заказов.
_OF_ORDERS: Forms = {"ru": ("заказа", "заказов", "заказов"), "en": ORDERS["en"]}
# From this share of customers on, the best threshold leaves practically nobody out.
_NEARLY_ALL = 0.95
_MOST_FINDINGS = 10
_BY_ORDER = "order_"  # of checks that look at ids and the order of rows
_RANKINGS = ("risk_x_profit", "risk", "profit", "random", "ideal")


def write_risk_over_time(
    options: ReportingOptions, registry: FeatureRegistry, activity: ActivityOptions, **parts: Any
) -> dict[str, Any]:
    """Write the chapter of a shop whose label is computed from order lines.

    Args:
        options: Of the page.
        registry: Names of features.
        activity: How the label is computed.
        **parts: As for ``write_risk``.

    Returns:
        The chapter as JSON holds it.
    """
    return write_risk(options, registry, activity=activity, **parts)


def write_risk(
    options: ReportingOptions,
    registry: FeatureRegistry,
    metrics: Mapping[str, Any] | None = None,
    candidates: pd.DataFrame | None = None,
    reliability: pd.DataFrame | None = None,
    decision: Mapping[str, Any] | None = None,
    captured_profit: pd.DataFrame | None = None,
    leak_audit: pd.DataFrame | None = None,
    figure_candidates: Figures | None = None,
    figure_reliability: Figures | None = None,
    figure_profit_curve: Figures | None = None,
    figure_drivers: Figures | None = None,
    activity: ActivityOptions | None = None,
    activity_plan: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the chapter.

    Args:
        options: Of the page.
        registry: Names of features.
        metrics: Quality of model and baselines, or ``withheld`` with the reason.
        candidates: Grain: model or simple rule; which one is chosen, and how far it is ahead.
        reliability: Grain: group of customers by risk: customers, declined, mean_risk.
        decision: Best threshold, everybody, assumptions, unit of profit.
        captured_profit: Grain: ranking and share of customers: captured share of profit at risk.
        leak_audit: Grain: check: verdict and finding in both languages.
        figure_candidates: Models and rules beside each other.
        figure_reliability: Expected risk over what happened.
        figure_profit_curve: Profit over the share of customers contacted.
        figure_drivers: What the score leans on.
        activity: How the label is computed; None where the shop's file gives it.
        activity_plan: Cutoffs, among them the ``test``; None where the file gives the label.

    Returns:
        The chapter as JSON holds it.
    """
    if metrics is None or metrics.get("withheld"):
        return _without_risk(metrics, activity is not None)
    table = pd.DataFrame() if candidates is None else candidates
    verdict = Verdict.of(metrics, table, registry)
    audit = _audit(metrics, leak_audit)
    alarming = bool(audit) and isinstance(audit[0], Notice)
    blocks = present(
        _meaning(activity),
        *(audit if alarming else ()),
        quality_tiles(metrics, verdict),
        conclusion(verdict),
        *_limits(activity_plan),
        *compare(metrics, table, verdict, figure_candidates),
        *calibrate(metrics, reliability, figure_reliability),
        *_decided(decision, figure_profit_curve),
        *_captured(decision, captured_profit, activity is not None),
        _drivers(figure_drivers, activity is not None),
        *(() if alarming else audit),
    )
    lead = None if verdict is None else verdict.text(f"{verdict.word}_lead")
    title = both(partial(say, "title"))
    return Chapter(name="risk", title=title, lead=lead, blocks=blocks).plain()


# --- what it is ----------------------------------------------------------------------------------
def _without_risk(metrics: Mapping[str, Any] | None, over_time: bool) -> dict[str, Any]:
    """Write the chapter of a shop whose risk was not computed: not yet, or with a reason."""
    title, lead, block = both(partial(say, "title")), None, None
    if metrics is None:
        block = missing({name: TEXTS[name]["subject"] for name in TEXTS}, "modelling")
    else:
        lead = both(partial(say, "withheld_lead"))
        block = _withheld(metrics["withheld"], over_time)
    return Chapter(name="risk", title=title, lead=lead, blocks=(block,)).plain()


def _withheld(reason: Mapping[str, str], has_classes: bool) -> Notice:
    """Say why nobody has a risk, and what to use instead."""
    key = "withheld_orders" if has_classes else "withheld_given"
    text = both(lambda language: say(key, language, reason=reason[language].rstrip(".")))
    return Notice(level="warning", text=text)


def _meaning(activity: ActivityOptions | None) -> Paragraph:
    """Say what the risk is the probability of."""
    if activity is None:
        return paragraph("given")

    def write(language: Language) -> str:
        gap = activity.gap_days
        days = {
            name: counted(value, DAYS, language)
            for name, value in (
                ("outcome", activity.outcome_days),
                ("baseline", activity.baseline_days),
                ("recent", activity.recent_days),
            )
        }
        return say(
            "computed",
            language,
            **days,
            share=percent(activity.share, language),
            measure=say(activity.measure, language),
            gap=say("gap", language, days=counted(gap, DAYS, language)) if gap else "",
            orders=counted(activity.minimum_orders, _OF_ORDERS, language),
        )

    return Paragraph(text=both(write))


def _limits(activity_plan: Mapping[str, Any] | None) -> tuple[Paragraph, Bullets]:
    """Say what the risk cannot tell."""
    texts = [both(partial(say, "not_why")), both(partial(say, "not_effect"))]
    test = (activity_plan or {}).get("test")
    if activity_plan is None:
        texts.append(both(partial(say, "not_future")))
    elif test:
        day = datetime.fromisoformat(test)
        forms: Mapping[Language, str] = {"ru": "%d.%m.%Y", "en": "%Y-%m-%d"}
        texts.append(
            both(lambda language: say("not_season", language, date=day.strftime(forms[language])))
        )
    return paragraph("cannot"), Bullets(texts=tuple(texts))


# --- what it is worth ----------------------------------------------------------------------------
def _decided(decision: Mapping[str, Any] | None, figures: Figures | None) -> tuple[Any, ...]:
    """Show whom it pays to contact, and what choosing by risk adds to contacting everybody."""
    if decision is None or decision.get("withheld") or "best" not in decision:
        return ()
    figure = figure_from(
        figures,
        "profit_curve",
        both(partial(_threshold_advice, decision["best"])),
        Origin(dataset="profit_curve", node="modelling.profit_curve"),
        main=True,
    )
    if decision["best"]["threshold"] is None or "everybody" not in decision:
        return present(figure)
    return present(figure, Paragraph(text=both(partial(_beside_everybody, decision))))


def _threshold_advice(best: Numbers, language: Language) -> str:
    """Say whom to contact."""
    if best["threshold"] is None:
        return say("threshold_nobody", language)
    if best["contacted_share"] >= _NEARLY_ALL:
        share = percent(best["contacted_share"], language)
        return say("threshold_all", language, share=share)
    low, high, band = best.get("threshold_low"), best.get("threshold_high"), ""
    if low is not None and high is not None:
        ends = {"low": number(low, language, 2), "high": number(high, language, 2)}
        band = say("threshold_band", language, **ends)
    return say("threshold", language, best=number(best["threshold"], language, 2), band=band)


def _beside_everybody(decision: Mapping[str, Any], language: Language) -> str:
    """Say what the best threshold earns more than contacting everybody."""
    best, everybody = decision["best"]["profit"], decision["everybody"]["profit"]
    gain, out = best - everybody, decision.get("out_of_sample")
    # The three numbers have the same digits, so that they add up; a gain shows at least one.
    decimals = max(decimals_of(best), decimals_of(gain, 1)) if gain > 0 else decimals_of(best)
    nothing = decision["best"]["contacted_share"] >= _NEARLY_ALL
    return say(
        "everybody",
        language,
        everybody=number(everybody, language, decimals),
        best=number(best, language, decimals),
        gain=number(gain, language, decimals),
        months=counted(decision["assumptions"]["horizon_months"]["base"], MONTHS, language),
        unit=decision["unit"][language],
        nothing=say("decides_nothing", language) if nothing else "",
        out=""
        if out is None
        else say("out_of_sample", language, value=number(out, language, decimals)),
    )


def _captured(
    decision: Mapping[str, Any] | None, captured: pd.DataFrame | None, later: bool
) -> tuple[Any, ...]:
    """Show how much of the profit at risk the customers on top of each ranking hold."""
    known = pd.DataFrame() if captured is None else captured
    known = known.dropna(subset=["captured"]) if len(known) else known
    if known.empty:
        return ()
    tops = sorted(known["top_share"].unique())
    by_place = {(row.ranking, row.top_share): row for row in known.itertuples()}
    ranked = [name for name in _RANKINGS if (name, tops[-1]) in by_place]
    rows: list[tuple[Cell, ...]] = []
    for name in ranked:
        shares = [cell(getattr(by_place.get((name, top)), "captured", None)) for top in tops]
        last = by_place[name, tops[-1]]
        ends = (cell(last.captured_low), cell(last.captured_high))
        rows.append((both(partial(say, name)), *shares, *ends))
    last_place = {name: by_place[name, tops[-1]] for name in ranked}
    return present(_captured_table(rows, tops, last_place), _captured_note(decision, known, later))


def _captured_table(
    rows: list[tuple[Cell, ...]], tops: list[float], last: Mapping[str, Any]
) -> Table:
    """Put the rankings under each other; the largest share of customers has an interval."""

    def head(key: str, top: float) -> Column:
        share = round(100 * top, 6)  # 5%, without the digit that percent adds below ten
        label = both(lambda language: say(key, language, share=f"{plain(share, language)}%"))
        return Column(label=label, form="share", decimals=1)

    def title(language: Language) -> str:
        keys = {"both": "risk_x_profit", "risk": "risk", "profit": "profit", "ideal": "ideal"}
        shares = {
            key: percent(last[name].captured, language) if name in last else "—"
            for key, name in keys.items()
        }
        return say("captured_title", language, top=percent(tops[-1], language), **shares)

    return Table(
        name="captured_profit",
        title=both(title),
        advice=both(partial(_captured_advice, last)),
        origin=Origin(dataset="captured_profit", node="modelling.captured_profit"),
        columns=(
            Column(label=both(partial(say, "ranking"))),
            *(head("top", top) for top in tops),
            head("low", tops[-1]),
            head("high", tops[-1]),
        ),
        rows=tuple(rows),
    )


def _captured_advice(last: Mapping[str, Any], language: Language) -> str:
    """Say by what to rank, and what is nearly as good: what lies within the interval."""
    alike, own = "", last.get("risk_x_profit")
    for name in ("profit", "risk"):
        if own is not None and name in last and last[name].captured >= own.captured_low:
            alike = say(f"alike_{name}", language)
            break
    return say("captured_advice", language, alike=alike)


def _captured_note(
    decision: Mapping[str, Any] | None, captured: pd.DataFrame, later: bool
) -> Paragraph | None:
    """Say what profit at risk means in this table."""
    unit = (decision or {}).get("unit")
    if unit is None:
        return None
    amount = float(captured["profit_at_risk"].iloc[0])
    key = "captured_note" if later else "captured_note_given"
    return Paragraph(
        text=both(
            lambda language: say(
                key, language, amount=significant(amount, language), unit=unit[language]
            )
        )
    )


# --- drivers and leaks ---------------------------------------------------------------------------
def _drivers(figures: Figures | None, over_time: bool) -> Figure | None:
    """Show what the score leans on."""
    node = "modelling.explain_today" if over_time else "modelling.explain_folds"
    return figure_from(
        figures,
        "drivers",
        both(partial(say, "drivers")),
        Origin(dataset="drivers", node=node),
        main=True,
    )


def _audit(metrics: Mapping[str, Any], leak_audit: pd.DataFrame | None) -> tuple[Any, ...]:
    """Say whether the model leaks, and list the checks that failed or warned."""
    if leak_audit is None or leak_audit.empty:
        return ()
    verdicts = leak_audit["verdict"]
    failed, warned = leak_audit[verdicts == "fail"], leak_audit[verdicts == "warn"]
    passed = (metrics.get("leak_audit") or {}).get("passed", failed.empty)

    def write(language: Language) -> str:
        every = number(len(leak_audit), language)
        if not passed:
            count = number(len(failed), language)
            return say("audit_failed", language, all=every, failed=count)
        count = number(len(warned), language)
        some = say("audit_warned", language, count=count) if len(warned) else ""
        return say("audit_passed", language, all=every, warned=some)

    text = both(write)
    verdict = Paragraph(text=text) if passed else Notice(level="warning", text=text)
    return verdict, *_findings(pd.concat([failed, warned]))


def _findings(rows: pd.DataFrame) -> tuple[Any, ...]:
    """List what was found, the failures first."""
    if rows.empty:
        return ()
    shown = rows.head(_MOST_FINDINGS)
    texts = [
        BothLanguages(ru=str(russian), en=str(english))
        for russian, english in zip(shown["finding_ru"], shown["finding_en"], strict=True)
    ]
    if more := len(rows) - len(texts):
        texts.append(
            both(lambda language: say("audit_more", language, count=number(more, language)))
        )
    by_order = rows["check"].str.startswith(_BY_ORDER) & (rows["verdict"] == "warn")
    note = paragraph("audit_order") if by_order.any() else None
    return present(Bullets(texts=tuple(texts)), note)

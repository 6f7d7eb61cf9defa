"""The chapter ``interests``: what customers spend on, and how far their interest can be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from personal_offers.currencies import UNITS, currency_of
from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import number, percent, plain, span
from personal_offers.pipelines.reporting.blocks import (
    Bullets,
    Chapter,
    Column,
    Figure,
    Notice,
    Origin,
    Paragraph,
    Table,
    both,
    cell,
    drawn,
    figure_from,
    missing,
    present,
)
from personal_offers.pipelines.reporting.interests_figures import (
    OTHER,
    category_name,
    draw_categories,
)
from personal_offers.pipelines.reporting.interests_texts import TEXTS
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.pipelines.reporting.rfm_figures import date_text, records
from personal_offers.words import CUSTOMERS, OF_CUSTOMERS, counted

Figures = Mapping[Language, Mapping[str, Any]]

_PROFILE = Origin(dataset="category_profile", node="interests.report_categories")
_ACCURACY = Origin(dataset="interest_accuracy", node="interests.evaluate_interests")
_COVERAGE = Origin(dataset="interest_coverage", node="interests.evaluate_interests")
_INTERESTS = Origin(dataset="interests", node="interests.score_interests")
_MOST_ROWS = 40
_HUNDRED = 100
# A tenth of a per cent.
_TENTH = 0.001


def write_interests(
    options: ReportingOptions,
    interests: ir.Table | None = None,
    interest_metrics: dict[str, Any] | None = None,
    interest_accuracy: pd.DataFrame | None = None,
    category_profile: pd.DataFrame | None = None,
    category_report: dict[str, Any] | None = None,
    figure_interest_accuracy: dict[Language, dict[str, Any]] | None = None,
    figure_interest_coverage: dict[Language, dict[str, Any]] | None = None,
    era: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write what customers spend on, and for whom the interest can be told.

    Args:
        options: Of the report.
        interests: Grain: customer: interest (category or null), interest_probability, abstained.
        interest_metrics: ``withheld``, or what predicts, how well, and how well one could.
        interest_accuracy: Grain: number of orders and method.
        category_profile: Grain: category: products, spend (currency units), customers.
        category_report: How much of the spend the categories cover, and where they come from.
        figure_interest_accuracy: Drawn by the stage ``interests``.
        figure_interest_coverage: Likewise.
        era: ``currency``.

    Returns:
        The chapter; parts whose input is missing are left out.
    """
    if category_profile is None and interest_metrics is None:
        what: dict[str, str] = {language: texts["part"] for language, texts in TEXTS.items()}
        blocks: tuple[Any, ...] = (missing(what, "interests"),)
        return Chapter(name="interests", title=_text("title"), blocks=blocks).plain()
    names = _names(category_profile)
    chapter = Chapter(
        name="interests",
        title=_text("title"),
        lead=_lead(category_profile, interest_metrics),
        blocks=present(
            *_categories(category_profile, era),
            _quality(category_report, names),
            *_prediction(
                interest_metrics,
                interest_accuracy,
                figure_interest_accuracy,
                figure_interest_coverage,
            ),
            _by_interest(interests, interest_metrics, names),
        ),
    )
    return chapter.plain()


def _text(key: str) -> BothLanguages:
    return both(lambda lang: TEXTS[lang][key])


def _names(profile: pd.DataFrame | None) -> dict[str, BothLanguages]:
    """Return what the categories are called."""
    if profile is None:
        return {}
    return {str(row["category"]): both(partial(category_name, row)) for row in records(profile)}


def _lead(profile: pd.DataFrame | None, metrics: Mapping[str, Any] | None) -> BothLanguages | None:
    """Say on what most is spent, and whether interests can be told."""

    def write(language: Language) -> str:
        texts, parts = TEXTS[language], []
        known = None if profile is None else profile[profile["spend"] > 0]
        if known is not None and len(known):
            named = known[known["category"] != OTHER] if len(known) > 1 else known
            best = records(named.sort_values("spend", kind="stable"))[-1]
            share = percent(best["spend"] / known["spend"].sum(), language)
            name = category_name(best, language)
            parts.append(texts["lead_spend"].format(name=name, share=share))
        if metrics is not None and metrics.get("withheld"):
            parts.append(texts["lead_withheld"])
        elif metrics is not None and metrics.get("accuracy"):
            orders, found = next(iter(metrics["accuracy"].items()))
            top1 = percent(found["shipped"]["top1"], language)
            parts.append(texts["lead_accuracy"].format(orders=orders, top1=top1))
        return " ".join(parts)

    texts = {language: write(language) for language in TEXTS}
    return BothLanguages(**texts) if all(texts.values()) else None


def _categories(
    profile: pd.DataFrame | None, era: Mapping[str, Any] | None
) -> Sequence[Figure | Table | None]:
    """Draw and list what is spent on each category."""
    if profile is None or profile.empty:
        return ()
    currency = currency_of(era) or UNITS
    figure = figure_from(
        drawn(partial(draw_categories, profile, currency)),
        "category_spend",
        _text("spend_advice"),
        _PROFILE,
        main=True,
    )
    largest = profile.sort_values("spend", ascending=False, kind="stable")
    shown = records(largest.head(_MOST_ROWS))
    key = "categories_cut" if len(largest) > len(shown) else "categories"
    numbers = ("products", "customers", "spend", "spend_share", "top_words")
    table = Table(
        name="categories",
        title=both(
            lambda lang: TEXTS[lang][key].format(
                count=number(len(largest), lang), shown=number(len(shown), lang)
            )
        ),
        advice=_text("categories_advice"),
        origin=_PROFILE,
        columns=(
            Column(label=_text("category")),
            Column(label=_text("products"), form="whole"),
            Column(label=_text("customers"), form="whole"),
            Column(label=_text("spend"), form="money"),
            Column(label=_text("spend_share"), form="share"),
            Column(label=_text("words")),
        ),
        rows=tuple(
            (both(partial(category_name, row)), *(cell(row.get(name)) for name in numbers))
            for row in shown
        ),
        folded=True,
        currency=currency,
    )
    return (figure, table)


def _quality(
    report: Mapping[str, Any] | None, names: Mapping[str, BothLanguages]
) -> Bullets | None:
    """Say how much the categories cover, where they come from, and what they are worth."""
    if report is None:
        return None
    shipped = report["shipped"]
    texts = []
    if shipped["coverage"] is not None:
        texts.append(both(partial(_coverage, report)))
    if shipped.get("how"):
        texts.append(both(partial(_origins, shipped["how"])))
    halves = shipped.get("halves") or {}
    if halves.get("agreement") is not None:
        texts.append(both(partial(_halves, halves)))
    if report["rules"] == "proposal":
        texts.append(_text("proposal"))
    reason = report.get("reason")
    if reason:
        texts.append(both(lambda lang: TEXTS[lang]["few_rules"].format(reason=reason[lang])))
    return Bullets(texts=tuple(texts)) if texts else None


def _coverage(report: Mapping[str, Any], language: Language) -> str:
    shipped = report["shipped"]
    texts = TEXTS[language]
    text = texts["coverage"].format(
        categories=number(shipped["categories"], language),
        share=_tenths(shipped["coverage"], language),
        other=_tenths(shipped["other_share"], language),
    )
    if shipped.get("coverage_after") is not None:
        text += texts["coverage_after"].format(
            split=date_text(report["split"], language),
            share=_tenths(shipped["coverage_after"], language),
        )
    return text + "."


def _tenths(share: float, language: Language) -> str:
    """Write a share that stands beside what it leaves over: 99.6% and 0.4%."""
    if 0 < share < _TENTH / 2:
        return TEXTS[language]["little"].format(value=number(_TENTH * _HUNDRED, language, 1))
    return f"{number(share * _HUNDRED, language, 1)}%"


def _origins(how: Mapping[str, Any], language: Language) -> str:
    """Say what decided on the categories, by share of spend."""
    texts = TEXTS[language]
    parts = [
        texts["origin"].format(
            name=texts.get(f"how_{name}", name),
            share=_tenths(found["spend_share"], language),
            products=number(found["products"], language),
        )
        for name, found in sorted(how.items(), key=lambda each: -float(each[1]["spend_share"] or 0))
        if found["spend_share"] is not None
    ]
    return texts["origins"].format(list="; ".join(parts))


def _halves(halves: Mapping[str, Any], language: Language) -> str:
    return TEXTS[language]["halves"].format(
        lines=number(halves["fewest_lines"], language),
        customers=counted(halves["customers"], CUSTOMERS, language),
        agreement=percent(halves["agreement"], language),
        chance=percent(halves["chance"], language),
    )


def _prediction(
    metrics: Mapping[str, Any] | None,
    accuracy: pd.DataFrame | None,
    accuracy_figure: Figures | None,
    coverage_figure: Figures | None,
) -> Sequence[Any]:
    """Say how often a new customer's interest is named right, and what names it."""
    if metrics is None:
        return ()
    withheld = metrics.get("withheld")
    if withheld:
        text = both(lambda lang: TEXTS[lang]["withheld"].format(reason=withheld[lang]))
        return (Notice(level="warning", text=text),)
    first = _detail(metrics)
    return (
        _paragraph(partial(_tested, metrics)),
        figure_from(accuracy_figure, "interest_accuracy", _text("accuracy_advice"), _ACCURACY),
        _accuracy_table(accuracy),
        _paragraph(partial(_choice, metrics)),
        Notice(level="warning", text=_text("suspicious")) if metrics.get("suspicious") else None,
        figure_from(
            coverage_figure,
            "interest_coverage",
            both(partial(_coverage_advice, first)),
            _COVERAGE,
            main=True,
        ),
    )


def _paragraph(write: partial[str]) -> Paragraph:
    """Return a paragraph that is written by a function of the language."""
    return Paragraph(text=both(write))


def _detail(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the details after the fewest orders."""
    details: Mapping[str, Mapping[str, Any]] = metrics.get("detail") or {}
    return next(iter(details.values()), {})


def _tested(metrics: Mapping[str, Any], language: Language) -> str:
    return TEXTS[language]["tested"].format(split=date_text(metrics["split"], language))


def _choice(metrics: Mapping[str, Any], language: Language) -> str:
    """Say what predicts and why, and how close that is to what anything could reach."""
    text = f"{metrics['choice']['reason'][language]}."
    ceiling = metrics.get("ceiling") or {}
    if ceiling.get("value") is not None:
        text += " " + TEXTS[language]["ceiling"].format(value=percent(ceiling["value"], language))
    return text


def _coverage_advice(detail: Mapping[str, Any], language: Language) -> str:
    """Say whom to ask, with the numbers of those who are sure."""
    texts, point = TEXTS[language], detail.get("at_certainty") or {}
    if point.get("top1") is None:
        return texts["coverage_advice"]
    return texts["coverage_advice_at"].format(
        certainty=plain(point["certainty"], language),
        share=percent(point["share"], language),
        top1=percent(point["top1"], language),
    )


def _accuracy_table(accuracy: pd.DataFrame | None) -> Table | None:
    """List how often the interest is named right, beside the simple rules."""
    if accuracy is None or accuracy.empty:
        return None
    by_method = accuracy.set_index(["after_orders", "method"])["top1"]
    shipped = records(accuracy[accuracy["shipped"].astype(bool)])
    rows = [
        (
            cell(row["after_orders"]),
            cell(row["customers"]),
            cell(row["top1"]),
            both(partial(_interval, row)),
            *(
                cell(by_method.get((row["after_orders"], rule)))
                for rule in ("same_so_far", "majority")
            ),
            cell(row.get("top2")),
        )
        for row in shipped
    ]
    return Table(
        name="interest_accuracy_numbers",
        title=_text("accuracy"),
        advice=_text("top2_advice"),
        origin=_ACCURACY,
        columns=(
            Column(label=_text("orders"), form="whole"),
            Column(label=_text("tested_customers"), form="whole"),
            Column(label=_text("top1"), form="share"),
            Column(label=_text("interval")),
            Column(label=_text("same_so_far"), form="share"),
            Column(label=_text("majority"), form="share"),
            Column(label=_text("top2"), form="share"),
        ),
        rows=tuple(rows),
        folded=True,
    )


def _interval(row: Mapping[str, Any], language: Language) -> str:
    if pd.isna(row["top1_low"]):
        return "—"
    return f"{span(row['top1_low'] * _HUNDRED, row['top1_high'] * _HUNDRED, 0, language)}%"


def interest_table(interests: ir.Table) -> pd.DataFrame:
    """Count customers by their interest, and those for whom it is sure enough.

    Args:
        interests: Grain: customer.

    Returns:
        Grain: interest that somebody has (null: nobody can tell), most customers first:
        interest, customers, sure, judged (with a probability).
    """
    counts = interests.group_by("interest").aggregate(
        customers=interests.count(),
        sure=(~interests.abstained).sum(),
        judged=interests.interest_probability.notnull().sum(),
    )
    frame: pd.DataFrame = counts.to_pandas()
    frame["interest"] = frame["interest"].astype("object").where(frame["interest"].notna(), None)
    return frame.sort_values(
        ["customers", "interest"], ascending=[False, True], kind="stable", ignore_index=True
    )


def _by_interest(
    interests: ir.Table | None,
    metrics: Mapping[str, Any] | None,
    names: Mapping[str, BothLanguages],
) -> Table | None:
    """List how many customers are after what, and for how many that is too unsure."""
    if interests is None:
        return None
    counts = interest_table(interests)
    everyone = int(counts["customers"].sum())
    if not everyone:
        return None
    sure = int(counts["sure"].sum())
    judged = bool(counts["judged"].sum())
    certainty = (_detail(metrics or {}).get("at_certainty") or {}).get("certainty")

    def title(language: Language) -> str:
        return TEXTS[language]["by_interest" if judged else "by_interest_unknown"].format(
            sure=number(sure, language),
            everyone=counted(everyone, OF_CUSTOMERS, language),
            unsure=counted(everyone - sure, CUSTOMERS, language),
        )

    def advice(language: Language) -> str:
        if not judged:
            return TEXTS[language]["ask_all"]
        known = "" if certainty is None else plain(certainty, language)
        return TEXTS[language]["ask" if known else "ask_bare"].format(certainty=known)

    return Table(
        name="interest_customers",
        title=both(title),
        advice=both(advice),
        origin=_INTERESTS,
        columns=(
            Column(label=_text("interest")),
            Column(label=_text("customers"), form="whole"),
            *(Column(label=_text(name), form="whole") for name in ("sure", "unsure") if judged),
        ),
        rows=tuple(
            (
                _interest_name(row["interest"], names),
                cell(row["customers"]),
                *((cell(row["sure"]), cell(row["customers"] - row["sure"])) if judged else ()),
            )
            for row in records(counts.head(_MOST_ROWS))
        ),
    )


def _interest_name(key: Any, names: Mapping[str, BothLanguages]) -> BothLanguages:
    if key is None or pd.isna(key):
        return _text("no_interest")
    return names.get(str(key)) or BothLanguages(ru=str(key), en=str(key))

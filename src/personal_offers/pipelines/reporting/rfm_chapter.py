"""The chapter ``rfm``: codes, boundaries, classes, and what to do with each.

What the classes were worth afterwards is written by ``rfm_backtest``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from personal_offers.currencies import UNITS, currency_of
from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import number, percent
from personal_offers.pipelines.reporting.advice_tables import advice_blocks
from personal_offers.pipelines.reporting.blocks import (
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
    either,
    figure_from,
    missing,
    present,
)
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.pipelines.reporting.rfm_backtest import (
    after_the_cut,
    difference_blocks,
    migration_blocks,
    reason_of,
    verdict_lead,
)
from personal_offers.pipelines.reporting.rfm_figures import (
    Words,
    bounds_text,
    draw_grid,
    records,
    richest,
)
from personal_offers.pipelines.reporting.rfm_texts import TEXTS
from personal_offers.words import CUSTOMERS, DAYS, OF_CUSTOMERS, Forms, counted

_CLASSES: Forms = {"ru": ("класс", "класса", "классов"), "en": ("class", "classes")}
_ALL = "all"
_MEASURES = ("recency", "frequency", "monetary")
# Days without a purchase after which somebody has changed class: two horizons of a mailing plan.
_WEEK, _MONTH = 7, 30
_CENTS = 100
# Heads of these columns where the name of the column is that of another text.
_HEADS = {"measure": "what_to_measure"}


def write_rfm(
    options: ReportingOptions,
    rfm: ir.Table | None = None,
    rfm_breaks: dict[str, Any] | None = None,
    rfm_boundaries: pd.DataFrame | None = None,
    class_profile: pd.DataFrame | None = None,
    class_backtest: pd.DataFrame | None = None,
    class_verdict: dict[str, Any] | None = None,
    class_migration: pd.DataFrame | None = None,
    class_tests: pd.DataFrame | None = None,
    recommendations: pd.DataFrame | None = None,
    view_names: dict[str, Any] | None = None,
    era: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write what the RFM classes are, what they were worth later, and what to do with them.

    Args:
        options: Of the report.
        rfm: Grain: customer: r, f, m, rfm_code, rfm_class, monetary (currency units),
            days_to_next_class; all null but the money where RFM is withheld.
        rfm_breaks: ``monetary``: net or gross.
        rfm_boundaries: Grain: measure and score, best first, with lowest and highest.
        class_profile: Grain: class, then ``all``: size, money, medians.
        class_backtest: Grain: class: what it did in the window after it was frozen.
        class_verdict: Whether the classes kept the order of their names, or why that is unknown.
        class_migration: Grain: class before and class now: customers and money.
        class_tests: Grain: measure, test and pair of classes.
        recommendations: Grain: view and name; those of the view ``class`` are shown.
        view_names: ``classes``: names in both languages, in their order.
        era: ``currency`` and ``withheld``.

    Returns:
        The chapter. Parts whose input is missing are left out; where there are no customers'
        codes at all, it says why.
    """
    words = Words(_class_names(view_names, class_profile), currency_of(era) or UNITS)
    withheld = _withheld(rfm_boundaries, class_profile, era)
    blocks: tuple[Any, ...]
    if withheld is not None:
        blocks = (withheld,)
    elif rfm is None and class_profile is None:
        blocks = (missing(_in_both("part"), "segmentation"),)
    else:
        blocks = present(
            _codes(rfm_boundaries, rfm_breaks),
            *_grid(rfm, rfm_boundaries, words),
            _boundaries(rfm_boundaries, words),
            _profile(class_profile, words),
            _changes(rfm, words),
            *after_the_cut(class_backtest, class_verdict, words),
            *migration_blocks(class_migration, class_verdict, era, words),
            *difference_blocks(class_tests, class_verdict, words),
            *_recommendations(recommendations),
        )
    lead = None if withheld else _lead(class_profile, class_verdict, words)
    chapter = Chapter(
        name="rfm", title=both(lambda lang: TEXTS[lang]["title"]), lead=lead, blocks=blocks
    )
    return chapter.plain()


def _in_both(key: str) -> dict[str, str]:
    return {language: texts[key] for language, texts in TEXTS.items()}


def _label(key: str, **values: Any) -> BothLanguages:
    """Fill a text with counts of days, each by the rules of its language."""
    return both(
        lambda lang: TEXTS[lang][key].format(
            **{name: counted(value, DAYS, lang) for name, value in values.items()}
        )
    )


def _class_names(
    view_names: Mapping[str, Any] | None, profile: pd.DataFrame | None
) -> dict[str, BothLanguages]:
    """Return the names of the classes in their order."""
    if view_names is not None:
        return {name: either(each) for name, each in view_names.get("classes", {}).items()}
    if profile is None:
        return {}
    return {
        str(row["rfm_class"]): either(row, "class_")
        for row in records(profile[profile["rfm_class"] != _ALL])
    }


def _withheld(
    boundaries: pd.DataFrame | None, profile: pd.DataFrame | None, era: Mapping[str, Any] | None
) -> Notice | None:
    """Say why there are no classes, where the shop's data do not carry them."""
    reason = reason_of(era, "rfm")
    empty = boundaries is not None and boundaries.empty
    if reason is None and not empty:
        return None
    unknown = both(lambda lang: TEXTS[lang]["unknown_reason"])
    told = reason or unknown
    return Notice(
        level="warning",
        text=both(lambda lang: TEXTS[lang]["withheld"].format(reason=getattr(told, lang))),
    )


def _lead(
    profile: pd.DataFrame | None, verdict: Mapping[str, Any] | None, words: Words
) -> BothLanguages | None:
    """Say who holds the money, and whether the names of the classes came true."""
    if profile is None:
        return None
    classes = profile[(profile["rfm_class"] != _ALL) & (profile["customers"] > 0)]
    best = _richest_class(classes)
    if best is None:
        return None

    def write(language: Language) -> str:
        text = TEXTS[language]["lead"].format(
            customers=number(int(classes["customers"].sum()), language),
            classes=counted(len(classes), _CLASSES, language),
            name=words.name(best["rfm_class"], language),
            money_share=percent(best["monetary_share"], language),
            share=percent(best["share"], language),
        )
        return text + verdict_lead(verdict, words, language)

    return both(write)


def _codes(boundaries: pd.DataFrame | None, breaks: Mapping[str, Any] | None) -> Paragraph | None:
    """Explain the codes."""
    if boundaries is None:
        return None
    best = str(int(boundaries["score"].iloc[0]))
    kind = str((breaks or {}).get("monetary") or "unknown_kind")
    return Paragraph(
        text=both(
            lambda lang: TEXTS[lang]["codes"].format(
                kind=TEXTS[lang][kind], best=best, code=best * 3
            )
        )
    )


def code_table(rfm: ir.Table) -> pd.DataFrame:
    """Count customers and add up money by code.

    Args:
        rfm: Grain: customer.

    Returns:
        Grain: code that somebody has (125 at most): r, f, m, rfm_code, rfm_class, customers,
        money (currency units).
    """
    keys = ["r", "f", "m", "rfm_code", "rfm_class"]
    known = rfm.filter(rfm.rfm_code.notnull())
    # Whole cents, because sums of floats depend on the order of the rows.
    cents = (known.monetary * _CENTS).round().cast("int64")
    table = known.group_by(keys).aggregate(customers=known.count(), cents=cents.sum())
    frame: pd.DataFrame = table.order_by("rfm_code").to_pandas()
    return frame.assign(money=frame["cents"] / _CENTS).drop(columns="cents")


def _grid(
    rfm: ir.Table | None, boundaries: pd.DataFrame | None, words: Words
) -> tuple[Figure | None]:
    """Draw the codes."""
    if rfm is None:
        return (None,)
    codes = code_table(rfm)
    if codes.empty:
        return (None,)
    best = codes["r"].max() if boundaries is None else boundaries["score"].iloc[0]
    away = richest(codes[codes["r"] != best])

    def advice(language: Language) -> str:
        texts = TEXTS[language]
        code = ""
        if away is not None:
            code = texts["grid_code"].format(
                code=away["rfm_code"],
                money=words.money(away["money"], language),
                customers=counted(away["customers"], OF_CUSTOMERS, language),
            )
        return texts["grid_advice"].format(code=code)

    figure = figure_from(
        drawn(partial(draw_grid, codes, boundaries, words)),
        "rfm_grid",
        both(advice),
        Origin(dataset="rfm", node="segmentation.score_rfm"),
        main=True,
    )
    return (figure,)


def _boundaries(boundaries: pd.DataFrame | None, words: Words) -> Table | None:
    """List the boundaries of every score."""
    if boundaries is None:
        return None
    methods = set(TEXTS["en"])
    rows = [
        (
            _label(row["measure"]),
            str(int(row["score"])),
            both(partial(bounds_text, row, words)),
            cell(row["customers"]),
            cell(row["share"]),
            _label(row["method"]) if row["method"] in methods else str(row["method"]),
        )
        for row in records(boundaries)
    ]
    return Table(
        name="rfm_boundaries",
        title=_label("boundaries"),
        advice=_label("boundaries_advice"),
        origin=Origin(dataset="rfm_boundaries", node="segmentation.describe_rfm"),
        columns=(
            Column(label=_label("measure")),
            Column(label=_label("score")),
            Column(label=_label("bounds")),
            Column(label=_label("customers"), form="whole"),
            Column(label=_label("share"), form="share"),
            Column(label=_label("method")),
        ),
        rows=tuple(rows),
    )


def _profile(profile: pd.DataFrame | None, words: Words) -> Table | None:
    """List the classes with size and money."""
    if profile is None or profile.empty:
        return None
    names = [
        "customers",
        "share",
        "monetary",
        "monetary_share",
        "median_recency_days",
        "median_frequency",
        "median_monetary",
        "average_check",
    ]
    rows = [(_named(row, words), *(cell(row[name]) for name in names)) for row in records(profile)]
    classes = profile[profile["rfm_class"] != _ALL]
    best = _richest_class(classes)

    def title(language: Language) -> str:
        if best is None:
            return TEXTS[language]["class"]
        return TEXTS[language]["profile"].format(
            classes=len(classes),
            name=words.name(best["rfm_class"], language),
            money_share=percent(best["monetary_share"], language),
        )

    return Table(
        name="rfm_classes",
        title=both(title),
        advice=_label("profile_advice"),
        origin=Origin(dataset="class_profile", node="segmentation.profile_classes"),
        columns=(
            Column(label=_label("class")),
            Column(label=_label("customers"), form="whole"),
            Column(label=_label("share"), form="share"),
            Column(label=_label("money"), form="money"),
            Column(label=_label("money_share"), form="share"),
            Column(label=_label("median_recency"), form="whole"),
            Column(label=_label("median_frequency"), form="decimal", decimals=1),
            Column(label=_label("median_money"), form="money"),
            Column(label=_label("check"), form="money"),
        ),
        rows=tuple(rows),
        currency=words.currency,
    )


def _richest_class(classes: pd.DataFrame) -> dict[str, Any] | None:
    """Return the class with most money; None where nobody holds any."""
    known = classes[classes["monetary_share"].notna()]
    return records(known.sort_values("monetary_share", kind="stable"))[-1] if len(known) else None


def _named(row: Mapping[str, Any], words: Words) -> BothLanguages:
    """Return the name of a class, or of all of them."""
    if row["rfm_class"] in words.classes:
        return words.classes[row["rfm_class"]]
    return either(row, "class_")


def change_table(rfm: ir.Table) -> pd.DataFrame:
    """Count by class who changes it soon by buying nothing.

    Args:
        rfm: Grain: customer.

    Returns:
        Grain: class that somebody is in: rfm_class, customers, week, week_money, month,
        month_money (currency units), days (median; null where nobody changes), never.
    """
    known = rfm.filter(rfm.rfm_class.notnull())
    cents = (known.monetary * _CENTS).round().cast("int64")
    days = known.days_to_next_class
    sums: dict[str, Any] = {
        "customers": known.count(),
        "days": days.median(),
        "never": days.isnull().sum(),
    }
    for name, horizon in (("week", _WEEK), ("month", _MONTH)):
        soon = (days <= horizon).fill_null(False)
        sums[name] = soon.sum()
        sums[f"{name}_money"] = soon.ifelse(cents, 0).sum() / _CENTS
    frame: pd.DataFrame = known.group_by("rfm_class").aggregate(**sums).to_pandas()
    return frame


def _changes(rfm: ir.Table | None, words: Words) -> Table | None:
    """List who changes class soon."""
    if rfm is None:
        return None
    frame = change_table(rfm)
    if frame.empty or not (frame["never"] < frame["customers"]).any():
        return None
    order = {name: place for place, name in enumerate(words.classes)}
    frame = frame.assign(place=frame["rfm_class"].map(order).fillna(len(order)))
    frame = frame.sort_values(["place", "rfm_class"], kind="stable")
    names = ["customers", "week", "week_money", "month", "month_money", "days", "never"]
    totals = frame[names].sum()

    def title(language: Language) -> str:
        return TEXTS[language]["change"].format(
            week=counted(_WEEK, DAYS, language),
            month=counted(_MONTH, DAYS, language),
            soon=counted(int(totals["week"]), CUSTOMERS, language),
            soon_money=words.money(totals["week_money"], language),
            later=counted(int(totals["month"]), CUSTOMERS, language),
            later_money=words.money(totals["month_money"], language),
        )

    return Table(
        name="rfm_changes",
        title=both(title),
        advice=_label("change_advice"),
        origin=Origin(dataset="rfm", node="segmentation.score_rfm"),
        columns=(
            Column(label=_label("class")),
            Column(label=_label("customers"), form="whole"),
            Column(label=_label("change_week", week=_WEEK), form="whole"),
            Column(label=_label("change_week_money", week=_WEEK), form="money"),
            Column(label=_label("change_month", month=_MONTH), form="whole"),
            Column(label=_label("change_month_money", month=_MONTH), form="money"),
            Column(label=_label("change_days"), form="whole"),
            Column(label=_label("change_never"), form="whole"),
        ),
        rows=tuple(
            (
                words.names(row["rfm_class"]),
                *(cell(row[name]) for name in names),
            )
            for row in records(frame)
        ),
        currency=words.currency,
    )


def _recommendations(recommendations: pd.DataFrame | None) -> Sequence[Any]:
    """List what to do with each class; what is the same for all is said once."""
    if recommendations is None:
        return ()
    rows = recommendations[recommendations["view"] == "class"]
    return advice_blocks(rows, "rfm_recommendations", TEXTS, "class", _HEADS)

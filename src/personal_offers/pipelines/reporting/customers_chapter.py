"""The chapter ``customers``: who they are, who brings the profit, and who buys less."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import number, percent
from personal_offers.pipelines.reporting.amounts import moment
from personal_offers.pipelines.reporting.blocks import (
    Chapter,
    Figure,
    Notice,
    Origin,
    Paragraph,
    Tile,
    Tiles,
    both,
    drawn,
    figure_from,
    missing,
    present,
)
from personal_offers.pipelines.reporting.customers_activity import (
    counted_group,
    date_figure,
    group_blocks,
    marked_at_test,
    say,
    threshold_figure,
)
from personal_offers.pipelines.reporting.customers_figures import (
    Group,
    concentration,
    draw_concentration,
    holders_of_half,
)
from personal_offers.pipelines.reporting.customers_texts import TEXTS
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.words import CUSTOMERS, DAYS, OF_CUSTOMERS, counted

Facts = Mapping[str, Any]
Floats = npt.NDArray[np.float64]

_BY_LINES = "build_order_customers"
_TOP = 10  # per cent of the customers
# Fewer customers have no tenth.
_FEWEST_TO_RANK = 10
# Twice their equal part: below that, large customers hardly differ from the others.
_EVEN = 2.0


class _Counts(NamedTuple):
    """How many there are; None where it is not known."""

    customers: int
    regular: int | None
    labels: Group | None  # those with a label, and the decliners among them


def write_customers(
    options: ReportingOptions,
    customers: Any | None = None,
    labels: Any | None = None,
    segments: Any | None = None,
    view_names: Mapping[str, Any] | None = None,
    cleaning_ledger: pd.DataFrame | None = None,
    era: Mapping[str, Any] | None = None,
    prevalence: pd.DataFrame | None = None,
    activity_plan: Mapping[str, Any] | None = None,
    cutoff_customers: Any | None = None,
    segment_thresholds: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the chapter.

    Args:
        options: Coverage of intervals, and below how many customers a group is small.
        customers: Ibis; grain: customer: regular, profit per month, revenue where known.
        labels: Ibis; grain: customer: declined (null: no label).
        segments: Ibis; grain: customer: marks and main_category.
        view_names: ``marks``: names by language.
        cleaning_ledger: Grain: source and rule: customers_before, customers_after.
        era: cutoff and regular (shops of order lines, like the three that follow); None where
            labels come ready.
        prevalence: Grain: threshold.
        activity_plan: test and counts by cutoff.
        cutoff_customers: Ibis table; grain: customer and cutoff.
        segment_thresholds: ``marks``: bounds; ``mark_features``: of what.

    Returns:
        The chapter, in the plain form of JSON.
    """
    if customers is None:
        nobody = missing(say("name").model_dump(), "data_processing")
        return Chapter(name="customers", title=say("title"), blocks=(nobody,)).plain()
    confidence, fewest = options.confidence, options.fewest_customers
    who = _read(customers, "customer_id", "regular", "profit", "revenue")
    active = None if labels is None else _read(labels, "customer_id", "declined")
    counts = _count(who, active, fewest, confidence)
    held = concentration(who["profit"]) if "profit" in who else np.empty(0)
    test = (activity_plan or {}).get("test")
    known = marked_at_test(cutoff_customers, activity_plan, segment_thresholds)
    if cutoff_customers is None:
        known = _with_marks(active, segments)
    activity: list[Any] = [missing(say("labels_name").model_dump(), "data_processing")]
    if labels is not None:
        groups = _groups(known, view_names, test, fewest, confidence)
        activity = _activity(counts, fewest, confidence, prevalence, activity_plan, groups)
    tiles = Tiles(tiles=_tiles(counts, cleaning_ledger, era))
    rules = _rules(counts, era, prevalence, activity_plan)
    figure = _profit_figure(who, held, "build_customers" if era is None else _BY_LINES)
    lead, blocks = _lead(counts, held), present(tiles, *rules, figure, *activity)
    return Chapter(name="customers", title=say("title"), lead=lead, blocks=blocks).plain()


def _activity(
    counts: _Counts,
    fewest: int,
    confidence: float,
    prevalence: pd.DataFrame | None,
    activity_plan: Facts | None,
    groups: list[Any],
) -> list[Any]:
    """Return the part on who buys less; labels that tell nobody apart compare nothing."""
    warning = _one_sided(counts, fewest)
    if warning is not None:
        return [warning, threshold_figure(prevalence)]
    dates = date_figure(activity_plan, fewest, confidence)
    return [threshold_figure(prevalence), dates, *groups]


def _read(table: Any, *columns: str) -> pd.DataFrame:
    """Take the columns that exist into memory: customers, never orders."""
    frame: pd.DataFrame = table.select(*(c for c in columns if c in table.columns)).to_pandas()
    return frame


def _count(
    who: pd.DataFrame, active: pd.DataFrame | None, fewest: int, confidence: float
) -> _Counts:
    declined = pd.Series(dtype="bool") if active is None else active["declined"].dropna()
    return _Counts(
        customers=len(who),
        regular=int(who["regular"].eq(True).sum()) if "regular" in who else None,
        labels=counted_group(
            "", len(declined), int(declined.astype("bool").sum()), fewest, confidence
        )
        if len(declined)
        else None,
    )


def _top(held: Floats) -> float | None:
    """Return the share of the profit that the first customers hold."""
    return float(held[_TOP]) if len(held) else None


def _lead(counts: _Counts, held: Floats) -> BothLanguages | None:
    if not counts.customers:
        return None

    def text(language: Language) -> str:
        texts, parts = TEXTS[language], []
        if counts.regular is not None:
            parts.append(
                texts["lead"].format(
                    customers=counted(counts.customers, CUSTOMERS, language),
                    regular=number(counts.regular, language),
                    share=percent(counts.regular / counts.customers, language),
                )
            )
        if counts.labels is not None:
            parts.append(
                texts["lead_declined"].format(
                    declined=number(counts.labels.declined, language),
                    labelled=number(counts.labels.size, language),
                    share=percent(counts.labels.share, language),
                )
            )
        top = _top(held)
        if top is not None and counts.customers >= _FEWEST_TO_RANK:
            parts.append(texts["lead_top"].format(top=f"{_TOP}%", held=percent(top, language)))
        return "".join(parts).strip() or counted(counts.customers, CUSTOMERS, language)

    return both(text)


def _tiles(counts: _Counts, ledger: pd.DataFrame | None, era: Facts | None) -> tuple[Tile, ...]:
    def tile(key: str, value: int, note: str | None = None) -> Tile:
        share = value / counts.customers if counts.customers else 0.0
        return Tile(
            label=say(key),
            value=both(lambda language: number(value, language)),
            note=both(lambda language: TEXTS[language][note].format(share=percent(share, language)))
            if note
            else None,
        )

    tiles = [tile("customers", counts.customers)]
    if counts.regular is not None:
        tiles.append(tile("regular", counts.regular, "of_customers"))
        if counts.regular < counts.customers:
            tiles.append(tile("occasional", counts.customers - counts.regular, "no_risk"))
    return (*tiles, *_left_out(counts, ledger, era), *_declined_tile(counts.labels))


def _left_out(counts: _Counts, ledger: pd.DataFrame | None, era: Facts | None) -> list[Tile]:
    """Count whom the files name and the report leaves out, with the reason."""
    if ledger is None or ledger.empty:
        return []
    of_first = ledger[ledger["source"] == ledger["source"].iloc[0]]
    came = int(of_first["customers_before"].iloc[0])
    removed = came - int(of_first["customers_after"].iloc[-1])
    later = came - removed - counts.customers
    if came <= counts.customers:
        return []

    def note(language: Language) -> str:
        texts = TEXTS[language]
        if later <= 0 or era is None:
            return texts["in_quarantine"]
        return texts["only_later"].format(
            removed=number(removed, language),
            later=number(later, language),
            cutoff=moment(era["cutoff"], language),
        )

    left = came - counts.customers
    value = both(lambda language: number(left, language))
    return [Tile(label=say("left_out"), value=value, note=both(note))]


def _declined_tile(labels: Group | None) -> list[Tile]:
    if labels is None:
        return []

    def note(language: Language) -> str:
        return TEXTS[language]["declined_of"].format(
            declined=number(labels.declined, language),
            labelled=number(labels.size, language),
            low=percent(labels.low, language),
            high=percent(labels.high, language),
        )

    value = both(lambda language: percent(labels.share, language))
    return [Tile(label=say("declined"), value=value, note=both(note))]


def _rules(
    counts: _Counts,
    era: Facts | None,
    prevalence: pd.DataFrame | None,
    activity_plan: Facts | None,
) -> list[Paragraph]:
    """Say who is regular, and what a decline is."""
    if era is None:
        return [Paragraph(text=say("given_rule"))]
    rules, regular = [], era.get("regular")
    if regular is not None:
        orders, days = regular["orders"], regular["recent_days"]

        def who(language: Language) -> str:
            return TEXTS[language]["order_rule"].format(
                orders=number(orders, language),
                days=counted(days, DAYS, language),
                cutoff=moment(era["cutoff"], language, minutes=False),
            )

        rules.append(Paragraph(text=both(who)))
    chosen = None if prevalence is None else prevalence[prevalence["chosen"].eq(True)]
    test = (activity_plan or {}).get("test")
    if chosen is None or chosen.empty or not test or counts.labels is None:
        return rules
    labelled, part = counts.labels.size, float(chosen["share"].iloc[0])

    def what(language: Language) -> str:
        return TEXTS[language]["label_rule"].format(
            test=moment(test, language, minutes=False),
            part=percent(part, language),
            labelled=counted(labelled, OF_CUSTOMERS, language),
        )

    return [*rules, Paragraph(text=both(what))]


def _one_sided(counts: _Counts, fewest: int) -> Notice | None:
    """Warn where nearly all customers have the same label, or none has any."""
    labels = counts.labels
    if labels is None:
        return Notice(level="info", text=say("no_labels"))
    kept = labels.size - labels.declined
    if min(kept, labels.declined) >= fewest:
        return None

    def text(language: Language) -> str:
        return TEXTS[language]["one_sided"].format(
            declined=number(labels.declined, language),
            labelled=number(labels.size, language),
            kept=number(kept, language),
        )

    return Notice(level="warning", text=both(text))


def _with_marks(active: pd.DataFrame | None, segments: Any | None) -> pd.DataFrame | None:
    """Return the labelled customers with their marks and main category."""
    if active is None or segments is None:
        return None
    known = active[active["declined"].notna()]
    return known.merge(segments.to_pandas(), on="customer_id", how="inner")


def _groups(
    known: pd.DataFrame | None,
    view_names: Facts | None,
    test: str | None,
    fewest: int,
    confidence: float,
) -> list[Any]:
    """Return the activity by group, with marks of the date ``test`` or, without one, of today."""
    if known is None or known.empty:
        return []
    if test is None:
        origin = Origin(dataset="segments", node="segmentation.complete_segments")
    else:
        origin = Origin(dataset="cutoff_customers", node="data_processing.build_cutoff_customers")
    return group_blocks(known, view_names, test, origin, fewest, confidence)


def _profit_figure(who: pd.DataFrame, held: Floats, node: str) -> Figure | None:
    """Draw who holds the profit; None with few customers or no profit."""
    top = _top(held)
    if top is None or len(who) < _FEWEST_TO_RANK:
        return None
    revenue = concentration(who["revenue"]) if "revenue" in who else np.empty(0)

    def draw(language: Language) -> Any:
        title = _profit_title(who, held, revenue, language)
        return draw_concentration(held, revenue, title, language)

    even = top < _EVEN * _TOP / 100
    return figure_from(
        drawn(draw),
        "customers_profit",
        say("curve_advice_even" if even else "curve_advice"),
        Origin(dataset="customers", node=f"data_processing.{node}"),
        main=True,
    )


def _profit_title(who: pd.DataFrame, held: Floats, revenue: Floats, language: Language) -> str:
    texts, top = TEXTS[language], f"{_TOP}%"
    half = holders_of_half(who["profit"]) / len(who)
    title = texts["curve_title"].format(top=top, held=percent(float(held[_TOP]), language))
    title += texts["curve_even"].format(half=percent(half, language))
    if len(revenue):
        share = percent(float(revenue[_TOP]), language)
        title += texts["curve_revenue"].format(top=top, held=share)
    none = math.fsum(~(who["profit"] > 0)) / len(who)
    if none:
        title += texts["curve_none"].format(share=percent(none, language))
    return title

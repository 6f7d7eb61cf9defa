"""Who buys less than before: by threshold, by date, and by group of customers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import NormalDist
from typing import Any, NamedTuple

import pandas as pd

from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import number, percent
from personal_offers.pipelines.reporting.amounts import moment
from personal_offers.pipelines.reporting.blocks import (
    Column,
    Figure,
    Origin,
    Paragraph,
    Table,
    both,
    drawn,
    either,
    figure_from,
)
from personal_offers.pipelines.reporting.customers_figures import (
    Group,
    draw_dates,
    draw_groups,
    draw_thresholds,
)
from personal_offers.pipelines.reporting.customers_texts import TEXTS

Facts = Mapping[str, Any]

_LABELLED = "data_processing.label_customers"
_MOST_CATEGORIES = 12
_CATEGORY = "main_category"


class Named(NamedTuple):
    """A group by its name in both languages, and the customers outside of it."""

    name: BothLanguages
    group: Group
    others: Group
    shown: BothLanguages  # the name in a list: of the others as well


def say(key: str) -> BothLanguages:
    """Return a text of the chapter."""
    return both(lambda language: TEXTS[language][key])


def wilson(hits: int, size: int, confidence: float) -> tuple[float, float]:
    """Return the score interval of a share (E. B. Wilson, 1927).

    Args:
        hits: Of ``size``, which is above zero.
        size: How many were looked at.
        confidence: Coverage, share of 1.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, weight = hits / size, z * z / size
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * (share * (1 - share) / size + weight / (4 * size)) ** 0.5
    return max(middle - half, 0.0), min(middle + half, 1.0)


def group_of(label: str, declined: pd.Series, fewest: int, confidence: float) -> Group:
    """Count the decliners of a group.

    Args:
        label: Its name.
        declined: One value (bool) per customer; at least one.
        fewest: Customers below whom it is small.
        confidence: Coverage of the interval, share of 1.
    """
    return counted_group(label, len(declined), int(declined.sum()), fewest, confidence)


def counted_group(label: str, size: int, declined: int, fewest: int, confidence: float) -> Group:
    """Return a group of which the counts are known."""
    low, high = wilson(declined, size, confidence)
    return Group(label, size, declined, declined / size, low, high, size < fewest)


def threshold_figure(prevalence: pd.DataFrame | None) -> Figure | None:
    """Draw the share of decliners by threshold; None where there is none or nobody."""
    if prevalence is None:
        return None
    known = prevalence[prevalence["declined_share"].notna()].sort_values("share")
    chosen = known[known["chosen"].eq(True)]
    if chosen.empty:
        return None
    shares = known["declined_share"]
    same = len(known) == 1 or float(shares.max() - shares.min()) == 0

    def title(language: Language) -> str:
        row = chosen.iloc[0]
        words = {
            "part": percent(row["share"], language),
            "share": percent(row["declined_share"], language),
            "low": percent(row["declined_share_low"], language),
            "high": percent(row["declined_share_high"], language),
            "first": percent(known["share"].iloc[0], language),
            "last": percent(known["share"].iloc[-1], language),
            "least": percent(shares.min(), language),
            "most": percent(shares.max(), language),
        }
        return TEXTS[language]["threshold_same" if same else "threshold_title"].format(**words)

    return figure_from(
        drawn(lambda language: draw_thresholds(known, title(language), language)),
        "customers_thresholds",
        say("threshold_advice_same" if same else "threshold_advice"),
        Origin(dataset="prevalence", node=_LABELLED),
    )


def date_figure(activity_plan: Facts | None, fewest: int, confidence: float) -> Figure | None:
    """Draw the share of decliners by date; None with fewer than two dates."""
    counts = [] if activity_plan is None else activity_plan.get("counts") or []
    dates = [
        counted_group(
            str(each["cutoff"]), int(each["eligible"]), int(each["declined"]), fewest, confidence
        )
        for each in counts
        if each["eligible"]
    ]
    if len(dates) < 2:  # noqa: PLR2004  # one date has nothing to be compared with
        return None

    def title(language: Language) -> str:
        shares = [each.share for each in dates]
        first, last = dates[0], dates[-1]
        return TEXTS[language]["dates_title"].format(
            least=percent(min(shares), language),
            most=percent(max(shares), language),
            first=moment(first.label, language, minutes=False),
            first_share=percent(first.share, language),
            last=moment(last.label, language, minutes=False),
            last_share=percent(last.share, language),
        )

    return figure_from(
        drawn(lambda language: draw_dates(dates, title(language), language)),
        "customers_dates",
        say("dates_advice"),
        Origin(dataset="activity_plan", node=_LABELLED),
    )


def marked_at_test(
    cutoff_customers: Any | None,
    activity_plan: Facts | None,
    thresholds: Facts | None,
) -> pd.DataFrame | None:
    """Return the labelled customers with their marks as of the date of the label.

    Marks of today hold what the label speaks of, so they would explain it by itself.

    Args:
        cutoff_customers: Ibis table; grain: customer and cutoff; with declined and features.
        activity_plan: ``test``: the cutoff of the labels, ISO.
        thresholds: ``marks``: name: ``at_least`` or ``at_most``; ``mark_features``: name: of
            which feature.

    Returns:
        Grain: one labelled customer: declined and a bool per mark; None where any is missing.
    """
    test = None if activity_plan is None else activity_plan.get("test")
    bounds = (thresholds or {}).get("marks") or {}
    features = (thresholds or {}).get("mark_features") or {}
    if cutoff_customers is None or not test or not features or not bounds:
        return None
    t = cutoff_customers
    used = {name: f for name, f in features.items() if f in t.columns and name in bounds}
    rows = t.filter(t.cutoff.cast("date") == pd.Timestamp(test).date())
    frame: pd.DataFrame = rows.select("declined", *sorted(set(used.values()))).to_pandas()
    marked: pd.DataFrame = frame[["declined"]].copy()
    for name, feature in used.items():
        bound = bounds[name]
        values = pd.to_numeric(frame[feature], errors="coerce")
        if "at_least" in bound:
            marked[name] = values >= bound["at_least"]
        else:
            marked[name] = values <= bound["at_most"]
    return marked


def name_groups(
    known: pd.DataFrame, names: Facts | None, fewest: int, confidence: float
) -> list[Named]:
    """Count the decliners by mark and by main category.

    Args:
        known: Grain: one labelled customer: declined (bool), a bool per mark, main_category.
        names: ``marks``: name: its text by language.
        fewest: Customers below whom a group is small.
        confidence: Coverage of the intervals, share of 1.

    Returns:
        Those with each mark beside those without; then each category, the largest first.
    """
    declined = known["declined"].astype("bool")

    def count(which: pd.Series) -> Group:
        return group_of("", declined[which], fewest, confidence)

    groups = []
    for mark, name in _marks(known, names):
        has = known[mark].fillna(False).astype("bool")
        if has.all() or not has.any():
            continue
        without = both(
            lambda language, name=name: TEXTS[language]["group_no"].format(  # type: ignore[misc]
                name=getattr(name, language)
            )
        )
        groups.append(Named(name, count(has), count(~has), name))
        groups.append(Named(name, count(~has), count(has), without))
    if _CATEGORY not in known.columns or not known[_CATEGORY].notna().any():
        return groups
    category = known[_CATEGORY].astype("str").where(known[_CATEGORY].notna(), None)
    for value in category.value_counts(dropna=False).index[:_MOST_CATEGORIES]:
        has = category.isna() if pd.isna(value) else category.eq(value)
        if has.all():
            continue
        name = say("unknown") if pd.isna(value) else _plain(str(value))
        groups.append(Named(name, count(has), count(~has), name))
    return groups


def _plain(text: str) -> BothLanguages:
    """Return a text from data, which reads the same in both languages."""
    return BothLanguages(ru=text or "—", en=text or "—")


def _marks(known: pd.DataFrame, names: Facts | None) -> Iterator[tuple[str, BothLanguages]]:
    for mark, name in ((names or {}).get("marks") or {}).items():
        if mark in known.columns:
            yield mark, either(name)


def group_blocks(
    known: pd.DataFrame,
    names: Facts | None,
    test: str | None,
    origin: Origin,
    fewest: int,
    confidence: float,
) -> list[Figure | Paragraph | Table]:
    """Return the share of decliners by group as a figure, and as a folded table.

    Args:
        known: Grain: one labelled customer, as ``name_groups`` takes them.
        names: Of the marks.
        test: The date of the marks, ISO, where they are not those of today.
        origin: Of the numbers.
        fewest: Customers below whom a group is small.
        confidence: Coverage of the intervals, share of 1.
    """
    groups = name_groups(known, names, fewest, confidence)
    if not groups:
        return []
    overall = float(known["declined"].astype("bool").mean())
    most = _most_declining(groups)

    def draw(language: Language) -> Any:
        labelled = [g.group._replace(label=getattr(g.shown, language)) for g in groups]
        title = _finding(most, language)
        return draw_groups(labelled, overall, fewest, confidence, title, language)

    advice = say("groups_advice" if most else "groups_advice_none")
    figure = figure_from(drawn(draw), "customers_groups", advice, origin, main=True)
    blocks: list[Figure | Paragraph | Table] = [] if figure is None else [figure]
    blocks += _group_notes(known, test)
    return [*blocks, _group_table(groups, origin)]


def _most_declining(groups: list[Named]) -> Named | None:
    """Return the group that stands out most; None where all could be alike.

    Intervals that do not touch are a stricter test than one at the same level.
    """
    apart = [
        each
        for each in groups
        if not each.group.small and not each.others.small and each.group.low > each.others.high
    ]
    return max(apart, key=lambda each: each.group.share - each.others.share, default=None)


def _finding(most: Named | None, language: Language) -> str:
    if most is None:
        return TEXTS[language]["groups_none"]
    return TEXTS[language]["groups_title"].format(
        name=getattr(most.shown, language),
        share=percent(most.group.share, language),
        low=percent(most.group.low, language),
        high=percent(most.group.high, language),
        size=number(most.group.size, language),
        other=percent(most.others.share, language),
    )


def _group_notes(known: pd.DataFrame, test: str | None) -> list[Paragraph]:
    """Say of when the marks are, and whether categories are left out."""
    notes = []
    if test is not None:

        def when(language: Language) -> str:
            day = moment(test, language, minutes=False)
            return TEXTS[language]["groups_when"].format(test=day)

        notes.append(Paragraph(text=both(when)))
    categories = known[_CATEGORY].nunique() if _CATEGORY in known.columns else 0
    if categories > _MOST_CATEGORIES:
        counts = {"shown": _MOST_CATEGORIES, "all": categories}
        notes.append(
            Paragraph(text=both(lambda language: TEXTS[language]["more_groups"].format(**counts)))
        )
    return notes


def _group_table(groups: list[Named], origin: Origin) -> Table:
    columns = [Column(label=say("col_group"))]
    columns += [Column(label=say(f"col_{key}"), form="whole") for key in ("customers", "declined")]
    columns += [
        Column(label=say(f"col_{key}"), form="share", decimals=1)
        for key in ("share", "low", "high")
    ]
    return Table(
        name="customers_groups_table",
        title=say("groups_table"),
        origin=origin,
        columns=(*columns, Column(label=say("col_note"))),
        rows=tuple(
            (
                each.shown,
                each.group.size,
                each.group.declined,
                each.group.share,
                each.group.low,
                each.group.high,
                say("small") if each.group.small else "",
            )
            for each in groups
        ),
        folded=True,
    )

"""The chapter ``segments``: who is at risk, how much they earn, and what to do with whom."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from personal_offers.features import BothLanguages, FeatureRegistry, Language
from personal_offers.figure_style import SPACE, number
from personal_offers.pipelines.reporting.advice_tables import advice_blocks
from personal_offers.pipelines.reporting.blocks import (
    Block,
    Bullets,
    Chapter,
    Column,
    Figure,
    Notice,
    Origin,
    Paragraph,
    Table,
    Widget,
    cell,
    drawn,
    either,
    figure_from,
    missing,
    present,
)
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.pipelines.reporting.profit_unit import (
    ReportUnits,
    ShopUnits,
    read_units,
)
from personal_offers.pipelines.reporting.segments_figures import (
    CELLS,
    MapData,
    draw_profit_bars,
    draw_risk_profit_map,
    number_of,
    segment_sums,
    share_of,
)
from personal_offers.pipelines.reporting.segments_texts import TEXTS
from personal_offers.pipelines.reporting.spoken import amounts, counts, filled, percents, texts_of
from personal_offers.pipelines.reporting.threshold_grid import SCALE_DIGITS
from personal_offers.pipelines.reporting.view_params import ReportViews
from personal_offers.words import OF_CUSTOMERS

Row = Mapping[Hashable, Any]

_ALL = "all"
_PER_MONTH = BothLanguages(ru="в месяц", en="a month")
_DRIVERS_SHOWN = 3
_WHOLE_FROM = 100
# Probability below which a feature says nothing about a segment.
_SMALLEST_DRIVER = 0.005
# Column of the profile: its label.
_LABELS = {
    "customers": "customers",
    "share": "share",
    "mean_risk": "mean_risk",
    "declined_share": "declined",
    "mean_profit": "mean_profit",
    "profit": "profit",
    "profit_at_risk": "at_risk",
    "at_risk_share": "at_risk_share",
}
# Below it two views say different things.
_WEAK_AGREEMENT = 0.1
_GRID = Origin(dataset="threshold_grid", node="reporting.count_threshold_grid")
_DRIVERS = Origin(dataset="segment_drivers", node="segmentation.drivers_by_segment")
_AGREEMENT = Origin(dataset="view_agreement", node="segmentation.compare_views")


@dataclass(frozen=True)
class _Shop:
    """What all blocks of the chapter need to know of the shop.

    Attributes:
        profile: Grain: segment with a customer, then ``all``.
        cells: Grid of customers with a place on it and its stops; None where there is none.
        unknown: Row of the grid with customers who have none; None where there is no grid.
        thresholds: risk and profit.
        names: Of the four segments, by level of risk and of profit.
        units: Of money.
        has_classes: Whether those without a risk stand in RFM classes.
        confidence: Of the intervals.
    """

    profile: pd.DataFrame
    cells: pd.DataFrame | None
    unknown: Row | None
    thresholds: Mapping[str, Any]
    names: dict[str, BothLanguages]
    units: ShopUnits
    has_classes: bool
    confidence: float

    @property
    def has_risk(self) -> bool:
        """Whether anybody has a risk."""
        return bool(self.profile["profit_at_risk"].notna().any())

    @property
    def origin(self) -> Origin:
        """Of the profile."""
        node = "profile_segments_and_classes" if self.has_classes else "profile_segments"
        return Origin(dataset="segment_profile", node=f"segmentation.{node}")


def write_segments(
    options: ReportingOptions,
    registry: FeatureRegistry,
    views: ReportViews,
    plan: ReportUnits,
    segment_profile: pd.DataFrame | None = None,
    segment_thresholds: dict[str, Any] | None = None,
    threshold_grid: ir.Table | None = None,
    view_names: dict[str, Any] | None = None,
    model_gate: dict[str, Any] | None = None,
    segment_drivers: pd.DataFrame | None = None,
    view_agreement: pd.DataFrame | None = None,
    conflict_summary: pd.DataFrame | None = None,
    recommendations: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Write the chapter of risk x profit.

    Args:
        options: Of the report.
        registry: What features are called.
        views: Segments with their cells and names, confidence.
        plan: Currency and unit of profit.
        segment_profile: Grain: segment, then ``all``; None where segmentation has not run.
        segment_thresholds: Configured thresholds.
        threshold_grid: Grain: cell of risk x profit (``count_threshold_grid``).
        view_names: What classes are called, to tell them from segments.
        model_gate: ``withheld``: why the shop has no risk.
        segment_drivers: Grain: segment and feature.
        view_agreement: Grain: pair of views.
        conflict_summary: Grain: conflict between views.
        recommendations: Grain: view and name.

    Returns:
        The chapter, as JSON holds it.
    """
    if segment_profile is None or _ALL not in set(segment_profile["segment"]):
        lacking = missing(texts_of(TEXTS, "subject"), "segmentation")
        return Chapter(name="segments", title=filled(TEXTS, "title"), blocks=(lacking,)).plain()
    shop = _gather(segment_profile, threshold_grid, segment_thresholds, view_names, views, plan)
    gate = (model_gate or {}).get("withheld")
    blocks: tuple[Block, ...] = present(
        *_opening(shop, gate),
        *_pictures(shop),
        *_profile_tables(shop),
        _drivers_table(shop, segment_drivers, registry),
        *_recommendations(shop, recommendations),
        _agreement_table(shop, view_agreement),
        *_conflicts(shop, conflict_summary),
    )
    title = filled(TEXTS, "title" if shop.has_risk else "title_profit")
    return Chapter(name="segments", title=title, lead=_lead(shop), blocks=blocks).plain()


def _gather(
    profile: pd.DataFrame,
    grid: ir.Table | None,
    thresholds: Mapping[str, Any] | None,
    view_names: Mapping[str, Any] | None,
    views: ReportViews,
    plan: ReportUnits,
) -> _Shop:
    """Read the inputs once, for all blocks."""
    cells, unknown = _read_grid(grid)
    known = thresholds or {}
    if known.get("risk") is None or known.get("profit") is None:
        cells = None
    return _Shop(
        profile=profile[(profile["customers"] > 0) | (profile["segment"] == _ALL)],
        cells=cells,
        unknown=unknown,
        thresholds=known,
        names={f"{each.risk}_{each.profit}": each.label for each in views.segments.values()},
        units=read_units(plan),
        has_classes=bool((view_names or {}).get("classes")),
        confidence=views.confidence,
    )


def _read_grid(grid: ir.Table | None) -> tuple[pd.DataFrame | None, Row | None]:
    """Split the grid into its cells and the row of those without a place on it."""
    if grid is None:
        return None, None
    frame = grid.to_pandas()
    is_cell = frame["risk_from"].notna()
    if not (frame.loc[is_cell, "customers"] > 0).any():
        return None, None
    rest = frame[~is_cell].to_dict("records")
    return frame[is_cell].reset_index(drop=True), rest[0] if rest else None


def _named(texts: BothLanguages) -> dict[Language, str]:
    return {"ru": texts.ru, "en": texts.en}


def _everyone(shop: _Shop) -> Row:
    return shop.profile[shop.profile["segment"] == _ALL].to_dict("records")[0]


def _at_risk(shop: _Shop) -> pd.DataFrame:
    """Return the segments whose customers have a risk."""
    parts = shop.profile[shop.profile["segment"] != _ALL]
    return parts[parts["profit_at_risk"].notna()]


def _lead(shop: _Shop) -> BothLanguages | None:
    """Say how much profit there is and how much of it is at risk; nothing where none is known."""
    everyone, unit = _everyone(shop), shop.units.profit
    if not shop.has_risk and cell(everyone["profit"]) is None:
        return None
    if not shop.has_risk:
        return filled(
            TEXTS,
            "lead_profit",
            customers=counts(everyone["customers"], OF_CUSTOMERS),
            profit=amounts(everyone["profit"], unit),
        )
    parts = _at_risk(shop)
    profit, at_risk = float(parts["profit"].sum()), float(everyone["profit_at_risk"])
    share = dict.fromkeys(TEXTS, "")
    if profit > 0 and at_risk >= 0:
        share = _named(filled(TEXTS, "lead_share", share=percents(at_risk / profit)))
    return filled(
        TEXTS,
        "lead",
        customers=counts(int(parts["customers"].sum()), OF_CUSTOMERS),
        profit=amounts(profit, unit),
        at_risk=amounts(at_risk, unit),
        share=share,
    )


def _opening(shop: _Shop, withheld: Mapping[str, str] | None) -> list[Block | None]:
    """Say where high begins, who has no risk, and what a unit of profit is."""
    blocks: list[Block | None] = []
    if not shop.has_risk:
        text = (
            filled(TEXTS, "no_risk_plain")
            if withheld is None
            else filled(TEXTS, "no_risk", reason=_named(either(withheld)))
        )
        blocks.append(Notice(level="warning", text=text))
        if shop.has_classes:
            blocks.append(Paragraph(text=filled(TEXTS, "classes_instead")))
    elif {"risk", "profit"} <= shop.thresholds.keys() and None not in shop.thresholds.values():
        threshold = shop.thresholds
        blocks.append(
            Paragraph(
                text=filled(
                    TEXTS,
                    "rule",
                    risk={language: share_of(threshold["risk"], language) for language in TEXTS},
                    profit={
                        language: number_of(threshold["profit"], language)
                        + SPACE
                        + getattr(shop.units.profit, language)
                        for language in TEXTS
                    },
                )
            )
        )
    rest = int(_everyone(shop)["customers"]) - int(_at_risk(shop)["customers"].sum())
    if shop.has_risk and rest:
        key = "rest_in_classes" if shop.has_classes else "rest"
        blocks.append(Paragraph(text=filled(TEXTS, key, customers=counts(rest))))
    if shop.units.assumed is not None:
        blocks.append(Paragraph(text=filled(TEXTS, "assumed", unit=_named(shop.units.assumed))))
    return blocks


def _pictures(shop: _Shop) -> list[Block | None]:
    """Return the map, the sliders and the bars; without a risk the bars of profit alone."""
    if not shop.has_risk:
        return [_bars(shop, "profit", "classes_advice")]
    bars = _bars(shop, "profit_at_risk", "bars_advice")
    if shop.cells is None:
        return [missing(texts_of(TEXTS, "grid"), "reporting"), bars]
    data = MapData(
        cells=shop.cells,
        risk=float(shop.thresholds["risk"]),
        profit=float(shop.thresholds["profit"]),
        names=shop.names,
        unit=shop.units.profit,
    )
    picture = figure_from(
        drawn(lambda language: draw_risk_profit_map(data, language)),
        "risk_profit_map",
        _map_advice(data),
        _GRID,
        main=True,
    )
    return [picture, _widget(shop, data), bars]


def _map_advice(data: MapData) -> BothLanguages:
    """Say where to spend; what is at risk at a low risk is another matter than who leaves."""
    sums = segment_sums(data)
    top = max(CELLS, key=lambda name: sums[name]["profit_at_risk"])
    start = _named(data.names["high_high"])
    if top.startswith("low"):
        return filled(TEXTS, "map_advice_low", top=_named(data.names[top]), name=start)
    return filled(TEXTS, "map_advice", name=start)


def _bars(shop: _Shop, column: str, advice: str) -> Figure | None:
    parts = shop.profile[shop.profile["segment"] != _ALL]
    if parts[column].isna().all():
        return None
    return figure_from(
        drawn(
            lambda language: draw_profit_bars(
                shop.profile, column, shop.units.profit, shop.confidence, language
            )
        ),
        f"{column}_by_segment",
        filled(TEXTS, advice),
        shop.origin,
        main=True,
    )


def _widget(shop: _Shop, data: MapData) -> Widget:
    """Return the sliders with their data."""
    unknown = shop.unknown or {"customers": 0, "profit": 0}
    return Widget(
        widget="thresholds",
        title=filled(TEXTS, "widget"),
        advice=filled(TEXTS, "widget_advice", name=_named(shop.names["high_high"])),
        origin=_GRID,
        data=slider_data(data)
        | {
            "unknown": {name: int(unknown[name]) for name in ("customers", "profit")},
            "per": _PER_MONTH.model_dump(),
        },
    )


def slider_data(data: MapData) -> dict[str, Any]:
    """Turn the grid into what the sliders of the page read.

    Args:
        data: Cells with their stops, configured thresholds, names, unit.

    Returns:
        risk_stops and profit_stops (ascending), risk and profit (the configured ones, among the
        stops), cells ([place of the risk stop, place of the profit stop, customers, profit,
        profit at risk], the two amounts whole numbers of 10^-scale_digits units; only cells with
        a customer), scale_digits, names and unit in both languages.
    """
    cells = data.cells
    risks = sorted({*cells["risk_from"].tolist(), data.risk})
    profits = sorted({*cells["profit_from"].tolist(), data.profit})
    taken = cells[cells["customers"] > 0]
    places = (
        taken["risk_from"].map({stop: place for place, stop in enumerate(risks)}),
        taken["profit_from"].map({stop: place for place, stop in enumerate(profits)}),
        *(taken[name] for name in ("customers", "profit", "profit_at_risk")),
    )
    return {
        "risk_stops": risks,
        "profit_stops": profits,
        "risk": data.risk,
        "profit": data.profit,
        "cells": [[int(value) for value in row] for row in zip(*places, strict=True)],
        "scale_digits": SCALE_DIGITS,
        "names": {name: data.names[name].model_dump() for name in CELLS},
        "unit": data.unit.model_dump(),
    }


def _profile_tables(shop: _Shop) -> list[Block | None]:
    """Return the profile as a short table, and folded with all its intervals."""
    profile = shop.profile
    shown = ["customers", "share"]
    if shop.has_risk:
        shown.append("mean_risk")
    if profile["declined_share"].notna().any():
        shown.append("declined_share")
    shown += ["mean_profit", "profit"]
    if shop.has_risk:
        shown += ["profit_at_risk", "at_risk_share"]
    measured = [name for name in shown if f"{name}_low" in profile.columns]
    ends = [f"{name}{end}" for name in measured for end in ("", "_low", "_high")]
    confidence = percents(shop.confidence)
    title = filled(TEXTS, "profile" if shop.has_risk else "profile_profit")
    return [
        _profile_table(shop, "segment_profile", shown, title, folded=False),
        _profile_table(
            shop,
            "segment_intervals",
            ends,
            filled(TEXTS, "intervals", confidence=confidence),
            folded=True,
        ),
    ]


def _profile_table(
    shop: _Shop, name: str, columns: Sequence[str], title: BothLanguages, folded: bool
) -> Table:
    """Lay columns of the profile out as a table."""
    at_risk = shop.profile["profit_at_risk"].astype(float)
    total = at_risk[shop.profile["segment"] == _ALL].sum()
    # Of a total that losses go into, parts are no shares.
    is_whole = total > 0 and not (at_risk < 0).any()
    table = shop.profile.assign(at_risk_share=at_risk / total if is_whole else math.nan)
    is_advised = shop.has_risk and not folded
    return Table(
        name=name,
        title=title,
        advice=filled(TEXTS, "profile_advice") if is_advised else None,
        origin=shop.origin,
        columns=(
            Column(label=filled(TEXTS, "segment" if shop.has_risk else "group")),
            *(_column(name, table) for name in columns),
        ),
        rows=tuple(
            (either(_strings(row), "name_"), *(cell(row[column]) for column in columns))
            for row in table.to_dict("records")
        ),
        folded=folded,
        currency=shop.units.profit,
    )


def _strings(row: Row) -> dict[str, str]:
    return {str(key): str(value) for key, value in row.items()}


def _column(name: str, table: pd.DataFrame) -> Column:
    """Return the head and the form of a column of the profile."""
    bare = name.removesuffix("_low").removesuffix("_high")
    label = filled(TEXTS, _LABELS[bare])
    if name != bare:
        label = filled(TEXTS, name.removeprefix(f"{bare}_"), what=_named(label))
    if bare == "customers":
        return Column(label=label, form="whole")
    if bare in ("share", "mean_risk", "declined_share", "at_risk_share"):
        return Column(label=label, form="share", decimals=1)
    largest = table[bare].astype(float).abs().max()  # of the value, so that its bounds look alike
    return Column(label=label, form="money", decimals=0 if largest >= _WHOLE_FROM else 2)


def _drivers_table(
    shop: _Shop, drivers: pd.DataFrame | None, registry: FeatureRegistry
) -> Table | None:
    """Return what moves the risk of each segment most; None where nothing does."""
    if drivers is None or drivers.empty:
        return None
    placed = drivers[
        drivers["segment"].isin(shop.profile["segment"])
        & (drivers["mean_contribution"].abs() >= _SMALLEST_DRIVER)
    ]
    order = {name: place for place, name in enumerate(shop.profile["segment"])}
    top = placed[placed["rank"] <= _DRIVERS_SHOWN]
    top = top.assign(place=top["segment"].map(order)).sort_values(["place", "rank"], kind="stable")
    if top.empty:
        return None
    names = {row["segment"]: either(_strings(row), "name_") for row in _records(shop.profile)}
    order_by_size = top["mean_contribution"].abs().sort_values(ascending=False, kind="stable")
    strongest = _records(top.loc[order_by_size.index[:1]])[0]
    points = float(strongest["mean_contribution"]) * 100
    title = filled(
        TEXTS,
        "drivers",
        name=_named(names[strongest["segment"]]),
        feature=_named(_feature(str(strongest["feature"]), registry)),
        direction=_named(filled(TEXTS, "raises" if points > 0 else "lowers")),
        points={language: number(abs(points), language, 1) for language in TEXTS},
    )
    return Table(
        name="segment_drivers",
        title=title,
        advice=filled(TEXTS, "drivers_advice"),
        origin=_DRIVERS,
        columns=(
            Column(label=filled(TEXTS, "segment")),
            Column(label=filled(TEXTS, "feature")),
            Column(label=filled(TEXTS, "adds"), form="decimal", decimals=1),
            Column(label=filled(TEXTS, "explained"), form="whole"),
        ),
        rows=tuple(
            (
                names[row["segment"]],
                _feature(str(row["feature"]), registry),
                cell(row["mean_contribution"] * 100),
                cell(row["customers"]),
            )
            for row in _records(top)
        ),
    )


def _records(table: pd.DataFrame) -> list[dict[Hashable, Any]]:
    return table.to_dict("records")


def _feature(name: str, registry: FeatureRegistry) -> BothLanguages:
    """Return what a feature is called; its name where the registry has lost it."""
    feature = registry.features.get(name)
    if feature is None:
        return BothLanguages(ru=name, en=name)
    return feature.label or feature.definition


def _recommendations(shop: _Shop, recommendations: pd.DataFrame | None) -> Sequence[Block]:
    """Return what to do with each segment that has a customer."""
    if recommendations is None:
        return [missing(texts_of(TEXTS, "recommended"), "offers")]
    own = recommendations[recommendations["view"] == "segment"]
    rows = own[own["name"].isin(shop.profile["segment"])]
    return advice_blocks(rows, "segment_recommendations", TEXTS, "segment")


def _agreement_table(shop: _Shop, agreement: pd.DataFrame | None) -> Table | None:
    """Return how far the views of a customer agree."""
    if agreement is None or agreement.empty:
        return None
    return Table(
        name="view_agreement",
        title=_agreement_finding(agreement),
        advice=filled(TEXTS, "agreement_advice" if shop.has_risk else "agreement_advice_plain"),
        origin=_AGREEMENT,
        columns=(
            Column(label=filled(TEXTS, "view")),
            Column(label=filled(TEXTS, "other_view")),
            Column(label=filled(TEXTS, "both_views"), form="whole"),
            *(
                Column(label=label, form="decimal", decimals=2)
                for label in (
                    filled(TEXTS, "measure_of_agreement"),
                    filled(TEXTS, "low", what=_named(filled(TEXTS, "measure_of_agreement"))),
                    filled(TEXTS, "high", what=_named(filled(TEXTS, "measure_of_agreement"))),
                )
            ),
            Column(label=filled(TEXTS, "note")),
        ),
        rows=tuple(
            (
                either(_strings(row), "view_"),
                either(_strings(row), "other_view_"),
                cell(row["customers"]),
                *(cell(row.get(f"agreement{end}")) for end in ("", "_low", "_high")),
                _agreement_note(row),
            )
            for row in _records(agreement)
        ),
    )


def _agreement_note(row: Row) -> BothLanguages | None:
    """Say why a pair is not compared, or why its agreement is no discovery."""
    if isinstance(row.get("why_not_ru"), str):
        return either(_strings(row), "why_not_")
    return filled(TEXTS, "same_numbers") if row["same_numbers"] else None


def _agreement_finding(agreement: pd.DataFrame) -> BothLanguages:
    """Name the two views that agree most, of those that are not made from the same numbers."""
    pairs = agreement[agreement["agreement"].notna() & ~agreement["same_numbers"].astype(bool)]
    if pairs.empty:
        return filled(TEXTS, "no_agreement")
    top = _records(pairs.sort_values("agreement", ascending=False, kind="stable"))[0]
    values = {
        name: {language: number(float(top[column]), language, 2) for language in TEXTS}
        for name, column in (
            ("agreement", "agreement"),
            ("low", "agreement_low"),
            ("high", "agreement_high"),
        )
    }
    return filled(
        TEXTS,
        "agreement" if top["agreement"] >= _WEAK_AGREEMENT else "agreement_weak",
        one={language: str(top[f"view_{language}"]) for language in TEXTS},
        other={language: str(top[f"other_view_{language}"]) for language in TEXTS},
        **values,
    )


def _conflicts(shop: _Shop, conflicts: pd.DataFrame | None) -> list[Block | None]:
    """List who stands high in one view and low in another."""
    if conflicts is None or not (conflicts["customers"] > 0).any():
        return []
    lines = tuple(
        filled(
            TEXTS,
            "conflict",
            name=_named(either(_strings(row), "name_")),
            customers=counts(row["customers"]),
            of={language: number(row["of"], language) for language in TEXTS},
            share=percents(row["share"]),
            at_risk=amounts(row["profit_at_risk"], shop.units.profit),
        )
        for row in _records(conflicts[conflicts["customers"] > 0])
    )
    return [Paragraph(text=filled(TEXTS, "conflicts")), Bullets(texts=lines)]

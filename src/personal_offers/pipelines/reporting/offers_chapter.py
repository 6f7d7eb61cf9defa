"""The chapter ``offers``: who gets which offer, what that brings, and how far it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Literal

import ibis.expr.types as ir
import pandas as pd

from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import number, percent
from personal_offers.pipelines.reporting.blocks import (
    Chapter,
    Column,
    Figure,
    Notice,
    Origin,
    Paragraph,
    Table,
    Tile,
    Tiles,
    Widget,
    both,
    cell,
    drawn,
    either,
    figure_from,
    missing,
    present,
)
from personal_offers.pipelines.reporting.offers_report_figures import draw_detectable
from personal_offers.pipelines.reporting.offers_texts import TEXTS
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.pipelines.reporting.plan_words import (
    GET,
    TO_CUSTOMERS,
    WITHOUT,
    PlanWords,
    chance,
    read_words,
    sum_by_segment,
)
from personal_offers.pipelines.reporting.profit_unit import ReportUnits
from personal_offers.words import CUSTOMERS, OF_CUSTOMERS, counted, form_of

_PLAN = Origin(dataset="offer_plan", node="offers.summarise_plan")
_OFFERS = Origin(dataset="offers", node="offers.publish_offers")
_FRONTIER = Origin(dataset="budget_frontier", node="offers.try_budgets")
_BUDGET_OFFERS = Origin(dataset="budget_offers", node="offers.try_budgets")
_POLICIES = Origin(dataset="offer_policies", node="offers.try_budgets")
_SENSITIVITY = Origin(dataset="offer_sensitivity", node="offers.try_assumptions")
_GATES = Origin(dataset="gate_values", node="offers.value_gates")
_DETECTABLE = Origin(dataset="detectable_effects", node="offers.measure_control")
_UNTOUCHED = Origin(dataset="do_not_touch", node="offers.list_untouchables")

# Columns of money need digits behind the point where all amounts are small, or one is tiny.
_SMALL, _TINY = 100, 1
_DIGITS = 6
_EVERYBODY, _THE_PLAN = "all", "plan"

Figures = Mapping[Language, Mapping[str, Any]]
Row = Mapping[Any, Any]
Form = Literal["text", "whole", "decimal", "money", "share"]


def write_offers(
    options: ReportingOptions,
    plan: ReportUnits,
    offer_plan: Mapping[str, Any] | None = None,
    offers: ir.Table | None = None,
    offer_names: Mapping[str, Any] | None = None,
    view_names: Mapping[str, Any] | None = None,
    offer_warnings: Sequence[Mapping[str, str]] | None = None,
    budget_frontier: pd.DataFrame | None = None,
    budget_offers: pd.DataFrame | None = None,
    offer_policies: pd.DataFrame | None = None,
    gate_values: pd.DataFrame | None = None,
    detectable_effects: pd.DataFrame | None = None,
    do_not_touch: pd.DataFrame | None = None,
    figure_offer_frontier: Figures | None = None,
    figure_offer_tornado: Figures | None = None,
    figure_offer_gates: Figures | None = None,
) -> dict[str, Any]:
    """Write the chapter: the plan, other budgets and rules, gates, assumptions, control group.

    Args:
        options: Of the report; nothing here depends on them yet.
        plan: ``params:offers``, for currency and units.
        offer_plan: The plan in figures; None: it was not made.
        offers: Grain: one customer, the public plan.
        offer_names: What offers, channels and gates are called.
        view_names: What segments and classes are called.
        offer_warnings: Of the control group, in both languages.
        budget_frontier: Grain: budget.
        budget_offers: Grain: budget and offer.
        offer_policies: Grain: rule, the plan first.
        gate_values: Grain: gate.
        detectable_effects: Grain: segment and control share.
        do_not_touch: Grain: customer whom no offer does any good.
        figure_offer_frontier: What budgets bring.
        figure_offer_tornado: What assumptions change.
        figure_offer_gates: What gates keep back.

    Returns:
        The chapter as JSON holds it.
    """
    if offer_plan is None:
        absent = missing(_text("what").model_dump(), "offers")
        return Chapter(name="offers", title=_text("title"), blocks=(absent,)).plain()
    page = _Page(read_words(plan, offer_names, view_names), offer_plan)
    return page.chapter(
        *page.in_short(offers),
        page.mean(offer_policies),
        _figure(figure_offer_frontier, "frontier", _FRONTIER, main=True),
        page.budgets(budget_frontier, budget_offers),
        page.policies(offer_policies),
        _figure(figure_offer_gates, "gates", _GATES, advice=_gates_advice(gate_values)),
        page.gates(gate_values),
        _figure(figure_offer_tornado, "tornado", _SENSITIVITY, main=True),
        page.chance(),
        *page.control(detectable_effects, offer_warnings or ()),
        page.untouched(do_not_touch),
    )


def _text(key: str) -> BothLanguages:
    return both(lambda language: TEXTS[language][key])


def _column(label: str, form: Form = "text", decimals: int = 0) -> Column:
    return Column(label=_text(label), form=form, decimals=decimals)


def _figure(
    figures: Figures | None, name: str, origin: Origin, *, main: bool = False, advice: str = ""
) -> Figure | None:
    """Take a figure that the stage of offers drew."""
    said = _text(advice or f"{name}_advice")
    return figure_from(figures, f"offer_{name}", said, origin, main=main)


def _gates_advice(gates: pd.DataFrame | None) -> str:
    """Return which advice fits the gates: where they keep nothing back, there is none to win."""
    keeps = gates is None or not (gates["worth"].fillna(1) <= 0).all()
    return "gates_advice" if keeps else "gates_advice_nothing"


def _decimals(values: Sequence[Any]) -> int:
    """Return how many digits behind the point a column of money needs."""
    known = [abs(value) for value in values if not pd.isna(value) and value]
    return 2 if known and (max(known) < _SMALL or min(known) < _TINY) else 0


def _known(value: Any) -> bool:
    return not pd.isna(value)


@dataclass(frozen=True)
class _Page:
    """Makes the blocks; a block without anything to say is None.

    Attributes:
        words: Names and units.
        plan: The plan in figures.
    """

    words: PlanWords
    plan: Mapping[str, Any]

    # --- words ---------------------------------------------------------------------------------

    def name(self, kind: str, name: str) -> BothLanguages:
        """Return what people call an offer, a channel or a gate."""
        return both(lambda language: self.words.name(kind, name, language) or name)

    def group(self, name: str) -> BothLanguages:
        """Return what people call a segment or a class."""
        return both(lambda language: self.words.group(name, language) or name)

    def planned(self, language: Language) -> dict[str, str]:
        """Write what the plan costs and brings."""
        columns = {
            "cost": "spend",
            "low": "expected_net_low",
            "net": "expected_net",
            "high": "expected_net_high",
        }
        return {
            name: self.words.currency(self.plan[column], language)
            for name, column in columns.items()
        }

    def lead(self, language: Language) -> str:
        """Say in a sentence who gets an offer and what that brings."""
        texts, plan = TEXTS[language], self.plan
        if not plan["offered"]:
            return texts["lead_nobody"].format(
                of_customers=counted(plan["customers"], OF_CUSTOMERS, language),
                why=(plan["explanation"] or {}).get(language, "–"),
            )
        day = date.fromisoformat(plan["plan_date"])
        return texts["lead"].format(
            get=form_of(plan["offered"], GET, language),
            customers=counted(plan["offered"], CUSTOMERS, language),
            all=number(plan["customers"], language),
            date=day.strftime("%d.%m.%Y" if language == "ru" else "%Y-%m-%d"),
            **self.planned(language),
        )

    def chapter(self, *blocks: Any) -> dict[str, Any]:
        """Put the blocks that exist into the chapter, as JSON holds it."""
        title, lead = _text("title"), both(self.lead)
        return Chapter(name="offers", title=title, lead=lead, blocks=present(*blocks)).plain()

    # --- the plan ------------------------------------------------------------------------------

    def in_short(self, offers: ir.Table | None) -> Iterator[Any]:
        """Return what the plan is: how many, by offer, by outcome, by segment."""
        yield self.provisional()
        yield self.tiles()
        yield self.by_offer()
        yield self.by_outcome()
        yield self.by_segment(None if offers is None else sum_by_segment(offers))

    def provisional(self) -> Notice | None:
        """Say that the plan waits for consent."""
        if not self.plan["provisional"]:
            return None

        def write(language: Language) -> str:
            return TEXTS[language]["provisional"].format(
                exported=number(self.plan["exported"], language),
                offered=number(self.plan["offered"], language),
            )

        return Notice(level="warning", text=both(write))

    def tiles(self) -> Tiles:
        """Return the few numbers that the chapter is about."""
        plan, known_gain = self.plan, self.plan["probability_of_gain"]
        customers = plan["customers"]
        written = [
            ("offered", lambda language: number(plan["offered"], language), self._offered_note),
            ("control", lambda language: number(plan["control"], language), _note("control_note")),
            ("cost", lambda language: self.planned(language)["cost"], self._budget_note),
            ("net", lambda language: self.planned(language)["net"], self._net_note),
        ]
        if _known(known_gain):
            written.append(("gain", partial(chance, known_gain), _note("gain_note")))
        if not customers:
            written[0] = (*written[0][:2], None)
        return Tiles(
            tiles=tuple(
                Tile(label=_text(label), value=both(value), note=both(note) if note else None)
                for label, value, note in written
            )
        )

    def _offered_note(self, language: Language) -> str:
        share = percent(self.plan["offered"] / self.plan["customers"], language)
        return TEXTS[language]["offered_note"].format(share=share)

    def _budget_note(self, language: Language) -> str:
        budget = self.plan["budget"]
        if not _known(budget):
            return TEXTS[language]["no_budget"]
        written = self.words.currency(budget, language)
        return TEXTS[language]["budget_note"].format(budget=written)

    def _net_note(self, language: Language) -> str:
        return TEXTS[language]["net_note"].format(**self.planned(language))

    def by_offer(self) -> Table | None:
        """List what is sent, the most valuable first."""
        rows, total = self.plan["offers"], self.plan["expected_net"]
        if not rows:
            return None
        best = max(rows, key=lambda row: row["expected_net"])
        share = best["expected_net"] / total if total > 0 else 0.0

        def title(language: Language) -> str:
            return TEXTS[language]["by_offer"].format(
                offer=self.words.name("offers", best["offer"], language),
                net=self.words.currency(best["expected_net"], language),
                share=percent(share, language),
            )

        cost, net = (_decimals([row[key] for row in rows]) for key in ("cost", "expected_net"))
        return Table(
            name="offers_by_channel",
            title=both(title),
            advice=_text("by_offer_advice"),
            origin=_PLAN,
            columns=(
                _column("offer"),
                _column("channel"),
                _column("customers", "whole"),
                _column("in_control", "whole"),
                _column("cost_money", "money", cost),
                _column("net_money", "money", net),
                _column("per_cost", "decimal", 1),
            ),
            rows=tuple(self._offer_row(row) for row in rows),
            currency=self.words.units.currency,
        )

    def _offer_row(self, row: Row) -> tuple[Any, ...]:
        return (
            self.name("offers", row["offer"]),
            self.name("channels", row["channel"]),
            row["customers"],
            row["control"],
            cell(row["cost"]),
            cell(row["expected_net"]),
            cell(row["expected_net"] / row["cost"]) if row["cost"] else None,
        )

    def by_outcome(self) -> Table | None:
        """Say what becomes of every customer."""
        plan, total = self.plan, self.plan["customers"]
        if not total:
            return None
        without = total - plan["offered"]
        counts = [("sent", plan["offered"]), ("held", plan["control"])]
        counts += [(name, plan["none"].get(name, 0)) for name in WITHOUT]

        def title(language: Language) -> str:
            return TEXTS[language]["groups"].format(
                get=form_of(plan["offered"], GET, language),
                offered=counted(plan["offered"], CUSTOMERS, language),
                get_none=form_of(without, GET, language),
                without=number(without, language),
            )

        return Table(
            name="offer_outcomes",
            title=both(title),
            advice=_text("groups_advice"),
            origin=_PLAN,
            columns=(_column("outcome"), _column("customers", "whole"), _column("share", "share")),
            rows=tuple((_text(name), count, count / total) for name, count in counts if count),
        )

    def by_segment(self, groups: pd.DataFrame | None) -> Table | None:
        """Add the plan up by segment."""
        if groups is None or groups.empty or not groups["offered"].any():
            return None
        first = groups.to_dict("records")[0]

        def title(language: Language) -> str:
            return TEXTS[language]["by_segment"].format(
                group=self.words.group(first["segment"], language),
                net=self.words.currency(first["expected_net"], language),
            )

        money = ("cost", "expected_net_low", "expected_net", "expected_net_high")
        labels = ("cost_money", "net_low", "net_base", "net_high")
        counts = ("customers", "offered", "control")
        return Table(
            name="offers_by_segment",
            title=both(title),
            advice=_text("by_segment_advice"),
            origin=_OFFERS,
            columns=(
                _column("segment"),
                *(
                    _column(label, "whole")
                    for label in ("customers", "group_offered", "in_control")
                ),
                *(
                    _column(label, "money", _decimals(groups[name].tolist()))
                    for label, name in zip(labels, money, strict=True)
                ),
            ),
            rows=tuple(
                (self.group(row["segment"]), *(cell(row[name]) for name in (*counts, *money)))
                for row in groups.to_dict("records")
            ),
            currency=self.words.units.currency,
        )

    # --- other budgets and rules ---------------------------------------------------------------

    def mean(self, policies: pd.DataFrame | None) -> Paragraph | None:
        """Say why the plan below differs from the one above: who is in control is drawn by lot."""
        if policies is None or not self.plan["control"]:
            return None
        rows = policies[policies["policy"] == _THE_PLAN].to_dict("records")
        if not rows:
            return None
        mean, plan = rows[0], self.plan

        def write(language: Language) -> str:
            return TEXTS[language]["mean"].format(
                mean=self.words.currency(mean["expected_net"], language),
                mean_customers=counted(mean["customers"], CUSTOMERS, language),
                mean_get=form_of(mean["customers"], GET, language),
                net=self.words.currency(plan["expected_net"], language),
                customers=counted(plan["offered"], CUSTOMERS, language),
                get=form_of(plan["offered"], GET, language),
            )

        return Paragraph(text=both(write))

    def budgets(
        self, frontier: pd.DataFrame | None, by_offer: pd.DataFrame | None
    ) -> Widget | None:
        """Return the plan at each budget of the frontier, for the dial."""
        if frontier is None or by_offer is None or not (frontier["expected_net"] > 0).any():
            return None
        is_plan = frontier["is_plan"].astype(bool).tolist()
        named = dict.fromkeys(by_offer["offer"].tolist())
        return Widget(
            widget="budget",
            title=_text("budget"),
            advice=_text("budget_advice"),
            origin=_BUDGET_OFFERS,
            data={
                "budgets": _budget_rows(frontier, by_offer),
                "offers": {name: self.name("offers", name).model_dump() for name in named},
                "currency": self.words.units.currency.model_dump(),
                "index": is_plan.index(True) if True in is_plan else 0,
            },
        )

    def policies(self, policies: pd.DataFrame | None) -> Table | None:
        """Set the plan beside simpler rules."""
        if policies is None or not (policies["expected_net"] > 0).any():
            return None
        decimals = [_decimals(policies[name].tolist()) for name in ("spend", "expected_net")]
        return Table(
            name="offer_policies",
            title=both(partial(_policy_title, policies)),
            advice=_text("policies_advice"),
            origin=_POLICIES,
            columns=(
                _column("policy"),
                _column("customers", "whole"),
                _column("spend", "money", decimals[0]),
                _column("net_money", "money", decimals[1]),
                _column("of_bound", "share"),
            ),
            rows=tuple(
                (
                    either(row, "name_"),
                    *(cell(row[name]) for name in ("customers", "spend", "expected_net")),
                    cell(row["share_of_bound"]),
                )
                for row in _records(policies)
            ),
            currency=self.words.units.currency,
        )

    def gates(self, gates: pd.DataFrame | None) -> Table | None:
        """List what each gate keeps back."""
        if gates is None or not gates["customers"].any():
            return None
        gates = gates[gates["customers"] > 0]
        return Table(
            name="offer_gates_table",
            title=_text("gate_table"),
            advice=_text("gate_advice"),
            origin=_GATES,
            columns=(
                _column("gate"),
                _column("blocked_customers", "whole"),
                _column("sole", "whole"),
                _column("worth", "money", _decimals(gates["worth"].tolist())),
            ),
            rows=tuple(
                (
                    either(row, "name_"),
                    *(cell(row[name]) for name in ("customers", "sole", "worth")),
                )
                for row in _records(gates)
            ),
            folded=True,
            currency=self.words.units.currency,
        )

    # --- how far it holds ----------------------------------------------------------------------

    def chance(self) -> Paragraph | None:
        """Say how likely the plan gains within the ranges of its assumptions."""
        plan = self.plan
        if not plan["offered"] or not _known(plan["probability_of_gain"]):
            return None

        def write(language: Language) -> str:
            ends = {"low": "p05", "median": "median", "high": "p95"}
            amounts = {
                name: self.words.currency(plan[f"expected_net_{end}"], language)
                for name, end in ends.items()
            }
            share = chance(plan["probability_of_gain"], language)
            return TEXTS[language]["chance"].format(share=share, **amounts)

        return Paragraph(text=both(write))

    def control(
        self, effects: pd.DataFrame | None, warnings: Sequence[Mapping[str, str]]
    ) -> Iterator[Any]:
        """Say what the control group can show, and what it cannot."""
        if effects is not None and len(effects):
            everybody = effects[effects["segment"] == _EVERYBODY]
            if everybody["detectable_effect"].notna().any():
                yield figure_from(
                    drawn(partial(draw_detectable, everybody)),
                    "detectable_effects",
                    _text("control_advice"),
                    _DETECTABLE,
                )
            if power := self.words.control.get("power"):
                yield Paragraph(
                    text=both(
                        lambda language: TEXTS[language]["power"].format(
                            power=percent(power, language)
                        )
                    )
                )
        for warning in warnings:
            yield Notice(level="warning", text=either(warning))
        if effects is not None:
            yield _effects_table(effects[effects["chosen"].astype(bool)])

    def untouched(self, listed: pd.DataFrame | None) -> Table | None:
        """Say by segment whom an offer would only cost money."""
        if listed is None or listed.empty:
            return None
        at_best = listed["even_at_best"].astype(bool)
        sums = listed.assign(even_at_best=at_best).groupby("segment", sort=False)
        table = sums.agg(
            customers=("customer_id", "size"),
            saves=("saves", "sum"),
            even_at_best=("even_at_best", "sum"),
        ).reset_index()
        table = table.sort_values(["saves", "segment"], ascending=[False, True])

        def title(language: Language) -> str:
            customers = counted(len(listed), TO_CUSTOMERS, language)
            return TEXTS[language]["alone"].format(to_customers=customers)

        return Table(
            name="do_not_touch_by_segment",
            title=both(title),
            advice=_text("alone_advice"),
            origin=_UNTOUCHED,
            columns=(
                _column("segment"),
                _column("customers", "whole"),
                _column("saves", "money", _decimals(table["saves"].tolist())),
                _column("even_at_best", "whole"),
            ),
            rows=tuple(
                (self.group(row["segment"]), *map(cell, list(row.values())[1:]))
                for row in table.to_dict("records")
            ),
            currency=self.words.units.currency,
        )


def _note(key: str) -> Any:
    return lambda language: TEXTS[language][key]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _budget_rows(frontier: pd.DataFrame, by_offer: pd.DataFrame) -> list[dict[str, Any]]:
    """Join budgets and offers; who enters, leaves and changes is counted against the plan."""
    money = ["cost", "expected_net"]
    rounded = by_offer.round(dict.fromkeys(money, _DIGITS))
    # Groups of the budget without a limit have the key nan, which equals nothing: None stands in.
    offers = {
        cell(budget): part[["offer", "customers", *money]].astype(object).to_numpy().tolist()
        for budget, part in rounded.groupby("budget", dropna=False, sort=False)
    }
    rows = []
    for row in frontier.to_dict("records"):
        budget = cell(row["budget"])
        numbers = {
            name: cell(row[name])
            for name in ("spend", "customers", "expected_net", "next_unit_returns")
        }
        against = {name: cell(row[f"{name}_plan"]) for name in ("enter", "leave", "change")}
        rows.append(
            {
                "budget": budget,
                **numbers,
                **against,
                "is_plan": bool(row["is_plan"]),
                "offers": offers.get(budget, []),
            }
        )
    return rows


def _policy_title(policies: pd.DataFrame, language: Language) -> str:
    """Say how the plan stands beside the best simple rule."""
    texts = TEXTS[language]
    is_plan = policies["policy"] == _THE_PLAN
    simple = policies[~is_plan].nlargest(1, "expected_net").to_dict("records")
    net = float(policies.loc[is_plan, "expected_net"].sum())
    if not simple or net <= 0:
        return texts["policies_none"]
    gap = 1 - simple[0]["expected_net"] / net
    # Shares are shown with one digit behind the point of a per cent.
    key = "same" if round(gap, 3) == 0 else "less" if gap > 0 else "more"
    return texts[f"policies_{key}"].format(
        name=simple[0][f"name_{language}"], share=percent(abs(gap), language)
    )


def _effects_table(effects: pd.DataFrame) -> Table | None:
    """List what the control group can show, by segment."""
    if effects.empty:
        return None
    return Table(
        name="detectable_by_segment",
        title=_text("control_table"),
        advice=_text("control_table_advice"),
        origin=_DETECTABLE,
        columns=(
            _column("segment"),
            _column("with_offer", "whole"),
            _column("in_control", "whole"),
            _column("assumed", "decimal", 1),
            _column("detectable", "decimal", 1),
            _column("needed", "whole"),
            _column("learnable"),
        ),
        rows=tuple(
            (
                either(row, "segment_"),
                cell(row["treated"]),
                cell(row["control"]),
                *(
                    cell(100 * row[name]) if _known(row[name]) else None
                    for name in ("assumed_effect", "detectable_effect")
                ),
                cell(row["needed_customers"]),
                _text("yes" if row["learnable"] else "no"),
            )
            for row in _records(effects)
        ),
        folded=True,
    )

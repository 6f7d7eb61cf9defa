"""The chapter ``summary``: what to do now, in five lines with money.

It is written for the owner of the shop. Every line is read off the plan; where the plan was not
made, or gives nobody anything, the segments say what can be said without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import number, percent
from personal_offers.pipelines.reporting.blocks import (
    Bullets,
    Chapter,
    Notice,
    Tile,
    Tiles,
    both,
    missing,
    present,
)
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.pipelines.reporting.plan_words import (
    GET,
    TO_CUSTOMERS,
    PlanWords,
    chosen_effect,
    points,
    read_words,
    sum_by_segment,
)
from personal_offers.pipelines.reporting.profit_unit import ReportUnits
from personal_offers.pipelines.reporting.summary_texts import TEXTS
from personal_offers.words import CUSTOMERS, OF_CUSTOMERS, counted, form_of

_GATES = ("consent", "channel", "fatigue", "margin_floor")
# An offer that brings this share of the plan with so few customers is a bet on them.
_FEW, _MUCH = 3, 0.25
_EVERYBODY = "all"
# An effect that needs more customers than so many plans have is out of reach.
_MAILINGS = 12

Row = Mapping[Any, Any]
Write = Callable[[Language], str]


def write_summary(
    options: ReportingOptions,
    plan: ReportUnits,
    offer_plan: Mapping[str, Any] | None = None,
    offers: ir.Table | None = None,
    offer_names: Mapping[str, Any] | None = None,
    detectable_effects: pd.DataFrame | None = None,
    segment_profile: pd.DataFrame | None = None,
    view_names: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    era: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the chapter: tiles, five lines, the gravest warnings.

    Args:
        options: Of the report; nothing here depends on them yet.
        plan: ``params:offers``, for the currency and the unit of profit.
        offer_plan: The plan in figures; None: it was not made.
        offers: Grain: one customer, the public plan.
        offer_names: What offers, channels and gates are called.
        detectable_effects: Grain: segment and control share.
        segment_profile: Grain: segment, with a row for everybody.
        view_names: What segments and classes are called.
        metrics: How good the risk is, or why it is withheld.
        era: Which data are believed; None for a shop without order lines.

    Returns:
        The chapter as JSON holds it.
    """
    facts = _Facts(
        words=read_words(plan, offer_names, view_names),
        plan=offer_plan,
        by_segment=None if offers is None else sum_by_segment(offers),
        effect=chosen_effect(detectable_effects),
        profile=segment_profile,
        withheld=(metrics or {}).get("withheld"),
    )
    lines = [both(line) for line in _lines(facts)]
    warnings = [*_warnings_of_data(facts, metrics, era), *_warnings_of_plan(facts)]
    tiles = _tiles(facts)
    chapter = Chapter(
        name="summary",
        title=_text("title"),
        lead=both(_lead(facts)),
        blocks=present(
            Tiles(tiles=tuple(tiles)) if tiles else None,
            Bullets(texts=tuple(lines), numbered=True) if lines else None,
            *_missing(facts),
            *(Notice(level="warning", text=both(write)) for write in warnings),
        ),
    )
    return chapter.plain()


@dataclass(frozen=True)
class _Facts:
    """What the lines are read off.

    Attributes:
        words: Names and units.
        plan: The plan in figures, or None.
        by_segment: Its sums by segment, the most valuable first, or None.
        effect: What the control group can show over everybody, or None.
        profile: Segments, or None.
        withheld: Why no risk was computed, or None.
    """

    words: PlanWords
    plan: Mapping[str, Any] | None
    by_segment: pd.DataFrame | None
    effect: Row | None
    profile: pd.DataFrame | None
    withheld: Mapping[str, str] | None

    def total(self) -> Row | None:
        """Return the row of the profile for everybody."""
        if self.profile is None:
            return None
        rows = self.profile[self.profile["segment"] == _EVERYBODY].to_dict("records")
        return rows[0] if rows else None

    def largest(self, column: str) -> Row | None:
        """Return the segment with most of something, or None where it is not known of any."""
        if self.profile is None:
            return None
        rows = self.profile[(self.profile["segment"] != _EVERYBODY) & (self.profile[column] > 0)]
        return rows.nlargest(1, column).to_dict("records")[0] if len(rows) else None

    def is_risk_complete(self) -> bool:
        """Say whether every segment has a risk."""
        return self.profile is not None and bool(self.profile["mean_risk"].notna().all())

    def money(self, value: float, language: Language) -> str:
        """Write an amount of money."""
        return self.words.currency(value, language)

    def planned(self, language: Language) -> dict[str, str]:
        """Write what the plan costs and brings."""
        plan = self.plan or {}
        return {
            "cost": self.money(plan["spend"], language),
            **_span(self, plan, language),
        }

    def why(self, language: Language) -> str:
        """Say why nobody gets an offer, as the end of a sentence."""
        return str(((self.plan or {}).get("explanation") or {}).get(language, "–"))


def _span(facts: _Facts, row: Row, language: Language) -> dict[str, str]:
    names = {"low": "expected_net_low", "net": "expected_net", "high": "expected_net_high"}
    return {name: facts.money(row[column], language) for name, column in names.items()}


def _known(value: Any) -> bool:
    return value is not None and not math.isnan(value)


def _get(count: int, language: Language) -> str:
    return form_of(count, GET, language)


def _lead(facts: _Facts) -> Write:
    def write(language: Language) -> str:
        texts, plan = TEXTS[language], facts.plan
        if plan is None:
            return texts["lead_no_plan"]
        if not plan["offered"]:
            return texts["lead_nobody"].format(why=facts.why(language))
        return texts["lead"].format(
            **facts.planned(language),
            customers=counted(plan["offered"], CUSTOMERS, language),
            get=_get(plan["offered"], language),
            all=number(plan["customers"], language),
        )

    return write


def _missing(facts: _Facts) -> Iterator[Notice]:
    """Say which stages would have to run."""
    if facts.plan is None:
        yield missing(_text("what").model_dump(), "offers")
    if facts.profile is None:
        yield missing(_text("what_segments").model_dump(), "segmentation")


def _text(key: str) -> BothLanguages:
    return both(lambda language: TEXTS[language][key])


# --- tiles ---------------------------------------------------------------------------------------


def _tiles(facts: _Facts) -> list[Tile]:
    """Return the few numbers that everything is about."""
    tiles = []
    total, plan = facts.total(), facts.plan
    if total is not None or plan is not None:
        tiles.append(_customers_tile(facts, total))
    if total is not None:
        tiles += [tile for tile in (_risk_tile(facts, total), _at_risk_tile(facts)) if tile]
    if plan is not None:
        tiles += [_cost_tile(facts, plan), _net_tile(facts)]
    return tiles


def _tile(label: str, value: Write, note: Write | None) -> Tile:
    return Tile(
        label=_text(label),
        value=both(value),
        note=both(note) if note else None,
    )


def _customers_tile(facts: _Facts, total: Row | None) -> Tile:
    plan = facts.plan
    customers = plan["customers"] if plan is not None else (total or {})["customers"]

    def note(language: Language) -> str:
        offered, control = ((plan or {})[name] for name in ("offered", "control"))
        return TEXTS[language]["customers_note"].format(
            offered=number(offered, language),
            control=number(control, language),
            get=_get(offered, language),
        )

    return _tile("customers", lambda language: number(customers, language), note if plan else None)


def _risk_tile(facts: _Facts, total: Row) -> Tile | None:
    risk, withheld = total["mean_risk"], facts.withheld
    if _known(risk):
        key = "risk_all" if facts.is_risk_complete() else "risk_some"
        return _tile(
            "risk", lambda language: percent(risk, language), lambda language: TEXTS[language][key]
        )
    if not withheld:
        return None
    return _tile(
        "risk",
        lambda language: TEXTS[language]["withheld"],
        lambda language: withheld[language],
    )


def _at_risk_tile(facts: _Facts) -> Tile | None:
    if facts.profile is None:
        return None
    rows = facts.profile[
        (facts.profile["segment"] != _EVERYBODY) & facts.profile["profit_at_risk"].notna()
    ]
    at_risk, profit = float(rows["profit_at_risk"].sum()), float(rows["profit"].sum())
    if rows.empty:
        return None

    def note(language: Language) -> str:
        texts, parts = TEXTS[language], []
        if profit > 0:
            key = "at_risk_all" if facts.is_risk_complete() else "at_risk_some"
            parts.append(texts[key].format(share=percent(at_risk / profit, language)))
        if unit := facts.words.units.assumed:
            parts.append(texts["unit_note"].format(unit=getattr(unit, language)))
        return "".join(parts).removeprefix("; ")

    has_note = profit > 0 or facts.words.units.assumed is not None
    return _tile(
        "at_risk",
        lambda language: facts.words.profit(at_risk, language),
        note if has_note else None,
    )


def _cost_tile(facts: _Facts, plan: Row) -> Tile:
    def note(language: Language) -> str:
        if not _known(plan["budget"]):
            return TEXTS[language]["no_budget"]
        budget = facts.money(plan["budget"], language)
        return TEXTS[language]["budget_note"].format(budget=budget)

    return _tile("cost", lambda language: facts.money(plan["spend"], language), note)


def _net_tile(facts: _Facts) -> Tile:
    return _tile(
        "net",
        lambda language: facts.planned(language)["net"],
        lambda language: TEXTS[language]["net_note"].format(**facts.planned(language)),
    )


# --- five lines ----------------------------------------------------------------------------------


def _lines(facts: _Facts) -> list[Write]:
    """Return the lines, each a function of the language."""
    if facts.plan is None:
        return [*_segment_lines(facts)]
    if not facts.plan["offered"]:
        second = [*_segment_lines(facts)][:1]
        return [_nobody(facts), *second, _blocked(facts), _alone(facts), _proof(facts)]
    lines = (_first, _lever, _blocked, _alone, _proof)
    return [line(facts) for line in lines]


def _segment_lines(facts: _Facts) -> Iterator[Write]:
    """Say what segments tell without a plan."""
    for column, key in (("profit_at_risk", "at_risk"), ("profit", "profit")):
        row = facts.largest(column)
        if row is not None:
            yield _segment_line(facts, row, column, key)


def _segment_line(facts: _Facts, row: Row, column: str, key: str) -> Write:
    def write(language: Language) -> str:
        return TEXTS[language][f"segment_{key}"].format(
            group=row[f"name_{language}"],
            customers=counted(row["customers"], CUSTOMERS, language),
            **{key: facts.words.profit(row[column], language)},
        )

    return write


def _nobody(facts: _Facts) -> Write:
    return lambda language: TEXTS[language]["nobody"].format(
        why=facts.why(language), **facts.planned(language)
    )


def _first(facts: _Facts) -> Write:
    """Say whom to contact first: the segment that brings most."""
    groups = facts.by_segment

    def write(language: Language) -> str:
        row: Row = facts.plan or {}
        key, cost, group = "send", row["spend"], ""
        if groups is not None and len(groups):
            key, row = "first", groups.to_dict("records")[0]
            cost, group = row["cost"], facts.words.group(row["segment"], language)
        return TEXTS[language][key].format(
            group=group,
            get=_get(row["offered"], language),
            customers=counted(row["offered"], CUSTOMERS, language),
            cost=facts.money(cost, language),
            **_span(facts, row, language),
        )

    return write


def _lever(facts: _Facts) -> Write:
    """Say which offer brings most."""
    plan = facts.plan or {}
    row = max(plan["offers"], key=lambda each: each["expected_net"])
    total = plan["expected_net"]
    share = row["expected_net"] / total if total > 0 else 0.0

    def write(language: Language) -> str:
        text = TEXTS[language]["lever"].format(
            offer=facts.words.name("offers", row["offer"], language),
            channel=facts.words.name("channels", row["channel"], language),
            customers=counted(row["customers"], CUSTOMERS, language),
            cost=facts.money(row["cost"], language),
            net=facts.money(row["expected_net"], language),
            share=percent(share, language),
        )
        few = row["customers"] <= _FEW and share >= _MUCH
        return text + (TEXTS[language]["few"] if few else "")

    return write


def _blocked(facts: _Facts) -> Write:
    """Say which profit waits for the consent, and which the gates keep back."""
    plan, groups = facts.plan or {}, facts.by_segment
    kept = {
        gate: row
        for gate, row in plan["blocked"].items()
        if row["sole"] and _known(row["worth"]) and row["worth"] > 0
    }
    gates = sorted(kept, key=lambda gate: -kept[gate]["worth"])
    waiting = 0 if groups is None else int(groups["waiting"].sum())
    net = 0.0 if groups is None else float(groups["waiting_net"].sum())

    def write(language: Language) -> str:
        texts, parts = TEXTS[language], []
        if waiting:
            parts.append(
                texts["waiting"].format(
                    net=facts.money(net, language),
                    of_customers=counted(waiting, OF_CUSTOMERS, language),
                )
            )
        if gates:
            listed = "; ".join(_gate(facts, gate, kept[gate], language) for gate in gates)
            parts.append(texts["unlock"].format(list=listed))
        nothing = texts["nothing_blocked"].format(nothing=facts.money(0, language))
        return " ".join(parts) or nothing

    return write


def _gate(facts: _Facts, gate: str, row: Row, language: Language) -> str:
    return TEXTS[language][gate if gate in _GATES else "gate"].format(
        name=facts.words.name("gates", gate, language),
        worth=facts.money(row["worth"], language),
        of_customers=counted(row["sole"], OF_CUSTOMERS, language),
    )


def _alone(facts: _Facts) -> Write:
    """Say whom to leave alone, and what more money would do."""
    plan = facts.plan or {}
    alone, returns = plan["do_not_touch"], plan["next_unit_returns"]
    places = {
        channel: worth
        for channel, worth in (plan.get("next_customer_returns") or {}).items()
        if _known(worth) and worth > 0
    }

    def write(language: Language) -> str:
        texts = TEXTS[language]
        text = texts["alone" if alone["customers"] else "nobody_alone"].format(
            to_customers=counted(alone["customers"], TO_CUSTOMERS, language),
            saves=_saved(facts, alone["saves"], language),
        )
        more = _known(returns) and returns > 0
        text += texts["next" if more else "next_nothing"].format(
            one=facts.money(1, language), more=facts.money(returns if more else 0, language)
        )
        if places:
            best = max(places, key=lambda channel: places[channel])
            text += texts["next_place"].format(
                channel=facts.words.name("channels", best, language),
                more=facts.money(places[best], language),
            )
        return text

    return write


def _saved(facts: _Facts, saves: float, language: Language) -> str:
    """Write what is saved; pennies are no amount to write out."""
    if saves >= 1:
        return facts.money(saves, language)
    return TEXTS[language]["below_one"].format(one=facts.money(1, language))


def _proof(facts: _Facts) -> Write:
    """Say what the plan can prove, and what that costs."""
    plan, effect, groups = facts.plan or {}, facts.effect, facts.by_segment
    forgone = 0.0 if groups is None else float(groups["control_net"].sum())

    def write(language: Language) -> str:
        texts, control = TEXTS[language], plan["control"]
        if not plan["offered"] and not control:
            return texts["no_proof"]
        if not control:
            return texts["no_control"].format(net=facts.money(plan["expected_net"], language))
        text = _proven(effect, control, language)
        price = texts["price"].format(forgone=facts.money(forgone, language))
        return text + (price if forgone > 0 else "")

    return write


def _proven(effect: Row | None, control: int, language: Language) -> str:
    texts, customers = TEXTS[language], counted(control, CUSTOMERS, language)
    if effect is None or not _known(effect["detectable_effect"]):
        return texts["blind"].format(control=customers)
    needed = effect["needed_customers"]
    often = _known(needed) and needed > _MAILINGS * effect["customers"]
    seen = bool(effect["learnable"]) or not _known(needed)
    return texts["seen" if seen else "unseen"].format(
        control=customers,
        detectable=points(effect["detectable_effect"], language),
        assumed=points(effect["assumed_effect"], language),
        needed=counted(int(needed) if _known(needed) else 0, OF_CUSTOMERS, language),
        more=texts["too_many" if often else "gather"],
    )


# --- warnings ------------------------------------------------------------------------------------


def _warnings_of_data(
    facts: _Facts, metrics: Mapping[str, Any] | None, era: Mapping[str, Any] | None
) -> Iterator[Write]:
    """Say what the data and the model cannot carry."""
    withheld = facts.withheld
    if withheld:
        key = "no_model_no_plan" if facts.plan is None else "no_model"
        yield lambda language: TEXTS[language][key].format(why=withheld[language])
    compared = (metrics or {}).get("comparison") or {}
    if compared.get("beats_baseline") is False:
        statement = compared["statement"]
        yield lambda language: TEXTS[language]["no_better"].format(statement=statement[language])
    broken = (era or {}).get("break")
    if broken:
        since = datetime.fromisoformat(broken["since"])
        forms = {"ru": "%d.%m.%Y", "en": "%Y-%m-%d"}
        yield lambda language: TEXTS[language]["broken"].format(
            date=since.strftime(forms[language])
        )


def _warnings_of_plan(facts: _Facts) -> Iterator[Write]:
    """Say what the plan rests on."""
    plan = facts.plan
    if plan is None:
        return
    if plan["provisional"]:
        yield lambda language: TEXTS[language]["provisional"].format(
            exported=number(plan["exported"], language), offered=number(plan["offered"], language)
        )
    nets = [unit["expected_net"] for unit in plan["units"]]
    chosen = [unit["label"] for unit in plan["units"] if unit["chosen"]]
    if len(nets) > 1 and chosen:
        yield lambda language: TEXTS[language]["unit"].format(
            chosen=chosen[0][language],
            low=facts.money(min(nets), language),
            high=facts.money(max(nets), language),
        )
    if plan["offered"]:
        yield _assumed(facts, plan)


def _assumed(facts: _Facts, plan: Row) -> Write:
    low = plan["expected_net_low"]
    return lambda language: TEXTS[language]["assumed_loss" if low < 0 else "assumed"].format(
        low=facts.money(abs(low), language), high=facts.money(plan["expected_net_high"], language)
    )

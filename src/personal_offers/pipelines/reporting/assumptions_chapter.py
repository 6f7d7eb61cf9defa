"""The chapter ``assumptions``: every number nobody measured, and where conclusions flip on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from personal_offers.currencies import money
from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import number, percent, plain, significant
from personal_offers.pipelines.reporting.assumptions_texts import TEXTS
from personal_offers.pipelines.reporting.blocks import (
    Bullets,
    Cell,
    Chapter,
    Column,
    Origin,
    Paragraph,
    Table,
    both,
    cell,
    either,
    missing,
    present,
)
from personal_offers.pipelines.reporting.params import ReportingOptions

Row = Mapping[str, Any]

_MOST_ROWS = 40
_IN_DECISION = ("save_rate", "horizon_months", "contact_cost", "incentive_cost", "redemption")
_EVERYTHING = "everything"
# A remade plan is worth a sentence from this share of the kept one on.
_CLEARLY_BETTER = 0.05


def write_assumptions(
    options: ReportingOptions,
    offer_names: Mapping[str, Any] | None = None,
    decision: Mapping[str, Any] | None = None,
    offer_sensitivity: pd.DataFrame | None = None,
    plan_by_unit: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Write the chapter.

    Args:
        options: Of the page.
        offer_names: Currency, and ``assumptions`` of the plan.
        decision: Assumptions of the profit curve, its best threshold, and how it moves.
        offer_sensitivity: Grain: assumption and end of its range: what the plan earns then.
        plan_by_unit: Grain: unit that profit may be counted in: the plan for it.

    Returns:
        The chapter as JSON holds it.
    """
    title = both(partial(_say, "title"))
    decided = decision if decision is not None and "assumptions" in decision else None
    rows = _rows(offer_names, decided)
    plan = None if offer_sensitivity is None or offer_sensitivity.empty else offer_sensitivity
    units = None if plan_by_unit is None or len(plan_by_unit) <= 1 else plan_by_unit
    if not rows and plan is None and units is None:
        nothing = missing({name: TEXTS[name]["subject"] for name in TEXTS}, "offers")
        return Chapter(name="assumptions", title=title, blocks=(nothing,)).plain()
    currency = either(offer_names["currency"]) if offer_names else None
    flips = (
        *_plan_flips(plan, currency),
        *_unit_flips(units, plan, currency),
        *_decision_flips(decided),
        *_save_rates(plan, decided),
    )
    base = _case(plan, "base", "base")
    drawn = ((offer_names or {}).get("control") or {}).get("share", 0) > 0
    blocks = present(
        _paragraph("mean") if drawn and base is not None and base["offered"] else None,
        *((_paragraph("flips"), Bullets(texts=flips)) if flips else ()),
        *_assumed(rows),
        *_plan_table(plan, currency),
        _unit_table(units, currency),
        *_decision_table(decided),
    )
    return Chapter(
        name="assumptions", title=title, lead=_lead(plan, currency), blocks=blocks
    ).plain()


# --- words and money -----------------------------------------------------------------------------
def _say(key: str, language: Language, **values: str) -> str:
    """Return a text of a language with its values filled in."""
    return TEXTS[language][key].format(**values)


def _paragraph(key: str) -> Paragraph:
    return Paragraph(text=both(partial(_say, key)))


def _with_money(
    key: str, currency: BothLanguages | None, amounts: Mapping[str, float], **more: Any
) -> BothLanguages:
    """Fill a text with amounts, and with texts in both languages."""

    def write(language: Language) -> str:
        written = {name: money(amount, currency, language) for name, amount in amounts.items()}
        return _say(
            key,
            language,
            **written,
            **{name: getattr(text, language) for name, text in more.items()},
        )

    return both(write)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


# --- all numbers ---------------------------------------------------------------------------------
def _rows(
    offer_names: Mapping[str, Any] | None, decision: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Gather the assumptions of plan and profit curve; what both use stands once."""
    # Where there is nothing to redeem, nothing is assumed.
    found = [
        {**row, "used": "in_plan"}
        for row in (offer_names or {}).get("assumptions", ())
        if row["high"] > 0
    ]
    given = (decision or {}).get("assumptions", {})
    for name in _IN_DECISION:
        if name not in given:
            continue
        own = given[name]
        same = [row for row in found if all(row[key] == own[key] for key in own)]
        if same:
            same[0]["used"] = "in_both"
            continue
        called = {language: TEXTS[language][name] for language in TEXTS}
        found.append({**own, "name": called, "used": "in_decision"})
    return found


def _assumed(rows: Sequence[Row]) -> tuple[Any, ...]:
    """List the assumptions with their ranges."""
    if not rows:
        return ()
    shown = rows[:_MOST_ROWS]
    from_plan = any(row["used"] != "in_decision" for row in rows)
    origin = (
        Origin(dataset="offer_names", node="offers.name_offers")
        if from_plan
        else Origin(dataset="decision", node="modelling.profit_curve")
    )
    heads = ("assumption", "low", "base", "high", "unit", "used", "source")
    table = Table(
        name="assumptions",
        title=both(lambda language: _say("table", language, count=number(len(rows), language))),
        advice=both(partial(_say, "table_advice")),
        origin=origin,
        columns=tuple(Column(label=both(partial(_say, head))) for head in heads),
        rows=tuple(_assumption_row(row) for row in shown),
    )
    if len(shown) == len(rows):
        return (table,)
    counts = {"shown": len(shown), "all": len(rows)}
    return table, Paragraph(
        text=both(
            lambda language: _say(
                "more", language, **{key: number(n, language) for key, n in counts.items()}
            )
        )
    )


def _assumption_row(row: Row) -> tuple[Cell, ...]:
    """Write an assumption: numbers as they were given, because each row has its own unit."""
    values = [both(partial(plain, row[level])) for level in ("low", "base", "high")]
    texts = either(row["unit"]), both(partial(_say, row["used"])), either(row["source"])
    return (either(row["name"]), *values, *texts)


# --- the plan ------------------------------------------------------------------------------------
def _case(plan: pd.DataFrame | None, assumption: str, level: str) -> Row | None:
    """Return the row of an end of an assumption, if there is one."""
    if plan is None:
        return None
    found = plan[(plan["assumption"] == assumption) & (plan["level"] == level)]
    return None if found.empty else _records(found)[0]


def _lead(plan: pd.DataFrame | None, currency: BothLanguages | None) -> BothLanguages:
    """Say what is left of the plan when everything is unfavourable."""
    base, worst = _case(plan, "base", "base"), _case(plan, _EVERYTHING, "low")
    if base is None or worst is None:
        return both(partial(_say, "lead"))
    if not base["offered"]:
        return both(partial(_say, "lead_nothing"))
    left = worst["expected_net_kept"]
    key = "lead_gains" if left > 0 else "lead_loses"
    return _with_money(key, currency, {"base": base["expected_net"], "worst": abs(left)})


def _plan_flips(
    plan: pd.DataFrame | None, currency: BothLanguages | None
) -> tuple[BothLanguages, ...]:
    """Say which assumption moves the plan most, and which make it lose."""
    base = _case(plan, "base", "base")
    if plan is None or base is None or not base["offered"]:
        return ()
    single = plan[~plan["assumption"].isin(("base", _EVERYTHING))]
    texts = []
    if len(single):
        # As the figure of the plan ranks them: by what a plan made anew would earn.
        ends_of = single.groupby("assumption", sort=False)["expected_net"].agg(["min", "max"])
        widest = single[single["assumption"] == str((ends_of["max"] - ends_of["min"]).idxmax())]
        name, ends = either(_records(widest)[0], "name_"), widest["expected_net"]
        amounts = {"low": float(ends.min()), "high": float(ends.max())}
        texts.append(_with_money("widest", currency, amounts, name=name))
        losing = single[single["expected_net_kept"] < 0].drop_duplicates("assumption")
        names = BothLanguages(
            ru=", ".join(f"«{name}»" for name in losing["name_ru"]) or "—",
            en=", ".join(f"“{name}”" for name in losing["name_en"]) or "—",
        )
        key = "single_loses" if len(losing) else "single_safe"
        texts.append(_with_money(key, currency, {}, names=names))
    return (*texts, *_all_at_once(plan, currency))


def _all_at_once(plan: pd.DataFrame, currency: BothLanguages | None) -> tuple[BothLanguages, ...]:
    """Say what is left when all is unfavourable, and whether a new plan would help."""
    worst = _case(plan, _EVERYTHING, "low")
    if worst is None:
        return ()
    kept, remade = worst["expected_net_kept"], worst["expected_net"]
    texts = []
    if kept < 0:
        texts.append(_with_money("everything_loses", currency, {"worst": -kept}))
    if remade - kept > _CLEARLY_BETTER * abs(kept):
        texts.append(_with_money("remade", currency, {"remade": remade, "kept": kept}))
    return tuple(texts)


def _plan_table(plan: pd.DataFrame | None, currency: BothLanguages | None) -> tuple[Any, ...]:
    """Show what the plan earns at both ends of every range."""
    if plan is None:
        return ()
    base, kept = _case(plan, "base", "base"), plan["expected_net_kept"]
    amounts = {"low": kept.min(), "high": kept.max()}
    amounts["base"] = kept.iloc[0] if base is None else base["expected_net"]
    money = "money" if currency is not None else "whole"
    forms = {
        "assumption": "text",
        "end": "text",
        "value": "text",
        "kept": money,
        "remade_plan": money,
        "spend_kept": money,
        "changed": "whole",
    }
    rows = [
        (
            either(row, "name_"),
            both(partial(_say, f"level_{row['level']}")),
            either(row, "value_text_"),
            cell(row["expected_net_kept"]),
            cell(row["expected_net"]),
            cell(row["spend_kept"]),
            cell(row["changed"]),
        )
        for row in _records(plan.head(_MOST_ROWS))
    ]
    table = Table(
        name="plan_sensitivity",
        title=_with_money("plan_title" if len(plan) > 1 else "plan_title_one", currency, amounts),
        advice=both(partial(_say, "plan_advice")),
        origin=Origin(dataset="offer_sensitivity", node="offers.try_assumptions"),
        columns=_columns(forms),
        rows=tuple(rows),
        currency=currency,
    )
    return table, _paragraph("plan_note")


def _columns(
    forms: Mapping[str, Any], decimals: Mapping[str, int] | None = None
) -> tuple[Column, ...]:
    """Make columns of their heads and forms."""
    digits = decimals or {}
    return tuple(
        Column(label=both(partial(_say, head)), form=form, decimals=digits.get(head, 0))
        for head, form in forms.items()
    )


# --- the unit of profit --------------------------------------------------------------------------
def _unit_flips(
    units: pd.DataFrame | None, plan: pd.DataFrame | None, currency: BothLanguages | None
) -> tuple[BothLanguages, ...]:
    """Say how far the unit moves the plan, where it moves it more than all assumptions."""
    if units is None:
        return ()
    ranked = _records(units.sort_values("expected_net", kind="stable"))
    least, most = ranked[0], ranked[-1]
    texts = []
    amounts = {"low": least["expected_net"], "high": most["expected_net"]}
    spread = amounts["high"] - amounts["low"]
    kept = plan["expected_net_kept"] if plan is not None else pd.Series([0.0])
    if spread > kept.max() - kept.min():
        named = {"least": either(least, "name_"), "most": either(most, "name_")}
        texts.append(_with_money("units", currency, amounts, **named))
    others = units[~units["chosen"].astype(bool)].dropna(subset=["same_offer"])
    if len(others) and others["same_offer"].min() < 1:
        row = _records(others.sort_values("same_offer", kind="stable"))[0]
        share = both(partial(percent, row["same_offer"]))
        texts.append(
            _with_money("same_offer", currency, {}, share=share, unit=either(row, "name_"))
        )
    return tuple(texts)


def _unit_table(units: pd.DataFrame | None, currency: BothLanguages | None) -> Table | None:
    """Show the plan for each unit that profit may be counted in."""
    if units is None:
        return None
    net = units["expected_net"]
    money = "money" if currency is not None else "whole"
    forms = {
        "profit_unit": "text",
        "chosen": "text",
        "offered": "whole",
        "spend": money,
        "net": money,
        "same": "share",
    }
    rows = [
        (
            either(row, "name_"),
            bool(row["chosen"]),
            *(cell(row[key]) for key in ("offered", "spend", "expected_net", "same_offer")),
        )
        for row in _records(units.head(_MOST_ROWS))
    ]
    return Table(
        name="plan_by_unit",
        title=_with_money("unit_title", currency, {"low": net.min(), "high": net.max()}),
        advice=both(partial(_say, "unit_advice")),
        origin=Origin(dataset="plan_by_unit", node="offers.try_units"),
        columns=_columns(forms),
        rows=tuple(rows),
        currency=currency,
    )


# --- whom to contact -----------------------------------------------------------------------------
def _decision_flips(decision: Mapping[str, Any] | None) -> tuple[BothLanguages, ...]:
    """Say when contacting stops paying, and how far its threshold moves."""
    best = (decision or {}).get("best")
    if decision is None or not best or best["threshold"] is None:
        return ()
    return (
        *_break_even(decision),
        both(partial(_threshold_moves, decision)),
        *_to_nobody(decision),
        both(partial(_corner, decision)),
    )


def _break_even(decision: Mapping[str, Any]) -> tuple[BothLanguages, ...]:
    """Compare the save rate from which contacting pays with the range assumed."""
    best, assumed = decision["best"], decision["assumptions"]["save_rate"]
    rate = best.get("break_even_save_rate")
    if rate is None:
        return ()
    where = "below" if rate < assumed["low"] else "above" if rate > assumed["high"] else "inside"

    def write(language: Language) -> str:
        return _say(
            f"break_even_{where}",
            language,
            threshold=number(best["threshold"], language, 2),
            rate=percent(rate, language),
            low=percent(assumed["low"], language),
            high=percent(assumed["high"], language),
        )

    return (both(write),)


def _save_rates(
    plan: pd.DataFrame | None, decision: Mapping[str, Any] | None
) -> tuple[BothLanguages, ...]:
    """Say so where plan and profit curve rest on different save rates."""
    low, high = (_case(plan, "save_rate", level) for level in ("low", "high"))
    if decision is None or low is None or high is None:
        return ()
    assumed = decision["assumptions"]["save_rate"]

    def write(language: Language) -> str:
        return _say(
            "save_rates",
            language,
            low=percent(assumed["low"], language),
            high=percent(assumed["high"], language),
            plan_low=str(low[f"value_text_{language}"]),
            plan_high=str(high[f"value_text_{language}"]),
        )

    return (both(write),)


def _threshold_ends(decision: Mapping[str, Any]) -> tuple[float, float]:
    """Return the lowest and the highest best threshold over all assumptions."""
    found = [row["threshold"] for row in decision.get("sensitivity", ())]
    known = [value for value in (*found, decision["best"]["threshold"]) if value is not None]
    return min(known), max(known)


def _threshold_moves(decision: Mapping[str, Any], language: Language) -> str:
    low, high = (number(end, language, 2) for end in _threshold_ends(decision))
    base = number(decision["best"]["threshold"], language, 2)
    if low == high:
        return _say("threshold_stays", language, base=base)
    return _say("threshold_moves", language, low=low, high=high, base=base)


def _to_nobody(decision: Mapping[str, Any]) -> tuple[BothLanguages, ...]:
    """Name the ends of ranges at which it pays most to contact nobody."""
    ends = [row for row in decision.get("sensitivity", ()) if row["threshold"] is None]
    if not ends:
        return ()

    def write(language: Language) -> str:
        names = (
            f"{TEXTS[language].get(row['assumption'], row['assumption'])} — "
            f"{plain(row['value'], language)}"
            for row in ends
        )
        return _say("to_nobody", language, names="; ".join(names))

    return (both(write),)


def _corner(decision: Mapping[str, Any], language: Language) -> str:
    """Say what is left of contacting when everything is unfavourable."""
    worst = decision["best"]["profit_worst_case"]
    return _say(
        "corner_loses" if worst < 0 else "corner_gains",
        language,
        worst=significant(abs(worst), language, 2),
        unit=decision["unit"][language],
    )


def _decision_table(decision: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """Show the best threshold at both ends of every range."""
    rows = (decision or {}).get("sensitivity") or ()
    if decision is None or not rows or decision["best"]["threshold"] is None:
        return ()
    ends = dict(zip(("low", "high"), _threshold_ends(decision), strict=True))
    ends["base"] = decision["best"]["threshold"]
    forms = {
        "assumption": "text",
        "end": "text",
        "value": "text",
        "threshold": "decimal",
        "contacted": "share",
        "at_base": "decimal",
        "at_own": "decimal",
    }
    table = Table(
        name="threshold_sensitivity",
        title=both(
            lambda language: _say(
                "decision_title_stays" if ends["low"] == ends["high"] else "decision_title",
                language,
                **{name: number(value, language, 2) for name, value in ends.items()},
            )
        ),
        advice=both(partial(_say, "decision_advice")),
        origin=Origin(dataset="decision", node="modelling.profit_curve"),
        columns=_columns(forms, {"threshold": 2, "at_base": 2, "at_own": 2}),
        rows=tuple(_decision_row(row) for row in rows[:_MOST_ROWS]),
        folded=True,
    )
    note = both(lambda language: _say("decision_note", language, unit=decision["unit"][language]))
    return table, Paragraph(text=note)


def _decision_row(row: Row) -> tuple[Cell, ...]:
    """Write one end of one range."""
    keys = ("threshold", "contacted_share", "profit_at_base_threshold", "profit")
    name = row["assumption"]
    return (
        both(lambda language: TEXTS[language].get(name, name)),
        both(partial(_say, f"level_{row['level']}")),
        both(partial(plain, row["value"])),
        *(cell(row[key]) for key in keys),
    )

"""Who is withheld on purpose, whether the split is as planned, and what it can show.

Groups are drawn by a hash of the customer's id, so that a customer keeps the group in every
rerun, whoever arrives and however the rows are ordered. Sizes of the experiment follow the
two-sided comparison of two rates on the arcsine scale (J. Cohen, 1988).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from statistics import NormalDist
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import SPACE, decimals_of, number, plain
from personal_offers.pipelines.offers.experiment_texts import (
    AND,
    EVERYBODY,
    GROUP,
    MEMBERS,
    PLACES,
    QUOTED,
    TEXTS,
    Text,
)
from personal_offers.pipelines.offers.params import OfferOptions
from personal_offers.words import CUSTOMERS, OF_CUSTOMERS, counted

# The row over all segments.
ALL = "all"

_DIGITS = 64  # of a SHA-256 in hex
_ABOVE_EVERY_DIGEST = "g"
# A digit in front would let a purpose and a seed be read as another seed and another id.
_PURPOSE = re.compile(r"[a-z][a-z_]*")
_MOST_CUSTOMERS = 10**10  # more than there are people: such a size helps nobody
_SAME = 1e-9  # spread, as a share of the values, below which they are equal
_MOST_DECIMALS = 6
_SMALLEST_P = 0.001
_PLACES_TOLD = 5

EFFECT_COLUMNS = {
    "segment": "str",
    "segment_ru": "str",
    "segment_en": "str",
    "control_share": "float64",
    "chosen": "bool",
    "customers": "int64",
    "treated": "int64",
    "control": "int64",
    "base_rate": "float64",
    "assumed_effect": "float64",
    "detectable_effect": "float64",
    "assumed_save_rate": "float64",
    "detectable_save_rate": "float64",
    "learnable": "bool",
    "detectable_profit": "float64",
    "needed_customers": "Int64",
}
BALANCE_COLUMNS = [
    "level",
    "segment",
    "offer",
    "customers",
    "treated",
    "control",
    "planned_share",
    "control_share",
    "split_p_value",
    "adjusted_p_value",
    "risk_difference",
    "profit_difference",
    "as_planned",
]


# --- the draw ------------------------------------------------------------------------------


def lot_text(customer_id: ir.StringValue, seed: int, purpose: str = "") -> ir.StringValue:
    """Draw a lot for each customer, as text that may be compared and ordered.

    Args:
        customer_id: Id.
        seed: Of all draws of the plan.
        purpose: What the draw is for, in small letters and underscores; draws of different
            purposes are independent. Empty: the control group.

    Returns:
        SHA-256 of ``<seed>:<id>``, or ``<purpose>:<seed>:<id>``, in UTF-8: 64 hex digits.

    Raises:
        ValueError: When the purpose holds anything else.
    """
    if purpose and not _PURPOSE.fullmatch(purpose):
        raise ValueError(f"purpose {purpose!r} must be small letters and underscores")
    prefix = f"{purpose}:{seed}:" if purpose else f"{seed}:"
    lot: ir.StringValue = (ibis.literal(prefix) + customer_id).hexdigest("sha256")
    return lot


def in_group(
    customer_id: ir.StringValue, seed: int, share: float, purpose: str = ""
) -> ir.BooleanValue:
    """Say who is in a group that holds a share of all customers, by their ids alone.

    Args:
        customer_id: Id.
        seed: Of all draws of the plan.
        share: Of customers who are in, 0 to 1.
        purpose: As in ``lot_text``.

    Returns:
        True for those who are in: nobody with 0, everybody with 1. Who is in with a share is in
        with every larger one. Null without an id.

    Raises:
        ValueError: When the share is not between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share {share} must be between 0 and 1")
    above, below = float(share).as_integer_ratio()
    limit = f"{16**_DIGITS * above // below:0{_DIGITS}x}" if share < 1 else _ABOVE_EVERY_DIGEST
    inside: ir.BooleanValue = lot_text(customer_id, seed, purpose) < limit
    return inside


# --- sizes ---------------------------------------------------------------------------------


def detectable_drop(
    rate: float, treated: float, control: float, power: float, significance: float
) -> float | None:
    """Return the smallest drop of a rate that two groups of these sizes show.

    Args:
        rate: Of the control group, 0 to 1.
        treated: Customers with an offer.
        control: Customers without one.
        power: Chance to see the drop.
        significance: Chance to see one where there is none (two-sided).

    Returns:
        Rate of the control group less that of the others (arcsine scale; J. Cohen, 1988); none
        when a group is empty or no drop down to zero would be seen.

    Raises:
        ValueError: When a number is out of range.
    """
    distance = _distance(power, significance)
    _check_rate(rate)
    if min(treated, control) < 0:
        raise ValueError(f"treated {treated} and control {control} must not be negative")
    if min(treated, control) == 0:
        return None
    effect = distance * math.sqrt(1 / treated + 1 / control)
    angle = math.asin(math.sqrt(rate)) - effect / 2
    return rate - math.sin(angle) ** 2 if angle >= 0 else None


def needed_size(
    rate: float, drop: float, share: float, power: float, significance: float
) -> float | None:
    """Return how many customers show a drop of a rate.

    Args:
        rate: Of the control group, 0 to 1.
        drop: Rate of the control group less that of the others.
        share: Of the customers who are in the control group.
        power: Chance to see the drop.
        significance: Chance to see one where there is none (two-sided).

    Returns:
        Customers of both groups together, not rounded (arcsine scale; J. Cohen, 1988); none when
        a group is empty, the drop is not above zero or larger than the rate.

    Raises:
        ValueError: When a number is out of range.
    """
    distance = _distance(power, significance)
    _check_rate(rate)
    if not 0 <= share <= 1:
        raise ValueError(f"share {share} must be between 0 and 1")
    if not 0 < drop <= rate or share in (0, 1):
        return None
    effect = 2 * (math.asin(math.sqrt(rate)) - math.asin(math.sqrt(rate - drop)))
    return (distance / effect) ** 2 / (share * (1 - share)) if effect > 0 else None


def _check_rate(rate: float) -> None:
    if not 0 <= rate <= 1:
        raise ValueError(f"rate {rate} must be between 0 and 1")


def _distance(power: float, significance: float) -> float:
    """Return the effect that is seen with the power, in standard errors.

    It is about the sum of the two normal quantiles; here the chance of a significant effect of
    the wrong sign counts as well, which matters where neither power nor significance is strict.
    """
    from scipy.optimize import brentq

    if not 0 < significance < power < 1:
        raise ValueError(f"significance {significance} and power {power} must ascend within 0 to 1")
    normal = NormalDist()
    critical = -normal.inv_cdf(significance / 2)

    def surplus(distance: float) -> float:
        return normal.cdf(distance - critical) + normal.cdf(-distance - critical) - power

    highest = critical + max(normal.inv_cdf(power), 0) + 1
    return float(brentq(surplus, 0, highest, xtol=1e-12))


# --- what the control group can show -------------------------------------------------------


def detectable_effects(
    offers: pd.DataFrame, options: OfferOptions, segment_names: Mapping[str, BothLanguages]
) -> pd.DataFrame:
    """Say which effect of the offers the control group can show, for the chosen share and others.

    Other shares divide the same customers. A plan made with another share under a budget would
    also reach somewhat more or fewer of them.

    Args:
        offers: Grain: customer: group (``offer``, ``control``, ``none``), segment, risk (that the
            offers were valued with), save_rate (assumed), profit (unit of the shop's profit, a
            month).
        options: Shares, power and significance.
        segment_names: Segment, or class of customers without a risk: what people call it. Its
            order is that of the table.

    Returns:
        Grain: segment that has customers with an offer or in the control group, and control
        share; ``all`` first, shares ascending: segment, segment_ru, segment_en, control_share,
        chosen, customers (with an offer or in control), treated and control (real ones for the
        chosen share, expected ones for others, whole customers), base_rate (mean risk: share of
        decliners without an offer), assumed_effect (mean of risk x save rate: drop of that share
        which the assumptions say), detectable_effect (smallest drop that is seen; null where none
        would be), assumed_save_rate and detectable_save_rate (both over base_rate), learnable
        (the assumed effect would be seen), detectable_profit (smallest difference of the mean
        profit that is seen, if it varies as now; unit of the shop's profit, a month),
        needed_customers (with an offer or in control at this share, for the assumed effect; null
        where no number would do).
    """
    allocated = _allocated(offers)
    allocated["saved"] = allocated["risk"] * allocated["save_rate"]
    members = {str(name): rows for name, rows in allocated.groupby("segment", observed=True)}
    known = [name for name in segment_names if name in members]
    order = known + sorted(members.keys() - set(known))
    control = options.control
    shares = sorted({control.share, *control.other_shares})
    rows = []
    for name, customers in [(ALL, allocated), *((name, members[name]) for name in order)]:
        facts = _facts(customers) | _named(name, segment_names)
        rows += [_effect(facts, share, options) for share in shares]
    return pd.DataFrame(rows, columns=list(EFFECT_COLUMNS)).astype(EFFECT_COLUMNS)


def _allocated(offers: pd.DataFrame) -> pd.DataFrame:
    """Return whom the plan gives an offer, sent or withheld."""
    allocated = offers.loc[offers["group"].isin(["offer", "control"])].copy()
    allocated["in_control"] = allocated["group"] == "control"
    for column in ("risk", "profit"):
        allocated[column] = allocated[column].astype("float64")
    return allocated


def _named(segment: str, names: Mapping[str, BothLanguages]) -> dict[str, str]:
    if segment == ALL:
        ru, en = EVERYBODY["ru"], EVERYBODY["en"]
    else:
        ru, en = _both(names, segment)
    return {"segment": segment, "segment_ru": ru, "segment_en": en}


def _both(names: Mapping[str, BothLanguages], key: str) -> tuple[str, str]:
    """Return what people call something, or its key where nobody said."""
    return (names[key].ru, names[key].en) if key in names else (key, key)


def _facts(customers: pd.DataFrame) -> dict[str, Any]:
    """Return what the sizes depend on; means are null without customers."""
    return {
        "customers": len(customers),
        "control": int(customers["in_control"].sum()),
        "base_rate": float(customers["risk"].mean()),
        "assumed_effect": float(customers["saved"].mean()),
        "spread": float(customers["profit"].std()),
    }


def _effect(facts: Mapping[str, Any], share: float, options: OfferOptions) -> dict[str, Any]:
    asked = options.control
    chosen = share == asked.share
    customers, rate, assumed = facts["customers"], facts["base_rate"], facts["assumed_effect"]
    control = facts["control"] if chosen else math.floor(customers * share + 0.5)
    treated = customers - control
    row = {**facts, "control_share": share, "chosen": chosen}
    row |= {"treated": treated, "control": control, "learnable": False}
    if math.isnan(rate):
        return row
    drop = detectable_drop(rate, treated, control, asked.power, asked.significance)
    needed = needed_size(rate, assumed, share, asked.power, asked.significance)
    row["needed_customers"] = (
        math.ceil(needed) if needed is not None and needed < _MOST_CUSTOMERS else None
    )
    if control and treated:
        error = facts["spread"] * math.sqrt(1 / treated + 1 / control)
        row["detectable_profit"] = _distance(asked.power, asked.significance) * error
    if rate > 0:
        row["assumed_save_rate"] = assumed / rate
    if drop is not None:
        row |= {"detectable_effect": drop, "learnable": 0 < drop <= assumed}
        row["detectable_save_rate"] = drop / rate
    return row


# --- whether the split is as planned -------------------------------------------------------


def balance_groups(offers: pd.DataFrame, options: OfferOptions) -> pd.DataFrame:
    """Compare the control group with those who get the same offer, per segment and offer.

    Args:
        offers: Grain: customer: group (``offer``, ``control``, ``none``), segment,
            offer_if_treated, risk, profit.
        options: Control share, and the p-value below which a split is not as planned.

    Returns:
        Grain: level (``all``, ``segment``, ``offer``, ``segment_offer``) and its groups that have
        customers with an offer or in control; ``all`` first and always there: level, segment and
        offer (null where the row is over all of them), customers, treated, control, planned_share,
        control_share, split_p_value (exact binomial test, two-sided; null without customers),
        adjusted_p_value (of all rows below the first together; S. Holm, 1979), risk_difference and
        profit_difference (standardised mean difference, control less treated; P. C. Austin, 2009;
        null where a group has fewer than two customers or nothing varies but the mean),
        as_planned.
    """
    allocated = _allocated(offers)
    allocated["offer"] = allocated["offer_if_treated"]
    everybody = _compare(allocated, [])
    levels = [
        ("segment", ["segment"]),
        ("offer", ["offer"]),
        ("segment_offer", ["segment", "offer"]),
    ]
    parts = [everybody.assign(level=ALL)]
    parts += [_compare(allocated, by).assign(level=level) for level, by in levels]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    planned = options.control.share
    table["planned_share"] = planned
    table["control_share"] = table["control"] / table["customers"].where(table["customers"] > 0)
    table["split_p_value"] = [
        _split_p_value(int(control), int(customers), planned)
        for control, customers in zip(table["control"], table["customers"], strict=True)
    ]
    p_values = table["split_p_value"].to_numpy("float64")
    table["adjusted_p_value"] = np.concatenate([p_values[:1], _holm(p_values[1:])])
    table["as_planned"] = ~(table["adjusted_p_value"] < options.control.suspicious)
    return table.reindex(columns=BALANCE_COLUMNS).astype({"segment": "str", "offer": "str"})


def _compare(allocated: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Compare the two groups in each part; without columns to part by, everybody is one row."""
    keys = by or ["everybody"]
    measured = allocated.assign(everybody=ALL)
    parts = measured.groupby(keys, observed=True).size().index
    table = pd.DataFrame(index=parts if by else pd.Index([ALL]))
    measures: dict[str, Any] = {}
    for side, inside in (("treated", ~measured["in_control"]), ("control", measured["in_control"])):
        grouped = measured.loc[inside].groupby(keys, observed=True)
        table[side] = grouped.size().reindex(table.index, fill_value=0)
        measures[side] = grouped[["risk", "profit"]].agg(["mean", "var"]).reindex(table.index)
    table["customers"] = table["treated"] + table["control"]
    for column in ("risk", "profit"):
        table[f"{column}_difference"] = _standardised(
            measures["control"][column], measures["treated"][column]
        )
    return table.reset_index()


def _standardised(one: pd.DataFrame, other: pd.DataFrame) -> pd.Series[float]:
    """Return the difference of two means over the root of the mean variance."""
    difference = one["mean"] - other["mean"]
    spread: pd.Series[float] = np.sqrt((one["var"] + other["var"]) / 2)
    least = _SAME * np.maximum(one["mean"].abs(), other["mean"].abs())
    flat = spread.notna() & (spread <= least)
    result = difference / spread.mask(flat)
    return result.mask(flat & (difference.abs() <= least), 0.0)


def _split_p_value(control: int, customers: int, share: float) -> float:
    from scipy.stats import binomtest

    return float(binomtest(control, customers, share).pvalue) if customers else math.nan


def _holm(p_values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return p-values corrected for their number (S. Holm, 1979)."""
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


# --- warnings ------------------------------------------------------------------------------


def experiment_warnings(
    effects: pd.DataFrame,
    balance: pd.DataFrame,
    options: OfferOptions,
    offer_names: Mapping[str, BothLanguages],
) -> list[Text]:
    """Say plainly what the control group will not show, and where the split looks wrong.

    Args:
        effects: From ``detectable_effects``.
        balance: From ``balance_groups``.
        options: Control share, power and significance.
        offer_names: Offer: what people call it.

    Returns:
        Sentences, each in ``ru`` and ``en``; none where all is well.
    """
    if not balance["customers"].iloc[0]:
        return [TEXTS["nobody"]]
    if options.control.share == 0:
        return [TEXTS["no_control"], *_split_warnings(effects, balance, offer_names)]
    warnings = _too_small_warnings(effects, options)
    return warnings + _split_warnings(effects, balance, offer_names)


def _too_small_warnings(effects: pd.DataFrame, options: OfferOptions) -> list[Text]:
    """Warn once about everybody, and once about all groups that show nothing alone."""
    small = effects.loc[effects["chosen"] & ~effects["learnable"]]
    # The least of the other shares at which the same customers would do.
    enough = effects.loc[effects["learnable"]].groupby("segment")["control_share"].min()
    rows = small.assign(enough=small["segment"].map(enough)).to_dict("records")
    warnings = [
        _in_both(partial(_all_too_small, row, options)) for row in rows if row["segment"] == ALL
    ]
    groups = [row for row in rows if row["segment"] != ALL]
    # One group alone is everybody once more.
    if groups and effects["segment"].nunique() > 2:  # noqa: PLR2004
        warnings.append(_in_both(partial(_groups_too_small, groups)))
    return warnings


def _all_too_small(row: Mapping[Any, Any], options: OfferOptions, language: Language) -> str:
    """Say what everybody would have to be to show anything."""
    return TEXTS["all_too_small"][language].format(
        customers=counted(row["customers"], CUSTOMERS, language),
        control=number(row["control"], language),
        why=_why(row, options, language),
        remedy=_remedy(row, language),
    )


def _groups_too_small(rows: list[dict[Any, Any]], language: Language) -> str:
    """List the groups that show nothing alone, and the shares at which some would."""
    groups = [f"{_quoted(row, language)}{SPACE}({_members(row, language)})" for row in rows]
    text = TEXTS["group_too_small" if len(rows) == 1 else "groups_too_small"][language]
    remedy = _enough_shares(rows, language)
    return text.format(groups=_joined(groups, language), remedy=remedy)


def _quoted(row: Mapping[Any, Any], language: Language) -> str:
    return QUOTED[language].format(name=row[f"segment_{language}"])


def _members(row: Mapping[Any, Any], language: Language) -> str:
    """Write how many customers a group has, and how many of them are in control."""
    customers, control = row["customers"], row["control"]
    if not control:
        form = "none"
    elif control < customers:
        form = "some"
    else:
        form = "one" if customers == 1 else "all"
    return MEMBERS[form][language].format(
        customers=counted(customers, CUSTOMERS, language), control=number(control, language)
    )


def _enough_shares(rows: list[dict[Any, Any]], language: Language) -> str:
    """Name the shares that would do for some groups, each with those groups."""
    told: list[str] = []
    for share in sorted({row["enough"] for row in rows if not pd.isna(row["enough"])}):
        names = [_quoted(row, language) for row in rows if row["enough"] == share]
        text = TEXTS["further_share" if told else "first_share"][language]
        told.append(
            text.format(
                share=_as_given(share, language),
                group=GROUP[language][len(names) > 1],
                names=_joined(names, language),
            )
        )
    return f" {'; '.join(told)}." if told else ""


def _joined(parts: list[str], language: Language) -> str:
    """Write a list as people do: one, two and three."""
    *first, last = parts
    return f"{', '.join(first)} {AND[language]} {last}" if first else last


def _why(row: Mapping[Any, Any], options: OfferOptions, language: Language) -> str:
    if not row["treated"] or not row["control"]:
        return TEXTS["one_side"][language]
    if pd.isna(row["detectable_effect"]) or pd.isna(row["assumed_effect"]):
        return TEXTS["never_seen"][language]
    detectable, assumed = _told_apart(row["detectable_effect"], row["assumed_effect"], language)
    power = _as_given(options.control.power, language)
    text = TEXTS["seen_from"][language]
    return text.format(power=power, detectable=detectable, assumed=assumed)


def _remedy(row: Mapping[Any, Any], language: Language) -> str:
    """Name another share that would do, or else the customers that it takes."""
    if not pd.isna(row["enough"]):
        return TEXTS["other_share"][language].format(share=_as_given(row["enough"], language))
    needed = row["needed_customers"]
    # Where the split came out uneven, the planned one would have done with these customers.
    if pd.isna(needed) or needed <= row["customers"]:
        return ""
    at_least = counted(int(needed), OF_CUSTOMERS, language)
    return TEXTS["needed"][language].format(needed=at_least)


def _split_warnings(
    effects: pd.DataFrame, balance: pd.DataFrame, offer_names: Mapping[str, BothLanguages]
) -> list[Text]:
    wrong = balance.loc[~balance["as_planned"]].to_dict("records")
    everybody = [row for row in wrong if row["level"] == ALL]
    places = [row for row in wrong if row["level"] != ALL]
    names = effects.drop_duplicates("segment").set_index("segment")
    warnings = [_in_both(partial(_wrong_split, row)) for row in everybody]
    if places:
        warnings.append(_in_both(partial(_wrong_places, places, names, offer_names)))
    return warnings


def _wrong_split(row: Mapping[Any, Any], language: Language) -> str:
    actual, planned = _told_apart(row["control_share"], row["planned_share"], language)
    p = row["split_p_value"]
    least = p < _SMALLEST_P
    shown = plain(_SMALLEST_P, language) if least else number(p, language, decimals_of(p, 2))
    return TEXTS["not_as_planned"][language].format(
        actual=f"{actual}%", planned=f"{planned}%", p=f"{'<' if least else '='}{SPACE}{shown}"
    )


def _wrong_places(
    places: list[dict[Any, Any]],
    names: pd.DataFrame,
    offer_names: Mapping[str, BothLanguages],
    language: Language,
) -> str:
    """List where the split looks wrong, the clearest case first."""
    told = []
    for row in sorted(places, key=lambda place: float(place["split_p_value"])):
        segment, offer = row["segment"], row["offer"]
        place = PLACES[row["level"]][language].format(
            segment=names[f"segment_{language}"].get(segment, segment),
            offer=getattr(offer_names.get(offer), language, offer),
        )
        actual, planned = _told_apart(row["control_share"], row["planned_share"], language)
        told.append(f"{place} — {actual}%")
    if len(told) > _PLACES_TOLD:
        rest = TEXTS["more_places"][language].format(count=len(told) - _PLACES_TOLD)
        told = [*told[:_PLACES_TOLD], rest]
    planned = _as_given(places[0]["planned_share"], language)
    return TEXTS["places_not_as_planned"][language].format(planned=planned, places="; ".join(told))


def _in_both(write: Callable[[Language], str]) -> Text:
    return {"ru": write("ru"), "en": write("en")}


def _told_apart(one: float, other: float, language: Language) -> tuple[str, str]:
    """Write two shares in hundredths with so many decimals that they do not look the same."""
    for decimals in range(1, _MOST_DECIMALS):
        texts = [number(share * 100, language, decimals) for share in (one, other)]
        if texts[0] != texts[1]:
            break
    return texts[0], texts[1]


def _as_given(share: float, language: Language) -> str:
    """Write a share from the parameters in per cent, without rounding it away."""
    return f"{plain(share * 100, language)}%"

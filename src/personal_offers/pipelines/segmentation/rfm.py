"""Recency, frequency and monetary scores at a cutoff, and the classes that they make.

Scores are a pure map: ``fit_rfm_breaks`` turns customers into whole numbers of days, orders and
cents, ``score_rfm`` compares with these numbers. So equal behaviour gives equal scores, whatever
the order of the rows, and customers whom the fit never saw are scored by the same rule.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from personal_offers.errors import InputError
from personal_offers.features import BothLanguages
from personal_offers.order_history import lines_known_at, orders_of, purchase_history
from personal_offers.pipelines.segmentation.natural_breaks import natural_breaks, parts_of
from personal_offers.pipelines.segmentation.params import ALL
from personal_offers.pipelines.segmentation.rfm_params import (
    MEASURES,
    BusinessBreaks,
    NaturalBreaks,
    QuantileBreaks,
    RfmOptions,
    Scheme,
    text_of,
)

logger = logging.getLogger(__name__)

CENTS = 100
_OUTCOME = "the intake's tables were written, the classes were not"
UNITS = {"recency": "days", "frequency": "orders", "monetary": "cents"}
COLUMNS = {"recency": "recency_days", "frequency": "frequency", "monetary": "cents"}
LETTERS = {"recency": "r", "frequency": "f", "monetary": "m"}
# Interpolated quantiles of whole numbers are off by rounding only; so many digits are sure.
_SURE_DIGITS = 4


def fit_rfm(
    order_lines: ir.Table, era: dict[str, Any], options: RfmOptions
) -> tuple[dict[str, Any], ir.Table]:
    """Sum up purchases once, for the breaks of this shop and for the scores that follow.

    One node, because a shop whose breaks cannot be fitted is refused before the stage writes.

    Args:
        order_lines: Grain: one order line.
        era: ``cutoff`` (ISO text, local time) and ``withheld`` (output: reason).
        options: Scheme, methods, values, net or gross.

    Returns:
        The breaks (``fit_rfm_breaks``) and the purchases (``sum_up_purchases``).

    Raises:
        InputError: As ``fit_rfm_breaks``.
    """
    purchases = sum_up_purchases(order_lines, era, options)
    return fit_rfm_breaks(purchases, era, options), purchases


def sum_up_purchases(
    order_lines: ir.Table, era: Mapping[str, Any], options: RfmOptions
) -> ir.Table:
    """Sum up what every customer had bought by the cutoff: all that RFM looks at.

    Args:
        order_lines: Grain: one order line.
        era: ``cutoff`` (ISO text, local time).
        options: Net or gross.

    Returns:
        Grain: one row per customer with a purchase known at the cutoff: customer_id,
        recency_days (calendar days from the last purchase to the cutoff), frequency (purchase
        orders), cents (int64; hundredths of a currency unit).
    """
    cutoff = cutoff_of(era)
    history = purchase_history(orders_of(lines_known_at(order_lines, cutoff)), cutoff)
    cents = history.net_cents if options.monetary == "net" else history.gross_cents
    # Cached, because breaks and scores each read it, and making it reads all order lines.
    return history.select("customer_id", "recency_days", "frequency", cents=cents).cache()


def fit_rfm_breaks(purchases: ir.Table, era: dict[str, Any], options: RfmOptions) -> dict[str, Any]:
    """Turn the wanted breaks into numbers of this shop, known at the cutoff.

    Args:
        purchases: Grain: one customer (``sum_up_purchases``).
        era: ``cutoff`` (ISO text, local time) and ``withheld`` (output: reason).
        options: Scheme, methods and values.

    Returns:
        cutoff, scheme, scores, monetary (net or gross), customers, withheld (reason or null),
        and ``measures`` (empty where withheld): method, unit (days, orders, cents), the breaks,
        customers_by_score (highest score best) and empty_scores. Breaks rise: ``at_most``
        (recency: the most days that the better score allows) or ``at_least`` (the fewest orders
        or cents that the better score asks; ``at_least_money`` in currency units).

    Raises:
        InputError: Nobody had bought by the cutoff, or a measure gives everybody one score.
    """
    scheme = options.chosen
    fitted: dict[str, Any] = {
        "cutoff": era["cutoff"],
        "scheme": options.scheme,
        "scores": scheme.scores,
        "monetary": options.monetary,
        "customers": None,
        "withheld": era["withheld"].get("rfm"),
        "measures": {},
    }
    if fitted["withheld"] is not None:
        return fitted
    facts = purchases.aggregate(**_facts(purchases, scheme)).to_pyarrow().to_pylist()[0]
    if not facts["customers"]:
        raise InputError(
            [f"order_lines: no customer had bought by {era['cutoff']}: choose a later cutoff"],
            _OUTCOME,
        )
    limits = {measure: _limits(measure, purchases, facts, scheme) for measure in MEASURES}
    customers = _customers_by_score(purchases, limits, facts["customers"])
    _refuse_one_score(limits, customers, facts, options)
    fitted["customers"] = facts["customers"]
    fitted["measures"] = {
        measure: _artefact(measure, limits[measure], customers[measure], scheme)
        for measure in MEASURES
    }
    _warn_of_empty_scores(fitted)
    return fitted


def cutoff_of(era: Mapping[str, Any]) -> datetime:
    """Return the cutoff of an era as a moment."""
    return datetime.fromisoformat(era["cutoff"])


def _facts(history: ir.Table, scheme: Scheme) -> dict[str, ir.Scalar]:
    """Return all measures of the one query that the breaks are made from."""
    facts: dict[str, ir.Scalar] = {"customers": history.count()}
    for measure in MEASURES:
        column = history[COLUMNS[measure]]
        facts |= {f"{measure}_min": column.min(), f"{measure}_max": column.max()}
        asked = scheme.breaks_of(measure)
        if isinstance(asked, QuantileBreaks):
            shares = asked.shares or [k / scheme.scores for k in range(1, scheme.scores)]
            # All of a measure at once: the engine puts its values in order only once.
            facts[f"{measure}_at"] = column.quantile(shares)
    return facts


def _limits(measure: str, history: ir.Table, facts: Mapping[str, Any], scheme: Scheme) -> list[int]:
    """Return the breaks as whole numbers, rising: the last values of at_most or at_least."""
    asked, count = scheme.breaks_of(measure), scheme.scores - 1
    downward = measure == "recency"
    if isinstance(asked, BusinessBreaks):
        factor = CENTS if measure == "monetary" else 1
        return [round(value * factor) for value in asked.values]  # noqa: PD011
    if isinstance(asked, QuantileBreaks):
        # A customer at the quantile belongs below it, with everybody of the same value.
        below = [math.floor(round(value, _SURE_DIGITS)) for value in facts[f"{measure}_at"]]
        return below if downward else [value + 1 for value in below]
    pairs = _natural_pairs(measure, history, asked, scheme.scores)
    limits = [below if downward else above for below, above in pairs]
    # Fewer distinct values than scores: the last break stands for those that are missing.
    highest: int = facts[f"{measure}_max"]
    limits = limits or [highest if downward else highest + 1]
    return limits + limits[-1:] * (count - len(limits))


def _natural_pairs(
    measure: str, history: ir.Table, asked: NaturalBreaks, groups: int
) -> list[tuple[int, int]]:
    value = history[COLUMNS[measure]]
    counted = history.group_by(value=value).aggregate(customers=history.count())
    unit = CENTS if measure == "monetary" else 1
    parts = parts_of(counted, asked.scale, unit, asked.most_values)
    return natural_breaks(parts.to_pandas(), groups, asked.scale, unit)


def _reached(history: ir.Table, measure: str, limit: int) -> ir.BooleanValue:
    """Tell who reaches the better side of a break."""
    column = history[COLUMNS[measure]]
    return column <= limit if measure == "recency" else column >= limit


def _customers_by_score(
    history: ir.Table, limits: Mapping[str, Sequence[int]], customers: int
) -> dict[str, list[int]]:
    """Count customers per score, from score 1 (worst) up."""
    sums = {
        f"{measure}_{number}": _reached(history, measure, limit).sum()
        for measure in MEASURES
        for number, limit in enumerate(limits[measure])
    }
    found = history.aggregate(**sums).to_pyarrow().to_pylist()[0]
    by_score = {}
    for measure in MEASURES:
        reached = [found[f"{measure}_{number}"] for number in range(len(limits[measure]))]
        # The widest break is reached by most: everybody else has the lowest score.
        steps = [customers, *sorted(reached, reverse=True), 0]
        by_score[measure] = [steps[i] - steps[i + 1] for i in range(len(steps) - 1)]
    return by_score


def _refuse_one_score(
    limits: Mapping[str, Sequence[int]],
    customers: Mapping[str, Sequence[int]],
    facts: Mapping[str, Any],
    options: RfmOptions,
) -> None:
    problems = []
    for measure in MEASURES:
        if max(customers[measure]) < facts["customers"]:
            continue
        side = "at most" if measure == "recency" else "at least"
        asked = options.chosen.breaks_of(measure)
        problems.append(
            f"order_lines: {measure} gives all {facts['customers']} customers one score "
            f"(boundaries: {side} {_in_words(measure, limits[measure])}; the values run from "
            f"{_in_words(measure, [facts[f'{measure}_min']])} to "
            f"{_in_words(measure, [facts[f'{measure}_max']])}): change "
            f"params:rfm.schemes.{options.scheme}.{measure}, which now has method "
            f"{asked.method}, or withhold rfm"
        )
    if problems:
        raise InputError(problems, _OUTCOME)


def _in_words(measure: str, values: Sequence[int]) -> str:
    """Return values with their unit for a person."""
    if measure == "monetary":
        return f"{', '.join(f'{value / CENTS:,.2f}' for value in values)} in money"
    unit = UNITS[measure].removesuffix("s") if list(values) == [1] else UNITS[measure]
    return f"{', '.join(str(value) for value in values)} {unit}"


def _artefact(
    measure: str, limits: Sequence[int], customers: Sequence[int], scheme: Scheme
) -> dict[str, Any]:
    fitted: dict[str, Any] = {
        "method": scheme.breaks_of(measure).method,
        "unit": UNITS[measure],
        "at_most" if measure == "recency" else "at_least": list(limits),
    }
    if measure == "monetary":
        fitted["at_least_money"] = [value / CENTS for value in limits]
    by_score = dict(zip(range(1, scheme.scores + 1), customers, strict=True))
    fitted["customers_by_score"] = {str(score): count for score, count in by_score.items()}
    fitted["empty_scores"] = [score for score, count in by_score.items() if not count]
    return fitted


def _warn_of_empty_scores(fitted: Mapping[str, Any]) -> None:
    for measure in MEASURES:
        empty = fitted["measures"][measure]["empty_scores"]
        if empty:
            logger.warning(
                "No customer gets %s score %s at %s: params:rfm.schemes.%s.%s cuts %s",
                measure,
                ", ".join(map(str, empty)),
                fitted["cutoff"],
                fitted["scheme"],
                measure,
                _in_words(measure, _limits_of(fitted, measure)),
            )


def _limits_of(breaks: Mapping[str, Any], measure: str) -> list[int]:
    """Return the breaks of a measure from the artefact, rising."""
    found: list[int] = breaks["measures"][measure][
        "at_most" if measure == "recency" else "at_least"
    ]
    return found


def score_rfm(
    purchases: ir.Table, era: dict[str, Any], breaks: dict[str, Any], options: RfmOptions
) -> ir.Table:
    """Score and class every customer with a purchase known at the cutoff.

    Args:
        purchases: Grain: one customer (``sum_up_purchases``).
        era: ``cutoff`` (ISO text, local time) and ``withheld`` (output: reason).
        breaks: Numbers from ``fit_rfm_breaks``; those of other customers will do.
        options: Classes, polarity, net or gross; the scheme of the breaks.

    Returns:
        Grain: one row per customer, ordered by id: customer_id, recency_days (calendar days
        from the last purchase to the cutoff), frequency (purchase orders), monetary (currency
        units), r, f, m (scores), rfm_code, rfm_class, class_ru, class_en, days_to_next_class
        (days without a purchase until the class changes for the first time because the last
        purchase grows old; null where it never does), cutoff (ISO text: what was known then).
        Where RFM is withheld, everything from r to days_to_next_class is null.

    Raises:
        InputError: The breaks were fitted with another scheme, or for net and not gross.
    """
    known = {
        "customer_id": purchases.customer_id,
        "recency_days": purchases.recency_days,
        "frequency": purchases.frequency,
        "monetary": purchases.cents.cast("float64") / CENTS,
    }
    as_of = {"cutoff": ibis.literal(era["cutoff"])}
    if "rfm" in era["withheld"] or breaks["withheld"] is not None:
        scored = purchases.select(**known, **_nothing(), **as_of)
        return scored.order_by("customer_id")
    _refuse_other_breaks(breaks, options)
    scores = {
        LETTERS[measure]: 1
        + sum(
            _reached(purchases, measure, limit).cast("int64")
            for limit in _limits_of(breaks, measure)
        )
        for measure in MEASURES
    }
    table = purchases.select(**known, **scores)
    table = table.mutate(key=table.r * 100 + table.f * 10 + table.m)
    codes = _code_table(breaks, options)
    joined = table.join(codes, table.key == codes.code_key)
    classed = joined.select(
        *known,
        **{letter: options.shown(joined[letter]) for letter in LETTERS.values()},
        rfm_code=joined.rfm_code,
        rfm_class=joined.rfm_class,
        class_ru=joined.class_ru,
        class_en=joined.class_en,
        days_to_next_class=joined.last_day + 1 - joined.recency_days,
        **as_of,
    )
    # Not cached: the contract asks one query, and from the sums that costs less than a copy.
    return classed.order_by("customer_id")


def _nothing() -> dict[str, ir.Value]:
    """Return the columns of a shop whose RFM is withheld."""
    whole = [*LETTERS.values(), "days_to_next_class"]
    texts = ["rfm_code", "rfm_class", "class_ru", "class_en"]
    columns = {name: ibis.null("int64") for name in whole}
    columns |= {name: ibis.null("string") for name in texts}
    order = [*LETTERS.values(), *texts, "days_to_next_class"]
    return {name: columns[name] for name in order}


def _refuse_other_breaks(breaks: Mapping[str, Any], options: RfmOptions) -> None:
    wanted = {
        "scheme": options.scheme,
        "scores": options.chosen.scores,
        "monetary": options.monetary,
    }
    problems = [
        f"rfm_breaks: {name} is {breaks[name]}, but params:rfm asks for {value}: fit them again"
        for name, value in wanted.items()
        if breaks[name] != value
    ]
    if problems:
        raise InputError(problems, _OUTCOME)


def _code_table(breaks: Mapping[str, Any], options: RfmOptions) -> ir.Table:
    """List for every code its text, its class, and the last day of recency in that class.

    Grain: one row per code; ``code_key`` has the highest score best, ``last_day`` is null where
    the class never changes by waiting.
    """
    scheme = options.chosen
    class_of = scheme.class_of()
    days = sorted(set(_limits_of(breaks, "recency")))
    rows = []
    for (r, f, m), name in class_of.items():
        last_day = None
        for day in days:
            later = 1 + sum(day < limit for limit in _limits_of(breaks, "recency"))
            if later < r and class_of[later, f, m] != name:
                last_day = day
                break
        label = scheme.classes[name].label
        rows.append(
            {
                "code_key": r * 100 + f * 10 + m,
                "rfm_code": text_of((options.shown(r), options.shown(f), options.shown(m))),
                "rfm_class": name,
                "class_ru": label.ru,
                "class_en": label.en,
                "last_day": last_day,
            }
        )
    kinds = dict.fromkeys(rows[0], "string") | {"code_key": "int64", "last_day": "int64"}
    return ibis.memtable(rows, schema=kinds)


def describe_rfm(rfm: ir.Table, breaks: dict[str, Any], options: RfmOptions) -> pd.DataFrame:
    """Print where each score begins and ends, and who has it.

    Args:
        rfm: One row per customer (``score_rfm``).
        breaks: The numbers that the scores were made with.
        options: Polarity.

    Returns:
        Grain: measure and score, best score first: unit (days, orders, money), lowest and
        highest (both belong to the score; null: no bound), customers, share, method. No rows
        where RFM is withheld.
    """
    columns = ["measure", "score", "unit", "lowest", "highest", "customers", "share", "method"]
    if breaks["withheld"] is not None:
        return pd.DataFrame(columns=columns)
    counts = rfm.group_by("r", "f", "m").aggregate(customers=rfm.count()).to_pandas()
    rows = []
    for measure in MEASURES:
        by_score = counts.groupby(LETTERS[measure])["customers"].sum()
        for score, (lowest, highest) in _ranges(measure, breaks).items():
            shown = options.shown(score)
            customers = int(by_score.get(shown, 0))
            rows.append(
                {
                    "measure": measure,
                    "score": shown,
                    "unit": "money" if measure == "monetary" else UNITS[measure],
                    "lowest": lowest,
                    "highest": highest,
                    "customers": customers,
                    "share": customers / by_score.sum() if len(by_score) else None,
                    "method": breaks["measures"][measure]["method"],
                }
            )
    return pd.DataFrame(rows, columns=columns).astype({"lowest": float, "highest": float})


def _ranges(
    measure: str, breaks: Mapping[str, Any]
) -> dict[int, tuple[float | None, float | None]]:
    """Return lowest and highest value per score, best first."""
    cuts = _limits_of(breaks, measure)
    lowest: list[int | None]
    highest: list[int | None]
    scores = breaks["scores"]
    unit = CENTS if measure == "monetary" else 1
    if measure == "recency":
        lowest = [0, *(limit + 1 for limit in cuts)]
        highest = [*cuts, None]
        order = range(scores, 0, -1)
    else:
        lowest = [1 if measure == "frequency" else None, *cuts]
        highest = [*(limit - 1 for limit in cuts), None]
        order = range(1, scores + 1)
    ranges = {
        score: (None if low is None else low / unit, None if high is None else high / unit)
        for score, low, high in zip(order, lowest, highest, strict=True)
    }
    return {score: ranges[score] for score in range(scores, 0, -1)}


def profile_classes(rfm: ir.Table, options: RfmOptions) -> pd.DataFrame:
    """Describe each class in customers and in money.

    Args:
        rfm: One row per customer (``score_rfm``).
        options: Names and order of the classes.

    Returns:
        Grain: one row per class in the order of the parameters, then ``all`` (alone where RFM
        is withheld): rfm_class, class_ru, class_en, customers, share, monetary (sum, currency
        units), monetary_share (null where the total is not above zero), median_recency_days,
        median_frequency, median_monetary, average_check (monetary per purchase order).
    """
    sums = {
        "customers": rfm.count(),
        "orders": rfm.frequency.sum(),
        # Whole cents, because sums of floats depend on the order of the rows.
        "cents": (rfm.monetary * CENTS).round().cast("int64").sum(),
        "median_recency_days": rfm.recency_days.median(),
        "median_frequency": rfm.frequency.median(),
        "median_monetary": rfm.monetary.median(),
    }
    by_class = rfm.group_by("rfm_class").aggregate(**sums).to_pyarrow().to_pylist()
    found = {row["rfm_class"]: row for row in by_class}
    total = rfm.aggregate(**sums).to_pyarrow().to_pylist()[0]
    labels = {name: asked.label for name, asked in options.chosen.classes.items()}
    if set(found) <= {None}:
        labels = {}
    labels[ALL] = BothLanguages(ru="Все клиенты", en="All customers")
    found[ALL] = total
    return pd.DataFrame(
        [
            {"rfm_class": name, "class_ru": label.ru, "class_en": label.en}
            | _profile(found.get(name, {}), total)
            for name, label in labels.items()
        ]
    )


def _profile(sums: Mapping[str, Any], total: Mapping[str, Any]) -> dict[str, Any]:
    customers, cents = sums.get("customers", 0), sums.get("cents") or 0
    whole = total["cents"] or 0
    medians = ("median_recency_days", "median_frequency", "median_monetary")
    return {
        "customers": customers,
        "share": customers / total["customers"] if total["customers"] else None,
        "monetary": cents / CENTS,
        "monetary_share": cents / whole if whole > 0 else None,
        **{name: sums.get(name) for name in medians},
        "average_check": cents / CENTS / sums["orders"] if customers else None,
    }

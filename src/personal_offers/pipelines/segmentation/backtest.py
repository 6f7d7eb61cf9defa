"""What classes were worth: frozen at an earlier cutoff and looked at in the window after it.

Everything that makes the classes of the earlier cutoff, breaks included, is fitted on what was
known then; the window after it only judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from personal_offers.errors import InputError
from personal_offers.order_history import lines_known_at, orders_of
from personal_offers.pipelines.segmentation.resampling import (
    Floats,
    around,
    resampled_means,
    sample_customers,
)
from personal_offers.pipelines.segmentation.rfm import (
    CENTS,
    cutoff_of,
    fit_rfm_breaks,
    score_rfm,
    sum_up_purchases,
)
from personal_offers.pipelines.segmentation.rfm_params import RfmOptions

Sentence = dict[str, str]
OUTCOMES = ("purchase_rate", "net_revenue")
COLUMNS = [
    "rfm_class",
    "class_ru",
    "class_en",
    "customers",
    "buyers",
    "purchase_rate",
    "purchase_rate_low",
    "purchase_rate_high",
    "orders",
    "net_revenue_sum",
    "net_revenue_share",
    "net_revenue",
    "net_revenue_low",
    "net_revenue_high",
    "median_net_revenue",
]
_FEWEST_CLASSES = 2


@dataclass(frozen=True)
class Frozen:
    """Classes of an earlier cutoff with what their customers did afterwards.

    Attributes:
        since: The earlier cutoff; the window begins after it.
        until: Last moment of the window.
        breaks: Fitted at the earlier cutoff.
        customers: Grain: one row per customer known at the earlier cutoff: the columns of
            ``score_rfm``, later_orders (purchase orders begun in the window), later_cents (net
            of returns; hundredths of a currency unit).
    """

    since: datetime
    until: datetime
    breaks: dict[str, Any]
    customers: ir.Table


def freeze_classes(
    order_lines: ir.Table, era: dict[str, Any], options: RfmOptions
) -> Frozen | Sentence:
    """Class customers as of one outcome window before the cutoff, and follow them up to it.

    Args:
        order_lines: Grain: one order line.
        era: cutoff, data_from, trusted_to (ISO texts) and withheld.
        options: Scheme and length of the window.

    Returns:
        The classes with their outcomes, or the reason in both languages why there are none.
    """
    reason = withheld_reason(era, "backtest", "rfm")
    if reason is not None:
        return reason
    since, until = _window(era, options)
    days = options.backtest.outcome_days
    if since < datetime.fromisoformat(era["data_from"]):
        return {
            "ru": f"данных меньше, чем окно в {days} дней перед {era['cutoff']}",
            "en": f"the data are shorter than the window of {days} days before {era['cutoff']}",
        }
    then = dict(era) | {"cutoff": since.isoformat(), "withheld": {}}
    purchases = sum_up_purchases(order_lines, then, options)
    try:
        breaks = fit_rfm_breaks(purchases, then, options)
    except InputError as error:
        problems = "; ".join(error.problems)
        return {
            "ru": f"на {since:%Y-%m-%d} покупателей на классы не разделить ({problems})",
            "en": f"customers cannot be classed as of {since:%Y-%m-%d} ({problems})",
        }
    scored = score_rfm(purchases, then, breaks, options)
    customers = _with_outcomes(scored, order_lines, since, until)
    return Frozen(since, until, breaks, customers)


def withheld_reason(era: Mapping[str, Any], *outputs: str) -> Sentence | None:
    """Return why the first withheld one of some outputs is withheld, in both languages."""
    for output in outputs:
        reason = era["withheld"].get(output)
        if reason is not None:
            both = isinstance(reason, Mapping)
            return {lang: str(reason[lang] if both else reason) for lang in ("ru", "en")}
    return None


def _window(era: Mapping[str, Any], options: RfmOptions) -> tuple[datetime, datetime]:
    """Return where the outcome window begins and ends: never where lines are not trusted."""
    until = cutoff_of(era)
    if era.get("trusted_to") is not None:
        until = min(until, datetime.fromisoformat(era["trusted_to"]))
    return until - timedelta(days=options.backtest.outcome_days), until


def _with_outcomes(
    scored: ir.Table, order_lines: ir.Table, since: datetime, until: datetime
) -> ir.Table:
    """Add later_orders and later_cents; who did nothing has zeros."""
    lines = lines_known_at(order_lines, until)
    orders = orders_of(lines.filter(lines.logged_at > since))
    # Lines that an order of before the window got later are revenue, but no new purchase.
    begun = ~orders.is_return & (orders.ordered_at > since)
    cents = (orders.net_revenue * CENTS).cast("int64")
    later = orders.group_by("customer_id").aggregate(
        later_orders=begun.sum().cast("int64"),
        later_cents=cents.sum().cast("int64"),
    )
    found = scored.left_join(later, "customer_id").drop("customer_id_right")
    names = ("later_orders", "later_cents")
    return found.mutate(**{name: found[name].fill_null(0) for name in names}).cache()


def backtest_classes(
    order_lines: ir.Table, era: dict[str, Any], breaks: dict[str, Any], options: RfmOptions
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Tell what each class did after it was frozen, and whether the classes keep their order.

    Args:
        order_lines: Grain: one order line.
        era: cutoff, data_from, trusted_to (ISO texts) and withheld.
        breaks: Boundaries at the cutoff, which the verdict states beside the earlier ones.
        options: Scheme, window, confidence, resamples.

    Returns:
        First, one row per class in the order of the parameters: rfm_class, class_ru, class_en,
        customers, buyers (with a purchase order begun in the window), purchase_rate with score
        interval (Wilson, 1927), orders, net_revenue_sum and its share (null where the total is
        not above zero), net_revenue (per customer, currency units) with percentile bootstrap
        interval (Efron, 1979), median_net_revenue. ``_low`` and ``_high`` are the bounds.
        Second, the verdict: withheld (reason or null), since, until, outcome_days, breaks,
        breaks_now, customers, buyers, too_small (classes not compared), conclusive (enough
        buyers and classes);
        where conclusive, per outcome the values by class, best_is_highest and worst_is_lowest
        with ``_is_certain`` (the intervals of all differences to it leave out zero), inversions
        (pairs whose order is the other way round, with ``detectable``: the interval of the
        difference leaves out zero, for all pairs at once), tau_classes and tau_customers
        (Kendall's tau-b; 1938, 1945); and sentence (ru, en).
    """
    frozen = freeze_classes(order_lines, era, options)
    if not isinstance(frozen, Frozen):
        return pd.DataFrame(columns=COLUMNS), _no_verdict(frozen, options)
    sums = _sums_by_class(frozen.customers)
    drawn = _draw(frozen, options)
    means = _resampled(drawn, sums, options)
    table = _outcome_table(sums, means, options)
    verdict = _verdict(frozen, table, drawn, means, options)
    return table, verdict | {"breaks_now": breaks["measures"]}


def _sums_by_class(customers: ir.Table) -> dict[str, dict[str, Any]]:
    """Add up the outcomes of everybody, exactly, by class."""
    sums = customers.group_by("rfm_class").aggregate(
        customers=customers.count(),
        buyers=(customers.later_orders > 0).sum(),
        orders=customers.later_orders.sum(),
        cents=customers.later_cents.sum(),
        median_cents=customers.later_cents.median(),
    )
    return {row["rfm_class"]: row for row in sums.to_pyarrow().to_pylist()}


def _draw(frozen: Frozen, options: RfmOptions) -> pd.DataFrame:
    """Bring customers of the window into memory: place (of the class), bought, revenue."""
    asked = options.comparison
    columns = ["rfm_class", "later_orders", "later_cents"]
    found = sample_customers(frozen.customers, columns, asked.largest_sample, asked.seed)
    order = {name: place for place, name in enumerate(options.chosen.classes)}
    return pd.DataFrame(
        {
            "place": found["rfm_class"].map(order).astype("int64"),
            "bought": (found["later_orders"] > 0).astype("int64"),
            "revenue": found["later_cents"] / CENTS,
        }
    )


def _resampled(
    drawn: pd.DataFrame, sums: Mapping[str, Mapping[str, Any]], options: RfmOptions
) -> Floats:
    """Return net revenue per customer of every class (column) in every resample (row).

    Where a class was sampled, its resamples are laid around the mean of all its customers and
    drawn together by the square root of the sampled share (the m out of n bootstrap; P. J.
    Bickel, F. Gotze and W. R. van Zwet, 1997). Classes without anybody have nan.
    """
    asked, classes = options.comparison, list(options.chosen.classes)
    revenue = drawn["revenue"].to_numpy(dtype=float)
    present, groups = np.unique(drawn["place"].to_numpy(), return_inverse=True)
    resamples = resampled_means(groups, revenue, asked.bootstrap, asked.seed)
    means = np.full((asked.bootstrap, len(classes)), np.nan)
    for column, place in enumerate(present):
        of_class, own = sums[classes[place]], revenue[groups == column]
        exact = of_class["cents"] / CENTS / of_class["customers"]
        narrowing = (len(own) / of_class["customers"]) ** 0.5
        means[:, place] = exact + (resamples[:, column] - own.mean()) * narrowing
    return means


def _outcome_table(
    sums: Mapping[str, Mapping[str, Any]], means: Floats, options: RfmOptions
) -> pd.DataFrame:
    whole = sum(of_class["cents"] for of_class in sums.values())
    rows = []
    for place, (name, asked) in enumerate(options.chosen.classes.items()):
        row = dict.fromkeys(COLUMNS) | {"customers": 0, "buyers": 0, "orders": 0}
        row |= {"rfm_class": name, "class_ru": asked.label.ru, "class_en": asked.label.en}
        if name in sums:
            row |= _outcomes(sums[name], whole, means[:, place], options.comparison.confidence)
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _outcomes(
    sums: Mapping[str, Any], whole: int, means: Floats, confidence: float
) -> dict[str, Any]:
    """Return the outcomes of one class with their intervals."""
    from scipy.stats import binomtest

    size, buyers = sums["customers"], sums["buyers"]
    wilson = binomtest(buyers, size).proportion_ci(confidence, method="wilson")
    outcomes = {
        "customers": size,
        "buyers": buyers,
        "purchase_rate": buyers / size,
        "purchase_rate_low": wilson.low,
        "purchase_rate_high": wilson.high,
        "orders": sums["orders"],
        "net_revenue_sum": sums["cents"] / CENTS,
        "net_revenue_share": sums["cents"] / whole if whole > 0 else None,
        "net_revenue": sums["cents"] / CENTS / size,
        "median_net_revenue": sums["median_cents"] / CENTS,
    }
    if np.isfinite(means).all():
        low, high = around((1 - confidence) / 2, means)
        outcomes |= {"net_revenue_low": float(low), "net_revenue_high": float(high)}
    return outcomes


def _no_verdict(reason: Sentence, options: RfmOptions) -> dict[str, Any]:
    return {
        "withheld": reason,
        "outcome_days": options.backtest.outcome_days,
        "sentence": {
            "ru": f"Проверки классов на следующем окне нет: {reason['ru']}.",
            "en": f"The classes are not tested on a later window: {reason['en']}.",
        },
    }


def _verdict(
    frozen: Frozen, table: pd.DataFrame, drawn: pd.DataFrame, means: Floats, options: RfmOptions
) -> dict[str, Any]:
    """Say whether the outcomes fall from the first class to the last."""
    enough = table["customers"] >= options.comparison.fewest_customers
    compared = table.loc[enough]
    verdict: dict[str, Any] = {
        "withheld": None,
        "since": frozen.since.isoformat(),
        "until": frozen.until.isoformat(),
        "outcome_days": options.backtest.outcome_days,
        "breaks": frozen.breaks,
        "customers": int(table["customers"].sum()),
        "buyers": int(table["buyers"].sum()),
        "too_small": table.loc[~enough, "rfm_class"].to_list(),
    }
    few_buyers = verdict["buyers"] < options.backtest.fewest_buyers
    verdict["conclusive"] = not few_buyers and len(compared) >= _FEWEST_CLASSES
    if not verdict["conclusive"]:
        return verdict | {"sentence": _too_little(verdict, few_buyers, options)}
    for outcome in OUTCOMES:
        verdict[outcome] = _order_of(outcome, compared, drawn, means, options)
    return verdict | {"sentence": _sentence(verdict, options)}


def _too_little(verdict: Mapping[str, Any], few_buyers: bool, options: RfmOptions) -> Sentence:
    days, fewest = options.backtest.outcome_days, options.comparison.fewest_customers
    if few_buyers:
        buyers, customers = verdict["buyers"], verdict["customers"]
        return {
            "ru": f"В следующие {days} дней купили {buyers} из {customers} покупателей: "
            "порядок классов на этих данных не установить.",
            "en": f"In the next {days} days {buyers} of {customers} customers bought: "
            "these data cannot tell the order of the classes.",
        }
    return {
        "ru": f"Сравнивать нечего: классов, где не меньше {fewest} покупателей, меньше двух.",
        "en": f"There is nothing to compare: fewer than two classes have {fewest} customers.",
    }


def _order_of(
    outcome: str,
    compared: pd.DataFrame,
    drawn: pd.DataFrame,
    means: Floats,
    options: RfmOptions,
) -> dict[str, Any]:
    """Return how one outcome follows the order of the classes."""
    from scipy.stats import kendalltau

    values = compared.set_index("rfm_class")[outcome].astype(float)
    order = np.arange(len(values), 0, -1)
    inside = drawn.loc[drawn["place"].isin(compared.index)]
    single = inside["bought" if outcome == "purchase_rate" else "revenue"]
    tail = (1 - options.comparison.confidence) / 2
    last = len(values) - 1
    # An end is certain if it differs from each other class; all must, so nothing is shared out.
    best = [_difference(outcome, compared, means, 0, i, tail)[0] for i in range(1, last + 1)]
    worst = [_difference(outcome, compared, means, i, last, tail)[0] for i in range(last)]
    return {
        "by_class": values.to_dict(),
        "best_is_highest": bool(values.iloc[0] == values.max()),
        "best_is_certain": all(low > 0 for low in best),
        "worst_is_lowest": bool(values.iloc[-1] == values.min()),
        "worst_is_certain": all(low > 0 for low in worst),
        "inversions": _inversions(outcome, compared, means, options.comparison.confidence),
        "tau_classes": _number(kendalltau(order, values).statistic),
        "tau_customers": _number(kendalltau(-inside["place"], single).statistic),
    }


def _number(value: float) -> float | None:
    """Return a number as JSON knows it: what is not defined is null."""
    return float(value) if np.isfinite(value) else None


def _inversions(
    outcome: str, compared: pd.DataFrame, means: Floats, confidence: float
) -> list[dict[str, Any]]:
    """Return the pairs of classes in which the one named worse did better.

    The tails of the intervals are shared out over all pairs (Bonferroni), so that with
    ``confidence`` not one of the pairs is called detectable by chance.
    """
    pairs = list(combinations(range(len(compared)), 2))
    tail = (1 - confidence) / 2 / len(pairs)
    values, names = compared[outcome].to_list(), compared["rfm_class"].to_list()
    found = []
    for better, worse in pairs:
        if values[worse] <= values[better]:
            continue
        low, high = _difference(outcome, compared, means, worse, better, tail)
        found.append(
            {
                "named_better": names[better],
                "named_worse": names[worse],
                "difference": float(values[worse] - values[better]),
                "difference_low": _number(low),
                "difference_high": _number(high),
                "detectable": bool(low > 0),
            }
        )
    return found


def _difference(
    outcome: str, compared: pd.DataFrame, means: Floats, first: int, second: int, tail: float
) -> tuple[float, float]:
    """Return the interval of the difference of two compared classes, ``tail`` at each end.

    Purchase rates: hybrid score interval (Newcombe, 1998, method 10). Revenue: percentiles of
    the resampled differences.
    """
    if outcome == "net_revenue":
        places = compared.index[[first, second]]
        low, high = around(tail, means[:, places[0]] - means[:, places[1]])
        return float(low), float(high)
    from scipy.stats import binomtest

    rates, below, above = [], [], []
    for row in (compared.iloc[first], compared.iloc[second]):
        test = binomtest(int(row["buyers"]), int(row["customers"]))
        wilson = test.proportion_ci(1 - 2 * tail, method="wilson")
        rates.append(row["buyers"] / row["customers"])
        below.append(rates[-1] - wilson.low)
        above.append(wilson.high - rates[-1])
    difference = rates[0] - rates[1]
    low, high = np.hypot(below[0], above[1]), np.hypot(above[0], below[1])
    return float(difference - low), float(difference + high)


def _sentence(verdict: Mapping[str, Any], options: RfmOptions) -> Sentence:
    """Say the verdict in one sentence per language."""
    words = {
        "ru": {
            "start": "В следующие {days} дней: ",
            "purchase_rate": "по доле купивших",
            "net_revenue": "по выручке на покупателя",
            "highest": "«{first}» выше всех ({value})",
            "not_highest": "«{first}» не выше всех ({value})",
            "lowest": "«{last}» ниже всех ({value})",
            "not_lowest": "«{last}» не ниже всех ({value})",
            "order": "порядок классов соблюдён",
            "pair": "«{worse}» выше, чем «{better}» ({high} против {low})",
            "unsure": "остальные нарушения порядка ({count}) неотличимы от случайных",
            "chance": ", но это может быть случайностью",
        },
        "en": {
            "start": "In the next {days} days: ",
            "purchase_rate": "by purchase rate",
            "net_revenue": "by revenue per customer",
            "highest": "{first} is highest ({value})",
            "not_highest": "{first} is not highest ({value})",
            "lowest": "{last} is lowest ({value})",
            "not_lowest": "{last} is not lowest ({value})",
            "order": "the classes keep their order",
            "pair": "{worse} is above {better} ({high} against {low})",
            "unsure": "other breaches of the order ({count}) cannot be told from chance",
            "chance": ", but that may be chance",
        },
    }
    return {
        lang: texts["start"].format(days=verdict["outcome_days"])
        + "; ".join(
            _clause(outcome, verdict[outcome], lang, texts, options) for outcome in OUTCOMES
        )
        + "."
        for lang, texts in words.items()
    }


def _clause(
    outcome: str,
    order: Mapping[str, Any],
    lang: str,
    texts: Mapping[str, str],
    options: RfmOptions,
) -> str:
    """Say how one outcome follows the order of the classes."""
    values = order["by_class"]
    names = {name: getattr(options.chosen.classes[name].label, lang) for name in values}
    shown = {name: _shown(outcome, value, lang) for name, value in values.items()}
    first, *_, last = values
    ends = [
        _end("best", "highest", order, texts).format(first=names[first], value=shown[first]),
        _end("worst", "lowest", order, texts).format(last=names[last], value=shown[last]),
    ]
    sure = [pair for pair in order["inversions"] if pair["detectable"]]
    breaches = [
        texts["pair"].format(
            worse=names[pair["named_worse"]],
            better=names[pair["named_better"]],
            high=shown[pair["named_worse"]],
            low=shown[pair["named_better"]],
        )
        for pair in sure
    ]
    unsure = len(order["inversions"]) - len(sure)
    if unsure:
        breaches.append(texts["unsure"].format(count=unsure))
    return f"{texts[outcome]} {', '.join([*ends, *(breaches or [texts['order']])])}"


def _end(end: str, place: str, order: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    """Return the words for the first or the last class."""
    if not order[f"{end}_is_{place}"]:
        return texts[f"not_{place}"]
    return texts[place] + ("" if order[f"{end}_is_certain"] else texts["chance"])


def _shown(outcome: str, value: float, lang: str) -> str:
    """Return a value of an outcome for a person."""
    if outcome == "purchase_rate":
        return f"{value:.1%}".replace(".", "," if lang == "ru" else ".")
    return f"{value:,.0f}".replace(",", " " if lang == "ru" else ",")

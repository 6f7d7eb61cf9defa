"""Nodes of customer interests: facts, evaluation, the model that ships, scores for everyone."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from personal_offers.figure_style import number
from personal_offers.order_history import whole
from personal_offers.pipelines.interests.category_params import CategoryOptions
from personal_offers.pipelines.interests.interest_evaluation import (
    ACCURACY_COLUMNS,
    COVERAGE_COLUMNS,
    agreement_of_halves,
    choose_method,
    judge_methods,
)
from personal_offers.pipelines.interests.interest_model import (
    IN_ENGINE,
    History,
    Rows,
    fit_calibrated,
    leads_by_rule,
    log_scores,
    rows_of,
    soften,
)
from personal_offers.pipelines.interests.interest_params import InterestOptions
from personal_offers.pipelines.interests.interest_table import (
    FirstSeen,
    cutoff_of,
    daily_spend,
    draw_customers,
    first_purchases,
    halves_of_later_lines,
    known_categories,
    rows_after,
    season_before,
    spend_known_at,
)
from personal_offers.pipelines.interests.interest_texts import (
    LANGUAGES,
    Sentence,
    both,
    result_sentence,
    same_in_both,
)
from personal_offers.pipelines.interests.split import split_date

logger = logging.getLogger(__name__)

_OUTPUT = "interests"
# Lines logged at the split itself belong to the test.
_JUST_BEFORE = timedelta(microseconds=1)
_FEWEST_CATEGORIES = 2


def tabulate_spend(
    order_lines: ir.Table, product_categories: pd.DataFrame, era: dict[str, Any]
) -> ir.Table:
    """Add order lines up to what each order of each customer spent on each category.

    Args:
        order_lines: Grain: one order line.
        product_categories: Grain: one product: product_id, category.
        era: ``cutoff`` (ISO text, local time).

    Returns:
        Grain: one row per customer, order and category known at the cutoff, ordered by them:
        customer_id, order_number (1, 2, … of purchases by time; 0 for orders that only take
        back), category, ordered_at, gross_cents, net_cents (hundredths of a currency unit).
    """
    spend = spend_known_at(order_lines, product_categories, cutoff_of(era))
    return spend.order_by("customer_id", "order_number", "category").cache()


def evaluate_interests(
    order_lines: ir.Table,
    product_categories: pd.DataFrame,
    era: dict[str, Any],
    category_options: CategoryOptions,
    options: InterestOptions,
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Choose what predicts interests, and measure it on customers whom it never saw.

    The target after so many orders is the category (not ``other``) with the largest gross spend
    in the later orders. Training: customers who first bought before the split, with lines logged
    before it only. Test: customers who first bought from the split on, with lines up to the
    cutoff. Whoever has no later order, or only ``other`` in them, has no target and is counted.

    Args:
        order_lines: Grain: one order line.
        product_categories: Grain: one product: product_id, category; learned from lines before
            the same split.
        era: ``cutoff`` (ISO text, local time) and ``withheld`` (output: reason).
        category_options: ``split`` and ``train_share`` (see ``split.SplitOptions``).
        options: Methods, numbers of orders, limits, resamples.

    Returns:
        First, plain JSON: withheld (reason or null), split, cutoff, categories, customers
        (training and test, by number of orders, with those left out), choice, accuracy (of what
        ships and of the two rules, by number of orders), detail (coverage, certainty, largest
        class), ceiling, suspicious (bool), sentence (ru, en). Second, the accuracy of every method
        third, the coverage curve (see ``interest_evaluation.judge_methods``); both empty where
        withheld. Fourth, what a fit needs of the first: withheld, cutoff, categories, choice.
    """
    split = split_date(order_lines, era, category_options.split, category_options.train_share)
    categories = _ordered_categories(order_lines, product_categories, split)
    metrics = _asked(era, split, categories, options)
    nothing = pd.DataFrame(columns=ACCURACY_COLUMNS), pd.DataFrame(columns=COVERAGE_COLUMNS)
    if metrics["withheld"] is not None:
        return metrics, *nothing, _settled(metrics)
    before = spend_known_at(order_lines, product_categories, split - _JUST_BEFORE).cache()
    now = spend_known_at(order_lines, product_categories, cutoff_of(era)).cache()
    training, in_training = _rows(before, FirstSeen(), categories, options.train_after, options)
    test, in_test = _rows(now, FirstSeen(split), categories, options.after_orders, options)
    metrics["customers"] = {"training": in_training, "test": in_test}
    metrics["withheld"] = _too_few(in_training, in_test, options)
    if metrics["withheld"] is not None:
        return metrics, *nothing, _settled(metrics)
    dates = _rehearsal_dates(before, split, options)
    rehearsals = _rehearsals(order_lines, product_categories, before, dates, categories, options)
    choice, settings = choose_method(rehearsals, categories, options)
    choice |= {"dates": [date.isoformat() for date in dates]}
    found = judge_methods(training, test, categories, choice, settings, options)
    accuracy, coverage, metrics["detail"] = found
    tested = draw_customers(now, FirstSeen(split), options.largest_sample, options.seed)
    metrics |= {
        "choice": choice,
        "accuracy": _shown(accuracy, choice["method"]),
        "ceiling": _ceiling(order_lines, product_categories, tested, era, options),
    }
    return metrics | _verdict(accuracy, options), accuracy, coverage, _settled(metrics)


def _settled(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a fit keeps of an evaluation; no choice where prediction is withheld."""
    names = ("withheld", "cutoff", "categories", "choice")
    return {name: metrics[name] for name in names if name in metrics}


def _asked(
    era: Mapping[str, Any], split: datetime, categories: list[str], options: InterestOptions
) -> dict[str, Any]:
    """Return what is known before anybody is looked at."""
    return {
        "withheld": _reason_beforehand(era, categories, split),
        "split": split.isoformat(),
        "cutoff": era["cutoff"],
        "confidence": options.confidence,
        "categories": categories,
    }


def _ceiling(
    order_lines: ir.Table,
    product_categories: pd.DataFrame,
    tested: ir.Table,
    era: Mapping[str, Any],
    options: InterestOptions,
) -> dict[str, Any] | None:
    """Say how far two random halves of the later lines agree: nothing can predict better."""
    halves = halves_of_later_lines(
        order_lines, product_categories, tested, cutoff_of(era), options.halvings, options.seed
    )
    return agreement_of_halves(halves, options)


def _ordered_categories(
    order_lines: ir.Table, product_categories: pd.DataFrame, split: datetime
) -> list[str]:
    """Return the categories by gross spend before the split, then by key: how ties are broken."""
    spend = spend_known_at(order_lines, product_categories, split - _JUST_BEFORE)
    sums = spend.group_by("category").aggregate(cents=whole(spend.gross_cents.sum())).to_pandas()
    cents = dict(zip(sums["category"], sums["cents"], strict=True))
    known = known_categories(product_categories)
    return sorted(known, key=lambda category: (-cents.get(category, 0), category))


def _rows(
    spend: ir.Table,
    seen: FirstSeen,
    categories: Sequence[str],
    after: Sequence[int],
    options: InterestOptions,
) -> tuple[Rows, list[dict[str, int]]]:
    """Bring customers first seen in a stretch of time into memory, and count who has no target."""
    drawn = draw_customers(spend, seen, options.largest_sample, options.seed)
    frame, counts = rows_after(drawn, categories, after)
    return rows_of(frame, daily_spend(spend, categories), options), counts


def _rehearsal_dates(before: ir.Table, split: datetime, options: InterestOptions) -> list[datetime]:
    """Return midnights that part the later half of the training customers alike.

    Args:
        before: Spend known before the split.
        split: Where the rehearsals end.
        options: How many.
    """
    first = first_purchases(before)
    days = first.group_by(day=first.first_at.date()).aggregate(customers=first.count())
    found = days.order_by("day").to_pandas()
    seen = found["customers"].cumsum() / found["customers"].sum()
    shares = [(1 + part / options.rehearsals) / 2 for part in range(options.rehearsals)]
    starts = [found["day"][seen >= share].iloc[0] for share in shares]
    dates = {datetime(day.year, day.month, day.day) + timedelta(days=1) for day in starts}
    return sorted(date for date in dates if date < split)


def _rehearsals(
    order_lines: ir.Table,
    product_categories: pd.DataFrame,
    before: ir.Table,
    dates: Sequence[datetime],
    categories: Sequence[str],
    options: InterestOptions,
) -> list[tuple[Rows, Rows]]:
    """Pair what was known before each date with the customers first seen until the next one.

    Their later spend counts up to the split. Dates at which nobody teaches or is judged are left
    out.
    """
    pairs = []
    for date, until in zip(dates, [*dates[1:], None], strict=True):
        then = spend_known_at(order_lines, product_categories, date - _JUST_BEFORE).cache()
        earlier, _ = _rows(then, FirstSeen(), categories, options.train_after, options)
        seen = FirstSeen(date, until)
        later, counts = _rows(before, seen, categories, options.after_orders, options)
        if len(earlier.target) and _at(counts, options.after_orders[0]):
            pairs.append((earlier, later))
    return pairs


def _reason_beforehand(
    era: Mapping[str, Any], categories: Sequence[str], split: datetime
) -> Sentence | None:
    """Return why nothing is predicted, whatever the customers did."""
    withheld = era.get("withheld", {}).get(_OUTPUT)
    if withheld is not None:
        by_language = isinstance(withheld, Mapping)
        return both(
            "era",
            {
                language: {"reason": withheld[language] if by_language else withheld}
                for language in LANGUAGES
            },
        )
    if not categories:
        return same_in_both("no_categories")
    if len(categories) < _FEWEST_CATEGORIES:
        return same_in_both("one_category", name=categories[0])
    cutoff = cutoff_of(era)
    if split > cutoff:
        return same_in_both("late_split", split=str(split.date()), cutoff=str(cutoff.date()))
    return None


def _too_few(
    in_training: Sequence[Mapping[str, int]],
    in_test: Sequence[Mapping[str, int]],
    options: InterestOptions,
) -> Sentence | None:
    training = _at(in_training, options.after_orders[0])
    test = _at(in_test, options.after_orders[0])
    least = options.fewest
    if training >= least.training and test >= least.test:
        return None
    return same_in_both(
        "few",
        training=training,
        test=test,
        least_training=least.training,
        least_test=least.test,
    )


def _at(counts: Sequence[Mapping[str, int]], orders: int) -> int:
    return next(each["with_target"] for each in counts if each["after_orders"] == orders)


def _shown(accuracy: pd.DataFrame, shipped: str) -> dict[str, Any]:
    """Return the rows of what ships and of the two rules as plain JSON."""
    roles = {"shipped": shipped, "same_so_far": "same_so_far", "majority": "majority"}
    rows = {(row["after_orders"], row["method"]): row for row in _records(accuracy)}
    return {
        str(orders): {
            role: {
                name: value
                for name, value in rows[orders, method].items()
                if name not in ("after_orders", "shipped")
            }
            for role, method in roles.items()
        }
        for orders in sorted({orders for orders, _ in rows})
    }


def _records(accuracy: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows of plain numbers by column."""
    return [
        {str(name): value for name, value in row.items()} for row in accuracy.to_dict("records")
    ]


def _verdict(accuracy: pd.DataFrame, options: InterestOptions) -> dict[str, Any]:
    """Say how the shipped prediction did, and whether it is too good to be true."""
    first = options.after_orders[0]
    by_method = {row["method"]: row for row in _records(accuracy) if row["after_orders"] == first}
    shipped = next(row for row in by_method.values() if row["shipped"])
    gain = shipped["top1_gain_over_same_so_far"]
    sentence = result_sentence(first, shipped, by_method["same_so_far"], by_method["majority"])
    suspicious = bool(gain > options.suspicious_gain)
    if suspicious:
        warning = both(
            "suspicious",
            {language: {"gain": number(gain * 100, language, 1)} for language in LANGUAGES},
        )
        sentence = {key: f"{text}. {warning[key]}" for key, text in sentence.items()}
        logger.warning("Interests: %s", warning["en"])
    return {"suspicious": suspicious, "sentence": sentence}


def fit_interest_model(
    interest_spend: ir.Table,
    interest_choice: dict[str, Any],
    options: InterestOptions,
) -> dict[str, Any]:
    """Fit the chosen method again on all customers known at the cutoff.

    Args:
        interest_spend: From ``tabulate_spend``.
        interest_choice: From ``evaluate_interests``: the choice is kept with its penalty and
            calibration, as are the categories and their order; all else is learned anew.
        options: Numbers of orders, season, sample.

    Returns:
        The model as plain JSON (see ``interest_model.fit_method``) with customers, rows, cutoff
        and season (the shop's shares of spend in the last days before the cutoff, by category);
        where prediction is withheld, ``withheld`` (the reason) and the categories.
    """
    categories = interest_choice["categories"]
    facts = {"cutoff": interest_choice["cutoff"], "categories": categories}
    if interest_choice["withheld"] is not None:
        return facts | {"withheld": interest_choice["withheld"], "method": None}
    seen = FirstSeen()
    rows, _ = _rows(interest_spend, seen, categories, options.train_after, options)
    choice = interest_choice["choice"]
    method, penalty, strength = (choice[name] for name in ("method", "penalty", "strength"))
    model = fit_calibrated(method, rows, categories, penalty, strength, options.floor)
    tomorrow = cutoff_of(interest_choice) + timedelta(days=1)
    daily = daily_spend(interest_spend, categories)
    season = season_before(daily, [tomorrow], options.season_days, options.floor)[0].tolist()
    counts = {"rows": len(rows.target), "customers": len(np.unique(rows.customers))}
    return facts | {"withheld": None} | model | {"season": season} | counts


def score_interests(
    customers: ir.Table,
    interest_spend: ir.Table,
    interest_model: dict[str, Any],
    options: InterestOptions,
) -> ir.Table:
    """Give every customer the interest so far and what it is likely to be next.

    Args:
        customers: Grain: one customer: customer_id.
        interest_spend: From ``tabulate_spend``: of these customers or of others besides them.
        interest_model: From ``fit_interest_model``.
        options: ``certainty``.

    Returns:
        Grain: one row per customer, ordered by id: customer_id; interest (the category, not
        ``other``, with the largest net spend so far; null where none is above zero),
        interest_share (of all categories' net spend above zero), interest_probability (that this
        category will also lead the later spend), abstained (the probability is unknown or below
        the certainty: ask the customer); next_interest and next_probability (of what is likeliest
        to lead), second_interest; orders_seen (purchases). Predictions are null where they are
        withheld and for whoever bought nothing.
    """
    categories: list[str] = interest_model["categories"]
    wide = _wide(interest_spend, categories).cache()
    known = customers.select("customer_id").left_join(wide, "customer_id")
    known = known.drop("customer_id_right")
    filled = {name: known[name].fill_null(0) for name in known.columns if name != "customer_id"}
    table = known.mutate(**filled).cache()
    table = _with_interest(table, categories)
    if categories and interest_model["withheld"] is None:
        table = _with_prediction(table, interest_model)
    else:
        unknown = {
            "interest_probability": ibis.null("float64"),
            "next_interest": ibis.null("string"),
            "next_probability": ibis.null("float64"),
            "second_interest": ibis.null("string"),
        }
        table = table.mutate(**unknown)
    scored = table.select(
        "customer_id",
        "interest",
        "interest_share",
        "interest_probability",
        abstained=(table.interest_probability < options.certainty).fill_null(True),
        next_interest=table.next_interest,
        next_probability=table.next_probability,
        second_interest=table.second_interest,
        orders_seen=table.orders_seen,
    )
    return scored.order_by("customer_id").cache()


def _wide(interest_spend: ir.Table, categories: Sequence[str]) -> ir.Table:
    """Return one row per customer: net_, bought_ (cents by category), sums and orders_seen.

    A category that was taken back more than bought counts as nothing.
    """
    table = interest_spend
    by_category = table.group_by("customer_id", "category").aggregate(
        net=whole(table.net_cents.sum()),
        gross=whole(table.gross_cents.sum()),
        orders=table.order_number.max(),
    )
    above = ibis.greatest(by_category.net, 0)
    sums: dict[str, ir.Value] = {
        "orders_seen": by_category.orders.max().cast("int64"),
        "net": whole(above.sum()),
        "bought": whole(by_category.gross.sum()),
    }
    for place, category in enumerate(categories):
        own = by_category.category == category
        sums[f"net_{place}"] = whole(above.sum(where=own).fill_null(0))
        sums[f"bought_{place}"] = whole(by_category.gross.sum(where=own).fill_null(0))
    return by_category.group_by("customer_id").aggregate(**sums)


def _with_interest(table: ir.Table, categories: Sequence[str]) -> ir.Table:
    """Add interest and interest_share; of equal spends the first category counts."""
    if not categories:
        return table.mutate(interest=ibis.null("string"), interest_share=ibis.null("float64"))
    spends = [table[f"net_{place}"] for place in range(len(categories))]
    table = table.mutate(most=ibis.greatest(*spends))
    leads = [
        ((table.most > 0) & (table[f"net_{place}"] == table.most), ibis.literal(category))
        for place, category in enumerate(categories)
    ]
    found = ibis.ifelse(table.most > 0, table.most, ibis.null("int64"))
    return table.mutate(
        interest=ibis.cases(*leads),
        interest_share=found.cast("float64") / table.net.nullif(0).cast("float64"),
    )


def _with_prediction(table: ir.Table, model: Mapping[str, Any]) -> ir.Table:
    """Add what the model says of customers who bought something.

    Each step is cached: an engine that put them into one expression would compute the earlier
    ones again and again.
    """
    categories = model["categories"]
    places = range(len(categories))
    table, history = _history_in_engine(table, model)
    scores = log_scores(model, history, IN_ENGINE)
    table = table.mutate(**{f"s_{place}": scores[place] for place in places}).cache()
    columns = [table[f"s_{place}"] for place in places]
    likely = soften(columns, model["strength"], model["floor"], IN_ENGINE)
    table = table.mutate(**{f"p_{place}": likely[place] for place in places}).cache()
    # What the rule names ranks first, whatever its probability.
    keys = {
        f"k_{place}": table[f"p_{place}"] + (table[f"f_{place}"] if leads_by_rule(model) else 0)
        for place in places
    }
    table = table.mutate(**keys)
    table = table.mutate(best=ibis.greatest(*[table[f"k_{place}"] for place in places])).cache()
    leader = ibis.cases(
        *[(table[f"k_{place}"] == table.best, ibis.literal(place)) for place in places]
    )
    table = table.mutate(leader=leader).cache()
    others = [ibis.ifelse(table.leader == place, -1.0, table[f"k_{place}"]) for place in places]
    table = table.mutate(best=ibis.greatest(*others)).cache()
    has_bought = table.orders_seen > 0
    second = ibis.cases(
        *[
            ((table.leader != place) & (table[f"k_{place}"] == table.best), ibis.literal(name))
            for place, name in enumerate(categories)
        ]
    )
    return table.mutate(
        interest_probability=_picked(table, table.interest, categories, "p_", has_bought),
        next_interest=ibis.cases(
            *[
                (has_bought & (table.leader == place), ibis.literal(name))
                for place, name in enumerate(categories)
            ]
        ),
        next_probability=ibis.cases(
            *[(has_bought & (table.leader == place), table[f"p_{place}"]) for place in places]
        ),
        second_interest=ibis.ifelse(has_bought, second, ibis.null("string")),
    )


def _history_in_engine(table: ir.Table, model: Mapping[str, Any]) -> tuple[ir.Table, History]:
    """Add the columns that formulas read: shares (h_), flags of the leader (f_), logarithms."""
    places = range(len(model["categories"]))
    spends = [table[f"bought_{place}"] for place in places]
    table = table.mutate(most_bought=ibis.greatest(*spends))
    leader = ibis.cases(
        *[
            ((table.most_bought > 0) & (table[f"bought_{place}"] == table.most_bought), place)
            for place in places
        ],
        else_=-1,
    )
    total = ibis.greatest(table.bought, 1).cast("float64")
    table = table.mutate(
        spent_most_on=leader,
        log_orders=ibis.greatest(table.orders_seen, 1).cast("float64").ln(),
        log_spend=(table.bought.cast("float64") + 1).ln(),
        **{f"h_{place}": table[f"bought_{place}"].cast("float64") / total for place in places},
    )
    flags = {f"f_{place}": (table.spent_most_on == place).ifelse(1.0, 0.0) for place in places}
    table = table.mutate(**flags).cache()
    return table, History(
        shares=[table[f"h_{place}"] for place in places],
        flags=[table[f"f_{place}"] for place in places],
        season=model["season"],
        level=[math.log(share) for share in model["season"]],
        orders=table.log_orders,
        spend=table.log_spend,
    )


def _picked(
    table: ir.Table,
    choice: ir.StringValue,
    categories: Sequence[str],
    prefix: str,
    where: ir.BooleanValue,
) -> ir.FloatingValue:
    """Return the column that belongs to the category that another column names."""
    return ibis.cases(
        *[
            (where & (choice == category), table[f"{prefix}{place}"])
            for place, category in enumerate(categories)
        ]
    )

"""Activity labels of a shop of order lines: as of which moments, and with which features."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from personal_offers.activity_labels import (
    OUTCOME,
    PARAMETERS,
    PREVALENCE_COLUMNS,
    Span,
    eligible_customers,
    label_cutoffs,
    prevalence_table,
    training_cutoffs,
    trusted_span,
)
from personal_offers.activity_params import ActivityOptions
from personal_offers.errors import InputError
from personal_offers.features import FeatureRegistry
from personal_offers.lots import is_drawn_by_text
from personal_offers.pipelines.data_processing.future_shift import shift_future
from personal_offers.pipelines.data_processing.order_nodes import ENGINE_TYPES, customers_at
from personal_offers.pipelines.data_processing.order_params import OrderLineOptions

logger = logging.getLogger(__name__)

Reason = dict[str, str]
# Name of the output in ``minimum_data`` of the intake.
_GATE = "decline_risk"
_NO_LABEL = {
    "customer_id": "string",
    "cutoff": "timestamp(6)",
    "baseline_days": "int64",
    "baseline": "float64",
    "outcome": "float64",
    "declined": "boolean",
}


def label_customers(
    activity: ActivityOptions, order_lines: ir.Table, era: Mapping[str, Any]
) -> tuple[ir.Table, pd.DataFrame, dict[str, Any]]:
    """Choose the cutoffs, label the customers of each, and count them.

    Args:
        activity: Measure, windows, share, and who is eligible.
        order_lines: Grain: one order line.
        era: cutoff (end of all that is known), and withheld.

    Returns:
        The labels (grain: eligible customer and cutoff, see ``label_cutoffs``; none where the
        data are too short); the prevalence at the test cutoff (see ``prevalence_table``); and
        the plan: ``withheld`` (why no model can be made of the labels, in both languages, or
        null), ``test`` (cutoff), ``evaluation`` (cutoffs whose outcomes had ended by the test
        cutoff), ``training`` (those that have ended by the cutoff of the era), ``scoring``
        (cutoff of the era), ``counts`` (cutoff, baseline_days, eligible, declined), and ``sample``
        (rows: all labels; share: of the customers whose labels models are made and tested with).
        Moments are ISO texts, local time.

    Raises:
        InputError: When a test cutoff was asked for that does not fit into the data.
    """
    plan: dict[str, Any] = {"scoring": era["cutoff"]}
    span = trusted_span(order_lines)
    known = Span(span.first, min(span.last, datetime.fromisoformat(era["cutoff"])))
    cutoffs = choose_cutoffs(known, activity)
    if cutoffs is None:
        nothing = ibis.memtable([], schema=_NO_LABEL), pd.DataFrame(columns=PREVALENCE_COLUMNS)
        no_cutoffs: dict[str, Any] = {"test": None, "evaluation": [], "training": [], "counts": []}
        no_cutoffs |= {"sample": _sample(0, activity)}
        return *nothing, plan | no_cutoffs | {"withheld": _short(known, activity)}
    moments = sorted({cutoffs["test"], *cutoffs["evaluation"], *cutoffs["training"]})
    labels = label_cutoffs(order_lines, moments, activity).order_by("cutoff", "customer_id").cache()
    prevalence = prevalence_table(order_lines, [cutoffs["test"]], activity)
    plan |= {
        "test": cutoffs["test"].isoformat(),
        "evaluation": [moment.isoformat() for moment in cutoffs["evaluation"]],
        "training": [moment.isoformat() for moment in cutoffs["training"]],
        "counts": _count(labels),
    }
    plan["sample"] = _sample(sum(row["eligible"] for row in plan["counts"]), activity)
    withheld = era["withheld"].get(_GATE) or _too_few(plan, activity)
    return labels, prevalence, plan | {"withheld": withheld}


def choose_cutoffs(known: Span, activity: ActivityOptions) -> dict[str, Any] | None:
    """Choose the moments that a model is tested at and learns from.

    Args:
        known: First and last moment of what is known.
        activity: Windows, step, and the test cutoff if one is asked for.

    Returns:
        ``test``; ``evaluation``: cutoffs whose outcomes had ended by then; ``training``: cutoffs
        whose outcomes have ended by now, for the model that scores today's customers. None when
        the data are too short.

    Raises:
        InputError: When a test cutoff was asked for that does not fit.
    """
    latest = known.last - timedelta(days=activity.days_after)
    newest = datetime(latest.year, latest.month, latest.day)
    test = activity.test_cutoff or newest
    if test > latest:
        raise InputError(
            [f"{PARAMETERS}.test_cutoff {test}: its outcome window ends after {known.last}, where "
             f"the known order lines end; take {latest} or an earlier moment"], OUTCOME
        )  # fmt: skip
    try:
        evaluation = training_cutoffs(known.first, test, activity)
    except InputError:
        if activity.test_cutoff:
            raise
        return None
    # A test that was asked for may lie further back; today's model learns up to the newest.
    after = max(test, newest) + timedelta(days=activity.days_after)
    return {
        "test": test,
        "evaluation": evaluation,
        "training": training_cutoffs(known.first, after, activity),
    }


def _short(known: Span, activity: ActivityOptions) -> Reason:
    have = (known.last - known.first).days
    needed = activity.least_days
    return {
        "ru": f"данные слишком короткие: {have} дн., а нужно {needed}: самое короткое наблюдение "
        f"{activity.shortest_baseline_days} дн., два исхода по {activity.days_after} дн., один "
        "для обучения и один для проверки, и день до полуночи, с которой начинается проверка",
        "en": f"the data are too short: {have} days, and {needed} are needed: the shortest "
        f"observation of {activity.shortest_baseline_days} days, two outcomes of "
        f"{activity.days_after} days, one to learn from and one to test on, and a day up to the "
        "midnight that the test begins at",
    }


def _count(labels: ir.Table) -> list[dict[str, Any]]:
    """Count eligible customers and decliners by cutoff."""
    counted = labels.group_by("cutoff", "baseline_days").aggregate(
        eligible=labels.count(), declined=labels.declined.sum().cast("int64")
    )
    rows = counted.order_by("cutoff").to_pyarrow().to_pylist()
    return [row | {"cutoff": row["cutoff"].isoformat()} for row in rows]


def _sample(rows: int, activity: ActivityOptions) -> dict[str, Any]:
    """Say how many labels there are, and which share of the customers models are made with."""
    share = min(1.0, activity.most_rows / rows) if rows else 1.0
    if share < 1:
        logger.warning(
            "There are %s labels: models are made and tested with %.1f%% of the customers "
            "(most_rows of params:activity); everyone eligible gets a risk",
            f"{rows:,}", 100 * share,
        )  # fmt: skip
    return {"rows": rows, "share": share}


def _too_few(plan: Mapping[str, Any], activity: ActivityOptions) -> Reason | None:
    """Say when a class is too small to learn from or to test on."""
    parts = {"test": [plan["test"]], "training": plan["evaluation"]}
    names = {"test": {"ru": "для проверки", "en": "to test on"},
             "training": {"ru": "для обучения", "en": "to learn from"}}  # fmt: skip
    short: dict[str, list[str]] = {"ru": [], "en": []}
    for part, moments in parts.items():
        rows = [row for row in plan["counts"] if row["cutoff"] in moments]
        declined = sum(row["declined"] for row in rows)
        kept = sum(row["eligible"] for row in rows) - declined
        if min(declined, kept) < activity.fewest_per_class:
            short["ru"].append(f"{names[part]['ru']}: снизились {declined}, остались {kept}")
            short["en"].append(f"{names[part]['en']}: {declined} declined, {kept} kept")
    if not short["en"]:
        return None
    fewest = activity.fewest_per_class
    return {
        "ru": f"слишком мало клиентов ({'; '.join(short['ru'])}; нужно не меньше {fewest} каждых)",
        "en": f"too few customers ({'; '.join(short['en'])}; at least {fewest} of each are needed)",
    }


def take_test_labels(
    customers: ir.Table, cutoff_labels: ir.Table, activity_plan: Mapping[str, Any]
) -> ir.Table:
    """Take the newest labels that are known: those of the test cutoff.

    Args:
        customers: Grain: one customer.
        cutoff_labels: Grain: one eligible customer and cutoff.
        activity_plan: Holds the test cutoff.

    Returns:
        Grain: one customer, ordered by id: customer_id, declined, and the cutoff, baseline and
        outcome that it follows from; all null for whoever was not eligible at the test cutoff.
    """
    of_test = _at(cutoff_labels, [activity_plan["test"]])
    columns = ["customer_id", "declined", "cutoff", "baseline", "outcome"]
    table = customers.select("customer_id").left_join(of_test.select(columns), "customer_id")
    return table.drop("customer_id_right").order_by("customer_id").cache()


def list_eligible_customers(
    activity: ActivityOptions, order_lines: ir.Table, activity_plan: Mapping[str, Any]
) -> ir.Table:
    """List the customers whom a decline risk of today speaks about.

    Args:
        activity: Windows, and who is regular.
        order_lines: Grain: one order line.
        activity_plan: Holds the cutoff of today.

    Returns:
        Grain: one eligible customer, ordered by id: customer_id.
    """
    today = datetime.fromisoformat(activity_plan["scoring"])
    return eligible_customers(order_lines, today, activity).order_by("customer_id").cache()


def take_line_order(order_lines: ir.Table) -> ir.Table:
    """Note where the first line of each customer stands in the file.

    No model sees it: the leak audit asks whether the place alone tells the label.

    Args:
        order_lines: Grain: one order line.

    Returns:
        Grain: one customer, ordered by id: customer_id, row_number.
    """
    first = order_lines.group_by("customer_id").aggregate(row_number=order_lines.row_number.min())
    return first.order_by("customer_id").cache()


def check_future_shift(
    registry: FeatureRegistry,
    options: OrderLineOptions,
    order_lines: ir.Table,
    activity_plan: Mapping[str, Any],
) -> dict[str, Any]:
    """Change every line after the test cutoff and see whether a feature notices.

    Args:
        registry: Features in the order of their computation.
        options: Who is regular, and how profit follows from revenue.
        order_lines: Grain: one order line.
        activity_plan: Holds the test cutoff.

    Returns:
        What ``shift_future`` found; empty where there is no test cutoff.
    """
    if activity_plan["test"] is None:
        return {}
    cutoff = datetime.fromisoformat(activity_plan["test"])
    return shift_future(registry, options, order_lines, cutoff)


def _at(labels: ir.Table, moments: list[str | None]) -> ir.Table:
    known = [ibis.literal(datetime.fromisoformat(m), "timestamp(6)") for m in moments if m]
    return labels.filter(labels.cutoff.isin(known)) if known else labels.limit(0)


def build_cutoff_customers(
    registry: FeatureRegistry,
    options: OrderLineOptions,
    activity: ActivityOptions,
    order_lines: ir.Table,
    cutoff_labels: ir.Table,
    activity_plan: Mapping[str, Any],
) -> ir.Table:
    """Compute, at each cutoff, the features of the customers that models are made with.

    Args:
        registry: Features in the order of their computation.
        options: Who is regular, and how profit follows from revenue.
        activity: Seed of the draw of customers, where there are too many for memory.
        order_lines: Grain: one order line.
        cutoff_labels: Grain: one eligible customer and cutoff.
        activity_plan: Holds the cutoffs, and the share of the customers.

    Returns:
        Grain: one labelled customer (drawn with all cutoffs) and cutoff, ordered by cutoff and id:
        customer_id, cutoff, declined, profit (currency units per month, as of the cutoff) and the
        features of the registry.
    """
    columns = ["customer_id", "cutoff", "declined", "profit", *registry.names()]
    moments = [datetime.fromisoformat(row["cutoff"]) for row in activity_plan["counts"]]
    share = activity_plan["sample"]["share"]
    if share < 1:
        drawn = is_drawn_by_text(cutoff_labels.customer_id, activity.seed, share)
        cutoff_labels = cutoff_labels.filter(drawn)
        order_lines = order_lines.filter(
            is_drawn_by_text(order_lines.customer_id, activity.seed, share)
        )
    parts = []
    for moment in moments:
        known = customers_at(registry, options, order_lines, moment)
        labels = _at(cutoff_labels, [moment.isoformat()]).select(
            "customer_id", "cutoff", "declined"
        )
        # Cached one by one: together they would be one query of thousands of lines.
        parts.append(known.inner_join(labels, "customer_id").select(columns).cache())
    if not parts:  # a table of no engine: cached, it would be in another one than the lines
        return _no_customers(registry)
    return ibis.union(*parts).order_by("cutoff", "customer_id").cache()


def _no_customers(registry: FeatureRegistry) -> ir.Table:
    schema = {"customer_id": "string", "cutoff": "timestamp(6)", "declined": "boolean"}
    schema |= {"profit": "float64"}
    schema |= {name: ENGINE_TYPES[feature.type] for name, feature in registry.features.items()}
    return ibis.memtable([], schema=schema)

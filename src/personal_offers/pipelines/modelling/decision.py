"""Whom to contact: reliability, the threshold that pays most, and the profit that it reaches.

Contacting a customer costs a message. A would-be decliner stays with the save rate; who is kept
brings profit over the horizon and redeems the incentive. A keeper stays anyway, and redeems it
with the redemption rate for nothing. So a contacted customer is worth

    declined:  save_rate * (horizon * profit - incentive_cost) - contact_cost
    kept:      -redemption * incentive_cost - contact_cost

in the unit of the customers' monthly profit. Nobody measured these numbers for the shop: they
are ranges in the parameters. Customers are resampled singly, because the published tables do
not say who is whose twin.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from personal_offers.pipelines.modelling.decision_params import Case, DecisionOptions
from personal_offers.pipelines.modelling.metrics import (
    Booleans,
    Floats,
    Integers,
    add_up,
    bootstrap_weights,
    equal_count_bins,
    share_in_top,
    tally_values,
)

_HALF = 0.5
_RELIABILITY = [
    "bin", "risk_low", "risk_high", "customers", "declined", "mean_risk",
    "declined_share", "declined_share_low", "declined_share_high", "left_out",
]  # fmt: skip
_NOBODY = {
    "ru": "ни у одного клиента нет сразу метки, риска и прибыли, поэтому решать не по чему",
    "en": "no customer has a label, a risk and a profit, so there is nothing to decide by",
}


def reliability_table(
    model_input: pd.DataFrame, risk_by_repeat: pd.DataFrame, options: DecisionOptions
) -> pd.DataFrame:
    """Set the published risk, the mean over repeats, beside what happened.

    Args:
        model_input: One row per customer: customer_id, declined.
        risk_by_repeat: One row per repeat and customer: customer_id, risk (out of fold).
        options: Bins and confidence.

    Returns:
        Grain: one row per bin that has customers, lowest risk first: bin (from 1), risk_low and
        risk_high (its edges: risks of customers), customers, declined, mean_risk,
        declined_share with its score interval (Wilson, 1927; ``_low``, ``_high``), left_out
        (customers without a risk or a label, the same in every row). Bins hold equal counts as
        far as ties allow: equal risks share one.
    """
    risk = risk_by_repeat.groupby("customer_id")["risk"].mean().rename("risk")
    everyone = model_input[["customer_id", "declined"]].join(risk, on="customer_id")
    known = everyone.dropna()
    if known.empty:
        return pd.DataFrame(columns=_RELIABILITY)
    _, place_of, counts = np.unique(
        known["risk"].to_numpy(), return_inverse=True, return_counts=True
    )
    bins = equal_count_bins(counts.astype(np.int64), options.bins)[place_of]
    declined = known["declined"].astype(bool)
    grouped = known.assign(bin=bins + 1, declined=declined).groupby("bin", as_index=False)
    table: pd.DataFrame = grouped.agg(
        risk_low=("risk", "min"),
        risk_high=("risk", "max"),
        customers=("risk", "size"),
        declined=("declined", "sum"),
        mean_risk=("risk", "mean"),
    )
    size, hits = (table[name].to_numpy(np.float64) for name in ("customers", "declined"))
    low, high = _wilson(hits, size, options.confidence)
    return table.assign(
        declined_share=hits / size,
        declined_share_low=low,
        declined_share_high=high,
        left_out=len(everyone) - len(known),
    )


def _wilson(hits: Floats, size: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Return the score interval of shares (Wilson, 1927)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = (hits + z**2 / 2) / (size + z**2)
    half = z * np.sqrt(hits * (size - hits) / size + z**2 / 4) / (size + z**2)
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


@dataclass(frozen=True)
class _Known:
    """Customers of whom label, risk and profit are known, in the order of their ids.

    Attributes:
        declined: Label.
        risk: Probability.
        profit: Per month; may be negative.
        left_out: Customers without each of the three, and ``customers``: without any of them.
    """

    declined: Booleans
    risk: Floats
    profit: Floats
    left_out: dict[str, int]

    def weights(self, options: DecisionOptions) -> Floats:
        """Return everybody once, then how often each counts in each resample."""
        everybody = np.arange(len(self.risk), dtype=np.int64)
        if not len(everybody):
            return np.ones((0, options.bootstrap + 1))
        drawn = bootstrap_weights(everybody, options.bootstrap, options.seed)
        return np.column_stack([np.ones(len(everybody)), drawn])


def _known(decline_risk: ir.Table, labels: ir.Table, customers: ir.Table) -> _Known:
    """Bring risk, label and profit together; whoever lacks one is left out and counted."""
    table = customers.select("customer_id", profit=customers.profit.cast("float64"))
    for other, column in ((decline_risk, "decline_risk"), (labels, "declined")):
        table = table.left_join(other.select("customer_id", column), "customer_id")
        table = table.drop("customer_id_right")
    frame = table.order_by("customer_id").to_pandas()
    known = frame.dropna()
    left_out = {
        name: int(frame[name].isna().sum()) for name in ("declined", "decline_risk", "profit")
    }
    return _Known(
        known["declined"].to_numpy(np.bool_),
        known["decline_risk"].to_numpy(np.float64),
        known["profit"].to_numpy(np.float64),
        left_out | {"customers": len(frame) - len(known)},
    )


@dataclass(frozen=True)
class _FromTheTop:
    """Customers by falling risk; place k is the threshold at which k distinct risks are contacted.

    Attributes:
        order: Customers, highest risk first.
        ends: Customers contacted at each place, from 0.
        thresholds: Lowest risk that is contacted; infinity where nobody is.
        sums: Decliners' profit, decliners and keepers among the contacted, places x 3.
    """

    order: Integers
    ends: Integers
    thresholds: Floats
    sums: Floats

    @classmethod
    def of(cls, known: _Known) -> _FromTheTop:
        """Sort customers and add up what each threshold contacts."""
        order = np.argsort(-known.risk, kind="stable")
        risk, declined = known.risk[order], known.declined[order]
        last = np.flatnonzero(np.r_[risk[1:] < risk[:-1], True][: len(risk)])
        columns = np.column_stack([declined * known.profit[order], declined, ~declined])
        sums = np.concatenate([np.zeros((1, 3)), np.cumsum(columns, axis=0)[last]])
        return cls(order, np.r_[0, last + 1], np.r_[np.inf, risk[last]], sums)

    @cached_property
    def customers(self) -> int:
        """How many there are."""
        return len(self.order)

    def place_of(self, threshold: float) -> int:
        """Return the place at which everybody from this risk on is contacted."""
        return int((self.thresholds >= threshold).sum()) - 1

    def profits(self, cases: list[Case]) -> Floats:
        """Return the profit per customer, places x cases."""
        return self.sums @ _worth(cases) / max(self.customers, 1)

    def resampled(self, values: Floats, weights: Floats) -> Floats:
        """Sum the weighted values of the contacted, places x resamples."""
        taken = np.cumsum((weights * values[:, None])[self.order], axis=0)
        return np.concatenate([np.zeros((1, weights.shape[1])), taken[self.ends[1:] - 1]])


def _worth(cases: list[Case]) -> Floats:
    """Return what a contacted decliner's profit, decliner and keeper are worth, 3 x cases."""
    return np.array(
        [
            (
                case.save_rate * case.horizon_months,
                -case.save_rate * case.incentive_cost - case.contact_cost,
                -case.redemption * case.incentive_cost - case.contact_cost,
            )
            for case in cases
        ]
    ).T


def profit_curve(
    decline_risk: ir.Table, labels: ir.Table, customers: ir.Table, options: DecisionOptions
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Price every threshold over the out-of-fold risk, and find the one that pays most.

    Args:
        decline_risk: Grain: one customer: decline_risk.
        labels: Grain: one customer: declined.
        customers: Grain: one customer: profit per month, in the shop's unit.
        options: Assumptions, resamples and confidence.

    Returns:
        The curve, grain: one distinct risk, highest first, after a row that contacts nobody:
        threshold (everybody from this risk on is contacted; null for nobody), contacted,
        contacted_share, declined_contacted, profit (per customer of the shop, contacted or not,
        over the horizon, base case), profit_worst_case and profit_best_case (extremes over all
        combinations of the assumptions; not an interval of sampling).

        And the decision: ``unit`` (of all money), ``left_out`` (customers without label, risk
        or profit), ``best`` and ``at_half`` with their intervals over customers,
        ``gain_over_half``, ``out_of_sample`` (profit of thresholds that were chosen on
        resamples, on the customers not drawn there), ``everybody``,
        ``threshold_if_calibrated``, ``sensitivity`` (each assumption changed alone) and
        ``empc``. Each of the three policies has the save rate at which it breaks even. Null
        thresholds contact nobody. Only ``withheld`` and ``left_out`` where no customer is known.
    """
    known = _known(decline_risk, labels, customers)
    ranked = _FromTheTop.of(known)
    cases = ranked.profits(options.corners())
    profits = ranked.profits([options.base_case()])[:, 0]
    curve = pd.DataFrame(
        {
            "threshold": np.where(np.isinf(ranked.thresholds), np.nan, ranked.thresholds),
            "contacted": ranked.ends,
            "contacted_share": ranked.ends / max(ranked.customers, 1),
            "declined_contacted": ranked.sums[:, 1].astype(np.int64),
            "profit": profits,
            "profit_worst_case": cases.min(axis=1),
            "profit_best_case": cases.max(axis=1),
        }
    )
    if not ranked.customers:
        return curve, {"withheld": dict(_NOBODY), "left_out": known.left_out}
    weights = known.weights(options)
    return curve, {
        "unit": options.unit.model_dump(),
        "customers": ranked.customers,
        "left_out": known.left_out,
        "confidence": options.confidence,
        "bootstrap": options.bootstrap,
        "assumptions": {name: each.model_dump() for name, each in options.assumptions().items()},
        **_judge(known, ranked, curve, weights, options),
        "threshold_if_calibrated": _threshold_if_calibrated(known, options.base_case()),
        "sensitivity": _sensitivity(ranked, curve, options),
        "empc": _empc_with_interval(known, weights, options),
    }


def _judge(
    known: _Known,
    ranked: _FromTheTop,
    curve: pd.DataFrame,
    weights: Floats,
    options: DecisionOptions,
) -> dict[str, Any]:
    """Compare the best threshold with 0.5 and with everybody, over resamples of customers."""
    case = options.base_case()
    profit_of, declined, kept = _worth([case])[:, 0]
    values = np.where(known.declined, profit_of * known.profit + declined, kept)
    drawn = weights[:, 1:]
    resampled = ranked.resampled(values, drawn) / drawn.sum(axis=0)
    best, half = int(curve["profit"].argmax()), ranked.place_of(_HALF)
    chosen = resampled.argmax(axis=0)
    unseen = (drawn == 0).astype(np.float64)
    count = unseen.sum(axis=0)
    on_unseen = ranked.resampled(values, unseen)[chosen, np.arange(len(chosen))]
    threshold_low, threshold_high = _bounds(ranked.thresholds[chosen], options.confidence)

    def point(place: int) -> dict[str, Any]:
        row = {str(name): _plain(value) for name, value in curve.iloc[place].items()}
        low, high = _bounds(resampled[place], options.confidence)
        return row | {
            "contacted": int(ranked.ends[place]),
            "declined_contacted": int(ranked.sums[place, 1]),
            "profit_low": low,
            "profit_high": high,
            "break_even_save_rate": _break_even_save_rate(ranked.sums[place], case),
        }

    low, high = _bounds(resampled[best] - resampled[half], options.confidence)
    gain = curve["profit"].iloc[best] - curve["profit"].iloc[half]
    out_of_sample = (on_unseen[count > 0] / count[count > 0]).mean() if count.any() else np.nan
    return {
        "best": point(best) | {"threshold_low": threshold_low, "threshold_high": threshold_high},
        "at_half": point(half) | {"threshold": _HALF},
        "gain_over_half": {"value": float(gain), "low": low, "high": high},
        "out_of_sample": _plain(out_of_sample),
        "everybody": point(len(curve) - 1),
    }


def _bounds(resampled: Floats, confidence: float) -> tuple[float | None, float | None]:
    """Return the percentile interval; its ends are values that occurred, so infinity may be one."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], method="inverted_cdf")
    return _plain(low), _plain(high)


def _plain(value: float) -> float | None:
    """Return a number that JSON knows, or nothing."""
    return float(value) if np.isfinite(value) else None


def _threshold_if_calibrated(known: _Known, case: Case) -> float | None:
    """Return the risk from which contacting pays for a customer of mean profit (Elkan, 2001).

    It needs no search, so it checks the one that was found; null where contacting never pays.
    """
    saved = case.save_rate * (case.horizon_months * known.profit.mean() - case.incentive_cost)
    wasted = case.redemption * case.incentive_cost
    if saved <= case.contact_cost:
        return None
    return float((case.contact_cost + wasted) / (saved + wasted))


def _break_even_save_rate(sums: Floats, case: Case) -> float | None:
    """Return the save rate at which contacting these customers neither pays nor costs.

    Null where nobody is contacted, and where even saving everybody would not pay.
    """
    profit, decliners, keepers = sums
    wasted = case.redemption * case.incentive_cost * keepers
    cost = case.contact_cost * (decliners + keepers) + wasted
    brought = case.horizon_months * profit - case.incentive_cost * decliners
    return float(cost / brought) if brought > 0 and cost <= brought else None


def _sensitivity(
    ranked: _FromTheTop, curve: pd.DataFrame, options: DecisionOptions
) -> list[dict[str, Any]]:
    """Change one assumption at a time, and say what becomes of the threshold and the profit."""
    changed = options.one_at_a_time()
    profits = ranked.profits([case for _, _, case in changed])
    best, unmoved = profits.argmax(axis=0), int(curve["profit"].argmax())
    return [
        {
            "assumption": name,
            "level": level,
            "value": getattr(case, name),
            "threshold": _plain(ranked.thresholds[best[number]]),
            "contacted_share": float(ranked.ends[best[number]] / ranked.customers),
            "profit": float(profits[best[number], number]),
            "profit_at_base_threshold": float(profits[unmoved, number]),
        }
        for number, (name, level, case) in enumerate(changed)
    ]


def _empc_with_interval(known: _Known, weights: Floats, options: DecisionOptions) -> dict[str, Any]:
    """Compute EMPC for everybody once and for each resample, beside contacting all or nobody."""
    case = options.base_case()
    alpha = case.save_rate * options.acceptance_weight
    beta = options.acceptance_weight - alpha
    sums = tally_values(-known.risk, weights, np.flatnonzero(known.declined))
    positive = np.zeros_like(sums.everyone)
    positive[sums.places] = sums.positive
    worths = case.horizon_months * add_up(known.profit, weights) / sums.total
    found = [
        _empc(positive[:, number], sums.everyone[:, number], worth, case, alpha, beta)
        for number, worth in enumerate(worths)
    ]
    value, contacted = found[0]
    decliners, customers = (part[:, 0].sum(keepdims=True) for part in (positive, sums.everyone))
    low, high = _bounds(np.array([profit for profit, _ in found[1:]]), options.confidence)
    return {
        "value": value,
        "low": low,
        "high": high,
        "contacted_share": contacted,
        "without_model": _empc(decliners, customers, worths[0], case, alpha, beta)[0],
        "alpha": alpha,
        "beta": beta,
    }


def expected_maximum_profit(
    declined: Booleans, risk: Floats, worth: float, case: Case, alpha: float, beta: float
) -> tuple[float, float]:
    """Return EMPC, the expected maximum profit of a churn model.

    The save rate g is not known: it is drawn from a beta distribution with density h, and for
    each g the best threshold t is taken (Verbraken, Verbeke and Baesens, 2013, IEEE
    Transactions on Knowledge and Data Engineering 25(5), 961-973):

        EMPC   = integral over g from 0 to 1 of max over t of P(t; g) h(g)
        P(t;g) = (g (V - d) - c) p0 F0(t) - (r d + c) p1 F1(t)

    with V the worth of a saved customer, d the incentive, c the contact; p0, p1 the shares of
    decliners and keepers, and F0, F1 the shares of each that t contacts. There every contacted
    keeper redeems (r = 1); here r is the redemption of the case. Only vertices of the convex
    hull of the ROC curve can be best, each between two save rates, so the integral is a sum of
    differences of the beta distribution function.

    Args:
        declined: True for decliners, one per customer.
        risk: Score, one per customer.
        worth: V, of a saved customer over the horizon, in the unit of the costs.
        case: Costs and redemption.
        alpha: First parameter of the beta distribution of the save rate.
        beta: Second parameter.

    Returns:
        Profit per customer (contacted or not), and the expected share of customers contacted.
    """
    sums = tally_values(-risk, np.ones((len(risk), 1)), np.flatnonzero(declined))
    positive = np.zeros(len(sums.risk))
    positive[sums.places] = sums.positive[:, 0]
    return _empc(positive, sums.everyone[:, 0], worth, case, alpha, beta)


def _empc(
    positive: Floats, everyone: Floats, worth: float, case: Case, alpha: float, beta: float
) -> tuple[float, float]:
    """Compute EMPC from weights of decliners and everyone by distinct risk, highest first."""
    from scipy.special import betainc

    contact, saved = case.contact_cost, worth - case.incentive_cost
    if saved <= 0:  # keeping a customer costs more than it brings
        return 0.0, 0.0
    wasted = case.redemption * case.incentive_cost + contact
    hits, misses = _hull(positive, everyone)
    more_hits, more_misses = np.diff(hits), np.diff(misses)
    # The save rate from which it pays to go on to the next vertex; never, without decliners.
    needed: Floats = np.full(len(more_hits), np.inf)
    cost = contact * more_hits + wasted * more_misses
    np.divide(cost, saved * more_hits, out=needed, where=more_hits > 0)
    edges = np.minimum(np.r_[0.0, needed, 1.0], 1.0)
    likely: Floats = np.diff(betainc(alpha, beta, edges))
    rate: Floats = np.diff(betainc(alpha + 1, beta, edges))
    rate *= alpha / (alpha + beta)
    profit = saved * hits @ rate - (contact * hits + wasted * misses) @ likely
    return float(profit), float((hits + misses) @ likely)


def _hull(positive: Floats, everyone: Floats) -> tuple[Floats, Floats]:
    """Return the vertices of the upper hull of the ROC curve, as shares of all customers.

    Pooling neighbours until the share of decliners falls from block to block, isotonic
    regression by its usual algorithm (Barlow and others, 1972), gives exactly the hull.
    """
    from scipy.optimize import isotonic_regression

    there = everyone > 0
    positive, everyone = positive[there], everyone[there]
    blocks = isotonic_regression(positive / everyone, weights=everyone, increasing=False).blocks
    hits = np.r_[0.0, np.cumsum(positive)[blocks[1:] - 1]] / everyone.sum()
    taken = np.r_[0.0, np.cumsum(everyone)[blocks[1:] - 1]] / everyone.sum()
    return hits, taken - hits


def captured_profit(
    decline_risk: ir.Table, labels: ir.Table, customers: ir.Table, options: DecisionOptions
) -> pd.DataFrame:
    """Say how much of the profit at risk is among the customers ranked highest.

    The profit at risk is what those who did decline brought per month, negative profits
    included.

    Args:
        decline_risk: Grain: one customer: decline_risk.
        labels: Grain: one customer: declined.
        customers: Grain: one customer: profit per month, in the shop's unit.
        options: Shares of customers, resamples and confidence.

    Returns:
        Grain: one row per ranking and share: ranking (``risk_x_profit``; beside it
        ``ideal``, by actual decline x profit; ``risk`` and ``profit`` alone; ``random``, its
        expectation), top_share, customers (with label, risk and profit), left_out,
        profit_at_risk (per month), captured (share of it; ``_low``, ``_high`` over
        customers), of_ideal (captured / what the ideal captures; likewise). Customers who tie
        across the edge share it. Shares are null where nothing is at risk, and bounds where
        nothing is in some resample.
    """
    known = _known(decline_risk, labels, customers)
    owners = np.flatnonzero(known.declined)
    lost = known.profit[owners]
    weights = known.weights(options)
    # A resample in which nothing is at risk has no shares of it.
    weights = np.where(add_up(lost, weights[owners]) > 0, weights, np.nan)
    scores = {
        "risk_x_profit": known.risk * known.profit,
        "ideal": known.declined * known.profit,
        "risk": known.risk,
        "profit": known.profit,
        "random": np.zeros(len(known.risk)),
    }
    tallies = {name: tally_values(score, weights, owners, lost) for name, score in scores.items()}
    ideal = {top: share_in_top(tallies["ideal"], top) for top in options.tops}
    return pd.DataFrame(
        [
            {
                "ranking": name,
                "top_share": top,
                "customers": len(known.risk),
                "left_out": known.left_out["customers"],
                "profit_at_risk": float(lost.sum()),
                **_with_bounds("captured", share_in_top(sums, top), options.confidence),
                **_with_bounds(
                    "of_ideal", share_in_top(sums, top) / ideal[top], options.confidence
                ),
            }
            for name, sums in tallies.items()
            for top in options.tops
        ]
    )


def _with_bounds(name: str, found: Floats, confidence: float) -> dict[str, float]:
    """Return the value of everybody once and the interval of the resamples behind it."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(found[1:], [tail, 1 - tail])  # nan where one of them is
    return {name: float(found[0]), f"{name}_low": float(low), f"{name}_high": float(high)}

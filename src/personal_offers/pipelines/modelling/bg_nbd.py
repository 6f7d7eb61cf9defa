"""BG/NBD: how often a customer will buy, from nothing but how often and how lately they bought.

The beta-geometric / negative binomial model (P. S. Fader, B. G. S. Hardie and K. L. Lee,
"Counting your customers" the easy way, Marketing Science 24, 2005): while alive, a customer buys
at random with their own rate, drawn from Gamma(r, alpha); after each purchase they stop for
good with their own probability, drawn from Beta(a, b). It is the baseline that a decline model
of order lines has to beat. Purchases are purchase *days*, because two orders of one day are
rarely two decisions; time is in days.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pandas as pd

from personal_offers.errors import InputError
from personal_offers.order_history import lines_known_at

Floats = npt.NDArray[np.float64]
HISTORY = ["frequency", "recency", "age"]

# The logarithms of r, alpha (in units of the mean age), a and b stay within these bounds, where
# the likelihood keeps ten digits.
_LOWEST, _HIGHEST = -9.0, 9.0
_AT_BOUND = 0.05
_STARTS = (
    (1.0, 1.0, 1.0, 1.0),
    (0.3, 0.1, 0.8, 2.5),
    (1.0, 0.5, 0.1, 10.0),
    (3.0, 2.0, 2.0, 2.0),
)
# Central differences of an exact gradient: the error is of the order of the step squared.
_STEP = 1e-4
# The Hessian is that of the mean log-likelihood, so the limit does not grow with the customers.
_FLATTEST = 1e-7
# Half the 90% point of chi-square with one degree of freedom: the log-likelihood that a parameter
# at its bound must gain to differ from it at the level of 5% (S. G. Self and K.-Y. Liang, 1987).
_LEAST_GAIN = 2.7055 / 2
_LEAST_DROPOUT = 0.005
# Rows that all starts are tried on; more are thinned for that, and only the best end goes on.
_ROWS_FOR_STARTS = 5_000
# Nodes of the quadrature over the chance to stop: the error falls with their number over the root
# of the purchases that fit into the window (two real shops, a year ahead: below 1e-10).
_FEWEST_NODES, _NODES_PER_ROOT, _MOST_NODES = 32, 4, 400
_SMALLEST_CHANCE = 1e-15
# Numbers in memory per step: 25 MB of them.
_AT_ONCE = 3_000_000


@dataclass(frozen=True)
class BgNbd:
    """A fitted model; plain numbers, so that it is stored as JSON (``dataclasses.asdict``).

    Attributes:
        r: Shape of the purchase rates.
        alpha: Their scale, in days; the mean rate is r / alpha per day.
        a: First parameter of the chance to stop after a purchase.
        b: Second one; the mean chance is a / (a + b).
        log_likelihood: Of all customers.
        without_dropout: Log-likelihood of the best model in which nobody ever stops (NBD;
            A. S. C. Ehrenberg, 1959).
        customers: Who it was fitted to.
        repeat_buyers: Those with two purchase days or more.
        problems: Why P(alive) must not be used, one word each: ``not_converged``,
            ``at_bound`` (a parameter ran away), ``flat`` (the Hessian is not positive definite:
            other parameters fit as well), ``no_dropout`` (the data do not tell the model from one
            in which nobody stops, or the mean chance to stop is below 0.5%).
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    without_dropout: float
    customers: int
    repeat_buyers: int
    problems: tuple[str, ...]

    @property
    def degenerate(self) -> bool:
        """Whether P(alive) says nothing; expected purchases stay usable."""
        return bool(self.problems)

    @property
    def mean_dropout(self) -> float:
        """Mean chance to stop after a purchase."""
        return self.a / (self.a + self.b)


def purchase_histories(order_lines: ir.Table, cutoff: datetime) -> ir.Table:
    """Sum up the purchase days of every customer who bought.

    Args:
        order_lines: Grain: one order line.
        cutoff: Last moment that may be seen; whole days up to its date count.

    Returns:
        Grain: one row per customer with a purchase, without an order: customer_id, frequency
        (purchase days after the first one), recency (days from the first to the last) and age
        (days from the first to the cutoff). Returns are no purchases.
    """
    lines = lines_known_at(order_lines, cutoff)
    bought = lines.filter(~lines.is_return)
    days = bought.select("customer_id", day=bought.ordered_at.date()).distinct()
    first, last = days.day.min(), days.day.max()
    today = ibis.literal(cutoff.date())
    return days.group_by("customer_id").aggregate(
        frequency=days.count().cast("int64") - 1,
        recency=last.delta(first, unit="day").cast("int64"),
        age=today.delta(first, unit="day").cast("int64"),
    )


def count_histories(histories: ir.Table) -> pd.DataFrame:
    """Count customers with equal histories: all that the fit needs, whatever their number.

    Args:
        histories: Grain: one customer (``purchase_histories``).

    Returns:
        Grain: one row per distinct history, in its order: frequency, recency, age, customers.
    """
    counted = histories.group_by(HISTORY).aggregate(customers=histories.count())
    frame: pd.DataFrame = counted.order_by(HISTORY).to_pandas()
    return frame


def fit_bg_nbd(counted: pd.DataFrame) -> BgNbd:
    """Fit the model by maximum likelihood.

    The logarithms of the four parameters are searched from several starts (L-BFGS-B; R. H. Byrd,
    P. Lu, J. Nocedal and C. Zhu, 1995) with the exact gradient; the best end is taken, so there
    is no chance in the result.

    Args:
        counted: Grain: one distinct history (``count_histories``).

    Returns:
        The model, with the reasons why it is degenerate if it is.

    Raises:
        InputError: When a history is impossible, or nobody bought on two days.
    """
    if problems := _impossible(counted):
        raise InputError(problems, "no BG/NBD model was fitted")
    x, recency, age = (counted[name].to_numpy(dtype=np.float64) for name in HISTORY)
    weights = counted["customers"].to_numpy(dtype=np.float64)
    everyone = float(weights.sum())
    # Time in mean ages, so that one set of starts and bounds fits every shop.
    unit = max(float(weights @ age) / everyone, 1.0)
    data = (x, recency / unit, age / unit, weights / everyone)
    best = _minimise(_mean_loss, 4, data)
    # Powers of the unit of time: each purchase adds one density per day.
    in_days = -float(weights @ x) * float(np.log(unit))
    # Recency says nothing where nobody stops.
    nbd = _minimise(_mean_loss_without_dropout, 2, (x, *data[2:]))
    without = -float(nbd.fun) * everyone + in_days
    gain = -float(best.fun) * everyone + in_days - without
    r, alpha, a, b = (float(value) for value in np.exp(best.x))
    return BgNbd(
        r=r,
        alpha=alpha * unit,
        a=a,
        b=b,
        log_likelihood=without + gain,
        without_dropout=without,
        customers=int(everyone),
        repeat_buyers=int(weights[x > 0].sum()),
        problems=tuple(_degenerations(best, data, gain, a / (a + b))),
    )


def _impossible(counted: pd.DataFrame) -> list[str]:
    x, recency, age = (counted[name] for name in HISTORY)
    wrong = (
        (x < 0) | (recency < 0) | (recency > age) | ((x == 0) != (recency == 0))
        | (counted["customers"] <= 0) | counted.isna().any(axis=1)
    )  # fmt: skip
    if wrong.any():
        return [
            f"{int(wrong.sum())} purchase histories are impossible, the first one is "
            f"{counted.loc[wrong].iloc[0].to_dict()}: recency must lie within age, and be zero for "
            "customers without a repeat purchase only"
        ]
    if not (x > 0).any():
        return ["nobody bought on two different days, so there is no purchase rate to learn"]
    return []


def _mean_loss(
    logs: Floats, x: Floats, recency: Floats, age: Floats, weights: Floats
) -> tuple[float, Floats]:
    """Return minus the mean log-likelihood, and its gradient in the logarithms."""
    from scipy.special import digamma

    r, alpha, a, b = np.exp(logs)
    values, stopped = _log_likelihoods(r, alpha, a, b, x, recency, age)
    alive = 1 - stopped
    since = alive / (alpha + age) + stopped / (alpha + recency)
    logs_since = alive * np.log(alpha + age) + stopped * np.log(alpha + recency)
    both = digamma(a + b) - digamma(a + b + x)
    gradient = (
        digamma(r + x) - digamma(r) + np.log(alpha) - logs_since,
        r / alpha - (r + x) * since,
        both + stopped / a,
        both + digamma(b + x) - digamma(b) - stopped / np.where(x > 0, b + x - 1, 1.0),
    )
    slopes = np.array([weights @ part for part in gradient]) * np.exp(logs)
    return -float(weights @ values), -slopes


def _log_likelihoods(
    r: float, alpha: float, a: float, b: float, x: Floats, recency: Floats, age: Floats
) -> tuple[Floats, Floats]:
    """Return the log-likelihood of each history, and the chance that it has ended.

    Equation 6 of Fader, Hardie and Lee (2005), in logarithms: a history has either not ended, or
    ended with its last purchase. The difference of log-gammas keeps its digits within the bounds.
    """
    from scipy.special import expit, gammaln

    purchases = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    going_on = gammaln(a + b) - gammaln(a + b + x) + gammaln(b + x) - gammaln(b)
    alive = -(r + x) * np.log(alpha + age)
    ended = alive + _log_odds_of_end(r, alpha, a, b, x, recency, age)
    return purchases + going_on + np.logaddexp(alive, ended), expit(ended - alive)


def _log_odds_of_end(
    r: float, alpha: float, a: float, b: float, x: Floats, recency: Floats, age: Floats
) -> Floats:
    """Return ln(P(stopped) / P(alive)); minus infinity for whoever never came back."""
    again = np.where(x > 0, b + x - 1, 1.0)
    odds = np.log(a) - np.log(again) + (r + x) * np.log((alpha + age) / (alpha + recency))
    return np.asarray(np.where(x > 0, odds, -np.inf))


def _mean_loss_without_dropout(
    logs: Floats, x: Floats, age: Floats, weights: Floats
) -> tuple[float, Floats]:
    """Return minus the mean log-likelihood and its gradient when nobody ever stops (NBD)."""
    from scipy.special import digamma, gammaln

    r, alpha = np.exp(logs)
    values = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + age)
    shape = digamma(r + x) - digamma(r) + np.log(alpha) - np.log(alpha + age)
    scale = r / alpha - (r + x) / (alpha + age)
    return -float(weights @ values), -np.array([weights @ shape * r, weights @ scale * alpha])


def _minimise(
    loss: Callable[..., tuple[float, Floats]], parameters: int, data: tuple[Floats, ...]
) -> Any:
    """Return the lowest end of the searches from all starts."""
    from scipy.optimize import minimize

    def search(start: Floats, rows: tuple[Floats, ...]) -> Any:
        bounds = [(_LOWEST, _HIGHEST)] * parameters
        return minimize(
            loss,
            start,
            rows,
            "L-BFGS-B",
            jac=True,
            bounds=bounds,
            options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 1000},
        )

    thin = -(-len(data[0]) // _ROWS_FOR_STARTS)
    some = tuple(column[::thin] for column in data)
    ends = [search(np.log(start[:parameters]), some) for start in _STARTS]
    best = min(ends, key=lambda end: float(end.fun))
    return search(best.x, data) if thin > 1 else best


def _degenerations(
    best: Any, data: tuple[Floats, ...], gain: float, mean_dropout: float
) -> list[str]:
    """Name what makes the chance to stop meaningless."""
    near = (best.x < _LOWEST + _AT_BOUND) | (best.x > _HIGHEST - _AT_BOUND)
    columns = []
    for place in range(len(best.x)):
        step = np.zeros(len(best.x))
        step[place] = _STEP
        above, below = (_mean_loss(best.x + side * step, *data)[1] for side in (1, -1))
        columns.append((above - below) / (2 * _STEP))
    hessian = np.array(columns)
    curvature = float(np.linalg.eigvalsh((hessian + hessian.T) / 2)[0])
    found = {
        "not_converged": not best.success,
        "at_bound": bool(near.any()),
        "flat": curvature < _FLATTEST,
        "no_dropout": gain < _LEAST_GAIN or mean_dropout < _LEAST_DROPOUT,
    }
    return [name for name, applies in found.items() if applies]


def probability_alive(model: BgNbd, histories: pd.DataFrame) -> Floats:
    """Return the chance that a customer has not stopped (Fader, Hardie and Lee, 2008, note).

    Args:
        model: Fitted; when it is degenerate this is about one for everybody, or arbitrary.
        histories: Grain: one customer: frequency, recency, age in days.

    Returns:
        One probability per row; one for whoever bought once, because the model lets nobody stop
        before a repeat purchase.
    """
    from scipy.special import expit

    x, recency, age = (histories[name].to_numpy(dtype=np.float64) for name in HISTORY)
    odds = _log_odds_of_end(model.r, model.alpha, model.a, model.b, x, recency, age)
    return np.asarray(expit(-odds))


def expected_purchases(model: BgNbd, histories: pd.DataFrame, days: float) -> Floats:
    """Return how many purchase days a customer will have in the next days.

    The published form (equation 10 of Fader, Hardie and Lee, 2005) is a hypergeometric function
    with a pole at a = 1 that loses its digits for frequent buyers and for little dropout. The same
    expectation is taken here by Gauss-Jacobi quadrature over the chance to stop p: given p, an
    alive customer buys (1 - (1 + p t / (alpha + age)) ** -(r + x)) / p times on average. For a
    window after a gap, subtract the expectation for the gap.

    Args:
        model: Fitted.
        histories: Grain: one customer: frequency, recency, age in days.
        days: Length of the window after the cutoff; at least zero.

    Returns:
        One number per row, at least zero.
    """
    x, _, age = (histories[name].to_numpy(dtype=np.float64) for name in HISTORY)
    expected = np.empty(len(x))
    if not len(x):
        return expected
    levels, level_of = np.unique(x, return_inverse=True)
    most = days * max(model.r / model.alpha, 1.0)  # at one purchase day per day
    count = min(int(_FEWEST_NODES + _NODES_PER_ROOT * most**0.5), _MOST_NODES)
    rules = [_beta_quadrature(model.a, model.b + level, count) for level in levels]
    nodes, weights = (np.array(part) for part in zip(*rules, strict=True))
    step = max(_AT_ONCE // count, 1)
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        chance = nodes[level_of[rows]]
        growth = np.log1p(chance * (days / (model.alpha + age[rows]))[:, None])
        bought = -np.expm1(-(model.r + x[rows])[:, None] * growth) / chance
        expected[rows] = (bought * weights[level_of[rows]]).sum(axis=1)
    return expected * probability_alive(model, histories)


def _beta_quadrature(a: float, b: float, count: int) -> tuple[Floats, Floats]:
    """Return nodes and weights of the mean over Beta(a, b).

    Eigenvalues of the Jacobi matrix (G. H. Golub and J. H. Welsch, 1969): its weights add up to
    one by themselves, where the usual ones overflow for large b.
    """
    from scipy.linalg import eigh_tridiagonal

    low, high = a - 1.0, b - 1.0  # exponents of p and of 1 - p
    n = np.arange(1, count, dtype=np.float64)
    total = 2 * n + low + high
    first = (low - high) / (low + high + 2)
    diagonal = np.r_[first, (low**2 - high**2) / (total * (total + 2))]
    ratio = np.ones_like(n)  # (n + low + high) / (total - 1), which is 0 / 0 for n = 1, a + b = 1
    ratio[1:] = (n[1:] + low + high) / (total[1:] - 1)
    squares = 4 * n * (n + low) * (n + high) * ratio / (total**2 * (total + 1))
    values, vectors = eigh_tridiagonal(diagonal, np.sqrt(squares))
    return np.maximum((1 + values) / 2, _SMALLEST_CHANCE), vectors[0] ** 2

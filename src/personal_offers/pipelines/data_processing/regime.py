"""Does one file hold two ways of producing data? Months are measured, breaks found and dated.

A shop grows, has seasons and changes its prices; all of that moves one measure or another. Data
that another process produced differs in several unrelated measures at once, for good and
abruptly, and often in ways no customers manage: nobody new in a whole month, not one order with
two products. So a break needs agreement between measures of different kinds, and without proof
(a switched id form, a measure frozen at its bound) it must also outlast a season. What comes
back to its old range, such as a bad month, is no break.

Ranges are medians and median absolute deviations (modified z-scores: Iglewicz & Hoaglin, 1993),
because one order of a thousand units or one spring sale must not widen what counts as usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pandas as pd

from personal_offers.features import BothLanguages
from personal_offers.pipelines.data_processing.regime_params import RegimeOptions

Scale = Literal["size", "count", "share", "average"]
Floats = npt.NDArray[np.float64]

REGIME_COLUMNS = (
    "month",
    "measure",
    "value",
    "flagged",
    "since",
    "withheld",
    "withheld_ru",
    "evidence",
    "value_before",
    "distance",
)

# A normal distribution's standard deviation in median absolute deviations.
_MAD_TO_SD = 1.4826
# Months on either side that say what it was like just before and just after.
_NEAR = 3
# Rates of 0 or 1 are not believed entirely when the hour of the break is looked for.
_SUREST = 0.995
# Half of the smallest amount of money, for orders that cost nothing.
_SMALLEST = 0.005
# Share of a month's orders below which an id form says nothing of how the shop numbers orders.
_RARE = 0.01
# One measure far outside must not outvote the others when splits are compared.
_FAR = 20.0


@dataclass(frozen=True)
class _Measure:
    """How one monthly measure is judged.

    Attributes:
        name: Column of the months.
        scale: ``size`` is never evidence (growth, seasons, part of a month); counts are taken
            per day and compared as logarithms, averages as logarithms, shares as they are.
        kind: Measures of one kind move together, so they confirm each other little.
        frozen_without: Columns (exceptions, of how many): frozen when there are no exceptions.
        heals: Side (1 up, -1 down) from which the measure returns by itself: after customers
            got new ids nobody is known, but only once. There the first month decides.
        label: For people.
        withheld: What a break in this measure forbids.
    """

    name: str
    scale: Scale
    kind: str
    label: BothLanguages
    withheld: BothLanguages
    frozen_without: tuple[tuple[str, str], ...] = ()
    heals: int = 0


_NOTHING = BothLanguages(ru="ничего", en="nothing")
_LINKED = BothLanguages(
    ru="выводы, связанные с клиентами: повторные покупки, удержание, когорты, RFM, метки снижения",
    en="customer-linked conclusions: repeat purchases, retention, cohorts, RFM, decline labels",
)
_BASKETS = BothLanguages(
    ru="выводы о корзинах: товары в заказе, совместные покупки",
    en="basket conclusions: products per order, products bought together",
)
_MEASURES = (
    _Measure("orders", "size", "size", BothLanguages(ru="заказы", en="orders"), _NOTHING),
    _Measure("customers", "size", "size", BothLanguages(ru="клиенты", en="customers"), _NOTHING),
    _Measure(
        "new_customers",
        "count",
        "customers",
        BothLanguages(ru="новых клиентов в месяц", en="new customers per month"),
        _LINKED,
        frozen_without=(("new_customers", "customers"),),
        heals=1,
    ),
    _Measure(
        "returning_share",
        "share",
        "customers",
        BothLanguages(ru="доля вернувшихся клиентов", en="share of returning customers"),
        _LINKED,
        frozen_without=(("new_customers", "customers"), ("known_customers", "customers")),
        heals=-1,
    ),
    _Measure(
        "order_id_form",
        "share",
        "form",
        BothLanguages(ru="вид номера заказа", en="form of the order ids"),
        BothLanguages(
            ru="любые итоги, которые складывают обе эпохи в одно число",
            en="any total that adds both eras up into one number",
        ),
    ),
    _Measure(
        "lines_per_order",
        "average",
        "orders",
        BothLanguages(ru="товаров в заказе", en="products per order"),
        _BASKETS,
        frozen_without=(("several_lines", "pairs"),),
    ),
    _Measure(
        "timestamps_per_order",
        "average",
        "orders",
        BothLanguages(ru="отметок времени на заказ", en="timestamps per order"),
        BothLanguages(
            ru="сравнение повторно записанных строк между эпохами",
            en="comparisons of re-logged lines between the eras",
        ),
        frozen_without=(("several_times", "pairs"),),
    ),
    _Measure(
        "median_order_value",
        "average",
        "orders",
        BothLanguages(ru="медиана суммы заказа", en="median order value"),
        BothLanguages(
            ru="сравнение среднего чека между эпохами",
            en="comparisons of the average check between the eras",
        ),
    ),
)
MEASURES = tuple(measure.name for measure in _MEASURES)


@dataclass(frozen=True)
class _Months:
    """What is known of each month.

    Attributes:
        table: Grain: one row per calendar month from the first to the last order.
        forms: Orders by month (the rows of ``table``) and id form (columns), without forms that are
            rare in every month.
    """

    table: pd.DataFrame
    forms: pd.DataFrame


@dataclass(frozen=True)
class _Evidence:
    """Why a measure speaks for a break: it moved, it froze, or the id form was switched."""

    how: Literal["moved", "frozen", "switched"]
    distance: float


@dataclass(frozen=True)
class _Split:
    """Months before and after a possible break (rows of the months), and what speaks for it."""

    before: list[int]
    after: list[int]
    evidence: dict[str, _Evidence]
    id_forms: tuple[str, str] | None


def measure_months(lines: ir.Table) -> pd.DataFrame:
    """Measure each month of the sales to known customers.

    An order belongs to the month of its first line. Copies of a line (same customer, order,
    product, quantity and price) count once in its products and value, however often they
    were logged.

    Args:
        lines: Grain: one parsed order line before any rule; customer_id may be null.

    Returns:
        Grain: one row per calendar month from the first to the last order, months without
        orders included: month (YYYY-MM), orders, customers, new_customers, returning_share
        (customers seen in an earlier month), order_id_form (share of orders whose id has the
        form that dominated first), lines_per_order (mean number of products),
        timestamps_per_order (mean), median_order_value (currency units), id_form (the form
        that dominates the month, see ``id_form``).
    """
    months = _count_months(_orders(lines).cache())
    return months.table[["month", *MEASURES, "id_form"]]


def find_breaks(
    lines: ir.Table, options: RegimeOptions
) -> tuple[pd.DataFrame, dict[str, Any] | None]:
    """Find the month and hour from which on another process produced the data, if there is one.

    Args:
        lines: Grain: one parsed order line before any rule; customer_id may be null.
        options: What counts as a break.

    Returns:
        The regime table, grain: month and measure: month, measure, value, flagged, since
        (date-hour of the break where flagged), withheld and withheld_ru (what the break
        forbids, where flagged), evidence (moved, frozen or switched, where flagged),
        value_before (median of the months before; of the old regime after a break), distance
        (robust standard deviations from it, also where nothing is flagged). And the break:
        since (time of its first order), id_form_before and id_form_after (null unless
        switched), proven (a measure froze, or the form became another one and not just a
        digit longer), measures, sizes (measure:
        how, before, after), sentence (ru, en); None where nothing breaks.
    """
    orders = _orders(lines).cache()
    months = _count_months(orders)
    split = _best_split(months, options)
    if split is None:
        return _regime_table(months, None, None, options), None
    since = _first_moment(orders, months, split)
    split = _split_at(since, months, split, options)
    return _regime_table(months, split, since, options), _describe(months, split, since)


def is_after_break(lines: ir.Table, found: dict[str, Any] | None) -> ir.BooleanValue:
    """Mark the lines that were logged under the new regime.

    Old and new orders may share the hour of the break, because some shops log hours only; in
    that hour orders with the old id form still belong to the old regime.

    Args:
        lines: Any table of lines with order_id and logged_at.
        found: The break from ``find_breaks``.

    Returns:
        True for lines after the break, false for the others and for lines without a time.
    """
    if found is None:
        return ibis.literal(False)
    since = datetime.fromisoformat(found["since"])
    after = lines.logged_at >= ibis.timestamp(since.isoformat(sep=" "))
    if found["id_form_before"] is not None:
        hour_over = since.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        same_hour = lines.logged_at < ibis.timestamp(hour_over.isoformat(sep=" "))
        after &= ~(same_hour & (id_form(lines.order_id) == found["id_form_before"]))
    return after.fill_null(False)


def id_form(order_id: ir.StringValue) -> ir.StringValue:
    """Return what ids of one origin have in common.

    Args:
        order_id: Ids as the shop writes them.

    Returns:
        A short prefix and then digits: the id with every digit written as 9 (``C999999``);
        any other id, such as a random one: its length (``36 characters``).
    """
    numbered = order_id.re_search("^[^0-9]{0,8}[0-9]+$")
    length = order_id.length().cast("string") + " characters"
    return ibis.ifelse(numbered, order_id.re_replace("[0-9]", "9"), length)


def _orders(lines: ir.Table) -> ir.Table:
    """Add sales lines up to orders, with copies of a line taken once."""
    known = lines.customer_id.notnull() & lines.logged_at.notnull()
    sales = lines.filter(known & (lines.quantity > 0) & (lines.unit_price > 0))
    order = ["customer_id", "order_id"]
    once = sales.group_by(*order, "product_id", "quantity", "unit_price").aggregate(
        amount=sales.amount.max()
    )
    # Cached, because with little memory DuckDB can group neither its own groups nor distinct
    # products: only plain groups go to the spill folder.
    once = once.cache()
    products = once.group_by(*order, "product_id").aggregate(amount=once.amount.sum()).cache()
    baskets = products.group_by(*order).aggregate(
        value=products.amount.sum().cast("float64"), lines=products.product_id.count()
    )
    times = sales.group_by(*order, "logged_at").aggregate()
    moments = times.group_by(*order).aggregate(
        ordered_at=times.logged_at.min(), times=times.count()
    )
    orders = baskets.cache().join(moments.cache(), order)
    first_at = orders.ordered_at.min().over(ibis.window(group_by="customer_id"))
    return orders.mutate(first_at=first_at, form=id_form(orders.order_id).fill_null(""))


def _count_months(orders: ir.Table) -> _Months:
    orders = orders.mutate(month=orders.ordered_at.truncate("M"))
    new = orders.first_at >= orders.month
    counts = (
        orders.group_by("month")
        .aggregate(
            orders=orders.order_id.nunique(),
            customers=orders.customer_id.nunique(),
            new_customers=orders.customer_id.nunique(where=new),
            pairs=orders.count(),
            first_orders=(orders.ordered_at == orders.first_at).sum(),
            several_lines=(orders.lines > 1).sum(),
            several_times=(orders.times > 1).sum(),
            lines_per_order=orders.lines.mean(),
            timestamps_per_order=orders.times.mean(),
            median_order_value=orders.value.median(),
            first_at=orders.ordered_at.min(),
            last_at=orders.ordered_at.max(),
        )
        .to_pyarrow()
        .to_pandas()
    )
    forms = _common_forms(orders.group_by("month", "form").aggregate(orders=orders.count()))
    by_form = forms.to_pyarrow().to_pandas().pivot(index="month", columns="form", values="orders")
    return _complete(counts.set_index("month"), by_form)


def _common_forms(forms: ir.Table) -> ir.Table:
    """Leave out id forms that are rare in every month: random ids may have one for each order."""
    of_month = forms.orders.sum().over(ibis.window(group_by="month"))
    common = forms.mutate(share=forms.orders / of_month).filter(ibis._.share >= _RARE)
    return forms.semi_join(common.select("form").distinct(), "form")


def _complete(counts: pd.DataFrame, by_form: pd.DataFrame) -> _Months:
    """Put in the months without orders, and the measures that follow from counts."""
    counts.index, by_form.index = (
        pd.DatetimeIndex(frame.index).to_period("M") for frame in (counts, by_form)
    )
    calendar = counts.index
    if len(counts):
        calendar = pd.period_range(counts.index.min(), counts.index.max(), freq="M")
    table = counts.reindex(calendar)
    forms = by_form.reindex(calendar).fillna(0).sort_index(axis=1)
    whole = ["orders", "customers", "new_customers", "pairs"]
    whole += ["first_orders", "several_lines", "several_times"]
    table[whole] = table[whole].fillna(0).astype("int64")
    table["known_customers"] = table.customers - table.new_customers
    busy = table.customers > 0
    table["returning_share"] = (table.known_customers / table.customers.where(busy)).astype(float)
    table["id_form"] = forms.idxmax(axis=1).where(busy) if forms.size else None
    # A month of a few orders, such as a test of the till, does not say what is usual.
    telling = table[busy & (table.orders >= table.orders[busy].median() / 2)]
    share = (
        forms[telling.id_form.iloc[0]] / table.pairs.where(busy)
        if len(telling) and forms.size
        else np.nan
    )
    table["order_id_form"] = share
    table["days"] = _days_covered(table)
    table["month"] = table.index.astype(str)
    return _Months(table.reset_index(drop=True), forms.reset_index(drop=True))


def _days_covered(table: pd.DataFrame) -> pd.Series:
    """Return the days of each month between the first and the last order of the file."""
    if table.empty:
        return pd.Series(dtype=float)
    calendar = pd.PeriodIndex(table.index)
    first = pd.to_datetime(table.first_at).min().normalize()
    last = pd.to_datetime(table.last_at).max().normalize() + pd.Timedelta(days=1)
    begins = np.maximum(calendar.to_timestamp().to_numpy(), np.datetime64(first))
    ends = np.minimum((calendar + 1).to_timestamp().to_numpy(), np.datetime64(last))
    return pd.Series((ends - begins) / np.timedelta64(1, "D"), index=table.index, dtype=float)


def _best_split(months: _Months, options: RegimeOptions) -> _Split | None:
    """Return the split that most measures agree on, if enough do.

    A break in the middle of a month leaves that month half old and half new, so each split is
    also tried without the month between.
    """
    judged = _judged(months.table, options)
    best, best_rank = None, (0, 0.0)
    for at in range(options.fewest_months_before, len(judged)):
        for between in (0, 1):
            before, after = judged[:at], judged[at + between :]
            if len(after) < options.fewest_months_after:
                continue
            split = _weigh(months, before, after, options)
            far = sum(min(abs(e.distance), _FAR) for e in split.evidence.values())
            rank = (len(split.evidence), round(far, 6))
            if _is_break(split, options) and rank > best_rank:
                best, best_rank = split, rank
    return best


def _weigh(months: _Months, before: list[int], after: list[int], options: RegimeOptions) -> _Split:
    id_forms = _switched_forms(months, before, after, options)
    evidence = {}
    for measure in _MEASURES:
        if measure.kind == "form":
            found = _Evidence("switched", _FAR) if id_forms else None
        else:
            found = _judge(measure, months.table, before, after, options)
        if found is not None:
            evidence[measure.name] = found
    return _Split(before, after, evidence, id_forms)


def _is_break(split: _Split, options: RegimeOptions) -> bool:
    kinds = {measure.kind for measure in _MEASURES if measure.name in split.evidence}
    if len(kinds) < options.fewest_kinds:
        return False
    if _is_proven(split):
        return len(split.evidence) >= options.agreeing
    outlasts_a_season = len(split.after) >= options.season_months
    return outlasts_a_season and len(split.evidence) >= options.agreeing_unproven


def _is_proven(split: _Split) -> bool:
    """Say whether something happened that neither growth nor a season brings about.

    An id form that only gained a digit is no proof: a counter may have passed 99999 by itself.
    """
    is_frozen = any(evidence.how == "frozen" for evidence in split.evidence.values())
    return is_frozen or (
        split.id_forms is not None and split.id_forms[1] != split.id_forms[0] + "9"
    )


def _switched_forms(
    months: _Months, before: list[int], after: list[int], options: RegimeOptions
) -> tuple[str, str] | None:
    """Return the old and the new id form where nearly all orders took on one not seen before."""
    counts, names = months.forms.to_numpy(float), list(months.forms.columns)
    if not names:
        return None
    orders = months.table.pairs.to_numpy(float)  # those of rare forms too
    late, early = counts[after].sum(axis=0), counts[before].sum(axis=0)
    new = int(late.argmax())
    is_switched = late[new] >= options.complete_form * orders[after].sum()
    was_rare = early[new] <= (1 - options.complete_form) * orders[before].sum()
    if not (is_switched and was_rare):
        return None
    return names[counts[before[-_NEAR:]].sum(axis=0).argmax()], names[new]


def _judge(
    measure: _Measure,
    table: pd.DataFrame,
    before: list[int],
    after: list[int],
    options: RegimeOptions,
) -> _Evidence | None:
    """Return how a measure left its earlier range for good, if it did.

    It moved when every month after is outside the range of the months before, on one side, and
    the months just before and just after differ by more than growth explains. It froze when
    there is not one exception in the months after, and the months before make that improbable.
    """
    if measure.scale == "size":
        return None
    values = _scaled(measure, table)
    before = _comparable(measure, before)
    distances = _distances(values, before, after, options)
    if measure.heals * distances[0] > 0:
        after, distances = after[:1], distances[:1]
    shift = float(np.median(values[after][:_NEAR]) - np.median(values[before][-_NEAR:]))
    nearest = float(distances[np.abs(distances).argmin()])
    for exceptions, total in measure.frozen_without:
        rare, size = table[exceptions].to_numpy(float), table[total].to_numpy(float)
        if _is_frozen(rare, size, before, after, options):
            return _Evidence("frozen", nearest)
    enough = np.log(options.smallest_factor)
    if measure.scale == "share":
        enough = options.smallest_share_change
    one_side = bool((distances * np.sign(shift) >= options.distance).all())
    return _Evidence("moved", nearest) if one_side and abs(shift) >= enough else None


def _comparable(measure: _Measure, before: list[int]) -> list[int]:
    """Leave out the first month of the file where everybody is new by construction."""
    return [row for row in before if row > 0] if measure.kind == "customers" else before


def _scaled(measure: _Measure, table: pd.DataFrame) -> Floats:
    values = table[measure.name].to_numpy(float)
    if measure.scale == "share":
        return values
    if measure.scale == "average":
        return np.asarray(np.log(np.maximum(values, _SMALLEST)))
    # Half a head more, so that a count of zero has a logarithm, too.
    return np.asarray(np.log((values + 0.5) / table.days.to_numpy(float)))


def _distances(
    values: Floats, before: Sequence[int], after: Sequence[int], options: RegimeOptions
) -> Floats:
    """Return how many robust standard deviations the later months are from the earlier ones."""
    earlier = values[list(before)]
    centre = np.median(earlier)
    spread = max(_MAD_TO_SD * float(np.median(np.abs(earlier - centre))), options.least_spread)
    return np.asarray((values[list(after)] - centre) / spread)


def _is_frozen(
    exceptions: Floats, total: Floats, before: list[int], after: list[int], options: RegimeOptions
) -> bool:
    """Say whether the months after have no exception although they should have some.

    The rate to expect is the smaller of the lower quartile of all earlier months and the lowest
    of the last ones (half an exception added), so that neither a measure that always was at its
    bound nor one that was on its way there is taken for frozen.
    """
    if exceptions[after].any():
        return False
    recent = before[-_NEAR:]
    lowest = ((exceptions[recent] + 0.5) / (total[recent] + 1)).min()
    usual = np.quantile(exceptions[before] / total[before], 0.25)
    chance = (1 - min(lowest, usual)) ** total[after].sum()
    return bool(chance < options.freeze_chance)


def _first_moment(orders: ir.Table, months: _Months, split: _Split) -> datetime:
    """Return the time of the first order of the new regime.

    The months around the break are cut at the hour where the two sides are most likely, each
    order being judged by its id form, by whether the customer is new and by whether it has
    several products or timestamps, with the rates of the months before and after (maximum
    likelihood; Hinkley, 1970). Within an hour, the old id form comes first.
    """
    table = months.table
    begins = pd.Timestamp(table.month[split.before[-1]])
    ends = pd.Timestamp(table.month[split.after[0]]) + pd.offsets.MonthBegin(1)
    window = orders.filter(
        (orders.ordered_at >= ibis.timestamp(str(begins)))
        & (orders.ordered_at < ibis.timestamp(str(ends)))
    )
    new_form = split.id_forms[1] if split.id_forms else None
    is_new = window.form == new_form if new_form else ibis.literal(False)
    window = window.mutate(hour=window.ordered_at.truncate("h"), is_new=is_new)
    hours = (
        window.group_by("hour", "is_new")
        .aggregate(
            pairs=window.count(),
            new_form=window.is_new.sum(),
            first_orders=(window.ordered_at == window.first_at).sum(),
            several_lines=(window.lines > 1).sum(),
            several_times=(window.times > 1).sum(),
            starts=window.ordered_at.min(),
        )
        .to_pyarrow()
        .to_pandas()
        .sort_values(["hour", "is_new"], ignore_index=True)
    )
    gains = np.zeros(len(hours))
    for count, old, new in _rates(months, split, new_form):
        hits = hours[count].to_numpy(float)
        misses = hours.pairs.to_numpy(float) - hits
        gains += hits * np.log(new / old) + misses * np.log((1 - new) / (1 - old))
    cut = int(np.argmax(gains[::-1].cumsum()[::-1]))
    moment: datetime = pd.Timestamp(hours.starts[cut]).to_pydatetime()
    return moment


def _rates(months: _Months, split: _Split, new_form: str | None) -> list[tuple[str, float, float]]:
    """Return for each kind of order that tells the regimes apart its share before and after."""
    table = months.table.assign(new_form=months.forms[new_form] if new_form else 0)
    telling = {
        "new_form": "order_id_form",
        "first_orders": "returning_share",
        "several_lines": "lines_per_order",
        "several_times": "timestamps_per_order",
    }
    rates = []
    for count, measure in telling.items():
        if measure in split.evidence:
            hits, total = table[count].to_numpy(float), table.pairs.to_numpy(float)
            old, new = (
                float(np.clip(hits[side].sum() / total[side].sum(), 1 - _SUREST, _SUREST))
                for side in (split.before, split.after[:_NEAR])
            )
            rates.append((count, old, new))
    return rates


def _split_at(since: datetime, months: _Months, split: _Split, options: RegimeOptions) -> _Split:
    """Return the split at the moment found: the month it is in belongs to neither side."""
    month, table = f"{since:%Y-%m}", months.table
    judged = _judged(table, options)
    after = [i for i in judged if table.month[i] > month or table.first_at[i] >= since]
    before = [i for i in judged if table.month[i] < month]
    if len(before) < options.fewest_months_before or len(after) < options.fewest_months_after:
        return split
    exact = _weigh(months, before, after, options)
    return exact if _is_break(exact, options) else split


def _regime_table(
    months: _Months, split: _Split | None, since: datetime | None, options: RegimeOptions
) -> pd.DataFrame:
    """Write the measures one below the other, month by month, with what is flagged and why."""
    table = months.table
    parts = [_flagged_rows(measure, table, split, since, options) for measure in _MEASURES]
    by_month = np.tile(np.arange(len(table)), len(parts)).argsort(kind="stable")
    rows = pd.DataFrame(
        {
            column: np.concatenate([part[column] for part in parts])[by_month]
            for column in REGIME_COLUMNS
        }
    )
    texts = ["month", "measure", "since", "withheld", "withheld_ru", "evidence"]
    return rows.astype(dict.fromkeys(texts, "str"))


def _flagged_rows(
    measure: _Measure,
    table: pd.DataFrame,
    split: _Split | None,
    since: datetime | None,
    options: RegimeOptions,
) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of the regime table for one measure; a month each."""
    size = len(table)
    values = table[measure.name].to_numpy(float)
    evidence = split.evidence.get(measure.name) if split else None
    flagged = np.zeros(size, dtype=bool)
    texts: dict[str, str] = {}
    if split and since and evidence:
        flagged = (np.arange(size) >= split.after[0]) & ~np.isnan(values)
        texts = {
            "since": since.replace(minute=0, second=0, microsecond=0).isoformat(),
            "withheld": measure.withheld.en,
            "withheld_ru": measure.withheld.ru,
            "evidence": evidence.how,
        }
    named = ("since", "withheld", "withheld_ru", "evidence")
    usual, distance = _usual(measure, table, split, options)
    return {
        "month": table.month.to_numpy(object),
        "measure": np.full(size, measure.name, dtype=object),
        "value": values,
        "flagged": flagged,
        **{name: np.array([texts.get(name) if f else None for f in flagged]) for name in named},
        "value_before": usual,
        "distance": distance,
    }


def _usual(
    measure: _Measure, table: pd.DataFrame, split: _Split | None, options: RegimeOptions
) -> tuple[Floats, Floats]:
    """Return for each month the median of the months before it, and the distance from there."""
    usual, distance = np.full(len(table), np.nan), np.full(len(table), np.nan)
    values, scaled = table[measure.name].to_numpy(float), _scaled(measure, table)
    judged = _judged(table, options)
    for place, row in enumerate(judged):
        is_after = split is not None and row >= split.after[0]
        earlier = split.before if split and is_after else judged[:place]
        if len(earlier) >= options.fewest_months_before:
            earlier = _comparable(measure, earlier)
            usual[row] = np.median(values[earlier])
            distance[row] = _distances(scaled, earlier, [row], options)[0]
    return usual, distance


def _judged(table: pd.DataFrame, options: RegimeOptions) -> list[int]:
    """Return the months that have enough orders to be judged."""
    return [int(i) for i in np.flatnonzero(table.orders.to_numpy() >= options.fewest_orders)]


def _describe(months: _Months, split: _Split, since: datetime) -> dict[str, Any]:
    """Put the break into words and numbers."""
    sizes = {}
    for measure in _MEASURES:
        evidence = split.evidence.get(measure.name)
        if evidence:
            values = months.table[measure.name].to_numpy(float)
            before = _comparable(measure, split.before)
            sizes[measure.name] = {
                "how": evidence.how,
                "before": float(np.median(values[before])),
                "after": float(np.median(values[split.after])),
            }
    old, new = split.id_forms or (None, None)
    return {
        "since": since.isoformat(),
        "id_form_before": old,
        "id_form_after": new,
        "proven": _is_proven(split),
        "measures": list(sizes),
        "sizes": sizes,
        "sentence": _sentence(sizes, split, since),
    }


def _sentence(sizes: dict[str, dict[str, Any]], split: _Split, since: datetime) -> dict[str, str]:
    changes: dict[str, list[str]] = {"ru": [], "en": []}
    for measure in _MEASURES:
        if measure.name not in sizes:
            continue
        size = sizes[measure.name]
        before, after = (_number(measure, size[side]) for side in ("before", "after"))
        if measure.kind == "form" and split.id_forms:
            before, after = split.id_forms
        changes["en"].append(f"{measure.label.en} {before} → {after}")
        comma = [text.replace(".", ",") for text in (before, after)]
        changes["ru"].append(f"{measure.label.ru} {comma[0]} → {comma[1]}")
    ru, en = "; ".join(changes["ru"]), "; ".join(changes["en"])
    return {
        "ru": f"С {since:%d.%m.%Y %H:%M} данные созданы иначе, чем раньше ({ru}): выводы, "
        "связанные с клиентами, заканчиваются этой датой.",
        "en": f"Since {since:%Y-%m-%d %H:%M} the data are produced in another way than before "
        f"({en}): customer-linked conclusions end at that date.",
    }


def _number(measure: _Measure, value: float) -> str:
    if measure.scale == "share":
        return f"{value:.1%}"
    return f"{value:.2f}" if measure.scale == "average" else f"{value:.0f}"

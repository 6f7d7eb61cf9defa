"""Synthetic raw tables shaped like those of the shop «В один клик».

Every value comes from a parametric model: the numbers below are rounded
descriptions of groups of customers, and no row of the real tables is used.
A steady customer keeps buying, a cooling one shows it in every feature before
buying less, and a masked one buys less while behaving like a steady one. The
masked customers are the noise that no model can see through.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from personal_offers.pipelines.sample_data.params import OneClickSample

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

STEADY_LABEL = "Прежний уровень"
DECLINED_LABEL = "Снизилась"
STANDARD = "стандарт"
PREMIUM = "премиум"
# The spellings of the real files, mistakes included: readers must survive them.
MISSPELLED_STANDARD = "стандартт"
MONEY_PERIODS = ("препредыдущий_месяц", "предыдущий_месяц", "текущий_месяц")
TIME_PERIODS = ("предыдцщий_месяц", "текущий_месяц")
CATEGORIES = (
    "Товары для детей",
    "Домашний текстиль",
    "Косметика и аксесуары",
    "Техника для красоты и здоровья",
    "Мелкая бытовая техника и электроника",
    "Кухонная посуда",
)
MARKET_COLUMNS = {
    "id": "id",
    "label": "Покупательская активность",
    "service": "Тип сервиса",
    "consent": "Разрешить сообщать",
    "market_half_year": "Маркет_актив_6_мес",
    "market_current": "Маркет_актив_тек_мес",
    "duration": "Длительность",
    "promo": "Акционные_покупки",
    "category": "Популярная_категория",
    "views": "Средний_просмотр_категорий_за_визит",
    "unpaid": "Неоплаченные_продукты_штук_квартал",
    "errors": "Ошибка_сервиса",
    "pages": "Страниц_за_визит",
}


class Spread(NamedTuple):
    """A normal spread folded back into its bounds.

    Attributes:
        mean: Centre before folding.
        sd: Standard deviation before folding.
        low: Smallest value.
        high: Largest value.
    """

    mean: float
    sd: float
    low: float
    high: float


class Group(NamedTuple):
    """Behaviour of one group of customers.

    Attributes:
        spreads: Spread of each feature that is drawn on its own.
        loadings: Correlation of a feature with the trait the group shares.
        premium: Share of premium customers.
        categories: Weight of each category, in the order of CATEGORIES.
        category_lift: Revenue of the previous month added for each category.
        promo_low: Promotional share of those who buy mostly at full price.
        promo_hunters: Share of those who buy nearly everything on promotion.
        previous_slope: Rise of the previous month per unit of the oldest one.
        previous: Revenue of the previous month around that line.
        step_slopes: Rise of the last step per unit of the oldest month and
            per unit of the previous one.
        step: Change from the previous month to the current one.
    """

    spreads: dict[str, Spread]
    loadings: dict[str, float]
    premium: float
    categories: tuple[float, ...]
    category_lift: tuple[float, ...]
    promo_low: Spread
    promo_hunters: float
    previous_slope: float
    previous: Spread
    step_slopes: tuple[float, float]
    step: Spread


# Bounds that the current month keeps in both groups, the outlier aside.
CURRENT_RANGE = (2_758.7, 7_799.4)
STEADY = Group(
    spreads={
        "market_half_year": Spread(4.57, 0.87, 2.4, 6.6),
        "views": Spread(3.67, 1.32, 1, 6),
        "unpaid": Spread(2.20, 1.70, 0, 8),
        "errors": Spread(4.34, 1.98, 0, 9),
        "pages": Spread(9.80, 3.45, 3, 20),
        "minutes_previous": Spread(15.0, 3.4, 7, 23),
        "minutes_current": Spread(14.6, 4.2, 4, 23),
        "revenue_oldest": Spread(4_933, 335, 4_338, 5_663),
    },
    loadings={},
    premium=0.257,
    categories=(0.229, 0.186, 0.147, 0.165, 0.183, 0.090),
    category_lift=(-150, 135, 65, -200, 95, 150),
    promo_low=Spread(0.205, 0.062, 0.11, 0.40),
    promo_hunters=0.041,
    previous_slope=0.83,
    previous=Spread(4_933, 545, 2_970, 6_560),
    step_slopes=(-0.66, 0.17),
    step=Spread(265, 430, -900, 1_450),
)
# A cooling customer looks at fewer things; whoever still stays long on the
# site fills baskets without paying, which is the trait behind the loadings.
COOLING = Group(
    spreads={
        "market_half_year": Spread(3.51, 1.03, 0.9, 5.8),
        "views": Spread(2.45, 1.25, 1, 6),
        "unpaid": Spread(4.00, 2.40, 0, 10),
        "errors": Spread(3.65, 2.05, 1, 9),
        "pages": Spread(4.40, 2.15, 1, 17),
        "minutes_previous": Spread(10.0, 2.7, 5, 22),
        "minutes_current": Spread(10.1, 2.6, 4, 22),
        "revenue_oldest": Spread(4_620, 250, 4_098, 5_555),
    },
    loadings={
        "minutes_previous": 0.6,
        "minutes_current": 0.45,
        "unpaid": 0.55,
        "views": -0.55,
        "revenue_oldest": 0.15,
    },
    premium=0.363,
    categories=(0.304, 0.200, 0.221, 0.083, 0.043, 0.149),
    category_lift=(-340, 200, 240, -715, 310, 365),
    promo_low=Spread(0.300, 0.066, 0.13, 0.40),
    promo_hunters=0.305,
    previous_slope=1.04,
    previous=Spread(4_994, 740, 2_890, 6_869.5),
    step_slopes=(0.0, 0.0),
    step=Spread(334, 415, -1_000, 1_360),
)
# Only two weak hints set a masked customer apart from a steady one: a few more
# promotion hunters and slightly fewer categories seen in a visit.
MASKED = STEADY._replace(
    spreads={**STEADY.spreads, "views": Spread(3.3, 1.35, 1, 6)},
    promo_hunters=0.10,
    categories=(0.245, 0.204, 0.204, 0.153, 0.092, 0.102),
)

PROMO_HIGH = Spread(0.942, 0.034, 0.81, 0.99)
PROMO_MIDDLE = (0.41, 0.78)
PROMO_MIDDLE_SHARE = 6 / 1_300
# Premium customers have been with the shop for longer and refuse less.
DURATION_STANDARD = Spread(550, 275, 121, 1_079)
DURATION_PREMIUM = Spread(745, 275, 121, 1_079)
REFUSALS_STANDARD = 289 / 924
REFUSALS_PREMIUM = 49 / 376
MARKET_CURRENT_WEIGHTS = (308, 669, 323)
PROFIT = Spread(4.0, 1.02, 0.86, 7.43)
WHOLE_PROFIT_SHARE = 16 / 1_300
MISSPELLED_AMONG_DECLINED = 0.9
# A newcomer has bought nothing in the two earlier months.
NEWCOMER_DURATION = (110, 160)
OUTLIER_RANGE = (106_000.0, 107_500.0)
# Part of the amounts sits on a coarser grid, as averages of a few orders do.
PREVIOUS_WHOLE_SHARE = 1 / 3
CURRENT_FIFTH_SHARE = 0.41
# A twin repeats these columns even where its label contradicts.
TWIN_COLUMNS = (
    "market_half_year",
    "promo",
    "errors",
    "pages",
    "minutes_previous",
    "minutes_current",
    "revenue_oldest",
    "revenue_previous",
    "revenue_current",
)
TWIN_FULL_COLUMNS = (
    *TWIN_COLUMNS,
    *("service", "consent", "category", "market_current", "duration", "views", "unpaid"),
)


def generate_one_click(options: OneClickSample) -> dict[str, pd.DataFrame]:
    """Generate the four raw tables.

    Args:
        options: Size, seed and quirks of the sample.

    Returns:
        Tables by name, every cell already formatted as in the raw files.
    """
    rng = np.random.default_rng(options.seed)
    shop = _draw_customers(rng, options)
    _add_twins(shop, options)
    _add_special_customers(rng, shop, options)
    _misspell_services(rng, shop, options)
    # Two shuffles, so that neither the id nor the place in the file tells the label.
    shop = shop.iloc[rng.permutation(options.customers)].reset_index(drop=True)
    shop.insert(0, "id", rng.permutation(options.customers) + options.first_id)
    return {
        "market_file": _market_file(shop),
        "market_money": _market_money(rng, shop),
        "market_time": _market_time(rng, shop),
        "money": _money(shop),
    }


def _draw_customers(rng: np.random.Generator, options: OneClickSample) -> pd.DataFrame:
    """Draw all customers: the steady first, then the masked, then the cooling."""
    cooling = options.declined - options.masked
    sizes = ((STEADY, options.steady), (MASKED, options.masked), (COOLING, cooling))
    shop = pd.concat([_draw_group(rng, group, size) for group, size in sizes], ignore_index=True)
    size = options.customers
    labels = np.repeat([STEADY_LABEL, DECLINED_LABEL], [options.steady, options.declined])
    premium = (shop["service"] == PREMIUM).to_numpy()
    refusals = np.empty(size, dtype=np.bool_)
    for mask, share in ((premium, REFUSALS_PREMIUM), (~premium, REFUSALS_STANDARD)):
        refusals[mask] = _quota(rng, (1 - share, share), int(mask.sum())) == 1
    duration = np.where(
        premium, _fold(rng, DURATION_PREMIUM, size), _fold(rng, DURATION_STANDARD, size)
    )
    return shop.assign(
        label=labels,
        consent=np.where(refusals, "нет", "да"),
        duration=np.rint(duration),
        market_current=3 + _quota(rng, MARKET_CURRENT_WEIGHTS, size),
        profit_cents=_draw_profit(rng, size),
    )


def _draw_group(rng: np.random.Generator, group: Group, size: int) -> pd.DataFrame:
    """Draw the features that depend on the group."""
    trait = rng.standard_normal(size)
    columns: dict[str, Floats] = {}
    for name, spread in group.spreads.items():
        values = _fold(rng, spread, size, trait, group.loadings.get(name, 0.0))
        columns[name] = np.round(values, 1) if name == "market_half_year" else np.rint(values)
    category = _quota(rng, group.categories, size)
    premium = _quota(rng, (1 - group.premium, group.premium), size)
    previous, current = _draw_revenue(rng, group, columns["revenue_oldest"], category)
    return pd.DataFrame(columns).assign(
        revenue_previous=previous,
        revenue_current=current,
        promo=_draw_promo(rng, group, size),
        category=np.array(CATEGORIES)[category],
        service=np.array([STANDARD, PREMIUM])[premium],
    )


def _draw_revenue(
    rng: np.random.Generator, group: Group, oldest: Floats, category: Integers
) -> tuple[Floats, Floats]:
    """Draw the two later months, each one leaning on the month before."""
    size = oldest.size
    drift = oldest - group.spreads["revenue_oldest"].mean
    lift = np.array(group.category_lift, dtype=np.float64)[category]
    previous = _fold(rng, group.previous, size) + group.previous_slope * drift + lift
    previous = _reflect(previous, group.previous.low, group.previous.high)
    whole = rng.random(size) < PREVIOUS_WHOLE_SHARE
    previous = np.where(whole, np.rint(previous), np.rint(previous * 2) / 2)
    by_oldest, by_previous = group.step_slopes
    lean = by_oldest * drift + by_previous * (previous - group.previous.mean)
    current = _reflect(previous + _fold(rng, group.step, size) + lean, *CURRENT_RANGE)
    fifth = rng.random(size) < CURRENT_FIFTH_SHARE
    current = np.where(fifth, np.rint(current * 5) / 5, np.round(current, 1))
    return previous, np.clip(current, *CURRENT_RANGE)


def _draw_promo(rng: np.random.Generator, group: Group, size: int) -> Floats:
    """Draw the share of promotional purchases, which has two humps."""
    weights = (
        1 - group.promo_hunters - PROMO_MIDDLE_SHARE,
        PROMO_MIDDLE_SHARE,
        group.promo_hunters,
    )
    humps = (
        _fold(rng, group.promo_low, size),
        rng.uniform(*PROMO_MIDDLE, size),
        _fold(rng, PROMO_HIGH, size),
    )
    hump = _quota(rng, weights, size)
    promo: Floats = np.stack(humps)[hump, np.arange(size)]
    return np.round(promo, 2)


def _draw_profit(rng: np.random.Generator, size: int) -> Floats:
    """Draw profits in hundredths, with a fixed number of whole ones."""
    cents = np.rint(_fold(rng, PROFIT, size) * 100)
    # A chance whole number is nudged, so that their count does not vary.
    cents = np.where(cents % 100 == 0, cents + 1, cents)
    whole = rng.permutation(size) < round(size * WHOLE_PROFIT_SHARE)
    return np.where(whole, np.rint(cents / 100) * 100, cents)


def _add_twins(shop: pd.DataFrame, options: OneClickSample) -> None:
    """Let some customers repeat a declined one, under either label."""
    contrary = options.contradictory_twins
    originals = options.steady + np.arange(options.twin_pairs)
    alike = originals[contrary:] + options.twin_pairs - contrary
    _repeat(shop, originals[:contrary], np.arange(contrary), TWIN_COLUMNS)
    # One pair of the same label repeats the behaviour but not the person.
    _repeat(shop, originals[contrary:][:1], alike[:1], TWIN_COLUMNS)
    _repeat(shop, originals[contrary:][1:], alike[1:], TWIN_FULL_COLUMNS)


def _repeat(
    shop: pd.DataFrame, sources: Integers, targets: Integers, columns: Sequence[str]
) -> None:
    """Copy the columns of the source rows to the target rows."""
    for name in columns:
        shop.loc[targets, name] = shop.loc[sources, name].to_numpy()


def _add_special_customers(
    rng: np.random.Generator, shop: pd.DataFrame, options: OneClickSample
) -> None:
    """Turn the last cooling customers into newcomers and the outlier."""
    newcomers = options.customers - 1 - np.arange(options.newcomers)
    shop.loc[newcomers, ["revenue_oldest", "revenue_previous", "promo"]] = 0.0
    low, high = NEWCOMER_DURATION
    shop.loc[newcomers, "duration"] = rng.integers(low, high, options.newcomers).astype(np.float64)
    outlier = options.customers - 1 - options.newcomers
    shop.loc[outlier, "revenue_current"] = np.round(rng.uniform(*OUTLIER_RANGE), 1)
    shop.loc[outlier, "service"] = PREMIUM


def _misspell_services(
    rng: np.random.Generator, shop: pd.DataFrame, options: OneClickSample
) -> None:
    """Misspell the standard service, mostly among the declined."""
    position = np.arange(options.customers)
    last_twin = options.steady + 2 * options.twin_pairs - options.contradictory_twins
    # A misspelled twin would no longer equal its pair.
    twins = (position < options.contradictory_twins) | (
        (position >= options.steady) & (position < last_twin)
    )
    free = (shop["service"] == STANDARD).to_numpy() & ~twins
    declined = np.flatnonzero(free & (position >= options.steady))
    steady = np.flatnonzero(free & (position < options.steady))
    wanted = round(options.misspelled_types * MISSPELLED_AMONG_DECLINED)
    among_declined = min(wanted, declined.size)
    rest = options.misspelled_types - among_declined
    for rows, count in ((declined, among_declined), (steady, rest)):
        shop.loc[rng.choice(rows, count, replace=False), "service"] = MISSPELLED_STANDARD


def _market_file(shop: pd.DataFrame) -> pd.DataFrame:
    """Format the table of customers."""
    whole = ["duration", "views", "unpaid", "errors", "pages", "market_current", "id"]
    text = shop[list(MARKET_COLUMNS)].assign(
        market_half_year=shop["market_half_year"].map("{:.1f}".format),
        promo=np.round(shop["promo"], 2).astype(str),
        **{name: shop[name].astype(np.int64).astype(str) for name in whole},
    )
    return text.rename(columns=MARKET_COLUMNS)


def _market_money(rng: np.random.Generator, shop: pd.DataFrame) -> pd.DataFrame:
    """Format the table of revenues, one row per customer and month."""
    names = ["revenue_oldest", "revenue_previous", "revenue_current"]
    table = _by_period(rng, shop, names, MONEY_PERIODS)
    table["value"] = table["value"].map("{:.1f}".format)
    return table.rename(columns={"value": "Выручка"})


def _market_time(rng: np.random.Generator, shop: pd.DataFrame) -> pd.DataFrame:
    """Format the table of minutes, one row per customer and month."""
    table = _by_period(rng, shop, ["minutes_previous", "minutes_current"], TIME_PERIODS)
    table["value"] = table["value"].map("{:.0f}".format)
    return table.rename(columns={"value": "минут"})


def _by_period(
    rng: np.random.Generator, shop: pd.DataFrame, names: list[str], periods: Sequence[str]
) -> pd.DataFrame:
    """Lay the months of each customer under each other, in any order."""
    order = np.argsort(rng.random((len(shop), len(names))), axis=1)
    values = np.take_along_axis(shop[names].to_numpy(dtype=np.float64), order, axis=1)
    return pd.DataFrame(
        {
            "id": shop["id"].astype(str).repeat(len(names)).to_numpy(),
            "Период": np.array(periods)[order.ravel()],
            "value": values.ravel(),
        }
    )


def _money(shop: pd.DataFrame) -> pd.DataFrame:
    """Format the table of profits, with decimal commas."""
    profit = (shop["profit_cents"] / 100).map("{:.2f}".format)
    text = profit.str.rstrip("0").str.rstrip(".").str.replace(".", ",", regex=False)
    return pd.DataFrame({"id": shop["id"].astype(str), "Прибыль": text})


def _fold(
    rng: np.random.Generator,
    spread: Spread,
    size: int,
    trait: Floats | None = None,
    loading: float = 0.0,
) -> Floats:
    """Draw from a spread, optionally leaning on a shared trait."""
    noise = rng.standard_normal(size)
    if trait is not None:
        noise = loading * trait + np.sqrt(1 - loading**2) * noise
    return _reflect(spread.mean + spread.sd * noise, spread.low, spread.high)


def _reflect(values: Floats, low: float, high: float) -> Floats:
    """Mirror values at the bounds: clipping would pile them up there."""
    mirrored = np.where(values < low, 2 * low - values, values)
    mirrored = np.where(mirrored > high, 2 * high - mirrored, mirrored)
    return np.clip(mirrored, low, high)


def _quota(rng: np.random.Generator, weights: Sequence[float], size: int) -> Integers:
    """Draw category numbers whose counts follow the weights exactly."""
    edges = np.cumsum(np.array(weights, dtype=np.float64))
    bounds = np.rint(edges / edges[-1] * size).astype(np.int64)
    counts = np.diff(bounds, prepend=0)
    return rng.permutation(np.repeat(np.arange(len(weights)), counts))

"""From contributions to reasons: tables, sentences in two languages, summaries, stability.

Contributions are in probability, as the risk is; sentences show points (hundredths). They
describe how the model counts: which features go along with a higher or a lower risk. That one
brings about the other is neither known nor said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from personal_offers.features import Feature, FeatureRegistry, Language
from personal_offers.pipelines.modelling.explain import Explanation
from personal_offers.pipelines.modelling.metrics import Floats
from personal_offers.pipelines.modelling.reason_params import ReasonOptions

CONTRIBUTION_COLUMNS = [
    "customer_id",
    "feature",
    "number",
    "text",
    "level",
    "contribution",
    "direction",
    "rank",
    "actionable",
]
# The published contract has three columns of reasons.
REASONS = 3

_FEWEST_TABLES = 2
_LONGEST_TEXT = 40
_PERCENT = 100


def choose_customers(risk: pd.DataFrame, options: ReasonOptions) -> pd.DataFrame:
    """Choose whom to explain: all, or a random sample and those of highest risk.

    Args:
        risk: One row per customer: customer_id, decline_risk (null where there is none).
        options: How many.

    Returns:
        Grain: one row per chosen customer, in the order of ``risk``: customer_id, sampled
        (whether summaries may count on the customer: drawn at random, or one of all).
    """
    known = risk[risk["decline_risk"].notna()].reset_index(drop=True)
    if len(known) <= options.most_customers:
        return known[["customer_id"]].assign(sampled=True)
    drawn = np.zeros(len(known), dtype=bool)
    rng = np.random.default_rng(options.seed)
    drawn[rng.choice(len(known), options.sample, replace=False)] = True
    rest = known[~drawn].sort_values(
        ["decline_risk", "customer_id"], ascending=[False, True], kind="stable"
    )
    wanted = rest.index[: options.most_customers - options.sample]
    chosen = known[["customer_id"]].assign(sampled=drawn)
    return chosen[drawn | chosen.index.isin(wanted)].reset_index(drop=True)


def contribution_table(
    customer_ids: pd.Series[Any],
    explanation: Explanation,
    features: pd.DataFrame,
    registry: FeatureRegistry,
    reference: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """List the contributions of all features to the risk of each explained customer.

    Args:
        customer_ids: Id per customer, with the index of ``features``.
        explanation: Contributions; its index chooses rows of the two.
        features: One row per customer.
        registry: Types of the features, and which of them the shop can act on.
        reference: Customers among whom a value is high or low; without, those of ``features``.

    Returns:
        Grain: customer and feature; customers as in the explanation, strongest feature first:
        customer_id, feature, number or text (its value; both null where it is unknown), level
        (``low`` / ``high``: at least two thirds of the known values are above / below it, else
        ``middle``; null for texts), contribution (probability), direction (``up`` / ``down``,
        null at zero), rank (1 = largest size; of equals, the first in the registry),
        actionable.
    """
    index = explanation.contributions.index
    names = list(explanation.contributions.columns)
    values = features.loc[index]
    size, width = len(index), len(names)
    contribution = explanation.contributions.to_numpy()
    order = np.argsort(-np.abs(contribution), axis=1, kind="stable")
    numbers, texts, levels = _values(values, features if reference is None else reference, registry)
    long = pd.DataFrame(
        {
            "customer_id": np.repeat(customer_ids.loc[index].to_numpy(), width),
            "feature": np.tile(np.array(names, dtype=object), size),
            "number": numbers[names].to_numpy().ravel(),
            "text": pd.Series(texts[names].to_numpy().ravel(), dtype="str"),
            "level": pd.Series(levels[names].to_numpy().ravel(), dtype="str"),
            "contribution": contribution.ravel(),
            "direction": pd.Series(np.sign(contribution.ravel()))
            .map({1.0: "up", -1.0: "down"})
            .astype("str"),
            "rank": (np.argsort(order, axis=1) + 1).ravel(),
            "actionable": np.tile([registry.features[name].actionable for name in names], size),
        }
    )
    strongest_first = (np.arange(size)[:, None] * width + order).ravel()
    return long.iloc[strongest_first].reset_index(drop=True)[CONTRIBUTION_COLUMNS]


def _values(
    values: pd.DataFrame, among: pd.DataFrame, registry: FeatureRegistry
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the values of numbers, those of the others as text, and the levels of numbers."""
    names = registry.model_names()
    numbers = pd.DataFrame(np.nan, index=range(len(values)), columns=names)
    texts = pd.DataFrame(None, index=range(len(values)), columns=names, dtype=object)
    levels = texts.copy()
    for name in names:
        if registry.features[name].type == "number":
            own, known = (
                frame[name].to_numpy(dtype=float, na_value=np.nan) for frame in (values, among)
            )
            numbers[name], levels[name] = own, _levels(own, known)
        else:
            text = values[name].astype(object).replace({True: "yes", False: "no"})
            texts[name] = text.where(text.notna(), None).to_numpy()
    return numbers, texts, levels


def reason_columns(contributions: pd.DataFrame, options: ReasonOptions) -> pd.DataFrame:
    """Name the three strongest features of each customer.

    Args:
        contributions: From ``contribution_table``.
        options: Smallest contribution worth naming.

    Returns:
        Grain: one row per customer: customer_id, reason_1..reason_3 (``feature, up`` or
        ``feature, down``; null where no further feature is worth naming).
    """
    named = _worth_naming(contributions, options)
    named = named[named["rank"] <= REASONS]
    texts = named["feature"].astype("str") + ", " + named["direction"].astype("str")
    wide = named.assign(reason=texts).pivot(index="customer_id", columns="rank", values="reason")
    everyone = contributions["customer_id"].drop_duplicates()
    columns = range(1, REASONS + 1)
    wide = wide.reindex(index=everyone, columns=columns).astype("str")
    wide.columns = pd.Index([f"reason_{number}" for number in columns])
    return wide.rename_axis("customer_id").reset_index()


def _worth_naming(contributions: pd.DataFrame, options: ReasonOptions) -> pd.DataFrame:
    size = contributions["contribution"].abs()
    return contributions[contributions["direction"].notna() & (size >= options.smallest)]


# --- sentences -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Words:
    """How one language says it; all of it speaks of what goes together, never of a cause."""

    risk: str
    compared: dict[str, str]
    together: str
    can: str
    also: str
    cannot: str
    nothing: str
    not_explained: str
    no_risk: str
    levels: dict[str, str]
    flags: dict[str, str]
    unknown: str
    point: str
    points: str
    quotes: str
    percent: str
    decimal: str
    thousands: str


_WORDS: dict[Language, _Words] = {
    "en": _Words(
        risk="Decline risk",
        compared={
            "above": "above the shop's mean of {}",
            "below": "below the shop's mean of {}",
            "equal": "the same as the shop's mean",
        },
        together="it goes along with ",
        can="features that the shop can change — ",
        also="; and with ",
        cannot="features that the shop cannot change — ",
        nothing="no single feature stands out",
        not_explained="features were weighed only for the customers of highest risk and a sample",
        no_risk="No decline risk was computed for this customer.",
        levels={"low": "lower than most", "high": "higher than most", "middle": "typical"},
        flags={"yes": "yes", "no": "no"},
        unknown="unknown",
        point="point",
        points="points",
        quotes="“{}”",
        percent="{}%",
        decimal=".",
        thousands=",",
    ),
    "ru": _Words(
        risk="Риск снижения активности",
        compared={
            "above": "выше среднего по магазину ({})",
            "below": "ниже среднего по магазину ({})",
            "equal": "как в среднем по магазину",
        },
        together="ему сопутствуют ",
        can="признаки, которые магазин может изменить, — ",
        also="; а также ",
        cannot="признаки, которых магазин изменить не может, — ",
        nothing="ни один признак не выделяется",
        not_explained="признаки взвешены только для клиентов с самым высоким риском и выборки",
        no_risk="Риск снижения активности для этого клиента не посчитан.",
        levels={
            "low": "ниже, чем у большинства",
            "high": "выше, чем у большинства",
            "middle": "обычное значение",
        },
        flags={"yes": "да", "no": "нет"},
        unknown="неизвестно",
        point="п. п.",
        points="п. п.",
        quotes="«{}»",
        percent="{}\u00a0%",
        decimal=",",
        thousands="\u00a0",
    ),
}


def reason_sentences(
    contributions: pd.DataFrame,
    registry: FeatureRegistry,
    risk: pd.DataFrame,
    options: ReasonOptions,
) -> pd.DataFrame:
    """Say in one sentence per language which features go along with the risk of each customer.

    Args:
        contributions: From ``contribution_table``, for some or all of the customers.
        registry: Labels of the features.
        risk: One row per customer: customer_id, decline_risk.
        options: How many features are named, and the smallest contribution worth it.

    Returns:
        Grain: one row per customer of ``risk``, in its order: customer_id, reason_ru,
        reason_en. Who has no risk, and whose features were not weighed, is told so.
    """
    named = _worth_naming(contributions, options).sort_values("rank", kind="stable")
    place = named.groupby(["customer_id", "actionable"]).cumcount()
    most = np.where(named["actionable"], options.actionable, options.other)
    named = named[place < most]
    explained = risk["customer_id"].isin(contributions["customer_id"]).to_numpy()
    sentences = risk[["customer_id"]].reset_index(drop=True)
    for language in ("ru", "en"):
        words = _WORDS[language]
        items = named[["customer_id", "actionable"]].assign(item=_items(named, registry, language))
        head = _heads(risk["decline_risk"].to_numpy(dtype=float, na_value=np.nan), words)
        body = _bodies(items, risk["customer_id"], words).where(explained, words.not_explained)
        text = (head + "; " + body + ".").where(risk["decline_risk"].notna().to_numpy())
        sentences[f"reason_{language}"] = text.fillna(words.no_risk)
    return sentences


def _heads(risk: Floats, words: _Words) -> pd.Series[str]:
    """Set each risk beside the mean of the shop, both as they are printed."""
    mean = np.nanmean(risk) if np.isfinite(risk).any() else np.nan
    rounded, shop = np.round(risk * _PERCENT), np.round(mean * _PERCENT)
    side = np.select([rounded > shop, rounded < shop], ["above", "below"], "equal")
    own = _each(pd.Series(rounded), lambda value: _percent(value, words))
    mean_text = _percent(shop, words)
    compared = {key: text.format(mean_text) for key, text in words.compared.items()}
    return f"{words.risk} " + own + ", " + pd.Series(side).map(compared)


def _percent(value: float, words: _Words) -> str:
    """Write a whole percentage; nobody's risk is exactly nothing or everything."""
    if np.isnan(value):
        return ""
    surest = {0: "<1", _PERCENT: ">99"}
    return words.percent.format(surest.get(int(value), str(int(value))))


def _bodies(items: pd.DataFrame, customer_ids: pd.Series[Any], words: _Words) -> pd.Series[str]:
    """Join the items of each customer: first those that the shop can change."""
    parts = []
    for actionable, intro in ((True, words.can), (False, words.cannot)):
        own = items[items["actionable"] == actionable]
        place = own.groupby("customer_id").cumcount()
        wide = own.assign(place=place).pivot(index="customer_id", columns="place", values="item")
        wide = wide.reindex(customer_ids).reset_index(drop=True).fillna("")
        joined = pd.Series("", index=wide.index, dtype="str")
        for column in wide:  # a few columns: as many as a sentence names
            comma = np.where(wide[column] != "", ", " if column else intro, "")
            joined += pd.Series(comma, dtype="str") + wide[column]
        parts.append(joined)
    can, cannot = parts
    between = pd.Series(np.where((can != "") & (cannot != ""), words.also, ""), dtype="str")
    found = words.together + can + between + cannot
    return found.where((can != "") | (cannot != ""), words.nothing)


def _items(named: pd.DataFrame, registry: FeatureRegistry, language: Language) -> pd.Series[str]:
    """Write each named feature: label, value, level among customers, points of risk."""
    words = _WORDS[language]
    features = {name: registry.features[name] for name in named["feature"].unique()}
    labels = named["feature"].map({name: label(each, language) for name, each in features.items()})
    shares = named["feature"].isin([n for n, each in features.items() if _in_percent(each)])
    flags = named["feature"].isin([n for n, each in features.items() if each.type == "flag"])
    numbers = _each(named["number"].where(~shares), lambda value: _number(value, words))
    percents = _each(
        named["number"].where(shares) * _PERCENT,
        lambda value: words.percent.format(_number(value, words, most_digits=1)),
    )
    texts = _each(named["text"].where(~flags), lambda text: words.quotes.format(_shorten(text)))
    agreed = named["text"].where(flags).map(words.flags)
    value = numbers.fillna(percents).fillna(texts).fillna(agreed).fillna(words.unknown)
    level = (named["level"].map(words.levels) + ", ").fillna("")
    points = _each(named["contribution"] * _PERCENT, lambda value: _points(value, words))
    return labels + ": " + value + " (" + level + points + ")"


def _each(values: pd.Series[Any], write: Callable[[Any], str]) -> pd.Series[str]:
    """Write every different value once."""
    different = values.dropna().unique()
    return values.map({value: write(value) for value in different}).astype("str")


def label(feature: Feature, language: Language) -> str:
    """Return what a feature is called inside a sentence.

    Args:
        feature: From the registry.
        language: ``ru`` or ``en``.

    Returns:
        Its short label, or else its definition up to the first comma, beginning small.
    """
    short = feature.label
    if short is not None:
        return str(getattr(short, language))
    text: str = getattr(feature.definition, language).split(",", maxsplit=1)[0]
    return text if text[1:2].isupper() else text[0].lower() + text[1:]


def _in_percent(feature: Feature) -> bool:
    return feature.percent


def _number(value: float, words: _Words, most_digits: int = 2) -> str:
    """Write a number with up to three figures, or all of a whole number."""
    size = abs(value)
    digits = min(most_digits, 0 if size >= 100 else 1 if size >= 10 else 2)  # noqa: PLR2004
    text = f"{value:,.{digits}f}"
    if digits:
        text = text.rstrip("0").rstrip(".")
    text = "0" if text in {"-0", ""} else text.replace("-", "\u2212")
    return text.replace(",", " ").replace(".", words.decimal).replace(" ", words.thousands)


def _points(value: float, words: _Words) -> str:
    """Write a contribution in points with its sign."""
    digits = 0 if abs(value) >= 1 else 1
    text = f"{value:+.{digits}f}".replace("-", "\u2212").replace(".", words.decimal)
    return f"{text} {words.point if text[1:] == '1' else words.points}"


def _shorten(text: str) -> str:
    """Write a text from data on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"


def _levels(values: Floats, among: Floats) -> np.ndarray[Any, Any]:
    """Say where each value stands among the known ones; nothing where none is known."""
    known = np.sort(among[~np.isnan(among)])
    level = np.full(len(values), None, dtype=object)
    if len(known):
        most = -(-2 * len(known) // 3)  # two thirds, rounded up
        below = np.searchsorted(known, values, side="left")
        above = len(known) - np.searchsorted(known, values, side="right")
        level[:] = np.select([above >= most, below >= most], ["low", "high"], "middle")
        level[np.isnan(values)] = None
    return level


# --- summaries -----------------------------------------------------------------------------


def summarise_drivers(contributions: pd.DataFrame, registry: FeatureRegistry) -> pd.DataFrame:
    """Rank the features by what they add to the risk of all customers given.

    Args:
        contributions: From ``contribution_table``; all customers, or a random sample.
        registry: Groups of the features.

    Returns:
        Grain: one row per feature, strongest first: feature, group, actionable, mean_abs and
        mean_signed contribution (probability), top_three_share (customers where it is among
        the three largest), rank (from 1).
    """
    table = contributions.assign(
        size=contributions["contribution"].abs(),
        top=(contributions["rank"] <= REASONS) & contributions["direction"].notna(),
    )
    summary = table.groupby("feature", sort=False).agg(
        actionable=("actionable", "first"),
        mean_abs=("size", "mean"),
        mean_signed=("contribution", "mean"),
        top_three_share=("top", "mean"),
    )
    summary = summary.reindex([n for n in registry.names() if n in summary.index])
    summary.insert(0, "group", [registry.features[name].group for name in summary.index])
    summary = summary.sort_values("mean_abs", ascending=False, kind="stable")
    summary["rank"] = np.arange(1, len(summary) + 1)
    return summary.rename_axis("feature").reset_index()


def driver_stability(
    tables: Sequence[pd.DataFrame],
) -> tuple[pd.DataFrame, dict[str, float | int | None]]:
    """Say how far the ranking of the drivers depends on the seed.

    Args:
        tables: From ``contribution_table``, one per seed; at least two.

    Returns:
        Grain: one row per feature, by mean rank: feature, mean_rank, rank_low, rank_high (over
        the seeds, by mean size among the customers whom all tables have). And seeds, customers,
        kendalls_w (agreement of the rankings, 1 = the same; Kendall and Babington Smith, 1939,
        with ties), same_top_reason (share of customers and pairs of seeds with the same
        strongest feature and direction); null where there is nothing to compare.

    Raises:
        ValueError: With fewer than two tables.
    """
    if len(tables) < _FEWEST_TABLES:
        raise ValueError("stability needs the tables of at least two seeds")
    common = set(tables[0]["customer_id"]).intersection(*(t["customer_id"] for t in tables[1:]))
    sizes, tops = {}, []
    for number, table in enumerate(tables):
        shared = table[table["customer_id"].isin(common)]
        sizes[number] = shared["contribution"].abs().groupby(shared["feature"], sort=False).mean()
        first = shared[shared["rank"] == 1]
        reasons = first["feature"].astype("str") + ", " + first["direction"].astype("str")
        tops.append(first[["customer_id"]].assign(top=reasons))
    ranks = pd.DataFrame(sizes).rank(ascending=False)
    spread = pd.DataFrame(
        {
            "feature": ranks.index,
            "mean_rank": ranks.mean(axis=1).to_numpy(),
            "rank_low": ranks.min(axis=1).to_numpy(),
            "rank_high": ranks.max(axis=1).to_numpy(),
        }
    )
    agreement = {
        "seeds": len(tables),
        "customers": len(common),
        "kendalls_w": _kendalls_w(ranks.to_numpy()),
        "same_top_reason": _same_top(pd.concat(tops), len(tables), len(common)),
    }
    return spread.sort_values("mean_rank", kind="stable").reset_index(drop=True), agreement


def _kendalls_w(ranks: Floats) -> float | None:
    """Return the agreement of rankings (features x seeds), corrected for ties."""
    size, seeds = ranks.shape
    ties = sum(
        float((counts**3 - counts).sum())
        for column in ranks.T
        for counts in [np.unique(column, return_counts=True)[1].astype(float)]
    )
    sums = ranks.sum(axis=1)
    most = seeds**2 * (size**3 - size) - seeds * ties
    if not size or most <= 0:
        return None
    return float(12 * ((sums - sums.mean()) ** 2).sum() / most)


def _same_top(tops: pd.DataFrame, seeds: int, customers: int) -> float | None:
    """Return the share of pairs of seeds that agree about a customer, averaged."""
    if not customers:
        return None
    votes = tops.groupby(["customer_id", "top"]).size()
    return float((votes * (votes - 1)).sum() / (seeds * (seeds - 1) * customers))

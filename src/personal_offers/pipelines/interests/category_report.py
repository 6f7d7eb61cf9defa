"""How good product categories are: coverage, balance, agreement of halves, stability."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from personal_offers.lots import PRIME, lot_of
from personal_offers.order_history import lines_known_at
from personal_offers.pipelines.interests.categories import (
    Assortment,
    categorise,
    propose_rules,
    told_words,
)
from personal_offers.pipelines.interests.category_params import (
    OTHER,
    CategoryOptions,
    CategoryRule,
)
from personal_offers.progress import steps

_WORDS, _EXAMPLES = 6, 3


def describe_coverage(products: pd.DataFrame, categories: pd.Series) -> dict[str, Any]:
    """Say how much spend has a category, and how unevenly.

    Args:
        products: Grain: product: spend and spend_before (currency units).
        categories: Category of each product, in the same order.

    Returns:
        categories (how many hold spend), coverage, other_share, coverage_after (of what was
        spent from the split on: names that nobody learned from), largest, largest_share;
        shares of spend, null where nothing was spent.
    """
    spend = products["spend"].to_numpy("float64")
    late = spend - products["spend_before"].to_numpy("float64")
    named = (categories != OTHER).to_numpy()
    by_category = pd.Series(spend[named]).groupby(categories[named].to_numpy()).sum()
    largest = by_category.sort_values(ascending=False, kind="stable").head(1)
    return {
        "categories": int((by_category > 0).sum()),
        "coverage": _share(spend[named].sum(), spend.sum()),
        "other_share": _share(spend[~named].sum(), spend.sum()),
        "coverage_after": _share(late[named].sum(), late.sum()),
        "largest": str(largest.index[0]) if len(largest) else None,
        "largest_share": _share(largest.sum(), spend.sum()),
    }


def describe_origins(products: pd.DataFrame, categories: pd.DataFrame) -> dict[str, Any]:
    """Count products and their share of spend by how they got their category."""
    whole = products["spend"].sum()
    return {
        str(how): {"products": len(part), "spend_share": _share(part.sum(), whole)}
        for how, part in products["spend"].groupby(categories["how"].to_numpy())
    }


def compare_halves(
    order_lines: ir.Table,
    era: Mapping[str, Any],
    product_ids: pd.Series,
    categories: pd.Series,
    options: CategoryOptions,
) -> dict[str, Any]:
    """Ask how often two random halves of a customer's later lines name the same category.

    No model can foresee a customer's leading category better than the customer's own lines do:
    the agreement of halves is the noise ceiling of interests. Beside it stands chance: halves
    of different customers.

    Args:
        order_lines: Grain: one order line.
        era: ``cutoff`` (ISO text, local time).
        product_ids: Ids of the products.
        categories: Their categories, in the same order.
        options: Fewest lines, confidence and seed.

    Returns:
        customers (with enough purchased lines after the first order and a leading category in
        both halves), agreement with its score interval (Wilson, 1927), chance, and gain
        (agreement less chance); null where there are no such customers.
    """
    from scipy.stats import binomtest

    named = pd.DataFrame({"product_id": product_ids, "category": categories})
    named = named[named["category"] != OTHER]
    keys = sorted(named["category"].unique())
    pairs = _pairs_of_halves(order_lines, era, named, options) if keys else pd.DataFrame()
    result: dict[str, Any] = {"fewest_lines": options.check.fewest_lines, "customers": 0}
    if pairs.empty:
        return result | dict.fromkeys(("agreement", "low", "high", "chance", "gain"))
    table = pairs.pivot(index="first", columns="second", values="customers")
    counts = table.reindex(index=keys, columns=keys).fillna(0).to_numpy()
    customers, agreed = int(counts.sum()), int(np.trace(counts))
    interval = binomtest(agreed, customers).proportion_ci(options.check.confidence, "wilson")
    chance = float(counts.sum(axis=1) @ counts.sum(axis=0)) / customers**2
    return result | {
        "customers": customers,
        "agreement": agreed / customers,
        "low": float(interval.low),
        "high": float(interval.high),
        "chance": chance,
        "gain": agreed / customers - chance,
    }


def _pairs_of_halves(
    order_lines: ir.Table, era: Mapping[str, Any], named: pd.DataFrame, options: CategoryOptions
) -> pd.DataFrame:
    """Count customers by the leading categories of their halves: first, second, customers."""
    lines = lines_known_at(order_lines, datetime.fromisoformat(era["cutoff"]))
    bought = lines.filter((lines.quantity > 0) & lines.customer_id.notnull())
    of_customer = ibis.window(group_by="customer_id")
    bought = bought.mutate(began=bought.ordered_at.min().over(of_customer))
    later = bought.filter(bought.ordered_at > bought.began)
    later = later.join(ibis.memtable(named), "product_id")
    lot = lot_of(later.row_number, options.seed)
    later = later.mutate(half=(lot * 2 >= PRIME).cast("int64"))
    later = later.mutate(lines=later.count().over(ibis.window(group_by="customer_id")))
    later = later.filter(later.lines >= options.check.fewest_lines)
    spent = later.group_by("customer_id", "half", "category").aggregate(spend=later.amount.sum())
    place = ibis.row_number().over(
        ibis.window(group_by=["customer_id", "half"], order_by=[ibis.desc("spend"), "category"])
    )
    ranked = spent.mutate(place=place)
    leading = ranked.filter(ranked.place == 0)
    first = leading.filter(leading.half == 0).select("customer_id", first="category")
    second = leading.filter(leading.half == 1).select("customer_id", second="category")
    both = first.join(second, "customer_id")
    pairs: pd.DataFrame = (
        both.group_by("first", "second").aggregate(customers=both.count()).to_pandas()
    )
    return pairs


def count_buyers(
    order_lines: ir.Table, era: Mapping[str, Any], product_ids: pd.Series, categories: pd.Series
) -> pd.Series:
    """Count the customers who bought something of each category by the cutoff.

    Args:
        order_lines: Grain: one order line.
        era: ``cutoff`` (ISO text, local time).
        product_ids: Ids of the products.
        categories: Their categories, in the same order.

    Returns:
        Customers, by category.
    """
    if product_ids.empty:
        return pd.Series(dtype="int64")
    lines = lines_known_at(order_lines, datetime.fromisoformat(era["cutoff"]))
    named = pd.DataFrame({"product_id": product_ids, "category": categories})
    bought = lines.filter((lines.quantity > 0) & lines.customer_id.notnull())
    pairs = bought.join(ibis.memtable(named), "product_id").select("customer_id", "category")
    pairs = pairs.distinct()
    counts = pairs.group_by("category").aggregate(customers=pairs.count()).to_pandas()
    customers: pd.Series = counts.set_index("category")["customers"]
    return customers


def measure_stability(
    assortment: Assortment,
    categories: pd.Series,
    rules: Mapping[str, CategoryRule] | None,
    own: pd.Series,
    options: CategoryOptions,
) -> dict[str, Any]:
    """Draw baskets again and ask how many products keep their company.

    The bootstrap (B. Efron, 1979) over baskets before the split; agreement by the adjusted Rand
    index (L. Hubert and P. Arabie, 1985) over products.

    Args:
        assortment: Products, their words and baskets.
        categories: Category of each product.
        rules: Rules that stay; none: they are proposed anew in each resample.
        own: The user's categories by product number.
        options: Resamples, confidence and seed.

    Returns:
        resamples, ari and spend_kept (share of spend in the category that matches its own best),
        each with the bounds of the middle ``confidence`` of the resamples; null where there are
        no baskets.
    """
    from sklearn.metrics import adjusted_rand_score

    baskets = assortment.baskets.shape[1]
    names = [f"{what}{end}" for what in ("ari", "spend_kept") for end in ("", "_low", "_high")]
    if baskets == 0 or (categories == OTHER).all():
        return {"resamples": 0} | dict.fromkeys(names)
    rng = np.random.default_rng(options.seed)
    spend = assortment.products["spend"].to_numpy("float64")
    found = []
    for _ in steps(range(options.check.resamples), "resamples", options.check.resamples):
        weights = rng.multinomial(baskets, np.full(baskets, 1 / baskets))
        kept = propose_rules(assortment, options, options.seed, weights) if rules is None else rules
        drawn = Assortment(
            assortment.products, assortment.words, _drawn(assortment.baskets, weights)
        )
        again = categorise(drawn, kept, own, options)["category"]
        ari = float(adjusted_rand_score(categories, again))
        found.append((ari, _kept(categories, again, spend)))
    tail = (1 - options.check.confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail], axis=0)
    mean = np.mean(found, axis=0)
    values = [value for place in range(2) for value in (mean[place], low[place], high[place])]
    return {"resamples": len(found)} | {
        name: float(value) for name, value in zip(names, values, strict=True)
    }


def profile_categories(
    assortment: Assortment,
    categories: pd.DataFrame,
    buyers: pd.Series,
    label_of: Callable[[str], tuple[str, str]],
    options: CategoryOptions,
) -> pd.DataFrame:
    """Describe each category.

    Args:
        assortment: Products and their words.
        categories: From ``categorise``.
        buyers: Customers by category (``count_buyers``).
        label_of: Key of a category: its names in Russian and English.
        options: Stop words.

    Returns:
        Grain: one row per category, the heaviest first and ``other`` last: category,
        category_ru, category_en, products, spend (gross, currency units), spend_share, customers,
        top_words (by spend, commonest forms), examples (products with the largest spend).
    """
    table = assortment.products.assign(category=categories["category"])
    told = told_words(assortment.words, options.proposal).drop_duplicates(["product", "stem"])
    told = told.assign(
        category=table["category"].reindex(told["product"]).to_numpy(),
        spend=table["spend"].reindex(told["product"]).to_numpy(),
    )
    words = told.groupby(["category", "stem"]).agg(
        spend=("spend", "sum"), word=("word", _commonest)
    )
    words = words.reset_index().sort_values(["spend", "stem"], ascending=[False, True])
    top = words.groupby("category")["word"].agg(lambda found: ", ".join(found.head(_WORDS)))
    best = table.sort_values(["spend", "product_id"], ascending=[False, True])
    examples = best.groupby("category")["product_name"].agg(
        lambda found: "; ".join(found.head(_EXAMPLES))
    )
    profile = table.groupby("category").agg(products=("spend", "size"), spend=("spend", "sum"))
    profile["spend_share"] = profile["spend"] / profile["spend"].sum()
    profile["customers"] = buyers.reindex(profile.index, fill_value=0).astype("int64")
    profile["top_words"] = top.reindex(profile.index, fill_value="")
    profile["examples"] = examples
    profile["last"] = profile.index == OTHER
    profile = profile.reset_index().sort_values(
        ["last", "spend", "category"], ascending=[True, False, True]
    )
    labels = [label_of(key) for key in profile["category"]]
    profile.insert(1, "category_ru", [ru for ru, _ in labels])
    profile.insert(2, "category_en", [en for _, en in labels])
    return profile.drop(columns="last").reset_index(drop=True)


def _kept(before: pd.Series, after: pd.Series, spend: np.ndarray[Any, Any]) -> float:
    """Return the share of spend in matching categories, matched one to one for the most spend.

    Where nothing was spent on anything, products count alike.
    """
    from scipy.optimize import linear_sum_assignment

    spend = spend if spend.sum() > 0 else np.ones_like(spend)
    both = pd.crosstab(before.to_numpy(), after.to_numpy(), values=spend, aggfunc="sum").fillna(0)
    rows, columns = linear_sum_assignment(both.to_numpy(), maximize=True)
    return float(both.to_numpy()[rows, columns].sum() / spend.sum())


def _drawn(baskets: Any, weights: np.ndarray[Any, Any]) -> Any:
    from scipy.sparse import diags_array

    drawn = (baskets @ diags_array(weights.astype("float64"))).tocsr()
    drawn.eliminate_zeros()
    return drawn


def _commonest(words: pd.Series) -> str:
    times = words.value_counts()
    return str(min(times.index[times == times.max()]))


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None

"""From order lines and product names to product categories, with a report on both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from personal_offers.errors import InputError
from personal_offers.lots import is_drawn
from personal_offers.order_history import lines_known_at
from personal_offers.pipelines.interests.categories import (
    Assortment,
    categorise,
    hit_rates,
    plain_clusters,
    propose_rules,
)
from personal_offers.pipelines.interests.category_params import (
    MOST_CATEGORIES,
    OTHER,
    OTHER_LABEL,
    CategoryOptions,
    CategoryRule,
)
from personal_offers.pipelines.interests.category_report import (
    compare_halves,
    count_buyers,
    describe_coverage,
    describe_origins,
    measure_stability,
    profile_categories,
)
from personal_offers.pipelines.interests.product_names import words_of
from personal_offers.pipelines.interests.split import lines_before, split_date

OWN_COLUMNS = ("product_id", "category")
CATEGORY_COLUMNS = (
    *("product_id", "product_name", "category", "category_ru", "category_en"),
    *("how", "certainty", "spend", "customers"),
)
_FILE = "product_categories.csv"
_SHOWN = 5  # wrong products named in a message
_OUTCOME = (
    "tables of the intake and proposed rules were written; categories, and what needs them, are "
    "those of an earlier run"
)
_REASONS = {
    "no_products": {
        "ru": "до даты раздела ничего не продано: учиться не на чем",
        "en": "nothing was sold before the split: there is nothing to learn from",
    },
    "alike": {
        "ru": "названия товаров пусты, не различаются или почти не имеют общих слов: категории по "
        "ним не составить",
        "en": "product names are empty, do not differ or hardly share a word: no categories can be "
        "made of them",
    },
    "fewer": {
        "ru": "категорий меньше, чем нужно: мало разных товаров",
        "en": "fewer categories than asked for: too few different products",
    },
}


def summarise_products(
    order_lines: ir.Table, era: Mapping[str, Any], options: CategoryOptions
) -> ir.Table:
    """Add order lines up to products, with one name each.

    Args:
        order_lines: Grain: one order line.
        era: ``cutoff`` (ISO text, local time).
        options: Where the split is.

    Returns:
        Grain: one row per product that was bought by the cutoff, ordered by id: product_id,
        product_name (under which most was spent, then the first in the alphabet; may be empty),
        spend and spend_before (gross, currency units: up to the cutoff, before the split),
        customers (who bought it).
    """
    split = split_date(order_lines, era, options.split, options.train_share)
    lines = lines_known_at(order_lines, datetime.fromisoformat(era["cutoff"]))
    bought = lines.filter((lines.quantity > 0) & lines.product_id.notnull())
    bought = bought.mutate(product_name=bought.product_name.fill_null(""))
    early = bought.logged_at < split
    named = bought.group_by("product_id", "product_name").aggregate(
        spend=bought.amount.sum(), before=bought.amount.sum(where=early).fill_null(0)
    )
    of_product = ibis.window(group_by="product_id")
    ranked = named.mutate(
        place=ibis.row_number().over(
            ibis.window(group_by="product_id", order_by=[ibis.desc("spend"), "product_name"])
        ),
        total=named.spend.sum().over(of_product),
        total_before=named.before.sum().over(of_product),
    )
    pairs = bought.select("product_id", "customer_id").distinct()
    buyers = pairs.group_by("product_id").aggregate(customers=pairs.count())
    products = ranked.filter(ranked.place == 0).join(buyers, "product_id")
    products = products.select(
        "product_id",
        "product_name",
        spend=products.total.cast("float64"),
        spend_before=products.total_before.cast("float64"),
        customers=products.customers,
    )
    return products.order_by("product_id").cache()


def propose_category_rules(
    products: ir.Table, order_lines: ir.Table, era: Mapping[str, Any], options: CategoryOptions
) -> dict[str, Any]:
    """Propose rules of categories from names and from what is bought together before the split.

    Args:
        products: From ``summarise_products``.
        order_lines: Grain: one order line.
        era: ``cutoff`` (ISO text, local time).
        options: How the proposal is made.

    Returns:
        ``rules``: as the parameters take them, to be pasted there and edited; ``reason`` (ru, en)
        why there are none or few, else null.
    """
    assortment = bring_assortment(products, order_lines, era, options)
    rules = propose_rules(assortment, options, options.seed)
    reason = None
    if not assortment.products["spend_before"].gt(0).any():
        reason = _REASONS["no_products"]
    elif not rules:
        reason = _REASONS["alike"]
    elif len(rules) < options.proposal.number.lowest:
        reason = _REASONS["fewer"]
    written = {
        key: {"label": rule.label.model_dump(), "keywords": list(rule.keywords)}
        for key, rule in rules.items()
    }
    return {"rules": written, "reason": reason}


def categorise_products(
    products: ir.Table,
    order_lines: ir.Table,
    own_categories: pd.DataFrame,
    category_rules_proposed: Mapping[str, Any],
    era: Mapping[str, Any],
    options: CategoryOptions,
) -> pd.DataFrame:
    """Give every product a category: the user's own, else a rule's, else a likely one, else none.

    Args:
        products: From ``summarise_products``.
        order_lines: Grain: one order line.
        own_categories: The user's table: product_id, category and, if wished, category_ru and
            category_en; empty where there is none. It overrides everything. Products it misses
            get a category that it has too, by rules of that key, by the other words of their
            name or by what they are bought with.
        category_rules_proposed: From ``propose_category_rules``; decides where the parameters
            have no rules.
        era: ``cutoff`` (ISO text, local time).
        options: Rules and certainties.

    Returns:
        Grain: one row per product, ordered by id: product_id, product_name, category (key or
        ``other``), category_ru, category_en, how (user, rule, text, bought_together, other),
        certainty (0 to 1), spend (gross, currency units), customers.

    Raises:
        InputError: The user's table cannot be read as it is meant.
    """
    assortment = bring_assortment(products, order_lines, era, options)
    own_table = checked_own_categories(own_categories, assortment.products, options)
    rules = deciding_rules(category_rules_proposed, options)
    found = categorise(assortment, rules, _by_number(own_table, assortment.products), options)
    label_of = _labels(rules, own_table)
    table = assortment.products.join(found)
    names = [label_of(key) for key in table["category"]]
    for place, column in enumerate(("category_ru", "category_en")):
        table[column] = pd.Series([name[place] for name in names], dtype="str", index=table.index)
    return table[list(CATEGORY_COLUMNS)]


def report_categories(
    products: ir.Table,
    order_lines: ir.Table,
    own_categories: pd.DataFrame,
    product_categories: pd.DataFrame,
    category_rules_proposed: Mapping[str, Any],
    era: Mapping[str, Any],
    options: CategoryOptions,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Say how good the categories are, beside the unedited proposal and plain k-means.

    Args:
        products: From ``summarise_products``.
        order_lines: Grain: one order line.
        own_categories: The user's table; may be empty.
        product_categories: From ``categorise_products``.
        category_rules_proposed: From ``propose_category_rules``.
        era: ``cutoff`` (ISO text, local time).
        options: How categories are judged.

    Returns:
        ``category_report``: split, products, rules (``parameters`` or ``proposal``), reason,
        own_table, ``shipped``, ``proposed`` and ``baseline`` (coverage, halves, stability), and
        fallbacks (hit rates); ``category_profile``: grain category.
    """
    assortment = bring_assortment(products, order_lines, era, options)
    own_table = checked_own_categories(own_categories, assortment.products, options)
    own = _by_number(own_table, assortment.products)
    rules = deciding_rules(category_rules_proposed, options)
    shipped = _aligned(product_categories, assortment.products)
    unedited = categorise(
        assortment, _rules_of(category_rules_proposed), pd.Series(dtype="str"), options
    )
    number = min(options.proposal.number.highest, len(assortment.products))
    baseline = pd.Series(plain_clusters(assortment, options, number), dtype="str")
    fixed = None if options.rules is None and own.empty else rules
    stable = measure_stability(assortment, shipped["category"], fixed, own, options)
    stable_proposal = measure_stability(assortment, unedited["category"], None, own[:0], options)

    def judged(categories: pd.Series) -> dict[str, Any]:
        ids = assortment.products["product_id"]
        halves = compare_halves(order_lines, era, ids, categories, options)
        return describe_coverage(assortment.products, categories) | {"halves": halves}

    origins = describe_origins(assortment.products, shipped)
    report = {
        "split": split_date(order_lines, era, options.split, options.train_share).isoformat(),
        "products": len(assortment.products),
        "rules": "proposal" if options.rules is None else "parameters",
        "reason": category_rules_proposed["reason"],
        "own_table": _own_report(own_categories, own, assortment.products),
        "shipped": judged(shipped["category"]) | {"how": origins, "stability": stable},
        "proposed": judged(unedited["category"]) | {"stability": stable_proposal},
        "baseline": judged(baseline),
        "fallbacks": hit_rates(assortment, rules, shipped, options),
    }
    buyers = count_buyers(order_lines, era, assortment.products["product_id"], shipped["category"])
    profile = profile_categories(assortment, shipped, buyers, _labels(rules, own_table), options)
    return report, profile


def bring_assortment(
    products: ir.Table, order_lines: ir.Table, era: Mapping[str, Any], options: CategoryOptions
) -> Assortment:
    """Bring products, the words of their names and baskets before the split into memory.

    Args:
        products: From ``summarise_products``.
        order_lines: Grain: one order line.
        era: ``cutoff`` (ISO text, local time).
        options: What a basket is, and how many are looked at.

    Returns:
        Products ordered by id; baskets drawn where there are more than ``largest_sample``.
    """
    from scipy.sparse import csr_array

    table = products.order_by("product_id").to_pandas().reset_index(drop=True)
    split = split_date(order_lines, era, options.split, options.train_share)
    spent = _spend_by_basket(lines_before(order_lines, era, split), options)
    found = spent.to_pandas().sort_values(["basket", "product_id"])
    number = pd.Series(table.index, index=table["product_id"])
    baskets, _ = pd.factorize(found["basket"])
    rows = found["product_id"].map(number).to_numpy("int64")
    shape = (len(table), int(baskets.max()) + 1 if len(baskets) else 0)
    matrix = csr_array((found["spend"].to_numpy("float64"), (rows, baskets)), shape=shape)
    return Assortment(table, words_of(table["product_name"]), matrix)


def _spend_by_basket(lines: ir.Table, options: CategoryOptions) -> ir.Table:
    """Add bought lines up to basket and product, of a drawn part where there are many baskets."""
    asked = options.proposal
    bought = lines.filter((lines.quantity > 0) & lines.product_id.notnull())
    names = ["customer_id"] if asked.baskets == "customer" else ["customer_id", "order_id"]
    keys = bought.select(*names).distinct()
    place = ibis.row_number().over(ibis.window(order_by=names))
    keys = keys.mutate(basket=place.cast("int64"))
    count = keys.count().to_pyarrow().as_py()
    if count > asked.largest_sample:
        keys = keys.filter(is_drawn(keys.basket, options.seed, asked.largest_sample, count))
    spent = bought.group_by(*names, "product_id").aggregate(spend=bought.amount.sum())
    spent = spent.join(keys, names)
    return spent.select("basket", "product_id", spend=spent.spend.cast("float64"))


def checked_own_categories(
    own: pd.DataFrame, products: pd.DataFrame, options: CategoryOptions
) -> pd.DataFrame:
    """Check the user's own table and tidy it up.

    Args:
        own: product_id, category and, if wished, category_ru and category_en; may be empty.
        products: Grain: product: product_id.
        options: What is done about products that were never sold.

    Returns:
        Grain: product that was sold: product_id, category, category_ru, category_en (texts; the
        names are the category's where the table has none). What the user calls other, in either
        language, is ``other``: nobody's interest.

    Raises:
        InputError: Columns are missing; products have no id, are unknown or stand twice;
            categories are empty, too many, have several names or share one.
    """
    columns = [*OWN_COLUMNS, "category_ru", "category_en"]
    if own.empty:
        return pd.DataFrame(columns=columns, dtype="str")
    missing = [column for column in OWN_COLUMNS if column not in own]
    if missing:
        raise InputError(
            [f"{_FILE}: no column {', '.join(missing)}: it needs product_id and category"],
            _OUTCOME,
        )
    table = own.reindex(columns=columns).astype("object").fillna("").astype("str")
    table = _with_one_other(table.apply(lambda column: column.str.strip()))
    ids = table["product_id"]
    # Without an id a row is nobody's, so it is told once, not also as unknown or standing twice.
    named = ids != ""
    problems = [
        *_without_ids(int((~named).sum())),
        *_listed("stand twice", ids[named & ids.duplicated()]),
        *_listed("have no category", ids[named & (table["category"] == "")]),
    ]
    unknown = ~ids.isin(products["product_id"])
    if options.unknown_products == "error":
        hint = ": correct the ids, or set params:categories.unknown_products to count"
        problems += _listed("were never sold", ids[named & unknown], hint)
    problems += _too_many(table["category"])
    for column in ("category_ru", "category_en"):
        table[column], wrong = _names_of_categories(table, column)
        problems += wrong
    if problems:
        raise InputError(problems, _OUTCOME)
    known: pd.DataFrame = table[~unknown].reset_index(drop=True)
    return known


def _with_one_other(table: pd.DataFrame) -> pd.DataFrame:
    """Turn what people call other into the key of it; a name that only repeats it goes."""
    category = table["category"]
    said = {OTHER.casefold(), OTHER_LABEL.ru.casefold(), OTHER_LABEL.en.casefold()}
    is_other = category.str.casefold().isin(said)
    changed = {"category": category.mask(is_other, OTHER)}
    for column in ("category_ru", "category_en"):
        changed[column] = table[column].mask(is_other & (table[column] == category), OTHER)
    return table.assign(**changed)


def _without_ids(rows: int) -> list[str]:
    return [f"{_FILE}: rows without a product_id: {rows}; fill it in or delete them"] * (rows > 0)


def _too_many(categories: pd.Series) -> list[str]:
    different = categories[~categories.isin(["", OTHER])].nunique()
    if different <= MOST_CATEGORIES:
        return []
    return [
        f"{_FILE}: {different} categories, at most {MOST_CATEGORIES} work: join small ones into "
        "larger ones"
    ]


def _names_of_categories(table: pd.DataFrame, column: str) -> tuple[pd.Series, list[str]]:
    """Return the name of the category in every row, and what is wrong with names.

    One row that names a category speaks for all of its rows; without one, the key is the name.
    """
    named = table[(table[column] != "") & (table[column] != table["category"])]
    names = named.groupby("category")[column].agg(["first", "nunique"])
    problems = [
        f"{_FILE}: category {key} has several {column}: give it one"
        for key in names.index[names["nunique"] > 1]
    ]
    name_of = {key: key for key in table["category"]} | names["first"].to_dict()
    keys_of: dict[str, list[str]] = {}
    for key, name in name_of.items():
        keys_of.setdefault(name.casefold(), []).append(key)
    problems += [
        f"{_FILE}: categories {', '.join(sorted(keys)[:_SHOWN])} share one {column} "
        f"({name_of[keys[0]]}): give each its own, or write them as one category"
        for keys in keys_of.values()
        if len(keys) > 1
    ]
    return table["category"].map(name_of).astype("str"), problems


def _listed(what: str, ids: pd.Series, hint: str = "") -> list[str]:
    """Say in one sentence which products are wrong; five at most by name."""
    different = sorted(ids.unique())
    if not different:
        return []
    shown = ", ".join(repr(text) for text in different[:_SHOWN])
    more = len(different) - _SHOWN
    rest = f" and {more} more" if more > 0 else ""
    return [f"{_FILE}: products that {what}: {len(different)} ({shown}{rest}){hint}"]


def deciding_rules(
    proposal: Mapping[str, Any], options: CategoryOptions
) -> Mapping[str, CategoryRule]:
    """Return the rules of the parameters or, where there are none, of the proposal."""
    return options.rules if options.rules is not None else _rules_of(proposal)


def _rules_of(proposal: Mapping[str, Any]) -> dict[str, CategoryRule]:
    return {key: CategoryRule.model_validate(rule) for key, rule in proposal["rules"].items()}


def _by_number(own_table: pd.DataFrame, products: pd.DataFrame) -> pd.Series:
    """Return the user's categories by the number of the product."""
    number = pd.Series(products.index, index=products["product_id"])
    category = own_table["category"].astype("str")
    return category.set_axis(number.reindex(own_table["product_id"]).to_numpy("int64"))


def _aligned(product_categories: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Bring categories that were read from a file into the order of the products."""
    table = product_categories.assign(product_id=product_categories["product_id"].astype("str"))
    table = table.set_index("product_id").reindex(products["product_id"]).reset_index()
    return table[["category", "how", "certainty"]]


def _labels(
    rules: Mapping[str, CategoryRule], own_table: pd.DataFrame
) -> Callable[[str], tuple[str, str]]:
    """Return what names a category in Russian and English: the user, the rules, or its key."""
    names = {key: (rule.label.ru, rule.label.en) for key, rule in rules.items()}
    names |= {OTHER: (OTHER_LABEL.ru, OTHER_LABEL.en)}
    different = own_table.drop_duplicates("category")
    own = zip(
        different["category"], different["category_ru"], different["category_en"], strict=True
    )
    for key, ru, en in own:
        known = names.get(key, (key, key))
        names[key] = (ru if ru != key else known[0], en if en != key else known[1])
    return lambda key: names.get(key, (key, key))


def _own_report(
    own_categories: pd.DataFrame, own: pd.Series, products: pd.DataFrame
) -> dict[str, Any]:
    """Say what the user's table covers and what it leaves to rules and names."""
    if own_categories.empty:
        return {
            "rows": 0,
            "used": 0,
            "never_sold": 0,
            "missed_products": None,
            "missed_spend": None,
        }
    missed = ~np.isin(products.index, own.index)
    whole = products["spend"].sum()
    return {
        "rows": len(own_categories),
        "used": len(own),
        "never_sold": len(own_categories) - len(own),
        "missed_products": int(missed.sum()),
        "missed_spend": float(products["spend"][missed].sum() / whole) if whole > 0 else None,
    }

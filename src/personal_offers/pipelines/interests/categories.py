"""Product categories proposed from names and purchases, and given where no rule knows a product.

Names become weighted counts of stems, purchases become baskets; both are reduced to a few
dimensions (latent semantic analysis; S. Deerwester et al., 1990) and joined. K-means makes many
small groups of products, the lightest of which are joined to their nearest until categories are
few and balanced. What describes a category best becomes its keywords; these, and not the groups,
decide, so that a user sees and edits what decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from personal_offers.features import BothLanguages
from personal_offers.pipelines.interests.category_params import (
    OTHER,
    CategoryOptions,
    CategoryRule,
    Proposal,
)
from personal_offers.pipelines.interests.category_rules import apply_rules, keyword_stems
from personal_offers.pipelines.interests.product_names import key_of, phrases_of

Floats = NDArray[np.float64]

_SHORTEST_WORD = 3  # letters
_LABEL_WORDS = 3
_KEY_WORDS = 2
_STARTS = 4  # of k-means
# Rules hold what groups hold only in part: how much less than the limit groups may hold at first.
_CAPS = (0.9, 0.75, 0.6, 0.45)
# Inverse strength of the penalty: words of names are few, and few of them mislead.
_PENALTY = 10.0
_FEWEST = 2  # different things, or categories: fewer cannot be told apart


@dataclass(frozen=True)
class Assortment:
    """What is known about products: one row of each matrix per product, in one order.

    Attributes:
        products: Grain: product (numbered from 0): product_id, product_name, spend,
            spend_before, customers.
        words: Grain: product (its number) and word (``words_of``).
        baskets: Sparse, product x basket: spend before the split, currency units.
    """

    products: pd.DataFrame
    words: pd.DataFrame
    baskets: Any


@dataclass(frozen=True)
class Fallback:
    """What may give a category to a product that no rule knows.

    Attributes:
        features: One row of numbers per product.
        evidence: Product x word or basket; two products have something in common where both
            rows are above zero.
        certainty: Least probability that is acted upon.
    """

    features: Any
    evidence: Any
    certainty: float


def propose_rules(
    assortment: Assortment,
    options: CategoryOptions,
    seed: int,
    weights: NDArray[np.int64] | None = None,
) -> dict[str, CategoryRule]:
    """Propose categories with their keywords.

    Args:
        assortment: Products, their words and baskets.
        options: How the proposal is made.
        seed: Of the decompositions and the groups.
        weights: How often each basket counts (a resample); none: each once, and spend is that
            of all baskets, whether drawn or not.

    Returns:
        Key: rule, the lightest category first; empty where nothing can be told apart.
    """
    asked = options.proposal
    spend, baskets = assortment.products["spend_before"].to_numpy("float64"), assortment.baskets
    if weights is not None:
        spend = np.asarray(baskets @ weights, dtype="float64").ravel()
        baskets = baskets @ _diagonal(weights)
    told = told_words(assortment.words, asked)
    known = np.zeros(len(spend), dtype=bool)
    known[told["product"].unique()] = True
    known &= spend > 0
    rows = np.flatnonzero(known)
    told = told[known[told["product"]]]
    if told.groupby("product")["stem"].agg(" ".join).nunique() < _FEWEST:
        return {}
    vectors = np.hstack(
        [
            _reduced(_word_matrix(told, rows, asked), asked.text_dimensions, seed),
            asked.together_weight
            * _reduced(_log_weighted(baskets[rows]), asked.together_dimensions, seed),
        ]
    )
    place = pd.Series(np.arange(len(rows)), index=rows)
    told = told.assign(product=told["product"].map(place))
    small = _small_groups(vectors, spend[rows], asked, seed)
    best: tuple[float, dict[str, CategoryRule]] = (np.inf, {})
    for cap in _CAPS:
        groups = _joined(small, vectors, spend[rows], asked, asked.largest_share * cap)
        rules = _described(told, groups, spend[rows], asked)
        largest = _largest_share(told, rules, spend[rows])
        if largest < best[0]:
            best = (largest, rules)
        if largest <= asked.largest_share:
            break
    return best[1]


def told_words(words: pd.DataFrame, asked: Proposal) -> pd.DataFrame:
    """Return the words that may say what a product is: no stop words, none of one or two letters.

    Args:
        words: Grain: product and word (``words_of``).
        asked: Stop words and where the head stands.

    Returns:
        The same rows, fewer, with weight: how many times the word counts.
    """
    stops = set(phrases_of(asked.stop_words))
    told = words[~words["stem"].isin(stops) & (words["word"].str.len() >= _SHORTEST_WORD)]
    if asked.head == "any":
        return told.assign(weight=1.0)
    positions = told.groupby("product")["position"]
    head = positions.transform("min" if asked.head == "first" else "max")
    return told.assign(weight=np.where(told["position"] == head, asked.head_weight, 1.0))


def together_vectors(assortment: Assortment, options: CategoryOptions) -> Floats:
    """Return what each product is bought with, in few dimensions; zeros where nobody knows."""
    return _reduced(
        _log_weighted(assortment.baskets), options.proposal.together_dimensions, options.seed
    )


def categorise(
    assortment: Assortment,
    rules: Mapping[str, CategoryRule],
    own: pd.Series,
    options: CategoryOptions,
) -> pd.DataFrame:
    """Give every product one category: the user's, a rule's, a likely one, or none.

    Args:
        assortment: Products, their words and baskets.
        rules: Key: rule; may be empty.
        own: The user's category by product number; may be empty. Where it is not, rules give
            only categories that it has too.
        options: Certainties and seed.

    Returns:
        Grain: product, in the order of the assortment: category (key or ``other``), how (user,
        rule, text, bought_together, other), certainty (0 to 1; 0 for ``other``).
    """
    found = pd.DataFrame(
        {"category": OTHER, "how": OTHER, "certainty": 0.0}, index=assortment.products.index
    ).astype({"category": "str", "how": "str"})
    if rules:
        ruled = apply_rules(assortment.words, rules)
        if len(own):
            ruled = ruled[ruled["category"].isin(set(own))]
        _put(found, ruled, "rule")
    _put(found, own.rename("category").to_frame().assign(certainty=1.0), "user")
    known = found["category"].to_numpy(dtype=object).copy()
    for how, way in fallbacks(assortment, rules, options).items():
        guessed = _guess(way, known, options.seed)  # never from another guess
        sure = guessed[guessed["certainty"] >= way.certainty]
        sure = sure[sure.index.isin(found.index[found["how"] == OTHER])]
        _put(found, sure, how)
    return found


def _put(found: pd.DataFrame, given: pd.DataFrame, how: str) -> None:
    """Write categories and their certainty into the rows of their products."""
    for column in ("category", "certainty"):
        found.loc[given.index, column] = given[column]
    found.loc[given.index, "how"] = how


def fallbacks(
    assortment: Assortment, rules: Mapping[str, CategoryRule], options: CategoryOptions
) -> dict[str, Fallback]:
    """Return what speaks where no rule does, the first before the second.

    Words of rules are left out: products that no rule knows do not have them.
    """
    told = told_words(assortment.words, options.proposal)
    if rules:
        told = told[~told["stem"].isin(keyword_stems(rules))]
    ways = {}
    if len(told):
        rows = np.arange(len(assortment.products))
        text = _word_matrix(told, rows, options.proposal)
        ways["text"] = Fallback(text, text, options.text_certainty)
    together = together_vectors(assortment, options)
    ways["bought_together"] = Fallback(together, assortment.baskets, options.together_certainty)
    return ways


def hit_rates(
    assortment: Assortment,
    rules: Mapping[str, CategoryRule],
    categories: pd.DataFrame,
    options: CategoryOptions,
) -> dict[str, dict[str, float | int | None]]:
    """Measure how often each fallback is right where a rule or the user knows better.

    Args:
        assortment: Products, their words and baskets.
        rules: Key: rule.
        categories: From ``categorise``.
        options: Certainties, folds and seed.

    Returns:
        Way: products (held out, certain enough) and right (share of them; null of none).
    """
    from sklearn.model_selection import KFold

    sure = np.flatnonzero(categories["how"].isin(["user", "rule"]))
    rates: dict[str, dict[str, float | int | None]] = {}
    for how, way in fallbacks(assortment, rules, options).items():
        hits: list[Floats] = []
        if len(sure) >= options.check.folds:
            folds = KFold(options.check.folds, shuffle=True, random_state=options.seed)
            for _, held_out in folds.split(sure):
                labels = categories["category"].to_numpy(dtype=object).copy()
                truth = labels[sure[held_out]].copy()
                labels[:] = np.where(np.isin(np.arange(len(labels)), sure), labels, OTHER)
                labels[sure[held_out]] = OTHER
                guessed = _guess(way, labels, options.seed).reindex(sure[held_out])
                certain = (guessed["certainty"] >= way.certainty).to_numpy()
                hits.append((guessed["category"].to_numpy() == truth)[certain].astype("float64"))
        every = np.concatenate(hits) if hits else np.empty(0)
        rates[how] = {
            "products": len(every),
            "right": float(every.mean()) if len(every) else None,
        }
    return rates


def plain_clusters(assortment: Assortment, options: CategoryOptions, number: int) -> list[str]:
    """Return the baseline: TF-IDF of all words with k-means and nothing else (``c0``, ``c1``)."""
    from sklearn.cluster import KMeans

    rows = np.arange(len(assortment.products))
    if assortment.words.empty or len(rows) < number:
        return [OTHER] * len(rows)
    words = assortment.words.assign(weight=1.0)
    different = words.groupby("product")["stem"].agg(lambda stems: " ".join(sorted(stems)))
    number = min(number, different.nunique())
    matrix = _word_matrix(words, rows, options.proposal)
    means = KMeans(number, n_init=1, random_state=options.seed).fit(matrix)
    return [f"c{label}" for label in means.labels_]


def _guess(way: Fallback, labels: NDArray[Any], seed: int) -> pd.DataFrame:
    """Learn categories from products that have one and guess them for the others.

    Multinomial logistic regression: its probabilities are what the certainty is compared with.

    Returns:
        Grain: product without a category that has something in common with one that has:
        category, certainty. Of the others it would say the commonest category.
    """
    from sklearn.linear_model import LogisticRegression

    features = way.features
    known = (labels != OTHER) & (np.asarray(abs(features).sum(axis=1)).ravel() > 0)
    shared = np.asarray(way.evidence[np.flatnonzero(known)].sum(axis=0)).ravel() > 0
    in_common = np.asarray(way.evidence @ shared.astype("float64")).ravel() > 0
    asked = np.flatnonzero(in_common & (labels == OTHER))
    if len(asked) == 0 or len(set(labels[known])) < _FEWEST:
        return pd.DataFrame(
            {"category": pd.Series(dtype="str"), "certainty": pd.Series(dtype="float64")}
        )
    model = LogisticRegression(C=_PENALTY, max_iter=300, random_state=seed)
    model.fit(features[known], labels[known].astype(str))
    chances = model.predict_proba(features[asked])
    return pd.DataFrame(
        {"category": model.classes_[chances.argmax(axis=1)], "certainty": chances.max(axis=1)},
        index=asked,
    ).astype({"category": "str"})


def _word_matrix(told: pd.DataFrame, rows: NDArray[np.int64], asked: Proposal) -> Any:
    """Return TF-IDF of the stems of so many products, sparse, rows of length one."""
    from scipy.sparse import csr_array

    place = pd.Series(np.arange(len(rows)), index=rows)
    told = told[told["product"].isin(place.index)]
    stems = np.sort(told["stem"].unique())
    column = np.searchsorted(stems, told["stem"].to_numpy())
    weight = told["weight"].to_numpy()
    counts = csr_array(
        (weight, (told["product"].map(place).to_numpy(), column)), shape=(len(rows), len(stems))
    )
    holders = np.bincount(counts.indices, minlength=len(stems))
    counts = counts @ _diagonal(np.log((1 + len(rows)) / (1 + holders)) + 1)
    return _unit_rows(counts)


def _log_weighted(baskets: Any) -> Any:
    """Return baskets as evidence: rare products and small baskets say more, money says little."""
    found = baskets.copy().tocsr()
    found.data = np.log1p(np.maximum(found.data, 0))
    size = np.asarray((found > 0).sum(axis=0)).ravel()
    found = found @ _diagonal(1 / np.sqrt(np.maximum(size, 1)))
    return _unit_rows(found)


def _reduced(matrix: Any, dimensions: int, seed: int) -> Floats:
    """Return the leading dimensions, rows of length one (or zero)."""
    from sklearn.decomposition import TruncatedSVD

    wanted = min(dimensions, *(side - 1 for side in matrix.shape))
    if wanted < 1 or matrix.nnz == 0:
        return np.asarray(matrix.todense(), dtype="float64")[:, :1]
    reduced = TruncatedSVD(wanted, random_state=seed).fit_transform(matrix)
    lengths = np.linalg.norm(reduced, axis=1, keepdims=True)
    unit: Floats = np.divide(reduced, lengths, out=np.zeros_like(reduced), where=lengths > 0)
    return unit


def _small_groups(vectors: Floats, spend: Floats, asked: Proposal, seed: int) -> NDArray[np.int64]:
    """Return the small group of each product."""
    from sklearn.cluster import KMeans

    different = len(np.unique(vectors.round(6), axis=0))
    number = min(asked.groups, different)
    means = KMeans(number, n_init=_STARTS, random_state=seed)
    labels: NDArray[np.int64] = means.fit(vectors, sample_weight=np.sqrt(spend)).labels_
    return labels.astype("int64")


def _joined(
    small: NDArray[np.int64], vectors: Floats, spend: Floats, asked: Proposal, cap: float
) -> NDArray[np.int64]:
    """Join the lightest group to its nearest until there are few enough and none is too light.

    Nearest by cosine of centres, among those that stay within ``cap`` (share of spend) after it;
    where none does, the lightest of the others.
    """
    groups = pd.factorize(small, sort=True)[0]
    number = int(groups.max()) + 1
    weight = np.sqrt(spend)
    centres = np.zeros((number, vectors.shape[1]))
    np.add.at(centres, groups, vectors * weight[:, None])
    shares = np.bincount(groups, spend, number) / spend.sum()
    alive = np.ones(number, dtype=bool)
    into = np.arange(number)
    while alive.sum() > asked.number.lowest or alive.sum() > asked.number.highest:
        lightest = int(np.where(alive, shares, np.inf).argmin())
        if alive.sum() <= asked.number.highest and shares[lightest] >= asked.smallest_share:
            break
        lengths = np.maximum(np.linalg.norm(centres, axis=1), 1e-12)
        near = centres @ centres[lightest] / (lengths * lengths[lightest])
        near[~alive] = -np.inf
        near[lightest] = -np.inf
        fits = alive & (shares + shares[lightest] <= cap) & (np.arange(number) != lightest)
        others = np.where(alive & (np.arange(number) != lightest), shares, np.inf)
        target = int(np.where(fits, near, -np.inf).argmax() if fits.any() else others.argmin())
        centres[target] += centres[lightest]
        shares[target] += shares[lightest]
        alive[lightest] = False
        into[into == lightest] = target
    return pd.factorize(into[groups], sort=True)[0].astype("int64")


def _described(
    told: pd.DataFrame, groups: NDArray[np.int64], spend: Floats, asked: Proposal
) -> dict[str, CategoryRule]:
    """Describe groups by the words that most of their products, and few others, hold."""
    rows = told.drop_duplicates(["product", "stem"])
    product = rows["product"].to_numpy()
    rows = rows.assign(group=groups[product], held=np.sqrt(spend[product]) * rows["weight"])
    held = rows.groupby(["stem", "group"]).agg(held=("held", "sum"), products=("held", "size"))
    held = held.reset_index()
    of_stem = held.groupby("stem")
    held["precision"] = held["held"] / of_stem["held"].transform("sum")
    common = of_stem["products"].transform("sum") >= asked.keyword_products
    held = held[common & (held["precision"] >= asked.keyword_precision)]
    held = held.sort_values(["held", "stem"], ascending=[False, True]).drop_duplicates("stem")
    forms = told.groupby(["stem", "word"]).size().reset_index(name="times")
    forms = forms.sort_values(["times", "word"], ascending=[False, True]).drop_duplicates("stem")
    held["word"] = held["stem"].map(forms.set_index("stem")["word"])
    shares = np.bincount(groups, spend)
    rules: dict[str, CategoryRule] = {}
    for group in np.argsort(shares, kind="stable"):
        words = held.loc[held["group"] == group, "word"].head(asked.keywords).tolist()
        if not words:
            continue
        key = key_of(words[:_KEY_WORDS]) or "group"
        if key in rules or key == OTHER:
            key = f"{key}_{len(rules) + 1}"
        name = ", ".join(words[:_LABEL_WORDS]).capitalize()
        rules[key] = CategoryRule(label=BothLanguages(ru=name, en=name), keywords=tuple(words))
    return rules


def _largest_share(told: pd.DataFrame, rules: Mapping[str, CategoryRule], spend: Floats) -> float:
    """Return the largest share of spend that a category holds by its rules."""
    if not rules:
        return np.inf
    category = apply_rules(told, rules)["category"]
    by_category = pd.Series(spend).reindex(category.index).groupby(category).sum()
    return float(by_category.max() / spend.sum())


def _diagonal(values: NDArray[Any]) -> Any:
    from scipy.sparse import diags_array

    return diags_array(np.asarray(values, dtype="float64"))


def _unit_rows(matrix: Any) -> Any:
    from scipy.sparse import csr_array

    squares = np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()
    lengths = np.sqrt(squares)
    factors = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    unit = csr_array(_diagonal(factors) @ matrix)
    # scikit-learn refuses indices of 64 bits.
    unit.indices, unit.indptr = unit.indices.astype("int32"), unit.indptr.astype("int32")
    return unit

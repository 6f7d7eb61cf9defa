"""Rules of categories applied to product names."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from personal_offers.pipelines.interests.category_params import CategoryRule
from personal_offers.pipelines.interests.product_names import phrases_of

_WINNER_FIRST = ["product", "priority", "longest", "words", "place"]


def apply_rules(words: pd.DataFrame, rules: Mapping[str, CategoryRule]) -> pd.DataFrame:
    """Give each product the category that its name says.

    Args:
        words: Grain: product and word (``words_of``).
        rules: Category key: rule; how ties are decided, see ``CategoryRule``.

    Returns:
        Grain: product that a rule knows, as index: category (key), certainty (0 to 1: the
        category's share of the words of all keywords in the name, among those of its priority).
    """
    asked = _phrases(rules, "keywords")
    excluded = _phrases(rules, "not_keywords")
    longest = max(len(phrase.split()) for phrase in [*asked["phrase"], *excluded["phrase"]])
    found = _grams(words, longest)
    hits = found.merge(asked, on="phrase")
    kept_out = found.merge(excluded, on="phrase")[["product", "category"]].drop_duplicates()
    hits = hits.merge(kept_out, on=["product", "category"], how="left", indicator=True)
    hits = hits[hits["_merge"] == "left_only"]
    scores = (
        hits.groupby(["product", "category", "priority", "place"])["length"]
        .agg(longest="max", words="sum")
        .reset_index()
    )
    scores = scores.sort_values(_WINNER_FIRST, ascending=[True, False, False, False, True])
    of_product = scores.groupby("product")
    rivals = scores[scores["priority"] == of_product["priority"].transform("first")]
    winners = scores.drop_duplicates("product").set_index("product")
    certainty = winners["words"] / rivals.groupby("product")["words"].sum()
    return winners[["category"]].assign(certainty=certainty.astype("float64"))


def keyword_stems(rules: Mapping[str, CategoryRule]) -> set[str]:
    """Return the stems of all keywords of one word."""
    phrases = _phrases(rules, "keywords")["phrase"]
    return {phrase for phrase in phrases if " " not in phrase}


def _phrases(rules: Mapping[str, CategoryRule], which: str) -> pd.DataFrame:
    """Lay keywords or not_keywords out, one a row."""
    rows = [
        (keyword, key, rule.priority, place)
        for place, (key, rule) in enumerate(rules.items())
        for keyword in getattr(rule, which)
    ]
    table = pd.DataFrame(rows, columns=["keyword", "category", "priority", "place"])
    table = table.astype({"category": "str", "priority": "int64", "place": "int64"})
    table["phrase"] = pd.Series(phrases_of(table["keyword"]), dtype="str", index=table.index)
    return table.drop(columns="keyword").drop_duplicates(["phrase", "category"])


def _grams(words: pd.DataFrame, longest: int) -> pd.DataFrame:
    """Return all runs of one to ``longest`` stems of each name: product, phrase, length."""
    runs = []
    phrase = words["stem"]
    for length in range(1, longest + 1):
        if length > 1:
            phrase = phrase + " " + words["stem"].shift(1 - length, fill_value="")
        ends_within = words["product"] == words["product"].shift(1 - length)
        run = pd.DataFrame({"product": words["product"], "phrase": phrase, "length": length})
        runs.append(run[ends_within])
    return pd.concat(runs).drop_duplicates(["product", "phrase"])

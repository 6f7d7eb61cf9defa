"""Parameters of product categories: how they are proposed, and the rules that decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from personal_offers.features import BothLanguages, Name, Strict
from personal_offers.pipelines.interests.product_names import phrases_of
from personal_offers.pipelines.interests.split import SplitOptions

# The key of what has no category; it is spend, but nobody's interest.
OTHER = "other"
OTHER_LABEL = BothLanguages(ru="Прочее", en="Other")

Keyword = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Share = Annotated[float, Field(gt=0, le=1)]
# Every category is a column of all that predicts interests; nobody keeps more in mind anyway.
MOST_CATEGORIES = 50
# Random generators of some libraries take 32 bits.
_LARGEST_SEED = 2**31


class CategoryRule(Strict):
    """One category and the words that put a product into it.

    A keyword is a word or a phrase in any form (``сушилка`` finds ``сушилки``); the words of a
    phrase have to follow each other. Where a name holds keywords of several categories, the
    higher ``priority`` wins, then the longest keyword (in words), then the category with more of
    its words in the name, then the one that stands first.

    Attributes:
        label: What a marketer calls it.
        keywords: At least one.
        not_keywords: Words and phrases that keep a product out, whatever else it is called.
        priority: Higher ones are asked first.
    """

    label: BothLanguages
    keywords: tuple[Keyword, ...] = Field(min_length=1)
    not_keywords: tuple[Keyword, ...] = ()
    priority: int = 0


class NumberOfCategories(Strict):
    """How many categories a proposal has.

    Attributes:
        lowest: Fewest categories, where there are so many different products.
        highest: Most categories.
    """

    lowest: int = Field(ge=2)
    highest: int = Field(le=MOST_CATEGORIES)

    @model_validator(mode="after")
    def _rising(self) -> NumberOfCategories:
        if self.lowest > self.highest:
            raise ValueError(f"lowest ({self.lowest}) is above highest ({self.highest})")
        return self


class Proposal(Strict):
    """How names and purchases become a first proposal of rules.

    Attributes:
        number: Categories.
        largest_share: Of spend that one category may hold.
        smallest_share: Of spend; lighter groups are joined to their nearest.
        groups: Small groups of products that categories are put together from.
        head: Where the noun stands that says what the thing is: ``first`` or ``last`` word that is
            not a stop word, or ``any``.
        head_weight: How many times the word there counts.
        stop_words: Words that say nothing about the kind of thing, in any form.
        text_dimensions: Of the names after the singular value decomposition.
        together_dimensions: Of what is bought together, likewise.
        together_weight: Of what is bought together beside the names (1: as much as they).
        baskets: Whether all that a ``customer`` bought is one basket, or each ``order``.
        largest_sample: Baskets that are looked at; drawn above.
        keywords: Most keywords per category.
        keyword_products: Fewest products whose names hold a keyword.
        keyword_precision: Least share of the products with a keyword that are of its category.
    """

    number: NumberOfCategories
    largest_share: Share
    smallest_share: float = Field(ge=0, lt=1)
    groups: int = Field(ge=2, le=500)
    head: Literal["first", "last", "any"]
    head_weight: float = Field(ge=1)
    stop_words: tuple[Keyword, ...] = ()
    text_dimensions: int = Field(ge=2, le=500)
    together_dimensions: int = Field(ge=2, le=500)
    together_weight: float = Field(ge=0)
    baskets: Literal["customer", "order"]
    largest_sample: int = Field(ge=100)
    keywords: int = Field(ge=1)
    keyword_products: int = Field(ge=1)
    keyword_precision: Share


class CategoryCheck(Strict):
    """How categories are judged.

    Attributes:
        fewest_lines: Later lines that a customer needs to be split into two halves.
        resamples: Of baskets, for stability; each proposes and applies all rules again.
        confidence: Coverage of all intervals.
        folds: Parts of the products for the hit rate of the fallbacks.
    """

    fewest_lines: int = Field(ge=2)
    resamples: int = Field(ge=2, le=1000)
    confidence: float = Field(gt=0, lt=1)
    folds: int = Field(ge=2, le=20)


class CategoryOptions(SplitOptions):
    """Product categories of one shop.

    Attributes:
        rules: Category key: rule, in their order; none: the proposal decides.
        proposal: How the proposal is made.
        text_certainty: Least probability at which the words of a name give a category to a
            product that no rule knows.
        together_certainty: Likewise, for what a product is bought with.
        unknown_products: Whether products of the user's own table that were never sold are an
            ``error`` or left out and counted (``count``).
        check: How categories are judged.
        seed: Of every draw.
    """

    rules: dict[Name, CategoryRule] | None = None
    proposal: Proposal
    text_certainty: Share
    together_certainty: Share
    unknown_products: Literal["error", "count"] = "error"
    check: CategoryCheck
    seed: int = Field(ge=0, lt=_LARGEST_SEED)

    @model_validator(mode="after")
    def _rules_decide(self) -> CategoryOptions:
        if self.rules is None:
            return self
        problems = list(rule_problems(self.rules))
        if problems:
            raise ValueError("; ".join(problems))
        return self


def rule_problems(rules: dict[str, CategoryRule]) -> Iterator[str]:
    """Name what keeps rules from deciding, one sentence each."""
    if not rules:
        yield "rules hold no category: write some, or null for the proposal"
    if len(rules) > MOST_CATEGORIES:
        yield f"rules hold {len(rules)} categories, at most {MOST_CATEGORIES} work: join some"
    if OTHER in rules:
        yield f"category {OTHER} is taken: it holds what has no category"
    for language in ("ru", "en"):
        seen: dict[str, str] = {getattr(OTHER_LABEL, language).lower(): OTHER}
        for key, rule in rules.items():
            label = getattr(rule.label, language).strip().lower()
            if label in seen:
                yield f"categories {seen[label]} and {key} have one label.{language}"
            seen.setdefault(label, key)
    yield from _keyword_problems(rules)


def _keyword_problems(rules: dict[str, CategoryRule]) -> Iterator[str]:
    """Name keywords that decide nothing or two things, one sentence each."""
    # All at once: taking words apart costs the same for one as for hundreds.
    written = [w for rule in rules.values() for w in (*rule.keywords, *rule.not_keywords)]
    stems = dict(zip(written, phrases_of(written), strict=True))
    owners: dict[tuple[str, int], str] = {}
    for key, rule in rules.items():
        excluded = {stems[word] for word in rule.not_keywords}
        for keyword in rule.keywords:
            phrase = stems[keyword]
            owner = owners.setdefault((phrase, rule.priority), key)
            if not phrase:
                yield f"category {key}: keyword {keyword!r} holds no word"
            elif owner != key:
                yield f"keyword {keyword!r} stands in {owner} and {key}, of one priority"
            elif phrase in excluded:
                yield f"category {key}: {keyword!r} is a keyword and a not_keyword"
        if "" in excluded:
            yield f"category {key}: a not_keyword holds no word"

"""Parameters of the offer catalogue: what may be sent, to whom, and what it is believed to do."""

from __future__ import annotations

import string
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from personal_offers.assumptions import NotNegative, ShareAssumption, ShareRange
from personal_offers.features import BothLanguages, FeatureRegistry, Name, Strict

# What the text of an offer may hold in braces.
INTEREST = "interest"

# A code is typed by people and read by machines: no spaces, nothing that a spreadsheet runs.
OfferCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9_-]{1,31}$")]
Certainty = Literal["any", "known", "so_far", "unknown"]


class FixedCost(Strict):
    """A redeemed offer costs a stated amount.

    Attributes:
        amount: Currency units.
    """

    kind: Literal["fixed"]
    amount: NotNegative


class ShareOfMargin(Strict):
    """A redeemed offer costs a share of what the shop earns on the customer in one month.

    For a customer without a risk the month is one purchase of the usual size (``Winback``).

    Attributes:
        share: Of that margin; 0.3 gives away three tenths of it.
    """

    kind: Literal["share_of_margin"]
    share: NotNegative


RedemptionCost = Annotated[FixedCost | ShareOfMargin, Field(discriminator="kind")]


class Eligible(Strict):
    """Who may get an offer; everything that is given must hold.

    Attributes:
        segments: Cells of risk x profit, by name, or the classes that customers without a risk
            fall back on; none: any.
        classes: RFM classes, by name, whatever the segment; none: any.
        marks: The customer has one of these; none: any.
        not_marks: The customer has none of these.
        interest: ``known``: the interest is told with enough certainty; ``so_far``: there is a
            category that the customer spent most on, certain or not; ``unknown``: it is not
            known with enough certainty; ``any``.
        values: Feature of type ``category``: the values that it may have.
        consent: ``held``: the customer agreed, or the shop confirmed that it holds consent;
            ``recorded``: only where the agreement of this customer is recorded.
    """

    segments: tuple[Name, ...] | None = None
    classes: tuple[Name, ...] | None = None
    marks: tuple[Name, ...] = ()
    not_marks: tuple[Name, ...] = ()
    interest: Certainty = "any"
    values: dict[Name, tuple[str, ...]] = Field(default_factory=dict)
    consent: Literal["held", "recorded"] = "held"

    @model_validator(mode="after")
    def _somebody_may_get_it(self) -> Eligible:
        empty = [name for name in ("segments", "classes") if getattr(self, name) == ()]
        empty += [f"values.{name}" for name, values in self.values.items() if not values]
        both = sorted(set(self.marks) & set(self.not_marks))
        problems = [f"{name} is empty, so nobody may get the offer" for name in empty]
        problems += [f"mark {name} is asked for and excluded" for name in both]
        if problems:
            raise ValueError("; ".join(problems))
        return self


class SaveRate(Strict):
    """Share of would-be decliners whom an offer keeps.

    Attributes:
        unit: What it is counted in.
        source: Where the numbers come from.
        default: For segments and classes that are not named.
        by_segment: Segment, or class of a customer without a risk: its own range.
    """

    unit: BothLanguages
    source: BothLanguages
    default: ShareRange
    by_segment: dict[Name, ShareRange] = Field(default_factory=dict)


class Offer(Strict):
    """One thing that may be sent.

    Attributes:
        name: What a marketer calls it.
        text: What the customer reads; ``{interest}`` becomes the customer's category.
        code: What the customer gives to redeem it.
        channel: From ``offers.channels``.
        contact_cost: Of sending it once, currency units.
        redemption_cost: Of one redemption.
        valid_days: From the day of the plan on.
        eligible: Who may get it.
        save_rate: Share of would-be decliners whom it keeps; they redeem it.
        redemption: Share of customers who redeem it though they would have stayed.
    """

    name: BothLanguages
    text: BothLanguages
    code: OfferCode
    channel: Name
    contact_cost: NotNegative
    redemption_cost: RedemptionCost
    valid_days: int = Field(ge=1, le=366)
    eligible: Eligible = Eligible()
    save_rate: SaveRate
    redemption: ShareAssumption

    @model_validator(mode="after")
    def _text_can_be_filled(self) -> Offer:
        problems = []
        for language in ("ru", "en"):
            try:
                parsed = list(string.Formatter().parse(self.text_in(language)))
            except ValueError as error:
                problems.append(f"text.{language}: {error}; write {{{{ for a brace")
                continue
            fields = {name for _, name, _, _ in parsed}
            if unknown := sorted(str(name) for name in fields - {None, INTEREST}):
                problems.append(f"text.{language}: {{{', '.join(unknown)}}} is not {{{INTEREST}}}")
            if INTEREST in fields and self.eligible.interest not in ("known", "so_far"):
                problems.append(
                    f"text.{language} names the interest, so eligible.interest must be known or "
                    "so_far"
                )
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def text_in(self, language: str) -> str:
        """Return the text in a language, its braces not yet filled."""
        return str(getattr(self.text, language))


class OfferCatalogue(Strict):
    """What may be sent. Sending nothing is always an alternative, and never an offer.

    Attributes:
        offers: By name, in the order in which people read them.
    """

    offers: dict[Name, Offer] = Field(min_length=1)

    @model_validator(mode="after")
    def _codes_differ(self) -> OfferCatalogue:
        codes = [offer.code for offer in self.offers.values()]
        if twice := sorted({code for code in codes if codes.count(code) > 1}):
            raise ValueError(f"several offers share the code {', '.join(twice)}")
        return self

    def feature_problems(self, registry: FeatureRegistry) -> list[str]:
        """Return what does not fit the features of the shop, one sentence each."""
        features = registry.features
        return [
            f"offer_catalogue.offers.{name}.eligible.values: {feature} is not a category of the "
            "registry"
            for name, offer in self.offers.items()
            for feature in offer.eligible.values
            if feature not in features or features[feature].type != "category"
        ]

"""Parameters of the plan: money, gates, budget, control group, what is tried and exported."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from personal_offers.assumptions import Assumption, NotNegative, Share, ShareRange
from personal_offers.features import BothLanguages, FeatureRegistry, Language, Name, Strict
from personal_offers.profit_units import ProfitUnits

# Segment of whoever has neither a risk nor a class, as segmentation calls it.
NOT_CLASSIFIED = "not_classified"
# Seeds of libraries take 32 bits.
_LARGEST_SEED = 2**31
OpenShare = Annotated[float, Field(gt=0, lt=1)]


class Winback(Strict):
    """What is assumed of customers without a risk, so that they may get an offer at all.

    Without a model nobody knows their risk: it is a range per RFM class. Who has not bought lately
    has no monthly profit either: what can be won is a number of purchases of their usual size.

    Attributes:
        risk: RFM class: probability that the customer does not come back by himself. Classes that
            are not named get no offer.
        purchases: That a customer makes who is won back, over the horizon.
        check: Feature with the revenue of one usual purchase, currency units.
        margin: Share of that revenue which the shop earns.
        source: Where the risks come from.
    """

    risk: dict[Name, ShareRange] = Field(min_length=1)
    purchases: Assumption
    check: Name
    margin: Share
    source: BothLanguages


class Channel(Strict):
    """A way to reach customers.

    Attributes:
        label: What people call it.
        capacity: Customers who can be contacted in one plan; none: any number.
        reached_by: Feature of type ``flag``, true where the customer can be reached; none: the
            shop did not record it and everybody is taken to be reachable.
    """

    label: BothLanguages
    capacity: int | None = Field(default=None, ge=0)
    reached_by: Name | None = None


class ConsentGate(Strict):
    """Who may be contacted. A refusal blocks, whatever else is set.

    Attributes:
        feature: Feature of type ``flag``: true for agreed, false for refused, null for unknown.
        confirmed: Whether the shop confirms that it holds the consent of those of whom nothing is
            recorded. Until then a plan with them is provisional, and nothing is exported.
    """

    feature: Name
    confirmed: bool


class FatigueGate(Strict):
    """Who has been contacted often enough.

    Attributes:
        feature: Contacts, a number; unknown counts as none.
        at_most: Contacts up to which one more may be sent.
    """

    feature: Name
    at_most: NotNegative


class Gates(Strict):
    """What blocks a customer or an offer before any money is looked at, in this order.

    Attributes:
        consent: Who may be contacted.
        fatigue: Who has been contacted often enough; none: the shop records no contacts.
        margin_floor: Share of the horizon margin that a redeemed offer must leave.
    """

    consent: ConsentGate
    fatigue: FatigueGate | None
    margin_floor: float = Field(ge=0, lt=1)


class AllocationOptions(Strict):
    """How the plan is found.

    Attributes:
        exact_customers: Customers up to whom the exact integer optimum is computed; above, prices
            of budget and channels (Lagrangian dual) and a feasible repair, with a proven bound.
        gap: Distance from the proven bound, as a share of it, at which the search stops.
        rounds: Evaluations of the dual at most, over all customers.
        sample: Customers from whom the first prices of a large problem are found.
        seconds: Time limit of the exact solver; after it the best plan found stands, with its gap.
    """

    exact_customers: int = Field(ge=0)
    gap: float = Field(gt=0, lt=1)
    rounds: int = Field(ge=5)
    sample: int = Field(ge=100)
    seconds: float = Field(gt=0)


class ControlOptions(Strict):
    """Who gets nothing on purpose, so that the effect can be proven.

    Attributes:
        share: Of the customers whom the plan gives an offer.
        other_shares: Shares that the table of detectable effects shows beside.
        power: Chance to see an effect of the stated size.
        significance: Chance to see one where there is none (two-sided).
        suspicious: p-value of the split below which it is not as planned.
    """

    share: float = Field(ge=0, lt=1)
    other_shares: tuple[OpenShare, ...]
    power: float = Field(gt=0.5, lt=1)
    significance: float = Field(gt=0, lt=0.5)
    suspicious: float = Field(gt=0, lt=0.1)


class TrialOptions(Strict):
    """How the plan is tried against other budgets, rules and assumptions.

    Attributes:
        budgets: Points of the frontier between nothing and what everybody would cost.
        moves: Shares by which the budget moves, to see who enters and who leaves.
        random_plans: Plans of the random rule, whose mean is shown.
        draws: Of the assumptions, for the probability that an offer pays.
        largest_sample: Customers of whom frontier, rules and assumptions are tried; of more, a
            sample is drawn.
    """

    budgets: int = Field(ge=2, le=200)
    moves: tuple[Annotated[float, Field(ge=-1)], ...]
    random_plans: int = Field(ge=1)
    draws: int = Field(ge=100)
    largest_sample: int = Field(ge=1000)


class ExportOptions(Strict):
    """What mailing tools get.

    Attributes:
        language: Of the texts that customers read.
        separator: Between columns.
    """

    language: Language
    separator: Annotated[str, Field(pattern=r"^[;,\t|]$")]


class OfferOptions(Strict):
    """How offers are planned.

    Attributes:
        plan_date: Day of the plan; offers are valid from it on.
        currency: Of all money here.
        profit_unit: What one unit of the shop's profit is in that currency.
        horizon_months: Months for which a saved customer brings their monthly profit.
        winback: What is assumed of customers without a risk; none: they get no offer.
        channels: By name.
        budget: Expected cost of what is sent, currency units; none: no limit.
        gates: What blocks.
        control: Who gets nothing on purpose.
        exploration: Share of customers who get a random one of the offers that may pay, so that
            effects of offers can be told apart from whom they are given to.
        allocation: How the plan is found.
        trials: How it is tried.
        export: What mailing tools get.
        seed: Of the control group, the exploration and all draws.
    """

    plan_date: date
    currency: BothLanguages
    profit_unit: ProfitUnits
    horizon_months: Assumption
    winback: Winback | None
    channels: dict[Name, Channel] = Field(min_length=1)
    budget: float | None = Field(ge=0)
    gates: Gates
    control: ControlOptions
    exploration: float = Field(ge=0, lt=1)
    allocation: AllocationOptions
    trials: TrialOptions
    export: ExportOptions
    seed: int = Field(ge=0, lt=_LARGEST_SEED)

    def feature_problems(self, registry: FeatureRegistry) -> list[str]:
        """Return what does not fit the features of the shop, one sentence each."""
        wanted = [("gates.consent.feature", self.gates.consent.feature, "flag")]
        if self.gates.fatigue is not None:
            wanted.append(("gates.fatigue.feature", self.gates.fatigue.feature, "number"))
        if self.winback is not None:
            wanted.append(("winback.check", self.winback.check, "number"))
        wanted += [
            (f"profit_unit.units.{name}.times", unit.times, "number")
            for name, unit in self.profit_unit.units.items()
            if unit.times is not None
        ]
        wanted += [
            (f"channels.{name}.reached_by", channel.reached_by, "flag")
            for name, channel in self.channels.items()
            if channel.reached_by is not None
        ]
        features = registry.features
        return [
            f"offers.{place}: {name} is not a {kind} of the registry"
            for place, name, kind in wanted
            if name not in features or features[name].type != kind
        ]

    def block_problems(self, blocks: dict[str, Any]) -> list[str]:
        """Return what does not fit the other blocks of the shop, one sentence each.

        Args:
            blocks: The shop's validated blocks by name: ``offer_catalogue``, ``segmentation`` and,
                in a shop of order lines, ``rfm`` (classes of all its schemes may be named).
        """
        segments = blocks["segmentation"].segments
        marks = blocks["segmentation"].marks
        # Of any scheme, so that another one may be chosen for one run; its names match nobody else.
        schemes = blocks["rfm"].schemes.values() if "rfm" in blocks else ()
        classes = {name: None for scheme in schemes for name in scheme.classes}
        both = {**segments, **classes}  # who has no risk falls back on the class
        problems = []
        for name, offer in blocks["offer_catalogue"].offers.items():
            place = f"offer_catalogue.offers.{name}"
            eligible = offer.eligible
            named = [
                ("channel", (offer.channel,), self.channels, "channel of offers.channels"),
                ("eligible.segments", eligible.segments, both, "segment or RFM class"),
                ("eligible.classes", eligible.classes, classes, "RFM class"),
                ("eligible.marks", eligible.marks, marks, "mark of segmentation.marks"),
                ("eligible.not_marks", eligible.not_marks, marks, "mark of segmentation.marks"),
                ("save_rate.by_segment", offer.save_rate.by_segment, both, "segment or RFM class"),
            ]
            problems += [
                f"{place}.{key}: {each} is no {kind} ({', '.join(known) or 'there is none'})"
                for key, names, known, kind in named
                for each in names or ()
                if isinstance(each, str) and each not in known
            ]
        if self.winback is not None:
            problems += [
                f"offers.winback.risk: {each} is no RFM class ({', '.join(classes)})"
                for each in self.winback.risk
                if each not in classes
            ]
        return problems

"""The feature registry: what is known about a customer, and what it may be used for.

Every stage reads features through this registry, so a feature is added, renamed or withdrawn in
one place: ``conf/base/parameters_features.yml``. What a feature is called and means there is
for people and for the reports; the computation, the type and ``model`` are for the code.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, model_validator

# Names become columns: plain, and without the double underscore that marks of rules use.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")]
# Columns that stages put beside the features.
RESERVED_NAMES = frozenset(
    {
        "customer_id",
        "row_number",
        "removed_at",
        "removed_by",
        "profit",
        "revenue_repaired",
        "regular",
        "rfm_class",
        "cluster",
        "cluster_name",
        "interest",
        "declined",
        "twin_group",
        "repeat",
        "fold",
        "risk",
        "decline_risk",
        "risk_level",
        "profit_level",
        "segment",
        "main_category",
        # of offers
        "customer_number",
        "certain",
        "interest_ru",
        "interest_en",
        "offer",
        "channel",
        "place",
        "risk_low",
        "risk_high",
        "risk_source",
        "save_low",
        "save_rate",
        "save_high",
        "month_margin",
        "margin_low",
        "margin",
        "margin_high",
        "redeem_cost",
        "redemption_low",
        "redemption",
        "redemption_high",
        "contact_cost",
        "no_consent",
        "consent_unknown",
        "unreachable",
        "fatigued",
        "below_floor",
        "blocked_by",
    }
)


def reserved(names: Iterable[str], allowed: Iterable[str] = ()) -> list[str]:
    """Return the names that stages need for themselves."""
    return sorted((set(names) & RESERVED_NAMES) - set(allowed))


FeatureGroup = Literal[
    "communication", "product_behaviour", "purchase_behaviour", "on_site_behaviour"
]


Language = Literal["ru", "en"]
FeatureType = Literal["number", "category", "flag"]


class Strict(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Base of every parameter model: a misspelt key is an error, and values do not change."""


class BothLanguages(Strict):
    """One text in the two languages that people read."""

    ru: str = Field(min_length=1)
    en: str = Field(min_length=1)


class FromColumn(Strict):
    """The value of a column in a table with one row per customer."""

    kind: Literal["column"]
    table: str
    column: str


class AtPeriod(Strict):
    """The value of a column in a table with one row per customer and period."""

    kind: Literal["at_period"]
    table: str
    column: str
    period: str


class RelativeChange(Strict):
    """(to - from) / from of two features above it; null where ``from`` is not above zero."""

    kind: Literal["relative_change"]
    from_feature: str
    to_feature: str


class Difference(Strict):
    """to - from of two features above it."""

    kind: Literal["difference"]
    from_feature: str
    to_feature: str


class FromOrders(Strict):
    """A measure of the orders in a window that ends at the cutoff or before it.

    Attributes:
        measure: ``orders`` (purchases), ``returns`` (orders that take something back),
            ``net_revenue``, ``gross_revenue``, ``items`` (net units), ``average_check`` (gross
            revenue per purchase), ``largest_order`` (gross), ``lines_per_order``,
            ``return_share`` (returned money / gross), ``recency_days``, ``tenure_days``,
            ``days_between_orders`` (mean), ``weekend_share`` and ``evening_share`` (of
            purchases; evening begins at 18 h), ``products`` (different ones bought), ``unit_price``
            (mean per unit bought), ``country`` (of the latest order).
        days: Length of the window; none for everything up to its end.
        skip_days: The window ends so many days before the cutoff.
    """

    kind: Literal["from_orders"]
    measure: Literal[
        "orders",
        "returns",
        "net_revenue",
        "gross_revenue",
        "items",
        "average_check",
        "largest_order",
        "lines_per_order",
        "return_share",
        "recency_days",
        "tenure_days",
        "days_between_orders",
        "weekend_share",
        "evening_share",
        "products",
        "unit_price",
        "country",
    ]
    days: int | None = Field(default=None, ge=1)
    skip_days: int = Field(default=0, ge=0)

    def type(self) -> FeatureType:
        """Return the type of feature that the measure gives."""
        return "category" if self.measure == "country" else "number"


class NotRecorded(Strict):
    """Something that this shop does not record: unknown for everyone, never assumed."""

    kind: Literal["not_recorded"]


Computation = Annotated[
    FromColumn | AtPeriod | RelativeChange | Difference | FromOrders | NotRecorded,
    Field(discriminator="kind"),
]


class Feature(Strict):
    """One feature of a customer.

    Attributes:
        group: What kind of behaviour it describes.
        type: ``number``, ``category`` or ``flag`` (true / false / unknown).
        compute: How it is made from the cleaned tables or from features above it.
        window: The time it looks at, in words.
        actionable: Whether the shop can change it by what it does.
        model: Whether the decline model may see it.
        why_not: Reason, when the model may not see it.
        nowcast: Whether the current month goes into it by itself or as one side of a change. The
            given label speaks of that month as well: a model that sees it says who is buying less
            now, rather than who will. The leak audit shows the model without such features
            beside the whole.
        percent: Whether people read it as a percentage.
        label: Short name, for sentences and figures; the definition serves where there is none.
        definition: What it means, with its unit.
    """

    group: FeatureGroup
    type: FeatureType
    compute: Computation
    window: str = Field(min_length=1)
    actionable: bool
    model: bool = True
    why_not: str | None = None
    nowcast: bool = False
    percent: bool = False
    label: BothLanguages | None = None
    definition: BothLanguages

    @model_validator(mode="after")
    def _withheld_with_a_reason(self) -> Feature:
        if not self.model and not self.why_not:
            raise ValueError("a feature with model: false needs why_not: the reason")
        return self


class FeatureRegistry(Strict):
    """All features of one shop by name, in the order of their computation."""

    features: dict[Name, Feature] = Field(min_length=1)

    @model_validator(mode="after")
    def _changes_look_back(self) -> FeatureRegistry:
        known: set[str] = set()
        problems = [f"{name} is taken by another column" for name in reserved(self.features)]
        if not self.model_names():
            problems.append("no feature has model: true, so there is nothing to learn from")
        for name, feature in self.features.items():
            compute = feature.compute
            if isinstance(compute, RelativeChange | Difference):
                for part in (compute.from_feature, compute.to_feature):
                    if part not in known:
                        problems.append(f"{name} is made from {part}, which is not above it")
                    elif self.features[part].type != "number":
                        problems.append(f"{name} is made from {part}, which is not a number")
                if feature.type != "number":
                    problems.append(f"{name} is a change, so its type must be number")
            known.add(name)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def names(self) -> list[str]:
        """Return all feature names in order."""
        return list(self.features)

    def model_names(self, kind: str | None = None) -> list[str]:
        """Return the names of the features that a model may see, optionally of one type."""
        return [
            name
            for name, feature in self.features.items()
            if feature.model and kind in (None, feature.type)
        ]

    def hide(self, names: Iterable[str], why: str) -> FeatureRegistry:
        """Return the same features, some of which the model may not see.

        Args:
            names: Features to hide; those that are hidden already stay so.
            why: The reason.

        Raises:
            ValueError: When nothing is left to learn from.
        """
        hidden = set(names)
        return FeatureRegistry(
            features={
                name: feature.model_copy(update={"model": False, "why_not": why})
                if name in hidden and feature.model
                else feature
                for name, feature in self.features.items()
            }
        )

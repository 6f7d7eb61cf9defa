"""Parameters of the intake of a shop that has order lines and nothing else."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Literal, get_args
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from personal_offers.features import FeatureRegistry, FromOrders, NotRecorded, Strict
from personal_offers.pipelines.data_processing.regime_params import RegimeOptions

Header = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
_UNKNOWN_TO_ENGINES = re.compile(r"\(\?<?[=!]|\(\?P?<|\\[1-9]")
_DATE_PARTS = {"%Y", "%m", "%d", "%H", "%I", "%M", "%S", "%f", "%p"}
Treatment = Literal["remove", "flag"]
# Outputs that need a minimum of data, by the name that `withheld` uses.
Gated = Literal["rfm", "class_tests", "backtest", "migration", "decline_risk"]


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    if _UNKNOWN_TO_ENGINES.search(pattern):
        raise ValueError(f"{pattern!r} looks ahead, behind or back, which table engines cannot")
    return pattern


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no time zone of the IANA database (Europe/Moscow is one)")
    return name


def _whole_date(form: str) -> str:
    if not all(part in form for part in ("%Y", "%m", "%d")):
        raise ValueError(f"{form!r} must hold %Y, %m and %d")
    # Times are local, so a zone in the form would move them.
    unknown = sorted(set(re.findall("%.", form)) - _DATE_PARTS)
    if unknown:
        raise ValueError(f"{form!r} holds {unknown}; known are {sorted(_DATE_PARTS)}")
    return form


Pattern = Annotated[str, StringConstraints(min_length=1), AfterValidator(_compiles)]


class OrderColumns(Strict):
    """Which column of the file holds what; outer white space of headers does not count.

    Attributes:
        customer_id: Who bought; may be empty in the file.
        order_id: Which order the line belongs to.
        ordered_at: When the line was logged.
        product_id: Code of the product; the column of names where the shop has no codes.
        product_name: Name of the product; none where the shop has none.
        quantity: Whole number; negative for returns.
        unit_price: Price of one unit.
        country: Where the customer lives; none where the shop does not say.
    """

    customer_id: Header
    order_id: Header
    ordered_at: Header
    product_id: Header
    product_name: Header | None = None
    quantity: Header
    unit_price: Header
    country: Header | None = None


class RegularCustomer(Strict):
    """Who counts as a regular customer at the cutoff.

    Attributes:
        orders: At least so many orders ever.
        recent_days: One of them in the last so many days.
    """

    orders: int = Field(ge=1)
    recent_days: int = Field(ge=1)


class ProfitAssumption(Strict):
    """How profit per month follows from revenue, because order lines hold no costs.

    Attributes:
        days: Net revenue of the last so many days before the cutoff counts.
        margin: Share of net revenue that the shop earns; an assumption.
    """

    days: int = Field(ge=1)
    margin: float = Field(gt=0, le=1)


class Minimum(Strict):
    """The least data that an output needs.

    Attributes:
        customers: With a trusted order.
        days: From the first trusted order to the cutoff.
        repeat_buyers: Customers with two orders or more.
    """

    customers: int = Field(ge=0)
    days: int = Field(ge=0)
    repeat_buyers: int = Field(ge=0)


class OrderLineOptions(Strict):
    """How the order lines of a shop become orders and customers.

    Attributes:
        columns: Headers in the file.
        date_formats: Forms of ``ordered_at``, in strptime's letters, tried in this order.
        earliest_date: Anything before it is an impossible date.
        latest_date: Anything after it is a date in the future of the file.
        currency: ISO code, for people.
        timezone: Of the times in the file; they are kept as local times.
        cancellation: Regular expression of order ids that take back a sale; none where a
            negative quantity does it alone.
        adjustment: Regular expression of order ids of the bookkeeping, which are no sales.
        no_customer: Texts, whatever their case, that mean that the customer is unknown.
        non_product_codes: Regular expressions, each for a whole product code, whatever its case.
        three_decimals: Whether prices such as 1,250 are meant; otherwise they are refused, because
            they may mean thousands.
        product_id_case: What becomes of codes that differ by case only: ``upper`` writes all
            codes in capitals, ``merge`` takes the spelling that sorts first (for names), ``keep``
            leaves them apart.
        relogged_lines: What to do with a line that repeats another one of its order at another
            hour.
        shared_orders: What to do with an order that stands under several customers.
        cutoff: Last moment that features may see, in local time; none for the last trusted one.
        earlier_days: Days before the cutoff at which today's customers are looked at once more,
            to see who moved.
        after_break: ``withhold`` ends what is linked to customers at a break of regime,
            ``use`` goes on (the break is still reported).
        regime: How a break is found.
        regular: Who counts as a regular customer.
        profit: From revenue to profit.
        minimum_data: Output: the least data for it.
        alert_share: A rule that takes away more than this share of revenue is shown in red.
    """

    columns: OrderColumns
    date_formats: list[Annotated[str, AfterValidator(_whole_date)]] = Field(min_length=1)
    earliest_date: date
    latest_date: date
    currency: str = Field(pattern="^[A-Z]{3}$")
    timezone: Annotated[str, AfterValidator(_known_zone)]
    cancellation: Pattern | None
    adjustment: Pattern | None
    no_customer: list[str]
    non_product_codes: list[Pattern]
    three_decimals: bool
    product_id_case: Literal["upper", "merge", "keep"]
    relogged_lines: Treatment
    shared_orders: Treatment
    cutoff: datetime | None
    earlier_days: int = Field(ge=1)
    after_break: Literal["withhold", "use"]
    regime: RegimeOptions
    regular: RegularCustomer
    profit: ProfitAssumption
    minimum_data: dict[Gated, Minimum]
    alert_share: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _times_make_sense(self) -> OrderLineOptions:
        ungated = sorted(set(get_args(Gated)) - set(self.minimum_data))
        if ungated:
            raise ValueError(f"minimum_data says nothing about {ungated}")
        if self.earliest_date >= self.latest_date:
            raise ValueError("earliest_date must be before latest_date")
        if self.cutoff is not None and self.cutoff.tzinfo is not None:
            raise ValueError("cutoff is local time of the shop: write it without a zone")
        used = [header for header in self.columns.model_dump().values() if header is not None]
        names = {self.columns.product_id, self.columns.product_name}
        if len(set(used)) < len(used) - (len(names) == 1):
            raise ValueError("only product_id and product_name may share a column")
        return self

    def feature_problems(self, registry: FeatureRegistry) -> list[str]:
        """Return what the features ask of order lines that they do not hold."""
        problems = []
        for name, feature in registry.features.items():
            compute, place = feature.compute, f"feature_registry.features.{name}.compute"
            if compute.kind in ("column", "at_period"):
                problems.append(f"{place}: a shop of order lines has no table {compute.table}")
            if isinstance(compute, FromOrders) and feature.type != compute.type():
                problems.append(f"{place}: {compute.measure} is a {compute.type()}")
            if isinstance(compute, NotRecorded) and feature.model:
                problems.append(f"{place}: a model cannot learn from what nobody recorded")
        return problems


class SalesOptions(Strict):
    """How much of the sales overview is shown.

    Attributes:
        top_products: Products with a row of their own; all others share one row.
        top_countries: Countries in the figure; the table has all.
    """

    top_products: int = Field(ge=1, le=1000)
    top_countries: int = Field(ge=1, le=50)

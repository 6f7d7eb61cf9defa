"""Options of the synthetic raw files."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from personal_offers.features import Strict

Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]
_YEAR_DAYS = 365
_HOUR_SECONDS = 3600
Share = Annotated[float, Field(ge=0.0, le=1.0)]
# Codes of the gift shop that are no usual product; see gift_charges.py.
OtherCode = Literal[
    "POST",
    "DOT",
    "M",
    "m",
    "C2",
    "D",
    "S",
    "BANK CHARGES",
    "AMAZONFEE",
    "CRUK",
    "PADS",
    "gift_0001_10",
    "gift_0001_20",
    "gift_0001_30",
    "gift_0001_40",
    "gift_0001_50",
    "DCGSSBOY",
    "DCGSSGIRL",
]


class OneClickSample(Strict):
    """Options of the synthetic tables of the shop «В один клик».

    Attributes:
        seed: Seed of every draw.
        customers: Number of customers.
        first_id: Smallest id; the ids are contiguous.
        declined_share: Share of customers labelled as declined.
        masked_share: Share of the declined who behave like the steady ones;
            the larger it is, the lower the best reachable quality.
        misspelled_types: Rows with the misspelled standard service.
        newcomers: Customers without revenue in both earlier months.
        twin_pairs: Pairs of customers with the same three revenues.
        contradictory_twins: Pairs among them with different labels.
    """

    seed: int = Field(ge=0)
    customers: int = Field(ge=100)
    first_id: int = Field(ge=1)
    declined_share: float = Field(ge=0.05, le=0.95)
    masked_share: float = Field(ge=0.0, le=0.5)
    misspelled_types: int = Field(ge=0)
    newcomers: int = Field(ge=0)
    twin_pairs: int = Field(ge=0)
    contradictory_twins: int = Field(ge=0)

    @property
    def declined(self) -> int:
        """Number of declined customers."""
        return round(self.customers * self.declined_share)

    @property
    def steady(self) -> int:
        """Number of customers who keep their level."""
        return self.customers - self.declined

    @property
    def masked(self) -> int:
        """Number of declined customers who behave like steady ones."""
        return round(self.declined * self.masked_share)

    @model_validator(mode="after")
    def _quirks_fit(self) -> Self:
        """Refuse more special customers than the sample can hold."""
        if self.contradictory_twins > self.twin_pairs:
            raise ValueError("contradictory_twins is larger than twin_pairs")
        # One more declined customer carries the outlier.
        needed = 2 * self.twin_pairs - self.contradictory_twins + self.newcomers + 1
        if needed > self.declined:
            raise ValueError(f"{needed} special customers among {self.declined} declined")
        # Half of the steady customers stay free to take a misspelled service.
        if 2 * (self.contradictory_twins + self.misspelled_types) > self.steady:
            raise ValueError(f"too many twins or misspelled types for {self.steady} steady")
        return self


class GiftOddNames(Strict):
    """Oddities of product names in the gift shop.

    Attributes:
        outer_spaces: Share of names with a space before or after.
        double_spaces: Share of names with two spaces in a row.
        quotes: Names with a double quote.
        commas: Names with a comma.
        small_letters: Names with small letters.
        shared_by_two_codes: Pairs of codes with one name.
    """

    outer_spaces: Share
    double_spaces: Share
    quotes: Count
    commas: Count
    small_letters: Count
    shared_by_two_codes: Count


class GiftReturns(Strict):
    """What comes back to the gift shop; charges are counted apart.

    Attributes:
        orders: Orders of known customers of which something comes back.
        whole_share: Share of their returned lines that come back in full.
        whole_customers: Customers of one order that comes back whole.
        minus_customers: Customers of one order who return more than they bought.
        only_customers: Customers who return and never bought.
        unmatched_orders: Invoices of other customers for things they never bought.
        unknown_orders: Invoices without a customer.
    """

    orders: AtLeastOne
    whole_share: Share
    whole_customers: Count
    minus_customers: Count
    only_customers: Count
    unmatched_orders: Count
    unknown_orders: Count


class HugeOrder(Strict):
    """An order of thousands of one thing, cancelled at once.

    Attributes:
        at: Time of the order, on a trading day.
        units: Ordered units.
        minutes: Minutes until the cancellation.
    """

    at: datetime
    units: AtLeastOne
    minutes: AtLeastOne


class StockNotes(Strict):
    """Lines of price 0 and without a customer that the warehouse wrote.

    Attributes:
        unnamed_down: Negative quantity, no name.
        noted_down: Negative quantity, a note instead of a name.
        unnamed_up: Positive quantity, no name.
        noted_up: Positive quantity, a note instead of a name; one is digits only.
        named_up: Positive quantity and the name of the product.
        question_marks: Of noted_down: nothing but question marks.
        notes_of_one_product: Of noted_down: on one and the same product.
    """

    unnamed_down: Count
    noted_down: AtLeastOne
    unnamed_up: Count
    noted_up: AtLeastOne
    named_up: Count
    question_marks: AtLeastOne
    notes_of_one_product: Count

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        """Refuse more special notes than there are."""
        if self.question_marks + self.notes_of_one_product > self.noted_down:
            raise ValueError("more question marks and notes of one product than noted_down")
        return self


class GiftShopSample(Strict):
    """Options of the synthetic order lines of the gift shop.

    Attributes:
        seed: Seed of every draw.
        first_at: Time of the first possible order.
        last_at: Time of the last possible order.
        closed_days: Days without trade, besides Saturdays.
        customers: Customers with an id.
        first_customer_id: No id is smaller; ids have gaps and no order.
        first_invoice: No invoice number is smaller.
        gap_days: Mean wait between orders of an ordinary customer, in trading days.
        leaving_share: Mean chance that an ordinary customer leaves after an order.
        wholesaler_share: Share of customers who buy to sell on.
        wholesaler_gap_days: Mean wait between orders of a wholesaler, in trading days.
        abroad_share: Share of customers outside the United Kingdom.
        two_country_customers: Customers whose later orders name another country.
        lines_per_order: Mean lines of an order of a known customer, about.
        products: Products, odd codes aside.
        repriced_share: Share of products whose price changes.
        renamed_share: Share of products whose name changes.
        lettered_codes: Share of codes that end with a letter.
        small_letter_codes: Share of codes sometimes written with a small letter.
        small_letter_lines: Lines on which they are.
        odd_names: Oddities of names.
        web_orders: Orders without a customer.
        web_lines: Their lines.
        free_lines: Lines of known customers with price 0.
        tiny_bank_charges: Bank charges of 0.001 pounds.
        free_pads: Pads of price 0.
        returns: What comes back.
        huge_orders: The huge orders; the first is the only purchase of its customer.
        other_codes: Lines per code that is no ordinary product, in the order of the draws.
        stock_notes: Lines that the warehouse wrote.
        adjusted_at: Time of the first of the three adjustments.
        bad_debt_pence: Their amount, in pence.
        exact_copies: Lines that repeat another one.
        orders_with_copies: Orders in which they stand.
        two_minute_orders: Orders whose lines stand in two minutes.
    """

    seed: Count
    first_at: datetime
    last_at: datetime
    closed_days: list[date]
    customers: int = Field(ge=300)
    first_customer_id: int = Field(ge=10_000, le=90_000)
    first_invoice: int = Field(ge=100_000, le=900_000)
    gap_days: float = Field(gt=0)
    leaving_share: float = Field(gt=0, lt=1)
    wholesaler_share: float = Field(gt=0, le=0.2)
    wholesaler_gap_days: float = Field(gt=0)
    abroad_share: float = Field(gt=0, le=0.5)
    two_country_customers: Count
    lines_per_order: float = Field(ge=2)
    products: int = Field(ge=200, le=5_000)
    repriced_share: Share
    renamed_share: Share
    lettered_codes: float = Field(ge=0.1, le=0.9)
    small_letter_codes: Share
    small_letter_lines: Count
    odd_names: GiftOddNames
    web_orders: AtLeastOne
    web_lines: AtLeastOne
    free_lines: Count
    tiny_bank_charges: Count
    free_pads: Count
    returns: GiftReturns
    huge_orders: list[HugeOrder] = Field(min_length=1, max_length=5)
    other_codes: dict[OtherCode, AtLeastOne]
    stock_notes: StockNotes
    adjusted_at: datetime
    bad_debt_pence: AtLeastOne
    exact_copies: AtLeastOne
    orders_with_copies: AtLeastOne
    two_minute_orders: Count

    @property
    def buyers(self) -> int:
        """Number of customers with ordinary purchases.

        One more customer places the first huge order; those who only return follow.
        """
        return self.customers - self.returns.only_customers - 1

    @model_validator(mode="after")
    def _quirks_fit(self) -> Self:
        """Refuse a period that is too short and quirks that the sample cannot hold."""
        if (self.last_at - self.first_at).days < _YEAR_DAYS:
            raise ValueError("last_at is less than a year after first_at")
        for moment in (self.adjusted_at, *(order.at for order in self.huge_orders)):
            if not self.first_at <= moment <= self.last_at:
                raise ValueError(f"{moment} is not between first_at and last_at")
        if self.exact_copies < self.orders_with_copies:
            raise ValueError("exact_copies is smaller than orders_with_copies")
        if self.web_lines < self.web_orders:
            raise ValueError("web_lines is smaller than web_orders")
        return self


class HeavyAccount(Strict):
    """An account with far more orders than any other: a reseller, or the shop itself.

    Attributes:
        orders: Its orders.
        first_at: Date-hour of the first one.
        last_at: Date-hour of the last one.
    """

    orders: int = Field(ge=2)
    first_at: datetime
    last_at: datetime


class HomeChannel(Strict):
    """One of the two ways in which the home goods shop sells.

    Attributes:
        first_order_id: No usual id is smaller.
        order_id_step: Mean step from one order id to the next.
        stray_order_ids: Ids outside that row.
        orders_per_customer: Orders: customers who have so many.
        heavy_accounts: Accounts with many orders.
        shared_orders: Customers of one order: orders that have so many.
        shared_only_customers: Customers who have no order but a shared one.
        lines: Lines, before any is logged again.
        products: Products.
        orders_logged_again: Orders of which lines were logged again, those of
            ``HomeGoodsSample.logged_again`` aside.
        lines_logged_again: Exact copies in them.
    """

    first_order_id: int = Field(ge=10_000, le=95_000)
    order_id_step: float = Field(ge=1, le=5)
    stray_order_ids: list[Annotated[int, Field(ge=10_000, le=99_999)]]
    orders_per_customer: dict[AtLeastOne, AtLeastOne]
    heavy_accounts: list[HeavyAccount]
    shared_orders: dict[Annotated[int, Field(ge=2)], AtLeastOne]
    shared_only_customers: Count
    lines: AtLeastOne
    products: AtLeastOne
    orders_logged_again: AtLeastOne
    lines_logged_again: AtLeastOne

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        """Refuse fewer lines than the products and orders need."""
        pairs = sum(orders * people for orders, people in self.orders_per_customer.items())
        if self.lines < max(self.products, pairs):
            raise ValueError(f"{self.lines} lines are too few for the products and orders")
        if self.lines_logged_again < self.orders_logged_again:
            raise ValueError("lines_logged_again is smaller than orders_logged_again")
        members = sum(people * orders for people, orders in self.shared_orders.items())
        if self.shared_only_customers > members:
            raise ValueError(f"shared_only_customers is larger than the {members} who share")
        return self


class LoggedAgain(Strict):
    """A basket that was logged many times.

    Attributes:
        channel: Which channel sold it.
        products: Lines of the basket.
        hours: Date-hours at which it was logged, the first included.
        first_at: First date-hour.
        last_at: Last date-hour.
        changed_once: Whether all quantities differ at one of the hours.
    """

    channel: Literal["seedlings", "goods"]
    products: AtLeastOne
    hours: int = Field(ge=2)
    first_at: datetime
    last_at: datetime
    changed_once: bool

    @model_validator(mode="after")
    def _hours_fit(self) -> Self:
        """Refuse more hours than the period has."""
        period = (self.last_at - self.first_at).total_seconds() / _HOUR_SECONDS
        if self.hours - 1 > period:
            raise ValueError(f"{self.hours} hours do not fit between first_at and last_at")
        return self


class LargestOrder(Strict):
    """An order of one line far above all others, the only one of its customer.

    Attributes:
        at: Its date-hour.
        units: Its quantity.
        price: Its unit price, in roubles.
    """

    at: datetime
    units: AtLeastOne
    price: AtLeastOne


class HomeOddNames(Strict):
    """Oddities of product names in the home goods shop, in names.

    Attributes:
        quotes: Names with double quotes.
        long_codes: Names with a code of seven digits.
        barcodes: Names with a code of thirteen digits.
        mixed_letters: Names with Latin letters in a Cyrillic word.
        dotted_letters: Names with the letter ё.
        case_twins: Pairs that differ in capitals alone.
        mark_twins: Pairs that differ in marks alone.
        order_twins: Pairs of the same words in another order.
    """

    quotes: Count
    long_codes: Count
    barcodes: Count
    mixed_letters: Count
    dotted_letters: Count
    case_twins: Count
    mark_twins: Count
    order_twins: Count


class HomeTail(Strict):
    """The lines after the break, one per customer and order.

    Attributes:
        orders: Their number.
        first_order_id: No id is smaller; six digits.
        order_id_range: Ids are drawn from so many, in no order.
        shortest_gap_days: No customer comes back sooner than so many days.
        averaged_prices: Lines with the average of several earlier prices.
        repeated_products: Lines with the product that the customer bought before.
    """

    orders: AtLeastOne
    first_order_id: int = Field(ge=100_000, le=900_000)
    order_id_range: AtLeastOne
    shortest_gap_days: AtLeastOne
    averaged_prices: Count
    repeated_products: AtLeastOne


class HomeGoodsSample(Strict):
    """Options of the synthetic order lines of the home goods shop.

    Attributes:
        seed: Seed of every draw.
        first_at: First date-hour.
        break_at: Date-hour of the last order and of the first line after the break.
        last_at: Last date-hour.
        missing_days: Days without a line.
        seedlings: The channel of seedlings and plants.
        goods: The channel of all else.
        shared_products: Products that both channels sell.
        products_by_prices: Prices: products that have so many.
        doubled_prices: Of these: one price is at least twice another.
        bulk_lines: Lines of a hundred units and more.
        largest_orders: The orders above all others.
        logged_again: Baskets that were logged many times.
        changed_quantities: Lines logged again with another quantity, besides.
        changed_prices: Lines logged again with another price.
        odd_names: Oddities of names.
        tail: The lines after the break.
    """

    seed: Count
    first_at: datetime
    break_at: datetime
    last_at: datetime
    missing_days: list[date]
    seedlings: HomeChannel
    goods: HomeChannel
    shared_products: Count
    products_by_prices: dict[Annotated[int, Field(ge=2)], AtLeastOne]
    doubled_prices: Count
    bulk_lines: Count
    largest_orders: list[LargestOrder]
    logged_again: list[LoggedAgain]
    changed_quantities: Count
    changed_prices: Count
    odd_names: HomeOddNames
    tail: HomeTail

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        """Refuse periods out of order."""
        if not self.first_at < self.break_at < self.last_at:
            raise ValueError("first_at, break_at and last_at must follow each other")
        if self.tail.orders < (self.last_at - self.break_at).days + 2:
            raise ValueError("tail.orders is smaller than its days, and every day has a line")
        if self.tail.order_id_range < self.tail.orders:
            raise ValueError("tail.order_id_range is smaller than tail.orders")
        if self.tail.averaged_prices + self.tail.repeated_products > self.tail.orders:
            raise ValueError("more special lines in the tail than tail.orders")
        moments = [m for again in self.logged_again for m in (again.first_at, again.last_at)]
        moments += [order.at for order in self.largest_orders]
        late = [str(m) for m in moments if not self.first_at <= m < self.break_at]
        if late:
            raise ValueError(f"{late} must lie between first_at and break_at")
        return self

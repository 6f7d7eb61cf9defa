"""Parameters of the intake: what each raw file holds and which rules repair it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from personal_offers.features import (
    AtPeriod,
    FeatureRegistry,
    FromColumn,
    FromOrders,
    Name,
    NotRecorded,
    Strict,
    reserved,
)


class Column(Strict):
    """What the cells of one raw column mean.

    Attributes:
        header: Its name in the file, exactly (outer white space does not count).
        required: Whether an empty cell is an error; otherwise it is a missing value.
    """

    header: Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
    required: bool = False


class IdColumn(Column):
    """A customer id: kept as text, never empty."""

    type: Literal["id"]
    required: Literal[True] = True


class CategoryColumn(Column):
    """One of a stated list of texts.

    Attributes:
        values: The texts that the shop uses; a mapping renames them (text: new name).
        spelling: Misspelt text: right text. Each mended cell counts in the ledger.
    """

    type: Literal["category"]
    values: dict[str, str] | list[str] = Field(min_length=1)
    spelling: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _spelling_leads_to_a_value(self) -> CategoryColumn:
        known = [wrong for wrong in self.spelling if wrong in self.values]
        if known:
            raise ValueError(f"spelling changes {known}, which are right: they are among values")
        lost = [right for right in self.spelling.values() if right not in self.values]
        if lost:
            raise ValueError(f"spelling leads to {lost}, which is not among values")
        return self


class FlagColumn(Column):
    """Yes or no in the shop's own words.

    Attributes:
        true: Texts that mean yes.
        false: Texts that mean no.
    """

    type: Literal["flag"]
    true: list[str] = Field(min_length=1)
    false: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _yes_is_not_no(self) -> FlagColumn:
        both = sorted(set(self.true) & set(self.false))
        if both:
            raise ValueError(f"{both} cannot mean both true and false")
        return self


class NumberColumn(Column):
    """A number; point and comma both count as the decimal mark.

    Attributes:
        decimals: 0 for whole numbers; amounts are kept as DECIMAL with that many digits.
        min: Smallest possible value; anything below is impossible and set missing.
        max: Largest possible value; anything above is impossible and set missing.
    """

    type: Literal["number"]
    decimals: int = Field(ge=0, le=6)
    min: float | None = None
    max: float | None = None

    @property
    def is_bounded(self) -> bool:
        """Whether some values are impossible."""
        return self.min is not None or self.max is not None

    @model_validator(mode="after")
    def _range_is_a_range(self) -> NumberColumn:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


AnyColumn = Annotated[
    IdColumn | CategoryColumn | FlagColumn | NumberColumn, Field(discriminator="type")
]


class RawTableSpec(Strict):
    """What one raw file holds.

    Attributes:
        key: Columns that tell its rows apart, once exact copies are gone.
        columns: Name in this project: meaning of the column. The file may hold more.
        money: The column whose sum the ledger follows; none where the file holds no money.
    """

    key: list[str] = Field(min_length=1)
    columns: dict[Name, AnyColumn]
    money: str | None = None

    @model_validator(mode="after")
    def _names_are_columns(self) -> RawTableSpec:
        wanted = [*self.key, *([self.money] if self.money else [])]
        unknown = [name for name in wanted if name not in self.columns]
        if unknown:
            raise ValueError(f"{unknown} is not among the columns {list(self.columns)}")
        taken = reserved(self.columns, allowed=("customer_id", "profit", "declined", "segment"))
        if taken:
            raise ValueError(f"{taken} are names that the intake needs for itself")
        if self.key[0] != "customer_id" or len(set(self.key)) < len(self.key):
            raise ValueError("the key must begin with customer_id and name no column twice")
        if not isinstance(self.columns["customer_id"], IdColumn):
            raise ValueError("customer_id must be of type id")
        if self.money and not isinstance(self.columns[self.money], NumberColumn):
            raise ValueError(f"money: {self.money} must be of type number")
        headers = [column.header for column in self.columns.values()]
        if len(set(headers)) < len(headers) or "row_number" in headers:
            raise ValueError("every column needs a header of its own, other than row_number")
        return self

    def numbers(self) -> dict[str, NumberColumn]:
        """Return the columns that hold numbers."""
        return {n: c for n, c in self.columns.items() if isinstance(c, NumberColumn)}

    def categories(self) -> dict[str, CategoryColumn]:
        """Return the columns that hold one of a list of texts."""
        return {n: c for n, c in self.columns.items() if isinstance(c, CategoryColumn)}


class OutlierRule(Strict):
    """A value far above everything else is a slip of the keyboard, not money.

    Attributes:
        table: Raw table with one row per customer and period.
        column: The amount.
        ratio: How many times above both the customer's other periods and the shop's next
            value it must be.
    """

    table: str
    column: str
    ratio: float = Field(gt=1)


class RegularRule(Strict):
    """Who counts as a regular customer: bought in every recorded period.

    Attributes:
        table: Raw table with one row per customer and period.
        column: The amount; a recorded zero in any period makes the customer not regular.
    """

    table: str
    column: str


class IntakeOptions(Strict):
    """How the raw files of a customer-level shop become one row per customer.

    Attributes:
        tables: Raw table: what it holds.
        outlier: Rule for amounts that cannot be real.
        regular: Rule for who is a regular customer.
        orphan_ids: What happens when an id is in one file and not in another: ``error`` ends
            the run, ``quarantine`` sets the customer's rows aside.
        label: Table and column of the activity label.
        profit: Table and column of the profit per customer and month.
        alert_share: A rule that takes away more than this share of revenue is shown in red.
    """

    tables: dict[Name, RawTableSpec] = Field(min_length=1)
    outlier: OutlierRule
    regular: RegularRule
    orphan_ids: Literal["error", "quarantine"]
    label: tuple[str, str]
    profit: tuple[str, str]
    alert_share: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _references_exist(self) -> IntakeOptions:
        wanted = {
            "outlier": (self.outlier.table, self.outlier.column),
            "regular": (self.regular.table, self.regular.column),
            "label": self.label,
            "profit": self.profit,
        }
        lost = [
            f"{name}: {table}.{column}"
            for name, (table, column) in wanted.items()
            if table not in self.tables or column not in self.tables[table].columns
        ]
        if lost:
            raise ValueError(f"no such table and column: {'; '.join(lost)}")
        for name, (table, column) in wanted.items():
            kind = FlagColumn if name == "label" else NumberColumn
            meaning = self.tables[table].columns[column]
            if not isinstance(meaning, kind):
                raise ValueError(f"{name}: {table}.{column} must be a {kind.__name__}")
            per_customer = name in ("label", "profit")
            if per_customer and not meaning.required:
                raise ValueError(f"{name}: {table}.{column} must have required: true")
            if per_customer == (len(self.tables[table].key) > 1):
                grain = "customer" if per_customer else "customer and period"
                raise ValueError(f"{name}: {table} must have one row per {grain}")
        return self

    def feature_problems(self, registry: FeatureRegistry) -> list[str]:
        """Return what the features ask of the raw tables that is not there, one sentence each."""
        problems = []
        for name, feature in registry.features.items():
            compute = feature.compute
            place = f"feature_registry.features.{name}.compute"
            if isinstance(compute, FromOrders | NotRecorded):
                problems.append(
                    f"{place}: a shop of customer tables has columns, not {compute.kind}"
                )
            if not isinstance(compute, FromColumn | AtPeriod):
                continue
            spec = self.tables.get(compute.table)
            if spec is None or compute.column not in spec.columns:
                problems.append(f"{place}: there is no column {compute.table}.{compute.column}")
            elif (compute.table, compute.column) == self.label:
                problems.append(f"{place}: the label cannot be a feature")
            elif spec.columns[compute.column].type != feature.type:
                kind = spec.columns[compute.column].type
                problems.append(f"{place}: {compute.column} is a {kind}, not a {feature.type}")
            elif isinstance(compute, FromColumn) and len(spec.key) > 1:
                problems.append(f"{place}: {compute.table} has several rows per customer")
            elif isinstance(compute, AtPeriod) and compute.period not in _periods(spec):
                problems.append(f"{place}: {compute.table} has no period {compute.period}")
        return problems


def _periods(spec: RawTableSpec) -> list[str]:
    period = spec.columns.get("period")
    if not isinstance(period, CategoryColumn):
        return []
    return list(period.values.values() if isinstance(period.values, dict) else period.values)

"""Parameters of the intake and of the registry: what is taken and what is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from personal_offers.features import Feature, FeatureRegistry
from personal_offers.pipelines.data_processing.params import (
    AnyColumn,
    IntakeOptions,
    NumberColumn,
    RawTableSpec,
)
from personal_offers.shops import SHOPS, Shop

OPTIONS: dict[str, Any] = {
    "tables": {
        "people": {
            "key": ["customer_id"],
            "columns": {
                "customer_id": {"header": "id", "type": "id"},
                "declined": {
                    "header": "Label",
                    "type": "flag",
                    "required": True,
                    "true": ["yes"],
                    "false": ["no"],
                },
                "profit": {
                    "header": "Profit",
                    "type": "number",
                    "decimals": 2,
                    "required": True,
                },
            },
        },
        "amounts": {
            "key": ["customer_id", "period"],
            "money": "revenue",
            "columns": {
                "customer_id": {"header": "id", "type": "id"},
                "period": {"header": "Month", "type": "category", "values": ["then", "now"]},
                "revenue": {"header": "Revenue", "type": "number", "decimals": 2, "min": 0},
            },
        },
    },
    "outlier": {"table": "amounts", "column": "revenue", "ratio": 10},
    "regular": {"table": "amounts", "column": "revenue"},
    "orphan_ids": "error",
    "label": ["people", "declined"],
    "profit": ["people", "profit"],
    "alert_share": 0.01,
}
FEATURE: dict[str, Any] = {
    "group": "communication",
    "type": "number",
    "compute": {"kind": "column", "table": "people", "column": "profit"},
    "window": "last month",
    "actionable": True,
    "definition": {"ru": "Прибыль", "en": "Profit"},
}


def changed(tree: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Copy a tree with one leaf set; None removes the leaf."""
    tree = copy.deepcopy(tree)
    *folders, leaf = path.split(".")
    place = tree
    for name in folders:
        place = place[name]
    if value is None:
        del place[leaf]
    else:
        place[leaf] = value
    return tree


def test_valid_options_are_taken() -> None:
    options = IntakeOptions.model_validate(OPTIONS)

    amounts = options.tables["amounts"]
    assert list(amounts.numbers()) == ["revenue"]
    assert list(amounts.categories()) == ["period"]
    assert options.label == ("people", "declined")


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("outlier.ratio", 1, "greater than 1"),
        ("outlier.ratio", 0.5, "greater than 1"),
        ("outlier.ratio", "ten", "valid number"),
        ("outlier.ration", 10, "Extra inputs are not permitted"),
        ("outlier", None, "Field required"),
        ("outlier.table", "amount", "no such table and column: outlier: amount.revenue"),
        ("regular.column", "sum", "no such table and column: regular: amounts.sum"),
        ("regular.columns", "sum", "Extra inputs are not permitted"),
        ("orphan_ids", "ignore", "'error' or 'quarantine'"),
        ("orphans", "error", "Extra inputs are not permitted"),
        ("label", ["people", "profit"], "must be a FlagColumn"),
        ("label", ["people", "label"], "no such table and column: label: people.label"),
        ("profit", ["people", "margin"], "no such table and column: profit: people.margin"),
        ("tables", {}, "at least 1 item"),
        ("tables.people.key", [], "at least 1 item"),
        ("tables.people.key", ["declined"], "the key must begin with customer_id"),
        ("tables.people.key", ["customer_id", "week"], "['week'] is not among the columns"),
        ("tables.amounts.money", "income", "['income'] is not among the columns"),
        ("tables.amounts.grain", "month", "Extra inputs are not permitted"),
    ],
)
def test_wrong_options_are_refused(path: str, value: Any, reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        IntakeOptions.model_validate(changed(OPTIONS, path, value))

    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ({"type": "number", "header": "a"}, "Field required"),
        ({"type": "number", "header": "a", "decimals": -1}, "greater than or equal to 0"),
        ({"type": "number", "header": "a", "decimals": 7}, "less than or equal to 6"),
        ({"type": "number", "header": "a", "decimals": 0, "min": 2, "max": 1}, "above max"),
        ({"type": "number", "header": "", "decimals": 0}, "at least 1 character"),
        ({"type": "number", "header": "a", "decimals": 0, "maximum": 1}, "Extra inputs"),
        ({"type": "category", "header": "a", "values": []}, "at least 1 item"),
        (
            {"type": "category", "header": "a", "values": ["x"], "spelling": {"xx": "y"}},
            "spelling leads to ['y']",
        ),
        ({"type": "flag", "header": "a", "true": ["да"], "false": []}, "at least 1 item"),
        (
            {"type": "flag", "header": "a", "true": ["да", "?"], "false": ["?"]},
            "['?'] cannot mean both true and false",
        ),
        ({"type": "id", "header": "a", "required": False}, "Input should be True"),
        ({"type": "date", "header": "a"}, "does not match any of the expected tags"),
    ],
)
def test_wrong_columns_are_refused(column: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(AnyColumn).validate_python(column)

    assert reason in str(refused.value)


def test_min_may_equal_max() -> None:
    column = NumberColumn(type="number", header="a", decimals=0, min=1, max=1)

    assert (column.min, column.max) == (1, 1)


def test_misspelt_text_may_lead_to_a_renamed_value() -> None:
    spec = RawTableSpec.model_validate(
        {
            "key": ["customer_id"],
            "columns": {
                "customer_id": {"header": "id", "type": "id"},
                "period": {
                    "header": "Месяц",
                    "type": "category",
                    "values": {"прошлый": "previous"},
                    "spelling": {"прошлй": "прошлый"},
                },
            },
        }
    )

    assert list(spec.categories()) == ["period"]


def test_parameters_do_not_change() -> None:
    options = IntakeOptions.model_validate(OPTIONS)

    with pytest.raises(ValidationError, match="frozen"):
        options.orphan_ids = "quarantine"  # type: ignore[misc]


@pytest.mark.parametrize(
    "shop",
    [shop for shop in SHOPS if shop.intake == "customer_tables"],
    ids=lambda shop: shop.name,
)
def test_configuration_describes_every_raw_table_of_the_shop(
    shop: Shop, intake_options: Callable[[str], IntakeOptions]
) -> None:
    options = intake_options(shop.name)

    assert tuple(options.tables) == shop.raw_tables


def test_configuration_of_one_click_says_what_the_issue_says(
    intake_options: Callable[[str], IntakeOptions],
) -> None:
    options = intake_options("one_click")

    assert options.outlier.ratio == 10
    assert options.orphan_ids == "error"
    assert [name for name, spec in options.tables.items() if spec.money] == ["market_money"]


# --- the registry ----------------------------------------------------------------------------


def test_registry_of_the_configuration_fits_the_intake(
    registry: FeatureRegistry, intake_options: Callable[[str], IntakeOptions]
) -> None:
    tables = intake_options("one_click").tables

    for name, feature in registry.features.items():
        compute = feature.compute
        if compute.kind in ("column", "at_period"):
            assert compute.column in tables[compute.table].columns, name
        if compute.kind == "at_period":
            periods = tables[compute.table].columns["period"].values
            assert compute.period in periods.values(), name


def test_registry_holds_month_to_month_changes_and_withholds_consent(
    registry: FeatureRegistry,
) -> None:
    changes = [n for n, f in registry.features.items() if f.compute.kind == "relative_change"]

    assert changes == [
        "revenue_change_previous",
        "revenue_change_current",
        "minutes_change_current",
    ]
    assert {feature.group for feature in registry.features.values()} == {
        "communication",
        "product_behaviour",
        "purchase_behaviour",
        "on_site_behaviour",
    }
    assert "contact_allowed" in registry.names()
    assert "contact_allowed" not in registry.model_names()
    assert "customer_id" not in registry.names()


def test_model_names_can_be_narrowed_to_a_type() -> None:
    registry = FeatureRegistry.model_validate(
        {
            "features": {
                "a": FEATURE,
                "b": FEATURE | {"type": "category"},
                "c": FEATURE | {"model": False, "why_not": "a gate"},
            }
        }
    )

    assert registry.names() == ["a", "b", "c"]
    assert registry.model_names() == ["a", "b"]
    assert registry.model_names("category") == ["b"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": False}, "needs why_not"),
        ({"group": "weather"}, "Input should be"),
        ({"definition": {"ru": "Прибыль"}}, "Field required"),
        ({"definition": {"ru": "", "en": "Profit"}}, "at least 1 character"),
        ({"compute": {"kind": "sum", "table": "people"}}, "expected tags"),
        ({"windows": "last month"}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_features_are_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Feature.model_validate(FEATURE | change)

    assert reason in str(refused.value)


def test_a_change_of_a_feature_below_it_is_refused() -> None:
    change = FEATURE | {
        "compute": {"kind": "relative_change", "from_feature": "a", "to_feature": "b"}
    }

    with pytest.raises(ValidationError, match="change is made from b, which is not above it"):
        FeatureRegistry.model_validate({"features": {"a": FEATURE, "change": change, "b": FEATURE}})

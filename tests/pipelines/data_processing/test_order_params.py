"""Parameters of a shop of order lines: what is taken and what is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.data_processing.order_params import OrderLineOptions, SalesOptions
from personal_offers.pipelines.data_processing.params import IntakeOptions

Tree = dict[str, Any]


@pytest.fixture
def tree(parameters: Tree) -> Tree:
    """Intake options of the gift shop as conf/base has them, to be spoilt."""
    return copy.deepcopy(parameters["gift_shop"]["data_processing"])


def changed(tree: Tree, path: str, value: Any) -> Tree:
    """Set one leaf of a tree."""
    *folders, leaf = path.split(".")
    place = tree
    for name in folders:
        place = place[name]
    place[leaf] = value
    return tree


def registry(name: str = "fine", type_: str = "number", **compute: Any) -> FeatureRegistry:
    """One feature that a model may learn from, and one that the test is about."""
    usual = {
        "group": "purchase_behaviour",
        "type": "number",
        "compute": {"kind": "from_orders", "measure": "orders"},
        "window": "all history",
        "actionable": False,
        "definition": {"ru": "Признак", "en": "Feature"},
    }
    features = {"orders_ever": usual, name: usual | {"type": type_}}
    if compute:
        features[name] = features[name] | {"compute": compute}
    return FeatureRegistry.model_validate({"features": features})


@pytest.mark.parametrize("shop", ["gift_shop", "home_goods"])
def test_the_options_of_each_shop_are_taken_and_fit_its_features(
    shop: str, parameters: Tree
) -> None:
    options = OrderLineOptions.model_validate(parameters[shop]["data_processing"])
    features = FeatureRegistry.model_validate(parameters[shop]["feature_registry"])

    assert options.feature_problems(features) == []
    assert SalesOptions.model_validate(parameters[shop]["sales"]).top_products > 0


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("cutof", None, "Extra inputs are not permitted"),
        ("columns.client", "Client", "Extra inputs are not permitted"),
        ("regular.order", 2, "Extra inputs are not permitted"),
        ("minimum_data.rfm.clients", 2, "Extra inputs are not permitted"),
        ("minimum_data.offers", {"customers": 1, "days": 1, "repeat_buyers": 1}, "'backtest'"),
        ("columns.order_id", None, "valid string"),
        ("columns.order_id", " ", "at least 1 character"),
        ("columns.order_id", "CustomerID", "only product_id and product_name may share a column"),
        ("columns.country", "UnitPrice", "only product_id and product_name may share a column"),
        ("columns.product_name", "Quantity", "only product_id and product_name may share a column"),
        ("date_formats", [], "at least 1 item"),
        ("date_formats", ["%d.%m.%y"], "must hold %Y, %m and %d"),
        ("date_formats", ["%Y-%m"], "must hold %Y, %m and %d"),
        ("earliest_date", "2011-02-30", "day value is outside expected range"),
        ("earliest_date", "2900-01-01", "earliest_date must be before latest_date"),
        ("currency", "pounds", "String should match pattern"),
        ("currency", "gbp", "String should match pattern"),
        ("timezone", "Europe/Atlantis", "is no time zone of the IANA database"),
        ("timezone", "", "is no time zone of the IANA database"),
        ("cancellation", "(C", "is no regular expression: missing )"),
        ("adjustment", "[A", "is no regular expression: unterminated character set"),
        ("non_product_codes", ["POST", "*"], "is no regular expression: nothing to repeat"),
        ("non_product_codes", "POST", "valid list"),
        ("product_id_case", "lower", "'upper', 'merge' or 'keep'"),
        ("relogged_lines", "keep", "'remove' or 'flag'"),
        ("shared_orders", None, "'remove' or 'flag'"),
        ("after_break", "ignore", "'withhold' or 'use'"),
        ("cutoff", "2011-06-31", "valid datetime"),
        ("cutoff", "2011-06-01T00:00:00Z", "write it without a zone"),
        ("cutoff", "2011-06-01T00:00:00+03:00", "write it without a zone"),
        ("regular.orders", 0, "greater than or equal to 1"),
        ("regular.recent_days", 0, "greater than or equal to 1"),
        ("profit.margin", 0, "greater than 0"),
        ("profit.margin", 1.1, "less than or equal to 1"),
        ("profit.days", 0, "greater than or equal to 1"),
        ("minimum_data.rfm.customers", -1, "greater than or equal to 0"),
        ("alert_share", 0, "greater than 0"),
        ("alert_share", 1, "less than 1"),
        ("regime.agreeing", 1, "greater than or equal to 2"),
    ],
)
def test_wrong_options_are_refused(path: str, value: Any, reason: str, tree: Tree) -> None:
    with pytest.raises(ValidationError) as refused:
        OrderLineOptions.model_validate(changed(tree, path, value))

    assert reason in str(refused.value)


def test_a_key_that_is_missing_is_named(tree: Tree) -> None:
    del tree["profit"]["margin"]

    with pytest.raises(ValidationError, match=r"profit\.margin\s+Field required"):
        OrderLineOptions.model_validate(tree)


@pytest.mark.parametrize("pattern", ["^(?=C)", "(?<!X)C", r"(C)\1"])
def test_a_pattern_that_the_engine_does_not_know_is_refused(pattern: str, tree: Tree) -> None:
    with pytest.raises(ValidationError):
        OrderLineOptions.model_validate(changed(tree, "cancellation", pattern))


@pytest.mark.parametrize("form", ["%Y-%m-%d %Q", "%Y-%m-%d %z"])
def test_a_date_form_that_no_engine_reads_as_local_time_is_refused(form: str, tree: Tree) -> None:
    with pytest.raises(ValidationError):
        OrderLineOptions.model_validate(changed(tree, "date_formats", [form]))


@pytest.mark.parametrize(
    ("text", "cutoff"),
    [
        ("2011-06-01", datetime(2011, 6, 1)),
        ("2011-06-01 12:30", datetime(2011, 6, 1, 12, 30)),
        (date(2011, 6, 1), datetime(2011, 6, 1)),  # as YAML reads it
        (None, None),
    ],
)
def test_a_cutoff_may_be_a_day_or_a_moment(text: Any, cutoff: datetime | None, tree: Tree) -> None:
    assert OrderLineOptions.model_validate(changed(tree, "cutoff", text)).cutoff == cutoff


def test_headers_lose_outer_spaces(tree: Tree) -> None:
    options = OrderLineOptions.model_validate(changed(tree, "columns.order_id", " Invoice No "))

    assert options.columns.order_id == "Invoice No"


def test_the_name_may_be_the_product_and_may_be_missing(tree: Tree) -> None:
    same = OrderLineOptions.model_validate(changed(tree, "columns.product_name", "StockCode"))
    none = OrderLineOptions.model_validate(changed(tree, "columns.product_name", None))

    assert same.columns.product_name == same.columns.product_id
    assert none.columns.product_name is None


class TestFeaturesThatDoNotFit:
    @pytest.mark.parametrize(
        ("compute", "problem"),
        [
            (
                {"kind": "column", "table": "people", "column": "age"},
                "feature_registry.features.odd.compute: a shop of order lines has no table people",
            ),
            (
                {"kind": "at_period", "table": "months", "column": "revenue", "period": "now"},
                "feature_registry.features.odd.compute: a shop of order lines has no table months",
            ),
            (
                {"kind": "from_orders", "measure": "country"},
                "feature_registry.features.odd.compute: country is a category",
            ),
            (
                {"kind": "not_recorded"},
                "feature_registry.features.odd.compute: a model cannot learn from what nobody "
                "recorded",
            ),
        ],
    )
    def test_in_a_shop_of_order_lines(self, compute: Tree, problem: str, tree: Tree) -> None:
        options = OrderLineOptions.model_validate(tree)

        assert options.feature_problems(registry("odd", **compute)) == [problem]

    def test_a_number_is_no_category(self, tree: Tree) -> None:
        options = OrderLineOptions.model_validate(tree)

        problems = options.feature_problems(registry("odd", "category"))

        assert problems == ["feature_registry.features.odd.compute: orders is a number"]

    def test_all_of_them_are_named(self, tree: Tree, parameters: Tree) -> None:
        options = OrderLineOptions.model_validate(tree)
        other = FeatureRegistry.model_validate(parameters["one_click"]["feature_registry"])
        of_tables = [
            f for f in other.features.values() if f.compute.kind in ("column", "at_period")
        ]

        assert len(options.feature_problems(other)) == len(of_tables) > 0

    def test_orders_in_a_shop_of_customer_tables(
        self, intake_options: Callable[[str], IntakeOptions]
    ) -> None:
        problems = intake_options("one_click").feature_problems(registry("odd"))

        assert problems == [
            f"feature_registry.features.{name}.compute: a shop of customer tables has columns, "
            "not from_orders"
            for name in ("orders_ever", "odd")
        ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"measure": "revenue"}, "Input should be 'orders'"),
        ({"measure": "orders", "days": 0}, "greater than or equal to 1"),
        ({"measure": "orders", "skip_days": -1}, "greater than or equal to 0"),
        ({"measure": "orders", "window": 90}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_measures_are_refused(changes: Tree, reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        registry("odd", kind="from_orders", **changes)

    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"top_products": 0}, "greater than or equal to 1"),
        ({"top_countries": 51}, "less than or equal to 50"),
        ({"top_product": 5}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_options_of_the_overview_are_refused(changes: Tree, reason: str) -> None:
    fine = {"top_products": 20, "top_countries": 10}

    with pytest.raises(ValidationError) as refused:
        SalesOptions.model_validate(fine | changes)

    assert reason in str(refused.value)


@pytest.mark.parametrize("output", ["rfm", "class_tests", "backtest", "migration", "decline_risk"])
def test_an_output_that_is_not_gated_is_named(tree: Tree, output: str) -> None:
    least = {name: minimum for name, minimum in tree["minimum_data"].items() if name != output}

    with pytest.raises(ValidationError, match=rf"minimum_data says nothing about \['{output}'\]"):
        OrderLineOptions.model_validate(tree | {"minimum_data": least})


def test_a_risk_needs_the_most_repeat_buyers(tree: Tree) -> None:
    least = OrderLineOptions.model_validate(tree).minimum_data

    assert least["decline_risk"].repeat_buyers == max(m.repeat_buyers for m in least.values())

from typing import Any

import pytest
from pydantic import ValidationError

from personal_offers.features import BothLanguages, FeatureRegistry, FromColumn, Strict

COLUMN = {"kind": "column", "table": "people", "column": "value"}


def feature(**changes: Any) -> dict[str, Any]:
    return {
        "group": "purchase_behaviour",
        "type": "number",
        "compute": COLUMN,
        "window": "current month",
        "actionable": False,
        "definition": {"ru": "Значение", "en": "Value"},
    } | changes


def registry_of(**features: dict[str, Any]) -> FeatureRegistry:
    return FeatureRegistry.model_validate({"features": features})


def test_names_keep_the_order_of_computation() -> None:
    # Given features in an order that is not alphabetical
    registry = registry_of(zebra=feature(), apple=feature(type="category"), mango=feature())

    # Then the registry keeps it
    assert registry.names() == ["zebra", "apple", "mango"]
    assert registry.model_names() == ["zebra", "apple", "mango"]
    assert registry.model_names("number") == ["zebra", "mango"]
    assert registry.model_names("category") == ["apple"]
    assert registry.model_names("flag") == []


def test_withheld_feature_is_named_but_not_shown_to_a_model() -> None:
    registry = registry_of(
        consent=feature(type="flag", model=False, why_not="a gate"), amount=feature()
    )

    assert registry.names() == ["consent", "amount"]
    assert registry.model_names() == ["amount"]
    assert registry.model_names("flag") == []


@pytest.mark.parametrize("why_not", [None, ""])
def test_withholding_needs_a_reason(why_not: str | None) -> None:
    with pytest.raises(ValidationError, match="a feature with model: false needs why_not"):
        registry_of(consent=feature(model=False, why_not=why_not))


@pytest.mark.parametrize("kind", ["relative_change", "difference"])
def test_change_of_features_above_is_accepted(kind: str) -> None:
    change = {"kind": kind, "from_feature": "before", "to_feature": "after"}

    registry = registry_of(
        before=feature(), after=feature(), change=feature(compute=change), other=feature()
    )

    assert registry.features["change"].compute.kind == kind


def test_change_that_looks_below_or_nowhere_names_every_problem() -> None:
    # Given one change made from a feature below it, and one from a feature that is not there
    below = {"kind": "relative_change", "from_feature": "first", "to_feature": "later"}
    nowhere = {"kind": "difference", "from_feature": "nowhere", "to_feature": "first"}

    # When / Then
    with pytest.raises(ValidationError) as caught:
        registry_of(
            first=feature(),
            change=feature(compute=below),
            later=feature(),
            gap=feature(compute=nowhere),
        )
    assert "change is made from later, which is not above it" in str(caught.value)
    assert "gap is made from nowhere, which is not above it" in str(caught.value)


def test_change_made_from_itself_is_refused() -> None:
    itself = {"kind": "difference", "from_feature": "loop", "to_feature": "loop"}

    with pytest.raises(ValidationError, match="loop is made from loop, which is not above it"):
        registry_of(loop=feature(compute=itself))


class TestHide:
    def test_hidden_features_stay_in_the_table_and_leave_the_model(self) -> None:
        registry = registry_of(a=feature(), b=feature(type="flag"), c=feature())

        found = registry.hide(["b", "c"], "for a test")

        assert found.names() == ["a", "b", "c"]
        assert found.model_names() == ["a"]
        assert found.features["b"].why_not == "for a test"
        assert found.features["b"].definition == registry.features["b"].definition

    def test_the_registry_itself_does_not_change(self) -> None:
        registry = registry_of(a=feature(), b=feature())

        registry.hide(["b"], "for a test")

        assert registry.model_names() == ["a", "b"]
        assert registry.features["b"].why_not is None

    def test_the_first_reason_stays(self) -> None:
        registry = registry_of(a=feature(), b=feature(model=False, why_not="a gate"))

        assert registry.hide(["b"], "for a test").features["b"].why_not == "a gate"

    def test_what_is_unknown_hides_nothing(self) -> None:
        registry = registry_of(a=feature())

        assert registry.hide(["nowhere"], "for a test") == registry

    def test_something_must_be_left_to_learn_from(self) -> None:
        registry = registry_of(a=feature(), b=feature(model=False, why_not="a gate"))

        with pytest.raises(ValidationError, match="nothing to learn from"):
            registry.hide(["a"], "for a test")


def test_marks_of_a_feature_have_plain_defaults() -> None:
    plain = registry_of(amount=feature()).features["amount"]

    assert (plain.nowcast, plain.percent, plain.label) == (False, False, None)


@pytest.mark.parametrize("shop", ["one_click", "gift_shop", "home_goods"])
def test_every_feature_of_a_shop_has_a_short_label_of_its_own(
    shop: str, parameters: dict[str, Any]
) -> None:
    registry = FeatureRegistry.model_validate(parameters[shop]["feature_registry"])
    features = registry.features.values()

    for language in ("ru", "en"):
        labels = [getattr(feature.label, language) for feature in features]
        assert len(set(labels)) == len(labels)
        # In the middle of a sentence
        assert [label for label in labels if label[0].isupper() or label[-1] == "."] == []


def test_nowcast_is_what_the_current_month_goes_into(
    registry: FeatureRegistry, parameters: dict[str, Any]
) -> None:
    features = registry.features
    now = {name for name, found in features.items() if found.window == "current month"}
    changes = {
        name
        for name, found in features.items()
        if {getattr(found.compute, part, None) for part in ("from_feature", "to_feature")} & now
    }

    assert now
    assert changes
    assert {name for name, found in features.items() if found.nowcast} == now | changes
    # Order lines end with the cutoff, so nothing there looks at the time of the label
    orders = FeatureRegistry.model_validate(parameters["gift_shop"]["feature_registry"])
    assert not any(found.nowcast for found in orders.features.values())


def test_shares_and_relative_changes_are_read_as_percentages(
    registry: FeatureRegistry, parameters: dict[str, Any]
) -> None:
    orders = FeatureRegistry.model_validate(parameters["gift_shop"]["feature_registry"])

    for name, found in {**registry.features, **orders.features}.items():
        is_share = name.endswith("_share") or found.compute.kind == "relative_change"
        assert (name, found.percent) == (name, is_share)


def test_registry_without_features_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1"):
        registry_of()


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"grop": "communication"}, "grop"),
        ({"group": "weather"}, "group"),
        ({"type": "text"}, "type"),
        ({"window": ""}, "window"),
        ({"compute": {"kind": "guess"}}, "compute"),
        ({"compute": COLUMN | {"period": "current_month"}}, "period"),
        ({"compute": COLUMN | {"kind": "at_period"}}, "period"),
        ({"definition": {"ru": "Значение"}}, "en"),
        ({"definition": {"ru": "", "en": "Value"}}, "ru"),
        ({"label": {"ru": "значение"}}, "en"),
        ({"label": "value"}, "label"),
        ({"nowcast": "often"}, "nowcast"),
    ],
)
def test_wrong_or_misspelt_key_is_refused_where_it_stands(
    changes: dict[str, Any], place: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        registry_of(amount=feature(**changes))

    assert any(place in map(str, error["loc"]) for error in caught.value.errors())


def test_values_of_parameters_do_not_change() -> None:
    text = BothLanguages(ru="Да", en="Yes")

    with pytest.raises(ValidationError, match="frozen"):
        text.ru = "Нет"  # type: ignore[misc]


def test_strict_is_the_base_of_every_model_here() -> None:
    assert issubclass(FeatureRegistry, Strict)
    assert FromColumn.model_config["extra"] == "forbid"


def test_registry_of_the_shop_describes_four_groups_and_every_change(
    registry: FeatureRegistry,
) -> None:
    # Given the registry of the shop «В один клик»
    features = registry.features

    # Then all four groups of behaviour are there, and consent never reaches a model
    assert {feature.group for feature in features.values()} == {
        "communication",
        "product_behaviour",
        "purchase_behaviour",
        "on_site_behaviour",
    }
    assert "contact_allowed" in registry.names()
    assert "contact_allowed" not in registry.model_names()
    # And month-to-month changes of revenue and minutes are features
    changes = {
        name: (feature.compute.from_feature, feature.compute.to_feature)
        for name, feature in features.items()
        if feature.compute.kind == "relative_change"
    }
    assert changes == {
        "revenue_change_previous": ("revenue_month_before_previous", "revenue_previous_month"),
        "revenue_change_current": ("revenue_previous_month", "revenue_current_month"),
        "minutes_change_current": ("minutes_previous_month", "minutes_current_month"),
    }


def test_registry_of_the_shop_holds_neither_label_nor_id_nor_profit(
    registry: FeatureRegistry,
) -> None:
    columns = {
        feature.compute.column
        for feature in registry.features.values()
        if hasattr(feature.compute, "column")
    }

    assert columns.isdisjoint({"customer_id", "declined", "profit"})
    assert {"customer_id", "declined", "profit"}.isdisjoint(registry.names())

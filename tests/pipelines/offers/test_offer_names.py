"""Names and assumptions of the plan, as reports read them."""

from typing import Any

import pytest

from personal_offers.pipelines.offers.offer_names import name_offers
from tests.pipelines.offers.made_up import (
    TEXT,
    VIEW_NAMES,
    WINBACK,
    both,
    offer_catalogue,
    offer_options,
    save_rate,
    span,
)

CODE = both("Промокод", "Code")


def named(catalogue: Any = None, **changes: Any) -> dict[str, Any]:
    return name_offers(VIEW_NAMES, catalogue or offer_catalogue(), offer_options(**changes))


def assumptions(catalogue: Any = None, **changes: Any) -> dict[str, tuple[float, ...]]:
    """Return low, base and high by English name."""
    rows = named(catalogue, **changes)["assumptions"]
    return {row["name"]["en"]: (row["low"], row["base"], row["high"]) for row in rows}


def test_names_come_in_both_languages():
    found = named(offer_catalogue(code={"name": CODE}))
    assert found["currency"] == found["profit_unit"] == TEXT
    assert found["offers"] == {"code": CODE}
    assert found["channels"] == {"email": TEXT, "call": TEXT}
    assert list(found["gates"]) == ["consent", "channel", "fatigue", "margin_floor"]
    assert found["gates"]["consent"] == both("Согласие", "Consent")
    assert found["control"] == {"share": 0, "power": 0.8, "significance": 0.05}


def test_the_unit_named_is_the_one_chosen():
    units = {
        "money": {"value": 1, "label": TEXT},
        "hundred": {"value": 100, "label": both("сто рублей", "hundred roubles")},
    }
    unit = {"chosen": "hundred", "units": units, "source": TEXT}
    found = named(profit_unit=unit)
    assert found["profit_unit"] == both("сто рублей", "hundred roubles")
    worth = found["assumptions"][0]
    assert (worth["low"], worth["base"], worth["high"]) == (100, 100, 100)
    assert worth["unit"] == both("текст за единицу прибыли", "text per unit of profit")


def test_profit_that_can_only_be_money_assumes_nothing():
    assert "Worth of one unit of the shop's profit" not in assumptions()


def test_every_range_of_an_offer_is_listed():
    rates = save_rate(span(0.1, 0.2, 0.3), save_first=span(0.2, 0.3, 0.4))
    found = assumptions(offer_catalogue(code={"name": CODE, **rates}))
    assert list(found.values()) == [
        (1, 3, 6),
        (0.1, 0.2, 0.3),
        (0.2, 0.3, 0.4),
        (0.2, 0.5, 0.8),
    ]
    assert found["Save rate, “Code”"] == (0.1, 0.2, 0.3)
    assert found["Save rate, “Code”, group “Save first”"] == (0.2, 0.3, 0.4)
    assert found["Redemption by customers who would have stayed, “Code”"] == (0.2, 0.5, 0.8)


def test_customers_without_a_model_add_their_ranges():
    found = assumptions(winback=WINBACK)
    assert found["Risk not to come back without an offer, class “Sleeping”"] == (0.4, 0.5, 0.6)
    assert found["Risk not to come back without an offer, class “Leaving”"] == (0.2, 0.3, 0.4)
    assert found["Purchases that a customer makes who was won back"] == (0.5, 1, 2)
    assert found["Share of a won-back customer's purchase that the shop earns"] == (0.25,) * 3
    assert not any("class" in name for name in assumptions())


@pytest.mark.parametrize(("group", "name"), [("unheard_of", "unheard_of"), ("lost", "Lost")])
def test_a_group_without_a_name_is_called_as_it_is(group: str, name: str):
    rates = save_rate(span(0, 0, 0), **{group: span(0, 0.1, 1)})
    found = assumptions(offer_catalogue(code={"name": CODE, **rates}))
    assert found[f"Save rate, “Code”, group “{name}”"] == (0, 0.1, 1)


def test_names_with_braces_and_tags_stay_as_they_are():
    odd = both("<b>{0}</b> «x»", "<script>{name}</script>")
    found = named(offer_catalogue(code={"name": odd}))
    assert found["offers"]["code"] == odd
    assert found["assumptions"][1]["name"]["en"] == "Save rate, “<script>{name}</script>”"


def test_each_assumption_has_its_unit_and_source_in_both_languages():
    for row in named(winback=WINBACK)["assumptions"]:
        assert row["low"] <= row["base"] <= row["high"]
        for part in ("name", "unit", "source"):
            assert set(row[part]) == {"ru", "en"}
            assert all(row[part].values())

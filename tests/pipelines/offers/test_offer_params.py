"""Parameters of the offers: what is refused, what must exist elsewhere, and what is shipped."""

import csv
import math
import string
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.offers.catalogue_params import OfferCatalogue
from personal_offers.pipelines.offers.params import OfferOptions
from personal_offers.pipelines.segmentation.params import SegmentationOptions
from personal_offers.pipelines.segmentation.rfm_params import RfmOptions
from personal_offers.shops import SHOPS
from tests.pipelines.modelling.made_up import registry_of
from tests.pipelines.offers.made_up import (
    CONSENT,
    TEXT,
    WINBACK,
    assumed,
    blocks,
    channels,
    control,
    gates,
    offer_block,
    offer_catalogue,
    offer_options,
    option_values,
    save_rate,
    span,
)

SHOP_NAMES = [shop.name for shop in SHOPS]
REGISTRY = {
    "contact_allowed": "flag",
    "has_phone": "flag",
    "contacts": "number",
    "average_check": "number",
    "revenue": "number",
    "service_type": "category",
}


def refused(kind: type[Any], values: dict[str, Any]) -> list[tuple[tuple[Any, ...], str]]:
    """Return place and message of all that is wrong with a block."""
    with pytest.raises(ValidationError) as caught:
        kind.model_validate(values)
    return [(error["loc"], error["msg"]) for error in caught.value.errors()]


def refused_offer(**changes: Any) -> list[tuple[tuple[Any, ...], str]]:
    """Return what is wrong with an offer."""
    return refused(OfferCatalogue, {"offers": {"code": offer_block(**changes)}})


def texts(ru: str, en: str = "text", **eligible: Any) -> dict[str, Any]:
    return {"text": {"ru": ru, "en": en}, "eligible": eligible}


# --- the catalogue ------------------------------------------------------------------------------


class TestCatalogue:
    def test_offers_keep_their_order(self):
        assert list(offer_catalogue(zebra={}, apple={}).offers) == ["zebra", "apple"]

    def test_an_empty_catalogue_is_refused(self):
        assert "at least 1 item" in refused(OfferCatalogue, {"offers": {}})[0][1]

    def test_a_code_that_stands_twice_is_named(self):
        offers = {
            "one": offer_block("SAME"),
            "two": offer_block("SAME"),
            "three": offer_block("X1"),
        }

        assert refused(OfferCatalogue, {"offers": offers})[0][1].endswith(
            "several offers share the code SAME"
        )

    @pytest.mark.parametrize("code", ["", "A", "=SUM", "-A1", "+A1", "@A", "A B", "abc", "A\n"])
    def test_a_code_that_a_spreadsheet_would_run_or_nobody_can_type_is_refused(self, code: str):
        assert refused_offer(code=code)[0][0][-1] == "code"

    @pytest.mark.parametrize("key", ["name", "text"])
    @pytest.mark.parametrize("text", [{"ru": "текст"}, {"en": "text"}, {"ru": "", "en": "text"}])
    def test_a_missing_translation_is_refused(self, key: str, text: dict[str, str]):
        assert [place[2] for place, _ in refused_offer(**{key: text})] == [key]

    @pytest.mark.parametrize(
        ("changes", "place"),
        [
            ({"contact_cost": -0.01}, "contact_cost"),
            ({"contact_cost": math.inf}, "contact_cost"),
            ({"redemption_cost": {"kind": "fixed", "amount": -1}}, "amount"),
            ({"redemption_cost": {"kind": "share_of_margin", "share": -0.1}}, "share"),
            ({"redemption_cost": {"kind": "fixed", "share": 0.1}}, "share"),
            ({"redemption_cost": {"kind": "gift", "amount": 1}}, "redemption_cost"),
            ({"valid_days": 0}, "valid_days"),
            ({"valid_days": 367}, "valid_days"),
            ({"chanel": "email"}, "chanel"),
            ({"eligible": {"segment": ["grow"]}}, "segment"),
            ({"eligible": {"interest": "maybe"}}, "interest"),
            ({"eligible": {"consent": "any"}}, "consent"),
            (save_rate({"low": -0.1, "base": 0, "high": 0}), "low"),
            (save_rate(span(0, 0.5, 1.1)), "high"),
        ],
    )
    def test_what_is_out_of_range_or_misspelt_is_refused_by_its_place(
        self, changes: dict[str, Any], place: str
    ):
        assert place in [where[-1] for where, _ in refused_offer(**changes)]

    @pytest.mark.parametrize(
        "changes",
        [
            save_rate(span(0.3, 0.2, 0.4)),
            save_rate(span(0.1, 0.2, 0.3), grow=span(0.3, 0.2, 0.4)),
            {"redemption": assumed(0, 0, 0) | {"low": 0.3, "base": 0.2, "high": 0.4}},
        ],
    )
    def test_low_above_base_is_refused(self, changes: dict[str, Any]):
        (found,) = refused_offer(**changes)

        assert "low 0.3, base 0.2, high 0.4 must ascend" in found[1]

    def test_all_problems_are_told_at_once(self):
        found = refused_offer(contact_cost=-1, text={"ru": "текст"}, valid_days=0)

        assert {place[-1] for place, _ in found} == {"contact_cost", "en", "valid_days"}

    @pytest.mark.parametrize(
        ("eligible", "message"),
        [
            ({"segments": []}, "segments is empty"),
            ({"classes": []}, "classes is empty"),
            ({"values": {"service_type": []}}, "values.service_type is empty"),
            ({"marks": ["a", "b"], "not_marks": ["b"]}, "mark b is asked for and excluded"),
        ],
    )
    def test_an_offer_that_nobody_may_get_is_refused(self, eligible: dict[str, Any], message: str):
        (found,) = refused_offer(eligible=eligible)

        assert message in found[1]


class TestTexts:
    @pytest.mark.parametrize("interest", ["known", "so_far"])
    def test_a_text_may_name_the_interest_of_those_who_have_one(self, interest: str):
        offer = texts("Скидка на {interest}", "Off {interest}", interest=interest)

        assert offer_catalogue(code=offer).offers["code"].text_in("ru") == "Скидка на {interest}"

    @pytest.mark.parametrize("interest", ["any", "unknown"])
    @pytest.mark.parametrize("language", ["ru", "en"])
    def test_otherwise_it_may_not(self, interest: str, language: str):
        both = {"ru": "текст", "en": "text", language: "{interest}"}

        (found,) = refused_offer(**texts(**both, interest=interest))

        assert f"text.{language} names the interest" in found[1]
        assert "eligible.interest must be known or so_far" in found[1]

    @pytest.mark.parametrize(
        "field", ["name", "", "0", "interest.upper", "interest[0]", "Interest"]
    )
    def test_any_other_field_is_refused(self, field: str):
        (found,) = refused_offer(**texts(f"Скидка {{{field}}}", interest="known"))

        assert f"text.ru: {{{field}}} is not {{interest}}" in found[1]

    @pytest.mark.parametrize("text", ["{", "}", "{interest", "a } b"])
    def test_a_brace_alone_is_refused(self, text: str):
        (found,) = refused_offer(**texts("текст", text, interest="known"))

        assert "text.en: " in found[1]
        assert "write {{ for a brace" in found[1]

    def test_both_languages_are_told_of_at_once(self):
        (found,) = refused_offer(**texts("{name}", "{", interest="known"))

        assert "text.ru: {name} is not {interest}" in found[1]
        assert "text.en: " in found[1]

    def test_a_doubled_brace_is_a_brace(self):
        assert offer_catalogue(code=texts("{{скидка}}"))


# --- the options --------------------------------------------------------------------------------


def units(**changes: Any) -> dict[str, Any]:
    money = {"value": 1, "label": TEXT}
    return {"profit_unit": {"chosen": "money", "units": {"money": money}, "source": TEXT} | changes}


class TestOptions:
    def test_no_budget_and_no_capacity_are_no_limits(self):
        options = offer_options(budget=None, **channels(email=None))

        assert options.budget is None
        assert options.channels["email"].capacity is None

    @pytest.mark.parametrize("budget", [0, 0.5])
    def test_a_budget_of_nothing_or_little_is_one(self, budget: float):
        assert offer_options(budget=budget).budget == budget

    def test_an_unknown_unit_is_named_beside_the_known_ones(self):
        ((place, message),) = refused(OfferOptions, option_values(**units(chosen="dollar")))

        assert place == ("profit_unit",)
        assert "chosen dollar is not one of money" in message

    @pytest.mark.parametrize(
        ("changes", "place"),
        [
            ({"budget": -1}, ("budget",)),
            ({"budget": math.nan}, ("budget",)),
            (channels(email=-1), ("channels", "email", "capacity")),
            ({"channels": {}}, ("channels",)),
            ({"channels": {"email": {"label": {"ru": "письмо"}}}},
             ("channels", "email", "label", "en")),
            (units(units={"money": {"value": 0, "label": TEXT}}),
             ("profit_unit", "units", "money", "value")),
            (units(units={}), ("profit_unit", "units")),
            ({"horizon_months": assumed(-1, 3, 6)}, ("horizon_months", "low")),
            ({"horizon_months": assumed(4, 3, 6)}, ("horizon_months",)),
            (gates(margin_floor=1), ("gates", "margin_floor")),
            (gates(margin_floor=-0.1), ("gates", "margin_floor")),
            (gates(consent={"feature": "contact_allowed"}), ("gates", "consent", "confirmed")),
            (gates(fatigue={"feature": "contacts", "at_most": -1}),
             ("gates", "fatigue", "at_most")),
            (control(1), ("control", "share")),
            (control(-0.1), ("control", "share")),
            (control(0.1, power=0.4), ("control", "power")),
            ({"exploration": 1}, ("exploration",)),
            ({"seed": 2**31}, ("seed",)),
            ({"winback": WINBACK | {"risk": {}}}, ("winback", "risk")),
            ({"winback": WINBACK | {"margin": 1.1}}, ("winback", "margin")),
            ({"winback": WINBACK | {"risk": {"sleeping": span(0.5, 0.4, 0.6)}}},
             ("winback", "risk", "sleeping")),
            ({"export": {"language": "en", "separator": "\n"}}, ("export", "separator")),
            ({"export": {"language": "de", "separator": ";"}}, ("export", "language")),
            ({"buget": 3}, ("buget",)),
        ],
    )  # fmt: skip
    def test_what_is_out_of_range_or_misspelt_is_refused_by_its_place(
        self, changes: dict[str, Any], place: tuple[str, ...]
    ):
        assert [where for where, _ in refused(OfferOptions, option_values(**changes))] == [place]

    def test_all_problems_are_told_at_once(self):
        found = refused(OfferOptions, option_values(budget=-1, exploration=2, **control(1)))

        assert {place for place, _ in found} == {
            ("budget",),
            ("exploration",),
            ("control", "share"),
        }


class TestFeatures:
    def test_those_of_the_registry_are_accepted(self):
        fatigue = {"feature": "contacts", "at_most": 3}
        money = {"value": 0.01, "times": "revenue", "label": TEXT}
        options = offer_options(
            winback=WINBACK, **gates(fatigue=fatigue), **units(units={"money": money})
        )
        catalogue = offer_catalogue(code={"eligible": {"values": {"service_type": ["x"]}}})

        assert options.feature_problems(registry_of(REGISTRY)) == []
        assert catalogue.feature_problems(registry_of(REGISTRY)) == []

    def test_all_that_are_unknown_or_of_another_type_are_listed(self):
        options = offer_options(
            winback=WINBACK | {"check": "service_type"},
            **gates(
                consent=CONSENT | {"feature": "agreed"},
                fatigue={"feature": "contact_allowed", "at_most": 3},
            ),
            **units(units={"money": {"value": 1, "times": "turnover", "label": TEXT}}),
            channels={"email": {"label": TEXT, "reached_by": "contacts"}},
        )

        assert options.feature_problems(registry_of(REGISTRY)) == [
            "offers.gates.consent.feature: agreed is not a flag of the registry",
            "offers.gates.fatigue.feature: contact_allowed is not a number of the registry",
            "offers.winback.check: service_type is not a number of the registry",
            "offers.profit_unit.units.money.times: turnover is not a number of the registry",
            "offers.channels.email.reached_by: contacts is not a flag of the registry",
        ]

    def test_values_are_asked_of_categories(self):
        asked = {"values": {"contacts": ["3"], "colour": ["red"]}}

        found = offer_catalogue(code={"eligible": asked}).feature_problems(registry_of(REGISTRY))

        place = "offer_catalogue.offers.code.eligible.values"
        assert found == [
            f"{place}: contacts is not a category of the registry",
            f"{place}: colour is not a category of the registry",
        ]


class TestOtherBlocks:
    def test_what_exists_is_accepted(self):
        asked = {
            "segments": ["grow", "sleeping"],
            "classes": ["leaving"],
            "marks": ["full_cart"],
            "not_marks": ["promo_dependent"],
        }
        rate = save_rate(span(0, 0.1, 0.2), grow=span(0, 0.1, 0.2), leaving=span(0, 0.1, 0.2))
        catalogue = offer_catalogue(code={"eligible": asked, "channel": "call"} | rate)

        options = offer_options(winback=WINBACK)

        assert options.block_problems(blocks(catalogue, classes=["sleeping", "leaving"])) == []

    def test_all_that_does_not_exist_is_listed(self):
        asked = {
            "segments": ["gone", "grow"],
            "classes": ["gold"],
            "marks": ["rich"],
            "not_marks": ["poor"],
        }
        rate = save_rate(span(0, 0.1, 0.2), nobody=span(0, 0.1, 0.2))
        catalogue = offer_catalogue(
            code={"eligible": asked, "channel": "owl"} | rate, other={"channel": "raven"}
        )

        options = offer_options(winback=WINBACK)
        found = options.block_problems(blocks(catalogue, classes=["sleeping"]))

        place = "offer_catalogue.offers.code"
        assert [problem.split(" (")[0] for problem in found] == [
            f"{place}.channel: owl is no channel of offers.channels",
            f"{place}.eligible.segments: gone is no segment or RFM class",
            f"{place}.eligible.classes: gold is no RFM class",
            f"{place}.eligible.marks: rich is no mark of segmentation.marks",
            f"{place}.eligible.not_marks: poor is no mark of segmentation.marks",
            f"{place}.save_rate.by_segment: nobody is no segment or RFM class",
            "offer_catalogue.offers.other.channel: raven is no channel of offers.channels",
            "offers.winback.risk: leaving is no RFM class",
        ]

    def test_what_there_is_stands_beside(self):
        found = offer_options().block_problems(blocks(offer_catalogue(code={"channel": "owl"})))

        (problem,) = found
        assert problem.endswith("owl is no channel of offers.channels (email, call)")

    def test_a_shop_without_classes_has_none(self):
        catalogue = offer_catalogue(code={"eligible": {"classes": ["top"]}})

        assert offer_options().block_problems(blocks(catalogue)) == [
            "offer_catalogue.offers.code.eligible.classes: top is no RFM class (there is none)"
        ]


# --- what is shipped ----------------------------------------------------------------------------


@pytest.mark.parametrize("shop", SHOP_NAMES)
class TestShipped:
    def test_it_is_valid_and_names_only_what_exists(self, shop: str, parameters: dict[str, Any]):
        own = parameters[shop]
        options = OfferOptions.model_validate(own["offers"])
        catalogue = OfferCatalogue.model_validate(own["offer_catalogue"])
        registry = FeatureRegistry.model_validate(own["feature_registry"])
        known: dict[str, Any] = {
            "offer_catalogue": catalogue,
            "segmentation": SegmentationOptions.model_validate(own["segmentation"]),
        }
        if "rfm" in own:
            known["rfm"] = RfmOptions.model_validate(own["rfm"])

        assert options.feature_problems(registry) == []
        assert catalogue.feature_problems(registry) == []
        assert options.block_problems(known) == []

    def test_nothing_is_exported_before_consent_is_confirmed(
        self, shop: str, parameters: dict[str, Any]
    ):
        options = OfferOptions.model_validate(parameters[shop]["offers"])

        assert options.gates.consent.confirmed is False

    def test_every_kind_of_offer_that_the_shop_can_use_is_there(
        self, shop: str, parameters: dict[str, Any]
    ):
        offers = OfferCatalogue.model_validate(parameters[shop]["offer_catalogue"]).offers
        wanted = {"category_code", "bundle", "apology", "personal_call", "survey"}
        wanted |= {"one_click": {"basket_reminder", "cashback", "premium_perks"}}.get(shop, set())

        assert wanted <= set(offers)
        assert offers["survey"].eligible.interest == "unknown"
        assert offers["personal_call"].channel == "call"

    def test_both_languages_name_the_interest_or_neither(
        self, shop: str, parameters: dict[str, Any]
    ):
        offers = OfferCatalogue.model_validate(parameters[shop]["offer_catalogue"]).offers
        fields = {
            name: [
                [
                    field
                    for _, field, _, _ in string.Formatter().parse(offer.text_in(language))
                    if field
                ]
                for language in ("ru", "en")
            ]
            for name, offer in offers.items()
        }

        assert [name for name, (ru, en) in fields.items() if ru != en] == []

    def test_the_horizon_is_that_of_the_decision(self, shop: str, parameters: dict[str, Any]):
        own = parameters[shop]

        assert own["offers"]["horizon_months"] == own["decision"]["horizon_months"]


def test_the_first_shop_names_several_units_of_profit(parameters: dict[str, Any]):
    options = OfferOptions.model_validate(parameters["one_click"]["offers"])

    assert len(options.profit_unit.units) > 1
    assert "percent_of_revenue" in options.profit_unit.units


def test_the_catalogue_of_the_first_shop_asks_for_values_that_its_file_holds(
    root: Path, parameters: dict[str, Any]
):
    offers = OfferCatalogue.model_validate(parameters["one_click"]["offer_catalogue"]).offers
    file = root / "data" / "01_raw" / "one_click" / "market_file.csv"
    with file.open(encoding="utf-8-sig", newline="") as lines:
        held = {row["Тип сервиса"] for row in csv.DictReader(lines)}

    asked = [
        value
        for offer in offers.values()
        for value in offer.eligible.values.get("service_type", ())
    ]

    assert asked
    assert set(asked) <= held

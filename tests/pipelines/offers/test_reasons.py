"""Reasons: exact sentences in both languages, true to what the rule saw, safe with any text."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from personal_offers.pipelines.offers.catalogue_params import OfferCatalogue
from personal_offers.pipelines.offers.params import OfferOptions
from personal_offers.pipelines.offers.reasons import reason_sentences
from tests.pipelines.offers.made_up import (
    REGISTRY,
    VIEW_NAMES,
    WINBACK,
    both,
    control,
    offer_catalogue,
    offer_options,
)

THIN = "\u202f"
CATALOGUE = offer_catalogue(
    code={
        "name": both("Промокод", "Promo code"),
        "text": both("Скидка на {interest}", "A discount on {interest}"),
        "eligible": {"interest": "known"},
    },
    basket={
        "name": both("Корзина", "Basket"),
        "text": both("Вы забыли {{interest}}", "You forgot {{interest}}"),
        "eligible": {"marks": ["full_cart", "promo_dependent"]},
    },
)
OPTIONS = offer_options(
    currency=both("₽", "RUB"),
    channels={
        "email": {"label": both("письмо", "e-mail")},
        "call": {"label": both("звонок", "call"), "reached_by": "has_phone"},
    },
)
# What an outcome looks like for somebody who gets a code.
SENT: dict[str, Any] = {
    "customer_id": "a",
    "outcome": "sent",
    "segment": "save_first",
    "rfm_class": "top",
    "decline_risk": 0.62,
    "full_cart": False,
    "promo_dependent": False,
    "explored": False,
    "pair_offer": "code",
    "pair_channel": "email",
    "pair_risk": 0.62,
    "pair_risk_source": "model",
    "pair_save_rate": 0.2,
    "pair_break_even_save_rate": 0.084,
    "pair_expected_cost": 2.75,
    "pair_expected_net_low": -0.31,
    "pair_expected_net": 1234.4,
    "pair_expected_net_high": 5000.0,
    "pair_consent_unknown": False,
    "pair_blocked_by": None,
    "reason_1": None,
    "reason_2": None,
    "reason_3": None,
    "interest_ru": None,
    "interest_en": None,
}
NO_PAIR: dict[str, Any] = {name: None for name in SENT if name.startswith("pair_")}
NUMBERS = [
    "decline_risk", "pair_risk", "pair_save_rate", "pair_break_even_save_rate",
    "pair_expected_cost", "pair_expected_net_low", "pair_expected_net", "pair_expected_net_high",
]  # fmt: skip
INTEREST = {"interest_ru": "Чай", "interest_en": "Tea"}
DRIVERS = {"reason_1": "pages, up", "reason_2": "minutes, up", "reason_3": "errors, up"}


def sentences(
    *rows: Mapping[str, Any],
    catalogue: OfferCatalogue = CATALOGUE,
    options: OfferOptions = OPTIONS,
    names: Mapping[str, Any] = VIEW_NAMES,
) -> pd.DataFrame:
    frame = pd.DataFrame([SENT | row for row in rows], columns=list(SENT))
    frame = frame.astype(dict.fromkeys(NUMBERS, "float64"))
    return reason_sentences(frame, names, REGISTRY, catalogue, options)


def told(row: Mapping[str, Any], **others: Any) -> tuple[str, str]:
    """Return what is said of one customer, in Russian and in English."""
    found = sentences(row, **others).iloc[0]
    return found["reason_ru"], found["reason_en"]


def test_what_is_sent_says_segment_risk_and_money():
    assert told({}) == (
        "«Промокод» (письмо): сегмент «Спасать первыми», риск снижения 62%; ожидаемая выгода "
        f"1{THIN}234 ₽ (от −0,31 до 5{THIN}000) при затратах 2,8; окупается, если удержит 8,4%, "
        "допущение — 20%.",
        "“Promo code” (e-mail): segment “Save first”, decline risk 62%; expected to bring "
        "1,234 RUB (−0.31 to 5,000) at a cost of 2.8; pays from a save rate of 8.4%, "
        "20% is assumed.",
    )


def test_what_is_sent_says_all_that_the_rule_saw():
    ru, en = told(INTEREST | DRIVERS)
    assert (
        "риск снижения 62% (с ним связаны показатели: страниц за визит, минут на сайте); "
        "интерес: Чай; ожидаемая"
    ) in ru
    assert (
        "decline risk 62% (goes along with: pages per visit, minutes on the site); "
        "interest: Tea; expected"
    ) in en


def test_control_says_what_is_withheld_and_why():
    ru, en = told({"outcome": "control"})
    assert ru.startswith(
        "Контрольная группа: намеренно ничего не отправляем, чтобы измерить эффект; иначе "
        "«Промокод» (письмо): сегмент «Спасать первыми»"
    )
    assert en.startswith(
        "Control group: nothing is sent on purpose, so that the effect can be measured; "
        "otherwise “Promo code” (e-mail): segment “Save first”"
    )


BLOCKED = {
    "consent": (
        "Не связываемся: согласия на предложения нет",
        "Not contacted: there is no agreement to be contacted",
    ),
    "channel": (
        "Не связываемся: нет доступного канала (письмо)",
        "Not contacted: cannot be reached (e-mail)",
    ),
    "fatigue": (
        "Не связываемся: контактов в этом периоде уже достаточно",
        "Not contacted: has had enough contacts this period",
    ),
    "margin_floor": (
        "Без предложения: того, что приносит клиент, на него не хватает",
        "No offer: what the customer earns the shop is too little for one",
    ),
}


@pytest.mark.parametrize("gate", list(BLOCKED))
def test_the_blocked_hear_of_the_gate_and_of_what_it_costs(gate: str):
    ru, en = told({"outcome": "blocked", "pair_blocked_by": gate})
    assert ru == BLOCKED[gate][0] + (
        f"; иначе ожидаемая выгода от предложения «Промокод» — 1{THIN}234 ₽; "
        "сегмент «Спасать первыми», риск снижения 62%."
    )
    assert en == BLOCKED[gate][1] + (
        "; otherwise “Promo code” would be expected to bring 1,234 RUB; "
        "segment “Save first”, decline risk 62%."
    )


def test_a_gate_that_keeps_nothing_that_pays_does_not_promise_money():
    row = {"outcome": "blocked", "pair_blocked_by": "consent", "pair_expected_net": -2.0}
    ru, en = told(row)
    assert (
        "да и ни одно предложение не окупилось бы: лучшее — «Промокод» — принесло бы −2,0 ₽" in ru
    )
    assert "nor would any offer pay: the best one, “Promo code”, would bring −2.0 RUB" in en


def test_nothing_in_the_catalogue_says_so():
    assert told({"outcome": "not_offered", **NO_PAIR}) == (
        "Без предложения: в каталоге нет подходящего (сегмент «Спасать первыми», "
        "риск снижения 62%).",
        "No offer: nothing in the catalogue fits (segment “Save first”, decline risk 62%).",
    )


LAPSED = {"decline_risk": None, "segment": "sleeping", "rfm_class": "sleeping"}


def test_no_risk_and_no_rule_says_so():
    lost = {"decline_risk": None, "segment": "lost", "rfm_class": "lost", "outcome": "not_offered"}
    options = OPTIONS.model_copy(update={"winback": offer_options(winback=WINBACK).winback})
    for each in (OPTIONS, options):
        assert told(lost | NO_PAIR, options=each) == (
            "Без предложения: риск не посчитан, и для класса «Потерянные» нет правила.",
            "No offer: no decline risk was computed, and no rule covers the class “Lost”.",
        )


def test_a_class_with_a_rule_that_no_offer_fits_is_not_called_a_class_without_one():
    options = OPTIONS.model_copy(update={"winback": offer_options(winback=WINBACK).winback})
    assert told(LAPSED | NO_PAIR | {"outcome": "not_offered"}, options=options) == (
        "Без предложения: в каталоге нет подходящего (сегмент «Спящие»).",
        "No offer: nothing in the catalogue fits (segment “Sleeping”).",
    )


def test_a_risk_by_rule_is_called_an_assumption():
    ru, en = told(LAPSED | {"pair_risk": 0.54, "pair_risk_source": "rule"})
    assert "сегмент «Спящие», риск не посчитан, по классу сами не вернутся 54% (допущение);" in ru
    assert "“Sleeping”, no computed risk, by class 54% are assumed not to come back;" in en


def test_what_does_not_pay_says_from_where_on_it_would():
    row = {"outcome": "does_not_pay", "pair_expected_net": -3.25, "pair_break_even_save_rate": 0.25}
    assert told(row) == (
        "Без предложения: ни одно не окупается, лучшее — «Промокод» — принесло бы −3,2 ₽; сегмент "
        "«Спасать первыми», риск снижения 62%; окупается, если удержит 25%, допущение — 20%.",
        "No offer: none pays; the best one, “Promo code”, would bring −3.2 RUB; segment "
        "“Save first”, decline risk 62%; pays from a save rate of 25%, 20% is assumed.",
    )


@pytest.mark.parametrize("even", [None, 1.0001, 7.0])
def test_a_save_rate_above_everybody_is_none(even: float | None):
    row = {"outcome": "does_not_pay", "pair_expected_net": -3.0, "pair_break_even_save_rate": even}
    ru, en = told(row)
    assert ru.endswith("; не окупается ни при какой доле удержанных, допущение — 20%.")
    assert en.endswith("; no save rate makes it pay, 20% is assumed.")


def test_rates_that_differ_are_written_so_that_they_differ():
    row = {"outcome": "does_not_pay", "pair_expected_net": -0.1, "pair_save_rate": 0.1}
    ru, en = told(row | {"pair_break_even_save_rate": 0.1034})
    assert ru.endswith("окупается, если удержит 10,34%, допущение — 10,00%.")
    assert en.endswith("pays from a save rate of 10.34%, 10.00% is assumed.")
    assert told(row | {"pair_break_even_save_rate": 0.1})[1].endswith("of 10%, 10% is assumed.")


def test_what_is_too_dear_says_that_there_is_no_room_for_it():
    assert told({"outcome": "too_dear", "pair_expected_net": 12.3}) == (
        "Без предложения: лучшее — «Промокод» — принесло бы 12 ₽ при затратах 2,8, но бюджета "
        "или мест в канале на него не хватает; сегмент «Спасать первыми», риск снижения 62%.",
        "No offer: “Promo code” would bring 12 RUB at a cost of 2.8, but budget or channel "
        "room does not stretch that far; segment “Save first”, decline risk 62%.",
    )


def test_a_random_offer_says_that_it_is_one():
    ru, en = told({"explored": True})
    assert "(письмо): выбрано случайно, чтобы узнать, что работает; сегмент" in ru
    assert "(e-mail): drawn at random to learn what works; segment" in en


# --- shares and amounts ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("risk", "ru", "en"),
    [
        (0.0, "<0,1%", "<0.1%"),
        (0.00001, "<0,1%", "<0.1%"),
        (0.0004, "<0,1%", "<0.1%"),
        (0.0012, "0,1%", "0.1%"),
        (0.062, "6,2%", "6.2%"),
        (0.5, "50%", "50%"),
        (0.99, "99%", "99%"),
        (0.996, ">99%", ">99%"),
        (0.99999, ">99%", ">99%"),
        (1.0, ">99%", ">99%"),
    ],
)
def test_nobody_is_sure_to_leave_or_to_stay(risk: float, ru: str, en: str):
    found = told({"decline_risk": risk, "pair_risk": risk})
    assert f"риск снижения {ru};" in found[0]
    assert f"decline risk {en};" in found[1]


@pytest.mark.parametrize(
    ("amount", "ru", "en"),
    [
        (0.004, "0,00", "0.00"),
        (-0.004, "0,00", "0.00"),
        (0.31, "0,31", "0.31"),
        (1.26, "1,3", "1.3"),
        (-12.7, "−13", "−13"),
        (1234567.4, f"1{THIN}234{THIN}567", "1,234,567"),
    ],
)
def test_amounts_are_as_exact_as_they_are_small(amount: float, ru: str, en: str):
    found = told({"pair_expected_net": amount})
    assert f"выгода {ru} ₽" in found[0]
    assert f"bring {en} RUB" in found[1]


# --- drivers, marks, interests ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("drivers", "named"),
    [
        (("pages, up", "tenure, up", "errors, up"), "pages per visit, service errors"),
        (("pages, down", "minutes, up", None), "minutes on the site"),
        (("tenure, up", "pages, down", None), None),
        (("unheard_of, up", None, None), None),
        ((None, None, None), None),
    ],
)
def test_drivers_raise_the_risk_and_can_be_changed(
    drivers: tuple[str | None, ...], named: str | None
):
    row = dict(zip(("reason_1", "reason_2", "reason_3"), drivers, strict=True))
    en = told(row)[1]
    assert (f"(goes along with: {named});" in en) if named else ("goes along" not in en)


def test_one_driver_is_not_called_several():
    assert "(с ним связан показатель: страниц за визит);" in told({"reason_1": "pages, up"})[0]


def test_marks_that_made_the_customer_eligible_are_named():
    marked = {"full_cart": True, "promo_dependent": True}
    ru, en = told(marked | {"pair_offer": "basket"})
    assert "сегмент «Спасать первыми», неоплаченная корзина, VIP-скидки, риск" in ru
    assert "segment “Save first”, full cart, VIP discounts, decline" in en
    assert "full cart" not in told(marked)[1]  # the code does not ask for marks
    one = sentences({"pair_offer": "basket", "full_cart": True}, {"full_cart": None})
    assert "full cart, decline" in one["reason_en"].iloc[0]
    assert "full cart" not in one["reason_en"].iloc[1]


def test_an_unknown_mark_is_none():
    rows = [{"pair_offer": "basket", "full_cart": mark} for mark in (True, None, False)]
    found = sentences(*rows)["reason_en"].str.contains("full cart")
    assert found.tolist() == [True, False, False]


def test_an_interest_is_named_only_where_the_text_uses_it():
    assert "interest: Tea" in told(INTEREST)[1]
    assert "interest" not in told(INTEREST | {"pair_offer": "basket"})[1]  # its braces are text
    assert "interest" not in told({})[1]


# --- texts from data -------------------------------------------------------------------------

NASTY = '{offer} {0} %s "x" <b>«y»</b> {{z}} \\1'


def test_texts_from_data_are_written_as_they_are():
    ru, en = told({"interest_ru": NASTY, "interest_en": NASTY})
    assert f"интерес: {NASTY};" in ru
    assert f"interest: {NASTY};" in en


def test_names_from_configuration_are_written_as_they_are():
    catalogue = offer_catalogue(code={"name": both(NASTY, NASTY)})
    names = VIEW_NAMES | {"segments": {"save_first": both(NASTY, NASTY)}}
    en = told({}, catalogue=catalogue, names=names)[1]
    assert en.startswith(f"“{NASTY}” (e-mail): segment “{NASTY}”, decline risk")


def test_an_unknown_segment_is_called_by_its_key_and_no_class_by_its_name():
    assert "segment “newcomers”" in told({"segment": "newcomers"})[1]
    assert "segment “Not classified”" in told({"segment": "not_classified"})[1]


# --- all of them -----------------------------------------------------------------------------

OUTCOMES = ["sent", "control", "blocked", "not_offered", "does_not_pay", "too_dear"]


def every_case() -> list[dict[str, Any]]:
    """Return customers of every outcome, each with as little known of them as there can be."""
    rows: list[dict[str, Any]] = []
    for outcome in OUTCOMES:
        known: dict[str, Any] = {"outcome": outcome}
        if outcome == "not_offered":
            known |= NO_PAIR
        gates: list[str | None] = list(BLOCKED) if outcome == "blocked" else [None]
        for gate in gates:
            row = known | {"pair_blocked_by": gate}
            rows += [row, row | INTEREST | DRIVERS | {"full_cart": True}]
            rows += [row | LAPSED, row | {"pair_break_even_save_rate": None}]
            rows += [row | {"explored": None, "full_cart": None}]
    return [row | {"customer_id": f"c{place:03d}"} for place, row in enumerate(rows)]


def test_every_sentence_is_whole():
    rows = every_case()
    found = sentences(*rows)
    assert list(found.columns) == ["customer_id", "reason_ru", "reason_en"]
    assert found["customer_id"].tolist() == [row["customer_id"] for row in rows]
    for language in ("ru", "en"):
        text = found[f"reason_{language}"]
        assert text.notna().all()
        assert text.str.endswith(".").all()
        assert not text.str.contains(r"nan|None|<NA>|[{}]|  |\(\)|“”|«»|,;|;;| ;|\.\.").any()


def test_no_customers_get_no_sentences():
    found = sentences()
    assert (len(found), list(found.columns)) == (0, ["customer_id", "reason_ru", "reason_en"])


def test_customers_keep_their_order_whatever_their_index_is():
    frame = pd.DataFrame([SENT | {"customer_id": i} for i in "ba"], index=[5, 5])
    before = frame.copy()
    found = reason_sentences(frame, VIEW_NAMES, REGISTRY, CATALOGUE, OPTIONS)
    assert found["customer_id"].tolist() == ["b", "a"]
    assert found["reason_en"].notna().all()
    assert_frame_equal(frame, before)


def test_a_plan_with_a_control_group_says_the_same_of_the_offer():
    treated, held = sentences({}, {"outcome": "control"}, options=offer_options(**control(0.2)))[
        "reason_en"
    ]
    assert held.endswith(treated)

"""The plan in words: right in both languages, with what it cannot promise, also when empty."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from personal_offers.features import BothLanguages, Language
from personal_offers.pipelines.offers.catalogue_params import OfferCatalogue
from personal_offers.pipelines.offers.params import (
    Channel,
    ControlOptions,
    OfferOptions,
)
from personal_offers.pipelines.offers.plan_text import write_plan
from personal_offers.profit_units import ProfitUnit, ProfitUnits

SHARE = {
    "unit": {"ru": "доля", "en": "share"},
    "source": {"ru": "допущение", "en": "assumption"},
}
RANGE = {"low": 0.1, "base": 0.2, "high": 0.3}
CONTROL = ControlOptions(
    share=0.1, other_shares=(0.2,), power=0.8, significance=0.05, suspicious=0.001
)


def both(ru: str, en: str) -> BothLanguages:
    return BothLanguages(ru=ru, en=en)


def offer_of(ru: str, en: str, code: str, channel: str) -> dict[str, Any]:
    return {
        "name": {"ru": ru, "en": en},
        "text": {"ru": "Текст", "en": "Text"},
        "code": code,
        "channel": channel,
        "contact_cost": 1,
        "redemption_cost": {"kind": "fixed", "amount": 10},
        "valid_days": 14,
        "save_rate": {**SHARE, "default": RANGE},
        "redemption": {**SHARE, **RANGE},
    }


CATALOGUE = OfferCatalogue.model_validate(
    {
        "offers": {
            "basket": offer_of("Корзина | *", "Basket <b> | *", "BASKET", "email"),
            "call": offer_of("Звонок", "Call", "CALL", "call"),
        }
    }
)
OPTIONS = OfferOptions.model_construct(
    plan_date=date(2026, 11, 28),
    currency=both("₽", "RUB"),
    channels={
        "email": Channel(label=both("почта", "e-mail")),
        "call": Channel(label=both("звонок", "phone")),
    },
    control=CONTROL,
    profit_unit=ProfitUnits(
        chosen="thousand",
        units={"thousand": ProfitUnit(value=1000, label=both("тыс. ₽ в месяц", "kRUB a month"))},
        source=both("допущение", "assumption"),
    ),
)


def summary_of(**changes: Any) -> dict[str, Any]:
    return {
        "plan_date": "2026-11-28",
        "customers": 1297,
        "offered": 321,
        "control": 32,
        "blocked": {
            "fatigue": {"customers": 22, "sole": 2, "worth": 96.4},
            "consent": {"customers": 180, "sole": 151, "worth": 12400.4},
            "channel": {"customers": 0, "sole": 0, "worth": 0.0},
            "margin_floor": {"customers": 1, "sole": 1, "worth": None},
        },
        "none": {"does_not_pay": 602, "blocked": 201, "not_offered": 41, "too_dear": 100},
        "offers": [
            {
                "offer": "call",
                "channel": "call",
                "customers": 21,
                "cost": 2000.0,
                "expected_net": 17000.4,
            },
            {
                "offer": "basket",
                "channel": "email",
                "customers": 300,
                "cost": 900.5,
                "expected_net": 21000.0,
            },
        ],
        "spend": 2900.5,
        "budget": 3000.0,
        "expected_net_low": -1200.0,
        "expected_net": 38000.4,
        "expected_net_high": 81000.0,
        "next_unit_returns": 1.8444,
        "bound": 38003.0,
        "gap": 8e-5,
        "method": "exact",
        "provisional": False,
        "exported": 0,
        "explored": 0,
        "do_not_touch": {"customers": 602, "saves": 3400.0, "even_at_best": 60},
        "probability_of_gain": 0.934,
        "units": [],
        "detectable_effect": 0.26,
        "explanation": None,
    } | changes


def written(**changes: Any) -> tuple[str, str]:
    """Return the two pages with plain spaces."""
    pages = write_plan(summary_of(**changes), [], CATALOGUE, OPTIONS)
    russian, english = (page.replace("\u00a0", " ").replace("\u202f", " ") for page in pages)
    return russian, english


def line_of(page: str, start: str) -> str:
    (line,) = [each for each in page.splitlines() if each.startswith(f"- **{start}")]
    return line.partition("** ")[2]


class TestPage:
    @pytest.mark.parametrize(
        ("count", "gets", "to"),
        [
            (1, "не получает 1 клиент.", "1 клиенту лучше не писать"),
            (2, "не получают 2 клиента.", "2 клиентам лучше не писать"),
            (5, "не получают 5 клиентов.", "5 клиентам лучше не писать"),
            (21, "не получает 21 клиент.", "21 клиенту лучше не писать"),
        ],
    )
    def test_cases_and_verbs_agree_with_the_count(self, count: int, gets: str, to: str) -> None:
        listed = {"customers": count, "saves": 1.0, "even_at_best": 0}

        russian, _ = written(control=count, detectable_effect=None, do_not_touch=listed)

        assert gets in line_of(russian, "Контрольная группа")
        assert line_of(russian, "Не трогать").startswith(to)

    @pytest.mark.parametrize(
        ("count", "words"), [(1, "клиенте"), (2, "клиентах"), (11, "клиентах"), (21, "клиенте")]
    )
    def test_blocked_customers_stand_in_their_case(self, count: int, words: str) -> None:
        blocked = {"fatigue": {"customers": 30, "sole": count, "worth": 5.0}}

        russian, _ = written(blocked=blocked)

        assert f"заработал бы ещё 5 ₽ на {count} {words})" in russian

    def test_says_who_gets_what_and_through_which_channel(self) -> None:
        russian, english = written()

        assert line_of(russian, "Кто получает") == (
            "Предложение получает 321 клиент из 1 297; каналы: почта — 300, звонок — 21."
        )
        assert line_of(english, "Who gets one") == (
            "321 customers out of 1,297 get an offer; channels: e-mail – 300, phone – 21."
        )

    def test_says_when_and_in_which_money(self) -> None:
        russian, english = written()

        assert russian.startswith("# План предложений на 28.11.2026\n")
        assert "деньги: ₽; единица прибыли магазина: тыс. ₽ в месяц." in russian
        assert "valid from 2026-11-28; money: RUB; unit of the shop's profit: kRUB" in english

    def test_says_why_others_get_nothing(self) -> None:
        line = line_of(written()[0], "Кто не получает")

        assert line.startswith("Без предложения остаются 944 клиента: 201 — отсеяны правилами")
        assert line.endswith("100 — окупается, но на них не хватает бюджета или мест в канале.")

    def test_says_cost_gain_and_range(self) -> None:
        russian, english = written()

        assert line_of(russian, "Деньги") == (
            "План стоит 2 900 ₽ (бюджет 3 000 ₽) и при базовых допущениях приносит 38 000 ₽ "
            "чистой прибыли; при осторожных −1 200 ₽, при оптимистичных 81 000 ₽."
        )
        assert "(no budget limit)" in written(budget=None)[1]
        assert "(budget 3,000 RUB)" in english

    def test_ranks_offers_by_gain_and_sums_up_the_rest(self) -> None:
        rows = [
            {
                "offer": f"offer_{n}",
                "channel": "email",
                "customers": 10,
                "cost": 1.5,
                "expected_net": float(n),
            }
            for n in range(1, 8)
        ]

        table = [line.strip() for line in written(offers=rows)[1].splitlines() if "  |" in line]

        assert table[2] == "| offer\\_7 | e-mail | 10 | 1.50 RUB | 7 RUB |"
        assert table[-1] == "| others (2) |  | 20 | 3 RUB | 3 RUB |"
        assert len(table) == 8

    def test_texts_from_configuration_cannot_break_the_page(self) -> None:
        page = written()[1]

        assert "| Basket &lt;b&gt; \\| \\* | e-mail | 300 | 900 RUB | 21,000 RUB |" in page

    def test_gates_come_in_order_with_what_they_block(self) -> None:
        russian, english = written()

        assert line_of(russian, "Что блокируют") == (
            "Нет согласия на связь: 180 клиентов (согласие ещё 151 клиента принесло бы 12 400 ₽); "
            "уже получили достаточно сообщений: 22 клиента (без этого запрета план заработал бы "
            "ещё 96,4 ₽ на 2 клиентах); того, что приносит клиент, на предложение не хватает: "
            "1 клиент."
        )
        assert "(consent from 151 customers would earn 12,400 RUB)" in english
        assert line_of(written(blocked={})[1], "What the rules") == (
            "Nothing: everybody may be contacted."
        )

    def test_says_what_the_next_money_returns_and_how_near_the_best_it_is(self) -> None:
        assert line_of(written()[1], "The next money") == (
            "1 RUB more of budget would add 1.84 RUB of net profit. It is proven that offers "
            "can be given out better by 0.008% at most."
        )
        assert line_of(written(gap=0.0, next_unit_returns=0.0)[1], "The next money") == (
            "A larger budget adds nothing: all that pays and fits into the channels is in the "
            "plan. It is proven that under these assumptions and limits offers cannot be given out "
            "better (before the control group is drawn)."
        )
        drawn = written(explored=2)
        assert line_of(drawn[0], "Следующие деньги").endswith("досталось 2 клиентам.")
        assert "proven" not in drawn[1]
        unlimited = written(gap=float("nan"), next_unit_returns=None, budget=None)[1]
        assert line_of(unlimited, "The next money").startswith("The budget is not limited: all")

    def test_says_whether_the_plan_can_lose(self) -> None:
        assert line_of(written()[0], "Если допущения") == (
            "В худшем случае план теряет 1 200 ₽; если взять допущения наугад из их пределов, "
            "ожидаемая прибыль больше нуля в 93% случаев."
        )
        safe = written(expected_net_low=5.0, probability_of_gain=None)[1]
        assert line_of(safe, "If the assumptions") == "Even at worst the plan loses nothing."

    def test_says_how_the_unit_of_profit_changes_the_plan(self) -> None:
        units = [
            {
                "unit": name,
                "chosen": chosen,
                "offered": offered,
                "expected_net": net,
                "label": {"ru": f"ед. {name}", "en": f"unit {name}"},
            }
            for name, chosen, offered, net in (("a", True, 321, 38000.0), ("b", False, 0, 0.0))
        ]

        assert line_of(written(units=units)[0], "Единица") == (
            "От неё зависят выводы, подтвердите, какая верна (в среднем по жеребьёвкам "
            "контрольной группы): ед. a (так считает план) — 321 предложение, 38 000 ₽; ед. b — "
            "план пуст."
        )
        assert "Unit of profit" not in written(units=units[:1])[1]

    def test_names_whom_not_to_touch(self) -> None:
        russian, _ = written()

        assert line_of(russian, "Не трогать") == (
            "602 клиентам лучше не писать: при базовых допущениях предложение обошлось бы дороже, "
            "чем принесёт. Это сбережёт 3 400 ₽. Даже при самых благоприятных допущениях не "
            "окупилось бы: 60."
        )
        assert "Не трогать" not in written(do_not_touch={"customers": 0, "saves": 0.0})[0]

    def test_a_provisional_plan_says_so_first_and_what_to_confirm(self) -> None:
        for page in written(provisional=True):
            notice = page.splitlines()[2]
            assert notice.startswith("> **")
            assert ".offers.gates.consent.confirmed=true`" in notice
        assert "The mailing files are empty." in notice
        some = written(provisional=True, exported=273)
        assert "только те, у кого оно записано: 273 клиента." in some[0]
        assert "files are empty" not in some[1]
        assert "> " not in written()[0]

    def test_warnings_stand_at_the_end(self) -> None:
        warnings = [{"ru": "Сегмент a_b мал.", "en": "Segment a_b is small."}]

        russian, english = write_plan(summary_of(), warnings, CATALOGUE, OPTIONS)

        assert "- **Предупреждения.** Какая разница" in russian
        assert russian.endswith("`detectable_effects.csv`.\n  - Сегмент a\\_b мал.\n")
        assert english.endswith("the expected one.\n  - Segment a\\_b is small.\n")

    def test_is_about_ten_lines(self) -> None:
        bullets = [line for line in written()[0].splitlines() if line.startswith("- ")]

        assert 8 <= len(bullets) <= 12


class TestControlGroup:
    def test_the_page_names_the_difference(self) -> None:
        assert line_of(written()[0], "Контрольная").startswith(
            "Намеренно ничего не получают 32 клиента. Сравнение с ними с вероятностью 80% покажет "
            "уменьшение доли снизивших активность, если оно не меньше 26,0 п. п."
        )

    def test_too_few_prove_nothing(self) -> None:
        few = written(control=1, offered=3, detectable_effect=None)
        line = line_of(few[1], "Control")
        assert line == (
            "1 customer gets nothing, on purpose. The group is too small to prove any effect."
        )

    def test_none_is_said(self) -> None:
        assert "There is none" in line_of(written(control=0)[1], "Control")


class TestEmptyPlan:
    EMPTY: dict[str, Any] = {  # noqa: RUF012
        "offered": 0,
        "control": 0,
        "offers": [],
        "spend": 0.0,
        "expected_net": 0.0,
        "gap": None,
    }

    def test_says_why_and_what_the_first_money_would_return(self) -> None:
        why = {"ru": "бюджет равен нулю.", "en": "the budget is zero."}

        russian, english = written(**self.EMPTY, budget=0.0, explanation=why)

        assert line_of(russian, "Кто получает") == "Никто из 1 297 клиентов: бюджет равен нулю."
        assert line_of(english, "Who gets one") == "Nobody of 1,297 customers: the budget is zero."
        assert "1 RUB more of budget would add" in english
        assert "Control group" not in english
        assert "What is sent" not in english

    def test_has_words_where_no_reason_is_given(self) -> None:
        _, english = written(**self.EMPTY, next_unit_returns=0.0, none={}, blocked={})

        assert "Nobody of 1,297 customers: no offer pays" in english
        assert "The next money" not in english
        assert "Who gets none" not in english

    def test_a_shop_without_customers_has_a_page(self) -> None:
        nothing = {"none": {}, "blocked": {}, "do_not_touch": {"customers": 0, "saves": 0.0}}

        russian, _ = written(**self.EMPTY, **nothing, customers=0)

        assert "Никто из 0 клиентов" in russian


@pytest.mark.parametrize("language", ["ru", "en"])
def test_names_that_nobody_explained_are_shown_as_they_are(language: Language) -> None:
    row = {
        "offer": "new_one",
        "channel": "pigeon",
        "customers": 1,
        "cost": 0.0,
        "expected_net": 0.0,
    }
    pages = written(
        offers=[row],
        none={"odd_one": 2},
        blocked={"moon": {"customers": 3, "sole": 0, "worth": 0.0}},
    )

    page = pages[("ru", "en").index(language)]

    assert "| new\\_one | pigeon | 1 | 0 " in page
    assert "odd\\_one" in page
    assert "Moon: 3" in page

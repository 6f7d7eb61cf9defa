"""Figures of the plan: findings in the titles, in both languages, also with nothing to draw."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import pytest

from personal_offers.features import BothLanguages, Language
from personal_offers.pipelines.offers.figures import draw_frontier, draw_gates, draw_tornado
from personal_offers.pipelines.offers.params import ControlOptions, OfferOptions

LANGUAGES: list[Language] = ["ru", "en"]


CURRENCY = BothLanguages(ru="₽", en="RUB <b>")
OPTIONS = OfferOptions.model_construct(
    currency=CURRENCY, control=ControlOptions.model_construct(share=0.0)
)


@pytest.fixture
def frontier() -> pd.DataFrame:
    rows = [
        (2000.0, 2000.0, 900.0, 905.0, 40, 0.2, True),
        (0.0, 0.0, 0.0, 0.0, 0, 1.5, False),
        (4000.0, 3000.0, 1000.0, 1000.0, 60, 0.0, False),
    ]
    columns = ["budget", "spend", "expected_net", "bound", "customers"]
    return pd.DataFrame(rows, columns=[*columns, "next_unit_returns", "is_plan"])


@pytest.fixture
def policies() -> pd.DataFrame:
    rows = [
        ("by_risk", "По риску", "By risk <i>", 450.0, 1990.0, 0.4972),
        ("by_ratio", "По отдаче", "By return", 765.0, 2000.0, 0.8453),
    ]
    columns = ["policy", "name_ru", "name_en", "expected_net", "spend", "share_of_bound"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def sensitivity() -> pd.DataFrame:
    rows = [
        ("base", "", "", "base", "", 900.0, 900.0, 40, 0),
        ("cost", "Цена", "Cost <i>", "high", "3", 880.0, 870.0, 39, 1),
        ("cost", "Цена", "Cost <i>", "low", "1", 910.0, 905.0, 41, 2),
        ("save", "Удержание", "Save rate", "low", "0.1", 100.0, -300.0, 10, 30),
        ("save", "Удержание", "Save rate", "high", "0.3", 2000.0, 1900.0, 60, 20),
    ]
    columns = ["assumption", "name_ru", "name_en", "level", "value_text", "expected_net"]
    table = pd.DataFrame(rows, columns=[*columns, "expected_net_kept", "offered", "changed"])
    return table.assign(value_text_en=table["value_text"]).rename(
        columns={"value_text": "value_text_ru"}
    )


@pytest.fixture
def gates() -> pd.DataFrame:
    rows = [
        ("consent", "Согласие", "Consent <i>", 180, 150, 1200.0),
        ("channel", "Канал", "Channel", 200, 20, 10.0),
        ("margin_floor", "Порог", "Margin floor", 0, 0, None),
    ]
    return pd.DataFrame(rows, columns=["gate", "name_ru", "name_en", "customers", "sole", "worth"])


def title_of(figure: Any) -> str:
    text: str = figure.layout.title.text.replace("<br>", " ")
    return text.replace("\u00a0", " ").replace("\u202f", " ")


class TestFrontier:
    def test_the_curve_runs_along_the_budget_with_plan_and_rules_beside_it(
        self, frontier: pd.DataFrame, policies: pd.DataFrame
    ) -> None:
        bound, curve, risk, ratio, plan = draw_frontier(frontier, policies, OPTIONS)["en"].data

        assert curve.x == (0, 2000, 4000)
        assert curve.y == (0, 900, 1000)
        assert bound.y == (0, 905, 1000)
        assert (risk.x, risk.y) == ((1990,), (450,))
        assert risk.marker.symbol != ratio.marker.symbol
        assert (plan.x, plan.y, plan.marker.symbol) == ((2000,), (900,), "star")

    def test_the_title_says_what_the_plan_earns_beside_the_best_rule(
        self, frontier: pd.DataFrame, policies: pd.DataFrame
    ) -> None:
        assert title_of(draw_frontier(frontier, policies, OPTIONS)["ru"]) == (
            "План тратит 2 000 ₽ и приносит 900 ₽; лучшее простое правило («По отдаче») даёт 765 ₽,"
            " на 15% меньше плана; если добавить 1 ₽, прибыль вырастет на 0,200 ₽"
        )

    def test_with_a_control_group_the_title_says_that_it_is_a_mean(
        self, frontier: pd.DataFrame, policies: pd.DataFrame
    ) -> None:
        control = ControlOptions.model_construct(share=0.2)
        options = OfferOptions.model_construct(currency=CURRENCY, control=control)
        drawn = draw_frontier(frontier, policies, options)
        assert title_of(drawn["ru"]).startswith("В среднем план тратит 2 000 ₽ и приносит 900 ₽;")
        assert title_of(drawn["en"]).startswith("On average the plan spends 2,000 RUB")

    @pytest.mark.parametrize(
        ("net", "words"), [(900.0, "as much as the plan"), (990.0, "10% more than the plan")]
    )
    def test_a_rule_that_is_as_good_is_called_so(
        self, frontier: pd.DataFrame, policies: pd.DataFrame, net: float, words: str
    ) -> None:
        title = title_of(draw_frontier(frontier, policies.assign(expected_net=net), OPTIONS)["en"])

        assert words in title

    def test_a_plan_without_limit_stands_where_it_spends(
        self, frontier: pd.DataFrame, policies: pd.DataFrame
    ) -> None:
        unlimited = pd.DataFrame([(None, 3500.0, 1000.0, None, 60, None, True)])
        unlimited.columns = frontier.columns
        table = pd.concat([frontier.assign(is_plan=False), unlimited.astype(frontier.dtypes)])

        figure = draw_frontier(table, policies[:0], OPTIONS)["en"]

        assert figure.data[-1].x == (3500,)
        assert "adds" not in title_of(figure)

    def test_money_that_adds_nothing_is_called_so(
        self, frontier: pd.DataFrame, policies: pd.DataFrame
    ) -> None:
        sated = frontier.assign(is_plan=frontier["budget"] == 4000)

        title = title_of(draw_frontier(sated, policies, OPTIONS)["en"])

        assert title.endswith("24% less than the plan; more money adds nothing")

    def test_without_a_plan_the_title_is_about_the_most(
        self, frontier: pd.DataFrame, policies: pd.DataFrame
    ) -> None:
        figure = draw_frontier(frontier.assign(is_plan=False), policies, OPTIONS)["ru"]

        assert title_of(figure) == "Самое большее, что можно получить: 1 000 ₽ при затратах 3 000 ₽"

    @pytest.mark.parametrize("rows", [0, 1])
    def test_nothing_to_earn_is_said(
        self, frontier: pd.DataFrame, policies: pd.DataFrame, rows: int
    ) -> None:
        poor = frontier[frontier["expected_net"] == 0][:rows]

        figure = draw_frontier(poor, policies, OPTIONS)["en"]

        assert len(figure.data) == 0
        assert title_of(figure) == "Nothing to show: no offer pays, whatever the budget"


class TestTornado:
    def test_bars_start_at_the_base_the_widest_on_top(self, sensitivity: pd.DataFrame) -> None:
        figure = draw_tornado(sensitivity, OPTIONS)["en"]

        low, high, kept = figure.data
        assert (low.base, high.base) == (900, 900)
        assert dict(zip(low.y, low.x, strict=True)) == {1: 10, 0: -800}
        assert dict(zip(high.y, high.x, strict=True)) == {1: -20, 0: 1100}
        assert low.marker.pattern.shape == "/"
        assert sorted(kept.x) == [-300, 870, 905, 1900]
        assert [label.replace("\u00a0", " ") for label in figure.layout.yaxis.ticktext] == [
            "Save rate<br>0.1 … 0.3",
            "Cost &lt;i&gt;<br>1 … 3",
        ]

    def test_the_title_names_the_strongest_and_who_turns_the_plan_into_a_loss(
        self, sensitivity: pd.DataFrame
    ) -> None:
        assert title_of(draw_tornado(sensitivity, OPTIONS)["ru"]) == (
            "Прибыль сильнее всего зависит от допущения «Удержание»: от 100 ₽ до 2 000 ₽, в плане "
            "900 ₽; если план не менять, в убыток его уводят допущения: 1 из 2"
        )
        safe = sensitivity.assign(expected_net_kept=1.0)
        assert title_of(draw_tornado(safe, OPTIONS)["en"]).endswith(
            "; no assumption alone makes the plan lose money"
        )

    def test_assumptions_that_change_nothing_are_called_so(self, sensitivity: pd.DataFrame) -> None:
        flat = sensitivity.assign(expected_net=900.0)

        assert title_of(draw_tornado(flat, OPTIONS)["ru"]).startswith(
            "Ни одно допущение в названных пределах"
        )

    def test_of_many_the_widest_are_shown(self, sensitivity: pd.DataFrame) -> None:
        rows = sensitivity[sensitivity["assumption"] == "cost"]
        many = [rows.assign(assumption=f"more_{n}", name_en=f"More {n}") for n in range(20)]

        figure = draw_tornado(pd.concat([sensitivity, *many]), OPTIONS)["en"]

        assert len(figure.layout.yaxis.ticktext) == 12
        assert title_of(figure).endswith("The most important are shown: 12 of 22")

    @pytest.mark.parametrize("left", [[], ["base"], ["save"]])
    def test_nothing_tried_is_said(self, sensitivity: pd.DataFrame, left: list[str]) -> None:
        part = sensitivity[sensitivity["assumption"].isin(left)]

        assert (
            title_of(draw_tornado(part, OPTIONS)["en"])
            == "Nothing to show: the assumptions were not tried"
        )


class TestGates:
    def test_customers_and_profit_stand_side_by_side(self, gates: pd.DataFrame) -> None:
        sole, also, worth = draw_gates(gates, OPTIONS)["en"].data

        assert sole.x == (150, 20, 0)
        assert also.x == (30, 180, 0)
        assert also.text == ("180", "200", "0")
        assert worth.x == (1200, 10, 0)
        assert worth.text[2] == "unknown"

    def test_the_title_names_the_gate_that_blocks_most_profit(self, gates: pd.DataFrame) -> None:
        assert title_of(draw_gates(gates, OPTIONS)["ru"]) == (
            "Больше всего прибыли держит правило «Согласие»: 1 200 ₽ у 150 клиентов без "
            "других помех"
        )

    def test_without_profit_it_names_the_one_that_blocks_most_customers(
        self, gates: pd.DataFrame
    ) -> None:
        assert title_of(draw_gates(gates.assign(worth=None), OPTIONS)["en"]) == (
            "The rule “Channel” stops most customers: 200"
        )

    def test_nobody_blocked_is_said(self, gates: pd.DataFrame) -> None:
        nobody = gates.assign(customers=0, sole=0)

        for table in (gates[:0], nobody):
            assert title_of(draw_gates(table, OPTIONS)["ru"]) == (
                "Правила никого не блокируют: написать можно каждому"
            )


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_from_data_are_escaped_also_from_a_file(
    language: Language,
    frontier: pd.DataFrame,
    policies: pd.DataFrame,
    sensitivity: pd.DataFrame,
    gates: pd.DataFrame,
) -> None:
    frontier, policies, sensitivity, gates = (
        pd.read_csv(io.StringIO(table.to_csv(index=False)))
        for table in (frontier, policies, sensitivity, gates)
    )

    for figures in (
        draw_frontier(frontier, policies, OPTIONS),
        draw_tornado(sensitivity, OPTIONS),
        draw_gates(gates, OPTIONS),
    ):
        assert set(figures) == {"ru", "en"}
        figure = figures[language]
        text = figure.to_json().replace("\\u003c", "<")
        assert "<i>" not in text
        assert "<b>" not in text
        assert figure.layout.title.text

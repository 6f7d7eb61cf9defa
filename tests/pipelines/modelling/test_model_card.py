"""Model cards: what is known is said in both languages, what is not is left out."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from personal_offers.activity_params import ActivityOptions
from personal_offers.features import FeatureRegistry, Language
from personal_offers.markdown import markdown_safe
from personal_offers.pipelines.modelling.model_card import (
    CardInput,
    write_model_card,
)
from personal_offers.pipelines.modelling.model_card_texts import TEXTS

LANGUAGES: list[Language] = ["ru", "en"]
# Words that claim a cause; a card speaks of what goes along with what.
CAUSES = {
    "ru": ["из-за", "приводит", "вызыва", "благодаря", "влияет на риск", "потому что"],
    "en": ["because of", "leads to", "due to", "results in", "drives", "caused by"],
}
METRICS: dict[str, Any] = {
    "withheld": None,
    "protocol": {
        "customers": 1297,
        "declined_share": 0.3816,
        "twin_groups": 21,
        "folds": 5,
        "repeats": 10,
        "bootstrap": 500,
        "confidence": 0.95,
        "seed": 20261122,
        "features_without_values": [],
    },
    "metrics": {
        "roc_auc": {"value": 0.9149, "low": 0.898, "high": 0.9326},
        "brier": {"value": 0.089, "low": 0.078, "high": 0.101},
    },
    "averaged_over_repeats": {
        "calibration_slope": {"value": 1.04, "low": 0.95, "high": 1.15},
        "expected_calibration_error": {"value": 0.032, "low": 0.0, "high": 0.046},
    },
    "baselines": {
        "recency": {
            "roc_auc": {"value": 0.576, "low": None, "high": None},
            "brier": {"value": None, "low": None, "high": None},
        }
    },
}
ACTIVITY = ActivityOptions(
    measure="items",
    outcome_days=90,
    gap_days=7,
    baseline_days=180,
    shortest_baseline_days=120,
    share=0.5,
    minimum_orders=2,
    recent_days=180,
    step_days=30,
    most_cutoffs=4,
    fewest_per_class=30,
    prevalence_shares=[0.5],
    confidence=0.95,
)
ERA = {
    "data_from": "2018-10-01T00:00:00",
    "data_to": "2020-01-31T15:00:00",
    "cutoff": "2019-10-31T16:00:00",
    "break": {"sentence": {"ru": "данные <b>созданы</b> иначе", "en": "data are made anew"}},
    "currency": "RUB|",
    "timezone": "Europe/Moscow",
    "customers": 2394,
    "orders": 12755,
    "repeat_buyers": 155,
}
ASSUMED = {"low": 0.1, "base": 0.2, "high": 0.3, "source": {"ru": "а | б", "en": "a | b"}}
DECISION = {
    "unit": {"ru": "фунты", "en": "GBP"},
    "left_out": {"customers": 3},
    "assumptions": {"save_rate": ASSUMED, "horizon_months": ASSUMED | {"high": 1200}},
    "best": {
        "threshold": 0.174,
        "contacted_share": 0.488,
        "profit": 1.3747,
        "profit_low": 1.239,
        "profit_high": 1.4946,
        "profit_worst_case": -0.164,
        "profit_best_case": 4.72,
        "break_even_save_rate": 0.0197,
    },
    "at_half": {"profit": 1.2856},
    "gain_over_half": {"value": 0.0891, "low": -0.0419, "high": 0.147},
    "out_of_sample": 1.3497,
}
CAPTURED = pd.DataFrame(
    {
        "ranking": ["risk_x_profit", "ideal", "risk_x_profit", "ideal"],
        "top_share": [0.2, 0.2, 0.05, 0.05],
        "captured": [0.577, 0.621, None, None],
        "captured_low": [0.542, None, None, None],
        "captured_high": [0.613, None, None, None],
    }
)
CANDIDATES = pd.DataFrame(
    {
        "model": ["extra_trees", "svc", "recency"],
        "kind": ["model", "model", "baseline"],
        "winner": [True, False, False],
        "roc_auc": [0.915, 0.9, 0.576],
        "roc_auc_low": [0.9, 0.88, None],
        "roc_auc_high": [0.93, 0.92, None],
        "brier": [0.09, 0.1, None],
        "difference": [0.339, 0.3, 0.0],
        "difference_low": [0.3, -0.01, 0.0],
        "difference_high": [0.36, 0.33, 0.0],
    }
)
AUDIT = pd.DataFrame(
    {
        "check": ["score", "identity", "twins"],
        "subject": ["model", "customer_id", "near"],
        "verdict": ["pass", "warn", "fail"],
        "finding_ru": ["всё хорошо", "предупреждает | о номере", "провалил <script>"],
        "finding_en": ["all well", "warns | of the id", "failed <script>"],
    }
)
DRIVERS = pd.DataFrame(
    {
        "feature": ["pages_per_visit", "unknown_name"],
        "group": ["on_site_behaviour", "purchase_behaviour"],
        "actionable": [True, False],
        "mean_abs": [0.1234, 0.02],
        "rank": [1, 2],
    }
)


@pytest.fixture
def whole(registry: FeatureRegistry) -> CardInput:
    """Everything that a card can be made of, as of a shop without time."""
    return CardInput(
        metrics=METRICS,
        registry=registry,
        candidates=CANDIDATES,
        decision=DECISION,
        captured=CAPTURED,
        audit=AUDIT,
        drivers=DRIVERS,
        facts={"rows": 1297, "customers": 1297, "data_hash": "ab12"},
    )


def headings(card: str) -> list[str]:
    return re.findall(r"^## (.+)$", card, flags=re.MULTILINE)


def tables_of(card: str) -> list[list[str]]:
    return [block.split("\n") for block in card.split("\n\n") if block.startswith("|")]


def words(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u00a0", " ")


class TestTexts:
    def test_both_languages_say_the_same_things(self) -> None:
        assert set(TEXTS["ru"]) == set(TEXTS["en"])
        for name, text in TEXTS["en"].items():
            other = TEXTS["ru"][name]
            holes = [sorted(re.findall(r"{(\w+)}", each)) for each in (text, other)]
            assert holes[0] == holes[1] or set(holes[0]) == set(holes[1]), name

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_no_text_claims_a_cause(self, language: Language) -> None:
        everything = " ".join(TEXTS[language].values()).lower()

        assert [word for word in CAUSES[language] if word in everything] == []


class TestWhole:
    def test_figures_stand_beside_the_baselines(self, whole: CardInput) -> None:
        card = words(write_model_card(whole, "en"))

        assert "| Measure | Model | recency |" in card
        assert "| ROC-AUC | 0.915 (0.898–0.933) | 0.576 |" in card
        assert "| Brier (less is better) | 0.089 (0.078–0.101) | — |" in card
        assert "| **extra trees** (winner) | 0.915 (0.900–0.930) | 0.090 | 0.339" in card
        assert "38% of customers declined" in card
        assert "5 folds, 10 repeats" in card
        assert "3.2 percentage points (0.0–4.6)" in card
        assert (
            "from risk 0.17 on (49% of customers): 1.37 per customer of the shop (1.24–1.49)"
            in card
        )
        assert "difference 0.089 (\u22120.042 … 0.147)" in card
        assert (
            "the top 20% of customers hold 58% of the profit at risk (54%–61%); ideally 62%" in card
        )
        assert "top 5%" not in card  # nothing is known of it
        assert "| 12.3 |" in card
        assert "Seed: 20261122." in card

    def test_russian_numbers(self, whole: CardInput) -> None:
        card = write_model_card(whole, "ru")

        assert "1\u202f297" in card
        assert "0,915 (0,898–0,933)" in card
        assert "| срок, месяцев | 0,1 | 0,2 | 1\u202f200 |" in card
        assert not re.search(r"\d\.\d", card)

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_the_audit_speaks_of_what_it_found(self, whole: CardInput, language: Language) -> None:
        card = write_model_card(whole, language)

        (table,) = [each for each in tables_of(card) if "&lt;script&gt;" in "".join(each)]
        assert len(table) == 4  # a check that passed is counted and not listed
        assert "провалил" in table[2] or "failed" in table[2]
        assert r"\|" in table[3]
        assert "<script>" not in card

    def test_an_audit_without_a_failure(self, whole: CardInput) -> None:
        passed = AUDIT[AUDIT["verdict"] == "pass"]

        card = write_model_card(replace(whole, audit=passed), "en")

        assert "No check failed (checks: 1, warnings: 0)." in card
        assert "all well" not in card

    def test_a_winner_that_chance_may_have_made(self, whole: CardInput) -> None:
        close = CANDIDATES.assign(difference_low=-0.01)

        assert TEXTS["en"]["beats"] in write_model_card(whole, "en")
        card = write_model_card(replace(whole, candidates=close), "en")
        assert TEXTS["en"]["not_beats"] in card
        assert TEXTS["en"]["beats"] not in card

    def test_contacting_nobody_can_be_best(self, whole: CardInput) -> None:
        nobody = DECISION["best"] | {"threshold": None, "break_even_save_rate": None}  # type: ignore[operator]

        card = write_model_card(replace(whole, decision=DECISION | {"best": nobody}), "en")

        assert TEXTS["en"]["best_nobody"] in card
        assert "breaks even" not in card

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_all_tables_are_whole(self, whole: CardInput, language: Language) -> None:
        card = write_model_card(whole, language)

        for table in tables_of(card):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
        assert card.startswith("# ")
        assert card.endswith("\n")
        assert "nan" not in card.lower().split()
        assert "None" not in card
        assert "{" not in card

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_what_it_must_not_be_used_for_is_always_said(
        self, registry: FeatureRegistry, language: Language
    ) -> None:
        card = write_model_card(CardInput(METRICS, registry), language)

        for number in range(1, 7):
            assert TEXTS[language][f"not_{number}"] in card


class TestLeftOut:
    def test_sections_without_content_are_not_shown(self, registry: FeatureRegistry) -> None:
        card = write_model_card(CardInput({"metrics": {}, "protocol": {}}, registry), "en")

        names = ("purpose", "not_for", "data", "label", "limits", "reproduce")
        assert headings(card) == [TEXTS["en"][name] for name in names]

    def test_empty_tables_are_as_good_as_none(self, registry: FeatureRegistry) -> None:
        nothing = pd.DataFrame()
        empty = CardInput(
            METRICS,
            registry,
            candidates=nothing,
            decision={"withheld": {"ru": "нет", "en": "no"}, "left_out": {"customers": 0}},
            captured=nothing,
            audit=nothing,
            drivers=nothing,
            prevalence=pd.DataFrame({"declined_share": []}),
        )

        assert write_model_card(empty, "ru") == write_model_card(CardInput(METRICS, registry), "ru")


class TestShopWithTime:
    @pytest.fixture
    def timed(self, registry: FeatureRegistry) -> CardInput:
        prevalence = pd.DataFrame(
            {
                "share": [0.25, 0.5],
                "eligible": [1890, 1890],
                "declined": [400, 700],
                "declined_share": [400 / 1890, 700 / 1890],
            }
        )
        plan = {"test": "2019-07-01T00:00:00", "evaluation": ["2019-03-01T12:30:00"]}
        return CardInput(METRICS, registry, ERA, ACTIVITY, plan, prevalence)

    def test_era_label_and_cutoffs(self, timed: CardInput) -> None:
        card = words(write_model_card(timed, "ru"))

        assert "Данные с 01.10.2018 по 31.01.2020 15:00; известно на 31.10.2019 16:00" in card
        assert "Клиентов: 2 394, заказов: 12 755" in card
        assert r"RUB\|" in card
        assert "данные &lt;b&gt;созданы&lt;/b&gt; иначе" in card
        assert (
            "обучение на датах 01.03.2019 12:30, исходы которых закончились до 01.07.2019" in card
        )
        assert "меньше 50% собственного среднего за 180 дн. до неё (не короче 120 дн.)" in card
        assert "7 дн. между датой и сроком пропущены." in card
        assert "| 25% | 1 890 | 400 | 21% |" in card

    def test_what_holds_for_cross_validation_alone_is_not_said(self, timed: CardInput) -> None:
        card = write_model_card(timed, "en")

        assert "folds" not in card
        assert TEXTS["en"]["label_given"] not in card
        assert TEXTS["en"]["limit_given"] not in card
        assert TEXTS["en"]["limit_one_test"] in card


class TestWithheld:
    def test_says_why_and_what_is_needed(self, registry: FeatureRegistry) -> None:
        metrics = {"withheld": {"ru": "мало <клиентов>.", "en": "too few customers."}}

        card = write_model_card(CardInput(metrics, registry, ERA, ACTIVITY), "en")

        assert "Why: too few customers." in card
        assert "at least 315 days" in card  # 120 + 2 x (90 + 7), and a day
        assert "at least 30 regular customers" in card
        names = ("no_model", "data", "label")
        assert headings(card) == [TEXTS["en"][name] for name in names]
        russian = write_model_card(CardInput(metrics, registry, ERA, ACTIVITY), "ru")
        assert "мало &lt;клиентов&gt;." in russian
        assert "..\n" not in russian

    def test_of_a_shop_that_gives_its_label(self, registry: FeatureRegistry) -> None:
        metrics = {"withheld": {"ru": "метка одна", "en": "one class only"}}

        card = write_model_card(CardInput(metrics, registry), "en")

        assert "cross-validation" in card
        assert headings(card) == [TEXTS["en"]["no_model"], TEXTS["en"]["data"]]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a|b", r"a\|b"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("*bold* _it_ `code`", r"\*bold\* \_it\_ \`code\`"),
        ("[text](http://x)", r"\[text\](http://x)"),
        ("two\nlines\r\n\tmore", "two lines more"),
        ("a\\|b", r"a\\\|b"),
        (7, "7"),
    ],
)
def test_texts_from_data_stay_text(text: object, safe: str) -> None:
    assert markdown_safe(text) == safe

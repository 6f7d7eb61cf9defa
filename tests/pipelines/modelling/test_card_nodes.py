"""Figures and cards at the end of the stage, for a shop with a model and for one without."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from personal_offers.activity_params import ActivityOptions
from personal_offers.features import FeatureRegistry, Language
from personal_offers.pipelines.modelling.card_nodes import (
    draw_model,
    write_cards,
    write_cards_with_time,
)
from personal_offers.pipelines.modelling.comparison import compare_candidates
from personal_offers.pipelines.modelling.decision import (
    captured_profit,
    profit_curve,
    reliability_table,
)
from personal_offers.pipelines.modelling.decision_params import DecisionOptions
from personal_offers.pipelines.modelling.evaluation import evaluate_all
from personal_offers.pipelines.modelling.leak_audit import COLUMNS
from personal_offers.pipelines.modelling.model_card_texts import TEXTS
from personal_offers.pipelines.modelling.nodes import (
    assemble_model_input,
    assign_folds,
    compute_metrics,
    evaluate_baselines,
)
from personal_offers.pipelines.modelling.params import ModellingOptions
from personal_offers.pipelines.modelling.publishing import average_risk, fit_decline_model
from personal_offers.pipelines.modelling.reason_nodes import add_reasons, explain_folds
from personal_offers.pipelines.modelling.reason_params import ReasonOptions
from tests.pipelines.modelling.made_up import modelling_options, registry_of

SIZE = 60
TEXT = {"ru": "единица", "en": "unit"}
PASSED = {"passed": True, "failed": [], "warned": []}
FAILED = {"passed": False, "failed": ["score_too_good: model"], "warned": []}
ACTIVITY = ActivityOptions.model_validate(
    {
        "measure": "items",
        "outcome_days": 90,
        "gap_days": 7,
        "baseline_days": 180,
        "shortest_baseline_days": 120,
        "share": 0.5,
        "minimum_orders": 2,
        "recent_days": 180,
        "step_days": 30,
        "most_cutoffs": 4,
        "fewest_per_class": 30,
        "prevalence_shares": [0.5],
        "confidence": 0.95,
    }
)
OF_TIME: dict[str, Any] = {
    "era": {
        "data_from": "2018-10-01T00:00:00",
        "data_to": "2020-01-31T15:00:00",
        "cutoff": "2019-10-31T16:00:00",
        "break": None,
        "currency": "RUB",
        "timezone": "Europe/Moscow",
        "customers": 2394,
        "orders": 12755,
        "repeat_buyers": 155,
    },
    "plan": {"test": None, "evaluation": [], "training": []},
    "prevalence": pd.DataFrame(columns=["share", "eligible", "declined", "declined_share"]),
}


def options() -> ModellingOptions:
    return modelling_options(
        calibration="sigmoid",
        repeats=1,
        baselines={"recency": "visits"},
        candidates={"models": ["decision_tree"], "repeats": 1},
    )


def decision_options() -> DecisionOptions:
    def assumption(low: float, base: float, high: float) -> dict[str, Any]:
        return {"low": low, "base": base, "high": high, "unit": TEXT, "source": TEXT}

    return DecisionOptions.model_validate(
        {
            "unit": TEXT,
            "save_rate": assumption(0.25, 0.5, 0.75),
            "horizon_months": assumption(2, 4, 8),
            "contact_cost": assumption(0.5, 1, 2),
            "incentive_cost": assumption(1, 2, 3),
            "redemption": assumption(0, 0.5, 1),
            "acceptance_weight": 20,
            "bins": 4,
            "tops": [0.2],
            "bootstrap": 100,
            "confidence": 0.9,
            "seed": 3,
        }
    )


REASONS = ReasonOptions.model_validate(
    {
        "actionable": 2,
        "other": 1,
        "smallest": 0.01,
        "background": 10,
        "most_customers": 1000,
        "sample": 50,
        "stability_seeds": 0,
        "stability_customers": 50,
        "seed": 1,
    }
)


@pytest.fixture(scope="module")
def registry() -> FeatureRegistry:
    return registry_of({"amount": "number", "visits": "number", "colour": "category"})


def run(registry: FeatureRegistry, one_class: bool, verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Go through the nodes of the stage up to what figures and cards are made of."""
    rng = np.random.default_rng(2)
    customers = pd.DataFrame(
        {
            "customer_id": [f"{number:03d}" for number in range(SIZE)],
            "amount": rng.normal(100, 10, size=SIZE),
            "visits": rng.normal(5, 1, size=SIZE),
            "colour": rng.choice(["red", "blue"], size=SIZE),
            "profit": rng.gamma(4, 1, size=SIZE),
        }
    )
    declined = customers["amount"] + rng.normal(0, 8, size=SIZE) < (0 if one_class else 98)
    people, labels = (
        ibis.memtable(frame)
        for frame in (customers, customers[["customer_id"]].assign(declined=declined))
    )
    asked, deciding = options(), decision_options()
    rows, gate = assemble_model_input(people, labels, registry, asked)
    folds = assign_folds(rows, asked)
    risk, search, others, their_search, kept = evaluate_all(rows, folds, registry, asked, REASONS)
    rules = evaluate_baselines(rows, folds, registry, asked)
    candidates, comparison = compare_candidates(
        rows, risk, others, rules, search, their_search, asked
    )
    unexplained = average_risk(people, risk, folds, verdict)
    contributions, drivers, _ = explain_folds(
        rows, folds, kept, unexplained, registry, asked, REASONS
    )
    published, _ = add_reasons(unexplained, contributions, registry, REASONS)
    curve, decision = profit_curve(published, labels, people, deciding)
    return {
        "metrics": compute_metrics(rows, risk, rules, comparison, verdict, gate, asked),
        "candidates": candidates,
        "reliability": reliability_table(rows, risk, deciding),
        "profit_curve": curve,
        "decision": decision,
        "captured": captured_profit(published, labels, people, deciding),
        "drivers": drivers,
        "decline_model": fit_decline_model(rows, gate, registry, asked),
        "audit": pd.DataFrame(columns=COLUMNS),
    }


@pytest.fixture(scope="module")
def with_model(registry: FeatureRegistry) -> dict[str, Any]:
    return run(registry, one_class=False, verdict=PASSED)


@pytest.fixture(scope="module")
def without_model(registry: FeatureRegistry) -> dict[str, Any]:
    return run(registry, one_class=True, verdict=PASSED)


@pytest.fixture(scope="module")
def leaking(registry: FeatureRegistry) -> dict[str, Any]:
    return run(registry, one_class=False, verdict=FAILED)


def draw(
    parts: Mapping[str, Any], registry: FeatureRegistry, language: Language = "en"
) -> list[Any]:
    names = ("metrics", "candidates", "reliability", "profit_curve", "decision", "drivers")
    drawn = draw_model(*(parts[name] for name in names), registry)
    assert [set(figure) for figure in drawn] == [{"ru", "en"}] * 4
    return [figure[language] for figure in drawn]


def cards(parts: Mapping[str, Any], registry: FeatureRegistry, **more: Any) -> tuple[str, str]:
    names = ("metrics", "candidates", "decision", "captured", "audit", "drivers", "decline_model")
    given = {name: parts[name] for name in names}
    return write_cards(registry, **given, **more)


def titles(figures: list[Any]) -> list[str]:
    return [figure.layout.title.text for figure in figures]


class TestDrawModel:
    @pytest.mark.parametrize("language", ["ru", "en"])
    def test_four_figures_hold_data_and_say_what_they_show(
        self, language: Language, with_model: dict[str, Any], registry: FeatureRegistry
    ) -> None:
        figures = draw(with_model, registry, language)

        assert len(figures) == 4
        assert all(len(figure.data) > 0 for figure in figures)
        said = titles(figures)
        assert len(set(said)) == 4
        cyrillic = [any("а" <= letter <= "я" for letter in text.lower()) for text in said]
        assert all(cyrillic) if language == "ru" else not any(cyrillic[:3])
        assert "amount" in said[3]
        for figure in figures:
            assert json.loads(figure.to_json())

    @pytest.mark.parametrize("language", ["ru", "en"])
    def test_shop_without_a_model_gets_figures_that_are_the_reason(
        self, language: Language, without_model: dict[str, Any], registry: FeatureRegistry
    ) -> None:
        figures = draw(without_model, registry, language)

        assert len(figures) == 4
        assert all(len(figure.data) == 0 for figure in figures)
        reason = "одно значение" if language == "ru" else "one class only"
        assert all(reason in text for text in titles(figures))

    def test_shop_whose_model_leaks_shows_how_good_it_seemed_and_no_decision(
        self, leaking: dict[str, Any], registry: FeatureRegistry
    ) -> None:
        reliability, curve, candidates, drivers = draw(leaking, registry)

        assert len(reliability.data) > 0 and len(candidates.data) > 0
        assert len(curve.data) == 0 and len(drivers.data) == 0
        assert "no customer has a label, a risk and a profit" in titles([curve])[0].lower()


class TestWriteCards:
    def test_both_languages_hold_the_figures_of_the_run(
        self, with_model: dict[str, Any], registry: FeatureRegistry
    ) -> None:
        russian, english = cards(with_model, registry)

        auc = with_model["metrics"]["metrics"]["roc_auc"]["value"]
        assert f"{auc:.3f}" in english
        assert f"{auc:.3f}".replace(".", ",") in russian
        for card, language in ((russian, "ru"), (english, "en")):
            for section in ("purpose", "not_for", "figures", "candidates", "decision", "drivers"):
                assert f"## {TEXTS[language][section]}" in card
            assert card.startswith(f"# {TEXTS[language]['title']}")
            assert card.endswith("\n") and "None" not in card and "nan" not in card
            assert with_model["decline_model"]["facts"]["data_hash"] in card

    def test_shop_without_a_model_gets_a_card_that_says_why(
        self, without_model: dict[str, Any], registry: FeatureRegistry
    ) -> None:
        russian, english = cards(without_model, registry)

        assert "the label has one class only" in english
        assert "у метки одно значение" in russian
        for card, language in ((russian, "ru"), (english, "en")):
            assert f"## {TEXTS[language]['no_model']}" in card
            assert f"## {TEXTS[language]['figures']}" not in card
            assert "None" not in card and "nan" not in card

    def test_shop_of_order_lines_without_a_model_is_told_how_many_days_it_needs(
        self, without_model: dict[str, Any], registry: FeatureRegistry
    ) -> None:
        names = ("metrics", "candidates", "decision", "captured", "audit", "drivers")
        given = {name: without_model[name] for name in (*names, "decline_model")}

        russian, english = write_cards_with_time(registry, ACTIVITY, **given, **OF_TIME)

        assert "at least 315 days" in english  # 120 + 2 x (90 + 7), and a day
        assert "315" in russian
        assert "12,755" in english
        assert f"## {TEXTS['en']['label']}" in english  # what declined would have meant
        assert "None" not in russian + english

    def test_shop_whose_model_leaks_gets_a_card_without_a_decision(
        self, leaking: dict[str, Any], registry: FeatureRegistry
    ) -> None:
        _, english = cards(leaking, registry)

        assert f"## {TEXTS['en']['figures']}" in english
        assert f"## {TEXTS['en']['decision']}" not in english
        assert f"## {TEXTS['en']['drivers']}" not in english
        assert "None" not in english and "nan" not in english

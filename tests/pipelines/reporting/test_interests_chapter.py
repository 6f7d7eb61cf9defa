"""The chapter ``interests``: what is spent on what, and for whom the interest can be told."""

from __future__ import annotations

import json
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pytest

from personal_offers.pipelines.reporting.blocks import Chapter
from personal_offers.pipelines.reporting.interests_chapter import interest_table, write_interests
from personal_offers.pipelines.reporting.interests_figures import draw_categories
from tests.pipelines.reporting.made_up_chapters import OPTIONS, POUNDS

NASTY = '<script>alert("x")</script> \u202e 🎁'
WITHHELD = {"withheld": {"ru": "мало клиентов", "en": "too few customers"}}


def interests(judged: bool = True) -> ir.Table:
    """Return four customers, two of whom have a clear interest."""
    rows = [("kitchen", 0.8, False), ("kitchen", 0.3, True), ("garden", 0.6, False)]
    frame = pd.DataFrame(
        [*rows, (None, 0.1, True)], columns=["interest", "interest_probability", "abstained"]
    )
    if not judged:
        frame = frame.assign(interest_probability=None, abstained=True)
    kinds = {"interest": "string", "interest_probability": "float64", "abstained": "bool"}
    return ibis.memtable(frame.astype(object).where(frame.notna(), None), schema=kinds)


def profile() -> pd.DataFrame:
    """Return three categories, one with a name that looks like markup."""
    rows = [("kitchen", "Кухня", "Kitchen", 600.0), ("garden", NASTY, NASTY, 300.0)]
    return pd.DataFrame(
        [
            {"category": key, "category_ru": ru, "category_en": en, "products": 3}
            | {"spend": spend, "spend_share": spend / 1000, "customers": 2, "top_words": None}
            for key, ru, en, spend in [*rows, ("other", "Прочее", "Other", 100.0)]
        ]
    )


def report() -> dict[str, Any]:
    """Return how good the categories are."""
    shipped = {
        "categories": 2,
        "coverage": 0.996,
        "other_share": 0.004,
        "coverage_after": None,
        "halves": {"fewest_lines": 4, "customers": 21, "agreement": 0.5, "chance": 0.2},
        "how": {
            "rule": {"products": 5, "spend_share": 0.9956},
            "other": {"products": 1, "spend_share": 0.004},
            "text": {"products": 1, "spend_share": 0.0004},
        },
    }
    return {"split": "2011-06-01T00:00:00", "rules": "proposal", "reason": None, "shipped": shipped}


def metrics() -> dict[str, Any]:
    """Return what predicts, and how well."""
    point = {"certainty": 0.5, "customers": 40, "share": 0.2, "top1": 0.6}
    return {
        "withheld": None,
        "split": "2011-06-01T00:00:00",
        "detail": {"1": {"at_certainty": point}},
        "accuracy": {"1": {"shipped": {"top1": 0.4}}},
        "choice": {"reason": {"ru": "Предсказывает правило", "en": "The rule predicts"}},
        "ceiling": {"value": 0.47},
        "suspicious": False,
    }


def accuracy() -> pd.DataFrame:
    """Return two methods after one order."""
    return pd.DataFrame(
        [
            {"after_orders": 1, "method": method, "shipped": shipped, "customers": 200}
            | {"top1": top1, "top1_low": top1 - 0.05, "top1_high": top1 + 0.05, "top2": 0.5}
            for method, shipped, top1 in (("majority", False, 0.2), ("same_so_far", True, 0.4))
        ]
    )


def figure(title: str) -> dict[str, Any]:
    """Return a drawn figure in both languages, as its dataset loads it."""
    return {
        language: {"data": [{"type": "bar", "x": [1]}], "layout": {"title": {"text": title}}}
        for language in ("ru", "en")
    }


def everything() -> dict[str, Any]:
    """Return all inputs of the chapter."""
    return {
        "interests": interests(),
        "interest_metrics": metrics(),
        "interest_accuracy": accuracy(),
        "category_profile": profile(),
        "category_report": report(),
        "figure_interest_accuracy": figure("Right in 40%"),
        "figure_interest_coverage": figure("Half of them in 51%"),
        "era": {"currency": "GBP"},
    }


def written(**given: Any) -> dict[str, Any]:
    """Write the chapter, checked as the page reads it, with plain spaces."""
    chapter = write_interests(options=OPTIONS, **given)
    text = json.dumps(chapter, ensure_ascii=False).replace("\u00a0", " ").replace("\u202f", " ")
    return Chapter.model_validate(json.loads(text)).plain()


def block(chapter: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a figure or table by name."""
    return next(each for each in chapter["blocks"] if each.get("name") == name)


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """Return the chapter of a shop that has everything."""
    return written(**everything())


class TestCategories:
    def test_title_says_what_most_is_spent_on(self, whole: dict[str, Any]) -> None:
        spend = block(whole, "category_spend")

        assert spend["main"]
        assert spend["title"]["en"] == "Customers spend most on “Kitchen”: 60% of all spend"
        assert "Spend, GBP" in json.dumps(spend["figures"]["en"]["layout"], ensure_ascii=False)

    def test_names_stay_text(self, whole: dict[str, Any]) -> None:
        texts = json.dumps(block(whole, "category_spend")["figures"], ensure_ascii=False)

        assert "<script>" not in texts
        assert "&lt;script&gt;" in texts

    def test_many_categories_are_cut_and_counted(self) -> None:
        many = pd.concat([profile().assign(category=f"c{place}") for place in range(20)])

        drawn = draw_categories(many, POUNDS, "en")

        assert len(drawn.data[0].x) == 20
        assert "40 more categories" in drawn.layout.xaxis.title.text

    def test_nothing_spent_draws_nothing(self) -> None:
        chapter = written(category_profile=profile().assign(spend=0.0, spend_share=None))

        assert "category_spend" not in [each.get("name") for each in chapter["blocks"]]

    def test_coverage_and_its_rest_add_up(self, whole: dict[str, Any]) -> None:
        bullets = next(each for each in whole["blocks"] if each["kind"] == "bullets")["texts"]

        assert "99.6% of spend; 0.4% is left" in bullets[0]["en"]
        assert "words of the name – < 0.1%" in bullets[1]["en"]
        assert "21 клиент" in bullets[2]["ru"]
        assert "proposed automatically" in bullets[3]["en"]


class TestPrediction:
    def test_table_puts_the_rules_beside(self, whole: dict[str, Any]) -> None:
        assert block(whole, "interest_accuracy_numbers")["rows"] == [
            [1, 200, 0.4, {"ru": "35–45%", "en": "35–45%"}, 0.4, 0.2, 0.5]
        ]

    def test_figures_bring_their_findings(self, whole: dict[str, Any]) -> None:
        assert block(whole, "interest_accuracy")["title"]["en"] == "Right in 40%"
        coverage = block(whole, "interest_coverage")
        assert coverage["main"]
        assert "20% of customers, right in 60% of cases" in coverage["advice"]["en"]

    def test_withheld_gives_the_reason_and_keeps_the_categories(self) -> None:
        chapter = written(
            interests=interests(judged=False),
            interest_metrics=WITHHELD,
            interest_accuracy=accuracy().head(0),
            category_profile=profile(),
        )

        notice = next(each for each in chapter["blocks"] if each["kind"] == "notice")
        assert "too few customers" in notice["text"]["en"]
        assert block(chapter, "category_spend")
        assert len(block(chapter, "interest_customers")["columns"]) == 2

    def test_too_good_to_be_true_is_a_warning(self) -> None:
        chapter = written(interest_metrics=metrics() | {"suspicious": True})

        assert [each["level"] for each in chapter["blocks"] if each["kind"] == "notice"] == [
            "warning"
        ]


class TestInterests:
    def test_who_is_unsure_is_counted(self, whole: dict[str, Any]) -> None:
        table = block(whole, "interest_customers")

        assert "The interest of 2 of 4 customers is clear" in table["title"]["en"]
        assert [row[1:] for row in table["rows"]] == [[2, 1, 1], [1, 1, 0], [1, 0, 1]]
        assert table["rows"][2][0]["en"] == "Unknown"

    def test_counts_add_up_to_the_customers(self) -> None:
        assert interest_table(interests())["customers"].sum() == 4

    def test_a_shop_without_customers_has_no_table(self) -> None:
        nobody = interests().filter(ibis.literal(False))

        assert "interest_customers" not in [
            each.get("name")
            for each in written(interests=nobody, interest_metrics=metrics())["blocks"]
        ]


class TestMissing:
    @pytest.mark.parametrize("name", list(everything()))
    def test_any_input_may_come_alone(self, name: str) -> None:
        assert written(**{name: everything()[name]})["blocks"]

    def test_nothing_at_all_says_which_stage_to_run(self) -> None:
        chapter = write_interests(options=OPTIONS)

        assert [each["level"] for each in chapter["blocks"]] == ["missing"]
        assert "interests" in chapter["blocks"][0]["text"]["en"]

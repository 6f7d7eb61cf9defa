"""The chapter ``rfm``: findings agree with tables, missing and withheld parts are said."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pytest

from personal_offers.pipelines.reporting.blocks import LANGUAGES, Chapter
from personal_offers.pipelines.reporting.rfm_chapter import change_table, code_table, write_rfm
from personal_offers.pipelines.reporting.rfm_figures import Words, bounds_text, draw_grid
from tests.pipelines.reporting.made_up_chapters import OPTIONS, POUNDS, said

NASTY = '<script>alert("x")</script> \u202e 🎁'
ERA = {"currency": "GBP", "withheld": {}}
NAMES = {
    "classes": {
        "top": {"ru": "Топ", "en": "Top"},
        "leaving": {"ru": "Уходящие", "en": "Leaving"},
        "lost": {"ru": NASTY, "en": NASTY},
    }
}


def customers(rows: list[tuple[Any, ...]] | None = None) -> ir.Table:
    """Return customers: r, f, m, class, money, days until the class changes."""
    given = rows or [
        (3, 3, 3, "top", 500.25, 5),
        (3, 3, 3, "top", 300.0, 20),
        (2, 3, 3, "leaving", 400.0, 60),
        (1, 1, 1, "lost", -10.0, None),
    ]
    frame = pd.DataFrame(
        [
            {
                **{"r": r, "f": f, "m": m, "rfm_code": None if r is None else f"{r}{f}{m}"},
                **{"rfm_class": name, "monetary": money, "days_to_next_class": days},
            }
            for r, f, m, name, money, days in given
        ]
    )
    kinds = dict.fromkeys(("r", "f", "m", "days_to_next_class"), "int64")
    kinds |= {"rfm_code": "string", "rfm_class": "string", "monetary": "float64"}
    return ibis.memtable(frame.astype(object).where(frame.notna(), None), schema=kinds)


def boundaries(scores: int = 3) -> pd.DataFrame:
    """Return boundaries, best score first."""
    rows = [
        {"measure": measure, "score": score, "unit": "", "lowest": low, "highest": high}
        | {"customers": 2, "share": 0.5, "method": "quantile"}
        for measure in ("recency", "frequency", "monetary")
        for score, low, high in [
            (score, float(10 * score), float(10 * score + 9)) for score in range(scores, 0, -1)
        ]
    ]
    return pd.DataFrame(rows)


def profile() -> pd.DataFrame:
    """Return sizes of the classes and of all customers."""
    rows = [("top", 2, 800.25), ("leaving", 1, 400.0), ("lost", 1, -10.0), ("all", 4, 1190.25)]
    return pd.DataFrame(
        [
            {"rfm_class": name, "class_ru": name, "class_en": name, "customers": count}
            | {"share": count / 4, "monetary": money, "monetary_share": money / 1190.25}
            | {"median_recency_days": 5.0, "median_frequency": 2.0, "median_monetary": money}
            | {"average_check": None}
            for name, count, money in rows
        ]
    )


def backtest() -> pd.DataFrame:
    """Return a window in which the class with the worse name bought more."""
    rows = [("top", 100, 40), ("leaving", 100, 80), ("lost", 100, 10)]
    return pd.DataFrame(
        [
            {"rfm_class": name, "customers": size, "buyers": buyers}
            | {"purchase_rate": buyers / size, "purchase_rate_low": buyers / size - 0.1}
            | {"purchase_rate_high": buyers / size + 0.1, "orders": buyers}
            | {"net_revenue": 5.0, "net_revenue_low": None, "net_revenue_high": None}
            | {"net_revenue_share": 1 / 3}
            for name, size, buyers in rows
        ]
    )


def verdict(**changed: Any) -> dict[str, Any]:
    """Return the verdict on that window."""
    pair = {"named_better": "top", "named_worse": "leaving", "difference": 0.4}
    order = {"best_is_highest": False, "best_is_certain": False}
    order |= {"worst_is_lowest": True, "worst_is_certain": True}
    rates = {"by_class": {"top": 0.4, "leaving": 0.8, "lost": 0.1}}
    inversions = [pair | {"difference_low": 0.3, "difference_high": 0.5, "detectable": True}]
    money = {"by_class": dict.fromkeys(rates["by_class"], 5.0), "inversions": []}
    whole = {
        "withheld": None,
        "since": "2011-09-10T12:50:00",
        "until": "2011-12-09T12:50:00",
        "outcome_days": 90,
        "customers": 300,
        "buyers": 130,
        "too_small": [],
        "conclusive": True,
        "purchase_rate": order | rates | {"inversions": inversions},
        "net_revenue": order | money,
    }
    return whole | changed


def migration() -> pd.DataFrame:
    """Return moves between two classes, and new customers."""
    rows = [
        ("top", "top", 6, 600.0),
        ("top", "leaving", 4, 300.0),
        ("leaving", "top", 0, 0.0),
        ("leaving", "leaving", 2, 50.0),
        ("new", "top", 5, 100.0),
        ("new", "leaving", 0, 0.0),
    ]
    return pd.DataFrame(
        [
            {"from_class": start, "to_class": end, "customers": count}
            | {"net_before": 0.0, "net_between": money, "net_after": money}
            for start, end, count, money in rows
        ]
    )


def differences(p_value: float | None = 0.2) -> pd.DataFrame:
    """Return tests of one later measure and of one that made the classes."""
    empty = dict.fromkeys(("class_a", "class_b", "p_holm", "difference", "difference_low"))
    overall = empty | {"test": "kruskal_wallis", "p_value": p_value, "effect_size": 0.2}
    pair = {"test": "mann_whitney", "class_a": "top", "class_b": "leaving", "p_value": p_value}
    pair |= {"p_holm": p_value, "effect_size": 0.1, "difference": 1.5, "difference_low": -1.0}
    bounds = {"effect_low": 0.1, "effect_high": 0.3, "difference_high": 2.0}
    later = {"measure": "later_orders", "evidence": "out_of_sample"} | bounds
    now = {"measure": "recency_days", "evidence": "descriptive"} | bounds
    return pd.DataFrame([overall | later, pair | later, overall | now])


def advice() -> pd.DataFrame:
    """Return advice for two classes, one part of it the same for both."""
    parts = ("goal", "action", "channel", "do_not", "measure")
    rows = [
        {"view": view, "name": name, "name_ru": name, "name_en": name}
        | {f"{part}_{lang}": f"{part} {name}" for part in parts for lang in LANGUAGES}
        | {"channel_ru": "письмо", "channel_en": "e-mail"}
        for view, name in (("class", "top"), ("class", "lost"), ("segment", "grow"))
    ]
    return pd.DataFrame(rows)


def everything() -> dict[str, Any]:
    """Return all inputs of the chapter."""
    return {
        "rfm": customers(),
        "rfm_breaks": {"monetary": "net"},
        "rfm_boundaries": boundaries(),
        "class_profile": profile(),
        "class_backtest": backtest(),
        "class_verdict": verdict(),
        "class_migration": migration(),
        "class_tests": differences(),
        "recommendations": advice(),
        "view_names": NAMES,
        "era": ERA,
    }


def written(**given: Any) -> dict[str, Any]:
    """Write the chapter, checked as the page reads it, with plain spaces."""
    chapter = write_rfm(options=OPTIONS, **given)
    text = json.dumps(chapter, ensure_ascii=False).replace("\u00a0", " ").replace("\u202f", " ")
    return Chapter.model_validate(json.loads(text)).plain()


def block(chapter: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a figure or table by name."""
    return next(each for each in chapter["blocks"] if each.get("name") == name)


def notices(chapter: dict[str, Any]) -> list[str]:
    """Return the English texts of all notices."""
    return [each["text"]["en"] for each in chapter["blocks"] if each["kind"] == "notice"]


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """Return the chapter of a shop that has everything."""
    return written(**everything())


class TestGrid:
    def test_codes_add_up_to_the_customers_and_the_cent(self) -> None:
        codes = code_table(customers())

        assert codes["rfm_code"].to_list() == ["111", "233", "333"]
        assert codes["customers"].to_list() == [1, 1, 2]
        assert codes["money"].to_list() == [-10.0, 400.0, 800.25]

    def test_title_says_where_the_money_is(self, whole: dict[str, Any]) -> None:
        grid = block(whole, "rfm_grid")

        assert grid["main"]
        assert "Code 333 (class “Top”)" in grid["title"]["en"]
        assert "67% of all money" in grid["title"]["en"]
        assert "233" in grid["advice"]["en"]

    def test_cells_say_class_customers_and_money(self, whole: dict[str, Any]) -> None:
        panels = [
            each
            for each in block(whole, "rfm_grid")["figures"]["en"]["data"]
            if each["type"] == "heatmap"
        ]

        assert len(panels) == 3
        assert panels[0]["text"][-1][-1] == "<b>Top</b><br>2<br>800"

    def test_five_scores_make_a_panel_each(self) -> None:
        codes = pd.DataFrame(
            [
                {"r": r, "f": f, "m": m, "rfm_code": f"{r}{f}{m}", "rfm_class": f"c{(r + f) % 11}"}
                | {"customers": r, "money": 100.0 * f}
                for r, f, m in product(range(1, 6), repeat=3)
            ]
        )
        words = Words({f"c{place}": said(f"Class {place}") for place in range(11)}, POUNDS)

        figure = draw_grid(codes, boundaries(5), words, "en")

        panels = [each for each in figure.data if each.type == "heatmap"]
        assert len(panels) == 5
        assert panels[0].text[0][0] == "<b>7</b> · 5<br>100"
        assert "7. Class 6" in [each.name for each in figure.data]

    def test_lowest_score_may_be_the_best(self) -> None:
        best_low = boundaries().assign(score=lambda rows: 4 - rows["score"])
        codes = code_table(customers([(1, 1, 1, "top", 50.0, 3), (3, 1, 1, "lost", 5.0, None)]))

        figure = draw_grid(codes, best_low, Words({}, POUNDS), "en")

        assert "R) 1:" in figure.layout.annotations[0].text

    def test_one_customer_without_money_works(self) -> None:
        chapter = written(rfm=customers([(1, 1, 1, "lost", 0.0, None)]))

        assert "no money" in block(chapter, "rfm_grid")["title"]["en"]

    def test_names_stay_text(self, whole: dict[str, Any]) -> None:
        texts = json.dumps(block(whole, "rfm_grid")["figures"], ensure_ascii=False)

        assert "<script>" not in texts
        assert "&lt;script&gt;" in texts


class TestBoundaries:
    @pytest.mark.parametrize(
        ("measure", "low", "high", "ru", "en"),
        [
            ("recency", 0, 21, "до 21 дня", "up to 21 days"),
            ("recency", 92, None, "от 92 дней", "92 days and more"),
            ("frequency", 1, 1, "1 заказ", "1 order"),
            ("frequency", 2, 4, "2–4 заказа", "2–4 orders"),
            ("monetary", None, 375.03, "до 375,03 £", "up to 375.03 £"),
            ("monetary", 1140.06, None, "от 1 140,06 £", "1,140.06 £ and more"),
            ("frequency", 3, 2, "никто", "nobody"),
        ],
    )
    def test_are_written_in_days_orders_and_money(
        self, measure: str, low: float | None, high: float | None, ru: str, en: str
    ) -> None:
        row = {"measure": measure, "lowest": low, "highest": high}
        words = Words({}, POUNDS)

        assert bounds_text(row, words, "ru").replace("\u00a0", " ").replace("\u202f", " ") == ru
        assert bounds_text(row, words, "en").replace("\u00a0", " ") == en


class TestChanges:
    def test_count_who_changes_class_within_a_week_and_a_month(self) -> None:
        rows = change_table(customers()).set_index("rfm_class")

        assert rows.loc["top", ["week", "month", "never"]].to_list() == [1, 2, 0]
        assert rows.loc["top", "week_money"] == 500.25
        assert rows.loc["lost", ["week", "never"]].to_list() == [0, 1]

    def test_nobody_who_changes_leaves_the_table_out(self) -> None:
        chapter = written(rfm=customers([(1, 1, 1, "lost", 5.0, None)]))

        assert "rfm_changes" not in [each.get("name") for each in chapter["blocks"]]


class TestBacktest:
    def test_a_name_that_promises_too_much_is_said_everywhere(self, whole: dict[str, Any]) -> None:
        figure = block(whole, "rfm_backtest")

        assert figure["main"]
        assert "80% of “Leaving” bought, but only 40% of “Top”" in figure["title"]["en"]
        assert any("Not all names" in text for text in notices(whole))
        assert "80% of “Leaving”" in whole["lead"]["en"]

    def test_classes_that_keep_their_order_are_told_so(self) -> None:
        calm = verdict()
        calm["purchase_rate"]["inversions"] = []

        chapter = written(class_profile=profile(), class_verdict=calm)

        assert any("follow the order of their names" in text for text in notices(chapter))

    def test_too_few_purchases_conclude_nothing(self) -> None:
        chapter = written(
            class_profile=profile(),
            class_backtest=backtest(),
            class_tests=differences(),
            class_verdict=verdict(conclusive=False, buyers=5, customers=1911),
        )

        names = [each.get("name") for each in chapter["blocks"]]
        assert any("5 of 1,911 customers bought" in text for text in notices(chapter))
        assert "rfm_backtest" not in names
        assert "rfm_tests" not in names

    def test_withheld_gives_the_reason(self) -> None:
        reason = {"ru": "мало дней", "en": "too few days"}

        chapter = written(
            class_profile=profile(), class_verdict={"withheld": reason, "outcome_days": 90}
        )

        assert any("too few days" in text for text in notices(chapter))


class TestMigration:
    def test_customers_and_money_are_drawn_apart(self, whole: dict[str, Any]) -> None:
        count = block(whole, "rfm_migration_customers")
        money = block(whole, "rfm_migration_money")

        assert "67% of customers have kept their class" in count["title"]["en"]
        assert count["figures"]["en"]["data"][0]["text"][0] == [
            "<b>6</b><br>60%",
            "<b>4</b><br>40%",
        ]
        assert "from “Top” to “Leaving”: 300" in money["title"]["en"]

    def test_withheld_gives_the_reason(self) -> None:
        chapter = written(
            class_profile=profile(),
            class_migration=migration(),
            era=ERA | {"withheld": {"migration": "ids changed"}},
        )

        assert any("ids changed" in text for text in notices(chapter))


class TestDifferences:
    def test_pairs_alike_are_named(self, whole: dict[str, Any]) -> None:
        bullets = [each for each in whole["blocks"] if each["kind"] == "bullets"][-1]["texts"]

        assert len(bullets) == 1  # what made the classes is no evidence
        assert "20%" in bullets[0]["en"]
        assert "0 of 1 pair of classes" in bullets[0]["en"]
        assert "“Top” and “Leaving”" in bullets[0]["en"]

    def test_without_p_values_nothing_is_compared(self) -> None:
        chapter = written(
            class_profile=profile(), class_tests=differences(None), class_verdict=verdict()
        )

        bullets = [each for each in chapter["blocks"] if each["kind"] == "bullets"][-1]["texts"]
        assert "no comparison is possible" in bullets[0]["en"]


class TestRecommendations:
    def test_what_holds_for_all_is_said_once(self, whole: dict[str, Any]) -> None:
        table = block(whole, "rfm_recommendations")

        assert len(table["rows"]) == 2
        assert "Channel" not in [column["label"]["en"] for column in table["columns"]]
        assert any(
            "Channel for all classes. e-mail" in each["text"]["en"]
            for each in whole["blocks"]
            if each["kind"] == "paragraph"
        )


class TestMissing:
    @pytest.mark.parametrize("name", list(everything()))
    def test_any_input_may_come_alone(self, name: str) -> None:
        assert written(**{name: everything()[name]})["blocks"]

    def test_nothing_at_all_says_which_stage_to_run(self) -> None:
        chapter = write_rfm(options=OPTIONS)

        assert [each["level"] for each in chapter["blocks"]] == ["missing"]
        assert "segmentation" in chapter["blocks"][0]["text"]["ru"]

    def test_withheld_classes_give_the_reason_alone(self) -> None:
        reason = {"ru": "одна покупка у всех", "en": "everybody bought once"}

        chapter = written(
            rfm=customers([(None, None, None, None, 5.0, None)]),
            rfm_boundaries=boundaries().head(0),
            era=ERA | {"withheld": {"rfm": reason}},
        )

        assert notices(chapter) == ["There are no RFM classes: everybody bought once."]
        assert len(chapter["blocks"]) == 1

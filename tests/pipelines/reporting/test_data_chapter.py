"""The chapter on the data says what cleaning cost, where the data broke, and what is missing."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from personal_offers.pipelines.reporting.blocks import LANGUAGES, Chapter
from personal_offers.pipelines.reporting.data_chapter import write_data
from personal_offers.pipelines.reporting.data_ledger import read_ledger, rule_words, totals_of
from tests.pipelines.modelling.made_up import registry_of
from tests.pipelines.reporting.made_up_chapters import OPTIONS

REGISTRY = registry_of({"amount": "number"})
ERA = {
    "data_from": "2019-01-01T00:00:00",
    "data_to": "2019-03-31T12:00:00",
    "trusted_to": "2019-02-28T10:00:00",
    "cutoff": "2019-02-28T10:00:00",
    "currency": "GBP",
    "timezone": "Europe/London",
    "break": None,
    "withheld": {},
}
BREAK = {
    "since": "2019-02-28T10:00:00",
    "proven": True,
    "id_form_before": "9",
    "id_form_after": "99",
    "sizes": {"new_customers": {"how": "frozen", "before": 7.0, "after": 0.0}},
    "sentence": {"ru": "разрыв", "en": "break"},
}


def line(rule: str, action: str, rows: tuple[int, int], money: tuple[str, str], hit: int) -> Any:
    lost = (float(money[0]) - float(money[1])) / float(money[0]) if money[0] else None
    flags = action == "flagged"
    return {
        "source": "order_lines",
        "rule": rule,
        "action": action,
        "rows_before": rows[0],
        "rows_after": rows[1],
        "customers_before": 9,
        "customers_after": 9,
        "revenue_before": money[0] or None,
        "revenue_after": money[1] or None,
        "rows_hit": hit,
        "customers_hit": hit,
        "rows_flagged": hit if flags else None,
        "customers_flagged": hit if flags else None,
        "revenue_flagged": "20.00" if flags else None,
        "orders_flagged": hit if flags else None,
        "revenue_lost_share": None if lost is None else f"{lost:.6f}",
        "alert": lost is not None and lost > 0.01,
    }


@pytest.fixture
def ledger() -> pd.DataFrame:
    return pd.DataFrame(
        [
            line("missing_customer", "removed", (100, 90), ("1000.00", "800.00"), 10),
            line("zero_price", "removed", (90, 90), ("800.00", "800.00"), 0),
            line("adjustment", "removed", (90, 89), ("800.00", "810.00"), 1),
            line("after_break", "flagged", (89, 89), ("810.00", "810.00"), 4),
        ]
    )


@pytest.fixture
def regime() -> pd.DataFrame:
    rows = [
        (f"2019-0{month}", measure, value, month == 3 and measure == "new_customers")
        for month, new in ((1, 7.0), (2, 8.0), (3, 0.0))
        for measure, value in (("new_customers", new), ("orders", 9.0))
    ]
    table = pd.DataFrame(rows, columns=["month", "measure", "value", "flagged"])
    since = "2019-02-28T10:00:00"
    return table.assign(
        since=table["flagged"].map({True: since, False: None}),
        withheld=table["flagged"].map({True: "cohorts", False: None}),
        withheld_ru=table["flagged"].map({True: "когорты", False: None}),
        value_before=7.5,
    )


def texts_of(chapter: dict[str, Any], language: str = "en") -> str:
    found: list[str] = []
    for block in Chapter.model_validate(chapter).plain()["blocks"]:
        found += [block[key][language] for key in ("text", "title", "advice") if block.get(key)]
        found += [text[language] for text in block.get("texts", [])]
        found += [tile["value"][language] for tile in block.get("tiles", [])]
    return "\n".join(found)


def block_of(chapter: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(b for b in chapter["blocks"] if b.get("name") == name)
    return found


class TestCleaning:
    def test_totals_run_from_the_first_rule_to_the_last(self, ledger: pd.DataFrame) -> None:
        totals = totals_of(read_ledger(ledger))
        assert (totals.rows, totals.rows_left, totals.removed) == (100, 89, 11)
        assert totals.lost == pytest.approx(190)

    def test_the_finding_agrees_with_the_ledger(self, ledger: pd.DataFrame) -> None:
        chapter = write_data(OPTIONS, REGISTRY, cleaning_ledger=ledger, era=ERA)
        title = block_of(chapter, "data_removed")["title"]
        assert title["en"].startswith("Cleaning removed 11\u00a0rows of 100 (11%) and 19% of")
        assert "«Строки без номера клиента»: 10\u00a0строк, 200" in title["ru"]
        assert "removed 11\u00a0rows (11%) of 100; revenue fell by 190" in chapter["lead"]["en"]

    def test_an_alert_has_a_sign_and_a_word(self, ledger: pd.DataFrame) -> None:
        chapter = write_data(OPTIONS, REGISTRY, cleaning_ledger=ledger, era=ERA)
        rows = block_of(chapter, "cleaning_ledger")["rows"]
        assert [row[0]["en"][:6] for row in rows] == ["⚠ Rows", "Entrie"]
        assert "Правило «Строки без номера клиента» убрало" in texts_of(chapter, "ru")

    def test_money_lost_is_negative_and_gained_is_positive(self, ledger: pd.DataFrame) -> None:
        chapter = write_data(OPTIONS, REGISTRY, cleaning_ledger=ledger, era=ERA)
        rows = block_of(chapter, "cleaning_ledger")["rows"]
        assert [row[5] for row in rows] == [-200.0, 10.0]
        flagged = block_of(chapter, "flagged_rows")
        assert [row[-1] for row in flagged["rows"]] == [20.0]
        assert flagged["title"]["en"] == "Flagged, but not changed: 1\u00a0rule"

    def test_rules_without_a_hit_are_counted_and_folded_away(self, ledger: pd.DataFrame) -> None:
        chapter = write_data(OPTIONS, REGISTRY, cleaning_ledger=ledger, era=ERA)
        quiet = block_of(chapter, "quiet_rules")
        assert quiet["folded"] and len(quiet["rows"]) == 1
        assert "Ещё 1\u00a0правило ничего не нашли" in texts_of(chapter, "ru")

    def test_clean_data_need_no_figure(self, ledger: pd.DataFrame) -> None:
        chapter = write_data(OPTIONS, REGISTRY, cleaning_ledger=ledger.iloc[[1]], era=ERA)
        assert "Cleaning removed nothing" in texts_of(chapter)
        assert not [b for b in chapter["blocks"] if b["kind"] == "figure"]

    def test_files_without_money_have_no_columns_of_money(self) -> None:
        lines = [
            line("not_regular", "removed", (9, 8), ("", ""), 1) | {"source": source}
            for source in ("a<b>", "b")
        ]
        chapter = write_data(OPTIONS, REGISTRY, cleaning_ledger=pd.DataFrame(lines))
        table = block_of(chapter, "cleaning_ledger")
        assert [column["form"] for column in table["columns"]].count("money") == 0
        assert table["rows"][0][0] == "a<b>"
        axis = block_of(chapter, "data_removed")["figures"]["ru"]["layout"]["yaxis"]
        assert axis["ticktext"][0].startswith("a&lt;b&gt;:<br>")

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_rules_about_columns_name_them_as_people_do(self, language: Any) -> None:
        registry = registry_of({"amount": "number"})
        label = getattr(registry.features["amount"].definition, language)
        assert label in rule_words("impossible_amount", registry, language)
        assert rule_words("brand_new_rule", registry, language) == "brand_new_rule"


class TestBreak:
    def test_no_break_is_said_with_what_was_compared(
        self, ledger: pd.DataFrame, regime: pd.DataFrame
    ) -> None:
        calm = regime.assign(flagged=False)
        chapter = write_data(OPTIONS, REGISTRY, cleaning_ledger=ledger, era=ERA, regime=calm)
        assert "in 3\u00a0months none of the measures (new customers per month)" in texts_of(
            chapter
        )

    def test_a_proven_break_is_no_real_behaviour_and_has_its_numbers(
        self, ledger: pd.DataFrame, regime: pd.DataFrame
    ) -> None:
        era = ERA | {
            "break": BREAK,
            "repeat_check": {"share_with_all_lines": 0.366, "share_before_break": 0.065},
        }
        chapter = write_data(OPTIONS, REGISTRY, cleaning_ledger=ledger, era=era, regime=regime)
        text = texts_of(chapter)
        assert "are not real behaviour of customers: 4\u00a0rows" in text
        assert "They are 4\u00a0orders from as many customers" in text
        assert "while 7 usually came in a month before" in text
        assert "37% of the customers would be repeat buyers; without them it is 6.5%" in text
        assert "20\u00a0GBP (2.5% of all)" in text
        assert "which rules out cohorts" in text
        figure = block_of(chapter, "data_regime")
        assert figure["title"]["ru"].endswith("1\u00a0показатель: новых клиентов в месяц 7 → 0")
        assert [trace["x"] for trace in figure["figures"]["en"]["data"]] == [[0, 1], [2]]

    def test_a_shop_that_uses_the_rows_all_the_same_says_so(
        self, ledger: pd.DataFrame, regime: pd.DataFrame
    ) -> None:
        era = ERA | {"break": BREAK | {"proven": False}, "trusted_to": ERA["data_to"]}
        text = texts_of(
            write_data(OPTIONS, REGISTRY, cleaning_ledger=ledger, era=era, regime=regime)
        )
        assert "produced in another way than before" in text
        assert "use these rows all the same" in text


class TestWithheld:
    def test_each_reason_stands_once_in_both_languages(self) -> None:
        reason = {"ru": "мало данных.", "en": "too few data."}
        chapter = write_data(
            OPTIONS,
            REGISTRY,
            model_gate={"withheld": reason, "features_without_values": ["<script>"]},
            metrics={"withheld": reason},
            decision={"withheld": {"ru": "не по чему", "en": "nothing to decide by"}},
            offer_plan={"provisional": True},
            era=ERA | {"withheld": {"decline_risk": reason, "backtest": reason}},
        )
        items = next(b["texts"] for b in chapter["blocks"] if b["kind"] == "bullets")
        assert [item["ru"].split(":")[0] for item in items] == [
            "Проверка классов RFM на следующем периоде",
            "Риск снижения активности",
            "Порог риска и кривая прибыли",
            "Файлы для рассылки",
            "Признаки, которых модель не видит",
        ]
        assert items[1]["en"] == "Risk of declining activity: too few data."
        assert "<script>" in items[-1]["en"]

    def test_a_model_that_leaks_is_withheld(self) -> None:
        audit = {"withheld": None, "leak_audit": {"passed": False}}
        assert "failed the leak audit" in texts_of(write_data(OPTIONS, REGISTRY, metrics=audit))

    def test_nothing_withheld_is_said(self, ledger: pd.DataFrame) -> None:
        assert "nothing is withheld" in texts_of(
            write_data(OPTIONS, REGISTRY, cleaning_ledger=ledger)
        )


class TestMissing:
    def test_stages_that_have_not_run_are_named(self) -> None:
        chapter = write_data(OPTIONS, REGISTRY)
        assert chapter["lead"] is None
        assert "--pipelines data_processing" in texts_of(chapter)

    def test_an_empty_ledger_is_no_error(self, ledger: pd.DataFrame) -> None:
        assert "ledger is empty" in texts_of(
            write_data(OPTIONS, REGISTRY, cleaning_ledger=ledger.iloc[:0])
        )

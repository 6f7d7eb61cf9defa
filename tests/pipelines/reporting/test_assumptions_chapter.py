"""Every number nobody measured stands in one table, and the chapter says what flips on them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from personal_offers.pipelines.reporting.assumptions_chapter import write_assumptions
from personal_offers.pipelines.reporting.blocks import Chapter
from tests.pipelines.reporting.made_up_chapters import OPTIONS

SHARE = {"ru": "доля", "en": "share"}
SOURCE = {"ru": "допущение", "en": "assumption"}
MONTHS = {"ru": "месяцев", "en": "months"}


def assumed(low: float, base: float, high: float, unit: dict[str, str]) -> dict[str, Any]:
    return {"low": low, "base": base, "high": high, "unit": unit, "source": SOURCE}


def named(name: str, values: dict[str, Any]) -> dict[str, Any]:
    return {"name": {"ru": name, "en": name}, **values}


def offer_names(*more: dict[str, Any]) -> dict[str, Any]:
    rows = [
        named("Horizon", assumed(3, 6, 12, MONTHS)),
        named("Save rate, “<b>5 £</b>”", assumed(0.005, 0.02, 0.04, SHARE)),
        named("Redemption, reminder", assumed(0, 0, 0, SHARE)),
    ]
    return {"currency": {"ru": "£", "en": "GBP"}, "assumptions": [*rows, *more]}


def decision(break_even: float = 0.02, worst: float = -0.17) -> dict[str, Any]:
    columns = ("assumption", "level", "value", "threshold", "contacted_share", "profit")
    rows = [("save_rate", "low", 0.1, 0.25, 0.36, 0.63), ("save_rate", "high", 0.3, 0.1, 0.7, 2.2)]
    return {
        "assumptions": {
            "save_rate": assumed(0.1, 0.2, 0.3, SHARE),
            "horizon_months": assumed(3, 6, 12, MONTHS),
        },
        "unit": {"ru": "фунты", "en": "GBP"},
        "best": {
            "threshold": 0.14,
            "profit_worst_case": worst,
            "break_even_save_rate": break_even,
        },
        "sensitivity": [
            dict(zip(columns, row, strict=True)) | {"profit_at_base_threshold": 0.5} for row in rows
        ],
    }


def sensitivity(save_low: float = 400.0, worst: float = 50.0, offered: int = 30) -> pd.DataFrame:
    rows = [
        ("base", "Базовые", "Base", "base", 1000.0, 1000.0),
        ("save_rate", "Доля удержанных", "Save rate", "low", 450.0, save_low),
        ("save_rate", "Доля удержанных", "Save rate", "high", 2000.0, 2100.0),
        ("horizon", "Срок", "Horizon", "low", 500.0, 500.0),
        ("horizon", "Срок", "Horizon", "high", 1500.0, 1500.0),
        ("everything", "Всё", "Everything", "low", 80.0, worst),
        ("everything", "Всё", "Everything", "high", 5000.0, 5000.0),
    ]
    columns = ["assumption", "name_ru", "name_en", "level", "expected_net", "expected_net_kept"]
    table = pd.DataFrame(rows, columns=columns)
    values = {"value_text_ru": "1,0%", "value_text_en": "1.0%", "spend_kept": 100.0, "changed": 3}
    return table.assign(offered=offered, **values)


def by_unit(*nets: float) -> pd.DataFrame:
    count = len(nets)
    return pd.DataFrame(
        {
            "name_ru": [f"ед. {place}" for place in range(count)],
            "name_en": [f"unit {place}" for place in range(count)],
            "chosen": [place == 1 for place in range(count)],
            "offered": [10] * count,
            "spend": [5.0] * count,
            "expected_net": nets,
            "same_offer": [0.25, 1.0, None][:count],
        }
    )


def table_of(chapter: dict[str, Any], name: str) -> dict[str, Any] | None:
    return next((block for block in chapter["blocks"] if block.get("name") == name), None)


def flips_of(chapter: dict[str, Any]) -> str:
    listed = [block for block in chapter["blocks"] if block["kind"] == "bullets"]
    return "\n".join(text["en"] for block in listed for text in block["texts"])


class TestNumbers:
    def test_plan_and_profit_curve_share_one_table_and_what_both_use_stands_once(self) -> None:
        table = table_of(write_assumptions(OPTIONS, offer_names(), decision()), "assumptions")
        assert table is not None
        used = [(row[0]["en"], row[5]["en"]) for row in table["rows"]]
        assert used == [
            ("Horizon", "plan and profit curve"),
            ("Save rate, “<b>5 £</b>”", "plan"),
            ("Save rate, on average", "profit curve"),
        ]
        assert table["title"]["en"] == "Numbers that nobody measured: 3"

    def test_numbers_are_written_as_given_because_units_differ(self) -> None:
        table = table_of(write_assumptions(OPTIONS, offer_names()), "assumptions")
        assert table is not None
        assert [cell["ru"] for cell in table["rows"][1][1:4]] == ["0,005", "0,02", "0,04"]
        assert [cell["en"] for cell in table["rows"][0][1:4]] == ["3", "6", "12"]

    def test_a_long_list_is_cut_and_says_so(self) -> None:
        more = [named(f"n{place}", assumed(1, 2, 3 + place, SHARE)) for place in range(50)]
        chapter = write_assumptions(OPTIONS, offer_names(*more))
        table = table_of(chapter, "assumptions")
        assert table is not None
        assert len(table["rows"]) == 40
        assert "The first 40 of 52 are shown." in str(chapter["blocks"])


class TestPlan:
    def test_the_lead_says_what_is_left_at_worst(self) -> None:
        safe = write_assumptions(OPTIONS, offer_names(), None, sensitivity())
        assert "from 1,000\u00a0GBP to 50\u00a0GBP" in safe["lead"]["en"]
        lost = write_assumptions(OPTIONS, offer_names(), None, sensitivity(worst=-200))
        assert "loses 200\u00a0GBP instead of earning 1,000\u00a0GBP" in lost["lead"]["en"]
        assert "send it only if you believe in better" in flips_of(lost)

    def test_the_widest_assumption_is_named_and_none_that_loses(self) -> None:
        text = flips_of(write_assumptions(OPTIONS, offer_names(), None, sensitivity()))
        assert "hangs most on “Save rate”: from 450\u00a0GBP to 2,000\u00a0GBP" in text
        assert "By itself no assumption" in text

    def test_an_assumption_that_turns_the_plan_to_a_loss_is_named(self) -> None:
        text = flips_of(write_assumptions(OPTIONS, offer_names(), None, sensitivity(-5.0)))
        assert "enough to make the plan lose money: “Save rate”" in text

    def test_an_empty_plan_has_nothing_that_flips(self) -> None:
        chapter = write_assumptions(OPTIONS, offer_names(), None, sensitivity(offered=0))
        assert not flips_of(chapter)
        assert "offers nothing to anybody" in chapter["lead"]["en"]

    def test_the_table_holds_the_plan_kept_and_made_anew(self) -> None:
        chapter = write_assumptions(OPTIONS, offer_names(), None, sensitivity())
        table = table_of(chapter, "plan_sensitivity")
        assert table is not None
        assert table["rows"][1][3:] == [400.0, 450.0, 100.0, 3]
        assert table["currency"] == {"ru": "£", "en": "GBP"}


class TestUnits:
    def test_a_unit_that_matters_more_than_all_assumptions_is_said_first_of_all(self) -> None:
        chapter = write_assumptions(
            OPTIONS, offer_names(), None, sensitivity(), by_unit(2.0, 1000.0, 90000.0)
        )
        assert "from 2\u00a0GBP (unit 0) to 90,000\u00a0GBP (unit 2)" in flips_of(chapter)
        assert "only 25% of those who get one now keep the same" in flips_of(chapter)
        table = table_of(chapter, "plan_by_unit")
        assert table is not None
        assert [row[1] for row in table["rows"]] == [False, True, False]
        assert table["rows"][2][5] is None

    def test_a_single_unit_is_no_question(self) -> None:
        chapter = write_assumptions(OPTIONS, offer_names(), None, None, by_unit(1000.0))
        assert table_of(chapter, "plan_by_unit") is None


class TestThreshold:
    @pytest.mark.parametrize(
        ("break_even", "said"),
        [(0.02, "below the whole range"), (0.15, "may flip"), (0.4, "pays at no value assumed")],
    )
    def test_break_even_stands_beside_the_range(self, break_even: float, said: str) -> None:
        assert said in flips_of(write_assumptions(OPTIONS, None, decision(break_even)))

    def test_the_threshold_and_the_worst_corner(self) -> None:
        text = flips_of(write_assumptions(OPTIONS, None, decision()))
        assert "moves between 0.10 and 0.25 (base: 0.14)" in text
        assert "loses 0.17 per customer (GBP): here the conclusion flips" in text
        assert "earns 0.20 per customer" in flips_of(
            write_assumptions(OPTIONS, None, decision(worst=0.2))
        )

    def test_different_save_rates_of_plan_and_curve_are_pointed_out(self) -> None:
        chapter = write_assumptions(OPTIONS, offer_names(), decision(), sensitivity())
        assert "the curve takes 10%–30% for any offer, the plan 1.0% to 1.0%" in flips_of(chapter)

    def test_an_end_of_a_range_that_contacts_nobody_is_named(self) -> None:
        given = decision()
        given["sensitivity"][0]["threshold"] = None
        text = flips_of(write_assumptions(OPTIONS, None, given))
        assert "becomes “contact nobody” if: Save rate, on average — 0.1." in text

    def test_a_threshold_that_contacts_nobody_flips_nothing(self) -> None:
        given = decision()
        given["best"]["threshold"] = None
        chapter = write_assumptions(OPTIONS, None, given)
        assert not flips_of(chapter)
        assert table_of(chapter, "threshold_sensitivity") is None


def test_nothing_at_all_names_the_stage() -> None:
    withheld = {"withheld": {"ru": "нет", "en": "none"}}
    for chapter in (write_assumptions(OPTIONS), write_assumptions(OPTIONS, None, withheld)):
        assert [block["kind"] for block in chapter["blocks"]] == ["notice"]
        assert "offers" in chapter["blocks"][0]["text"]["en"]
        Chapter.model_validate(chapter)

"""Customers one by one: who is listed, in which order, and what the page reads about them."""

import json
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest

from personal_offers.pipelines.reporting.customer_list import list_customers
from personal_offers.pipelines.reporting.customer_list_chapter import write_customer_list
from personal_offers.pipelines.reporting.params import ReportingOptions
from tests.pipelines.reporting.made_up_chapters import OPTIONS
from tests.pipelines.reporting.made_up_plan import (
    CUSTOMERS,
    IN_HUNDREDS,
    ODD,
    OFFER_NAMES,
    SETTINGS,
    VIEW_NAMES,
    offers_table,
)

KINDS = {
    "customer_id": "string",
    "segment": "string",
    "decline_risk": "float64",
    "profit": "float64",
    "rfm_class": "string",
    "cluster": "int64",
    "main_category": "string",
}
# At risk: e 90, a 50, d 9; of b and c no risk is known.
ROWS = [
    ("a", "save_first", 0.5, 100.0, "top", 1, "Ovens"),
    ("b", "grow", None, 10.0, None, 1, None),
    ("c", "save_first", None, 900.0, "top", 2, None),
    ("d", "grow", 0.9, 10.0, None, 1, None),
    ("e", "grow", 0.9, 100.0, None, None, None),
]


def segments_of(*rows: tuple[Any, ...]) -> ir.Table:
    columns = zip(*rows, strict=True) if rows else ([] for _ in KINDS)
    frame = {
        name: pd.Series(list(column), dtype=object)
        for name, column in zip(KINDS, columns, strict=True)
    }
    return ibis.memtable(pd.DataFrame(frame), schema=KINDS)


def reasons_of(*names: str) -> ir.Table:
    frame = pd.DataFrame({"customer_id": names, "reason_ru": "риск", "reason_en": "risk"})
    return ibis.memtable(frame, schema=dict.fromkeys(frame.columns, "string"))


SEGMENTS = segments_of(*ROWS)
OFFERS = offers_table(*CUSTOMERS)
REASONS = reasons_of("a", "b", "c", "d", "e")


def listed(segments: ir.Table = SEGMENTS, most: int | None = None, **others: Any) -> pd.DataFrame:
    changed = {} if most is None else {"customers_listed": most}
    options: ReportingOptions = OPTIONS.model_copy(update=changed)
    return list_customers(options, segments, **others).to_pandas()


@pytest.fixture(scope="module")
def everybody() -> pd.DataFrame:
    return listed(offers=OFFERS, reasons=REASONS)


def page_of(frame: pd.DataFrame, plan: Any = SETTINGS, **others: Any) -> dict[str, Any]:
    names = {"offer_names": OFFER_NAMES, "view_names": VIEW_NAMES} | others
    chapter = write_customer_list(OPTIONS, plan, ibis.memtable(frame), **names)
    json.dumps(chapter, allow_nan=False)
    return chapter


def data_of(frame: pd.DataFrame, **others: Any) -> dict[str, Any]:
    found: dict[str, Any] = page_of(frame, **others)["blocks"][0]["data"]
    return found


class TestWhoIsListed:
    def test_most_at_risk_first_then_the_plan_then_profit(self, everybody: pd.DataFrame):
        # b: an offer worth 300; c: in the control group, worth 250.
        assert everybody["customer_id"].tolist() == ["e", "a", "d", "b", "c"]
        assert everybody["place"].tolist() == [1, 2, 3, 4, 5]
        assert everybody["at_stake"].tolist()[:3] == [90, 50, 9]

    def test_without_a_plan_profit_follows_risk(self):
        assert listed()["customer_id"].tolist() == ["e", "a", "d", "c", "b"]

    def test_no_more_are_listed_than_asked_and_all_are_counted(self):
        few = listed(most=2)
        assert few["customer_id"].tolist() == ["e", "a"]
        assert few["of_customers"].tolist() == [5, 5]

    def test_equal_customers_are_listed_by_id(self):
        same = [(name, "grow", 0.5, 10.0, None, 1, None) for name in ("b", "c", "a")]
        assert listed(segments_of(*same), most=2)["customer_id"].tolist() == ["a", "b"]

    def test_what_is_planned_and_why_stands_beside(self, everybody: pd.DataFrame):
        row = everybody.set_index("customer_id").loc["a"]
        assert (row["offer"], row["channel"], row["cost"]) == ("call", "phone", 150)
        assert (row["risk_reason_en"], row["offer_reason_en"]) == ("risk", "does not pay")
        assert (row["interest_ru"], row["interest_en"]) == ("Ovens", "Ovens")
        assert everybody.set_index("customer_id").loc["d", "blocked_by"] == "consent"

    def test_the_published_risk_is_the_one_that_counts(self):
        risk = pd.DataFrame({"customer_id": ["b"], "decline_risk": [1.0]})
        found = listed(decline_risk=ibis.memtable(risk))
        assert found["customer_id"].tolist() == ["b", "c", "a", "e", "d"]
        assert found["decline_risk"].notna().sum() == 1

    def test_a_shop_that_knows_only_segments_is_listed_by_id(self):
        found = listed(SEGMENTS.select("customer_id", "segment"))
        assert found["customer_id"].tolist() == ["a", "b", "c", "d", "e"]
        assert found["profit"].isna().all()

    def test_nobody_is_listed_of_an_empty_shop(self):
        assert listed(segments_of()).empty


class TestPage:
    def test_columns_follow_the_reading(self, everybody: pd.DataFrame):
        data = data_of(everybody)
        keys = [column["key"] for column in data["columns"]]
        assert keys == [
            "id", "segment", "class", "cluster", "interest", "risk", "profit", "stake", "group",
            "offer", "channel", "cost", "net", "blocked",
        ]  # fmt: skip
        assert set(data["values"]) == set(keys)
        assert [c["key"] for c in data["columns"] if c["filter"]] == [
            "segment", "class", "cluster", "interest", "group", "offer", "channel", "blocked",
        ]  # fmt: skip
        assert (data["total"], data["shown"]) == (5, 5)

    def test_texts_are_codes_with_labels_in_both_languages(self, everybody: pd.DataFrame):
        values = data_of(everybody)["values"]
        assert values["segment"] == {
            "codes": [0, 1, 0, 0, 1],
            "labels": [VIEW_NAMES["segments"]["grow"], VIEW_NAMES["segments"]["save_first"]],
        }
        assert values["class"]["codes"] == [-1, 0, -1, -1, 0]
        assert values["cluster"]["codes"] == [-1, 0, 0, 0, 1]
        assert [label["en"] for label in values["cluster"]["labels"]] == ["Many purchases", "2"]
        assert values["blocked"]["labels"] == [OFFER_NAMES["gates"]["consent"]]

    def test_money_stands_where_something_is_sent(self, everybody: pd.DataFrame):
        values = data_of(everybody)["values"]
        assert values["cost"] == [None, 150.0, None, 50.0, None]
        assert values["risk"] == [0.9, 0.5, 0.9, None, None]

    def test_reasons_are_kept_row_by_row(self, everybody: pd.DataFrame):
        data = data_of(everybody)
        assert [each["key"] for each in data["detail"]] == ["risk_reason", "offer_reason"]
        assert data["details"]["risk_reason"]["ru"] == ["риск"] * 5

    def test_what_the_shop_lacks_is_left_out(self, everybody: pd.DataFrame):
        poor = everybody.assign(decline_risk=np.nan, at_stake=np.nan, rfm_class=None)
        data = data_of(poor)
        assert not {"risk", "stake", "class"} & set(data["values"])
        assert [each["key"] for each in data["detail"]] == ["offer_reason"]
        assert data["order"]["en"].startswith("those whose offer brings most")

    def test_profit_is_in_the_unit_of_the_shop(self, everybody: pd.DataFrame):
        for plan, label in (
            (SETTINGS, "Profit a month, RUB"),
            (IN_HUNDREDS, "Profit a month, units"),
        ):
            columns = {c["key"]: c for c in data_of(everybody, plan=plan)["columns"]}
            assert columns["profit"]["label"]["en"] == label

    def test_the_lead_says_how_many_of_all_are_shown(self, everybody: pd.DataFrame):
        lead = page_of(everybody.head(2))["lead"]
        assert (
            lead["en"]
            .replace("\u00a0", " ")
            .startswith("Here are the most important 2 customers of 5")
        )
        assert page_of(everybody)["lead"]["en"].startswith("Here are all customers of the shop: 5.")

    def test_names_from_data_stay_text(self, everybody: pd.DataFrame):
        odd = everybody.assign(
            customer_id=[ODD, *everybody["customer_id"][1:]],
            segment=ODD, interest_ru=ODD, interest_en=None, offer_reason_ru=ODD,
        )  # fmt: skip
        data = data_of(odd)
        assert data["values"]["id"][0] == ODD
        assert data["values"]["segment"]["labels"] == [{"ru": ODD, "en": ODD}]
        assert data["values"]["interest"]["labels"] == [{"ru": ODD, "en": ODD}]
        assert data["details"]["offer_reason"]["ru"][0] == ODD

    def test_an_empty_shop_and_a_missing_list_say_so(self, everybody: pd.DataFrame):
        nobody = everybody.head(0)
        (told,) = page_of(nobody)["blocks"]
        assert told["level"] == "missing"
        assert "kedro run --pipelines segmentation" in told["text"]["en"]
        assert write_customer_list(OPTIONS, SETTINGS)["blocks"][0]["level"] == "missing"

    def test_a_list_without_plan_or_reasons_says_so(self, everybody: pd.DataFrame):
        lacking = listed()

        *told, _ = page_of(lacking)["blocks"]
        assert ["offers" in told[0]["text"]["en"], "modelling" in told[1]["text"]["en"]] == [
            True
        ] * 2
        assert [block["kind"] for block in page_of(everybody)["blocks"]] == ["widget"]


def test_without_segments_nobody_is_listed() -> None:
    found = list_customers(OPTIONS).to_pandas()

    assert found.empty
    assert "at_stake" in found.columns

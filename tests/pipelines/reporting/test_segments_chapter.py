"""The chapter of segments: true sentences, numbers as in the tables, and nothing that hurts."""

import json
from functools import cache
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.pipelines.reporting.profit_unit import ReportUnits
from personal_offers.pipelines.reporting.segments_chapter import write_segments
from personal_offers.pipelines.reporting.threshold_grid import count_threshold_grid
from personal_offers.pipelines.reporting.view_params import ReportViews

EVIL = "<script>alert('1')</script> \"A\" & \u202eשלום\u202c 🎁"
THRESHOLDS = {"risk": 0.5, "profit": 4.0, "marks": {}}
CUSTOMERS = [(0.9, 5.0), (0.8, 2.0), (0.1, 6.0), (0.5, 4.0), (0.2, 1.0)]
OPTIONS = ReportingOptions(
    title={"ru": "Магазин", "en": "Shop"},
    customers_listed=10,
    risk_step=0.1,
    profit_stops=5,
    confidence=0.95,
    fewest_customers=30,
    pictures=False,
)
PLAN: dict[str, Any] = {
    "currency": {"ru": "₽", "en": "RUB"},
    "profit_unit": {
        "chosen": "rouble",
        "units": {"rouble": {"value": 1, "label": {"ru": "рубль", "en": "rouble"}}},
        "source": {"ru": "так", "en": "so"},
    },
}
CELLS = {
    "save_first": ("high", "high", "Спасать первыми", "Save first"),
    "keep_cheaply": ("high", "low", "Удержать недорого", "Keep cheaply"),
    "reward_loyalty": ("low", "high", "Ценить и беречь", "Reward loyalty"),
    "grow": ("low", "low", "Растить", "Grow"),
}
REGISTRY = FeatureRegistry.model_validate(
    {
        "features": {
            "pages": {
                "group": "on_site_behaviour",
                "type": "number",
                "compute": {"kind": "not_recorded"},
                "window": "a month",
                "actionable": True,
                "label": {"ru": "страниц за визит", "en": "pages per visit"},
                "definition": {"ru": "Страниц", "en": "Pages"},
            }
        }
    }
)


def views(name: str = "Save first") -> ReportViews:
    cells = {
        key: {"risk": risk, "profit": profit, "label": {"ru": ru, "en": en}}
        for key, (risk, profit, ru, en) in CELLS.items()
    }
    cells["save_first"]["label"] = {"ru": name, "en": name}
    return ReportViews.model_validate(
        {"segments": cells, "confidence": 0.95, "order_by": "revenue"}
    )


def row(
    segment: str, ru: str, en: str, members: list[tuple[float | None, float]]
) -> dict[str, Any]:
    risks = [risk for risk, _ in members if risk is not None]
    profit = sum(profit for _, profit in members)
    at_risk = sum(risk * profit for risk, profit in members if risk is not None)
    numbers: dict[str, Any] = {
        "customers": len(members),
        "share": len(members) / 5,
        "declined_share": None,
        "mean_profit": profit / len(members) if members else None,
        "profit": profit if members else None,
        "profit_at_risk": at_risk if risks else None,
    }
    ends = {f"{name}_{end}": None for name in list(numbers)[1:] for end in ("low", "high")}
    mean = sum(risks) / len(risks) if risks else None
    return {"segment": segment, "name_ru": ru, "name_en": en} | numbers | ends | {"mean_risk": mean}


def profile_of(members: list[tuple[float | None, float]] = CUSTOMERS) -> pd.DataFrame:  # type: ignore[assignment]
    def cell(risk: float | None, profit: float) -> tuple[str, str] | None:
        levels = ("low", "high")
        return None if risk is None else (levels[risk >= 0.5], levels[profit >= 4])

    rows = [
        row(name, ru, en, [each for each in members if cell(*each) == (risk, profit)])
        for name, (risk, profit, ru, en) in CELLS.items()
    ]
    rest = [each for each in members if each[0] is None]
    if rest:
        rows.append(row("sleeping", "Спящие", "Sleeping", rest))
    return pd.DataFrame([*rows, row("all", "Все клиенты", "All customers", members)])


def grid_of(members: list[tuple[float | None, float]] = CUSTOMERS) -> Any:  # type: ignore[assignment]
    table = ibis.memtable(
        pd.DataFrame(members, columns=["decline_risk", "profit"], dtype="float64"),
        schema={"decline_risk": "float64", "profit": "float64"},
    )
    return ibis.memtable(count_threshold_grid(table, THRESHOLDS, OPTIONS).to_pandas())


GRID = grid_of()


def write(**given: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "options": OPTIONS,
        "registry": REGISTRY,
        "views": views(),
        "plan": ReportUnits.model_validate(PLAN),
        "segment_profile": profile_of(),
        "segment_thresholds": THRESHOLDS,
        "threshold_grid": GRID,
        "view_names": {"classes": {}},
        "recommendations": recommendations("save_first"),
    }
    chapter = write_segments(**arguments | given)
    json.dumps(chapter, allow_nan=False)
    return chapter


@cache
def usual() -> dict[str, Any]:
    """The chapter with all of its usual inputs."""
    return write()


def recommendations(*names: str) -> pd.DataFrame:
    parts = ("name", "goal", "action", "channel", "do_not", "measure")
    texts = {f"{part}_{language}": part for part in parts for language in ("ru", "en")}
    return pd.DataFrame([{"view": "segment", "name": name} | texts for name in names])


def block(chapter: dict[str, Any], name: str) -> dict[str, Any]:
    found = [each for each in chapter["blocks"] if name in (each.get("name"), each.get("widget"))]
    assert found, name
    return dict(found[0])


def names(chapter: dict[str, Any]) -> list[str]:
    return [each.get("name") or each.get("widget") or each["kind"] for each in chapter["blocks"]]


class TestSliders:
    def test_the_data_hold_the_configured_thresholds_among_the_stops(self) -> None:
        data = block(usual(), "thresholds")["data"]
        assert data["risk"] in data["risk_stops"]
        assert data["profit"] in data["profit_stops"]
        assert data["risk_stops"] == sorted(data["risk_stops"])

    def test_suffix_sums_give_the_segment_of_the_profile(self) -> None:
        data = block(usual(), "thresholds")["data"]
        risk, profit = data["risk_stops"].index(0.5), data["profit_stops"].index(4.0)
        high = [each for each in data["cells"] if each[0] >= risk and each[1] >= profit]
        # 0.9 x 5 and, exactly at both thresholds, 0.5 x 4.
        assert [sum(each[place] for each in high) for place in (2, 3, 4)] == [2, 90_000, 65_000]

    def test_names_go_by_risk_first_and_profit_second(self) -> None:
        data = block(usual(), "thresholds")["data"]
        assert data["names"]["high_low"]["en"] == "Keep cheaply"

    def test_customers_without_a_risk_are_told_apart(self) -> None:
        members = [*CUSTOMERS[:4], (None, 7.5)]
        chapter = write(segment_profile=profile_of(members), threshold_grid=grid_of(members))
        assert block(chapter, "thresholds")["data"]["unknown"] == {"customers": 1, "profit": 75_000}


class TestMap:
    def test_the_finding_names_the_segment_with_most_profit_at_risk(self) -> None:
        figure = block(usual(), "risk_profit_map")
        assert (
            "“Save first”: 6.50\xa0RUB a month, 2\xa0customers; that is 73%"
            in (figure["title"]["en"])
        )

    def test_most_at_risk_with_low_risk_is_no_reason_to_give_discounts(self) -> None:
        members = [(0.9, 5.0), (0.4, 500.0)]
        chapter = write(segment_profile=profile_of(members), threshold_grid=grid_of(members))
        figure = block(chapter, "risk_profit_map")
        assert "“Reward loyalty”" in figure["title"]["en"]
        assert "give no discounts" in figure["advice"]["en"]

    def test_bubbles_hold_all_customers_and_do_not_grow_with_them(self) -> None:
        chapter = write(threshold_grid=grid_of(CUSTOMERS * 1000))
        bubbles = block(chapter, "risk_profit_map")["figures"]["en"]["data"]
        sizes = [size for trace in bubbles for size in trace["marker"]["size"]]
        assert sum(sizes) == 5000
        assert len(sizes) < 300

    def test_one_customer_is_one_bubble(self) -> None:
        chapter = write(
            segment_profile=profile_of(CUSTOMERS[:1]), threshold_grid=grid_of(CUSTOMERS[:1])
        )
        figure = block(chapter, "risk_profit_map")["figures"]["ru"]
        assert [len(trace["x"]) for trace in figure["data"]] == [1, 1, 1, 1]
        assert "0\xa0клиентов" in figure["data"][3]["name"]

    def test_losses_are_no_share_of_anything(self) -> None:
        members = [(0.9, -5.0), (0.8, -2.0)]
        chapter = write(segment_profile=profile_of(members), threshold_grid=grid_of(members))
        assert block(chapter, "risk_profit_map")["title"]["en"].startswith("No profit is at risk")
        assert "%" not in block(chapter, "profit_at_risk_by_segment")["title"]["en"]

    def test_names_with_tags_stay_text(self) -> None:
        chapter = write(views=views(EVIL))
        figure = block(chapter, "risk_profit_map")
        assert EVIL in figure["title"]["en"]
        assert "<script" not in json.dumps(figure["figures"])


class TestTables:
    def test_the_profile_leaves_out_segments_without_customers(self) -> None:
        members = CUSTOMERS[:2]
        table = block(
            write(threshold_grid=None, segment_profile=profile_of(members)), "segment_profile"
        )
        assert [each[0]["en"] for each in table["rows"]] == [
            "Save first",
            "Keep cheaply",
            "All customers",
        ]

    def test_shares_of_profit_at_risk_add_up(self) -> None:
        table = block(usual(), "segment_profile")
        assert table["columns"][-1]["label"]["en"] == "Share of profit at risk"
        assert sum(each[-1] for each in table["rows"][:-1]) == pytest.approx(1)

    def test_drivers_are_named_as_in_the_registry_in_percentage_points(self) -> None:
        drivers = pd.DataFrame(
            [("save_first", "pages", 0.134, 2, 1), ("grow", "pages", 0.001, 2, 1)],
            columns=["segment", "feature", "mean_contribution", "customers", "rank"],
        )
        table = block(write(threshold_grid=None, segment_drivers=drivers), "segment_drivers")
        assert "“pages per visit” raises the risk most: 13.4" in table["title"]["en"]
        assert len(table["rows"]) == 1

    def test_only_segments_with_customers_get_advice(self) -> None:
        chapter = write(
            threshold_grid=None, recommendations=recommendations("save_first", "not_classified")
        )
        assert len(block(chapter, "segment_recommendations")["rows"]) == 1

    def test_views_that_hardly_agree_are_said_to(self) -> None:
        names_of = {"view_ru": "а", "view_en": "a", "other_view_ru": "б", "other_view_en": "b"}
        pairs = pd.DataFrame(
            [
                names_of
                | {"customers": 5, "agreement": 0.04, "agreement_low": 0.01, "agreement_high": 0.1}
                | {"same_numbers": False, "why_not_ru": None, "why_not_en": None},
                names_of
                | {
                    "customers": 2,
                    "same_numbers": False,
                    "why_not_ru": "мало",
                    "why_not_en": "few",
                },
            ]
        )
        table = block(write(threshold_grid=None, view_agreement=pairs), "view_agreement")
        assert table["title"]["en"].startswith("Views made from different numbers hardly agree")
        assert table["rows"][1][-1] == {"ru": "мало", "en": "few"}

    def test_a_contradiction_of_views_is_counted_in_customers_and_money(self) -> None:
        conflicts = pd.DataFrame(
            [("Лучший", "Best", 1, 2, 0.5, 4.5), ("Худший", "Worst", 0, 0, None, 0.0)],
            columns=["name_ru", "name_en", "customers", "of", "share", "profit_at_risk"],
        )
        bullets = [
            each
            for each in write(threshold_grid=None, conflict_summary=conflicts)["blocks"]
            if "texts" in each
        ]
        assert [each["en"] for each in bullets[0]["texts"]] == [
            "Best: 1\xa0customer of 2 (50%), profit at risk 4.50\xa0RUB a month."
        ]


class TestUnits:
    def test_an_unstated_unit_of_profit_is_called_so(self) -> None:
        units = PLAN["profit_unit"]["units"] | {
            "hundred": {"value": 100, "label": {"ru": "сто рублей", "en": "hundred roubles"}}
        }
        chapter = write(
            threshold_grid=None,
            plan=ReportUnits.model_validate(
                PLAN | {"profit_unit": PLAN["profit_unit"] | {"chosen": "hundred", "units": units}}
            ),
        )
        assert "14\xa0ед. в месяц" not in chapter["lead"]["ru"]
        assert "18\xa0ед. в месяц" in chapter["lead"]["ru"]
        texts = [each["text"]["en"] for each in chapter["blocks"] if each["kind"] == "paragraph"]
        assert any("“hundred roubles”; that is an assumption" in text for text in texts)


class TestWithheldAndMissing:
    def test_without_a_risk_profit_by_class_is_shown_with_the_reason(self) -> None:
        members: list[tuple[float | None, float]] = [(None, 5.0), (None, 1.0)]
        chapter = write(
            segment_profile=profile_of(members),
            threshold_grid=grid_of(members),
            view_names={"classes": {"sleeping": {"ru": "Спящие", "en": "Sleeping"}}},
            model_gate={"withheld": {"ru": "мало данных", "en": "too few data"}},
        )
        assert names(chapter) == [
            "notice",
            "paragraph",
            "profit_by_segment",
            "segment_profile",
            "segment_intervals",
        ]
        assert "(too few data)" in chapter["blocks"][0]["text"]["en"]

    def test_without_segmentation_the_chapter_says_so(self) -> None:
        chapter = write(segment_profile=None, threshold_grid=None, segment_thresholds=None)
        assert [each["level"] for each in chapter["blocks"]] == ["missing"]

    def test_a_profile_without_its_total_or_without_profit_is_no_error(self) -> None:
        whole = profile_of()
        money = [str(name) for name in whole if "profit" in str(name)]

        cut = write(segment_profile=whole[whole["segment"] != "all"])
        unpaid = write(segment_profile=whole.assign(**dict.fromkeys(money, np.nan)))

        assert cut["blocks"][0]["level"] == "missing"
        assert "profit_by_segment" not in names(unpaid)

    def test_without_the_grid_and_recommendations_the_rest_stands(self) -> None:
        chapter = write(threshold_grid=None, recommendations=None)
        assert names(chapter).count("notice") == 2
        assert "profit_at_risk_by_segment" in names(chapter)

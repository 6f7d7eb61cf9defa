"""The chapter of clusters: what they are, how firm, who moved, and nothing that hurts."""

import json
from datetime import datetime
from typing import Any

import ibis
import pandas as pd

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.reporting.clusters_chapter import write_clusters
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.pipelines.reporting.profit_unit import ReportUnits
from personal_offers.pipelines.reporting.view_params import ReportViews

EVIL = "<script>alert('1')</script> \"A\" & \u202eשלום\u202c 🎁"
PLAN: dict[str, Any] = {
    "currency": {"ru": "₽", "en": "RUB"},
    "profit_unit": {
        "chosen": "rouble",
        "units": {"rouble": {"value": 1, "label": {"ru": "рубль", "en": "rouble"}}},
        "source": {"ru": "так", "en": "so"},
    },
}
CELLS = [("high", "high"), ("high", "low"), ("low", "high"), ("low", "low")]
VIEWS = ReportViews.model_validate(
    {
        "segments": {
            f"{risk}_{profit}": {"risk": risk, "profit": profit, "label": {"ru": "р", "en": "s"}}
            for risk, profit in CELLS
        },
        "confidence": 0.95,
        "order_by": "revenue",
    }
)
OPTIONS = ReportingOptions(
    title={"ru": "Магазин", "en": "Shop"},
    customers_listed=10,
    risk_step=0.1,
    profit_stops=5,
    confidence=0.95,
    fewest_customers=30,
    pictures=False,
)
REGISTRY = FeatureRegistry.model_validate(
    {
        "features": {
            "revenue": {
                "group": "purchase_behaviour",
                "type": "number",
                "compute": {"kind": "from_orders", "measure": "net_revenue"},
                "window": "ever",
                "actionable": False,
                "definition": {"ru": "выручка", "en": "revenue ever"},
            }
        }
    }
)
CHOICE: dict[str, Any] = {
    "reason": {"ru": "Выбор: два.", "en": "Chosen: two."},
    "limits": {"stability": 0.8, "silhouette": 0.3, "smallest_share": 0.05},
    "values": {"stability": 0.94, "silhouette": 0.35},
    "customers": 10,
    "seen": 10,
    "notes": [],
}
SUMMARY_COLUMNS = [
    "cluster",
    "name_ru",
    "name_en",
    "customers",
    "share",
    "share_low",
    "share_high",
    "revenue",
    "revenue_share",
    "differs_ru",
    "differs_en",
    "noise_customers",
]
MOVE_COLUMNS = [
    "from_cluster",
    "from_ru",
    "from_en",
    "to_cluster",
    "to_ru",
    "to_en",
    "customers",
    "net_between",
]


def summary(*names: str, revenue: tuple[float, ...] = (900.0, 100.0)) -> pd.DataFrame:
    rows = [
        (place, f"{name}_р", name, 6 * place - 4, 0.2, 0.1, 0.4, money, money / 1000, "Ч", "H", 0)
        for place, (name, money) in enumerate(zip(names, revenue, strict=False), start=1)
    ]
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def moves(*rows: tuple[str, str, int, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (was, f"{was}_р", f"was {was}", now, f"{now}_р", f"now {now}", customers, money)
            for was, now, customers, money in rows
        ],
        columns=MOVE_COLUMNS,
    )


def write(**given: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "options": OPTIONS,
        "registry": REGISTRY,
        "views": VIEWS,
        "plan": ReportUnits.model_validate(PLAN),
        "cluster_summary": summary("big spenders", "one-timers"),
        "cluster_choice": CHOICE,
        "recommendations": pd.DataFrame(columns=["view", "name"]),
    }
    chapter = write_clusters(**arguments | given)
    json.dumps(chapter, allow_nan=False)
    return chapter


def block(chapter: dict[str, Any], name: str) -> dict[str, Any]:
    return dict(next(each for each in chapter["blocks"] if each.get("name") == name))


def kinds(chapter: dict[str, Any]) -> list[str]:
    return [each.get("name") or each["kind"] for each in chapter["blocks"]]


class TestSummary:
    def test_the_lead_names_the_largest_and_the_one_with_most_revenue(self) -> None:
        assert write()["lead"]["en"] == (
            "The algorithm found 2\xa0clusters. The largest is “one-timers”: 8\xa0customers, 20% "
            "of all. Most revenue comes from “big spenders”: 900\xa0RUB, 90% of all."
        )

    def test_a_cluster_that_is_both_is_named_once(self) -> None:
        chapter = write(cluster_summary=summary("few", "many", revenue=(100.0, 900.0)))
        assert chapter["lead"]["en"].count("many") == 1
        assert "Самый большой и самый доходный — «many_р»" in chapter["lead"]["ru"]

    def test_one_cluster_is_no_group(self) -> None:
        single = summary("all").assign(share_low=None, share_high=None, differs_ru=None)
        chapter = write(cluster_summary=single)
        assert chapter["lead"]["en"].startswith("The algorithm found no separate groups")
        assert block(chapter, "cluster_summary")["rows"][0][1] is None

    def test_the_sum_is_called_by_the_feature_that_orders_the_clusters(self) -> None:
        heads = [each["label"]["en"] for each in block(write(), "cluster_summary")["columns"]]
        assert "Sum of: revenue ever" in heads

    def test_names_with_tags_and_names_like_numbers_stay_text(self) -> None:
        table = block(write(cluster_summary=summary(EVIL, "2024")), "cluster_summary")
        assert [each[0]["en"] for each in table["rows"]] == [EVIL, "2024"]


class TestChoice:
    def test_the_reason_of_the_choice_is_told(self) -> None:
        texts = [each["text"]["en"] for each in write()["blocks"] if each["kind"] == "paragraph"]
        assert "Why these clusters. Chosen: two." in texts

    def test_limits_that_are_missed_are_warned_of(self) -> None:
        values = {"stability": 0.5, "silhouette": 0.2}
        notices = [
            each["text"]["en"]
            for each in write(cluster_choice=CHOICE | {"values": values})["blocks"]
            if each["kind"] == "notice"
        ]
        assert ["0.50" in notices[0], "0.20" in notices[1], len(notices)] == [True, True, 2]

    def test_clusters_of_a_sample_are_said_to_be(self) -> None:
        chapter = write(cluster_choice=CHOICE | {"customers": 100_000, "seen": 20_000})
        assert any(
            "20,000 of 100,000" in each["text"]["en"]
            for each in chapter["blocks"]
            if each["kind"] == "paragraph"
        )


class TestMigration:
    MOVES = moves(
        ("1", "1", 6, 50.0),
        ("1", "2", 2, -5.0),
        ("2", "1", 1, 70.0),
        ("2", "2", 1, 0.0),
        ("new", "1", 3, 40.0),
        ("new", "2", 0, 0.0),
    )

    def test_moves_are_a_matrix_in_customers_and_one_in_money(self) -> None:
        chapter = write(cluster_migration=self.MOVES)
        people = block(chapter, "cluster_moves")
        assert [each[1:] for each in people["rows"]] == [[6, 2], [1, 1], [3, 0]]
        assert "7 of 10 stayed in their cluster (70%)" in people["title"]["en"]
        assert "from “was 1” to “now 2”, 2\xa0customers" in people["advice"]["en"]
        money = block(chapter, "cluster_moves_money")
        assert [each[1:] for each in money["rows"]] == [[50.0, -5.0], [70.0, 0.0], [40.0, 0.0]]
        assert "moved from “was 2” to “now 1”: 70\xa0RUB" in money["title"]["en"]

    def test_dates_are_told_where_they_are_known(self) -> None:
        earlier = ibis.memtable({"cutoff": [datetime(2011, 9, 10, 12, 50)]})
        chapter = write(
            cluster_migration=self.MOVES,
            earlier_customers=earlier,
            era={"cutoff": "2011-12-09T12:50:00"},
        )
        title = block(chapter, "cluster_moves")["title"]
        assert "с 10.09.2011 по 09.12.2011" in title["ru"]
        assert "from 2011-09-10 to 2011-12-09" in title["en"]

    def test_only_new_customers_are_not_compared(self) -> None:
        chapter = write(cluster_migration=moves(("new", "1", 3, 0.0), ("new", "2", 1, 0.0)))
        assert block(chapter, "cluster_moves")["title"]["en"].startswith("All customers are new")

    def test_withheld_migration_is_left_out(self) -> None:
        assert "cluster_moves" not in kinds(write(cluster_migration=moves()))


class TestMissing:
    def test_without_segmentation_the_chapter_says_so(self) -> None:
        assert kinds(write(cluster_summary=None)) == ["notice"]

    def test_without_offers_the_advice_is_said_to_be_missing(self) -> None:
        chapter = write(recommendations=None)
        assert chapter["blocks"][-1]["level"] == "missing"

    def test_advice_goes_by_the_id_of_the_cluster(self) -> None:
        parts = ("name", "goal", "action", "channel", "do_not", "measure")
        texts = {f"{part}_{language}": part for part in parts for language in ("ru", "en")}
        advice = pd.DataFrame([{"view": "cluster", "name": name} | texts for name in ("1", "7")])
        table = block(write(recommendations=advice), "cluster_recommendations")
        assert len(table["rows"]) == 1

    def test_figures_bring_their_titles_and_empty_ones_are_left_out(self) -> None:
        figure = {"data": [{"x": [1]}], "layout": {"title": {"text": "A &amp; B"}}}
        empty = {"data": [], "layout": {"title": {"text": "Nothing"}}}
        chapter = write(
            figure_cluster_radar={"ru": figure, "en": figure},
            figure_cluster_heatmap={"ru": empty, "en": empty},
        )
        assert block(chapter, "cluster_radar")["title"]["en"] == "A & B"
        assert "cluster_heatmap" not in kinds(chapter)

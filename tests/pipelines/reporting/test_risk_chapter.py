"""The chapter on risk says plainly how the model stands beside simple rules."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from personal_offers.activity_params import ActivityOptions
from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.reporting.blocks import LANGUAGES, Chapter
from personal_offers.pipelines.reporting.risk_chapter import write_risk
from tests.pipelines.modelling.made_up import registry_of
from tests.pipelines.reporting.made_up_chapters import OPTIONS

ACTIVITY = ActivityOptions(
    measure="items",
    outcome_days=90,
    gap_days=0,
    baseline_days=180,
    shortest_baseline_days=90,
    share=0.5,
    minimum_orders=2,
    recent_days=180,
    step_days=15,
    most_cutoffs=26,
    fewest_per_class=30,
    prevalence_shares=[0.5],
    confidence=0.95,
)
PLAN = {"test": "2011-09-10T00:00:00", "withheld": None}


@pytest.fixture(scope="module")
def registry() -> FeatureRegistry:
    return registry_of({"amount": "number", "colour": "category"})


def figures_titled(title: str) -> Any:
    """Return a figure as the dataset loads it: one trace and a title in both languages."""
    drawn = {"data": [{"x": [1], "y": [2]}], "layout": {"title": {"text": title}}}
    return dict.fromkeys(LANGUAGES, drawn)


def measured(roc_auc: float, brier: float) -> dict[str, Any]:
    return {
        "roc_auc": {"value": roc_auc, "low": roc_auc - 0.02, "high": roc_auc + 0.02},
        "brier": {"value": brier, "low": None, "high": None},
    }


def metrics(
    gap: tuple[float, float, float] = (0.1, 0.05, 0.15), rule: str = "best_single_feature"
) -> dict[str, Any]:
    value, low, high = gap
    other = measured(0.9 - value, 0.16)
    if rule == "best_single_feature":
        other["chosen_in_folds"] = {"amount": 4, "colour": 1}
    return {
        "withheld": None,
        "protocol": {"customers": 1297, "declined_share": 0.38, "repeats": 5, "confidence": 0.95},
        "metrics": measured(0.9, 0.18 if low <= 0 else 0.09),
        "baselines": {"base_rate": measured(0.5, 0.24), rule: other},
        "comparison": {
            "best_baseline": rule,
            "difference": {"value": value, "low": low, "high": high},
            "chosen_wins": True,
        },
        "leak_audit": {"passed": True, "failed": [], "warned": []},
    }


def candidates(own: float = 0.91) -> pd.DataFrame:
    rows = [("blend", True, 1, own, 0.02, -0.03, 0.07), ("svc", False, 1, 0.9, 0.3, 0.2, 0.4)]
    columns = ["model", "chosen", "repeats", "roc_auc"]
    return pd.DataFrame(rows, columns=[*columns, "difference", "difference_low", "difference_high"])


def reliability(declined: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"customers": [100, 100], "declined": [10, declined], "mean_risk": [0.1, 0.5]}
    )


def captured() -> pd.DataFrame:
    rows = [("risk_x_profit", 0.6, 0.5, 0.7), ("ideal", 0.9, 0.8, 1.0)]
    rows += [("risk", 0.01, 0.0, 0.02), ("profit", 0.55, 0.45, 0.65), ("random", 0.2, 0.2, 0.2)]
    table = pd.DataFrame(rows, columns=["ranking", "captured", "captured_low", "captured_high"])
    both = pd.concat([table.assign(top_share=0.05), table.assign(top_share=0.2)])
    return both.assign(profit_at_risk=2000.0)


def decision(**best: Any) -> dict[str, Any]:
    found = {"threshold": 0.14, "contacted_share": 0.49, "profit": 1.374}
    found |= {"threshold_low": 0.1, "threshold_high": 0.18}
    return {
        "best": found | best,
        "everybody": {"profit": 1.25},
        "out_of_sample": 1.35,
        "unit": {"ru": "фунты", "en": "GBP"},
        "assumptions": {"horizon_months": {"base": 6.0}},
    }


def audit(*verdicts: str) -> pd.DataFrame:
    count = len(verdicts)
    return pd.DataFrame(
        {
            "check": ["order_alone"] * count,
            "verdict": verdicts,
            "finding_ru": [f"находка {place}" for place in range(count)],
            "finding_en": [f"<script>{place}" for place in range(count)],
        }
    )


def blocks_of(chapter: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [block for block in chapter["blocks"] if block["kind"] == kind]


def texts_of(chapter: dict[str, Any], kind: str, language: str = "en") -> str:
    return "\n".join(block["text"][language] for block in blocks_of(chapter, kind))


class TestBesideRules:
    def test_a_model_that_wins_is_said_to_beat_the_rule_by_the_feature_it_uses(
        self, registry: FeatureRegistry
    ) -> None:
        chapter = write_risk(OPTIONS, registry, metrics())
        notice = blocks_of(chapter, "notice")[0]
        assert notice["level"] == "info"
        assert "beats the simple rule “best single feature: " in notice["text"]["en"]
        assert "0,100 (95%: 0,050–0,150)" in notice["text"]["ru"]
        assert "0.900 against 0.800" in chapter["lead"]["en"]

    def test_a_model_no_better_than_counting_orders_is_said_to_be_so(
        self, registry: FeatureRegistry
    ) -> None:
        chapter = write_risk(OPTIONS, registry, metrics((0.004, -0.014, 0.022), "frequency"))
        notice = blocks_of(chapter, "notice")[0]
        assert notice["level"] == "warning"
        assert "does not beat the simple rule “frequency”" in notice["text"]["en"]
        assert "Brier 0.180 against 0.160 of the rule" in notice["text"]["en"]
        assert "не лучше простого правила «частота покупок»" in chapter["lead"]["ru"]

    def test_a_model_behind_the_rule_gives_way_to_it(self, registry: FeatureRegistry) -> None:
        chapter = write_risk(OPTIONS, registry, metrics((-0.05, -0.08, -0.02), "recency"))
        assert "Rank customers by the rule." in texts_of(chapter, "notice")

    def test_the_verdict_is_that_of_the_chosen_model_where_another_won(
        self, registry: FeatureRegistry
    ) -> None:
        given = metrics()
        given["comparison"]["chosen_wins"] = False
        chapter = write_risk(
            OPTIONS, registry, given, candidates(), figure_candidates=figures_titled("x")
        )
        assert "cannot be told from chance" in texts_of(chapter, "notice")
        assert "The shop's parameters choose another" in texts_of(chapter, "paragraph")

    def test_a_chart_on_fewer_repetitions_than_the_tiles_says_so(
        self, registry: FeatureRegistry
    ) -> None:
        drawn = figures_titled("x")
        other = write_risk(OPTIONS, registry, metrics(), candidates(), figure_candidates=drawn)
        same = write_risk(OPTIONS, registry, metrics(), candidates(0.9), figure_candidates=drawn)
        assert "fewer repetitions of the test (1) than the tiles (5)" in texts_of(
            other, "paragraph"
        )
        assert "repetitions" not in texts_of(same, "paragraph")

    def test_tiles_hold_model_rule_lead_error_and_base_rate(
        self, registry: FeatureRegistry
    ) -> None:
        tiles = blocks_of(write_risk(OPTIONS, registry, metrics()), "tiles")[0]["tiles"]
        assert [tile["value"]["en"] for tile in tiles] == [
            "0.900",
            "0.800",
            "0.100",
            "0.090",
            "38%",
        ]
        assert tiles[4]["note"]["ru"].startswith("из 1\u202f297\u00a0клиентов")
        assert "one risk for everybody would have 0.240" in tiles[3]["note"]["en"]


class TestMeaning:
    def test_a_given_label_speaks_of_months_that_have_passed(
        self, registry: FeatureRegistry
    ) -> None:
        chapter = write_risk(OPTIONS, registry, metrics())
        assert "three months that have passed" in texts_of(chapter, "paragraph")
        limits = [text["en"] for text in blocks_of(chapter, "bullets")[0]["texts"]]
        assert any(text.startswith("What comes next month") for text in limits)

    def test_a_computed_label_is_explained_by_its_parameters(
        self, registry: FeatureRegistry
    ) -> None:
        chapter = write_risk(OPTIONS, registry, metrics(), activity=ACTIVITY, activity_plan=PLAN)
        russian = texts_of(chapter, "paragraph", "ru")
        assert "в ближайшие 90\u00a0дней" in russian
        assert "меньше 50%" in russian
        assert "не меньше 2\u00a0заказов" in russian
        limits = [text["en"] for text in blocks_of(chapter, "bullets")[0]["texts"]]
        assert any("2011-09-10" in text for text in limits)


class TestCalibration:
    def test_a_level_within_chance_needs_no_warning(self, registry: FeatureRegistry) -> None:
        chapter = write_risk(OPTIONS, registry, metrics(), reliability=reliability(52))
        assert len(blocks_of(chapter, "notice")) == 1  # the verdict alone

    def test_groups_without_customers_have_no_level(self, registry: FeatureRegistry) -> None:
        nobody = reliability(20).assign(customers=0, declined=0)

        chapter = write_risk(OPTIONS, registry, metrics(), reliability=nobody)

        assert len(blocks_of(chapter, "notice")) == 1

    def test_a_risk_that_is_too_high_as_a_whole_is_a_warning(
        self, registry: FeatureRegistry
    ) -> None:
        chapter = write_risk(
            OPTIONS,
            registry,
            metrics(),
            reliability=reliability(20),
            figure_reliability=figures_titled("x"),
        )
        assert "expected 30% of customers to decline, and 15% did" in texts_of(chapter, "notice")
        assert "not as an exact share" in blocks_of(chapter, "figure")[0]["advice"]["en"]


class TestWorth:
    def test_the_threshold_stands_beside_contacting_everybody(
        self, registry: FeatureRegistry
    ) -> None:
        chapter = write_risk(
            OPTIONS,
            registry,
            metrics(),
            decision=decision(),
            figure_profit_curve=figures_titled("x"),
        )
        assert "1.25 per customer" in texts_of(chapter, "paragraph")
        assert "choosing by risk adds 0.12." in texts_of(chapter, "paragraph")
        assert "from risk 0.14 on" in blocks_of(chapter, "figure")[0]["advice"]["en"]

    def test_a_threshold_that_leaves_nobody_out_decides_nothing(
        self, registry: FeatureRegistry
    ) -> None:
        given = decision(contacted_share=0.99, profit=1.26)
        chapter = write_risk(
            OPTIONS, registry, metrics(), decision=given, figure_profit_curve=figures_titled("x")
        )
        assert "the risk decides nothing here" in texts_of(chapter, "paragraph")
        assert "nearly everybody (99%" in blocks_of(chapter, "figure")[0]["advice"]["en"]

    def test_nobody_to_contact_needs_no_comparison(self, registry: FeatureRegistry) -> None:
        chapter = write_risk(
            OPTIONS,
            registry,
            metrics(),
            decision=decision(threshold=None, contacted_share=0.0, profit=0.0),
            figure_profit_curve=figures_titled("x"),
        )
        assert "Contact nobody" in blocks_of(chapter, "figure")[0]["advice"]["en"]
        assert "everybody brings" not in texts_of(chapter, "paragraph")

    def test_captured_profit_names_what_is_nearly_as_good(self, registry: FeatureRegistry) -> None:
        chapter = write_risk(
            OPTIONS, registry, metrics(), decision=decision(), captured_profit=captured()
        )
        table = blocks_of(chapter, "table")[0]
        assert "The top 20% of customers by risk × profit hold 60%" in table["title"]["en"]
        assert "profit by itself is nearly as good here" in table["advice"]["en"]
        assert [column["label"]["en"] for column in table["columns"][1:3]] == ["Top 5%", "Top 20%"]
        assert table["rows"][0][1:] == [0.6, 0.6, 0.5, 0.7]

    def test_captured_profit_without_any_value_is_left_out(self, registry: FeatureRegistry) -> None:
        empty = captured().assign(captured=None)
        assert not blocks_of(
            write_risk(OPTIONS, registry, metrics(), captured_profit=empty), "table"
        )


class TestLeakAudit:
    def test_a_passed_audit_lists_its_warnings(self, registry: FeatureRegistry) -> None:
        chapter = write_risk(OPTIONS, registry, metrics(), leak_audit=audit("pass", "warn"))
        assert "none of 2 checks failed, 1 gave a warning" in texts_of(chapter, "paragraph")
        assert blocks_of(chapter, "bullets")[-1]["texts"] == [
            {"ru": "находка 1", "en": "<script>1"}
        ]
        assert "The model sees neither." in texts_of(chapter, "paragraph")

    def test_a_failed_audit_comes_before_the_figures(self, registry: FeatureRegistry) -> None:
        given = metrics() | {"leak_audit": {"passed": False}}
        chapter = write_risk(OPTIONS, registry, given, leak_audit=audit("warn", "fail", "pass"))
        kinds = [block["kind"] for block in chapter["blocks"]]
        assert kinds.index("notice") < kinds.index("tiles")
        assert "must not be believed" in blocks_of(chapter, "notice")[0]["text"]["en"]
        first = blocks_of(chapter, "bullets")[0]["texts"]
        assert [text["ru"] for text in first] == ["находка 1", "находка 0"]

    def test_many_findings_are_counted_not_listed(self, registry: FeatureRegistry) -> None:
        chapter = write_risk(OPTIONS, registry, metrics(), leak_audit=audit(*["warn"] * 13))
        listed = blocks_of(chapter, "bullets")[-1]["texts"]
        assert len(listed) == 11
        assert "3 more" in listed[-1]["en"]


class TestNothing:
    def test_a_stage_that_has_not_run_is_named(self, registry: FeatureRegistry) -> None:
        chapter = write_risk(OPTIONS, registry)
        assert chapter["lead"] is None
        assert "kedro run --pipelines modelling" in texts_of(chapter, "notice")

    def test_a_withheld_model_is_one_notice_with_the_reason_and_what_to_use(
        self, registry: FeatureRegistry
    ) -> None:
        reason = {"ru": "мало данных: 155", "en": "too few data: 155."}
        over_time = write_risk(
            OPTIONS, registry, {"withheld": reason}, activity=ACTIVITY, activity_plan=PLAN
        )
        assert [block["kind"] for block in over_time["blocks"]] == ["notice"]
        assert "(too few data: 155). Use the RFM class instead" in texts_of(over_time, "notice")
        given = write_risk(OPTIONS, registry, {"withheld": reason})
        assert "RFM" not in texts_of(given, "notice")

    def test_empty_tables_and_figures_leave_their_blocks_out(
        self, registry: FeatureRegistry
    ) -> None:
        hollow: Any = {language: {"data": [], "layout": {}} for language in LANGUAGES}
        chapter = write_risk(
            OPTIONS,
            registry,
            metrics(),
            pd.DataFrame(columns=["model", "kind"]),
            pd.DataFrame(columns=["customers"]),
            {"withheld": {"ru": "нет", "en": "none"}},
            pd.DataFrame(columns=["ranking", "captured"]),
            pd.DataFrame(columns=["check"]),
            hollow,
            hollow,
            hollow,
            hollow,
        )
        assert not blocks_of(chapter, "figure") + blocks_of(chapter, "table")
        Chapter.model_validate(chapter)

"""The plan of offers: who gets which, what is sent, and what wrong settings end in."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from personal_offers.figure_style import number
from tests.end_to_end.offer_runs import (
    ALL_SHOPS,
    ONE_CLICK,
    ORDER_LINES,
    PLAN_DATE,
    SAVED,
    SMALL,
    Plan,
    merged,
    saved,
)

pytestmark = pytest.mark.slow

SEPARATORS = {"market_file": ",", "market_money": ",", "market_time": ",", "money": ";"}
LANGUAGES = ("ru", "en")
CONFIRMED = {"offers": {"gates": {"consent": {"confirmed": True}}}}
OFFERS = "07_model_output/{shop}/offers.parquet"
BOTH = [f"{part}_{language}" for part in ("goal", "action", "channel", "do_not", "measure")
        for language in LANGUAGES]  # fmt: skip
TABLES = {
    "offers.parquet": [
        "customer_id", "group", "offer", "channel", "offer_if_treated", "cost",
        "expected_net_low", "expected_net", "expected_net_high", "reason_ru", "reason_en",
        "blocked_by", "outcome", "provisional",
    ],
    "offer_values.parquet": [
        "customer_id", "offer", "risk", "save_rate", "margin", "expected_net_low", "expected_net",
        "expected_net_high", "break_even_save_rate", "blocked_by",
    ],
    "recommendations.csv": ["view", "name", "name_ru", "name_en", *BOTH],
    "budget_frontier.csv": ["budget", "expected_net", "bound", "gap", "next_unit_returns"],
    "budget_moves.csv": ["move", "customer_id", "change", "offer_before", "offer_after"],
    "offer_policies.csv": ["policy", "name_ru", "name_en", "expected_net", "share_of_bound"],
    "offer_sensitivity.csv": ["assumption", "name_ru", "name_en", "level", "expected_net"],
    "offers_by_case.csv": ["case", "offer", "customers", "expected_net"],
    "gate_values.csv": ["gate", "name_ru", "name_en", "customers", "worth"],
    "plan_by_unit.csv": ["unit", "name_ru", "name_en", "chosen", "offered", "expected_net"],
    "control_balance.csv": ["level", "segment", "offer", "treated", "control", "as_planned"],
    "detectable_effects.csv": [
        "segment", "segment_ru", "segment_en", "control_share", "chosen", "detectable_effect",
        "learnable",
    ],
    "do_not_touch.csv": ["customer_id", "segment", "saves"],
}  # fmt: skip
OTHER_FILES = [
    *(f"07_model_output/{name}.json" for name in (
        "offer_plan", "offer_warnings", "allocation_facts", "gain_facts",
    )),
    *(f"08_reporting/offer_plan_{language}.md" for language in LANGUAGES),
    *(f"08_reporting/figure_offer_{name}.json" for name in ("frontier", "tornado", "gates")),
]  # fmt: skip
EXPORT_COLUMNS = [
    "customer_id", "offer_code", "offer", "text", "channel", "valid_until", "group",
]  # fmt: skip


@pytest.fixture(params=ALL_SHOPS)
def shop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def made(shop: str, request: pytest.FixtureRequest) -> Path:
    """The output that holds the shop; only read."""
    folder = request.getfixturevalue("one_click" if shop == ONE_CLICK else "order_lines")
    assert isinstance(folder, Path)
    return folder


def table(output_dir: Path, shop: str, name: str) -> pd.DataFrame:
    path = output_dir / "07_model_output" / shop / name
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


def facts(output_dir: Path, shop: str, name: str) -> Any:
    path = output_dir / "07_model_output" / shop / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def page(output_dir: Path, shop: str, language: str) -> str:
    path = output_dir / "08_reporting" / shop / f"offer_plan_{language}.md"
    return path.read_text(encoding="utf-8")


def customers(output_dir: Path, shop: str) -> pd.DataFrame:
    return pd.read_parquet(output_dir / "03_primary" / shop / "customers.parquet")


def export_bytes(output_dir: Path, shop: str) -> dict[str, bytes]:
    folder = output_dir / "08_reporting" / shop / "export"
    return {path.stem: path.read_bytes() for path in sorted(folder.iterdir())}


def exported(output_dir: Path, shop: str, separator: str = ";") -> pd.DataFrame:
    """All rows of all files for mailing tools, and in which file they stand."""
    parts = []
    for channel, content in export_bytes(output_dir, shop).items():
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=separator))
        assert rows[0] == EXPORT_COLUMNS
        parts += [[*row, channel] for row in rows[1:]]
    return pd.DataFrame(parts, columns=[*EXPORT_COLUMNS, "file"])


def own_files(output_dir: Path, shop: str) -> dict[str, bytes]:
    """What the stage wrote, where the folder holds nothing but that and what it reads."""
    read = {name.format(shop=shop) for name in SAVED}
    files = {str(path.relative_to(output_dir)): path for path in output_dir.rglob("*")}
    return {
        name: path.read_bytes()
        for name, path in sorted(files.items())
        if path.is_file() and shop in path.parts and name not in read
    }


def assert_caps_are_kept(output_dir: Path, shop: str, options: dict[str, Any]) -> None:
    sent = table(output_dir, shop, "offers.parquet").query("group == 'offer'")
    if options["budget"] is not None:
        assert sent["cost"].sum() <= options["budget"] * (1 + 1e-9)
    for name, channel in options["channels"].items():
        if channel["capacity"] is not None:
            assert (sent["channel"] == name).sum() <= channel["capacity"]


# --- the files -------------------------------------------------------------------------------


class TestFiles:
    @pytest.mark.parametrize("name", TABLES)
    def test_table_is_there_with_its_columns(self, made: Path, shop: str, name: str) -> None:
        found = table(made, shop, name)

        assert set(TABLES[name]) <= set(found.columns)

    @pytest.mark.parametrize("file", OTHER_FILES)
    def test_page_or_figure_is_there(self, made: Path, shop: str, file: str) -> None:
        layer, name = file.split("/")
        path = made / layer / shop / name

        assert path.stat().st_size > 2

    def test_every_channel_has_a_file(
        self, made: Path, shop: str, parameters: dict[str, Any]
    ) -> None:
        assert sorted(export_bytes(made, shop)) == sorted(parameters[shop]["offers"]["channels"])

    def test_every_group_of_customers_has_a_recommendation_in_both_languages(
        self, made: Path, shop: str
    ) -> None:
        advice = table(made, shop, "recommendations.csv")
        segments = table(made, shop, "segments.parquet")

        known = {view: set(rows["name"]) for view, rows in advice.groupby("view")}
        assert set(segments["segment"]) <= known["segment"] | known.get("class", set())
        assert set(segments["cluster"].dropna().astype(int).astype(str)) <= known["cluster"]
        if "rfm_class" in segments:
            assert set(segments["rfm_class"].dropna()) <= known["class"]
        assert not advice.duplicated(["view", "name"]).any()
        texts = advice[["name_ru", "name_en", *BOTH]]
        assert texts.notna().all(axis=None)
        russian = [name for name in BOTH if name.endswith("_ru")]
        assert texts[russian].apply(lambda column: column.str.contains("[а-яё]")).all(axis=None)


# --- the plan --------------------------------------------------------------------------------


class TestPlan:
    def test_every_customer_stands_in_it_once(self, made: Path, shop: str) -> None:
        offers = table(made, shop, "offers.parquet")

        assert offers["customer_id"].to_list() == sorted(customers(made, shop)["customer_id"])
        assert set(offers["customer_id"]) == set(
            table(made, shop, "segments.parquet")["customer_id"]
        )

    def test_everybody_has_an_offer_a_control_mark_or_a_named_reason(
        self, made: Path, shop: str
    ) -> None:
        offers = table(made, shop, "offers.parquet")
        sent, control, none = (offers["group"] == name for name in ("offer", "control", "none"))

        assert (sent | control | none).all()
        assert sent.any()
        assert control.any()
        assert (offers["outcome"] == "sent").equals(sent)
        assert (offers["outcome"] == "control").equals(control)
        assert set(offers.loc[none, "outcome"]) <= {
            "blocked", "not_offered", "does_not_pay", "too_dear",
        }  # fmt: skip
        assert offers["blocked_by"].notna().equals(offers["outcome"] == "blocked")
        for column in ("offer", "channel"):
            assert offers[column].notna().equals(sent)
        assert offers["offer_if_treated"].notna().equals(sent | control)
        money = ["cost", "expected_net_low", "expected_net", "expected_net_high"]
        assert (offers.loc[~sent, money] == 0).all(axis=None)

    def test_everybody_is_told_why_in_both_languages(self, made: Path, shop: str) -> None:
        offers = table(made, shop, "offers.parquet")

        for language in LANGUAGES:
            reasons = offers[f"reason_{language}"]
            assert (reasons.str.len() > 20).all()
            # Neither what is missing nor a place that was not filled shows.
            assert not reasons.str.contains(r"\b(?:nan|None|null)\b|[{}]", regex=True).any()
            assert reasons.str.endswith(".").all()

    def test_nobody_is_sent_what_does_not_pay(self, made: Path, shop: str) -> None:
        offers = table(made, shop, "offers.parquet")
        given = offers[offers["offer_if_treated"].notna()]

        assert (given["expected_net_if_treated"] > 0).all()
        assert (given["save_rate"] > given["break_even_save_rate"]).all()
        spans = given.loc[given["group"] == "offer"]
        assert (spans["expected_net_low"] <= spans["expected_net"]).all()
        assert (spans["expected_net"] <= spans["expected_net_high"]).all()

    def test_money_is_that_of_the_priced_offer(self, made: Path, shop: str) -> None:
        offers = table(made, shop, "offers.parquet").query("group == 'offer'")
        values = table(made, shop, "offer_values.parquet")
        both = offers.merge(values, on=["customer_id", "offer"], suffixes=("", "_priced"))

        assert len(both) == len(offers)
        assert both["blocked_by_priced"].isna().all()
        assert both["channel"].equals(both["channel_priced"])
        assert both["cost"].equals(both["expected_cost"])
        assert both["expected_net"].equals(both["expected_net_priced"])
        # The published formula: p s (M - d) - (1 - p) g d - c
        net = (
            both["risk"] * both["save_rate"] * (both["margin"] - both["redeem_cost"])
            - (1 - both["risk"]) * both["redemption"] * both["redeem_cost"]
            - both["contact_cost"]
        )
        assert both["expected_net"].to_numpy() == pytest.approx(net.to_numpy(), abs=1e-9)

    def test_caps_are_kept(self, made: Path, shop: str, parameters: dict[str, Any]) -> None:
        assert_caps_are_kept(made, shop, parameters[shop]["offers"])

    def test_control_group_is_about_the_planned_share(self, made: Path, shop: str) -> None:
        allocation = table(made, shop, "offer_allocation.parquet")
        effects = table(made, shop, "detectable_effects.csv")
        offers = table(made, shop, "offers.parquet")

        count, share = len(allocation), 0.2
        width = 4 * np.sqrt(share * (1 - share) / count)
        assert allocation["in_control"].mean() == pytest.approx(share, abs=width)
        (row,) = effects.query("segment == 'all' and chosen").to_dict("records")
        groups = offers["group"].value_counts()
        assert (row["treated"], row["control"]) == (groups["offer"], groups["control"])

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_page_says_what_the_table_holds(self, made: Path, shop: str, language: Any) -> None:
        offers = table(made, shop, "offers.parquet")
        text = page(made, shop, language)

        counts = [*offers["group"].value_counts()[["offer", "control", "none"]], len(offers)]
        for count in counts:
            assert number(count, language) in text
        spend = number(offers["cost"].sum(), language)
        net = number(offers["expected_net"].sum(), language)
        assert f"{spend}\N{NO-BREAK SPACE}" in text
        assert f"{net}\N{NO-BREAK SPACE}" in text
        assert not any(part in text for part in ("nan", "None", "{", "}"))

    def test_more_money_never_brings_less(self, made: Path, shop: str) -> None:
        frontier = table(made, shop, "budget_frontier.csv")

        assert frontier["expected_net"].is_monotonic_increasing
        assert (frontier["spend"] <= frontier["budget"].fillna(np.inf) * (1 + 1e-5)).all()
        # Written with six digits
        assert (frontier["expected_net"] <= frontier["bound"] * (1 + 1e-5)).all()
        assert frontier["is_plan"].sum() == 1

    def test_no_simpler_rule_brings_more(self, made: Path, shop: str) -> None:
        policies = table(made, shop, "offer_policies.csv").set_index("policy")["expected_net"]

        assert policies.idxmax() == "plan"
        assert len(policies) == 5

    def test_plan_of_the_first_shop_is_exact(self, one_click: Path) -> None:
        found = facts(one_click, ONE_CLICK, "allocation_facts")

        assert found["method"] == "exact"
        assert found["gap"] <= 1e-4

    def test_large_plan_is_near_its_bound(self, order_lines: Path) -> None:
        # 500 customers are the most that the settings of the test let be solved exactly.
        found = facts(order_lines, "gift_shop", "allocation_facts")

        assert found["method"] == "dual"
        assert found["gap"] <= 1e-3


# --- what is sent ----------------------------------------------------------------------------


class TestExports:
    def test_files_hold_whoever_is_sent_something_and_nobody_else(
        self, one_click: Path, parameters: dict[str, Any]
    ) -> None:
        offers = table(one_click, ONE_CLICK, "offers.parquet")
        catalogue = parameters[ONE_CLICK]["offer_catalogue"]["offers"]
        rows = exported(one_click, ONE_CLICK)

        sent = offers[offers["group"] == "offer"].set_index("customer_id")
        assert sorted(rows["customer_id"]) == sorted(sent.index)
        theirs = sent.loc[rows["customer_id"]]
        assert rows["file"].to_list() == theirs["channel"].to_list()
        assert rows["channel"].to_list() == theirs["channel"].to_list()
        assert rows["offer_code"].to_list() == [catalogue[name]["code"] for name in theirs["offer"]]
        day = date.fromisoformat(PLAN_DATE)
        assert rows["valid_until"].to_list() == [
            (day + timedelta(days=catalogue[name]["valid_days"])).isoformat()
            for name in theirs["offer"]
        ]
        assert set(rows["group"]) == {"offer"}
        assert not rows["text"].str.contains("[{}]").any()

    def test_nobody_who_may_not_be_contacted_or_is_in_control_is_in_them(
        self, one_click: Path
    ) -> None:
        known = customers(one_click, ONE_CLICK).set_index("customer_id")
        offers = table(one_click, ONE_CLICK, "offers.parquet").set_index("customer_id")
        allocation = table(one_click, ONE_CLICK, "offer_allocation.parquet")
        ids = exported(one_click, ONE_CLICK)["customer_id"]

        assert known.loc[ids, "contact_allowed"].all()
        assert (known.loc[ids, "marketing_activity_current"].fillna(0) <= 4).all()
        assert offers.loc[ids, "blocked_by"].isna().all()
        held = allocation.loc[allocation["in_control"], "customer_id"]
        assert not set(held) & set(ids)
        refused = known.index[~known["contact_allowed"]]
        assert len(refused) > 50
        assert set(offers.loc[refused, "group"]) == {"none"}
        assert set(offers.loc[refused, "blocked_by"].dropna()) == {"consent"}

    def test_spreadsheets_read_them(self, one_click: Path) -> None:
        for content in export_bytes(one_click, ONE_CLICK).values():
            assert content.startswith("\ufeffcustomer_id;offer_code;offer;".encode())
            assert content.count(b"\n") == content.count(b"\r\n") > 0

    @pytest.mark.parametrize("shop", ORDER_LINES)
    def test_nothing_is_exported_until_consent_is_confirmed(
        self, order_lines: Path, shop: str
    ) -> None:
        offers = table(order_lines, shop, "offers.parquet")

        assert exported(order_lines, shop).empty
        header = "\ufeff" + ";".join(EXPORT_COLUMNS) + "\r\n"
        assert set(export_bytes(order_lines, shop).values()) == {header.encode()}
        assert offers.loc[offers["offer_if_treated"].notna(), "provisional"].all()
        assert "provisional" in page(order_lines, shop, "en")
        assert "предварительный" in page(order_lines, shop, "ru")

    def test_confirmed_consent_fills_them_but_a_refusal_still_blocks(
        self, plan: Plan, order_lines: Path, tmp_path: Path
    ) -> None:
        # Given some who refused, among them whoever would get most, and files of an earlier plan
        shop = "gift_shop"
        usual = table(order_lines, shop, "offers.parquet")
        saved(order_lines, tmp_path, shop)
        ranked = usual[usual["group"] == "offer"].sort_values("expected_net", ascending=False)
        refused = set(ranked["customer_id"].head(20))
        path = tmp_path / "03_primary" / shop / "customers.parquet"
        known = customers(order_lines, shop)
        assert known["contact_allowed"].isna().all()
        known["contact_allowed"] = known["customer_id"].map(dict.fromkeys(refused, False))
        known.to_parquet(path, schema=pq.read_schema(path), index=False)
        export = tmp_path / "08_reporting" / shop / "export"
        export.mkdir(parents=True)
        (export / "fax.csv").write_text("customer_id\n1\n")
        (export / "email.csv").write_text("customer_id\n1\n")

        # When the shop confirms that it holds consent
        plan(tmp_path, shop, parameters={shop: CONFIRMED})

        # Then
        offers = table(tmp_path, shop, "offers.parquet")
        rows = exported(tmp_path, shop)
        sent = offers.loc[offers["group"] == "offer", "customer_id"]
        assert sorted(rows["customer_id"]) == sorted(sent)
        assert len(rows) > 50
        assert not offers["provisional"].any()
        assert "provisional" not in page(tmp_path, shop, "en")
        theirs = offers[offers["customer_id"].isin(refused)]
        assert set(theirs["group"]) == {"none"}
        assert set(theirs["blocked_by"]) == {"consent"}
        assert "fax" not in export_bytes(tmp_path, shop)
        gates = table(tmp_path, shop, "gate_values.csv").set_index("gate")
        assert gates.loc["consent", "customers"] == len(refused)
        assert gates.loc["consent", "worth"] > 0
        # And whoever did not refuse is in the same group as before
        assert_same_groups(order_lines, tmp_path, shop)

    def test_until_then_only_those_who_agreed_are_in_them(
        self, plan: Plan, order_lines: Path, tmp_path: Path
    ) -> None:
        # Given one third who agreed, one third who refused, and one of whom nobody knows
        shop = "gift_shop"
        saved(order_lines, tmp_path, shop)
        path = tmp_path / "03_primary" / shop / "customers.parquet"
        known = customers(order_lines, shop)
        answers = np.array([True, False, None], dtype=object)
        known["contact_allowed"] = answers[np.arange(len(known)) % 3]
        known.to_parquet(path, schema=pq.read_schema(path), index=False)

        # When nobody confirms anything
        to = [f"{shop}.{name}" for name in ("offers", "export")]
        plan(tmp_path, shop, to=to)

        # Then those who refused get nothing, and those of whom nobody knows are in the plan alone
        answer = known.set_index("customer_id")["contact_allowed"]
        offers = table(tmp_path, shop, "offers.parquet").set_index("customer_id")
        assert set(offers.loc[answer.index[answer == False], "group"]) == {"none"}  # noqa: E712
        unknown = offers.loc[answer.index[answer.isna()]]
        planned = unknown["offer_if_treated"].notna()
        assert planned.any()
        assert unknown.loc[planned, "provisional"].all()
        assert answer[exported(tmp_path, shop)["customer_id"]].eq(True).all()


# --- what stays as it is ---------------------------------------------------------------------


def assert_same_groups(first: Path, second: Path, shop: str) -> None:
    """Whoever is in both plans is withheld in both or in neither."""
    held = [
        table(folder, shop, "offer_allocation.parquet").set_index("customer_id")["in_control"]
        for folder in (first, second)
    ]
    both = held[0].index.intersection(held[1].index)
    assert len(both) > 100
    assert held[0][both].equals(held[1][both])
    groups = pd.concat(
        [
            table(folder, shop, "offers.parquet").set_index("customer_id")["group"]
            for folder in (first, second)
        ],
        axis=1,
        keys=["first", "second"],
    )
    moved = {
        tuple(pair) for pair in groups.dropna().drop_duplicates().itertuples(index=False, name=None)
    }
    assert not moved & {("offer", "control"), ("control", "offer")}


class TestStability:
    def test_neither_a_second_run_nor_the_order_of_rows_changes_a_byte(
        self, plan: Plan, made: Path, shop: str, tmp_path: Path
    ) -> None:
        # Given the saved tables with their rows in another order
        saved(made, tmp_path, shop)
        for name in ("03_primary/{}/customers", "07_model_output/{}/segments",
                     "07_model_output/{}/decline_risk"):  # fmt: skip
            path = tmp_path / f"{name.format(shop)}.parquet"
            rows = pd.read_parquet(path).sample(frac=1, random_state=5)
            rows.to_parquet(path, schema=pq.read_schema(path), index=False)

        # When
        plan(tmp_path, shop)

        # Then
        found = own_files(tmp_path, shop)
        assert len(found) >= len(TABLES) + len(OTHER_FILES)
        changed = [name for name, content in found.items() if (made / name).read_bytes() != content]
        assert changed == []

    def test_others_keep_their_group_when_customers_leave_and_ids_hold_formulas(
        self, plan: Plan, one_click: Path, root: Path, tmp_path: Path
    ) -> None:
        # Given raw files in another order of rows, without every ninth customer, and with ids
        # that a spreadsheet would run
        offers = table(one_click, ONE_CLICK, "offers.parquet")
        gone = set(offers["customer_id"][::9])
        sent = offers.loc[(offers["group"] == "offer") & ~offers["customer_id"].isin(gone)]
        best = sent.sort_values("expected_net_if_treated", ascending=False)["customer_id"]
        signs = ["=1+{}", "+{}", "-{}", "@SUM({})", "=HYPERLINK({})", "\u00a0={}"]
        renamed = {old: signs[n % len(signs)].format(n) for n, old in enumerate(best[:30])}
        raw_dir = tmp_path / "raw"
        (raw_dir / ONE_CLICK).mkdir(parents=True)
        for seed, (name, separator) in enumerate(SEPARATORS.items()):
            file = Path(ONE_CLICK) / f"{name}.csv"
            rows = pd.read_csv(
                root / "data" / "01_raw" / file, sep=separator, dtype=str, keep_default_na=False
            )
            rows = rows[~rows["id"].isin(gone)].sample(frac=1, random_state=seed)
            rows["id"] = rows["id"].replace(renamed)
            rows.to_csv(raw_dir / file, sep=separator, index=False, lineterminator="\r\n")

        # When
        out = tmp_path / "out"
        plan(out, ONE_CLICK, parameters={ONE_CLICK: SMALL}, raw_dir=raw_dir, tags=None)

        # Then
        assert not set(table(out, ONE_CLICK, "offers.parquet")["customer_id"]) & gone
        assert_same_groups(one_click, out, ONE_CLICK)
        rows = exported(out, ONE_CLICK)
        odd = rows.loc[~rows["customer_id"].str.isdecimal(), "customer_id"]
        assert len(odd) > 5
        assert odd.str.startswith("'").all()
        assert not rows.apply(lambda cells: cells.str.match(r"\s*[=+\-@]")).any(axis=None)
        assert {cell.removeprefix("'") for cell in odd} <= {
            name.strip() for name in renamed.values()
        } | set(renamed.values())

    def test_everybody_keeps_the_group_when_thresholds_and_money_move(
        self, plan: Plan, one_click: Path, tmp_path: Path
    ) -> None:
        # Given the saved results of the stages before
        shutil.copytree(one_click, tmp_path, dirs_exist_ok=True)

        # When segments are cut elsewhere and the plan has another budget and another unit
        changes = {
            "segmentation": {"thresholds": {"risk": {"value": 0.9}}},
            "offers": {"budget": 900, "profit_unit": {"chosen": "thousand_roubles"}},
        }
        plan(
            tmp_path,
            ONE_CLICK,
            parameters={ONE_CLICK: changes},
            tags=("segmentation", "offers"),
            to=[f"{ONE_CLICK}.offers"],
        )

        # Then
        segments = [
            table(folder, ONE_CLICK, "segments.parquet")["segment"]
            for folder in (one_click, tmp_path)
        ]
        assert not segments[0].equals(segments[1])
        assert_same_groups(one_click, tmp_path, ONE_CLICK)
        assert table(tmp_path, ONE_CLICK, "offers.parquet")["cost"].sum() <= 900

    def test_share_of_the_control_group_only_adds_to_it(
        self, plan: Plan, one_click: Path, tmp_path: Path
    ) -> None:
        saved(one_click, tmp_path, ONE_CLICK)

        more = {"offers": {"control": {"share": 0.5}}}
        plan(
            tmp_path, ONE_CLICK, parameters={ONE_CLICK: more}, to=[f"{ONE_CLICK}.offer_allocation"]
        )

        few, many = (
            set(found.loc[found["in_control"], "customer_id"])
            for found in (
                table(folder, ONE_CLICK, "offer_allocation.parquet")
                for folder in (one_click, tmp_path)
            )
        )
        assert few < many


# --- wrong settings --------------------------------------------------------------------------


def catalogue(**changes: Any) -> dict[str, Any]:
    """Parameters that change offers of the first shop, by name."""
    return {ONE_CLICK: {"offer_catalogue": {"offers": changes}}}


class TestWrongSettings:
    def refused(self, plan: Plan, folder: Path, parameters: dict[str, Any]) -> str:
        with pytest.raises(click.ClickException) as error:
            plan(folder / "out", ONE_CLICK, parameters=parameters)
        assert not (folder / "out").exists()
        assert error.value.exit_code != 0
        message = error.value.message
        assert message.startswith("The parameters are wrong; nothing was run.")
        return message

    def test_numbers_names_and_texts_are_all_named_at_once(
        self, plan: Plan, tmp_path: Path
    ) -> None:
        message = self.refused(
            plan,
            tmp_path,
            merged(
                catalogue(
                    apology={"contact_cost": -6, "text": {"en": ""}},
                    bundle={"save_rate": {"default": {"low": 0.5}}, "valid_dayz": 3},
                    survey={"redemption": {"high": 1.5}, "name": {"ru": None}},
                    cashback={"code": "=1+1"},
                    premium_perks={"text": {"ru": "Скидка на {product}"}},
                ),
                {
                    ONE_CLICK: {
                        "offers": {"budget": -1, "channels": {"sms": {"capacity": -3}}},
                        "recommendations": {"segments": {"grow": {"goal": {"en": ""}}}},
                    }
                },
            ),
        )

        for part in (
            "apology.contact_cost", "apology.text.en", "bundle.save_rate.default",
            "bundle.valid_dayz", "survey.redemption", "survey.name.ru", "cashback.code",
            "premium_perks", "{product} is not {interest}", "budget", "channels.sms.capacity",
            "recommendations", "grow.goal.en",
        ):  # fmt: skip
            assert part in message, message

    def test_names_that_do_not_exist_are_all_named_at_once(
        self, plan: Plan, tmp_path: Path
    ) -> None:
        message = self.refused(
            plan,
            tmp_path,
            merged(
                catalogue(
                    apology={"channel": "fax"},
                    bundle={"eligible": {"segments": ["growing"], "classes": ["top"]}},
                    cashback={"eligible": {"marks": ["thrifty"], "not_marks": ["rich"]}},
                    survey={
                        "save_rate": {"by_segment": {"save_frist": {
                            "low": 0, "base": 0.1, "high": 0.2,
                        }}},
                        "eligible": {"values": {"tariff": ["премиум"]}},
                    },
                ),
                {
                    ONE_CLICK: {
                        "offers": {
                            "gates": {"consent": {"feature": "agreed"}},
                            "profit_unit": {"units": {"rouble": {"times": "weight"}}},
                        },
                        "recommendations": {
                            "segments": {"loyal": {
                                part: {"ru": "да", "en": "yes"}
                                for part in ("goal", "action", "channel", "do_not", "measure")
                            }}
                        },
                    }
                },
            ),
        )  # fmt: skip

        for part in (
            "apology.channel: fax is no channel", "eligible.segments: growing is no segment",
            "eligible.classes: top is no RFM class", "eligible.marks: thrifty is no mark",
            "eligible.not_marks: rich is no mark", "by_segment: save_frist is no segment",
            "survey.eligible.values: tariff is not a category", "agreed is not a flag",
            "weight is not a number", "no segment loyal",
        ):  # fmt: skip
            assert part in message, message

    def test_unit_of_profit_must_be_one_of_those_named(self, plan: Plan, tmp_path: Path) -> None:
        message = self.refused(
            plan, tmp_path, {ONE_CLICK: {"offers": {"profit_unit": {"chosen": "euro"}}}}
        )

        assert "chosen euro is not one of rouble" in message

    def test_command_line_ends_with_the_message_alone(self, root: Path, tmp_path: Path) -> None:
        # Given a catalogue with a text and a recommendation that nobody translated
        conf = tmp_path / "conf"
        shutil.copytree(root / "conf", conf)
        file = conf / "base" / "parameters_offer_catalogue.yml"
        text = file.read_text(encoding="utf-8")
        line = '          en: "Two questions on what you like, and 30 roubles for the answers."\n'
        assert text.count(line) == 1
        file.write_text(text.replace(line, ""), encoding="utf-8")

        # When the documented command is typed in the project's folder
        done = subprocess.run(
            [
                sys.executable, "-m", "kedro", "run", "--env", "test", "--pipelines", "offers",
                "--conf-source", str(conf),
                "--params", f"one_click.offers.budgett=5,output_dir={tmp_path / 'out'}",
            ],
            cwd=root,
            env=os.environ | {"PYTHONPATH": "src", "DO_NOT_TRACK": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )  # fmt: skip

        # Then
        assert done.returncode != 0
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        assert "survey.text.en" in said
        assert "budgett" in said
        assert not (tmp_path / "out").exists()


# --- plans without anybody, without limits, with chance ---------------------------------------


def nobody_eligible(parameters: dict[str, Any]) -> dict[str, Any]:
    names = parameters[ONE_CLICK]["offer_catalogue"]["offers"]
    nobody = {"eligible": {"values": {"service_type": ["никакой"]}}}
    return catalogue(**dict.fromkeys(names, nobody))[ONE_CLICK]


def no_room(parameters: dict[str, Any]) -> dict[str, Any]:
    names = parameters[ONE_CLICK]["offers"]["channels"]
    return {"offers": {"channels": {name: {"capacity": 0} for name in names}}}


EMPTY = [
    pytest.param(
        lambda _: {"offers": {"budget": 0}},
        {"too_dear"},
        ("бюджет", "budget"),
        id="no budget",
    ),
    pytest.param(no_room, {"too_dear"}, ("канал", "channel"), id="no room in any channel"),
    pytest.param(
        nobody_eligible,
        {"not_offered"},
        ("каталог", "catalogue"),
        id="nobody eligible",
    ),
    pytest.param(
        lambda _: {}, {"blocked"}, ("соглас", "consent"), id="everybody refuses"
    ),
]  # fmt: skip


class TestUnusualPlans:
    @pytest.mark.parametrize(("change", "outcomes", "words"), EMPTY)
    def test_plan_without_offers_is_explained(
        self,
        plan: Plan,
        one_click: Path,
        tmp_path: Path,
        parameters: dict[str, Any],
        request: pytest.FixtureRequest,
        change: Callable[[dict[str, Any]], dict[str, Any]],
        outcomes: set[str],
        words: tuple[str, str],
    ) -> None:
        saved(one_click, tmp_path, ONE_CLICK)
        if request.node.callspec.id == "everybody refuses":
            path = tmp_path / "03_primary" / ONE_CLICK / "customers.parquet"
            schema = pq.read_schema(path)
            known = pd.read_parquet(path).assign(contact_allowed=False)
            known.to_parquet(path, schema=schema, index=False)

        plan(tmp_path, ONE_CLICK, parameters={ONE_CLICK: change(parameters)})

        offers = table(tmp_path, ONE_CLICK, "offers.parquet")
        assert len(offers) == len(customers(one_click, ONE_CLICK))
        assert set(offers["group"]) == {"none"}
        assert outcomes <= set(offers["outcome"])
        assert (offers["cost"] == 0).all()
        assert offers["reason_en"].notna().all()
        assert exported(tmp_path, ONE_CLICK).empty
        for name, columns in TABLES.items():
            assert set(columns) <= set(table(tmp_path, ONE_CLICK, name).columns), name
        for file in OTHER_FILES:
            layer, name = file.split("/")
            assert (tmp_path / layer / ONE_CLICK / name).is_file(), file
        for language, word in zip(LANGUAGES, words, strict=True):
            text = page(tmp_path, ONE_CLICK, language)
            assert word in text
            assert not any(part in text for part in ("nan", "None", "{", "}"))

    def test_without_limits_and_control_whoever_pays_is_sent_something(
        self, plan: Plan, one_click: Path, tmp_path: Path, parameters: dict[str, Any]
    ) -> None:
        saved(one_click, tmp_path, ONE_CLICK)
        names = parameters[ONE_CLICK]["offers"]["channels"]
        channels = {name: {"capacity": None} for name in names}
        changes = {"budget": None, "control": {"share": 0}, "channels": channels}

        plan(tmp_path, ONE_CLICK, parameters={ONE_CLICK: {"offers": changes}})

        offers = table(tmp_path, ONE_CLICK, "offers.parquet")
        values = table(tmp_path, ONE_CLICK, "offer_values.parquet")
        free = values[values["blocked_by"].isna() & (values["expected_net"] > 0)]
        best = free.groupby("customer_id")["expected_net"].max()
        sent = offers[offers["group"] == "offer"].set_index("customer_id")["expected_net"]
        assert set(offers["outcome"]) == {"sent", "blocked", "not_offered", "does_not_pay"}
        assert sent.sort_index().equals(best.sort_index())
        assert "no budget limit" in page(tmp_path, ONE_CLICK, "en")
        assert "бюджет не ограничен" in page(tmp_path, ONE_CLICK, "ru")
        warnings = facts(tmp_path, ONE_CLICK, "offer_warnings")
        assert any("no control group" in each["en"] for each in warnings)

    def test_channel_without_room_is_left_to_the_others(
        self, plan: Plan, one_click: Path, tmp_path: Path
    ) -> None:
        saved(one_click, tmp_path, ONE_CLICK)
        usual = table(one_click, ONE_CLICK, "offers.parquet")
        assert (usual["channel"] == "email").any()

        changes = {"offers": {"channels": {"email": {"capacity": 0}}}}
        plan(tmp_path, ONE_CLICK, parameters={ONE_CLICK: changes}, to=[f"{ONE_CLICK}.offers"])

        offers = table(tmp_path, ONE_CLICK, "offers.parquet")
        assert not (offers["channel_if_treated"] == "email").any()
        assert (offers["group"] == "offer").any()

    def test_some_get_a_random_offer(
        self, plan: Plan, one_click: Path, tmp_path: Path, parameters: dict[str, Any]
    ) -> None:
        saved(one_click, tmp_path, ONE_CLICK)

        changes = {"offers": {"exploration": 0.2}}
        plan(tmp_path, ONE_CLICK, parameters={ONE_CLICK: changes}, to=[f"{ONE_CLICK}.offers"])

        offers = table(tmp_path, ONE_CLICK, "offers.parquet")
        explored = offers[offers["explored"]]
        assert 0 < len(explored) < 0.3 * len(offers)
        assert {"offer", "control"} == set(explored["group"])
        assert explored["blocked_by"].isna().all()
        # Random offers may lose at base assumptions, those that were chosen may not
        assert (explored.query("group == 'offer'")["expected_net_high"] > 0).all()
        chosen = offers[offers["offer_if_treated"].notna() & ~offers["explored"]]
        assert (chosen["expected_net_if_treated"] > 0).all()
        assert_caps_are_kept(tmp_path, ONE_CLICK, parameters[ONE_CLICK]["offers"])
        assert_same_groups(one_click, tmp_path, ONE_CLICK)


# --- the real shops --------------------------------------------------------------------------


def assert_plan_holds(output_dir: Path, shop: str, options: dict[str, Any]) -> pd.DataFrame:
    """Everybody is there once, nothing loses money, and every cap is kept; gives the plan."""
    offers = table(output_dir, shop, "offers.parquet")
    assert offers["customer_id"].to_list() == sorted(customers(output_dir, shop)["customer_id"])
    given = offers[offers["offer_if_treated"].notna()]
    assert (given["expected_net_if_treated"] >= 0).all()
    assert offers[["outcome", "reason_ru", "reason_en"]].notna().all(axis=None)
    assert offers["blocked_by"].notna().equals(offers["outcome"] == "blocked")
    assert_caps_are_kept(output_dir, shop, options)
    assert facts(output_dir, shop, "allocation_facts")["gap"] <= 1e-4
    return offers


@pytest.mark.real_data
class TestRealShops:
    def test_plans_of_the_shops_of_order_lines_hold(
        self, plan: Plan, real: Path, tmp_path: Path, parameters: dict[str, Any]
    ) -> None:
        saved(real, tmp_path, *ORDER_LINES)

        # Solved exactly as by default, which the settings of the tests do not; tried less
        few = {"offers": {"trials": {"budgets": 4, "random_plans": 2, "draws": 100}}}
        plan(tmp_path, *ORDER_LINES, parameters=dict.fromkeys(ORDER_LINES, few), env="base")

        for shop in ORDER_LINES:
            offers = assert_plan_holds(tmp_path, shop, parameters[shop]["offers"])
            assert (offers["group"] == "offer").sum() > 100
            assert exported(tmp_path, shop).empty


@pytest.mark.real_data
def test_plan_of_the_first_shop_holds_on_the_real_shop(
    plan: Plan, real_data: Path, tmp_path: Path, parameters: dict[str, Any]
) -> None:
    plan(tmp_path, ONE_CLICK, parameters={ONE_CLICK: SMALL}, raw_dir=real_data, tags=None)

    offers = assert_plan_holds(tmp_path, ONE_CLICK, parameters[ONE_CLICK]["offers"])
    assert len(offers) == 1297
    ids = exported(tmp_path, ONE_CLICK)["customer_id"]
    assert sorted(ids) == sorted(offers.loc[offers["group"] == "offer", "customer_id"])
    allowed = customers(tmp_path, ONE_CLICK).set_index("customer_id")["contact_allowed"]
    assert allowed[ids].all()

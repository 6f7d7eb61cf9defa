"""Shops of order lines: raw lines in, every public output out, the same money in all of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.segmentation.rfm_params import RfmOptions

pytestmark = pytest.mark.slow

SHOPS = ("gift_shop", "home_goods")
FILES = {"gift_shop": "online_retail.csv.gz", "home_goods": "ecom_dataset_upd.csv"}
MONEY = {"gift_shop": ("Quantity", "UnitPrice"), "home_goods": ("quantity", "price")}
BREAK = datetime(2019, 10, 31, 16)
FIVE = {"top", "promising", "leaving", "sleeping", "lost"}
TEXT, NUMBER, WHOLE, FLAG, TIME = "string", "double", "int64", "bool", "timestamp[us]"
# The public Parquet files of DESIGN.md, with the type of each column.
TABLES = {
    "02_intermediate/{shop}/quarantine.parquet": {
        "source": TEXT, "row_number": WHOLE, "rule": TEXT, "raw": TEXT,
    },
    "03_primary/{shop}/orders.parquet": {
        "customer_id": TEXT, "order_id": TEXT, "ordered_at": TIME, "net_revenue": NUMBER,
    },
    "03_primary/{shop}/customers.parquet": {"customer_id": TEXT},
    "05_model_input/{shop}/labels.parquet": {
        "customer_id": TEXT, "declined": FLAG, "cutoff": TIME, "baseline": NUMBER,
        "outcome": NUMBER,
    },
    "05_model_input/{shop}/cutoff_labels.parquet": {
        "customer_id": TEXT, "cutoff": TIME, "baseline_days": WHOLE, "baseline": NUMBER,
        "outcome": NUMBER, "declined": FLAG,
    },
    "07_model_output/{shop}/decline_risk.parquet": {
        "customer_id": TEXT, "decline_risk": NUMBER, "fold": WHOLE, "basis": TEXT,
        "reason_1": TEXT, "reason_2": TEXT, "reason_3": TEXT,
    },
    "07_model_output/{shop}/reasons.parquet": {
        "customer_id": TEXT, "reason_ru": TEXT, "reason_en": TEXT,
    },
    "07_model_output/{shop}/rfm.parquet": {
        "customer_id": TEXT, "recency_days": WHOLE, "frequency": WHOLE, "monetary": NUMBER,
        "r": WHOLE, "f": WHOLE, "m": WHOLE, "rfm_code": TEXT, "rfm_class": TEXT,
        "days_to_next_class": WHOLE,
    },
    "07_model_output/{shop}/segments.parquet": {
        "customer_id": TEXT, "decline_risk": NUMBER, "profit": NUMBER, "risk_level": TEXT,
        "profit_level": TEXT, "segment": TEXT, "rfm_class": TEXT, "cluster": WHOLE,
        "interest": TEXT,
    },
    "07_model_output/{shop}/clusters.parquet": {
        "customer_id": TEXT, "cluster": WHOLE, "cluster_name": TEXT,
    },
    "07_model_output/{shop}/interests.parquet": {
        "customer_id": TEXT, "interest": TEXT, "interest_probability": NUMBER, "abstained": FLAG,
    },
}  # fmt: skip
CSV_FILES = {
    "03_primary/{shop}/cleaning_ledger.csv": [
        "source", "rule", "action", "rows_before", "rows_after", "customers_before",
        "customers_after", "revenue_before", "revenue_after", "rows_flagged",
        "customers_flagged", "revenue_flagged",
    ],
    "03_primary/{shop}/regime.csv": ["month", "measure", "value", "flagged", "since", "withheld"],
    "05_model_input/{shop}/prevalence.csv": [
        "cutoff", "share", "chosen", "eligible", "declined", "declined_share",
        "declined_share_low", "declined_share_high",
    ],
    "05_model_input/{shop}/product_categories.csv": ["product_id", "category"],
}  # fmt: skip
CELLS = {"save_first", "keep_cheaply", "reward_loyalty", "grow"}
# What a run gives beside the tables, whether or not there is a risk.
PAGES = [
    "06_models/{shop}/decline_model.json",
    "06_models/{shop}/decline_model.skops",
    "07_model_output/{shop}/metrics.json",
    "07_model_output/{shop}/decision.json",
    "08_reporting/{shop}/model_card_ru.md",
    "08_reporting/{shop}/model_card_en.md",
    *(
        f"08_reporting/{{shop}}/figure_{name}.json"
        for name in ("reliability", "profit_curve", "candidates", "drivers")
    ),
]
HOLDOUT = {"customer_id": TEXT, "cutoff": TIME, "decline_risk": NUMBER, "declined": FLAG}

Run = Callable[..., None]


def raw_text(raw_dir: Path, shop: str) -> pd.DataFrame:
    return pd.read_csv(raw_dir / shop / FILES[shop], dtype=str, keep_default_na=False)


def model_output(output_dir: Path, shop: str, name: str) -> pd.DataFrame:
    return pd.read_parquet(output_dir / "07_model_output" / shop / f"{name}.parquet")


def primary(output_dir: Path, shop: str, name: str) -> pd.DataFrame:
    return pd.read_parquet(output_dir / "03_primary" / shop / f"{name}.parquet")


def text_table(output_dir: Path, shop: str, name: str) -> pd.DataFrame:
    path = output_dir / "03_primary" / shop / f"{name}.csv"
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def json_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def era_of(output_dir: Path, shop: str) -> dict[str, Any]:
    return json_of(output_dir / "03_primary" / shop / "era.json")


def cents_of(money: pd.Series) -> pd.Series:
    """Money of a public table in whole cents."""
    cents = (money.astype(float) * 100).round()
    assert (cents / 100 == money.astype(float)).all()
    return cents.astype("int64")


def line_cents(quantity: pd.Series, price: pd.Series) -> pd.Series:
    """Amounts of raw lines: quantity times the price of four digits, rounded half up to cents."""
    fine = (price.astype(float) * 10_000).round().astype("int64")
    product = quantity.astype("int64") * fine  # in hundredths of a cent
    return (product.abs() + 50) // 100 * product.apply(lambda x: -1 if x < 0 else 1)


def known_lines(output_dir: Path, shop: str) -> pd.DataFrame:
    """Lines of the customers who had bought by the cutoff, in cents."""
    lines = primary(output_dir, shop, "order_lines")
    cutoff = pd.Timestamp(era_of(output_dir, shop)["cutoff"])
    lines = lines[lines["trusted"] & (lines["logged_at"] <= cutoff)]
    buyers = lines.loc[~lines["is_return"], "customer_id"].unique()
    lines = lines[lines["customer_id"].isin(buyers)]
    return lines.assign(cents=(lines["amount"] * 100).astype("int64"))


@pytest.mark.parametrize("shop", SHOPS)
class TestPublicOutputs:
    @pytest.mark.parametrize(("file", "columns"), TABLES.items())
    def test_table_has_its_columns_and_types(
        self, output: Path, shop: str, file: str, columns: dict[str, str]
    ) -> None:
        path = output / file.format(shop=shop)
        types = {field.name: str(field.type) for field in pq.read_schema(path)}

        assert {name: types.get(name) for name in columns} == columns
        assert pq.read_metadata(path).num_rows > 0

    def test_items_of_an_order_are_whole_numbers(self, output: Path, shop: str) -> None:
        path = output / "03_primary" / shop / "orders.parquet"

        assert str(pq.read_schema(path).field("items").type) == WHOLE

    @pytest.mark.parametrize(("file", "columns"), CSV_FILES.items())
    def test_text_file_has_its_columns(
        self, output: Path, shop: str, file: str, columns: list[str]
    ) -> None:
        table = pd.read_csv(output / file.format(shop=shop))

        assert [name for name in columns if name not in table.columns] == []
        assert len(table) > 0

    def test_customers_hold_the_features_of_the_registry(
        self, output: Path, shop: str, parameters: dict[str, Any]
    ) -> None:
        registry = FeatureRegistry.model_validate(parameters[shop]["feature_registry"])
        kinds = {"number": NUMBER, "category": TEXT, "flag": FLAG}

        schema = pq.read_schema(output / "03_primary" / shop / "customers.parquet")

        types = {field.name: str(field.type) for field in schema}
        features = {name: kinds[feature.type] for name, feature in registry.features.items()}
        more = {"profit": NUMBER, "revenue_repaired": FLAG, "regular": FLAG}
        assert types == {"customer_id": TEXT} | features | more
        assert list(types) == ["customer_id", *features, *more]

    def test_everybody_is_in_every_table_once(self, output: Path, shop: str) -> None:
        customers = primary(output, shop, "customers")["customer_id"]
        labels = pd.read_parquet(output / "05_model_input" / shop / "labels.parquet")

        assert customers.is_unique
        assert labels["customer_id"].to_list() == customers.to_list()
        for name in ("rfm", "decline_risk", "reasons", "segments"):
            found = model_output(output, shop, name)["customer_id"]
            assert found.to_list() == customers.to_list()

    def test_nothing_is_written_outside_the_layers(self, output: Path, shop: str) -> None:
        files = [path.relative_to(output) for path in output.rglob("*") if path.is_file()]

        assert {file.parts[1] for file in files} == set(SHOPS)
        assert {file.parts[0] for file in files if file.parts[1] == shop} == {
            "02_intermediate", "03_primary", "05_model_input", "06_models", "07_model_output",
            "08_reporting",
        }  # fmt: skip

    @pytest.mark.parametrize("page", PAGES)
    def test_page_or_model_is_there(self, output: Path, shop: str, page: str) -> None:
        assert (output / page.format(shop=shop)).stat().st_size > 0

    def test_risk_of_the_test_customers_has_its_columns_and_types(
        self, output: Path, shop: str
    ) -> None:
        schema = pq.read_schema(output / "07_model_output" / shop / "holdout_risk.parquet")

        assert {field.name: str(field.type) for field in schema} == HOLDOUT

    def test_what_nobody_recorded_is_unknown(self, output: Path, shop: str) -> None:
        assert primary(output, shop, "customers")["contact_allowed"].isna().all()


@pytest.mark.parametrize("shop", SHOPS)
class TestMoney:
    def test_ledger_goes_from_the_file_to_the_lines(
        self, output: Path, sample: Path, shop: str
    ) -> None:
        raw = raw_text(sample, shop)
        ledger = text_table(output, shop, "cleaning_ledger")
        lines = primary(output, shop, "order_lines")

        quantity, price = (raw[name] for name in MONEY[shop])
        assert int(ledger["rows_before"].iloc[0]) == len(raw)
        total = int(line_cents(quantity, price).sum())
        assert Decimal(ledger["revenue_before"].iloc[0]) * 100 == total
        for kind in ("rows", "customers", "revenue"):
            starts, ends = ledger[f"{kind}_before"].to_list(), ledger[f"{kind}_after"].to_list()
            assert starts[1:] == ends[:-1]
        assert int(ledger["rows_after"].iloc[-1]) == len(lines)
        assert int(ledger["customers_after"].iloc[-1]) == lines["customer_id"].nunique()
        assert Decimal(ledger["revenue_after"].iloc[-1]) == lines["amount"].sum()

    def test_flags_and_repairs_take_nothing_away(self, output: Path, shop: str) -> None:
        ledger = text_table(output, shop, "cleaning_ledger")
        stays = ledger[ledger["action"] != "removed"]

        for kind in ("rows", "customers", "revenue"):
            assert stays[f"{kind}_before"].equals(stays[f"{kind}_after"])
        flagged = ledger["action"] == "flagged"
        for kind in ("rows", "customers", "revenue"):
            assert ((ledger[f"{kind}_flagged"] != "") == flagged).all()

    def test_removed_lines_are_in_quarantine_with_their_money(
        self, output: Path, shop: str
    ) -> None:
        path = output / "02_intermediate" / shop / "quarantine.parquet"
        quarantine = pd.read_parquet(path)
        cells = pd.DataFrame([json.loads(raw) for raw in quarantine["raw"]])
        quantity, price = (cells[name] for name in MONEY[shop])
        taken = line_cents(quantity, price).groupby(quarantine["rule"]).agg(["size", "sum"])

        ledger = text_table(output, shop, "cleaning_ledger").set_index("rule")
        for rule, row in ledger[ledger["action"] == "removed"].iterrows():
            size, cents = taken.loc[rule] if rule in taken.index else (0, 0)
            assert int(row["rows_before"]) - int(row["rows_after"]) == size
            lost = Decimal(row["revenue_before"]) - Decimal(row["revenue_after"])
            assert lost * 100 == int(cents)
        assert set(taken.index) <= set(ledger.index)

    def test_lines_orders_and_sales_hold_the_same_money(self, output: Path, shop: str) -> None:
        lines = primary(output, shop, "order_lines")
        lines = lines.assign(cents=(lines["amount"] * 100).astype("int64"))
        orders = primary(output, shop, "orders").set_index(["customer_id", "order_id"])

        expected = lines.groupby(["customer_id", "order_id"])
        assert orders.index.is_unique
        found = cents_of(orders["net_revenue"]).sort_index()
        assert found.to_list() == expected["cents"].sum().to_list()
        assert orders["items"].sort_index().to_list() == expected["quantity"].sum().to_list()
        assert orders["ordered_at"].sort_index().equals(expected["ordered_at"].min())
        total = int(lines["cents"].sum())
        for view in ("month", "weekday", "hour", "weekday_hour", "product"):
            sales = text_table(output, shop, f"sales_by_{view}")
            assert sum(map(Decimal, sales["net_revenue"])) * 100 == total
            assert sales["lines"].astype(int).sum() == len(lines)

    def test_returns_hold_the_money_of_the_negative_lines(self, output: Path, shop: str) -> None:
        lines = primary(output, shop, "order_lines")
        summary = text_table(output, shop, "returns_summary").set_index("part")

        back = -lines.loc[lines["quantity"] < 0, "amount"].sum()
        parts = {part: Decimal(value) for part, value in summary["value"].items()}
        assert parts["all"] == back
        assert parts["matched"] + parts["unmatched"] == back
        assert primary(output, shop, "returns")["value"].sum() == back

    def test_customers_hold_the_money_known_at_the_cutoff(self, output: Path, shop: str) -> None:
        lines = known_lines(output, shop)
        expected = lines.groupby("customer_id")["cents"].sum()

        rfm = model_output(output, shop, "rfm").set_index("customer_id")
        customers = primary(output, shop, "customers").set_index("customer_id")
        for money in (rfm["monetary"], customers["revenue"]):
            assert cents_of(money).to_dict() == expected.to_dict()

    def test_profit_is_recent_revenue_times_the_margin(
        self, output: Path, shop: str, parameters: dict[str, Any]
    ) -> None:
        assumed = parameters[shop]["data_processing"]["profit"]
        since = pd.Timestamp(era_of(output, shop)["cutoff"]) - timedelta(days=assumed["days"])
        lines = known_lines(output, shop)
        recent = lines[lines["ordered_at"] > since].groupby("customer_id")["cents"].sum() / 100
        profit = primary(output, shop, "customers").set_index("customer_id")["profit"]

        months = assumed["days"] / 30
        expected = recent.reindex(profit.index, fill_value=0.0) / months * assumed["margin"]
        assert (profit - expected).abs().max() < 1e-9


@pytest.mark.parametrize("shop", SHOPS)
class TestClasses:
    def test_equal_behaviour_has_equal_scores(self, output: Path, shop: str) -> None:
        rfm = model_output(output, shop, "rfm")

        for measure, score in (("recency_days", "r"), ("frequency", "f"), ("monetary", "m")):
            assert len(rfm[[measure, score]].drop_duplicates()) == rfm[measure].nunique()
            best = rfm.groupby(score)[measure].agg(["min", "max"])
            if measure == "recency_days":
                best = best[::-1]
            assert (best["max"].shift() < best["min"])[1:].all()

    def test_code_is_its_scores_and_has_one_class(
        self, output: Path, shop: str, parameters: dict[str, Any]
    ) -> None:
        rfm = model_output(output, shop, "rfm")
        options = RfmOptions.model_validate(parameters[shop]["rfm"])
        class_of = {"".join(map(str, c)): n for c, n in options.chosen.class_of().items()}

        scores = rfm[["r", "f", "m"]].astype(str)
        assert rfm["rfm_code"].to_list() == scores.sum(axis=1).to_list()
        assert rfm["rfm_class"].to_list() == rfm["rfm_code"].map(class_of).to_list()
        assert set(rfm["rfm_class"]) == FIVE
        assert rfm["class_ru"].notna().all()

    def test_segment_is_the_class_where_there_is_no_risk(self, output: Path, shop: str) -> None:
        segments = model_output(output, shop, "segments")
        rfm = model_output(output, shop, "rfm")

        has_risk = segments["decline_risk"].notna()
        assert segments["segment"].where(~has_risk, "").to_list() == (
            rfm["rfm_class"].where(~has_risk, "").to_list()
        )
        assert set(segments.loc[has_risk, "segment"]) == (CELLS if has_risk.any() else set())
        assert (~has_risk).any()
        profile = pd.read_csv(output / "07_model_output" / shop / "segment_profile.csv")
        counts = profile.set_index("segment")["customers"].to_dict()
        assert counts.pop("all") == len(segments)
        assert counts == segments["segment"].value_counts().to_dict()

    def test_recency_and_frequency_follow_from_the_orders(self, output: Path, shop: str) -> None:
        lines = known_lines(output, shop)
        bought = lines[~lines["is_return"]].groupby("customer_id")
        today = pd.Timestamp(era_of(output, shop)["cutoff"]).normalize()
        rfm = model_output(output, shop, "rfm").set_index("customer_id")

        assert rfm["frequency"].to_dict() == bought["order_id"].nunique().to_dict()
        days = (today - bought["ordered_at"].max().dt.normalize()).dt.days
        assert rfm["recency_days"].to_dict() == days.to_dict()

    def test_regular_customers_follow_the_rule(self, output: Path, shop: str) -> None:
        customers = primary(output, shop, "customers").set_index("customer_id")
        lines = known_lines(output, shop)
        since = pd.Timestamp(era_of(output, shop)["cutoff"]) - timedelta(days=180)
        bought = lines[~lines["is_return"]].groupby("customer_id")

        often = bought["order_id"].nunique() >= 2
        lately = bought["ordered_at"].max() > since
        assert customers["regular"].to_dict() == (often & lately).to_dict()


def test_break_of_the_second_shop_is_found_and_the_first_has_none(output: Path) -> None:
    gift, home = (era_of(output, shop) for shop in SHOPS)

    assert gift["break"] is None
    assert gift["cutoff"] == gift["data_to"]
    assert datetime.fromisoformat(home["break"]["since"]).replace(minute=0) == BREAK
    assert home["cutoff"] == home["trusted_to"] < home["data_to"]
    flags = {shop: text_table(output, shop, "regime") for shop in SHOPS}
    assert set(flags["gift_shop"]["flagged"]) == {"False"}
    flagged = flags["home_goods"].query("flagged == 'True'")
    assert set(flagged["since"]) == {BREAK.isoformat()}
    assert set(flagged["month"]) == {"2019-11", "2019-12", "2020-01"}
    assert (flagged["withheld"] != "").all()


@pytest.fixture(scope="module")
def shuffled(run: Run, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run on the sample with its rows in another order wrote."""
    folder = tmp_path_factory.mktemp("shuffled")
    for seed, shop in enumerate(SHOPS):
        (folder / "raw" / shop).mkdir(parents=True)
        raw = raw_text(sample, shop).sample(frac=1, random_state=seed)
        raw.to_csv(folder / "raw" / shop / FILES[shop], index=False, lineterminator="\n")
    scores = ("customers", "rfm", "decline_risk", "holdout_risk")
    run(folder / "raw", folder / "out", "gift_shop", to=scores)
    run(
        folder / "raw", folder / "out", "home_goods",
        to=("customers", "rfm", "clusters", "interests"),
    )  # fmt: skip
    return folder / "out"


@pytest.mark.parametrize("shop", SHOPS)
def test_order_of_rows_changes_nothing(output: Path, shuffled: Path, shop: str) -> None:
    for table, name in ((primary, "customers"), (model_output, "rfm")):
        found, expected = table(shuffled, shop, name), table(output, shop, name)
        assert_frame_equal(found, expected, check_exact=True)


@pytest.mark.parametrize("name", ["clusters", "interests"])
def test_order_of_rows_moves_nobody_to_another_group(
    output: Path, shuffled: Path, name: str
) -> None:
    found, expected = (model_output(folder, "home_goods", name) for folder in (shuffled, output))

    assert_frame_equal(found, expected, check_exact=True)


@pytest.mark.parametrize("name", ["decline_risk", "holdout_risk"])
def test_second_run_gives_the_same_scores_bit_for_bit(
    output: Path, shuffled: Path, name: str
) -> None:
    # Given the same seed, and a file with the same rows in another order
    found, expected = (model_output(folder, "gift_shop", name) for folder in (shuffled, output))

    bits = found["decline_risk"].to_numpy().view("int64")
    assert bits.tolist() == expected["decline_risk"].to_numpy().view("int64").tolist()
    assert_frame_equal(found, expected, check_exact=True)


class TestParameters:
    @pytest.fixture
    def rescored(
        self, run: Run, output: Path, sample: Path, tmp_path: Path
    ) -> Callable[..., pd.DataFrame]:
        """Score the saved order lines again with other parameters of RFM."""

        def score(**rfm: Any) -> pd.DataFrame:
            shutil.copytree(output / "03_primary", tmp_path / "03_primary")
            changes = {"gift_shop": {"rfm": rfm}}
            run(
                sample, tmp_path, "gift_shop",
                parameters=changes, to=("rfm",), tags=("segmentation",),
            )  # fmt: skip
            return model_output(tmp_path, "gift_shop", "rfm")

        return score

    def test_polarity_turns_scores_and_no_class(
        self, rescored: Callable[..., pd.DataFrame], output: Path
    ) -> None:
        found, usual = rescored(best="low"), model_output(output, "gift_shop", "rfm")

        for score in ("r", "f", "m"):
            assert (found[score] == 4 - usual[score]).all()
        turned = [code.translate(str.maketrans("123", "321")) for code in usual["rfm_code"]]
        assert found["rfm_code"].to_list() == turned
        same = ["customer_id", "recency_days", "rfm_class", "days_to_next_class"]
        assert_frame_equal(found[same], usual[same])

    def test_eleven_classes_are_total(
        self,
        rescored: Callable[..., pd.DataFrame],
        output: Path,
        parameters: dict[str, Any],
    ) -> None:
        found, usual = rescored(scheme="eleven_classes"), model_output(output, "gift_shop", "rfm")

        classes = parameters["gift_shop"]["rfm"]["schemes"]["eleven_classes"]["classes"]
        assert set(found["rfm_class"]) <= set(classes)
        assert len(set(found["rfm_class"])) > len(FIVE)
        assert set(found["r"]) == set(found["f"]) == set(found["m"]) == {1, 2, 3, 4, 5}
        codes = found[["rfm_code", "rfm_class"]].drop_duplicates()
        assert codes["rfm_code"].is_unique
        same = ["customer_id", "recency_days", "frequency", "monetary"]
        assert_frame_equal(found[same], usual[same])

    def test_command_line_sets_cutoff_scheme_and_polarity(
        self, root: Path, output: Path, sample: Path, tmp_path: Path
    ) -> None:
        # When the documented command is typed in the project's folder
        cutoff = "2011-08-31T23:59:59"
        given = {
            "gift_shop.data_processing.cutoff": cutoff,
            "gift_shop.rfm.scheme": "eleven_classes",
            "gift_shop.rfm.best": "low",
            "raw_dir": sample,
            "output_dir": tmp_path,
        }
        done = subprocess.run(
            [
                sys.executable, "-m", "kedro", "run", "--env", "test",
                "--pipelines", "segmentation", "--to-outputs", "gift_shop.rfm",
                "--params", ",".join(f"{key}={value}" for key, value in given.items()),
            ],
            cwd=root,
            env=os.environ | {"PYTHONPATH": "src", "DO_NOT_TRACK": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )  # fmt: skip

        # Then nothing after the cutoff is seen, and scores are those that were asked for
        assert done.returncode == 0, done.stdout + done.stderr
        assert era_of(tmp_path, "gift_shop")["cutoff"] == cutoff
        lines = known_lines(tmp_path, "gift_shop")
        assert lines["logged_at"].max() <= pd.Timestamp(cutoff)
        assert set(lines["customer_id"]) < set(known_lines(output, "gift_shop")["customer_id"])
        rfm = model_output(tmp_path, "gift_shop", "rfm").set_index("customer_id")
        money = lines.groupby("customer_id")["cents"].sum()
        assert cents_of(rfm["monetary"]).to_dict() == money.to_dict()
        champions = rfm[rfm["rfm_class"] == "champions"]
        assert set(champions["r"]) == {1}
        assert set(champions["f"]) == {1, 2}


@pytest.mark.real_data
class TestRealShops:
    def test_gift_shop_has_the_known_figures(self, real: Path) -> None:
        ledger = text_table(real, "gift_shop", "cleaning_ledger").set_index("rule")
        first, flagged = ledger.iloc[0], ledger.loc["identified_sales"]

        assert (first["rows_before"], first["revenue_before"]) == ("541909", "9747747.93")
        assert flagged["action"] == "flagged"
        assert flagged["rows_flagged"] == "397884"
        assert flagged["customers_flagged"] == "4338"
        assert flagged["orders_flagged"] == "18532"
        assert flagged["revenue_flagged"] == "8911407.90"
        assert era_of(real, "gift_shop")["break"] is None

    def test_home_goods_has_the_known_figures(self, real: Path) -> None:
        ledger = text_table(real, "home_goods", "cleaning_ledger").set_index("rule")
        again, era = ledger.loc["relogged_line"], era_of(real, "home_goods")
        taken = Decimal(again["revenue_before"]) - Decimal(again["revenue_after"])
        path = real / "02_intermediate" / "home_goods" / "quarantine.parquet"
        shared = pd.read_parquet(path).query("rule == 'shared_order'")["raw"].map(json.loads)

        assert ledger.iloc[0]["rows_before"] == "7474"
        assert (again["rows_hit"], taken) == ("1864", Decimal("709126.00"))
        assert len({raw["order_id"] for raw in shared}) == 29
        assert era["break"]["since"] == BREAK.isoformat()
        check = era["repeat_check"]
        assert (check["repeat_buyers_before_break"], check["customers"]) == (160, 2451)
        # Not the time alone: the last old and the first new line share that hour
        assert ledger.loc["after_break", "rows_flagged"] == "737"
        lines = primary(real, "home_goods", "order_lines")
        assert lines["trusted"].equals(lines["order_id"].str.len() == 5)

    @pytest.mark.parametrize("shop", SHOPS)
    def test_classes_are_total_and_the_money_is_all_there(self, real: Path, shop: str) -> None:
        rfm = model_output(real, shop, "rfm").set_index("customer_id")
        segments = model_output(real, shop, "segments").set_index("customer_id")
        lines = known_lines(real, shop)

        assert set(rfm["rfm_class"]) == FIVE
        fallen_back = segments.loc[segments["decline_risk"].isna(), "segment"]
        assert fallen_back.to_dict() == rfm.loc[fallen_back.index, "rfm_class"].to_dict()
        assert set(segments["segment"]) <= FIVE | CELLS
        assert (shop == "home_goods") == (len(fallen_back) == len(segments))
        expected = lines.groupby("customer_id")["cents"].sum()
        assert cents_of(rfm["monetary"]).to_dict() == expected.to_dict()
        assert int(expected.sum()) == int((lines["amount"] * 100).sum())

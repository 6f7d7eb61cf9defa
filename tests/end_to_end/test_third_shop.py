"""A third shop from docs/add_your_shop.md: its examples, one line of code, and its own file."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.config import OmegaConfigLoader

from personal_offers.settings import CONFIG_LOADER_ARGS

pytestmark = pytest.mark.slow

SHOP = "tea_shop"
CENT = Decimal("0.01")
FIRST_DAY = datetime(2024, 2, 1)
DAYS = 455  # 15 months
CUSTOMERS = 270  # of whom 213 come back: enough for a decline risk
ODD_NAME = "Чай чёрный «Ассам»; листовой, 100 г"
NAMES = [
    ODD_NAME,
    'Чай зелёный "Сенча" № 5',
    "Улун молочный, 50 г",
    "Варенье из ёжевики",
    "Чайник заварочный; 0,6 л",
    "Кружка «Сова»",
    "Сахар колотый",
    "Мёд липовый — 250 г",
]
RULES = [
    "customer_id_decimal", "product_id_case", "product_name_spaces", "unit_price_rounded",
    "adjustment", "missing_customer", "missing_product", "zero_price", "negative_price",
    "zero_quantity", "sign_of_quantity", "cancellation", "identified_sales", "non_product",
    "exact_duplicate", "relogged_line", "shared_order", "several_dates", "never_bought",
    "after_break", "unmatched_return",
]  # fmt: skip
REMOVING = {
    "adjustment": 2,
    "missing_customer": 15,
    "zero_price": 6,
    "non_product": 35,
    "exact_duplicate": 35,
    "relogged_line": 10,
    "shared_order": 3,
    "never_bought": 1,
}


# --- the page --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Page:
    """The examples of the page: files of configuration by path, the line of code, the header."""

    files: dict[str, str]
    line: str
    header: list[str]


@pytest.fixture(scope="module")
def page(root: Path) -> Page:
    text = (root / "docs" / "add_your_shop.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    yamls = [body for kind, body in blocks if kind == "yaml"]
    files = {body.splitlines()[0].removeprefix("# "): body for body in yamls}
    (line,) = (body for kind, body in blocks if kind == "python")
    (sample,) = (body for kind, body in blocks if kind == "text")
    return Page(files, line, next(csv.reader([sample.splitlines()[0]], delimiter=";")))


# --- the file --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line of the file, and the rule that must remove it."""

    customer: str
    order: str
    at: datetime
    code: str
    name: str
    quantity: int
    price: Decimal
    removed_by: str | None = None
    price_text: str | None = None

    @property
    def amount(self) -> Decimal:
        return (self.price * self.quantity).quantize(CENT, ROUND_HALF_UP)

    @property
    def cells(self) -> dict[str, str]:
        price = self.price_text or f"{self.price:f}".replace(".", ",")
        return {
            "Клиент": self.customer,
            "Номер заказа": self.order,
            "Дата": f"{self.at:%d.%m.%Y %H:%M}",
            "Артикул": self.code,
            "Наименование": self.name,
            "Количество": str(self.quantity),
            "Цена": price,
            "Страна": "Россия",
        }


def sold_lines(rng: np.random.Generator) -> list[Line]:
    """Sales of known customers: who bought often comes back, and everybody fades away."""
    prices = [Decimal(int(cents)) / 100 for cents in rng.integers(4_900, 90_000, len(NAMES))]
    prices[1] = Decimal("12.3456")  # amounts must be rounded line by line
    lines = []
    order = 0
    for customer in range(1, CUSTOMERS + 1):
        day, gap = float(rng.uniform(0, DAYS - 30)), float(rng.uniform(10, 90))
        while day < DAYS:
            order += 1
            at = FIRST_DAY + timedelta(days=int(day), minutes=int(rng.integers(540, 1_260)))
            for product in rng.choice(len(NAMES), size=int(rng.integers(1, 4)), replace=False):
                lines.append(
                    Line(
                        f"К-{customer:04d}",
                        f"З-{order:06d}",
                        at,
                        f"Ч-{product + 1:03d}",
                        NAMES[product],
                        int(rng.integers(1, 5)),
                        prices[product],
                    )
                )
            if rng.random() < 0.15:
                break
            day += float(rng.exponential(gap)) + 1
    return lines


def with_quirks(sold: list[Line], rng: np.random.Generator) -> list[Line]:
    """Add everything that a rule must find; each sale is spoilt in one way at most."""
    picked = iter(rng.permutation(len(sold)).tolist())

    def some(count: int) -> list[int]:
        return [next(picked) for _ in range(count)]

    lines = list(sold)
    for i in some(20):  # repaired: the same products, written otherwise
        lines[i] = replace(sold[i], code=sold[i].code.lower())
    for i in some(20):
        lines[i] = replace(sold[i], name=f" {sold[i].name.replace(' ', '  ', 1)}  ")
    (i,) = some(1)
    lines[i] = replace(sold[i], price=Decimal("50.0000"), price_text="49,99996")
    for place, i in enumerate(some(60)):  # returns, of a part or of all
        back = replace(sold[i], order=f"В-{place:06d}", at=sold[i].at + timedelta(days=3))
        lines.append(replace(back, quantity=-int(rng.integers(1, sold[i].quantity + 1))))
    stranger = replace(sold[0], customer="К-9001", order="В-900001", quantity=-1)
    unmatched = replace(sold[1], order="В-900002", code="Ч-777", name="Снят с продажи", quantity=-1)
    lines += [replace(stranger, removed_by="never_bought"), unmatched]
    lines += removed_lines(sold, some)
    rng.shuffle(lines)  # type: ignore[arg-type]
    return lines


def removed_lines(sold: list[Line], some: Any) -> list[Line]:
    """Lines that must go, with the rule that takes each."""
    price, gone = Decimal("300.00"), []
    for i in some(2):
        gone.append(replace(sold[i], order="КОРР-1", price=-price, removed_by="adjustment"))
    for n, i in enumerate(some(15)):
        web = replace(sold[i], order=f"И-{n:06d}", customer="", removed_by="missing_customer")
        gone.append(web)
    for i in some(6):
        gone.append(replace(sold[i], code="Ч-100", price=Decimal(0), removed_by="zero_price"))
    for n, i in enumerate(some(35)):
        code = ("ДОСТАВКА", "упаковка", "СЕРТ-500")[n % 3]
        extra = replace(sold[i], code=code, name="Услуга", quantity=1, price=price)
        gone.append(replace(extra, removed_by="non_product"))
    for i in some(35):
        gone.append(replace(sold[i], removed_by="exact_duplicate"))
    for i in some(10):
        later = sold[i].at + timedelta(hours=26)
        gone.append(replace(sold[i], at=later, removed_by="relogged_line"))
    for n in range(3):
        several = replace(sold[0], customer=f"К-000{n + 1}", order="З-ОБЩИЙ")
        gone.append(replace(several, removed_by="shared_order"))
    return gone


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    rng = np.random.default_rng(20240201)
    return with_quirks(sold_lines(rng), rng)


@pytest.fixture(scope="module")
def kept(lines: list[Line]) -> pd.DataFrame:
    """Lines that no rule may remove, in cents."""
    rows = [line for line in lines if line.removed_by is None]
    return pd.DataFrame(
        {
            "customer_id": [line.customer for line in rows],
            "order_id": [line.order for line in rows],
            "at": [line.at for line in rows],
            "quantity": [line.quantity for line in rows],
            "cents": [int(line.amount * 100) for line in rows],
        }
    )


def write_file(path: Path, header: list[str], lines: list[Line]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, header, delimiter=";", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(line.cells for line in lines)
    path.parent.mkdir(parents=True)
    path.write_bytes(text.getvalue().encode("cp1251"))


# --- the run ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(
    root: Path, page: Page, lines: list[Line], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The project without data, with what the page says, and fast settings of the model alone."""
    project = tmp_path_factory.mktemp("project")
    for folder in ("src", "conf/base"):
        shutil.copytree(
            root / folder, project / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    (project / "conf" / "local").mkdir()
    for stage in ("modelling", "clusters", "interests"):
        file = f"parameters_{stage}.yml"
        fast = yaml.safe_load((root / "conf" / "test" / file).read_text(encoding="utf-8"))
        (project / "conf" / "local" / file).write_text(
            yaml.safe_dump({SHOP: fast["gift_shop"]}), encoding="utf-8"
        )
    for file in ("pyproject.toml", ".telemetry"):
        shutil.copy(root / file, project)
    for path, text in page.files.items():
        (project / path).write_text(text, encoding="utf-8")
    shops = project / "src" / "personal_offers" / "shops.py"
    code = shops.read_text(encoding="utf-8")
    head, tail = code[: code.rindex(")")], code[code.rindex(")") :]
    shops.write_text(head + page.line + tail, encoding="utf-8")
    write_file(project / "data" / "01_raw" / SHOP / "заказы.csv", page.header, lines)
    return project


@pytest.fixture(scope="module")
def output(project: Path) -> Path:
    """What the command of the page wrote; tests only read it."""
    done = subprocess.run(
        [
            sys.executable, "-m", "kedro", "run",
            "--pipelines", "offers", "--namespaces", SHOP,
        ],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project / "src"), "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return project / "data"


def table_of(output: Path, layer: str, name: str) -> pd.DataFrame:
    path = output / layer / SHOP / name
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    return pd.read_parquet(path)


def cents_of(money: pd.Series) -> pd.Series:
    """Money of a public table in whole cents."""
    cents = (money.astype(float) * 100).round()
    assert (cents / 100 == money.astype(float)).all()
    return cents.astype("int64")


def json_of(output: Path, layer: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / layer / SHOP / name).read_text(encoding="utf-8"))
    return found


class TestPage:
    def test_code_is_one_line(self, page: Page) -> None:
        assert page.line == f'    Shop("{SHOP}", intake="order_lines"),\n'
        assert set(page.files) == {
            f"conf/base/catalog_{SHOP}.yml", f"conf/base/parameters_{SHOP}.yml",
        }  # fmt: skip

    def test_headers_of_the_example_are_those_of_the_configuration(self, page: Page) -> None:
        parameters = yaml.safe_load(page.files[f"conf/base/parameters_{SHOP}.yml"])

        assert list(parameters[SHOP]["data_processing"]["columns"].values()) == page.header

    def test_a_block_taken_over_can_be_changed_for_one_run(self, project: Path) -> None:
        changes = {SHOP: {"rfm": {"comparison": {"bootstrap": 50}}}}
        loader = OmegaConfigLoader(
            conf_source=str(project / "conf"), runtime_params=changes, **CONFIG_LOADER_ARGS
        )
        parameters = loader["parameters"]

        found, usual = parameters[SHOP]["rfm"], parameters["gift_shop"]["rfm"]
        assert found["comparison"] == usual["comparison"] | {"bootstrap": 50}
        assert usual["comparison"]["bootstrap"] > 50
        assert found["backtest"] == usual["backtest"]

    def test_every_rule_is_explained(self, root: Path) -> None:
        text = (root / "docs" / "add_your_shop.md").read_text(encoding="utf-8")
        table = text[text.index("### The rules") : text.index("### What is withheld")]
        cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]

        assert [name for cell in cells for name in re.findall(r"`(\w+)`", cell)] == RULES


class TestPublicOutputs:
    @pytest.mark.parametrize(
        ("layer", "file", "columns"),
        [
            ("02_intermediate", "quarantine.parquet", ["source", "row_number", "rule", "raw"]),
            (
                "03_primary",
                "cleaning_ledger.csv",
                [
                    "source", "rule", "action", "rows_before", "rows_after", "customers_before",
                    "customers_after", "revenue_before", "revenue_after", "rows_flagged",
                    "customers_flagged", "revenue_flagged",
                ],
            ),
            (
                "03_primary",
                "regime.csv",
                ["month", "measure", "value", "flagged", "since", "withheld"],
            ),
            (
                "03_primary",
                "orders.parquet",
                ["customer_id", "order_id", "ordered_at", "net_revenue", "items"],
            ),
            ("03_primary", "customers.parquet", ["customer_id", "profit", "regular"]),
            ("05_model_input", "labels.parquet", ["customer_id", "declined"]),
            ("05_model_input", "prevalence.csv", ["cutoff", "share", "eligible", "declined"]),
            (
                "07_model_output",
                "decline_risk.parquet",
                [
                    "customer_id", "decline_risk", "fold", "basis", "reason_1", "reason_2",
                    "reason_3",
                ],
            ),
            (
                "07_model_output",
                "holdout_risk.parquet",
                ["customer_id", "cutoff", "decline_risk", "declined"],
            ),
            ("07_model_output", "reasons.parquet", ["customer_id", "reason_ru", "reason_en"]),
            ("07_model_output", "candidates.csv", ["model", "kind", "roc_auc"]),
            ("07_model_output", "leak_audit.csv", ["check", "subject", "verdict"]),
            (
                "07_model_output",
                "rfm.parquet",
                [
                    "customer_id", "recency_days", "frequency", "monetary", "r", "f", "m",
                    "rfm_code", "rfm_class", "days_to_next_class",
                ],
            ),
            (
                "07_model_output",
                "segments.parquet",
                [
                    "customer_id", "decline_risk", "profit", "risk_level", "profit_level",
                    "segment", "rfm_class", "cluster", "cluster_name", "interest",
                ],
            ),
            (
                "07_model_output",
                "clusters.parquet",
                ["customer_id", "cluster", "cluster_name", "noise"],
            ),
            ("05_model_input", "product_categories.csv", ["product_id", "category", "how"]),
            (
                "07_model_output",
                "interests.parquet",
                ["customer_id", "interest", "interest_probability", "abstained"],
            ),
        ],
    )  # fmt: skip
    def test_table_is_there_with_its_columns(
        self, output: Path, layer: str, file: str, columns: list[str]
    ) -> None:
        table = table_of(output, layer, file)

        assert [name for name in columns if name not in table.columns] == []
        assert len(table) > 0

    def test_only_this_shop_is_written(self, output: Path) -> None:
        files = [path.relative_to(output) for path in output.rglob("*") if path.is_file()]

        assert {file.parts[1] for file in files} == {SHOP}

    def test_era_is_the_whole_file(self, output: Path, kept: pd.DataFrame) -> None:
        era = json_of(output, "03_primary", "era.json")

        assert era["break"] is None
        assert era["withheld"] == {}
        assert era["data_from"] == kept["at"].min().isoformat()
        assert era["cutoff"] == era["trusted_to"] == era["data_to"] == kept["at"].max().isoformat()
        assert (era["currency"], era["timezone"]) == ("RUB", "Europe/Moscow")
        assert set(table_of(output, "03_primary", "regime.csv")["flagged"]) == {"False"}


class TestMoney:
    @pytest.fixture
    def ledger(self, output: Path) -> pd.DataFrame:
        return table_of(output, "03_primary", "cleaning_ledger.csv")

    def test_each_rule_takes_its_lines_and_their_money(
        self, ledger: pd.DataFrame, lines: list[Line]
    ) -> None:
        removed = ledger[ledger["action"] == "removed"].set_index("rule")
        counts = Counter(line.removed_by for line in lines if line.removed_by)

        assert ledger["rule"].to_list() == RULES
        assert dict(counts) == REMOVING
        for rule, row in removed.iterrows():
            taken = sum((x.amount for x in lines if x.removed_by == rule), start=Decimal(0))
            lost = Decimal(row["revenue_before"]) - Decimal(row["revenue_after"])
            assert (rule, int(row["rows_hit"])) == (rule, REMOVING.get(str(rule), 0))
            assert (rule, lost) == (rule, taken)
        repaired = ledger.set_index("rule")["rows_hit"].astype(int)
        # Written in small letters: 20 sales, and every third of the 35 services.
        assert repaired["product_id_case"] == 20 + 12
        assert repaired["product_name_spaces"] == 20
        assert repaired["unit_price_rounded"] == 1
        assert repaired["unmatched_return"] == 1

    def test_ledger_balances_from_the_file_to_the_lines(
        self, ledger: pd.DataFrame, lines: list[Line], kept: pd.DataFrame
    ) -> None:
        first, last = ledger.iloc[0], ledger.iloc[-1]

        assert int(first["rows_before"]) == len(lines)
        assert Decimal(first["revenue_before"]) == sum(line.amount for line in lines)
        assert int(last["rows_after"]) == len(kept)
        assert int(last["customers_after"]) == kept["customer_id"].nunique()
        assert Decimal(last["revenue_after"]) * 100 == int(kept["cents"].sum())
        for kind in ("rows", "customers", "revenue"):
            starts, ends = ledger[f"{kind}_before"], ledger[f"{kind}_after"]
            assert starts.to_list()[1:] == ends.to_list()[:-1]

    def test_quarantine_holds_the_removed_lines_as_they_stood(
        self, output: Path, lines: list[Line]
    ) -> None:
        quarantine = table_of(output, "02_intermediate", "quarantine.parquet")
        quarantine = quarantine.set_index("row_number")

        gone = {n: x for n, x in enumerate(lines, start=1) if x.removed_by}
        # Of two equal lines the later one in the file goes, whichever was made as the copy.
        other = {n: rule for n, rule in quarantine["rule"].items() if rule != "exact_duplicate"}
        assert other == {n: x.removed_by for n, x in gone.items() if n in other}
        assert len(quarantine) == len(gone)
        for row, raw in quarantine["raw"].items():
            cells = {header: text or "" for header, text in json.loads(raw).items()}
            assert cells == lines[int(row) - 1].cells

    def test_every_table_holds_the_money_of_the_kept_lines(
        self, output: Path, kept: pd.DataFrame
    ) -> None:
        expected = kept.groupby("customer_id")["cents"].sum()
        by_order = kept.groupby(["customer_id", "order_id"])["cents"].sum()

        order_lines = table_of(output, "03_primary", "order_lines.parquet")
        assert int(order_lines["amount"].sum() * 100) == int(expected.sum())
        orders = table_of(output, "03_primary", "orders.parquet")
        found = orders.set_index(["customer_id", "order_id"])["net_revenue"]
        assert cents_of(found).sort_index().to_dict() == by_order.to_dict()
        for layer, file, column in (
            ("07_model_output", "rfm.parquet", "monetary"),
            ("03_primary", "customers.parquet", "revenue"),
        ):
            table = table_of(output, layer, file).set_index("customer_id")
            assert cents_of(table[column]).to_dict() == expected.to_dict()
        for view in ("month", "weekday", "hour", "weekday_hour", "country", "product"):
            sales = table_of(output, "03_primary", f"sales_by_{view}.csv")
            assert sum(map(Decimal, sales["net_revenue"])) * 100 == int(expected.sum())

    def test_red_on_the_page_is_what_takes_much(self, output: Path, ledger: pd.DataFrame) -> None:
        page = (output / "08_reporting" / SHOP / "cleaning_ledger.html").read_text(encoding="utf-8")
        red = re.findall(r'<tr class="alert"><td>[^<]*</td><td>⚠ (\w+)</td>', page)

        lost = 1 - ledger["revenue_after"].astype(float) / ledger["revenue_before"].astype(float)
        assert red == ledger.loc[lost.abs() > 0.01, "rule"].to_list()
        assert "exact_duplicate" in red


class TestCustomers:
    @pytest.fixture
    def rfm(self, output: Path) -> pd.DataFrame:
        return table_of(output, "07_model_output", "rfm.parquet").set_index("customer_id")

    def test_recency_and_frequency_are_those_of_the_purchases(
        self, rfm: pd.DataFrame, kept: pd.DataFrame
    ) -> None:
        bought = kept[kept["quantity"] > 0].groupby("customer_id")
        today = kept["at"].max().normalize()

        assert rfm["frequency"].to_dict() == bought["order_id"].nunique().to_dict()
        days = (today - bought["at"].max().dt.normalize()).dt.days
        assert rfm["recency_days"].to_dict() == days.to_dict()

    def test_scores_follow_the_business_breaks_of_the_page(self, rfm: pd.DataFrame) -> None:
        recency = pd.cut(rfm["recency_days"], [-1, 30, 90, 10_000], labels=[3, 2, 1])
        frequency = pd.cut(rfm["frequency"], [0, 1, 4, 10_000], labels=[1, 2, 3])

        assert rfm["r"].to_list() == recency.to_list()
        assert rfm["f"].to_list() == frequency.to_list()
        assert set(rfm["r"]) == set(rfm["f"]) == set(rfm["m"]) == {1, 2, 3}

    def test_every_customer_is_in_exactly_one_segment(
        self, output: Path, rfm: pd.DataFrame, kept: pd.DataFrame
    ) -> None:
        segments = table_of(output, "07_model_output", "segments.parquet")
        customers = table_of(output, "03_primary", "customers.parquet")

        assert segments["customer_id"].is_unique
        assert set(segments["customer_id"]) == set(kept["customer_id"]) == set(rfm.index)
        assert segments["customer_id"].to_list() == customers["customer_id"].to_list()
        names: Mapping[str, str] = rfm["rfm_class"].to_dict()
        is_known = segments["decline_risk"].notna()
        fallen_back = segments[~is_known].set_index("customer_id")["segment"].to_dict()
        assert fallen_back == {name: names[name] for name in fallen_back}
        assert set(segments.loc[is_known, "segment"]) <= {
            "save_first", "keep_cheaply", "reward_loyalty", "grow",
        }  # fmt: skip
        assert is_known.any()
        assert fallen_back
        profile = table_of(output, "07_model_output", "segment_profile.csv").set_index("segment")
        counts = segments["segment"].value_counts().to_dict()
        assert profile["customers"].astype(int).to_dict() == counts | {"all": len(segments)}

    def test_regular_customers_have_a_risk_and_nobody_else(
        self, output: Path, kept: pd.DataFrame
    ) -> None:
        risk = table_of(output, "07_model_output", "decline_risk.parquet").set_index("customer_id")
        bought = kept[kept["quantity"] > 0].groupby("customer_id")
        since = kept["at"].max() - timedelta(days=180)
        regular = (bought["order_id"].nunique() >= 2) & (bought["at"].max() > since)
        recent = kept[kept["at"] > since].groupby("customer_id")["quantity"].sum()
        eligible = regular & (recent.reindex(regular.index, fill_value=0) > 0)

        assert (risk["basis"] == "model").to_dict() == eligible.to_dict()
        assert set(risk["basis"]) == {"model", "not_eligible"}
        assert (risk["decline_risk"].notna() == (risk["basis"] == "model")).all()
        assert risk["decline_risk"].dropna().between(0, 1).all()

    def test_label_is_what_the_file_says(self, output: Path, kept: pd.DataFrame) -> None:
        # Given the windows of the page: 180 days before the test cutoff, 90 after it
        holdout = table_of(output, "07_model_output", "holdout_risk.parquet")
        cutoff = (kept["at"].max() - timedelta(days=90)).normalize()
        before = kept[(kept["at"] <= cutoff) & (kept["at"] > cutoff - timedelta(days=180))]
        after = kept[(kept["at"] > cutoff) & (kept["at"] <= cutoff + timedelta(days=90))]
        baseline = before.groupby("customer_id")["quantity"].sum() / 2
        outcome = after.groupby("customer_id")["quantity"].sum()

        assert set(holdout["cutoff"]) == {cutoff}
        ids = holdout["customer_id"]
        expected = outcome.reindex(ids, fill_value=0).to_numpy() < 0.5 * baseline[ids].to_numpy()
        assert holdout["declined"].to_list() == expected.tolist()
        assert 30 <= expected.sum() <= len(expected) - 30

    def test_profit_is_the_last_quarter_times_the_margin(
        self, output: Path, kept: pd.DataFrame
    ) -> None:
        since = kept["at"].max() - timedelta(days=90)
        recent = kept[kept["at"] > since].groupby("customer_id")["cents"].sum() / 100
        customers = table_of(output, "03_primary", "customers.parquet").set_index("customer_id")

        expected = (recent / 3 * 0.35).reindex(customers.index, fill_value=0.0)
        np.testing.assert_allclose(customers["profit"], expected, rtol=0, atol=1e-9)

    def test_letters_survive(self, output: Path, rfm: pd.DataFrame) -> None:
        order_lines = table_of(output, "03_primary", "order_lines.parquet")

        assert set(order_lines["product_name"]) == {*NAMES, "Снят с продажи"}
        assert set(order_lines["product_id"]) == {
            *(f"Ч-{n + 1:03d}" for n in range(len(NAMES))), "Ч-777",
        }  # fmt: skip
        assert set(rfm["class_ru"]) <= {
            "Топ", "Перспективные", "Уходящие", "Спящие", "Потерянные",
        }  # fmt: skip
        months = (output / "08_reporting" / SHOP / "figure_sales_by_month.json").read_text(
            encoding="utf-8"
        )
        title = json.loads(months)["ru"]["layout"]["title"]["text"]
        assert re.search("[а-яё]", title)

    def test_offers_are_planned_and_nothing_is_exported_without_consent(self, output: Path) -> None:
        customers = table_of(output, "03_primary", "customers.parquet")
        offers = table_of(output, "07_model_output", "offers.parquet")

        assert sorted(offers["customer_id"]) == sorted(customers["customer_id"])
        sent = offers[offers["group"] == "offer"]
        assert len(sent) > 0
        assert sent["provisional"].all()
        assert sent["cost"].sum() <= 1500  # the budget that the page takes over
        assert offers.loc[offers["group"] == "none", "outcome"].notna().all()
        for file in (output / "08_reporting" / SHOP / "export").glob("*.csv"):
            assert len(pd.read_csv(file, sep=";")) == 0, file.name
        advice = table_of(output, "07_model_output", "recommendations.csv")
        assert {"top", "promising", "leaving", "sleeping", "lost"} <= set(advice["name"])

"""What a run says when it has ended."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline
from kedro_datasets.text import TextDataset

from personal_offers.run_summary import summary_lines

# Kedro warns of dots that no namespace has made; here they are made by hand.
pytestmark = pytest.mark.filterwarnings("ignore:One or more dataset names contain")

LEDGER = pd.DataFrame(
    {
        "source": ["lines", "lines"],
        "rule": ["copies", "tests"],
        "rows_before": [1200, 1100],
        "rows_after": [1100, 1000],
        "revenue_before": ["9000.50", "8000.00"],
        "revenue_after": ["8000.00", "7500.00"],
    }
)
PROFILE = pd.DataFrame(
    {
        "segment": ["save_first", "grow", "all"],
        "customers": [1, 20, 21],
        "profit": [60.0, 40.0, 100.0],
        "profit_at_risk": [20.0, 5.0, 25.0],
    }
)
PLAN = {
    "offered": 1,
    "control": 3,
    "spend": 12.4,
    "expected_net": 1500.0,
    "expected_net_low": -20.0,
    "expected_net_high": 3000.0,
    "provisional": True,
}
NAMES = {"currency": {"ru": "₽", "en": "RUB"}}


def make() -> int:
    return 1


def lines_of(pages: dict[str, Path] | None = None, **written: Any) -> list[str]:
    """Sum up a run that wrote these datasets of the shop ``tea``, and these pages."""
    data = {f"tea.{name}": MemoryDataset(value) for name, value in written.items()}
    texts = {name: TextDataset(filepath=str(path)) for name, path in (pages or {}).items()}
    catalog = {**data, **texts}
    made = Pipeline([Node(make, None, name, name=f"make_{n}") for n, name in enumerate(catalog)])
    return list(summary_lines(made, DataCatalog(catalog)))


def test_rows_and_money_before_and_after_cleaning_are_told() -> None:
    (line,) = lines_of(cleaning_ledger=LEDGER)

    assert line == (
        "tea: 1,200 rows read, 1,000 kept; revenue 9,000 in the files, 7,500 after cleaning"
    )


def test_a_ledger_without_money_has_rows_alone() -> None:
    ledger = LEDGER.assign(revenue_before=None, revenue_after=None)

    assert lines_of(cleaning_ledger=ledger) == ["tea: 1,200 rows read, 1,000 kept"]


def test_customers_and_profit_at_risk_are_told() -> None:
    line, *_ = lines_of(segment_profile=PROFILE, pages={"tea.offer_plan_en": Path("plan.md")})

    assert line == "tea: 21 customers; profit at risk 25.0 a month, 25% of all"


def test_without_a_risk_it_says_so() -> None:
    profile = PROFILE.assign(profit_at_risk=float("nan"))

    line, *_ = lines_of(segment_profile=profile, pages={"tea.offer_plan_en": Path("plan.md")})

    assert line == "tea: 21 customers; no decline risk (withheld)"


def test_the_plan_is_told_with_its_range_and_that_it_is_provisional() -> None:
    (line,) = lines_of(offer_plan=PLAN, offer_names=NAMES)

    assert "1 offer, 3 customers held back to compare, cost 12" in line
    assert "expected to bring 1,500 (−20 to 3,000) RUB" in line
    assert "provisional" in line


def test_the_index_is_what_to_open(tmp_path: Path) -> None:
    pages = {name: tmp_path / f"{name}.html" for name in ("report_index", "tea.report_en")}

    assert lines_of(pages) == [f"Open {tmp_path / 'report_index.html'}"]


def test_without_an_index_the_pages_are(tmp_path: Path) -> None:
    assert lines_of({"tea.report_en": tmp_path / "r.html"}) == [f"Open {tmp_path / 'r.html'}"]


def test_a_run_that_ends_earlier_names_the_next_step(tmp_path: Path) -> None:
    assert lines_of({"tea.offer_plan_en": tmp_path / "plan.md"})[-1].startswith("Next: ")

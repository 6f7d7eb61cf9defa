"""Bad order lines and bad RFM parameters: one clear message, and no output is touched."""

from __future__ import annotations

import csv
import gzip
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from kedro.framework.session import KedroSession

pytestmark = pytest.mark.slow

SHOP = "home_goods"
FILE = "ecom_dataset_upd.csv"
FIRST = datetime(2019, 1, 7, 10)
CUSTOMERS = 45

Row = dict[str, str]
Rows = list[Row]
Spoil = Callable[[Rows], Rows]
Run = Callable[..., dict[str, Any]]


def good_rows() -> Rows:
    """Lines of 45 customers over eight months; every third of them came back twice."""
    rows = []
    for order in range(75):
        customer = order if order < CUSTOMERS else 3 * (order % 15)
        at = FIRST + timedelta(days=3 * order, hours=order % 9)
        for product in range(1 + order % 2):
            rows.append(
                {
                    "date": f"{at:%Y%m%d%H}",
                    "customer_id": f"c{customer:03d}",
                    "order_id": f"{14_000 + order}",
                    "product": f"Рассада {(order + product) % 7}",
                    "quantity": f"{1 + order % 4}",
                    "price": f"{90 + 7 * (order % 20)}.5",
                }
            )
    return rows


def write_rows(raw_dir: Path, rows: Rows) -> None:
    path = raw_dir / SHOP / FILE
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, good_rows()[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def set_cells(column: str, texts: dict[int, str]) -> Spoil:
    """Replace the cells of a column in the given data rows; the first one is row 1."""

    def spoil(rows: Rows) -> Rows:
        return [
            row | {column: texts[n]} if n in texts else row for n, row in enumerate(rows, start=1)
        ]

    return spoil


def set_column(column: str, text: str) -> Spoil:
    return lambda rows: [row | {column: text} for row in rows]


def snapshot(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Content and time of change of every file below a folder."""
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def text_of(message: str) -> str:
    """Return a message without line breaks and rulers, which depend on the terminal."""
    return re.sub(r"\s+", " ", message)


@pytest.fixture(scope="module")
def earlier(_project: None, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output of a good run; tests copy it."""
    folder = tmp_path_factory.mktemp("earlier")
    write_rows(folder / "raw", good_rows())
    ends = {"raw_dir": str(folder / "raw"), "output_dir": str(folder / "out")}
    with KedroSession.create(
        project_path=folder, conf_source=str(root / "conf"), env="test", runtime_params=ends
    ) as session:
        session.run(pipeline_names=["segmentation"])
    assert len(snapshot(folder / "out")) > 20
    return folder / "out"


@pytest.fixture
def output_dir(earlier: Path, tmp_path: Path) -> Path:
    """A fresh copy of the output of an earlier run."""
    shutil.copytree(earlier, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def refused(run_pipeline: Run, output_dir: Path, tmp_path: Path) -> Callable[..., str]:
    """Run on spoilt rows; the run must end in a message and leave the earlier output alone."""

    def refuse(spoil: Spoil | None = None, **blocks: Any) -> str:
        write_rows(tmp_path / "raw", spoil(good_rows()) if spoil else good_rows())
        before = snapshot(output_dir)
        parameters = {SHOP: blocks} if blocks else {}
        with pytest.raises(click.ClickException) as error:
            run_pipeline("segmentation", tmp_path / "raw", output_dir, **parameters)
        assert snapshot(output_dir) == before
        return text_of(error.value.message)

    return refuse


def test_bad_cells_are_told_all_at_once(refused: Callable[..., str]) -> None:
    # Given three dates that do not exist, one in the future, one of another millennium
    dates = {2: "2019022912", 5: "2019061125", 9: "20190711", 4: "2999123123", 1: "1019010110"}

    def spoil(rows: Rows) -> Rows:
        rows = set_cells("quantity", {3: "пять"})(set_cells("date", dates)(rows))
        return set_cells("price", {6: "", 7: "1 234"})(rows)

    message = refused(spoil)

    assert message.startswith("The input has 6 problems; nothing was written")
    for part in (
        f"{SHOP}/{FILE}, column 'date': 3 row(s) are no date that exists, in the form "
        "'%Y%m%d%H': row 2 '2019022912', row 5 '2019061125', row 9 '20190711'",
        "home_goods.data_processing.date_formats",
        "column 'date': 1 row(s) are before 2000-01-01: row 1 '1019010110'",
        "home_goods.data_processing.earliest_date",
        f"column 'date': 1 row(s) are in the future: after {date.today()}: row 4 '2999123123'",
        "home_goods.data_processing.latest_date",
        "column 'quantity': 1 row(s) are not a whole number: row 3 'пять'",
        "column 'price': 1 row(s) are empty: row 6",
        "column 'price': 1 row(s) are not a number: row 7 '1 234'",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        pytest.param(
            set_column("price", "0"),
            ["no order is left after cleaning", "home_goods.data_processing"],
            id="no order after cleaning",
        ),
        pytest.param(
            set_column("date", "2019010710"),
            ["all orders are of one day, 2019-01-07"],
            id="all orders on one day",
        ),
    ],
)
def test_rows_that_leave_nothing_to_compare(
    refused: Callable[..., str], spoil: Spoil, parts: list[str]
) -> None:
    message = refused(spoil)

    assert [part for part in parts if part not in message] == []
    assert message.startswith("The input has 1 problem; nothing was written")


@pytest.mark.parametrize("cutoff", ["2018-12-31T23:59:59", "2035-01-01T00:00:00"])
def test_cutoff_outside_the_data(refused: Callable[..., str], cutoff: str) -> None:
    message = refused(data_processing={"cutoff": cutoff})

    shown = cutoff.replace("T", " ")
    assert f"home_goods.data_processing.cutoff {shown} is outside the data" in message
    assert "run from 2019-01-07 10:00:00 to" in message
    assert message.startswith("The input has 1 problem; nothing was written")


def test_test_cutoff_without_its_outcome_names_the_parameter_and_the_latest_moment(
    run_pipeline: Run, tmp_path: Path
) -> None:
    write_rows(tmp_path / "raw", good_rows())
    activity = {SHOP: {"activity": {"test_cutoff": "2019-08-01"}}}

    with pytest.raises(click.ClickException) as error:
        run_pipeline("segmentation", tmp_path / "raw", tmp_path / "out", **activity)

    message = text_of(error.value.message)
    assert "home_goods.activity.test_cutoff 2019-08-01 00:00:00" in message
    assert "take 2019-05-" in message
    assert not (tmp_path / "out" / "07_model_output").exists()


def test_class_map_with_a_hole_is_refused_before_anything_is_read(
    refused: Callable[..., str],
) -> None:
    # Given that code 121 is in no class, 122 and 123 are in two, and a bad file too
    lost = {"boxes": [{"r": [1], "f": [1]}], "codes": ["122", "123"]}
    rfm = {"schemes": {"five_classes": {"classes": {"lost": lost}}}}

    message = refused(set_cells("date", {2: "2019022912"}), rfm=rfm)

    assert message.startswith("The parameters are wrong; nothing was run.")
    assert "home_goods.rfm" in message
    assert "codes in no class: 121;" in message
    assert "codes in several classes: 122 (sleeping, lost), 123 (sleeping, lost)" in message
    assert "2019022912" not in message


@dataclass(frozen=True)
class Refusal:
    """A message, and the files before and after."""

    message: str
    before: dict[Path, tuple[bytes, int]]
    after: dict[Path, tuple[bytes, int]]


@pytest.fixture(scope="module")
def one_score(root: Path, earlier: Path, tmp_path_factory: pytest.TempPathFactory) -> Refusal:
    """A run with a number of orders that nobody reaches."""
    folder = tmp_path_factory.mktemp("one_score")
    write_rows(folder / "raw", good_rows())
    shutil.copytree(earlier, folder / "out")
    before = snapshot(folder / "out")
    frequency = {"frequency": {"values": [50, 60]}}
    parameters = {
        "raw_dir": str(folder / "raw"),
        "output_dir": str(folder / "out"),
        SHOP: {"rfm": {"schemes": {"five_classes": frequency}}},
    }
    with (
        pytest.raises(click.ClickException) as error,
        KedroSession.create(
            project_path=folder,
            conf_source=str(root / "conf"),
            env="test",
            runtime_params=parameters,
        ) as session,
    ):
        session.run(pipeline_names=["segmentation"])
    return Refusal(text_of(error.value.message), before, snapshot(folder / "out"))


class TestBreaksThatPutEverybodyInOneScore:
    def test_message_names_the_measure_and_the_parameter(self, one_score: Refusal) -> None:
        for part in (
            "The input has 1 problem; ",
            f"frequency gives all {CUSTOMERS} customers one score",
            "at least 50, 60 orders; the values run from 1 order to 3 orders",
            "home_goods.rfm.schemes.five_classes.frequency",
        ):
            assert part in one_score.message

    def test_no_output_of_the_stage_is_written(self, one_score: Refusal) -> None:
        new = {
            path for path in one_score.after if one_score.after[path] != one_score.before.get(path)
        }

        assert [path for path in new if "07_model_output" in str(path)] == []

    def test_message_tells_what_became_of_the_outputs(self, one_score: Refusal) -> None:
        is_untouched = one_score.after == one_score.before

        assert ("nothing was written" in one_score.message) == is_untouched


def write_gift_rows(raw_dir: Path, rows: Rows) -> None:
    """Write the same lines in the form of the other shop."""
    path = raw_dir / "gift_shop" / "online_retail.csv.gz"
    path.parent.mkdir(parents=True)
    form = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    lines = [form]
    for row in rows:
        at = datetime.strptime(row["date"], "%Y%m%d%H")
        cells = [row["order_id"], row["product"], row["product"], row["quantity"], str(at)]
        lines.append(",".join([*cells, row["price"], row["customer_id"], "France"]))
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.write("\n".join(lines))


def test_one_customer_only_ends_the_command_and_leaves_the_shop_alone(
    root: Path, output_dir: Path, tmp_path: Path
) -> None:
    # Given a good shop beside the bad one
    write_rows(tmp_path / "raw", set_column("customer_id", "c001")(good_rows()))
    write_gift_rows(tmp_path / "raw", good_rows())
    before = snapshot(output_dir)

    done = subprocess.run(
        [
            sys.executable, "-m", "kedro", "run", "--env", "test", "--pipelines", "segmentation",
            "--params", f"raw_dir={tmp_path / 'raw'},output_dir={output_dir}",
        ],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root / "src"), "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )  # fmt: skip

    # Then the run fails, says of which shop it speaks, and leaves the outputs of that shop alone
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    message = text_of(done.stderr[done.stderr.index("The input has") :])
    assert message.startswith("The input has 1 problem; nothing was written for home_goods.")
    assert "only one customer is left after cleaning" in message
    after = snapshot(output_dir)
    assert {path: file for path, file in after.items() if path.parts[1] == SHOP} == before

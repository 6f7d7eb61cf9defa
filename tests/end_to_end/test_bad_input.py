"""Bad input ends in one message that tells everything, and no output is touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pandas as pd
import pytest

Run = Callable[..., dict[str, Any]]
RawFolder = Callable[[], Path]
Spoil = Callable[[Path], object]


def cells_of(path: Path) -> tuple[list[list[str]], str]:
    """Rows of a sample file (header first; no cell is quoted there) and its separator."""
    separator = ";" if path.stem == "money" else ","
    lines = path.read_bytes().decode().removesuffix("\r\n").split("\r\n")
    return [line.split(separator) for line in lines], separator


def put_cells(path: Path, cells: list[list[str]], separator: str) -> None:
    path.write_bytes("".join(f"{separator.join(row)}\r\n" for row in cells).encode())


def set_cells(file: str, column: str, texts: dict[int, str]) -> Spoil:
    """Replace the cells of a column in the given data rows; row 0 is the header."""

    def spoil(folder: Path) -> None:
        cells, separator = cells_of(folder / file)
        place = cells[0].index(column)
        for row, text in texts.items():
            cells[row][place] = text
        put_cells(folder / file, cells, separator)

    return spoil


def add_rows(file: str, *rows: str) -> Spoil:
    def spoil(folder: Path) -> None:
        with (folder / file).open("ab") as stream:
            stream.write("".join(f"{row}\r\n" for row in rows).encode())

    return spoil


def cut_rows(file: str, first: int, last: int) -> Spoil:
    """Take out the data rows from the first to the last."""

    def spoil(folder: Path) -> None:
        cells, separator = cells_of(folder / file)
        put_cells(folder / file, cells[:first] + cells[last + 1 :], separator)

    return spoil


def put_bytes(file: str, content: bytes) -> Spoil:
    return lambda folder: (folder / file).write_bytes(content)


def unlink(file: str) -> Spoil:
    return lambda folder: (folder / file).unlink()


def id_at(raw_dir: Path, row: int, file: str = "market_file.csv") -> str:
    """Id in a data row of a file."""
    return cells_of(raw_dir / "one_click" / file)[0][row][0]


def problems_of(message: str) -> list[str]:
    """The numbered problems of a message, in order."""
    head, *lines = message.splitlines()
    count = len(lines)
    assert (
        head
        == f"The input has {count} problem{'s' * (count > 1)}; nothing was written for one_click."
    )
    numbers = [f"  {number}. " for number in range(1, count + 1)]
    assert all(line.startswith(n) for line, n in zip(lines, numbers, strict=True))
    return [line.removeprefix(n) for line, n in zip(lines, numbers, strict=True)]


def refused(run: Run, raw_dir: Path, output_dir: Path) -> list[str]:
    """Run the intake on bad input; give the problems of its message."""
    with pytest.raises(click.ClickException) as error:
        run("data_processing", raw_dir, output_dir)
    assert not output_dir.exists()
    return problems_of(error.value.message)


CATEGORY = "Популярная_категория"
LABEL = "Покупательская активность"
SIX = range(11, 17)

# What is done to the sample, the file it is about, and what the one problem must say.
ONE_PROBLEM = [
    pytest.param(
        unlink("market_time.csv"),
        "market_time.csv: the file is missing",
        ["raw_dir"],
        id="missing file",
    ),
    pytest.param(put_bytes("money.csv", b""), "money.csv: the file is empty", [], id="empty file"),
    pytest.param(
        put_bytes("money.csv", "\ufeff".encode()),
        "money.csv: the file is empty",
        [],
        id="file of a byte-order mark",
    ),
    pytest.param(
        put_bytes("market_file.csv", b"id,\x98\r\n1,2\r\n"),
        "market_file.csv: the text is in none of the encodings",
        ["utf-8", "cp1251"],
        id="unknown encoding",
    ),
    pytest.param(
        add_rows("money.csv", "999999", "999999;1;2"),
        "money.csv: 2 line(s) do not have the 2 columns of the header",
        ["line 1302: '999999'", "line 1303: '999999;1;2'"],
        id="ragged lines",
    ),
    pytest.param(
        set_cells("money.csv", "Прибыль", {0: "Доход"}),
        "money.csv: no column 'Прибыль'",
        ["the file has 'id', 'Доход'", "data_processing.tables.money.columns"],
        id="missing column",
    ),
    pytest.param(
        set_cells("market_money.csv", "Выручка", {row: f"~{row}" for row in SIX}),
        "market_money.csv, column 'Выручка': 6 row(s) are not a number",
        ["row 11 '~11', row 12 '~12', row 13 '~13', row 14 '~14', row 15 '~15', …"],
        id="text in an amount",
    ),
    pytest.param(
        set_cells("market_file.csv", "Длительность", {7: "год", 9: "3.5"}),
        "market_file.csv, column 'Длительность': 2 row(s) are not a whole number",
        ["row 7 'год', row 9 '3.5'"],
        id="text in a whole number",
    ),
    pytest.param(
        set_cells("money.csv", "Прибыль", {1300: ""}),
        "money.csv, column 'Прибыль': 1 row(s) are empty",
        ["row 1300"],
        id="empty cell that must be filled",
    ),
    pytest.param(
        set_cells("market_money.csv", "Выручка", {2: "12345678901234567.5"}),
        "market_money.csv, column 'Выручка': 1 row(s) have too many digits",
        ["row 2 '12345678901234567.5'"],
        id="amount with too many digits",
    ),
    pytest.param(
        set_cells("market_file.csv", CATEGORY, {2: "Сад", 1300: "Огород"}),
        f"market_file.csv, column '{CATEGORY}': 2 row(s) hold an unknown value",
        [
            "row 2 'Сад', row 1300 'Огород'",
            "'Товары для детей', 'Домашний текстиль', 'Косметика и аксессуары'",
            "data_processing.tables.market_file.columns.popular_category.values",
        ],
        id="unknown category",
    ),
    pytest.param(
        set_cells("market_money.csv", "Период", {4: "вчера"}),
        "market_money.csv, column 'Период': 1 row(s) hold an unknown value",
        [
            "row 4 'вчера'",
            "'препредыдущий_месяц', 'предыдущий_месяц', 'текущий_месяц'",
            "data_processing.tables.market_money.columns.period.values",
        ],
        id="unknown period",
    ),
    pytest.param(
        set_cells("market_time.csv", "Период", {1: "вчера", 2: "завтра"}),
        "market_time.csv, column 'Период': 2 row(s) hold an unknown value",
        ["row 1 'вчера', row 2 'завтра'"],
        id="two unknown periods of one customer",
    ),
    pytest.param(
        set_cells("market_file.csv", LABEL, {5: "Выросла", 6: "снизилась"}),
        f"market_file.csv, column '{LABEL}': 2 row(s) hold an unknown value",
        [
            "row 5 'Выросла', row 6 'снизилась'",
            "'Снизилась', 'Прежний уровень'",
            "data_processing.tables.market_file.columns.declined",
        ],
        id="label outside the two",
    ),
]


@pytest.mark.parametrize(("spoil", "start", "parts"), ONE_PROBLEM)
def test_one_kind_of_bad_input_is_one_problem(
    run_pipeline: Run,
    raw_folder: RawFolder,
    tmp_path: Path,
    spoil: Spoil,
    start: str,
    parts: list[str],
) -> None:
    raw_dir = raw_folder()
    spoil(raw_dir / "one_click")

    (problem,) = refused(run_pipeline, raw_dir, tmp_path / "output")

    assert problem.startswith(f"{raw_dir}/one_click/{start}")
    assert [part for part in parts if part not in problem] == []


@pytest.mark.parametrize("content", [b"id;\xd0\x9f\r\n", b"id;\xd0\x9f"], ids=["CRLF", "no end"])
def test_header_without_rows(
    run_pipeline: Run, raw_folder: RawFolder, tmp_path: Path, content: bytes
) -> None:
    raw_dir = raw_folder()
    (raw_dir / "one_click" / "money.csv").write_bytes(content)

    problems = refused(run_pipeline, raw_dir, tmp_path / "output")

    path = f"{raw_dir}/one_click/money.csv"
    assert problems[0] == f"{path}: the file has a header but no rows; export it again"
    assert problems[1].startswith(f"{path}: no column 'Прибыль'; the file has 'id', 'П'")
    assert len(problems) == 2


def test_duplicate_ids_with_different_values(
    run_pipeline: Run, raw_folder: RawFolder, tmp_path: Path
) -> None:
    # Given six ids with two different profits each, and one with the same profit twice
    raw_dir = raw_folder()
    cells, _ = cells_of(raw_dir / "one_click" / "money.csv")
    add_rows("money.csv", *(f"{cells[row][0]};99" for row in range(1, 7)), ";".join(cells[7]))(
        raw_dir / "one_click"
    )

    (problem,) = refused(run_pipeline, raw_dir, tmp_path / "output")

    places = {cells[row][0]: f"{cells[row][0]} (rows {row}, {1300 + row})" for row in range(1, 7)}
    shown = [places[customer] for customer in sorted(places)[:5]]
    assert problem.startswith(
        f"{raw_dir}/one_click/money.csv, key 'id': 6 id(s) stand in several rows with different "
        f"values: {', '.join(shown)}, …"
    )
    assert places[max(places)] not in problem


def test_duplicate_months_with_different_values(
    run_pipeline: Run, raw_folder: RawFolder, tmp_path: Path
) -> None:
    raw_dir = raw_folder()
    customer, period, _ = cells_of(raw_dir / "one_click" / "market_money.csv")[0][1]
    add_rows("market_money.csv", f"{customer},{period},1")(raw_dir / "one_click")

    (problem,) = refused(run_pipeline, raw_dir, tmp_path / "output")

    assert problem.startswith(f"{raw_dir}/one_click/market_money.csv, key 'id', 'Период': 1 id(s)")
    assert f"{customer} current_month (rows 1, 3901)" in problem


def test_id_in_one_file_and_not_in_another(
    run_pipeline: Run, raw_folder: RawFolder, tmp_path: Path
) -> None:
    # Given a customer of money.csv alone, and six customers who are not there
    raw_dir = raw_folder()
    lost = {id_at(raw_dir, row): row for row in range(1, 7)}
    cut_rows("money.csv", 1, 6)(raw_dir / "one_click")
    add_rows("money.csv", "400000;1,5")(raw_dir / "one_click")

    problems = refused(run_pipeline, raw_dir, tmp_path / "output")

    folder = f"{raw_dir}/one_click"
    shown = [f"{i} ({folder}/market_file.csv row {lost[i]})" for i in sorted(lost)[:5]]
    for problem, file in zip(
        problems, ("market_file", "market_money", "market_time"), strict=False
    ):
        assert problem.startswith(
            f"{folder}/{file}.csv: 1 id(s) of the other files are not here: "
            f"400000 ({folder}/money.csv row 1295)"
        )
        assert "data_processing.orphan_ids" in problem
    assert problems[3].startswith(
        f"{folder}/money.csv: 6 id(s) of the other files are not here: {', '.join(shown)}, …"
    )
    assert len(problems) == 4


def test_row_numbers_below_a_ragged_line_are_those_of_the_file(
    run_pipeline: Run, raw_folder: RawFolder, tmp_path: Path
) -> None:
    raw_dir = raw_folder()
    set_cells("money.csv", "Прибыль", {2: "1;2", 9: "много"})(raw_dir / "one_click")

    problems = refused(run_pipeline, raw_dir, tmp_path / "output")

    assert problems[0].startswith(f"{raw_dir}/one_click/money.csv: 1 line(s) do not have the 2")
    assert "row 9 'много'" in problems[1]


def test_all_problems_of_all_files_are_told_at_once(
    run_pipeline: Run, raw_folder: RawFolder, tmp_path: Path
) -> None:
    raw_dir = raw_folder()
    for spoil in (
        set_cells("market_file.csv", LABEL, {5: "Выросла"}),
        set_cells("market_file.csv", CATEGORY, {2: "Сад"}),
        set_cells("market_file.csv", "Страниц_за_визит", {0: "Страниц"}),
        set_cells("market_money.csv", "Период", {4: "вчера"}),
        set_cells("market_money.csv", "Выручка", {8: "много"}),
        unlink("market_time.csv"),
        add_rows("money.csv", f"{id_at(raw_dir, 3)};99"),
        set_cells("money.csv", "Прибыль", {1: "x"}),
    ):
        spoil(raw_dir / "one_click")

    problems = refused(run_pipeline, raw_dir, tmp_path / "output")

    starts = [
        "market_file.csv: no column 'Страниц_за_визит'",
        f"market_file.csv, column '{LABEL}': 1 row(s)",
        f"market_file.csv, column '{CATEGORY}': 1 row(s)",
        "market_money.csv, column 'Период': 1 row(s)",
        "market_money.csv, column 'Выручка': 1 row(s)",
        "market_time.csv: the file is missing",
        "money.csv, column 'Прибыль': 1 row(s)",
        "money.csv, key 'id': 1 id(s)",
    ]
    assert len(problems) == len(starts)
    for problem, start in zip(problems, starts, strict=True):
        assert problem.startswith(f"{raw_dir}/one_click/{start}")


def test_four_missing_files_are_four_problems(run_pipeline: Run, tmp_path: Path) -> None:
    (tmp_path / "nowhere" / "one_click").mkdir(parents=True)

    problems = refused(run_pipeline, tmp_path / "nowhere", tmp_path / "output")

    assert [text.split(":")[0] for text in problems] == [
        f"{tmp_path}/nowhere/one_click/{name}.csv"
        for name in ("market_file", "market_money", "market_time", "money")
    ]


def test_an_earlier_output_stays_as_it_was(
    run_pipeline: Run, raw_folder: RawFolder, tmp_path: Path
) -> None:
    # Given the output of a good run
    raw_dir, output_dir = raw_folder(), tmp_path / "output"
    run_pipeline("data_processing", raw_dir, output_dir)
    before = snapshot(output_dir)
    assert len(before) >= 4

    # When
    set_cells("money.csv", "Прибыль", {1: "x"})(raw_dir / "one_click")
    with pytest.raises(click.ClickException):
        run_pipeline("data_processing", raw_dir, output_dir)

    # Then
    assert snapshot(output_dir) == before


def snapshot(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Content and time of change of every file below a folder."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


# --- data without a model ----------------------------------------------------------------------


def set_column(file: str, column: str, text: str) -> Spoil:
    """Put one text into a column of every row."""

    def spoil(folder: Path) -> None:
        cells, separator = cells_of(folder / file)
        place = cells[0].index(column)
        for row in cells[1:]:
            row[place] = text
        put_cells(folder / file, cells, separator)

    return spoil


def result(output_dir: Path, name: str) -> pd.DataFrame:
    path = output_dir / "07_model_output" / "one_click" / name
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def metrics_of(output_dir: Path) -> dict[str, Any]:
    path = output_dir / "07_model_output" / "one_click" / "metrics.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.slow
def test_one_class_only_withholds_the_risk_and_nothing_else(
    run_pipeline: Run, raw_folder: RawFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    raw_dir, output_dir = raw_folder(), tmp_path / "output"
    set_column("market_file.csv", LABEL, "Прежний уровень")(raw_dir / "one_click")

    run_pipeline("segmentation", raw_dir, output_dir)

    # Then the reason is told wherever somebody may look
    reason = metrics_of(output_dir)["withheld"]
    assert reason["en"] == "the label has one class only (1297 customers): nothing to learn from"
    assert reason["en"] in caplog.text
    reporting = output_dir / "08_reporting" / "one_click"
    for language in ("ru", "en"):
        card = (reporting / f"model_card_{language}.md").read_text(encoding="utf-8")
        assert reason[language] in card
    # And nobody has a risk, but a segment, a label, a profit and their marks
    risk, segments = (
        result(output_dir, "decline_risk.parquet"),
        result(output_dir, "segments.parquet"),
    )
    assert set(risk["basis"]) == {"withheld"}
    assert risk["decline_risk"].isna().all()
    assert set(segments["segment"]) == {"not_classified"}
    assert set(segments["profit_level"]) == {"low", "high"}
    assert segments["promo_dependent"].any()
    profile = result(output_dir, "segment_profile.csv").set_index("segment")
    assert profile.loc["not_classified", "customers"] == profile.loc["all", "customers"] == 1297
    assert profile.loc["all", "declined_share"] == 0
    labels = pd.read_parquet(output_dir / "05_model_input" / "one_click" / "labels.parquet")
    assert not labels["declined"].any()
    assert (output_dir / "03_primary" / "one_click" / "cleaning_ledger.csv").is_file()
    for name in ("candidates.csv", "leak_audit.csv", "drivers.csv"):
        assert len(result(output_dir, name)) == 0


@pytest.mark.slow
def test_a_feature_that_nobody_has_a_value_of_is_named_and_costs_no_output(
    run_pipeline: Run, raw_folder: RawFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    raw_dir, output_dir = raw_folder(), tmp_path / "output"
    set_column("market_file.csv", "Страниц_за_визит", "")(raw_dir / "one_click")

    run_pipeline("segmentation", raw_dir, output_dir)

    metrics = metrics_of(output_dir)
    assert metrics["withheld"] is None
    assert metrics["protocol"]["features_without_values"] == ["pages_per_visit"]
    assert "No customer has a value of pages_per_visit" in caplog.text
    # The other features carry a risk, and this one no part of it
    assert metrics["metrics"]["roc_auc"]["value"] > 0.8
    assert result(output_dir, "decline_risk.parquet")["decline_risk"].notna().all()
    parts = result(output_dir, "contributions.parquet")
    constant = parts[parts["feature"] == "pages_per_visit"]
    assert constant["contribution"].abs().max() < 1e-9
    assert result(output_dir, "segments.parquet")["segment"].notna().all()


# --- parameters ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        pytest.param(
            {"modeling": {"model": "svc"}},
            ["one_click.modeling is read by no node", "did you mean one_click.modelling?"],
            id="misspelt block",
        ),
        pytest.param(
            {"modelling": {"modle": "svc"}},
            ["one_click.modelling", "modle", "Extra inputs are not permitted"],
            id="misspelt key",
        ),
        pytest.param(
            {"modelling": {"model": "oracle"}}, ["one_click.modelling", "model"], id="unknown model"
        ),
        pytest.param(
            {"modelling": {"folds": 1}},
            ["one_click.modelling", "folds", "greater than"],
            id="value out of range",
        ),
        pytest.param(
            {"data_processing": {"outlier": {"ratio": 0.5}}},
            ["one_click.data_processing", "outlier.ratio", "greater than 1"],
            id="value out of range in the intake",
        ),
        pytest.param(
            {"data_processing": {"orphans": "quarantine"}},
            ["one_click.data_processing", "orphans", "Extra inputs are not permitted"],
            id="misspelt key in the intake",
        ),
    ],
)
def test_wrong_parameters_are_refused_before_any_node(
    run_pipeline: Run, tmp_path: Path, block: dict[str, Any], parts: list[str]
) -> None:
    # Given no raw files either: the first node would complain of them
    with pytest.raises(click.ClickException) as error:
        run_pipeline("segmentation", tmp_path / "nowhere", tmp_path / "output", one_click=block)

    message = error.value.message
    assert [part for part in parts if part not in message] == []
    assert "the file is missing" not in message
    assert not (tmp_path / "output").exists()


def test_wrong_parameters_are_told_all_at_once(run_pipeline: Run, tmp_path: Path) -> None:
    block = {
        "modeling": {"model": "svc"},
        "modelling": {"folds": 1},
        "data_processing": {"outlier": {"ratio": 0.5}},
    }

    with pytest.raises(click.ClickException) as error:
        run_pipeline("segmentation", tmp_path / "nowhere", tmp_path / "output", one_click=block)

    for part in ("one_click.modeling is read by no node", "folds", "outlier.ratio"):
        assert part in error.value.message


# --- the real command line -------------------------------------------------------------------


def kedro_run(root: Path, *params: str) -> subprocess.CompletedProcess[str]:
    """Run the segments in the environment ``test`` as a user would type it."""
    command = [sys.executable, "-m", "kedro", "run", "--pipelines", "segmentation", "--env", "test"]
    return subprocess.run(
        [*command, "--params", ",".join(params)],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root / "src"), "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_command_line_ends_in_one_message(
    root: Path, raw_folder: RawFolder, tmp_path: Path
) -> None:
    raw_dir, output_dir = raw_folder(), tmp_path / "output"
    set_cells("market_money.csv", "Выручка", {8: "много"})(raw_dir / "one_click")
    unlink("money.csv")(raw_dir / "one_click")

    run = kedro_run(root, f"raw_dir={raw_dir}", f"output_dir={output_dir}")

    assert run.returncode != 0
    message = run.stderr[run.stderr.index("The input has") :].strip()
    problems = problems_of(message)
    assert problems[0].startswith(
        f"{raw_dir}/one_click/market_money.csv, column 'Выручка': 1 row(s) are not a number: "
        "row 8 'много'"
    )
    assert problems[1].startswith(f"{raw_dir}/one_click/money.csv: the file is missing")
    assert len(problems) == 2
    assert "Traceback" not in run.stdout + run.stderr
    assert not output_dir.exists()


def test_command_line_refuses_a_misspelt_block(root: Path, tmp_path: Path) -> None:
    run = kedro_run(root, "one_click.modeling.model=svc", f"output_dir={tmp_path / 'output'}")

    assert run.returncode != 0
    assert "one_click.modeling is read by no node; did you mean one_click.modelling?" in run.stderr
    assert "Running node" not in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert not (tmp_path / "output").exists()

"""The page of the benchmarks: figures, verdicts, sections that keep their text."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import report, spark_section, speed_section
from benchmarks.contenders import scheme
from benchmarks.growth import exponent, figure_of, growth, ratio
from benchmarks.measure import measured
from benchmarks.speed_figure import make_figure

SAME = {"rows": 100, "lacking": 0, "customer_id": 1.0, "monetary": 1.0}


def contender(wall: float, peak: float = 100, **more: Any) -> dict[str, Any]:
    found = {"failed": "", "runs": 3, "wall": wall, "cpu": wall * 2, "peak": peak, "note": {}}
    return found | more


def result(lines: int, net: float) -> dict[str, Any]:
    return {
        "lines": lines,
        "customers": lines // 92,
        "date": "2026-01-02",
        "caps": {"seconds": 900, "memory_share": 0.6, "slow": 60},
        "machine": {"processor": "X", "cores": 2, "memory_gb": 8, "system": "Linux"},
        "versions": {"python": "3.11", "duckdb": "1.5"},
        "contenders": {
            "empty": contender(4),
            "ours": contender(4 + net),
            "ours_bounded": contender(4 + net, 900, agreement=SAME),
            "bare": contender(0.1),
            "scan": contender(net / 4),
            "duckdb_sql": contender(net / 1.05, agreement=SAME),
            "polars": contender(net / 1.2, agreement=SAME | {"monetary": 0.9}),
            "pandas": {"failed": "stopped at 4,000 MB"},
        },
    }


@pytest.fixture
def results() -> list[dict[str, Any]]:
    return [result(500_000, 0.2), result(5_000_000, 1.0), result(50_000_000, 10.0)]


def test_the_exponent_of_a_power_law_is_found() -> None:
    sizes = [1e5, 1e6, 1e7]

    assert exponent(sizes, [3 * size**1.2 for size in sizes]) == pytest.approx(1.2)


@pytest.mark.parametrize("times", [[1.0, 0.0], [1.0, -2.0]])
def test_a_time_that_is_not_above_zero_has_no_exponent(times: list[float]) -> None:
    assert exponent([1e5, 1e6], times) is None


def test_one_size_has_no_exponent() -> None:
    assert exponent([1e6], [2.0]) is None


def test_net_is_the_run_less_an_empty_run(results: list[dict[str, Any]]) -> None:
    assert figure_of(results[2], "ours_net", "wall") == pytest.approx(10)
    assert ratio(results[2], "ours_net", "duckdb_sql") == pytest.approx(1.05)
    assert growth(results, "ours_net", least=5_000_000) == pytest.approx(1)


def test_a_contender_that_failed_has_no_figure(results: list[dict[str, Any]]) -> None:
    assert figure_of(results[0], "pandas", "wall") is None
    assert growth(results, "pandas") is None
    assert ratio(results[0], "ours_net", "pandas") is None


def test_the_section_says_what_is_reached_and_what_is_missed(
    results: list[dict[str, Any]],
) -> None:
    text = speed_section.targets(results)

    assert "| net / raw DuckDB SQL | 1.05 | 1.05 | at most 1.1 | reached |" in text
    assert "| net / Polars | 1.20 | 1.20 | aim 1.0 | **missed** |" in text
    assert "| 900 MB |  | under 1.5 GB | reached |" in text


def test_targets_are_judged_at_fifty_million_lines_only(results: list[dict[str, Any]]) -> None:
    text = speed_section.targets(results[:2])

    assert "| net / raw DuckDB SQL | 1.05 | 1.05 | at most 1.1 | not measured |" in text
    assert "make bench-large" in text


def test_a_contender_that_was_stopped_says_why(results: list[dict[str, Any]]) -> None:
    assert "| pandas notebook | stopped at 4,000 MB |" in speed_section.table(results[0])


def test_agreement_names_what_differs() -> None:
    assert "all 100 rows equal" in speed_section.agreement("duckdb_sql", SAME)
    off = speed_section.agreement("polars", SAME | {"monetary": 0.9, "lacking": 3})
    assert off == "monetary differs in 10.0%; 3 customers are in one of the two only"
    rare = speed_section.agreement("polars", SAME | {"monetary": 0.99999})
    assert rare == "monetary differs in under 0.1%"


def test_the_page_holds_every_size_and_the_machine(
    results: list[dict[str, Any]], tmp_path: Path
) -> None:
    for each in results:
        (tmp_path / f"results_{each['lines']}.json").write_text(json.dumps(each))

    text = report.page(tmp_path, sections=report.SECTIONS[:1])

    assert text.startswith("# Speed and memory\n")
    for size in ("0.5", "5", "50"):
        assert f"| {size} million lines, " in text
    assert "Measured on 2026-01-02: X, 2 cores, 8 GB, Linux; python 3.11, duckdb 1.5." in text
    assert "\n\n\n" not in text


def test_a_section_without_figures_keeps_its_text_or_names_its_command(tmp_path: Path) -> None:
    kept = "# Old top\n\n<!-- section: speed -->\n## Old\n\nkept\n\n<!-- section: gone -->\nlost\n"

    assert report.page(tmp_path, kept, report.SECTIONS[:1]).endswith("## Old\n\nkept\n")
    assert "`make bench` does it" in report.page(tmp_path, "", report.SECTIONS[:1])


def test_a_section_of_one_file_is_given_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made_up_section.py").write_text(
        "def section(found):\n    return f'## Made up\\n\\n{found[\"a\"]}'\n"
    )
    (tmp_path / "made_up.json").write_text('{"a": 5}')
    monkeypatch.syspath_prepend(tmp_path)
    asked = report.Section("made_up", "Made up", "made_up_section", "made_up.json", "make it")

    text = report.page(tmp_path, sections=[asked])

    assert text.endswith("<!-- section: made_up -->\n## Made up\n\n5\n")


def test_the_figure_has_a_line_for_each_contender_that_ended(
    results: list[dict[str, Any]],
) -> None:
    names = [trace.name for trace in make_figure(results).data]

    assert names[0] == "this project, less an empty run"
    assert "pandas notebook" not in names


def test_a_process_is_measured_with_its_children(tmp_path: Path) -> None:
    child = "import time; x = bytearray(60_000_000); t = time.process_time()\n" \
            "while time.process_time() - t < 0.2: pass"  # fmt: skip
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"

    run = measured([sys.executable, "-S", "-c", parent], tmp_path, os.environ)

    assert run.failed == ""
    assert run.cpu > 0.2
    assert run.peak > 60
    assert run.wall > 0.2


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    run = measured([sys.executable, "-S", "-c", "raise ValueError('no')"], tmp_path, os.environ)

    assert run.failed == "ended with 1: ValueError: no"


def test_a_process_that_reaches_a_cap_is_ended(tmp_path: Path) -> None:
    code = "x = bytearray(10**8)\nwhile True: pass"
    start = [sys.executable, "-S", "-c", code]

    assert measured(start, tmp_path, os.environ, seconds=0.2).failed == "stopped after 0 s"
    assert measured(start, tmp_path, os.environ, megabytes=50).failed == "stopped at 50 MB"


def test_the_scheme_of_contenders_gives_the_breaks_and_the_last_day_in_a_class() -> None:
    boxes = {
        "new": {"label": {"ru": "н", "en": "New"}, "boxes": [{"r": [2, 3]}]},
        "old": {"label": {"ru": "с", "en": "Old"}, "boxes": [{"r": [1]}]},
    }
    stated = {"method": "business", "values": [2, 3.5]}
    breaks = {"recency": {"method": "quantile"}, "frequency": {"method": "quantile"}}
    task = scheme.Task("", "2011-12-09", 3, breaks | {"monetary": stated}, boxes, "")

    codes = {row["rfm_code"]: row for row in task.codes([10, 30])}

    assert task.shares("recency") == pytest.approx([1 / 3, 2 / 3])
    assert task.limits("recency", [10.5, 30.0]) == [10, 30]
    assert task.limits("frequency", [1.0, 3.0]) == [2, 4]
    assert task.limits("monetary", []) == [200, 350]
    assert len(codes) == 27
    assert codes["311"]["last_day"] == codes["211"]["last_day"] == 30
    assert codes["111"]["last_day"] is None


def road(lines: int, *engines: str, differences: tuple[str, ...] = ()) -> dict[str, Any]:
    run = {"wall": 100.0, "peak": 1500.0, "load": 0.5, "date": "2026-01-02"}
    walls = {"duckdb": 100.0, "bounded": 150.0, "spark": 1200.0}
    said = {"files": 99, "differences": list(differences)}
    pairs = {"duckdb and spark": "spark", "duckdb and bounded": "bounded"}
    return {
        "lines": lines,
        "customers": lines // 92,
        "memory_limit": "1GB",
        "runs": {name: run | {"wall": walls[name]} for name in engines},
        "compared": {pair: said for pair, name in pairs.items() if name in engines},
        "machine": {"cores": 2},
    }


def test_whole_roads_are_listed_by_size_with_what_differs() -> None:
    found = {
        "road_50000000": road(50_000_000, "bounded") | {"compared": {}},
        "road_5000000": road(5_000_000, "duckdb", "spark", differences=("rfm.parquet: r",)),
    }

    page = spark_section.section(found)

    assert "| 5 million, 54,347 customers | Spark, `local[*]` | 1,200 | – | 0.5 |" in page
    assert "| DuckDB, `memory_limit=1GB` | 150 | 1,500 |" in page
    assert page.index("| 5 million") < page.index("| 50 million")
    assert "takes 12.0 times as long" in page
    assert "of 99 files that both write, 1 difference(s): rfm.parquet: r" in page


def test_road_on_one_engine_alone_has_no_ratio() -> None:
    page = spark_section.section({"road_5000000": road(5_000_000, "duckdb", "bounded")})

    assert "times as long" not in page
    assert "not one differs" in page

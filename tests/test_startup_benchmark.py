"""What the benchmark of start-up makes of its figures."""

from typing import Any

import pytest

from benchmarks.startup import LAZY, import_costs, summary
from benchmarks.startup_section import WHAT, section

PRINTED = """import time: self [us] | cumulative | imported package
import time:      1000 |       1000 |     numpy.linalg
import time:     20000 |      21000 |   numpy
12:00:00 INFO    a line of the log
import time:      4000 |      25000 | pandas
import time:       500 |        500 | json.decoder
import time:       700 |        700 | textwrap
"""


@pytest.fixture
def found() -> dict[str, Any]:
    one = {"wall": 2.0, "cpu": 1.5, "peak": 150.0}
    return {
        "machine": {"system": "Linux", "machine": "x86_64", "cores": 2, "versions": {"kedro": "1"}},
        "runs": 5,
        "fewer": 3,
        "commands": {name: one | {"walls": [2.0]} for name in WHAT} | {"bare": one | {"wall": 0.5}},
        "viz": {"wall": 9.0, "walls": [9.0]},
        "imports": {"pandas": 0.2, "numpy": 0.1, "small": 0.004, "tiny": 0.001},
        "lazy": {name: {"alone": 0.5, "added": 0.2} for name in LAZY} | {"shap": None},
        "suite": None,
    }


def test_packages_count_their_own_modules_alone() -> None:
    costs = import_costs(PRINTED)

    assert costs == pytest.approx({"numpy": 0.021, "pandas": 0.004, "standard library": 0.0012})
    assert list(costs) == ["numpy", "pandas", "standard library"]


def test_medians_are_of_each_figure_and_walls_are_kept() -> None:
    runs = [{"wall": wall, "cpu": cpu} for wall, cpu in ((3.0, 1.0), (1.0, 3.0), (2.0, 2.5))]

    assert summary(runs) == {"wall": 2.0, "cpu": 2.5, "walls": [3.0, 1.0, 2.0]}


def test_section_sets_every_command_beside_a_bare_project(found: dict[str, Any]) -> None:
    text = section(found)

    assert text.startswith("## Start-up\n")
    assert "| empty `kedro run` | 2.00 s | 4.0 | 1.50 s | 150 MB |" in text
    assert "until the page answers | 9.00 s | 18.0 | | |" in text


def test_section_sums_up_small_imports_and_shares_what_is_saved(found: dict[str, Any]) -> None:
    text = section(found)

    assert "| numpy | 100 ms |\n| 2 others | 5 ms |" in text
    assert "305 ms in all" in text.replace("\n", " ")
    assert "| catboost | 500 ms | 200 ms | 10% |" in text


def test_section_says_what_was_not_measured(found: dict[str, Any]) -> None:
    text = section(found | {"viz": None})

    assert "| shap | not installed | | |" in text
    assert "| `make test-fast` | not measured (`--suite`) | | | |" in text
    assert "kedro viz" not in text


def test_section_says_how_long_the_tests_took(found: dict[str, Any]) -> None:
    suite = {"wall": 372.4, "cpu": 700.0, "peak": 900.0, "tests": 1900}

    assert "1900 tests in 2 processes | 372 s | | 12 min | |" in section(found | {"suite": suite})

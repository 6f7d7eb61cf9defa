"""Fixtures that tests of all stages share: paths, configuration, raw files and runs."""

from __future__ import annotations

# Before numpy is loaded: tests run side by side, and the threads of one would stall another.
import os

os.environ |= {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kedro.config import OmegaConfigLoader

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.data_processing.params import IntakeOptions
from personal_offers.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "01_raw" / "one_click"
REAL_DATA = ROOT.parent / "shared" / "data"
OF_THE_LAST_RUN = [ROOT / ".viz" / name for name in ("stats.json", "kedro_pipeline_events.json")]
_LAST_RUN = pytest.StashKey[dict[Path, bytes | None]]()
ORDER_LINE_RUNS = (
    "test_clusters_and_interests",
    "test_decline_risk_over_time",
    "test_notebooks",
    "test_offers",
    "test_order_line_shops",
    "test_reports",
)


def process_group(nodeid: str) -> str:
    """Say which tests run in one process, where several run: those that share costly fixtures.

    Args:
        nodeid: Address of a test.

    Returns:
        The file, except that the files on order lines share one run of the sample and another
        of the real shops, that those of tests/spark share one Spark, and that a run on the real
        tables of one_click may go beside others.
    """
    file, _, test = nodeid.partition("::")
    if test.endswith("_on_the_real_shop"):
        return nodeid
    if Path(file).stem in ORDER_LINE_RUNS:
        return "real order lines" if test.startswith("TestRealShops::") else "order lines"
    if Path(file).parent.name == "spark":
        return "spark"
    return file


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remember what the graph shows of the last run, which runs in tests would replace."""
    if not hasattr(session.config, "workerinput"):  # once, where tests run side by side
        session.config.stash[_LAST_RUN] = {
            path: path.read_bytes() if path.is_file() else None for path in OF_THE_LAST_RUN
        }


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Give the graph its last run back."""
    for path, content in session.config.stash.get(_LAST_RUN, {}).items():
        if content is not None:
            path.write_bytes(content)
        elif path.is_file():
            path.unlink()


@pytest.hookimpl(optionalhook=True)  # pytest works without pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Deal the tests to processes by ``process_group``."""
    from xdist.scheduler import LoadFileScheduling

    class GroupScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return process_group(nodeid)

    return GroupScheduling(config, log)


@pytest.fixture(scope="session")
def root() -> Path:
    """Folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real tables, one folder per shop, as ``raw_dir`` wants it."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"the real tables are not here: no folder {REAL_DATA}")
    return REAL_DATA


@pytest.fixture(scope="session", autouse=True)
def _no_telemetry() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DO_NOT_TRACK", "1")
        yield


@pytest.fixture(scope="session")
def parameters() -> dict[str, Any]:
    """All parameters of conf/base: shop, then stage."""
    loader = OmegaConfigLoader(
        conf_source=str(ROOT / "conf"),
        **CONFIG_LOADER_ARGS | {"default_run_env": "base"},  # not what lies in conf/local
    )
    return loader["parameters"]


@pytest.fixture(scope="session")
def intake_options(parameters: dict[str, Any]) -> Callable[[str], IntakeOptions]:
    """Intake options of a shop as conf/base has them."""
    return lambda shop: IntakeOptions.model_validate(parameters[shop]["data_processing"])


@pytest.fixture(scope="session")
def registry(parameters: dict[str, Any]) -> FeatureRegistry:
    """Feature registry of one_click as conf/base has it."""
    return FeatureRegistry.model_validate(parameters["one_click"]["feature_registry"])


@pytest.fixture
def raw_folder(tmp_path: Path) -> Callable[[], Path]:
    """Make a fresh copy of the committed sample that a test may spoil; gives its raw_dir."""
    made: list[Path] = []

    def copy() -> Path:
        raw_dir = tmp_path / f"raw_{len(made)}"
        shutil.copytree(SAMPLE, raw_dir / "one_click")
        made.append(raw_dir)
        return raw_dir

    return copy


@pytest.fixture(scope="session")
def _project() -> None:
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(ROOT)


@pytest.fixture
def run_pipeline(_project: None, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run a registered pipeline in the environment ``test``, away from the project's data."""
    from kedro.framework.session import KedroSession

    def run(
        name: str,
        raw_dir: Path,
        output_dir: Path,
        *,
        namespaces: tuple[str, ...] | None = None,
        **runtime_params: Any,
    ) -> dict[str, Any]:
        ends = {"raw_dir": str(raw_dir), "output_dir": str(output_dir)}
        with KedroSession.create(
            project_path=tmp_path,
            conf_source=str(ROOT / "conf"),
            env="test",
            runtime_params=ends | runtime_params,
        ) as session:
            return session.run(pipeline_names=[name], namespaces=namespaces)

    return run

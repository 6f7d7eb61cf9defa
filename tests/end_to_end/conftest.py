"""Runs of the shops of order lines that tests of several files share; tests only read them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.session import KedroSession

from tests.end_to_end.offer_runs import (
    ONE_CLICK,
    ORDER_LINES,
    PLAN_DATE,
    SMALL,
    Plan,
    merged,
    saved,
)

SHOPS = ("gift_shop", "home_goods")
FILES = {"gift_shop": "online_retail.csv.gz", "home_goods": "ecom_dataset_upd.csv"}
HERE = Path(__file__).parent
Run = Callable[..., None]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure no coverage here, neither in tests nor in the fixtures that run whole pipelines.

    Tracing takes as long again as the run, most of it inside libraries, and whole runs would hide
    which lines no test of their own looks at.
    """
    plugin = item.config.pluginmanager.getplugin("_cov")
    controller = getattr(plugin, "cov_controller", None)  # None without --cov
    # Pytest asks this hook for the tests of other folders too.
    if controller is None or not item.path.is_relative_to(HERE):
        return (yield)
    controller.pause()
    try:
        return (yield)
    finally:
        controller.resume()


@pytest.fixture(scope="session")
def run(_project: None, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the segments of some shops as ``kedro run --namespaces`` does."""

    def run(
        raw_dir: Path,
        output_dir: Path,
        *shops: str,
        parameters: dict[str, Any] | None = None,
        to: tuple[str, ...] = (),
        tags: tuple[str, ...] = (),
        env: str = "test",
    ) -> None:
        ends = {"raw_dir": str(raw_dir), "output_dir": str(output_dir)}
        with KedroSession.create(
            project_path=tmp_path_factory.mktemp("project"),
            conf_source=str(root / "conf"),
            env=env,
            runtime_params=ends | (parameters or {}),
        ) as session:
            session.run(
                pipeline_names=["segmentation"],
                namespaces=list(shops),
                tags=tags,
                to_outputs=[f"{shop}.{name}" for shop in shops for name in to] or None,
            )

    return run


@pytest.fixture(scope="session")
def sample(_project: None, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed sample; where it is not committed, what ``sample_data`` writes."""
    raw_dir = root / "data" / "01_raw"
    if all((raw_dir / shop / FILES[shop]).is_file() for shop in SHOPS):
        return raw_dir
    folder = tmp_path_factory.mktemp("sample")
    with KedroSession.create(
        project_path=folder,
        conf_source=str(root / "conf"),
        env="base",
        runtime_params={"output_dir": str(folder)},
    ) as session:
        session.run(pipeline_names=["sample_data"])
    return folder / "01_raw"


@pytest.fixture(scope="session")
def output(run: Run, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one run on the sample wrote; tests only read it."""
    output_dir = tmp_path_factory.mktemp("output")
    run(sample, output_dir, *SHOPS)
    return output_dir


@pytest.fixture(scope="session")
def real(run: Run, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run on the real files wrote, with the default model but nothing to compare it with."""
    output_dir = tmp_path_factory.mktemp("real")
    faster = {
        "modelling": {"repeats": 1, "bootstrap": 100, "candidates": {"models": []}},
        "reasons": {"most_customers": 100, "sample": 50, "stability_seeds": 0},
        "rfm": {"comparison": {"bootstrap": 50}},
        "decision": {"bootstrap": 100},
        # The one method that passes, as often resampled as by default: the figures are the same.
        "clusters": {"methods": ["kmeans"]},
        "categories": {"check": {"resamples": 2}},
        "interests": {"bootstrap": 200, "halvings": 2},
        "views": {"resamples": 50},
    }
    run(real_data, output_dir, *SHOPS, parameters=dict.fromkeys(SHOPS, faster), env="base")
    return output_dir


@pytest.fixture(scope="session")
def plan(_project: None, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Run the offers of some shops as ``kedro run`` does, the stage alone unless told."""

    def run(
        output_dir: Path,
        *shops: str,
        parameters: dict[str, Any] | None = None,
        raw_dir: Path | None = None,
        tags: Iterable[str] | None = ("offers",),
        to: Iterable[str] | None = None,
        env: str = "test",
    ) -> None:
        ends = {"output_dir": str(output_dir)} | ({"raw_dir": str(raw_dir)} if raw_dir else {})
        dated = {shop: {"offers": {"plan_date": PLAN_DATE}} for shop in shops}
        with KedroSession.create(
            project_path=tmp_path_factory.mktemp("project"),
            conf_source=str(root / "conf"),
            env=env,
            runtime_params=merged(ends | dated, parameters or {}),
        ) as session:
            session.run(pipeline_names=["offers"], namespaces=list(shops), tags=tags, to_outputs=to)

    return run


@pytest.fixture(scope="session")
def one_click(plan: Plan, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the whole way from raw files to offers wrote for the first shop; only read."""
    folder = tmp_path_factory.mktemp("one_click")
    raw_dir = root / "data" / "01_raw"
    plan(folder, ONE_CLICK, parameters={ONE_CLICK: SMALL}, raw_dir=raw_dir, tags=None)
    return folder


@pytest.fixture(scope="session")
def order_lines(plan: Plan, output: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stage wrote for the shops of order lines, consent not confirmed; only read."""
    folder = saved(output, tmp_path_factory.mktemp("order_lines"), *ORDER_LINES)
    plan(folder, *ORDER_LINES)
    return folder

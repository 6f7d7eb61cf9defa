"""What a run shows while it runs."""

import io
import logging
import sys

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline

from personal_offers.progress import steps
from personal_offers.run_progress import ProgressHook


def work() -> int:
    return len(list(steps("ab", "fits", 2)))


NODES = [Node(work, None, f"result_{n}", name=f"work_{n}") for n in range(2)]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(hook: ProgressHook) -> None:
    hook.before_pipeline_run(Pipeline(NODES))
    for node in NODES:
        hook.before_node_run(node)
        node.run({})
        hook.after_node_run(node)
    hook.after_pipeline_run(Pipeline(NODES), DataCatalog())


def test_without_a_terminal_there_is_a_line_for_every_node(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="personal_offers")
    monkeypatch.setattr(sys, "stdout", io.StringIO())

    run(ProgressHook())

    assert [m for m in caplog.messages if " of 2: " in m] == ["1 of 2: work_0", "2 of 2: work_1"]


def test_a_terminal_has_a_bar_below_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    handler = logging.StreamHandler(sys.stdout)
    monkeypatch.setattr(logging.root, "handlers", [handler])
    logging.getLogger("personal_offers").setLevel(logging.INFO)

    run(ProgressHook())

    shown = sys.stdout.getvalue()  # type: ignore[attr-defined]
    assert "work_1" in shown
    assert "2/2" in shown
    assert "fits: 1 of 2" not in shown  # a bar and no line
    assert handler.stream is sys.stdout
    assert handler.filters == []


def test_a_failed_run_leaves_the_terminal_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    handler = logging.StreamHandler(sys.stdout)
    monkeypatch.setattr(logging.root, "handlers", [handler])
    hook = ProgressHook()

    hook.before_pipeline_run(Pipeline(NODES))
    hook.on_pipeline_error()

    assert handler.stream is sys.stdout
    assert sys.stdout.getvalue().endswith("\x1b[2K")  # type: ignore[attr-defined]

"""What a run shows while it runs: in a terminal a bar, elsewhere a line for every node."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from personal_offers.progress import Sparse
from personal_offers.run_summary import summary_lines

if TYPE_CHECKING:
    from rich.progress import Progress

logger = logging.getLogger(__name__)

# A node that took so many seconds is worth a line when it ends.
_LONG = 5.0


class ProgressHook:
    """Show what runs, how far it is, and at the end what came out and what to do next."""

    def __init__(self) -> None:
        """Start without a run."""
        self._bar: _Bar | None = None
        self._filter = Sparse()
        self._done, self._total, self._started = 0, 0, 0.0

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Count what is to do."""
        self._done, self._total = 0, len(pipeline.nodes)
        if sys.stdout.isatty():
            self._bar = _Bar(self._total)
        else:
            for handler in logging.root.handlers:
                if self._filter not in handler.filters:
                    handler.addFilter(self._filter)

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Say which node runs."""
        self._done += 1
        self._started = time.monotonic()
        name = " · ".join(node.name.split("."))
        if self._bar:
            self._bar.start(name)
        else:
            logger.info("%d of %d: %s", self._done, self._total, name)

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Say how long it took, where that was long."""
        seconds = time.monotonic() - self._started
        if self._bar:
            self._bar.advance()
        if seconds >= _LONG:
            logger.info("  %s took %.0f s", node.name.rpartition(".")[2], seconds)

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Leave the terminal as it was."""
        self._stop()

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Sum up: rows, money, files, next step."""
        self._stop()
        for line in summary_lines(pipeline, catalog):
            logger.info("%s", line)

    def _stop(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None
        for handler in logging.root.handlers:
            handler.removeFilter(self._filter)


class _Bar:
    """A bar over the nodes and one over the steps of a long node, below the lines of the log."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.file_proxy import FileProxy

        console = Console(file=sys.stdout)
        self._progress = self._made(console)
        self._nodes = self._progress.add_task("", total=total)
        self._steps = self._progress.add_task("", total=None, visible=False)
        self._watch = _Steps(self)
        self._lines = [
            each
            for each in logging.root.handlers
            if isinstance(each, logging.StreamHandler) and each.stream is sys.stdout
        ]
        self._stdout = sys.stdout
        self._progress.start()
        proxy = FileProxy(console, sys.stdout)
        for handler in self._lines:
            handler.addFilter(self._watch)
            handler.setStream(proxy)

    @staticmethod
    def _made(console: Any) -> Progress:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TimeElapsedColumn())
        text = TextColumn("{task.description}", markup=False)
        return Progress(*columns, text, console=console, transient=True, redirect_stdout=False)

    def start(self, name: str) -> None:
        """Show the name of the node that runs."""
        self._progress.update(self._nodes, description=name)

    def step(self, what: str, done: int, total: int) -> None:
        """Show how far that node is."""
        self._progress.update(
            self._steps, description=what, completed=done, total=total, visible=True
        )

    def advance(self) -> None:
        """Count one more node."""
        self._progress.advance(self._nodes)
        self._progress.update(self._steps, visible=False)

    def stop(self) -> None:
        """Take the bars away and give the log its terminal back."""
        self._progress.stop()
        for handler in self._lines:
            handler.removeFilter(self._watch)
            handler.setStream(self._stdout)


class _Steps(logging.Filter):
    """Turn records about progress into the bar."""

    def __init__(self, bar: _Bar) -> None:
        super().__init__()
        self._bar = bar

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the lines that are no steps."""
        if not hasattr(record, "done"):
            return True
        what = record.getMessage().strip().partition(":")[0]
        self._bar.step(what, record.done, record.total)  # type: ignore[attr-defined]
        return False

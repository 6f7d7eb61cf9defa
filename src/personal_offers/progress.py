"""How far a long node is: told by the node, shown by whoever watches.

Nodes say ``steps(tasks, "fits")`` and know nothing of terminals or clocks. Each step is a record
of the log; ``Sparse`` lets a line through now and then, and a terminal makes a bar of them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

logger = logging.getLogger(__name__)
_T = TypeVar("_T")


def steps(tasks: Iterable[_T], what: str, total: int) -> Iterator[_T]:
    """Pass on tasks and tell after each how far the work is.

    Args:
        tasks: What is worked through, lazily.
        what: What is counted, in the plural: ``fits``.
        total: How many there are.

    Yields:
        The same tasks in the same order.
    """
    for done, task in enumerate(tasks, start=1):
        yield task
        logger.info("  %s: %d of %d", what, done, total, extra={"done": done, "total": total})


class Sparse(logging.Filter):
    """Let a line about progress through every few seconds, and all other lines always."""

    def __init__(self, seconds: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without having let anything through.

        Args:
            seconds: That lie between two lines at least.
            clock: Returns seconds.
        """
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._last = clock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is shown."""
        if not hasattr(record, "done"):
            return True
        now = self._clock()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True

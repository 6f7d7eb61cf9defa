"""One command, measured as a whole process: wall time, processor time, peak memory.

The kernel counts (``wait4``): processor time of the process and of every child that it waited for,
and the largest resident memory of any of them. The peak of a process begins with that of the
process that starts it, so this module and whoever calls it load nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1024  # ru_maxrss is in kilobytes on Linux
TURN = 0.1  # seconds between looks at a process that may not grow beyond its cap
SAID = 4000  # characters of the output that are kept


@dataclass(frozen=True)
class Run:
    """What one run of a command cost.

    Attributes:
        wall: Seconds from start to end.
        cpu: Seconds of all processors, children included.
        peak: Largest resident memory (MB) of the process or of any child.
        failed: Why it did not end well; empty where it did.
        said: The end of what it printed.
    """

    wall: float
    cpu: float
    peak: float
    failed: str
    said: str


def measured(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    seconds: float = 3600,
    megabytes: float = float("inf"),
) -> Run:
    """Run a command to its end, or until it reaches a cap.

    Args:
        command: Program and arguments.
        folder: Where it runs.
        environment: Its variables.
        seconds: Wall time after which it is ended.
        megabytes: Resident memory at which it is ended.

    Returns:
        Its cost.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        stopped: list[str] = []
        ended = threading.Event()
        watch = threading.Thread(
            target=_watch, args=(process.pid, seconds, megabytes, ended, stopped)
        )
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        ended.set()
        watch.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0, os.SEEK_END)
        output.seek(max(0, output.tell() - SAID))
        said = output.read()
    failed = stopped[0] if stopped else ""
    if process.returncode and not failed:
        lines = said.strip().splitlines() or ["nothing was printed"]
        failed = f"ended with {process.returncode}: {lines[-1]}"
    cpu = usage.ru_utime + usage.ru_stime
    return Run(wall, cpu, usage.ru_maxrss / MEGABYTE, failed, said)


def _watch(
    process: int,
    seconds: float,
    megabytes: float,
    ended: threading.Event,
    stopped: list[str],
) -> None:
    """End a process that reaches a cap, and say which."""
    deadline = time.monotonic() + seconds
    while not ended.wait(TURN):
        reason = ""
        if time.monotonic() > deadline:
            reason = f"stopped after {seconds:,.0f} s"
        elif _resident(process) > megabytes:
            reason = f"stopped at {megabytes:,.0f} MB"
        if reason:
            stopped.append(reason)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)
            return


def _resident(process: int) -> float:
    """Return the resident memory (MB) of a process; 0 where it is gone."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

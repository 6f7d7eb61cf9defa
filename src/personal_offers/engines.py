"""The engine that computes the tables: DuckDB, or Spark by ``--env spark``.

Nodes never see which one it is. What the engines read differently is settled here and in
spark_engine.py, once, so that one expression means the same on both.
"""

from __future__ import annotations

import contextlib
import re
import uuid
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.io import DatasetError

ENGINES = ("duckdb", "spark")
_SIZE = re.compile(r"[0-9]+(\.[0-9]+)? ?[KMGT]i?B", re.IGNORECASE)


def connect(config: Mapping[str, Any]) -> Any:
    """Connect to the engine of a run.

    Args:
        config: The block ``_connection`` of the catalog: engine; for DuckDB memory_limit (text
            such as ``2GB``, null: 80% of the machine), spill_folder (null: DuckDB's own choice)
            and threads (null: all cores); for Spark spark_master and spark_settings. What is
            missing is null; the settings of the other engine are not looked at.

    Returns:
        The Ibis backend; DuckDB in memory, with what does not fit in a folder of its own in the
        spill folder, which DuckDB takes away at the end.

    Raises:
        DatasetError: Naming every setting that cannot be used.
    """
    problems = connection_problems(config)
    if problems:
        raise DatasetError("\n".join(["The engine cannot be started.", *problems]))
    if config.get("engine") == "spark":
        from personal_offers.spark_engine import start_spark

        return start_spark(config.get("spark_master"), config.get("spark_settings") or {})
    import ibis

    settings = {
        "memory_limit": config.get("memory_limit"),
        "temp_directory": _own_folder(config.get("spill_folder")),
        "threads": config.get("threads"),
    }
    backend = ibis.duckdb.connect(**{k: v for k, v in settings.items() if v is not None})
    # Closed at the latest when Python ends, also by an error: only then is the spill taken away.
    weakref.finalize(backend, backend.con.close)
    return backend


def out_of_memory(error: BaseException | None) -> str | None:
    """Say what to do about a run that did not fit into the memory that DuckDB may use.

    Args:
        error: What ended the run, with its causes.

    Returns:
        The advice, with DuckDB's own words; None when the error is another one.
    """
    while error is not None and type(error).__name__ != "OutOfMemoryException":
        error = error.__cause__
    if error is None:
        return None
    said = str(error).splitlines()[0]
    return (
        f"DuckDB has too little memory or room in the spill folder ({said}). Raise the limit, take "
        "fewer threads (--params memory_limit=…,threads=1), name a larger disk "
        "(spill_folder=…), or run on Spark (--env spark)."
    )


def _own_folder(spill_folder: str | None) -> str | None:
    """Name a folder that no other run has: DuckDB names its files alike in each of them."""
    if spill_folder is None:
        return None
    with contextlib.suppress(OSError):  # DuckDB says so, if ever it needs the folder
        Path(spill_folder).mkdir(parents=True, exist_ok=True)
    return str(Path(spill_folder) / f"run_{uuid.uuid4().hex}")


def connection_problems(config: Mapping[str, Any]) -> list[str]:
    """Find settings of the engine that cannot be used.

    Args:
        config: As in ``connect``.

    Returns:
        One sentence for each; empty when all are well.
    """
    problems = []
    engine = config.get("engine") or "duckdb"
    if engine not in ENGINES:
        problems.append(f"- engine is {engine!r}; it is one of {', '.join(ENGINES)}")
    limit = config.get("memory_limit")
    if limit is not None and not (isinstance(limit, str) and _SIZE.fullmatch(limit.strip())):
        problems.append(f"- memory_limit is {limit!r}; write a size such as 2GB or 500MB")
    threads = config.get("threads")
    is_whole = isinstance(threads, int) and not isinstance(threads, bool)
    if threads is not None and not (is_whole and threads >= 1):
        problems.append(f"- threads is {threads!r}; write a whole number from 1")
    for name in ("spill_folder", "spark_master"):
        value = config.get(name)
        if value is not None and not (isinstance(value, str) and value.strip()):
            problems.append(f"- {name} is {value!r}; write a text")
    spill = config.get("spill_folder")
    if isinstance(spill, str) and spill.strip() and Path(spill).is_file():
        problems.append(f"- spill_folder is {spill!r}, which is a file; name a folder")
    return problems

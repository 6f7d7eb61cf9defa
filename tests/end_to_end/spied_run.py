"""A run on Spark in a process of its own, that counts the rows which leave Spark, node by node.

Usage: ``python -m tests.end_to_end.spied_run RAW OUTPUT PROJECT ROWS.json SHOP=PIPELINE…``.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.pipeline.node import Node

ROOT = Path(__file__).parents[2]
# All ways from a table on Spark into Python.
WAYS_OUT = ("collect", "toArrow", "toPandas", "take", "head", "toLocalIterator")


class Spy:
    """Counts the rows of every result that leaves Spark, by the node that asks for it."""

    def __init__(self) -> None:
        self.node = "before any node"
        self.rows: dict[str, int] = defaultdict(int)

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        self.node = node.name

    def watch(self, kind: type, name: str) -> None:
        method = getattr(kind, name)

        def spied(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            size = len(result) if hasattr(result, "__len__") else 1
            self.rows[self.node] = max(self.rows[self.node], size)
            return result

        setattr(kind, name, spied)


def main() -> None:
    """Run pipelines of some shops with the small settings."""
    from pyspark.sql.classic.dataframe import DataFrame

    raw_dir, output_dir, project, told, *asked = sys.argv[1:]
    spy = Spy()
    for name in WAYS_OUT:
        spy.watch(DataFrame, name)
    bootstrap_project(ROOT)
    for shop, _, pipeline in (each.partition("=") for each in asked):
        with KedroSession.create(
            project_path=Path(project),
            conf_source=str(ROOT / "conf"),
            env="test",
            runtime_params={"raw_dir": raw_dir, "output_dir": output_dir, "engine": "spark"},
        ) as session:
            session._hook_manager.register(spy)
            session.run(pipeline_names=[pipeline], namespaces=[shop])
    Path(told).write_text(json.dumps(spy.rows), encoding="utf-8")


if __name__ == "__main__":
    main()

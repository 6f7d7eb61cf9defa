"""What a benchmark of one size needs: the lines, the scheme of the scores, who takes part.

Apart from ``suite.py``, which must stay small (see ``measure.py``).

Usage: ``python -m benchmarks.prepare LINES FOLDER LINES_PER_CUSTOMER``; prints JSON.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PARAMETERS = ROOT / "conf" / "base" / "parameters_rfm.yml"
PACKAGES = ("kedro", "ibis-framework", "duckdb", "pandas", "numpy", "pyarrow")


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }  # fmt: skip


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def versions() -> dict[str, str]:
    """Return the versions of what the project itself runs on."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version()} | found


def scheme() -> dict[str, Any]:
    """Return how gift_shop scores and classes its customers, as configured."""
    import yaml

    asked = yaml.safe_load(PARAMETERS.read_text(encoding="utf-8"))["gift_shop"]["rfm"]
    found: dict[str, Any] = asked["schemes"][asked["scheme"]]
    return found


def main() -> None:
    """Make the lines and the scheme; print where they are."""
    from benchmarks.order_lines import write

    lines, folder, per_customer = int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    file = write(lines, folder, per_customer=per_customer)
    stated = folder / "scheme.json"
    stated.write_text(json.dumps(scheme(), ensure_ascii=False))
    era = json.loads((file.parent / "era.json").read_text())
    facts = {
        "file": str(file), "scheme": str(stated), "cutoff": era["cutoff"],
        "customers": era["customers"], "per_customer": per_customer, "orders": era["orders"],
        "file_mb": round(file.stat().st_size / 2**20, 1),
        "machine": machine(), "versions": versions(),
    }  # fmt: skip
    print(json.dumps(facts))


if __name__ == "__main__":
    main()

"""Environments of the peers, one for each list of requirements, under build/bench/peers."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def python_of(name: str, folder: Path) -> tuple[Path, str]:
    """Return the interpreter of a peer, made anew where its requirements have changed.

    Args:
        name: Of the list: requirements-NAME.txt beside this file.
        folder: Where environments are kept.

    Returns:
        The interpreter, and why there is none (empty where there is one).
    """
    wanted = HERE / f"requirements-{name}.txt"
    home = folder / name
    python, stamp = home / "bin" / "python", home / "requirements.sha256"
    made = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == made:
        return python, ""
    shutil.rmtree(home, ignore_errors=True)
    print(f"installing {name} into {home}", flush=True)
    for command in _commands(home, python, wanted):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason was given"]
            return python, f"cannot be installed: {lines[-1]}"
    stamp.write_text(made)
    return python, ""


def _commands(home: Path, python: Path, wanted: Path) -> list[list[str]]:
    """Return how an environment is made: with uv where it is installed, otherwise with pip."""
    if shutil.which("uv"):
        return [
            ["uv", "venv", "--quiet", "--python", sys.executable, str(home)],
            ["uv", "pip", "install", "--quiet", "--python", str(python), "-r", str(wanted)],
        ]
    quiet = ["--quiet", "--disable-pip-version-check"]
    return [
        [sys.executable, "-m", "venv", str(home)],
        [str(python), "-m", "pip", "install", *quiet, "-r", str(wanted)],
    ]

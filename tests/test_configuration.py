from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.config import AbstractConfigLoader, OmegaConfigLoader
from omegaconf import OmegaConf

from personal_offers import settings
from personal_offers.configuration import ConfigLoader

BASE: dict[str, Any] = {
    "_units": {"days": [30, 90]},
    "shop": {"unit": "${globals:currency}", "limits": [1.5, None, {"most": "${_units.days}"}]},
}


def loaders(folder: Path, files: Mapping[str, Any]) -> tuple[AbstractConfigLoader, ...]:
    """Write files; return Kedro's loader and ours over them."""
    for env in ("base", "local"):
        (folder / env).mkdir()
    for path, content in files.items():
        (folder / path).write_text(yaml.safe_dump(content), encoding="utf-8")
    return tuple(
        kind(str(folder), base_env="base", default_run_env="local", merge_strategy=strategy)
        for kind in (OmegaConfigLoader, ConfigLoader)
        for strategy in [settings.CONFIG_LOADER_ARGS["merge_strategy"]]
    )


@pytest.mark.parametrize(
    "local",
    [
        {},
        {"local/parameters.yml": {"shop": {"limits": [1]}, "other": {"new": 1}}},
        {"local/globals.yml": {"currency": "EUR"}},
    ],
    ids=["nothing", "parameters", "globals"],
)
def test_parameters_are_those_of_kedros_own_loader(tmp_path: Path, local: dict[str, Any]) -> None:
    # Given base, and what a user has written besides
    files = {"base/parameters.yml": BASE, "base/globals.yml": {"currency": "RUB"}} | local

    # When both loaders read them
    theirs, ours = (loader["parameters"] for loader in loaders(tmp_path, files))

    # Then they read the same, and what the user has written counts
    assert ours == theirs
    assert ours["shop"]["unit"] == ("EUR" if "local/globals.yml" in local else "RUB")
    assert ("other" in ours) == ("local/parameters.yml" in local)


def test_an_empty_environment_is_not_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given parameters in base alone, and a count of what OmegaConf merges with an environment
    _, ours = loaders(tmp_path, {"base/parameters.yml": BASE | {"shop": {}}})
    merged: list[tuple[Any, ...]] = []
    merge = OmegaConf.unsafe_merge

    def counted(*configs: Any) -> Any:
        merged.append(configs)
        return merge(*configs)

    monkeypatch.setattr(OmegaConf, "unsafe_merge", counted)

    # When they are read
    assert ours["parameters"]["shop"] == {}

    # Then only the files of base were laid together, with the parameters of the run
    assert len(merged) == 1


def test_the_project_reads_its_configuration_that_way() -> None:
    assert settings.CONFIG_LOADER_CLASS is ConfigLoader

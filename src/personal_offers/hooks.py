"""What happens around a run: unknown parameters are refused, bad input ends in one message."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import click
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from personal_offers.errors import InputError

# Read by the catalog (${runtime_params:…}), so no node names them.
_CATALOG_PARAMETERS = frozenset({"raw_dir", "output_dir"})


class UnknownParameterHook:
    """Refuse a parameter that no node reads.

    Pydantic refuses a misspelt key inside a block, but not a misspelt block: Kedro adds
    ``one_click.modeling`` to the parameters and nobody would ever look at it.
    """

    @hook_impl
    def before_pipeline_run(
        self, run_params: Mapping[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Compare the parameters with what the registered pipelines read.

        Raises:
            click.ClickException: Naming every unknown parameter and the nearest known one.
        """
        read = {
            name.removeprefix("params:")
            for registered in pipelines.values()
            for name in registered.inputs()
            if name.startswith("params:")
        }
        unknown = list(unread_parameters(catalog.load("parameters"), read))
        if unknown:
            raise click.ClickException(
                "\n".join(["Unknown parameters; nothing was run.", *unknown])
            )


def unread_parameters(parameters: Mapping[str, Any], read: set[str]) -> Iterator[str]:
    """Find parameters that no node reads.

    Args:
        parameters: The whole tree of parameters.
        read: Dotted names of the blocks that nodes read, below which Pydantic watches.

    Yields:
        One sentence for each unknown key.
    """
    known = sorted(read | _CATALOG_PARAMETERS)
    stack = [(key, value) for key, value in parameters.items() if not key.startswith("_")]
    while stack:
        name, value = stack.pop(0)
        if name in known:
            continue
        if isinstance(value, Mapping) and any(k.startswith(f"{name}.") for k in known):
            stack += [(f"{name}.{key}", below) for key, below in value.items()]
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        yield f"  {name} is read by no node" + (f"; did you mean {near[0]}?" if near else "")


class InputErrorHook:
    """End a run on bad input with the message alone, and a non-zero exit status."""

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """Show problems of the input without a traceback, which would bury them.

        Raises:
            click.ClickException: With the text of the error, when the input is to blame.
        """
        if isinstance(error, InputError):
            _refuse(error)


def _refuse(error: InputError) -> NoReturn:
    raise click.ClickException(str(error)) from error

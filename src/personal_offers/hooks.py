"""What happens around a run: bad parameters and bad input each end in one message.

Besides, the garbage collector is told what need not be searched.
"""

from __future__ import annotations

import atexit
import difflib
import gc
import logging
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from kedro.config import MissingConfigException
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import CatalogProtocol, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.validation.exceptions import ParameterValidationError
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from personal_offers.engines import connection_problems, out_of_memory
from personal_offers.errors import UNWRITTEN, InputError
from personal_offers.shops import SHOPS

logger = logging.getLogger(__name__)

# Read by the catalog (${runtime_params:…}), so no node names them.
_FOLDERS = frozenset({"raw_dir", "output_dir"})
_ENGINE = frozenset({"engine", "memory_limit", "spill_folder", "threads", "spark_master"})
_CATALOG_PARAMETERS = _FOLDERS | _ENGINE
_SHOP_NAMES = [shop.name for shop in SHOPS]
_REPORT = "reporting"
_CATALOG_LOGGER = "kedro.io.data_catalog"
_SELDOM = 1_000_000  # objects; a command makes fewer before its first node
_PYDANTIC_LINK = "For further information visit"


class ShopHook:
    """Leave out the shops that a folder of raw files, given for one run, does not hold.

    Whoever brings the files of one shop need not take the others out of the project first.
    """

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Take the absent shops out of the pipelines."""
        from personal_offers.pipeline_registry import register_pipelines

        raw_dir = (context.config_loader.runtime_params or {}).get("raw_dir")
        absent = _absent_shops(raw_dir)
        if len(absent) == len(SHOPS):
            return  # see before_pipeline_run
        for name in absent:
            logger.warning("%s is left out: there is no folder %s/%s", name, raw_dir, name)
        # Anew each time: an earlier session of this process may have left out other shops.
        for name, pipeline in register_pipelines().items():
            pipelines[name] = without_shops(pipeline, absent)

    @hook_impl
    def after_catalog_created(self, conf_catalog: dict[str, Any]) -> None:
        """Refuse a shop whose raw files the catalog does not name.

        Raises:
            click.ClickException: Naming every missing entry.
        """
        wanted = [f"{shop.name}.raw_{table}" for shop in SHOPS for table in shop.raw_tables]
        lacking = [name for name in wanted if name not in conf_catalog]
        if lacking:
            raise click.ClickException(
                f"The catalog does not say where these raw files are: {', '.join(lacking)}. "
                "Add an entry for each (docs/add_your_shop.md). Nothing was run."
            )

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> None:
        """Refuse a folder without any shop, unless the run reads no raw file.

        Raises:
            click.ClickException: Naming the folders that are looked for.
        """
        raw_dir = (run_params["runtime_params"] or {}).get("raw_dir")
        raw = {f"{shop.name}.raw_{table}" for shop in SHOPS for table in shop.raw_tables}
        if raw & pipeline.inputs() and len(_absent_shops(raw_dir)) == len(SHOPS):
            raise click.ClickException(
                f"raw_dir {raw_dir} holds no folder of a shop; it must hold one or more of "
                f"{', '.join(shop.name for shop in SHOPS)}, each with its raw files. "
                "Nothing was run."
            )


def _absent_shops(raw_dir: object) -> list[str]:
    """Return the shops without a folder in a given folder; none where no folder is given."""
    if not isinstance(raw_dir, str) or not raw_dir.strip():
        return []
    return [shop.name for shop in SHOPS if not (Path(raw_dir) / shop.name).is_dir()]


def without_shops(pipeline: Pipeline, absent: Collection[str]) -> Pipeline:
    """Return a pipeline without the nodes of some shops."""
    return Pipeline([n for n in pipeline.nodes if (n.namespace or "").split(".")[0] not in absent])


class ParameterHook:
    """Refuse parameters that are out of range, misspelt, or read by no node.

    Kedro validates a block that a node reads, and Pydantic refuses a misspelt key inside it.
    A misspelt block, however (``one_click.modeling``), is just one more parameter to both.
    """

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters before anything is loaded.

        Raises:
            click.ClickException: Naming every problem at once.
        """
        from personal_offers.pipeline_registry import register_pipelines

        read = {
            name.removeprefix("params:")
            for pipeline in register_pipelines().values()  # those of absent shops too
            for name in pipeline.inputs()
            if name.startswith("params:")
        }
        invalid: list[str] = []
        try:
            # Kedro reads all files anew whenever it is asked, unless the values are set.
            context.config_loader["parameters"] = context.config_loader["parameters"]
            try:
                parameters = context.params
            except ParameterValidationError as error:
                lines = str(error).splitlines()[1:]  # the first line only says that it failed
                invalid = [line for line in lines if _PYDANTIC_LINK not in line]
                parameters = context.config_loader["parameters"]
        except (
            YAMLError, OmegaConfBaseException, MissingConfigException, ValueError
        ) as error:  # fmt: skip
            raise click.ClickException(f"The configuration cannot be read: {error}") from error
        problems = list(unread_parameters(parameters, read))
        problems += absent_blocks(parameters, read)
        problems += folder_problems(parameters)
        problems += connection_problems({name: parameters.get(name) for name in _ENGINE})
        problems += (
            [*invalid, *unknown_names(parameters)] if invalid else inconsistencies(parameters)
        )
        if problems:
            raise click.ClickException(
                "\n".join(["The parameters are wrong; nothing was run.", *problems])
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
        if isinstance(value, Mapping) and "." not in name:
            yield f"- {name} is no shop of src/personal_offers/shops.py ({', '.join(_SHOP_NAMES)})"
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        yield f"- {name} is read by no node" + (f"; did you mean {near[0]}?" if near else "")


def absent_blocks(parameters: Mapping[str, Any], read: set[str]) -> Iterator[str]:
    """Find blocks that nodes read and that no file of parameters holds.

    Args:
        parameters: The whole tree of parameters.
        read: Dotted names of the blocks that nodes read.

    Yields:
        One sentence for each.
    """
    for name in sorted(read):
        below: Any = parameters
        for part in name.split("."):
            below = below.get(part) if isinstance(below, Mapping) else None
        if below is None:
            yield f"- {name} is missing: no file of conf/ has this block (docs/add_your_shop.md)"


def folder_problems(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Find folders given for a run that cannot be used.

    Args:
        parameters: ``raw_dir`` and ``output_dir``, where they were given.

    Yields:
        One sentence for each.
    """
    for name in sorted(_FOLDERS & set(parameters)):
        folder = parameters[name]
        if not isinstance(folder, str) or not folder.strip():
            yield f"- {name} is {folder!r}; name a folder"
            continue
        if name == "output_dir":
            nearest = Path(folder).absolute()
            while not nearest.exists():
                nearest = nearest.parent
            if not nearest.is_dir() or not os.access(nearest, os.W_OK):
                yield f"- output_dir {folder} cannot be written: {nearest} is no writable folder"


def inconsistencies(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Find blocks of a shop that do not fit its feature registry or its other blocks.

    Args:
        parameters: Shop: its validated blocks; a block that speaks of features has a method
            ``feature_problems``, one that speaks of other blocks ``block_problems``.

    Yields:
        One sentence for each reference to something that does not exist.
    """
    for shop, blocks in parameters.items():
        if not isinstance(blocks, Mapping) or "feature_registry" not in blocks:
            continue
        for block in blocks.values():
            if hasattr(block, "feature_problems"):
                for problem in block.feature_problems(blocks["feature_registry"]):
                    yield f"- {shop}.{problem}"
            if hasattr(block, "block_problems"):
                for problem in block.block_problems(blocks):
                    yield f"- {shop}.{problem}"


class _AsWritten:
    """A block of parameters that was not validated, read as its model would be.

    What is missing is empty: the validation says so, and names elsewhere can still be checked.
    """

    def __init__(self, written: Any) -> None:
        self._written = written if isinstance(written, Mapping) else {}

    def __getattr__(self, name: str) -> Any:
        if name == "chosen":  # of several schemes
            return self.schemes[self._written.get("scheme")]
        return self[name]

    def __getitem__(self, name: Any) -> Any:
        below = self._written.get(name, {})
        return _AsWritten(below) if isinstance(below, Mapping) else below

    def __iter__(self) -> Iterator[str]:
        return iter(self._written)

    def keys(self) -> Any:
        """Return the names."""
        return self._written.keys()

    def values(self) -> list[Any]:
        """Return what stands under them."""
        return [self[name] for name in self]

    def items(self) -> list[tuple[str, Any]]:
        """Return both."""
        return [(name, self[name]) for name in self]


def unknown_names(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Find names in blocks that other blocks do not have, where some blocks are not valid.

    Args:
        parameters: Shop: its blocks as they are written.

    Yields:
        One sentence for each, so that they are told together with what is not valid.
    """
    from personal_offers.pipelines.offers.params import OfferOptions
    from personal_offers.pipelines.offers.recommendation_params import RecommendationOptions

    models: dict[str, Any] = {"offers": OfferOptions, "recommendations": RecommendationOptions}
    for shop, blocks in parameters.items():
        if not isinstance(blocks, Mapping) or "feature_registry" not in blocks:
            continue
        read = {name: _AsWritten(block) for name, block in blocks.items()}
        for name, model in models.items():
            try:
                found = model.block_problems(read[name], read)
            except (AttributeError, KeyError, TypeError):
                continue  # so far from its model that the validation says enough
            for problem in found:
                yield f"- {shop}.{problem}"


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Let a logger tell nothing below an error for as long as the block runs."""
    other = logging.getLogger(name)
    level = other.level
    other.setLevel(logging.ERROR)
    try:
        yield
    finally:
        other.setLevel(level)


class PartialReportHook:
    """Let a report be made of what is there: what a stage has not written yet is None to it.

    Every other stage needs all of its inputs. A report that lacks a part says so on its page,
    which serves people better than no report.
    """

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Put None where a file is absent that only the report reads."""
        needed = {
            name for node in pipeline.nodes if _REPORT not in node.tags for name in node.inputs
        }
        absent: list[str] = []
        for name in sorted(pipeline.inputs() - needed):
            if name.startswith("params:") or name == "parameters" or catalog[name].exists():
                continue
            absent.append(name)
            with _quiet(_CATALOG_LOGGER):  # which would warn that it replaces what has no file
                catalog[name] = MemoryDataset(data=None)
        if absent:
            logger.warning(
                "The report goes without what has not been written: %s", ", ".join(absent)
            )


class CollectorHook:
    """Keep the garbage collector from searching what is never garbage.

    Imports, configuration and pipelines leave hundreds of thousands of objects that live as long
    as the process; every collection while they are made, during a run and at the end of the
    process would visit them in vain, for a tenth of the time that a command takes to start.
    """

    def __init__(self) -> None:
        """Remember how often Python itself searches."""
        self._usual = gc.get_threshold()

    @hook_impl(tryfirst=True)
    def after_context_created(self) -> None:
        """Search seldom while all is loaded."""
        gc.set_threshold(_SELDOM)

    @hook_impl
    def after_catalog_created(self) -> None:
        """Search as usual again, also where no run follows, as in notebooks."""
        gc.set_threshold(*self._usual)

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Set aside what exists by now; once, because what ended runs leave behind is garbage."""
        if not gc.get_freeze_count():
            gc.freeze()
            atexit.register(gc.freeze)  # the end of the process frees all of it anyway


class InputErrorHook:
    """End a run on bad input, or without memory, with the message alone and non-zero status."""

    def __init__(self) -> None:
        """Start without a failed node."""
        self._shop = self._node = ""

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        """Remember whose node failed: nodes do not know which shop they work for."""
        self._shop = (node.namespace or "").split(".")[0]
        self._node = node.name

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """Show problems of the input without a traceback, which would bury them.

        Raises:
            click.ClickException: With the text of the error, when the input is to blame, or what
                to do when the engine had too little memory.
        """
        if advice := out_of_memory(error):
            raise click.ClickException(f"{self._node or 'The run'}: {advice}") from error
        if isinstance(error, InputError):
            message = str(error)
            if self._shop:  # other shops of the run may have written already
                message = message.replace("params:", f"{self._shop}.")
                message = message.replace(UNWRITTEN, f"{UNWRITTEN} for {self._shop}", 1)
            message = message.replace("params:", "")
            raise click.ClickException(message) from error

"""The project read as text and as a graph: what every stage, table and parameter must obey."""

import ast
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from kedro.config import OmegaConfigLoader
from kedro.framework.session import KedroSession
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.validation.type_extractor import TypeExtractor
from pydantic import BaseModel

import personal_offers
from benchmarks.startup import EMPTY_RUN
from personal_offers.features import FeatureRegistry, Strict
from personal_offers.pipeline_registry import STAGES, register_pipelines
from personal_offers.settings import CONFIG_LOADER_ARGS
from personal_offers.shops import SHOPS

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
LAYERS = {
    "raw": "01_raw",
    "intermediate": "02_intermediate",
    "primary": "03_primary",
    "feature": "04_feature",
    "model_input": "05_model_input",
    "models": "06_models",
    "model_output": "07_model_output",
    "reporting": "08_reporting",
}
# What takes long to import and few runs need; modules below these count too.
HEAVY = (
    *("catboost", "duckdb", "kaleido", "markdown_it", "matplotlib", "numba", "plotly", "polars"),
    *("pyspark", "scipy", "shap", "skops", "sklearn"),
)
LONGEST_FUNCTION = 60
OVER_SHOPS = ("report_index",)
PIPELINES = register_pipelines()
NODES = sorted({node for pipeline in PIPELINES.values() for node in pipeline.nodes})


def is_parameter(name: str) -> bool:
    return name == "parameters" or name.startswith("params:")


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    """conf/base with paths that tell input from output."""
    loader = OmegaConfigLoader(
        conf_source=str(ROOT / "conf"),
        base_env="base",
        default_run_env="base",
        runtime_params={"raw_dir": "IN/01_raw", "output_dir": "OUT"},
        custom_resolvers=CONFIG_LOADER_ARGS["custom_resolvers"],
    )
    return {"catalog": loader["catalog"], "parameters": loader["parameters"]}


@pytest.fixture(scope="module")
def catalog(config: dict[str, Any]) -> DataCatalog:
    return DataCatalog.from_config(config["catalog"])


@pytest.fixture(scope="module")
def used() -> set[str]:
    names = {name for pipeline in PIPELINES.values() for name in pipeline.datasets()}
    return {name for name in names if not is_parameter(name)}


def entry_name(name: str, catalog: DataCatalog, config: dict[str, Any]) -> str | None:
    """Return the key in the catalog that makes a dataset: its own name or a factory's."""
    if name in config["catalog"]:
        return name
    return catalog.config_resolver.match_dataset_pattern(name)


def entry_of(name: str, catalog: DataCatalog, config: dict[str, Any]) -> dict[str, Any]:
    """Return the resolved catalog entry of a dataset, whether named or from a factory."""
    if name in config["catalog"]:
        return dict(config["catalog"][name])
    return dict(catalog.config_resolver.resolve_pattern(name))


def path_of(entry: Mapping[str, Any]) -> str | None:
    """Return the file of a dataset, or the folder of one that is several files."""
    return entry.get("filepath", entry.get("path"))


class TestCatalog:
    def test_every_used_dataset_resolves(
        self, used: set[str], config: dict[str, Any], catalog: DataCatalog
    ) -> None:
        lost = {name for name in used if entry_name(name, catalog, config) is None}

        assert lost == set()

    def test_every_used_dataset_is_in_the_folder_of_its_layer_and_shop(
        self, used: set[str], config: dict[str, Any], catalog: DataCatalog
    ) -> None:
        wrong = []
        for name in sorted(used):
            entry = entry_of(name, catalog, config)
            layer = entry.get("metadata", {}).get("kedro-viz", {}).get("layer")
            if layer not in LAYERS:
                wrong.append(f"{name}: no known layer: {layer}")
                continue
            path = path_of(entry)
            if path is None:
                assert entry["type"] == "MemoryDataset"
                continue
            # The page over the shops belongs to none and stands above their folders.
            shop = "" if name in OVER_SHOPS else name.split(".")[0]
            top = "IN" if path.startswith("IN/") else "OUT"
            if Path(path).parent != Path(top) / LAYERS[layer] / shop:
                wrong.append(f"{name}: layer {layer}, but {path}")

        assert wrong == []

    def test_only_raw_files_are_read_from_raw_dir_and_nothing_is_written_there(
        self, used: set[str], config: dict[str, Any], catalog: DataCatalog
    ) -> None:
        written = {name for p in PIPELINES.values() for name in p.all_outputs()}

        for name in used:
            path = path_of(entry_of(name, catalog, config)) or ""
            assert path.startswith("IN/") == (name not in written), name

    def test_raw_and_primary_tables_can_be_looked_at_in_the_graph(
        self, used: set[str], config: dict[str, Any], catalog: DataCatalog
    ) -> None:
        for name in used:
            entry = entry_of(name, catalog, config)
            view = entry["metadata"]["kedro-viz"]
            is_table = entry["type"] not in ("MemoryDataset", "json.JSONDataset")
            if is_table and view["layer"] in ("raw", "primary"):
                assert view["preview_args"]["nrows"] > 0, name

    def test_no_two_datasets_share_a_file(
        self, used: set[str], config: dict[str, Any], catalog: DataCatalog
    ) -> None:
        paths = [path_of(entry_of(name, catalog, config)) for name in used]
        files = [path for path in paths if path is not None]

        assert len(files) == len(set(files))

    def test_no_catalog_entry_is_unused(
        self, used: set[str], config: dict[str, Any], catalog: DataCatalog
    ) -> None:
        needed = {entry_name(name, catalog, config) for name in used}
        entries = {name for name in config["catalog"] if not name.startswith("_")}

        assert entries - needed == set()

    def test_entry_stands_in_the_file_of_the_stage_that_writes_or_reads_it(
        self, config: dict[str, Any], catalog: DataCatalog
    ) -> None:
        # Given which file of conf/base holds each entry
        file_of = {
            entry: path.stem.removeprefix("catalog_")
            for path in (ROOT / "conf" / "base").glob("catalog_*.yml")
            for entry in yaml.safe_load(path.read_text(encoding="utf-8"))
        }

        # Then what a stage writes is in the file of that stage
        for name, create_pipeline in {**STAGES, "sample_data": None}.items():
            pipeline = create_pipeline() if create_pipeline else PIPELINES["sample_data"]
            for dataset in pipeline.all_outputs():
                entry = entry_name(dataset, catalog, config)
                assert file_of[entry] == name, dataset

    def test_tables_of_the_public_contract_are_checked_before_they_are_saved(
        self, config: dict[str, Any], catalog: DataCatalog
    ) -> None:
        of_any = ("quarantine", "customers", "labels", "decline_risk", "segments", "offers")
        of_order_lines = (*of_any, "orders", "rfm", "cutoff_labels", "holdout_risk")
        public = [f"one_click.{table}" for table in of_any]
        public += [f"gift_shop.{table}" for table in of_order_lines]
        for table in public:
            validator = entry_of(table, catalog, config)["validator"]
            assert validator["on"] == ["save"], table
            module, _, name = validator["class"].rpartition(".")
            assert inspect.isclass(getattr(importlib.import_module(module), name))


def wired_nodes() -> Iterator[tuple[str, str, Node]]:
    """Every node of a shop with its shop and its stage."""
    for stage, create_pipeline in STAGES.items():
        for node in create_pipeline().nodes:
            if not set(node.outputs) & set(OVER_SHOPS):
                yield node.name.split(".")[0], stage, node
    for node in PIPELINES["sample_data"].nodes:
        yield node.name.split(".")[0], "sample_data", node


class TestNodes:
    @pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
    def test_name_is_the_name_of_the_function(self, node: Node) -> None:
        assert node.name.rpartition(".")[2] == node.func.__name__

    def test_stage_is_tag_and_namespace(self) -> None:
        shops = {shop.name for shop in SHOPS}

        for shop, stage, node in wired_nodes():
            assert shop in shops
            assert node.tags == {stage}, node.name
            assert node.namespace == f"{shop}.{stage}", node.name

    def test_function_lives_in_its_stage(self) -> None:
        for _, stage, node in wired_nodes():
            assert node.func.__module__.startswith(f"personal_offers.pipelines.{stage}.")

    def test_datasets_carry_the_name_of_the_shop_and_no_stage(self) -> None:
        for shop, _, node in wired_nodes():
            for name in [*node.inputs, *node.outputs]:
                assert re.fullmatch(rf"(params:)?{shop}\.[a-z0-9_]+", name), name

    def test_what_is_over_the_shops_belongs_to_its_stage_alone(self) -> None:
        nodes = [node for node in NODES if set(node.outputs) & set(OVER_SHOPS)]

        assert [node.name for node in nodes] == ["reporting.write_index"]
        assert nodes[0].tags == {"reporting"}
        # A run on the files of some shops takes what there is of the others.
        assert {name.split(".")[0] for name in nodes[0].inputs} == {shop.name for shop in SHOPS}

    def test_place_in_the_file_reaches_nobody_but_the_audit(self) -> None:
        # Ids and places tell the label in a real file, so no model may be built on them
        readers = {
            node.func.__name__
            for _, _, node in wired_nodes()
            for name in node.inputs
            if name.endswith(".file_order")
        }

        assert readers == {"audit_folds", "audit_cutoffs"}

    def test_every_dataset_is_written_by_one_node(self) -> None:
        outputs = [name for _, _, node in wired_nodes() for name in node.outputs]

        assert len(outputs) == len(set(outputs))


class TestParameters:
    def test_kedro_validates_every_block_that_a_node_reads(self) -> None:
        # Kedro silently skips a node whose annotations do not resolve
        read = {
            name.removeprefix("params:")
            for pipeline in PIPELINES.values()
            for name in pipeline.inputs()
            if is_parameter(name)
        }

        found = TypeExtractor(PIPELINES).extract_types_from_pipelines()

        assert set(found) == read
        assert all(issubclass(model, Strict) for model in found.values())

    @pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
    def test_kedro_finds_the_model_of_every_block_in_every_node(self, node: Node) -> None:
        found = TypeExtractor({"one": Pipeline([node])}).extract_types_from_pipelines()

        assert set(found) == {n.removeprefix("params:") for n in node.inputs if is_parameter(n)}

    def test_every_model_forbids_unknown_keys_and_changes(self) -> None:
        models = list(all_models())

        assert len(models) > 20
        for model in models:
            assert model.model_config["extra"] == "forbid", model
            assert model.model_config["frozen"] is True, model

    @pytest.mark.parametrize("env", ["base", "test"])
    def test_every_key_of_the_configuration_is_accepted(self, env: str) -> None:
        # Given what a run in this environment reads
        loader = OmegaConfigLoader(
            conf_source=str(ROOT / "conf"),
            env=env,
            base_env="base",
            default_run_env="base",
            merge_strategy={"parameters": "soft", "globals": "soft"},
            custom_resolvers=CONFIG_LOADER_ARGS["custom_resolvers"],
        )
        parameters = loader["parameters"]

        # Then every block fits its model, and what the model keeps is what the file says
        found = TypeExtractor(PIPELINES).extract_types_from_pipelines()
        for block, model in found.items():
            shop, _, name = block.partition(".")
            kept = model.model_validate(parameters[shop][name]).model_dump(mode="json")
            assert_holds(kept, parameters[shop][name], block)

    def test_no_block_of_the_configuration_is_unread(self, config: dict[str, Any]) -> None:
        found = TypeExtractor(PIPELINES).extract_types_from_pipelines()
        given = {
            f"{shop}.{block}"
            for shop, blocks in config["parameters"].items()
            if not shop.startswith("_") and shop not in ("raw_dir", "output_dir")
            for block in blocks
        }

        assert given == set(found)

    def test_environment_for_tests_changes_settings_and_adds_none(
        self, config: dict[str, Any]
    ) -> None:
        for path in (ROOT / "conf" / "test").glob("parameters_*.yml"):
            changed = yaml.safe_load(path.read_text(encoding="utf-8"))
            assert_keys_exist(changed, config["parameters"], path.name)

    def test_seed_stands_in_one_place(self) -> None:
        for path in (ROOT / "conf").rglob("parameters_*.yml"):
            for line in path.read_text(encoding="utf-8").splitlines():
                if re.match(r"\s*seed:", line):
                    assert "${globals:seed}" in line, f"{path.name}: {line}"


def assert_holds(kept: Any, given: Any, place: str) -> None:
    """Compare every leaf of a file with what its model made of it."""
    if isinstance(given, Mapping):
        for key, value in given.items():
            assert key in kept, f"{place}.{key}"
            assert_holds(kept[key], value, f"{place}.{key}")
    elif isinstance(given, list):
        assert len(kept) == len(given), place
        for position, (one, other) in enumerate(zip(kept, given, strict=True)):
            assert_holds(one, other, f"{place}[{position}]")
    else:
        assert kept == given, place


def assert_keys_exist(changed: Mapping[str, Any], base: Mapping[str, Any], place: str) -> None:
    for key, value in changed.items():
        assert key in base, f"{place}: {key}"
        if isinstance(value, Mapping):
            assert_keys_exist(value, base[key], f"{place}: {key}")


def all_models() -> Iterator[type[BaseModel]]:
    """Every Pydantic model that any module of the package defines."""
    for module in modules():
        for _, model in inspect.getmembers(module, inspect.isclass):
            if issubclass(model, BaseModel) and model.__module__ == module.__name__:
                yield model


def modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(personal_offers.__path__, "personal_offers."):
        yield importlib.import_module(found.name)


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


class TestSources:
    @pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
    def test_module_and_public_parts_say_what_they_are(self, path: Path) -> None:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        parts = [tree, *(n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef))]
        for parent in list(parts[1:]):
            if isinstance(parent, ast.ClassDef):
                parts += [n for n in parent.body if isinstance(n, ast.FunctionDef)]

        silent = [
            getattr(part, "name", path.name)
            for part in parts
            if not getattr(part, "name", "").startswith("_") and not ast.get_docstring(part)
        ]

        assert silent == []

    @pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
    def test_no_function_is_longer_than_a_screen(self, path: Path) -> None:
        long = {
            function.name: length
            for function in functions_of(path)
            if (length := function.end_lineno - function.lineno + 1) > LONGEST_FUNCTION
        }

        assert long == {}

    def test_only_the_standard_layers_are_named(self) -> None:
        text = "\n".join(
            path.read_text(encoding="utf-8") for path in (ROOT / "conf").rglob("*.yml")
        )

        assert set(re.findall(r"/(0\d_\w+)/", text)) <= set(LAYERS.values())


# A command of Kedro's, and then the names of all modules that it has loaded.
THEN_LOADED = """
import atexit, sys
atexit.register(lambda: print("LOADED", *sorted(sys.modules)))
"""
LIST_PIPELINES = """
import personal_offers.settings, personal_offers.pipeline_registry as registry
from kedro.framework.cli.cli import main
registry.register_pipelines()
sys.argv = ["kedro", "registry", "list"]
main()
"""


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (LIST_PIPELINES, [f"- {name}\n" for name in PIPELINES]),
        (EMPTY_RUN, ["1 of 1: do_nothing"]),
    ],
    ids=["registry list", "empty run"],
)
def test_what_every_command_pays_for_imports_no_heavy_library(
    command: str, told: list[str]
) -> None:
    # When pipelines are listed or one node that does nothing is run, in a process of its own
    done = subprocess.run(
        [sys.executable, "-c", THEN_LOADED + command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "src", "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    # Then it did what it should, and nothing was loaded that computes, fits or draws
    assert done.returncode == 0, done.stdout + done.stderr
    for line in told:
        assert line in done.stdout
    loaded = done.stdout.split("LOADED", 1)[1].split()
    assert {"personal_offers.pipeline_registry", "personal_offers.settings"} <= set(loaded)
    assert [name for name in loaded if f"{name}.".startswith(tuple(f"{h}." for h in HEAVY))] == []


class TestRepository:
    @pytest.fixture(scope="class")
    @classmethod
    def tracked(cls) -> list[Path]:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if listed.returncode != 0:
            pytest.skip("this is not a git checkout, so nothing is tracked")
        return [
            ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()
        ]

    def test_telemetry_is_off(self) -> None:
        settings = yaml.safe_load((ROOT / ".telemetry").read_text(encoding="utf-8"))

        assert settings == {"consent": False}

    def test_no_tracked_file_names_a_place_of_one_machine(self, tracked: list[Path]) -> None:
        places = [f"/{folder}/".encode() for folder in ("work", "tmp", "root", "home")]
        found = [
            path.relative_to(ROOT).as_posix()
            for path in tracked
            if any(place in path.read_bytes() for place in places)
        ]

        assert found == []

    def test_only_the_synthetic_sample_is_committed_as_data(
        self, tracked: list[Path], config: dict[str, Any]
    ) -> None:
        data = {
            path.relative_to(ROOT).as_posix()
            for path in tracked
            if path.relative_to(ROOT).parts[0] == "data"
        }

        assert data == {
            config["catalog"][f"{shop.name}.raw_{table}"]["filepath"].replace("IN/", "data/")
            for shop in SHOPS
            for table in shop.raw_tables
        }

    def test_no_lock_file_or_local_setting_is_committed(self, tracked: list[Path]) -> None:
        names = {path.relative_to(ROOT).as_posix() for path in tracked}

        assert {n for n in names if n.endswith((".lock", ".pkl", ".pickle", ".env"))} == set()
        assert {n for n in names if n.startswith("conf/local/")} <= {"conf/local/.gitkeep"}


REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))


class TestRequirements:
    @pytest.fixture(scope="class")
    @classmethod
    def declared(cls) -> dict[str, list[str]]:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        base = project["dependencies"]
        extras = project["optional-dependencies"]
        viz, spark = base + extras["viz"], base + extras["spark"]
        dev = viz + spark + [line for line in extras["dev"] if not line.startswith(project["name"])]
        return {"base": base, "viz": viz, "spark": spark, "dev": dev}

    def test_one_file_for_each_set(self) -> None:
        assert [path.stem for path in REQUIREMENTS] == ["base", "dev", "spark", "viz"]

    @pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.stem)
    def test_every_line_pins_one_version_and_names_no_host(self, path: Path) -> None:
        lines = path.read_text(encoding="utf-8").splitlines()
        pins = [line for line in lines if not line.startswith("#")]

        assert "make lock" in "\n".join(lines[:3])
        for line in pins:
            assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*==[\w.!+]+( ; .+)?", line), line
        assert "://" not in "\n".join(lines)
        assert "index" not in "\n".join(lines)

    @pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.stem)
    def test_pins_satisfy_what_the_project_declares(
        self, path: Path, declared: dict[str, list[str]]
    ) -> None:
        from packaging.requirements import Requirement
        from packaging.utils import canonicalize_name

        pinned: dict[str, set[str]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                pin = Requirement(line)
                version = str(pin.specifier).removeprefix("==")
                pinned.setdefault(canonicalize_name(pin.name), set()).add(version)

        for line in declared[path.stem]:
            wanted = Requirement(line)
            versions = pinned.get(canonicalize_name(wanted.name), set())
            assert versions, f"{wanted.name} is not pinned"
            assert all(wanted.specifier.contains(v) for v in versions), f"{line}: {versions}"

    def test_larger_sets_hold_the_same_versions(self) -> None:
        # A marker may differ: what one extra needs on one system, another needs everywhere
        base, dev, spark, viz = (
            {
                line.partition(" ;")[0]
                for line in path.read_text(encoding="utf-8").splitlines()
                if not line.startswith("#")
            }
            for path in REQUIREMENTS
        )

        assert base <= viz <= dev
        assert base <= spark <= dev


@pytest.mark.slow
def test_customers_are_the_registry_with_profit_and_the_repair_mark(
    _project: None, registry: FeatureRegistry, tmp_path: Path
) -> None:
    # When the intake runs in the environment for tests
    ends = {"raw_dir": str(ROOT / "data" / "01_raw"), "output_dir": str(tmp_path)}
    with KedroSession.create(
        project_path=tmp_path,
        conf_source=str(ROOT / "conf"),
        env="test",
        runtime_params=ends,
    ) as session:
        session.run(pipeline_names=["data_processing"], namespaces=["one_click"])

    # Then the columns are those of the registry, in its order
    customers = pd.read_parquet(tmp_path / "03_primary" / "one_click" / "customers.parquet")
    assert customers.columns.to_list() == [
        "customer_id",
        *registry.names(),
        "profit",
        "revenue_repaired",
        "regular",
    ]
    kinds = {
        "number": pd.api.types.is_numeric_dtype,
        "category": pd.api.types.is_string_dtype,
        "flag": pd.api.types.is_bool_dtype,
    }
    for name, feature in registry.features.items():
        assert kinds[feature.type](customers[name]), name

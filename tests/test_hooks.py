import copy
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import duckdb
import pytest
from kedro.framework.session import KedroSession
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Node, Pipeline
from kedro_datasets.text import TextDataset

from personal_offers.engines import connect
from personal_offers.errors import InputError
from personal_offers.features import FeatureRegistry
from personal_offers.hooks import (
    CollectorHook,
    InputErrorHook,
    PartialReportHook,
    ShopHook,
    absent_blocks,
    folder_problems,
    inconsistencies,
    unknown_names,
    unread_parameters,
    without_shops,
)
from personal_offers.pipelines.segmentation.params import SegmentationOptions

READ = {"my_shop.modelling", "my_shop.segmentation"}


def label(text: str) -> dict[str, str]:
    return {"ru": text, "en": text}


def registry() -> FeatureRegistry:
    def feature(kind: str) -> dict[str, Any]:
        return {
            "group": "purchase_behaviour",
            "type": kind,
            "compute": {"kind": "column", "table": "people", "column": "value"},
            "window": "ever",
            "actionable": False,
            "definition": label("text"),
        }

    return FeatureRegistry.model_validate(
        {"features": {"amount": feature("number"), "colour": feature("category")}}
    )


def segmentation(feature: str, main_category: str | None) -> SegmentationOptions:
    return SegmentationOptions.model_validate(
        {
            "thresholds": {
                "risk": {"kind": "absolute", "value": 0.5},
                "profit": {"kind": "quantile", "value": 0.5},
            },
            "segments": {
                f"{risk}_{profit}": {"risk": risk, "profit": profit, "label": label("text")}
                for risk in ("low", "high")
                for profit in ("low", "high")
            },
            "marks": {"big": {"feature": feature, "at_least": 1, "label": label("text")}},
            "main_category": main_category,
            "confidence": 0.95,
        }
    )


class TestUnreadParameters:
    def test_blocks_that_nodes_read_are_fine_whatever_they_hold(self) -> None:
        parameters = {"my_shop": {"modelling": {"anything": 1}, "segmentation": {}}}

        assert list(unread_parameters(parameters, READ)) == []

    def test_paths_of_the_catalog_and_private_anchors_are_fine(self) -> None:
        parameters = {"raw_dir": "a", "output_dir": "b", "_defaults": {"x": 1}}

        assert list(unread_parameters(parameters, READ)) == []

    def test_misspelt_block_is_named_with_the_nearest_right_one(self) -> None:
        parameters = {"my_shop": {"modeling": {"model": "svc"}, "segmentation": {}}}

        assert list(unread_parameters(parameters, READ)) == [
            "- my_shop.modeling is read by no node; did you mean my_shop.modelling?"
        ]

    def test_unknown_shop_and_unknown_word_are_both_named(self) -> None:
        parameters = {"your_shop": {"modelling": {}}, "x": 1, "output_dri": "here"}

        assert list(unread_parameters(parameters, READ)) == [
            "- your_shop is no shop of src/personal_offers/shops.py "
            "(one_click, gift_shop, home_goods)",
            "- x is read by no node",
            "- output_dri is read by no node; did you mean output_dir?",
        ]

    def test_value_where_a_shop_should_be_is_named(self) -> None:
        assert list(unread_parameters({"my_shop": 5}, READ)) == [
            "- my_shop is read by no node; did you mean my_shop.modelling?"
        ]

    def test_absent_block_is_named(self) -> None:
        assert list(absent_blocks({"my_shop": {"modelling": {}}}, READ)) == [
            "- my_shop.segmentation is missing: no file of conf/ has this block "
            "(docs/add_your_shop.md)"
        ]

    def test_nothing_given_is_fine(self) -> None:
        assert list(unread_parameters({}, READ)) == []


class TestInconsistencies:
    def test_blocks_that_fit_the_registry_are_fine(self) -> None:
        blocks = {
            "feature_registry": registry(),
            "segmentation": segmentation("amount", "colour"),
        }

        assert list(inconsistencies({"my_shop": blocks, "raw_dir": "here"})) == []

    def test_every_reference_to_nothing_is_named_with_its_shop(self) -> None:
        blocks = {
            "feature_registry": registry(),
            "segmentation": segmentation("colour", "amount"),
        }

        assert list(inconsistencies({"my_shop": blocks})) == [
            "- my_shop.segmentation.marks.big.feature: colour is not a number of the registry",
            "- my_shop.segmentation.main_category: amount is not a category of the registry",
        ]

    def test_shop_without_registry_has_nothing_to_compare(self) -> None:
        assert list(inconsistencies({"my_shop": {"segmentation": segmentation("x", "y")}})) == []


class TestUnknownNames:
    @pytest.fixture
    def blocks(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return copy.deepcopy(parameters["gift_shop"])

    def test_what_is_shipped_names_nothing_unknown(self, parameters: dict[str, Any]) -> None:
        assert list(unknown_names(parameters)) == []

    def test_unknown_names_are_told_of_blocks_that_are_not_valid(
        self, blocks: dict[str, Any]
    ) -> None:
        # Given an offer with a wrong cost, an unknown channel and an unknown mark
        offer = blocks["offer_catalogue"]["offers"]["apology"]
        offer |= {"contact_cost": -1, "channel": "fax", "eligible": {"marks": ["owl"]}}
        # And advice for a class that no scheme has
        blocks["recommendations"]["classes"]["nobody"] = {}

        found = list(unknown_names({"gift_shop": blocks}))

        assert [text.split(":")[0] for text in found] == [
            "- gift_shop.offer_catalogue.offers.apology.channel",
            "- gift_shop.offer_catalogue.offers.apology.eligible.marks",
            "- gift_shop.recommendations.classes",
        ]

    @pytest.mark.parametrize("spoilt", [None, [], "text", {"offers": ["reminder"]}])
    @pytest.mark.parametrize("block", ["offers", "offer_catalogue", "segmentation", "rfm"])
    def test_whatever_is_written_is_no_reason_to_fail(
        self, blocks: dict[str, Any], block: str, spoilt: Any
    ) -> None:
        blocks[block] = spoilt

        assert isinstance(list(unknown_names({"gift_shop": blocks})), list)


class TestCollectorHook:
    def test_garbage_is_searched_as_usual_once_all_is_loaded(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[tuple[int, ...]] = []
        monkeypatch.setattr(gc, "set_threshold", lambda *numbers: asked.append(numbers))
        usual = gc.get_threshold()
        hook = CollectorHook()

        hook.after_context_created()
        hook.after_catalog_created()

        assert asked[0][0] > usual[0]
        assert asked[1:] == [usual]

    def test_what_later_runs_leave_behind_is_collected(self) -> None:
        gc.unfreeze()

        CollectorHook().before_pipeline_run()
        set_aside = gc.get_freeze_count()
        _ = [[] for _ in range(1000)]
        CollectorHook().before_pipeline_run()

        assert 0 < gc.get_freeze_count() <= set_aside


class TestInputErrorHook:
    def test_bad_input_ends_in_the_message_alone(self) -> None:
        error = InputError(["money.csv: column id is missing", "market.csv: the file is empty"])

        with pytest.raises(click.ClickException) as caught:
            InputErrorHook().on_pipeline_error(error=error)

        assert caught.value.message == (
            "The input has 2 problems; nothing was written.\n"
            "  1. money.csv: column id is missing\n"
            "  2. market.csv: the file is empty"
        )
        assert caught.value.exit_code == 1

    def test_one_problem_is_counted_as_one(self) -> None:
        assert str(InputError(["the file is empty"])).startswith("The input has 1 problem;")
        assert InputError(["the file is empty"]).problems == ("the file is empty",)

    def test_parameter_to_edit_is_named_with_the_shop_whose_node_failed(self) -> None:
        # Given that a node of one shop found a value it does not know
        node = Node(len, "money", "count", name="check", namespace="my_shop.data_processing")
        error = InputError(["unknown category; see params:data_processing.tables.money"])
        hook = InputErrorHook()
        hook.on_node_error(node=node)

        # When / Then
        with pytest.raises(click.ClickException, match=r"see my_shop\.data_processing\.tables"):
            hook.on_pipeline_error(error=error)

    def test_message_says_what_became_of_the_outputs(self) -> None:
        error = InputError(["one class only"], "the model's tables were not written")

        assert str(error).startswith(
            "The input has 1 problem; the model's tables were not written.\n"
        )

    def test_other_errors_keep_their_traceback(self) -> None:
        assert InputErrorHook().on_pipeline_error(error=ValueError("a bug")) is None

    def test_too_little_memory_is_told_with_what_to_do(self) -> None:
        # Given an error as the engine raises it while a dataset is saved
        connection = connect({"memory_limit": "20MiB", "spill_folder": None})
        with pytest.raises(duckdb.OutOfMemoryException) as caught:
            connection.raw_sql("SET temp_directory = ''")
            connection.raw_sql("CREATE TABLE long AS SELECT repeat('x', 90) FROM range(900_000)")
        saving = DatasetError("Failed while saving data")
        saving.__cause__ = caught.value
        hook = InputErrorHook()
        hook.on_node_error(
            node=Node(lambda: 1, None, "rfm", name="score_rfm", namespace="gift_shop.segmentation")
        )

        with pytest.raises(click.ClickException) as told:
            hook.on_pipeline_error(error=saving)

        assert told.value.message.startswith(
            "gift_shop.segmentation.score_rfm: DuckDB has too little memory"
        )
        assert "--params memory_limit=…,threads=1" in told.value.message
        assert "\n" not in told.value.message


def refused(message: list[str]) -> Callable[[click.ClickException], bool]:
    return lambda error: all(part in error.message for part in message)


class TestParameterHook:
    """Whole sessions: parameters are refused before any node runs and any file is written."""

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            (
                {"one_click": {"modeling": {"model": "catboost"}}},
                ["one_click.modeling is read by no node; did you mean one_click.modelling?"],
            ),
            ({"outputdir": "x"}, ["outputdir is read by no node; did you mean output_dir?"]),
            ({"one_click": {"modelling": {"modle": "catboost"}}}, ["modle", "Extra inputs"]),
            ({"one_click": {"modelling": {"model": "xgboost"}}}, ["model", "'catboost'"]),
            ({"one_click": {"modelling": {"folds": 1}}}, ["folds", "greater than or equal to 2"]),
            (
                {"one_click": {"modelling": {"twin_columns": ["revenue"]}}},
                ["one_click.modelling.twin_columns: revenue is not a feature of the registry"],
            ),
            (
                {
                    "one_click": {
                        "modelling": {"folds": 1},
                        "segmentation": {"thresholds": {"risk": {"value": 1.5}}},
                    }
                },
                ["folds", "risk threshold 1.5 is outside 0 to 1"],
            ),
        ],
    )
    def test_wrong_parameters_are_refused_before_anything_is_written(
        self,
        run_pipeline: Callable[..., dict[str, Any]],
        raw_folder: Callable[[], Path],
        tmp_path: Path,
        parameters: dict[str, Any],
        message: list[str],
    ) -> None:
        # When a run is asked for with wrong parameters
        with pytest.raises(click.ClickException, check=refused(message)) as caught:
            run_pipeline("segmentation", raw_folder(), tmp_path / "out", **parameters)

        # Then one message says so, and no output is there
        assert caught.value.message.startswith("The parameters are wrong; nothing was run.")
        assert not (tmp_path / "out").exists()

    def test_files_are_read_once_for_a_run(
        self, _project: None, root: Path, tmp_path: Path
    ) -> None:
        with KedroSession.create(
            project_path=tmp_path, conf_source=str(root / "conf"), env="test"
        ) as session:
            loader = session.load_context().config_loader

        assert loader["parameters"] is loader["parameters"]

    def test_folder_without_parameters_is_refused_in_one_message(
        self, _project: None, tmp_path: Path
    ) -> None:
        for env in ("base", "test"):
            (tmp_path / "conf" / env).mkdir(parents=True)

        with (
            KedroSession.create(
                project_path=tmp_path, conf_source=str(tmp_path / "conf"), env="test"
            ) as session,
            pytest.raises(click.ClickException, match="The configuration cannot be read: No files"),
        ):
            session.load_context()


@pytest.mark.parametrize("given", [None, "", "  ", 3])
def test_folder_without_a_name_is_refused(given: object) -> None:
    assert list(folder_problems({"raw_dir": given})) == [f"- raw_dir is {given!r}; name a folder"]


def test_output_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")

    problems = list(folder_problems({"output_dir": str(tmp_path / "taken" / "data")}))

    assert len(problems) == 1
    assert "is no writable folder" in problems[0]


def test_folders_yet_to_be_made_are_taken(tmp_path: Path) -> None:
    assert list(folder_problems({"raw_dir": "some", "output_dir": str(tmp_path / "a" / "b")})) == []


class TestShopHook:
    """A folder of raw files may hold some of the shops."""

    def node(self, shop: str) -> Node:
        return Node(lambda: 0, None, f"{shop}.x", name="make_x", namespace=f"{shop}.modelling")

    def test_nodes_of_absent_shops_go(self) -> None:
        pipeline = Pipeline([self.node("one"), self.node("two")])

        left = without_shops(pipeline, ["two"])

        assert [node.namespace for node in left.nodes] == ["one.modelling"]

    def test_catalog_without_a_raw_file_is_refused(self) -> None:
        with pytest.raises(click.ClickException, match=r"home_goods.raw_order_lines"):
            ShopHook().after_catalog_created({"gift_shop.raw_order_lines": {}})

    @pytest.mark.slow
    def test_shops_without_a_folder_are_left_out(
        self,
        run_pipeline: Callable[..., dict[str, Any]],
        raw_folder: Callable[[], Path],
        tmp_path: Path,
    ) -> None:
        # Given raw files of one_click alone, the others are not asked for
        run_pipeline("data_processing", raw_folder(), tmp_path / "out")

        assert [path.name for path in (tmp_path / "out" / "03_primary").iterdir()] == ["one_click"]

    def test_a_folder_without_any_shop_is_bad_input(
        self, run_pipeline: Callable[..., dict[str, Any]], tmp_path: Path
    ) -> None:
        with pytest.raises(click.ClickException, match="holds no folder of a shop"):
            run_pipeline("data_processing", tmp_path, tmp_path / "out")


@pytest.mark.filterwarnings("ignore:One or more dataset names contain")
class TestPartialReportHook:
    """A report is made of what is there; every other stage needs all that it reads."""

    @staticmethod
    def show(plan: object, names: object = None) -> str:
        return f"{plan} {names}"

    def pipeline(self, *more: Node) -> Pipeline:
        inputs = {"plan": "tea.plan", "names": "tea.names"}
        return Pipeline(
            [Node(self.show, inputs, "tea.page", name="show", tags=["reporting"]), *more]
        )

    @pytest.fixture
    def catalog(self, tmp_path: Path) -> DataCatalog:
        (tmp_path / "names.txt").write_text("names", encoding="utf-8")
        files = {name: tmp_path / f"{name}.txt" for name in ("plan", "names")}
        return DataCatalog(
            {f"tea.{name}": TextDataset(filepath=str(file)) for name, file in files.items()}
        )

    def test_what_is_not_there_is_none_and_told(
        self, catalog: DataCatalog, caplog: pytest.LogCaptureFixture
    ) -> None:
        PartialReportHook().before_pipeline_run(self.pipeline(), catalog)

        assert catalog.load("tea.plan") is None
        assert catalog.load("tea.names") == "names"
        # Alone: Kedro's own warning of a replaced dataset would only confuse
        assert caplog.messages == ["The report goes without what has not been written: tea.plan"]

    def test_what_another_stage_reads_too_has_to_be_there(self, catalog: DataCatalog) -> None:
        other = Node(self.show, ["tea.plan"], "tea.loud", name="shout", tags=["offers"])

        PartialReportHook().before_pipeline_run(self.pipeline(other), catalog)

        with pytest.raises(DatasetError, match=r"plan\.txt"):
            catalog.load("tea.plan")

from collections.abc import Iterable

import pytest
from kedro.pipeline import Node, Pipeline

from personal_offers.pipeline_registry import STAGES, register_pipelines, with_needed_stages
from personal_offers.shops import SHOPS, Shop

WITH_INTERESTS = ("interests", "segmentation", "__default__")


@pytest.fixture(scope="module")
def pipelines() -> dict[str, Pipeline]:
    return register_pipelines()


def stages_of(pipeline: Pipeline) -> set[str]:
    return {tag for node in pipeline.nodes for tag in node.tags}


def raw_inputs() -> set[str]:
    return {f"{shop.name}.raw_{table}" for shop in SHOPS for table in shop.raw_tables}


def optional_inputs() -> set[str]:
    """Files that a shop of order lines may have."""
    return {f"{s.name}.raw_product_categories" for s in SHOPS if s.intake == "order_lines"}


def test_every_stage_and_the_sample_are_registered(pipelines: dict[str, Pipeline]) -> None:
    assert set(pipelines) == {*STAGES, "sample_data", "__default__"}
    assert set(STAGES) == {
        *("data_processing", "modelling", "interests", "segmentation", "offers", "reporting"),
    }


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("data_processing", {"data_processing"}),
        ("modelling", {"data_processing", "modelling"}),
        ("interests", {"data_processing", "interests"}),
        ("segmentation", {"data_processing", "modelling", "interests", "segmentation"}),
        ("offers", {"data_processing", "modelling", "interests", "segmentation", "offers"}),
        ("reporting", set(STAGES)),
        ("sample_data", {"sample_data"}),
        ("__default__", set(STAGES)),
    ],
)
def test_pipeline_holds_its_stage_and_all_that_it_needs(
    pipelines: dict[str, Pipeline], name: str, stages: set[str]
) -> None:
    assert stages_of(pipelines[name]) == stages


@pytest.mark.parametrize("name", ["data_processing", "modelling", *WITH_INTERESTS])
def test_pipeline_starts_from_raw_files_and_parameters_alone(
    pipelines: dict[str, Pipeline], name: str
) -> None:
    data = {n for n in pipelines[name].inputs() if not n.startswith("params:")}

    assert data == raw_inputs() | (optional_inputs() if name in WITH_INTERESTS else set())


def test_sample_data_starts_from_parameters_alone(pipelines: dict[str, Pipeline]) -> None:
    assert pipelines["sample_data"].inputs() == {
        f"params:{shop.name}.sample_data" for shop in SHOPS
    }


def test_stage_tag_reruns_the_stage_alone(pipelines: dict[str, Pipeline]) -> None:
    alone = pipelines["__default__"].only_nodes_with_tags("segmentation")

    assert {node.namespace for node in alone.nodes} == {f"{s.name}.segmentation" for s in SHOPS}


def names_of(nodes: Iterable[Node]) -> set[str]:
    return {node.func.__name__ for node in nodes}


def above(pipeline: Pipeline, dataset: str) -> set[str]:
    """Functions that a dataset follows from."""
    return names_of(pipeline.to_outputs(dataset).nodes)


def test_labels_are_given_or_computed_by_the_form_of_the_shop(
    pipelines: dict[str, Pipeline],
) -> None:
    for shop in SHOPS:
        found = above(pipelines["data_processing"], f"{shop.name}.labels")

        assert ("take_labels" in found) == (shop.intake == "customer_tables")
        assert ("label_customers" in found) == (shop.intake == "order_lines")


def test_a_shop_with_time_is_tested_at_a_later_moment_and_others_by_folds(
    pipelines: dict[str, Pipeline],
) -> None:
    for shop in SHOPS:
        found = above(pipelines["modelling"], f"{shop.name}.metrics")

        has_time = shop.intake == "order_lines"
        assert ("assign_folds" in found) == (not has_time)
        assert ("label_customers" in found) == has_time
        assert (f"{shop.name}.holdout_risk" in pipelines["modelling"].datasets()) == has_time


def test_risk_at_the_test_cutoff_knows_nothing_of_the_model_of_today(
    pipelines: dict[str, Pipeline],
) -> None:
    shops = [shop.name for shop in SHOPS if shop.intake == "order_lines"]
    assert shops
    for shop in shops:
        found = above(pipelines["modelling"], f"{shop}.holdout_risk")

        assert {"fit_on_cutoffs", "list_eligible_customers"}.isdisjoint(found)


@pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop.name)
def test_nobody_gets_a_risk_without_the_audit(pipelines: dict[str, Pipeline], shop: Shop) -> None:
    found = above(pipelines["modelling"], f"{shop.name}.decline_risk")

    assert found & {"audit_folds", "audit_cutoffs"}


def copy(value: object) -> object:
    return value


def chain(*links: tuple[str, str]) -> Pipeline:
    return Pipeline([Node(copy, source, target, name=target) for source, target in links])


def test_needed_stages_are_found_through_others_and_unneeded_ones_are_left_out() -> None:
    # Given raw -> a -> b -> c, and a stage that reads a but is read by nobody
    stages = {
        "first": chain(("raw", "a")),
        "second": chain(("a", "b")),
        "third": chain(("b", "c")),
        "aside": chain(("a", "x")),
    }

    # When / Then
    def nodes(stage: str) -> set[str]:
        return {node.name for node in with_needed_stages(stage, stages).nodes}

    assert nodes("third") == {"a", "b", "c"}
    assert nodes("second") == {"a", "b"}
    assert nodes("first") == {"a"}
    assert nodes("aside") == {"a", "x"}


def test_needed_stage_comes_whole() -> None:
    # Given a stage with an output that nobody else reads, itself made from another stage
    stages = {
        "source": chain(("raw", "s")),
        "wide": chain(("raw", "a"), ("s", "by_the_way")),
        "last": chain(("a", "b")),
    }

    # When / Then the stage comes with all its nodes, and with what those need
    nodes = {node.name for node in with_needed_stages("last", stages).nodes}
    assert nodes == {"a", "by_the_way", "b", "s"}


def test_stage_that_needs_nothing_is_itself() -> None:
    stages = {"only": chain(("raw", "a"))}

    assert with_needed_stages("only", stages).nodes == stages["only"].nodes

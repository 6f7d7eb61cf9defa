from kedro.pipeline import Node, Pipeline

from personal_offers.wiring import in_stage


def join(left: str, right: str, how: str) -> str:
    return left + right + how


def measure(joined: str) -> int:
    return len(joined)


def template() -> Pipeline:
    return Pipeline(
        [
            Node(join, ["left", "right", "params:join.how"], "joined", name="join"),
            Node(measure, "joined", "length", name="measure", tags=["quick"]),
        ]
    )


def test_nodes_carry_shop_and_stage_and_datasets_carry_the_shop_alone() -> None:
    # When a template is put into the stage of a shop
    wired = in_stage(template(), "my_shop", "joining")

    # Then
    assert [node.name for node in wired.nodes] == [
        "my_shop.joining.join",
        "my_shop.joining.measure",
    ]
    assert [node.namespace for node in wired.nodes] == ["my_shop.joining"] * 2
    assert wired.inputs() == {"my_shop.left", "my_shop.right", "params:my_shop.join.how"}
    assert wired.all_outputs() == {"my_shop.joined", "my_shop.length"}


def test_every_node_is_tagged_with_its_stage_and_keeps_its_own_tags() -> None:
    wired = in_stage(template(), "my_shop", "joining")

    assert [node.tags for node in wired.nodes] == [{"joining"}, {"joining", "quick"}]


def test_two_shops_and_two_stages_meet_only_in_the_datasets_of_one_shop() -> None:
    # Given the same template for two shops, and a second stage that reads the first
    second = Pipeline([Node(measure, "length", "length_of_length", name="measure_again")])
    first_shop = in_stage(template(), "a", "joining") + in_stage(second, "a", "measuring")
    second_shop = in_stage(template(), "b", "joining")

    # Then stages of a shop share its datasets, shops share nothing
    assert "a.length" not in first_shop.inputs()
    assert first_shop.datasets().isdisjoint(second_shop.datasets())
    assert len((first_shop + second_shop).nodes) == 5


def test_empty_template_stays_empty() -> None:
    assert in_stage(Pipeline([]), "my_shop", "joining").nodes == []

"""How templates become parts of the shops' graphs, and what stands over all shops."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from kedro.pipeline import Node, Pipeline


def in_stage(template: Pipeline, shop: str, stage: str) -> Pipeline:
    """Put a template into a shop's namespace, as one collapsible stage of it.

    Datasets and parameters get the shop's name alone (``one_click.customers``), because
    stages share them; nodes get both (``one_click.modelling.assign_folds``), because
    Kedro-Viz collapses by the namespace of nodes. Every node is tagged with its stage.

    Args:
        template: Nodes without namespace.
        shop: Name of the shop.
        stage: Name of the stage.

    Returns:
        The same nodes, wired to this shop's data.
    """
    named = Pipeline(template, namespace=stage, prefix_datasets_with_namespace=False, tags=[stage])
    return Pipeline(named, namespace=shop)


def over_shops(node: Callable[[], Node], stage: str) -> Pipeline:
    """Make a pipeline of a node that reads of all shops and belongs to none.

    Args:
        node: Makes the node, whose inputs carry the names of shops.
        stage: Name of the stage, which is namespace and tag of the node.

    Returns:
        A pipeline of that node.
    """
    with warnings.catch_warnings():
        # Kedro warns of dots that are not from the node's own namespace, as these must be.
        warnings.filterwarnings("ignore", "One or more dataset names contain")
        return Pipeline(
            [node()], namespace=stage, prefix_datasets_with_namespace=False, tags=[stage]
        )

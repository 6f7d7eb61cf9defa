"""How a stage's template becomes part of a shop's graph."""

from __future__ import annotations

from kedro.pipeline import Pipeline


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

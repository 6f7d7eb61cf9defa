"""The pipelines that people run by name.

A pipeline named after a stage holds that stage and every stage that it needs, so that
``kedro run --pipeline segmentation`` works on a clean clone. To run a stage alone on saved
inputs, use its tag: ``kedro run --tags segmentation``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from kedro.pipeline import Pipeline

from personal_offers.pipelines import (
    data_processing,
    interests,
    modelling,
    offers,
    reporting,
    sample_data,
    segmentation,
)

# Not find_pipelines(): when one pipeline is asked for, Kedro imports that one alone, and the
# stages that it needs would be missing. A new stage is one line here.
STAGES = {
    "data_processing": data_processing.create_pipeline,
    "modelling": modelling.create_pipeline,
    "interests": interests.create_pipeline,
    "segmentation": segmentation.create_pipeline,
    "offers": offers.create_pipeline,
    "reporting": reporting.create_pipeline,
}


def register_pipelines() -> dict[str, Pipeline]:
    """Return every runnable pipeline by name.

    Returns:
        ``__default__`` (all stages), each stage with what it needs, and ``sample_data``,
        which writes the raw files that the stages read and is never part of another run.
    """
    return dict(_registered())


@cache
def _registered() -> Mapping[str, Pipeline]:
    """Build the pipelines once: hooks ask for them too, and pipelines never change."""
    stages = {name: create_pipeline() for name, create_pipeline in STAGES.items()}
    pipelines = {name: with_needed_stages(name, stages) for name in stages}
    pipelines["sample_data"] = sample_data.create_pipeline()
    pipelines["__default__"] = sum(stages.values(), start=Pipeline([]))
    return pipelines


def with_needed_stages(stage: str, stages: dict[str, Pipeline]) -> Pipeline:
    """Add to a stage, whole, every stage whose outputs it reads, directly or not.

    Args:
        stage: Name of the stage.
        stages: All stages by name.

    Returns:
        The sum of the stage and the stages that it needs.
    """
    needed, inputs = {stage}, stages[stage].inputs()
    while True:
        more = {n for n, p in stages.items() if n not in needed and p.all_outputs() & inputs}
        if not more:
            return sum((stages[name] for name in sorted(needed)), start=Pipeline([]))
        needed |= more
        inputs = set().union(*(stages[name].inputs() for name in needed))

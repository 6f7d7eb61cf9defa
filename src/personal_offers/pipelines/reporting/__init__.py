"""From tables to what people look at: one self-contained page per shop and language."""

from personal_offers.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]

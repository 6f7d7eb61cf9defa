"""Synthetic raw files with every known quirk of the real ones, from a seed."""

from personal_offers.pipelines.sample_data.pipeline import create_pipeline

__all__ = ["create_pipeline"]

"""Segments: risk and profit in, total and disjoint segments with their profile out."""

from personal_offers.pipelines.segmentation.pipeline import create_pipeline

__all__ = ["create_pipeline"]

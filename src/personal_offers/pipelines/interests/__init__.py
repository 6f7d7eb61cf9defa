"""Interests: order lines in, product categories and what each customer is after out."""

from personal_offers.pipelines.interests.pipeline import create_pipeline

__all__ = ["create_pipeline"]

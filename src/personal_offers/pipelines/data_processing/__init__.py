"""Intake: raw files in, customers, labels, cleaning ledger and quarantine out."""

from personal_offers.pipelines.data_processing.pipeline import create_pipeline

__all__ = ["create_pipeline"]

"""Decline risk: customers and labels in, calibrated out-of-fold risk and metrics out."""

from personal_offers.pipelines.modelling.pipeline import create_pipeline

__all__ = ["create_pipeline"]

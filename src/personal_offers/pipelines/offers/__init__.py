"""From risk and money to offers: who gets what, why, within the budget, with a control group."""

from personal_offers.pipelines.offers.pipeline import create_pipeline

__all__ = ["create_pipeline"]

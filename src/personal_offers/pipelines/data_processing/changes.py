"""Features that are changes between two other features of the same customer."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from personal_offers.features import Difference, FeatureRegistry, RelativeChange


def add_changes(customers: ir.Table, registry: FeatureRegistry) -> ir.Table:
    """Add the features that the registry makes from other features.

    Args:
        customers: Grain: one row per customer, with all other features.
        registry: Features in the order of their computation.

    Returns:
        The same rows with the changes.
    """
    for name, feature in registry.features.items():
        if isinstance(feature.compute, RelativeChange | Difference):
            customers = customers.mutate(**{name: _change(customers, feature.compute)})
    return customers


def _change(customers: ir.Table, compute: RelativeChange | Difference) -> ir.Value:
    before, after = customers[compute.from_feature], customers[compute.to_feature]
    if isinstance(compute, Difference):
        return after - before
    return (after - before) / ibis.ifelse(before > 0, before, ibis.null("float64"))

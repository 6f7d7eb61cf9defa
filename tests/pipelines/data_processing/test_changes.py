"""Changes between two features of one customer."""

from __future__ import annotations

from typing import Any

import ibis
import pytest

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.data_processing.changes import add_changes


def feature(kind: str, *between: str) -> dict[str, Any]:
    compute = {"kind": kind}
    if between:
        compute |= dict(zip(("from_feature", "to_feature"), between, strict=True))
    else:
        compute |= {"measure": "net_revenue"}
    return {
        "group": "purchase_behaviour",
        "type": "number",
        "compute": compute,
        "window": "last 180 days",
        "actionable": False,
        "definition": {"ru": "Признак", "en": "Feature"},
    }


def changed(before: float | None, after: float | None, **features: Any) -> dict[str, Any]:
    registry = FeatureRegistry.model_validate(
        {"features": {"before": feature("from_orders"), "after": feature("from_orders")} | features}
    )
    customers = ibis.memtable(
        [{"customer_id": "ann", "before": before, "after": after}],
        schema={"customer_id": "string", "before": "float64", "after": "float64"},
    )
    (row,) = add_changes(customers, registry).to_pyarrow().to_pylist()
    return row


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        (10, 15, 0.5),
        (10, 0, -1),
        (10, -5, -1.5),
        (0, 15, None),
        (-10, 15, None),
        (None, 15, None),
        (10, None, None),
        (0, 0, None),
    ],
)
def test_relative_change_is_a_share_of_what_was_before(
    before: float | None, after: float | None, share: float | None
) -> None:
    row = changed(before, after, change=feature("relative_change", "before", "after"))

    assert row["change"] == share


@pytest.mark.parametrize(
    ("before", "after", "step"), [(10, 15, 5), (0, 15, 15), (-10, 5, 15), (None, 15, None)]
)
def test_difference_is_a_step(before: float | None, after: float | None, step: float) -> None:
    assert changed(before, after, step=feature("difference", "before", "after"))["step"] == step


def test_a_change_may_be_made_of_changes() -> None:
    row = changed(
        10,
        15,
        step=feature("difference", "before", "after"),
        of_step=feature("relative_change", "step", "after"),
    )

    assert (row["step"], row["of_step"]) == (5, 2)


def test_other_columns_stay() -> None:
    row = changed(10, 15, step=feature("difference", "before", "after"))

    assert row == {"customer_id": "ann", "before": 10, "after": 15, "step": 5}

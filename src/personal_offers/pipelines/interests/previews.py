"""What the key nodes of the stage do, as pictures that Kedro-Viz shows beside them."""

from __future__ import annotations

from kedro.pipeline.preview_contract import MermaidPreview


def show_interest_split() -> MermaidPreview:
    """Show which customers teach and which judge a predicted interest."""
    return MermaidPreview(
        """flowchart TD
    lines["Spend by customer, order and category"]
    lines --> split{"First purchase before the split date?"}
    split -->|yes| training["Training: lines before the split only"]
    split -->|no| test["Test: lines up to the cutoff"]
    training --> rehearse["Rehearsals at earlier dates: methods, penalty, strength"]
    rehearse --> simple["The simplest method within one standard error of the least log loss"]
    simple --> better{"More often right than the category of most spend so far, beyond chance?"}
    better -->|yes| model["The method ships"]
    better -->|no| rule["The rule ships"]
    test --> accuracy["Accuracy and coverage by number of orders"]
    model --> accuracy
    rule --> accuracy
"""
    )

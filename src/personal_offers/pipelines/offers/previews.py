"""What the key nodes of the stage do, as pictures that Kedro-Viz shows beside them."""

from __future__ import annotations

from kedro.pipeline.preview_contract import MermaidPreview


def show_prices() -> MermaidPreview:
    """Show what an offer to a customer is worth."""
    return MermaidPreview(
        """flowchart TD
    pair["Customer and offer of the catalogue"]
    pair --> saved["Risk x save rate x margin over the horizon"]
    pair --> cost["Message, and redemption by those who would have stayed anyway"]
    saved --> net["Expected net, with the ends of every range"]
    cost --> net
    pair --> gates["Gates: consent, reachable, not contacted too often, enough margin left"]
    gates --> blocked["The first gate that fails is written down"]
"""
    )


def show_allocation() -> MermaidPreview:
    """Show how offers are given out under a budget."""
    return MermaidPreview(
        """flowchart TD
    pairs["Customers x offers with their worth"] --> gates{"All gates open?"}
    gates -->|no| none["Blocked, with the reason"]
    gates -->|yes| explore["A small random part gets a random offer"]
    gates -->|yes| solve["One offer or none each: the best plan within budget and channels"]
    explore --> control{"Drawn for the control group by a hash of the id?"}
    solve --> control
    control -->|yes| held["Withheld, to compare with"]
    control -->|no| sent["Sent"]
"""
    )

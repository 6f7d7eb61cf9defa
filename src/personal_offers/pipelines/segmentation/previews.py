"""What the key nodes of the stage do, as pictures that Kedro-Viz shows beside them."""

from __future__ import annotations

from kedro.pipeline.preview_contract import MermaidPreview


def show_scores() -> MermaidPreview:
    """Show how purchases become a class."""
    return MermaidPreview(
        """flowchart TD
    lines["Purchases known at the cutoff"] --> r["R: days since the last purchase"]
    lines --> f["F: number of orders"]
    lines --> m["M: money spent"]
    r --> scores["Scores by fixed boundaries; equal customers get equal scores"]
    f --> scores
    m --> scores
    scores --> code["Code, one digit each"]
    code --> klass["Class, by the map of the scheme"]
"""
    )


def show_cells() -> MermaidPreview:
    """Show how risk and profit make a segment."""
    return MermaidPreview(
        """flowchart TD
    customer["Customer"] --> known{"Is the risk known?"}
    known -->|no| none["No segment; the RFM class serves where there is one"]
    known -->|yes| cut["Risk above its threshold? Profit above its threshold?"]
    cut -->|high risk, high profit| a["Save first"]
    cut -->|high risk, low profit| b["Keep cheaply"]
    cut -->|low risk, high profit| c["Reward loyalty"]
    cut -->|low risk, low profit| d["Grow"]
"""
    )


def show_cluster_choice() -> MermaidPreview:
    """Show how one clustering is chosen among many."""
    return MermaidPreview(
        """flowchart TD
    customers["Features, transformed and scaled"]
    customers --> tried["Every method with every number of clusters"]
    tried --> judged["Indices, and stability over resamples"]
    judged --> limits{"Stable, separate and large enough?"}
    limits -->|some| place["Best mean place over the indices; of ties the more stable one"]
    limits -->|none| stable["The most stable one, with a warning"]
    place --> frozen["The transform is kept, so that new customers get the same clusters"]
    stable --> frozen
"""
    )

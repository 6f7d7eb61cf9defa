"""What the key nodes of the stage do, as pictures that Kedro-Viz shows beside them."""

from __future__ import annotations

from kedro.pipeline.preview_contract import MermaidPreview


def show_pages() -> MermaidPreview:
    """Show how outputs of the stages become pages."""
    return MermaidPreview(
        """flowchart TD
    outputs["Tables, metrics and figures of the other stages"]
    outputs --> chapters["Chapters: findings, tables and figures, in Russian and English"]
    absent["What a shop lacks"] -->|left out, or told why| chapters
    chapters --> page["One page for each language; it opens without the internet"]
    chapters --> pictures["The main charts as pictures for slides"]
    chapters --> tables["The tables as CSV"]
"""
    )

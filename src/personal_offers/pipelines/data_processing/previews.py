"""What the key nodes of the stage do, as pictures that Kedro-Viz shows beside them."""

from __future__ import annotations

from kedro.pipeline.preview_contract import MermaidPreview


def show_cleaning() -> MermaidPreview:
    """Show how rules sort the rows of a file."""
    return MermaidPreview(
        """flowchart TD
    raw["Rows of a raw file, typed"] --> rules["Rules, in the order of the ledger"]
    rules -->|repaired| kept["Kept rows"]
    rules -->|flagged| kept
    rules -->|untouched| kept
    rules -->|removed| out["Quarantine: the row as it stood in the file, and the rule"]
    rules --> ledger["Ledger: rows, customers and money before and after each rule"]
    kept --> tables["Customers and labels, or order lines"]
"""
    )


def show_regime() -> MermaidPreview:
    """Show what is looked at before order lines are cleaned."""
    return MermaidPreview(
        """flowchart TD
    lines["Order lines, typed"] --> months["Measures by month"]
    months --> broken{"Does the data change its nature?"}
    broken -->|no| rules["Rules"]
    broken -->|yes| flagged["Lines after the break are flagged; the era ends before it"]
    flagged --> rules
    rules -->|kept| sales["Order lines"]
    rules -->|removed| out["Quarantine"]
    rules --> ledger["Ledger"]
"""
    )


def show_label() -> MermaidPreview:
    """Show who counts as declined at a cutoff."""
    return MermaidPreview(
        """flowchart TD
    before["Before the cutoff: bought often enough, and lately"] --> eligible["Eligible customers"]
    eligible --> baseline["Baseline: their own mean over the window before the cutoff"]
    eligible --> outcome["Outcome: the same measure in the window after the cutoff"]
    baseline --> below{"Is the outcome below the set share of the baseline?"}
    outcome --> below
    below -->|yes| declined["Declined"]
    below -->|no| stayed["Not declined"]
"""
    )

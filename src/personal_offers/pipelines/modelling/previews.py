"""What the key nodes of the stage do, as pictures that Kedro-Viz shows beside them."""

from __future__ import annotations

from kedro.pipeline.preview_contract import MermaidPreview


def show_folds() -> MermaidPreview:
    """Show how customers are dealt into folds."""
    return MermaidPreview(
        """flowchart TD
    rows["Labelled customers, ordered by what they are like, not by id"]
    rows --> twins["Copies of one customer form one group"]
    twins --> deal["Groups are dealt into folds, anew for every repeat"]
    deal --> learn["All folds but one: search, fit, calibrate"]
    deal --> judge["The fold left out: predicted once per repeat"]
    learn --> judge
    judge --> risk["Risk from models that never saw the customer or a twin"]
"""
    )


def show_time_split() -> MermaidPreview:
    """Show which cutoffs teach and which one judges."""
    return MermaidPreview(
        """flowchart TD
    early["Cutoffs whose outcome had ended by the test cutoff"] --> fit["Search, fit, calibrate"]
    fit --> test["Test cutoff: predicted, and judged by what came after it"]
    test --> quality["Quality that the report states"]
    early --> again["Fitted again"]
    test --> again
    again --> today["Customers of today get their risk"]
"""
    )


def show_choice() -> MermaidPreview:
    """Show how models are compared and a winner is named."""
    return MermaidPreview(
        """flowchart TD
    models["All models, on the same rows"]
    models --> inner["Inner folds of the training data: log loss of the calibrated risk"]
    inner --> winner["Winner: the least log loss"]
    rules["Rules without a model"] --> best["Best rule"]
    winner --> differ{"Is the whole paired interval of the difference in ROC-AUC above zero?"}
    best --> differ
    differ -->|yes| beats["The winner beats the rules"]
    differ -->|no| chance["No model beats the best rule by more than chance"]
"""
    )


def show_calibration() -> MermaidPreview:
    """Show how a score becomes a probability."""
    return MermaidPreview(
        """flowchart TD
    rows["All rows that may be learned from"] --> search["Settings are searched on inner folds"]
    search --> scores["Scores out of fold"]
    scores --> curve["Curve: none, sigmoid, beta or isotonic, by the least log loss"]
    search --> fit["The model, fitted on all rows"]
    fit --> risk["Risk of a new customer: the score, then the curve"]
    curve --> risk
"""
    )

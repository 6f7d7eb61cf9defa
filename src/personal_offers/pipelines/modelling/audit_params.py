"""Parameters of the leak audit: what each check may find, and what follows when it finds more."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from personal_offers.features import Strict

# Folds are dealt with this seed, and libraries take 32 bits.
_LARGEST_SEED = 2**31

Severity = Literal["info", "warn", "fail"]


class Check(Strict):
    """A check that may find nothing at all, or one that is for reading only.

    Attributes:
        severity: Verdict when more is found than allowed: ``warn`` is reported, ``fail`` fails
            the audit; ``info`` is for reading only and always passes.
    """

    severity: Severity


class Limited(Check):
    """A check with a limit.

    Attributes:
        limit: What lies above it is too much.
        judged_by: What is compared with the limit: the ``value``, which alarms early, or ``low``,
            the lower end of its interval, which alarms only when chance is excluded.
    """

    limit: float
    judged_by: Literal["value", "low"]


class LimitedAuc(Limited):
    """A check of a ROC-AUC."""

    limit: float = Field(ge=0.5, le=1)


class LimitedLoss(Limited):
    """A check of the ROC-AUC that a variant loses."""

    limit: float = Field(ge=0, le=0.5)


class LimitedShare(Check):
    """A check of a share of customers.

    Attributes:
        limit: What lies above it is too much.
    """

    limit: float = Field(ge=0, le=1)


class AuditChecks(Strict):
    """All checks of the audit.

    Attributes:
        order_alone: ROC-AUC of the id, or of the place in the file, as a score.
        order_neighbours: ROC-AUC of the labels of those who stand next in that order, which
            finds blocks that do not rise or fall.
        feature_alone: ROC-AUC of one feature.
        score_too_good: ROC-AUC of the model.
        group_loss: ROC-AUC that the model loses without a group of features.
        nowcast_loss: ROC-AUC that the model loses without features of the current month alone.
        twins: How often the labels of copies agree.
        twins_across_folds: Groups of copies that are in more than one fold.
        near_twins: Share of customers who are all but equal to somebody outside their group.
        nearest_customer: ROC-AUC that the label of the nearest customer gains when copies
            stand in different folds.
        future_shift: Features that change when lines after the cutoff change.
    """

    order_alone: LimitedAuc
    order_neighbours: LimitedAuc
    feature_alone: LimitedAuc
    score_too_good: LimitedAuc
    group_loss: Check
    nowcast_loss: LimitedLoss
    twins: Check
    twins_across_folds: Check
    near_twins: LimitedShare
    nearest_customer: Check
    future_shift: Check


class AuditOptions(Strict):
    """How leaks are looked for.

    Attributes:
        repeats: Repeats of the cross-validation that variants of the model are run for.
        folds: Folds in which shares of categories, votes of neighbours and nearest customers are
            taken from the others; copies share one. A small class may fill fewer.
        neighbours: Customers next in the order of the file who vote, half before and half after.
        bands: Bands of equal count that the values of a number are cut into, so that a feature
            is found out whose extremes or gaps tell the label.
        near_share: Customers nearer than this share of the median distance to the nearest
            customer are all but equal.
        most_customers: Whose nearest customer is looked for; more are sampled.
        examples: Pairs and names that a sentence quotes at most.
        confidence: Coverage of the intervals.
        seed: Of folds and sample.
        checks: Limits and severities.
    """

    repeats: int = Field(ge=1, le=100)
    folds: int = Field(ge=2, le=20)
    neighbours: Annotated[int, Field(ge=2, le=1000, multiple_of=2)]
    bands: int = Field(ge=2, le=100)
    near_share: float = Field(ge=0, lt=1)
    most_customers: int = Field(ge=100)
    examples: int = Field(ge=1, le=20)
    confidence: float = Field(gt=0.5, lt=1)
    seed: int = Field(ge=0, le=_LARGEST_SEED)
    checks: AuditChecks

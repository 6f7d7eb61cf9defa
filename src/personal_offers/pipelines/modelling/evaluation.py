"""Risk of customers by models that never saw them: by folds, or by time.

A shop whose tables bear no dates is cross-validated: every customer is predicted by models that
were fitted without that customer and without a twin of theirs. A shop with time is judged at a
later moment: the models learn from cutoffs whose outcomes had ended by the test cutoff.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.metrics import Floats
from personal_offers.pipelines.modelling.models import Fitted, RiskModel, fit_rows
from personal_offers.pipelines.modelling.params import ModellingOptions, SVCGrid
from personal_offers.pipelines.modelling.reason_params import ReasonOptions
from personal_offers.progress import steps

logger = logging.getLogger(__name__)

# Added to the seed of a repeat, so that neighbouring repeats do not share inner folds.
_SEEDS_PER_REPEAT = 1_000
RISK_COLUMNS = ["repeat", "fold", "customer_id", "risk"]
SEARCH_COLUMNS = [
    "repeat", "fold", "candidate", "candidate_score", "calibration", "model", "settings",
    "score", "chosen",
]  # fmt: skip
# What a notebook would start with: support vectors as scikit-learn sets them by default.
REFERENCE = "default_svc"
# Models whose time grows with the square of the rows, in training or in prediction.
_QUADRATIC = ("svc", "k_neighbors")


# Risk and search of one model, and of several by name.
Evaluated = tuple[pd.DataFrame, pd.DataFrame]
Runs = dict[str, Evaluated]
# Repeat and fold: the model that never saw the customers of that fold.
FoldModels = dict[tuple[int, int], RiskModel]


class Task(NamedTuple):
    """One fit: rows to learn from and rows to predict.

    Attributes:
        repeat: Number of the repeat.
        fold: Number of the fold; 0 where time gives the test.
        training: Positions in the frame of training rows.
        held_out: Positions in the frame of rows to predict.
        seed: Of inner folds and fits.
    """

    repeat: int
    fold: int
    training: np.ndarray[Any, Any]
    held_out: np.ndarray[Any, Any]
    seed: int


def evaluate_model(
    model_input: pd.DataFrame,
    folds: pd.DataFrame,
    registry: FeatureRegistry,
    options: ModellingOptions,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict every customer by models that never saw that customer or a twin of theirs.

    Args:
        model_input: One row per customer, in content order.
        folds: One row per repeat and customer.
        registry: Which features a model may see.
        options: Model, search and calibration.

    Returns:
        Out-of-fold risk (grain: repeat and customer: repeat, fold, customer_id, risk) and the
        search (grain: repeat, fold, member and combination tried: candidate (the model), its
        inner score and calibration, then member, settings, score and whether it was chosen).
    """
    tasks = cross_validation_tasks(model_input, folds, options.seed)
    return _run(tasks, model_input, model_input, registry, options)[options.model]


def cross_validation_tasks(model_input: pd.DataFrame, folds: pd.DataFrame, seed: int) -> list[Task]:
    """Turn a table of folds into fits.

    Args:
        model_input: One row per customer, in content order.
        folds: One row per repeat and customer, in any order.
        seed: Of the first fit.

    Returns:
        One task per repeat and fold, in this order.
    """
    dealt = folds.pivot(index="customer_id", columns="repeat", values="fold")
    fold_of = dealt.reindex(model_input["customer_id"])
    return [
        Task(
            int(repeat),
            int(fold),
            np.flatnonzero(fold_of[repeat] != fold),
            np.flatnonzero(fold_of[repeat] == fold),
            seed + int(repeat) * _SEEDS_PER_REPEAT + int(fold),
        )
        for repeat in sorted(fold_of.columns)
        for fold in sorted(fold_of[repeat].unique())
    ]


def evaluate_out_of_time(
    training_input: pd.DataFrame,
    model_input: pd.DataFrame,
    registry: FeatureRegistry,
    options: ModellingOptions,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict the customers of the test cutoff by models of earlier cutoffs.

    Args:
        training_input: One row per customer and cutoff whose outcome had ended by the test
            cutoff, in content order; all rows of a customer share a ``twin_group``.
        model_input: One row per customer at the test cutoff, in content order.
        registry: Which features a model may see.
        options: Model, search, calibration; a repeat differs by its seed alone.

    Returns:
        As ``evaluate_model``; every row has fold 0.
    """
    tasks = out_of_time_tasks(training_input, model_input, options)
    return _run(tasks, training_input, model_input, registry, options)[options.model]


def out_of_time_tasks(
    training_input: pd.DataFrame, model_input: pd.DataFrame, options: ModellingOptions
) -> list[Task]:
    """Return one fit on everything per repeat.

    Args:
        training_input: Rows to learn from; with none there is nothing to do.
        model_input: Rows to predict.
        options: Repeats and seed.
    """
    if training_input.empty or model_input.empty:
        return []
    everything = np.arange(len(training_input)), np.arange(len(model_input))
    return [
        Task(repeat, 0, *everything, options.seed + repeat * _SEEDS_PER_REPEAT)
        for repeat in range(options.repeats)
    ]


def _run(
    tasks: list[Task],
    training_input: pd.DataFrame,
    model_input: pd.DataFrame,
    registry: FeatureRegistry,
    options: ModellingOptions,
    members_below: int = 0,
    kept: FoldModels | None = None,
    kept_repeats: int = 0,
) -> Runs:
    """Do the fits and gather what they predict and how they were searched.

    Args:
        tasks: The fits.
        training_input: Rows to learn from.
        model_input: Rows to predict.
        registry: Which features a model may see.
        options: The model.
        members_below: In repeats below this, members of a blend are judged by themselves, too.
        kept: Takes the models of the first ``kept_repeats``, because they explain later.
        kept_repeats: How many repeats are kept.

    Returns:
        Name of the model (and of members): its risk and its search.
    """
    from joblib import Parallel, delayed

    if not tasks:
        return {options.model: (_empty(RISK_COLUMNS), _empty(SEARCH_COLUMNS))}
    logger.info(
        "Fitting %s %d times, searched in %d inner folds",
        " + ".join(options.members()), len(tasks), options.search.folds,
    )  # fmt: skip
    # Threads: the fits release the interpreter lock, and processes would copy the imports.
    runs = Parallel(n_jobs=options.threads, backend="threading", return_as="generator")(
        delayed(_fit_and_predict)(
            task, training_input, model_input, registry, options, task.repeat < members_below
        )
        for task in tasks
    )
    risks: dict[str, list[pd.DataFrame]] = {}
    searches: dict[str, list[dict[str, Any]]] = {}
    for task, predicted in zip(tasks, steps(runs, "fits", len(tasks)), strict=True):
        for name, (held_out, fitted) in predicted.items():
            risks.setdefault(name, []).append(held_out)
            searches.setdefault(name, []).extend(_search_rows(task, name, fitted))
        if kept is not None and task.repeat < kept_repeats:
            kept[task.repeat, task.fold] = predicted[options.model][1].model
    return {
        name: (
            pd.concat(parts, ignore_index=True),
            pd.DataFrame(searches[name], columns=SEARCH_COLUMNS),
        )
        for name, parts in risks.items()
    }


def _empty(columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(columns=columns)


def _fit_and_predict(
    task: Task,
    training_input: pd.DataFrame,
    model_input: pd.DataFrame,
    registry: FeatureRegistry,
    options: ModellingOptions,
    each_alone: bool,
) -> dict[str, tuple[pd.DataFrame, Fitted]]:
    """Fit on the training rows of a task and predict its held-out rows."""
    training = training_input.iloc[task.training]
    held_out = model_input.iloc[task.held_out]
    columns = registry.model_names()
    fitted = fit_rows(training, registry, options, task.seed, each_alone)
    customers = {
        "repeat": task.repeat,
        "fold": task.fold,
        "customer_id": held_out["customer_id"].to_numpy(),
    }
    models: dict[str, Fitted] = {options.model: fitted}
    models |= {str(name): each for name, each in fitted.alone.items()}
    return {
        name: (pd.DataFrame(customers | {"risk": each.model.predict(held_out[columns])}), each)
        for name, each in models.items()
    }


def _search_rows(task: Task, candidate: str, fitted: Fitted) -> list[dict[str, Any]]:
    common = {
        "repeat": task.repeat,
        "fold": task.fold,
        "candidate": candidate,
        "candidate_score": fitted.score,
        "calibration": fitted.model.calibration,
    }
    return [
        common | tried._asdict() | {"settings": str(dict(tried.settings))} for tried in fitted.tried
    ]


def by_repeat(risk: pd.DataFrame, customer_ids: pd.Series) -> Floats:
    """Turn a long table of risks into a matrix.

    Args:
        risk: One row per repeat and customer.
        customer_ids: The customers, in the order that is wanted.

    Returns:
        Repeats x customers.
    """
    wide = risk.pivot(index="repeat", columns="customer_id", values="risk")
    return np.asarray(wide[customer_ids.to_list()], dtype=np.float64)


def evaluate_all(
    model_input: pd.DataFrame,
    folds: pd.DataFrame,
    registry: FeatureRegistry,
    options: ModellingOptions,
    reasons: ReasonOptions,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, FoldModels]:
    """Predict every customer by the chosen model, and by every candidate on the same folds.

    Args:
        model_input: One row per customer, in content order.
        folds: One row per repeat and customer.
        registry: Which features a model may see.
        options: The model, the candidates, their grids and their repeats.
        reasons: Of how many repeats the models will explain.

    Returns:
        Risk and search of the chosen model (see ``evaluate_model``), then of the candidates, on
        the first ``candidates.repeats`` (with ``candidate`` in front of the risk): members of a
        blend by themselves, the other models, and ``default_svc``, support vectors with the
        settings that scikit-learn comes with. And the chosen models of the repeats that explain.
    """
    most = options.candidates.repeats
    kept: FoldModels = {}
    tasks = cross_validation_tasks(model_input, folds, options.seed)
    own = _run(
        tasks, model_input, model_input, registry, options, most, kept, reasons.explained_repeats
    )
    some = [task for task in tasks if task.repeat < most]
    candidates = _with_candidates(
        own, candidate_options(options, len(model_input)),
        lambda asked: _run(some, model_input, model_input, registry, asked),
    )  # fmt: skip
    return *own[options.model], *candidates, kept


def evaluate_all_out_of_time(
    training_input: pd.DataFrame,
    model_input: pd.DataFrame,
    registry: FeatureRegistry,
    options: ModellingOptions,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Predict the customers of the test cutoff by the chosen model and by every candidate.

    Args:
        training_input: As for ``evaluate_out_of_time``.
        model_input: One row per customer at the test cutoff, in content order.
        registry: Which features a model may see.
        options: The model, the candidates, their grids and their repeats.

    Returns:
        As ``evaluate_all``.
    """
    most = min(options.candidates.repeats, options.repeats)
    tasks = out_of_time_tasks(training_input, model_input, options)
    own = _run(tasks, training_input, model_input, registry, options, most)
    some = tasks[:most]
    candidates = _with_candidates(
        own, candidate_options(options, len(training_input)),
        lambda asked: _run(some, training_input, model_input, registry, asked),
    )  # fmt: skip
    return *own[options.model], *candidates


def _with_candidates(
    own: Runs, candidates: Mapping[str, ModellingOptions], run: Callable[[ModellingOptions], Runs]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit the candidates that the chosen model has not fitted already, and put all together."""
    found: Runs = {}
    for name, asked in candidates.items():
        found[name] = own[name] if name in own else run(asked)[asked.model]
    risks = [risk.assign(candidate=name) for name, (risk, _) in found.items() if len(risk)]
    searches = [search.assign(candidate=name) for name, (_, search) in found.items() if len(search)]
    columns = ["candidate", *RISK_COLUMNS]
    return (
        pd.concat(risks, ignore_index=True)[columns] if risks else _empty(columns),
        pd.concat(searches, ignore_index=True) if searches else _empty(SEARCH_COLUMNS),
    )


def candidate_options(options: ModellingOptions, rows: int) -> Mapping[str, ModellingOptions]:
    """Return the parameters of each candidate by its name; none where no candidate is asked for.

    Args:
        options: Candidates and grids.
        rows: How many a model learns from at most; of too many, not every model can.
    """
    if not options.candidates.models:
        return {}
    asked: dict[str, ModellingOptions] = {
        name: options.model_copy(update={"model": name})
        for name in options.candidates.models
        if name != options.model
    }
    plain = options.grids.model_copy(update={"svc": SVCGrid(C=[1.0], gamma=["scale"])})
    reference = {"model": "svc", "calibration": "none", "grids": plain}
    asked |= {REFERENCE: options.model_copy(update=reference)}
    if rows <= options.candidates.most_rows:
        return asked
    left_out = [name for name, wanted in asked.items() if wanted.model in _QUADRATIC]
    logger.warning(
        "%s are no candidates: their time grows with the square of the rows, and there are %s "
        "(candidates.most_rows is %s)",
        ", ".join(left_out),
        f"{rows:,}",
        f"{options.candidates.most_rows:,}",
    )
    return {name: wanted for name, wanted in asked.items() if name not in left_out}

"""The candidate table: all models and baselines on the same rows, and which of them wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from personal_offers.features import Language
from personal_offers.pipelines.modelling.evaluation import REFERENCE, by_repeat
from personal_offers.pipelines.modelling.metrics import (
    MEASURES,
    Booleans,
    Floats,
    bootstrap_weights,
    measure,
    tally,
)
from personal_offers.pipelines.modelling.params import ModellingOptions
from personal_offers.pipelines.modelling.words import model_title

RULE = {
    "ru": "Победитель — модель с наименьшими логарифмическими потерями калиброванного риска на "
    "внутренних частях обучающих данных; строки, по которым судят, в выборе не участвуют. Он "
    "лучше правил без модели, если весь парный интервал разности ROC-AUC с лучшим из них выше "
    "нуля.",
    "en": "The winner is the model whose calibrated risk has the least log loss on the inner folds "
    "of the training data; the rows that judge it take no part in the choice. It beats the rules "
    "without a model when the whole paired interval of its ROC-AUC less the best rule's is above "
    "zero.",
}
LANGUAGES: tuple[Language, ...] = ("ru", "en")
KINDS = ("model", "reference", "baseline")


def compare_candidates(
    model_input: pd.DataFrame,
    risk_by_repeat: pd.DataFrame,
    candidate_risk: pd.DataFrame,
    baseline_risk: pd.DataFrame,
    search_results: pd.DataFrame,
    candidate_search: pd.DataFrame,
    options: ModellingOptions,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Put the chosen model, the candidates and the baselines into one table, and name a winner.

    Args:
        model_input: One row per customer who judges.
        risk_by_repeat: Risk of the chosen model.
        candidate_risk: Risk of the candidates, on the first repeats.
        baseline_risk: Risk of the baselines.
        search_results: Inner scores of the chosen model.
        candidate_search: Inner scores of the candidates.
        options: Repeats of the table, resamples and confidence.

    Returns:
        Grain: one model or baseline, models by falling inner score, then the reference, then
        baselines by falling ROC-AUC: model, kind, chosen, winner, inner_score; every measure with
        its interval (``_low``, ``_high``), as the mean over the repeats that all share; sd of
        ROC-AUC over them; ``difference`` in ROC-AUC from the best baseline and
        ``winner_difference`` from the winner, with paired intervals; repeats and
        repeats_ahead_of_reference. And the comparison: winner, best_baseline, difference, what
        follows (``beats_baseline``, ``chosen_wins``), the rule and a statement in both languages.
    """
    if model_input.empty:
        return pd.DataFrame(columns=["model", "kind", "chosen", "winner", "inner_score"]), {}
    risks = _all_risks(model_input, risk_by_repeat, candidate_risk, baseline_risk, options)
    shared = max(len(own) for _, own in risks.values())
    inner = pd.concat([search_results, candidate_search], ignore_index=True)
    inner = inner[inner["repeat"] < shared]
    scores = inner.groupby("candidate")["candidate_score"].mean().to_dict()
    models = [name for name, (kind, _) in risks.items() if kind == "model"]
    winner = max(models, key=lambda name: scores[name])
    table = _measure_all(model_input, risks, winner, options)
    table["inner_score"] = table["model"].map(scores)
    table["winner"] = table["model"] == winner
    table["chosen"] = table["model"] == options.model
    table = _in_order(table)
    return table, _conclude(table, winner, options)


def _all_risks(
    model_input: pd.DataFrame,
    risk_by_repeat: pd.DataFrame,
    candidate_risk: pd.DataFrame,
    baseline_risk: pd.DataFrame,
    options: ModellingOptions,
) -> dict[str, tuple[str, Floats]]:
    """Return name: kind and risks (repeats x customers) on the repeats that all share.

    Baselines without chance have one repeat where time gives the test; it stands for all.
    """
    ids = model_input["customer_id"]
    repeats = options.repeats
    if len(candidate_risk):
        repeats = min(repeats, options.candidates.repeats)
    found: dict[str, tuple[str, Floats]] = {}
    found[options.model] = ("model", by_repeat(risk_by_repeat, ids)[:repeats])
    for name, own in candidate_risk.groupby("candidate", sort=False):
        kind = "reference" if name == REFERENCE else "model"
        found[str(name)] = (kind, by_repeat(own, ids)[:repeats])
    for name, own in baseline_risk.groupby("baseline", sort=False):
        risks = by_repeat(own, ids)[:repeats]
        found[str(name)] = ("baseline", np.broadcast_to(risks, (repeats, risks.shape[1])))
    return found


def _measure_all(
    model_input: pd.DataFrame,
    risks: Mapping[str, tuple[str, Floats]],
    winner: str,
    options: ModellingOptions,
) -> pd.DataFrame:
    label = model_input["declined"].to_numpy(np.bool_)
    groups = pd.factorize(model_input["twin_group"])[0].astype(np.int64)
    weights = bootstrap_weights(groups, options.bootstrap, options.seed)
    both = (weights[label] > 0).any(axis=0) & (weights[~label] > 0).any(axis=0)
    counted = np.column_stack([np.ones(len(label)), weights[:, both]])
    aucs = {name: _roc_aucs(label, own, counted) for name, (_, own) in risks.items()}
    exact = {name: float(values[:, 0].mean()) for name, values in aucs.items()}
    baselines = [name for name, (kind, _) in risks.items() if kind == "baseline"]
    best = max(baselines, key=lambda name: exact[name])
    reference = aucs.get(REFERENCE)
    rows = []
    for name, (kind, own) in risks.items():
        row: dict[str, Any] = {"model": name, "kind": kind, "repeats": len(own)}
        for measured, figures in measure(label, own, weights, options.confidence).items():
            row |= {
                measured: figures["value"],
                f"{measured}_low": figures["low"],
                f"{measured}_high": figures["high"],
            }
        row["roc_auc_sd"] = float(aucs[name][:, 0].std(ddof=1)) if len(own) > 1 else None
        row |= _difference("difference", aucs[name], aucs[best], options.confidence)
        row |= _difference("winner_difference", aucs[name], aucs[winner], options.confidence)
        row["repeats_ahead_of_reference"] = (
            None if reference is None else int((aucs[name][:, 0] > reference[:, 0]).sum())
        )
        rows.append(row)
    return pd.DataFrame(rows)


def _roc_aucs(label: Booleans, risks: Floats, counted: Floats) -> Floats:
    """Return ROC-AUC, repeats x (everybody once, then the resamples)."""
    return np.stack([MEASURES["roc_auc"](tally(label, risk, counted)) for risk in risks])


def _difference(
    name: str, own: Floats, other: Floats, confidence: float
) -> dict[str, float | None]:
    """Return the difference of two scores with its paired percentile interval."""
    gap = (own - other).mean(axis=0)
    tail = (1 - confidence) / 2
    low, high = np.quantile(gap[1:], [tail, 1 - tail])
    return {name: float(gap[0]), f"{name}_low": float(low), f"{name}_high": float(high)}


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    first = ["model", "kind", "chosen", "winner", "inner_score", "repeats"]
    measures = [f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")]
    columns = [*first, *measures, *(name for name in table if name not in {*first, *measures})]
    by_kind = table["kind"].map(KINDS.index)
    by_score = table["inner_score"].where(table["kind"] != "baseline", table["roc_auc"])
    keys = pd.DataFrame({"kind": by_kind, "score": -by_score, "model": table["model"]})
    order = keys.sort_values(["kind", "score", "model"], kind="stable").index
    return table.loc[order, columns].reset_index(drop=True)


def _conclude(table: pd.DataFrame, winner: str, options: ModellingOptions) -> dict[str, Any]:
    """Say who won, and whether a model was worth it."""
    best = table[table["kind"] == "baseline"].iloc[0]
    own = table[table["winner"]].iloc[0]
    # A zero margin is a tie: the interval must leave zero out.
    alike = table[(table["kind"] == "model") & (table["winner_difference_high"] >= 0)]
    figures = {
        key: float(own[name])
        for key, name in zip(
            ("value", "low", "high"),
            ("difference", "difference_low", "difference_high"),
            strict=True,
        )
    }
    beats = figures["low"] > 0
    return {
        "rule": RULE,
        "winner": winner,
        "chosen": options.model,
        "chosen_wins": winner == options.model,
        "not_told_apart_from_winner": [name for name in alike["model"] if name != winner],
        "best_baseline": str(best["model"]),
        "difference": figures,
        "beats_baseline": beats,
        "statement": _statement(winner, str(best["model"]), figures, beats, options),
    }


def _statement(
    winner: str, baseline: str, gap: Mapping[str, float], beats: bool, options: ModellingOptions
) -> dict[str, str]:
    ends = (f"{gap[end]:+.3f}".replace("-", "\u2212") for end in ("value", "low", "high"))
    numbers = "{} ({} … {})".format(*ends)
    percent = round(100 * options.confidence)
    names = {
        language: (model_title(winner, language), model_title(baseline, language))
        for language in LANGUAGES
    }
    if beats:
        said = {
            "ru": f"Модель «{names['ru'][0]}» ранжирует клиентов лучше, чем {names['ru'][1]}",
            "en": f"The model “{names['en'][0]}” ranks customers better than {names['en'][1]}",
        }
    else:
        said = {
            "ru": f"Ни одна модель не лучше правила «{names['ru'][1]}» так, чтобы это "
            "отличалось от случая",
            "en": f"No model beats the rule “{names['en'][1]}” by more than chance",
        }
    chosen = options.model
    other = {"ru": "", "en": ""}
    if winner != chosen:
        other = {
            "ru": f" В параметрах выбрана другая модель, «{model_title(chosen, 'ru')}», а не "
            f"победитель «{names['ru'][0]}».",
            "en": f" The parameters choose another model, “{model_title(chosen, 'en')}”, not the "
            f"winner “{names['en'][0]}”.",
        }
    return {
        "ru": f"{said['ru']}: разность ROC-AUC {numbers.replace('.', ',')}, парный интервал "
        f"{percent}%.{other['ru']}",
        "en": f"{said['en']}: difference in ROC-AUC {numbers}, paired {percent}% interval."
        f"{other['en']}",
    }

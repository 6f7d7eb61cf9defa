"""A fitted decline model with the facts that say what it is and whom it fits.

The dataset that stores it knows nothing of this stage, so a model is handed over as its parts
(``to_parts``) and put together again after loading (``from_parts``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from personal_offers.errors import InputError
from personal_offers.features import Difference, FeatureRegistry, RelativeChange
from personal_offers.pipelines.modelling.models import RiskModel

_NOT_USED = "the stored model was not used"
# What pandas finds in a column of Python objects, and what it is here.
_KINDS = {
    "boolean": "flag",
    "date": "time",
    "datetime": "time",
    "datetime64": "time",
    "decimal": "number",
    "floating": "number",
    "integer": "number",
    "integer-na": "number",
    "mixed-integer-float": "number",
    "string": "text",
}


@dataclass(frozen=True)
class DeclineModel:
    """A fitted model and what is known of it.

    Attributes:
        model: Gives P(declined).
        facts: Plain JSON: ``features`` (see ``describe_features``), ``data_hash`` of the training
            rows, and whatever else says how the model came about (see ``training_facts``).
    """

    model: RiskModel
    facts: Mapping[str, Any]

    def to_parts(self) -> dict[str, Any]:
        """Return what ``SkopsModelDataset`` stores."""
        model = {each.name: getattr(self.model, each.name) for each in fields(self.model)}
        return {"model": model, "facts": dict(self.facts)}

    @classmethod
    def from_parts(cls, parts: Mapping[str, Any]) -> DeclineModel:
        """Put a model together from what ``SkopsModelDataset`` loads.

        Raises:
            InputError: When there is no model, or it has other parts than a model has today.
        """
        if not parts["model"]:
            reason = (parts["facts"].get("withheld") or {}).get("en", "nothing was trained")
            raise InputError([f"the shop has no decline model: {reason}"], _NOT_USED)
        wanted = {each.name for each in fields(RiskModel)}
        if set(parts["model"]) != wanted:
            problem = (
                f"the stored model has the parts {', '.join(sorted(parts['model']))}, this release "
                f"needs {', '.join(sorted(wanted))}: train the model again (stage modelling)"
            )
            raise InputError([problem], _NOT_USED)
        return cls(RiskModel(**parts["model"]), parts["facts"])


def without_model(reason: Mapping[str, str]) -> dict[str, Any]:
    """Return what ``SkopsModelDataset`` stores for a shop without a model.

    Args:
        reason: Why, in both languages.
    """
    return {"model": {}, "facts": {"withheld": dict(reason)}}


def training_facts(
    rows: pd.DataFrame,
    registry: FeatureRegistry,
    parameters: Mapping[str, Any],
    label: Mapping[str, Any],
    settings: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Say what a model was trained on and how.

    Args:
        rows: Training rows: customer_id, the features, declined, twin_group, and ``cutoff`` for a
            shop with time.
        registry: Features that the model saw.
        parameters: Of the model, with its ``seed``.
        label: What declined means; plain JSON.
        settings: Chosen settings of each member.

    Returns:
        Plain JSON: features, data_hash, rows, customers, declined_share, training_period (first
        and last cutoff; None without time), label, parameters, seed, settings.
    """
    # What a model is judged by besides is not what it learned from.
    learned = {"customer_id", "cutoff", "declined", "twin_group", *registry.model_names()}
    period = None
    if "cutoff" in rows and len(rows):
        cutoffs = pd.to_datetime(rows["cutoff"])
        period = {"first": cutoffs.min().isoformat(), "last": cutoffs.max().isoformat()}
    return {
        "features": describe_features(registry),
        "data_hash": data_hash(rows[[name for name in rows if name in learned]]),
        "rows": len(rows),
        "customers": int(rows["customer_id"].nunique()),
        "declined_share": float(rows["declined"].mean()) if len(rows) else None,
        "training_period": period,
        "label": dict(label),
        "parameters": dict(parameters),
        "seed": parameters.get("seed"),
        "settings": {name: dict(chosen) for name, chosen in settings.items()},
    }


def describe_features(registry: FeatureRegistry) -> dict[str, dict[str, Any]]:
    """Say what each feature of the model is: its type, and how it is computed to the bottom.

    Args:
        registry: Features of the shop.

    Returns:
        Feature: ``type`` and ``compute``; a change of two features holds their computations in
        place of their names, so it differs when one of them does.
    """
    return {
        name: {"type": registry.features[name].type, "compute": _computation(name, registry)}
        for name in registry.model_names()
    }


def _computation(name: str, registry: FeatureRegistry) -> dict[str, Any]:
    compute = registry.features[name].compute
    described: dict[str, Any] = compute.model_dump(mode="json")
    if isinstance(compute, RelativeChange | Difference):
        for part in ("from_feature", "to_feature"):
            described[part] = _computation(described[part], registry)
    return described


def unfit(facts: Mapping[str, Any], registry: FeatureRegistry) -> list[str]:
    """Say why a stored model does not fit the features of today.

    A feature that is new since the training is no reason: the model does not look at it.

    Args:
        facts: Of the stored model.
        registry: Features as the shop computes them now.

    Returns:
        One sentence for each feature of the model that is gone, that the model may no longer
        see, or that is of another type or computed in another way; nothing when all fit.
    """
    trained = facts.get("features")
    if not isinstance(trained, Mapping) or not trained:
        return ["the stored model does not say which features it needs: train it again"]
    now = describe_features(registry)
    problems = []
    for name, known in trained.items():
        if name not in registry.features:
            problem = "is not a feature of the registry any more"
        elif name not in now:
            problem = "is withheld from the model now (model: false)"
        elif now[name]["type"] != known.get("type"):
            problem = f"was a {known.get('type')} in training and is a {now[name]['type']} now"
        elif now[name]["compute"] != known.get("compute"):
            problem = "is computed in another way than in training"
        else:
            continue
        problems.append(f"feature {name} {problem}: train the model again")
    return problems


def data_hash(frame: pd.DataFrame) -> str:
    """Hash the content of a table; the same on every machine.

    Neither the order of the rows nor that of the columns counts: engines return rows in any
    order, and models are fitted in content order anyway. How often a row stands there counts.
    Widths of numbers do not (3 is 3.0; all are taken as doubles), missing values are all alike,
    moments count to the microsecond.

    Args:
        frame: Columns of numbers, flags, moments or texts.

    Returns:
        SHA-256 in hex.

    Raises:
        ValueError: When a column holds anything else, or two have one name.
    """
    names = sorted(str(name) for name in frame.columns)
    if len(set(names)) < len(names):
        raise ValueError("two columns have one name")
    digest = hashlib.sha256()
    keys = []
    for name in names:
        kind, texts, key = _canonical(frame[name])
        # Lengths first, so that no two tables run into the same bytes.
        for part in (name, kind, str(len(texts)), *texts):
            content = part.encode("utf-8", "surrogatepass")
            digest.update(len(content).to_bytes(8, "little") + content)
        keys.append(key)
    digest.update(len(frame).to_bytes(8, "little"))
    if keys:
        cells = np.stack(keys, axis=1)
        digest.update(cells[np.lexsort(keys[::-1])].astype("<i8").tobytes())
    return digest.hexdigest()


def _canonical(column: pd.Series) -> tuple[str, list[str], npt.NDArray[np.int64]]:
    """Return the kind of a column, its texts in order, and a whole number per row."""
    if column.isna().all():  # engines disagree on the type of a column without values
        return "missing", [], np.zeros(len(column), dtype=np.int64)
    found = pd.api.types.infer_dtype(column, skipna=True)
    if isinstance(column.dtype, pd.CategoricalDtype):
        found = "string"
    kind = _KINDS.get(found)
    if kind is None:
        raise ValueError(f"column {column.name} holds {found}, which is not hashed")
    if kind == "time":
        moments = pd.to_datetime(column, utc=True).dt.as_unit("us")
        return kind, [], np.asarray(moments.astype("int64"), dtype=np.int64)
    if kind == "text":
        codes, texts = pd.factorize(column.astype("str"), sort=True)
        return kind, [str(text) for text in texts], codes.astype(np.int64)
    numbers = column.astype("Float64").to_numpy(np.float64, na_value=np.nan) + 0.0  # no -0.0
    numbers[np.isnan(numbers)] = np.nan
    return kind, [], numbers.view(np.int64)

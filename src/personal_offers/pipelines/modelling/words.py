"""What people read in place of the names of models, rules and measures."""

from __future__ import annotations

from collections.abc import Mapping

from personal_offers.features import Language

_BASELINES: Mapping[str, Mapping[Language, str]] = {
    "base_rate": {"ru": "доля снизивших для всех", "en": "base rate for everyone"},
    "best_single_feature": {"ru": "лучший одиночный признак", "en": "best single feature"},
    "recency": {"ru": "давность покупки", "en": "recency"},
    "frequency": {"ru": "частота покупок", "en": "frequency"},
    "bg_nbd": {"ru": "ожидаемые заказы по BG/NBD", "en": "expected orders by BG/NBD"},
}
_MODELS: Mapping[str, Mapping[Language, str]] = {
    "logistic_regression": {"ru": "логистическая регрессия", "en": "logistic regression"},
    "svc": {"ru": "опорные векторы", "en": "support vectors"},
    "k_neighbors": {"ru": "ближайшие соседи", "en": "nearest neighbours"},
    "decision_tree": {"ru": "дерево решений", "en": "decision tree"},
    "random_forest": {"ru": "случайный лес", "en": "random forest"},
    "extra_trees": {"ru": "сверхслучайные деревья", "en": "extra trees"},
    "catboost": {"ru": "бустинг CatBoost", "en": "CatBoost boosting"},
    "default_svc": {"ru": "опорные векторы без настройки", "en": "untuned support vectors"},
    "blend": {"ru": "среднее нескольких моделей", "en": "mean of several models"},
}
BASELINE_NAMES = frozenset(_BASELINES)


def model_title(name: str, language: Language) -> str:
    """Return what people call a model or a rule; a name that is not known stays as it is.

    Args:
        name: As in the tables; members of a mean may be joined by ``+``.
        language: Of the text.
    """
    parts = [part.strip() for part in str(name).split("+")]
    known = {**_BASELINES, **_MODELS}
    return " + ".join(known[part][language] if part in known else part for part in parts)

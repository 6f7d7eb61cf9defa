"""What people read about interests, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personal_offers.features import Language
from personal_offers.figure_style import number, percent, span

LANGUAGES: tuple[Language, ...] = ("ru", "en")
Sentence = dict[str, str]
_HUNDRED = 100

_METHODS: Mapping[str, Mapping[Language, str]] = {
    "majority": {"ru": "самая частая категория", "en": "most frequent category"},
    "same_so_far": {"ru": "та же, что и до сих пор", "en": "same as so far"},
    "shrinkage": {"ru": "доли со стягиванием к общим", "en": "shares drawn to everyone's"},
    "transitions": {"ru": "переходы между категориями", "en": "transitions between categories"},
    "logistic_regression": {"ru": "логистическая регрессия", "en": "logistic regression"},
    "conditional_logit": {"ru": "условный логит", "en": "conditional logit"},
}

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "era": "вывод отложен: {reason}",
        "no_categories": "ни у одного товара нет категории, кроме «прочее»: предсказывать нечего",
        "one_category": "категория всего одна ({name}): предсказывать нечего",
        "late_split": "дата раздела (categories.split) {split} позже последней даты данных "
        "{cutoff}: проверить предсказание не на ком",
        "few": "мало клиентов, чей более поздний интерес известен: для обучения {training} "
        "(нужно {least_training}), для проверки {test} (нужно {least_test})",
        "model": "Предсказывает модель «{name}»: из моделей, чьи ошибки неотличимы от "
        "наименьших, она самая простая, и она угадывает чаще, чем правило «{rule}», на {gain} п. "
        "п. "
        "(интервал {interval}; обучающие клиенты, по частям)",
        "rule": "Ни одна модель не угадывает чаще правила «{rule}» так, чтобы это отличалось от "
        "случая (лучшая, «{name}», на {gain} п. п., интервал {interval}), поэтому предсказывает "
        "само правило",
        "no_model": "Модели не сравнивались, поэтому предсказывает правило «{rule}»",
        "result": "После заказа № {orders} интерес нового клиента угадан в {top1} случаев "
        "({interval}; клиентов в проверке: {customers}); правило «{rule}»: {same}, самая частая "
        "категория: {majority}",
        "suspicious": "Выигрыш {gain} п. п. над правилом слишком велик: проверьте, не видит ли "
        "предсказание будущее",
        "share": "Доля клиентов с предсказанием (самые уверенные первыми)",
        "accuracy": "Доля угаданных",
        "everyone": "Все клиенты",
        "after": "после заказов: {orders}",
        "orders": "Заказов до предсказания",
        "interval": "{confidence}-й интервал",
        "certain": "При вероятности не ниже {certainty}",
        "ceiling": "Согласие двух половин более поздних покупок",
        "coverage_title": "Если предсказывать интерес только там, где уверенность выше всего "
        "({share} клиентов), он угадан в {half} случаев вместо {all}",
        "coverage_same": "Уверенность не помогает: там, где она выше всего ({share} клиентов), "
        "интерес угадан в {half} случаев, а у всех — в {all}",
        "accuracy_title_rule": "Интерес нового клиента после заказа № {orders} угадан в {value} "
        "случаев ({interval}) правилом «{rule}», и ни одна модель не лучше него; самая частая "
        "категория: {majority}",
        "accuracy_title": "Интерес нового клиента после заказа № {orders} угадан в {value} "
        "случаев ({interval}); «{rule}»: {same}; самая частая категория: {majority}",
        "nothing": "Показывать нечего: интересы не предсказывались",
    },
    "en": {
        "era": "the output is withheld: {reason}",
        "no_categories": "no product has a category other than “other”: nothing to predict",
        "one_category": "there is one category only ({name}): nothing to predict",
        "late_split": "the split (categories.split) {split} lies after the cutoff {cutoff}: "
        "there is nobody to test the prediction on",
        "few": "too few customers whose later interest is known: {training} for training "
        "({least_training} needed), {test} for the test ({least_test} needed)",
        "model": "The prediction comes from “{name}”: of the models whose errors cannot be told "
        "from the smallest it is the simplest, and it is right more often than the rule “{rule}” "
        "by {gain} percentage points (interval {interval}; training customers, by parts)",
        "rule": "No model is right more often than the rule “{rule}” by more than chance (the "
        "best one, “{name}”, by {gain} percentage points, interval {interval}), so the rule "
        "itself predicts",
        "no_model": "No models were compared, so the rule “{rule}” predicts",
        "result": "After order {orders} a new customer's interest was named right in {top1} of "
        "cases ({interval}; {customers} customers in the test); the rule “{rule}”: {same}, the "
        "most frequent category: {majority}",
        "suspicious": "A gain of {gain} percentage points over the rule is too good: check "
        "whether the prediction "
        "sees the future",
        "share": "Share of customers with a prediction (the surest first)",
        "accuracy": "Share that was right",
        "everyone": "All customers",
        "after": "after orders: {orders}",
        "orders": "Orders before the prediction",
        "interval": "{confidence} interval",
        "certain": "With a probability of at least {certainty}",
        "ceiling": "Agreement of two halves of the later purchases",
        "coverage_title": "If interests are predicted only where that is surest ({share} of "
        "customers), {half} are right instead of {all}",
        "coverage_same": "Certainty does not help: where it is highest ({share} of customers), "
        "{half} of interests are right; for everyone, {all}",
        "accuracy_title_rule": "After order {orders} a new customer's interest was named right in "
        "{value} of cases ({interval}) by the rule “{rule}”, which no model beats; most frequent "
        "category: {majority}",
        "accuracy_title": "After order {orders} a new customer's interest was named right in "
        "{value} of cases ({interval}); “{rule}”: {same}; most frequent category: {majority}",
        "nothing": "Nothing to show: no interests were predicted",
    },
}


def method_title(method: str, language: Language) -> str:
    """Return what people call a method; a name that is not known stays as it is."""
    return _METHODS[method][language] if method in _METHODS else method


def both(key: str, values: Mapping[Language, Mapping[str, Any]]) -> Sentence:
    """Fill one text in both languages.

    Args:
        key: Of the text.
        values: What goes into it, by language.
    """
    return {language: TEXTS[language][key].format(**values[language]) for language in LANGUAGES}


def same_in_both(key: str, **values: Any) -> Sentence:
    """Fill one text in both languages with the same values; numbers as people write them."""
    return both(
        key,
        {
            language: {
                name: number(value, language) if isinstance(value, int) else value
                for name, value in values.items()
            }
            for language in LANGUAGES
        },
    )


def percent_span(low: float, high: float, language: Language) -> str:
    """Write an interval of shares of 1 in per cent: 36–44%."""
    return f"{span(low * _HUNDRED, high * _HUNDRED, 0, language)}%"


def choice_sentence(choice: Mapping[str, Any]) -> Sentence:
    """Say what predicts and why.

    Args:
        choice: ``method``, ``best_model`` (or null) and ``gain`` (of its top-1 accuracy over the
            rule: value, low, high).
    """
    best = choice["best_model"]
    key = "no_model" if best is None else "rule" if choice["rule_ships"] else "model"
    values: dict[Language, dict[str, Any]] = {}
    for language in LANGUAGES:
        values[language] = {"rule": method_title("same_so_far", language)}
        if best is not None:
            gain = choice["gain"]
            values[language] |= {
                "name": method_title(best, language),
                "gain": number(gain["value"] * _HUNDRED, language, 1),
                "interval": span(gain["low"] * _HUNDRED, gain["high"] * _HUNDRED, 1, language),
            }
    return both(key, values)


def result_sentence(
    orders: int, shipped: Mapping[str, Any], same: Mapping[str, Any], majority: Mapping[str, Any]
) -> Sentence:
    """Say how often the prediction was right for new customers, beside the simple rules.

    Args:
        orders: Purchase orders before the prediction.
        shipped: Row of the accuracy table of what predicts.
        same: Row of the rule "same as so far".
        majority: Row of the most frequent category.
    """
    values: dict[Language, dict[str, Any]] = {}
    for language in LANGUAGES:
        values[language] = {
            "orders": number(orders, language),
            "customers": number(shipped["customers"], language),
            "top1": percent(shipped["top1"], language),
            "interval": percent_span(shipped["top1_low"], shipped["top1_high"], language),
            "rule": method_title("same_so_far", language),
            "same": percent(same["top1"], language),
            "majority": percent(majority["top1"], language),
        }
    return both("result", values)

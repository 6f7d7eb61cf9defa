"""What the leak audit says, in both languages."""

from __future__ import annotations

Text = dict[str, str]
GROUPS: dict[str, Text] = {
    "communication": {"ru": "коммуникация", "en": "communication"},
    "product_behaviour": {"ru": "продуктовое поведение", "en": "product behaviour"},
    "purchase_behaviour": {"ru": "покупательское поведение", "en": "purchase behaviour"},
    "on_site_behaviour": {"ru": "поведение на сайте", "en": "on-site behaviour"},
}
ORDERS: dict[str, Text] = {
    "customer_id": {"ru": "по номеру клиента", "en": "the customer's id"},
    "row_number": {"ru": "по месту в исходном файле", "en": "the place in the raw file"},
}
READINGS: dict[str, Text] = {
    "higher": {"ru": "у снизивших активность значения выше", "en": "decliners have higher values"},
    "lower": {"ru": "у снизивших активность значения ниже", "en": "decliners have lower values"},
    "bands": {
        "ru": "по доле снизивших активность в полосах значений",
        "en": "by the share of decliners in bands of values",
    },
    "categories": {
        "ru": "по доле снизивших активность в категориях",
        "en": "by the share of decliners in categories",
    },
}
TEXTS: dict[str, Text] = {
    "order_alone": {
        "ru": "Только {order}, которого модель не видит, снизившие активность отличаются от "
        "остальных с ROC-AUC {value} ({low}–{high}; 0,5 — случайность).",
        "en": "Taken alone, {order}, which the model does not see, tells decliners from the "
        "others with ROC-AUC {value} ({low} to {high}; 0.5 is chance).",
    },
    "order_neighbours": {
        "ru": "По меткам {neighbours} соседей {order} метка угадывается с ROC-AUC {value}: "
        "в этом порядке она меняется {changes} раз, в случайном менялась бы около {expected}.",
        "en": "By the labels of {neighbours} neighbours in the order of {order}, the label is "
        "told with ROC-AUC {value}: along it the label changes {changes} times, in a random "
        "order about {expected}.",
    },
    "feature_alone": {
        "ru": "Один признак «{definition}» отличает снизивших активность от остальных с ROC-AUC "
        "{value} ({low}–{high}): {reading}.",
        "en": "The feature “{definition}” alone tells decliners from the others with ROC-AUC "
        "{value} ({low} to {high}): {reading}.",
    },
    "score_too_good": {
        "ru": "ROC-AUC модели {value} ({low}–{high}); выше {limit} утечка правдоподобнее умения.",
        "en": "The model's ROC-AUC is {value} ({low} to {high}); above {limit} a leak is more "
        "believable than skill.",
    },
    "variant_score": {
        "ru": "ROC-AUC {variant} — {value} ({low}–{high}).",
        "en": "The ROC-AUC {variant} is {value} ({low} to {high}).",
    },
    "group_loss": {
        "ru": "ROC-AUC {variant} {where} на {value} ({low}…{high}), чем со всеми{doubt}.",
        "en": "The ROC-AUC {variant} is {where} by {value} ({low} to {high}) than with all "
        "features{doubt}.",
    },
    "twins": {
        "ru": "Групп копий — {groups}, в них клиентов — {customers}; метки совпадают в {agreeing} "
        "из {pairs} пар копий, случайно совпали бы около {expected}.",
        "en": "Groups of copies: {groups}, with {customers} customers; the labels agree in "
        "{agreeing} of {pairs} pairs of copies, by chance in about {expected}.",
    },
    "no_twins": {
        "ru": "Копий среди клиентов не найдено.",
        "en": "No copies were found among the customers.",
    },
    "twins_across_folds": {
        "ru": "Групп копий, попавших в разные части (фолды), — {value}.",
        "en": "Groups of copies that are in more than one fold: {value}.",
    },
    "near_twins": {
        "ru": "Клиентов, почти неотличимых от клиента вне своей группы копий, — {customers} из "
        "{looked_at}{examples}.",
        "en": "Customers all but equal to one outside their group of copies: {customers} of "
        "{looked_at}{examples}.",
    },
    "nearest_customer": {
        "ru": "Метка самого похожего клиента даёт ROC-AUC {kept}, когда копии вместе, и {mixed}, "
        "когда они попадают в разные части.",
        "en": "The label of the most similar customer gives ROC-AUC {kept} when copies are kept "
        "together, and {mixed} when they are in different folds.",
    },
    "future_shift": {
        "ru": "После подмены {later_lines} строк позже {cutoff} изменилось признаков: {value} из "
        "{features}{examples}.",
        "en": "With {later_lines} lines after {cutoff} changed, this many features changed: "
        "{value} of {features}{examples}.",
    },
    "no_future": {
        "ru": "После {cutoff} строк нет, поэтому проверка будущим ничего не говорит.",
        "en": "There are no lines after {cutoff}, so the future-shift test says nothing.",
    },
}  # fmt: skip
TEXTS["nowcast_loss"] = TEXTS["group_loss"]
LOWER: Text = {"ru": "ниже", "en": "lower"}
HIGHER: Text = {"ru": "выше", "en": "higher"}
IN_DOUBT: Text = {"ru": "; разница неразличима", "en": ", which is not told apart from none"}

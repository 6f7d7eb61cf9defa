"""What the warnings about the control group say, in both languages."""

from __future__ import annotations

Text = dict[str, str]
EVERYBODY: Text = {"ru": "все клиенты", "en": "all customers"}
# Russian: one, two to four, five and more; in English one, and any other number twice.
CUSTOMERS: dict[str, tuple[str, str, str]] = {
    "ru": ("клиент", "клиента", "клиентов"),
    "en": ("customer", "customers", "customers"),
}
# After «не меньше»: one, and any other number twice.
AT_LEAST_CUSTOMERS: dict[str, tuple[str, str, str]] = {
    "ru": ("клиента", "клиентов", "клиентов"),
    "en": ("customer", "customers", "customers"),
}
PLACES: dict[str, Text] = {
    "segment": {"ru": "сегмент «{segment}»", "en": "segment “{segment}”"},
    "offer": {"ru": "предложение «{offer}»", "en": "offer “{offer}”"},
    "segment_offer": {
        "ru": "сегмент «{segment}», предложение «{offer}»",
        "en": "segment “{segment}”, offer “{offer}”",
    },
}
TEXTS: dict[str, Text] = {
    "nobody": {
        "ru": "Предложений никто не получает, поэтому сравнивать некого.",
        "en": "Nobody gets an offer, so there is nobody to compare.",
    },
    "no_control": {
        "ru": "Контрольной группы нет (доля 0): доказать действие предложений будет невозможно.",
        "en": "There is no control group (share 0): what the offers do cannot be proven.",
    },
    "all_too_small": {
        "ru": "Даже по всем клиентам вместе действие предложений не будет видно: {customers}, в "
        "контрольной группе — {control}. {why}{remedy}",
        "en": "Even over all customers the effect of the offers will not be seen: {customers}, "
        "with {control} in the control group. {why}{remedy}",
    },
    "segment_too_small": {
        "ru": "Сегмент «{segment}» слишком мал, чтобы по нему что-то узнать: {customers}, в "
        "контрольной группе — {control}. {why}{remedy}",
        "en": "Segment “{segment}” is too small to learn anything from: {customers}, with "
        "{control} in the control group. {why}{remedy}",
    },
    "one_side": {
        "ru": "Сравнивать не с кем.",
        "en": "There is nobody to compare with.",
    },
    "never_seen": {
        "ru": "Разница осталась бы незаметной, даже если бы предложение удержало всех.",
        "en": "The difference would go unnoticed even if the offer kept everybody.",
    },
    "seen_from": {
        "ru": "С вероятностью {power} заметно уменьшение доли снизивших активность от {detectable} "
        "п. п., а по допущениям она уменьшится на {assumed} п. п.",
        "en": "With probability {power}, a drop in the share of decliners is noticed from "
        "{detectable} percentage points on; the assumptions say {assumed}.",
    },
    "other_share": {
        "ru": " С долей контрольной группы {share} этих клиентов хватило бы.",
        "en": " With a control share of {share} these customers would be enough.",
    },
    "needed": {
        "ru": " Чтобы заметить ожидаемое, нужно не меньше {needed}.",
        "en": " To notice what is expected, at least {needed} are needed.",
    },
    "not_as_planned": {
        "ru": "Разбиение не такое, как задумано: в контрольной группе {actual} клиентов вместо "
        "{planned} (p {p}). Пока причина не найдена, сравнению групп верить нельзя.",
        "en": "The split is not as planned: {actual} of the customers are in the control group "
        "instead of {planned} (p {p}). Until the cause is found, do not trust a comparison of "
        "the groups.",
    },
    "places_not_as_planned": {
        "ru": "Доля контрольной группы не такая, как задумано ({planned}), здесь: {places}.",
        "en": "The control share is not as planned ({planned}) here: {places}.",
    },
    "more_places": {"ru": "и ещё {count}", "en": "and {count} more"},
}

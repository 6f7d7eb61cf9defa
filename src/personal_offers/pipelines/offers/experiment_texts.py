"""What the warnings about the control group say, in both languages."""

from __future__ import annotations

Text = dict[str, str]
EVERYBODY: Text = {"ru": "все клиенты", "en": "all customers"}
# Russian, in the genitive: one group, several; in English the names stand alone.
GROUP: dict[str, tuple[str, str]] = {"ru": ("группы", "групп"), "en": ("", "")}
QUOTED: Text = {"ru": "«{name}»", "en": "“{name}”"}
AND: Text = {"ru": "и", "en": "and"}
# How many customers of a group are in control; ``one`` is a customer who is the whole group.
MEMBERS: dict[str, Text] = {
    "none": {
        "ru": "{customers}, в контрольной группе никого",
        "en": "{customers}, none in the control group",
    },
    "some": {
        "ru": "{customers}, из них {control} в контрольной группе",
        "en": "{customers}, {control} of them in the control group",
    },
    "one": {
        "ru": "{customers}, в контрольной группе",
        "en": "{customers}, in the control group",
    },
    "all": {
        "ru": "{customers}, все в контрольной группе",
        "en": "{customers}, all in the control group",
    },
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
    # Of these, some are segments and some are classes of customers without a risk.
    "group_too_small": {
        "ru": "Отдельно ничего не узнать о группе {groups}.{remedy}",
        "en": "Nothing can be learned about this group alone: {groups}.{remedy}",
    },
    "groups_too_small": {
        "ru": "По отдельности ничего не узнать о группах: {groups}.{remedy}",
        "en": "Nothing can be learned about any of these groups alone: {groups}.{remedy}",
    },
    "first_share": {
        "ru": "С долей контрольной группы {share} хватило бы клиентов {group} {names}",
        "en": "With a control share of {share} the customers of {names} would be enough",
    },
    "further_share": {
        "ru": "с долей {share} — {group} {names}",
        "en": "with {share}, those of {names}",
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

"""What the chapter on customers says, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

from personal_offers.features import Language

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "title": "Клиенты и их активность",
        "name": "Таблица клиентов",
        "labels_name": "Метки активности",
        "lead": "В отчёте {customers}, постоянных среди них {regular} ({share}).",
        "lead_declined": " Покупать стали заметно меньше {declined} из {labelled} ({share}).",
        "lead_top": " На {top} самых прибыльных приходится {held} прибыли.",
        "customers": "Клиентов в отчёте",
        "regular": "Постоянных",
        "occasional": "Непостоянных",
        "of_customers": "{share} клиентов",
        "no_risk": "{share} клиентов; риск для них не считается",
        "left_out": "Не вошли в отчёт",
        "in_quarantine": "в карантине: чистка убрала все их строки",
        "only_later": "в карантине {removed}; ещё {later} появляются только после {cutoff}",
        "declined": "Снизили активность",
        "declined_of": "{declined} из {labelled}; с учётом случайности {low}–{high}",
        "given_rule": "Постоянный клиент покупал в каждом записанном месяце; остальные — в "
        "карантине. Метку «активность снизилась» поставил сам магазин.",
        "order_rule": "Постоянный клиент сделал заказов не меньше {orders} и последний раз покупал "
        "не раньше чем за {days} до {cutoff}. Остальные в отчёте есть, но риск снижения для них не "
        "считается. Прибыль здесь — допущение: доля маржи от выручки последних месяцев.",
        "label_rule": "«Снизил активность» значит: после {test} клиент купил меньше, чем {part} "
        "своей обычной нормы. Метка есть у {labelled}: это постоянные клиенты на эту дату.",
        "one_sided": "Активность снизили {declined} из {labelled}, сохранили {kept}. Сравнивать "
        "почти не с кем: эта метка не отличает одних клиентов от других, и модели по ней не "
        "построить.",
        "no_labels": "Метки активности нет ни у одного клиента: доля снизивших неизвестна.",
        "curve_title": "{top} самых прибыльных клиентов приносят {held} прибыли",
        "curve_even": "; половину всей прибыли приносят {half} клиентов",
        "curve_revenue": "; первые {top} по выручке — {held} выручки",
        "curve_none": "; у {share} клиентов прибыли нет",
        "curve_advice": "Удерживайте первых лично, остальных — дёшево и массово; потеря одного "
        "крупного клиента заметнее потери десятков мелких.",
        "curve_advice_even": "Прибыль распределена почти поровну: решайте, кому писать, по риску, "
        "а не по величине клиента.",
        "curve_profit": "Прибыль",
        "curve_total_revenue": "Выручка за всё время",
        "curve_equal": "Если бы все приносили поровну",
        "curve_x": "Доля клиентов, от самых прибыльных, %",
        "curve_y": "Доля прибыли или выручки, %",
        "threshold_title": "При пороге «меньше {part} своей нормы» активность снизили {share} "
        "клиентов ({low}–{high}); при порогах от {first} до {last} — от {least} до {most}",
        "threshold_same": "Активность снизили {share} клиентов ({low}–{high}), и порог этого не "
        "меняет",
        "threshold_advice": "Прежде чем обсуждать долю снизивших, договоритесь о пороге: от него "
        "она зависит сильнее, чем от случая.",
        "threshold_advice_same": "Порог здесь ничего не решает: выясните, возвращаются ли клиенты "
        "вообще.",
        "threshold_x": "Порог: куплено меньше этой доли своей нормы, %",
        "declined_y": "Снизили активность, % клиентов с меткой",
        "other": "Другие пороги",
        "chosen": "Принятый порог",
        "dates_title": "От даты к дате доля снизивших активность — от {least} до {most}: на "
        "{first} она {first_share}, на {last} — {last_share}",
        "dates_advice": "Сравнивайте любую акцию с теми же неделями, а не с прошлой датой: доля "
        "меняется и сама по себе.",
        "dates_x": "Дата, от которой смотрят вперёд",
        "dates_name": "Доля и её интервал",
        "groups_title": "Чаще всего активность снижают в группе «{name}»: {share} ({low}–{high}) "
        "из "
        "{size} против {other} у остальных",
        "groups_none": "Ни одна из групп не отличается от остальных клиентов больше, чем случайно",
        "groups_advice": "Начните разбор с этой группы: узнайте у неё, что изменилось; разница — "
        "ещё не причина.",
        "groups_advice_none": "Не делите предложения по этим признакам: разницы в активности они "
        "не показывают.",
        "groups_x": "Снизили активность, % группы; черта — интервал {confidence}",
        "groups_overall": "все: {share}",
        "groups_big": "Группа",
        "groups_small": "Малая группа: меньше {fewest} клиентов, вывод ненадёжен",
        "groups_table": "Активность по группам",
        "groups_when": "Признаки взяты на {test}: до периода, по которому поставлена метка.",
        "small": "⚠ мало клиентов",
        "col_group": "Группа",
        "col_customers": "Клиентов",
        "col_declined": "Снизили активность",
        "col_share": "Доля",
        "col_low": "Интервал от",
        "col_high": "Интервал до",
        "col_note": "Замечание",
        "group_no": "{name}: нет",
        "unknown": "не указано",
        "more_groups": "Показаны самые многочисленные категории: {shown} из {all}.",
    },
    "en": {
        "title": "Customers and their activity",
        "name": "The table of customers",
        "labels_name": "The activity labels",
        "lead": "The report holds {customers}; regular among them: {regular} ({share}).",
        "lead_declined": " {declined} of {labelled} ({share}) now buy clearly less.",
        "lead_top": " The most profitable {top} hold {held} of the profit.",
        "customers": "Customers in the report",
        "regular": "Regular",
        "occasional": "Occasional",
        "of_customers": "{share} of the customers",
        "no_risk": "{share} of the customers; they get no risk",
        "left_out": "Not in the report",
        "in_quarantine": "in quarantine: cleaning removed all of their rows",
        "only_later": "in quarantine: {removed}; another {later} appear only after {cutoff}",
        "declined": "Activity declined",
        "declined_of": "{declined} of {labelled}; give or take chance, {low}–{high}",
        "given_rule": "A regular customer bought in every recorded month; the others are in "
        "quarantine. The label “activity declined” was set by the shop itself.",
        "order_rule": "A regular customer has made at least {orders} orders and last bought no "
        "more than {days} before {cutoff}. The others are in the report, but get no risk of "
        "decline. Profit is an assumption here: a margin on the revenue of the last months.",
        "label_rule": "“Activity declined” means: after {test} the customer bought less than "
        "{part} of what was usual for them. The label is known for {labelled}: those who were "
        "regular at that date.",
        "one_sided": "Of {labelled}, {declined} declined and {kept} kept their activity. There is "
        "hardly anybody to compare with: this label does not tell customers apart, and no model "
        "can be built on it.",
        "no_labels": "No customer has an activity label: the share of decliners is unknown.",
        "curve_title": "The most profitable {top} of customers bring {held} of the profit",
        "curve_even": "; {half} of the customers bring half of it",
        "curve_revenue": "; the first {top} by revenue bring {held} of the revenue",
        "curve_none": "; {share} of the customers bring no profit",
        "curve_advice": "Keep the first in person and the others cheaply, in bulk: losing one "
        "large customer costs more than losing dozens of small ones.",
        "curve_advice_even": "Profit is spread almost evenly: let the risk decide whom to write "
        "to, not the size of the customer.",
        "curve_profit": "Profit",
        "curve_total_revenue": "Revenue of all time",
        "curve_equal": "If all brought the same",
        "curve_x": "Share of customers, from the most profitable, %",
        "curve_y": "Share of profit or revenue, %",
        "threshold_title": "With the threshold “less than {part} of what is usual”, {share} of the "
        "customers declined ({low}–{high}); with thresholds from {first} to {last} it is {least} "
        "to {most}",
        "threshold_same": "{share} of the customers declined ({low}–{high}), and the threshold "
        "does not change that",
        "threshold_advice": "Agree on the threshold before you discuss the share of decliners: it "
        "moves the share more than chance does.",
        "threshold_advice_same": "The threshold decides nothing here: find out whether customers "
        "come back at all.",
        "threshold_x": "Threshold: bought less than this part of what is usual, %",
        "declined_y": "Activity declined, % of customers with a label",
        "other": "Other thresholds",
        "chosen": "The threshold in use",
        "dates_title": "From date to date the share of decliners lies between {least} and {most}: "
        "{first_share} as of {first}, {last_share} as of {last}",
        "dates_advice": "Compare any campaign with the same weeks, not with an earlier date: the "
        "share moves by itself.",
        "dates_x": "Date from which the next months are looked at",
        "dates_name": "Share and its interval",
        "groups_title": "Activity declines most often in the group “{name}”: {share} ({low}–{high})"
        " of {size}, against {other} of the others",
        "groups_none": "No group differs from the other customers by more than chance",
        "groups_advice": "Start with this group: ask them what has changed; a difference is not "
        "yet a cause.",
        "groups_advice_none": "Do not divide offers by these marks: they show no difference in "
        "activity.",
        "groups_x": "Activity declined, % of the group; the line is the interval of {confidence}",
        "groups_overall": "all: {share}",
        "groups_big": "Group",
        "groups_small": "Small group: fewer than {fewest} customers, no firm conclusion",
        "groups_table": "Activity by group",
        "groups_when": "The marks are as of {test}: before the period that the label speaks of.",
        "small": "⚠ few customers",
        "col_group": "Group",
        "col_customers": "Customers",
        "col_declined": "Declined",
        "col_share": "Share",
        "col_low": "Interval from",
        "col_high": "Interval to",
        "col_note": "Note",
        "group_no": "{name}: no",
        "unknown": "not given",
        "more_groups": "The largest categories are shown: {shown} of {all}.",
    },
}

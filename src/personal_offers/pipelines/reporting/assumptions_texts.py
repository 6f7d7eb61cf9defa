"""What the chapter ``assumptions`` says, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

from personal_offers.features import Language

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "title": "Допущения",
        "subject": "Допущения",
        "lead_gains": "Этих чисел никто не измерял. Если все окажутся неблагоприятными сразу, "
        "прибыль плана упадёт с {base} до {worst}, но останется выше нуля.",
        "lead_loses": "Этих чисел никто не измерял. Если все окажутся неблагоприятными сразу, план "
        "вместо {base} прибыли принесёт убыток {worst}.",
        "lead_nothing": "Этих чисел никто не измерял; при базовых допущениях план никому ничего не "
        "предлагает.",
        "lead": "Этих чисел никто не измерял; поспорьте с ними, прежде чем верить деньгам отчёта.",
        "flips": "От чего зависят выводы и где они меняются:",
        # --- the plan
        "widest": "Сильнее всего прибыль плана зависит от допущения «{name}»: от {low} до {high}, "
        "если план под него пересчитать.",
        "mean": "Числа плана здесь — средние по жеребьёвкам контрольной группы, поэтому они "
        "немного не такие, как у самого плана (см. главу «Предложения»).",
        "single_safe": "По отдельности ни одно допущение в своих пределах не делает план "
        "убыточным.",
        "single_loses": "Одного допущения хватает, чтобы план стал убыточным: {names}.",
        "everything_loses": "Если всё неблагоприятно сразу, план, каким он есть, теряет {worst}: "
        "отправлять его стоит, только если вы верите в лучшее.",
        "remade": "Если всё неблагоприятно и план пересчитать, он принесёт {remade} вместо {kept}: "
        "первую волну лучше отправить небольшой и пересчитать план по её итогам.",
        "units": "Единица прибыли меняет больше, чем все допущения: от {low} ({least}) до {high} "
        "({most}). Узнайте её у бухгалтерии раньше, чем спорить об остальном.",
        "same_offer": "При другой единице меняются и сами предложения: если единица — {unit}, своё "
        "сохранят только {share} тех, кто получает его сейчас.",
        # --- whom to contact
        "break_even_below": "Писать от риска {threshold} окупается, если предложение удерживает не "
        "меньше {rate} уходящих; это меньше самого низкого из допущений ({low}–{high}).",
        "break_even_inside": "Писать от риска {threshold} окупается, только если предложение "
        "удерживает не меньше {rate} уходящих; это в пределах допущения ({low}–{high}), так "
        "что вывод может перевернуться.",
        "break_even_above": "Писать от риска {threshold} не окупается ни при одном значении "
        "допущения ({low}–{high}): нужно удерживать не меньше {rate} уходящих.",
        "threshold_moves": "Порог риска, с которого выгодно писать, меняется от {low} до {high} "
        "(базовый — {base}).",
        "threshold_stays": "Порог риска, с которого выгодно писать, не меняется ни от одного "
        "допущения: {base}.",
        "to_nobody": "Вывод становится «не писать никому», если: {names}.",
        "corner_loses": "Если всё неблагоприятно сразу, контакт с тем же порогом теряет {worst} на "
        "клиента ({unit}): здесь вывод переворачивается.",
        "corner_gains": "Даже если всё неблагоприятно сразу, контакт с тем же порогом приносит "
        "{worst} на клиента ({unit}).",
        # --- tables
        "table": "Чисел, которых никто не измерял: {count}",
        "table_advice": "Начните с допущений, от которых зависит больше всего денег: найдите свои "
        "числа, и пусть аналитик впишет их в параметры магазина.",
        "assumption": "Допущение",
        "low": "Низкое",
        "base": "Базовое",
        "high": "Высокое",
        "unit": "В чём",
        "source": "Откуда",
        "used": "Где используется",
        "in_plan": "план",
        "in_decision": "кривая прибыли",
        "in_both": "план и кривая прибыли",
        "save_rate": "Доля удержанных, в среднем",
        "horizon_months": "Сколько ещё приносит прибыль удержанный клиент",
        "contact_cost": "Цена сообщения",
        "incentive_cost": "Цена использованного предложения",
        "redemption": "Скидка тем, кто и так остался бы, в среднем",
        "more": "Показаны первые {shown} из {all}.",
        "plan_title": "Прибыль плана: от {low} до {high}, базовая — {base}",
        "plan_title_one": "Прибыль плана при базовых допущениях — {base}",
        "plan_advice": "Если «пересчитанный план» заметно лучше «плана как есть», пересчитайте "
        "его, как только узнаете настоящее число.",
        "end": "Конец предела",
        "value": "Значение",
        "kept": "План как есть",
        "remade_plan": "Пересчитанный план",
        "spend_kept": "Затраты плана как есть",
        "changed": "У скольких клиентов изменится предложение",
        "level_base": "—",
        "level_low": "низкое",
        "level_high": "высокое",
        "plan_note": "Ожидаемая чистая прибыль за весь срок; значения допущений — средние по "
        "предложениям плана. План как есть может выйти за бюджет, пересчитанный его соблюдает.",
        "save_rates": "Доля удержанных у плана и у кривой прибыли разная: кривая берёт "
        "{low}–{high} "
        "для любого предложения, план — в среднем от {plan_low} до {plan_high}, по предложениям. "
        "Не сравнивайте их деньги между собой.",
        "decision_title_stays": "Порог риска не меняется ни от одного допущения: {base}",
        "decision_title": "Порог риска: от {low} до {high}, базовый — {base}",
        "decision_advice": "Если ваше число ближе к концу предела, берите порог из его строки.",
        "threshold": "Порог риска",
        "contacted": "Доля клиентов",
        "at_base": "Прибыль на клиента с базовым порогом",
        "at_own": "Прибыль на клиента с этим порогом",
        "decision_note": "Прибыль на клиента магазина за весь срок, {unit}; в каждой строке одно "
        "допущение сдвинуто к концу предела, остальные базовые.",
        "unit_title": "План по единицам прибыли: от {low} до {high}",
        "unit_advice": "Подтвердите единицу, прежде чем отправлять план.",
        "profit_unit": "Единица прибыли",
        "chosen": "Так считает план",
        "offered": "Получат предложение",
        "spend": "Затраты",
        "net": "Чистая прибыль",
        "same": "Сохранят своё предложение",
    },
    "en": {
        "title": "Assumptions",
        "subject": "The assumptions",
        "lead_gains": "Nobody measured these numbers. If all of them turn out unfavourable at "
        "once, what the plan earns falls from {base} to {worst} and stays above zero.",
        "lead_loses": "Nobody measured these numbers. If all of them turn out unfavourable at "
        "once, the plan loses {worst} instead of earning {base}.",
        "lead_nothing": "Nobody measured these numbers; under the base assumptions the plan offers "
        "nothing to anybody.",
        "lead": "Nobody measured these numbers; argue with them before you believe the money in "
        "this report.",
        "flips": "What the conclusions depend on, and where they change:",
        "widest": "What the plan earns hangs most on “{name}”: from {low} to {high}, if the plan "
        "is made anew for it.",
        "mean": "Figures of the plan are means over draws of the control group here, so they "
        "differ a little from the plan itself (see the chapter “Offers”).",
        "single_safe": "By itself no assumption within its range makes the plan lose money.",
        "single_loses": "One assumption is enough to make the plan lose money: {names}.",
        "everything_loses": "With everything unfavourable at once the plan as it stands loses "
        "{worst}: send it only if you believe in better.",
        "remade": "With everything unfavourable, a plan made anew earns {remade} instead of "
        "{kept}: "
        "keep the first wave small, and make the plan anew from what it shows.",
        "units": "The unit of profit changes more than all assumptions: from {low} ({least}) to "
        "{high} ({most}). Ask accounting for it before you argue about the rest.",
        "same_offer": "With another unit the offers themselves change: if the unit is “{unit}”, "
        "only "
        "{share} of those who get one now keep the same.",
        "break_even_below": "Contacting from risk {threshold} on pays as long as the offer keeps "
        "at least {rate} of would-be decliners; that is below the whole range assumed "
        "({low}–{high}).",
        "break_even_inside": "Contacting from risk {threshold} on pays only if the offer keeps at "
        "least {rate} of would-be decliners; that is within the range assumed ({low}–{high}), so "
        "the conclusion may flip.",
        "break_even_above": "Contacting from risk {threshold} on pays at no value assumed "
        "({low}–{high}): at least {rate} of would-be decliners would have to be kept.",
        "threshold_moves": "The risk from which contacting pays moves between {low} and {high} "
        "(base: {base}).",
        "threshold_stays": "No assumption moves the risk from which contacting pays: {base}.",
        "to_nobody": "The conclusion becomes “contact nobody” if: {names}.",
        "corner_loses": "With everything unfavourable at once, contacting from the same risk on "
        "loses {worst} per customer ({unit}): here the conclusion flips.",
        "corner_gains": "Even with everything unfavourable at once, contacting from the same risk "
        "on earns {worst} per customer ({unit}).",
        "table": "Numbers that nobody measured: {count}",
        "table_advice": "Begin with the assumptions that most money hangs on: find your own "
        "numbers, and have them put into the shop's parameters.",
        "assumption": "Assumption",
        "low": "Low",
        "base": "Base",
        "high": "High",
        "unit": "Counted in",
        "source": "Source",
        "used": "Where it is used",
        "in_plan": "plan",
        "in_decision": "profit curve",
        "in_both": "plan and profit curve",
        "save_rate": "Save rate, on average",
        "horizon_months": "How long a kept customer goes on bringing profit",
        "contact_cost": "Cost of a message",
        "incentive_cost": "Cost of a redeemed offer",
        "redemption": "Redemption by customers who would have stayed, on average",
        "more": "The first {shown} of {all} are shown.",
        "plan_title": "What the plan earns: from {low} to {high}, base {base}",
        "plan_title_one": "What the plan earns under the base assumptions: {base}",
        "plan_advice": "Where “plan made anew” is clearly better than “plan as it stands”, make it "
        "anew as soon as you know the real number.",
        "end": "End of the range",
        "value": "Value",
        "kept": "Plan as it stands",
        "remade_plan": "Plan made anew",
        "spend_kept": "Cost of the plan as it stands",
        "changed": "Customers whose offer would change",
        "level_base": "—",
        "level_low": "low",
        "level_high": "high",
        "plan_note": "Expected net profit over the whole horizon; values are means over the "
        "offers of the plan. The plan as it stands may exceed the budget, a plan made anew keeps "
        "it.",
        "save_rates": "The plan and the profit curve assume different save rates: the curve takes "
        "{low}–{high} for any offer, the plan {plan_low} to {plan_high} on average, by offer. Do "
        "not compare their money with each other.",
        "decision_title_stays": "No assumption moves the risk threshold: {base}",
        "decision_title": "The risk threshold: from {low} to {high}, base {base}",
        "decision_advice": "If your own number is nearer to an end of a range, take the threshold "
        "of its row.",
        "threshold": "Risk threshold",
        "contacted": "Share of customers",
        "at_base": "Profit per customer, base threshold",
        "at_own": "Profit per customer, this threshold",
        "decision_note": "Profit per customer of the shop over the whole horizon, {unit}; in each "
        "row one assumption is moved to an end of its range, the others stay at their base.",
        "unit_title": "The plan by unit of profit: from {low} to {high}",
        "unit_advice": "Confirm the unit before you send the plan.",
        "profit_unit": "Unit of profit",
        "chosen": "The plan's own",
        "offered": "Get an offer",
        "spend": "Cost",
        "net": "Net profit",
        "same": "Keep their offer",
    },
}

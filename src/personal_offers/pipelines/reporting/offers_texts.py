"""What the chapter ``offers`` says, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

from personal_offers.features import Language

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "title": "Предложения",
        "what": "План предложений",
        "lead": "Предложение {get} {customers} из {all}. План от {date} стоит {cost} и при базовых "
        "допущениях приносит {net} чистой прибыли, от {low} до {high} на краях допущений.",
        "lead_nobody": "Предложений не получает никто из {of_customers}: {why}.",
        "provisional": "План предварительный: согласие на связь записано не у всех. В файлах для "
        "рассылки {exported} из {offered}; остальные ждут подтверждения согласия.",
        # tiles
        "offered": "Получают предложение",
        "offered_note": "{share} клиентов",
        "control": "Контрольная группа",
        "control_note": "намеренно ничего не получают",
        "cost": "Стоимость",
        "budget_note": "бюджет {budget}",
        "no_budget": "бюджет не ограничен",
        "net": "Ожидаемая чистая прибыль",
        "net_note": "от {low} до {high}",
        "gain": "Вероятность, что ожидаемая прибыль выше нуля",
        "gain_note": "допущения взяты наугад из их пределов",
        # table of offers
        "by_offer": "Больше всего приносит «{offer}»: {net}, то есть {share} прибыли плана",
        "by_offer_advice": "Начните с верхних строк: они дают больше всего денег. Последний "
        "столбец показывает, где каждая единица затрат работает лучше.",
        "offer": "Предложение",
        "channel": "Канал",
        "customers": "Клиентов",
        "in_control": "В контрольной группе",
        "cost_money": "Стоимость",
        "net_money": "Ожидаемая чистая прибыль",
        "per_cost": "Прибыль на единицу затрат",
        # table of outcomes
        "groups": "Предложение {get} {offered}, ничего не {get_none} {without}",
        "groups_advice": "Проверьте самые большие группы без предложения: правила можно изменить, "
        "каталог — дополнить.",
        "outcome": "Что с клиентом",
        "share": "Доля",
        "sent": "получает предложение",
        "held": "в контрольной группе: намеренно ничего",
        "blocked": "отсеян правилами",
        "not_offered": "в каталоге для него ничего нет",
        "does_not_pay": "ни одно предложение не окупается",
        "too_dear": "окупается, но не хватает бюджета или мест в канале",
        # table of segments
        "by_segment": "Больше всего плану приносит группа «{group}»: {net}",
        "by_segment_advice": "Начните с верхней группы. Низкая и высокая прибыль — на краях "
        "допущений: группа, где низкая меньше нуля, может принести убыток.",
        "segment": "Группа",
        "group_offered": "Получают предложение",
        "net_low": "Прибыль, низкая",
        "net_base": "Прибыль, базовая",
        "net_high": "Прибыль, высокая",
        # figures of the plan
        "frontier_advice": "Прибавляйте бюджет, пока следующая единица денег приносит больше, чем "
        "магазин получит от неё в другом месте; за перегибом кривой она приносит всё меньше.",
        "tornado_advice": "Первым измерьте допущение с самой длинной полосой после «Всё сразу»: "
        "от него результат зависит сильнее всего. Долю удержанных покажет контрольная группа.",
        "gates_advice_nothing": "Менять эти правила незачем: прибыли они не держат.",
        "gates_advice": "Сравните, сколько прибыли держит правило и зачем оно нужно; согласие "
        "можно попросить, отказ обойти нельзя.",
        # widget
        "budget": "Как план меняется с бюджетом",
        "budget_advice": "Передвиньте бюджет: видно, сколько клиентов получат предложение и что "
        "принесёт следующая единица денег.",
        "mean": "Дальше план сравнивается с другими бюджетами, правилами и допущениями, и все "
        "числа даны в среднем: кто попадёт в контрольную группу, решает жребий. В среднем план "
        "приносит {mean}, предложение {mean_get} {mean_customers}; план после жеребьёвки (он "
        "описан выше) приносит {net}, предложение {get} {customers}.",
        # policies
        "policies_less": "Лучшее простое правило («{name}») приносит на {share} меньше плана",
        "policies_same": "Лучшее простое правило («{name}») приносит столько же, сколько план",
        "policies_more": "Лучшее простое правило («{name}») приносит на {share} больше плана",
        "policies_none": "План и простые правила приносят поровну",
        "policies_advice": "Если правило проще почти не хуже, берите его. Все правила держатся в "
        "одном бюджете; предел — доказанный максимум при этих допущениях.",
        "policy": "Правило",
        "spend": "Тратит",
        "of_bound": "Доля предела",
        # gates
        "gate_table": "Что держит каждое правило",
        "gate_advice": "Прибыль — сколько план заработал бы ещё при том же бюджете, если бы "
        "клиентов, которым мешает только это правило, можно было взять.",
        "gate": "Правило",
        "blocked_customers": "Заблокировано клиентов",
        "sole": "Из них мешает только это",
        "worth": "Прибыль, которую держит правило",
        # control group
        "control_advice": "Если эффект нужно доказать, возьмите больше клиентов или такую долю "
        "контрольной группы, при которой ожидаемая разница выше заметной; из меньшей разницы "
        "выводов не делайте.",
        "control_table": "Что покажет контрольная группа по группам клиентов",
        "control_table_advice": "Сравнивайте только там, где ожидаемая разница не меньше заметной; "
        "в остальных группах разница будет случайной.",
        "with_offer": "С предложением",
        "assumed": "Ожидаемая разница, п. п.",
        "detectable": "Заметная разница, п. п.",
        "needed": "Нужно клиентов",
        "learnable": "Будет видно",
        "yes": "да",
        "no": "нет",
        "power": "Разница — насколько меньше доля снизивших активность среди получивших "
        "предложение. Заметная — та, которую сравнение покажет с вероятностью {power}.",
        # do not touch
        "alone": "Не трогать: {to_customers} предложение обошлось бы дороже, чем принесёт",
        "alone_advice": "Не пишите им. Сбережённое — сколько потеряло бы наименее убыточное "
        "предложение; последний столбец — кому оно не окупилось бы и при лучших допущениях.",
        "saves": "Сбережёт",
        "even_at_best": "Не окупится и при лучших допущениях",
        # chance
        "chance": "Если взять допущения наугад из их пределов, ожидаемая прибыль плана больше нуля "
        "в {share} случаев; в девяти случаях из десяти она от {low} до {high}, в половине больше "
        "{median}. Это говорит о допущениях, а не о том, что они верны.",
    },
    "en": {
        "title": "Offers",
        "what": "The plan of offers",
        "lead": "{customers} of {all} {get} an offer. The plan of {date} costs {cost} and at base "
        "assumptions earns {net} net, {low} to {high} at the ends of the assumptions.",
        "lead_nobody": "Nobody of {of_customers} gets an offer: {why}.",
        "provisional": "The plan is provisional: consent to be contacted is not recorded for "
        "everybody. The mailing files hold {exported} of {offered}; the others wait for the "
        "consent to be confirmed.",
        # tiles
        "offered": "Get an offer",
        "offered_note": "{share} of the customers",
        "control": "Control group",
        "control_note": "get nothing, on purpose",
        "cost": "Cost",
        "budget_note": "budget {budget}",
        "no_budget": "no budget limit",
        "net": "Expected net profit",
        "net_note": "{low} to {high}",
        "gain": "Chance that the expected profit is above zero",
        "gain_note": "assumptions drawn at random from their ranges",
        # table of offers
        "by_offer": "“{offer}” earns most: {net}, which is {share} of the plan's profit",
        "by_offer_advice": "Start with the upper rows: they bring most money. The last column "
        "shows where each unit of cost works best.",
        "offer": "Offer",
        "channel": "Channel",
        "customers": "Customers",
        "in_control": "In the control group",
        "cost_money": "Cost",
        "net_money": "Expected net profit",
        "per_cost": "Profit per unit of cost",
        # table of outcomes
        "groups": "{offered} {get} an offer, {without} {get_none} nothing",
        "groups_advice": "Look at the largest groups without an offer: rules can be changed, and "
        "the catalogue can grow.",
        "outcome": "What becomes of the customer",
        "share": "Share",
        "sent": "gets an offer",
        "held": "in the control group: nothing, on purpose",
        "blocked": "stopped by the rules",
        "not_offered": "the catalogue has nothing for them",
        "does_not_pay": "no offer pays",
        "too_dear": "an offer pays, but budget or channel room does not stretch that far",
        # table of segments
        "by_segment": "The group “{group}” brings the plan most: {net}",
        "by_segment_advice": "Start with the group on top. Low and high profit are at the ends of "
        "the assumptions: a group whose low one is below zero may lose money.",
        "segment": "Group",
        "group_offered": "Get an offer",
        "net_low": "Profit, low",
        "net_base": "Profit, base",
        "net_high": "Profit, high",
        # figures of the plan
        "frontier_advice": "Add to the budget while the next unit of money brings more than the "
        "shop would get from it elsewhere; beyond the bend of the curve it brings less and less.",
        "tornado_advice": "First measure the assumption with the longest bar after “Everything at "
        "once”: the result depends on it most. The control group will show the save rate.",
        "gates_advice_nothing": "There is no need to change these rules: they keep back no profit.",
        "gates_advice": "Weigh how much profit a rule keeps back against what it is for; consent "
        "can be asked for, a refusal cannot be passed by.",
        # widget
        "budget": "How the plan changes with the budget",
        "budget_advice": "Move the budget: see how many customers get an offer and what the next "
        "unit of money brings.",
        "mean": "From here on the plan is compared with other budgets, rules and assumptions, and "
        "all numbers are means: who falls into the control group is drawn by lot. On average the "
        "plan earns {mean} and {mean_customers} {mean_get} an offer; the plan after the draw, "
        "described above, earns {net} and {customers} {get} an offer.",
        # policies
        "policies_less": "The best simple rule (“{name}”) earns {share} less than the plan",
        "policies_same": "The best simple rule (“{name}”) earns as much as the plan",
        "policies_more": "The best simple rule (“{name}”) earns {share} more than the plan",
        "policies_none": "The plan and the simple rules earn the same",
        "policies_advice": "If a simpler rule is hardly worse, take it. All rules keep to one "
        "budget; the bound is the proven maximum under these assumptions.",
        "policy": "Rule",
        "spend": "Spends",
        "of_bound": "Share of the bound",
        # gates
        "gate_table": "What each rule keeps back",
        "gate_advice": "Profit is what the plan would earn more under the same budget, if the "
        "customers whom this rule alone stops could be had.",
        "gate": "Rule",
        "blocked_customers": "Customers blocked",
        "sole": "Of them, by this alone",
        "worth": "Profit that the rule keeps back",
        # control group
        "control_advice": "If the effect must be proven, take more customers, or a control share "
        "at which the expected difference is above the noticeable one; draw no conclusion from a "
        "smaller difference.",
        "control_table": "What the control group will show by group of customers",
        "control_table_advice": "Compare only where the expected difference is at least as large "
        "as the noticeable one; elsewhere a difference will be chance.",
        "with_offer": "With an offer",
        "assumed": "Expected difference, points",
        "detectable": "Noticeable difference, points",
        "needed": "Customers needed",
        "learnable": "Will be seen",
        "yes": "yes",
        "no": "no",
        "power": "The difference is how much smaller the share of decliners is among those who got "
        "an offer. A noticeable one is shown by the comparison with a probability of {power}.",
        # do not touch
        "alone": "Do not touch: an offer to {to_customers} would cost more than it brings",
        "alone_advice": "Send them nothing. What is saved is what the least bad offer would lose; "
        "the last column counts those for whom it would not pay even at the best assumptions.",
        "saves": "Saves",
        "even_at_best": "Not even at the best assumptions",
        # chance
        "chance": "With assumptions drawn at random from their ranges, the expected profit of the "
        "plan is above zero in {share} of the draws; in nine of ten it is {low} to {high}, in half "
        "of them above {median}. That speaks of the assumptions, not of whether they are right.",
    },
}

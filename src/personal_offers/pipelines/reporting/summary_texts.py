"""What the chapter ``summary`` says, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

from personal_offers.features import Language

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "title": "Что делать сейчас",
        "lead": "План стоит {cost} и при базовых допущениях приносит {net} чистой прибыли (от "
        "{low} до {high} на краях допущений). Предложение {get} {customers} из {all}.",
        "lead_nobody": "Сейчас предложений не получает никто: {why}.",
        "lead_no_plan": "План предложений ещё не составлен; ниже — то, что видно по сегментам.",
        "what": "План предложений",
        "what_segments": "Сегменты",
        # tiles
        "customers": "Клиентов",
        "customers_note": "предложение {get} {offered}, в контрольной группе {control}",
        "risk": "Средний риск снижения активности",
        "risk_some": "у клиентов, для которых риск посчитан",
        "risk_all": "посчитан для всех клиентов",
        "withheld": "не посчитан",
        "at_risk": "Прибыль под риском, в месяц",
        "at_risk_some": "{share} прибыли клиентов с посчитанным риском",
        "at_risk_all": "{share} всей прибыли",
        "unit_note": "; план принимает единицу за «{unit}»",
        "cost": "Стоимость плана",
        "budget_note": "бюджет {budget}",
        "no_budget": "бюджет не ограничен",
        "net": "Ожидаемая чистая прибыль плана",
        "net_note": "от {low} до {high} на краях допущений",
        # line 1
        "first": "Начните с группы «{group}»: предложение {get} {customers}. Это стоит {cost} и "
        "при базовых допущениях приносит {net} чистой прибыли (от {low} до {high}).",
        "send": "Отправьте план: предложение {get} {customers}. Это стоит {cost} и при базовых "
        "допущениях приносит {net} чистой прибыли (от {low} до {high}).",
        "nobody": "Пока ничего не отправляйте: {why}. План стоит {cost} и приносит {net}.",
        # line 2
        "lever": "Главный рычаг — предложение «{offer}» ({channel}): {customers}, стоит {cost}, "
        "приносит {net}, то есть {share} прибыли плана.",
        "few": " Клиентов немного, а денег много: проверьте их вручную, прежде чем тратить.",
        "segment_at_risk": "Больше всего прибыли под риском в группе «{group}»: {at_risk} в месяц, "
        "{customers}.",
        "segment_profit": "Больше всего прибыли приносит группа «{group}»: {profit} в месяц, "
        "{customers}.",
        # line 3
        "waiting": "Подтвердите согласие на связь: пока оно не записано и не подтверждено, {net} "
        "ожидаемой прибыли от {of_customers} получить нельзя (им ничего не отправляется).",
        "unlock": "Прибыль, которую держат правила (при том же бюджете): {list}.",
        "consent": "согласие ещё {of_customers} принесло бы {worth}",
        "channel": "канал связи для ещё {of_customers} принёс бы {worth}",
        "fatigue": "правило частоты контактов держит {worth} у {of_customers}",
        "margin_floor": "порог маржи держит {worth} у {of_customers}",
        "gate": "правило «{name}» держит {worth} у {of_customers}",
        "nothing_blocked": "Правила удерживают {nothing} прибыли: снимать запреты незачем.",
        # line 4
        "alone": "Не пишите {to_customers}: при базовых допущениях любое предложение обошлось бы "
        "дороже, чем принесёт; это сбережёт {saves}.",
        "below_one": "меньше {one}",
        "nobody_alone": "Клиентов, которым предложение только в убыток, нет.",
        "next": " Если добавить к бюджету {one}, чистая прибыль вырастет на {more}.",
        "next_nothing": " Больший бюджет ничего не прибавит.",
        "next_place": " Ещё одно место в канале «{channel}» прибавило бы {more}.",
        # line 5
        "no_proof": "Доказывать нечего: предложений никто не получает.",
        "no_control": "Доказать, что принесли предложения, будет нельзя: контрольной группы нет. "
        "Без неё {net} останутся расчётом.",
        "unseen": "План не докажет ожидаемый эффект. В контрольной группе {control}; с ними "
        "заметно уменьшение доли снизивших активность от {detectable} п. п., а по допущениям она "
        "уменьшится на {assumed} п. п. Чтобы заметить это, нужно не меньше {needed}{more}.",
        "gather": ": копите итоги нескольких рассылок, прежде чем судить",
        "too_many": " — столько не набрать и за дюжину рассылок; считайте прибыль плана догадкой",
        "blind": "План не докажет никакого эффекта: контрольная группа слишком мала ({control}).",
        "seen": "План докажет ожидаемый эффект, если он есть. В контрольной группе {control}; с "
        "ними заметно уменьшение доли снизивших активность от {detectable} п. п., а по допущениям "
        "она уменьшится на {assumed} п. п.",
        "price": " Цена этой проверки — {forgone} прибыли, от которой мы отказываемся.",
        # warnings
        "provisional": "План предварительный: не у всех, кто в нём, записано согласие на связь. "
        "В файлах для рассылки {exported} из {offered}. Если магазин хранит согласие, "
        "попросите аналитика подтвердить это в параметрах плана и пересчитать его.",
        "no_model": "Риск снижения активности не посчитан ({why}). Вместо него план берёт по "
        "классу клиента долю тех, кто сам не вернётся; это допущение.",
        "no_model_no_plan": "Риск снижения активности не посчитан ({why}).",
        "no_better": "{statement} Не полагайтесь на риск больше, чем на это правило: пусть решает "
        "прибыль.",
        "broken": "Выводы о клиентах заканчиваются {date}: с этого дня данные созданы иначе "
        "(подробности — в главе о данных).",
        "unit": "Единица прибыли магазина не подтверждена: план считает, что это «{chosen}». При "
        "других единицах план принёс бы от {low} до {high}. Узнайте единицу прежде, чем тратить.",
        "assumed": "Действие предложений никто не измерял: доли удержанных и "
        "использующих скидку, срок прибыли — допущения. В худшем случае план приносит {low}, в "
        "лучшем {high}.",
        "assumed_loss": "Действие предложений никто не измерял: доли удержанных и "
        "использующих скидку, срок прибыли — допущения. В худшем случае план теряет {low}, в "
        "лучшем приносит {high}.",
    },
    "en": {
        "title": "What to do now",
        "lead": "The plan costs {cost} and at base assumptions earns {net} net ({low} to {high} at "
        "the ends of the assumptions). {customers} of {all} {get} an offer.",
        "lead_nobody": "For now nobody gets an offer: {why}.",
        "lead_no_plan": "There is no plan of offers yet; below is what the segments show.",
        "what": "The plan of offers",
        "what_segments": "The segments",
        # tiles
        "customers": "Customers",
        "customers_note": "{offered} {get} an offer, {control} in the control group",
        "risk": "Mean decline risk",
        "risk_some": "of the customers whose risk is computed",
        "risk_all": "computed for all customers",
        "withheld": "not computed",
        "at_risk": "Profit at risk, a month",
        "at_risk_some": "{share} of the profit of customers with a computed risk",
        "at_risk_all": "{share} of all profit",
        "unit_note": "; the plan takes a unit to be “{unit}”",
        "cost": "Cost of the plan",
        "budget_note": "budget {budget}",
        "no_budget": "no budget limit",
        "net": "Expected net profit of the plan",
        "net_note": "{low} to {high} at the ends of the assumptions",
        # line 1
        "first": "Start with the group “{group}”: {customers} {get} an offer. It costs {cost} and "
        "at base assumptions earns {net} net ({low} to {high}).",
        "send": "Send the plan: {customers} {get} an offer. It costs {cost} and at base "
        "assumptions earns {net} net ({low} to {high}).",
        "nobody": "Send nothing for now: {why}. The plan costs {cost} and earns {net}.",
        # line 2
        "lever": "The biggest lever is the offer “{offer}” ({channel}): {customers}, costs {cost}, "
        "earns {net}, which is {share} of the plan's profit.",
        "few": " Few customers, much money: check them by hand before you spend.",
        "segment_at_risk": "Most profit is at risk in the group “{group}”: {at_risk} a month, "
        "{customers}.",
        "segment_profit": "The group “{group}” brings most profit: {profit} a month, {customers}.",
        # line 3
        "waiting": "Confirm the consent to be contacted: while it is neither recorded nor "
        "confirmed, {net} of expected profit from {of_customers} cannot be had (nothing is sent to "
        "them).",
        "unlock": "Profit that the rules keep back (under the same budget): {list}.",
        "consent": "consent from {of_customers} more would earn {worth}",
        "channel": "a channel to {of_customers} more would earn {worth}",
        "fatigue": "the rule on contact frequency keeps back {worth} from {of_customers}",
        "margin_floor": "the margin floor keeps back {worth} from {of_customers}",
        "gate": "the rule “{name}” keeps back {worth} from {of_customers}",
        "nothing_blocked": "The rules keep back {nothing} of profit: there is nothing to unlock.",
        # line 4
        "alone": "Leave {to_customers} alone: at base assumptions any offer would cost more than "
        "it brings; that saves {saves}.",
        "below_one": "less than {one}",
        "nobody_alone": "There is no customer to whom an offer would only lose money.",
        "next": " {one} more of budget would add {more} of net profit.",
        "next_nothing": " A larger budget adds nothing.",
        "next_place": " One more place in the channel “{channel}” would add {more}.",
        # line 5
        "no_proof": "There is nothing to prove: nobody gets an offer.",
        "no_control": "What the offers earned cannot be proven: there is no control group. Without "
        "one, {net} stays a computation.",
        "unseen": "The plan will not prove the effect that is expected. With {control} in the "
        "control group, a drop in the share of decliners is noticed from {detectable} percentage "
        "points on; the assumptions say {assumed}. To notice that, at least {needed} are "
        "needed{more}.",
        "gather": ": add up several mailings before you judge",
        "too_many": ", more than a dozen mailings would bring; take the plan's profit for a guess",
        "blind": "The plan will prove no effect at all: there are too few customers in the control "
        "group ({control}).",
        "seen": "The plan will prove the effect that is expected, if there is one. With "
        "{control} in the control group, a drop in the share of decliners is noticed from "
        "{detectable} percentage points on; the assumptions say {assumed}.",
        "price": " The price of this check is {forgone} of profit forgone.",
        # warnings
        "provisional": "The plan is provisional: not everybody in it has a recorded consent to be "
        "contacted. The mailing files hold {exported} of {offered}. If the shop holds consent, "
        "have it confirmed in the parameters of the plan, and the plan made again.",
        "no_model": "No decline risk was computed ({why}). Instead the plan takes, by class of "
        "customer, the share who do not come back by themselves; that is an assumption.",
        "no_model_no_plan": "No decline risk was computed ({why}).",
        "no_better": "{statement} Rely on the risk no more than on that rule: let profit decide.",
        "broken": "Conclusions about customers end on {date}: since that day the data are produced "
        "in another way (see the chapter on data).",
        "unit": "The unit of the shop's profit is not confirmed: the plan takes it to be "
        "“{chosen}”. With other units the plan would earn {low} to {high}. Find out before you "
        "spend.",
        "assumed": "Nobody has measured what the offers do: save rates, redemptions and the "
        "months of profit are assumptions. At worst the plan earns {low}, at best {high}.",
        "assumed_loss": "Nobody has measured what the offers do: save rates, redemptions and the "
        "months of profit are assumptions. At worst the plan loses {low}, at best it earns {high}.",
    },
}

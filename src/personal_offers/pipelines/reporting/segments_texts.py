"""Texts of the chapter of segments."""

from __future__ import annotations

from collections.abc import Mapping

from personal_offers.features import Language

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "title": "Сегменты: риск и прибыль",
        "title_profit": "Сегменты: прибыль без риска",
        "subject": "Сегменты",
        "grid": "Карта «риск × прибыль» и ползунки порогов",
        "recommended": "Рекомендации по сегментам",
        "lead": "Прибыль {customers} с известным риском — {profit} в месяц, из неё под риском "
        "{at_risk}{share}. Под риском — это прибыль каждого клиента, умноженная на вероятность "
        "того, что он станет покупать меньше.",
        "lead_share": " ({share})",
        "lead_profit": "Прибыль {customers} — {profit} в месяц. Риска нет ни у кого, поэтому "
        "показана только прибыль.",
        "no_risk": "Риск для этого магазина не показан ({reason}). Поэтому нет карты «риск × "
        "прибыль» и ползунков.",
        "no_risk_plain": "Риска нет ни у одного клиента. Поэтому нет карты «риск × прибыль» и "
        "ползунков.",
        "classes_instead": "Вместо сегментов стоят классы RFM; что делать с каждым, сказано в "
        "главе об RFM.",
        "rest_in_classes": "Риск известен не у всех: он считается только для постоянных клиентов. "
        "Остальные ({customers}) стоят в таблице под своим классом RFM, и риска у них нет.",
        "rest": "Риск известен не у всех; тех, у кого его нет, ползунки не двигают: {customers}.",
        "rule": "Риск высокий, если он не меньше {risk}; прибыль высокая, если она не меньше "
        "{profit} в месяц. Значение на самом пороге считается высоким.",
        "assumed": "Файл магазина не говорит, в чём посчитана прибыль: «ед.» — единица прибыли из "
        "файла. План предложений считает её за «{unit}»; это допущение.",
        "map_advice": "Тратьте на удержание там, где высоки и риск, и прибыль: это сегмент "
        "«{name}». Что делать с остальными, сказано в рекомендациях ниже.",
        "map_advice_low": "Больше всего под риском там, где риск низкий, а прибыль велика: в "
        "сегменте «{top}» берегите качество и не раздавайте скидок. Предложения, которые "
        "удерживают, начинайте с сегмента «{name}».",
        "bars_advice": "Больше этого за месяц не спасёт и предложение, которое удержит всех: "
        "сравните с этим стоимость кампании. Интервал говорит о разбросе между клиентами, но не "
        "об ошибке модели.",
        "classes_advice": "Начинайте с групп, которые приносят прибыль сейчас; на остальные "
        "тратьте не больше, чем принесёт их покупка.",
        "widget": "Сдвиньте пороги, и сегменты пересчитаются",
        "widget_advice": "Подберите пороги так, чтобы в сегменте «{name}» было столько клиентов, "
        "сколько вы успеете охватить. Сами пороги меняют в настройках магазина.",
        "profile": "Сегменты в числах: клиенты, прибыль и риск",
        "profile_profit": "Группы в числах: клиенты и прибыль",
        "group": "Группа",
        "profile_advice": "Сравните долю клиентов с долей прибыли под риском: чем она больше, "
        "тем важнее сегмент.",
        "intervals": "То же с интервалами ({confidence})",
        "segment": "Сегмент",
        "customers": "Клиентов",
        "share": "Доля клиентов",
        "mean_risk": "Средний риск",
        "declined": "Снизили активность",
        "mean_profit": "Прибыль на клиента в месяц",
        "profit": "Прибыль в месяц",
        "at_risk": "Прибыль под риском в месяц",
        "at_risk_share": "Доля прибыли под риском",
        "low": "{what}, не меньше",
        "high": "{what}, не больше",
        "drivers": "В сегменте «{name}» риск сильнее всего {direction} признак «{feature}»: "
        "{points} п. п. в среднем",
        "raises": "повышает",
        "lowers": "понижает",
        "drivers_advice": "Начинайте разговор с сегментом с того, что повышает его риск. Это то, "
        "как считает модель, а не доказанная причина.",
        "feature": "Признак",
        "adds": "Добавляет к риску в среднем, п. п.",
        "explained": "Клиентов с объяснением",
        "recommendations": "Что делать с каждым сегментом",
        "recommendations_advice": "Дайте это тому, кто готовит рассылки. Успех меряйте тем, что "
        "стоит в последнем столбце.",
        "for_all": "{label} для всех сегментов. {text}",
        "goal": "Цель",
        "action": "Действие",
        "channel": "Канал",
        "do_not": "Чего не делать",
        "measure": "Чем мерить",
        "agreement": "Из взглядов, построенных по разным числам, сильнее всего совпадают «{one}» "
        "и «{other}»: {agreement} из 1 ({low} … {high})",
        "agreement_weak": "Взгляды, построенные по разным числам, почти не совпадают; ближе всего "
        "«{one}» и «{other}»: {agreement} из 1 ({low} … {high})",
        "no_agreement": "Взгляды на клиентов сравнить нельзя",
        "agreement_advice": "Ноль — совпадают не больше, чем случайно; единица — одни и те же "
        "группы. Взгляды, которые почти не совпадают, используйте вместе: сегмент говорит, кому "
        "предложить, интерес или любимая категория — что.",
        "agreement_advice_plain": "Ноль — совпадают не больше, чем случайно; единица — одни и те "
        "же группы. Взгляды, которые почти не совпадают, используйте вместе: класс RFM говорит, "
        "кому предложить, интерес или любимая категория — что.",
        "view": "Взгляд",
        "other_view": "Другой взгляд",
        "both_views": "Клиентов в обоих",
        "measure_of_agreement": "Согласие, 0 … 1",
        "note": "Примечание",
        "same_numbers": "построены по одним и тем же числам",
        "conflict": "{name}: {customers} из {of} ({share}), прибыль под риском {at_risk} в месяц.",
        "conflicts": "Где взгляды спорят, решает риск:",
    },
    "en": {
        "title": "Segments: risk and profit",
        "title_profit": "Segments: profit without risk",
        "subject": "Segments",
        "grid": "The map of risk × profit and the sliders of thresholds",
        "recommended": "Recommendations by segment",
        "lead": "Profit of {customers} whose risk is known: {profit} a month; at risk: "
        "{at_risk}{share}. At risk is the profit of each customer times the probability that "
        "they will buy less.",
        "lead_share": " ({share})",
        "lead_profit": "Profit of {customers}: {profit} a month. Nobody has a risk, so profit "
        "alone is shown.",
        "no_risk": "The risk of this shop is withheld ({reason}). So there is no map of risk × "
        "profit and there are no sliders.",
        "no_risk_plain": "No customer has a risk. So there is no map of risk × profit and there "
        "are no sliders.",
        "classes_instead": "RFM classes stand in place of segments; what to do with each is said "
        "in the chapter on RFM.",
        "rest_in_classes": "Not everybody has a risk: it is computed for regular customers only. "
        "The others ({customers}) stand in the table under their RFM class, without a risk.",
        "rest": "Not everybody has a risk; the sliders do not move those without: {customers}.",
        "rule": "Risk is high from {risk} on, profit is high from {profit} a month on. A value "
        "exactly at the threshold is high.",
        "assumed": "The shop's file does not say what profit is counted in: “units” are units of "
        "profit of the file. The plan of offers takes one for “{unit}”; that is an assumption.",
        "map_advice": "Spend on keeping customers where both risk and profit are high: the "
        "segment “{name}”. What to do with the others is said in the recommendations below.",
        "map_advice_low": "Most profit is at risk where the risk is low but the profit is large: "
        "in “{top}” keep the quality up and give no discounts. Begin with offers that keep "
        "customers in the segment “{name}”.",
        "bars_advice": "Even an offer that keeps everybody saves no more than this in a month: "
        "compare the cost of a campaign with it. The interval is about the spread among "
        "customers, not about errors of the model.",
        "classes_advice": "Begin with the groups that bring profit now; on the others spend no "
        "more than a purchase of theirs will bring.",
        "widget": "Move the thresholds and the segments follow",
        "widget_advice": "Find thresholds at which “{name}” has as many customers as you can "
        "reach. The thresholds themselves are set in the settings of the shop.",
        "profile": "Segments in numbers: customers, profit and risk",
        "profile_profit": "Groups in numbers: customers and profit",
        "group": "Group",
        "profile_advice": "Compare the share of customers with the share of profit at risk: the "
        "larger the latter, the more the segment matters.",
        "intervals": "The same with intervals ({confidence})",
        "segment": "Segment",
        "customers": "Customers",
        "share": "Share of customers",
        "mean_risk": "Mean risk",
        "declined": "Bought less",
        "mean_profit": "Profit per customer a month",
        "profit": "Profit a month",
        "at_risk": "Profit at risk a month",
        "at_risk_share": "Share of profit at risk",
        "low": "{what}, at least",
        "high": "{what}, at most",
        "drivers": "In “{name}” the feature “{feature}” {direction} the risk most: {points} "
        "percentage points on average",
        "raises": "raises",
        "lowers": "lowers",
        "drivers_advice": "Begin the talk with a segment with what raises its risk. This is how "
        "the model counts, not a proven cause.",
        "feature": "Feature",
        "adds": "Adds to the risk on average, percentage points",
        "explained": "Customers explained",
        "recommendations": "What to do with each segment",
        "recommendations_advice": "Hand this to whoever prepares the mailings. Measure success by "
        "the last column.",
        "for_all": "{label} for all segments. {text}",
        "goal": "Goal",
        "action": "Action",
        "channel": "Channel",
        "do_not": "Do not",
        "measure": "Measure",
        "agreement": "Of views made from different numbers, “{one}” and “{other}” agree most: "
        "{agreement} of 1 ({low} … {high})",
        "agreement_weak": "Views made from different numbers hardly agree; the closest are “{one}” "
        "and “{other}”: {agreement} of 1 ({low} … {high})",
        "no_agreement": "The views of customers cannot be compared",
        "agreement_advice": "Zero: they agree no more than by chance; one: the same groups. Use "
        "views that hardly agree together: the segment says whom to make an offer, the interest "
        "or favourite category says which.",
        "agreement_advice_plain": "Zero: they agree no more than by chance; one: the same groups. "
        "Use views that hardly agree together: the RFM class says whom to make an offer, the "
        "interest or favourite category says which.",
        "view": "View",
        "other_view": "Other view",
        "both_views": "Customers in both",
        "measure_of_agreement": "Agreement, 0 to 1",
        "note": "Note",
        "same_numbers": "made from the same numbers",
        "conflict": "{name}: {customers} of {of} ({share}), profit at risk {at_risk} a month.",
        "conflicts": "Where views contradict each other, the risk decides:",
    },
}

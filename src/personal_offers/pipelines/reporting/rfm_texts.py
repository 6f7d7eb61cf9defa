"""Texts of the chapter ``rfm``, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

from personal_offers.features import Language

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "title": "RFM-классы",
        "lead": "Клиенты ({customers}) разделены на {classes} по давности, частоте и деньгам. "
        "Больше всего денег у класса «{name}»: {money_share} денег у {share} клиентов.",
        "lead_broken": " Имена классов сбываются не все: {what}.",
        "lead_too_few": " Проверить, сбываются ли имена классов, на этих данных нельзя: покупок "
        "слишком мало.",
        "lead_kept": " Проверка за следующие {days} подтвердила порядок имён.",
        "lead_unsure": " Отступления от порядка имён за следующие {days} могли выйти случайно.",
        "withheld": "RFM-классов нет: {reason}.",
        "backtest_withheld": "Проверки классов на следующем окне нет: {reason}.",
        "migration_withheld": "Переходов между классами нет: {reason}.",
        "unknown_reason": "причина не записана",
        "part": "RFM-классы",
        "codes": "Код RFM — три балла: R (давность последней покупки), F (сколько заказов), M "
        "(сколько денег, {kind}). {best} — лучший балл. Клиент с кодом {code} покупал "
        "недавно, часто и на большие суммы. Класс — именованная группа кодов.",
        "net": "за вычетом возвратов",
        "gross": "без вычета возвратов",
        "unknown_kind": "с возвратами или без — не записано",
        "grid_advice": "В клетке класс, клиенты и деньги. В нижних панелях — деньги тех, кто давно "
        "не покупал{code}. Что с ними делать, сказано в конце главы.",
        "grid_code": "; больше всего их в коде {code}: {money} у {customers}",
        "boundaries": "Границы баллов в днях, заказах и деньгах",
        "boundaries_advice": "По этой таблице виден код любого клиента: сверьте границы "
        "с тем, как часто у вас покупают, и при нужде задайте свои в настройках магазина.",
        "measure": "Показатель",
        "recency": "Давность (R)",
        "frequency": "Частота (F)",
        "monetary": "Деньги (M)",
        "score": "Балл",
        "bounds": "Границы",
        "customers": "Клиентов",
        "share": "Доля клиентов",
        "method": "Как выбраны границы",
        "quantile": "поровну клиентов",
        "business": "заданы магазином",
        "natural": "по разрывам в данных",
        "profile": "Классы: {classes}; больше всего денег у класса «{name}» ({money_share})",
        "profile_advice": "Сравните долю клиентов с долей денег: где денег больше, потеря каждого "
        "клиента дороже.",
        "class": "Класс",
        "money": "Деньги",
        "money_share": "Доля денег",
        "median_recency": "Дней с покупки (медиана)",
        "median_frequency": "Заказов (медиана)",
        "median_money": "Деньги на клиента (медиана)",
        "check": "Средний чек",
        "change": "Кто сменит класс, если ничего не купит: за {week} — {soon} ({soon_money}), за "
        "{month} — {later} ({later_money})",
        "change_advice": "Давность растёт каждый день, и клиент переходит в другой класс, как "
        "только она минует границу. Если вы готовите письмо классу, отправьте его раньше.",
        "change_week": "Сменят за {week}, клиентов",
        "change_week_money": "Сменят за {week}, деньги",
        "change_month": "Сменят за {month}, клиентов",
        "change_month_money": "Сменят за {month}, деньги",
        "change_days": "Дней до смены (медиана)",
        "change_never": "От ожидания класс не меняется, клиентов",
        "backtest_intro": "Проверка: классы и их границы взяты такими, какими были {since}, "
        "без знания о будущем; дальше {days}, до {until}, смотрели, что сделали {customers}. "
        "Черта на рисунке — доверительный интервал.",
        "backtest_advice": "Решайте, кому писать, по тому, что класс сделал, а не по его имени.",
        "backtest_advice_broken": "Решайте, кому писать, по тому, что класс сделал: не отдавайте "
        "классу «{better}» больше, чем классу «{worse}», из-за одного имени.",
        "too_few": "За {days} после {since} купили {buyers} из {customers}. По такому числу "
        "покупок нельзя сказать, какой класс лучше: имена классов описывают прошлое и ничего не "
        "обещают.",
        "inconclusive": "Сравнить классы нельзя: меньше двух классов, в которых достаточно "
        "клиентов.",
        "broken": "Имена классов сбываются не все, и случайностью это не объяснить: имя говорит о "
        "том, как давно и сколько покупали, а не о том, кто купит.",
        "what_purchase_rate": "за {days} в классе «{worse}» купили {high} клиентов, а в классе "
        "«{better}», чьё имя обещает больше, {low}",
        "what_net_revenue": "за {days} класс «{worse}» принёс на клиента {high}, а класс "
        "«{better}», чьё имя обещает больше, {low}",
        "unsure": "Классы не во всём идут в порядке имён, но отступления так малы, что могли "
        "выйти случайно.",
        "kept": "Классы идут в порядке имён и по доле купивших, и по выручке на клиента.",
        "purchase_rate": "Доля купивших",
        "net_revenue": "Выручка на клиента",
        "ends": "{outcome}: {best}, {worst}.",
        "best": "у класса «{name}» выше всех ({value})",
        "best_unsure": "у класса «{name}» выше всех ({value}; может быть случайностью)",
        "best_not": "у класса «{name}» не выше всех ({value})",
        "worst": "у класса «{name}» ниже всех ({value})",
        "worst_unsure": "у класса «{name}» ниже всех ({value}; может быть случайностью)",
        "worst_not": "у класса «{name}» не ниже всех ({value})",
        "pair": "{outcome}: у класса «{worse}» выше, чем у класса «{better}» ({high} против "
        "{low}), хотя имена обещают обратное. Разница {difference}, интервал {interval}: "
        "это не случайность.",
        "pair_unsure": "{outcome}: у класса «{worse}» выше, чем у класса «{better}» ({high} против "
        "{low}), но это может быть случайностью: интервал разницы {interval}.",
        "pair_no_interval": "не определён",
        "more_pairs": "{outcome}: нарушений порядка имён ещё {count}.",
        "small": "Классы, где клиентов слишком мало, не сравнивались: {names}.",
        "points": "{value} п. п.",
        "backtest": "Что сделал каждый класс за {days} после {since}",
        "buyers": "Купили",
        "rate": "Доля купивших",
        "orders": "Заказов",
        "revenue": "Выручка на клиента",
        "revenue_share": "Доля выручки",
        "migration_note": "На каждую дату границы взяты заново. Поэтому часть переходов — это "
        "сдвиг границ, а не перемена в поведении клиента.",
        "migration_advice": "Читайте по строкам: куда ушли клиенты класса. Большая доля вне "
        "диагонали значит, что план по классам устаревает и его надо пересчитывать.",
        "migration_money_advice": "Смотрите на крупные суммы вне диагонали: там клиенты, чью "
        "выручку стоит вернуть или закрепить.",
        "tests_intro": "Насколько классы различаются на деле, видно по покупкам за следующие "
        "{days}: при делении на классы их никто не знал. Сила различия от −1 до 1 (ранговая "
        "бисериальная корреляция): 0 — классы неразличимы, 1 — любой клиент первого класса выше "
        "любого клиента второго. p-значение поправлено на число сравнений (Холм): ниже {alpha} "
        "разница вряд ли случайна. Сила и p-значение сравнивают клиентов по рангам, крупные суммы "
        "их не перевешивают; разницу средних могут решить несколько крупных клиентов, поэтому её "
        "интервал бывает шире и накрывает ноль.",
        "later_orders": "Заказы",
        "later_revenue": "Выручка на клиента",
        "later_average_check": "Средний чек тех, кто купил",
        "test": "{measure}: класс объясняет {effect} различий между клиентами по рангу{interval}; "
        "различимы {sure} из {pairs}{alike}.",
        "test_interval": " (интервал {interval})",
        "test_alike": "; неразличимы {names}",
        "test_none": "{measure}: сравнить нельзя, почти у всех клиентов одно и то же значение.",
        "pair_names": "«{a}» и «{b}»",
        "tests": "Соседние классы: по рангам неслучайных различий {sure} из {all}",
        "tests_advice": "Где разница неотличима от случайной, разные предложения двум классам "
        "нечем обосновать.",
        "tests_advice_sure": "Соседние классы и потом вели себя по-разному: разным предложениям "
        "для них есть основание.",
        "pair_of": "Классы",
        "difference": "Разница средних (первый минус второй)",
        "interval": "Интервал разницы",
        "strength": "Сила различия",
        "p_value": "p-значение с поправкой",
        "below": "< {value}",
        "recommendations": "Что делать с каждым классом",
        "recommendations_advice": "Возьмите строку своего класса целиком: и действие, и то, чего "
        "не делать.",
        "goal": "Цель",
        "action": "Что делать",
        "channel": "Канал",
        "do_not": "Чего не делать",
        "what_to_measure": "Что измерить",
        "for_all": "{label} для всех классов. {text}",
    },
    "en": {
        "title": "RFM classes",
        "lead": "The customers ({customers}) are parted into {classes} by recency, frequency and "
        "money. The class “{name}” holds the most money: {money_share} of it, with {share} of the "
        "customers.",
        "lead_broken": " Not all names of classes come true: {what}.",
        "lead_too_few": " Whether the names come true cannot be tested on these data: there are "
        "too few purchases.",
        "lead_kept": " A test on the next {days} bore out the order of the names.",
        "lead_unsure": " Departures from the order of the names in the next {days} may be chance.",
        "withheld": "There are no RFM classes: {reason}.",
        "backtest_withheld": "The classes are not tested on a later window: {reason}.",
        "migration_withheld": "Moves between classes are not shown: {reason}.",
        "unknown_reason": "the reason was not recorded",
        "part": "RFM classes",
        "codes": "An RFM code is three scores: R (recency of the last purchase), F (how many "
        "orders), M (how much money, {kind}). {best} is the best score. A customer with the code "
        "{code} bought lately, often and for much money. A class is a named group of codes.",
        "net": "less returns",
        "gross": "returns not deducted",
        "unknown_kind": "with or without returns, which was not recorded",
        "grid_advice": "A cell holds class, customers and money. The lower panels hold the money "
        "of "
        "people who have not bought for long{code}. The end of the chapter says what to do.",
        "grid_code": "; most of it in code {code}: {money}, {customers}",
        "boundaries": "Boundaries of the scores in days, orders and money",
        "boundaries_advice": "This table gives any customer their code: compare the boundaries "
        "with how often people buy from you, and set your own in the settings of the shop where "
        "needed.",
        "measure": "Measure",
        "recency": "Recency (R)",
        "frequency": "Frequency (F)",
        "monetary": "Money (M)",
        "score": "Score",
        "bounds": "Boundaries",
        "customers": "Customers",
        "share": "Share of customers",
        "method": "How the boundaries were chosen",
        "quantile": "equal shares of customers",
        "business": "set by the shop",
        "natural": "at gaps in the data",
        "profile": "Classes: {classes}; “{name}” holds the most money ({money_share})",
        "profile_advice": "Compare the share of customers with the share of money: where money is "
        "the larger, each customer lost costs more.",
        "class": "Class",
        "money": "Money",
        "money_share": "Share of money",
        "median_recency": "Days since purchase (median)",
        "median_frequency": "Orders (median)",
        "median_money": "Money per customer (median)",
        "check": "Average order value",
        "change": "Who changes class by buying nothing: {soon} ({soon_money}) within {week}, "
        "{later} ({later_money}) within {month}",
        "change_advice": "Recency grows every day, and customers move to another class once it "
        "passes a boundary. If you prepare an e-mail to a class, send it before.",
        "change_week": "Change within {week}, customers",
        "change_week_money": "Change within {week}, money",
        "change_month": "Change within {month}, customers",
        "change_month_money": "Change within {month}, money",
        "change_days": "Days until the change (median)",
        "change_never": "Waiting changes nothing, customers",
        "backtest_intro": "The test: classes and boundaries were taken as they were on {since}, "
        "knowing nothing of the future; then {customers} were followed for {days}, up to {until}. "
        "The bars in the figure are confidence intervals.",
        "backtest_advice": "Decide whom to write to by what a class did, not by its name.",
        "backtest_advice_broken": "Decide whom to write to by what a class did: do not give "
        "“{better}” more than “{worse}” for its name alone.",
        "too_few": "In the {days} after {since} {buyers} of {customers} bought. So few purchases "
        "cannot tell which class is better: the names of the classes describe the past and "
        "promise nothing.",
        "inconclusive": "The classes cannot be compared: fewer than two of them have enough "
        "customers.",
        "broken": "Not all names of classes come true, and chance does not explain it: a name says "
        "how long ago and how much people bought, not who will buy.",
        "what_purchase_rate": "within {days} {high} of “{worse}” bought, but only {low} of "
        "“{better}”, whose name promises more",
        "what_net_revenue": "within {days} “{worse}” brought {high} per customer, but "
        "“{better}”, whose name promises more, only {low}",
        "unsure": "The classes do not follow the order of their names throughout, but the "
        "departures are so small that they may be chance.",
        "kept": "The classes follow the order of their names, both in the share who bought and in "
        "revenue per customer.",
        "purchase_rate": "Share who bought",
        "net_revenue": "Revenue per customer",
        "ends": "{outcome}: {best}, {worst}.",
        "best": "highest in “{name}” ({value})",
        "best_unsure": "highest in “{name}” ({value}; may be chance)",
        "best_not": "not highest in “{name}” ({value})",
        "worst": "lowest in “{name}” ({value})",
        "worst_unsure": "lowest in “{name}” ({value}; may be chance)",
        "worst_not": "not lowest in “{name}” ({value})",
        "pair": "{outcome}: higher in “{worse}” than in “{better}” ({high} against {low}), though "
        "the names promise the opposite. The difference is {difference}, interval {interval}: it "
        "is not chance.",
        "pair_unsure": "{outcome}: higher in “{worse}” than in “{better}” ({high} against {low}), "
        "but that may be chance: the interval of the difference is {interval}.",
        "pair_no_interval": "not defined",
        "more_pairs": "{outcome}: {count} more breaches of the order of names.",
        "small": "Classes with too few customers were not compared: {names}.",
        "points": "{value} percentage points",
        "backtest": "What each class did in the {days} after {since}",
        "buyers": "Bought",
        "rate": "Share who bought",
        "orders": "Orders",
        "revenue": "Revenue per customer",
        "revenue_share": "Share of revenue",
        "migration_note": "The boundaries were taken anew at each date. So some moves are a shift "
        "of boundaries, not a change in what a customer does.",
        "migration_advice": "Read along the rows: where the customers of a class went. A large "
        "share off the diagonal means that a plan by classes grows old and must be made again.",
        "migration_money_advice": "Look for large amounts off the diagonal: those customers' "
        "revenue is worth winning back, or securing.",
        "tests_intro": "How far classes really differ shows in the next {days}: nobody knew those "
        "purchases when the classes were made. The strength of a difference runs from −1 to 1 "
        "(rank-biserial correlation): 0 means that the classes cannot be told apart, 1 that any "
        "customer of the first class stands above any of the second. p-values are corrected for "
        "the number of comparisons (Holm): below {alpha} a difference is hardly chance. "
        "Strength and p-value compare customers by rank, so large amounts do not outweigh the "
        "rest; a few large customers can decide a difference of means, which is why its interval "
        "may be wide and hold zero.",
        "later_orders": "Orders",
        "later_revenue": "Revenue per customer",
        "later_average_check": "Average order value of those who bought",
        "test": "{measure}: the class explains {effect} of the differences between customers by "
        "rank{interval}; {sure} of {pairs} can be told apart{alike}.",
        "test_interval": " (interval {interval})",
        "test_alike": "; not to be told apart: {names}",
        "test_none": "{measure}: no comparison is possible, almost all customers have the same "
        "value.",
        "pair_names": "“{a}” and “{b}”",
        "tests": "Neighbouring classes: by rank {sure} of {all} differences are not chance",
        "tests_advice": "Where a difference cannot be told from chance, nothing justifies "
        "different offers to the two classes.",
        "tests_advice_sure": "Neighbouring classes went on to behave differently: there is a "
        "reason for different offers.",
        "pair_of": "Classes",
        "difference": "Difference of means (first less second)",
        "interval": "Interval of the difference",
        "strength": "Strength",
        "p_value": "Corrected p-value",
        "below": "< {value}",
        "recommendations": "What to do with each class",
        "recommendations_advice": "Take the whole row of a class: what to do, and what not to do.",
        "goal": "Goal",
        "action": "What to do",
        "channel": "Channel",
        "do_not": "What not to do",
        "what_to_measure": "What to measure",
        "for_all": "{label} for all classes. {text}",
    },
}

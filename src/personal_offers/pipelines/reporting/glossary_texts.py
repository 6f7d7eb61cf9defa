"""Words of the report and what they mean, in both languages.

Each word has two keys: ``word`` holds what people call it, ``word_is`` what it means. A word that
means something else for another kind of shop has a key of its own (``profit_given``).
"""

from __future__ import annotations

from collections.abc import Mapping

from personal_offers.features import Language

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "title": "Словарь",
        "lead": "Слова этого отчёта простым языком, от главных к частным.",
        "head_word": "Слово",
        "head_meaning": "Что значит",
        "topic_customers": "Клиенты и деньги",
        "topic_groups": "Группы клиентов",
        "topic_quality": "Насколько верен риск",
        "topic_offers": "Предложения и проверка их действия",
        "topic_data": "Данные",
        # --- customers and money
        "risk": "Риск снижения",
        "risk_is": "Вероятность от 0 до 1, что активность клиента снижена или снизится. Риск 0,7: "
        "из десяти таких клиентов это ждёт примерно семерых.",
        "label_given": "Метка активности",
        "label_given_is": "Что файл магазина говорит о последних трёх месяцах клиента по сравнению "
        "с его же прошлым: «снизилась» или «прежний уровень».",
        "label_computed": "Метка активности",
        "label_computed_is": "«Снизилась», если после даты отсчёта клиент купил меньше заданной "
        "доли своего обычного, иначе «прежний уровень». Считается по строкам заказов.",
        "profit_given": "Прибыль",
        "profit_given_is": "Сколько магазин зарабатывает на клиенте в месяц, по файлу магазина. В "
        "чём она измерена, файл не говорит.",
        "profit_computed": "Прибыль",
        "profit_computed_is": "Сколько магазин зарабатывает на клиенте в месяц: чистая выручка "
        "последних месяцев, умноженная на предполагаемую маржу.",
        "unit": "Единица прибыли",
        "unit_is": "В чём файл магазина считает прибыль. Файл этого не говорит: план выбирает одну "
        "единицу и показывает, что было бы с другими.",
        "at_risk": "Прибыль под риском",
        "at_risk_is": "Риск, умноженный на прибыль, в сумме по клиентам: столько магазин в среднем "
        "потеряет в месяц, если ничего не делать. Где исход уже известен — прибыль тех, кто "
        "действительно снизил активность.",
        "regular_given": "Постоянный клиент",
        "regular_given_is": "Тот, кто покупал в каждом записанном месяце. Остальные в расчёт не "
        "входят и лежат в карантине.",
        "regular_orders": "Постоянный клиент",
        "regular_orders_is": "Тот, у кого достаточно заказов за всё время и хотя бы один недавний. "
        "У остальных есть класс, но нет риска.",
        "order_line": "Строка заказа",
        "order_line_is": "Один товар в одном заказе.",
        "net_revenue": "Чистая выручка",
        "net_revenue_is": "Сумма строк заказов с их знаком: возвраты вычтены.",
        "cutoff": "Дата отсчёта",
        "cutoff_is": "Последний момент, о котором что-либо известно расчёту. До неё — окно "
        "наблюдения, после неё — окно исхода.",
        # --- groups
        "segment": "Сегмент",
        "segment_is": "Клетка карты «риск × прибыль»: высокий или низкий риск, высокая или низкая "
        "прибыль. Каждый клиент ровно в одном сегменте.",
        "rfm": "RFM",
        "rfm_is": "Три балла клиента: как давно он покупал (recency), как часто (frequency) и на "
        "сколько денег (monetary). Больше — лучше.",
        "rfm_class": "Класс",
        "rfm_class_is": "Названная группа кодов RFM: топ, перспективные, уходящие и другие. Когда "
        "класс сменится, если клиент не купит, сказано в днях.",
        "backtest": "Проверка классов будущим",
        "backtest_is": "Классы посчитаны на прошлую дату, потом посмотрено, что клиенты купили "
        "дальше. Только она показывает, оправданны ли названия.",
        "migration": "Переходы",
        "migration_is": "Сколько клиентов, и с какими деньгами, перешли за период из одной группы "
        "в другую.",
        "cluster": "Кластер",
        "cluster_is": "Группа похожих клиентов, найденная алгоритмом; название дано по главным "
        "отличиям.",
        "stability": "Устойчивость кластеров",
        "stability_is": "Насколько те же группы находятся, если взять других таких же клиентов: 1 "
        "— всегда те же (скорректированный индекс Рэнда), 0 — как наугад.",
        "silhouette": "Силуэт",
        "silhouette_is": "Насколько кластеры отделены друг от друга, от −1 до 1: больше — лучше.",
        "mark": "Метка поведения",
        "mark_is": "Признак, по которому подбирают предложение: например, покупает по акциям. "
        "Меток у клиента может быть несколько.",
        "interest": "Интерес",
        "interest_is": "Категория, на которую приходится наибольшая доля трат клиента.",
        "main_category": "Любимая категория",
        "main_category_is": "Категория, которую клиент покупает чаще всего, по файлу магазина.",
        "accuracy": "Точность и охват",
        "accuracy_is": "Точность — как часто интерес угадан; охват — доля клиентов, которым его "
        "вообще называют. Чем увереннее требуем быть, тем выше точность и меньше охват.",
        # --- quality
        "auc": "ROC-AUC",
        "auc_is": "Вероятность, что у снизившего активность риск выше, чем у не снизившего, если "
        "взять по одному наугад: 0,5 — случайность, 1 — безошибочно.",
        "brier": "Brier",
        "brier_is": "Средний квадрат разницы между риском и тем, что произошло (1 или 0). Меньше — "
        "лучше; сравнивать можно только на тех же клиентах.",
        "calibrated": "Наклон калибровки",
        "calibrated_is": "Верен ли сам риск, а не только порядок клиентов. 1 — верен: среди "
        "клиентов с риском около 0,3 снижают активность около 30%. Меньше 1 — риск слишком "
        "уверенный, больше 1 — слишком осторожный.",
        "baseline": "Простое правило",
        "baseline_is": "То, что можно сделать без модели: один риск для всех, один лучший признак "
        "и тому подобное. Модель нужна, только если она лучше.",
        "point": "П. п.",
        "point_is": "Процентный пункт, мера разницы долей: с 20% до 27% — это 7 п. п.",
        "interval": "Интервал",
        "interval_is": "Пределы, в которых число могло бы оказаться из-за того, какие клиенты "
        "попали в расчёт; обычно 95%. Перемен во времени он не учитывает.",
        "chance": "Не отличить от случайности",
        "chance_is": "Интервал разницы включает ноль: на этих данных нельзя сказать, что лучше.",
        "out_of_fold": "Перекрёстная проверка",
        "out_of_fold_is": "Риск клиента считают модели, которые этого клиента при обучении не "
        "видели. Иначе качество было бы завышено.",
        "out_of_time": "Проверка будущим",
        "out_of_time_is": "Модель учится на прошлом, а судят её по клиентам более поздней даты, "
        "исходов которых она не знала.",
        "leak": "Утечка",
        "leak_is": "Подсказка в данных, которой в жизни не будет: номер клиента, порядок строк, "
        "сведения из будущего. Проверка на утечку её ищет.",
        "driver": "Признак",
        "driver_is": "Одно из свойств клиента, по которым модель считает риск. Признак, который "
        "сильно сдвигает риск, — примета, а не причина.",
        "profit_curve": "Кривая прибыли",
        "profit_curve_is": "Сколько принесёт контакт с клиентами, если писать тем, чей риск выше "
        "порога, — для всех порогов сразу.",
        # --- offers
        "offer": "Предложение",
        "offer_is": "То, что клиенту отправляют: у каждого не больше одного.",
        "save_rate": "Доля удержанных",
        "save_rate_is": "Какая доля тех, кто снизил бы активность, из-за предложения этого не "
        "сделает. Никто её не измерял: это допущение.",
        "break_even": "Окупается, если удержит",
        "break_even_is": "Доля удержанных, начиная с которой предложение окупается.",
        "redemption": "Скидка тем, кто и так остался бы",
        "redemption_is": "Какая доля тех, кто и так остался бы, возьмёт скидку: это только "
        "затраты.",
        "horizon": "Срок",
        "horizon_is": "Сколько месяцев удержанный клиент ещё приносит свою прибыль.",
        "net": "Ожидаемая чистая прибыль",
        "net_is": "Что предложение принесёт в среднем за вычетом сообщений и скидок; низкая и "
        "высокая — при неблагоприятных и благоприятных допущениях.",
        "frontier": "Доказанный предел",
        "frontier_is": "Чистая прибыль, больше которой при таком бюджете и таких допущениях не "
        "даст никакое распределение предложений.",
        "gate": "Отсеян правилами",
        "gate_is": "Клиенту ничего не отправляют: нет согласия, нет канала, слишком много "
        "сообщений или мало маржи.",
        "consent": "Согласие",
        "consent_is": "Разрешение клиента писать ему. Без него клиент не попадёт ни в один файл "
        "рассылки.",
        "provisional": "Предварительный план",
        "provisional_is": "План, в котором согласие записано не у всех: в файлы рассылки попадают "
        "только те, у кого оно есть, пока магазин не подтвердит, что согласие хранит.",
        "control": "Контрольная группа",
        "control_is": "Клиенты, которым намеренно ничего не отправляют. Сравнение с ними — "
        "единственный способ узнать, подействовали ли предложения. Кто в неё попадёт, решает "
        "жребий.",
        "detectable": "Заметная разница",
        "detectable_is": "Наименьшее уменьшение доли снизивших активность, которое при таких "
        "размерах групп, скорее всего, будет замечено.",
        "untouchable": "Не трогать",
        "untouchable_is": "Клиенты, для которых любое предложение обошлось бы дороже, чем "
        "принесёт.",
        "assumption": "Допущение",
        "assumption_is": "Число, которого никто не измерял: низкое, базовое и высокое значение с "
        "указанием, откуда они.",
        # --- data
        "ledger": "Чистка",
        "ledger_is": "Правила, которые исправляют или убирают ошибочные строки; считаются строки, "
        "клиенты и деньги до и после. Вошло = вышло + убрано, до копейки.",
        "quarantine": "Карантин",
        "quarantine_is": "Убранные строки в том виде, в каком они пришли, и правило, которым "
        "каждая убрана.",
        "regime": "Перелом в данных",
        "regime_is": "Момент, с которого данные записаны иначе, чем раньше. Выводы о клиентах "
        "заканчиваются на нём.",
        "withheld": "Не рассчитано",
        "withheld_is": "Данных не хватает, чтобы вывод был надёжен; причина названа, и значений "
        "нет.",
    },
    "en": {
        "title": "Glossary",
        "lead": "The words of this report in plain language, the main ones first.",
        "head_word": "Word",
        "head_meaning": "What it means",
        "topic_customers": "Customers and money",
        "topic_groups": "Groups of customers",
        "topic_quality": "How right the risk is",
        "topic_offers": "Offers, and how their effect is tested",
        "topic_data": "Data",
        "risk": "Decline risk",
        "risk_is": "The probability, from 0 to 1, that a customer's activity is or will be down. A "
        "risk of 0.7: of ten such customers it comes to about seven.",
        "label_given": "Activity label",
        "label_given_is": "What the shop's file says of a customer's last three months beside "
        "their own past: declined, or kept.",
        "label_computed": "Activity label",
        "label_computed_is": "“Declined” when after the cutoff a customer bought less than a "
        "stated share of their own usual amount, else “kept”. It is computed from order lines.",
        "profit_given": "Profit",
        "profit_given_is": "What the shop earns on a customer per month, from the shop's file. The "
        "file does not say what it is counted in.",
        "profit_computed": "Profit",
        "profit_computed_is": "What the shop earns on a customer per month: the net revenue of the "
        "latest months times an assumed margin.",
        "unit": "Unit of profit",
        "unit_is": "What the shop's file counts profit in. The file does not say: the plan takes "
        "one unit and shows what others would give.",
        "at_risk": "Profit at risk",
        "at_risk_is": "Risk times profit, summed over customers: what the shop loses per month on "
        "average if it does nothing. Where the outcome is known already: the profit of those who "
        "did decline.",
        "regular_given": "Regular customer",
        "regular_given_is": "Whoever bought in every recorded month. Others are left out and stand "
        "in quarantine.",
        "regular_orders": "Regular customer",
        "regular_orders_is": "Whoever has enough orders ever and a recent one among them. Others "
        "have a class but no risk.",
        "order_line": "Order line",
        "order_line_is": "One product in one order.",
        "net_revenue": "Net revenue",
        "net_revenue_is": "The sum of order lines with their signs: returns are taken off.",
        "cutoff": "Cutoff",
        "cutoff_is": "The last moment that the computation knows of. Before it lies the "
        "observation window, after it the outcome window.",
        "segment": "Segment",
        "segment_is": "A cell of the map “risk × profit”: high or low risk, high or low profit. "
        "Each customer is in exactly one.",
        "rfm": "RFM",
        "rfm_is": "Three scores of a customer: how recently they bought (recency), how often "
        "(frequency) and for how much money (monetary). More is better.",
        "rfm_class": "Class",
        "rfm_class_is": "A named group of RFM codes: top, promising, leaving and others. When the "
        "class will change, if the customer does not buy, is given in days.",
        "backtest": "Backtest of the classes",
        "backtest_is": "Classes computed as of a past day, and then what their customers went on "
        "to buy. Nothing else shows whether the names are earned.",
        "migration": "Migration",
        "migration_is": "How many customers, with how much money, moved from one group to another "
        "within a period.",
        "cluster": "Cluster",
        "cluster_is": "A group of similar customers found by an algorithm, and named by its main "
        "differences.",
        "stability": "Stability of clusters",
        "stability_is": "How far the same groups come back with other customers of the same kind: "
        "1 is always (adjusted Rand index), 0 is as by chance.",
        "silhouette": "Silhouette",
        "silhouette_is": "How far clusters stand apart, from −1 to 1: more is better.",
        "mark": "Mark of behaviour",
        "mark_is": "A trait that offers are chosen by: buys on promotion, for example. A customer "
        "may have several.",
        "interest": "Interest",
        "interest_is": "The category with the largest share of what a customer spends.",
        "main_category": "Favourite category",
        "main_category_is": "The category a customer buys most often, from the shop's file.",
        "accuracy": "Accuracy and coverage",
        "accuracy_is": "Accuracy: how often an interest is named rightly. Coverage: the share of "
        "customers for whom one is named at all. The surer we want to be, the higher the first and "
        "the smaller the second.",
        "auc": "ROC-AUC",
        "auc_is": "The probability that a customer who declined has a higher risk than one who did "
        "not, one of each taken at random: 0.5 is chance, 1 is faultless.",
        "brier": "Brier",
        "brier_is": "The mean squared difference between the risk and what happened (1 or 0). Less "
        "is better; compare it on the same customers only.",
        "calibrated": "Calibration slope",
        "calibrated_is": "Whether the risk itself is right, not only the order of customers. 1 is "
        "right: of customers with a risk about 0.3, about 30% decline. Below 1 the risk is too "
        "sure of itself, above 1 too timid.",
        "baseline": "Simple rule",
        "baseline_is": "What can be done without a model: one risk for everybody, the best single "
        "feature and the like. A model is needed only if it is better.",
        "point": "Percentage point",
        "point_is": "A measure of differences of shares: from 20% to 27% is 7 percentage points.",
        "interval": "Interval",
        "interval_is": "The bounds within which a number could have come out, because other "
        "customers could have been in the data; usually 95%. It does not cover changes over time.",
        "chance": "Cannot be told from chance",
        "chance_is": "The interval of a difference holds zero: these data cannot say which is "
        "better.",
        "out_of_fold": "Cross-validation",
        "out_of_fold_is": "A customer's risk comes from models that did not see this customer when "
        "they were trained. Otherwise quality would be overstated.",
        "out_of_time": "Out of time",
        "out_of_time_is": "The model learns from the past and is judged by customers of a later "
        "day whose outcomes it did not know.",
        "leak": "Leak",
        "leak_is": "A hint in the data that real life will not give: the customer's id, the order "
        "of rows, something from the future. The leak audit looks for it.",
        "driver": "Feature",
        "driver_is": "One of the properties of a customer that the model computes the risk from. A "
        "feature that moves the risk much is a sign, not a cause.",
        "profit_curve": "Profit curve",
        "profit_curve_is": "What contacting brings when everybody above a threshold of risk is "
        "contacted, for all thresholds at once.",
        "offer": "Offer",
        "offer_is": "What is sent to a customer: one at most.",
        "save_rate": "Save rate",
        "save_rate_is": "The share of would-be decliners whom an offer keeps. Nobody measured it: "
        "it is an assumption.",
        "break_even": "Pays from a save rate of",
        "break_even_is": "The save rate from which an offer pays.",
        "redemption": "Redemption by customers who would have stayed",
        "redemption_is": "The share of those who would have stayed anyway and take the discount: "
        "that is cost alone.",
        "horizon": "Horizon",
        "horizon_is": "For how many months a kept customer goes on bringing their profit.",
        "net": "Expected net profit",
        "net_is": "What an offer brings on average, less messages and discounts; low and high are "
        "under unfavourable and favourable assumptions.",
        "frontier": "Proven bound",
        "frontier_is": "The net profit that no way of giving out offers can exceed with such a "
        "budget and such assumptions.",
        "gate": "Stopped by the rules",
        "gate_is": "Nothing is sent to the customer: no consent, no channel, too many messages or "
        "too little margin.",
        "consent": "Consent",
        "consent_is": "A customer's permission to be contacted. Without it a customer is in no "
        "mailing file.",
        "provisional": "Provisional plan",
        "provisional_is": "A plan in which not everybody has a recorded consent: the mailing files "
        "hold only those who have one, until the shop confirms that it holds consent.",
        "control": "Control group",
        "control_is": "Customers to whom nothing is sent, on purpose. Comparing with them is the "
        "only way to learn whether offers worked. Who is in it is drawn by lot.",
        "detectable": "Noticeable difference",
        "detectable_is": "The smallest drop in the share of decliners that groups of this size "
        "will most likely show.",
        "untouchable": "Do not touch",
        "untouchable_is": "Customers for whom any offer would cost more than it brings.",
        "assumption": "Assumption",
        "assumption_is": "A number that nobody measured: a low, a base and a high value, with "
        "their source.",
        "ledger": "Cleaning",
        "ledger_is": "Rules that repair or remove rows with errors; rows, customers and money are "
        "counted before and after. In = out + removed, to the cent.",
        "quarantine": "Quarantine",
        "quarantine_is": "Removed rows as they came, and the rule that removed each.",
        "regime": "Regime break",
        "regime_is": "The moment since which the data are recorded in another way than before. "
        "Conclusions about customers end there.",
        "withheld": "Withheld",
        "withheld_is": "The data are too few for a sound conclusion; the reason is given, and "
        "there are no values.",
    },
}

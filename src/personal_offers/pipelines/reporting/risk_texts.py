"""What the chapter ``risk`` says, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

from personal_offers.features import Language

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "title": "Риск снижения",
        "subject": "Риск снижения активности",
        # --- what the risk is
        "given": "Риск снижения — вероятность от 0 до 1, что клиент ведёт себя как те, о ком файл "
        "магазина говорит «активность снизилась». Файл говорит о трёх уже прошедших месяцах, "
        "поэтому клиент с высоким риском часто уже покупает меньше, и удержать его значит вернуть.",
        "computed": "Риск снижения — вероятность от 0 до 1, что в ближайшие {outcome} постоянный "
        "клиент купит меньше {share} своего обычного ({measure}). Обычное — его же среднее за "
        "{baseline} до того{gap}. Постоянным считается тот, у кого не меньше {orders}, хотя бы "
        "один из них — за последние {recent}; у остальных риска нет.",
        "gap": " (первые {days} после даты расчёта не учитываются)",
        "items": "в штуках товара за вычетом возвратов",
        "revenue": "в выручке за вычетом возвратов",
        "orders": "в заказах",
        "cannot": "Чего риск не говорит:",
        "not_why": "Почему клиент покупает меньше: модель видит, что встречается вместе с риском, "
        "а не причины.",
        "not_effect": "Поможет ли предложение: это измерит только контрольная группа, которая "
        "намеренно ничего не получает.",
        "not_future": "Что будет в следующем месяце: часть признаков описывает те же месяцы, о "
        "которых говорит метка, и по этим данным их не развести.",
        "not_season": "Что будет в другой сезон: качество проверено на одной дате, {date}.",
        # --- beside the rules
        "wins_lead": "Модель отличает снизивших активность от остальных лучше самого удачного "
        "простого правила «{rule}»: ROC-AUC {own} против {other}.",
        "ties_lead": "Модель не лучше простого правила «{rule}»: ROC-AUC {own} против {other}, и "
        "эту разницу не отличить от случайной.",
        "loses_lead": "Модель хуже простого правила «{rule}»: ROC-AUC {own} против {other}.",
        "wins": "Модель лучше простого правила «{rule}»: на тех же клиентах её ROC-AUC выше на "
        "{gap}. Ранжируйте клиентов по риску.",
        "ties": "Модель не превосходит простое правило «{rule}»: разность ROC-AUC на тех же "
        "клиентах — {gap}, это не отличить от случайности.{brier} Пользуйтесь риском не смелее, "
        "чем этим правилом, и пусть решает прибыль.",
        "loses": "Модель проигрывает простому правилу «{rule}»: разность ROC-AUC на тех же "
        "клиентах — {gap}.{brier} Ранжируйте клиентов по правилу.",
        "brier_too": " И вероятности у неё не точнее: Brier {own} против {other} у правила (меньше "
        "— лучше).",
        "base_rate": "доля снизивших для всех",
        "best_single_feature": "лучший одиночный признак",
        "named_feature": "лучший одиночный признак: {feature}",
        "recency": "давность покупки",
        "frequency": "частота покупок",
        "bg_nbd": "ожидаемые заказы по BG/NBD",
        # --- tiles
        "auc": "ROC-AUC модели",
        "auc_note": "{interval}0,5 — случайность, 1 — безошибочно",
        "rule_auc": "ROC-AUC лучшего простого правила",
        "rule_note": "{interval}правило: {rule}",
        "ahead": "На сколько модель впереди правила",
        "ahead_wins": "{interval}больше, чем случайность{basis}",
        "basis": "; на повторениях проверки, общих для всех моделей ({few} из {all})",
        "ahead_ties": "{interval}не отличить от случайности{basis}",
        "ahead_loses": "{interval}модель позади правила{basis}",
        "brier": "Brier: средний квадрат ошибки",
        "brier_note": "{interval}меньше — лучше{rule}{base}",
        "brier_rule": "; у правила {value}",
        "brier_base": "; если риск один для всех, {value}",
        "share": "Снизили активность",
        "share_note": "из {customers}, по которым проверяли модель",
        "interval": "{confidence}: {span}; ",
        "gap_interval": "{value} ({confidence}: {span})",
        # --- figures
        "candidates_wins": "Ранжируйте по риску модели и не ищите разницы между моделями, чьи "
        "интервалы перекрываются.",
        "candidates_ties": "Если надо объяснить, почему выбран клиент, берите простое правило: оно "
        "не хуже и понятнее.",
        "repeats": "На графике все модели сравнены на меньшем числе повторений проверки ({few}), "
        "чем на "
        "плитках ({all}), поэтому ROC-AUC модели здесь {first}, а на плитке {mean}.",
        "not_winner": "Заголовок графика говорит о модели, которая лучше других на обучающих "
        "данных. В параметрах магазина выбрана другая, и числа на плитках — её.",
        "reliability": "Читайте риск 0,7 так: из десяти таких клиентов снизят активность примерно "
        "семь, — и смотрите на группы, где точка далеко от пунктира.",
        "reliability_off": "Используйте риск, чтобы упорядочить клиентов, а не как точную долю: "
        "сколько на деле снизило активность, видно по точкам.",
        "too_high": "В целом риск ожидал {expected} снизивших активность, на деле их {happened}: "
        "он завышен на {points} п. п. Доверяйте порядку клиентов больше, чем самому числу.",
        "too_low": "В целом риск ожидал {expected} снизивших активность, на деле их {happened}: он "
        "занижен на {points} п. п. Доверяйте порядку клиентов больше, чем самому числу.",
        "threshold": "Пишите клиентам с риском от {best}{band}, а не от привычных 0,5.",
        "threshold_band": " (у других таких же клиентов вышло бы от {low} до {high})",
        "threshold_all": "Не отсеивайте по риску: при базовых допущениях выгодно писать почти всем "
        "({share} клиентов).",
        "threshold_nobody": "Не пишите никому, пока цена или действие предложений не станут лучше, "
        "чем в базовых допущениях.",
        "everybody": "Если написать всем, выйдет {everybody} на клиента магазина за {months} "
        "({unit}), с лучшим порогом — {best}: выбор по риску прибавляет {gain}.{nothing}{out}",
        "decides_nothing": " Это так мало, что риск здесь ничего не решает.",
        "out_of_sample": " На клиентах, которые не участвовали в выборе порога: {value}.",
        "drivers": "Начинайте с того, на что магазин может повлиять, и проверяйте действием: "
        "сильный признак — примета, а не рычаг.",
        # --- captured profit
        "captured_title": "Верхние {top} клиентов по риску × прибыли — это {both} прибыли под "
        "риском; по одному риску {risk}, по одной прибыли {profit}, если знать исход {ideal}",
        "captured_note": "Прибыль под риском здесь — месячная прибыль проверенных клиентов, "
        "которые потом действительно снизили активность: {amount} ({unit}).",
        "captured_note_given": "Прибыль под риском здесь — месячная прибыль клиентов, которые "
        "действительно снизили активность: {amount} ({unit}).",
        "captured_advice": "Если бюджета не хватает на всех, начинайте с наибольшего произведения "
        "риска на прибыль{alike}.",
        "alike_profit": "; прибыль сама по себе здесь почти не хуже",
        "alike_risk": "; риск сам по себе здесь почти не хуже",
        "ranking": "Кого берём первыми",
        "top": "Верхние {share}",
        "low": "Верхние {share}: интервал от",
        "high": "Верхние {share}: интервал до",
        "risk_x_profit": "риск × прибыль",
        "ideal": "идеал: исход известен",
        "risk": "только риск",
        "profit": "только прибыль",
        "random": "наугад",
        # --- leak audit
        "audit_passed": "Проверка на утечку (нет ли в данных подсказки, которой в жизни не будет) "
        "пройдена: ни одна проверка из {all} не провалена{warned}.",
        "audit_warned": ", с предупреждением — {count}",
        "audit_failed": "Проверка на утечку провалена (проверок: {all}, провалено: {failed}): в "
        "данных "
        "есть подсказка, которой в жизни не будет. Риска поэтому нет ни у кого, а показателям этой "
        "главы верить нельзя.",
        "audit_order": "Предупреждения о номерах и порядке строк говорят о том, как собран файл. "
        "Модель не видит ни того, ни другого.",
        "audit_more": "И ещё: {count}.",
        # --- no model
        "withheld_lead": "Риск снижения в этом магазине не рассчитан.",
        "withheld_orders": "Риска нет ни у кого ({reason}). Вместо него пользуйтесь классом RFM "
        "(глава «RFM-классы»; там же сказано, насколько порядок классов подтвердился). "
        "Предложения этим клиентам даются только по заранее названному правилу.",
        "withheld_given": "Риска нет ни у кого ({reason}). Выбирайте клиентов по прибыли и "
        "кластерам.",
    },
    "en": {
        "title": "Decline risk",
        "subject": "Decline risk",
        "given": "Decline risk is the probability, from 0 to 1, that a customer behaves like those "
        "of whom the shop's file says “activity declined”. The file speaks of three months that "
        "have passed, so a customer at high risk often buys less already, and keeping them means "
        "winning them back.",
        "computed": "Decline risk is the probability, from 0 to 1, that in the next {outcome} a "
        "regular customer buys less than {share} of their own usual amount ({measure}). Usual is "
        "their own mean over the {baseline} before{gap}. Regular is whoever has at least {orders}, "
        "one of them in the last {recent}; nobody else has a risk.",
        "gap": " (the first {days} after the day of the calculation are left out)",
        "items": "in units, net of returns",
        "revenue": "in revenue, net of returns",
        "orders": "in orders",
        "cannot": "What the risk cannot tell:",
        "not_why": "Why a customer buys less: the model sees what goes along with risk, not "
        "causes.",
        "not_effect": "Whether an offer helps: only a control group that gets nothing on purpose "
        "measures that.",
        "not_future": "What comes next month: some features describe the same months as the label, "
        "and these data cannot part the two.",
        "not_season": "What another season brings: quality was tested on one day, {date}.",
        "wins_lead": "The model tells customers who declined from the others better than the best "
        "simple rule, “{rule}”: ROC-AUC {own} against {other}.",
        "ties_lead": "The model is no better than the simple rule “{rule}”: ROC-AUC {own} against "
        "{other}, a difference that cannot be told from chance.",
        "loses_lead": "The model is worse than the simple rule “{rule}”: ROC-AUC {own} against "
        "{other}.",
        "wins": "The model beats the simple rule “{rule}”: on the same customers its ROC-AUC is "
        "higher by {gap}. Rank customers by the risk.",
        "ties": "The model does not beat the simple rule “{rule}”: on the same customers ROC-AUC "
        "differs by {gap}, which cannot be told from chance.{brier} Rely on the risk no more than "
        "on that rule, and let profit decide.",
        "loses": "The model loses to the simple rule “{rule}”: on the same customers ROC-AUC "
        "differs by {gap}.{brier} Rank customers by the rule.",
        "brier_too": " Nor are its probabilities more exact: Brier {own} against {other} of the "
        "rule (less is better).",
        "base_rate": "base rate for everyone",
        "best_single_feature": "best single feature",
        "named_feature": "best single feature: {feature}",
        "recency": "recency",
        "frequency": "frequency",
        "bg_nbd": "expected orders by BG/NBD",
        "auc": "ROC-AUC of the model",
        "auc_note": "{interval}0.5 is chance, 1 is faultless",
        "rule_auc": "ROC-AUC of the best simple rule",
        "rule_note": "{interval}the rule: {rule}",
        "ahead": "How far the model is ahead of the rule",
        "ahead_wins": "{interval}more than chance{basis}",
        "basis": "; on the repetitions of the test that all models share ({few} of {all})",
        "ahead_ties": "{interval}cannot be told from chance{basis}",
        "ahead_loses": "{interval}the model is behind the rule{basis}",
        "brier": "Brier: mean squared error",
        "brier_note": "{interval}less is better{rule}{base}",
        "brier_rule": "; the rule has {value}",
        "brier_base": "; one risk for everybody would have {value}",
        "share": "Declined",
        "share_note": "of {customers} by whom the model was judged",
        "interval": "{confidence}: {span}; ",
        "gap_interval": "{value} ({confidence}: {span})",
        "candidates_wins": "Rank by the model's risk, and look for no difference between models "
        "whose intervals overlap.",
        "candidates_ties": "Where somebody asks why a customer was chosen, take the simple rule: "
        "it "
        "is no worse and easier to explain.",
        "repeats": "The chart compares all models on fewer repetitions of the test ({few}) than "
        "the "
        "tiles ({all}), so the model's ROC-AUC is {first} here and {mean} there.",
        "not_winner": "The title of the chart speaks of the model that did best on the training "
        "data. The shop's parameters choose another, whose numbers stand in the tiles.",
        "reliability": "Read a risk of 0.7 as “of ten such customers about seven decline”, and "
        "mind the groups whose dot lies far from the dashed line.",
        "reliability_off": "Use the risk to put customers in order, not as an exact share: the "
        "dots "
        "say how many did decline.",
        "too_high": "Overall the risk expected {expected} of customers to decline, and {happened} "
        "did: it is too high by {points} percentage points. Trust the order of customers more than "
        "the number itself.",
        "too_low": "Overall the risk expected {expected} of customers to decline, and {happened} "
        "did: it is too low by {points} percentage points. Trust the order of customers more than "
        "the number itself.",
        "threshold": "Contact customers from risk {best} on{band}, not from the customary 0.5.",
        "threshold_band": " (other customers of this kind would give {low} to {high})",
        "threshold_all": "Do not sift by risk: under the base assumptions it pays to contact "
        "nearly everybody ({share} of customers).",
        "threshold_nobody": "Contact nobody until offers cost less, or do more, than the base "
        "assumptions say.",
        "everybody": "Contacting everybody brings {everybody} per customer of the shop over "
        "{months} ({unit}), the best threshold {best}: choosing by risk adds {gain}.{nothing}{out}",
        "decides_nothing": " That is so little that the risk decides nothing here.",
        "out_of_sample": " On customers who took no part in choosing the threshold: {value}.",
        "drivers": "Begin with what the shop can influence, and test it: a strong feature is a "
        "sign, not a lever.",
        "captured_title": "The top {top} of customers by risk × profit hold {both} of the profit "
        "at risk; by risk alone {risk}, by profit alone {profit}, with the outcome known {ideal}",
        "captured_note": "Profit at risk here is the monthly profit of the tested customers who "
        "did decline later: {amount} ({unit}).",
        "captured_note_given": "Profit at risk here is the monthly profit of the customers who did "
        "decline: {amount} ({unit}).",
        "captured_advice": "Where the budget does not reach everybody, begin with the largest "
        "product of risk and profit{alike}.",
        "alike_profit": "; profit by itself is nearly as good here",
        "alike_risk": "; risk by itself is nearly as good here",
        "ranking": "Who comes first",
        "top": "Top {share}",
        "low": "Top {share}: interval from",
        "high": "Top {share}: interval to",
        "risk_x_profit": "risk × profit",
        "ideal": "ideal: outcome known",
        "risk": "risk alone",
        "profit": "profit alone",
        "random": "at random",
        "audit_passed": "The leak audit, which looks for hints that real life will not give, is "
        "passed: "
        "none of {all} checks failed{warned}.",
        "audit_warned": ", {count} gave a warning",
        "audit_failed": "The leak audit is failed (checks: {all}, failed: {failed}): the data "
        "hold a hint "
        "that real life will not give. Nobody has a risk therefore, and the figures of this "
        "chapter must not be believed.",
        "audit_order": "Warnings about ids and the order of rows tell how the file was put "
        "together. The model sees neither.",
        "audit_more": "And {count} more.",
        "withheld_lead": "This shop has no decline risk.",
        "withheld_orders": "Nobody has a risk ({reason}). Use the RFM class instead (chapter “RFM "
        "classes”, which also says how far the order of the classes was confirmed). These "
        "customers get offers only by a rule stated beforehand.",
        "withheld_given": "Nobody has a risk ({reason}). Choose customers by profit and cluster.",
    },
}

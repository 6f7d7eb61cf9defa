"""What a model card says, in Russian and English. It speaks of association, never of causes."""

from __future__ import annotations

from collections.abc import Mapping

from personal_offers.features import Language

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "title": "Карточка модели: риск снижения активности",
        "no_model": "Модели нет",
        "why": "Почему: {reason}.",
        "needed": "Что нужно, чтобы модель появилась:",
        "needed_days": "не меньше {days} дн. истории заказов, созданных одним и тем же образом: "
        "{baseline} дн. наблюдения и два исхода по {outcome} дн., один для обучения и один для "
        "проверки;",
        "needed_customers": "не меньше {fewest} снизивших активность и {fewest} сохранивших её "
        "постоянных клиентов и в обучении, и в проверке.",
        "needed_labels": "метка активности у клиентов обоих видов (снизили и сохранили), в каждом "
        "не меньше, чем частей в перекрёстной проверке.",
        "instead": "Что вместо неё: риск в таблицах пуст, и к клиенту применяется заранее "
        "названное правило (в магазинах со строками заказов это класс RFM).",
        "purpose": "Для чего модель",
        "for_1": "Упорядочить постоянных клиентов по вероятности того, что они станут покупать "
        "заметно меньше.",
        "for_2": "Вместе с прибылью выбрать, кому в рамках бюджета отправить предложение.",
        "for_3": "Сравнить сегменты и оценить, сколько прибыли под риском.",
        "not_for": "Для чего её нельзя использовать",
        "not_1": "Решать об отдельных людях что-либо, кроме отправки предложения: доступ к товарам "
        "и услугам, цены, кредит, отказ в обслуживании.",
        "not_2": "Делать выводы о причинах: модель показывает, что встречается вместе с риском, а "
        "не что изменит поведение. Эффект предложения измеряет только контрольная группа.",
        "not_3": "Оценивать разовых и новых клиентов: модель видела только постоянных.",
        "not_4": "Оценивать клиентов другого магазина.",
        "not_5": "Пользоваться ею после перемены порядка: другой способ записи заказов, другой "
        "ассортимент, цены или правила акций. Сначала обучить заново.",
        "not_6": "Обходить согласие: разрешение на связь проверяется отдельно от риска.",
        "data": "Данные и период",
        "data_span": "Данные с {start} по {end}; известно на {cutoff} (часовой пояс: {timezone}).",
        "data_counts": "Клиентов: {customers}, заказов: {orders}, купивших повторно: "
        "{repeat_buyers}, валюта: {currency}.",
        "no_time": "В таблицах магазина нет дат: одна строка на клиента на момент выгрузки.",
        "who": "Кто вошёл",
        "customers": "Клиентов с меткой, по которым судят о модели: {customers}.",
        "twins": "Почти одинаковых клиентов нашлось групп: {groups}; каждая целиком в одной части "
        "проверки.",
        "left_out": "Не вошли в решение (нет метки, риска или прибыли): {left_out}.",
        "rows_trained": "Окончательная модель обучена на строках: {rows}, клиентов: {customers}.",
        "empty_features": "Признаки без единого значения: {names}.",
        "label": "Что значит «снизилась»",
        "label_given": "Метку дал магазин в своём файле; как она посчитана, файл не говорит.",
        "label_computed": "Активность снизилась, если {measure} за {outcome} дн. после даты "
        "отсчёта меньше {share} собственного среднего за {baseline} дн. до неё (не короче "
        "{shortest} дн.), пересчитанного на тот же срок{gap}.",
        "label_gap": "; {gap} дн. между датой и сроком пропущены",
        "label_who": "Метку получают клиенты, у которых заказов не меньше {orders} за всё время и "
        "хотя бы один за последние {recent} дн.",
        "items": "количество товаров за вычетом возвратов",
        "revenue": "выручка за вычетом возвратов",
        "orders": "количество заказов",
        "prevalence": "Снизили активность: {share} клиентов.",
        "sensitivity": "Как эта доля зависит от порога:",
        "share": "Порог",
        "eligible": "Клиентов",
        "declined": "Снизили",
        "declined_share": "Доля",
        "protocol": "Как проверяли",
        "folds": "Перекрёстная проверка: частей {folds}, повторов {repeats}. Каждого клиента "
        "оценивали модели, которые не видели ни его, ни его двойников.",
        "repeats": "Повторов: {repeats}; риск — среднее по ним.",
        "out_of_time": "Проверка будущим: обучение на датах {training}, исходы которых закончились "
        "до {test}; проверка на клиентах на {test}.",
        "inside": "Настройки, калибровка и правила для сравнения подбирались только внутри "
        "обучающих частей.",
        "intervals": "Интервалы {confidence}: повторные выборки клиентов ({bootstrap}).",
        "figures": "Показатели",
        "measure": "Показатель",
        "this_model": "Модель",
        "candidates": "Сравнение моделей",
        "candidates_note": "Разница — ROC-AUC минус ROC-AUC лучшего простого правила, на тех же "
        "клиентах.",
        "candidate": "Модель",
        "difference": "Разница",
        "winner": "победитель",
        "beats": "Победитель отличает клиентов лучше лучшего простого правила.",
        "not_beats": "Ни одна модель не лучше простых правил так, чтобы это отличалось от случая.",
        "calibration": "Калибровка",
        "slope": "Наклон калибровки опубликованного риска: {value}{interval}; 1 — верно, меньше 1 "
        "— риск слишком уверенный, больше 1 — слишком осторожный.",
        "ece": "Средняя разница ожидаемой и наступившей доли: {value} п. п.{interval}.",
        "decision": "Порог решения",
        "best": "При базовых допущениях выгоднее всего писать клиентам с риском от {threshold} "
        "({share} клиентов): {profit} на клиента магазина{interval} ({unit}).",
        "best_nobody": "При базовых допущениях выгоднее не писать никому.",
        "half": "С порогом 0,5: {profit}; разница {gain}{interval}.",
        "break_even": "Окупается, если предложение удерживает не меньше {rate} уходящих.",
        "extremes": "При крайних сочетаниях допущений: от {worst} до {best}.",
        "assumptions": "Никто этих чисел не измерял, это допущения:",
        "assumption": "Допущение",
        "low": "Низкое",
        "base": "Базовое",
        "high": "Высокое",
        "source": "Откуда",
        "captured": "Если идти по риску × прибыли сверху, то {top} клиентов дают {captured} "
        "прибыли под риском{interval}; в идеале {ideal}.",
        "audit": "Проверка на утечку",
        "audit_passed": "Ни одна проверка не провалена (проверок: {all}, предупреждений: "
        "{warned}).",
        "audit_failed": "Провалено проверок: {failed} из {all}, предупреждений: {warned}. Это "
        "надо разобрать, прежде чем верить показателям.",
        "verdict": "Итог",
        "finding": "Что найдено",
        "fail": "провал",
        "warn": "предупреждение",
        "drivers": "На что опирается оценка",
        "drivers_note": "Средний сдвиг риска в ту или другую сторону. Это связь в данных, а не "
        "причина.",
        "feature": "Признак",
        "group": "Группа",
        "actionable": "Магазин может повлиять",
        "points": "Сдвиг, п. п.",
        "yes": "да",
        "no": "нет",
        "limits": "Ограничения",
        "limit_given": "По данным не проверить, что метка относится к будущему: часть признаков "
        "описывает тот же месяц, что и метка.",
        "limit_one_test": "Проверка сделана на одной дате: другой сезон может дать другой "
        "результат.",
        "limit_intervals": "Интервалы учитывают случайность выбора клиентов, но не перемены во "
        "времени.",
        "limit_profit": "Прибыль от контакта посчитана на допущениях, а не на опыте.",
        "limit_threshold": "Порог выбран на тех же клиентах, на которых посчитана его прибыль; на "
        "клиентах, которые не участвовали в выборе: {value}.",
        "reproduce": "Как повторить",
        "seed": "Зерно случайности: {seed}. Два запуска с ним дают те же риски.",
        "artefact": "Модель хранится без pickle: `decline_model.skops`, рядом `decline_model.json` "
        "с версиями библиотек, параметрами и хэшем обучающих строк.",
        "data_hash": "Хэш обучающих строк: `{hash}`.",
        "communication": "общение",
        "product_behaviour": "выбор товаров",
        "purchase_behaviour": "покупки",
        "on_site_behaviour": "поведение на сайте",
        "save_rate": "доля удержанных",
        "horizon_months": "срок, месяцев",
        "contact_cost": "цена сообщения",
        "incentive_cost": "цена предложения",
        "redemption": "доля использовавших зря",
        "roc_auc": "ROC-AUC",
        "average_precision": "Средняя точность",
        "brier": "Brier (меньше — лучше)",
        "log_loss": "Логарифмические потери (меньше — лучше)",
        "lift_at_10": "Лифт в верхних 10%",
        "calibration_slope": "Наклон калибровки (1 — верно)",
        "expected_calibration_error": "Ошибка калибровки (меньше — лучше)",
    },
    "en": {
        "title": "Model card: decline risk",
        "no_model": "There is no model",
        "why": "Why: {reason}.",
        "needed": "What a model would need:",
        "needed_days": "at least {days} days of orders that are all recorded in one way: "
        "{baseline} days of observation and two outcomes of {outcome} days, one to learn from and "
        "one to test on;",
        "needed_customers": "at least {fewest} regular customers who declined and {fewest} who did "
        "not, both to learn from and to test on.",
        "needed_labels": "an activity label with customers of both kinds (declined and kept), at "
        "least as many of each as the cross-validation has folds.",
        "instead": "What stands in for it: the risk in the tables is empty, and a stated rule "
        "takes the customer (in shops of order lines, the RFM class).",
        "purpose": "What the model is for",
        "for_1": "To order regular customers by the probability that they will buy noticeably "
        "less.",
        "for_2": "To choose, together with profit, whom an offer goes to within a budget.",
        "for_3": "To compare segments and to estimate the profit at risk.",
        "not_for": "What it must not be used for",
        "not_1": "To decide anything about single people but whether an offer is sent: access to "
        "goods and services, prices, credit, refusal of service.",
        "not_2": "To draw conclusions about causes: the model shows what goes along with risk, not "
        "what would change behaviour. Only a control group measures the effect of an offer.",
        "not_3": "To score occasional or new customers: the model has seen regular ones only.",
        "not_4": "To score customers of another shop.",
        "not_5": "To go on after a change of regime: another way of recording orders, another "
        "assortment, other prices or rules of promotion. Train it again first.",
        "not_6": "To get round consent: permission to contact is checked apart from risk.",
        "data": "Data and era",
        "data_span": "Data from {start} to {end}; known as of {cutoff} (time zone: {timezone}).",
        "data_counts": "Customers: {customers}, orders: {orders}, repeat buyers: {repeat_buyers}, "
        "currency: {currency}.",
        "no_time": "The shop's tables bear no dates: one row per customer as of the export.",
        "who": "Who is in it",
        "customers": "Customers with a label, by whom the model is judged: {customers}.",
        "twins": "Groups of near-identical customers: {groups}; each is in one fold as a whole.",
        "left_out": "Left out of the decision (no label, risk or profit): {left_out}.",
        "rows_trained": "The final model was trained on {rows} rows of {customers} customers.",
        "empty_features": "Features without a single value: {names}.",
        "label": "What “declined” means",
        "label_given": "The shop gave the label in its file; the file does not say how it was "
        "made.",
        "label_computed": "A customer declined when {measure} in the {outcome} days after the "
        "cutoff fell below {share} of their own mean over the {baseline} days before it (no fewer "
        "than {shortest}), scaled to the same length{gap}.",
        "label_gap": "; {gap} days between the cutoff and that window are left out",
        "label_who": "Customers with at least {orders} orders ever, one of them in the last "
        "{recent} days, get a label.",
        "items": "the number of items, net of returns,",
        "revenue": "revenue, net of returns,",
        "orders": "the number of orders",
        "prevalence": "{share} of customers declined.",
        "sensitivity": "How that share depends on the threshold:",
        "share": "Threshold",
        "eligible": "Customers",
        "declined": "Declined",
        "declined_share": "Share",
        "protocol": "How it was tested",
        "folds": "Cross-validation: {folds} folds, {repeats} repeats. Each customer was scored by "
        "models that had seen neither the customer nor a twin of theirs.",
        "repeats": "Repeats: {repeats}; the risk is their mean.",
        "out_of_time": "Out of time: trained at the cutoffs {training}, whose outcomes had ended "
        "by {test}; tested on customers as of {test}.",
        "inside": "Settings, calibration and the rules for comparison were chosen within the "
        "training parts alone.",
        "intervals": "Intervals of {confidence}: customers drawn again ({bootstrap} times).",
        "figures": "Figures",
        "measure": "Measure",
        "this_model": "Model",
        "candidates": "Models compared",
        "candidates_note": "The difference is ROC-AUC less that of the best simple rule, on the "
        "same customers.",
        "candidate": "Model",
        "difference": "Difference",
        "winner": "winner",
        "beats": "The winner tells customers apart better than the best simple rule.",
        "not_beats": "No model beats the simple rules by more than chance.",
        "calibration": "Calibration",
        "slope": "Calibration slope of the published risk: {value}{interval}; 1 is right, below 1 "
        "the risk is too sure of itself, above 1 too timid.",
        "ece": "Mean gap between the expected and the actual share: {value} percentage "
        "points{interval}.",
        "decision": "Decision threshold",
        "best": "Under the base assumptions it pays most to contact customers from risk "
        "{threshold} on ({share} of customers): {profit} per customer of the shop{interval} "
        "({unit}).",
        "best_nobody": "Under the base assumptions it pays most to contact nobody.",
        "half": "From risk 0.5 on: {profit}; difference {gain}{interval}.",
        "break_even": "It breaks even when the offer keeps at least {rate} of would-be decliners.",
        "extremes": "At the extreme combinations of the assumptions: from {worst} to {best}.",
        "assumptions": "Nobody measured these numbers; they are assumptions:",
        "assumption": "Assumption",
        "low": "Low",
        "base": "Base",
        "high": "High",
        "source": "Source",
        "captured": "Ranked by risk × profit, the top {top} of customers hold {captured} of the "
        "profit at risk{interval}; ideally {ideal}.",
        "audit": "Leak audit",
        "audit_passed": "No check failed (checks: {all}, warnings: {warned}).",
        "audit_failed": "Checks failed: {failed} of {all}, warnings: {warned}. Clear "
        "this up before you trust the figures.",
        "verdict": "Verdict",
        "finding": "What was found",
        "fail": "failed",
        "warn": "warning",
        "drivers": "What the score leans on",
        "drivers_note": "Mean shift of the risk, either way. This is association in the data, not "
        "a cause.",
        "feature": "Feature",
        "group": "Group",
        "actionable": "The shop can influence it",
        "points": "Shift, percentage points",
        "yes": "yes",
        "no": "no",
        "limits": "Limits",
        "limit_given": "The data cannot show that the label lies in the future: some features "
        "describe the same month as the label.",
        "limit_one_test": "It was tested at one date: another season may give another result.",
        "limit_intervals": "Intervals cover the chance in who the customers are, not changes over "
        "time.",
        "limit_profit": "The profit of contacting rests on assumptions, not on experience.",
        "limit_threshold": "The threshold was chosen on the customers whose profit is shown; on "
        "customers who took no part in the choice: {value}.",
        "reproduce": "How to reproduce it",
        "seed": "Seed: {seed}. Two runs with it give the same risks.",
        "artefact": "The model is stored without pickle: `decline_model.skops`, and beside it "
        "`decline_model.json` with the versions of the libraries, the parameters and the hash of "
        "the training rows.",
        "data_hash": "Hash of the training rows: `{hash}`.",
        "communication": "communication",
        "product_behaviour": "choice of products",
        "purchase_behaviour": "purchases",
        "on_site_behaviour": "behaviour on the site",
        "save_rate": "share kept",
        "horizon_months": "horizon, months",
        "contact_cost": "cost of a message",
        "incentive_cost": "cost of an offer",
        "redemption": "share redeemed in vain",
        "roc_auc": "ROC-AUC",
        "average_precision": "Average precision",
        "brier": "Brier (less is better)",
        "log_loss": "Log loss (less is better)",
        "lift_at_10": "Lift in the top 10%",
        "calibration_slope": "Calibration slope (1 is right)",
        "expected_calibration_error": "Calibration error (less is better)",
    },
}

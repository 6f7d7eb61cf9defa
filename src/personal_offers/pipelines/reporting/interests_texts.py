"""Texts of the chapter ``interests``, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

from personal_offers.features import Language

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "title": "Интересы клиентов",
        "little": "< {value}%",
        "part": "Интересы клиентов",
        "lead_spend": "Больше всего клиенты тратят на категорию «{name}»: {share} всех трат.",
        "lead_withheld": "Предсказать, что клиент купит дальше, на этих данных нельзя.",
        "lead_accuracy": "Интерес нового клиента (категория, на которую он потом потратит больше "
        "всего) после заказа № {orders} назван верно в {top1} случаев.",
        "spend_advice": "С крупных категорий начинайте подборки для тех, чей интерес неизвестен.",
        "categories": "Категории товаров: {count}",
        "categories_cut": "Категории товаров: {count}; показаны самые крупные ({shown})",
        "categories_advice": "Если слова не подходят к категории, поправьте её правила или дайте "
        "свою таблицу категорий.",
        "category": "Категория",
        "products": "Товаров",
        "customers": "Клиентов",
        "spend": "Потрачено",
        "spend_share": "Доля трат",
        "words": "Частые слова в названиях",
        "coverage": "Названные категории ({categories}) охватывают {share} трат; в «Прочем» "
        "осталось {other}",
        "coverage_after": ". Среди трат после {split} охвачено {share}",
        "origins": "Откуда категория товара (доля трат): {list}.",
        "origin": "{name} — {share} (товаров: {products})",
        "how_rule": "правило",
        "how_user": "таблица магазина",
        "how_text": "слова названия",
        "how_bought_together": "с чем покупают вместе",
        "how_other": "не определена",
        "halves": "Категории что-то говорят о клиенте: если случайно разделить его покупки "
        "пополам, обе половины указывают на одну главную категорию у {agreement} клиентов, "
        "случайно совпали бы {chance} (проверено, где строк заказов не меньше {lines}: "
        "{customers}).",
        "proposal": "Правила категорий предложены автоматически: просмотрите их и поправьте.",
        "few_rules": "О правилах: {reason}.",
        "withheld": "Интерес клиента не предсказывается. Причина: {reason}.",
        "tested": "Проверка: клиенты, которых впервые увидели после {split}. Ни одна модель их не "
        "знала. По первым заказам названа категория, на которую клиент потратит больше всего в "
        "следующих.",
        "accuracy_advice": "Звезда — то, чем предсказывает программа. Где она не выше простых "
        "правил, хватит правила.",
        "accuracy": "Как часто интерес назван верно после скольких заказов",
        "top2_advice": "Если в письме есть место для двух категорий, покажите две первые: одна из "
        "них верна заметно чаще.",
        "orders": "Заказов до предсказания",
        "tested_customers": "Клиентов в проверке",
        "top1": "Верно",
        "interval": "Интервал",
        "same_so_far": "Правило «та же, что и до сих пор»",
        "majority": "Самая частая категория",
        "top2": "Верна одна из двух первых",
        "ceiling": "Потолок примерно {value}: лишь у стольких клиентов две случайные половины "
        "более поздних покупок указывают на одну категорию.",
        "suspicious": "Предсказание слишком хорошо: проверьте, не видит ли оно будущее.",
        "coverage_advice": "Подбирайте товары по интересу там, где он ясен, остальных спросите.",
        "coverage_advice_at": "Подбирайте товары по интересу там, где вероятность не ниже "
        "{certainty} (это {share} клиентов, верно в {top1} случаев); остальных спросите.",
        "by_interest": "Интерес достаточно ясен у {sure} из {everyone}; ещё {unsure} лучше "
        "спросить",
        "by_interest_unknown": "Главная категория по прошлым тратам; насколько ей можно верить, "
        "не проверено: всех ({unsure}) лучше спросить",
        "ask": "Спросите, что интересно, в первом же письме тех, чей интерес неясен: вероятность "
        "их главной категории ниже {certainty}.",
        "ask_bare": "Спросите, что интересно, в первом же письме тех, чей интерес неясен.",
        "ask_all": "Показывайте главную категорию как подсказку и спросите, что интересно, в "
        "первом же письме.",
        "interest": "Интерес (главная категория)",
        "sure": "Ясен",
        "unsure": "Неясен, лучше спросить",
        "no_interest": "Неизвестен",
    },
    "en": {
        "title": "Interests of customers",
        "little": "< {value}%",
        "part": "Interests of customers",
        "lead_spend": "Customers spend most on “{name}”: {share} of all spend.",
        "lead_withheld": "What a customer will buy next cannot be predicted from these data.",
        "lead_accuracy": "The interest of a new customer (the category that will take most of "
        "their later spend) is named right in {top1} of cases after order {orders}.",
        "spend_advice": "Begin with the large categories when you choose products for customers "
        "whose interest is unknown.",
        "categories": "Product categories: {count}",
        "categories_cut": "Product categories: {count}; the largest are shown ({shown})",
        "categories_advice": "If the words do not fit a category, edit its rules or give a table "
        "of categories of your own.",
        "category": "Category",
        "products": "Products",
        "customers": "Customers",
        "spend": "Spend",
        "spend_share": "Share of spend",
        "words": "Frequent words in the names",
        "coverage": "The named categories ({categories}) cover {share} of spend; {other} is left "
        "in “Other”",
        "coverage_after": ". Of the spend after {split} {share} is covered",
        "origins": "Where the category of a product comes from (share of spend): {list}.",
        "origin": "{name} – {share} (products: {products})",
        "how_rule": "a rule",
        "how_user": "the shop's own table",
        "how_text": "words of the name",
        "how_bought_together": "what it is bought with",
        "how_other": "not found",
        "halves": "Categories say something about a customer: when purchases are parted in two at "
        "random, both halves point to the same main category for {agreement} of customers; by "
        "chance {chance} would agree (tested where there are at least {lines} order lines: "
        "{customers}).",
        "proposal": "The rules of the categories were proposed automatically: look through them "
        "and edit them.",
        "few_rules": "On the rules: {reason}.",
        "withheld": "The interest of a customer is not predicted. The reason: {reason}.",
        "tested": "The test: customers first seen after {split}. No model knew them. Their first "
        "orders name the category that will take most of their spend in the following ones.",
        "accuracy_advice": "The star is what predicts. Where it is not above the simple rules, a "
        "rule will do.",
        "accuracy": "How often the interest is named right, by the number of orders seen",
        "top2_advice": "If an e-mail has room for two categories, show the first two: one of them "
        "is right clearly more often.",
        "orders": "Orders before the prediction",
        "tested_customers": "Customers in the test",
        "top1": "Right",
        "interval": "Interval",
        "same_so_far": "Rule “same as so far”",
        "majority": "Most frequent category",
        "top2": "One of the first two is right",
        "ceiling": "The ceiling is about {value}: for no more customers do two random halves of "
        "their later purchases point to one category.",
        "suspicious": "The prediction is too good: check whether it sees the future.",
        "coverage_advice": "Choose products by interest where it is clear, and ask the others.",
        "coverage_advice_at": "Choose products by interest where the probability is at least "
        "{certainty} ({share} of customers, right in {top1} of cases); ask the others.",
        "by_interest": "The interest of {sure} of {everyone} is clear enough; {unsure} should "
        "rather be asked",
        "by_interest_unknown": "The main category by past spend; how far it can be trusted was "
        "not tested: all ({unsure}) should rather be asked",
        "ask": "Ask those whose interest is unclear in the very first e-mail: the probability of "
        "their main category is below {certainty}.",
        "ask_bare": "Ask those whose interest is unclear in the very first e-mail.",
        "ask_all": "Show the main category as a hint, and ask for interests in the very first "
        "e-mail.",
        "interest": "Interest (main category)",
        "sure": "Clear",
        "unsure": "Unclear, better ask",
        "no_interest": "Unknown",
    },
}

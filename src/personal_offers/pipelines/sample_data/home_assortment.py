"""The invented assortment of the home goods shop: names in Russian, with their oddities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from personal_offers.pipelines.sample_data.order_lines import distinct_texts, draw
from personal_offers.pipelines.sample_data.params import HomeGoodsSample

SEEDLINGS, GOODS = 0, 1
CROPS = (
    *("Кабачка", "Капусты", "Огурца", "Арбуза", "Дыни", "Патиссона", "Перца", "Баклажана"),
    *("Тыквы", "Сельдерея", "Свеклы", "Лука-порея", "Салата", "Базилика", "Мелиссы"),
)
FLOWERS = (
    *("Бархатцы", "Петуния", "Лобелия", "Виола", "Сальвия", "Вербена", "Цинния", "Алиссум"),
    *("Львиный зев", "Настурция", "Годеция", "Портулак", "Бальзамин", "Гвоздика", "Флокс"),
    *("Гацания", "Космея", "Агератум", "Бегония", "Целозия"),
)
VARIETIES = (
    *("Заречный", "Лесной ручей", "Ладога", "Полянка", "Северянин", "Капитан", "Янтарь"),
    *("Добрыня", "Околица", "Радуга Урала", "Снежок", "Золотой гребешок", "Черника", "Ямщик"),
    *("Вечерний звон", "Ивушка", "Журавль", "Рассвет", "Тропинка", "Хуторянин", "Ариэль"),
    *("Белый парус", "Морской бриз", "Красная шапочка", "Медовый сад", "Туман", "Василек"),
)
KINDS = ("зональная", "розебудная", "плющелистная", "королевская", "душистая")
CUTTINGS = (
    *("Silver Fern", "Rose Lagoon", "Miss Ingrid", "Amber Queen", "Nordic Light", "Pink Harbour"),
    *("Red Lantern", "Lilac Cloud", "White Sail", "Coral Bay", "Queen Vera", "Blue Meadow"),
)
THINGS = (
    *("Сумка-тележка", "Сушилка для белья", "Муляж", "Гладильная доска", "Чехол для одежды"),
    *("Искусственный цветок", "Таз пластмассовый", "Вешалка для брюк", "Коврик придверный"),
    *("Тележка багажная", "Штора для ванной", "Стремянка", "Термос", "Скатерть", "Кружка"),
    *("Банка с крышкой", "Корзина плетеная", "Ведро", "Набор ножей", "Нож кухонный", "Швабра"),
    *("Щетка для посуды", "Контейнер для круп", "Ковш", "Кастрюля", "Сковорода", "Чайник"),
    *("Полка настенная", "Карниз", "Крючок одежный", "Петля мебельная", "Шпингалет", "Ерш"),
    *("Подставка для обуви", "Салфетка", "Плед", "Подушка", "Простыня", "Одеяло", "Полотенце"),
    *("Фоторамка", "Ваза", "Кашпо", "Горшок для цветов", "Лейка", "Мыльница", "Дозатор"),
    *("Вантуз", "Совок", "Веник", "Бельевая веревка", "Прищепки", "Корыто", "Разделочная доска"),
    *("Терка", "Дуршлаг", "Скалка", "Половник", "Салатник", "Тарелка", "Блюдце", "Бокал"),
    *("Сахарница", "Масленка", "Хлебница", "Солонка", "Сито", "Миска", "Форма для выпечки"),
    *("Комод", "Этажерка", "Ящик для хранения", "Кофр", "Органайзер", "Сетка для стирки"),
    *("Весы кухонные", "Утюг", "Фен", "Отпариватель", "Миксер", "Светильник", "Лампа"),
    *("Удлинитель", "Ножницы", "Отвертка", "Рулетка", "Пассатижи", "Замок навесной", "Ручка-скоба"),
    *(
        "Пружина дверная",
        "Урна",
        "Окномойка",
        "Перчатки хозяйственные",
        "Губка",
        "Мешок для мусора",
    ),
)
# The first things sell best and come in more variants than the others.
THINGS_STEEPNESS = 0.75
# How often names take each of their forms.
SEEDLING_FORMS = (10, 4, 6, 4, 1, 5)
GOODS_FORMS = (10, 2, 3, 6, 3, 5)
PLANTS = (
    *("Азалия", "Алоэ", "Амариллис", "Антуриум", "Аспарагус", "Афеландра", "Бромелия", "Вереск"),
    *("Гардения", "Гемантус", "Гербера", "Гиацинт", "Гибискус", "Глоксиния", "Гортензия"),
    *("Декабрист", "Диффенбахия", "Драцена", "Жасмин", "Замиокулькас", "Ирис", "Каладиум"),
    *("Каланхоэ", "Калатея", "Камелия", "Кампанула", "Клеродендрум", "Кливия", "Колеус"),
    *("Кордилина", "Кофе", "Крассула", "Кротон", "Лаванда", "Лилия", "Литопс", "Мирт"),
    *("Молочай", "Монстера", "Мята", "Нарцисс", "Нолина", "Орхидея", "Пальма", "Папоротник"),
    *("Пахира", "Пеперомия", "Плющ", "Примула", "Птерис", "Роза", "Розмарин", "Рипсалис"),
    *("Сансевиерия", "Сенполия", "Сингониум", "Спатифиллум", "Стрелиция", "Толстянка"),
    *("Традесканция", "Тюльпан", "Фатсия", "Фикус", "Филодендрон", "Фиттония", "Фуксия"),
    *("Хавортия", "Хамедорея", "Хлорофитум", "Хойя", "Цикламен", "Цимбидиум", "Циперус"),
    *("Шеффлера", "Эониум", "Эуфорбия", "Эхеверия", "Эшинантус", "Юкка"),
)
ADJECTIVES = (
    *("Бытовая", "Большая", "Веселая", "Винтажная", "Гибкая", "Двойная", "Декоративная"),
    *("Детская", "Дорожная", "Закрытая", "Защитная", "Зимняя", "Квадратная", "Классическая"),
    *("Компактная", "Круглая", "Кухонная", "Летняя", "Магнитная", "Малая", "Мерная", "Мягкая"),
    *("Напольная", "Настольная", "Новогодняя", "Овальная", "Подарочная", "Подвесная"),
    *("Походная", "Прозрачная", "Прочная", "Раздвижная", "Садовая", "Складная", "Съемная"),
    *("Тонкая", "Угловая", "Узкая", "Универсальная", "Фигурная", "Хозяйственная", "Широкая"),
)
# Feminine like the adjectives.
FEMININE = ("коробка", "корзина", "крышка", "лопатка", "полка", "подставка", "сумка", "щетка")
BRANDS = (
    *("Verdano", "Lumika", "ТИХВИН", "Orvello", "Haustern", "Belmira", "СЕВЕР", "Casa Linea"),
    *("Dorimo", "Kvarta", "ЛАДЬЯ", "Nordhaus", "Rivano", "Stellmark", "УЮТНЫЙ ДОМ", "Zavetta"),
)
MODELS = ("Alto", "Basic", "Compact", "Duo", "Forte", "Grand", "Junior", "Lira", "Maxi", "Prima")
MATERIALS = ("из бамбука", "из стали", "из полиэстера", "из хлопка", "из пластика", "из резины")
COLOURS = (
    *("белый", "бежевый", "бордовый", "голубой", "графит", "коричневый", "красный", "розовый"),
    *("салатовый", "серый", "синий", "сиреневый", "фиолетовый", "черный"),
)
# Price of a variant: logarithmic mean and spread, bounds in roubles.
PRICES = {SEEDLINGS: (4.78, 0.5, 9, 600), GOODS: (5.9, 1.25, 14, 14_917)}
LOOKALIKES = str.maketrans({"а": "a", "е": "e", "о": "o", "р": "p", "с": "c"})


def make_assortment(rng: np.random.Generator, options: HomeGoodsSample) -> pd.DataFrame:
    """Invent the products of the home goods shop.

    Args:
        rng: Source of the draws.
        options: Number of products of each channel and of odd names.

    Returns:
        Grain: product. name, price (whole roubles), seedlings and goods (whether the channel
        sells it).
    """
    own = (options.seedlings.products, options.goods.products - options.shared_products)
    makers = (_seedling_names, _goods_names)
    names, prices = [], []
    for channel, (size, maker) in enumerate(zip(own, makers, strict=True)):
        names += distinct_texts(rng, maker, size)
        middle, spread, low, high = PRICES[channel]
        drawn = np.rint(rng.lognormal(middle, spread, size)).astype(np.int64)
        prices.append(np.clip(drawn, low, high))
    table = pd.DataFrame({"name": names, "price": np.concatenate(prices)})
    number = np.arange(len(table))
    table["seedlings"] = number < own[SEEDLINGS]
    # A few pots and plants are sold by both.
    table["goods"] = number >= own[SEEDLINGS] - options.shared_products
    table["name"] = _spoil(rng, table["name"].to_list(), own[SEEDLINGS], options)
    return table


def _seedling_names(rng: np.random.Generator, size: int) -> list[str]:
    """Draw names of plants, not yet different from each other."""
    words = (CROPS, FLOWERS, VARIETIES, KINDS, CUTTINGS, COLOURS, PLANTS)
    columns = [np.array(w)[rng.integers(len(w), size=size)] for w in words]
    counts = rng.choice([4, 6, 10], size)
    names = []
    for form, count, crop, flower, variety, kind, cutting, colour, plant in zip(
        draw(rng, SEEDLING_FORMS, size), counts, *columns, strict=True
    ):
        names.append(
            (
                f"Рассада {crop} сорт {variety} кассета {count} шт Е6",
                f"Рассада {crop} сорт {variety}, горшок 9х9 см",
                f"Пеларгония {kind} {cutting} укорененный черенок d-{count} см",
                f"{flower} {variety} рассада однолетних цветов в кассете по {count} шт",
                f"Однолетнее растение {flower} в кассете по {count} шт, {colour}",
                f"{plant} {variety} d-{count} см",
            )[form]
        )
    return names


def _goods_names(rng: np.random.Generator, size: int) -> list[str]:
    """Draw names of things for the home, not yet different from each other."""
    words = (BRANDS, MODELS, MATERIALS, COLOURS, PLANTS, ADJECTIVES, FEMININE)
    columns = [np.array(w)[rng.integers(len(w), size=size)] for w in words]
    weights = (np.arange(len(THINGS)) + 1.0) ** -THINGS_STEEPNESS
    things = np.array(THINGS)[draw(rng, weights, size)]
    widths = 5 * rng.integers(3, 30, size)
    names = []
    for form, thing, width, brand, model, material, colour, plant, adjective, noun in zip(
        draw(rng, GOODS_FORMS, size), things, widths, *columns, strict=True
    ):
        names.append(
            (
                f"{thing} {brand} {model} {colour}",
                f"{thing} {material} {width} см, цвет {colour}",
                f"{thing} {brand} {material}, {width} см",
                f"{thing} {width} см {colour} {brand}",
                f"{plant} в горшке d-{width // 5} см h-{width} см",
                f"{adjective} {noun} {brand} {model} {material}, цвет {colour}",
            )[form]
        )
    return names


def _spoil(
    rng: np.random.Generator, names: list[str], first_goods: int, options: HomeGoodsSample
) -> list[str]:
    """Give names of goods the oddities of real ones, each name at most one."""
    odd = options.odd_names
    changes: tuple[tuple[int, Callable[[str, int], str]], ...] = (
        (odd.quotes, lambda name, n: f'{name} "Вечерний чай", {n % 7 + 2} шт'),
        (odd.long_codes, lambda name, n: f"{name}, {1_500_000 + n}"),
        (odd.barcodes, lambda name, n: f"{name} {4_610_000_000_000 + 7 * n}"),
        (odd.mixed_letters, lambda name, _: _mix(name)),
        (odd.dotted_letters, lambda name, _: f"{name} тёмный"),
    )
    rows = first_goods + rng.permutation(len(names) - first_goods)
    numbers = rng.integers(10_000, 90_000, rows.size)
    taken = 0
    for count, change in changes:
        for row in rows[taken : taken + count]:
            names[row] = change(names[row], int(numbers[taken]))
            taken += 1
    twins: tuple[tuple[int, Callable[[str], str]], ...] = (
        (odd.case_twins, _change_case),
        (odd.mark_twins, lambda name: f"{name}.".replace(" см", " (см)")),
        (odd.order_twins, lambda name: " ".join([*name.split(" ")[1:], name.split(" ")[0]])),
    )
    for count, twin in twins:
        for _ in range(count):
            names[rows[taken]] = twin(names[rows[taken + 1]])
            taken += 2
    return names


def _mix(name: str) -> str:
    """Write Latin letters among Cyrillic ones: in the first word, or else in all of them."""
    first, _, rest = name.partition(" ")
    mixed = first.translate(LOOKALIKES)
    return f"{mixed} {rest}" if mixed != first else name.translate(LOOKALIKES)


def _change_case(name: str) -> str:
    """Write the last word as another clerk would: with or without a capital."""
    head, _, last = name.rpartition(" ")
    return f"{head} {last.lower() if last[0].isupper() else last.capitalize()}"

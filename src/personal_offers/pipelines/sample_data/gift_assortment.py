"""The invented assortment of the gift shop: codes, names and prices, with their oddities."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from personal_offers.pipelines.sample_data.order_lines import (
    Integers,
    Numbers,
    distinct_texts,
    draw,
    draw_distinct,
    popularity,
    position_within,
)
from personal_offers.pipelines.sample_data.params import GiftShopSample

COLOURS = (
    *("AMBER", "AQUA", "CHARCOAL", "CORAL", "HEATHER", "INDIGO", "LEMON", "LILAC", "MUSTARD"),
    *("OCHRE", "PEACH", "PLUM", "RUST", "SAGE", "SLATE", "TEAL"),
)
MATERIALS = (
    *("BAMBOO", "BEECH", "BRASS", "CERAMIC", "COPPER", "CORK", "ENAMEL", "FELT", "GLASS"),
    *("JUTE", "LINEN", "OAK", "PEWTER", "WICKER", "WOOL", "ZINC"),
)
MOTIFS = (
    *("ACORN", "ALPINE", "BADGER", "BARLEY", "BRAMBLE", "CLOVER", "COMET", "DAHLIA", "DOLPHIN"),
    *("FERN", "FOXGLOVE", "GALLEON", "HARBOUR", "HAZEL", "HEDGEHOG", "HERON", "IVY", "KESTREL"),
    *("LIGHTHOUSE", "MAGPIE", "MEADOW", "MOONLIGHT", "OTTER", "PAISLEY FAN", "PEBBLE", "PUFFIN"),
    *("QUILL", "SEAGRASS", "SNOWDROP", "SQUIRREL", "STARLING", "SUNDIAL", "THISTLE", "WILLOW"),
)
NOUNS = (
    *("APRON", "BISCUIT BARREL", "BOOKEND", "BOTTLE STOPPER", "BREAD CROCK", "BUTTER DISH"),
    *("CANDLE DISH", "CARD HOLDER", "COASTER", "COIN PURSE", "COOKIE STAMP", "DOOR WEDGE"),
    *("DRAWER KNOB", "EGG BASKET", "FABRIC PENNANT", "FLOWER PRESS", "GARDEN TAG", "HAT BOX"),
    *("HOOK RAIL", "JAM POT", "JEWELLERY TRAY", "JUG", "KEY DISH", "LAMP SHADE", "LETTER RACK"),
    *("LUNCH TIN", "MIRROR", "NAPKIN RING", "OIL DRIZZLER", "OVEN GLOVE", "PAPER CHAIN"),
    *("PENCIL ROLL", "PICNIC RUG", "PIN TRAY", "PLANT POT", "RECIPE FOLDER", "SEED PACKET TIN"),
    *("SEWING POUCH", "SHOE BAG", "SOAP REST", "SPICE RACK", "STORM LAMP", "SUGAR SHAKER"),
    *("TABLE RUNNER", "TAPE MEASURE", "TEA STRAINER", "TOAST RACK", "TOOL ROLL", "TRINKET POT"),
    *("VASE", "WALL POCKET", "WASH BAG", "WATERING CAN", "WINDMILL"),
)
# Typical prices in thousandths of a pound, with their weights: cheap things come often.
PRICES = (
    *(290, 420, 550, 650, 850, 1_250, 1_450, 1_650, 1_950, 2_100, 2_550, 2_950, 3_750),
    *(4_250, 4_950, 5_950, 7_950, 8_500, 9_950, 12_750, 14_950),
)
PRICE_WEIGHTS = (3, 8, 4, 4, 9, 14, 5, 11, 4, 6, 5, 9, 7, 4, 7, 4, 4, 3, 3, 2, 1)
# Other prices of the same thing, relative to the first: in the web shop, by the pack, later.
WEB_MARKUP = 1.96
BULK_RATIO = 0.85
LATER_PRICE_RATIOS = (0.85, 1.15, 1.3)
POPULARITY_STEEPNESS = 0.75
# No product of the real file has a code in this range.
CODES = (24_000, 34_000)
LETTERS = tuple("ABCDEFGHKLMNPRSTUW")
SHARE_WITH_TWO_LETTERS = 0.05
# How often a lettered code begins a new number.
NEW_NUMBER_SHARE = 0.4
PRICE_SHIFT_WINDOW = (0.2, 0.8)


def make_assortment(rng: np.random.Generator, options: GiftShopSample) -> pd.DataFrame:
    """Invent the products of the gift shop.

    Args:
        rng: Source of the draws.
        options: Size of the assortment and shares of the oddities.

    Returns:
        Grain: product. code, weight (popularity), name and later_name, mills and later_mills
        (unit price in thousandths), bulk_mills and web_mills, changes_at (share of the period
        after which the later name and price hold), cased (whether its code is sometimes
        written with a small letter).
    """
    size = options.products
    mills = np.array(PRICES)[draw(rng, PRICE_WEIGHTS, size)]
    later = mills * np.array(LATER_PRICE_RATIOS)[draw(rng, (1, 1, 1), size)]
    shifted = rng.random(size) < options.repriced_share
    code = _codes(rng, options)
    lettered = np.flatnonzero([text[-1].isalpha() for text in code])
    cased = np.zeros(size, dtype=np.bool_)
    cased[rng.choice(lettered, math.ceil(size * options.small_letter_codes), replace=False)] = True
    name = _names(rng, options)
    return pd.DataFrame(
        {
            "code": code,
            "name": name,
            "later_name": _later_names(rng, name, options),
            "mills": mills,
            "later_mills": np.where(shifted, _to_pence(later), mills),
            "bulk_mills": _to_pence(mills * BULK_RATIO),
            "web_mills": _to_pence(mills * WEB_MARKUP),
            "changes_at": rng.uniform(*PRICE_SHIFT_WINDOW, size),
            "weight": rng.permutation(popularity(size, POPULARITY_STEEPNESS)),
            "cased": cased,
        }
    )


def _to_pence(mills: Numbers) -> Integers:
    """Round thousandths to whole hundredths."""
    pence: Integers = np.rint(mills / 10).astype(np.int64)
    return pence * 10


def _codes(rng: np.random.Generator, options: GiftShopSample) -> list[str]:
    """Number the products; the colours of one thing share a number and differ in a letter."""
    size = options.products
    lettered = rng.permutation(size) < round(size * options.lettered_codes)
    starts = ~lettered | np.roll(~lettered, 1) | (rng.random(size) < NEW_NUMBER_SHARE)
    run = pd.Series(np.cumsum(starts).astype(np.int64))
    # However long a run is, no number takes more letters than there are.
    part, place = np.divmod(position_within(run), len(LETTERS))
    group = pd.DataFrame({"run": run, "part": part}).groupby(["run", "part"]).ngroup().to_numpy()
    numbers = rng.choice(np.arange(*CODES), int(group.max()) + 1, replace=False)
    double = rng.random(size) < SHARE_WITH_TWO_LETTERS
    codes = []
    for number, letter, has_letter, has_two in zip(
        numbers[group], place, lettered, double, strict=True
    ):
        suffix = LETTERS[letter] * (2 if has_two else 1) if has_letter else ""
        codes.append(f"{number}{suffix}")
    return codes


def _names(rng: np.random.Generator, options: GiftShopSample) -> list[str]:
    """Invent names, then give the wanted share of them each oddity of the real ones."""
    names = np.array(distinct_texts(rng, _draw_names, options.products), dtype=object)
    odd = options.odd_names
    free = rng.permutation(options.products)
    taken = 0
    changes: tuple[tuple[int, Callable[[str], str]], ...] = (
        (odd.quotes, lambda name: ' "'.join(name.rsplit(" ", 1)) + '"'),
        (odd.commas, lambda name: ",".join(name.rsplit(" ", 1))),
        (odd.small_letters, lambda name: f"{name} {20 + len(name)}x{20 + len(name)}cm"),
    )
    for count, change in changes:
        rows = free[taken : taken + count]
        names[rows] = [change(name) for name in names[rows]]
        taken += count
    double = draw_distinct(rng, np.ones(names.size), round(names.size * odd.double_spaces))
    names[double] = [name.replace(" ", "  ", 1) for name in names[double]]
    outer = draw_distinct(rng, np.ones(names.size), round(names.size * odd.outer_spaces))
    names[outer] = [
        f" {name}" if row % 40 == 0 else f"{name} "
        for row, name in zip(outer, names[outer], strict=True)
    ]
    # Some codes carry the name of another one: two deliveries of the same thing.
    pairs = rng.permutation(names.size)[: 2 * odd.shared_by_two_codes].reshape(-1, 2)
    names[pairs[:, 1]] = names[pairs[:, 0]]
    return [str(name) for name in names]


def _draw_names(rng: np.random.Generator, size: int) -> list[str]:
    """Draw names of things, not yet different from each other."""
    words = [
        np.array(w)[rng.integers(len(w), size=size)] for w in (COLOURS, MATERIALS, MOTIFS, NOUNS)
    ]
    counts, forms = rng.integers(2, 13, size=size), rng.integers(6, size=size)
    return [_phrase(*parts) for parts in zip(forms, counts, *words, strict=True)]


def _phrase(form: int, count: int, colour: str, material: str, motif: str, noun: str) -> str:
    """Put the words of one name in one of the usual orders."""
    several = f"{noun}{'ES' if noun.endswith(('SH', 'X')) else 'S'}"
    return (
        f"{colour} {motif} {noun}",
        f"{noun} {motif} DESIGN",
        f"SET OF {count} {motif} {several}",
        f"{material} {noun} {colour}",
        f"{motif} {noun} IN {material}",
        f"{count} {colour} {several} {motif}",
    )[form]


def _later_names(rng: np.random.Generator, names: list[str], options: GiftShopSample) -> list[str]:
    """Rename some products during the period, as somebody at a till would."""
    later = np.array(names, dtype=object)
    renamed = draw_distinct(rng, np.ones(later.size), round(later.size * options.renamed_share))
    for number, row in enumerate(renamed):
        plain = str(later[row]).strip()
        later[row] = (f"{plain}.", f"{plain} NEW", plain.replace("SET OF", "SET"))[number % 3]
    return [str(name) for name in later]

"""Every text that people read exists in Russian and in English."""

import importlib
import pkgutil
import re
import string
from collections.abc import Iterator, Mapping
from typing import Any

import personal_offers

LANGUAGES = {"ru", "en"}
CYRILLIC = re.compile(r"[А-Яа-яЁё]")
# Words that stay as they are in Russian: names, units, signs, identifiers.
FOREIGN = re.compile(
    r"ROC-AUC|Brier|RFM|SMS|CSV|JSON|HTML|ID|English|Extra Trees|CatBoost|SVC|DBSCAN|HDBSCAN|BG/NBD"
)


def texts_by_language() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every constant of the project that holds something by language, with its name."""
    for found in pkgutil.walk_packages(personal_offers.__path__, "personal_offers."):
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            is_own = getattr(value, "__module__", found.name) == found.name
            if name.isupper() and is_own and isinstance(value, Mapping) and set(value) == LANGUAGES:
                yield f"{found.name.removeprefix('personal_offers.')}.{name}", value


def pairs(ru: Any, en: Any, at: str) -> Iterator[tuple[str, str, str]]:
    """Texts that stand at the same place of both languages."""
    if isinstance(ru, Mapping) and isinstance(en, Mapping):
        assert set(ru) == set(en), at
        for key in ru:
            yield from pairs(ru[key], en[key], f"{at}.{key}")
    elif isinstance(ru, str) and isinstance(en, str):
        yield at, ru, en


PAIRS = {
    at: (ru, en)
    for name, texts in texts_by_language()
    for at, ru, en in pairs(texts["ru"], texts["en"], name)
}


def places(text: str) -> set[str]:
    """Names of what is put into a text."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_texts_are_found() -> None:
    assert len(PAIRS) > 900
    assert {at.split(".")[1] for at in PAIRS if at.startswith("pipelines.")} >= {
        *("modelling", "interests", "segmentation", "offers", "reporting"),
    }


def test_no_text_is_left_in_the_other_language() -> None:
    wrong = [
        at
        for at, (ru, en) in PAIRS.items()
        if not at.endswith("other_language")  # the switch speaks to readers of the other one
        and (
            CYRILLIC.search(en)
            or (re.search("[A-Za-z]{3}", without_places(ru)) and not CYRILLIC.search(ru))
        )
    ]

    assert wrong == []


def without_places(text: str) -> str:
    """A Russian text without what is the same in both languages."""
    return FOREIGN.sub("", re.sub(r"\{[^}]*\}|<[^>]*>|https?:\S+", "", text))


def test_nothing_is_empty_in_one_language_alone() -> None:
    assert [at for at, (ru, en) in PAIRS.items() if bool(ru.strip()) != bool(en.strip())] == []


def test_both_languages_hold_values_that_the_other_knows() -> None:
    # A language may leave a value out (its grammar says it otherwise) but not invent one of its own
    odd = {
        at: places(ru) ^ places(en)
        for at, (ru, en) in PAIRS.items()
        if at.startswith("pipelines.reporting") and places(ru) != places(en)
    }

    assert odd == {}

"""Product names as words and stems, in English and Russian.

A word is stemmed by the rules of the alphabet it is written in (Snowball; M. F. Porter, 2001), so
that one shop may mix both languages and no parameter has to say which one a name is in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

_WORD = r"\w+"
_LATIN, _CYRILLIC = re.compile("[a-z]"), re.compile("[а-я]")
# Latin letters that look like Cyrillic ones, small and as small letters of the capital ones:
# H is Н and B is В, however different h and b look.
_LOOKALIKES = str.maketrans("aceopxykmtbh", "асеорхукмтвн")
# Spelling of Cyrillic letters in keys (after GOST 7.79-2000, system B, without its marks).
_SPELLING = str.maketrans(
    dict(
        zip(
            "абвгдежзийклмнопрстуфхцчшщъыьэюя",
            [
                *"abvgde",
                "zh",
                *"zijklmnoprstufx",
                "cz",
                "ch",
                "sh",
                "shh",
                "",
                "y",
                "",
                "e",
                "yu",
                "ya",
            ],
            strict=True,
        )
    )
)


def words_of(names: pd.Series) -> pd.DataFrame:
    """Take names apart.

    Small letters, ё as е, apostrophes left out, Latin look-alikes within Cyrillic words turned
    into Cyrillic letters. What holds a digit (sizes, article numbers) is no word.

    Args:
        names: One name per product; empty ones have no words.

    Returns:
        Grain: product and word, in the order of the names: product (the index of ``names``),
        position (0 for the first word), word, stem.
    """
    text = names.fillna("").astype("str").str.lower().str.replace("ё", "е")
    found = text.str.replace(r"['’`]", "", regex=True).str.findall(_WORD).explode().dropna()
    found = found[~found.str.contains(r"[\d_]", regex=True)]
    words = pd.DataFrame({"product": found.index, "word": found.to_numpy(dtype=object)})
    different = words["word"].unique()
    repaired = {word: _repaired(word) for word in different}
    words["word"] = words["word"].map(repaired).astype("str")
    words["position"] = words.groupby("product").cumcount()
    stems = stems_of(repaired.values())
    words["stem"] = words["word"].map(stems).astype("str")
    return words[["product", "position", "word", "stem"]]


def stems_of(words: Iterable[str]) -> dict[str, str]:
    """Return word: stem for small-letter words."""
    import snowballstemmer

    russian, english = snowballstemmer.stemmer("russian"), snowballstemmer.stemmer("english")
    return {
        word: (russian if _CYRILLIC.search(word) else english).stemWord(word) for word in set(words)
    }


def phrase_of(keyword: str) -> str:
    """Return the stems of a keyword, joined by spaces: what it is compared as."""
    return " ".join(words_of(pd.Series([keyword]))["stem"])


def phrases_of(keywords: Iterable[str]) -> list[str]:
    """Return the stems of many keywords at once, in their order; empty where there is no word."""
    texts = pd.Series(list(keywords), dtype="str")
    stems = words_of(texts).groupby("product")["stem"].agg(" ".join)
    return [str(phrase) for phrase in stems.reindex(texts.index, fill_value="")]


def key_of(words: Iterable[str]) -> str:
    """Return words as one plain key in Latin letters; may be empty."""
    parts = (re.sub("[^a-z]", "", word.translate(_SPELLING)) for word in words)
    return "_".join(part for part in parts if part)


def _repaired(word: str) -> str:
    """Turn Latin look-alikes into Cyrillic letters in a word that mixes both alphabets."""
    if not (_CYRILLIC.search(word) and _LATIN.search(word)):
        return word
    cyrillic = word.translate(_LOOKALIKES)
    return word if _LATIN.search(cyrillic) else cyrillic

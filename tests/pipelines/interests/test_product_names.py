import pandas as pd
import pytest

from personal_offers.pipelines.interests.product_names import key_of, phrase_of, words_of


def stems(name: str) -> list[str]:
    return words_of(pd.Series([name]))["stem"].tolist()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("сушилка", "Сушилки"),
        ("гладильная доска", "гладильной доски"),
        ("тёмная", "темная"),
        ("CANDLES", "candle"),
        ("CHILDREN'S", "childrens"),
    ],
)
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert stems(one) == stems(other)


def test_latin_lookalikes_are_repaired_in_cyrillic_words_only() -> None:
    # T, e, p and the a of the second word are Latin here.
    assert stems("Tepмокружка Тaз Spirella") == stems("термокружка таз spirella")


def test_sizes_and_article_numbers_are_no_words() -> None:
    words = words_of(pd.Series(["Таз d14 см, 40х10 1303007 SET OF4"]))
    assert words["word"].tolist() == ["таз", "см", "set"]


def test_words_keep_their_order_and_their_product() -> None:
    words = words_of(pd.Series(["T-LIGHT HOLDER", "", None, "bag"], index=[4, 5, 6, 7]))
    assert words["product"].tolist() == [4, 4, 4, 7]
    assert words["position"].tolist() == [0, 1, 2, 0]
    assert words["word"].tolist() == ["t", "light", "holder", "bag"]


def test_names_without_any_word_give_no_rows() -> None:
    assert words_of(pd.Series(["", "12", None])).empty
    assert words_of(pd.Series([], dtype="str")).empty


def test_a_phrase_is_compared_by_its_stems() -> None:
    assert phrase_of("T-Lights") == "t light"
    assert phrase_of("--") == ""


def test_keys_are_plain() -> None:
    assert key_of(["сумка", "тележка"]) == "sumka_telezhka"
    assert key_of(["ъ", "bag"]) == "bag"
    assert key_of(["123"]) == ""

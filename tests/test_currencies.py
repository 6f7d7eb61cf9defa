"""Amounts of money as people read them."""

import pytest

from personal_offers.currencies import UNITS, currency_of, money, sign_of
from personal_offers.features import BothLanguages

POUND = BothLanguages(ru="£", en="GBP")


class TestCurrency:
    def test_a_code_is_a_sign_in_russian_and_stays_in_english(self) -> None:
        assert sign_of("GBP") == POUND

    def test_an_unknown_code_stays_as_it_is(self) -> None:
        assert currency_of({"currency": "KZT"}) == BothLanguages(ru="KZT", en="KZT")

    @pytest.mark.parametrize("era", [None, {}, {"currency": ""}])
    def test_files_without_a_currency_have_none(self, era: dict[str, str] | None) -> None:
        assert currency_of(era) is None


class TestMoney:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (1980.23, "1,980"),
            (99.999, "100"),
            (24.4485, "24.45"),
            (4.5, "4.50"),
            (0.01234, "0.0123"),
            (-7, "\u22127"),
            (-1e-9, "0"),
        ],
    )
    def test_has_the_digits_that_count(self, value: float, text: str) -> None:
        assert money(value, UNITS, "en") == f"{text}\xa0units"

    def test_takes_the_sign_of_its_language(self) -> None:
        assert money(1980.23, POUND, "ru") == "1\u202f980\xa0£"
        assert money(4.044, None, "ru") == "4,04"

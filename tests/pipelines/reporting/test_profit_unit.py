"""What money is counted in: the currency where it is known, units of the file where it is not."""

from typing import Any

import pytest

from personal_offers.features import BothLanguages
from personal_offers.pipelines.reporting.profit_unit import ReportUnits, read_units

POUND = {"value": 1, "label": {"ru": "фунт", "en": "pound"}}
HUNDRED = {"value": 100, "label": {"ru": "сто рублей", "en": "hundred roubles"}}


def units(chosen: str, **possible: Any) -> ReportUnits:
    unit = {"chosen": chosen, "units": possible, "source": {"ru": "так", "en": "so"}}
    return ReportUnits.model_validate({"currency": {"ru": "£", "en": "GBP"}, "profit_unit": unit})


class TestUnits:
    def test_a_known_unit_is_the_currency(self) -> None:
        read = read_units(units("pound", pound=POUND))
        assert (read.profit.en, read.assumed) == ("GBP", None)

    @pytest.mark.parametrize("possible", [{"hundred": HUNDRED}, {"hundred": HUNDRED, "one": POUND}])
    def test_an_assumed_unit_is_not_called_the_currency(self, possible: dict[str, Any]) -> None:
        read = read_units(units("hundred", **possible))
        assert (read.profit.ru, read.currency.ru) == ("ед.", "£")
        assert read.assumed == BothLanguages(ru="сто рублей", en="hundred roubles")

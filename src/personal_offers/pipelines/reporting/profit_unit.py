"""What the shop's profit and revenue are counted in, as people write it."""

from __future__ import annotations

from typing import NamedTuple

from personal_offers.currencies import UNITS
from personal_offers.features import BothLanguages, Strict
from personal_offers.profit_units import ProfitUnits


class ReportUnits(Strict):
    """What the report counts money in: as the plan of offers does.

    Attributes:
        currency: Sign of revenue and costs.
        profit_unit: What the shop's profit may be counted in.
    """

    currency: BothLanguages
    profit_unit: ProfitUnits


class ShopUnits(NamedTuple):
    """Units of a shop's money.

    Attributes:
        currency: Sign of revenue and costs.
        profit: Sign of profit: the currency, or ``units`` where the file does not say.
        assumed: What the plan takes a unit of profit for, where the file does not say; else None.
    """

    currency: BothLanguages
    profit: BothLanguages
    assumed: BothLanguages | None


def read_units(plan: ReportUnits) -> ShopUnits:
    """Say what amounts of a shop are called.

    Args:
        plan: Units of the plan.
    """
    units = plan.profit_unit.units
    chosen = units[plan.profit_unit.chosen]
    is_known = len(units) == 1 and chosen.value == 1 and chosen.times is None
    return ShopUnits(
        currency=plan.currency,
        profit=plan.currency if is_known else UNITS,
        assumed=None if is_known else chosen.label,
    )

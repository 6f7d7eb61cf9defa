"""What mailing tools get: one table per channel, with nobody in it who may not be contacted.

A file is opened in a spreadsheet before it is sent, so no cell may start a formula (OWASP, "CSV
Injection"). Texts of the catalogue hold a place for the interest of the customer, which comes from
product names: it is put in as it is, never read as a pattern.
"""

from __future__ import annotations

import csv
import string
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from personal_offers.errors import InputError
from personal_offers.features import Language
from personal_offers.pipelines.offers.catalogue_params import INTEREST, OfferCatalogue
from personal_offers.pipelines.offers.params import OfferOptions
from personal_offers.spreadsheets import BOM, LINE_END, without_formulas

EXPORT_COLUMNS = [
    "customer_id",
    "offer_code",
    "offer",
    "text",
    "channel",
    "valid_until",
    "group",
]
# Stands where the interest of a customer is not known; fits both as a subject and as an object.
NEUTRAL_INTEREST = {"ru": "любимые товары", "en": "your favourite products"}

_OFFER = "offer"
_MOST_NAMED = 5


def export_offers(
    offers: ir.Table, catalogue: OfferCatalogue, options: OfferOptions
) -> dict[str, str]:
    """Write the tables for mailing tools.

    Args:
        offers: The plan, grain: one customer: customer_id, group, offer, channel, blocked_by,
            provisional, interest_ru, interest_en.
        catalogue: Codes, names, texts and days of validity.
        options: Day of the plan, channels, language and separator of the export.

    Returns:
        Channel: its CSV with a byte order mark, the columns of ``EXPORT_COLUMNS`` and one row per
        customer who gets an offer there, by customer_id. Every channel has a text, with the header
        alone where nobody is in it. Who is blocked, in the control group or in a provisional
        plan is in none.

    Raises:
        InputError: When a row to be exported has no customer or one that stands there already, an
            offer that the catalogue does not have, or another channel than its offer.
    """
    language = options.export.language
    chosen = _sendable(offers, f"interest_{language}")
    if problems := _problems(chosen, catalogue, options):
        raise InputError(problems)
    table = _filled(chosen, catalogue, options.plan_date, language)
    safe = pd.DataFrame({name: without_formulas(table[name]) for name in EXPORT_COLUMNS})
    return {
        channel: BOM
        + safe[table["channel"] == channel].to_csv(
            index=False,
            sep=options.export.separator,
            lineterminator=LINE_END,
            quoting=csv.QUOTE_MINIMAL,
        )
        for channel in options.channels
    }


def fill_text(text: str, interest: str) -> str:
    """Put an interest into a text of the catalogue, whatever signs it holds.

    Args:
        text: With ``{interest}`` or without; ``{{`` is a brace.
        interest: What stands there in the end.
    """
    parts = string.Formatter().parse(text)
    return "".join(
        literal + (interest if field == INTEREST else "") for literal, field, _, _ in parts
    )


def _sendable(offers: ir.Table, interest: str) -> pd.DataFrame:
    """Return who may be written to, by customer_id; what is unknown speaks against it."""
    wanted = offers.filter(
        offers["group"] == _OFFER,
        offers["blocked_by"].isnull(),
        offers["provisional"] == ibis.literal(False),
    )
    columns = {name: wanted[name].cast("string") for name in ("customer_id", "offer", "channel")}
    rows = wanted.select(**columns, interest=wanted[interest].cast("string"))
    frame: pd.DataFrame = rows.order_by("customer_id").to_pandas()
    return frame.astype("str")


def _problems(chosen: pd.DataFrame, catalogue: OfferCatalogue, options: OfferOptions) -> list[str]:
    """Return what would send the wrong thing to somebody, one sentence each."""
    own_channel = chosen["offer"].map({name: o.channel for name, o in catalogue.offers.items()})
    known = chosen["offer"].isin(list(catalogue.offers))
    found = {
        "have no offer": chosen["offer"].isna(),
        "have an offer that the catalogue does not have": chosen["offer"].notna() & ~known,
        "have another channel than their offer": known & ~(chosen["channel"] == own_channel),
        "have a channel that offers.channels does not have": ~chosen["channel"].isin(
            list(options.channels)
        ),
        "have no customer_id": chosen["customer_id"].isna(),
        "stand in the plan twice": chosen["customer_id"].duplicated()
        & chosen["customer_id"].notna(),
    }
    return [
        f"offers: {int(wrong.sum())} rows to be exported {what}: customer_id "
        + ", ".join(str(name) for name in chosen.loc[wrong, "customer_id"].head(_MOST_NAMED))
        for what, wrong in found.items()
        if wrong.any()
    ]


def _filled(
    chosen: pd.DataFrame, catalogue: OfferCatalogue, plan_date: date, language: Language
) -> pd.DataFrame:
    """Return the columns of the export; each pair of offer and interest is written once."""
    label = chosen["interest"].str.split().str.join(" ").replace("", None)
    label = label.fillna(NEUTRAL_INTEREST[language])
    keyed = chosen.drop(columns="interest").assign(interest=label)
    pairs = keyed[["offer", "interest"]].drop_duplicates()
    written = pd.DataFrame(
        [
            _cells(offer, interest, catalogue, plan_date, language)
            for offer, interest in zip(pairs["offer"], pairs["interest"], strict=True)
        ],
        columns=["offer", "interest", "offer_code", "name", "text", "valid_until"],
    ).astype("str")
    table = keyed.merge(written, on=["offer", "interest"], how="left", validate="many_to_one")
    return table.assign(offer=table["name"], group=_OFFER)[EXPORT_COLUMNS]


def _cells(
    name: str, interest: str, catalogue: OfferCatalogue, plan_date: date, language: Language
) -> tuple[Any, ...]:
    offer = catalogue.offers[name]
    return (
        name,
        interest,
        offer.code,
        getattr(offer.name, language),
        fill_text(offer.text_in(language), interest),
        (plan_date + timedelta(days=offer.valid_days)).isoformat(),
    )

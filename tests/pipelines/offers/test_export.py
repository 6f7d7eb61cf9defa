"""Exports: nobody who may not be contacted, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pytest
from kedro_datasets.partitions import PartitionedDataset

from personal_offers.errors import InputError
from personal_offers.features import BothLanguages, Language
from personal_offers.pipelines.offers.catalogue_params import OfferCatalogue
from personal_offers.pipelines.offers.export import (
    EXPORT_COLUMNS,
    export_offers,
    fill_text,
)
from personal_offers.pipelines.offers.params import Channel, ExportOptions, OfferOptions

SHARE = {
    "unit": {"ru": "доля", "en": "share"},
    "source": {"ru": "допущение", "en": "assumption"},
}
RANGE = {"low": 0.1, "base": 0.2, "high": 0.3}
SCHEMA = {
    "customer_id": "string",
    "group": "string",
    "offer": "string",
    "channel": "string",
    "blocked_by": "string",
    "provisional": "boolean",
    "interest_ru": "string",
    "interest_en": "string",
}


def offer_of(channel: str, code: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": {"ru": "Скидка; «своя»", "en": 'A "discount"'},
        "text": {"ru": "Скидка на {interest}", "en": "Ten per cent off {interest}"},
        "code": code,
        "channel": channel,
        "contact_cost": 1,
        "redemption_cost": {"kind": "fixed", "amount": 10},
        "valid_days": 14,
        "eligible": {"interest": "known"},
        "save_rate": {**SHARE, "default": RANGE},
        "redemption": {**SHARE, **RANGE},
    } | changes


@pytest.fixture
def catalogue() -> OfferCatalogue:
    call = offer_of(
        "call",
        "CALL",
        text={"ru": "Звонок {{лично}}", "en": "-10% today, {{really}}"},
        valid_days=3,
    )
    return OfferCatalogue.model_validate(
        {"offers": {"promo": offer_of("email", "PROMO10"), "call": call}}
    )


def options_of(language: Language = "en", separator: str = ";") -> OfferOptions:
    label = BothLanguages(ru="канал", en="channel")
    return OfferOptions.model_construct(
        plan_date=date(2026, 12, 25),
        channels={name: Channel(label=label) for name in ("email", "call", "push")},
        export=ExportOptions(language=language, separator=separator),
    )


def plan_of(*rows: Mapping[str, Any]) -> ir.Table:
    base = {
        "group": "offer",
        "offer": "promo",
        "channel": "email",
        "blocked_by": None,
        "provisional": False,
        "interest_ru": "чайники",
        "interest_en": "kettles",
    }
    frame = pd.DataFrame([{**base, **row} for row in rows], columns=list(SCHEMA))
    return ibis.memtable(frame, schema=ibis.schema(SCHEMA))


def read(text: str, separator: str = ";") -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline=""), delimiter=separator))


class TestWhoIsInIt:
    def test_customers_with_an_offer_by_channel_in_order(self, catalogue: OfferCatalogue) -> None:
        plan = plan_of(
            {"customer_id": "9"},
            {"customer_id": "5", "offer": "call", "channel": "call"},
            {"customer_id": "007"},
        )

        files = export_offers(plan, catalogue, options_of())

        assert list(files) == ["email", "call", "push"]
        assert [row["customer_id"] for row in read(files["email"])] == ["007", "9"]
        assert [row["customer_id"] for row in read(files["call"])] == ["5"]
        assert files["push"] == "\ufeff" + ";".join(EXPORT_COLUMNS) + "\r\n"

    @pytest.mark.parametrize(
        "change",
        [
            {"group": "control"},
            {"group": "none"},
            {"group": None},
            {"blocked_by": "consent"},
            {"blocked_by": "fatigue"},
            {"provisional": True},
            {"provisional": None},
        ],
    )
    def test_nobody_who_is_blocked_in_the_control_group_or_provisional(
        self, catalogue: OfferCatalogue, change: dict[str, Any]
    ) -> None:
        files = export_offers(plan_of({"customer_id": "1", **change}), catalogue, options_of())

        assert [read(text) for text in files.values()] == [[], [], []]

    def test_an_empty_plan_gives_headers(self, catalogue: OfferCatalogue) -> None:
        files = export_offers(plan_of(), catalogue, options_of(separator="\t"))

        assert set(files.values()) == {"\ufeff" + "\t".join(EXPORT_COLUMNS) + "\r\n"}

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            ({"offer": None}, "1 rows to be exported have no offer: customer_id 1"),
            ({"offer": "gone"}, "have an offer that the catalogue does not have: customer_id 1"),
            ({"channel": "push"}, "have another channel than their offer: customer_id 1"),
            ({"channel": None}, "have a channel that offers.channels does not have"),
            ({"customer_id": None}, "have no customer_id"),
            ({"customer_id": "2"}, "stand in the plan twice: customer_id 2"),
        ],
    )
    def test_a_row_that_would_send_the_wrong_thing_is_an_error(
        self, catalogue: OfferCatalogue, change: dict[str, Any], what: str
    ) -> None:
        plan = plan_of({"customer_id": "1", **change}, {"customer_id": "2"})

        with pytest.raises(InputError, match=what):
            export_offers(plan, catalogue, options_of())


class TestCells:
    def test_code_name_text_date_and_group(self, catalogue: OfferCatalogue) -> None:
        plan = plan_of({"customer_id": "00042"})

        (row,) = read(export_offers(plan, catalogue, options_of("ru"))["email"])

        assert row == {
            "customer_id": "00042",
            "offer_code": "PROMO10",
            "offer": "Скидка; «своя»",
            "text": "Скидка на чайники",
            "channel": "email",
            "valid_until": "2027-01-08",
            "group": "offer",
        }

    @pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
    def test_separators_quotes_and_line_ends_stay_inside_their_cell(
        self, catalogue: OfferCatalogue, separator: str
    ) -> None:
        plan = plan_of({"customer_id": 'a;b,c|d\te"f\r=g\nh', "interest_en": ' cups;\n"x"\t|, '})

        text = export_offers(plan, catalogue, options_of(separator=separator))["email"]

        (row,) = read(text, separator)
        assert row["customer_id"] == 'a;b,c|d\te"f\r=g\nh'
        assert row["text"] == 'Ten per cent off cups; "x" |,'
        assert row["offer"] == 'A "discount"'
        parsed = pd.read_csv(io.StringIO(text[1:], newline=""), sep=separator, dtype=str)
        assert parsed.shape == (1, len(EXPORT_COLUMNS))

    def test_an_interest_is_never_read_as_a_pattern(self, catalogue: OfferCatalogue) -> None:
        nasty = "{interest} {0.__class__} {{ \\1 %s {"
        plan = plan_of({"customer_id": "1", "interest_en": nasty})

        (row,) = read(export_offers(plan, catalogue, options_of())["email"])

        assert row["text"] == f"Ten per cent off {nasty}"

    @pytest.mark.parametrize("unknown", [None, "", " \n"])
    def test_an_unknown_interest_has_neutral_words(
        self, catalogue: OfferCatalogue, unknown: str | None
    ) -> None:
        plan = plan_of(
            {"customer_id": "1", "interest_en": unknown, "interest_ru": unknown},
            {"customer_id": "2"},
        )

        english = read(export_offers(plan, catalogue, options_of("en"))["email"])
        russian = read(export_offers(plan, catalogue, options_of("ru"))["email"])

        assert english[0]["text"] == "Ten per cent off your favourite products"
        assert russian[0]["text"] == "Скидка на любимые товары"
        assert english[1]["text"] == "Ten per cent off kettles"

    def test_doubled_braces_are_braces(self) -> None:
        assert fill_text("{{a}} {interest} {{", "tea") == "{a} tea {"
        assert fill_text("", "tea") == ""


class TestFormulas:
    def test_ids_and_texts_of_the_catalogue_are_safe_too(self, catalogue: OfferCatalogue) -> None:
        plan = plan_of({"customer_id": "=1+1", "offer": "call", "channel": "call"})

        (row,) = read(export_offers(plan, catalogue, options_of())["call"])

        assert row["customer_id"] == "'=1+1"
        assert row["text"] == "'-10% today, {really}"
        assert row["valid_until"] == "2026-12-28"


class TestOnDisk:
    def test_files_are_utf8_with_a_mark_and_their_line_ends_and_old_ones_go(
        self, catalogue: OfferCatalogue, tmp_path: Path
    ) -> None:
        folder = tmp_path / "export"
        folder.mkdir()
        (folder / "old.csv").write_text("somebody who may no longer be contacted")
        arguments = {"encoding": "utf-8", "newline": ""}
        saved = PartitionedDataset(
            path=str(folder),
            filename_suffix=".csv",
            overwrite=True,
            dataset={
                "type": "text.TextDataset",
                "fs_args": {"open_args_save": arguments, "open_args_load": arguments},
            },
        )
        files = export_offers(plan_of({"customer_id": "1"}), catalogue, options_of("ru"))

        saved.save(files)

        assert sorted(path.name for path in folder.iterdir()) == [
            "call.csv",
            "email.csv",
            "push.csv",
        ]
        written = (folder / "email.csv").read_bytes()
        assert written.startswith(b"\xef\xbb\xbfcustomer_id;")
        assert written.count(b"\r\n") == 2
        assert b"\r\r" not in written
        assert {name: load() for name, load in saved.load().items()} == files

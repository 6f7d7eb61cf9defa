"""What a run says when it has ended: rows, money, files, and the next step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from personal_offers.figure_style import SPACE, number, significant
from personal_offers.words import CUSTOMERS, OFFERS, counted

_ALL = "all"  # segment of the row that sums up the profile
# A file that people open, and what is next where a run ended before it was written.
_PAGES = ("report_index", "report_en", "offer_plan_en", "segment_profile")


def summary_lines(pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> Iterator[str]:
    """Sum up what a run has written, one line for each shop and stage.

    Args:
        pipeline: That was run.
        catalog: Its datasets.

    Yields:
        Lines, the last of which says what to open or to run next.
    """
    written = pipeline.all_outputs()
    shops = sorted({name.split(".")[0] for name in written if "." in name})
    for shop in shops:
        results = {
            name: catalog.load(f"{shop}.{name}")
            for name in ("cleaning_ledger", "segment_profile", "offer_plan", "offer_names")
            if f"{shop}.{name}" in written
        }
        parts = [*_rows(results), *_segments(results), *_plan(results)]
        if parts:
            yield f"{shop}: {'; '.join(parts)}".replace(SPACE, " ")
    yield from _files(written, shops, catalog)


def _rows(results: Mapping[str, Any]) -> Iterator[str]:
    """Say how many raw rows were kept, and what money they hold."""
    if "cleaning_ledger" not in results:
        return
    ledger = results["cleaning_ledger"].groupby("source", sort=False)
    first, last = ledger.first(), ledger.last()
    read, kept = int(first["rows_before"].sum()), int(last["rows_after"].sum())
    yield f"{number(read, 'en')} rows read, {number(kept, 'en')} kept"
    # Empty where a source holds no money, so the columns come as text.
    before = pd.to_numeric(first["revenue_before"]).sum(min_count=1)
    after = pd.to_numeric(last["revenue_after"]).sum(min_count=1)
    if pd.notna(before):
        yield f"revenue {number(before, 'en')} in the files, {number(after, 'en')} after cleaning"


def _segments(results: Mapping[str, Any]) -> Iterator[str]:
    """Say how many customers there are and what is at risk."""
    if "segment_profile" not in results:
        return
    profile = results["segment_profile"].query("segment != @_ALL")
    yield counted(int(profile["customers"].sum()), CUSTOMERS, "en")
    at_risk = profile["profit_at_risk"].sum(min_count=1)
    if pd.notna(at_risk):
        share = at_risk / profile["profit"].sum()
        yield f"profit at risk {significant(at_risk, 'en')} a month, {share:.0%} of all"
    else:
        yield "no decline risk (withheld)"


def _plan(results: Mapping[str, Any]) -> Iterator[str]:
    """Say what the plan costs and is expected to bring."""
    if "offer_plan" not in results:
        return
    plan = results["offer_plan"]
    currency = results["offer_names"]["currency"]["en"] if "offer_names" in results else ""
    low, net, high = (number(plan[f"expected_net{end}"], "en") for end in ("_low", "", "_high"))
    yield (
        f"{counted(plan['offered'], OFFERS, 'en')}, {number(plan['control'], 'en')} customers held "
        f"back to compare, cost {number(plan['spend'], 'en')}, expected to bring {net} "
        f"({low} to {high}) {currency}".rstrip()
    )
    if plan["provisional"]:
        yield "the plan is provisional: confirm consent before anything is sent"


def _files(
    written: set[str], shops: list[str], catalog: CatalogProtocol[Any, Any]
) -> Iterator[str]:
    """Say where to look, or what to run next."""
    found = {page: _places(page, written, shops, catalog) for page in _PAGES}
    if found["report_index"]:
        yield f"Open {found['report_index'][0]}"
    elif found["report_en"]:
        yield f"Open {' and '.join(found['report_en'])}"
    elif found["offer_plan_en"]:
        yield f"Plans: {', '.join(found['offer_plan_en'])}"
        yield "Next: kedro run --tags reporting"
    elif found["segment_profile"]:
        yield f"Segments: {', '.join(found['segment_profile'])}"
        yield "Next: kedro run --tags offers,reporting (without --pipeline)"


def _places(
    page: str, written: set[str], shops: list[str], catalog: CatalogProtocol[Any, Any]
) -> list[str]:
    """Return the files of a page, of one shop or all, that a run has written."""
    names = [name for name in (page, *(f"{shop}.{page}" for shop in shops)) if name in written]
    files = (getattr(catalog[name], "_filepath", None) for name in names)
    return [str(Path(file).absolute()) for file in files if file is not None]

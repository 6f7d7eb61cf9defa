"""The chapter ``data``: what cleaning did, whether the data broke, and what is withheld."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd

from personal_offers.currencies import currency_of, money
from personal_offers.features import BothLanguages, FeatureRegistry, Language
from personal_offers.figure_style import number, percent
from personal_offers.pipelines.reporting.amounts import moment
from personal_offers.pipelines.reporting.blocks import (
    Bullets,
    Chapter,
    Figure,
    Notice,
    Origin,
    Paragraph,
    Tile,
    Tiles,
    both,
    drawn,
    either,
    figure_from,
    missing,
    present,
)
from personal_offers.pipelines.reporting.data_figures import (
    draw_regime,
    measure_name,
    measure_value,
)
from personal_offers.pipelines.reporting.data_ledger import (
    alerts_of,
    ledger_blocks,
    read_ledger,
    removal_figure,
    tiles_of,
    total_words,
    totals_of,
)
from personal_offers.pipelines.reporting.data_texts import MEASURES, TEXTS
from personal_offers.pipelines.reporting.params import ReportingOptions
from personal_offers.words import MONTHS, ORDERS, ROWS, counted

Facts = Mapping[str, Any]

_AFTER_BREAK = "after_break"
_EXAMPLES = 3
# They say how much there is; a break is never seen in them.
_SIZES = ("orders", "customers")
# Outputs of ``era.withheld``; the risk comes from several places and is listed by itself.
_OUTPUTS = ("rfm", "class_tests", "backtest", "migration")
_REGIME = Origin(dataset="regime", node="data_processing.mark_order_lines")


class _Given(NamedTuple):
    """What the chapter rests on."""

    era: Facts | None
    model_gate: Facts | None
    metrics: Facts | None
    decision: Facts | None
    offer_plan: Facts | None
    class_verdict: Facts | None
    interest_metrics: Facts | None
    regime: pd.DataFrame | None
    registry: FeatureRegistry | None


def write_data(
    options: ReportingOptions,
    registry: FeatureRegistry,
    cleaning_ledger: pd.DataFrame | None = None,
    model_gate: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    decision: Mapping[str, Any] | None = None,
    offer_plan: Mapping[str, Any] | None = None,
    era: Mapping[str, Any] | None = None,
    regime: pd.DataFrame | None = None,
    class_verdict: Mapping[str, Any] | None = None,
    interest_metrics: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the chapter.

    Args:
        options: Of the report.
        registry: Names of columns.
        cleaning_ledger: Grain: source and rule, in order; money in currency units.
        model_gate: withheld (reason or null) and features_without_values.
        metrics: withheld, and leak_audit with passed.
        decision: withheld, where nothing can be decided.
        offer_plan: provisional: whether consent is unknown, so that nothing is exported.
        era: Of a shop of order lines: period, currency, break and withheld.
        regime: Grain: month and measure (shops of order lines).
        class_verdict: withheld (shops of order lines).
        interest_metrics: withheld (shops of order lines).

    Returns:
        The chapter, in the plain form of JSON.
    """
    given = _Given(
        era,
        model_gate,
        metrics,
        decision,
        offer_plan,
        class_verdict,
        interest_metrics,
        regime,
        registry,
    )
    ledger = None if cleaning_ledger is None else read_ledger(cleaning_ledger)
    return Chapter(
        name="data",
        title=both(lambda language: TEXTS[language]["title"]),
        lead=_lead(ledger, given),
        blocks=present(*_cleaning(ledger, given), *_regime(ledger, given), *_withheld(given)),
    ).plain()


def _say(key: str) -> BothLanguages:
    return both(lambda language: TEXTS[language][key])


def _lead(ledger: pd.DataFrame | None, given: _Given) -> BothLanguages | None:
    if ledger is None or ledger.empty:
        return None
    totals, currency = totals_of(ledger), currency_of(given.era)
    if totals.lost is None or not totals.revenue:
        key = "lead"
    else:
        key = "lead_money" if totals.lost > 0 else "lead_gain" if totals.lost < 0 else "lead_same"

    def text(language: Language) -> str:
        lead = TEXTS[language][key].format(**total_words(totals, currency, language))
        return lead + (TEXTS[language]["lead_break"] if _break_of(given) else "")

    return both(text)


def _cleaning(ledger: pd.DataFrame | None, given: _Given) -> list[Any]:
    """Return the part on the cleaning rules."""
    if ledger is None:
        return [missing(_say("ledger_name").model_dump(), "data_processing")]
    if ledger.empty:
        return [Notice(level="info", text=_say("no_rules"))]
    by_lines = "order_lines" in set(ledger["source"])
    node = "compile_order_ledger" if by_lines else "compile_ledger"
    origin = Origin(dataset="cleaning_ledger", node=f"data_processing.{node}")
    currency, totals = currency_of(given.era), totals_of(ledger)
    figure = removal_figure(ledger, totals, given.registry, currency, origin)
    return [
        Tiles(tiles=(*tiles_of(ledger, totals, currency), *_period(given.era))),
        *alerts_of(ledger, given.registry, currency),
        figure or Paragraph(text=_say("nothing_removed")),
        *ledger_blocks(ledger, given.registry, currency, origin),
    ]


def _period(era: Facts | None) -> list[Tile]:
    if not era or not era.get("data_from") or not era.get("data_to"):
        return []

    first, last = (datetime.fromisoformat(str(era[end])) for end in ("data_from", "data_to"))
    months = 12 * (last.year - first.year) + last.month - first.month + 1
    zone = str(era.get("timezone") or "")

    def note(language: Language) -> str:
        period = TEXTS[language]["period_value"].format(
            first=moment(first.isoformat(), language, minutes=False),
            last=moment(last.isoformat(), language, minutes=False),
        )
        return period + (TEXTS[language]["timezone"].format(timezone=zone) if zone else "")

    value = both(lambda language: number(months, language))
    return [Tile(label=_say("period"), value=value, note=both(note))]


def _break_of(given: _Given) -> Facts | None:
    """Return the break of regime, or None."""
    found = (given.era or {}).get("break")
    return found if found else None


def _regime(ledger: pd.DataFrame | None, given: _Given) -> list[Any]:
    """Return the part on the break; nothing for a shop without order lines."""
    if given.era is None and given.regime is None:
        return []
    if given.era is None or given.regime is None:
        return [missing(_say("regime_name").model_dump(), "data_processing")]
    found = _break_of(given)
    if found is None:
        return [Paragraph(text=both(lambda language: _no_break(given, language)))]
    notice = Notice(
        level="warning", text=both(lambda language: _break_text(ledger, given, found, language))
    )
    return [notice, _regime_figure(given, found)]


def _no_break(given: _Given, language: Language) -> str:
    """Say that no break was found, and where it was looked for."""
    assert given.regime is not None  # noqa: S101  # the caller looked
    months = given.regime["month"].nunique()
    currency = getattr(currency_of(given.era), language, "")
    compared = given.regime[given.regime["value_before"].notna()]
    judged = [
        measure_name(str(name), language, currency)
        for name in compared["measure"].unique()
        if name not in _SIZES
    ]
    key = "no_break" if judged else "too_short"
    return TEXTS[language][key].format(
        months=counted(months, MONTHS, language), measures="; ".join(judged)
    )


def _break_text(
    ledger: pd.DataFrame | None, given: _Given, found: Facts, language: Language
) -> str:
    """Say what the rows after the break are, with the numbers that show it."""
    texts, era = TEXTS[language], given.era or {}
    since = moment(found["since"], language)
    text = []
    rows = _after_break(ledger)
    if rows is not None:
        key = "break_unreal" if found.get("proven") else "break_other"
        text.append(
            texts[key].format(since=since, rows=counted(int(rows["rows_hit"]), ROWS, language))
        )
        text.append(_how_many(rows, language))
    sizes = found.get("sizes") or {}
    new = sizes.get("new_customers")
    if new and not new["after"]:
        before = measure_value(new["before"], "new_customers", language)
        text.append(texts["break_no_new"].format(before=before))
    if found.get("id_form_before") and found.get("id_form_after"):
        text.append(
            texts["break_form"].format(before=found["id_form_before"], after=found["id_form_after"])
        )
    check = era.get("repeat_check")
    if check:
        text.append(
            texts["break_repeat"].format(
                all=percent(check["share_with_all_lines"], language),
                before=percent(check["share_before_break"], language),
            )
        )
    text.append(_break_money(rows, era, language))
    return "".join(text).strip() or str(found["sentence"][language])


def _after_break(ledger: pd.DataFrame | None) -> pd.Series | None:
    """Return what the ledger says of the rows after the break."""
    if ledger is None:
        return None
    rows = ledger[ledger["rule"].eq(_AFTER_BREAK) & ledger["found"]]
    return None if rows.empty else rows.iloc[0]


def _how_many(rows: pd.Series, language: Language) -> str:
    orders, customers = rows.get("orders_flagged"), rows["customers_hit"]
    if pd.isna(orders):
        return ""
    one_each = int(orders) == int(customers) == int(rows["rows_hit"])
    return TEXTS[language]["break_one_each" if one_each else "break_counts"].format(
        orders=counted(int(orders), ORDERS, language), customers=number(int(customers), language)
    )


def _break_money(rows: pd.Series | None, era: Facts, language: Language) -> str:
    """Say how much money stands behind the break, and what becomes of it."""
    texts, text = TEXTS[language], ""
    if rows is not None and rows["revenue_after"]:
        text += texts["break_money"].format(
            money=money(float(rows["revenue_flagged"]), currency_of(era), language),
            share=percent(float(rows["revenue_flagged"] / rows["revenue_after"]), language),
        )
    if not era.get("trusted_to"):
        return text
    if era["trusted_to"] == era.get("data_to"):
        return text + texts["break_used"]
    return text + texts["break_treated"].format(trusted=moment(era["trusted_to"], language))


def _regime_figure(given: _Given, found: Facts) -> Figure | None:
    """Draw the measures that broke."""
    regime = given.regime
    if regime is None or not regime["flagged"].eq(True).any():
        return None
    broken = set(regime.loc[regime["flagged"].eq(True), "measure"])
    measures = [name for name in regime["measure"].unique() if name in broken]

    def draw(language: Language) -> Any:
        sign = getattr(currency_of(given.era), language, "")
        title = _regime_title(measures, found, language, sign)
        return draw_regime(regime, measures, title, language, sign)

    return figure_from(drawn(draw), "data_regime", _say("break_advice"), _REGIME, main=True)


def _regime_title(measures: list[str], found: Facts, language: Language, sign: str) -> str:
    texts, sizes = TEXTS[language], found.get("sizes") or {}
    examples = [
        texts["break_example"].format(
            name=measure_name(name, language, sign),
            before=measure_value(sizes[name]["before"], name, language),
            after=measure_value(sizes[name]["after"], name, language),
        )
        for name in measures
        if name in sizes
    ]
    return texts["break_title"].format(
        since=moment(found["since"], language),
        count=counted(len(measures), MEASURES, language),
        examples="; ".join(examples[:_EXAMPLES]),
    )


def _withheld(given: _Given) -> list[Paragraph | Bullets]:
    """List what is withheld, each with its reason; say so where nothing is."""
    items = tuple(
        both(
            lambda language, name=name, reason=reason: TEXTS[language]["withheld"].format(  # type: ignore[misc]
                name=getattr(name, language), reason=getattr(reason, language).rstrip(".")
            )
        )
        for name, reason in _reasons(given)
    )
    if not items:
        return [Paragraph(text=_say("nothing_withheld"))]
    return [Paragraph(text=_say("withheld_title")), Bullets(texts=items)]


def _reasons(given: _Given) -> Iterator[tuple[BothLanguages, BothLanguages]]:
    """Yield what is withheld and why; each once, whichever stage says it first."""
    of_era = (given.era or {}).get("withheld") or {}
    verdict = (given.class_verdict or {}).get("withheld")
    for output in _OUTPUTS:
        reason = of_era.get(output) or (verdict if output == "backtest" else None)
        if reason:
            yield _say(f"held_{output}"), either(reason)
    risk = _no_risk(given)
    if risk is not None:
        yield _say("held_decline_risk"), risk
    for output, facts in (("decision", given.decision), ("interests", given.interest_metrics)):
        reason = (facts or {}).get("withheld")
        if reason:
            yield _say(f"held_{output}"), either(reason)
    if (given.offer_plan or {}).get("provisional"):
        yield _say("held_exports"), _say("why_consent")
    empty = (given.model_gate or {}).get("features_without_values") or []
    if empty:
        yield _say("held_features"), both(lambda language: _empty_features(empty, given, language))
    yield from _forbidden(given)


def _no_risk(given: _Given) -> BothLanguages | None:
    """Return why there is no risk: too few data, or a model that knew too much."""
    sources = (
        (given.model_gate or {}).get("withheld"),
        (given.metrics or {}).get("withheld"),
        ((given.era or {}).get("withheld") or {}).get("decline_risk"),
    )
    for reason in sources:
        if reason:
            return either(reason)
    audit = (given.metrics or {}).get("leak_audit") or {}
    return _say("why_leak") if audit.get("passed") is False else None


def _empty_features(names: list[str], given: _Given, language: Language) -> str:
    features = {} if given.registry is None else given.registry.features
    labels = [
        getattr(features[name].label or features[name].definition, language)
        if name in features
        else name
        for name in names
    ]
    return TEXTS[language]["why_empty"].format(list="; ".join(labels))


def _forbidden(given: _Given) -> Iterator[tuple[BothLanguages, BothLanguages]]:
    """Yield which conclusions the rows after a break do not carry."""
    found, regime = _break_of(given), given.regime
    if found is None or regime is None:
        return
    flagged = regime[regime["flagged"].eq(True)]
    columns: dict[Language, str] = {"ru": "withheld_ru", "en": "withheld"}
    if flagged.empty:
        return

    def name(language: Language) -> str:
        return TEXTS[language]["held_break"].format(since=moment(found["since"], language))

    def reason(language: Language) -> str:
        texts = flagged[columns[language]].dropna().astype("str").unique()
        return TEXTS[language]["why_break"].format(list="; ".join(texts))

    yield both(name), both(reason)

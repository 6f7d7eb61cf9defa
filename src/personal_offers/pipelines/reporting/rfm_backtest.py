"""Part of the chapter ``rfm``: what classes did after they were frozen, and who moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import pandas as pd

from personal_offers.features import BothLanguages, Language
from personal_offers.figure_style import number, percent, span
from personal_offers.pipelines.reporting.blocks import (
    Bullets,
    Column,
    Notice,
    Origin,
    Paragraph,
    Table,
    both,
    cell,
    drawn,
    figure_from,
)
from personal_offers.pipelines.reporting.rfm_figures import (
    NEW,
    OUTCOMES,
    Words,
    date_text,
    draw_backtest,
    draw_migration,
    outcome_text,
    records,
)
from personal_offers.pipelines.reporting.rfm_texts import TEXTS
from personal_offers.words import CUSTOMERS, DAYS, OF_CUSTOMERS, ORDERS, Forms, counted, form_of

Row = Mapping[str, Any]

_PAIRS: Forms = {
    "ru": ("пары классов", "пар классов", "пар классов"),
    "en": ("pair of classes", "pairs of classes"),
}
_ORIGIN = Origin(dataset="class_backtest", node="segmentation.backtest_classes")
# Pairs of classes that are told one by one; of the others, the number.
_MOST_PAIRS = 3
# Below this corrected p-value a difference is hardly chance.
_ALPHA = 0.05
_SMALLEST_P = 0.001
_P_DECIMALS = 3
_LATER = ("later_orders", "later_revenue", "later_average_check")
_HUNDRED = 100
_FEWEST_CLASSES = 2


def reason_of(era: Mapping[str, Any] | None, output: str) -> BothLanguages | None:
    """Return why an output is withheld, or None where it is not.

    Args:
        era: ``withheld``: output: the reason, in both languages or in one text for both.
        output: Its name there.
    """
    reason = ((era or {}).get("withheld") or {}).get(output)
    if reason is None:
        return None
    if isinstance(reason, Mapping):
        return BothLanguages(ru=str(reason["ru"]), en=str(reason["en"]))
    return BothLanguages(ru=str(reason), en=str(reason))


def _text(key: str) -> BothLanguages:
    return both(lambda lang: TEXTS[lang][key])


def _pairs(verdict: Mapping[str, Any], sure: bool) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the breaches of the order of names, the widest first, outcome by outcome."""
    found = []
    for outcome in OUTCOMES:
        own = [
            pair
            for pair in verdict.get(outcome, {}).get("inversions", [])
            if bool(pair["detectable"]) == sure
        ]
        own.sort(key=lambda pair: -float(pair["difference"]))
        found += [(outcome, pair) for pair in own]
    return found


def _is_known(verdict: Mapping[str, Any] | None) -> bool:
    return verdict is not None and not verdict.get("withheld")


def verdict_lead(verdict: Mapping[str, Any] | None, words: Words, language: Language) -> str:
    """Say in half a sentence whether the names came true; nothing where that was not tested."""
    if verdict is None or not _is_known(verdict):
        return ""
    texts = TEXTS[language]
    days = counted(verdict["outcome_days"], DAYS, language)
    if not verdict["conclusive"]:
        return texts["lead_too_few"]
    sure = _pairs(verdict, sure=True)
    if sure:
        return texts["lead_broken"].format(what=_what(verdict, sure[0], words, language))
    key = "lead_unsure" if _pairs(verdict, sure=False) else "lead_kept"
    return texts[key].format(days=days)


def _names(pair: Mapping[str, Any], words: Words, language: Language) -> dict[str, str]:
    return {end: words.name(pair[f"named_{end}"], language) for end in ("better", "worse")}


def _what(
    verdict: Mapping[str, Any],
    breach: tuple[str, Mapping[str, Any]],
    words: Words,
    language: Language,
) -> str:
    """Say which class did more than one that is named better."""
    outcome, pair = breach
    values = verdict[outcome]["by_class"]
    return TEXTS[language][f"what_{outcome}"].format(
        days=counted(verdict["outcome_days"], DAYS, language),
        high=outcome_text(outcome, values[pair["named_worse"]], words, language),
        low=outcome_text(outcome, values[pair["named_better"]], words, language),
        **_names(pair, words, language),
    )


def after_the_cut(
    backtest: pd.DataFrame | None, verdict: Mapping[str, Any] | None, words: Words
) -> Sequence[Any]:
    """Write what each class did in the window after it was frozen.

    Args:
        backtest: Grain: class.
        verdict: As ``backtest_classes`` gives it.
        words: Names and the currency.

    Returns:
        The blocks: a notice and a table where too few bought to tell the classes apart; a
        notice alone where the test is withheld; none where it was not made.
    """
    if verdict is None:
        return ()
    if verdict.get("withheld"):
        reason = verdict["withheld"]
        return (
            Notice(
                level="warning",
                text=both(
                    lambda lang: TEXTS[lang]["backtest_withheld"].format(reason=reason[lang])
                ),
            ),
        )
    table = _table(backtest, verdict, words)
    if not verdict["conclusive"]:
        return (_too_few(verdict, words), table)
    return (
        _intro(verdict),
        _figure(backtest, verdict, words),
        _judgement(verdict, words),
        _details(verdict, words),
        table,
    )


def _moment(verdict: Mapping[str, Any], language: Language) -> dict[str, str]:
    return {
        "days": counted(verdict["outcome_days"], DAYS, language),
        "since": date_text(verdict["since"], language),
    }


def _too_few(verdict: Mapping[str, Any], words: Words) -> Notice:
    """Say why nothing is concluded: too few purchases, or too few classes."""
    compared = set(words.classes) - set(verdict.get("too_small") or [])
    few_classes = bool(words.classes) and len(compared) < _FEWEST_CLASSES

    def write(language: Language) -> str:
        return TEXTS[language]["too_few"].format(
            buyers=number(verdict["buyers"], language),
            customers=counted(verdict["customers"], OF_CUSTOMERS, language),
            **_moment(verdict, language),
        )

    text = _text("inconclusive") if few_classes else both(write)
    return Notice(level="warning", text=text)


def _intro(verdict: Mapping[str, Any]) -> Paragraph:
    return Paragraph(
        text=both(
            lambda lang: TEXTS[lang]["backtest_intro"].format(
                until=date_text(verdict["until"], lang),
                customers=counted(verdict["customers"], CUSTOMERS, lang),
                **_moment(verdict, lang),
            )
        )
    )


def _figure(backtest: pd.DataFrame | None, verdict: Mapping[str, Any], words: Words) -> Any:
    if backtest is None:
        return None
    sure = _pairs(verdict, sure=True)
    advice = _text("backtest_advice")
    if sure:
        advice = both(
            lambda lang: TEXTS[lang]["backtest_advice_broken"].format(
                **_names(sure[0][1], words, lang)
            )
        )
    return figure_from(
        drawn(partial(draw_backtest, backtest, verdict, words)),
        "rfm_backtest",
        advice,
        _ORIGIN,
        main=True,
    )


def _judgement(verdict: Mapping[str, Any], words: Words) -> Notice:
    """Say whether the names of the classes came true."""
    sure = _pairs(verdict, sure=True)
    if not sure:
        key = "unsure" if _pairs(verdict, sure=False) else "kept"
        return Notice(level="info", text=_text(key))
    return Notice(level="warning", text=_text("broken"))


def _details(verdict: Mapping[str, Any], words: Words) -> Bullets:
    """List who came first and last, and every breach of the order of names."""
    texts = [
        both(partial(_ends, verdict, outcome, words)) for outcome in OUTCOMES if outcome in verdict
    ]
    for sure in (True, False):
        for outcome in OUTCOMES:
            texts += _breaches(verdict, outcome, sure, words)
    small = verdict.get("too_small") or []
    if small:
        texts.append(
            both(
                lambda lang: TEXTS[lang]["small"].format(
                    names=", ".join(words.name(name, lang) for name in small)
                )
            )
        )
    return Bullets(texts=tuple(texts))


def _ends(verdict: Mapping[str, Any], outcome: str, words: Words, language: Language) -> str:
    texts, found = TEXTS[language], verdict[outcome]
    first, *_, last = found["by_class"]
    parts = {}
    for end, place, name in (("best", "highest", first), ("worst", "lowest", last)):
        key = end if found[f"{end}_is_certain"] else f"{end}_unsure"
        if not found[f"{end}_is_{place}"]:
            key = f"{end}_not"
        value = outcome_text(outcome, found["by_class"][name], words, language)
        parts[end] = texts[key].format(name=words.name(name, language), value=value)
    return texts["ends"].format(outcome=texts[outcome], **parts)


def _breaches(
    verdict: Mapping[str, Any], outcome: str, sure: bool, words: Words
) -> list[BothLanguages]:
    """Tell the widest breaches of one outcome one by one, and count the others."""
    pairs = [pair for name, pair in _pairs(verdict, sure) if name == outcome]
    told = [both(partial(_breach, verdict, outcome, pair, words)) for pair in pairs[:_MOST_PAIRS]]
    more = len(pairs) - len(told)
    if more:
        told.append(
            both(
                lambda lang: TEXTS[lang]["more_pairs"].format(
                    outcome=TEXTS[lang][outcome], count=number(more, lang)
                )
            )
        )
    return told


def _breach(
    verdict: Mapping[str, Any],
    outcome: str,
    pair: Mapping[str, Any],
    words: Words,
    language: Language,
) -> str:
    texts, values = TEXTS[language], verdict[outcome]["by_class"]
    ends = (pair["difference_low"], pair["difference_high"])
    interval = texts["pair_no_interval"]
    if None not in ends:
        interval = _difference_span(outcome, *ends, words, language)
    difference = float(pair["difference"])
    return texts["pair" if pair["detectable"] else "pair_unsure"].format(
        outcome=texts[outcome],
        high=outcome_text(outcome, values[pair["named_worse"]], words, language),
        low=outcome_text(outcome, values[pair["named_better"]], words, language),
        difference=texts["points"].format(value=number(difference * _HUNDRED, language, 1))
        if outcome == "purchase_rate"
        else words.money(difference, language),
        interval=interval,
        **_names(pair, words, language),
    )


def _difference_span(
    outcome: str, low: float, high: float, words: Words, language: Language
) -> str:
    """Write the interval of a difference: in points of a share, or in money."""
    if outcome == "purchase_rate":
        text = span(low * _HUNDRED, high * _HUNDRED, 1, language)
        return TEXTS[language]["points"].format(value=text)
    return f"{span(low, high, 0, language)}\u00a0{getattr(words.currency, language)}"


def _table(backtest: pd.DataFrame | None, verdict: Mapping[str, Any], words: Words) -> Table | None:
    """List what each class did."""
    if backtest is None or backtest.empty:
        return None
    names = [
        ("customers", "customers", "whole", 0),
        ("buyers", "buyers", "whole", 0),
        ("purchase_rate", "rate", "share", 0),
        ("orders", "orders", "whole", 0),
        ("net_revenue", "revenue", "money", 2),
        ("net_revenue_share", "revenue_share", "share", 0),
    ]
    return Table(
        name="rfm_backtest_numbers",
        title=both(lambda lang: TEXTS[lang]["backtest"].format(**_moment(verdict, lang))),
        origin=_ORIGIN,
        columns=(
            Column(label=_text("class")),
            *(
                Column(label=_text(label), form=form, decimals=decimals)
                for _, label, form, decimals in names
            ),
        ),
        rows=tuple(
            (words.names(row["rfm_class"]), *(cell(row[name]) for name, *_ in names))
            for row in records(backtest)
        ),
        folded=True,
        currency=words.currency,
    )


def migration_blocks(
    migration: pd.DataFrame | None,
    verdict: Mapping[str, Any] | None,
    era: Mapping[str, Any] | None,
    words: Words,
) -> Sequence[Any]:
    """Draw who moved from class to class, in customers and in their money.

    Args:
        migration: Grain: class before and class now; without rows where it is withheld.
        verdict: ``since``, the earlier moment.
        era: ``withheld``.
        words: Names and the currency.
    """
    reason = reason_of(era, "migration")
    if reason is not None:
        text = both(
            lambda lang: TEXTS[lang]["migration_withheld"].format(reason=getattr(reason, lang))
        )
        return (Notice(level="warning", text=text),)
    if migration is None or not migration["customers"].sum():
        return ()
    since = (verdict or {}).get("since")
    origin = Origin(dataset="class_migration", node="segmentation.migrate_classes")
    figures = []
    for money, name, advice in (
        (False, "rfm_migration_customers", "migration_advice"),
        (True, "rfm_migration_money", "migration_money_advice"),
    ):
        figures.append(
            figure_from(
                drawn(partial(draw_migration, migration, since, words, money)),
                name,
                _text(advice),
                origin,
            )
        )
    known = migration[migration["from_class"] != NEW]["customers"].sum()
    return (*figures, Paragraph(text=_text("migration_note")) if known else None)


def difference_blocks(
    tests: pd.DataFrame | None, verdict: Mapping[str, Any] | None, words: Words
) -> Sequence[Any]:
    """Say how far the classes differ in what they did later.

    Args:
        tests: Grain: measure, test and pair of classes; those out of sample are read.
        verdict: ``outcome_days``, ``conclusive``.
        words: Names, in their order, and the currency.

    Returns:
        None where the later window was too empty to compare anything: the backtest says so.
    """
    if tests is None or verdict is None or not _is_known(verdict) or not verdict["conclusive"]:
        return ()
    later = tests[tests["evidence"] == "out_of_sample"]
    if later.empty:
        return ()
    bullets = [
        both(partial(_measure_text, later, measure, words))
        for measure in _LATER
        if (later["measure"] == measure).any()
    ]
    intro = both(
        lambda lang: TEXTS[lang]["tests_intro"].format(
            days=counted(verdict["outcome_days"], DAYS, lang), alpha=number(_ALPHA, lang, 2)
        )
    )
    return (
        Paragraph(text=intro),
        Bullets(texts=tuple(bullets)),
        _neighbours(later, words),
    )


def _measure_text(later: pd.DataFrame, measure: str, words: Words, language: Language) -> str:
    """Say how much of the differences in one measure the classes explain."""
    texts = TEXTS[language]
    own = later[later["measure"] == measure]
    overall = own[own["test"] == "kruskal_wallis"]
    pairs = own[(own["test"] == "mann_whitney") & own["p_holm"].notna()]
    if overall.empty or pairs.empty or pd.isna(overall["p_value"].iloc[0]):
        return texts["test_none"].format(measure=texts[measure])
    effect = overall.iloc[0]
    interval = ""
    if not pd.isna(effect["effect_low"]):
        ends = (effect["effect_low"] * _HUNDRED, effect["effect_high"] * _HUNDRED)
        interval = texts["test_interval"].format(interval=f"{span(*ends, 0, language)}%")
    alike = pairs[pairs["p_holm"] >= _ALPHA]
    names = [
        texts["pair_names"].format(
            a=words.name(row["class_a"], language), b=words.name(row["class_b"], language)
        )
        for row in records(alike)
    ]
    count = len(pairs)
    return texts["test"].format(
        measure=texts[measure],
        effect=percent(effect["effect_size"], language),
        interval=interval,
        sure=number(count - len(alike), language),
        pairs=f"{number(count, language)}\u00a0{form_of(count, _PAIRS, language)}",
        alike=texts["test_alike"].format(names=", ".join(names))
        if 0 < len(names) <= _MOST_PAIRS
        else "",
    )


def _neighbours(later: pd.DataFrame, words: Words) -> Table | None:
    """List the differences between classes that follow each other."""
    order = list(words.classes)
    following = set(pairwise(order))
    pairs = later[(later["test"] == "mann_whitney") & later["measure"].isin(_LATER[:2])]
    rows = [
        row
        for row in records(pairs)
        if (row["class_a"], row["class_b"]) in following and not pd.isna(row["p_holm"])
    ]
    if not rows:
        return None
    sure = sum(row["p_holm"] < _ALPHA for row in rows)
    return Table(
        name="rfm_tests",
        title=both(
            lambda lang: TEXTS[lang]["tests"].format(
                sure=number(sure, lang), all=number(len(rows), lang)
            )
        ),
        advice=_text("tests_advice_sure" if sure == len(rows) else "tests_advice"),
        origin=Origin(dataset="class_tests", node="segmentation.compare_classes"),
        columns=(
            Column(label=_text("measure")),
            Column(label=_text("pair_of")),
            Column(label=_text("difference")),
            Column(label=_text("interval")),
            Column(label=_text("strength"), form="decimal", decimals=2),
            Column(label=_text("p_value")),
        ),
        rows=tuple(_test_row(row, words) for row in rows),
        folded=True,
    )


def _test_row(row: Row, words: Words) -> tuple[Any, ...]:
    """Return one line of the table of tests."""
    is_orders = row["measure"] == "later_orders"

    def value(language: Language) -> str:
        if not is_orders:
            return words.money(row["difference"], language)
        text = number(row["difference"], language, 2)
        return f"{text}\u00a0{form_of(abs(row['difference']), ORDERS, language)}"

    def interval(language: Language) -> str:
        if pd.isna(row["difference_low"]):
            return "—"
        decimals = 2 if is_orders else 0
        return span(row["difference_low"], row["difference_high"], decimals, language)

    return (
        _text(row["measure"]),
        both(
            lambda lang: TEXTS[lang]["pair_names"].format(
                a=words.name(row["class_a"], lang), b=words.name(row["class_b"], lang)
            )
        ),
        both(value),
        both(interval),
        cell(row["effect_size"]),
        both(lambda lang: _p_text(float(row["p_holm"]), lang)),
    )


def _p_text(value: float, language: Language) -> str:
    if value < _SMALLEST_P:
        return TEXTS[language]["below"].format(value=number(_SMALLEST_P, language, _P_DECIMALS))
    return number(value, language, _P_DECIMALS)

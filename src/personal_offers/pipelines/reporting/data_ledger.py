"""The cleaning ledger as people read it: what each rule found, and what it cost."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Literal, NamedTuple

import pandas as pd

from personal_offers.currencies import money
from personal_offers.features import BothLanguages, FeatureRegistry, FromColumn, Language
from personal_offers.figure_style import cut, number, percent
from personal_offers.pipelines.reporting.amounts import changed
from personal_offers.pipelines.reporting.blocks import (
    Column,
    Figure,
    Notice,
    Origin,
    Paragraph,
    Table,
    Tile,
    both,
    cell,
    drawn,
    figure_from,
)
from personal_offers.pipelines.reporting.data_figures import Removal, draw_removals
from personal_offers.pipelines.reporting.data_texts import REMOVED_ROWS, RULES, TEXTS
from personal_offers.words import ROWS, counted

Row = Mapping[Hashable, Any]
Form = Literal["text", "whole", "money", "share"]

_COLUMN_RULES = ("spelling_", "impossible_", "outlier_")
_MONEY = ("revenue_before", "revenue_after", "revenue_flagged", "revenue_lost_share")
_LONGEST_RULE = 80
_FLAGGED = "flagged"
# Columns of the two tables, behind the rule: what it changed, and what it only flagged.
_CHANGES: Mapping[str, Form] = {
    "action": "text",
    "rows": "whole",
    "customers": "whole",
    "gone": "whole",
    "change": "money",
    "share": "share",
}
_FLAGS: Mapping[str, Form] = {"rows": "whole", "customers": "whole", "flagged": "money"}
_OF_MONEY = ("change", "share", "flagged")


class Totals(NamedTuple):
    """What came in and what was left, over all files; customers of the first file.

    Money is None where no file holds any.
    """

    rows: int
    rows_left: int
    customers: int
    customers_left: int
    revenue: float | None
    revenue_left: float | None

    @property
    def removed(self) -> int:
        """Rows that are gone."""
        return self.rows - self.rows_left

    @property
    def lost(self) -> float | None:
        """Revenue that is gone: negative where it rose."""
        if self.revenue is None or self.revenue_left is None:
            return None
        return self.revenue - self.revenue_left


def read_ledger(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return the ledger with money as numbers, and what each rule did to it.

    Args:
        ledger: Grain: source and rule, in order (``cleaning_ledger``); money as text or number.

    Returns:
        The same rows; ``change`` (revenue after less before, null without money) and ``found``
        (whether the rule hit anything) beside them.
    """
    read = ledger.copy().reset_index(drop=True)
    for column in _MONEY:
        read[column] = pd.to_numeric(read[column], errors="coerce")
    read["change"] = read["revenue_after"] - read["revenue_before"]
    # An order that is hit without a row does not exist, so rows tell.
    read["found"] = pd.to_numeric(read["rows_hit"], errors="coerce").fillna(0) > 0
    read["alert"] = read["alert"].astype("str").str.lower().eq("true")
    return read


def totals_of(ledger: pd.DataFrame) -> Totals:
    """Add the files up; each begins with its first rule and ends with its last."""
    first = ledger.drop_duplicates("source", keep="first")
    last = ledger.drop_duplicates("source", keep="last")
    has_money = first["revenue_before"].notna().any()
    return Totals(
        rows=int(first["rows_before"].sum()),
        rows_left=int(last["rows_after"].sum()),
        customers=int(first["customers_before"].iloc[0]),
        customers_left=int(last["customers_after"].iloc[0]),
        revenue=float(first["revenue_before"].sum()) if has_money else None,
        revenue_left=float(last["revenue_after"].sum()) if has_money else None,
    )


def rule_words(rule: str, registry: FeatureRegistry | None, language: Language) -> str:
    """Say in plain words what a rule looks for; a rule nobody described goes by its name.

    Args:
        rule: As in the ledger: ``missing_customer``, ``spelling_service_type``.
        registry: Tells what columns are called.
        language: Of the text.
    """
    texts = TEXTS[language]
    if f"rule_{rule}" in texts:
        return texts[f"rule_{rule}"]
    for kind in _COLUMN_RULES:
        if rule.startswith(kind):
            name = _column_name(rule.removeprefix(kind), registry, language)
            return texts[f"column_{kind}"].format(column=name)
    return rule


def _column_name(column: str, registry: FeatureRegistry | None, language: Language) -> str:
    named = TEXTS[language].get(f"named_{column}")
    if named is not None or registry is None:
        return named or column
    for name, feature in registry.features.items():
        source = feature.compute.column if isinstance(feature.compute, FromColumn) else name
        if column in {name, source}:
            label = feature.label or feature.definition
            return str(getattr(label, language))
    return column


def total_words(
    totals: Totals, currency: BothLanguages | None, language: Language
) -> dict[str, str]:
    """Return what texts say of the whole cleaning."""
    words = {
        "rows": counted(totals.removed, REMOVED_ROWS, language),
        "all": number(totals.rows, language),
        "share": percent(totals.removed / totals.rows, language) if totals.rows else "—",
    }
    if totals.lost is not None and totals.revenue:
        words["money"] = money(abs(totals.lost), currency, language)
        words["money_share"] = percent(abs(totals.lost) / totals.revenue, language)
    return words


def tiles_of(
    ledger: pd.DataFrame, totals: Totals, currency: BothLanguages | None
) -> tuple[Tile, ...]:
    """Return what was left: rows, customers, revenue, and how many rules raise an alert."""

    def tile(key: str, now: Any, before: Any) -> Tile:
        return Tile(
            label=both(lambda language: TEXTS[language][key]),
            value=both(now),
            note=both(lambda language: TEXTS[language]["was"].format(value=before(language))),
        )

    tiles = [
        tile(
            "rows_left",
            lambda language: number(totals.rows_left, language),
            lambda language: number(totals.rows, language),
        ),
        tile(
            "customers_left",
            lambda language: number(totals.customers_left, language),
            lambda language: number(totals.customers, language),
        ),
    ]
    left, came = totals.revenue_left, totals.revenue
    if left is not None and came is not None:
        tiles.append(
            tile(
                "revenue_left",
                lambda language: money(left, currency, language),
                lambda language: money(came, currency, language),
            )
        )
    alerts = int(ledger["alert"].sum())
    tiles.append(
        Tile(
            label=both(lambda language: TEXTS[language]["alerts"]),
            value=both(lambda language: number(alerts, language)),
            note=both(lambda language: TEXTS[language]["some_alerts" if alerts else "no_alerts"]),
        )
    )
    return tuple(tiles)


def alerts_of(
    ledger: pd.DataFrame, registry: FeatureRegistry | None, currency: BothLanguages | None
) -> list[Notice]:
    """Return a warning for each rule that changes much of the revenue."""

    def text(row: Row, language: Language) -> str:
        texts = TEXTS[language]
        advice = texts.get(f"advice_{row['rule']}", texts["advice_other"])
        return texts["alert"].format(
            rule=rule_words(str(row["rule"]), registry, language),
            done=texts[f"done_{row['action']}"],
            rows=counted(int(row["rows_hit"]), REMOVED_ROWS, language),
            money=changed(float(row["change"]), currency, language),
            share=percent(abs(float(row["revenue_lost_share"])), language),
            advice=advice,
        )

    return [
        Notice(level="warning", text=both(lambda language, row=row: text(row, language)))  # type: ignore[misc]
        for row in ledger[ledger["alert"]].to_dict("records")
    ]


def removal_figure(
    ledger: pd.DataFrame,
    totals: Totals,
    registry: FeatureRegistry | None,
    currency: BothLanguages | None,
    origin: Origin,
) -> Figure | None:
    """Draw what cleaning took away; None where it took nothing."""
    took = ledger[(ledger["rows_before"] > ledger["rows_after"]) | ledger["change"].fillna(0).ne(0)]
    if took.empty or not totals.rows:
        return None

    def draw(language: Language) -> Any:
        removals = _removals(took, ledger, registry, currency, language)
        title = _removal_title(removals, totals, currency, language)
        return draw_removals(removals, title, language)

    return figure_from(
        drawn(draw),
        "data_removed",
        both(
            lambda language: TEXTS[language][
                "figure_advice" if ledger["alert"].any() else "figure_small"
            ]
        ),
        origin,
        main=True,
    )


def _removals(
    took: pd.DataFrame,
    ledger: pd.DataFrame,
    registry: FeatureRegistry | None,
    currency: BothLanguages | None,
    language: Language,
) -> list[Removal]:
    """Return what each rule took; shares are of what came in with its file."""
    first = ledger.drop_duplicates("source", keep="first").set_index("source")
    several = len(first) > 1
    removals = []
    for row in took.to_dict("records"):
        came = first.loc[row["source"]]
        words = rule_words(str(row["rule"]), registry, language)
        rows = int(row["rows_before"] - row["rows_after"])
        has_money = not pd.isna(row["change"]) and came["revenue_before"]
        removals.append(
            Removal(
                source=str(row["source"]) if several else "",
                label=words,
                rows=rows,
                rows_share=rows / float(came["rows_before"]),
                money=money(-float(row["change"]), currency, language) if has_money else "",
                money_share=-float(row["change"] / came["revenue_before"]) if has_money else None,
            )
        )
    return removals


def _removal_title(
    removals: list[Removal], totals: Totals, currency: BothLanguages | None, language: Language
) -> str:
    texts, words = TEXTS[language], total_words(totals, currency, language)
    title = texts["figure_all"].format(**words)
    if totals.lost:
        title += texts["figure_money" if totals.lost > 0 else "figure_gain"].format(**words)
    most = max(removals, key=lambda each: max(each.rows_share, each.money_share or 0.0))
    parts = [counted(most.rows, ROWS, language)] if most.rows else []
    parts += [most.money] if most.money_share else []
    name = f"{most.source}: {most.label}" if most.source else most.label
    return title + texts["figure_most"].format(rule=cut(name, _LONGEST_RULE), what=", ".join(parts))


def ledger_blocks(
    ledger: pd.DataFrame,
    registry: FeatureRegistry | None,
    currency: BothLanguages | None,
    origin: Origin,
) -> list[Table | Paragraph]:
    """Return the rules by what they did: changed, flagged, or nothing (counted, and folded)."""
    found, quiet = ledger[ledger["found"]], ledger[~ledger["found"]]
    several = len(ledger["source"].unique()) > 1
    has_money = bool(ledger["revenue_before"].notna().any())
    flags = found["action"].eq(_FLAGGED)  # they change nothing, so a change of zero says nothing
    blocks: list[Table | Paragraph] = []
    if not flags.all():
        blocks.append(
            Table(
                name="cleaning_ledger",
                title=both(
                    lambda language: TEXTS[language]["table_title"].format(
                        rules=counted(int((~flags).sum()), RULES, language),
                        all=number(len(ledger), language),
                    )
                ),
                advice=both(lambda language: TEXTS[language]["table_advice"]),
                origin=origin,
                columns=_columns(_CHANGES, several, has_money, currency),
                rows=_rows(found[~flags], _CHANGES, several, has_money, registry),
                currency=currency,
            )
        )
    if flags.any():
        blocks.append(
            Table(
                name="flagged_rows",
                title=both(
                    lambda language: TEXTS[language]["flagged_title"].format(
                        rules=counted(int(flags.sum()), RULES, language)
                    )
                ),
                advice=both(lambda language: TEXTS[language]["flagged_advice"]),
                origin=origin,
                columns=_columns(_FLAGS, several, has_money, currency),
                rows=_rows(found[flags], _FLAGS, several, has_money, registry),
                currency=currency,
            )
        )
    if len(quiet):
        blocks.append(
            Paragraph(
                text=both(
                    lambda language: TEXTS[language]["quiet"].format(
                        rules=counted(len(quiet), RULES, language)
                    )
                )
            )
        )
        blocks.append(_quiet_table(quiet, several, registry, origin))
    return blocks


def _columns(
    forms: Mapping[str, Form], several: bool, has_money: bool, currency: BothLanguages | None
) -> tuple[Column, ...]:
    """Return the columns of a table of rules: those of money only where files hold any."""

    def column(key: str, form: Form) -> Column:
        def label(language: Language) -> str:
            text = TEXTS[language][f"col_{key}"]
            if form != "money" or currency is not None:
                return text
            return TEXTS[language]["money_of_shop"].format(label=text)

        # A rule may touch one row in a thousand: two digits of a per cent.
        return Column(label=both(label), form=form, decimals=2 if form == "share" else 0)

    shown = _shown(forms, has_money)
    return tuple(column(key, form) for key, form in (*_head(several).items(), *shown.items()))


def _head(several: bool) -> dict[str, Form]:
    return {"source": "text", "rule": "text"} if several else {"rule": "text"}


def _shown(forms: Mapping[str, Form], has_money: bool) -> dict[str, Form]:
    return {key: form for key, form in forms.items() if has_money or key not in _OF_MONEY}


def _rows(
    rules: pd.DataFrame,
    forms: Mapping[str, Form],
    several: bool,
    has_money: bool,
    registry: FeatureRegistry | None,
) -> tuple[tuple[Any, ...], ...]:
    shown = (*_head(several), *_shown(forms, has_money))
    return tuple(
        tuple(_cell(key, row, registry) for key in shown) for row in rules.to_dict("records")
    )


def _cell(key: str, row: Row, registry: FeatureRegistry | None) -> Any:
    """Return one cell; the sign of an alert stands before the rule."""
    if key == "rule":
        sign = "⚠ " if row["alert"] else ""
        return both(lambda language: sign + rule_words(str(row["rule"]), registry, language))
    if key == "action":
        return both(lambda language: TEXTS[language][f"action_{row['action']}"])
    values = {
        "source": str(row["source"]),
        "rows": row["rows_hit"],
        "customers": row["customers_hit"],
        "gone": row["customers_before"] - row["customers_after"],
        "change": round(row["change"], 2),
        "share": 0.0 - row["revenue_lost_share"],
        "flagged": row["revenue_flagged"],
    }
    return cell(values[key])


def _quiet_table(
    quiet: pd.DataFrame, several: bool, registry: FeatureRegistry | None, origin: Origin
) -> Table:
    """List the rules that found nothing, each once however many files it looked at."""
    where = quiet.groupby("rule", sort=False)["source"].agg(", ".join)
    columns = ["col_rule", "col_source"] if several else ["col_rule"]
    return Table(
        name="quiet_rules",
        title=both(lambda language: TEXTS[language]["quiet_title"]),
        origin=origin,
        columns=tuple(
            Column(label=both(lambda language, key=key: TEXTS[language][key]))  # type: ignore[misc]
            for key in columns
        ),
        rows=tuple(
            (
                both(lambda language, rule=rule: rule_words(str(rule), registry, language)),  # type: ignore[misc]
                *([sources] if several else []),
            )
            for rule, sources in where.items()
        ),
        folded=True,
    )

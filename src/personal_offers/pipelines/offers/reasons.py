"""Why a customer gets an offer, or none: one sentence in Russian, one in English.

Sentences are put together column by column. They say what the rule saw (segment, risk, what goes
along with it, interest, money), never that one thing brings about another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from personal_offers.features import FeatureRegistry, Language
from personal_offers.figure_style import number, percent
from personal_offers.pipelines.offers.catalogue_params import INTEREST, OfferCatalogue
from personal_offers.pipelines.offers.params import NOT_CLASSIFIED, OfferOptions

Texts = pd.Series  # of text, one per customer
Names = Mapping[str, Any]  # kind of view: name: language: text
LANGUAGES: tuple[Language, ...] = ("ru", "en")
# Drivers that a sentence names, of the three that are published.
_DRIVERS = 2
_REASONS = 3
# Customers whose sentences are put together at once.
_BLOCK = 50_000
_WHOLE_FROM = 10
_CENTS_BELOW = 1
# Digits of two per cents that would else look alike.
_FINE_DIGITS = 2
# Shares that are written as less, or more, than these.
_SMALLEST, _SURE = 0.001, 0.01
# Shares are rounded to this, and never to nothing or everything.
_FINEST = 0.0001


@dataclass(frozen=True)
class _Words:
    """How one language says it; braces are filled with columns."""

    given: str
    withheld: str
    explored: str
    segment: str
    marks: str
    risk: str
    assumed_risk: str
    driver: str
    drivers: str
    interest: str
    money: str
    break_even: str
    no_break_even: str
    blocked: Mapping[str, str]
    would: str
    would_not: str
    no_offer: str
    no_rule: str
    does_not_pay: str
    too_dear: str


_WORDS: dict[Language, _Words] = {
    "en": _Words(
        given="“{offer}” ({channel}): ",
        withheld="Control group: nothing is sent on purpose, so that the effect can be measured; "
        "otherwise “{offer}” ({channel}): ",
        explored="drawn at random to learn what works; ",
        segment="segment “{segment}”",
        marks=", {marks}",
        risk=", decline risk {risk}",
        assumed_risk=", no computed risk, by class {risk} are assumed not to come back",
        driver=" (goes along with: {drivers})",
        drivers=" (goes along with: {drivers})",
        interest="; interest: {interest}",
        money="; expected to bring {net} {currency} ({low} to {high}) at a cost of {cost}",
        break_even="; pays from a save rate of {even}, {save} is assumed.",
        no_break_even="; no save rate makes it pay, {save} is assumed.",
        blocked={
            "consent": "Not contacted: there is no agreement to be contacted",
            "channel": "Not contacted: cannot be reached ({channel})",
            "fatigue": "Not contacted: has had enough contacts this period",
            "margin_floor": "No offer: what the customer earns the shop is too little for one",
        },
        would="; otherwise “{offer}” would be expected to bring {net} {currency}; "
        "segment “{segment}”{risk_text}.",
        would_not="; nor would any offer pay: the best one, “{offer}”, would bring {net} "
        "{currency}; segment “{segment}”{risk_text}.",
        no_offer="No offer: nothing in the catalogue fits (segment “{segment}”{risk_text}).",
        no_rule="No offer: no decline risk was computed, and no rule covers the class “{segment}”.",
        does_not_pay="No offer: none pays; the best one, “{offer}”, would bring {net} {currency}; "
        "segment “{segment}”{risk_text}",
        too_dear="No offer: “{offer}” would bring {net} {currency} at a cost of {cost}, but "
        "budget or channel room does not stretch that far; segment “{segment}”{risk_text}.",
    ),
    "ru": _Words(
        given="«{offer}» ({channel}): ",
        withheld="Контрольная группа: намеренно ничего не отправляем, чтобы измерить эффект; иначе "
        "«{offer}» ({channel}): ",
        explored="выбрано случайно, чтобы узнать, что работает; ",
        segment="сегмент «{segment}»",
        marks=", {marks}",
        risk=", риск снижения {risk}",
        assumed_risk=", риск не посчитан, по классу сами не вернутся {risk} (допущение)",
        driver=" (с ним связан показатель: {drivers})",
        drivers=" (с ним связаны показатели: {drivers})",
        interest="; интерес: {interest}",
        money="; ожидаемая выгода {net} {currency} (от {low} до {high}) при затратах {cost}",
        break_even="; окупается, если удержит {even}, допущение — {save}.",
        no_break_even="; не окупается ни при какой доле удержанных, допущение — {save}.",
        blocked={
            "consent": "Не связываемся: согласия на предложения нет",
            "channel": "Не связываемся: нет доступного канала ({channel})",
            "fatigue": "Не связываемся: контактов в этом периоде уже достаточно",
            "margin_floor": "Без предложения: того, что приносит клиент, на него не хватает",
        },
        would="; иначе ожидаемая выгода от предложения «{offer}» — {net} {currency}; "
        "сегмент «{segment}»{risk_text}.",
        would_not="; да и ни одно предложение не окупилось бы: лучшее — «{offer}» — принесло бы "
        "{net} {currency}; сегмент «{segment}»{risk_text}.",
        no_offer="Без предложения: в каталоге нет подходящего (сегмент «{segment}»{risk_text}).",
        no_rule="Без предложения: риск не посчитан, и для класса «{segment}» нет правила.",
        does_not_pay="Без предложения: ни одно не окупается, лучшее — «{offer}» — принесло бы "
        "{net} {currency}; сегмент «{segment}»{risk_text}",
        too_dear="Без предложения: лучшее — «{offer}» — принесло бы {net} {currency} при затратах "
        "{cost}, но бюджета или мест в канале на него не хватает; "
        "сегмент «{segment}»{risk_text}.",
    ),
}


def share_text(share: float, language: Language) -> str:
    """Write a share in per cent; what is not nothing or everything is not rounded to it."""
    if 0 < share < _SMALLEST:
        return "<" + percent(_SMALLEST, language)
    if 1 - _SURE < share < 1:
        return ">" + percent(1 - _SURE, language)
    return percent(share, language)


def reason_sentences(
    outcomes: pd.DataFrame,
    view_names: Names,
    registry: FeatureRegistry,
    catalogue: OfferCatalogue,
    options: OfferOptions,
) -> pd.DataFrame:
    """Say for every customer why they get an offer, or none.

    Args:
        outcomes: Grain: one customer: outcome, the pair that it speaks of (``pair_…``), segment,
            marks, decline_risk, reason_1..reason_3, interest_ru, interest_en.
        view_names: What segments, classes and marks are called.
        registry: What features are called, and which of them the shop can change.
        catalogue: What offers are called.
        options: What channels are called, and the currency.

    Returns:
        Grain: one customer, in the same order: customer_id, reason_ru, reason_en.
    """
    parts = []
    # By blocks, because the pieces of all sentences together take many times their room.
    for first in range(0, max(len(outcomes), 1), _BLOCK):
        rows = outcomes.iloc[first : first + _BLOCK].reset_index(drop=True)
        sentences = rows[["customer_id"]].copy()
        for language in LANGUAGES:
            writer = _Writer(rows, view_names, registry, catalogue, options, language)
            sentences[f"reason_{language}"] = writer.sentences()
        parts.append(sentences)
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class _Writer:
    """Writes the sentences of all customers in one language."""

    rows: pd.DataFrame
    names: Names
    registry: FeatureRegistry
    catalogue: OfferCatalogue
    options: OfferOptions
    language: Language

    def sentences(self) -> Texts:
        """Return one sentence per customer."""
        words, outcome = _WORDS[self.language], self.rows["outcome"]
        parts = self._parts()
        why = self._why(words, parts)
        nothing = _filled(words.no_offer, parts).where(
            self._has_some_risk(), _filled(words.no_rule, parts)
        )
        would = _filled(words.would, parts).where(
            self.rows["pair_expected_net"] > 0, _filled(words.would_not, parts)
        )
        blocked = parts["blocked"] + would
        written = {
            "sent": _filled(words.given, parts) + why,
            "control": _filled(words.withheld, parts) + why,
            "blocked": blocked,
            "not_offered": nothing,
            "does_not_pay": _filled(words.does_not_pay, parts) + parts["even_text"],
            "too_dear": _filled(words.too_dear, parts),
        }
        text = pd.Series("", index=self.rows.index, dtype="str")
        for name, sentence in written.items():
            text = text.where(outcome != name, sentence)
        return text

    def _has_some_risk(self) -> pd.Series[bool]:
        """Return who has a risk, computed or by the rule for their class."""
        winback, rows = self.options.winback, self.rows
        computed = rows["decline_risk"].notna()
        if winback is None or "rfm_class" not in rows.columns:
            return computed
        return computed | rows["rfm_class"].isin(list(winback.risk))

    def _parts(self) -> dict[str, Texts]:
        """Return every piece that a sentence may hold, as text."""
        rows, words = self.rows, _WORDS[self.language]
        offers = {n: getattr(o.name, self.language) for n, o in self.catalogue.offers.items()}
        channels = {n: getattr(c.label, self.language) for n, c in self.options.channels.items()}
        views = [*self.names["segments"].items(), *self.names["classes"].items()]
        views.append((NOT_CLASSIFIED, self.names[NOT_CLASSIFIED]))
        parts = {
            "offer": _mapped(rows["pair_offer"], offers),
            "channel": _mapped(rows["pair_channel"], channels),
            "segment": _mapped(rows["segment"], {n: v[self.language] for n, v in views}),
            "currency": pd.Series(getattr(self.options.currency, self.language), rows.index),
            # Nobody is sure to leave, or to stay, whatever a model says.
            "risk": self._percents(
                rows["pair_risk"].fillna(rows["decline_risk"]).clip(_FINEST, 1 - _FINEST)
            ),
            **self._save_rates(),
            "net": self._money(rows["pair_expected_net"]),
            "low": self._money(rows["pair_expected_net_low"]),
            "high": self._money(rows["pair_expected_net_high"]),
            "cost": self._money(rows["pair_expected_cost"]),
            "interest": rows[f"interest_{self.language}"].astype("str").fillna(""),
            "marks": self._marks(),
        }
        parts["drivers"], drivers = self._drivers()
        parts["driver_text"] = _filled(words.drivers, parts).where(
            drivers > 1, _filled(words.driver, parts)
        )
        parts["risk_text"] = self._risk_text(words, parts)
        pays = rows["pair_break_even_save_rate"] <= 1  # no offer keeps more than all
        parts["even_text"] = _filled(words.break_even, parts).where(
            pays, _filled(words.no_break_even, parts)
        )
        parts["blocked"] = pd.Series("", rows.index, dtype="str")
        for gate, text in words.blocked.items():
            is_it = rows["pair_blocked_by"] == gate
            parts["blocked"] = parts["blocked"].where(~is_it, _filled(text, parts))
        return parts

    def _why(self, words: _Words, parts: Mapping[str, Texts]) -> Texts:
        """Return what the rule saw, and the money."""
        explored = self.rows["explored"].fillna(False).astype(bool)
        uses = [
            name
            for name, offer in self.catalogue.offers.items()
            if any(INTEREST in _fields(offer.text_in(language)) for language in LANGUAGES)
        ]
        about_interest = self.rows["pair_offer"].isin(uses) & (parts["interest"] != "")
        return (
            _filled(words.explored, parts).where(explored, "")
            + _filled(words.segment, parts)
            + _filled(words.marks, parts).where(parts["marks"] != "", "")
            + parts["risk_text"]
            + parts["driver_text"].where(parts["drivers"] != "", "")
            + _filled(words.interest, parts).where(about_interest, "")
            + _filled(words.money, parts)
            + parts["even_text"]
        )

    def _risk_text(self, words: _Words, parts: Mapping[str, Texts]) -> Texts:
        rows = self.rows
        computed = rows["decline_risk"].notna()
        assumed = rows["pair_risk"].notna() & ~computed
        text = _filled(words.risk, parts).where(computed, "")
        return text.where(~assumed, _filled(words.assumed_risk, parts))

    def _marks(self) -> Texts:
        """Name the marks that made the customer eligible for the offer."""
        text = pd.Series("", self.rows.index, dtype="str")
        for name, offer in self.catalogue.offers.items():
            for mark in offer.eligible.marks:
                marked = self.rows[mark].fillna(False).astype(bool)
                shown = (self.rows["pair_offer"] == name) & marked
                label = _inside(self.names["marks"][mark][self.language])
                text = text.where(~shown, _joined(text, label))
        return text

    def _drivers(self) -> tuple[Texts, pd.Series[int]]:
        """Name the strongest features that raise the risk and that the shop can change.

        Returns:
            Their labels, and how many they are.
        """
        features = self.registry.features
        labels = {
            f"{name}, up": getattr(each.label or each.definition, self.language)
            for name, each in features.items()
            if each.actionable
        }
        text = pd.Series("", self.rows.index, dtype="str")
        named = pd.Series(0, self.rows.index)
        for number_ in range(1, _REASONS + 1):
            label = self.rows[f"reason_{number_}"].astype("str").map(labels)
            shown = label.notna() & (named < _DRIVERS)
            text = text.where(~shown, _joined(text, label.astype("str").fillna("")))
            named = named + shown
        return text, named

    def _percents(self, share: pd.Series[float]) -> Texts:
        """Write shares; what is not nothing or everything is not written as if it were."""
        inside = (share > 0) & (share < 1)
        rounded = share.round(4)  # so that few different ones are written
        return _each(rounded.mask(inside, rounded.clip(_FINEST, 1 - _FINEST)), self._percent)

    def _save_rates(self) -> dict[str, Texts]:
        """Write the rate from which on an offer pays, and the one assumed, so that they differ."""
        even, save = (
            self.rows[f"pair_{name}"].astype("float64")
            for name in ("break_even_save_rate", "save_rate")
        )
        texts = {"even": self._percents(even), "save": self._percents(save)}
        differ = even.notna() & (even.round(4) != save.round(4))
        alike = differ & (texts["even"] == texts["save"])
        finer = {
            name: _each(each.round(4), self._finer)
            for name, each in (("even", even), ("save", save))
        }
        return {name: text.mask(alike, finer[name]) for name, text in texts.items()}

    def _finer(self, share: float) -> str:
        return number(share * 100, self.language, _FINE_DIGITS) + "%"

    def _percent(self, share: float) -> str:
        return share_text(share, self.language)

    def _money(self, amount: pd.Series[float]) -> Texts:
        """Write amounts so that they can be read: whole ones from ten on, cents below one."""
        size = amount.abs()
        digits = np.select([size >= _WHOLE_FROM, size >= _CENTS_BELOW], [0, 1], 2)
        text = pd.Series("", amount.index, dtype="str")
        for decimals in (0, 1, 2):
            written = _each(amount.round(decimals), self._number(decimals))
            text = text.where(digits != decimals, written)
        return text

    def _number(self, decimals: int) -> Callable[[float], str]:
        return lambda value: number(value, self.language, decimals)


def _fields(text: str) -> set[str | None]:
    """Return what a text holds in braces."""
    import string

    return {field for _, field, _, _ in string.Formatter().parse(text)}


def _inside(label: str) -> str:
    """Write a label as it stands inside a sentence; an abbreviation keeps its capitals."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def _joined(text: Texts, more: Texts | str) -> Texts:
    """Add to lists that are joined by commas."""
    return text.where(text == "", text + ", ") + more


def _mapped(keys: pd.Series[Any], names: Mapping[str, str]) -> Texts:
    """Return names; a key without one stays as it is, and nothing stays empty."""
    known = keys.astype("str")
    return known.map(names).astype("str").fillna(known).fillna("")


def _each(values: pd.Series[float], write: Callable[[float], str]) -> Texts:
    """Write every different value once."""
    different = values.dropna().unique()
    return values.map({value: write(value) for value in different}).astype("str").fillna("")


def _filled(template: str, parts: Mapping[str, Texts]) -> Texts:
    """Fill a sentence with columns; what columns hold is never read as a template."""
    import string

    index = next(iter(parts.values())).index
    text = pd.Series("", index, dtype="str")
    for plain, field, _, _ in string.Formatter().parse(template):
        text = text + plain
        if field is not None:
            text = text + parts[field]
    return text

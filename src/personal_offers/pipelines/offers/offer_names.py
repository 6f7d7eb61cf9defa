"""What the parts of the plan are called, and the numbers in it that nobody measured.

Reports read names and assumptions from here, so that they need no parameters of this stage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from personal_offers.assumptions import Assumption, Range
from personal_offers.features import BothLanguages
from personal_offers.pipelines.offers.catalogue_params import Offer, OfferCatalogue
from personal_offers.pipelines.offers.params import NOT_CLASSIFIED, OfferOptions, Winback
from personal_offers.pipelines.offers.trials import GATE_NAMES

Text = dict[str, str]
_TEXTS: Mapping[str, Mapping[str, str]] = {
    "ru": {
        "profit_unit": "Сколько стоит единица прибыли магазина",
        "currency_per": "{currency} за единицу прибыли",
        "horizon": "Сколько ещё приносит прибыль удержанный клиент",
        "risk": "Риск не вернуться без предложения, класс «{group}»",
        "risk_unit": "вероятность, что клиент сам не вернётся",
        "purchases": "Сколько покупок сделает возвращённый клиент",
        "margin": "Какую долю покупки возвращённого клиента магазин зарабатывает",
        "margin_unit": "доля выручки",
        "margin_source": "допущение о марже из настроек магазина: одно число, без пределов",
        "save": "Доля удержанных, «{offer}»",
        "save_group": "Доля удержанных, «{offer}», группа «{group}»",
        "redemption": "Скидка тем, кто и так остался бы, «{offer}»",
    },
    "en": {
        "profit_unit": "Worth of one unit of the shop's profit",
        "currency_per": "{currency} per unit of profit",
        "horizon": "How long a kept customer goes on bringing profit",
        "risk": "Risk not to come back without an offer, class “{group}”",
        "risk_unit": "probability that the customer does not come back by himself",
        "purchases": "Purchases that a customer makes who was won back",
        "margin": "Share of a won-back customer's purchase that the shop earns",
        "margin_unit": "share of revenue",
        "margin_source": "the margin assumed in the shop's settings: one number, no range",
        "save": "Save rate, “{offer}”",
        "save_group": "Save rate, “{offer}”, group “{group}”",
        "redemption": "Redemption by customers who would have stayed, “{offer}”",
    },
}


def name_offers(
    view_names: Mapping[str, Any], catalogue: OfferCatalogue, options: OfferOptions
) -> dict[str, Any]:
    """Gather what people call the parts of the plan, and all its assumptions.

    Args:
        view_names: What segments and classes are called.
        catalogue: Offers with their save rates and redemptions.
        options: Currency, unit of profit, channels, horizon, risks by class.

    Returns:
        ``currency``, ``profit_unit`` (of the unit chosen), each in both languages; ``offers``,
        ``channels`` and ``gates``: by name, in both languages; ``control`` with ``share``,
        ``power`` and ``significance`` (shares of 1); ``assumptions``: each with ``name``, ``low``,
        ``base``, ``high``, ``unit`` and ``source``. Where only one number is given, the three are
        equal; the unit of profit is listed only where the file leaves a choice or it is not money.
    """
    chosen = options.profit_unit.units[options.profit_unit.chosen]
    control = options.control
    return {
        "currency": options.currency.model_dump(),
        "profit_unit": chosen.label.model_dump(),
        "offers": {name: offer.name.model_dump() for name, offer in catalogue.offers.items()},
        "channels": {name: each.label.model_dump() for name, each in options.channels.items()},
        "gates": {name: {"ru": ru, "en": en} for name, (ru, en) in GATE_NAMES.items()},
        "control": {
            "share": control.share,
            "power": control.power,
            "significance": control.significance,
        },
        "assumptions": [
            *_of_the_shop(options),
            *(_of_winback(options.winback, view_names) if options.winback else ()),
            *(row for offer in catalogue.offers.values() for row in _of_offer(offer, view_names)),
        ],
    }


def _of_the_shop(options: OfferOptions) -> Iterator[dict[str, Any]]:
    """List what holds for all offers."""
    units = options.profit_unit.units
    unit = units[options.profit_unit.chosen]
    # Profit that is money already, and can be nothing else, assumes nothing.
    if len(units) > 1 or unit.value != 1 or unit.times is not None:
        value = Range(low=unit.value, base=unit.value, high=unit.value)
        per_unit = _text("currency_per", currency=options.currency.model_dump())
        yield _row(_text("profit_unit"), value, per_unit, options.profit_unit.source)
    yield _assumed(_text("horizon"), options.horizon_months)


def _of_winback(winback: Winback, view_names: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """List what is assumed of customers without a computed risk."""
    for group, risk in winback.risk.items():
        name = _text("risk", group=_group_name(group, view_names))
        yield _row(name, risk, _text("risk_unit"), winback.source)
    yield _assumed(_text("purchases"), winback.purchases)
    margin = Range(low=winback.margin, base=winback.margin, high=winback.margin)
    source = BothLanguages(**_text("margin_source"))
    yield _row(_text("margin"), margin, _text("margin_unit"), source)


def _of_offer(offer: Offer, view_names: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """List what an offer is believed to do."""
    named, save = offer.name.model_dump(), offer.save_rate
    yield _row(_text("save", offer=named), save.default, save.unit.model_dump(), save.source)
    for group, rate in save.by_segment.items():
        name = _text("save_group", offer=named, group=_group_name(group, view_names))
        yield _row(name, rate, save.unit.model_dump(), save.source)
    yield _assumed(_text("redemption", offer=named), offer.redemption)


def _assumed(name: Text, assumption: Assumption) -> dict[str, Any]:
    return _row(name, assumption, assumption.unit.model_dump(), assumption.source)


def _row(name: Text, values: Range, unit: Text, source: BothLanguages) -> dict[str, Any]:
    numbers = {level: getattr(values, level) for level in ("low", "base", "high")}
    return {"name": name, **numbers, "unit": unit, "source": source.model_dump()}


def _text(key: str, **parts: Mapping[str, str]) -> Text:
    """Fill a text in each language with parts in that language."""
    return {
        language: texts[key].format(**{name: part[language] for name, part in parts.items()})
        for language, texts in _TEXTS.items()
    }


def _group_name(group: str, view_names: Mapping[str, Any]) -> Text:
    """Return what a segment or a class is called; one without a name is called as it is."""
    if group == NOT_CLASSIFIED:
        return dict(view_names[NOT_CLASSIFIED])
    known = {**view_names["segments"], **view_names["classes"]}
    return dict(known.get(group, {"ru": group, "en": group}))

"""The chapter ``model_card``: what the model is for, what not, and how it was tested.

The card is written where the model is trained, in Markdown. Here it is cut at its headings, so
that what the model must not be used for is open and the long tables wait until somebody asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personal_offers.features import BothLanguages, Language
from personal_offers.pipelines.reporting.blocks import Chapter, Origin, Prose, missing
from personal_offers.pipelines.reporting.params import ReportingOptions

_TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "title": "Паспорт модели",
        "lead": "Для чего модель риска, чего по ней решать нельзя и как её проверили. Паспорт "
        "составлен при обучении модели.",
        "whole": "Паспорт целиком",
    },
    "en": {
        "title": "Model card",
        "lead": "What the risk model is for, what must not be decided by it, and how it was "
        "tested. The card was written when the model was trained.",
        "whole": "The whole card",
    },
}
_HEADING = "## "
_TITLE = "# "
# Parts that stand open: what the model is for and what not, or why there is none.
_OPEN = 2


def write_model_card(
    options: ReportingOptions,
    model_card_ru: str | None = None,
    model_card_en: str | None = None,
    activity_plan: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the chapter.

    Args:
        options: Of the page.
        model_card_ru: The card in Russian, as Markdown.
        model_card_en: The card in English, as Markdown.
        activity_plan: Cutoffs of a shop whose card knows time; None for other shops.

    Returns:
        The chapter as JSON holds it.
    """
    title, lead, whole = (_both(key) for key in ("title", "lead", "whole"))
    if not (model_card_ru or "").strip() or not (model_card_en or "").strip():
        nothing = missing({name: _TEXTS[name]["title"] for name in _TEXTS}, "modelling")
        return Chapter(name="model_card", title=title, blocks=(nothing,)).plain()
    cards = {"ru": str(model_card_ru), "en": str(model_card_en)}
    node = "modelling.write_cards" if activity_plan is None else "modelling.write_cards_with_time"
    origin = Origin(dataset="model_card_ru", node=node)
    parts = {language: _parts(card) for language, card in cards.items()}
    if len(parts["ru"]) != len(parts["en"]) or not parts["ru"]:
        # Cards that do not match part by part stay whole, or parts would stand under wrong heads.
        prose = Prose(title=whole, text=BothLanguages(**cards), origin=origin, folded=False)
        return Chapter(name="model_card", title=title, lead=lead, blocks=(prose,)).plain()
    blocks = tuple(
        Prose(
            title=BothLanguages(ru=russian[0], en=english[0]),
            text=BothLanguages(ru=russian[1], en=english[1]),
            origin=origin,
            folded=place >= _OPEN,
        )
        for place, (russian, english) in enumerate(zip(parts["ru"], parts["en"], strict=True))
    )
    return Chapter(name="model_card", title=title, lead=lead, blocks=blocks).plain()


def _both(key: str) -> BothLanguages:
    return BothLanguages(ru=_TEXTS["ru"][key], en=_TEXTS["en"][key])


def _parts(card: str) -> list[tuple[str, str]]:
    """Cut a card at its headings of the second level.

    Args:
        card: Markdown that begins with a title.

    Returns:
        Heading and text of each part; none where a part is empty or text stands before the first
        heading, because nothing of a card may be lost.
    """
    before, *rest = ("\n" + card).split("\n" + _HEADING)
    lines = [line for line in before.splitlines() if line.strip()]
    if any(not line.startswith(_TITLE) for line in lines):
        return []
    parts = [part.partition("\n") for part in rest]
    named = [(heading.strip(), text.strip()) for heading, _, text in parts]
    return named if all(heading and text for heading, text in named) else []

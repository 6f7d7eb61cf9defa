"""What a chapter says of data that it was meant to be made of and that nobody has written."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from personal_offers.features import Language
from personal_offers.pipelines.reporting.blocks import Notice, both

_TEXTS: Mapping[Language, Mapping[str, str]] = {
    "ru": {
        "absent": "Часть главы не составлена, потому что этих данных нет: {names}. "
        "Выполните kedro run, чтобы их получить.",
    },
    "en": {
        "absent": "Part of this chapter was not made, because these data are not there: {names}. "
        "Run kedro run to get them.",
    },
}

Write = Callable[..., dict[str, Any]]


def telling_absent(write: Write) -> Write:
    """Let a chapter name the inputs that are None, unless it already says that a part is missing.

    Args:
        write: Node function of a chapter, called with keywords named like the datasets.

    Returns:
        The same function, whose chapter then begins with a notice.
    """

    @wraps(write)
    def written(**inputs: Any) -> dict[str, Any]:
        chapter = write(**inputs)
        names = sorted(name for name, value in inputs.items() if value is None)
        if not names or any(block.get("level") == "missing" for block in chapter["blocks"]):
            return chapter
        return chapter | {"blocks": [_notice(names).model_dump(mode="json"), *chapter["blocks"]]}

    # Kedro finds the models of parameters by the signature, and does not look behind wrappers.
    written.__signature__ = inspect.signature(write)  # type: ignore[attr-defined]
    return written


def _notice(names: list[str]) -> Notice:
    listed = ", ".join(names)
    return Notice(
        level="missing",
        text=both(lambda language: _TEXTS[language]["absent"].format(names=listed)),
    )

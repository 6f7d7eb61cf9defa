"""What all pages share: templates, style and scripts of the package, data inside a page.

Whatever comes from data reaches a page in one of two ways: as text through a template, which
escapes it, or as JSON inside a script element, which ``embedded`` makes safe.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

_TEMPLATES = "personal_offers.pipelines.reporting.templates"
# What would end a script element, begin a comment in it, or is no JavaScript in old browsers.
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
# Larger data are packed: below, packing saves less than unpacking costs.
_PACKED_FROM = 20_000


@cache
def asset(name: str) -> str:
    """Read a file that the package carries: ``style.css``."""
    return files(_TEMPLATES).joinpath(name).read_text(encoding="utf-8")


def environment() -> Environment:
    """Return what fills templates: everything is escaped, a misspelt name is an error."""
    filler = Environment(
        loader=FunctionLoader(asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filler.globals["asset"] = trusted_asset
    return filler


def trusted_asset(name: str) -> Markup:
    """Return a style or script of the package, to stand in a page as it is."""
    return Markup(asset(name))  # noqa: S704  # written by us


def embedded(value: Any) -> Markup:
    """Write a value as JSON that may stand inside a script element, whatever texts it holds.

    Raises:
        ValueError: When it holds a number that JSON does not know.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for mark, safe in _UNSAFE.items():
        text = text.replace(mark, safe)
    return Markup(text)  # noqa: S704  # no mark of HTML is left


def packed(value: Any) -> Markup:
    """Write a value as JSON, gzip and Base64: the same bytes for the same value."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode())  # noqa: S704


def data_element(name: str, value: Any) -> Markup:
    """Return the script element that carries a value to the script of the page.

    Args:
        name: Its id: letters, digits, ``-`` and ``_``.
        value: For JSON; a large one is packed.
    """
    text = embedded(value)
    is_large = len(text) > _PACKED_FROM
    kind = "text/plain" if is_large else "application/json"
    return Markup('<script type="{}" id="{}">{}</script>').format(
        kind, name, packed(value) if is_large else text
    )


def in_language(value: Any, language: str) -> Any:
    """Keep of every text in both languages the one that a page shows, however deep it lies."""
    if isinstance(value, Mapping):
        if value.keys() == {"ru", "en"}:
            return value[language]
        return {key: in_language(each, language) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [in_language(each, language) for each in value]
    return value

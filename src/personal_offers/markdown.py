"""Texts from data and configuration inside pages in Markdown."""

from __future__ import annotations

import html
import re

# What either of them reads as more than a letter.
_MARKS = re.compile(r"([\\`*_\[\]|~#])")


def markdown_safe(text: object) -> str:
    """Return a text from data that Markdown and HTML show as it is, in one line."""
    line = " ".join(str(text).split())
    return _MARKS.sub(r"\\\1", html.escape(line, quote=False))

"""The numbers behind a figure as a table: for screen readers, for copying, for doubters.

Read from the traces that plotly.js draws, so the table cannot say anything else than the chart.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from personal_offers.features import Language
from personal_offers.figure_style import number, percent, significant
from personal_offers.pipelines.reporting.page_texts import TEXTS

_MOST_ROWS = 60
_MOST_COLUMNS = 10
_DIGITS = 4
_SHARE = "share"
# Whole numbers below are often years or numbers of things: on an axis they stand unseparated.
_SEPARATED_FROM = 10_000
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"</?(?:b|i|em|strong|sub|sup|span|a|extra)\b[^>]*>", re.IGNORECASE)
_MIDNIGHT = re.compile(r"^(\d{4}-\d{2}-\d{2})[T ]00:00:00(?:\.0+)?$")


@dataclass(frozen=True)
class Numbers:
    """A table of a figure.

    Attributes:
        head: Labels of the columns.
        rows: Texts, in their order.
        numeric: By column, whether it holds numbers.
        all_rows: How many rows there are; of more than 60 the table holds some.
    """

    head: list[str]
    rows: list[list[str]]
    numeric: list[bool]
    all_rows: int


@dataclass(frozen=True)
class _Series:
    name: str
    positions: list[Any]
    values: list[Any]
    more: Mapping[str, list[Any]] = field(default_factory=dict)


def numbers_of(figure: Mapping[str, Any], language: Language) -> Numbers | None:
    """Read the table of a figure.

    Args:
        figure: ``data`` and ``layout`` as plotly writes them.
        language: Of heads and numbers.

    Returns:
        At most 60 rows, at equal distances where there are more; None where the traces are of a
        kind that has no numbers to list.
    """
    traces = [trace for trace in figure["data"] if _counts(trace)]
    layout = figure["layout"]
    grids = [trace for trace in traces if _values(trace.get("z"))]
    if grids:
        return _of_grid(grids[0], layout, language)
    flows = [trace for trace in traces if trace.get("type") == "sankey"]
    if flows:
        return _of_flows(flows[0], language)
    series = [each for trace in traces if (each := _series(trace, layout)) is not None]
    if not series:
        return None
    return _wide(series, traces, layout, language) or _long(series, traces, layout, language)


def plain_text(text: Any) -> str:
    """Return a text of a figure without the marks that plotly reads as tags."""
    return html.unescape(_TAG.sub("", _BREAK.sub(" ", str(text)))).strip()


def _counts(trace: Mapping[str, Any]) -> bool:
    """Say whether a trace shows numbers: not a hidden one, nor one that is only drawn."""
    decorates = trace.get("hoverinfo") in ("skip", "none") and not trace.get("name")
    return trace.get("visible", True) is not False and not decorates


def _values(array: Any) -> list[Any]:
    """Return a list of plotly, which may be packed, as nested lists."""
    if isinstance(array, Mapping) and "bdata" in array:
        flat = np.frombuffer(base64.b64decode(array["bdata"]), dtype=f"<{array['dtype']}")
        shape = array.get("shape")
        if shape is not None:
            flat = flat.reshape([int(size) for size in str(shape).split(",")])
        unpacked: list[Any] = flat.tolist()
        return unpacked
    return list(array) if isinstance(array, Sequence) and not isinstance(array, str) else []


def _axis(trace: Mapping[str, Any], layout: Mapping[str, Any], letter: str) -> Mapping[str, Any]:
    which = str(trace.get(f"{letter}axis", letter)).removeprefix(letter)
    axis: Mapping[str, Any] = layout.get(f"{letter}axis{which}") or {}
    return axis


def _is_sideways(trace: Mapping[str, Any]) -> bool:
    return trace.get("orientation") == "h"


def _keys(trace: Mapping[str, Any]) -> tuple[str, str]:
    """Return the names of the lists with positions and values of a trace."""
    for keys in (("theta", "r"), ("labels", "values")):
        if keys[1] in trace:
            return keys
    return ("y", "x") if _is_sideways(trace) else ("x", "y")


def _series(trace: Mapping[str, Any], layout: Mapping[str, Any]) -> _Series | None:
    at, what = _keys(trace)
    positions, values = _values(trace.get(at)), _values(trace.get(what))
    if not values:
        return None
    positions = positions or list(range(len(values)))
    if at == "theta" and len(positions) > 1 and positions[0] == positions[-1]:
        positions, values = positions[:-1], values[:-1]  # the line only comes back
    if at in "xy":
        positions = _ticked(positions, _axis(trace, layout, at))
    if what in "xy":
        values = _ticked(values, _axis(trace, layout, what))
    length = min(len(positions), len(values))
    return _Series(
        name=plain_text(trace.get("name") or ""),
        positions=positions[:length],
        values=values[:length],
        more=_more(trace, values[:length], what),
    )


def _ticked(values: list[Any], axis: Mapping[str, Any]) -> list[Any]:
    """Replace positions by what stands at them on the axis; between two ticks, by both."""
    texts, at = _values(axis.get("ticktext")), _values(axis.get("tickvals"))
    names = dict(zip(at, texts, strict=False)) if texts else {}
    if not names or all(_says(text, tick) for tick, text in names.items()):
        return values
    return [_tick(value, names) if _is_plain(value) else value for value in values]


def _says(text: Any, tick: Any) -> bool:
    """Say whether the text of a tick is its number: then the values need no other name."""
    bare = plain_text(text).replace("\u2212", "-").replace("\u202f", "").replace(",", ".")
    try:
        number_read = float(bare.rstrip("%\u00a0 "))
        return bool(np.isclose(number_read / (100 if "%" in bare else 1), tick))
    except (TypeError, ValueError):
        return False


def _tick(value: Any, names: Mapping[Any, Any]) -> Any:
    if value in names or isinstance(value, str):
        return names.get(value, value)
    ticks = [tick for tick in names if isinstance(tick, int | float)]
    below = max((tick for tick in ticks if tick < value), default=None)
    above = min((tick for tick in ticks if tick > value), default=None)
    ends = ("" if tick is None else str(names[tick]) for tick in (below, above))
    return " … ".join(ends).strip() if ticks else value


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _more(trace: Mapping[str, Any], values: list[Any], what: str) -> dict[str, list[Any]]:
    """Return what a trace says beside its values: bounds and, at points, their labels."""
    more: dict[str, list[Any]] = {}
    errors = trace.get(f"error_{what}") or {}
    above = _values(errors.get("array"))
    below = _values(errors.get("arrayminus")) or above
    if above and len(above) >= len(values):
        more["low"] = [_sum(value, below[i], -1) for i, value in enumerate(values)]
        more["high"] = [_sum(value, above[i], 1) for i, value in enumerate(values)]
    labels = _values(trace.get("text"))
    if _values((trace.get("marker") or {}).get("size")):  # sizes say something: so does this
        labels = [_BREAK.sub("; ", str(each)) for each in _values(trace.get("customdata"))]
    if trace.get("type", "scatter") == "scatter" and len(labels) == len(values):
        more["axis_text"] = labels
    return more


def _sum(value: Any, width: Any, sign: int) -> Any:
    is_known = isinstance(value, int | float) and isinstance(width, int | float)
    return value + sign * width if is_known else None


def _titles(
    traces: Sequence[Mapping[str, Any]], layout: Mapping[str, Any], language: Language
) -> tuple[str, str]:
    """Return the heads of positions and values: titles of the axes, where all traces share them."""
    heads = []
    for place in (0, 1):
        found = {_title(trace, layout, _keys(trace)[place], language) for trace in traces}
        at = _keys(traces[0])[place]
        fallback = TEXTS[language]["axis_z" if place else "part"]
        heads.append(
            found.pop() if len(found) == 1 else TEXTS[language].get(f"axis_{at}", fallback)
        )
    return heads[0], heads[1]


def _title(
    trace: Mapping[str, Any], layout: Mapping[str, Any], key: str, language: Language
) -> str:
    if key not in "xy":
        return TEXTS[language]["part" if key in ("theta", "labels") else "axis_z"]
    title = _axis(trace, layout, key).get("title") or {}
    text = plain_text(title.get("text") or "") if isinstance(title, Mapping) else plain_text(title)
    is_value = key == _keys(trace)[1]
    # Categories explain themselves; an axis that has no title is one of them.
    return text or TEXTS[language]["axis_z" if is_value else "part"]


def _form(trace: Mapping[str, Any], layout: Mapping[str, Any], key: str) -> str:
    if key in "xy":
        return _form_of(_axis(trace, layout, key))
    return _form_of((layout.get("polar") or {}).get("radialaxis") or {})


def _form_of(axis: Mapping[str, Any]) -> str:
    """Return how an axis or a colour bar writes its numbers: as shares, with ``%``, or plainly."""
    if "%" in str(axis.get("tickformat") or ""):
        return _SHARE
    return "%" if str(axis.get("ticksuffix") or "").strip() == "%" else ""


def _wide(
    series: Sequence[_Series],
    traces: Sequence[Mapping[str, Any]],
    layout: Mapping[str, Any],
    language: Language,
) -> Numbers | None:
    """Write one column per trace, where all have their values at the same few positions."""
    keys = [[str(position) for position in each.positions] for each in series]
    is_shared = all(sorted(each) == sorted(keys[0]) for each in keys)
    is_unique = len(set(keys[0])) == len(keys[0])
    if not (is_shared and is_unique) or any(each.more for each in series):
        return None
    if len(series) == 1 or len(series) > _MOST_COLUMNS:
        return None
    lookups = [
        dict(zip(key, each.values, strict=True)) for key, each in zip(keys, series, strict=True)
    ]
    place, _ = _titles(traces, layout, language)
    form = _form(traces[0], layout, _keys(traces[0])[1])
    rows = [
        [_position(position, language), *(_value(found[key], form, language) for found in lookups)]
        for key, position in zip(keys[0], series[0].positions, strict=True)
    ]
    names = [each.name or TEXTS[language]["axis_z"] for each in series]
    return _some([place, *names], rows, [False] + [True] * len(series))


def _long(
    series: Sequence[_Series],
    traces: Sequence[Mapping[str, Any]],
    layout: Mapping[str, Any],
    language: Language,
) -> Numbers:
    """Write the traces one below the other."""
    texts = TEXTS[language]
    place, amount = _titles(traces, layout, language)
    is_named = len(series) > 1 and any(each.name for each in series)
    more = [key for key in ("low", "high", "axis_text") if any(key in each.more for each in series)]
    at, what = _keys(traces[0])
    form, form_at = _form(traces[0], layout, what), _form(traces[0], layout, at)
    rows = []
    for each in series:
        for i, (position, value) in enumerate(zip(each.positions, each.values, strict=True)):
            extra = [_extra(each, key, i, form, language) for key in more]
            name = [each.name or texts["nothing"]] if is_named else []
            where = _position(position, language, form_at)
            rows.append([*name, where, _value(value, form, language), *extra])
    head = [*([texts["series"]] if is_named else []), place, amount, *(texts[key] for key in more)]
    points_are_numbers = all(isinstance(p, int | float) for each in series for p in each.positions)
    numeric = [
        *([False] if is_named else []),
        points_are_numbers,
        True,
        *(key != "axis_text" for key in more),
    ]
    return _some(head, rows, numeric)


def _extra(each: _Series, key: str, row: int, form: str, language: Language) -> str:
    values = each.more.get(key)
    return _value(values[row] if values else None, form, language)


def _of_grid(trace: Mapping[str, Any], layout: Mapping[str, Any], language: Language) -> Numbers:
    """Write a heat map; the side with fewer cells stands in the columns."""
    rows = [_values(row) for row in _values(trace["z"])]
    across = _ticked(_values(trace.get("x")), _axis(trace, layout, "x"))
    down = _ticked(_values(trace.get("y")), _axis(trace, layout, "y"))
    across = across or list(range(1, max(map(len, rows)) + 1))
    down = down or list(range(1, len(rows) + 1))
    places = [_title(trace, layout, key, language) for key in ("y", "x")]
    if len(across) > len(down):
        rows = [list(column) for column in zip(*rows, strict=True)]
        across, down = down, across
        places.reverse()
    form = _form_of(trace.get("colorbar") or {})
    if len(across) > _MOST_COLUMNS:
        head = [*places, TEXTS[language]["axis_z"]]
        cells = [
            [_position(at, language), _position(where, language), _value(value, form, language)]
            for at, row in zip(down, rows, strict=True)
            for where, value in zip(across, row, strict=True)
        ]
        return _some(head, cells, [False, False, True])
    head = [places[0], *(_position(where, language) for where in across)]
    cells = [
        [_position(at, language), *(_value(value, form, language) for value in row)]
        for at, row in zip(down, rows, strict=True)
    ]
    return _some(head, cells, [False] + [True] * len(across))


def _of_flows(trace: Mapping[str, Any], language: Language) -> Numbers:
    """Write flows between groups, one row for each."""
    texts = TEXTS[language]
    names = [plain_text(name) for name in _values((trace.get("node") or {}).get("label"))]
    link = trace.get("link") or {}
    flows = zip(*(_values(link.get(key)) for key in ("source", "target", "value")), strict=True)
    rows = [
        [names[int(source)], names[int(target)], _value(value, "", language)]
        for source, target, value in flows
    ]
    return _some(
        [texts["flow_from"], texts["flow_to"], texts["axis_z"]], rows, [False, False, True]
    )


def _some(head: list[str], rows: list[list[str]], numeric: list[bool]) -> Numbers:
    """Keep at most 60 rows, at equal distances, the first and the last among them."""
    kept = rows
    if len(rows) > _MOST_ROWS:
        kept = [rows[i] for i in np.linspace(0, len(rows) - 1, _MOST_ROWS).round().astype(int)]
    return Numbers(head, kept, numeric, len(rows))


def _position(value: Any, language: Language, form: str = "") -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):  # two levels of categories
        return ", ".join(_position(each, language, form) for each in value)
    if isinstance(value, int) and abs(value) < _SEPARATED_FROM and not form:
        return str(value).replace("-", "\u2212")
    return _value(value, form, language)


def _value(value: Any, form: str, language: Language) -> str:
    if value is None or value != value:  # noqa: PLR0124  # NaN differs from itself
        return TEXTS[language]["nothing"]
    if not isinstance(value, int | float):
        text = plain_text(value)
        midnight = _MIDNIGHT.match(text)
        return midnight.group(1) if midnight else text
    if form == _SHARE:
        return percent(value, language)
    is_whole = float(value).is_integer()
    return (number(value, language) if is_whole else significant(value, language, _DIGITS)) + form

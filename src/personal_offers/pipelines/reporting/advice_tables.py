"""What to do with each segment, class or cluster: a table, and once what holds for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from personal_offers.features import BothLanguages, Language
from personal_offers.pipelines.reporting.blocks import (
    Column,
    Origin,
    Paragraph,
    Table,
    both,
    either,
)

# Columns of ``recommendations``, in the order in which people read them.
PARTS = ("goal", "action", "channel", "do_not", "measure")
_RECOMMENDED = Origin(dataset="recommendations", node="offers.write_recommendations")


def advice_blocks(
    rows: pd.DataFrame,
    name: str,
    texts: Mapping[Language, Mapping[str, str]],
    head: str,
    heads: Mapping[str, str] | None = None,
) -> list[Table | Paragraph]:
    """Return recommendations; what is the same for all rows is said once, below the table.

    Args:
        rows: Grain: segment, class or cluster: name and ``PARTS``, each with _ru and _en.
        name: Of the table.
        texts: Of the chapter: ``recommendations``, ``recommendations_advice``, ``for_all`` (with
            label and text) and what columns are called.
        head: Key of what the first column is called.
        heads: Keys of columns that are not called like their part.

    Returns:
        Nothing where there are no rows.
    """
    if rows.empty:
        return []
    records: list[dict[str, Any]] = [
        {str(key): value for key, value in row.items()} for row in rows.to_dict("records")
    ]
    shared = [part for part in PARTS if len(rows) > 1 and len(set(rows[f"{part}_en"])) == 1]
    own = [part for part in PARTS if part not in shared]

    def label(part: str) -> BothLanguages:
        return both(lambda language: texts[language][(heads or {}).get(part, part)])

    def said(part: str, language: Language) -> str:
        return texts[language]["for_all"].format(
            label=getattr(label(part), language), text=records[0][f"{part}_{language}"]
        )

    table = Table(
        name=name,
        title=both(lambda language: texts[language]["recommendations"]),
        advice=both(lambda language: texts[language]["recommendations_advice"]),
        origin=_RECOMMENDED,
        columns=tuple(Column(label=label(part)) for part in (head, *own)),
        rows=tuple(tuple(either(row, f"{part}_") for part in ("name", *own)) for row in records),
    )
    return [
        table,
        *(
            Paragraph(text=both(lambda language, part=part: said(part, language)))  # type: ignore[misc]
            for part in shared
        ),
    ]

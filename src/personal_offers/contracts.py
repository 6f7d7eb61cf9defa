"""The base of all contracts of lazy tables.

Two habits of pandera 0.35 on Ibis tables are put right here or must be known: an aggregate over
no rows is null, which pandera takes for a failed check; and ``Field(unique=True)`` is silently
ignored, so keys are named in ``Config.unique``.
"""

from __future__ import annotations

from typing import Any

import pandera.ibis as pa


class Contract(pa.DataFrameModel):
    """A contract that an empty table with the right columns keeps."""

    @classmethod
    def validate(cls, check_obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Check a table.

        Args:
            check_obj: The table.
            *args: As in pandera.
            **kwargs: As in pandera (``lazy`` collects all failures).

        Returns:
            The table.

        Raises:
            pandera.errors.SchemaErrors: When a check fails.
            ValueError: When an empty table lacks columns.
        """
        if check_obj.count().to_pyarrow().as_py():
            return super().validate(check_obj, *args, **kwargs)
        missing = sorted(set(cls.to_schema().columns) - set(check_obj.columns))
        if missing:
            raise ValueError(f"an empty table lacks the columns {missing} of {cls.__name__}")
        return check_obj

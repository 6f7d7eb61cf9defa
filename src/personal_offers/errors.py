"""The one error that bad input ends in."""

from __future__ import annotations

from collections.abc import Sequence

UNWRITTEN = "nothing was written"


class InputError(ValueError):
    """Everything that is wrong with the input, all at once.

    Parameters are named as nodes know them (``params:data_processing.…``); whoever shows the
    message puts the shop's name in (see hooks.InputErrorHook).

    Attributes:
        problems: One sentence each: what is wrong, where (file, column, rows), what to do.
    """

    def __init__(self, problems: Sequence[str], outcome: str = UNWRITTEN) -> None:
        """Keep all problems and phrase them as one numbered message.

        Args:
            problems: At least one sentence; the order is kept.
            outcome: What became of the outputs.
        """
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"The input has {count} problem{'s' if count > 1 else ''}; {outcome}."
        lines = [f"  {number}. {text}" for number, text in enumerate(self.problems, start=1)]
        super().__init__("\n".join([head, *lines]))

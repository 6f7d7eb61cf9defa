"""Cells that a spreadsheet might run."""

import pandas as pd
import pytest

from personal_offers.spreadsheets import without_formulas


class TestFormulas:
    @pytest.mark.parametrize(
        "start",
        [
            *("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"),
            *(" =", "\u00a0+", "\ufeff=", '"=', "'=", " \u200b\"' @", "\x00=", "\u3000＝", "  \t"),
        ],
    )
    def test_a_cell_that_would_run_gets_an_apostrophe(self, start: str) -> None:
        cell = start + "HYPERLINK(1)"

        assert without_formulas(pd.Series([cell])).tolist() == ["'" + cell]

    @pytest.mark.parametrize("cell", ["", "007", "a=b", "10-20", "«=1»", " tea", "−5", "x@y.z"])
    def test_other_cells_stay_as_they_are(self, cell: str) -> None:
        assert without_formulas(pd.Series([cell])).tolist() == [cell]

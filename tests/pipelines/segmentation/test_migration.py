"""Moves between groups: everybody is counted once, and money balances."""

from datetime import timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pytest

from personal_offers.pipelines.segmentation import migration
from personal_offers.pipelines.segmentation.migration import migrate_clusters, move_columns
from personal_offers.pipelines.segmentation.rfm import fit_rfm_breaks, sum_up_purchases
from personal_offers.pipelines.segmentation.rfm_params import RfmOptions

from .test_backtest import FALLING, FROZEN, shop
from .test_rfm import FIVE, START, era, line, lines_of, options


def migrate_classes(lines: ir.Table, at: dict[str, Any], asked: RfmOptions) -> pd.DataFrame:
    return migration.migrate_classes(
        lines, at, fit_rfm_breaks(sum_up_purchases(lines, at, asked), at, asked), asked
    )


class TestClasses:
    def test_everybody_is_counted_and_money_balances(self) -> None:
        # Given customers of before, some of whom bought or returned later, and new ones
        rows = [
            *shop(FALLING),
            line("new1", 90, 70),
            line("new2", 95, 30.55),
            line("new2", 20, -10),
            line("never", 95, -10),
        ]

        found = migrate_classes(lines_of(*rows), era(), options())

        assert list(found.columns) == move_columns("class")
        assert len(found) == 6 * 5
        assert found["customers"].sum() == 202
        came = found.groupby("from_class")["customers"].sum()
        assert came["new"] == 2
        assert came[FIVE].to_list() == [40] * 5
        amounts = pd.DataFrame(rows).query("customer_id != 'never'")
        early = amounts["ordered_at"] <= START + timedelta(days=FROZEN)
        assert found["net_before"].sum() == pytest.approx(amounts.loc[early, "amount"].sum())
        assert found["net_between"].sum() == pytest.approx(amounts.loc[~early, "amount"].sum())
        assert found["net_after"].sum() == pytest.approx(amounts["amount"].sum())
        assert found.groupby("from_class")["share_of_from"].sum().to_list() == [
            pytest.approx(1)
        ] * len(came)

    def test_moves_by_hand(self) -> None:
        rows = shop({"lost": [7, 300]})

        found = migrate_classes(lines_of(*rows), era(), options())

        moves = found.loc[found["customers"] > 0].set_index(["from_class", "to_class"])
        assert moves["customers"].to_dict() == {
            ("top", "leaving"): 40,
            ("promising", "sleeping"): 40,
            ("leaving", "lost"): 40,
            ("sleeping", "lost"): 40,
            ("lost", "leaving"): 7,
            ("lost", "lost"): 33,
        }
        assert moves.loc[("lost", "leaving"), "net_between"] == 2100
        assert moves.loc[("lost", "leaving"), ["from_ru", "to_en"]].to_list() == [
            "Потерянные",
            "Leaving",
        ]
        new = found.loc[found["from_class"] == "new"]
        assert new["share_of_from"].isna().all()
        assert set(new["from_ru"]) == {"Новые"}

    @pytest.mark.parametrize("output", ["migration", "backtest"])
    def test_withheld_gives_columns_alone(self, output: str) -> None:
        at = era(withheld={output: {"ru": "мало данных", "en": "too few data"}})

        found = migrate_classes(lines_of(*shop(FALLING)), at, options())

        assert found.empty
        assert list(found.columns) == move_columns("class")


# Two clusters on revenue alone: the nearer of 100 and 0 currency units.
MODEL = {
    "features": [
        {
            "feature": "revenue",
            "transform": "none",
            "median": 0.0,
            "low": None,
            "high": None,
            "mean": 0.0,
            "sd": 1.0,
        }
    ],
    "clusters": [{"cluster": 1, "centre": [100.0]}, {"cluster": 2, "centre": [0.0]}],
}
SUMMARY = pd.DataFrame(
    {"cluster": [1, 2], "name_ru": ["Крупные", "Мелкие"], "name_en": ["Big", "Small"]}
)


def earlier(revenue: dict[str, float]) -> ir.Table:
    frame = {
        "customer_id": list(revenue),
        "revenue": list(revenue.values()),
        "cutoff": pd.Series(
            [START + timedelta(days=FROZEN)] * len(revenue), dtype="datetime64[us]"
        ),
    }
    kinds = {"customer_id": "string", "revenue": "float64", "cutoff": "timestamp"}
    return ibis.memtable(pd.DataFrame(frame), schema=kinds)


def clusters(of: dict[str, int]) -> ir.Table:
    return ibis.memtable({"customer_id": list(of), "cluster": list(of.values())})


class TestClusters:
    lines = (line("a", 10, 90), line("b", 10, 10), line("b", 90, 95.5), line("c", 95, 20))

    def test_moves_by_hand(self) -> None:
        now = clusters({"a": 1, "b": 1, "c": 2})

        found = migrate_clusters(
            lines_of(*self.lines), era(), earlier({"a": 90, "b": 10}), now, MODEL, SUMMARY
        )

        assert list(found.columns) == move_columns("cluster")
        assert len(found) == 3 * 2
        moves = found.loc[found["customers"] > 0].set_index(["from_cluster", "to_cluster"])
        assert moves["customers"].to_dict() == {("1", "1"): 1, ("2", "1"): 1, ("new", "2"): 1}
        moved = moves.loc[("2", "1")]
        assert (moved["net_before"], moved["net_between"], moved["net_after"]) == (10, 95.5, 105.5)
        assert (moved["from_ru"], moved["to_en"]) == ("Мелкие", "Big")

    def test_nobody_known_before_or_withheld_gives_columns_alone(self) -> None:
        now, lines = clusters({"a": 1, "b": 1, "c": 2}), lines_of(*self.lines)
        withheld = era(withheld={"migration": {"ru": "мало", "en": "few"}})

        nobody = migrate_clusters(lines, era(), earlier({}), now, MODEL, SUMMARY)
        hidden = migrate_clusters(lines, withheld, earlier({"a": 90}), now, MODEL, SUMMARY)

        for found in (nobody, hidden):
            assert found.empty
            assert list(found.columns) == move_columns("cluster")

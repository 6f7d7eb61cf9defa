"""The leak audit on data whose leaks are known, because they were put in by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from personal_offers.errors import InputError
from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.modelling.audit_params import AuditOptions
from personal_offers.pipelines.modelling.leak_audit import (
    COLUMNS,
    audit_leaks,
    cell_shares,
    find_near_twins,
    join_near_twins,
    judge_ranking,
    nearest_labels,
    neighbour_votes,
    rank_ids,
    score_features,
    variants,
    verdict,
)
from tests.pipelines.modelling.made_up import severe_checks

SIZE = 300


def feature(group: str, kind: str = "number", **more: Any) -> dict[str, Any]:
    return {
        "group": group,
        "type": kind,
        "compute": {"kind": "column", "table": "customers", "column": "any"},
        "window": "ever",
        "actionable": True,
        "definition": {"ru": f"признак {group}", "en": f"something of {group}"},
    } | more


@pytest.fixture(scope="module")
def shop_registry() -> FeatureRegistry:
    return FeatureRegistry.model_validate(
        {
            "features": {
                "visits": feature("on_site_behaviour"),
                "visits_now": feature("on_site_behaviour", nowcast=True),
                "revenue": feature("purchase_behaviour"),
                "city": feature("purchase_behaviour", "category"),
                "contact": feature("communication", "flag", model=False, why_not="a gate"),
            }
        }
    )


def options(**changes: Any) -> AuditOptions:
    checks = severe_checks()
    given = {
        "repeats": 1,
        "folds": 3,
        "neighbours": 10,
        "bands": 10,
        "near_share": 0.1,
        "most_customers": 1000,
        "examples": 2,
        "confidence": 0.95,
        "seed": 5,
    } | changes
    return AuditOptions.model_validate(given | {"checks": checks | given.get("checks", {})})


def shop(seed: int = 1, **columns: Any) -> pd.DataFrame:
    """Customers in random order of ids, whose visits say something and whose rest says nothing."""
    rng = np.random.default_rng(seed)
    declined = rng.uniform(size=SIZE) < 0.4
    frame = pd.DataFrame(
        {
            "customer_id": [str(1000 + number) for number in rng.permutation(SIZE)],
            "visits": rng.normal(size=SIZE) - declined,
            "visits_now": rng.normal(size=SIZE),
            "revenue": rng.gamma(4, size=SIZE),
            "city": rng.choice(["Rome", "Oslo", "Bern"], size=SIZE),
            "declined": declined,
            "twin_group": np.arange(SIZE),
        }
    )
    return frame.assign(**columns)


def risk_of(frame: pd.DataFrame, score: Any) -> pd.DataFrame:
    return pd.DataFrame({"repeat": 0, "customer_id": frame["customer_id"], "risk": score})


@pytest.fixture
def audit(shop_registry: FeatureRegistry) -> Callable[..., pd.DataFrame]:
    """Audit a shop; the risk of every variant is a sum of the numbers that it sees."""

    def run(frame: pd.DataFrame, settings: AuditOptions | None = None, **more: Any) -> pd.DataFrame:
        def predict(registry: FeatureRegistry) -> pd.DataFrame:
            return risk_of(frame, -frame[registry.model_names("number")].sum(axis=1))

        risk = more.pop("risk", None)
        risk = predict(shop_registry) if risk is None else risk
        return audit_leaks(frame, risk, shop_registry, predict, settings or options(), **more)

    return run


def row(table: pd.DataFrame, check: str, subject: str | None = None) -> Any:
    """Return the one row of a check, or of a check and a subject."""
    found = table[table["check"] == check]
    if subject is not None:
        found = found[found["subject"] == subject]
    assert len(found) == 1
    return next(found.itertuples())


class TestJudgeRanking:
    def test_hand_computed(self) -> None:
        # Of 2 x 3 pairs the decliner is above in 4 and equal in 1.
        label = np.array([True, True, False, False, False])
        score = np.array([3.0, 1.0, 2.0, 1.0, 0.0])

        found = judge_ranking(label, score, np.arange(5), 0.95)

        assert found.value == pytest.approx(4.5 / 6)
        # Of the others a decliner outranks 1 and 1/2; of the decliners a keeper is below
        # 1/2, 3/4 and 1. Each moves the value by its distance from it / customers of its class.
        assert found.influence == pytest.approx([1 / 8, -1 / 8, -1 / 12, 0, 1 / 12])

    def test_interval_is_that_of_resampling_copies_together(self) -> None:
        rng = np.random.default_rng(3)
        label = np.repeat(rng.uniform(size=200) < 0.4, 2)
        score = np.repeat(rng.normal(size=200), 2) + label
        groups = np.repeat(np.arange(200), 2)
        found = judge_ranking(label, score, groups, 0.9)

        values = []
        for _ in range(500):
            rows = (2 * rng.integers(200, size=200)[:, None] + [0, 1]).ravel()
            resampled = judge_ranking(label[rows], score[rows], np.arange(400), 0.9)
            values.append(resampled.value)

        assert [found.low, found.high] == pytest.approx(np.quantile(values, [0.05, 0.95]), abs=0.01)
        alone = judge_ranking(label, score, np.arange(400), 0.9)
        assert found.high - found.low > 1.3 * (alone.high - alone.low)

    def test_several_repeats_give_the_mean(self) -> None:
        label = np.array([True, False, True, False])
        scores = np.array([[4.0, 3, 2, 1], [4.0, 3, 5, 1]])

        assert judge_ranking(label, scores, np.arange(4), 0.9).value == pytest.approx(0.875)

    @pytest.mark.parametrize(("free", "value"), [(False, 0.0), (True, 1.0)])
    def test_a_perfect_opposite(self, free: bool, value: float) -> None:
        label = np.array([True, True, False])
        found = judge_ranking(label, np.array([0.0, 1.0, 2.0]), np.arange(3), 0.9, free)

        assert (found.value, found.low, found.high) == (value, value, value)


class TestRankIds:
    def test_numbers_are_ordered_as_numbers(self) -> None:
        assert rank_ids(pd.Series(["10", "9", "009000", "9"])).tolist() == [1, 0, 2, 0]

    def test_one_other_id_makes_all_of_them_text(self) -> None:
        assert rank_ids(pd.Series(["10", "9", "A1"])).tolist() == [0, 1, 2]


class TestNeighbourVotes:
    def test_neighbours_of_other_folds_vote(self) -> None:
        position = np.array([0, 1, 2, 3, 4, 5])
        label = np.array([True, True, True, False, False, False])
        fold_of = np.array([0, 1, 0, 1, 0, 1])

        votes = neighbour_votes(position, label, fold_of, 2)

        # Fold 0 is judged by places 1, 3, 5 (a third declined), fold 1 by 0, 2, 4 (two thirds).
        expected = [
            1 / 2 - 1 / 3,
            1 - 2 / 3,
            1 / 2 - 1 / 3,
            1 / 2 - 2 / 3,
            0 - 1 / 3,
            1 / 2 - 2 / 3,
        ]
        assert votes == pytest.approx(expected)

    def test_more_voters_than_there_are(self) -> None:
        votes = neighbour_votes(
            np.arange(4), np.array([True, False, True, False]), np.array([0, 0, 1, 1]), 100
        )
        assert votes.tolist() == [0, 0, 0, 0]


class TestCellShares:
    def test_own_label_never_counts(self) -> None:
        cell = np.array([0, 0, 0, 1, 1, 2])
        label = np.array([True, True, False, False, False, True])
        fold_of = np.array([0, 1, 2, 0, 1, 2])

        shares = cell_shares(cell, label, fold_of)

        # Other folds: cell 0 less everybody; 1/2 of 2 less 1/2 of 4, and so on; cell 2 is alone.
        assert shares == pytest.approx([0, 0, 1 - 1 / 2, -1 / 2, -1 / 2, 0])


class TestFeatureAlone:
    def test_a_rare_category_does_not_flatter(self, shop_registry: FeatureRegistry) -> None:
        frame = shop(city=[f"city {number}" for number in range(SIZE)])
        reading, ranking = score_features(
            frame, shop_registry, np.arange(SIZE) % 3, options()
        )["city"]  # fmt: skip

        assert reading == "categories"
        assert ranking.value == 0.5

    def test_extremes_that_tell_the_label_are_found(self, shop_registry: FeatureRegistry) -> None:
        frame = shop()
        sign = np.random.default_rng(2).choice([-1, 1], SIZE)
        frame["revenue"] = np.where(frame["declined"], 3 * sign, 0.0) + frame["visits_now"] / 10
        reading, ranking = score_features(
            frame, shop_registry, np.arange(SIZE) % 3, options()
        )["revenue"]  # fmt: skip

        assert (reading, ranking.value > 0.95) == ("bands", True)

    def test_an_absence_that_tells_the_label_is_found(self, shop_registry: FeatureRegistry) -> None:
        frame = shop()
        frame.loc[frame["declined"], "revenue"] = np.nan
        frame["city"] = frame["city"].where(~frame["declined"])
        scores = score_features(frame, shop_registry, np.arange(SIZE) % 3, options())

        assert scores["revenue"][0] == "bands"
        assert scores["revenue"][1].value > 0.99
        assert scores["city"][1].value > 0.99

    def test_nothing_but_unknown_values_rank_nobody(self, shop_registry: FeatureRegistry) -> None:
        scores = score_features(
            shop(revenue=np.nan), shop_registry, np.arange(SIZE) % 3, options()
        )  # fmt: skip
        assert scores["revenue"][1].value == 0.5

    def test_lower_values_count_as_well(self, shop_registry: FeatureRegistry) -> None:
        scores = score_features(shop(), shop_registry, np.arange(SIZE) % 3, options())

        reading, ranking = scores["visits"]
        assert reading == "lower"
        assert 0.65 < ranking.low < ranking.value < ranking.high < 0.85
        assert "contact" not in scores


class TestNearTwins:
    def test_pairs_outside_groups_alone(self, shop_registry: FeatureRegistry) -> None:
        frame = shop()
        numbers = ["visits", "visits_now", "revenue"]
        for copy, original in ((5, 6), (8, 9)):
            frame.loc[copy, [*numbers, "city"]] = frame.loc[original, [*numbers, "city"]]
        frame.loc[8, "twin_group"] = frame.loc[9, "twin_group"]
        frame.loc[5, "visits"] += 1e-3

        pairs, looked_at = find_near_twins(frame, shop_registry, options(near_share=0.05))

        assert looked_at == SIZE
        assert pairs[["row", "other_row"]].to_numpy().tolist() == [[5, 6], [6, 5]]
        joined = join_near_twins(frame["twin_group"].to_numpy(), pairs)
        assert joined[5] == joined[6]
        assert joined[8] == joined[9]
        assert len(set(joined)) == SIZE - 2

    def test_another_category_is_one_unit_away(self, shop_registry: FeatureRegistry) -> None:
        frame = shop()[:2].assign(
            visits=0.0, visits_now=0.0, revenue=np.nan, city=["Rome", None], declined=[True, False]
        )
        # Two customers: the only distance is its own median.
        pairs, _ = find_near_twins(frame, shop_registry, options(near_share=0.99))
        assert pairs.empty
        frame["city"] = None
        pairs, _ = find_near_twins(frame, shop_registry, options(near_share=0.99))
        assert pairs["distance"].tolist() == [0, 0]

    def test_a_sample_is_looked_at_when_there_are_many(
        self, shop_registry: FeatureRegistry
    ) -> None:
        _, looked_at = find_near_twins(shop(), shop_registry, options(most_customers=100))
        assert looked_at == 100

    def test_everybody_in_one_group_has_nobody_outside(
        self, shop_registry: FeatureRegistry
    ) -> None:
        pairs, _ = find_near_twins(shop(twin_group=0), shop_registry, options())
        assert pairs.empty

    def test_nearest_label_comes_from_another_fold(self) -> None:
        places = np.array([[0.0], [0.1], [5.0], [9.0]])
        label = np.array([True, False, True, False])
        assert nearest_labels(places, label, np.array([0, 0, 1, 1])).tolist() == [1, 1, 0, 0]


class TestVariants:
    def test_groups_and_the_current_month(self, shop_registry: FeatureRegistry) -> None:
        found = variants(shop_registry)

        assert {name: each.model_names() for name, each in found.items()} == {
            "without on_site_behaviour": ["revenue", "city"],
            "without purchase_behaviour": ["visits", "visits_now"],
            "strictly_prior": ["visits", "revenue", "city"],
        }

    def test_none_where_nothing_would_be_left(self) -> None:
        single = {"visits": feature("on_site_behaviour", nowcast=True)}
        assert variants(FeatureRegistry.model_validate({"features": single})) == {}


class TestAudit:
    def test_an_honest_shop_passes(self, audit: Callable[..., pd.DataFrame]) -> None:
        frame = shop()
        order = frame[["customer_id"]].assign(row_number=range(1, SIZE + 1))
        folds = frame[["customer_id"]].assign(repeat=0, fold=np.arange(SIZE) % 3)

        table = audit(frame, file_order=order, folds=folds)

        assert table.columns.tolist() == COLUMNS
        assert verdict(table) == {"passed": True, "failed": [], "warned": []}
        assert not table.duplicated(["check", "subject"]).any()
        assert table["finding_ru"].str.fullmatch(r"[А-ЯR].*\.").all()
        assert table["finding_en"].str.fullmatch(r"[A-Z].*\.").all()
        assert not (table["finding_ru"] + table["finding_en"]).str.contains("[{}]").any()

    def test_ids_sorted_by_label_are_reported(self, audit: Callable[..., pd.DataFrame]) -> None:
        frame = shop()
        frame = frame.sort_values("declined", ignore_index=True)
        frame["customer_id"] = [str(number) for number in range(SIZE)]

        table = audit(frame)

        found = row(table, "order_alone")
        assert (found.subject, found.value, found.verdict) == ("customer_id", 1, "warn")
        assert verdict(table)["passed"]
        assert verdict(table)["warned"] == [
            "order_alone: customer_id",
            "order_neighbours: customer_id",
        ]

    def test_blocks_in_the_file_are_reported_though_ranks_say_nothing(
        self, audit: Callable[..., pd.DataFrame]
    ) -> None:
        frame = shop(declined=np.arange(SIZE) // 25 % 2 == 1)
        order = frame[["customer_id"]].assign(row_number=range(1, SIZE + 1))

        table = audit(frame, file_order=order)

        assert row(table, "order_alone", "row_number").verdict == "pass"
        found = row(table, "order_neighbours", "row_number")
        assert (found.verdict, found.value > 0.8) == ("warn", True)
        assert "changes 11 times" in found.finding_en
        assert row(table, "order_neighbours", "customer_id").verdict == "pass"

    def test_customers_without_a_place_are_left_out(
        self, audit: Callable[..., pd.DataFrame]
    ) -> None:
        frame = shop()
        order = frame[["customer_id"]].assign(row_number=range(1, SIZE + 1))[:200]
        assert "row_number" in set(audit(frame, file_order=order)["subject"])

    def test_a_feature_that_is_the_label_fails(self, audit: Callable[..., pd.DataFrame]) -> None:
        frame = shop()
        table = audit(frame.assign(revenue=frame["declined"] + frame["visits_now"] / 100))

        assert row(table, "feature_alone", "revenue").verdict == "fail"
        assert verdict(table) == {
            "passed": False,
            "failed": ["feature_alone: revenue"],
            "warned": [],
        }

    def test_a_score_that_is_too_good_fails(self, audit: Callable[..., pd.DataFrame]) -> None:
        frame = shop()
        table = audit(frame, risk=risk_of(frame, frame["declined"] + frame["visits_now"] / 5))

        found = row(table, "score_too_good")
        assert (found.verdict, found.limit) == ("fail", 0.97)
        assert found.value > 0.97

    def test_severity_is_a_parameter(self, audit: Callable[..., pd.DataFrame]) -> None:
        frame = shop()
        lenient = {"severity": "info", "limit": 0.6, "judged_by": "value"}
        table = audit(
            frame,
            options(checks={"score_too_good": lenient}),
            risk=risk_of(frame, frame["declined"]),
        )
        assert row(table, "score_too_good").verdict == "pass"

    def test_the_lower_end_is_compared_where_it_is_asked_for(
        self, audit: Callable[..., pd.DataFrame]
    ) -> None:
        frame = shop()
        risk = risk_of(frame, -frame["visits"])
        rule = {"severity": "fail", "limit": 0.74}
        verdicts = []
        for bound in ("value", "low"):
            checks = {"score_too_good": rule | {"judged_by": bound}}
            found = row(audit(frame, options(checks=checks), risk=risk), "score_too_good")
            verdicts.append((found.low < 0.74 < found.value, found.verdict))

        assert verdicts == [(True, "fail"), (True, "pass")]

    def test_variants_stand_beside_the_model(self, audit: Callable[..., pd.DataFrame]) -> None:
        table = audit(shop())

        scores = table[table["check"] == "variant_score"].set_index("subject")["value"]
        assert scores.index.tolist() == [
            "all features",
            "without on_site_behaviour",
            "without purchase_behaviour",
            "strictly_prior",
        ]
        loss = row(table, "group_loss", "without on_site_behaviour")
        assert loss.value == pytest.approx(scores.iloc[0] - scores.iloc[1])
        assert 0 < loss.low < loss.value < loss.high
        assert "is lower by 0." in loss.finding_en
        gain = row(table, "group_loss", "without purchase_behaviour")
        assert gain.value < 0
        assert "is higher by 0." in gain.finding_en

    def test_a_score_of_the_current_month_alone_is_reported(
        self, audit: Callable[..., pd.DataFrame]
    ) -> None:
        frame = shop()
        table = audit(frame.assign(visits_now=-6.0 * frame["declined"] + frame["visits_now"]))

        found = row(table, "nowcast_loss")
        assert (found.subject, found.verdict) == ("strictly_prior", "warn")
        assert found.low > 0.05

    def test_variants_of_other_repeats_are_no_comparison(
        self, shop_registry: FeatureRegistry
    ) -> None:
        frame = shop()
        risk = risk_of(frame, frame["visits"])
        with pytest.raises(ValueError, match=r"must be predicted in the repeats \[0\]"):
            audit_leaks(
                frame, risk, shop_registry, lambda _: risk.assign(repeat=1), options()
            )  # fmt: skip

    def test_copies(self, audit: Callable[..., pd.DataFrame]) -> None:
        # Three groups: two with both labels, one of three with one label.
        groups = np.arange(SIZE)
        groups[[1, 3, 5, 6]] = [0, 2, 4, 4]
        frame = shop(twin_group=groups)
        frame.loc[:6, "declined"] = [True, False, True, False, True, True, True]
        folds = frame[["customer_id"]].assign(repeat=0, fold=0)
        folds = pd.concat([folds, folds.assign(repeat=1)], ignore_index=True)
        folds.loc[[0, SIZE + 0, 3], "fold"] = 1

        table = audit(frame, folds=folds)

        agree = row(table, "twins")
        assert agree.value == pytest.approx(3 / 5)
        assert "Groups of copies: 3, with 7 customers" in agree.finding_en
        # The first group is split in both repeats, the second in one.
        split = row(table, "twins_across_folds")
        assert (split.value, split.limit, split.verdict) == (2, 0, "fail")

    def test_no_copies(self, audit: Callable[..., pd.DataFrame]) -> None:
        assert row(audit(shop()), "twins").finding_en.startswith("No copies")

    def test_copies_that_nobody_grouped_are_reported(
        self, audit: Callable[..., pd.DataFrame]
    ) -> None:
        frame = shop()
        copies = frame[:20].assign(customer_id=[f"9{number}" for number in range(20)])
        frame = pd.concat([frame, copies], ignore_index=True)
        frame["twin_group"] = np.arange(len(frame))

        alone = audit(frame)
        found = row(alone, "near_twins")
        assert (found.value, found.verdict) == (40 / 320, "warn")
        assert found.finding_en.count("≈") == 2

        frame.loc[SIZE:, "twin_group"] = np.arange(20)
        together = audit(frame)
        assert row(together, "near_twins").verdict == "pass"
        assert row(together, "nearest_customer").low > 0
        assert row(alone, "nearest_customer").value == 0

    def test_several_cutoffs(self, audit: Callable[..., pd.DataFrame]) -> None:
        # The same customers twice; by the latest cutoff the label follows the id.
        late = shop().sort_values("customer_id", ignore_index=True)
        early = late.assign(cutoff=pd.Timestamp("2021-01-01"))
        late = late.assign(cutoff=pd.Timestamp("2021-03-01"), declined=np.arange(SIZE) > 150)
        pooled = pd.concat([late, early], ignore_index=True)

        table = audit(late, risk=risk_of(late, -late["visits"]))
        assert row(table, "order_alone").value == 1

        registry = FeatureRegistry.model_validate(
            {"features": {"visits": feature("on_site_behaviour")}}
        )
        risk = risk_of(late, -late["visits"])
        table = audit_leaks(pooled, risk, registry, lambda _: risk, options(), judged=late)
        assert row(table, "order_alone").value == 1
        assert row(table, "twins").finding_en.startswith("No copies")

    @pytest.mark.parametrize(
        ("changed", "later_lines", "expected", "sentence"),
        [
            ({}, 40, "pass", "With 40 lines after 2021-03-01 00:00:00 changed, this many"),
            ({"revenue": 3}, 40, "fail", "1 of 5 (for example revenue)."),
            ({}, 0, "warn", "There are no lines after 2021-03-01 00:00:00"),
        ],
    )
    def test_future(
        self,
        audit: Callable[..., pd.DataFrame],
        changed: dict[str, int],
        later_lines: int,
        expected: str,
        sentence: str,
    ) -> None:
        future = {
            "cutoff": "2021-03-01T00:00:00",
            "later_lines": later_lines,
            "customers": 9,
            "features": 5,
            "changed": changed,
        }
        found = row(audit(shop(), future=future), "future_shift")

        assert found.verdict == expected
        assert sentence in found.finding_en

    def test_small_class_is_audited_in_as_many_folds_as_it_fills(
        self, audit: Callable[..., pd.DataFrame]
    ) -> None:
        assert len(audit(shop(declined=np.arange(SIZE) < 2)))

    def test_too_few_of_a_class(self, audit: Callable[..., pd.DataFrame]) -> None:
        with pytest.raises(InputError, match=r"leak audit needs 2 folds: 1 customer"):
            audit(shop(declined=np.arange(SIZE) < 1))

    def test_two_runs_are_equal(self, audit: Callable[..., pd.DataFrame]) -> None:
        pd.testing.assert_frame_equal(audit(shop()), audit(shop()))


class TestOptions:
    @pytest.mark.parametrize(
        "changes",
        [
            {"neighbours": 3},
            {"folds": 1},
            {"near_share": 1.0},
            {"checks": {"feature_alone": {"severity": "fail", "limit": 1.1, "judged_by": "low"}}},
            {"checks": {"near_twins": {"severity": "alarm", "limit": 0.1}}},
            {"checks": {"twins": {"severity": "info", "limit": 0.1}}},
        ],
    )
    def test_impossible_values_are_refused(self, changes: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            options(**changes)

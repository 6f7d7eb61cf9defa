import ibis
import pandas as pd
import pytest

from personal_offers.pipelines.segmentation.drivers import drivers_by_segment

SEGMENTS = ibis.memtable(
    pd.DataFrame(
        {
            "customer_id": ["a", "b", "c", "d", "e"],
            "segment": ["loyal", "loyal", "leaving", None, "leaving"],
            "decline_risk": [0.1, 0.2, 0.8, 0.5, 0.7],
        }
    )
)


def contributions(
    rows: list[tuple[str, str, float | None]], not_sampled: tuple[str, ...] = ()
) -> ibis.Table:
    frame = pd.DataFrame(rows, columns=["customer_id", "feature", "contribution"])
    return ibis.memtable(frame.assign(sampled=~frame["customer_id"].isin(not_sampled)))


def test_means_within_segments_are_ranked_by_size() -> None:
    found = drivers_by_segment(
        contributions(
            [
                ("a", "pages", -0.2),
                ("a", "minutes", 0.1),
                ("b", "pages", -0.1),
                ("b", "minutes", -0.1),
                ("c", "pages", 0.1),
                ("c", "minutes", 0.3),
                ("d", "pages", 0.9),  # without a segment
                ("f", "pages", 0.9),  # unknown to the segments
            ]
        ),
        SEGMENTS,
    )
    expected = [
        ("leaving", "minutes", 0.3, 0.3, 1, 1),
        ("leaving", "pages", 0.1, 0.1, 1, 2),
        ("loyal", "pages", -0.15, 0.15, 2, 1),
        ("loyal", "minutes", 0.0, 0.1, 2, 2),
    ]
    columns = ["segment", "feature", "mean_contribution", "mean_abs", "customers", "rank"]
    assert list(found.columns) == columns
    for row, (segment, feature, mean, size, customers, rank) in zip(
        found.itertuples(index=False), expected, strict=True
    ):
        assert (row.segment, row.feature) == (segment, feature)
        assert row.mean_contribution == pytest.approx(mean)
        assert row.mean_abs == pytest.approx(size)
        assert (row.customers, row.rank) == (customers, rank)


def test_equals_are_ordered_by_name_and_nulls_do_not_count() -> None:
    found = drivers_by_segment(
        contributions(
            [
                ("a", "pages", 0.1),
                ("a", "minutes", -0.1),
                ("b", "pages", None),
                ("b", "minutes", None),
            ]
        ),
        SEGMENTS,
    )
    assert found["feature"].to_list() == ["minutes", "pages"]
    assert found["customers"].to_list() == [1, 1]


def test_only_the_random_sample_speaks_for_its_segment() -> None:
    # Given a customer who is explained because of a high risk, and not by chance
    rows: list[tuple[str, str, float | None]] = [("a", "pages", 0.1), ("b", "pages", 0.9)]

    (found,) = drivers_by_segment(contributions(rows, not_sampled=("b",)), SEGMENTS).itertuples()

    assert (found.customers, found.mean_contribution) == (1, pytest.approx(0.1))


def test_a_segment_of_nobody_sampled_has_no_rows() -> None:
    rows: list[tuple[str, str, float | None]] = [("a", "pages", 0.1), ("c", "pages", 0.9)]

    found = drivers_by_segment(contributions(rows, not_sampled=("c",)), SEGMENTS)

    assert found["segment"].to_list() == ["loyal"]


def test_no_contributions_give_an_empty_table() -> None:
    nothing = contributions([("z", "pages", 0.1)])
    assert drivers_by_segment(nothing, SEGMENTS).empty

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from personal_offers.pipelines.modelling.folds import (
    group_histories,
    group_twins,
    shortage,
    sort_by_content,
    split_groups,
)


class TestSortByContent:
    def test_rows_follow_their_values_and_missing_ones_come_last(self) -> None:
        frame = pd.DataFrame(
            {"customer_id": ["1", "2", "3", "4"], "x": [2.0, np.nan, 1.0, 2.0], "y": [9, 8, 7, 6]}
        )

        found = sort_by_content(frame, ["x", "y"])

        expected = pd.DataFrame(
            {"customer_id": ["3", "4", "1", "2"], "x": [1.0, 2.0, 2.0, np.nan], "y": [7, 6, 9, 8]}
        )
        assert_frame_equal(found, expected)

    def test_input_is_left_as_it_was(self) -> None:
        frame = pd.DataFrame({"x": [3, 1, 2]}, index=[7, 8, 9])
        before = frame.copy()

        sort_by_content(frame, ["x"])

        assert_frame_equal(frame, before)

    @settings(max_examples=50, deadline=None)
    @given(
        values=st.lists(
            st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", None])), max_size=20
        ),
        seed=st.integers(0, 100),
    )
    def test_order_of_rows_does_not_matter(
        self, values: list[tuple[int, str | None]], seed: int
    ) -> None:
        frame = pd.DataFrame(values, columns=["number", "word"])
        shuffled = frame.sample(frac=1, random_state=seed)

        assert_frame_equal(
            sort_by_content(frame, ["number", "word"]),
            sort_by_content(shuffled, ["number", "word"]),
        )


class TestGroupTwins:
    def test_copies_share_a_number_and_others_do_not(self) -> None:
        frame = pd.DataFrame({"x": [1.0, 2.0, 1.0, 1.0], "y": [5.0, 5.0, 5.0, 6.0]})

        assert group_twins(frame, ["x", "y"]).tolist() == [0, 1, 0, 2]

    def test_missing_values_agree_with_missing_values(self) -> None:
        # Given copies whose second value was set missing in both
        frame = pd.DataFrame({"x": [1.0, 1.0, 1.0], "y": [np.nan, np.nan, 5.0]})

        assert group_twins(frame, ["x", "y"]).tolist() == [0, 0, 1]

    def test_customers_with_nothing_to_compare_are_nobodys_copies(self) -> None:
        frame = pd.DataFrame({"x": [np.nan, 1.0, np.nan, 1.0], "y": [np.nan, 2.0, np.nan, 2.0]})

        assert group_twins(frame, ["x", "y"]).tolist() == [0, 1, 2, 1]

    def test_numbers_have_no_gap(self) -> None:
        frame = pd.DataFrame({"x": [4.0, np.nan, 4.0, np.nan, 3.0, 4.0]})

        groups = group_twins(frame, ["x"])

        assert sorted(set(groups.tolist())) == list(range(4))
        assert groups.dtype == np.int64


def histories(rows: list[tuple[str, int, float]]) -> pd.DataFrame:
    """Return customer_id, cutoff (number of the month) and one value to compare."""
    frame = pd.DataFrame(rows, columns=["customer_id", "cutoff", "x"])
    return frame.assign(cutoff=pd.to_datetime(frame["cutoff"].map("2011-{:02d}-01".format)))


class TestGroupHistories:
    def test_rows_of_a_customer_hang_together_and_others_do_not(self) -> None:
        frame = histories([("a", 1, 5.0), ("b", 1, 6.0), ("a", 2, 7.0), ("c", 2, 8.0)])

        assert group_histories(frame, ["x"]).tolist() == [0, 1, 0, 2]

    def test_copies_are_found_within_a_cutoff_only(self) -> None:
        # Given a who is what b was a month before, and d who is what c is now
        frame = histories([("a", 2, 5.0), ("b", 1, 5.0), ("c", 2, 9.0), ("d", 2, 9.0)])

        assert group_histories(frame, ["x"]).tolist() == [0, 1, 2, 2]

    def test_a_chain_of_customers_and_copies_is_one_group(self) -> None:
        # Given a who is b's copy in January, b who is c's in February, c who is d's in March
        frame = histories(
            [
                ("a", 1, 1.0), ("b", 1, 1.0),
                ("b", 2, 2.0), ("c", 2, 2.0),
                ("c", 3, 3.0), ("d", 3, 3.0),
                ("e", 3, 4.0),
            ]
        )  # fmt: skip

        assert group_histories(frame, ["x"]).tolist() == [0, 0, 0, 0, 0, 0, 1]

    def test_customers_with_nothing_to_compare_are_nobodys_copies(self) -> None:
        frame = histories([("a", 1, np.nan), ("b", 1, np.nan), ("a", 2, 1.0), ("c", 2, 1.0)])

        assert group_histories(frame, ["x"]).tolist() == [0, 1, 0, 0]

    def test_missing_values_agree_with_missing_values(self) -> None:
        frame = histories([("a", 1, 3.0), ("b", 1, 3.0), ("c", 1, 3.0)]).assign(
            y=[np.nan, np.nan, 5.0]
        )

        assert group_histories(frame, ["x", "y"]).tolist() == [0, 0, 1]

    def test_nobody(self) -> None:
        groups = group_histories(histories([]), ["x"])

        assert groups.shape == (0,)
        assert groups.dtype == np.int64

    @settings(max_examples=50, deadline=None)
    @given(
        rows=st.lists(
            st.tuples(st.sampled_from("abcdef"), st.integers(1, 3), st.integers(0, 3)),
            max_size=12,
            unique_by=lambda row: row[:2],
        ),
        seed=st.integers(0, 20),
    )
    def test_groups_are_the_same_whatever_the_order(
        self, rows: list[tuple[str, int, float]], seed: int
    ) -> None:
        # Given rows in two orders
        frame = histories(rows)
        shuffled = frame.sample(frac=1, random_state=seed) if rows else frame

        # When
        found = group_histories(frame, ["x"])
        again = pd.Series(group_histories(shuffled, ["x"]), index=shuffled.index)

        # Then numbers differ at most, and have no gap; no customer and no copies are parted
        pairs = pd.DataFrame({"one": found, "other": again.sort_index().to_numpy()})
        assert len(pairs.drop_duplicates()) == pairs["one"].nunique() == pairs["other"].nunique()
        assert sorted(set(found.tolist())) == list(range(len(set(found.tolist()))))
        together = frame.assign(group=found)
        for key in (["customer_id"], ["cutoff", "x"]):
            cells = together[[*key, "group"]].drop_duplicates()
            assert not cells.duplicated(key).any()


class TestShortage:
    @pytest.mark.parametrize("value", [True, False])
    def test_one_class_is_nothing_to_learn_from(self, value: bool) -> None:
        found = shortage(np.full(40, value), np.arange(40), 5, 3)

        assert found is not None
        assert found["en"] == ("the label has one class only (40 customers): nothing to learn from")
        assert "одно значение" in found["ru"] and "40" in found["ru"]

    @pytest.mark.parametrize(("declined", "enough"), [(5, True), (4, False)])
    def test_where_a_later_moment_is_the_test_only_the_search_deals(
        self, declined: int, enough: bool
    ) -> None:
        label = np.arange(60) < declined

        found = shortage(label, np.arange(60), None, 3)

        assert (found is None) == enough
        if found:
            assert "modelling.search.folds" in found["en"]
            assert "modelling.folds" not in found["en"] + found["ru"]

    def test_nobody_has_a_label(self) -> None:
        found = shortage(np.empty(0, dtype=bool), np.empty(0, dtype=np.int64), 5, 3)

        assert found is not None
        assert found["en"] == "no customer has an activity label"
        assert "метки" in found["ru"]

    @pytest.mark.parametrize(
        ("count", "folds", "inner_folds"),
        [
            (4, 5, 3),  # fewer than outer folds
            (5, 5, 5),  # each training part has four of them for five inner folds
            (3, 3, 3),  # likewise
            (6, 5, 3),  # two for a support vector machine, which deals them into three parts
        ],
    )
    @pytest.mark.parametrize("rare", [True, False])
    def test_too_few_says_of_which_class_and_what_to_change(
        self, count: int, folds: int, inner_folds: int, rare: bool
    ) -> None:
        label = np.arange(60) < count

        found = shortage(label if rare else ~label, np.arange(60), folds, inner_folds)

        assert found is not None
        kind = "declined" if rare else "kept"
        assert found["en"].startswith(f"{count} customer(s) labelled {kind} are too few")
        for text in found.values():
            assert f"{folds} " in text and f"{inner_folds} " in text
            assert "modelling.folds" in text
        assert f"клиентов {'снизившихся' if rare else 'прежних'} {count}" in found["ru"]

    def test_copies_count_once(self) -> None:
        # Given twenty decliners who are all copies of one
        label = np.arange(60) < 20
        groups = np.maximum(np.arange(60) - 19, 0)

        found = shortage(label, groups, 2, 2)

        assert found is not None
        assert found["en"].startswith("1 customer(s) labelled declined")

    @pytest.mark.parametrize("folds", [2, 3, 5, 10])
    @pytest.mark.parametrize("inner_folds", [2, 3, 5])
    @pytest.mark.parametrize("rare", [True, False])
    def test_just_enough_is_enough_for_every_fit_of_every_repeat(
        self, folds: int, inner_folds: int, rare: bool
    ) -> None:
        # Given the fewest of a class with which nothing is lacking
        def labelled(count: int) -> np.ndarray:
            label = np.arange(120) < count
            return label if rare else ~label

        groups = np.arange(120)
        fewest = next(
            count for count in range(1, 61)
            if shortage(labelled(count), groups, folds, inner_folds) is None
        )  # fmt: skip
        label = labelled(fewest)

        # When / Then each training part can be dealt again, and each part of that holds three of
        # either class, which support vectors need
        for seed in range(3):
            fold = split_groups(label, groups, folds, seed)
            for outer in range(folds):
                training = label[fold != outer]
                inner = split_groups(training, np.arange(len(training)), inner_folds, seed)
                for part in range(inner_folds):
                    learned = training[inner != part]
                    assert 3 <= learned.sum() <= len(learned) - 3
        # And one less is too few for some of them
        assert shortage(labelled(fewest - 1), groups, folds, inner_folds) is not None


# Group sizes and the labels of the members: twins may contradict each other.
GROUPS = st.lists(st.lists(st.booleans(), min_size=1, max_size=3), min_size=0, max_size=25)


class TestSplitGroups:
    @settings(max_examples=150, deadline=None)
    @given(groups=GROUPS, folds=st.integers(2, 5), seed=st.integers(0, 50))
    def test_folds_are_total_stratified_and_keep_groups_whole(
        self, groups: list[list[bool]], folds: int, seed: int
    ) -> None:
        # Given enough groups of each kind
        groups = [*groups, *([[True]] * folds), *([[False, False]] * folds)]
        label = np.array([value for group in groups for value in group])
        number = np.repeat(np.arange(len(groups)), [len(group) for group in groups])

        # When
        fold = split_groups(label, number, folds, seed)

        # Then every customer is in one fold, and a group is in one fold
        assert set(fold.tolist()) == set(range(folds))
        pairs = pd.DataFrame({"group": number, "fold": fold}).drop_duplicates()
        assert len(pairs) == len(groups)
        # And groups with a decliner are dealt as evenly as they can be, so are the others
        any_declined = np.array([any(group) for group in groups])
        fold_of_group = pairs.set_index("group")["fold"].sort_index().to_numpy()
        for kind in (True, False):
            counts = np.bincount(fold_of_group[any_declined == kind], minlength=folds)
            assert counts.max() - counts.min() <= 1

    def test_seed_decides(self) -> None:
        label = np.arange(60) % 3 == 0
        groups = np.arange(60)

        first = split_groups(label, groups, 3, seed=1)

        np.testing.assert_array_equal(first, split_groups(label, groups, 3, seed=1))
        assert (first != split_groups(label, groups, 3, seed=2)).any()

    def test_folds_are_shuffled(self) -> None:
        # Given customers in content order, which is never the order of folds
        fold = split_groups(np.arange(60) % 2 == 0, np.arange(60), 3, seed=1)

        assert (np.diff(fold) < 0).any()

    @pytest.mark.parametrize(
        ("label", "message"),
        [
            ([True, True, False, False, False], r"2 customer\(s\) labelled declined are too few"),
            ([True, True, True, False, False], r"2 customer\(s\) labelled kept are too few"),
            ([True, True, True, True, True], r"0 customer\(s\) labelled kept are too few"),
        ],
    )
    def test_too_few_of_one_class_says_which(self, label: list[bool], message: str) -> None:
        with pytest.raises(ValueError, match=message + " for 3 folds"):
            split_groups(np.array(label), np.arange(5), 3, seed=1)

    def test_twins_count_once(self) -> None:
        # Given four decliners, of whom three are copies of each other
        label = np.array([True, True, True, True, False, False, False])
        groups = np.array([0, 0, 0, 1, 2, 3, 4])

        with pytest.raises(ValueError, match=r"2 customer\(s\) labelled declined"):
            split_groups(label, groups, 3, seed=1)

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from personal_offers.pipelines.modelling.folds import group_twins, sort_by_content, split_groups


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

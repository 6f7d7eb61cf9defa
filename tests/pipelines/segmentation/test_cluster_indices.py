import math

import numpy as np
import pytest

from personal_offers.pipelines.segmentation.cluster_indices import (
    agreement,
    separation,
    shares,
    silhouettes,
    stability_of,
)

PAIRS = np.array([[0.0], [1.0], [10.0], [11.0]])
TWO = np.array([0, 0, 1, 1])


def test_silhouette_by_hand() -> None:
    # Of 0: a = 1, b = (10 + 11) / 2; of 1: a = 1, b = (9 + 10) / 2; the other two mirror them.
    wanted = ((10.5 - 1) / 10.5 + (9.5 - 1) / 9.5) / 2

    assert silhouettes(PAIRS, [TWO]) == [pytest.approx(wanted)]


def test_silhouette_of_one_alone_is_zero_and_of_one_cluster_unknown() -> None:
    alone = np.array([0, 0, 0, 1])

    found = silhouettes(PAIRS, [alone, np.zeros(4, dtype=np.int64)])

    # Of 0: a = (1 + 10) / 2, b = 11; of 1: a = 5, b = 10; of 10: a = 9.5, b = 1.
    assert found[0] == pytest.approx(((11 - 5.5) / 11 + (10 - 5) / 10 + (1 - 9.5) / 9.5 + 0) / 4)
    assert math.isnan(found[1])


def test_silhouettes_are_those_of_scikit_learn_over_several_steps() -> None:
    from sklearn.metrics import silhouette_score

    rng = np.random.default_rng(1)
    places = rng.normal(size=(2300, 3))  # more rows than one step takes
    labellings = [rng.integers(0, 4, 2300), (places[:, 0] > 0).astype(np.int64) * 3]

    wanted = [silhouette_score(places, labels) for labels in labellings]

    assert silhouettes(places, labellings) == pytest.approx(wanted)


def test_copies_of_one_customer_in_two_clusters_have_no_silhouette() -> None:
    assert silhouettes(np.zeros((4, 2)), [TWO]) == [0.0]


def test_separation_by_hand_and_unknown_where_it_means_nothing() -> None:
    found = separation(PAIRS, TWO)

    # Between: 4 x 5^2 = 100 on one degree; within: 4 x 0.5^2 = 1 on two.
    assert found["calinski_harabasz"] == pytest.approx(100 / (1 / 2))
    assert found["davies_bouldin"] == pytest.approx((0.5 + 0.5) / 10)
    for labels in (np.zeros(4, dtype=np.int64), np.arange(4)):
        assert all(math.isnan(value) for value in separation(PAIRS, labels).values())


def test_agreement_does_not_care_for_names_of_clusters() -> None:
    assert agreement(TWO, 1 - TWO) == 1
    assert agreement(TWO, np.array([0, 1, 0, 1])) < 0


def test_stability_is_the_mean_and_the_range_of_resamples() -> None:
    found = stability_of([0.5, 0.6, 0.7, 0.8, 0.9], 0.8)

    assert found["stability"] == pytest.approx(0.7)
    assert found["stability_low"] == pytest.approx(0.54)
    assert found["stability_high"] == pytest.approx(0.86)


def test_empty_cluster_has_a_share_of_zero() -> None:
    assert shares(np.array([0, 0, 2, 0]), 3).tolist() == [0.75, 0, 0.25]

import json
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from personal_offers.errors import InputError
from personal_offers.pipelines.segmentation.cluster_choice import choose
from personal_offers.pipelines.segmentation.cluster_fit import fit_clusters
from personal_offers.pipelines.segmentation.cluster_methods import cut_tree
from personal_offers.pipelines.segmentation.cluster_transform import assign_clusters

from .test_cluster_params import options

FEATURES = {"x": "none", "y": "none"}


def blobs(per_blob: int = 60, far: float = 10.0, seed: int = 1) -> pd.DataFrame:
    """Four round groups on a square; money 400, 300, 200 and 100 by group."""
    rng = np.random.default_rng(seed)
    corners = np.array([[0, 0], [0, far], [far, 0], [far, far]]).repeat(per_blob, axis=0)
    places = corners + rng.normal(size=corners.shape)
    ids = [f"{number:05}" for number in range(len(places))]
    return pd.DataFrame(
        {
            "customer_id": ids,
            "x": places[:, 0],
            "y": places[:, 1],
            "money": np.repeat([400.0, 300.0, 200.0, 100.0], per_blob),
        }
    )


def fit(table: pd.DataFrame, **changes: Any) -> tuple[Any, ...]:
    asked = options(**{"features": FEATURES, "order_by": "money"} | changes)
    return fit_clusters(ibis.memtable(table), asked)


def labels(table: pd.DataFrame, model: dict[str, Any], noise: pd.DataFrame) -> pd.DataFrame:
    return assign_clusters(ibis.memtable(table), model, noise).to_pandas()


@pytest.fixture(scope="module")
def fitted() -> tuple[Any, ...]:
    return fit(blobs())


class TestChoice:
    def test_four_groups_are_found_and_named_by_money(self, fitted: tuple[Any, ...]) -> None:
        model, candidates, choice, noise = fitted

        found = labels(blobs(), model, noise)

        assert choice["number"] == 4
        assert choice["rule"] == "limits"
        assert found["cluster"].tolist() == np.repeat([1, 2, 3, 4], 60).tolist()
        assert model["order_means"] == [400, 300, 200, 100]
        assert candidates["chosen"].sum() == 1
        chosen = candidates[candidates["chosen"]].iloc[0]
        assert chosen["stability"] == 1
        assert chosen["smallest_share"] == 0.25

    def test_table_has_every_candidate_and_says_what_each_misses(
        self, fitted: tuple[Any, ...]
    ) -> None:
        candidates = fitted[1]

        by_method = candidates.groupby("method")["number"].apply(list).to_dict()
        assert by_method == {
            "kmeans": [3, 4, 5],
            "gaussian_mixture": [3, 4, 5],
            "ward": [3, 4, 5],
            "hdbscan": [4],
        }
        assert candidates.set_index("method")["bic"].notna().groupby("method").all().to_dict() == {
            "kmeans": False,
            "gaussian_mixture": True,
            "ward": False,
            "hdbscan": False,
        }
        limits = {"stability": 0.8, "silhouette": 0.3, "smallest_share": 0.05}
        for name, least in limits.items():
            missed = candidates["why_not"].str.contains(name)
            assert missed.equals(candidates[name] < least)
        assert (candidates["why_not"] != "").any()
        assert (candidates["passes"] == (candidates["why_not"] == "")).all()
        assert candidates["mean_place"].notna().equals(candidates["passes"])

    def test_reason_is_a_sentence_with_the_figures_in_both_languages(
        self, fitted: tuple[Any, ...]
    ) -> None:
        reason = fitted[2]["reason"]

        for text in reason.values():
            assert text.endswith(".")
            assert "nan" not in text
        assert "4 clusters" in reason["en"]
        assert "adjusted Rand index of 1.00" in reason["en"]
        assert "число кластеров: 4" in reason["ru"]
        assert "1,00" in reason["ru"]

    def test_where_nothing_passes_the_most_stable_stands_with_a_caution(self) -> None:
        rng = np.random.default_rng(2)
        cloud = blobs().assign(x=rng.normal(size=240), y=rng.normal(size=240))

        _, candidates, choice, _ = fit(cloud, methods=["kmeans", "ward"])

        assert choice["rule"] == "most_stable"
        assert not candidates["passes"].any()
        chosen = candidates[candidates["chosen"]].iloc[0]
        assert chosen["stability"] == candidates["stability"].max()
        assert choice["reason"]["en"].startswith("None of 6 candidates reaches the limits")
        assert choice["reason"]["ru"].startswith("Ни один из вариантов (6)")

    def test_parameters_fix_method_and_number(self) -> None:
        model, candidates, choice, _ = fit(blobs(), method="ward", number=2)

        assert candidates[["method", "number"]].to_numpy().tolist() == [["ward", 2]]
        assert choice["rule"] == "fixed"
        assert choice["reason"]["en"].startswith("The parameters leave one candidate: Ward's")
        assert len(model["clusters"]) == 2

    def test_fixed_number_leaves_the_method_to_the_rule(self) -> None:
        _, candidates, choice, _ = fit(blobs(), number=5, methods=["kmeans", "hdbscan"])

        assert choice["number"] == 5
        assert candidates["why_not"].iloc[-1] == "number"  # HDBSCAN finds four

    def test_an_index_that_one_candidate_has_alone_gives_no_advantage(self) -> None:
        same = {
            "group_share": np.nan,
            "number": 3,
            "silhouette": 0.5,
            "calinski_harabasz": 9.0,
            "davies_bouldin": 0.9,
            "stability_low": 0.8,
            "stability_high": 1.0,
            "smallest_share": 0.2,
            "noise_share": np.nan,
        }
        rows = [
            {"method": "kmeans", "bic": np.nan, "stability": 0.95} | same,
            {"method": "gaussian_mixture", "bic": 1.0, "stability": 0.94} | same,
        ]

        table = choose(rows, options())

        # Three ties in the middle; stability 0.25 against 0.75; the lone BIC is in the middle.
        assert table["mean_place"].tolist() == [pytest.approx(0.4375), pytest.approx(0.55)]
        assert table["chosen"].tolist() == [True, False]


class TestSameEverywhere:
    def test_assigning_the_training_customers_again_gives_the_same_labels(self) -> None:
        table = blobs(far=3.0)
        for method in ("kmeans", "gaussian_mixture", "ward"):
            model, candidates, _, noise = fit(table, method=method, number=4)

            found = labels(table, json.loads(json.dumps(model)), noise)

            share = found["cluster"].value_counts(normalize=True).min()
            assert candidates["smallest_share"].item() == pytest.approx(share, abs=1e-6)

    def test_order_of_rows_changes_nothing(self, fitted: tuple[Any, ...]) -> None:
        model, candidates, choice, noise = fit(blobs().sample(frac=1, random_state=5))

        assert model == fitted[0]
        assert_frame_equal(candidates, fitted[1])
        assert choice == fitted[2]
        assert_frame_equal(noise, fitted[3])

    def test_number_of_threads_changes_nothing(self) -> None:
        from threadpoolctl import threadpool_limits

        table, few = blobs(far=3.0), {"methods": ["kmeans", "gaussian_mixture"]}
        with threadpool_limits(limits=1):
            alone = fit(table, **few)
        with threadpool_limits(limits=4):
            together = fit(table, **few)

        assert alone[0] == together[0]
        assert_frame_equal(alone[1], together[1])

    def test_ids_follow_money_of_everyone_and_ties_the_centre(self) -> None:
        table = blobs().assign(money=1.0)

        model, *_ = fit(table, method="kmeans", number=4)

        centres = [each["centre"] for each in model["clusters"]]
        assert centres == sorted(centres, reverse=True)

    def test_few_customers_far_away_are_assigned_like_everyone(self) -> None:
        table = blobs()
        table.loc[0, ["x", "y"]] = [1e6, 1e6]

        model, _, _, noise = fit(table, method="kmeans", number=4, winsorise=0.01)
        found = labels(table, model, noise)

        assert len(found) == len(table)
        assert found["cluster"].iloc[1:].tolist() == np.repeat([1, 2, 3, 4], 60)[1:].tolist()
        assert found["cluster"].iloc[0] == 4  # the corner that it is nearest to


class TestNoise:
    def test_hdbscan_noise_goes_to_the_nearest_cluster_and_is_marked(self) -> None:
        table = blobs()
        table.loc[len(table)] = ["between", 5.0, 4.0, 0.0]

        model, candidates, choice, noise = fit(table, method="hdbscan", group_shares=[0.1])
        found = labels(table, model, noise).set_index("customer_id")

        assert choice["number"] == 4
        assert "between" in noise["customer_id"].tolist()
        assert found.loc["between", "noise"]
        assert found["cluster"].between(1, 4).all()
        assert found["noise"].mean() == pytest.approx(candidates["noise_share"].iloc[0], abs=1e-6)
        assert any("no dense group" in note["en"] for note in choice["notes"])

    def test_fixed_number_that_hdbscan_does_not_find_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"7 clusters are asked for, but HDBSCAN finds 4"):
            fit(blobs(), method="hdbscan", number=7)

    def test_no_dense_group_is_one_cluster_with_the_reason(self) -> None:
        rng = np.random.default_rng(3)
        cloud = blobs().assign(x=rng.normal(size=240), y=rng.normal(size=240))

        model, candidates, choice, noise = fit(cloud, method="hdbscan", group_shares=[0.3])

        assert choice["number"] == 1
        assert choice["reason"]["en"].startswith("HDBSCAN found no two dense groups")
        assert candidates.empty
        assert noise.empty
        assert len(model["clusters"]) == 1


class TestBadInput:
    def test_constant_feature_is_left_out_with_a_note(self) -> None:
        model, _, choice, _ = fit(
            blobs().assign(same=7.0, nothing=None),
            features=FEATURES | {"same": "log1p", "nothing": "none"},
            methods=["kmeans"],
        )

        assert [each["feature"] for each in model["features"]] == ["x", "y"]
        assert [note["en"].split(",")[0] for note in choice["notes"]] == [
            "same: all customers have the same value",
            "nothing: unknown for all customers",
        ]
        assert choice["number"] == 4

    def test_what_nobody_has_above_zero_is_said_so(self) -> None:
        table = blobs()
        below = table.assign(owed=-table["x"].abs() - 1)

        _, _, choice, _ = fit(below, features=FEATURES | {"owed": "log1p"}, methods=["kmeans"])

        assert choice["notes"][0]["en"].startswith("owed: above zero for no customer")
        assert choice["notes"][0]["ru"].startswith("owed: ни у одного клиента не выше нуля")

    def test_all_customers_alike_are_one_cluster(self) -> None:
        alike = blobs().assign(x=1.0, y=2.0)

        model, candidates, choice, noise = fit(alike)

        assert choice["number"] == 1
        assert choice["rule"] == "one_cluster"
        assert choice["reason"]["en"].startswith("All customers are alike")
        assert candidates.empty
        assert "chosen" in candidates
        assert labels(alike, model, noise)["cluster"].tolist() == [1] * 240

    def test_few_customers_are_one_cluster(self) -> None:
        model, _, choice, _ = fit(blobs(per_blob=4))

        assert len(model["clusters"]) == 1
        assert "There are 16 customers, fewer than 20" in choice["reason"]["en"]
        assert "Клиентов 16, меньше 20" in choice["reason"]["ru"]

    def test_no_customers_are_one_empty_cluster(self) -> None:
        nobody = ibis.memtable(
            pd.DataFrame({"customer_id": ["a"], "x": [1.0], "y": [1.0], "money": [1.0]})
        )
        nobody = nobody.filter(nobody.x > 1)

        model, _, choice, noise = fit_clusters(nobody, options(features=FEATURES, order_by="money"))

        assert choice["customers"] == 0
        assert assign_clusters(nobody, model, noise).to_pandas().empty

    def test_two_kinds_of_customers_are_too_few_for_three_clusters(self) -> None:
        _, _, choice, _ = fit(blobs().assign(x=[0.0, 1.0] * 120, y=0.0))

        assert "Only 2 customers differ, fewer than 3" in choice["reason"]["en"]

    def test_more_clusters_than_distinct_customers_are_refused(self) -> None:
        table = blobs().assign(x=[0.0, 1.0, 2.0] * 80, y=0.0)

        with pytest.raises(InputError, match="5 clusters are asked for, but only 3 customers"):
            fit(table, number=5)

    def test_as_many_clusters_as_distinct_customers_still_work(self) -> None:
        table = blobs().assign(x=[0.0, 1.0, 2.0] * 80, y=0.0)

        for method in ("kmeans", "gaussian_mixture", "ward"):
            _, candidates, choice, _ = fit(table, method=method, number=3)

            assert choice["number"] == 3
            assert candidates["silhouette"].item() == 1

    def test_column_that_is_not_there_is_named(self) -> None:
        with pytest.raises(InputError, match="revenue is asked for, but customers has no such"):
            fit(blobs(), order_by="revenue")

    def test_unknown_and_negative_values_are_noted_and_nobody_is_lost(self) -> None:
        table = blobs()
        table.loc[:9, "x"] = None
        table["y"] -= 3

        model, _, choice, noise = fit(table, features={"x": "none", "y": "log1p"},
                                      method="kmeans", number=2)  # fmt: skip

        assert choice["notes"][0]["en"].startswith("x: unknown for 10\u00a0customers, the median")
        assert choice["notes"][1]["en"].startswith("y: below zero for")
        assert len(labels(table, model, noise)) == 240


class TestLargeShops:
    def test_more_customers_than_the_sample_are_all_assigned(self) -> None:
        table = blobs(per_blob=1000)

        model, _, choice, noise = fit(
            table, largest_sample=1000, index_sample=400, method="kmeans", number=4
        )
        found = labels(table, model, noise)

        assert choice["customers"] == 4000
        assert 800 < choice["seen"] < 1200
        assert choice["looked_at"] == 400
        assert choice["notes"][0]["en"].startswith("The clusters were found on a sample of")
        assert found["cluster"].tolist() == np.repeat([1, 2, 3, 4], 1000).tolist()
        assert model["order_means"] == [400, 300, 200, 100]  # of everyone, not of the sample


def test_tree_is_cut_where_so_many_groups_are_left() -> None:
    # 0 and 1 merge to 5, 3 and 4 to 6, 2 joins 5 as 7, then all are one.
    children = np.array([[0, 1], [3, 4], [2, 5], [6, 7]])

    assert cut_tree(children, 1).tolist() == [0, 0, 0, 0, 0]
    assert cut_tree(children, 2).tolist() == [1, 1, 1, 0, 0]
    assert cut_tree(children, 3).tolist() == [1, 1, 0, 2, 2]
    assert cut_tree(children, 5).tolist() == [0, 1, 2, 3, 4]


def test_tree_is_cut_as_scipy_cuts_it() -> None:
    from scipy.cluster.hierarchy import fcluster, ward
    from sklearn.metrics import adjusted_rand_score

    places = np.random.default_rng(6).normal(size=(150, 3))
    tree = ward(places)

    for number in (2, 5, 9):
        wanted = fcluster(tree, number, criterion="maxclust")
        found = cut_tree(tree[:, :2].astype(np.int64), number)
        assert adjusted_rand_score(wanted, found) == 1

"""Names of clusters beside the labels."""

import ibis
import pandas as pd

from personal_offers.pipelines.segmentation.cluster_nodes import name_clusters
from personal_offers.pipelines.segmentation.schemas import Clusters

SUMMARY = pd.DataFrame(
    {
        "cluster": [1, 2],
        "cluster_name": ["Big", "Small"],
        "name_ru": ["Крупные", "Мелкие"],
        "name_en": ["Big", "Small"],
    }
)


def test_every_customer_gets_the_name_of_the_cluster() -> None:
    labels = ibis.memtable(
        {"customer_id": ["b", "a", "c"], "cluster": [2, 1, 2], "noise": [False, False, True]}
    )

    found = name_clusters(labels, SUMMARY)

    assert Clusters.validate(found) is found
    assert found.to_pandas().to_dict("list") == {
        "customer_id": ["a", "b", "c"],
        "cluster": [1, 2, 2],
        "cluster_name": ["Big", "Small", "Small"],
        "cluster_name_ru": ["Крупные", "Мелкие", "Мелкие"],
        "cluster_name_en": ["Big", "Small", "Small"],
        "noise": [False, False, True],
    }


def test_one_cluster_needs_no_choice() -> None:
    labels = ibis.memtable({"customer_id": ["a"], "cluster": [1], "noise": [False]})

    assert name_clusters(labels, SUMMARY.head(1)).to_pandas()["cluster_name"].to_list() == ["Big"]


def test_nobody_needs_no_name() -> None:
    labels = ibis.memtable({"customer_id": ["a"], "cluster": [1], "noise": [False]})
    nobody = labels.filter(labels.cluster > 1)

    found = name_clusters(nobody, SUMMARY.head(0))

    assert found.to_pandas().empty
    assert found.schema()["cluster_name"].is_string()


def test_a_name_that_looks_like_a_number_stays_a_text() -> None:
    labels = ibis.memtable({"customer_id": ["a"], "cluster": [1], "noise": [False]})
    names = SUMMARY.head(1).assign(cluster_name=2024, name_ru=2024, name_en=2024)

    assert name_clusters(labels, names).to_pandas()["cluster_name"].to_list() == ["2024"]

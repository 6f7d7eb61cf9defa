"""Names of clusters: short, unique, in two languages, and never more than the figures show."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd
import pytest

from personal_offers.features import BothLanguages, FeatureRegistry
from personal_offers.pipelines.segmentation.cluster_names import (
    describe_clusters,
    generate_names,
    label_of,
    value_text,
)
from personal_offers.pipelines.segmentation.cluster_params import FeaturePhrases

_GROUPS = {
    "orders": "purchase_behaviour",
    "revenue": "purchase_behaviour",
    "recency": "purchase_behaviour",
    "products": "product_behaviour",
    "prices": "product_behaviour",
    "promo": "product_behaviour",
}
_MADE = ("orders", "revenue", "recency")


def _feature(name: str, group: str) -> dict[str, Any]:
    return {
        "group": group,
        "type": "number",
        "compute": {"kind": "not_recorded"},
        "window": "ever",
        "actionable": True,
        "percent": name == "promo",
        "label": {"ru": f"показатель {name}", "en": name},
        "definition": {"ru": name, "en": name},
    }


REGISTRY = FeatureRegistry.model_validate(
    {"features": {name: _feature(name, group) for name, group in _GROUPS.items()}}
)
PHRASES = {
    "orders": FeaturePhrases(
        high=BothLanguages(ru="много покупок", en="many purchases"),
        low=BothLanguages(ru="мало покупок", en="few purchases"),
    ),
    "revenue": FeaturePhrases(
        high=BothLanguages(ru="большая выручка", en="large revenue"),
        low=BothLanguages(ru="малая выручка", en="small revenue"),
    ),
}


def profile_of(
    differences: dict[int, dict[str, float]], medians: dict[tuple[int, str], float] | None = None
) -> pd.DataFrame:
    """Return a profile in which medians follow the differences: 10 is everybody's."""
    rows = []
    for cluster, found in differences.items():
        ranked = sorted(found, key=lambda name: -abs(found[name]))
        for rank, name in enumerate(ranked, start=1):
            own = (medians or {}).get((cluster, name), 10 + found[name])
            rows.append(
                {
                    "cluster": cluster,
                    "feature": name,
                    "made_it": name in _MADE,
                    "median": own,
                    "mean": own,
                    "everyone_median": 10.0,
                    "everyone_mean": 10.0,
                    "difference": found[name],
                    "rank": rank,
                }
            )
    return pd.DataFrame(rows)


def names_of(
    profile: pd.DataFrame,
    clusters: list[int],
    overrides: dict[int, BothLanguages] | None = None,
    phrases: dict[str, FeaturePhrases] | None = None,
    top: int = 2,
) -> dict[int, BothLanguages]:
    return generate_names(
        clusters,
        profile,
        REGISTRY,
        overrides=overrides or {},
        phrases=PHRASES if phrases is None else phrases,
        top=top,
    )


class TestNames:
    def test_phrases_of_the_strongest_differences(self) -> None:
        profile = profile_of({1: {"orders": 1, "revenue": 2}, 2: {"orders": -2, "revenue": -1}})

        names = names_of(profile, [1, 2])

        assert (names[1].ru, names[1].en) == (
            "Большая выручка, много покупок",
            "Large revenue, many purchases",
        )
        assert names[2].en == "Few purchases, small revenue"

    def test_without_phrases_the_direction_and_the_label(self) -> None:
        profile = profile_of({1: {"orders": 1, "revenue": 0.9}, 2: {"orders": -1, "recency": 0.9}})

        names = names_of(profile, [1, 2], phrases={})

        assert names[1].en == "Higher: orders, revenue"
        assert names[1].ru == "Выше: показатель orders, показатель revenue"
        assert names[2].en == "Lower: orders; higher: recency"

    def test_what_made_the_clusters_comes_before_larger_differences(self) -> None:
        profile = profile_of({1: {"orders": 0.6, "products": 3}, 2: {"orders": 0.1, "products": 2}})

        names = names_of(profile, [1, 2])

        assert names[1].en == "Many purchases"
        assert names[2].en == "Higher: products"

    def test_a_small_difference_names_a_cluster_only_by_itself(self) -> None:
        profile = profile_of({1: {"orders": 0.9, "revenue": 0.25}, 2: {"orders": -0.25}})

        names = names_of(profile, [1, 2])

        assert (names[1].en, names[2].en) == ("Many purchases", "Few purchases")

    def test_no_difference_worth_a_word(self) -> None:
        names = names_of(profile_of({1: {"orders": 0.9}, 2: {"orders": -0.1}}), [1, 2])

        assert (names[2].ru, names[2].en) == ("Близки к среднему", "Close to the average")

    def test_a_name_never_contradicts_the_medians(self) -> None:
        # Given a mean on the logarithmic scale that is above, and a median and mean that are not
        profile = profile_of({1: {"orders": 0.9, "revenue": 0.8}}, {(1, "orders"): 10})

        assert names_of(profile, [1, 2])[1].en == "Large revenue"

    def test_a_long_name_loses_its_weakest_part(self) -> None:
        long = FeaturePhrases(
            high=BothLanguages(ru="очень " * 8 + "часто", en="often"),
            low=BothLanguages(ru="редко", en="seldom"),
        )
        profile = profile_of({1: {"orders": 2, "recency": 1}, 2: {"orders": -1}})

        names = names_of(profile, [1, 2], phrases=PHRASES | {"recency": long})

        assert names[1].en == "Many purchases"

    def test_one_cluster_is_everybody(self) -> None:
        assert names_of(profile_of({1: {}}), [1])[1].ru == "Все клиенты"


class TestUnique:
    def test_a_further_difference_tells_apart(self) -> None:
        profile = profile_of(
            {
                1: {"orders": 3, "revenue": 2, "recency": -1},
                2: {"orders": 2, "revenue": 3, "recency": 0.1, "products": 0.3},
            }
        )

        names = names_of(profile, [1, 2])

        assert names[1].en == "Many purchases, large revenue; lower: recency"
        assert names[2].en == "Large revenue, many purchases; higher: products"

    def test_without_one_the_value_of_the_first_feature(self) -> None:
        profile = profile_of({1: {"orders": 3, "revenue": 2}, 2: {"orders": 2, "revenue": 1}})

        names = names_of(profile, [1, 2])

        assert names[1].ru == "Много покупок (медиана 13), большая выручка"
        assert names[2].en == "Many purchases (median 12), large revenue"

    def test_at_last_the_id(self) -> None:
        names = names_of(profile_of({1: {"orders": 2}, 2: {"orders": 2}, 3: {}, 4: {}}), [1, 2, 3])

        assert names[1].en == "Many purchases (median 12), no. 1"
        assert names[2].ru == "Много покупок (медиана 12), № 2"
        assert names[3].en == "Close to the average"

    def test_twelve_alike_have_twelve_names(self) -> None:
        differences = {cluster: {"orders": 1.0} for cluster in range(1, 13)}

        names = names_of(profile_of(differences), list(range(1, 13)))

        assert len({name.ru for name in names.values()}) == 12
        assert len({name.en for name in names.values()}) == 12

    def test_a_name_of_the_user_stays_and_is_not_repeated(self) -> None:
        own = BothLanguages(ru="Свои", en="many purchases")
        profile = profile_of({1: {"orders": 3}, 2: {"orders": 2}})

        names = names_of(profile, [1, 2], overrides={1: own})

        assert names[1] == own
        assert names[2].en == "Many purchases (median 12)"

    def test_a_name_for_a_cluster_that_is_not_there_is_said(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING)

        names = names_of(
            profile_of({1: {}}), [1], overrides={7: BothLanguages(ru="Никто", en="Nobody")}
        )

        assert list(names) == [1]
        assert "no cluster 7" in caplog.text


class TestSentences:
    def test_values_beside_those_of_everyone(self) -> None:
        profile = profile_of({1: {"orders": 2, "revenue": -1, "recency": 1.5}, 2: {}})

        told = describe_clusters([1, 2], profile, REGISTRY, top=2)

        assert told[1].en == (
            "Features that made the clusters: orders, median 12 (everyone: 10); "
            "recency, median 11.5 (everyone: 10)."
        )
        assert told[1].ru == (
            "Признаки, по которым делили: показатель orders — медиана 12 (у всех 10); "
            "показатель recency — медиана 11,5 (у всех 10)."
        )
        assert told[2].en == "No notable difference from the rest."

    def test_others_are_told_once_per_group(self) -> None:
        profile = profile_of({1: {"products": 2, "prices": 1}, 2: {}})

        assert describe_clusters([1, 2], profile, REGISTRY, top=3)[1].en == (
            "Other features: products, median 12 (everyone: 10)."
        )

    def test_means_where_medians_are_alike(self) -> None:
        profile = profile_of({1: {"orders": 1}, 2: {}}).assign(median=10.0)

        assert "orders, mean 11 (everyone: 10)" in (
            describe_clusters([1, 2], profile, REGISTRY, top=2)[1].en
        )


class TestWords:
    def test_values(self) -> None:
        share = REGISTRY.features["promo"]

        assert value_text(0.625, share, "ru") == "62%"
        assert value_text(0.0, share, "en") == "0%"
        assert value_text(1234.5, None, "en") == "1,234"
        assert value_text(2.5, None, "ru") == "2,5"
        assert value_text(0.0123, None, "en") == "0.0123"
        assert value_text(-3.0, None, "en") == "\u22123"

    def test_labels(self) -> None:
        bare = REGISTRY.features["orders"].model_copy(
            update={
                "label": None,
                "definition": BothLanguages(ru="Покупок, всего", en="VAT paid, ever"),
            }
        )
        registry = FeatureRegistry(features={"orders": bare})

        assert label_of("orders", registry, "ru") == "покупок"
        assert label_of("orders", registry, "en") == "VAT paid"
        assert label_of("unheard_of", registry, "en") == "unheard_of"

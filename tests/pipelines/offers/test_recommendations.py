"""Recommendations: one for every segment, class and cluster, and none for what does not exist."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from personal_offers.errors import InputError
from personal_offers.features import BothLanguages, FeatureRegistry
from personal_offers.pipelines.offers.recommendation_params import RecommendationOptions
from personal_offers.pipelines.offers.recommendations import (
    RECOMMENDATION_COLUMNS,
    write_recommendations,
)
from personal_offers.pipelines.segmentation.params import SegmentationOptions
from personal_offers.pipelines.segmentation.rfm_params import RfmOptions

SHOPS = ("one_click", "gift_shop", "home_goods")
PARTS = ("goal", "action", "channel", "do_not", "measure")


def advice(text: str) -> dict[str, Any]:
    return {part: {"ru": f"{part} {text} ru", "en": f"{part} {text} en"} for part in PARTS}


VALID: dict[str, Any] = {
    "segments": {"save": advice("save"), "grow": advice("grow")},
    "classes": {"top": advice("top"), "lost": advice("lost")},
    "clusters": {
        "orders": {"high": advice("many orders"), "low": advice("few orders")},
        "revenue": {"high": advice("large revenue"), "low": advice("small revenue")},
    },
    "any_cluster": advice("any cluster"),
    "not_classified": advice("not classified"),
}
OPTIONS = RecommendationOptions.model_validate(VALID)
NAMES: dict[str, Any] = {
    "segments": {
        "save": {"ru": "Спасать", "en": "Save"},
        "grow": {"ru": "Растить", "en": "Grow"},
    },
    "classes": {
        "top": {"ru": "Топ", "en": "Top"},
        "lost": {"ru": "Потерянные", "en": "Lost"},
    },
    "marks": {},
    "clusters": {
        "1": {"ru": "Много", "en": "Many"},
        "2": {"ru": "Мало", "en": "Few"},
    },
    "not_classified": {"ru": "Без класса", "en": "Not classified"},
}


def profile_of(*rows: tuple[int, str, float | None, int | None]) -> pd.DataFrame:
    """Return a profile of cluster, feature, difference and rank."""
    profile = pd.DataFrame(rows, columns=["cluster", "feature", "difference", "rank"])
    return profile.assign(made_it=True).astype({"difference": "float64", "rank": "Int64"})


PROFILE = profile_of(
    (1, "recency", -2.0, 1),
    (1, "orders", 1.0, 2),
    (1, "revenue", 0.9, 3),
    (2, "revenue", -0.8, 1),
    (2, "orders", 0.3, 2),
)


def goals(table: pd.DataFrame, view: str) -> list[str]:
    return table.loc[table["view"] == view, "goal_en"].to_list()


class TestRows:
    def test_one_row_per_segment_class_and_cluster_in_order(self) -> None:
        table = write_recommendations(NAMES, PROFILE, OPTIONS)

        assert table.columns.to_list() == RECOMMENDATION_COLUMNS
        assert table[["view", "name"]].to_numpy().tolist() == [
            ["segment", "save"],
            ["segment", "grow"],
            ["segment", "not_classified"],
            ["class", "top"],
            ["class", "lost"],
            ["cluster", "1"],
            ["cluster", "2"],
        ]

    def test_each_part_stands_in_its_own_column_and_language(self) -> None:
        row = write_recommendations(NAMES, PROFILE, OPTIONS).iloc[0]

        assert (row["name_ru"], row["name_en"]) == ("Спасать", "Save")
        for part in PARTS:
            assert row[f"{part}_ru"] == f"{part} save ru"
            assert row[f"{part}_en"] == f"{part} save en"

    def test_advice_for_a_class_that_the_shop_has_not_is_left_out(self) -> None:
        names = NAMES | {"classes": {"top": NAMES["classes"]["top"]}}

        table = write_recommendations(names, PROFILE, OPTIONS)

        assert goals(table, "class") == ["goal top en"]

    def test_shop_without_classes_and_clusters(self) -> None:
        names = NAMES | {"classes": {}, "clusters": {}}
        nothing = pd.DataFrame(columns=["cluster", "feature", "made_it", "difference", "rank"])

        table = write_recommendations(names, nothing, OPTIONS)

        assert table["name"].to_list() == ["save", "grow", "not_classified"]

    def test_groups_without_advice_are_refused_all_at_once(self) -> None:
        others = {"new": {"ru": "Новые", "en": "New"}, "old": {"ru": "Старые", "en": "Old"}}
        names = NAMES | {"segments": NAMES["segments"] | {"odd": others["new"]}, "classes": others}

        with pytest.raises(InputError) as error:
            write_recommendations(names, PROFILE, OPTIONS)

        first, second = error.value.problems
        assert first.startswith("params:recommendations.segments: ")
        assert "for odd;" in first
        assert second.startswith("params:recommendations.classes: ")
        assert "for new, old;" in second


class TestClusters:
    def test_strongest_listed_difference_decides(self) -> None:
        table = write_recommendations(NAMES, PROFILE, OPTIONS)

        # The strongest of cluster 1 is recency, which has no advice.
        assert goals(table, "cluster") == ["goal many orders en", "goal small revenue en"]

    def test_order_of_the_rows_does_not_matter(self) -> None:
        turned = PROFILE.iloc[::-1]

        table = write_recommendations(NAMES, turned, OPTIONS)

        assert goals(table, "cluster") == ["goal many orders en", "goal small revenue en"]

    def test_small_differences_count_from_a_fifth_of_a_standard_deviation(self) -> None:
        profile = profile_of((1, "orders", -0.2, 1), (2, "orders", 0.19, 1))

        table = write_recommendations(NAMES, profile, OPTIONS)

        assert goals(table, "cluster") == ["goal few orders en", "goal any cluster en"]

    def test_equal_differences_follow_their_rank(self) -> None:
        profile = profile_of(
            (1, "orders", 0.5, 2), (1, "revenue", -0.5, 1), (2, "revenue", 0.5, 2),
            (2, "orders", 0.5, 1),
        )  # fmt: skip

        table = write_recommendations(NAMES, profile, OPTIONS)

        assert goals(table, "cluster") == ["goal small revenue en", "goal many orders en"]

    def test_only_cluster_has_no_difference(self) -> None:
        names = NAMES | {"clusters": {"1": {"ru": "Все клиенты", "en": "All customers"}}}
        profile = profile_of((1, "orders", None, None), (1, "revenue", np.nan, None))

        table = write_recommendations(names, profile, OPTIONS)

        assert goals(table, "cluster") == ["goal any cluster en"]

    def test_profile_read_from_a_file_gives_the_same(self) -> None:
        profile = pd.concat([PROFILE, profile_of((2, "flat", None, None))])
        from_file = profile.astype({"rank": "float64"})

        table = write_recommendations(NAMES, from_file, OPTIONS)

        pd.testing.assert_frame_equal(table, write_recommendations(NAMES, PROFILE, OPTIONS))


def blocks_of(segments: tuple[str, ...], **schemes: tuple[str, ...]) -> dict[str, SimpleNamespace]:
    """Return the blocks that recommendations look at; the first scheme is the chosen one."""
    blocks = {"segmentation": SimpleNamespace(segments=dict.fromkeys(segments))}
    if schemes:
        made = {n: SimpleNamespace(classes=dict.fromkeys(c)) for n, c in schemes.items()}
        blocks["rfm"] = SimpleNamespace(schemes=made, chosen=next(iter(made.values())))
    return blocks


class TestOptions:
    def test_fitting_blocks_give_no_problem(self) -> None:
        blocks = blocks_of(("save", "grow"), two=("top", "lost"))

        assert OPTIONS.block_problems(blocks) == []

    def test_classes_of_another_scheme_may_stand(self) -> None:
        blocks = blocks_of(("save", "grow"), one=("top",), other=("lost",))

        assert OPTIONS.block_problems(blocks) == []

    def test_everything_missing_and_unknown_is_named_at_once(self) -> None:
        blocks = blocks_of(("save", "keep", "win"), three=("top", "new", "old"))

        assert OPTIONS.block_problems(blocks) == [
            "recommendations.segments: nothing is recommended for segment keep, win",
            "recommendations.segments: the shop has no segment grow; it has save, keep, win",
            "recommendations.classes: nothing is recommended for RFM class new, old",
            "recommendations.classes: the shop has no RFM class lost; it has top, new, old",
        ]

    def test_shop_without_classes_takes_no_advice_on_classes(self) -> None:
        assert OPTIONS.block_problems(blocks_of(("save", "grow"))) == [
            "recommendations.classes: the shop has no RFM class top, lost; it has none"
        ]

    def test_features_must_be_numbers_of_the_registry(self, registry: FeatureRegistry) -> None:
        side = {"high": advice("high"), "low": advice("low")}
        features = dict.fromkeys(["promo_share", "popular_category", "pages"], side)
        options = RecommendationOptions.model_validate(VALID | {"clusters": features})

        assert options.feature_problems(registry) == [
            "recommendations.clusters: popular_category is not a number of the registry",
            "recommendations.clusters: pages is not a number of the registry",
        ]

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("segment",), {}),
            (("segments", "save", "goals"), {"ru": "а", "en": "a"}),
            (("clusters", "orders", "middle"), advice("middle")),
            (("any_cluster", "goal", "de"), "Ziel"),
        ],
    )
    def test_unknown_key_is_refused(self, path: tuple[str, ...], value: object) -> None:
        given = copy.deepcopy(VALID)
        place = given
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

        with pytest.raises(ValidationError, match="Extra inputs are not permitted") as error:
            RecommendationOptions.model_validate(given)

        assert [each["loc"] for each in error.value.errors()] == [path]

    @pytest.mark.parametrize("part", PARTS)
    def test_missing_part_or_language_is_refused(self, part: str) -> None:
        without = {name: text for name, text in advice("save").items() if name != part}
        one_language = advice("save") | {part: {"en": "text"}}
        segments = {"save": without, "grow": one_language}

        with pytest.raises(ValidationError) as error:
            RecommendationOptions.model_validate(VALID | {"segments": segments})

        assert [each["loc"] for each in error.value.errors()] == [
            ("segments", "save", part),
            ("segments", "grow", part, "ru"),
        ]


def texts_of(node: object, place: str = "") -> Iterator[tuple[str, BothLanguages]]:
    """Yield every text of the options with its place."""
    if isinstance(node, BothLanguages):
        yield place, node
        return
    below = node if isinstance(node, Mapping) else dict(node)  # type: ignore[call-overload]
    for key, value in below.items():
        yield from texts_of(value, f"{place}.{key}")


def has_cyrillic(text: str) -> bool:
    return any("а" <= letter <= "я" or letter == "ё" for letter in text.lower())


@pytest.mark.parametrize("shop", SHOPS)
class TestShopsOfTheProject:
    @pytest.fixture
    def options(self, parameters: dict[str, Any], shop: str) -> RecommendationOptions:
        return RecommendationOptions.model_validate(parameters[shop]["recommendations"])

    def test_texts_are_there_in_both_languages(
        self, options: RecommendationOptions, shop: str
    ) -> None:
        texts = dict(texts_of(options))

        assert len(texts) >= 5 * (4 + 2)
        assert [place for place, text in texts.items() if not has_cyrillic(text.ru)] == []
        assert [place for place, text in texts.items() if has_cyrillic(text.en)] == []

    def test_texts_are_sentences(self, options: RecommendationOptions, shop: str) -> None:
        odd = [
            (place, text)
            for place, both in texts_of(options)
            for text in (both.ru, both.en)
            if not text.endswith(".") or "  " in text or not text[0].isupper()
        ]

        assert odd == []

    @pytest.mark.parametrize("scheme", ["five_classes", "eleven_classes"])
    def test_every_segment_and_class_of_either_scheme_has_one_row(
        self, options: RecommendationOptions, parameters: dict[str, Any], shop: str, scheme: str
    ) -> None:
        blocks = parameters[shop]
        classes = blocks.get("rfm", {"schemes": {scheme: {"classes": {}}}})["schemes"][scheme]
        names = NAMES | {
            "segments": {n: s["label"] for n, s in blocks["segmentation"]["segments"].items()},
            "classes": {n: c["label"] for n, c in classes["classes"].items()},
        }

        table = write_recommendations(names, PROFILE, options)

        assert table["name"].to_list() == [
            *names["segments"],
            "not_classified",
            *names["classes"],
            "1",
            "2",
        ]
        assert table.notna().all(axis=None)

    def test_clusters_by_any_feature_that_makes_them_have_advice(
        self, options: RecommendationOptions, parameters: dict[str, Any], shop: str
    ) -> None:
        names = NAMES | {"segments": {}, "classes": {}}
        made_from = list(parameters[shop]["clusters"]["features"])

        for feature in made_from:
            profile = profile_of((1, feature, 0.5, 1), (2, feature, -0.5, 1))
            high, low = goals(write_recommendations(names, profile, options), "cluster")
            assert high == options.clusters[feature].high.goal.en
            assert low == options.clusters[feature].low.goal.en
            assert len({high, low, options.any_cluster.goal.en}) == 3

    def test_advice_fits_the_features_and_blocks_of_the_shop(
        self, options: RecommendationOptions, parameters: dict[str, Any], shop: str
    ) -> None:
        blocks = parameters[shop]
        registry = FeatureRegistry.model_validate(blocks["feature_registry"])
        given: dict[str, Any] = {
            "segmentation": SegmentationOptions.model_validate(blocks["segmentation"])
        }
        if "rfm" in blocks:
            given["rfm"] = RfmOptions.model_validate(blocks["rfm"])

        assert options.feature_problems(registry) == []
        assert options.block_problems(given) == []

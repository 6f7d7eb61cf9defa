"""Names of views: everything that has a name has it in both languages, in a stated order."""

from __future__ import annotations

import json
from typing import Any

import ibis
import pandas as pd

from personal_offers.pipelines.segmentation.nodes import profile_segments
from personal_offers.pipelines.segmentation.params import SegmentationOptions
from personal_offers.pipelines.segmentation.rfm_params import RfmOptions
from personal_offers.pipelines.segmentation.view_names import name_views, name_views_and_classes

SUMMARY = pd.DataFrame(
    {
        "cluster": [1, 2],
        "cluster_name": ["Many", "Few"],
        "name_ru": ["Много", "Мало"],
        "name_en": ["Many", "Few"],
    }
)


def options_of(parameters: dict[str, Any], shop: str) -> tuple[SegmentationOptions, RfmOptions]:
    return (
        SegmentationOptions.model_validate(parameters[shop]["segmentation"]),
        RfmOptions.model_validate(parameters["gift_shop"]["rfm"]),
    )


class TestShopWithoutClasses:
    def test_segments_marks_and_clusters_in_the_order_of_the_configuration(
        self, parameters: dict[str, Any]
    ) -> None:
        segmentation, _ = options_of(parameters, "one_click")

        names = name_views(segmentation, SUMMARY)

        assert list(names) == ["segments", "classes", "marks", "clusters", "not_classified"]
        assert list(names["segments"]) == list(segmentation.segments)
        assert names["segments"]["grow"] == {"ru": "Растить", "en": "Grow"}
        assert list(names["marks"]) == list(segmentation.marks)
        assert names["classes"] == {}
        assert names["clusters"] == {
            "1": {"ru": "Много", "en": "Many"},
            "2": {"ru": "Мало", "en": "Few"},
        }

    def test_names_survive_a_file(self, parameters: dict[str, Any]) -> None:
        segmentation, _ = options_of(parameters, "one_click")

        names = name_views(segmentation, SUMMARY)

        assert json.loads(json.dumps(names)) == names

    def test_cluster_named_like_a_number_keeps_a_text(self, parameters: dict[str, Any]) -> None:
        segmentation, _ = options_of(parameters, "one_click")
        summary = SUMMARY.assign(name_ru=[2024, 2025], name_en=[2024, 2025])

        names = name_views(segmentation, summary)

        assert names["clusters"]["1"] == {"ru": "2024", "en": "2024"}

    def test_shop_without_customers_has_no_clusters(self, parameters: dict[str, Any]) -> None:
        segmentation, _ = options_of(parameters, "one_click")

        assert name_views(segmentation, SUMMARY.head(0))["clusters"] == {}

    def test_who_has_no_class_is_called_as_in_the_profile(self, parameters: dict[str, Any]) -> None:
        segmentation, _ = options_of(parameters, "one_click")
        segments = ibis.memtable(
            pd.DataFrame(
                {
                    "customer_id": ["a", "b"],
                    "segment": ["not_classified", "grow"],
                    "decline_risk": [0.1, 0.2],
                    "profit": [1.0, 2.0],
                }
            )
        )
        labels = ibis.memtable(pd.DataFrame({"customer_id": ["a", "b"], "declined": [True, False]}))

        profile = profile_segments(segments, labels, segmentation).set_index("segment")
        name = name_views(segmentation, SUMMARY)["not_classified"]

        assert name["ru"] == profile.loc["not_classified", "name_ru"]
        assert name["en"] == profile.loc["not_classified", "name_en"]


class TestShopOfOrderLines:
    def test_classes_of_the_chosen_scheme_alone(self, parameters: dict[str, Any]) -> None:
        segmentation, rfm = options_of(parameters, "gift_shop")

        five = name_views_and_classes(segmentation, rfm, SUMMARY)
        eleven = name_views_and_classes(
            segmentation, rfm.model_copy(update={"scheme": "eleven_classes"}), SUMMARY
        )

        assert list(five["classes"]) == ["top", "promising", "leaving", "sleeping", "lost"]
        assert five["classes"]["leaving"] == {"ru": "Уходящие", "en": "Leaving"}
        assert list(eleven["classes"]) == list(rfm.schemes["eleven_classes"].classes)
        assert five["segments"] == eleven["segments"]

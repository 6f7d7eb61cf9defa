from typing import Any

import pytest
from pydantic import ValidationError

from personal_offers.features import FeatureRegistry
from personal_offers.pipelines.segmentation.params import SegmentationOptions

LABEL = {"ru": "текст", "en": "text"}
SEGMENTS = {
    f"{risk}_{profit}": {"risk": risk, "profit": profit, "label": LABEL}
    for risk in ("high", "low")
    for profit in ("high", "low")
}
VALID: dict[str, Any] = {
    "thresholds": {
        "risk": {"kind": "absolute", "value": 0.5},
        "profit": {"kind": "quantile", "value": 0.5},
    },
    "segments": SEGMENTS,
    "marks": {"full_cart": {"feature": "unpaid_items", "at_least": 4, "label": LABEL}},
    "main_category": "popular_category",
    "confidence": 0.95,
}


def thresholds(**changes: Any) -> dict[str, Any]:
    return {"thresholds": VALID["thresholds"] | changes}


def mark(**limits: Any) -> dict[str, Any]:
    return {"marks": {"mark": {"feature": "unpaid_items", "label": LABEL} | limits}}


def test_valid_options_are_accepted() -> None:
    options = SegmentationOptions.model_validate(VALID)

    assert list(options.segments) == ["high_high", "high_low", "low_high", "low_low"]
    assert options.marks["full_cart"].at_least == 4


def test_cell_without_a_segment_is_refused_by_name() -> None:
    segments = {name: cell for name, cell in SEGMENTS.items() if name != "high_low"}

    with pytest.raises(ValidationError, match=r"without: \[\('high', 'low'\)\], twice: \[\]"):
        SegmentationOptions.model_validate(VALID | {"segments": segments})


def test_cell_with_two_segments_is_refused_by_name() -> None:
    segments = SEGMENTS | {"also_low": SEGMENTS["low_low"]}

    with pytest.raises(ValidationError, match=r"without: \[\], twice: \[\('low', 'low'\)\]"):
        SegmentationOptions.model_validate(VALID | {"segments": segments})


def test_hole_and_double_are_refused_together() -> None:
    segments = SEGMENTS | {"high_high": SEGMENTS["low_low"]}

    with pytest.raises(
        ValidationError, match=r"without: \[\('high', 'high'\)\], twice: \[\('low', 'low'\)\]"
    ):
        SegmentationOptions.model_validate(VALID | {"segments": segments})


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        (thresholds(risk={"kind": "absolute", "value": 0}), ("thresholds",)),
        (thresholds(risk={"kind": "absolute", "value": 1}), ("thresholds",)),
        (
            thresholds(risk={"kind": "absolute", "value": float("nan")}),
            ("thresholds", "risk", "absolute", "value"),
        ),
        (
            thresholds(profit={"kind": "absolute", "value": float("nan")}),
            ("thresholds", "profit", "absolute", "value"),
        ),
        (
            thresholds(profit={"kind": "quantile", "value": 1}),
            ("thresholds", "profit", "quantile", "value"),
        ),
        (thresholds(profit={"kind": "median"}), ("thresholds", "profit")),
        (
            thresholds(profit={"kind": "absolute", "value": 1, "unit": "RUB"}),
            ("thresholds", "profit", "absolute", "unit"),
        ),
        (thresholds(margin={"kind": "absolute", "value": 1}), ("thresholds", "margin")),
        (mark(), ("marks", "mark")),
        (mark(at_least=1, at_most=2), ("marks", "mark")),
        (mark(at_least=1, lowest_share=0.1), ("marks", "mark")),
        (mark(lowest_share=0), ("marks", "mark", "lowest_share")),
        (mark(highest_share=1), ("marks", "mark", "highest_share")),
        (mark(above=1), ("marks", "mark", "above")),
        ({"confidence": 0.5}, ("confidence",)),
        ({"confidence": 1}, ("confidence",)),
        ({"segmnts": SEGMENTS}, ("segmnts",)),
        (
            {"segments": SEGMENTS | {"low_low": SEGMENTS["low_low"] | {"risk": "medium"}}},
            ("segments", "low_low", "risk"),
        ),
        (
            {"segments": SEGMENTS | {"low_low": SEGMENTS["low_low"] | {"label": {"ru": "а"}}}},
            ("segments", "low_low", "label", "en"),
        ),
    ],
)
def test_wrong_or_misspelt_value_is_refused_where_it_stands(
    changes: dict[str, Any], place: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationError) as caught:
        SegmentationOptions.model_validate(VALID | changes)

    assert place in {error["loc"] for error in caught.value.errors()}


@pytest.mark.parametrize("missing", sorted(VALID))
def test_nothing_has_a_hidden_default(missing: str) -> None:
    with pytest.raises(ValidationError, match="Field required"):
        SegmentationOptions.model_validate({k: v for k, v in VALID.items() if k != missing})


@pytest.mark.parametrize(
    "limits",
    [{"at_least": 0}, {"at_most": 0}, {"lowest_share": 0.25}, {"highest_share": 0.25}],
)
def test_one_limit_of_any_kind_is_enough(limits: dict[str, float]) -> None:
    # A limit of zero is a limit
    options = SegmentationOptions.model_validate(VALID | mark(**limits))

    given = options.marks["mark"].model_dump(exclude_none=True)
    assert {name: given[name] for name in limits} == limits


class TestFeatureProblems:
    def test_features_of_the_shop_are_fine(self, registry: FeatureRegistry) -> None:
        assert SegmentationOptions.model_validate(VALID).feature_problems(registry) == []

    def test_shop_without_categories_is_fine(self, registry: FeatureRegistry) -> None:
        options = SegmentationOptions.model_validate(VALID | {"main_category": None})

        assert options.feature_problems(registry) == []

    def test_every_feature_that_does_not_fit_is_named(self, registry: FeatureRegistry) -> None:
        # Given a mark on a category, a mark on nothing, and a number as the main category
        marks = {
            "on_category": {"feature": "service_type", "at_least": 1, "label": LABEL},
            "on_nothing": {"feature": "unpaid", "at_least": 1, "label": LABEL},
        }
        options = SegmentationOptions.model_validate(
            VALID | {"marks": marks, "main_category": "tenure_days"}
        )

        # When / Then
        place = "segmentation.marks"
        assert options.feature_problems(registry) == [
            f"{place}.on_category.feature: service_type is not a number of the registry",
            f"{place}.on_nothing.feature: unpaid is not a number of the registry",
            "segmentation.main_category: tenure_days is not a category of the registry",
        ]


def test_no_segment_may_be_called_like_the_row_of_everybody() -> None:
    renamed = {("all" if name == "high_low" else name): cell for name, cell in SEGMENTS.items()}

    with pytest.raises(ValidationError, match="all and not_classified are rows of the profile"):
        SegmentationOptions.model_validate(VALID | {"segments": renamed})

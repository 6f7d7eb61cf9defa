from typing import Any

import pytest
from pydantic import ValidationError

from personal_offers.pipelines.segmentation.rfm_params import RfmOptions, Scheme

from .test_rfm import FIVE, options, scheme


def two_classes(**boxes: Any) -> dict[str, Any]:
    label = {"ru": "класс", "en": "class"}
    return {name: {"label": label} | rule for name, rule in boxes.items()}


class TestClasses:
    def test_every_code_of_the_configured_schemes_has_one_class(
        self, parameters: dict[str, Any]
    ) -> None:
        for shop in ("gift_shop", "home_goods"):
            found = RfmOptions.model_validate(parameters[shop]["rfm"])

            assert {name: len(s.class_of()) for name, s in found.schemes.items()} == {
                "five_classes": 27,
                "eleven_classes": 125,
            }
            assert [len(s.classes) for s in found.schemes.values()] == [5, 11]
            assert found.scheme == "five_classes"
            assert list(found.chosen.classes) == FIVE

    def test_code_in_no_class_is_refused_and_named(self) -> None:
        classes = two_classes(
            good={"boxes": [{"r": [3]}]},
            bad={"boxes": [{"r": [1]}, {"r": [2], "f": [1, 2]}], "codes": ["231", "232"]},
        )

        with pytest.raises(ValidationError, match="codes in no class: 233"):
            Scheme.model_validate(scheme(classes=classes))

    def test_code_in_two_classes_is_refused_with_both(self) -> None:
        classes = two_classes(
            good={"boxes": [{"r": [3]}], "codes": ["111"]}, bad={"boxes": [{"r": [1, 2]}]}
        )

        with pytest.raises(ValidationError, match=r"codes in several classes: 111 \(good, bad\)"):
            Scheme.model_validate(scheme(classes=classes))

    def test_code_of_five_scores_is_refused_among_three(self) -> None:
        classes = two_classes(
            good={"boxes": [{"r": [3]}], "codes": ["511"]}, bad={"boxes": [{"r": [1, 2]}]}
        )

        with pytest.raises(ValidationError, match="class good: code 511 is not of these scores"):
            Scheme.model_validate(scheme(classes=classes))

    def test_class_without_a_code_is_refused(self) -> None:
        classes = two_classes(all_codes={"boxes": [{}]}, nobody={})

        with pytest.raises(ValidationError, match="class nobody has no code"):
            Scheme.model_validate(scheme(classes=classes))

    @pytest.mark.parametrize("name", ["all", "new"])
    def test_names_of_other_rows_are_taken(self, name: str) -> None:
        classes = two_classes(**{name: {"boxes": [{"r": [3]}]}, "bad": {"boxes": [{"r": [1, 2]}]}})

        with pytest.raises(ValidationError, match=f"{name} is taken"):
            Scheme.model_validate(scheme(classes=classes))


class TestBreaks:
    @pytest.mark.parametrize(
        ("measure", "breaks", "problem"),
        [
            ("frequency", {"method": "business", "values": [2]}, "3 scores need 2 values, not 1"),
            ("frequency", {"method": "business", "values": [3, 2]}, "must rise"),
            ("frequency", {"method": "business", "values": [2, 2]}, "must rise"),
            ("frequency", {"method": "business", "values": [1, 2]}, "whole numbers from 2 on"),
            ("recency", {"method": "business", "values": [2.5, 9]}, "whole numbers from 0 on"),
            ("recency", {"method": "quantile", "shares": [0.5]}, "need 2 values, not 1"),
            ("monetary", {"method": "quantile", "shares": [0.5, 1.5]}, "less than 1"),
            ("monetary", {"method": "natural", "scale": "square"}, "linear"),
            ("monetary", {"method": "qcut"}, "qcut"),
        ],
    )
    def test_breaks_that_do_not_fit_are_refused(
        self, measure: str, breaks: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(ValidationError, match=problem):
            Scheme.model_validate(scheme(**{measure: breaks}))

    def test_unknown_scheme_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="scheme ten is not one of"):
            options(scheme="ten")

    def test_misspelt_key_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="polarity"):
            options(polarity="low")

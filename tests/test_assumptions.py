"""Ranges of numbers that nobody measured: in order, not negative, shares up to one."""

import math
from typing import Any

import pytest
from pydantic import ValidationError

from personal_offers.assumptions import Assumption, Range, ShareAssumption, ShareRange

TEXT = {"ru": "текст", "en": "text"}
SPAN = {"low": 0.1, "base": 0.2, "high": 0.3}
STATED = {"unit": TEXT, "source": TEXT}
KINDS = [
    pytest.param(Range, {}, id="range"),
    pytest.param(ShareRange, {}, id="share range"),
    pytest.param(Assumption, STATED, id="assumption"),
    pytest.param(ShareAssumption, STATED, id="share assumption"),
]


@pytest.mark.parametrize(("kind", "stated"), KINDS)
class TestEveryKind:
    def test_keeps_three_values_in_order(self, kind: type[Range], stated: dict[str, Any]):
        found = kind.model_validate(SPAN | stated)

        assert (found.low, found.base, found.high) == (0.1, 0.2, 0.3)

    @pytest.mark.parametrize("value", [0, 1])
    def test_three_equal_values_are_in_order(
        self, kind: type[Range], stated: dict[str, Any], value: float
    ):
        assert kind.model_validate(dict.fromkeys(SPAN, value) | stated).base == value

    @pytest.mark.parametrize(
        ("low", "base", "high"), [(0.3, 0.2, 0.4), (0.1, 0.5, 0.4), (0.3, 0.2, 0.1)]
    )
    def test_values_out_of_order_are_named(
        self, kind: type[Range], stated: dict[str, Any], low: float, base: float, high: float
    ):
        message = f"low {low}, base {base}, high {high} must ascend"

        with pytest.raises(ValidationError, match=message):
            kind.model_validate({"low": low, "base": base, "high": high} | stated)

    @pytest.mark.parametrize("bad", [-0.01, math.nan, math.inf, None, "some"])
    @pytest.mark.parametrize("end", ["low", "base", "high"])
    def test_what_is_no_number_from_zero_on_is_refused(
        self, kind: type[Range], stated: dict[str, Any], end: str, bad: Any
    ):
        with pytest.raises(ValidationError) as caught:
            kind.model_validate(SPAN | {end: bad} | stated)

        assert (end,) in [error["loc"] for error in caught.value.errors()]

    @pytest.mark.parametrize("end", ["low", "base", "high"])
    def test_a_missing_value_is_refused(self, kind: type[Range], stated: dict[str, Any], end: str):
        with pytest.raises(ValidationError, match=f"{end}\n  Field required"):
            kind.model_validate({name: v for name, v in SPAN.items() if name != end} | stated)

    def test_a_misspelt_key_is_refused(self, kind: type[Range], stated: dict[str, Any]):
        with pytest.raises(ValidationError, match="hihg"):
            kind.model_validate(SPAN | stated | {"hihg": 1})


@pytest.mark.parametrize(("kind", "stated"), [(ShareRange, {}), (ShareAssumption, STATED)])
def test_a_share_above_one_is_refused(kind: type[Range], stated: dict[str, Any]):
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        kind.model_validate(SPAN | {"high": 1.01} | stated)


@pytest.mark.parametrize(("kind", "stated"), [(Range, {}), (Assumption, STATED)])
def test_what_is_no_share_may_be_above_one(kind: type[Range], stated: dict[str, Any]):
    assert kind.model_validate(SPAN | {"high": 12} | stated).high == 12


@pytest.mark.parametrize("kind", [Assumption, ShareAssumption])
@pytest.mark.parametrize("key", ["unit", "source"])
def test_an_assumption_without_unit_or_source_is_refused(kind: type[Range], key: str):
    stated = {name: text for name, text in STATED.items() if name != key}

    with pytest.raises(ValidationError, match=f"{key}\n  Field required"):
        kind.model_validate(SPAN | stated)


@pytest.mark.parametrize("text", [{"ru": "текст"}, {"en": "text"}, {"ru": "", "en": "text"}])
def test_a_source_in_one_language_is_refused(text: dict[str, str]):
    with pytest.raises(ValidationError, match="source"):
        Assumption.model_validate(SPAN | STATED | {"source": text})

"""Money against exact fractions."""

import decimal
import math
from fractions import Fraction

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.money import (
    bid_per_event_nanos,
    cdiv,
    convert_charge,
    convert_up,
    cpm_text_to_nanos,
    nanos_to_cpm_decimal,
    nanos_to_cpm_text,
)
from schemas.limits import AMOUNT_MICROS_MAX, BIDFLOOR_CPM_MAX, FLOOR_CPM_MICROS_MAX, PPB, RATE_PPB_MAX

digits = st.text("0123456789", min_size=1, max_size=12)


@st.composite
def cpm_texts(draw: st.DrawFn) -> str:
    """Decimal numbers as JSON writes them, with exponents of any size."""
    text = str(draw(st.integers(0, 10**12)))
    if draw(st.booleans()):
        text += "." + draw(digits)
    if draw(st.booleans()):
        text += draw(st.sampled_from("eE")) + draw(st.sampled_from(["", "+", "-"])) + str(draw(st.integers(0, 40)))
    return text


@given(cpm_texts())
def test_decimal_text_is_rounded_up_to_nanos_exactly(text: str) -> None:
    exact = Fraction(text) * 1_000_000
    if exact > BIDFLOOR_CPM_MAX * 1_000_000:
        with pytest.raises(ValueError, match="at most"):
            cpm_text_to_nanos(text)
    else:
        assert cpm_text_to_nanos(text) == math.ceil(exact)
        assert cpm_text_to_nanos(decimal.Decimal(text)) == math.ceil(exact)


@given(st.integers(0, FLOOR_CPM_MICROS_MAX))
def test_a_price_is_printed_exactly_and_read_back(nanos: int) -> None:
    assert Fraction(nanos_to_cpm_text(nanos)) * 1_000_000 == nanos
    assert cpm_text_to_nanos(nanos_to_cpm_text(nanos)) == nanos
    assert Fraction(orjson.dumps(nanos_to_cpm_decimal(nanos)).decode()) * 1_000_000 == nanos


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**12))
def test_cdiv_rounds_up(a: int, b: int) -> None:
    assert cdiv(a, b) == math.ceil(Fraction(a, b))


@given(st.integers(0, AMOUNT_MICROS_MAX * 1_000), st.integers(1, RATE_PPB_MAX))
def test_a_floor_is_converted_up_and_a_charge_down_by_less_than_one_nano(nanos: int, rate_ppb: int) -> None:
    assert convert_up(nanos, rate_ppb) == math.ceil(Fraction(nanos * rate_ppb, PPB))
    assert convert_charge(nanos, rate_ppb) == math.floor(Fraction(nanos * PPB, rate_ppb))
    assert convert_up(convert_charge(nanos, rate_ppb), rate_ppb) <= nanos


@pytest.mark.parametrize(
    ("event", "nanos"),
    [("impression", 2_500_000), ("viewable", 2_500_000), ("click", 2_500_000_000), ("conversion", 2_500_000_000)],
)
def test_bid_for_one_event(event: str, nanos: int) -> None:
    assert bid_per_event_nanos(event, 2_500_000) == nanos

"""Decimal CPM text: what is read, what is refused."""

import decimal

import pytest

from engine.money import cpm_text_to_nanos, nanos_to_cpm_decimal, nanos_to_cpm_text


@pytest.mark.parametrize(
    ("cpm", "nanos"),
    [
        ("0.5", 500_000),
        ("1e-3", 1_000),
        (2, 2_000_000),
        ("0", 0),
        ("-0", 0),
        ("-0e-999999", 0),
        ("0.0000001", 1),
        ("1e-999999", 1),
        ("0.0000010000000000000000000001", 2),
        ("9000", 9_000_000_000),
        ("9e9", 9_000_000_000_000_000),
        ("0.0000009e10", 9_000_000_000),
        (decimal.Decimal("0.1"), 100_000),
    ],
)
def test_cpm_becomes_nanos_per_impression(cpm: str | int | decimal.Decimal, nanos: int) -> None:
    assert cpm_text_to_nanos(cpm) == nanos


@pytest.mark.parametrize(
    "cpm",
    [
        "-0.1", "-1e-999999", -1, "9000000000.0000001", "9000000000.000000000000000000000000000000000000001", 9_000_000_001,
        "1e999999", "1e9999999999", "nan", "inf", "-Infinity", "", " ", "1,5", "1_000", "0x10", "1 2", "٣", "1.2.3",
        "e5", "1e99999999999999999999", ".", ".5", "5.", "+5", "05", " 1.25 ", "1" * 65, "0." + "0" * 70 + "1",
    ],
)  # fmt: skip
def test_unreadable_negative_or_too_large_cpm_is_refused(cpm: str | int) -> None:
    with pytest.raises(ValueError, match="must be"):
        cpm_text_to_nanos(cpm)


@pytest.mark.parametrize(
    "text", ["0." + "1" * 63, "0." + "1" * 250_000, "1." + "0" * 250_000, "0e1000000", "1e-1000000"]
)
def test_a_decimal_is_held_to_the_length_of_a_text(text: str) -> None:
    for cpm in (text, decimal.Decimal(text)):
        with pytest.raises(ValueError, match="at most 64 characters"):
            cpm_text_to_nanos(cpm)
    longest = "0." + "1" * 62
    assert cpm_text_to_nanos(longest) == cpm_text_to_nanos(decimal.Decimal(longest)) == 111_112


@pytest.mark.parametrize("cpm", [0.5, True, None, decimal.Decimal("NaN"), decimal.Decimal("sNaN")])
def test_what_has_no_exact_text_is_refused(cpm: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        cpm_text_to_nanos(cpm)  # type: ignore[arg-type]  # what a careless caller would pass


def test_context_precision_does_not_matter() -> None:
    with decimal.localcontext() as context:
        context.prec = 3
        assert cpm_text_to_nanos("1234.567891") == 1_234_567_891


def test_price_text_has_no_exponent_or_trailing_zeros() -> None:
    assert [nanos_to_cpm_text(n) for n in (0, 1, 100_000, 2_500_000, 10_000_000)] == [
        "0", "0.000001", "0.1", "2.5", "10",
    ]  # fmt: skip


def test_price_below_zero_or_beyond_exact_print_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        nanos_to_cpm_text(-1)
    with pytest.raises(ValueError, match="exactly"):
        nanos_to_cpm_decimal(10**15)

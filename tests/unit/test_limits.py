"""The limits multiplied: int64 holds every product of auctions.md, whatever is written to the topics."""

import pytest

from engine.limits import (
    IMPRESSION_VALUE_NANOS_MAX,
    PPB,
    PPM,
    QUALITY_PPM_MAX,
    QUALITY_PPM_MIN,
    SLOTS_MAX,
    USER_VALUE_PPM_MIN,
)
from schemas import limits

INT64_MAX = 2**63 - 1
MONEY_VALUE = IMPRESSION_VALUE_NANOS_MAX  # m: the cap of p sees to it that b * p / P never exceeds this
USER_VALUE = limits.LAMBDA_NANOS_MAX * limits.USER_VALUE_PPM_MAX // PPM  # U, either sign
RANK_VALUE = MONEY_VALUE * QUALITY_PPM_MAX // PPM + USER_VALUE  # v
FLOOR = limits.FLOOR_CPM_MICROS_MAX * limits.RATE_PPB_MAX // PPB  # of an imp, in the policy's currency

PRODUCTS = {
    "expected events, p * f": PPB * PPM,
    "money value, b * n": MONEY_VALUE * PPB,
    "quality, m * q": MONEY_VALUE * QUALITY_PPM_MAX,
    "user value, lambda * u": limits.LAMBDA_NANOS_MAX * limits.USER_VALUE_PPM_MAX,
    "threshold without user value, (T - U) * Q": (RANK_VALUE + USER_VALUE) * PPM,
    "price, M * P: a winner's M is at most its money value": MONEY_VALUE * PPB,
    "sum of rank values over a page": RANK_VALUE * SLOTS_MAX,
    "reserve, compared with rank values": FLOOR,
    "a bid of one event in its own currency": limits.AMOUNT_MICROS_MAX * 1_000,
    "a budget": limits.BUDGET_MICROS_MAX * 1_000,
}


@pytest.mark.parametrize("product", PRODUCTS)
def test_int64_holds(product: str) -> None:
    assert PRODUCTS[product] <= INT64_MAX


def test_both_packages_count_in_the_same_units() -> None:
    assert (limits.PPB, limits.PPM) == (PPB, PPM)


def test_a_floor_that_no_impression_reaches_can_be_asked_for() -> None:
    assert limits.FLOOR_CPM_MICROS_MAX >= IMPRESSION_VALUE_NANOS_MAX


def test_quality_and_user_value_have_a_neutral_middle() -> None:
    assert QUALITY_PPM_MIN < PPM < QUALITY_PPM_MAX
    assert USER_VALUE_PPM_MIN < 0 < limits.USER_VALUE_PPM_MAX

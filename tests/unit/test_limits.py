"""The limits multiplied: int64 holds every product of auctions.md, whatever is written to the topics."""

import pytest

from engine import layout
from engine.decide import decide
from engine.limits import (
    BID_NANOS_MAX,
    IMPRESSION_VALUE_NANOS_MAX,
    QUALITY_PPM_MAX,
    QUALITY_PPM_MIN,
    RESERVE_NANOS_MAX,
    SLOTS_MAX,
    USER_VALUE_PPM_MIN,
)
from engine.money import bid_per_event_nanos, cdiv
from engine.pricing import priced
from engine.rows import EVENTS
from schemas import limits
from schemas.limits import PPB, PPM
from tests.builders import Stage, advertiser, line_item, one_ad, place, request

INT64_MAX = 2**63 - 1
MONEY_VALUE = IMPRESSION_VALUE_NANOS_MAX  # m: the cap of p sees to it that b * p / P never exceeds this
BID = BID_NANOS_MAX  # a row that bids more is given no probability
RATE_WHOLE = limits.RATE_PPB_MAX // PPB
USER_VALUE = limits.USER_VALUE_CPM_MICROS_MAX * limits.USER_VALUE_PPM_MAX // PPM  # U, either sign
RANK_VALUE = MONEY_VALUE * QUALITY_PPM_MAX // PPM + USER_VALUE  # v
FLOOR = RESERVE_NANOS_MAX  # of an imp, in the policy's currency

PRODUCTS = {
    "expected events, p * f": PPB * PPM,
    "money value, b * n": MONEY_VALUE * PPB,
    "quality, m * q": MONEY_VALUE * QUALITY_PPM_MAX,
    "user value, what 1 is worth * u": limits.USER_VALUE_CPM_MICROS_MAX * limits.USER_VALUE_PPM_MAX,
    "threshold without user value, (T - U) * Q": (RANK_VALUE + USER_VALUE) * PPM,
    "price, M * P: a winner's M is at most its money value": MONEY_VALUE * PPB,
    "sum of rank values over a page": RANK_VALUE * SLOTS_MAX,
    "reserve, compared with rank values": FLOOR,
    "a bid of one event in its own currency": limits.AMOUNT_MICROS_MAX * 1_000,
    # A bid is converted in two parts, whole * PPB + part: the first passes no limit, and the second is below the rate.
    "bid conversion, part * whole rate": (PPB - 1) * RATE_WHOLE,
    "bid conversion, part * part of the rate": (PPB - 1) ** 2,
    "bid conversion, the sum": BID + limits.RATE_PPB_MAX,
    "most probability of a bid, before it is divided by the bid": IMPRESSION_VALUE_NANOS_MAX * PPB,
    "bound of money, bid * cap": MONEY_VALUE * PPB,
    "bound, money * quality": MONEY_VALUE * QUALITY_PPM_MAX,
    "bound and user value, compared with a line": MONEY_VALUE * QUALITY_PPM_MAX // PPM + USER_VALUE,
    "rank value, compared with a reserve": RANK_VALUE + FLOOR,
    "a budget": limits.BUDGET_MICROS_MAX * 1_000,
}


@pytest.mark.parametrize("product", PRODUCTS)
def test_int64_holds(product: str) -> None:
    assert PRODUCTS[product] <= INT64_MAX


def priced_row(event: str, amount_micros: int, rate_ppb: int) -> tuple[int, int, int]:
    """Bid, cap and bound of the one ad of an advertiser in another currency, whose event is certain."""
    stage = Stage(*one_ad(), advertiser(currency="EUR"), line_item(event=event, amount_micros=amount_micros))
    certain = {"kind": "model", "name": "m", "version": 1, "predicts": event, "algorithm": "constant", "value": PPB}
    policy = {"kind": "policy", "name": "default", "version": 1, "rate_ppb": {"EUR": rate_ppb}}
    stage.control(policy, *([] if event == "impression" else [certain]))
    world = stage.world()
    (part,) = world.catalog.parts
    (policy_in_force,) = world.controls.policies
    table = priced(part.segment, policy_in_force, world.controls).tables[0]
    return table.numbers.item(0, layout.BID), table.codes.item(0, layout.CAP), table.numbers.item(0, layout.BOUND)


@pytest.mark.parametrize(
    ("amount_micros", "rate_ppb", "bid"),
    [
        (1, PPM, 1),
        (1, 2 * PPM, 2),
        (PPM, PPB, 10**9),
        (10**3, 9_000_000_001_000, 9_000_000_001),
        (10**12, PPB, 10**15),
        (10**12 - 1, 9 * (10**12 + 1), BID - 1),
        (10**12, 9 * 10**12, BID),
    ],
)
def test_the_cap_keeps_a_bid_times_its_probability_within_the_value_of_an_impression(
    amount_micros: int, rate_ppb: int, bid: int
) -> None:
    converted, cap, bound = priced_row("click", amount_micros, rate_ppb)
    assert converted == bid
    assert bid * cap <= IMPRESSION_VALUE_NANOS_MAX * PPB
    assert cap == PPB or bid * (cap + 1) > IMPRESSION_VALUE_NANOS_MAX * PPB, "and no lower than that"
    assert bound == cdiv(bid * cap, PPB) <= IMPRESSION_VALUE_NANOS_MAX


@pytest.mark.parametrize("rate", [1, PPB - 1, PPB, 3 * 10**12 + 1, limits.RATE_PPB_MAX])
@pytest.mark.parametrize("event", EVENTS)
def test_the_highest_bid_that_is_converted_passes_the_limit_by_less_than_the_rate(event: str, rate: int) -> None:
    unit = bid_per_event_nanos(event, 1)
    highest = min(((BID // rate + 1) * PPB - 1) // unit, limits.AMOUNT_MICROS_MAX)
    bid, _, _ = priced_row(event, highest, rate)
    assert bid == highest * unit * rate // PPB < BID + rate <= INT64_MAX
    if highest < limits.AMOUNT_MICROS_MAX:
        assert priced_row(event, highest + 1, rate) == (INT64_MAX, 0, 0)


@pytest.mark.parametrize(
    ("rate_ppb", "filled"), [(4 * 10**12, True), (9 * 10**12, True), (9 * 10**12 + 9_000, False), (10**15, False)]
)
def test_a_bid_as_high_as_int64_holds_has_a_price_and_a_higher_one_no_probability(
    rate_ppb: int, *, filled: bool
) -> None:
    stage = Stage(*one_ad(), advertiser(currency="EUR"), line_item(event="click", amount_micros=10**12))
    stage.control({"kind": "policy", "name": "default", "version": 1, "rate_ppb": {"EUR": rate_ppb}})
    decision = decide(request(), stage.world(), place(), duplicate=False)
    assert [one.bid_nanos for one in decision.impressions] == [10**6 * rate_ppb] * filled
    assert decision.result.ext.adjudge.why == ({} if filled else {"zero_probability": 1})


def test_a_floor_that_no_impression_reaches_can_be_asked_for() -> None:
    assert limits.FLOOR_CPM_MICROS_MAX >= IMPRESSION_VALUE_NANOS_MAX
    assert RESERVE_NANOS_MAX > RANK_VALUE


def test_quality_and_user_value_have_a_neutral_middle() -> None:
    assert QUALITY_PPM_MIN < PPM < QUALITY_PPM_MAX
    assert USER_VALUE_PPM_MIN < 0 < limits.USER_VALUE_PPM_MAX

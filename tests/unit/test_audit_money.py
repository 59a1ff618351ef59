"""What is charged, and what the advertiser pays, must follow from the impression to the nano."""

import collections

import pytest

from engine.audit import Totals
from schemas.events import Cost
from tests.audited_log import Written, audited, changed, changed_facts, cost, sound_log

CHARGED: dict[str, tuple[dict[str, object], str]] = {
    "more than its price": (
        {"charged_nanos": 2_200_000, "advertiser_charged_nanos": 2_000_000},
        "charges 2200000 nanos for 1 x 2000000",
    ),
    "more events than it charges": ({"quantity": 2}, "charges 2000000 nanos for 2 x 2000000"),
    "another price": (
        {"price_nanos": 1_100_000, "charged_nanos": 1_100_000, "advertiser_charged_nanos": 1_000_000},
        "its price is 1100000 USD, the impression's is 2000000 USD",
    ),
    "another currency": ({"currency": "CHF"}, "its price is 2000000 CHF, the impression's is 2000000 USD"),
    "an advertiser's nano more": (
        {"advertiser_charged_nanos": 1_818_182},
        "its advertiser pays 1818182 nanos of EUR for 2000000 of USD at 1100000000 ppb",
    ),
    "an advertiser's nano less": (
        {"advertiser_charged_nanos": 1_818_180},
        "its advertiser pays 1818180 nanos of EUR for 2000000 of USD at 1100000000 ppb",
    ),
    "another rate": (
        {"rate_ppb": 1_000_000_000, "advertiser_charged_nanos": 2_000_000},
        "its rate is 1000000000 ppb of EUR, the impression's is 1100000000 ppb of EUR",
    ),
    "another currency of the advertiser": (
        {"advertiser_currency": "GBP"},
        "its rate is 1100000000 ppb of GBP, the impression's is 1100000000 ppb of EUR",
    ),
    "another event": ({"billing_event": "click"}, "bills each click, the impression is paid for each impression"),
    "another advertiser": (
        {"advertiser_id": "other"},
        "is paid by other/campaign/line_item/ad0, the impression is that of advertiser/campaign/line_item/ad0",
    ),
    "another campaign": (
        {"campaign_id": "other"},
        "is paid by advertiser/other/line_item/ad0, the impression is that of advertiser/campaign/line_item/ad0",
    ),
    "another decision": (
        {"request_id": "r9", "policy": "other"},
        "differs from its impression at 2: request_id is 'r9', there 'r12'; policy is 'other', there 'default'",
    ),
    "another id": (
        {"cost_id": "e-1-2-12-0-impression-9"},
        "its id is e-1-2-12-0-impression-9, its impression, event and sequence give e-1-2-12-0-impression-0",
    ),
    "another number": (
        {"sequence": 1},
        "its id is e-1-2-12-0-impression-0, its impression, event and sequence give e-1-2-12-0-impression-1",
    ),
    "a deal": (
        {"deal_id": "d1"},
        "is paid by advertiser/campaign/line_item/ad0/d1, the impression is that of advertiser/campaign/line_item/ad0",
    ),
}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"bid_nanos": 1_999_999}, "pays 2000000 nanos for each impression, its bid is 1999999"),
        ({"reserve_nanos": 2_000_001}, "expects 2000000 nanos, its reserve is 2000001"),
    ],
)
def test_a_price_above_the_bid_or_below_the_reserve_is_found(fields: dict[str, object], problem: str) -> None:
    log = sound_log()
    changed(log["impressions"][2], **fields)
    (found,) = audited(log).violations
    assert (found.rule, found.topic, found.offset, found.problem) == ("price", "impressions", 2, problem)


def test_a_price_at_both_its_bid_and_its_reserve_is_sound() -> None:
    log = sound_log()
    changed(log["impressions"][2], bid_nanos=2_000_000, reserve_nanos=2_000_000)
    assert not audited(log).violations


@pytest.mark.parametrize("name", CHARGED)
def test_a_cost_that_does_not_follow_from_its_impression_is_found_once(name: str) -> None:
    fields, problem = CHARGED[name]
    log = sound_log()
    changed(log["costs"][1], **fields)
    (found,) = audited(log).violations
    assert (found.rule, found.topic, found.offset, found.problem) == ("cost", "costs", 1, problem)


OTHERS: dict[str, tuple[dict[str, object], str]] = {
    "another imp": ({"imp_id": "9"}, "imp_id is '9', there '0'"),
    "another place": ({"position": 7}, "position is 7, there 0"),
    "another creative": ({"creative_id": "other"}, "creative_id is 'other', there 'creative'"),
    "a deal": ({"deal_id": "d1"}, "deal_id is 'd1', there None"),
    "another token": ({"token": "u"}, "token is 'u', there 't'"),
    "a long token": ({"token": "u" * 200}, "token is another"),
    "another request": ({"request_id": "r9"}, "request_id is 'r9', there 'r10'"),
    "another decision": ({"decision_id": "e-9-2-10"}, "decision_id is 'e-9-2-10', there 'e-1-2-10'"),
    "another time": ({"event_time_ms": 999}, "event_time_ms is 999, there 1000"),
    "another policy and campaigns": (
        {"policy_version": 2, "catalog_offset": 4},
        "policy_version is 2, there 1; catalog_offset is 4, there 5",
    ),
    "other models": ({"models": {"click": 3}}, "models is {'click': 3}, there {}"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_an_impression_that_tells_something_else_than_its_result_is_found_by_what_it_is(name: str) -> None:
    fields, told = OTHERS[name]
    log = sound_log()
    changed(log["impressions"][0], **fields)
    of_costs = {name: value for name, value in fields.items() if hasattr(Cost, name)}
    changed(log["costs"][0], **of_costs)
    (found,) = audited(log).violations
    assert (found.rule, found.topic, found.offset) == ("impression", "impressions", 0)
    assert found.problem == f"differs from its result at 0: {told}"


def test_a_currency_in_which_nothing_was_charged_is_told() -> None:
    totals = Totals()
    for charged in (0, 7, 0):
        totals.add(Totals(costs=1, revenue_nanos=collections.Counter({"USD": 0, "EUR": charged})))
    assert (totals.costs, dict(totals.revenue_nanos)) == (3, {"USD": 0, "EUR": 7})


def test_a_test_is_sound_where_it_is_not_charged_and_told_where_it_is() -> None:
    log = sound_log()
    changed(log["impressions"][2], test=True)
    changed(log["costs"][1], test=True)
    changed_facts(log["results"][1], test=True)
    assert [each.problem for each in audited(log).violations] == ["charges a test at the decision"]
    log["costs"].pop(1)
    changed(log["journal"][2], counts={"results": 2, "impressions": 3, "costs": 1, "dead_letters": 1})
    assert audited(log).violations == []


def test_a_click_that_is_charged_as_served_is_told_as_such() -> None:
    log = sound_log()
    log["costs"].insert(1, Written(9, cost(10, 1)))
    problems = [each.problem for each in audited(log).violations if each.topic == "costs"]
    assert problems[0] == "charges what is paid for each click at the decision"


def test_a_charge_follows_from_price_quantity_and_rate_however_low() -> None:
    log = sound_log()
    changed(log["costs"][1], quantity=2, charged_nanos=4_000_000, advertiser_charged_nanos=3_636_363)
    changed(log["impressions"][0], rate_ppb=1)
    changed(log["costs"][0], rate_ppb=1, advertiser_charged_nanos=2_000_000 * 10**9)
    assert audited(log).violations == []


@pytest.mark.parametrize("rate_ppb", [0, -1])
def test_a_rate_that_converts_nothing_is_found(rate_ppb: int) -> None:
    log = sound_log()
    changed(log["impressions"][2], rate_ppb=rate_ppb)
    changed(log["costs"][1], rate_ppb=rate_ppb)
    assert [each.problem for each in audited(log).violations] == [f"converts at {rate_ppb} ppb"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"currency": "EUR"}, "currency is 'EUR', there 'USD'"),
        ({"pricing_event": "viewable"}, "pricing_event is 'viewable', there 'click'"),
        ({"ad_id": "ad9"}, "ad_id is 'ad9', there 'ad1'"),
    ],
)
def test_an_impression_that_tells_something_else_than_its_result_is_found_once(
    fields: dict[str, object], told: str
) -> None:
    log = sound_log()
    changed(log["impressions"][1], **fields)
    (found,) = audited(log).violations
    assert (found.rule, found.topic, found.offset) == ("impression", "impressions", 1)
    assert found.problem == f"differs from its result at 0: {told}"


def test_the_effect_of_a_place_is_no_part_of_what_an_impression_itself_is_worth() -> None:
    log = sound_log()
    changed(log["impressions"][0], effect_ppm=500_000)
    assert audited(log).violations == []


def test_the_effect_of_a_place_is_a_part_of_what_a_click_there_is_worth() -> None:
    log = sound_log()
    changed(log["impressions"][1], effect_ppm=250_000)
    (found,) = audited(log).violations
    assert found.problem == "expects 500000 nanos, its price gives 250000"


def test_an_impression_that_comes_twice_with_another_price_is_held_against_no_cost() -> None:
    log = sound_log()
    forged = Written(99, log["impressions"][0].value)
    changed(forged, price_nanos=1)
    log["impressions"].insert(1, forged)
    found = [(each.rule, each.topic, each.offset) for each in audited(log).violations]
    assert found == [("counts", "journal", 2), ("unique", "impressions", 99)]


def test_a_result_that_comes_twice_with_another_price_is_held_against_no_impression() -> None:
    log = sound_log()
    log["results"].insert(1, Written(1, log["results"][0].value.replace(b'"token":"t"', b'"token":"u"')))
    found = [(each.rule, each.topic, each.offset) for each in audited(log).violations]
    assert found == [("counts", "journal", 2), ("unique", "results", 1)]

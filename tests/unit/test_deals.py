"""Deals, private auctions and seats: who is let in where, at which reserve, and who pays what (docs/auctions.md, Deals)."""

from typing import Any

import pytest

from engine.deals import DealTable, Offer, Offers, OwnDeal, OwnDeals, by_deal
from engine.decide import decide
from engine.decision import Decision
from engine.layout import CANDIDATE, TERMS, UNKNOWN
from engine.limits import VERDICT_ROWS_MAX, VERDICT_TABLE_BYTES_MAX
from engine.reasons import Reason
from engine.slices import at_once
from engine.verdicts import EVERYTHING
from schemas.codes import Nbr
from tests.builders import (
    Stage,
    ad,
    advertiser,
    banner_imp,
    campaign,
    creative,
    line_item,
    one_ad,
    place,
    request,
)

Json = dict[str, Any]


def deal(identity: str = "d1", **fields: Any) -> Json:
    return {"kind": "deal", "id": identity, "version": 1, **fields}


def for_deals(*deals: Json, seat: str | None = None, **fields: Any) -> Stage:
    """One ad, bidding a CPM of 2.50, whose line item has these deals."""
    stage = Stage(*one_ad(), advertiser(seat=seat), *deals)
    assert stage.put(line_item(deal_ids=[one["id"] for one in deals], **fields)) == ()
    return stage


def decided(stage: Stage, *imps: Json, **fields: Any) -> Decision:
    return decide(request(*imps, **fields), stage.world(), place(), duplicate=False)


def offering(*deals: Json, private: int = 0, **fields: Any) -> Json:
    return banner_imp(pmp={"private_auction": private, "deals": list(deals)}, **fields)


def why(decision: Decision) -> dict[str, int]:
    return dict(decision.result.ext.adjudge.why)


def sale(decision: Decision) -> tuple[str | None, int, int, str]:
    (one,) = decision.impressions
    return one.deal_id, one.reserve_nanos, one.price_nanos, one.price_setter


def test_the_deal_is_named_wherever_its_ad_goes() -> None:
    decision = decided(for_deals(deal()), offering({"id": "d1"}))
    ((bid,),) = (seat.bid for seat in decision.result.seatbid)
    (cost,) = decision.costs
    assert (bid.dealid, decision.impressions[0].deal_id, cost.deal_id) == ("d1", "d1", "d1")


@pytest.mark.parametrize(
    ("own", "offered", "expected"),
    [
        ({}, {}, 0),
        ({"floor_cpm_micros": 1_000_000}, {"bidfloor": 0.5}, 1_000_000),
        ({"floor_cpm_micros": 1_000_000}, {"bidfloor": 1.5}, 1_500_000),
        ({}, {"bidfloor": 1, "bidfloorcur": "EUR"}, 1_100_000),
    ],
)
def test_the_reserve_is_the_greater_of_the_deal_s_two_floors_whatever_imp_and_policy_ask(
    own: Json, offered: Json, expected: int
) -> None:
    stage = for_deals(deal(**own))
    policy = {"kind": "policy", "name": "default", "version": 1, "rate_ppb": {"EUR": 1_100_000_000}}
    stage.control({**policy, "floor_cpm_micros": 2_000_000})
    decision = decided(stage, offering({"id": "d1", **offered}, bidfloor=2.2))
    assert sale(decision) == ("d1", expected, expected, "reserve")
    assert decision.result.ext.adjudge.imps[0].reserve_nanos == 2_200_000


@pytest.mark.parametrize("auction", ["first_price", "gsp", "vcg"])
@pytest.mark.parametrize(("own", "offered"), [({"pricing": "fixed"}, {}), ({}, {"at": 3})])
def test_a_fixed_price_is_paid_whoever_else_bids(auction: str, own: Json, offered: Json) -> None:
    stage = for_deals(deal(**own))
    stage.put(advertiser("a2"), campaign("c2", "a2"), line_item("l2", "c2", amount_micros=1_400_000))
    stage.put(ad("ad2", "l2", "cr2"), creative("cr2", "a2"))
    stage.control({"kind": "policy", "name": "default", "version": 1, "auction": auction})
    imp = offering({"id": "d1", "bidfloor": 0.75, **offered})
    assert sale(decided(stage, imp)) == ("d1", 750_000, 750_000, "deal")


def test_a_fixed_price_for_clicks_is_the_one_whose_expected_money_is_the_floor() -> None:
    stage = for_deals(deal(pricing="fixed"), event="click", amount_micros=1_000_000)
    decision = decided(stage, offering({"id": "d1", "bidfloor": 0.75}))
    (one,) = decision.impressions
    assert one.price_nanos * one.p_ppb // 1_000_000_000 == one.expected_revenue_nanos == 750_000
    assert one.price_nanos < one.bid_nanos
    assert one.price_setter == "deal"


def test_a_second_price_below_the_deal_s_floor_leaves_the_floor_to_pay() -> None:
    stage = for_deals(deal(floor_cpm_micros=2_000_000))
    stage.put(advertiser("a2"), campaign("c2", "a2"), line_item("l2", "c2", amount_micros=1_400_000))
    stage.put(ad("ad2", "l2", "cr2"), creative("cr2", "a2"))
    assert sale(decided(stage, offering({"id": "d1"}))) == ("d1", 2_000_000, 2_000_000, "reserve")


@pytest.mark.parametrize("private", [0, 1])
def test_an_ad_worth_less_than_the_open_slot_asks_for_is_found_through_its_deal(private: int) -> None:
    decision = decided(for_deals(deal()), offering({"id": "d1", "bidfloor": 1}, private=private, bidfloor=3))
    assert sale(decision) == ("d1", 1_000_000, 1_000_000, "reserve")


@pytest.mark.parametrize("private", [0, 1])
def test_a_dear_deal_of_others_keeps_nobody_out(private: int) -> None:
    imp = offering({"id": "dear", "bidfloor": 9}, {"id": "d1", "bidfloor": 1}, private=private, bidfloor=9)
    assert sale(decided(for_deals(deal()), imp)) == ("d1", 1_000_000, 1_000_000, "reserve")
    imp = offering({"id": "dear", "bidfloor": 9}, bidfloor=1)
    assert sale(decided(Stage(*one_ad()), imp)) == (None, 1_000_000, 1_000_000, "reserve")


def test_of_several_deals_the_cheapest_counts_and_of_equals_the_line_item_s_first() -> None:
    stage = for_deals(deal("d1"), deal("d2"), deal("d3"))
    offers = [{"id": "d3", "bidfloor": 1}, {"id": "d2", "bidfloor": 1}, {"id": "d1", "bidfloor": 2}]
    assert sale(decided(stage, offering(*offers)))[:2] == ("d2", 1_000_000)
    assert sale(decided(stage, offering({"id": "d1", "bidfloor": 0.5}, *offers)))[:2] == ("d1", 500_000)


def test_of_offers_under_one_id_the_first_counts() -> None:
    offers = [{"id": "d1", "bidfloor": 2}, {"id": "d1", "bidfloor": 1}]
    assert sale(decided(for_deals(deal()), offering(*offers)))[1] == 2_000_000


@pytest.mark.parametrize(
    "first", [{"bidfloor": 2, "bidfloorcur": "CHF"}, {"mincpmpersec": 1}, {"durfloors": [{"bidfloor": 2}]}]
)
def test_where_the_first_under_an_id_cannot_be_offered_no_cheaper_one_stands_in_for_it(first: Json) -> None:
    offers = [{"id": "d1", **first}, {"id": "d1", "bidfloor": 0}]
    assert why(decided(for_deals(deal()), offering(*offers))) == {"no_deal": 1}


@pytest.mark.parametrize(
    ("own", "offered", "reason"),
    [
        ({}, {"id": "other"}, "no_deal"),
        ({}, {"id": "d1", "bidfloor": 1, "bidfloorcur": "CHF"}, "no_deal"),
        ({"wseat": ["s2"]}, {"id": "d1"}, "deal_refused"),
        ({}, {"id": "d1", "wseat": ["S1"]}, "deal_refused"),
        ({"wadomain": ["other.example"]}, {"id": "d1"}, "deal_refused"),
        ({"wadomain": ["a1.example"]}, {"id": "d1", "wadomain": ["other.example"]}, "deal_refused"),
    ],
)
def test_an_ad_that_no_deal_lets_in_has_its_reason(own: Json, offered: Json, reason: str) -> None:
    decision = decided(for_deals(deal(**own), seat="s1"), offering(offered))
    assert (decision.result.nbr, why(decision)) == (Nbr.NOTHING_ELIGIBLE, {reason: 1})


@pytest.mark.parametrize(
    "lists", [{"wseat": ["s1", "s2"]}, {"wadomain": ["A1.example"]}, {"wadomain": ["example"]}, {"wseat": []}]
)
def test_lists_that_name_the_buyer_let_it_in(lists: Json) -> None:
    assert sale(decided(for_deals(deal(**lists), seat="s1"), offering({"id": "d1", **lists})))[0] == "d1"


def test_every_domain_of_the_ad_has_to_be_allowed() -> None:
    stage = for_deals(deal(wadomain=["a1.example"]))
    stage.put(creative(adomain=["partner.example"]))
    assert why(decided(stage, offering({"id": "d1"}))) == {"deal_refused": 1}
    stage.put(deal(wadomain=["a1.example", "partner.example"], version=2))
    assert sale(decided(stage, offering({"id": "d1"})))[0] == "d1"


def test_a_deal_for_some_domains_takes_no_ad_without_one() -> None:
    stage = for_deals(deal())
    stage.put(advertiser(adomain=[]))
    assert sale(decided(stage, offering({"id": "d1"})))[0] == "d1"
    assert why(decided(stage, offering({"id": "d1", "wadomain": ["a1.example"]}))) == {"deal_refused": 1}


def test_a_private_auction_takes_ads_with_a_deal_alone() -> None:
    imp = offering({"id": "d1"}, private=1)
    assert why(decided(Stage(*one_ad()), imp)) == {"private_auction": 1}
    assert why(decided(Stage(*one_ad()), offering(private=1))) == {"private_auction": 1}
    assert sale(decided(Stage(*one_ad()), offering({"id": "d1"})))[0] is None
    assert sale(decided(for_deals(deal()), imp))[0] == "d1"


def test_a_deal_counts_in_the_imp_that_offers_it_alone() -> None:
    decision = decided(for_deals(deal()), banner_imp("1"), {**offering({"id": "d1"}), "id": "2"})
    assert [one.imp_id for one in decision.impressions] == ["2"]
    assert [imp.reason for imp in decision.result.ext.adjudge.imps] == ["no_candidate", None]


def test_a_deal_s_new_floor_holds_at_once() -> None:
    stage = for_deals(deal(floor_cpm_micros=1_000_000))
    stage.merge()
    assert sale(decided(stage, offering({"id": "d1"})))[1] == 1_000_000
    stage.put(deal(floor_cpm_micros=1_500_000, version=2))
    assert sale(decided(stage, offering({"id": "d1"})))[1] == 1_500_000


@pytest.mark.parametrize(
    ("seat", "fields", "serves"),
    [
        ("s1", {"wseat": ["s1"]}, True),
        ("s1", {"bseat": ["s2"]}, True),
        ("s1", {"bseat": ["s1"]}, False),
        (None, {"bseat": ["s1"]}, True),
        (None, {"wseat": [""]}, False),
    ],
)
def test_seats_of_the_request_admit_or_block_the_advertiser_s(*, seat: str | None, fields: Json, serves: bool) -> None:
    decision = decided(Stage(*one_ad(), advertiser(seat=seat)), **fields)
    assert why(decision) == ({} if serves else {"blocked_seat": 1})


@pytest.mark.parametrize("language", ["en", "en-GB"])
def test_a_language_tag_takes_those_that_begin_with_it(language: str) -> None:
    assert decided(Stage(*one_ad(), creative(language=language)), wlangb=["de", "EN"]).impressions


def test_fields_of_imps_for_targeting_are_there_for_it() -> None:
    stage = Stage(
        *one_ad(), line_item(targeting={"imp.0.rwdd": 1, "imp.0.clickbrowser": {"$ne": 1}, "imp.0.exp": {"$gte": 60}})
    )
    assert decided(stage, banner_imp(rwdd=1, exp=60)).impressions
    assert not decided(stage, banner_imp(rwdd=1, exp=60, clickbrowser=1)).impressions


def deal_table(*values: OwnDeals) -> DealTable:
    return DealTable(values, at_once(by_deal(values)))


def test_verdicts_and_terms_stay_together_when_rows_are_used_again() -> None:
    own = OwnDeals(deals=(OwnDeal(id="d1", floor_nanos=5, fixed=False, admits=True),))
    table = deal_table(own, OwnDeals())
    assert table.table[EVERYTHING].tolist() == [Reason.NO_DEAL, CANDIDATE]
    for floor in range(3 * VERDICT_ROWS_MAX):
        offers = Offers(
            private=True,
            deals=(Offer(id="d1", floor_nanos=floor, fixed=floor % 2 == 1, wseat=(), wadomain=()),),
        )
        row = table.offered(offers)
        assert table.table[row].tolist() == [UNKNOWN, Reason.PRIVATE_AUCTION]
        assert table.offered(offers) == row
        for code in (0, 1):
            table.judge(row, code)
        assert table.table[row].tolist() == [CANDIDATE, Reason.PRIVATE_AUCTION]
        assert table.terms[row, 0].tolist() == [max(floor, 5), floor % 2, 0]
    assert len(table.terms) == len(table.table) == VERDICT_ROWS_MAX + 1


def test_of_very_many_sets_of_deals_fewer_answers_are_kept() -> None:
    """Of 100,000 they took 1.3 GB."""
    table = deal_table(*[OwnDeals(seat=f"{number}") for number in range(30_000)])
    for floor in range(VERDICT_ROWS_MAX):
        offer = Offer(id="d1", floor_nanos=floor, fixed=False, wseat=(), wadomain=())
        table.offered(Offers(private=False, deals=(offer,)))
    row_bytes = 30_000 * (table.table.itemsize + table.terms.itemsize * TERMS)
    assert len(table.table) == len(table.terms) == VERDICT_TABLE_BYTES_MAX // row_bytes + 1 < VERDICT_ROWS_MAX


def test_only_line_items_that_have_a_deal_of_the_imp_wait_to_be_judged() -> None:
    first, second = (OwnDeal(id=name, floor_nanos=0, fixed=False, admits=True) for name in ("d1", "d2"))
    table = deal_table(*[OwnDeals(deals=deals) for deals in ((first,), (second,), (), (first, second, second))])
    offer = Offer(id="d2", floor_nanos=7, fixed=False, wseat=(), wadomain=())
    strange = Offer(id="d9", floor_nanos=0, fixed=False, wseat=(), wadomain=())
    row = table.offered(Offers(private=False, deals=(strange, offer)))
    assert table.table[row].tolist() == [Reason.NO_DEAL, UNKNOWN, CANDIDATE, UNKNOWN]
    table.judge(row, 3)
    assert (table.table[row, 3], *table.terms[row, 3].tolist()) == (CANDIDATE, 7, 0, 1)

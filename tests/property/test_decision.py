"""Whole decisions against their slow oracle, to the last nano; and all that must never show in them."""

from collections.abc import Sequence
from random import Random
from typing import Any, Final

import orjson
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from engine.decide import ask, decide, run_auctions
from engine.decision import Decision
from engine.explain import explain_line_item
from engine.limits import PPB
from engine.world import World
from schemas.events import Cost, Impression
from schemas.openrtb import AdRequest, read_request
from schemas.wire import encode
from tests.builders import Stage, place
from tests.oracle import decision as oracle
from tests.oracle.decision import Fill, Verdict
from tests.oracle.decision_held import Held, Record
from tests.property.decision_worlds import Stuff, some_world

Json = dict[str, Any]

PROFILE: Final = settings.default or settings()
OFTEN: Final = settings(max_examples=3 * PROFILE.max_examples)
REQUESTS: Final = 8
ASSIGNMENTS_MAX: Final = 2_000  # what the oracle of VCG tries

chances: Final = st.randoms(use_true_random=True)
catalog_sizes: Final = st.integers(1, 40)


# ---- the same world for both


def stage_of(stuff: Stuff, records: Sequence[Record], *, merge_after: int | None = None) -> Stage:
    """The engine's view; merged into the base after so many records, all else in the delta."""
    stage = Stage()
    for number, (key, value) in enumerate(records):
        if number == merge_after:
            stage.merge()
        stage.catalog.apply(offset=number, key=key.encode(), value=None if value is None else orjson.dumps(value))
    if merge_after == len(records):
        stage.merge()
    assert stage.control(*stuff.controls) == ()
    return stage


def affordable(held: Held, request: Json, now_ms: int) -> Json:
    """The request, of so few imps that the oracle can try every assignment."""
    while len(request["imp"]) > 1:
        contest = oracle.contest_of(held, oracle.asked_of(held, request, now_ms))
        if contest.auction.kind != "vcg" or contest.assignments <= ASSIGNMENTS_MAX:
            break
        request = {**request, "imp": request["imp"][:-1]}
    return request


def read(request: Json) -> AdRequest:
    return read_request(orjson.dumps(request))


def lines_of(request: AdRequest, world: World, now_ms: int) -> list[int]:
    """For each tier the rank value below which no row contends."""
    asked = ask(request, world, place(event_time_ms=now_ms), duplicate=False)
    return [result.outcome.line for result in run_auctions(asked)]


def check(decision: Decision, verdict: Verdict, lines: Sequence[int]) -> None:
    """Every number and name of the engine's decision is the oracle's."""
    adjudge = decision.result.ext.adjudge
    assert tuple(fill_of(one, decision.costs) for one in decision.impressions) == verdict.fills
    assert tuple(imp.reason for imp in adjudge.imps) == verdict.imps
    assert tuple(imp.reserve_nanos for imp in adjudge.imps) == verdict.reserves
    assert (adjudge.policy, adjudge.auction, adjudge.fallback) == (verdict.policy, verdict.auction, verdict.fallback)
    assert len(lines) == verdict.tiers
    why = verdict.why(lines)
    assert dict(adjudge.why) == why
    nbr = verdict.nbr if verdict.fills or verdict.nbr is not None else oracle.no_bid(why)
    assert decision.result.nbr == nbr
    bids = [bid for seat in decision.result.seatbid for bid in seat.bid]
    assert {(bid.adid, bid.price) for bid in bids} == {
        (one.ad, one.expected_revenue_nanos / 1e6) for one in verdict.fills
    }


def fill_of(impression: Impression, costs: Sequence[Cost]) -> Fill:
    """An impression and its cost as the oracle says them."""
    own = [cost for cost in costs if cost.impression_id == impression.impression_id]
    assert len(own) <= 1
    return Fill(
        imp=impression.slot,
        ad=impression.ad_id,
        tier=impression.tier,
        format=impression.format,
        bid_nanos=impression.bid_nanos,
        p_raw_ppb=impression.p_raw_ppb,
        p_ppb=impression.p_ppb,
        effect_ppm=impression.effect_ppm,
        quality_ppm=impression.quality_ppm,
        user_value_ppm=impression.user_value_ppm,
        user_value_nanos=impression.user_value_nanos,
        rank_value_nanos=impression.rank_value_nanos,
        reserve_nanos=impression.reserve_nanos,
        price_nanos=impression.price_nanos,
        expected_revenue_nanos=impression.expected_revenue_nanos,
        setter=impression.price_setter,
        setter_ad=impression.price_setter_ad_id,
        runners_up=tuple((other.ad_id, other.rank_value_nanos) for other in impression.runners_up),
        charged=(own[0].charged_nanos, own[0].advertiser_charged_nanos) if own else None,
    )


# ---- the tests


@OFTEN
@given(chances, catalog_sizes)
def test_a_decision_is_the_oracle_s_to_the_last_nano(chance: Random, ads: int) -> None:
    stuff = some_world(chance, ads=ads, requests=REQUESTS)
    held, world = stuff.held, stage_of(stuff, stuff.records).world()
    for drawn, now_ms in stuff.requests:
        asked_for = affordable(held, drawn, now_ms)
        request, verdict = read(asked_for), oracle.decide(held, asked_for, now_ms)
        decision = decide(request, world, place(event_time_ms=now_ms), duplicate=False)
        event(f"filled {len(decision.impressions)} by {verdict.auction}")
        decided = decision.result.ext.adjudge.auction is not None
        check(decision, verdict, lines_of(request, world, now_ms) if decided else [])


@given(chances, catalog_sizes)
def test_arrival_parts_and_chunks_show_nowhere(chance: Random, ads: int) -> None:
    stuff = some_world(chance, ads=ads, requests=REQUESTS)
    records = stuff.records
    plain = stage_of(stuff, records).world()
    others = [
        stage_of(stuff, records, merge_after=len(records)).world(),
        stage_of(stuff, records, merge_after=chance.randint(0, len(records))).world(),
        stage_of(stuff, stuff.shuffled(chance)).world(),
    ]
    with pytest.MonkeyPatch.context() as patch:
        for drawn, now_ms in stuff.requests:
            request = read(drawn)
            patch.setattr("engine.settlement.CHUNK_ROWS_MIN", 64)
            expected = written(decide(request, plain, place(event_time_ms=now_ms), duplicate=False))
            patch.setattr("engine.settlement.CHUNK_ROWS_MIN", 1)
            for world in (plain, *others):
                assert written(decide(request, world, place(event_time_ms=now_ms), duplicate=False)) == expected


def written(decision: Decision) -> list[bytes]:
    """All that a decision writes."""
    return [encode(one) for one in (decision.result, *decision.impressions, *decision.costs)]


@given(chances, catalog_sizes)
def test_looking_at_all_rows_finds_the_same_winners_and_each_ad_s_reason(chance: Random, ads: int) -> None:
    stuff = some_world(chance, ads=ads, requests=REQUESTS)
    held, world = stuff.held, stage_of(stuff, stuff.records).world()
    for drawn, now_ms in stuff.requests:
        asked_for = affordable(held, drawn, now_ms)
        verdict = oracle.decide(held, asked_for, now_ms)
        for one in held.entities_of("line_item"):
            explained = explain_line_item(read(asked_for), world, place(event_time_ms=now_ms), one["id"])
            for ad, reason in explained.ads.items():
                expected = verdict.reasons[ad]
                assert reason == ("won" if expected is None else expected.label)


@given(chances, catalog_sizes)
def test_no_price_leaves_its_bounds(chance: Random, ads: int) -> None:
    stuff = some_world(chance, ads=ads, requests=REQUESTS)
    world = stage_of(stuff, stuff.records).world()
    for drawn, now_ms in stuff.requests:
        for one in decide(read(drawn), world, place(event_time_ms=now_ms), duplicate=False).impressions:
            n = one.p_ppb * one.effect_ppm // 1_000_000
            assert 0 <= one.price_nanos <= one.bid_nanos
            assert one.price_nanos * n // PPB == one.expected_revenue_nanos >= one.reserve_nanos

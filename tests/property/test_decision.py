"""Whole decisions against their slow oracle, to the last nano; and all that must never show in them."""

import collections
import contextlib
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Final

import msgspec
import orjson
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import engine.formats
import engine.macros
import engine.privacy
import engine.shown_ads
import engine.tokens
from engine.decide import auction, conclude, decide, enrich, not_auctioned, run_auctions
from engine.decision import Decision
from engine.explain import explain_line_item
from engine.layout import INT64_MIN
from engine.reasons import Reason
from engine.rows import EVENTS
from engine.targeting.evaluator import matches
from engine.tiers import TierResult
from engine.why import count_reasons, reasons_of
from engine.world import World
from schemas.codes import Nbr
from schemas.events import Cost, Impression
from schemas.limits import PPB
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

# What the engine works out once: of imps, formats, native requests, players, texts of ads, days, keys.
_CACHES: Final = (
    engine.formats._fits_of, engine.formats._kept_needs, engine.formats._kept_spec, engine.macros._kept, engine.privacy._year,
    engine.tokens._keyed, engine.shown_ads._kept_ad,
)  # fmt: skip

chances: Final = st.randoms(use_true_random=True)
catalog_sizes: Final = st.integers(0, 40)


# ---- the same world for both


def stage_of(stuff: Stuff, records: Sequence[Record], *, merges: Sequence[int] = ()) -> Stage:
    """The engine's view. Changes are merged after so many records, few into the middle level, many into the base; what
    comes later stays in the delta.
    """
    stage = Stage()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.levels.CATALOG_DELTA_ROWS_MAX", 0)
        patch.setattr("engine.levels.MIDDLE_SHARE", 1)
        for number, (key, value) in enumerate(records, start=1):
            encoded = None if value is None else orjson.dumps(value)
            stage.catalog.apply(offset=number, key=key.encode(), value=encoded)
            if number in merges:
                stage.merge()
    assert stage.control(*stuff.controls) == ()
    return stage


@contextlib.contextmanager
def chunks_of(rows: int) -> Iterator[None]:
    """Retrieval hands out so few rows at first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.tiers.CHUNK_ROWS", rows)
        patch.setattr("engine.tiers.CHUNK_ROWS_SEARCHED", rows)
        patch.setattr("engine.retrieval.CHUNK_ROWS", rows)
        patch.setattr("engine.retrieval.BLOCK_ROWS", rows)
        yield


def judged(held: Held, request: Json, now_ms: int) -> tuple[Json, Verdict]:
    """The request, of so few imps that the oracle can try every assignment, and what it decides."""
    while True:
        contest = oracle.contest_of(held, oracle.asked_of(held, request, now_ms))
        if len(request["imp"]) == 1 or contest.auction.kind != "vcg" or contest.assignments <= ASSIGNMENTS_MAX:
            return request, oracle.decide(held, contest)
        request = {**request, "imp": request["imp"][:-1]}


def read(request: Json) -> AdRequest:
    return read_request(orjson.dumps(request))


def tiers_of(request: AdRequest, world: World, now_ms: int, *, exhaustive: bool = False) -> Sequence[TierResult]:
    """What each tier decided; none where no auction is run."""
    context = enrich(request, world, place(event_time_ms=now_ms))
    return () if not_auctioned(context) is not None else run_auctions(context, exhaustive=exhaustive)


def lines_of(tiers: Sequence[TierResult]) -> list[int]:
    """For each tier the rank value below which no row contends."""
    return [tier.outcome.line for tier in tiers]


def check(decision: Decision, verdict: Verdict, lines: Sequence[int]) -> None:
    """Every number and name of the engine's decision is the oracle's."""
    adjudge = decision.result.ext.adjudge
    said = {
        bid.id: None if bid.ext.dsa is None else orjson.loads(encode(bid.ext.dsa))
        for seat in decision.result.seatbid
        for bid in seat.bid
    }
    fills = tuple(fill_of(one, decision.costs, said[one.impression_id]) for one in decision.impressions)
    assert fills == verdict.fills
    assert tuple(imp.reason for imp in adjudge.imps) == verdict.imps
    assert tuple(imp.reserve_nanos for imp in adjudge.imps) == verdict.reserves
    assert (adjudge.policy, adjudge.auction, adjudge.fallback) == (verdict.policy, verdict.auction, verdict.fallback)
    assert len(lines) == verdict.tiers
    why = verdict.why(lines)
    assert dict(adjudge.why) == why
    nbr = verdict.nbr if verdict.fills or verdict.nbr is not None else oracle.no_bid(verdict, lines)
    assert decision.result.nbr == nbr
    bids = [bid for seat in decision.result.seatbid for bid in seat.bid]
    assert {(bid.adid, bid.price, bid.dealid) for bid in bids} == {
        (one.ad, one.expected_revenue_nanos / 1e6, one.deal) for one in verdict.fills
    }


def fill_of(impression: Impression, costs: Sequence[Cost], dsa: Json | None) -> Fill:
    """An impression and its cost as the oracle says them."""
    own = [cost for cost in costs if cost.impression_id == impression.impression_id]
    assert len(own) <= 1
    assert [cost.deal_id for cost in own] == [impression.deal_id] * len(own)
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
        deal=impression.deal_id,
        price_nanos=impression.price_nanos,
        expected_revenue_nanos=impression.expected_revenue_nanos,
        setter=impression.price_setter,
        setter_ad=impression.price_setter_ad_id,
        runners_up=tuple((other.ad_id, other.rank_value_nanos) for other in impression.runners_up),
        charged=(own[0].charged_nanos, own[0].advertiser_charged_nanos) if own else None,
        dsa=dsa,
    )


# ---- the tests


@OFTEN
@given(chances, catalog_sizes)
def test_a_decision_is_the_oracle_s_to_the_last_nano(chance: Random, ads: int) -> None:
    stuff = some_world(chance, ads=ads, requests=REQUESTS)
    held, world = stuff.held, stage_of(stuff, stuff.records).world()
    for drawn, now_ms in stuff.requests:
        asked_for, verdict = judged(held, drawn, now_ms)
        request = read(asked_for)
        with chunks_of(chance.choice((1, 3, 64))):
            decision = decide(request, world, place(event_time_ms=now_ms), duplicate=False)
            lines = lines_of(tiers_of(request, world, now_ms))
        event(f"filled {len(decision.impressions)} by {verdict.auction}")
        check(decision, verdict, lines)


@given(chances, catalog_sizes)
def test_arrival_parts_and_chunks_show_nowhere(chance: Random, ads: int) -> None:
    stuff = some_world(chance, ads=ads, requests=REQUESTS)
    records, shuffled = stuff.records, stuff.shuffled(chance)
    total = len(records)
    plain = stage_of(stuff, records)
    merged = stage_of(stuff, records, merges=[total])
    others = [
        merged,
        stage_of(stuff, records, merges=[chance.randint(0, total)]),
        stage_of(stuff, shuffled, merges=[chance.randint(0, total), chance.randint(0, total)]),
        stage_of(stuff, shuffled),
    ]
    assert not plain.catalog._levels.installed
    assert len(merged.catalog._levels._base.segment) == merged.world().catalog.ads == plain.world().catalog.ads
    worlds = [stage.world() for stage in (plain, *others)]
    for drawn, now_ms in stuff.requests:
        request = read(drawn)
        with chunks_of(64):
            expected = written(decide(request, worlds[0], place(event_time_ms=now_ms), duplicate=False))
        for rows in (1, 2):
            with chunks_of(rows):
                for world in worlds:
                    assert written(decide(request, world, place(event_time_ms=now_ms), duplicate=False)) == expected


@given(chances, catalog_sizes)
def test_models_that_are_no_sums_decide_the_same(chance: Random, ads: int) -> None:
    """Compiled code sums the built-in models; without a sum they score chunk by chunk, as any other model does."""
    stuff = some_world(chance, ads=ads, requests=REQUESTS)
    requests = [(read(drawn), now_ms) for drawn, now_ms in stuff.requests]
    expected = written_by(stuff, requests)
    with pytest.MonkeyPatch.context() as patch, chunks_of(2):
        patch.setattr("engine.models.constant.ConstantColumns.linear", lambda _: None)
        patch.setattr("engine.models.logistic.LogisticColumns.linear", lambda _: None)
        assert written_by(stuff, requests) == expected


@given(chances, catalog_sizes)
def test_steps_in_a_row_and_what_is_kept_show_nowhere(chance: Random, ads: int) -> None:
    """Requests decided one by one with nothing kept from the one before; then each step in a row, with all of it kept."""
    stuff = some_world(chance, ads=ads, requests=REQUESTS)
    requests = [
        (read(drawn), place(number, event_time_ms=now_ms)) for number, (drawn, now_ms) in enumerate(stuff.requests)
    ]
    repeated = [chance.random() < 0.5 for _ in requests]
    world = stage_of(stuff, stuff.records).world()
    alone: list[Decision] = []
    for (request, there), duplicate in zip(requests, repeated, strict=True):
        for cache in _CACHES:
            cache.cache_clear()
        alone.append(decide(request, world, there, duplicate=duplicate))
    for _ in range(2):
        auctioned = [auction(one) for one in [enrich(request, world, there) for request, there in requests]]
        found = [conclude(one, duplicate=duplicate) for one, duplicate in zip(auctioned, repeated, strict=True)]
        assert [(one.key, written(one), one.outcome) for one in found] == [
            (one.key, written(one), one.outcome) for one in alone
        ]


def written_by(stuff: Stuff, requests: Sequence[tuple[AdRequest, int]]) -> list[list[bytes]]:
    """All that is written of each request, in a world of its own."""
    world = stage_of(stuff, stuff.records).world()
    return [
        written(decide(request, world, place(event_time_ms=now_ms), duplicate=False)) for request, now_ms in requests
    ]


def written(decision: Decision) -> list[bytes]:
    """All that a decision writes."""
    return [encode(one) for one in (decision.result, *decision.impressions, *decision.costs)]


@given(chances, catalog_sizes)
def test_looking_at_all_rows_finds_the_same_outcome_and_each_ad_s_reason(chance: Random, ads: int) -> None:
    stuff = some_world(chance, ads=ads, requests=REQUESTS)
    held, world = stuff.held, stage_of(stuff, stuff.records, merges=[len(stuff.records) // 2]).world()
    line_items = sorted({str(ad["line_item_id"]) for ad in held.entities_of("ad")})
    for drawn, now_ms in stuff.requests:
        asked_for, verdict = judged(held, drawn, now_ms)
        request = read(asked_for)
        every = tiers_of(request, world, now_ms, exhaustive=True)
        with chunks_of(1):
            few = tiers_of(request, world, now_ms)
        assert [named(tier) for tier in few] == [named(tier) for tier in every[: len(few)]]
        found = {ad: reason for one in line_items for ad, reason in reasons_of(every, one).items()}
        nameless = {*held.invalid_of("ad")}  # of no line item
        assert found == {ad: reason for ad, reason in verdict.reasons.items() if ad not in nameless}


def named(tier: TierResult) -> tuple[object, ...]:
    """An outcome without row numbers."""
    outcome = tier.outcome

    def ad(candidate: int) -> str | None:
        return None if candidate < 0 else tier.row(candidate).facts.ad_id

    awards = [
        (one.slot, ad(one.candidate), one.price_nanos, one.setter, ad(one.setter_candidate), [*map(ad, one.runners_up)])
        for one in outcome.awards
    ]
    return tier.tier_group, outcome.auction, outcome.fallback, outcome.line, awards


@given(chances, catalog_sizes)
def test_an_explanation_names_every_ad_of_its_line_item(chance: Random, ads: int) -> None:
    stuff = some_world(chance, ads=ads, requests=2)
    held, world = stuff.held, stage_of(stuff, stuff.records).world()
    for drawn, now_ms in stuff.requests:
        asked_for, verdict = judged(held, drawn, now_ms)
        for line_item in ("l0", "l1", "l_absent"):
            explained = explain_line_item(read(asked_for), world, place(event_time_ms=now_ms), line_item)
            own = [ad["id"] for ad in held.entities_of("ad") if ad["line_item_id"] == line_item]
            if verdict.nbr is not None:
                assert (explained.ads, explained.not_decided) == ({}, Nbr(verdict.nbr).label)
            else:
                reasons = {ad: verdict.reasons[ad] for ad in own}
                assert explained.ads == {ad: "won" if one is None else one.label for ad, one in reasons.items()}
                refused = Reason.TARGETING in reasons.values()
                assert (explained.refused_by_targeting, bool(explained.misses)) == (refused, refused)


@given(chances, catalog_sizes)
def test_targeting_is_counted_as_often_as_the_evaluator_says(chance: Random, ads: int) -> None:
    """Over all rows: those whose condition does not hold and which nothing refuses before their targeting does."""
    stuff = some_world(chance, ads=ads, requests=REQUESTS)
    held, world = stuff.held, stage_of(stuff, stuff.records, merges=[len(stuff.records) // 2]).world()
    for drawn, now_ms in stuff.requests:
        request = read(drawn)
        context = enrich(request, world, place(event_time_ms=now_ms))
        if not_auctioned(context) is not None:
            continue
        results = run_auctions(context, exhaustive=True)
        found = {
            ad: reason for one in held.entities_of("line_item") for ad, reason in reasons_of(results, one["id"]).items()
        }
        counted = 0
        for ad, reason in found.items():
            row = world.catalog.row_of(ad)
            assert row is not None
            fits = matches(row.condition, context.attributes, world.controls.groups)
            if reason is Reason.TARGETING or reason is None or reason > Reason.TARGETING:
                assert fits is (reason is not Reason.TARGETING)
            counted += reason is Reason.TARGETING
        every = [
            msgspec.structs.replace(one, outcome=msgspec.structs.replace(one.outcome, line=INT64_MIN))
            for one in results
        ]  # every row contends
        assert count_reasons(every, world.catalog).get("targeting", 0) == counted


@given(chances, catalog_sizes)
def test_no_price_leaves_its_bounds(chance: Random, ads: int) -> None:
    stuff = some_world(chance, ads=ads, requests=REQUESTS)
    world = stage_of(stuff, stuff.records).world()
    for drawn, now_ms in stuff.requests:
        for one in decide(read(drawn), world, place(event_time_ms=now_ms), duplicate=False).impressions:
            n = one.p_ppb * one.effect_ppm // 1_000_000
            assert 0 <= one.price_nanos <= one.bid_nanos
            assert one.price_nanos * n // PPB == one.expected_revenue_nanos >= one.reserve_nanos


def facts_of(held: Held, one: Fill) -> tuple[str, str]:
    """The kind of format that is shown, and what is paid for."""
    ad = held.get("ad", one.ad) or {}
    creative = held.get("creative", ad["creative_id"]) or {}
    line_item = held.get("line_item", ad["line_item_id"]) or {}
    return str(creative["formats"][one.format]["type"]), str(line_item["pricing"]["event"])


WANTED: Final = (
    *(reason.label for reason in Reason if reason is not Reason.OUTBID_UNSCORED),
    *(f"set by {setter}" for setter in ("bid", "runner_up", "reserve", "vcg", "deal")),
    *(f"tier {tier}" for tier in ("standard", "house")),
    *(f"auction {auction}" for auction in ("first_price", "gsp", "vcg")),
    *(f"through a deal by {auction}" for auction in ("first_price", "gsp", "vcg")),
    *(f"filled {slots}" for slots in range(5)),
    *(
        f"code {int(code)}"
        for code in (
            Nbr.NO_DECIDABLE_IMP,
            Nbr.NOTHING_ELIGIBLE,
            Nbr.BELOW_FLOOR,
            Nbr.EVERYTHING_BLOCKED,
            Nbr.CURRENCY,
            Nbr.CONSTRAINED,
        )
    ),
    "DSA params [1, 2]",
    "DSA params [2]",
    "DSA rendered 0",
    "DSA rendered 1",
    *(f"{kind} won" for kind in ("banner", "native", "video")),
    *(f"{paid_for} won" for paid_for in EVENTS),
    "a tie",
    "given up",
    "rows left unseen",
)
ENOUGH: Final = 3


def test_the_worlds_hold_all_that_these_tests_are_about() -> None:
    """Every reason, price setter, auction and code; ties; and rows that retrieval never looked at."""
    seen: collections.Counter[str] = collections.Counter()
    for number in range(600):
        if all(seen[name] >= ENOUGH for name in WANTED):
            break
        chance = Random(number)
        stuff = some_world(chance, ads=chance.randint(0, 40), requests=4)
        world = stage_of(stuff, stuff.records).world()
        for drawn, now_ms in stuff.requests:
            seen.update(held_by(stuff.held, world, drawn, now_ms))
    assert {name: seen[name] for name in WANTED if seen[name] < ENOUGH} == {}


def held_by(held: Held, world: World, drawn: Json, now_ms: int) -> Iterator[str]:
    """What a decision is an example of, by the names of WANTED."""
    asked_for, verdict = judged(held, drawn, now_ms)
    with chunks_of(1):
        tiers = tiers_of(read(asked_for), world, now_ms)
    every = tiers_of(read(asked_for), world, now_ms, exhaustive=True)
    yield from (reason.label for reason in verdict.reasons.values() if reason is not None)
    yield from (f"set by {one.setter}" for one in verdict.fills)
    yield from (f"tier {one.tier}" for one in verdict.fills)
    yield from (f"through a deal by {verdict.auction}" for one in verdict.fills if one.deal is not None)
    yield from ("a tie" for one in verdict.fills for _, value in one.runners_up if value == one.rank_value_nanos)
    for told in (one.dsa for one in verdict.fills if one.dsa):
        yield from (f"DSA params {fact['dsaparams']}" for fact in told["transparency"])
        yield f"DSA rendered {told['adrender']}"
    yield f"auction {verdict.auction}"
    yield f"filled {len(verdict.fills)}"
    if verdict.fallback:
        yield "given up"
    yield from (f"{what} won" for one in verdict.fills for what in facts_of(held, one))
    code = verdict.nbr if verdict.nbr is not None or verdict.fills else oracle.no_bid(verdict, lines_of(tiers))
    yield f"code {code}"
    if any(len(a.pool) < len(b.pool) for a, b in zip(tiers, every, strict=False)):
        yield "rows left unseen"

"""The auctions against their slow oracle, and what must hold of every outcome."""

import dataclasses
from random import Random
from typing import Final, get_args

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.auctions import registry, vcg
from engine.auctions.base import LINE_CLOSED, Award, Outcome
from engine.auctions.feasibility import ranked
from engine.auctions.vcg_search import Search
from engine.auctions.vcg_shortlist import room
from engine.limits import IMPRESSION_VALUE_NANOS_MAX
from schemas import controls, events
from schemas.limits import PPB, PPM
from tests import auction_driver as engine
from tests.documents import ROOT
from tests.oracle import auction as oracle
from tests.oracle import vcg_shortlist_plain
from tests.oracle.auction import Ad, Auction, Slot

KINDS: Final = ("first_price", "gsp", "vcg")
ADS_BY_SLOTS: Final = {1: 14, 2: 12, 3: 8, 4: 5, 6: 4, 8: 3}  # what the oracle can try in full
PROFILE: Final = settings.default or settings()
OFTEN: Final = settings(max_examples=8 * PROFILE.max_examples)

QUALITIES: Final = (PPM, PPM, PPM, 100_000, 500_000, 1_200_000, 10_000_000)
USER_VALUES: Final = (0, 0, 0, 0, 1, -1, 300_000, -300_000, -PPM, 10 * PPM)
PROBABILITIES: Final = (PPB, PPB, PPB, PPB, 500_000_000, 500_000_000, 333_333_333, 10_000_000, 1, 0)
EFFECTS: Final = (
    None,
    None,
    (PPM, 600_000, *[400_000] * 6),
    (PPM, PPM, *[PPM // 2] * 6),
    (PPM, 333_333, 1, *[0] * 5),
)
RESERVES: Final = (0, 0, 0, 1, 100_000, 1_000_000, 2_500_000)
DEAL_FLOORS: Final = (0, 1, 500_000, 1_000_000, 2_000_000, 3_000_000)
VALUES_OF_ONE: Final = (0, 0, 0, 1, 999_999, 2_000_000, 9_000_000_000)
TIERS: Final = ("standard", "standard", "standard", "house")
LABELS: Final = ("alcohol", "auto", "beauty", "finance", "games", "travel")

# Shrinks to a small failing auction; and many times faster, for large auctions.
shrinking_chance: Final = st.randoms(use_true_random=False)
quick_chance: Final = st.randoms(use_true_random=True)


def some_ads(chance: Random, *, slots: int, ads_max: int, tiers: tuple[str, ...] = TIERS) -> tuple[Ad, ...]:
    """Up to ``ads_max`` ads of few advertisers, with values that are often equal and labels that often clash."""
    count = chance.randint(0, ads_max)
    order = chance.sample(range(count), count)
    plain = chance.random() < 0.5  # even odds and no extras: dense competition
    advertisers = chance.choice(("abcdefgh", "abcdefgh", "abc", "ab"))
    return tuple(
        some_ad(
            chance,
            index=index,
            tie=(order[index] + 1) * 0x9E3779B97F4A7C15 % 2**64,
            slots=slots,
            plain=plain,
            advertisers=advertisers,
            tier=chance.choice(tiers),
        )
        for index in range(count)
    )


def some_ad(chance: Random, *, index: int, tie: int, slots: int, plain: bool, advertisers: str, tier: str) -> Ad:
    advertiser = chance.choice(advertisers)
    step = 1_000_000 * chance.randint(1, 5)
    bid = chance.choice((step, step, step, chance.randint(1, 20_000_000), 10 ** chance.randint(0, 15)))
    probability = PPB if plain else chance.choice(PROBABILITIES)
    return Ad(
        id=f"ad{index}",
        advertiser=advertiser,
        line_item=advertiser + chance.choice("12"),
        tie=tie,
        bid_nanos=bid,
        probability_ppb=min(probability, IMPRESSION_VALUE_NANOS_MAX * PPB // bid),
        effects_ppm=chance.choice(EFFECTS),
        quality_ppm=PPM if plain else chance.choice(QUALITIES),
        user_value_ppm=0 if plain else chance.choice(USER_VALUES),
        labels=frozenset(chance.sample(LABELS, chance.choice((0, 0, 0, 1, 1, 2, 3)))),
        tier=tier,
        fits=chance.choice((None, None, None, frozenset(chance.sample(range(slots), chance.randint(0, slots))))),
        deals=some_deals(chance, slots) if chance.random() < 0.3 else {},
    )


def some_deals(chance: Random, slots: int) -> dict[int, tuple[int, bool]]:
    """For some slots a floor above or below theirs, and whether it is a fixed price."""
    chosen = chance.sample(range(slots), chance.randint(1, slots))
    return {k: (chance.choice(DEAL_FLOORS), chance.random() < 0.3) for k in chosen}


def some_slots(chance: Random, count: int) -> tuple[Slot, ...]:
    steps = [chance.randint(1, 4) for _ in range(count)]
    return tuple(
        Slot(
            reserve_nanos=chance.choice(RESERVES),
            position=sum(steps[: k + 1]) - 1,
            decidable=chance.random() < 0.92,
        )
        for k in range(count)
    )


def some_auction(chance: Random, kind: str, *, ads_max: int | None = None) -> Auction:
    count = chance.choice((1, 2, 3, 4, 1, 2, 3, 4, 6, 8))
    return Auction(
        kind=kind,
        ads=some_ads(chance, slots=count, ads_max=ads_max or ADS_BY_SLOTS[count]),
        slots=some_slots(chance, count),
        value_of_one_nanos=chance.choice(VALUES_OF_ONE),
        ads_max=chance.choice((count, count, 4, 4, 4, 3, 3, 2, 2, 1, 0)),
        position_gap_min=chance.choice((0, 0, 0, 0, 0, 1, 2, 3, 5)),
        last_ad_position=chance.choice((None, None, None, chance.randint(-3, 12))),
        advertiser_once=kind == "vcg" or chance.random() < 0.5,
    )


def test_every_auction_that_a_policy_may_name_is_run_told_and_compared_here() -> None:
    named = set(get_args(controls.Auction))
    assert set(registry.AUCTIONS) == named, "write it in AUCTIONS of engine/auctions/registry.py"
    assert named <= set(get_args(events.AuctionRun)), "write its name in AuctionRun of schemas/events.py"
    assert named == set(KINDS), "write its name in KINDS above"
    for page in ("docs/auctions.md", "docs/events.md"):
        text = (ROOT / page).read_text("utf-8")
        assert sorted(name for name in named if f"`{name}`" not in text) == [], f"name it in {page}"


# ---- what the oracle says


@pytest.mark.parametrize("kind", KINDS)
@OFTEN
@given(chance=quick_chance)
def test_engine_decides_as_the_oracle(kind: str, chance: Random) -> None:
    auction = some_auction(chance, kind)
    assert engine.decide(auction) == oracle.decide(auction)


@pytest.mark.parametrize("kind", KINDS)
@given(chance=shrinking_chance)
def test_engine_decides_as_the_oracle_when_made_simplest(kind: str, chance: Random) -> None:
    """The same, slower and shrinking: shows the smallest auction that differs."""
    auction = some_auction(chance, kind)
    assert engine.decide(auction) == oracle.decide(auction)


@given(chance=shrinking_chance)
def test_vcg_beyond_its_nodes_runs_as_gsp_and_says_so(chance: Random) -> None:
    auction = some_auction(chance, "vcg")
    runs = engine.run_tiers(auction, vcg_nodes_max=0)
    assert all(run.outcome.fallback and run.outcome.auction == "gsp" for run in runs)
    assert tuple(run.tier() for run in runs) == oracle.decide(auction, given_up=True)


# ---- what holds of every outcome


@pytest.mark.parametrize("kind", KINDS)
@OFTEN
@given(chance=quick_chance)
def test_prices_stay_between_reserve_and_bid(kind: str, chance: Random) -> None:
    auction = some_auction(chance, kind, ads_max=25)
    for run in engine.run_tiers(auction):
        for award in run.outcome.awards:
            row, slot = award.candidate, award.slot
            assert award.price_nanos <= run.candidates.b.item(row)
            expected_revenue = award.price_nanos * run.candidates.n.item(row, slot) // PPB
            assert expected_revenue >= run.candidates.r.item(row, slot)


@pytest.mark.parametrize("kind", KINDS)
@given(chance=quick_chance)
def test_row_order_does_not_matter(kind: str, chance: Random) -> None:
    auction = some_auction(chance, kind, ads_max=25)
    nodes_max = chance.choice((engine.NODES_MAX, 10, 30))
    for run in engine.run_tiers(auction, vcg_nodes_max=nodes_max):
        order = chance.sample(range(len(run.ads)), len(run.ads))
        shuffled = run.again(engine.rows_of(run.candidates, order))
        assert by_original_row(shuffled, order) == run.outcome


def by_original_row(outcome: Outcome, order: list[int]) -> Outcome:
    def original(award: Award) -> Award:
        renamed: Award = msgspec.structs.replace(
            award,
            candidate=order[award.candidate],
            setter_candidate=-1 if award.setter_candidate == -1 else order[award.setter_candidate],
            runners_up=tuple(order[row] for row in award.runners_up),
        )
        return renamed

    renamed: Outcome = msgspec.structs.replace(outcome, awards=tuple(original(award) for award in outcome.awards))
    return renamed


@pytest.mark.parametrize("kind", KINDS)
@OFTEN
@given(chance=quick_chance)
def test_unseen_rows_below_the_line_change_nothing(kind: str, chance: Random) -> None:
    auction = some_auction(chance, kind, ads_max=25)
    nodes_max = chance.choice((engine.NODES_MAX, 3, 10, 30, 100))
    for run in engine.run_tiers(auction, vcg_nodes_max=nodes_max):
        best = run.candidates.v.max(axis=1, initial=0)
        order = np.argsort(-best, kind="stable").tolist()
        seen = order[: chance.randint(0, len(order))]
        few = engine.rows_of(run.candidates, seen)
        outcome = run.again(few)
        least_reserve = min(engine.least_reserve(auction, k) for k in range(len(auction.slots)))
        assert outcome.line >= least_reserve
        below = [row for row in order if row not in seen and run.candidates.v[row].max() < outcome.line]
        more = engine.rows_of(run.candidates, seen + chance.sample(below, len(below)))
        assert run.again(more) == outcome
        assert run.lost(more, outcome)[: len(seen)] == run.lost(few, outcome)


@pytest.mark.parametrize("kind", KINDS)
def test_line_closes_where_no_slot_can_be_filled(kind: str) -> None:
    auction = Auction(
        kind=kind,
        ads=(Ad(id="x", advertiser="x", line_item="x", tie=1, bid_nanos=1),),
        slots=(Slot(position=3),),
        position_gap_min=3,
        last_ad_position=1,
    )
    outcome = engine.run_tiers(auction)[0].outcome
    assert (outcome.awards, outcome.line) == ((), LINE_CLOSED)


# ---- VCG alone


@OFTEN
@given(chance=quick_chance)
def test_short_list_loses_no_optimum(chance: Random) -> None:
    """Searches over all admissible candidates and over the short lists find the same, exclusions included."""
    count = chance.randint(2, 4)
    auction = dataclasses.replace(
        some_auction(chance, "vcg"),
        slots=tuple(Slot(position=k) for k in range(count)),
        ads=some_ads(chance, slots=count, ads_max=24, tiers=("standard",)),
        position_gap_min=0,
        last_ad_position=None,
    )
    run = engine.run_tiers(auction)[0]
    short = fields(run, auction)
    free = np.ones(len(run.ads), np.bool_)
    every = [dataclasses.replace(field, contenders=ranked(run.candidates, field.slot, free)) for field in short]
    assume(any(len(field.contenders) < len(all_of.contenders) for field, all_of in zip(short, every, strict=True)))
    found = [searched(run, chosen, auction) for chosen in (short, every)]
    assert found[0] == found[1]


@OFTEN
@given(chance=quick_chance)
def test_short_lists_are_those_of_the_plain_rules(chance: Random) -> None:
    """Rows and line, with all candidates free and with some held back by ads of earlier tiers."""
    count = chance.randint(1, 5)
    auction = dataclasses.replace(
        some_auction(chance, "vcg"),
        slots=tuple(Slot(position=k) for k in range(count)),
        ads=some_ads(chance, slots=count, ads_max=40, tiers=("standard",)),
    )
    run = engine.run_tiers(auction)[0]
    free = np.array([chance.random() < 0.9 for _ in run.ads], np.bool_)
    ads_max, least = chance.randint(1, count), chance.randint(0, 3)
    bids = vcg._bids(run.candidates, free)
    for slot in range(count):
        field = vcg._field(slot, least, ads_max, bids, room(len(run.ads), ads_max))
        ranking = ranked(run.candidates, slot, free)
        plain = vcg_shortlist_plain.short_list(run.candidates, slot, ranking, least=least, ads_max=ads_max)
        assert (field.contenders.tolist(), field.line) == plain


def fields(run: engine.Run, auction: Auction) -> list[vcg.Field]:
    ads_max = min(len(auction.slots), auction.ads_max)
    bids = vcg._bids(run.candidates, np.ones(len(run.ads), np.bool_))
    return [vcg._field(slot, 0, ads_max, bids, room(len(run.ads), ads_max)) for slot in range(len(auction.slots))]


def searched(run: engine.Run, chosen: list[vcg.Field], auction: Auction) -> tuple[tuple[int, ...], list[int]]:
    options = vcg._options(vcg._bids(run.candidates, np.ones(len(run.ads), np.bool_)), chosen)
    search = Search(
        options=options,
        too_near=[0] * len(chosen),
        ads_max=min(len(chosen), auction.ads_max),
        nodes_max=engine.NODES_MAX,
    )
    best = search.best()
    return best.rows, vcg._harms(search, best, options)


@given(chance=quick_chance)
def test_under_vcg_no_other_bids_gain_an_advertiser_anything(chance: Random) -> None:
    """Effects and bids divide evenly, so that no rounding blurs it."""
    count = chance.randint(1, 3)
    effects = chance.choice((None, (PPM, PPM // 2, PPM // 4), (PPM, PPM // 4, PPM // 8)))
    drawn = some_ads(chance, slots=count, ads_max=9, tiers=("standard",))
    honest = tuple(
        dataclasses.replace(
            ad,
            bid_nanos=8 * chance.randint(1, 12),
            probability_ppb=PPB,
            effects_ppm=effects,
            quality_ppm=PPM,
            user_value_ppm=0,
        )
        for ad in drawn
    )
    auction = Auction(
        kind="vcg",
        ads=honest,
        slots=tuple(Slot(reserve_nanos=8 * chance.randint(0, 4), position=k) for k in range(count)),
        ads_max=chance.randint(1, 3),
        position_gap_min=chance.randint(0, 2),
    )
    bidder = chance.choice("abcdefgh")
    shaded = tuple(
        dataclasses.replace(ad, bid_nanos=8 * chance.randint(1, 12)) if ad.advertiser == bidder else ad for ad in honest
    )
    truthful = surplus_of(bidder, auction, auction)
    assert truthful >= 0
    assert surplus_of(bidder, dataclasses.replace(auction, ads=shaded), auction) <= truthful


def surplus_of(bidder: str, bid: Auction, true: Auction) -> int:
    """What the bidder's true values exceed its payments by, in ppb of nanos per impression."""
    worth = {ad.id: ad for ad in true.ads if ad.advertiser == bidder}
    return sum(
        (worth[win.ad].bid_nanos - win.price_nanos) * oracle.events(worth[win.ad], win.slot)
        for win in engine.decide(bid)[0].wins
        if win.ad in worth
    )


def test_vcg_refuses_rules_without_advertiser_once() -> None:
    with pytest.raises(ValueError, match="advertiser_once"):
        engine.run_tiers(Auction(kind="vcg", ads=(), slots=(Slot(),), advertiser_once=False))

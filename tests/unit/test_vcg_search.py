"""The short lists and the limit of nodes of VCG, in the cases that chance seldom meets."""

import dataclasses

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from engine.auctions.vcg_search import Assignment, Options, Search, TooManyNodesError
from tests import auction_driver as engine
from tests.oracle import auction as oracle
from tests.oracle import vcg_search_plain
from tests.oracle.auction import Ad, Auction, Slot
from tests.oracle.vcg_search_plain import Option

LABELS = 63  # bits of claims below the advertisers'

FALLING = (1_000_000, 500_000)


def ad(name: str, advertiser: str, bid: int, labels: str = "", *, slot: int | None = None) -> Ad:
    return Ad(
        id=name,
        advertiser=advertiser,
        line_item=name,
        tie=1_000 - ord(name[0]),
        bid_nanos=bid,
        effects_ppm=FALLING if slot is None else None,
        labels=frozenset(labels),
        fits=None if slot is None else frozenset({slot}),
    )


def two_slots(*ads: Ad) -> Auction:
    return Auction(kind="vcg", ads=ads, slots=(Slot(), Slot(position=1)))


def test_many_ads_that_one_label_holds_back_do_not_hide_the_ad_below_them() -> None:
    crowd = [ad(name, name, 20 + index, "h" + name, slot=1) for index, name in enumerate("bcdefg")]
    auction = two_slots(ad("H", "H", 100, "h", slot=0), *crowd, ad("x", "x", 5, slot=1))
    assert [(win.slot, win.ad) for win in engine.decide(auction)[0].wins] == [(0, "H"), (1, "x")]
    assert engine.decide(auction) == oracle.decide(auction)
    unseen = dataclasses.replace(auction, ads=auction.ads[:-1])
    assert engine.run_tiers(unseen)[0].outcome.line <= 5


def test_rows_that_gain_more_for_a_lower_reserve_are_read_though_they_are_worth_less() -> None:
    """Four ads come through deals of a floor of 10; one that has to reach nothing gains more with less."""
    dear = [
        dataclasses.replace(ad(name, name, bid), deals={0: (10, False)})
        for name, bid in zip("abcd", (20, 19, 18, 17), strict=True)
    ]
    auction = Auction(kind="vcg", ads=(*dear, ad("x", "x", 15)), slots=(Slot(),))
    assert engine.decide(auction) == oracle.decide(auction)
    run = engine.run_tiers(auction)[0]
    assert [(win.ad, win.price_nanos) for win in run.tier().wins] == [("x", 10)]
    assert run.again(engine.rows_of(run.candidates, range(4))).line == 9


def test_of_equal_totals_the_greatest_rank_values_win_whatever_they_gain() -> None:
    """Either way round the two gain 12: a 8 and b 4, or b 7 and a 5. In the first slot b is worth more and gains less."""
    effects = {"a": (1_000_000, 900_000), "b": (1_000_000, 500_000)}
    deals = {"a": {0: (2, False), 1: (4, False)}, "b": {0: (13, False), 1: (6, False)}}
    ads = [
        dataclasses.replace(ad(name, name, bid), effects_ppm=effects[name], deals=deals[name])
        for name, bid in (("a", 10), ("b", 20))
    ]
    auction = two_slots(*ads)
    assert [(win.slot, win.ad) for win in engine.decide(auction)[0].wins] == [(0, "b"), (1, "a")]
    assert engine.decide(auction) == oracle.decide(auction)


def test_falling_back_does_not_depend_on_rows_left_unread() -> None:
    """With the last ad the search takes fewer nodes than without it, so its line must stand below that ad."""
    auction = two_slots(
        ad("p", "n", 16),
        ad("q", "m", 16, "c"),
        ad("r", "o", 12, "ac"),
        ad("s", "m", 12, "a"),
        ad("t", "k", 12, "bc"),
        ad("u", "o", 4, "ab"),
    )
    fell_back = []
    for nodes_max in range(40):
        run = engine.run_tiers(auction, vcg_nodes_max=nodes_max)[0]
        few = run.again(engine.rows_of(run.candidates, range(5)))
        fell_back.append((few.fallback, run.outcome.fallback))
        if few.line > 4:
            assert few == run.outcome
    assert (True, False) in fell_back


def options_of(slots: list[list[Option]]) -> Options:
    """What the plain search takes, as the compiled one takes it: one bit of claims is the advertiser, the rest are labels."""
    flat = [option for in_slot in slots for option in in_slot]
    return Options(
        first=np.cumsum([0, *map(len, slots)]),
        row=np.array([option.row for option in flat], np.int64),
        gain=np.array([option.gain for option in flat], np.int64),
        advertiser=np.array([option.advertiser.bit_length() - 1 - LABELS for option in flat], np.int64),
        labels=np.array([option.claims & ~option.advertiser for option in flat], np.int64),
    )


def options() -> list[list[Option]]:
    """Three advertisers in two slots."""
    return [
        [some_option(row, gain // (slot + 1), advertiser=row) for row, gain in enumerate((10, 8, 6))]
        for slot in range(2)
    ]


def some_option(row: int, gain: int, *, advertiser: int, labels: int = 0) -> Option:
    bit = 1 << LABELS + advertiser
    return Option(row=row, gain=gain, advertiser=bit, claims=bit | labels)


def search(nodes_max: int) -> Search:
    return Search(options=options_of(options()), too_near=[0, 0], ads_max=2, nodes_max=nodes_max)


def test_search_finds_the_best_assignment_and_the_best_without_one() -> None:
    unlimited = search(1_000)
    assert unlimited.best() == Assignment(total=14, rows=(0, 1))
    assert unlimited.total_without(0, 4) == 11
    assert unlimited.total_without(1, 10) == 13


def test_all_searches_of_a_request_share_one_limit() -> None:
    counted = search(1_000)
    counted.best()
    for_best = counted.nodes
    counted.total_without(0, 4)
    assert counted.nodes > for_best

    enough = search(counted.nodes)
    enough.best()
    assert enough.total_without(0, 4) == 11

    too_few = search(counted.nodes - 1)
    too_few.best()
    with pytest.raises(TooManyNodesError):
        too_few.total_without(0, 4)


@st.composite
def searches(draw: st.DrawFn) -> tuple[list[list[Option]], list[int], int]:
    """Up to eight slots, few advertisers and labels, so that much is in conflict and many totals are equal."""
    slots = draw(st.integers(0, 8))
    one = st.builds(
        some_option,
        row=st.integers(0, 50),
        gain=st.integers(0, 6) | st.integers(0, 9 * 10**9),
        advertiser=st.integers(0, 9),
        labels=st.sampled_from([0, 0, 0, 1, 2, 4, 3, 6]),
    )
    in_slots = [draw(st.lists(one, max_size=8)) for _ in range(slots)]
    if draw(st.booleans()):  # all reserves of a slot are one
        in_slots = [sorted(in_slot, key=lambda option: -option.gain) for in_slot in in_slots]
    near = [draw(st.just(0) | st.integers(0, (1 << slot) - 1)) for slot in range(slots)]
    return in_slots, near, draw(st.integers(0, slots))


@settings(max_examples=settings().max_examples * 3)
@given(searches(), st.integers(1, 3_000))
def test_the_compiled_search_is_the_plain_one_node_for_node(
    given_: tuple[list[list[Option]], list[int], int], nodes_max: int
) -> None:
    in_slots, near, ads_max = given_
    plain = vcg_search_plain.Search(options=in_slots, too_near=near, ads_max=ads_max, nodes_max=nodes_max)
    compiled = Search(options=options_of(in_slots), too_near=near, ads_max=ads_max, nodes_max=nodes_max)
    try:
        best = plain.best()
        without = {
            option.advertiser: plain.total_without(option.advertiser, 0) for in_slot in in_slots for option in in_slot
        }
    except TooManyNodesError:
        with pytest.raises(TooManyNodesError):
            all_of(compiled, in_slots)
        return
    assert all_of(compiled, in_slots) == (best, without)
    assert compiled.nodes == plain.nodes


def all_of(search: Search, in_slots: list[list[Option]]) -> tuple[Assignment, dict[int, int]]:
    """Asked as often as the plain search is, option by option: each time takes nodes."""
    best, found = search.best(), {}
    for option in (option for in_slot in in_slots for option in in_slot):
        found[option.advertiser] = search.total_without(option.advertiser.bit_length() - 1 - LABELS, 0)
    return best, found

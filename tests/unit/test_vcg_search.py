"""The short lists and the limit of nodes of VCG, in the cases that chance seldom meets."""

import dataclasses

import pytest

from engine.auctions.vcg_search import Assignment, Option, Search, TooManyNodesError
from tests.oracle import auction as oracle
from tests.oracle import auction_tables as engine
from tests.oracle.auction import Ad, Auction, Slot

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


def options() -> list[list[Option]]:
    """Three advertisers in two slots."""
    return [
        [
            Option(row=row, gain=gain // (slot + 1), advertiser=1 << row, claims=1 << row)
            for row, gain in enumerate((10, 8, 6))
        ]
        for slot in range(2)
    ]


def search(nodes_max: int) -> Search:
    return Search(options=options(), too_near=[0, 0], ads_max=2, nodes_max=nodes_max)


def test_search_finds_the_best_assignment_and_the_best_without_one() -> None:
    unlimited = search(1_000)
    assert unlimited.best() == Assignment(total=14, rows=(0, 1))
    assert unlimited.total_without(1 << 0, 4) == 11
    assert unlimited.total_without(1 << 1, 10) == 13


def test_all_searches_of_a_request_share_one_limit() -> None:
    counted = search(1_000)
    counted.best()
    for_best = counted.nodes
    counted.total_without(1 << 0, 4)
    assert counted.nodes > for_best

    enough = search(counted.nodes)
    enough.best()
    assert enough.total_without(1 << 0, 4) == 11

    too_few = search(counted.nodes - 1)
    too_few.best()
    with pytest.raises(TooManyNodesError):
        too_few.total_without(1 << 0, 4)

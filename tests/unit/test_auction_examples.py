"""The worked examples of auctions.md, on the oracle and on the engine."""

from typing import Any

import pytest

from tests import auction_driver
from tests.oracle.auction import Ad, Auction, Slot, Tier, decide

UNIT = 10**9  # 1.00 of a currency, in nanos
MILLION = 10**6


def ad(name: str, bid: int, **facts: Any) -> Ad:
    given: dict[str, Any] = {"advertiser": name.rstrip("0123456789"), "line_item": name, "tie": ord(name[0]), **facts}
    return Ad(id=name, bid_nanos=bid, **given)


def annoying_and_welcome(kind: str) -> Auction:
    return Auction(
        kind=kind,
        ads=(ad("A", 2_500_000, user_value_ppm=-300_000), ad("B", 2_000_000, user_value_ppm=100_000)),
        slots=(Slot(reserve_nanos=100_000), Slot(reserve_nanos=100_000, position=1)),
        value_of_one_nanos=2_000_000,
    )


def clicks_and_impressions() -> Auction:
    click = {"effects_ppm": (1_000_000, 600_000)}
    return Auction(
        kind="gsp",
        ads=(
            ad("A", 500_000_000, probability_ppb=10_000_000, **click),
            ad("B", 800_000_000, probability_ppb=5_000_000, quality_ppm=1_200_000, **click),
            ad("C", 3_000_000),
        ),
        slots=(Slot(reserve_nanos=100_000), Slot(reserve_nanos=100_000, position=1)),
    )


def edelman_ostrovsky_schwarz(kind: str) -> Auction:
    facts = {"probability_ppb": 10_000_000, "effects_ppm": (1_000_000, 500_000)}
    return Auction(
        kind=kind,
        ads=tuple(ad(name, bid * UNIT, **facts) for name, bid in (("A", 10), ("B", 4), ("C", 2))),
        slots=(Slot(), Slot(position=1)),
    )


def travel_and_autos(kind: str) -> Auction:
    return Auction(
        kind=kind,
        ads=(
            ad("A1", 10 * MILLION, labels=frozenset({"travel"})),
            ad("B", 9 * MILLION, labels=frozenset({"travel"})),
            ad("C", 4 * MILLION, labels=frozenset({"auto"})),
            ad("A2", 3 * MILLION, labels=frozenset({"auto"})),
        ),
        slots=(Slot(reserve_nanos=MILLION), Slot(reserve_nanos=MILLION, position=1)),
    )


def reserved_clicks() -> Auction:
    click = {"effects_ppm": (1_000_000, 500_000)}
    return Auction(
        kind="vcg",
        ads=(ad("A", 10 * UNIT, **click), ad("B", 6 * UNIT, **click)),
        slots=(Slot(reserve_nanos=4 * UNIT), Slot(reserve_nanos=2 * UNIT, position=1)),
    )


def through_deals(kind: str, *, fixed: bool = False) -> Auction:
    return Auction(
        kind=kind,
        ads=(
            ad("A", 3 * MILLION, deals={0: (MILLION, fixed)}),
            ad("B", 5 * MILLION, deals={0: (4 * MILLION, False)}),
            ad("C", 2_500_000),
        ),
        slots=(Slot(reserve_nanos=2 * MILLION),),
    )


EXAMPLES = {
    "1 first price, user value": (annoying_and_welcome("first_price"), [("B", 2_000_000), ("A", 2_500_000)]),
    "1 GSP, user value": (annoying_and_welcome("gsp"), [("B", 1_700_000), ("A", 700_000)]),
    "2 GSP, quality and position": (clicks_and_impressions(), [("A", 480_000_000), ("C", 2_880_000)]),
    "3 GSP": (edelman_ostrovsky_schwarz("gsp"), [("A", 4 * UNIT), ("B", 2 * UNIT)]),
    "3 VCG": (edelman_ostrovsky_schwarz("vcg"), [("A", 3 * UNIT), ("B", 2 * UNIT)]),
    "4 VCG, constraints": (travel_and_autos("vcg"), [("A1", 9 * MILLION), ("C", 2 * MILLION)]),
    "4 GSP, constraints": (travel_and_autos("gsp"), [("A1", 9 * MILLION), ("C", 1 * MILLION)]),
    "5 VCG, reserve": (reserved_clicks(), [("A", 5 * UNIT), ("B", 4 * UNIT)]),
    "6 GSP, deals": (through_deals("gsp"), [("B", 4 * MILLION)]),
    "6 VCG, deals": (through_deals("vcg"), [("A", 2 * MILLION)]),
    "6 VCG, fixed price": (through_deals("vcg", fixed=True), [("A", MILLION)]),
}


def paid(tier: Tier) -> list[tuple[str, int]]:
    assert [win.slot for win in tier.wins] == list(range(len(tier.wins)))
    return [(win.ad, win.price_nanos) for win in tier.wins]


@pytest.mark.parametrize("name", EXAMPLES)
def test_oracle_gives_the_published_prices(name: str) -> None:
    auction, expected = EXAMPLES[name]
    assert paid(decide(auction)[0]) == expected


@pytest.mark.parametrize("name", EXAMPLES)
def test_engine_gives_the_published_prices(name: str) -> None:
    auction, expected = EXAMPLES[name]
    assert paid(auction_driver.decide(auction)[0]) == expected
    assert auction_driver.decide(auction) == decide(auction)

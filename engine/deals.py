"""Deals: what an imp offers, what a line item has, and what comes of holding one against the other.

OpenRTB 2.6, 3.2.11 (Pmp) and 3.2.12 (Deal); the rules are written out in docs/auctions.md, Deals. All money is nanos of
the policy's currency per impression.
"""

from collections.abc import Collection, Generator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from engine import layout
from engine.domains import domain_listed
from engine.layout import CANDIDATE, UNKNOWN
from engine.limits import PLACED_SLICE_ROWS
from engine.reasons import Reason
from engine.verdicts import EVERYTHING, VerdictTable


class Offer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A deal as an imp offers it. ``wseat`` and ``wadomain``: who may bid, empty for everyone; domains in lower case."""

    id: str
    floor_nanos: int
    fixed: bool
    wseat: tuple[str, ...]
    wadomain: tuple[str, ...]


class Offers(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an imp's ``pmp`` comes to; each deal once. ``private``: only through one of them can it be had."""

    private: bool
    deals: tuple[Offer, ...]


class OwnDeal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A deal of a line item, by its entity. ``admits``: whether it is open to the ad's seat and domains."""

    id: str
    floor_nanos: int
    fixed: bool
    admits: bool


class OwnDeals(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The deals of an ad's line item in its order, and what offers ask about who bids. Without deals: ``NO_DEALS``."""

    deals: tuple[OwnDeal, ...] = ()
    seat: str = ""
    adomain: tuple[str, ...] = ()


NO_DEALS: Final = OwnDeals()


class Terms(NamedTuple):
    """On what terms an ad comes to a slot: ``verdict`` is CANDIDATE or the reason against it, the rest as ``layout.TERMS``."""

    verdict: int
    reserve_nanos: int = 0
    fixed: int = 0
    deal: int = -1


def seat_listed(seat: str, listed: Collection[str]) -> bool:
    """Whether a list of seats names this one; an empty seat is none, which no list names."""
    return bool(seat) and seat in listed


def open_to(seat: str, adomain: Sequence[str], *, wseat: Collection[str], wadomain: Collection[str]) -> bool:
    """Whether a deal may be bid on: an empty list asks nothing, and each of the ad's domains has to be allowed."""
    if wseat and not seat_listed(seat, wseat):
        return False
    return not wadomain or (bool(adomain) and all(domain_listed(domain, wadomain) for domain in adomain))


_Read = tuple[Offer, frozenset[str], frozenset[str]]  # with its seats and domains


class Book:
    """The offers of one imp, by deal id."""

    def __init__(self, offers: Offers) -> None:
        self._offers: Final = offers
        self._by_id: dict[str, _Read] | None = None

    def terms(self, own: OwnDeals) -> Terms:
        """Of the deals that are offered and open to the ad, the one of the least reserve; of equals the first of its own."""
        if not own.deals:
            return Terms(Reason.PRIVATE_AUCTION if self._offers.private else CANDIDATE)
        best, refusal = None, Reason.NO_DEAL
        offered = self._read()
        for place, deal in enumerate(own.deals):
            if deal.id not in offered:
                continue
            offer, wseat, wadomain = offered[deal.id]
            if not (deal.admits and open_to(own.seat, own.adomain, wseat=wseat, wadomain=wadomain)):
                refusal = Reason.DEAL_REFUSED
                continue
            reserve_nanos = max(offer.floor_nanos, deal.floor_nanos)
            if best is None or reserve_nanos < best.reserve_nanos:
                best = Terms(CANDIDATE, reserve_nanos, int(offer.fixed or deal.fixed), place)
        return best or Terms(refusal)

    def _read(self) -> dict[str, _Read]:
        """By id, when first needed: a slot of a kind seen before needs none."""
        if self._by_id is None:
            self._by_id = {
                offer.id: (offer, frozenset(offer.wseat), frozenset(offer.wadomain)) for offer in self._offers.deals
            }
        return self._by_id


def by_deal(values: Sequence[OwnDeals]) -> Generator[None, None, dict[str, list[int]]]:
    """For each deal id the places of the values that have it; in slices (D11)."""
    having: dict[str, list[int]] = {}
    for start in range(0, len(values), PLACED_SLICE_ROWS):
        for place, own in enumerate(values[start : start + PLACED_SLICE_ROWS], start):
            for deal in own.deals:
                having.setdefault(deal.id, []).append(place)
        yield
    return having


class DealTable(VerdictTable[OwnDeals]):
    """Verdicts on deals, and ``terms``, int64[rows, values, TERMS]. Row EVERYTHING: of an imp without ``pmp``.

    ``having``: as ``by_deal`` makes it.
    """

    def __init__(self, values: Sequence[OwnDeals], having: Mapping[str, Sequence[int]]) -> None:
        super().__init__(values, verdict_bytes=1 + 8 * layout.TERMS)
        self._books: Final[dict[int, Book]] = {}
        self.terms: layout.Ints = np.zeros((1, len(values), layout.TERMS), np.int64)
        self._dealt: Final = np.array([bool(own.deals) for own in values], np.bool_)
        self._having: Final = having
        self.table[EVERYTHING] = np.where(self._dealt, int(Reason.NO_DEAL), CANDIDATE)

    def offered(self, offers: Offers) -> int:
        """The row of an imp's offers: what they are to ads that have none of these deals is known at once."""
        held, book = offers in self._rows, Book(offers)
        row = self.row(offers, lambda own: book.terms(own).verdict)
        if not held:
            self._books[row] = book
            self.table[row] = np.where(self._dealt, int(Reason.NO_DEAL), book.terms(NO_DEALS).verdict)
            for offer in offers.deals:
                self.table[row, self._having.get(offer.id, [])] = UNKNOWN
        if len(self.terms) < len(self.table):
            more = len(self.table) - len(self.terms)
            self.terms = np.concatenate((self.terms, np.zeros((more, *self.terms.shape[1:]), np.int64)))
        return row

    def judge(self, row: int, code: int) -> None:
        """Judge a value and note its terms, if nobody has."""
        if self.table[row, code] == UNKNOWN:
            self.table[row, code], *self.terms[row, code] = self._books[row].terms(self._values[code])

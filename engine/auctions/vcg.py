"""Vickrey-Clarke-Groves: the assignment of the greatest total value; each winner pays what it costs the others.

Exact or not used: beyond ``Rules.vcg_nodes_max`` search nodes the request runs as GSP and says so. The reserve is the
seller's own bid and stands inside the total. Needs advertiser_once, so that a bidder is one advertiser.

A deal's candidate has a reserve of its own, so that what it gains, w = v - r, need not fall with v. What follows counts a
candidate as above another in a slot when its (w, v, tie) is greater; where all reserves of a slot are one, (v, tie) is.

Why a short list of candidates is enough. Let K be the most ads that can stand (open slots or what ads_max leaves, the
lesser), m the most labels of an ad, and x a candidate of slot k. Take the best assignment (of all candidates, or of all
but one advertiser's), the lexicographically greatest of equals, and suppose x stands in slot k. Beside x at most K - 1
ads stand. If then some y above x in slot k could take x's place, the assignment was not the best: it gained less, or
as much and came later in order. So x can be left out of slot k when, above it in slot k, there is

1. an ad of x's own advertiser, without labels that x has not: whatever lets x stand, lets it stand; or
2. more than K ads of different advertisers, each without labels that x has not: the others hold back at most K - 1 of
   them by their advertiser, and one more may be the advertiser left out; or
3. a set of ads of different advertisers and disjoint labels that no K - 1 others can hold back altogether: each other
   ad holds back one by its advertiser and m by its labels, the latter only of those that have any, and one more may be
   the advertiser left out.

Rule 3 looks at nothing of x but its gain, so it holds for rows not seen yet as well: one whose v is below the least
gain of the list and the least reserve of the slot together gains less. As the list of a slot ends where rule 3 is met, and
rules 1 and 2 look only upwards, rows strictly below that line change neither list nor node count.
"""

import dataclasses
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from engine.auctions import gsp
from engine.auctions.base import LINE_CLOSED, Award, Candidates, Column, Mask, Outcome, Placed, Rules, Slots
from engine.auctions.feasibility import far_enough, joinable, open_slots
from engine.auctions.greedy import runners_up_line
from engine.auctions.price import fixed_price_nanos, price_nanos
from engine.auctions.vcg_search import Assignment, Options, Search, TooManyNodesError
from engine.auctions.vcg_shortlist import LISTED, MET, Bids, Work, next_best, number, room, short_list
from engine.compiled import entry
from engine.limits import RUNNERS_UP

_short_list, _next_best = entry(short_list), entry(next_best)
_NONE: Final = np.zeros(0, np.int64)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One open slot and its ``contenders``: the candidates that can stand in a best assignment, the greatest (v, tie) first.

    No row below ``line`` can. ``least``: no reserve is below it.
    """

    slot: int
    least: int
    contenders: Column
    line: int


def run(candidates: Candidates, slots: Slots, rules: Rules, placed: tuple[Placed, ...]) -> Outcome:
    """Decide every open slot; see base.py. Raises ValueError without advertiser_once."""
    if not rules.advertiser_once:
        raise ValueError("VCG is defined with advertiser_once only")
    openings = open_slots(slots, rules, placed)
    ads_max = min(len(openings), rules.ads_max - len(placed))
    bids, work = _bids(candidates, joinable(candidates, rules, placed)), room(len(candidates.tie), ads_max)
    fields = [_field(slot, slots.least.item(slot), ads_max, bids, work) for slot in openings]
    line = min((field.line for field in fields), default=LINE_CLOSED)
    options = _options(bids, fields)
    search = Search(
        options=options,
        too_near=_too_near(openings, slots, rules),
        ads_max=ads_max,
        nodes_max=rules.vcg_nodes_max,
    )
    try:
        best = search.best()
        harms = _harms(search, best, options)
    except TooManyNodesError:
        outcome = gsp.run(candidates, slots, rules, placed)
        fallen: Outcome = msgspec.structs.replace(outcome, fallback=True, line=min(outcome.line, line))
        return fallen
    awards, lines = _awards(candidates, bids, fields, best, harms)
    return Outcome(auction="vcg", fallback=False, awards=awards, line=min(line, lines))


def _field(slot: int, least: int, ads_max: int, bids: Bids, work: Work) -> Field:
    """The slot's short list, by the three rules above."""
    _short_list(slot, ads_max, bids, work)
    listed, met = work.state.item(LISTED), work.state.item(MET)
    return Field(slot=slot, least=least, contenders=work.listed[:listed].copy(), line=least if met < 0 else least + met)


def _bids(candidates: Candidates, free: Mask) -> Bids:
    """Each column by itself in memory, however the candidates have it: compiled code is made for one kind."""
    return Bids(
        free=np.ascontiguousarray(free),
        gain=np.ascontiguousarray(candidates.v - candidates.r),
        v=np.ascontiguousarray(candidates.v),
        admissible=np.ascontiguousarray(candidates.admissible),
        tie=np.ascontiguousarray(candidates.tie),
        line_item=np.ascontiguousarray(candidates.line_item),
        advertiser=np.ascontiguousarray(candidates.advertiser),
        labels=np.ascontiguousarray(candidates.labels),
    )


def _options(bids: Bids, fields: Sequence[Field]) -> Options:
    """Contenders as the search sees them."""
    row = np.concatenate([*(field.contenders for field in fields), _NONE])
    advertiser = np.empty(len(row), np.int64)
    number(bids.advertiser[row], advertiser, np.empty(len(row), np.int64))
    return Options(
        first=np.cumsum([0, *(len(field.contenders) for field in fields)]),
        row=row,
        gain=np.concatenate([*(bids.gain[field.contenders, field.slot] for field in fields), _NONE]),
        advertiser=advertiser,
        labels=bids.labels[row],
    )


def _too_near(openings: Sequence[int], slots: Slots, rules: Rules) -> list[int]:
    """For each open slot a bit for each open slot before it that it is too near to."""
    positions = [slots.position.item(slot) for slot in openings]
    return [
        sum(
            1 << earlier
            for earlier in range(later)
            if not far_enough(positions[later], (positions[earlier],), rules.position_gap_min)
        )
        for later in range(len(openings))
    ]


def _harms(search: Search, best: Assignment, options: Options) -> list[int]:
    """For each slot's winner h, nanos: what the others would gain without its advertiser; 0 for an empty slot."""
    harms = []
    for slot, row in enumerate(best.rows):
        if row < 0:
            harms.append(0)
            continue
        place = options.row.tolist().index(row, options.first.item(slot))
        others = best.total - options.gain.item(place)
        harms.append(search.total_without(options.advertiser.item(place), others) - others)
    return harms


def _awards(
    candidates: Candidates, bids: Bids, fields: Sequence[Field], best: Assignment, harms: Sequence[int]
) -> tuple[tuple[Award, ...], int]:
    """Prices and runners-up: the next best that could stand in the slot with all other slots as they are."""
    awards = []
    line = LINE_CLOSED
    winners, found = np.array(best.rows, np.int64), np.empty(RUNNERS_UP, np.int64)
    for place, (row, field, harm) in enumerate(zip(best.rows, fields, harms, strict=True)):
        if row < 0:
            continue
        reserve = candidates.r.item(row, field.slot)
        price, by_harm = price_nanos(candidates, row, field.slot, target=harm + reserve)
        setter = "vcg" if by_harm else "reserve"
        if candidates.fixed.item(row, field.slot):
            price, setter = fixed_price_nanos(n=candidates.n.item(row, field.slot), reserve=reserve), "deal"
        count = _next_best(field.slot, place, winners, bids, found)
        runners_up = tuple(found[:count].tolist())
        line = min(line, runners_up_line(candidates, field.slot, field.least, runners_up))
        awards.append(
            Award(
                slot=field.slot,
                candidate=row,
                price_nanos=price,
                setter=setter,
                setter_candidate=-1,
                runners_up=runners_up,
            )
        )
    return tuple(awards), line

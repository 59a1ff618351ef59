"""Vickrey-Clarke-Groves: the assignment of the greatest total value; each winner pays what it costs the others.

Exact or not used: beyond ``Rules.vcg_nodes_max`` search nodes the request runs as GSP and says so. The reserve is the
seller's own bid and stands inside the total. Needs advertiser_once, so that a bidder is one advertiser.

Why a short list of candidates is enough. Let K be the most ads that can stand (open slots or what ads_max leaves, the
lesser), m the most labels of an ad, and x a candidate of slot k. Take the best assignment (of all candidates, or of all
but one advertiser's), the lexicographically greatest of equals, and suppose x stands in slot k. Beside x at most K - 1
ads stand. If then some y with a greater (v, tie) in slot k could take x's place, the assignment was not the best. So x
can be left out of slot k when, above it in slot k, there is

1. an ad of x's own advertiser, without labels that x has not: whatever lets x stand, lets it stand; or
2. more than K ads of different advertisers, each without labels that x has not: the others hold back at most K - 1 of
   them by their advertiser, and one more may be the advertiser left out; or
3. a set of ads of different advertisers and disjoint labels that no K - 1 others can hold back altogether: each other
   ad holds back one by its advertiser and m by its labels, the latter only of those that have any, and one more may be
   the advertiser left out.

Rule 3 looks at nothing of x but its value, so it holds for rows not seen yet as well. As the list of a slot ends where
rule 3 is met, and rules 1 and 2 look only upwards, rows strictly below that line change neither list nor node count.
"""

import dataclasses
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from engine.auctions import gsp
from engine.auctions.contract import LINE_CLOSED, Award, Candidates, Column, Outcome, Placed, Rules, Slots
from engine.auctions.feasibility import as_placed, far_enough, joinable, open_slots, ranked
from engine.auctions.greedy import runners_up_line
from engine.auctions.price import price_nanos
from engine.auctions.vcg_search import Assignment, Options, Search, TooManyNodesError
from engine.limits import EXCLUSION_LABELS_PER_AD_MAX, RUNNERS_UP

_NONE: Final = np.zeros(0, np.int64)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """The candidates of one open slot: all, best first; and those that can stand in a best assignment.

    No row below ``line`` can.
    """

    slot: int
    reserve: int
    ranking: Column
    contenders: list[int]
    line: int


def run(candidates: Candidates, slots: Slots, rules: Rules, placed: tuple[Placed, ...]) -> Outcome:
    """Decide every open slot; see contract.py. Raises ValueError without advertiser_once."""
    if not rules.advertiser_once:
        raise ValueError("VCG is defined with advertiser_once only")
    openings = open_slots(slots, rules, placed)
    ads_max = min(len(openings), rules.ads_max - len(placed))
    free = joinable(candidates, rules, placed)
    fields = [
        _field(candidates, slot, slots.reserve.item(slot), ranked(candidates, slot, free), ads_max) for slot in openings
    ]
    line = min((field.line for field in fields), default=LINE_CLOSED)
    options = _options(candidates, fields)
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
    awards, lines = _awards(candidates, rules, fields, best, harms)
    return Outcome(auction="vcg", fallback=False, awards=awards, line=min(line, lines))


def _field(candidates: Candidates, slot: int, reserve: int, ranking: Column, ads_max: int) -> Field:
    """The slot's short list, by the three rules above."""
    contenders = []
    crowds = _Crowds(ads_max)
    spread = _Spread(ads_max)
    line = reserve
    for row in ranking.tolist():
        advertiser, labels = candidates.advertiser.item(row), candidates.labels.item(row)
        if crowds.hide(advertiser, labels):
            continue
        contenders.append(row)
        crowds.add(advertiser, labels)
        spread.add(advertiser, labels)
        if spread.complete:
            line = candidates.v.item(row, slot)
            break
    return Field(slot=slot, reserve=reserve, ranking=ranking, contenders=contenders, line=line)


class _Crowds:
    """Rules 1 and 2: the advertisers of the contenders above, by the labels of their ads."""

    def __init__(self, ads_max: int) -> None:
        self._ads_max: Final = ads_max
        self._advertisers: Final[dict[int, set[int]]] = {}
        self._full: Final[set[int]] = set()  # labels that rule 2 hides, and goes on to hide further down

    def add(self, advertiser: int, labels: int) -> None:
        self._advertisers.setdefault(labels, set()).add(advertiser)

    def hide(self, advertiser: int, labels: int) -> bool:
        """Whether an ad below all those added can stand in no best assignment."""
        if labels in self._full:
            return True
        above: set[int] = set()
        for other, advertisers in self._advertisers.items():
            if not other & ~labels:
                above |= advertisers
        if len(above) > self._ads_max:
            self._full.add(labels)
            return True
        return advertiser in above


class _Spread:
    """The set of rule 3, grown from the top: advertisers differ and labels are disjoint."""

    def __init__(self, ads_max: int) -> None:
        self._ads_max: Final = ads_max
        self._advertisers: Final[list[int]] = []
        self._labels = 0
        self._plain = 0
        self._labelled = 0

    def add(self, advertiser: int, labels: int) -> None:
        if advertiser in self._advertisers or labels & self._labels:
            return
        self._advertisers.append(advertiser)
        self._labels |= labels
        if labels:
            self._labelled += 1
        else:
            self._plain += 1

    @property
    def complete(self) -> bool:
        """Whether ads_max - 1 others and one advertiser left out cannot hold back every member."""
        by_label = EXCLUSION_LABELS_PER_AD_MAX * (self._ads_max - 1)
        return self._plain + max(0, self._labelled - by_label) > self._ads_max


def _options(candidates: Candidates, fields: Sequence[Field]) -> Options:
    """Contenders as the search sees them."""
    rows = [np.array(field.contenders, np.int64) for field in fields]
    gains = [
        candidates.v[own, field.slot].astype(np.int64) - field.reserve for own, field in zip(rows, fields, strict=True)
    ]
    row = np.concatenate([*rows, _NONE])
    _, advertiser = np.unique(candidates.advertiser[row], return_inverse=True)
    return Options(
        first=np.cumsum([0, *map(len, rows)]),
        row=row,
        gain=np.concatenate([*gains, _NONE]),
        advertiser=advertiser.astype(np.int64),
        labels=candidates.labels[row].astype(np.int64),
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
    candidates: Candidates, rules: Rules, fields: Sequence[Field], best: Assignment, harms: Sequence[int]
) -> tuple[tuple[Award, ...], int]:
    """Prices and runners-up: the next best that could stand in the slot with all other slots as they are."""
    winners = [as_placed(candidates, row, field.slot) for row, field in zip(best.rows, fields, strict=True) if row >= 0]
    awards = []
    line = LINE_CLOSED
    for row, field, harm in zip(best.rows, fields, harms, strict=True):
        if row < 0:
            continue
        target = harm + field.reserve
        price, by_harm = price_nanos(candidates, row, field.slot, reserve=field.reserve, target=target)
        free = joinable(candidates, rules, [ad for ad in winners if ad.slot != field.slot])
        free[row] = False
        runners_up = tuple(field.ranking[free[field.ranking]][:RUNNERS_UP].tolist())
        line = min(line, runners_up_line(candidates, field.slot, field.reserve, runners_up))
        awards.append(
            Award(
                slot=field.slot,
                candidate=row,
                price_nanos=price,
                setter="vcg" if by_harm else "reserve",
                setter_candidate=-1,
                runners_up=runners_up,
            )
        )
    return tuple(awards), line

"""VCG's short lists as compiled code: which candidates of a slot can stand in a best assignment (the rules in ``vcg.py``).

``tests/oracle/vcg_shortlist_plain.py`` is the readable twin, and what both must agree with row for row. Candidates are
taken from a heap, so that a list that ends after some dozen rows never sorts the rest.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.compiled import compiled
from engine.layout import Ints
from engine.limits import EXCLUSION_LABELS_PER_AD_MAX, RUNNERS_UP

# state, [3]: how many candidates are in the heap, how many are listed; the gain where rule 3 was met, -1 when it was not.
_HEAPED, LISTED, MET = range(3)
_NOBODY: Final = -1
_BY_ITS_OWN, _BY_A_CROWD = 1, 2


class Bids(NamedTuple):
    """Columns of Candidates (``base.py``); ``gain``: w = v - r, of shape (c, k) like ``v`` and ``admissible``.

    ``free``: who may join the ads of earlier tiers.
    """

    free: NDArray[np.bool_]
    gain: Ints
    v: Ints
    admissible: NDArray[np.bool_]
    tie: NDArray[np.uint64]
    line_item: Ints
    advertiser: Ints
    labels: Ints


class Work(NamedTuple):
    """Room for one list: ``heap`` and ``listed``, (c,); ``crowd`` and ``spread``: the advertisers of rules 2 and 3."""

    state: Ints
    heap: Ints
    listed: Ints
    crowd: Ints
    spread: Ints


def room(candidates: int, ads_max: int) -> Work:
    """For as many candidates. Rule 3 is met before its set is fuller."""
    return Work(
        state=np.zeros(3, np.int64),
        heap=np.empty(candidates, np.int64),
        listed=np.empty(candidates, np.int64),
        crowd=np.empty(ads_max + 1, np.int64),
        spread=np.empty(2 + ads_max * (1 + EXCLUSION_LABELS_PER_AD_MAX), np.int64),
    )


@compiled
def worthier(row: int, other: int, slot: int, bids: Bids) -> bool:
    """Whether a candidate has the greater (v, tie)."""
    if bids.v[row, slot] != bids.v[other, slot]:
        return bool(bids.v[row, slot] > bids.v[other, slot])
    return bool(bids.tie[row] > bids.tie[other])


@compiled
def gains_more(row: int, other: int, slot: int, bids: Bids) -> bool:
    """Whether a candidate has the greater (w, v, tie)."""
    if bids.gain[row, slot] != bids.gain[other, slot]:
        return bool(bids.gain[row, slot] > bids.gain[other, slot])
    return worthier(row, other, slot, bids)


@compiled
def sift(place: int, slot: int, bids: Bids, work: Work) -> None:
    """Let a candidate sink in the heap to where none below it gains more."""
    heap, count = work.heap, work.state[_HEAPED]
    row = heap[place]
    while 2 * place + 1 < count:
        child = 2 * place + 1
        if child + 1 < count and gains_more(heap[child + 1], heap[child], slot, bids):
            child += 1
        if not gains_more(heap[child], row, slot, bids):
            break
        heap[place] = heap[child]
        place = child
    heap[place] = row


@compiled
def take(slot: int, bids: Bids, work: Work) -> int:
    """The candidate that gains most, out of the heap."""
    heap, state = work.heap, work.state
    row = heap[0]
    state[_HEAPED] -= 1
    heap[0] = heap[state[_HEAPED]]
    sift(0, slot, bids, work)
    return int(row)


@compiled
def hidden(row: int, ads_max: int, bids: Bids, work: Work) -> int:
    """Whether those listed, all above it, keep a candidate out of every best assignment: by rule 1, rule 2, or 0 for neither."""
    labels, crowd, crowded = bids.labels[row], work.crowd, 0
    for place in range(work.state[LISTED]):
        other = work.listed[place]
        if bids.labels[other] & ~labels:
            continue
        advertiser = bids.advertiser[other]
        if advertiser == bids.advertiser[row]:
            return _BY_ITS_OWN
        known = False
        for member in range(crowded):
            known = known or crowd[member] == advertiser
        if not known:
            crowd[crowded] = advertiser
            crowded += 1
            if crowded > ads_max:
                return _BY_A_CROWD
    return 0


@compiled
def thin_out(labels: int, slot: int, bids: Bids, work: Work) -> None:
    """Drop from the heap whoever has all of these labels: the crowd that hides one of them hides all of those below it."""
    state, heap, left = work.state, work.heap, 0
    for place in range(state[_HEAPED]):
        if labels & ~bids.labels[heap[place]]:
            heap[left] = heap[place]
            left += 1
    state[_HEAPED] = left
    order(slot, bids, work)


@compiled
def order(slot: int, bids: Bids, work: Work) -> None:
    """Make a heap of the rows that lie there."""
    for place in range(work.state[_HEAPED] // 2 - 1, -1, -1):
        sift(place, slot, bids, work)


@compiled
def short_list(slot: int, ads_max: int, bids: Bids, work: Work) -> None:
    """List the candidates that may stand in a slot, the greatest (v, tie) first."""
    state, heap, listed, spread = work.state, work.heap, work.listed, work.spread
    state[_HEAPED] = 0
    for row in range(len(bids.free)):
        if bids.free[row] and bids.admissible[row, slot]:
            heap[state[_HEAPED]] = row
            state[_HEAPED] += 1
    order(slot, bids, work)
    state[LISTED], state[MET] = 0, -1
    members, plain, labelled, held = 0, 0, 0, 0
    by_label = EXCLUSION_LABELS_PER_AD_MAX * (ads_max - 1)
    while state[_HEAPED] > 0 and state[MET] < 0:
        row = take(slot, bids, work)
        why = hidden(row, ads_max, bids, work)
        if why == _BY_A_CROWD:
            thin_out(bids.labels[row], slot, bids, work)
        if why:
            continue
        listed[state[LISTED]] = row
        state[LISTED] += 1
        differs = not bids.labels[row] & held
        for member in range(members):
            differs = differs and spread[member] != bids.advertiser[row]
        if differs:
            spread[members] = bids.advertiser[row]
            members += 1
            held |= bids.labels[row]
            if bids.labels[row]:
                labelled += 1
            else:
                plain += 1
        if plain + max(0, labelled - by_label) > ads_max:
            state[MET] = bids.gain[row, slot]
    for end in range(1, state[LISTED]):
        row, place = listed[end], end
        while place > 0 and worthier(row, listed[place - 1], slot, bids):
            listed[place] = listed[place - 1]
            place -= 1
        listed[place] = row


@compiled
def apart(row: int, own: int, winners: Ints, bids: Bids) -> bool:
    """Whether a candidate may stand in place of winner number ``own`` beside all other winners."""
    for place in range(len(winners)):
        other = winners[place]
        if other >= 0 and place != own:
            if bids.line_item[row] == bids.line_item[other] or bids.advertiser[row] == bids.advertiser[other]:
                return False
            if bids.labels[row] & bids.labels[other]:
                return False
    return True


@compiled
def next_best(slot: int, own: int, winners: Ints, bids: Bids, found: Ints) -> int:
    """Write who else could have stood in a slot, the greatest (v, tie) first, RUNNERS_UP at most; returns how many."""
    count = 0
    for row in range(len(bids.free)):
        if row == winners[own] or not (bids.free[row] and bids.admissible[row, slot]):
            continue
        place = count
        while place > 0 and worthier(row, found[place - 1], slot, bids):
            place -= 1
        if place == RUNNERS_UP or not apart(row, own, winners, bids):
            continue
        count = min(count + 1, RUNNERS_UP)
        for other in range(count - 1, place, -1):
            found[other] = found[other - 1]
        found[place] = row
    return count


@compiled
def number(advertiser: Ints, numbers: Ints, seen: Ints) -> int:
    """Number advertisers from 0 in the order of their first appearance; returns how many there are. ``seen``: room for all."""
    count = 0
    for place in range(len(advertiser)):
        known = _NOBODY
        for one in range(count):
            if seen[one] == advertiser[place]:
                known = one
                break
        if known == _NOBODY:
            known = count
            seen[count] = advertiser[place]
            count += 1
        numbers[place] = known
    return count

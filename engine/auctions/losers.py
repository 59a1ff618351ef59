"""Why a candidate that could have stood somewhere won nothing: one reason, the first in the fixed order (D12)."""

from typing import Final

from engine.auctions.compiled_feasibility import OUTBID, Contest, far_enough, obstacle
from engine.compiled import compiled
from engine.layout import ADMISSIBLE, CANDIDATE, P_REACH, WINNER, Ints
from engine.reasons import Reason

_NO_SLOT: Final = int(Reason.NO_SLOT)
_LAST: Final = len(Reason)


FROM_ABOVE, FROM_ALL_SIDES = range(2)


@compiled
def losers(line: int, sides: int, contest: Contest, reasons: Ints, counts: Ints) -> None:
    """Why each candidate won nothing: ``reasons``, one each; CANDIDATE for winners and for those below the line. Each is
    added to ``counts`` as well.

    A candidate is held against each slot where it is admissible, with the ads of earlier tiers and of the slots before
    it standing (``sides`` FROM_ABOVE; FROM_ALL_SIDES, as after VCG: of all other slots). OUTBID when it could have stood
    in some slot, where a better one then stands; otherwise the first reason that kept it out of any of them.
    """
    slots = len(contest.slots)
    for row in range(len(reasons)):
        reasons[row] = CANDIDATE
        if contest.pool[row, P_REACH] < line:
            continue
        found = _LAST
        for slot in range(slots):
            if contest.values[row, slot, ADMISSIBLE] == 0:
                continue
            before = slots if sides == FROM_ALL_SIDES else slot
            here = obstacle(row, slot, contest, before)
            if here == OUTBID and not far_enough(slot, contest, before):
                here = _NO_SLOT
            found = here if here == OUTBID else min(found, here)
            if found == OUTBID:
                break
        reasons[row] = found
    for slot in range(slots):
        if contest.awards[slot, WINNER] >= 0:
            reasons[contest.awards[slot, WINNER]] = CANDIDATE
    for row in range(len(reasons)):
        if 0 <= reasons[row] < _LAST:  # a row admissible in no slot has none; the pool holds none such
            counts[reasons[row]] += 1

"""Slot by slot in feed order: each takes its best candidate that the slots before it leave. Greedy is the definition.

First price and GSP share it and differ in what the winner of a slot pays.
"""

from collections.abc import Callable, Sequence

from engine.auctions.base import LINE_CLOSED, Award, Candidates, Outcome, Placed, Rules, Slots
from engine.auctions.feasibility import as_placed, joinable, open_slots, ranked
from engine.limits import RUNNERS_UP

# (candidates, slot, least reserve, ranking) -> award and line of the slot; the ranking's first row is the winner.
Charge = Callable[[Candidates, int, int, Sequence[int]], tuple[Award, int]]


def fill(
    candidates: Candidates,
    slots: Slots,
    rules: Rules,
    placed: tuple[Placed, ...],
    *,
    auction: str,
    charge: Charge,
) -> Outcome:
    """The outcome. A slot that may not be filled (gap, ads_max) needs no row; an empty one any above the least reserve."""
    standing = list(placed)
    free = joinable(candidates, rules, placed)
    awards = []
    line = LINE_CLOSED
    for slot in open_slots(slots, rules, placed):
        if slot not in open_slots(slots, rules, standing):
            continue
        least = slots.least.item(slot)
        ranking = ranked(candidates, slot, free).tolist()
        if not ranking:
            line = min(line, least)
            continue
        award, slot_line = charge(candidates, slot, least, ranking)
        awards.append(award)
        line = min(line, slot_line)
        winner = as_placed(candidates, award.candidate, slot)
        standing.append(winner)
        free &= joinable(candidates, rules, (winner,))
    return Outcome(auction=auction, fallback=False, awards=tuple(awards), line=line)


def runners_up_line(candidates: Candidates, slot: int, least: int, runners_up: Sequence[int]) -> int:
    """Rows below it are no runner-up: the last one's v, or the least reserve where there is room for more."""
    return candidates.v.item(runners_up[-1], slot) if len(runners_up) == RUNNERS_UP else least

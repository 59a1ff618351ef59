"""First price and GSP as compiled code; ``greedy.py`` is the readable twin, and what both must agree with to the last nano."""

from engine.auctions.base import LINE_CLOSED
from engine.auctions.compiled_feasibility import OUTBID, Contest, far_enough, obstacle
from engine.compiled import compiled
from engine.layout import (
    ADMISSIBLE,
    LEAST,
    OWN_LINE,
    P_ADVERTISER,
    P_LISTED,
    P_TIE,
    RIVAL,
    TARGET,
    WINNER,
    R,
    V,
)
from engine.limits import RUNNERS_UP

FIRST_PRICE, SECOND_PRICE = range(2)


@compiled
def rank(listed: int, auction: int, contest: Contest) -> int:
    """Fill the awards slot by slot from the candidates listed; returns the line below which no further row matters. Prices
    would pass int64.
    """
    values, awards, line = contest.values, contest.awards, LINE_CLOSED
    awards[:] = -1
    for slot in range(len(contest.slots)):
        awards[slot, OWN_LINE] = LINE_CLOSED
        if not far_enough(slot, contest, slot):
            continue
        least = contest.slots[slot, LEAST]
        found = 0
        for number in range(listed):
            row = contest.pool[number, P_LISTED]
            if values[row, slot, ADMISSIBLE] == 0:
                continue
            place = found
            while place > 0 and above(row, awards[slot, place - 1], slot, contest):
                place -= 1
            if place > RUNNERS_UP or obstacle(row, slot, contest, slot) != OUTBID:
                continue
            found = min(found + 1, RUNNERS_UP + 1)
            for other in range(found - 1, place, -1):
                awards[slot, other] = awards[slot, other - 1]
            awards[slot, place] = row
        if found == 0:
            awards[slot, OWN_LINE] = least
            line = min(line, least)
            continue
        slot_line = values[awards[slot, RUNNERS_UP], slot, V] if found == RUNNERS_UP + 1 else least
        awards[slot, TARGET] = values[awards[slot, WINNER], slot, R]
        if auction == SECOND_PRICE:
            rival = rival_of(slot, listed, contest)
            awards[slot, RIVAL] = rival
            if rival >= 0:
                awards[slot, TARGET] = max(awards[slot, TARGET], values[rival, slot, V])
            slot_line = min(slot_line, awards[slot, TARGET])
        awards[slot, OWN_LINE] = slot_line
        line = min(line, slot_line)
    return line


@compiled
def list_all(count: int, contest: Contest) -> int:
    """List every candidate; returns how many there are."""
    for row in range(count):
        contest.pool[row, P_LISTED] = row
    return count


@compiled
def list_reaching(listed: int, contest: Contest) -> int:
    """Leave in the list those that reach the line of some slot, as the last ranking left it; returns how many they are."""
    values, left = contest.values, 0
    for number in range(listed):
        row = contest.pool[number, P_LISTED]
        for slot in range(len(contest.slots)):
            if values[row, slot, ADMISSIBLE] and values[row, slot, V] >= contest.awards[slot, OWN_LINE]:
                contest.pool[left, P_LISTED] = row
                left += 1
                break
    return left


@compiled
def above(row: int, other: int, slot: int, contest: Contest) -> bool:
    """Whether a candidate ranks above another in a slot: by value, then by tie hash."""
    values, pool = contest.values, contest.pool
    if values[row, slot, V] != values[other, slot, V]:
        return bool(values[row, slot, V] > values[other, slot, V])
    return bool(pool[row, P_TIE] > pool[other, P_TIE])


@compiled
def rival_of(slot: int, listed: int, contest: Contest) -> int:
    """The best candidate of another advertiser that could have stood in the slot; -1: none."""
    advertiser = contest.pool[contest.awards[slot, WINNER], P_ADVERTISER]
    rival = -1
    for number in range(listed):
        row = contest.pool[number, P_LISTED]
        if (
            contest.values[row, slot, ADMISSIBLE]
            and contest.pool[row, P_ADVERTISER] != advertiser
            and (rival < 0 or above(row, rival, slot, contest))
            and obstacle(row, slot, contest, slot) == OUTBID
        ):
            rival = row
    return rival

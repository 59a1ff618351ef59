"""Which ads may stand together, as compiled code; ``feasibility.py`` is its readable twin (docs/auctions.md, Numbers)."""

from typing import Final, NamedTuple

from engine.compiled import compiled
from engine.layout import (
    A_ADVERTISER,
    A_LABELS,
    A_LINE_ITEM,
    A_SLOT,
    ADS_MAX,
    GAP_MIN,
    HAS_LAST,
    LAST_POSITION,
    ONE_AN_ADVERTISER,
    OPEN,
    P_ADVERTISER,
    P_LABELS,
    P_LINE_ITEM,
    POSITION,
    WINNER,
    Ints,
)
from engine.reasons import Reason

_LINE_ITEM_ONCE: Final = int(Reason.LINE_ITEM_ONCE)
_ADVERTISER_ONCE: Final = int(Reason.ADVERTISER_ONCE)
_EXCLUSION_LABEL: Final = int(Reason.EXCLUSION_LABEL)
OUTBID: Final = int(Reason.OUTBID)


class Contest(NamedTuple):
    """One tier's auction in numbers (``layout.py``)."""

    request: Ints
    slots: Ints
    pool: Ints
    values: Ints
    placed: Ints
    awards: Ints


@compiled
def far_enough(slot: int, contest: Contest, before: int) -> bool:
    """Whether one more ad may stand in a slot beside those placed, and those awarded in other slots below ``before``."""
    request, slots, placed = contest.request, contest.slots, contest.placed
    if slots[slot, OPEN] == 0:
        return False
    standing = len(placed)
    position = slots[slot, POSITION]
    for ad in range(len(placed)):
        if abs(position - slots[placed[ad, A_SLOT], POSITION]) < request[GAP_MIN]:
            return False
    if request[HAS_LAST] and abs(position - request[LAST_POSITION]) < request[GAP_MIN]:
        return False
    for other in range(before):
        if contest.awards[other, WINNER] >= 0 and other != slot:
            standing += 1
            if abs(position - slots[other, POSITION]) < request[GAP_MIN]:
                return False
    return bool(standing < request[ADS_MAX])


@compiled
def clash(row: int, line_item: int, advertiser: int, labels: int, contest: Contest) -> int:
    """The first reason why a candidate cannot stand beside one ad; OUTBID when it can."""
    pool = contest.pool
    if pool[row, P_LINE_ITEM] == line_item:
        return _LINE_ITEM_ONCE
    if contest.request[ONE_AN_ADVERTISER] and pool[row, P_ADVERTISER] == advertiser:
        return _ADVERTISER_ONCE
    return _EXCLUSION_LABEL if pool[row, P_LABELS] & labels else OUTBID


@compiled
def obstacle(row: int, slot: int, contest: Contest, before: int) -> int:
    """The first reason why a candidate cannot join those standing; OUTBID when it can."""
    pool, placed = contest.pool, contest.placed
    found = OUTBID
    for ad in range(len(placed)):
        found = min(found, clash(row, placed[ad, A_LINE_ITEM], placed[ad, A_ADVERTISER], placed[ad, A_LABELS], contest))
    for other in range(before):
        winner = contest.awards[other, WINNER]
        if winner >= 0 and other != slot:
            line_item, advertiser = pool[winner, P_LINE_ITEM], pool[winner, P_ADVERTISER]
            found = min(found, clash(row, line_item, advertiser, pool[winner, P_LABELS], contest))
    return found

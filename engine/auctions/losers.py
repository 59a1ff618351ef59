"""Why a candidate that could have stood somewhere won nothing: one reason, the first in the fixed order (D12)."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.auctions.contract import Candidates, Column, Outcome, Placed, Rules, Slots
from engine.auctions.feasibility import as_placed, open_slots
from engine.reasons import Reason

NOT_A_LOSER: Final = -1


def loser_reason(
    candidates: Candidates, slots: Slots, rules: Rules, placed: tuple[Placed, ...], outcome: Outcome
) -> NDArray[np.int8]:
    """A Reason for each row, shape (c,); NOT_A_LOSER for winners and for rows admissible in no slot.

    A row is held against each slot where it is admissible, with the ads of earlier tiers and of the slots before it
    standing (after VCG: those of all other slots). OUTBID when it could have stood in some slot, where a better one
    then stands; otherwise the first reason in the order of Reason that kept it out of any of them.
    """
    winners = [as_placed(candidates, award.candidate, award.slot) for award in outcome.awards]
    found = np.full(len(candidates.tie), NOT_A_LOSER, np.int64)
    for slot in range(len(slots.reserve)):
        standing = [*placed, *(ad for ad in winners if ad.slot != slot and _counts(ad.slot, slot, outcome))]
        available = slot in open_slots(slots, rules, standing)
        here = _obstacles(candidates, rules, standing, Reason.OUTBID if available else Reason.NO_SLOT)
        settled = (found == Reason.OUTBID) | (here == Reason.OUTBID)
        merged = np.where(settled, Reason.OUTBID, np.where(found == NOT_A_LOSER, here, np.minimum(found, here)))
        found = np.where(candidates.admissible[:, slot], merged, found)
    found[[award.candidate for award in outcome.awards]] = NOT_A_LOSER
    return found.astype(np.int8)


def _counts(other: int, slot: int, outcome: Outcome) -> bool:
    return outcome.auction == "vcg" or other < slot


def _obstacles(candidates: Candidates, rules: Rules, standing: list[Placed], otherwise: Reason) -> Column:
    """The first reason why each row cannot join those standing, by what it shares with them."""
    here = np.full(len(candidates.tie), otherwise, np.int64)
    labels = 0
    for ad in standing:
        labels |= ad.labels
    here[(candidates.labels & labels) != 0] = Reason.EXCLUSION_LABEL
    if rules.advertiser_once:
        for ad in standing:
            here[candidates.advertiser == ad.advertiser] = Reason.ADVERTISER_ONCE
    for ad in standing:
        here[candidates.line_item == ad.line_item] = Reason.LINE_ITEM_ONCE
    return here

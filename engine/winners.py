"""Who won which slot: an award with all that it refers to."""

from collections.abc import Sequence
from typing import Any

import msgspec

from engine.auctions.base import Award
from engine.question import Slot
from engine.request_context import RequestContext
from engine.shown_ads import ShownAd, shown_ad
from engine.tiers import TierResult


class Winner(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """``told``: the values of DecisionFacts and Visit, which all impressions of a decision have alike.

    ``numbers`` and ``values``: the ad's rows of the pool's tables (``layout.py``), the second for the slot.
    """

    context: RequestContext
    told: tuple[Any, ...]
    result: TierResult
    award: Award
    slot: Slot
    ad: ShownAd
    impression_id: str
    numbers: list[int]
    values: list[int]


def winners_of(
    context: RequestContext, told: tuple[Any, ...], decision_id: str, results: Sequence[TierResult]
) -> list[Winner]:
    """All winners, by the imp they won. Raises ValueError where retrieval let through what is not eligible."""
    winners = [
        _winner(context, told, decision_id, result, award) for result in results for award in result.outcome.awards
    ]
    winners.sort(key=lambda winner: winner.slot.imp)
    return winners


def _winner(
    context: RequestContext, told: tuple[Any, ...], decision_id: str, result: TierResult, award: Award
) -> Winner:
    slot, row = context.imps.slots[award.slot], result.row(award.candidate)
    return Winner(
        context=context,
        told=told,
        result=result,
        award=award,
        slot=slot,
        ad=shown_ad(row, slot.spec),
        impression_id=f"{decision_id}-{slot.imp}",
        numbers=result.pool.rows[award.candidate].tolist(),
        values=result.pool.values[award.candidate, award.slot].tolist(),
    )

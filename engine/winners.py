"""Who won which slot: an award with all that it refers to."""

from collections.abc import Sequence
from typing import Any

import msgspec

from engine.asked import Asked
from engine.auctions.base import Award
from engine.question import Slot
from engine.settlement import TierResult
from engine.shown_ads import ShownAd, shown_ad


class Winner(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """``told``: the values of DecisionFacts and Visit, which all impressions of a decision have alike.

    ``numbers`` and ``values``: the ad's rows of the pool's tables (``layout.py``), the second for the slot.
    """

    asked: Asked
    told: tuple[Any, ...]
    result: TierResult
    award: Award
    slot: Slot
    ad: ShownAd
    impression_id: str
    numbers: list[int]
    values: list[int]


def winners_of(asked: Asked, told: tuple[Any, ...], decision_id: str, results: Sequence[TierResult]) -> list[Winner]:
    """All winners, by the imp they won. Raises ValueError where retrieval let through what is not eligible."""
    winners = [
        _winner(asked, told, decision_id, result, award) for result in results for award in result.outcome.awards
    ]
    winners.sort(key=lambda winner: winner.slot.imp)
    return winners


def _winner(asked: Asked, told: tuple[Any, ...], decision_id: str, result: TierResult, award: Award) -> Winner:
    slot, row = asked.imps.slots[award.slot], result.row(award.candidate)
    return Winner(
        asked=asked,
        told=told,
        result=result,
        award=award,
        slot=slot,
        ad=shown_ad(row, slot.spec),
        impression_id=f"{decision_id}-{slot.imp}",
        numbers=result.pool.rows[award.candidate].tolist(),
        values=result.pool.values[award.candidate, award.slot].tolist(),
    )

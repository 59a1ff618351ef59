"""Why contenders did not win: every no has one reason, the first in the fixed order (D12).

A contender is a row whose bound reaches the line below which nothing can change. All other rows are
``outbid_unscored``, known by subtraction.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.auctions.base import loser_reason
from engine.bitmaps import Words, count, pack, rows_of
from engine.pricing import Scores
from engine.reasons import Reason
from engine.retrieval import PartQuery, Rows
from engine.settlement import TierResult, admissible
from engine.snapshot import Snapshot

_LABELS: Final = tuple(reason.label for reason in Reason)


def count_reasons(results: Sequence[TierResult], snapshot: Snapshot) -> dict[str, int]:
    """How many rows did not win for each reason, in the fixed order; with the winners they are all ads."""
    counts = [0] * len(Reason)
    won = 0
    for result in results:
        won += len(result.outcome.awards)
        lost = _pool_reasons(result)[_lost(result) & (result.pool.bound >= result.outcome.line)]
        for reason, number in enumerate(np.bincount(lost).tolist()):
            counts[reason] += number
        for query in result.queries:
            contenders = query.contenders(result.tier_group, result.outcome.line)
            for reason, number, _ in refusals(query, contenders):
                counts[reason] += number
    counts[Reason.OUTBID_UNSCORED] = sum(count(part.alive) for part in snapshot.parts) - won - sum(counts)
    return {label: number for label, number in zip(_LABELS, counts, strict=True) if number}


def reasons_of(results: Sequence[TierResult], line_item_id: str) -> dict[str, Reason | None]:
    """For each ad of a line item why it did not win, None for a winner; ``results`` looked at all rows."""
    found: dict[str, Reason | None] = {}
    for result in results:
        reasons, lost = _pool_reasons(result).tolist(), _lost(result).tolist()
        for candidate in range(len(result.pool)):
            row = result.row(candidate)
            if row.facts.line_item_id == line_item_id:
                found[row.facts.ad_id] = Reason(reasons[candidate]) if lost[candidate] else None
        for query in result.queries:
            own = query.segment.text("line_item").bitmap(line_item_id.__eq__)
            for reason, _, refused in refusals(query, query.of_tier(result.tier_group) & own):
                for place in rows_of(refused, len(query.segment)).tolist():
                    found[query.segment.facts[place].ad_id] = reason
    return found


def _lost(result: TierResult) -> NDArray[np.bool_]:
    """Candidates that did not win: bool of the pool's length."""
    lost = np.ones(len(result.pool), np.bool_)
    lost[[award.candidate for award in result.outcome.awards]] = False
    return lost


def _pool_reasons(result: TierResult) -> NDArray[np.int64]:
    """For each candidate that was scored why it did not win, a Reason; without meaning for winners."""
    pool = result.pool
    losers = loser_reason(pool.candidates, result.slots, result.rules, result.placed, result.outcome)
    hopeless = ~pool.candidates.admissible.any(axis=1)
    if not hopeless.any():
        return losers.astype(np.int64)
    possible, low = _value_of(pool.scores, pool.fits, result.slots.reserve)
    valued = np.where(low, Reason.BELOW_FLOOR, np.where(possible, Reason.NOT_SECURE, Reason.ZERO_PROBABILITY))
    return np.where(hopeless, valued, losers).astype(np.int64)


def refusals(query: PartQuery, rows: Words) -> Iterator[tuple[Reason, int, Words]]:
    """Of the given rows those that are no candidates: each reason that any has, how many, and which.

    What passes all checks is left to the auction.
    """
    left, held = rows, count(rows)
    for reason, passes in query.checks():
        if not held:
            return
        passing = passes
        if reason is Reason.TARGETING:
            query.settle_targeting(rows_of(left, len(query.segment)))
            passing = query.targeting()
        kept = left & passing
        number = count(kept)
        if number != held:
            yield reason, held - number, left & ~passing
        left, held = kept, number
        if reason is Reason.CURRENCY_UNAVAILABLE and held:
            left = left & ~query.candidates
            low, insecure = _low_or_insecure(query, rows_of(left, len(query.segment)))
            yield Reason.BELOW_FLOOR, count(low), low
            yield Reason.NOT_SECURE, count(insecure), insecure
            left = left & ~(low | insecure)
            held = count(left)


def _low_or_insecure(query: PartQuery, rows: Rows) -> tuple[Words, Words]:
    """Rows that reach the reserve of no slot that they fit; and those that are secure enough for none they reach."""
    below, insecure = np.zeros(len(query.segment), np.bool_), np.zeros(len(query.segment), np.bool_)
    if len(rows):
        scores, reserve = query.score(rows), np.array([slot.reserve_nanos for slot in query.question.slots], np.int64)
        fits, secure = query.slot_mask(query.slot_fits, rows), query.slot_mask(query.slot_secure, rows)
        possible, low = _value_of(scores, fits, reserve)
        reached = secure & (admissible(scores, reserve) | ~possible[:, None])
        below[rows], insecure[rows] = low, ~low & ~reached.any(axis=1)
    return pack(below), pack(insecure)


def _value_of(
    scores: Scores, fits: NDArray[np.bool_], reserve: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Rows of a probability above zero in some slot that they fit; and those of them that reach no such reserve."""
    possible = np.any(fits & (scores.n > 0), axis=1)
    reached = np.any(fits & admissible(scores, reserve), axis=1)
    return possible, possible & ~reached

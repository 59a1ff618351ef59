"""Why contenders did not win: every no has one reason, the first in the fixed order (D12).

A contender is a row whose bound reaches the line below which nothing can change. All other rows are
``outbid_unscored``, known by subtraction.
"""

import collections
from collections.abc import Iterator, Sequence

import numpy as np

from engine.auctions.base import loser_reason
from engine.bitmaps import Words, count, pack, rows_of
from engine.reasons import Reason
from engine.retrieval import PartQuery, Rows
from engine.settlement import TierResult, admissible
from engine.snapshot import Snapshot


def count_reasons(results: Sequence[TierResult], snapshot: Snapshot) -> dict[str, int]:
    """How many rows did not win for each reason, in the fixed order; with the winners they are all ads."""
    counts: collections.Counter[Reason] = collections.Counter()
    won = 0
    for result in results:
        won += len(result.outcome.awards)
        counts.update(_pool_reasons(result, result.outcome.line).values())
        for query in result.queries:
            contenders = query.contenders(result.tier_group, result.outcome.line)
            for reason, number, _ in refusals(query, contenders):
                counts[reason] += number
    counts[Reason.OUTBID_UNSCORED] = sum(count(part.alive) for part in snapshot.parts) - won - sum(counts.values())
    return {reason.label: counts[reason] for reason in sorted(counts) if counts[reason]}


def reasons_of(results: Sequence[TierResult], line_item_id: str) -> dict[str, Reason | None]:
    """For each ad of a line item why it did not win, None for a winner; ``results`` looked at all rows."""
    found: dict[str, Reason | None] = {}
    for result in results:
        winners = {award.candidate for award in result.outcome.awards}
        pool = _pool_reasons(result, None)
        for candidate in range(len(result.pool)):
            row = result.row(candidate)
            if row.facts.line_item_id == line_item_id:
                found[row.facts.ad_id] = None if candidate in winners else pool[candidate]
        for query in result.queries:
            own = query.segment.text("line_item").bitmap(line_item_id.__eq__)
            for reason, _, lost in refusals(query, query.of_tier(result.tier_group) & own):
                for place in rows_of(lost, len(query.segment)).tolist():
                    found[query.segment.facts[place].ad_id] = reason
    return found


def _pool_reasons(result: TierResult, line: int | None) -> dict[int, Reason]:
    """Reasons of the candidates that were scored and did not win; only contenders' when a line is given."""
    pool = result.pool
    candidates = pool.candidates
    reasons = loser_reason(candidates, result.slots, result.rules, result.placed, result.outcome)
    hopeless = ~candidates.admissible.any(axis=1)
    impossible = ~(candidates.n > 0).any(axis=1)
    reasons = np.where(hopeless, np.where(impossible, Reason.ZERO_PROBABILITY, Reason.BELOW_FLOOR), reasons)
    winners = {award.candidate for award in result.outcome.awards}
    contends = np.ones(len(pool), np.bool_) if line is None else pool.bound >= line
    return {
        candidate: Reason(int(reasons[candidate]))
        for candidate in np.flatnonzero(contends).tolist()
        if candidate not in winners
    }


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
            low = _below_floor(query, rows_of(left, len(query.segment)))
            yield Reason.BELOW_FLOOR, count(low), low
            left = left & ~low
            held = count(left)


def _below_floor(query: PartQuery, rows: Rows) -> Words:
    """Rows of a probability above zero whose value reaches the reserve of no slot that they fit."""
    below = np.zeros(len(query.segment), np.bool_)
    if len(rows):
        scores = query.score(rows)
        fits = query.slot_mask(query.slot_fits, rows)
        reserve = np.array([slot.reserve_nanos for slot in query.question.slots], np.int64)
        possible = (scores.n > 0).any(axis=1)
        below[rows] = possible & ~(fits & admissible(scores, reserve)).any(axis=1)
    return pack(below)

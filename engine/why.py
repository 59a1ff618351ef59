"""Why contenders did not win: every no has one reason, the first in the fixed order (D12).

A contender is a row whose bound reaches the line below which nothing can change. All other rows are
``outbid_unscored``, known by subtraction.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from engine.auctions.compiled_feasibility import Contest
from engine.auctions.losers import losers
from engine.auctions.registry import AUCTIONS
from engine.compiled import entry
from engine.layout import INT64_MIN, Ints
from engine.reasons import Reason
from engine.snapshot import Snapshot
from engine.tiers import TierResult

_losers = entry(losers)
_LABELS: Final = tuple(reason.label for reason in Reason)


def count_reasons(results: Sequence[TierResult], snapshot: Snapshot) -> dict[str, int]:
    """How many rows did not win for each reason, in the fixed order; with the winners they are all ads."""
    counts = np.zeros(len(Reason), np.int64)
    won = 0
    for result in results:
        won += len(result.outcome.awards)
        if result.pool.count:
            _lost(result, result.outcome.line, counts)
        for scan in result.scans:
            scan.count(result.outcome.line, counts)
    found = counts.tolist()
    found[Reason.OUTBID_UNSCORED] = snapshot.ads - won - sum(found)
    return {label: number for label, number in zip(_LABELS, found, strict=True) if number}


def reasons_of(results: Sequence[TierResult], line_item_id: str) -> dict[str, Reason | None]:
    """For each ad of a line item why it did not win, None for a winner; ``results`` looked at all rows."""
    found: dict[str, Reason | None] = {}
    uncounted = np.zeros(len(Reason), np.int64)
    for result in results:
        for candidate, reason in enumerate(_lost(result, INT64_MIN, uncounted).tolist()):
            facts = result.row(candidate).facts
            if facts.line_item_id == line_item_id:
                found[facts.ad_id] = None if reason < 0 else Reason(reason)
        for scan in result.scans:
            refused = np.flatnonzero(scan.walk.reasons >= 0)
            for row, reason in zip(scan.order[refused].tolist(), scan.walk.reasons[refused].tolist(), strict=True):
                facts = scan.query.segment.facts[row]
                if facts.line_item_id == line_item_id:
                    found[facts.ad_id] = Reason(reason)
    return found


def _lost(result: TierResult, line: int, counts: Ints) -> Ints:
    """For each candidate that reaches the line why it won nothing, a Reason; below zero for all others. Adds to counts."""
    pool, encoded = result.pool, result.encoded
    reasons = np.empty(pool.count, np.int64)
    contest = Contest(encoded.request, encoded.slots, pool.rows, pool.values, result.placed, result.awards)
    _losers(line, AUCTIONS[result.outcome.auction].sides, contest, reasons, counts)
    return reasons

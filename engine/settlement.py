"""Settlement: tiers one after the other, each auction pulling on retrieval until no unseen row matters (D9).

Scanning stops only when the bound of every unseen row, with the greatest user value, lies strictly below the line
that the auction names (auctions.md, Exact early stop). How rows lie in parts and chunks never shows.
"""

import dataclasses
from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.auctions.base import Candidates, Outcome, Placed, Rules, Slots, run
from engine.hashing import tie_hashes
from engine.limits import CHUNK_ROWS_MIN
from engine.pricing import Scores
from engine.question import Question
from engine.retrieval import PartQuery, Rows
from engine.rows import HOUSE, STANDARD, Row
from engine.snapshot import Snapshot

INT64_MIN: Final = -(2**63)

Table = TypeVar("Table", Scores, Candidates)


class Cursor:
    """Candidates of a tier group in one part, the highest bound first."""

    def __init__(self, query: PartQuery, tier_group: int) -> None:
        self.query: Final = query
        self._rows: Final = query.candidate_rows(tier_group)
        self._next = 0

    @property
    def reach(self) -> int:
        """The highest rank value any unseen row can have, nanos; far below everything when none is left."""
        if self._next >= len(self._rows):
            return INT64_MIN
        columns = self.query.columns
        return int(columns.bound[self._rows[self._next]]) + columns.user_value_max_nanos

    def pull(self, rows: int) -> Rows:
        """The next rows whose targeting holds; fewer than asked for when some do not match."""
        chunk = self._rows[self._next : self._next + rows]
        self._next += len(chunk)
        return chunk[self.query.settle_targeting(chunk)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The candidates seen so far: which row of which part each is, its values, and the auction's view of it.

    ``fits``, bool of shape (rows, slots): format, size and creative attributes are the slot's, secure or not.
    """

    part: NDArray[np.int64]
    rows: Rows
    bound: NDArray[np.int64]
    fits: NDArray[np.bool_]
    scores: Scores
    candidates: Candidates

    def __len__(self) -> int:
        return len(self.rows)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TierResult:
    """What one tier decided. ``queries``: the question put to each part; ``slots``: as the auction saw them."""

    tier_group: int
    queries: list[PartQuery]
    pool: Pool
    slots: Slots
    rules: Rules
    placed: tuple[Placed, ...]
    outcome: Outcome

    def row(self, candidate: int) -> Row:
        """The catalog row of a candidate."""
        segment = self.queries[int(self.pool.part[candidate])].segment
        row: Row = segment.rows[int(self.pool.rows[candidate])]
        return row


def settle(question: Question, snapshot: Snapshot, rules: Rules, *, exhaustive: bool = False) -> tuple[TierResult, ...]:
    """Decide every slot: the standard tier, then house ads on what it left (``exhaustive``: look at all rows)."""
    queries = [PartQuery(part, question) for part in snapshot.parts]
    count = len(question.slots)
    filled = np.zeros(count, np.bool_)
    placed: tuple[Placed, ...] = ()
    results: list[TierResult] = []
    for tier_group in (STANDARD, HOUSE):
        if filled.all() and not exhaustive:
            break
        slots = Slots(
            reserve=np.array([slot.reserve_nanos for slot in question.slots], np.int64),
            position=np.array([slot.position for slot in question.slots], np.int64),
            open=~filled,
        )
        auction = question.policy.policy.auction
        pool, outcome = _settle_tier(queries, tier_group, slots, rules, placed, auction=auction, exhaustive=exhaustive)
        result = TierResult(
            tier_group=tier_group, queries=queries, pool=pool, slots=slots, rules=rules, placed=placed, outcome=outcome
        )
        results.append(result)
        for award in outcome.awards:
            filled[award.slot] = True
        placed += tuple(_placed(pool.candidates, award.slot, award.candidate) for award in outcome.awards)
    return tuple(results)


def _settle_tier(
    queries: Sequence[PartQuery],
    tier_group: int,
    slots: Slots,
    rules: Rules,
    placed: tuple[Placed, ...],
    *,
    auction: str,
    exhaustive: bool,
) -> tuple[Pool, Outcome]:
    cursors = [Cursor(query, tier_group) for query in queries]
    pool = empty_pool(len(slots.reserve))
    outcome = run(auction, pool.candidates, slots, rules, placed)
    chunk = CHUNK_ROWS_MIN
    while True:
        reaches = [cursor.reach for cursor in cursors]
        reach = max(reaches, default=INT64_MIN)
        if reach == INT64_MIN or (reach < outcome.line and not exhaustive):
            return pool, outcome
        part = reaches.index(reach)
        rows = cursors[part].pull(chunk)
        chunk *= 2
        if len(rows):
            pool = _join(pool, _values(part, cursors[part].query, rows))
            outcome = run(auction, pool.candidates, slots, rules, placed)


def _values(part: int, query: PartQuery, rows: Rows) -> Pool:
    """Rows of one part as candidates."""
    question, segment, columns = query.question, query.segment, query.columns
    scores = query.score(rows)
    reserve = np.array([slot.reserve_nanos for slot in question.slots], np.int64)
    fits = query.slot_mask(query.slot_fits, rows)
    secure = query.slot_mask(query.slot_secure, rows) if any(slot.spec.secure for slot in question.slots) else fits
    candidates = Candidates(
        b=columns.bid[rows],
        n=scores.n,
        m=scores.m,
        v=scores.v,
        admissible=secure & admissible(scores, reserve),
        q=scores.q,
        u=scores.u_nanos,
        line_item=segment.numbers["line_item_key"][rows],
        advertiser=segment.numbers["advertiser_key"][rows],
        labels=columns.labels[rows],
        tie=tie_hashes(question.controls.seed, question.request_id, segment.ad_key[rows]),
    )
    return Pool(
        part=np.full(len(rows), part, np.int64),
        rows=rows,
        bound=columns.bound[rows] + columns.user_value_max_nanos,
        fits=fits,
        scores=scores,
        candidates=candidates,
    )


def admissible(scores: Scores, reserve: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Admissible(i, k) of auctions.md but for eligibility and format: bool of shape (rows, slots)."""
    return (scores.n > 0) & (scores.m >= reserve) & (scores.v >= reserve)


def empty_pool(slots: int) -> Pool:
    """No candidates, for ``slots`` slots."""
    none, table = np.zeros(0, np.int64), np.zeros((0, slots), np.int64)
    scores = Scores(raw_p=none, p=none, q=none, u_ppm=none, u_nanos=none, n=table, m=table, v=table)
    candidates = Candidates(
        b=none,
        n=table,
        m=table,
        v=table,
        admissible=table.astype(np.bool_),
        q=none,
        u=none,
        line_item=none,
        advertiser=none,
        labels=none,
        tie=none.astype(np.uint64),
    )
    return Pool(part=none, rows=none, bound=none, fits=table.astype(np.bool_), scores=scores, candidates=candidates)


def _join(seen: Pool, more: Pool) -> Pool:
    """The candidates of both; the columns of ``more`` follow."""
    if not len(seen):
        return more
    return Pool(
        part=np.concatenate((seen.part, more.part)),
        rows=np.concatenate((seen.rows, more.rows)),
        bound=np.concatenate((seen.bound, more.bound)),
        fits=np.concatenate((seen.fits, more.fits)),
        scores=_join_columns(seen.scores, more.scores),
        candidates=_join_columns(seen.candidates, more.candidates),
    )


def _join_columns(seen: Table, more: Table) -> Table:
    columns = {
        field.name: np.concatenate((getattr(seen, field.name), getattr(more, field.name)))
        for field in dataclasses.fields(seen)
    }
    return type(seen)(**columns)


def _placed(candidates: Candidates, slot: int, winner: int) -> Placed:
    return Placed(
        slot=slot,
        line_item=int(candidates.line_item[winner]),
        advertiser=int(candidates.advertiser[winner]),
        labels=int(candidates.labels[winner]),
    )

"""The auctions of a request: tiers one after the other, each auction pulling on retrieval until no unseen row matters (D9).

Scanning stops only when the bound of every unseen row, with the greatest user value, lies strictly below the line
that the auction names (docs/auctions.md, What else an outcome says). How rows lie in parts and chunks never shows.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from engine import layout as col
from engine.auctions.base import Outcome, Rules
from engine.auctions.compiled_feasibility import Contest
from engine.auctions.ranked import RANKED, contest_of, outcome_of, run_ranked
from engine.auctions.ranking import list_all, list_reaching
from engine.auctions.registry import run
from engine.compiled import entry
from engine.hashing import draw
from engine.layout import INT64_MAX, INT64_MIN, Ints
from engine.limits import CHUNK_ROWS, CHUNK_ROWS_SEARCHED
from engine.pool import EncodedQuestion, Pool, awards_table, in_pool, placed_ads, with_winners
from engine.question import Question
from engine.retrieval import PartQuery, TierScan
from engine.rows import HOUSE, STANDARD, Row
from engine.snapshot import Snapshot
from engine.verdicts import EVERYTHING

_list_all, _list_reaching = entry(list_all), entry(list_reaching)
UINT64: Final = 1 << 64
FALLBACK: Final = "gsp"


class TierResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one tier decided. ``scans``: of each part; ``encoded``, ``placed`` and ``awards``: as in ``layout.py``."""

    tier_group: int
    scans: Sequence[TierScan]
    pool: Pool
    encoded: EncodedQuestion
    placed: Ints
    awards: Ints
    outcome: Outcome

    def row(self, candidate: int) -> Row:
        """The catalog row of a candidate."""
        rows = self.pool.rows
        segment = self.scans[rows.item(candidate, col.P_PART)].query.segment
        found: Row = segment.rows[rows.item(candidate, col.P_ROW)]
        return found


def run_tiers(
    question: Question, snapshot: Snapshot, rules: Rules, *, exhaustive: bool = False
) -> tuple[TierResult, ...]:
    """Decide every slot: the standard tier, then house ads on what it left (``exhaustive``: look at all rows).

    Where VCG is given up in one tier, the whole request runs as GSP (docs/auctions.md, The three).
    """
    results = _run_all(question, snapshot, rules, question.policy.policy.auction, exhaustive=exhaustive)
    fallen = [result.outcome.fallback for result in results]
    if not any(fallen) or all(fallen):
        return results
    again = _run_all(question, snapshot, rules, FALLBACK, exhaustive=exhaustive)
    replace = msgspec.structs.replace
    return tuple(replace(result, outcome=replace(result.outcome, fallback=True)) for result in again)


def _run_all(
    question: Question, snapshot: Snapshot, rules: Rules, auction: str, *, exhaustive: bool
) -> tuple[TierResult, ...]:
    encoded = _encoded(question, rules)
    queries = [PartQuery(part, number, question, encoded) for number, part in enumerate(snapshot.parts)]
    placed: Ints = np.zeros((0, col.PLACED), np.int64)
    results: list[TierResult] = []
    left = len(encoded.slots)
    for tier_group in (STANDARD, HOUSE):
        if not exhaustive and not left:
            break
        scans = [TierScan(query, tier_group) for query in queries]
        result = _run_tier(tier_group, scans, encoded, rules, placed, auction=auction, exhaustive=exhaustive)
        results.append(result)
        left -= len(result.outcome.awards)
        if result.outcome.awards and tier_group != HOUSE and (left or exhaustive):
            placed = with_winners(placed, result.pool, result.outcome.awards)
            encoded = msgspec.structs.replace(encoded, slots=encoded.slots.copy())
            encoded.slots[placed[:, col.A_SLOT], col.OPEN] = 0
    return tuple(results)


def _encoded(question: Question, rules: Rules) -> EncodedQuestion:
    """The question in numbers."""
    slots: list[int] = []
    for slot in question.slots:
        row = [0] * col.SLOT
        row[col.RESERVE], row[col.LEAST] = slot.reserve_nanos, slot.least_nanos
        row[col.POSITION], row[col.OPEN], row[col.WANTS_SECURE] = slot.position, 1, slot.spec.secure
        row[col.SHAPE] = row[col.BLOCKED_ATTR] = row[col.OFFERS] = EVERYTHING
        row[col.SLOT_LINE] = INT64_MIN
        row[col.EFFECT :] = slot.effects_ppm
        slots += row
    policy, tie_key = question.policy.policy, draw(question.controls.seed, question.request_id, "tie")
    last = rules.last_ad_position
    request = [0] * col.REQUEST
    request[col.PERSONALISED], request[col.ADULT] = question.personalised, question.adult
    request[col.USER_VALUE_NANOS] = question.policy.user_value_nanos
    request[col.USER_VALUE_MAX_PPM] = policy.user_value_max_ppm
    request[col.DSA_NEEDS] = question.dsa_needs
    request[col.TIE_KEY] = tie_key if tie_key <= INT64_MAX else tie_key - UINT64  # the same bits
    request[col.ADS_MAX], request[col.GAP_MIN] = rules.ads_max, rules.position_gap_min
    request[col.HAS_LAST], request[col.LAST_POSITION] = last is not None, last or 0
    request[col.ONE_AN_ADVERTISER] = rules.advertiser_once
    return EncodedQuestion(request=np.array(request, np.int64), slots=np.array(slots, np.int64).reshape(-1, col.SLOT))


def _run_tier(
    tier_group: int,
    scans: Sequence[TierScan],
    encoded: EncodedQuestion,
    rules: Rules,
    placed: Ints,
    *,
    auction: str,
    exhaustive: bool,
) -> TierResult:
    pool = Pool(len(encoded.slots))
    tier = _TierAuction(auction, pool, encoded, rules, placed)
    compiled = (
        auction in RANKED
        and not exhaustive
        and any(len(scan.order) for scan in scans)
        and not any(scan.query.priced.others for scan in scans)
    )
    if not compiled:
        tier.decide()
    chunk = CHUNK_ROWS if auction in RANKED else CHUNK_ROWS_SEARCHED
    while True:
        reaches = [scan.reach for scan in scans]
        reach = max(reaches, default=INT64_MIN)
        if reach == INT64_MIN or (reach < tier.line and not exhaustive):
            break
        scan = scans[reaches.index(reach)]
        if compiled:
            tier.follow(scan)
            continue
        if scan.pull(pool, chunk, INT64_MIN if exhaustive else tier.line):
            tier.decide()
        chunk *= 2
    outcome = tier.outcome()
    return TierResult(
        tier_group=tier_group,
        scans=scans,
        pool=pool,
        encoded=encoded,
        placed=placed,
        awards=tier.awards,
        outcome=outcome,
    )


class _TierAuction:
    """One tier's auction, run again as candidates come; ``line`` and ``awards`` are those of the last run."""

    def __init__(self, auction: str, pool: Pool, encoded: EncodedQuestion, rules: Rules, placed: Ints) -> None:
        self._auction: Final = auction
        self._pool: Final = pool
        self._encoded: Final = encoded
        self._rules: Final = rules
        self._placed: Final = placed
        self._outcome: Outcome | None = None
        self.awards: Ints = np.empty((len(encoded.slots), col.AWARD), np.int64)
        self.line = INT64_MIN

    def decide(self) -> None:
        """Run the auction over all candidates there are, or as if: those below a line change nothing while it does not fall."""
        if self._auction in RANKED:
            self.line = run_ranked(self._auction, self._pool, self._tables())
            return
        outcome = self._run()
        if outcome.line < self.line:  # then those below the former line may matter
            self._pool.listed = _list_all(self._pool.count, self._tables())
            outcome = self._run()
        self.awards, self.line = awards_table(outcome, len(self._encoded.slots)), outcome.line
        self._pool.listed = _list_reaching(self._pool.listed, self._tables())
        self._outcome = outcome

    def _run(self) -> Outcome:
        """The auction over the candidates listed."""
        places = self._pool.rows[: self._pool.listed, col.P_LISTED].copy()
        candidates, slots = self._pool.candidates(places), self._encoded.slots_of_auction()
        return in_pool(run(self._auction, candidates, slots, self._rules, placed_ads(self._placed)), places)

    def follow(self, scan: TierScan) -> None:
        """All turns of scanning a part and deciding, by compiled code."""
        self.line = scan.scan_and_rank(RANKED[self._auction], self._pool, self._tables)

    def _tables(self) -> Contest:
        return contest_of(self._pool, self._encoded, self._placed, self.awards)

    def outcome(self) -> Outcome:
        """What the last run came to, with prices."""
        if self._outcome is not None:
            return self._outcome
        return outcome_of(self._auction, self._pool, self.awards, self.line)

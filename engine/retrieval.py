"""Retrieval: one question put to one part of the catalog, scanned from the highest bound down (D9, D12).

What a request asks is first turned into numbers: its slots, the rows of verdicts on what it blocks, what it is to the
targeting index and to the models. Then ``scan.py`` walks over the rows, as far as the auctions pull, and calls back for
what nobody has judged yet. Each row passed is a candidate or has its first reason.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from engine import layout as col
from engine.auctions.base import LINE_CLOSED
from engine.auctions.compiled_feasibility import Contest
from engine.compiled import entry
from engine.deals import seat_listed
from engine.layout import CANDIDATE, INT64_MIN, Ints, Verdicts
from engine.limits import BLOCK_ROWS, CHUNK_ROWS, NEEDS_MAX
from engine.pool import EncodedQuestion, Pool
from engine.pricing import Priced, category_allowed, category_blocked, domain_blocked, priced, score_inputs
from engine.question import Question
from engine.reasons import Reason
from engine.scan import DONE, FULL, Judged, Query, Walk, scan, tally
from engine.scan_and_rank import scan_and_rank
from engine.segment import Segment
from engine.snapshot import Part
from engine.verdicts import Judge, VerdictTable

_scan_and_rank, _scan, _tally = entry(scan_and_rank), entry(scan), entry(tally)
_SCHEDULE_VERDICTS: Final = np.array([CANDIDATE, Reason.OUT_OF_FLIGHT, Reason.DAYPART], np.int8)
_VERDICTS: Final[Mapping[int, Callable[[Segment], VerdictTable[Any]]]] = {
    col.NEED_FORMATS: lambda segment: segment.format_verdicts,
    col.NEED_ATTR: lambda segment: segment.attribute_verdicts,
    col.NEED_CATEGORIES: lambda segment: segment.category_verdicts,
    col.NEED_ADOMAIN: lambda segment: segment.adomain_verdicts,
    col.NEED_LANGUAGE: lambda segment: segment.language_verdicts,
    col.NEED_SEAT: lambda segment: segment.seat_verdicts,
    col.NEED_DEALS: lambda segment: segment.deal_verdicts,
}


class PartQuery:
    """One question put to one part of the catalog: all that ``scan.py`` reads of both.

    Good until the part is asked the next question: the index and the tables of verdicts are worked on in place.
    """

    def __init__(self, part: Part, number: int, question: Question, encoded: EncodedQuestion) -> None:
        self.part: Final = part
        self.segment: Final[Segment] = part.segment
        self.question: Final = question
        self.priced: Final[Priced] = priced(part.segment, question.policy, question.controls)
        index = part.segment.index
        self._request: Final = encoded.request.copy()
        self._slots: Final = encoded.slots.copy()
        self.clauses: Final = index.clauses_for(question.attributes, question.controls.groups)
        self._request[col.PART] = number
        self._request[col.USER_VALUE_MAX_NANOS] = self.priced.user_value_max_nanos
        self._judged: Final = self._judge()
        self._score_inputs: Final = score_inputs(self.priced.models, self.priced.weighers, question.attributes)

    def of_tier(self, tier_group: int) -> Query:
        """The question in numbers, put to the rows of one tier group."""
        table = self.priced.tables[tier_group]
        return Query(
            request=self._request,
            slots=self._slots,
            table=table._replace(numbers=table.numbers.copy()) if self.priced.others else table,
            judged=self._judged,
            conditions=self.segment.index.conditions,
            clauses=self.clauses,
            score_inputs=self._score_inputs,
        )

    def _judge(self) -> Judged:
        """The tables of verdicts; which of their rows the question asks for goes into ``request`` and ``slots``."""
        segment, question = self.segment, self.question
        for number, slot in enumerate(question.slots):
            shape, battr = slot.spec.shape, slot.spec.battr
            self._slots[number, col.SHAPE] = segment.format_verdicts.shown(shape)
            if slot.offers is not None:
                self._slots[number, col.OFFERS] = segment.deal_verdicts.offered(slot.offers)
            if battr:
                self._slots[number, col.BLOCKED_ATTR] = segment.attribute_verdicts.row(battr, _by_attribute(battr))
        if question.bcat or question.acat:
            key = question.cattax, question.bcat, question.acat
            self._request[col.BCAT] = segment.category_verdicts.row(key, _by_category(*key))
        if question.badv:
            self._request[col.BADV] = segment.adomain_verdicts.row(question.badv, _by_domain(question.badv))
        if question.languages or question.language_tags:
            languages = question.languages, question.language_tags
            self._request[col.WLANG] = segment.language_verdicts.row(languages, _by_language(*languages))
        if question.wseat or question.bseat:
            seats = question.wseat, question.bseat
            self._request[col.SEATS] = segment.seat_verdicts.row(seats, _by_seat(*seats))
        return Judged(
            schedule=_schedule(segment, question.now_ms),
            formats=segment.format_verdicts.table,
            attributes=segment.attribute_verdicts.table,
            categories=segment.category_verdicts.table,
            adomains=segment.adomain_verdicts.table,
            languages=segment.language_verdicts.table,
            seats=segment.seat_verdicts.table,
            deals=segment.deal_verdicts.table,
            terms=segment.deal_verdicts.terms,
        )

    def resolve(self, needs: Ints) -> None:
        """Find out what a scan needs to know."""
        question = self.question
        for kind, row, code in needs.tolist():
            if kind == col.NEED_TEST:
                self.segment.index.answer(code, question.attributes, question.controls.groups, self.clauses)
            else:
                _VERDICTS[kind](self.segment).judge(row, code)


class TierScan:
    """The rows of one tier group of one part, the highest bound first."""

    def __init__(self, query: PartQuery, tier_group: int) -> None:
        self.query: Final = query
        self.numbers: Final = query.of_tier(tier_group)
        order = query.priced.order[tier_group]
        self.order: Final = order
        self.walk: Final = Walk(
            alive=query.part.alive,
            reasons=np.empty(len(order), np.int8),
            let_in=np.empty(BLOCK_ROWS, np.int64),
            state=np.zeros(col.SCAN, np.int64),
            needs=np.empty((NEEDS_MAX, col.NEED), np.int64),
        )

    @property
    def reach(self) -> int:
        """The highest rank value any unseen row can have, nanos; INT64_MIN when none is left."""
        place = self.walk.state.item(col.NEXT)
        if place >= len(self.order):
            return INT64_MIN
        bound: int = self.numbers.table.numbers.item(place, col.BOUND)
        return bound + self.query.priced.user_value_max_nanos

    def pull(self, pool: Pool, rows: int, line: int) -> bool:
        """Pass so many rows, or until none can reach the line; candidates among them come into the pool.

        Returns whether one of them reaches the line itself, and is listed: no other can change what is decided.
        """
        state = self.walk.state
        begin = state.item(col.NEXT)
        state[col.UNTIL] = min(begin + rows, len(self.order))
        state[col.POOLED], state[col.REACHED], state[col.LISTED] = pool.count, 0, pool.listed
        self.numbers.slots[:, col.SLOT_LINE] = line
        self._score_others(slice(begin, state.item(col.UNTIL)))
        while (status := _scan(line, self.numbers, self.walk, pool.rows, pool.values)) != DONE:
            if status == FULL:
                pool.grow()
            else:
                self.query.resolve(self.walk.needs[: state.item(col.NEEDED)])
        pool.count, pool.listed = state.item(col.POOLED), state.item(col.LISTED)
        return bool(state.item(col.REACHED))

    def _score_others(self, places: slice) -> None:
        """Have the models that are no sums score rows that are about to be passed."""
        table, request = self.numbers.table, self.query.question.attributes
        for number, model, prepared in self.query.priced.others:
            scores = model.score(prepared, self.order[places], request)
            if number >= col.QUALITY:
                table.numbers[places, col.BASE_QUALITY + number - col.QUALITY] = scores
            else:
                own = table.codes[places, col.EVENT] == number + 1
                table.numbers[places, col.BASE_EVENT][own] = scores[own]

    def scan_and_rank(self, auction: int, pool: Pool, tables: Callable[[], Contest]) -> int:
        """Pass rows and rank the candidates in turns until no row left can reach the line; returns that line.

        ``tables``: the contest over the pool as it stands; the pool has new tables once it has grown.
        """
        state, numbers = self.walk.state, self.numbers
        state[col.UNTIL], state[col.CHUNK] = 0, CHUNK_ROWS
        state[col.POOLED], state[col.REACHED] = pool.count, 1
        numbers.slots[:, col.SLOT_LINE] = LINE_CLOSED
        contest = tables()
        while (status := _scan_and_rank(auction, numbers, self.walk, contest)) != DONE:
            if status == FULL:
                pool.grow()
                contest = tables()
            else:
                self.query.resolve(self.walk.needs[: state.item(col.NEEDED)])
        pool.count = state.item(col.POOLED)
        return state.item(col.LINE)

    def finds_candidate(self, line: int) -> bool:
        """Whether a row not passed yet that can reach the line is a candidate, if only for slots that are not open."""
        pool, chunk = Pool(len(self.query.question.slots)), CHUNK_ROWS
        while pool.count == 0 and self.reach >= line:
            self.pull(pool, chunk, line)
            chunk *= 2
        found = pool.count > 0
        pool.leave()
        return found

    def finds_low(self) -> bool:
        """Whether some row, however little it could be worth, lacks nothing but money; of rows that are no candidates."""
        state, pool, chunk = self.walk.state, Pool(len(self.query.question.slots)), CHUNK_ROWS
        while not state.item(col.LACKS_MONEY) and state.item(col.NEXT) < len(self.order):
            self.pull(pool, chunk, INT64_MIN)
            chunk *= 2
        pool.leave()
        return bool(state.item(col.LACKS_MONEY))

    def count(self, line: int, counts: Ints) -> None:
        """Add to ``counts`` the reasons of all rows that reach the line (D12)."""
        passed, user_value_max = self.walk.state.item(col.NEXT), self.query.priced.user_value_max_nanos
        _tally(line, user_value_max, self.numbers.table.numbers, self.walk.reasons[:passed], counts)


def _schedule(segment: Segment, now_ms: int) -> Verdicts:
    """For each schedule whether it is in flight and on an hour that it serves; kept until the next instant of change."""
    held = segment.schedule_cache
    if held is None or not held[0] <= now_ms < held[1]:
        state = segment.schedules.state(now_ms)
        held = segment.schedule_cache = (state.from_ms, state.until_ms, _SCHEDULE_VERDICTS[state.values])
    return held[2]


def _by_attribute(battr: tuple[int, ...]) -> Judge[tuple[int, ...]]:
    return lambda own: int(Reason.BLOCKED_ATTRIBUTE) if any(one in battr for one in own) else CANDIDATE


def _by_category(cattax: int, bcat: tuple[str, ...], acat: tuple[str, ...]) -> Judge[tuple[int, tuple[str, ...]]]:
    blocked, allowed = frozenset(bcat), frozenset(acat)

    def judge(own: tuple[int, tuple[str, ...]]) -> int:
        refused = category_blocked(own, cattax, blocked) or (allowed and not category_allowed(own, cattax, allowed))
        return int(Reason.BLOCKED_CATEGORY) if refused else CANDIDATE

    return judge


def _by_domain(badv: tuple[str, ...]) -> Judge[tuple[str, ...]]:
    blocked = frozenset(badv)
    return lambda own: int(Reason.BLOCKED_ADOMAIN) if domain_blocked(own, blocked) else CANDIDATE


def _by_seat(wseat: tuple[str, ...], bseat: tuple[str, ...]) -> Judge[str]:
    allowed, blocked = frozenset(wseat), frozenset(bseat)

    def judge(own: str) -> int:
        refused = (allowed and not seat_listed(own, allowed)) or seat_listed(own, blocked)
        return int(Reason.BLOCKED_SEAT) if refused else CANDIDATE

    return judge


def _by_language(languages: tuple[str, ...], tags: tuple[str, ...]) -> Judge[str]:
    """Languages alone (ISO 639-1), and tags (BCP 47): a tag takes those that begin with it (RFC 4647, basic filtering)."""

    def judge(own: str) -> int:
        spoken = not languages or own.partition("-")[0] in languages
        tagged = not tags or any(own == tag or own.startswith(f"{tag}-") for tag in tags)
        return CANDIDATE if spoken and tagged else int(Reason.LANGUAGE)

    return judge

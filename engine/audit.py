"""Prove from the outcome topics alone that a shard's log agrees with itself (``adjudge audit``).

A pure fold over the records of one shard. The journal says which requests each entry decided and how many records
it wrote; each output says which request it belongs to. An entry is judged once every topic has been read past its
requests: what is held is bounded by how far the topics are apart, and an error is found at one entry only.

What is proved: the sequence is contiguous, digests chain, fences rise, time and offsets in force do not fall,
checkpoints agree as far as ``engine/audit_chain.py`` says; ranges of input are half-open, without gap or overlap, and
none is gone that was not decided; each readable request has one result, in order, and each other one a dead letter; a
result was decided under what its entry names; each impression belongs to a filled slot, whose bid and decision it
repeats, and pays no more than its bid and no less than its reserve; each cost belongs to an impression, whose
decision it repeats and whose price it charges to the same campaign, at its rate in the advertiser's currency; ids are
unique; counts and sums agree. Where retention removed records of an entry, what is left of it is held to the topics
that are whole.
"""

import collections
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeVar

from engine.audit_chain import Chain
from engine.audit_entry import Written, judge
from engine.audit_facts import (
    CostFact,
    ImpressionFact,
    LetterFact,
    Output,
    RequestFact,
    ResultFact,
    cost_fact,
    impression_fact,
    letter_fact,
    request_fact,
    result_fact,
)
from engine.audit_kept import END, Kept
from engine.audit_letters import Letters
from engine.audit_rules import Finding
from engine.limits import VIOLATIONS_MAX
from schemas.errors import SchemaError
from schemas.journal import Entry, Fence, Genesis, decode_journal
from schemas.wire import Headers

F = TypeVar("F", bound=Output)
T = TypeVar("T")

TOPICS: Final = ("journal", "requests", "results", "impressions", "costs", "dead-letters")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A record that breaks a rule: where it lies (``topic`` is the logical name) and what is wrong with it."""

    rule: str
    topic: str
    partition: int
    offset: int
    problem: str

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}: {self.rule}: {self.problem}"


@dataclasses.dataclass(slots=True, kw_only=True)
class Totals:
    """What was found of entries of which nothing is gone, and of dead letters of broadcast records, up to the last entry.

    ``requests`` are those with a readable id. ``revenue_nanos``: charged, by policy currency.
    """

    entries: int = 0
    requests: int = 0
    results: int = 0
    no_bids: int = 0
    impressions: int = 0
    costs: int = 0
    dead_letters: int = 0
    expected_revenue_nanos: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    revenue_nanos: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def count(self, written: Written) -> None:
        """One more entry with what it decided and wrote."""
        self.entries += 1
        self.requests += sum(request.request_id is not None for request in written.requests)
        self.results += len(written.results)
        self.no_bids += sum(result.nbr is not None for result in written.results)
        self.impressions += len(written.impressions)
        self.costs += len(written.costs)
        self.dead_letters += len(written.letters)
        for impression in written.impressions:
            self.expected_revenue_nanos[impression.currency] += impression.expected_revenue_nanos
        for cost in written.costs:
            self.revenue_nanos[cost.currency] += cost.charged_nanos

    def add(self, other: "Totals") -> None:
        """Take in the totals of another shard."""
        for field in dataclasses.fields(self):
            own, theirs = getattr(self, field.name), getattr(other, field.name)
            if isinstance(own, collections.Counter):
                own.update(theirs)  # adding them would leave out a currency in which nothing was charged
            else:
                setattr(self, field.name, own + theirs)


class ShardAudit:
    """The fold over one shard. ``add`` every record in the order of its topic, ``close`` each topic at its end.

    ``begins``: by topic, the first offset that the partition still has, asked for before the journal's end, or a later one,
    from which on it is read; 0 for those left out. ``kept_request``: the first request that is there, where reading begins
    later. ``partitions``: of the requests topic, None when not known. ``whole_from``: sequence of the first entry from which on nothing is gone, of any topic.
    """

    def __init__(
        self,
        shard: int,
        *,
        begins: Mapping[str, int] | None = None,
        kept_request: int | None = None,
        partitions: int | None = None,
    ) -> None:
        self.shard: Final = shard
        self.totals: Final = Totals()
        self.violations: Final[list[Violation]] = []
        self.violations_found = 0
        self.whole_from: int | None = None
        self._kept: Final = Kept(begins or {})
        self._kept_request: Final = self._kept.begin("requests") if kept_request is None else kept_request
        self.chain: Final = Chain(shard, partitions=partitions, cut=self._kept.cut("journal"))
        self._first_request: int | None = None  # of the entries that are there
        self._entries: Final[collections.deque[tuple[int, Entry]]] = collections.deque()
        self._requests: Final[collections.deque[RequestFact]] = collections.deque()
        self._results: Final[collections.deque[ResultFact]] = collections.deque()
        self._impressions: Final[collections.deque[ImpressionFact]] = collections.deque()
        self._costs: Final[collections.deque[CostFact]] = collections.deque()
        self._letters: Final[collections.deque[LetterFact]] = collections.deque()
        self._read_below: Final = dict.fromkeys(TOPICS[1:], -1)  # all records that belong to a request below are in
        self._broadcast: Final = Letters(self._kept)
        self._decided_behind = 0  # requests below are decided by entries behind the cut
        self._journal_ended = False

    def add(self, topic: str, offset: int, *, value: bytes | None, headers: Headers = ()) -> None:
        """Take in the next record of one of ``TOPICS`` (logical names)."""
        try:
            self._take(topic, offset, value or b"", headers)
        except SchemaError as error:
            self._found(("unreadable", topic, offset, str(error)))
        self._judge_ready()

    def close(self, topic: str) -> None:
        """No more comes of a topic: it was read to an end that lies at or behind that of the journal."""
        if topic == "journal":
            self._journal_ended = True
        else:
            self._read_below[topic] = END
        self._judge_ready()

    @property
    def unproved(self) -> bool:
        """Whether nothing was left to prove: of a log that has begun, no entry is there of which nothing is gone."""
        last = self.chain.last_sequence
        return self.chain.cut if last is None else self.whole_from is None or self.whole_from > last

    def has_open_outputs(self) -> bool:
        """Whether there are outputs that no entry accounts for: entries behind the cut may."""
        return bool(self._broadcast.unexplained()) or any(True for _ in self._undecided())

    def add_behind(self, offset: int, value: bytes | None) -> None:
        """Take in a journal record behind the cut, when all else is read. It is not judged: what it wrote may lie further on."""
        try:
            record = decode_journal(value or b"")
        except SchemaError as error:
            self._found(("unreadable", "journal", offset, str(error)))
        else:
            if isinstance(record, Entry):
                self._broadcast.entry_behind(record)
                self._decided_behind = max(self._decided_behind, _requests_of(record)[1])

    def finish(self) -> None:
        """All topics are closed: no request may be gone that was not decided, and what is left of outputs has its entry."""
        kept = self._kept_request
        undecided = kept if self.chain.position is None else self.chain.position
        if undecided < kept:
            problem = f"requests {undecided}..{kept - 1} were lost before they were decided"
            self._found(("lost", "requests", undecided, problem))
        for topic, output in self._undecided():
            self._found(("entry", topic, output.offset, f"no entry decided request {output.request_offset}"))
        self._note(self._broadcast.finish(entries_gone=self.chain.cut))
        self.totals.dead_letters += self._broadcast.accounted()
        self._lacks(self._broadcast.last_gone)

    def _undecided(self) -> Iterator[tuple[str, Output]]:
        """Outputs of requests that no entry decided, as far as the journal was read; all topics are closed."""
        if self.chain.cut and self.chain.position is None:
            return  # they may be of entries that are gone
        decided = max(self.chain.position or 0, self._decided_behind)
        held: dict[str, Iterable[Output]] = {
            "results": self._results,
            "impressions": self._impressions,
            "costs": self._costs,
            "dead-letters": self._letters,
        }
        for topic, outputs in held.items():
            yield from ((topic, output) for output in outputs if output.request_offset >= decided)

    def backlog(self, topic: str) -> int:
        """Records of a topic that wait for other topics: a reader may pause one that is far ahead.

        None where every entry is judged: what is left then waits for nothing but its own end.
        """
        if self._journal_ended and not self._entries:
            return 0
        held = {
            "journal": len(self._entries),
            "requests": len(self._requests),
            "results": len(self._results),
            "impressions": len(self._impressions),
            "costs": len(self._costs),
            "dead-letters": len(self._letters),
        }
        return held[topic]

    def _take(self, topic: str, offset: int, value: bytes, headers: Headers) -> None:
        if topic == "journal":
            self._journal(offset, value)
        elif topic == "requests":
            self._read_below[topic] = offset + 1
            if offset >= (self._first_request or 0):
                self._requests.append(request_fact(offset, value))
        elif topic == "results":
            self._output(topic, result_fact(offset, value), self._results)
        elif topic == "impressions":
            self._output(topic, impression_fact(offset, value), self._impressions)
        elif topic == "costs":
            self._output(topic, cost_fact(offset, value), self._costs)
        else:
            self._letter(letter_fact(offset, headers))

    def _journal(self, offset: int, value: bytes) -> None:
        record = decode_journal(value)
        if isinstance(record, Genesis):
            self._note(self.chain.genesis(offset, record))
            self._begin(record.start_offset)
        elif isinstance(record, Fence):
            self._note(self.chain.fence(offset, record))
        else:
            self._note(self.chain.entry(offset, record))
            self._begin(_requests_of(record)[0])
            self._entries.append((offset, record))
            if self.whole_from is None:
                self.whole_from = record.sequence
            self._broadcast.entry(offset, record)

    def _begin(self, request: int) -> None:
        """The first request is known that an entry decided which is there: what lies before it is not waited for."""
        if self._first_request is None and request < END:
            self._first_request = request
            _below(self._requests, request, lambda fact: fact.offset)
            if self.chain.cut:
                _drop(self._results, request)
                _drop(self._impressions, request)
                _drop(self._costs, request)
                _drop(self._letters, request)

    def _output(self, topic: str, fact: F, held: collections.deque[F]) -> None:
        """Outputs follow the order of the requests, whatever entry they are of."""
        if fact.request_offset < self._read_below[topic]:
            problem = f"{fact.identity} comes behind request {self._read_below[topic]}"
            self._found(("order", topic, fact.offset, problem))
            return
        self._read_below[topic] = fact.request_offset
        if not self.chain.cut or fact.request_offset >= (self._first_request or 0):
            held.append(fact)

    def _letter(self, letter: LetterFact) -> None:
        if letter.request_offset >= 0:
            self._output("dead-letters", letter, self._letters)
        else:
            self._note(self._broadcast.letter(letter))

    def _judge_ready(self) -> None:
        """Judge every entry whose records are all in."""
        while self._entries:
            offset, entry = self._entries[0]
            _, until = _requests_of(entry)
            if min(self._read_below.values()) < until:
                return
            self._entries.popleft()
            self._judge(offset, entry, until)
        if self._journal_ended:
            self._requests.clear()  # no entry is left that decided them

    def _judge(self, offset: int, entry: Entry, until: int) -> None:
        """All that one entry wrote, against the requests it decided."""
        start, _ = _requests_of(entry)
        written = Written(
            requests=[fact for fact in _below(self._requests, until, lambda fact: fact.offset) if fact.offset >= start],
            results=_below(self._results, until, lambda fact: fact.request_offset),
            impressions=_below(self._impressions, until, lambda fact: fact.request_offset),
            costs=_below(self._costs, until, lambda fact: fact.request_offset),
            letters=_below(self._letters, until, lambda fact: fact.request_offset),
        )
        gone = self._gone(offset, entry, start, written)
        self._note(judge(offset, entry, written, gone, (self.chain.epoch, self.shard)))
        if gone:
            self._lacks(entry.sequence)
        else:
            self.totals.count(written)

    def _gone(self, offset: int, entry: Entry, start: int, written: Written) -> set[str]:
        """Topics from which retention removed records of an entry, or requests that it decided."""
        gone = {"requests"} if start < self._kept.begin("requests") else set()
        expected = written.expected(entry)
        for topic, facts in written.outputs():
            if facts:
                self._kept.seen(topic, offset)
            if len(facts) < expected[topic] and self._kept.may_lack(topic, offset):
                gone.add(topic)
        if written.letters:
            self._broadcast.seen(written.letters[0].offset, offset)
        return gone

    def _lacks(self, sequence: int) -> None:
        if self.whole_from is not None:
            self.whole_from = max(self.whole_from, sequence + 1)

    def _found(self, finding: Finding) -> None:
        rule, topic, offset, problem = finding
        self.violations_found += 1
        if len(self.violations) < VIOLATIONS_MAX:
            self.violations.append(
                Violation(rule=rule, topic=topic, partition=self.shard, offset=offset, problem=problem)
            )

    def _note(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self._found(finding)


def _below(held: collections.deque[T], until: int, place: Callable[[T], int]) -> list[T]:
    """Take from the front what belongs to requests below ``until``."""
    taken = []
    while held and place(held[0]) < until:
        taken.append(held.popleft())
    return taken


def _drop(held: collections.deque[F], until: int) -> None:
    _below(held, until, lambda fact: fact.request_offset)


def _requests_of(entry: Entry) -> tuple[int, int]:
    """The requests that an entry decided, from the first to behind the last; nothing lies in the range of an entry of none."""
    runs = [run for run in entry.runs if run.topic == "requests"]
    return min((run.from_ for run in runs), default=END), max((run.to for run in runs), default=-1)

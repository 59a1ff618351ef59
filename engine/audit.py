"""Prove from the outcome topics alone that a shard's log agrees with itself (``adjudge audit``).

A pure fold over the records of one shard. The journal says which requests each entry decided and how many records
it wrote; each output says which request it belongs to. An entry is judged once every topic has been read past its
requests: what is held is bounded by how far the topics are apart, and an error is found at one entry only.

What is proved: the sequence is contiguous, digests chain, fences rise; ranges of input are half-open, without gap or
overlap, and none is gone that was not decided; each readable request has one result, in order, and each other one a dead letter; each impression belongs to
a filled slot, each cost to an impression, whose price it charges; ids are unique; counts and sums agree.
"""

import collections
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from engine.audit_chain import Chain
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
from engine.audit_letters import Letters, rejected
from engine.audit_rules import Finding, costs_of, impressions_of, repeated, results_of
from schemas.errors import SchemaError
from schemas.journal import Counts, Entry, Fence, Genesis, decode_journal

Headers = tuple[tuple[str, bytes], ...]
F = TypeVar("F", bound=Output)
T = TypeVar("T")

TOPICS: Final = ("journal", "requests", "results", "impressions", "costs", "dead-letters")
VIOLATIONS_MAX: Final = 1_000  # kept of one shard; further ones are only counted
END: Final = 1 << 62


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
    """What was found up to the last journal entry; ``requests`` are those with a readable id. ``revenue_nanos``: charged, by policy currency."""

    entries: int = 0
    requests: int = 0
    results: int = 0
    no_bids: int = 0
    impressions: int = 0
    costs: int = 0
    dead_letters: int = 0
    expected_revenue_nanos: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    revenue_nanos: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def count(
        self,
        requests: Sequence[RequestFact],
        results: Sequence[ResultFact],
        impressions: Sequence[ImpressionFact],
        costs: Sequence[CostFact],
    ) -> None:
        """One more entry with what it decided and wrote."""
        self.entries += 1
        self.requests += sum(request.request_id is not None for request in requests)
        self.results += len(results)
        self.no_bids += sum(result.nbr is not None for result in results)
        self.impressions += len(impressions)
        self.costs += len(costs)
        for impression in impressions:
            self.expected_revenue_nanos[impression.currency] += impression.expected_revenue_nanos
        for cost in costs:
            self.revenue_nanos[cost.currency] += cost.charged_nanos

    def add(self, other: "Totals") -> None:
        """Take in the totals of another shard."""
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


class ShardAudit:
    """The fold over one shard. ``add`` every record in the order of its topic, ``close`` each topic at its end.

    ``complete_from``: request offset from which every topic still has all its records; entries that begin before
    are held to the chain only. ``requests_from``: the first request offset that is kept, asked before the journal's end.
    """

    def __init__(self, shard: int, *, complete_from: int = 0, requests_from: int = 0) -> None:
        self.shard: Final = shard
        self.totals: Final = Totals()
        self.chain: Final = Chain(shard)
        self.violations: Final[list[Violation]] = []
        self.violations_found = 0
        self._complete_from = complete_from
        self._requests_from = requests_from
        self._entries: Final[collections.deque[tuple[int, Entry]]] = collections.deque()
        self._requests: Final[collections.deque[RequestFact]] = collections.deque()
        self._results: Final[collections.deque[ResultFact]] = collections.deque()
        self._impressions: Final[collections.deque[ImpressionFact]] = collections.deque()
        self._costs: Final[collections.deque[CostFact]] = collections.deque()
        self._letters: Final[collections.deque[LetterFact]] = collections.deque()
        self._read_below: Final = dict.fromkeys(TOPICS[1:], -1)  # all records that belong to a request below are in
        self._broadcast: Final = Letters()

    def add(self, topic: str, offset: int, *, value: bytes | None, headers: Headers = ()) -> None:
        """Take in the next record of one of ``TOPICS`` (logical names)."""
        try:
            self._take(topic, offset, value or b"", headers)
        except SchemaError as error:
            self._found(("unreadable", topic, offset, str(error)))
        self._judge_ready()

    def close(self, topic: str) -> None:
        """No more comes of a topic: it was read to an end that lies at or behind that of the journal."""
        if topic != "journal":
            self._read_below[topic] = END
        self._judge_ready()

    def has_open_letters(self) -> bool:
        """Whether there are dead letters that no entry accounts for: entries behind the cut may."""
        return bool(self._broadcast.unexplained())

    def add_behind(self, offset: int, value: bytes | None) -> None:
        """Take in a journal record behind the cut, when all else is read. It is not judged: what it wrote may lie further on."""
        try:
            record = decode_journal(value or b"")
        except SchemaError as error:
            self._found(("unreadable", "journal", offset, str(error)))
        else:
            if isinstance(record, Entry):
                self._broadcast.entry_behind(record)

    def finish(self) -> None:
        """All topics are closed: no request may be gone that was not decided, and what is left of dead letters agrees."""
        undecided = self._requests_from if self.chain.position is None else self.chain.position
        if undecided < self._requests_from:
            problem = f"requests {undecided}..{self._requests_from - 1} were lost before they were decided"
            self._found(("lost", "requests", undecided, problem))
        self._note(self._broadcast.finish())

    def backlog(self, topic: str) -> int:
        """Records of a topic that wait for other topics: a reader may pause one that is far ahead."""
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
            self._requests.append(request_fact(offset, value))
            self._read_below[topic] = offset + 1
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
        elif isinstance(record, Fence):
            self._note(self.chain.fence(offset, record))
        else:
            self._note(self.chain.entry(offset, record))
            self._entries.append((offset, record))
            self._broadcast.entry(offset, record)

    def _output(self, topic: str, fact: F, held: collections.deque[F]) -> None:
        """Outputs follow the order of the requests, whatever entry they are of."""
        if fact.request_offset < self._read_below[topic]:
            problem = f"{fact.identity} comes behind request {self._read_below[topic]}"
            self._found(("order", topic, fact.offset, problem))
            return
        self._read_below[topic] = fact.request_offset
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
            until = max((run.to for run in entry.runs if run.topic == "requests"), default=-1)
            if min(self._read_below.values()) < until:
                return
            self._entries.popleft()
            self._judge(offset, entry, until)

    def _judge(self, offset: int, entry: Entry, until: int) -> None:
        """All that one entry wrote, against the requests it decided."""
        start = min((run.from_ for run in entry.runs if run.topic == "requests"), default=END)
        requests = [fact for fact in _below(self._requests, until, lambda fact: fact.offset) if fact.offset >= start]
        results = _below(self._results, until, lambda fact: fact.request_offset)
        impressions = _below(self._impressions, until, lambda fact: fact.request_offset)
        costs = _below(self._costs, until, lambda fact: fact.request_offset)
        letters = _below(self._letters, until, lambda fact: fact.request_offset)
        if start < self._complete_from:
            return
        found = Counts(
            results=len(results),
            impressions=len(impressions),
            costs=len(costs),
            dead_letters=len(letters) + rejected(entry),
            ledger=entry.counts.ledger,
        )
        if found != entry.counts:
            self._found(("counts", "journal", offset, f"says {entry.counts}, there are {found}"))
        written: tuple[Sequence[Output], ...] = (results, impressions, costs, letters)
        for topic, facts in zip(TOPICS[2:], written, strict=True):
            self._note(repeated(topic, facts))
        self._note(results_of(requests, results, letters, (self.chain.epoch, self.shard)))
        self._note(impressions_of(results, impressions))
        self._note(costs_of(impressions, costs))
        self.totals.count(requests, results, impressions, costs)
        self.totals.dead_letters += found.dead_letters

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

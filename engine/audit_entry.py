"""One journal entry against the records that its transaction wrote, and the requests that it decided."""

import dataclasses
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from engine.audit_facts import CostFact, ImpressionFact, LetterFact, Output, RequestFact, ResultFact
from engine.audit_letters import rejected
from engine.audit_rules import Finding, costs_of, impressions_of, letters_of, repeated, results_of
from schemas.journal import Counts, Entry


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was found of one entry. ``letters``: those of requests."""

    requests: Sequence[RequestFact]
    results: Sequence[ResultFact]
    impressions: Sequence[ImpressionFact]
    costs: Sequence[CostFact]
    letters: Sequence[LetterFact]

    def outputs(self) -> tuple[tuple[str, Sequence[Output]], ...]:
        """By topic, as far as requests were the cause."""
        return (
            ("results", self.results),
            ("impressions", self.impressions),
            ("costs", self.costs),
            ("dead-letters", self.letters),
        )

    def expected(self, entry: Entry) -> dict[str, int]:
        """How many there should be by topic, as the entry says."""
        return {
            "results": entry.counts.results,
            "impressions": entry.counts.impressions,
            "costs": entry.counts.costs,
            "dead-letters": entry.counts.dead_letters - rejected(entry),
        }


def judge(
    offset: int, entry: Entry, written: Written, gone: AbstractSet[str], log: tuple[str | None, int]
) -> Iterator[Finding]:
    """All that is wrong with the entry at ``offset``.

    ``gone``: topics that lost records of this entry; what is left is held to the topics that are whole. ``log``: as
    for ``results_of``.
    """
    found = Counts(
        results=len(written.results),
        impressions=len(written.impressions),
        costs=len(written.costs),
        dead_letters=len(written.letters) + rejected(entry),
        ledger=entry.counts.ledger,
    )
    unknown = {name: getattr(entry.counts, name) for topic in gone if hasattr(found, name := topic.replace("-", "_"))}
    found = msgspec.structs.replace(found, **unknown)
    if found != entry.counts:
        yield "counts", "journal", offset, f"says {entry.counts}, there are {found}"
    for topic, facts in written.outputs():
        yield from repeated(topic, facts)
    yield from _in_force(offset, entry, written.results)
    if not gone & {"requests", "results"}:
        yield from results_of(written.requests, written.results, log)
    if not gone & {"requests", "dead-letters"}:
        yield from letters_of(written.requests, written.letters)
    if not gone & {"results", "impressions"}:
        yield from impressions_of(written.results, written.impressions)
    if not gone & {"impressions", "costs"}:
        yield from costs_of(written.impressions, written.costs)


def _in_force(offset: int, entry: Entry, results: Sequence[ResultFact]) -> Iterator[Finding]:
    """All of an entry was decided under the campaigns and controls that it names, and no later than its clock."""
    for name in ("catalog_offset", "controls_offset"):
        said = getattr(entry, name)
        others = [result for result in results if result.facts[name] != said]
        if others and len(others) == len(results):
            yield "offsets", "journal", offset, f"says {name} {said}, its results say {others[0].facts[name]}"
            continue
        for result in others:
            problem = f"says {name} {result.facts[name]}, its entry {entry.sequence} says {said}"
            yield "offsets", "results", result.offset, problem
    for result in results:
        if result.event_time_ms > entry.clock_ms:
            problem = (
                f"was decided at {result.event_time_ms}, the clock of its entry {entry.sequence} is {entry.clock_ms}"
            )
            yield "clock", "results", result.offset, problem

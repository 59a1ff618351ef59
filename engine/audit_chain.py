"""What each journal record must have of those before it: one contiguous chain, each input taken once (D2).

As much as the fold of ``engine/journal.py`` asks for, but going on behind what is wrong. Not proved: that digests and
what a checkpoint remembers of request ids follow from the inputs (a replay proves that), and where the last checkpoint
lies.
"""

import collections
from collections.abc import Iterator
from typing import Final

from engine.audit_rules import Finding
from engine.digest import first_digest
from engine.effects import CAMPAIGN_UPDATES, CONTROLS, REQUESTS
from engine.window import ID_HASH_BYTES
from schemas.journal import FORMAT, Entry, Fence, Genesis, Log, Whole

RISING: Final = ("clock_ms", "catalog_offset", "controls_offset")  # from entry to entry, or the same (D13)


class Chain:
    """What each journal record must have of those before it.

    ``partitions``: of the requests topic, None when that is not known. ``cut``: retention removed the first records, and
    the genesis.
    """

    def __init__(self, shard: int, *, partitions: int | None = None, cut: bool = False) -> None:
        self.shard = shard
        self.cut = cut
        self.epoch: str | None = None
        self.last_sequence: int | None = None
        self.position: int | None = None  # the next request to be decided
        self._partitions = partitions
        self._digest: str | None = None
        self._fence: int | None = None
        self._risen = dict.fromkeys(RISING, -1)
        self._taken_below: dict[str, int] = {}
        self._counts: collections.Counter[str] | None = None  # since genesis; None before that or a checkpoint

    def genesis(self, offset: int, record: Genesis) -> Iterator[Finding]:
        """The first record of a log."""
        if self.epoch is not None or self.last_sequence is not None:
            yield "genesis", "journal", offset, "a second genesis, or one behind an entry"
        if record.shard != self.shard:
            yield "shard", "journal", offset, f"is the genesis of shard {record.shard}"
        yield from self._format(offset, record.format)
        yield from self._count_of_partitions(offset, record.partitions)
        self.epoch, self.position, self.cut = record.epoch, record.start_offset, False
        self._digest = first_digest(record.epoch, self.shard, record.partitions).hex()
        self._counts = collections.Counter()

    def fence(self, offset: int, record: Fence) -> Iterator[Finding]:
        """A new owner."""
        yield from self._count_of_partitions(offset, record.partitions)
        if self._fence is not None and record.number <= self._fence:
            yield "fence", "journal", offset, f"fence {record.number} behind fence {self._fence}"
        self._fence = record.number

    def entry(self, offset: int, record: Entry) -> Iterator[Finding]:
        """One transaction."""
        yield from self._format(offset, record.format)
        if record.shard != self.shard:
            yield "shard", "journal", offset, f"is an entry of shard {record.shard}"
        yield from self._follows(offset, record)
        for name, before in self._risen.items():
            if getattr(record, name) < before:
                yield _rule_of(name), "journal", offset, f"{name} goes back from {before} to {getattr(record, name)}"
            self._risen[name] = getattr(record, name)
        self.last_sequence, self._digest = record.sequence, record.digest_after
        self._fence = record.fence if self._fence is None else self._fence
        yield from self._runs(offset, record)
        yield from _hashes(offset, record.delta.remembered)
        if self._counts is not None:
            self._counts.update(record.delta.counts)
        if record.checkpoint is not None:
            yield from self._checkpoint(offset, record, record.checkpoint)

    def _follows(self, offset: int, record: Entry) -> Iterator[Finding]:
        if self.last_sequence is None:
            if self.epoch is None and not self.cut:
                yield "genesis", "journal", offset, "no genesis lies before the first entry"
            if self.epoch is not None and record.sequence != 1:
                yield "sequence", "journal", offset, f"the first entry behind the genesis is {record.sequence}"
        elif record.sequence != self.last_sequence + 1:
            yield "sequence", "journal", offset, f"entry {record.sequence} behind entry {self.last_sequence}"
        if self._digest not in {None, record.digest_before}:
            yield "digest", "journal", offset, "the digest before is not the one that came before"
        if self._fence is None and not self.cut:
            yield "fence", "journal", offset, f"no fence lies before an entry of fence {record.fence}"
        elif self._fence not in {None, record.fence}:
            yield "fence", "journal", offset, f"an entry of fence {record.fence} behind fence {self._fence}"

    def _runs(self, offset: int, record: Entry) -> Iterator[Finding]:
        """Ranges of input: half-open, never taken twice; of requests, each begins where the former ended."""
        for run in record.runs:
            if run.topic not in (REQUESTS, CAMPAIGN_UPDATES, CONTROLS):
                yield "run", "journal", offset, f"takes in records of {run.topic!r}"
            if run.from_ >= run.to:
                yield "run", "journal", offset, f"the run of {run.topic} [{run.from_}, {run.to}) is empty"
            expected = self.position if run.topic == REQUESTS else None
            if run.from_ < self._taken_below.get(run.topic, 0):
                yield "run", "journal", offset, f"{run.topic} [{run.from_}, {run.to}) was taken before, or in part"
            elif expected is not None and run.from_ != expected:
                yield "run", "journal", offset, f"requests [{run.from_}, {run.to}) do not begin at {expected}"
            self._taken_below[run.topic] = max(run.to, self._taken_below.get(run.topic, 0))
            if run.topic == REQUESTS:
                self.position = self._taken_below[run.topic]

    def _checkpoint(self, offset: int, record: Entry, whole: Whole) -> Iterator[Finding]:
        """The whole state, beside remembered ids: what the entries so far add up to, or else where adding up begins."""
        yield from self._log(offset, whole.log)
        yield from _hashes(offset, whole.remembered)
        if whole.clock_ms != record.clock_ms:
            yield "checkpoint", "journal", offset, f"its clock is at {whole.clock_ms}, the entry's at {record.clock_ms}"
        if self.position not in {None, whole.position}:
            yield "checkpoint", "journal", offset, f"goes on at request {whole.position}, not at {self.position}"
        below = {topic: taken for topic, taken in self._taken_below.items() if topic != REQUESTS}
        if self._counts is not None and whole.rejections_below != below:
            yield "checkpoint", "journal", offset, f"wrote off {dict(whole.rejections_below)}, and not {below}"
        if self._counts is not None and whole.counts != self._counts:
            yield "checkpoint", "journal", offset, f"counts {dict(whole.counts)}, and not {dict(self._counts)}"
        if self._counts is None:
            self._counts = collections.Counter(whole.counts)
            self._taken_below |= whole.rejections_below
        self.epoch = whole.log.epoch if self.epoch is None else self.epoch
        self.position = whole.position if self.position is None else self.position

    def _log(self, offset: int, log: Log) -> Iterator[Finding]:
        if log.shard != self.shard:
            yield "shard", "journal", offset, f"has a checkpoint of shard {log.shard}"
        if self.epoch not in {None, log.epoch}:
            yield "checkpoint", "journal", offset, f"is of epoch {log.epoch!r}, behind {self.epoch!r}"
        yield from self._count_of_partitions(offset, log.partitions)

    def _count_of_partitions(self, offset: int, partitions: int) -> Iterator[Finding]:
        if self._partitions not in {None, partitions}:
            problem = f"speaks of {partitions} partitions of requests, there are {self._partitions}"
            yield "partitions", "journal", offset, problem

    def _format(self, offset: int, version: int) -> Iterator[Finding]:
        if version != FORMAT:
            yield "format", "journal", offset, f"is of format {version}, known is {FORMAT}"


def _hashes(offset: int, remembered: bytes) -> Iterator[Finding]:
    if len(remembered) % ID_HASH_BYTES:
        problem = f"remembers {len(remembered)} bytes, which are no hashes of {ID_HASH_BYTES} bytes each"
        yield "remembered", "journal", offset, problem


def _rule_of(name: str) -> str:
    return "clock" if name == "clock_ms" else "offsets"

"""What each journal record must have of those before it: one contiguous chain, each input taken once (D2)."""

from collections.abc import Iterator

from engine.audit_rules import Finding
from engine.digest import first_digest
from schemas.journal import Entry, Fence, Genesis


class Chain:
    """What each journal record must have of those before it. ``cut``: retention removed the first ones, and the genesis."""

    def __init__(self, shard: int, *, cut: bool = False) -> None:
        self.shard = shard
        self.cut = cut
        self.epoch: str | None = None
        self.last_sequence: int | None = None
        self.position: int | None = None  # the next request to be decided
        self._digest: str | None = None
        self._fence = -1
        self._clock_ms = -1
        self._taken_below: dict[str, int] = {}

    def genesis(self, offset: int, record: Genesis) -> Iterator[Finding]:
        """The first record of a log."""
        if self.epoch is not None or self.last_sequence is not None:
            yield "genesis", "journal", offset, "a second genesis, or one behind an entry"
        if record.shard != self.shard:
            yield "shard", "journal", offset, f"is the genesis of shard {record.shard}"
        self.epoch, self.position, self.cut = record.epoch, record.start_offset, False
        self._digest = first_digest(record.epoch, self.shard, record.partitions).hex()

    def fence(self, offset: int, record: Fence) -> Iterator[Finding]:
        """A new owner."""
        if record.number <= self._fence:
            yield "fence", "journal", offset, f"fence {record.number} behind fence {self._fence}"
        self._fence = record.number

    def entry(self, offset: int, record: Entry) -> Iterator[Finding]:
        """One transaction."""
        if record.shard != self.shard:
            yield "shard", "journal", offset, f"is an entry of shard {record.shard}"
        if self.last_sequence is None:
            if self.epoch is None and not self.cut:
                yield "genesis", "journal", offset, "no genesis lies before the first entry"
            if self.epoch is not None and record.sequence != 1:
                yield "sequence", "journal", offset, f"the first entry behind the genesis is {record.sequence}"
        elif record.sequence != self.last_sequence + 1:
            yield "sequence", "journal", offset, f"entry {record.sequence} behind entry {self.last_sequence}"
        if self._digest not in {None, record.digest_before}:
            yield "digest", "journal", offset, "the digest before is not the one that came before"
        if self._fence not in {-1, record.fence}:
            yield "fence", "journal", offset, f"an entry of fence {record.fence} behind fence {self._fence}"
        if record.clock_ms < self._clock_ms:
            yield "clock", "journal", offset, f"logical time goes back by {self._clock_ms - record.clock_ms} ms"
        self.last_sequence, self._digest, self._clock_ms = record.sequence, record.digest_after, record.clock_ms
        yield from self._runs(offset, record)

    def _runs(self, offset: int, record: Entry) -> Iterator[Finding]:
        """Ranges of input: half-open, never taken twice; of requests, each begins where the former ended."""
        for run in record.runs:
            if run.from_ >= run.to:
                yield "run", "journal", offset, f"the run of {run.topic} [{run.from_}, {run.to}) is empty"
            expected = self.position if run.topic == "requests" else None
            if run.from_ < self._taken_below.get(run.topic, 0):
                yield "run", "journal", offset, f"{run.topic} [{run.from_}, {run.to}) was taken before, or in part"
            elif expected is not None and run.from_ != expected:
                yield "run", "journal", offset, f"requests [{run.from_}, {run.to}) do not begin at {expected}"
            self._taken_below[run.topic] = max(run.to, self._taken_below.get(run.topic, 0))
            if run.topic == "requests":
                self.position = self._taken_below[run.topic]

"""The journal of a shard: how it begins, who owns it, and how a shard is folded out of it again (D2, D4).

The fold trusts nothing: what does not follow from the record before is refused, with the place named. A process that
would go on behind a gap could decide a request twice, or never.
"""

from collections.abc import Callable
from typing import Any, Final

from engine import decide
from engine.decision import Decider
from engine.digest import first_digest
from engine.effects import CAMPAIGN_UPDATES, CONTROLS, JOURNAL, REQUESTS, Record
from engine.shard import Shard
from engine.state import Change, State
from engine.window import ID_HASH_BYTES
from schemas.errors import SchemaError
from schemas.journal import FORMAT, CheckpointPlace, Entry, Fence, Genesis, Log, Whole, decode_journal
from schemas.wire import encode, schema_header


class JournalError(Exception):
    """A journal that cannot be folded. ``offset``: of the record, -1 at the end; ``sequence``: of the entry, if any."""

    def __init__(self, problem: str, *, shard: int, offset: int, sequence: int | None = None) -> None:
        at = "at its end" if offset < 0 else f"at offset {offset}"
        entry = "" if sequence is None else f" (entry {sequence})"
        super().__init__(f"the journal of shard {shard} {at}{entry}: {problem}")
        self.problem = problem
        self.shard = shard
        self.offset = offset
        self.sequence = sequence


def new_genesis(
    *, epoch: str, shard: int, partitions: int, position: int, engine_version: str, created_ms: int = 0
) -> Record:
    """The record that a journal begins with. ``position``: offset of the first request to decide."""
    return _record(
        Genesis(
            epoch=epoch,
            shard=shard,
            partitions=partitions,
            start_offset=position,
            engine_version=engine_version,
            created_ms=created_ms,
        )
    )


def new_fence(
    *, number: int, owner: str, partitions: int, engine_version: str, tzdata_version: str, group: str = ""
) -> Record:
    """The record of a new owner.

    ``number`` is above that of every former owner: the journal's end offset, asked for after the transactional id
    was initialised, is, since no former owner can commit behind it any more.
    """
    return _record(
        Fence(
            number=number,
            owner=owner,
            partitions=partitions,
            engine_version=engine_version,
            tzdata_version=tzdata_version,
            group=group,
        )
    )


def _record(message: Genesis | Fence) -> Record:
    return Record(topic=JOURNAL, key=None, value=encode(message), headers=(schema_header("journal"),))


def checkpoint_of(offset: int, value: bytes) -> int | None:
    """Where a fold can begin, by the journal record at ``offset``: its own offset when it carries the whole state.

    None when it does not say, as a fence: ask an earlier record, or read from the start. Raises SchemaError.
    """
    match decode_journal(value):
        case Genesis():
            return offset
        case Entry(checkpoint=None, last_checkpoint=place):
            return place.offset if place else None
        case Entry():
            return offset
        case _:
            return None


class Fold:
    """Folds the records of one shard's journal, in their order, into a shard.

    Fences may come first, left by owners that never wrote a genesis. Entries before the first one that carries the
    whole state are passed over, but must follow each other.
    """

    def __init__(self, shard: int, *, partitions: int) -> None:
        self.shard: Final = shard
        self.partitions: Final = partitions
        self.fence: int | None = None  # of the last fence, or of the entries when they came before any
        self.former_fence: int | None = None  # of the one before, as far as it was read
        self._offset = -1  # of the last record
        self._last: Entry | None = None
        self._log: Log | None = None  # known with the state: from genesis or from a checkpoint
        self._state: State | None = None
        self._checkpoint: CheckpointPlace | None = None
        self._checkpoint_ms = 0

    @property
    def empty(self) -> bool:
        """Nothing but fences was read."""
        return self._log is None and self._last is None

    def add(self, offset: int, value: bytes) -> None:
        """Take in the record at ``offset``. Raises JournalError when it does not follow from those before."""
        if offset <= self._offset:
            raise self._error(offset, f"it comes after offset {self._offset}")
        try:
            record = decode_journal(value)
        except SchemaError as error:
            raise self._error(offset, f"this is not a journal record: {error}") from error
        match record:
            case Genesis():
                self._begin(offset, record)
            case Fence():
                self._change_owner(offset, record)
            case Entry():
                self._go_on(offset, record)
        self._offset = offset

    @property
    def begun(self) -> bool:
        """A whole state was read, or a genesis: what follows is folded."""
        return self._state is not None

    def finish(self, *, decider: Decider[Any, Any] = decide) -> Shard:
        """The shard that the journal describes, for its new owner; it lives on, so fold no further.

        Raises JournalError when the journal holds neither genesis nor checkpoint, or no fence.
        """
        shard = self._shard(lambda state, _: state, decider)
        if self.fence is None:
            raise self._error(-1, "it holds no fence")
        return shard

    def apart(self, *, decider: Decider[Any, Any] = decide) -> Shard:
        """A shard like the one that the journal describes so far, with a memory of its own. Raises JournalError."""
        return self._shard(_copied, decider)

    def _shard(self, take: Callable[[State, Log], State], decider: Decider[Any, Any]) -> Shard:
        if self._log is None or self._state is None or self._checkpoint is None:
            raise self._error(-1, f"it holds neither a genesis nor an entry with the whole state{self._gone()}")
        return Shard(
            log=self._log,
            state=take(self._state, self._log),
            sequence=self._last.sequence if self._last else 0,
            fence=self.fence or 0,
            last_checkpoint=self._checkpoint,
            checkpoint_ms=self._checkpoint_ms,
            decider=decider,
        )

    def _gone(self) -> str:
        """Where the whole state was, as far as the entries say."""
        place = self._last.last_checkpoint if self._last else None
        if place is None:
            return ""
        return f"; the last one, of entry {place.sequence} at offset {place.offset}, is not there any more"

    def _begin(self, offset: int, genesis: Genesis) -> None:
        if not self.empty:
            raise self._error(offset, "a second genesis")
        self._check_format(offset, genesis.format)
        log = Log(epoch=genesis.epoch, shard=genesis.shard, partitions=genesis.partitions)
        self._check_log(offset, log)
        self._log = log
        self._state = State(position=genesis.start_offset, digest=first_digest(log.epoch, log.shard, log.partitions))
        self._checkpoint = CheckpointPlace(sequence=0, offset=offset)

    def _change_owner(self, offset: int, fence: Fence) -> None:
        self._check_partitions(offset, fence.partitions)
        if self.fence is not None and fence.number <= self.fence:
            raise self._error(offset, f"fence {fence.number} comes after fence {self.fence}")
        self.former_fence, self.fence = self.fence, fence.number

    def _go_on(self, offset: int, entry: Entry) -> None:
        self._check_entry(offset, entry)
        if self._state is not None:
            self._state.apply(self._change(offset, entry, self._state))
        if entry.checkpoint is not None:
            self._check_point(offset, entry, entry.checkpoint)
        self._last = entry

    def _check_entry(self, offset: int, entry: Entry) -> None:
        """That the entry is the next one, of the last owner."""
        self._check_format(offset, entry.format, entry.sequence)
        self._check_shard(offset, entry.shard, entry.sequence)
        if self.fence is None and self._log is None:
            self.fence = entry.fence  # the fold began behind the fence, at a checkpoint
        if entry.fence != self.fence:
            raise self._error(offset, f"an entry of fence {entry.fence} after fence {self.fence}", entry.sequence)
        expected = self._last.sequence + 1 if self._last else 1
        if not self.empty and entry.sequence != expected:
            raise self._error(offset, f"entry {expected} is missing", entry.sequence)
        before = self._last.digest_after if self._last else self._state.digest.hex() if self._state else None
        if before is not None and entry.digest_before != before:
            raise self._error(
                offset, f"its digest goes on from {entry.digest_before}, not from {before}", entry.sequence
            )
        self._check_remembered(offset, entry.delta.remembered, entry.sequence)

    def _change(self, offset: int, entry: Entry, state: State) -> Change:
        """What an entry did to the state before it. Its runs must go on where those before ended."""
        below = {REQUESTS: state.position, **state.rejections_below}
        for run in entry.runs:
            if run.topic not in (REQUESTS, CAMPAIGN_UPDATES, CONTROLS):
                raise self._error(offset, f"it took in records of {run.topic!r}", entry.sequence)
            at = below.get(run.topic, 0)
            if run.from_ < at or run.to <= run.from_ or (run.topic == REQUESTS and run.from_ != at):
                problem = f"it took in {run.topic} from {run.from_} to {run.to}, where {at} was to be next"
                raise self._error(offset, problem, entry.sequence)
            below[run.topic] = run.to
        rising = ("clock_ms", "catalog_offset", "controls_offset")
        if fallen := [name for name in rising if getattr(entry, name) < getattr(state, name)]:
            raise self._error(offset, f"{' and '.join(fallen)} may not fall", entry.sequence)
        return Change(
            position=below.pop(REQUESTS),
            clock_ms=entry.clock_ms,
            digest=bytes.fromhex(entry.digest_after),
            catalog_offset=entry.catalog_offset,
            controls_offset=entry.controls_offset,
            rejections_below=below,
            delta=entry.delta,
        )

    def _check_point(self, offset: int, entry: Entry, whole: Whole) -> None:
        """Begin at the whole state that an entry carries, or compare it with what the fold has come to."""
        self._check_log(offset, whole.log, entry.sequence)
        self._check_remembered(offset, whole.remembered, entry.sequence)
        if self._state is None:
            self._log = whole.log
            self._state = State.restored(
                whole,
                digest=bytes.fromhex(entry.digest_after),
                catalog_offset=entry.catalog_offset,
                controls_offset=entry.controls_offset,
            )
        elif self._state.whole(whole.log) != whole:
            raise self._error(offset, "its checkpoint is not what the entries before it add up to", entry.sequence)
        self._checkpoint = CheckpointPlace(sequence=entry.sequence, offset=offset)
        self._checkpoint_ms = entry.clock_ms

    def _check_log(self, offset: int, log: Log, sequence: int | None = None) -> None:
        self._check_shard(offset, log.shard, sequence)
        if self._log is not None and log.epoch != self._log.epoch:
            raise self._error(offset, f"epoch {log.epoch!r} comes after {self._log.epoch!r}", sequence)
        self._check_partitions(offset, log.partitions, sequence)

    def _check_shard(self, offset: int, shard: int, sequence: int | None = None) -> None:
        if shard != self.shard:
            raise self._error(offset, f"it belongs to the journal of shard {shard}", sequence)

    def _check_partitions(self, offset: int, partitions: int, sequence: int | None = None) -> None:
        if partitions != self.partitions:
            problem = (
                f"it speaks of {partitions} partitions of requests; there are {self.partitions}, which never changes"
            )
            raise self._error(offset, problem, sequence)

    def _check_remembered(self, offset: int, hashes: bytes, sequence: int) -> None:
        if len(hashes) % ID_HASH_BYTES:
            problem = f"{len(hashes)} bytes are no hashes of request ids, of {ID_HASH_BYTES} bytes each"
            raise self._error(offset, problem, sequence)

    def _check_format(self, offset: int, version: int, sequence: int | None = None) -> None:
        if version != FORMAT:
            raise self._error(offset, f"format {version} is not known; this engine reads {FORMAT}", sequence)

    def _error(self, offset: int, problem: str, sequence: int | None = None) -> JournalError:
        return JournalError(problem, shard=self.shard, offset=offset, sequence=sequence)


def _copied(state: State, log: Log) -> State:
    return State.restored(
        state.whole(log),
        digest=state.digest,
        catalog_offset=state.catalog_offset,
        controls_offset=state.controls_offset,
    )

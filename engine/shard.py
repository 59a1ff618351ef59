"""A shard: the state machine that decides the requests of one partition (D1 to D6).

Facts in, effects out. It reads no clock, sends nothing and awaits nothing; the edges commit what it returns, and
when a commit is in doubt they throw it away and fold its journal into a new one.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final

from engine import decide
from engine.answering import Answer, Answering, Arrived
from engine.dead_letter import dead_letter
from engine.decision import Decider, Place
from engine.digest import link, packed
from engine.draft import Draft
from engine.effects import CAMPAIGN_UPDATES, CONTROLS, JOURNAL, REQUESTS, TICK, Effects, Input, Record
from engine.limits import (
    CHECKPOINT_AGE_MS_MAX,
    CHECKPOINT_ENTRIES,
    STEP_READ_BYTES,
    STEP_REQUESTS,
    STEP_WRITTEN_BYTES,
)
from engine.slices import at_once
from engine.state import Change, State
from engine.world import World
from schemas.dead_letters import DeadLetterReason
from schemas.journal import CheckpointPlace, Delta, Entry, Log
from schemas.wire import Headers, encode, schema_header

_JOURNAL: Final[Headers] = (schema_header("journal"),)
_REJECTED: Final[Mapping[str, DeadLetterReason]] = {CAMPAIGN_UPDATES: "invalid_update", CONTROLS: "invalid_control"}
_NOTHING: Final = packed(())
_UNCHANGED: Final = Delta()


class Shard:
    """``handle``, or the same in stretches, is the only door through which a shard's state changes.

    ``sequence``: of the last journal entry. ``fence``: number of the ownership under which entries are written.
    """

    def __init__(
        self,
        *,
        log: Log,
        state: State,
        sequence: int,
        fence: int,
        last_checkpoint: CheckpointPlace,
        checkpoint_ms: int,
        decider: Decider[Any, Any] = decide,
    ) -> None:
        self.log: Final = log
        self.fence: Final = fence
        self.sequence = sequence
        self._state: Final = state
        self._decider: Final = decider
        self._last_checkpoint = last_checkpoint  # the last one that is known to be committed
        self._checkpoint_ms = checkpoint_ms  # logical time of the last one made
        self._uncommitted_checkpoints: dict[int, None] = {}  # sequences of entries with a checkpoint
        self._broken = False  # a batch failed half-way: only a restore leads on

    @property
    def position(self) -> int:
        """Offset of the next request."""
        return self._state.position

    @property
    def digest(self) -> str:
        """Hexadecimal digest of all inputs and outcomes so far."""
        return self._state.digest.hex()

    @property
    def clock_ms(self) -> int:
        """The logical time: greatest timestamp of the requests and ticks so far."""
        return self._state.clock_ms

    @property
    def catalog_offset(self) -> int:
        """Catalog offset last used: a world below it is not accepted."""
        return self._state.catalog_offset

    @property
    def controls_offset(self) -> int:
        """Controls offset last used: a world below it is not accepted."""
        return self._state.controls_offset

    @property
    def rejections_below(self) -> Mapping[str, int]:
        """By broadcast topic: rejected records below this offset are written off already."""
        return dict(self._state.rejections_below)

    @property
    def counts(self) -> Mapping[str, int]:
        """What was counted since genesis: requests, repeated, misplaced, and refusals by reason."""
        return dict(self._state.counts)

    def committed(self, *, sequence: int, journal_offset: int) -> None:
        """Learn at which offset of the journal an entry stands, so that later ones can name it as checkpoint."""
        if sequence in self._uncommitted_checkpoints:
            self._last_checkpoint = CheckpointPlace(sequence=sequence, offset=journal_offset)
        for passed in [waiting for waiting in self._uncommitted_checkpoints if waiting <= sequence]:
            del self._uncommitted_checkpoints[passed]

    def handle(self, batch: Sequence[Input], world: World) -> Effects:
        """Decide a batch and advance. Requests below ``position`` were decided already: they are passed over.

        Raises ValueError, with nothing changed, for an input of a topic that a shard does not read, and for a world
        older than one used before: offsets in force never fall (D13). What else it raises is a fault that no request is to
        blame for (want of memory): the shard is then of no more use.
        """
        return at_once(self.handling(batch, world, STEP_REQUESTS))

    def handling(self, batch: Sequence[Input], world: World, stretch: int) -> Generator[bool, None, Effects]:
        """The same in stretches of so many inputs, with a pause between two of them (True), so that a batch may take longer than
        the event loop may be held (D11); and with one between two auctions, and where much was read or written (False), for
        a stretch that takes longer than it should. Whoever leaves it in the middle has to restore the shard.
        """
        self._check(batch, world)
        draft = Draft()
        digest_before = self.digest
        self._broken = True
        for start in range(0, len(batch), stretch):
            if start:
                yield True
            inputs = batch[start : start + stretch]
            auctioned = yield from self._auctioned(inputs, world)
            paused_at = draft.bytes_written
            for given in inputs:
                if draft.bytes_written - paused_at > STEP_WRITTEN_BYTES:
                    yield False
                    paused_at = draft.bytes_written
                self._take(given, world, auctioned, draft)
        self._broken = False
        if not draft.inputs:
            return _effects(draft, None, 0)
        self.sequence += 1
        entry = self._entry(draft, digest_before)
        return _effects(draft, Record(topic=JOURNAL, key=None, value=encode(entry), headers=_JOURNAL), self.sequence)

    def _check(self, batch: Sequence[Input], world: World) -> None:
        if self._broken:
            raise RuntimeError(f"shard {self.log.shard} stopped in the middle of a batch: restore it from its journal")
        if world.catalog.offset < self.catalog_offset or world.controls.offset < self.controls_offset:
            raise ValueError(
                f"shard {self.log.shard} used catalog {self.catalog_offset} and controls {self.controls_offset};"
                f" it cannot go back to {world.catalog.offset} and {world.controls.offset}"
            )
        for given in batch:
            if given.topic not in (REQUESTS, TICK) and (given.topic not in _REJECTED or self.log.shard != 0):
                raise ValueError(f"shard {self.log.shard} does not read records of {given.topic!r}")

    def _auctioned(self, inputs: Sequence[Input], world: World) -> Generator[bool, None, dict[int, Answering]]:
        """The requests among the inputs, by offset, as far as they depend on nothing before them but the clock.

        Each step is taken for all before the next one: its code is warm then. That never shows (D5).
        """
        clock_ms, position = self.clock_ms, self.position
        begun: dict[int, Answering] = {}
        for given in inputs:
            if given.topic == TICK:
                clock_ms = max(clock_ms, given.timestamp_ms)
            elif given.topic == REQUESTS and given.offset >= position:
                clock_ms, position = max(clock_ms, given.timestamp_ms), given.offset + 1
                place = Place(epoch=self.log.epoch, shard=self.log.shard, offset=given.offset, event_time_ms=clock_ms)
                begun[given.offset] = Answering(
                    Arrived(
                        given=given,
                        place=place,
                        world=world,
                        partitions=self.log.partitions,
                        decider=self._decider,
                    )
                )
        bytes_read = 0
        for answering in begun.values():
            if bytes_read > STEP_READ_BYTES:
                yield False
                bytes_read = 0
            answering.read()
            bytes_read += answering.size_bytes
        for number, answering in enumerate(begun.values()):
            if number:
                yield False
            answering.auction()
        return begun

    def _take(self, given: Input, world: World, auctioned: dict[int, Answering], draft: Draft) -> None:
        """Decide one input into a change, and apply it last. What was kept of a request goes at once: memory is warm then."""
        if given.topic == TICK:
            draft.add_tick(given.timestamp_ms)
            change = self._change(given, world, clock_ms=max(self.clock_ms, given.timestamp_ms))
        elif given.offset < self._next(given.topic):
            draft.stats["passed_over"] += 1
            return
        elif given.topic == REQUESTS:
            draft.add_run(REQUESTS, self.position, given.offset + 1)
            answered, change = self._answer(given, world, auctioned.pop(given.offset))
            draft.add_answer(given.offset, answered)
        else:
            draft.add_run(given.topic, given.offset, given.offset + 1)
            draft.records.append(_write_off(given))
            change = self._change(given, world, rejections_below={given.topic: given.offset + 1})
        self._state.apply(change)
        draft.add_delta(change.delta)

    def _next(self, topic: str) -> int:
        return self.position if topic == REQUESTS else self._state.rejections_below.get(topic, 0)

    def _answer(self, given: Input, world: World, answering: Answering) -> tuple[Answer, Change]:
        answered = answering.answer(self._state.window)
        change = self._change(
            given,
            world,
            position=given.offset + 1,
            clock_ms=answering.event_time_ms,
            outcome=answered.outcome,
            delta=Delta(remembered=answered.remembered, counts=answered.counts),
        )
        return answered, change

    def _change(
        self,
        given: Input,
        world: World,
        *,
        position: int | None = None,
        clock_ms: int | None = None,
        outcome: bytes = _NOTHING,
        rejections_below: Mapping[str, int] | None = None,
        delta: Delta = _UNCHANGED,
    ) -> Change:
        """The change an input makes; what is not given stays as it is.

        A rejected record moves no clock, so its timestamp decides nothing and is not hashed: a replay needs to know
        only that it was there.
        """
        timestamp_ms = 0 if given.topic in _REJECTED else given.timestamp_ms
        return Change(
            position=self.position if position is None else position,
            clock_ms=self.clock_ms if clock_ms is None else clock_ms,
            digest=link(self._state.digest, given.topic, given.offset, timestamp_ms, outcome),
            catalog_offset=world.catalog.offset,
            controls_offset=world.controls.offset,
            rejections_below=rejections_below or {},
            delta=delta,
        )

    def _entry(self, draft: Draft, digest_before: str) -> Entry:
        whole = None
        if self.sequence % CHECKPOINT_ENTRIES == 0 or self.clock_ms - self._checkpoint_ms >= CHECKPOINT_AGE_MS_MAX:
            whole = self._state.whole(self.log)
            self._checkpoint_ms = self.clock_ms
            self._uncommitted_checkpoints[self.sequence] = None
        return Entry(
            shard=self.log.shard,
            sequence=self.sequence,
            digest_before=digest_before,
            digest_after=self.digest,
            fence=self.fence,
            runs=draft.runs,
            catalog_offset=self.catalog_offset,
            controls_offset=self.controls_offset,
            clock_ms=self.clock_ms,
            outside=tuple(draft.outside),
            counts=draft.written(),
            delta=draft.delta,
            checkpoint=whole,
            last_checkpoint=self._last_checkpoint,
        )


def _write_off(given: Input) -> Record:
    """The dead letter of a record that the catalog or the controls could not take in."""
    said = {name: value.decode(errors="replace") for name, value in given.headers}
    return dead_letter(
        given,
        partition=0,
        reason=_REJECTED[given.topic],
        field=said.get("adjudge-field", ""),
        problem=said.get("adjudge-problem", ""),
    )


def _effects(draft: Draft, entry: Record | None, sequence: int) -> Effects:
    return Effects(
        records=tuple(draft.records),
        entry=entry,
        sequence=sequence,
        replies=tuple(draft.replies),
        stats=draft.all_stats(),
        decision_ids=tuple(draft.decision_ids),
        errors=tuple(draft.errors),
    )

"""The catalog and the controls of this process: every process reads both topics whole (D13, D14).

Controls are applied first and published at once, so that an emergency stop does not wait for a load of
campaigns. The topics are read committed: what a writer aborted is not part of them.
"""

import asyncio
import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from consumers.connection import begun, close_in_time
from consumers.rejections import Rejections
from consumers.rights import in_words
from consumers.silence import Silence
from consumers.topic_check import TopicLostError
from engine.catalog import Catalog
from engine.controls import Controls, read_control
from engine.effects import CAMPAIGN_UPDATES, CONTROLS, Input
from engine.pricing import Preparation, unprepared, unprepared_in
from engine.rejection import Rejection
from engine.snapshot import Snapshot
from engine.world import World
from schemas.topics import BY_NAME

READ_AT_ONCE_BYTES: Final = 32_768  # a control of more is read in a thread: 1 MB of one took a quarter of a second
SLICE_S: Final = 0.01  # of applying records, and of building rows, between two turns of the event loop
POLL_MS: Final = 100
POLL_RECORDS_MAX: Final = 200  # unpacked in one stretch of the event loop: 5 ms where the machine is crowded
POLL_LOADING_RECORDS_MAX: Final = 5_000  # before the first decision: all of a fetch, so that the next is under way
FETCH_WAIT_MS: Final = 50
FETCH_BYTES_MAX: Final = 4_194_304
BACKOFF_S: Final = 0.2
QUIET_S: Final = 1.0  # without a campaign update, until few changed ads are merged as well
PUBLISH_S: Final = 0.25  # between two worlds, while there are more campaign updates to read
MERGE_PAUSE_S: Final = 0.1  # until it is looked again whether there is something to merge
PREPARED_AT_ONCE_ROWS: Final = 512  # of a segment; handing less to a thread takes longer than the work

log = structlog.get_logger(__name__)


class Broadcast:
    """Follows both topics and publishes an immutable ``world`` between batches; None until both were read to their ends."""

    def __init__(self, topics: Mapping[str, str], arguments: Mapping[str, Any], *, token_key: bytes) -> None:
        self._places = {name: TopicPartition(topics[name], 0) for name in (CONTROLS, CAMPAIGN_UPDATES)}
        self._arguments = arguments
        self._token_key = token_key
        self._catalog = Catalog()
        self._controls = Controls()
        self._snapshot: Snapshot | None = None
        self._updated_s = 0.0  # monotonic time of the last campaign update
        self._published_s = 0.0  # of the last snapshot
        self._ends: dict[str, int] = {}
        self._positions = dict.fromkeys(self._places, 0)
        self._highwater: dict[str, int | None] = dict.fromkeys(self._places)  # where the topic ended then
        self._rejections = Rejections()
        self._changed = asyncio.Condition()
        self.silence = Silence(self._places)
        self.world: World | None = None
        self.listener: asyncio.Event | None = None  # set when there are new rejections: the buffer of shard 0

    def behind(self) -> dict[str, int]:
        """Records still to be read before the first decision, for each topic that is not there yet."""
        if not self._ends:
            return dict.fromkeys(self._places, -1)
        return {name: end - self._positions[name] for name, end in self._ends.items() if self._positions[name] < end}

    @property
    def stale_versions(self) -> int:
        """Campaign updates since the start whose version was not above the one held: applied all the same."""
        return self._catalog.stale_versions

    @property
    def rejections_dropped(self) -> int:
        """Refused records that did not fit."""
        return self._rejections.dropped

    def rejections(self, below: Mapping[str, int]) -> list[Input]:
        """Refused records that are held, in the order of each topic; those below the marks are written off already."""
        return self._rejections.above(below)

    def written_off(self, below: Mapping[str, int]) -> None:
        """The journal's marks: refused records below them are of no use any more."""
        self._rejections.forget(below)

    async def reached(self, *, catalog_offset: int, controls_offset: int) -> World:
        """The world, once it is complete and no older than a journal's offsets (D13)."""
        async with self._changed:
            while (
                self.world is None
                or self.world.catalog.offset < catalog_offset
                or self.world.controls.offset < controls_offset
            ):
                await self._changed.wait()
            return self.world

    def shortfall(self, *, catalog_offset: int, controls_offset: int) -> str:
        """Which topic ends before a journal's offset, so that waiting for it is in vain; empty when none does."""
        wanted = {CAMPAIGN_UPDATES: catalog_offset, CONTROLS: controls_offset}
        ends = {name: end for name, end in self._highwater.items() if end is not None and end < wanted[name]}
        said = " and ".join(f"{self._places[name].topic} ends at offset {end}" for name, end in ends.items())
        return f"{said}: it was made anew or has lost records" if said else ""

    async def run(self) -> None:
        """Read until cancelled. Raises TopicLostError."""
        consumer = await begun(self._make, self._begin, self._cannot_begin)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow(consumer, CONTROLS))
                tasks.create_task(self._follow(consumer, CAMPAIGN_UPDATES))
                tasks.create_task(self._merge())
        finally:
            await close_in_time(consumer)

    def _make(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._arguments,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            fetch_max_bytes=FETCH_BYTES_MAX,
            max_partition_fetch_bytes=BY_NAME[CAMPAIGN_UPDATES].bytes_max,
        )

    async def _begin(self, consumer: AIOKafkaConsumer) -> None:
        """Stand at the beginning of both topics, and note where they end."""
        await consumer.start()
        places = list(self._places.values())
        consumer.assign(places)
        begins = await consumer.beginning_offsets(places)
        for place in places:
            consumer.seek(place, begins[place])
        ends = await consumer.end_offsets(places)
        self._ends = {name: ends[place] for name, place in self._places.items()}

    def _cannot_begin(self, problem: str) -> None:
        for name in self._places:
            self.silence.goes_on(name, problem)

    async def _follow(self, consumer: AIOKafkaConsumer, name: str) -> None:
        """Apply what each poll of one topic gives, and publish."""
        place = self._places[name]
        while True:
            try:
                most = POLL_LOADING_RECORDS_MAX if self.world is None else POLL_RECORDS_MAX
                batches = await consumer.getmany(place, timeout_ms=POLL_MS, max_records=most)
            except OffsetOutOfRangeError as error:
                raise _lost(place, error.args[0][place]) from error
            except (KafkaError, UnicodeDecodeError) as error:  # the latter: the client cannot read a header's name
                self.silence.goes_on(name, in_words(error))
                await asyncio.sleep(BACKOFF_S)
                continue
            self.silence.listen(name, records=bool(batches), polled=consumer.last_poll_timestamp(place))
            self._highwater[name] = consumer.highwater(place)
            await self._apply(name, batches.get(place, ()))
            # Only a broker's answer moves it, behind the marker of a transaction as well: an empty poll tells nothing.
            self._positions[name] = await consumer.position(place)
            if (
                name == CAMPAIGN_UPDATES
                and self._positions[name] >= self._ends[name]
                and self._is_snapshot_due(reading=bool(batches))
            ):
                await self._take_snapshot()
            await self._publish()

    async def _apply(self, name: str, records: Any) -> None:
        started = time.monotonic()
        if records and name == CAMPAIGN_UPDATES:
            self._updated_s = started
        for record in records:
            for rejection in await self._take(name, record):
                self._hold(name, record, rejection)
            if time.monotonic() - started > SLICE_S:
                await self._rest(started)
                started = time.monotonic()
        if records:  # the next poll may find more in memory and then waits for nothing
            await self._rest(started)

    async def _take(self, name: str, record: ConsumerRecord) -> Sequence[Rejection]:
        fields = {"offset": record.offset, "key": record.key, "value": record.value}
        if name == CAMPAIGN_UPDATES:
            return self._catalog.apply(**fields)
        if len(record.value or b"") <= READ_AT_ONCE_BYTES:
            return self._controls.apply(**fields)
        return self._controls.take(await asyncio.to_thread(read_control, **fields))

    async def _rest(self, started: float) -> None:
        """Leave the loop to decisions for as long as the work since ``started`` took; before the first there are none."""
        await asyncio.sleep(0 if self.world is None else time.monotonic() - started)

    def _hold(self, name: str, record: ConsumerRecord, rejection: Rejection) -> None:
        """Keep a refused record for the owner of shard 0."""
        log.warning(
            "a record was refused", topic=name, offset=record.offset, field=rejection.field, problem=rejection.problem
        )
        headers = (("adjudge-field", rejection.field.encode()), ("adjudge-problem", rejection.problem.encode()))
        self._rejections.hold(
            Input(
                topic=name,
                offset=record.offset,
                timestamp_ms=record.timestamp,
                key=record.key,
                value=record.value,
                headers=headers,
            )
        )
        if self.listener is not None:
            self.listener.set()

    def _is_snapshot_due(self, *, reading: bool) -> bool:
        """Of very many updates in a row not every poll makes a world: each costs building what has changed.

        ``reading``: the poll gave records. A position below the end alone may be one before a transaction's marker.
        """
        highwater = self._highwater[CAMPAIGN_UPDATES]
        more = reading and highwater is not None and self._positions[CAMPAIGN_UPDATES] < highwater
        return not more or time.monotonic() - self._published_s >= PUBLISH_S

    async def _take_snapshot(self) -> None:
        """The catalog as it is, once its changed rows are built: a half-applied one is never shown.

        Before the first decision it is merged as well; later that goes on in ``_merge``, and no update waits for it.
        """
        started = time.monotonic()
        while (self.world is None and self._catalog.maintain()) or self._catalog.gather():
            if time.monotonic() - started > SLICE_S:
                await self._rest(started)
                started = time.monotonic()
        snapshot = self._catalog.snapshot()
        if self._snapshot is None or snapshot.parts is not self._snapshot.parts:
            self._published_s = time.monotonic()
        offset = max(snapshot.offset, self._positions[CAMPAIGN_UPDATES])
        self._snapshot = snapshot if offset == snapshot.offset else dataclasses.replace(snapshot, offset=offset)

    async def _merge(self) -> None:
        """Merge changed rows beside everything else, slice by slice; what comes of it is prepared before it is used."""
        while True:
            await asyncio.sleep(MERGE_PAUSE_S)
            while self.world is not None:
                started = time.monotonic()
                if not self._catalog.merge(quiet=started - self._updated_s >= QUIET_S):
                    break
                while (merged := self._catalog.merged) and (missing := unprepared_in([merged], self._controls.view())):
                    await _prepare(missing)
                await self._rest(started)

    async def _publish(self) -> None:
        """Make what is applied the world of the batches to come, once models have seen all of its rows."""
        while (world := self._applied()) is not None and (missing := unprepared(world.catalog, world.controls)):
            await _prepare(missing)
        async with self._changed:
            world = self._applied()  # the other topic may have gone on meanwhile; a world never goes back
            if world is None or unprepared(world.catalog, world.controls):
                return
            if self.world is None or _mark(self.world) != _mark(world):
                self.world = world
                self._changed.notify_all()

    def _applied(self) -> World | None:
        """What is applied by now; None until all has been read that was there at the start."""
        if self._snapshot is None or self.behind():
            return None
        controls = self._controls.view()
        controls = dataclasses.replace(controls, offset=max(controls.offset, self._positions[CONTROLS]))
        return World(catalog=self._snapshot, controls=controls, token_key=self._token_key)


async def _prepare(missing: Sequence[Preparation]) -> None:
    for one in missing:
        if len(one.segment) <= PREPARED_AT_ONCE_ROWS:
            made = one.make()
            await asyncio.sleep(0)
        else:
            made = await asyncio.to_thread(one.make)  # long for many rows; reads only what never changes
        one.segment.keep(one.key, one.version, made)


def _lost(place: TopicPartition, offset: int) -> TopicLostError:
    log.error("a broadcast topic is lost", topic=place.topic, offset=offset)
    return TopicLostError(
        f"offset {offset} of {place.topic} is not in the log any more: the topic was made anew or has lost records,"
        " so that what is in force can no longer be trusted"
    )


def _mark(world: World) -> tuple[int, int, tuple[int, ...]]:
    """What tells two worlds apart; merging makes new parts at the same offset, which decide the same, but faster."""
    return world.catalog.offset, world.controls.offset, tuple(id(part) for part in world.catalog.parts)

"""The group's consumer: its partitions of ``requests`` are the shards of this process (D14).

It subscribes to that topic alone, as the range assignor goes by topic and a rolling upgrade that changes the
subscription would split a shard (trap 13). Where reading goes on is said by the journal, never by the group's
offsets, which are committed for lag tools and to have the group confirm its generation.
"""

import asyncio
import operator
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import (
    CorruptRecordException,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from aiokafka.structs import OffsetAndMetadata

from consumers.buffers import Buffer
from consumers.connection import begun, close_in_time
from consumers.kafka_errors import in_words
from consumers.poll_health import PollHealth
from consumers.settings import Settings
from engine.effects import REQUESTS, Input

POLL_MS: Final = 200
POLL_RECORDS_MAX: Final = 500  # decoded in one stretch of the event loop: 2 to 3 ms
FETCH_WAIT_MS: Final = 100  # a resumed partition waits so long for the fetch that is on its way (trap 11)
FETCH_BYTES_MAX: Final = 4_194_304
PARTITION_FETCH_BYTES_MAX: Final = 1_048_576
BACKOFF_S: Final = 0.2
ANSWER_S_MAX: Final = 1.0  # an answer takes FETCH_WAIT_MS where there is nothing to fetch
LAG_S: Final = 5.0  # between two reports of where shards are, and two looks at what nobody fetches
METADATA_AGE_MS: Final = 30_000  # after so long a widened topic is noticed, here and by the group
HEARTBEATS_A_SESSION: Final = 20  # a member learns by its next heartbeat only that another one came or went
CONFIRM_S_MAX: Final = 5.0
LOOK_S_MAX: Final = 5.0
HAND_OVER_S_MAX: Final = 1.0  # the group waits meanwhile, as it did for the shards to be given up

log = structlog.get_logger(__name__)


class Shards(Protocol):
    """Who takes shards over and gives them up: consumers/shards.py."""

    async def release_all(self) -> None:
        """Finish what is begun and give every shard up, within bounds."""

    def take(self, partitions: frozenset[int]) -> None:
        """Begin to take these shards over; returns at once."""

    def refuse(self, count: int) -> None:
        """The topic has another number of partitions than the log speaks of: stop every shard, and those to come."""


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Runs with heartbeats stopped and its errors swallowed (trap 5): it pauses, seeks, says so and returns."""

    def __init__(self, consumer: "RequestsConsumer", shards: Shards) -> None:
        self._consumer = consumer
        self._shards = shards

    async def on_partitions_revoked(self, _revoked: object) -> None:
        self._consumer.drop_all()
        await self._shards.release_all()
        await self._consumer.hand_over()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._consumer.hold(assigned)
        self._consumer.check_count(self._shards)
        self._shards.take(frozenset(where.partition for where in assigned))


class RequestsConsumer:
    """Fetches for all shards of the process into their buffers. ``partitions``: of the topic when it was checked."""

    def __init__(self, settings: Settings, topic: str, arguments: Mapping[str, Any], *, partitions: int) -> None:
        self._topic = topic
        self._partitions = partitions
        self._settings = settings
        self._buffers: dict[int, Buffer] = {}
        self._fetched: dict[int, int] = {}  # offset behind what was put into a shard's buffer
        self._answered: dict[int, tuple[int | None, float]] = {}  # of the last answer for a shard: its time, ours
        self._positions: dict[int, int] = {}
        self._ends: dict[int, int] = {}  # of partitions that nobody fetches, when last asked for
        self._reported: dict[int, int] = {}  # by the group, of shards that were never opened here
        self._passed: dict[int, int] = {}  # where fetching was: behind markers and aborted records, too
        self.joined = False
        self.poll_health = PollHealth((REQUESTS,))
        self._arguments = arguments
        self._consumer: AIOKafkaConsumer = None  # while ``run`` runs; owners exist only meanwhile

    async def run(self, shards: Shards) -> None:
        """Join the group and fetch until cancelled."""
        self._consumer = await begun(self._make, operator.methodcaller("start"), self._cannot_begin)
        try:
            self._consumer.subscribe([self._topic], listener=_Listener(self, shards))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._fetch())
                tasks.create_task(self._report(shards))
        finally:
            await close_in_time(self._consumer)

    def _make(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._arguments,
            group_id=self._settings.group,
            client_id=self._settings.instance,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            session_timeout_ms=self._settings.session_timeout_ms,
            heartbeat_interval_ms=max(100, self._settings.session_timeout_ms // HEARTBEATS_A_SESSION),
            metadata_max_age_ms=METADATA_AGE_MS,
            rebalance_timeout_ms=max(self._settings.session_timeout_ms, 10_000),
            fetch_max_wait_ms=FETCH_WAIT_MS,
            fetch_max_bytes=FETCH_BYTES_MAX,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES_MAX,
        )

    def _cannot_begin(self, problem: str) -> None:
        self.poll_health.failed(REQUESTS, problem)

    async def _fetch(self) -> None:
        while True:
            try:
                batches = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS_MAX)
                self._put(batches)
            except OffsetOutOfRangeError as error:
                self._out_of_range(error)
                continue
            except NoOffsetForPartitionError:
                continue  # assigned a moment ago; its placeholder is about to be set (trap 12)
            except (KafkaError, UnicodeDecodeError) as error:
                self.poll_health.failed(REQUESTS, in_words(error))
                await self._fetch_apart()
            else:
                self._note_poll(full=sum(map(len, batches.values())) >= POLL_RECORDS_MAX)
            await asyncio.sleep(0)

    def _note_poll(self, *, full: bool) -> None:
        """After a poll: whether brokers answer for every shard that is fetched, as polls are as empty when they do not.

        ``full``: it gave all that it may, so that records of some shards wait in the client, which asks no further for these.
        """
        if full:
            self._answered.clear()
        now, paused, deaf = time.monotonic(), self._consumer.paused(), []
        for partition in self._buffers:
            where = TopicPartition(self._topic, partition)
            answer = self._consumer.last_poll_timestamp(where) if where in self._consumer.assignment() else None
            last = self._answered.get(partition)
            if last is None or last[0] != answer or where in paused:
                self._answered[partition] = answer, now
            elif now - last[1] > ANSWER_S_MAX:
                deaf.append(partition)
        if not self._consumer.partitions_for_topic(self._topic):
            self.poll_health.failed(REQUESTS, "the topic is not there")
        elif deaf:
            self.poll_health.failed(REQUESTS, f"no broker answers for partition {', '.join(map(str, sorted(deaf)))}")
        else:
            self.poll_health.succeeded(REQUESTS)

    def _put(self, batches: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> None:
        for where, records in batches.items():
            buffer = self._buffers.get(where.partition)
            if buffer is not None:
                buffer.put(list(map(_input, records)))
                self._fetched[where.partition] = records[-1].offset + 1

    async def _fetch_apart(self) -> None:
        """Each shard alone, from where its buffer ends.

        At a batch that cannot be read the client forgets what it had of other partitions in the same poll, and goes on
        behind it. A wrong checksum may be of the way here alone; one that comes again, as a header whose name is not UTF-8,
        is its shard's to stop at, and holds up no other.
        """
        places = [TopicPartition(self._topic, partition) for partition in self._buffers]
        for where in places:
            self._if_assigned(self._go_back, where)
        await asyncio.sleep(BACKOFF_S)
        for where in places:
            try:
                self._put(await self._consumer.getmany(where, timeout_ms=0, max_records=POLL_RECORDS_MAX))
            except CorruptRecordException:
                self._fail_behind(where, "the checksum of a batch is wrong")
            except UnicodeDecodeError:
                self._fail_behind(where, "the name of a header is not UTF-8")
            except KafkaError:
                continue  # the next poll of all tells it

    def _go_back(self, where: TopicPartition) -> None:
        self._consumer.seek(where, self._fetched[where.partition])
        self._passed.pop(where.partition, None)

    def _fail_behind(self, where: TopicPartition, problem: str) -> None:
        self._fail(where, f"{problem}, at or behind offset {self._fetched[where.partition]}")

    def _out_of_range(self, error: Any) -> None:
        for where, offset in error.args[0].items():
            self._fail(where, f"offset {offset} of {where.topic}/{where.partition} is not in the log any more")

    def _fail(self, where: TopicPartition, problem: str) -> None:
        buffer = self._buffers.get(where.partition)
        if buffer is not None:
            buffer.fail(LookupError(problem))

    def hold(self, assigned: set[TopicPartition]) -> None:
        """Pause, and seek to a placeholder, so that nothing comes and nothing fails until the shard is restored."""
        for where in assigned:
            self._consumer.pause(where)
            self._consumer.seek(where, 0)
        self.joined = True

    def drop_all(self) -> None:
        """The partitions are revoked: what is buffered belongs to nobody here."""
        for held in (self._buffers, self._ends, self._reported, self._passed):
            held.clear()
        self.joined = False

    async def hand_over(self) -> None:
        """All shards are given up: the group is told where they are, as whoever comes asks it, and here it is forgotten."""
        positions, self._positions = self._positions, {}
        places = {TopicPartition(self._topic, partition): offset for partition, offset in positions.items()}
        try:
            async with asyncio.timeout(HAND_OVER_S_MAX):
                told = await asyncio.gather(*map(self._told, places))
                await self._commit(
                    {where: max(told_of, places[where]) for where, told_of in zip(places, told, strict=True)}
                )
        except (KafkaError, TimeoutError, ValueError) as error:
            log.debug("the group could not be told where shards are", error=repr(error))

    def open(self, partition: int, offset: int) -> Buffer:
        """Let a shard's input come, from ``offset`` on. Raises IllegalStateError when it was revoked meanwhile."""
        where = TopicPartition(self._topic, partition)
        if where not in self._consumer.assignment():
            raise IllegalStateError(f"{where} is not assigned")
        self._consumer.pause(where)
        self._consumer.seek(where, offset)
        buffer = Buffer(
            records_max=self._settings.buffer_records,
            pause=lambda: self._if_assigned(self._consumer.pause, where),
            resume=lambda: self._if_assigned(self._consumer.resume, where),
        )
        self._buffers[partition] = buffer
        self._fetched[partition] = offset
        self._positions[partition] = offset
        for noted in (self._answered, self._passed):
            noted.pop(partition, None)
        buffer.open()
        return buffer

    def close(self, partition: int) -> None:
        """No input for this shard for now."""
        self._buffers.pop(partition, None)
        where = TopicPartition(self._topic, partition)
        self._if_assigned(self._consumer.pause, where)

    def decided(self, partition: int, offset: int) -> None:
        """Requests below ``offset`` are decided, for lag tools."""
        self._positions[partition] = offset

    def position(self, partition: int) -> int | None:
        """Offset of the shard's next request to decide; None before its first one is known."""
        return self._positions.get(partition, self._reported.get(partition))

    def lag(self, partition: int) -> int | None:
        """Requests of the shard that are written and not decided, as was last heard; None before it."""
        where = TopicPartition(self._topic, partition)
        position = self.position(partition)
        if where not in self._consumer.assignment() or position is None:
            return None
        if position == self._fetched.get(partition):  # then what was passed since then is no request
            position = max(position, self._passed.get(partition, position))
        ends = [end for end in (self._consumer.highwater(where), self._ends.get(partition)) if end is not None]
        return max(0, max(ends) - position) if ends else None

    def check_count(self, shards: Shards) -> None:
        """Partitions never change for the life of a log (D2): keys would go to other shards than before."""
        known = self._consumer.partitions_for_topic(self._topic) or set(range(self._partitions))
        count = max(len(known), *(where.partition + 1 for where in self._consumer.assignment()), 0)
        if count != self._partitions:
            shards.refuse(count)

    async def first_offset(self, partition: int) -> int:
        """First request that is kept."""
        where = TopicPartition(self._topic, partition)
        begins = await self._consumer.beginning_offsets([where])
        return int(begins[where])

    async def confirmed(self, partition: int) -> bool:
        """Whether the group holds this process to be the partition's owner: it takes a commit of its generation.

        What is committed is never below what the group was told by whoever decided the shard meanwhile.
        """
        where = TopicPartition(self._topic, partition)
        if where not in self._consumer.assignment():
            return False
        try:
            async with asyncio.timeout(CONFIRM_S_MAX):
                await self._commit({where: max(await self._told(where), self._positions.get(partition, 0))})
        except (KafkaError, TimeoutError, ValueError):
            return False
        return where in self._consumer.assignment()

    async def _told(self, where: TopicPartition) -> int:
        """Where the group was told that a shard is; the first request that is kept, where it was told less."""
        told = await self._consumer.committed(where)
        return max(await self.first_offset(where.partition), told or 0)

    async def _report(self, shards: Shards) -> None:
        """Now and then: tell the group where shards are, and look at what no fetch would show."""
        while True:
            await asyncio.sleep(LAG_S)
            await self._tell_group()
            await self._look_at_paused()
            await self._look_at_passed()
            self.check_count(shards)

    async def _tell_group(self) -> None:
        """Where the shards that are decided here are, for lag tools: what cannot be told is told the next time."""
        places = {TopicPartition(self._topic, partition): self._positions[partition] for partition in self._buffers}
        try:
            async with asyncio.timeout(LOOK_S_MAX):
                await self._commit(places)
        except (KafkaError, TimeoutError, ValueError) as error:
            log.debug("the group could not be told where shards are", error=repr(error))

    async def _commit(self, places: Mapping[TopicPartition, int]) -> None:
        """The group's offsets, of those that are still assigned."""
        held = self._consumer.assignment()
        offsets = {where: OffsetAndMetadata(offset, "") for where, offset in places.items() if where in held}
        if offsets:
            await self._consumer.commit(offsets)

    async def _look_at_paused(self) -> None:
        """Where partitions end that are not fetched: those of stopped shards, and those whose buffer is full."""
        paused = sorted(self._consumer.paused())
        try:
            async with asyncio.timeout(LOOK_S_MAX):
                for where, end in (await self._consumer.end_offsets(paused) if paused else {}).items():
                    self._ends[where.partition] = end
                for where in paused:
                    if where.partition not in self._positions and where in self._consumer.assignment():
                        self._reported[where.partition] = await self._told(where)
        except (KafkaError, TimeoutError, ValueError) as error:
            log.debug("ends of paused partitions are not known", error=repr(error))

    async def _look_at_passed(self) -> None:
        """Where fetching is. All requests below are in a buffer by then, or decided."""
        try:
            async with asyncio.timeout(LOOK_S_MAX):
                for where in [TopicPartition(self._topic, partition) for partition in self._buffers]:
                    if where in self._consumer.assignment():
                        self._passed[where.partition] = await self._consumer.position(where)
        except (KafkaError, TimeoutError) as error:
            log.debug("it is not known how far requests are fetched", error=repr(error))

    def _if_assigned(self, act: Any, where: TopicPartition) -> None:
        if where in self._consumer.assignment():
            act(where)


def _input(record: ConsumerRecord) -> Input:
    return Input(
        topic=REQUESTS,
        offset=record.offset,
        timestamp_ms=record.timestamp,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
    )

"""Read committed records of topics up to where they ended when reading began.

How far that is, is asked at the level of uncommitted reads: markers of a transaction reach its partitions one after
the other, so that of two topics of one transaction the second may become visible a moment later than the first.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final, Self

import click
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from consumers.settings import Settings
from schemas.topics import TOPICS, logical_name, topic_name
from scripts.kafka_access import consumer, partition_counts

POLL_MS: Final = 250
FETCH_WAIT_MS: Final = 50
STALL_S_MAX: Final = 30.0  # a transaction that nobody ends holds readers back for its time-out
FETCH_BYTES_MAX: Final = 16_777_216


class ReadingError(click.ClickException):
    """A topic that cannot be read to its end, or not together with the others."""


class RecordsGoneError(ReadingError):
    """Retention went on, and took records that were still to be read. ``kept_since_ms``: time of the first one that is left."""

    def __init__(self, text: str, kept_since_ms: int) -> None:
        super().__init__(text)
        self.kept_since_ms = kept_since_ms


class TopicReading:
    """Records of some topics (logical names), each partition to its end; an async context manager.

    ``partitions``: those of a topic by its logical name. ``kept`` and ``ends``: offsets when reading began; ends are
    asked for in the order of ``topics``, so that what the first shows as committed is below the ends of the others.
    ``appended``: the first topic, too, is read to the end of all that is appended; its open transactions are waited for.
    ``since_ms``: of what is kept, records from that time on are read; ``begins``: the offsets from which on.
    """

    def __init__(self, settings: Settings, topics: Sequence[str], *, appended: bool = False, since_ms: int = 0) -> None:
        self._settings = settings
        self._prefix = settings.topic_prefix
        self._topics = tuple(topics)
        self._since_ms = since_ms
        self._committed = () if appended else self._topics[:1]
        self._closing = contextlib.AsyncExitStack()
        self._client: AIOKafkaConsumer | None = None
        self.partitions: dict[str, list[int]] = {}
        self.kept: dict[TopicPartition, int] = {}
        self.begins: dict[TopicPartition, int] = {}
        self.ends: dict[TopicPartition, int] = {}

    async def __aenter__(self) -> Self:
        try:
            self._client = await self._consumer("read_committed")
            probe = await self._consumer("read_uncommitted")
            names = {topic: topic_name(self._prefix, topic) for topic in self._topics}
            counts = await partition_counts(self._settings, list(names.values()))
            self.partitions = {topic: list(range(counts[name])) for topic, name in names.items()}
            places = [self.place(topic, partition) for topic in self._topics for partition in self.partitions[topic]]
            self._client.assign(places)
            self.kept = await self._client.beginning_offsets(places)
            for topic in self._topics:
                asked = self._client if topic in self._committed else probe
                self.ends |= await asked.end_offsets([where for where in places if self._named(where, ())[0] == topic])
            self.begins = await self._begins(self._client)
            for where in places:
                self._client.seek(where, self.begins[where])
        except BaseException:
            await self._closing.aclose()
            raise
        return self

    async def _begins(self, client: AIOKafkaConsumer) -> dict[TopicPartition, int]:
        if not self._since_ms:
            return self.kept
        found = await client.offsets_for_times(dict.fromkeys(self.kept, self._since_ms))
        ends = self.ends
        return {where: min(at.offset, ends[where]) if at is not None else ends[where] for where, at in found.items()}

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()

    def place(self, topic: str, partition: int) -> TopicPartition:
        """The partition on the cluster."""
        return TopicPartition(topic_name(self._prefix, topic), partition)

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Begin later than at the beginning."""
        self._consuming.seek(self.place(topic, partition), offset)

    def pause(self, topic: str, partition: int) -> None:
        """Let nothing come of a partition until ``resume``."""
        self._consuming.pause(self.place(topic, partition))

    def resume(self, topic: str, partition: int) -> None:
        """Let records come again."""
        self._consuming.resume(self.place(topic, partition))

    async def batches(self) -> AsyncIterator[tuple[str, int, Sequence[ConsumerRecord]]]:
        """Topic, partition and records, as they come; no records: the partition is read to its end."""
        client = self._consuming
        unread = set(self.ends)
        last = asyncio.get_running_loop().time()
        while unread:
            try:
                polled = await client.getmany(timeout_ms=POLL_MS)
            except OffsetOutOfRangeError as error:
                raise await self._gone(error.args[0]) from error
            for where, records in polled.items():
                last = asyncio.get_running_loop().time()
                below = [record for record in records if record.offset < self.ends[where]]
                if where in unread and below:
                    yield self._named(where, below)
            for where in sorted(unread - client.paused()):
                # Only a broker's answer moves it, behind the marker of a transaction as well: an empty poll tells nothing.
                if await client.position(where) >= self.ends[where]:
                    unread.discard(where)
                    client.pause(where)
                    yield self._named(where, ())
            if asyncio.get_running_loop().time() - last > STALL_S_MAX and unread:
                raise ReadingError(self._stalled(unread))

    async def _gone(self, places: Iterable[TopicPartition]) -> RecordsGoneError:
        oldest = await self._consuming.offsets_for_times(dict.fromkeys(places, 0))
        since = [int(time.time() * 1_000) if found is None else found.timestamp for found in oldest.values()]
        return RecordsGoneError(f"records of {_listed(oldest)} were removed while they were read", max(since))

    def _stalled(self, unread: Iterable[TopicPartition]) -> str:
        """Why nothing comes: brokers that hold back what is not committed yet answer, too."""
        client, earliest_ms = self._consuming, (time.time() - STALL_S_MAX) * 1_000
        asked = [where for where in unread if where not in client.paused()]
        silent = [where for where in asked if (client.last_poll_timestamp(where) or 0) < earliest_ms]
        if silent:
            return f"no broker answered for {STALL_S_MAX:g} s for {_listed(silent)}"
        return f"nothing came for {STALL_S_MAX:g} s of {_listed(unread)}: is a transaction open?"

    def _named(
        self, where: TopicPartition, records: Sequence[ConsumerRecord]
    ) -> tuple[str, int, Sequence[ConsumerRecord]]:
        return logical_name(self._prefix, where.topic) or where.topic, where.partition, records

    @property
    def _consuming(self) -> AIOKafkaConsumer:
        if self._client is None:
            raise ReadingError("reading has not begun: use `async with`")
        return self._client

    async def _consumer(self, isolation: str) -> AIOKafkaConsumer:
        opening = consumer(
            self._settings,
            isolation_level=isolation,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            fetch_max_bytes=FETCH_BYTES_MAX,
            max_partition_fetch_bytes=max(topic.bytes_max for topic in TOPICS),
        )
        return await self._closing.enter_async_context(opening)


def _listed(places: Iterable[TopicPartition]) -> str:
    return ", ".join(f"{where.topic}[{where.partition}]" for where in sorted(places))

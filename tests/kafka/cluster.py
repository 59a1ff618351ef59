"""What the tests on real Kafka say: make topics, write, read what was committed, move owners step by step."""

import asyncio
import contextlib
import pathlib
from collections.abc import Sequence
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from consumers.settings import Settings, load_settings
from consumers.topic_check import check_topics, create_topics
from consumers.transactions import TransactionalProducer
from engine.effects import Record
from schemas.topics import TOPICS, topic_name

DEADLINE_S = 30.0


class Cluster:
    """One prefix on the session's Kafka."""

    def __init__(self, *, bootstrap: str, prefix: str, folder: pathlib.Path) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.folder = folder
        self._open = contextlib.AsyncExitStack()
        self._lookouts: dict[str, AIOKafkaConsumer] = {}

    async def __aenter__(self) -> Self:
        self.admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await self.admin.start()
        self._open.push_async_callback(self.admin.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    def name(self, logical: str) -> str:
        return topic_name(self.prefix, logical)

    def environment(self, **more: str) -> dict[str, str]:
        """What a process of the engine is given."""
        return {
            "ADJUDGE_KAFKA": self.bootstrap,
            "ADJUDGE_TOPIC_PREFIX": self.prefix,
            "ADJUDGE_GROUP": f"{self.prefix}group",
            "ADJUDGE_HTTP": "127.0.0.1:0",
            "ADJUDGE_STATE": self.folder.as_uri(),
            "ADJUDGE_SESSION_TIMEOUT_MS": "3000",
            **more,
        }

    def settings(self, **more: str) -> Settings:
        return load_settings(self.environment(**more))

    async def create(self, shards: int = 1) -> None:
        """Make all topics and wait until every broker knows them."""
        await create_topics(self.admin, self.prefix, shards=shards)

        async def known() -> bool:
            return not await check_topics(self.admin, self.prefix)

        await until(known)

    def owner(self, partition: int = 0, *, bootstrap: str | None = None) -> TransactionalProducer:
        """A producer with a shard's id, not started; discarded when the test ends."""
        producer = TransactionalProducer(
            f"{self.prefix}journal/{partition}",
            topics={topic.name: self.name(topic.name) for topic in TOPICS},
            partition=partition,
            arguments={"bootstrap_servers": bootstrap or self.bootstrap},
        )
        self._open.push_async_callback(producer.discard)
        return producer

    async def plain_producer(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, max_request_size=4_000_000, acks="all")
        await producer.start()
        self._open.push_async_callback(producer.stop)
        return producer

    async def write(
        self,
        logical: str,
        records: Sequence[tuple[bytes | None, bytes | None]],
        partition: int = 0,
        *,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Append key and value pairs, in order."""
        producer = await self.plain_producer()
        left = list(records)
        while left:
            builder = producer.create_batch()
            for key, value in left:
                if builder.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
                    break
            left = left[builder.record_count() :]
            await (await producer.send_batch(builder, self.name(logical), partition=partition))

    async def read(
        self, logical: str, partition: int = 0, *, isolation: str = "read_committed"
    ) -> list[ConsumerRecord]:
        """All records that are kept, below the end as it is now; raises TimeoutError when an open transaction holds them back."""
        where = TopicPartition(self.name(logical), partition)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            isolation_level=isolation,
            auto_offset_reset="none",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            consumer.assign([where])
            consumer.seek(where, (await consumer.beginning_offsets([where]))[where])
            end = await self.log_end(logical, partition)
            found: list[ConsumerRecord] = []
            async with asyncio.timeout(DEADLINE_S):
                while await consumer.position(where) < end:
                    batches = await consumer.getmany(timeout_ms=100)
                    found += batches.get(where, [])
                    if not batches and await consumer.position(where) == end - 1:
                        break  # a trailing marker, whose passing is not always reported
                return found
        finally:
            await consumer.stop()

    async def log_end(self, logical: str, partition: int = 0) -> int:
        """The end of the log, open transactions included."""
        return await self._end(logical, partition, "read_uncommitted")

    async def stable_end(self, logical: str, partition: int = 0) -> int:
        """The end as read_committed readers see it: the first record of the oldest open transaction."""
        return await self._end(logical, partition, "read_committed")

    async def _end(self, logical: str, partition: int, isolation: str) -> int:
        """Asked of one client of each kind that is kept: most of a test's waiting is for the end of a log."""
        if isolation not in self._lookouts:
            lookout = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, isolation_level=isolation)
            await lookout.start()
            self._open.push_async_callback(lookout.stop)
            self._lookouts[isolation] = lookout
        where = TopicPartition(self.name(logical), partition)
        return int((await self._lookouts[isolation].end_offsets([where]))[where])

    async def values(self, logical: str, partition: int = 0) -> list[bytes]:
        return [record.value for record in await self.read(logical, partition)]


def batch(*values: str, topic: str = "results") -> list[Record]:
    """Outputs and, last, a journal entry that names them."""
    outputs = [Record(topic=topic, key=b"u", value=value.encode(), headers=()) for value in values]
    return [*outputs, Record(topic="journal", key=None, value=("entry " + " ".join(values)).encode(), headers=())]


async def until(happens: Any, deadline_s: float = DEADLINE_S) -> None:
    """Wait for a condition of the outside world, looked at again and again; fails with TimeoutError."""
    async with asyncio.timeout(deadline_s):
        while True:
            outcome = happens()
            if await outcome if asyncio.iscoroutine(outcome) else outcome:
                return
            await asyncio.sleep(0.02)

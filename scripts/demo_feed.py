"""The demo's feed: writes requests and changes, reads results, and never has more than a window of them open.

A closed loop: the next request waits until fewer than its share of ``window`` are unanswered on its shard, so that
figures show how fast the engine answers rather than how long a queue is. The window is kept by shard, as otherwise
the shard of the busiest user would come to hold all of it.
"""

import asyncio
import collections
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import click
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from consumers.connection import close_in_time
from consumers.giving_up import look_at
from engine.partitioning import partition_of
from schemas.topics import topic_name
from scripts.demo_results import Results
from scripts.feed_simulation import Sent
from scripts.sample_updates import Change

LINGER_MS: Final = 2
BATCH_BYTES: Final = 262_144
POLL_MS: Final = 100
FETCH_WAIT_MS: Final = 20
STALL_S_MAX: Final = 60.0


class FeedError(click.ClickException):
    """Results or acknowledgements did not come."""


class Feed:
    """A producer of requests and a reader of results on one cluster."""

    def __init__(self, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer, *, prefix: str, partitions: int) -> None:
        self._producer = producer
        self._consumer = consumer
        self._prefix = prefix
        self._sent = [0] * partitions
        self._room = asyncio.Event()
        self.results = Results()

    async def load(self, topic: str, records: Iterable[tuple[bytes, bytes | None]]) -> int:
        """Write records to a broadcast topic and wait until all are there. Raises FeedError."""
        name = topic_name(self._prefix, topic)
        sends = [await self._producer.send(name, value, key, partition=0) for key, value in records]
        async with _in_time():
            await asyncio.gather(*sends)
        return len(sends)

    async def run(
        self,
        traffic: Iterable[Sent],
        *,
        requests: int,
        changes: Sequence[Change] = (),
        window: int,
        progress: Callable[[int], None],
    ) -> float:
        """Send all of the traffic with the changes between; seconds from the first send to the last result.

        Raises FeedError.
        """
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read(progress))
            started = time.monotonic()
            await self._write(traffic, requests, collections.deque(changes), window)
            await self._answered(requests)
            seconds = time.monotonic() - started
            reading.cancel()
        return seconds

    async def paced(self, traffic: Iterable[Sent], *, rate: int, progress: Callable[[int], None]) -> None:
        """Send traffic at a rate a second, whatever the answers; returns when as many came as are due. Raises FeedError."""
        name = topic_name(self._prefix, "requests")
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read(progress))
            due, counted = loop.time(), 0
            for sent in traffic:
                due += 1 / rate
                await asyncio.sleep(max(0.0, due - loop.time()))
                (await self._producer.send(name, sent.value, sent.key)).add_done_callback(
                    self._acknowledged if sent.counted else look_at
                )
                counted += sent.counted
                self._sent[partition_of(sent.key, len(self._sent))] += sent.counted
            await self._answered(counted)
            reading.cancel()

    async def _write(
        self, traffic: Iterable[Sent], requests: int, changes: collections.deque[Change], window: int
    ) -> None:
        name = topic_name(self._prefix, "requests")
        share = max(1, window // len(self._sent))
        total = 0
        for sent in traffic:
            if changes and total >= changes[0].share * requests:
                await self._change(changes)
            shard = partition_of(sent.key, len(self._sent))
            while self._sent[shard] - self.results.answered_by[shard] >= share:
                await self._wait_for_room()
            acknowledged = await self._producer.send(name, sent.value, sent.key, partition=shard)
            acknowledged.add_done_callback(self._acknowledged if sent.counted else look_at)
            self._sent[shard] += sent.counted
            total += sent.counted
        for change in changes:
            await self._apply(change)

    async def _change(self, changes: collections.deque[Change]) -> None:
        """Write what is due; the emergency stop is lifted only once a result has shown it in force."""
        share = changes[0].share
        while changes and changes[0].share == share and not (changes[0].lifts and self.results.stop_ms is None):
            await self._apply(changes.popleft())

    async def _apply(self, change: Change) -> None:
        async with _in_time():
            await self._producer.flush()
            sent_s = time.monotonic()
            await self._producer.send_and_wait(
                topic_name(self._prefix, change.topic), change.value, change.key, partition=0
            )
        if change.stops:
            self.results.stop_sent_s = sent_s

    def _acknowledged(self, future: "asyncio.Future[Any]") -> None:
        if not future.cancelled() and future.exception() is None:
            written = future.result()
            self.results.appended(written.partition, written.offset, written.timestamp)
            self._room.set()  # its result may have been read already

    async def _read(self, progress: Callable[[int], None]) -> None:
        results = self.results
        while True:
            polled = await self._consumer.getmany(timeout_ms=POLL_MS)
            for records in polled.values():
                answered = results.answered
                for record in records:
                    results.read(record.value)
                if results.answered > answered:
                    self._room.set()
                await asyncio.sleep(0)
            if polled:
                progress(results.answered)

    async def _wait_for_room(self) -> None:
        self._room.clear()
        answered = self.results.answered
        try:
            async with asyncio.timeout(STALL_S_MAX):
                await self._room.wait()
        except TimeoutError:
            raise FeedError(
                f"{answered} of {sum(self._sent)} requests were answered, then none for {STALL_S_MAX:g} s"
            ) from None

    async def _answered(self, requests: int) -> None:
        async with _in_time():
            await self._producer.flush()
        while self.results.answered < requests:
            await self._wait_for_room()


@contextlib.asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    """For what waits for acknowledgements: the client itself never gives up (trap 4). Raises FeedError."""
    try:
        async with asyncio.timeout(STALL_S_MAX):
            yield
    except TimeoutError:
        raise FeedError(f"Kafka did not answer for {STALL_S_MAX:g} s") from None


@contextlib.asynccontextmanager
async def open_feed(arguments: Mapping[str, Any], prefix: str, *, partitions: int) -> AsyncIterator[Feed]:
    """A feed that reads results written from now on."""
    places = [TopicPartition(topic_name(prefix, "results"), partition) for partition in range(partitions)]
    producer = AIOKafkaProducer(
        **arguments, linger_ms=LINGER_MS, max_batch_size=BATCH_BYTES, acks="all", enable_idempotence=True
    )
    consumer = AIOKafkaConsumer(
        **arguments,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        fetch_max_wait_ms=FETCH_WAIT_MS,
    )
    async with contextlib.AsyncExitStack() as closing:
        for client in (producer, consumer):
            closing.push_async_callback(close_in_time, client)
        for client in (producer, consumer):
            await client.start()
        consumer.assign(places)
        for where, end in (await consumer.end_offsets(places)).items():
            consumer.seek(where, end)
        yield Feed(producer, consumer, prefix=prefix, partitions=partitions)

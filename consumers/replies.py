"""Replies: the result once more, to the feed instance that asked (D15).

They repeat a committed fact, so they go out plainly after the commit, from a bounded queue; what cannot be sent is
counted and forgotten. Within a transaction, one frozen engine would hold back every other shard's replies (trap 14).
"""

import asyncio
import contextlib
import operator
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from consumers.connection import begun, close_in_time
from consumers.metrics import Metrics
from engine.effects import Reply
from schemas.topics import BY_NAME

QUEUE_MAX: Final = 20_000
IN_FLIGHT_MAX: Final = 2_000
REQUEST_TIMEOUT_MS: Final = 5_000
DRAIN_S_MAX: Final = 1.0
LOOK_AGAIN_S: Final = 1.0  # between two looks for partitions that the client does not know: a topic may be widened
BATCH_BYTES: Final = BY_NAME["replies"].bytes_max // 2  # a partition gets one batch each round trip (trap 7)

log = structlog.get_logger(__name__)


class Replies:
    """Sends to the topics that the settings allow, and to none other."""

    def __init__(self, allowed: Iterable[str], arguments: Mapping[str, Any], metrics: Metrics) -> None:
        self._arguments = arguments
        self._metrics = metrics
        self._lanes: Mapping[str, _Lane] = {topic: _Lane(metrics) for topic in allowed}

    def offer(self, replies: Iterable[Reply]) -> None:
        """Queue the replies of a committed batch; never waits."""
        for reply in replies:
            lane = self._lanes.get(reply.topic)
            if lane is None:
                self._metrics.replies.labels("not_allowed").inc()
            else:
                lane.offer(reply)

    async def run(self) -> None:
        """Send until cancelled; what is queued and under way then gets a moment, and what is left counts as failed."""
        if not self._lanes:
            return
        try:
            await self._run()
        finally:
            for lane in self._lanes.values():
                lane.give_up()

    async def _run(self) -> None:
        producer = await begun(self._make, operator.methodcaller("start"), _cannot_begin)
        try:
            async with asyncio.TaskGroup() as tasks:
                for lane in self._lanes.values():
                    tasks.create_task(lane.run(producer))
        finally:
            await close_in_time(producer)

    def _make(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._arguments,
            acks=1,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            linger_ms=2,
            max_batch_size=BATCH_BYTES,
            max_request_size=BY_NAME["replies"].bytes_max,
        )


def _cannot_begin(problem: str) -> None:
    log.debug("replies cannot be sent yet", problem=problem)


class _Lane:
    """The replies of one topic, in order: the client waits for a topic that is not there, and the others do not."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._queue: asyncio.Queue[Reply] = asyncio.Queue(QUEUE_MAX)
        self._in_flight: set[asyncio.Future[Any]] = set()
        self._looked_s = -LOOK_AGAIN_S

    def offer(self, reply: Reply) -> None:
        try:
            self._queue.put_nowait(reply)
        except asyncio.QueueFull:
            self._metrics.replies.labels("queue_full").inc()

    async def run(self, producer: AIOKafkaProducer) -> None:
        try:
            while True:
                await self._send(producer, await self._queue.get())
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S_MAX):
                    while not self._queue.empty():
                        await self._send(producer, self._queue.get_nowait())
                    if self._in_flight:
                        await asyncio.wait(self._in_flight)

    def give_up(self) -> None:
        """Nothing is sent any more: whatever has no answer by now has failed."""
        for delivery in tuple(self._in_flight):
            delivery.remove_done_callback(self._done)
            self._done(delivery)
        self._metrics.replies.labels("failed").inc(self._queue.qsize())

    async def _send(self, producer: AIOKafkaProducer, reply: Reply) -> None:
        record = reply.record
        try:
            if len(self._in_flight) >= IN_FLIGHT_MAX:
                await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
            delivery = await producer.send(
                reply.topic, record.value, key=record.key, partition=reply.partition, headers=list(record.headers)
            )
        except asyncio.CancelledError:
            self._metrics.replies.labels("failed").inc()
            raise
        except (KafkaError, AssertionError) as error:
            self._metrics.replies.labels("failed").inc()
            log.debug("a reply could not be sent", topic=reply.topic, error=repr(error))
            if isinstance(error, AssertionError):  # that it knows the partition
                self._look_again(producer)
            return
        self._in_flight.add(delivery)
        delivery.add_done_callback(self._done)

    def _look_again(self, producer: AIOKafkaProducer) -> None:
        """Have the client ask which partitions there are: by itself it does in minutes only."""
        now = time.monotonic()
        if now - self._looked_s >= LOOK_AGAIN_S:
            self._looked_s = now
            producer.client.force_metadata_update()

    def _done(self, delivery: asyncio.Future[Any]) -> None:
        self._in_flight.discard(delivery)
        failed = not delivery.done() or delivery.cancelled() or delivery.exception() is not None
        self._metrics.replies.labels("failed" if failed else "sent").inc()

"""Writes requests to their topic, and says whether Kafka takes them.

The producer is idempotent: a request that went out twice would be decided and charged twice. But such a producer never
gives up by itself (traps 4 and 9): what it holds when the brokers go would be decided, and charged, when they come
back, long after its reader has gone. So one that gets no answer is given up with all it holds, and another takes over.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from consumers.feed_errors import FeedUnavailable
from consumers.feed_metrics import FeedMetrics
from consumers.feed_turns import Turns
from consumers.giving_up import GivenUpError, give_up
from consumers.loop_time import STEP_S, LoopClock
from engine.partitioning import partition_of
from schemas.topics import BY_NAME

START_S_MAX: Final = 5.0
ACKNOWLEDGE_S_MAX: Final = 2.0  # of the loop's turning, without an answer to a request; then the producer is given up
RESTART_S: Final = 0.25
LINGER_MS: Final = 0  # what comes while a batch is on its way makes the next batch
BATCH_BYTES: Final = BY_NAME["requests"].bytes_max // 2
RETRY_BACKOFF_MS: Final = 20
_AWAY: Final = "Kafka does not answer; the client tries to reach it again"

log = structlog.get_logger(__name__)


class RequestWriter:
    """Writes to one topic; keys are placed by the client's own partitioner, which is Kafka's murmur2."""

    def __init__(self, topic: str, arguments: Mapping[str, Any], metrics: FeedMetrics) -> None:
        self._topic = topic
        self._arguments = arguments
        self._metrics = metrics
        self._producer: AIOKafkaProducer = None  # while Kafka answers
        self._unacknowledged: dict[asyncio.Future[Any], float] = {}  # when each was given to the client; oldest first
        self._failed = asyncio.Event()
        self._clock = LoopClock()
        self._turns = Turns()

    @property
    def connected(self) -> bool:
        """Whether Kafka took, or has still time to take, what was written last."""
        return self._producer is not None

    @property
    def unacknowledged(self) -> int:
        """Requests whose writing Kafka has not confirmed."""
        return len(self._unacknowledged)

    async def start(self) -> None:
        """Connect. Raises KafkaError, OSError or TimeoutError."""
        producer = AIOKafkaProducer(
            **self._arguments,
            acks="all",
            enable_idempotence=True,
            linger_ms=LINGER_MS,
            max_batch_size=BATCH_BYTES,
            max_request_size=BY_NAME["requests"].bytes_max,
            retry_backoff_ms=RETRY_BACKOFF_MS,
        )
        try:
            async with asyncio.timeout(START_S_MAX):
                await producer.start()
                await producer.partitions_for(self._topic)
        except BaseException:
            await give_up(producer)
            raise
        self._failed.clear()
        self._producer = producer

    async def write(
        self, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]], until: float
    ) -> asyncio.Future[Any]:
        """Give a request to the client; the future gets its place.

        ``until``: in seconds of ``time.monotonic``. Raises FeedUnavailable or KafkaError, and TimeoutError when it was not
        given to the client by then; cancelled before it returns, it has not given it either.
        """
        producer = self._producer
        if producer is None:
            raise FeedUnavailable(_AWAY)
        broker = self._broker_of(producer, key)
        await self._turns.come(broker)
        if producer is not self._producer:
            raise FeedUnavailable(_AWAY)
        if time.monotonic() >= until:
            raise TimeoutError
        try:
            written: asyncio.Future[Any] = await producer.send(self._topic, value, key=key, headers=list(headers))
        except GivenUpError as error:
            raise FeedUnavailable(f"{error}") from error
        except KafkaError:
            self._failed.set()
            raise
        self._unacknowledged[written] = self._clock.time()
        self._turns.take(broker, written)
        written.add_done_callback(self._acknowledged)
        return written

    def _broker_of(self, producer: Any, key: bytes) -> int | None:
        """The leader of the key's partition; None while there is none."""
        cluster = producer.client.cluster
        partitions = cluster.partitions_for_topic(self._topic)
        if not partitions:
            return None
        leader: int | None = cluster.leader_for_partition(
            TopicPartition(self._topic, partition_of(key, len(partitions)))
        )
        return leader

    async def run(self) -> None:
        """Watch over the producer and replace it when Kafka does not answer, until cancelled."""
        while True:
            await self._until_broken()
            self._metrics.reconnects.inc()
            log.warning("Kafka does not take requests; connecting again", unacknowledged=self.unacknowledged)
            await self.close()
            await self._restart()
            log.info("Kafka takes requests again")

    async def close(self) -> None:
        """Give up what Kafka has not acknowledged."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await give_up(producer)

    async def _restart(self) -> None:
        while self._producer is None:
            try:
                await self.start()
            except (KafkaError, OSError, TimeoutError) as error:
                log.debug("Kafka cannot be reached yet", error=repr(error))
                await asyncio.sleep(RESTART_S)

    async def _until_broken(self) -> None:
        """Return when a write failed, or when the oldest one waits for too long; a stall of ours is not Kafka's."""
        while not self._failed.is_set():
            now = self._clock.look()
            oldest = next(iter(self._unacknowledged.values()), None)
            if oldest is not None and now - oldest > ACKNOWLEDGE_S_MAX:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STEP_S):
                    await self._failed.wait()

    def _acknowledged(self, written: asyncio.Future[Any]) -> None:
        self._unacknowledged.pop(written, None)
        if written.cancelled():
            return
        error = written.exception()
        if error is not None and not isinstance(error, GivenUpError):
            self._failed.set()

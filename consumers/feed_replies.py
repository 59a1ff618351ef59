"""Reads one partition of the reply topic, from its end on, and hands over what stands there."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, OffsetOutOfRangeError

from consumers.connection import close_in_time
from consumers.kafka_errors import in_words
from consumers.log_throttle import LogThrottle
from consumers.poll_health import PollHealth
from schemas.topics import BY_NAME

START_S_MAX: Final = 5.0
POLL_MS: Final = 500
POLL_RECORDS_MAX: Final = 500  # between two turns of the event loop
FETCH_WAIT_MS: Final = 500  # a fetch is answered at once when there is something
RETRY_BACKOFF_MS: Final = 20
BACKOFF_S: Final = 0.2
PASSED_OVER_TOLD_S: Final = 10.0  # between two lines about replies of the same kind that were passed over

log = structlog.get_logger(__name__)

Take = Callable[[bytes, bytes], None]


class ReplyReader:
    """Assigned by hand, without a group: nobody shares the partition's replies out, and no rebalance interrupts it."""

    def __init__(self, topic: str, partition: int, arguments: Mapping[str, Any], take: Take) -> None:
        self._where = TopicPartition(topic, partition)
        self._arguments = arguments
        self._take = take
        self._consumer: AIOKafkaConsumer = None  # while it is open
        self._poll_health = PollHealth([topic])
        self._passed_over_lines = LogThrottle(PASSED_OVER_TOLD_S)

    @property
    def problem(self) -> str:
        """Why replies may not be heard; empty when they are."""
        return next(iter(self._poll_health.reasons()), "")

    async def start(self) -> None:
        """Stand at the end of the partition: every later record will be handed over. Raises KafkaError or TimeoutError."""
        self._consumer = AIOKafkaConsumer(
            **self._arguments,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=BY_NAME["replies"].bytes_max,
            retry_backoff_ms=RETRY_BACKOFF_MS,
        )
        try:
            async with asyncio.timeout(START_S_MAX):
                await self._consumer.start()
                self._consumer.assign([self._where])
                await self._seek_end()
        except BaseException:
            await self.close()
            raise

    async def run(self) -> None:
        """Hand over until cancelled; brokers that go away are waited for, and what cannot be read is passed over."""
        while True:
            try:
                batches = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS_MAX)
            except (OffsetOutOfRangeError, CorruptRecordException, UnicodeDecodeError) as error:
                self._poll_health.failed(self._where.topic, str(error))
                if self._passed_over_lines.lets_through(time.monotonic(), type(error).__name__):
                    log.warning("replies were removed or cannot be read", topic=self._where.topic, problem=str(error))
                await self._again_from_the_end()
                continue
            except KafkaError as error:
                self._poll_health.failed(self._where.topic, in_words(error))
                await asyncio.sleep(BACKOFF_S)
                continue
            polled = self._consumer.last_poll_timestamp(self._where)
            self._poll_health.observe(self._where.topic, records=bool(batches), polled=polled)
            for record in batches.get(self._where, ()):
                self._take(record.key or b"", record.value or b"")
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Close the consumer."""
        if self._consumer is not None:
            await close_in_time(self._consumer)

    async def _seek_end(self) -> None:
        ends = await self._consumer.end_offsets([self._where])
        self._consumer.seek(self._where, ends[self._where])

    async def _again_from_the_end(self) -> None:
        """Go on with what comes from now on: before a record that it cannot read, the client would stay for good."""
        try:
            await self._seek_end()
        except KafkaError as error:
            log.warning("replies cannot be read", error=repr(error))
            await asyncio.sleep(BACKOFF_S)

"""Reading a shard's journal back, from its last checkpoint up to one's own fence (D2, D4).

Only the shard's transactional id writes to its journal partition, and whoever reads has just initialised that id:
no transaction is open, and below the end stand committed records, aborted ones and markers, nothing else.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from consumers.connection import close_in_time
from schemas.errors import SchemaError
from schemas.journal import Entry, Fence, decode_journal
from schemas.topics import BY_NAME

READ_RECORDS_MAX: Final = 200  # of one slice between two turns of the event loop
WINDOW_OFFSETS: Final = 64  # first look back from the end; eight times as far each further time
POLL_MS: Final = 500
EMPTY_POLLS_MAX: Final = 2
READ_S_MAX: Final = 60.0  # without any progress


class FoldTarget(Protocol):
    """What the records are fed to: engine/journal.py's Fold."""

    def add(self, offset: int, value: bytes) -> None:
        """Take in the next committed record."""


class JournalReader:
    """A read_committed consumer of one journal partition, for one take-over."""

    def __init__(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
        self._consumer = consumer
        self._partition = partition

    async def bounds(self) -> tuple[int, int]:
        """First offset that is kept, and the end."""
        begins = await self._consumer.beginning_offsets([self._partition])
        ends = await self._consumer.end_offsets([self._partition])
        return begins[self._partition], ends[self._partition]

    async def is_unborn(self) -> bool:
        """Whether no record was ever committed: an id whose first owner died early leaves aborted ones and a marker.

        The offset before the end is a marker, whose passing the client may not report (trap 8).
        """
        begin, end = await self.bounds()
        if begin > 0 or end == 0:
            return end == 0
        async for _ in self._records(0, end - 1):
            return False
        return True

    async def feed(
        self, fold: FoldTarget, *, fence_offset: int, checkpoint_of: Callable[[int, bytes], int | None]
    ) -> None:
        """Give the fold every committed record from the last checkpoint to the own fence, that included.

        ``checkpoint_of(offset, value)`` (engine/journal.py) says where the fold may begin as a record tells it: its own
        offset, that of the checkpoint it names, or None when it tells nothing. When none does, all is read.
        """
        start = await self._start(fence_offset, checkpoint_of)
        async for record in self._records(start, fence_offset + 1):
            fold.add(record.offset, _bytes(record))

    async def fence(self, number: int) -> Fence | None:
        """The fence of that number; None where it is not kept. Only a genesis stands between its number and itself."""
        begin, _ = await self.bounds()
        if number < begin:
            return None
        async for record in self._records(number, number + 2):
            if isinstance(found := decode_journal(_bytes(record)), Fence):
                return found
        return None

    async def fence_number(self, below: int) -> int | None:
        """Of which fence the last record below an offset is; None where none is near.

        The offset before that is a marker, whose passing the client may not report (trap 8).
        """
        begin, _ = await self.bounds()
        self._consumer.seek(self._partition, max(begin, below - WINDOW_OFFSETS))
        self._consumer.resume(self._partition)
        number = None
        empty = 0  # polls in a row; one may wait for a fetch of where reading was before
        while await self._consumer.position(self._partition) < below - 1 and empty < EMPTY_POLLS_MAX:
            batches = await self._consumer.getmany(timeout_ms=POLL_MS)
            for record in batches.get(self._partition, ()):
                number = _fence_number(record) if record.offset < below else number
            empty = 0 if batches else empty + 1
        return number

    async def _start(self, fence_offset: int, checkpoint_of: Callable[[int, bytes], int | None]) -> int:
        begin, _ = await self.bounds()
        width = WINDOW_OFFSETS
        while True:
            low = max(begin, fence_offset - width)
            told = [_told(checkpoint_of, record) async for record in self._records(low, fence_offset + 1)]
            known = [offset for offset in told if offset is not None]
            if known:
                return max(begin, known[-1])
            if low == begin:
                return begin
            width *= 8

    async def _records(self, start: int, end: int) -> AsyncIterator[ConsumerRecord]:
        """Committed records of [start, end); ``end - 1`` is a record of our own or a marker, so that it is passed.

        Raises TimeoutError when the place stands still for READ_S_MAX: each poll returns, with nothing if need be.
        """
        self._consumer.seek(self._partition, start)
        self._consumer.resume(self._partition)
        reached, since = -1, 0.0
        while (position := await self._consumer.position(self._partition)) < end:
            if position > reached:
                reached, since = position, time.monotonic()
            elif time.monotonic() - since > READ_S_MAX:
                raise TimeoutError(
                    f"{self._partition} is read up to {position} of {end}, and no further in {READ_S_MAX:g} s"
                )
            async with asyncio.timeout(READ_S_MAX):
                batches = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=READ_RECORDS_MAX)
            for record in batches.get(self._partition, ()):
                if record.offset >= end:
                    return
                yield record
            await asyncio.sleep(0)


def _fence_number(record: ConsumerRecord) -> int | None:
    match decode_journal(_bytes(record)):
        case Entry(fence=number) | Fence(number=number):
            return number
        case _:
            return None


def _told(checkpoint_of: Callable[[int, bytes], int | None], record: ConsumerRecord) -> int | None:
    """What one record says; one that cannot be read says nothing here, and the fold names it."""
    try:
        return checkpoint_of(record.offset, _bytes(record))
    except SchemaError:
        return None


def _bytes(record: ConsumerRecord) -> bytes:
    """A record without a value is no journal record either, and is refused as one that is empty."""
    return record.value or b""


@contextlib.asynccontextmanager
async def open_journal(
    topic: str, partition: int, arguments: Mapping[str, Any], *, fetch_wait_ms: int = 500
) -> AsyncIterator[JournalReader]:
    """A reader of one partition, closed at the end. ``fetch_wait_ms``: how long a fetch that finds nothing holds up the next."""
    where = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(
        **arguments,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        fetch_max_wait_ms=fetch_wait_ms,
        max_partition_fetch_bytes=BY_NAME["journal"].bytes_max,
        retry_backoff_ms=20,
    )
    try:
        await consumer.start()
        consumer.assign([where])
        consumer.seek(where, 0)
        consumer.pause(where)
        yield JournalReader(consumer, where)
    finally:
        await close_in_time(consumer)

"""What the owner of a shard works with, and what it asks of each: the inputs, the world, the journal, the replies."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from consumers.buffers import Buffer
from consumers.metrics import Metrics
from consumers.settings import Settings
from engine.effects import Input, Record, Reply
from engine.journal import Fold
from engine.world import World
from schemas.journal import Fence


class Requests(Protocol):
    """Where a shard's input comes from: consumers/requests_consumer.py."""

    def open(self, partition: int, offset: int) -> Buffer:
        """Let input come, from an offset on."""

    def close(self, partition: int) -> None:
        """No more input."""

    def decided(self, partition: int, offset: int) -> None:
        """Requests below the offset are decided and committed: told to the group, for lag tools."""

    async def first_offset(self, partition: int) -> int:
        """The offset of the first request that the topic still has."""

    async def confirmed(self, partition: int) -> bool:
        """Whether the group holds this process to be the owner."""


class Worlds(Protocol):
    """The catalog and the controls: consumers/broadcast.py."""

    world: World | None
    listener: asyncio.Event | None  # set when there is something refused

    async def reached(self, *, catalog_offset: int, controls_offset: int) -> World:
        """The world, once it is no older than these offsets."""

    def shortfall(self, *, catalog_offset: int, controls_offset: int) -> str:
        """Which topic ends before its offset; empty when none does."""

    def rejections(self, below: Mapping[str, int]) -> list[Input]:
        """Refused broadcast records."""

    def written_off(self, below: Mapping[str, int]) -> None:
        """Those below these marks stand in the journal."""


class ReplyQueue(Protocol):
    """Where replies go after their batch's commit: consumers/replies.py."""

    def offer(self, replies: Sequence[Reply]) -> None:
        """Never waits."""


class Journal(Protocol):
    """A shard's journal as whoever takes it over reads it: consumers/journal_reader.py."""

    async def bounds(self) -> tuple[int, int]:
        """First offset that is kept, and the end."""

    async def is_unborn(self) -> bool:
        """Whether no record was ever committed."""

    async def feed(self, fold: Fold, *, fence_offset: int, checkpoint_of: Callable[[int, bytes], int | None]) -> None:
        """Give the fold every record from the last checkpoint to the own fence."""

    async def fence(self, number: int) -> Fence | None:
        """The fence of that number; None where it is not kept."""


class Producer(Protocol):
    """Transactions of one shard: consumers/transactions.py. After an error only ``discard``."""

    async def start(self) -> None:
        """Initialise the id, which fences its former producer."""

    async def send(self, records: Sequence[Record]) -> int:
        """Begin a transaction with all of it; the last record's offset."""

    async def commit(self) -> None:
        """End the transaction."""

    async def discard(self) -> None:
        """Abort what is open, and close."""


class Journals(Protocol):
    """Opens a shard's journal partition and makes producers: consumers/shards.py."""

    def reader(self, partition: int) -> contextlib.AbstractAsyncContextManager[Journal]:
        """A reader, closed at the end."""

    def producer(self, partition: int) -> Producer:
        """A producer with the shard's id, not started."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OwnerPorts:
    """All that an owner works with. ``partitions``: shards of the system. ``turn``: to decide, one shard at a time."""

    settings: Settings
    requests: Requests
    worlds: Worlds
    journals: Journals
    replies: ReplyQueue
    metrics: Metrics
    partitions: int
    turn: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)

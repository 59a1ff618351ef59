"""What the owner of a shard works with, and what it asks of each: the inputs, the world, the journal, the replies."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

from consumers.buffers import Buffer
from consumers.journal_reader import JournalReader
from consumers.metrics import Metrics
from consumers.settings import Settings
from consumers.transactions import TransactionalProducer
from engine.effects import Input, Reply
from engine.world import World


class Requests(Protocol):
    """Where a shard's input comes from: consumers/requests_consumer.py."""

    def open(self, partition: int, offset: int) -> Buffer:
        """Let input come, from an offset on."""

    def close(self, partition: int) -> None:
        """No more input."""

    def decided(self, partition: int, offset: int) -> None:
        """For lag tools."""

    async def first_offset(self, partition: int) -> int:
        """First request that is kept."""

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
    """consumers/replies.py."""

    def offer(self, replies: Sequence[Reply]) -> None:
        """Never waits."""


class Journals(Protocol):
    """Opens a shard's journal partition and makes producers: consumers/shards.py."""

    def reader(self, partition: int) -> contextlib.AbstractAsyncContextManager[JournalReader]:
        """A reader, closed at the end."""

    def producer(self, partition: int) -> TransactionalProducer:
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

"""Which shards this process owns: one task for each, taken and released as the group says (D14)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import structlog

from consumers.journal_reader import JournalReader, open_journal
from consumers.owner import Owner
from consumers.owner_ports import OwnerPorts
from consumers.transactions import TransactionalProducer
from schemas.topics import TOPICS, topic_name

RELEASE_S_MAX: Final = 4.5  # to finish what is begun; then the owner is cancelled, which aborts
CANCEL_S_MAX: Final = 3.0  # an abort that gets no answer, and closing (consumers/transactions.py)

log = structlog.get_logger(__name__)


class ShardJournals:
    """Journal readers and producers of every shard, under the settings' names."""

    def __init__(self, prefix: str, arguments: Mapping[str, Any]) -> None:
        self._topics = {topic.name: topic_name(prefix, topic.name) for topic in TOPICS}
        self._arguments = arguments

    @contextlib.asynccontextmanager
    async def reader(self, partition: int) -> AsyncIterator[JournalReader]:
        """A reader of the shard's journal, closed at the end."""
        async with open_journal(self._topics["journal"], partition, self._arguments) as journal:
            yield journal

    def producer(self, partition: int) -> TransactionalProducer:
        """A producer with the shard's one transactional id, not started (D2)."""
        return TransactionalProducer(
            f"{self._topics['journal']}/{partition}",
            topics=self._topics,
            partition=partition,
            arguments=self._arguments,
        )


class OwnedShards:
    """The owners of this process. Their tasks belong to the service's task group."""

    def __init__(self, ports: OwnerPorts, tasks: asyncio.TaskGroup) -> None:
        self._ports = ports
        self._tasks = tasks
        self._owners: dict[int, tuple[Owner, asyncio.Task[None]]] = {}
        self._releasing = asyncio.Lock()
        self._closed = False
        self.refusal = ""  # why no shard may decide, whatever the group says

    def take(self, partitions: frozenset[int]) -> None:
        """Begin to take these shards over."""
        if self._closed:
            return
        log.info("the group assigned shards", shards=sorted(partitions))
        for partition in sorted(partitions):
            owner = Owner(partition, self._ports)
            if self.refusal:
                owner.halt(self.refusal)
            task = self._tasks.create_task(owner.run(), name=f"shard {partition}")
            self._owners[partition] = (owner, task)

    def refuse(self, count: int) -> None:
        """Stop every shard, and those that are assigned later: there are ``count`` partitions of requests."""
        refusal = (
            f"its journal does not fit: it speaks of {self._ports.partitions} partitions of requests; there are {count}"
        )
        if refusal == self.refusal:
            return
        self.refusal = refusal
        log.error("the topic of requests has another number of partitions", was=self._ports.partitions, now=count)
        for owner, _ in self._owners.values():
            owner.halt(refusal)

    async def release_all(self) -> None:
        """Let each owner finish its batches, within bounds, and forget it; those too that are being released already."""
        async with self._releasing:
            released, self._owners = self._owners, {}
            waiting = set()
            for owner, task in released.values():
                owner.stop()
                if not owner.deciding:
                    task.cancel()
                waiting.add(task)
            for seconds in (RELEASE_S_MAX, CANCEL_S_MAX):
                if waiting:
                    _, waiting = await asyncio.wait(waiting, timeout=seconds)
                for task in waiting:
                    task.cancel()

    async def close(self) -> None:
        """Release all and take no more."""
        self._closed = True
        await self.release_all()

    def phases(self) -> dict[int, str]:
        """What each owner is at, by shard."""
        return {partition: owner.phase for partition, (owner, _) in sorted(self._owners.items())}

"""Which shards a process gives up, and when they are given up; their owners are played."""

import asyncio
from typing import Any

import pytest

from consumers import shards
from consumers.shards import OwnedShards


class PlayedOwner:
    """Decides until told to stop; then it finishes a batch, which takes until the test lets it."""

    deciding = True

    def __init__(self, _partition: int, may_end: asyncio.Event) -> None:
        self._stop = asyncio.Event()
        self._may_end = may_end

    async def run(self) -> None:
        await self._stop.wait()
        await self._may_end.wait()

    def stop(self) -> None:
        self._stop.set()


async def test_a_process_that_ends_while_the_group_takes_its_shards_waits_until_they_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Until then their replies are sent, and the group is not left."""
    monkeypatch.setattr(shards, "Owner", PlayedOwner)
    ports: Any = asyncio.Event()  # all that these owners need
    async with asyncio.TaskGroup() as tasks:
        owned = OwnedShards(ports, tasks)
        owned.take(frozenset({0, 1}))
        revoking, closing = tasks.create_task(owned.release_all()), tasks.create_task(owned.close())
        for _ in range(10):
            await asyncio.sleep(0)
        assert (owned.phases(), revoking.done(), closing.done()) == ({}, False, False)
        ports.set()
        await closing
        assert revoking.done()

"""How long the event loop is held while a batch is decided; the shard is played, and so is what it computes."""

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

from consumers.pace import Pace
from consumers.stretches import STRETCH_S_MAX, in_stretches


async def test_a_stretch_of_costly_auctions_is_left_in_its_midst(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it was left at its end alone, several auctions by VCG in a row held the loop for 60 ms."""
    now_s, held_s, longest_s, auctions = 0.0, 0.0, 0.0, 0
    monkeypatch.setattr("consumers.stretches.time.thread_time", lambda: now_s)

    class Costly:
        def handling(self, batch: list[int], _world: object, stretch: int) -> Generator[bool, None, str]:
            nonlocal now_s, held_s, longest_s, auctions
            for number in batch:
                now_s, held_s = now_s + STRETCH_S_MAX / 2, held_s + STRETCH_S_MAX / 2
                longest_s, auctions = max(longest_s, held_s), auctions + 1
                yield (number + 1) % stretch == 0
            return "done"

    async def others() -> None:
        nonlocal held_s
        while True:
            await asyncio.sleep(0)
            held_s = 0.0

    pace = Pace()
    pace.learn(1_000, 0.0)  # so cheap that all of the batch may be one stretch
    going_on = asyncio.create_task(others())
    shard: Any = Costly()
    world: Any = None
    effects: Any
    effects, _ = await in_stretches(shard, list(range(12)), world, pace)  # type: ignore[arg-type]  # numbers for inputs
    going_on.cancel()
    assert (effects, auctions) == ("done", 12)
    assert longest_s <= 1.5 * STRETCH_S_MAX
    assert pace.stretch(100, batch=12) < 100, "it learned what they took"

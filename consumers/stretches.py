"""Deciding a batch without holding up the event loop: in stretches, between which everybody else goes on (D11)."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from consumers.pace import Pace
from engine.effects import Effects, Input
from engine.limits import STEP_REQUESTS
from engine.shard import Shard
from engine.slices import next_slice
from engine.world import World

TURNS_BETWEEN: Final = 10  # of the event loop between two stretches of deciding; most take some microseconds


async def in_stretches(shard: Shard, batch: Sequence[Input], world: World, pace: Pace) -> tuple[Effects, float]:
    """``Shard.handle`` in stretches as long as ``pace`` has it, which learns from them; and the seconds that they took.

    Whoever leaves it in the middle has to restore the shard.
    """
    stretch, seconds, start = pace.stretch(STEP_REQUESTS, batch=len(batch)), 0.0, 0
    handling, effects = shard.handling(batch, world, stretch), None
    while effects is None:
        if start:
            await let_others_on()
        started, computed = time.perf_counter(), time.thread_time()
        effects = next_slice(handling)
        seconds += time.perf_counter() - started
        pace.learn(min(stretch, len(batch) - start), time.thread_time() - computed)
        start += stretch
    return effects, seconds


async def let_others_on() -> None:
    """Between two stretches: an answer of the brokers passes several tasks before the next request leaves.

    With a stretch after each of them, a transaction that takes 8 ms took 30.
    """
    for _ in range(TURNS_BETWEEN):
        await asyncio.sleep(0)

"""Deciding a batch without holding up the event loop: in stretches, between which everybody else goes on (D11)."""

import asyncio
import time
from collections.abc import Generator, Sequence
from typing import Final

from consumers.pace import Pace
from engine.effects import Effects, Input
from engine.limits import STEP_REQUESTS
from engine.shard import Shard
from engine.world import World

STRETCH_S_MAX: Final = 0.015  # of computing, after which a stretch is left at its next pause: some auctions take 10 ms
TURNS_BETWEEN: Final = 10  # of the event loop between two stretches of deciding; most take some microseconds


async def in_stretches(shard: Shard, batch: Sequence[Input], world: World, pace: Pace) -> tuple[Effects, float]:
    """``Shard.handle`` in stretches as long as ``pace`` has it, which learns from them; and the seconds that they took.

    Whoever leaves it in the middle has to restore the shard.
    """
    stretch, seconds, start = pace.stretch(STEP_REQUESTS, batch=len(batch)), 0.0, 0
    handling, effects, computed, since = shard.handling(batch, world, stretch), None, 0.0, 0.0
    while effects is None:
        started, computed_before = time.perf_counter(), time.thread_time()
        ended, effects = _go_on(handling)
        seconds += time.perf_counter() - started
        spent = time.thread_time() - computed_before
        computed, since = computed + spent, since + spent
        if ended:
            pace.learn(min(stretch, len(batch) - start), computed)
            start, computed = start + stretch, 0.0
        if effects is None and (ended or since >= STRETCH_S_MAX):
            await let_others_on()
            since = 0.0
    return effects, seconds


def _go_on(handling: Generator[bool, None, Effects]) -> tuple[bool, Effects | None]:
    """To the next pause: whether it ends a stretch; and what all of the batch comes to, at its end."""
    try:
        return next(handling), None
    except StopIteration as end:
        effects: Effects = end.value
        return True, effects


async def let_others_on() -> None:
    """Between two stretches: an answer of the brokers passes several tasks before the next request leaves.

    With a stretch after each of them, a transaction that takes 8 ms took 30.
    """
    for _ in range(TURNS_BETWEEN):
        await asyncio.sleep(0)

"""Time-outs by the time in which the event loop turns."""

import asyncio
import socket
import time
import types

import pytest

from consumers import loop_time
from consumers.loop_time import ASLEEP_S, LATE_S, STEP_S, loop_timeout


async def test_what_takes_longer_is_ended_in_time() -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        async with loop_timeout(3 * STEP_S):
            await asyncio.Event().wait()
    assert 3 * STEP_S <= time.monotonic() - started < 2


async def test_what_came_during_a_stall_is_seen_before_the_time_is_up() -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)

    def stall() -> None:
        theirs.sendall(b"answer")
        time.sleep(10 * STEP_S)

    asyncio.get_running_loop().call_soon(stall)
    async with loop_timeout(STEP_S):
        assert await reader.readexactly(6) == b"answer"
    theirs.close()
    writer.close()


async def test_a_loop_that_does_nothing_but_stall_does_not_put_the_end_off_for_ever() -> None:
    loop = asyncio.get_running_loop()
    stalls = 0

    def stall() -> None:
        nonlocal stalls
        stalls += 1
        time.sleep(LATE_S + 0.01)
        next_stall[0] = loop.call_soon(stall)

    next_stall = [loop.call_soon(stall)]
    with pytest.raises(TimeoutError):
        async with loop_timeout(LATE_S):
            await asyncio.Event().wait()
    next_stall[0].cancel()
    assert stalls < 20


def test_a_stall_is_no_time_of_the_loop_and_a_sleep_of_the_whole_process_is(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr(loop_time, "time", types.SimpleNamespace(monotonic=lambda: now_s[0]))
    clock = loop_time.LoopClock()
    for passed_s, turned_s in ((0.05, 0.05), (3.0, LATE_S), (ASLEEP_S, LATE_S), (2 * ASLEEP_S, 2 * ASLEEP_S)):
        before_s = clock.look()
        now_s[0] += passed_s
        assert clock.look() == pytest.approx(before_s + turned_s)

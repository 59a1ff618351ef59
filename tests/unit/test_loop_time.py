"""Time-outs by the time in which the event loop turns."""

import asyncio
import socket
import time

import pytest

from consumers.loop_time import LATE_S, STEP_S, loop_timeout


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

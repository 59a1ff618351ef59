"""What is begun ends when the process is told to, and tells its own errors."""

import asyncio

import pytest

from consumers.stopping import unless_stopped


async def test_what_is_done_before_anybody_asks_to_stop_comes_back() -> None:
    assert await unless_stopped(asyncio.Event(), asyncio.sleep(0, "done")) == "done"


async def test_what_never_ends_is_cancelled_when_told_to_stop() -> None:
    stop, ended = asyncio.Event(), asyncio.Event()

    async def for_ever() -> str:
        stop.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return "done"

    assert await unless_stopped(stop, for_ever()) is None
    assert ended.is_set()


async def test_what_fails_raises_its_own_error() -> None:
    async def failing() -> None:
        raise ConnectionError("nothing listens there")

    with pytest.raises(ConnectionError, match="nothing listens there"):
        await unless_stopped(asyncio.Event(), failing())

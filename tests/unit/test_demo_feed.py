"""The demo's feed without Kafka: it ends when nobody acknowledges, where its client would wait for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from scripts import demo_feed
from scripts.demo_feed import Feed, FeedError
from scripts.sample_updates import Change


class SilentProducer:
    """Takes every record, and hears of none again: its brokers are gone."""

    async def send(self, *_: object, **__: object) -> "asyncio.Future[Any]":
        return asyncio.get_running_loop().create_future()

    async def send_and_wait(self, *_: object, **__: object) -> None:
        await asyncio.Event().wait()

    async def flush(self) -> None:
        await asyncio.Event().wait()


def feed() -> Feed:
    return Feed(cast("Any", SilentProducer()), cast("Any", SilentConsumer()), prefix="ads.", partitions=1)


class SilentConsumer:
    """Reads nothing."""

    async def getmany(self, **_: object) -> dict[Any, Any]:
        await asyncio.sleep(0.01)
        return {}


async def _load() -> None:
    await feed().load("controls", [(b"seed/default", b"{}")])


async def _paced() -> None:
    await feed().paced((), rate=1, progress=lambda _: None)


async def _run() -> None:
    change = Change(share=0.0, topic="controls", key=b"seed/default", value=b"{}")
    await feed().run((), requests=0, changes=[change], window=1, progress=lambda _: None)


@pytest.mark.parametrize("working", [_load, _paced, _run], ids=lambda one: one.__name__)
async def test_a_feed_ends_where_nobody_acknowledges(
    working: Callable[[], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_feed, "STALL_S_MAX", 0.05)
    async with asyncio.timeout(10):
        with pytest.raises((FeedError, ExceptionGroup)) as raised:
            await working()
    assert "Kafka did not answer for 0.05 s" in repr(raised.value)

"""The demo's feed without Kafka: what counts as an answer, and that it ends when nobody gives any."""

import asyncio
import itertools
import types
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from scripts import demo_feed
from scripts.demo_feed import Feed, FeedError
from scripts.feed_simulation import Sent
from scripts.sample_updates import Change
from tests.audited_log import SHARD, result

OURS = 10  # the offset of our request
REQUEST = Sent(b"u1", b"{}", counted=True)


class SilentProducer:
    """Takes every record, and hears of none again: its brokers are gone."""

    async def send(self, *_: object, **__: object) -> "asyncio.Future[Any]":
        return asyncio.get_running_loop().create_future()

    async def send_and_wait(self, *_: object, **__: object) -> None:
        await asyncio.Event().wait()

    async def flush(self) -> None:
        await asyncio.Event().wait()


class SilentConsumer:
    """Reads nothing."""

    async def getmany(self, **_: object) -> dict[Any, Any]:
        await asyncio.sleep(0.01)
        return {}


class OneRequest:
    """A producer of one request, which is acknowledged when told to be."""

    def __init__(self) -> None:
        self.acknowledged: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def send(self, *_: object, **__: object) -> "asyncio.Future[Any]":
        return self.acknowledged

    async def flush(self) -> None:
        """Nothing is held back."""

    def acknowledge(self) -> None:
        self.acknowledged.set_result(types.SimpleNamespace(partition=SHARD, offset=OURS, timestamp=1_000))


class Busy:
    """A consumer of a topic to which results come all the time, of the request at ``first`` and of those behind it."""

    def __init__(self, first: int) -> None:
        self._offsets = itertools.count(first)

    async def getmany(self, **_: object) -> dict[str, list[Any]]:
        await asyncio.sleep(0.01)
        return {"results": [types.SimpleNamespace(value=result(next(self._offsets), ()))]}


def feed(producer: object = None, consumer: object = None) -> Feed:
    return Feed(
        cast("Any", producer or SilentProducer()),
        cast("Any", consumer or SilentConsumer()),
        prefix="ads.",
        partitions=1,
    )


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


async def test_results_of_what_others_wrote_are_no_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_feed, "STALL_S_MAX", 0.1)
    producer = OneRequest()
    producer.acknowledge()
    waiting = feed(producer, Busy(OURS + 1))
    async with asyncio.timeout(10):
        with pytest.raises(ExceptionGroup) as raised:
            await waiting.paced([REQUEST], rate=1_000, progress=lambda _: None)
    assert "0 of 1 requests were answered" in repr(raised.value)


async def test_a_result_that_comes_before_its_acknowledgement_is_an_answer_once_that_is_there() -> None:
    producer = OneRequest()
    waiting = feed(producer, Busy(OURS))

    def read(_answered: int) -> None:
        if not producer.acknowledged.done():
            producer.acknowledge()

    async with asyncio.timeout(10):
        await waiting.paced([REQUEST], rate=1_000, progress=read)
    assert waiting.results.answered == 1

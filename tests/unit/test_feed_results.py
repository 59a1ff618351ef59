"""What a feed is told of a result that its client cannot read."""

import asyncio
from typing import Any

import pytest

from consumers.feed_client import EARLY_MAX, FeedClient
from consumers.feed_errors import FeedUnavailable
from consumers.settings import load_settings


class Writer:
    """Kafka takes every request, and the engine's reply is there at once."""

    connected = True
    unacknowledged = 0

    def __init__(self, feed: FeedClient, reply: bytes) -> None:
        self._feed = feed
        self._reply = reply

    async def write(self, *_: object) -> asyncio.Future[Any]:
        written: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        written.cancel()  # nothing is known of its place: the id must do
        asyncio.get_running_loop().call_later(0, self._feed._replied, b"r1", self._reply)
        return written


async def test_a_result_that_cannot_be_read_is_a_declared_error_and_counted() -> None:
    feed = FeedClient(load_settings({}))
    writer: Any = Writer(feed, b'{"id":"r1","bidid":"e-0-0","nbr":"of a later version"}')
    feed._problem, feed._writer = "", writer
    with pytest.raises(FeedUnavailable, match="the result cannot be read: nbr") as raised:
        await feed.decide({"id": "r1", "imp": [{"id": "1"}]})
    assert raised.value.may_be_written
    assert feed.metrics.registry.get_sample_value("adjudge_feed_requests_total", {"outcome": "unavailable"}) == 1
    assert feed.in_flight == 0


async def test_however_many_replies_come_early_none_but_its_own_reaches_the_caller() -> None:
    feed = FeedClient(load_settings({}))
    writer: Any = Writer(feed, b"")
    feed._problem, feed._writer = "", writer
    asked = feed._admit(b"r1", 10)
    for offset in range(3 * EARLY_MAX):  # of former attempts, all before Kafka told the place of this one
        feed._replied(b"r1", b'{"bidid":"e-0-%d"}' % offset)
    assert not asked.answer.done()
    assert feed.metrics.registry.get_sample_value("adjudge_feed_unmatched_replies_total") == 2 * EARLY_MAX
    written: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    place = {"partition": 0, "offset": 3 * EARLY_MAX - 1, "timestamp_type": 1}
    written.set_result(type("Place", (), place))
    feed._placed(asked, written)
    assert await asked.answer == b'{"bidid":"e-0-%d"}' % (3 * EARLY_MAX - 1)
    assert feed.metrics.registry.get_sample_value("adjudge_feed_unmatched_replies_total") == 3 * EARLY_MAX - 1

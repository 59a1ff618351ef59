"""When a feed client takes Kafka for gone, and what it writes."""

import asyncio
import time
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from consumers import feed_writer
from consumers.feed_metrics import FeedMetrics
from consumers.feed_writer import RequestWriter
from consumers.loop_time import STEP_S


class HeldProducer:
    """Takes what is written, and acknowledges it when it is told to."""

    def __init__(self) -> None:
        self.sent: dict[bytes, asyncio.Future[Any]] = {}

    async def send(self, _: str, value: bytes, *, key: bytes, headers: list[tuple[str, bytes]]) -> asyncio.Future[Any]:
        assert (key, headers) == (b"key", [])
        self.sent[value] = asyncio.get_running_loop().create_future()
        return self.sent[value]


def writer_of(producer: HeldProducer) -> RequestWriter:
    writer = RequestWriter("requests", {}, FeedMetrics(CollectorRegistry()))
    writer._producer = producer
    return writer


async def test_a_stall_of_our_own_loop_is_not_taken_for_a_dead_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_writer, "ACKNOWLEDGE_S_MAX", 6 * STEP_S)
    producer = HeldProducer()
    writer = writer_of(producer)
    watching = asyncio.create_task(writer._until_broken())
    await asyncio.sleep(0)
    written = await writer.write(b"key", b"r1", [])
    asyncio.get_running_loop().call_soon(time.sleep, 12 * STEP_S)
    for _ in range(2):  # the watch looks, and Kafka's answer could be read
        await asyncio.sleep(STEP_S)
    assert not watching.done()
    written.set_result(None)
    await writer.write(b"key", b"r2", [])
    async with asyncio.timeout(20):
        await watching  # which Kafka never answers
    assert writer.unacknowledged == 1

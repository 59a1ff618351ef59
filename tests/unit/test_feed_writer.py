"""When a feed client takes Kafka for gone, and what it gives to the client of Kafka."""

import asyncio
import time
import types
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from consumers import feed_turns, feed_writer, giving_up
from consumers.feed_errors import FeedUnavailable
from consumers.feed_metrics import FeedMetrics
from consumers.feed_writer import RequestWriter
from consumers.loop_time import STEP_S
from engine.partitioning import partition_of

LONG_S = 100.0
PARTITIONS = 2
KEYS = {partition_of(key, PARTITIONS): key for key in (b"a", b"b", b"c", b"d")}


class HeldProducer:
    """Takes what is written, and acknowledges it when it is told to. Each partition has a leader of its own."""

    def __init__(self) -> None:
        self.sent: dict[bytes, asyncio.Future[Any]] = {}
        cluster = types.SimpleNamespace(
            partitions_for_topic=lambda _: set(range(PARTITIONS)), leader_for_partition=lambda where: where.partition
        )
        self.client = types.SimpleNamespace(cluster=cluster)

    async def send(self, _: str, value: bytes, *, key: bytes, headers: list[tuple[str, bytes]]) -> asyncio.Future[Any]:
        assert key in KEYS.values()
        assert headers == []
        self.sent[value] = asyncio.get_running_loop().create_future()
        return self.sent[value]


class Writing:
    """A writer with such a producer."""

    def __init__(self) -> None:
        self.producer = HeldProducer()
        self.writer = RequestWriter("requests", {}, FeedMetrics(CollectorRegistry()))
        self.writer._producer = self.producer

    def start(self, value: bytes, *, partition: int = 0, seconds: float = LONG_S) -> asyncio.Task[asyncio.Future[Any]]:
        until = time.monotonic() + seconds
        return asyncio.create_task(self.writer.write(KEYS[partition], value, [], until))

    def acknowledge(self, value: bytes) -> None:
        self.producer.sent[value].set_result(None)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker is silent as soon as it was given anything."""
    monkeypatch.setattr(feed_turns, "SILENT_S", -1.0)


async def turns() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_stall_of_our_own_loop_is_not_taken_for_a_dead_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_writer, "ACKNOWLEDGE_S_MAX", 6 * STEP_S)
    writing = Writing()
    watching = asyncio.create_task(writing.writer._until_broken())
    await asyncio.sleep(0)
    await writing.start(b"r1")
    asyncio.get_running_loop().call_soon(time.sleep, 12 * STEP_S)
    for _ in range(2):  # the watch looks, and Kafka's answer could be read
        await asyncio.sleep(STEP_S)
    assert not watching.done()
    writing.acknowledge(b"r1")
    await writing.start(b"r2")
    async with asyncio.timeout(20):
        await watching  # which Kafka never answers
    assert writing.writer.unacknowledged == 1


@pytest.mark.usefixtures("impatient")
async def test_a_request_that_waits_for_a_silent_broker_can_be_taken_back() -> None:
    writing = Writing()
    writing.start(b"r1")
    second, third, fourth = (writing.start(value) for value in (b"r2", b"r3", b"r4"))
    await turns()
    assert list(writing.producer.sent) == [b"r1"]
    third.cancel()
    writing.acknowledge(b"r1")
    await turns()
    assert list(writing.producer.sent) == [b"r1", b"r2", b"r4"]  # these together
    assert (second.done(), third.cancelled(), fourth.done()) == (True, True, True)


@pytest.mark.usefixtures("impatient")
async def test_a_request_whose_time_is_over_when_its_turn_comes_is_not_written() -> None:
    writing = Writing()
    late = writing.start(b"r0", seconds=0)
    await turns()
    writing.start(b"r1")
    with pytest.raises(TimeoutError):
        await late
    late = writing.start(b"r2", seconds=0.01)
    asyncio.get_running_loop().call_soon(time.sleep, 0.02)
    await turns()
    writing.acknowledge(b"r1")
    with pytest.raises(TimeoutError):
        await late
    assert list(writing.producer.sent) == [b"r1"]
    writing.start(b"r3")
    await turns()
    assert list(writing.producer.sent) == [b"r1", b"r3"]


@pytest.mark.usefixtures("impatient")
async def test_a_broker_that_is_slow_holds_up_nothing_of_another() -> None:
    writing = Writing()
    writing.start(b"r1", partition=0)
    writing.start(b"r2", partition=1)
    writing.start(b"r3", partition=1)
    await turns()
    assert list(writing.producer.sent) == [b"r1", b"r2"]
    writing.acknowledge(b"r2")
    await turns()
    assert list(writing.producer.sent) == [b"r1", b"r2", b"r3"]


@pytest.mark.usefixtures("impatient")
async def test_what_waits_is_refused_when_the_producer_before_it_is_given_up() -> None:
    writing = Writing()
    first = writing.start(b"r1")
    waiting = writing.start(b"r2")
    await turns()
    writing.writer._producer = HeldProducer()
    (await first).set_exception(giving_up.GivenUpError("Kafka does not answer"))
    with pytest.raises(FeedUnavailable):
        await waiting
    assert (await first).exception()
    assert list(writing.producer.sent) == [b"r1"]


async def test_beside_a_broker_that_answers_nothing_is_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_turns, "SILENT_S", LONG_S)
    writing = Writing()
    for value in (b"r1", b"r2", b"r3"):
        await writing.start(value)
    assert list(writing.producer.sent) == [b"r1", b"r2", b"r3"]

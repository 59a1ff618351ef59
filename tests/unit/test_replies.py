"""Replies on their way to feeds; the Kafka client is played."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Self

import pytest

from consumers import replies
from consumers.metrics import Metrics
from consumers.replies import Replies
from engine.effects import Record, Reply
from engine.limits import OUTPUT_BYTES_MAX


class PlayedProducer:
    """Sends at once, but to a topic that is not there, for which it waits; what goes to "slow" is never answered."""

    sent: list[str]

    def __init__(self, **_: Any) -> None:
        self.sent = []

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to stop."""

    async def send(self, topic: str, *_: Any, **__: Any) -> asyncio.Future[Any]:
        if topic == "gone":
            await asyncio.Event().wait()
        self.sent.append(topic)
        delivery = asyncio.get_running_loop().create_future()
        if topic != "slow":
            delivery.set_result(None)
        return delivery


@pytest.fixture
async def playing(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Replies, PlayedProducer, Metrics]]:
    """Replies to two topics, of which one is not there, until the test ends."""
    producer, metrics = PlayedProducer(), Metrics()
    monkeypatch.setattr(replies, "AIOKafkaProducer", lambda **_: producer)
    sending = Replies(("here", "gone"), {}, metrics)
    running = asyncio.create_task(sending.run())
    yield sending, producer, metrics
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert metrics.replies.labels("failed")._value.get() == 2, "one was being sent, and one waited"


def reply(topic: str, partition: int = 0) -> Reply:
    return Reply(topic=topic, partition=partition, record=Record(topic="replies", key=b"r", value=b"{}", headers=()))


async def test_a_topic_that_is_not_there_holds_up_no_other_and_what_waits_for_it_is_counted_at_the_end(
    playing: tuple[Replies, PlayedProducer, Metrics],
) -> None:
    sending, producer, metrics = playing
    sending.offer([reply("gone"), reply("gone"), reply("here"), reply("elsewhere")])
    for _ in range(20):
        await asyncio.sleep(0)
    assert producer.sent == ["here"]
    assert metrics.replies.labels("not_allowed")._value.get() == 1


async def test_every_reply_that_was_offered_is_counted_once_when_the_process_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those of the last batch are still sent; those without an answer, and those after them, have failed."""
    producer, metrics = PlayedProducer(), Metrics()
    monkeypatch.setattr(replies, "AIOKafkaProducer", lambda **_: producer)
    monkeypatch.setattr(replies, "DRAIN_S_MAX", 0.01)
    sending = Replies(("here", "gone", "slow"), {}, metrics)
    running = asyncio.create_task(sending.run())
    sending.offer([reply("slow")])
    for _ in range(20):
        await asyncio.sleep(0)
    sending.offer([reply("here"), reply("gone"), reply("gone"), reply("here"), reply("slow")])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert sorted(producer.sent) == ["here", "here", "slow", "slow"]
    counts = {what: metrics.replies.labels(what)._value.get() for what in ("sent", "failed")}
    assert counts == {"sent": 2, "failed": 4}


async def test_replies_that_wait_for_room_are_counted_when_the_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    producer, metrics = PlayedProducer(), Metrics()
    monkeypatch.setattr(replies, "AIOKafkaProducer", lambda **_: producer)
    monkeypatch.setattr(replies, "DRAIN_S_MAX", 0.01)
    monkeypatch.setattr(replies, "IN_FLIGHT_MAX", 1)
    sending = Replies(("slow",), {}, metrics)
    running = asyncio.create_task(sending.run())
    sending.offer([reply("slow")] * 4)
    for _ in range(20):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert producer.sent == ["slow"]
    assert metrics.replies.labels("failed")._value.get() == 4


async def test_the_largest_result_can_be_repeated_and_hundreds_of_usual_ones_share_a_batch() -> None:
    """A partition gets one batch at a time: small ones would make its replies wait for round trips."""
    producer = Replies(("here",), {}, Metrics())._make()
    try:
        producer._serialize(b"r" * 256, b"x" * OUTPUT_BYTES_MAX, [])  # raises where it is too large
        batch = producer.create_batch()
        taken = [batch.append(timestamp=None, key=b"r1", value=b"x" * 2_000) for _ in range(500)]
    finally:
        await producer.stop()
    assert None not in taken


async def test_a_topic_that_was_widened_is_asked_for_once_and_not_for_each_reply(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client that never learns of a partition would lose its replies for as long as it keeps what it knows."""

    class Narrow(PlayedProducer):
        asked = 0
        partitions = 1

        @property
        def client(self) -> Self:
            return self

        def force_metadata_update(self) -> None:
            self.asked += 1
            self.partitions = 2

        async def send(self, topic: str, *given: Any, partition: int, **fields: Any) -> asyncio.Future[Any]:
            assert partition < self.partitions
            return await super().send(topic, *given, **fields)

    producer, metrics = Narrow(), Metrics()
    monkeypatch.setattr(replies, "AIOKafkaProducer", lambda **_: producer)
    sending = Replies(("here",), {}, metrics)
    running = asyncio.create_task(sending.run())
    sending.offer([reply("here", partition) for partition in (1, 1, 7, 7, 0)])
    for _ in range(20):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    counts = {what: metrics.replies.labels(what)._value.get() for what in ("sent", "failed")}
    assert (producer.asked, counts) == (1, {"sent": 2, "failed": 3})

"""Giving a producer of the real client up, without a broker: its event loop is told of no error."""

import asyncio
import types
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.producer.message_accumulator import MessageAccumulator

from consumers.giving_up import GivenUpError, give_up

PLACE = TopicPartition("requests", 0)


@pytest.fixture
async def producer() -> AsyncIterator[AIOKafkaProducer]:
    """One that has no broker; at the end nothing must have been told."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", enable_idempotence=True)
    yield producer
    await asyncio.sleep(0)
    assert told == []


async def test_with_something_under_way(producer: AIOKafkaProducer) -> None:
    """The client's sender then ends with an error, for which it ends a transaction: an idempotent producer has none."""

    async def sending() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise KeyError("the batch has failed") from None

    sender = producer._sender
    sender._sender_task = asyncio.create_task(sending())
    sender._sender_task.add_done_callback(sender._fail_all)
    await asyncio.sleep(0)
    await give_up(producer)
    assert isinstance(sender._sender_task.exception(), KeyError)


@pytest.mark.parametrize("late", [False, True])
async def test_with_something_that_is_sent_again(producer: AIOKafkaProducer, *, late: bool) -> None:
    """``late``: the client comes to it while the producer is given up."""
    accumulator = producer._message_accumulator
    producer._txn_manager.set_pid_and_epoch(1, 0)
    builder = producer.create_batch()
    builder.append(timestamp=None, key=b"k", value=b"v")
    delivery = await accumulator.add_batch(builder, PLACE, 1.0)
    batch = accumulator._pop_batch(PLACE)

    async def send_again() -> None:
        accumulator.reenqueue(batch)

    again = asyncio.create_task(send_again())
    if not late:
        await again
    await give_up(producer)
    with pytest.raises(GivenUpError):
        await delivery
    await asyncio.wait({again})
    assert isinstance(again.exception(), GivenUpError) == late


async def _close() -> None:
    """There is no connection."""


@pytest.mark.parametrize("tries", [0, 1, 2, 3])
@pytest.mark.parametrize("on_its_way", [False, True])
async def test_whatever_became_of_a_batch_its_senders_alone_are_told(tries: int, *, on_its_way: bool) -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
    accumulator: Any = MessageAccumulator(cluster=None, batch_size=1_000, compression_type=0, batch_ttl=10)
    sent = await accumulator.add_message(PLACE, None, b"x", 1.0)
    for _ in range(tries):
        accumulator.reenqueue(accumulator._pop_batch(PLACE))
    if on_its_way:
        accumulator._pop_batch(PLACE)
    producer = types.SimpleNamespace(
        _message_accumulator=accumulator,
        _sender=types.SimpleNamespace(sender_task=None),
        client=types.SimpleNamespace(close=_close),
    )
    await give_up(producer)
    with pytest.raises(GivenUpError):
        await sent
    await asyncio.sleep(0)
    assert reported == []

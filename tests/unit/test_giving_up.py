"""A producer that is given up fails what it holds, and the event loop has nothing to report."""

import asyncio
import types
from typing import Any

import pytest
from aiokafka.producer.message_accumulator import MessageAccumulator
from aiokafka.structs import TopicPartition

from consumers.giving_up import GivenUpError, give_up

WHERE = TopicPartition("ads.requests", 0)


async def _close() -> None:
    """There is no connection."""


@pytest.mark.parametrize("tries", [0, 1, 2, 3])
@pytest.mark.parametrize("on_its_way", [False, True])
async def test_whatever_became_of_a_batch_its_senders_alone_are_told(tries: int, *, on_its_way: bool) -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
    accumulator: Any = MessageAccumulator(cluster=None, batch_size=1_000, compression_type=0, batch_ttl=10)
    sent = await accumulator.add_message(WHERE, None, b"x", 1.0)
    for _ in range(tries):
        accumulator.reenqueue(accumulator._pop_batch(WHERE))
    if on_its_way:
        accumulator._pop_batch(WHERE)
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

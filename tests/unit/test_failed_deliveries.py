"""What a producer says of a transaction in which several deliveries failed, each for a reason of its own."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.errors import InvalidProducerEpoch, KafkaError, NotEnoughReplicasError, ProducerFenced

from consumers.transactions import DoubtfulError, FencedError, TransactionalProducer
from engine.effects import Record

TOPICS = {"results": "ads.results", "costs": "ads.costs", "journal": "ads.journal"}


class Batch:
    """A builder that takes everything."""

    def append(self, **_: object) -> object:
        return self

    def close(self) -> None:
        """Nothing is to be built."""

    def record_count(self) -> int:
        return 1


class Client:
    """A client whose deliveries fail as told, topic by topic."""

    def __init__(self, failures: Sequence[Exception]) -> None:
        self._failures = list(failures)

    async def begin_transaction(self) -> None:
        """It begins."""

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, *_: object, **__: object) -> asyncio.Future[object]:
        delivery: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        delivery.set_exception(self._failures.pop(0))
        return delivery

    def in_transaction(self) -> bool:
        return False

    def failure(self) -> BaseException | None:
        return None  # the brokers ended nothing

    async def kill(self) -> None:
        """There is nothing to close."""


async def sent(*failures: Exception) -> None:
    producer = TransactionalProducer("ads.journal/0", topics=TOPICS, partition=0, arguments={})
    client: Any = Client(failures)
    producer._producer = client
    await producer.send([Record(topic=topic, key=None, value=b"x", headers=()) for topic in TOPICS])


@pytest.mark.parametrize("fenced", [ProducerFenced, InvalidProducerEpoch])
@pytest.mark.parametrize("place", range(3))
async def test_of_several_failures_that_of_fencing_is_told(fenced: type[KafkaError], place: int) -> None:
    """The shard is given up then; any other failure would have it restored here at once."""
    failures: list[Exception] = [NotEnoughReplicasError(), NotEnoughReplicasError()]
    failures.insert(place, fenced())
    with pytest.raises(FencedError):
        await sent(*failures)


async def test_without_any_of_fencing_the_transaction_is_in_doubt() -> None:
    with pytest.raises(DoubtfulError, match="NotEnoughReplicas"):
        await sent(*[NotEnoughReplicasError()] * 3)

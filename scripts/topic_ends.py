"""How much each topic of ours holds: asked of Kafka whenever somebody looks, without reading a record."""

import contextlib
from collections.abc import AsyncIterator, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition

from consumers.settings import Settings
from consumers.topic_check import describe
from schemas.topics import TOPICS, topic_name
from scripts.kafka_access import admin_client, consumer


class TopicEnds:
    """``partitions``: how many each topic has, by its logical name; fixed for the life of a log."""

    def __init__(self, consumer: AIOKafkaConsumer, prefix: str, partitions: Mapping[str, int]) -> None:
        self._consumer = consumer
        self._places = {
            TopicPartition(topic_name(prefix, name), number): name
            for name, count in partitions.items()
            for number in range(count)
        }
        self.partitions = partitions

    async def kept(self) -> dict[str, int]:
        """Offsets from the first that is kept to the next one, by logical name: markers of transactions are among them.

        Raises KafkaError when no broker answers.
        """
        begins = await self._consumer.beginning_offsets(list(self._places))
        ends = await self._consumer.end_offsets(list(self._places))
        kept = dict.fromkeys(self.partitions, 0)
        for place, name in self._places.items():
            kept[name] += ends[place] - begins[place]
        return kept


@contextlib.asynccontextmanager
async def open_topic_ends(settings: Settings) -> AsyncIterator[TopicEnds]:
    """Topics must be there. Raises click.ClickException when no broker answers."""
    async with consumer(settings, isolation_level="read_uncommitted") as client:
        yield TopicEnds(client, settings.topic_prefix, await _partitions(settings))


async def _partitions(settings: Settings) -> dict[str, int]:
    names = {topic_name(settings.topic_prefix, topic.name): topic.name for topic in TOPICS}
    async with admin_client(settings) as admin:
        described = await describe(admin, list(names))
    return {names[each["topic"]]: len(each["partitions"]) for each in described}

"""How much each topic of ours holds: asked of Kafka whenever somebody looks, without reading a record."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas.topics import TOPICS, topic_name


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
async def open_topic_ends(arguments: Mapping[str, Any], prefix: str) -> AsyncIterator[TopicEnds]:
    """Topics must be there. Raises KafkaError when no broker answers."""
    consumer = AIOKafkaConsumer(
        **arguments,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_uncommitted",
    )
    try:
        await consumer.start()
        yield TopicEnds(consumer, prefix, await _partitions(arguments, prefix))
    finally:
        await consumer.stop()


async def _partitions(arguments: Mapping[str, Any], prefix: str) -> dict[str, int]:
    admin = AIOKafkaAdminClient(**arguments)
    try:
        await admin.start()
        described = await admin.describe_topics([topic_name(prefix, topic.name) for topic in TOPICS])
    finally:
        await admin.close()
    counts = {each["topic"]: len(each["partitions"]) for each in described}
    return {topic.name: counts[topic_name(prefix, topic.name)] for topic in TOPICS}

"""A feed that uses confluent-kafka (librdkafka), which places keys by CRC32 unless it is told otherwise."""

import asyncio
import time
import zlib
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from engine.partitioning import partition_of
from tests.kafka.cluster import Cluster, until
from tests.kafka.feeding import ad_request, engine_settings
from tests.kafka.running import ENTITIES, entity_record, running, write_campaign

SHARDS = 4
USERS = [f"user-{number}" for number in range(40)]
BY_CRC32 = {user: zlib.crc32(user.encode()) % SHARDS for user in USERS}
BY_MURMUR2 = {user: partition_of(user.encode(), SHARDS) for user in USERS}
MISPLACED = [user for user in USERS if BY_CRC32[user] != BY_MURMUR2[user]]


async def produce(cluster: Cluster, headers: Mapping[str, bytes], **settings: str) -> None:
    """One request of each user, whose id is the user's."""

    def run() -> None:
        producer = Producer({"bootstrap.servers": cluster.bootstrap, **settings})
        for user in USERS:
            value = orjson.dumps(ad_request(user, user))
            producer.produce(cluster.name("requests"), key=user, value=value, headers=dict(headers))
        assert producer.flush(20) == 0

    await asyncio.to_thread(run)


async def results(cluster: Cluster) -> dict[str, tuple[int, dict[str, Any]]]:
    """By user: the shard that decided, and the result."""
    found: dict[str, tuple[int, dict[str, Any]]] = {}

    async def all_there() -> bool:
        for shard in range(SHARDS):
            for value in await cluster.values("results", shard):
                result = orjson.loads(value)
                found[result["id"]] = (shard, result)
        return len(found) == len(USERS)

    await until(all_there)
    return found


def test_these_users_tell_the_two_hashes_apart() -> None:
    assert 10 < len(MISPLACED) < len(USERS) - 5


@pytest.mark.parametrize("refused", [False, True])
async def test_its_default_partitioner_misplaces_which_is_counted_and_by_control_refused(
    cluster: Cluster, *, refused: bool
) -> None:
    await cluster.create(shards=SHARDS)
    await write_campaign(cluster)
    if refused:
        limits = {"kind": "limits", "name": "default", "version": 1, "misplaced": "refuse"}
        await cluster.write("controls", [(b"limits/default", orjson.dumps(limits))])
    await produce(cluster, {})
    async with running(engine_settings(cluster)) as service:
        found = await results(cluster)
        counted = service.metrics.registry.get_sample_value("adjudge_outcomes_total", {"what": "misplaced"})
    assert counted == len(MISPLACED)
    assert {user: shard for user, (shard, _) in found.items()} == BY_CRC32
    codes = {user: result.get("nbr") for user, (_, result) in found.items()}
    assert codes == {user: 509 if refused and user in MISPLACED else None for user in USERS}


@pytest.mark.parametrize("codec", ["gzip", "lz4", "snappy", "zstd"])
async def test_all_that_others_write_is_read_by_whichever_codec_they_compress(cluster: Cluster, codec: str) -> None:
    """Brokers pass on what they are given, so that the reader needs every codec of Kafka's."""

    def write_compressed() -> None:
        producer = Producer({"bootstrap.servers": cluster.bootstrap, "compression.type": codec})
        for key, value in map(entity_record, ENTITIES):
            producer.produce(cluster.name("campaign-updates"), key=key, value=value)
        assert producer.flush(20) == 0

    await cluster.create(shards=SHARDS)
    await asyncio.to_thread(write_compressed)
    await produce(cluster, {}, **{"partitioner": "murmur2_random", "compression.type": codec})
    async with running(engine_settings(cluster)):
        found = await results(cluster)
    assert all(result["seatbid"] for _, result in found.values())


async def test_with_murmur2_all_is_right_and_replies_can_be_read_by_it(cluster: Cluster) -> None:
    await cluster.create(shards=SHARDS)
    await write_campaign(cluster)
    replies = cluster.name("replies")
    consumer = Consumer(
        {"bootstrap.servers": cluster.bootstrap, "group.id": "none", "isolation.level": "read_committed"}
    )
    try:
        consumer.assign([TopicPartition(replies, 2, 0)])  # its end: nothing is there yet
        await produce(cluster, {"adjudge-reply": f"{replies}:2".encode()}, partitioner="murmur2_random")
        async with running(engine_settings(cluster)) as service:
            found = await results(cluster)
            answered = await asyncio.to_thread(_read, consumer, len(USERS))
            counted = service.metrics.registry.get_sample_value("adjudge_outcomes_total", {"what": "misplaced"})
    finally:
        consumer.close()
    assert counted is None
    assert {user: shard for user, (shard, _) in found.items()} == BY_MURMUR2
    assert all(result["seatbid"] for _, result in found.values())
    assert answered == {user: result for user, (_, result) in found.items()}


def _read(consumer: Consumer, count: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    deadline = time.monotonic() + 20
    while len(found) < count and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            key, value = message.key(), message.value()
            assert key is not None
            assert value is not None
            found[bytes(key).decode()] = orjson.loads(value)
    return found

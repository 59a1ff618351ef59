"""Records that nobody would write on purpose: each is written off, and what comes behind it is decided."""

import pytest
from aiokafka import AIOKafkaProducer

from tests.kafka.cluster import Cluster, until
from tests.kafka.running import request_record, results_reach, running, write_campaign

LARGE_BYTES = 5_000_000  # more than any topic takes as it is


@pytest.mark.parametrize("topic", ["requests", "campaign-updates", "controls"])
async def test_a_key_that_is_small_only_while_it_is_compressed(cluster: Cluster, topic: str) -> None:
    await cluster.create()
    await write_campaign(cluster)
    producer = AIOKafkaProducer(
        bootstrap_servers=cluster.bootstrap,
        compression_type="gzip",
        max_request_size=2 * LARGE_BYTES,
        max_batch_size=2 * LARGE_BYTES,
    )
    async with producer:
        await producer.send_and_wait(cluster.name(topic), key=b"k" * LARGE_BYTES, value=b"{}", partition=0)
    await cluster.write("requests", [request_record(1)])
    async with running(cluster.settings()):
        assert await results_reach(cluster, 1) == ["r1"]

        async def written_off() -> bool:
            letters = await cluster.read("dead-letters")
            return [(dict(letter.headers)["adjudge-topic"], letter.key) for letter in letters] == [
                (topic.encode(), None)
            ]

        await until(written_off)

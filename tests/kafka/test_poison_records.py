"""Records that nobody would write on purpose: each is written off, and what comes behind it is decided."""

import struct

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from consumers.feed_client import FeedClient
from tests.kafka.cluster import Cluster, until
from tests.kafka.feeding import ad_request, engine_settings, feed_settings
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


async def write_nameless(cluster: Cluster, topic: str, key: bytes, value: bytes) -> None:
    """A record with a header whose name is not UTF-8, as clients write it that check nothing."""
    async with AIOKafkaProducer(bootstrap_servers=cluster.bootstrap) as producer:
        batch = producer.create_batch()
        batch.append(timestamp=None, key=key, value=value, headers=[("x-name", b"")])
        written = bytearray(batch._build().replace(b"x-name", b"x-n\xffme"))
        struct.pack_into(">I", written, 17, calc_crc32c(bytes(written[21:])))
        batch._buffer = written
        await (await producer.send_batch(batch, cluster.name(topic), partition=0))


async def test_a_header_whose_name_is_no_text_stops_its_shard_and_no_other(cluster: Cluster) -> None:
    """The client reads no record of that fetch."""
    await cluster.create(shards=2)
    await write_campaign(cluster)
    await cluster.write("requests", [request_record(0)], 1)
    await write_nameless(cluster, "requests", *request_record(1))
    async with running(cluster.settings(), ready=False) as service:
        await cluster.write("requests", [request_record(2)], 1)
        assert await results_reach(cluster, 2, 1) == ["r0", "r2"]
        await until(lambda: service.unready() == ["shard 0: stopped: 3 restores at request offset 0 did not help"])


@pytest.mark.parametrize("topic", ["campaign-updates", "controls"])
async def test_an_engine_that_cannot_read_on_in_what_is_in_force_says_so_and_goes_on(
    cluster: Cluster, topic: str
) -> None:
    await cluster.create()
    await write_campaign(cluster)
    async with running(cluster.settings()) as service:
        await write_nameless(cluster, topic, b"ad/ad1", b"{}")
        await until(lambda: any(f"{topic}: not read for" in reason for reason in service.unready()))
        await cluster.write("requests", [request_record(0)])
        assert await results_reach(cluster, 1) == ["r0"]


async def test_a_feed_client_passes_over_a_reply_that_it_cannot_read(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    async with running(engine_settings(cluster)), FeedClient(feed_settings(cluster)) as feed:
        reader = feed._replies
        assert reader is not None

        async def passed_over() -> bool:
            return bool(feed.problem) or await reader._consumer.position(reader._where) == 1

        await write_nameless(cluster, "replies", b"r0", b"{}")
        await until(passed_over)
        assert (await feed.decide(ad_request("r1"), timeout=10)).filled
        assert not feed.problem

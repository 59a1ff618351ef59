"""The topic of requests as it may change under a running engine, and what is told of shards that do not fetch."""

import functools

import pytest
from aiokafka.admin import NewPartitions, RecordsToDelete
from aiokafka.structs import TopicPartition

from consumers import requests_consumer
from consumers.service import Service
from engine.effects import Record
from tests.kafka.cluster import Cluster, until
from tests.kafka.running import request_record, result_ids, results_reach, running, write_campaign


@pytest.fixture(autouse=True)
def sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at now and then is looked at often."""
    monkeypatch.setattr(requests_consumer, "METADATA_AGE_MS", 300)
    monkeypatch.setattr(requests_consumer, "LAG_S", 0.2)


async def write_requests(cluster: Cluster, first: int, end: int, partition: int = 0) -> None:
    await cluster.write("requests", [request_record(number) for number in range(first, end)], partition)


def lag(service: Service, shard: int) -> float | None:
    service.refresh_gauges()
    return service.metrics.registry.get_sample_value("adjudge_lag_records", {"shard": str(shard)})


def lag_is(service: Service, shard: int, records: int) -> bool:
    return lag(service, shard) == records


async def test_a_widened_topic_stops_every_shard_the_new_ones_included(cluster: Cluster) -> None:
    """Keys go elsewhere than before: a user would be spread over two shards, each with a memory of its own."""
    await cluster.create(shards=2)
    await write_campaign(cluster)
    await write_requests(cluster, 0, 5)
    async with running(cluster.settings(ADJUDGE_TICK_MS="100")) as service:
        await results_reach(cluster, 5)
        await cluster.admin.create_partitions({cluster.name("requests"): NewPartitions(total_count=4)})
        said = "stopped: its journal does not fit: it speaks of 2 partitions of requests; there are 4"
        await until(lambda: service.unready() == [f"shard {shard}: {said}" for shard in range(4)])
        await write_requests(cluster, 5, 10)
        await until(functools.partial(lag_is, service, 0, 5))
    for topic in ("results", "journal"):
        assert await cluster.stable_end(topic) == await cluster.log_end(topic), topic
    assert await result_ids(cluster) == [f"r{number}" for number in range(5)]


async def test_the_lag_of_a_stopped_shard_is_told_and_grows(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    await write_requests(cluster, 0, 10)
    async with running(cluster.settings()) as service:
        await results_reach(cluster, 10)
        await until(functools.partial(lag_is, service, 0, 0))
    await write_requests(cluster, 10, 30)
    await cluster.admin.delete_records({TopicPartition(cluster.name("requests"), 0): RecordsToDelete(before_offset=20)})
    async with running(cluster.settings(), ready=False) as service:
        await until(lambda: "stopped" in service.shards.phases().get(0, ""))
        await until(functools.partial(lag_is, service, 0, 20))
        await write_requests(cluster, 30, 35)
        await until(functools.partial(lag_is, service, 0, 25))


async def test_the_lag_of_a_shard_whose_journal_cannot_be_read_is_what_the_group_says(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    await write_requests(cluster, 0, 10)
    async with running(cluster.settings()) as service:
        await results_reach(cluster, 10)
        assert await service.requests.confirmed(0)
    intruder = cluster.owner()
    await intruder.start()
    await intruder.send([Record(topic="journal", key=None, value=b"no journal record", headers=())])
    await intruder.commit()
    await write_requests(cluster, 10, 13)
    async with running(cluster.settings(), ready=False) as service:
        await until(lambda: "stopped" in service.shards.phases().get(0, ""))
        await until(functools.partial(lag_is, service, 0, 3))

"""Batches that come spoilt, once: what was fetched with them is neither lost nor passed over."""

import pytest

from scripts.local_kafka import LocalKafka
from tests.kafka.cluster import Cluster, until
from tests.kafka.proxy import FETCH, FrameProxy
from tests.kafka.running import ENTITIES, entity_record, request_record, results_reach, running, write_campaign

CONSUMERS = 2  # of a process: requests, and both broadcast topics


@pytest.mark.parametrize("spoilt", [0, 1])
async def test_what_comes_with_a_spoilt_batch_of_another_shard_is_decided(
    far: Cluster, proxied: tuple[FrameProxy, LocalKafka], spoilt: int
) -> None:
    """One answer of the broker's has requests of both shards."""
    proxy, _ = proxied
    await far.create(shards=2)
    await write_campaign(far)
    asked = [[f"r{number}" for number in range(100 * shard, 100 * shard + 20)] for shard in (0, 1)]
    async with running(far.settings()):
        proxy.hold_requests(FETCH, count=100)
        await until(lambda: proxy.held(FETCH) >= CONSUMERS)
        for shard in (0, 1):
            records = [request_record(number) for number in range(100 * shard, 100 * shard + 20)]
            await far.write("requests", records, shard)
        proxy.spoil(f'"id":"r{100 * spoilt + 15}","imp"'.encode())  # of the request: its result has the id, too
        proxy.release(FETCH)
        assert [await results_reach(far, 20, shard) for shard in (0, 1)] == asked
    assert not proxy.spoils()


async def test_updates_before_a_spoilt_batch_are_taken_in(far: Cluster, proxied: tuple[FrameProxy, LocalKafka]) -> None:
    proxy, _ = proxied
    await far.create()
    for entity in ENTITIES:  # a batch each
        await far.write("campaign-updates", [entity_record(entity)])
    proxy.spoil(b'"id":"ad1"')
    async with running(far.settings()) as service:
        await far.write("requests", [request_record(0)])
        await results_reach(far, 1)
        world = service.broadcast.world
    assert not proxy.spoils()
    assert world is not None
    assert world.catalog.ads == 1
    [result] = await far.values("results")
    assert b'"seatbid"' in result

"""The engine as a whole on real Kafka: what goes in, what comes out, exactly once, and how it ends."""

import orjson

from tests.kafka.cluster import Cluster
from tests.kafka.running import request_record, results_reach, running, write_campaign


async def test_requests_come_back_as_results_impressions_and_costs(cluster: Cluster) -> None:
    await cluster.create(shards=2)
    await write_campaign(cluster)
    for shard in range(2):
        await cluster.write("requests", [request_record(number) for number in range(50)], shard)
    async with running(cluster.settings()):
        for shard in range(2):
            assert await results_reach(cluster, 50, shard) == [f"r{number}" for number in range(50)]
    results = [orjson.loads(value) for value in await cluster.values("results")]
    assert results[0]["seatbid"][0]["bid"][0]["adid"] == "ad1"
    assert len(await cluster.values("impressions")) == len(await cluster.values("costs")) == 50

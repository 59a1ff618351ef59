"""The floor under the pipeline's benchmark: what decides nothing writes as much as what does, exactly once, in order."""

import orjson

from scripts.bench_cluster import is_ready, process_of
from tests.kafka.cluster import Cluster
from tests.kafka.running import request_record, results_reach


async def test_every_request_with_an_id_gets_the_records_of_a_decision_under_its_own_id(cluster: Cluster) -> None:
    await cluster.create(shards=2)
    async with process_of("bench_undecided", cluster.bootstrap, cluster.prefix, 2) as process:
        assert await is_ready(process)
        await cluster.write("requests", [request_record(0), (b"u1", b"no id"), request_record(1)])
        await cluster.write("requests", [request_record(2)], partition=1)
        shown_by_all = 0
        for shard, wanted in enumerate((["undecided-0-0", "undecided-0-2"], ["undecided-1-0"])):
            await results_reach(cluster, len(wanted), shard)
            results = [orjson.loads(value) for value in await cluster.values("results", shard)]
            assert [result["bidid"] for result in results] == wanted
            bids = [bid["id"] for result in results for seat in result.get("seatbid", ()) for bid in seat["bid"]]
            shown = [orjson.loads(value) for value in await cluster.values("impressions", shard)]
            assert bids == [one["impression_id"] for one in shown]
            assert {one["decision_id"] for one in shown} <= set(wanted)
            assert await cluster.values("journal", shard)
            shown_by_all += len(shown)
        assert shown_by_all > 0

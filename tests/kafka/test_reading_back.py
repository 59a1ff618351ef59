"""``adjudge audit`` and ``adjudge why`` on real topics: what the engine wrote, and what somebody else did to it."""

import orjson
from aiokafka import TopicPartition
from aiokafka.admin.records_to_delete import RecordsToDelete
from rich.console import Console

from consumers.connection import client_arguments
from scripts.command_audit import read_and_audit
from scripts.command_why import find_out
from scripts.topic_reading import TopicReading
from tests.builders import ad, line_item
from tests.kafka.cluster import Cluster
from tests.kafka.running import request_record, results_reach, running, write_campaign

SILENT = Console(quiet=True)


async def _decided(cluster: Cluster, requests: int) -> None:
    """Some requests decided by a service that has ended."""
    await cluster.create(shards=1)
    await write_campaign(cluster)
    async with running(cluster.settings()):
        await cluster.write("requests", [request_record(number) for number in range(requests)])
        await cluster.write("requests", [(b"u1", b"not a request")])
        await results_reach(cluster, requests)


async def test_what_the_engine_wrote_passes_the_audit(cluster: Cluster) -> None:
    await _decided(cluster, 30)
    audited = await read_and_audit(client_arguments(cluster.settings()), cluster.prefix)
    assert audited.violations == ()
    assert audited.totals.results == audited.totals.requests == 30
    assert audited.totals.impressions == audited.totals.costs > 0
    assert audited.cuts[0] is not None


async def test_a_result_written_by_somebody_else_is_found_by_its_offset(cluster: Cluster) -> None:
    await _decided(cluster, 5)
    forged = await cluster.read("results")
    await cluster.write("results", [(b"u1", forged[0].value)])
    forged_offset = (await cluster.read("results"))[-1].offset
    audited = await read_and_audit(client_arguments(cluster.settings()), cluster.prefix)
    assert [(each.rule, each.topic, each.offset) for each in audited.violations] == [
        ("order", "results", forged_offset)
    ]


async def test_requests_that_are_gone_undecided_are_found(cluster: Cluster) -> None:
    await _decided(cluster, 5)
    await cluster.write("requests", [request_record(number) for number in range(5, 10)])
    place = TopicPartition(cluster.name("requests"), 0)
    await cluster.admin.delete_records({place: RecordsToDelete(before_offset=9)})
    audited = await read_and_audit(client_arguments(cluster.settings()), cluster.prefix)
    assert [str(each) for each in audited.violations] == [
        "requests[0]@6: lost: requests 6..8 were lost before they were decided"
    ]


async def test_why_tells_state_and_outcomes_of_a_line_item(cluster: Cluster) -> None:
    await _decided(cluster, 10)
    why = await find_out(cluster.settings(), "l1", 100, SILENT)
    assert why.state.verdict.startswith("can serve with 1 of 1 ads")
    assert why.outcomes["ad1"]["won"] >= 10
    assert why.outcomes["(any)"] == {"unreadable": 1}
    assert why.served == {"ad1": 10}
    last = await find_out(cluster.settings(), "l1", 1, SILENT)
    assert (last.requests, last.served) == (1, {"ad1": 1})
    paused = {"kind": "ad", "id": "ad1", "version": 2, "line_item_id": "l1", "creative_id": "cr1", "status": "paused"}
    await cluster.write("campaign-updates", [(b"ad/ad1", orjson.dumps(paused))])
    why = await find_out(cluster.settings(), "l1", 100, SILENT)
    assert why.state.verdict == "cannot serve: status_inactive"
    assert set(why.outcomes["ad1"]) == {"status_inactive"}
    aimed = line_item(targeting={"adjudge.community": {"$inGroup": "growers"}}, version=2)
    await cluster.write("campaign-updates", [(b"line_item/l1", orjson.dumps(aimed)), (b"ad/ad1", orjson.dumps(ad()))])
    why = await find_out(cluster.settings(), "l1", 100, SILENT)
    assert set(why.outcomes["ad1"]) == {"targeting"}
    told = why.as_json()["refused_by_targeting"]
    assert told["requests"] == told["away"]["1"] == why.outcomes["ad1"]["targeting"] >= 10
    assert [one["condition"] for one in told["conditions"]] == ['{"adjudge.community": {"$inGroup": "growers"}}']


async def test_reading_ends_where_the_topic_ended(cluster: Cluster) -> None:
    await cluster.create(shards=2)
    await cluster.write("requests", [request_record(number) for number in range(7)], partition=0)
    async with TopicReading(client_arguments(cluster.settings()), cluster.prefix, ("requests",)) as reading:
        await cluster.write("requests", [request_record(99)], partition=0)
        batches = [(partition, len(records)) async for _, partition, records in reading.batches()]
    assert sum(count for partition, count in batches if partition == 0) == 7
    assert sorted(partition for partition, count in batches if count == 0) == [0, 1]

"""``adjudge audit`` and ``adjudge why`` on real topics: what the engine wrote, and what somebody else did to it."""

import asyncio
from typing import Any

import msgspec
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import NewPartitions
from aiokafka.admin.records_to_delete import RecordsToDelete
from rich.console import Console
from rich.progress import Progress

from engine.audit import TOPICS
from engine.effects import Record
from schemas.dead_letters import DeadLetter
from schemas.events import Cost
from schemas.journal import Counts, Entry, Run, decode_journal
from schemas.wire import encode
from scripts import command_audit
from scripts.command_audit import read_and_audit
from scripts.command_why import find_out
from scripts.topic_reading import TopicReading
from tests.builders import ad, line_item
from tests.kafka.cluster import Cluster, until
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
    audited = await read_and_audit(cluster.settings())
    assert audited.violations == ()
    assert audited.totals.results == audited.totals.requests == 30
    assert audited.totals.impressions == audited.totals.costs > 0
    assert audited.cuts[0] is not None
    assert audited.whole_from == {0: 1}


async def test_an_audit_begins_again_behind_what_retention_removes_while_it_reads(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster.create(shards=1)
    await write_campaign(cluster)
    async with running(cluster.settings()):
        for decided in (2, 4, 6):  # those between are not read whole, as requests come before their results
            await cluster.write("requests", [request_record(number) for number in range(decided - 2, decided)])
            await results_reach(cluster, decided)
    where = TopicPartition(cluster.name("results"), 0)
    third = (await cluster.read("results"))[2].offset
    first_kept = AIOKafkaConsumer.beginning_offsets

    async def told_too_early(client: AIOKafkaConsumer, places: list[TopicPartition]) -> Any:
        told = await first_kept(client, places)
        await cluster.admin.delete_records({where: RecordsToDelete(before_offset=third)})
        return told

    monkeypatch.setattr(AIOKafkaConsumer, "beginning_offsets", told_too_early)
    monkeypatch.setattr(command_audit, "LEFT_OUT", (0,))
    audited = await read_and_audit(cluster.settings())
    assert audited.violations == ()
    assert (audited.totals.requests, audited.totals.results, audited.totals.costs) == (2, 2, 2)
    assert audited.whole_from[0] == audited.cuts[0]


async def test_a_result_written_by_somebody_else_is_found_by_its_offset(cluster: Cluster) -> None:
    await _decided(cluster, 5)
    forged = await cluster.read("results")
    await cluster.write("results", [(b"u1", forged[0].value)])
    forged_offset = (await cluster.read("results"))[-1].offset
    audited = await read_and_audit(cluster.settings())
    assert [(each.rule, each.topic, each.offset) for each in audited.violations] == [
        ("order", "results", forged_offset)
    ]


@pytest.mark.parametrize("gone", [("dead-letters",), ("results", "impressions", "costs"), ("requests",), ("journal",)])
async def test_what_retention_removed_of_one_topic_before_the_others_is_no_violation(
    cluster: Cluster, gone: tuple[str, ...]
) -> None:
    await cluster.create(shards=1)
    await write_campaign(cluster)
    await cluster.write("campaign-updates", [(b"ad/bad", b"not an ad")])
    async with running(cluster.settings()):
        for number in range(3):
            await cluster.write("requests", [request_record(number), (b"u1", b"not a request")])
            await results_reach(cluster, number + 1)
    for topic in gone:
        records = await cluster.read(topic)
        place = TopicPartition(cluster.name(topic), 0)
        await cluster.admin.delete_records({place: RecordsToDelete(before_offset=records[-1].offset)})
    audited = await read_and_audit(cluster.settings())
    assert audited.violations == ()
    assert audited.cuts[0] is not None
    assert audited.whole_from[0] is not None
    assert 1 < audited.whole_from[0] <= audited.cuts[0] + 1


async def test_an_audit_of_a_shard_that_is_far_behind_ends(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_audit, "BACKLOG_MAX", 10)
    monkeypatch.setattr(command_audit, "BACKLOG_LOW", 5)
    await cluster.create(shards=1)
    await cluster.write("requests", [request_record(number) for number in range(50)])
    audited = await read_and_audit(cluster.settings())
    assert (audited.violations, audited.cuts) == ((), {0: None})


async def test_requests_that_are_gone_undecided_are_found(cluster: Cluster) -> None:
    await _decided(cluster, 5)
    await cluster.write("requests", [request_record(number) for number in range(5, 10)])
    place = TopicPartition(cluster.name("requests"), 0)
    await cluster.admin.delete_records({place: RecordsToDelete(before_offset=9)})
    audited = await read_and_audit(cluster.settings())
    assert [str(each) for each in audited.violations] == [
        "requests[0]@6: lost: requests 6..8 were lost before they were decided"
    ]


class Watched(Progress):
    """Tells when an audit has asked how far it is to read."""

    def __init__(self) -> None:
        super().__init__(disable=True)
        self.begun = asyncio.Event()

    def reset(self, *told: Any, **more: Any) -> None:
        self.begun.set()
        super().reset(*told, **more)


async def test_an_audit_beside_a_running_engine_finds_nothing_in_what_is_committed_meanwhile(cluster: Cluster) -> None:
    await _decided(cluster, 5)
    last = decode_journal((await cluster.values("journal"))[-1])
    assert isinstance(last, Entry)
    engine = cluster.owner()
    await engine.start()
    await engine.send(_written_off(last, update=99, request=6))
    watched = Watched()

    async def commit() -> None:
        await watched.begun.wait()
        await engine.commit()

    committing = asyncio.create_task(commit())
    audited = await read_and_audit(cluster.settings(), watched)
    await committing
    assert audited.violations == ()
    assert audited.cuts == {0: last.sequence}


def _written_off(last: Entry, *, update: int, request: int) -> list[Record]:
    """The transaction of an entry that follows: a campaign update and a request are written off."""
    letters = [
        DeadLetter(reason="invalid_update", topic="campaign-updates", partition=0, offset=update, timestamp_ms=0),
        DeadLetter(reason="unreadable", topic="requests", partition=0, offset=request, timestamp_ms=0),
    ]
    entry = msgspec.structs.replace(
        last,
        sequence=last.sequence + 1,
        digest_before=last.digest_after,
        runs=tuple(Run(topic=each.topic, from_=each.offset, to=each.offset + 1) for each in letters),
        counts=Counts(dead_letters=2),
    )
    return [
        *(Record(topic="dead-letters", key=None, value=b"{", headers=letter.headers()) for letter in letters),
        Record(topic="journal", key=None, value=encode(entry), headers=()),
    ]


async def test_a_dead_letter_written_by_somebody_else_is_found(cluster: Cluster) -> None:
    await _decided(cluster, 1)
    forged = DeadLetter(reason="invalid_update", topic="campaign-updates", partition=0, offset=3, timestamp_ms=0)
    await cluster.write("dead-letters", [(None, b"{")], headers=forged.headers())
    offset = (await cluster.read("dead-letters"))[-1].offset
    audited = await read_and_audit(cluster.settings())
    assert [str(each) for each in audited.violations] == [
        f"dead-letters[0]@{offset}: dead_letter: no entry wrote off campaign-updates at 3"
    ]


async def test_a_charge_for_a_request_that_nobody_decided_is_found(cluster: Cluster) -> None:
    await _decided(cluster, 1)
    charge = msgspec.json.decode((await cluster.values("costs"))[0], type=Cost)
    ahead = charge.decision_id.rpartition("-")[0] + "-99"
    await cluster.write("costs", [(b"u1", encode(msgspec.structs.replace(charge, decision_id=ahead)))])
    offset = (await cluster.read("costs"))[-1].offset
    audited = await read_and_audit(cluster.settings())
    assert [str(each) for each in audited.violations] == [f"costs[0]@{offset}: entry: no entry decided request 99"]


async def test_topics_that_were_widened_together_are_not_those_of_the_log(cluster: Cluster) -> None:
    await _decided(cluster, 1)
    await cluster.admin.create_partitions({cluster.name(topic): NewPartitions(2) for topic in TOPICS})

    async def widened() -> bool:
        described = await cluster.admin.describe_topics([cluster.name(topic) for topic in TOPICS])
        return all(len(topic["partitions"]) == 2 for topic in described)

    await until(widened)
    audited = await read_and_audit(cluster.settings())
    assert {(each.rule, each.partition, each.problem) for each in audited.violations} == {
        ("partitions", 0, "speaks of 1 partitions of requests, there are 2")
    }


@pytest.mark.parametrize(("recent", "looked_at"), [(12, 12), (20, 16)])
async def test_why_looks_at_the_last_requests_if_all_are_one_users(
    cluster: Cluster, recent: int, looked_at: int
) -> None:
    await cluster.create(shards=4)
    await write_campaign(cluster)
    await cluster.write("requests", [request_record(number) for number in range(16)])
    why = await find_out(cluster.settings(), "l1", recent, SILENT)
    assert why.requests == sum(why.outcomes["ad1"].values()) == looked_at


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
    async with TopicReading(cluster.settings(), ("requests",)) as reading:
        await cluster.write("requests", [request_record(99)], partition=0)
        batches = [(partition, len(records)) async for _, partition, records in reading.batches()]
    assert sum(count for partition, count in batches if partition == 0) == 7
    assert sorted(partition for partition, count in batches if count == 0) == [0, 1]
